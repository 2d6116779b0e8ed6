"""The `kera` command: one module per verb in this folder, each with a `command` function or a Typer `app`.

Verbs import what is heavy inside their functions, so that `kera --help` stays light.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from kera_mobility.errors import KeraError

BAD_INPUT = 2
"""Exit code when the user can mend it."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""
PIPE_CLOSED = 141
"""Exit code when the reader of our output went away: 128 + SIGPIPE."""


def command_line() -> typer.Typer:
    """Return the command with every verb found in this folder."""
    kera = typer.Typer(
        name="kera",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    kera.callback()(_before_any_verb)
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")):
        module = importlib.import_module(f"{__name__}.{name}")
        verb = name.replace("_", "-")
        if hasattr(module, "app"):
            kera.add_typer(module.app, name=verb)
        else:
            kera.command(verb)(module.command)
    return kera


def _print_version(asked_for: bool) -> None:
    if asked_for:
        from kera_mobility.cli.version import command

        command()
        raise typer.Exit


def _before_any_verb(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="As in version.")
    ] = False,
) -> None:
    """Try mobility services on a simulated district before paying for them in the street."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code; what a user can mend is said in words, without a traceback."""
    try:
        command_line()(args=None if arguments is None else list(arguments), prog_name="kera")
    except KeraError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # What is still in the buffer has no reader; without this Python complains while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    sys.exit(0)
