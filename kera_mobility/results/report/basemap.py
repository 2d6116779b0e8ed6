"""The drawn streets and railway of a result as graphs: travellers and vehicles are put on them for map and playback.

A result keeps where legs begin and end, not their path. What is shown follows the shortest drawn path, which is the
model's own path but for one-way streets and car speeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from kera_mobility.geometry import degree_scale
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.units import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

STEPS_PER_DEGREE = 100_000
"""Drawn points are whole multiples of 1e-5 degrees, about a metre."""
PATH = "path"
PATH_FACTOR = 4.0
"""Vehicles avoid footpaths: a metre of them counts as four. Assumption, for drawing only."""
TRACK_JOIN_M = 25.0
"""Ends and bends of drawn tracks nearer than this are one railway. Assumption, for drawing only."""
TRACK_PIECE_M = 50.0
"""Tracks are cut into pieces about this long, so that a station finds its place on them."""
FRAME_MARGIN_DEG = 0.002
"""Places farther than this outside the frame of the drawn streets are beyond the map."""
ROWS_AT_ONCE = 512
"""Origins whose shortest paths are held in memory together."""


@dataclass(frozen=True)
class PathTrees:
    """Shortest paths from some origins (K,) to every junction J."""

    origins: IntArray
    length_m: FloatArray
    """(K, J), weighted; inf where there is no path."""
    before: NDArray[np.int32]
    """(K, J) the junction before each one on the path from the origin; negative at the origin or without a path."""


class DrawnGraph:
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
        low, high = ends.min(axis=1), ends.max(axis=1)
        keys = low * self.junctions + high
        order = np.lexsort((weight_m, keys))
        self._keys, first = np.unique(keys[order], return_index=True)
        self._line = order[first]  # of parallel lines the shortest
        self._graph = csr_matrix(
            (np.maximum(weight_m[self._line], 0.01), (low[self._line], high[self._line])),
            shape=(self.junctions, self.junctions),
        )

    @property
    def junctions(self) -> int:
        """How many junctions there are."""
        return len(self.junction_lonlat)

    @cached_property
    def largest(self) -> IntArray:
        """Junctions of the largest connected part."""
        _, part = connected_components(self._graph, directed=False)
        return np.flatnonzero(part == np.bincount(part).argmax())

    def snap(self, lonlat: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the nearest junction of the largest connected part for points (S, 2), and the distance in m, (S,)."""
        scale = metres_in_a_degree(self.junction_lonlat)
        distance_m, nearest = cKDTree(self.junction_lonlat[self.largest] * scale).query(lonlat * scale)
        return self.largest[np.asarray(nearest, dtype=np.int64)], np.asarray(distance_m, dtype=np.float64)

    def shortest_paths(self, origins: IntArray) -> Iterator[PathTrees]:
        """Yield the shortest paths from junctions, a number of origins at a time."""
        for start in range(0, len(origins), ROWS_AT_ONCE):
            rows = origins[start : start + ROWS_AT_ONCE]
            length_m, before = dijkstra(self._graph, directed=False, indices=rows, return_predecessors=True)
            yield PathTrees(rows, length_m, before)

    def lines_between(self, first: AnyArray, second: AnyArray) -> IntArray:
        """Return the line between pairs of neighbouring junctions, (P,)."""
        keys = np.minimum(first, second).astype(np.int64) * self.junctions + np.maximum(first, second)
        lines: IntArray = self._line[np.searchsorted(self._keys, keys)]
        return lines

    def path(self, paths: PathTrees, row: int, target: int) -> list[int]:
        """Return the lines from the origin of a row to a junction: line + 1, negative where it is gone backwards."""
        junctions = [target]
        before = paths.before[row]
        while before[junctions[-1]] >= 0:
            junctions.append(int(before[junctions[-1]]))
        stops = np.array(junctions[::-1], dtype=np.int64)
        lines = self.lines_between(stops[:-1], stops[1:])
        signed: list[int] = np.where(self.ends[lines, 0] == stops[:-1], lines + 1, -(lines + 1)).tolist()
        return signed


class DrawnMap:
    """The streets and the railway of a result, with the nodes of its places put on them. N places."""

    tracks: DrawnGraph | None = None

    def __init__(self, record: RunRecord) -> None:
        streets: Sequence[dict[str, Any]] = record.area.get("streets", ())
        rail: Sequence[Any] = record.area.get("rail", ())
        self.streets = [street for street in streets if len(street["line"]) > 1 and street["class"] != "outside"]
        self.lines = [in_steps(street["line"]) for street in self.streets]
        self.street_count = len(self.lines)
        self.track_lines = [in_steps(line) for line in rail if len(line) > 1]
        self.place_lonlat = np.column_stack([numbers(record.places, "lon"), numbers(record.places, "lat")])
        nodes = numbers(record.places, "node").astype(np.int64)
        self._node_order = np.argsort(nodes, kind="stable")
        self._nodes = nodes[self._node_order]
        self.outside = np.array([kind == "outside" for kind in record.places.column("kind").to_pylist()])
        if self.streets:
            self.outside |= self._beyond_the_streets()
            self._join_streets()
        if self.track_lines:
            self._join_tracks()

    def rows(self, nodes: AnyArray) -> IntArray:
        """Return the row in `places` of each node."""
        position = np.minimum(np.searchsorted(self._nodes, nodes), len(self._nodes) - 1)
        rows: IntArray = self._node_order[position]
        return rows

    def with_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a copy of a table in which nodes are rows of `places`."""
        nodes = [name for name in ("place", "origin", "destination", "start_place") if name in table]
        return table.assign(**{name: self.rows(table[name].to_numpy()) for name in nodes})

    @cached_property
    def length_m(self) -> FloatArray:
        """Length of each street, (L,)."""
        return np.array([_length_m(line) for line in self.lines[: self.street_count]])

    def near_track(self, rows: IntArray, limit_m: float) -> BoolArray:
        """Return which places lie within a distance of the railway, (S,)."""
        if self.tracks is None:
            return np.zeros(len(rows), dtype=np.bool_)
        return self.tracks.snap(self.place_lonlat[rows])[1] <= limit_m

    def _beyond_the_streets(self) -> BoolArray:
        """Return which places lie outside the frame of the drawn streets; older results mark them as stops, (N,)."""
        points = np.concatenate(self.lines) / STEPS_PER_DEGREE
        low, high = points.min(axis=0) - FRAME_MARGIN_DEG, points.max(axis=0) + FRAME_MARGIN_DEG
        beyond: BoolArray = np.any((self.place_lonlat < low) | (self.place_lonlat > high), axis=1)
        return beyond

    def _join_streets(self) -> None:
        junctions, ends = _joined([line[[0, -1]] for line in self.lines])
        path = np.array([street["class"] == PATH for street in self.streets])
        self.foot = DrawnGraph(ends, junctions / STEPS_PER_DEGREE, self.length_m)
        self.wheels = DrawnGraph(ends, junctions / STEPS_PER_DEGREE, self.length_m * np.where(path, PATH_FACTOR, 1.0))
        self.place_junction, _ = self.foot.snap(self.place_lonlat)

    def _join_tracks(self) -> None:
        """Cut the tracks into pieces and join what is close; the pieces come after the streets in `lines`."""
        points, ends = _joined([piece for line in self.track_lines for piece in _pieces(line)])
        lonlat = points / STEPS_PER_DEGREE
        tree = cKDTree(lonlat * metres_in_a_degree(lonlat))
        close = tree.query_pairs(TRACK_JOIN_M, output_type="ndarray").astype(np.int64)
        pieces = np.concatenate([ends, close.reshape(-1, 2)])
        self.lines = self.lines + [points[piece] for piece in pieces]
        self.tracks = DrawnGraph(pieces, lonlat, np.array([_length_m(points[piece]) for piece in pieces]))


def in_steps(line: Sequence[Sequence[float]]) -> IntArray:
    """Return the points of a line in whole steps of 1e-5 degrees, (G, 2)."""
    steps: IntArray = np.rint(np.asarray(line, dtype=np.float64) * STEPS_PER_DEGREE).astype(np.int64)
    return steps


def distance_m(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return straight distances between points in degrees, (S, 2) each."""
    step = (first - second) * metres_in_a_degree(np.atleast_2d(first))
    straight: FloatArray = np.hypot(step[..., 0], step[..., 1])
    return straight


def metres_in_a_degree(lonlat: FloatArray) -> FloatArray:
    """Return metres in a degree east and north at the middle of points (S, 2), (2,)."""
    return degree_scale(float(lonlat[:, 1].mean()) if len(lonlat) else 0.0)


def _joined(ends: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """Return the junctions (J, 2) at which lines end, and the junction at each end of each line, (L, 2)."""
    junctions, of_end = np.unique(np.concatenate(ends), axis=0, return_inverse=True)
    return junctions, of_end.reshape(-1, 2).astype(np.int64)


def _pieces(line: IntArray) -> Iterator[IntArray]:
    """Yield the straight pieces of a line, (2, 2) each, long ones cut."""
    for first, last in pairwise(line):
        count = max(1, round(_length_m(np.array([first, last])) / TRACK_PIECE_M))
        cuts = np.rint(first + (last - first) * np.linspace(0.0, 1.0, count + 1)[:, None]).astype(np.int64)
        yield from (cuts[number : number + 2] for number in range(count))


def _length_m(line: IntArray) -> float:
    points = line / STEPS_PER_DEGREE
    return float(distance_m(points[1:], points[:-1]).sum())
