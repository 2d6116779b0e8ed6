"""Trips as people live them: choose, ride leg by leg; refused on the way, think again. A SimPy process per trip."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import simpy
from simpy.events import URGENT

from kera_mobility.deciding import Candidates, Choice, Decider
from kera_mobility.journeys import PURPOSES, Booking, Leg, Outcome, Refusal
from kera_mobility.planning import Planner, Plans, Wanted
from kera_mobility.quiet import tell_quiet_trips
from kera_mobility.services.base import Service
from kera_mobility.world import World

MOST_REPLANS = 3
"""After so many refusals on the way a trip is unserved. Assumption."""

Life = Generator[simpy.Event, Any, None]
Got = tuple[int, Leg, "Refusal | None"]
"""The place where the legs of a journey ended, the last leg tried, and the refusal that ended them early, if any."""


class Travellers:
    """Everyone who travels on one day: the feeder lets trips set out, each lives as a process of its own."""

    def __init__(
        self, world: World, services: Mapping[str, Service], planner: Planner, wanted: Wanted, plans: Plans
    ) -> None:
        self._world, self._services, self._planner = world, services, planner
        self._decider = Decider(services, planner, plans)
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
        told = tell_quiet_trips(world, services, wanted, plans)
        order = np.lexsort((wanted.trip, wanted.person, wanted.depart_s))
        self._to_come = deque(order[~told[order]].tolist())

    def feed(self) -> Life:
        """Let every trip set out when it is due; a trip due while the person's last one runs waits for it."""
        env = self._world.env
        while self._to_come:
            index = self._to_come[0]
            wait_s = self._depart_s[index] - env.now
            if wait_s > 0:
                yield _before_everyone(env, wait_s)
            self._to_come.popleft()
            row = self._row[index]
            if row in self._due:
                self._due[row].append(index)
            else:
                self._due[row] = deque()
                self._set_out(index)

    def finish(self) -> None:
        """Log who is still under way, and who never came to set out, when the day is over."""
        now_s = self._world.env.now
        for index, set_out_s in self._under_way.values():
            self._log_trip(index, set_out_s, "", "under_way", 0, 0, now_s)
        for waiting in (*self._due.values(), self._to_come):
            for index in waiting:
                self._log_trip(index, self._depart_s[index], "", "not_started", 0, 0, now_s)

    def _set_out(self, index: int) -> None:
        """Begin a trip: one wake-up where nothing on the way can change it, else a process of its own."""
        chain, service, utility = self._decider.steady(index)
        if service is not None:
            leg = Leg(
                chain, self._origin[index], self._destination[index], self._person[index], self._row[index],
                self._trip[index], 0,
            )  # fmt: skip
            booking = service.book(leg)
            if isinstance(booking, Booking):
                env, offer = self._world.env, booking.offer
                self._under_way[leg.row] = (index, env.now)
                arrival = env.timeout(offer.walk_s + offer.wait_s + offer.ride_s, (index, service, booking, utility))
                assert arrival.callbacks is not None, "an event that has not happened can be listened to"
                arrival.callbacks.append(self._arrive)
                return
        self._world.env.process(self._travel(index))

    def _arrive(self, arrival: simpy.Event) -> None:
        """End a trip on which nothing could happen."""
        told: Any = arrival.value
        index, service, booking, utility = told
        leg, got = booking.leg, service.arrived(booking)
        self._log_leg(leg, got, booking.made_s)
        self._log_trip(index, booking.made_s, leg.service, "arrived", 0, utility, self._world.env.now)
        self._let_next_set_out(leg.row)

    def _travel(self, index: int) -> Life:
        """Live one trip: choose a journey and ride it; when refused on the way, choose again from there."""
        row, set_out_s = self._row[index], self._world.env.now
        self._under_way[row] = (index, set_out_s)
        place, destination = self._origin[index], self._destination[index]
        candidates = Candidates(self._plans, index, self._purpose[index])
        number, replans, outcome, chain, utility = 0, 0, "arrived", "", 0
        while place != destination:
            wish = Leg("", place, destination, self._person[index], row, self._trip[index], number, step=replans)
            choice = self._choose(candidates, wish) if replans <= MOST_REPLANS else None
            if choice is None:
                outcome = "unserved"
                break
            chain, utility = candidates.plans.chains[choice.chain].name, choice.utility
            if choice.later_s > 0:
                set_out_s = yield from self._leave_in_time(choice, index)
            place, last, refused = yield from self._ride(candidates, choice, wish)
            if refused:
                number, replans = last.leg + 1, replans + 1
                candidates = self._think_again(candidates, wish, last, place, index)
        self._log_trip(index, set_out_s, chain, outcome, replans, utility, self._world.env.now)
        self._let_next_set_out(row)

    def _leave_in_time(self, choice: Choice, index: int) -> Generator[simpy.Event, Any, float]:
        """Stay until it is time to go, and return when that is; who is late already goes at once."""
        env = self._world.env
        ready_s = env.now if choice.booking else self._depart_s[index]
        stay_s = ready_s + choice.later_s - env.now
        if stay_s > 0:
            yield env.timeout(stay_s)
            self._under_way[self._row[index]] = (index, env.now)
        return env.now

    def _choose(self, candidates: Candidates, wish: Leg) -> Choice | None:
        choice, lost = self._decider.decide(candidates, wish)
        for leg, refusal in lost:
            self._log_refusal(leg, refusal)
        if choice is None:
            self._log_refusal(wish, Refusal("no_journey", wish.origin))
        return choice

    def _ride(self, candidates: Candidates, choice: Choice, wish: Leg) -> Generator[simpy.Event, Any, Got]:
        """Ride the legs of a journey until the end or a refusal."""
        place, booked = wish.origin, choice.booking
        leg = wish
        for leg in self._decider.legs(candidates, choice.chain, wish):
            service = self._services[leg.service]
            booking = booked or service.book(leg)
            booked = None
            if isinstance(booking, Refusal):
                self._log_refusal(leg, booking)
                return place, leg, booking
            begin_s = self._world.env.now
            got = yield from service.ride(booking)
            self._log_leg(leg, got, begin_s)
            place = got.place
            if got.refusal:
                self._log_refusal(leg, got.refusal)
                return place, leg, got.refusal
        return place, leg, None

    def _think_again(self, candidates: Candidates, wish: Leg, last: Leg, place: int, index: int) -> Candidates:
        """Return what is left at the same place, or new plans from a new one."""
        shunned = candidates.shunned | {last.service}
        if place == wish.origin and last.leg == wish.leg:
            return candidates._replace(shunned=shunned)
        here = self._wanted.at(np.array([index]))
        here = replace(here, origin=np.array([place]), depart_s=np.array([self._world.env.now]))
        return Candidates(self._planner.replan(here, shunned), 0, candidates.purpose, shunned)

    def _let_next_set_out(self, row: int) -> None:
        del self._under_way[row]
        waiting = self._due[row]
        if waiting:
            self._set_out(waiting.popleft())
        else:
            del self._due[row]

    def _log_refusal(self, leg: Leg, refusal: Refusal) -> None:
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


def _before_everyone(env: simpy.Environment, delay_s: float) -> simpy.Event:
    """Return an event before all others of its moment; an order by event number would depend on who else sets out."""
    moment = simpy.Event(env)
    moment._ok, moment._value = True, None
    env.schedule(moment, priority=URGENT, delay=delay_s)
    return moment
