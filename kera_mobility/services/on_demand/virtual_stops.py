"""Virtual stops: street corners where an on-demand vehicle stops, and how people reach them on foot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.town.streets.streets import MODE_BIT, Skims
from kera_mobility.town.town import Town
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_s


class VirtualStops:
    """K stops among the street corners; the depots are stops too, those outside the area for vehicles alone."""

    def __init__(self, town: Town, settings: OnDemandSettings, inside: BoolArray, depots: IntArray) -> None:
        """Choose the stops and the nearest of them for every corner.

        Parameters
        ----------
        inside
            Corners of the operating area, (N,).
        depots
            Corners where vehicles begin, (D,).
        """
        self._settings = settings
        corners = np.flatnonzero(_driven(town) & inside)
        kept = _apart(np.asarray(town.streets.node_xy_m)[corners], settings.stop_spacing_m)
        self.open = corners[kept]
        """Corners of the stops for people, (K,)."""
        self.node: IntArray = np.concatenate([self.open, np.setdiff1d(depots, self.open)])
        """Corner of each stop, (K,), those for vehicles alone last."""
        self.of_depot: IntArray = np.array([int(np.flatnonzero(self.node == depot)[0]) for depot in depots.tolist()])
        """Stop of each depot, (D,)."""
        self.zone: IntArray = town.zone[self.node]
        walk_m, limit_m, tried = town.skims.walk_m, settings.max_walk_m, settings.stops_tried
        self.to, self.to_m = _nearest(walk_m[:, self.open], inside, limit_m, tried)
        """Nearest stops from each corner and the walk to them, (N, tried); -1 and inf where there is none."""
        self.off, self.off_m = _nearest(walk_m[self.open].T, inside, limit_m, tried)
        """Nearest stops to each corner and the walk from them, (N, tried)."""
        self.hop_s: FloatArray
        """From leaving a stop to standing at another, (K, K): the stop itself and the drive."""
        self.hop_m: FloatArray
        """Driving distances between stops, (K, K)."""
        self.see(town.skims)

    def see(self, skims: Skims) -> None:
        """Drive by the streets as they are now."""
        between = np.ix_(self.node, self.node)
        drive_s = round_s(np.asarray(skims.drive_s[between], dtype=np.float64) * self._settings.driving_factor)
        self.hop_s = drive_s + float(round_s(np.asarray(self._settings.stop_s)))
        np.fill_diagonal(self.hop_s, 0.0)
        self.hop_m = np.asarray(skims.drive_m[between], dtype=np.float64)


def _driven(town: Town) -> BoolArray:
    """Return the corners that cars leave and reach, and people too, (N,); beyond the map there are none."""
    streets = town.streets
    driven = ~np.asarray(streets.node_outside)
    for mode in ("drive", "walk"):
        usable = (np.asarray(streets.edge_modes) & MODE_BIT[mode]).astype(bool)
        for end in (streets.edge_from, streets.edge_to):
            touched = np.zeros(streets.nodes, dtype=np.bool_)
            touched[np.asarray(end)[usable]] = True
            driven &= touched
    return driven


def _apart(xy_m: FloatArray, spacing_m: float) -> IntArray:
    """Return the points kept when each in turn is dropped that lies nearer than `spacing_m` to one kept before."""
    kept: list[int] = []
    free = np.ones(len(xy_m), dtype=np.bool_)
    for index in range(len(xy_m)):
        if free[index]:
            kept.append(index)
            step = xy_m - xy_m[index]
            free &= step[:, 0] ** 2 + step[:, 1] ** 2 >= spacing_m**2
    return np.array(kept, dtype=np.int64)


def _nearest(
    walk_m: NDArray[np.float32], inside: BoolArray, max_walk_m: float, tried: int
) -> tuple[IntArray, FloatArray]:
    """Return the nearest columns of each row and what stands there, (N, tried)."""
    rows, columns = walk_m.shape
    stop, length_m = np.full((rows, tried), -1, dtype=np.int64), np.full((rows, tried), np.inf)
    count = min(tried, columns)
    order = np.argsort(walk_m, axis=1, kind="stable")[:, :count]
    nearest_m = np.take_along_axis(walk_m, order, axis=1).astype(np.float64)
    good = (nearest_m <= max_walk_m) & inside[:, None]
    stop[:, :count] = np.where(good, order, -1)
    length_m[:, :count] = np.where(good, nearest_m, np.inf)
    return stop, length_m
