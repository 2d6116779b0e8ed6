"""`kera ask`: what a variant changes against its reference, in fifteen lines, and a report."""

from __future__ import annotations

import textwrap
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import remark, say, terminal_width, try_first
from kera_mobility.cli._progress import kept_after_interrupt, progress_display
from kera_mobility.cli._progress_lines import ProgressLines

if TYPE_CHECKING:
    from kera_mobility.experiments.jobs import Written
    from kera_mobility.experiments.question import Answer

MOST_LINES = 15
"""Lines of the answer."""
MOST_CHANGES = 10
"""Settings that are shown, unless all are asked for."""


@examples(
    "kera ask configs/trials/shuttle.yaml",
    "kera ask configs/trials/all.yaml --against configs/finished.yaml --attribute",
    "kera ask configs/trials/shuttle.yaml --set services.shuttle.fare_eur=1.50",
)
def command(
    variant: Annotated[Path, typer.Argument(help="Scenario file that is asked about.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Reference; else VARIANT without --set, or without that the scenario that it extends."),
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key of the variant; may be repeated.")
    ] = None,
    figure: Annotated[
        str, typer.Option(help="Figure that decides, and a half-width that is enough: 'sustainable_share 0.3pp'.")
    ] = "sustainable_share",
    precise: Annotated[
        bool, typer.Option("--precise", help="Go on until the change has the half-width of --figure, sign sure or not.")
    ] = False,
    attribute: Annotated[
        bool, typer.Option("--attribute", help="Say which change did it: run the variant without each.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=2, max=200, help="Seeds of the first round.")] = 5,
    most_seeds: Annotated[int, typer.Option(min=2, max=1000, help="Where the adding of seeds ends.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Results go to OUT/<scenario>/seed-0001.")] = Path("results"),
    report: Annotated[Path | None, typer.Option(help="Report to write; OUT/<scenario>.html if not given.")] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    everyone: Annotated[bool, typer.Option("--all", help="Show every setting that differs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only the answer.")] = False,
    progress_lines: Annotated[
        bool, typer.Option("--progress-lines", help="Progress and answer as JSON on stderr, an object a line.")
    ] = False,
) -> None:
    """Run a variant and its reference with equal seeds until the figure is clear; show what differs and the answer.

    Finished runs are kept: an interrupted question goes on when it is asked again.
    """
    from kera_mobility.config.resources import require_found
    from kera_mobility.experiments.question import ask, sides

    require_found([variant, *([against] if against else [])], "configs")
    try_first(report)
    runs: list[Written] = []
    try:
        lines = nullcontext(ProgressLines(runs))
        with lines if progress_lines else progress_display(runs, quiet) as display:
            answer = ask(
                variant, against, override or (), figure=figure, seeds=seeds, most=most_seeds, precise=precise,
                attribute=attribute, out=out, workers=workers, progress=display.stage, planned=display.planned,
                written=display.written, note=display.note,
            )  # fmt: skip
            if isinstance(display, ProgressLines):
                display.answer(answer.to_json())
    except KeyboardInterrupt:
        folders = [out / scenario.name for scenario in sides(variant, against, override or ())]
        remark(kept_after_interrupt([*folders, *out.glob(f"{folders[1].name}-without-*")], batch=True))
        raise
    say("\n".join([*_changes(answer, everyone), "", *answer_lines(answer, terminal_width())]))
    if not no_report:
        from kera_mobility.results.report import write_report

        written = write_report(
            answer.folders, report or out / f"{answer.variant.name}.html", decision=answer.comparison.decision
        )
        say(f"Report: {written}")


def answer_lines(answer: Answer, width: int) -> list[str]:
    """Return the answer in MOST_LINES lines at most: the sentence, what each change did, what else moved."""
    from kera_mobility.results.compare.brief import brief, chief_rows

    lines = [line.replace("~", " ") for line in textwrap.wrap(answer.sentence.replace(" %", "~%"), width)]
    unit = answer.figure.unit
    parts = [f"  {part.name}: {part.words(unit)}, {part.verdict}" for part in answer.parts]
    parts += [f"  cannot be taken back alone: {text}" for text in answer.untried]
    if parts:
        shown = parts[: MOST_LINES - len(lines) - 5]
        more = f"; the first {len(shown)} of {len(parts)}" if len(parts) > len(shown) else ""
        lines += [f"What each change did (the variant, less the variant without it){more}:", *shown]
        lines = [line if len(line) <= width else f"{line[: width - 2]}.." for line in lines]
    room = MOST_LINES - len(lines) - 2
    rows = [row for row in chief_rows(answer.comparison, room + 1, [answer.figure.id]) if row.id != answer.figure.id]
    table = brief(rows[:room], answer.reference.name, answer.variant.name, width)
    told = "Besides (exploratory; ? cannot tell after correction; seeds: chance only):"
    return [*lines, told[:width], *table]


def _changes(answer: Answer, everyone: bool) -> list[str]:
    changes = [str(change) for change in answer.changes]
    shown = changes if everyone else changes[:MOST_CHANGES]
    lines = [f"{answer.variant.name} differs from {answer.reference.name} in {len(changes)} settings:"]
    lines += [f"  {text}" for text in shown]
    return lines + ([f"  and {len(changes) - len(shown)} more; --all shows all"] if len(shown) < len(changes) else [])
