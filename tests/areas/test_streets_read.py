"""What tags, graphs and files of OpenStreetMap mean for an area: each kind on a map of a few nodes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import osmnx as ox
import pytest
from shapely.geometry import LineString
from typer.testing import CliRunner

from kera_mobility.areas.import_area import Imported, import_area
from kera_mobility.areas.osm_read import read_extract
from kera_mobility.areas.osm_speed import limit_km_h
from kera_mobility.areas.osm_tags import CLASS_OF_HIGHWAY, rules_of, stopped_by
from kera_mobility.areas.provenance import read_provenance
from kera_mobility.areas.quality import open_km
from kera_mobility.cli import command_line
from kera_mobility.cli.network import app
from kera_mobility.errors import KeraError, NetworkError
from kera_mobility.simulation.run import simulate
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, MODES, Streets
from tests.kit.feeds import THREE_STOPS, write

CASES = Path(__file__).parents[3] / "shared" / "cases"
WALK, CYCLE, DRIVE = (MODE_BIT[mode] for mode in MODES)
RESIDENTIAL = {"highway": "residential"}
EAST_M, NORTH_M = 55.3, 111.4
"""A thousandth of a degree at latitude 60.22."""


def write_map(
    path: Path,
    ways: list[tuple[list[int], dict[str, str]]],
    node_tags: dict[int, dict[str, str]] | None = None,
    relations: list[tuple[list[tuple[str, int, str]], dict[str, str]]] | None = None,
) -> Path:
    """Write OpenStreetMap XML; node 12 lies 1 step to the east and 2 to the north, each a thousandth of a degree."""
    root = ElementTree.Element("osm", version="0.6")
    for node in sorted({node for nodes, _ in ways for node in nodes}):
        place = {"id": str(node), "lon": f"{24.75 + node // 10 / 1000:.4f}", "lat": f"{60.22 + node % 10 / 1000:.4f}"}
        element = ElementTree.SubElement(root, "node", place)
        _add_tags(element, (node_tags or {}).get(node, {}))
    for number, (nodes, tags) in enumerate(ways):
        element = ElementTree.SubElement(root, "way", id=str(100 + number))
        for node in nodes:
            ElementTree.SubElement(element, "nd", ref=str(node))
        _add_tags(element, tags)
    for number, (members, tags) in enumerate(relations or []):
        element = ElementTree.SubElement(root, "relation", id=str(900 + number))
        for kind, ref, role in members:
            ElementTree.SubElement(element, "member", type=kind, ref=str(ref), role=role)
        _add_tags(element, tags)
    ElementTree.ElementTree(root).write(path)
    return path


def _add_tags(element: ElementTree.Element, tags: dict[str, str]) -> None:
    for key, value in tags.items():
        ElementTree.SubElement(element, "tag", k=key, v=value)


def square_with(tags: dict[str, str]) -> list[tuple[list[int], dict[str, str]]]:
    """Return a square of streets, 111 m a side, and a way with tags across it from corner 0 to corner 21."""
    return [([0, 20, 22, 2, 0], RESIDENTIAL), ([0, 22], tags)]


def imported(path: Path, out: Path, merge_m: float = 0.0) -> Imported:
    return import_area(read_extract(path), out, None, merge_m)


def modes_across(streets: Streets) -> tuple[int, int]:
    """Return who may go from the south-west corner straight to the north-east one, and back."""
    place = np.round((np.asarray(streets.node_lonlat) - (24.75, 60.22)) * 1000).astype(int)
    start, end = (int(np.flatnonzero((place == corner).all(axis=1))[0]) for corner in ((0, 0), (2, 2)))
    straight = np.asarray(streets.edge_length_m) < 260.0
    forth = (streets.edge_from == start) & (streets.edge_to == end) & straight
    back = (streets.edge_from == end) & (streets.edge_to == start) & straight
    return int(np.bitwise_or.reduce(streets.edge_modes[forth])), int(np.bitwise_or.reduce(streets.edge_modes[back]))


# --- Tags ----------------------------------------------------------------------------------------------------------

EVERYBODY = WALK | CYCLE | DRIVE


@pytest.mark.parametrize(
    ("tags", "bits"),
    [
        ({"vehicle": "no"}, WALK),
        ({"motor_vehicle": "no"}, WALK | CYCLE),
        ({"motorcar": "no"}, WALK | CYCLE),
        ({"vehicle": "no", "bicycle": "yes"}, WALK | CYCLE),
        ({"access": "no", "motor_vehicle": "yes"}, DRIVE),
        ({"access": "private", "foot": "yes"}, WALK),
        ({"vehicle": "no", "motorcar": "destination"}, WALK | DRIVE),
        ({"motor_vehicle": "agricultural"}, WALK | CYCLE),
        ({"motor_vehicle": "agricultural;forestry"}, WALK | CYCLE),
        ({"motor_vehicle": "forestry;destination"}, EVERYBODY),
        *(({"motor_vehicle": value}, WALK | CYCLE) for value in ("private", "delivery", "permit", "psv", "emergency")),
        *(({"motor_vehicle": value}, EVERYBODY) for value in ("destination", "customers", "yes", "permissive")),
        ({"bicycle": "use_sidepath", "foot": "use_sidepath"}, DRIVE),
        ({"bicycle": "dismount"}, WALK | DRIVE),
        ({"highway": "primary", "motorroad": "yes"}, DRIVE),
        ({"highway": "motorway"}, DRIVE),
        ({"highway": "footway"}, WALK),
        ({"highway": "footway", "access": "yes"}, WALK),
        ({"highway": "footway", "bicycle": "designated"}, WALK | CYCLE),
        ({"highway": "cycleway"}, WALK | CYCLE),
        *(({"highway": kind}, WALK) for kind in ("steps", "corridor", "elevator", "platform")),
        *(({"highway": kind, "bicycle": "yes"}, WALK) for kind in ("steps", "corridor", "elevator", "platform")),
        ({"highway": "steps", "foot": "no"}, 0),
        ({"highway": "construction"}, 0),
        ({"highway": "service", "service": "driveway"}, 0),
        ({"highway": "service", "area": "yes"}, 0),
    ],
)
def test_access_is_inherited_and_the_most_specific_tag_decides(tags: dict[str, str], bits: int) -> None:
    assert rules_of({**RESIDENTIAL, **tags}).bits == bits


@pytest.mark.parametrize(
    ("tags", "drive", "cycle"),
    [
        ({"oneway": "yes"}, 1, 1),
        ({"oneway": "-1"}, -1, -1),
        ({"oneway": "no", "junction": "roundabout"}, 0, 0),
        ({"junction": "roundabout"}, 1, 1),
        ({"oneway": "yes", "oneway:bicycle": "no"}, 1, 0),
        ({"oneway": "yes", "cycleway": "opposite"}, 1, 0),
        ({"oneway": "-1", "cycleway:left": "opposite_lane"}, -1, 0),
        ({"oneway:bicycle": "yes"}, 0, 1),
        ({"oneway": "yes", "oneway:bicycle": "-1"}, 1, -1),
        ({"highway": "cycleway", "oneway": "yes"}, 0, 1),
    ],
)
def test_one_way_streets_bind_cars_and_bicycles_as_their_tags_say(
    tags: dict[str, str], drive: int, cycle: int, tmp_path: Path
) -> None:
    rules = rules_of({**RESIDENTIAL, **tags})
    assert (rules.oneway.get("drive", 0), rules.oneway.get("cycle", 0), rules.oneway.get("walk", 0)) == (
        drive,
        cycle,
        0,
    )
    made = imported(write_map(tmp_path / "a.osm", square_with({**RESIDENTIAL, **tags})), tmp_path / "a")
    drives = DRIVE if rules.open_to("drive") else 0
    wanted = [WALK | (CYCLE if cycle in (0, way) else 0) | (drives if drive in (0, way) else 0) for way in (1, -1)]
    assert modes_across(made.streets) == tuple(wanted)


def test_an_escalator_takes_people_one_way(tmp_path: Path) -> None:
    tags = {"highway": "steps", "conveying": "backward"}
    made = imported(write_map(tmp_path / "a.osm", square_with(tags)), tmp_path / "a")
    assert modes_across(made.streets) == (0, WALK)


@pytest.mark.parametrize(
    ("tags", "km_h"),
    [
        ({"maxspeed": "50"}, 50.0),
        ({"maxspeed": "48.28"}, 48.28),
        ({"maxspeed": "30 mph"}, 48.28),
        ({"maxspeed": "30mph"}, 48.28),
        ({"maxspeed": "65 mph"}, 104.6),
        ({"maxspeed": "50 km/h"}, 50.0),
        ({"maxspeed": "50;30"}, 30.0),
        ({"maxspeed": "walk"}, 7.0),
        ({"maxspeed": "none"}, 130.0),
        ({"maxspeed": "FI:urban"}, 50.0),
        ({"source:maxspeed": "FI:urban"}, 50.0),
        ({"maxspeed:type": "RO:rural"}, 90.0),
        ({"source:maxspeed": "DE:zone30"}, 30.0),
        ({"zone:maxspeed": "DE:30"}, 30.0),
        ({"zone:maxspeed": "FI:zone:40"}, 40.0),
        ({"maxspeed:type": "GB:nsl_single"}, 96.56),
        ({"maxspeed": "40", "source:maxspeed": "FI:urban"}, 40.0),
        ({"maxspeed": "signals"}, 0.0),
        ({"maxspeed": "5000"}, 0.0),
        ({"maxspeed": "-30"}, 0.0),
        ({"maxspeed": "fast"}, 0.0),
        ({}, 0.0),
    ],
)
def test_a_speed_limit_is_read_with_its_unit_or_from_its_zone(tags: dict[str, str], km_h: float) -> None:
    assert limit_km_h(tags) == pytest.approx(km_h, abs=0.02)


def test_cars_drive_at_their_share_of_a_limit_in_miles(tmp_path: Path) -> None:
    ways = square_with({**RESIDENTIAL, "maxspeed": "30 mph"})
    streets = imported(write_map(tmp_path / "a.osm", ways), tmp_path / "a").streets
    km_h = 3.6 * np.asarray(streets.edge_length_m) / np.asarray(streets.edge_drive_s)
    assert km_h.max() == pytest.approx(0.8 * 48.28, abs=0.1)


@pytest.mark.parametrize(
    ("tags", "stopped"),
    [
        ({"barrier": "bollard"}, DRIVE),
        ({"barrier": "block"}, DRIVE),
        ({"barrier": "cycle_barrier"}, DRIVE),
        ({"barrier": "kissing_gate"}, CYCLE | DRIVE),
        ({"barrier": "wall"}, EVERYBODY),
        ({"barrier": "gate"}, 0),
        ({"barrier": "lift_gate"}, 0),
        ({"barrier": "kerb"}, 0),
        ({"barrier": "gate", "access": "private"}, EVERYBODY),
        ({"barrier": "lift_gate", "motor_vehicle": "private"}, DRIVE),
        ({"barrier": "gate", "access": "no", "foot": "yes", "bicycle": "yes"}, DRIVE),
        ({"barrier": "bollard", "bicycle": "no"}, CYCLE | DRIVE),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, 0),
    ],
)
def test_a_barrier_stops_whom_its_kind_and_its_tags_name(tags: dict[str, str], stopped: int, tmp_path: Path) -> None:
    assert stopped_by(tags) == stopped
    ways = [([0, 20, 22, 2, 0], RESIDENTIAL), ([0, 11, 22], RESIDENTIAL)]
    made = imported(write_map(tmp_path / "a.osm", ways, {11: tags}), tmp_path / "a")
    across_km = np.hypot(2 * EAST_M, 2 * NORTH_M) / 1000.0
    around_km = 4.0 * (EAST_M + NORTH_M) / 1000.0
    for mode, km in open_km(made.streets).items():
        open_across = not stopped & MODE_BIT[mode]
        assert km == pytest.approx(around_km + across_km * open_across, rel=0.01) or not open_across
        assert passes(made.streets, mode) == open_across


def passes(streets: Streets, mode: str) -> bool:
    """Return whether a mode gets from corner to corner by the diagonal."""
    graph = nx.Graph()
    for edge in np.flatnonzero(np.asarray(streets.edge_modes) & MODE_BIT[mode]).tolist():
        graph.add_edge(int(streets.edge_from[edge]), int(streets.edge_to[edge]), weight=streets.edge_length_m[edge])
    place = np.round((np.asarray(streets.node_lonlat) - (24.75, 60.22)) * 1000).astype(int)
    start, end = (int(np.flatnonzero((place == corner).all(axis=1))[0]) for corner in ((0, 0), (2, 2)))
    return bool(nx.dijkstra_path_length(graph, start, end) < 260.0)


# --- On foot -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{"highway": "pedestrian", "area": "yes"}, {"railway": "platform"}])
def test_people_walk_across_a_square_and_a_platform(kind: dict[str, str], tmp_path: Path) -> None:
    ways = [([11, 31, 33, 13, 11], kind), ([11, 0], RESIDENTIAL), ([0, 40], RESIDENTIAL), ([40, 44], RESIDENTIAL),
            ([44, 33], RESIDENTIAL)]  # fmt: skip
    made = imported(write_map(tmp_path / "a.osm", ways), tmp_path / "a")
    across_m = np.hypot(2 * EAST_M, 2 * NORTH_M)
    walked = (np.asarray(made.streets.edge_modes) & WALK) > 0
    assert np.isclose(np.asarray(made.streets.edge_length_m)[walked], across_m, atol=0.5).sum() == 2
    assert made.kilometres.added_m["across squares"]["walk"] == pytest.approx(across_m, rel=0.01)
    assert made.kilometres.added_m["across squares"]["drive"] == 0.0


def test_a_square_of_a_relation_has_a_hole_that_nobody_crosses(tmp_path: Path) -> None:
    ways = [([0, 60, 66, 6, 0], {}), ([22, 42, 44, 24, 22], {}), ([0, 1], RESIDENTIAL), ([66, 76], RESIDENTIAL),
            ([0, 70], RESIDENTIAL), ([70, 76], RESIDENTIAL), ([60, 70], RESIDENTIAL)]  # fmt: skip
    relation = ([("way", 100, "outer"), ("way", 101, "inner")], {"type": "multipolygon", "highway": "pedestrian"})
    made = imported(write_map(tmp_path / "a.osm", ways, None, [relation]), tmp_path / "a")
    across_m = np.hypot(6 * EAST_M, 6 * NORTH_M)
    assert not np.isclose(np.asarray(made.streets.edge_length_m), across_m, atol=1.0).any()


def test_steps_lifts_and_corridors_are_walked_and_carry_no_vehicle(tmp_path: Path) -> None:
    for kind in ("steps", "corridor", "elevator", "platform"):
        made = imported(write_map(tmp_path / f"{kind}.osm", square_with({"highway": kind})), tmp_path / kind)
        assert modes_across(made.streets) == (WALK, WALK), kind


# --- One street or two ---------------------------------------------------------------------------------------------


def test_a_one_way_street_beside_a_path_of_its_length_stays(tmp_path: Path) -> None:
    ways = [([2, 0], {"highway": "primary", "oneway": "yes"}), ([0, 2], {"highway": "footway"}),
            ([0, 20, 22, 2], {"highway": "tertiary"})]  # fmt: skip
    bent = [([0, 1, 2], ways[1][1])]
    made = imported(write_map(tmp_path / "a.osm", [ways[0], *bent, ways[2]]), tmp_path / "a")
    on_main = np.asarray(made.streets.edge_class) == CLASSES.index("main")
    assert np.asarray(made.streets.edge_length_m)[on_main] == pytest.approx(2 * NORTH_M, abs=0.5)
    assert np.count_nonzero(np.asarray(made.streets.edge_modes)[on_main] & DRIVE) == 1


def test_two_one_ways_along_the_same_line_are_a_street_both_ways(tmp_path: Path) -> None:
    ways = [([0, 20], RESIDENTIAL | {"oneway": "yes"}), ([20, 0], RESIDENTIAL | {"oneway": "yes"}),
            ([20, 22, 2, 0], RESIDENTIAL)]  # fmt: skip
    made = imported(write_map(tmp_path / "a.osm", ways), tmp_path / "a")
    around_m = 4 * EAST_M + 4 * NORTH_M
    on_drive = np.asarray(made.streets.edge_modes) & DRIVE > 0
    assert np.asarray(made.streets.edge_length_m)[on_drive].sum() == pytest.approx(2 * around_m, rel=0.005)
    assert made.kilometres.left_m["drawn twice"]["drive"] == pytest.approx(2 * EAST_M, rel=0.005)


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here; each has its twin above or below")
@pytest.mark.parametrize(
    ("case", "km"),
    [
        ("osm-mph/map.osm", {"walk": 3.0, "drive": 3.0}),
        ("osm-oneway-beside-path/map.osm", {"walk": 1.13, "drive": 1.01}),
        ("osm-vehicle-no/map.osm", {"walk": 3.0, "cycle": 2.44, "drive": 2.44}),
        ("osmnx-consolidated/grid.graphml", {"walk": 4.0}),
        ("osmnx-geopackage-default/street.gpkg", {"walk": 3.313, "drive": 3.313}),
        ("osmnx-geopackage-default/street.graphml", {"walk": 3.313, "drive": 3.313}),
        ("osmnx-geopackage-default/street_directed.gpkg", {"walk": 3.313, "drive": 3.313}),
    ],
)
def test_a_case_from_the_field_gives_its_right_value(case: str, km: dict[str, float], tmp_path: Path) -> None:
    measured = open_km(imported(CASES / case, tmp_path / "a").streets)
    assert {mode: measured[mode] for mode in km} == pytest.approx(km, abs=0.01)


# --- Graphs of OSMnx -----------------------------------------------------------------------------------------------


def street_graph() -> nx.MultiDiGraph[Any]:
    """Return a ring of streets and a one-way street across it, whose lines have points near one end only."""
    graph = nx.MultiDiGraph(crs="epsg:4326", simplified=True)
    places = {10: (24.75, 60.22), 20: (24.76, 60.22), 30: (24.76, 60.226), 40: (24.75, 60.226)}
    for node, (x, y) in places.items():
        graph.add_node(node, x=x, y=y, street_count=3)
    for way, (u, v, oneway) in enumerate([(20, 10, 0), (30, 20, 0), (40, 30, 0), (40, 10, 0), (30, 10, 1)]):
        (a, b), (c, d) = places[u], places[v]
        line = LineString([(a + (c - a) * share, b + (d - b) * share) for share in (0.0, 0.1, 0.2, 1.0)])
        tags = {"osmid": way, "highway": "residential", "oneway": bool(oneway), "reversed": False, "geometry": line}
        length_m = float(ox.distance.great_circle(b, a, d, c))
        graph.add_edge(u, v, **tags, length=length_m)
        if not oneway:
            graph.add_edge(v, u, **{**tags, "reversed": True, "geometry": line.reverse()}, length=length_m)
    return graph


def saved(graph: nx.MultiDiGraph[Any], folder: Path) -> list[Path]:
    """Return files of a graph, each as OSMnx may have written it."""
    ox.save_graph_geopackage(graph, folder / "default.gpkg")
    ox.save_graph_geopackage(graph, folder / "directed.gpkg", directed=True)
    ox.save_graphml(graph, folder / "directed.graphml")
    ox.save_graphml(ox.convert.to_undirected(graph), folder / "undirected.graphml")
    old = graph.copy()
    for node, tags in old.nodes(data=True):
        tags["osmid"] = node  # as OSMnx before 1.0 wrote it
    ox.save_graphml(old, folder / "old.graphml")
    ox.save_graphml(ox.project_graph(graph), folder / "projected.graphml")
    return sorted(path for path in folder.iterdir() if path.suffix in (".gpkg", ".graphml"))


def test_a_graph_is_one_network_however_osmnx_wrote_it(tmp_path: Path) -> None:
    files = saved(street_graph(), tmp_path)
    assert len(files) == 6
    for number, file in enumerate(files):
        streets = imported(file, tmp_path / f"area_{number}").streets
        km = open_km(streets)
        assert km == pytest.approx({"walk": 3.316, "cycle": 3.316, "drive": 3.316}, abs=0.01), file.name
        one_way = np.flatnonzero(np.asarray(streets.edge_modes) == WALK)
        assert len(one_way) == 1, file.name
        start = np.asarray(streets.node_lonlat)[streets.edge_from[one_way[0]]]
        assert start == pytest.approx([24.75, 60.22]), file.name  # cars come from the north-east
        assert float(streets.edge_length_m[one_way[0]]) == pytest.approx(869.0, abs=3.0)


def test_a_consolidated_graph_is_imported(tmp_path: Path) -> None:
    graph = ox.consolidate_intersections(ox.project_graph(street_graph()), tolerance=5)
    ox.save_graphml(graph, tmp_path / "a.graphml")
    for merge_m in (0.0, 8.0):
        km = open_km(imported(tmp_path / "a.graphml", tmp_path / f"area_{merge_m:.0f}", merge_m).streets)
        assert km["walk"] == pytest.approx(3.316, abs=0.02)


def test_a_line_that_contradicts_the_length_of_its_file_is_a_fault(tmp_path: Path) -> None:
    graph = street_graph()
    graph.edges[30, 10, 0]["length"] *= 1.5
    ox.save_graphml(graph, tmp_path / "a.graphml")
    with pytest.raises(NetworkError, match=r"edge 30-10: its line is 868 m long, its `length` says 1,\d+ m"):
        read_extract(tmp_path / "a.graphml")


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_line_with_a_place_that_is_no_number_is_a_fault(tmp_path: Path) -> None:
    ox.save_graphml(street_graph(), tmp_path / "a.graphml")
    text = (tmp_path / "a.graphml").read_text()
    (tmp_path / "a.graphml").write_text(text.replace("LINESTRING (24.76 60.22", "LINESTRING (24.76 nan", 1))
    with pytest.raises(NetworkError, match="expected finite coordinates"):
        read_extract(tmp_path / "a.graphml")


def test_a_place_that_a_pbf_file_does_not_have_is_a_fault(tmp_path: Path) -> None:
    osmium = pytest.importorskip("osmium")
    with osmium.SimpleWriter(str(tmp_path / "a.osm.pbf")) as writer:
        writer.add_node(osmium.osm.mutable.Node(id=1, version=1))
    with pytest.raises(NetworkError, match=r"a\.osm\.pbf: expected OpenStreetMap PBF, got invalid location"):
        read_extract(tmp_path / "a.osm.pbf")


def test_a_length_that_is_the_same_everywhere_is_no_measure_and_said(tmp_path: Path) -> None:
    graph = street_graph()
    nx.set_edge_attributes(graph, 1.0, "length")
    ox.save_graphml(graph, tmp_path / "a.graphml")
    assert "its `length` is 1 on every edge" in " ".join(read_extract(tmp_path / "a.graphml").notices)


def test_a_graph_for_one_mode_says_what_it_lacks(tmp_path: Path) -> None:
    graph = street_graph()
    ox.save_graphml(graph, tmp_path / "drive.graphml")
    nx.set_edge_attributes(graph, False, "oneway")
    for u, v, tags in graph.edges(data=True):
        tags["highway"] = "footway" if {u, v} == {10, 20} else "residential"
    ox.save_graphml(graph, tmp_path / "walk.graphml")
    said = {
        name: command("import", tmp_path / f"{name}.graphml", "--out", tmp_path / name) for name in ("drive", "walk")
    }
    assert "no path, footway or steps: a graph made for driving?" in said["drive"]
    assert "no one-way street: a graph made for walking?" in said["walk"]
    assert "no one-way street" not in said["drive"]
    for name in ("drive", "walk"):  # it stays with the area
        assert command("info", tmp_path / name).count("NOTICE: ") >= 2
        assert read_provenance(tmp_path / name)[0].notices


def test_graphs_for_walking_cycling_and_driving_are_read_together(tmp_path: Path) -> None:
    """The graph for walking is cut at a path in the middle of a street; that for driving knows its one-way street."""
    street = {"highway": "residential"}
    drive = write_map(tmp_path / "drive.osm", [([0, 20, 22, 2, 0], street), ([0, 11, 22], {**street, "oneway": "yes"})])
    walk = write_map(tmp_path / "walk.osm", [([0, 20, 22, 2, 0], street), ([0, 11, 22], street),
                                             ([11, 20], {"highway": "footway"})])  # fmt: skip
    cycle = write_map(tmp_path / "cycle.osm", [([0, 20, 22, 2, 0], {"highway": "cycleway"})])
    said = command("import", drive, "--walk", walk, "--cycle", cycle, "--out", tmp_path / "a", "--merge-m", 0)
    streets = Streets.load(tmp_path / "a" / "streets")
    around_km, across_km = 4 * (EAST_M + NORTH_M) / 1000.0, np.hypot(2 * EAST_M, 2 * NORTH_M) / 1000.0
    path_km = np.hypot(EAST_M, NORTH_M) / 1000.0
    assert open_km(streets) == pytest.approx(
        {"walk": around_km + across_km + path_km, "cycle": around_km, "drive": around_km + across_km}, rel=0.005
    )
    directed = np.asarray(streets.edge_modes)
    assert np.count_nonzero(directed & DRIVE) == np.count_nonzero(directed & WALK) - 4  # two halves one-way, a path
    assert "NOT EXPLAINED" not in said


# --- The account and the command -----------------------------------------------------------------------------------


def command(*words: str | Path | float) -> str:
    """Run a command of `kera network` and return what it says."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).stdout


TOWN = [
    ([0, 10, 20, 30], RESIDENTIAL), ([1, 11, 21, 31], {"highway": "primary", "oneway": "yes"}),
    ([2, 12, 22, 32], {"highway": "tertiary", "motor_vehicle": "private"}),
    *(([10 * k, 10 * k + 1, 10 * k + 2], RESIDENTIAL) for k in range(4)),
    ([2, 3], {"highway": "footway"}), ([32, 33], {"highway": "construction"}),
    ([22, 23], {"highway": "service", "service": "driveway"}), ([50, 51], RESIDENTIAL), ([12, 13], {"highway": "x"}),
]  # fmt: skip
"""A town with everything that an import leaves away: a street alone, a private one, one not built, a yard."""


def test_what_came_in_is_what_is_on_the_map_and_what_was_left_away(tmp_path: Path) -> None:
    made = imported(write_map(tmp_path / "a.osm", TOWN, {11: {"barrier": "bollard"}}), tmp_path / "a", 1.5)
    for mode, km in open_km(made.streets).items():
        assert made.kilometres.expected_m(mode) / 1000.0 == pytest.approx(km, rel=1e-3)
    recorded = read_provenance(made.folder)[0].kilometres
    for mode in MODES:
        left = sum(row[mode] for name, row in recorded.items() if name.startswith("left: "))
        added = sum(row[mode] for name, row in recorded.items() if name.startswith("added: "))
        assert recorded["in"][mode] + added - left == pytest.approx(recorded["out"][mode], rel=2e-3)
    for reason in ("not built", "driveways and aisles", "kind of way not known", "hangs together with nothing"):
        assert recorded[f"left: {reason}"]["walk"] > 0.05, reason
    assert recorded["left: shut by tags of access"]["drive"] == pytest.approx(3 * EAST_M / 1000.0, abs=0.003)
    assert "left: not built" in command("info", made.folder, "--all")


def test_an_import_says_how_long_each_class_is_in_the_file_and_on_the_map(tmp_path: Path) -> None:
    said = command("import", write_map(tmp_path / "a.osm", TOWN), "--out", tmp_path / "a").splitlines()
    entered = next(line for line in said if line.startswith("in the file  ") and line.endswith("km by class"))
    kept = next(line for line in said if line.startswith("km by class"))
    in_km, on_km = (dict(part.split() for part in line[15:].removesuffix(" km by class").split(", "))
                    for line in (entered, kept))  # fmt: skip
    assert float(in_km["main"]) == float(on_km["main"]) == pytest.approx(3 * EAST_M / 1000.0, abs=0.06)
    assert float(in_km["other"]) > 0.1
    assert "other" not in on_km


def test_two_carriageways_of_the_same_length_both_count(tmp_path: Path) -> None:
    oneway = RESIDENTIAL | {"oneway": "yes"}
    made = imported(write_map(tmp_path / "a.osm", [([0, 10, 11, 1], oneway), ([1, 0], RESIDENTIAL)]), tmp_path / "a")
    bent_m, straight_m = 2 * EAST_M + NORTH_M, NORTH_M
    assert open_km(made.streets)["drive"] * 1000.0 == pytest.approx(bent_m + straight_m, rel=0.005)
    ways = [([0, 10, 11], oneway), ([11, 1, 0], oneway), ([11, 21], RESIDENTIAL)]
    made = imported(write_map(tmp_path / "b.osm", ways), tmp_path / "b")
    assert open_km(made.streets)["drive"] * 1000.0 == pytest.approx(2 * NORTH_M + 3 * EAST_M, rel=0.005)
    assert made.kilometres.expected_m("drive") == pytest.approx(2 * NORTH_M + 3 * EAST_M, rel=0.005)


def test_a_rectangle_cuts_an_import(tmp_path: Path) -> None:
    file = write_map(tmp_path / "a.osm", TOWN)
    said = command("import", file, "--bbox", "24.7495,60.2195,24.7715,60.2215", "--out", tmp_path / "a", "--merge-m", 0)
    assert "left: outside the rectangle" in said
    assert np.asarray(Streets.load(tmp_path / "a" / "streets").node_lonlat)[:, 0].max() < 24.772


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--bbox", "179.9,-17,-179.9,-16"], "antimeridian"),
        (["--bbox", "24.8,60.2,24.7,60.3"], "expected west,south,east,north"),
        (["--bbox", "24.7,60.2,24.8,60.3", "--area", "kera"], "expected --area or --bbox"),
        (["--date", "soon"], "expected a day"),
        (["--merge-m", "-1"], "merge-m"),
    ],
)
def test_an_option_that_cannot_be_meant_is_a_fault(words: list[str], fault: str, tmp_path: Path) -> None:
    file = write_map(tmp_path / "a.osm", TOWN)
    result = CliRunner().invoke(app, ["import", str(file), "--out", str(tmp_path / "a"), *words])
    assert result.exit_code == 2
    assert fault in " ".join(result.output.replace("│", " ").split())


def test_streets_on_both_sides_of_the_antimeridian_are_refused(tmp_path: Path) -> None:
    text = write_map(tmp_path / "a.osm", TOWN).read_text().replace('lon="24.7500"', 'lon="179.999"')
    (tmp_path / "a.osm").write_text(text.replace('lon="24.753', 'lon="-179.99'))
    with pytest.raises(NetworkError, match="over the antimeridian"):
        read_extract(tmp_path / "a.osm")


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    words = ["import", "none.osm", "--walk", "nobody.osm", "--gtfs", "no_feed.zip", "--area", "nowhere"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "a")])
    for name in ("none.osm", "nobody.osm", "no_feed.zip", "nowhere"):
        assert name in str(result.exception)


def test_a_day_runs_on_streets_alone_as_the_import_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = command("import", write_map(tmp_path / "a.osm", TOWN), "--out", "town")
    hint = next(line for line in said.splitlines() if line.startswith("Use it: kera run "))
    config, *overrides = [word for word in hint.removeprefix("Use it: kera run ").split() if word != "--set"]
    run = simulate(load_scenario(config, overrides), seed=1)
    assert len(run.trips) > 100
    assert "ASSUMPTION" in said
    assert any("ASSUMPTION" in dataset.source for dataset in read_provenance(Path("town")))
    shutil.rmtree("town")


def a_feed(folder: Path) -> Path:
    """Write a feed of buses through the town every ten minutes, and one trip that is elsewhere."""
    stops = "stop_id,stop_name,stop_lat,stop_lon\nA,Aho,60.220,24.7501\nB,Berga,60.222,24.7529\nX,Far,61.0,25.0\n"
    trips = "route_id,service_id,trip_id\n" + "".join(f"r,wk,t{n}\n" for n in range(90)) + "r,wk,far\n"
    times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    for n in range(90):
        begin, end = 360 + 10 * n, 362 + 10 * n
        for place, minute, number in (("A", begin, 1), ("B", end, 2)):
            clock = f"{minute // 60:02d}:{minute % 60:02d}:00"
            times += f"t{n},{clock},{clock},{place},{number}\n"
    times += "far,08:00:00,08:00:00,X,1\nfar,08:05:00,08:05:00,X,2\n"
    return write(folder, {**THREE_STOPS, "stops": stops, "trips": trips, "stop_times": times})


def test_a_feed_and_an_extract_go_to_a_day_with_two_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    town, feed = write_map(tmp_path / "a.osm", TOWN), a_feed(tmp_path / "feed")
    said = command("import", town, "--gtfs", feed, "--out", "town")
    assert "timetable today: 90 runs of 1 lines at 2 stops" in said
    assert " 91 in the feed" in said
    assert " 1  outside the area" in said
    assert "NOT EXPLAINED" not in said
    hint = next(line for line in said.splitlines() if line.startswith("Use it: kera run "))
    result = CliRunner().invoke(command_line(), ["run", *hint.removeprefix("Use it: kera run ").split(), "--seed", "1"])
    assert result.exit_code == 0, result.output
    about = json.loads(Path("results/elsewhere/seed-0001/run.json").read_text())
    assert "90 of 91 trips of its feed" in result.output + result.stderr
    assert about["services"]["rail"]["timetable"]["trips"] == {"kept": 90, "outside the area": 1}


@pytest.mark.parametrize("table", ["stops", "trips", "stop_times"])
def test_a_feed_that_cannot_be_run_is_refused_before_the_import(table: str, tmp_path: Path) -> None:
    feed = a_feed(tmp_path / "feed")
    (feed / f"{table}.txt").write_text("x\n1\n")
    with pytest.raises(KeraError, match=f"{table}.txt"):
        command("import", write_map(tmp_path / "a.osm", TOWN), "--gtfs", feed, "--out", tmp_path / "town")
    assert not (tmp_path / "town").exists()


def test_every_class_has_a_kind_and_every_kind_a_class_of_the_map() -> None:
    assert set(CLASS_OF_HIGHWAY.values()) == set(CLASSES) - {"outside"}
