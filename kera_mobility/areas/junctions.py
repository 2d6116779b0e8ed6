"""Junctions that a map draws in several nodes become one node; no mode gets a way through them that it had not."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, NamedTuple, TypeAlias

import networkx as nx
import numpy as np
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import LineString

from kera_mobility.areas.graph import rounded_m
from kera_mobility.areas.kilometres import Kilometres, length_once_m
from kera_mobility.areas.pieces import Groups, Point
from kera_mobility.dice import Dice
from kera_mobility.town.streets.streets import MODE_BIT
from kera_mobility.units import FloatArray, round_one_s

INSIDE, CONNECTORS = "inside merged junctions", "to the node of merged junctions"
SAME_LENGTH = 0.01
"""A way keeps its length if it changes by no more than this share."""
Graph: TypeAlias = "nx.MultiDiGraph[Any]"


class Merged(NamedTuple):
    """A graph with junctions merged."""

    graph: Graph
    stands_for: dict[Point, Point]
    """The node that each node became."""


def merged(graph: Graph, merge_m: float, kilometres: Kilometres) -> Merged:
    """Return a graph whose nodes that lie within `merge_m` and are joined by streets are one of them.

    Two nodes become one only along a street that every mode which reaches both may use both ways. The one with most
    streets for cars, then most streets, stays. A street that ended elsewhere is led to it, and is so much longer.
    """
    stands_for = _stands_for(graph, merge_m)
    joined: Graph = nx.MultiDiGraph(**graph.graph)
    joined.add_nodes_from((node, tags) for node, tags in graph.nodes(data=True) if stands_for[node] == node)
    inside = []
    for u, v, tags in graph.edges(data=True):
        start, end = stands_for[u], stands_for[v]
        if start == end and u != v and tags["length"] <= merge_m:
            inside.append(tags)
        else:
            joined.add_edge(start, end, **_led(tags, start if start != u else None, end if end != v else None))
    for bit in MODE_BIT.values():
        before_m, inside_m, after_m = (
            length_once_m(tags for tags in part if tags["modes"] & bit)
            for part in (_tags(graph), inside, _tags(joined))
        )
        kilometres.leave(INSIDE, bit, inside_m)
        kilometres.add(CONNECTORS, bit, after_m - before_m + inside_m)
    return Merged(joined, stands_for)


def share_of_same_length(before: Graph, after: Merged, mode: str, pairs: int) -> float:
    """Return the share of addressed pairs of nodes between which a mode's shortest way keeps its length.

    It may change by SAME_LENGTH; pairs that are one node afterwards are not counted.
    """
    nodes = sorted(
        {node for u, v, tags in before.edges(data=True) if tags["modes"] & MODE_BIT[mode] for node in (u, v)}
    )
    dice, index = Dice.of(0).at("merging", mode), np.arange(pairs, dtype=np.int64)
    starts, ends = ([nodes[k] for k in (dice.uniform(index, which) * len(nodes)).astype(int).tolist()]
                    for which in ("origin", "destination"))  # fmt: skip
    own_m = _ways_m(before, mode, starts, ends)
    new_m = _ways_m(after.graph, mode, [after.stands_for[node] for node in starts],
                    [after.stands_for[node] for node in ends])  # fmt: skip
    counted = (own_m > 0.0) & (new_m > 0.0) & np.isfinite(own_m)
    return float(np.mean(np.abs(new_m[counted] / own_m[counted] - 1.0) <= SAME_LENGTH)) if counted.any() else 1.0


def _ways_m(graph: Graph, mode: str, starts: list[Point], ends: list[Point]) -> FloatArray:
    """Return the lengths of the shortest ways of a mode between pairs of nodes."""
    number = {node: k for k, node in enumerate(sorted(graph))}
    shortest: dict[tuple[int, int], float] = {}
    for u, v, tags in graph.edges(data=True):
        if tags["modes"] & MODE_BIT[mode]:
            key = number[u], number[v]
            shortest[key] = min(shortest.get(key, math.inf), tags["length"])
    rows, columns = np.array(list(shortest)).T
    table = csr_matrix((list(shortest.values()), (rows, columns)), shape=(len(number), len(number)))
    origins, row = np.unique([number[node] for node in starts], return_inverse=True)
    return np.asarray(dijkstra(table, indices=origins)[row, [number[node] for node in ends]])


def _tags(graph: Graph) -> list[dict[str, Any]]:
    return [tags for _, _, tags in graph.edges(data=True)]


def _led(tags: dict[str, Any], start: Point | None, end: Point | None) -> dict[str, Any]:
    """Return an edge led to other ends, its length and time the longer for it."""
    if start is None and end is None:
        return tags
    points = [*([start] if start else []), *shapely.get_coordinates(tags["geometry"]).tolist(), *([end] if end else [])]
    line = LineString(points)
    by = line.length / tags["geometry"].length
    return {**tags, "geometry": line, "length": rounded_m(line.length), "drive_s": round_one_s(tags["drive_s"] * by)}


def _stands_for(graph: Graph, merge_m: float) -> dict[Point, Point]:
    """Return the node that each node becomes; shorter streets are merged first."""
    nodes = sorted(graph)
    number = {node: k for k, node in enumerate(nodes)}
    streets: dict[Point, list[int]] = defaultdict(list)
    short: dict[tuple[Point, Point], int] = defaultdict(int)
    for u, v, tags in graph.edges(data=True):
        streets[u].append(tags["modes"])
        streets[v].append(tags["modes"])
        if u != v and tags["length"] <= merge_m:
            short[u, v] |= tags["modes"]
    groups = Groups(len(nodes))
    members = {k: [node] for k, node in enumerate(nodes)}
    reached = [int(np.bitwise_or.reduce(streets[node])) if streets[node] else 0 for node in nodes]
    for u, v in sorted((pair for pair in short if pair[0] < pair[1]), key=lambda pair: (math.dist(*pair), pair)):
        a, b = groups.of(number[u]), groups.of(number[v])
        both = short[u, v] & short.get((v, u), 0)
        near = all(math.dist(p, q) <= merge_m for p in members[a] for q in members[b])
        if a != b and near and not reached[a] & reached[b] & ~both:
            groups.join(a, b)
            members[groups.of(a)], reached[groups.of(a)] = members[a] + members[b], reached[a] | reached[b]

    def rank(node: Point) -> tuple[int, int, Point]:
        return sum(bool(bits & MODE_BIT["drive"]) for bits in streets[node]), len(streets[node]), node

    return {node: max(members[groups.of(number[node])], key=rank) for node in nodes}
