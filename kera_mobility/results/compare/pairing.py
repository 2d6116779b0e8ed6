"""Two folders of runs, matched by seed, day and draw of the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from kera_mobility.errors import ResultError
from kera_mobility.files import parse_yaml
from kera_mobility.results.store import read_kpis, read_meta, require_one_scenario, result_folders

Folders = str | Path | Sequence[str | Path]


class Pair(NamedTuple):
    """What two runs must share to be compared."""

    seed: int
    day: int
    draw: int | None
    """Index of the draw of the uncertain inputs; None where they were as the scenario says."""

    def __str__(self) -> str:
        return f"seed {self.seed}, day {self.day}" + ("" if self.draw is None else f", input draw {self.draw}")


@dataclass(frozen=True)
class RunOf:
    """One run of a side: what is read before its events."""

    folder: Path
    meta: Mapping[str, Any]
    kpis: Mapping[str, Mapping[str, Any]]
    scenario: Mapping[str, Any]
    """The resolved scenario, as plain maps."""

    @property
    def town_seed(self) -> int | None:
        """The seed of the population."""
        found = self.scenario.get("town", {}).get("seed")
        return None if found is None else int(found)


@dataclass(frozen=True)
class Side:
    """All runs of one scenario."""

    name: str
    title: str
    runs: Mapping[Pair, RunOf]


def read_side(folders: Folders) -> Side:
    """Return the runs of one scenario: a result folder, a folder of them, or several of these.

    Raises
    ------
    MissingFileError, ResultError
        If there is no result or a torn one, two scenarios, one with two settings, or one seed, day and draw twice.
    """
    given = [folders] if isinstance(folders, str | Path) else list(folders)
    runs: dict[Pair, RunOf] = {}
    names: dict[str, Path] = {}
    for folder in (run for top in given for run in result_folders(top)):
        meta = read_meta(folder)
        names.setdefault(str(meta["scenario"]), folder)
        if len(names) > 1:
            first, second = names
            raise ResultError(f"{folder}: scenario '{second}', but {names[first]} is '{first}'; expected one scenario")
        pair = _pair(meta)
        if pair in runs:
            raise ResultError(f"{folder}: {pair} stands also in {runs[pair].folder}; expected it once")
        kpis = {str(kpi["id"]): kpi for kpi in read_kpis(folder)}
        runs[pair] = RunOf(folder, meta, kpis, _scenario(_text(folder / "scenario.yaml")))
    require_one_scenario([run.folder for run in runs.values()])
    name = next(iter(names))
    title = next((str(run.meta["title"]) for run in runs.values() if run.meta.get("title")), name)
    return Side(name, title, dict(sorted(runs.items(), key=lambda item: _order(item[0]))))


def matched_pairs(a: Side, b: Side) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Return the pairs that both sides have, and the runs without a partner in words.

    Raises
    ------
    ResultError
        If they share none.
    """
    pairs = tuple(sorted(a.runs.keys() & b.runs.keys(), key=_order))
    if not pairs:
        raise ResultError(f"{a.name} and {b.name} share no seed: {_seeds(a)} against {_seeds(b)}")
    missing = [f"{pair}: only in {a.name}" for pair in a.runs if pair not in b.runs]
    missing += [f"{pair}: only in {b.name}" for pair in b.runs if pair not in a.runs]
    return pairs, tuple(missing)


def inputs_that_differ(a: RunOf, b: RunOf) -> list[str]:
    """Return the names of inputs that were drawn on both sides with different values."""
    first, second = a.meta.get("inputs") or {}, b.meta.get("inputs") or {}
    return sorted(name for name in first.keys() & second.keys() if first[name] != second[name])


def _pair(meta: Mapping[str, Any]) -> Pair:
    draw = meta.get("input_draw")
    return Pair(int(meta["seed"]), int(meta.get("day", 0)), None if draw is None else int(draw))


def _order(pair: Pair) -> tuple[int, int, int]:
    return pair.seed, pair.day, -1 if pair.draw is None else pair.draw


def _seeds(side: Side) -> str:
    return "; ".join(str(pair) for pair in side.runs)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ResultError(f"{file}: is missing or cannot be read; the result is torn") from None


@lru_cache(maxsize=64)
def _scenario(text: str) -> Mapping[str, Any]:
    try:
        found = parse_yaml(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
