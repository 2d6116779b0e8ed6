"""The checker of promises is loud: whatever is changed in a sound log, it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kera_mobility.results.events import KINDS
from kera_mobility.results.promise_audit import Verdict, verdict
from kera_mobility.results.record import RunRecord
from kera_mobility.simulation.run import live
from tests.kit.hamlet import HOME, MILL, SCHOOL, STATION, hamlet_town, scenario, seconds, trip

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A sound day: two who share a vehicle, each promised to be picked up within 600 s."""
    town = hamlet_town(
        tmp_path_factory.mktemp("sound"), [], [trip(1, HOME, SCHOOL, "8:00"), trip(2, MILL, SCHOOL, "8:01")]
    )
    ways = scenario({"walk": {}, "on_demand": {"vehicles": 1}}, prefer=["on_demand", "walk"])
    return live(ways, town).record


def forged(record: RunRecord, table: str, change: Callable[[Rows], None]) -> Verdict:
    """Return the verdict on the same day with one table changed."""
    changed: Rows = record.tables[table].to_pylist()
    change(changed)
    tables = {**record.tables, table: pa.Table.from_pylist(changed, schema=KINDS[table].schema)}
    return verdict(replace(record, tables=tables), "on_demand")


def test_a_sound_day_has_no_breach(record: RunRecord) -> None:
    assert verdict(record, "on_demand") == Verdict(2, 2, 0, 0, 0, ())


@pytest.mark.parametrize(
    ("column", "limit", "words"),
    [
        ("pickup_s", "latest_pickup_s", "late for the pick-up"),
        ("arrival_s", "latest_arrival_s", "late for the arrival"),
    ],
)
def test_a_64th_of_a_second_late_is_broken(record: RunRecord, column: str, limit: str, words: str) -> None:
    def later(rows: Rows) -> None:
        rows[0][limit] = rows[0][column] - 1 / 64

    found = forged(record, "promises", later)
    assert found.kept == 1
    assert any(words in breach.fault for breach in found.breaches)


def test_a_cause_that_nobody_posted_excuses_nothing(record: RunRecord) -> None:
    def excused(rows: Rows) -> None:
        rows[0].update(latest_arrival_s=0.0, cause="breakdown")

    assert forged(record, "promises", excused).declared == 0
    assert forged(record, "promises", excused).breaches


@pytest.mark.parametrize(
    ("posted_s", "declared"),
    [("7:59:59", 0), ("8:00", 1), ("8:05", 1), ("8:30", 0)],
    ids=["before it was promised", "as it was promised", "on the way", "when it was over"],
)
def test_a_breakdown_excuses_if_it_was_posted_while_the_promise_was_open(
    record: RunRecord, posted_s: str, declared: int
) -> None:
    def excused(rows: Rows) -> None:
        rows[0].update(latest_arrival_s=0.0, cause="breakdown")

    posted = [{"t_s": seconds(posted_s), "topic": "breakdown", "place": MILL, "text": "vehicle 0 broke down"}]
    tables = {**record.tables, "notices": pa.Table.from_pylist(posted, schema=KINDS["notices"].schema)}
    found = forged(replace(record, tables=tables), "promises", excused)
    assert (found.declared, found.kept, len(found.breaches)) == (declared, 1, 1 - declared)


NEVER = float("nan")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"came_s": seconds("8:12")}, "no vehicle came"),
        ({"ready_s": seconds("8:13")}, "no vehicle came"),
        ({"latest_pickup_s": seconds("8:09")}, "no vehicle came"),
        ({"origin": HOME}, "no vehicle came"),
    ],
    ids=["it waited", "the rider was there", "it left too early", "it came too late", "it waited elsewhere"],
)
def test_a_rider_is_late_only_where_the_vehicle_stood_as_agreed(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    """Promised from the station at 8:10, where the vehicle waits from 8:09:40 on until 8:12:40; nobody comes."""
    town = hamlet_town(tmp_path, [], [])
    record = live(scenario({"walk": {}, "on_demand": {"vehicles": 1}}), town).record
    whose = {"t_s": seconds("8:00"), "person": 1, "trip": 0, "leg": 1, "step": 0, "service": "on_demand", "vehicle": 0}
    promise = whose | {
        "origin": STATION, "destination": HOME, "ready_s": seconds("8:10"), "latest_pickup_s": seconds("8:20"),
        "latest_arrival_s": seconds("8:40"), "came_s": NEVER, "pickup_s": NEVER, "arrival_s": NEVER, "direct_s": 145.0,
        "end": "expired", "cause": "late_rider",
    }  # fmt: skip
    move = {
        "t_s": seconds("8:08:20"), "vehicle": 0, "run": 0, "step": 0, "service": "on_demand", "cause": "fetch",
        "origin": MILL, "destination": STATION, "end_s": seconds("8:09:40"), "distance_m": 600.0, "charge": NEVER,
    }  # fmt: skip
    away = move | {
        "t_s": seconds("8:12:40"),
        "run": 1,
        "origin": STATION,
        "destination": MILL,
        "end_s": seconds("8:14"),
    }
    rows = {
        "promises": [promise | change], "moves": [move, away],
        "bookings": [whose | {"end": "expired", "end_s": seconds("8:12:40")}],
    }  # fmt: skip
    tables = {name: pa.Table.from_pylist(some, schema=KINDS[name].schema) for name, some in rows.items()}
    found = verdict(replace(record, tables={**record.tables, **tables}), "on_demand")
    assert [breach.fault.endswith(words) for breach in found.breaches] == [True] * bool(words)
    assert found.rider_late == (not words)


@pytest.mark.parametrize("change", [lambda rows: rows.pop(), lambda rows: rows[0].update(end="cancelled")])
def test_a_promise_and_its_booking_tell_the_same(record: RunRecord, change: Callable[[Rows], None]) -> None:
    assert any("no booking that ended ridden" in breach.fault for breach in forged(record, "bookings", change).breaches)


def test_a_booking_without_a_promise_is_found(record: RunRecord) -> None:
    def lost(rows: Rows) -> None:
        rows.pop()

    assert any("a booking without a promise" in breach.fault for breach in forged(record, "promises", lost).breaches)


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("promises", {"arrival_s": float("nan")}, "never alighted"),
        ("promises", {"pickup_s": float("nan")}, "never boarded"),
        ("promises", {"pickup_s": float("nan"), "arrival_s": float("nan")}, "without a ride"),
        ("promises", {"came_s": 1e6}, "before being there"),
        ("promises", {"ready_s": 1e6}, "before the time that was agreed"),
        ("promises", {"end": "expired"}, "ended expired"),
        ("promises", {"end": "expired", "cause": "late_rider", "pickup_s": float("nan"), "arrival_s": float("nan"),
                      "came_s": float("nan"), "ready_s": 1e6}, "no vehicle came"),
        ("promises", {"vehicle": 7}, "vehicle 7 had"),
        ("calls", {"aboard": 9}, "left stop"),
        ("calls", {"place": SCHOOL + 1}, "differ by"),
        ("moves", {"origin": SCHOOL}, "was not there"),
    ],
)  # fmt: skip
def test_whatever_is_forged_is_found(record: RunRecord, table: str, change: dict[str, Any], words: str) -> None:
    found = forged(record, table, lambda rows: rows[1].update(change))
    assert any(words in breach.fault for breach in found.breaches), found.breaches


def test_more_people_than_places_are_found(record: RunRecord) -> None:
    cars = record.vehicles.set_column(
        record.vehicles.schema.get_field_index("places"), "places", pa.array([1], pa.int32())
    )
    found = verdict(replace(record, vehicles=cars), "on_demand")
    assert any("2 people aboard, and 1 places" in breach.fault for breach in found.breaches)
