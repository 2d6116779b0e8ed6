"""How fast is a day? Person-trips per CPU-second beside bare SimPy, in one process, so that machines cancel out.

    python -m benchmarks [SCENARIO] [--repeats 5] [--json FILE]

F is timeouts per CPU-second of bare SimPy with 1,000 processes; runs and measurements of F take turns; medians count.
The goal is F/23 for a day of `trials/all.yaml`, from planning to the written log, with at most 6 SimPy events a trip.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import simpy

from kera_mobility.simulation.run import Run, simulate

PROCESSES = 1_000
TIMEOUTS = 200
"""Per process; long enough to measure, short enough to repeat."""
STAGES = ("plan", "simulate", "write")
"""What counts: from planning to the written log. Loading is shown beside it."""


def bare_simpy_timeouts_per_cpu_s() -> float:
    """Return F of this moment."""
    env = simpy.Environment()

    def process(step_s: float) -> Generator[simpy.Event, Any, None]:
        for _ in range(TIMEOUTS):
            yield env.timeout(step_s)

    for number in range(PROCESSES):
        env.process(process(1.0 + number / PROCESSES))
    begin_s = time.process_time()
    env.run()
    return PROCESSES * TIMEOUTS / (time.process_time() - begin_s)


def measure(scenario: str, repeats: int) -> dict[str, Any]:
    """Return the figures of a scenario, medians over the repeats."""
    simulate(scenario)  # maps the tables of shortest ways, which are computed once for a map
    reference, days = [], []
    for _ in range(repeats):
        reference.append(bare_simpy_timeouts_per_cpu_s())
        days.append(_day(scenario))
    day = {key: statistics.median(one[key] for one in days) for key in days[0]}
    f = statistics.median(reference)
    measured_s = sum(day[f"{stage}_s"] for stage in STAGES)
    per_s = day["person_trips"] / measured_s
    return {
        "scenario": scenario,
        "person_trips": int(day["person_trips"]),
        "person_trips_per_cpu_s": round(per_s),
        "F_timeouts_per_cpu_s": round(f),
        "F_over_person_trips_per_cpu_s": round(f / per_s, 1),
        "simpy_events_per_trip": round(day["simpy_events"] / day["person_trips"], 2),
        "peak_rss_mb": round(day["peak_rss_mb"]),
        "cpu_s": {stage: round(day[f"{stage}_s"], 2) for stage in ("load", *STAGES)},
        "repeats": repeats,
    }


def _day(scenario: str) -> dict[str, float]:
    run: Run = simulate(scenario)
    begin_s = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run.save(Path(folder) / "run")
    writing_s = time.process_time() - begin_s
    about = run.stats
    seconds = {f"{stage}_s": float(cpu_s) for stage, cpu_s in about["cpu_s"].items()}
    seconds["write_s"] += writing_s
    counts = {name: float(about[name]) for name in ("person_trips", "simpy_events", "peak_rss_mb")}
    return seconds | counts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast is a day?")
    parser.add_argument("scenario", nargs="?", default="configs/trials/all.yaml")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    figures = measure(arguments.scenario, arguments.repeats)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
