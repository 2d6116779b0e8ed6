"""Places beyond a new district: clusters of people and jobs around it, moved to stops, and the ways there."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from kera_mobility.areas.description import Box
from kera_mobility.areas.extract import Extract
from kera_mobility.areas.grid import clusters
from kera_mobility.areas.merged_feed import BusyStops
from kera_mobility.areas.osm_tags import CLASS_OF_HIGHWAY, kind_of
from kera_mobility.geometry import distance_m, within_box
from kera_mobility.units import FloatArray

MOST_PLACES = 60
"""Clusters beyond the map. Assumption; range 50 to 100."""
TO_STOP_M = 2000.0
"""A cluster is moved to the busiest stop within this distance of its middle, m. Assumption; range 800 to 3,000."""
DRIVE_FACTOR, DRIVE_KM_H, CYCLE_FACTOR = 1.3, 36.0, 1.25
"""Way by car over the straight line, 1.1 to 1.6; its speed in free flow, km/h, 25 to 50; way by bicycle over the
straight line, 1.1 to 1.5. Assumptions."""


def gateways(extract: Extract, box: Box) -> FloatArray:
    """Return where main and collector streets leave a rectangle, (G, 2) degrees inside; its corners if none does."""
    corners = (box.west, box.south, box.east, box.north)
    gates = set()
    for way in extract.ways:
        if CLASS_OF_HIGHWAY.get(kind_of(way.tags)) in ("main", "collector"):
            inside = within_box(way.lonlat, corners)
            for row in np.flatnonzero(inside[1:] != inside[:-1]).tolist():
                gates.add(tuple(np.round(way.lonlat[row if inside[row] else row + 1], 4).tolist()))
    return np.array(sorted(gates) or [(lon, lat) for lon in corners[::2] for lat in corners[1::2]])


def places_beyond(
    lonlat: FloatArray, held: FloatArray, gates: FloatArray, centre: tuple[float, float], stops: BusyStops | None,
    scale: FloatArray,
) -> tuple[list[dict[str, Any]], list[list[float]]]:  # fmt: skip
    """Return rows of `outside.csv` for points beyond the map, and the sum of what the points of each hold.

    Parameters
    ----------
    lonlat, held
        Points, (C, 2) degrees, and what each holds, (C, W); people and jobs first.
    gates
        Places inside from which ways lead out, (G, 2) degrees.
    stops
        Stops beyond the map.
    """
    weight = held[:, :2].sum(axis=1)
    label = clusters(lonlat * scale, weight, MOST_PLACES)
    rows, sums = [], []
    taken: set[tuple[float, float]] = set()
    for number in range(int(label.max(initial=-1)) + 1):
        own = label == number
        mean = np.average(lonlat[own], axis=0, weights=np.maximum(weight[own], 1e-9))
        middle = lonlat[own][distance_m(lonlat[own], mean).argmin()]  # the mean of a cluster may lie on the map
        at = tuple(np.round(_at_stop(middle, stops), 6).tolist())
        if at in taken:  # two clusters at one stop: the second one stays where it is
            at = tuple(np.round(middle, 6).tolist())
        taken.add(at)
        out_m = np.hypot(*((gates - at) * scale).T)
        gate = int((out_m + distance_m(gates, centre)).argmin())
        km = max(float(out_m[gate]) / 1000.0, 0.1)
        rows.append({
            "place": f"beyond_{number}", "lon": at[0], "lat": at[1],
            "gateway_lon": gates[gate][0], "gateway_lat": gates[gate][1],
            "drive_km": round(km * DRIVE_FACTOR, 2), "drive_min": round(km * DRIVE_FACTOR / DRIVE_KM_H * 60.0, 1),
            "cycle_km": round(km * CYCLE_FACTOR, 2), "source": "people and jobs of the grid; ways assumption",
        })  # fmt: skip
        sums.append(held[own].sum(axis=0).tolist())
    return rows, sums


def _at_stop(middle: FloatArray, stops: BusyStops | None) -> FloatArray:
    """Return the busiest stop near a point, the point itself without any."""
    if stops is None or not len(stops.calls):
        return middle
    near = distance_m(stops.lonlat, (float(middle[0]), float(middle[1]))) <= TO_STOP_M
    return np.asarray(stops.lonlat[np.where(near, stops.calls, -1.0).argmax()] if near.any() else middle)


def densest(points: FloatArray, weight: FloatArray, most: int, apart_m: float, scale: FloatArray) -> list[int]:
    """Return the rows of the heaviest points, (C, 2) degrees, none nearer than `apart_m` to one before."""
    chosen: list[int] = []
    for row in np.argsort(-weight, kind="stable").tolist():
        if weight[row] > 0.0 and all(_apart_m(points, row, other, scale) >= apart_m for other in chosen):
            chosen.append(row)
        if len(chosen) == most:
            break
    return chosen


def _apart_m(points: FloatArray, row: int, other: int, scale: FloatArray) -> float:
    return float(np.hypot(*((points[row] - points[other]) * scale)))


def summed_within(points: FloatArray, weight: FloatArray, radius_m: float, scale: FloatArray) -> FloatArray:
    """Return what lies within a radius of each point, (C,)."""
    near = cKDTree(points * scale).query_ball_point(points * scale, radius_m)
    return np.array([weight[rows].sum() for rows in near])
