"""From the tags of OpenStreetMap ways to street class, permitted modes and car speed; and the ways as pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import osmnx as ox
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.frame import KM_H_PER_M_S
from kera_mobility.areas.pieces import Piece, Point, on_millimetres

WAY_TAGS = (
    "access", "area", "bicycle", "foot", "highway", "junction", "maxspeed", "motor_vehicle", "motorroad", "oneway",
    "service",
)  # fmt: skip
"""Tags of OpenStreetMap ways that are read; a change of one ends a piece of street."""
CLASS_OF_HIGHWAY = {
    **dict.fromkeys(("motorway", "trunk", "primary", "secondary", "motorway_link", "trunk_link"), "main"),
    **dict.fromkeys(("primary_link", "secondary_link"), "main"),
    **dict.fromkeys(("tertiary", "tertiary_link"), "collector"),
    **dict.fromkeys(("unclassified", "residential", "living_street", "service", "road"), "local"),
    **dict.fromkeys(("footway", "cycleway", "path", "pedestrian", "track", "steps"), "path"),
}
"""Class of each kind of way; other kinds (proposed, construction, platforms) are left out. Assumption."""
_CARS_ONLY = ("motorway", "motorway_link")
_CLOSED = ("no", "private")
_ELSEWHERE = (*_CLOSED, "use_sidepath")
_WELCOME = ("yes", "designated", "permissive", "official")
_OWN_YARD = ("driveway", "parking_aisle", "drive-through")
"""Kinds of service road that lead nowhere; they are left out. Assumption."""
SHARE_OF_LIMIT = 0.8
"""Free-flow speed over speed limit, stops at lights included: HELMET 5 has 41 to 61 km/h on arterials of 50 to 80.
Assumption."""

SAME_STREET_M = 5.0
"""The two directions of a street differ by no more than this in length where a graph draws both. Assumption."""

Way = tuple[dict[str, Any], LineString]
"""Tags of a real way between two junctions and its line in metres."""


class Rules(NamedTuple):
    """What may use a way."""

    street_class: str
    drive: bool
    walk: bool
    cycle: bool
    oneway: bool
    """For cars, in the direction of the line."""
    speed_m_s: float
    """Free-flow speed after the speed limit; 0 is that of the class."""


def rules_of(tags: dict[str, Any]) -> Rules | None:
    """Return what a way's tags allow, nothing for a way that is left out.

    Of several values (OSMnx writes a list where it joined ways) the first counts.
    """
    tag = {name: _first(tags.get(name)) for name in WAY_TAGS}
    kind = tag["highway"]
    street_class = CLASS_OF_HIGHWAY.get(kind)
    if street_class is None or tag["area"] == "yes" or (kind == "service" and tag["service"] in _OWN_YARD):
        return None
    closed = tag["access"] in _CLOSED
    cars_only = kind in _CARS_ONLY or tag["motorroad"] == "yes"
    drive = street_class != "path" and not closed and tag["motor_vehicle"] not in _CLOSED
    walk = not cars_only and (tag["foot"] in _WELCOME or not (closed or tag["foot"] in _ELSEWHERE))
    rides = not (closed or cars_only or kind in ("footway", "steps") or tag["bicycle"] in (*_ELSEWHERE, "dismount"))
    cycle = not cars_only and kind != "steps" and (tag["bicycle"] in _WELCOME or rides)
    if not (drive or walk or cycle):
        return None
    oneway = drive and tag["oneway"] in ("True", "yes", "true", "1")
    speed_m_s = _speed_m_s(tag["maxspeed"] or _first(tags.get("speed_kph"))) if drive else 0.0
    return Rules(street_class, drive, walk, cycle, oneway, speed_m_s)


def ways_of(graph: nx.MultiDiGraph[Any], projection: str, merge_m: float = 0.0) -> list[Way]:
    """Return the ways of a street graph between junctions, projected, in the order of their nodes.

    A two-way street appears once. With `merge_m` the parts of one junction that lie nearer than
    that become one node (OSMnx keeps bridges and tunnels apart).
    """
    if not graph.graph.get("simplified"):
        graph = ox.simplify_graph(graph, edge_attrs_differ=WAY_TAGS, remove_rings=False)
    graph = ox.project_graph(graph, to_crs=projection)
    if merge_m > 0.0:
        graph = ox.consolidate_intersections(graph, tolerance=merge_m / 2.0, dead_ends=True)
    positions = {node: (tags["x"], tags["y"]) for node, tags in graph.nodes(data=True)}
    ways: list[Way] = []
    kept_m: dict[tuple[int, int], list[float]] = {}
    for u, v, _, tags in sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[:3]):
        line = _between(tags.get("geometry"), positions[u], positions[v])
        if any(abs(line.length - back_m) < SAME_STREET_M for back_m in kept_m.get((v, u), ())):
            continue
        if tags.get("oneway") is not True:
            kept_m.setdefault((u, v), []).append(line.length)
        ways.append((tags, line))
    return ways


def _between(line: LineString | None, start: Point, end: Point) -> LineString:
    """Return an edge's line from node to node; some graphs draw it a little beside them."""
    points = np.array([start, end]) if line is None else shapely.get_coordinates(line)
    points[0], points[-1] = start, end
    return LineString(points)


def pieces_of_ways(ways: Sequence[Way], outline: BaseGeometry, origin: str) -> list[Piece]:
    """Return the ways that somebody may use as pieces inside an outline; two directions of one street are one piece."""
    pieces: list[Piece] = []
    seen: set[bytes] = set()
    for tags, line in ways:
        rules = rules_of(tags)
        if rules is None:
            continue
        inside = line if shapely.covered_by(line, outline) else line.intersection(outline)
        for part in getattr(inside, "geoms", [inside]):
            points = on_millimetres(shapely.get_coordinates(part))
            same = min(points.tobytes(), points[::-1].tobytes())
            if len(points) > 1 and same not in seen:
                seen.add(same)
                pieces.append(
                    Piece(
                        points, origin, rules.street_class, len(pieces), rules.drive, rules.oneway, rules.speed_m_s,
                        walk=rules.walk, cycle=rules.cycle,
                    )
                )  # fmt: skip
    return pieces


def _first(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return "" if value is None or value != value else str(value)


def _speed_m_s(limit: str) -> float:
    number = limit.removesuffix("km/h").removesuffix(".0").strip()
    return SHARE_OF_LIMIT * float(number) / KM_H_PER_M_S if number.isdecimal() else 0.0
