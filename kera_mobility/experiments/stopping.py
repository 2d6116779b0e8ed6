"""How narrow is narrow enough: more seeds until a KPI's interval has the width that was asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kera_mobility.errors import ConfigError, nearest_name
from kera_mobility.experiments.jobs import Written

CONFIDENCE = 0.95
"""Level of the interval."""
LEAST = 5
"""Runs before an interval is believed: with fewer, its width is mostly chance. Assumption."""
MOST_AT_ONCE = 2.0
"""A round at most doubles the runs: a first guess of how many are needed is rough. Assumption."""
POINTS_PER_SHARE = 100.0
"""Percentage points in a share of 1."""

_TARGET = re.compile(r"\s*(\S+)\s+([0-9.]+)\s*(pp|%|)\s*")


@dataclass(frozen=True)
class Until:
    """The half-width that the interval of one KPI's mean should have."""

    kpi: str
    width: float
    """In the KPI's own unit, or as a part of its mean."""
    relative: bool = False

    @classmethod
    def of(cls, text: str) -> Until:
        """Return what `sustainable_share 0.3pp`, `scooter.rides 2%` or `door_to_door_s.mean 5` means.

        Raises
        ------
        ConfigError
            If it is none of these.
        """
        found = _TARGET.fullmatch(text)
        try:
            kpi, width, unit = found.group(1), float(found.group(2)), found.group(3)  # type: ignore[union-attr]
        except (AttributeError, ValueError):
            kpi, width, unit = "", 0.0, ""
        if not width > 0.0:
            raise ConfigError(
                f"until: got '{text}', expected a KPI and a width above 0, such as 'sustainable_share 0.3pp' "
                "(percentage points), 'scooter.rides 2%' (of the mean) or 'door_to_door_s.mean 5' (its own unit)"
            )
        return cls(kpi, width / (1.0 if not unit else POINTS_PER_SHARE), relative=unit == "%")

    def require_known(self, run: Written) -> None:
        """Return if the runs have the KPI.

        Raises
        ------
        ConfigError
            If they do not; the message names the nearest one.
        """
        known = [kpi.id for kpi in run.kpis]
        if self.kpi not in known:
            raise ConfigError(f"until: no KPI '{self.kpi}' in these runs{nearest_name(self.kpi, known)}")

    def progress(self, runs: Sequence[Written]) -> Narrowness:
        """Return how wide the interval is after these runs; runs in which the KPI has no value do not count."""
        found = [kpi.value for run in runs for kpi in run.kpis if kpi.id == self.kpi]
        values = [value for value in found if math.isfinite(value)]
        n = len(values)
        if n < 2:
            return Narrowness(self, n, math.nan, math.inf, self.width)
        mean = math.fsum(values) / n
        wanted = self.width * abs(mean) if self.relative else self.width
        return Narrowness(self, n, mean, half_width(values), wanted)


@dataclass(frozen=True)
class Narrowness:
    """How far a batch is from the width that was asked for."""

    until: Until
    n: int
    mean: float
    half_width: float
    """Of the 95 % t interval of the mean. Looking after each round makes it slightly too narrow on average."""
    wanted: float

    @property
    def narrow(self) -> bool:
        """Whether the interval is narrow enough, from enough runs."""
        return self.n >= LEAST and self.half_width <= self.wanted

    def more(self, done: int, most: int) -> int:
        """Return how many runs to add after `done`, never beyond `most` in all; the number of workers plays no part."""
        if self.n < LEAST or not math.isfinite(self.half_width):
            wished = max(LEAST - self.n, 1)
        else:
            needed = math.ceil(min(self.n * (self.half_width / max(self.wanted, 1e-300)) ** 2, float(most)))
            wished = min(max(needed - self.n, 1), round(self.n * (MOST_AT_ONCE - 1.0)))
        return max(0, min(wished, most - done))

    def __str__(self) -> str:
        target = f"±{self.wanted:.4g} was asked for"
        return f"{self.until.kpi}: {self.mean:.4g} ±{self.half_width:.2g} (95 %) after {self.n} runs; {target}"


def half_width(values: Sequence[float]) -> float:
    """Return half the 95 % t interval of the mean of at least two values."""
    from scipy.special import stdtrit

    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * math.sqrt(variance / n)
