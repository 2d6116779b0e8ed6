"""`kera run`: live a scenario for one day, or for one day of each of many seeds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kera_mobility.experiment import Written
    from kera_mobility.outcomes.kpis import Kpi

MOST_SEEDS = 10_000
"""More seeds than this in one command are a slip of the hand."""
WIDEST = 200
"""Columns that the table may take; a narrow terminal wraps its lines rather than losing their ends."""
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
    workers: Annotated[int, typer.Option(min=1, help="Processes for several seeds.")] = 1,
    follow: Annotated[int | None, typer.Option(help="Tell the day of the person with this id.")] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Show every population in the table, not residents alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every KPI.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no table, only faults.")] = False,
) -> None:
    """Run a scenario and show its KPIs; the result folder has everything that happened."""
    chosen = _chosen_seeds(seed, seeds)
    if follow is not None and (len(chosen) > 1 or workers > 1):
        raise typer.BadParameter("one person can be followed in one run only", param_hint="--follow")

    from kera_mobility.experiment import experiment
    from kera_mobility.scenario import load_scenario

    checked = load_scenario(scenario, override or ())
    kept: list[Written] = []
    try:
        with _progress(len(chosen), shown=not quiet and sys.stderr.isatty()) as progress:
            experiment(
                checked, chosen, out, day=day, workers=workers, progress=progress, follow=follow,
                say=lambda text: typer.echo(text, err=as_json), written=kept.append,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(_word_on_kept(kept), err=True)
        raise
    if as_json:
        typer.echo(_json(checked.name, kept))
    elif not quiet:
        _show_table(checked.title or checked.name, list(checked.services), kept, everyone)
    if not quiet:
        for one in kept:
            typer.echo(f"Written to {one.folder}{' (replaces an earlier run)' if one.replaced else ''}", err=True)


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


def _word_on_kept(kept: list[Written]) -> str:
    if not kept:
        return "Nothing was written: a run is kept only when it is whole."
    runs = "1 whole run is" if len(kept) == 1 else f"{len(kept)} whole runs are"
    return f"{runs} kept in {kept[0].folder.parent}; nothing half-written is."


@contextmanager
def _progress(runs: int, *, shown: bool) -> Iterator[Callable[[int, str, float], None] | None]:
    """Show each stage on stderr; a stage may carry a word, such as `simulate 07:45`, which is shown too."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(seed: int, stage: str, part: float) -> None:
            name = stage.partition(" ")[0]
            if name == STAGES[0] and len(tasks) > 1:  # the next run begins
                for task in tasks.values():
                    bars.remove_task(task)
                tasks.clear()
            label = f"seed {seed}  {stage}" if runs > 1 else stage
            if name not in tasks:
                tasks[name] = bars.add_task(label, total=1.0)
            bars.update(tasks[name], completed=part, description=label)

        yield progress


def _json(name: str, kept: list[Written]) -> str:
    import json

    from kera_mobility.outcomes.kpis import to_json

    runs = [
        {
            "seed": one.seed,
            "folder": str(one.folder),
            "fingerprint": one.fingerprint,
            "kpis": [to_json(kpi) for kpi in one.kpis],
        }
        for one in sorted(kept, key=lambda one: one.seed)
    ]
    return json.dumps({"scenario": name, "runs": runs}, indent=2, ensure_ascii=False, allow_nan=False)


def _show_table(title: str, services: list[str], kept: list[Written], everyone: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    many = len(kept) > 1
    caption = f"{title}, {len(kept)} seeds" if many else title
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


def _groups(services: list[str], kept: list[Written], everyone: bool) -> dict[str, list[list[Kpi]]]:
    """Return the KPIs by what they are about, people first, then each service; those of one id together."""
    same: dict[str, list[Kpi]] = {}
    for one in kept:
        for kpi in one.kpis:
            if everyone or "@" not in kpi.id:
                same.setdefault(kpi.id, []).append(kpi)
    groups: dict[str, list[list[Kpi]]] = {group: [] for group in ("people", *services)}
    for name, kpis in same.items():
        prefix = name.partition(".")[0]
        groups[prefix if prefix in services else "people"].append(kpis)
    return {group: kpis for group, kpis in groups.items() if kpis}


def _values(values: list[float], many: bool) -> list[str]:
    import math

    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ["-"] * (3 if many else 1)
    shown = [math.fsum(known) / len(known), min(known), max(known)] if many else known
    return [f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" for value in shown]
