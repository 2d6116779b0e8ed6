"""The city's permit for a shared fleet: what the results of a trial are judged against. It changes nothing by itself.

A result carries the permit with it (`run.json`), and `permit_kpis.py` judges the day by it, condition by condition.
 What the operator does to keep it are other settings: the fleet, hours, zones, speeds.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from kera_mobility.config.calendar import Window
from kera_mobility.config.settings import ClockTime, Settings, in_order
from kera_mobility.units import HOUR_S

NIGHT_UNTIL_S = 5 * HOUR_S
"""Espoo's night is from midnight to five."""


class PermitSettings(Settings):
    """Conditions of a permit; null leaves one out. Speeds and nights are Espoo's (City of Espoo, 13.11.2025, permit of
    2026, scooter.espoo.*); the others are not in what could be read of it."""

    title: str = "City permit"
    """Name for people."""
    fleet: int | None = Field(None, ge=1, le=100_000)
    """Most vehicles on the streets at once. Assumption: no figure of Espoo was found."""
    available_share: float | None = Field(None, ge=0, le=1)
    """Least share of the hours below, at each hub, in which a vehicle can be had near it. Assumption."""
    available_within_m: float = Field(300.0, ge=1, le=5000)
    """How near to a hub is near, straight distance in m. Assumption."""
    available_from_s: ClockTime = Field(6 * HOUR_S, ge=0, le=24 * HOUR_S)
    """First of these hours, seconds from midnight. Assumption."""
    available_until_s: ClockTime = Field(22 * HOUR_S, ge=0, le=24 * HOUR_S)
    """End of these hours, seconds from midnight. Assumption."""
    banned: tuple[Window, ...] = (Window(from_s=0.0, until_s=NIGHT_UNTIL_S, days=("sat", "sun")),)
    """When no ride may begin. Source: Espoo, nights Fri-Sat and Sat-Sun from 00 to 05; the first of May is not here."""
    speed_day_km_h: float | None = Field(20.0, ge=1, le=25)
    """Highest speed. Source: Espoo."""
    speed_night_km_h: float | None = Field(15.0, ge=1, le=25)
    """Highest speed from 00 to 05 of weeknights. Source: Espoo."""
    night: Window = Window(from_s=0.0, until_s=NIGHT_UNTIL_S, days=("mon", "tue", "wed", "thu", "fri"))
    """When the speed of the night holds: nights Sun-Mon to Thu-Fri. Source: Espoo."""
    parking_share: float | None = Field(None, ge=0, le=1)
    """Least share of rides whose vehicle was put down where there was room for it. Assumption."""

    @model_validator(mode="after")
    def _in_order(self) -> PermitSettings:
        in_order(self, "available_from_s", "available_until_s")
        return self
