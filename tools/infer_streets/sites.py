"""Points that inferred streets join: cuts beside stops and at every stretch, homes of cells, corners of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.pieces import TOUCH_M, Groups, Piece, Point, cut, on_millimetres, point_of, with_ends_led_to
from kera_mobility.units import BoolArray, FloatArray, IntArray

PATTERNS = ((1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (3, 3))
"""Columns and rows of the points that stand for the homes of a cell, from few residents to many. Assumption."""


def extend_ends(drawn: Sequence[Piece], given: Sequence[Piece], reach_m: float) -> list[Piece]:
    """Return the drawn pieces with each end led to the nearest other piece, where one is within reach."""
    every = [piece.line for piece in [*drawn, *given]]
    longer = []
    for number, piece in enumerate(drawn):
        other_lines = every[:number] + every[number + 1 :]
        longer.append(with_ends_led_to(piece, other_lines, shapely.STRtree(other_lines), reach_m))
    return longer


def parts_of(pieces: Sequence[Piece], drive_only: bool = False) -> list[set[Point]]:
    """Return the nodes of each connected part, the largest part first."""
    chosen = [piece for piece in pieces if piece.drive or not drive_only]
    nodes = sorted({end for piece in chosen for end in piece.ends})
    number = {node: k for k, node in enumerate(nodes)}
    group = Groups(len(nodes))
    for piece in chosen:
        group.join(number[piece.ends[0]], number[piece.ends[1]])
    parts: dict[int, set[Point]] = {}
    for node in nodes:
        parts.setdefault(group.of(number[node]), set()).add(node)
    return sorted(parts.values(), key=lambda part: (-len(part), min(part)))


def cut_near(
    pieces: Sequence[Piece], anchors: FloatArray, reach_m: float
) -> tuple[list[Piece], BoolArray, list[Point]]:
    """Return the pieces cut beside each anchor within reach, which anchors those were, and the points of the cuts."""
    lines = [piece.line for piece in pieces]
    tree = shapely.STRtree(lines)
    cuts: dict[int, list[Point]] = {}
    served = np.zeros(len(anchors), dtype=bool)
    marks = []
    for number, anchor in enumerate(anchors):
        near = tree.query_nearest(shapely.Point(anchor), max_distance=reach_m, all_matches=False)
        if not len(near):
            continue
        served[number] = True
        line = lines[int(near[0])]
        along = line.project(shapely.Point(anchor))
        if along < reach_m / 2 or along > line.length - reach_m / 2:
            continue
        foot = line.interpolate(along)
        mark = point_of(on_millimetres(np.array([foot.x, foot.y])))
        marks_of_piece = cuts.setdefault(int(near[0]), [])
        if all(math.dist(mark, other) > reach_m / 2 for other in marks_of_piece):
            marks_of_piece.append(mark)
            marks.append(mark)
    return [part for number, piece in enumerate(pieces) for part in cut(piece, cuts.get(number, ()))], served, marks


def cut_long(pieces: Sequence[Piece], longest_m: float) -> list[Piece]:
    """Return the pieces cut into equal parts no longer than `longest_m`, so that links may leave them on the way."""
    parts = []
    for piece in pieces:
        line = piece.line
        count = math.ceil(line.length / longest_m)
        feet = [line.interpolate(line.length * k / count) for k in range(1, count)]
        parts += cut(piece, [point_of(on_millimetres(np.array([foot.x, foot.y]))) for foot in feet])
    return parts


def aligned(centres: FloatArray, patterns: IntArray, ways: FloatArray, cell_m: float) -> FloatArray:
    """Return the points of a small lattice around each centre, turned with the street beside it, (S, 2).

    Parameters
    ----------
    centres
        (C, 2)
    patterns
        Index into PATTERNS, (C,).
    ways
        Direction of the street beside each centre, unit vectors (C, 2): rows of homes run along it.
    cell_m
        Side of the square that a lattice fills.
    """
    homes = [
        centre
        + way * (((column + 0.5) / columns - 0.5) * cell_m)
        + np.array([-way[1], way[0]]) * (((row + 0.5) / rows - 0.5) * cell_m)
        for centre, pattern, way in zip(centres, patterns.tolist(), ways, strict=True)
        for columns, rows in [PATTERNS[pattern]]
        for row in range(rows)
        for column in range(columns)
    ]
    return on_millimetres(np.array(homes).reshape(-1, 2))


def ways_beside(points: FloatArray, pieces: Sequence[Piece]) -> FloatArray:
    """Return the direction of the piece nearest to each point, unit vectors (S, 2)."""
    lines = [piece.line for piece in pieces]
    nearest = np.asarray(shapely.STRtree(lines).nearest(shapely.points(points)))
    directions = []
    for point, number in zip(points, nearest.tolist(), strict=True):
        line = lines[number]
        along = min(max(line.project(shapely.Point(point)), 1.0), line.length - 1.0)
        ahead = shapely.get_coordinates([line.interpolate(along - 1.0), line.interpolate(along + 1.0)])
        directions.append((ahead[1] - ahead[0]) / max(math.dist(ahead[1], ahead[0]), TOUCH_M))
    return np.array(directions).reshape(-1, 2)


def thin(points: FloatArray, apart_m: float, keep_off: Sequence[tuple[BaseGeometry, float]]) -> FloatArray:
    """Return the points, in order, that lie `apart_m` from every earlier one and far enough from what they keep off."""
    kept: list[Point] = []
    for point in points:
        here = shapely.Point(point)
        if any(geometry.distance(here) < gap_m for geometry, gap_m in keep_off):
            continue
        if all(math.dist(point, other) >= apart_m for other in kept):
            kept.append(point_of(point))
    return np.array(kept).reshape(-1, 2)


def lattice(outline: BaseGeometry, along_m: float, across_m: float) -> FloatArray:
    """Return points in rows inside an outline, turned with its longest side, (S, 2)."""
    frame = shapely.get_coordinates(shapely.minimum_rotated_rectangle(outline))[:4]
    sides = frame[1] - frame[0], frame[3] - frame[0]
    long, short = sides if math.hypot(*sides[0]) >= math.hypot(*sides[1]) else sides[::-1]
    columns, rows = max(1, round(math.hypot(*long) / along_m)), max(1, round(math.hypot(*short) / across_m))
    grid = [
        frame[0] + long * ((column + 0.5) / columns) + short * ((row + 0.5) / rows)
        for row in range(rows)
        for column in range(columns)
    ]
    inside = [point for point in grid if outline.contains(shapely.Point(point))]
    return on_millimetres(np.array(inside).reshape(-1, 2))
