"""What the operator does with a fleet at night: where vehicles are put, which batteries are changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from kera_mobility.settings import Settings
from kera_mobility.units import FloatArray, IntArray


class OvernightPolicy(ABC):
    """A decision of the night, a pure function; found by its `kind`."""

    kind: ClassVar[str]
    settings_type: ClassVar[type[Settings]]

    def __init__(self, settings: Any) -> None:
        self.settings = settings

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
    settings_type = ResetSettings

    settings: ResetSettings

    def places(self, parked: IntArray, first: IntArray) -> IntArray:
        """Return the places of the first day."""
        return first

    def charges(self, charge: FloatArray) -> FloatArray:
        """Return full batteries where they were low."""
        return np.where(charge < self.settings.swap_below, 1.0, charge)
