"""What a model is held against: targets and data of a calibration, as Settings in a file of their own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from kera_mobility.config.settings import Seed, Settings, TimeOfDay, Utils


class Fit(Settings):
    """How the search is made."""

    share: float = Field(0.5, ge=0.01, le=1)
    """Share of the households that live the days of the search."""
    seeds: tuple[Seed, ...] = Field((11, 12), min_length=1)
    """Chance of the days, whose figures are averaged."""
    iterations: int = Field(12, ge=0, le=100)
    """Most rounds; none to judge the constants that the scenario has."""
    stop: float = Field(0.003, ge=0.0001, le=0.1)
    """The search ends when every share is nearer to its target than this."""
    check_seed: Seed = 101
    """Chance of the last day, with everyone, from which all figures are told."""


class ShareTarget(Settings):
    """A share of trips by main mode."""

    modes: tuple[str, ...]
    """Modes as services name them."""
    share: float = Field(ge=0.0001, le=1)
    """What was measured."""
    tolerance: float = Field(ge=0.0001, le=1)
    """How near is near enough; for the reader, not for the search."""
    prior: bool = False
    """A weak target: derived, or of another place."""
    constant: str = ""
    """Service whose constant is moved to meet it; none if empty."""
    source: str
    """Who measured it."""


class RatioTarget(Settings):
    """Rides of one service per ride of another."""

    service: str
    """The service counted."""
    per: str
    """The service it is divided by."""
    ratio: float = Field(ge=0.0001, le=10_000)
    """What was measured."""
    tolerance: float = Field(ge=0.0001, le=10_000)
    """How near is near enough."""
    prior: bool = False
    """A weak target."""
    constant: str
    """Service whose constant is moved."""
    source: str
    """Who measured it."""


class BoardingTargets(Settings):
    """Boardings counted at stations, one of them to fit a number of the scenario by."""

    service: str
    """The timetabled service."""
    route_types: tuple[Annotated[int, Field(ge=0, le=1799)], ...] = (2,)
    """GTFS route types that are counted."""
    factor: float = Field(ge=0.01, le=100)
    """From the year of the count to the base year."""
    factor_low: float = Field(ge=0.01, le=100)
    """The least that the factor may be."""
    factor_high: float = Field(ge=0.01, le=100)
    """The most that the factor may be."""
    source: str
    """Who counted."""
    fitted: str
    """Station that is fitted."""
    key: str
    """Dotted key of the whole number that is moved."""
    key_start: int = Field(ge=0, le=1_000_000)
    """Where the search begins."""
    key_low: int = Field(ge=0, le=1_000_000)
    """The least it may be."""
    key_high: int = Field(ge=0, le=1_000_000)
    """The most it may be."""
    held_out: tuple[str, ...]
    """Stations that are only compared."""
    told_only: tuple[str, ...] = ()
    """Stations shown without a verdict."""
    ratio_tolerance: float = Field(0.25, ge=0.001, le=10)
    """How near the boardings of a station held out, per boarding of the fitted one, must be, relative. Assumption."""

    @model_validator(mode="after")
    def _in_order(self) -> BoardingTargets:
        for low, middle, high in (("factor_low", "factor", "factor_high"), ("key_low", "key_start", "key_high")):
            values = [getattr(self, name) for name in (low, middle, high)]
            if values != sorted(values):
                raise ValueError(
                    f"{middle}: got {values[1]:g}, expected {values[0]:g} to {values[2]:g}, as bounded here"
                )
        return self


class Datum(Settings):
    """One measured figure that the search does not use."""

    share: float = Field(ge=-10_000, le=10_000)
    """What was measured, a share or another unit."""
    tolerance: float = Field(ge=0.0001, le=10_000)
    """How near is near enough."""
    source: str
    """Who measured it."""
    note: str = ""
    """What to keep in mind."""
    in_view: bool = False
    """Settings were chosen with this figure in view, so it is no test of them."""


class TimeTargets(Settings):
    """Measured travel times to a place beyond the map."""

    destination: str
    """Its name in outside.csv."""
    midday: tuple[TimeOfDay, TimeOfDay]
    """Period, seconds from midnight."""
    rush: tuple[TimeOfDay, TimeOfDay]
    """Period, seconds from midnight."""
    bands_km: tuple[Annotated[float, Field(ge=0, le=1000)], ...]
    """Edges of bands of distance from the centre of the area."""
    tolerance_min: float = Field(ge=0.1, le=600)
    """Minutes of median error that are near enough."""
    source: str
    """Who measured them."""

    @field_validator("midday", "rush")
    @classmethod
    def _a_period(cls, period: tuple[float, float]) -> tuple[float, float]:
        if not period[0] < period[1]:
            raise ValueError(f"expected a period that ends after it begins, got {period}")
        return period


class CalibrationSettings(Settings):
    """What is fitted to what, and what is only compared."""

    groups: tuple[str, ...]
    """Populations whose trips are asked, as KPIs name them: residents, neighbours."""
    fit: Fit = Fit()
    """How the search is made."""
    reference: str
    """Service whose constant stays."""
    start: dict[str, Utils]
    """Where the search begins, by service."""
    shares: dict[str, ShareTarget]
    """Shares of trips by main mode."""
    ratios: dict[str, RatioTarget] = Field(default_factory=dict)
    """Rides of one service per ride of another."""
    boardings: BoardingTargets
    """Counts at stations."""
    held_out: dict[str, Datum] = Field(default_factory=dict)
    """Figures that nothing is fitted to."""
    tours_per_person: dict[str, Annotated[float, Field(ge=0, le=10)]] = Field(default_factory=dict)
    """Settings that are read back, by purpose."""
    travel_times: TimeTargets
    """Measured times."""

    def free_keys(self) -> list[str]:
        """Return the dotted keys that the search moves."""
        named = [target.constant for target in self.shares.values()]
        named += [target.constant for target in self.ratios.values()]
        constants = [f"choice.constants.{name}" for name in named if name and name != self.reference]
        return [*constants, self.boardings.key]
