"""`kera run`: simulate a scenario for one day, or for one day of each of many seeds or draws of uncertain inputs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import print_json, remark, say
from kera_mobility.cli._progress import kept_after_interrupt, progress_display
from kera_mobility.cli._progress_lines import ProgressLines

if TYPE_CHECKING:
    from kera_mobility.experiments.jobs import Written

MOST_SEED = 2**64 - 1
"""A seed is a word of 64 bits."""
MOST_SEEDS = 10_000
"""More seeds than this in one command are a slip of the hand."""
MOST_RUNS = 200
"""Where `--until` gives up, unless told; as `experiment` has it."""
UNCERTAIN = Path("configs/uncertain.yaml")
"""The shipped uncertain inputs."""


@examples(
    "kera run configs/trials/all.yaml --seeds 1-5 --workers 2",
    "kera run configs/trials/shuttle.yaml --set services.shuttle.last_s=23:00",
    "kera run configs/trials/scooters.yaml --set services.scooter.fleet=80",
    "kera run configs/finished.yaml --until 'sustainable_share 0.3pp'",
)
def command(
    scenario: Annotated[Path, typer.Argument(help="Scenario file, here or among those that are shipped.")],
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Chance of the day; 1 if not given.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several seeds, such as 1-20 or 1,3,5-7.")] = None,
    day: Annotated[int, typer.Option(min=0, max=9999, help="Number of the day.")] = 0,
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
    progress_lines: Annotated[
        bool, typer.Option("--progress-lines", help="Progress as JSON on stderr, an object a line, for a program.")
    ] = False,
) -> None:
    """Run a scenario and show its KPIs; the result folder has everything that happened.

    A batch (--seeds, --inputs, --until) that was interrupted goes on where it stopped when it is given again.
    """
    chosen = _chosen_seeds(seed, seeds)
    batch = seeds is not None or inputs > 0 or until is not None
    if follow is not None and (len(chosen) > 1 or inputs > 1 or until or workers > 1 or cluster):
        raise typer.BadParameter("one person can be followed in one run only", param_hint="--follow")

    from kera_mobility.config.resources import require_found
    from kera_mobility.experiments.batch import experiment
    from kera_mobility.experiments.calibration.acceptance import acceptance
    from kera_mobility.experiments.uncertainty import load_uncertain
    from kera_mobility.simulation.scenario import load_scenario

    require_found((scenario, uncertain) if inputs else (scenario,), "configs")
    checked = load_scenario(scenario, override or ())
    runs: list[Written] = []
    try:
        lines = nullcontext(ProgressLines(runs))
        with lines if progress_lines else progress_display(runs, quiet) as display:
            judged = inputs > 0 and not independent  # by the travel survey of today
            experiment(
                checked, chosen, out, day=day, inputs=inputs, uncertain=uncertain,
                accept=acceptance(load_uncertain(uncertain), say=display.note) if judged else None,
                until=until, most=most_seeds, workers=workers, cluster=cluster, again=again or not batch,
                progress=display.stage, follow=follow, say=lambda text: say(text, err=as_json),
                planned=display.planned, written=display.written, note=display.note,
            )  # fmt: skip
    except KeyboardInterrupt:
        remark(kept_after_interrupt([out / checked.name], batch))
        raise
    runs.sort(key=lambda run: (run.draw or 0, run.seed))
    if as_json:
        print_json({"scenario": checked.name, "runs": [_content(run) for run in runs]})
    elif not quiet:
        from kera_mobility.cli._kpi_table import show_table

        show_table(checked.title or checked.name, list(checked.services), runs, everyone)
    if not quiet:
        _report_timetables(runs)
        _report_folders(runs)


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


def _report_timetables(runs: list[Written]) -> None:
    """Say which service date the lines of the first run keep, and how many trips of the feed."""
    import json

    if not runs:
        return
    services = json.loads((runs[0].folder / "run.json").read_text(encoding="utf-8"))["services"]
    for service, about in services.items():
        feed = about.get("timetable") or {}
        if "date" in feed:
            counts, notices = feed["trips"], len(feed["notices"]) + len(feed["not_honoured"])
            more = f", {notices} notices in run.json" if notices else ""
            kept = f"{counts['kept']} of {sum(counts.values())} trips of its feed{more}"
            remark(f"{service}: timetable {feed['name']} of {feed['date']} ({feed['date_chosen']}), {kept}")


def _report_folders(runs: list[Written]) -> None:
    for text in dict.fromkeys(text for run in runs for text in run.warnings):
        seeds = [str(run.seed) for run in runs if text in run.warnings]
        remark(f"Warning: {text}" + (f" (seeds {', '.join(seeds)})" if len(runs) > 1 else ""))
    at_hand = sum(run.at_hand for run in runs)
    if at_hand:
        number = "1 run was" if at_hand == 1 else f"{at_hand} runs were"
        remark(f"{number} finished before, from equal input, and not run again; --again does.")
    for run in runs:
        if not run.at_hand:
            remark(f"Written to {run.folder}{' (replaces an earlier run)' if run.replaced else ''}")


def _content(run: Written) -> dict[str, Any]:
    """Return a run as an entry of the JSON output."""
    from kera_mobility.results.kpis import to_json

    drawn = {} if run.draw is None else {"input_draw": run.draw, "inputs": dict(run.inputs)}
    return {
        "seed": run.seed, **drawn, "folder": str(run.folder), "fingerprint": run.fingerprint,
        "kpis": [to_json(kpi) for kpi in run.kpis],
    }  # fmt: skip
