"""A district of 25 crossings as files: every kind of input that a run opens, and a scenario that opens them all."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from kera_mobility.town.population.land_use import AGE_COLUMNS
from kera_mobility.town.streets.streets import CLASSES, ORIGINS, Streets
from tests.kit.hamlet import LATITUDE, METRES_PER_DEGREE, scenario

SIDE = 5
STEP_M = 100.0
CITY = (24.9, 60.05)
"""A place beyond the map."""


def write_district(folder: Path, name: str = "village") -> Path:
    """Write an area `village/` with all its files, `days.csv`, `base.yaml` and `day.yaml`; return `day.yaml`."""
    area = folder / name
    district_streets().save(area / "streets")
    _write_area(area)
    _write_people(area)
    _write_feed(area / "gtfs" / "trains")
    _write_shapes(area)
    days = [("mild", "autumn", 9, 0, "no", "assumption"), ("icy", "winter", -5, 0, "yes", "assumption")]
    _write_rows(folder / "days.csv", "day,season,temperature_c,snow_cm_h,slippery,basis", days)
    return _write_scenario(folder, area)


def corner(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place on the grid, in steps."""
    return 25.0 + x * STEP_M / METRES_PER_DEGREE, LATITUDE + y * STEP_M / 111_320.0


def district_streets(side: int = SIDE, step_m: float = STEP_M) -> Streets:
    """Return a grid of streets, and one long way to a place beyond the map, the last node."""
    grid = [(x, y) for y in range(side) for x in range(side)]
    pairs = [(a, b) for a, (x, y) in enumerate(grid) for b, (u, v) in enumerate(grid) if abs(x - u) + abs(y - v) == 1]
    city, gate = len(grid), side * side - 1
    edges = [(a, b, step_m, step_m / 8.0, 7) for a, b in pairs]
    for a, b in ((gate, city), (city, gate)):
        edges += [(a, b, 9000.0, 600.0, 4), (a, b, 9500.0, np.inf, 2)]
    begin, end, length_m, drive_s, modes = (np.array(column) for column in zip(*edges, strict=True))
    scale = step_m / STEP_M
    lonlat = np.array([*(corner(x * scale, y * scale) for x, y in grid), CITY])
    outside = begin >= city
    outside |= end >= city
    return Streets(
        node_lonlat=lonlat,
        node_xy_m=np.array([*((x * step_m, y * step_m) for x, y in grid), (-5500.0, 5600.0)]),
        node_outside=np.arange(city + 1) == city,
        edge_from=begin.astype(np.int32),
        edge_to=end.astype(np.int32),
        edge_length_m=length_m,
        edge_drive_s=drive_s,
        edge_class=np.where(outside, CLASSES.index("outside"), CLASSES.index("local")).astype(np.uint8),
        edge_origin=np.where(outside, ORIGINS.index("outside"), ORIGINS.index("inferred")).astype(np.uint8),
        edge_modes=modes.astype(np.uint8),
        shape_start=np.arange(len(edges) + 1, dtype=np.int32) * 2,
        shape_lonlat=lonlat[np.column_stack([begin, end]).ravel()].astype(np.float32),
    )


def _write_area(area: Path) -> None:
    west, south = corner(-1, -1)
    east, north = corner(SIDE, SIDE)
    lon, lat = corner(2, 2)
    (area / "area.yaml").write_text(
        f"name: {area.name}\ntitle: The village\nprojection: EPSG:3067\nattribution: drawn by hand\nsources: []\n"
        f"bbox: {{ west: {west}, south: {south}, east: {east}, north: {north} }}\n"
        f"centre: {{ name: middle, lon: {lon}, lat: {lat} }}\n"
    )


def _write_people(area: Path) -> None:
    bands = dict(zip(AGE_COLUMNS, (12, 12, 15, 16, 14, 12, 10, 6, 3), strict=True))
    cells = [(1, *corner(1, 3), 100, *bands.values(), 0), (2, *corner(3, 3), 100, *bands.values(), 0)]
    _write_rows(area / "cells.csv", f"cell,lon,lat,residents,{','.join(bands)},imputed", cells)
    places = [
        ("school", "School", *corner(0, 4), 150, 0, 20, 100, 0, 3, 50, "assumption"),
        ("city", "City", *CITY, 0, 9000, 9000, 0, 100, 5, 900, "assumption"),
    ]
    columns = "place,title,lon,lat,radius_m,residents,jobs,pupils,students,shops,leisure,basis"
    _write_rows(area / "attractions.csv", columns, places)
    columns = "place,title,lon,lat,gateway_lon,gateway_lat,drive_km,drive_min,cycle_km,source"
    outside = [("city", "City", *CITY, *corner(4, 4), 9.0, 10.0, 9.5, "assumption")]
    _write_rows(area / "outside.csv", columns, outside)
    events = [("fair", "A fair", *corner(2, 1), "15:00", "20:00", 30, "any_time", "assumption")]
    _write_rows(area / "events.csv", "event,title,lon,lat,start,end,attendance,comes,basis", events)
    columns = "origin,origin_lon,origin_lat,destination,destination_lon,destination_lat,type,hour,persons"
    riders = [("Village", *corner(4, 4), "City", *CITY, 2, hour, 40) for hour in range(7, 19)]
    _write_rows(area / "background.csv", columns, riders)


def _write_feed(feed: Path) -> None:
    feed.mkdir(parents=True)
    stops = [("village", "Village", *corner(4, 4)[::-1]), ("city", "City", *CITY[::-1])]
    _write_rows(feed / "stops.txt", "stop_id,stop_name,stop_lat,stop_lon", stops)
    agency = "agency_id,agency_name,agency_url,agency_timezone"
    _write_rows(feed / "agency.txt", agency, [("a", "Line", "https://example.org", "Europe/Helsinki")])
    columns = "route_id,agency_id,route_short_name,route_long_name,route_type"
    _write_rows(feed / "routes.txt", columns, [("t", "a", "T", "Train", 2)])
    days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
    _write_rows(
        feed / "calendar.txt", f"service_id,{days},start_date,end_date", [("w", *[1] * 5, 0, 0, "20250106", "20250110")]
    )
    trips, calls = [], []
    for quarter in range(64):
        for way, ends in enumerate((("village", "city"), ("city", "village"))):
            trip, start_s = f"{way}-{quarter}", 21_600 + 900 * quarter + 300 * way
            trips.append(("t", "w", trip, way))
            calls += [
                (trip, _clock(start_s + 600 * call), _clock(start_s + 600 * call), stop, call + 1)
                for call, stop in enumerate(ends)
            ]
    _write_rows(feed / "trips.txt", "route_id,service_id,trip_id,direction_id", trips)
    _write_rows(feed / "stop_times.txt", "trip_id,arrival_time,departure_time,stop_id,stop_sequence", calls)


def _write_shapes(area: Path) -> None:
    for file in ("zones/zones.geojson", "overlays/works.geojson"):
        (area / file).parent.mkdir()
    homes = {"name": "Homes", "residents": 80, "jobs": 30, "basis": "assumption"}
    _write_features(area / "developments.geojson", [(homes, _square(-0.3, -0.3, 4.3, 1.3))])
    slow = {"rule": "slow", "speed_km_h": 8, "name": "yard", "basis": "assumption"}
    _write_features(area / "zones" / "zones.geojson", [(slow, _square(-0.3, 1.7, 2.3, 2.3))])
    shut = {"effect": "close", "modes": ["drive"], "name": "works"}
    _write_features(area / "overlays" / "works.geojson", [(shut, _square(0.2, 2.8, 0.8, 3.2))])
    track = {"type": "LineString", "coordinates": [corner(4, 4), CITY]}
    _write_features(area / "rail.geojson", [({}, track)])


def _write_scenario(folder: Path, area: Path) -> Path:
    (lon, lat), (station_lon, station_lat) = corner(2, 2), corner(4, 4)
    hubs = [
        {"name": "Middle", "lon": lon, "lat": lat, "capacity": 6},
        {"name": "Station", "lon": station_lon, "lat": station_lat, "capacity": 6},
    ]
    ways: dict[str, Mapping[str, Any]] = {
        "walk": {}, "bicycle": {}, "car": {}, "car_passenger": {}, "rail": {"background": {"on": True}},
        "scooter": {"fleet": 6, "hubs": hubs, "zones": ["zones"]},
    }  # fmt: skip
    people = {"residents": 40, "jobs": 20, "neighbours_within_m": 150.0, "events": ["fair"]}
    town = {"people": people, "overlays": ["works"]}
    effects = {
        "icy": {"keys": ["walk_speed_m_s"], "by": "slippery", "times": [[0, 1], [1, 0.8]], "range": [0.7, 1],
                "source": "assumption"},
    }  # fmt: skip
    weather = {"table": str(folder / "days.csv"), "days": ["icy"], "effects": effects}
    whole = scenario(
        ways, area=str(area), town=town, weather=weather, choice={"constants": {"scooter": 3.0}}, name="day"
    )
    content = whole.model_dump(mode="json", exclude_defaults=True)
    kinds = {name: {"kind": settings.kind, **content["services"][name]} for name, settings in whole.services.items()}  # type: ignore[attr-defined]
    with (folder / "base.yaml").open("w") as file:
        YAML(typ="safe").dump({**content, "services": kinds}, file)
    (folder / "day.yaml").write_text("extends: base.yaml\ntitle: A day in the village\n")
    return folder / "day.yaml"


def _square(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [[corner(x, y) for x, y in corners]]}


def _write_features(file: Path, features: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    listed = [{"type": "Feature", "properties": about, "geometry": shape} for about, shape in features]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": listed}))


def _write_rows(file: Path, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns.split(","))
        writer.writerows(rows)


def _clock(time_s: int) -> str:
    return f"{time_s // 3600:02d}:{time_s // 60 % 60:02d}:{time_s % 60:02d}"
