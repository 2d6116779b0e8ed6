"""Points on the ground in degrees: how far apart, and what lies inside an outline or a box."""

from __future__ import annotations

import numpy as np

from kera_mobility.kernels import exact
from kera_mobility.units import BoolArray, FloatArray

METRES_PER_DEGREE = 111_194.93
"""Of latitude, on a sphere of 6,371 km; of longitude times the cosine of the latitude."""
Box = tuple[float, float, float, float]
"""West, south, east, north, degrees."""


def degree_scale(latitude: float) -> FloatArray:
    """Return metres in a degree of longitude and of latitude there, (2,); a plane good to 0.1 % over 20 km."""
    return np.array([METRES_PER_DEGREE * exact.sin_pi(0.5 - abs(float(latitude)) / 180.0), METRES_PER_DEGREE])


def distance_m(lonlat: FloatArray, point: FloatArray | tuple[float, float]) -> FloatArray:
    """Return straight distances from points (N, 2) to one point (2,), all in degrees, (N,)."""
    step = (lonlat - np.asarray(point)) * degree_scale(point[1])
    return np.asarray(np.sqrt(step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]))


def contains(ring: FloatArray, points: FloatArray) -> BoolArray:
    """Return which points (N, 2) lie inside a ring (R, 2), by the crossings of a ray to the east."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points[:, 0], points[:, 1]
    for (x_0, y_0), (x_1, y_1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        spans = (y_0 > y) != (y_1 > y)
        if np.any(spans):
            inside[spans] ^= x[spans] < x_0 + (y[spans] - y_0) * (x_1 - x_0) / (y_1 - y_0)
    return inside


def within_box(points: FloatArray, box: Box) -> BoolArray:
    """Return which points (N, 2) lie in a box, its border included."""
    west, south, east, north = box
    lon, lat = points[:, 0], points[:, 1]
    return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
