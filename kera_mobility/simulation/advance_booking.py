"""Bookings in advance: at home for a trip later on, and on board of a line for when it arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import simpy

from kera_mobility.demand.plans import PlannedTrip, Plans
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Leg, Offer, Refusal
from kera_mobility.services.world import World
from kera_mobility.simulation.choosing import Candidates, ChosenJourney, LiveChooser, ranked


class AdvanceBookings:
    """Trips whose best journey begins with what can be booked in advance are booked as long before as people do.

    In advance nobody asks anything else, so a ride is only booked if nothing else could be better than it, whatever
    turns out to be on offer; else the choice is made at the moment of setting out, as by everyone.
    """

    def __init__(
        self, world: World, services: Mapping[str, Service], trips: Sequence[PlannedTrip], plans: Plans
    ) -> None:
        self._world, self._services = world, services
        self._booked: dict[int, ChosenJourney] = {}
        lead_s = np.array([services[chain.access or chain.main].lead_s for chain in plans.chains])
        self._due: list[tuple[float, PlannedTrip]] = []
        """When each trip may be booked, in this order."""
        if len(trips) and lead_s.max() > 0:
            lead_of_best_s = lead_s[plans.bound.argmax(axis=1)]
            for row in np.flatnonzero(lead_of_best_s > 0).tolist():
                at_s = max(trips[row].depart_s - float(lead_of_best_s[row]), world.env.now)
                self._due.append((at_s, trips[row]))
            self._due.sort(key=lambda due: (due[0], due[1].person, due[1].trip))

    def __bool__(self) -> bool:
        """Return whether there is anything to book."""
        return bool(self._due)

    def holds(self, plan_row: int) -> bool:
        """Return whether something is booked for a trip."""
        return plan_row in self._booked

    @property
    def held(self) -> list[int]:
        """The trips for which something is booked, as rows of the plans."""
        return sorted(self._booked)

    def take(self, plan_row: int) -> ChosenJourney | None:
        """Return what was booked for a trip, once."""
        return self._booked.pop(plan_row, None)

    def book(self, current: Callable[[], tuple[Plans, LiveChooser]]) -> Generator[simpy.Event, Any, None]:
        """Book each trip when it is due, by the plans as they are then."""
        for at_s, trip in self._due:
            if at_s > self._world.env.now:
                yield self._world.env.timeout(at_s - self._world.env.now)
            choice = self._choose(trip, *current())
            if choice:
                self._booked[trip.plan_row] = choice

    def _choose(self, trip: PlannedTrip, plans: Plans, chooser: LiveChooser) -> ChosenJourney | None:
        """Return the best journey, booked, if it is sure to be the best."""
        candidates = Candidates(plans, trip.plan_row, trip.purpose)
        (_, chain), next_best, *_ = [*ranked(candidates), (0, -1), (0, -1)]
        if chain < 0 or not self._services[plans.chains[chain].access or plans.chains[chain].main].lead_s:
            return None
        first = replace(chooser.legs(candidates, chain, trip.request())[0], ready_s=trip.depart_s)
        service = self._services[first.service]
        offer = service.quote(first)
        if not isinstance(offer, Offer):
            return None
        rank = (chooser.minus_firm_utility(candidates, chain, offer), chain)
        if rank > next_best and next_best[1] >= 0:
            return None
        booking = service.book(first)
        return ChosenJourney(chain, -rank[0], 0.0, booking) if isinstance(booking, Booking) else None


def prepare_transfer(services: Mapping[str, Service], booking: Booking, following: Leg) -> Booking | Refusal | None:
    """Announce a rider to the next leg of a journey, and return the booking for it where people book on board.

    A line gets to know who comes to it with another service, so that a vehicle may wait. A service that is booked on
    board of a line is booked for when the line should arrive as its displays show it.
    """
    service, following_service = services[booking.leg.service], services[following.service]
    if following_service.line:
        following_service.await_rider(following, lambda: service.foreseen_s(booking))
    if not following_service.from_line or not service.line or (arrives_s := service.foreseen_s(booking)) == math.inf:
        return None
    return following_service.book(replace(following, ready_s=arrives_s))
