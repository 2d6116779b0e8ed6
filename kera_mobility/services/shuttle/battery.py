"""The batteries of a loop's vehicles: used by driving, charged while resting at the terminal."""

from __future__ import annotations

from typing import NamedTuple

from kera_mobility.services.shuttle.settings import Battery
from kera_mobility.units import HOUR_S


class Charged(NamedTuple):
    """What a rest at the plug gave."""

    since_s: float
    charge: float
    """State of charge after it, 0 to 1."""


class Batteries:
    """States of charge of V vehicles, full in the morning; without a battery to follow every lap can be made."""

    def __init__(self, battery: Battery | None, energy_factor: float, vehicles: int, lap_km: float) -> None:
        """Prepare; the consumption is that of the battery's settings times a factor."""
        self._battery, self._factor, self._lap_km = battery, energy_factor, lap_km
        self.charge = [1.0 if battery else float("nan")] * vehicles
        self._plugged_s: dict[int, float] = {}
        self._gains_since_s: dict[int, float] = {}
        self.powered = True
        """Whether there is power at the terminal."""

    @property
    def followed(self) -> bool:
        """Whether there is a battery to follow."""
        return self._battery is not None

    def used(self, km: float) -> float:
        """Return the part of a battery that some kilometres take."""
        if self._battery is None:
            return 0.0
        return km * self._battery.energy_kwh_per_km * self._factor / self._battery.battery_kwh

    def drive(self, vehicle: int, km: float) -> None:
        """Take the energy of a drive."""
        if self._battery:
            self.charge[vehicle] = max(0.0, self.charge[vehicle] - self.used(km))

    def refill(self, vehicle: int) -> None:
        """Take a vehicle away and give it back full."""
        self._plugged_s.pop(vehicle, None)
        self._gains_since_s.pop(vehicle, None)
        self.charge[vehicle] = 1.0 if self._battery else float("nan")

    def can_lap(self, vehicle: int, begin_s: float) -> bool:
        """Return whether a vehicle will be able to begin a lap at a moment and come back with its reserve."""
        if self._battery is None:
            return True
        return self._charge_at(vehicle, begin_s) >= self.used(self._lap_km) + self._battery.reserve_charge

    def plug(self, vehicle: int, now_s: float) -> None:
        """Begin to charge, once there is power."""
        if self._battery and vehicle not in self._plugged_s:
            self._plugged_s[vehicle] = now_s
            if self.powered:
                self._gains_since_s[vehicle] = now_s

    def unplug(self, vehicle: int, now_s: float) -> Charged | None:
        """End to charge; None where nothing was at the plug."""
        if vehicle not in self._plugged_s:
            return None
        self.charge[vehicle] = self._charge_at(vehicle, now_s)
        self._gains_since_s.pop(vehicle, None)
        since_s = self._plugged_s.pop(vehicle)
        return Charged(since_s, self.charge[vehicle]) if now_s > since_s else None

    def power(self, powered: bool, now_s: float) -> None:
        """Turn the power at the terminal off or on."""
        self.powered = powered
        for vehicle in self._plugged_s:
            self.charge[vehicle] = self._charge_at(vehicle, now_s)
            self._gains_since_s.pop(vehicle, None)
            if powered:
                self._gains_since_s[vehicle] = now_s

    def _charge_at(self, vehicle: int, at_s: float) -> float:
        """Return the charge that a vehicle will have if it stays as it is."""
        since_s = self._gains_since_s.get(vehicle)
        if self._battery is None or since_s is None:
            return self.charge[vehicle]
        gained = self._battery.charge_kw * (at_s - since_s) / HOUR_S / self._battery.battery_kwh
        return min(1.0, self.charge[vehicle] + gained)
