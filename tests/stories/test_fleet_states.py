"""What is known of a fleet after each thing that may be done to a vehicle: three of them at the mill, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kera_mobility.services.scooter.fares import Fares, PassSettings
from kera_mobility.services.scooter.fleet import (
    AWAY,
    BROKEN,
    IN_VAN,
    LOW,
    MISSING,
    PARKED,
    RESERVED,
    RIDDEN,
    STATES,
    Fleet,
)
from tests.kit.hamlet import HOME, MILL, SCHOOL, STATION
from tests.stories.test_fleet import a_fleet


def here(fleet: Fleet, node: int) -> tuple[list[int], int, float]:
    """Return which vehicles may be rented at a node, how many stand there, and for how many more there is room."""
    return sorted(fleet.parked_at(node)), fleet.standing_at(node), fleet.room(node)


def test_in_the_morning_vehicles_are_parked_or_low_and_only_other_states_are_logged() -> None:
    log, fleet = a_fleet(4, low_charge=0.5, state=np.array([PARKED, LOW, BROKEN, AWAY]))
    assert (len(fleet), fleet.state) == (4, [PARKED, PARKED, BROKEN, AWAY])
    rows = [(row["vehicle"], row["state"], row["step"]) for row in log.tables()["states"].to_pylist()]
    assert rows == [(2, "broken", 0), (3, "away", 0)]
    assert here(fleet, MILL) == ([0, 1], 3, math.inf)
    assert here(fleet, HOME) == ([], 0, math.inf)


def test_a_vehicle_with_less_than_the_limit_is_low_and_one_with_just_that_is_not() -> None:
    _, fleet = a_fleet(2, low_charge=0.5)
    for vehicle, charge in ((0, 0.5), (1, 0.49)):
        fleet.set_off(vehicle)
        fleet.park(vehicle, STATION, charge)
    assert fleet.state == [PARKED, LOW]
    assert sorted(fleet.parked_at(STATION)) == [0, 1]


def test_a_ride_moves_a_vehicle_and_is_counted() -> None:
    log, fleet = a_fleet(3, capacity={MILL: 3, STATION: 1})
    fleet.reserve(0)
    assert (here(fleet, MILL), fleet.in_state(RESERVED)) == (([1, 2], 3, 0), [0])
    fleet.set_off(0)
    assert here(fleet, MILL) == ([1, 2], 2, 1)
    fleet.park(0, STATION, 0.75)
    assert here(fleet, STATION) == ([0], 1, 0)
    assert (fleet.node, fleet.charge, fleet.rides) == ([STATION, MILL, MILL], [0.75, 1.0, 1.0], [1, 0, 0])
    rows = [(row["step"], row["state"], row["place"], row["charge"]) for row in log.tables()["states"].to_pylist()]
    assert rows == [(0, "reserved", MILL, 1.0), (1, "ridden", MILL, 1.0), (2, "parked", STATION, 0.75)]


def test_a_lost_vehicle_is_where_its_ride_ended_and_takes_no_room() -> None:
    _, fleet = a_fleet(1, capacity={SCHOOL: 2})
    fleet.set_off(0)
    fleet.lose(0, SCHOOL, 0.25)
    assert (fleet.state, fleet.node, fleet.charge, fleet.rides) == ([MISSING], [SCHOOL], [0.25], [1])
    assert here(fleet, SCHOOL) == ([], 0, 2)


def test_room_is_kept_for_who_is_on_the_way_and_may_be_short() -> None:
    _, fleet = a_fleet(3, capacity={MILL: 2, HOME: 4})
    assert fleet.room(MILL) == -1
    for _ in range(2):
        fleet.promise_room(HOME)
    assert fleet.room(HOME) == 2
    fleet.give_room_back(HOME)
    assert (fleet.room(HOME), fleet.room(STATION)) == (3, math.inf)


def test_a_van_takes_vehicles_and_puts_them_out_elsewhere() -> None:
    _, fleet = a_fleet(3)
    fleet.break_down(1)
    fleet.take([0, 1, 2])
    assert (fleet.state, fleet.node, fleet.standing_at(MILL)) == ([IN_VAN] * 3, [MILL] * 3, 0)
    fleet.put([0], HOME)
    fleet.put([1], STATION, 0.5)
    fleet.hand_in([2], SCHOOL)
    assert (fleet.state, fleet.node) == ([PARKED, PARKED, AWAY], [HOME, STATION, SCHOOL])
    assert fleet.charge == [1.0, 0.5, 1.0]
    fleet.bring_back(2)
    assert (fleet.node[2], fleet.parked_at(SCHOOL)) == (SCHOOL, [2])
    fleet.withdraw([0, 2])
    fleet.bring_back(2, HOME)
    fleet.bring_back(0, 0)
    assert (fleet.node[0], sorted(fleet.parked_at(HOME))) == (0, [0, 2])


def test_another_battery_is_full_and_mends_nothing_else() -> None:
    _, fleet = a_fleet(4, low_charge=0.5)
    for vehicle in (0, 3):
        fleet.set_off(vehicle)
        fleet.park(vehicle, MILL, 0.125)
    fleet.break_down(1)
    fleet.take([2])
    for vehicle in range(3):
        fleet.swap(vehicle)
    fleet.swap(3, 0.25)
    assert (fleet.state, fleet.charge) == ([PARKED, BROKEN, IN_VAN, LOW], [1.0, 1.0, 1.0, 0.25])
    fleet.repair(1)
    assert fleet.state[1] == PARKED


def test_vehicles_are_counted_by_node_in_rising_order_and_by_state() -> None:
    _, fleet = a_fleet(4)
    for vehicle, node in ((0, SCHOOL), (1, HOME)):
        fleet.set_off(vehicle)
        fleet.park(vehicle, node, 1.0)
    fleet.break_down(2)
    assert list(fleet.counts().items()) == [(HOME, 1), (MILL, 1), (SCHOOL, 1)]
    assert fleet.counts((BROKEN,)) == {MILL: 1}
    assert fleet.counts((BROKEN, PARKED))[MILL] == 2
    assert fleet.in_state(BROKEN, PARKED) == [0, 1, 2, 3]
    assert fleet.in_state(RIDDEN) == []


def test_listeners_hear_of_each_change_after_it() -> None:
    _, fleet = a_fleet(2)
    heard: list[Any] = []
    for name in ("first", "second"):
        fleet.listen(
            lambda vehicle, state, name=name: heard.append((name, vehicle, STATES[state], fleet.state[vehicle]))
        )
    fleet.reserve(1)
    fleet.release(1)
    assert heard == [
        ("first", 1, "reserved", RESERVED), ("second", 1, "reserved", RESERVED),
        ("first", 1, "parked", PARKED), ("second", 1, "parked", PARKED),
    ]  # fmt: skip


# Prices.


@pytest.mark.parametrize(
    ("ride_s", "single_eur", "pass_eur"),
    # 1 EUR and 25 ct for each started minute, 3 EUR at most; with a pass 50 ct, 10 ct from the third minute on.
    [(0.0, 1.0, 0.5), (60.0, 1.25, 0.5), (60.5, 1.5, 0.5), (121.0, 1.75, 0.6), (600.0, 3.0, 1.3), (6000.0, 3.0, 3.0)],
)
def test_a_fare_is_unlocking_and_started_minutes_up_to_the_most(
    ride_s: float, single_eur: float, pass_eur: float
) -> None:
    prices = PassSettings(share=0.5, unlock_eur=0.5, minute_eur=0.1, free_minutes=2)
    fares = Fares(1.0, 0.25, 3.0, prices, np.array([False, True]))
    assert (fares.of_ride(ride_s, 0), fares.of_ride(ride_s, 1)) == pytest.approx((single_eur, pass_eur))
    many = fares.of_rides(np.array([ride_s, ride_s, ride_s]), np.array([1, 0, 1]))
    assert many.tolist() == pytest.approx([pass_eur, single_eur, pass_eur])


def test_without_holders_or_a_most_everyone_pays_by_the_minute() -> None:
    fares = Fares(1.0, 0.25, None, PassSettings(share=0.5, free_minutes=9), np.array([False, False]))
    assert (fares.of_ride(6000.0, 1), fares.of_rides(np.array([6000.0]), np.array([1])).tolist()) == (26.0, [26.0])
