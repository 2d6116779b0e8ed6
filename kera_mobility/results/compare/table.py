"""A comparison as text: sentences to read aloud, then a table; shares in per cent, their differences in points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from kera_mobility.results.amounts import WORDS
from kera_mobility.results.compare.carbon import agreed_sign
from kera_mobility.results.compare.comparison import Comparison
from kera_mobility.results.compare.differences import (
    BEHIND,
    CANNOT_TELL,
    FEW,
    FEW_PAIRS,
    PRIMARY,
    SAME,
    Difference,
    family_of,
)
from kera_mobility.results.compare.intervals import RANKED_DRAWS
from kera_mobility.results.costs import BOUNDARIES
from kera_mobility.texts import visible

ALOUD = {
    "sustainable_share": "The sustainable share of residents' trips",
    "mode_share.car": "The car's share of residents' trips",
    "door_to_door_s.mean": "The mean time of a resident's trip from door to door",
    "unserved": "The number of residents' trips that cannot be made",
    "consumer_surplus.ex_ante": "Residents' consumer surplus, expected before the day",
    "consumer_surplus.realised_utility": "Residents' consumer surplus, realised on the day",
    "yearly.net": "The sum of a year's balance",
}
"""Rows that are told in sentences, where the comparison has them; others by their id."""
BLOCKS = {
    "outcomes": "Outcomes (residents; services count everyone)",
    "served": "People served: different riders of a day",
    "switched": "Trips whose main mode is another in B",
    "benefit": "Consumer surplus of travellers (B - A); there is no income in the data",
    "money": "Money by party",
    "yearly": "A year's cost and benefit of B against A",
    "carbon": "Carbon",
    "ratios": "What the city's money buys",
    "substitution": "How the riders of services that only B has travel in A (B: trips a day; share of them)",
    "only_b": "What only B has",
    "only_a": "What only A has",
}
HEADINGS = ("", "A", "B", "B - A", "95 % interval", "unit", "of", "", "MDE", "variance reduction")
LEVELS = ("served", "substitution", "switched", "only_a", "only_b")
"""Sections whose quantities are no differences."""
LEFT = (0, 5, 6, 7)
"""Columns that are set from the left."""


def table(comparison: Comparison, *, everyone: bool = False) -> str:
    """Return the whole comparison as text; `everyone` shows every population, not residents alone."""
    lines = [visible(f"A = {comparison.a} ({comparison.title_a}), B = {comparison.b} ({comparison.title_b})", keep="")]
    lines += [*_header(comparison), "", "Primary outcomes in their order, with 95 % intervals:", *aloud(comparison)]
    lines += ["", "Also, exploratory:", *_beside(comparison)]
    blocks = {section: _shown(comparison.rows(section), everyone=everyone) for section in BLOCKS}
    cells = {section: [_cells(row) for row in rows] for section, rows in blocks.items() if rows}
    widths = [
        max(len(row[column]) for row in [HEADINGS, *(row for rows in cells.values() for row in rows)])
        for column in range(len(HEADINGS))
    ]
    for section, rows in cells.items():
        lines += ["", BLOCKS[section], _line(HEADINGS, widths), *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def aloud(comparison: Comparison) -> list[str]:
    """Return the primary outcomes as sentences: effect, interval, unit, population, and what cannot be told."""
    rows = {row.id: row for row in comparison.differences}
    return [
        _sentence(ALOUD.get(name, name), rows[name]) + (f" ({BEHIND}.)" if rows[name].standing == BEHIND else "")
        for name in comparison.decision.primary if name in rows
    ]  # fmt: skip


def _beside(comparison: Comparison) -> Iterator[str]:
    """Yield what stands beside the primary outcomes: costs by payer with boundaries, the year, carbon by method."""
    rows = {row.id: row for row in comparison.differences}
    for row in costs_by_payer(comparison.differences):
        yield f"Cost to {row.payer}, {row.id}: {_number(row.difference, '+')} {row.unit}{_between(row)}; {bounds(row)}."
    for name, words in ALOUD.items():
        if name in rows and name not in comparison.decision.primary:
            row = rows[name]
            yield _sentence(words, row) + (f" Counted: {bounds(row)}." if row.boundary else "")
    carbon = [row for row in comparison.differences if row.id.startswith("carbon.operational.")]
    if carbon:
        told = "; ".join(f"{row.id.rpartition('.')[2]} {_number(row.difference, '+')}{_between(row)}" for row in carbon)
        sign = agreed_sign(carbon)
        words = f"{sign} by every convention" if sign != CANNOT_TELL else "cannot tell, as the conventions do not agree"
        yield f"The CO2 of everyone's travel, operational, kg per day: {words}: {told}."


def costs_by_payer(rows: Sequence[Difference]) -> list[Difference]:
    """Return the rows that are a cost to somebody, the largest change first."""
    return sorted((row for row in rows if row.payer), key=lambda row: -abs(row.difference))


def bounds(row: Difference) -> str:
    """Return what a row counts, in words."""
    return "; ".join(BOUNDARIES.get(code, code) for code in row.boundary.split("+"))


def _between(row: Difference) -> str:
    if row.low is None or row.high is None:
        return ""
    low, high = _interval(row.low, row.high, row, "+")
    return f" ({low} to {high}, {row.verdict})"


def _header(comparison: Comparison) -> list[str]:
    seeds = sorted({pair.seed for pair in comparison.pairs})
    pairs = "1 pair of runs; seed" if len(comparison.pairs) == 1 else f"{len(comparison.pairs)} pairs of runs; seeds"
    lines = [f"{pairs} {_ranges(seeds)}.", *comparison.notes]
    if 1 < min((row.n for row in comparison.differences), default=FEW) < FEW:
        lines.append(f"Fewer than {FEW} seeds are few: the intervals lean on the form of the normal distribution.")
    draws = max((row.n for row in comparison.differences if row.basis == "inputs"), default=RANKED_DRAWS)
    if draws < RANKED_DRAWS:
        lines.append(
            f"{draws} draws of the inputs are few: below {RANKED_DRAWS} the intervals lean on the normal distribution."
        )
    lines.append(
        f"Primary outcomes, one family tested in this order: {', '.join(comparison.decision.primary)}. The first that "
        "cannot be told shuts the gate; all other rows are exploratory."
    )
    families: dict[tuple[str, str, bool], int] = {}
    for row in comparison.differences:
        if row.p_adjusted is not None and row.standing != PRIMARY and "@" not in row.id:
            families[family_of(row)] = row.looked_at or 0
    counted = ", ".join(
        f"{count} in {section}{' by group' if grouped else ''}" for (section, _, grouped), count in families.items()
    )
    if counted:
        lines.append(
            f"'{CANNOT_TELL}' is said after correction for looking at many rows at once (Holm: {counted}); "
            "'alone' marks rows whose own interval excludes zero all the same."
        )
    return lines


def _sentence(words: str, row: Difference) -> str:
    unit = "points" if _is_share(row) else row.unit

    def show(value: float, sign: str = "") -> str:
        return _amount(value, row, sign) if _is_share(row) or abs(value) >= 1000 else f"{value:{sign}.3g}"

    if row.verdict == SAME:
        return f"{words}: no change in any pair of runs."
    if row.low is None or row.high is None:
        return f"{words}: cannot tell from one pair of runs; there it is {show(row.difference, '+')} {unit}."
    levels = ""
    if row.mean_a is not None and row.mean_b is not None:
        levels = f" ({_level(row.mean_a, row)} in A, {_level(row.mean_b, row)} in B)"
    if row.verdict == CANNOT_TELL:
        low, high = (row.low, row.high) if row.corrected_low is None else (row.corrected_low, row.corrected_high or 0.0)
        seen = "" if row.detectable is None else f"; minimum detectable effect {show(row.detectable)} {unit}"
        start = "after correction between" if row.standing != PRIMARY else "between"
        between = f"{start} {' and '.join(_interval(low, high, row, '+', show))} {unit}"
        return f"{words}: cannot tell whether it changes{levels}; {between}{seen}."
    if row.mean_a is None:
        ends = " and ".join(_interval(row.low, row.high, row, "+", show))
        return f"{words}: {show(row.difference, '+')} {unit}, between {ends}."
    least, most = sorted((abs(row.low), abs(row.high)))
    ends = " and ".join(_interval(least, most, row, "", show))
    verb = "rises" if row.difference > 0 else "falls"
    by = f"by {show(abs(row.difference))} {unit}, between {ends}"
    return f"{words} {verb} {by}{levels}."


def _level(value: float, row: Difference) -> str:
    return _amount(value, row) + (" %" if _is_share(row) else f" {row.unit}")


def _shown(rows: Sequence[Difference], *, everyone: bool) -> list[Difference]:
    return [row for row in rows if everyone or "@" not in row.id]


def _cells(row: Difference) -> tuple[str, ...]:
    sign = "" if row.section in LEVELS else "+"
    has_interval = row.low is not None and row.high is not None
    interval = " .. ".join(_interval(row.low or 0.0, row.high or 0.0, row, sign)) if has_interval else ""
    gain = "" if row.pairing_gain is None else f"x{_short(row.pairing_gain)} ({_gain_interval(row)})"
    seen = "" if row.detectable is None else _amount(row.detectable, row)
    cells = (
        row.id,
        *_values(row),
        interval,
        _unit(row),
        WORDS.get(row.population, row.population),
        _verdict(row),
        seen,
        gain,
    )
    return tuple(visible(cell, keep="") for cell in cells)


def _values(row: Difference) -> tuple[str, str, str]:
    """Return what stands under A, B and B - A."""
    value = _amount(row.difference, row, "" if row.section in LEVELS else "+")
    if row.section == "substitution":
        return "", _number(row.mean_b or 0.0), value
    if row.section in ("only_a", "only_b"):
        return (value, "", "") if row.section == "only_a" else ("", value, "")
    before = "" if row.mean_a is None else _amount(row.mean_a, row)
    after = "" if row.mean_b is None else _amount(row.mean_b, row)
    return before, after, value


def _verdict(row: Difference) -> str:
    words = row.verdict
    if words == CANNOT_TELL and row.low is not None and row.high is not None and not row.low <= 0.0 <= row.high:
        words += " (alone)"
    return f"{words}; {row.note}" if row.note and row.note != FEW_PAIRS else words


def _gain_interval(row: Difference) -> str:
    return f"{_short(row.pairing_gain_low or 0.0)}..{_short(row.pairing_gain_high or 0.0)}"


def _is_share(row: Difference) -> bool:
    return row.unit.startswith("share of")


def _amount(value: float, row: Difference, sign: str = "") -> str:
    if _is_share(row):
        return f"{value * 100:{sign}.2f}"
    return _number(value, sign)


def _unit(row: Difference) -> str:
    if not _is_share(row):
        return WORDS.get(row.unit, row.unit)
    return row.unit.replace("share", "%", 1) + ("" if row.mean_a is None else ", points")


def _interval(
    low: float, high: float, row: Difference, sign: str, write: Callable[[float, str], str] | None = None
) -> tuple[str, str]:
    """Return both ends as texts that differ where the ends do: rounding never makes a point of an interval."""
    written = (write(low, sign), write(high, sign)) if write else (_amount(low, row, sign), _amount(high, row, sign))
    if written[0] != written[1] or low == high:
        return written
    scale = 100.0 if _is_share(row) else 1.0
    places = max(0, 1 - math.floor(math.log10((high - low) * scale)))
    return f"{low * scale:{sign},.{places}f}", f"{high * scale:{sign},.{places}f}"


def _number(value: float, sign: str = "") -> str:
    if abs(value) >= 1000:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.3g}" if sign else f"{value:.4g}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    set_out = [
        cell.ljust(width) if column in LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(set_out).rstrip()


def _ranges(numbers: Sequence[int]) -> str:
    """Return whole numbers in order as people write them: 1-4, 7."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in ranges)
