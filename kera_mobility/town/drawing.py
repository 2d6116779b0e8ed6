"""What a result keeps of its area for drawing, besides streets: tracks, and the outlines of the new quarters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from kera_mobility.ledger import is_file
from kera_mobility.shapes import LINES, POLYGONS, read_shapes
from kera_mobility.units import FloatArray

DECIMALS = 5
"""Of degrees; about a metre."""
_ABOUT = ("name", "residents", "jobs", "basis")
"""Properties of a development that are kept."""

Line = list[list[float]]


def rail_lines(folder: Path) -> list[Line]:
    """Return the lines of `rail.geojson` of an area, lon and lat; none where there is no such file."""
    path = folder / "rail.geojson"
    shapes = read_shapes(path) if path.is_file() else []
    lines = [
        part for shape in shapes if shape.geometry.geom_type in LINES for part in shapely.get_parts(shape.geometry)
    ]
    return [_rounded(shapely.get_coordinates(line)) for line in lines]


def development_outlines(folder: Path) -> list[dict[str, Any]]:
    """Return name, residents, jobs, basis and outline of each development of an area; none without the file."""
    path = folder / "developments.geojson"
    return [
        {**{name: shape.properties[name] for name in _ABOUT if shape.properties.get(name) is not None},
         "outline": _rounded(shapely.get_coordinates(polygon.exterior))}
        for shape in (read_shapes(path, POLYGONS) if is_file(path) else ())
        for polygon in shape.polygons
    ]  # fmt: skip


def _rounded(line: FloatArray) -> Line:
    rounded: Line = np.round(line, DECIMALS).tolist()
    return rounded
