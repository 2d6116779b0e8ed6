"""Make the street map of an area from raw data: OSMnx reads, simplifies and writes, `reconstruct` joins."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmnx as ox
import shapely
from shapely.geometry import LineString

from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.town.build_inputs import LonLat, read_outside, read_stations
from kera_mobility.town.build_pieces import KM_H_PER_M_S, Ground, Way, all_pieces
from kera_mobility.town.network import CLASSES, MODE_BIT, MODES, ORIGINS, Streets
from kera_mobility.town.pieces import Piece, Point
from kera_mobility.town.survey import parts
from kera_mobility.units import LENGTH_STEPS_PER_M, round_m, round_one_s

DEGREES = 7
"""Decimals of longitudes and latitudes: about a centimetre."""
WALK_AND_CYCLE = MODE_BIT["walk"] | MODE_BIT["cycle"]
_WAY_TAGS = ("access", "area", "highway", "motor_vehicle", "oneway")


def build(area_folder: Path, raw: Path) -> Streets:
    """Return the streets of an area and write them to its folder: `streets.graphml`, `streets/*.npy`, `rail.geojson`.

    Raises
    ------
    MissingFileError, NetworkError
        If a file is missing or broken, or the map cannot be joined for every mode.
    """
    ground = Ground.of(area_folder, raw)
    files = ground.settings.files
    pieces, keep = all_pieces(ground, read_ways(raw / files.osm, ground.area.projection))
    graph = _simplified(_open_trapped_oneways(pieces), keep, ground)
    _add_outside(graph, ground)
    graph = _numbered(graph, ground)
    streets = streets_of(graph, ground)
    for mode in MODES:
        if parts(streets, mode) != 1:
            raise NetworkError(f"{area_folder}: the {mode} network falls into {parts(streets, mode)} parts, expected 1")
    ox.save_graphml(graph, area_folder / "streets.graphml")
    streets.save(area_folder / "streets")
    _write_rail(area_folder / "rail.geojson", ground, read_stations(raw / files.named_points, ground.area.bbox))
    return streets


def read_graph(area_folder: Path) -> nx.MultiDiGraph[int]:
    """Return `streets.graphml` of an area as OSMnx reads it, numbers as numbers.

    Raises
    ------
    MissingFileError
        If the area has no such file.
    """
    path = area_folder / "streets.graphml"
    if not path.exists():
        raise MissingFileError(f"{path}: no such file; `kera network build` makes it")
    nodes = {"outside": lambda text: text == "True"}
    edges = {"osmid": str, "drive_s": float, "modes": int}
    graph: nx.MultiDiGraph[int] = ox.load_graphml(path, node_dtypes=nodes, edge_dtypes=edges)
    return graph


def read_ways(path: Path, projection: str) -> list[Way]:
    """Return the ways of an OpenStreetMap XML file between junctions, projected, in the order of their nodes.

    Each direction of a two-way street may appear once.
    """
    if not path.exists():
        raise MissingFileError(f"{path}: no such file; the builder needs it")
    before = ox.settings.useful_tags_way
    ox.settings.useful_tags_way = sorted({*before, *_WAY_TAGS})
    try:
        graph = ox.graph_from_xml(path, simplify=False, retain_all=True)
    finally:
        ox.settings.useful_tags_way = before
    graph = ox.simplify_graph(graph, edge_attrs_differ=_WAY_TAGS, remove_rings=False)
    graph = ox.project_graph(graph, to_crs=projection)
    positions = {node: (tags["x"], tags["y"]) for node, tags in graph.nodes(data=True)}
    return [
        (tags, tags.get("geometry") or LineString([positions[u], positions[v]]))
        for u, v, _, tags in sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[:3])
    ]


def _open_trapped_oneways(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with one-way streets opened both ways where their missing other half would trap cars."""
    ways: nx.DiGraph[Point] = nx.DiGraph()
    for piece in pieces:
        if piece.drive:
            ways.add_edge(*piece.ends)
            if not piece.oneway:
                ways.add_edge(*piece.ends[::-1])
    part = {node: k for k, nodes in enumerate(nx.strongly_connected_components(ways)) for node in nodes}
    return [
        replace(piece, oneway=False) if piece.oneway and part[piece.ends[0]] != part[piece.ends[1]] else piece
        for piece in pieces
    ]


def _simplified(pieces: Sequence[Piece], keep: set[Point], ground: Ground) -> nx.MultiDiGraph[Any]:
    """Return the pieces as a graph whose nodes are junctions, ends, changes of kind and the points to keep."""
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=ground.area.projection)
    for point in sorted({(x, y) for piece in pieces for x, y in piece.points.tolist()}):
        graph.add_node(point, x=point[0], y=point[1], **({"keep": True} if point in keep else {}))
    for piece in pieces:
        tags = _tags(piece, ground)
        forth = WALK_AND_CYCLE | (MODE_BIT["drive"] if piece.drive else 0)
        for a, b in pairwise([(x, y) for x, y in piece.points.tolist()]):
            graph.add_edge(a, b, **tags, modes=forth)
            graph.add_edge(b, a, **tags, modes=WALK_AND_CYCLE if piece.oneway else forth)
    differ = ["origin", "street_class", "drive", "oneway", "speed_m_s"]
    found: nx.MultiDiGraph[Any] = ox.simplify_graph(
        graph, node_attrs_include=["keep"], edge_attrs_differ=differ, edge_attr_aggs={"modes": min}
    )
    return _measured(found)


def _tags(piece: Piece, ground: Ground) -> dict[str, Any]:
    of_class = ground.settings.speeds.of(piece.street_class) / KM_H_PER_M_S if piece.drive else 0.0
    return {
        "osmid": piece.street,
        "origin": piece.origin,
        "street_class": piece.street_class,
        "drive": piece.drive,
        "oneway": piece.oneway,
        "speed_m_s": piece.speed_m_s or of_class,
    }


def _measured(graph: nx.MultiDiGraph[Any]) -> nx.MultiDiGraph[Any]:
    """Return a graph whose edges have a line, its length and the free-flow time of cars."""
    measured: nx.MultiDiGraph[Any] = nx.MultiDiGraph(**graph.graph)
    measured.add_nodes_from(graph.nodes(data=True))
    for u, v, tags in graph.edges(data=True):
        line = tags.get("geometry") or LineString([u, v])
        length_m = _rounded_m(line.length)
        drives = tags["modes"] & MODE_BIT["drive"]
        drive_s = round_one_s(length_m / tags["speed_m_s"]) if drives else math.inf
        kept = {name: tags[name] for name in ("origin", "street_class", "modes")}
        measured.add_edge(u, v, **kept, geometry=line, length=length_m, drive_s=drive_s)
    return measured


def _rounded_m(length_m: float) -> float:
    return max(float(round_m(np.array([length_m]))[0]), 1.0 / LENGTH_STEPS_PER_M)


def _add_outside(graph: nx.MultiDiGraph[Any], ground: Ground) -> None:
    """Add the places beyond the map, each joined to the drivable node nearest to its gateway."""
    drivable = [(u, v) for u, v, tags in graph.edges(data=True) if math.isfinite(tags["drive_s"])]
    driven = sorted({node for pair in drivable for node in pair})
    for place in read_outside(ground.folder):
        (x, y), gate = ground.metres([place.position, place.gateway]).tolist()
        near = min(driven, key=lambda node: math.dist(node, gate))
        graph.add_node((x, y), x=x, y=y, place=place.place)
        line = LineString([(x, y), near])
        drive = ("drive", place.drive_km, round_one_s(place.drive_min * 60.0))
        for mode, km, drive_s in (drive, ("cycle", place.cycle_km, math.inf)):
            tags = {"origin": "outside", "street_class": "outside", "modes": MODE_BIT[mode], "drive_s": drive_s}
            graph.add_edge((x, y), near, **tags, length=_rounded_m(km * 1000.0), geometry=line)
            graph.add_edge(near, (x, y), **tags, length=_rounded_m(km * 1000.0), geometry=line.reverse())


def _numbered(graph: nx.MultiDiGraph[Any], ground: Ground) -> nx.MultiDiGraph[int]:
    """Return the graph with nodes numbered from west to east, places beyond the map last in their own order."""
    places = [node for node, tags in graph.nodes(data=True) if "place" in tags]
    nodes = [*sorted(set(graph) - set(places)), *places]
    order = {node: k for k, node in enumerate(nodes)}
    lonlat = np.round(ground.degrees(np.array(nodes)), DEGREES).tolist()
    numbered: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=ground.area.projection, simplified=True)
    for number, ((x, y), (lon, lat)) in enumerate(zip(nodes, lonlat, strict=True)):
        place = graph.nodes[x, y].get("place", "")
        numbered.add_node(number, x=x, y=y, lon=lon, lat=lat, outside=bool(place), place=place)
    edges = [(order[u], order[v], tags) for u, v, tags in graph.edges(data=True)]
    for u, v, tags in sorted(edges, key=lambda edge: (*edge[:2], edge[2]["modes"], edge[2]["geometry"].wkb)):
        numbered.add_edge(u, v, osmid=f"{u}-{v}", **tags)
    return numbered


def streets_of(graph: nx.MultiDiGraph[int], ground: Ground) -> Streets:
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
        shape_lonlat=np.round(ground.degrees(np.vstack(lines)), DEGREES).astype(np.float32),
    )


def _write_rail(path: Path, ground: Ground, stations: Sequence[tuple[str, LonLat]]) -> None:
    rail = ground.rail_degrees
    lines = [_feature({"mode": "RAIL"}, "LineString", line.coords) for line in getattr(rail, "geoms", [rail])]
    points = [_feature({"kind": "rail_station", "name": name}, "Point", position) for name, position in stations]
    rows = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in [*lines, *points])
    path.write_text(f'{{"type": "FeatureCollection", "features": [\n{rows}\n]}}\n', encoding="utf-8")


def _feature(tags: dict[str, str], kind: str, coordinates: Any) -> dict[str, Any]:
    rounded = np.round(np.asarray(coordinates), DEGREES - 1).tolist()
    return {"type": "Feature", "properties": tags, "geometry": {"type": kind, "coordinates": rounded}}
