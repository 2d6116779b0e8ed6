"""Shared e-scooters: a fleet parked at hubs or anywhere, found by walking, reserved, ridden, parked.

What people expect stands in `expectations.py`, what may be ridden and parked where in `parking.py`, rentals in
`rentals.py`, what the operator does in `operator.py`, the vehicles in `fleet.py`. With other settings the same is a
fleet of city bikes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kera_mobility.config.registry import policy_beside
from kera_mobility.services.base import Carried, Experience, Ride, Service, Vehicle, hour_of
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import StreetsChanged
from kera_mobility.services.scooter.crews import Crews
from kera_mobility.services.scooter.expectations import ExpectedRides
from kera_mobility.services.scooter.fares import Fares
from kera_mobility.services.scooter.first_places import first_places
from kera_mobility.services.scooter.fleet import AWAY, OUT_OF_USE, PARKED, Fleet
from kera_mobility.services.scooter.operator import Operator
from kera_mobility.services.scooter.parking import Parking
from kera_mobility.services.scooter.policies.overnight import OvernightPolicy
from kera_mobility.services.scooter.rentals import Rentals
from kera_mobility.services.scooter.search import Search
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import DAYS_A_MONTH, AnyArray, BoolArray, FloatArray, IntArray


class Scooter(Service):
    """Members reserve the nearest scooter with enough charge, walk to it, ride and park."""

    kind = "scooter"
    settings_type = ScooterSettings
    mode = "scooter"
    nest = "scooter"
    time_class = "bicycle"
    access_mode = True
    capacity_limited = True
    operated = True

    settings: ScooterSettings

    def __init__(self, name: str, settings: ScooterSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        self.mode, self.nest, self.sustainable = settings.mode, settings.nest, settings.sustainable
        self._parking = parking = Parking(settings, town)
        self._policy: OvernightPolicy = policy_beside(__name__, OvernightPolicy, settings.overnight)
        self._operator = Operator(name, settings, self._policy, town)
        self._crews: Crews | None = None
        if settings.crews.vans:
            self._crews = Crews(name, settings.crews, town, parking.hub_nodes, parking.anywhere, settings.max_walk_m)
        self._pass_holders = self._who_has_a_pass()
        single = settings.unlock_eur, settings.minute_eur, settings.most_eur
        self._fares = Fares(*single, settings.ride_pass, self._pass_holders)
        self._first = first_places(name, settings, parking, town)
        self._expected = ExpectedRides(settings, parking, self._fares, town.skims, self._first)
        self._expected_requests: FloatArray | None = None

    def faults(self) -> list[tuple[str, str]]:
        """Return hubs and depots outside the map."""
        return self._parking.faults() + (self._crews.faults() if self._crews else [])

    def learn(self, experience: Experience) -> None:
        """Let people know the chance of being served, and crews how many requests there are."""
        super().learn(experience)
        self._expected_requests = experience.requests / experience.days

    def members(self) -> BoolArray:
        """Return who has the app, (P,); a larger share holds the smaller one."""
        people = self.town.people
        share = np.zeros(len(people.person))
        for band in sorted(self.settings.registered, key=lambda band: band.from_age):
            share[people.age >= band.from_age] = band.share
        share[people.age < self.settings.min_age] = 0.0
        registered: BoolArray = self.town.dice.uniform("registered", self.name, people.person) < share
        return registered

    def contradictions(self) -> list[str]:
        """Return a fleet above what the permit allows, and hubs where parking is forbidden."""
        permit, fleet = self.settings.permit, self.settings.fleet
        above = permit is not None and permit.fleet is not None and fleet > permit.fleet
        words = [f"a fleet of {fleet} is above the {permit.fleet} of the permit"] if permit and above else []
        return words + self._parking.contradictions()

    def about(self) -> dict[str, Any]:
        """Return the hubs with their room, what the fleet costs, and what the city allows."""
        settings = self.settings
        hubs = zip(settings.hubs, self._parking.hub_nodes.tolist(), strict=True)
        return {
            "hubs": [{"node": node, "name": hub.name, "capacity": hub.capacity} for hub, node in hubs],
            "low_charge": settings.low_charge if settings.energy_wh_per_km else 0.0,
            "date": settings.date,
            "handling_s": settings.handling_s,
            "battery_wh": settings.battery_wh,
            "energy_wh_per_km": settings.energy_wh_per_km,
            "pass_eur_per_day": int(self._pass_holders.sum()) * settings.ride_pass.month_eur / DAYS_A_MONTH,
            "costs": settings.costs.model_dump(mode="json"),
            "crews": self._crews and self._crews.about(),
            "permit": settings.permit and settings.permit.model_dump(mode="json"),
            "zones": self._parking.zones_about(),
        }

    # Before the day.

    def expect(self, requests: Requests) -> Offers:
        """Return rides from the nearest hub, or nearer where scooters may stand anywhere; by chance, walks instead."""
        offers = self._expected.by_time(requests)
        closed = self._operator.closed_at(requests.depart_s)
        if closed is not None:
            offers.walk_s[closed] = np.inf
        return self._or_walk(requests, offers)

    def bound(self, requests: Requests) -> Offers:
        """Return rides from a scooter as near as one can possibly be, as short as walking can make them."""
        return self._expected.bound(requests)

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return typical durations between nodes, (T,), at an hour when it is open and no zone holds."""
        requests = Requests(np.zeros_like(origins), origins, destinations, np.zeros(len(origins)))
        offers = self._expected.under(requests, self._parking.rules_without_zones)
        return self._or_walk(requests, offers).duration_s

    # Live.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Put the scooters where they stand in the morning, and begin to operate."""
        super().start(world, carried)
        settings, count = self.settings, self.settings.fleet
        node = np.array(carried["node"]) if carried else self._first
        charge = np.array(carried["charge"]) if carried else np.ones(count)
        state = np.array(carried["state"]) if carried and "state" in carried else np.full(count, PARKED)
        self._start_node, self._start_charge = node, charge
        if self._operator.is_night(world.env.now):
            state = np.where(state == PARKED, AWAY, state)
        self.fleet = Fleet(
            world, self.name, node, charge, state=state, capacity=self._parking.capacity,
            low_charge=settings.low_charge if settings.energy_wh_per_km else 0.0,
        )  # fmt: skip
        self._search = Search(settings, world, self._parking, self._operator, self._fares, self.fleet)
        self._rentals = Rentals(
            self.name, settings, world, self._operator, self.fleet, self._search,
            lambda origin, destination: (self.walk_one_s(origin, destination), self.walk_m(origin, destination)),
        )  # fmt: skip
        self._operator.start(world, self.fleet)
        if self._crews:
            self._crews.start(world, self.fleet, self._first, self._expected_requests)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise the nearest scooter with enough charge, and room at the hub where the ride ends."""
        available = self._search.nearest_vehicle(leg)
        if leg.leg > 0:
            self._count(leg, available)
        return available if isinstance(available, Refusal) else self._rentals.book(leg, available)

    def cancel(self, booking: Booking) -> None:
        """Give the scooter back where it stands."""
        self._rentals.cancel(booking)

    def ride(self, booking: Booking) -> Ride:
        """Walk to the scooter, ride, park it, walk on; where there is none to ride, that is the end."""
        env, leg, start = self.world.env, booking.leg, booking.plan.start
        access_s, walk_m = booking.offer.walk_s - booking.plan.egress_s, self.walk_m(leg.origin, start)
        yield from self._rentals.walk_to_vehicle(booking, access_s)
        unlocked = self._rentals.unlock(booking)
        if isinstance(unlocked, Refusal):
            self._count_lost(booking)
            return Outcome(start, access_s, 0.0, 0.0, walk_m, 0.0, 0.0, refusal=unlocked)
        offer, plan, begin_s = unlocked.offer, unlocked.plan, env.now
        yield env.timeout(offer.ride_s)
        self._rentals.park(unlocked, begin_s)
        if plan.egress_s > 0:
            yield env.timeout(plan.egress_s)
        return Outcome(leg.destination, access_s + plan.egress_s, 0.0, offer.ride_s, walk_m + plan.egress_m,
                       offer.ride_m, offer.fare_eur, unlocked.vehicle)  # fmt: skip

    def finish(self) -> None:
        """Expire what is still reserved or ridden; the scooter counts as where it was taken."""
        if self._crews:
            self._crews.finish()
        self._rentals.finish()

    def overnight(self) -> dict[str, AnyArray]:
        """Return places, charges and states of the next morning, after the policy of the night."""
        state = np.array(self.fleet.state)
        waits = np.isin(state, list(OUT_OF_USE)) & (not self._policy.mends)
        return {
            "node": self._policy.places(np.array(self.fleet.node), self._first),
            "charge": self._policy.charges(np.array(self.fleet.charge)),
            "state": np.where(waits, state, PARKED),
        }

    def vehicles(self) -> list[Vehicle]:
        """Return every scooter."""
        return [
            Vehicle(
                vehicle, 1, int(self._start_node[vehicle]), self.fleet.node[vehicle],
                float(self._start_charge[vehicle]), self.fleet.charge[vehicle],
            )
            for vehicle in range(self.settings.fleet)
        ]  # fmt: skip

    def places(self) -> list[tuple[int, str, str]]:
        """Return the hubs."""
        nodes = self._parking.hub_nodes.tolist()
        return [(node, hub.name, "hub") for node, hub in zip(nodes, self.settings.hubs, strict=True)]

    def _firm(self, leg: Leg) -> Offer | Refusal:
        available = self._search.nearest_vehicle(leg)
        return available if isinstance(available, Refusal) else available.offer

    def _count_lost(self, booking: Booking) -> None:
        """Count somebody who was promised a scooter and did not get it as not served."""
        place = self.town.zone[booking.leg.origin], hour_of(booking.made_s)
        self.experience.served[place] = max(self.experience.served[place] - 1.0, 0.0)

    def _see_streets(self, notice: StreetsChanged) -> None:
        super()._see_streets(notice)
        self._parking.see(self.skims)
        self._search.see(self.skims)
        self._expected.see(self.skims)

    def _who_has_a_pass(self) -> BoolArray:
        """Return who has a pass, (P,)."""
        if not self.settings.ride_pass.share:
            return np.zeros(len(self.town.people.person), dtype=np.bool_)
        draw = self.town.dice.uniform("pass", self.name, self.town.people.person)
        return self.members() & (draw < self.settings.ride_pass.share)
