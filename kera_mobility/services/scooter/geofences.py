"""Zones for shared vehicles: where nobody rides, rides slowly, may not park, or must park at a hub, and when.

A file of zones is `zones/<name>.geojson` in the area's folder, or any file by its path: polygons whose properties say
the `rule` and, if they do not always hold, `hours` ("22:00", "05:00"), `days` ("sat", "sun": on which the hours begin)
and `season` ("04-01", "10-31"); or a `geofencing_zones.json` of an operator (see `gbfs_zones`). A street lies in a zone
if the middle of its line does; nobody parks where nobody rides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from kera_mobility.config.calendar import Season, Weekday, Window
from kera_mobility.config.settings import Latitude, Longitude, Settings
from kera_mobility.errors import DataError, Fault, MissingFileError, nearest_name
from kera_mobility.file_paths import is_path
from kera_mobility.ledger import is_file
from kera_mobility.shapes import POLYGONS, Shape, polygon_of, shapes_of
from kera_mobility.town.streets.overlays import middles
from kera_mobility.town.streets.skims import ways_of
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.units import HOUR_S, MINUTE_S, BoolArray, FloatArray

Rule = Literal["no_ride", "no_park", "slow", "mandatory_parking"]
RULES: tuple[str, ...] = get_args(Rule)
KM_H = 1000.0 / 3600.0
"""Metres a second of a kilometre an hour."""
STEPS_PER_M = 64
"""Slowed metres are whole multiples of 1/64 m, so that ways add exactly."""


class ZoneSettings(Settings):
    """The properties of one polygon of a file of zones."""

    rule: Rule
    """What holds in it."""
    name: str = ""
    """Name for people."""
    basis: str = ""
    """Where it is from, or that it is an assumption."""
    speed_km_h: float | None = Field(None, ge=1, le=25)
    """Highest speed in a slow zone."""
    hours: tuple[str, str] = ("00:00", "24:00")
    """From when to when."""
    days: tuple[Weekday, ...] = ()
    """Days of the week on which the hours begin; all if none is named."""
    season: tuple[str, str] = ("01-01", "12-31")
    """First and last day of the year, MM-DD."""

    @model_validator(mode="after")
    def _whole(self) -> ZoneSettings:
        if (self.rule == "slow") != (self.speed_km_h is not None):
            raise ValueError("expected speed_km_h for the rule 'slow', and for no other")
        _ = self.window
        return self

    @property
    def window(self) -> Window:
        """When the rule holds."""
        first, last = self.season
        begin_s, end_s = (_seconds(clock) for clock in self.hours)
        return Window(from_s=begin_s, until_s=end_s, days=self.days, season=Season(first=first, last=last))


class DrawnZone(ZoneSettings):
    """A zone that is drawn in the scenario itself."""

    polygon: tuple[tuple[Longitude, Latitude], ...] = Field(min_length=3, max_length=500)
    """Its corners, lon and lat in degrees."""

    def on(self, streets: Streets, where: str) -> RidingZone:
        """Return it as a zone of a map.

        Raises
        ------
        DataError
            If it has no area, or covers no street.
        """
        zone = RidingZone(self, polygon_of(where, {}, self.polygon))
        if faults := off_map_faults(zone, streets):
            raise DataError(faults)
        return zone


@dataclass(frozen=True)
class RidingZone:
    """One zone: what holds where."""

    about: ZoneSettings
    shape: Shape

    @property
    def rings(self) -> tuple[FloatArray, ...]:
        """Outlines and holes, (R, 2) degrees each; a point is inside if it lies in an odd number of them."""
        return self.shape.rings

    def holds(self, lonlat: FloatArray) -> BoolArray:
        """Return which points lie in the zone, (S, 2) -> (S,)."""
        return self.shape.holds(lonlat)


def zone_file(area_folder: Path, name: str) -> Path:
    """Return the file of zones of an area by name, or any file by its path.

    Raises
    ------
    MissingFileError
        If there is no such file; the message names those that the area has.
    """
    if is_path(name):
        if not is_file(Path(name)):
            raise MissingFileError(f"{name}: no such file of zones, neither here nor beside the scenario")
        return Path(name)
    path = area_folder / "zones" / f"{name}.geojson"
    if not is_file(path):
        names = sorted(other.stem for other in path.parent.glob("*.geojson"))
        raise MissingFileError(
            f"{path}: no such file of zones{nearest_name(name, names)}; expected one of {', '.join(names) or '(none)'}"
        )
    return path


def zones_of(path: Path, content: Any) -> list[RidingZone]:
    """Return the zones of parsed GeoJSON; `path` is where faults are said to be.

    Raises
    ------
    DataError
        With every fault of the file.
    """
    zones, faults = [], []
    for shape in shapes_of(path, content, POLYGONS):
        try:
            zones.append(RidingZone(ZoneSettings.model_validate(shape.properties), shape))
        except ValidationError as error:
            faults += shape.setting_faults(error)
    if faults:
        raise DataError(faults)
    return zones


def off_map_faults(zone: RidingZone, streets: Streets) -> list[Fault]:
    """Return a fault of a zone that covers neither the middle nor an end of any street where one rides."""
    rides = (np.asarray(streets.edge_modes) & MODE_BIT["cycle"]) > 0
    points = [middles(streets)[rides], np.asarray(streets.node_lonlat)[streets.edge_from[rides]]]
    return zone.shape.coverage_faults(np.concatenate(points), "street to ride or park in")


def slowed_ways(
    streets: Streets, zones: Sequence[RidingZone], speed_m_s: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the fastest ways by bicycle under zones: metres that take as long at full speed, and real metres.

    Both (N, N), inf where there is no way without a no-ride zone.
    """
    middle = middles(streets)
    length_m = np.asarray(streets.edge_length_m, dtype=np.float64)
    slowest_m_s = np.full(len(length_m), speed_m_s)
    open_to_ride = np.ones(len(length_m), dtype=np.bool_)
    for zone in zones:
        inside = zone.holds(middle)
        if zone.about.rule == "no_ride":
            open_to_ride &= ~inside
        elif zone.about.speed_km_h is not None:
            slowest_m_s[inside] = np.minimum(slowest_m_s[inside], zone.about.speed_km_h * KM_H)
    equivalent_m = np.where(slowest_m_s < speed_m_s, length_m * (speed_m_s / slowest_m_s), length_m)
    equivalent_m = np.round(equivalent_m * STEPS_PER_M) / STEPS_PER_M
    return ways_of(streets, "cycle", np.where(open_to_ride, equivalent_m, np.inf))


def _seconds(clock: str) -> float:
    hours, colon, minutes = clock.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal()):
        raise ValueError(f"got '{clock}', expected a time such as 07:30")
    return int(hours) * HOUR_S + int(minutes) * MINUTE_S
