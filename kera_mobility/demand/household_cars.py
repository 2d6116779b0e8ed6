"""The cars of a household among all who hold a licence in it: who has one on which tour, settled before the day.

Main drivers come first, the others in an order drawn for the day. Each has a car on the tours that want one and that
leave enough for those before. Never are more people out with a car than the household has cars, whatever happens on the
day: where it is not certain when somebody is back, the car counts as out until the day ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

import numpy as np

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.mode_chains import ModeChain
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.dice import Dice
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Requests
from kera_mobility.town.population.persons import People
from kera_mobility.units import BoolArray, FloatArray, IntArray


class TourWishes(NamedTuple):
    """What tours would take; options are numbered from 0, which stands for choosing trip by trip."""

    option: IntArray
    """(R,) what each tour takes with a car for everyone."""
    without: IntArray
    """(R,) what it takes if it has no car."""
    begun: BoolArray
    """(R,) whether it is under way, with what it took."""
    chains: Sequence[IntArray]
    """By option, the chain of each trip, (T,); -1 if it is not certain."""
    takes_car: BoolArray
    """By option, whether a car is out."""


class CarUse(NamedTuple):
    """Somebody has a car of the household for a while."""

    row: int
    begin_s: float
    end_s: float


class HouseholdCars:
    """Gives the cars of each household to the tours of its members."""

    def __init__(self, people: People, services: Mapping[str, Service], chains: Sequence[ModeChain], dice: Dice):
        self._household, self._cars = people.household, people.household_cars
        self._main_driver = people.main_driver
        self._turn = np.where(people.main_driver, 0.0, 1.0) + dice.uniform("household car", people.person)
        """Lower comes first."""
        self._rides = [(j, services[chain.main]) for j, chain in enumerate(chains) if not chain.access]
        self._rides = [(j, service) for j, service in self._rides if service.deterministic]

    def allot(self, demand: TripDemand, wishes: TourWishes) -> IntArray:
        """Return what each tour takes, (R,): what it would, or what it takes without a car."""
        opens, option = np.flatnonzero(demand.opens), wishes.option.copy()
        row = demand.row[opens]
        wants = wishes.takes_car[option]
        asks = wants & ~wishes.begun & ~self._main_driver[row]
        shared = np.isin(self._household[row], self._household[row[asks]])
        if not shared.any():
            return option
        trips = np.flatnonzero(shared[demand.tour_number])
        end_s = np.full((len(opens), len(wishes.chains)), inf)
        end_s[shared] = self._ends_s(demand.at(trips), [chains[trips] for chains in wishes.chains])
        end_s[wishes.begun] = inf
        uses: dict[int, list[CarUse]] = defaultdict(list)
        for tour in np.flatnonzero(shared & wishes.begun & wants).tolist():
            uses[int(self._household[row[tour]])].append(CarUse(int(row[tour]), -inf, inf))
        order = np.flatnonzero(shared)
        order = order[np.lexsort((order, self._turn[row[order]]))]
        punctual = dict.fromkeys(row[order].tolist(), True)
        following = {tour: after for tour, after in pairwise(range(len(opens))) if row[tour] == row[after]}
        begins_s = demand.depart_s[opens].tolist()
        for tour in order.tolist():
            person = int(row[tour])
            household = int(self._household[person])
            if wishes.takes_car[option[tour]] and not wishes.begun[tour]:
                use = CarUse(person, begins_s[tour], float(end_s[tour, option[tour]]) if punctual[person] else inf)
                if is_free(uses[household], use, int(self._cars[person])):
                    uses[household].append(use)
                else:
                    option[tour] = wishes.without[tour]
            after_s = begins_s[following[tour]] if tour in following else inf
            punctual[person] &= bool(end_s[tour, option[tour]] <= after_s)
        return option

    def _ends_s(self, demand: TripDemand, chains: Sequence[IntArray]) -> FloatArray:
        """Return when tours that begin as planned end with each option, (R, K); inf where that is not certain.

        It is where each trip is one ride that nothing can change, over before the next is due.
        """
        due_s = np.where(demand.closes, inf, np.append(demand.depart_s, inf)[1:])
        starts = np.flatnonzero(demand.opens)
        ends = []
        for chain in chains:
            end_s = np.full(len(demand), inf)
            for j, service in self._rides:
                rows = np.flatnonzero(chain == j)
                trips = demand.at(rows)
                rides = service.expect(Requests(trips.row, trips.origin, trips.destination, trips.depart_s))
                end_s[rows] = trips.depart_s + rides.duration_s
            late = np.logical_or.reduceat(end_s > due_s, starts)
            ends.append(np.where(late, inf, end_s[demand.closes]))
        return np.column_stack(ends)


def certain_chains(plans: Plans, free: Sequence[int]) -> IntArray:
    """Return the best journey of each trip without a private vehicle, (T,), by its bound; -1 where there is none."""
    bound = plans.bound[:, free]
    best = np.asarray(free, dtype=np.int64)[bound.argmax(axis=1)]
    return np.where(bound.max(axis=1) == IMPOSSIBLE, -1, best)


def is_free(uses: Sequence[CarUse], wish: CarUse, cars: int) -> bool:
    """Return whether one more may have a car, so that at no moment more people have one than there are cars."""
    if any(use.row == wish.row and use.begin_s <= wish.begin_s and use.end_s >= wish.end_s for use in uses):
        return True
    meets = [use for use in uses if use.row != wish.row and use.begin_s < wish.end_s and wish.begin_s < use.end_s]
    moments_s = {wish.begin_s, *(use.begin_s for use in meets if use.begin_s > wish.begin_s)}
    return all(len({use.row for use in meets if use.begin_s <= moment_s < use.end_s}) < cars for moment_s in moments_s)
