"""`kera run`: live a scenario for one day, or for one day of each of many seeds or draws of uncertain inputs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from kera_mobility.experiments.jobs import Written
    from kera_mobility.experiments.uncertainty import Accept
    from kera_mobility.results.kpis import Kpi

MOST_SEEDS = 10_000
"""More seeds than this in one command are a slip of the hand."""
MOST_RUNS = 200
"""Where `--until` gives up, unless told; as `experiment` has it."""
UNCERTAIN = Path("configs/uncertain.yaml")
"""The shipped uncertain inputs."""
LINE_EVERY_S = 15.0
"""Where there is no terminal, a batch says how far it is this often."""
SHORT_S = 100.0
"""Times up to this are told in seconds, longer ones in minutes."""
WIDEST = 200
"""Columns that the table may take; a narrow terminal wraps its lines rather than losing their ends."""
CHIEF = (
    "sustainable_share", "sustainable_share.with_scooter", "mode_share.*", "trips", "trips_per_person",
    "door_to_door_s.mean", "unserved", "replans",
)  # fmt: skip
"""Figures of people that a table begins with; `--all` shows every one."""
CHIEF_OF_SERVICE = (
    "rides", "rides_per_vehicle_day", "boardings_per_vehicle_hour", "wait_s.mean", "refused", "left_behind",
    "punctual_share.*", "connections.missed", "promises.broken", "bookings.expired", "crew.hours",
    "operating_eur_per_ride", "cost_eur_per_ride", "subsidy_eur_per_ride", "permit.*.kept",
)  # fmt: skip
"""The same of each service, behind its name."""
STAGES = ("load", "plan", "simulate", "write")
"""The stages of a run, in order."""


def command(
    scenario: Annotated[Path, typer.Argument(help="Scenario file, here or among those that are shipped.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Chance of the day; 1 if not given.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several seeds, such as 1-20 or 1,3,5-7.")] = None,
    day: Annotated[int, typer.Option(min=0, help="Number of the day.")] = 0,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: services.scooter.fleet=80; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Results go to OUT/<scenario>/seed-0001.")] = Path("results"),
    inputs: Annotated[
        int, typer.Option(min=0, max=MOST_SEEDS, help="Draws of what we do not know; draw i has the i-th seed.")
    ] = 0,
    uncertain: Annotated[Path, typer.Option(help="File of the uncertain inputs and their ranges.")] = UNCERTAIN,
    independent: Annotated[
        bool, typer.Option("--independent", help="Keep also draws with which today misses the travel survey.")
    ] = False,
    until: Annotated[
        str | None, typer.Option(help="Add seeds until a KPI's 95 % interval is narrow: 'sustainable_share 0.3pp'.")
    ] = None,
    most_seeds: Annotated[int, typer.Option(min=1, max=MOST_SEEDS, help="Where --until gives up.")] = MOST_RUNS,
    workers: Annotated[int, typer.Option(min=1, help="Processes for several seeds.")] = 1,
    cluster: Annotated[str | None, typer.Option(help="Address of a dask scheduler, instead of processes.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Run also what is finished from equal input.")] = False,
    follow: Annotated[int | None, typer.Option(help="Tell the day of the person with this id.")] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Show every figure of every population, not the chief ones of residents.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every KPI.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no table, only faults.")] = False,
) -> None:
    """Run a scenario and show its KPIs; the result folder has everything that happened.

    A batch (--seeds, --inputs, --until) that was interrupted goes on where it stopped when it is given again.
    """
    chosen = _chosen_seeds(seed, seeds)
    batch = seeds is not None or inputs > 0 or until is not None
    if follow is not None and (len(chosen) > 1 or inputs > 1 or until or workers > 1 or cluster):
        raise typer.BadParameter("one person can be followed in one run only", param_hint="--follow")

    from kera_mobility.experiments.batch import experiment
    from kera_mobility.simulation.scenario import load_scenario

    checked = load_scenario(scenario, override or ())
    kept: list[Written] = []
    try:
        with _display(kept, batch, quiet) as display:
            accept = _acceptance(uncertain, display.note) if inputs and not independent else None
            experiment(
                checked, chosen, out, day=day, inputs=inputs, uncertain=uncertain, accept=accept, until=until,
                most=most_seeds,
                workers=workers, cluster=cluster, again=again or not batch, progress=display.stage, follow=follow,
                say=lambda text: typer.echo(text, err=as_json), planned=display.planned,
                written=display.written, note=display.note,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(_word_on_kept(out / checked.name, batch), err=True)
        raise
    kept.sort(key=lambda one: (one.draw or 0, one.seed))
    if as_json:
        typer.echo(_json(checked.name, kept))
    elif not quiet:
        _show_table(checked.title or checked.name, list(checked.services), kept, everyone)
    if not quiet:
        _say_where(kept)


def _acceptance(uncertain: Path, note: Callable[[str], None]) -> Accept:
    """Return what rejects draws that the travel survey of today rules out."""
    from kera_mobility.experiments.calibration.acceptance import acceptance
    from kera_mobility.experiments.uncertainty import load_uncertain

    return acceptance(load_uncertain(uncertain), say=note)


def _chosen_seeds(seed: int | None, seeds: str | None) -> list[int]:
    if seeds is None:
        return [1 if seed is None else seed]
    if seed is not None:
        raise typer.BadParameter("expected --seed or --seeds, got both", param_hint="--seeds")
    chosen: dict[int, None] = {}
    for part in seeds.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and len(first + last) < 20 and int(first) <= int(last)):
            raise typer.BadParameter(f"got '{part}', expected a seed or a range such as 1-20", param_hint="--seeds")
        if int(last) - int(first) + len(chosen) >= MOST_SEEDS:
            raise typer.BadParameter(f"more than {MOST_SEEDS} seeds", param_hint="--seeds")
        chosen.update(dict.fromkeys(range(int(first), int(last) + 1)))
    return list(chosen)


def _word_on_kept(folder: Path, batch: bool) -> str:
    # What stands on the disk counts: a run may have been written and not yet told when Ctrl-C came.
    kept = len(list(folder.glob("seed-*/run.json")))
    if not kept:
        return "Nothing was written: a run is kept only when it is whole."
    more = " The same command goes on from there." if batch else ""
    runs = "1 whole run is" if kept == 1 else f"{kept} whole runs are"
    return f"{runs} kept in {folder}; nothing half-written is.{more}"


def _say_where(kept: list[Written]) -> None:
    at_hand = [one for one in kept if one.at_hand]
    if at_hand:
        runs = "1 run was" if len(at_hand) == 1 else f"{len(at_hand)} runs were"
        typer.echo(f"{runs} finished before, from equal input, and not run again; --again does.", err=True)
    for one in kept:
        if not one.at_hand:
            typer.echo(f"Written to {one.folder}{' (replaces an earlier run)' if one.replaced else ''}", err=True)


@contextmanager
def _display(kept: list[Written], batch: bool, quiet: bool) -> Iterator[_Display]:
    """Show how far things are on stderr: bars on a terminal, for a batch elsewhere a line from time to time."""
    if quiet or not sys.stderr.isatty():
        yield _Display(kept, None, lines=batch and not quiet, notes=not quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    left = TextColumn("{task.fields[left]}")
    with Progress(*columns, TimeElapsedColumn(), left, console=Console(stderr=True), transient=True) as bars:
        yield _Display(kept, bars)


class _Display:
    """What is shown of runs under way; `kept` is filled as they are finished."""

    def __init__(self, kept: list[Written], bars: Progress | None, *, lines: bool = False, notes: bool = True) -> None:
        self._kept = kept
        self._bars, self._lines, self._notes = bars, lines, notes
        self._tasks: dict[str, TaskID] = {}
        self._total = 0
        self._began_s = self._told_s = time.monotonic()

    def planned(self, total: int) -> None:
        """Take note of how many runs there are to be."""
        self._total = total
        if self._bars is not None and total > 1:
            if "runs" not in self._tasks:
                self._tasks["runs"] = self._bars.add_task(f"{total} runs", total=total, left="")
            self._bars.update(self._tasks["runs"], total=total, description=f"{total} runs")

    def stage(self, seed: int, stage: str, part: float) -> None:
        """Show a stage; it may carry a word, such as `simulate 07:45`, which is shown too."""
        if self._bars is None:
            return
        name = stage.partition(" ")[0]
        if name == STAGES[0] and len(self._tasks) > 2:  # the next run begins
            for task in [self._tasks.pop(old) for old in STAGES if old in self._tasks]:
                self._bars.remove_task(task)
        label = f"seed {seed}  {stage}" if self._total > 1 else stage
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(label, total=1.0, left="")
        self._bars.update(self._tasks[name], completed=part, description=label)

    def written(self, one: Written) -> None:
        """Show that a run is finished, and how long the others will take."""
        self._kept.append(one)
        if self._bars is not None and "runs" in self._tasks:
            self._bars.update(self._tasks["runs"], completed=len(self._kept), left=self._left())
        now_s = time.monotonic()
        if self._lines and now_s - self._told_s >= LINE_EVERY_S and len(self._kept) < self._total:
            self._told_s = now_s
            typer.echo(f"{len(self._kept)} of {self._total} runs, {self._left()}", err=True)

    def note(self, text: str) -> None:
        """Show a line that a person should know."""
        if self._bars is not None:
            self._bars.console.print(text, highlight=False)
        elif self._notes:
            typer.echo(text, err=True)

    def _left(self) -> str:
        """Return the time left in words, from the pace of the runs so far."""
        run = sum(not one.at_hand for one in self._kept)
        if not run:
            return ""
        left_s = (time.monotonic() - self._began_s) / run * (self._total - len(self._kept))
        return f"about {left_s:.0f} s left" if left_s < SHORT_S else f"about {left_s / 60.0:.0f} min left"


def _json(name: str, kept: list[Written]) -> str:
    import json

    from kera_mobility.results.kpis import to_json

    runs = [
        {
            "seed": one.seed,
            **({} if one.draw is None else {"input_draw": one.draw, "inputs": dict(one.inputs)}),
            "folder": str(one.folder),
            "fingerprint": one.fingerprint,
            "kpis": [to_json(kpi) for kpi in one.kpis],
        }
        for one in kept
    ]
    return json.dumps({"scenario": name, "runs": runs}, indent=2, ensure_ascii=False, allow_nan=False)


def _show_table(title: str, services: list[str], kept: list[Written], everyone: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    many = len(kept) > 1
    kind = "draws of uncertain inputs" if kept and kept[0].draw is not None else "seeds"
    caption = f"{title}, {len(kept)} {kind}" if many else title
    table = Table(title=caption, title_justify="left", box=None, pad_edge=False, show_header=many)
    table.add_column("", no_wrap=True)
    for heading in ("mean", "lowest", "highest") if many else ("",):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("of", no_wrap=True)
    for group, kpis in _groups(services, kept, everyone).items():
        table.add_row()
        table.add_row(group, style="bold")
        for same in kpis:
            first = same[0]
            table.add_row(first.id, *_values([kpi.value for kpi in same], many), first.unit, first.population)
    Console(width=WIDEST).print(table)
    if not everyone and kept:
        shown = sum(_is_chief(kpi.id, services) for kpi in kept[0].kpis)
        typer.echo(f"{shown} of {len(kept[0].kpis)} figures; --all shows all, kpis.json has their definitions")


def _groups(services: list[str], kept: list[Written], everyone: bool) -> dict[str, list[list[Kpi]]]:
    """Return the KPIs by what they are about, people first, then each service; those of one id together."""
    same: dict[str, list[Kpi]] = {}
    for one in kept:
        for kpi in one.kpis:
            if everyone or _is_chief(kpi.id, services):
                same.setdefault(kpi.id, []).append(kpi)
    groups: dict[str, list[list[Kpi]]] = {group: [] for group in ("people", *services)}
    for name, kpis in same.items():
        prefix = name.partition(".")[0]
        groups[prefix if prefix in services else "people"].append(kpis)
    return {group: kpis for group, kpis in groups.items() if kpis}


def _is_chief(name: str, services: list[str]) -> bool:
    service, _, figure = name.partition(".")
    chief, asked = (CHIEF_OF_SERVICE, figure) if service in services else (CHIEF, name)
    return "@" not in name and any(fnmatch(asked, pattern) for pattern in chief)


def _values(values: list[float], many: bool) -> list[str]:
    import math

    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ["-"] * (3 if many else 1)
    shown = [math.fsum(known) / len(known), min(known), max(known)] if many else known
    return [f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" for value in shown]
