"""Modes by straight distance: what holds in any travel survey holds on a shipped day."""

from __future__ import annotations

import functools

import pytest

from kera_mobility.config.resources import find
from kera_mobility.experiments.calibration.variants import left_out
from kera_mobility.results.facts import Facts
from kera_mobility.results.observations import STRAIGHT_KM, modes_by_band, straight_km, trips_of
from kera_mobility.results.record import numbers
from kera_mobility.simulation.run import simulate, town_of
from kera_mobility.simulation.scenario import load_scenario

SHARE = 0.25
"""Of the households of today: some 20,000 trips."""


@functools.cache
def day() -> Facts:
    scenario = load_scenario(find("today.yaml", "configs"))
    return Facts(simulate(scenario, 1, without=left_out(town_of(scenario), SHARE)).record)


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
