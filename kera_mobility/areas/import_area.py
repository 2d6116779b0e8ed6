"""Import an OpenStreetMap extract: from its streets and an existing area make a new area folder."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmnx as ox
from ruamel.yaml import YAML
from scipy.spatial import cKDTree

from kera_mobility.areas.description import Area, read_area, read_speeds
from kera_mobility.areas.frame import Frame, projection_to
from kera_mobility.areas.graph import graph_of, write_graph
from kera_mobility.areas.osm_read import Extract
from kera_mobility.areas.osm_tags import pieces_of_ways, ways_of
from kera_mobility.areas.pieces import Piece, cut_at_meetings, extend_ends_to
from kera_mobility.errors import NetworkError
from kera_mobility.file_paths import require_writable
from kera_mobility.files import read_yaml
from kera_mobility.town.streets.streets import MODE_BIT, MODES, Streets
from kera_mobility.units import FloatArray

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
MERGE_M = 8.0
"""Parts of one junction nearer than this become one node, so that a district keeps some thousand. Assumption."""
NEAR_M = 300.0
"""A home farther than this from every imported street is not covered by the extract. Assumption."""
MARGIN_DEGREES = 0.001
"""The rectangle of an area that is all of an extract reaches so far beyond its nodes, lest its border be cut off."""
PLANNED = "planned.geojson"
"""The overlay whose streets are grafted on what is imported."""
PLANNED_REACH_M = 20.0
"""A planned street is led so far to the next one. Assumption."""
LEAST_COVERED = 0.5
"""An extract that covers a smaller share of an area's residents is of another place."""
_STREET_FILES = ("streets", "streets.graphml", "build.yaml", "provenance.yaml")
"""Files that an import writes itself, and the settings of the old streets; not copied."""
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
    missing_nodes: int
    clipped_ways: int
    left_out_km: dict[str, float]
    """Streets that a mode could not use because they hang together with nothing, by mode."""
    covered: float | None
    """Share of the residents who live near an imported street; none where the area has no residents."""


def import_area(extract: Extract, out: Path, like: Path | None, merge_m: float = MERGE_M) -> Imported:
    """Write an area with the streets of an extract to `out` and return what it holds.

    Parameters
    ----------
    like
        Folder of the area that gives rectangle, people, places beyond the map, timetables and overlays; without it the
        new area has streets only.

    Raises
    ------
    NetworkError
        If `out` exists, the extract is of another place, or it holds no network.
    """
    require_new(out)
    area = read_area(like) if like else _area_of(extract.graph, out.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        made = Path(temporary) / "area"
        _copy(like, made)
        frame = Frame(like or made, area, read_speeds(like), projection_to(area.projection))
        pieces = pieces_of_ways(ways_of(extract.graph, area.projection, merge_m), frame.outline, "osm")
        if not pieces:
            raise NetworkError(f"{extract.source}: holds no street in the rectangle of {area.title}")
        graph = graph_of(with_planned(pieces, frame), set(), frame)
        left_out_km = {mode: _keep_main_part(graph, mode) for mode in MODES}
        graph.remove_nodes_from([node for node in list(graph) if graph.degree(node) == 0])
        covered = _covered(graph, frame)
        if covered is not None and covered < LEAST_COVERED:
            raise NetworkError(
                f"{extract.source}: covers {covered:.0%} of the residents of {area.title}: another place?"
            )
        streets = write_graph(graph, frame, made)
        _write_about(made, like, area, extract)
        made.rename(out)
    return Imported(out, streets, extract.missing_nodes, extract.clipped_ways, left_out_km, covered)


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
    streets = [feature for feature in json.loads(path.read_text(encoding="utf-8"))["features"]
               if feature["properties"]["kind"] == "street"]  # fmt: skip
    planned = [
        Piece(
            frame.metres(street["geometry"]["coordinates"]), "planned", street["properties"]["class"],
            len(pieces) + number, street["properties"]["drive"],
        )
        for number, street in enumerate(streets)
    ]  # fmt: skip
    return cut_at_meetings([*pieces, *extend_ends_to(planned, pieces, PLANNED_REACH_M)])


def _copy(like: Path | None, made: Path) -> None:
    if like is None:
        made.mkdir()
    else:
        shutil.copytree(like, made, ignore=lambda folder, names: _STREET_FILES if Path(folder) == like else ())


def _area_of(graph: nx.MultiDiGraph[Any], name: str) -> Area:
    """Return the description of an area that holds just an extract."""
    degrees = graph if not ox.projection.is_projected(graph.graph["crs"]) else ox.project_graph(graph, to_latlong=True)
    corners = np.array([(tags["x"], tags["y"]) for _, tags in degrees.nodes(data=True)])
    west, south = (corners.min(axis=0) - MARGIN_DEGREES).tolist()
    east, north = (corners.max(axis=0) + MARGIN_DEGREES).tolist()
    zone = ox.project_graph(degrees).graph["crs"]
    return Area.model_validate({
        "name": name, "title": name, "projection": zone.to_string(), "attribution": ATTRIBUTION,
        "bbox": {"west": west, "south": south, "east": east, "north": north},
        "centre": {"name": "middle", "lon": (west + east) / 2.0, "lat": (south + north) / 2.0},
        "sources": [{"what": "streets", "who": "© OpenStreetMap contributors", "licence": "ODbL 1.0"}],
    })  # fmt: skip


def _keep_main_part(graph: nx.MultiDiGraph[Any], mode: str) -> float:
    """Close to a mode what does not belong to its largest part; return how many kilometres that were."""
    bit = MODE_BIT[mode]
    open_edges = [(u, v, key) for u, v, key, tags in graph.edges(keys=True, data=True) if tags["modes"] & bit]
    if not open_edges:
        raise NetworkError(f"the extract holds no street for the mode {mode}")
    ways = nx.DiGraph([(u, v) for u, v, _ in open_edges])
    main = max(nx.strongly_connected_components(ways), key=lambda nodes: (len(nodes), min(nodes)))
    closed_m = 0.0
    for u, v, key in open_edges:
        if u in main and v in main:
            continue
        tags = graph.edges[u, v, key]
        closed_m += tags["length"]
        tags["modes"] -= bit
        if mode == "drive":
            tags["drive_s"] = math.inf
        if not tags["modes"]:
            graph.remove_edge(u, v, key)
    return closed_m / 2000.0


def _covered(graph: nx.MultiDiGraph[Any], frame: Frame) -> float | None:
    """Return the share of the area's residents who live near a street that is open to walking."""
    cells = frame.folder / "cells.csv"
    if not cells.exists():
        return None
    with cells.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    residents = np.array([float(row["residents"]) for row in rows])
    homes = frame.metres([(float(row["lon"]), float(row["lat"])) for row in rows])
    walked = sorted({u for u, _, tags in graph.edges(data=True) if tags["modes"] & MODE_BIT["walk"]})
    distance_m: FloatArray = np.asarray(cKDTree(np.array(walked)).query(homes)[0])
    return float(residents[distance_m <= NEAR_M].sum() / max(residents.sum(), 1.0))


def _write_about(made: Path, like: Path | None, area: Area, extract: Extract) -> None:
    """Write `area.yaml` and `provenance.yaml`: what the area had, but for the streets."""
    yaml = YAML()
    yaml.width = 1000
    about: dict[str, Any] = area.model_dump(mode="json")
    about["title"] = f"{area.title} (OpenStreetMap {extract.date or 'of unknown date'})"
    if ATTRIBUTION not in about["attribution"]:
        about["attribution"] = f"{ATTRIBUTION}; {about['attribution']}"
    with (made / "area.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(about, file)
    kept = _kept(like) if like else []
    ours = {
        "file": "streets.graphml, streets/*.npy (origin osm)",
        "source": f"OpenStreetMap: {extract.source}",
        "licence": "ODbL 1.0, © OpenStreetMap contributors",
        "date": extract.date or "unknown",
        "current": True,
        "derived_how": "`kera network import` or `fetch`: ways by their tags, simplified by OSMnx, near parts of "
        f"junctions merged; {extract.clipped_ways} ways lacked {extract.missing_nodes} nodes and were cut there",
    }
    if not any("area.yaml" in entry["file"] for entry in kept):
        kept.append(_ABOUT)
    with (made / "provenance.yaml").open("w", encoding="utf-8") as file:
        yaml.dump([ours, *kept], file)


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
