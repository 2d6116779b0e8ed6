"""One's own bicycle: taken from home and brought back home."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from kera_mobility.services.base import Service, ServiceSettings
from kera_mobility.services.contract import Leg, Offer, Offers, Refusal, Requests
from kera_mobility.services.reasons import OUT_OF_REACH
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_one_s, round_s


class BicycleSettings(ServiceSettings):
    """Settings of private bicycles."""

    kind: Literal["bicycle"] = "bicycle"
    speed_m_s: float = Field(4.4, ge=1, le=8.5)
    """Mean speed, 16 km/h; range 2.8 (mixed) to 5.3 (baana). Source: HELMET 5, path beside a road (bike.speed.*)."""
    parking_s: float = Field(60.0, ge=0, le=600)
    """Unlocking, locking and the walk to the stand, both ends together. Assumption."""
    reach_m: float = Field(20_000.0, ge=1, le=60_000)
    """Longest ride considered, one way. Assumption; HELMET 5 cuts round trips at 60 km."""


class Bicycle(Service):
    """Owners ride along the cycle network's shortest way."""

    kind = "bicycle"
    settings_type = BicycleSettings
    mode = "bicycle"
    nest = "bicycle"
    time_class = "bicycle"
    sustainable = True
    access_mode = True
    private = True
    deterministic = True
    street_mode = "cycle"

    settings: BicycleSettings

    def members(self) -> BoolArray:
        """Return who has a bicycle, (P,)."""
        return self.town.people.bicycle

    def expect(self, requests: Requests) -> Offers:
        """Return the rides; finding a stand counts as walking."""
        skims = self.skims
        ride_m = skims.between(skims.cycle_m, requests.origin, requests.destination)
        near = ride_m <= self.settings.reach_m
        return Offers.of(
            len(requests),
            walk_s=np.where(near, self.settings.parking_s, np.inf),
            ride_s=round_s(ride_m / self.settings.speed_m_s),
            ride_m=ride_m,
        )

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return riding and parking times, (T,): bicycles may be left at any stop."""
        skims = self.skims
        ride_m = skims.between(skims.cycle_m, origins, destinations)
        return np.where(
            ride_m <= self.settings.reach_m, round_s(ride_m / self.settings.speed_m_s) + self.settings.parking_s, np.inf
        )

    def _firm(self, leg: Leg) -> Offer | Refusal:
        ride_m = float(self.skims.cycle_m[leg.origin, leg.destination])
        if not ride_m <= self.settings.reach_m:
            return Refusal(OUT_OF_REACH, leg.origin)
        return Offer(self.settings.parking_s, 0.0, round_one_s(ride_m / self.settings.speed_m_s), 0.0, ride_m)
