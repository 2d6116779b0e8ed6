"""A result folder as `kera explain` reads it: tables that an older result lacks are empty, and named."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from kera_mobility.errors import ResultError
from kera_mobility.results.explain.place_names import Gazetteer
from kera_mobility.results.reason_texts import Reasons, reasons_of, sentence_of
from kera_mobility.results.record import RunRecord
from kera_mobility.results.runs import RunFolder
from kera_mobility.results.store import require_one_scenario, result_folders

NEEDED = ("trips", "legs", "refusals")
"""Without these nothing can be explained."""


class RunReader(RunFolder):
    """A result folder with the names and reasons that explanations need."""

    def __init__(self, folder: str | Path, rerun: RunRecord | None = None) -> None:
        """Name a result folder; `rerun` is the same day simulated again, to be read instead of its tables."""
        super().__init__(folder, NEEDED)
        if rerun is not None:
            self.__dict__.update(record=rerun, meta=rerun.meta, settings_yaml=rerun.scenario_yaml, lacking=())

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """The names of places."""
        return Gazetteer.of(self.record)

    def operated(self, service: str) -> bool:
        """Return whether an operator runs a service and can deny a request; feet and own vehicles cannot."""
        return bool(self.services.get(service, {}).get("operated", True))

    @cached_property
    def reasons(self) -> Reasons:
        """The declared reasons of denied requests."""
        return reasons_of(self.record.meta)

    def meaning(self, reason: str) -> str:
        """Return what a reason means, as a sentence."""
        return sentence_of(reason, self.reasons)

    @property
    def about(self) -> str:
        """Which run it is: seed, day if it is not the first, and draw of the inputs if there is one."""
        day = f", day {self.key.day}" if self.key.day else ""
        return f"seed {self.key.seed}{day}" + ("" if self.key.draw is None else f", input draw {self.key.draw}")


def read_run(folder: Path) -> RunReader:
    """Return the run of one result folder.

    Raises
    ------
    ResultError
        If it is no result, is torn, or lacks what every explanation needs.
    """
    run = RunReader(folder)
    _ = run.record, run.kpis  # what is torn is said now
    return run


def read_runs(place: str | Path) -> Sequence[RunReader]:
    """Return every run at or below a folder; all must be of one scenario.

    Raises
    ------
    MissingFileError, ResultError
        If there is no result or a torn one, or two scenarios.
    """
    folders = result_folders(place)
    require_one_scenario(folders)
    runs = [read_run(folder) for folder in folders]
    names = sorted({run.scenario for run in runs})
    if len(names) > 1:
        raise ResultError(f"{place}: holds several scenarios ({', '.join(names)}); give the folder of one of them")
    return sorted(runs, key=lambda run: (run.key.seed, run.key.day, str(run.folder)))
