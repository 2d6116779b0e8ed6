"""Where crews bring vehicles, and in which order they drive: pure functions, worked out by hand or by trying all."""

from __future__ import annotations

import math
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.config.registry import members
from kera_mobility.services.scooter.policies.crew_routes import (
    DEPOT,
    DROP,
    HERE,
    NOWHERE,
    PICK,
    NearestTaskFirst,
    NearestTaskFirstSettings,
    TourPlanner,
    TourTasks,
)
from kera_mobility.services.scooter.policies.crew_routes_pyvrp import PyVRP, PyVRPSettings
from kera_mobility.services.scooter.policies.rebalancing import (
    Forecast,
    ForecastSettings,
    NoMoves,
    NoMovesSettings,
    RebalancingPolicy,
    Stock,
    Threshold,
    ThresholdSettings,
    chance_at_least,
    pairs,
    requests_between,
)

HOURS = 28
MUCH = 100
PLANNERS: list[TourPlanner] = [NearestTaskFirst(NearestTaskFirstSettings()), PyVRP(PyVRPSettings(iterations=100))]
POLICIES: list[RebalancingPolicy] = [
    NoMoves(NoMovesSettings()),
    Threshold(ThresholdSettings()),
    Forecast(ForecastSettings(ahead_s=3600.0)),
]


def stock(standing: list[int], target: list[int], room: list[int] | None = None, asked: list[float] | None = None,
          now_s: float = 0.0) -> Stock:  # fmt: skip
    """Return what a policy is told; `asked` is for each hour of the day the same."""
    by_hour = np.repeat(np.array(asked or [0.0] * len(standing))[:, None], HOURS, axis=1)
    return Stock(np.array(standing), np.array(target), np.array(room or [MUCH] * len(standing)), by_hour, now_s)


def test_the_policies_and_planners_are_found_by_their_kind() -> None:
    policies = members("kera_mobility.services.scooter.policies", RebalancingPolicy)
    planners = members("kera_mobility.services.scooter.policies", TourPlanner)
    assert set(policies) == {"none", "threshold", "forecast"}
    assert set(planners) == {"nearest", "pyvrp"}


def test_a_policy_of_no_moves_moves_nothing() -> None:
    assert POLICIES[0].changes(stock([0, 9], [5, 4])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("standing", "room", "expected"),
    [
        # Targets 4: below 2 is filled up, above 6 is cleared.
        ([1, 4, 7], None, [3, 0, -3]),
        ([2, 6, 4], None, [0, 0, 0]),
        ([1, 5, 6], None, [3, -1, -2]),
        ([3, 2, 7], None, [1, 2, -3]),
        ([1, 4, 7], [1, MUCH, MUCH], [1, 0, -1]),
        ([0, 0, 4], None, [0, 0, 0]),
    ],
    ids=[
        "one gives one gets",
        "within bounds",
        "nearer places help",
        "nearer places take",
        "no room",
        "nobody has more",
    ],
)
def test_a_threshold_fills_what_is_low_and_clears_what_is_high(
    standing: list[int], room: list[int] | None, expected: list[int]
) -> None:
    assert POLICIES[1].changes(stock(standing, [4, 4, 4], room)).tolist() == expected


def test_the_chance_that_n_or_more_ask_is_that_of_poisson() -> None:
    chance = chance_at_least(np.array([2.0, 0.0]), 3)
    assert chance[0] == pytest.approx([1.0, 1 - math.exp(-2), 1 - 3 * math.exp(-2), 1 - 5 * math.exp(-2)])
    assert chance[1].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_who_is_expected_to_ask_is_counted_from_the_parts_of_hours() -> None:
    asked = np.zeros((1, HOURS))
    asked[0, 7:10] = [4.0, 6.0, 8.0]
    assert requests_between(asked, 7.5 * 3600, 9.25 * 3600).tolist() == [2.0 + 6.0 + 2.0]


@pytest.mark.parametrize(("least_gain", "moved"), [(0.3, 3), (0.5, 2), (0.6, 1), (0.9, 0)])
def test_a_forecast_moves_a_vehicle_if_it_serves_enough_more_people(least_gain: float, moved: int) -> None:
    """Two are expected to ask: the first vehicle serves somebody with 0.86, the second with 0.59, the third 0.32."""
    policy = Forecast(ForecastSettings(ahead_s=3600.0, least_gain=least_gain))
    assert policy.changes(stock([0, 3], [0, 0], asked=[2.0, 0.0])).tolist() == [moved, -moved]


def test_a_forecast_looks_ahead_and_not_back() -> None:
    asked = np.zeros((2, HOURS))
    asked[0, 8], asked[1, 6] = 9.0, 9.0
    told = Stock(np.array([0, 3]), np.array([0, 0]), np.array([MUCH, MUCH]), asked, 7 * 3600.0)
    assert Forecast(ForecastSettings(ahead_s=7200.0)).changes(told).tolist() == [3, -3]
    assert Forecast(ForecastSettings(ahead_s=3600.0)).changes(told).tolist() == [0, 0]


@given(
    standing=st.lists(st.integers(0, 3), min_size=2, max_size=3),
    asked=st.lists(st.sampled_from((0.0, 0.3, 1.0, 2.5, 6.0)), min_size=3, max_size=3),
)
@settings(max_examples=60)
def test_no_other_way_to_place_the_vehicles_serves_more_by_expectation(standing: list[int], asked: list[float]) -> None:
    mean = asked[: len(standing)]
    told = stock(standing, standing, asked=mean)
    policy = Forecast(ForecastSettings(ahead_s=3600.0, least_gain=1e-9))
    found = told.standing + policy.changes(told)

    def served(vehicles: Any) -> float:
        return math.fsum(
            min(asks, there) * math.exp(-each) * each**asks / math.factorial(asks)
            for each, there in zip(mean, vehicles, strict=True)
            for asks in range(60)
        )

    ways = [way for way in product(range(sum(standing) + 1), repeat=len(standing)) if sum(way) == sum(standing)]
    assert served(found.tolist()) == pytest.approx(max(served(way) for way in ways), abs=1e-6)


@given(
    many=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 4), st.floats(0, 20)), min_size=1,
                  max_size=6),
    policy=st.sampled_from(POLICIES),
)  # fmt: skip
def test_what_is_taken_is_there_and_what_is_brought_has_room(
    many: list[tuple[int, int, int, float]], policy: RebalancingPolicy
) -> None:
    standing, target, room, asked = (list(column) for column in zip(*many, strict=True))
    change = policy.changes(Stock(np.array(standing), np.array(target), np.array(room),
                                  np.repeat(np.array(asked)[:, None], HOURS, axis=1), 0.0))  # fmt: skip
    assert change.sum() == 0
    assert np.all(np.array(standing) + change >= 0)
    assert np.all(change <= np.array(room))


def test_the_nearest_give_to_each_other_and_nobody_gives_where_no_street_leads() -> None:
    way_s = np.array([[0.0, 5.0, 9.0, 1.0], [5.0, 0.0, 2.0, math.inf], [9.0, 2.0, 0.0, 1.0], [1.0, math.inf, 1.0, 0.0]])
    assert pairs(np.array([3, -2, -2, 0]), way_s).tolist() == [[1, 0, 2], [2, 0, 1]]
    assert pairs(np.array([0, -2, 0, 2]), way_s).tolist() == []


# Tours.


def errands(way_s: list[list[float]], *jobs: tuple[int, int, int, int, float], room: int = 9, spare: int = 9,
            within_s: float = 1e6, home_s: float = 1e6, work_s: float = 0.0) -> TourTasks:  # fmt: skip
    """Return errands told as (pick, drop, places, batteries, worth_s)."""
    pick, drop, places, batteries, worth_s = (np.array(column) for column in zip(*jobs, strict=True))
    work = np.full(len(jobs), work_s)
    return TourTasks(np.array(way_s), pick, drop, places, batteries, work, work, worth_s.astype(float), room, spare,
                   within_s, home_s)  # fmt: skip


def along(*place_m: float) -> list[list[float]]:
    """Return times between places on a line, the van's and the depot's before them."""
    return [[abs(a - b) for b in place_m] for a in place_m]


def time_of(tour: list[list[int]], told: TourTasks) -> float:
    """Return how long a tour takes until the van is home."""
    place, clock_s = HERE, 0.0
    for one, end in tour:
        to = int((told.drop if end == DROP else told.pick)[one])
        clock_s += float(told.way_s[place, to] + (told.drop_s if end == DROP else told.pick_s)[one])
        place = to
    return clock_s + float(told.way_s[place, DEPOT])


def test_the_nearest_first_is_not_the_shortest_tour_and_pyvrp_finds_that() -> None:
    """From 0: to 100, back over to -110, out again to 320, home: 1,060 s. To 100, 320, -110, home: 860 s."""
    told = errands(along(0, 0, 100, -110, 320), *((place, NOWHERE, 0, 1, 1e4) for place in (2, 3, 4)))
    nearest, planned = (planner.tour(told).tolist() for planner in PLANNERS)
    assert nearest == [[0, PICK], [1, PICK], [2, PICK]]
    assert (time_of(nearest, told), time_of(planned, told)) == (1060.0, 860.0)


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: planner.kind)
def test_what_takes_more_van_time_than_it_is_worth_is_left_undone(planner: TourPlanner) -> None:
    told = errands(along(0, 0, 100, 5000), (2, NOWHERE, 0, 1, 900.0), (3, NOWHERE, 0, 1, 900.0))
    assert planner.tour(told).tolist() == [[0, PICK]]


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: planner.kind)
def test_what_comes_too_late_or_does_not_fit_or_cannot_be_reached_is_left_out(planner: TourPlanner) -> None:
    job = (2, NOWHERE, 0, 1, 1e4)
    assert planner.tour(errands(along(0, 0, 100), job, within_s=99.0)).tolist() == []
    assert planner.tour(errands(along(0, 0, 100), job, home_s=199.0)).tolist() == []
    assert planner.tour(errands(along(0, 0, 100), job, home_s=200.0)).tolist() == [[0, PICK]]
    assert planner.tour(errands(along(0, 0, 100), job, spare=0)).tolist() == []
    assert planner.tour(errands(along(0, 0, 100), (2, DEPOT, 2, 0, 1e4), room=1)).tolist() == []
    assert planner.tour(errands([[0, 0, math.inf]] * 3, job)).tolist() == []


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: planner.kind)
def test_what_is_carried_is_put_down_where_it_is_wanted(planner: TourPlanner) -> None:
    told = errands(along(0, 0, 100, 200), (2, 3, 2, 0, 1e4), work_s=60.0)
    assert planner.tour(told).tolist() == [[0, PICK], [0, DROP]]


@given(data=st.data(), planner=st.sampled_from(PLANNERS))
@settings(max_examples=60, deadline=None)
def test_every_tour_keeps_to_the_van_and_to_the_shift(data: st.DataObject, planner: TourPlanner) -> None:
    places = [0.0, 0.0, *(float(x) for x in data.draw(st.lists(st.integers(-900, 900), min_size=2, max_size=5)))]
    end = st.integers(2, len(places) - 1)
    job = st.one_of(
        st.tuples(end, st.just(NOWHERE), st.just(0), st.integers(1, 3), st.just(1e4)),
        st.tuples(end, st.just(DEPOT), st.integers(1, 3), st.just(0), st.just(1e4)),
        st.tuples(end, end, st.integers(1, 3), st.just(0), st.just(1e4)),
    )
    jobs = data.draw(st.lists(job, min_size=1, max_size=6))
    told = errands(along(*places), *jobs, room=data.draw(st.integers(0, 5)), spare=data.draw(st.integers(0, 5)),
                   within_s=1500.0, home_s=2500.0, work_s=30.0)  # fmt: skip
    tour = planner.tour(told).tolist()
    assert planner.tour(told).tolist() == tour
    place, clock_s, aboard, spare, picked = HERE, 0.0, 0, told.spare, list[int]()
    for one, last in tour:
        to = int((told.drop if last == DROP else told.pick)[one])
        clock_s += float(told.way_s[place, to])
        assert clock_s <= told.within_s
        clock_s, place = clock_s + 30.0, to
        if last == PICK:
            assert one not in picked
            picked.append(one)
            spare -= int(told.batteries[one])
        aboard += int(told.places[one]) * (1 if last == PICK else -1)
        assert 0 <= aboard <= told.room
        assert spare >= 0
        assert last == PICK or one in picked
    assert clock_s + told.way_s[place, DEPOT] <= told.home_s
    carried = [one for one in picked if told.drop[one] not in (NOWHERE, DEPOT)]
    assert sorted(one for one, last in tour if last == DROP) == sorted(carried)


@given(places=st.lists(st.integers(-900, 900), min_size=1, max_size=5, unique=True))
@settings(max_examples=30, deadline=None)
def test_the_tour_of_pyvrp_is_the_shortest_of_all_orders(places: list[int]) -> None:
    told = errands(along(0, 50, *places), *((row, NOWHERE, 0, 1, 1e4) for row in range(2, len(places) + 2)))
    orders = permutations(range(len(places)))
    best_s = min(time_of([[one, PICK] for one in order], told) for order in orders)
    assert time_of(PLANNERS[1].tour(told).tolist(), told) == best_s
