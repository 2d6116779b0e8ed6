"""Fitting constants, and the figures that are held against data: by hand in the hamlet, and once on a real town."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import ConfigError, NetworkError
from kera_mobility.experiments.calibration import CalibrationSettings, calibrate, evidence, layer, read_settings
from kera_mobility.experiments.calibration.fit import _next, _next_count, read_stations
from kera_mobility.experiments.calibration.travel_times import Clockwork, Measured
from kera_mobility.experiments.calibration.variants import sampled, scaled, stretched
from kera_mobility.experiments.scenario_keys import with_values
from kera_mobility.results import observations
from kera_mobility.results.facts import Facts
from kera_mobility.results.observations import Check
from kera_mobility.simulation.run import live, town_of
from kera_mobility.simulation.scenario import load_scenario
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
    hamlet_timetable,
    hamlet_town,
    person,
    run,
    scenario,
    trip,
)

SMALL = ("town.people.residents=150", "town.people.jobs=100", "town.people.neighbours_within_m=700")
RESIDENTS = ("residents",)
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def targets() -> CalibrationSettings:
    return read_settings("configs/calibration.yaml", CalibrationSettings)


@pytest.fixture(scope="module")
def quick(targets: CalibrationSettings) -> CalibrationSettings:
    """Return the targets with a short search, shares that a small town can reach, and any number of boardings."""
    fit = targets.fit.model_copy(update={"share": 1.0, "seeds": (1,), "iterations": 3, "check_seed": 2})
    board = targets.boardings.model_copy(update={"factor_low": 0.001, "factor_high": 9.0})
    return targets.model_copy(update={"fit": fit, "boardings": board})


def hamlet_day(tmp_path: Path, *trips: Any, prefer: tuple[str, ...] = (), people: Any = (), **more: Any) -> Facts:
    services: dict[str, dict[str, Any]] = {name: {} for name in ("walk", "bicycle", "rail")}
    town = hamlet_town(tmp_path, people=people, trips=trips, **more)
    return Facts(live(scenario(services, prefer), town).record)


# The figures


def test_a_way_to_school_counts_once_and_only_if_it_is_short(tmp_path: Path) -> None:
    facts = hamlet_day(
        tmp_path,
        trip(1, HOME, SCHOOL, "8:00", purpose="school"),
        trip(1, SCHOOL, HOME, "14:00", purpose="school"),
        trip(2, HOME, CITY, "8:00", purpose="school"),
        trip(3, HOME, MILL, "8:00", purpose="work"),
        prefer=("walk",),
    )
    trips = observations.trips_of(facts, RESIDENTS)
    assert np.count_nonzero(trips) == 4
    assert observations.active_school_share(facts, trips) == 1.0
    assert math.isnan(observations.active_school_share(facts, trips, reach_m=100.0))


def test_trips_of_others_are_not_asked(tmp_path: Path) -> None:
    people = (person(1), person(2, population=2))
    facts = hamlet_day(tmp_path, trip(1, HOME, MILL, "8:00"), trip(2, HOME, MILL, "8:00"), people=people)
    assert np.count_nonzero(observations.trips_of(facts, RESIDENTS)) == 1
    assert np.count_nonzero(observations.trips_of(facts, ("residents", "neighbours"))) == 2
    assert observations.people_of(facts, RESIDENTS) == 1


CHANGING = (run((HOME, "8:00"), (STATION, "8:10")), run((STATION, "8:20"), (CITY, "8:30")))
"""A train to the station and another one on from there: a change on the way from home to the city."""


def test_a_change_of_train_is_seen_in_the_log_and_at_the_doors(tmp_path: Path) -> None:
    facts = hamlet_day(
        tmp_path, trip(1, HOME, CITY, "7:50"), trip(2, STATION, CITY, "8:00"), trip(3, HOME, MILL, "20:00"),
        prefer=("rail",), trains=CHANGING,
    )  # fmt: skip
    trips = observations.trips_of(facts, RESIDENTS)
    assert sorted(observations.boardings_by_leg(facts).tolist()) == [0, 1, 2]
    assert observations.mean_boardings(facts) == 1.5
    assert observations.without_transfer_share(facts, trips) == 0.5
    assert observations.one_mode_share(facts, trips) == 1.0


def test_boardings_are_counted_where_and_on_what_they_happen(tmp_path: Path) -> None:
    facts = hamlet_day(
        tmp_path, trip(1, HOME, CITY, "7:50"), trip(2, STATION, CITY, "8:00"), prefer=("rail",), trains=CHANGING
    )
    both = np.array([True, True])
    assert observations.boardings_at(facts, "rail", [STATION], both) == 2
    assert observations.boardings_at(facts, "rail", [HOME], both) == 1
    assert observations.boardings_at(facts, "rail", [STATION], np.array([True, False])) == 0


def test_lengths_fall_into_bands_and_tours_are_counted_once(tmp_path: Path) -> None:
    facts = hamlet_day(
        tmp_path, trip(1, HOME, MILL, "8:00", purpose="shopping"), trip(1, MILL, HOME, "9:00", purpose="shopping"),
        trip(2, HOME, SCHOOL, "8:00", purpose="work"), prefer=("walk",),
    )  # fmt: skip
    shares = observations.length_shares(facts, observations.trips_of(facts, RESIDENTS))
    assert shares.tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 0, 0])
    assert observations.tours_per_person(facts, RESIDENTS) == {"shopping": 0.5, "work": 0.5}


@pytest.mark.parametrize(("model", "met"), [(59.0, True), (62.0, True), (62.1, False), (float("nan"), None)])
def test_a_check_is_met_within_its_tolerance(model: float, met: bool | None) -> None:
    one = Check("a", "a", model, 60.0, "%", "held out", "nobody", tolerance=2.0)
    assert one.met is met
    assert observations.misses([one]) == ([one] if met is False else [])


@pytest.mark.parametrize(("error", "met"), [(-1.9, True), (-2.1, False)])
def test_a_check_of_many_differences_is_judged_by_their_median_not_by_the_difference_of_medians(
    error: float, met: bool
) -> None:
    assert Check("a", "a", 60.0, 60.0, "min", "held out", "nobody", tolerance=2.0, error=error).met is met


# Times from door to door


def test_times_are_those_of_the_timetable_the_streets_and_the_parking(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, people=[person(1, car=True)])
    clockwork = Clockwork(scenario({"walk": {}, "car": {}, "rail": {}}), town)
    hour = (12 * 3600.0, 13 * 3600.0)
    at_station = clockwork.times(np.array([STATION]), CITY, *hour)
    from_mill = clockwork.times(np.array([MILL]), CITY, *hour)
    assert at_station.best_transit_min.tolist() == [10.0]
    # A train every 15 minutes: whoever comes at any whole minute waits 0 to 14 of them.
    assert at_station.mean_transit_min.tolist() == [10.0 + 7.0]
    assert from_mill.best_transit_min.tolist() == pytest.approx([500 / 60 + 10.0], abs=1.0)
    assert from_mill.car_min.tolist() == [(6600.0 / 10.0 * 1.25 + 180.0) / 60.0]


def test_a_point_far_from_every_path_or_beyond_the_map_is_left_out(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, people=[person(1)])
    clockwork = Clockwork(scenario({"walk": {}}), town)
    lonlat = np.asarray(town.streets.node_lonlat)
    points = np.array([lonlat[MILL], lonlat[MILL] + (0.0, 0.01), lonlat[CITY]])
    nodes, distance_m, near = clockwork.near_nodes(points)
    assert near.tolist() == [True, False, False]
    assert nodes[0] == MILL
    assert distance_m[0] == pytest.approx(0.0, abs=0.01)


def test_measured_times_may_be_missing_but_not_their_columns(tmp_path: Path) -> None:
    file = shipped_folder("networks") / "kera" / "checks" / "travel_times.csv"
    measured = Measured.read(file)
    assert len(measured.lonlat) == 451
    assert np.count_nonzero(np.isfinite(measured.minutes["transit_midday_min"])) == 449
    (tmp_path / "torn.csv").write_text("lon,lat\n24.7,60.2\n", encoding="utf-8")
    with pytest.raises(NetworkError, match="car_midday_min"):
        Measured.read(tmp_path / "torn.csv")


# Variants


def test_values_change_at_dotted_keys_and_nowhere_else() -> None:
    before = scenario({"walk": {}, "car": {}, "scooter": {}})
    after = with_values(before, {"choice.constants.walk": 1.5, "services.scooter.fleet": 9})
    assert after.choice.constants["walk"] == 1.5
    assert with_values(after, {"services.scooter.fleet": 4}).services == before.services
    assert before.choice.constants == {}
    with pytest.raises(ConfigError, match="no 'bus'"):
        with_values(before, {"services.bus.fleet": 9})


def test_a_star_scales_each_of_a_list_and_whole_numbers_stay_whole() -> None:
    before = scenario({"car": {}, "scooter": {"fleet": 25}})
    after = scaled(before, ["services.car.periods.*.factor", "services.scooter.fleet"], 1.1)
    periods = [getattr(one.services["car"], "periods") for one in (before, after)]  # noqa: B009
    assert [each.factor for each in periods[1]] == pytest.approx([each.factor * 1.1 for each in periods[0]])
    assert getattr(after.services["scooter"], "fleet") == 28  # noqa: B009
    with pytest.raises(ConfigError, match="expected a number"):
        scaled(before, ["services.car.kind"], 1.1)


def test_a_stretched_timetable_has_longer_gaps_within_the_same_hours() -> None:
    trains = [run((STATION, 21600.0 + 600.0 * k), (CITY, 22200.0 + 600.0 * k)) for k in range(13)]
    back = [run((CITY, 30000.0), (STATION, 30600.0))]
    after = stretched(hamlet_timetable([*trains, *back]), 1.5)
    departs = np.asarray(after.call_depart_s)[after.run_start[:-1]]
    assert departs.tolist() == [21600.0 + 900.0 * k for k in range(9)] + [30000.0]
    ride_s = np.diff(np.asarray(after.call_arrive_s).reshape(-1, 2), axis=1)
    assert set(ride_s.ravel().tolist()) == {600.0}
    assert len(after.run_name) == 10


def test_a_sample_keeps_whole_households_and_grows_without_losing_anyone() -> None:
    small = load_scenario("configs/today.yaml", SMALL)
    town = town_of(small)
    third, half = (sampled(town, share).people for share in (0.3, 0.5))
    assert set(third.person) < set(half.person) < set(town.people.person)
    members = {house: np.count_nonzero(town.people.household == house) for house in set(half.household.tolist())}
    assert all(np.count_nonzero(half.household == house) == count for house, count in members.items())
    assert 0.4 < len(half.person) / len(town.people.person) < 0.6
    assert sampled(town, 1.0) is town


# The search


def values_of(targets: CalibrationSettings) -> dict[str, float]:
    constants = {f"choice.constants.{name}": value for name, value in targets.start.items()}
    return {**constants, targets.boardings.key: 6000}


def station(counted: float) -> Any:
    from kera_mobility.experiments.calibration.fit import CountedStation

    return CountedStation("Kera", counted, 0)


def test_a_share_that_is_met_moves_nothing(targets: CalibrationSettings) -> None:
    observed = {name: one.share for name, one in targets.shares.items()} | {"car_passenger": 0.30, "Kera": 1472.0}
    assert _next(targets, values_of(targets), observed, station(1472.0)) == values_of(targets)


def test_too_few_walks_lift_the_constant_of_walking_and_the_reference_stays(targets: CalibrationSettings) -> None:
    met = {name: one.share for name, one in targets.shares.items()} | {"car_passenger": 0.30, "Kera": 1472.0}
    following = _next(targets, values_of(targets), {**met, "walk": 0.20}, station(1472.0))
    before = values_of(targets)
    moved = {key for key in before if following[key] != before[key]}
    assert moved == {"choice.constants.walk"}
    assert following["choice.constants.walk"] > before["choice.constants.walk"]
    assert _next(targets, before, {**met, "walk": 0.0}, station(1472.0))["choice.constants.walk"] == pytest.approx(-0.4)


@pytest.mark.parametrize(("boarded", "moves"), [(1200.0, 0), (2200.0, 0), (2500.0, -1), (1000.0, 1)])
def test_jobs_follow_boardings_only_when_they_leave_the_interval(
    targets: CalibrationSettings, boarded: float, moves: int
) -> None:
    found = _next_count(targets, values_of(targets), boarded, station(1472.0))
    assert np.sign(found - 6000) == moves
    assert _next_count(targets, values_of(targets), 1e9, station(1472.0)) == targets.boardings.key_low


def test_a_service_that_the_scenario_lacks_is_named(quick: CalibrationSettings) -> None:
    with pytest.raises(ConfigError, match="no service 'bicycle'"):
        calibrate(scenario({"walk": {}, "car": {}, "car_passenger": {}, "rail": {}}), quick)


def test_a_station_without_a_stop_near_it_is_left_out(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path)
    lon, lat = np.asarray(town.streets.node_lonlat)[STATION].tolist()
    file = tmp_path / "boardings.csv"
    file.write_text(f"station,lon,lat,boardings_per_weekday\nA,{lon},{lat},5\nB,{lon},{lat + 1},5\n", encoding="utf-8")
    found = read_stations(file, town.lines("trains"), (2,))
    assert [(one.name, one.counted, one.node) for one in found] == [("A", 5.0, STATION)]
    assert read_stations(file, town.lines("trains"), (3,)) == ()


@pytest.fixture(scope="module")
def found(quick: CalibrationSettings) -> Any:
    return calibrate(load_scenario("configs/today.yaml", SMALL), quick)


def test_the_search_comes_nearer_and_is_the_same_each_time(found: Any, quick: CalibrationSettings) -> None:
    worst = [one.worst for one in found.iterations]
    assert worst[-1] <= worst[0]
    again = calibrate(load_scenario("configs/today.yaml", (*SMALL, "choice.constants.walk=5")), quick)
    assert again.values == found.values
    assert again.run.fingerprint == found.run.fingerprint


def test_what_was_found_is_a_layer_that_gives_the_same_scenario(found: Any, tmp_path: Path) -> None:
    YAML().dump(layer(found), tmp_path / "constants.yaml")
    YAML().dump({"extends": ["configs/today.yaml", "constants.yaml"]}, tmp_path / "today.yaml")
    people = [each for each in SMALL if "jobs" not in each]
    assert load_scenario(tmp_path / "today.yaml", [*people, "title=Kera today"]) == found.scenario


def test_nothing_that_is_fitted_is_called_held_out(found: Any, quick: CalibrationSettings) -> None:
    checks = {one.id: one for one in evidence(found)}
    assert len(checks) == len(evidence(found))
    for name in (*quick.shares, *quick.ratios):
        assert checks.get(f"share.{name}", checks.get(f"ratio.{name}")).standing in ("fitted", "prior")
    assert checks["boardings.Kera"].standing == "fitted"
    for name in ("boardings.Kilo", "boardings_ratio.Kilo", "transit_without_transfer", "time.rush.car_rush_min"):
        assert checks[name].standing == "held out"
    assert checks["tours.work"].standing == checks["trips_per_person"].standing == "input"
    assert all(one.data is None for one in checks.values() if one.standing == "untold")
    assert sum(checks[f"length.{low:g}"].model for low in observations.BANDS_KM[:-1]) == pytest.approx(100.0)
    of_purposes = {name: one.model for name, one in checks.items() if name.startswith("purpose.")}
    assert sum(of_purposes.values()) == pytest.approx(100.0)
    assert of_purposes["purpose.work"] > of_purposes["purpose.study"] > 0


def test_without_rounds_the_scenarios_own_constants_are_judged(
    quick: CalibrationSettings, targets: CalibrationSettings
) -> None:
    fit = quick.fit.model_copy(update={"iterations": 0})
    own = load_scenario("configs/today.yaml", SMALL)
    judged = calibrate(own, quick.model_copy(update={"fit": fit}))
    assert judged.iterations == ()
    assert judged.scenario == own
    assert judged.run.fingerprint == live(own, judged.town, 2).fingerprint
    times = [one for one in evidence(judged) if one.id.startswith("time.")]
    assert len(times) == 6
    for one in times:
        assert one.error is not None
        assert f"median error {one.error:+.1f}" in one.note
        assert one.met is (abs(one.error) <= targets.travel_times.tolerance_min + 1e-9)


def kera(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kera_mobility", *arguments]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=here)


def test_the_command_prints_what_was_fitted_and_beside_it_what_was_not(tmp_path: Path) -> None:
    few = [word for each in SMALL for word in ("--set", each)]
    one = kera(
        tmp_path, "calibrate", "configs/today.yaml", "--share", "1", "--iterations", "1", "-o", "constants.yaml",
        "--result", "result.yaml", *few,
    )  # fmt: skip
    assert one.returncode == 0, one.stderr
    assert one.stdout.index("Fitted (") < one.stdout.index("Held out (")
    lines = one.stdout.splitlines()
    assert len(lines) == 15
    assert max(map(len, lines)) <= 80
    assert lines[-1].endswith(" more lines with --all")
    assert "round 1: " in one.stderr
    text = (tmp_path / "constants.yaml").read_text(encoding="utf-8")
    assert "#   kera calibrate configs/today.yaml" in text
    values = YAML(typ="safe").load(text)
    assert set(values["choice"]["constants"]) == {"walk", "bicycle", "car", "car_passenger", "rail"}
    result = YAML(typ="safe").load((tmp_path / "result.yaml").read_text(encoding="utf-8"))
    assert result["scenario_hash"]
    assert len(result["rounds"]) == 1
    judged = kera(tmp_path, "calibrate", "configs/today.yaml", "--iterations", "0", "--json", *few)
    assert {check["standing"] for check in json.loads(judged.stdout)["checks"]} >= {"fitted", "held out", "input"}


def test_a_slip_in_the_targets_is_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "targets.yaml").write_text("extends: configs/calibration.yaml\nfit:\n  shrae: 0.5\n", encoding="utf-8")
    found = kera(tmp_path, "calibrate", "configs/today.yaml", "--targets", "targets.yaml")
    assert found.returncode == 2
    assert "targets.yaml:3: fit.shrae" in found.stderr
    assert "Traceback" not in found.stderr


# What is committed


def committed_checks() -> dict[str, dict[str, Any]]:
    result = YAML(typ="safe").load((REPOSITORY / "docs" / "calibration_result.yaml").read_text(encoding="utf-8"))
    layer_in_use = YAML(typ="safe").load((REPOSITORY / "configs" / "constants.yaml").read_text(encoding="utf-8"))
    constants = {f"choice.constants.{name}": value for name, value in layer_in_use["choice"]["constants"].items()}
    assert {**constants, "town.people.jobs": layer_in_use["town"]["people"]["jobs"]} == result["values"]
    return {f"{check['title']}, {check['unit']}": check for check in result["checks"]}


def test_the_page_says_of_every_figure_what_the_committed_result_says() -> None:
    page = (REPOSITORY / "docs" / "explanation" / "calibration.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in page.splitlines() if line[:2] == "| "]
    told = {row[0]: row[1:] for row in rows if len(row) == 5}
    checks = committed_checks()
    judged = [name for name, check in checks.items() if check["standing"] in ("fitted", "prior", "held out")]
    assert set(judged) <= set(told)
    for name in judged:
        model, data, standing, verdict = told[name]
        check = checks[name]
        assert float(model.replace(",", "")) == pytest.approx(check["model"], rel=5e-3), name
        assert float(data.replace(",", "")) == pytest.approx(check["data"], rel=5e-3), name
        assert standing == check["standing"], name
        assert ("missed" in verdict) is (check["met"] is False), name
