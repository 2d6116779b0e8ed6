"""The report's newer parts: what happened that day, why people were refused, vans and rides on demand, zones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kera_mobility.results.events import KINDS
from kera_mobility.results.explain import explain
from kera_mobility.results.explain.text import explanation_text
from kera_mobility.results.facts import Facts
from kera_mobility.results.report.content import report_content
from kera_mobility.results.report.day_events import day_events
from kera_mobility.results.report.playback import IN_A_VAN
from kera_mobility.results.store import load_record
from tests.kit.reports import run_small

ROOT = Path(__file__).parents[2]
ZONES = "services.scooter.zones=[riding]"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return runs of all trials with zones, of a morning without trains and of a day of snow, with few people."""
    folder = tmp_path_factory.mktemp("results")
    run_small(folder, "trials/all", "1-2", ZONES)
    run_small(folder, "trials/rail_cut", "1")
    run_small(folder / "snow", "trials/all", "1", "weather.days=[winter_snow]")
    return folder


@pytest.fixture(scope="module")
def content(results: Path) -> dict[str, Any]:
    return report_content([results / "all", results / "rail_cut", results / "snow" / "all"])


def test_refusals_are_counted_and_told_as_kera_explain_does(results: Path, content: dict[str, Any]) -> None:
    for side, place in zip(content["sides"], ("all", "rail_cut", "snow/all"), strict=True):
        explanation, shown = explain(results / place), side["why"]
        counts: Counter[tuple[str, str, str]] = Counter()
        for case, count in explanation.cases.items():
            counts[case.kind, case.service, case.binding] += count
        assert {tuple(row[:3]): row[3] for row in shown["rows"]} == dict(counts)
        assert (shown["sums"], shown["agrees"], shown["runs"]) == (len(explanation.sums), True, len(explanation.runs))
        assert shown["text"] == explanation_text(explanation)
    assert content["sides"][1]["why"]["refused"] > 0


def test_places_hours_and_sequels_name_no_more_than_there_were(content: dict[str, Any]) -> None:
    for side in content["sides"]:
        for *_, count, places, hours, did in side["why"]["rows"]:
            for named in (places, hours, did):
                assert sum(number for _, number in named) <= count
            assert sum(number for _, number in hours) > 0


def test_a_closure_is_one_fact_with_its_begin_and_end(content: dict[str, Any]) -> None:
    events = content["sides"][1]["happened"]
    ((from_s, until_s, topic, text),) = events["facts"]
    assert (from_s, until_s, topic) == (27000.0, 34200.0, "closed")
    assert "07:30 to 09:30" in text
    assert {row[2] for row in events["cut"]} >= {"closed"}
    assert all(27000.0 <= row[4] <= row[5] <= 34200.0 for row in events["cut"] if row[2] == "closed")


def test_cut_runs_add_up_to_those_of_the_table(results: Path, content: dict[str, Any]) -> None:
    running = load_record(results / "rail_cut" / "seed-0001").tables["running"]
    ended = np.array(running.column("ended").to_pylist())
    runs = np.array(running.column("run").to_pylist())
    assert sum(row[3] for row in content["sides"][1]["happened"]["cut"]) == len(np.unique(runs[ended != ""]))


def test_a_day_of_snow_says_what_is_kept_in(content: dict[str, Any]) -> None:
    events = content["sides"][2]["happened"]
    assert events["weather"]["day"] == "winter_snow"
    assert events["weather"]["slippery"] is True
    assert events["kept_in"] == [["scooter", 1.0]]
    assert content["sides"][0]["happened"]["kept_in"] == []


def facts_with(*notices: tuple[float, str, int, str]) -> Facts:
    """Return the facts of a run of which only the notices matter."""
    columns = zip(*notices, strict=True)
    schema = KINDS["notices"].schema
    table = pa.table(
        {field.name: pa.array(list(values), field.type) for field, values in zip(schema, columns, strict=True)}
    )
    record = SimpleNamespace(meta={"services": {}}, table=lambda name: table)
    return Facts(record)  # type: ignore[arg-type]


def test_a_fleet_halved_at_midnight_is_told_and_one_that_the_weather_keeps_in_is_told_with_it() -> None:
    facts = facts_with((0.0, "withdrawn", 3, "A van with half of them was stolen, 00:00 to 24:00"))
    assert [row[3] for row in day_events(facts)["facts"]] == ["A van with half of them was stolen, 00:00 to 24:00"]
    kept = facts_with((0.0, "withdrawn", 3, "scooter: 100% of the fleet is kept in"))
    kept.record.meta["weather"] = {"withdrawn": {"scooter": 1.0}}
    assert day_events(kept)["facts"] == []


def test_streets_that_are_shut_one_after_the_other_end_when_the_next_begins() -> None:
    events = day_events(facts_with(
        (3600.0, "streets", -1, "a crane"), (7200.0, "streets", -1, "a crane; a parade"),
        (7300.0, "late", 4, "a bus"), (9000.0, "streets", -1, "all streets are open"),
        (9500.0, "streets", -1, "a crane"),
    ))  # fmt: skip
    assert events["facts"] == [
        [3600.0, 7200.0, "streets", "a crane"], [7200.0, 9000.0, "streets", "a crane; a parade"],
        [9500.0, None, "streets", "a crane"],
    ]  # fmt: skip
    assert events["late"] == 1


def test_what_is_announced_ahead_stands_apart_from_what_it_announces() -> None:
    events = day_events(facts_with(
        (0.0, "announced", -1, "no trains"), (100.0, "closed", -1, "no trains"), (200.0, "closed", -1, "no trains"),
        (500.0, "closed", -1, "no trains"), (600.0, "closed", -1, "no trains"),
    ))  # fmt: skip
    assert [row[:3] for row in events["facts"]] == [
        [0.0, None, "announced"], [100.0, 200.0, "closed"], [500.0, 600.0, "closed"],
    ]  # fmt: skip


def test_every_vehicle_on_demand_goes_where_its_moves_say(results: Path, content: dict[str, Any]) -> None:
    facts = Facts(load_record(results / "all" / "seed-0001"))
    moves, fleet = facts.of_service("moves", "on_demand"), facts.of_service("vehicles", "on_demand")
    drawn = {
        vehicle["id"]: vehicle for vehicle in content["sides"][0]["map"]["vehicles"] if vehicle["kind"] == "on_demand"
    }
    assert set(drawn) == set(fleet.column("vehicle").to_pylist())
    rows = [row for row in moves.to_pylist() if row["origin"] != row["destination"]]
    assert rows
    spans = {
        (vehicle["id"], *vehicle["s"][at + 1 : at + 3])
        for vehicle in drawn.values()
        for at in range(0, len(vehicle["s"]), 4)
    }
    assert spans == {(row["vehicle"], round(row["t_s"]), round(row["end_s"])) for row in rows}
    carrying = {(row["vehicle"], round(row["t_s"])) for row in rows if row["cause"] == "carry"}
    for vehicle in drawn.values():
        for way, begin_s, _, aboard in np.array(vehicle["s"]).reshape(-1, 4).tolist():
            assert way != 0
            assert (aboard > 0) == ((vehicle["id"], begin_s) in carrying)


def test_vans_drive_what_crews_drove_and_carry_what_they_moved(results: Path, content: dict[str, Any]) -> None:
    record = load_record(results / "all" / "seed-0001")
    work = record.tables["crews"].to_pylist()
    (van,) = [vehicle for vehicle in content["sides"][0]["map"]["vehicles"] if vehicle["kind"] == "van"]
    drives = [row for row in work if row["origin"] != row["destination"]]
    assert np.array(van["s"]).reshape(-1, 4)[:, 1].tolist() == [round(row["t_s"]) for row in drives]
    assert sum(call[3] for call in van["calls"]) == sum(row["taken"] for row in work) > 0
    moved = [row for row in record.tables["moves"].to_pylist() if row["cause"] in ("rebalance", "collect")]
    scooters = [vehicle for vehicle in content["sides"][0]["map"]["vehicles"] if vehicle["kind"] == "scooter"]
    loads = [load for vehicle in scooters for load in vehicle["s"][3::4]]
    assert sum(load <= IN_A_VAN for load in loads) == len(moved) > 0


def test_zones_are_drawn_with_the_hours_in_which_they_hold(content: dict[str, Any]) -> None:
    shipped = json.loads((ROOT / "networks" / "kera" / "zones" / "riding.geojson").read_text(encoding="utf-8"))
    zones = content["sides"][0]["map"]["riding"]
    assert {zone["name"] for zone in zones} == {feature["properties"]["name"] for feature in shipped["features"]}
    by_name = {zone["name"]: zone for zone in zones}
    slow = by_name["Forecourt of Kera station"]
    assert (slow["rule"], slow["speed_km_h"]) == ("slow", 6)
    assert [6 * 3600.0, 22 * 3600.0] in slow["spans_s"]
    assert slow["rings"][0][0] == [24.7545, 60.2161]
    assert content["sides"][1]["map"]["riding"] == []


def test_the_page_takes_the_reasons_of_refusals_from_the_run(content: dict[str, Any]) -> None:
    refused = {row[2] for row in content["sides"][0]["why"]["rows"] if row[0] == "refused"}
    assert refused
    assert refused <= set(content["reasons"])
    for reason in content["reasons"].values():
        for text in ("label", "sentence"):
            assert {"en", "fi", "sv"} == set(reason[text])
    for code in ("en", "fi", "sv"):
        assert "reason.no_" not in (ROOT / "web" / "src" / "words" / f"{code}.js").read_text(encoding="utf-8")
