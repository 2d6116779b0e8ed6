"""Access and egress stop choice: where to board and leave a line, for all trips at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kera_mobility.services.base import Service
from kera_mobility.units import BoolArray, FloatArray, IntArray


class Ends(NamedTuple):
    """Nodes where trips board and leave a line, (T,), and whether there are any."""

    board: IntArray
    alight: IntArray
    feasible: BoolArray


class StopChoice:
    """How long each feeding service takes between every node and every stop of one line; N nodes, S stops."""

    def __init__(
        self, line: Service, services: Mapping[str, Service], nodes: int, *,
        stops_per_end: int, max_access_s: float, typical_s: FloatArray,
    ) -> None:  # fmt: skip
        """Tabulate; `typical_s` are mean waiting and riding times between the stops, (S, S)."""
        self._max_access_s = max_access_s
        self._stops = line.stops()
        self._typical_s = np.where(np.eye(len(typical_s), dtype=np.bool_), np.inf, typical_s).ravel()
        self._to_s: dict[str, FloatArray] = {}
        self._from_s: dict[str, FloatArray] = {}
        self._near_to: dict[str, IntArray] = {}
        self._near_from: dict[str, IntArray] = {}
        every = np.arange(nodes)
        for name, service in services.items():
            if not service.access_mode:
                continue
            to_s, from_s = (np.empty((nodes, len(self._stops))) for _ in range(2))
            for column, stop in enumerate(self._stops.tolist()):
                same = np.full(nodes, stop)
                to_s[:, column] = np.where(every == stop, 0.0, service.access_time_s(every, same))
                from_s[:, column] = np.where(every == stop, 0.0, service.access_time_s(same, every))
            to_s[:, ~service.feeds_stop(self._stops)] = from_s[:, ~service.feeds_stop(self._stops)] = np.inf
            self._to_s[name], self._from_s[name] = to_s, from_s
            self._near_to[name], self._near_from[name] = _nearest(to_s, stops_per_end), _nearest(from_s, stops_per_end)

    def best(
        self, access: str, egress: str, origins: IntArray, destinations: IntArray, alight: IntArray | None = None
    ) -> Ends:
        """Return the stops with the least typical duration; `alight` fixes the node to leave at, (T,), -1 for none."""
        near_to = self._near_to[access][origins]
        near_from = self._near_from[egress][destinations] if alight is None else self._columns(alight)
        up_s = self._to_s[access][origins[:, None], near_to]
        down_s = self._from_s[egress][destinations[:, None], near_from]
        ride_s = self._typical_s.take(near_to[:, :, None] * len(self._stops) + near_from[:, None, :])
        total_s = up_s[:, :, None] + ride_s + down_s[:, None, :]
        rows = np.arange(len(origins))
        first, second = np.divmod(total_s.reshape(len(rows), -1).argmin(axis=1), near_from.shape[1])
        feasible = np.isfinite(total_s[rows, first, second])
        feasible &= (up_s[rows, first] <= self._max_access_s) & (down_s[rows, second] <= self._max_access_s)
        if alight is not None:
            feasible &= alight >= 0
        return Ends(self._stops[near_to[rows, first]], self._stops[near_from[rows, second]], feasible)

    def _columns(self, nodes: IntArray) -> IntArray:
        """Return the column of each stop's node, (T, 1); 0 for no node."""
        columns: IntArray = np.searchsorted(self._stops, np.maximum(nodes, 0)).clip(0, len(self._stops) - 1)
        return columns[:, None]


def _nearest(table_s: FloatArray, count: int) -> IntArray:
    order: IntArray = np.argsort(table_s, axis=1, kind="stable")[:, :count].astype(np.int64)
    return order
