"""Street extracts from files: OpenStreetMap XML and PBF, GraphML and GeoPackage as OSMnx writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import osmnx as ox

from kera_mobility.areas.osm_tags import WAY_TAGS
from kera_mobility.errors import MissingExtraError, MissingFileError, NetworkError

SUFFIXES = (".osm", ".osm.pbf", ".graphml", ".gpkg")
"""Kinds of files that can be imported."""
_DEGREES_CRS = "epsg:4326"
_FORTH = ("yes", "true", "1")
_BACK = ("-1", "reverse")

ElementWay = tuple[int, list[int], dict[str, str]]
"""Id, ids of the nodes, tags."""


@dataclass(frozen=True)
class Extract:
    """The streets of an OpenStreetMap extract."""

    graph: nx.MultiDiGraph[Any]
    """As OSMnx makes it: tags of OpenStreetMap on the edges."""
    source: str
    """Where it comes from, for people."""
    date: str
    """Day of the newest change that the extract tells of, as 2024-08-21; empty if it tells none."""
    missing_nodes: int = 0
    """Nodes that ways name and the extract does not hold: it was clipped."""
    clipped_ways: int = 0
    """Ways that lack at least one node; what is left of them is kept."""


def read_extract(path: Path) -> Extract:
    """Return the streets of a file.

    Raises
    ------
    MissingFileError
        If there is no such file.
    NetworkError
        If it is of another kind, broken, or without streets.
    MissingExtraError
        If a PBF file is read without the package `osmium`.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file to import")
    readers = {".graphml": _read_graphml, ".gpkg": _read_geopackage, ".pbf": _read_pbf, ".osm": _read_xml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise NetworkError(f"{path}: expected a file of kind {', '.join(SUFFIXES)}, got '{path.suffix}'")
    extract = reader(path)
    if not any("highway" in tags for _, _, tags in extract.graph.edges(data=True)):
        raise NetworkError(f"{path}: expected streets with the tag `highway`, found none among its edges")
    return extract


def extract_of_elements(
    positions: dict[int, tuple[float, float]], ways: list[ElementWay], source: str, date: str
) -> Extract:
    """Return nodes (degrees) and ways as an extract; a way is cut where a node is missing."""
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=_DEGREES_CRS)
    missing: set[int] = set()
    clipped = 0
    for number, nodes, tags in ways:
        if "highway" not in tags:
            continue
        gone = {node for node in nodes if node not in positions}
        missing |= gone
        clipped += bool(gone)
        kept = {name: tags[name] for name in WAY_TAGS if name in tags and name != "oneway"}
        forth, back = _directions(tags)
        for present, stretch in groupby(nodes, key=positions.__contains__):
            for u, v in pairwise(stretch) if present else ():
                if forth:
                    graph.add_edge(u, v, osmid=number, **kept, oneway=not back)
                if back:
                    graph.add_edge(v, u, osmid=number, **kept, oneway=not forth)
    for node in graph:
        graph.nodes[node]["x"], graph.nodes[node]["y"] = positions[node]
    if len(graph) == 0:
        raise NetworkError(
            f"{source}: expected streets, found {len(ways)} ways of which none has the tag `highway` and two nodes"
        )
    return Extract(graph, source, date, len(missing), clipped)


def _directions(tags: dict[str, str]) -> tuple[bool, bool]:
    """Return whether cars may go along a way and back."""
    oneway = tags.get("oneway", "")
    if oneway in _BACK:
        return False, True
    implied = tags.get("junction") in ("roundabout", "circular") or tags["highway"] == "motorway"
    return True, not (oneway in _FORTH or (implied and oneway != "no"))


def _read_xml(path: Path) -> Extract:
    positions: dict[int, tuple[float, float]] = {}
    ways: list[ElementWay] = []
    date = ""
    try:
        for element in _elements(path):
            if element.tag == "node":
                positions[int(element.attrib["id"])] = float(element.attrib["lon"]), float(element.attrib["lat"])
            elif element.tag == "way":
                tags = {tag.attrib["k"]: tag.attrib["v"] for tag in element.iter("tag")}
                ways.append((int(element.attrib["id"]), [int(nd.attrib["ref"]) for nd in element.iter("nd")], tags))
            date = max(date, element.attrib.get("osm_base", ""), element.attrib.get("timestamp", ""))
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise NetworkError(f"{path}: expected OpenStreetMap XML, got {error!r}") from None
    return extract_of_elements(positions, ways, path.name, date[:10])


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """Yield the nodes, ways and notes of dates of an XML file, one at a time."""
    for _, element in ElementTree.iterparse(path):  # noqa: S314 - a file the user names; expat limits its entities
        if element.tag in ("node", "way", "meta"):
            yield element
            element.clear()


def _read_pbf(path: Path) -> Extract:
    try:
        import osmium
    except ImportError:
        raise MissingExtraError(
            f"{path}: reading PBF needs osmium, which is not installed: pip install kera-mobility[osm]"
        ) from None
    positions: dict[int, tuple[float, float]] = {}
    ways: list[ElementWay] = []
    date = ""
    try:
        element: Any
        for element in osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY):
            if element.is_node():
                positions[element.id] = element.location.lon, element.location.lat
            else:
                ways.append((element.id, [node.ref for node in element.nodes], dict(element.tags)))
            date = max(date, element.timestamp.strftime("%Y-%m-%d"))
    except RuntimeError as error:
        raise NetworkError(f"{path}: expected OpenStreetMap PBF, got {error}") from None
    return extract_of_elements(positions, ways, path.name, date if date > "1970-01-01" else "")


def _read_graphml(path: Path) -> Extract:
    try:
        graph = ox.load_graphml(path, edge_dtypes={"osmid": str})
    except (ElementTree.ParseError, nx.NetworkXError, KeyError, ValueError) as error:
        raise NetworkError(f"{path}: expected GraphML as OSMnx writes it, got {error!r}") from None
    for u, v, tags in graph.edges(data=True):
        tags.setdefault("oneway", not graph.has_edge(v, u))
    return Extract(graph, path.name, str(graph.graph.get("created_date", ""))[:10])


def _read_geopackage(path: Path) -> Extract:
    import geopandas as gpd

    try:
        layers = set(gpd.list_layers(path)["name"])
        if not {"nodes", "edges"} <= layers:
            raise NetworkError(f"{path}: expected the layers nodes and edges as OSMnx writes them, found {layers}")
        nodes, edges = gpd.read_file(path, layer="nodes"), gpd.read_file(path, layer="edges")
        graph = ox.graph_from_gdfs(nodes.set_index("osmid"), edges.set_index(["u", "v", "key"]))
    except (KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, NetworkError):
            raise
        raise NetworkError(f"{path}: expected a GeoPackage as OSMnx writes it, got {error!r}") from None
    for _, _, tags in graph.edges(data=True):
        for name in [name for name, value in tags.items() if value is None or value != value]:
            del tags[name]
    graph.graph["simplified"] = "geometry" in edges
    return Extract(graph, path.name, "")
