"""Quantities of many pairs become one row: means, difference, intervals, minimum detectable effect, verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kera_mobility.results.amounts import amounts, short_unit
from kera_mobility.results.compare.bounds import QuantityKind, kind_of, level_spread, most_of
from kera_mobility.results.compare.intervals import (
    ALPHA,
    Gain,
    Spread,
    Sureness,
    holm,
    mean,
    pairing_gain,
    ratio,
    sign_test,
    sureness,
)
from kera_mobility.results.compare.quantity import About, Quantity, Quotient
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.runs import RunKey

TESTED = ("outcomes", "benefit", "money", "yearly", "carbon")
"""Sections whose rows ask whether B differs from A; the others describe."""
BY_DESIGN = ("vehicles", "km", "EUR", "EUR per day", "EUR per year", "kg per day")
"""Units in which a difference is set (by fleet or timetable), no finding, where each side is alike in all its runs."""
FEW = 5
"""With fewer pairs an interval leans on normal values; the row says so."""

FEW_PAIRS = "few pairs"
PRIMARY, EXPLORATORY, BEHIND = "primary", "exploratory", "exploratory, behind an outcome that cannot be told"
_ENDS = ("low", "high", "chance_low", "chance_high", "inputs_low", "inputs_high", "corrected_low", "corrected_high",
         "detectable")  # fmt: skip
SAME, HIGHER, LOWER, CANNOT_TELL, DESIGN = "no change", "higher", "lower", "cannot tell", "by design"


@dataclass(frozen=True, repr=False)
class Difference(Display):
    """One row of a comparison. Quotients and shares that only a comparison has stand in `difference` themselves."""

    id: str
    section: str
    unit: str
    population: str
    definition: str
    mean_a: float | None
    mean_b: float | None
    difference: float
    """Mean of b - a over the pairs (over draws of the inputs where they were drawn)."""
    low: float | None
    """Lower end of the 95 % interval of the headline: over inputs where they were drawn, else over seeds."""
    high: float | None
    n: int
    """Seeds, or draws: how many numbers the headline rests on. Days of one seed count once."""
    basis: str = "seeds"
    """What the headline is over: `seeds` (chance) or `inputs` (what is not known)."""
    chance_low: float | None = None
    """Lower end of the interval over seeds with inputs fixed."""
    chance_high: float | None = None
    inputs_low: float | None = None
    """Lower end of the interval over draws of the inputs; None where none were drawn."""
    inputs_high: float | None = None
    df: float | None = None
    """Degrees of freedom of the t distribution that stretches the headline's interval."""
    p: float | None = None
    """Of no difference, looked at alone."""
    p_adjusted: float | None = None
    """Corrected for all rows of its family: its section and population; groups within one are families of their own."""
    looked_at: int | None = None
    """Rows of the family."""
    corrected_low: float | None = None
    """Lower end of the interval at the level at which the correction judges the row."""
    corrected_high: float | None = None
    detectable: float | None = None
    """Minimum detectable effect: would have been seen with 80 % chance, after the correction."""
    pairing_gain: float | None = None
    """Variance reduction by pairing: variance of an unpaired difference over that of the paired one."""
    pairing_gain_low: float | None = None
    pairing_gain_high: float | None = None
    switched: float | None = None
    """Share of the population's trips whose main mode is another in B."""
    verdict: str = ""
    """`higher`, `lower`, `no change` (in no pair), `by design`, `cannot tell`; empty where nothing is asked."""
    note: str = ""
    standing: str = ""
    """`primary`: named before the result was seen, and tested in the order named; `exploratory`: all other tests, also
    of a primary outcome that stands behind one that cannot be told."""
    payer: str = ""
    """Who bears it, where the row is a cost."""
    boundary: str = ""
    """What is counted, where a sum would mislead without it."""

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return id, both means, difference, interval and verdict for a table that people read."""
        means, unit = amounts([self.mean_a, self.mean_b], self.unit)
        before, after = (
            "" if value is None else f"{text} {unit}" if len(unit) < 4 else text
            for value, text in zip((self.mean_a, self.mean_b), means, strict=True)
        )
        (change, low, high), points = amounts([self.difference, self.low, self.high], self.unit, "+")
        interval = f"{low} to {high}" if self.low is not None else ""
        return self.id, before, after, f"{change} {short_unit(points)}", interval, self.verdict

    def _glance(self) -> tuple[str, str, str]:
        name, before, after, change, interval, verdict = self.cells()
        between = f", 95 % interval {interval}" if interval else ""
        return f"{name} ({self.population}): {change}{between}", f"{before} to {after}; {verdict}", self.definition

    def _grid(self) -> Grid:
        return ("figure", "a", "b", "difference", "95 % interval", ""), [self.cells()]


def difference_rows(quantities: Mapping[RunKey, Iterable[Quantity]]) -> list[Difference]:
    """Return one row for each quantity, over the pairs that have it, not yet judged."""
    by_id: dict[str, dict[RunKey, Quantity]] = {}
    for pair, of_pair in quantities.items():
        for quantity in of_pair:
            if math.isfinite(quantity.after) and (quantity.before is None or math.isfinite(quantity.before)):
                by_id.setdefault(quantity.about.id, {})[pair] = quantity
    return [_row(by_pair) for by_pair in by_id.values()]


def quotient_rows(quotients: Mapping[RunKey, Iterable[Quotient]], *, shares: bool = False) -> list[Difference]:
    """Return one row for each quotient: the sum of parts over the sum of bases, over the pairs that have it.

    `shares` keeps the intervals within 0 and 1, and puts the mean of the part into `mean_b`.
    """
    by_id: dict[str, dict[RunKey, Quotient]] = {}
    for pair, of_pair in quotients.items():
        for quotient in of_pair:
            by_id.setdefault(quotient.about.id, {})[pair] = quotient
    rows = (_quotient(by_pair, shares=shares) for by_pair in by_id.values())
    return [row for row in rows if row is not None]


def judged(scenarios: Sequence[Sequence[Difference]], primary: Sequence[str] = ()) -> list[list[Difference]]:
    """Return the rows of each scenario with their verdicts.

    The primary outcomes are one family, tested in their order at the full level (a fixed sequence): the first that
    cannot be told shuts the gate, and what stands behind it is judged among the exploratory rows. Source: Maurer,
    Hothorn and Lehmacher 1995. Several scenarios share the level between them. All other rows are exploratory, each
    family of them corrected for its size by Holm, over all scenarios.
    """
    told = [_in_sequence(rows, primary, len(scenarios)) for rows in scenarios]
    remaining = iter(_explored([row for rows in told for row in rows]))
    return [[_cut(next(remaining)) for _ in rows] for rows in told]


def _in_sequence(rows: Sequence[Difference], primary: Sequence[str], scenarios: int) -> list[Difference]:
    """Return the rows with the primary outcomes judged in their order, as far as the gate is open.

    One that is alike in every pair has nothing to test, and is passed over.
    """
    by_id = {row.id: row for row in rows}
    highest, is_open = 0.0, True
    for name in primary:
        row = by_id.get(name)
        if row is None or row.section not in TESTED:
            continue
        if not is_open:
            by_id[name] = replace(row, standing=BEHIND)
            continue
        row = replace(row, standing=PRIMARY)
        if row.p is not None and not row.verdict:
            highest = max(highest, min(_p(row) * scenarios, 1.0))
            row = replace(_judge(row, highest, ALPHA / scenarios), looked_at=scenarios)
        is_open = row.verdict != CANNOT_TELL
        by_id[name] = row
    return [by_id[row.id] for row in rows]


def _explored(rows: Sequence[Difference]) -> list[Difference]:
    families: dict[tuple[str, str, bool], list[int]] = {}
    judged_rows = list(rows)
    for place, row in enumerate(rows):
        if row.section in TESTED and row.standing != PRIMARY:
            judged_rows[place] = replace(row, standing=row.standing or EXPLORATORY)
            if row.p is not None and row.verdict == "":
                families.setdefault(family_of(row), []).append(place)
    for places in families.values():
        for place, (adjusted, alpha) in zip(places, holm([_p(rows[place]) for place in places]), strict=True):
            judged_rows[place] = replace(_judge(judged_rows[place], adjusted, alpha), looked_at=len(places))
    return judged_rows


def family_of(row: Difference) -> tuple[str, str, bool]:
    """Return what names the rows that are corrected together: section, population, and whether of a group within it."""
    name, _, population = row.id.partition("@")
    if row.standing == BEHIND:
        return BEHIND, "", False
    return row.section, population, row.section == "benefit" and name.count(".") > 1


def _row(quantities: Mapping[RunKey, Quantity]) -> Difference:
    about = next(iter(quantities.values())).about
    after = {pair: quantity.after for pair, quantity in quantities.items()}
    before = {pair: quantity.before for pair, quantity in quantities.items() if quantity.before is not None}
    gained = {pair: value - before.get(pair, 0.0) for pair, value in after.items()}
    sure, is_level = _sure(gained), not before and kind_of(about.id, about.unit) is not QuantityKind.FREE
    row = _plain(about, _bounded_level(about, sure) if is_level else sure)
    if is_level:
        return replace(row, p=None)
    if before:
        row = replace(row, mean_a=_sure(before).centre, mean_b=_sure(after).centre)
        gain = _gain(before, after)
        if gain is not None:
            row = replace(row, pairing_gain=gain.ratio, pairing_gain_low=gain.low, pairing_gain_high=gain.high)
    return _first_verdict(row, list(gained.values()), _is_set(about, before, after))


def _plain(about: About, sure: Sureness) -> Difference:
    (low, high), (chance_low, chance_high) = _ends(sure.headline), _ends(sure.chance)
    inputs_low, inputs_high = _ends(sure.inputs)
    return Difference(
        about.id, about.section, about.unit, about.population, about.definition, None, None, sure.centre, low, high,
        sure.units, "inputs" if sure.inputs else "seeds", chance_low, chance_high, inputs_low, inputs_high,
        p=sure.headline.p_value() if sure.headline else None,
        df=sure.headline.df if sure.headline else None, payer=about.payer, boundary=about.boundary,
    )  # fmt: skip


def _bounded_level(about: About, sure: Sureness) -> Sureness:
    """Return how sure a level is, with no end where a quantity of its kind cannot be."""
    chance, inputs = (
        spread and level_spread(spread, kind_of(about.id, about.unit), sure.units)
        for spread in (sure.chance, sure.inputs)
    )
    return replace(sure, chance=chance, inputs=inputs)


def _cut(row: Difference) -> Difference:
    """Return a row whose intervals hold no difference that a quantity of its kind cannot have."""
    limit = most_of(kind_of(row.id, row.unit))
    ends: dict[str, Any] = {}
    for name in _ENDS:
        end = getattr(row, name)
        if end is not None and abs(end) > limit:
            ends[name] = math.copysign(limit, end)
    return replace(row, **ends)


def _ends(spread: Spread | None) -> tuple[float | None, float | None]:
    return spread.interval() if spread else (None, None)


def _first_verdict(row: Difference, gained: Sequence[float], is_set: bool) -> Difference:
    """Return the row with the verdicts that need no test."""
    if row.section not in TESTED:
        return row
    if all(value == 0.0 for value in gained):
        return replace(row, verdict=SAME, p=None)
    if is_set:
        return replace(row, verdict=DESIGN, p=None)
    if row.p is None:
        return replace(row, verdict=CANNOT_TELL, note="one pair: no interval")
    return replace(row, note=FEW_PAIRS if row.n < FEW else "")


def _is_set(about: About, before: Mapping[RunKey, float], after: Mapping[RunKey, float]) -> bool:
    """Return whether the scenarios set a figure: chance would not give the same kilometres in two runs."""
    alike = len(set(before.values())) <= 1 and len(set(after.values())) == 1
    return alike and len(after) > 1 and about.unit in BY_DESIGN


def _p(row: Difference) -> float:
    """Return the p-value; a difference alike in all pairs has no spread to test by, and its sign speaks alone."""
    assert row.p is not None
    return sign_test(row.n) if row.p == 0.0 and row.low == row.high else row.p


def _judge(row: Difference, adjusted: float, alpha: float) -> Difference:
    assert row.low is not None
    assert row.high is not None
    assert row.df is not None
    spread = Spread(row.difference, row.difference - row.low, row.high - row.difference, row.df)
    low, high = spread.interval(alpha)
    verdict = CANNOT_TELL if adjusted > ALPHA else HIGHER if row.difference > 0 else LOWER
    detectable = spread.detectable(alpha)
    return replace(
        row, p=_p(row), p_adjusted=adjusted, verdict=verdict, corrected_low=low, corrected_high=high,
        detectable=detectable if row.low < row.high else None,
    )  # fmt: skip


def _gain(before: Mapping[RunKey, float], after: Mapping[RunKey, float]) -> Gain | None:
    first, second = _units(before), _units(after)
    return pairing_gain([first[key] for key in first], [second[key] for key in first])


def _quotient(quotients: Mapping[RunKey, Quotient], *, shares: bool) -> Difference | None:
    about = next(iter(quotients.values())).about
    parts = _units({pair: quotient.part for pair, quotient in quotients.items()})
    bases = _units({pair: quotient.base for pair, quotient in quotients.items()})
    drawn = any(pair.draw is not None for pair in quotients)
    value, interval = ratio(list(parts.values()), [bases[key] for key in parts])
    if not math.isfinite(value):
        return None
    if drawn:
        # A draw in which nobody rides says nothing about who would.
        with_riders = {key: base for key, base in bases.items() if base or not shares}
        interval = _quotient_over_inputs({key: parts[key] for key in with_riders}, with_riders)
    if interval and shares:
        interval = max(interval[0], 0.0), min(interval[1], 1.0)
    low, high = interval if interval else (None, None)
    row = Difference(
        about.id, about.section, about.unit, about.population, about.definition, None,
        mean(list(parts.values())) if shares else None, value, low, high, len(parts), "inputs" if drawn else "seeds",
    )  # fmt: skip
    if shares:
        return row
    if not any(parts.values()):
        return replace(row, difference=0.0, verdict=SAME, note="nothing is spent")
    open_ended = interval is None or interval[0] <= 0.0 <= interval[1]
    note = "what it is counted by fell" if mean(list(bases.values())) < 0 else ""
    return replace(row, verdict=CANNOT_TELL if open_ended else HIGHER if value > 0 else LOWER, note=note)


def _quotient_over_inputs(parts: Mapping[int, float], bases: Mapping[int, float]) -> tuple[float, float] | None:
    """Return the interval of the quotient over draws; it has a meaning only where no draw turns the base around."""
    positive = [value > 0 for value in bases.values()]
    if 0.0 in bases.values() or any(positive) != all(positive):
        return None
    inputs = sureness({(key, 0): parts[key] / bases[key] for key in parts}).inputs
    return inputs.interval() if inputs else None


def _sure(values: Mapping[RunKey, float]) -> Sureness:
    return sureness(_by_draw_and_seed(values))


def _by_draw_and_seed(values: Mapping[RunKey, float]) -> dict[tuple[int | None, int], float]:
    """Return the means over the days of each draw and seed: days of one seed hang together."""
    days: dict[tuple[int | None, int], list[float]] = {}
    for pair, value in values.items():
        days.setdefault((pair.draw, pair.seed), []).append(value)
    return {key: mean(of_days) for key, of_days in days.items()}


def _units(values: Mapping[RunKey, float]) -> dict[int, float]:
    """Return the numbers that the headline rests on: means by draw where inputs were drawn, else by seed."""
    repeats = _by_draw_and_seed(values)
    drawn = any(draw is not None for draw, _ in repeats)
    units: dict[int, list[float]] = {}
    for (draw, seed), value in repeats.items():
        if not drawn:
            units.setdefault(seed, []).append(value)
        elif draw is not None:
            units.setdefault(draw, []).append(value)
    return {key: mean(repeated) for key, repeated in units.items()}
