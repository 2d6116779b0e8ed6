"""How results look where somebody types: three lines in a terminal, a table in a notebook."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from html import escape

from kera_mobility.texts import visible

MOST_ROWS = 15
"""Rows of a table in a notebook; the last line says how many there are."""
LONGEST_LINE = 110
"""Characters of a line of `repr`."""

Grid = tuple[Sequence[str], Sequence[Sequence[object]]]
"""Headings and rows of a table."""


class Display:
    """Shown in three lines by `repr`, as a table by a notebook."""

    @abstractmethod
    def _glance(self) -> tuple[str, str, str]:
        """Return three lines: what it is, what came out, what to do with it."""

    @abstractmethod
    def _grid(self) -> Grid:
        """Return the headings and rows of a table."""

    def __repr__(self) -> str:
        lines = [visible(line, keep="") for line in self._glance()]
        return "\n  ".join(line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 3]}..." for line in lines)

    def _repr_html_(self) -> str:
        headings, rows = self._grid()
        body = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows[:MOST_ROWS])
        more = f"<p>{MOST_ROWS} of {len(rows):,} rows</p>" if len(rows) > MOST_ROWS else ""
        caption = f"<caption>{escape(visible(self._glance()[0], keep=''))}</caption>"
        return f"<table>{caption}<thead><tr>{_cells(headings, 'th')}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cells(values: Iterable[object], tag: str) -> str:
    return "".join(f"<{tag}>{escape(visible(str(value), keep=''))}</{tag}>" for value in values)
