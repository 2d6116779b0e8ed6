"""`kera explain`: reasons in words, sums that are those of the KPIs, a trip's story, and what would have served it."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kera_mobility.config.registry import parts_of
from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.errors import ExtensionError, ResultError, UnknownPersonError
from kera_mobility.experiments.counterfactual import find_remedy, rerun_watching
from kera_mobility.experiments.remedies import remedies
from kera_mobility.results.compare.pairing import read_scenario_runs
from kera_mobility.results.events import KINDS, table_fingerprint
from kera_mobility.results.explain import explain
from kera_mobility.results.explain.cases import PROMISE, REFUSED, UNSERVED
from kera_mobility.results.explain.inputs import read_run
from kera_mobility.results.explain.text import explanation_text
from kera_mobility.results.explain.trip_story import story_of
from kera_mobility.results.explain.trip_text import tell_trip
from kera_mobility.results.reason_texts import SERVICES, Reason, declared_reasons, reasons_of, sentence_of
from kera_mobility.results.store import load_record
from kera_mobility.services.remedy_rules import REASONS
from kera_mobility.simulation.run import Run, live, simulate
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.town import Town
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    PLACES,
    SCHOOL,
    STATION,
    TripRow,
    hamlet_town,
    rows,
    scenario,
    seconds,
    trip,
)
from tests.kit.manifests import forged, older

PACKAGE = Path(__file__).parents[2] / "kera_mobility"
SMALL = ("town.people.residents=500", "town.people.jobs=250", "town.people.neighbours_within_m=500")
SCARCE = ("choice.constants.scooter=1.5", "services.scooter.fleet=4")
LIKED = ("choice.constants.shuttle=2.0", "services.shuttle.seats=1")


def two_for_one_scooter(tmp_path: Path) -> tuple[Town, Scenario]:
    """Return a morning at the mill: two people, five minutes apart, and one scooter; the second walks 1,200 m."""
    town = hamlet_town(tmp_path / "town", trips=[trip(1, MILL, SCHOOL, "8:00"), trip(2, MILL, SCHOOL, "8:05")])
    return town, scenario({"walk": {}, "scooter": {"fleet": 1}}, prefer=["scooter", "walk"])


def result(tmp_path: Path, town: Town, wanted: Scenario, name: str = "result", **more: Any) -> Path:
    """Live a day and return its result folder."""
    return live(wanted, town, **more).save(tmp_path / name)


def counts(folder: Path, what: str) -> dict[tuple[str, str, str, int, str], int]:
    """Return service, binding reason, place, hour and sequel of the cases of a kind."""
    return {
        (case.service, case.binding, case.place, case.hour, case.instead): count
        for case, count in explain(folder).cases.items()
        if case.kind == what
    }


def test_who_finds_no_scooter_walks_and_the_sums_are_those_of_the_kpis(tmp_path: Path) -> None:
    folder = result(tmp_path, *two_for_one_scooter(tmp_path))
    assert counts(folder, REFUSED) == {("scooter", "no_vehicle", "Mill", 8, "walked"): 1}
    found = explain(folder)
    assert not found.disagreements
    sums = {one.id: (one.here, one.kpi) for one in found.sums}
    assert sums["scooter.denied_requests"] == sums["scooter.denied_requests.no_vehicle"] == (1, 1)
    assert sums["unserved@everyone"] == (0, 0)
    text = explanation_text(found)
    assert "scooter denied 1 request" in text
    assert "no free vehicle within walking distance" in text
    assert "Mill 1" in text
    assert "08-09 1" in text
    assert "walked 1" in text
    assert "agree exactly" in text


def test_one_scooter_more_would_have_served_and_living_it_again_says_so(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    folder = result(tmp_path, town, wanted)
    found = find_remedy(folder, 2, 0, rerun=lambda changed: live(changed, town))
    assert found.reasons == (("scooter", "no_vehicle"),)
    assert [one.served for one in found.tried] == [True]
    cheapest = found.cheapest
    assert cheapest is not None
    assert cheapest.remedy.overrides == ("services.scooter.fleet=2",)
    # 1,200 m at 4 m/s and 30 s to unlock and lock: 330 s.
    assert cheapest.outcome == "arrived by scooter after 6 min"
    assert cheapest.side_effects is not None
    assert (cheapest.side_effects.trips_changed, cheapest.side_effects.refused) == (0, (1, 0))
    assert "confirmed" in found.words


def test_a_change_that_serves_nobody_is_not_called_a_remedy(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    folder = result(tmp_path, town, wanted)
    found = find_remedy(folder, 2, 0, rerun=lambda changed: live(wanted, town))
    assert found.cheapest is None
    assert len(found.tried) > 1
    assert all("denied the request again" in attempt.outcome for attempt in found.tried)


def test_a_seat_more_is_the_cheapest_for_who_found_the_shuttle_full(tmp_path: Path) -> None:
    trips = [trip(number, MILL, STATION, "8:00") for number in (1, 2, 3)]
    town = hamlet_town(tmp_path / "town", trips=trips)
    wanted = scenario({"walk": {}, "shuttle": {"seats": 1, "patience": 1}}, prefer=["shuttle", "walk"])
    folder = result(tmp_path, town, wanted)
    # Two vehicles are let pass at most, each with one seat: the third asked in vain.
    assert counts(folder, REFUSED) == {("shuttle", "full", "Mill", 8, "walked"): 1}
    found = find_remedy(folder, 3, 0, rerun=lambda changed: live(changed, town))
    assert found.cheapest is not None
    assert found.cheapest.remedy.overrides == ("services.shuttle.seats=2",)


def test_a_trip_that_nothing_could_carry_is_told_as_that(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path / "town", trips=[trip(1, HOME, CITY, "23:30")])
    folder = result(tmp_path, town, scenario({"walk": {}, "rail": {}}))
    assert counts(folder, UNSERVED) == {("", "no_journey", "around Station", 23, "gave up"): 1}
    assert not explain(folder).disagreements
    assert "no service could carry this trip" in explanation_text(explain(folder))


def test_who_gave_up_at_the_door_is_not_said_to_have_set_out(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path / "town", trips=[trip(1, HOME, CITY, "23:30")])
    told = read_run(result(tmp_path, town, scenario({"walk": {}, "rail": {}})))
    text = tell_trip(told, story_of(told, 1, 0))
    assert "set out" not in text
    assert "gave up before setting out" in text


def test_where_the_weather_keeps_the_fleet_in_that_is_told_and_tried(tmp_path: Path) -> None:
    days = tmp_path / "days.csv"
    days.write_text("day,season,temperature_c,snow_cm_h,slippery,basis\nicy,winter,-5,0,yes,here\n", encoding="utf-8")
    ice = {"keys": ["withdrawn"], "kinds": ["scooter"], "by": "slippery", "plus": [[0, 0], [1, 1]], "range": [0, 1],
           "source": "assumption"}  # fmt: skip
    town = hamlet_town(tmp_path / "town", trips=[trip(1, MILL, SCHOOL, "8:00")])
    weather = {"table": str(days), "days": ["icy"], "effects": {"ice": ice}}
    wanted = scenario({"walk": {}, "scooter": {}}, prefer=["scooter", "walk"], weather=weather)
    folder = result(tmp_path, town, wanted)
    told = read_run(folder)
    text = tell_trip(told, story_of(told, 1, 0))
    assert "08:00  known since 00:00: scooter: 100% of the fleet is kept in" in text
    assert "the vehicles had been taken off the streets" in text
    found = find_remedy(folder, 1, 0, rerun=lambda changed: live(changed, town))
    # More scooters are kept in as well, and no walk is long enough.
    assert found.cheapest is not None
    assert found.cheapest.remedy.overrides == ("weather.effects.ice=null",)
    assert found.cheapest.remedy.cost_eur is None
    assert not any(one.served for one in found.tried[:-1])
    # On a day when weather does nothing it is not tried.
    days.write_text(days.read_text(encoding="utf-8").replace("yes", "no"), encoding="utf-8")
    assert not any("weather" in one.words for one in remedies(wanted, "scooter", "no_vehicle", 28_800.0))


@pytest.mark.parametrize(
    ("ready", "until", "told_then"),
    [
        # Nothing else leads to the city: given up where the closure lasts, a wait where it ends.
        ("7:30", "27:00", ["07:30  known since 07:00: works, 07:00 to 27:00"]),
        ("6:55", "27:00", ["07:00  notice: works, 07:00 to 27:00"]),
        ("6:55", "8:00", ["07:00  notice: works, 07:00 to 08:00", "08:00  notice: over: works, 07:00 to 08:00"]),
        ("8:30", "8:00", []),
    ],
)
def test_the_story_of_a_trip_says_what_was_closed_then(
    tmp_path: Path, ready: str, until: str, told_then: list[str]
) -> None:
    town = hamlet_town(tmp_path / "town", trips=[trip(1, STATION, CITY, ready)])
    closed = {"kind": "rail_closed", "title": "works", "service": "rail", "start_s": 25_200.0, "end_s": seconds(until)}
    told = read_run(result(tmp_path, town, scenario({"walk": {}, "rail": {}}, disturbances=[closed])))
    text = tell_trip(told, story_of(told, 1, 0))
    assert [line for line in text.splitlines() if "works" in line] == told_then


def test_what_bound_a_trip_given_up_is_the_last_service_that_refused_it(tmp_path: Path) -> None:
    """Two wait for a train with one place and no patience: for the KPI nothing was left, but it was the full train."""
    trips = [trip(1, STATION, CITY, "8:00"), trip(2, STATION, CITY, "8:00")]
    town = hamlet_town(tmp_path / "town", trips=trips)
    train = {"places": 1, "boarding_penalty_min": 2.0}
    folder = result(tmp_path, town, scenario({"walk": {}, "rail": {"patience": 0, "train": train}}))
    assert counts(folder, UNSERVED) == {("rail", "full", "Station", 8, "gave up"): 1}
    found = explain(folder)
    assert {one.id: (one.here, one.kpi) for one in found.sums}["unserved.no_journey@everyone"] == (1, 1)
    assert not found.disagreements
    assert "after rail denied the request: no place was free" in explanation_text(found)
    refused = next(row["person"] for row in load_record(folder).tables["refusals"].to_pylist())
    cheapest = find_remedy(folder, refused, 0, rerun=lambda changed: live(changed, town)).cheapest
    assert cheapest is not None
    (override,) = cheapest.remedy.overrides
    assert override.startswith('services.rail.train={"places": 2, ')


def test_a_sum_that_does_not_agree_is_said_loudly_and_ends_in_failure(tmp_path: Path) -> None:
    folder = result(tmp_path, *two_for_one_scooter(tmp_path))
    file = folder / "kpis.json"
    kpis = json.loads(file.read_text(encoding="utf-8"))
    for one in kpis:
        if one["id"] == "scooter.denied_requests":
            one["value"] = 2
    file.write_text(json.dumps(kpis), encoding="utf-8")
    ended = kera("explain", str(forged(folder)))
    assert ended.returncode == 1
    assert "DOES NOT AGREE" in ended.stdout
    assert "1 sums do not agree" in ended.stderr
    assert json.loads(kera("explain", str(folder), "--json").stdout)["agrees"] is False


def test_a_kpi_that_no_case_explains_is_noticed(tmp_path: Path) -> None:
    folder = result(tmp_path, *two_for_one_scooter(tmp_path))
    file = folder / "kpis.json"
    kpis = json.loads(file.read_text(encoding="utf-8"))
    more = {
        "id": "scooter.denied_requests.snow",
        "value": 3,
        "unit": "denied requests",
        "population": "everyone",
        "definition": "",
    }
    file.write_text(json.dumps([*kpis, more]), encoding="utf-8")
    assert [one.id for _, one in explain(forged(folder)).disagreements] == ["scooter.denied_requests.snow"]


def test_a_folder_of_runs_is_added_up_and_each_is_checked(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    for seed in (1, 2, 3):
        result(tmp_path / "runs", town, wanted, f"seed-{seed:04d}", seed=seed)
    found = explain(tmp_path / "runs")
    assert {one.id: (one.here, one.kpi) for one in found.sums}["scooter.denied_requests"] == (3, 3)
    assert "3 runs" in explanation_text(found)
    assert len(list(csv.DictReader(io.StringIO(kera("explain", str(tmp_path / "runs"), "--csv", "-").stdout)))) == 3


def test_two_scenarios_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    result(tmp_path / "runs", town, wanted, "one")
    result(tmp_path / "runs", town, wanted.model_copy(update={"name": "other"}), "two")
    with pytest.raises(ResultError, match="several scenarios"):
        explain(tmp_path / "runs")


def test_runs_of_other_settings_are_not_added_up_and_the_first_that_differs_is_named(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    result(tmp_path / "runs", town, wanted, "seed-0001", seed=1)
    result(tmp_path / "runs", town, wanted.model_copy(update={"year": wanted.year + 1}), "seed-0002", seed=2)
    said = rf"seed-0002: other settings than .*seed-0001 \('year: {wanted.year + 1}' there, 'year: {wanted.year}'"
    with pytest.raises(ResultError, match=said):
        explain(tmp_path / "runs")
    with pytest.raises(ResultError, match=said):
        read_scenario_runs(tmp_path / "runs")


def test_the_story_tells_what_was_considered_asked_chosen_and_lived(tmp_path: Path) -> None:
    told = read_run(result(tmp_path, *two_for_one_scooter(tmp_path)))
    text = tell_trip(told, story_of(told, 2, 0))
    lines = text.splitlines()
    assert lines[0] == "Trip 2:0 (resident, 30 years; other): Mill to around Mill; seed 1"
    assert "08:05  ready to go" in lines
    assert any(line.startswith("08:05  at Mill: 2 journeys came into question") for line in lines)
    assert any("scooter" in line and "no: no vehicle" in line for line in lines)
    assert "08:05  scooter denied the request: no free vehicle within walking distance" in lines
    assert "08:05  chose walk: nothing else was to be had" in lines
    # 1,200 m at 1.2 m/s: 1,000 s.
    assert any("17 min on foot, 1.2 km; until 08:21" in line for line in lines)
    assert lines[-1] == "08:21  arrived by walk, 17 min after setting out"


def test_the_log_keeps_what_was_expected_and_what_was_answered(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    run = live(wanted, town)
    by_chain = {row["chain"]: row for row in rows(run, "considered")}
    assert {row["person"] for row in by_chain.values()} == {2}
    walk, scooter = by_chain["walk"], by_chain["scooter"]
    assert (walk["walk_s"], walk["answer"], walk["taken"]) == (1000.0, "", 1)
    assert (scooter["answer"], scooter["taken"]) == ("no_vehicle", 0)
    assert math.isnan(scooter["met_ride_s"])
    # 300 s ride in started minutes at 0.25 EUR, and 1 EUR to unlock.
    assert (scooter["ride_s"], scooter["fare_eur"]) == (330.0, 2.25)
    # 1,000 s at -0.05 utils a minute; the rest is what the way is liked.
    assert walk["utility"] - walk["liking"] == round(-0.05 * 1000 / 60 * 2**20)
    assert walk["utility"] == rows(run, "trips", person=2)[0]["utility"]


def test_trips_without_a_refusal_leave_nothing_in_the_log_and_are_told_by_living_again(tmp_path: Path) -> None:
    town, wanted = two_for_one_scooter(tmp_path)
    folder = result(tmp_path, town, wanted)
    told = read_run(folder)
    assert not story_of(told, 1, 0).choices
    assert "--rerun tells it" in tell_trip(told, story_of(told, 1, 0))


def test_a_person_who_is_watched_changes_no_day(small_day: Path) -> None:
    told = read_run(small_day)
    person = told.record.tables["trips"].column("person")[0].as_py()
    watched = rerun_watching(told, person)
    for kind in KINDS:
        if kind != "considered":
            assert table_fingerprint(watched.record.tables[kind]) == table_fingerprint(told.record.tables[kind]), kind
    trips = [row["trip"] for row in told.record.tables["trips"].to_pylist() if row["person"] == person]
    for number in trips:
        story = story_of(watched, person, number)
        assert story.choices
        assert [row["chain"] for row in story.choices[-1] if row["taken"]] == [story.trip["chain"]]


def test_an_older_result_says_what_it_lacks_and_fails_not(tmp_path: Path) -> None:
    folder = result(tmp_path, *two_for_one_scooter(tmp_path))
    (folder / "events" / "considered.parquet").unlink()
    with pytest.raises(ResultError, match="torn"):
        load_record(older(folder))
    assert "without the tables considered" in explanation_text(explain(folder))
    told = read_run(folder)
    assert "does not keep what came into question" in tell_trip(told, story_of(told, 2, 0))


def test_who_made_no_such_trip_is_answered_with_those_there_are(tmp_path: Path) -> None:
    told = read_run(result(tmp_path, *two_for_one_scooter(tmp_path)))
    with pytest.raises(UnknownPersonError, match="2:0"):
        story_of(told, 2, 7)


def test_every_remedy_is_a_change_that_the_scenario_takes() -> None:
    base = load_scenario("configs/trials/all.yaml", ["services.shuttle.wheelchair={}", "services.scooter.parking=hubs"])
    kinds: Counter[str] = Counter()
    for service in base.services:
        for reason in declared_reasons():
            for remedy in remedies(base, service, reason, 79_200.0):
                assert load_scenario("configs/trials/all.yaml", remedy.overrides).hash != base.hash
                kinds[service] += 1
    assert set(kinds) >= {"scooter", "shuttle", "on_demand", "rail"}


def test_rules_are_tried_against_declared_reasons_only() -> None:
    against = {
        reason for module in parts_of(SERVICES, SERVICES, "remedies")
        for rule in vars(module).values() for reason in getattr(rule, REASONS, ())
    }  # fmt: skip
    assert len(against) > 10
    assert against <= set(declared_reasons())


def test_a_trip_that_met_no_refusal_needs_no_remedy(tmp_path: Path) -> None:
    folder = result(tmp_path, *two_for_one_scooter(tmp_path))
    with pytest.raises(ResultError, match="met no refusal"):
        find_remedy(folder, 1, 0)


@cache
def small_run(trial: str) -> Run:
    changes = (*SMALL, *SCARCE, *(LIKED if trial == "all" else ()))
    return simulate(load_scenario(f"configs/trials/{trial}.yaml", changes))


@pytest.fixture(scope="module")
def small_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the result of a small day of all trials."""
    return small_run("all").save(tmp_path_factory.mktemp("small") / "seed-0001")


@pytest.mark.parametrize("trial", ["scooters", "all"])
def test_every_refusal_of_the_trials_has_a_reason_and_a_sentence_and_adds_up(trial: str, tmp_path: Path) -> None:
    run = small_run(trial)
    refused = rows(run, "refusals")
    assert len(refused) > 10
    assert {row["reason"] for row in refused} <= set(declared_reasons())
    folder = run.save(tmp_path / trial)
    found = explain(folder)
    assert not found.disagreements
    assert sum(count for case, count in found.cases.items() if case.kind == REFUSED) == len(
        [row for row in refused if row["service"]]
    )
    kpis = {one.id: one.value for one in run.kpis()}
    assert {one.id: one.here for one in found.sums}["scooter.denied_requests"] == kpis["scooter.denied_requests"] > 0


def test_whatever_is_considered_adds_up_to_the_utility_that_was_chosen_by(small_day: Path) -> None:
    table = read_run(small_day).record.tables["considered"].to_pylist()
    by_choice: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    for row in table:
        by_choice.setdefault((row["person"], row["trip"], row["step"]), []).append(row)
    assert len(by_choice) > 10
    for found in by_choice.values():
        taken = [row for row in found if row["taken"]]
        had = [row for row in found if row["answer"] in ("", "offered")]
        assert len(taken) <= 1
        assert not taken or taken[0]["met_utility"] == max(row["met_utility"] for row in had)
    firm = [row for row in table if row["answer"] == "" and row["utility"] != IMPOSSIBLE]
    assert all(row["walk_s"] == row["walk_s"] for row in firm)


def test_a_refused_trip_of_a_small_day_is_asked_about_by_the_command(small_day: Path) -> None:
    told = read_run(small_day)
    row = next(row for row in told.record.tables["refusals"].to_pylist() if row["reason"] == "no_vehicle")
    ended = kera("explain", str(small_day), "--trip", f"{row['person']}:{row['trip']}", "--tries", "1", "--json")
    assert ended.returncode == 0, ended.stderr
    change = json.loads(ended.stdout)["change"]
    assert change["unconfirmed"] == ""
    assert change["tried"][0]["remedy"]["overrides"]


def test_another_area_is_noticed_and_nothing_is_confirmed(small_day: Path, tmp_path: Path) -> None:
    folder = tmp_path / "seed-0001"
    shutil.copytree(small_day, folder)
    meta = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    forged(folder, input_files={**meta["input_files"], "area/cells.csv": "0" * 64})
    row = next(row for row in read_run(folder).record.tables["refusals"].to_pylist() if row["service"])
    found = find_remedy(folder, row["person"], row["trip"])
    assert found.cheapest is None
    assert "the files of the area 'kera' are not those of the result" in found.words


_TRIPS = st.lists(
    st.tuples(
        st.integers(1, 6), st.sampled_from(PLACES), st.sampled_from(PLACES), st.integers(6 * 3600, 26 * 3600)
    ).filter(lambda one: one[1] != one[2]),
    min_size=1,
    max_size=10,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=30)
@given(_TRIPS, st.integers(1, 2), st.integers(1, 2))
def test_on_any_day_the_sums_are_those_of_the_kpis(
    trips: list[tuple[int, int, int, int]], fleet: int, seats: int
) -> None:
    ways = {"scooter": {"fleet": fleet}, "shuttle": {"seats": seats, "patience": 0}, "rail": {"patience": 0}}
    with TemporaryDirectory() as folder:
        town = hamlet_town(Path(folder) / "town", trips=[TripRow(*one, tour=0) for one in trips])
        place = result(Path(folder), town, scenario({"walk": {}, **ways}, prefer=["scooter", "shuttle"]))
        found = explain(place)
        assert not found.disagreements
        refused = Counter(row["service"] for row in load_record(place).tables["refusals"].to_pylist())
        told: Counter[str] = Counter()
        for case, count in found.cases.items():
            if case.kind == REFUSED:
                told[case.service] += count
        refused.pop("", None)
        assert told == refused
        assert sum(count for case, count in found.cases.items() if case.kind == PROMISE) == sum(
            row["end"] != "ridden" for row in load_record(place).tables["bookings"].to_pylist()
        )


def test_every_reason_that_the_code_can_give_has_a_sentence() -> None:
    reasons = set(reasons_in_source())
    assert {"no_vehicle", "full", "no_journey", "out_of_reach", "no_departure"} <= reasons
    assert sorted(reasons - set(declared_reasons())) == []


def test_no_request_is_denied_with_a_free_string() -> None:
    calls = [node for file in sorted(PACKAGE.rglob("*.py")) for node in ast.walk(ast.parse(file.read_text("utf-8")))
             if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal"]  # fmt: skip
    assert len(calls) > 20
    assert [ast.unparse(call) for call in calls if isinstance(call.args[0], ast.Constant) and call.args[0].value] == []


def test_every_declared_reason_has_a_label_and_a_sentence_in_every_language() -> None:
    assert len(declared_reasons()) > 20
    for reason in declared_reasons().values():
        for texts in (reason.label, reason.sentence):
            assert list(texts) == ["en", "fi", "sv"]
            assert all(text and not text.endswith(".") for text in texts.values())


def test_a_code_is_declared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    again = ModuleType("again")
    again.__dict__["FULL"] = Reason("full", en=("", ""), fi=("", ""), sv=("", ""))
    monkeypatch.setattr("kera_mobility.results.reason_texts.parts_of", lambda *_: (again,))
    with pytest.raises(ExtensionError, match="again: reason 'full' is declared already"):
        declared_reasons.__wrapped__()


def test_a_reason_without_a_sentence_is_shown_as_it_is() -> None:
    assert sentence_of("moose_on_track", reasons_of({})) == "moose on track"


def test_reasons_travel_with_the_run_and_an_older_result_has_those_of_this_version(small_day: Path) -> None:
    meta = load_record(small_day).meta
    sentence = "the robot was asleep"
    meta["reasons"]["asleep"] = {"sentence": {"en": sentence}}
    assert sentence_of("asleep", reasons_of(meta)) == sentence
    del meta["reasons"]
    assert sentence_of("no_vehicle", reasons_of(meta)) == "no free vehicle within walking distance"


GIVES_REASON = {"Refusal": 0, "Ridden": 2, "end_run": 1, "break_promises": 1}
"""Calls that give a reason, and at which place it stands."""


def reasons_in_source() -> Iterator[str]:
    """Yield every reason of refusal that stands in the source: as a literal, a constant, or the value of `reason`."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(PACKAGE.rglob("*.py"))]
    constants = {name: value for tree in trees for name, value in _constants(tree)}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                place = GIVES_REASON.get(name, -1)
                if 0 <= place < len(node.args):
                    yield from _words(node.args[place], constants)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(one, ast.Name) and one.id == "reason" for each in targets for one in ast.walk(each)):
                    yield from _words(node.value, constants)
            elif isinstance(node, ast.FunctionDef) and re.search("refus|_why", node.name):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _words(inner.value, constants)


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Reason":
                value = value.args[0]
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield node.targets[0].id, value.value


def _words(value: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """Yield the plain words that an expression can be: literals and constants; not what it compares or looks up."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        if re.fullmatch("[a-z][a-z_]+", value.value):
            yield value.value
    elif isinstance(value, ast.Name) and value.id in constants:
        yield from _words(ast.Constant(constants[value.id]), constants)
    elif isinstance(value, ast.IfExp):
        yield from (*_words(value.body, constants), *_words(value.orelse, constants))
    elif isinstance(value, ast.BoolOp):
        yield from (word for each in value.values for word in _words(each, constants))
    elif isinstance(value, ast.Tuple):
        yield from (word for each in value.elts for word in _words(each, constants))
    elif isinstance(value, ast.Call):
        name = getattr(value.func, "id", getattr(value.func, "attr", ""))
        if name == "Refusal" and value.args:
            yield from _words(value.args[0], constants)


def test_an_explanation_fits_a_terminal_and_says_how_much_more_there_is(
    small_day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    everything, short = (kera("explain", str(small_day), *more).stdout.splitlines() for more in (["--all"], []))
    assert everything == explanation_text(explain(small_day)).splitlines()
    assert len(short) <= 15 < len(everything)
    assert max(map(len, short)) <= 80
    assert short[-1] == f"{len(everything) - len(short) + 1} more lines with --all"
    assert "sums agree exactly" in "".join(short)


def kera(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what the command says."""
    return subprocess.run([sys.executable, "-m", "kera_mobility", *arguments], capture_output=True, text=True)
