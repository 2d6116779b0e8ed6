"""Reservations of seats on a loop: what people hold, and what is taken of each vehicle, call by call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kera_mobility.services.contract import Booking
from kera_mobility.services.reasons import FULL
from kera_mobility.services.shuttle.calls import LoopRide
from kera_mobility.services.shuttle.operation import ShuttleOperation
from kera_mobility.services.shuttle.reasons import NO_WHEELCHAIR_PLACE
from kera_mobility.services.shuttle.settings import ShuttleSettings
from kera_mobility.services.shuttle.stop_access import StopPair
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import BoolArray


@dataclass
class Reservation:
    """What a booking rests on."""

    ride: LoopRide
    stops: StopPair
    broken: str = ""
    """Why the vehicle will not come; its rider learns it when next looking."""


class Reservations:
    """The open bookings of one day and the places that they take, wheelchair places among them.

    Where seats are not reserved a booking takes no place, and stays open whatever vehicles do.
    """

    def __init__(self, service: str, settings: ShuttleSettings, town: Town, world: World, calls: int) -> None:
        """Begin with all places of C calls free."""
        self._service, self._settings, self._world = service, settings, world
        self._uses_wheelchair = wheelchair_users(settings, town)
        self._seats_taken, self._wheelchairs_taken = [0] * calls, [0] * calls
        self._open: dict[tuple[int, int], Booking] = {}

    def lacking(self, row: int, ride: LoopRide) -> str:
        """Return what a ride lacks for somebody: nothing, or why there is no place."""
        settings = self._settings
        if not settings.reserved_seats:
            return ""
        calls = slice(ride.board_call, ride.alight_call)
        if max(self._seats_taken[calls]) >= settings.seats:
            return FULL
        if settings.wheelchair and self.has_wheelchair(row):
            taken = max(self._wheelchairs_taken[calls])
            return NO_WHEELCHAIR_PLACE if taken >= settings.wheelchair.places else ""
        return ""

    def add(self, booking: Booking) -> None:
        """Open a booking, and take its place."""
        self._open[booking.leg.person, booking.leg.trip] = booking
        self._take(booking.leg.row, booking.plan.ride, 1)

    def move(self, booking: Booking, ride: LoopRide) -> None:
        """Take a place on another ride instead."""
        self.give_back(booking)
        self._take(booking.leg.row, ride, 1)
        booking.plan.ride = ride

    def give_back(self, booking: Booking, from_call: int | None = None) -> None:
        """Free the place again, from a call on where it was used until there."""
        ride = booking.plan.ride
        self._take(booking.leg.row, ride if from_call is None else ride._replace(board_call=from_call), -1)

    def is_open(self, booking: Booking) -> bool:
        """Return whether a booking has not ended."""
        return self._open.get((booking.leg.person, booking.leg.trip)) is booking

    def close(self, booking: Booking, end: str) -> None:
        """End a booking, and log it."""
        leg = booking.leg
        del self._open[leg.person, leg.trip]
        self._world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self._service, booking.vehicle,
            end, self._world.env.now,
        )  # fmt: skip

    def close_all(self) -> None:
        """Expire the bookings of those still under way."""
        for booking in list(self._open.values()):
            self.close(booking, "expired")

    def break_off(self, calls: range, reason: str, operation: ShuttleOperation) -> None:
        """Expire the bookings that rest on calls which will not be made; who is aboard keeps the ride."""
        if not self._settings.reserved_seats:
            return
        for booking in list(self._open.values()):
            ride = booking.plan.ride
            rests_on_them = ride.board_call < calls.stop and ride.alight_call > calls.start
            if rests_on_them and not operation.has_left(ride.board_call):
                self.give_back(booking)
                self.close(booking, "expired")
                booking.plan.broken = reason

    def has_wheelchair(self, row: int) -> bool:
        """Return whether somebody uses a wheelchair, by row of `People`."""
        return self._uses_wheelchair is not None and self._uses_wheelchair[row]

    def _take(self, row: int, ride: LoopRide, count: int) -> None:
        if not self._settings.reserved_seats:
            return
        wheelchairs = count if self.has_wheelchair(row) else 0
        for call in range(ride.board_call, ride.alight_call):
            self._seats_taken[call] += count
            self._wheelchairs_taken[call] += wheelchairs


def wheelchair_users(settings: ShuttleSettings, town: Town) -> list[bool] | None:
    """Return who uses a wheelchair, by row of `People`; a larger share holds the smaller one. None: nobody is asked."""
    if settings.wheelchair is None:
        return None
    using: BoolArray = np.asarray(town.dice.uniform("wheelchair", town.people.person)) < settings.wheelchair.share
    users: list[bool] = using.tolist()
    return users
