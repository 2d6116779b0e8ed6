"""`kera report`: results as one HTML file for a meeting, from their folders alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._decision import DecisionFile, PrimaryOutcomes, chosen_decision
from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import say


@examples("kera report results/finished results/all -o all.html")
def command(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Result folders, or folders of them; the first scenario is what others are compared with."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write, .html.")] = Path("report.html"),
    people: Annotated[
        int | None, typer.Option(min=0, max=200_000, help="Most people whose day can be watched; 9,000 if not given.")
    ] = None,
    decision: DecisionFile = None,
    primary: PrimaryOutcomes = "",
    checks: Annotated[
        Path | None,
        typer.Option(
            help="Checks against data that `kera calibrate --result FILE` wrote; those of the project if not given."
        ),
    ] = None,
) -> None:
    """Write a report that opens from disk in any browser: figures, map, playback, sources."""
    from kera_mobility.results.report import write_report
    from kera_mobility.results.report.content import MOST_PEOPLE

    most_people = MOST_PEOPLE if people is None else people
    written = write_report(folders, out, most_people, checks, chosen_decision(decision, primary))
    size_mb = written.stat().st_size / 1e6
    say(f"Report: {written} ({size_mb:.1f} MB); open it in a browser, it needs no network")
