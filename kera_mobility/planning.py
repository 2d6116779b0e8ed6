"""Candidate journeys for all trips at once, as arrays: every service alone, and access + line + egress.

Utilities come in two forms: *expected*, which tours are decided by, and *bound*, which no live offer of a scarce
service can beat. Both are whole steps of 2^-20 and carry the same addressed errors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from kera_mobility.dice import Dice
from kera_mobility.journeys import Leg, Offers, Requests
from kera_mobility.policies.choice import IMPOSSIBLE, Choice, choose_for_tours
from kera_mobility.services.base import Service
from kera_mobility.settings import Settings
from kera_mobility.town.people import Trips
from kera_mobility.town.town import Town
from kera_mobility.units import HOUR_S, BoolArray, FloatArray, IntArray, quantise_utility


class PlanningSettings(Settings):
    """Settings of the search for journeys."""

    journeys_per_trip: int = Field(24, ge=1, le=64)
    """Most candidate journeys kept for a trip; how many were dropped is counted."""
    stops_per_end: int = Field(4, ge=1, le=20)
    """Nearest stops of a line tried at each end, by each feeding service. Assumption."""
    typical_start_s: float = Field(7 * HOUR_S, ge=0, le=86_400)
    """Stops are chosen by mean waiting and riding times from here, seconds from midnight. Assumption."""
    typical_end_s: float = Field(19 * HOUR_S, ge=0, le=108_000)
    """... to here, seconds from midnight. Assumption."""
    max_access_s: float = Field(2700.0, gt=0, le=14_400)
    """Longest way to or from a stop, s. Assumption."""


class Chain(NamedTuple):
    """An alternative: which services, in which order. Its name is its address in the dice."""

    name: str
    nest: str
    access: str
    """Feeding service, or empty."""
    main: str
    egress: str
    """Feeding service, or empty."""

    @property
    def services(self) -> frozenset[str]:
        """The services that it takes."""
        return frozenset({self.access, self.main, self.egress} - {""})


@dataclass(frozen=True)
class Wanted:
    """Trips as the planner reads them, arrays (T,); also one row, when somebody replans."""

    row: IntArray
    person: IntArray
    trip: IntArray
    tour: IntArray
    tour_trip: IntArray
    """First trip of the same tour: where the error of a private vehicle stands."""
    purpose: IntArray
    origin: IntArray
    destination: IntArray
    depart_s: FloatArray

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, trips: Trips, person: IntArray) -> Wanted:
        """Return the trips of a day; `person` are the ids of the people, (P,)."""
        row, tour = trips.row.astype(np.int64), trips.tour.astype(np.int64)
        _, number = _tours(row, tour)
        first = np.flatnonzero(np.r_[True, number[1:] != number[:-1]]) if len(row) else np.empty(0, dtype=np.int64)
        trip = trips.trip.astype(np.int64)
        return cls(
            row, person[row], trip, tour, trip[first][number], trips.purpose.astype(np.int64),
            trips.origin.astype(np.int64), trips.destination.astype(np.int64), trips.depart_s,
        )  # fmt: skip

    def at(self, index: IntArray) -> Wanted:
        """Return some of the trips."""
        return Wanted(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Plans:
    """What everyone may do and would best do, before the day; T trips, J chains."""

    chains: tuple[Chain, ...]
    expected: IntArray
    """(T, J) utility, IMPOSSIBLE where there is no such journey."""
    bound: IntArray
    """(T, J) the same with scarce services at their best."""
    first_leg: IntArray
    """(T, J) the part of `bound` that a live offer replaces; 0 where the first leg is firm."""
    stops: NDArray[np.int32]
    """(T, J, 2) nodes where a line is boarded and left, -1 where there is none."""
    dropped: int
    """Candidate journeys left out because a trip had more than allowed."""


class Planner:
    """Finds journeys; it knows services by their contract only."""

    def __init__(
        self, services: Mapping[str, Service], town: Town, choice: Choice, settings: PlanningSettings, dice: Dice
    ) -> None:
        self.services = dict(services)
        self.choice = choice
        self.chains = _chains(self.services)
        self._settings = settings
        self._dice = dice
        self._members = {name: service.members() for name, service in self.services.items()}
        self._nodes = town.streets.nodes
        self._lines = {
            name: _LineTables(service, self.services, self._nodes, settings)
            for name, service in self.services.items()
            if service.line
        }

    def plan_day(self, wanted: Wanted) -> Plans:
        """Return the plans of a day: tours take a private vehicle throughout or not at all."""
        plans = self.plan(wanted)
        private = [j for j, chain in enumerate(self.chains) if self.services[chain.main].private]
        if not private or not len(wanted):
            return plans
        free = [j for j in range(len(self.chains)) if j not in private]
        best_free = plans.expected[:, free].max(axis=1, initial=IMPOSSIBLE)
        _, number = _tours(wanted.row, wanted.tour)
        taken = choose_for_tours(number, best_free, plans.expected[:, private])[number]
        for column, j in enumerate(private):
            plans.bound[taken != column + 1, j] = IMPOSSIBLE
        for j in free:
            plans.bound[taken != 0, j] = IMPOSSIBLE
        return plans

    def replan(self, wanted: Wanted, shunned: Collection[str]) -> Plans:
        """Return the plans from a place on the way, without some services; private vehicles are not at hand there."""
        private = {name for name, service in self.services.items() if service.private}
        return self.plan(wanted, private.union(shunned))

    def plan(self, wanted: Wanted, avoid: Collection[str] = ()) -> Plans:
        """Return every candidate journey of every trip with its utilities, those of services to avoid left out."""
        shape = (len(wanted), len(self.chains))
        plans = Plans(
            self.chains,
            np.full(shape, IMPOSSIBLE, dtype=np.int64),
            np.full(shape, IMPOSSIBLE, dtype=np.int64),
            np.zeros(shape, dtype=np.int64),
            np.full((*shape, 2), -1, dtype=np.int32),
            0,
        )
        nest_errors: dict[str, FloatArray] = {}
        for j, chain in enumerate(self.chains):
            rows = self._rows(chain, wanted)
            if not len(rows) or not chain.services.isdisjoint(avoid):
                continue
            some = wanted.at(rows)
            if chain.access:
                rows, some = self._plan_line(plans, j, chain, rows, some)
            else:
                rows, some = self._plan_alone(plans, j, chain, rows, some)
            private = self.services[chain.main].private
            if chain.nest not in nest_errors:
                nest_errors[chain.nest] = self.choice.nest_errors(self._dice, chain.nest, wanted.person, wanted.tour)
            error = nest_errors[chain.nest][rows] + self.choice.chain_errors(
                self._dice, chain.name, some.person, some.tour_trip if private else some.trip
            )
            constant = quantise_utility(self._constant(chain, some) + error)
            expected = plans.expected[rows, j]
            plans.expected[rows, j] = np.where(expected == IMPOSSIBLE, IMPOSSIBLE, expected + constant)
            plans.bound[rows, j] += constant
        return self._keep_best(plans)

    def legs(self, chain: Chain, stops: tuple[int, int], leg: Leg) -> list[Leg]:
        """Return the legs of a journey; `leg` holds who, from where, and to where. Walks of no length are left out."""
        if not chain.access:
            return [Leg(chain.main, leg.origin, leg.destination, leg.person, leg.row, leg.trip, leg.leg, leg.step)]
        ends = ((chain.access, leg.origin, stops[0]), (chain.main, *stops), (chain.egress, stops[1], leg.destination))
        moves = [(service, origin, destination) for service, origin, destination in ends if origin != destination]
        return [
            Leg(service, origin, destination, leg.person, leg.row, leg.trip, leg.leg + number, leg.step)
            for number, (service, origin, destination) in enumerate(moves)
        ]

    def asks_first(self, chain: Chain) -> bool:
        """Return whether the first leg of a chain must be asked live before it is firm."""
        return self.services[chain.access or chain.main].scarce

    def _rows(self, chain: Chain, wanted: Wanted) -> IntArray:
        able = wanted.origin != wanted.destination
        for name in chain.services:
            able &= self._members[name][wanted.row]
        return np.flatnonzero(able)

    def _constant(self, chain: Chain, some: Wanted) -> FloatArray:
        settings = self.choice.settings
        value = settings.constants.get(chain.main, 0.0)
        value += sum(settings.feeder_constants.get(name, 0.0) for name in (chain.access, chain.egress))
        constant = np.full(len(some), value)
        if self.services[chain.main].private and self.services[chain.main].mode == "car":
            constant = constant + self.choice.car_user[some.purpose]
        return constant

    def _plan_alone(
        self, plans: Plans, j: int, chain: Chain, rows: IntArray, some: Wanted
    ) -> tuple[IntArray, Wanted]:
        service = self.services[chain.main]
        requests = Requests(some.row, some.origin, some.destination, some.depart_s)
        expected, bound = _expect_both(service, requests)
        kept = bound.possible
        rows, some, expected, bound = rows[kept], some.at(np.flatnonzero(kept)), expected.at(kept), bound.at(kept)
        on_foot = service.mode == "walk"
        best = self.choice.leg_utility(some.purpose, service.time_class, bound, on_foot=on_foot)
        plans.bound[rows, j] = best
        if service.scarce:
            plans.first_leg[rows, j] = best
            # What is not expected to be there may still turn up: the tour reckons with the bound's worst case, nothing.
            likely = self.choice.leg_utility(some.purpose, service.time_class, _finite(expected), on_foot=on_foot)
            plans.expected[rows, j] = np.where(expected.possible, likely, IMPOSSIBLE)
        else:
            plans.expected[rows, j] = best
        return rows, some

    def _plan_line(self, plans: Plans, j: int, chain: Chain, rows: IntArray, some: Wanted) -> tuple[IntArray, Wanted]:
        tables = self._lines[chain.main]
        board, alight, kept = tables.best_stops(chain.access, chain.egress, some.origin, some.destination)
        access, line, egress = (self.services[name] for name in (chain.access, chain.main, chain.egress))
        # At the stop already: the journey on foot is the same one, and stands under its own name.
        kept &= (board != some.origin) | (access.mode == "walk")
        kept &= (alight != some.destination) | (egress.mode == "walk")
        rows, some, board, alight = rows[kept], some.at(np.flatnonzero(kept)), board[kept], alight[kept]
        to_stop = Requests(some.row, some.origin, board, some.depart_s)
        expected, bound = _expect_both(access, to_stop)
        expected, bound = _nothing_where(some.origin == board, expected), _nothing_where(some.origin == board, bound)
        ready_s = some.depart_s + np.where(expected.possible, expected.duration_s, 0.0)
        ride = line.expect(Requests(some.row, board, alight, ready_s))
        arrive_s = ready_s + np.where(ride.possible, ride.duration_s, 0.0)
        from_stop = egress.expect(Requests(some.row, alight, some.destination, arrive_s))
        from_stop = _nothing_where(alight == some.destination, from_stop)
        possible = np.flatnonzero(expected.possible & ride.possible & from_stop.possible)
        rows, some = rows[possible], some.at(possible)

        def felt(offers: Offers) -> IntArray:
            return self.choice.leg_utility(some.purpose, line.time_class, offers.at(possible), on_foot=False)

        rest = felt(ride) + felt(from_stop)
        plans.expected[rows, j] = felt(expected) + rest
        plans.bound[rows, j] = felt(bound) + rest
        if access.scarce:
            plans.first_leg[rows, j] = felt(bound)
        plans.stops[rows, j, 0], plans.stops[rows, j, 1] = board[possible], alight[possible]
        return rows, some

    def _keep_best(self, plans: Plans) -> Plans:
        most = self._settings.journeys_per_trip
        if len(self.chains) <= most:
            return plans
        # Not minus: the smallest integer, IMPOSSIBLE, has no opposite.
        order = np.argsort(~plans.expected, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
        left_out = (rank >= most) & (plans.bound != IMPOSSIBLE)
        for table in (plans.expected, plans.bound):
            table[left_out] = IMPOSSIBLE
        return Plans(
            plans.chains, plans.expected, plans.bound, plans.first_leg, plans.stops, int(np.count_nonzero(left_out))
        )


class _LineTables:
    """How long each feeding service takes between every node and every stop of one line."""

    def __init__(
        self, line: Service, services: Mapping[str, Service], nodes: int, settings: PlanningSettings
    ) -> None:
        self._settings = settings
        self._stops = line.stops()
        typical = getattr(line, "typical_s")  # noqa: B009
        self._typical: FloatArray = typical(settings.typical_start_s, settings.typical_end_s)
        self._to: dict[str, FloatArray] = {}
        self._from: dict[str, FloatArray] = {}
        self._near_to: dict[str, IntArray] = {}
        self._near_from: dict[str, IntArray] = {}
        every = np.arange(nodes)
        for name, service in services.items():
            if not service.feeds:
                continue
            to_stops, from_stops = (np.empty((nodes, len(self._stops))) for _ in range(2))
            for column, stop in enumerate(self._stops.tolist()):
                same = np.full(nodes, stop)
                to_stops[:, column] = np.where(every == stop, 0.0, service.reach_s(every, same))
                from_stops[:, column] = np.where(every == stop, 0.0, service.reach_s(same, every))
            self._to[name], self._from[name] = to_stops, from_stops
            self._near_to[name], self._near_from[name] = self._nearest(to_stops), self._nearest(from_stops)

    def best_stops(
        self, access: str, egress: str, origins: IntArray, destinations: IntArray
    ) -> tuple[IntArray, IntArray, BoolArray]:
        """Return the nodes to board and to alight at with the least typical duration, (T,), and where there are any."""
        best_s = np.full(len(origins), np.inf)
        board, alight = np.zeros(len(origins), dtype=np.int64), np.zeros(len(origins), dtype=np.int64)
        near_to, near_from = self._near_to[access][origins], self._near_from[egress][destinations]
        for first in range(near_to.shape[1]):
            up = near_to[:, first]
            up_s = self._to[access][origins, up]
            for second in range(near_from.shape[1]):
                down = near_from[:, second]
                total_s = up_s + self._typical[up, down] + self._from[egress][destinations, down]
                better = (total_s < best_s) & (up != down)
                best_s[better], board[better], alight[better] = total_s[better], up[better], down[better]
        limit = self._settings.max_access_s
        kept = np.isfinite(best_s)
        kept &= (self._to[access][origins, board] <= limit) & (self._from[egress][destinations, alight] <= limit)
        return self._stops[board], self._stops[alight], kept

    def _nearest(self, table: FloatArray) -> IntArray:
        count = min(self._settings.stops_per_end, table.shape[1])
        order: IntArray = np.argsort(table, axis=1, kind="stable")[:, :count].astype(np.int64)
        return order


def _chains(services: Mapping[str, Service]) -> tuple[Chain, ...]:
    """Return all alternatives by name: services alone, and lines with at most one end that is not a walk."""
    feeders = [name for name, service in services.items() if service.feeds]
    on_foot = [name for name in feeders if services[name].mode == "walk"]
    found = [Chain(name, service.nest, "", name, "") for name, service in services.items() if service.alone]
    for line, service in services.items():
        if service.line:
            found += [
                Chain(f"{access}+{line}+{egress}", service.nest, access, line, egress)
                for access in feeders
                for egress in feeders
                if access in on_foot or egress in on_foot
            ]
    return tuple(sorted(found, key=lambda chain: chain.name))


def _tours(row: IntArray, tour: IntArray) -> tuple[IntArray, IntArray]:
    """Return where each tour begins, and the number of the tour of each trip, (T,)."""
    begins = np.r_[True, (row[1:] != row[:-1]) | (tour[1:] != tour[:-1])] if len(row) else np.empty(0, dtype=bool)
    return np.flatnonzero(begins), np.cumsum(begins) - 1


def _expect_both(service: Service, requests: Requests) -> tuple[Offers, Offers]:
    expected = service.expect(requests)
    return expected, (service.bound(requests) if service.scarce else expected)


def _nothing_where(there_already: BoolArray, offers: Offers) -> Offers:
    return Offers(*(np.where(there_already, 0.0, column) for column in offers.columns))


def _finite(offers: Offers) -> Offers:
    return Offers(*(np.where(np.isfinite(column), column, 0.0) for column in offers.columns))
