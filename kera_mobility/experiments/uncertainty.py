"""What we do not know: uncertain inputs, drawn from their ranges for each replication.

The draw of an input depends on its name and on the number of the draw, never on the scenario or the seed. So both sides
of a comparison get the same draws, and twenty draws are the first twenty of forty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from kera_mobility.config.messages import read_settings
from kera_mobility.config.settings import Settings
from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError, Fault
from kera_mobility.experiments.scenario_keys import content_of, number_keys, value_at, with_values
from kera_mobility.simulation.scenario import Scenario

UNCERTAIN = "configs/uncertain.yaml"
"""The shipped inputs and their ranges."""
MOST_TRIES = 1_000
"""Joint draws that may be rejected before one is accepted. Assumption: a target met by fewer than one in 1,000 joint
draws contradicts the ranges."""
DIGITS = 6
"""Drawn values are rounded to this many significant digits, so that they can be read and typed."""

Accept = Callable[[Mapping[str, float]], bool]
"""Called with a joint draw by name of input (value, shift or factor); returns whether it agrees with what is known."""


class UncertainInput(Settings):
    """One thing that we do not know."""

    key: str | tuple[str, ...]
    """Dotted key or keys that it sets; `*` stands for any part of a name, an index among them."""
    sets: Literal["value", "shift", "factor"] = "value"
    """Whether the draw replaces what the scenario has, is added to it, or multiplies it."""
    value: float | None = Field(None, ge=-1e6, le=1e6)
    """The best guess, where the draw replaces. A scenario that has another value has decided, and is left as it is."""
    low: float = Field(ge=-1e6, le=1e6)
    """Lowest draw."""
    high: float = Field(ge=-1e6, le=1e6)
    """Highest draw."""
    shape: Literal["triangular", "uniform"] = "triangular"
    """Triangular has its peak at the best guess (no shift, factor 1). Assumption: ranges come without a shape."""
    source: str = Field(min_length=1)
    """Where the range is from, or that it is an assumption."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.value is None) == (self.sets == "value"):
            raise ValueError("expected a best guess (value) where the draw is the value, and none where it is relative")
        if not self.low < self.high or not self.low <= self.peak <= self.high:
            raise ValueError(f"expected low <= best guess <= high, got {self.low}, {self.peak}, {self.high}")
        return self

    @property
    def peak(self) -> float:
        """The best guess as a draw."""
        return {"shift": 0.0, "factor": 1.0}[self.sets] if self.value is None else self.value

    def drawn(self, part: float) -> float:
        """Return the draw below which this part (0 to 1) of all draws lie."""
        width = self.high - self.low
        if self.shape == "uniform":
            return self.low + width * part
        below = (self.peak - self.low) / width
        if part < below:
            return self.low + width * math.sqrt(part * below)
        return self.high - width * math.sqrt((1.0 - part) * (1.0 - below))

    def applied(self, value: float, drawn: float) -> float | None:
        """Return what a key becomes, or None if the scenario has decided on another value."""
        if self.sets == "value":
            return drawn if value == self.value else None
        return value + drawn if self.sets == "shift" else value * drawn


class UncertainSettings(Settings):
    """A file of uncertain inputs."""

    inputs: dict[str, UncertainInput] = Field(min_length=1)
    """By name; the name is the address of the draw."""


@dataclass(frozen=True)
class Drawn:
    """A scenario with its uncertain inputs set."""

    scenario: Scenario
    inputs: Mapping[str, float]
    """Dotted key -> value that it was given."""
    absent: tuple[str, ...]
    """Names of inputs whose keys the scenario does not have: the service is not there."""
    decided: tuple[str, ...]
    """Names of inputs for which the scenario has a value other than the best guess."""


def load_uncertain(path: str | Path = UNCERTAIN) -> dict[str, UncertainInput]:
    """Return the uncertain inputs of a file by name.

    Raises
    ------
    MissingFileError, ConfigError
        If there is no such file; with every fault in it.
    """
    return read_settings(path, UncertainSettings).inputs


def draw(inputs: Mapping[str, UncertainInput], number: int, accept: Accept | None = None) -> dict[str, float]:
    """Return the joint draw of a number, by name of input.

    Inputs are independent, unless `accept` makes them depend on each other: joint draws are rejected until it agrees.

    Raises
    ------
    ConfigError
        If `accept` rejects every try.
    """
    for attempt in range(MOST_TRIES):
        dice = Dice().at("uncertain inputs", number, attempt)
        drawn = {name: _rounded(source.drawn(dice.uniform(name))) for name, source in inputs.items()}
        if accept is None or accept(drawn):
            return drawn
    raise ConfigError(
        f"uncertain inputs: none of {MOST_TRIES} joint draws was accepted; expected ranges that can meet the targets"
    )


def with_inputs(
    scenario: Scenario, inputs: Mapping[str, UncertainInput], number: int, accept: Accept | None = None
) -> Drawn:
    """Return a scenario with the joint draw of a number applied.

    Raises
    ------
    ConfigError
        If a drawn value does not fit the scenario.
    """
    return with_drawn(scenario, inputs, draw(inputs, number, accept), f"draw {number}")


def with_drawn(
    scenario: Scenario, inputs: Mapping[str, UncertainInput], joint: Mapping[str, float], where: str = "draw"
) -> Drawn:
    """Return a scenario with a joint draw applied, values by name of input.

    Raises
    ------
    ConfigError
        If a drawn value does not fit the scenario.
    """
    content = content_of(scenario)
    given: dict[str, float] = {}
    absent, decided = [], []
    for name, drawn in joint.items():
        keys = number_keys(content, inputs[name].key)
        applied = {key: inputs[name].applied(float(value_at(content, key)), drawn) for key in keys}
        if not keys:
            absent.append(name)
        elif None in applied.values():
            decided.append(name)
        else:
            given |= {key: _typed(value_at(content, key), value) for key, value in applied.items() if value is not None}
    try:
        changed = with_values(scenario, given)
    except ValidationError as error:
        faults = [Fault(where, f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}") for entry in error.errors()]
        raise ConfigError(faults) from None
    return Drawn(changed, given, tuple(absent), tuple(decided))


def _typed(before: float, value: float) -> float:
    return round(value) if isinstance(before, int) and not isinstance(before, bool) else _rounded(value)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
