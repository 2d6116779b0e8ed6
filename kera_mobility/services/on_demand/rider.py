"""Somebody with a promise of a ride on demand, from booking to its one end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import simpy

from kera_mobility.services.contract import Booking, Refusal
from kera_mobility.services.on_demand.routes import RideRequest

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
    """Boarding and the straight ride by the streets as they were when it was promised."""
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
    def aboard(self) -> bool:
        """Whether the rider sits in the vehicle."""
        return not self.end and not math.isnan(self.pickup_s)
