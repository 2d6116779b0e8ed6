"""Dearer, slower or farther attracts nobody: person by person where there is enough for all, on average where not."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.dice import Dice
from kera_mobility.simulation.run import Run, live
from kera_mobility.town.town import Town
from tests.kit.hamlet import CITY, HOME, MILL, SCHOOL, STATION, at, hamlet_town, person, rows, scenario, trip

DOORS = (HOME, MILL, STATION, SCHOOL)
ENDS = [(HOME, STATION), (HOME, CITY), (MILL, SCHOOL), (SCHOOL, HOME), (CITY, MILL), (SCHOOL, CITY)]
PEOPLE = 240
T_19 = 2.093
"""Of the t distribution with 19 degrees of freedom, 95 % of it between minus and plus. From tables."""
PAIRED_SEEDS = 20

LIKES = {"scooter": 1.0, "shuttle": 1.0, "on_demand": 1.0, "city_bike": 0.5}
WAYS: dict[str, dict[str, Any]] = {"walk": {}, "bicycle": {}, "car_passenger": {}, "rail": {}}
CITY_BIKE: dict[str, Any] = {
    "kind": "scooter", "mode": "bicycle_share", "nest": "bicycle", "parking": "hubs", "energy_wh_per_km": 0.0,
    "unlock_eur": 0.0, "minute_eur": 0.0, "ride_pass": {"share": 1.0, "free_minutes": 2.0, "minute_eur": 0.1},
    "speed_m_s": 4.0, "handling_s": 30.0, "operating_radius_m": 5000.0, "registered": [{"from_age": 0, "share": 1.0}],
}  # fmt: skip
PLENTY: dict[str, dict[str, Any]] = {
    "scooter": {"fleet": 1200, "hubs": [at(place, capacity=300) for place in DOORS], "max_walk_m": 600.0},
    "city_bike": {**CITY_BIKE, "fleet": 1200, "hubs": [at(place, capacity=1000) for place in DOORS],
                  "max_walk_m": 600.0},
    "on_demand": {"vehicles": 1000, "depots": [at(place) for place in DOORS], "dispatch": {"kind": "nearest"},
                  "max_wait_s": 1800.0, "seats": 1},
    "shuttle": {"seats": 100, "vehicles": 10, "stops": [at(MILL), at(STATION), at(SCHOOL)], "max_walk_m": 1200.0},
}  # fmt: skip
"""More vehicles than people at every door."""
SCARCE: dict[str, dict[str, Any]] = {
    "scooter": {"fleet": 6, "hubs": [at(place, capacity=6) for place in DOORS], "max_walk_m": 600.0},
    "city_bike": {**CITY_BIKE, "fleet": 6, "hubs": [at(place, capacity=4) for place in DOORS], "max_walk_m": 600.0},
    "on_demand": {"vehicles": 1, "depots": [at(MILL)], "max_wait_s": 240.0, "seats": 2},
    "shuttle": {"seats": 1, "vehicles": 2, "stops": [at(MILL), at(STATION)], "max_walk_m": 600.0, "patience": 0},
}  # fmt: skip
"""Too few of everything."""


def crowd(folder: Path, count: int, hours: float) -> Town:
    """Return the hamlet with people who want to go somewhere at some time of a part of the day."""
    draw = Dice.of(3)
    people = [person(number, household_cars=1, bicycle=number % 3 == 0) for number in range(count)]
    trips = [
        trip(
            one.person, *ENDS[one.person % len(ENDS)], 25_200.0 + round(3600 * hours * float(draw.uniform(one.person)))
        )
        for one in people
    ]
    return hamlet_town(folder, people, trips)


def day(town: Town, service: str, about: dict[str, Any], *, trains: bool, seed: int = 1) -> Run:
    ways = {name: one for name, one in WAYS.items() if trains or name != "rail"}
    likes = {"constants": LIKES, "feeder_constants": LIKES}
    return live(scenario({**ways, service: about}, choice=likes), town, seed)


def takers(run: Run, service: str) -> set[int]:
    return {row["person"] for row in rows(run, "legs", service=service) if row["ride_s"] > 0}


GRID: list[tuple[str, str, list[Any], bool]] = [
    ("scooter", "unlock_eur", [0.0, 1.0, 5.0, 10.0], True),
    ("scooter", "speed_m_s", [6.0, 4.0, 2.0, 1.0], False),
    ("scooter", "hubs", [[at(place, capacity=600) for place in DOORS[:count]] for count in (4, 3, 2, 1)], False),
    ("city_bike", "ride_pass", [{"share": 1.0, "minute_eur": price} for price in (0.0, 0.1, 1.0, 5.0)], True),
    ("city_bike", "speed_m_s", [6.0, 4.0, 2.0, 1.0], False),
    ("city_bike", "handling_s", [0.0, 60.0, 300.0, 600.0], False),
    ("city_bike", "hubs", [[at(place, capacity=1000) for place in DOORS[:count]] for count in (4, 3, 2)], False),
    ("on_demand", "fare_eur", [0.0, 2.0, 8.0, 25.0], True),
    ("on_demand", "fare_eur_per_km", [0.0, 1.0, 5.0, 10.0], True),
    ("on_demand", "driving_factor", [1.0, 1.5, 2.5, 4.0], False),
    ("on_demand", "boarding_penalty_min", [0.0, 5.0, 10.0, 20.0], True),
    ("on_demand", "stop_spacing_m", [0.0, 700.0], False),
    ("shuttle", "fare_eur", [0.0, 2.0, 8.0, 20.0], True),
    ("shuttle", "boarding_penalty_min", [0.0, 5.0, 10.0, 20.0], True),
]  # fmt: skip


@pytest.mark.parametrize(("service", "key", "values", "trains"), GRID, ids=[f"{one[0]} {one[1]}" for one in GRID])
def test_dearer_slower_or_farther_attracts_no_person_more_where_there_is_enough_for_all(
    tmp_path: Path, service: str, key: str, values: list[Any], trains: bool
) -> None:
    """Slower and farther without trains: who misses one waits at home, and may gain by it."""
    town = crowd(tmp_path, PEOPLE, 8.0)
    found = []
    for value in values:
        run = day(town, service, {**PLENTY[service], key: value}, trains=trains)
        said = {row["reason"] for row in rows(run, "refusals", service=service)}
        assert key == "hubs" or not said & {"no_vehicle", "full", "no_vehicle_in_time", "no_parking"}, "enough for all"
        found.append(takers(run, service))
    for better, worse in pairwise(found):
        assert worse <= better, sorted(worse - better)
    assert len(found[-1]) < len(found[0])


@pytest.mark.parametrize(
    ("service", "key", "values"),
    [
        ("scooter", "minute_eur", (0.1, 0.25, 2.0)),
        ("city_bike", "handling_s", (0.0, 60.0, 600.0)),
        ("on_demand", "fare_eur", (1.0, 3.0, 15.0)),
        ("shuttle", "fare_eur", (0.0, 1.0, 10.0)),
    ],
)
def test_where_there_is_not_enough_the_mean_of_paired_days_does_not_rise_beyond_its_interval(
    tmp_path: Path, service: str, key: str, values: tuple[float, ...]
) -> None:
    """With live supply one may find what another leaves: person by person nothing holds, but the mean does."""
    town = crowd(tmp_path, 150, 1.0)
    rides = np.array(
        [
            [sum(leg["ride_s"] > 0 for leg in rows(run, "legs", service=service)) for run in runs]
            for runs in (
                [day(town, service, {**SCARCE[service], key: value}, trains=True, seed=seed) for value in values]
                for seed in range(PAIRED_SEEDS)
            )
        ]
    )
    for cheaper, dearer in pairwise(rides.T):
        more = dearer - cheaper
        half = T_19 * float(more.std(ddof=1)) / math.sqrt(PAIRED_SEEDS)
        assert more.mean() - half <= 0.0, (service, key, more.mean(), half)
    most = rides[:, -1] - rides[:, 0]
    half = T_19 * float(most.std(ddof=1)) / math.sqrt(PAIRED_SEEDS)
    assert most.mean() + half < 0.0, "the dearest is not dear enough to see anything"


@pytest.mark.parametrize("service", sorted(SCARCE))
def test_the_supply_of_the_paired_days_is_scarce(tmp_path: Path, service: str) -> None:
    capacity_limited = day(crowd(tmp_path, 150, 1.0), service, SCARCE[service], trains=True)
    said = {row["reason"] for row in rows(capacity_limited, "refusals", service=service)}
    assert said & {"no_vehicle", "full", "no_vehicle_in_time", "detour_of_others"}
