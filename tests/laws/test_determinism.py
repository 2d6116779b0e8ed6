"""Same input, same result: twice, in another process, on another processor, in another folder, over a night."""

from __future__ import annotations

import gc
import inspect
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import kera_mobility
from kera_mobility.config.resources import shipped_folder
from kera_mobility.results.events import table_fingerprint
from kera_mobility.results.store import load_record
from kera_mobility.simulation.run import Run, simulate, simulate_days
from kera_mobility.simulation.scenario import Scenario, load_scenario
from tests.kit.fingerprints import ALONE, draws

TRIALS = "configs/trials/all.yaml"
SMALL = (
    "town.people.residents=800",
    "town.people.jobs=300",
    "town.people.neighbours_within_m=600",
    "choice.constants.scooter=1.5",
    "choice.feeder_constants.scooter=1.0",
    "choice.constants.shuttle=1.5",
    "choice.feeder_constants.shuttle=1.0",
    "services.scooter.fleet=12",
    "services.shuttle.seats=1",
)
"""A day of some 5,000 trips, with scooters and seats too few for it."""
SEED = 5
HEAVY = ("pandas", "osmnx", "geopandas", "networkx", "matplotlib", "gtfs_kit")


@cache
def small(*more: str) -> Scenario:
    return load_scenario(TRIALS, [*SMALL, *more])


@cache
def here() -> Run:
    return simulate(small(), SEED)


@cache
def days(*more: str) -> list[Run]:
    return simulate_days(small(*more), SEED, days=2)


@cache
def alone(folder: Path | None = None, **environment: str) -> list[str]:
    """Return the lines that a process of its own says about the same run."""
    found = subprocess.run(
        [sys.executable, "-c", ALONE.replace("DRAWS", inspect.getsource(draws)), TRIALS, str(SEED), *SMALL],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_the_small_day_is_worth_comparing() -> None:
    tables = here().record.tables
    refused = set(tables["refusals"]["service"].to_pylist())
    ridden = set(tables["legs"]["service"].to_pylist())
    assert {"scooter", "shuttle"} <= refused
    assert {"walk", "bicycle", "car", "car_passenger", "rail", "scooter", "shuttle"} <= ridden


def test_the_same_run_twice_in_one_process_is_the_same() -> None:
    again = simulate(small(), SEED)
    assert again.fingerprint == here().fingerprint
    assert again.record.people.to_pandas().equals(here().record.people.to_pandas())  # NaN is like itself there
    assert again.record.places.equals(here().record.places)
    assert table_fingerprint(again.record.vehicles) == table_fingerprint(here().record.vehicles)


@pytest.mark.parametrize("batch_rows", [1, 4096])
def test_how_often_the_log_is_emptied_does_not_matter(batch_rows: int) -> None:
    assert simulate(small(), SEED, batch_rows=batch_rows).fingerprint == here().fingerprint


def test_another_seed_or_another_day_is_another_day() -> None:
    others = {simulate(small(), seed, day).fingerprint for seed, day in ((SEED + 1, 0), (SEED, 1))}
    assert len(others | {here().fingerprint}) == 3


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_the_order_of_sets_and_hashes_does_not_matter(hash_seed: str) -> None:
    assert alone(PYTHONHASHSEED=hash_seed)[0] == here().fingerprint


def test_an_older_processor_gives_the_same_bits() -> None:
    processor = np._core._multiarray_umath  # type: ignore[attr-defined]
    optional = [name for name in processor.__cpu_dispatch__ if processor.__cpu_features__.get(name)]
    if not optional:
        pytest.skip("this processor has nothing that numpy could do without")
    fingerprint, _, features, _, last_bits = alone(NPY_DISABLE_CPU_FEATURES=" ".join(optional))
    assert not set(optional) & set(features.split()), "the features were not turned off"
    assert last_bits == draws()
    assert fingerprint == here().fingerprint


def test_a_checkout_elsewhere_run_from_another_folder_without_a_cache_gives_the_same(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "a checkout", tmp_path / "work"
    package = Path(kera_mobility.__file__).parent
    shutil.copytree(package, home / "kera_mobility", ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    for name in ("configs", "networks"):
        shutil.copytree(shipped_folder(name), home / name, ignore=shutil.ignore_patterns("*.graphml", "gtfs"))
    elsewhere.mkdir()
    fingerprint, file, *_ = alone(elsewhere, PYTHONPATH=str(home), KERA_CACHE="")
    assert Path(file).is_relative_to(home)
    assert fingerprint == here().fingerprint


def test_an_empty_cache_and_a_full_one_give_the_same(tmp_path: Path) -> None:
    first = alone(KERA_CACHE=str(tmp_path / "cache"))
    assert any((tmp_path / "cache").rglob("*.npy")), "nothing was kept"
    second = alone(KERA_CACHE=str(tmp_path / "cache"), PYTHONHASHSEED="1")
    assert first[0] == second[0] == here().fingerprint


def test_a_run_imports_nothing_heavy() -> None:
    modules = alone(PYTHONHASHSEED="0")[3].split()
    assert not set(HEAVY) & set(modules)


def test_two_days_in_one_go_are_two_days_with_a_result_folder_between(tmp_path: Path) -> None:
    monday, tuesday = days()
    assert monday.fingerprint == here().fingerprint
    here().save(tmp_path / "monday")
    kept = load_record(tmp_path / "monday")
    assert kept.meta["fingerprint"] == here().fingerprint
    later = simulate(small(), SEED, 1, kept.overnight)
    assert later.fingerprint == tuesday.fingerprint
    assert table_fingerprint(later.record.vehicles) == table_fingerprint(tuesday.record.vehicles)


def test_what_was_done_at_night_shows_on_the_next_day_and_not_before() -> None:
    reset, left = days(), days('services.scooter.overnight={"kind": "leave"}')
    assert left[0].fingerprint == reset[0].fingerprint
    assert left[1].fingerprint != reset[1].fingerprint
    assert scooters(left[1], "start_place") == scooters(left[0], "end_place")
    assert scooters(reset[1], "start_place") == scooters(reset[0], "start_place")


def scooters(run: Run, column: str) -> dict[int, int]:
    table = run.record.table("vehicles")
    rows = zip(table["service"].to_pylist(), table["vehicle"].to_pylist(), table[column].to_pylist(), strict=True)
    return {vehicle: place for service, vehicle, place in rows if service == "scooter"}


@pytest.mark.parametrize("was_on", [True, False])
def test_the_garbage_collector_is_left_as_it_was_found(was_on: bool) -> None:
    def fail_at_five(stage: str, part: float) -> None:
        if stage == "simulate 05:00":
            raise InterruptedError(f"stopped at {part:.0%}")

    before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        frozen = gc.get_freeze_count()
        simulate(small(), SEED)
        assert (gc.isenabled(), gc.get_freeze_count()) == (was_on, frozen)
        with pytest.raises(InterruptedError):
            simulate(small(), SEED, progress=fail_at_five)
        assert (gc.isenabled(), gc.get_freeze_count()) == (was_on, frozen)
    finally:
        (gc.enable if before else gc.disable)()
