"""Two sets of runs, one of each scenario, matched by seed, day and draw of the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kera_mobility.errors import ResultError
from kera_mobility.results.runs import RunFolder, RunKey, runs_in
from kera_mobility.results.store import require_one_scenario

Folders = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class ScenarioRuns:
    """All runs of one scenario."""

    name: str
    title: str
    runs: Mapping[RunKey, RunFolder]

    def town_seed(self, key: RunKey) -> int | None:
        """Return the seed of the population of a run."""
        seed = self.runs[key].settings.get("town", {}).get("seed")
        return None if seed is None else int(seed)


def places_in(folders: Folders) -> list[str | Path]:
    """Return the folders as a list, of one too."""
    return [folders] if isinstance(folders, str | Path) else list(folders)


def read_scenario_runs(folders: Folders) -> ScenarioRuns:
    """Return the runs of one scenario: a result folder, a folder of them, or several of these.

    Raises
    ------
    MissingFileError, ResultError
        If there is no result or a torn one, two scenarios, one with two settings, or one seed, day and draw twice.
    """
    places = places_in(folders)
    runs: dict[RunKey, RunFolder] = {}
    for run in (run for place in places for run in runs_in(place)):
        first = next(iter(runs.values()), run)
        if run.scenario != first.scenario:
            raise ResultError(
                f"{run.folder}: scenario '{run.scenario}', but {first.folder} is '{first.scenario}'; "
                "expected one scenario"
            )
        if run.key in runs:
            raise ResultError(f"{run.folder}: {run.key} stands also in {runs[run.key].folder}; expected it once")
        runs[run.key] = run
    require_one_scenario([run.folder for run in runs.values()])
    name = next(iter(runs.values())).scenario
    title = next((str(run.meta["title"]) for run in runs.values() if run.meta.get("title")), name)
    return ScenarioRuns(name, title, {key: runs[key] for key in sorted(runs, key=lambda key: key.order)})


def matched_pairs(a: ScenarioRuns, b: ScenarioRuns) -> tuple[tuple[RunKey, ...], tuple[str, ...]]:
    """Return the keys that both sides have, and the runs without a partner in words.

    Raises
    ------
    ResultError
        If they share none.
    """
    pairs = tuple(key for key in a.runs if key in b.runs)
    if not pairs:
        keys_a, keys_b = ("; ".join(map(str, side.runs)) for side in (a, b))
        raise ResultError(f"{a.name} and {b.name} share no seed: {keys_a} against {keys_b}")
    missing = [f"{key}: only in {side.name}" for side in (a, b) for key in side.runs if key not in pairs]
    return pairs, tuple(missing)


def inputs_that_differ(a: RunFolder, b: RunFolder) -> list[str]:
    """Return the names of inputs that were drawn on both sides with different values."""
    inputs_a, inputs_b = a.meta.get("inputs") or {}, b.meta.get("inputs") or {}
    return sorted(name for name in inputs_a.keys() & inputs_b.keys() if inputs_a[name] != inputs_b[name])
