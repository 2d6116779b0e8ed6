"""A trip under way: choose a journey, ride it leg by leg; when a request is denied, choose again from there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import simpy

from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import PlannedTrip, Plans, TripDemand
from kera_mobility.results.reason_texts import retry_reasons
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Leg, Offer, Outcome, Refusal
from kera_mobility.services.reasons import CLOSED
from kera_mobility.services.world import World
from kera_mobility.simulation.advance_booking import AdvanceBookings, prepare_transfer
from kera_mobility.simulation.choosing import Candidates, ChosenJourney, LiveChooser
from kera_mobility.simulation.rerouting import StreetRides
from kera_mobility.simulation.trip_log import TripLog

MOST_REPLANS = 3
"""After so many denied requests on the way a trip is unserved. Assumption."""

Life = Generator[simpy.Event, Any, None]
Denied = tuple[Leg, Refusal]
"""The leg on which a journey ended early, and why."""


@dataclass
class TripContext:
    """What all trips of a day share; after a notice `plans`, `chooser` and `ready_s` are replaced."""

    world: World
    services: Mapping[str, Service]
    planner: Planner
    demand: TripDemand
    plans: Plans
    chooser: LiveChooser
    """Of these plans."""
    ready_s: list[float]
    """When the person of each trip is ready to set out, as planned or after the last notice, (T,)."""
    advance_bookings: AdvanceBookings
    log: TripLog
    street_rides: StreetRides | None
    """On days on which streets are shut."""
    expects_news: bool
    """Whether notices may be posted while the day runs."""
    at_home: dict[int, LiveTrip] = field(default_factory=dict)
    """Trips that set out later than their person is ready, until then, by row of the person; a notice ends the stay."""


class LiveTrip:
    """One trip from the moment when it is due until it ends."""

    __slots__ = (
        "_candidates", "_chain", "_context", "_leg", "_on_end", "_place", "_process", "_replans", "_utility",
        "set_out_s", "trip",
    )  # fmt: skip

    def __init__(self, trip: PlannedTrip, context: TripContext, on_end: Callable[[PlannedTrip], None]) -> None:
        """Prepare a trip that sets out now; `on_end` is called when it has ended."""
        self.trip, self._context, self._on_end = trip, context, on_end
        self.set_out_s = context.world.env.now
        self._place, self._leg, self._replans = trip.origin, 0, 0
        self._chain, self._utility = "", 0
        self._candidates = Candidates(context.plans, trip.plan_row, trip.purpose)
        self._process: simpy.Process | None = None

    def set_out(self) -> None:
        """Begin the trip: one event where nothing on the way can change it, else a process of its own."""
        if not self._ride_directly():
            self._context.world.env.process(self._run())

    def interrupt(self) -> None:
        """End the stay at home, because of a notice."""
        assert self._process is not None, "who stays at home is in a process"
        self._process.interrupt()

    def _run(self) -> Life:
        """Choose and ride until the destination is reached or nothing is left to choose."""
        outcome = "arrived"
        while self._place != self.trip.destination:
            request = self._request()
            choice = self._choose(request)
            if choice is None:
                outcome = "unserved"
                break
            if choice.later_s > 0:
                interrupted = yield from self._stay_at_home(choice)
                self.set_out_s = self._context.world.env.now
                if interrupted:
                    self._candidates = Candidates(self._context.plans, self.trip.plan_row, self.trip.purpose)
                    continue
            denied = yield from self._ride(choice, request)
            if denied:
                self._replan(request, *denied)
        self._end(outcome)

    def _ride_directly(self) -> bool:
        """Begin the best journey if it is one ride on which nothing can change, and return whether it is."""
        trip, context = self.trip, self._context
        chain, service, utility = context.chooser.deterministic(trip.plan_row)
        if service is None or context.street_rides or context.advance_bookings.holds(trip.plan_row):
            return False
        booking = service.book(trip.request(chain))
        if isinstance(booking, Refusal):
            return False
        self._chain, self._utility = chain, utility
        arrival = self._arrival(booking.offer, (service, booking))
        assert arrival.callbacks is not None, "an event that has not happened can be listened to"
        arrival.callbacks.append(self._arrive)
        return True

    def _arrive(self, arrival: simpy.Event) -> None:
        """End a trip that was one direct ride."""
        ride: Any = arrival.value
        service, booking = ride
        self._context.log.leg(booking.leg, service.arrived(booking), self.set_out_s)
        self._end("arrived")

    def _request(self) -> Leg:
        """Return the request to be carried from where the person is, by any service."""
        trip = self.trip
        return Leg(
            "", self._place, trip.destination, trip.person, trip.row, trip.trip, self._leg, step=self._replans,
            leave_s=trip.leave_s,
        )  # fmt: skip

    def _choose(self, request: Leg) -> ChosenJourney | None:
        """Return the journey booked in advance or the best one now; None if there is none, or after MOST_REPLANS."""
        context = self._context
        choice = context.advance_bookings.take(self.trip.plan_row)
        if choice is None and self._replans <= MOST_REPLANS:
            decision = context.chooser.decide(self._candidates, request)
            context.log.choice(self._candidates, request, decision)
            choice = decision.choice
        if choice is not None:
            self._chain, self._utility = self._candidates.plans.chains[choice.chain].name, choice.utility
        return choice

    def _stay_at_home(self, choice: ChosenJourney) -> Generator[simpy.Event, Any, bool]:
        """Stay until it is time to leave for a departure, and return whether a notice came before.

        A notice does not interrupt a person with a booking: the service tells if it cannot be kept.
        """
        context, env = self._context, self._context.world.env
        ready_s = env.now if choice.booking else context.ready_s[self.trip.plan_row]
        stay_s = ready_s + choice.later_s - env.now
        if stay_s > 0:
            if context.expects_news and not choice.booking:
                self._process = env.active_process
                context.at_home[self.trip.row] = self
            try:
                yield env.timeout(stay_s)
            except simpy.Interrupt:
                return True
            context.at_home.pop(self.trip.row, None)
        return False

    def _ride(self, choice: ChosenJourney, request: Leg) -> Generator[simpy.Event, Any, Denied | None]:
        """Ride the legs of a journey, and return what ended it early, if anything."""
        context, booked = self._context, choice.booking
        legs = context.chooser.legs(self._candidates, choice.chain, request)
        for leg, following in zip(legs, [*legs[1:], None], strict=True):
            service = context.services[leg.service]
            booking = booked or self._book(service, leg)
            if isinstance(booking, Refusal):
                context.log.refusal(leg, booking)
                return leg, booking
            begin_s = context.world.env.now
            booked = self._book_following(booking, following) if following else None
            outcome = yield from self._carry(service, booking)
            context.log.leg(leg, outcome, begin_s)
            self._place = outcome.place
            if outcome.refusal:
                if booked:
                    context.services[booked.leg.service].cancel(booked)
                context.log.refusal(leg, outcome.refusal)
                return leg, outcome.refusal
        return None

    def _book(self, service: Service, leg: Leg) -> Booking | Refusal:
        booking, street_rides = service.book(leg), self._context.street_rides
        if isinstance(booking, Refusal) and street_rides and street_rides.changed_for(service):
            return Refusal(CLOSED, booking.place)  # what was planned cannot be reached any more
        return booking

    def _book_following(self, booking: Booking, following: Leg) -> Booking | None:
        """Announce the transfer to the next leg, and book that where people do so on board."""
        booked = prepare_transfer(self._context.services, booking, following)
        if isinstance(booked, Refusal):
            self._context.log.refusal(following, booked)
            return None
        return booked

    def _carry(self, service: Service, booking: Booking) -> Generator[simpy.Event, Any, Outcome]:
        street_rides = self._context.street_rides
        if street_rides and service.street_mode:
            outcome, detours = yield from street_rides.ride(service, booking)
            self._replans += detours
        elif service.deterministic:
            yield self._arrival(booking.offer)
            outcome = service.arrived(booking)
        else:
            outcome = yield from service.ride(booking)
        return outcome

    def _replan(self, request: Leg, leg: Leg, refusal: Refusal) -> None:
        """Drop the service that denied the request; plan again if the person has moved on or may ask it again."""
        self._leg, self._replans = leg.leg + 1, self._replans + 1
        may_retry, shunned = refusal.reason in retry_reasons(), self._candidates.shunned
        if not may_retry:
            shunned |= {leg.service}
            if self._place == request.origin and leg.leg == request.leg:
                self._candidates = self._candidates._replace(shunned=shunned)
                return
        planned = self._context.demand.at(np.array([self.trip.plan_row]))
        now_s = self._context.world.env.now
        from_here = replace(planned, origin=np.array([self._place]), depart_s=np.array([now_s]))
        plans = self._context.planner.replan(from_here, shunned)
        self._candidates = Candidates(plans, 0, self.trip.purpose, shunned)

    def _arrival(self, offer: Offer, value: Any = None) -> simpy.Event:
        """Return the event of arriving by a deterministic ride."""
        return self._context.world.env.timeout(offer.walk_s + offer.wait_s + offer.ride_s, value)

    def _end(self, outcome: str) -> None:
        self._context.log.trip(self.trip, self.set_out_s, outcome, self._chain, self._replans, self._utility)
        self._on_end(self.trip)
