"""The part of a day on which nothing can happen: steady rides, one after the other, are told at once.

Until somebody first takes a journey that is not one steady ride, or is late for the next trip, they ask nobody and meet
nobody: what they do follows from the plan, and no clock has to run for it. From then on they live in the clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kera_mobility.journeys import PURPOSES, Requests
from kera_mobility.plans import Plans, Wanted
from kera_mobility.policies.choice import IMPOSSIBLE
from kera_mobility.services.base import Service
from kera_mobility.units import BoolArray, FloatArray, IntArray
from kera_mobility.world import World

_COLUMNS = ("walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_eur")


def tell_quiet_trips(
    world: World, services: Mapping[str, Service], wanted: Wanted, plans: Plans, rows: IntArray, until_s: float
) -> IntArray:
    """Log the trips and legs of everyone's quiet beginning of the day, or of the rest of it, and return their rows.

    `rows` are trips to come, with all later ones of the same people, none of whom is under way. News comes at
    `until_s`: what ends later is not told.
    """
    if not len(rows):
        return rows
    everyone = len(rows) == len(wanted)
    wanted, bound = (wanted, plans.bound) if everyone else (wanted.at(rows), plans.bound[rows])
    best = bound.argmax(axis=1)
    utility = bound[np.arange(len(rows)), best]
    at_once = (utility != IMPOSSIBLE) & (plans.later_s[rows, best] == 0.0)
    legs = _steady_legs(services, wanted, plans, np.where(at_once, best, -1))
    end_s = wanted.depart_s + legs["walk_s"] + legs["wait_s"] + legs["ride_s"]
    quiet = _beginnings(wanted.row, _in_time(wanted, end_s, until_s))
    told = np.flatnonzero(quiet)
    _log(world, wanted.at(told), {name: column[told] for name, column in legs.items()}, end_s[told],
         [plans.chains[j].name for j in best[told].tolist()], utility[told])  # fmt: skip
    return rows[told]


def _steady_legs(
    services: Mapping[str, Service], wanted: Wanted, plans: Plans, best: IntArray
) -> dict[str, FloatArray]:
    """Return what each trip's best journey is if it is one steady ride, (T,); walk_s is inf where it is not."""
    legs = {name: np.zeros(len(wanted)) for name in _COLUMNS}
    legs["walk_s"][:] = np.inf
    for j, chain in enumerate(plans.chains):
        service = services[chain.main]
        if chain.access or not service.steady:
            continue
        rows = np.flatnonzero(best == j)
        some = wanted.at(rows)
        offers = service.expect(Requests(some.row, some.origin, some.destination, some.depart_s))
        for name in ("walk_s", "wait_s", "ride_s", "ride_m", "fare_eur"):
            legs[name][rows] = getattr(offers, name)
        legs["walk_m"][rows] = service.walked_m(some.origin, some.destination)
    return legs


def _in_time(wanted: Wanted, end_s: FloatArray, last_s: float) -> BoolArray:
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
    world: World, trips: Wanted, legs: Mapping[str, FloatArray], end_s: FloatArray, chains: list[str], utility: IntArray
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
