"""The rows of a comparison that matter, in the width of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from kera_mobility.results.compare.comparison import Comparison
from kera_mobility.results.compare.differences import CANNOT_TELL, SAME, Difference
from kera_mobility.texts import visible

WIDTH = 80
"""Columns of a terminal, unless it says how many it has."""
MATTER = (
    "sustainable_share", "mode_share.car", "door_to_door_s.mean", "unserved", "benefit.realised_utility",
    "money.city.subsidy_eur", "money.authority.running_eur", "carbon.operational.marginal",
)  # fmt: skip
"""Rows that come first."""
OF_SERVICE = ("rides", "wait_s.mean", "refused", "cost_eur_per_ride")
"""Rows of what only B has that come next, for each service in turn."""


def chief_rows(comparison: Comparison, most: int, first: str = "") -> list[Difference]:
    """Return the rows that matter most: one by its id, then those of people, money and carbon, then of new services."""
    rows = {row.id: row for row in comparison.differences}
    new = [name for name in rows if rows[name].section == "only_b" and name.partition(".")[2] in OF_SERVICE]
    new.sort(key=lambda name: OF_SERVICE.index(name.partition(".")[2]))
    ids = dict.fromkeys(name for name in (first, *MATTER, *new, *rows) if name in rows)
    chosen = [rows[name] for name in ids if name in (first, *MATTER, *new) or _is_sure(rows[name])]
    moved = [row for row in chosen if row.verdict != SAME or row.id == first]
    return moved[:most]


def brief(rows: Sequence[Difference], a: str, b: str, width: int = WIDTH) -> list[str]:
    """Return rows as lines no wider than a terminal: the means where there is room, difference and interval always."""
    cells = [("", a, b, "difference", "95 % interval"), *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    columns = [0, 1, 2, 3, 4]
    for column in (1, 2):
        if sum(widths[kept] + 2 for kept in columns) - 2 > width:
            columns.remove(column)
    spare = width - sum(widths[kept] + 2 for kept in columns[1:])
    widths[0] = min(widths[0], max(spare, 12))
    return [_line(row, widths, columns) for row in cells]


def _cells(row: Difference) -> tuple[str, ...]:
    name, before, after, change, interval, verdict = row.cells()
    values = before, after, change, interval + (" ?" if verdict == CANNOT_TELL else "")
    if row.section in ("only_a", "only_b"):  # its difference is the figure itself
        values = "", "", change.lstrip("+"), f"in {row.section[-1].upper()} only"
    return tuple(visible(cell, keep="") for cell in (name, *values))


def _is_sure(row: Difference) -> bool:
    return row.verdict in ("higher", "lower") and "@" not in row.id and row.id.count(".") < 2


def _line(row: Sequence[str], widths: Sequence[int], columns: Sequence[int]) -> str:
    name = row[0] if len(row[0]) <= widths[0] else f"{row[0][: widths[0] - 2]}.."
    return "  ".join([name.ljust(widths[0]), *(row[column].rjust(widths[column]) for column in columns[1:])]).rstrip()
