"""Candidate journeys for all trips at once, as arrays: every service alone, and access + line + egress.

Utilities come in two forms: *expected*, which tours are decided by, and *bound*, which no live offer of a scarce
service can beat. Both are whole steps of 2^-20 and carry the same addressed errors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.demand.choice_model import IMPOSSIBLE, Choice, choose_for_tours
from kera_mobility.demand.mode_chains import ModeChain, chains_of
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.demand.stop_choice import StopChoice
from kera_mobility.dice import Dice
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Offers, Requests
from kera_mobility.services.world import Notice
from kera_mobility.town.town import Town
from kera_mobility.units import HOUR_S, BoolArray, FloatArray, IntArray, quantise_utility

FREE = -1
"""Stands for any chain without a private vehicle, where a tour's option leaves a trip to itself."""


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
    warm_up_days: int = Field(5, ge=0, le=20)
    """Most days lived before the first, to learn what to expect of scarce services. Assumption."""
    warm_up_agreement: float = Field(0.1, gt=0, le=1)
    """Learning ends when the chance of being served that was expected and that was met differ by less. Assumption."""


class Parked(NamedTuple):
    """Where vehicles stand that tours under way have left at a stop."""

    rows: IntArray
    """The first trips of these tours."""
    stops: NDArray[np.int32]
    """(R, J, 2) where each chain of them boarded and left its line."""


class Option(NamedTuple):
    """What a tour may take as a whole: a private vehicle, ridden throughout or parked at a line's stop."""

    utility: IntArray
    """(T,) of each trip, so that a tour can be summed."""
    chain: IntArray
    """(T,) the chain that each trip takes, or FREE."""


class Hours(NamedTuple):
    """When a service was announced not to run."""

    from_s: float
    until_s: float
    rides_end: bool
    """Whether rides that have begun go on to their end."""

    def hit(self, requests: Requests, duration_s: FloatArray) -> BoolArray:
        """Return which rides of these durations fall into the hours, (T,)."""
        end_s = requests.depart_s + (0.0 if self.rides_end else duration_s)
        hits: BoolArray = (requests.depart_s < self.until_s) & (end_s >= self.from_s)
        return hits


class Planner:
    """Finds journeys; it knows services by their contract only."""

    def __init__(
        self, services: Mapping[str, Service], town: Town, choice: Choice, settings: PlanningSettings, dice: Dice
    ) -> None:
        self.services = dict(services)
        self.choice = choice
        self.chains = chains_of(self.services)
        self._settings = settings
        self._dice = dice
        self.keeps_times = False
        """Whether plans keep what journeys are expected to take, besides their utilities."""
        self._members = {name: service.members() for name, service in self.services.items()}
        self._people = len(town.people.person)
        self._private = frozenset(name for name, service in self.services.items() if service.private)
        self._free = [j for j, chain in enumerate(self.chains) if chain.services.isdisjoint(self._private)]
        self._taking = [chain.services for chain in self.chains]
        # A vehicle is fetched where it was parked, so the ways out are planned before the ways home.
        self._in_order = sorted(range(len(self.chains)), key=lambda j: self._fetches(self.chains[j]))
        self._nodes = town.streets.nodes
        self._away: dict[str, dict[Hours, None]] = {}
        self._lines = self._line_stops()

    def plan_day(self, wanted: TripDemand) -> Plans:
        """Return the plans of a day: each tour takes a private vehicle, or its trips are free to take anything else."""
        plans = self.plan(wanted, at_leisure=True)
        if not len(wanted):
            return plans
        best_free = plans.expected[:, self._free].max(axis=1, initial=IMPOSSIBLE)
        options = self._options(plans, wanted, best_free)
        utilities = np.column_stack([option.utility for option in options]) if options else np.empty((len(wanted), 0))
        number = wanted.tour_number
        taken = choose_for_tours(number, best_free, utilities.astype(np.int64))[number]
        plans.bound[~self._allowed(options, taken)] = IMPOSSIBLE
        return replace(plans, taken=taken)

    def plan_rest(self, plans: Plans, wanted: TripDemand, to_come: BoolArray) -> Plans:
        """Return the plans of a day with the trips still to come, (T,), planned anew as things are expected now.

        A tour under way keeps the vehicle that it took. Where that cannot go on, the trip may take anything else, and
        the vehicle stays where it is. Assumption.
        """
        number, tours = wanted.tour_number, int(wanted.opens.sum())
        of_rest = np.bincount(number[to_come], minlength=tours) > 0
        rows = np.flatnonzero(of_rest[number])
        some, begun = wanted.at(rows), np.bincount(number[~to_come], minlength=tours)[number[rows]] > 0
        known = np.flatnonzero(some.opens & begun)
        fresh = self.plan(some, at_leisure=True, parked=Parked(known, plans.stops[rows[known]]))
        best_free = fresh.expected[:, self._free].max(axis=1, initial=IMPOSSIBLE)
        options = self._options(fresh, some, best_free)
        utilities = np.column_stack([option.utility for option in options]) if options else np.empty((len(some), 0))
        own = some.tour_number
        chosen = choose_for_tours(own, best_free, utilities.astype(np.int64))[own] if len(some) else own
        taken = np.where(begun, plans.taken[rows], chosen)
        allowed = self._allowed(options, taken)
        stuck = begun & ~(allowed & (fresh.bound != IMPOSSIBLE)).any(axis=1)
        allowed[np.ix_(stuck, self._free)] = True
        fresh.bound[~allowed] = IMPOSSIBLE
        return plans.with_rows(rows[to_come[rows]], replace(fresh, taken=taken), np.flatnonzero(to_come[rows]))

    def look_again(self) -> None:
        """Choose stops anew: lines, or the ways to them, are not what they were."""
        self._lines = self._line_stops()

    def foresee(self, notice: Notice) -> None:
        """Expect nothing of a service in hours in which it is announced not to run; single lines it knows itself."""
        detail = notice.detail
        if notice.service and not detail.get("lines"):
            hours = Hours(detail["from_s"], detail["until_s"], rides_end=detail["topic"] == "offline")
            self._away.setdefault(notice.service, {})[hours] = None

    def expected_eur(self, wanted: TripDemand, plans: Plans) -> FloatArray:
        """Return what each person's day is expected to be worth, EUR, (P,); only differences of days mean anything.

        The sum over trips of the best expected utility, errors included, over minus the cost coefficient: its mean over
        people is the nested logsum in euros. NaN for people with a trip that no journey is expected for.
        """
        best = np.where(plans.bound == IMPOSSIBLE, IMPOSSIBLE, plans.expected).max(axis=1, initial=IMPOSSIBLE)
        value_eur = np.where(wanted.origin == wanted.destination, 0.0, self.choice.in_eur(wanted.purpose, best))
        return np.bincount(wanted.row, weights=value_eur, minlength=self._people).astype(np.float64)

    def replan(self, wanted: TripDemand, shunned: Collection[str]) -> Plans:
        """Return the plans from a place on the way, without some services and those that nobody finds there."""
        pre_arranged = {name for name, service in self.services.items() if service.private or service.pre_arranged}
        return self.plan(wanted, at_leisure=False, avoid=pre_arranged.union(shunned))

    def asks_first(self, chain: ModeChain) -> bool:
        """Return whether the first leg of a chain must be asked live before it is firm."""
        return self.services[chain.access or chain.main].capacity_limited

    def liking(self, j: int, some: TripDemand) -> IntArray:
        """Return what a chain is worth to people on some trips apart from time and money, (T,)."""
        chain = self.chains[j]
        trip = some.tour_trip if chain.main in self._private else some.trip
        error = self.choice.nest_errors(self._dice, chain.nest, some.person, some.tour)
        error = error + self.choice.chain_errors(self._dice, chain.name, some.person, trip)
        return quantise_utility(self._constant(chain, some) + error)

    # All journeys of all trips.

    def plan(
        self, wanted: TripDemand, *, at_leisure: bool, avoid: Collection[str] = (), parked: Parked | None = None
    ) -> Plans:
        """Return every candidate journey of every trip with its utilities, those of services to avoid left out.

        `parked` says where the tours that are under way have left their vehicles.
        """
        plans = Plans.none(len(wanted), self.chains, at_leisure=at_leisure, keeps_times=self.keeps_times)
        nest_errors: dict[str, FloatArray] = {}
        for j in self._in_order:
            chain = self.chains[j]
            rows = self._rows(j, wanted) if self._taking[j].isdisjoint(avoid) else np.empty(0, dtype=np.int64)
            if not len(rows):
                continue
            rows = self._plan_line(plans, j, rows, wanted) if chain.access else self._plan_alone(plans, j, rows, wanted)
            if chain.nest not in nest_errors:
                nest_errors[chain.nest] = self.choice.nest_errors(self._dice, chain.nest, wanted.person, wanted.tour)
            some = wanted.among(rows)
            trip = some.tour_trip if chain.main in self._private else some.trip
            error = nest_errors[chain.nest][rows] + self.choice.chain_errors(self._dice, chain.name, some.person, trip)
            constant = quantise_utility(self._constant(chain, some) + error)
            expected = plans.expected[rows, j]
            plans.expected[rows, j] = np.where(expected == IMPOSSIBLE, IMPOSSIBLE, expected + constant)
            plans.bound[rows, j] += constant
            if parked is not None and chain.parked:
                plans.stops[parked.rows, j] = parked.stops[:, j]
        return self._keep_best(plans)

    def _rows(self, j: int, wanted: TripDemand) -> IntArray:
        """Return the trips for which a chain comes into question."""
        chain, able = self.chains[j], wanted.origin != wanted.destination
        for name in self._taking[j]:
            able &= self._members[name][wanted.row]
        if chain.parked:
            able &= ~wanted.opens & wanted.closes if self._fetches(chain) else wanted.opens & ~wanted.closes
        return np.flatnonzero(able)

    def _fetches(self, chain: ModeChain) -> bool:
        return bool(chain.parked) and chain.egress == chain.parked

    def _constant(self, chain: ModeChain, some: TripDemand) -> FloatArray:
        settings = self.choice.settings
        value = settings.constants.get(chain.main, 0.0)
        value += sum(settings.feeder_constants.get(name, 0.0) for name in (chain.access, chain.egress))
        constant = np.full(len(some), value)
        if chain.main in self._private and self.services[chain.main].mode == "car":
            constant = constant + self.choice.car_user[some.purpose]
        return constant

    def _plan_alone(self, plans: Plans, j: int, rows: IntArray, wanted: TripDemand) -> IntArray:
        service, some = self.services[self.chains[j].main], wanted.among(rows)
        expected, bound = self._expect_both(service, Requests(some.row, some.origin, some.destination, some.depart_s))
        kept = np.flatnonzero(bound.possible)
        rows, purpose, expected, bound = rows[kept], some.purpose[kept], expected.at(kept), bound.at(kept)

        def felt(offers: Offers) -> IntArray:
            on_foot, leisure = service.mode == "walk", plans.at_leisure
            return self.choice.leg_utility(
                purpose, service.time_class, _finite(offers), on_foot=on_foot, leaves_later=leisure
            )

        plans.expected[rows, j] = plans.bound[rows, j] = felt(bound)
        plans.keep_times(rows, j, expected)
        if service.capacity_limited:
            plans.expected[rows, j] = np.where(expected.possible, felt(expected), IMPOSSIBLE)
            plans.first_leg[rows, j] = plans.bound[rows, j]
        elif plans.at_leisure:
            plans.later_s[rows, j] = bound.spare_s
        return rows

    def _plan_line(self, plans: Plans, j: int, rows: IntArray, wanted: TripDemand) -> IntArray:
        chain = self.chains[j]
        access, line, egress = (self.services[name] for name in (chain.access, chain.main, chain.egress))
        ends = self._lines[chain.main].best(
            chain.access, chain.egress, wanted.origin[rows], wanted.destination[rows],
            self._parked_at(plans, chain, wanted)[rows] if self._fetches(chain) else None,
        )  # fmt: skip
        # At the stop already: the journey on foot is the same one, and stands under its own name.
        kept = ends.found & ((ends.board != wanted.origin[rows]) | (access.mode == "walk"))
        kept &= (ends.alight != wanted.destination[rows]) | (egress.mode == "walk")
        rows, board, alight = rows[kept], ends.board[kept], ends.alight[kept]
        some = wanted.among(rows)
        expected, bound = self._expect_both(access, Requests(some.row, some.origin, board, some.depart_s))
        expected, bound = _nothing_where(some.origin == board, expected), _nothing_where(some.origin == board, bound)
        ready_s = some.depart_s + np.where(expected.possible, expected.duration_s, 0.0)
        ride = self._expect_both(line, Requests(some.row, board, alight, ready_s))[0]
        arrive_s = ready_s + np.where(ride.possible, ride.duration_s, 0.0)
        from_stop = self._expect_both(egress, Requests(some.row, alight, some.destination, arrive_s), bounds=False)[0]
        from_stop = _nothing_where(alight == some.destination, from_stop)
        possible = np.flatnonzero(expected.possible & ride.possible & from_stop.possible)
        rows = rows[possible]
        waits_at_home = plans.at_leisure and not access.capacity_limited

        def felt(offers: Offers, *, leaves_later: bool) -> IntArray:
            return self.choice.leg_utility(
                some.purpose[possible], line.time_class, offers.at(possible), leaves_later=leaves_later
            )

        rest = felt(ride, leaves_later=waits_at_home) + felt(from_stop, leaves_later=False)
        at_best = felt(bound, leaves_later=plans.at_leisure)
        plans.expected[rows, j] = plans.bound[rows, j] = at_best + rest
        if access.capacity_limited:
            plans.expected[rows, j] = felt(expected, leaves_later=plans.at_leisure) + rest
            plans.first_leg[rows, j] = at_best
        if waits_at_home:
            plans.later_s[rows, j] = ride.spare_s[possible]
        plans.stops[rows, j, 0], plans.stops[rows, j, 1] = board[possible], alight[possible]
        plans.keep_times(rows, j, *(offers.at(possible) for offers in (expected, ride, from_stop)))
        return rows

    def _expect_both(self, service: Service, requests: Requests, *, bounds: bool = True) -> tuple[Offers, Offers]:
        """Return what is expected of a service, and the bounds of what it may offer if they are wanted."""
        expected = service.expect(requests)
        bound = service.bound(requests) if bounds and service.capacity_limited else expected
        for hours in self._away.get(service.name, ()):
            hit = hours.hit(requests, np.where(expected.possible, expected.duration_s, 0.0))
            expected, bound = _impossible_where(hit, expected), _impossible_where(hit, bound)
        return expected, bound

    def _parked_at(self, plans: Plans, chain: ModeChain, wanted: TripDemand) -> IntArray:
        """Return the node where the tour of each trip left its vehicle on the way out, (T,), -1 for none."""
        way_out = self.chains.index(self._way_out(chain))
        left_at: IntArray = plans.stops[np.flatnonzero(wanted.opens), way_out, 0].astype(np.int64)
        return left_at[wanted.tour_number]

    def _way_out(self, chain: ModeChain) -> ModeChain:
        return next(other for other in self.chains if (other.access, other.main) == (chain.egress, chain.main))

    def _line_stops(self) -> dict[str, StopChoice]:
        settings = self._settings
        return {
            name: StopChoice(
                service, self.services, self._nodes,
                stops_per_end=settings.stops_per_end, max_access_s=settings.max_access_s,
                typical_s=service.typical_s(settings.typical_start_s, settings.typical_end_s),
            )
            for name, service in self.services.items()
            if service.line
        }  # fmt: skip

    # What a tour takes as a whole.

    def _options(self, plans: Plans, wanted: TripDemand, best_free: IntArray) -> list[Option]:
        options = []
        for j, chain in enumerate(self.chains):
            if chain.main in self._private:
                options.append(Option(plans.expected[:, j], np.full(len(wanted), j)))
            elif self._fetches(chain):
                out = self.chains.index(self._way_out(chain))
                taken = np.where(wanted.opens, out, np.where(wanted.closes, j, FREE))
                by_chain = plans.expected[np.arange(len(wanted)), taken]
                options.append(Option(np.where(taken == FREE, best_free, by_chain), taken))
        return options

    def _allowed(self, options: list[Option], taken: IntArray) -> BoolArray:
        """Return which chains each trip may take, (T, J), when its tour took option `taken` - 1, or none at 0."""
        allowed = np.zeros((len(taken), len(self.chains)), dtype=np.bool_)
        free = taken == 0
        for number, option in enumerate(options, start=1):
            of_option = taken == number
            free |= of_option & (option.chain == FREE)
            rows = np.flatnonzero(of_option & (option.chain != FREE))
            allowed[rows, option.chain[rows]] = True
        allowed[np.ix_(free, self._free)] = True
        return allowed

    def _keep_best(self, plans: Plans) -> Plans:
        most = self._settings.journeys_per_trip
        if len(self.chains) <= most:
            return plans
        # What is not expected but may turn up comes before what cannot be. Not minus: IMPOSSIBLE has no opposite.
        worth = np.where(plans.bound == IMPOSSIBLE, IMPOSSIBLE, np.maximum(plans.expected, IMPOSSIBLE + 1))
        order = np.argsort(~worth, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
        left_out = (rank >= most) & (plans.bound != IMPOSSIBLE)
        for table in (plans.expected, plans.bound):
            table[left_out] = IMPOSSIBLE
        return replace(plans, dropped=int(np.count_nonzero(left_out)))


def _nothing_where(there_already: BoolArray, offers: Offers) -> Offers:
    if not there_already.any():
        return offers
    return Offers(*(np.where(there_already, 0.0, column) for column in offers.columns))


def _impossible_where(hit: BoolArray, offers: Offers) -> Offers:
    return replace(offers, walk_s=np.where(hit, np.inf, offers.walk_s))


def _finite(offers: Offers) -> Offers:
    return Offers(*(np.where(np.isfinite(column), column, 0.0) for column in offers.columns))
