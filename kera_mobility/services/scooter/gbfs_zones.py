"""Riding zones of an operator's feed: `geofencing_zones.json` of GBFS 2.1 to 3, read as it is.

No riding through, no end of a ride, parking at stations only, and a highest speed become zones of this project. Where
polygons overlap the earlier one holds, and of the rules of one polygon the earlier; `global_rules` hold elsewhere. What
is not honoured is told in the log: that a ride may not start somewhere, and the clock times of `start` and `end`,
of which the days count. Source: GBFS specification, v2.3 and v3.0.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import shapely
from pydantic import AliasChoices, ConfigDict, Field, ValidationError, field_validator

from kera_mobility.config.settings import Settings
from kera_mobility.errors import DataError, Fault
from kera_mobility.geometry import Box
from kera_mobility.services.scooter.geofences import (
    RidingZone,
    ZoneSettings,
    off_map_faults,
    zone_file,
    zones_of,
)  # fmt: skip
from kera_mobility.shapes import POLYGONS, Shape, read_json, shapes_of
from kera_mobility.town.streets.streets import Streets

FASTEST_KM_H = 25.0
"""A highest speed above that of scooters by law slows nobody. Source: the bound of `speed_km_h` of a slow zone."""
BASIS = "GBFS geofencing_zones"
MARGIN_DEGREES = 0.01
"""Rules that hold everywhere are drawn so far around the map."""
_log = logging.getLogger(__name__)


class GbfsRule(Settings):
    """One rule of a polygon, or one that holds everywhere."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    vehicle_types: tuple[str, ...] | None = Field(
        None, validation_alias=AliasChoices("vehicle_type_ids", "vehicle_type_id")
    )
    """For which types of vehicle; all if it names none."""
    ride_end_allowed: bool = Field(validation_alias=AliasChoices("ride_end_allowed", "ride_allowed"))
    ride_start_allowed: bool = Field(validation_alias=AliasChoices("ride_start_allowed", "ride_allowed"))
    ride_through_allowed: bool
    maximum_speed_kph: float | None = Field(None, ge=0, le=1000)
    """km/h."""
    station_parking: bool | None = None

    @field_validator("maximum_speed_kph")
    @classmethod
    def _is_ridden_at(cls, speed_km_h: float | None) -> float | None:
        if speed_km_h is not None and 0.0 < speed_km_h < 1.0:
            raise ValueError("expected 0 or at least 1 km/h")
        return speed_km_h

    def zones(self, name: str) -> Iterator[ZoneSettings]:
        """Yield the zones of this project that do what the rule says."""
        speed_km_h = self.maximum_speed_kph
        if not self.ride_through_allowed or speed_km_h == 0.0:
            yield ZoneSettings(rule="no_ride", name=name, basis=BASIS)
            return
        if not self.ride_end_allowed:
            yield ZoneSettings(rule="no_park", name=name, basis=BASIS)
        elif self.station_parking:
            yield ZoneSettings(rule="mandatory_parking", name=name, basis=BASIS)
        if speed_km_h is not None and speed_km_h <= FASTEST_KM_H:
            yield ZoneSettings(rule="slow", speed_km_h=speed_km_h, name=name, basis=BASIS)


def read_riding_zones(
    area_folder: Path, name: str, streets: Streets | None = None, vehicle_type: str = "", day: date | None = None
) -> list[RidingZone]:
    """Return the zones of a file by name or path, in GeoJSON of this project or of GBFS.

    Parameters
    ----------
    streets
        Each zone must cover one of them; of an operator's file those are kept that do.
    vehicle_type
        Type of vehicle whose rules hold in an operator's file; those of any type if empty.
    day
        Day on which zones of an operator's file must hold.

    Raises
    ------
    MissingFileError
        If there is no such file; the message names those that the area has.
    DataError
        With every fault of the file.
    """
    path = zone_file(area_folder, name)
    content = read_json(path)
    if not (isinstance(content, dict) and isinstance(content.get("data"), dict)):
        zones = zones_of(path, content)
        faults = [fault for zone in zones for fault in off_map_faults(zone, streets)] if streets else []
        if faults:
            raise DataError(faults)
        return zones
    box = _box_of(streets) if streets else (-180.0, -90.0, 180.0, 90.0)
    zones = gbfs_zones(path, content, vehicle_type, day, box)
    near = [zone for zone in zones if not off_map_faults(zone, streets)] if streets else zones
    if zones and not near:
        raise DataError([Fault(str(path), f"none of its {len(zones)} zones covers a street of the map")])
    if len(near) < len(zones):
        _log.warning(
            "%s: %d of %d zones cover a street of the map, the others are left out", path, len(near), len(zones)
        )
    return near


def gbfs_zones(path: Path, content: dict[str, Any], vehicle_type: str, day: date | None, box: Box) -> list[RidingZone]:
    """Return the zones of a parsed `geofencing_zones.json`; rules that hold everywhere are cut to a box in degrees.

    Raises
    ------
    DataError
        With every fault of the file.
    """
    version, data = str(content.get("version", "")), content["data"]
    if version.partition(".")[0] not in ("2", "3"):
        raise DataError([Fault(f"{path}: version", f"got '{version[:20]}', expected GBFS 2.1 to 3")])
    everywhere = Shape(f"{path}: global_rules", {"rules": data.get("global_rules") or []}, shapely.box(*box))
    shapes = [*shapes_of(path, data.get("geofencing_zones"), POLYGONS), everywhere]
    zones: list[RidingZone] = []
    faults: list[Fault] = []
    decided: list[Shape] = []
    unheeded: Counter[str] = Counter()
    for shape in shapes:
        try:
            rule = _rule(shape, vehicle_type, unheeded) if _holds_on(shape, day, unheeded) else None
        except ValidationError as error:
            faults += shape.setting_faults(error)
            continue
        except ValueError as error:
            faults.append(shape.fault(str(error)))
            continue
        rest = _undecided(shape, decided) if rule else None
        if rule and rest:
            decided.append(shape)
            unheeded["where a ride may not start"] += not rule.ride_start_allowed and rule.ride_end_allowed
            zones += [RidingZone(about, rest) for about in rule.zones(_name(shape))]
    if faults:
        raise DataError(faults)
    told = [f"{what} ({count})" for what, count in unheeded.items() if count]
    if told:
        _log.warning("%s: not honoured: %s", path, ", ".join(told))
    return zones


def _rule(shape: Shape, vehicle_type: str, unheeded: Counter[str]) -> GbfsRule | None:
    """Return the first rule of a polygon for a type of vehicle; None where it has none."""
    listed = shape.properties.get("rules")
    if not isinstance(listed, list | None):
        raise ValueError("expected a list of rules")
    rules = [GbfsRule.model_validate(rule) for rule in listed or ()]
    if not vehicle_type:
        unheeded["types of vehicle, since `vehicle_type` names none"] += any(rule.vehicle_types for rule in rules)
    return next(
        (rule for rule in rules if not (vehicle_type and rule.vehicle_types) or vehicle_type in rule.vehicle_types),
        None,
    )


def _undecided(shape: Shape, decided: Sequence[Shape]) -> Shape | None:
    """Return what of a polygon lies in none of the earlier ones."""
    earlier = [other.geometry for other in decided if other.geometry.intersects(shape.geometry)]
    return shape.without(shapely.union_all(earlier)) if earlier else shape


def _holds_on(shape: Shape, day: date | None, unheeded: Counter[str]) -> bool:
    """Return whether a zone holds on a day, by the days of its `start` and `end`."""
    ends = [shape.properties.get(key) for key in ("start", "end")]
    begin, end = (_moment(value) if value is not None else None for value in ends)
    unheeded["clock times of `start` and `end`, only their days"] += begin is not None or end is not None
    return day is None or not ((begin and day < begin.date()) or (end and day > end.date()))


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise ValueError(f"got the time {value!r:.40}, expected seconds since 1970 or 2026-01-31T12:00:00Z") from None


def _name(shape: Shape) -> str:
    name = shape.properties.get("name")
    if isinstance(name, list):
        name = name[0].get("text") if name and isinstance(name[0], dict) else ""
    return name if isinstance(name, str) else ""


def _box_of(streets: Streets) -> Box:
    """Return a box around the nodes of a map that lie on it, degrees."""
    inside = streets.node_lonlat[~streets.node_outside]
    (west, south), (east, north) = inside.min(axis=0) - MARGIN_DEGREES, inside.max(axis=0) + MARGIN_DEGREES
    return float(west), float(south), float(east), float(north)
