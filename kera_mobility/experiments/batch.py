"""One scenario, many runs: each writes its own folder, whole or not at all; what is finished is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError, MissingFileError, ResultError
from kera_mobility.experiments.executors import Cluster, Executor, Lost, Outcome, Processes, Serial
from kera_mobility.experiments.jobs import Job, Stages, Towns, Written, finished, require_room, run_folder
from kera_mobility.experiments.stopping import Narrowness, Until
from kera_mobility.experiments.uncertainty import UNCERTAIN, Accept, UncertainInput, load_uncertain, with_inputs
from kera_mobility.file_paths import require_writable
from kera_mobility.files import sweep
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.kpis import KPI_HEADINGS, mean_rows
from kera_mobility.results.store import load_record, result_folders
from kera_mobility.simulation.run import Run
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.town import Town

if TYPE_CHECKING:
    import pandas as pd

MOST_RUNS = 200
"""Where `until` gives up, unless told. Assumption: a quarter of an hour on two cores for a day in a district."""

Note = Callable[[str], None]
"""Called with what a person should know, one line each."""


@dataclass(frozen=True, repr=False)
class Experiment(Display):
    """What a batch of runs left behind."""

    scenario: Scenario
    folder: Path
    """`out/<scenario>`; give it to `compare`."""
    runs: tuple[Written, ...]
    """By draw, seed."""
    narrowness: Narrowness | None
    """How narrow the interval became, if that was asked for."""

    def _glance(self) -> tuple[str, str, str]:
        seeds = ", ".join(str(run.seed) for run in self.runs)
        return (
            f"Experiment with {self.scenario.name}: {len(self.runs)} runs in {self.folder}",
            f"seeds {seeds}" + (f"; {self.narrowness}" if self.narrowness else ""),
            ".frame is a pandas frame, km.compare(reference.folder, this.folder) what differs, .runs the runs",
        )

    def _grid(self) -> Grid:
        return KPI_HEADINGS, mean_rows([run.kpis for run in self.runs])

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each run and KPI: seed, day, draw (missing where nothing was drawn), id, value, unit, population.

        `id` is the KPI's, `value` missing where there is nothing to measure.
        """
        import pandas as pd

        rows = [
            (run.seed, run.day, run.draw, kpi.id, kpi.value, kpi.unit, kpi.population)
            for run in self.runs
            for kpi in run.kpis
        ]
        frame = pd.DataFrame(rows, columns=["seed", "day", "draw", "id", "value", "unit", "population"])
        return frame.astype({"draw": "Int64"})


def experiment(
    scenario: Scenario | str | Path,
    seeds: Sequence[int],
    out: str | Path = "results",
    *,
    day: int = 0,
    inputs: int = 0,
    uncertain: str | Path = UNCERTAIN,
    accept: Accept | None = None,
    until: str | None = None,
    most: int = MOST_RUNS,
    workers: int = 1,
    cluster: str | None = None,
    again: bool = False,
    progress: Stages | None = None,
    follow: int | None = None,
    say: Note | None = None,
    planned: Callable[[int], None] | None = None,
    written: Callable[[Written], None] | None = None,
    note: Note | None = None,
) -> Experiment:
    """Run a scenario once for each seed, or each draw of its uncertain inputs, each into its folder.

    With more than one worker, runs go to spawned processes: call this under `if __name__ == "__main__":`.

    Parameters
    ----------
    seeds
        Chance of the day. With `inputs`, draw i has the i-th of them, from the front again after the last.
    inputs
        Number of draws of what we do not know, 0 to leave it as the scenario has it.
    uncertain
        File of the uncertain inputs and their ranges.
    accept
        Says whether a joint draw agrees with what is known (calibration targets); every draw does without it.
    until
        Such as `sustainable_share 0.3pp`: seeds (or draws) are added until the 95 % interval is that narrow.
    most
        Where `until` gives up, runs.
    cluster
        Address of a dask scheduler, instead of processes here.
    again
        Run also what stands finished in its folder, made from equal input by the same code.
    progress, follow, say
        As for `simulate`; only where runs are done one after the other in this process.
    planned, written, note
        Called with the number of runs now planned, with each run as it is finished, and with words worth knowing.

    Raises
    ------
    ConfigError
        If the scenario or the uncertain inputs have faults.
    FileError, ResultError
        Before any work, if a folder cannot be written or holds something else than a result; at the end, if runs
        were given up. What is finished is kept in any case.
    """
    checked = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    target = Until.of(until) if until is not None else None
    note = note or _ignore
    plan = _Plan(checked, seeds, Path(out), day, inputs, load_uncertain(uncertain) if inputs else {}, accept)
    require_writable(run_folder(out, checked.name, max(seeds), day), folder=True)
    first = list(plan.first())
    for job in first:
        sweep(job.folder)
        require_room(job.folder)
    plan.describe(note)
    town = Towns().of(checked)  # made before the workers: they find what they share in the cache
    side_by_side = workers > 1 and (len(first) > 1 or target is not None)
    with closing(_executor(workers if side_by_side else 1, cluster, progress, follow, say)) as executor:
        batch = _Batch(executor, town, again, planned or _ignore, written or _ignore, note)
        narrowness = None
        if target is None:
            batch.run(first)
        else:
            narrowness = batch.run_until(target, most, first, plan)
    batch.require_all()
    if narrowness is not None:
        note(f"{narrowness}: {'narrow enough' if narrowness.narrow else f'stopped at the most runs, {most}'}.")
    ordered = sorted(batch.done, key=lambda run: (run.draw or 0, run.seed))
    return Experiment(checked, Path(out) / checked.name, tuple(ordered), narrowness)


def load(folder: str | Path) -> Run:
    """Return the run that a result folder holds, or the only one below it; columns by name in `columns`.

    Raises
    ------
    MissingFileError, ResultError
        If there is no result, several, a torn one, or one of an unknown schema.
    """
    place = Path(folder)
    if not place.exists():
        raise MissingFileError(f"{place}: no such result folder")
    if not (place / "run.json").exists():
        runs = result_folders(place)
        if len(runs) > 1:
            raise ResultError(f"{place}: holds {len(runs)} results, expected one of them, such as {runs[0]}")
        place = runs[0]
    return Run(load_record(place))


@dataclass
class _Batch:
    """Runs under way, and what became of them."""

    executor: Executor
    town: Town
    again: bool
    planned: Callable[[int], None]
    written: Callable[[Written], None]
    note: Note
    done: list[Written] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)

    def run(self, jobs: Sequence[Job], first: Callable[[Written], None] | None = None) -> None:
        """Do the jobs that do not stand finished in their folders."""
        self.planned(len(self.done) + len(jobs))
        for outcome in self._outcomes(jobs):
            if isinstance(outcome, Lost):
                self.lost.append(outcome)
                continue
            if first is not None and not self.done:
                first(outcome)
            self.done.append(outcome)
            self.written(outcome)

    def run_until(self, target: Until, most: int, jobs: Sequence[Job], plan: _Plan) -> Narrowness:
        """Do the jobs, and more until the interval is narrow enough, or there are the most."""
        self.run(jobs, target.require_known)
        while True:
            narrowness = target.progress(self.done)
            number = 0 if narrowness.narrow or self.lost else narrowness.runs_to_add(len(self.done), most)
            if not number:
                return narrowness
            self.run(list(plan.further(number)))

    def require_all(self) -> None:
        """Return if no run was given up; raise ResultError with the reasons else."""
        if self.lost:
            words = "; ".join(f"{lost.job}: {lost.why}" for lost in self.lost)
            raise ResultError(
                f"{len(self.lost)} of {len(self.done) + len(self.lost)} runs were given up: {words}. "
                "The others are kept; the same command tries again"
            )

    def _outcomes(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        remaining = []
        for job in jobs:
            run = None if self.again else self._finished(job)
            if run is None:
                remaining.append(job)
            else:
                yield run
        yield from self.executor.perform(remaining)

    def _finished(self, job: Job) -> Written | None:
        try:
            return finished(job, self.town)
        except ResultError as error:
            self.note(f"{job} is run again: {error}")
            return None


class _Plan:
    """The runs of a batch: first those asked for, then further ones of the same kind."""

    def __init__(
        self, scenario: Scenario, seeds: Sequence[int], out: Path, day: int, inputs: int,
        uncertain: Mapping[str, UncertainInput], accept: Accept | None,
    ) -> None:  # fmt: skip
        if not seeds:
            raise ConfigError("seeds: got none, expected at least one")
        for seed in seeds:
            Dice.of(seed, day)
        self._scenario, self._seeds, self._out, self._day = scenario, list(dict.fromkeys(seeds)), out, day
        self._inputs, self._uncertain, self._accept = inputs, uncertain, accept
        self._next_draw = count(1)
        self._next_seed = count(max(self._seeds) + 1)

    def first(self) -> Iterator[Job]:
        """Yield the runs asked for."""
        yield from self.further(self._inputs) if self._inputs else (self._job(seed) for seed in self._seeds)

    def further(self, number: int) -> Iterator[Job]:
        """Yield some further runs: draws if inputs are drawn, seeds else."""
        for _ in range(number):
            yield self._drawn(next(self._next_draw)) if self._inputs else self._job(next(self._next_seed))

    def describe(self, note: Note) -> None:
        """Say which uncertain inputs the scenario has no place for, or has decided."""
        if not self._inputs:
            return
        drawn = with_inputs(self._scenario, self._uncertain, 1, self._accept)
        varied = len(self._uncertain) - len(drawn.absent) - len(drawn.decided)
        alone = "" if self._accept else ", independent of each other: no calibration target accepts or rejects them"
        note(f"{self._inputs} draws of {varied} uncertain inputs{alone}.")
        if drawn.absent:
            note(f"Without a place in '{self._scenario.name}', so not drawn: {', '.join(drawn.absent)}.")
        if drawn.decided:
            note(f"Not drawn, the scenario has a value other than the best guess: {', '.join(drawn.decided)}.")

    def _job(self, seed: int) -> Job:
        return Job(self._scenario, seed, self._day, run_folder(self._out, self._scenario.name, seed, self._day))

    def _drawn(self, number: int) -> Job:
        seed = self._seeds[(number - 1) % len(self._seeds)]
        drawn = with_inputs(self._scenario, self._uncertain, number, self._accept)
        folder = run_folder(self._out, self._scenario.name, seed, self._day, number)
        return Job(drawn.scenario, seed, self._day, folder, number, drawn.inputs)


def _executor(
    workers: int, cluster: str | None, progress: Stages | None, follow: int | None, say: Note | None
) -> Executor:
    if cluster is not None:
        return Cluster(cluster)
    return Processes(workers) if workers > 1 else Serial(progress, follow, say)


def _ignore(_: object) -> None:
    """Do nothing."""
