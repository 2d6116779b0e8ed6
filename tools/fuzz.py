"""Spoil the files that people bring, one change at a time, and see that each is refused in words or read within bounds.

    python -m tools.fuzz --minutes 60 --seed 1 --keep DIR

A small area is written by hand: a grid of streets, cells, places, events, developments, an overlay, zones, an
operator's zones, rail, a feed, an extract, graphs of streets and a scenario. A file of it is spoilt (bytes, cells,
rows, columns, values, geometry, encoding) and read as a run reads it. An exception that is not of the project, a
message without the file's name, a value out of its bounds, NaN in the town, or more than SLOW_S is a defect; the input
and what happened are kept in DIR.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.areas.description import read_area, read_outside
from kera_mobility.areas.grid import GRID, NAMES, read_grid
from kera_mobility.areas.import_area import import_area
from kera_mobility.areas.osm_read import read_extract
from kera_mobility.areas.quality import open_km
from kera_mobility.cache import CACHE_VARIABLE
from kera_mobility.dice import Dice
from kera_mobility.errors import KeraError
from kera_mobility.experiments.calibration.fit import BOARDINGS
from kera_mobility.experiments.calibration.travel_times import TRAVEL_TIMES, Measured
from kera_mobility.services.scooter.gbfs_zones import read_riding_zones
from kera_mobility.services.scooter.geofences import slowed_ways
from kera_mobility.services.transit.background_load import BACKGROUND, read_background
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.simulation.weather import DAYS, read_days
from kera_mobility.tables import Schema, Table, read_table
from kera_mobility.town.area_tables import AGE_COLUMNS, ATTRACTIONS, CELLS, EVENTS, OUTSIDE, PHASES
from kera_mobility.town.drawing import development_outlines, rail_lines
from kera_mobility.town.population.phases import closed_nodes, read_phase
from kera_mobility.town.population.population import PeopleSettings, populate
from kera_mobility.town.population.tours import draw_trips
from kera_mobility.town.streets.outside import with_outside
from kera_mobility.town.streets.overlays import with_overlays
from kera_mobility.town.streets.streets import MODE_BIT, ORIGINS, Streets
from kera_mobility.town.timetable.feeds import timetable_of

SLOW_S = 20.0
"""No small file may take longer, seconds of the processor."""
WEST, SOUTH, STEP = 24.74, 60.21, 0.002
"""Corner of the grid of streets, and its mesh, degrees."""
SIDE = 6
"""Nodes on a side of the grid."""
FAR = (24.94, 60.17)
"""The place beyond the map."""
NASTY = (
    "", " ", "nan", "NaN", "inf", "-inf", "-1", "-5000", "0", "0.5", "1e308", "1e400", "-1e308", "99999999999999999999",
    "1_000", "1,5", "1.234,5", "=1+1", "NA", "null", "None", "true", "x", "ä\u0000", "\u202e", '"', "'", "[]", "{}",
    "&a", "*a", "25:99", "24:00", "20250230", "٣", "60.2", "24.7", "a" * 3000, "\ufeff",
    "%s%n", "../../etc", "-0", "1e-320",
)  # fmt: skip
"""What a cell or a value may never be taken for, and what it may just be."""
Read = Callable[[Path], object]


@dataclass(frozen=True)
class Target:
    """A file of the small area, and how a run reads it."""

    name: str
    """Path below the area's folder."""
    read: Read
    """Reads the area in a folder; asserts that what came of it is within its bounds."""


# --- The small area ---------------------------------------------------------------------------------------------------


def grid() -> Streets:
    """Return a square grid of streets, its upper half planned, and one place beyond the map."""
    lonlat = np.array([(WEST + STEP * x, SOUTH + STEP * y) for y in range(SIDE) for x in range(SIDE)] + [FAR])
    pairs = [(node, node + 1) for node in range(SIDE * SIDE) if (node + 1) % SIDE]
    pairs += [(node, node + SIDE) for node in range(SIDE * (SIDE - 1))]
    both = np.array([*pairs, *((b, a) for a, b in pairs), (0, SIDE * SIDE), (SIDE * SIDE, 0)], dtype=np.int32)
    far, planned = (both == SIDE * SIDE).any(axis=1), (both >= SIDE * (SIDE - 1)).all(axis=1)
    origin = np.where(far, ORIGINS.index("outside"), np.where(planned, ORIGINS.index("planned"), 0))
    length_m = np.where(far, 12_000.0, 160.0)
    return Streets(
        node_lonlat=lonlat, node_xy_m=lonlat * 1e5, node_outside=np.arange(len(lonlat)) == SIDE * SIDE,
        edge_from=both[:, 0], edge_to=both[:, 1], edge_length_m=length_m, edge_drive_s=length_m / 10.0,
        edge_class=np.full(len(both), 2, dtype=np.uint8), edge_origin=origin.astype(np.uint8),
        edge_modes=np.where(far, MODE_BIT["cycle"] + MODE_BIT["drive"], sum(MODE_BIT.values())).astype(np.uint8),
        shape_start=np.arange(len(both) + 1, dtype=np.int32) * 2, shape_lonlat=lonlat[both.ravel()].astype(np.float32),
    )  # fmt: skip


def _square(x: float, y: float, width: float, **properties: Any) -> dict[str, Any]:
    """Return a polygon on the grid, in meshes."""
    west, south = WEST + STEP * x, SOUTH + STEP * y
    east, north = west + STEP * width, south + STEP * width
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def _collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def small_area(folder: Path) -> None:
    """Write the small area."""
    ages = (12, 12, 15, 16, 14, 12, 10, 6, 3)
    cells = [(f"c{y}{x}", WEST + STEP * x, SOUTH + STEP * y, 100, *ages, 0) for y in (1, 3) for x in (1, 3)]
    tables: dict[str, list[tuple[Any, ...]]] = {
        "cells.csv": [("cell", "lon", "lat", "residents", *AGE_COLUMNS, "imputed"), *cells],
        "attractions.csv": [
            ("place", "title", "lon", "lat", "radius_m", "residents", "jobs", "pupils", "students", "shops", "leisure"),
            ("mill", "The mill, old", WEST + STEP, SOUTH + STEP, 150, 0, 20, 100, 10, 3, 50),
            ("city", "The city", *FAR, 0, 9000, 9000, 0, 100, 5, 900),
        ],
        "outside.csv": [
            ("place", "title", "lon", "lat", "gateway_lon", "gateway_lat", "drive_km", "drive_min", "cycle_km"),
            ("city", "The city", *FAR, WEST, SOUTH, 12, 15, 12),
        ],
        "events.csv": [
            ("event", "title", "lon", "lat", "start", "end", "attendance", "comes"),
            ("fair", "A fair", WEST + STEP, SOUTH + STEP, "10:00", "16:00", 20, "any_time"),
        ],
        "phases.csv": [
            ("year", "quarter", "residents", "jobs", "overlay", "basis"),
            (2020, "West", 30, 20, "", "assumption"), (2020, "East", 0, 10, "", "assumption"),
            (2030, "East", 20, 5, "site", "assumption"),
        ],
        "background.csv": [
            ("origin", "origin_lon", "origin_lat", "destination", "destination_lon", "destination_lat", "type", "hour",
             "persons"),
            ("a", WEST, SOUTH, "b", WEST + STEP, SOUTH, 2, 7, 12.5),
            ("b", WEST + STEP, SOUTH, "a", WEST, SOUTH, 2, 8, 3),
        ],
        "days.csv": [
            ("day", "season", "temperature_c", "snow_cm_h", "slippery", "basis"),
            ("fair", "summer", 18.5, 0, "no", "assumption"), ("ice", "winter", -5, 2, "yes", "assumption"),
        ],
        "boardings.csv": [("station", "lon", "lat", "boardings_per_weekday", "year"),
                          ("Mill", WEST, SOUTH, 1472, 2016)],
        "grid.csv": [("lon", "lat", "residents", "jobs", "schools"),
                     (24.74, 60.211, 250, 100, 0), (24.75, 60.212, 90, 15, 1)],
        "times.csv": [
            ("cell", "lon", "lat", "car_midday_min", "car_rush_min", "transit_midday_min",
             "transit_midday_with_wait_min", "transit_rush_min", "transit_rush_with_wait_min"),
            (1, WEST, SOUTH, 33, 38, 58, 67, "", 61),
        ],
        "gtfs/day/agency.txt": [("agency_id", "agency_name", "agency_url", "agency_timezone"),
                                ("a", "A", "http://a.invalid", "Europe/Helsinki")],
        "gtfs/day/stops.txt": [("stop_id", "stop_name", "stop_lat", "stop_lon"), ("s", "Mill", SOUTH, WEST),
                               ("t", "End", SOUTH + STEP, WEST + STEP)],
        "gtfs/day/routes.txt": [("route_id", "agency_id", "route_short_name", "route_long_name", "route_type"),
                                ("r", "a", "R", "Rail", 2)],
        "gtfs/day/trips.txt": [("route_id", "service_id", "trip_id"), ("r", "w", "1"), ("r", "w", "2")],
        "gtfs/day/calendar.txt": [
            ("service_id", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "start_date",
             "end_date"),
            ("w", 1, 1, 1, 1, 1, 0, 0, 20250901, 20251231),
        ],
        "gtfs/day/stop_times.txt": [
            ("trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence"),
            ("1", "07:00:00", "07:00:00", "s", 1), ("1", "07:05:00", "07:05:00", "t", 2),
            ("2", "08:00:00", "08:00:00", "t", 1), ("2", "08:05:00", "08:05:00", "s", 2),
        ],
        "gtfs/day/frequencies.txt": [("trip_id", "start_time", "end_time", "headway_secs", "exact_times"),
                                     ("1", "07:00:00", "09:00:00", 600, 1)],
    }  # fmt: skip
    rule = {
        "ride_start_allowed": True,
        "ride_end_allowed": False,
        "ride_through_allowed": True,
        "maximum_speed_kph": 10,
    }
    gbfs = {
        "last_updated": "2025-09-01T00:00:00Z", "ttl": 0, "version": "3.0", "data": {
            "geofencing_zones": _collection(
                _square(0.5, 0.5, 2, name=[{"text": "Mill"}], start="2025-01-01T00:00:00Z", rules=[rule]),
                _square(1.5, 1.5, 2, rules=[{**rule, "vehicle_type_ids": ["step"], "station_parking": True}]),
            ),
            "global_rules": [{**rule, "ride_end_allowed": True}],
        },
    }  # fmt: skip
    line = {"type": "LineString", "coordinates": [[WEST, SOUTH], [WEST + STEP, SOUTH + STEP]]}
    documents: dict[str, Any] = {
        "developments.geojson": _collection(
            _square(-0.5, -0.5, 3, name="West", residents=300, jobs=100, basis="assumption"),
            _square(2.5, 2.5, 3, name="East", residents=100, jobs=50),
        ),
        "overlays/new.geojson": _collection(
            _square(-0.5, 3.5, 3, effect="open", name="North"), _square(1.2, 0.8, 0.6, effect="close", modes=["drive"]),
        ),
        "overlays/site.geojson": _collection(_square(3.2, 3.2, 1.5, effect="close")),
        "zones/riding.geojson": _collection(
            _square(0.2, 0.2, 2, rule="slow", speed_km_h=10, name="Mill", hours=["06:00", "22:00"], days=["mon"]),
            _square(2.2, 2.2, 1, rule="no_ride", season=["04-01", "10-31"]), _square(3.5, 3.5, 1, rule="no_park"),
        ),
        "geofencing_zones.json": gbfs,
        "rail.geojson": _collection({"type": "Feature", "properties": {"mode": "RAIL"}, "geometry": line}),
    }  # fmt: skip
    for name, rows in tables.items():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        _write(folder / name, text.getvalue().encode())
    for name, content in documents.items():
        _write(folder / name, json.dumps(content, indent=1).encode())
    _write(folder / "area.yaml", _AREA.encode())
    _write(folder / "scenario.yaml", _SCENARIO.encode())
    _write(folder / "extract.osm", _extract().encode())


_AREA = f"""\
name: small
title: "A grid, small"
projection: EPSG:3067
bbox: {{ west: {WEST - 0.01}, south: {SOUTH - 0.01}, east: {WEST + 0.05}, north: {SOUTH + 0.05} }}
centre: {{ name: mill, lon: {WEST + STEP}, lat: {SOUTH + STEP} }}
attribution: "drawn by hand"
sources:
  - {{ what: streets, who: nobody, licence: "CC0" }}
"""
_SCENARIO = """\
extends: configs/checks/today.yaml
title: "Small"
town:
  people: { residents: 30, jobs: 10, neighbours_within_m: 300 }
weather: { table: configs/weather/days.csv, days: [autumn, winter_snow] }
services:
  scooter:
    kind: scooter
    fleet: 5
    zones: [riding]
    hubs:
      - { name: mill, lon: 24.756, lat: 60.2166, capacity: 5 }
disturbances:
  - { kind: heavy_snow, start_s: 30000, end_s: 40000, title: "Snow" }
"""


def _extract() -> str:
    nodes = [f'<node id="{1 + x + SIDE * y}" lat="{SOUTH + STEP * y:.4f}" lon="{WEST + STEP * x:.4f}"/>'
             for y in range(SIDE) for x in range(SIDE)]  # fmt: skip
    ways = []
    for number in range(SIDE):
        rows = "".join(f'<nd ref="{1 + x + SIDE * number}"/>' for x in range(SIDE))
        columns = "".join(f'<nd ref="{1 + number + SIDE * y}"/>' for y in range(SIDE))
        ways += [
            f'<way id="{100 + number}">{rows}<tag k="highway" v="residential"/><tag k="maxspeed" v="30"/></way>',
            f'<way id="{200 + number}">{columns}<tag k="highway" v="footway"/><tag k="oneway" v="no"/></way>',
        ]
    return '<?xml version="1.0"?>\n<osm version="0.6">\n' + "\n".join([*nodes, *ways]) + "\n</osm>\n"


GRAPHS = GRAPHML, GEOPACKAGE, PBF = "streets.graphml", "streets.gpkg", "extract.osm.pbf"
"""Files of streets that other tools write."""


def write_graphs(folder: Path) -> None:
    """Write the streets of the small area as OSMnx and osmium write them."""
    import networkx as nx
    import osmnx as ox
    from shapely.geometry import LineString

    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="epsg:4326", simplified=True)
    places = {x + SIDE * y: (WEST + STEP * x, SOUTH + STEP * y) for y in range(SIDE) for x in range(SIDE)}
    for node, (lon, lat) in places.items():
        graph.add_node(node, x=lon, y=lat, street_count=4)
    pairs = [(node, node + 1) for node in places if (node + 1) % SIDE] + [
        (u, u + SIDE) for u in places if u + SIDE in places
    ]
    for way, (u, v) in enumerate(pairs):
        length_m = float(ox.distance.great_circle(places[u][1], places[u][0], places[v][1], places[v][0]))
        tags: dict[str, Any] = {
            "osmid": way, "highway": "residential" if way % 3 else ["footway", "path"], "maxspeed": "30",
            "oneway": way % 7 == 0, "length": length_m,
        }  # fmt: skip
        graph.add_edge(u, v, **tags, reversed=False, geometry=LineString([places[u], places[v]]))
        if way % 7:
            graph.add_edge(v, u, **tags, reversed=True, geometry=LineString([places[v], places[u]]))
    ox.save_graphml(graph, folder / GRAPHML)
    ox.save_graph_geopackage(graph, folder / GEOPACKAGE)
    _write(folder / PBF, _as_pbf(_extract().encode()))


def _as_pbf(xml: bytes) -> bytes:
    """Return OpenStreetMap XML as PBF.

    Raises
    ------
    RuntimeError
        If osmium cannot read it.
    """
    import osmium

    with tempfile.TemporaryDirectory() as room:
        before, after = Path(room) / "a.osm", Path(room) / "a.osm.pbf"
        before.write_bytes(xml)
        with osmium.SimpleWriter(str(after)) as writer:
            for element in osmium.FileProcessor(str(before)):
                writer.add(element)
        return after.read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# --- How a run reads it, and what must hold then ----------------------------------------------------------------------


def check_table(table: Table, schema: Schema) -> None:
    """Assert that every value of a table is within the bounds of its column."""
    for column in schema.columns:
        values = table.columns[column.name]
        assert len(values) == len(table)
        for value in values:
            if value is None or (column.blank is not None and (value == column.blank or value != value)):
                assert value is not None or not column.required
            elif column.kind in ("number", "whole"):
                assert math.isfinite(value), (column.name, value)
                assert column.least <= value <= column.most, (column.name, value)
            elif column.kind == "time":
                assert 0 <= value <= 86_400, value
            elif column.kind == "text":
                assert value, column.name
                assert not column.allowed or value in column.allowed, value
    if schema.unique:
        keys = list(zip(*(table.columns[name] for name in schema.unique), strict=True))
        assert len(set(keys)) == len(keys)


def _table(name: str, schema: Schema, read: Read = lambda folder: None) -> Target:
    def read_both(folder: Path) -> None:
        check_table(read_table(folder / name, schema), schema)
        read(folder)

    return Target(name, read_both)


def _grid(folder: Path) -> None:
    for kind in NAMES:
        counts = read_grid(folder / "grid.csv", kind)
        assert np.isfinite(counts.lonlat).all()
        assert np.isfinite(counts.spacing_m)
        for values in (counts.count, counts.schools):
            assert np.isfinite(values).all()
            assert values.min() >= 0


def _town(folder: Path) -> None:
    """Read the people of the area and a day of theirs."""
    streets = with_outside(grid(), folder)
    _check_streets(streets)
    settings = PeopleSettings(residents=40, jobs=30, neighbours_within_m=300.0, events=("fair",))
    population = populate(settings, folder, streets, Dice.of(1))
    zones = population.zones
    for name, values in {"bands": zones.bands, "xy_m": zones.xy_m, **zones.weights}.items():
        assert np.isfinite(values).all(), name
        assert name == "xy_m" or values.min() >= 0, name
    assert zones.node_list.min() >= 0
    assert zones.node_list.max() < streets.nodes
    for part in fields(population.people):
        assert np.isfinite(getattr(population.people, part.name)).all(), part.name
    assert not len(population.people.age) or 0 <= population.people.age.min() <= population.people.age.max() <= 120
    trips = draw_trips(population, streets, settings, Dice.of(1, 0))
    assert np.isfinite(trips.depart_s).all()


def _phases(folder: Path) -> None:
    """Read who lives and works in each quarter, and put them where nothing is shut."""
    phase = read_phase(folder, "phases.csv", 2035)
    streets = with_overlays(with_outside(grid(), folder), folder, phase.overlays)
    closed = closed_nodes(streets, folder, phase.overlays)
    population = populate(PeopleSettings(), folder, streets, Dice.of(1), phase, closed)
    assert not closed[population.zones.node_list].any()
    assert not closed[population.people.home].any()
    expected = sum(phase.table.columns["residents"][row] for row in phase.row_by_quarter.values())
    residents = np.count_nonzero(population.people.population == 0)
    assert residents + population.small_children[0] == expected


def _check_streets(streets: Streets) -> None:
    assert np.isfinite(streets.node_lonlat).all()
    assert np.isfinite(streets.edge_length_m).all()
    assert not np.isnan(streets.edge_drive_s).any()


def _overlays(folder: Path) -> None:
    _check_streets(with_overlays(grid(), folder, ["new"]))


def _zones(name: str) -> Read:
    def read(folder: Path) -> None:
        streets = grid()
        path = str(folder / name)
        zones = read_riding_zones(folder, path, streets, "step", date(2025, 9, 17))
        for zone in zones:
            assert zone.shape.geometry.is_valid
            assert not zone.shape.geometry.is_empty
            assert np.isfinite(np.concatenate(zone.rings)).all()
            assert zone.about.speed_km_h is None or 0 < zone.about.speed_km_h <= 25
            assert zone.about.window.spans(date(2025, 9, 17)) is not None
        if zones:
            for table in slowed_ways(streets, zones, 4.0):
                assert not np.isnan(table).any()
                assert table.min() >= 0

    return read


def _developments(folder: Path) -> None:
    _town(folder)
    for outline in development_outlines(folder):
        assert np.isfinite(outline["outline"]).all()


def _rail(folder: Path) -> None:
    for line in rail_lines(folder):
        assert np.isfinite(line).all()


def _area(folder: Path) -> None:
    area = read_area(folder)
    assert -180 <= area.bbox.west < area.bbox.east <= 180
    assert -90 <= area.bbox.south < area.bbox.north <= 90


def _feed(folder: Path) -> None:
    box = {"west": WEST - 0.01, "south": SOUTH - 0.01, "east": WEST + 0.05, "north": SOUTH + 0.05}
    timetable = timetable_of(folder, "day", {"bbox": box})
    times = np.stack([timetable.call_arrive_s, timetable.call_depart_s])
    assert np.isfinite(times).all()
    assert np.isfinite(timetable.stop_lonlat).all()
    assert (np.asarray(timetable.call_depart_s) >= np.asarray(timetable.call_arrive_s)).all()
    assert times.min() >= 0


def _outside(folder: Path) -> None:
    _town(folder)
    read_outside(folder)


def _streets(name: str) -> Target:
    """Return a file of streets: what is imported is sound, and its kilometres add up."""

    def read(folder: Path) -> None:
        out = folder.parent / "imported"
        shutil.rmtree(out, ignore_errors=True)
        made = import_area(read_extract(folder / name), out, None)
        _check_streets(made.streets)
        for mode, km in open_km(made.streets).items():
            assert 0.0 < km < 1e6, (mode, km)
            assert abs(made.kilometres.expected_m(mode) / 1000.0 - km) <= max(2e-3 * km, 0.02), mode

    return Target(name, read)


def targets() -> dict[str, Target]:
    """Return every file that is spoilt, by name."""
    feed = ("agency", "stops", "routes", "trips", "calendar", "stop_times", "frequencies")
    listed = (
        _table("cells.csv", CELLS, _town), _table("attractions.csv", ATTRACTIONS, _town),
        _table("outside.csv", OUTSIDE, _outside),
        _table("events.csv", EVENTS, _town), _table("phases.csv", PHASES, _phases),
        _table("background.csv", BACKGROUND, lambda folder: read_background(folder)),
        _table("days.csv", DAYS, lambda folder: read_days(str(folder / "days.csv"))),
        _table("boardings.csv", BOARDINGS), _table("grid.csv", GRID, _grid),
        _table("times.csv", TRAVEL_TIMES, lambda folder: Measured.read(folder / "times.csv")),
        Target("developments.geojson", _developments), Target("overlays/new.geojson", _overlays),
        Target("zones/riding.geojson", _zones("zones/riding.geojson")),
        Target("geofencing_zones.json", _zones("geofencing_zones.json")), Target("rail.geojson", _rail),
        Target("area.yaml", _area),
        Target("scenario.yaml", lambda folder: load_scenario(folder / "scenario.yaml")),
        *(Target(f"gtfs/day/{name}.txt", _feed) for name in feed),
        *map(_streets, ("extract.osm", *GRAPHS)),
    )  # fmt: skip
    return {target.name: target for target in listed}


# --- Spoiling ---------------------------------------------------------------------------------------------------------


def spoilt(content: bytes, name: str, rng: random.Random) -> bytes:
    """Return a file with one to three changes."""
    if name == PBF and rng.random() < 0.7:
        return _spoilt_inside(content, rng)
    if name in (PBF, GEOPACKAGE):
        change = _table_of_geopackage if name == GEOPACKAGE and rng.random() < 0.7 else _bytes
        return change(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kinds: list[Callable[[bytes, random.Random], bytes]] = [_bytes, _token, _token, _token, _lines, _encoding]
        if name.endswith((".csv", ".txt")):
            kinds += [_cells] * 6
        if name.endswith(("json",)):
            kinds += [_tree] * 6
        content = rng.choice(kinds)(content, rng)
    return content


def _bytes(content: bytes, rng: random.Random) -> bytes:
    changed, at = bytearray(content), rng.randrange(len(content) + 1)
    kind = rng.randrange(5)
    if kind == 0 and at < len(changed):
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del changed[at : at + rng.choice((1, 3, 30))]
    elif kind == 2:
        changed[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4))))
    elif kind == 3:
        changed[at:at] = changed[at : at + 40]
    else:
        del changed[at:]
    return bytes(changed)


def _token(content: bytes, rng: random.Random) -> bytes:
    """Put something nasty, or another value of the file, in the place of a value."""
    text = content.decode("utf-8", "replace")
    places = [match.span() for match in re.finditer(r"[^\s,;:\"'<>{}\[\]=/]+", text)]
    if not places:
        return content
    begin, end = rng.choice(places)
    other = text[slice(*rng.choice(places))] if rng.random() < 0.3 else rng.choice(NASTY)
    return (text[:begin] + other + text[end:]).encode("utf-8", "replace")


def _spoilt_inside(content: bytes, rng: random.Random) -> bytes:
    """Return a sound PBF file of an extract that is spoilt, or a spoilt file where osmium refuses the extract."""
    try:
        return _as_pbf(_token(_extract().encode(), rng))
    except Exception:  # osmium refuses it, with errors of its own
        return _bytes(content, rng)


def _table_of_geopackage(content: bytes, rng: random.Random) -> bytes:
    """Change some values, or lose a column, of a layer."""
    with tempfile.TemporaryDirectory() as room:
        file = Path(room) / "a.gpkg"
        file.write_bytes(content)
        table, layer = sqlite3.connect(file), rng.choice(("nodes", "edges"))
        for trigger in [row[0] for row in table.execute("select name from sqlite_master where type='trigger'")]:
            table.execute(f'drop trigger "{trigger}"')
        column = rng.choice([row[1] for row in table.execute(f"pragma table_info({layer})")])
        value = rng.choice((None, -1, 1e300, b"\x00\x01", *NASTY))
        with suppress(sqlite3.Error):  # some columns may not be lost
            if rng.random() < 0.3:
                table.execute(f'alter table {layer} drop column "{column}"')
            else:
                rows = rng.choice(("1", "rowid % 2 = 0", f"rowid = {rng.randrange(1, 40)}"))
                table.execute(f'update {layer} set "{column}" = ? where {rows}', [value])  # noqa: S608
        table.commit()
        table.close()
        return file.read_bytes()


def _lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at])
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind == 3:
        lines.insert(at, b"\n")
    else:
        lines = lines[:1]
    return b"".join(lines)


def _encoding(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    codecs = ("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "cp1252")
    if rng.random() < 0.3:
        return text.replace("\n", rng.choice(("\r\n", "\r", "\n\n"))).encode()
    return text.replace("A", "ä").encode(rng.choice(codecs), "replace")


def _cells(content: bytes, rng: random.Random) -> bytes:
    """Change a cell, a row, a column, the header or the separator of a table."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline="")))
    except csv.Error:
        return content
    if not rows or not max(len(row) for row in rows):
        return content
    width = max(len(row) for row in rows)
    row, column, other = rng.randrange(len(rows)), rng.randrange(width), rng.randrange(width)
    kind, delimiter = rng.randrange(8), ","
    if kind <= 2:
        if column < len(rows[row]):
            rows[row][column] = rng.choice(NASTY)
    elif kind == 3:
        rows = [[*line[:column], *line[column + 1 :]] for line in rows]
    elif kind == 4:
        rows = [[*line, *line[column : column + 1]] for line in rows]
    elif kind == 5:
        for line in rows[rng.randrange(2) :]:  # with the header, or without
            if max(column, other) < len(line):
                line[column], line[other] = line[other], line[column]
    elif kind == 6:
        rows = [line for number, line in enumerate(rows) if number != row]
    else:
        delimiter = rng.choice((";", "\t", "|"))
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _tree(content: bytes, rng: random.Random) -> bytes:
    """Change a value anywhere in a JSON document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    places = list(_places(document))
    if not places:
        return content
    parent, key = rng.choice(places)
    value, kind = parent[key], rng.randrange(8)
    if kind == 0:
        parent[key] = rng.choice((None, True, "", "x", -1, 0, 1e308, float("nan"), float("inf"), [], {}, [[]], 10**30))
    elif kind == 1:
        del parent[key]
    elif kind == 2 and isinstance(parent, list):
        parent.insert(key, value)
    elif kind == 3 and isinstance(value, list):
        value.reverse()
    elif kind == 4 and isinstance(value, list):
        del value[rng.randrange(len(value) + 1) :]
    elif kind == 5:
        parent[key] = [value]
    elif kind == 6 and isinstance(value, int | float):
        parent[key] = value * rng.choice((-1, 10, 1e5, 1 + 1e-9))
    else:
        other, other_key = rng.choice(places)
        parent[key] = json.loads(json.dumps(other[other_key])) if _holds(other, other_key) else value
    return json.dumps(document).encode("utf-8", "replace")


def _holds(parent: Any, key: Any) -> bool:
    return key in parent if isinstance(parent, dict) else key < len(parent)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


# --- Judging ----------------------------------------------------------------------------------------------------------


def judged(target: Target, folder: Path) -> tuple[str, str]:
    """Return `accepted`, `refused` or `DEFECT`, and what happened; the folder holds the spoilt area."""
    begin_s = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            target.read(folder)
        outcome = ("accepted", "")
    except KeraError as error:
        message = str(error)
        named = not target.name.endswith((".csv", "json")) or Path(target.name).name in message
        plain = 0 < len(message) <= 12_000 and "Traceback" not in message
        outcome = ("refused", message) if named and plain else ("DEFECT", f"no clear message: {message}")
    except Exception:
        outcome = ("DEFECT", traceback.format_exc())
    took_s = time.process_time() - begin_s
    return ("DEFECT", f"took {took_s:.0f} s\n{outcome[1]}") if took_s > SLOW_S else outcome


def place_of(report: str) -> str:
    """Return what a defect is told apart by: the last line of the package in its traceback, and the type of error."""
    lines = re.findall(r'File ".*?/(kera_mobility/[^"]+|tools/[^"]+)", line (\d+)', report)
    last = report.strip().splitlines()[-1][:60] if report.strip() else ""
    return f"{':'.join(lines[-1])} {last.split(':')[0]}" if lines else last


def fuzz(names: list[str], seed: int, rounds: int | None, seconds: float, keep: Path | None) -> Counter[str]:
    """Spoil files in turn until the rounds or the seconds are over; return how often what happened.

    Counted by outcome and file, a defect as `DEFECT <file> <place>`: the first input of each place is kept.
    """
    counts: Counter[str] = Counter()
    chosen = [targets()[name] for name in names]
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = ""
    end = time.monotonic() + seconds
    try:
        with tempfile.TemporaryDirectory() as room:
            folder = Path(room) / "area"
            small_area(folder)
            if set(names) & set(GRAPHS):
                write_graphs(folder)
            original = {target.name: (folder / target.name).read_bytes() for target in chosen}
            number = 0
            while time.monotonic() < end and (rounds is None or number < rounds * len(chosen)):
                target = chosen[number % len(chosen)]
                content = spoilt(original[target.name], target.name, random.Random(f"{seed} {target.name} {number}"))  # noqa: S311
                (folder / target.name).write_bytes(content)
                outcome, report = judged(target, folder)
                (folder / target.name).write_bytes(original[target.name])
                label = (
                    f"DEFECT {target.name} {place_of(report)}" if outcome == "DEFECT" else f"{outcome} {target.name}"
                )
                counts[label] += 1
                if outcome == "DEFECT" and counts[label] == 1 and keep:
                    place = keep / f"{seed}-{number}-{Path(target.name).name}"
                    _write(place, content)
                    _write(place.with_name(place.name + ".report"), report.encode())
                number += 1
    finally:
        if before is None:
            del os.environ[CACHE_VARIABLE]
        else:
            os.environ[CACHE_VARIABLE] = before
    return counts


def main() -> int:
    """Fuzz for some minutes and print what happened; 1 if there was a defect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("results/fuzz"))
    parser.add_argument("--only", action="append", choices=sorted(targets()), help="a file; may repeat")
    options = parser.parse_args()
    begin, total = time.monotonic(), Counter[str]()
    rest_s, slice_seed = options.minutes * 60.0, options.seed
    while rest_s > 0.0:
        total += fuzz(options.only or list(targets()), slice_seed, None, min(rest_s, 300.0), options.keep)
        rest_s, slice_seed = options.minutes * 60.0 - (time.monotonic() - begin), slice_seed + 1
        defects = {label: count for label, count in total.items() if label.startswith("DEFECT")}
        print(
            f"{(time.monotonic() - begin) / 60:.0f} min: {total.total()} files, {len(defects)} places of defects",
            flush=True,
        )
    for label, count in sorted(total.items()):
        print(f"{count:8} {label}")
    return 1 if any(label.startswith("DEFECT") for label in total) else 0


if __name__ == "__main__":
    sys.exit(main())
