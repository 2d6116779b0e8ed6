"""What a ride with a shared vehicle costs: unlocking, started minutes, a pass, and a most that any ride costs."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.units import MINUTE_S, BoolArray, FloatArray, IntArray


class PassSettings(Settings):
    """A pass by the month, and what its holders pay for a ride."""

    share: float = Field(0.0, ge=0, le=1)
    """Share of the members who have one; a larger share holds the smaller one. Assumption."""
    month_eur: float = Field(15.0, ge=0, le=200)
    """Price of a month. Assumption; not in any fare, it counts as the operator's income."""
    unlock_eur: float = Field(0.0, ge=0, le=10)
    """Price of unlocking with a pass. Assumption."""
    minute_eur: float = Field(0.15, ge=0, le=5)
    """Price of each started minute after the free ones, with a pass. Assumption."""
    free_minutes: int = Field(0, ge=0, le=1440)
    """Started minutes of each ride that cost nothing with a pass. Assumption."""


class Fares:
    """The prices of one service, for many rides or one, equal to the bit."""

    def __init__(
        self, unlock_eur: float, minute_eur: float, most_eur: float | None, of_pass: PassSettings, holders: BoolArray
    ) -> None:
        """Take the prices; `holders` says who has a pass, (P,)."""
        self._single = unlock_eur, minute_eur, 0
        self._of_pass = of_pass.unlock_eur, of_pass.minute_eur, of_pass.free_minutes
        self._most_eur = math.inf if most_eur is None else most_eur
        self._holders = holders if holders.any() else None

    def of_rides(self, ride_s: FloatArray, rows: IntArray) -> FloatArray:
        """Return the fares of rides, (T,), by people in rows of `People`, (T,)."""
        minutes = np.ceil(ride_s / MINUTE_S)
        fare_eur = self._priced(minutes, *self._single)
        if self._holders is None:
            return fare_eur
        return np.where(self._holders[rows], self._priced(minutes, *self._of_pass), fare_eur)

    def of_ride(self, ride_s: float, row: int) -> float:
        """Return the fare of one ride by the person in a row of `People`."""
        holds = self._holders is not None and self._holders[row]
        unlock_eur, minute_eur, free = self._of_pass if holds else self._single
        return min(unlock_eur + minute_eur * max(math.ceil(ride_s / MINUTE_S) - free, 0), self._most_eur)

    def _priced(self, minutes: FloatArray, unlock_eur: float, minute_eur: float, free: int) -> FloatArray:
        return np.minimum(unlock_eur + minute_eur * np.maximum(minutes - free, 0.0), self._most_eur)
