"""Against closed forms: waits, choices and finds that can be worked out with a pencil."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.demand.choice_model import IMPOSSIBLE, ChoiceModel, choose_for_tours
from kera_mobility.dice import Dice
from kera_mobility.simulation.run import Run, live
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.units import FloatArray, IntArray, quantise_utility
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
    at,
    hamlet_town,
    person,
    rows,
    run,
    scenario,
    trip,
)

PEOPLE = 40_000
"""Enough for shares within 1 % at four standard deviations."""
MANY = np.arange(PEOPLE)
FOUR_SIGMA = 4.0
"""One run in 16,000 would fail by chance, if the chance were not fixed."""
L = 0.4


def choice(nest_parameter: float) -> ChoiceModel:
    return ChoiceModel(scenario({"walk": {}}, choice={"nest_parameter": nest_parameter}).choice)


def shares(utility: dict[str, float], nests: dict[str, str], l: float, seed: int = 1) -> dict[str, float]:  # noqa: E741
    """Return how many of 40,000 people choose each alternative by the addressed errors."""
    chosen = picks(utility, nests, l, seed)
    return {name: float(np.mean(chosen == number)) for number, name in enumerate(utility)}


def picks(utility: dict[str, float], nests: dict[str, str], l: float, seed: int = 1) -> IntArray:  # noqa: E741
    model, dice, tour, one_trip = choice(l), Dice.of(seed), np.zeros_like(MANY), np.zeros_like(MANY)
    columns = [
        quantise_utility(
            value + model.nest_errors(dice, nests[name], MANY, tour) + model.chain_errors(dice, name, MANY, one_trip)
        )
        for name, value in utility.items()
    ]
    return np.argmax(np.column_stack(columns), axis=1)


def nested_logit(utility: dict[str, float], nests: dict[str, str], l: float) -> dict[str, float]:  # noqa: E741
    """Return McFadden's probabilities: exp(V/l) within a nest, the l-th power of its sum between nests."""
    inside = {
        nest: sum(math.exp(utility[name] / l) for name in utility if nests[name] == nest) for nest in nests.values()
    }
    everything = sum(value**l for value in inside.values())
    return {
        name: math.exp(value / l) / inside[nests[name]] * inside[nests[name]] ** l / everything
        for name, value in utility.items()
    }


def assert_shares(found: dict[str, float], expected: dict[str, float]) -> None:
    for name, share in expected.items():
        assert found[name] == pytest.approx(share, abs=FOUR_SIGMA * math.sqrt(share * (1 - share) / PEOPLE)), name


WAYS = {"walk": 0.3, "car": 0.9, "passenger": 0.2, "rail": 0.1, "scooter+rail": -0.2, "shuttle": -0.5}
NESTS = {"walk": "walk", "car": "car", "passenger": "car", "rail": "transit", "scooter+rail": "transit",
         "shuttle": "transit"}  # fmt: skip


@pytest.mark.parametrize("l", [0.2, 0.4, 0.7])
def test_people_choose_as_the_nested_logit_says(l: float) -> None:  # noqa: E741
    assert_shares(shares(WAYS, NESTS, l), nested_logit(WAYS, NESTS, l))


def test_without_likeness_it_is_the_plain_multinomial_logit() -> None:
    total = sum(math.exp(value) for value in WAYS.values())
    plain = {name: math.exp(value) / total for name, value in WAYS.items()}
    assert_shares(shares(WAYS, NESTS, 1.0), plain)
    alone = shares(WAYS, {name: name for name in WAYS}, L)
    assert_shares(alone, nested_logit(WAYS, {name: name for name in WAYS}, L))
    assert_shares(alone, plain)


def test_a_clone_within_a_nest_moves_shares_as_the_formula_says() -> None:
    before, cloned = {"car": 0.5, "rail": 0.0}, {"car": 0.5, "rail": 0.0, "rail too": 0.0}
    nests = {"car": "car", "rail": "transit", "rail too": "transit"}
    found = shares(cloned, nests, L)
    assert_shares(found, nested_logit(cloned, nests, L))
    transit_before, car = 1 / (1 + math.exp(0.5)), math.exp(0.5)
    transit_after = 2**L / (2**L + car)
    assert found["rail"] + found["rail too"] == pytest.approx(transit_after, abs=0.01)
    assert transit_after - transit_before < 0.08, "far less than the plain logit, which would give"
    plain = shares(cloned, {name: name for name in nests}, 1.0)
    assert plain["rail"] + plain["rail too"] == pytest.approx(2 / (2 + car), abs=0.01)
    assert 2 / (2 + car) - transit_before > 0.16
    assert_shares(shares(before, nests, L), {"car": 1 - transit_before, "rail": transit_before})


def test_nobody_changes_between_old_alternatives_when_a_new_one_comes() -> None:
    before = picks(WAYS, NESTS, L)
    after = picks({**WAYS, "on demand": 0.4}, {**NESTS, "on demand": "on demand"}, L)
    newcomer = len(WAYS)
    assert 0 < np.count_nonzero(after == newcomer) < PEOPLE
    assert np.array_equal(before[after != newcomer], after[after != newcomer])


def test_alternatives_of_one_nest_are_correlated_by_one_minus_l_squared() -> None:
    model, dice, zero = choice(L), Dice.of(2), np.zeros_like(MANY)
    shared = model.nest_errors(dice, "transit", MANY, zero)
    one, other = (shared + model.chain_errors(dice, name, MANY, zero) for name in ("rail", "shuttle"))
    stranger = model.nest_errors(dice, "car", MANY, zero) + model.chain_errors(dice, "car", MANY, zero)
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(1 - L**2, abs=0.02)
    assert np.corrcoef(one, stranger)[0, 1] == pytest.approx(0.0, abs=0.02)
    assert np.var(one) == pytest.approx(math.pi**2 / 6, rel=0.05), "each alone is a standard Gumbel draw"
    assert np.mean(one) == pytest.approx(np.euler_gamma, abs=0.03)


def test_a_tour_takes_the_vehicle_whose_sum_is_highest() -> None:
    tour = np.array([0, 0, 1, 1, 2, 3])
    free = np.array([10, 10, 3, 3, IMPOSSIBLE, 7])
    private = np.array([[30, 0], [-11, 0], [4, 1], [1, 7], [5, 6], [IMPOSSIBLE, 7]])
    # Sums: 20, 19, 0 | 6, 5, 8 | impossible, 5, 6 | 7, impossible, 7 (the first of equals)
    assert choose_for_tours(tour, free, private).tolist() == [0, 2, 2, 0]


def test_who_cannot_bring_the_vehicle_back_does_not_take_it() -> None:
    tour, free = np.array([0, 0]), np.array([-50, -50])
    assert choose_for_tours(tour, free, np.array([[1000], [IMPOSSIBLE]])).tolist() == [0]


# The hamlet.


def test_people_who_come_at_random_wait_half_a_headway_for_the_train(tmp_path: Path) -> None:
    waits = waits_of(crowd(3_000, STATION, CITY, tmp_path, "rail"), "rail")
    assert_uniform_wait(waits, 900.0)


def test_people_who_come_at_random_wait_half_a_headway_for_the_shuttle(tmp_path: Path) -> None:
    waits = waits_of(crowd(3_000, MILL, STATION, tmp_path, "shuttle", seats=100), "shuttle")
    assert_uniform_wait(waits, 600.0)


def crowd(count: int, origin: int, destination: int, folder: Path, way: str, **more: Any) -> Run:
    """Return a day on which people set out at random moments between 7 and 20 o'clock and take one way to travel."""
    draw = Dice.of(9).uniform("when", np.arange(count))
    moments = np.round((7 + 13 * draw) * 3600 * 64) / 64
    trips = [trip(number, origin, destination, float(when)) for number, when in enumerate(moments)]
    return live(scenario({"walk": {}, way: more}, prefer=[way, "walk"]), hamlet_town(folder, trips=trips))


def waits_of(day: Run, service: str) -> FloatArray:
    waits = np.array([row["wait_s"] for row in rows(day, "legs", service=service)])
    assert len(waits) == len(rows(day, "trips", outcome="arrived")) > 1_000
    return waits


def assert_uniform_wait(waits: FloatArray, headway_s: float) -> None:
    """Assert that waits are even between 0 and the headway: mean h / 2, standard deviation h / sqrt(12)."""
    spread_s = headway_s / math.sqrt(12)
    assert waits.min() >= 0.0
    assert waits.max() <= headway_s
    assert waits.mean() == pytest.approx(headway_s / 2, abs=FOUR_SIGMA * spread_s / math.sqrt(len(waits)))
    assert waits.std() == pytest.approx(spread_s, rel=0.05)


def test_people_who_come_at_random_wait_longer_when_the_headway_is_uneven(tmp_path: Path) -> None:
    """Trains at :00 and :10 past each half hour: E[h^2] / 2 E[h] = (600^2 + 1200^2) / (2 * 1800) = 500 s."""
    trains = [
        run((STATION, start), (CITY, start + 600.0))
        for half in range(12, 56)
        for start in (1_800.0 * half, 1_800.0 * half + 600.0)
    ]
    draw = Dice.of(8).uniform("when", np.arange(3_000))
    trips = [trip(n, STATION, CITY, round((7 + 13 * x) * 3600 * 64) / 64) for n, x in enumerate(draw.tolist())]
    day = live(
        scenario({"walk": {}, "rail": {}}, prefer=["rail", "walk"]), hamlet_town(tmp_path, trips=trips, trains=trains)
    )
    waits = waits_of(day, "rail")
    second_moment = (600.0**3 + 1_200.0**3) / (3 * 1_800.0)
    sigma = math.sqrt((second_moment - 500.0**2) / len(waits))
    assert waits.mean() == pytest.approx(500.0, abs=FOUR_SIGMA * sigma)


def test_as_many_find_a_scooter_as_there_are_until_the_first_comes_back(tmp_path: Path) -> None:
    """Three scooters at the mill; a ride to the station takes 150 + 30 s, so they come too late for the next minute."""
    away = [trip(number, MILL, SCHOOL, 28_800.0 + 10.0 * number) for number in range(10)]
    back = [trip(10 + number, SCHOOL, MILL, 29_400.0 + 10.0 * number) for number in range(10)]
    ways = {"walk": {}, "scooter": {"fleet": 3, "max_walk_m": 100.0, "hubs": [at(MILL, capacity=3)]}}
    likes = {"choice": {"constants": {"scooter": 50.0}}}
    day = live(scenario(ways, **likes), hamlet_town(tmp_path, trips=away + back))
    riders = [row["person"] for row in rows(day, "legs", service="scooter")]
    assert riders == [0, 1, 2, 10, 11, 12]
    refused = [row["person"] for row in rows(day, "refusals", service="scooter", reason="no_vehicle")]
    # Nothing stands at the school, so those who come back later expected none and are not refused one.
    assert refused == [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("fleet", [1, 3])
def test_scooters_that_all_want_alike_are_a_loss_system(tmp_path: Path, fleet: int) -> None:
    """Erlang's loss formula, which holds for any law of service: calls at random, nobody waits, `fleet` servers.

    All scooters stand at the station, all people at the mill walk there (200 s), take one, and park it there (30 s).
    """
    served_s, offered, days, calls = 230.0, float(fleet), 6, 0
    riders, draws = 0, Dice.of(4)
    likes = {"choice": {"constants": {"scooter": 100.0}}}
    where = {
        "hubs": [at(STATION, capacity=fleet)], "max_walk_m": 600.0, "walk_speed_m_s": 3.0, "shortest_ride_m": 0.0,
    }  # fmt: skip
    for number in range(days):
        gaps_s = draws.exponential("gap", number, np.arange(280 * fleet)) * served_s / offered
        moments = np.round((4 * 3600 + np.cumsum(gaps_s)) * 64) / 64
        trips = [trip(who, MILL, STATION, when) for who, when in enumerate(moments[moments < 24 * 3600].tolist())]
        day = live(
            scenario({"walk": {}, "scooter": {"fleet": fleet, **where}}, **likes),
            hamlet_town(tmp_path, trips=trips),
        )
        calls, riders = calls + len(trips), riders + len(rows(day, "legs", service="scooter"))
        lost = len(rows(day, "refusals", service="scooter", reason="no_vehicle"))
        assert lost + len(rows(day, "legs", service="scooter")) == len(trips)
    blocked = offered**fleet / math.factorial(fleet)
    blocked /= sum(offered**busy / math.factorial(busy) for busy in range(fleet + 1))
    sigma = math.sqrt(blocked * (1 - blocked) / calls)
    assert 1 - riders / calls == pytest.approx(blocked, abs=FOUR_SIGMA * sigma)


def test_the_car_is_slower_in_the_rush_by_its_factor(tmp_path: Path) -> None:
    """600 m at 10 m/s: 60 s free flow, 1.25 times outside the rush, 1.5 times from 7:00 to 9:00 and 15:00 to 17:30."""
    moments = {"6:59:59": 75.0, "7:00": 90.0, "8:59:59": 90.0, "9:00": 75.0, "12:00": 75.0, "15:00": 90.0,
               "17:29:59": 90.0, "17:30": 75.0}  # fmt: skip
    people = [person(number, car=True) for number in range(len(moments))]
    trips = [trip(number, HOME, MILL, when) for number, when in enumerate(moments)]
    day = live(scenario({"walk": {}, "car": {}}, prefer=["car"]), hamlet_town(tmp_path, people, trips))
    assert [row["ride_s"] for row in sorted(rows(day, "legs"), key=lambda row: row["person"])] == list(moments.values())
    assert {row["fare_eur"] for row in rows(day, "legs")} == {0.06}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_half_take_the_shuttle_when_both_are_worth_the_same(tmp_path: Path, purpose: str) -> None:
    """Walking 500 s against 30 s of waiting, 150 s of riding, a fare of 1 euro and a penalty of 3 minutes."""
    felt_min = {"walk": 500 / 60, "shuttle": (150 + 1.5 * 30 + 180) / 60}
    utility = {name: -0.05 * minutes for name, minutes in felt_min.items()}
    utility["shuttle"] -= 0.2 * 1.0
    count = 4_000
    trips = [trip(number, MILL, STATION, 25_200.0, purpose=purpose) for number in range(count)]
    ways = {"walk": {}, "shuttle": {"seats": 100, "reserved_seats": False}}
    evened = {"choice": {"constants": {"shuttle": utility["walk"] - utility["shuttle"]}}}
    for constants, share in ((evened, 0.5), ({}, 1 / (1 + math.exp(utility["walk"] - utility["shuttle"])))):
        day = live(scenario(ways, **constants), hamlet_town(tmp_path, trips=trips))
        riders = [row["person"] for row in rows(day, "trips", chain="shuttle")]
        riders += [row["person"] for row in rows(day, "refusals", service="shuttle", reason="full")]
        sigma = math.sqrt(share * (1 - share) / count)
        assert len(set(riders)) / count == pytest.approx(share, abs=FOUR_SIGMA * sigma)
