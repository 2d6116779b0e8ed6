"""Candidate journeys for all trips at once, as arrays: every service alone, and access + line + egress.

Utilities come in two forms: *expected*, which tours are decided by, and *bound*, which no live offer of a
capacity-limited service can beat. Both are whole steps of 2^-20 and carry the same addressed errors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from kera_mobility.config.settings import ClockTime, Settings, in_order
from kera_mobility.demand.choice_model import IMPOSSIBLE, ChoiceModel, choose_for_tours
from kera_mobility.demand.household_cars import HouseholdCars, TourWishes, certain_chains
from kera_mobility.demand.mode_chains import ModeChain, chains_of
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.demand.sensible import SensibleJourneys
from kera_mobility.demand.stop_choice import StopChoice
from kera_mobility.dice import Dice
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Offers, Requests
from kera_mobility.services.notices import Announcement, BookingSuspended, ServiceClosed
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
    typical_start_s: ClockTime = Field(7 * HOUR_S, ge=0, le=86_400)
    """Stops are chosen by mean waiting and riding times from here, seconds from midnight. Assumption."""
    typical_end_s: ClockTime = Field(19 * HOUR_S, ge=0, le=108_000)
    """... to here, seconds from midnight. Assumption."""
    max_access_s: float = Field(2700.0, ge=1, le=14_400)
    """Longest way to or from a stop, s. Assumption."""
    sensible_only: bool = False
    """Whether journeys are left out that nobody would see as sensible (`demand.sensible`)."""
    warm_up_days: int = Field(5, ge=0, le=20)
    """Most days lived before the first, to learn what to expect of scarce services. Assumption."""
    warm_up_agreement: float = Field(0.1, ge=0.001, le=1)
    """Learning ends when the chance of being served that was expected and that was met differ by less. Assumption."""

    @model_validator(mode="after")
    def _in_order(self) -> PlanningSettings:
        in_order(self, "typical_start_s", "typical_end_s")
        return self


class ParkedVehicles(NamedTuple):
    """Where vehicles stand that tours under way have left at a stop."""

    rows: IntArray
    """The first trips of these tours."""
    stops: NDArray[np.int32]
    """(R, J, 2) where each chain of them boarded and left its line."""


class TourOption(NamedTuple):
    """What a tour may take on all its trips: a private vehicle, ridden throughout or parked at a line's stop."""

    utility: IntArray
    """(T,) of each trip, so that a tour can be summed."""
    chain: IntArray
    """(T,) the chain that each trip takes, or FREE."""
    of_household: bool = False
    """Whether the vehicle is one that members of the household share."""


class Suspension(NamedTuple):
    """When a service was announced not to run."""

    from_s: float
    until_s: float
    rides_end: bool
    """Whether rides that have begun go on to their end."""

    def affects(self, requests: Requests, duration_s: FloatArray) -> BoolArray:
        """Return which rides of these durations are affected, (T,)."""
        end_s = requests.depart_s + (0.0 if self.rides_end else duration_s)
        affected: BoolArray = (requests.depart_s < self.until_s) & (end_s >= self.from_s)
        return affected


class Planner:
    """Finds journeys; it knows services by their contract only."""

    def __init__(
        self, services: Mapping[str, Service], town: Town, choice_model: ChoiceModel, settings: PlanningSettings,
        dice: Dice,
    ) -> None:  # fmt: skip
        self.services = dict(services)
        self.choice_model = choice_model
        self.chains = chains_of(self.services)
        self._settings = settings
        self._dice = dice
        self.keeps_times = False
        """Whether plans keep what journeys are expected to take, besides their utilities."""
        self._members = {name: service.members() for name, service in self.services.items()}
        self._people = len(town.people.person)
        self.sensible = SensibleJourneys(self.chains, self.services) if settings.sensible_only else None
        """What journeys have to be better than, or None where every journey is kept."""
        self._private = frozenset(name for name, service in self.services.items() if service.private)
        self._free = [j for j, chain in enumerate(self.chains) if chain.services.isdisjoint(self._private)]
        self._chain_services = [chain.services for chain in self.chains]
        # A vehicle is fetched where it was parked, so the outward journeys are planned before those home.
        self._in_order = sorted(range(len(self.chains)), key=lambda j: self._fetches(self.chains[j]))
        self._nodes = town.streets.nodes
        self._node_xy_m = np.asarray(town.streets.node_xy_m, dtype=np.float64)
        self._suspensions: dict[str, dict[Suspension, None]] = {}
        self._main_driver = town.people.main_driver
        shares = any(service.of_household for service in self.services.values())
        self.household_cars = HouseholdCars(town.people, self.services, self.chains, dice) if shares else None
        """Who has the cars of a household, or None where each car has one driver."""
        self.choose_stops()

    def plan_day(self, demand: TripDemand) -> Plans:
        """Return the plans of a day: each tour takes a private vehicle, or its trips are free to take anything else."""
        plans = self.plan(demand, at_leisure=True)
        if not len(demand):
            return plans
        options, tour_option = self._choose_for_tours(plans, demand)
        plans.bound[~self._allowed(options, tour_option)] = IMPOSSIBLE
        return replace(plans, tour_option=tour_option)

    def plan_remaining(
        self, plans: Plans, demand: TripDemand, to_come: BoolArray, under_way: BoolArray | None = None
    ) -> Plans:
        """Return the plans of a day with the trips still to come, (T,), planned anew as things are expected now.

        `under_way` are the trips that have not ended, (T,): cars are out even where no other trip of a tour is to come.

        A tour under way keeps the vehicle that it took. Where that cannot go on, the trip may take anything else, and
        the vehicle stays where it is. Assumption.
        """
        number, tours = demand.tour_number, int(demand.opens.sum())
        goes_on = to_come if under_way is None or self.household_cars is None else to_come | under_way
        unfinished = np.bincount(number[goes_on], minlength=tours) > 0
        rows = np.flatnonzero(unfinished[number])
        trips, begun = demand.at(rows), np.bincount(number[~to_come], minlength=tours)[number[rows]] > 0
        first = np.flatnonzero(trips.opens & begun)
        fresh = self.plan(trips, at_leisure=True, parked=ParkedVehicles(first, plans.stops[rows[first]]))
        if not len(trips):
            return plans
        options, chosen = self._choose_for_tours(fresh, trips, np.where(begun, plans.tour_option[rows], -1))
        tour_option = np.where(begun, plans.tour_option[rows], chosen)
        allowed = self._allowed(options, tour_option)
        stuck = begun & ~(allowed & (fresh.bound != IMPOSSIBLE)).any(axis=1)
        allowed[np.ix_(stuck, self._free)] = True
        fresh.bound[~allowed] = IMPOSSIBLE
        replanned = to_come[rows]
        return plans.with_rows(rows[replanned], replace(fresh, tour_option=tour_option), np.flatnonzero(replanned))

    def replan(self, demand: TripDemand, shunned: Collection[str]) -> Plans:
        """Return the plans from a place on the way, without some services and those that have to be pre-arranged."""
        pre_arranged = {name for name, service in self.services.items() if service.private or service.pre_arranged}
        return self.plan(demand, at_leisure=False, avoid=pre_arranged.union(shunned))

    def choose_stops(self) -> None:
        """Choose the stops of lines by what the lines, and access to them, are now."""
        settings = self._settings
        self._stop_choice = {
            name: StopChoice(
                service, self.services, self._nodes,
                stops_per_end=settings.stops_per_end, max_access_s=settings.max_access_s,
                typical_s=service.typical_s(settings.typical_start_s, settings.typical_end_s),
            )
            for name, service in self.services.items()
            if service.line
        }  # fmt: skip

    def expect_closure(self, notice: Announcement) -> None:
        """Expect nothing of a service while it is announced not to run; of single lines the service knows itself."""
        coming = notice.announced
        if notice.service and not (isinstance(coming, ServiceClosed) and coming.lines):
            suspension = Suspension(coming.from_s, coming.until_s, rides_end=isinstance(coming, BookingSuspended))
            self._suspensions.setdefault(notice.service, {})[suspension] = None

    def expected_eur(self, demand: TripDemand, plans: Plans) -> FloatArray:
        """Return what each person's day is expected to be worth, EUR, (P,); only differences of days mean anything.

        The sum over trips of the best expected utility, errors included, over minus the cost coefficient: its mean over
        people is the nested logsum in euros. NaN for people with a trip that no journey is expected for.
        """
        best = np.where(plans.bound == IMPOSSIBLE, IMPOSSIBLE, plans.expected).max(axis=1, initial=IMPOSSIBLE)
        value_eur = self.choice_model.in_eur(demand.purpose, best)
        value_eur = np.where(demand.origin == demand.destination, 0.0, value_eur)
        return np.bincount(demand.row, weights=value_eur, minlength=self._people).astype(np.float64)

    def quoted_live(self, chain: ModeChain) -> bool:
        """Return whether the first leg of a chain must be quoted live before it is firm."""
        return self.services[chain.access or chain.main].capacity_limited

    def taste(self, j: int, trips: TripDemand, nest_error: FloatArray | None = None) -> IntArray:
        """Return the utility of a chain apart from time and money, (T,): constants and errors.

        The error of its nest is drawn unless it is given.
        """
        chain, model = self.chains[j], self.choice_model
        trip = trips.tour_trip if chain.main in self._private else trips.trip
        if nest_error is None:
            nest_error = model.nest_errors(self._dice, chain.nest, trips.person, trips.tour)
        error = nest_error + model.chain_errors(self._dice, chain.name, trips.person, trip)
        scale = model.taste_scale(self._straight_m(trips))
        return quantise_utility(self._constant(chain, trips) + scale * error)

    def _straight_m(self, trips: TripDemand) -> FloatArray:
        apart_m = self._node_xy_m[trips.destination] - self._node_xy_m[trips.origin]
        return np.sqrt(apart_m[:, 0] ** 2 + apart_m[:, 1] ** 2)

    # All journeys of all trips.

    def plan(
        self, demand: TripDemand, *, at_leisure: bool, avoid: Collection[str] = (), parked: ParkedVehicles | None = None
    ) -> Plans:
        """Return every candidate journey of every trip with its utilities, those of services to avoid left out.

        `parked` says where the tours that are under way have left their vehicles.
        """
        plans = Plans.none(
            len(demand),
            self.chains,
            at_leisure=at_leisure,
            keeps_times=self.keeps_times,
            keeps_effort=self.sensible is not None,
        )
        nest_errors: dict[str, FloatArray] = {}
        for j in self._in_order:
            chain = self.chains[j]
            if not self._chain_services[j].isdisjoint(avoid) or not len(rows := self._eligible(j, demand)):
                continue
            rows = (self._plan_line if chain.access else self._plan_direct)(plans, j, rows, demand)
            if chain.nest not in nest_errors:
                errors = self.choice_model.nest_errors(self._dice, chain.nest, demand.person, demand.tour)
                nest_errors[chain.nest] = errors
            taste = self.taste(j, demand.among(rows), nest_errors[chain.nest][rows])
            expected = plans.expected[rows, j]
            plans.expected[rows, j] = np.where(expected == IMPOSSIBLE, IMPOSSIBLE, expected + taste)
            plans.bound[rows, j] += taste
            if parked is not None and chain.parked:
                plans.stops[parked.rows, j] = parked.stops[:, j]
        if self.sensible is not None:
            self.sensible.leave_out(plans)
        return self._keep_best(plans)

    def _eligible(self, j: int, demand: TripDemand) -> IntArray:
        """Return the trips whose person may take a chain, rows of the demand."""
        chain, eligible = self.chains[j], demand.origin != demand.destination
        for name in self._chain_services[j]:
            eligible &= self._members[name][demand.row]
        if chain.parked:
            eligible &= ~demand.opens & demand.closes if self._fetches(chain) else demand.opens & ~demand.closes
        return np.flatnonzero(eligible)

    def _fetches(self, chain: ModeChain) -> bool:
        return bool(chain.parked) and chain.egress == chain.parked

    def _constant(self, chain: ModeChain, trips: TripDemand) -> FloatArray:
        settings = self.choice_model.settings
        value = settings.constants.get(chain.main, 0.0)
        value += sum(settings.feeder_constants.get(name, 0.0) for name in (chain.access, chain.egress))
        main = self.services[chain.main]
        constant = value + self.choice_model.constant_of_class[main.time_class][trips.purpose]
        if main.private and main.mode == "car":
            car_user = self.choice_model.car_user[trips.purpose]
            constant = constant + np.where(self._main_driver[trips.row], car_user, 0.0)
        return constant

    def _plan_direct(self, plans: Plans, j: int, rows: IntArray, demand: TripDemand) -> IntArray:
        """Plan a service alone from door to door, and return the rows where that is possible."""
        service, trips = self.services[self.chains[j].main], demand.among(rows)
        requests = Requests(trips.row, trips.origin, trips.destination, trips.depart_s, trips.leave_s)
        expected, bound = self._expect_both(service, requests)
        kept = np.flatnonzero(bound.possible)
        rows, purpose, expected, bound = rows[kept], trips.purpose[kept], expected.at(kept), bound.at(kept)

        def utility(offers: Offers) -> IntArray:
            on_foot, leisure = service.mode == "walk", plans.at_leisure
            return self.choice_model.leg_utility(
                purpose, service.time_class, _finite(offers), on_foot=on_foot, leaves_later=leisure
            )

        plans.expected[rows, j] = plans.bound[rows, j] = utility(bound)
        plans.keep_times(rows, j, expected)
        plans.keep_effort(rows, j, expected.spare_s if plans.at_leisure else 0.0 * expected.spare_s, expected)
        if service.capacity_limited:
            plans.expected[rows, j] = np.where(expected.possible, utility(expected), IMPOSSIBLE)
            plans.first_leg[rows, j] = plans.bound[rows, j]
        elif plans.at_leisure:
            plans.later_s[rows, j] = bound.spare_s
        return rows

    def _plan_line(self, plans: Plans, j: int, rows: IntArray, demand: TripDemand) -> IntArray:
        """Plan a line with access and egress, and return the rows where that is possible."""
        chain = self.chains[j]
        access, line, egress = (self.services[name] for name in (chain.access, chain.main, chain.egress))
        ends = self._stop_choice[chain.main].best(
            chain.access, chain.egress, demand.origin[rows], demand.destination[rows],
            self._parked_at(plans, chain, demand)[rows] if self._fetches(chain) else None,
        )  # fmt: skip
        # At the stop already: the journey on foot is the same one, and stands under its own name.
        kept = ends.feasible & ((ends.board != demand.origin[rows]) | (access.mode == "walk"))
        kept &= (ends.alight != demand.destination[rows]) | (egress.mode == "walk")
        rows, board, alight = rows[kept], ends.board[kept], ends.alight[kept]
        trips = demand.among(rows)
        expected, bound = self._expect_both(access, Requests(trips.row, trips.origin, board, trips.depart_s))
        expected, bound = (_nothing_where(trips.origin == board, offers) for offers in (expected, bound))
        ready_s = trips.depart_s + np.where(expected.possible, expected.duration_s, 0.0)
        ride = self._expect_both(line, Requests(trips.row, board, alight, ready_s))[0]
        arrive_s = ready_s + np.where(ride.possible, ride.duration_s, 0.0)
        last_leg = Requests(trips.row, alight, trips.destination, arrive_s)
        from_stop = _nothing_where(alight == trips.destination, self._expect_both(egress, last_leg, bounds=False)[0])
        possible = np.flatnonzero(expected.possible & ride.possible & from_stop.possible)
        rows = rows[possible]
        waits_at_home = plans.at_leisure and not access.capacity_limited

        def utility(offers: Offers, *, leaves_later: bool) -> IntArray:
            return self.choice_model.leg_utility(
                trips.purpose[possible], line.time_class, offers.at(possible), leaves_later=leaves_later
            )

        after_access = utility(ride, leaves_later=waits_at_home) + utility(from_stop, leaves_later=False)
        at_best = utility(bound, leaves_later=plans.at_leisure)
        plans.expected[rows, j] = plans.bound[rows, j] = at_best + after_access
        if access.capacity_limited:
            plans.expected[rows, j] = utility(expected, leaves_later=plans.at_leisure) + after_access
            plans.first_leg[rows, j] = at_best
        if waits_at_home:
            plans.later_s[rows, j] = ride.spare_s[possible]
        plans.stops[rows, j, 0], plans.stops[rows, j, 1] = board[possible], alight[possible]
        legs = [offers.at(possible) for offers in (expected, ride, from_stop)]
        plans.keep_times(rows, j, *legs)
        spare_s = legs[1 if waits_at_home else 0].spare_s if plans.at_leisure else 0.0 * legs[0].spare_s
        plans.keep_effort(rows, j, spare_s, *legs)
        return rows

    def _expect_both(self, service: Service, requests: Requests, *, bounds: bool = True) -> tuple[Offers, Offers]:
        """Return what is expected of a service, and the bounds of what it may offer if they are needed."""
        expected = service.expect(requests)
        bound = service.bound(requests) if bounds and service.capacity_limited else expected
        for suspension in self._suspensions.get(service.name, ()):
            affected = suspension.affects(requests, np.where(expected.possible, expected.duration_s, 0.0))
            expected, bound = _impossible_where(affected, expected), _impossible_where(affected, bound)
        return expected, bound

    def _parked_at(self, plans: Plans, chain: ModeChain, demand: TripDemand) -> IntArray:
        """Return the node where the tour of each trip left its vehicle on the way out, (T,), -1 for none."""
        stops: IntArray = plans.stops[np.flatnonzero(demand.opens), self._outward(chain), 0].astype(np.int64)
        return stops[demand.tour_number]

    def _outward(self, chain: ModeChain) -> int:
        """Return the chain on which a vehicle is parked that another chain fetches."""
        ends = chain.egress, chain.main
        return next(j for j, other in enumerate(self.chains) if (other.access, other.main) == ends)

    # What a tour takes on all its trips.

    def _choose_for_tours(
        self, plans: Plans, demand: TripDemand, taken: IntArray | None = None
    ) -> tuple[list[TourOption], IntArray]:
        """Return the options of tours, and what the tour of each trip takes, as `Plans.tour_option`.

        `taken` is what tours under way took when they began, (T,), -1 for the others.
        """
        best_free = plans.expected[:, self._free].max(axis=1, initial=IMPOSSIBLE)
        options = self._options(plans, demand, best_free)
        utilities = np.array([option.utility for option in options], dtype=np.int64).reshape(-1, len(demand)).T
        number = demand.tour_number
        chosen = choose_for_tours(number, best_free, utilities)
        if self.household_cars is not None and len(demand):
            with_car = np.array([False, *(option.of_household for option in options)])
            on_foot = np.where(with_car[1:], IMPOSSIBLE, utilities)
            before = np.full(len(chosen), -1) if taken is None else taken[demand.opens]
            chosen = self.household_cars.allot(demand, TourWishes(
                np.where(before < 0, chosen, before), choose_for_tours(number, best_free, on_foot), before >= 0,
                [certain_chains(plans, self._free), *(option.chain for option in options)], with_car,
            ))  # fmt: skip
        return options, chosen[number]

    def _options(self, plans: Plans, demand: TripDemand, best_free: IntArray) -> list[TourOption]:
        options = []
        for j, chain in enumerate(self.chains):
            if chain.main in self._private:
                shared = self.services[chain.main].of_household
                options.append(TourOption(plans.expected[:, j], np.full(len(demand), j), shared))
            elif self._fetches(chain):
                by_trip = np.where(demand.opens, self._outward(chain), np.where(demand.closes, j, FREE))
                by_chain = plans.expected[np.arange(len(demand)), by_trip]
                shared = self.services[chain.parked].of_household
                options.append(TourOption(np.where(by_trip == FREE, best_free, by_chain), by_trip, shared))
        return options

    def _allowed(self, options: list[TourOption], tour_option: IntArray) -> BoolArray:
        """Return which chains each trip may take, (T, J), by the option of its tour; option `n` is numbered n + 1."""
        allowed = np.zeros((len(tour_option), len(self.chains)), dtype=np.bool_)
        free = tour_option == 0
        for number, option in enumerate(options, start=1):
            selected = tour_option == number
            free |= selected & (option.chain == FREE)
            rows = np.flatnonzero(selected & (option.chain != FREE))
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
        dropped = (rank >= most) & (plans.bound != IMPOSSIBLE)
        for table in (plans.expected, plans.bound):
            table[dropped] = IMPOSSIBLE
        return replace(plans, dropped=int(np.count_nonzero(dropped)))


def _nothing_where(there_already: BoolArray, offers: Offers) -> Offers:
    if not there_already.any():
        return offers
    return Offers(*(np.where(there_already, 0.0, column) for column in offers.columns))


def _impossible_where(affected: BoolArray, offers: Offers) -> Offers:
    return replace(offers, walk_s=np.where(affected, np.inf, offers.walk_s))


def _finite(offers: Offers) -> Offers:
    return Offers(*(np.where(np.isfinite(column), column, 0.0) for column in offers.columns))
