"""Pieces of street in projected metres: cut where they meet, welded at their ends, and the points that need streets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from kera_mobility.town.streets.streets import MODE_BIT
from kera_mobility.units import FloatArray

REAL_ORIGINS = ("osm-2017", "osm")
"""Origins of streets that somebody has surveyed."""
MILLIMETRES = 3
"""Coordinates are kept in whole millimetres, so that equal points are equal to the bit."""
WELD_M = 2.0
"""Ends of pieces nearer than this are one node. Assumption."""
TOUCH_M = 0.01
"""A point this near to a line lies on it: ten times the rounding of coordinates."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Piece:
    """A stretch of street between two nodes, straight on without a junction."""

    points: FloatArray
    """(K, 2) metres, K at least 2."""
    origin: str
    """One of `network.ORIGINS`."""
    street_class: str
    """One of `network.CLASSES`."""
    street: int
    """Number of the line that the piece was cut from; pieces of one line are never joined to each other."""
    drive: bool
    oneway: bool = False
    """Cars may go from the first point to the last only."""
    speed_m_s: float = 0.0
    """Free-flow speed of its own; 0 is that of the class."""
    name: str = ""
    walk: bool = True
    cycle: bool = True
    shut_forth: int = 0
    """Modes but cars that may not go from the first point to the last, a sum of MODE_BIT."""
    shut_back: int = 0
    """Modes but cars that may not go from the last point to the first."""

    @property
    def forth(self) -> int:
        """Who may go from the first point to the last, a sum of MODE_BIT."""
        return self._slow & ~self.shut_forth | MODE_BIT["drive"] * self.drive

    @property
    def back(self) -> int:
        """Who may go from the last point to the first, a sum of MODE_BIT."""
        return self._slow & ~self.shut_back | MODE_BIT["drive"] * (self.drive and not self.oneway)

    @property
    def _slow(self) -> int:
        return MODE_BIT["walk"] * self.walk | MODE_BIT["cycle"] * self.cycle

    @property
    def line(self) -> LineString:
        """The piece as a line."""
        return LineString(self.points)

    @property
    def ends(self) -> tuple[Point, Point]:
        """First and last point."""
        return point_of(self.points[0]), point_of(self.points[-1])


class Groups:
    """Disjoint sets of numbers; the smallest number stands for its set."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def of(self, member: int) -> int:
        """Return the number that stands for a member's set."""
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member

    def join(self, first: int, second: int) -> bool:
        """Make two sets one; false if they were."""
        a, b = sorted((self.of(first), self.of(second)))
        self._parent[b] = a
        return a != b


def point_of(pair: FloatArray) -> Point:
    """Return a pair of coordinates as a point that can be compared and looked up."""
    return float(pair[0]), float(pair[1])


def on_millimetres(points: FloatArray) -> FloatArray:
    """Return points rounded to whole millimetres, (K, 2)."""
    return np.asarray(np.round(points, MILLIMETRES) + 0.0, dtype=np.float64)


def extend_ends_to(drawn: Sequence[Piece], given: Sequence[Piece], reach_m: float) -> list[Piece]:
    """Return the drawn pieces with each end led to the nearest given piece, where one is within reach."""
    lines = [piece.line for piece in given]
    tree = shapely.STRtree(lines)
    return [with_ends_led_to(piece, lines, tree, reach_m) for piece in drawn]


def with_ends_led_to(piece: Piece, lines: Sequence[LineString], tree: shapely.STRtree, reach_m: float) -> Piece:
    """Return a piece with each end led to the nearest line within reach."""
    points = piece.points
    for end in (0, -1):
        near = tree.query_nearest(shapely.Point(points[end]), max_distance=reach_m, all_matches=False)
        if len(near):
            target = lines[int(near[0])]
            landing = target.interpolate(target.project(shapely.Point(points[end])))
            landed = on_millimetres(np.array([[landing.x, landing.y]]))
            points = np.vstack([landed, points]) if end == 0 else np.vstack([points, landed])
    return replace(piece, points=without_repeats(points))


def cut_at_meetings(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces cut where a drawn one meets another, and where an end lies on another piece.

    Two real ways that cross without a common point are a bridge and stay whole.
    """
    lines = [piece.line for piece in pieces]
    tree = shapely.STRtree(lines)
    cuts: dict[int, list[Point]] = {}
    for first, second in sorted(zip(*tree.query(lines, predicate="dwithin", distance=TOUCH_M).tolist(), strict=True)):
        if first >= second:
            continue
        meetings = _ends_on(pieces[first], lines[second]) + _ends_on(pieces[second], lines[first])
        if not (pieces[first].origin in REAL_ORIGINS and pieces[second].origin in REAL_ORIGINS):
            meetings += _points_of(lines[first].intersection(lines[second]))
        for number in (first, second):
            cuts.setdefault(number, []).extend(meetings)
    return weld([part for number, piece in enumerate(pieces) for part in cut(piece, cuts.get(number, ()))])


def cut(piece: Piece, points: Iterable[Point]) -> list[Piece]:
    """Return a piece cut at points that lie on it."""
    line = piece.line
    along = sorted({(line.project(shapely.Point(point)), point) for point in points})
    length = line.length
    stops = [(d, p) for d, p in along if WELD_M / 2 < d < length - WELD_M / 2]
    distances = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(piece.points, axis=0).T))])
    parts, start, here = [], 0.0, piece.points[0]
    for distance, point in [*stops, (length, point_of(piece.points[-1]))]:
        between = piece.points[(distances > start + TOUCH_M) & (distances < distance - TOUCH_M)]
        parts.append(replace(piece, points=without_repeats(np.vstack([here, between, point]))))
        start, here = distance, np.asarray(point)
    return [part for part in parts if len(part.points) > 1]


def weld(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with ends that lie within WELD_M of each other made one; what shrinks to nothing goes."""
    ends = np.array(sorted({end for piece in pieces for end in piece.ends}))
    group = Groups(len(ends))
    for first, second in sorted(cKDTree(ends).query_pairs(WELD_M)):
        group.join(first, second)
    place = {point_of(end): ends[group.of(number)] for number, end in enumerate(ends)}
    welded = []
    for piece in pieces:
        points = piece.points.copy()
        points[0], points[-1] = place[piece.ends[0]], place[piece.ends[1]]
        points = without_repeats(points)
        if len(points) > 1 and not (len(points) == 2 and np.array_equal(points[0], points[1])):
            welded.append(replace(piece, points=points))
    return welded


def without_repeats(points: FloatArray) -> FloatArray:
    fresh = np.concatenate([[True], np.any(np.diff(points, axis=0) != 0.0, axis=1)])
    return np.asarray(points[fresh])


def _ends_on(piece: Piece, line: LineString) -> list[Point]:
    return [end for end in piece.ends if line.distance(shapely.Point(end)) <= TOUCH_M]


def _points_of(meeting: BaseGeometry) -> list[Point]:
    """Return the points of an intersection; a shared stretch gives its two ends."""
    points: list[Point] = []
    for part in getattr(meeting, "geoms", [meeting]):
        coordinates = on_millimetres(shapely.get_coordinates(part))
        points += [point_of(pair) for pair in coordinates[[0, -1]][: len(coordinates)]] if len(coordinates) else []
    return points
