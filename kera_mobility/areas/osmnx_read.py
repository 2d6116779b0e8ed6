"""Street graphs as OSMnx writes them, of any version: GraphML and GeoPackage, directed or with each street once."""

from __future__ import annotations

import ast
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError

from kera_mobility.areas.extract import DrawnWay, Extract
from kera_mobility.areas.osm_tags import CLASS_OF_HIGHWAY, NODE_TAGS, WAY_TAGS, is_square, kind_of
from kera_mobility.errors import NetworkError
from kera_mobility.units import FloatArray

DEGREES_CRS = "EPSG:4326"
SAME_STREET_M = 5.0
"""The two directions of one way of OpenStreetMap differ by no more than this in length. Assumption."""
LENGTH_SHARE, LENGTH_M = 0.05, 5.0
"""An edge's line and the length that its file states differ by no more than this share or these metres. Assumption."""
_GEOD = Geod(ellps="WGS84")


class Edge(NamedTuple):
    """An edge of a street graph."""

    u: str
    v: str
    tags: dict[str, str]
    """Lists joined by semicolons."""
    lonlat: FloatArray
    """(K, 2) degrees."""
    where: str
    """As `edge 12-14`, for faults."""
    drawn_m: float
    """Length of the line as the file draws it, before its ends are led to the nodes."""

    @property
    def length_m(self) -> float:
        """Length of the line on the ellipsoid."""
        return _length_m(self.lonlat)


def read_graphml(path: Path) -> Extract:
    """Return the streets of a GraphML file."""
    try:
        graph = nx.read_graphml(path, node_type=str, edge_key_type=str, force_multigraph=True)
        nodes = {number: (float(tags["x"]), float(tags["y"]), tags) for number, tags in graph.nodes(data=True)}
        edges = [(str(u), str(v), tags) for u, v, tags in graph.edges(data=True)]
        crs = str(graph.graph.get("crs", DEGREES_CRS))
        date = str(graph.graph.get("created_date", ""))[:10]
        return _with_notices(extract_of_graph(nodes, edges, crs, path.name, date, directed=graph.is_directed()))
    except NetworkError:
        raise
    except (ElementTree.ParseError, nx.NetworkXException, LookupError, ValueError, TypeError, ArithmeticError,
            SyntaxError, AttributeError, ShapelyError, CRSError) as error:  # fmt: skip
        raise NetworkError(f"{path}: expected GraphML as OSMnx writes it, got {error!r}") from None


def read_geopackage(path: Path) -> Extract:
    """Return the streets of a GeoPackage."""
    import geopandas as gpd
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        layers = set(gpd.list_layers(path)["name"])
        if not {"nodes", "edges"} <= layers:
            raise NetworkError(f"{path}: expected the layers nodes and edges as OSMnx writes them, found {layers}")
        points, lines = gpd.read_file(path, layer="nodes"), gpd.read_file(path, layer="edges")
        crs = lines.crs.to_string() if lines.crs else DEGREES_CRS
        number = "osmid" if "osmid" in points else points.columns[0]
        nodes = {str(row[number]): (row["geometry"].x, row["geometry"].y, row) for row in points.to_dict("records")}
        edges = [(str(row["u"]), str(row["v"]), row) for row in lines.to_dict("records")]
        return _with_notices(extract_of_graph(nodes, edges, crs, path.name, "", directed="from" not in lines))
    except NetworkError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError, SyntaxError,
            ShapelyError, CRSError, DataLayerError, DataSourceError, OSError) as error:  # fmt: skip
        raise NetworkError(f"{path}: expected a GeoPackage as OSMnx writes it, got {error!r}") from None


def extract_of_graph(
    nodes: Mapping[str, tuple[float, float, Mapping[str, Any]]],
    edges: Iterable[tuple[str, str, Mapping[str, Any]]],
    crs: str,
    source: str,
    date: str,
    *,
    directed: bool = True,
) -> Extract:
    """Return the streets of a graph, each once.

    Parameters
    ----------
    nodes
        x, y and tags by id, in `crs`.
    edges
        Ids of both ends and tags.
    directed
        Whether a street that is not said to be one-way goes one way where the graph has it so.

    Raises
    ------
    NetworkError
        If a place is not finite, or a line and the length that the file states for it contradict each other.
    """
    system = CRS.from_user_input(crs)
    to_degrees = Transformer.from_crs(system, DEGREES_CRS, always_xy=True)

    def degrees(points: FloatArray) -> FloatArray:
        if not np.isfinite(points).all():
            raise NetworkError(f"{source}: expected finite coordinates, found {points.tolist()}")
        return np.column_stack(to_degrees.transform(points[:, 0], points[:, 1])) if system.is_projected else points

    places = {number: degrees(np.array([[x, y]])) for number, (x, y, _) in nodes.items()}
    drawn = [_edge(u, v, tags, places, degrees, source) for u, v, tags in edges]
    if not any(kind_of(edge.tags) for edge in drawn):
        raise NetworkError(f"{source}: expected streets with the tag `highway`, found none among its edges")
    notices = [*_held_against_lengths(drawn, source)]
    ways = _each_once(drawn, directed)
    barriers = [
        (tuple(places[number][0].tolist()), {name: tag_text(tags[name]) for name in NODE_TAGS if name in tags})
        for number, (_, _, tags) in nodes.items() if tag_text(tags.get("barrier"))
    ]  # fmt: skip
    return Extract(ways, source, date, barriers=barriers, notices=tuple(notices))


def _edge(u: str, v: str, tags: Mapping[str, Any], places: Mapping[str, FloatArray], degrees: Any, source: str) -> Edge:
    """Return an edge whose line leads from `u` to `v`, the way that its cars go if it is one-way."""
    line = tags.get("geometry")
    with np.errstate(invalid="ignore"):  # what is not finite is told below
        shape = shapely.from_wkt(line) if isinstance(line, str) else line
    bare = shape is None or shape != shape
    if bare:
        if str(tags.get("from", u)) == v:
            u, v = v, u
        points = np.vstack([places[u], places[v]])
        drawn_m = _length_m(points)
    else:
        points = degrees(shapely.get_coordinates(shape))
        if len(points) < 2:
            raise NetworkError(f"{source}: edge {u}-{v}: expected a line of two points, found {shape}")
        ends = np.vstack([places[u], places[v]])
        forward, backward = (np.abs(points[[0, -1]] - pair).sum() for pair in (ends, ends[::-1]))
        if backward < forward:  # a line runs along its cars; where a street stands once, its ends may be swapped
            u, v, ends = v, u, ends[::-1]
        drawn_m = _length_m(points)
        points[0], points[-1] = ends  # a consolidated graph may draw it beside them
    kept = {name: text for name in (*WAY_TAGS, "osmid", "length", "speed_kph") if (text := tag_text(tags.get(name)))}
    return Edge(u, v, kept, points, f"edge {u}-{v}", drawn_m)


def tag_text(value: Any) -> str:
    """Return a tag as text, values of a list joined by semicolons; empty where there is none."""
    if isinstance(value, str) and value.startswith("["):
        value = ast.literal_eval(value)
    if isinstance(value, list | tuple | set | np.ndarray):
        return ";".join(dict.fromkeys(tag_text(part) for part in value))
    return "" if value is None or value != value or value in ("nan", "None") else str(value)


def _held_against_lengths(edges: Sequence[Edge], source: str) -> list[str]:
    """Return what is to be said of the lengths that a file states; raise where a line contradicts its own."""
    stated = [(edge, float(edge.tags["length"])) for edge in edges if "length" in edge.tags]
    if len({length for _, length in stated}) == 1 and len(stated) > 1:
        return [f"its `length` is {stated[0][1]:g} on every edge: no measure; the lines count"]
    apart = [(abs(edge.drawn_m - length), edge, length) for edge, length in stated]
    wrong = [(by_m, edge, length) for by_m, edge, length in apart
             if not by_m <= max(LENGTH_M, LENGTH_SHARE * max(length, 0.0))]  # fmt: skip
    if wrong:
        _, edge, length = max(wrong, key=lambda fault: fault[0] if math.isfinite(fault[0]) else math.inf)
        raise NetworkError(
            f"{source}: {edge.where}: its line is {edge.drawn_m:,.0f} m long, its `length` says {length:,.0f} m; "
            f"expected the same within {LENGTH_SHARE:.0%} or {LENGTH_M:.0f} m ({len(wrong)} of {len(stated)} edges)"
        )
    beside = [edge for edge in edges if abs(edge.length_m - edge.drawn_m) > LENGTH_M]
    by_km = sum(edge.length_m - edge.drawn_m for edge in edges) / 1000.0
    return [f"{len(beside)} lines end beside their nodes and are led to them, {by_km:+.1f} km"] if beside else []


def _length_m(lonlat: FloatArray) -> float:
    return float(_GEOD.line_length(*lonlat.T))


def _each_once(edges: Sequence[Edge], directed: bool) -> list[DrawnWay]:
    """Return each street once: an edge and one the other way are one where they share a way of OpenStreetMap."""
    back: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        back[edge.u, edge.v].append(edge)
    ways: list[DrawnWay] = []
    done: set[int] = set()
    for edge in edges:
        if id(edge) in done:
            continue
        length_m = edge.length_m
        twin = next((other for other in back[edge.v, edge.u] if id(other) not in done and other is not edge
                     and _same_way(edge, other) and abs(other.length_m - length_m) < SAME_STREET_M), None)  # fmt: skip
        stated = edge.tags.get("oneway", "").lower()
        is_oneway = directed and twin is None and stated not in ("false", "no", "0")
        if twin is not None and stated not in ("true", "yes", "1"):
            done.add(id(twin))
        elif stated in ("true", "yes", "1"):
            is_oneway = True
        ways.append(DrawnWay(
            edge.tags.get("osmid", ""), {**_with_speed(edge.tags), "oneway": "yes" if is_oneway else "no"}, edge.lonlat
        ))  # fmt: skip
    return ways


def _same_way(edge: Edge, other: Edge) -> bool:
    """Return whether two edges share a way of OpenStreetMap; those of a graph without ids do."""
    own, others = ({part for part in tags.get("osmid", "").split(";") if part} for tags in (edge.tags, other.tags))
    return bool(own & others) or not (own or others)


def _with_speed(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a way; a speed that OSMnx found stands for a limit that is missing."""
    kept = {name: value for name, value in tags.items() if name in WAY_TAGS}
    if "speed_kph" in tags:
        kept.setdefault("maxspeed", tags["speed_kph"])
    return kept


def with_squares(extract: Extract) -> Extract:
    """Return an extract with the areas that its ways enclose, where a graph has each way in parts."""
    outlines: dict[str, list[DrawnWay]] = defaultdict(list)
    for way in extract.ways:
        if is_square(way.tags):
            outlines[way.number].append(way)
    squares = [
        (parts[0].tags, square)
        for parts in outlines.values()
        for square in shapely.get_parts(shapely.polygonize([shapely.LineString(way.lonlat) for way in parts]))
    ]
    return replace(extract, squares=squares)


def _with_notices(extract: Extract) -> Extract:
    """Return an extract that says what a graph that was made for one mode does not know."""
    classes = {CLASS_OF_HIGHWAY.get(kind_of(way.tags)) for way in extract.ways}
    notices = [f"{extract.source}: {notice}" for notice in extract.notices]
    if "path" not in classes:
        notices.append(
            f"{extract.source} has no path, footway or steps: a graph made for driving? Who walks or cycles gets the "
            "streets alone and goes farther than in the place itself; add one made for walking with --walk FILE"
        )
    if classes - {"path"} and not any(way.tags["oneway"] == "yes" for way in extract.ways):
        notices.append(
            f"{extract.source} has no one-way street: a graph made for walking? Cars go both ways everywhere; add one "
            "made for driving with --drive FILE"
        )
    return with_squares(replace(extract, notices=tuple(notices)))
