"""Units: times are seconds from the midnight that starts the day, kept in steps of 1/64 s so that sums are exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
AnyArray = NDArray[Any]

STEPS_PER_S = 64
"""Durations are whole multiples of 1/64 s: binary fractions add exactly in any order."""
UTILITY_STEPS = 2**20
"""Utilities are compared as whole multiples of 2^-20."""
_LEAST = np.iinfo(np.int64).min
LENGTH_STEPS_PER_M = 8
"""Street lengths are whole multiples of 1/8 m."""

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0
DAYS_A_MONTH = 30.0
"""Of the life of a vehicle, and of the price of a pass or a ticket by the month."""

UNIT_BY_SUFFIX = {
    "per_1000_h": "per 1,000 h", "per_1000_km": "per 1,000 km", "per_million_km": "per million km",
    "_g_per_pkm": "g/km", "_g_per_km": "g/km", "_g_per_kwh": "g/kWh", "eur_per_km": "EUR/km", "eur_per_h": "EUR/h",
    "eur_per_min": "EUR/min", "eur_per_t": "EUR/t", "_kwh_per_km": "kWh/km", "_wh_per_km": "Wh/km",
    "_per_min": "utils/min", "per_eur": "utils/EUR", "_km_h": "km/h", "_cm_h": "cm/h", "_m_s": "m/s", "_kwh": "kWh",
    "_wh": "Wh", "_kw": "kW", "_eur": "EUR", "_km": "km", "_min": "min", "_m": "m", "_s": "s", "_h": "h",
    "_c": "degrees C", "_months": "months", "lon": "degrees", "lat": "degrees", "age": "years",
}  # fmt: skip
"""Unit of a number by the end of its name, longer ends first."""


def round_s(duration_s: FloatArray) -> FloatArray:
    """Return durations rounded once to 1/64 s; inf stays inf."""
    steps: FloatArray = np.rint(np.asarray(duration_s, dtype=np.float64) * STEPS_PER_S)
    return steps / STEPS_PER_S


def round_one_s(duration_s: float) -> float:
    """Return one duration rounded to 1/64 s, equal to the bit with `round_s`; inf stays inf."""
    return round(duration_s * STEPS_PER_S) / STEPS_PER_S if duration_s < math.inf else duration_s


def round_m(length_m: FloatArray) -> FloatArray:
    """Return lengths rounded to 1/8 m; inf stays inf."""
    return np.round(np.asarray(length_m, dtype=np.float64) * LENGTH_STEPS_PER_M) / LENGTH_STEPS_PER_M


def quantise_utility(utility: FloatArray) -> IntArray:
    """Return utilities as whole steps of 2^-20; -inf (impossible) becomes the smallest integer."""
    steps = np.rint(np.asarray(utility, dtype=np.float64) * UTILITY_STEPS)
    impossible = ~np.isfinite(steps)
    if not impossible.any():
        return steps.astype(np.int64)
    return np.where(impossible, _LEAST, np.where(impossible, 0.0, steps).astype(np.int64))


def clock(time_s: float) -> str:
    """Return `HH:MM` for seconds from midnight; hours run on past 24."""
    minutes = int(time_s // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
