"""Replications: one scenario, many runs, side by side, with what we do not know drawn anew for each.

`km.experiment(...)` does them, `km.load(folder)` reads one again, `km.columns(table)` says what its columns mean.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from kera_mobility.experiment.batch import MOST_RUNS, Experiment, experiment, load
from kera_mobility.experiment.columns import columns
from kera_mobility.experiment.inputs import UNCERTAIN
from kera_mobility.experiment.jobs import Written, run_folder

__all__ = ["MOST_RUNS", "UNCERTAIN", "Experiment", "Written", "columns", "experiment", "load", "run_folder"]


class _Callable(ModuleType):
    """A module that can be called: Python binds `kera_mobility.experiment` to this module once it is imported, and
    `km.experiment(...)` must stay the function that it was before."""

    def __call__(self, *arguments: Any, **options: Any) -> Experiment:
        return experiment(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
