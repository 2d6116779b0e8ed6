"""Policies of dispatch and of waiting: which vehicle, and where; by hand on three stops in a line."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from benchmarks.on_demand_quality import GOAL, play
from kera_mobility.config.registry import members
from kera_mobility.services.base import Experience
from kera_mobility.services.on_demand.policies.dispatch import (
    REASONS,
    Batch,
    BatchSettings,
    DispatchPolicy,
    Insertion,
    InsertionSettings,
    NearestIdleVehicle,
    NearestIdleVehicleSettings,
    Placement,
)  # fmt: skip
from kera_mobility.services.on_demand.policies.repositioning import Expected, ExpectedSettings, Stay, StaySettings
from kera_mobility.services.on_demand.routes import RideRequest, Routes
from kera_mobility.simulation.run import live
from tests.kit.hamlet import HOME, MILL, SCHOOL, hamlet_town, rows, scenario, trip

LINE = np.array([[0.0, 100.0, 200.0], [100.0, 0.0, 100.0], [200.0, 100.0, 0.0]])
"""100 s between neighbours."""
NEVER = 1e6
DRIVING_ALONE = InsertionSettings(waiting_weight=0.0, riding_weight=0.0)
SMALL = ("town.people.residents=800", "town.people.jobs=300", "town.people.neighbours_within_m=600")


def routes(homes: list[int], places: int = 4) -> Routes:
    count = len(homes)
    return Routes(LINE, np.array(homes), np.zeros(count), np.full(count, NEVER), np.full(count, places), 0.0)


def wish(number: int, pickup: int, dropoff: int, *, wait_s: float = 600.0, ride_s: float = 600.0) -> RideRequest:
    return RideRequest(number, pickup, dropoff, 0.0, wait_s, wait_s + ride_s)


def test_three_policies_are_found_by_their_kind() -> None:
    found = members("kera_mobility.services.on_demand.policies", DispatchPolicy, "kera_mobility.policies")
    assert {"insertion", "batch", "nearest"} <= set(found)


def test_insertion_takes_the_cheapest_and_of_equals_the_lower_vehicle() -> None:
    policy = Insertion(DRIVING_ALONE)
    assert policy.best_placement(routes([2, 0, 0]), wish(0, 0, 1), 0.0) == Placement(1, 0, 0, 100.0)
    assert policy.best_placement(routes([2, 2]), wish(0, 0, 1, wait_s=199.0), 0.0) is None


def test_an_idle_vehicle_beside_you_comes_where_your_time_weighs() -> None:
    """The busy one passes by without a detour after 200 s; the idle one stands there and would drive 100 s more."""
    fleet = routes([0, 2])
    fleet.insert(0, 0, 0, wish(0, 0, 2), 0.0)
    asked = wish(1, 2, 1)
    assert Insertion(DRIVING_ALONE).best_placement(fleet, asked, 0.0) == Placement(0, 1, 2, 100.0)
    weighed = Insertion(InsertionSettings(driving_weight=1.0, waiting_weight=1.5, riding_weight=1.0))
    assert weighed.best_placement(fleet, asked, 0.0) == Placement(1, 0, 0, 200.0)
    thrifty = Insertion(InsertionSettings(driving_weight=9.0, waiting_weight=0.5, riding_weight=0.0))
    assert thrifty.best_placement(fleet, wish(1, 0, 1), 0.0) == Placement(0, 0, 1, 0.0), "on the way of the other"


def test_who_is_delayed_weighs_too() -> None:
    """Three wait at stop 1 to ride on to 2: to fetch somebody at 0 before the end would cost each of them 200 s."""
    fleet = routes([1])
    for number in range(3):
        fleet.insert(0, number, number, wish(number, 1, 2), 0.0)
    placed = Insertion(InsertionSettings()).best_placement(fleet, wish(9, 0, 1, wait_s=900.0), 0.0)
    assert placed is not None
    assert placed[:3] == (0, 6, 6)
    assert placed.cost_s == 300.0 + 100.0 + 1.5 * 300.0


def test_nearest_sends_nobody_who_has_work() -> None:
    """The busy vehicle passes by and would add nothing; the idle one comes from two stops away."""
    fleet = routes([0, 2])
    fleet.insert(0, 0, 0, wish(0, 0, 2), 0.0)
    assert Insertion(DRIVING_ALONE).best_placement(fleet, wish(1, 0, 2), 0.0) == Placement(0, 0, 1, 0.0)
    idle = NearestIdleVehicle(NearestIdleVehicleSettings())
    assert idle.best_placement(fleet, wish(1, 0, 2), 0.0) == Placement(1, 0, 0, 400.0)
    fleet.insert(1, 0, 0, wish(2, 2, 0), 0.0)
    assert idle.best_placement(fleet, wish(1, 0, 2), 0.0) is None


def test_a_batch_gives_each_vehicle_its_own_where_greed_gives_one_vehicle_both() -> None:
    """Vehicles at stops 0 and 2. The first wish goes from 1 to 0, the second from 1 to 2: a vehicle for each."""
    policy, fleet = Batch(BatchSettings(waiting_weight=0.0, riding_weight=0.0)), routes([0, 2], places=1)
    wishes = [wish(0, 1, 2), wish(1, 1, 0)]
    reassign = policy.reassign(fleet, wishes, 0.0)
    assert reassign is not None
    driven = [reassign.driving_s(vehicle) for vehicle in range(2)]
    assert sum(driven) == 400.0
    greedy = fleet.copy()
    for one in wishes:
        placed = policy.best_placement(greedy, one, 0.0)
        assert placed is not None
        greedy.insert(*placed[:3], one, 0.0)
    assert sum(driven) <= sum(greedy.driving_s(vehicle) for vehicle in range(2))


def test_a_batch_that_cannot_serve_all_changes_nothing() -> None:
    wishes = [wish(0, 1, 2), wish(1, 1, 2, wait_s=50.0)]
    assert Batch(BatchSettings()).reassign(routes([0]), wishes, 0.0) is None


def test_each_reason_is_said_when_it_alone_binds() -> None:
    policy, said = Insertion(InsertionSettings()), {}
    said["no_vehicle_in_time"] = policy.refusal_reason(routes([2]), wish(0, 0, 1, wait_s=199.0), 0.0)
    taken = routes([0], places=1)
    taken.insert(0, 0, 0, wish(0, 0, 2), 0.0)
    said["full"] = policy.refusal_reason(taken, wish(1, 0, 2, wait_s=300.0), 0.0)
    strict = routes([0])
    strict.insert(0, 0, 0, wish(0, 0, 2, wait_s=0.0, ride_s=200.0), 0.0)
    said["detour_of_others"] = policy.refusal_reason(strict, wish(1, 1, 0, wait_s=250.0, ride_s=100.0), 0.0)
    said["own_detour"] = policy.refusal_reason(routes([0]), wish(0, 1, 2, ride_s=-501.0), 0.0)
    short = routes([0])
    short.end_s[:] = 399.0
    short.refresh(0, 0.0)
    said["end_of_shift"] = policy.refusal_reason(short, wish(0, 0, 2), 0.0)
    assert said == {reason: reason for reason in REASONS}


def test_idle_vehicles_go_where_most_are_expected_for_each_that_waits() -> None:
    asks, hop_s = np.array([2.0, 9.0, 12.0]), np.array([0.0, 100.0, 900.0])
    none = np.zeros(3, dtype=np.int64)
    assert Stay(StaySettings()).waiting_zone(asks, none, hop_s, 0) == 0
    policy = Expected(ExpectedSettings(within_s=600.0, least_gain=1.0))
    assert policy.waiting_zone(asks, none, hop_s, 0) == 1, "zone 2 is too far away"
    assert policy.waiting_zone(asks, np.array([0, 4, 0]), hop_s, 0) == 0, "four wait there already"


def test_an_idle_vehicle_drives_to_where_it_learned_that_people_ask(tmp_path: Path) -> None:
    """Many ask around the school between 8 and 9: who brought somebody home at 8 waits there, and else stays."""
    town = hamlet_town(tmp_path, [], [trip(1, MILL, HOME, "8:00")])
    met = Experience.none(int(town.zone.max()) + 1)
    met.requests[town.zone[SCHOOL], 8] = met.served[town.zone[SCHOOL], 8] = 20.0
    went = {}
    for kind in ("stay", "expected"):
        ways = scenario({"walk": {}, "on_demand": {"vehicles": 1, "repositioning": {"kind": kind}}},
                        prefer=["on_demand", "walk"])  # fmt: skip
        moves = rows(live(ways, town, experiences={"on_demand": met}), "moves")
        went[kind] = [(move["cause"], move["origin"], move["destination"]) for move in moves]
    assert went["stay"] == [("carry", MILL, HOME), ("depot", HOME, MILL)]
    assert went["expected"] == [("carry", MILL, HOME), ("reposition", HOME, SCHOOL), ("depot", SCHOOL, MILL)]


def test_the_insertion_policy_serves_its_part_of_what_hindsight_could() -> None:
    """Five of the twenty instances of `python -m benchmarks.on_demand_quality`; the median of all is above the goal."""
    shares = [one.served / one.bound for one in (play(number, {"kind": "insertion"}) for number in range(1, 6))]
    assert all(share <= 1.0 for share in shares), "the bound is a bound"
    assert statistics.median(shares) >= GOAL


def test_the_nearest_idle_vehicle_serves_fewer_than_insertion() -> None:
    served = {
        kind: sum(play(number, {"kind": kind}).served for number in range(1, 6)) for kind in ("insertion", "nearest")
    }
    assert served["nearest"] < served["insertion"]
