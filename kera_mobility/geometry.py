"""Points on the ground in degrees: how far apart, and what lies inside an outline."""

from __future__ import annotations

import numpy as np

from kera_mobility.units import BoolArray, FloatArray

METRES_PER_DEGREE = 111_194.93
"""Of latitude, on a sphere of 6,371 km; of longitude times the cosine of the latitude."""


def contains(ring: FloatArray, points: FloatArray) -> BoolArray:
    """Return which points (N, 2) lie inside a ring (R, 2), by the crossings of a ray to the east."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points[:, 0], points[:, 1]
    for (x_0, y_0), (x_1, y_1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        spans = (y_0 > y) != (y_1 > y)
        if np.any(spans):
            inside[spans] ^= x[spans] < x_0 + (y[spans] - y_0) * (x_1 - x_0) / (y_1 - y_0)
    return inside
