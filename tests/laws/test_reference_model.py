"""The fast path against the reference model: the same hamlet, the same day, event for event."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kera_mobility.results.events import KINDS
from kera_mobility.simulation.run import live
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.population.persons import PURPOSES
from tests.kit.hamlet import (
    HOME,
    MILL,
    PLACES,
    SCHOOL,
    STATION,
    TRAINS,
    PersonRow,
    TripRow,
    at,
    hamlet_town,
    person,
    run,
    scenario,
    trip,
)
from tests.kit.reference_model import ReferenceModel

TABLES = ("trips", "legs", "refusals", "bookings", "calls")
LOCAL_TRAINS = tuple(
    train
    for tenth in range(40)
    for train in (
        run((MILL, 21_600.0 + 600.0 * tenth), (STATION, 21_720.0 + 600.0 * tenth)),
        run((STATION, 22_000.0 + 600.0 * tenth), (MILL, 22_120.0 + 600.0 * tenth)),
    )
)
"""Between mill and station every ten minutes, so that the way to the city may take two trains."""
HUBS = [at(MILL, capacity=2), at(STATION, capacity=2), at(SCHOOL, capacity=1)]
STOPS = [at(MILL), at(STATION), at(SCHOOL)]
BY_AGE = {"from_age": [0, 18, 65], "share": [0.5, 1.0, 0.75]}
NOT_MODELLED = {"bicycle": -100.0, "car": -100.0, "car_passenger": -100.0}
"""The reference model parks nothing at stops and drops nobody off: these are never chosen; see test_leaving.py."""
MILLIMETRES = 3
"""Decimals of metres that are compared: the length of a ride by train is a sum of rounded sines."""


def capacity_limited(draw: Any) -> dict[str, dict[str, Any]]:
    """Return ways to travel, with few scooters, seats and places on trains."""
    ways: dict[str, dict[str, Any]] = {
        "walk": {},
        "bicycle": {},
        "car": {},
        "car_passenger": {},
        "rail": {
            "train": {"places": draw(st.sampled_from([1, 2, 100])), "boarding_penalty_min": 2.0},
            "fare_by_age": draw(st.sampled_from([{"from_age": [0], "share": [1.0]}, BY_AGE])),
            "patience": draw(st.integers(0, 2)),
        },
        "scooter": {
            "fleet": draw(st.integers(1, 5)),
            "parking": draw(st.sampled_from(["anywhere", "hubs"])),
            "hubs": HUBS,
            "max_walk_m": draw(st.sampled_from([300.0, 600.0, 700.0])),
            "battery_wh": draw(st.sampled_from([550.0, 60.0])),
            "registered": [{"from_age": 0, "share": draw(st.sampled_from([1.0, 0.5]))}],
        },
        "shuttle": {
            "seats": draw(st.sampled_from([1, 2])),
            "vehicles": 3,
            "reserved_seats": draw(st.booleans()),
            "patience": draw(st.integers(0, 1)),
            "stops": STOPS,
        },
    }
    missing = draw(st.sets(st.sampled_from([name for name in ways if name != "walk"]), max_size=3))
    return {name: way for name, way in ways.items() if name not in missing}


@st.composite
def scenarios(draw: Any) -> Scenario:
    per_minute = {f"{mode}_per_min": -0.05 for mode in ("walk", "bicycle", "car", "transit")}
    liked = {"walk": st.sampled_from([0.0, 1.5]), "bicycle": st.sampled_from([0.0, -0.5]),
             "transit": st.sampled_from([0.0, 2.0])}  # fmt: skip
    choice = {
        "coefficients": {
            purpose: {**per_minute, "per_eur": -0.2, **{name: draw(values) for name, values in liked.items()}}
            for purpose in PURPOSES
        },
        "walk_as_mode": draw(st.booleans()),
        "nest_parameter": draw(st.sampled_from([0.4, 0.7, 1.0])),
        "constants": {name: draw(st.sampled_from([-1.0, 0.0, 2.0])) for name in ("rail", "scooter", "shuttle")},
        "feeder_constants": {
            **NOT_MODELLED,
            **{name: draw(st.sampled_from([0.0, 1.0])) for name in ("scooter", "shuttle")},
        },
    }
    planning = {"journeys_per_trip": draw(st.sampled_from([24, 24, 4, 2]))}
    return scenario(capacity_limited(draw), choice=choice, planning=planning)


@st.composite
def crowds(draw: Any, most: int = 40) -> tuple[list[PersonRow], list[TripRow]]:
    """Return people who all set out within two hours, at whole and half minutes, so that moments coincide."""
    people, trips = [], []
    for number in range(draw(st.integers(1, most))):
        people.append(
            person(
                number, home=draw(st.sampled_from(PLACES)), age=draw(st.sampled_from([12, 30, 70])),
                bicycle=draw(st.booleans()), car=draw(st.booleans()), household_cars=draw(st.integers(0, 1)),
                season_ticket=draw(st.booleans()),
            )
        )  # fmt: skip
        here, time_s = people[-1].home, 24_000.0 + 30.0 * draw(st.integers(0, 120))
        for tour in range(draw(st.integers(1, 2))):
            purpose = draw(st.sampled_from(PURPOSES))
            for _ in range(draw(st.integers(1, 2))):
                there = draw(st.sampled_from([place for place in PLACES if place != here]))
                trips.append(trip(number, here, there, time_s, tour, purpose))
                here, time_s = there, time_s + 30.0 * draw(st.integers(0, 60))
    return people, trips


def rounded(row: Any) -> tuple[Any, ...]:
    return tuple(round(value, MILLIMETRES) if isinstance(value, float) else value for value in row)


def assert_same_day(scenario: Scenario, town: Any, seed: int, day: int = 0) -> ReferenceModel:
    fast, reference = live(scenario, town, seed, day), ReferenceModel(scenario, town, seed, day)
    for kind in TABLES:
        simulated = sorted(rounded(row.values()) for row in fast.record.tables[kind].to_pylist())
        expected = sorted(rounded(row) for row in reference.tables[kind])
        assert all(len(row) == len(KINDS[kind].schema) for row in expected)
        assert simulated == expected, kind
    return reference


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(scenarios(), crowds(), st.integers(0, 1000), st.booleans())
def test_the_fast_path_simulates_the_day_of_the_reference_model(
    scenario: Scenario, crowd: tuple[list[PersonRow], list[TripRow]], seed: int, local: bool
) -> None:
    people, trips = crowd
    with TemporaryDirectory() as folder:
        town = hamlet_town(Path(folder), people, trips, trains=TRAINS + (LOCAL_TRAINS if local else ()))
        assert_same_day(scenario, town, seed)


def test_they_agree_on_a_crowded_day_with_all_that_can_go_wrong(tmp_path: Path) -> None:
    """Sixty people from everywhere want to be elsewhere at half past six; three days of them see every refusal."""
    people = [
        person(number, home=number % 5, age=30, bicycle=number % 7 == 0, car=number % 11 == 0) for number in range(60)
    ]
    trips = []
    for traveller in people:
        here, step = traveller.home, 1 + traveller.person % 3
        for leg in range(4):
            there = (here + step) % len(PLACES)
            trips.append(trip(traveller.person, here, there, 23_400.0 + 1_200.0 * leg, tour=leg // 2))
            here = there
    town = hamlet_town(tmp_path, people, trips, trains=TRAINS + LOCAL_TRAINS)
    denied, how, chosen = set(), set(), set()
    for seed, (parking, reserved) in enumerate([("hubs", True), ("anywhere", False), ("anywhere", True)]):
        ways: dict[str, dict[str, Any]] = {
            "walk": {}, "bicycle": {}, "car": {},
            "rail": {"train": {"places": 3, "boarding_penalty_min": 2.0}, "patience": 1},
            "scooter": {"fleet": 4, "parking": parking, "hubs": HUBS, "battery_wh": 60.0, "reserve_charge": 0.4,
                        "low_charge": 0.4},
            "shuttle": {"seats": 1, "vehicles": 3, "reserved_seats": reserved, "stops": STOPS, "last_s": 25_200.0},
        }  # fmt: skip
        likes = {"scooter": 2.0, "shuttle": 3.0, "rail": 2.0}
        choice = {"constants": likes, "feeder_constants": {**NOT_MODELLED, **likes}}
        reference = assert_same_day(scenario(ways, choice=choice), town, seed)
        denied |= {row[5:7] for row in reference.tables["refusals"]}
        for row in reference.tables["trips"]:
            how |= {row[8], f"{row[11]} replans"}
            chosen.add(row[7])
    assert {
        ("scooter", "no_vehicle"), ("scooter", "no_parking"), ("scooter", "low_battery"), ("shuttle", "full"),
        ("shuttle", "no_departure"), ("rail", "full"), ("", "no_journey"),
    } <= denied  # fmt: skip
    assert {"arrived", "unserved", "0 replans", "1 replans", "2 replans"} <= how
    assert {"walk", "bicycle", "car", "scooter", "shuttle", "walk+rail+walk", "shuttle+rail+walk"} <= chosen


def test_what_nobody_expects_to_find_weighs_nothing_however_little_it_is_liked(tmp_path: Path) -> None:
    """A scooter may turn up within 300 m, but its hub is 600 m away: tours reckon without it, and nobody misses it."""
    people = [person(number, bicycle=True) for number in range(20)]
    trips = [
        trip(number, *leg) for number in range(20) for leg in ((HOME, STATION, 28_800.0), (STATION, HOME, 32_400.0))
    ]
    ways: dict[str, dict[str, Any]] = {"walk": {}, "bicycle": {}, "scooter": {"fleet": 1, "max_walk_m": 300.0}}
    likes = {"constants": {"walk": 50.0, "scooter": -20.0}}
    reference = assert_same_day(scenario(ways, choice=likes), hamlet_town(tmp_path, people, trips), seed=1)
    assert {row[7] for row in reference.tables["trips"]} == {"walk"}
    assert not reference.tables["refusals"]
