"""What a study decides by, named before it is run: its primary outcomes in their order, and the city's thresholds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from kera_mobility.config.figure_ids import understood_id
from kera_mobility.config.settings import Settings

PRIMARY = ("sustainable_share", "mode_share.car", "door_to_door_s.mean", "unserved", "consumer_surplus.ex_ante")
"""Primary outcomes where neither scenario nor command line names any: ids of rows of `kera compare`."""
GO, CHANGE, STOP = "go", "change", "stop"


class CityThreshold(Settings):
    """From where on the city goes on with a trial, and from where on it stops it; in between it changes the trial."""

    go: float = Field(ge=-2e6, le=2e6)
    """The trial goes on if the change of the outcome is at least this, or at most, where less is better; in the unit
    of the row, a share as a part of one; money by a row of the day, not of the year. Set by whoever decides: an
    assumption until then."""
    stop: float = Field(ge=-2e6, le=2e6)
    """The trial stops if the change is no better than this. Less than `go` where more is better, else more. Set by
    whoever decides: an assumption until then."""

    @model_validator(mode="after")
    def _apart(self) -> CityThreshold:
        if self.go == self.stop:
            raise ValueError(f"stop: got {self.stop:g}, expected another value than go")
        return self

    def answers(self, low: float, high: float) -> tuple[str, ...]:
        """Return the answers, of go, change and stop, that the ends of an interval leave open, best first."""
        sign = 1.0 if self.go > self.stop else -1.0
        worst, best = sorted((sign * low, sign * high))
        go, stop = sign * self.go, sign * self.stop
        is_open = {GO: best >= go, CHANGE: worst < go and best > stop, STOP: worst <= stop}
        return tuple(answer for answer, possible in is_open.items() if possible)


class DecisionSettings(Settings):
    """What a study decides by; no event of a run depends on it."""

    primary: tuple[Annotated[str, Field(min_length=1)], ...] = Field(PRIMARY, min_length=1, max_length=12)
    """Outcomes that are tested as one family, in this order: ids of `kera compare`. All others are exploratory."""
    thresholds: dict[str, CityThreshold] = Field(default_factory=dict)
    """By id of a row of `kera compare`. None by default: they are the city's to set."""

    @field_validator("primary")
    @classmethod
    def _of_now(cls, primary: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(understood_id(name, "decision.primary") for name in primary)

    @field_validator("thresholds")
    @classmethod
    def _by_ids_of_now(cls, thresholds: dict[str, CityThreshold]) -> dict[str, CityThreshold]:
        return {understood_id(name, "decision.thresholds"): threshold for name, threshold in thresholds.items()}

    @model_validator(mode="after")
    def _once(self) -> DecisionSettings:
        twice = next((name for name in self.primary if self.primary.count(name) > 1), None)
        if twice:
            raise ValueError(f"primary: '{twice}' stands twice, expected once")
        return self
