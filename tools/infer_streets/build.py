"""Make the street map of an area from raw data: OSMnx reads, simplifies and writes, `links` joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import osmnx as ox
import shapely
from shapely.geometry import LineString

from kera_mobility.areas.graph import graph_of, write_graph
from kera_mobility.areas.osm_pieces import Way
from kera_mobility.areas.osmnx_read import SAME_STREET_M, tag_text
from kera_mobility.areas.pieces import Piece, Point
from kera_mobility.errors import MissingFileError
from kera_mobility.town.streets.streets import Streets
from tools.infer_streets.geojson import write_planned, write_rail
from tools.infer_streets.inputs import read_stations
from tools.infer_streets.sources import MapInputs, all_pieces

WAY_TAGS = (
    "access", "area", "bicycle", "foot", "highway", "junction", "maxspeed", "motor_vehicle", "motorroad", "oneway",
    "service",
)  # fmt: skip
"""Tags of the raw ways that are read; a change of one ends a piece of street."""


def build(area_folder: Path, raw: Path) -> Streets:
    """Return the streets of an area and write them to its folder.

    Written are `streets.graphml`, `streets/*.npy`, `rail.geojson` and, where streets are planned, their picture
    `overlays/planned.geojson`.

    Raises
    ------
    MissingFileError, NetworkError
        If a file is missing or broken, or the map cannot be joined for every mode.
    """
    inputs = MapInputs.of(area_folder, raw)
    files = inputs.settings.files
    pieces, keep = all_pieces(inputs, read_ways(raw / files.osm, inputs.area.projection))
    streets = write_graph(graph_of(_open_trapped_oneways(pieces), keep, inputs), inputs, area_folder)
    write_rail(area_folder / "rail.geojson", inputs, read_stations(raw / files.named_points, inputs.area.bbox))
    write_planned(area_folder / "overlays" / "planned.geojson", inputs, pieces)
    return streets


def read_ways(path: Path, projection: str) -> list[Way]:
    """Return the ways of an OpenStreetMap XML file between junctions, projected, in the order of their nodes.

    Each direction of a two-way street may appear once.
    """
    if not path.exists():
        raise MissingFileError(f"{path}: no such file; the builder needs it")
    before = ox.settings.useful_tags_way
    ox.settings.useful_tags_way = sorted({*before, *WAY_TAGS})
    try:
        graph = ox.graph_from_xml(path, simplify=False, retain_all=True)
    finally:
        ox.settings.useful_tags_way = before
    graph = ox.simplify_graph(graph, edge_attrs_differ=WAY_TAGS, remove_rings=False)
    graph = ox.project_graph(graph, to_crs=projection)
    places = {node: (tags["x"], tags["y"]) for node, tags in graph.nodes(data=True)}
    ways: list[Way] = []
    kept_m: dict[tuple[int, int], list[float]] = {}
    for u, v, _, tags in sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[:3]):
        line = tags.get("geometry")
        points = np.array([places[u], places[v]]) if line is None else shapely.get_coordinates(line)
        points[0], points[-1] = places[u], places[v]
        length_m = LineString(points).length
        if any(abs(length_m - back_m) < SAME_STREET_M for back_m in kept_m.get((v, u), ())):
            continue
        if tags.get("oneway") is not True:
            kept_m.setdefault((u, v), []).append(length_m)
        ways.append(Way({name: tag_text(tags[name]) for name in WAY_TAGS if name in tags}, LineString(points)))
    return ways


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
