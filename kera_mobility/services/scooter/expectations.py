"""What people expect of a shared fleet before the day: analytic, from where the fleet stands in the morning."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from kera_mobility.services.contract import Offers, Requests
from kera_mobility.services.scooter.fares import Fares
from kera_mobility.services.scooter.parking import NOWHERE, Parking, ZoneRules
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.town.streets.streets import Skims
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_s


class ExpectedRides:
    """Expected and best possible rides of one fleet, T requests."""

    def __init__(
        self, settings: ScooterSettings, parking: Parking, fares: Fares, skims: Skims, first: IntArray
    ) -> None:
        self._settings, self._parking, self._fares, self._skims = settings, parking, fares, skims
        self._first = np.unique(first)

    def see(self, skims: Skims) -> None:
        """Find other ways when streets are shut or opened."""
        self._skims = skims
        for known in ("_most_saved_m", "_walk_to_first_m"):
            self.__dict__.pop(known, None)

    def by_time(self, requests: Requests) -> Offers:
        """Return rides from where vehicles may be expected to stand, by the rules of each time."""
        offers = Offers.none(len(requests))
        for rows, rules in self._parking.rules_by_time(requests.depart_s):
            for column, part in zip(offers.columns, self.under(requests.at(rows), rules).columns, strict=True):
                column[rows] = part
        return offers

    def under(self, requests: Requests, rules: ZoneRules) -> Offers:
        """Return rides to where they are expected to end under some rules."""
        parking, skims = self._parking, self._skims
        access_m = parking.walk_to_hub_m[requests.origin]
        if self._settings.parking != "hubs" and self._settings.first_places == "demand":
            access_m = self._walk_to_first_m[requests.origin]
        elif self._settings.parking != "hubs":
            access_m = np.minimum(access_m, self._spread_m)
        end, egress_m = parking.ends(rules, requests.destination)
        to = np.maximum(end, 0)
        ride_m = equivalent_m = skims.between(skims.cycle_m, requests.origin, to)
        if rules.equivalent_m is not None and rules.ride_m is not None:
            # Where streets are shut as well, no way is shorter than either alone allows.
            ride_m = np.maximum(ride_m, skims.between(rules.ride_m, requests.origin, to))
            equivalent_m = np.maximum(equivalent_m, skims.between(rules.equivalent_m, requests.origin, to))
        possible = (end != NOWHERE) & (ride_m >= self._settings.shortest_ride_m)
        return self._offers(requests, possible, access_m, egress_m, ride_m, equivalent_m)

    def bound(self, requests: Requests) -> Offers:
        """Return rides from a vehicle as near as one can possibly be, as short as walking can make them."""
        settings, skims, parking = self._settings, self._skims, self._parking
        nothing = np.zeros(len(requests))
        access_m = egress_m = nothing
        if settings.parking == "hubs":
            access_m, egress_m = parking.walk_to_hub_m[requests.origin], parking.walk_to_hub_m[requests.destination]
        from_m, to_m = self._most_saved_m
        saved_m = from_m[requests.origin] + (to_m[requests.destination] if parking.ends_elsewhere else nothing)
        finite = np.isfinite(saved_m)
        direct_m = skims.between(skims.cycle_m, requests.origin, requests.destination)
        ride_m = np.where(finite, np.maximum(direct_m - np.where(finite, saved_m, 0.0), 0.0), 0.0)
        ride_m = np.maximum(ride_m, settings.shortest_ride_m)
        return self._offers(requests, np.ones(len(requests), dtype=np.bool_), access_m, egress_m, ride_m, ride_m)

    def _offers(
        self, requests: Requests, possible: BoolArray, access_m: FloatArray, egress_m: FloatArray, ride_m: FloatArray,
        equivalent_m: FloatArray,
    ) -> Offers:  # fmt: skip
        """Return the offers of walks and rides of some lengths; `equivalent_m` are metres at full speed."""
        settings, inside = self._settings, self._parking.inside
        possible = possible & inside[requests.origin] & inside[requests.destination]
        possible &= (requests.origin != requests.destination) & (ride_m <= settings.range_m)
        possible &= (np.maximum(access_m, egress_m) <= settings.max_walk_m) & np.isfinite(equivalent_m)
        ride_m, equivalent_m = np.where(possible, ride_m, 0.0), np.where(possible, equivalent_m, 0.0)
        walk_s = round_s(access_m / settings.walk_speed_m_s) + round_s(egress_m / settings.walk_speed_m_s)
        ride_s = round_s(equivalent_m / settings.speed_m_s)
        return Offers.of(
            len(requests),
            walk_s=np.where(possible, walk_s, np.inf),
            ride_s=ride_s + settings.handling_s,
            fare_eur=self._fares.of_rides(ride_s, requests.person),
            ride_m=ride_m,
        )

    @cached_property
    def _most_saved_m(self) -> tuple[FloatArray, FloatArray]:
        """The most that a walk of `max_walk_m` from, and to, each node can take off a ride, each (N,).

        No way is longer than over any other node, so a ride from `n` to `d` is at least cycle(o, d) - cycle(o, n).
        """
        near = np.asarray(self._skims.walk_m) <= self._settings.max_walk_m
        within_m = np.where(near, self._skims.cycle_m, 0.0).astype(np.float64)
        return within_m.max(axis=1), within_m.max(axis=0)

    @cached_property
    def _walk_to_first_m(self) -> FloatArray:
        """Walk from each node to the nearest place where a vehicle stands on the first morning, (N,)."""
        return np.asarray(self._skims.walk_m[:, self._first].min(axis=1), dtype=np.float64)

    @property
    def _spread_m(self) -> float:
        """Mean walk to the nearest of a fleet spread evenly over the operating area: half the mean spacing."""
        area_m2 = math.pi * self._settings.operating_radius_m**2
        return 0.5 / math.sqrt(self._settings.fleet / area_m2)
