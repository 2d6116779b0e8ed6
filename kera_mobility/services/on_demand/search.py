"""The best ride on demand for a leg at a moment: one that keeps every promise, or the constraint that binds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from kera_mobility.services.contract import Leg, Offer, Refusal
from kera_mobility.services.on_demand.dispatcher import Dispatcher
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy, Placement
from kera_mobility.services.on_demand.routes import RideRequest
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.on_demand.virtual_stops import VirtualStops
from kera_mobility.services.reasons import OUTSIDE_AREA, OUTSIDE_HOURS
from kera_mobility.services.world import World
from kera_mobility.units import MINUTE_S, FloatArray, round_one_s


class FeasibleRide(NamedTuple):
    """A feasible ride, as it would be booked now."""

    offer: Offer
    request: RideRequest
    placement: Placement


class RideSearch:
    """Looks for rides between the stops near both ends of a leg; it changes nothing."""

    def __init__(self, settings: OnDemandSettings, world: World, stops: VirtualStops, dispatcher: Dispatcher,
                 policy: DispatchPolicy, shifts: tuple[FloatArray, FloatArray],
                 walk_s: Callable[[int, int], float]) -> None:  # fmt: skip
        """Search the routes of a dispatcher; `shifts` begin and end, (V,) each, `walk_s` is between street nodes."""
        self._settings, self._world, self._stops = settings, world, stops
        self._dispatcher, self._policy, self._shifts, self._walk_s = dispatcher, policy, shifts, walk_s
        self._last: tuple[object, FeasibleRide | Refusal] = (None, Refusal("", -1))

    def find(self, leg: Leg) -> FeasibleRide | Refusal:
        """Return the best ride; the answer is kept until the clock or a route moves."""
        key = (self._world.env.now, self._dispatcher.state, leg.origin, leg.destination, leg.ready_s)
        if self._last[0] != key:
            self._last = key, self._find(leg)
        return self._last[1]

    def _find(self, leg: Leg) -> FeasibleRide | Refusal:
        candidates = self.requests(leg)
        if not candidates:
            return Refusal(OUTSIDE_AREA, leg.origin)
        ready_s = min(request.ready_s for request, _ in candidates)
        begin_s, end_s = self._shifts
        if not np.any((begin_s <= ready_s + self._settings.max_wait_s) & (end_s > ready_s)):
            return Refusal(OUTSIDE_HOURS, leg.origin)
        routes, now_s = self._dispatcher.routes, self._world.env.now
        for request, walk_s in candidates:
            placement = self._policy.best_placement(routes, request, now_s)
            if placement:
                return FeasibleRide(self._offer(request, placement, walk_s), request, placement)
        return Refusal(self._policy.refusal_reason(routes, candidates[0][0], now_s), leg.origin)

    def _offer(self, request: RideRequest, placement: Placement, walk_s: float) -> Offer:
        settings = self._settings
        pickup_s, arrival_s = self._dispatcher.routes.planned(*placement[:3], request, self._world.env.now)
        ride_m = float(self._stops.hop_m[request.pickup, request.dropoff])
        fare_eur = settings.fare_eur + settings.fare_eur_per_km * ride_m / 1000.0
        return Offer(walk_s, pickup_s - request.ready_s, arrival_s - pickup_s, fare_eur, ride_m,
                     settings.boarding_penalty_min * MINUTE_S)  # fmt: skip

    def requests(self, leg: Leg) -> list[tuple[RideRequest, float]]:
        """Return the requests of a leg between each pair of stops and their walks, the shortest walk first."""
        stops, settings = self._stops, self._settings
        at_s = max(self._world.env.now, leg.ready_s or 0.0)
        candidates: list[tuple[RideRequest, float]] = []
        for pickup, dropoff in product(stops.to[leg.origin].tolist(), stops.off[leg.destination].tolist()):
            if pickup < 0 or dropoff < 0 or pickup == dropoff or stops.hop_s[pickup, dropoff] == np.inf:
                continue
            to_s = self._walk_s(leg.origin, int(stops.node[pickup]))
            walk_s = to_s + self._walk_s(int(stops.node[dropoff]), leg.destination)
            if walk_s == np.inf:
                continue  # the stop is cut off on foot today
            ready_s = at_s + to_s
            latest_s = ready_s + round_one_s(settings.max_wait_s)
            ride_s = round_one_s(settings.detour_factor * float(stops.hop_s[pickup, dropoff]))
            latest_arrival_s = latest_s + self._dispatcher.routes.person_s + ride_s
            candidates.append((RideRequest(-1, pickup, dropoff, ready_s, latest_s, latest_arrival_s), walk_s))
        return sorted(candidates, key=lambda candidate: candidate[1])
