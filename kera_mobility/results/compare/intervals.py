"""How sure a mean is: intervals over seeds and over inputs, kept apart; Holm's correction; what pairing gained.

Sums are `math.fsum`, so that no result depends on the order of runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, nctdtrinc, ndtr, stdtr, stdtrit

ALPHA = 0.05
"""1 minus the level of the intervals: they are 95 % intervals."""
POWER = 0.80
"""Chance with which the smallest detectable difference would have been seen."""
RANKED_DRAWS = 39
"""From so many draws on, 95 % lie between the lowest and the highest of them, whatever their distribution."""

GRID = 40
"""Quantiles of each variance in the grid of `_half_width`."""
BISECTIONS = 24
"""Halvings in the search for a half-width: to one in ten million."""

Repeats = Mapping[tuple[int | None, int], float]
"""What each repetition found, by (input draw or None, seed)."""


@dataclass(frozen=True)
class Spread:
    """A centre with its 95 % interval as two half-widths, and the t distribution that stretches it to other levels."""

    centre: float
    below: float
    above: float
    df: float
    """Degrees of freedom of the t distribution."""

    def interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """Return the interval of level 1 - alpha."""
        stretch = t_quantile(self.df, alpha) / t_quantile(self.df, ALPHA)
        return self.centre - self.below * stretch, self.centre + self.above * stretch

    def p_value(self) -> float:
        """Return the alpha at which the interval just touches zero; 0 for a centre without any spread."""
        if self.centre == 0.0:
            return 1.0
        half = self.below if self.centre > 0 else self.above
        if half == 0.0:
            return 0.0
        return 2.0 * float(stdtr(self.df, -abs(self.centre) / half * t_quantile(self.df, ALPHA)))

    def detectable(self, alpha: float = ALPHA) -> float:
        """Return the smallest effect whose interval of level 1 - alpha would have excluded zero with POWER.

        Source: power of the t test by the noncentral t distribution.
        """
        t = t_quantile(self.df, alpha)
        standard_error = (self.below + self.above) / 2.0 / t_quantile(self.df, ALPHA)
        return float(nctdtrinc(self.df, 1.0 - POWER, t)) * standard_error


@dataclass(frozen=True)
class Sureness:
    """The two kinds of not knowing about one mean; each None where the runs cannot tell it."""

    centre: float
    chance: Spread | None
    """Over seeds, with inputs fixed; says whether more seeds help."""
    inputs: Spread | None
    """Over draws of the uncertain inputs: where the effect lies, given what is not known."""
    units: int
    """Seeds, or draws where inputs were drawn: how many numbers the headline rests on."""

    @property
    def headline(self) -> Spread | None:
        """The interval over inputs where they were drawn, else the one over seeds."""
        return self.inputs if self.inputs else self.chance


def t_quantile(df: float, alpha: float) -> float:
    """Return the two-sided quantile of Student's t distribution."""
    return float(stdtrit(df, 1.0 - alpha / 2.0))


def mean(values: Sequence[float]) -> float:
    """Return the mean, the same in any order of the values."""
    return math.fsum(values) / len(values)


def variance(values: Sequence[float]) -> float:
    """Return the variance of a sample of two or more."""
    middle = mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def over_seeds(values: Sequence[float]) -> Spread | None:
    """Return the t interval of the mean; None with fewer than two values."""
    if len(values) < 2:
        return None
    df = len(values) - 1
    half = t_quantile(df, ALPHA) * math.sqrt(variance(values) / len(values))
    return Spread(mean(values), half, half, df)


def sureness(repeats: Repeats) -> Sureness:
    """Return the intervals of a mean over repetitions.

    Without draws the seeds are the sample. With draws the centre is the mean over draws (of each draw's mean over its
    seeds), the interval over inputs says where the effect of a further draw would lie, and the one over seeds what
    chance alone leaves open about the centre.
    """
    fixed = {seed: value for (draw, seed), value in repeats.items() if draw is None}
    by_draw: dict[int, dict[int, float]] = {}
    for (draw, seed), value in repeats.items():
        if draw is not None:
            by_draw.setdefault(draw, {})[seed] = value
    if not by_draw:
        values = list(fixed.values())
        return Sureness(mean(values), over_seeds(values), None, len(values))
    means = [mean(list(seeds.values())) for seeds in by_draw.values()]
    chance, noise, noise_df, common = _chance_in(by_draw, fixed)
    inputs = _over_inputs(means, noise, noise_df, common)
    return Sureness(mean(means), chance, inputs, len(means))


def _chance_in(
    by_draw: Mapping[int, Mapping[int, float]], fixed: Mapping[int, float]
) -> tuple[Spread | None, float, float, float]:
    """Return chance's share: its interval, the variance in one draw's mean that is chance, the df of that, and the
    variance of what chance moves in all draws alike (where every draw has the same seeds)."""
    draws, seeds = list(by_draw.values()), next(iter(by_draw.values())).keys()
    centre = mean([mean(list(draw.values())) for draw in draws])
    crossed = len(draws) > 1 and all(draw.keys() == seeds for draw in draws)
    if crossed and len(seeds) > 1:
        of_seed = {seed: mean([draw[seed] for draw in draws]) for seed in seeds}
        rest = [draw[s] - mean(list(draw.values())) - of_seed[s] + centre for draw in draws for s in seeds]
        df = (len(draws) - 1) * (len(seeds) - 1)
        chance = over_seeds(list(of_seed.values()))
        common = variance(list(of_seed.values())) / len(seeds)
        return chance, math.fsum(value**2 for value in rest) / df / len(seeds), df, common
    df = sum(len(draw) - 1 for draw in draws)
    if df:
        within = math.fsum(variance(list(draw.values())) * (len(draw) - 1) for draw in draws if len(draw) > 1) / df
    elif len(fixed) > 1:
        df, within = len(fixed) - 1, variance(list(fixed.values()))
    else:
        return None, 0.0, 1.0, 0.0
    chance = over_seeds(list(fixed.values()))
    if crossed:  # one seed for all draws: chance moves them alike
        return chance, 0.0, 1.0, within
    if chance is None:
        half = t_quantile(df, ALPHA) * math.sqrt(within * math.fsum(1 / len(draw) for draw in draws)) / len(draws)
        chance = Spread(centre, half, half, df)
    return chance, within * mean([1 / len(draw) for draw in draws]), df, 0.0


def _over_inputs(means: Sequence[float], noise: float, noise_df: float, common: float) -> Spread | None:
    """Return where the effect of one more draw would lie: a prediction interval, the chance in each mean taken off.

    Few draws: effects are taken as normal. Many: order statistics, which take no form for granted, the draws first
    drawn together by the share of chance in their variance.
    """
    n = len(means)
    if n < 2:
        return None
    centre, observed = mean(means), variance(means)
    effects = max(observed - noise, 0.0)
    t_common = t_quantile(n - 1, ALPHA) ** 2 * common
    if n >= RANKED_DRAWS:
        shrink = math.sqrt(effects / observed) if observed else 1.0
        ordered = sorted(centre + shrink * (value - centre) for value in means)
        extra = t_common + t_quantile(n - 1, ALPHA) ** 2 * min(noise, observed) / n
        low, high = _ranked(ordered, ALPHA / 2.0), _ranked(ordered, 1.0 - ALPHA / 2.0)
        below, above = math.sqrt(max(centre - low, 0.0) ** 2 + extra), math.sqrt(max(high - centre, 0.0) ** 2 + extra)
        return Spread(centre, below, above, n - 1)
    half = math.sqrt(_half_width(observed, n, noise, noise_df) ** 2 + t_common)
    return Spread(centre, half, half, n - 1)


def _half_width(observed: float, n: int, noise: float, noise_df: float) -> float:
    """Return the half-width that holds a further effect with 1 - ALPHA, both variances being estimates themselves.

    The generalised pivot of a difference of two variances (Weerahandi 1993, JASA 88), over a grid of quantiles in
    place of random draws; without noise it is the t prediction interval.
    """
    if not noise or not observed:
        return t_quantile(n - 1, ALPHA) * math.sqrt(observed * (1.0 + 1.0 / n))
    share = (np.arange(GRID) + 0.5) / GRID
    means = observed * (n - 1) / chdtri(n - 1, share)
    chance = noise * noise_df / chdtri(noise_df, share)
    deviation = np.sqrt(np.maximum(means[:, None] - chance[None, :], 0.0) + means[:, None] / n)
    low, high = 0.0, 2.0 * t_quantile(n - 1, ALPHA) * math.sqrt(observed)
    for _ in range(BISECTIONS):
        half = (low + high) / 2.0
        # A running sum: its order is its own, on any machine.
        if float(np.cumsum(ndtr(-half / deviation))[-1]) * 2.0 > ALPHA * GRID**2:
            low = half
        else:
            high = half
    return high


def _ranked(ordered: Sequence[float], share: float) -> float:
    """Return the order statistic at rank share (n + 1), between neighbours in proportion."""
    rank = min(max(share * (len(ordered) + 1), 1.0), float(len(ordered)))
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered))
    return ordered[lower - 1] + (rank - lower) * (ordered[upper - 1] - ordered[lower - 1])


@dataclass(frozen=True)
class Gain:
    """How much pairing narrowed a difference: unpaired over paired variance, with its 95 % interval."""

    ratio: float
    low: float
    high: float


def pairing_gain(before: Sequence[float], after: Sequence[float]) -> Gain | None:
    """Return (Var a + Var b) / Var(b - a); None with fewer than three pairs, or where one of the three is without any.

    The ratio is (Var(a + b) / Var(b - a) + 1) / 2, and the interval of a ratio of two correlated variances is exact
    for normal values. Source: Pitman 1939 and Morgan 1939, Biometrika 31.
    """
    n = len(before)
    # With two, the correlation of sums and differences is always 1 or -1.
    if n < 3:
        return None
    sums = [a + b for a, b in zip(before, after, strict=True)]
    gained = [b - a for a, b in zip(before, after, strict=True)]
    of_sums, of_gained = variance(sums), variance(gained)
    if not (of_gained and of_sums and variance(before) and variance(after)):
        return None
    shared = math.fsum(s * g for s, g in zip(_centred(sums), _centred(gained), strict=True)) / (n - 1)
    square = min(shared**2 / (of_sums * of_gained), 1.0)
    width = 1.0 + 2.0 * (1.0 - square) * t_quantile(n - 2, ALPHA) ** 2 / (n - 2)
    root, quotient = math.sqrt(width**2 - 1.0), of_sums / of_gained
    return Gain((quotient + 1) / 2, (quotient * (width - root) + 1) / 2, (quotient * (width + root) + 1) / 2)


def _centred(values: Sequence[float]) -> list[float]:
    middle = mean(values)
    return [value - middle for value in values]


def sign_test(n: int) -> float:
    """Return the p-value of n differences that all have one sign."""
    return min(2.0 * 0.5**n, 1.0)


def holm(p_values: Sequence[float]) -> list[tuple[float, float]]:
    """Return, for each p-value, the one adjusted for looking at all of them, and the alpha it was judged at.

    An interval of level 1 - that alpha excludes zero exactly if the adjusted p-value is at most ALPHA. The chance of
    any false alarm is at most ALPHA, however the quantities hang together. Source: Holm 1979, Scand. J. Statist. 6.
    """
    adjusted: dict[int, tuple[float, float]] = {}
    highest, alpha = 0.0, ALPHA
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        remaining = len(p_values) - rank
        if highest <= ALPHA:
            alpha = ALPHA / remaining
        highest = max(highest, min(remaining * p_values[place], 1.0))
        adjusted[place] = (highest, alpha)
    return [adjusted[place] for place in range(len(p_values))]


def ratio(parts: Sequence[float], bases: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """Return the sum of parts over the sum of bases, and its 95 % interval over seeds.

    The interval is None with fewer than two seeds, and where the base itself could be zero: then the ratio could be
    anything. Source: Fieller 1954, J. R. Statist. Soc. B 16.
    """
    n, part, base = len(parts), mean(parts), mean(bases)
    quotient = part / base if base else math.nan
    if n < 2 or not base:
        return quotient, None
    square = t_quantile(n - 1, ALPHA) ** 2 / n
    shared = math.fsum(a * b for a, b in zip(_centred(parts), _centred(bases), strict=True)) / (n - 1)
    a, b, c = base**2 - square * variance(bases), part * base - square * shared, part**2 - square * variance(parts)
    if a <= 0.0:
        return quotient, None
    root = math.sqrt(max(b**2 - a * c, 0.0))
    return quotient, ((b - root) / a, (b + root) / a)
