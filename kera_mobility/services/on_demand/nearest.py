"""The nearest vehicle that is free: arrays in, one vehicle out."""

from __future__ import annotations

import numpy as np

from kera_mobility.units import BoolArray, FloatArray


def nearest(reaches_s: FloatArray, able: BoolArray) -> int:
    """Return the vehicle that is there first of those that are able, the lower id of equals, or -1 if none is.

    Parameters
    ----------
    reaches_s
        When each vehicle would be there, (V,).
    able
        Which vehicles come into question, (V,).
    """
    if not able.any():
        return -1
    return int(np.argmin(np.where(able, reaches_s, np.inf)))
