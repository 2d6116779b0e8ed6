"""Street extracts from files of OpenStreetMap, XML and PBF; `osmnx_read` has those that OSMnx writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from kera_mobility.areas.extract import Extract, LonLat, checked, extract_of_elements
from kera_mobility.areas.osm_tags import Tags
from kera_mobility.areas.osmnx_read import read_geopackage, read_graphml
from kera_mobility.errors import MissingExtraError, MissingFileError, NetworkError
from kera_mobility.file_paths import require_file

SUFFIXES = (".osm", ".osm.pbf", ".graphml", ".gpkg")
"""Kinds of files that can be imported."""

_Members = list[tuple[str, int, str]]
_UNDATED = "1970-01-01"
"""What osmium says of an element without a date."""


def read_extract(path: Path) -> Extract:
    """Return the streets of a file.

    Raises
    ------
    MissingFileError, FileError
        If there is no such file, or it is a pipe or a folder.
    NetworkError
        If it is of another kind, broken, without streets, or crosses the antimeridian.
    MissingExtraError
        If a PBF file is read without the package `osmium`.
    """
    if not path.exists():
        raise MissingFileError(f"{path}: no such file to import")
    require_file(path)
    readers = {".graphml": read_graphml, ".gpkg": read_geopackage, ".pbf": _read_pbf, ".osm": _read_xml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise NetworkError(f"{path}: expected a file of kind {', '.join(SUFFIXES)}, got '{path.suffix}'")
    return checked(reader(path))


class _Elements:
    """What is read so far."""

    def __init__(self) -> None:
        self.positions: dict[int, LonLat] = {}
        self.node_tags: dict[int, Tags] = {}
        self.ways: dict[int, tuple[list[int], Tags]] = {}
        self.relations: list[tuple[_Members, Tags]] = []
        self.date = ""

    def add_node(self, number: int, lonlat: LonLat, tags: Tags) -> None:
        """Keep the place of a node, and its tags if it is a barrier."""
        self.positions[number] = lonlat
        if "barrier" in tags:
            self.node_tags[number] = tags

    def extract(self, source: str) -> Extract:
        """Return the streets among the elements."""
        return extract_of_elements(
            self.positions, self.node_tags, self.ways, self.relations, source, self.date[: len(_UNDATED)]
        )


def _read_xml(path: Path) -> Extract:
    read = _Elements()
    try:
        for element in _elements(path):
            tags = {tag.attrib["k"]: tag.attrib["v"] for tag in element.iter("tag")}
            read.date = max(read.date, element.attrib.get("osm_base", ""), element.attrib.get("timestamp", ""))
            if element.tag == "meta":
                continue
            number = int(element.attrib["id"])
            if element.tag == "node":
                read.add_node(number, (float(element.attrib["lon"]), float(element.attrib["lat"])), tags)
            elif element.tag == "way":
                read.ways[number] = [int(nd.attrib["ref"]) for nd in element.iter("nd")], tags
            else:
                members = [(member.attrib["type"], int(member.attrib["ref"]), member.attrib.get("role", ""))
                           for member in element.iter("member")]  # fmt: skip
                read.relations.append((members, tags))
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise NetworkError(f"{path}: expected OpenStreetMap XML, got {error!r}") from None
    return read.extract(path.name)


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """Yield the nodes, ways, relations and notes of dates of an XML file, one at a time."""
    for _, element in ElementTree.iterparse(path):  # noqa: S314 - a file the user names; expat limits its entities
        if element.tag in ("node", "way", "relation", "meta"):
            yield element
            element.clear()


def _read_pbf(path: Path) -> Extract:
    try:
        import osmium
    except ImportError:
        raise MissingExtraError(
            f"{path}: reading PBF needs osmium, which is not installed: pip install kera-mobility[osm]"
        ) from None
    read = _Elements()
    kinds = {"n": "node", "w": "way", "r": "relation"}
    try:
        element: Any
        for element in osmium.FileProcessor(str(path)):
            tags = dict(element.tags)
            if element.is_node():
                read.add_node(element.id, (element.location.lon, element.location.lat), tags)
            elif element.is_way():
                read.ways[element.id] = [node.ref for node in element.nodes], tags
            elif element.is_relation():
                read.relations.append(([(kinds[m.type], m.ref, m.role) for m in element.members], tags))
            read.date = max(read.date, element.timestamp.strftime("%Y-%m-%d"))
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        raise NetworkError(f"{path}: expected OpenStreetMap PBF, got {error}") from None
    if read.date <= _UNDATED:
        read.date = ""
    return read.extract(path.name)
