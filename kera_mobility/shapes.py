"""Shapes that people bring: GeoJSON with points, lines and polygons, as longitude and latitude, valid and without holes
where parts overlap; every fault is told with file and feature."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import ValidationError
from shapely.geometry.base import BaseGeometry

from kera_mobility.errors import DataError, Fault
from kera_mobility.files import utf8_text
from kera_mobility.geometry import contains, within_box
from kera_mobility.units import BoolArray, FloatArray

POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
_DEPTH = {"Point": 0, "LineString": 1, "MultiPoint": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3}
"""How deep the coordinates of each type of geometry are nested."""
_DEGREES = frozenset({"CRS84", "EPSG:4326", "EPSG::4326", "WGS84"})
"""Ends of names of the coordinates that GeoJSON has anyway."""
Convert = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Shape:
    """A feature: what it is about, and where it is."""

    where: str
    """File and number of the feature, and its name if it has one."""
    properties: dict[str, Any]
    geometry: BaseGeometry
    """Valid, longitude and latitude; the parts of several polygons do not overlap."""

    @cached_property
    def polygons(self) -> list[shapely.Polygon]:
        """The polygons that it consists of."""
        return [part for part in shapely.get_parts(self.geometry) if isinstance(part, shapely.Polygon)]

    @cached_property
    def rings(self) -> tuple[FloatArray, ...]:
        """Outlines and holes without their last point, (R, 2) degrees each; a point is inside an odd number of them."""
        rings = [ring for polygon in self.polygons for ring in (polygon.exterior, *polygon.interiors)]
        return tuple(shapely.get_coordinates(ring)[:-1] for ring in rings)

    def holds(self, lonlat: FloatArray) -> BoolArray:
        """Return which points, (S, 2), lie inside, (S,)."""
        near = np.flatnonzero(within_box(lonlat, self.geometry.bounds))
        inside = np.zeros(len(lonlat), dtype=np.bool_)
        for ring in self.rings:
            inside[near] ^= contains(ring, lonlat[near])
        return inside

    def without(self, others: BaseGeometry) -> Shape | None:
        """Return what of it lies in none of some polygons; None if nothing does."""
        rest = _whole(shapely.difference(self.geometry, others))
        return None if rest.is_empty else Shape(self.where, self.properties, rest)

    def fault(self, problem: str) -> Fault:
        """Return a fault of the feature."""
        return Fault(self.where, problem)

    def setting_faults(self, error: ValidationError) -> list[Fault]:
        """Return the faults of properties that do not fit their class of settings."""
        faults = []
        for detail in error.errors(include_url=False, include_context=False):
            key = ".".join(["properties", *(str(part) for part in detail["loc"])])
            value = f"got {detail['input']!r:.60}, " if detail["loc"] and detail["type"] != "missing" else ""
            expected = detail["msg"].replace("Input should be ", "expected ").removeprefix("Value error, ")
            faults.append(Fault(f"{self.where}.{key}", f"{value}{expected}"))
        return faults

    def coverage_faults(self, lonlat: FloatArray, what: str) -> list[Fault]:
        """Return a fault if it holds none of some points of the map, (S, 2), which are called `what`."""
        if self.holds(lonlat).any():
            return []
        swapped = self.holds(lonlat[:, ::-1]).any()
        hint = ": are longitude and latitude swapped?" if swapped else " of the map"
        return [self.fault(f"covers no {what}{hint}")]

    def map_faults(self, lonlat: FloatArray) -> list[Fault]:
        """Return a fault if it does not touch the rectangle around the points of the map, (S, 2)."""
        box = shapely.box(*lonlat.min(axis=0), *lonlat.max(axis=0))
        if box.intersects(self.geometry):
            return []
        swapped = box.intersects(shapely.transform(self.geometry, lambda points: points[:, ::-1]))
        hint = ": are longitude and latitude swapped?" if swapped else ""
        return [self.fault(f"does not touch the map{hint}")]


def read_shapes(path: Path, kinds: Sequence[str] = tuple(_DEPTH)) -> list[Shape]:
    """Return the features of a GeoJSON file: a collection, one feature or one geometry; of some types of geometry.

    Raises
    ------
    DataError
        With every fault of the file.
    """
    return shapes_of(path, read_json(path), kinds)


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    DataError
        If it cannot be read or is no JSON; with file and line.
    """
    text = utf8_text(path)
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise DataError([Fault(f"{path}:{error.lineno}", f"no JSON ({error.msg}), expected GeoJSON")]) from None
    except (ValueError, RecursionError) as error:
        raise DataError([Fault(str(path), f"no JSON ({error}), expected GeoJSON")]) from None


def shapes_of(path: Path, content: Any, kinds: Sequence[str] = tuple(_DEPTH)) -> list[Shape]:
    """Return the features of parsed GeoJSON; `path` is where faults are said to be."""
    features = _features(content)
    if features is None:
        raise DataError([Fault(str(path), "expected a GeoJSON collection of features, a feature or a geometry")])
    try:
        convert = _converter(content.get("crs"))
    except ValueError as error:
        raise DataError([Fault(f"{path}: crs", str(error))]) from None
    shapes, faults = [], []
    for number, feature in enumerate(features):
        where = f"{path}: features.{number}{_title(feature)}"
        try:
            shapes.append(_shape(where, feature, kinds, convert))
        except ValueError as error:
            faults.append(Fault(where, str(error)))
    if faults:
        raise DataError(faults)
    return shapes


def polygon_of(where: str, properties: dict[str, Any], ring: Sequence[Sequence[float]]) -> Shape:
    """Return a polygon given by its corners.

    Raises
    ------
    DataError
        If it has no area.
    """
    geometry = {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]}
    try:
        return _shape(where, {"properties": properties, "geometry": geometry}, POLYGONS, None)
    except ValueError as error:
        raise DataError([Fault(where, str(error))]) from None


def _refuse(constant: str) -> float:
    raise ValueError(f"holds {constant}")


def _features(content: Any) -> list[Any] | None:
    if not isinstance(content, dict):
        return None
    kind = content.get("type")
    if isinstance(content.get("features"), list) and kind in ("FeatureCollection", None):
        features: list[Any] = content["features"]
        return features
    if kind == "Feature":
        return [content]
    return [{"properties": {}, "geometry": content}] if isinstance(kind, str) and kind in _DEPTH else None


def _title(feature: Any) -> str:
    """Return the name of a feature in brackets, or nothing."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if isinstance(name, list) and name and isinstance(name[0], dict):
        name = name[0].get("text")
    return f" ('{name[:60]}')" if isinstance(name, str) and name.isprintable() else ""


def _converter(crs: Any) -> Convert | None:
    """Return what turns coordinates into longitude and latitude; None where they are that already."""
    if crs is None:
        return None
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise ValueError("expected a name such as urn:ogc:def:crs:EPSG::3067, or no crs: longitude and latitude")
    if name.endswith(tuple(_DEGREES)):
        return None
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        transformer = Transformer.from_crs(name, "OGC:CRS84", always_xy=True)
    except ProjError:
        raise ValueError(f"got '{name[:60]}', which is not known; save the file in WGS 84 (EPSG:4326)") from None
    return lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))


def _shape(where: str, feature: Any, kinds: Sequence[str], convert: Convert | None) -> Shape:
    raw = feature.get("geometry") if isinstance(feature, dict) else None
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"got the geometry '{kind}', expected {' or '.join(kinds)}")
    properties = feature.get("properties")
    if not isinstance(properties, dict | None):
        raise ValueError("expected properties")
    points = _points(raw.get("coordinates"), _DEPTH[kind])
    try:
        geometry = _geometry(kind, points)
        if convert is not None:
            geometry = shapely.transform(geometry, convert)
        _check_degrees(shapely.get_coordinates(geometry), convert is None)
        geometry = _whole(geometry) if kind in POLYGONS else geometry
    except shapely.errors.ShapelyError:
        raise ValueError("a geometry that cannot be made valid") from None
    if geometry.is_empty:
        raise ValueError("has no area, expected a polygon")
    return Shape(where, properties or {}, geometry)


def _points(coordinates: Any, depth: int) -> Any:
    """Return coordinates as nested lists of two finite numbers; heights are dropped."""
    if not isinstance(coordinates, list) or (depth == 0 and len(coordinates) < 2) or not coordinates:
        raise ValueError("broken coordinates, expected lists of longitude and latitude")
    if depth:
        return [_points(part, depth - 1) for part in coordinates]
    for number in coordinates[:2]:
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < math.inf:
            raise ValueError(f"got the coordinate {number!r}, expected a number")
    try:
        return [float(coordinates[0]), float(coordinates[1])]
    except OverflowError:
        raise ValueError("got a coordinate beyond all bounds, expected a number") from None


def _geometry(kind: str, points: Any) -> BaseGeometry:
    if kind == "Polygon":
        return shapely.Polygon(_closed(points[0]), [_closed(ring) for ring in points[1:]])
    if kind == "MultiPolygon":
        return shapely.MultiPolygon([(_closed(part[0]), [_closed(ring) for ring in part[1:]]) for part in points])
    lines = points if kind == "MultiLineString" else [points] if kind == "LineString" else []
    if any(len(line) < 2 for line in lines):
        raise ValueError("a line of 1 point, expected at least 2")
    built: BaseGeometry = getattr(shapely, kind)(points)
    return built


def _closed(ring: list[list[float]]) -> list[list[float]]:
    """Return a ring that ends where it begins."""
    corners = len({tuple(point) for point in ring})
    if corners < 3:
        raise ValueError(f"a ring of {corners} corners, expected at least 3")
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]


def _check_degrees(points: FloatArray, as_written: bool) -> None:
    inside = within_box(points, (-180.0, -90.0, 180.0, 90.0))
    if inside.all():
        return
    x, y = points[int(np.argmin(inside))].tolist()
    hint = ": metres of a projection? Save the file in WGS 84, or let it name its crs" if as_written else ""
    raise ValueError(f"got {x:g} {y:g}, expected longitude -180 to 180 and latitude -90 to 90{hint}")


def _whole(geometry: BaseGeometry) -> BaseGeometry:
    """Return a polygon or several that is valid: parts that overlap are one, what has no area is dropped."""
    if geometry.is_valid and geometry.geom_type in POLYGONS and not geometry.is_empty:
        return geometry
    valid = [shapely.make_valid(part, method="structure", keep_collapsed=False) for part in shapely.get_parts(geometry)]
    parts = shapely.get_parts(shapely.union_all(valid))
    polygons = [part for part in parts if part.geom_type == "Polygon" and part.area > 0.0]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
