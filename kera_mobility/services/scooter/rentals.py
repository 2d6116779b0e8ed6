"""Rentals of a shared fleet: from a booking to the one end of each, which is logged."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from kera_mobility.services.contract import Booking, Leg, Refusal
from kera_mobility.services.reasons import BROKEN
from kera_mobility.services.scooter.fleet import Fleet
from kera_mobility.services.scooter.operator import Operator
from kera_mobility.services.scooter.search import AvailableVehicle, Search
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.services.world import World

Walk = Callable[[int, int], tuple[float, float]]
"""Seconds and metres on foot between two nodes, as the streets are now."""


@dataclass(slots=True)
class RentalPlan:
    """What a booking is about: the vehicle's place and where it will be parked."""

    start: int
    end: int
    egress_s: float
    """Walk from there to the destination."""
    egress_m: float
    reserved: bool
    """Whether vehicle and parking room are reserved for this person."""


class Rentals:
    """The rentals of one fleet on one day."""

    def __init__(self, name: str, settings: ScooterSettings, world: World, operator: Operator, fleet: Fleet,
                 search: Search, walk: Walk) -> None:  # fmt: skip
        self._name, self._settings, self._world, self._operator = name, settings, world, operator
        self._fleet, self._search, self._walk = fleet, search, walk
        self._open: dict[int, Booking] = {}
        self._dice = world.dice.at(name)

    def book(self, leg: Leg, available: AvailableVehicle) -> Booking:
        """Promise a vehicle, and reserve it where vehicles are reserved."""
        plan = self._plan(available, leg)
        booking = Booking(leg, self._world.env.now, available.offer, available.vehicle, plan=plan)
        self._open[id(booking)] = booking
        if self._settings.reservation:
            self._reserve(booking)
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the vehicle back where it stands."""
        self._release(booking)
        self._close(booking, "cancelled")

    def walk_to_vehicle(self, booking: Booking, access_s: float) -> Generator[simpy.Event, Any, None]:
        """Walk to the vehicle; after a while it is no longer reserved, and others may take it."""
        env, held_s = self._world.env, self._settings.reservation_s
        if booking.plan.reserved and access_s > held_s:
            yield env.timeout(held_s)
            self._release(booking)
            self._close(booking, "expired")
            access_s -= held_s
        if access_s > 0:
            yield env.timeout(access_s)

    def unlock(self, booking: Booking) -> Booking | Refusal:
        """Begin the ride: on the reserved vehicle, or on one that stands there, promised anew."""
        leg, plan = booking.leg, booking.plan
        if not plan.reserved:
            available = self._search.vehicle_at(leg, plan.start)
            if isinstance(available, Refusal):
                if id(booking) in self._open:
                    self._close(booking, "expired")
                return available
            booking = self._rebook(booking, available)
        vehicle = booking.vehicle
        chance = self._settings.broken_chance
        if chance and self._dice.uniform("broken", vehicle, self._fleet.rides[vehicle]) < chance:
            self._fleet.break_down(vehicle)
            self._fleet.give_room_back(booking.plan.end)
            self._close(booking, "cancelled")
            return Refusal(BROKEN, plan.start)
        self._fleet.set_off(vehicle)
        return booking

    def park(self, booking: Booking, begin_s: float) -> None:
        """End a ride; now and then a vehicle is missing afterwards."""
        fleet, vehicle, plan, chance = self._fleet, booking.vehicle, booking.plan, self._settings.missing_chance
        charge = fleet.charge[vehicle] - self._settings.used(booking.offer.ride_m)
        fleet.give_room_back(plan.end)
        if chance and self._dice.uniform("missing", vehicle, fleet.rides[vehicle]) < chance:
            fleet.lose(vehicle, plan.end, charge)
        else:
            fleet.park(vehicle, plan.end, charge)
            self._operator.after_ride(vehicle)
        self._world.log.add(
            "moves", begin_s, vehicle, fleet.rides[vehicle], 0, self._name, "ride", plan.start, plan.end,
            self._world.env.now, booking.offer.ride_m, fleet.charge[vehicle],
        )  # fmt: skip
        self._close(booking, "ridden")

    def finish(self) -> None:
        """Expire what is still reserved or ridden; the vehicle counts as where it was taken."""
        for booking in list(self._open.values()):
            self._close(booking, "expired")

    def _plan(self, available: AvailableVehicle, leg: Leg) -> RentalPlan:
        return RentalPlan(available.start, available.end, *self._walk(available.end, leg.destination), reserved=False)

    def _reserve(self, booking: Booking) -> None:
        """Reserve the vehicle and the room where it will be parked."""
        self._fleet.reserve(booking.vehicle)
        self._fleet.promise_room(booking.plan.end)
        booking.plan.reserved = True

    def _release(self, booking: Booking) -> None:
        """Give back what is reserved."""
        if booking.plan.reserved:
            self._fleet.release(booking.vehicle)
            self._fleet.give_room_back(booking.plan.end)
            booking.plan.reserved = False

    def _rebook(self, booking: Booking, available: AvailableVehicle) -> Booking:
        """Return the booking of another vehicle: the same one, or a new one if the first has expired."""
        if id(booking) not in self._open:
            booking = Booking(booking.leg, self._world.env.now, available.offer)
            self._open[id(booking)] = booking
        booking.offer, booking.vehicle = available.offer, available.vehicle
        booking.plan = self._plan(available, booking.leg)
        self._reserve(booking)
        return booking

    def _close(self, booking: Booking, end: str) -> None:
        leg = booking.leg
        del self._open[id(booking)]
        self._world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self._name, booking.vehicle, end,
            self._world.env.now,
        )  # fmt: skip
