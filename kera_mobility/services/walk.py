"""Walking: always there, never full."""

from __future__ import annotations

import math
from typing import Literal

from kera_mobility.services.base import Service, ServiceSettings
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.reasons import OUT_OF_REACH
from kera_mobility.units import FloatArray, IntArray


class WalkSettings(ServiceSettings):
    """Settings of walking."""

    kind: Literal["walk"] = "walk"


class Walk(Service):
    """People walk along the streets' shortest way."""

    kind = "walk"
    settings_type = WalkSettings
    mode = "walk"
    nest = "walk"
    time_class = "walk"
    sustainable = True
    access_mode = True
    deterministic = True
    street_mode = "walk"

    settings: WalkSettings

    def expect(self, requests: Requests) -> Offers:
        """Return the walks, all of their time as walk_s."""
        return Offers.of(len(requests), walk_s=self.access_time_s(requests.origin, requests.destination))

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walking times, (T,)."""
        return self.walk_s(origins, destinations)

    def walked_m(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return the walks, (T,)."""
        return self.skims.between(self.skims.walk_m, origins, destinations)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Keep how long the way is now: streets that are shut later do not make it longer."""
        booking = super().book(leg)
        if isinstance(booking, Booking):
            booking.plan = self.walk_m(leg.origin, leg.destination)
        return booking

    def arrived(self, booking: Booking) -> Outcome:
        """Return the walk."""
        return Outcome(booking.leg.destination, booking.offer.walk_s, 0.0, 0.0, booking.plan, 0.0, 0.0)

    def _firm(self, leg: Leg) -> Offer | Refusal:
        walk_s = self.walk_one_s(leg.origin, leg.destination)
        return Offer(walk_s, 0.0, 0.0, 0.0, 0.0) if walk_s < math.inf else Refusal(OUT_OF_REACH, leg.origin)
