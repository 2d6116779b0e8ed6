"""Laws of a small district with everything on: who asked nothing is not missed, same input, same day."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.results.explain import explain
from kera_mobility.results.explain.inputs import read_run
from kera_mobility.results.promise_audit import verdict
from kera_mobility.simulation.run import Run, simulate, simulate_days
from kera_mobility.simulation.scenario import Scenario, load_scenario
from tests.kit.everything import DISTRICT, EVERYTHING
from tests.kit.fingerprints import ALONE, bystanders, draws, fingerprints, ids
from tests.kit.hamlet import rows

SEED = 3


@cache
def told(*more: str) -> Scenario:
    return load_scenario(DISTRICT, (*EVERYTHING, *more))


@cache
def base() -> Run:
    return simulate(told(), SEED)


@cache
def days() -> list[Run]:
    """Return three days of other weather, with nobody at night; nobody learns beforehand, which would take longest."""
    weather, night = "weather.days=[winter_cold, winter_frost, autumn]", "services.scooter.overnight={kind: leave}"
    return simulate_days(told(weather, night, "planning.warm_up_days=0"), SEED, days=3)


def alone(**environment: str) -> list[str]:
    """Return what a process of its own says of the same run: fingerprint, package, features, modules, draws."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE.replace("DRAWS", inspect.getsource(draws)), DISTRICT, str(SEED), *EVERYTHING],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_day_is_worth_it() -> None:
    seen: Counter[str] = Counter()
    seen.update(f"{row['service']} refused" for row in rows(base(), "refusals"))
    seen.update(f"{row['service']} ridden" for row in rows(base(), "legs"))
    seen.update(f"lap {row['end']}" for row in rows(base(), "laps"))
    seen.update(f"moved {row['cause']}" for row in rows(base(), "moves"))
    seen.update(f"said {row['reason']}" for row in rows(base(), "refusals"))
    seen.update(row["topic"] for row in rows(base(), "notices"))
    expected = {"scooter refused", "shuttle refused", "on_demand refused", "said snow", "said offline", "lap broken"}
    expected |= {
        f"{service} ridden" for service in ("walk", "bicycle", "car", "rail", "scooter", "shuttle", "on_demand")
    }
    expected |= {"closed", "streets", "offline", "heavy_snow", "withdrawn", "no_power", "late", "weather", "lap snow"}
    assert expected <= set(seen), expected - set(seen)
    assert rows(base(), "crews")


# Nobody is missed who asked nothing.


@pytest.mark.parametrize("part", [slice(None, 40), slice(40, 41)], ids=["forty", "one"])
def test_who_asked_nothing_scarce_is_not_missed_with_everything_on(part: slice) -> None:
    gone = bystanders(base(), 60)[part]
    assert gone
    less = simulate(told(), SEED, without=gone)
    assert not set(ids(less.record.tables["trips"])) & set(gone)
    assert fingerprints(less) == fingerprints(base(), gone)


def test_one_who_rode_on_demand_is_missed() -> None:
    riders = list(dict.fromkeys(row["person"] for row in rows(base(), "legs", service="on_demand")))
    less = simulate(told(), SEED, without=riders[:5])
    assert fingerprints(less)["bookings"] != fingerprints(base(), riders[:5])["bookings"]


# The same input is the same day.


def test_how_often_the_log_is_emptied_does_not_matter() -> None:
    assert simulate(told(), SEED, batch_rows=7).fingerprint == base().fingerprint


def test_hashes_and_processor_do_not_matter_with_everything_on() -> None:
    """One process with another order of hashes, a plainer processor and no cache."""
    processor = np._core._multiarray_umath  # type: ignore[attr-defined]
    optional = [name for name in processor.__cpu_dispatch__ if processor.__cpu_features__.get(name)]
    plain = {"PYTHONHASHSEED": "4711"}
    if optional:
        plain["NPY_DISABLE_CPU_FEATURES"] = " ".join(optional)
    assert alone(**plain)[0] == base().fingerprint


def test_workers_change_nothing_with_everything_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kera_mobility", "run", DISTRICT, "--out", str(tmp_path), "--seeds", "3-4",
               "--workers", "2", "--quiet", *(f"--set={one}" for one in EVERYTHING)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    found = read_run(tmp_path / "all" / "seed-0003").record
    assert found.meta["fingerprint"] == base().fingerprint
    assert found.meta["fingerprint"] != read_run(tmp_path / "all" / "seed-0004").record.meta["fingerprint"]


# What is told adds up.


def test_a_disturbed_winter_day_is_explained_and_its_promises_hold(tmp_path: Path) -> None:
    found = explain(base().save(tmp_path / "day"))
    assert not found.disagreements
    assert {one.id for one in found.sums} >= {
        "scooter.denied_requests",
        "on_demand.denied_requests",
        "shuttle.denied_requests",
        "unserved",
    }
    assert sum(found.cases.values()) > 0
    assert verdict(base().record, "on_demand").breaches == ()


# Days in a row.


def test_days_in_a_row_are_explained_one_by_one_and_together(tmp_path: Path) -> None:
    for number, run in enumerate(days()):
        run.save(tmp_path / "runs" / f"seed-0003-day-{number + 1:04d}")
    found = explain(tmp_path / "runs")
    assert len(found.runs) == 3
    assert not found.disagreements


def test_what_the_night_hands_over_is_where_and_as_the_morning_begins() -> None:
    """Left alone at night: places and charges are those of the evening, weather of the next day or not."""
    left = days()
    weathers = [run.stats["weather"]["day"] for run in left]
    assert weathers == ["winter_cold", "winter_frost", "autumn"]
    for evening, morning in pairwise(left):
        night = evening.overnight["scooter"]
        fleet = [row for row in morning.record.vehicles.to_pylist() if row["service"] == "scooter"]
        assert [row["start_place"] for row in fleet] == night["node"].tolist()
        assert [row["start_charge"] for row in fleet] == night["charge"].tolist()
    kept = [run.stats["weather"]["withdrawn"].get("scooter", 0.0) for run in left]
    assert kept[0] > 0.0 == kept[2], "the fleet that frost keeps in is out again when it is mild"
    assert rows(left[2], "moves", service="scooter", cause="ride")


def test_a_shuttle_begins_every_day_full() -> None:
    for run in days():
        shuttles = [row for row in run.record.vehicles.to_pylist() if row["service"] == "shuttle"]
        assert {row["start_charge"] for row in shuttles} == {1.0}
        assert all(0.0 <= row["end_charge"] <= 1.0 for row in shuttles)
