"""Join pieces of a street map by rule: a beta-skeleton over street ends, stops and homes that never crosses a barrier.

Pure geometry in projected metres, no chance and no OSMnx: the same pieces give the same map. What is joined here is
*inferred*: plausible streets that keep distances honest, not surveyed ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

import numpy as np
import shapely
from scipy.spatial import Delaunay, cKDTree
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.pieces import TOUCH_M, Groups, Piece, Point, point_of
from kera_mobility.errors import NetworkError
from kera_mobility.units import BoolArray, FloatArray, IntArray

_DIRECTION_M = 15.0
"""The direction in which a piece leaves its node is read this far along it. Assumption."""
_SIDE_M = 1.0
"""Candidates are shortened by this at both ends before asking what they cross."""


@dataclass(frozen=True)
class Rule:
    """Which two sites are joined; every number is an assumption, chosen by looking at the map and at detours."""

    beta: float
    """Shape of the empty region between two joined sites: 1 is the Gabriel graph, 2 the sparser neighbourhood graph."""
    beta_cars: float
    """The sparser skeleton whose links carry cars; the other links are paths."""
    longest_m: float
    """No longer link is drawn, unless a part would stay alone."""
    least_angle_degrees: float
    """A link leaves a street at no sharper angle."""
    barrier_gap_m: float
    """Nothing is joined to a site so near to the barrier."""


def join(pieces: Sequence[Piece], free: FloatArray, barrier: BaseGeometry, rule: Rule, origin: str) -> list[Piece]:
    """Return the links that make one network of the pieces and the free sites.

    A link crosses no piece and no barrier. Links of the sparser skeleton are local streets, the rest are paths; paths
    become streets where cars would otherwise be cut off.

    Raises
    ------
    NetworkError
        If a part stays alone because the barrier surrounds it.
    """
    fixed = sorted({end for piece in pieces for end in piece.ends})
    sites = np.vstack([np.array(fixed).reshape(-1, 2), free])
    number = {site: k for k, site in enumerate(fixed)}
    candidates = _candidates(sites)
    if origin == "planned":  # what stands today is joined already; only new corners need links
        candidates = candidates[candidates.max(axis=1) >= len(fixed)]
    candidates = candidates[_open(sites, candidates, pieces, barrier, rule)]
    length_m = np.hypot(*(sites[candidates[:, 0]] - sites[candidates[:, 1]]).T)
    apart = ~_same_street(candidates, pieces, number) & _wide_angle(sites, candidates, pieces, number, rule)
    kept = apart & (length_m <= rule.longest_m) & _empty_lune(sites, candidates, rule.beta)
    kept |= _bridging(len(sites), candidates, length_m, kept, pieces, number)
    cars = _for_cars(sites, candidates, length_m, kept, pieces, number, rule)
    links = kept | cars
    first_street = 1 + max((piece.street for piece in pieces), default=-1)
    return [
        Piece(sites[pair], origin, "local" if car else "path", first_street + k, bool(car))
        for k, (pair, car) in enumerate(zip(candidates[links], cars[links], strict=True))
    ]


def with_calm_streets(pieces: Sequence[Piece], detour_m: float, share: float) -> list[Piece]:
    """Return the pieces with some inferred local streets made paths: cars have another way, people go straight on.

    A share of the streets whose two ends a car reaches from each other within the detour is closed, the rest of the
    order given by where they lie; every end keeps a street.
    """
    ways: dict[Point, dict[int, tuple[Point, float]]] = {}
    for number, piece in enumerate(pieces):
        if piece.drive:
            for a, b in (piece.ends, piece.ends[::-1]):
                ways.setdefault(a, {})[number] = b, piece.line.length
    calm = list(pieces)
    spared = 0.0
    for number, piece in enumerate(pieces):
        if not (piece.drive and piece.origin == "inferred" and piece.street_class == "local"):
            continue
        a, b = piece.ends
        if min(len(ways[a]), len(ways[b])) < 2 or not _within(ways, a, b, number, detour_m):
            continue
        spared += share
        if spared >= 1.0:
            spared -= 1.0
            del ways[a][number], ways[b][number]
            calm[number] = replace(piece, drive=False, street_class="path")
    return calm


def _within(
    ways: dict[Point, dict[int, tuple[Point, float]]], start: Point, end: Point, without: int, limit_m: float
) -> bool:
    """Return whether a way between two points without one piece is no longer than a limit (Dijkstra 1959)."""
    reached = {start: 0.0}
    heap = [(0.0, start)]
    while heap:
        so_far_m, here = heappop(heap)
        if here == end:
            return True
        for number, (there, length_m) in ways[here].items():
            further_m = so_far_m + length_m
            if number != without and further_m <= min(limit_m, reached.get(there, limit_m)):
                reached[there] = further_m
                heappush(heap, (further_m, there))
    return False


def _candidates(sites: FloatArray) -> IntArray:
    corners = Delaunay(sites).simplices
    pairs = np.vstack([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)


def _open(sites: FloatArray, pairs: IntArray, pieces: Sequence[Piece], barrier: BaseGeometry, rule: Rule) -> BoolArray:
    """Return which pairs see each other: no piece and no barrier between, and neither site at the barrier."""
    start, end = sites[pairs[:, 0]], sites[pairs[:, 1]]
    inset = (end - start) * (_SIDE_M / np.maximum(np.hypot(*(end - start).T), 3 * _SIDE_M))[:, None]
    lines = shapely.linestrings(np.stack([start + inset, end - inset], axis=1))
    blocked = np.zeros(len(pairs), dtype=bool)
    if pieces:
        blocked[shapely.STRtree([piece.line for piece in pieces]).query(lines, predicate="intersects")[0]] = True
    blocked |= shapely.intersects(shapely.linestrings(np.stack([start, end], axis=1)), barrier)
    near = _at_barrier(sites, pieces, barrier, rule)
    seen: BoolArray = ~blocked & ~near[pairs[:, 0]] & ~near[pairs[:, 1]]
    return seen


def _at_barrier(sites: FloatArray, pieces: Sequence[Piece], barrier: BaseGeometry, rule: Rule) -> BoolArray:
    """Return which sites lie too near to the barrier; the two ends of a piece that passes it may be near."""
    passing = [piece for piece in pieces if piece.line.intersects(barrier)]
    mouths = {end for piece in passing for end in piece.ends}
    gap_m = np.array([_SIDE_M if point_of(site) in mouths else rule.barrier_gap_m for site in sites])
    return np.asarray(shapely.distance(shapely.points(sites), barrier) < gap_m)


def _empty_lune(sites: FloatArray, pairs: IntArray, beta: float) -> BoolArray:
    """Return which pairs have no third site in their lune (Kirkpatrick and Radke 1985); one on its edge counts."""
    tree = cKDTree(sites)
    start, end = sites[pairs[:, 0]], sites[pairs[:, 1]]
    radius = beta * np.hypot(*(end - start).T) / 2.0
    centre_a, centre_b = start + (end - start) * (beta / 2.0), end + (start - end) * (beta / 2.0)
    edge = 1.0 + 1e-9
    inside = tree.query_ball_point(centre_a, radius * edge)
    empty = np.ones(len(pairs), dtype=bool)
    for row, near in enumerate(inside):
        third_sites = [k for k in near if k != pairs[row, 0] and k != pairs[row, 1]]
        if third_sites and np.any(np.hypot(*(sites[third_sites] - centre_b[row]).T) <= radius[row] * edge):
            empty[row] = False
    return empty


def _same_street(pairs: IntArray, pieces: Sequence[Piece], number: dict[Point, int]) -> BoolArray:
    streets: dict[int, set[int]] = {}
    for piece in pieces:
        for end in piece.ends:
            streets.setdefault(number[end], set()).add(piece.street)
    nothing: set[int] = set()
    return np.array([bool(streets.get(a, nothing) & streets.get(b, nothing)) for a, b in pairs.tolist()], dtype=bool)


def _wide_angle(
    sites: FloatArray, pairs: IntArray, pieces: Sequence[Piece], number: dict[Point, int], rule: Rule
) -> BoolArray:
    """Return which pairs leave every piece at both their sites at a wide enough angle."""
    leaving: dict[int, list[FloatArray]] = {}
    for piece in pieces:
        line = piece.line
        for end, along in ((piece.ends[0], min(_DIRECTION_M, line.length)), (piece.ends[1], -_DIRECTION_M)):
            ahead = line.interpolate(along)
            away = np.array([ahead.x - end[0], ahead.y - end[1]])
            leaving.setdefault(number[end], []).append(away / max(math.hypot(*away), TOUCH_M))
    sharpest = math.cos(math.radians(rule.least_angle_degrees))
    wide = np.ones(len(pairs), dtype=bool)
    for row, (a, b) in enumerate(pairs.tolist()):
        way = (sites[b] - sites[a]) / math.dist(sites[a], sites[b])
        wide[row] = not any(
            direction[0] * ahead[0] + direction[1] * ahead[1] > sharpest
            for site, ahead in ((a, way), (b, -way))
            for direction in leaving.get(site, ())
        )
    return wide


def _bridging(
    sites: int,
    pairs: IntArray,
    length_m: FloatArray,
    kept: BoolArray,
    pieces: Sequence[Piece],
    number: dict[Point, int],
) -> BoolArray:
    """Return the shortest further pairs that join the parts left apart."""
    group = Groups(sites)
    for piece in pieces:
        group.join(number[piece.ends[0]], number[piece.ends[1]])
    for a, b in pairs[kept].tolist():
        group.join(a, b)
    chosen = np.zeros(len(pairs), dtype=bool)
    for row in np.lexsort((pairs[:, 1], pairs[:, 0], length_m)).tolist():
        chosen[row] = group.join(int(pairs[row, 0]), int(pairs[row, 1]))
    used = {int(site) for site in pairs.ravel()} | set(number.values())
    apart = {group.of(site) for site in used}
    if len(apart) > 1:
        raise NetworkError(f"the street map falls into {len(apart)} parts that no link can join: too few crossings?")
    return chosen


def _for_cars(
    sites: FloatArray,
    pairs: IntArray,
    length_m: FloatArray,
    kept: BoolArray,
    pieces: Sequence[Piece],
    number: dict[Point, int],
    rule: Rule,
) -> BoolArray:
    """Return which pairs carry cars: the sparser skeleton off the paths, then the shortest that cars still need.

    What cars need is taken from kept pairs off the paths first, then from kept ones, then from all.
    """
    driven = {number[end] for piece in pieces if piece.drive for end in piece.ends}
    walked = set(number.values()) - driven
    off_paths = np.array([a not in walked and b not in walked for a, b in pairs.tolist()], dtype=bool)
    cars = kept & off_paths & _empty_lune(sites, pairs, rule.beta_cars)
    group = Groups(len(sites))
    for piece in pieces:
        if piece.drive:
            group.join(number[piece.ends[0]], number[piece.ends[1]])
    for a, b in pairs[cars].tolist():
        group.join(a, b)
    added = np.zeros(len(pairs), dtype=bool)
    for row in np.lexsort((pairs[:, 1], pairs[:, 0], length_m, ~off_paths, ~kept)).tolist():
        added[row] = not cars[row] and group.join(int(pairs[row, 0]), int(pairs[row, 1]))
    return np.asarray(cars | _without_dead_ends(pairs, cars, added, walked))


def _without_dead_ends(links: IntArray, cars: BoolArray, added: BoolArray, walked: set[int]) -> BoolArray:
    """Return the added links less those that only lead cars to a place on foot paths."""
    while True:
        count: dict[int, int] = {}
        for a, b in links[cars | added].tolist():
            count[a], count[b] = count.get(a, 0) + 1, count.get(b, 0) + 1
        idle = np.array([any(k in walked and count.get(k) == 1 for k in pair) for pair in links.tolist()], dtype=bool)
        idle &= added
        if not idle.any():
            return added
        added = np.asarray(added & ~idle)
