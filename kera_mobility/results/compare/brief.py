"""The rows of a comparison that matter, in the width of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from kera_mobility.results.compare.comparison import Comparison
from kera_mobility.results.compare.differences import CANNOT_TELL, SAME, Difference
from kera_mobility.texts import visible

MOST_LINES = 15
"""Lines of the short table."""
WIDTH = 80
"""Columns of a terminal, unless it says how many it has."""
MATTER = (
    "sustainable_share", "mode_share.car", "door_to_door_s.mean", "unserved", "consumer_surplus.realised_utility",
    "money.city.subsidy_eur", "money.authority.operating_cost_eur", "carbon.operational.marginal",
)  # fmt: skip
"""Rows that come first."""
OF_SERVICE = ("rides", "wait_s.mean", "denied_requests", "operating_cost_eur_per_ride")
"""Rows of what only B has that come next, for each service in turn."""


def chief_rows(comparison: Comparison, most: int, first: Sequence[str]) -> list[Difference]:
    """Return the rows that matter most: some by their ids, those of people, money and carbon, then of new services."""
    rows = {row.id: row for row in comparison.differences}
    new = [name for name in rows if rows[name].section == "only_b" and name.partition(".")[2] in OF_SERVICE]
    new.sort(key=lambda name: OF_SERVICE.index(name.partition(".")[2]))
    ids = dict.fromkeys(name for name in (*first, *MATTER, *new, *rows) if name in rows)
    chosen = [rows[name] for name in ids if name in (*first, *MATTER, *new) or _is_sure(rows[name])]
    moved = [row for row in chosen if row.verdict != SAME or row.id in first]
    return moved[:most]


def short_table(comparison: Comparison, width: int = WIDTH) -> list[str]:
    """Return a comparison in MOST_LINES lines: the primary outcomes, then what else matters."""
    rows = chief_rows(comparison, MOST_LINES - 4, comparison.decision.primary)
    a, b = visible(comparison.title_a, keep=""), visible(comparison.title_b, keep="")
    seeds = len({pair.seed for pair in comparison.pairs})
    basis = "inputs varied" if any(pair.draw is not None for pair in comparison.pairs) else "chance only"
    lines = [f"A = {comparison.a} ({a}), B = {comparison.b} ({b})", f"{len(comparison.pairs)} pairs, {seeds} seeds"]
    lines[1] += f" ({basis}); * primary outcome, ? cannot tell"
    lines += brief(rows, "A", "B", width, comparison.decision.primary)
    lines.append(f"{len(rows)} of {len(comparison.differences)} rows; --all has all, with notes; --csv, --json")
    return [line if len(line) <= width else f"{line[: width - 2]}.." for line in lines]


def brief(rows: Sequence[Difference], a: str, b: str, width: int, marked: Sequence[str] = ()) -> list[str]:
    """Return rows as lines no wider than a terminal: the means where there is room, difference and interval always."""
    cells = [("", a, b, "difference", "95 % interval"), *(_cells(row, marked) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    columns = [0, 1, 2, 3, 4]
    for column in (1, 2):
        if sum(widths[kept] + 2 for kept in columns) - 2 > width:
            columns.remove(column)
    spare = width - sum(widths[kept] + 2 for kept in columns[1:])
    widths[0] = min(widths[0], max(spare, 12))
    return [_line(row, widths, columns) for row in cells]


def _cells(row: Difference, marked: Sequence[str]) -> tuple[str, ...]:
    name, before, after, change, interval, verdict = row.cells()
    name += " *" * (row.id in marked)
    values = before, after, change, interval + (" ?" if verdict == CANNOT_TELL else "")
    if row.section in ("only_a", "only_b"):  # its difference is the figure itself
        values = "", "", change.lstrip("+"), f"in {row.section[-1].upper()} only"
    return tuple(visible(cell, keep="") for cell in (name, *values))


def _is_sure(row: Difference) -> bool:
    return row.verdict in ("higher", "lower") and "@" not in row.id and row.id.count(".") < 2


def _line(row: Sequence[str], widths: Sequence[int], columns: Sequence[int]) -> str:
    name = row[0] if len(row[0]) <= widths[0] else f"{row[0][: widths[0] - 2]}.."
    return "  ".join([name.ljust(widths[0]), *(row[column].rjust(widths[column]) for column in columns[1:])]).rstrip()
