"""Which vehicle serves whom: decisions of an on-demand service, pure functions over its routes.

A policy never breaks a promise: it only chooses among insertions that keep every one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from kera_mobility.config.registry import Policy
from kera_mobility.config.settings import Settings
from kera_mobility.services.on_demand.insertion import insertions
from kera_mobility.services.on_demand.reasons import DETOUR_OF_OTHERS, END_OF_SHIFT, NO_VEHICLE_IN_TIME, OWN_DETOUR
from kera_mobility.services.on_demand.routes import RideRequest, Routes, Weights
from kera_mobility.services.reasons import FULL
from kera_mobility.units import BoolArray, FloatArray

REASONS = (NO_VEHICLE_IN_TIME, FULL, DETOUR_OF_OTHERS, OWN_DETOUR, END_OF_SHIFT)
"""Why a request cannot be served, in the order in which they are looked for."""


class Placement(NamedTuple):
    """Where a request stands in a route; columns as in `Insertions`."""

    vehicle: int
    after_pickup: int
    after_dropoff: int
    cost_s: float


class DispatchPolicy(Policy):
    """How requests are given to vehicles; found by its `kind`."""

    round_s: float = 0.0
    """How often promises that nobody has set out for are given to vehicles again, s; 0 is never."""

    @abstractmethod
    def best_placement(self, routes: Routes, request: RideRequest, now_s: float) -> Placement | None:
        """Return where a request is best served, or None where it cannot be; ties go to the lower vehicle."""

    @abstractmethod
    def refusal_reason(self, routes: Routes, request: RideRequest, now_s: float) -> str:
        """Return which constraint bound, one of REASONS, for a request that cannot be served."""

    def reassign(self, routes: Routes, ride_requests: Sequence[RideRequest], now_s: float) -> Routes | None:
        """Return better routes for requests that have been taken out of these, or None to leave all as it was."""
        return None

    def cost_s(self, routes: Routes, vehicle: int) -> float:
        """Return what is still to come in a route, in the policy's own seconds: it decides which routes are better."""
        return routes.driving_s(vehicle)


class WeightedSettings(Settings):
    """What dispatch weighs against each other."""

    driving_weight: float = Field(1.0, ge=0, le=10)
    """Of a second that a vehicle drives more. Assumption: as much as a second of a rider; 0.5 to 2 are worth trying."""
    waiting_weight: float = Field(1.5, ge=0, le=10)
    """Of a second that somebody waits longer, the new rider or one who is delayed. Source: HELMET 5
    (pt.wait.perception_factor)."""
    riding_weight: float = Field(1.0, ge=0, le=10)
    """Of a second that somebody rides longer: the unit. With 0 here and for waiting, driving alone counts."""


class InsertionSettings(WeightedSettings):
    """Settings of the cheapest insertion."""

    kind: Literal["insertion"] = "insertion"


class Insertion(DispatchPolicy):
    """Every request goes at once where it costs least in driving, waits and rides, over all pairs of positions."""

    kind = "insertion"
    settings_type: ClassVar[type[Settings]] = InsertionSettings

    def __init__(self, settings: WeightedSettings) -> None:
        super().__init__(settings)
        self.weights = Weights(settings.driving_weight, settings.waiting_weight, settings.riding_weight)

    def best_placement(self, routes: Routes, request: RideRequest, now_s: float) -> Placement | None:
        """Return the cheapest feasible insertion."""
        cheapest = insertions(routes, request, now_s, self.weights)
        vehicle = int(np.argmin(cheapest.cost_s))
        cost_s = float(cheapest.cost_s[vehicle])
        if cost_s == np.inf:
            return None
        return Placement(vehicle, int(cheapest.after_pickup[vehicle]), int(cheapest.after_dropoff[vehicle]), cost_s)

    def cost_s(self, routes: Routes, vehicle: int) -> float:
        """Return the weighted driving, waiting and riding still to come in a route."""
        return routes.cost_s(vehicle, self.weights)

    def refusal_reason(self, routes: Routes, request: RideRequest, now_s: float) -> str:
        """Return the first constraint without which there would be a way, each dropped together with those before."""
        anywhere = request._replace(latest_arrival_s=np.inf)
        free = routes.copy()
        free.last_s[:] = np.inf
        free.end_s = np.full_like(routes.end_s, np.inf)
        free.places = np.where(routes.places > 0, np.iinfo(np.int64).max, 0)
        if self.best_placement(free, anywhere, now_s) is None:
            return NO_VEHICLE_IN_TIME
        roomy = routes.copy()
        roomy.places = free.places
        if self.best_placement(roomy, request, now_s) is not None:
            return FULL
        roomy.last_s[:] = np.inf
        if self.best_placement(roomy, request, now_s) is not None:
            return DETOUR_OF_OTHERS
        if self.best_placement(roomy, anywhere, now_s) is not None:
            return OWN_DETOUR
        return END_OF_SHIFT


class BatchSettings(WeightedSettings):
    """Settings of joint assignment."""

    kind: Literal["batch"] = "batch"
    round_s: float = Field(30.0, ge=1, le=600)
    """Requests are collected this long and then given to vehicles jointly, s. Assumption."""


class Batch(Insertion):
    """Promised at once on the cheapest insertion; every round those nobody has set out for are assigned jointly.

    Repeatedly at most one request goes to each vehicle, so that the sum of costs is least (Hungarian
    algorithm), until all stand. The result counts only if all are served and it costs less than before.
    """

    kind = "batch"
    settings_type = BatchSettings

    def __init__(self, settings: BatchSettings) -> None:
        super().__init__(settings)
        self.round_s = settings.round_s

    def reassign(self, routes: Routes, ride_requests: Sequence[RideRequest], now_s: float) -> Routes | None:
        """Return routes with all the requests, or None where some find no place."""
        routes, remaining = routes.copy(), list(ride_requests)
        while remaining:
            options = [insertions(routes, request, now_s, self.weights) for request in remaining]
            cost_s = np.stack([option.cost_s for option in options])
            if np.any(np.all(np.isinf(cost_s), axis=1)):
                return None
            # Dearer than all feasible insertions together: taken only where nothing else is left.
            never = float(np.cumsum(np.abs(cost_s[np.isfinite(cost_s)]))[-1]) + 1.0
            pairs = zip(*linear_sum_assignment(np.where(np.isinf(cost_s), never, cost_s)), strict=True)
            assigned = {int(row): int(vehicle) for row, vehicle in pairs if cost_s[row, vehicle] < np.inf}
            for row, vehicle in assigned.items():
                after_pickup, after_dropoff = options[row].after_pickup[vehicle], options[row].after_dropoff[vehicle]
                routes.insert(vehicle, int(after_pickup), int(after_dropoff), remaining[row], now_s)
            remaining = [request for row, request in enumerate(remaining) if row not in assigned]
        return routes


class NearestIdleVehicleSettings(Settings):
    """Settings of the nearest idle vehicle."""

    kind: Literal["nearest"] = "nearest"


class NearestIdleVehicle(DispatchPolicy):
    """The nearest idle vehicle comes, for one request at a time: no pooling. For comparison."""

    kind = "nearest"
    settings_type = NearestIdleVehicleSettings

    def best_placement(self, routes: Routes, request: RideRequest, now_s: float) -> Placement | None:
        """Return the idle vehicle that is there first and keeps the promise."""
        reaches_s, able = self._idle(routes, request, now_s)
        hop_s, person_s = routes.hop_s, routes.person_s
        begin_s = np.maximum(reaches_s, request.ready_s)
        dropped_s = begin_s + person_s + hop_s[request.pickup, request.dropoff]
        able = able & (begin_s <= request.latest_pickup_s) & (dropped_s <= request.latest_arrival_s)
        able &= dropped_s + person_s + hop_s[request.dropoff][routes.home] <= routes.end_s
        vehicle = nearest(reaches_s, able)
        if vehicle < 0:
            return None
        added_s = float(hop_s[routes.stop[vehicle, 0], request.pickup]) + float(hop_s[request.pickup, request.dropoff])
        return Placement(vehicle, 0, 0, added_s)

    def refusal_reason(self, routes: Routes, request: RideRequest, now_s: float) -> str:
        """Return that nobody is there in time, or could not be back in time; others share no vehicle."""
        reaches_s, able = self._idle(routes, request, now_s)
        in_time = np.maximum(reaches_s, request.ready_s) <= request.latest_pickup_s
        return END_OF_SHIFT if np.any(able & in_time) else NO_VEHICLE_IN_TIME

    def _idle(self, routes: Routes, request: RideRequest, now_s: float) -> tuple[FloatArray, BoolArray]:
        free_s = np.maximum(routes.leave_s[:, 0], now_s)
        able = (routes.count == 0) & (routes.load[:, 0] < routes.places)
        return free_s + routes.hop_s[:, request.pickup][routes.stop[:, 0]], able


def nearest(reaches_s: FloatArray, able: BoolArray) -> int:
    """Return the vehicle that is there first of those that are able, the lower id of equals, or -1 if none is.

    `reaches_s` is when each vehicle would be there, `able` which come into question, (V,) both.
    """
    return int(np.argmin(np.where(able, reaches_s, np.inf))) if able.any() else -1
