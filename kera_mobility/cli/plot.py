"""`kera plot`: a picture of one run, drawn from its result folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import say


@examples("kera plot results/all/seed-0001 trips-by-hour -o trips.png")
def command(
    folder: Annotated[Path, typer.Argument(help="Result folder of one run, or a folder with one run below it.")],
    kind: Annotated[str, typer.Argument(help="Kind of picture: map, mode-share, time-space, waiting, ...")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write; .png, .svg or .pdf.")],
) -> None:
    """Draw a picture of one run."""
    from kera_mobility.results.plots import plot

    say(f"wrote {plot(folder, kind, out)}")
