"""`kera plot`: a picture of one run, drawn from its result folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[Path, typer.Argument(help="Result folder of one run, or a folder with one run below it.")],
    kind: Annotated[str, typer.Argument(help="Kind of picture: map, mode-share, time-space, waiting, ...")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write; .png, .svg or .pdf.")],
) -> None:
    """Draw a picture of one run."""
    from kera_mobility.errors import ConfigError, ResultError, nearest_name
    from kera_mobility.results.plots import kinds
    from kera_mobility.results.store import load_record, result_folders

    plots = kinds()
    if kind not in plots:
        near = nearest_name(kind, list(plots))
        raise ConfigError(f"no figure '{kind}'{near}; expected one of {', '.join(sorted(plots))}")
    runs = result_folders(folder)
    if len(runs) > 1:
        raise ResultError(f"{folder}: holds {len(runs)} runs, expected one; name one of them, such as {runs[0]}")
    typer.echo(f"wrote {plots[kind](load_record(runs[0]), out)}")
