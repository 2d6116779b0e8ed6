"""Trips as people live them: choose, ride leg by leg; refused on the way, think again. A SimPy process per trip.

News (a line closed, streets shut) reaches people at its moment: who has yet to set out plans anew, all in one batch;
who is on a street that is shut turns at the next corner; whoever rides with a service hears from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import simpy

from kera_mobility.clock import DEPARTURES_OF_PEOPLE, at_moment
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.results.reasons import retry_reasons
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Leg, Offer, Outcome, Refusal
from kera_mobility.services.reasons import CLOSED, NO_JOURNEY
from kera_mobility.services.world import World
from kera_mobility.simulation.advance_booking import AdvanceBookings, book_on_board, tell_the_line
from kera_mobility.simulation.choice_log import ChoiceSets
from kera_mobility.simulation.choosing import Candidates, Choice, LiveChooser
from kera_mobility.simulation.disturbances import Timeline
from kera_mobility.simulation.rerouting import Rerouting, driven, going_on, joined, walked
from kera_mobility.simulation.uncontested import UncontestedTrips
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.town.town import Town

MOST_REPLANS = 3
"""After so many refusals on the way a trip is unserved. Assumption."""

Life = Generator[simpy.Event, Any, None]
LINES_AND_WAYS = frozenset({"announced", "closed", "heavy_snow", "streets"})
"""Topics after which other stops may be the best ones."""
UNCHANGED = Timeline()
"""A day without disturbances."""


class Got(NamedTuple):
    """How the legs of a journey ended."""

    place: int
    last: Leg
    """The last leg that was tried."""
    refused: Refusal | None = None
    """What ended them early, if anything."""
    turns: int = 0
    """How often a vehicle took another way because streets were shut."""


class Riding(NamedTuple):
    """Somebody on the street who may have to turn."""

    process: simpy.Process
    service: Service
    booking: Booking
    corners: Rerouting
    """Of the streets when the ride began: its way is one of those."""


class Travellers:
    """Everyone who travels on one day: the feeder lets trips set out, each lives as a process of its own."""

    def __init__(
        self, world: World, services: Mapping[str, Service], planner: Planner, wanted: TripDemand, plans: Plans,
        timeline: Timeline = UNCHANGED, town: Town | None = None,
    ) -> None:  # fmt: skip
        """Prepare the day; the town is needed where the timeline shuts streets."""
        self._world, self._services, self._planner = world, services, planner
        self._timeline, self._town = timeline, town if timeline.shuts_streets else None
        self._decider = LiveChooser(services, planner, plans)
        self._minds = ChoiceSets(planner, world.log)
        self._booked_ahead = AdvanceBookings(world, services, wanted, plans)
        self._wanted, self._plans = wanted, plans
        # Plain lists: one number out of an array costs ten times as much.
        self._row: list[int] = wanted.row.tolist()
        self._person: list[int] = wanted.person.tolist()
        self._trip: list[int] = wanted.trip.tolist()
        self._tour: list[int] = wanted.tour.tolist()
        self._purpose: list[int] = wanted.purpose.tolist()
        self._origin: list[int] = wanted.origin.tolist()
        self._destination: list[int] = wanted.destination.tolist()
        self._depart_s: list[float] = wanted.depart_s.tolist()
        self._under_way: dict[int, tuple[int, float]] = {}
        self._due: dict[int, deque[int]] = {}
        self._ready_s = self._depart_s
        self._at_home: dict[int, tuple[int, simpy.Process]] = {}
        self._riding: dict[int, Riding] = {}
        self._corners, self._opened = self._corners_now(), simpy.Event(world.env)
        self._to_come = deque(np.lexsort((wanted.trip, wanted.person, wanted.depart_s)).tolist())
        self._quiet = self._quiet_trips()
        self._told = bytearray(len(wanted))
        """Of trips to come, those that are logged already."""
        self._tell(range(len(wanted)))

    def feed(self) -> Life:
        """Let every trip set out when it is due; a trip due while the person's last one runs waits for it."""
        env = self._world.env
        if self._booked_ahead.due:
            env.process(self._booked_ahead.book(lambda: (self._plans, self._decider)))
        while self._to_come:
            index = self._to_come[0]
            wait_s = self._depart_s[index] - env.now
            if wait_s > 0 and not self._told[index]:
                yield at_moment(env, wait_s, DEPARTURES_OF_PEOPLE)
                continue  # news may have come meanwhile
            self._to_come.popleft()
            row = self._row[index]
            if self._told[index]:
                continue
            if row in self._due:
                self._due[row].append(index)
            else:
                self._due[row] = deque()
                self._set_out(index)

    def hear(self, topics: Collection[str]) -> None:
        """Let everyone know what was posted just now on some topics: plans are made anew, and who must turn does."""
        now_s, staying = self._world.env.now, sorted(self._at_home)
        waiting = [index for row in sorted(self._due) for index in self._due[row]]
        to_come = np.zeros(len(self._wanted), dtype=np.bool_)
        to_come[[*self._to_come, *waiting, *(self._at_home[row][0] for row in staying)]] = True
        to_come[self._booked_ahead.held] = False
        ready_s = np.where(to_come, np.maximum(self._wanted.depart_s, now_s), self._wanted.depart_s)
        self._ready_s = ready_s.tolist()
        for notice in self._world.notices.read("announced"):
            self._planner.foresee(notice)
        if LINES_AND_WAYS.intersection(topics):
            self._planner.look_again()
        self._plans = self._planner.plan_rest(self._plans, replace(self._wanted, depart_s=ready_s), to_come)
        self._decider = LiveChooser(self._services, self._planner, self._plans)
        for row in staying:
            self._at_home.pop(row)[1].interrupt()
        self._turn()
        self._quiet.finish()
        self._quiet = self._quiet_trips()
        self._tell([index for index in sorted(self._to_come) if self._row[index] not in self._due])

    def finish(self) -> None:
        """Log who is still under way, and who never came to set out, when the day is over."""
        now_s = self._world.env.now
        for index, set_out_s in self._under_way.values():
            self._log_trip(index, set_out_s, "", "under_way", 0, 0, now_s)
        for waiting in (*self._due.values(), self._to_come):
            for index in waiting:
                self._log_trip(index, self._depart_s[index], "", "not_started", 0, 0, now_s)
        self._quiet.finish()
        self._minds.write(self._plans, self._wanted)

    def _quiet_trips(self) -> UncontestedTrips:
        until_s = self._timeline.after_s(self._world.env.now, self._world.end_s)
        return UncontestedTrips(self._world, self._services, self._wanted, self._plans, until_s)

    def _tell(self, at_rest: Sequence[int]) -> None:
        """Tell the next trips of people at rest on which nothing can happen before there is news again."""
        for index in self._quiet.tell_beginnings(np.array(at_rest, dtype=np.int64)).tolist():
            self._told[index] = 1
        self._to_come = deque(index for index in self._to_come if not self._told[index])

    def _set_out(self, index: int) -> None:
        """Begin a trip: one wake-up where nothing on the way can change it, else a process of its own."""
        chain, service, utility = self._decider.deterministic(index)
        if service is not None and self._town is None and not self._booked_ahead.holds(index):
            leg = Leg(
                chain, self._origin[index], self._destination[index], self._person[index], self._row[index],
                self._trip[index], 0,
            )  # fmt: skip
            booking = service.book(leg)
            if isinstance(booking, Booking):
                self._under_way[leg.row] = (index, self._world.env.now)
                arrival = self._arrival(booking.offer, (index, service, booking, utility))
                assert arrival.callbacks is not None, "an event that has not happened can be listened to"
                arrival.callbacks.append(self._arrive)
                return
        self._world.env.process(self._travel(index))

    def _arrival(self, offer: Offer, value: Any = None) -> simpy.Event:
        """Return the event of being there by a steady ride."""
        return self._world.env.timeout(offer.walk_s + offer.wait_s + offer.ride_s, value)

    def _arrive(self, arrival: simpy.Event) -> None:
        """End a trip on which nothing could happen."""
        told: Any = arrival.value
        index, service, booking, utility = told
        leg, got = booking.leg, service.arrived(booking)
        self._log_leg(leg, got, booking.made_s)
        self._log_trip(index, booking.made_s, leg.service, "arrived", 0, utility, self._world.env.now)
        self._let_next_set_out(index)

    def _travel(self, index: int) -> Life:
        """Live one trip: choose a journey and ride it; when refused on the way, choose again from there."""
        row, set_out_s = self._row[index], self._world.env.now
        self._under_way[row] = (index, set_out_s)
        place, destination = self._origin[index], self._destination[index]
        candidates = Candidates(self._plans, index, self._purpose[index])
        number, replans, outcome, chain, utility = 0, 0, "arrived", "", 0
        while place != destination:
            wish = Leg("", place, destination, self._person[index], row, self._trip[index], number, step=replans)
            choice = self._booked_ahead.taken(index)
            if choice is None:
                choice = self._choose(candidates, wish) if replans <= MOST_REPLANS else None
            if choice is None:
                outcome = "unserved"
                break
            chain, utility = candidates.plans.chains[choice.chain].name, choice.utility
            if choice.later_s > 0:
                left_s = yield from self._leave_in_time(choice, index)
                if left_s is None:  # still at home
                    set_out_s = self._world.env.now
                    self._under_way[row] = (index, set_out_s)
                    candidates = Candidates(self._plans, index, candidates.purpose)
                    continue
                set_out_s = left_s
            place, last, refused, turns = yield from self._ride(candidates, choice, wish)
            replans += turns
            if refused:
                number, replans = last.leg + 1, replans + 1
                candidates = self._think_again(candidates, wish, last, place, index, refused)
        self._log_trip(index, set_out_s, chain, outcome, replans, utility, self._world.env.now)
        self._let_next_set_out(index)

    def _leave_in_time(self, choice: Choice, index: int) -> Generator[simpy.Event, Any, float | None]:
        """Stay until it is time to go, and return when that is, or None if news comes before; who is late goes at once.

        Who holds a promise keeps to it; its service would say if it could not be kept.
        """
        env, row = self._world.env, self._row[index]
        ready_s = env.now if choice.booking else self._ready_s[index]
        stay_s = ready_s + choice.later_s - env.now
        if stay_s > 0:
            if self._timeline.moments and not choice.booking and env.active_process:
                self._at_home[row] = (index, env.active_process)
            try:
                yield env.timeout(stay_s)
            except simpy.Interrupt:
                return None
            self._at_home.pop(row, None)
            self._under_way[row] = (index, env.now)
        return env.now

    def _choose(self, candidates: Candidates, wish: Leg) -> Choice | None:
        decision = self._decider.decide(candidates, wish)
        self._minds.note(self._world.env.now, candidates, wish, decision)
        choice = decision.choice
        for leg, refusal in decision.lost:
            self._log_refusal(leg, refusal)
        if choice is None:
            self._log_refusal(wish, Refusal(NO_JOURNEY, wish.origin))
        return choice

    def _ride(self, candidates: Candidates, choice: Choice, wish: Leg) -> Generator[simpy.Event, Any, Got]:
        """Ride the legs of a journey until the end or a refusal."""
        place, booked = wish.origin, choice.booking
        leg, turns = wish, 0
        legs = self._decider.legs(candidates, choice.chain, wish)
        for number, leg in enumerate(legs):
            service = self._services[leg.service]
            booking = booked or service.book(leg)
            booked = None
            if isinstance(booking, Refusal):
                if self._town is not None and service.street_mode and service.skims is not self._town.skims:
                    booking = Refusal(CLOSED, booking.place)  # what was planned cannot be reached any more
                self._log_refusal(leg, booking)
                return Got(place, leg, booking, turns)
            begin_s = self._world.env.now
            tell_the_line(self._services, booking, legs, number)
            ahead = book_on_board(self._services, booking, legs, number)
            if isinstance(ahead, Refusal):
                self._log_refusal(legs[number + 1], ahead)
            elif ahead:
                booked = ahead
            if self._town is not None and service.street_mode:
                got, turned = yield from self._on_the_street(service, booking)
                turns += turned
            elif service.deterministic:
                yield self._arrival(booking.offer)
                got = service.arrived(booking)
            else:
                got = yield from service.ride(booking)
            self._log_leg(leg, got, begin_s)
            place = got.place
            if got.refusal:
                if booked:
                    self._services[booked.leg.service].cancel(booked)
                self._log_refusal(leg, got.refusal)
                return Got(place, leg, got.refusal, turns)
        return Got(place, leg, turns=turns)

    def _think_again(
        self, candidates: Candidates, wish: Leg, last: Leg, place: int, index: int, refused: Refusal
    ) -> Candidates:
        """Return what is left at the same place, or new plans from a new one, or where things are not as planned."""
        again = refused.reason in retry_reasons()
        shunned = candidates.shunned | ({last.service} if not again else set())
        if place == wish.origin and last.leg == wish.leg and not again:
            return candidates._replace(shunned=shunned)
        here = self._wanted.at(np.array([index]))
        here = replace(here, origin=np.array([place]), depart_s=np.array([self._world.env.now]))
        return Candidates(self._planner.replan(here, shunned), 0, candidates.purpose, shunned)

    # On a street that is shut.

    def _on_the_street(self, service: Service, booking: Booking) -> Generator[simpy.Event, Any, tuple[Outcome, int]]:
        """Ride, and turn where the way is shut: on foot to think again, with a vehicle to take the next way.

        Returns what it was, and how often a vehicle turned. One that no way leads on for waits for the streets to open.
        """
        env, leg, turns = self._world.env, booking.leg, 0
        so_far: Outcome | None = None
        while True:
            assert env.active_process is not None, "people live in processes"
            assert self._corners is not None, "streets are watched"
            self._riding[leg.row] = Riding(env.active_process, service, booking, self._corners)
            try:
                got = yield from service.ride(booking)
            except simpy.Interrupt as news:
                turn: Any = news.cause
                yield env.timeout(turn.at_s - env.now)
                if service.mode == "walk":
                    return walked(turn, booking), turns
                turns += 1
                so_far = (
                    driven(turn, service, booking) if so_far is None else joined(so_far, driven(turn, service, booking))
                )
                self._log_refusal(leg, Refusal(CLOSED, turn.node))
                booking, waited_s = yield from self._next_way(service, booking, turn.node)
                so_far = so_far._replace(wait_s=so_far.wait_s + waited_s)
                continue
            del self._riding[leg.row]
            return (got if so_far is None else joined(so_far, got)), turns

    def _next_way(
        self, service: Service, booking: Booking, node: int
    ) -> Generator[simpy.Event, Any, tuple[Booking, float]]:
        """Return how a vehicle goes on from a corner, and how long it stood there until a way was open."""
        begin_s = self._world.env.now
        while True:
            onward = service.book(replace(booking.leg, origin=node))
            if isinstance(onward, Booking):
                onward.offer = going_on(service, onward.offer)
                return onward, self._world.env.now - begin_s
            yield self._opened

    def _turn(self) -> None:
        """Let those turn whose ways have become longer since streets were last shut or opened."""
        world, before = self._world, self._corners
        if before is None or before.skims is world.streets:
            return
        for row in sorted(self._riding):
            process, service, booking, corners = self._riding[row]
            turn = corners.turn(service, booking, world.env.now, world.streets)
            if turn is not None:
                del self._riding[row]
                process.interrupt(turn)
        self._corners, opened, self._opened = self._corners_now(), self._opened, simpy.Event(world.env)
        opened.succeed()

    def _corners_now(self) -> Rerouting | None:
        """Return the corners of the streets as they are, if any are shut or opened today."""
        if self._town is None:
            return None
        told = self._world.notices.read("streets")
        streets = told[-1].detail["streets"] if told else self._town.streets
        return Rerouting(streets, self._world.streets, self._town)

    def _let_next_set_out(self, index: int) -> None:
        """End a trip: the next one sets out if it is due; if not, those on which nothing can happen are told."""
        row = self._row[index]
        self._minds.over(row)
        del self._under_way[row]
        waiting = self._due[row]
        if waiting:
            self._set_out(waiting.popleft())
            return
        del self._due[row]
        for told in self._quiet.tell_after(index):
            self._told[told] = 1

    def _log_refusal(self, leg: Leg, refusal: Refusal) -> None:
        self._minds.keep(leg.row)
        self._world.log.add(
            "refusals", self._world.env.now, leg.person, leg.trip, leg.leg, leg.step, leg.service, refusal.reason,
            refusal.place,
        )  # fmt: skip

    def _log_leg(self, leg: Leg, got: Outcome, begin_s: float) -> None:
        self._world.log.add(
            "legs", begin_s, leg.person, leg.trip, leg.leg, leg.service, leg.origin, got.place,
            got.walk_s, got.wait_s, got.ride_s, got.walk_m, got.ride_m, got.fare_eur, got.vehicle,
        )  # fmt: skip

    def _log_trip(
        self, index: int, set_out_s: float, chain: str, outcome: str, replans: int, utility: int, end_s: float
    ) -> None:
        self._world.log.add(
            "trips", set_out_s, self._person[index], self._trip[index], self._tour[index],
            PURPOSES[self._purpose[index]], self._origin[index], self._destination[index], chain, outcome,
            end_s, self._depart_s[index], replans, utility,
        )  # fmt: skip
