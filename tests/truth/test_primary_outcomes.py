"""Primary outcomes are one family in a stated order; the rest is exploratory."""

from __future__ import annotations

import math

import numpy as np

from kera_mobility.results.compare.differences import (
    BEHIND,
    CANNOT_TELL,
    EXPLORATORY,
    HIGHER,
    LOWER,
    PRIMARY,
    Difference,
    difference_rows,
    judged,
)
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.runs import RunKey


def _figures(effects: dict[str, list[float]]) -> list[Difference]:
    pairs = range(len(next(iter(effects.values()))))
    return difference_rows(
        {
            RunKey(seed, 0, None): [
                Quantity(About(name, "outcomes", "s", "residents", "Made up."), 100.0, 100.0 + values[seed])
                for name, values in effects.items()
            ]
            for seed in pairs
        }
    )


def test_four_draws_tell_a_primary_outcome_that_a_correction_for_forty_rows_hides() -> None:
    others = {f"other_{place}": [1.0, -1.0, 2.0, -2.0 + 0.01 * place] for place in range(44)}
    effects = {"main": [0.15, 0.2, 0.25, 0.28], **others}
    alone, named = judged([_figures(effects)])[0], judged([_figures(effects)], ["main"])[0]
    assert (alone[0].verdict, named[0].verdict) == (CANNOT_TELL, HIGHER)
    assert [row.standing for row in named[:2]] == [PRIMARY, EXPLORATORY]
    assert (named[0].corrected_low, named[0].corrected_high) == (named[0].low, named[0].high)


def test_the_first_primary_outcome_that_cannot_be_told_shuts_the_gate() -> None:
    clear, faint = [1.0, 1.1, 0.9, 1.05, 0.95], [1.0, -1.0, 0.5, -0.4, 0.1]
    rows = judged([_figures({"c": clear, "a": clear, "b": faint, "rest": faint})], ["a", "b", "c"])[0]
    by_id = {row.id: row for row in rows}
    assert [by_id[name].standing for name in ("a", "b", "c", "rest")] == [PRIMARY, PRIMARY, BEHIND, EXPLORATORY]
    assert [by_id[name].verdict for name in ("a", "b", "c")] == [HIGHER, CANNOT_TELL, HIGHER]


def test_without_any_effect_primary_outcomes_raise_a_false_alarm_in_at_most_one_trial_of_twenty() -> None:
    dice, alarms, trials = np.random.default_rng(5), 0, 400
    for _ in range(trials):
        common = dice.normal(size=6)
        effects = {name: list(common + dice.normal(size=6)) for name in ("a", "b", "c", "d", "e")}
        rows = judged([_figures(effects)] * 2, list(effects))
        alarms += any(row.standing == PRIMARY and row.verdict in (HIGHER, LOWER) for side in rows for row in side)
    assert alarms / trials <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / trials)
