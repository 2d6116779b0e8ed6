"""Kera Mobility: a simulator for trials of mobility services.

import kera_mobility as km

run = km.simulate("configs/finished.yaml", seed=1)
run.trips  # a pandas frame
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kera_mobility.experiment import Experiment, columns, experiment, load
    from kera_mobility.outcomes.compare import compare
    from kera_mobility.outcomes.store import load_record
    from kera_mobility.scenario import Scenario, load_scenario
    from kera_mobility.simulation import Run, simulate, simulate_days

__all__ = [
    "Experiment", "Run", "Scenario", "columns", "compare", "experiment", "load", "load_record", "load_scenario",
    "simulate", "simulate_days",
]  # fmt: skip

_HOMES = {
    "Run": "simulation", "simulate": "simulation", "simulate_days": "simulation",
    "Scenario": "scenario", "load_scenario": "scenario",
    "Experiment": "experiment", "columns": "experiment", "experiment": "experiment", "load": "experiment",
    "compare": "outcomes.compare", "load_record": "outcomes.store",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Names are looked up when first used, so that the command line starts without numpy.
    if name in _HOMES:
        return getattr(import_module(f"kera_mobility.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'kera_mobility' has no attribute '{name}'")
