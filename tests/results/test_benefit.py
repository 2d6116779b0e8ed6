"""What travellers gain, of two small days by hand: who counts, in which group, and what cannot be valued."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kera_mobility.results.compare.benefit import Benefit
from kera_mobility.results.compare.paired_trips import DayPair, RunTrips
from kera_mobility.results.compare.pairing import read_scenario_runs
from kera_mobility.results.compare.values import Values
from kera_mobility.results.events import EventLog
from kera_mobility.results.record import RunRecord
from kera_mobility.results.store import write_record
from tests.results.test_kpis import SERVICES

H, U = 3600.0, 2**20
ELSEWHERE = 9
SCENARIO = """
name: {name}
choice:
  nest_parameter: 0.4
  wait_weight: 1.5
  walk_weight: 1.75
  coefficients: {{work: {{per_eur: -0.2}}, other: {{per_eur: -0.1}}}}
"""
HELMET = {"walk": 6.28, "car": 7.92}
"""EUR per hour of commuting."""

Trip = Mapping[str, Any]


def trip(person: int, **more: Any) -> Trip:
    """Return a trip to work of 1,000 s on foot that costs nothing; `more` says what is different."""
    about = {"trip": 0, "purpose": "work", "to": 1, "takes_s": 1000.0, "utility": -1.0, "end": "arrived", "replans": 0}
    return {**about, "service": "walk", "fare": 0.0, "person": person, **more}


def village(name: str, trips: Iterable[Trip], people: Mapping[int, Mapping[str, Any]] | None = None) -> RunRecord:
    """Return a day of these trips, by residents aged 40 without a car unless `people` say otherwise."""
    log, trips = EventLog(), list(trips)
    used = sorted({name for one in trips for name in (one["service"], *one.get("then_by", ()))} - {"walk"})
    for one in trips:
        log.add("trips", 8 * H, one["person"], one["trip"], 0, one["purpose"], 0, one["to"], "chain", one["end"],
                8 * H + one["takes_s"], 8 * H, one["replans"], round(one["utility"] * U))  # fmt: skip
        ride_m = 0.0 if one["service"] == "walk" else 5000.0
        log.add("legs", 8 * H, one["person"], one["trip"], 0, one["service"], 0, one["to"], 60.0, 0.0, 60.0,
                1200.0 - ride_m / 5, ride_m, one["fare"], -1)  # fmt: skip
        for place, service in enumerate(one.get("then_by", ()), start=1):
            log.add("legs", 8 * H, one["person"], one["trip"], place, service, 0, one["to"], 0.0, 0.0, 60.0,
                    0.0, 300.0, 0.0, -1)  # fmt: skip
    usual = {"population": "resident", "age": 40, "home": 0, "cars": 0, "driver": False, "expected": 0.0}
    rows = {number: {**usual, **about} for number, about in (people or {one["person"]: {} for one in trips}).items()}
    of = {name: [row[name] for row in rows.values()] for name in usual}
    table = pa.table({
        "person": list(rows), "household": list(rows), "population": of["population"],
        "age": pa.array(of["age"], pa.int16()), "home": pa.array(of["home"], pa.int32()),
        "household_cars": pa.array(of["cars"], pa.int8()), "licence": of["driver"], "main_driver": of["driver"],
        "bicycle": [False] * len(rows), "season_ticket": [False] * len(rows), "expected_utility_eur": of["expected"],
    })  # fmt: skip
    fleet = pa.table({
        "vehicle": pa.array([], pa.int64()), "service": pa.array([], pa.string()), "places": pa.array([], pa.int32()),
        "start_place": pa.array([], pa.int64()), "end_place": pa.array([], pa.int64()),
        "start_charge": pa.array([], pa.float64()), "end_charge": pa.array([], pa.float64()),
    })  # fmt: skip
    # Each node lies 556.6 m north of the one before.
    nodes = pa.table({
        "node": list(range(10)), "lon": [24.75] * 10, "lat": [60.21 + 0.005 * node for node in range(10)],
        "name": [""] * 10, "kind": ["street"] * 10,
    })  # fmt: skip
    meta = {"scenario": name, "seed": 1, "day": 0, "services": {key: SERVICES[key] for key in ("walk", *used)}}
    area = {"name": "village", "centre": {"name": "Mill", "lon": 24.75, "lat": 60.21}}
    return RunRecord(log.tables(), table, fleet, nodes, {}, meta, SCENARIO.format(name=name), area)


def pair(tmp_path: Path, a: RunRecord, b: RunRecord) -> DayPair:
    sides = []
    for name, record in (("a", a), ("b", b)):
        write_record(record, tmp_path / name / "seed-0001")
        sides.append(RunTrips(next(iter(read_scenario_runs(tmp_path / name).runs.values()))))
    return DayPair(*sides)


def gains(tmp_path: Path, a: RunRecord, b: RunRecord) -> dict[str, list[float]]:
    return {name: gain.tolist() for name, gain in Benefit(pair(tmp_path, a, b), Values()).gains.items()}


def test_a_stranger_to_the_other_day_has_no_expected_gain(tmp_path: Path) -> None:
    """1 makes the same trip; 2 goes elsewhere in b, 3 and 4 have a trip more in one of the days."""
    a = [trip(1), trip(2), trip(3), trip(3, trip=1), trip(4)]
    b = [trip(1), trip(2, to=2), trip(3), trip(4), trip(4, trip=1)]
    before, after = ({number: {"expected": eur} for number in (1, 2, 3, 4)} for eur in (1.0, 3.5))
    day = pair(tmp_path, village("a", a, before), village("b", b, after))
    assert day.unmatched(np.array([1, 2, 3, 4])).tolist() == [False, True, True, True]
    benefit = Benefit(day, Values())
    assert benefit.gains["ex_ante"][0] == 2.5
    assert np.isnan(benefit.gains["ex_ante"][1:]).all()
    assert benefit.total_eur() == ("ex_ante", 2.5)
    means = {quantity.about.id: quantity.after for quantity in benefit.quantities()}
    assert means["consumer_surplus.ex_ante"] == 2.5


def test_who_lives_in_one_day_only_is_not_among_those_who_gain(tmp_path: Path) -> None:
    both = pair(
        tmp_path,
        village("a", [trip(1), trip(2)], {1: {"expected": 1.0}, 2: {"expected": 1.0}}),
        village("b", [trip(0), trip(1)], {0: {"expected": 9.0}, 1: {"expected": 2.0}}),
    )
    found = Benefit(both, Values())
    assert {name: gain.tolist() for name, gain in found.gains.items()} == {
        "ex_ante": [1.0], "realised_utility": [0.0], "time_and_money": [0.0],
    }  # fmt: skip
    assert (both.shared, both.both["person"].tolist()) == (0.5, [1])


def test_utility_is_valued_by_the_cost_coefficient_of_the_purpose_and_summed_by_person(tmp_path: Path) -> None:
    """Half a util at 0.2 a euro, and a tenth at 0.1; a purpose without a coefficient is worth nothing."""
    purposes = ("work", "other", "study")
    a = [trip(1, trip=number, purpose=name, utility=-1.0) for number, name in enumerate(purposes)] + [trip(2)]
    gained = dict(zip(purposes, (0.5, 0.25, 4.0), strict=True))
    b = [trip(1, trip=k, purpose=name, utility=-1.0 + gained[name]) for k, name in enumerate(purposes)] + [trip(2)]
    assert gains(tmp_path, village("a", a), village("b", b))["realised_utility"] == [2.5 + 2.5, 0.0]


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("fault", [{"replans": 1}, {"end": "unserved"}])
def test_a_trip_that_went_otherwise_on_either_day_is_left_out(tmp_path: Path, side: str, fault: Trip) -> None:
    days = {name: [trip(1, utility=gain), trip(2, utility=gain)] for name, gain in (("a", -1.0), ("b", -0.5))}
    days[side][1] = {**days[side][1], **fault}
    benefit = Benefit(pair(tmp_path, village("a", days["a"]), village("b", days["b"])), Values())
    assert benefit.gains["realised_utility"].tolist() == [2.5, 0.0]
    quantities = {quantity.about.id: quantity.after for quantity in benefit.quantities()}
    assert quantities["consumer_surplus.left_out"] == 0.5


def test_time_is_valued_by_the_mode_of_before_and_money_as_it_is_where_both_trips_arrived(tmp_path: Path) -> None:
    """900 s saved on foot and by car, each with 2 EUR more to pay; who does not arrive gains nothing."""
    a = [trip(1), trip(2, service="car"), trip(3)]
    b = [trip(number, service="car", takes_s=100.0, fare=2.0) for number in (1, 2)]
    b.append(trip(3, takes_s=100.0, end="unserved"))
    found = gains(tmp_path, village("a", a), village("b", b))["time_and_money"]
    assert found == pytest.approx([HELMET["walk"] / 4 - 2.0, HELMET["car"] / 4 - 2.0, 0.0])


def test_people_are_grouped_as_they_are_in_b(tmp_path: Path) -> None:
    """Who has gained n euros is person n: the mean of a group says who is in it. Homes lie 557 m from each other."""
    people = {
        1: {"age": 17, "driver": True, "cars": 1, "home": 0},
        2: {"age": 18, "driver": False, "cars": 1, "home": 1},
        3: {"age": 29, "home": 2}, 4: {"age": 30, "home": 3}, 5: {"age": 64, "home": 0}, 6: {"age": 65, "home": 0},
        70: {"population": "worker"}, 80: {"population": "neighbour", "age": 17, "driver": True, "cars": 2},
    }  # fmt: skip
    trips = [trip(number) for number in people]
    after = {number: {**about, "expected": float(number)} for number, about in people.items()}
    day = pair(tmp_path, village("a", trips, {number: {} for number in people}), village("b", trips, after))
    quantities = [quantity for quantity in Benefit(day, Values()).quantities() if ".ex_ante" in quantity.about.id]
    assert {quantity.about.id.removeprefix("consumer_surplus.ex_ante"): quantity.after for quantity in quantities} == {
        "": 21 / 6, "@everyone": 171 / 8, "@neighbours": 80.0, "@in_commuters": 70.0,
        ".age_7_17": 1.0, ".age_18_29": 2.5, ".age_30_44": 4.0, ".age_45_64": 5.0, ".age_65_up": 6.0,
        ".car_own": 1.0, ".car_shared": 2.0, ".car_none": 4.5,
        ".home_0_400_m": 4.0, ".home_400_800_m": 2.0, ".home_800_1600_m": 3.0, ".home_1600_m_up": 4.0,
    }  # fmt: skip
    words = {quantity.about.id: quantity.about.definition for quantity in quantities}
    assert words["consumer_surplus.ex_ante.home_400_800_m"].endswith("; residents who live 400 to 800 m from Mill.")
    assert words["consumer_surplus.ex_ante.age_7_17"].endswith("; residents aged 7 to 17.")
    assert {quantity.about.population for quantity in quantities} == {
        "residents",
        "everyone",
        "in_commuters",
        "neighbours",
    }


def test_a_band_of_homes_begins_at_its_limit_and_ends_before_the_next(tmp_path: Path) -> None:
    """1 lives at the centre itself, in the band that begins there; without a centre there are no bands."""
    day = pair(tmp_path, village("a", [trip(1)]), village("b", [trip(1)]))

    def bands(limits_m: tuple[int, ...]) -> list[str]:
        values = Values().model_copy(update={"home_bands_m": limits_m})  # a limit of 0 is refused in a file
        ids = [quantity.about.id for quantity in Benefit(day, values).quantities()]
        return [name.removeprefix("consumer_surplus.ex_ante.") for name in ids if ".ex_ante.home" in name]

    assert (bands((0, 400)), bands((0,)), bands(())) == (["home_0_400_m"], ["home_0_m_up"], ["home_0_m_up"])
    day.b.facts.record.area.pop("centre")
    assert bands((400,)) == []


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("nest_parameter: 0.4", True), ("nest_parameter: 0.5", False), ("wait_weight: 1.6", False),
        ("walk_weight: 1.8", False), ("other: {per_eur: -0.2}", False),
    ],
)  # fmt: skip
def test_only_who_weighs_alike_is_compared_by_utility(tmp_path: Path, written: str, same: bool) -> None:
    key = written.split(":")[0]
    old = {"nest_parameter": "nest_parameter: 0.4", "wait_weight": "wait_weight: 1.5",
           "other": "other: {per_eur: -0.1}", "walk_weight": "walk_weight: 1.75"}[key]  # fmt: skip
    a, b = village("a", [trip(1)]), village("b", [trip(1)])
    b = dataclasses.replace(b, scenario_yaml=b.scenario_yaml.replace(old, written))
    benefit = Benefit(pair(tmp_path, a, b), Values())
    assert benefit.same_tastes is same
    assert sorted(benefit.gains) == (["ex_ante", "realised_utility", "time_and_money"] if same else ["time_and_money"])
    assert (benefit.total_eur() is None) is not same
    left_out = [quantity.about.id for quantity in benefit.quantities() if quantity.about.id.endswith("left_out")]
    assert len(left_out) == same


def test_where_no_tastes_are_known_or_no_trip_is_shared_nothing_is_said_of_them(tmp_path: Path) -> None:
    a, b = village("a", [trip(1)]), village("b", [trip(1)])
    plain = [dataclasses.replace(record, scenario_yaml=f"name: {name}\n") for name, record in (("a", a), ("b", b))]
    assert not Benefit(pair(tmp_path / "plain", *plain), Values()).same_tastes
    apart = pair(tmp_path / "apart", a, village("b", [trip(1, to=2)]))
    ids = [quantity.about.id for quantity in Benefit(apart, Values()).quantities()]
    assert "consumer_surplus.left_out" not in ids
    assert (apart.shared, apart.switched()) == (0.0, {})


def test_a_day_without_trips_shares_all_of_them(tmp_path: Path) -> None:
    assert pair(tmp_path, village("a", [trip(1)]), village("b", [], {1: {}})).shared == 1.0


def test_results_of_old_without_an_expectation_are_valued_by_what_was_chosen(tmp_path: Path) -> None:
    a, b = village("a", [trip(1, utility=-1.0)]), village("b", [trip(1, utility=-0.5)])
    older = dataclasses.replace(a, people=a.people.drop_columns(["expected_utility_eur"]))
    assert Benefit(pair(tmp_path, older, b), Values()).total_eur() == ("realised_utility", 2.5)


def test_who_rides_a_new_service_did_something_else_before(tmp_path: Path) -> None:
    """New are car and scooter. 1 drives, 2 walks, then takes scooters; 3 had another trip, 4 does not arrive."""
    b = [
        trip(1, service="car"), trip(2, then_by=["scooter", "scooter"]), trip(3, service="car", to=2),
        trip(4, service="car", end="unserved"), trip(5),
    ]  # fmt: skip
    day = pair(tmp_path, village("a", [trip(number) for number in range(1, 6)]), village("b", b))
    assert day.new_services() == ["car", "scooter"]
    assert day.replaced() == {
        ("car", "main", "walk"): 1, ("car", "main", "no such trip"): 1, ("scooter", "feeder", "walk"): 1,
    }  # fmt: skip


def test_trips_that_were_not_made_are_a_mode_of_their_own(tmp_path: Path) -> None:
    a = [trip(1), trip(2), trip(3), trip(4)]
    b = [trip(1), trip(2, service="car"), trip(3, end="unserved"), trip(4)]
    people = {1: {}, 2: {}, 3: {}, 4: {"population": "worker"}}
    day = pair(tmp_path, village("a", a, people), village("b", b, people))
    assert day.changes() == {("walk", "walk"): 2, ("walk", "car"): 1, ("walk", "not completed"): 1}
    assert day.switched() == pytest.approx({"residents": 2 / 3, "everyone": 0.5, "in_commuters": 0.0})
    assert day.both_completed.tolist() == [True, True, False, True]
    assert math.isclose(float(day.both["door_to_door_s_b"].iloc[0]), 1000.0)
