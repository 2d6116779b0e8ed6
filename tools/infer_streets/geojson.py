"""What the builder writes for maps and for people: the railway, and the planned streets and blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from kera_mobility.areas.description import LonLat
from kera_mobility.areas.graph import DEGREES
from kera_mobility.areas.pieces import Piece
from tools.infer_streets.inputs import read_developments
from tools.infer_streets.sources import MapInputs

BLOCK_AREA_M2 = (1_500.0, 40_000.0)
"""What streets enclose is a block if it is neither a leftover nor a field. Assumption."""
INSIDE_SHARE = 0.6
"""A block belongs to a development if this much of it lies inside. Assumption."""
BASIS = "assumption: drawn by rule inside the outline of the development; not the plan's own"


def write_rail(path: Path, inputs: MapInputs, stations: Sequence[tuple[str, LonLat]]) -> None:
    """Write the tracks and stations of an area."""
    rail = inputs.rail_degrees
    lines = [_feature({"mode": "RAIL"}, "LineString", line.coords) for line in getattr(rail, "geoms", [rail])]
    points = [_feature({"kind": "rail_station", "name": name}, "Point", position) for name, position in stations]
    _write(path, [*lines, *points])


def write_planned(path: Path, inputs: MapInputs, pieces: Sequence[Piece]) -> None:
    """Write the planned streets, and the blocks that streets enclose in the developments; nothing where none is."""
    planned = [piece for piece in pieces if piece.origin == "planned"]
    if not planned:
        path.unlink(missing_ok=True)
        return
    streets = [
        _feature(
            {"kind": "street", "class": piece.street_class, "drive": piece.drive, "basis": BASIS}, "LineString",
            inputs.degrees(piece.points),
        )
        for piece in planned
    ]  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    _write(path, [*streets, *_blocks(inputs, pieces)])


def _blocks(inputs: MapInputs, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Return what streets enclose inside each development, less half a street."""
    blocks = []
    faces = shapely.polygonize([shapely.union_all([piece.line for piece in pieces])]).geoms
    for development in read_developments(inputs.folder):
        outline = inputs.in_metres(development.outline)
        for face in sorted(faces, key=lambda face: (face.centroid.x, face.centroid.y)):
            if not BLOCK_AREA_M2[0] <= face.area <= BLOCK_AREA_M2[1]:
                continue
            if face.intersection(outline).area >= INSIDE_SHARE * face.area:
                tags = {"kind": "block", "development": development.name, "basis": BASIS}
                ring = shapely.get_coordinates(shapely.get_exterior_ring(face))
                blocks.append(_feature(tags, "Polygon", inputs.degrees(ring)))
    return blocks


def _write(path: Path, features: Sequence[dict[str, Any]]) -> None:
    rows = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    path.write_text(f'{{"type": "FeatureCollection", "features": [\n{rows}\n]}}\n', encoding="utf-8")


def _feature(tags: dict[str, Any], kind: str, coordinates: Any) -> dict[str, Any]:
    rounded = np.round(np.asarray(coordinates), DEGREES - 1).tolist()
    placed = [rounded] if kind == "Polygon" else rounded
    return {"type": "Feature", "properties": tags, "geometry": {"type": kind, "coordinates": placed}}
