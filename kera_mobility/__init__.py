"""Kera Mobility: a simulator for trials of mobility services.

import kera_mobility as km

run = km.simulate("configs/finished.yaml", seed=1)
run.trips  # a pandas frame, a row for each trip; km.columns("trips") says what its columns mean

batch = km.experiment("configs/trials/scooters.yaml", seeds=range(1, 6))
batch.frame  # a pandas frame, a row for each run and KPI
km.compare("results/finished", "results/scooters").differences  # rows with 95 % intervals

`kera run` is `simulate` (one day) or `experiment` (many) here; `ask`, `compare`, `explain`, `report`, `plot`, `check`,
`calibrate`, `realism`, `schema` and `verify` have the names of their commands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kera_mobility.experiments.batch import Experiment, experiment, load
    from kera_mobility.experiments.calibration import calibrate
    from kera_mobility.experiments.elasticities import realism
    from kera_mobility.experiments.question import ask
    from kera_mobility.experiments.regression import check
    from kera_mobility.experiments.verification import verify
    from kera_mobility.results.compare import compare
    from kera_mobility.results.events import columns
    from kera_mobility.results.explain import explain
    from kera_mobility.results.plots import plot
    from kera_mobility.results.report import write_report as report
    from kera_mobility.simulation.run import Run, simulate, simulate_days
    from kera_mobility.simulation.scenario import Scenario, load_scenario, schema

__all__ = [
    "Experiment", "Run", "Scenario", "ask", "calibrate", "check", "columns", "compare", "experiment", "explain", "load",
    "load_scenario", "plot", "realism", "report", "schema", "simulate", "simulate_days",
    "verify",
]  # fmt: skip

_HOMES = {
    "Experiment": "experiments.batch", "Run": "simulation.run", "Scenario": "simulation.scenario",
    "ask": "experiments.question", "calibrate": "experiments.calibration", "check": "experiments.regression",
    "columns": "results.events", "compare": "results.compare", "experiment": "experiments.batch",
    "explain": "results.explain", "load": "experiments.batch", "load_scenario": "simulation.scenario",
    "plot": "results.plots", "realism": "experiments.elasticities", "report": "results.report",
    "schema": "simulation.scenario", "simulate": "simulation.run", "simulate_days": "simulation.run",
    "verify": "experiments.verification",
}  # fmt: skip
_NAMES_AT_HOME = {"report": "write_report"}


def __getattr__(name: str) -> Any:
    # Names are looked up when first used, so that the command line starts without numpy.
    if name in _HOMES:
        at_home = getattr(import_module(f"kera_mobility.{_HOMES[name]}"), _NAMES_AT_HOME.get(name, name))
        return globals().setdefault(name, at_home if isinstance(at_home, type) else _with_own_errors(name, at_home))
    raise AttributeError(f"module 'kera_mobility' has no attribute '{name}'")


def _with_own_errors(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that raises a `KeraError` for whatever a user can mend, also for an error of the system."""
    from kera_mobility.errors import KeraError, in_words

    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except KeraError:
            raise
        except (OSError, MemoryError) as error:
            raise in_words(error) or error from error

    wrapped.__module__, wrapped.__name__, wrapped.__qualname__ = __name__, name, name  # where other processes find it
    return wrapped


def __dir__() -> list[str]:
    return sorted(__all__)
