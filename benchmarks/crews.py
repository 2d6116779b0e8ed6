"""What do crews cost? A day without them, with tours by nearest and by PyVRP, beside bare SimPy in one process.

    python -m benchmarks.crews [SCENARIO] [--repeats 3]

For each day: CPU-seconds from planning to the log in memory, their ratio to the day without crews, and F over
person-trips per CPU-second, for which the goal with crews is 60. Then how long PyVRP takes for the tours of the day.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from benchmarks.speed import STAGES, bare_simpy_timeouts_per_cpu_s
from kera_mobility.services.scooter.policies.crew_routes import TourTasks
from kera_mobility.services.scooter.policies.crew_routes_pyvrp import PyVRP
from kera_mobility.simulation.run import simulate
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.units import IntArray

CREWS = "services.scooter.crews"
DAYS = {
    "without": (f"{CREWS}.vans=0",),
    "nearest": (f"{CREWS}.vans=1", f"{CREWS}.rebalancing.kind=forecast", f"{CREWS}.tours.kind=nearest"),
    "pyvrp": (f"{CREWS}.vans=1", f"{CREWS}.rebalancing.kind=forecast", f"{CREWS}.tours.kind=pyvrp"),
}
"""What is set for each day that is measured."""


def measure(scenario: str, repeats: int) -> dict[str, dict[str, float]]:
    """Return the figures of each day, medians over repeats in which the days take turns."""
    scenarios = {day: load_scenario(scenario, changes) for day, changes in DAYS.items()}
    for one in scenarios.values():
        simulate(one)  # learns what people expect, which is kept
    spent: dict[str, list[float]] = {day: [] for day in DAYS}
    goal: dict[str, list[float]] = {day: [] for day in DAYS}
    for _ in range(repeats):
        for day, one in scenarios.items():
            f, about = bare_simpy_timeouts_per_cpu_s(), simulate(one).stats
            cpu_s = sum(about["cpu_s"][stage] for stage in STAGES)
            spent[day].append(cpu_s)
            goal[day].append(f * cpu_s / about["person_trips"])
    alone_s = statistics.median(spent["without"])
    return {
        day: {
            "cpu_s": statistics.median(spent[day]),
            "ratio_to_without": statistics.median(spent[day]) / alone_s,
            "F_over_person_trips_per_cpu_s": statistics.median(goal[day]),
        }
        for day in DAYS
    } | {"one tour by pyvrp": _tours(scenarios["pyvrp"])}


def _tours(scenario: Scenario) -> dict[str, float]:
    with _timed() as taken_s:
        simulate(scenario)
    if not taken_s:
        return {"tours": 0}
    return {"tours": len(taken_s), "mean_ms": 1000 * statistics.mean(taken_s), "all_ms": 1000 * sum(taken_s)}


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Yield the CPU-seconds of each tour that PyVRP plans meanwhile, those without errands left out."""
    taken_s: list[float] = []
    plan = PyVRP.tour

    def tour(self: PyVRP, errands: TourTasks) -> IntArray:
        begin_s = time.process_time()
        found = plan(self, errands)
        if len(errands.pick):
            taken_s.append(time.process_time() - begin_s)
        return found

    with patch.object(PyVRP, "tour", tour):
        yield taken_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What do crews cost in computing time?")
    parser.add_argument("scenario", nargs="?", default="configs/trials/scooters.yaml")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    for day, figures in measure(arguments.scenario, arguments.repeats).items():
        print(f"{day:20} " + "  ".join(f"{name} {value:.3g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
