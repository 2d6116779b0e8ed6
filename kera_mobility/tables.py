"""Tables that people bring: CSV files with typed columns, declared once, every fault told with file, line and column.

Comma, semicolon or tab; decimal comma with the latter two; UTF-8 with or without a byte order mark. Nothing is guessed:
a cell that is empty, no number or out of bounds is a fault unless the column says what it means.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kera_mobility.errors import DataError, Fault, MissingFileError, nearest_name
from kera_mobility.files import utf8_text
from kera_mobility.ledger import is_file
from kera_mobility.units import HOUR_S, MINUTE_S, FloatArray

DELIMITERS = (",", ";", "\t")
LONGEST_TEXT = 2000
"""Characters of a cell of text."""
SMALLEST = 1e-9
"""A number nearer to nothing is a slip; it would overflow what divides by it."""
_HIDDEN = frozenset({"-1", "-9", "-99", "-999", "-9999", "nan", "na", "n/a", "null", "none", "#n/a", "..", "x"})
"""Usual marks of a value that nobody may see or knows."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_YES_NO = {"yes": True, "no": False}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableColumn:
    """What one column of a table holds."""

    name: str
    about: str
    """What it means, and its source if the code knows one."""
    kind: Literal["number", "whole", "text", "time", "yes_no"] = "number"
    """`time` is a clock such as 18:30, read as seconds from midnight; `yes_no` is yes or no."""
    unit: str = ""
    least: float = -math.inf
    most: float = math.inf
    blank: float | str | None = None
    """What an empty cell means, and a column that is not there; None: neither may be unless the column is optional."""
    required: bool = True
    allowed: tuple[str, ...] = ()

    def expected(self) -> str:
        """Return what a cell must hold, in words."""
        if self.kind in ("number", "whole"):
            kind = "a whole number" if self.kind == "whole" else "a number"
            unit = f" ({self.unit})" if self.unit else ""
            return f"{kind} from {self.least:,.12g} to {self.most:,.12g}{unit}"
        if self.kind == "text":
            return f"one of {', '.join(self.allowed)}" if self.allowed else f"text of 1 to {LONGEST_TEXT} characters"
        return "a time such as 18:30, up to 24:00" if self.kind == "time" else "yes or no"

    def value(self, text: str, *, decimal_comma: bool) -> Any:
        """Return the value of a cell.

        Raises
        ------
        ValueError
            If it is not what the column holds, with what was found and expected.
        """
        if not text and self.blank is not None:
            return self.blank
        value = self._parsed(text, decimal_comma)
        if value is None:
            unlike = text.lower() in _HIDDEN and self.kind in ("number", "whole")
            hint = "; a mark of a hidden value? Put in an estimate, or leave the row out" if unlike else ""
            found = f"got '{text if len(text) <= 40 else text[:40] + '...'}'" if text else "is empty"
            raise ValueError(f"{found}, expected {self.expected()}{hint}")
        return value

    def _parsed(self, text: str, decimal_comma: bool) -> Any:
        if self.kind == "yes_no":
            return _YES_NO.get(text.lower())
        if self.kind == "time":
            match = _CLOCK.fullmatch(text)
            time_s = int(match[1]) * HOUR_S + int(match[2]) * MINUTE_S if match else math.inf
            return time_s if time_s <= 24 * HOUR_S else None
        if self.kind == "text":
            fits = 0 < len(text) <= LONGEST_TEXT and not _CONTROL.search(text) and (text in (self.allowed or (text,)))
            return text if fits else None
        plain = text.replace(",", ".") if decimal_comma and "." not in text else text
        if not _NUMBER.fullmatch(plain):
            return None
        number = float(plain)
        if (
            not self.least <= number <= self.most
            or 0.0 < abs(number) < SMALLEST
            or (self.kind == "whole" and number != math.floor(number))
        ):
            return None
        return int(number) if self.kind == "whole" else number


@dataclass(frozen=True)
class Schema:
    """The columns of one table."""

    name: str
    about: str
    columns: tuple[TableColumn, ...]
    unique: tuple[str, ...] = ()
    """Columns that together stand for one row, so that no two rows have the same in all of them."""
    least_rows: int = 1


@dataclass(frozen=True)
class Table:
    """The rows R of a file, by column of its schema."""

    path: Path
    lines: tuple[int, ...]
    """(R,) line of the file in which each row begins."""
    columns: dict[str, list[Any]]
    """(R,) values by column."""

    def __len__(self) -> int:
        return len(self.lines)

    def numbers(self, *names: str) -> FloatArray:
        """Return columns of numbers, (R, names)."""
        return np.array([self.columns[name] for name in names], dtype=np.float64).reshape(len(names), -1).T

    def fault(self, row: int, problem: str) -> Fault:
        """Return a fault of a row."""
        return Fault(f"{self.path}:{self.lines[row]}", problem)


def read_table(path: Path, schema: Schema, need: Sequence[str] = (), purpose: str = "") -> Table:
    """Return a table; a column that the schema does not know is told in the log and left out.

    Parameters
    ----------
    need
        Optional columns that this reader cannot do without.
    purpose
        What the file is needed for, told if there is none.

    Raises
    ------
    MissingFileError
        If there is no such file.
    DataError
        With every fault of the file.
    """
    if not is_file(path):
        raise MissingFileError(f"{path}: no such file{f'; {purpose}' if purpose else ''}")
    return table_of(path, utf8_text(path), schema, need)


def table_of(path: Path, text: str, schema: Schema, need: Sequence[str] = ()) -> Table:
    """Return the table that a text holds; `path` is where faults are said to be."""
    delimiter, text, offset = _delimiter(text, schema)
    records, faults = _records(path, text, delimiter, offset)
    if not records:
        raise DataError(faults or [Fault(str(path), f"is empty, expected the columns {_names(schema)}")])
    (line, header), rows = records[0], records[1:]
    places, header_faults = _places(f"{path}:{line}", header, rows, schema, need)
    faults = [*header_faults, *faults]
    if header_faults:
        raise DataError(faults)
    if len(rows) < schema.least_rows and not faults:
        faults.append(Fault(str(path), f"holds {len(rows)} rows, expected at least {schema.least_rows}"))
    table = Table(path, tuple(number for number, _ in rows), {column.name: [] for column in schema.columns})
    for number, cells in rows:
        faults += _read_row(f"{path}:{number}", cells, len(header), schema, places, table, delimiter != ",")
    faults = faults or list(_doubles(table, schema))
    if faults:
        raise DataError(faults)
    return table


def _names(schema: Schema) -> str:
    return ", ".join(column.name for column in schema.columns if column.required)


def _delimiter(text: str, schema: Schema) -> tuple[str, str, int]:
    """Return what separates cells, the text after a line `sep=;` that says so, and how many lines that took."""
    hint = re.match(r'"?sep=([,;\t])"?\r?\n', text)
    if hint:
        return hint[1], text[hint.end() :], 1
    names = {column.name for column in schema.columns}
    line = text.lstrip("\r\n").partition("\n")[0]
    known = {mark: len(names & {cell.strip().strip('"') for cell in line.split(mark)}) for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: (known[mark], line.count(mark))), text, 0


def _records(path: Path, text: str, delimiter: str, offset: int) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Return the lines that hold anything, each with its number and cells, and the fault at which reading ended."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[tuple[int, list[str]]] = []
    begins = 1 + offset
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                records.append((begins, stripped))
            begins = reader.line_num + 1 + offset
    except csv.Error as error:
        return records, [Fault(f"{path}:{begins}", f"broken from here ({error}), expected quotes that are closed")]
    return records, []


def _places(
    where: str, header: list[str], rows: list[tuple[int, list[str]]], schema: Schema, need: Sequence[str]
) -> tuple[dict[str, int], list[Fault]]:
    """Return where each column of the schema stands, and the faults of the header."""
    names = [column.name for column in schema.columns]
    unknown = [name for name in header if name and name not in names]
    faults = [
        Fault(where, f"{name}: stands {header.count(name)} times, expected each column once")
        for name in dict.fromkeys(header)
        if name in names and header.count(name) > 1
    ]
    for column in schema.columns:
        if (column.required or column.name in need) and column.name not in header:
            near = nearest_name(column.name, unknown)
            faults.append(Fault(where, f"{column.name}: no such column, expected {_names(schema)}{near}"))
    for index, name in enumerate(header):
        if not name and any(len(cells) > index and cells[index] for _, cells in rows):
            faults.append(Fault(where, f"column {index + 1} has values but no name"))
    if not faults:
        for name in unknown:
            near = nearest_name(name, [known for known in names if known not in header])
            _log.warning("%s: column %.60r is not read%s", where, name, near)
    return {name: header.index(name) for name in names if name in header}, faults


def _read_row(
    where: str, cells: list[str], width: int, schema: Schema, places: dict[str, int], table: Table, decimal_comma: bool
) -> Iterator[Fault]:
    """Add a row to a table and yield its faults."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != width:
        yield Fault(where, f"got {len(cells)} cells, expected {width} as in the header")
        return
    names_by_problem: dict[str, list[str]] = {}
    for column in schema.columns:
        place, values = places.get(column.name), table.columns[column.name]
        try:
            values.append(column.blank if place is None else column.value(cells[place], decimal_comma=decimal_comma))
        except ValueError as error:
            names_by_problem.setdefault(str(error), []).append(column.name)
    for problem, names in names_by_problem.items():
        yield Fault(where, f"{', '.join(names)}: {problem}")


def _doubles(table: Table, schema: Schema) -> Iterator[Fault]:
    """Yield a fault for each row that stands for the same as an earlier one."""
    first: dict[tuple[Any, ...], int] = {}
    if not schema.unique:
        return
    for row, key in enumerate(zip(*(table.columns[name] for name in schema.unique), strict=True)):
        if key in first:
            what = ", ".join(str(part) for part in key)
            yield table.fault(row, f"{', '.join(schema.unique)}: '{what}' stands in line {table.lines[first[key]]} too")
        first.setdefault(key, row)
