"""Shared e-scooters: a fleet parked at hubs or anywhere, found by walking, reserved, ridden, parked.

What may be ridden where stands in `parking.py`, what the operator does in `operator.py`, the vehicles in `fleet.py`.
With other settings the same is a fleet of city bikes.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import simpy

from kera_mobility.config.registry import policies_beside
from kera_mobility.services.base import HOURS, Carried, Experience, Ride, Service, Vehicle
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import StreetsChanged
from kera_mobility.services.reasons import BROKEN
from kera_mobility.services.scooter.costs import DAYS_A_MONTH
from kera_mobility.services.scooter.crews import Crews
from kera_mobility.services.scooter.fares import Fares
from kera_mobility.services.scooter.fleet import AWAY, OUT_OF_USE, PARKED, Fleet
from kera_mobility.services.scooter.operator import Operator
from kera_mobility.services.scooter.parking import NOWHERE, Parking, ZoneRules
from kera_mobility.services.scooter.policies.overnight import OvernightPolicy
from kera_mobility.services.scooter.search import AvailableVehicle, Search
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import HOUR_S, AnyArray, BoolArray, FloatArray, IntArray, round_s


@dataclass(slots=True)
class RentalPlan:
    """What a booking keeps: the way to one scooter and where it will be parked."""

    start: int
    end: int
    egress_s: float
    """Walk from there to the destination."""
    egress_m: float
    kept: bool
    """Whether scooter and room are kept for this person."""


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
        self._parking = Parking(settings, town)
        self._policy = policies_beside(__name__, OvernightPolicy)[settings.overnight.kind](settings.overnight)
        self._operator = Operator(name, settings, self._policy, town)
        parking = self._parking
        self._crews = (
            Crews(name, settings.crews, town, parking.hub_nodes, parking.anywhere, settings.max_walk_m)
            if settings.crews.vans
            else None
        )
        self._asked: FloatArray | None = None

    def faults(self) -> list[tuple[str, str]]:
        """Return hubs and depots outside the map."""
        return self._parking.faults() + (self._crews.faults() if self._crews else [])

    def learn(self, experience: Experience) -> None:
        """Let people know the chance of being served, and crews how often they ask."""
        super().learn(experience)
        self._asked = experience.requests / experience.days

    def members(self) -> BoolArray:
        """Return who has the app, (P,); a larger share holds the smaller one."""
        people = self.town.people
        share = np.zeros(len(people.person))
        for band in sorted(self.settings.registered, key=lambda band: band.from_age):
            share[people.age >= band.from_age] = band.share
        share[people.age < self.settings.min_age] = 0.0
        registered: BoolArray = self.town.dice.uniform("registered", self.name, people.person) < share
        return registered

    # Expectations: analytic, from where the fleet stands in the morning.

    def expect(self, requests: Requests) -> Offers:
        """Return rides from the nearest hub, or nearer where scooters may stand anywhere; by chance, walks instead."""
        offers = Offers.none(len(requests))
        for rows, rules in self._parking.rules_by_time(requests.depart_s):
            some = _at(requests, rows)
            for column, part in zip(offers.columns, self._expected(some, rules).columns, strict=True):
                column[rows] = part
        closed = self._operator.closed(requests.depart_s)
        if closed is not None:
            offers.walk_s[closed] = np.inf
        return self._or_walk(requests, offers)

    def bound(self, requests: Requests) -> Offers:
        """Return rides from a scooter as near as one can possibly be, as short as walking can make them."""
        settings, skims, parking = self.settings, self.skims, self._parking
        nothing = np.zeros(len(requests))
        access_m = egress_m = nothing
        if settings.parking == "hubs":
            access_m, egress_m = parking.walk_to_hub_m[requests.origin], parking.walk_to_hub_m[requests.destination]
        from_m, to_m = self._most_saved_m
        saved_m = from_m[requests.origin] + (to_m[requests.destination] if parking.ends_elsewhere else nothing)
        known = np.isfinite(saved_m)
        straight_m = skims.between(skims.cycle_m, requests.origin, requests.destination)
        ride_m = np.where(known, np.maximum(straight_m - np.where(known, saved_m, 0.0), 0.0), 0.0)
        ride_m = np.maximum(ride_m, settings.shortest_ride_m)
        inside = parking.inside[requests.origin] & parking.inside[requests.destination]
        return self._offers(requests, inside, access_m, egress_m, ride_m, ride_m)

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return typical durations between nodes, (T,), at an hour when it is open and no zone holds."""
        requests = Requests(np.zeros_like(origins), origins, destinations, np.zeros(len(origins)))
        return self._or_walk(requests, self._expected(requests, self._parking.rules_without_zones)).duration_s

    def _expected(self, requests: Requests, rules: ZoneRules) -> Offers:
        """Return rides to where they are expected to end while some zones hold."""
        parking, skims = self._parking, self.skims
        access_m = parking.walk_to_hub_m[requests.origin]
        if self.settings.parking != "hubs":
            access_m = np.minimum(access_m, self._spread_m)
        end, egress_m = parking.ends(rules, requests.destination)
        to = np.maximum(end, 0)
        ride_m = equivalent_m = skims.between(skims.cycle_m, requests.origin, to)
        if rules.equivalent_m is not None and rules.ride_m is not None:
            # Where streets are shut as well, no way is shorter than either alone allows.
            ride_m = np.maximum(ride_m, skims.between(rules.ride_m, requests.origin, to))
            equivalent_m = np.maximum(equivalent_m, skims.between(rules.equivalent_m, requests.origin, to))
        inside = parking.inside[requests.origin] & parking.inside[requests.destination] & (end != NOWHERE)
        return self._offers(requests, inside & (ride_m >= self.settings.shortest_ride_m), access_m, egress_m, ride_m,
                            equivalent_m)  # fmt: skip

    def _offers(
        self, requests: Requests, possible: BoolArray, access_m: FloatArray, egress_m: FloatArray, ride_m: FloatArray,
        equivalent_m: FloatArray,
    ) -> Offers:  # fmt: skip
        """Return the offers of walks and rides of some lengths; `equivalent_m` are metres at full speed."""
        settings = self.settings
        walkable = np.maximum(access_m, egress_m) <= settings.max_walk_m
        possible = possible & walkable & (requests.origin != requests.destination) & (ride_m <= self.settings.range_m)
        possible &= np.isfinite(equivalent_m)
        ride_m, equivalent_m = np.where(possible, ride_m, 0.0), np.where(possible, equivalent_m, 0.0)
        walk_s = round_s(access_m / settings.walk_speed_m_s) + round_s(egress_m / settings.walk_speed_m_s)
        ride_s = round_s(equivalent_m / settings.speed_m_s)
        return Offers.of(
            len(requests),
            walk_s=np.where(possible, walk_s, np.inf),
            ride_s=ride_s + settings.handling_s,
            fare_eur=self._fares.many(ride_s, requests.person),
            ride_m=ride_m,
        )

    # Live: the fleet.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Put the scooters where they stand in the morning, and begin to operate."""
        super().start(world, carried)
        settings, count = self.settings, self.settings.fleet
        self._first = self._first_places()
        node = np.array(carried["node"]) if carried else self._first
        charge = np.array(carried["charge"]) if carried else np.ones(count)
        state = np.array(carried["state"]) if carried and "state" in carried else np.full(count, PARKED)
        self._start_node, self._start_charge = node, charge
        if self._operator.away(world.env.now):
            state = np.where(state == PARKED, AWAY, state)
        self.fleet = Fleet(
            world, self.name, node, charge, state=state, capacity=self._parking.capacity,
            low_charge=settings.low_charge if settings.energy_wh_per_km else 0.0,
        )  # fmt: skip
        self._search = Search(settings, world, self._parking, self._operator, self._fares, self.fleet)
        self._open: dict[int, Booking] = {}
        self._dice = world.dice.at(self.name)
        self._operator.start(world, self.fleet)
        if self._crews:
            self._crews.start(world, self.fleet, self._first, self._asked)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise the nearest scooter with enough charge, and room at the hub where the ride ends."""
        found = self._search.near(leg)
        if leg.leg > 0:
            self._count(leg, found)
        if isinstance(found, Refusal):
            return found
        plan = self._promise(found, leg)
        booking = Booking(leg, self.world.env.now, found.offer, found.vehicle, plan=plan)
        self._open[id(booking)] = booking
        if self.settings.reservation:
            self._keep(booking)
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the scooter back where it stands."""
        self._let_go(booking)
        self._close(booking, "cancelled")

    def ride(self, booking: Booking) -> Ride:
        """Walk to the scooter, ride, park it, walk on; where there is none to ride, that is the end."""
        env, leg, fleet, plan = self.world.env, booking.leg, self.fleet, booking.plan
        access_s = booking.offer.walk_s - plan.egress_s
        walk_m, start = self.walk_m(leg.origin, plan.start), plan.start
        yield from self._walk_to(booking, access_s)
        unlocked = self._unlock(booking)
        if isinstance(unlocked, Refusal):
            self._count_lost(booking)
            return Outcome(start, access_s, 0.0, 0.0, walk_m, 0.0, 0.0, refusal=unlocked)
        offer, plan, vehicle, begin_s = unlocked.offer, unlocked.plan, unlocked.vehicle, env.now
        yield env.timeout(offer.ride_s)
        self._put_down(unlocked)
        self.world.log.add(
            "moves", begin_s, vehicle, fleet.rides[vehicle], 0, self.name, "ride", start, plan.end, env.now,
            offer.ride_m, fleet.charge[vehicle],
        )  # fmt: skip
        self._close(unlocked, "ridden")
        if plan.egress_s > 0:
            yield env.timeout(plan.egress_s)
        walk_m += plan.egress_m
        return Outcome(leg.destination, access_s + plan.egress_s, 0.0, offer.ride_s, walk_m, offer.ride_m,
                       offer.fare_eur, vehicle)  # fmt: skip

    def finish(self) -> None:
        """Expire what is still reserved or ridden; the scooter is found where it was taken."""
        if self._crews:
            self._crews.finish()
        for booking in list(self._open.values()):
            self._close(booking, "expired")

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

    def _firm(self, leg: Leg) -> Offer | Refusal:
        found = self._search.near(leg)
        return found if isinstance(found, Refusal) else found.offer

    # From promise to ride.

    def _promise(self, found: AvailableVehicle, leg: Leg) -> RentalPlan:
        """Return what a booking is about, with the walk at its end as the streets are now."""
        egress_s, egress_m = (walk(found.end, leg.destination) for walk in (self.walk_one_s, self.walk_m))
        return RentalPlan(found.start, found.end, egress_s, egress_m, kept=False)

    def _keep(self, booking: Booking) -> None:
        """Keep the scooter and the room where it will be parked."""
        self.fleet.reserve(booking.vehicle)
        self.fleet.promise_room(booking.plan.end)
        booking.plan.kept = True

    def _let_go(self, booking: Booking) -> None:
        """Give back what is kept."""
        if booking.plan.kept:
            self.fleet.release(booking.vehicle)
            self.fleet.give_room_back(booking.plan.end)
            booking.plan.kept = False

    def _walk_to(self, booking: Booking, access_s: float) -> Generator[simpy.Event, Any, None]:
        """Walk to the scooter; after a while it is no longer kept, and others may take it."""
        env, held_s = self.world.env, self.settings.reservation_s
        if booking.plan.kept and access_s > held_s:
            yield env.timeout(held_s)
            self._let_go(booking)
            self._close(booking, "expired")
            access_s -= held_s
        if access_s > 0:
            yield env.timeout(access_s)

    def _unlock(self, booking: Booking) -> Booking | Refusal:
        """Begin the ride: on the scooter that was kept, or on one that stands there, promised anew."""
        leg, plan = booking.leg, booking.plan
        if not plan.kept:
            found = self._search.at(leg, plan.start)
            if isinstance(found, Refusal):
                if id(booking) in self._open:
                    self._close(booking, "expired")
                return found
            booking = self._taken(booking, found)
        vehicle = booking.vehicle
        chance = self.settings.broken_chance
        if chance and self._dice.uniform("broken", vehicle, self.fleet.rides[vehicle]) < chance:
            self.fleet.break_down(vehicle)
            self.fleet.give_room_back(booking.plan.end)
            self._close(booking, "cancelled")
            return Refusal(BROKEN, plan.start)
        self.fleet.set_off(vehicle)
        return booking

    def _taken(self, booking: Booking, found: AvailableVehicle) -> Booking:
        """Return the booking of what somebody found: the same one, or another if the first has expired."""
        if id(booking) not in self._open:
            booking = Booking(booking.leg, self.world.env.now, found.offer)
            self._open[id(booking)] = booking
        booking.offer, booking.vehicle = found.offer, found.vehicle
        booking.plan = self._promise(found, booking.leg)
        self._keep(booking)
        return booking

    def _put_down(self, booking: Booking) -> None:
        """Park the scooter; now and then one is not to be had again."""
        fleet, vehicle, end, chance = self.fleet, booking.vehicle, booking.plan.end, self.settings.missing_chance
        charge = fleet.charge[vehicle] - self.settings.used(booking.offer.ride_m)
        fleet.give_room_back(end)
        if chance and self._dice.uniform("missing", vehicle, fleet.rides[vehicle]) < chance:
            fleet.lose(vehicle, end, charge)
            return
        fleet.park(vehicle, end, charge)
        self._operator.parked(vehicle)

    def _close(self, booking: Booking, end: str) -> None:
        leg = booking.leg
        del self._open[id(booking)]
        self.world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self.name, booking.vehicle,
            end, self.world.env.now,
        )  # fmt: skip

    def _count_lost(self, booking: Booking) -> None:
        """Keep in mind that somebody who was promised a scooter did not get it."""
        place = self.town.zone[booking.leg.origin], min(int(booking.made_s // HOUR_S), HOURS - 1)
        self.experience.served[place] = max(self.experience.served[place] - 1.0, 0.0)

    # Geometry, prepared once, and anew when streets are shut or opened.

    def _see_streets(self, notice: StreetsChanged) -> None:
        super()._see_streets(notice)
        self._parking.see(self.skims)
        self._search.see(self.skims)
        self.__dict__.pop("_most_saved_m", None)

    @cached_property
    def _pass_holders(self) -> BoolArray:
        """Who has a pass, (P,)."""
        if not self.settings.ride_pass.share:
            return np.zeros(len(self.town.people.person), dtype=np.bool_)
        draw = self.town.dice.uniform("pass", self.name, self.town.people.person)
        return self.members() & (draw < self.settings.ride_pass.share)

    @cached_property
    def _fares(self) -> Fares:
        single = self.settings.unlock_eur, self.settings.minute_eur, self.settings.most_eur
        return Fares(*single, self.settings.ride_pass, self._pass_holders)

    @cached_property
    def _most_saved_m(self) -> tuple[FloatArray, FloatArray]:
        """The most that a walk of `max_walk_m` from, and to, each node can take off a ride, each (N,).

        No way is longer than over any other node, so a ride from `n` to `d` is at least cycle(o, d) - cycle(o, n).
        """
        skims = self.skims
        near = np.asarray(skims.walk_m) <= self.settings.max_walk_m
        within_m = np.where(near, skims.cycle_m, 0.0).astype(np.float64)
        return within_m.max(axis=1), within_m.max(axis=0)

    @property
    def _spread_m(self) -> float:
        """Mean walk to the nearest of a fleet spread evenly over the operating area: half the mean spacing."""
        area_m2 = math.pi * self.settings.operating_radius_m**2
        return 0.5 / math.sqrt(self.settings.fleet / area_m2)

    def _first_places(self) -> IntArray:
        """Return the hub of each scooter on the first day, (V,); it hangs on the scooter's id alone, so fleets nest."""
        capacity = np.array([hub.capacity for hub in self.settings.hubs], dtype=np.float64)
        upto = np.cumsum(capacity) / np.cumsum(capacity)[-1]
        draw = self.town.dice.uniform("first place", self.name, np.arange(self.settings.fleet))
        return self._parking.hub_nodes[np.searchsorted(upto, draw)]


def _at(requests: Requests, rows: IntArray | slice) -> Requests:
    return Requests(requests.person[rows], requests.origin[rows], requests.destination[rows], requests.depart_s[rows])
