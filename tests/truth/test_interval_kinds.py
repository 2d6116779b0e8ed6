"""Intervals by kind of quantity: within the bounds of a share, a count, a yes or no, and as often right as before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kera_mobility.results.compare.differences import difference_rows, judged
from kera_mobility.results.compare.intervals import over_seeds
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.runs import RunKey


@pytest.mark.parametrize(
    ("unit", "truth", "day"),
    [
        ("share of trips", 29 / 30, lambda dice: dice.beta(29, 1)),
        ("share of rides", 0.2, lambda dice: dice.binomial(20, 0.2) / 20),
        ("refusals", 2.0, lambda dice: float(dice.poisson(2.0))),
        ("s", 1.0, lambda dice: dice.exponential(1.0)),
        ("1 or 0", 0.9, lambda dice: float(dice.random() < 0.9)),
        ("EUR per day", -1.0, lambda dice: dice.normal(-1.0, 2.0)),
    ],
    ids=["high share", "share", "count", "time", "yes or no", "money"],
)
@pytest.mark.parametrize("days", [3, 5, 10])
def test_intervals_of_each_kind_stay_within_its_bounds_and_hold_the_truth(
    unit: str, truth: float, day: Callable[[np.random.Generator], float], days: int
) -> None:
    dice, held, plain_held, trials = np.random.default_rng(days), 0, 0, 1000
    about = About("figure", "only_b", unit, "everyone", "Made up.")
    for _ in range(trials):
        values = [day(dice) for _ in range(days)]
        (row,) = difference_rows({RunKey(s, 0, None): [Quantity(about, None, x)] for s, x in enumerate(values)})
        plain = over_seeds(values)
        assert plain
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.difference <= row.high
        assert row.low >= 0.0 or unit.startswith("EUR")
        assert row.high <= 1.0 or not unit.startswith(("share", "1 or 0"))
        held += row.low <= truth <= row.high
        plain_held += plain.interval()[0] <= truth <= plain.interval()[1]
    assert held >= plain_held - trials / 100
    assert held / trials > (0.95 if unit == "1 or 0" else 0.88)


def test_a_difference_of_shares_is_never_more_than_all() -> None:
    about = About("figure", "outcomes", "share of trips", "residents", "Made up.")
    values = {0: (0.0, 0.9), 1: (0.9, 0.1)}
    pairs = {RunKey(seed, 0, None): [Quantity(about, before, after)] for seed, (before, after) in values.items()}
    (row,) = judged([difference_rows(pairs)])[0]
    assert (row.low, row.high, row.corrected_low, row.detectable) == (-1.0, 1.0, -1.0, 1.0)


def test_seats_may_be_exceeded_and_margins_may_be_negative() -> None:
    from kera_mobility.results.compare.bounds import QuantityKind, kind_of

    assert kind_of("transit.seat_load.max", "share of seats") is QuantityKind.AMOUNT
    assert kind_of("on_demand.margin_s.pickup.p10", "s") is QuantityKind.FREE
    assert kind_of("unserved", "trips") is QuantityKind.AMOUNT
