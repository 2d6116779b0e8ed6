"""How narrow is narrow enough: more seeds until a KPI's interval has the width that was asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kera_mobility.config.figure_ids import understood_id
from kera_mobility.errors import ConfigError, nearest_name
from kera_mobility.experiments.jobs import Written
from kera_mobility.results.compare.intervals import over_seeds

LEAST = 5
"""Runs before an interval is believed: with fewer, its width is mostly chance. Assumption."""
MOST_AT_ONCE = 2.0
"""A round at most doubles the runs: a first guess of how many are needed is rough. Assumption."""
POINTS_PER_SHARE = 100.0
"""Percentage points in a share of 1."""

_TARGET = re.compile(r"\s*(?P<kpi>\S+)\s+(?P<width>\d+\.?\d*|\.\d+)\s*(?P<unit>pp|%|)\s*")


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
        parts = _TARGET.fullmatch(text)
        width = float(parts["width"]) if parts else 0.0
        if not parts or not width > 0.0:
            raise ConfigError(
                f"until: got '{text}', expected a KPI and a width above 0, such as 'sustainable_share 0.3pp' "
                "(percentage points), 'scooter.rides 2%' (of the mean) or 'door_to_door_s.mean 5' (its own unit)"
            )
        unit = parts["unit"]
        return cls(
            understood_id(parts["kpi"], "until"), width / POINTS_PER_SHARE if unit else width, relative=unit == "%"
        )

    def require_known(self, run: Written) -> None:
        """Return if the runs have the KPI.

        Raises
        ------
        ConfigError
            If they do not; the message names the nearest one.
        """
        names = [kpi.id for kpi in run.kpis]
        if self.kpi not in names:
            raise ConfigError(f"until: no KPI '{self.kpi}' in these runs{nearest_name(self.kpi, names)}")

    def progress(self, runs: Sequence[Written]) -> Narrowness:
        """Return how wide the interval is after these runs; runs in which the KPI has no value do not count."""
        values = [kpi.value for run in runs for kpi in run.kpis if kpi.id == self.kpi and math.isfinite(kpi.value)]
        spread = over_seeds(values)
        if spread is None:
            return Narrowness(self, len(values), math.nan, math.inf, self.width)
        target = self.width * abs(spread.centre) if self.relative else self.width
        return Narrowness(self, len(values), spread.centre, spread.above, target)


@dataclass(frozen=True)
class Narrowness:
    """How far a batch is from the width that was asked for."""

    until: Until
    n: int
    mean: float
    half_width: float
    """Of the 95 % t interval of the mean. Looking after each round makes it slightly too narrow on average."""
    target: float
    """The half-width that was asked for, in the KPI's own unit."""

    @property
    def narrow(self) -> bool:
        """Whether the interval is narrow enough, from enough runs."""
        return self.n >= LEAST and self.half_width <= self.target

    def runs_to_add(self, done: int, most: int) -> int:
        """Return how many runs to add after `done`, never beyond `most` in all; the number of workers plays no part."""
        if self.n < LEAST or not math.isfinite(self.half_width):
            added = max(LEAST - self.n, 1)
        else:
            needed = math.ceil(min(self.n * (self.half_width / max(self.target, 1e-300)) ** 2, float(most)))
            added = min(max(needed - self.n, 1), round(self.n * (MOST_AT_ONCE - 1.0)))
        return max(0, min(added, most - done))

    def __str__(self) -> str:
        target = f"±{self.target:.4g} was asked for"
        return f"{self.until.kpi}: {self.mean:.4g} ±{self.half_width:.2g} (95 %) after {self.n} runs; {target}"
