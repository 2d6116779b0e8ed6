"""Scenarios side by side: pairs, verdicts, who switched, what riders gain, money and carbon, computed by hand."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import kera_mobility as km
from kera_mobility.cli import main
from kera_mobility.errors import ConfigError, MissingFileError, ResultError
from kera_mobility.results.compare import Comparison, Values, compare, compare_all, read_values
from kera_mobility.results.compare.benefit import Benefit
from kera_mobility.results.compare.paired_trips import DayPair, RunTrips
from kera_mobility.results.compare.pairing import read_scenario_runs
from kera_mobility.results.compare.table import aloud, table
from kera_mobility.results.compare.values import CostRates
from kera_mobility.results.events import KINDS, EventLog
from kera_mobility.results.record import RunRecord
from kera_mobility.results.store import write_record
from kera_mobility.simulation.run import live
from tests.kit.hamlet import HOME, SCHOOL, hamlet_town, person, scenario, trip
from tests.kit.hamlet import at as hub
from tests.results.test_kpis import SERVICES, hamlet

H = 3600.0
U = 2**20

SCENARIO = """
name: {name}
year: 2020
town: {{seed: 4}}
choice:
  nest_parameter: 0.4
  wait_weight: 1.5
  walk_weight: 1.75
  coefficients: {{work: {{per_eur: -0.2}}, other: {{per_eur: -0.1}}}}
services:
  rail: {{kind: transit, train: {{places: 583}}, tram: {{places: 200}}, bus: {{places: 80}}}}
"""


def village(name: str, seed: int = 1, later_s: float = 0.0, **meta: Any) -> RunRecord:
    """Three people with a trip each: `a` without scooters, `b` where two of them ride one; `later_s` late in b."""
    new = name.startswith("b")
    log = EventLog()

    def trip(person: int, purpose: str, duration_s: float, utility: float) -> None:
        log.add("trips", 8 * H, person, 0, 0, purpose, 0, 1, "chain", "arrived", 8 * H + duration_s, 8 * H, 0,
                round(utility * U))  # fmt: skip

    def leg(person: int, number: int, service: str, walk_m: float, ride_m: float, fare: float, vehicle: int) -> None:
        log.add("legs", 8 * H, person, 0, number, service, 0, 1, 60.0, 0.0, 60.0, walk_m, ride_m, fare, vehicle)

    trip(1, "work", 400.0 + later_s if new else 1000.0, -0.5 if new else -1.0)
    if new:
        leg(1, 0, "scooter", 0.0, 1500.0, 2.5, 50)
    else:
        leg(1, 0, "walk", 1200.0, 0.0, 0.0, -1)
    trip(2, "work", 600.0, -3.0)
    leg(2, 0, "car", 0.0, 5000.0, 0.7, -1)
    trip(3, "other", 700.0 if new else 900.0, -1.9 if new else -2.0)
    if new:
        leg(3, 0, "scooter", 0.0, 1000.0, 2.0, 51)
    leg(3, 1, "rail", 0.0, 8000.0, 3.0, 7)
    log.add("moves", 8 * H, 7, 0, 0, "rail", "run", 0, 1, 8.5 * H, 10_000.0, math.nan)
    names = ("walk", "car", "rail", *(("scooter",) if new else ()))
    services = {key: {**SERVICES[key], "operated": key in ("rail", "scooter")} for key in names}
    fleet = [("rail", 7, 583), *([("scooter", 50, 1), ("scooter", 51, 1)] if new else [])]
    return RunRecord(
        log.tables(), _people([13.0, 20.0, 31.5] if new else [10.0, 20.0, 30.0]), _fleet(fleet), _nodes(), {},
        {"scenario": name, "title": f"Village {name}", "seed": seed, "day": 0, "services": services, **meta},
        SCENARIO.format(name=name),
        {"name": "village", "centre": {"name": "Mill", "lon": 24.75, "lat": 60.21}},
    )  # fmt: skip


def _people(expected_eur: list[float]) -> pa.Table:
    return pa.table({
        "person": [1, 2, 3], "household": [1, 1, 2], "population": ["resident", "resident", "neighbour"],
        "age": pa.array([20, 40, 70], pa.int16()), "home": pa.array([0, 1, 2], pa.int32()),
        "household_cars": pa.array([1, 1, 0], pa.int8()), "licence": [True, True, False],
        "main_driver": [False, True, False], "bicycle": [True] * 3, "season_ticket": [False] * 3,
        "expected_utility_eur": expected_eur,
    })  # fmt: skip


def _fleet(rows: list[tuple[str, int, int]]) -> pa.Table:
    nan = [math.nan] * len(rows)
    return pa.table({
        "vehicle": [vehicle for _, vehicle, _ in rows], "service": [service for service, _, _ in rows],
        "places": pa.array([places for _, _, places in rows], pa.int32()),
        "start_place": [0] * len(rows), "end_place": [0] * len(rows), "start_charge": nan, "end_charge": nan,
    })  # fmt: skip


def _nodes() -> pa.Table:
    # 0 is the mill, 1 lies 556.6 m north of it, 2 far away.
    return pa.table({
        "node": [0, 1, 2], "lon": [24.75, 24.75, 24.94], "lat": [60.21, 60.215, 60.17], "name": ["Mill", "", "City"],
        "kind": ["street", "street", "outside"],
    })  # fmt: skip


RATES = Values(cost={"scooter": CostRates(eur_per_vehicle_day=5.0, eur_per_ride=0.6)})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("villages")
    for seed in (1, 2):
        write_record(village("a", seed), folder / "a" / f"seed-{seed:04d}")
        write_record(village("b", seed), folder / "b" / f"seed-{seed:04d}")
    return compare(folder / "a", folder / "b", values=RATES)


# By hand


def test_figures_of_residents_are_not_held_against_those_of_everyone(tmp_path: Path) -> None:
    for name, populations in (("a", None), ("b", "neighbour"), ("c", "neighbour")):
        record = village(name if name != "c" else "b", 1)
        if populations:
            column = pa.array([populations] * record.people.num_rows)
            people = record.people.set_column(record.people.schema.get_field_index("population"), "population", column)
            record = dataclasses.replace(record, people=people)
        write_record(record, tmp_path / name / "seed-0001")
    apart, alike = (compare(tmp_path / other, tmp_path / "b", values=RATES) for other in ("a", "c"))
    rows = {row.id: row.section for row in apart.differences}
    assert rows["trips"] == "only_a"
    assert rows["trips@everyone"] == "outcomes"
    row = alike.row("trips")
    assert (row.population, row.difference) == ("everyone", 0.0)
    assert alike.row("consumer_surplus.time_and_money").population == "everyone"


def test_who_switched_is_counted_person_by_person(found: Comparison) -> None:
    assert found.row("switched").difference == pytest.approx(1 / 2)
    assert found.row("switched@everyone").difference == pytest.approx(1 / 3)
    assert found.row("switched@neighbours").difference == 0.0
    assert found.row("mode_share.car").switched == pytest.approx(1 / 2)
    assert found.changes == {"car > car": 1, "transit > transit": 1, "walk > scooter": 1}


def test_the_substitution_matrix_says_how_each_new_rider_would_have_gone(found: Comparison) -> None:
    rows = {row.id: (row.mean_b, row.difference) for row in found.rows("substitution")}
    assert rows == {"substitution.scooter.main.walk": (1, 1), "substitution.scooter.feeder.transit": (1, 1)}


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        # Utility gained over the cost coefficient: 0.5 / 0.2, and 0.1 / 0.1.
        ("realised_utility", 2.5 / 2), ("realised_utility@everyone", 3.5 / 3), ("realised_utility@neighbours", 1.0),
        ("realised_utility.age_18_29", 2.5), ("realised_utility.age_30_44", 0.0),
        ("realised_utility.car_shared", 2.5), ("realised_utility.car_own", 0.0),
        ("realised_utility.home_0_400_m", 2.5), ("realised_utility.home_400_800_m", 0.0),
        ("ex_ante", 3.0 / 2), ("ex_ante@everyone", 4.5 / 3), ("left_out", 0.0),
        # 600 s at the walker's 6.28 EUR/h less 2.50 EUR; 200 s at the rider's 4.83 EUR/h less 2 EUR.
        ("time_and_money", (600 / H * 6.28 - 2.5) / 2), ("time_and_money@neighbours", 200 / H * 4.83 - 2.0),
    ],
)  # fmt: skip
def test_the_benefit_is_what_a_hand_computes(found: Comparison, name: str, by_hand: float) -> None:
    assert found.row(f"consumer_surplus.{name}").difference == pytest.approx(by_hand, abs=1e-5)


def test_a_trip_that_was_planned_anew_has_no_realised_utility(tmp_path: Path) -> None:
    write_record(village("a"), tmp_path / "a")
    anew = village("b")
    trips = anew.tables["trips"]
    place = trips.schema.get_field_index("replans")
    changed = trips.set_column(place, trips.schema.field(place), pa.array([0, 0, 1], pa.int16()))
    write_record(dataclasses.replace(anew, tables={**anew.tables, "trips": changed}), tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b")
    assert found.row("consumer_surplus.left_out").difference == pytest.approx(1 / 3)
    assert found.row("consumer_surplus.realised_utility@everyone").difference == pytest.approx(2.5 / 3, abs=1e-5)


def test_groups_without_people_have_no_benefit_row(found: Comparison) -> None:
    assert "consumer_surplus.ex_ante.age_65_up" not in {row.id for row in found.differences}


CAR_KM = 5 / 1.3


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("travellers.paid_eur", 3.7, 8.2), ("operators.fares_eur", 0.0, 4.5),
        ("operators.operating_cost_eur", 0.0, 2 * 5.0 + 2 * 0.6), ("city.subsidy_eur", 0.0, 11.2 - 4.5),
        ("authority.tickets_eur", 3.0, 3.0),
        ("authority.operating_cost_eur", 10 * 5.6 + 0.5 * 584, 10 * 5.6 + 0.5 * 584),
        ("car_km", CAR_KM, CAR_KM),
    ],
)  # fmt: skip
def test_the_money_of_each_party_is_what_a_hand_computes(
    found: Comparison, name: str, before: float, after: float
) -> None:
    row = found.row(f"money.{name}")
    assert (row.mean_a, row.mean_b) == pytest.approx((before, after))


def test_what_the_subsidy_buys_is_a_quotient(found: Comparison) -> None:
    row = found.row("subsidy.per_ride")
    assert row.difference == pytest.approx(6.7 / 2)
    assert (row.low, row.high) == pytest.approx((3.35, 3.35))
    # The walker rides a scooter now, so there is one sustainable trip less.
    assert found.row("subsidy.per_new_sustainable_trip").difference == pytest.approx(-6.7)
    assert found.row("subsidy.per_new_sustainable_trip").note == "what it is counted by fell"
    assert "subsidy.per_car_km_avoided" not in {row.id for row in found.differences}


def test_a_years_balance_adds_up_and_leaves_the_transfer_out(found: Comparison) -> None:
    rows = {row.id.removeprefix("yearly."): row.difference for row in found.rows("yearly")}
    # 4.50 EUR expected by travellers; marginal CO2 of 2.5 scooter-km by the grid, 18 Wh/km and 40 g/kWh.
    climate = -2.5 * 0.018 * 40 / 1e6 * 77
    by_hand = {"travellers": 4.5, "operators": -6.7, "authority": 0.0, "capital": 0.0, "climate": climate,
               "accidents": 0.0}  # fmt: skip
    assert rows == pytest.approx({**{key: eur * 300 for key, eur in by_hand.items()}, "net": rows["net"]})
    assert rows["net"] == pytest.approx((4.5 - 6.7 + climate) * 300)


@pytest.mark.parametrize(
    ("name", "before_g", "more_g"),
    [
        ("operational.market", CAR_KM * 127, 0.0), ("operational.location", CAR_KM * 127 + 8 * 1.6, 2.5 * 0.018 * 40),
        ("operational.marginal", CAR_KM * 127 + 10 * 6 * 40, 2.5 * 0.018 * 40),
        ("life_cycle.market", CAR_KM * (127 + 60) + 8 * 8, 2.5 * 50),
        ("life_cycle.location", CAR_KM * (127 + 60) + 8 * (8 + 1.6), 2.5 * 50),
        ("life_cycle.marginal", CAR_KM * (127 + 60) + 10 * 6 * 40, 2.5 * 50),
    ],
)  # fmt: skip
def test_the_carbon_is_what_a_hand_computes(found: Comparison, name: str, before_g: float, more_g: float) -> None:
    row = found.row(f"carbon.{name}")
    assert row.mean_a == pytest.approx(before_g / 1000)
    assert row.difference == pytest.approx(more_g / 1000)


def test_a_car_emits_what_the_year_of_the_scenario_says() -> None:
    from kera_mobility.results.compare.values import at_year

    by_year = Values().car_g_per_km
    assert [at_year(by_year, year) for year in (2000, 2019, 2030, 2060)] == [133.0, 130.0, 88.5, 50.0]


# Pairs and verdicts


def _slower(record: RunRecord, wait_s: float) -> RunRecord:
    """The same day with every completed trip of resident 10 that much longer."""
    trips = record.tables["trips"]
    later = [
        end + wait_s * (person == 10)
        for person, end in zip(trips["person"].to_pylist(), trips["end_s"].to_pylist(), strict=True)
    ]
    place = trips.schema.get_field_index("end_s")
    changed = trips.set_column(place, trips.schema.field(place), pa.array(later))
    return dataclasses.replace(record, tables={**record.tables, "trips": changed})


def _two_sides(folder: Path, gains_s: dict[int, float]) -> None:
    for seed, gain_s in gains_s.items():
        write_record(hamlet("a", seed), folder / "a" / f"seed-{seed:04d}")
        write_record(_slower(hamlet("b", seed), gain_s), folder / "b" / f"seed-{seed:04d}")


def test_differences_are_paired_by_seed_with_a_t_interval(tmp_path: Path) -> None:
    _two_sides(tmp_path, {1: 10.0, 2: 20.0, 3: 30.0})
    write_record(hamlet("a", 9), tmp_path / "a" / "seed-0009")
    found = km.compare(tmp_path / "a", tmp_path / "b")
    one = found.row("door_to_door_s.mean")
    # Three of five residents' trips are 10, 20, 30 s longer: 6, 12, 18 s in the mean; t(2, 0.975) = 4.302653.
    half = 4.302652729911275 * 6 / math.sqrt(3)
    assert (one.n, one.basis) == (3, "seeds")
    assert [one.mean_a, one.difference] == pytest.approx([723.0, 12.0])
    assert [one.low, one.high] == pytest.approx([12 - half, 12 + half])
    assert (one.chance_low, one.inputs_low) == (one.low, None)
    assert found.missing == ("seed 9, day 0: only in a",)


def test_days_of_one_seed_count_once(tmp_path: Path) -> None:
    for seed, gain_s in ((1, 10.0), (2, 30.0)):
        for day, more_s in ((0, -5.0), (1, 5.0)):
            for name, gain in (("a", 0.0), ("b", gain_s + more_s)):
                record = _slower(hamlet(name, seed), gain)
                record.meta["day"] = day
                write_record(record, tmp_path / name / f"seed-{seed}-day-{day}")
    found = compare(tmp_path / "a", tmp_path / "b")
    one = found.row("door_to_door_s.mean")
    assert (len(found.pairs), one.n, one.difference) == (4, 2, pytest.approx(12.0))


def test_one_pair_has_a_difference_but_no_interval_and_says_so(tmp_path: Path) -> None:
    _two_sides(tmp_path, {1: 10.0})
    found = compare(tmp_path / "a", tmp_path / "b")
    one = found.row("door_to_door_s.mean")
    assert one.difference == pytest.approx(6.0)
    assert (one.low, one.high, one.n, one.verdict) == (None, None, 1, "cannot tell")
    assert any("One seed has no interval; run more." in note for note in found.notes)
    assert "cannot tell from one pair of runs" in "\n".join(aloud(found))


def test_a_clear_effect_is_told_and_a_faint_one_is_not(tmp_path: Path) -> None:
    _two_sides(tmp_path / "clear", {seed: 100.0 + seed for seed in range(1, 9)})
    _two_sides(tmp_path / "faint", {seed: (-1.0) ** seed * seed + 1.0 for seed in range(1, 9)})
    clear = compare(tmp_path / "clear" / "a", tmp_path / "clear" / "b").row("door_to_door_s.mean")
    faint = compare(tmp_path / "faint" / "a", tmp_path / "faint" / "b").row("door_to_door_s.mean")
    assert (clear.verdict, faint.verdict) == ("higher", "cannot tell")
    assert clear.corrected_low is not None
    assert faint.corrected_low is not None
    assert faint.corrected_high is not None
    assert clear.corrected_low > 0
    assert faint.corrected_low < 0 < faint.corrected_high
    assert faint.detectable is not None
    assert faint.detectable > abs(faint.difference)


def test_a_scenario_against_itself_is_exactly_zero_in_every_row(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        write_record(hamlet("a", seed), tmp_path / "a" / f"{seed}")
    found = compare(tmp_path / "a", tmp_path / "a")
    assert len(found.differences) > 150
    assert {row.difference for row in found.differences} == {0.0}
    assert {row.verdict for row in found.rows("outcomes")} == {"no change"}


def test_what_is_set_by_the_scenarios_is_no_finding(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_record(hamlet("a", seed), tmp_path / "a" / f"{seed}")
        record = hamlet("b", seed)
        fewer = record.vehicles.take(pa.array([0, 1, 2, 4]))
        write_record(dataclasses.replace(record, vehicles=fewer), tmp_path / "b" / f"{seed}")
    found = compare(tmp_path / "a", tmp_path / "b")
    assert (found.row("scooter.vehicles").difference, found.row("scooter.vehicles").verdict) == (-1.0, "by design")
    # Two pairs alike are too few to know that chance has no hand in a number of riders.
    assert found.row("scooter.rides_per_vehicle").verdict == "cannot tell"


def test_a_reason_that_one_run_does_not_name_counts_as_zero_there(tmp_path: Path) -> None:
    calm = hamlet("a")
    calm = dataclasses.replace(calm, tables={**calm.tables, "refusals": KINDS["refusals"].schema.empty_table()})
    write_record(calm, tmp_path / "a")
    write_record(hamlet("b"), tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b")
    refused = found.row("scooter.denied_requests.no_vehicle")
    assert (refused.mean_a, refused.mean_b) == (0, 2)
    assert found.row("unserved.full@everyone").difference == 1


def test_a_mode_that_one_scenario_lacks_has_no_share_there_and_its_service_stands_apart(tmp_path: Path) -> None:
    before = hamlet("a")
    legs = before.tables["legs"]
    kept = legs.filter(pa.array([service != "shuttle" for service in legs["service"].to_pylist()]))
    services = {name: service for name, service in SERVICES.items() if name != "shuttle"}
    meta = {**before.meta, "services": services}
    write_record(dataclasses.replace(before, tables={**before.tables, "legs": kept}, meta=meta), tmp_path / "a")
    write_record(hamlet("b"), tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b")
    share = found.row("mode_share.shuttle@in_commuters")
    assert (share.mean_a, share.mean_b) == (0.0, 1.0)
    rides = found.row("shuttle.rides")
    assert (rides.section, rides.mean_a, rides.difference) == ("only_b", None, 1.0)


@pytest.mark.parametrize(
    ("b", "said"), [("c", "share no seed"), ("", "expected one scenario"), ("twice", "expected it once")]
)
def test_what_cannot_be_paired_is_refused(tmp_path: Path, b: str, said: str) -> None:
    _two_sides(tmp_path, {1: 0.0})
    write_record(hamlet("c", 5), tmp_path / "c" / "seed-0005")
    shutil.copytree(tmp_path / "b" / "seed-0001", tmp_path / "twice" / "one")
    shutil.copytree(tmp_path / "b" / "seed-0001", tmp_path / "twice" / "two")
    with pytest.raises(ResultError, match=said):
        compare(tmp_path / "a", tmp_path / b)


@pytest.mark.parametrize("name", ["events/trips.parquet", "people.parquet", "kpis.json", "scenario.yaml"])
def test_a_torn_folder_is_named(tmp_path: Path, name: str) -> None:
    _two_sides(tmp_path, {1: 0.0, 2: 0.0})
    torn = tmp_path / "b" / "seed-0002" / name
    torn.unlink()
    with pytest.raises(ResultError, match="torn") as caught:
        compare(tmp_path / "a", tmp_path / "b")
    assert str(torn) in str(caught.value)


# Inputs that nobody knows


def _drawn(folder: Path, draws: int, seeds: int = 1) -> None:
    """Runs with drawn inputs: the trip takes 10 s longer for each step of the input, and a little by seed."""
    for draw in range(draws):
        for seed in range(seeds):
            inputs = {"input_draw": draw, "inputs": {"choice.wait_weight": 1.0 + draw / 10}}
            for name in ("a", "b"):
                record = village(name, 100 * draw + seed, 10.0 * draw + seed, **inputs)
                write_record(record, folder / name / f"{draw}-{seed}")


def test_runs_are_paired_by_draw_and_the_headline_is_over_inputs(tmp_path: Path) -> None:
    _drawn(tmp_path, 4, seeds=2)
    found = compare(tmp_path / "a", tmp_path / "b")
    one = found.row("door_to_door_s.mean")
    assert (one.basis, one.n, len(found.pairs)) == ("inputs", 4, 8)
    assert (one.low, one.high) == (one.inputs_low, one.inputs_high)
    assert one.chance_low is not None
    assert one.chance_high is not None
    assert one.inputs_low is not None
    assert one.inputs_high is not None
    assert one.chance_high - one.chance_low < (one.inputs_high - one.inputs_low) / 5
    # 100 draws apart would be 10 s apart; the residents' mean of two trips feels half of it.
    assert one.difference == pytest.approx((-600.0 + 15.0 + 0.5) / 2)
    assert "draws of uncertain inputs, equal on both sides" in found.notes[0]
    assert found.to_json()["pairs"][0] == [0, 0, 0]


def test_draws_that_differ_between_the_sides_are_named(tmp_path: Path) -> None:
    write_record(village("a", 1, input_draw=0, inputs={"x": 1.0}), tmp_path / "a")
    write_record(village("b", 1, input_draw=0, inputs={"x": 2.0}), tmp_path / "b")
    notes = compare(tmp_path / "a", tmp_path / "b").notes
    assert any(note.startswith("The draws of x differ between A and B") for note in notes)


def test_a_run_with_drawn_inputs_is_no_partner_of_one_without(tmp_path: Path) -> None:
    write_record(village("a", 1), tmp_path / "a")
    write_record(village("b", 1, input_draw=0, inputs={"x": 2.0}), tmp_path / "b")
    with pytest.raises(ResultError, match="share no seed: seed 1, day 0 against seed 1, day 0, input draw 0"):
        compare(tmp_path / "a", tmp_path / "b")


# Two simulated days


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, DayPair]:
    """A day in the hamlet without scooters, and the same day with two of them; half of the people have the app."""
    folder = tmp_path_factory.mktemp("hamlet")
    people = [person(number, age=30 if number % 2 else 70) for number in range(1, 41)]
    trips = [
        one
        for number in range(1, 41)
        for one in (trip(number, HOME, SCHOOL, 28_800.0 + 60 * number), trip(number, SCHOOL, HOME, 57_600.0))
    ]
    town = hamlet_town(folder, people, trips)
    scooter = {"fleet": 2, "registered": [{"from_age": 0, "share": 1.0}, {"from_age": 60, "share": 0.0}],
               "hubs": [hub(HOME, capacity=4)], "max_walk_m": 1300.0}  # fmt: skip
    for seed in (1, 2, 3):
        for name, services in (("a", {"walk": {}}), ("b", {"walk": {}, "scooter": scooter})):
            run = live(scenario(services, name=name), town, seed=seed)
            run.save(folder / name / str(seed))
    sides = (read_scenario_runs(folder / name) for name in ("a", "b"))
    first = DayPair(*(RunTrips(next(iter(side.runs.values()))) for side in sides))
    return compare(folder / "a", folder / "b"), first


def test_people_without_the_app_are_untouched_to_the_last_digit(lived: tuple[Comparison, DayPair]) -> None:
    _, day = lived
    old = day.b.facts.record.people["age"].to_numpy()[day.both["person_row_b"]] == 70
    assert np.count_nonzero(old) == 40
    for name in ("t_s", "end_s", "utility", "replans"):
        before, after = day.both[f"{name}_a"], day.both[f"{name}_b"]
        assert np.array_equal(before[old], after[old]), name
    assert not np.array_equal(day.both["utility_a"][~old], day.both["utility_b"][~old])


def test_another_way_to_travel_is_never_expected_to_make_a_day_worse(lived: tuple[Comparison, DayPair]) -> None:
    found, day = lived
    gain = Benefit(day, Values()).gains["ex_ante"]
    assert (gain >= 0.0).all()
    assert np.count_nonzero(gain) >= 5
    assert np.count_nonzero(gain) <= 20
    assert found.row("consumer_surplus.ex_ante.age_65_up").verdict == "no change"
    assert found.row("consumer_surplus.ex_ante.age_30_44").difference > 0


def test_the_substitution_matrix_of_a_simulated_day_holds_every_rider(lived: tuple[Comparison, DayPair]) -> None:
    found, day = lived
    rows = [row for row in found.rows("substitution") if row.id.startswith("substitution.scooter.main")]
    assert sum(row.difference for row in rows) == pytest.approx(1.0)
    riders = {(leg["person"], leg["trip"]) for leg in day.b.facts.record.tables["legs"].to_pylist()
              if leg["service"] == "scooter"}  # fmt: skip
    assert sum(day.replaced().values()) == len(riders) > 0


# What is said


def test_runs_on_other_files_or_other_code_are_told(tmp_path: Path) -> None:
    write_record(village("a", input_hashes={"town": "x", "code": "1"}), tmp_path / "a")
    write_record(village("b", input_hashes={"town": "y", "code": "2"}), tmp_path / "b")
    notes = " ".join(compare(tmp_path / "a", tmp_path / "b").notes)
    assert "files of the area changed between the runs" in notes
    assert "made by different versions of the code" in notes


def test_the_files_of_the_area_that_changed_between_the_runs_are_named(tmp_path: Path) -> None:
    for name, cells in (("a", "1"), ("b", "2")):
        files = {"area/cells.csv": cells, "area/area.yaml": "3", f"{name}.yaml": cells, "today.yaml": cells}
        write_record(village(name, input_files=files), tmp_path / name)
    notes = [note for note in compare(tmp_path / "a", tmp_path / "b").notes if "changed between the runs" in note]
    assert notes == ["The files of the area changed between the runs (area/cells.csv): run them anew."]


@pytest.mark.parametrize(("column", "values"), [("destination", [1, 1, 2]), ("purpose", ["work", "work", "study"])])
def test_days_with_other_trips_have_no_yearly_balance(tmp_path: Path, column: str, values: list[Any]) -> None:
    write_record(village("a"), tmp_path / "a")
    other = village("b")
    trips = other.tables["trips"]
    place = trips.schema.get_field_index(column)
    moved = trips.set_column(place, trips.schema.field(place), pa.array(values, trips.schema.field(place).type))
    write_record(dataclasses.replace(other, tables={**other.tables, "trips": moved}), tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b")
    assert not found.rows("yearly")
    assert any(note.startswith("Only 66.7% of the trips of B are trips of A too") for note in found.notes)
    # The person whose trip goes elsewhere is left out of what was expected too.
    assert found.row("consumer_surplus.ex_ante@everyone").difference == pytest.approx(3.0 / 2)
    assert found.row("substitution.scooter.feeder.no_such_trip").difference == 1.0


def test_the_notes_say_what_the_intervals_are_over_and_who_is_fixed(found: Comparison) -> None:
    assert found.notes[0].startswith("Intervals are over 2 seeds, the inputs fixed: chance only")
    assert found.notes[1].startswith("The population (town.seed 4) is fixed")
    assert "there is no income in the data" in " ".join(found.notes)


def test_utilities_are_not_compared_between_people_of_other_tastes(tmp_path: Path) -> None:
    write_record(village("a"), tmp_path / "a")
    other = village("b")
    changed = other.scenario_yaml.replace("walk_weight: 1.75", "walk_weight: 2.0")
    write_record(dataclasses.replace(other, scenario_yaml=changed), tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b")
    assert not found.rows("yearly")
    assert {row.id.split(".")[1].partition("@")[0] for row in found.rows("benefit")} == {"time_and_money"}
    assert any("cannot be compared" in note for note in found.notes)


def test_results_without_expectations_have_their_benefit_ex_post_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record = village(name)
        older = dataclasses.replace(record, people=record.people.drop_columns(["expected_utility_eur"]))
        write_record(older, tmp_path / name)
    found = compare(tmp_path / "a", tmp_path / "b")
    assert any("ex post only" in note for note in found.notes)
    assert found.row("yearly.travellers").difference == pytest.approx(3.5 * 300, abs=0.01)


def test_the_table_reads_as_it_should(tmp_path: Path) -> None:
    for seed in range(1, 7):
        write_record(village("a", seed), tmp_path / "a" / str(seed))
        write_record(village("b", seed, 20.0 * seed), tmp_path / "b" / str(seed))
    lines = table(compare(tmp_path / "a", tmp_path / "b", values=RATES)).splitlines()
    assert lines[:4] == [
        "A = a (Village a), B = b (Village b)",
        "6 pairs of runs; seeds 1-6.",
        "Intervals are over 6 seeds, the inputs fixed: chance only, not what we do not know about the inputs.",
        "The population (town.seed 4) is fixed: no interval says what other people would do.",
    ]
    told = [line for line in lines if line.startswith("The mean time")]
    assert told == [
        "The mean time of a resident's trip from door to door falls by 265 s, between 245 and 285 "
        "(800 s in A, 535 s in B)."
    ]
    rows = [" ".join(line.split()) for line in lines]
    assert "door_to_door_s.mean 800 535 -265 -285 .. -245 s residents lower 26.84" in rows
    assert "substitution.scooter.main.walk 1 100.00 100.00 .. 100.00 % of riders everyone" in rows
    assert "scooter.rides 2 2 .. 2 rides everyone" in rows
    assert "mode_share.car 50.00 50.00 +0.00 +0.00 .. +0.00 % of trips, points residents no change" in rows


# The command


def _kera(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_the_compare_command_prints_a_table_json_and_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _two_sides(tmp_path, {1: 10.0, 2: 20.0})
    a, b = tmp_path / "a", tmp_path / "b"
    assert _kera("compare", a, b) == 0
    short = capsys.readouterr().out
    row = next(line for line in short.splitlines() if line.startswith("door_to_door_s.mean *"))
    assert "+9 s" in row
    assert len(short.splitlines()) <= 15
    assert max(map(len, short.splitlines())) <= 80
    assert "@in_commuters" not in short
    assert _kera("compare", a, b, "--all") == 0
    text = capsys.readouterr().out
    row = next(line for line in text.splitlines() if line.startswith("door_to_door_s.mean"))
    assert row.split()[1:4] == ["723", "732", "+9"]
    assert "@in_commuters" in text
    assert _kera("compare", a, b, "--json") == 0
    whole = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert whole["pairs"] == [[1, 0], [2, 0]]
    assert _kera("compare", a, b, "--csv", tmp_path / "x.csv") == 0
    capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert [row["id"] for row in rows] == [row["id"] for row in whole["differences"]]
    assert _kera("compare", a, b, "--csv", "-") == 0
    assert capsys.readouterr().out == (tmp_path / "x.csv").read_text()


def test_several_scenarios_are_compared_with_one_and_corrected_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _two_sides(tmp_path, {1: 10.0, 2: 21.0, 3: 29.0})
    for seed in (1, 2, 3):
        write_record(_slower(hamlet("c", seed), seed * 40.0), tmp_path / "c" / str(seed))
    alone = compare(tmp_path / "a", tmp_path / "b").row("door_to_door_s.mean")
    together = compare_all(tmp_path / "a", [tmp_path / "b", tmp_path / "c"])
    assert [one.b for one in together] == ["b", "c"]
    beside = together[0].row("door_to_door_s.mean")
    assert beside.p == alone.p
    assert beside.looked_at is not None
    assert alone.looked_at is not None
    assert beside.looked_at > alone.looked_at
    assert _kera("compare", tmp_path / "a", tmp_path / "b", tmp_path / "c") == 0
    text = capsys.readouterr().out
    assert "B = b (b)" in text
    assert "B = c (c)" in text
    assert _kera("compare", tmp_path / "a", tmp_path / "b", tmp_path / "c", "--csv", "-") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {(row["a"], row["b"]) for row in rows} == {("a", "b"), ("a", "c")}


def test_unit_values_come_from_a_file_that_says_only_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(village("a"), tmp_path / "a")
    write_record(village("b"), tmp_path / "b")
    mine = tmp_path / "values.yaml"
    mine.write_text(
        "days_per_year: 250\ncost:\n  scooter: {eur_per_ride: 3.0}\ntime_as: {tractor: car}\n"
        "car_g_per_km: [{year: 2020, value: 170}]\n"
    )
    assert read_values(mine).time_as == {**Values().time_as, "tractor": "car"}
    assert _kera("compare", tmp_path / "a", tmp_path / "b", "--values", mine, "--json") == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)["differences"]}
    assert rows["money.operators.operating_cost_eur"]["mean_b"] == pytest.approx(6.0)
    assert rows["carbon.operational.market"]["mean_a"] == pytest.approx(CAR_KM * 170 / 1000)
    assert rows["yearly.operators"]["difference"] == pytest.approx(250 * (4.5 - 6.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("co2_eur_per_ton: 5\n", "did you mean 'co2_eur_per_t'"),
        ("days_per_year: 400\n", "values.yaml:1: days_per_year: got 400"),
        ("cost:\n  scooter:\n    eur_per_ride: -1\n", "values.yaml:3: cost.scooter.eur_per_ride"),
        ("time_as: {scooter: flying}\n", "no value for 'flying'"),
    ],
)
def test_unit_values_that_cannot_be_are_refused_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_values(tmp_path / "values.yaml")
    assert said in str(caught.value)
    with pytest.raises(MissingFileError):
        read_values(tmp_path / "nowhere.yaml")


def test_every_unit_value_says_where_it_comes_from() -> None:
    words = ("HSL", "HELMET", "ssumption", "unverified", "Derived", "Sm5", "Said in the table", "Ages at which")
    for name, field in Values.model_fields.items():
        assert field.description, name
        assert any(word in field.description for word in words), (name, field.description)


def test_a_comparison_is_a_frame_in_python(found: Comparison) -> None:
    frame = found.frame()
    assert len(frame) == len(found.differences)
    assert list(frame.columns[:3]) == ["id", "section", "unit"]
    assert np.isclose(frame.set_index("id").loc["money.operators.fares_eur", "mean_b"], 4.5)
