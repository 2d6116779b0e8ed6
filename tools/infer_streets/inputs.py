"""What the reconstruction reads: the area's `build.yaml` and the raw data beside the project."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from pydantic import Field
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.description import Box, LonLat, Speeds
from kera_mobility.config.messages import read_settings
from kera_mobility.config.settings import Settings
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.geometry import within_box
from kera_mobility.units import FloatArray, IntArray
from tools.infer_streets.sites import PATTERNS


class RawFiles(Settings):
    """Names of the raw files in the folder given to the builder."""

    osm: str
    """OpenStreetMap XML, however incomplete."""
    rail: str
    """GeoJSON lines of the railway."""
    stops: str
    """CSV with columns lon, lat."""
    residents: str
    """CSV of a 250 m grid with columns ASUKKAITA (residents), lon, lat."""
    named_points: str
    """GeoJSON points."""


class Crossing(Settings):
    """Where streets may cross the railway."""

    name: str
    lon: float
    lat: float
    way: Literal["new", "street", "osm"]
    """A straight underpass made here, a street drawn in this file, or a real way."""
    street_class: Literal["main", "collector", "local", "path"] = Field("path", alias="class")
    origin: Literal["inferred", "planned"] = "inferred"
    half_length_m: float = Field(40.0, gt=0)
    """How far the underpass reaches to each side. Assumption."""
    basis: str


class DrawnStreet(Settings):
    """A street drawn by hand; its course is an assumption."""

    name: str
    """A label for whoever reads the file; the map does not carry it."""
    street_class: Literal["main", "collector", "local", "path"] = Field(alias="class")
    speed_km_h: float | None = Field(None, gt=0)
    """Free-flow speed of its own, km/h; else that of the class."""
    course: tuple[LonLat, ...] = Field(min_length=2)


class RailsidePath(Settings):
    """A path that runs beside the railway."""

    name: str
    side: Literal["left", "right"]
    """Seen along the line as it is drawn."""
    offset_m: float = Field(gt=0)
    west: float
    east: float
    """Longitudes between which it runs."""
    origin: Literal["inferred", "planned"] = "planned"
    basis: str


class Shape(Settings):
    """Numbers of the reconstruction, metres; all are assumptions, chosen by looking at the map and at detours."""

    beta: float = Field(1.8, ge=1, le=2)
    """Skeleton of all links: 1 is the Gabriel graph, 2 the relative neighbourhood graph."""
    beta_cars: float = Field(2.0, ge=1, le=2)
    """Sparser skeleton of the links that carry cars."""
    longest_m: float = Field(420.0, gt=0)
    """Longest link, unless a part would stay alone."""
    least_angle_degrees: float = Field(30.0, ge=0, lt=90)
    """Sharpest angle at which a link leaves a street."""
    barrier_gap_m: float = Field(18.0, ge=0)
    """No link starts nearer to the railway."""
    reach_m: float = Field(45.0, gt=0)
    """A stop or home this near to a street needs no link of its own."""
    apart_m: float = Field(52.0, gt=0)
    """Least distance between two free sites."""
    cut_m: float = Field(115.0, gt=0)
    """Links may leave a street at every such stretch."""
    cell_m: float = Field(225.0, gt=0)
    """Homes of a cell lie on a lattice that fills a square of this side."""
    residents_by_pattern: tuple[int, ...] = Field((8, 26, 55, 110, 240), max_length=len(PATTERNS) - 1)
    """A cell of so many residents has the next larger lattice of `sites.PATTERNS`."""
    bend_degrees: float = Field(32.0, ge=0, lt=60)
    """An inferred street leaves its junction at most so far off the straight line."""
    least_real_m: float = Field(20.0, ge=0)
    """Shorter loose pieces of real street are left out."""
    calm_detour_m: float = Field(650.0, ge=0)
    """A street of housing is closed to through cars where they have another way no longer than this; 0 closes none."""
    calm_share: float = Field(0.4, ge=0, le=1)
    """Share of such streets that are closed."""
    planned_beta: float = Field(2.0, ge=1, le=2)
    """Skeleton of the links between planned corners."""
    block_along_m: float = Field(80.0, gt=0)
    """Planned streets: length of a block."""
    block_across_m: float = Field(65.0, gt=0)
    """Planned streets: depth of a block."""


class Build(Settings):
    """`build.yaml`: how the street map is made."""

    files: RawFiles
    crossings: tuple[Crossing, ...] = ()
    streets: tuple[DrawnStreet, ...] = ()
    railside: tuple[RailsidePath, ...] = ()
    speeds: Speeds = Speeds()
    shape: Shape = Shape()


@dataclass(frozen=True)
class Development:
    """A part of the finished district."""

    name: str
    outline: BaseGeometry
    """Degrees."""
    residents: float
    jobs: float


def read_build(folder: Path) -> Build:
    """Return `build.yaml` of an area's folder."""
    return read_settings(folder / "build.yaml", Build)


def read_developments(folder: Path) -> list[Development]:
    """Return the parts of the finished district; none where the area has no such file."""
    path = folder / "developments.geojson"
    if not path.exists():
        return []
    return [
        Development(tags["name"], outline, float(tags["residents"]), float(tags["jobs"]))
        for tags, outline in _features(path)
    ]


def read_rail(path: Path, bbox: Box, margin_degrees: float = 0.01) -> BaseGeometry:
    """Return the railway in the map and a margin around it, degrees."""
    wide = bbox.outline.buffer(margin_degrees, join_style="mitre")
    return shapely.union_all([line.intersection(wide) for _, line in _features(path)])


def read_points(path: Path, bbox: Box) -> FloatArray:
    """Return the points of a GeoJSON file or of a CSV with lon and lat that lie in the map, in their order, (S, 2)."""
    if path.suffix == ".csv":
        positions = [(float(row["lon"]), float(row["lat"])) for row in _rows(path)]
    else:
        positions = [_position(point) for _, point in _features(path) if point.geom_type == "Point"]
    return _inside(np.array(positions).reshape(-1, 2), bbox)


def read_stations(path: Path, bbox: Box) -> list[tuple[str, LonLat]]:
    """Return names and positions of the points of kind `rail_station` in the map, from west to east."""
    stations = [(tags["name"], point) for tags, point in _features(path) if tags.get("kind") == "rail_station"]
    inside = [(name, _position(point)) for name, point in stations if bbox.outline.contains(point)]
    return sorted(inside, key=lambda station: station[1])


def read_residents(path: Path, bbox: Box) -> tuple[FloatArray, IntArray]:
    """Return the centres of the populated cells in the map, degrees (C, 2), and their residents (C,)."""
    rows = [(float(row["lon"]), float(row["lat"]), int(row["ASUKKAITA"])) for row in _rows(path)]
    table = np.array(sorted(rows)).reshape(-1, 3)
    kept = _inside(table, bbox)
    return kept[:, :2], kept[:, 2].astype(np.int64)


def _position(point: BaseGeometry) -> LonLat:
    lon, lat = shapely.get_coordinates(point)[0]
    return float(lon), float(lat)


def _inside(points: FloatArray, bbox: Box) -> FloatArray:
    return np.asarray(points[within_box(points, (bbox.west, bbox.south, bbox.east, bbox.north))])


def _features(path: Path) -> Iterator[tuple[dict[str, Any], BaseGeometry]]:
    text = _text(path)
    try:
        for feature in json.loads(text)["features"]:
            yield feature["properties"], shape(feature["geometry"])
    except (ValueError, KeyError, TypeError) as error:
        raise NetworkError(f"{path}: expected GeoJSON features, got {error!r}") from None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(_text(path).splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        raise MissingFileError(f"{path}: no such file; the builder needs it") from None
