"""Regression checks: scenarios of seconds against what they gave before, to the event and to the KPI.

A folder of checks holds scenarios and, in `baselines/`, what each gave when it was last renewed:

    checks/scooters.yaml
    checks/baselines/scooters.json

A baseline keeps the fingerprint of each kind of event, a mark of 16 bits for each row in canonical order, so that the
first row that moved can be named, every KPI, and why it was renewed.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa

from kera_mobility.config.figure_ids import current_id, understood_ids
from kera_mobility.config.resources import find
from kera_mobility.dice import Dice, word
from kera_mobility.errors import KeraError, MissingFileError, ResultError
from kera_mobility.files import package_version, replacing
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.events import KINDS, table_fingerprint
from kera_mobility.results.record import numbers, texts
from kera_mobility.simulation.run import Run, simulate
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.units import AnyArray, clock

CHECKS = "configs/checks"
"""The shipped checks."""
FORMAT = 1
"""Version of the baseline files."""
SEED = 1
"""Every check lives the day of this seed."""
ROUNDING = 1e-9
"""Relative difference of a KPI that counts as none: what other orders of adding leave. Assumption."""
MARKS = 2**16
"""How many marks there are: a row that moved keeps its mark by accident once in so many."""


@dataclass(frozen=True)
class Baseline:
    """What a scenario gave when its baseline was last renewed."""

    tolerance: float
    """Relative difference that a KPI may have. At 0 every event must be equal too."""
    input_hashes: Mapping[str, str]
    """Of the scenario and the town."""
    kinds: Mapping[str, Mapping[str, Any]]
    """Kind of event -> rows, fingerprint, marks (base64 of little-endian 16 bits)."""
    kpis: Mapping[str, float | None]
    history: tuple[Mapping[str, str], ...] = ()
    """Why it was renewed, with the version of the package, oldest first."""

    @property
    def figures(self) -> dict[str, float | None]:
        """The KPIs by the ids of this version."""
        return {current_id(name): value for name, value in self.kpis.items()}

    @classmethod
    def of(cls, run: Run, tolerance: float, history: Sequence[Mapping[str, str]]) -> Baseline:
        """Return what a run gave."""
        tables = run.record.tables
        kinds = {
            kind: {
                "rows": tables[kind].num_rows,
                "fingerprint": table_fingerprint(tables[kind]),
                "marks": base64.b64encode(marks(tables[kind]).tobytes()).decode(),
            }
            for kind in KINDS
        }
        kpis = {kpi.id: kpi.value if math.isfinite(kpi.value) else None for kpi in run.kpis()}
        return cls(tolerance, run.stats["input_hashes"], kinds, kpis, tuple(history))

    @classmethod
    def read(cls, file: Path) -> Baseline:
        """Return the baseline of a file; raise ResultError if it is torn or of an unknown format."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ResultError(f"{file}: format is {content['format']!r}, this version reads {FORMAT}")
            content["history"] = tuple(content["history"])
            understood_ids(content["kpis"], str(file))
            return cls(**{name: content[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, ResultError):
                raise
            raise ResultError(f"{file}: cannot be read as a baseline: {error!r}") from None

    def write(self, file: Path) -> None:
        """Write the file, whole or not at all; raise ResultError if that is not possible."""
        content = {
            "format": FORMAT, "tolerance": self.tolerance, "history": list(self.history),
            "input_hashes": self.input_hashes, "kpis": self.kpis, "kinds": self.kinds,
        }  # fmt: skip
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        try:
            with replacing(file) as partial:
                partial.write_text(text + "\n", encoding="utf-8", newline="\n")
        except OSError as error:
            raise ResultError(f"{file}: cannot write the baseline: {error.strerror or error}") from error


@dataclass(frozen=True, repr=False)
class CheckResult(Display):
    """What came of one check."""

    name: str
    wall_s: float
    events: tuple[str, ...] = ()
    """Which kinds of event moved and from where on, earliest first."""
    kpis: tuple[str, ...] = ()
    """Which KPIs moved, and by how much."""
    remarks: tuple[str, ...] = ()
    """What may explain it, and what is tolerated."""
    fault: str = ""
    """Why there was nothing to compare."""
    tolerated: bool = field(default=False)
    """Events may move, since the baseline allows its KPIs a tolerance."""

    def _glance(self) -> tuple[str, str, str]:
        moved = f"{len(self.events)} kinds of event and {len(self.kpis)} figures moved"
        return (
            f"Check {self.name}: {'passed' if self.passed else 'failed'} in {self.wall_s:.1f} s",
            self.fault or moved,
            "; ".join(self.remarks) or ".events and .kpis say what moved, .remarks what may explain it",
        )

    def _grid(self) -> Grid:
        moved = {"event": self.events, "figure": self.kpis}
        return ("what", "moved"), [(kind, text) for kind, texts in moved.items() for text in texts]

    @property
    def passed(self) -> bool:
        """Whether all is as it was, or within the tolerance."""
        return not (self.fault or self.kpis or (self.events and not self.tolerated))


def check_names(folder: str | Path = CHECKS) -> tuple[Path, list[str]]:
    """Return where a folder of checks stands, and the names of its scenarios and baselines, sorted.

    Raises
    ------
    MissingFileError
        If there is no such folder, here or among the shipped configs, or no scenario in it.
    """
    place = find(folder, "configs")
    names = {path.stem for path in place.glob("*.yaml")} | {path.stem for path in _baselines(place).glob("*.json")}
    if not names:
        raise MissingFileError(f"{folder}: no checks here, expected scenarios (*.yaml)")
    return place, sorted(names)


def check(folder: str | Path = CHECKS, progress: Callable[[CheckResult], None] | None = None) -> list[CheckResult]:
    """Run every check of a folder, and return what moved against the baselines, one result for each check by name.

    `progress` is called with each result as it is there. Baselines are made with `kera check --renew`.

    Raises
    ------
    MissingFileError
        If there is no such folder, here or among the shipped configs, or no scenario in it.
    """
    place, names = check_names(folder)
    results = []
    for name in names:
        results.append(check_scenario(place, name))
        if progress:
            progress(results[-1])
    return results


def check_scenario(place: Path, name: str) -> CheckResult:
    """Run one check and return what moved against its baseline."""
    began_s = time.monotonic()
    file = _baselines(place) / f"{name}.json"
    try:
        if not (place / f"{name}.yaml").is_file():
            raise ResultError(f"{file}: its scenario {name}.yaml is gone; remove the baseline too")
        if not file.is_file():
            raise ResultError(f"{file}: no baseline yet; make it with --renew --why")
        before = Baseline.read(file)
        run = _run(place, name)
    except KeraError as error:
        return CheckResult(name, time.monotonic() - began_s, fault=f"{type(error).__name__}: {error}")
    return _compared(name, before, run, began_s)


def renew(place: Path, name: str, why: str, tolerance: float | None = None) -> bool:
    """Make the baseline of one check what it gives now, and return whether that changed anything.

    Parameters
    ----------
    why
        Kept in the baseline, with the version of the package.
    tolerance
        Relative difference that KPIs may have from now on; as before if not given, 0 in a new baseline.

    Raises
    ------
    ResultError
        If no reason is given, or the baseline cannot be written.
    KeraError
        If the scenario cannot be run.
    """
    if not why.strip():
        raise ResultError("why: got nothing, expected the reason why the results may change")
    file = _baselines(place) / f"{name}.json"
    run = _run(place, name)
    before = Baseline.read(file) if file.is_file() else None
    kept = before.tolerance if before else 0.0
    if before is not None and tolerance in (None, kept):
        result = _compared(name, before, run, time.monotonic())
        if not (result.events or result.kpis) and before.figures == before.kpis:
            return False
    history = [*(before.history if before else ()), {"version": package_version(), "why": why.strip()}]
    Baseline.of(run, kept if tolerance is None else tolerance, history).write(file)
    return True


def junit(results: Sequence[CheckResult]) -> str:
    """Return the outcome as JUnit XML: for each check one case for its events and one for its KPIs."""
    top = ElementTree.Element("testsuites", name="kera check")
    for result in results:
        failed = (bool(result.events) and not result.tolerated) + bool(result.kpis)
        suite = ElementTree.SubElement(
            top, "testsuite", name=result.name, tests="2", failures=str(failed), errors=str(int(bool(result.fault))),
            skipped=str(int(bool(result.fault))),
            time=f"{result.wall_s:.3f}",
        )  # fmt: skip
        for case_name, moved in (("events", () if result.tolerated else result.events), ("kpis", result.kpis)):
            case = ElementTree.SubElement(suite, "testcase", classname=f"kera.check.{result.name}", name=case_name)
            case.set("time", f"{result.wall_s if case_name == 'events' else 0.0:.3f}")
            if result.fault and case_name == "events":
                ElementTree.SubElement(case, "error", message=_plain(result.fault))
            elif result.fault:
                ElementTree.SubElement(case, "skipped", message="nothing to compare")
            elif moved:
                node = ElementTree.SubElement(case, "failure", message=_plain(moved[0]))
                node.text = _plain("\n".join([*moved, *result.remarks]))
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def marks(table: pa.Table) -> AnyArray:
    """Return a mark of 16 bits for each row, (R,), from all of its values."""
    steps = []
    for column in table.schema:
        if pa.types.is_string(column.type):
            codes, names = texts(table, column.name)
            words = np.array([word(name) for name in names], dtype=np.uint64)
            steps.append(words[codes] if len(words) else codes.astype(np.uint64))
        else:
            values = np.ascontiguousarray(numbers(table, column.name))
            is_float = values.dtype.kind == "f"
            steps.append(values.view(np.uint64) if is_float else values.astype(np.int64).view(np.uint64))
    parts = np.asarray(Dice().uniform("row", *steps))
    return np.floor(parts * MARKS).astype("<u2")


def _compared(name: str, before: Baseline, run: Run, began_s: float) -> CheckResult:
    tolerated = before.tolerance > 0.0
    moved = [_moved_rows(kind, before, run.record.tables.get(kind)) for kind in sorted({*KINDS, *before.kinds})]
    events = tuple(words for _, words in sorted(filter(None, moved)))
    kpis = _moved_kpis(before, run)
    remarks = [
        f"The {part} is another one than when the baseline was made."
        for part in ("scenario", "town")
        if (events or kpis) and before.input_hashes.get(part) != run.stats["input_hashes"].get(part)
    ]
    if events and tolerated:
        remarks.append(f"Events moved; KPIs may by {before.tolerance:.2%}.")
    return CheckResult(name, time.monotonic() - began_s, events, kpis, tuple(remarks), tolerated=tolerated)


def _moved_rows(kind: str, before: Baseline, table: pa.Table | None) -> tuple[float, str] | None:
    """Return the moment of the first row of a kind that moved, and words; None if none did."""
    if table is None:
        return math.inf, f"{kind}: this kind of event is no more"
    if kind not in before.kinds:
        return math.inf, f"{kind}: a kind of event that the baseline does not have, {table.num_rows} rows"
    old = before.kinds[kind]
    if old["fingerprint"] == table_fingerprint(table):
        return None
    old_marks, new_marks = np.frombuffer(base64.b64decode(old["marks"]), dtype="<u2"), marks(table)
    shared = min(len(old_marks), len(new_marks))
    differing = np.flatnonzero(old_marks[:shared] != new_marks[:shared])
    first = int(differing[0]) if len(differing) else shared
    rows = f"{kind}: {old['rows']:,} rows" + (f" -> {table.num_rows:,}" if old["rows"] != table.num_rows else "")
    if first >= table.num_rows:
        return math.inf, f"{rows}, the first {first:,} as before" if len(
            old_marks
        ) != shared else f"{rows}, other columns"
    row = {name: values[0] for name, values in table.slice(first, 1).to_pydict().items()}
    about = ", ".join(f"{name} {value}" for name, value in row.items() if name != "t_s")
    return float(row["t_s"]), f"{rows}, from row {first + 1:,} at {clock(row['t_s'])} on, now: {about}"


def _moved_kpis(before: Baseline, run: Run) -> tuple[str, ...]:
    now = {kpi.id: kpi for kpi in run.kpis()}
    known = before.figures
    words = [f"{name}: is no more" for name in known if name not in now]
    allowed = before.tolerance or ROUNDING
    for name, kpi in now.items():
        new = kpi.value if math.isfinite(kpi.value) else None
        if name not in known:
            words.append(f"{name}: new, {_shown(new)} {kpi.unit}")
            continue
        old = known[name]
        if old is None or new is None:
            if old != new:
                words.append(f"{name}: {_shown(old)} -> {_shown(new)} {kpi.unit}")
        elif abs(new - old) > allowed * max(abs(old), abs(new)):
            relative = f", {(new - old) / abs(old):+.2%}" if old else ""
            words.append(f"{name}: {_shown(old)} -> {_shown(new)} {kpi.unit} ({new - old:+.4g}{relative})")
    return tuple(words)


def _run(place: Path, name: str) -> Run:
    return simulate(load_scenario(place / f"{name}.yaml"), SEED)


def _baselines(place: Path) -> Path:
    return place / "baselines"


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.6g}"


def _plain(text: str) -> str:
    """Return text without characters that XML cannot hold."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
