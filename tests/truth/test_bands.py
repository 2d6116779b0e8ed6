"""Modes by straight distance: what holds in any travel survey holds on a shipped day."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from kera_mobility.config.resources import find
from kera_mobility.experiments.calibration.variants import left_out
from kera_mobility.results.facts import Facts
from kera_mobility.results.observations import STRAIGHT_KM, modes_by_band, straight_km, trips_of
from kera_mobility.results.record import numbers
from kera_mobility.simulation.run import live, simulate, town_of
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.town import Town

SHARE = 0.25
"""Of the households of today: some 20,000 trips."""
WALK_M_S = 1.2
"""As in configs/base.yaml."""


@functools.cache
def day() -> Facts:
    scenario = load_scenario(find("today.yaml", "configs"))
    return Facts(simulate(scenario, 1, without=left_out(town_of(scenario), SHARE)).record)


@functools.cache
def loop_day() -> tuple[Facts, Town]:
    few = ("town.people.residents=1500", "town.people.jobs=500", "town.people.neighbours_within_m=800")
    scenario = load_scenario(find("trials/shuttle.yaml", "configs"), few)
    town = town_of(scenario)
    return Facts(live(scenario, town, seed=1).record), town


def bands() -> dict[tuple[float, float], dict[str, float]]:
    return modes_by_band(day(), trips_of(day(), ("residents", "neighbours")))


def test_hardly_anybody_takes_a_bus_for_500_m() -> None:
    shortest = bands()[STRAIGHT_KM[0], STRAIGHT_KM[1]]
    assert shortest["transit"] < 0.01
    assert shortest["walk"] > 0.75


def test_the_share_of_the_car_rises_with_distance_up_to_10_km() -> None:
    by_car = [share["car"] for (low, high), share in bands().items() if high <= 10.0]
    assert len(by_car) == 6
    assert by_car == sorted(by_car)
    assert by_car[-1] > 3.0 * by_car[0]


def test_walking_falls_and_ends_within_five_kilometres() -> None:
    on_foot = [share["walk"] for share in bands().values()]
    assert on_foot == sorted(on_foot, reverse=True)
    assert bands()[5.0, 10.0]["walk"] < 0.01


def test_shares_of_a_band_sum_to_one_and_bands_hold_every_trip() -> None:
    for shares in bands().values():
        assert sum(shares.values()) == pytest.approx(1.0)
    km = straight_km(day())
    assert km.min() >= 0.0
    trips = day().record.tables["trips"]
    same = numbers(trips, "origin") == numbers(trips, "destination")
    assert (km[same] == 0.0).all()


def test_nobody_on_a_shipped_day_walks_as_far_to_ride_as_all_the_way() -> None:
    facts, town = loop_day()
    trips = facts.record.tables["trips"]
    walk_m = town.skims.walk_m[numbers(trips, "origin"), numbers(trips, "destination")]
    all_the_way_s = np.asarray(walk_m, dtype=np.float64) / WALK_M_S
    lines = [index for index, mode in enumerate(facts.modes) if mode in ("transit", "shuttle")]
    rode = facts.rode[:, lines].any(axis=1) & facts.completed & (numbers(trips, "replans") == 0)
    assert np.count_nonzero(rode) > 300
    assert (facts.walk_s[rode] < all_the_way_s[rode]).all()
    by_loop = rode & (facts.main_mode == facts.modes.index("shuttle"))
    assert np.count_nonzero(by_loop) >= 10
    saved_s = all_the_way_s - facts.door_to_door_s
    assert np.median(saved_s[by_loop]) > 0.0, "the median rider of the loop is there sooner than on foot"


@pytest.mark.parametrize("file", sorted(path.name for path in find("trials", "configs").glob("*.yaml")))
def test_every_shipped_trial_offers_sensible_journeys_only(file: str) -> None:
    scenario = load_scenario(find(f"trials/{file}", "configs"))
    assert scenario.planning.sensible_only
    assert scenario.choice.walk_as_mode
    assert scenario.choice.taste_distance_m > 0.0
