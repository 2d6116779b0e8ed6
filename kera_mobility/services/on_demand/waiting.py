"""Where idle vehicles wait: at the middle stop of the zone that the policy of repositioning chooses."""

from __future__ import annotations

import numpy as np

from kera_mobility.services.on_demand.dispatcher import Dispatcher
from kera_mobility.services.on_demand.policies.repositioning import RepositioningPolicy
from kera_mobility.services.on_demand.virtual_stops import VirtualStops
from kera_mobility.town.town import Town
from kera_mobility.units import FloatArray, IntArray


class WaitingStops:
    """The stops where the vehicles of one service may wait."""

    def __init__(self, town: Town, stops: VirtualStops, policy: RepositioningPolicy) -> None:
        self._stops, self._policy = stops, policy
        self._middle = _middles(town, stops)

    def choose(self, vehicle: int, dispatcher: Dispatcher, expected_requests: FloatArray) -> int:
        """Return the stop where an idle vehicle waits: where it is, or in the middle of another zone.

        `expected_requests` are those of each zone in this hour, (Z,).
        """
        zones, here = self._stops.zone, dispatcher.vehicles.at[vehicle]
        idle = (dispatcher.routes.count == 0) & (dispatcher.routes.places > 0)
        idle[vehicle] = False
        waiting = np.bincount(zones[np.array(dispatcher.vehicles.at)[idle]], minlength=len(expected_requests))
        hop_s = np.where(self._middle >= 0, self._stops.hop_s[here, self._middle], np.inf)
        zone = self._policy.waiting_zone(expected_requests, waiting, hop_s, int(zones[here]))
        return here if zone == zones[here] else int(self._middle[zone])


def _middles(town: Town, stops: VirtualStops) -> IntArray:
    """Return the stop nearest to the middle of the stops of each zone, (Z,), -1 where there is none."""
    xy_m, zones = np.asarray(town.streets.node_xy_m)[stops.open], stops.zone[: len(stops.open)]
    middle = np.full(int(town.zone.max()) + 1, -1, dtype=np.int64)
    for zone in np.unique(zones).tolist():
        inside = np.flatnonzero(zones == zone)
        away = xy_m[inside] - np.median(xy_m[inside], axis=0)
        middle[zone] = inside[np.argmin(away[:, 0] ** 2 + away[:, 1] ** 2)]
    return middle
