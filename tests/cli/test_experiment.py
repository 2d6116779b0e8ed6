"""Many runs: what is finished is kept and not done again, whatever dies; draws of inputs are paired and in range."""

from __future__ import annotations

import errno
import gc
import json
import math
import multiprocessing
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kera_mobility as km
from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import ConfigError, MissingExtraError, ResultError
from kera_mobility.experiments.batch import experiment, load
from kera_mobility.experiments.executors import MOST_TRIES, ONE_THREAD, Cluster, Processes, _one_thread_each
from kera_mobility.experiments.jobs import Job, Written, run_folder
from kera_mobility.experiments.stopping import LEAST, Until
from kera_mobility.experiments.uncertainty import UncertainInput, draw, load_uncertain, with_inputs
from kera_mobility.files import sweep
from kera_mobility.locks import working_folder
from kera_mobility.results import store
from kera_mobility.results.events import DERIVED, KINDS, columns, describe
from kera_mobility.results.kpis import Kpi
from kera_mobility.simulation.scenario import Scenario, load_scenario
from tests.kit.manifests import forged

ROOT = Path(__file__).parents[2]
KERA = [sys.executable, "-m", "kera_mobility"]
FEW = ("town.people.residents=40", "town.people.jobs=20", "town.people.neighbours_within_m=0")
SMALL = [f"--set={one}" for one in FEW]
"""Few people, to be quick."""
OBJECTS_OF_A_DAY = 5_000
"""What the collector had not met after one day of so few people with scooters: 5,200 objects."""
WAIT_S = 60.0
"""How long a test waits for something that takes a second or two on an idle machine."""


def few(path: str = "configs/today.yaml", *more: str) -> Scenario:
    return load_scenario(path, [*FEW, *more])


def kera(*arguments: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*KERA, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, **more)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def prints(runs: tuple[Written, ...]) -> list[str]:
    return [run.fingerprint for run in runs]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> km.Experiment:
    """Return three seeds of a few people's day, done one after the other; tests that spoil it take a copy."""
    return experiment(few(), [1, 2, 3], tmp_path_factory.mktemp("batch"))


@pytest.fixture
def copy(batch: km.Experiment, tmp_path: Path) -> Path:
    """Return a copy of the batch's folder that a test may spoil; its results folder is the one above."""
    return Path(shutil.copytree(batch.folder, tmp_path / "results" / "today"))


# What a batch gives


def test_a_batch_is_a_folder_for_each_seed_and_a_frame_with_a_row_for_each_kpi(batch: km.Experiment) -> None:
    assert names(batch.folder) == ["seed-0001", "seed-0002", "seed-0003"]
    assert list(batch.frame.columns) == ["seed", "day", "draw", "id", "value", "unit", "population"]
    shares = batch.frame[batch.frame["id"] == "sustainable_share"]
    assert list(shares["seed"]) == [1, 2, 3]
    assert list(shares["value"]) == [
        kpi.value for run in batch.runs for kpi in run.kpis if kpi.id == shares["id"].iloc[0]
    ]
    assert shares["draw"].isna().all()


def test_the_front_door_stays_a_function_once_it_has_been_used(tmp_path: Path) -> None:
    for _ in range(2):
        assert km.experiment(few(), [1], tmp_path).runs[0].seed == 1


def test_a_result_is_loaded_as_the_run_that_it_was(batch: km.Experiment) -> None:
    run = km.load(batch.folder / "seed-0002")
    assert isinstance(run, km.Run)
    assert run.fingerprint == batch.runs[1].fingerprint
    assert isinstance(run.trips, pd.DataFrame)
    assert list(run.trips.columns) == list(km.columns("trips"))
    with pytest.raises(ResultError, match="holds 3 results, expected one of them"):
        load(batch.folder)


def test_every_column_of_every_table_is_described(tmp_path: Path) -> None:
    record = experiment(few("configs/trials/scooters.yaml"), [1], tmp_path).runs[0].folder
    run = load(record).record
    for table, described in describe().items():
        fields = [field for field in run.table(table).schema if not field.name.startswith("registered.")]
        assert [(field.name, str(field.type)) for field in fields] == [row[:2] for row in described], table
        assert list(columns(table)) == [row[0] for row in described] + list(DERIVED.get(table, ()))
        assert all(row[3] for row in described), table
    assert set(describe()) == {*KINDS, "people", "vehicles", "places"}
    with pytest.raises(ResultError, match="did you mean 'trips'"):
        columns("trip")


# The same, wherever it is done


def test_workers_in_another_checkout_with_another_hash_seed_give_the_same(batch: km.Experiment, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "a checkout", tmp_path / "work"
    package = Path(km.__file__).parent
    shutil.copytree(package, home / "kera_mobility", ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    for name in ("configs", "networks"):
        (home / name).symlink_to(shipped_folder(name), target_is_directory=True)
    elsewhere.mkdir()
    there = {**os.environ, "PYTHONPATH": str(home), "PYTHONHASHSEED": "4711"}
    found = kera(
        "run", "configs/today.yaml", "--seeds", "1-3", "--workers", "3", "--json", *SMALL, cwd=elsewhere, env=there
    )
    assert found.returncode == 0, found.stderr
    assert [run["fingerprint"] for run in json.loads(found.stdout)["runs"]] == prints(batch.runs)


def test_each_worker_has_one_thread_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with _one_thread_each():
        assert {os.environ[name] for name in ONE_THREAD} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def objects_alive() -> int:
    """Return how many objects the collector watches in a worker."""
    return len(gc.get_objects())


def test_a_worker_keeps_no_more_after_many_runs_than_after_a_few(tmp_path: Path) -> None:
    scenario = few("configs/trials/scooters.yaml")
    counts = []
    with closing(Processes(1)) as executor:
        for seeds in (range(1, 4), range(4, 21)):
            jobs = [Job(scenario, seed, 0, run_folder(tmp_path, "scooters", seed)) for seed in seeds]
            assert len(list(executor.perform(jobs))) == len(seeds)
            (worker,) = executor._idle
            counts.append(worker.schedule(objects_alive).result())
    assert counts[1] - counts[0] < OBJECTS_OF_A_DAY, counts


def test_a_cluster_does_the_same_and_outlives_a_dead_worker(
    batch: km.Experiment, tmp_path: Path, require: Callable[..., Any]
) -> None:
    distributed = require("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        workers = [worker.process.process.pid for worker in cluster.workers.values()]

        def kill(one: Written) -> None:
            if len(workers) == 2:
                os.kill(workers.pop(), signal.SIGKILL)

        runs = experiment(
            few(), [1, 2, 3], tmp_path, cluster=cluster.scheduler_address, written=kill, again=True
        ).runs  # fmt: skip
    assert prints(runs) == prints(batch.runs)


def test_a_cluster_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match="extra `cluster`"):
        Cluster("tcp://nowhere:8786")


# What dies, and what is kept


def test_a_killed_worker_loses_one_run_which_is_tried_again(batch: km.Experiment, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(one: Written) -> None:
        if not killed:
            killed.append(next(child.pid for child in multiprocessing.active_children() if child.pid))
            os.kill(killed[0], signal.SIGKILL)

    found = experiment(few(), [1, 2, 3, 4, 5], tmp_path, workers=2, written=kill_one)
    assert killed
    assert [run.seed for run in found.runs] == [1, 2, 3, 4, 5]
    assert prints(found.runs[:3]) == prints(batch.runs)
    assert names(found.folder) == [f"seed-000{seed}" for seed in range(1, 6)]
    assert not multiprocessing.active_children()


@pytest.fixture
def killer() -> Iterator[list[int]]:
    """Kill every process of ours as soon as it lives, until the test ends; return those that died."""
    dead: list[int] = []
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.05):
            for child in multiprocessing.active_children():
                if child.pid and child.pid not in dead:
                    dead.append(child.pid)
                    os.kill(child.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    yield dead
    stop.set()
    thread.join()


def test_a_run_whose_workers_always_die_is_given_up_and_named(tmp_path: Path, killer: list[int]) -> None:
    with pytest.raises(ResultError, match=r"2 of 2 runs were given up: seed \d: its worker died 3 times \(killed"):
        experiment(few(), [1, 2], tmp_path, workers=2)
    assert len(killer) == 2 * MOST_TRIES
    assert not (tmp_path / "today").exists() or names(tmp_path / "today") == []


def test_a_fault_in_a_worker_stops_the_batch_with_its_own_words(tmp_path: Path) -> None:
    broken = few("configs/today.yaml", "services.rail.timetable=gone")
    with pytest.raises(ConfigError, match=r"services\.rail\.timetable: got 'gone', expected one of"):
        experiment(broken, [1, 2], tmp_path, workers=2)


def test_ctrl_c_keeps_whole_runs_says_what_to_do_and_the_same_command_goes_on(tmp_path: Path) -> None:
    command = [*KERA, "run", "configs/today.yaml", "--workers", "2", *SMALL, "--seeds"]
    process = subprocess.Popen(
        [*command, "1-1000"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    folder = tmp_path / "results" / "today"
    give_up_s = time.monotonic() + WAIT_S
    while not any(folder.glob("seed-000[123]")) and time.monotonic() < give_up_s and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "nothing half-written is. The same command goes on from there." in err
    assert all(name.startswith("seed-") for name in names(folder)), names(folder)
    kept = {name: load(folder / name).fingerprint for name in names(folder)}
    one = min(kept)  # two workers: the second seed may be finished before the first
    written_s = (folder / one / "run.json").stat().st_mtime

    again = kera(*command[3:], "1-3", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "finished before, from equal input, and not run again" in again.stderr
    assert (folder / one / "run.json").stat().st_mtime == written_s
    assert {name: load(folder / name).fingerprint for name in kept} == kept


def test_a_disk_without_room_is_told_in_one_line_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    assert kera("run", "configs/today.yaml", "--out", "warm", *SMALL, cwd=tmp_path).returncode == 0  # fills the cache
    for workers in ("1", "2"):
        found = kera(
            "run", "configs/today.yaml", "--seeds", "1-2", "--workers", workers, *SMALL,
            cwd=tmp_path, preexec_fn=little_room,
        )  # fmt: skip
        assert found.returncode == 2
        (line,) = found.stderr.splitlines()
        assert line.endswith("cannot write here: file too large")
        assert names(tmp_path) == ["warm"]


def test_a_full_disk_half_way_keeps_what_was_finished_and_the_batch_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: km.Experiment
) -> None:
    with monkeypatch.context() as full:
        done: list[Written] = []

        def no_room(*_: Any) -> None:
            if done:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(*_)

        real = store._write_arrays
        full.setattr(store, "_write_arrays", no_room)
        with pytest.raises(ResultError, match="No space left on device; make room"):
            experiment(few(), [1, 2, 3], tmp_path, written=done.append)
    assert names(tmp_path / "today") == ["seed-0001"]
    later = experiment(few(), [1, 2, 3], tmp_path)
    assert [run.at_hand for run in later.runs] == [True, False, False]
    assert prints(later.runs) == prints(batch.runs)


def test_what_a_dead_process_left_is_swept_and_what_it_had_set_aside_is_put_back(copy: Path) -> None:
    with working_folder(copy, ".seed-0009.") as alive:
        for seed in (1, 2):
            with working_folder(copy, f".seed-000{seed}.") as dead:
                shutil.copytree(dead, copy / f"{dead.name.removesuffix('.partial')}.dead.partial")
        (copy / "seed-0002").rename(next(copy.glob(".seed-0002.*.partial")) / ".old")
        for seed in (1, 2, 9):
            sweep(copy / f"seed-000{seed}")
        assert names(copy) == [alive.name, "seed-0001", "seed-0002", "seed-0003"]


# What is finished, and what only looks like it


def test_what_is_finished_is_not_run_again_unless_asked(copy: Path, batch: km.Experiment) -> None:
    found = experiment(few(), [1, 2, 3, 4], copy.parent)
    assert [run.at_hand for run in found.runs] == [True, True, True, False]
    assert prints(found.runs[:3]) == prints(batch.runs)
    for read, made in zip(found.runs, batch.runs, strict=False):
        assert [kpi.id for kpi in read.kpis] == [kpi.id for kpi in made.kpis]
        assert [kpi.value for kpi in read.kpis] == pytest.approx([kpi.value for kpi in made.kpis], rel=0, nan_ok=True)
    again = experiment(few(), [1], copy.parent, again=True)
    assert [(run.at_hand, run.replaced) for run in again.runs] == [(False, True)]


@pytest.mark.parametrize(
    ("part", "key"),
    [("input_hashes", "scenario"), ("input_hashes", "code"), ("input_files", "area/cells.csv")],
)
def test_other_input_or_other_code_is_another_run(copy: Path, part: str, key: str) -> None:
    change(copy / "seed-0001" / "run.json", lambda meta: meta[part].update({key: "0" * 64}))
    found = experiment(few(), [1, 2], copy.parent)
    assert [run.at_hand for run in found.runs] == [False, True]


def test_another_scenario_of_the_same_name_is_another_run(copy: Path) -> None:
    found = experiment(few("configs/today.yaml", "choice.wait_weight=1.6"), [1], copy.parent)
    assert [(run.at_hand, run.replaced) for run in found.runs] == [(False, True)]


@pytest.mark.parametrize("torn", ["people.parquet", "kpis.json", "events/trips.parquet", "scenario.yaml"])
def test_a_torn_result_is_not_taken_for_whole_and_is_run_again(copy: Path, torn: str) -> None:
    file = copy / "seed-0001" / torn
    file.write_bytes(file.read_bytes()[:40] if torn != "scenario.yaml" else b"\xff\xfe")
    told: list[str] = []
    found = experiment(few(), [1, 2], copy.parent, note=told.append)
    assert [run.at_hand for run in found.runs] == [False, True]
    assert len(told) == 1
    assert told[0].startswith("seed 1 is run again: ")
    assert torn.rpartition("/")[2] in told[0]
    assert load(copy / "seed-0001").fingerprint == found.runs[0].fingerprint


def test_a_row_that_rotted_is_noticed_by_the_fingerprint(copy: Path) -> None:
    shutil.copy(copy / "seed-0002" / "events" / "trips.parquet", copy / "seed-0001" / "events")
    told: list[str] = []
    forged(copy / "seed-0001")
    assert not experiment(few(), [1], copy.parent, note=told.append).runs[0].at_hand
    assert "the tables do not have the fingerprint" in told[0]


def test_a_folder_whose_run_json_is_torn_is_refused_in_one_line(copy: Path) -> None:
    (copy / "seed-0002" / "run.json").write_text('{"seed": 2', encoding="utf-8")
    before = (copy / "seed-0001" / "run.json").read_bytes()
    found = kera("run", "configs/today.yaml", "--seeds", "1-2", *SMALL, cwd=copy.parents[1])
    assert found.returncode == 2
    (line,) = found.stderr.splitlines()
    assert line.startswith("ResultError: results/today/seed-0002: ")
    assert line.endswith("move it away or choose another --out")
    assert (copy / "seed-0001" / "run.json").read_bytes() == before
    with pytest.raises(ResultError, match="the result is torn"):
        load(copy / "seed-0002")


def test_a_result_of_an_older_schema_is_refused_in_one_line_and_run_again_in_a_batch(copy: Path) -> None:
    change(copy / "seed-0001" / "run.json", lambda meta: meta.update(schema_version=0))
    with pytest.raises(ResultError, match=r"schema_version is 0, this version reads \d+$"):
        load(copy / "seed-0001")
    told: list[str] = []
    found = experiment(few(), [1], copy.parent, note=told.append)
    assert [(run.at_hand, run.replaced) for run in found.runs] == [(False, True)]
    assert "schema_version is 0" in told[0]


def change(file: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    how(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    forged(file.parent)


# What we do not know


def test_every_draw_is_in_its_range_and_their_mean_is_that_of_the_triangle() -> None:
    inputs = load_uncertain()
    draws = [draw(inputs, number) for number in range(1, 2001)]
    for name, one in inputs.items():
        found = [each[name] for each in draws]
        assert one.low <= min(found) < max(found) <= one.high, name
        width = one.high - one.low
        assert math.fsum(found) / len(found) == pytest.approx((one.low + one.peak + one.high) / 3, abs=width / 40)


def test_a_uniform_draw_makes_the_ends_as_likely_as_the_middle() -> None:
    one = UncertainInput(key="year", value=0.5, low=0.0, high=1.0, shape="uniform", source="assumption")
    found = [draw({"one": one}, number)["one"] for number in range(2000)]
    assert sum(value < 0.1 for value in found) == pytest.approx(200, abs=50)


def test_draws_do_not_depend_on_what_else_is_drawn() -> None:
    inputs = load_uncertain()
    alone = draw({"attendance": inputs["attendance"]}, 7)
    assert alone["attendance"] == draw(inputs, 7)["attendance"]
    assert draw(inputs, 7) != draw(inputs, 8)


def test_both_sides_of_a_comparison_get_the_same_draws(tmp_path: Path) -> None:
    without = experiment(few("configs/finished.yaml"), [1, 2], tmp_path, inputs=3)
    having = experiment(few("configs/trials/scooters.yaml"), [2, 1], tmp_path, inputs=2)
    assert names(without.folder) == ["seed-0001-draw-0001", "seed-0001-draw-0003", "seed-0002-draw-0002"]
    for a, b in zip(without.runs, having.runs, strict=False):
        assert a.draw == b.draw
        assert a.inputs
        assert a.inputs == {key: b.inputs[key] for key in a.inputs}
        assert any(key.startswith("services.scooter.") for key in b.inputs)
    meta = json.loads((without.folder / "seed-0002-draw-0002" / "run.json").read_text(encoding="utf-8"))
    assert (meta["seed"], meta["input_draw"], meta["inputs"]) == (2, 2, without.runs[1].inputs)
    resolved = load_scenario(without.folder / "seed-0002-draw-0002" / "scenario.yaml")
    assert resolved.town.people.attendance == meta["inputs"]["town.people.attendance"]


def test_a_batch_of_draws_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = experiment(few(), [1], tmp_path, inputs=2)
    more = experiment(few(), [1], tmp_path, inputs=3)
    assert [run.at_hand for run in more.runs] == [True, True, False]
    assert prints(more.runs[:2]) == prints(first.runs)


def test_inputs_without_a_place_and_those_the_scenario_has_decided_are_left_and_said(tmp_path: Path) -> None:
    told: list[str] = []
    decided = few("configs/finished.yaml", "town.people.attendance=0.65")
    found = experiment(decided, [1], tmp_path, inputs=1, note=told.append)
    assert "town.people.attendance" not in found.runs[0].inputs
    assert not [key for key in found.runs[0].inputs if key.startswith("services.scooter.")]
    assert told[0].endswith("no calibration target accepts or rejects them.")
    assert told[1].startswith("Without a place in 'finished', so not drawn: scooter_registered, ")
    assert told[2] == "Not drawn, the scenario has a value other than the best guess: attendance."


def test_joint_draws_are_rejected_until_one_is_accepted() -> None:
    inputs = {name: load_uncertain()[name] for name in ("attendance", "bicycle_speed")}
    found = draw(inputs, 1, lambda drawn: drawn["attendance"] > 0.77)
    assert found["attendance"] > 0.77
    with pytest.raises(ConfigError, match="none of 1000 joint draws was accepted"):
        draw(inputs, 1, lambda drawn: False)


def test_a_relative_input_keeps_what_the_scenarios_differ_in() -> None:
    louder, softer = (few("configs/trials/scooters.yaml", f"choice.constants.scooter={c}") for c in (-2.0, -3.0))
    inputs = {"scooter_constant": load_uncertain()["scooter_constant"]}
    a, b = (with_inputs(one, inputs, 4).inputs["choice.constants.scooter"] for one in (louder, softer))
    assert a - b == pytest.approx(1.0, abs=1e-4)


def test_the_shipped_inputs_have_a_place_and_the_best_guess_in_the_shipped_trials() -> None:
    inputs = load_uncertain()
    shipped = ("finished", "trials/all", "trials/city_bikes", "trials/scooters", "trials/shuttle")
    draws = {name: with_inputs(load_scenario(f"configs/{name}.yaml"), inputs, 1) for name in shipped}
    assert {name: drawn.decided for name, drawn in draws.items()} == dict.fromkeys(shipped, ())
    of_bikes = {name for name in inputs if name.startswith("city_bike")}
    assert set(draws["trials/all"].absent) == of_bikes, "all that is not of a service that the trial has not"
    assert of_bikes.isdisjoint(draws["trials/city_bikes"].absent)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inputs: {a: {key: year, low: 2, high: 1, value: 1, source: x}}", "expected low <= best guess <= high"),
        ("inputs: {a: {key: year, low: 1, high: 2, source: x}}", "expected a best guess"),
        ("inputs: {a: {key: year, low: 1, high: 2, value: 1}}", "source"),
        ("inputs: {a: {key: year, low: 1, high: 2, value: 1, source: x, mean: 1}}", "unknown key"),
    ],
)
def test_a_file_of_inputs_that_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as caught:
        load_uncertain(tmp_path / "mine.yaml")
    assert "mine.yaml:1: " in str(caught.value)


def test_a_draw_that_the_scenario_cannot_hold_names_the_draw_and_the_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "inputs: {a: {key: town.people.attendance, value: 0.7, low: 0.7, high: 9, source: x}}", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"draw 1: town.people.attendance: .*less than or equal to 1"):
        experiment(few(), [1], tmp_path, inputs=1, uncertain=tmp_path / "mine.yaml")


# Until it is narrow enough


def runs_of(*values: float) -> list[Written]:
    return [
        Written(seed, Path(), False, "", (Kpi("share", value, "share of trips", "residents", ""),))
        for seed, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sustainable_share 0.3pp", Until("sustainable_share", 0.003)),
        ("scooter.rides 2%", Until("scooter.rides", 0.02, relative=True)),
        ("door_to_door_s.mean  5 ", Until("door_to_door_s.mean", 5.0)),
    ],
)
def test_a_width_is_read_in_points_percent_or_the_own_unit(text: str, expected: Until) -> None:
    found = Until.of(text)
    assert (found.kpi, found.relative) == (expected.kpi, expected.relative)
    assert found.width == pytest.approx(expected.width)


@pytest.mark.parametrize("text", ["", "share", "share 0", "share -1", "0.3pp", "share 1pp 2", "share 1.2.3"])
def test_a_width_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a KPI and a width"):
        Until.of(text)


def half_width(*values: float) -> float:
    return Until("share", 1.0).progress(runs_of(*values)).half_width


def test_the_half_width_is_that_of_the_t_interval() -> None:
    # Student's t with 3 degrees of freedom has its 97.5 % point at 3.1824; the sample's deviation is 1.2910.
    assert half_width(1.0, 2.0, 3.0, 4.0) == pytest.approx(3.1824 * 1.2910 / 2.0, rel=1e-4)


def test_few_runs_are_never_enough_and_rounds_never_pass_the_most() -> None:
    until = Until("share", 0.01)
    assert not until.progress(runs_of(0.5, 0.5)).narrow
    assert until.progress(runs_of(0.5, 0.5)).runs_to_add(2, 100) == LEAST - 2
    assert until.progress(runs_of(*[0.5] * LEAST)).narrow
    wide = until.progress(runs_of(0.1, 0.9, 0.2, 0.8, 0.5))
    assert not wide.narrow
    assert wide.runs_to_add(5, 100) == 5  # at most doubled
    assert wide.runs_to_add(5, 7) == 2
    assert wide.runs_to_add(7, 7) == 0


def test_seeds_are_added_until_the_interval_is_narrow_whatever_the_workers(tmp_path: Path) -> None:
    told: list[str] = []
    found = experiment(few(), [1, 2], tmp_path / "a", until="sustainable_share 4pp", note=told.append)
    assert found.narrowness
    assert found.narrowness.narrow
    assert len(found.runs) >= LEAST
    values = [kpi.value for run in found.runs for kpi in run.kpis if kpi.id == "sustainable_share"]
    assert half_width(*values) <= 0.04
    assert told[-1].endswith("narrow enough.")
    beside = experiment(few(), [1, 2], tmp_path / "b", until="sustainable_share 4pp", workers=2)
    assert [run.seed for run in beside.runs] == [run.seed for run in found.runs] == list(range(1, len(found.runs) + 1))


def test_it_stops_at_the_most_runs_and_says_so(tmp_path: Path) -> None:
    found = kera(
        "run", "configs/today.yaml", "--seeds", "1-2", "--until", "sustainable_share 0.001pp", "--most-seeds", "6",
        *SMALL, cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "after 6 runs; ±1e-05 was asked for: stopped at the most runs, 6." in found.stderr
    assert len(names(tmp_path / "results" / "today")) == 6


def test_an_unknown_kpi_is_told_after_the_first_run_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no KPI 'sustainable_shar' in these runs \(did you mean 'sust"):
        experiment(few(), [1, 2, 3], tmp_path, until="sustainable_shar 1pp")
    assert names(tmp_path / "today") == ["seed-0001"]


# The command and the example


def test_folders_are_named_by_seed_day_and_draw() -> None:
    assert run_folder("out", "x", 1) == Path("out/x/seed-0001")
    assert run_folder("out", "x", 1, 2, 3) == Path("out/x/seed-0001-day-0002-draw-0003")


def test_the_command_draws_inputs_and_says_what_it_draws(tmp_path: Path) -> None:
    found = kera("run", "configs/today.yaml", "--inputs", "2", "--json", *SMALL, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    runs = json.loads(found.stdout)["runs"]
    assert [(run["seed"], run["input_draw"]) for run in runs] == [(1, 1), (1, 2)]
    assert 0.6 <= runs[0]["inputs"]["town.people.attendance"] <= 0.8
    said = found.stderr.splitlines()
    told = next(line for line in said if line.startswith("2 draws of "))
    assert "independent" not in told


def test_the_command_keeps_every_draw_if_told_so(tmp_path: Path) -> None:
    found = kera("run", "configs/today.yaml", "--inputs", "1", "--independent", "--json", *SMALL, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "independent of each other" in found.stderr.splitlines()[0]
    assert "draw accepted" not in found.stderr


def test_the_example_study_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ROOT / "examples" / "study.py"
    if not study.is_file():
        pytest.skip("the examples are not here: an installed package without its checkout")
    assert 'if __name__ == "__main__":' in study.read_text(encoding="utf-8")
    main = runpy.run_path(str(study), run_name="study")["main"]
    people = [*FEW, *main.__globals__["MORE"]]
    quicker = {"WORKERS": 1, "WITHOUT": few("configs/finished.yaml")}
    quicker["WITH"] = load_scenario("configs/trials/shuttle.yaml", people)
    for name, value in quicker.items():
        monkeypatch.setitem(main.__globals__, name, value)
    main(tmp_path)
    assert names(tmp_path / "inputs" / "shuttle") == [f"seed-0001-draw-000{number}" for number in (1, 2, 3)]
