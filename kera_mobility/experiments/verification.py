"""Is a result what it says it is? Files against the manifest, events against the fingerprint, KPIs against the events.

Whoever changes a file and its hash is caught by what the other files say: every figure is computed again from the log.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from kera_mobility.config.resources import code_hash
from kera_mobility.errors import KeraError
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.events import KINDS, fingerprint
from kera_mobility.results.kpis import compute, to_json
from kera_mobility.results.manifest import KEY, changes
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.results.runs import RunFolder
from kera_mobility.results.store import read_unchecked_meta, result_folders
from kera_mobility.simulation.scenario import load_scenario

NEEDED = ("trips", "legs", "refusals")
"""Tables that every result has; older ones lack others."""
NODE = "node of the table places"
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, pa.ArrowException)
"""What computing with tables and settings may raise that nobody wrote for it."""
MOST_SHOWN = 3
"""KPIs that are named where several differ."""


@dataclass(frozen=True, repr=False)
class Verification(Display):
    """What was found out about one result folder."""

    folder: Path
    faults: tuple[str, ...]
    """What is not as it was written, one line each; a sound result has none."""
    remarks: tuple[str, ...] = ()
    """What could not be checked, one line each."""
    fingerprint: str = ""
    files: int = 0
    kpis: int = 0

    def _glance(self) -> tuple[str, str, str]:
        return (
            f"Verification of {self.folder}: {'sound' if self.sound else f'{len(self.faults)} faults'}",
            f"fingerprint {self.fingerprint[:12]}; {self.files} files and {self.kpis} figures are those written",
            "; ".join((*self.faults, *self.remarks)) or ".faults and .remarks are empty",
        )

    def _grid(self) -> Grid:
        words = {"fault": self.faults, "remark": self.remarks}
        return ("what", "words"), [(kind, text) for kind, texts in words.items() for text in texts]

    @property
    def sound(self) -> bool:
        """Whether nothing was found that is not as it was written."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "folder": str(self.folder), "sound": self.sound, "faults": list(self.faults),
            "remarks": list(self.remarks), "fingerprint": self.fingerprint, "files": self.files, "kpis": self.kpis,
        }  # fmt: skip


def verify(place: str | Path) -> list[Verification]:
    """Return what is found out about each result at or below a folder.

    Raises
    ------
    MissingFileError, ResultError
        If there is no such folder, or no result.
    """
    return [_verified(folder) for folder in result_folders(place, torn=True)]


def _verified(folder: Path) -> Verification:
    faults: list[str] = []
    try:
        meta = read_unchecked_meta(folder)
        if faults := changes(folder, meta):
            return Verification(folder, tuple(faults))
        run = RunFolder(folder, NEEDED)
        remarks = [] if KEY in meta else ["has no manifest: files were not checked, only what they say of each other"]
        faults += _log_faults(folder, run.record)
        wrong_values, other_ids = _kpi_differences(folder, run.record, run.kpis)
        faults += wrong_values
        meanings = [*other_ids, *_settings_fault(folder, meta)]
        if meta.get("input_hashes", {}).get("code", code_hash()) == code_hash():
            faults += meanings
        else:
            remarks += [*meanings, "was made by other code: KPIs and settings may have another meaning here"]
    except KeraError as error:
        return Verification(folder, (*faults, str(error) if str(folder) in str(error) else f"{folder}: {error}"))
    except UNFORESEEN as error:
        return Verification(folder, (*faults, f"{folder}: its files contradict each other ({error!r})"))
    return Verification(
        folder, tuple(faults), tuple(remarks), str(meta.get("fingerprint", "")), len(meta.get(KEY, ())), len(run.kpis)
    )


def _log_faults(folder: Path, record: RunRecord) -> Iterator[str]:
    """Yield where the events contradict `run.json` or the places."""
    found = fingerprint(record.tables)
    if found != record.meta.get("fingerprint"):
        expected = str(record.meta.get("fingerprint"))[:12]
        yield f"{folder / 'events'}: have the fingerprint {found[:12]}..., {folder / 'run.json'} says {expected}..."
    nodes = record.places.num_rows
    for kind, table in record.tables.items():
        for name in (name for name, column in KINDS[kind].columns.items() if column.unit == NODE and table.num_rows):
            values = numbers(table, name)
            if values.min() < -1 or values.max() >= nodes:
                yield f"{folder / 'places.parquet'}: has {nodes} places, {kind} name others in '{name}'"


def _kpi_differences(folder: Path, record: RunRecord, kept: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return what the KPIs differ in from those that the events give: a line on values, and one on ids."""
    file = folder / "kpis.json"
    computed = {kpi.id: to_json(kpi)["value"] for kpi in compute(record)}
    wrong = [name for name in computed if name in kept and not _equal(kept[name].get("value"), computed[name])]
    values = [
        f"{file}: {len(wrong)} of {len(kept)} KPIs are not those of the events: "
        + ", ".join(f"{name} is {kept[name].get('value')}, expected {computed[name]}" for name in wrong[:MOST_SHOWN])
        + (", ..." if len(wrong) > MOST_SHOWN else "")
    ] if wrong else []  # fmt: skip
    other = sorted(computed.keys() ^ kept.keys())
    ids = [f"{file}: {len(other)} KPIs are missing or not known here, such as '{other[0]}'"] if other else []
    return values, ids


def _equal(kept: Any, computed: float | None) -> bool:
    if kept is None or computed is None or isinstance(kept, bool) or not isinstance(kept, int | float):
        return kept is computed
    return math.isclose(kept, computed, rel_tol=1e-12, abs_tol=1e-12)


def _settings_fault(folder: Path, meta: dict[str, Any]) -> list[str]:
    """Return that the settings are not those that the run was made from, if they are not."""
    file, expected = folder / "scenario.yaml", meta.get("input_hashes", {}).get("scenario")
    if expected is None:
        return []
    try:
        same = load_scenario(file).hash == expected
    except KeraError as error:
        return [f"{file}: is no scenario here: {str(error).splitlines()[0]}"]
    return [] if same else [f"{file}: is not the scenario whose hash stands in {folder / 'run.json'}"]
