"""What the operator does with a fleet at night: where vehicles are put, which batteries are changed."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from kera_mobility.config.registry import Policy
from kera_mobility.config.settings import ClockTime, Settings
from kera_mobility.units import DAY_S, HOUR_S, FloatArray, IntArray


class OvernightPolicy(Policy):
    """A decision of the night, a pure function; found by its `kind`."""

    mends: ClassVar[bool] = True
    """Whether what is broken or missing is back in use in the morning."""

    @property
    def away_s(self) -> tuple[float, float] | None:
        """From when until when no vehicle is on the streets, seconds from midnight; None if they stay out."""
        return None

    @abstractmethod
    def places(self, parked: IntArray, first: IntArray) -> IntArray:
        """Return the street node where each vehicle starts the next day, (V,).

        Parameters
        ----------
        parked
            Node where each vehicle ended its day, (V,).
        first
            Node where each vehicle was put on the first day, (V,).
        """

    @abstractmethod
    def charges(self, charge: FloatArray) -> FloatArray:
        """Return the state of charge that each vehicle starts the next day with, (V,), 0 to 1."""


class LeaveSettings(Settings):
    """Settings of leaving the fleet as it is."""

    kind: Literal["leave"] = "leave"


class Leave(OvernightPolicy):
    """Nobody comes at night."""

    kind = "leave"
    settings_type = LeaveSettings
    mends = False

    def places(self, parked: IntArray, first: IntArray) -> IntArray:
        """Return the places unchanged."""
        return parked

    def charges(self, charge: FloatArray) -> FloatArray:
        """Return the charges unchanged."""
        return charge


class ResetSettings(Settings):
    """Settings of a nightly round."""

    kind: Literal["reset"] = "reset"
    swap_below: float = Field(0.5, ge=0, le=1)
    """Batteries below this state of charge are swapped for full ones. Assumption (by day scooter.swap_threshold)."""


class Reset(OvernightPolicy):
    """Every vehicle is brought back to its first place; low batteries are swapped."""

    kind = "reset"
    settings_type: ClassVar[type[Settings]] = ResetSettings

    settings: ResetSettings

    def places(self, parked: IntArray, first: IntArray) -> IntArray:
        """Return the places of the first day."""
        return first

    def charges(self, charge: FloatArray) -> FloatArray:
        """Return full batteries where they were low."""
        return np.where(charge < self.settings.swap_below, 1.0, charge)


class WithdrawSettings(ResetSettings):
    """Settings of taking the fleet in for the night."""

    kind: Literal["withdraw"] = "withdraw"  # type: ignore[assignment]
    from_s: ClockTime = Field(22 * HOUR_S, ge=0, le=DAY_S)
    """When free vehicles are taken off the streets, seconds from midnight; those that are ridden follow as they are
    parked. Assumption."""
    until_s: ClockTime = Field(6 * HOUR_S, ge=0, le=DAY_S)
    """When they are put out again in their first places, seconds from midnight. Assumption."""


class Withdraw(Reset):
    """The fleet is away at night and stands in its first places in the morning, low batteries swapped."""

    kind = "withdraw"
    settings_type = WithdrawSettings

    settings: WithdrawSettings

    @property
    def away_s(self) -> tuple[float, float]:
        """Return the hours of the night."""
        return self.settings.from_s, self.settings.until_s
