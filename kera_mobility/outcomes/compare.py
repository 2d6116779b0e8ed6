"""Two scenarios side by side: each KPI's difference, paired by seed and day, with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kera_mobility.errors import ResultError
from kera_mobility.outcomes.store import read_kpis, read_meta, result_folders

CONFIDENCE = 0.95
"""Level of the intervals."""

FAMILIES = {
    "mode_share": "trips", "person_km": "person_km", "unserved": "unserved", "refused": "refused",
    "vehicle_km": "vehicle_km",
}  # fmt: skip
"""KPIs `<family>.<member>` that are parts of a whole: a member that a run with the whole does not name is 0 there."""

Folders = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Difference:
    """One KPI over the pairs in which both runs have it."""

    id: str
    unit: str
    population: str
    definition: str
    mean_a: float
    mean_b: float
    difference: float
    """Mean of b - a over the pairs."""
    low: float | None
    """Lower end of the paired t interval; None with fewer than two pairs."""
    high: float | None
    n: int
    """Pairs."""


@dataclass(frozen=True)
class Comparison:
    """What b changes against a."""

    a: str
    """Name of the scenario."""
    b: str
    pairs: tuple[tuple[int, int], ...]
    """(seed, day) of each pair."""
    missing: tuple[str, ...]
    """The runs that have no partner, in words."""
    differences: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain lists and maps."""
        return {**asdict(self), "confidence": CONFIDENCE}


@dataclass(frozen=True)
class _Side:
    name: str
    kpis: Mapping[tuple[int, int], Mapping[str, dict[str, Any]]]


def compare(folders_a: Folders, folders_b: Folders) -> Comparison:
    """Return the paired differences b - a of every KPI.

    Each side is a result folder, a folder of them (one scenario), or several of these.

    Raises
    ------
    MissingFileError, ResultError
        If a folder holds no result or a torn one, one side holds a seed twice or two scenarios, or no seed is shared.
    """
    a, b = _side(folders_a), _side(folders_b)
    pairs = tuple(sorted(a.kpis.keys() & b.kpis.keys()))
    if not pairs:
        raise ResultError(f"{a.name} and {b.name} share no seed: {_seeds(a)} against {_seeds(b)}")
    missing = [f"seed {seed}, day {day}: only in {a.name}" for seed, day in sorted(a.kpis.keys() - b.kpis.keys())]
    missing += [f"seed {seed}, day {day}: only in {b.name}" for seed, day in sorted(b.kpis.keys() - a.kpis.keys())]
    return Comparison(a.name, b.name, pairs, tuple(missing), tuple(_differences(a, b, pairs)))


def _side(folders: Folders) -> _Side:
    given = [folders] if isinstance(folders, str | Path) else list(folders)
    found: dict[tuple[int, int], Path] = {}
    names: dict[str, Path] = {}
    for folder in (run for top in given for run in result_folders(top)):
        meta = read_meta(folder)
        key = (int(meta["seed"]), int(meta.get("day", 0)))
        names.setdefault(str(meta["scenario"]), folder)
        if len(names) > 1:
            first, second = names
            raise ResultError(f"{folder}: scenario '{second}', but {names[first]} is '{first}'; expected one scenario")
        if key in found:
            raise ResultError(f"{folder}: seed {key[0]}, day {key[1]} stands also in {found[key]}; expected it once")
        found[key] = folder
    return _Side(next(iter(names)), {key: {kpi["id"]: kpi for kpi in read_kpis(run)} for key, run in found.items()})


def _differences(a: _Side, b: _Side, pairs: Sequence[tuple[int, int]]) -> list[Difference]:
    described: dict[str, dict[str, Any]] = {}
    for side in (a, b):
        for pair in pairs:
            for name, kpi in side.kpis[pair].items():
                described.setdefault(name, kpi)
    found = []
    for name, kpi in described.items():
        values = [(_value(a.kpis[pair], name), _value(b.kpis[pair], name)) for pair in pairs]
        known = [(before, after) for before, after in values if before is not None and after is not None]
        if known:
            found.append(_difference(kpi, [before for before, _ in known], [after for _, after in known]))
    return found


def _difference(kpi: Mapping[str, Any], before: Sequence[float], after: Sequence[float]) -> Difference:
    n = len(before)
    gained = [second - first for first, second in zip(before, after, strict=True)]
    middle = math.fsum(gained) / n
    low, high = _interval(gained, middle)
    return Difference(
        kpi["id"], kpi["unit"], kpi["population"], kpi["definition"],
        math.fsum(before) / n, math.fsum(after) / n, middle, low, high, n,
    )  # fmt: skip


def _interval(gained: Sequence[float], middle: float) -> tuple[float | None, float | None]:
    """Return the paired t interval of the mean; the seeds are the sample."""
    n = len(gained)
    if n < 2:
        return None, None
    from scipy.special import stdtrit

    variance = math.fsum((value - middle) ** 2 for value in gained) / (n - 1)
    half = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * math.sqrt(variance / n)
    return middle - half, middle + half


def _value(kpis: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """Return a KPI's value in a run; 0 for an unnamed part of a whole that the run has; None if it has none."""
    if name in kpis:
        value = kpis[name]["value"]
        return None if value is None else float(value)
    plain, at, group = name.partition("@")
    parts = plain.split(".")
    for place, part in enumerate(parts[:-1]):
        if part in FAMILIES and ".".join([*parts[:place], FAMILIES[part]]) + at + group in kpis:
            return 0.0
    return None


def _seeds(side: _Side) -> str:
    return "seeds " + ", ".join(str(seed) for seed, _ in sorted(side.kpis))
