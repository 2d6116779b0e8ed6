"""`kera ask` and `kera list`: a question from two scenarios to fifteen lines, and what there is to ask about."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import kera_mobility as km
from kera_mobility.cli.ask import MOST_LINES, answer_lines
from kera_mobility.config.yaml_layers import shared_base
from kera_mobility.errors import ConfigError
from kera_mobility.experiments.leave_one_out import _label, removals
from kera_mobility.experiments.question import Answer, PairedEffect, _rounds, ask, reference_of
from kera_mobility.experiments.setting_changes import grouped, setting_changes, without
from kera_mobility.results.compare.differences import CANNOT_TELL, HIGHER, SAME
from kera_mobility.simulation.scenario import LONGEST_NAME, load_scenario
from tests.kit.small_district import write_district

ROOT = Path(__file__).parents[2]
KERA = [sys.executable, "-m", "kera_mobility"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a reference, and a variant of it in two settings."""
    place = tmp_path_factory.mktemp("ask")
    write_district(place)
    (place / "few.yaml").write_text("extends: day.yaml\ntitle: Few people\n")
    changed = "services: {car: {access_s: 10 min}, bicycle: {parking_s: 90}}\n"
    (place / "slow_cars.yaml").write_text(f"extends: few.yaml\ntitle: Slow cars\n{changed}")
    return place


@pytest.fixture(scope="module")
def answer(folder: Path) -> Answer:
    """Return the answer of three seeds, with what each change did."""
    figure = "mode_share.car"
    return ask(folder / "slow_cars.yaml", figure=figure, seeds=3, most=3, attribute=True, out=folder / "results")


def kera(*arguments: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*KERA, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, **more)


# The two sides


def test_the_reference_is_what_the_variant_extends() -> None:
    trials = ROOT / "configs" / "trials"
    assert reference_of(trials / "shuttle.yaml").resolve() == ROOT / "configs" / "finished.yaml"
    assert reference_of(trials / "all.yaml").resolve() == ROOT / "configs" / "finished.yaml", (
        "all four trials extend it"
    )
    assert shared_base(ROOT / "configs" / "base.yaml") is None
    with pytest.raises(ConfigError, match="extends no scenario"):
        reference_of(ROOT / "configs" / "base.yaml")


def test_settings_that_differ_are_told_with_their_units_and_taken_back_one_at_a_time(folder: Path) -> None:
    reference, variant = load_scenario(folder / "few.yaml"), load_scenario(folder / "slow_cars.yaml")
    changes = setting_changes(reference, variant)
    assert [str(change) for change in changes] == [
        "services.bicycle.parking_s: 60 s -> 90 s",
        "services.car.access_s: 3.0 min -> 10.0 min",
    ]
    for name, group in grouped(changes).items():
        rest = setting_changes(reference, without(variant, group, "rest"))
        assert [change.key for change in rest] == [change.key for change in changes if change.key != name]
    assert without(variant, changes, reference.name).model_copy(update={"title": reference.title}) == reference


def test_a_service_that_is_added_is_one_change_and_goes_as_a_whole() -> None:
    reference, variant = load_scenario("configs/finished.yaml"), load_scenario("configs/trials/all.yaml")
    changes = setting_changes(reference, variant)
    assert {"services.scooter", "services.shuttle", "services.on_demand"} <= {change.key for change in changes}
    groups = grouped(changes)
    assert any(name.startswith("services.rail.") for name in groups), "they are few, so each is tried alone"
    rest = without(variant, groups["services.shuttle"], "rest")
    assert set(variant.services) - set(rest.services) == {"shuttle"}
    late = load_scenario("configs/trials/shuttle.yaml", ["services.shuttle.last_s=25:30"])
    (change,) = setting_changes(load_scenario("configs/trials/shuttle.yaml"), late)
    assert str(change) == "services.shuttle.last_s: 22:00 -> 25:30"


def test_nothing_to_ask_is_a_fault(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no setting differs"):
        ask(folder / "few.yaml", folder / "few.yaml", out=folder / "none")
    with pytest.raises(ConfigError, match=r"did you mean 'sustainable_share'"):
        ask(folder / "slow_cars.yaml", figure="sustainable_shar", seeds=2, most=2, out=folder / "results")


# When the answer is clear


def test_an_effect_that_is_none_is_found_as_seldom_as_its_level_says_for_all_looks_together() -> None:
    """Looking after 5, 10 and 20 seeds at a third of the level each errs in 5 % of all questions at most."""
    chance = random.Random(1)
    rounds = _rounds(5, 20)
    assert rounds == [5, 10, 20]
    wrong, repeats = 0, 1000
    for _ in range(repeats):
        values = [chance.gauss(0.0, 1.0) for _ in range(20)]
        looks = [PairedEffect("x", tuple(values[:number]), 0.05 / len(rounds)).verdict for number in rounds]
        wrong += any(verdict != CANNOT_TELL for verdict in looks)
    assert wrong / repeats < 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)
    naive = random.Random(1)
    errors = 0
    for _ in range(repeats):
        values = [naive.gauss(0.0, 1.0) for _ in range(20)]
        errors += any(PairedEffect("x", tuple(values[:number]), 0.05).verdict != CANNOT_TELL for number in rounds)
    assert errors > wrong, "without the correction more would be found"


def test_an_effect_is_clear_when_it_is_sure_or_narrow_or_never_there() -> None:
    sure = tuple(1.0 + 0.01 * number for number in range(5))
    assert PairedEffect("x", sure, 0.05).verdict == HIGHER
    assert PairedEffect("x", (0.0,) * 5, 0.05).verdict == SAME
    assert PairedEffect("x", (0.0,) * 3, 0.05).verdict == CANNOT_TELL, "three days without a difference are few"
    wobbling = (0.01, -0.01, 0.005, -0.004, 0.002)
    assert PairedEffect("x", wobbling, 0.05).verdict == CANNOT_TELL
    assert PairedEffect("x", wobbling, 0.05, narrow=0.05).verdict == "narrow enough"
    assert PairedEffect("x", (1.0,), 0.05).verdict == CANNOT_TELL


def test_seeds_are_added_until_the_answer_is_clear(folder: Path) -> None:
    out = folder / "rounds"
    unclear = ask(folder / "slow_cars.yaml", figure="door_to_door_s.mean", seeds=2, most=4, out=out)
    assert unclear.seeds == (1, 2, 3, 4)
    assert unclear.effect.alpha == 0.025
    assert unclear.effect.verdict == CANNOT_TELL
    assert "cannot tell" in unclear.sentence


def test_a_change_of_sure_sign_is_narrowed_further_where_that_is_asked(folder: Path, answer: Answer) -> None:
    """To walk at half the speed takes longer for sure; how much longer, to a hundredth of a second, many seeds tell."""
    asked: dict[str, Any] = {"figure": "door_to_door_s.mean 0.01", "seeds": 5, "most": 6, "out": folder / "results"}
    asked["overrides"] = ["services.walk.walk_speed_m_s=0.5"]
    sure = ask(folder / "slow_cars.yaml", **asked)
    assert (sure.stopped, len(sure.seeds), sure.effect.verdict) == ("sure", 5, "higher")
    precise = ask(folder / "slow_cars.yaml", precise=True, **asked)
    assert (precise.stopped, len(precise.seeds)) == ("most", 6)
    assert precise.to_json()["half_width"] > precise.to_json()["target"] == 0.01
    with pytest.raises(ConfigError, match="expected a half-width"):
        ask(folder / "slow_cars.yaml", figure="unserved", precise=True, out=folder / "results")


# Which of the changes did it


def test_a_change_is_a_service_with_its_constants_and_what_its_file_turns_inside_it() -> None:
    """The constants of a new service go with it, its own settings are tried too; what is decided by is no change."""
    reference, below = load_scenario("configs/finished.yaml"), load_scenario("configs/trials/shuttle.yaml")
    turned = ["services.shuttle.headway_s=900", "services.shuttle.fare_eur=1.5", "decision.thresholds.unserved.go=-1"]
    variant = load_scenario("configs/trials/shuttle.yaml", [*turned, "decision.thresholds.unserved.stop=0"])
    changes = setting_changes(reference, variant)
    assert not [change.key for change in changes if change.key.startswith("decision")]
    found = {removal.name: removal for removal in removals(reference, variant, below, changes)}
    assert {"services.shuttle", "services.shuttle.headway_s", "services.shuttle.fare_eur"} <= set(found)
    assert not [name for name in found if name.startswith("choice")]
    whole, headway = found["services.shuttle"].rest, found["services.shuttle.headway_s"].rest
    assert whole is not None
    assert setting_changes(reference, whole) == []
    assert headway is not None
    (back,) = setting_changes(headway, variant)
    assert (back.key, back.before) == ("services.shuttle.headway_s", below.services["shuttle"].headway_s)
    names = [removal.rest.name for removal in found.values() if removal.rest]
    assert len(set(names)) == len(names)


def test_each_change_has_a_folder_of_its_own_however_long_its_key_is() -> None:
    taken: set[str] = set()
    for end in ("a", "b", "c"):
        label = _label("v" * LONGEST_NAME, f"services.{'x' * LONGEST_NAME}.{end}", taken)
        assert label not in taken
        assert len(label) <= LONGEST_NAME
        taken.add(label)


# The answer


def test_the_answer_is_that_of_compare_and_of_the_runs(answer: Answer, folder: Path) -> None:
    row = answer.comparison.row("mode_share.car")
    assert answer.effect.spread is not None
    assert answer.effect.spread.centre == pytest.approx(row.difference)
    assert (answer.figure.value, answer.variant_value) == pytest.approx((row.mean_a, row.mean_b))
    assert [pair.seed for pair in answer.comparison.pairs] == [1, 2, 3] == list(answer.seeds)
    assert km.compare(*answer.folders).row("mode_share.car").difference == row.difference


def test_each_change_is_held_against_the_variant_without_it(answer: Answer, folder: Path) -> None:
    assert {part.name for part in answer.parts} == {"services.car.access_s", "services.bicycle.parking_s"}
    first = answer.parts[0]
    assert first.name == "services.car.access_s", "the largest comes first"
    alone = folder / "results" / "slow_cars-without-services-car-access_s"
    by_hand = km.compare(alone, folder / "results" / "slow_cars").row("mode_share.car")
    assert first.spread is not None
    assert first.spread.centre == pytest.approx(by_hand.difference)
    assert first.alpha == 0.025


@pytest.mark.parametrize("width", [80, 120])
def test_the_answer_fits_fifteen_lines_of_the_terminal(answer: Answer, width: int) -> None:
    lines = answer_lines(answer, width)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    assert "mode_share.car of residents" in text
    assert "services.car.access_s:" in text
    assert "nan" not in text


def test_a_question_on_the_command_line_shows_settings_answer_and_report(folder: Path) -> None:
    arguments = ["ask", "slow_cars.yaml", "--figure", "mode_share.car", "--seeds", "3", "--most-seeds", "3"]
    done = kera(*arguments, "--set", "services.car.access_s=20 min", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "services.car.access_s: 10.0 min -> 20.0 min" in done.stdout
    assert done.stdout.count("\n") < 22
    (page,) = (folder / "results").glob("slow_cars-*.html")
    assert page.stat().st_size > 100_000
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stderr
    again = kera(*arguments, "--set", "services.car.access_s=20 min", "--no-report", cwd=folder)
    assert again.stdout.splitlines() == [line for line in done.stdout.splitlines() if not line.startswith("Report")]


def test_an_interrupted_question_keeps_what_is_done(folder: Path) -> None:
    out = folder / "stopped"
    arguments = [*KERA, "ask", "slow_cars.yaml", "--out", "stopped", "--seeds", "40", "--most-seeds", "40"]
    process = subprocess.Popen(arguments, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(out.glob("few/seed-*/run.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "kept in stopped/few" in errors
    assert "The same command goes on from there." in errors
    km.verify(out)


# What there is


def test_what_there_is_is_listed(folder: Path, answer: Answer) -> None:
    done = kera("list", cwd=folder)
    assert done.returncode == 0, done.stderr
    kinds = ("scenarios", "trials", "areas", "runs", "services", "figures")
    assert all(f" {kind}: " in done.stdout for kind in kinds)
    listed = {kind: json.loads(kera("list", kind, "--json", cwd=folder).stdout)[kind] for kind in kinds}
    trials = {row["name"]: row["about"] for row in listed["trials"]}
    assert trials["configs/trials/shuttle.yaml"] == load_scenario("configs/trials/shuttle.yaml").title
    assert "configs/finished.yaml" in {row["name"] for row in listed["scenarios"]}
    assert "kera" in {row["name"] for row in listed["areas"]}
    assert any(row["name"] == "results/slow_cars" and "Slow cars" in row["about"] for row in listed["runs"])
    assert {row["name"] for row in listed["services"]} >= {"walk", "car", "shuttle", "scooter", "on_demand", "transit"}
    assert all(row["about"] for row in listed["services"])
    figures = {row["name"]: row["about"] for row in listed["figures"]}
    assert figures["sustainable_share"].startswith("share of trips: ")
    for row in [*listed["scenarios"], *listed["trials"]]:
        load_scenario(row["name"])


def test_figures_are_known_before_anything_was_run(tmp_path: Path) -> None:
    done = kera("list", "figures", cwd=tmp_path)
    assert "sustainable_share" in done.stdout.split()
    assert kera("list", "runs", cwd=tmp_path).stdout.strip() == "no runs here"
    wrong = kera("list", "trails", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "did you mean 'trials'" in wrong.stderr
