"""Quality of a street map: lengths by origin and class, connectivity, detours. No OSMnx here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from kera_mobility.dice import Dice
from kera_mobility.geometry import degree_scale
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, MODES, ORIGINS, Streets
from kera_mobility.units import BoolArray, FloatArray, IntArray

CELL_SIDE_M = 250.0
"""Side of a cell of the population grid."""
LEAST_PAIR_M = 500.0
"""Detours are asked of pairs at least this far apart; nearer ones measure the snapping. Assumption."""


@dataclass(frozen=True)
class Survey:
    """Figures of a street map without the links to places beyond it; both directions of a street count once."""

    nodes: int
    outside_places: int
    km_by_origin: dict[str, float]
    km_by_class: dict[str, float]
    real_share: float
    """Share of the length that is surveyed street, of all that stands today (planned streets aside)."""
    parts_by_mode: dict[str, int]
    """Strongly connected parts among the nodes that the mode reaches; one is whole."""
    nodes_by_mode: dict[str, int]
    walk_degree: float
    """Mean number of other nodes that a node is joined to on foot."""
    circuity_by_mode: dict[str, tuple[float, float, float]]
    """Way over straight line of addressed pairs: 10th percentile, median, 90th."""


def survey(streets: Streets, pairs: int = 1000) -> Survey:
    """Return the figures of a street map, detours from `pairs` pairs of nodes."""
    once_m = length_once_m(streets, np.arange(len(streets.edge_from)))
    by_origin = {
        name: float(once_m[streets.edge_origin == k].sum() / 1000.0)
        for k, name in enumerate(ORIGINS)
        if name != "outside"
    }
    by_class = {
        name: float(once_m[streets.edge_class == k].sum() / 1000.0)
        for k, name in enumerate(CLASSES)
        if name != "outside"
    }
    real_km = by_origin["osm-2017"] + by_origin["osm"]
    return Survey(
        nodes=streets.nodes,
        outside_places=int(np.count_nonzero(streets.node_outside)),
        km_by_origin=by_origin,
        km_by_class=by_class,
        real_share=real_km / max(real_km + by_origin["inferred"], 1e-9),
        parts_by_mode={mode: parts(streets, mode) for mode in MODES},
        nodes_by_mode={mode: int(np.count_nonzero(reached(streets, mode))) for mode in MODES},
        walk_degree=_degree(streets, "walk"),
        circuity_by_mode={mode: _percentiles(circuity(streets, mode, pairs)) for mode in MODES},
    )


def reached(streets: Streets, mode: str) -> BoolArray:
    """Return which nodes have an edge that is open to a mode, (N,)."""
    edges = _open(streets, mode)
    is_reached = np.zeros(streets.nodes, dtype=np.bool_)
    is_reached[streets.edge_from[edges]] = True
    is_reached[streets.edge_to[edges]] = True
    return is_reached


def parts(streets: Streets, mode: str) -> int:
    """Return how many strongly connected parts the nodes fall into that a mode reaches; on foot, those of the map."""
    _, label = connected_components(_graph(streets, mode), connection="strong")
    asked = reached(streets, mode)
    if mode == "walk":
        asked &= ~np.asarray(streets.node_outside)
    return len(np.unique(label[asked]))


def circuity(streets: Streets, mode: str, pairs: int) -> FloatArray:
    """Return way over straight line for addressed pairs of nodes of the map at least LEAST_PAIR_M apart, (T,)."""
    nodes = np.flatnonzero(reached(streets, mode) & ~np.asarray(streets.node_outside))
    dice = Dice.of(0).at("circuity", mode)
    index = np.arange(pairs, dtype=np.int64)
    origins = nodes[(dice.uniform(index, "origin") * len(nodes)).astype(np.int64)]
    destinations = nodes[(dice.uniform(index, "destination") * len(nodes)).astype(np.int64)]
    straight = np.hypot(*(streets.node_xy_m[origins] - streets.node_xy_m[destinations]).T)
    far = straight >= LEAST_PAIR_M
    starts, row = np.unique(origins[far], return_inverse=True)
    way_m = dijkstra(_graph(streets, mode), indices=starts)[row, destinations[far]]
    return np.asarray(way_m / straight[far])


def walk_km_per_km2(streets: Streets, homes: FloatArray) -> float:
    """Return kilometres of walking network for each square kilometre of the populated cells, centres (C, 2) degrees.

    A path beside a street is not counted: the map keeps both as one edge.
    """
    scale = degree_scale(float(homes[:, 1].mean()))
    start = np.asarray(streets.shape_start)
    points = np.asarray(streets.shape_lonlat, dtype=np.float64) * scale
    stretch_m: FloatArray = np.hypot(*np.diff(points, axis=0).T)
    edge = np.repeat(np.arange(len(start) - 1), np.diff(start))
    within = edge[1:] == edge[:-1]
    stands = np.asarray(streets.edge_origin) != ORIGINS.index("planned")
    walked = ((np.asarray(streets.edge_modes) & MODE_BIT["walk"]) > 0) & stands
    off_m = cKDTree(homes * scale).query((points[1:] + points[:-1]) * 0.5, p=np.inf)[0]
    counted = within & walked[edge[:-1]] & (off_m <= CELL_SIDE_M / 2.0)
    area_km2: float = len(homes) * (CELL_SIDE_M / 1000.0) ** 2
    walked_km = float(stretch_m[counted].sum()) / 2000.0
    return walked_km / area_km2


def _degree(streets: Streets, mode: str) -> float:
    edges = _open(streets, mode)
    ends = np.sort(np.stack([np.asarray(streets.edge_from)[edges], np.asarray(streets.edge_to)[edges]]), axis=0)
    pairs = np.unique(ends[:, ends[0] != ends[1]], axis=1)
    return float(2.0 * pairs.shape[1] / max(len(np.unique(pairs)), 1))


def _graph(streets: Streets, mode: str) -> csr_matrix:
    """Return the lengths of the shortest edges between nodes, (N, N)."""
    edges = _open(streets, mode)
    length_m = np.asarray(streets.edge_length_m)
    edges = edges[np.argsort(-length_m[edges], kind="stable")]
    ends = (np.asarray(streets.edge_from)[edges], np.asarray(streets.edge_to)[edges])
    key = ends[0].astype(np.int64) * streets.nodes + ends[1]
    _, last = np.unique(key[::-1], return_index=True)
    chosen = edges[::-1][last]
    ends = (np.asarray(streets.edge_from)[chosen], np.asarray(streets.edge_to)[chosen])
    return csr_matrix((length_m[chosen], ends), shape=(streets.nodes, streets.nodes))


def _open(streets: Streets, mode: str) -> IntArray:
    return np.flatnonzero(np.asarray(streets.edge_modes) & MODE_BIT[mode])


def length_once_m(streets: Streets, edges: IntArray) -> FloatArray:
    """Return what each of some edges adds to the length of streets: half where one leads back along it, (E',)."""
    ends = np.stack([np.asarray(streets.edge_from)[edges], np.asarray(streets.edge_to)[edges]])
    length_m = np.asarray(streets.edge_length_m)[edges]
    points = np.asarray(streets.shape_lonlat, dtype=np.float64)
    line = np.add.reduceat(points, streets.shape_start[:-1], axis=0)[edges]  # the same forth and back
    key = np.stack([*np.sort(ends, axis=0), length_m, *line.T])
    _, street = np.unique(key, axis=1, return_inverse=True)
    street = street.reshape(-1)
    forth = np.bincount(street, ends[0] <= ends[1])
    count = np.bincount(street)
    ring = np.bincount(street, ends[0] == ends[1]) > 0
    once = np.where(ring, np.ceil(count / 2.0), np.maximum(forth, count - forth))
    return np.asarray(length_m * (once / count)[street])


def open_km(streets: Streets) -> dict[str, float]:
    """Return the length of the streets that each mode may use in some direction, those beyond the map apart."""
    stands = np.asarray(streets.edge_class) != CLASSES.index("outside")
    edges = {mode: np.flatnonzero(stands & ((np.asarray(streets.edge_modes) & MODE_BIT[mode]) > 0)) for mode in MODES}
    return {mode: float(length_once_m(streets, own).sum()) / 1000.0 for mode, own in edges.items()}


def _percentiles(ratio: FloatArray) -> tuple[float, float, float]:
    if not len(ratio):  # a map smaller than LEAST_PAIR_M
        return np.nan, np.nan, np.nan
    low, middle, high = np.percentile(ratio, [10, 50, 90])
    return float(low), float(middle), float(high)
