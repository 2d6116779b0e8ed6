"""What an import reads: ways, barriers, squares and turn restrictions of OpenStreetMap, in degrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.osm_tags import WAY_TAGS, Tags, is_square, kind_of
from kera_mobility.errors import NetworkError
from kera_mobility.units import FloatArray

LonLat = tuple[float, float]
WIDEST_DEGREES = 180.0
"""Streets farther apart than this in longitude lie on both sides of the antimeridian."""


class DrawnWay(NamedTuple):
    """A way, or a part of one where a node is missing."""

    number: str
    """Its id, or ids, in OpenStreetMap."""
    tags: Tags
    lonlat: FloatArray
    """(K, 2) degrees."""
    modes: int = 7
    """The modes that its file is read for, a sum of MODE_BIT."""


class Restriction(NamedTuple):
    """A turn that cars may not make, or must make."""

    kind: str
    """As `no_left_turn`, `only_straight_on`."""
    from_way: str
    via: LonLat
    to_way: str


@dataclass(frozen=True)
class Extract:
    """The streets of an OpenStreetMap extract."""

    ways: Sequence[DrawnWay]
    source: str
    """Where it comes from, for people."""
    date: str = ""
    """Day of the newest change that the extract tells of, as 2024-08-21; empty if it tells none."""
    missing_nodes: int = 0
    """Nodes that ways name and the extract does not hold: it was clipped."""
    clipped_ways: int = 0
    """Ways that lack at least one node; what is left of them is kept."""
    barriers: Sequence[tuple[LonLat, Tags]] = ()
    squares: Sequence[tuple[Tags, BaseGeometry]] = ()
    """Areas that people walk across; their outlines are among the ways."""
    restrictions: Sequence[Restriction] = ()
    """Turns; no map of ours keeps them."""
    notices: tuple[str, ...] = ()
    """What a user should know of the file, a sentence each."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the streets, degrees."""
        points = np.vstack([way.lonlat for way in self.ways])
        (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return west, south, east, north

    def of_modes(self, bits: int) -> Extract:
        """Return the extract read for some modes only."""
        return replace(self, ways=[way._replace(modes=way.modes & bits) for way in self.ways])


def checked(extract: Extract) -> Extract:
    """Return an extract that has streets at places on one side of the antimeridian.

    Raises
    ------
    NetworkError
        If it has none, or they are elsewhere.
    """
    if not extract.ways:
        raise NetworkError(f"{extract.source}: expected streets (ways with the tag `highway`), found none")
    west, south, east, north = extract.bounds
    if not (-180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0):
        raise NetworkError(
            f"{extract.source}: expected longitudes and latitudes, found {west}, {south} to {east}, {north}"
        )
    if east - west > WIDEST_DEGREES:
        raise NetworkError(
            f"{extract.source}: its streets reach from longitude {west:.3f} to {east:.3f}, over the antimeridian (180 "
            "degrees), which no map here can do; cut the extract there and import one side"
        )
    return extract


def extract_of_elements(
    positions: dict[int, LonLat],
    node_tags: dict[int, Tags],
    ways: dict[int, tuple[list[int], Tags]],
    relations: Iterable[tuple[list[tuple[str, int, str]], Tags]],
    source: str,
    date: str,
) -> Extract:
    """Return the streets among elements of OpenStreetMap; a way is cut where a node is missing.

    Parameters
    ----------
    relations
        Members as kind, id and role, and tags.
    """
    drawn: list[DrawnWay] = []
    squares: list[tuple[Tags, BaseGeometry]] = []
    missing: set[int] = set()
    clipped = 0
    for number, (nodes, tags) in ways.items():
        if not kind_of(tags):
            continue
        gone = {node for node in nodes if node not in positions}
        missing |= gone
        clipped += bool(gone)
        kept = {name: tags[name] for name in WAY_TAGS if name in tags}
        drawn += [DrawnWay(str(number), kept, points) for points in _present(nodes, positions)]
        if len(nodes) > 3 and nodes[0] == nodes[-1] and not gone and is_square(tags):
            squares.append((kept, shapely.make_valid(shapely.Polygon([positions[node] for node in nodes]))))
    restrictions = []
    for members, tags in relations:
        if tags.get("type") == "restriction":
            restrictions += _restrictions(members, tags, positions)
        elif tags.get("type") == "multipolygon" and is_square({**tags, "area": "yes"}):
            square, rings = _multipolygon(members, ways, positions)
            kept = {name: tags[name] for name in WAY_TAGS if name in tags}
            drawn += [DrawnWay(str(number), kept, points) for number, points in rings if not kind_of(ways[number][1])]
            squares += [(kept, square)] if square.area else []
    barriers = [(positions[node], tags) for node, tags in node_tags.items() if node in positions and "barrier" in tags]
    polygons = [
        (tags, part) for tags, shape in squares for part in shapely.get_parts(shape) if part.geom_type == "Polygon"
    ]
    if not drawn:
        raise NetworkError(
            f"{source}: expected streets, found {len(ways)} ways of which none has the tag `highway` and two nodes"
        )
    return Extract(drawn, source, date, len(missing), clipped, barriers, polygons, restrictions)


def _present(nodes: Sequence[int], positions: dict[int, LonLat]) -> list[FloatArray]:
    """Return the stretches of a way whose nodes are there, at least two of them."""
    stretches = [list(run) for present, run in groupby(nodes, key=positions.__contains__) if present]
    return [np.array([positions[node] for node in run]) for run in stretches if len(set(run)) > 1]


def _restrictions(
    members: Sequence[tuple[str, int, str]], tags: Tags, positions: dict[int, LonLat]
) -> list[Restriction]:
    """Return the restrictions of a relation at a node that cars must heed; those along a way are not read."""
    kind = tags.get("restriction:motorcar", tags.get("restriction", ""))
    if not kind or "motorcar" in tags.get("except", ""):
        return []
    by_role = {role: [number for _, number, other in members if other == role] for role in ("from", "via", "to")}
    via = [positions[node] for what, node, role in members if role == "via" and what == "node" and node in positions]
    return [
        Restriction(kind, str(first), place, str(last))
        for place in via for first in by_role["from"] for last in by_role["to"]
    ]  # fmt: skip


def _multipolygon(
    members: Sequence[tuple[str, int, str]], ways: dict[int, tuple[list[int], Tags]], positions: dict[int, LonLat]
) -> tuple[BaseGeometry, list[tuple[int, FloatArray]]]:
    """Return the area of a relation, empty where a member is missing, and the lines of its members."""
    lines: dict[str, list[LineString]] = {"outer": [], "inner": []}
    rings = []
    for what, number, role in members:
        stretches = _present(ways[number][0], positions) if what == "way" and number in ways else []
        lines["inner" if role == "inner" else "outer"] += [LineString(points) for points in stretches]
        rings += [(number, points) for points in stretches]
    outer, inner = (
        shapely.union_all(shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.line_merge(
            shapely.MultiLineString(part)))))) for part in lines.values()
    )  # fmt: skip
    return outer.difference(inner), rings


def joined(extracts: Sequence[Extract]) -> Extract:
    """Return several extracts as one."""
    first = extracts[0]
    return replace(
        first,
        ways=[way for extract in extracts for way in extract.ways],
        source=", ".join(extract.source for extract in extracts),
        date=min((extract.date for extract in extracts if extract.date), default=""),
        missing_nodes=sum(extract.missing_nodes for extract in extracts),
        clipped_ways=sum(extract.clipped_ways for extract in extracts),
        barriers=[barrier for extract in extracts for barrier in extract.barriers],
        squares=[square for extract in extracts for square in extract.squares],
        restrictions=[restriction for extract in extracts for restriction in extract.restrictions],
        notices=tuple(notice for extract in extracts for notice in extract.notices),
    )
