"""What a full vehicle feels like, and who is in it besides the people of the model."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import FloatArray, IntArray, round_s


class BackgroundSettings(Settings):
    """People who ride the lines without being of the model, from `background.csv` of the area."""

    on: bool = False
    """Whether they take places."""
    factor: float = Field(1.0, ge=0, le=10)
    """Their number over that of the table, for other years than its base year. Assumption."""


class CrowdingSettings(Settings):
    """How a minute's ride is felt by the load of the vehicle. Source: HELMET 5 assignment (pt.crowding.*).

    What people expect is the load of the background alone: a minute is weighted by the mean over those who sit and
    those who stand between two stops. With every seat taken that is 1.05, with an empty vehicle `seated_least`.
    """

    on: bool = False
    """Whether load counts in the choice of a journey. It needs a background load."""
    seated_slope: float = Field(0.38, ge=0, le=2)
    """Of the load over seats, for who sits."""
    seated_constant: float = Field(0.67, ge=0, le=2)
    seated_least: float = Field(0.86, ge=0, le=2)
    standing_slope: float = Field(0.82, ge=0, le=3)
    """Of the load over seats, for who stands."""
    standing_constant: float = Field(0.765, ge=0, le=3)
    standing_least: float = Field(1.79, ge=0, le=4)


def ride_weight(settings: CrowdingSettings, load: FloatArray, seats: FloatArray) -> FloatArray:
    """Return how many minutes a minute aboard is felt as, the mean over who sits and who stands; same shape as load."""
    fill = load / seats
    seated = np.maximum(settings.seated_least, settings.seated_slope * fill + settings.seated_constant)
    standing = np.maximum(settings.standing_least, settings.standing_slope * fill + settings.standing_constant)
    sit_share = np.minimum(1.0, 1.0 / np.maximum(fill, 1.0))
    weight: FloatArray = sit_share * seated + (1.0 - sit_share) * standing
    return weight


def crowding_more_s(settings: CrowdingSettings, timetable: Timetable, load: IntArray, seats: IntArray) -> FloatArray:
    """Return how much longer the rides up to each call are felt than they are, (C,), a running sum over all calls.

    Riding from call b to call a of a run is felt `[a] - [b]` longer (shorter where negative). Each hop is rounded to
    1/64 s, so differences are exact; time at stops is felt as it is. Load on leaving each call (C,), seats (R,).
    """
    weight = ride_weight(settings, load.astype(np.float64), seats[timetable.call_run].astype(np.float64))
    hop_s = np.append(np.asarray(timetable.call_arrive_s)[1:] - np.asarray(timetable.call_depart_s)[:-1], 0.0)
    hop_s[timetable.run_start[1:] - 1] = 0.0
    more_s = round_s((weight - 1.0) * hop_s)
    return timetable.chained(np.cumsum(more_s) - more_s)
