"""Finding a vehicle of a shared fleet: the nearest that can make the ride, or one at the place where one stands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from kera_mobility.services.contract import Leg, Offer, Refusal
from kera_mobility.services.reasons import LOW_BATTERY, NO_VEHICLE, OUTSIDE_AREA
from kera_mobility.services.scooter.fares import Fares
from kera_mobility.services.scooter.fleet import Fleet
from kera_mobility.services.scooter.operator import Operator
from kera_mobility.services.scooter.parking import NOWHERE, Parking, ZoneRules
from kera_mobility.services.scooter.reasons import LOST_RACE, NO_PARKING, TOO_SHORT
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.services.world import World
from kera_mobility.town.streets.streets import Skims
from kera_mobility.units import round_one_s


class AvailableVehicle(NamedTuple):
    """A vehicle that can make a ride now."""

    offer: Offer
    vehicle: int
    start: int
    """Node where it stands."""
    end: int
    """Node where it will be parked."""


class Search:
    """Looks for vehicles; it changes nothing."""

    def __init__(
        self, settings: ScooterSettings, world: World, parking: Parking, operator: Operator, fares: Fares, fleet: Fleet
    ) -> None:
        self._settings, self._world = settings, world
        self._parking, self._operator, self._fares, self._fleet = parking, operator, fares, fleet
        self._skims = world.streets
        self._known_near: dict[int, list[tuple[int, float]]] = {}

    def see(self, skims: Skims) -> None:
        """Find other ways when streets are shut or opened."""
        self._skims = skims
        self._known_near.clear()

    def nearest_vehicle(self, leg: Leg) -> AvailableVehicle | Refusal:
        """Return the nearest vehicle that can make the ride, for somebody who will walk to it."""
        settings, origin = self._settings, leg.origin
        ends = self._ends(leg, origin)
        if isinstance(ends, Refusal):
            return ends
        rules, end = ends
        free, reason = self._fleet.free, NO_VEHICLE
        for node, walk_m in self._nodes_near(origin):
            parked = free.get(node)
            if not parked:
                continue
            equivalent_m, ride_m = self._way(rules, node, end)
            if ride_m == math.inf:
                continue
            if ride_m < settings.shortest_ride_m:
                reason = TOO_SHORT if reason == NO_VEHICLE else reason
                continue
            vehicle = self._able(parked, ride_m)
            if vehicle >= 0:
                return AvailableVehicle(self._offer(walk_m, equivalent_m, ride_m, end, leg), vehicle, node, end)
            reason = LOW_BATTERY
        return Refusal(reason, origin)

    def vehicle_at(self, leg: Leg, node: int) -> AvailableVehicle | Refusal:
        """Return a vehicle for somebody who has come to a node because one stood there."""
        ends = self._ends(leg, node)
        if isinstance(ends, Refusal):
            return ends
        rules, end = ends
        equivalent_m, ride_m = self._way(rules, node, end)
        vehicle = self._able(self._fleet.parked_at(node), ride_m)
        if vehicle < 0:
            return Refusal(LOST_RACE, node)
        return AvailableVehicle(self._offer(0.0, equivalent_m, ride_m, end, leg), vehicle, node, end)

    def _ends(self, leg: Leg, place: int) -> tuple[ZoneRules, int] | Refusal:
        """Return what holds now and where the ride would end, or why there is none."""
        parking, reason = self._parking, self._operator.refusal_reason()
        if reason:
            return Refusal(reason, place)
        if not parking.inside[place] or not parking.inside[leg.destination]:
            return Refusal(OUTSIDE_AREA, place)
        rules = parking.rules_at(self._world.env.now)
        end = parking.end(rules, leg.destination, self._fleet)
        return Refusal(NO_PARKING, place) if end == NOWHERE else (rules, end)

    def _way(self, rules: ZoneRules, start: int, end: int) -> tuple[float, float]:
        """Return the way between nodes now: metres at full speed, and real metres."""
        ride_m = equivalent_m = float(self._skims.cycle_m[start, end])
        if rules.equivalent_m is not None and rules.ride_m is not None:
            # Where streets are shut as well, no way is shorter than either alone allows.
            ride_m = max(ride_m, float(rules.ride_m[start, end]))
            equivalent_m = max(equivalent_m, float(rules.equivalent_m[start, end]))
        return equivalent_m, ride_m

    def _able(self, parked: list[int], ride_m: float) -> int:
        """Return the lowest of some vehicles whose charge lasts for a ride and leaves the reserve, or -1."""
        if ride_m == math.inf:
            return -1
        charge, needed = self._fleet.charge, self._settings.used(ride_m) + self._settings.reserve_charge
        return min((vehicle for vehicle in parked if charge[vehicle] >= needed), default=-1)

    def _offer(self, walk_m: float, equivalent_m: float, ride_m: float, end: int, leg: Leg) -> Offer:
        settings = self._settings
        egress_m = float(self._skims.walk_m[end, leg.destination])
        walk_s = round_one_s(walk_m / settings.walk_speed_m_s) + round_one_s(egress_m / settings.walk_speed_m_s)
        ride_s = round_one_s(equivalent_m / settings.speed_m_s)
        return Offer(walk_s, 0.0, ride_s + settings.handling_s, self._fares.of_ride(ride_s, leg.row), ride_m)

    def _nodes_near(self, node: int) -> list[tuple[int, float]]:
        """Return the nodes within walking reach where a vehicle may stand, nearest first, with the walk in metres."""
        near = self._known_near.get(node)
        if near is None:
            walk_m = np.asarray(self._skims.walk_m[node], dtype=np.float64)
            allowed = walk_m <= self._settings.max_walk_m
            if self._settings.parking == "hubs":
                at_hub = np.zeros(len(walk_m), dtype=np.bool_)
                at_hub[self._parking.hub_nodes] = True
                allowed &= at_hub
            nodes = np.flatnonzero(allowed)
            nodes = nodes[np.lexsort((nodes, walk_m[nodes]))]
            near = list(zip(nodes.tolist(), walk_m[nodes].tolist(), strict=True))
            self._known_near[node] = near
        return near
