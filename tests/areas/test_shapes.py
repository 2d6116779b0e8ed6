"""Shapes that people bring: whole, where they are meant, in degrees; or refused with file and feature."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import DataError
from kera_mobility.geometry import contains
from kera_mobility.services.scooter.gbfs_zones import read_riding_zones
from kera_mobility.shapes import POLYGONS, Shape, read_shapes, shapes_of
from kera_mobility.town.drawing import development_outlines, rail_lines
from kera_mobility.town.population.land_use import read_zones
from kera_mobility.town.streets.overlays import middles, read_overlay, with_overlays
from kera_mobility.town.streets.streets import MODE_BIT, Streets

KERA = shipped_folder("networks") / "kera"
CASES = Path(__file__).parents[3] / "shared" / "cases"
SQUARE = [[24.74, 60.21], [24.78, 60.21], [24.78, 60.225], [24.74, 60.225], [24.74, 60.21]]
"""Around Kera station."""
FILE = Path("shapes.geojson")


def polygon(*rings: list[list[float]], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": list(rings)}}


def several(*polygons: list[list[list[float]]], **properties: Any) -> dict[str, Any]:
    geometry = {"type": "MultiPolygon", "coordinates": list(polygons)}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def shapes(*features: Any, **members: Any) -> list[Shape]:
    return shapes_of(FILE, {"type": "FeatureCollection", "features": list(features), **members})


def named(crs: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": crs}}


def fault(*features: Any, **members: Any) -> str:
    with pytest.raises(DataError) as caught:
        shapes(*features, **members)
    (only,) = caught.value.faults
    return str(only)


@pytest.fixture(scope="module")
def streets() -> Streets:
    return Streets.load(KERA / "streets")


@pytest.fixture
def points(streets: Streets) -> np.ndarray:
    return middles(streets)


def moved(ring: list[list[float]], east: float) -> list[list[float]]:
    return [[lon + east, lat] for lon, lat in ring]


def test_a_collection_a_feature_and_a_geometry_are_all_read() -> None:
    feature = polygon(SQUARE, name="square")
    for content in ({"type": "FeatureCollection", "features": [feature]}, feature, feature["geometry"]):
        (shape,) = shapes_of(FILE, content)
        assert shape.geometry.equals(shapely.Polygon(SQUARE))


def test_heights_are_dropped_and_an_open_ring_is_closed(points: np.ndarray) -> None:
    closed, opened, high = shapes(
        polygon(SQUARE), polygon(SQUARE[:-1]), polygon([[*point, 17.0] for point in SQUARE])
    )  # fmt: skip
    assert closed.holds(points).sum() > 100
    assert np.array_equal(closed.holds(points), opened.holds(points))
    assert np.array_equal(closed.holds(points), high.holds(points))
    assert not high.geometry.has_z


def test_where_parts_overlap_there_is_no_hole(points: np.ndarray) -> None:
    right = moved(SQUARE, 0.02)
    (both,) = shapes(several([SQUARE], [right]))
    left_shape, right_shape = shapes(polygon(SQUARE), polygon(right))
    expected = left_shape.holds(points) | right_shape.holds(points)
    assert np.array_equal(both.holds(points), expected)
    assert np.any(left_shape.holds(points) & right_shape.holds(points))
    assert both.geometry.is_valid


def test_a_ring_that_crosses_itself_is_made_valid_and_a_hole_stays_a_hole() -> None:
    bow = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]
    hole = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8], [0.2, 0.2]]
    crossed, holed = shapes(polygon(bow), polygon([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], hole))
    assert crossed.geometry.is_valid
    assert crossed.geometry.area == pytest.approx(2.0)
    assert holed.holds(np.array([[0.1, 0.1], [0.5, 0.5]])).tolist() == [True, False]


def test_a_shape_in_metres_with_its_name_is_turned_into_degrees(points: np.ndarray) -> None:
    from pyproj import Transformer

    to_metres = Transformer.from_crs("EPSG:4326", "EPSG:3067", always_xy=True)
    ring = [list(to_metres.transform(lon, lat)) for lon, lat in SQUARE]
    names = ("urn:ogc:def:crs:EPSG::3067", "EPSG:3067")
    for name in names:
        (shape,) = shapes(polygon(ring), crs=named(name))
        (degrees,) = shapes(
            polygon(SQUARE), crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
        )
        assert np.array_equal(shape.holds(points), degrees.holds(points))
    assert "expected longitude -180 to 180" in (told := fault(polygon(ring)))
    assert "metres of a projection" in told


@pytest.mark.parametrize(
    ("crs", "told"),
    [
        ({"type": "name", "properties": {"name": "EPSG:999999"}}, "crs: got 'EPSG:999999', which is not known"),
        ({"type": "link", "properties": {"href": "x"}}, "crs: expected a name"),
        ("EPSG:3067", "crs: expected a name"),
    ],
)
def test_coordinates_that_are_not_known_are_refused(crs: Any, told: str) -> None:
    assert told in fault(polygon(SQUARE), crs=crs)


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (polygon(SQUARE[:2], name="Line"), "features.0 ('Line'): a ring of 2 corners, expected at least 3"),
        (polygon([SQUARE[0]] * 5), "a ring of 1 corners"),
        (polygon([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]), "has no area, expected a polygon"),
        (polygon([["24.7", 60.2], *SQUARE]), "got the coordinate '24.7', expected a number"),
        (polygon([[True, 60.2], *SQUARE]), "got the coordinate True, expected a number"),
        (polygon([[None, 60.2], *SQUARE]), "got the coordinate None, expected a number"),
        (polygon([[10**400, 60.2], *SQUARE]), "got a coordinate beyond all bounds"),
        (polygon([[1e400, 60.2], *SQUARE]), "got the coordinate inf"),
        (polygon([[24.7], *SQUARE]), "broken coordinates, expected lists of longitude and latitude"),
        (polygon(), "broken coordinates"),
        ({"type": "Feature", "properties": {}, "geometry": None}, "got the geometry 'None', expected Point or"),
        ({"type": "Feature", "properties": {}, "geometry": {"type": "Circle"}}, "got the geometry 'Circle'"),
        ({**polygon(SQUARE), "properties": []}, "expected properties"),
        ("feature", "got the geometry 'None'"),
    ],
)  # fmt: skip
def test_a_feature_that_cannot_be_meant_is_named(feature: Any, told: str) -> None:
    assert told in fault(feature)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"type": "Feature",\n"geometry": }', r"shapes\.geojson:2: no JSON"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 1], [2, 3], [4, 5]]]}', "holds NaN"),
        ("[1, 2]", "expected a GeoJSON collection of features, a feature or a geometry"),
        ("[" * 100_000, "no JSON"),
        ("7" * 5_000, "no JSON"),
    ],
)
def test_a_file_that_is_no_geojson_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "shapes.geojson").write_text(text)
    with pytest.raises(DataError, match=told):
        read_shapes(tmp_path / "shapes.geojson")


def test_shapes_of_the_shipped_area_are_kept_as_they_are(points: np.ndarray) -> None:
    files = [*KERA.glob("*.geojson"), *KERA.glob("*/*.geojson")]
    assert len(files) >= 6
    for file in files:
        for shape, feature in zip(read_shapes(file), json.loads(file.read_text())["features"], strict=True):
            if shape.geometry.geom_type == "Polygon":
                inside = np.zeros(len(points), dtype=np.bool_)
                for ring in feature["geometry"]["coordinates"]:
                    inside ^= contains(np.array(ring)[:-1], points)
                assert np.array_equal(shape.holds(points), inside), shape.where


# --- Zones, overlays, developments, rail ------------------------------------------------------------------------------


def zone_file(folder: Path, *features: Any) -> Path:
    (folder / "zones").mkdir(exist_ok=True)
    file = folder / "zones" / "z.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return file


def km_in_zone(folder: Path, name: str, streets: Streets) -> float:
    (zone,) = read_riding_zones(folder, name, streets)
    return float(np.asarray(streets.edge_length_m)[zone.holds(middles(streets))].sum()) / 1000.0


def test_a_zone_whose_ring_is_not_closed_is_the_whole_zone(tmp_path: Path, streets: Streets) -> None:
    zone_file(tmp_path, polygon(SQUARE, rule="no_ride"))
    closed = km_in_zone(tmp_path, "z", streets)
    zone_file(tmp_path, polygon(SQUARE[:-1], rule="no_ride"))
    assert km_in_zone(tmp_path, "z", streets) == closed > 50.0


def test_a_zone_with_swapped_coordinates_or_elsewhere_is_refused(tmp_path: Path, streets: Streets) -> None:
    zone_file(tmp_path, polygon([[lat, lon] for lon, lat in SQUARE], rule="no_ride", name="Station"))
    with pytest.raises(DataError, match=r"features\.0 \('Station'\): covers no street.* and latitude swapped"):
        read_riding_zones(tmp_path, "z", streets)
    zone_file(tmp_path, polygon(moved(SQUARE, 3.0), rule="no_ride"))
    with pytest.raises(DataError, match=r"features\.0: covers no street to ride or park in of the map"):
        read_riding_zones(tmp_path, "z", streets)


def test_a_zone_may_be_named_by_its_path(tmp_path: Path, streets: Streets) -> None:
    file = zone_file(tmp_path, polygon(SQUARE, rule="no_ride"))
    assert km_in_zone(KERA, str(file), streets) == km_in_zone(tmp_path, "z", streets)


def overlay(folder: Path, *features: Any) -> None:
    (folder / "overlays").mkdir(exist_ok=True)
    content = {"type": "FeatureCollection", "features": list(features)}
    (folder / "overlays" / "o.geojson").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (
            polygon([[lat, lon] for lon, lat in SQUARE], effect="close"),
            "covers no street for .* latitude swapped",
        ),
        (polygon(moved(SQUARE, 3.0), effect="close", modes=["drive"]), "covers no street for drive of the map"),
        (polygon(moved(SQUARE, 3.0), effect="open"), "covers no end of a planned street of the map"),
    ],
)
def test_an_overlay_that_does_nothing_is_refused(
    tmp_path: Path, streets: Streets, feature: dict[str, Any], told: str
) -> None:
    overlay(tmp_path, polygon(SQUARE, effect="close", modes=["drive"]), feature)
    with pytest.raises(DataError, match=rf"o\.geojson: features\.1: {told}"):
        with_overlays(streets, tmp_path, ["o"])


def test_an_overlay_of_two_parts_that_overlap_closes_both(tmp_path: Path, streets: Streets) -> None:
    overlay(tmp_path, several([SQUARE], [moved(SQUARE, 0.02)], effect="close", modes=["drive"]))
    (feature,) = read_overlay(tmp_path, "o")
    closed = with_overlays(streets, tmp_path, ["o"])
    drives = (np.asarray(closed.edge_modes) & MODE_BIT["drive"]) > 0
    assert not np.any(feature.shape.holds(middles(closed)) & drives)


@pytest.fixture
def area(tmp_path: Path) -> Path:
    for name in ("area.yaml", "cells.csv", "attractions.csv", "outside.csv"):
        shutil.copy(KERA / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (polygon([[lat, lon] for lon, lat in SQUARE], name="New"), r"\('New'\): does not touch the map: are longitude"),
        (polygon(moved(SQUARE, 3.0), name="New"), r"\('New'\): does not touch the map$"),
        (polygon(SQUARE, name="New", residents=-1), r"\('New'\)\.properties\.residents: got -1, expected greater"),
        (
            polygon(SQUARE, name="New", jobs="many"),
            r"\('New'\)\.properties\.jobs: got 'many', expected a valid integer",
        ),
        (polygon(SQUARE, residents=5), r"features\.0\.properties\.name: Field required"),
    ],
)
def test_a_development_that_cannot_be_meant_is_refused(
    area: Path, streets: Streets, feature: dict[str, Any], told: str
) -> None:
    content = {"type": "FeatureCollection", "features": [feature]}
    (area / "developments.geojson").write_text(json.dumps(content))
    with pytest.raises(DataError, match=told):
        read_zones(area, streets)


def test_rail_and_developments_are_drawn_from_the_same_reader(tmp_path: Path) -> None:
    assert rail_lines(tmp_path) == development_outlines(tmp_path) == []
    lines = {"type": "MultiLineString", "coordinates": [[[24.7, 60.2], [24.8, 60.2]], [[24.8, 60.2], [24.9, 60.3, 5]]]}
    (tmp_path / "rail.geojson").write_text(json.dumps(lines))
    assert rail_lines(tmp_path) == [[[24.7, 60.2], [24.8, 60.2]], [[24.8, 60.2], [24.9, 60.3]]]
    (tmp_path / "rail.geojson").write_text(json.dumps({"type": "LineString", "coordinates": [[24.7, 60.2]]}))
    with pytest.raises(DataError, match=r"rail\.geojson: features\.0: a line of 1 point"):
        rail_lines(tmp_path)
    assert len(development_outlines(KERA)) == 4


def test_only_the_geometry_that_is_asked_for_is_taken() -> None:
    with pytest.raises(DataError, match=r"got the geometry 'Point', expected Polygon or MultiPolygon"):
        shapes_of(FILE, {"type": "Point", "coordinates": [1, 2]}, POLYGONS)


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases from the field here")
def test_zones_from_the_field_are_whole_or_refused(tmp_path: Path, streets: Streets) -> None:
    assert km_in_zone(KERA, str(CASES / "zone-unclosed" / "z.geojson"), streets) == pytest.approx(57.36, abs=0.005)
    with pytest.raises(DataError, match=r"z\.geojson: features\.0.*: covers no street.*swapped"):
        read_riding_zones(KERA, str(CASES / "zone-swapped" / "z.geojson"), streets)
