"""What a result keeps of its area for drawing, besides streets: tracks, and the outlines of the new quarters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kera_mobility.errors import NetworkError
from kera_mobility.ledger import is_file, read_text

DECIMALS = 5
"""Of degrees; about a metre."""
_ABOUT = ("name", "residents", "jobs", "basis")
"""Properties of a development that are kept."""

Line = list[list[float]]


def rail_lines(folder: Path) -> list[Line]:
    """Return the lines of `rail.geojson` of an area, lon and lat; none where there is no such file."""
    rail: list[Line] = []
    for feature in _features(folder / "rail.geojson"):
        geometry = feature["geometry"]
        lines = geometry["coordinates"] if geometry["type"] == "MultiLineString" else [geometry["coordinates"]]
        if geometry["type"].endswith("LineString"):
            rail += [_rounded(line) for line in lines]
    return rail


def development_outlines(folder: Path) -> list[dict[str, Any]]:
    """Return name, residents, jobs, basis and outline of each development of an area; none without the file."""
    outlines = []
    for feature in _features(folder / "developments.geojson"):
        geometry, about = feature["geometry"], feature["properties"]
        polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for polygon in polygons:
            kept = {name: about[name] for name in _ABOUT if about.get(name) is not None}
            outlines.append({**kept, "outline": _rounded(polygon[0])})
    return outlines


def _features(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the features of a GeoJSON file that have a geometry."""
    if not is_file(file):
        return
    try:
        features = json.loads(read_text(file))["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NetworkError(f"{file}: expected GeoJSON features, got {error}") from None
    yield from (feature for feature in features if feature.get("geometry"))


def _rounded(line: list[list[float]]) -> Line:
    return [[round(float(point[0]), DECIMALS), round(float(point[1]), DECIMALS)] for point in line]
