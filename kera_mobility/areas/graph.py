"""From pieces of street to a numbered graph and to arrays. OSMnx simplifies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmnx as ox
import shapely
from shapely.geometry import LineString

from kera_mobility.areas.description import read_outside
from kera_mobility.areas.frame import Frame
from kera_mobility.areas.pieces import Piece, Point
from kera_mobility.areas.quality import parts
from kera_mobility.errors import NetworkError
from kera_mobility.ledger import write_mark
from kera_mobility.town.streets.outside import drive_beyond_s
from kera_mobility.town.streets.streets import CLASSES, GRAPH, MADE_OF, MODE_BIT, MODES, ORIGINS, Streets
from kera_mobility.units import LENGTH_STEPS_PER_M, round_m, round_one_s

DEGREES = 7
"""Decimals of longitudes and latitudes: about a centimetre."""


def graph_of(pieces: Sequence[Piece], keep: set[Point], frame: Frame) -> nx.MultiDiGraph[Any]:
    """Return the pieces as a graph whose nodes are junctions, ends, changes of kind and the points to keep.

    Edges have a line, its length and the free-flow time of cars.
    """
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=frame.area.projection)
    for point in sorted({(x, y) for piece in pieces for x, y in piece.points.tolist()}):
        graph.add_node(point, x=point[0], y=point[1], **({"keep": True} if point in keep else {}))
    for piece in pieces:
        tags = _tags(piece, frame)
        for a, b in pairwise([(x, y) for x, y in piece.points.tolist()]):
            graph.add_edge(a, b, **tags, modes=piece.forth)
            graph.add_edge(b, a, **tags, modes=piece.back)
    differ = ["origin", "street_class", "drive", "oneway", "speed_m_s", "both"]
    simplified: nx.MultiDiGraph[Any] = ox.simplify_graph(
        graph, node_attrs_include=["keep"], remove_rings=False, edge_attrs_differ=differ, edge_attr_aggs={"modes": min}
    )
    return _measured(simplified)


def write_graph(graph: nx.MultiDiGraph[Any], frame: Frame, folder: Path) -> Streets:
    """Join the places beyond the map, number the nodes, write `streets.graphml` and `streets/*.npy`; return the arrays.

    Raises
    ------
    NetworkError
        If a mode has no network or one in several parts.
    """
    _add_outside(graph, frame)
    numbered = _numbered(graph, frame)
    streets = streets_of(numbered, frame)
    for mode in MODES:
        if parts(streets, mode) != 1:
            raise NetworkError(f"{folder}: the {mode} network falls into {parts(streets, mode)} parts, expected 1")
    ox.save_graphml(numbered, folder / GRAPH)
    streets.save(folder / "streets")
    write_mark(folder / GRAPH, folder / "streets" / MADE_OF)
    return streets


def streets_of(graph: nx.MultiDiGraph[int], frame: Frame) -> Streets:
    """Return a numbered graph as arrays."""
    nodes = [graph.nodes[number] for number in range(len(graph))]
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[:3])
    tags = [edge[3] for edge in edges]
    lines = [shapely.get_coordinates(tag["geometry"]) for tag in tags]
    return Streets(
        node_lonlat=np.array([(node["lon"], node["lat"]) for node in nodes]),
        node_xy_m=np.array([(node["x"], node["y"]) for node in nodes]),
        node_outside=np.array([node["outside"] for node in nodes], dtype=np.bool_),
        edge_from=np.array([edge[0] for edge in edges], dtype=np.int32),
        edge_to=np.array([edge[1] for edge in edges], dtype=np.int32),
        edge_length_m=np.array([tag["length"] for tag in tags], dtype=np.float64),
        edge_drive_s=np.array([tag["drive_s"] for tag in tags], dtype=np.float64),
        edge_class=np.array([CLASSES.index(tag["street_class"]) for tag in tags], dtype=np.uint8),
        edge_origin=np.array([ORIGINS.index(tag["origin"]) for tag in tags], dtype=np.uint8),
        edge_modes=np.array([tag["modes"] for tag in tags], dtype=np.uint8),
        shape_start=np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int32),
        shape_lonlat=np.round(frame.degrees(np.vstack(lines)), DEGREES).astype(np.float32),
    )


def _tags(piece: Piece, frame: Frame) -> dict[str, Any]:
    of_class = frame.speed_m_s(piece.street_class) if piece.drive else 0.0
    return {
        "osmid": piece.street,
        "origin": piece.origin,
        "street_class": piece.street_class,
        "drive": piece.drive,
        "oneway": piece.oneway,
        "speed_m_s": piece.speed_m_s or of_class,
        "both": f"{piece.walk}{piece.cycle}{piece.shut_forth}{piece.shut_back}",
    }


def _measured(graph: nx.MultiDiGraph[Any]) -> nx.MultiDiGraph[Any]:
    """Return a graph whose edges have a line, its length and the free-flow time of cars; closed edges are left out."""
    measured: nx.MultiDiGraph[Any] = nx.MultiDiGraph(**graph.graph)
    measured.add_nodes_from(graph.nodes(data=True))
    for u, v, tags in graph.edges(data=True):
        line = tags.get("geometry") or LineString([u, v])
        length_m = rounded_m(line.length)
        drives = tags["modes"] & MODE_BIT["drive"]
        drive_s = round_one_s(length_m / tags["speed_m_s"]) if drives else math.inf
        kept = {name: tags[name] for name in ("origin", "street_class", "modes")}
        if tags["modes"]:
            measured.add_edge(u, v, **kept, geometry=line, length=length_m, drive_s=drive_s)
    return measured


def rounded_m(length_m: float) -> float:
    """Return a length in whole steps, at least one."""
    return max(float(round_m(np.array([length_m]))[0]), 1.0 / LENGTH_STEPS_PER_M)


def _add_outside(graph: nx.MultiDiGraph[Any], frame: Frame) -> None:
    """Add the places beyond the map, each joined to the node nearest to its gateway that cars and bicycles reach.

    A place with a station is joined to that place too, for everybody.
    """
    cycled = {u for u, _, tags in graph.edges(data=True) if tags["modes"] & MODE_BIT["cycle"]}
    driven = {node for u, v, tags in graph.edges(data=True) if math.isfinite(tags["drive_s"]) for node in (u, v)}
    open_to_both = sorted(cycled & driven)
    places = read_outside(frame.folder)
    at = {place.place: tuple(frame.metres([place.position])[0].tolist()) for place in places}
    for place in places:
        here, gate = at[place.place], frame.metres([place.gateway])[0].tolist()
        near = min(open_to_both, key=lambda node: math.dist(node, gate))
        graph.add_node(here, x=here[0], y=here[1], place=place.place)
        _join(graph, here, near, "drive", place.drive_km * 1000.0, round_one_s(place.drive_min * 60.0))
        _join(graph, here, near, "cycle", place.cycle_km * 1000.0)
    for place in places:
        if place.station:
            for mode, drive_s in (("walk", math.inf), ("cycle", math.inf), ("drive", drive_beyond_s(place.walk_m))):
                _join(graph, at[place.place], at[place.station], mode, place.walk_m, drive_s)


def _join(
    graph: nx.MultiDiGraph[Any], here: Point, there: Point, mode: str, length_m: float, drive_s: float = math.inf
) -> None:
    """Add a straight way beyond the map for one mode, there and back."""
    tags = {"origin": "outside", "street_class": "outside", "modes": MODE_BIT[mode], "drive_s": drive_s}
    line = LineString([here, there])
    graph.add_edge(here, there, **tags, length=rounded_m(length_m), geometry=line)
    graph.add_edge(there, here, **tags, length=rounded_m(length_m), geometry=line.reverse())


def _numbered(graph: nx.MultiDiGraph[Any], frame: Frame) -> nx.MultiDiGraph[int]:
    """Return the graph with nodes numbered from west to east, places beyond the map last in their own order."""
    places = [node for node, tags in graph.nodes(data=True) if "place" in tags]
    nodes = [*sorted(set(graph) - set(places)), *places]
    order = {node: k for k, node in enumerate(nodes)}
    lonlat = np.round(frame.degrees(np.array(nodes)), DEGREES).tolist()
    numbered: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=frame.area.projection, simplified=True)
    for number, ((x, y), (lon, lat)) in enumerate(zip(nodes, lonlat, strict=True)):
        place = graph.nodes[x, y].get("place", "")
        numbered.add_node(number, x=x, y=y, lon=lon, lat=lat, outside=bool(place), place=place)
    edges = [(order[u], order[v], tags) for u, v, tags in graph.edges(data=True)]
    for u, v, tags in sorted(edges, key=lambda edge: (*edge[:2], edge[2]["modes"], edge[2]["geometry"].wkb)):
        numbered.add_edge(u, v, osmid=f"{u}-{v}", **tags)
    return numbered
