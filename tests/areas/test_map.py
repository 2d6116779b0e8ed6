"""The street map: what is committed holds together, and the builder makes it again from raw data."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import osmnx
import pytest
import shapely
from ruamel.yaml import YAML
from typer.testing import CliRunner

from kera_mobility.areas.pieces import REAL_ORIGINS, Piece, cut_at_meetings
from kera_mobility.areas.quality import circuity, parts, reached, survey, walk_km_per_km2
from kera_mobility.cli import network as network_command
from kera_mobility.config.resources import find, shipped_folder
from kera_mobility.errors import ConfigError, DataError, MissingExtraError, MissingFileError, NetworkError
from kera_mobility.town.streets.outside import with_outside
from kera_mobility.town.streets.overlays import with_overlays
from kera_mobility.town.streets.skims import compute_skims
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, MODES, ORIGINS, Streets
from tools.infer_streets.__main__ import command as infer_streets
from tools.infer_streets.build import build
from tools.infer_streets.curves import smooth, with_bends
from tools.infer_streets.inputs import read_build
from tools.infer_streets.links import Rule, join, with_calm_streets
from tools.infer_streets.sites import aligned, lattice, parts_of, ways_beside
from tools.infer_streets.sources import CROSSING_TOLERANCE_M

AREAS = ["kera"]
RAW_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "kera"
INPUTS = ("area.yaml", "build.yaml", "outside.csv", "developments.geojson")


@pytest.fixture(scope="module", params=AREAS)
def folder(request: pytest.FixtureRequest) -> Path:
    return find(request.param, "networks")


@pytest.fixture(scope="module")
def streets(folder: Path) -> Streets:
    return Streets.load(folder / "streets")


def lines_of(streets: Streets) -> list[tuple[int, shapely.LineString]]:
    start, points = streets.shape_start, np.asarray(streets.shape_lonlat, dtype=np.float64)
    chosen = np.flatnonzero(streets.edge_origin != ORIGINS.index("outside"))
    return [(int(edge), shapely.LineString(points[start[edge] : start[edge + 1]])) for edge in chosen]


# --- The committed map ---------------------------------------------------------------------------------------------


def test_the_arrays_have_the_shapes_that_the_contract_promises(streets: Streets) -> None:
    nodes, edges = streets.nodes, len(streets.edge_from)
    assert 1500 <= nodes < 3000
    assert streets.node_xy_m.shape == (nodes, 2)
    assert streets.node_outside.shape == (nodes,)
    for name in ("edge_to", "edge_length_m", "edge_drive_s", "edge_class", "edge_origin", "edge_modes"):
        assert getattr(streets, name).shape == (edges,), name
    assert streets.shape_start.shape == (edges + 1,)
    assert streets.shape_start[-1] == len(streets.shape_lonlat)
    assert min(streets.edge_from.min(), streets.edge_to.min()) == 0
    assert max(streets.edge_from.max(), streets.edge_to.max()) == nodes - 1


def test_lengths_and_times_are_whole_steps(streets: Streets) -> None:
    assert (streets.edge_length_m > 0).all()
    assert (streets.edge_length_m * 8 == np.round(streets.edge_length_m * 8)).all()
    drives = (streets.edge_modes & MODE_BIT["drive"]) > 0
    assert np.array_equal(np.isfinite(streets.edge_drive_s), drives)
    assert (streets.edge_drive_s[drives] * 64 == np.round(streets.edge_drive_s[drives] * 64)).all()


def test_the_map_looks_like_a_finnish_suburb(streets: Streets, folder: Path) -> None:
    found = survey(with_overlays(streets, folder, ()))
    assert 2.6 <= found.walk_degree <= 3.2
    low, middle, high = found.circuity_by_mode["walk"]
    assert 1.05 <= low <= middle <= 1.4
    assert high < 1.6
    homes = np.loadtxt(folder / "cells.csv", delimiter=",", skiprows=1, usecols=(1, 2))
    assert 15.0 <= walk_km_per_km2(streets, homes) <= 25.0


def test_no_street_crosses_another_without_a_junction(streets: Streets) -> None:
    once = [(edge, line) for edge, line in lines_of(streets) if streets.edge_from[edge] < streets.edge_to[edge]]
    lines = [shapely.transform(line, lambda points: points * [0.4968, 1.0] * np.float64(111_195.0)) for _, line in once]
    tree = shapely.STRtree(lines)
    real = np.isin(streets.edge_origin, [ORIGINS.index(name) for name in REAL_ORIGINS])
    crossings = []
    for first, second in tree.query(lines, predicate="crosses").T.tolist():
        a, b = once[first][0], once[second][0]
        if first >= second or (real[a] and real[b]):  # two real ways may be a bridge
            continue
        ends = shapely.points(np.vstack([shapely.get_coordinates(lines[k])[[0, -1]] for k in (first, second)]))
        for meeting in shapely.points(shapely.get_coordinates(lines[first].intersection(lines[second]))):
            if shapely.distance(ends, meeting).min() > 1.5:  # float32 of degrees is good to a metre
                crossings.append((a, b, meeting))
    assert crossings == []


def test_each_edge_is_as_long_as_its_line_and_ends_at_its_nodes(streets: Streets) -> None:
    scale = np.array([np.cos(np.radians(streets.node_lonlat[0, 1])), 1.0]) * 111_195.0
    for edge, line in lines_of(streets):
        points = np.array(line.coords)
        nodes = streets.node_lonlat[[streets.edge_from[edge], streets.edge_to[edge]]]
        assert np.abs(points[[0, -1]] - nodes).max() < 1e-5
        along_m = np.hypot(*(np.diff(points, axis=0) * scale).T).sum()
        assert streets.edge_length_m[edge] == pytest.approx(along_m, rel=0.01, abs=1.0 * len(points))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_one_strongly_connected_network(streets: Streets, mode: str) -> None:
    assert parts(streets, mode) == 1


def test_every_node_of_the_map_is_reached_on_foot_and_by_bicycle(streets: Streets) -> None:
    assert reached(streets, "cycle").all()
    assert reached(streets, "walk")[~np.asarray(streets.node_outside)].all()


def test_ways_are_longer_than_straight_lines_but_not_absurd(streets: Streets) -> None:
    for mode in MODES:
        assert 1.1 <= np.median(circuity(streets, mode, 1000)) <= 1.45, mode


def test_every_edge_has_an_origin_and_a_class_and_all_origins_occur(streets: Streets) -> None:
    assert {ORIGINS[code] for code in np.unique(streets.edge_origin)} == set(ORIGINS) - {"osm"}
    assert set(np.unique(streets.edge_class)) == set(range(len(CLASSES)))
    assert (streets.edge_modes > 0).all()


def test_no_street_crosses_the_railway_but_at_the_listed_crossings(streets: Streets, folder: Path) -> None:
    features = json.loads((folder / "rail.geojson").read_text(encoding="utf-8"))["features"]
    rail = shapely.union_all(
        [shapely.LineString(one["geometry"]["coordinates"]) for one in features if one["properties"].get("mode")]
    )
    crossings = read_build(folder).crossings
    listed = np.array([(one.lon, one.lat) for one in crossings])
    scale = np.array([np.cos(np.radians(listed[0, 1])), 1.0]) * 111_195.0
    used = set()
    for edge, line in lines_of(streets):
        for place in shapely.get_coordinates(line.intersection(rail)):
            away_m = np.hypot(*((listed - place) * scale).T)
            assert away_m.min() <= CROSSING_TOLERANCE_M, f"edge {edge} crosses the railway at {place}"
            used.add(crossings[int(away_m.argmin())].name)
    assert used == {one.name for one in crossings}


def test_what_stands_today_is_whole_without_what_is_planned(streets: Streets) -> None:
    today = streets.edge_origin != ORIGINS.index("planned")
    kept = Streets(
        **{
            name: np.asarray(getattr(streets, name))[today] if name.startswith("edge_") else getattr(streets, name)
            for name in Streets.__dataclass_fields__
        }
    )
    for mode in MODES:
        assert parts(kept, mode) == 1, mode


def test_places_outside_are_last_and_reached_from_the_map_by_car_and_bicycle_only(
    streets: Streets, folder: Path
) -> None:
    rows = (folder / "outside.csv").read_text(encoding="utf-8").splitlines()[1:]
    outside = np.flatnonzero(streets.node_outside)
    assert outside.tolist() == list(range(streets.nodes - len(rows), streets.nodes))
    for node in outside:
        leaving = np.flatnonzero((streets.edge_from == node) & ~streets.node_outside[streets.edge_to])
        assert sorted(streets.edge_modes[leaving]) == [MODE_BIT["cycle"], MODE_BIT["drive"]]
    assert reached(streets, "drive")[outside].all()
    position = np.array([row.split(",")[2:4] for row in rows], dtype=np.float64)
    assert np.abs(streets.node_lonlat[outside] - position).max() < 1e-6


def test_the_arrays_agree_with_the_graph_that_osmnx_reads(streets: Streets, folder: Path) -> None:
    nodes = {"outside": lambda text: text == "True"}
    edges_of = {"osmid": str, "drive_s": float, "modes": int}
    graph = osmnx.load_graphml(folder / "streets.graphml", node_dtypes=nodes, edge_dtypes=edges_of)
    assert len(graph) == streets.nodes
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[:3])
    assert [edge[0] for edge in edges] == streets.edge_from.tolist()
    assert [edge[1] for edge in edges] == streets.edge_to.tolist()
    assert [edge[3]["length"] for edge in edges] == streets.edge_length_m.tolist()
    assert [edge[3]["drive_s"] for edge in edges] == streets.edge_drive_s.tolist()
    assert [edge[3]["modes"] for edge in edges] == streets.edge_modes.tolist()
    assert [edge[3]["origin"] for edge in edges] == [ORIGINS[origin] for origin in streets.edge_origin]
    assert [edge[3]["street_class"] for edge in edges] == [CLASSES[kind] for kind in streets.edge_class]


def test_each_file_of_the_map_has_its_provenance(folder: Path) -> None:
    entries = YAML(typ="safe").load((folder / "provenance.yaml").read_text(encoding="utf-8"))
    named = " ".join(entry["file"] for entry in entries)
    for file in ("streets.graphml", "streets/*.npy", "outside.csv", "rail.geojson", "developments.geojson"):
        assert file in named
    assert all(entry["licence"] and entry["source"] and entry["derived_how"] for entry in entries)


@pytest.mark.skipif(not RAW_FOLDER.is_dir(), reason="the raw data are not here: the committed map was not made again")
def test_the_committed_map_comes_from_the_raw_data_to_the_byte(tmp_path: Path) -> None:
    committed = find("kera", "networks")
    for name in INPUTS:
        shutil.copy(committed / name, tmp_path / name)
    build(tmp_path, RAW_FOLDER)
    for name in Streets.__dataclass_fields__:
        made, kept = (folder / "streets" / f"{name}.npy" for folder in (tmp_path, committed))
        assert made.read_bytes() == kept.read_bytes(), name
    for name in ("rail.geojson", "overlays/planned.geojson"):
        assert (tmp_path / name).read_bytes() == (committed / name).read_bytes(), name


# --- A small town made from raw data written here ------------------------------------------------------------------

AREA = """
name: hamlet
title: Hamlet
projection: EPSG:3067
bbox: { west: 25.00, south: 60.300, east: 25.03, north: 60.310 }
centre: { lon: 25.015, lat: 60.305 }
attribution: made up
"""
BUILD = """
files: { osm: part.osm, rail: rail.geojson, stops: stops.csv, residents: cells.csv, named_points: points.geojson }
crossings:
  - { name: station, lon: 25.010, lat: 60.305, way: new, basis: made up }
  - { name: bridge, lon: 25.020, lat: 60.305, way: street, basis: made up }
  - { name: later, lon: 25.025, lat: 60.305, way: new, class: local, origin: planned, basis: made up }
streets:
  - { name: Main, class: main, speed_km_h: 60, course: [[25.020, 60.301], [25.020, 60.309]] }
"""
OSM = """<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6">
  <node id="1" lat="60.302" lon="25.005"/><node id="2" lat="60.302" lon="25.008"/>
  <node id="3" lat="60.303" lon="25.008"/>
  <node id="4" lat="60.308" lon="25.005"/><node id="5" lat="60.308" lon="25.009"/>
  <node id="6" lat="60.307" lon="25.013"/><node id="7" lat="60.308" lon="25.013"/>
  <way id="11"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/></way>
  <way id="12"><nd ref="4"/><nd ref="5"/><tag k="highway" v="residential"/><tag k="oneway" v="yes"/></way>
  <way id="13"><nd ref="6"/><nd ref="7"/><tag k="highway" v="cycleway"/></way>
</osm>
"""
OUTSIDE = """place,title,lon,lat,gateway_lon,gateway_lat,drive_km,drive_min,cycle_km,source
city,City,25.10,60.30,25.020,60.301,5.0,6.0,4.5,made up
"""


def geojson(*features: tuple[dict[str, object], str, object]) -> str:
    rows = [
        {"type": "Feature", "properties": tags, "geometry": {"type": kind, "coordinates": coordinates}}
        for tags, kind, coordinates in features
    ]
    return json.dumps({"type": "FeatureCollection", "features": rows})


@pytest.fixture
def hamlet(tmp_path: Path) -> tuple[Path, Path]:
    area, raw = tmp_path / "area", tmp_path / "raw"
    area.mkdir()
    raw.mkdir()
    (area / "area.yaml").write_text(AREA)
    (area / "build.yaml").write_text(BUILD)
    (area / "outside.csv").write_text(OUTSIDE)
    ring = [[25.0215, 60.3055], [25.0285, 60.3055], [25.0285, 60.3085], [25.0215, 60.3085], [25.0215, 60.3055]]
    tags: dict[str, object] = {"name": "New", "residents": 100, "jobs": 10}
    (area / "developments.geojson").write_text(geojson((tags, "Polygon", [ring])))
    (raw / "part.osm").write_text(OSM)
    (raw / "rail.geojson").write_text(geojson(({"mode": "RAIL"}, "LineString", [[24.98, 60.305], [25.05, 60.305]])))
    station: dict[str, object] = {"kind": "rail_station", "name": "Hamlet"}
    (raw / "points.geojson").write_text(geojson((station, "Point", [25.010, 60.305])))
    (raw / "stops.csv").write_text("name,lon,lat\nA,25.0065,60.3021\nB,25.016,60.3035\n")
    cells = [f"{1000 * k % 333},{25.002 + 0.0045 * k},{lat}" for k in range(7) for lat in (60.3025, 60.3075)]
    (raw / "cells.csv").write_text("\n".join(["ASUKKAITA,lon,lat", *cells]))
    return area, raw


def test_a_hamlet_becomes_one_network_from_loose_pieces(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    streets = build(area, raw)
    test_lengths_and_times_are_whole_steps(streets)
    found = survey(streets, pairs=100)
    assert found.parts_by_mode == dict.fromkeys(MODES, 1)
    assert found.outside_places == 1
    assert all(found.km_by_origin[origin] > 0 for origin in ("osm-2017", "inferred", "planned"))
    assert found.km_by_class["main"] == pytest.approx(0.89, abs=0.1)


WITH_STATION = """place,title,lon,lat,gateway_lon,gateway_lat,drive_km,drive_min,cycle_km,station,walk_m
city,City,25.10,60.30,25.020,60.301,5.0,6.0,4.5,,
suburb,Suburb,25.11,60.31,25.020,60.301,6.0,7.0,5.5,city,800
"""


def test_a_place_beyond_the_map_is_walked_to_from_its_station(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    (area / "outside.csv").write_text(WITH_STATION)
    streets = build(area, raw)
    city, suburb = np.flatnonzero(streets.node_outside).tolist()
    between = np.flatnonzero((streets.edge_from == suburb) & (streets.edge_to == city))
    assert sorted(streets.edge_modes[between]) == sorted(MODE_BIT[mode] for mode in MODES)
    assert streets.edge_length_m[between].tolist() == [800.0] * 3
    skims = compute_skims(streets)
    assert skims.walk_m[city, suburb] == 800.0
    assert not np.isfinite(skims.walk_m[suburb, 0])
    assert parts(streets, "walk") == 1
    assert with_outside(streets, area) is streets, "the table that the streets were built with changes nothing"
    kept = np.flatnonzero(with_overlays(streets, area, []).node_outside)
    assert compute_skims(with_overlays(streets, area, [])).walk_m[kept[0], kept[1]] == 800.0

    (area / "outside.csv").write_text(WITH_STATION.replace(",800", ",1200"))
    longer = with_outside(streets, area)
    assert compute_skims(longer).walk_m[suburb, city] == 1200.0
    assert longer.edge_drive_s[between].tolist().count(np.inf) == 2
    (area / "outside.csv").write_text(WITH_STATION.replace("city,800", ","))
    with pytest.raises(NetworkError, match=r"outside\.csv: the streets join other places beyond the map"):
        with_outside(streets, area)


def test_a_station_named_after_the_streets_were_built_is_told(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    (area / "outside.csv").write_text(WITH_STATION.replace("city,800", ","))
    streets = build(area, raw)
    (area / "outside.csv").write_text(WITH_STATION)
    with pytest.raises(DataError, match=r"outside\.csv:3: station: the streets lead nowhere from city"):
        with_outside(streets, area)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("cit,800", "3: station: got 'cit', expected another place of this table"),
        ("suburb,800", "3: station: got 'suburb', expected another place of this table"),
        ("city,", "3: station, walk_m: expected both or neither"),
        (",800", "3: station, walk_m: expected both or neither"),
        ("city,0", "3: walk_m: got '0', expected a number from 1"),
    ],
)
def test_a_station_that_is_none_is_told(hamlet: tuple[Path, Path], wrong: str, fault: str) -> None:
    area, raw = hamlet
    (area / "outside.csv").write_text(WITH_STATION.replace("city,800", wrong))
    with pytest.raises(DataError) as told:
        build(area, raw)
    assert fault in str(told.value)


def test_the_same_raw_data_give_the_same_bytes(hamlet: tuple[Path, Path], tmp_path: Path) -> None:
    area, raw = hamlet
    build(area, raw)
    first = {path.name: path.read_bytes() for path in (area / "streets").iterdir()}
    again = tmp_path / "again"
    shutil.copytree(area, again, ignore=shutil.ignore_patterns("streets*"))
    build(again, raw)
    assert {path.name: path.read_bytes() for path in (again / "streets").iterdir()} == first


def test_a_hamlet_is_crossed_at_its_three_crossings_only(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    rail = shapely.LineString([[24.98, 60.305], [25.05, 60.305]])
    meetings = [line.intersection(rail) for _, line in lines_of(build(area, raw)) if line.intersects(rail)]
    places = {round(float(x), 3) for meeting in meetings for x, _ in shapely.get_coordinates(meeting)}
    assert places == {25.010, 25.020, 25.025}


def test_what_is_planned_changes_no_street_that_stands(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    finished = survey(build(area, raw), pairs=10).km_by_origin
    (area / "developments.geojson").unlink()
    today = survey(build(area, raw), pairs=10).km_by_origin
    assert today["planned"] == 0.0
    assert today["inferred"] == pytest.approx(finished["inferred"], abs=0.005)
    assert today["osm-2017"] == pytest.approx(finished["osm-2017"], abs=0.005)


def test_a_drawn_street_that_crosses_the_railway_unlisted_is_an_error(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    (area / "build.yaml").write_text(BUILD.replace("lon: 25.020", "lon: 25.015"))
    with pytest.raises(NetworkError, match=r"Main .* crosses the railway at lon 25\.02000"):
        build(area, raw)


def test_a_railway_without_a_crossing_is_an_error(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    drawn = "streets:\n  - { name: Main, class: main, course: [[25.02, 60.301], [25.02, 60.304]] }\n"
    (area / "build.yaml").write_text(BUILD[: BUILD.index("crossings:")] + drawn)
    with pytest.raises(NetworkError, match="too few crossings"):
        build(area, raw)


def test_a_missing_raw_file_is_named(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    (raw / "stops.csv").unlink()
    with pytest.raises(MissingFileError, match=r"stops\.csv"):
        build(area, raw)


def test_an_unknown_key_in_build_yaml_is_named(hamlet: tuple[Path, Path]) -> None:
    area, raw = hamlet
    (area / "build.yaml").write_text(BUILD.replace("speed_km_h", "speed_kmh"))
    with pytest.raises(ConfigError, match=r"build\.yaml:\d+: streets\.0\.speed_kmh"):
        build(area, raw)


# --- The rules of the reconstruction -------------------------------------------------------------------------------

RULE = Rule(beta=1.0, beta_cars=1.0, longest_m=400.0, least_angle_degrees=30.0, barrier_gap_m=5.0)
FAR_RAIL = shapely.LineString([[-1000.0, 900.0], [1000.0, 900.0]])


def links_between(points: list[tuple[float, float]], rail: shapely.LineString, pieces: list[Piece]) -> set[frozenset]:
    free = np.array(points, dtype=np.float64).reshape(-1, 2)
    return {frozenset(link.ends) for link in join(pieces, free, rail, RULE, "inferred")}


def test_a_site_between_two_others_takes_their_link() -> None:
    left, middle, right, above = (0.0, 0.0), (100.0, 1.0), (200.0, 0.0), (100.0, 300.0)
    found = links_between([left, middle, right, above], FAR_RAIL, [])
    assert frozenset([left, middle]) in found
    assert frozenset([left, right]) not in found


def test_links_pass_the_railway_only_on_the_underpass() -> None:
    rail = shapely.LineString([[-1000.0, 50.0], [1000.0, 50.0]])
    underpass = Piece(np.array([[300.0, 30.0], [300.0, 70.0]]), "inferred", "path", 0, drive=True)
    south, north = [(0.0, 0.0), (150.0, 0.0)], [(0.0, 100.0), (150.0, 100.0)]
    found = links_between([*south, *north], rail, [underpass])
    assert all(not shapely.LineString(list(link)).intersects(rail) for link in found)
    assert frozenset([(150.0, 0.0), (300.0, 30.0)]) in found


def test_planned_links_leave_from_planned_corners_only() -> None:
    street = [Piece(np.array([[0.0, y], [100.0, y]]), "inferred", "local", int(y), drive=True) for y in (0.0, 80.0)]
    corners = np.array([[220.0, 0.0], [220.0, 80.0]])
    today = join(street, np.zeros((0, 2)), FAR_RAIL, RULE, "inferred")
    planned = join([*street, *today], corners, FAR_RAIL, RULE, "planned")
    assert len(today) == 2
    assert planned
    assert all(set(link.ends) & set(map(tuple, corners.tolist())) for link in planned)


def test_a_drawn_street_gets_a_node_where_it_meets_another_and_a_bridge_does_not() -> None:
    east = Piece(np.array([[0.0, 0.0], [100.0, 0.0]]), "osm-2017", "local", 0, drive=True)
    north = Piece(np.array([[50.0, -50.0], [50.0, 50.0]]), "inferred", "local", 1, drive=True)
    assert len(cut_at_meetings([east, north])) == 4
    bridge = Piece(north.points, "osm-2017", "local", 1, drive=True)
    assert len(cut_at_meetings([east, bridge])) == 2
    assert len(parts_of([east, bridge])) == 2


def test_homes_of_a_cell_lie_in_rows_along_the_street_beside_it() -> None:
    east, north = [1.0, 0.0], [0.0, 1.0]
    found = aligned(np.array([[0.0, 0.0], [1000.0, 0.0]]), np.array([0, 1]), np.array([east, north]), 200.0)
    assert found.tolist() == [[0.0, 0.0], [1000.0, -50.0], [1000.0, 50.0]]
    street = Piece(np.array([[0.0, 0.0], [100.0, 100.0]]), "inferred", "local", 0, drive=True)
    assert ways_beside(np.array([[60.0, 40.0]]), [street]) == pytest.approx(np.sqrt([[0.5, 0.5]]))


# --- Bends and calm streets ----------------------------------------------------------------------------------------


def link(*points: tuple[float, float], kind: str = "local") -> Piece:
    return Piece(np.array(points), "inferred", kind, 0, drive=kind != "path")


def test_a_curve_passes_through_every_drawn_point_and_never_far_off() -> None:
    drawn = np.array([[0.0, 0.0], [100.0, 0.0], [150.0, 80.0], [300.0, 80.0]])
    curve = smooth(drawn)
    assert all(np.abs(curve - point).sum(axis=1).min() == 0.0 for point in drawn)
    assert shapely.hausdorff_distance(shapely.LineString(curve), shapely.LineString(drawn)) < 15.0
    assert shapely.LineString(curve).is_simple
    assert smooth(drawn[:2]).tolist() == drawn[:2].tolist()


def test_links_that_meet_at_a_wide_angle_go_on_into_each_other() -> None:
    west, east = with_bends([link((0, 0), (100, 0)), link((100, 0), (190, 45))], [], FAR_RAIL, 32.0)
    arriving, leaving = west.points[-1] - west.points[-2], east.points[1] - east.points[0]
    turn = np.degrees(np.arctan2(*leaving[::-1]) - np.arctan2(*arriving[::-1]))
    assert abs(turn) < 8.0 < np.degrees(np.arctan2(45, 90))
    assert west.line.length > 100.0
    assert [west.ends, east.ends] == [((0.0, 0.0), (100.0, 0.0)), ((100.0, 0.0), (190.0, 45.0))]


def test_a_bend_that_would_cross_something_stays_straight() -> None:
    links = [link((0, 0), (100, 0)), link((100, 0), (190, 45))]
    bow = with_bends(links, [], FAR_RAIL, 32.0)[0].line
    middle = bow.interpolate(0.5, normalized=True)
    wall = link((middle.x - 3, middle.y * 0.5), (middle.x - 3, middle.y * 2.0))
    found = with_bends(links, [wall], FAR_RAIL, 32.0)
    assert found[0].points.tolist() == links[0].points.tolist()
    assert len(found[1].points) > 2


def test_a_calmed_street_is_closed_to_cars_only_where_they_have_another_way() -> None:
    corners = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]
    ring = [link(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    lane = link((100.0, 100.0), (300.0, 100.0))
    found = with_calm_streets([*ring, lane], detour_m=400.0, share=1.0)
    assert [piece.street_class for piece in found] == ["path", "local", "local", "local", "local"]
    assert with_calm_streets([*ring, lane], detour_m=200.0, share=1.0) == [*ring, lane]


def test_corners_of_blocks_lie_inside_their_outline() -> None:
    outline = shapely.box(0.0, 0.0, 400.0, 195.0)
    corners = lattice(outline, along_m=80.0, across_m=65.0)
    assert len(corners) == 15
    assert shapely.contains(outline, shapely.points(corners)).all()


# --- The command ---------------------------------------------------------------------------------------------------


def test_info_says_what_the_map_holds_and_whose_data_it_is() -> None:
    shown = CliRunner().invoke(network_command.app, ["info", "kera"], catch_exceptions=False)
    assert shown.exit_code == 0
    for words in ("nodes", "osm-2017", "real share", "one connected part", "© OpenStreetMap contributors, ODbL 1.0"):
        assert words in shown.stdout


def test_info_fits_a_terminal_and_says_how_much_more_there_is() -> None:
    everything, short = (
        CliRunner()
        .invoke(network_command.app, ["info", "kera", *more], env={"COLUMNS": "80"}, catch_exceptions=False)
        .stdout.splitlines()
        for more in (["--all"], [])
    )
    assert len(short) == 15
    assert max(map(len, short)) <= 80
    assert short[-1] == f"{len(everything) - 14} more lines with --all"
    assert "limit of 5% is NOT kept" in " ".join(short)
    assert "  licence  CC0" in everything


def test_the_tool_and_map_work_on_any_folder(
    hamlet: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    area, raw = hamlet
    command, picture = CliRunner(), tmp_path / "map.png"
    infer_streets(str(area), raw)
    assert "nodes written" in capsys.readouterr().out
    command.invoke(network_command.app, ["map", str(area), "-o", str(picture)], catch_exceptions=False)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_of_the_package_says_where_the_tool_is() -> None:
    with pytest.raises(NetworkError, match=r"python -m tools\.infer_streets"):
        CliRunner().invoke(network_command.app, ["build", "kera", "--raw", "raw"], catch_exceptions=False)


def test_drawing_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install kera-mobility\[plot\]"):
        CliRunner().invoke(
            network_command.app, ["map", "kera", "-o", str(tmp_path / "map.png")], catch_exceptions=False
        )


def test_a_folder_that_is_no_area_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"no area\.yaml"):
        CliRunner().invoke(network_command.app, ["info", str(tmp_path)], catch_exceptions=False)


def test_a_long_attribution_is_drawn_whole(require: Callable[..., Any], tmp_path: Path) -> None:
    require("matplotlib")
    from kera_mobility.areas.plot import draw_map

    attribution = "A source, CC BY 4.0; " * 40 + "the last"
    draw_map(shipped_folder("networks") / "kera", "A title", attribution, tmp_path / "a.svg")
    assert "the last" in (tmp_path / "a.svg").read_text(encoding="utf-8")
