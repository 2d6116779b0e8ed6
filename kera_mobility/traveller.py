"""Trips as people live them: choose, book, ride; refused on the way, think again. A SimPy process per trip."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import simpy

from kera_mobility.journeys import PURPOSES, Booking, Leg, Offer, Outcome, Refusal
from kera_mobility.planning import Plans, Planner, Wanted
from kera_mobility.policies.choice import IMPOSSIBLE
from kera_mobility.services.base import Service
from kera_mobility.world import World

MOST_REPLANS = 3
"""After so many refusals on the way a trip is unserved. Assumption."""


class Candidates(NamedTuple):
    """The journeys somebody may still take from one place: one row of plans, less what has refused them."""

    plans: Plans
    index: int
    shunned: frozenset[str] = frozenset()
    """Services that refused on this trip; they are not tried again on it. Assumption."""


class Setting(NamedTuple):
    """A journey chosen; booked already where its first leg had to be asked live."""

    chain: int
    utility: int
    booking: Booking | None


class Travellers:
    """Everyone who travels on one day: the feeder lets trips set out, each lives as a process of its own."""

    def __init__(
        self, world: World, services: Mapping[str, Service], planner: Planner, wanted: Wanted, plans: Plans
    ) -> None:
        self._world, self._services, self._planner = world, services, planner
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
        best = plans.bound.argmax(axis=1)
        self._best: list[int] = best.tolist()
        self._best_utility: list[int] = plans.bound[np.arange(len(best)), best].tolist()
        self._asks_first = [planner.asks_first(chain) for chain in plans.chains]
        self._under_way: dict[int, tuple[int, float]] = {}
        self._due: dict[int, deque[int]] = {}

    def feed(self) -> Generator[simpy.Event, Any, None]:
        """Let every trip set out when it is due; a trip due while the person's last one runs waits for it."""
        env = self._world.env
        order = np.lexsort((self._wanted.trip, self._wanted.person, self._wanted.depart_s))
        for index in order.tolist():
            wait_s = self._depart_s[index] - env.now
            if wait_s > 0:
                yield env.timeout(wait_s)
            row = self._row[index]
            if row in self._due:
                self._due[row].append(index)
            else:
                self._due[row] = deque()
                env.process(self._travel(index))

    def finish(self) -> None:
        """Log who is still under way, and who never came to set out, when the day is over."""
        now_s = self._world.env.now
        for index, set_out_s in self._under_way.values():
            self._log_trip(index, set_out_s, "", "under_way", 0, 0, now_s)
        for waiting in self._due.values():
            for index in waiting:
                self._log_trip(index, self._depart_s[index], "", "not_started", 0, 0, now_s)

    def _travel(self, index: int) -> Generator[simpy.Event, Any, None]:
        """Live one trip: choose a journey, ride its legs; when refused, choose again from there."""
        env, row = self._world.env, self._row[index]
        set_out_s = env.now
        self._under_way[row] = (index, set_out_s)
        place, number, replans, outcome, chain, utility = self._origin[index], 0, 0, "arrived", "", 0
        candidates = Candidates(self._plans, index)
        while place != self._destination[index]:
            leg = Leg(
                "", place, self._destination[index], self._person[index], row, self._trip[index], number, step=replans
            )
            chosen = self._choose(candidates, leg)
            if chosen is None:
                outcome = "unserved"
                break
            chain, utility = candidates.plans.chains[chosen.chain].name, chosen.utility
            booked, refused = chosen.booking, None
            for leg in self._legs(candidates, chosen.chain, leg):
                booking = booked or self._services[leg.service].book(leg)
                booked = None
                number += 1
                if isinstance(booking, Refusal):
                    refused = booking
                else:
                    begin_s = env.now
                    got = yield from self._services[leg.service].ride(booking)
                    self._log_leg(leg, got, begin_s)
                    place, refused = got.place, got.refusal
                if refused:
                    self._log_refusal(leg, refused)
                    break
            if refused:
                replans += 1
                if replans > MOST_REPLANS:
                    outcome = "unserved"
                    break
                candidates = self._think_again(candidates, leg, place, index)
        self._log_trip(index, set_out_s, chain, outcome, replans, utility, env.now)
        self._next(row)

    def _choose(self, candidates: Candidates, leg: Leg) -> Setting | None:
        """Return the best of what is really on offer now: ask the scarce ones in the order of their bounds."""
        plans, index, shunned = candidates
        if plans is self._plans and not shunned and not self._asks_first[self._best[index]]:
            utility = self._best_utility[index]
            if utility != IMPOSSIBLE:
                return Setting(self._best[index], utility, None)
        bounds: list[int] = plans.bound[index].tolist()
        ranked = sorted(
            (-bound, chain)
            for chain, bound in enumerate(bounds)
            if bound != IMPOSSIBLE and shunned.isdisjoint(plans.chains[chain].services)
        )
        best: tuple[int, int] | None = None
        refused: dict[int, tuple[Leg, Refusal]] = {}
        for rank in ranked:
            # A firm offer stands when no bound below it can still beat it; equals go by name, the lower chain.
            if best is not None and rank > best:
                break
            chain = rank[1]
            if self._asks_first[chain]:
                first = self._legs(candidates, chain, leg)[0]
                offer = self._services[first.service].peek(first)
                if isinstance(offer, Refusal):
                    refused[chain] = (first, offer)
                    continue
                rank = (self._firm_rank(candidates, rank, offer, self._purpose_of(leg, candidates)), chain)
            best = min(best, rank) if best else rank
        self._log_lost(refused, plans, index, best)
        if best is None:
            self._log_refusal(leg, Refusal("no_journey", leg.origin))
            return None
        utility, chain = -best[0], best[1]
        booking: Booking | Refusal | None = None
        if self._asks_first[chain]:
            first = self._legs(candidates, chain, leg)[0]
            booking = self._services[first.service].book(first)
            assert not isinstance(booking, Refusal), f"{first.service} refused what it offered at the same moment"
        return Setting(chain, utility, booking)

    def _firm_rank(self, candidates: Candidates, rank: tuple[int, int], offer: Offer, purpose: int) -> int:
        """Return minus the utility of a journey whose first leg is what was really offered."""
        plans, index, _ = candidates
        minus_bound, chain = rank
        time_class = self._services[plans.chains[chain].main].time_class
        firm = self._planner.choice.leg_utility_of_one(purpose, time_class, offer)
        return minus_bound + int(plans.first_leg[index, chain]) - firm

    def _think_again(self, candidates: Candidates, leg: Leg, place: int, index: int) -> Candidates:
        """Return what is left at the same place, or new plans from a new one."""
        shunned = candidates.shunned | {leg.service}
        if place == leg.origin and leg.leg == 0:
            return candidates._replace(shunned=shunned)
        here = self._wanted.at(np.array([index]))
        here = replace(here, origin=np.array([place]), depart_s=np.array([self._world.env.now]))
        return Candidates(self._planner.replan(here, shunned), 0, shunned)

    def _legs(self, candidates: Candidates, chain: int, leg: Leg) -> list[Leg]:
        plans, index, _ = candidates
        one = plans.chains[chain]
        if not one.access:
            return self._planner.legs(one, (-1, -1), leg)
        board, alight = plans.stops[index, chain].tolist()
        return self._planner.legs(one, (board, alight), leg)

    def _purpose_of(self, leg: Leg, candidates: Candidates) -> int:
        index = candidates.index if candidates.plans is self._plans else self._under_way[leg.row][0]
        return self._purpose[index]

    def _next(self, row: int) -> None:
        del self._under_way[row]
        waiting = self._due[row]
        if waiting:
            self._world.env.process(self._travel(waiting.popleft()))
        else:
            del self._due[row]

    def _log_lost(
        self, refused: dict[int, tuple[Leg, Refusal]], plans: Plans, index: int, best: tuple[int, int] | None
    ) -> None:
        """Log a refusal, once for each service, where what was expected of it would have won."""
        lost: set[str] = set()
        for chain, (leg, refusal) in refused.items():
            expected = int(plans.expected[index, chain])
            if leg.service not in lost and expected != IMPOSSIBLE and (best is None or (-expected, chain) < best):
                lost.add(leg.service)
                self._log_refusal(leg, refusal)

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
