"""What people and services exchange: requests, offers, bookings, refusals and outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Any, NamedTuple

import numpy as np

from kera_mobility.units import FloatArray, IntArray


@dataclass(frozen=True)
class Requests:
    """Requests to go from one node to another, arrays (T,)."""

    person: IntArray
    """Row of the person in `People` (not the id)."""
    origin: IntArray
    """Street node."""
    destination: IntArray
    """Street node."""
    depart_s: FloatArray
    """When the person is ready at the origin."""
    leave_s: FloatArray | None = None
    """When the person means to leave the destination again, NaN where the tour ends there; None if nobody asks."""

    def __len__(self) -> int:
        return len(self.origin)

    def at(self, index: Any) -> Requests:
        """Return the requests at an index array, mask or slice."""
        leave_s = None if self.leave_s is None else self.leave_s[index]
        return Requests(self.person[index], self.origin[index], self.destination[index], self.depart_s[index], leave_s)


@dataclass(frozen=True)
class Offers:
    """What a service expects to do for each request, arrays (T,); walk_s is inf where it can do nothing."""

    walk_s: FloatArray
    """Walking to, within and from the service."""
    wait_s: FloatArray
    """Waiting, when leaving at once."""
    ride_s: FloatArray
    fare_eur: FloatArray
    ride_m: FloatArray
    """Length of the ride."""
    penalty_s: FloatArray
    """Counts in the utility but takes no time: boarding and transfer penalties."""
    spare_s: FloatArray
    """Part of wait_s that people who know the timetable spend where they are, by leaving later."""

    @property
    def possible(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which requests the service can carry, (T,)."""
        return np.isfinite(self.walk_s + self.wait_s + self.ride_s)

    @property
    def duration_s(self) -> FloatArray:
        """Door to door, (T,)."""
        return self.walk_s + self.wait_s + self.ride_s

    @property
    def columns(self) -> tuple[FloatArray, ...]:
        """The arrays in the order of `Offer`."""
        return (self.walk_s, self.wait_s, self.ride_s, self.fare_eur, self.ride_m, self.penalty_s, self.spare_s)

    def at(self, index: Any) -> Offers:
        """Return the offers at an index, mask or slice."""
        return Offers(*(column[index] for column in self.columns))

    @classmethod
    def none(cls, count: int) -> Offers:
        """Return `count` offers that are all impossible."""
        return cls(*(np.full(count, np.inf if name == "walk_s" else 0.0) for name in Offer._fields))

    @classmethod
    def of(cls, count: int, **columns: FloatArray) -> Offers:
        """Return offers with the columns given and zeros elsewhere."""
        return cls(*(columns.get(name, np.zeros(count)) for name in Offer._fields))


class Offer(NamedTuple):
    """One live offer, firm at the moment it is made."""

    walk_s: float
    wait_s: float
    ride_s: float
    fare_eur: float
    ride_m: float
    penalty_s: float = 0.0
    spare_s: float = 0.0


@dataclass(slots=True)
class Leg:
    """One person's request to one service, for a part of a trip."""

    service: str
    origin: int
    destination: int
    person: int
    """Id of the person."""
    row: int
    """Row of the person in `People`."""
    trip: int
    leg: int
    step: int = 0
    """How many times this person has asked live during this trip before."""
    ready_s: float | None = None
    """When the person will be at the origin, if not now: for what can be booked ahead."""
    leave_s: float = nan
    """When the person means to leave the destination again; NaN where the tour ends there."""


@dataclass(slots=True)
class Booking:
    """A leg that a service has promised to carry; it ends as exactly one of ridden, cancelled, expired."""

    leg: Leg
    made_s: float
    offer: Offer
    vehicle: int = -1
    plan: Any = field(default=None)
    """What the service needs to carry out the booking; only the service reads it."""


class Refusal(NamedTuple):
    """A denied request and its reason; a result to act on, not an error."""

    reason: str
    place: int
    """Street node where the person is."""


class Outcome(NamedTuple):
    """How a ride went and where it ended."""

    place: int
    """Street node where the person is now; the leg's destination unless refused."""
    walk_s: float
    wait_s: float
    ride_s: float
    walk_m: float
    ride_m: float
    fare_eur: float
    vehicle: int = -1
    refusal: Refusal | None = None
    """Set if the ride ended early; the person replans from `place`."""
