"""All pieces of an area's street map: real ways, drawn streets, underpasses, inferred links and planned blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from kera_mobility.areas.description import read_area
from kera_mobility.areas.frame import KM_H_PER_M_S, Frame, projection_to
from kera_mobility.areas.osm_pieces import Way, pieces_of_ways
from kera_mobility.areas.pieces import Piece, Point, cut_at_meetings, on_millimetres, point_of
from kera_mobility.errors import NetworkError
from kera_mobility.units import FloatArray
from tools.infer_streets import sites
from tools.infer_streets.curves import smooth, with_bends
from tools.infer_streets.inputs import (
    Build,
    Crossing,
    read_build,
    read_developments,
    read_points,
    read_rail,
    read_residents,
)
from tools.infer_streets.links import Rule, join, with_calm_streets

CROSSING_TOLERANCE_M = 40.0
"""A street that crosses the railway farther than this from every listed crossing is an error. Assumption."""
PLANNED_APART = 0.8
"""Corners of planned blocks keep apart by this share of the depth of a block. Assumption."""
PLANNED_OFF_STREETS = 0.3
"""They keep off streets that exist by this share of it. Assumption."""
RAILSIDE_SIMPLIFIED_M = 0.5
"""Paths beside the railway follow it as closely as this."""


@dataclass(frozen=True)
class MapInputs(Frame):
    """The area, its settings and its raw data: what every step of the reconstruction reads."""

    raw: Path
    """Folder of the raw data."""
    settings: Build
    rail_degrees: BaseGeometry

    @classmethod
    def of(cls, folder: Path, raw: Path) -> MapInputs:
        """Read an area's folder and its raw data."""
        area, settings = read_area(folder), read_build(folder)
        rail = read_rail(raw / settings.files.rail, area.bbox)
        return cls(folder, area, settings.speeds, projection_to(area.projection), raw, settings, rail)

    @property
    def rail(self) -> BaseGeometry:
        """The railway in metres."""
        return self.in_metres(self.rail_degrees)


def all_pieces(inputs: MapInputs, ways: Sequence[Way]) -> tuple[list[Piece], set[Point]]:
    """Return all pieces of the map and the points that stay nodes.

    What stands today is joined first and never depends on what is planned.

    Raises
    ------
    NetworkError
        If a piece crosses the railway where no crossing is listed, or a part stays alone.
    """
    shape, files = inputs.settings.shape, inputs.settings.files
    rule = Rule(shape.beta, shape.beta_cars, shape.longest_m, shape.least_angle_degrees, shape.barrier_gap_m)
    real = _real_pieces(inputs, ways)
    drawn = sites.extend_ends(_drawn_pieces(inputs, len(real)), real, shape.reach_m)
    underpasses = _underpasses(inputs, "inferred", len(real) + len(drawn))
    pieces = cut_at_meetings([*real, *drawn, *underpasses])
    stops = inputs.metres(read_points(inputs.raw / files.stops, inputs.area.bbox))
    pieces, served, marks = sites.cut_near(pieces, stops, shape.reach_m)
    pieces = sites.cut_long(pieces, shape.cut_m)
    free = _free_sites(inputs, stops[~served], pieces)
    links = join(pieces, free, inputs.rail, rule, "inferred")
    pieces += with_bends(links, pieces, inputs.rail, shape.bend_degrees)
    pieces = with_calm_streets(pieces, shape.calm_detour_m, shape.calm_share)
    keep = {*marks, *map(point_of, free), *(end for piece in underpasses for end in piece.ends)}
    new = _underpasses(inputs, "planned", 1 + max(piece.street for piece in pieces))
    new += _railside(inputs, 1 + max(piece.street for piece in [*pieces, *new]))
    corners = _planned_corners(inputs, [*pieces, *new])
    if len(corners):
        pieces = cut_at_meetings([*pieces, *new])
        pieces += join(pieces, corners, inputs.rail, replace(rule, beta=shape.planned_beta), "planned")
        keep |= set(map(point_of, corners))
    check_crossings(inputs, pieces)
    return pieces, keep


def check_crossings(inputs: MapInputs, pieces: Sequence[Piece]) -> None:
    """Raise NetworkError if a piece crosses the railway where no crossing is listed."""
    listed = inputs.metres([(crossing.lon, crossing.lat) for crossing in inputs.settings.crossings])
    rail = inputs.rail
    for piece in pieces:
        for place in shapely.get_coordinates(piece.line.intersection(rail)):
            if not len(listed) or np.hypot(*(listed - place).T).min() > CROSSING_TOLERANCE_M:
                lon, lat = inputs.degrees(place)[0]
                raise NetworkError(
                    f"build.yaml: {piece.name or 'a street'} ({piece.origin}) crosses the railway at lon {lon:.5f}, "
                    f"lat {lat:.5f}; expected a crossing listed within {CROSSING_TOLERANCE_M:.0f} m"
                )


def _real_pieces(inputs: MapInputs, ways: Sequence[Way]) -> list[Piece]:
    """Return the real streets inside the map; loose ones shorter than the least length are left out.

    All are open to walking and cycling alike, or loose footways would leave places that no bicycle reaches. Assumption.
    """
    real = pieces_of_ways([way for way in ways if way.tags.get("area") != "yes"], inputs.outline, "osm-2017")
    pieces = [replace(piece, walk=True, cycle=True, shut_forth=0, shut_back=0) for piece in real]
    length_m: dict[Point, float] = {}
    for nodes in sites.parts_of(pieces):
        total = sum(piece.line.length for piece in pieces if piece.ends[0] in nodes)
        length_m.update(dict.fromkeys(nodes, total))
    return [piece for piece in pieces if length_m[piece.ends[0]] >= inputs.settings.shape.least_real_m]


def _drawn_pieces(inputs: MapInputs, first_street: int) -> list[Piece]:
    return [
        Piece(
            smooth(inputs.metres(street.course)),
            "inferred",
            street.street_class,
            first_street + number,
            street.street_class != "path",
            speed_m_s=(street.speed_km_h or 0.0) / KM_H_PER_M_S,
            name=street.name,
        )
        for number, street in enumerate(inputs.settings.streets)
    ]


def _underpasses(inputs: MapInputs, origin: str, first_street: int) -> list[Piece]:
    new = [crossing for crossing in inputs.settings.crossings if crossing.way == "new" and crossing.origin == origin]
    return [half for number, crossing in enumerate(new) for half in _underpass(inputs, crossing, first_street + number)]


def _railside(inputs: MapInputs, first_street: int) -> list[Piece]:
    """Return the paths beside the railway."""
    rail = inputs.rail
    track = max(getattr(rail, "geoms", [rail]), key=lambda line: line.length)
    pieces = []
    for number, path in enumerate(inputs.settings.railside):
        offset_m = path.offset_m if path.side == "left" else -path.offset_m
        box = inputs.area.bbox
        strip = inputs.in_metres(shapely.box(path.west, box.south, path.east, box.north))
        line = shapely.simplify(shapely.offset_curve(track, offset_m), RAILSIDE_SIMPLIFIED_M).intersection(strip)
        points = on_millimetres(shapely.get_coordinates(line))
        pieces.append(Piece(points, path.origin, "path", first_street + number, False, name=path.name))
    return pieces


def _underpass(inputs: MapInputs, crossing: Crossing, street: int) -> list[Piece]:
    """Return the two halves of a straight way across the railway, square to it, meeting on it."""
    here, rail = shapely.Point(inputs.metres([(crossing.lon, crossing.lat)])[0]), inputs.rail
    track = min(getattr(rail, "geoms", [rail]), key=here.distance)
    along, reach_m = track.project(here), crossing.half_length_m
    middle = shapely.get_coordinates(track.interpolate(along))[0]
    ahead = shapely.get_coordinates(substring(track, along - reach_m, along + reach_m))
    way = (ahead[-1] - ahead[0]) / math.dist(ahead[-1], ahead[0])
    across = np.array([-way[1], way[0]]) * reach_m
    ends = on_millimetres(np.array([middle - across, middle, middle + across]))
    kind, drive = crossing.street_class, crossing.street_class != "path"
    halves = (ends[:2], ends[1:])
    return [Piece(half, crossing.origin, kind, street, drive, name=crossing.name) for half in halves]


def _free_sites(inputs: MapInputs, stops: FloatArray, pieces: Sequence[Piece]) -> FloatArray:
    """Return the points off every street that get links of their own: stops, then named points, then homes."""
    shape, files, bbox = inputs.settings.shape, inputs.settings.files, inputs.area.bbox
    named = inputs.metres(read_points(inputs.raw / files.named_points, bbox))
    centres, residents = read_residents(inputs.raw / files.residents, bbox)
    patterns = np.searchsorted(np.array(shape.residents_by_pattern), residents, side="right")
    middles = inputs.metres(centres)
    homes = sites.aligned(middles, patterns, sites.ways_beside(middles, pieces), shape.cell_m)
    every = np.vstack([stops, named, homes])
    inside = shapely.contains(inputs.outline, shapely.points(every))
    streets = shapely.union_all([piece.line for piece in pieces])
    return sites.thin(every[inside], shape.apart_m, [(streets, shape.reach_m), (inputs.rail, shape.reach_m)])


def _planned_corners(inputs: MapInputs, pieces: Sequence[Piece]) -> FloatArray:
    """Return the corners of planned blocks that lie off the streets that exist."""
    shape = inputs.settings.shape
    rows = [np.zeros((0, 2))]
    for development in read_developments(inputs.folder):
        rows.append(sites.lattice(inputs.in_metres(development.outline), shape.block_along_m, shape.block_across_m))
    streets = shapely.union_all([piece.line for piece in pieces])
    gap_m = shape.block_across_m * PLANNED_OFF_STREETS
    off = [(streets, gap_m), (inputs.rail, shape.barrier_gap_m)]
    return sites.thin(np.vstack(rows), shape.block_across_m * PLANNED_APART, off)
