"""The parts of a day on which nothing can happen: steady rides, one after the other, are told at once.

As long as somebody takes journeys that are one steady ride and is in time for the next trip, they ask nobody and meet
nobody: what they do follows from the plan, and no clock has to run for it. Otherwise they live in the clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Requests
from kera_mobility.services.world import World
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.units import BoolArray, FloatArray, IntArray

_COLUMNS = ("walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_eur")


class UncontestedTrips:
    """The trips on which nothing can happen before there is news, for people at rest when they are due."""

    def __init__(
        self, world: World, services: Mapping[str, Service], wanted: TripDemand, plans: Plans, until_s: float
    ) -> None:
        """Find them among all trips, as planned now; news comes at `until_s`, and what ends later is not quiet."""
        self._world, self._wanted = world, wanted
        self._names = [chain.name for chain in plans.chains]
        every = np.arange(len(wanted))
        self._best = plans.bound.argmax(axis=1)
        self._utility = plans.bound[every, self._best]
        at_once = (self._utility != IMPOSSIBLE) & (plans.later_s[every, self._best] == 0.0)
        self._legs = _steady_legs(services, wanted, plans, np.where(at_once, self._best, -1))
        self._end_s = wanted.depart_s + self._legs["walk_s"] + self._legs["wait_s"] + self._legs["ride_s"]
        self._quiet = _in_time(wanted, self._end_s, until_s)
        same = wanted.row[1:] == wanted.row[:-1]
        # As bytes: one number out of an array costs ten times as much.
        self._follows = np.append(self._quiet[1:] & same, False).tobytes()
        self._later: list[int] = []

    def tell_beginnings(self, rows: IntArray) -> IntArray:
        """Log the quiet trips that come first for everyone who is at rest, and return their rows.

        `rows` are trips to come, with all later ones of the same people, none of whom is under way.
        """
        told = rows[_beginnings(self._wanted.row[rows], self._quiet[rows])] if len(rows) else rows
        self._log(told)
        return told

    def tell_after(self, row: int) -> range:
        """Tell the quiet trips right after one that has just ended, before the next was due, and return their rows.

        They are logged together when all is told, or now if somebody hears of things as they happen.
        """
        end = row + 1
        while self._follows[end - 1]:
            end += 1
        self._later.extend(range(row + 1, end))
        if self._world.log.heard:
            self.finish()
        return range(row + 1, end)

    def finish(self) -> None:
        """Log what was told and not yet logged."""
        self._log(np.array(self._later, dtype=np.int64))
        self._later.clear()

    def _log(self, rows: IntArray) -> None:
        legs = {name: column[rows] for name, column in self._legs.items()}
        chains = [self._names[j] for j in self._best[rows].tolist()]
        _log(self._world, self._wanted.at(rows), legs, self._end_s[rows], chains, self._utility[rows])


def _steady_legs(
    services: Mapping[str, Service], wanted: TripDemand, plans: Plans, best: IntArray
) -> dict[str, FloatArray]:
    """Return what each trip's best journey is if it is one steady ride, (T,); walk_s is inf where it is not."""
    legs = {name: np.zeros(len(wanted)) for name in _COLUMNS}
    legs["walk_s"][:] = np.inf
    for j, chain in enumerate(plans.chains):
        service = services[chain.main]
        if chain.access or not service.deterministic:
            continue
        rows = np.flatnonzero(best == j)
        some = wanted.at(rows)
        offers = service.expect(Requests(some.row, some.origin, some.destination, some.depart_s))
        for name in ("walk_s", "wait_s", "ride_s", "ride_m", "fare_eur"):
            legs[name][rows] = getattr(offers, name)
        legs["walk_m"][rows] = service.walked_m(some.origin, some.destination)
    return legs


def _in_time(wanted: TripDemand, end_s: FloatArray, last_s: float) -> BoolArray:
    """Return which trips end before the person's next one is due, and before `last_s`, (T,)."""
    due_s = np.append(wanted.depart_s[1:], np.inf)
    same = np.append(wanted.row[1:] == wanted.row[:-1], False)
    return (end_s < last_s) & (~same | (end_s <= due_s))


def _beginnings(row: IntArray, good: BoolArray) -> BoolArray:
    """Return the trips that are good, as are all before them of the same person, (T,)."""
    begins = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    bad = (~good).astype(np.int64)
    bad_so_far = np.cumsum(bad)
    before = (bad_so_far - bad)[begins]
    quiet: BoolArray = bad_so_far == np.repeat(before, np.diff(np.append(begins, len(row))))
    return quiet


def _log(
    world: World,
    trips: TripDemand,
    legs: Mapping[str, FloatArray],
    end_s: FloatArray,
    chains: list[str],
    utility: IntArray,
) -> None:
    count = len(trips)
    if not count:
        return
    zeros = np.zeros(count, dtype=np.int64)
    world.log.extend(
        "legs", trips.depart_s, trips.person, trips.trip, zeros, chains, trips.origin, trips.destination,
        legs["walk_s"], legs["wait_s"], legs["ride_s"], legs["walk_m"], legs["ride_m"], legs["fare_eur"], zeros - 1,
    )  # fmt: skip
    world.log.extend(
        "trips", trips.depart_s, trips.person, trips.trip, trips.tour,
        [PURPOSES[purpose] for purpose in trips.purpose.tolist()], trips.origin, trips.destination, chains,
        ["arrived"] * count, end_s, trips.depart_s, zeros, utility,
    )  # fmt: skip
