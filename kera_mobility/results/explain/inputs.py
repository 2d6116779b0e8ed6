"""A result folder as `kera explain` reads it: tables that an older result lacks are empty, and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kera_mobility.errors import ResultError
from kera_mobility.files import parse_yaml
from kera_mobility.results.events import KINDS
from kera_mobility.results.explain.place_names import Gazetteer
from kera_mobility.results.facts import Facts
from kera_mobility.results.reason_texts import Reasons, reasons_of, sentence_of
from kera_mobility.results.record import RunRecord
from kera_mobility.results.store import load_record, read_kpis, require_one_scenario, result_folders

NEEDED = ("trips", "legs", "refusals")
"""Without these nothing can be explained."""


@dataclass(frozen=True)
class RunReader:
    """One run with what is asked of it."""

    folder: Path
    record: RunRecord
    kpis: Mapping[str, float | None]
    """The KPI table of the folder, by id."""
    lacking: tuple[str, ...] = ()
    """Kinds of event that the result lacks: it is older."""
    facts: Facts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", Facts(self.record))

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """The names of places."""
        return Gazetteer.of(self.record)

    @cached_property
    def scenario(self) -> Mapping[str, Any]:
        """The resolved scenario, as plain maps."""
        try:
            settings = parse_yaml(self.record.scenario_yaml)
        except ValueError:
            settings = None
        return settings if isinstance(settings, dict) else {}

    def title(self, service: str) -> str:
        """Return the name of a service for people."""
        return str(self.record.meta["services"].get(service, {}).get("title") or service)

    def operated(self, service: str) -> bool:
        """Return whether somebody operates a service, who could say no; feet and own vehicles cannot."""
        return bool(self.record.meta["services"].get(service, {}).get("operated", True))

    @cached_property
    def reasons(self) -> Reasons:
        """The declared reasons of denied requests."""
        return reasons_of(self.record.meta)

    def meaning(self, reason: str) -> str:
        """Return what a reason means, as a sentence."""
        return sentence_of(reason, self.reasons)

    @property
    def about(self) -> str:
        """Which run it is."""
        meta = self.record.meta
        draw = meta.get("input_draw")
        day, drawn = meta.get("day", 0), "" if draw is None else f", input draw {draw}"
        return f"seed {meta['seed']}" + (f", day {day}" if day else "") + drawn


def read_run(folder: Path) -> RunReader:
    """Return the run of one result folder.

    Raises
    ------
    ResultError
        If it is no result, is torn, or lacks what every explanation needs.
    """
    lacking = tuple(kind for kind in KINDS if kind not in NEEDED and not _as_now(folder, kind))
    record = load_record(folder, lacking=lacking)
    kpis = {str(kpi["id"]): kpi["value"] for kpi in read_kpis(folder)}
    return RunReader(folder, record, kpis, lacking)


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
    names = sorted({str(run.record.meta["scenario"]) for run in runs})
    if len(names) > 1:
        raise ResultError(f"{place}: holds several scenarios ({', '.join(names)}); give the folder of one of them")
    return sorted(runs, key=lambda run: (run.record.seed, run.record.meta.get("day", 0), str(run.folder)))


def _as_now(folder: Path, kind: str) -> bool:
    """Return whether a result has a table with the columns that this version knows; a torn one is read, and fails."""
    file = folder / "events" / f"{kind}.parquet"
    if not file.is_file():
        return False
    try:
        return bool(pq.read_schema(file).equals(KINDS[kind].schema))
    except (pa.ArrowException, OSError):
        return True
