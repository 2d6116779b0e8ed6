"""From ways with tags to pieces of street: who may go where, barriers, streets that two files draw, squares."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, groupby, pairwise
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry
from shapely.prepared import prep

from kera_mobility.areas.kilometres import Kilometres
from kera_mobility.areas.osm_tags import Rules, Tags, rules_of
from kera_mobility.areas.pieces import Piece, Point, on_millimetres, point_of, without_repeats
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, MODES
from kera_mobility.units import FloatArray

ALL_MODES = sum(MODE_BIT.values())
OUTSIDE, TWICE, BARRIERS, OTHER_FILE = (
    "outside the rectangle", "drawn twice", "at barriers", "another file has it for the mode",
)  # fmt: skip
ACROSS = "across squares"
GAP_M = 0.5
"""A barrier shuts this much of a street on each of its sides. Assumption."""
SPARED_DETOUR = 1.1
"""A line across a square is left out where lines that are there make the way at most so much longer. Assumption."""
MOST_GATES = 60
"""A square with more places to enter it has only its outline and the lines between this many of them. Assumption."""


class Way(NamedTuple):
    """A way of OpenStreetMap, or a part of one."""

    tags: Tags
    line: LineString
    """In metres."""
    modes: int = ALL_MODES
    """The modes that its file is read for, a sum of MODE_BIT."""


def pieces_of_ways(
    ways: Iterable[Way], outline: BaseGeometry, origin: str, kilometres: Kilometres | None = None
) -> list[Piece]:
    """Return the ways that somebody may use as pieces inside an outline; lines that open the same are one piece."""
    account = kilometres or Kilometres()
    pieces: list[Piece] = []
    seen: set[tuple[bytes, int, int]] = set()
    for way in ways:
        rules = rules_of(way.tags)
        account.enter(rules.street_class, way.line.length)
        for mode, reason in rules.shut.items():
            account.leave(reason, MODE_BIT[mode], way.line.length)
        account.leave(OTHER_FILE, rules.bits & ~way.modes, way.line.length)
        bits = rules.bits & way.modes
        if not bits:
            continue
        inside = way.line if shapely.covered_by(way.line, outline) else way.line.intersection(outline)
        account.leave(OUTSIDE, bits, way.line.length - inside.length)
        for part in getattr(inside, "geoms", [inside]):
            points = on_millimetres(shapely.get_coordinates(part))
            if len(points) < 2:
                account.leave(TWICE, bits, part.length)
                continue
            piece = _piece(points, origin, rules, bits, len(pieces))
            forth, back = piece.points.tobytes(), piece.points[::-1].tobytes()
            same = (forth, piece.forth, piece.back) if forth <= back else (back, piece.back, piece.forth)
            if same in seen:
                account.leave(TWICE, bits, part.length)
                continue
            seen.add(same)
            pieces.append(piece)
    return pieces


def _piece(points: FloatArray, origin: str, rules: Rules, bits: int, number: int) -> Piece:
    """Return a way as a piece in the direction of its cars."""
    backward = rules.oneway.get("drive", 0) < 0
    shut = {1: 0, -1: 0}
    for mode in ("walk", "cycle"):
        direction = rules.oneway.get(mode, 0) * (-1 if backward else 1)
        if direction:
            shut[-direction] |= MODE_BIT[mode] & bits
    return Piece(
        points[::-1].copy() if backward else points, origin, rules.street_class, number, bool(bits & MODE_BIT["drive"]),
        bool(rules.oneway.get("drive", 0)), rules.speed_m_s, walk=bool(bits & MODE_BIT["walk"]),
        cycle=bool(bits & MODE_BIT["cycle"]), shut_forth=shut[1], shut_back=shut[-1],
    )  # fmt: skip


def united(pieces: Sequence[Piece], kilometres: Kilometres) -> list[Piece]:
    """Return the pieces with each stretch that several of them draw made one that is open to whom any of them is."""
    owners: dict[tuple[Point, Point], list[Piece]] = defaultdict(list)
    stretches = [_stretches(piece) for piece in pieces]
    for piece, own in zip(pieces, stretches, strict=True):
        for stretch in own:
            owners[_key(stretch)].append(replace(piece, points=np.array(stretch)))
    kept = []
    for piece, own in zip(pieces, stretches, strict=True):
        for alone, run in groupby(own, key=lambda stretch: len(owners[_key(stretch)]) == 1):
            if alone:
                ends = list(run)
                kept.append(replace(piece, points=np.array([ends[0][0], *(end for _, end in ends)])))
    number = len(pieces)
    for key, drawn in owners.items():
        if len(drawn) > 1:
            kept.append(replace(_one_of(key, drawn), street=number))
            number += 1
            for mode, bit in MODE_BIT.items():
                open_to = sum(getattr(piece, mode) for piece in drawn)
                kilometres.leave(TWICE, bit, math.dist(*key) * max(open_to - 1, 0))
    return kept


def _stretches(piece: Piece) -> list[tuple[Point, Point]]:
    return [(a, b) for a, b in pairwise(map(point_of, piece.points)) if a != b]


def _key(stretch: tuple[Point, Point]) -> tuple[Point, Point]:
    return min(stretch, stretch[::-1])


def _one_of(key: tuple[Point, Point], drawn: Sequence[Piece]) -> Piece:
    """Return one stretch for several of the same ends."""
    along = [(p.forth, p.back) if point_of(p.points[0]) == key[0] else (p.back, p.forth) for p in drawn]
    forth = np.bitwise_or.reduce([bits for bits, _ in along])
    back = np.bitwise_or.reduce([bits for _, bits in along])
    drive = MODE_BIT["drive"]
    turned = bool(back & drive and not forth & drive)
    if turned:
        forth, back = back, forth
    both = int(forth | back)
    rank = min(drawn, key=lambda piece: (not piece.drive, CLASSES.index(piece.street_class)))
    return replace(
        rank, points=np.array(key[::-1] if turned else key), drive=bool(both & drive), oneway=not back & drive,
        speed_m_s=max(piece.speed_m_s for piece in drawn), walk=bool(both & MODE_BIT["walk"]),
        cycle=bool(both & MODE_BIT["cycle"]), shut_forth=both & ~int(forth) & ~drive,
        shut_back=both & ~int(back) & ~drive,
    )  # fmt: skip


def with_barriers(pieces: Sequence[Piece], stops: Mapping[Point, int], kilometres: Kilometres) -> list[Piece]:
    """Return the pieces shut for GAP_M on each side of a barrier to whom it stops.

    Parameters
    ----------
    stops
        By point in metres whom the barrier there stops, a sum of MODE_BIT.
    """
    kept: list[Piece] = []
    for piece in pieces:
        held = [stops.get(point_of(point), 0) & (piece.forth | piece.back) for point in piece.points]
        if not any(held):
            kept.append(piece)
            continue
        for bits, points in _parts(piece.points, held):
            part = _shut(replace(piece, points=points), bits)
            kilometres.leave(BARRIERS, bits, part.line.length)
            if part.forth | part.back:
                kept.append(part)
    return kept


def _parts(points: FloatArray, held: Sequence[int]) -> list[tuple[int, FloatArray]]:
    """Return the stretches of a line and whom the barriers at their ends stop."""
    steps: list[tuple[int, FloatArray, FloatArray]] = []
    for k, (a, b) in enumerate(pairwise(points)):
        gap = min(GAP_M / max(math.dist(a, b), GAP_M), 0.5)
        first = on_millimetres(a + (b - a) * gap) if held[k] else a
        last = on_millimetres(b + (a - b) * gap) if held[k + 1] else b
        steps += [(held[k], a, first), (0, first, last), (held[k + 1], last, b)]
    parts = []
    real = [step for step in steps if not np.array_equal(step[1], step[2])]
    for bits, run in groupby(real, key=lambda step: step[0]):
        stretch = list(run)
        parts.append((bits, without_repeats(np.array([stretch[0][1], *(end for _, _, end in stretch)]))))
    return parts


def _shut(piece: Piece, bits: int) -> Piece:
    """Return a piece that some modes may not use."""
    kept = {mode: getattr(piece, mode) and not bits & MODE_BIT[mode] for mode in MODES}
    walk, cycle, drive = (kept[mode] for mode in MODES)
    return replace(piece, walk=walk, cycle=cycle, drive=drive, oneway=piece.oneway and drive) if bits else piece


def across_squares(
    pieces: Sequence[Piece], squares: Iterable[tuple[Tags, BaseGeometry]], kilometres: Kilometres
) -> list[Piece]:
    """Return lines across squares between the places where other pieces touch their outlines.

    A line is drawn where it stays inside the square and saves at least SPARED_DETOUR.
    """
    ends = _walked_points(pieces)
    made: list[Piece] = []
    for tags, shape in squares:
        rules = rules_of(tags)
        bits = rules.bits & ~MODE_BIT["drive"]
        rings = [ring.coords for part in getattr(shape, "geoms", [shape]) for ring in (part.exterior, *part.interiors)]
        corners = [point_of(point) for ring in rings for point in on_millimetres(np.asarray(ring)[:, :2])]
        gates = [point for point in dict.fromkeys(corners) if ends.get(point, 0) > 2][:MOST_GATES]
        if not bits or len(gates) < 2:
            continue
        for line in _spanning(gates, rings, shape):
            kilometres.add(ACROSS, bits, math.dist(*line))
            number = len(pieces) + len(made)
            made.append(_piece(np.array(line), "osm", replace(rules, oneway={}), bits, number))
    return made


def _walked_points(pieces: Sequence[Piece]) -> dict[Point, int]:
    """Return how many stretches that are walked end at each point."""
    counts: dict[Point, int] = defaultdict(int)
    for piece in pieces:
        if piece.walk:
            for stretch in _stretches(piece):
                for point in stretch:
                    counts[point] += 1
    return counts


def _spanning(gates: Sequence[Point], rings: Sequence[Any], shape: BaseGeometry) -> list[tuple[Point, Point]]:
    """Return the lines, shortest first, without which a way between two gates would be SPARED_DETOUR longer."""
    graph: nx.Graph[Point] = nx.Graph()
    for ring in rings:
        points = [point_of(point) for point in on_millimetres(np.asarray(ring)[:, :2])]
        graph.add_weighted_edges_from((a, b, math.dist(a, b)) for a, b in pairwise(points) if a != b)
    visible = prep(shape.buffer(0.05))
    lines = []
    for length_m, a, b in sorted((math.dist(a, b), a, b) for a, b in combinations(gates, 2)):
        if not visible.covers(LineString([a, b])):
            continue
        try:
            around_m = nx.dijkstra_path_length(graph, a, b)
        except nx.NetworkXNoPath:
            around_m = math.inf
        if around_m > SPARED_DETOUR * length_m:
            graph.add_edge(a, b, weight=length_m)
            lines.append((a, b))
    return lines
