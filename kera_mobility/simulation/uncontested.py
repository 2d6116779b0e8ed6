"""The parts of a day on which nothing can happen: deterministic rides, one after the other, are logged at once.

While somebody takes journeys that are one deterministic ride and is in time for the next trip, what happens follows
from the plan, and no clock has to run for it. All other trips are simulated.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Requests
from kera_mobility.services.world import World
from kera_mobility.simulation.trip_log import log_rides
from kera_mobility.units import BoolArray, FloatArray, IntArray

_OF_OFFERS = ("walk_s", "wait_s", "ride_s", "ride_m", "fare_eur")


class UncontestedTrips:
    """The trips on which nothing can happen before the next notice, of people at rest when they are due."""

    def __init__(
        self, world: World, services: Mapping[str, Service], demand: TripDemand, plans: Plans, until_s: float
    ) -> None:
        """Find them among all trips, as planned now, of those that end before `until_s`, when a notice comes."""
        self._world, self._demand = world, demand
        self._names = [chain.name for chain in plans.chains]
        rows = np.arange(len(demand))
        self._best = plans.bound.argmax(axis=1)
        self._utility = plans.bound[rows, self._best]
        at_once = (self._utility != IMPOSSIBLE) & (plans.later_s[rows, self._best] == 0.0)
        self._rides = _direct_rides(services, demand, plans, np.where(at_once, self._best, -1))
        self._uncontested = _in_time(demand, self._rides["end_s"], until_s)
        # As bytes: one number out of an array costs ten times as much.
        self._follows = np.append(self._uncontested[1:] & (demand.row[1:] == demand.row[:-1]), False).tobytes()
        self._unlogged: list[int] = []

    def log_first(self, rows: IntArray) -> IntArray:
        """Log the uncontested trips that come first for everyone who is at rest, and return their rows.

        `rows` are trips to come, with all later ones of the same people, none of whom is under way.
        """
        logged = rows[_beginnings(self._demand.row[rows], self._uncontested[rows])] if len(rows) else rows
        self._log(logged)
        return logged

    def log_following(self, row: int) -> range:
        """Log the uncontested trips right after one that has just ended, and return their rows.

        They are written together in `finish`, or now if somebody reads the log while the day runs.
        """
        end = row + 1
        while self._follows[end - 1]:
            end += 1
        self._unlogged.extend(range(row + 1, end))
        if self._world.log.heard:
            self.finish()
        return range(row + 1, end)

    def finish(self) -> None:
        """Write the trips that `log_following` has not written yet."""
        self._log(np.array(self._unlogged, dtype=np.int64))
        self._unlogged.clear()

    def _log(self, rows: IntArray) -> None:
        rides = {name: column[rows] for name, column in self._rides.items()}
        chains = [self._names[j] for j in self._best[rows].tolist()]
        log_rides(self._world, self._demand.at(rows), rides, chains, self._utility[rows])


def _direct_rides(
    services: Mapping[str, Service], demand: TripDemand, plans: Plans, best: IntArray
) -> dict[str, FloatArray]:
    """Return the ride of each trip whose best journey is one deterministic ride, (T,) each; end_s is inf elsewhere."""
    rides = {name: np.zeros(len(demand)) for name in (*_OF_OFFERS, "walk_m")}
    rides["end_s"] = np.full(len(demand), np.inf)
    for j, chain in enumerate(plans.chains):
        service = services[chain.main]
        if chain.access or not service.deterministic:
            continue
        rows = np.flatnonzero(best == j)
        trips = demand.at(rows)
        offers = service.expect(Requests(trips.row, trips.origin, trips.destination, trips.depart_s, trips.leave_s))
        for name in _OF_OFFERS:
            rides[name][rows] = getattr(offers, name)
        rides["walk_m"][rows] = service.walked_m(trips.origin, trips.destination)
        rides["end_s"][rows] = trips.depart_s + offers.walk_s + offers.wait_s + offers.ride_s
    return rides


def _in_time(demand: TripDemand, end_s: FloatArray, last_s: float) -> BoolArray:
    """Return which trips end before the person's next one is due, and before `last_s`, (T,)."""
    due_s = np.append(demand.depart_s[1:], np.inf)
    continues = np.append(demand.row[1:] == demand.row[:-1], False)
    return (end_s < last_s) & (~continues | (end_s <= due_s))


def _beginnings(row: IntArray, uncontested: BoolArray) -> BoolArray:
    """Return the trips that are uncontested, as are all before them of the same person, (T,)."""
    begins = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    contested = (~uncontested).astype(np.int64)
    so_far = np.cumsum(contested)
    before = (so_far - contested)[begins]
    beginnings: BoolArray = so_far == np.repeat(before, np.diff(np.append(begins, len(row))))
    return beginnings
