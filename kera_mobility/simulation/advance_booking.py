"""Booking before being there: at home for a trip that one knows of, and on board of a line for when it arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import simpy

from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Leg, Offer, Refusal
from kera_mobility.services.world import World
from kera_mobility.simulation.choosing import Candidates, Choice, LiveChooser, ranked


class Due(NamedTuple):
    """A trip that may be booked ahead, and when."""

    at_s: float
    person: int
    trip: int
    row: int
    """Of the trip among those wanted."""


class AdvanceBookings:
    """Trips whose best journey begins with what can be booked ahead are booked as long before as people do.

    Ahead of time nobody asks anything else, so a ride is only booked if nothing else could be better than it, whatever
    turns out to be on offer; else the choice is made at the moment of setting out, as by everyone.
    """

    def __init__(self, world: World, services: Mapping[str, Service], wanted: TripDemand, plans: Plans) -> None:
        self._world, self._services = world, services
        self._booked: dict[int, Choice] = {}
        self._wanted = wanted
        lead_s = np.array([services[chain.access or chain.main].lead_s for chain in plans.chains])
        self.due: list[Due] = []
        """In the order in which they are booked."""
        if len(wanted) and lead_s.max() > 0:
            best = lead_s[plans.bound.argmax(axis=1)]
            for index in np.flatnonzero(best > 0).tolist():
                at_s = max(float(wanted.depart_s[index] - best[index]), world.env.now)
                self.due.append(Due(at_s, int(wanted.person[index]), int(wanted.trip[index]), index))
        self.due.sort()

    def holds(self, index: int) -> bool:
        """Return whether something is booked for a trip."""
        return index in self._booked

    @property
    def held(self) -> list[int]:
        """The trips for which something is booked."""
        return sorted(self._booked)

    def taken(self, index: int) -> Choice | None:
        """Return what was booked ahead for a trip, once."""
        return self._booked.pop(index, None)

    def book(self, known: Callable[[], tuple[Plans, LiveChooser]]) -> Generator[simpy.Event, Any, None]:
        """Book each trip when it is due, by the plans as they are known then."""
        for due in self.due:
            if due.at_s > self._world.env.now:
                yield self._world.env.timeout(due.at_s - self._world.env.now)
            choice = self._choice(due.row, *known())
            if choice:
                self._booked[due.row] = choice

    def _choice(self, index: int, plans: Plans, decider: LiveChooser) -> Choice | None:
        """Return the best journey, booked, if it is sure to be the best."""
        wanted = self._wanted
        candidates = Candidates(plans, index, int(wanted.purpose[index]))
        (_, chain), *others = [*ranked(candidates), (0, -1)]
        if chain < 0 or not self._services[plans.chains[chain].access or plans.chains[chain].main].lead_s:
            return None
        wish = Leg(
            "", int(wanted.origin[index]), int(wanted.destination[index]), int(wanted.person[index]),
            int(wanted.row[index]), int(wanted.trip[index]), 0,
        )  # fmt: skip
        first = replace(decider.legs(candidates, chain, wish)[0], ready_s=float(wanted.depart_s[index]))
        service = self._services[first.service]
        offer = service.quote(first)
        if not isinstance(offer, Offer):
            return None
        rank = (decider.firm(candidates, chain, offer), chain)
        if rank > others[0] and others[0][1] >= 0:
            return None
        booking = service.book(first)
        return Choice(chain, -rank[0], 0.0, booking) if isinstance(booking, Booking) else None


def book_on_board(
    services: Mapping[str, Service], booking: Booking, legs: Sequence[Leg], number: int
) -> Booking | Refusal | None:
    """Return the promise for the leg after a line, made for when it should arrive as boards show, or None without."""
    if number + 1 >= len(legs) or not services[legs[number + 1].service].from_line:
        return None
    line = services[legs[number].service]
    if not line.line or (arrives_s := line.foreseen_s(booking)) == math.inf:
        return None
    following = replace(legs[number + 1], ready_s=arrives_s)
    return services[following.service].book(following)


def tell_the_line(services: Mapping[str, Service], booking: Booking, legs: Sequence[Leg], number: int) -> None:
    """Let the line of the next leg know of who comes to it by another service, so that a vehicle of it may wait."""
    service = services[booking.leg.service]
    if number + 1 < len(legs) and services[legs[number + 1].service].line:
        services[legs[number + 1].service].await_rider(legs[number + 1], lambda: service.foreseen_s(booking))
