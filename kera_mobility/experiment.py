"""One scenario, many seeds: each run writes its own folder, whole or not at all."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from kera_mobility.errors import ResultError
from kera_mobility.outcomes.kpis import Kpi
from kera_mobility.outcomes.store import require_replaceable
from kera_mobility.scenario import Scenario, load_scenario
from kera_mobility.simulation import simulate

Progress = Callable[[int, str, float], None]
"""Called with the seed, the stage (load, plan, simulate, write) and the part of it that is done, 0 to 1."""


@dataclass(frozen=True)
class Written:
    """A run that is finished and stands in its folder."""

    seed: int
    folder: Path
    replaced: bool
    """An earlier result of the same name was there."""
    fingerprint: str
    kpis: tuple[Kpi, ...]


def experiment(
    scenario: Scenario | str | Path,
    seeds: Sequence[int],
    out: str | Path = "results",
    *,
    day: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    follow: int | None = None,
    say: Callable[[str], None] | None = None,
    written: Callable[[Written], None] | None = None,
) -> list[Written]:
    """Run a scenario once for each seed into `out/<scenario>/seed-0001` and return what was written, by seed.

    `written` is called as each run is finished. With more than one worker the runs go to processes of their own, and
    `progress`, `follow` and `say` are not used.

    Raises
    ------
    ResultError
        Before the first run, if a folder cannot be written or holds something else than a result.
    """
    checked = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    folders = {seed: run_folder(out, checked.name, seed, day) for seed in seeds}
    for folder in folders.values():
        _require_room(folder)
    if workers > 1 and len(folders) > 1:
        runs = _side_by_side(checked, folders, day, workers)
    else:
        runs = (_run(checked, seed, day, folder, progress, follow, say) for seed, folder in folders.items())
    found = []
    for one in runs:
        found.append(one)
        if written is not None:
            written(one)
    return sorted(found, key=lambda one: one.seed)


def run_folder(out: str | Path, name: str, seed: int, day: int = 0) -> Path:
    """Return the folder of one run: `out/name/seed-0001`, with `-day-0002` for days after the first."""
    return Path(out) / name / (f"seed-{seed:04d}" + (f"-day-{day:04d}" if day else ""))


def _run(
    scenario: Scenario,
    seed: int,
    day: int,
    folder: Path,
    progress: Progress | None = None,
    follow: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Written:
    def of_this_seed(stage: str, part: float) -> None:
        if progress is not None:
            progress(seed, stage, part)

    run = simulate(scenario, seed, day, progress=of_this_seed, follow=follow, say=say)
    replaced = folder.exists()
    of_this_seed("write", 0.0)
    try:
        run.save(folder)
    except OSError as error:
        raise ResultError(f"{folder}: cannot write the result: {error.strerror or error}") from error
    of_this_seed("write", 1.0)
    return Written(seed, folder, replaced, run.fingerprint, tuple(run.kpis()))


def _side_by_side(scenario: Scenario, folders: dict[int, Path], day: int, workers: int) -> Iterator[Written]:
    # Processes are spawned, never forked: a fork would inherit threads of numpy and pyarrow half-way through a lock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(folders)), mp_context=context) as executor:
        runs = [executor.submit(_run, scenario, seed, day, folder) for seed, folder in folders.items()]
        try:
            for run in as_completed(runs):
                yield run.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _require_room(folder: Path) -> None:
    require_replaceable(folder)
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir():
        raise ResultError(f"{folder}: cannot write here, {above} is a file")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ResultError(f"{folder}: cannot write here, no permission to write in {above}")
