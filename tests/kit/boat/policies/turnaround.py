"""What is done with a boat between two rides: decisions found by their `kind`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import Field

from kera_mobility.plugins import Policy, Settings


class TurnaroundPolicy(Policy):
    """How long a boat is out of use after a ride."""

    @abstractmethod
    def out_of_use_s(self, ride_s: float) -> float:
        """Return the time from the end of a ride until the boat can be taken again."""


class NoTurnaroundSettings(Settings):
    """Settings of boats that need nothing."""

    kind: Literal["none"] = "none"


class NoTurnaround(TurnaroundPolicy):
    """A boat can be taken as soon as somebody has left it."""

    kind = "none"
    settings_type = NoTurnaroundSettings

    def out_of_use_s(self, ride_s: float) -> float:
        """Return no time."""
        return 0.0


class BailingSettings(Settings):
    """Settings of bailing boats out."""

    kind: Literal["bailing"] = "bailing"
    share: float = Field(0.5, ge=0, le=10)
    """Time of bailing over time of rowing. Assumption."""


class Bailing(TurnaroundPolicy):
    """Boats leak: after a ride the water is bailed out."""

    kind = "bailing"
    settings_type = BailingSettings

    settings: BailingSettings

    def out_of_use_s(self, ride_s: float) -> float:
        """Return the time of bailing."""
        return self.settings.share * ride_s
