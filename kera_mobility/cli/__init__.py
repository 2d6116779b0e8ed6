"""The `kera` command: one module per verb in this folder, each with a `command` function or a Typer `app`.

Verbs import what is heavy inside their functions, so that `kera --help` stays light.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer

from kera_mobility.cli._net import Verbs, tell


def command_line() -> typer.Typer:
    """Return the command with every verb found in this folder."""
    kera = typer.Typer(
        name="kera",
        cls=Verbs,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    kera.callback()(_before_any_verb)
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")):
        module = importlib.import_module(f"{__name__}.{name}")
        verb = name.rstrip("_").replace("_", "-")  # `list.py` would stand for `list` in this module
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
    """Run the command and leave with its exit code; whatever goes wrong is said in words, without a traceback."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a name of a file may have characters that the terminal has not
                stream.reconfigure(errors="backslashreplace")
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk is told here, not while Python closes the stream
    except BaseException as error:
        code = tell(error)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> Any:
    """Return the exit code that the command leaves with."""
    try:
        command_line()(args=None if arguments is None else [*arguments], prog_name="kera")
    except SystemExit as leaving:
        return leaving.code
    return 0
