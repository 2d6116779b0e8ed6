"""`kera serve`: the planner's page, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import say


@examples("kera serve", "kera serve configs/temporary_use.yaml --library results/summer --port 8400")
def command(
    base: Annotated[
        Path, typer.Argument(help="Scenario that questions are asked about; trials/ beside it has new services.")
    ] = Path("configs/finished.yaml"),
    library: Annotated[Path, typer.Option(help="Folder of the questions and their results.")] = Path("results/page"),
    host: Annotated[str, typer.Option(help="Another address than this machine's own needs --passwords.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; a free one if 0.")] = 0,
    passwords: Annotated[
        Path | None, typer.Option(help="File with lines `planner: ...` and `viewer: ...`, readable by you alone.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes for a run of several days.")] = 1,
) -> None:
    """Ask and answer questions in a browser: no YAML, no network. Prints an address with a token."""
    try:
        from kera_mobility.serve.server import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio"):
            raise
        from kera_mobility.errors import MissingExtraError

        raise MissingExtraError(
            "the page needs starlette and uvicorn; install them with: pip install 'kera-mobility[page]'"
        ) from None
    serve(base, library, host, port, passwords, workers, say)
