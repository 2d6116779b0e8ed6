"""Give straight streets the bends that real ones have: curves through drawn points, arcs between junctions.

Pure geometry, no chance: what is bent stays free of crossings, and its length is that of the curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.pieces import TOUCH_M, Piece, Point, on_millimetres
from kera_mobility.units import FloatArray

STEP_M = 22.0
"""A curve is drawn with a point about this often. Assumption."""
MOST_STEPS = 7
"""Points of one link at most."""
STRAIGHT_ON_DEGREES = 125.0
"""Two links that meet at a wider angle are one street with a common direction there. Assumption."""
LONE_BEND_DEGREES = 9.0
"""A link that goes on as nothing else bends by this, to one side or the other or not at all. Assumption."""

Tangents = dict[tuple[int, int], FloatArray]
"""Direction by number of a link and end (0 or 1), pointing from its first end to its last."""


def smooth(points: FloatArray) -> FloatArray:
    """Return a curve through all the points, (K, 2): a centripetal Catmull-Rom spline, which never loops.

    Source: Catmull and Rom 1974; centripetal knots by Yuksel, Schaefer and Keyser 2011.
    """
    if len(points) < 3:
        return points
    ends = 2.0 * points[[0, -1]] - points[[1, -2]]
    every = np.vstack([ends[:1], points, ends[1:]])
    curves = [_catmull_rom(every[number : number + 4]) for number in range(len(points) - 1)]
    return on_millimetres(np.vstack([points[:1], *curves]))


def with_bends(
    links: Sequence[Piece], pieces: Sequence[Piece], barrier: BaseGeometry, most_degrees: float
) -> list[Piece]:
    """Return straight links as curves that still cross nothing: neither each other, nor a piece, nor the barrier.

    Links that meet at a wide angle go on into each other. A curve that would cross something stays straight.
    """
    tangents = _common_tangents(links)
    curved = [_curve(link, number, tangents, most_degrees) for number, link in enumerate(links)]
    fixed = shapely.STRtree([piece.line for piece in pieces])
    while True:
        lines = [link.line for link in curved]
        wrong = _crossing(lines, fixed) | _crossing(lines, shapely.STRtree(lines))
        wrong |= set(np.flatnonzero(shapely.intersects(lines, barrier)).tolist())
        wrong = {number for number in wrong if len(curved[number].points) > 2}
        if not wrong:
            return curved
        for number in sorted(wrong):
            curved[number] = links[number]


def _catmull_rom(points: FloatArray) -> FloatArray:
    """Return the points after the first of the curve between the middle two of four points."""
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.hypot(*np.diff(points, axis=0).T)))])
    steps = max(1, math.ceil(math.dist(points[1], points[2]) / STEP_M))
    at = np.linspace(knots[1], knots[2], steps + 1)[1:, None]

    def between(a: FloatArray, b: FloatArray, first: int, last: int) -> FloatArray:
        share = (at - knots[first]) / (knots[last] - knots[first])
        return np.asarray(a * (1.0 - share) + b * share)

    once = [between(points[k], points[k + 1], k, k + 1) for k in range(3)]
    twice = [between(once[k], once[k + 1], k, k + 2) for k in range(2)]
    curve = between(twice[0], twice[1], 1, 2)
    curve[-1] = points[2]
    return curve


def _common_tangents(links: Sequence[Piece]) -> Tangents:
    """Return the directions in which links go on into each other, the straightest pairs at a node first."""
    at: dict[Point, list[tuple[int, int]]] = {}
    for number, link in enumerate(links):
        for end in (0, 1):
            at.setdefault(link.ends[end], []).append((number, end))
    tangents: Tangents = {}
    for node in sorted(at):
        ways = {key: _away(links[key[0]], key[1]) for key in at[node]}
        pairs = [(_cosine(ways[a], ways[b]), a, b) for a in ways for b in ways if a < b]
        for cosine, a, b in sorted(pairs):
            if cosine > math.cos(math.radians(STRAIGHT_ON_DEGREES)) or a in tangents or b in tangents:
                continue
            through = ways[b] - ways[a]
            through /= math.hypot(*through)
            tangents[a] = -through if a[1] == 0 else through
            tangents[a] = through if a[1] == 1 else -through
            tangents[b] = through if b[1] == 0 else -through
    return tangents


def _cosine(way: FloatArray, other: FloatArray) -> float:
    return float(way[0] * other[0] + way[1] * other[1])


def _away(link: Piece, end: int) -> FloatArray:
    way = link.points[-1] - link.points[0]
    return np.asarray((way if end == 0 else -way) / math.hypot(*way))


def _curve(link: Piece, number: int, tangents: Tangents, most_degrees: float) -> Piece:
    """Return a link as a cubic Hermite curve; an end without a common direction completes an arc."""
    start, end = link.points[0], link.points[-1]
    chord = end - start
    length_m = math.hypot(*chord)
    heading = math.atan2(chord[1], chord[0])
    turns = [_turn(tangents.get((number, side)), heading, most_degrees) for side in (0, 1)]
    lone = math.radians(LONE_BEND_DEGREES) * (int(abs(start[0] + end[1])) % 3 - 1)
    first = turns[0] if turns[0] is not None else -turns[1] if turns[1] is not None else lone
    last = turns[1] if turns[1] is not None else -first
    if abs(first) + abs(last) < math.radians(1.0):
        return link
    steps = min(max(2, math.ceil(length_m / STEP_M)), MOST_STEPS)
    at = np.linspace(0.0, 1.0, steps + 1)[:, None]
    leave, arrive = (length_m * np.array([math.cos(heading + a), math.sin(heading + a)]) for a in (first, last))
    curve = (
        start * (1 + 2 * at) * (1 - at) ** 2 + leave * at * (1 - at) ** 2
        + end * at**2 * (3 - 2 * at) + arrive * at**2 * (at - 1)
    )  # fmt: skip
    curve[0], curve[-1] = start, end
    return replace(link, points=on_millimetres(curve))


def _turn(tangent: FloatArray | None, heading: float, most_degrees: float) -> float | None:
    """Return how far a direction lies off the heading, radians, held within the most."""
    if tangent is None:
        return None
    off = math.remainder(math.atan2(tangent[1], tangent[0]) - heading, 2.0 * math.pi)
    most = math.radians(most_degrees)
    return min(max(off, -most), most)


def _crossing(lines: Sequence[LineString], tree: shapely.STRtree) -> set[int]:
    """Return the numbers of the lines that meet another anywhere but in a common end."""
    wrong: set[int] = set()
    geometries = tree.geometries
    for number, other in zip(*tree.query(lines, predicate="intersects").tolist(), strict=True):
        line, against = lines[number], geometries[other]
        if line is against or line.equals(against):
            continue
        meeting = shapely.get_coordinates(line.intersection(against))
        ends = shapely.get_coordinates(line)[[0, -1]]
        off = np.hypot(*(meeting[:, None, :] - ends[None, :, :]).transpose(2, 0, 1)).min(axis=1)
        if np.any(off > TOUCH_M):
            wrong.add(number)
    return wrong
