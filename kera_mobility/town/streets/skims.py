"""Shortest ways between all nodes of a district, computed once and kept in the user's cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from kera_mobility.cache import computed_once
from kera_mobility.config.cache_keys import Input, cache_key
from kera_mobility.town.streets.streets import MODE_BIT, Skims, Streets
from kera_mobility.units import FloatArray, IntArray

_ASKED = ("edge_from", "edge_to", "edge_length_m", "edge_drive_s", "edge_modes")
"""Arrays of the streets that ways follow from."""
Tables = Mapping[str, NDArray[np.float32]]
"""By name, (N, N) each."""


def skims_of(streets: Streets, stands: IntArray | None = None) -> Skims:
    """Return the tables of shortest ways, memory-mapped from the cache where it has them; see `compute_skims`."""
    key, names = _key(streets, stands=stands), tuple(Skims.__dataclass_fields__)
    return Skims(**_once(key, names, lambda: vars(compute_skims(streets, stands))))


def ways_of(streets: Streets, mode: str, weight: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `best_ways`, memory-mapped from the cache where it has them."""
    names = ("least", "length_m")
    key = _key(streets, mode=mode, weight=weight)
    tables = _once(key, names, lambda: dict(zip(names, best_ways(streets, mode, weight), strict=True)))
    return tables["least"], tables["length_m"]


def compute_skims(streets: Streets, stands: IntArray | None = None) -> Skims:
    """Return the tables of shortest ways by Dijkstra's algorithm; lengths and times add exactly.

    Cars of a node stand at `stands`, (N,), or on the nearest street: where streets are shut for a while, cars stand
    where they always do, and may be shut in.
    """
    walk_m, _ = _shortest(streets, "walk", np.asarray(streets.edge_length_m), with_ways=False)
    cycle_m, _ = _shortest(streets, "cycle", np.asarray(streets.edge_length_m), with_ways=False)
    drive_s, drive_m = best_ways(streets, "drive", np.asarray(streets.edge_drive_s))
    beside = nearest_drivable(streets, walk_m) if stands is None else stands
    return Skims(walk_m, cycle_m, drive_s[np.ix_(beside, beside)], drive_m[np.ix_(beside, beside)])


def best_ways(streets: Streets, mode: str, weight: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the least sum of weights of edges, (E,), inf where closed, between all nodes, and how long that way is.

    Both (N, N), inf where there is no way.
    """
    least, before = _shortest(streets, mode, weight, with_ways=True)
    assert before is not None
    return least, _length_along(streets, mode, weight, before, np.isfinite(least))


def _shortest(
    streets: Streets, mode: str, weight: FloatArray, *, with_ways: bool
) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
    open_edges, _ = _lightest(streets, mode, weight)
    graph = csr_matrix(
        (weight[open_edges], (streets.edge_from[open_edges], streets.edge_to[open_edges])),
        shape=(streets.nodes, streets.nodes),
    )
    if not with_ways:
        return dijkstra(graph).astype(np.float32), None
    table, before = dijkstra(graph, return_predecessors=True)
    return table.astype(np.float32), before.astype(np.int32)


def _lightest(streets: Streets, mode: str, weight: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the lightest open edge for each pair of nodes that an edge joins, and its key from * N + to."""
    usable = (np.asarray(streets.edge_modes) & MODE_BIT[mode]).astype(bool) & np.isfinite(weight)
    edges = np.flatnonzero(usable & (streets.edge_from != streets.edge_to))
    key = np.asarray(streets.edge_from, np.int64)[edges] * streets.nodes + np.asarray(streets.edge_to, np.int64)[edges]
    order = np.lexsort((edges, weight[edges], key))
    keys, first = np.unique(key[order], return_index=True)
    return edges[order][first], keys


def _length_along(
    streets: Streets, mode: str, weight: FloatArray, before: NDArray[np.int32], reachable: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the length of the best ways by following each node's predecessor, doubling the stride each round."""
    edges, keys = _lightest(streets, mode, weight)
    nodes = streets.nodes
    own = np.broadcast_to(np.arange(nodes, dtype=np.int32), (nodes, nodes))
    is_root = before < 0
    stride = np.where(is_root, own, before)
    edge_row = np.minimum(np.searchsorted(keys, stride.astype(np.int64) * nodes + own), len(keys) - 1)
    length = np.where(is_root, 0.0, np.asarray(streets.edge_length_m)[edges][edge_row])
    while True:
        further = np.take_along_axis(stride, stride, axis=1)
        if np.array_equal(further, stride):
            break
        length = length + np.take_along_axis(length, stride, axis=1)
        stride = further
    return np.where(reachable, length, np.inf).astype(np.float32)


def nearest_drivable(streets: Streets, walk_m: NDArray[np.float32]) -> IntArray:
    """Return the node where a car stands for each node, (N,): itself, or beside a path the nearest one on a street.

    The walk between them is part of what `services.car.access_s` assumes.
    """
    open_edges, _ = _lightest(streets, "drive", np.asarray(streets.edge_drive_s))
    driven = np.unique(np.asarray(streets.edge_from)[open_edges])
    beside: IntArray = np.arange(streets.nodes)
    if not len(driven):
        return beside
    undriven = np.setdiff1d(beside, driven)
    beside[undriven] = driven[np.argmin(walk_m[np.ix_(undriven, driven)], axis=1)]
    return beside


def _key(streets: Streets, **more: Input) -> str:
    """Return the key of tables that follow from these streets, more inputs and the code here."""
    arrays = {name: np.asarray(getattr(streets, name)) for name in _ASKED}
    return cache_key("town/streets/", nodes=streets.nodes, **arrays, **more)


def _once(key: str, names: Sequence[str], compute: Callable[[], Tables]) -> Tables:
    """Return tables by name, memory-mapped from the cache; computed and kept there if it has them not."""

    def read(place: Path) -> Tables:
        # Plain arrays over the mapped memory: looking up one number in a memmap object costs three times as much.
        return {name: np.asarray(np.load(place / f"{name}.npy", mmap_mode="r")) for name in names}

    return computed_once("skims", key, read, compute, _write)


def _write(tables: Tables, folder: Path) -> None:
    for name, table in tables.items():
        np.save(folder / f"{name}.npy", table)
