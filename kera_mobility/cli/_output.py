"""What the verbs print and write: text, JSON, CSV, files that appear whole or not at all, remarks beside the output."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from kera_mobility.errors import ResultError, raise_together
from kera_mobility.texts import spreadsheet_cell, visible

STDOUT = Path("-")
"""Stands for the standard output where a file is expected."""
MOST_LINES = 15
"""Lines of what a verb prints of a long text or table unless `--all` is given, the last line among them."""
Everyone = Annotated[bool, typer.Option("--all", help="Print every line, not the fifteen that matter most.")]


def say(text: str, err: bool = False) -> None:
    """Print text; what it holds of data moves no terminal."""
    typer.echo(visible(text), err=err)


def say_brief(lines: Sequence[str], whole: str, everyone: bool) -> None:
    """Print `brief_lines`."""
    say("\n".join(brief_lines(lines, whole, everyone)))


def brief_lines(lines: Sequence[str], whole: str, everyone: bool) -> list[str]:
    """Return every line of the text, or those that matter: at most MOST_LINES, none wider than the terminal.

    The last of them says how many more lines `--all` shows; a text that fits is printed whole.
    """
    width = terminal_width()
    full = whole.split("\n")
    if everyone or (len(full) <= MOST_LINES and all(len(line) <= width for line in full)):
        return full
    shown = [line if len(line) <= width else f"{line[: width - 2]}.." for line in lines[: MOST_LINES - 1]]
    return [*shown, f"{max(len(full) - len(shown), 0)} more lines with --all"]


def terminal_width() -> int:
    """Return how many columns the terminal has, 80 where there is none."""
    return shutil.get_terminal_size().columns


def remark(text: str) -> None:
    """Print a line on stderr, beside the output."""
    say(text, err=True)


def in_columns(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Return rows of cells as lines, each column as wide as its widest cell, numbers set from the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def print_json(content: Any) -> None:
    """Print JSON; NaN is a fault of the caller."""
    say(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], file: Path) -> None:
    """Write rows as CSV to a file, or print them for `-`; a spreadsheet runs none of their text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: spreadsheet_cell(value) for name, value in row.items()} for row in rows)
    write_text(text.getvalue(), file)


def try_first(*files: Path | None) -> None:
    """Return if every file that is to be written can be; the trial leaves nothing behind.

    Raises
    ------
    FileError
        With every one that cannot.
    """
    from kera_mobility.file_paths import require_writable

    raise_together(partial(require_writable, file) for file in files if file is not None and file != STDOUT)


def write_text(text: str, file: Path) -> None:
    """Write a file, or print the text for `-`.

    Raises
    ------
    ResultError
        If it cannot be written; what stood there stays.
    """
    from kera_mobility.files import replacing

    if file == STDOUT:
        typer.echo(text, nl=False)
        return
    try:
        with replacing(file) as whole:
            whole.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ResultError(f"{file}: cannot write: {error.strerror or error}") from None
