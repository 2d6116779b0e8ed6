"""Regression checks: a change is noticed, named and placed; a baseline changes only with a reason."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import kera_mobility
from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import MissingFileError, ResultError
from kera_mobility.experiments.regression import CHECKS, Baseline, check_names, check_scenario, junit, marks, renew
from kera_mobility.results.events import KINDS
from kera_mobility.simulation.run import simulate
from kera_mobility.units import clock

ROOT = Path(__file__).parents[2]
KERA = [sys.executable, "-m", "kera_mobility"]
MINE = """\
extends: configs/trials/scooters.yaml
town: {people: {residents: 60, jobs: 30, neighbours_within_m: 0}}
choice: {constants: {scooter: 1.5}}
services: {scooter: {fleet: 2}}
"""


def kera(*arguments: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*KERA, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one check of few people and its first baseline; tests that spoil it take a copy."""
    place = tmp_path_factory.mktemp("made") / "checks"
    place.mkdir()
    (place / "mine.yaml").write_text(MINE, encoding="utf-8")
    assert renew(place, "mine", "first")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "checks"))


def baseline(place: Path) -> Path:
    return place / "baselines" / "mine.json"


def change(file: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    how(content)
    file.write_text(json.dumps(content), encoding="utf-8")


# What is shipped


def test_the_shipped_checks_are_as_their_baselines_say() -> None:
    place, names = check_names()
    assert len(names) >= 4
    found = [check_scenario(place, name) for name in names]
    assert [one for one in found if not one.passed] == [], (
        "Results changed. If that is meant: kera check --renew --why '...'"
    )


def test_the_shipped_checks_reach_what_they_are_for() -> None:
    kept = {name: Baseline.read(shipped_folder("configs") / "checks" / "baselines" / f"{name}.json")
            for name in check_names(CHECKS)[1]}  # fmt: skip
    assert kept["scooters"].kpis["scooter.denied_requests"]
    assert kept["shuttle"].kpis["shuttle.denied_requests"]
    assert all(one.history and one.history[0]["why"] for one in kept.values())
    for kind in ("trips", "legs", "refusals", "bookings", "calls", "moves"):
        assert any(one.kinds[kind]["rows"] for one in kept.values()), kind


# A change is noticed, named and placed


def test_a_change_of_the_model_is_named_by_kpi_by_kind_and_by_its_first_event(tmp_path: Path, made: Path) -> None:
    home = tmp_path / "home"
    package = Path(kera_mobility.__file__).parent
    shutil.copytree(package, home / "kera_mobility", ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    for name in ("configs", "networks"):
        (home / name).symlink_to(shipped_folder(name), target_is_directory=True)
    bicycle = home / "kera_mobility" / "services" / "bicycle.py"
    code = bicycle.read_text(encoding="utf-8")
    slower = code.replace("/ self.settings.speed_m_s", "/ (0.5 * self.settings.speed_m_s)")
    assert slower != code
    bicycle.write_text(slower, encoding="utf-8")
    found = kera(
        "check", str(made), "--junit", "out/found.xml", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(home)}
    )
    assert found.returncode == 1, found.stderr
    assert "mine: MOVED" in found.stdout
    assert "\n  mode_share.bicycle: " in found.stdout
    legs = next(line for line in found.stdout.splitlines() if line.startswith("  legs: "))
    assert ", from row " in legs
    assert " on, now: person " in legs
    assert "The scenario is another one" not in found.stdout
    assert "1 of 1 checks moved: mine. Is it meant?" in found.stderr
    suite = ElementTree.parse(tmp_path / "out" / "found.xml").getroot()[0]
    assert (suite.get("name"), suite.get("failures"), suite.get("errors")) == ("mine", "2", "0")
    text = {case.get("name"): (case[0].text or "") for case in suite}
    assert "mode_share.bicycle: " in text["kpis"]
    assert "legs: " in text["events"]


def test_nothing_moved_is_code_0_and_a_clean_report(made: Path, tmp_path: Path) -> None:
    before = baseline(made).read_bytes()
    found = kera("check", str(made), "--junit", "found.xml", cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.endswith("1 check, as before.\n")
    suite = ElementTree.parse(tmp_path / "found.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "0")
    assert [len(case) for case in suite] == [0, 0]
    assert baseline(made).read_bytes() == before


def test_the_first_row_that_moved_is_the_one_that_is_named(place: Path) -> None:
    trips = simulate(place / "mine.yaml").record.tables["trips"]
    row = 17

    def spoil(content: dict[str, Any]) -> None:
        kept = np.frombuffer(base64.b64decode(content["kinds"]["trips"]["marks"]), dtype="<u2").copy()
        assert np.array_equal(kept, marks(trips))
        kept[[row, row + 5]] ^= 1
        content["kinds"]["trips"] |= {"marks": base64.b64encode(kept.tobytes()).decode(), "fingerprint": "another"}

    change(baseline(place), spoil)
    (words,) = check_scenario(place, "mine").events
    at = clock(trips["t_s"][row].as_py())
    assert f"from row {row + 1} at {at} on, now: person {trips['person'][row].as_py()}, " in words


def test_rows_that_are_no_more_and_kinds_that_are_new_are_told(place: Path) -> None:
    def spoil(content: dict[str, Any]) -> None:
        trips = content["kinds"]["trips"]
        more = base64.b64decode(trips["marks"]) + b"\x00\x01"
        trips |= {"marks": base64.b64encode(more).decode(), "rows": trips["rows"] + 1, "fingerprint": "another"}
        del content["kinds"]["legs"]
        content["kinds"]["songs"] = {"rows": 1, "fingerprint": "", "marks": ""}

    change(baseline(place), spoil)
    found = " | ".join(check_scenario(place, "mine").events)
    assert "trips: " in found
    assert "as before" in found
    assert "legs: a kind of event that the baseline does not have" in found
    assert "songs: this kind of event is no more" in found


def test_every_value_of_a_row_shows_in_its_mark() -> None:
    tables = simulate(shipped_folder("configs") / "checks" / "all.yaml").record.tables
    for kind in KINDS:
        table = tables[kind]
        if table.num_rows == 0:
            assert len(marks(table)) == 0
            continue
        for number, name in enumerate(table.schema.names):
            other = table.set_column(
                number, table.schema.field(number), table[name].take(list(range(table.num_rows))[::-1])
            )
            differs = [
                repr(a) != repr(b) for a, b in zip(table[name].to_pylist(), other[name].to_pylist(), strict=True)
            ]
            if any(differs):
                assert (marks(table) != marks(other))[np.array(differs)].mean() > 0.99, (kind, name)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda kpis: kpis.update({"trips": kpis["trips"] + 2.0}), "trips: "),
        (lambda kpis: kpis.update({"trips": None}), "trips: nothing -> "),
        (lambda kpis: kpis.pop("trips"), "trips: new, "),
        (lambda kpis: kpis.update({"songs": 1.0}), "songs: is no more"),
    ],
)
def test_a_kpi_that_moved_is_named_with_old_and_new(
    place: Path, how: Callable[[dict[str, Any]], Any], words: str
) -> None:
    change(baseline(place), lambda content: how(content["kpis"]))
    found = check_scenario(place, "mine")
    assert not found.passed
    (line,) = found.kpis
    assert line.startswith(words)
    assert found.events == ()


def test_a_changed_scenario_is_named_as_the_cause(place: Path) -> None:
    with (place / "mine.yaml").open("a", encoding="utf-8") as file:
        file.write("year: 2037\nname: mine\n")
    assert check_scenario(place, "mine").passed  # nothing moved: another year alone changes no event
    (place / "mine.yaml").write_text(MINE.replace("fleet: 2", "fleet: 20"), encoding="utf-8")
    found = check_scenario(place, "mine")
    assert not found.passed
    assert found.remarks == ("The scenario is another one than when the baseline was made.",)


# Tolerance


def test_with_a_tolerance_events_and_kpis_may_move_a_little(place: Path) -> None:
    assert renew(place, "mine", "looser", tolerance=0.05)

    def spoil(share: float) -> None:
        change(baseline(place), lambda content: content["kpis"].update(trips=trips * (1.0 + share)))

    trips = json.loads(baseline(place).read_text(encoding="utf-8"))["kpis"]["trips"]
    change(baseline(place), lambda content: content["kinds"]["trips"].update(fingerprint="another"))
    spoil(0.04)
    found = check_scenario(place, "mine")
    assert found.passed
    assert found.events
    assert found.remarks[-1] == "Events moved; KPIs may by 5.00%."
    assert 'failures="0"' in junit([found])
    spoil(0.06)
    assert not check_scenario(place, "mine").passed


# Renewing


def test_a_baseline_changes_only_with_a_reason_which_it_keeps(place: Path, tmp_path: Path) -> None:
    before = baseline(place).read_bytes()
    (place / "mine.yaml").write_text(MINE.replace("fleet: 2", "fleet: 20"), encoding="utf-8")
    for arguments in (["--renew"], ["--renew", "--why", "  "], ["--why", "no renewal"], ["--tolerance", "0.1"]):
        assert kera("check", str(place), *arguments, cwd=tmp_path).returncode == 2
    with pytest.raises(ResultError, match="expected the reason"):
        renew(place, "mine", " ")
    assert baseline(place).read_bytes() == before

    found = kera("check", str(place), "--renew", "--why", "a larger fleet", cwd=tmp_path)
    assert (found.returncode, found.stdout) == (0, "mine: renewed\n"), found.stderr
    history = json.loads(baseline(place).read_text(encoding="utf-8"))["history"]
    assert [entry["why"] for entry in history] == ["first", "a larger fleet"]
    assert all(set(entry) == {"version", "why"} for entry in history)
    assert kera("check", str(place), cwd=tmp_path).returncode == 0


def test_renewing_what_did_not_move_changes_nothing(place: Path) -> None:
    before = baseline(place).read_bytes()
    assert not renew(place, "mine", "no reason at all")
    assert baseline(place).read_bytes() == before


# What cannot be compared


def test_no_baseline_a_torn_one_and_one_without_its_scenario_fail_in_one_line(place: Path) -> None:
    shutil.copy(place / "mine.yaml", place / "new.yaml")
    shutil.copy(baseline(place), place / "baselines" / "gone.json")
    change(baseline(place), lambda content: content.update(format=0))
    named = check_names(place)[1]
    assert named == ["gone", "mine", "new"]
    found = {name: check_scenario(place, name) for name in named}
    assert "its scenario gone.yaml is gone" in found["gone"].fault
    assert "format is 0, this version reads 1" in found["mine"].fault
    assert "no baseline yet; make it with --renew --why" in found["new"].fault
    assert not any(one.passed or "\n" in one.fault for one in found.values())
    suites = ElementTree.fromstring(junit(list(found.values())))
    assert [(suite.get("errors"), suite[0][0].tag, suite[1][0].tag) for suite in suites] == [
        ("1", "error", "skipped")
    ] * 3
    baseline(place).write_text('{"format": 1, ', encoding="utf-8")
    assert "cannot be read as a baseline" in check_scenario(place, "mine").fault


def test_a_scenario_with_a_fault_fails_its_check_and_the_others_are_checked(place: Path, tmp_path: Path) -> None:
    (place / "broken.yaml").write_text(MINE + "twon: {seed: 1}\n", encoding="utf-8")
    shutil.copy(baseline(place), place / "baselines" / "broken.json")
    found = kera("check", str(place), cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr == "1 of 2 checks could not be made: broken\n"
    assert "twon: unknown key (did you mean 'town'?)" in found.stdout
    assert "mine: as before" in found.stdout


def test_a_folder_without_checks_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no checks here"):
        check_names(tmp_path)
    with pytest.raises(MissingFileError, match="no such file"):
        check_names(tmp_path / "gone")


def test_text_that_xml_cannot_hold_does_not_break_the_report() -> None:
    from kera_mobility.experiments.regression import CheckResult

    found = CheckResult("odd", 0.0, fault='ConfigError: "\x00\x1b <&>"\nsecond line')
    (suite,) = ElementTree.fromstring(junit([found]))
    assert "<&>" in (suite[0][0].get("message") or "")


# The workflow that users copy


def test_the_workflow_is_yaml_and_its_commands_do_what_they_say(made: Path, tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    file = ROOT / "examples" / "ci" / "kera-check.yml"
    if not file.is_file():
        pytest.skip("the examples are not here: an installed package without its checkout")
    steps = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["jobs"]["check"]["steps"]
    commands = [step["run"].split() for step in steps if step.get("run", "").startswith("kera ")]
    assert commands == [["kera", "check", "checks", "--junit", "kera-check.xml"]]
    shutil.copytree(made, tmp_path / "checks")
    for command in commands:
        assert kera(*command[1:], cwd=tmp_path).returncode == 0
    kept = next(step["with"]["path"] for step in steps if "upload" in step.get("uses", ""))
    assert ElementTree.parse(tmp_path / kept).getroot().tag == "testsuites"
    (tmp_path / "checks" / "mine.yaml").write_text(MINE.replace("fleet: 2", "fleet: 20"), encoding="utf-8")
    assert [kera(*command[1:], cwd=tmp_path).returncode for command in commands] == [1]
