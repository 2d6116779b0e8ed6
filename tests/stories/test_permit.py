"""The city's permit as one object: each condition judged from the result folder alone. By hand in the hamlet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.results.kpis import compute
from kera_mobility.results.store import load_record
from kera_mobility.simulation.run import Run, live
from tests.kit.hamlet import HOME, MILL, SCHOOL, STATION, TripRow, at, hamlet_town, rows, scenario, seconds, trip


def day(tmp_path: Path, permit: dict[str, Any] | None, *trips: TripRow, nodes: tuple[int, ...], **about: Any) -> Run:
    settings = {"fleet": len(nodes), "permit": permit, **about}
    carried = {"scooter": {"node": np.array(nodes), "charge": np.ones(len(nodes))}}
    town = hamlet_town(tmp_path / "town", trips=trips)
    return live(scenario({"walk": {}, "scooter": settings}, ("scooter", "walk")), town, carried=carried)


def verdicts(tmp_path: Path, log: Run) -> dict[str, tuple[float, float, float]]:
    """Return value, limit and verdict of each condition, from the folder that the run wrote."""
    record = load_record(log.save(tmp_path / "result"))
    found = {one.id: one.value for one in compute(record) if ".permit." in one.id}
    names = [name.removesuffix(".kept") for name in found if name.endswith(".kept")]
    return {name.rpartition(".")[2]: (found[name], found[f"{name}.limit"], found[f"{name}.kept"]) for name in names}


def test_a_fleet_without_a_permit_is_not_judged(tmp_path: Path) -> None:
    assert verdicts(tmp_path, day(tmp_path, None, trip(1, MILL, SCHOOL, "8:00"), nodes=(MILL,))) == {}


def test_a_condition_that_is_null_is_not_judged(tmp_path: Path) -> None:
    none: dict[str, Any] = {"speed_day_km_h": None, "speed_night_km_h": None, "banned": []}
    assert verdicts(tmp_path, day(tmp_path, none, trip(1, MILL, SCHOOL, "8:00"), nodes=(MILL,))) == {}


def test_the_permit_changes_nothing_by_itself(tmp_path: Path) -> None:
    trips = trip(1, MILL, SCHOOL, "1:00"), trip(2, MILL, SCHOOL, "8:00")
    free = day(tmp_path, None, *trips, nodes=(MILL, MILL))
    strict = {"fleet": 1, "available_share": 1.0, "speed_day_km_h": 1.0, "parking_share": 1.0}
    assert day(tmp_path, strict, *trips, nodes=(MILL, MILL)).fingerprint == free.fingerprint


@pytest.mark.parametrize(("most", "kept"), [(2, 0.0), (3, 1.0)])
def test_the_fleet_cap_counts_vehicles_on_the_streets_at_once(tmp_path: Path, most: int, kept: float) -> None:
    log = day(tmp_path, {"fleet": most}, trip(1, MILL, SCHOOL, "8:00"), nodes=(MILL, MILL, MILL))
    assert verdicts(tmp_path, log)["fleet"] == (3.0, most, kept)


def test_vehicles_that_are_taken_in_do_not_count_against_the_cap(tmp_path: Path) -> None:
    # On the streets from 8 to 20 only.
    night = {"kind": "withdraw", "from_s": 72_000.0, "until_s": 28_800.0}
    log = day(tmp_path, {"fleet": 2}, nodes=(MILL, MILL), overnight=night)
    assert verdicts(tmp_path, log)["fleet"] == (2.0, 2.0, 1.0)
    assert next(one.value for one in log.kpis() if one.id == "scooter.away_share") == 0.5


def test_availability_is_that_of_the_hub_where_it_is_least(tmp_path: Path) -> None:
    # From 6 to 22 are 16 hours. The station's scooter leaves at 10:00 and comes back at 14:03 from the mill, which has
    # two all day but for that time; nothing else lies within 300 m of either.
    trips = trip(1, STATION, MILL, "10:00"), trip(2, MILL, STATION, "14:00")
    rules = {"available_share": 0.8, "available_within_m": 300.0}
    log = day(tmp_path, rules, *trips, nodes=(MILL, STATION), hubs=[at(MILL, capacity=4), at(STATION, capacity=4)])
    value, limit, kept = verdicts(tmp_path, log)["availability"]
    away_s = seconds("14:03") - seconds("10:00")
    assert value == pytest.approx(1.0 - away_s / (16 * 3600))
    assert (limit, kept) == (0.8, 0.0)
    # With 600 m either hub has the other's.
    near = day(tmp_path, {**rules, "available_within_m": 601.0}, *trips, nodes=(MILL, STATION),
               hubs=[at(MILL, capacity=4), at(STATION, capacity=4)])  # fmt: skip
    assert verdicts(tmp_path, near)["availability"][0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("date", "clock", "rides"),
    [
        ("2025-09-17", "1:00", 0),  # Wednesday
        ("2025-09-20", "1:00", 1),  # the night from Friday to Saturday
        ("2025-09-21", "4:59", 1),  # from Saturday to Sunday
        ("2025-09-21", "5:00", 0),
        ("2025-09-19", "24:30", 1),  # half past twelve in the night from Friday to Saturday
        ("2025-09-21", "24:30", 0),
    ],
)
def test_no_ride_may_begin_in_a_weekend_night(tmp_path: Path, date: str, clock: str, rides: int) -> None:
    log = day(tmp_path, {}, trip(1, MILL, SCHOOL, clock), nodes=(MILL,), date=date)
    assert rows(log, "moves")
    assert verdicts(tmp_path, log)["banned_hours"] == (rides, 0.0, float(rides == 0))


def test_an_operator_that_closes_in_banned_hours_keeps_the_permit(tmp_path: Path) -> None:
    closed = [{"from_s": 0.0, "until_s": 18_000.0, "days": ["sat", "sun"]}]
    log = day(tmp_path, {}, trip(1, MILL, SCHOOL, "1:00"), nodes=(MILL,), date="2025-09-20", closed=closed)
    assert not rows(log, "moves")
    assert verdicts(tmp_path, log)["banned_hours"] == (0.0, 0.0, 1.0)


def test_speeds_are_judged_by_day_and_by_weeknight(tmp_path: Path) -> None:
    # 4.4 m/s are 15.84 km/h: slow enough by day (20), too fast in a weeknight (15). 1,200 m take 272.73 s.
    trips = trip(1, MILL, SCHOOL, "1:00"), trip(2, MILL, SCHOOL, "8:00")
    log = day(tmp_path, {}, *trips, nodes=(MILL, MILL), speed_m_s=4.4)
    found = verdicts(tmp_path, log)
    assert found["speed_day"] == pytest.approx((15.84, 20.0, 1.0), abs=0.01)
    assert found["speed_night"] == pytest.approx((15.84, 15.0, 0.0), abs=0.01)


def test_where_nobody_rode_a_speed_is_kept_and_unknown(tmp_path: Path) -> None:
    value, _, kept = verdicts(tmp_path, day(tmp_path, {}, trip(1, MILL, SCHOOL, "8:00"), nodes=(MILL,)))["speed_night"]
    assert math.isnan(value)
    assert kept == 1.0


def test_parking_is_judged_by_the_room_that_there_was(tmp_path: Path) -> None:
    # Room for one at the station: the first is put down well, the second not; home is no hub.
    trips = [trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "9:00"), trip(3, MILL, HOME, "10:00")]
    hubs = [at(MILL, capacity=4), at(STATION, capacity=1)]
    log = day(tmp_path, {"parking_share": 0.9}, *trips, nodes=(MILL, MILL, MILL), hubs=hubs)
    assert verdicts(tmp_path, log)["parking"] == pytest.approx((2 / 3, 0.9, 0.0))


def test_every_condition_says_what_it_is_about(tmp_path: Path) -> None:
    log = day(tmp_path, {"fleet": 5}, trip(1, MILL, SCHOOL, "8:00"), nodes=(MILL,))
    for one in log.kpis():
        if ".permit." in one.id:
            assert len(one.definition) > 20
            assert one.unit
