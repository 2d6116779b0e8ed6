"""Kera Mobility: a simulator for trials of mobility services.

import kera_mobility as km

run = km.simulate("configs/finished.yaml", seed=1)
run.trips  # a pandas frame
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kera_mobility.experiments.batch import Experiment, experiment, load
    from kera_mobility.results.compare import compare
    from kera_mobility.results.events import columns
    from kera_mobility.results.store import load_record
    from kera_mobility.simulation.run import Run, simulate, simulate_days
    from kera_mobility.simulation.scenario import Scenario, load_scenario

__all__ = [
    "Experiment", "Run", "Scenario", "columns", "compare", "experiment", "load", "load_record", "load_scenario",
    "simulate", "simulate_days",
]  # fmt: skip

_HOMES = {
    "Run": "simulation.run", "simulate": "simulation.run", "simulate_days": "simulation.run",
    "Scenario": "simulation.scenario", "load_scenario": "simulation.scenario",
    "Experiment": "experiments.batch", "columns": "results.events", "experiment": "experiments.batch",
    "load": "experiments.batch", "compare": "results.compare", "load_record": "results.store",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Names are looked up when first used, so that the command line starts without numpy.
    if name in _HOMES:
        return getattr(import_module(f"kera_mobility.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'kera_mobility' has no attribute '{name}'")
