"""The command line: light to start, plain about what is wrong, and nothing half-written."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import pkgutil
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import kera_mobility as km
from kera_mobility import cli
from kera_mobility.cli import _progress
from kera_mobility.simulation.scenario import load_scenario

ROOT = Path(__file__).parents[2]
KERA = [sys.executable, "-m", "kera_mobility"]
HELP_CPU_S = 0.5
"""What `kera --help` may take."""
HEAVY = {"numpy", "pandas", "simpy", "scipy", "pyarrow", "pydantic", "matplotlib", "osmnx"}
START_S = 60.0
"""How long a test waits for something that takes a second or two on an idle machine."""


def kera(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KERA, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, env={**os.environ, "COLUMNS": "100"}
    )


def test_help_names_every_verb() -> None:
    found = kera("--help")
    assert found.returncode == 0
    for verb in ("run", "schema", "version", "compare"):
        assert f"\n  {verb} " in found.stdout


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, time, kera_mobility.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('heavy', sorted({HEAVY!r} & set(sys.modules)), time.process_time())\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = found.stdout.splitlines()[-1]
    assert last.startswith("heavy [] ")
    assert float(last.rpartition(" ")[2]) < HELP_CPU_S


def test_the_package_lists_its_names_and_loads_nothing_heavy_before_one_is_used() -> None:
    code = (
        "import sys, time, kera_mobility as km\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), time.process_time() < {HELP_CPU_S}, *dir(km))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True", *sorted(km.__all__)]
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        km.simulat  # noqa: B018


def test_each_verb_has_a_documented_function_of_its_name() -> None:
    # `run` is `simulate` and `experiment`; `network` and `district` make areas; `cache` is about this machine;
    # `list` is `dir(km)`; `serve` is a server.
    without_one = {"cache", "district", "list_", "network", "run", "serve", "version"}
    verbs = {info.name for info in pkgutil.iter_modules(cli.__path__) if not info.name.startswith("_")}
    assert verbs - without_one <= set(dir(km))
    for name in dir(km):
        assert inspect.getdoc(getattr(km, name)), name


def all_verbs(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_verbs(command, (*path, name))
        else:
            yield (*path, name), command


VERBS = dict(all_verbs(typer.main.get_command(cli.command_line())))


@pytest.mark.parametrize("path", list(VERBS), ids=" ".join)
def test_the_help_of_each_verb_has_examples_that_can_be_typed(path: tuple[str, ...]) -> None:
    command = VERBS[path]
    commands = command.callback.__dict__["examples"]
    shown = typer.main.get_command(cli.command_line()).make_context("kera", [*path], resilient_parsing=True)
    for name in path:
        command_of = shown.command.commands[name]
        shown = command_of.make_context(name, [], parent=shown, resilient_parsing=True)
    lines = shown.get_help().splitlines()
    assert max(map(len, lines)) <= 80
    for text in commands:
        assert f"    {text}" in lines, "each on a line of its own, whole"
        program, *words = shlex.split(text)
        assert (program, tuple(words[: len(path)])) == ("kera", path)
        command.make_context(path[-1], words[len(path) :])
        for name in words:
            if name.startswith("configs/"):
                assert (ROOT / name).is_file(), name
        overrides = [word for option, word in itertools.pairwise(words) if option == "--set"]
        if overrides:
            load_scenario(words[len(path)], overrides)


def test_the_shell_completes_verbs() -> None:
    done = subprocess.run(
        KERA, capture_output=True, text=True,
        env={**os.environ, "_KERA_COMPLETE": "complete_bash", "COMP_WORDS": "kera co", "COMP_CWORD": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["compare"]


def test_progress_is_steady_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    display = _progress.ProgressDisplay([], None, lines=True)
    display.planned(2)
    for part in range(100):
        display._line_at_s -= 1.0  # as if a second had passed
        display.stage(1, f"simulate {part // 4:02d}:00", part / 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6, "one in each fifteen seconds"
    assert lines[0].startswith("0 of 2 runs done; seed 1: simulate 0")
    assert all("\r" not in line and "\x1b" not in line for line in lines)


def test_the_schema_is_json_that_knows_the_services() -> None:
    found = kera("schema")
    kinds = json.loads(found.stdout)["properties"]["services"]["additionalProperties"]["discriminator"]["mapping"]
    assert {"walk", "scooter", "shuttle", "transit"} <= set(kinds)


@pytest.mark.parametrize("how", ["version", "--version"])
def test_the_version_names_what_a_run_stands_on(how: str) -> None:
    found = kera(how)
    assert found.returncode == 0
    for name in ("kera-mobility", "python", "simpy", "numpy"):
        assert f"{name} " in found.stdout


BROKEN = {
    "nothing.yaml": b"",
    "noise.yaml": bytes(range(256)),
    "list.yaml": b"- 1\n- 2\n",
    "torn.yaml": b"extends: configs/today.yaml\ntown: {seed: 1\n",
    "slip.yaml": b"extends: configs/today.yaml\ntwon: {seed: 1}\n",
    "range.yaml": b"extends: configs/today.yaml\nyear: 1066\n",
    "area.yaml": b"extends: configs/today.yaml\narea: atlantis\n",
    "timetable.yaml": b"extends: configs/today.yaml\nservices: {rail: {timetable: gone}}\n",
    "far.yaml": (
        b"extends: configs/trials/shuttle.yaml\nservices: {shuttle: {stops: [{lon: 0, lat: 0}, {lon: 1, lat: 0}]}}\n"
    ),
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "gone.yaml"],
        ["run", "long" * 100],
        ["run", "."],
        *(["run", name] for name in BROKEN),
        ["run", "configs/today.yaml", "--set", "services.scooter.fleet"],
        ["run", "configs/today.yaml", "--set", "services.car.factor=fast"],
        ["run", "configs/today.yaml", "--seed", "-1"],
        ["run", "configs/today.yaml", "--seed", "one"],
        ["run", "configs/today.yaml", "--seeds", "5-1"],
        ["run", "configs/today.yaml", "--seeds", "1-99999999"],
        ["run", "configs/today.yaml", "--seeds", "1,,2"],
        ["run", "configs/today.yaml", "--seeds", "1-2", "--seed", "1"],
        ["run", "configs/today.yaml", "--seeds", "1-2", "--follow", "1"],
        ["run", "configs/today.yaml", "--workers", "0"],
        ["run", "configs/today.yaml", "--out", "slip.yaml"],
        ["run", "configs/today.yaml", "--nonsense"],
        ["rnu", "configs/today.yaml"],
    ],
    ids=" ".join,
)
def test_bad_input_ends_with_code_2_and_words_and_leaves_nothing(tmp_path: Path, arguments: list[str]) -> None:
    for name, raw in BROKEN.items():
        (tmp_path / name).write_bytes(raw)
    found = kera(*arguments, cwd=tmp_path)
    assert found.returncode == 2, found.stderr
    assert found.stderr.strip()
    assert "Traceback" not in found.stderr + found.stdout
    assert {path.name for path in tmp_path.iterdir()} == set(BROKEN)


def test_a_fault_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "slip.yaml").write_bytes(BROKEN["slip.yaml"])
    found = kera("run", "slip.yaml", cwd=tmp_path)
    assert found.stderr == "ConfigError: slip.yaml:2: twon: unknown key (did you mean 'town'?)\n"


def test_something_else_in_the_place_of_a_result_is_not_replaced(tmp_path: Path) -> None:
    place = tmp_path / "results" / "today" / "seed-0001"
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("mine", encoding="utf-8")
    found = kera("run", "configs/today.yaml", cwd=tmp_path)
    assert found.returncode == 2
    assert "thesis.txt" in found.stderr
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


SMALL = [f"--set=town.people.{what}" for what in ("residents=40", "jobs=20", "neighbours_within_m=0")]
"""Few people, to be quick."""


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return a folder with two seeds of a few people's day, and what `kera run --json` said."""
    folder = tmp_path_factory.mktemp("small")
    found = kera("run", "configs/today.yaml", "--seeds", "1-2", "--json", *SMALL, cwd=folder)
    assert found.returncode == 0, found.stderr
    return folder, json.loads(found.stdout)


def test_a_run_leaves_whole_folders_and_says_where(small_run: tuple[Path, dict[str, Any]]) -> None:
    folder, said = small_run
    assert said["scenario"] == "today"
    assert [run["folder"] for run in said["runs"]] == ["results/today/seed-0001", "results/today/seed-0002"]
    for run in said["runs"]:
        kept = json.loads((folder / run["folder"] / "run.json").read_text(encoding="utf-8"))
        assert (kept["seed"], kept["fingerprint"]) == (run["seed"], run["fingerprint"])
        assert json.loads((folder / run["folder"] / "kpis.json").read_text(encoding="utf-8")) == run["kpis"]
    assert sorted(path.name for path in (folder / "results" / "today").iterdir()) == ["seed-0001", "seed-0002"]


def test_a_run_is_shown_in_three_lines_and_a_folder_of_runs_gives_report_and_explanation(
    small_run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, said = small_run
    run = km.load(folder / "results" / "today" / "seed-0002")
    first, second, third = repr(run).splitlines()
    assert first.startswith("Run of today, seed 2, day 0: ")
    assert run.fingerprint[:12] == said["runs"][1]["fingerprint"][:12]
    assert run.fingerprint[:12] in second
    assert ".trips and .legs are pandas frames" in third
    assert km.report([folder / "results" / "today"], tmp_path / "today.html").stat().st_size > 100_000
    assert not km.explain(folder / "results" / "today").disagreements


def test_a_run_from_its_own_resolved_scenario_is_the_same_run(small_run: tuple[Path, dict[str, Any]]) -> None:
    folder, said = small_run
    found = kera("run", "results/today/seed-0001/scenario.yaml", "--json", "--out", "again", cwd=folder)
    assert found.returncode == 0, found.stderr
    (run,) = json.loads(found.stdout)["runs"]
    assert run["folder"] == "again/today/seed-0001"
    assert run["fingerprint"] == said["runs"][0]["fingerprint"]


def test_workers_change_nothing_but_the_time(small_run: tuple[Path, dict[str, Any]]) -> None:
    folder, said = small_run
    found = kera(
        "run", "configs/today.yaml", "--seeds", "1-2", "--workers", "2", "--json", "--out", "aside", *SMALL, cwd=folder
    )
    assert found.returncode == 0, found.stderr
    prints = [run["fingerprint"] for run in json.loads(found.stdout)["runs"]]
    assert prints == [run["fingerprint"] for run in said["runs"]]


def test_a_table_names_unit_and_population_and_a_second_run_replaces_the_first(
    small_run: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = small_run
    found = kera("run", "configs/today.yaml", "--set", "title=A few people", *SMALL, cwd=folder)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("A few people")
    lines = found.stdout.splitlines()
    assert len(lines) <= 15
    assert max(map(len, lines)) <= 80
    shown = {line.split()[0]: line.split()[2:] for line in lines[1:-1]}
    assert shown["sustainable_share"] == ["%", "residents"]
    assert shown["door_to_door_s.mean"][-2:] == ["min", "residents"]
    everything = kera("run", "configs/today.yaml", "--all", "--set", "title=A few people", *SMALL, cwd=folder)
    line = next(line for line in everything.stdout.splitlines() if line.startswith("trips_per_person "))
    assert line.split()[2:] == ["trips/person", "residents"]
    timetable, written = found.stderr.splitlines()
    assert timetable.startswith("rail: timetable today of ")
    assert written == "Written to results/today/seed-0001 (replaces an earlier run)"


def test_an_interrupted_experiment_keeps_whole_runs_only_and_says_so(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*KERA, "run", "configs/today.yaml", "--seeds", "1-1000", *SMALL],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    folder = tmp_path / "results" / "today"
    give_up_s = time.monotonic() + START_S
    while not (folder / "seed-0001").exists() and time.monotonic() < give_up_s and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=START_S)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "kept in results/today" in err
    for run in folder.iterdir():
        assert run.name.startswith("seed-")
        assert (run / "run.json").is_file()
