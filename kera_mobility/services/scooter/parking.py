"""Where vehicles of a shared fleet may be ridden and parked: hubs, the operating area, and zones that hold at times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kera_mobility.config.calendar import Timeline
from kera_mobility.errors import DataError, MissingFileError, SettingError
from kera_mobility.services.base import off_map, operating_area
from kera_mobility.services.scooter.fleet import Fleet
from kera_mobility.services.scooter.gbfs_zones import read_riding_zones
from kera_mobility.services.scooter.geofences import RidingZone, slowed_ways
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.town.streets.streets import Skims
from kera_mobility.town.town import Town
from kera_mobility.units import BoolArray, FloatArray, IntArray

NOWHERE = -1
Table = NDArray[np.float32]


@dataclass(frozen=True)
class ZoneRules:
    """What holds while some zones do; N nodes."""

    equivalent_m: Table | None
    """Metres that take as long at full speed as the fastest way, (N, N); None where streets are as they always are."""
    ride_m: Table | None
    """Metres of that way, (N, N)."""
    hub_required: BoolArray
    """Who goes there must park at a hub, (N,)."""
    parking_node: IntArray
    """Where to park for a destination that asks for no hub, (N,): itself, the nearest node that may be, or NOWHERE."""


class Parking:
    """The hubs of a fleet, its operating area, and its ground at any time of the day."""

    def __init__(self, settings: ScooterSettings, town: Town) -> None:
        self._settings, self._town, self._skims = settings, town, town.skims
        self.hub_nodes, self._snapped_m = town.snap(settings.hubs)
        self.capacity: dict[int, int] = {}
        for node, hub in zip(self.hub_nodes.tolist(), settings.hubs, strict=True):
            self.capacity[node] = self.capacity.get(node, 0) + hub.capacity
        self.inside = operating_area(town, self.hub_nodes, settings.operating_radius_m)
        self._zones = self._read_zones()
        self._timeline = Timeline([zone.about.window for zone in self._zones], date.fromisoformat(settings.date))
        self._known_rules: dict[tuple[int, ...], ZoneRules] = {(): self._rules(())}
        self.rules_without_zones = self._known_rules[()]
        """The ground without zones."""
        self.has_zones = bool(self._zones)
        self._known_hubs: dict[int, list[int]] = {}

    def see(self, skims: Skims) -> None:
        """Find other ways to and from hubs when streets are shut or opened; zones stay as they are."""
        self._skims = skims
        self._known_hubs.clear()
        self.__dict__.pop("_hub_table", None)

    @property
    def ends_elsewhere(self) -> bool:
        """Whether a ride may end elsewhere than at its destination."""
        return self._settings.parking != "anywhere" or self.has_zones

    def faults(self) -> list[tuple[str, str]]:
        """Return hubs outside the map."""
        hubs = self._settings.hubs
        return off_map([f"hubs.{index}" for index in range(len(hubs))], hubs, self._snapped_m)

    def contradictions(self) -> list[str]:
        """Return hubs where a zone forbids parking."""
        return [
            f"the hub '{hub.name or number}' lies in the zone '{zone.about.name or zone.about.rule}' "
            f"({zone.about.rule}): vehicles stand there in the morning, and no ride that may park elsewhere ends there"
            for zone in self._zones if zone.about.rule in ("no_park", "no_ride")
            for number, hub in enumerate(self._settings.hubs) if zone.holds(np.array([[hub.lon, hub.lat]]))[0]
        ]  # fmt: skip

    def zones_about(self) -> list[dict[str, object]]:
        """Return the zones as plain values: rule, name, speed, rings in degrees, and when they hold that day, s."""
        today = date.fromisoformat(self._settings.date)
        return [
            {
                "rule": zone.about.rule, "name": zone.about.name, "speed_km_h": zone.about.speed_km_h,
                "rings": [ring.tolist() for ring in zone.rings],
                "spans_s": [list(span) for span in zone.about.window.spans(today) if span[1] > 0.0],
            }
            for zone in self._zones
        ]  # fmt: skip

    def rules_at(self, t_s: float) -> ZoneRules:
        """Return what holds at a moment."""
        return self._of(self._timeline.at(t_s)) if self.has_zones else self.rules_without_zones

    def rules_by_time(self, t_s: FloatArray) -> Iterator[tuple[IntArray | slice, ZoneRules]]:
        """Yield the rows of moments, (T,), at which the same holds, and what does."""
        if not self.has_zones:
            yield slice(None), self.rules_without_zones
            return
        piece = self._timeline.pieces(t_s)
        for number in np.unique(piece).tolist():
            yield np.flatnonzero(piece == number), self._of(self._timeline.sets[number])

    def ends(self, rules: ZoneRules, destination: IntArray) -> tuple[IntArray, FloatArray]:
        """Return where rides to destinations, (T,), are expected to end, NOWHERE among them, and the walk on in m."""
        end = np.where(rules.hub_required[destination], self.nearest_hub[destination], rules.parking_node[destination])
        walk_m = self._skims.between(self._skims.walk_m, np.maximum(end, 0), destination)
        return end, np.where((end != NOWHERE) & (walk_m <= self._settings.max_walk_m), walk_m, np.inf)

    def end(self, rules: ZoneRules, destination: int, fleet: Fleet) -> int:
        """Return where a ride to a destination would end now: a hub with room where it must, or NOWHERE."""
        if not rules.hub_required[destination]:
            return int(rules.parking_node[destination])
        for node in self._hubs_by_walk(destination):
            if fleet.room(node) > 0:
                return node
        return NOWHERE

    @cached_property
    def anywhere(self) -> BoolArray:
        """Where a vehicle may stand at any time without being at a hub, (N,)."""
        return self.inside & ~(self._in(self._zones, "no_ride", "no_park") | self.hub_required_ever)

    @cached_property
    def hub_required_ever(self) -> BoolArray:
        """Where a vehicle must stand at a hub at some time, (N,)."""
        return self._hub_required(self._zones)

    @property
    def reaches_hub(self) -> BoolArray:
        """From where a hub is within walking reach, (N,)."""
        return self.walk_to_hub_m <= self._settings.max_walk_m

    @property
    def nearest_hub(self) -> IntArray:
        """The node of the nearest hub for every node, (N,)."""
        return self._hub_table[0]

    @property
    def walk_to_hub_m(self) -> FloatArray:
        """Walk from every node to its nearest hub, (N,)."""
        return self._hub_table[1]

    @cached_property
    def _hub_table(self) -> tuple[IntArray, FloatArray]:
        walk_m = np.asarray(self._skims.walk_m[self.hub_nodes], dtype=np.float64)
        nearest = np.argmin(walk_m, axis=0)
        return self.hub_nodes[nearest], walk_m[nearest, np.arange(walk_m.shape[1])]

    def _hubs_by_walk(self, destination: int) -> list[int]:
        """Return the hubs within walking reach of a node, the nearest first; equals by node."""
        hubs = self._known_hubs.get(destination)
        if hubs is None:
            nodes = np.unique(self.hub_nodes)
            walk_m = np.asarray(self._skims.walk_m[destination], dtype=np.float64)[nodes]
            order = np.lexsort((nodes, walk_m))
            hubs = nodes[order][walk_m[order] <= self._settings.max_walk_m].tolist()
            self._known_hubs[destination] = hubs
        return hubs

    def _read_zones(self) -> list[RidingZone]:
        zones: list[RidingZone] = []
        settings, streets = self._settings, self._town.streets
        for index, name in enumerate(settings.zones):
            if not isinstance(name, str):
                try:
                    zones.append(name.on(streets, name.name or "polygon"))
                except DataError as error:
                    raise SettingError(f"zones.{index}", str(error)) from None
                continue
            try:
                zones += read_riding_zones(
                    self._town.folder, name, streets, settings.vehicle_type, date.fromisoformat(settings.date)
                )
            except MissingFileError as error:
                raise SettingError(f"zones.{index}", str(error)) from None
        return zones

    def _of(self, active: tuple[int, ...]) -> ZoneRules:
        if active not in self._known_rules:
            self._known_rules[active] = self._rules(active)
        return self._known_rules[active]

    def _rules(self, active: tuple[int, ...]) -> ZoneRules:
        zones = [self._zones[index] for index in active]
        detours = any(zone.about.rule in ("no_ride", "slow") for zone in zones)
        equivalent_m, ride_m = self._ways(active) if detours else (None, None)
        may_end = self.inside & ~self._in(zones, "no_ride", "no_park")
        nodes = np.arange(len(may_end), dtype=np.int64)
        return ZoneRules(
            equivalent_m, ride_m, self._hub_required(zones), np.where(may_end, nodes, self.nearest_allowed(may_end))
        )

    def _ways(self, active: tuple[int, ...]) -> tuple[Table, Table]:
        """Return the ways under zones, computed once for a town."""
        speed_m_s, zones = self._settings.speed_m_s, [self._zones[index] for index in active]
        settings = self._settings
        key = ("riding zones", settings.zones, settings.vehicle_type, settings.date, active, speed_m_s)
        return self._town.computed_once(key, lambda: slowed_ways(self._town.streets, zones, speed_m_s))

    def _hub_required(self, zones: list[RidingZone]) -> BoolArray:
        parking = self._settings.parking
        if parking == "hubs":
            return np.ones(len(self.inside), dtype=np.bool_)
        must = self._in(zones, "mandatory_parking")
        return (
            must | operating_area(self._town, self.hub_nodes, self._settings.hub_zone_m) if parking == "mixed" else must
        )

    def _in(self, zones: list[RidingZone], *rules: str) -> BoolArray:
        """Return the nodes in a zone with one of some rules, (N,)."""
        lonlat = np.asarray(self._town.streets.node_lonlat)
        inside = np.zeros(len(lonlat), dtype=np.bool_)
        for zone in zones:
            if zone.about.rule in rules:
                inside |= zone.holds(lonlat)
        return inside

    def nearest_allowed(self, may_end: BoolArray) -> IntArray:
        """Return the nearest node to park at for those where nobody may, within walking reach, else NOWHERE, (N,)."""
        allowed, barred = np.flatnonzero(may_end), np.flatnonzero(~may_end & self.inside)
        instead = np.full(len(may_end), NOWHERE, dtype=np.int64)
        if len(allowed) and len(barred):
            walk_m = np.asarray(self._skims.walk_m)[np.ix_(allowed, barred)]
            nearest = np.argmin(walk_m, axis=0)
            near = walk_m[nearest, np.arange(len(barred))] <= self._settings.max_walk_m
            instead[barred[near]] = allowed[nearest[near]]
        return instead
