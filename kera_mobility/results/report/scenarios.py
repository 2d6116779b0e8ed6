"""What a report is about: the result folders that were named, as scenarios side by side, each with its runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from kera_mobility.errors import ResultError
from kera_mobility.results.compare import CONFIDENCE, Comparison, compare, compare_all
from kera_mobility.results.store import read_kpis, read_meta, result_folders

MOST_SIDES = 6
"""More scenarios than this cannot be read side by side."""
HEADLINE = "sustainable_share"
"""The KPI that a report begins with."""
LEAST_DRAWS = 8
"""With fewer draws of the inputs no correlation is given."""
_OF_BOTH = "outcomes"
"""Section of a comparison whose rows are KPIs that both sides have: only these have a difference."""
_OF_KPIS = (_OF_BOTH, "only_a", "only_b")
"""Sections of a comparison whose rows are KPIs of the runs."""
_TOLD = ("id", "section", "unit", "population", "definition", "mean_a", "mean_b", "difference", "low", "high", "n",
         "verdict")  # fmt: skip

Key = tuple[int, int, int]
"""Seed, day and number of the draw of uncertain inputs (0 where they stay as they are)."""


@dataclass(frozen=True)
class Side:
    """One scenario of a report and its runs, seed by seed."""

    label: str
    """What tells it from the others on the page."""
    folders: tuple[Path, ...]
    metas: tuple[dict[str, Any], ...]

    @property
    def meta(self) -> dict[str, Any]:
        """`run.json` of the first run."""
        return self.metas[0]


def sides_of(places: Sequence[str | Path]) -> list[Side]:
    """Return the scenarios of the result folders at or below the places, in the order given.

    Raises
    ------
    MissingFileError, ResultError
        If a place holds no result, there are too many scenarios, or one of them has a seed twice.
    """
    found: dict[tuple[int, str], list[tuple[Key, Path, dict[str, Any]]]] = {}
    seen: set[Path] = set()
    for at, place in enumerate(places):
        for folder in result_folders(place):
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            meta = read_meta(folder)
            key = (int(meta["seed"]), int(meta.get("day", 0)), int(meta.get("input_draw") or 0))
            run = (key, folder, meta)
            found.setdefault((at, str(meta["scenario"])), []).append(run)
    if len(found) > MOST_SIDES:
        names = ", ".join(name for _, name in list(found)[: MOST_SIDES + 1])
        raise ResultError(f"{len(found)} scenarios ({names}, ...), expected at most {MOST_SIDES} side by side")
    sides = []
    for (_, name), runs in found.items():
        runs.sort(key=lambda run: run[0])
        for first, second in pairwise(runs):
            if first[0] == second[0]:
                raise ResultError(f"{second[1]}: seed {second[0][0]}, day {second[0][1]} stands also in {first[1]}")
        label = str(runs[0][2].get("title") or name)
        sides.append(Side(label, tuple(run[1] for run in runs), tuple(run[2] for run in runs)))
    return _told_apart(sides)


def kpis_of(side: Side) -> tuple[dict[str, list[Any]], dict[str, dict[str, str]]]:
    """Return id -> [mean, lowest, highest, runs that have it], and id -> unit, population, definition."""
    values: dict[str, list[float]] = {}
    known: dict[str, dict[str, str]] = {}
    for folder in side.folders:
        for kpi in read_kpis(folder):
            known.setdefault(kpi["id"], {name: kpi[name] for name in ("unit", "population", "definition")})
            of_id = values.setdefault(kpi["id"], [])
            if kpi["value"] is not None:
                of_id.append(float(kpi["value"]))
    return {name: _summary(found) for name, found in values.items()}, known


def in_one_order(orders: Sequence[Sequence[str]]) -> list[str]:
    """Return all names of some lists once; a name that an earlier list lacks stands after the one before it."""
    found: list[str] = []
    for names in orders:
        at = 0
        for name in names:
            if name not in found:
                found.insert(at, name)
            at = found.index(name) + 1
    return found


def differences(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """Return what each further side changes against the first.

    `rows` is KPI id -> [difference, low, high, n, verdict]; `more` are the rows that only a comparison can know, by
    section; `fault` says why there are none, where no run is shared.
    """
    first, *others = ([str(folder) for folder in side.folders] for side in sides)
    try:
        compared: Sequence[Comparison | ResultError] = compare_all(first, others) if others else ()
    except ResultError:
        compared = [_compared_or_fault(first, other) for other in others]
    return [_pair_told(at, found) for at, found in enumerate(compared, start=1)]


def _compared_or_fault(first: list[str], other: list[str]) -> Comparison | ResultError:
    try:
        return compare(first, other)
    except ResultError as error:
        return error


def _pair_told(at: int, found: Comparison | ResultError) -> dict[str, Any]:
    told: dict[str, Any] = {"a": 0, "b": at, "pairs": 0, "confidence": CONFIDENCE, "rows": {}, "more": []}
    if isinstance(found, ResultError):
        return told
    own = [row for row in found.differences if row.section == _OF_BOTH]
    more = [row for row in found.differences if row.section not in _OF_KPIS]
    return told | {
        "pairs": len(found.pairs), "missing": list(found.missing), "notes": list(found.notes),
        "rows": {row.id: [row.difference, row.low, row.high, row.n, row.verdict] for row in own},
        "more": [{name: getattr(row, name) for name in _TOLD} for row in more],
    }  # fmt: skip


def weights_of(side: Side, name: str = HEADLINE) -> list[list[Any]]:
    """Return key, lowest, highest and correlation with a KPI for each input that was drawn, the heaviest first."""
    runs = zip(side.metas, side.folders, strict=True)
    drawn = [(meta["inputs"], folder) for meta, folder in runs if "inputs" in meta]
    keys = list(dict.fromkeys(key for inputs, _ in drawn for key in inputs))
    outcome = {folder: {kpi["id"]: kpi["value"] for kpi in read_kpis(folder)}.get(name) for _, folder in drawn}
    found: list[list[Any]] = []
    for key in keys:
        pairs = [(inputs[key], outcome[folder]) for inputs, folder in drawn if key in inputs]
        values = [float(value) for value, _ in pairs]
        known = [(float(value), float(result)) for value, result in pairs if result is not None]
        found.append([key, min(values), max(values), _correlation(known)])
    return sorted(found, key=lambda row: (-abs(row[3] or 0.0), row[0]))


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Pearson's correlation; None with too few pairs or where one of the two does not vary."""
    if len(pairs) < LEAST_DRAWS:
        return None
    middle = [math.fsum(pair[at] for pair in pairs) / len(pairs) for at in (0, 1)]
    steps = [(first - middle[0], second - middle[1]) for first, second in pairs]
    spread = math.sqrt(math.fsum(x * x for x, _ in steps) * math.fsum(y * y for _, y in steps))
    return round(math.fsum(x * y for x, y in steps) / spread, 6) if spread > 0 else None


def means_of(runs: Sequence[Mapping[str, list[float | None]]]) -> dict[str, list[float | None]]:
    """Return the mean over runs of lists of figures by name, place by place; None where no run has one."""
    names = dict.fromkeys(name for run in runs for name in run)
    found: dict[str, list[float | None]] = {}
    for name in names:
        rows = [run[name] for run in runs if name in run]
        columns = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
        found[name] = [math.fsum(column) / len(column) if column else None for column in columns]
    return found


def _summary(values: Sequence[float]) -> list[Any]:
    if not values:
        return [None, None, None, 0]
    middle = values[0] if len(values) == 1 else math.fsum(values) / len(values)
    return [middle, min(values), max(values), len(values)]


def _told_apart(sides: list[Side]) -> list[Side]:
    """Return the sides with labels that differ: the scenario's name, then a number, is added where titles are equal."""
    labels = [side.label for side in sides]
    told: list[str] = []
    for side, label in zip(sides, labels, strict=True):
        if labels.count(label) > 1:
            label = f"{label} ({side.meta['scenario']})"
        number, plain = 1, label
        while label in told:
            number += 1
            label = f"{plain} {number}"
        told.append(label)
    return [Side(label, side.folders, side.metas) for label, side in zip(told, sides, strict=True)]
