"""A service that was on and carried nobody all day is said, with why where that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kera_mobility.cli import command_line
from kera_mobility.results.idle_services import idle_warnings
from kera_mobility.results.report.day_events import day_events
from kera_mobility.results.runs import RunFolder
from kera_mobility.simulation.run import live
from tests.kit.hamlet import CITY, MILL, SCHOOL, STATION, hamlet_town, scenario, trip

WALK: dict[str, Any] = {"walk": {}}


def warnings(tmp_path: Path, services: dict[str, dict[str, Any]], *, goal: int = SCHOOL, **more: Any) -> dict[str, str]:
    """Return why each service of a morning at the mill carried nobody, as the result folder has it."""
    town = hamlet_town(tmp_path / "town", trips=[trip(1, MILL, goal, "8:00"), trip(2, MILL, goal, "8:05")])
    run = live(scenario(WALK | services, **more), town)
    folder = run.save(tmp_path / "result")
    kept = json.loads((folder / "run.json").read_text())["warnings"]
    shown = [fact[3] for fact in day_events(RunFolder(folder).facts)["facts"] if fact[2] == "warning"]
    assert shown == [warning["text"] for warning in kept]
    return {warning["service"]: warning["why"] for warning in kept}


def test_who_is_carried_is_no_warning_and_who_walks_is_none_either(tmp_path: Path) -> None:
    assert warnings(tmp_path, {"scooter": {"fleet": 2}}, prefer=["scooter", "walk"]) == {}


def test_a_service_that_nobody_asks_for_is_warned_of(tmp_path: Path) -> None:
    assert warnings(tmp_path, {"scooter": {"fleet": 2}}, prefer=["walk"]) == {"scooter": "not_asked"}


def test_a_service_that_denies_all_is_warned_of_with_the_reason(tmp_path: Path) -> None:
    found = warnings(tmp_path, {"scooter": {"fleet": 1, "broken_chance": 1.0}}, prefer=["scooter", "walk"])
    assert found == {"scooter": "denied"}
    (warning,) = json.loads((tmp_path / "result/run.json").read_text())["warnings"]
    assert warning["text"].startswith("scooter: carried nobody all day: all ")
    assert "requests were denied" in warning["text"]


def test_trains_that_are_shut_all_day_are_said_not_to_have_run(tmp_path: Path) -> None:
    closed = [{"kind": "rail_closed", "service": "rail", "start_s": 0, "end_s": 108_000}]
    found = warnings(tmp_path, {"rail": {}}, goal=CITY, prefer=["rail", "walk"], disturbances=closed)
    assert found == {"rail": "not_run"}


def test_trains_that_nobody_wants_are_not_said_to_stand(tmp_path: Path) -> None:
    assert warnings(tmp_path, {"rail": {}}, prefer=["walk"]) == {"rail": "not_asked"}
    assert warnings(tmp_path / "city", {"rail": {}}, goal=CITY, prefer=["rail", "walk"]) == {}


def test_lines_without_a_run_on_the_date_are_named(tmp_path: Path) -> None:
    run = live(scenario(WALK), hamlet_town(tmp_path / "town", trips=[trip(1, MILL, STATION, "8:00")]))
    services = {"rail": {"kind": "transit", "operated": False, "idle_lines": ["X", "Y"]}}
    (warning,) = idle_warnings(services, run.record.tables)
    assert warning == {
        "service": "rail", "why": "no_runs", "text": "rail: nothing runs on the date of the timetable on X, Y",
    }  # fmt: skip


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_the_run_says_it(tmp_path: Path, quiet: list[str]) -> None:
    few = [f"--set=town.people.{key}" for key in ("residents=30", "jobs=10", "neighbours_within_m=0")]
    closed = "--set=services.scooter.closed=[{from_s: 0, until_s: 86400}]"
    arguments = ["run", "configs/trials/scooters.yaml", "--out", str(tmp_path), closed, *few, *quiet]
    done = CliRunner().invoke(command_line(), arguments)
    assert done.exit_code == 0
    assert ("Warning: scooter: carried nobody all day" in done.stderr) == (not quiet)
