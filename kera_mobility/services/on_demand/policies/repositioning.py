"""Where idle vehicles of an on-demand service wait: decisions, pure functions over arrays; found by their `kind`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
from pydantic import Field

from kera_mobility.config.registry import Policy
from kera_mobility.config.settings import Settings
from kera_mobility.units import FloatArray, IntArray


class RepositioningPolicy(Policy):
    """What a vehicle does that has nothing to do."""

    @abstractmethod
    def waiting_zone(self, asks: FloatArray, vehicles: IntArray, hop_s: FloatArray, zone: int) -> int:
        """Return the zone where an idle vehicle should wait; its own zone means: stay.

        Parameters
        ----------
        asks
            Requests expected in each zone in this hour, (Z,).
        vehicles
            Other vehicles that wait in each zone or are on their way to wait there, (Z,).
        hop_s
            Driving time from the vehicle to the middle of each zone, (Z,); inf for zones without a stop.
        zone
            Zone where the vehicle is.
        """


class StaySettings(Settings):
    """Settings of waiting where the last ride ended."""

    kind: Literal["stay"] = "stay"


class Stay(RepositioningPolicy):
    """Idle vehicles stay where they are."""

    kind = "stay"
    settings_type = StaySettings

    def waiting_zone(self, asks: FloatArray, vehicles: IntArray, hop_s: FloatArray, zone: int) -> int:
        """Return the vehicle's own zone."""
        return zone


class ExpectedSettings(Settings):
    """Settings of waiting where requests are expected."""

    kind: Literal["expected"] = "expected"
    within_s: float = Field(600.0, ge=1, le=3600)
    """No zone farther than this drive is considered, s. Assumption."""
    least_gain: float = Field(1.0, ge=0, le=100)
    """Requests in the hour by which another zone must have more, for each vehicle, to be driven to. Assumption."""


class Expected(RepositioningPolicy):
    """Idle vehicles go where most requests are expected for each vehicle that waits."""

    kind = "expected"
    settings_type = ExpectedSettings

    settings: ExpectedSettings

    def waiting_zone(self, asks: FloatArray, vehicles: IntArray, hop_s: FloatArray, zone: int) -> int:
        """Return the zone with the most requests a vehicle, the lower number of equals."""
        per_vehicle = np.where(hop_s <= self.settings.within_s, asks / (vehicles + 1.0), -1.0)
        best = int(np.argmax(per_vehicle))
        return best if per_vehicle[best] >= asks[zone] / (vehicles[zone] + 1.0) + self.settings.least_gain else zone
