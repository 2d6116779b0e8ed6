"""Rowing boats: one is taken where people are and left where they go; when all are taken, nobody rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from kera_mobility.plugins import (
    Booking,
    Carried,
    Leg,
    Offer,
    Offers,
    Outcome,
    Refusal,
    Requests,
    Ride,
    Service,
    ServiceSettings,
    World,
    policy_beside,
    policy_settings_beside,
    round_s,
)

from .policies.turnaround import NoTurnaroundSettings, TurnaroundPolicy
from .reasons import NO_BOAT

if TYPE_CHECKING:
    TurnaroundSettings = Any
else:
    TurnaroundSettings = policy_settings_beside(__name__, TurnaroundPolicy)


class BoatSettings(ServiceSettings):
    """Settings of rowing boats."""

    kind: Literal["boat"] = "boat"
    fleet: int = Field(4, ge=1, le=100)
    """How many boats there are."""
    speed_m_s: float = Field(0.6, gt=0, le=3)
    """Mean speed. Assumption."""
    fare_eur: float = Field(0.5, ge=0, le=20)
    """Per ride. Assumption."""
    cost_eur_per_boat: float = Field(3.0, ge=0, le=100)
    """A boat for a day. Assumption."""
    turnaround: TurnaroundSettings = Field(default_factory=NoTurnaroundSettings)
    """What is done with a boat after a ride: none or bailing."""


class Boat(Service):
    """People row along the cycle network."""

    kind = "boat"
    settings_type = BoatSettings
    mode = "boat"
    nest = "boat"
    time_class = "walk"
    capacity_limited = True
    operated = True

    settings: BoatSettings

    def expect(self, requests: Requests) -> Offers:
        """Return the rides, and walks instead by the chance that all boats are taken."""
        return self._or_walk(requests, self.bound(requests))

    def bound(self, requests: Requests) -> Offers:
        """Return the rides with a boat at hand."""
        ride_m = self.skims.between(self.skims.cycle_m, requests.origin, requests.destination)
        return Offers.of(
            len(requests),
            ride_s=round_s(ride_m / self.settings.speed_m_s),
            fare_eur=ride_m * 0.0 + self.settings.fare_eur,
            ride_m=ride_m,
        )

    def about(self) -> dict[str, Any]:
        """Return what costs and KPIs need to know."""
        return {"fleet": self.settings.fleet, "eur_per_boat": self.settings.cost_eur_per_boat}

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Have every boat free."""
        super().start(world, carried)
        self._turnaround: TurnaroundPolicy = policy_beside(__name__, TurnaroundPolicy, self.settings.turnaround)
        self._free_s = [0.0] * self.settings.fleet
        self._open: dict[int, Booking] = {}

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise the free boat with the lowest number."""
        offer = self._firm(leg)
        if leg.leg > 0:
            self._count(leg, offer)  # later legs are booked without a quote
        if isinstance(offer, Refusal):
            return offer
        booking = Booking(leg, self.world.env.now, offer, self._free_boat())
        self._free_s[booking.vehicle] = math.inf
        self._open[id(booking)] = booking
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the boat back."""
        self._close(booking, "cancelled")

    def ride(self, booking: Booking) -> Ride:
        """Row there."""
        offer = booking.offer
        yield self.world.env.timeout(offer.ride_s)
        self._close(booking, "ridden", self._turnaround.out_of_use_s(offer.ride_s))
        return Outcome(
            booking.leg.destination, 0.0, 0.0, offer.ride_s, 0.0, offer.ride_m, offer.fare_eur, booking.vehicle
        )

    def finish(self) -> None:
        """Expire the bookings of people who still row."""
        for booking in list(self._open.values()):
            self._close(booking, "expired")

    def _firm(self, leg: Leg) -> Offer | Refusal:
        return super()._firm(leg) if self._free_boat() >= 0 else Refusal(NO_BOAT, leg.origin)

    def _free_boat(self) -> int:
        """Return the lowest number of a free boat, or -1."""
        now_s = self.world.env.now
        return next((boat for boat, free_s in enumerate(self._free_s) if free_s <= now_s), -1)

    def _close(self, booking: Booking, end: str, out_of_use_s: float = 0.0) -> None:
        """Log a booking at its one end; the boat is free again later."""
        del self._open[id(booking)]
        leg, now_s = booking.leg, self.world.env.now
        self._free_s[booking.vehicle] = now_s + out_of_use_s
        self.world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self.name, booking.vehicle, end, now_s
        )
