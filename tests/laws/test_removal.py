"""The removal law: who asked nothing scarce of anybody can be taken away, and nobody else's day changes by a bit."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

import pyarrow.compute as pc
import pytest

from kera_mobility.simulation.run import Run, live, simulate
from kera_mobility.simulation.scenario import load_scenario
from tests.kit.fingerprints import bystanders, fingerprints, ids
from tests.kit.hamlet import HOME, MILL, SCHOOL, STATION, hamlet_town, person, scenario, trip

TRIALS = "configs/trials/all.yaml"
BUSY = (
    "town.people.residents=800",
    "town.people.jobs=300",
    "town.people.neighbours_within_m=600",
    "choice.constants.scooter=1.5",
    "choice.feeder_constants.scooter=1.0",
    "choice.constants.shuttle=1.0",
    "services.scooter.fleet=12",
    "services.shuttle.seats=1",
)
"""Too few scooters and seats for those who want them."""


@cache
def day(*overrides: str, seed: int = 3) -> Run:
    return simulate(load_scenario(TRIALS, overrides), seed)


def without(persons: Collection[int], *overrides: str) -> Run:
    return simulate(load_scenario(TRIALS, overrides), 3, without=persons)


def test_the_busy_day_refuses_people_in_more_than_one_way() -> None:
    refusals = day(*BUSY).record.tables["refusals"]
    said = set(zip(refusals["service"].to_pylist(), refusals["reason"].to_pylist(), strict=True))
    assert {("scooter", "no_vehicle"), ("shuttle", "full")} <= said
    assert refusals.num_rows >= 50


def test_a_hundred_people_who_asked_nothing_scarce_are_not_missed() -> None:
    base = day(*BUSY)
    gone = bystanders(base, 100)
    assert len(gone) == 100
    less = without(gone, *BUSY)
    assert not set(ids(less.record.tables["trips"])) & set(gone)
    assert fingerprints(less) == fingerprints(base, gone)


@pytest.mark.parametrize("number", range(4))
def test_one_who_asked_nothing_scarce_is_not_missed(number: int) -> None:
    base = day(*BUSY)
    gone = bystanders(base, 60)[number::4][:1]
    assert fingerprints(without(gone, *BUSY)) == fingerprints(base, gone)


@pytest.mark.parametrize("part", range(2))
def test_a_tenth_of_them_is_not_missed(part: int) -> None:
    base = day(*BUSY)
    gone = bystanders(base, 100)[part::10]
    assert fingerprints(without(gone, *BUSY)) == fingerprints(base, gone)


def test_one_who_took_a_scooter_is_missed() -> None:
    base = day(*BUSY)
    legs = base.record.tables["legs"]
    riders = list(dict.fromkeys(ids(legs.filter(pc.equal(legs["service"], "scooter")))))
    missed = []
    for rider in riders[:4]:
        less, rest = fingerprints(without([rider], *BUSY)), fingerprints(base, [rider])
        missed.append(less["bookings"] != rest["bookings"] or less["refusals"] != rest["refusals"])
    assert any(missed)


def test_a_stranger_who_walks_by_does_not_decide_who_finds_the_scooter(tmp_path: Path) -> None:
    """At 8:03 the only scooter is parked and the second person sets out: one moment, and its order is a rule."""
    ways = scenario({"walk": {}, "scooter": {"fleet": 1}}, prefer=["scooter", "walk"])
    two = [trip(1, MILL, STATION, "8:00"), trip(2, STATION, SCHOOL, "8:03")]
    told = set()
    for strangers in ([], [trip(3, HOME, MILL, "8:01")], [trip(3, HOME, MILL, "8:02:59"), trip(4, HOME, MILL, "7:30")]):
        people = [person(one.person, age=10) for one in strangers]
        run = live(ways, hamlet_town(tmp_path, people, [*two, *strangers]))
        gone = {one.person for one in strangers}
        told.add(tuple(fingerprints(run, gone)[kind] for kind in ("trips", "legs", "bookings", "refusals")))
    assert len(told) == 1


def test_nobody_misses_a_hundred_people_of_the_whole_district() -> None:
    base = day()
    assert base.record.tables["refusals"].num_rows > 0
    gone = bystanders(base, 100)
    assert fingerprints(without(gone)) == fingerprints(base, gone)
