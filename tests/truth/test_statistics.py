"""The statistics say what they claim: 4,000 addressed repetitions on made-up data whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtri

from kera_mobility.dice import Dice
from kera_mobility.results.compare.differences import CANNOT_TELL, SAME, difference_rows, judged
from kera_mobility.results.compare.intervals import (
    ALPHA,
    POWER,
    Repeats,
    Spread,
    Sureness,
    holm,
    over_seeds,
    pairing_gain,
    ratio,
    sign_test,
    sureness,
    t_quantile,
)
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.runs import RunKey
from kera_mobility.units import FloatArray

REPETITIONS = 4000
EFFECT = 0.7
"""The true mean effect of every made-up trial."""

Draw = Callable[..., FloatArray]


def normal(*address: object) -> FloatArray:
    """Return a standard normal number for each repetition, (4000,)."""
    found: FloatArray = ndtri(Dice.of(20).uniform(*address, np.arange(REPETITIONS)))  # type: ignore[arg-type, call-overload]
    return found


def even(*address: object) -> FloatArray:
    """Return an evenly spread number of variance one, (4000,)."""
    draw: FloatArray = Dice.of(21).uniform(*address, np.arange(REPETITIONS))  # type: ignore[arg-type, call-overload]
    return math.sqrt(12.0) * (draw - 0.5)


def covered(hits: int) -> float:
    return hits / REPETITIONS


# Chance: seeds, with inputs fixed


@pytest.mark.parametrize("seeds", [2, 4, 20])
def test_the_interval_over_seeds_holds_the_truth_19_times_in_20(seeds: int) -> None:
    values = np.stack([normal("seed", seed) for seed in range(seeds)], axis=1) * 2.0 + EFFECT
    hits = 0
    for row in values.tolist():
        spread = over_seeds(row)
        assert spread is not None
        low, high = spread.interval()
        hits += low <= EFFECT <= high
    assert 0.93 <= covered(hits) <= 0.97


def test_the_smallest_detectable_difference_is_seen_four_times_in_five() -> None:
    seeds, deviation = 8, 1.5
    # What would have been seen, if the deviation were known from very many trials.
    standard_error = deviation / math.sqrt(seeds)
    half = t_quantile(seeds - 1, ALPHA) * standard_error
    truth = Spread(0.0, half, half, seeds - 1).detectable()
    values = np.stack([normal("power", seed) for seed in range(seeds)], axis=1) * deviation + truth
    spreads = [over_seeds(row) for row in values.tolist()]
    seen = sum(spread is not None and spread.p_value() <= ALPHA for spread in spreads)
    assert covered(seen) == pytest.approx(POWER, abs=0.02)


def test_a_p_value_is_the_level_at_which_the_interval_touches_zero() -> None:
    spread = Spread(1.0, 1.6, 1.1, 7.0)
    low, _ = spread.interval(spread.p_value())
    assert low == pytest.approx(0.0, abs=1e-9)
    assert spread.interval() == (pytest.approx(-0.6), pytest.approx(2.1))


# What we do not know: draws of the inputs


def _hits(draws: int, seeds: int, chance: float, effect: Draw, *, crossed: bool) -> float:
    """Return how often the interval over inputs holds the effect of one more draw, untouched by chance."""
    effects = np.stack([effect("effect", draw) for draw in range(draws + 1)], axis=1) + EFFECT
    own = np.stack(
        [np.stack([normal("own", draw, seed) for seed in range(seeds)], axis=1) for draw in range(draws)], axis=1
    )
    common = np.stack([normal("common", seed) for seed in range(seeds)], axis=1) * (chance / 2)
    found = effects[:, :draws, None] + chance * own
    hits = 0
    for row in range(REPETITIONS):
        repeats: dict[tuple[int | None, int], float] = {}
        for draw in range(draws):
            for seed in range(seeds):
                shift = float(common[row, seed]) if crossed else 0.0
                repeats[draw, seed if crossed else draw * seeds + seed] = float(found[row, draw, seed]) + shift
        spread = sureness(repeats).inputs
        assert spread is not None
        low, high = spread.interval()
        hits += low <= effects[row, draws] <= high
    return covered(hits)


@pytest.mark.parametrize(
    ("draws", "seeds", "chance", "effect", "crossed"),
    [
        (12, 1, 0.0, normal, False),
        (40, 1, 0.0, normal, False),
        (40, 1, 0.0, even, False),
        (12, 3, 1.0, normal, False),
        (40, 2, 0.7, normal, False),
        (12, 4, 0.5, normal, True),
    ],
    ids=["few", "many", "many-even", "few-with-chance", "many-with-chance", "the-same-seeds"],
)
def test_the_interval_over_inputs_holds_the_effect_of_a_further_draw_19_times_in_20(
    draws: int, seeds: int, chance: float, effect: Draw, crossed: bool
) -> None:
    assert 0.93 <= _hits(draws, seeds, chance, effect, crossed=crossed) <= 0.97


def test_chance_that_runs_with_inputs_fixed_tell_is_taken_out_of_the_interval_over_inputs() -> None:
    draws = {(draw, draw): float(normal("d", draw)[0]) * 3.0 for draw in range(12)}
    seeds: Repeats = {(None, 100 + seed): float(normal("s", seed)[0]) * 2.0 for seed in range(12)}
    with_both, alone = sureness({**draws, **seeds}), sureness(draws)
    assert with_both.inputs is not None
    assert alone.inputs is not None
    assert with_both.inputs.above < alone.inputs.above
    assert with_both.chance == over_seeds(list(seeds.values()))
    assert alone.chance is None
    assert with_both.centre == alone.centre == with_both.inputs.centre


def test_more_seeds_narrow_chance_but_not_what_we_do_not_know() -> None:
    def found(seeds: int) -> Sureness:
        return sureness(
            {
                (draw, draw * seeds + seed): float(normal("n", draw)[1] + normal("m", draw, seed)[1])
                for draw in range(20)
                for seed in range(seeds)
            }
        )

    few, many = found(2), found(50)
    assert few.chance is not None
    assert few.inputs is not None
    assert many.chance is not None
    assert many.inputs is not None
    assert many.chance.above < few.chance.above / 3
    assert many.inputs.above > few.inputs.above / 2
    assert many.inputs.above > 1.5


# Many figures at once


def test_holm_is_what_a_hand_computes() -> None:
    found = holm([0.04, 0.01, 0.03, 0.005])
    assert [adjusted for adjusted, _ in found] == pytest.approx([0.06, 0.03, 0.06, 0.02])
    # The third and fourth in order fail at 0.05 / 2; later ones are judged where the first failure was.
    assert [alpha for _, alpha in found] == pytest.approx([0.025, 0.05 / 3, 0.025, 0.0125])


def _one_trial(values: FloatArray) -> list[str]:
    """Return the verdicts of figures, (F, S), over S seeds."""
    figures = {
        RunKey(seed, 0, None): [
            Quantity(About(f"figure_{place}", "outcomes", "s", "residents", "Made up."), 0.1, 0.1 + float(value))
            for place, value in enumerate(values[:, seed])
        ]
        for seed in range(values.shape[1])
    }
    return [row.verdict for row in judged([difference_rows(figures)])[0]]


@pytest.mark.parametrize("alike", [0.0, 0.9], ids=["apart", "alike"])
def test_without_any_effect_a_false_alarm_is_raised_in_at_most_one_trial_of_twenty(alike: float) -> None:
    figures, seeds = 8, 5
    shared = np.stack([normal("shared", seed) for seed in range(seeds)], axis=1)
    own = np.stack([np.stack([normal(f, s) for s in range(seeds)], axis=1) for f in range(figures)], axis=1)
    values = math.sqrt(alike) * shared[:, None, :] + math.sqrt(1.0 - alike) * own
    alarms = sum(any(verdict != CANNOT_TELL for verdict in _one_trial(values[row])) for row in range(REPETITIONS))
    # Three standard deviations of a share of 5 % above it.
    assert covered(alarms) <= ALPHA + 3.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / REPETITIONS)
    if not alike:
        assert covered(alarms) >= 0.035


def test_rare_counts_raise_no_more_false_alarms_than_they_may() -> None:
    seeds = 5
    one = np.stack([even("a", seed) for seed in range(seeds)], axis=1) > 1.4
    other = np.stack([even("b", seed) for seed in range(seeds)], axis=1) > 1.4
    values = one.astype(np.float64) - other
    alarms = sum(_one_trial(values[row : row + 1])[0] not in (CANNOT_TELL, SAME) for row in range(REPETITIONS))
    assert covered(alarms) <= ALPHA


def test_an_effect_is_found_where_there_is_one() -> None:
    values = np.stack([normal("e", seed)[:50] for seed in range(10)], axis=1) + 3.0
    assert all(_one_trial(values[row : row + 1]) == ["higher"] for row in range(50))


def test_a_sign_test_needs_six_pairs() -> None:
    assert sign_test(5) > ALPHA
    assert sign_test(6) < ALPHA


# What pairing gains, and quotients


def test_the_interval_of_the_pairing_gain_holds_the_truth_19_times_in_20() -> None:
    seeds, shared, own = 12, 3.0, 1.0
    days = np.stack([normal("day", seed) for seed in range(seeds)], axis=1) * shared
    before = days + np.stack([normal("a", seed) for seed in range(seeds)], axis=1) * own
    after = days + np.stack([normal("b", seed) for seed in range(seeds)], axis=1) * own + EFFECT
    truth = (shared**2 + own**2) / own**2
    hits = 0
    for first, second in zip(before.tolist(), after.tolist(), strict=True):
        gain = pairing_gain(first, second)
        assert gain is not None
        hits += gain.low <= truth <= gain.high
    assert 0.93 <= covered(hits) <= 0.97


def test_the_pairing_gain_is_the_ratio_of_variances() -> None:
    gain = pairing_gain([1.0, 2.0, 4.0], [2.0, 2.5, 5.5])
    assert gain is not None
    variances = [np.var(values, ddof=1) for values in ([1.0, 2.0, 4.0], [2.0, 2.5, 5.5], [1.0, 0.5, 1.5])]
    assert gain.ratio == pytest.approx((variances[0] + variances[1]) / variances[2])
    assert pairing_gain([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None


def test_the_interval_of_a_quotient_holds_the_truth_19_times_in_20() -> None:
    seeds = 6
    wholes = np.stack([normal("w", seed) for seed in range(seeds)], axis=1) + 6.0
    parts = 2.0 * wholes + np.stack([normal("p", seed) for seed in range(seeds)], axis=1) * 3.0
    hits = 0
    for part, whole in zip(parts.tolist(), wholes.tolist(), strict=True):
        _, interval = ratio(part, whole)
        assert interval is not None
        hits += interval[0] <= 2.0 <= interval[1]
    assert 0.93 <= covered(hits) <= 0.97


def test_a_quotient_whose_whole_could_be_nothing_has_no_interval() -> None:
    quotient, interval = ratio([5.0, 6.0, 5.0], [1.0, -2.0, 2.0])
    assert quotient == pytest.approx(16.0)
    assert interval is None
