"""Numbers as people read them: 0.23 %, 35.02 EUR, 12.6 min, 1,234 trips; those of one row in one unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kera_mobility.units import HOUR_S, MINUTE_S

WORDS = {"in_commuters": "in-commuters"}
"""Populations by the names of the data -> the words of the field."""
NOTHING = "-"
"""Stands for a number that is not there."""
MOST_DIGITS = 6
"""Digits behind the point."""
_LONG_S, _LONGER_S = 2 * MINUTE_S, 2 * HOUR_S
"""Times from these on are shown in minutes, in hours."""


def amount(value: float | None, unit: str, sign: str = "") -> str:
    """Return one number with its unit; `sign` is `+` for a difference."""
    (text,), label = amounts([value], unit, sign)
    return text if text == NOTHING else f"{text} {label}".rstrip()


def amounts(values: Sequence[float | None], unit: str, sign: str = "") -> tuple[list[str], str]:
    """Return the numbers of one row as text, and their unit: scaled alike, with digits enough to tell them apart.

    A difference (`sign` is `+`) of shares is in percentage points.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    largest = max(map(abs, finite), default=0.0)
    factor, label, digits = _scale(largest, unit, "pp" if sign else "%")
    spread = (max(finite) - min(finite)) * factor if finite else 0.0
    if digits is None:
        whole = all(value.is_integer() for value in map(float, finite))
        digits = 0 if whole or largest == 0.0 else max(0, 2 - math.floor(math.log10(largest * factor)))
    if spread > 0.0:
        digits = max(digits, -math.floor(math.log10(spread / 2.0)))
    digits = min(digits, MOST_DIGITS)
    texts = [
        NOTHING if value is None or not math.isfinite(value) else _rounded(value * factor, digits, sign)
        for value in values
    ]
    return texts, label


def short_unit(unit: str) -> str:
    """Return a unit for a narrow column: EUR/person/day."""
    return unit.replace(" per ", "/").replace(" and ", "/")


def _rounded(value: float, digits: int, sign: str) -> str:
    text = f"{value:{sign},.{digits}f}"
    return text if float(text.replace(",", "")) else f"{0:.{digits}f}"  # no -0


def _scale(largest: float, unit: str, per_cent: str) -> tuple[float, str, int | None]:
    """Return the factor, the unit that is shown and its digits; None for three figures in all."""
    if unit.startswith("share"):
        return 100.0, per_cent, 2
    if unit.startswith("EUR"):
        return 1.0, unit, 0 if largest >= 1000.0 else 2
    if unit == "s":
        if largest < _LONG_S:
            return 1.0, "s", 1 if largest < 10.0 else 0
        return (1.0 / MINUTE_S, "min", 1) if largest < _LONGER_S else (1.0 / HOUR_S, "h", 1)
    if unit == "m" and largest >= 1000.0:
        return 1e-3, "km", 1
    return 1.0, WORDS.get(unit, unit), None
