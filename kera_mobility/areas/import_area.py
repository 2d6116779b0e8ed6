"""Import an OpenStreetMap extract: from its streets and an existing area make a new area folder."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import shapely
from pyproj import CRS
from ruamel.yaml import YAML
from scipy.spatial import cKDTree
from shapely.geometry import LineString

from kera_mobility.areas.assumed_people import BASIS, FILES, write_assumed_people
from kera_mobility.areas.description import Area, Box, read_area, read_outside, read_speeds
from kera_mobility.areas.extract import Extract
from kera_mobility.areas.frame import Frame, projection_to
from kera_mobility.areas.graph import graph_of, write_graph
from kera_mobility.areas.junctions import merged, share_of_same_length
from kera_mobility.areas.kilometres import Kilometres, length_once_m
from kera_mobility.areas.osm_pieces import Way, across_squares, pieces_of_ways, united, with_barriers
from kera_mobility.areas.osm_tags import stopped_by
from kera_mobility.areas.pieces import Piece, Point, cut_at_meetings, extend_ends_to, point_of
from kera_mobility.areas.quality import open_km
from kera_mobility.errors import DataError, Fault, NetworkError
from kera_mobility.file_paths import require_writable
from kera_mobility.files import read_yaml
from kera_mobility.shapes import Shape, read_shapes
from kera_mobility.tables import read_table
from kera_mobility.town.area_tables import CELLS
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, MODES, Streets
from kera_mobility.town.timetable.gtfs import timetable_of_feed
from kera_mobility.units import FloatArray

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
MERGE_M = 1.0
"""Parts of one junction nearer than this become one node. Assumption: in central Helsinki at least 99 of 100 ways
between nodes then keep their length within 1 %, by any mode; with 8 m it is 61 on foot and 70 by car."""
LEAST_SAME_LENGTH = 0.98
"""Below this share of ways that keep their length, merging is said to have changed the map; CHECKED_PAIRS tell it
within a percentage point."""
CHECKED_PAIRS = 300
"""Ways between so many pairs of nodes are measured before and after merging."""
NEAR_M = 300.0
"""A home farther than this from every imported street is not covered by the extract. Assumption."""
MARGIN_DEGREES = 0.001
"""The rectangle of an area that is all of an extract reaches so far beyond its nodes, lest its border be cut off."""
PLANNED = "planned.geojson"
"""The overlay whose streets are grafted on what is imported."""
PLANNED_STREETS = "planned streets, and what joins them"
LONELY = "hangs together with nothing"
PLANNED_REACH_M = 20.0
"""A planned street is led so far to the next one. Assumption."""
LEAST_COVERED = 0.5
"""An extract that covers a smaller share of an area's residents is of another place."""
_STREET_FILES = ("streets", "streets.graphml", "build.yaml", "provenance.yaml")
"""Files that an import writes itself, and the settings of the old streets; not copied."""
_OF_FEED = {
    "file": "gtfs/*", "licence": "as its publisher states", "date": "as its calendar states", "current": False,
    "derived_how": "copied by `kera network import --gtfs`",
}  # fmt: skip
_OF_PEOPLE = {
    "file": FILES, "source": BASIS, "licence": "CC0", "date": "none", "current": False,
    "derived_how": "written by `kera network import` or `fetch` without an area; put real tables in their place",
}  # fmt: skip
_ABOUT = {
    "file": "area.yaml, provenance.yaml", "source": "`kera network import` or `fetch`", "licence": "CC0",
    "date": "none", "current": False, "derived_how": "written by the command",
}  # fmt: skip
"""What an area says of the files that an import writes about itself."""


@dataclass(frozen=True)
class Imported:
    """The result of an import."""

    folder: Path
    streets: Streets
    extract: Extract
    kilometres: Kilometres
    """What came in, what was left away and why."""
    covered: float | None
    """Share of the residents who live near an imported street; none where the area has no residents of its own."""
    nodes: tuple[int, int]
    """Nodes before and after junctions were merged."""
    same_length: dict[str, float]
    """Share of ways between nodes that merging left as long as they were, by mode."""
    assumed_residents: int
    """Residents that nobody counted; 0 where the area has its own."""


def import_area(
    extract: Extract, out: Path, like: Path | None, merge_m: float = MERGE_M, box: Box | None = None,
    feed: Path | None = None,
) -> Imported:  # fmt: skip
    """Write an area with the streets of an extract to `out` and return what it holds.

    Parameters
    ----------
    like
        Folder of the area that gives rectangle, people, places beyond the map, timetables and overlays; without it the
        people are assumed.
    box
        Rectangle to cut the streets to where `like` gives none.
    feed
        GTFS feed of the area, a folder or zip file; it becomes the timetable `today`.

    Raises
    ------
    NetworkError
        If `out` exists, the extract is of another place, or it holds no network.
    TimetableError
        If nothing of the feed can be run in the area.
    """
    require_new(out)
    area = read_area(like) if like else area_of(extract, out.name, box)
    if feed:
        west, south, east, north = (getattr(area.bbox, side) for side in ("west", "south", "east", "north"))
        beyond = [place.position for place in read_outside(like)] if like else []
        timetable_of_feed(feed, bbox=(west, south, east, north), outside=beyond)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        made = Path(temporary) / "area"
        _copy(like, made)
        frame = Frame(like or made, area, read_speeds(like), projection_to(area.projection))
        kilometres = Kilometres()
        pieces = pieces_of_extract(extract, frame, kilometres)
        if not pieces:
            raise NetworkError(f"{extract.source}: holds no street in the rectangle of {area.title}")
        drawn = graph_of(_with_planned_counted(pieces, frame, kilometres), set(), frame)
        merger = merged(drawn, merge_m, kilometres)
        same = {mode: share_of_same_length(drawn, merger, mode, CHECKED_PAIRS) for mode in ("walk", "drive")}
        graph = merger.graph
        for mode in MODES:
            keep_main_part(graph, mode, kilometres)
        graph.remove_nodes_from([node for node in list(graph) if graph.degree(node) == 0])
        covered = _covered(graph, frame)
        if covered is not None and covered < LEAST_COVERED:
            raise NetworkError(
                f"{extract.source}: covers {covered:.0%} of the residents of {area.title}: another place?"
            )
        streets = write_graph(graph, frame, made)
        residents = 0 if like else write_assumed_people(streets, made)
        _copy_feed(feed, made / "gtfs")
        imported = Imported(
            out, streets, extract, kilometres, covered, (len(drawn), len(graph)), same, residents,
        )  # fmt: skip
        _write_about(made, like, area, imported, feed)
        made.rename(out)
    return imported


def notices_of(imported: Imported) -> tuple[str, ...]:
    """Return what a user should know of an import, a sentence each."""
    extract = imported.extract
    notices = list(extract.notices)
    if extract.restrictions:
        notices.append(f"{len(extract.restrictions)} turn restrictions are not kept: cars turn where they like")
    for mode, share in imported.same_length.items():
        if share < LEAST_SAME_LENGTH:
            notices.append(
                f"merging junctions (--merge-m) changed the length of {1 - share:.0%} of ways by more than 1 % ({mode})"
            )
    if imported.assumed_residents:
        notices.append(f"{imported.assumed_residents:,} residents, their jobs and shops: {BASIS}")
    return tuple(notices)


def pieces_of_extract(extract: Extract, frame: Frame, kilometres: Kilometres) -> list[Piece]:
    """Return the streets of an extract as pieces in metres: what is drawn twice once, barriers and squares heeded."""
    starts = np.cumsum([len(way.lonlat) for way in extract.ways])[:-1]
    lines = np.split(frame.metres(np.vstack([way.lonlat for way in extract.ways])), starts)
    ways = [Way(way.tags, LineString(line), way.modes) for way, line in zip(extract.ways, lines, strict=True)]
    pieces = united(pieces_of_ways(ways, frame.outline, "osm", kilometres), kilometres)
    squares = [(tags, frame.in_metres(square)) for tags, square in extract.squares]
    pieces = united([*pieces, *across_squares(pieces, squares, kilometres)], kilometres)
    stops: dict[Point, int] = {}
    for place, tags in extract.barriers:
        stops[point_of(frame.metres([place])[0])] = stopped_by(tags)
    return with_barriers(pieces, stops, kilometres)


def _with_planned_counted(pieces: list[Piece], frame: Frame, kilometres: Kilometres) -> list[Piece]:
    """Return `with_planned`, the difference counted."""
    planned = with_planned(pieces, frame)
    if planned is not pieces:
        for bit in MODE_BIT.values():
            before, after = (sum(piece.line.length for piece in part if (piece.forth | piece.back) & bit)
                             for part in (pieces, planned))  # fmt: skip
            kilometres.add(PLANNED_STREETS, bit, after - before)
    return planned


def require_new(out: Path) -> None:
    """Return if an area can be written to a new folder; raise NetworkError or FileError else."""
    if os.path.lexists(out):
        raise NetworkError(f"{out}: expected a new folder, found one; choose another with --out or remove it")
    require_writable(out, folder=True)


def with_planned(pieces: list[Piece], frame: Frame) -> list[Piece]:
    """Return the pieces and the planned streets of the area's overlays, joined where they meet or nearly so."""
    path = frame.folder / "overlays" / PLANNED
    if not path.exists():
        return pieces
    streets = [shape for shape in read_shapes(path) if shape.properties.get("kind") == "street"]
    faults = [fault for street in streets for fault in _planned_faults(street)]
    if faults:
        raise DataError(faults)
    planned = [
        Piece(
            frame.metres(shapely.get_coordinates(street.geometry).tolist()), "planned", street.properties["class"],
            len(pieces) + number, street.properties["drive"],
        )
        for number, street in enumerate(streets)
    ]  # fmt: skip
    return cut_at_meetings([*pieces, *extend_ends_to(planned, pieces, PLANNED_REACH_M)])


def _planned_faults(street: Shape) -> Iterator[Fault]:
    """Yield the faults of a planned street of an overlay."""
    if street.geometry.geom_type != "LineString":
        yield street.fault(f"got the geometry '{street.geometry.geom_type}', expected a LineString for a street")
    if street.properties.get("class") not in CLASSES[:-1]:
        yield street.fault(f"class: got {street.properties.get('class')!r}, expected one of {', '.join(CLASSES[:-1])}")
    if not isinstance(street.properties.get("drive"), bool):
        yield street.fault(f"drive: got {street.properties.get('drive')!r}, expected true or false")


def _copy(like: Path | None, made: Path) -> None:
    if like is None:
        made.mkdir()
    else:
        shutil.copytree(like, made, ignore=lambda folder, names: _STREET_FILES if Path(folder) == like else ())


def area_of(extract: Extract, name: str, box: Box | None) -> Area:
    """Return the description of an area that holds just an extract, cut to a rectangle if there is one."""
    west, south, east, north = extract.bounds
    west, south, east, north = (
        west - MARGIN_DEGREES,
        south - MARGIN_DEGREES,
        east + MARGIN_DEGREES,
        north + MARGIN_DEGREES,
    )
    if box:
        west, south, east, north = box.west, box.south, box.east, box.north
    middle = (west + east) / 2.0
    zone = CRS.from_epsg((32600 if south + north >= 0.0 else 32700) + int((middle + 180.0) // 6.0) % 60 + 1)
    return Area.model_validate({
        "name": name, "title": name, "projection": f"EPSG:{zone.to_epsg()}", "attribution": ATTRIBUTION,
        "bbox": {"west": west, "south": south, "east": east, "north": north},
        "centre": {"name": "middle", "lon": (west + east) / 2.0, "lat": (south + north) / 2.0},
        "sources": [{"what": "streets", "who": "© OpenStreetMap contributors", "licence": "ODbL 1.0"}],
    })  # fmt: skip


def keep_main_part(graph: nx.MultiDiGraph[Any], mode: str, kilometres: Kilometres) -> None:
    """Close to a mode what does not belong to its largest part."""
    bit = MODE_BIT[mode]
    open_edges = [(u, v, key) for u, v, key, tags in graph.edges(keys=True, data=True) if tags["modes"] & bit]
    if not open_edges:
        raise NetworkError(f"the extract holds no street for the mode {mode}")
    ways = nx.DiGraph([(u, v) for u, v, _ in open_edges])
    main = max(nx.strongly_connected_components(ways), key=lambda nodes: (len(nodes), min(nodes)))
    closed = []
    for u, v, key in open_edges:
        if u in main and v in main:
            continue
        tags = graph.edges[u, v, key]
        closed.append(tags)
        tags["modes"] -= bit
        if mode == "drive":
            tags["drive_s"] = math.inf
        if not tags["modes"]:
            graph.remove_edge(u, v, key)
    kilometres.leave(LONELY, bit, length_once_m(closed))


def _covered(graph: nx.MultiDiGraph[Any], frame: Frame) -> float | None:
    """Return the share of the area's residents who live near a street that is open to walking."""
    path = frame.folder / CELLS.name
    if not path.exists():
        return None
    cells = read_table(path, CELLS)
    residents = cells.numbers("residents")[:, 0]
    homes = frame.metres(cells.numbers("lon", "lat").tolist())
    walked = sorted({u for u, _, tags in graph.edges(data=True) if tags["modes"] & MODE_BIT["walk"]})
    distance_m: FloatArray = np.asarray(cKDTree(np.array(walked)).query(homes)[0])
    return float(residents[distance_m <= NEAR_M].sum() / max(residents.sum(), 1.0))


def _copy_feed(feed: Path | None, folder: Path) -> None:
    """Copy a feed to where the timetable `today` is looked for."""
    if feed:
        shutil.rmtree(folder / "today", ignore_errors=True)
        shutil.rmtree(folder.parent / "timetables" / "today", ignore_errors=True)
        folder.mkdir(exist_ok=True)
        if feed.is_dir():
            shutil.copytree(feed, folder / "today")
        else:
            shutil.copy(feed, folder / "today.zip")


def _write_about(made: Path, like: Path | None, area: Area, imported: Imported, feed: Path | None) -> None:
    """Write `area.yaml` and `provenance.yaml`: what the area had, but for the streets."""
    extract = imported.extract
    yaml = YAML()
    yaml.width = 1000
    about: dict[str, Any] = area.model_dump(mode="json")
    about["title"] = f"{area.title} (OpenStreetMap {extract.date or 'of unknown date'})"
    if ATTRIBUTION not in about["attribution"]:
        about["attribution"] = f"{ATTRIBUTION}; {about['attribution']}"
    with (made / "area.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(about, file)
    kept = _kept(like) if like else []
    ours: list[dict[str, Any]] = [{
        "file": "streets.graphml, streets/*.npy (origin osm)",
        "source": f"OpenStreetMap: {extract.source}",
        "licence": "ODbL 1.0, © OpenStreetMap contributors",
        "date": extract.date or "unknown",
        "current": True,
        "derived_how": "`kera network import` or `fetch`: ways by their tags, near parts of junctions merged; "
        f"{extract.clipped_ways} ways lacked {extract.missing_nodes} nodes and were cut there",
        "notices": list(notices_of(imported)),
        "kilometres": imported.kilometres.record(open_km(imported.streets)),
    }]  # fmt: skip
    if feed:
        ours.append({**_OF_FEED, "source": feed.name})
    if imported.assumed_residents:
        ours.append(_OF_PEOPLE)
    if not any("area.yaml" in entry["file"] for entry in kept):
        kept.append(_ABOUT)
    with (made / "provenance.yaml").open("w", encoding="utf-8") as file:
        yaml.dump([*ours, *kept], file)


def _kept(like: Path) -> list[dict[str, Any]]:
    """Return what an area says of the sources of files that go over, of streets that are planned or outside too."""
    path = like / "provenance.yaml"
    read = read_yaml(path) if path.exists() else []
    kept = []
    for entry in read:
        files = [name.strip() for name in entry["file"].split(",") if name.strip() != "build.yaml"]
        if not all(name.startswith("streets") for name in files):
            kept.append({**entry, "file": ", ".join(files)})
    return kept
