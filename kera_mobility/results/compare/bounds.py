"""Kinds of quantity and their bounds: an interval never holds what cannot be, such as a share of 102 %.

A mean of daily values has its t interval on another scale, root for an amount, logit for a share, and is written back:
`tests/truth/test_statistics.py` holds that it covers at least as often as the plain t interval. A yes or no of a day is
a share of days: Clopper and Pearson 1934, Biometrika 26.
"""

from __future__ import annotations

import math
from enum import Enum

from scipy.special import betaincinv

from kera_mobility.results.compare.intervals import ALPHA, Spread

RATIOS = ("share of seats", "share of room")
"""Units whose values may exceed one: people stand, and hubs hold more than their room."""
SIGNED = ("margin_s", "late_min")
"""Parts of ids of times that may be negative: somebody is early."""
FREE_UNITS = ("EUR", "points")
"""What units of money and of changes begin with."""


class QuantityKind(Enum):
    """What values a quantity can have."""

    SHARE = "share"
    YES_NO = "yes or no"
    AMOUNT = "amount"
    FREE = "free"


def kind_of(name: str, unit: str) -> QuantityKind:
    """Return the kind of a quantity by its id and unit; anything but money and signed times is no less than zero."""
    if unit == "1 or 0":
        return QuantityKind.YES_NO
    if unit.startswith("share") and unit not in RATIOS:
        return QuantityKind.SHARE
    return (
        QuantityKind.FREE
        if unit.startswith(FREE_UNITS) or any(part in name for part in SIGNED)
        else QuantityKind.AMOUNT
    )


def level_spread(spread: Spread, kind: QuantityKind, units: int) -> Spread:
    """Return the spread of a mean level with both ends where values of the kind can be; without any it stays so.

    `units` is how many seeds or draws the mean rests on.
    """
    centre, below, above = spread.centre, spread.below, spread.above
    if kind is QuantityKind.YES_NO and 0.0 <= centre <= 1.0:
        low, high = _share_of_days(centre * units, units)
    elif not (below or above):
        return spread
    elif kind is QuantityKind.SHARE and 0.0 < centre < 1.0:
        slope, logit = centre * (1.0 - centre), math.log(centre / (1.0 - centre))
        low, high = _expit(logit - below / slope), _expit(logit + above / slope)
    elif kind is QuantityKind.AMOUNT and centre > 0.0:
        root = math.sqrt(centre)
        low, high = max(root - below / (2.0 * root), 0.0) ** 2, (root + above / (2.0 * root)) ** 2
    else:
        return spread
    return Spread(centre, centre - low, high - centre, spread.df)


def most_of(kind: QuantityKind) -> float:
    """Return the largest size that a difference of a kind can have."""
    return 1.0 if kind in (QuantityKind.SHARE, QuantityKind.YES_NO) else math.inf


def _share_of_days(yes: float, days: int) -> tuple[float, float]:
    no = days - yes
    low = 0.0 if yes <= 0.0 else float(betaincinv(yes, no + 1.0, ALPHA / 2.0))
    return low, 1.0 if no <= 0.0 else float(betaincinv(yes + 1.0, no, 1.0 - ALPHA / 2.0))


def _expit(value: float) -> float:
    return 1.0 / (1.0 + math.exp(min(-value, 700.0)))
