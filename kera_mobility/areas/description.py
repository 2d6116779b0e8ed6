"""The description of an area: `area.yaml`, the speeds of `build.yaml` and the places beyond the map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely
from pydantic import ConfigDict, Field, model_validator
from shapely.geometry.base import BaseGeometry

from kera_mobility.config.messages import read_settings
from kera_mobility.config.settings import Latitude, Longitude, Place, Settings, in_order
from kera_mobility.town.area_tables import outside_ways, read_outside_table

LonLat = tuple[float, float]


class Box(Settings):
    """The rectangle of the map, degrees."""

    west: Longitude
    south: Latitude
    east: Longitude
    north: Latitude

    @model_validator(mode="after")
    def _in_order(self) -> Box:
        in_order(self, "west", "east")
        in_order(self, "south", "north")
        return self

    @model_validator(mode="after")
    def _has_area(self) -> Box:
        if not (self.west < self.east and self.south < self.north):
            raise ValueError("expected west below east and south below north")
        return self

    @property
    def outline(self) -> BaseGeometry:
        """The rectangle as a polygon of longitudes and latitudes."""
        return shapely.box(self.west, self.south, self.east, self.north)


class Source(Settings):
    """Where a kind of data comes from."""

    what: str
    who: str
    licence: str


class Area(Settings):
    """`area.yaml`: what the area is."""

    name: str
    title: str
    projection: str
    """Name of a projection in metres, as `EPSG:3067`."""
    bbox: Box
    centre: Place
    attribution: str
    sources: tuple[Source, ...] = ()


class Speeds(Settings):
    """Free-flow car speeds by class, km/h, stops at lights included."""

    main: float = Field(48.0, ge=1, le=130)
    """Source: HELMET 5, arterial 41 to 61 km/h."""
    collector: float = Field(36.0, ge=1, le=130)
    """Source: HELMET 5, parameters.csv (car.speed.collector), 30 to 41 km/h."""
    local: float = Field(30.0, ge=1, le=130)
    """Source: HELMET 5, parameters.csv (car.speed.local), 12 to 36 km/h."""

    def of(self, street_class: str) -> float:
        """Return the speed of a class, km/h; paths carry no cars."""
        return float(getattr(self, street_class))


@dataclass(frozen=True)
class OutsidePlace:
    """A place beyond the map and the street node that leads there."""

    place: str
    position: LonLat
    gateway: LonLat
    drive_km: float
    drive_min: float
    cycle_km: float
    station: str = ""
    """Another place beyond the map that a way leads to, open to walking, cycling and driving; empty for none."""
    walk_m: float = 0.0
    """Length of that way."""


class _SpeedsOfBuild(Settings):
    """The part of a `build.yaml` that other maps of the area keep."""

    model_config = ConfigDict(extra="ignore")

    speeds: Speeds = Speeds()


def read_area(folder: Path) -> Area:
    """Return `area.yaml` of an area's folder.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ConfigError
        With every fault in it, each with its line.
    """
    return read_settings(folder / "area.yaml", Area)


def read_speeds(folder: Path | None) -> Speeds:
    """Return the speeds that `build.yaml` of an area's folder names; the usual ones without folder or file."""
    path = folder / "build.yaml" if folder else None
    return read_settings(path, _SpeedsOfBuild).speeds if path and path.exists() else Speeds()


def read_outside(folder: Path) -> list[OutsidePlace]:
    """Return the places beyond the map; none where the area has no such file."""
    numbers = ("lon", "lat", "gateway_lon", "gateway_lat", "drive_km", "drive_min", "cycle_km")
    table = read_outside_table(folder, *numbers)
    if table is None:
        return []
    return [
        OutsidePlace(name, (lon, lat), (gateway_lon, gateway_lat), drive_km, drive_min, cycle_km, station, walk_m)
        for (lon, lat, gateway_lon, gateway_lat, drive_km, drive_min, cycle_km), (name, station, walk_m) in zip(
            table.numbers(*numbers).tolist(), outside_ways(table), strict=True
        )
    ]
