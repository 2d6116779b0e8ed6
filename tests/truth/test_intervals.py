"""Intervals, p-values and quotients of a few numbers, each against its closed form or the test that it inverts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from kera_mobility.results.compare.intervals import (
    ALPHA,
    RANKED_DRAWS,
    Repeats,
    Spread,
    holm,
    mean,
    over_seeds,
    pairing_gain,
    ratio,
    sign_test,
    sureness,
    variance,
)

T1, T2, T3 = 12.706204736432095, 4.302652729911275, 3.182446305284263
"""Student's t of 95 %, two-sided, by degrees of freedom."""


def spread(found: Spread | None) -> list[float]:
    """Return centre, half-widths and degrees of freedom of an interval that there is."""
    assert found is not None
    return [found.centre, found.below, found.above, found.df]


def test_mean_and_variance_of_three_numbers() -> None:
    assert mean([1.0, 2.0, 6.0]) == 3.0
    assert variance([1.0, 2.0, 6.0]) == (4.0 + 1.0 + 9.0) / 2.0


def test_one_seed_has_no_interval_and_two_have_the_widest() -> None:
    assert over_seeds([5.0]) is None
    # Variance of 1 and 3: 2.
    assert spread(over_seeds([1.0, 3.0])) == pytest.approx([2.0, T1, T1, 1])
    assert spread(over_seeds([1.0, 2.0, 3.0])) == pytest.approx([2.0, T2 / math.sqrt(3), T2 / math.sqrt(3), 2])


def test_an_interval_stretches_to_another_level_by_student() -> None:
    lopsided = Spread(10.0, 2.0, 4.0, 3)
    assert lopsided.interval() == (8.0, 14.0)
    # t(3) of 99 % is 5.840909.
    assert lopsided.interval(0.01) == pytest.approx((10 - 2 * 5.840909 / T3, 10 + 4 * 5.840909 / T3))


@pytest.mark.parametrize(
    ("found", "p"),
    [
        (Spread(2.0, 2.0, 9.0, 3), 0.05),  # touches zero from above
        (Spread(0.5, 0.5, 9.0, 3), 0.05), (Spread(-2.0, 9.0, 2.0, 3), 0.05),  # from below
        (Spread(5.840909 / T3, 1.0, 9.0, 3), 0.01),
        (Spread(0.0, 1.0, 1.0, 3), 1.0), (Spread(0.0, 0.0, 0.0, 3), 1.0), (Spread(1.0, 0.0, 0.0, 3), 0.0),
        (Spread(-1.0, 0.0, 0.0, 3), 0.0),
    ],
)  # fmt: skip
def test_a_p_value_looks_at_the_side_towards_zero(found: Spread, p: float) -> None:
    assert found.p_value() == pytest.approx(p, abs=1e-7)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_smallest_detectable_effect_is_seen_with_a_chance_of_80_percent(alpha: float) -> None:
    effect = Spread(0.0, 1.0, 3.0, 4).detectable(alpha)
    t = stats.t.ppf(0.975, 4)
    # The half-width is 2 in the mean, so the standard error 2 / t.
    assert stats.nct.sf(stats.t.ppf(1 - alpha / 2, 4), 4, effect / (2 / t)) == pytest.approx(0.8, abs=1e-6)


# Inputs


def test_without_draws_the_headline_is_chance() -> None:
    found = sureness({(None, 1): 1.0, (None, 2): 3.0})
    assert spread(found.chance) == pytest.approx([2.0, T1, T1, 1])
    assert (found.centre, found.inputs, found.units) == (2.0, None, 2)
    assert found.headline is found.chance


def test_one_draw_has_no_interval_over_inputs() -> None:
    found = sureness({(7, 1): 4.0})
    assert (found.centre, found.chance, found.inputs, found.headline, found.units) == (4.0, None, None, None, 1)


def test_draws_of_one_seed_have_the_t_prediction_interval_of_a_further_draw() -> None:
    found = sureness({(0, 1): 1.0, (1, 1): 3.0})
    half = T1 * math.sqrt(2.0 * (1 + 1 / 2))
    assert (found.chance, found.units) == (None, 2)
    assert spread(found.inputs) == pytest.approx([2.0, half, half, 1])
    assert found.headline is found.inputs


def test_draws_without_any_spread_have_none() -> None:
    assert spread(sureness({(draw, 1): 3.0 for draw in range(3)}).inputs) == [3.0, 0.0, 0.0, 2]


def test_what_chance_moves_in_all_draws_alike_comes_on_top_where_all_have_one_seed() -> None:
    """Two draws on seed 1; runs with inputs fixed say that another seed has a variance of 2."""
    found = sureness({(0, 1): 1.0, (1, 1): 3.0, (None, 1): 4.0, (None, 2): 6.0})
    half = math.hypot(T1 * math.sqrt(2.0 * (1 + 1 / 2)), T1 * math.sqrt(2.0))
    assert spread(found.chance) == pytest.approx([5.0, T1, T1, 1])
    assert spread(found.inputs) == pytest.approx([2.0, half, half, 1])


def test_draws_that_share_their_seeds_tell_both_apart() -> None:
    """Inputs move the result by 2, the other seed by 4, and nothing else does: no noise is left in a draw's mean."""
    found = sureness({(0, 1): 1.0, (0, 2): 5.0, (1, 1): 3.0, (1, 2): 7.0})
    # Over seeds: means 2 and 6, variance 8, so 4 of the mean. Over draws: means 3 and 5, variance 2.
    assert spread(found.chance) == pytest.approx([4.0, T1 * 2.0, T1 * 2.0, 1])
    half = math.hypot(T1 * math.sqrt(2.0 * (1 + 1 / 2)), T1 * 2.0)
    assert spread(found.inputs) == pytest.approx([4.0, half, half, 1])


def test_what_is_left_where_seeds_are_shared_is_noise_and_is_taken_off() -> None:
    """The draws are alike in the mean, and all that differs is which seed is higher: inputs do nothing."""
    crossed = {(0, 1): 1.0, (0, 2): 5.0, (1, 1): 5.0, (1, 2): 1.0, (2, 1): 4.0, (2, 2): 2.0}
    assert spread(sureness(crossed).inputs)[0] == pytest.approx(3.0)
    # Seeds: means 10/3 and 8/3, variance 2/9, of the mean 1/9.
    common = T2**2 / 9
    assert spread(sureness(crossed).chance) == pytest.approx([3.0, T1 / 3, T1 / 3, 1])
    assert spread(sureness(crossed).inputs)[1] == pytest.approx(math.sqrt(common))


def test_draws_with_seeds_of_their_own_share_one_variance_within() -> None:
    """Draw 0 has 1 and 3, draw 1 has 2, 4 and 6: within, (1 x 2 + 2 x 4) / 3 with 3 degrees of freedom."""
    found = sureness({(0, 1): 1.0, (0, 2): 3.0, (1, 3): 2.0, (1, 4): 4.0, (1, 5): 6.0})
    half = T3 * math.sqrt(10 / 3 * (1 / 2 + 1 / 3)) / 2
    assert (found.centre, found.units) == (3.0, 2)
    assert spread(found.chance) == pytest.approx([3.0, half, half, 3])


def test_one_draw_with_two_seeds_has_the_interval_of_chance() -> None:
    found = sureness({(0, 1): 1.0, (0, 2): 3.0})
    assert (spread(found.chance), found.inputs) == (pytest.approx([2.0, T1, T1, 1]), None)


def test_where_inputs_were_also_fixed_these_runs_say_what_chance_is() -> None:
    apart: Repeats = {(0, 1): 1.0, (0, 2): 3.0, (1, 3): 2.0, (1, 4): 4.0, (None, 1): 0.0, (None, 2): 2.0}
    assert spread(sureness(apart).chance) == pytest.approx([1.0, T1, T1, 1])


def pivot_half_width(observed: float, draws: int, noise: float, noise_df: float) -> float:
    """Return by dice where 95 % of further effects lie, both variances being estimates (Weerahandi 1993)."""
    rng, many = np.random.default_rng(1), 200_000
    means = observed * (draws - 1) / rng.chisquare(draws - 1, many)
    effects = np.maximum(means - noise * noise_df / rng.chisquare(noise_df, many), 0.0)
    return float(np.quantile(np.abs(np.sqrt(effects + means / draws) * rng.standard_normal(many)), 0.95))


def test_chance_within_draws_is_taken_off_what_lies_between_them() -> None:
    """Four draws of two seeds each, apart: means 0, 2, 4, 6, variance 20/3; within a draw 2, of its mean 1."""
    found = sureness({(draw, 2 * draw + k): 2.0 * draw + 2 * k - 1 for draw in range(4) for k in range(2)})
    assert spread(found.inputs)[0] == 3.0
    assert spread(found.inputs)[1] == pytest.approx(pivot_half_width(20 / 3, 4, 1.0, 4), rel=0.03)
    assert spread(found.inputs)[1] < T3 * math.sqrt(20 / 3 * (1 + 1 / 4))


def test_shared_seeds_leave_noise_in_each_draw_that_is_taken_off() -> None:
    """Two draws, three seeds. Means 5 and 9, variance 8; neither explains 2 in each of two pairs."""
    found = sureness({(0, 1): 6.0, (0, 2): 4.0, (0, 3): 5.0, (1, 1): 8.0, (1, 2): 10.0, (1, 3): 9.0})
    # The residuals are 1, -1, 0 and -1, 1, 0: a sum of squares of 4 over 1 x 2 degrees, a third of it in each mean.
    assert spread(found.chance) == pytest.approx([7.0, 0.0, 0.0, 2])
    assert spread(found.inputs) == pytest.approx([7.0, (half := spread(found.inputs)[1]), half, 1])
    assert half == pytest.approx(pivot_half_width(8.0, 2, 2 / 3, 2), rel=0.03)
    more = sureness({(d, s): 4.0 * d + 6.0 * (s - 2) * (2 * d - 1) for d in range(2) for s in (1, 2, 3)})
    # Residuals 6, 0, -6 with either sign: 144 / 2 / 3 of noise beside the variance of 8 between the means.
    assert spread(more.inputs)[1] == pytest.approx(pivot_half_width(8.0, 2, 24.0, 2), rel=0.03)


def test_a_draw_of_one_seed_tells_nothing_of_chance_within() -> None:
    found = sureness({(0, 1): 1.0, (0, 2): 3.0, (1, 3): 2.0})
    half = T1 * math.sqrt(2.0 * (1 / 2 + 1)) / 2
    assert spread(found.chance) == pytest.approx([2.0, half, half, 1])


def test_one_run_with_inputs_fixed_says_nothing_of_chance() -> None:
    found = sureness({(0, 1): 1.0, (1, 1): 3.0, (None, 1): 2.0})
    assert found.chance is None
    assert spread(found.inputs)[1] == pytest.approx(T1 * math.sqrt(3.0))


def test_runs_with_inputs_fixed_say_what_is_noise_in_draws_of_one_seed_each() -> None:
    """Three draws, each on a seed of its own: means 0, 4, 8, variance 16; fixed runs have a variance of 4."""
    found = sureness({(0, 1): 0.0, (1, 2): 4.0, (2, 3): 8.0, **{(None, s): 2.0 * s for s in (4, 5, 6)}})
    assert spread(found.inputs)[1] == pytest.approx(pivot_half_width(16.0, 3, 4.0, 2), rel=0.03)


def test_half_of_what_lies_between_twelve_draws_is_chance() -> None:
    """Means 0 to 11, variance 13; in each draw two seeds that differ by 5, so 6.25 of it are noise."""
    found = sureness({(draw, 2 * draw + k): draw + 5.0 * k for draw in range(12) for k in range(2)})
    assert spread(found.inputs)[1] == pytest.approx(pivot_half_width(13.0, 12, 6.25, 12), rel=0.03)


def test_how_surely_the_noise_is_known_counts_for_what_is_taken_off() -> None:
    """A sum of squares over 10 degrees of freedom, and one over 2."""
    # Six draws of the same three seeds: means 0 to 5, variance 3.5; residuals of 2, 0 and -2, either way round.
    shared = {(d, s): d + 2.0 * (s - 2) * (-1) ** d for d in range(6) for s in (1, 2, 3)}
    assert spread(sureness(shared).inputs)[1] == pytest.approx(pivot_half_width(3.5, 6, 48 / 10 / 3, 10), rel=0.03)
    # Twelve draws, each on a seed of its own: means 0 to 11, variance 13; three fixed runs call half of it noise.
    fixed: Repeats = {(None, s): math.sqrt(6.5) * s for s in range(3)}
    apart = sureness({**{(d, 10 + d): float(d) for d in range(12)}, **fixed})
    assert spread(apart.inputs)[1] == pytest.approx(pivot_half_width(13.0, 12, 6.5, 2), rel=0.03)


def test_many_draws_lie_between_their_order_statistics() -> None:
    """Of 39 draws the lowest and the highest hold 95 %; of 79, the second from either end; of 59, half way between."""
    for draws, inner in ((39, 0.0), (79, 1.0), (59, 0.5)):
        found = sureness({(draw, 1): float(draw) for draw in range(draws)})
        half = (draws - 1) / 2 - inner
        assert spread(found.inputs) == pytest.approx([(draws - 1) / 2, half, half, draws - 1]), draws


def test_ranked_draws_keep_their_own_form() -> None:
    """One far draw on the right stretches the interval to the right only."""
    found = sureness({(draw, 1): float(draw) if draw < 38 else 100.0 for draw in range(39)})
    centre = (sum(range(38)) + 100.0) / 39
    assert spread(found.inputs) == pytest.approx([centre, centre, 100.0 - centre, 38])
    fewer = sureness({(draw, 1): float(draw) if draw < 37 else 100.0 for draw in range(RANKED_DRAWS - 1)})
    assert spread(fewer.inputs)[1] == spread(fewer.inputs)[2]


def test_many_draws_are_drawn_together_by_the_share_of_chance() -> None:
    """Forty means 0 to 39 with the noise of two seeds 8 apart: by hand, with the two variances."""
    draws = 40
    found = sureness({(draw, 2 * draw + k): draw + 8.0 * k - 4.0 for draw in range(draws) for k in range(2)})
    observed, noise = draws * (draws + 1) / 12, 32.0 / 2
    shrink, t = math.sqrt(1 - noise / observed), stats.t.ppf(0.975, draws - 1)
    # Rank 0.025 x 41 = 1.025 is a fortieth of the way from the lowest to the next.
    reach = shrink * (19.5 - 0.025)
    half = math.sqrt(reach**2 + t**2 * noise / draws)
    assert spread(found.inputs) == pytest.approx([19.5, half, half, draws - 1])


def test_many_draws_in_which_all_is_chance_have_no_more_than_chance() -> None:
    draws = 40
    found = sureness({(draw, 2 * draw + k): 80.0 * k + draw % 2 for draw in range(draws) for k in range(2)})
    observed, t = 0.25 * draws / (draws - 1), stats.t.ppf(0.975, draws - 1)
    assert spread(found.inputs)[1] == pytest.approx(t * math.sqrt(observed / draws))
    alike = sureness({(draw, 1): 2.0 for draw in range(draws)})
    assert spread(alike.inputs) == [2.0, 0.0, 0.0, draws - 1]


def test_many_draws_on_one_seed_add_what_another_seed_would_do() -> None:
    draws: Repeats = {(draw, 1): float(draw) for draw in range(39)}
    found = sureness({**draws, (None, 1): 1.0, (None, 2): 3.0})
    half = math.hypot(19.0, stats.t.ppf(0.975, 38) * math.sqrt(2.0))
    assert spread(found.inputs) == pytest.approx([19.0, half, half, 38])


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_intervals_are_the_same_in_any_unit(unit: float) -> None:
    trials: dict[tuple[int | None, int], float] = {
        (draw, 2 * draw + k): 2.0 * draw + 2 * k - 1 for draw in range(4) for k in range(2)
    }
    in_unit = sureness({key: value * unit for key, value in trials.items()})
    for plain, scaled in zip(
        (sureness(trials).chance, sureness(trials).inputs), (in_unit.chance, in_unit.inputs), strict=True
    ):
        assert spread(scaled)[:3] == pytest.approx([value * unit for value in spread(plain)[:3]])


# Pairs


def test_what_pairing_gained_is_where_the_test_of_pitman_and_morgan_turns() -> None:
    before, after = [1.0, 2.0, 4.0, 3.0], [2.0, 2.5, 5.5, 3.0]
    gain = pairing_gain(before, after)
    assert gain is not None
    sums, gains = np.add(before, after), np.subtract(after, before)
    quotient, r = np.var(sums, ddof=1) / np.var(gains, ddof=1), np.corrcoef(sums, gains)[0, 1]
    assert gain.ratio == pytest.approx((np.var(before, ddof=1) + np.var(after, ddof=1)) / np.var(gains, ddof=1))
    assert gain.low < gain.ratio < gain.high
    for limit in (gain.low, gain.high):
        f = quotient / (2 * limit - 1)
        assert abs(f - 1) * math.sqrt(4 - 2) / (2 * math.sqrt(f * (1 - r**2))) == pytest.approx(T2)


def test_pairing_gains_nothing_that_can_be_told_from_two_pairs_or_without_spread() -> None:
    assert pairing_gain([1.0, 2.0], [2.0, 4.0]) is None
    assert pairing_gain([1.0, 2.0, 4.0], [2.0, 3.0, 5.0]) is None  # always 1 more
    assert pairing_gain([1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]) is None  # sums are always 0
    assert pairing_gain([1.0, 1.0, 1.0], [1.0, 2.0, 4.0]) is None
    assert pairing_gain([1.0, 2.0, 4.0], [1.0, 1.0, 1.0]) is None
    assert pairing_gain([1.0, 2.0, 4.0], [2.0, 2.5, 5.5]) is not None  # three are enough


@pytest.mark.parametrize(
    "before", [[1.0, 2.0, 4.0], [1.2, 7.6, 6.9]]
)  # rounding makes the second correlation 1 + 2e-16
def test_a_doubled_result_has_a_gain_without_doubt(before: list[float]) -> None:
    """Sums are three times the differences in every pair: (9 + 1) / 2, and no interval around it."""
    gain = pairing_gain(before, [2.0 * value for value in before])
    assert gain is not None
    assert (gain.ratio, gain.low, gain.high) == pytest.approx((5.0, 5.0, 5.0), rel=1e-6)


# Many at once, one sign, quotients


def test_six_of_one_sign_are_one_in_32() -> None:
    assert [sign_test(n) for n in (0, 1, 2, 6)] == [1.0, 1.0, 0.5, 1 / 32]


def test_holm_goes_on_while_the_adjusted_value_is_at_the_limit() -> None:
    assert holm([]) == []
    assert holm([ALPHA / 2, 0.04]) == [(ALPHA, ALPHA / 2), (ALPHA, ALPHA)]
    assert holm([0.9, 0.8]) == [(1.0, ALPHA / 2), (1.0, ALPHA / 2)]


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_the_limits_of_a_quotient_are_where_it_would_just_be_refuted(unit: float) -> None:
    parts, bases = ([value * unit for value in values] for values in ([3.0, 5.0, 7.0, 5.5], [2.0, 2.5, 3.0, 2.2]))
    quotient, interval = ratio(parts, bases)
    assert quotient == pytest.approx(20.5 / 9.7)
    assert interval is not None
    assert interval[0] < quotient < interval[1]
    for limit in interval:
        rest = [part - limit * base for part, base in zip(parts, bases, strict=True)]
        assert abs(np.mean(rest)) == pytest.approx(T3 * np.std(rest, ddof=1) / math.sqrt(4))


def test_a_quotient_without_a_base_or_a_second_seed_has_no_interval() -> None:
    assert ratio([4.0], [2.0]) == (2.0, None)
    quotient, interval = ratio([1.0, 2.0], [1.0, -1.0])
    assert (math.isnan(quotient), interval) == (True, None)
    assert ratio([4.0, 4.0], [2.0, 2.0]) == (2.0, (2.0, 2.0))
    assert ratio([5.0, 6.0, 5.0], [1.0, -2.0, 2.0]) == (pytest.approx(16.0), None)  # the base could be zero
