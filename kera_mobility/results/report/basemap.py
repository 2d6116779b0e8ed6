"""The drawn streets and railway of a result as graphs: who travels is put on them for the map and the playback.

A result keeps where legs begin and end, not their way. What is shown follows the shortest drawn way, which is the
model's own way but for one-way streets and car speeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from kera_mobility.geometry import degree_scale
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.units import BoolArray, FloatArray, IntArray

STEPS_PER_DEGREE = 100_000
"""Drawn points are whole multiples of 1e-5 degrees, about a metre."""
PATH = "path"
PATH_FACTOR = 4.0
"""Vehicles avoid footpaths: a metre of them counts as four. Assumption, for drawing only."""
TRACK_JOIN_M = 25.0
"""Ends and bends of drawn tracks nearer than this are one railway. Assumption, for drawing only."""
TRACK_PIECE_M = 50.0
"""Tracks are cut into pieces about this long, so that a station finds its place on them."""
ROWS_AT_ONCE = 512
"""Origins whose shortest ways are held in memory together."""


@dataclass(frozen=True)
class Trees:
    """Shortest ways from some origins (K,) to every junction J."""

    origins: IntArray
    length_m: FloatArray
    """(K, J), weighted; inf where there is no way."""
    before: NDArray[np.int32]
    """(K, J) the junction before each one on the way from the origin; negative at the origin or without a way."""


class Net:
    """Lines joined at their ends, as a graph for one way of moving. J junctions, L lines."""

    def __init__(self, ends: IntArray, junction_lonlat: FloatArray, weight_m: FloatArray) -> None:
        """Join lines.

        Parameters
        ----------
        ends
            Junction at each end of each line, (L, 2).
        junction_lonlat
            Degrees, (J, 2).
        weight_m
            Length of each line as felt, (L,).
        """
        self.junction_lonlat = junction_lonlat
        self.ends = ends
        """Junction at each end of each line, (L, 2)."""
        order = np.lexsort((weight_m, ends.max(axis=1), ends.min(axis=1)))
        low, high = ends.min(axis=1)[order], ends.max(axis=1)[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = (np.diff(low) != 0) | (np.diff(high) != 0)
        kept = order[first & (low != high)]
        self._low, self._high, self._line = ends[kept].min(axis=1), ends[kept].max(axis=1), kept
        count = len(junction_lonlat)
        self._keys = self._low * count + self._high
        self._graph = csr_matrix((np.maximum(weight_m[kept], 0.01), (self._low, self._high)), shape=(count, count))

    @property
    def junctions(self) -> int:
        """How many junctions there are."""
        return len(self.junction_lonlat)

    @cached_property
    def largest(self) -> BoolArray:
        """Which junctions hang together with most others, (J,)."""
        from scipy.sparse.csgraph import connected_components

        _, part = connected_components(self._graph, directed=False)
        of_largest: BoolArray = part == np.bincount(part).argmax()
        return of_largest

    def snap(self, lonlat: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the nearest junction of the connected net for points (S, 2), and the distance in metres, (S,)."""
        candidates = np.flatnonzero(self.largest)
        scale = _scale(self.junction_lonlat)
        distance_m, found = cKDTree(self.junction_lonlat[candidates] * scale).query(lonlat * scale)
        return candidates[np.asarray(found, dtype=np.int64)], np.asarray(distance_m, dtype=np.float64)

    def trees(self, origins: IntArray) -> Iterator[Trees]:
        """Yield the shortest ways from junctions, some at a time."""
        for start in range(0, len(origins), ROWS_AT_ONCE):
            some = origins[start : start + ROWS_AT_ONCE]
            length_m, before = dijkstra(self._graph, directed=False, indices=some, return_predecessors=True)
            yield Trees(some, length_m, before)

    def lines_between(self, first: IntArray, second: IntArray) -> IntArray:
        """Return the line between pairs of neighbouring junctions, (P,)."""
        keys = np.minimum(first, second) * self.junctions + np.maximum(first, second)
        found: IntArray = self._line[np.searchsorted(self._keys, keys)]
        return found

    def way(self, trees: Trees, row: int, target: int) -> list[int]:
        """Return the lines from the origin of a row to a junction: line + 1, negative where it is gone backwards."""
        behind = [target]
        before = trees.before[row]
        while before[behind[-1]] >= 0:
            behind.append(int(before[behind[-1]]))
        stops = np.array(behind[::-1], dtype=np.int64)
        lines = self.lines_between(stops[:-1], stops[1:])
        forward = self.ends[lines, 0] == stops[:-1]
        signed: list[int] = np.where(forward, lines + 1, -(lines + 1)).tolist()
        return signed


class Ground:
    """The streets and the railway of a result, with the nodes of its places put on them. N places."""

    def __init__(self, record: RunRecord) -> None:
        streets: Sequence[dict[str, Any]] = record.area.get("streets", ())
        rail: Sequence[Any] = record.area.get("rail", ())
        self.streets = [street for street in streets if len(street["line"]) > 1 and street["class"] != "outside"]
        self.lines = [in_steps(street["line"]) for street in self.streets]
        self.street_count = len(self.lines)
        self.track_lines = [in_steps(line) for line in rail if len(line) > 1]
        self.place_lonlat = np.column_stack([numbers(record.places, "lon"), numbers(record.places, "lat")])
        self.place_node = numbers(record.places, "node").astype(np.int64)
        self.outside = np.array([kind == "outside" for kind in record.places.column("kind").to_pylist()])
        self.outside |= self._beyond_the_streets()
        if self.streets:
            self._join_streets()
        self._join_tracks()

    def rows(self, nodes: IntArray) -> IntArray:
        """Return the row in `places` of each node."""
        order = np.argsort(self.place_node, kind="stable")
        at = np.minimum(np.searchsorted(self.place_node[order], nodes), len(order) - 1)
        found: IntArray = order[at]
        return found

    @cached_property
    def length_m(self) -> FloatArray:
        """Length of each street, (L,)."""
        return np.array([_length_m(line) for line in self.lines[: self.street_count]])

    def near_track(self, rows: IntArray, limit_m: float) -> BoolArray:
        """Return which places lie within a distance of the railway, (S,)."""
        if self.tracks is None:
            return np.zeros(len(rows), dtype=np.bool_)
        _, distance_m = self.tracks.snap(self.place_lonlat[rows])
        return distance_m <= limit_m

    def _beyond_the_streets(self) -> BoolArray:
        """Return which places lie outside the frame of the drawn streets; older results mark them as stops, (N,)."""
        if not self.streets:
            return np.zeros(len(self.place_lonlat), dtype=np.bool_)
        points = np.concatenate(self.lines) / STEPS_PER_DEGREE
        low, high = points.min(axis=0) - 0.002, points.max(axis=0) + 0.002
        beyond: BoolArray = np.any((self.place_lonlat < low) | (self.place_lonlat > high), axis=1)
        return beyond

    def _join_streets(self) -> None:
        ends = np.concatenate([line[[0, -1]] for line in self.lines])
        junctions, which = np.unique(ends, axis=0, return_inverse=True)
        pairs = which.reshape(-1, 2).astype(np.int64)
        lonlat = junctions / STEPS_PER_DEGREE
        path = np.array([street["class"] == PATH for street in self.streets])
        self.foot = Net(pairs, lonlat, self.length_m)
        self.wheels = Net(pairs, lonlat, self.length_m * np.where(path, PATH_FACTOR, 1.0))
        self.place_junction, _ = self.foot.snap(self.place_lonlat)

    def _join_tracks(self) -> None:
        """Cut the tracks into pieces and join what is close; the pieces come after the streets in `lines`."""
        self.tracks: Net | None = None
        if not self.track_lines:
            return
        pieces = [piece for line in self.track_lines for piece in _pieces(line)]
        points, which = np.unique(np.concatenate(pieces), axis=0, return_inverse=True)
        pairs = which.reshape(-1, 2).astype(np.int64)
        lonlat = points / STEPS_PER_DEGREE
        close = cKDTree(lonlat * _scale(lonlat)).query_pairs(TRACK_JOIN_M, output_type="ndarray").astype(np.int64)
        joined = np.concatenate([pairs, close.reshape(-1, 2)])
        self.lines = self.lines + [points[pair] for pair in joined]
        lengths = np.array([_length_m(points[pair]) for pair in joined])
        self.tracks = Net(joined, lonlat, lengths)


def in_steps(line: Sequence[Sequence[float]]) -> IntArray:
    """Return the points of a line in whole steps of 1e-5 degrees, (G, 2)."""
    steps: IntArray = np.rint(np.asarray(line, dtype=np.float64) * STEPS_PER_DEGREE).astype(np.int64)
    return steps


def distance_m(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return straight distances between points in degrees, (S, 2) each."""
    step = (first - second) * _scale(np.atleast_2d(first))
    straight: FloatArray = np.hypot(step[..., 0], step[..., 1])
    return straight


def _pieces(line: IntArray) -> Iterator[IntArray]:
    """Yield the straight pieces of a line, (2, 2) each, long ones cut."""
    for first, last in pairwise(line):
        count = max(1, round(_length_m(np.array([first, last])) / TRACK_PIECE_M))
        cuts = np.rint(first + (last - first) * np.linspace(0.0, 1.0, count + 1)[:, None]).astype(np.int64)
        for at in range(count):
            yield cuts[at : at + 2]


def _length_m(line: IntArray) -> float:
    points = line / STEPS_PER_DEGREE
    return float(distance_m(points[1:], points[:-1]).sum())


def _scale(lonlat: FloatArray) -> FloatArray:
    """Return metres in a degree east and north, (2,)."""
    return degree_scale(float(lonlat[:, 1].mean()) if len(lonlat) else 0.0)
