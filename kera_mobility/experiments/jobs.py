"""One run of a batch: what it is made from, how it is done, and whether it stands in its folder already."""

from __future__ import annotations

import errno
import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kera_mobility.config.resources import code_hash
from kera_mobility.errors import ResultError
from kera_mobility.files import package_version
from kera_mobility.ledger import changed_inputs
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.events import fingerprint
from kera_mobility.results.kpis import KPI_HEADINGS, Kpi, mean_rows
from kera_mobility.results.store import load_record, read_kpis, require_replaceable, write_record
from kera_mobility.simulation.run import simulate, town_of
from kera_mobility.simulation.scenario import Scenario, TownSettings
from kera_mobility.town.town import Town

Stages = Callable[[int, str, float], None]
"""Called with the seed, the stage (load, plan, simulate, write) and the part of it that is done, 0 to 1."""

MOST_NAMES = 3
"""Changed files that a message names."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a file does not fit: full disk, full quota, file too large."""


@dataclass(frozen=True)
class Job:
    """One run that is wanted; it can be sent to another process."""

    scenario: Scenario
    """With its uncertain inputs set, if they were drawn."""
    seed: int
    day: int
    folder: Path
    draw: int | None = None
    """Number of the draw of uncertain inputs, from 1; None where they stay as the scenario has them."""
    inputs: Mapping[str, float] = field(default_factory=dict)
    """Dotted key -> drawn value."""

    def __str__(self) -> str:
        return f"seed {self.seed}" + (f", draw {self.draw}" if self.draw is not None else "")


@dataclass(frozen=True, repr=False)
class Written(Display):
    """A run that is finished and stands in its folder."""

    seed: int
    folder: Path
    replaced: bool
    """An earlier result of the same name was there."""
    fingerprint: str
    kpis: tuple[Kpi, ...]
    day: int = 0
    draw: int | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """What `run.json` warns of, such as a service that carried nobody, in words."""
    at_hand: bool = False
    """It was finished before, from equal input, and was not run again."""

    def _glance(self) -> tuple[str, str, str]:
        drawn = "" if self.draw is None else f", draw {self.draw}"
        return (
            f"Finished run in {self.folder}: seed {self.seed}, day {self.day}{drawn}",
            f"fingerprint {self.fingerprint[:12]}; {len(self.kpis)} figures",
            "km.load(written.folder) is the run",
        )

    def _grid(self) -> Grid:
        return KPI_HEADINGS, mean_rows([self.kpis])


class Towns:
    """The town of the last run, kept for the next one if it is the same and its files did not change."""

    def __init__(self) -> None:
        self._last: tuple[tuple[str, TownSettings], Town] | None = None

    def of(self, scenario: Scenario) -> Town:
        """Return the town of a scenario, its people and timetables made once."""
        made_from = (scenario.area, scenario.town)
        last = self._last
        if last is None or last[0] != made_from or not last[1].inputs.is_current():
            last = self._last = made_from, town_of(scenario)
        return last[1]


def run_folder(out: str | Path, name: str, seed: int, day: int = 0, draw: int | None = None) -> Path:
    """Return the folder of one run: `out/name/seed-0001`, with `-day-0002` and `-draw-0003` where there are such."""
    suffix = (f"-day-{day:04d}" if day else "") + (f"-draw-{draw:04d}" if draw is not None else "")
    return Path(out) / name / f"seed-{seed:04d}{suffix}"


def perform(
    job: Job,
    towns: Towns,
    progress: Stages | None = None,
    follow: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Written:
    """Simulate one run, write its folder and return what was written.

    Raises
    ------
    ResultError
        If the folder cannot be written; nothing half-written stays.
    """

    def of_this_seed(stage: str, part: float) -> None:
        if progress is not None:
            progress(job.seed, stage, part)

    town = towns.of(job.scenario)
    run = simulate(job.scenario, job.seed, job.day, progress=of_this_seed, follow=follow, say=say, town=town)
    meta = {**run.record.meta, "input_hashes": {**run.record.meta["input_hashes"], "code": code_hash()}}
    if job.draw is not None:
        meta |= {"input_draw": job.draw, "inputs": dict(job.inputs)}
    about = Written(
        job.seed, job.folder, job.folder.exists(), run.fingerprint, tuple(run.kpis()), job.day, job.draw,
        dict(job.inputs), _warnings(meta),
    )  # fmt: skip
    try:
        write_record(replace(run.record, meta=meta), job.folder)
    except OSError as error:
        raise ResultError(_cannot_write(job.folder, error)) from error
    # The collector is off while a day runs and seldom looks at what survived one: the cycles of one day after the
    # other would stay in a process that does many.
    del run
    gc.collect()
    return about


def finished(job: Job, town: Town) -> Written | None:
    """Return the run if it stands whole in its folder and was made from equal input by this code, else None.

    Raises
    ------
    ResultError
        If a result of these settings stands there, but is torn, or files changed that it was made from.
    """
    if not (job.folder / "run.json").is_file():
        return None
    record = load_record(job.folder)
    meta = record.meta
    here = {
        "seed": job.seed, "day": job.day, "input_draw": job.draw, "inputs": dict(job.inputs),
        "version": package_version(),
        "input_hashes": {**meta.get("input_hashes", {}), "scenario": job.scenario.hash, "code": code_hash()},
    }  # fmt: skip
    if {key: meta.get(key, {} if key == "inputs" else None) for key in here} != here:
        return None
    require_same_inputs(meta, job.scenario, town, job.folder)
    if fingerprint(record.tables) != meta.get("fingerprint"):
        raise ResultError(f"{job.folder}: the tables do not have the fingerprint of run.json; the result is torn")
    kpis = tuple(Kpi(**{**row, "value": math.nan if row["value"] is None else row["value"]})
                 for row in read_kpis(job.folder))  # fmt: skip
    return Written(
        job.seed,
        job.folder,
        False,
        meta["fingerprint"],
        kpis,
        job.day,
        job.draw,
        dict(job.inputs),
        _warnings(meta),
        at_hand=True,
    )


def _warnings(meta: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(warning["text"]) for warning in meta.get("warnings", ()))


def require_same_inputs(meta: Mapping[str, Any], scenario: Scenario, town: Town, folder: Path) -> None:
    """Return if every file that a run opened holds what it held, and the scenario and town were read of no other.

    Raises
    ------
    ResultError
        If not, with the names of those that differ.
    """
    files, roots = meta.get("input_files", {}), scenario.roots(town.folder)
    read_now = {**scenario.inputs.named(roots), **town.inputs.named(roots)}
    differ = [name for name, digest in read_now.items() if files.get(name) != digest]
    changed = sorted({*differ, *changed_inputs(files, roots)}) if files else ["it does not say which"]
    if changed:
        more = f" and {len(changed) - MOST_NAMES} more" if len(changed) > MOST_NAMES else ""
        raise ResultError(f"{folder}: was made from other files: {', '.join(changed[:MOST_NAMES])}{more}")


def require_room(folder: Path) -> None:
    """Return if nothing stands in a folder, or an older result that may be replaced.

    Raises
    ------
    ResultError
        If something else than a result stands there.
    """
    try:
        require_replaceable(folder)
    except ResultError as error:
        raise ResultError(f"{error}; move it away or choose another --out") from None


def _cannot_write(folder: Path, error: OSError) -> str:
    reason = error.strerror or str(error).splitlines()[0]
    advice = "; make room, then give the same command again: finished runs are kept" if error.errno in NO_ROOM else ""
    return f"{folder}: cannot write the result: {reason}{advice}"
