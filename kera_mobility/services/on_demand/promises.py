"""Promised rides on demand, from booking to the one end of each, which is logged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import simpy

from kera_mobility.services.contract import Booking, Refusal
from kera_mobility.services.notices import StreetsChanged
from kera_mobility.services.on_demand.routes import RideRequest
from kera_mobility.services.world import World

LATE_RIDER, BREAKDOWN, DAY_OVER, STREETS = "late_rider", "breakdown", "day_over", "streets"
"""Why a promise ended otherwise than promised."""

_NEVER = math.nan


@dataclass(slots=True, eq=False)
class OnDemandRider:
    """Somebody with a promise, from booking to the end."""

    request: RideRequest
    booking: Booking
    vehicle: int
    done: simpy.Event
    """Succeeds when the rider is dropped, or when the promise ends without a ride."""
    direct_s: float = 0.0
    """Boarding and the direct ride by the streets as they were when it was promised."""
    came_s: float = _NEVER
    pickup_s: float = _NEVER
    arrival_s: float = _NEVER
    ride_m: float = 0.0
    """Odometer at pick-up; after the ride how far it was."""
    end: str = ""
    """Empty while the promise is open; then ridden, cancelled or expired."""
    cause: str = ""
    refusal: Refusal | None = None

    @property
    def waits(self) -> bool:
        """Whether the rider has come to the stop."""
        return not math.isnan(self.came_s)

    @property
    def boarded(self) -> bool:
        """Whether the rider has been picked up."""
        return not math.isnan(self.pickup_s)

    @property
    def aboard(self) -> bool:
        """Whether the rider sits in the vehicle."""
        return self.boarded and not self.end


class Promises:
    """The open promises of one service on one day, by number."""

    def __init__(self, service: str, world: World, nodes: list[int]) -> None:
        """Begin a day without promises; `nodes` are the street nodes of the stops, (K,)."""
        self._service, self._world, self._nodes = service, world, nodes
        self._numbers = 0
        self._open: dict[int, OnDemandRider] = {}

    def open(self) -> list[OnDemandRider]:
        """Return the riders with an open promise, in the order of booking."""
        return list(self._open.values())

    def get(self, number: int) -> OnDemandRider | None:
        """Return the rider of an open promise, or None."""
        return self._open.get(number)

    def make(self, request: RideRequest, booking: Booking, vehicle: int, direct_s: float) -> OnDemandRider:
        """Return the rider of a new promise; the request gets its number."""
        request = request._replace(rider=self._numbers)
        self._numbers += 1
        rider = OnDemandRider(request, booking, vehicle, simpy.Event(self._world.env), direct_s)
        self._open[request.rider] = rider
        return rider

    def board(self, rider: OnDemandRider, odometer_m: float) -> None:
        """Note that a rider boards now; later than promised only because of a declared disturbance."""
        rider.pickup_s, rider.ride_m = self._world.env.now, odometer_m
        if rider.pickup_s > rider.request.latest_pickup_s:
            rider.cause = rider.cause or self._declared()

    def alight(self, rider: OnDemandRider, odometer_m: float, end: str, cause: str, refusal: Refusal | None) -> None:
        """Note that a rider alights now, and end the promise."""
        rider.arrival_s = self._world.env.now
        if rider.arrival_s > rider.request.latest_arrival_s:
            cause = cause or self._declared()
        rider.ride_m = odometer_m - rider.ride_m
        self.close(rider, end, cause, refusal)

    def close(self, rider: OnDemandRider, end: str, cause: str = "", refusal: Refusal | None = None) -> None:
        """Log a promise at its end, once, and tell the rider."""
        del self._open[rider.request.rider]
        rider.end, rider.cause, rider.refusal = end, rider.cause or cause, refusal
        request, leg, log = rider.request, rider.booking.leg, self._world.log
        key = (rider.booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self._service, rider.vehicle)
        log.add("bookings", *key, end, self._world.env.now)
        log.add(
            "promises", *key, self._nodes[request.pickup], self._nodes[request.dropoff], request.ready_s,
            request.latest_pickup_s, request.latest_arrival_s, rider.came_s, rider.pickup_s, rider.arrival_s,
            rider.direct_s, end, rider.cause,
        )  # fmt: skip
        rider.done.succeed()

    def _declared(self) -> str:
        """Return the disturbance that made a promise late; nothing else can."""
        return STREETS if self._world.notices.read(StreetsChanged) else ""
