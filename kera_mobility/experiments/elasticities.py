"""Elasticities of the model beside published ones: one thing is changed, the same people live the same days again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from kera_mobility.config.figure_ids import understood_id
from kera_mobility.config.messages import read_settings
from kera_mobility.config.settings import Seed, Settings
from kera_mobility.errors import ConfigError, nearest_name
from kera_mobility.experiments.calibration.variants import left_out, scaled, stretched, with_timetable
from kera_mobility.experiments.scenario_keys import content_of, value_at
from kera_mobility.results.display import Display, Grid
from kera_mobility.simulation.run import Run, live, simulate, town_of
from kera_mobility.simulation.scenario import Scenario, load_scenario

PAIRS = "configs/realism.yaml"
"""Where the pairs stand that are tried if no others are named."""

Say = Callable[[str], None]
Day = Callable[[int], Run]
"""Lives the day of a seed."""


class Response(Settings):
    """A figure that answers to a change, and what was found elsewhere."""

    kpi: Annotated[str, AfterValidator(understood_id)]
    """Id of the KPI."""
    title: str
    """Name for people."""
    low: float = Field(ge=-100, le=100)
    """Lowest elasticity of the published band."""
    high: float = Field(ge=-100, le=100)
    """Highest elasticity of the published band."""
    source: str
    """Who published it; `unverified` if from memory."""
    why_outside: str = ""
    """Why the model lies outside the band, where that is known and let stand; the gate of `kera check` asks for it."""

    @model_validator(mode="after")
    def _ordered(self) -> Response:
        if self.low > self.high:
            raise ValueError(f"expected low at most high, got {self.low} and {self.high}")
        return self


class ElasticityPair(Settings):
    """One thing that is changed."""

    title: str
    """Name for people."""
    scenario: str
    """Scenario file."""
    keys: tuple[str, ...] = ()
    """Dotted keys of the numbers that are multiplied; `periods.*.factor` means each of a list."""
    timetable: str = ""
    """Timetabled service whose headways are multiplied, instead of keys; empty for none."""
    factor: float = Field(ge=0.1, le=3)
    """What they are multiplied by."""
    share: float = Field(1.0, ge=0.01, le=1)
    """Share of the households that live the days."""
    responses: tuple[Response, ...] = Field(min_length=1)
    """Figures that answer."""

    @model_validator(mode="after")
    def _one_thing(self) -> ElasticityPair:
        if bool(self.keys) == bool(self.timetable):
            raise ValueError("expected keys or a timetable to change, one of the two")
        if self.factor == 1.0 or (self.timetable and self.factor < 1.0):
            raise ValueError(f"got the factor {self.factor}, expected a change; headways can only grow")
        return self


class RealismSettings(Settings):
    """What is tried."""

    seeds: tuple[Seed, ...] = Field((1, 2), min_length=1)
    """Days, common to both sides."""
    pairs: dict[str, ElasticityPair]
    """By name."""


@dataclass(frozen=True, repr=False)
class Elasticity(Display):
    """How one figure answered to one change."""

    id: str
    what: str
    """What was changed."""
    factor: float
    """By how much, as realised: a fleet is a whole number."""
    answer: str
    """What answered."""
    before: float
    """Mean over the seeds."""
    after: float
    """Mean over the seeds."""
    value: float
    """Arc elasticity ln(after / before) / ln(factor); NaN if there was nothing before or after."""
    least: float
    """Least over the seeds."""
    most: float
    """Most over the seeds."""
    low: float
    high: float
    source: str
    why_outside: str = ""

    def _glance(self) -> tuple[str, str, str]:
        return (
            f"Elasticity of {self.answer} to {self.what} (x {self.factor:.3g}): {self.value:.2f}",
            f"published {self.low:g} to {self.high:g}: {'inside' if self.inside else 'outside'}",
            f"source: {self.source}",
        )

    def _grid(self) -> Grid:
        return ("elasticity", "value", "least", "most", "published"), [
            (self.id, f"{self.value:.2f}", f"{self.least:.2f}", f"{self.most:.2f}", f"{self.low:g} to {self.high:g}"),
        ]  # fmt: skip

    @property
    def inside(self) -> bool:
        """Whether it lies in the published band."""
        return self.low <= self.value <= self.high

    @property
    def as_stated(self) -> bool:
        """Whether it lies in the band, or outside where that is explained; no explanation of what is inside."""
        return self.inside != bool(self.why_outside)

    def to_json(self) -> dict[str, Any]:
        """Return the fields and `inside` by name; None for what is not finite."""
        values = {**asdict(self), "inside": self.inside}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }


def realism(
    settings: RealismSettings | None = None,
    *,
    names: Sequence[str] = (),
    seeds: Sequence[int] = (),
    share: float | None = None,
    say: Say | None = None,
) -> list[Elasticity]:
    """Return the elasticities of some pairs (all if none are named), in the order of the file.

    Parameters
    ----------
    seeds, share
        Instead of those of the settings.
    say
        Called with a sentence about each day before it is simulated.

    Raises
    ------
    ConfigError
        If there is no such pair, or a key leads nowhere.
    """
    settings = settings or read_settings(PAIRS, RealismSettings)
    for name in names:
        if name not in settings.pairs:
            near = nearest_name(name, list(settings.pairs))
            raise ConfigError(f"no pair '{name}'{near}; expected some of {', '.join(settings.pairs)}")
    days = _PairedDays(tuple(seeds) or settings.seeds, say or (lambda text: None))
    chosen = [name for name in settings.pairs if not names or name in names]
    return [answer for name in chosen for answer in days.elasticities(name, settings.pairs[name], share)]


class _PairedDays:
    """Days that were lived, so that pairs with the same first side share it."""

    def __init__(self, seeds: tuple[int, ...], say: Say) -> None:
        self._seeds = seeds
        self._say = say
        self._kpis: dict[tuple[str, float], list[dict[str, float]]] = {}

    def elasticities(self, name: str, pair: ElasticityPair, share: float | None) -> Iterator[Elasticity]:
        share = pair.share if share is None else share
        scenario = load_scenario(pair.scenario)
        absent = left_out(town_of(scenario), share)
        kept = (scenario.hash, share)
        if kept not in self._kpis:
            self._kpis[kept] = self._days(f"{scenario.name} as it is", _days_of(scenario, absent))
        before = self._kpis[kept]
        changed, day = _changed(pair, scenario, absent)
        after = self._days(f"{scenario.name}, {pair.title} x {pair.factor:g}", day)
        factor = _realised(pair, scenario, changed)
        for response in pair.responses:
            yield _elasticity(f"{name}.{response.kpi}", pair, factor, response, before, after)

    def _days(self, title: str, day: Day) -> list[dict[str, float]]:
        days = []
        for seed in self._seeds:
            self._say(f"{title}, seed {seed}")
            days.append({kpi.id: kpi.value for kpi in day(seed).kpis()})
        return days


def _days_of(scenario: Scenario, absent: list[int]) -> Day:
    """Return what lives a day of a scenario; each scenario has its own expectations of what is scarce."""
    return lambda seed: simulate(scenario, seed, without=absent)


def _changed(pair: ElasticityPair, scenario: Scenario, absent: list[int]) -> tuple[Scenario, Day]:
    if pair.keys:
        changed = scaled(scenario, pair.keys, pair.factor)
        return changed, _days_of(changed, absent)
    service = scenario.services.get(pair.timetable)
    name, date = str(getattr(service, "timetable", "")), getattr(service, "date", None)
    if not name:
        raise ConfigError(f"timetable: {scenario.name} has no timetabled service '{pair.timetable}'")
    # No scenario file says it, so a town is changed; people then think that what is scarce is always there.
    present = town_of(scenario).without(absent)
    town = with_timetable(present, name, lambda timetable: stretched(timetable, pair.factor), date)
    return scenario, lambda seed: live(scenario, town, seed)


def _realised(pair: ElasticityPair, before: Scenario, after: Scenario) -> float:
    """Return the factor of what was changed: a whole number of vehicles is not multiplied exactly."""
    if not pair.keys or "*" in pair.keys[0]:
        return pair.factor
    old, new = (float(value_at(content_of(scenario), pair.keys[0])) for scenario in (before, after))
    return new / old if old and new != old else pair.factor


def _elasticity(
    name: str, pair: ElasticityPair, factor: float, response: Response,
    before: Sequence[dict[str, float]], after: Sequence[dict[str, float]],
) -> Elasticity:  # fmt: skip
    if response.kpi not in before[0]:
        near = nearest_name(response.kpi, list(before[0]))
        raise ConfigError(f"{name}: {Path(pair.scenario).stem} has no KPI '{response.kpi}'{near}")
    first, second = ([day[response.kpi] for day in days] for days in (before, after))
    by_day = [arc(a, b, factor) for a, b in zip(first, second, strict=True)]
    mean_before, mean_after = math.fsum(first) / len(first), math.fsum(second) / len(second)
    return Elasticity(
        name, pair.title, factor, response.title, mean_before, mean_after, arc(mean_before, mean_after, factor),
        min(by_day), max(by_day), response.low, response.high, response.source, response.why_outside,
    )  # fmt: skip


def arc(before: float, after: float, factor: float) -> float:
    """Return ln(after / before) / ln(factor); NaN where one of them is not above 0."""
    return math.log(after / before) / math.log(factor) if before > 0 and after > 0 else math.nan
