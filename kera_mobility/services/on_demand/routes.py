"""What each vehicle of a fleet is going to do, as arrays; events are put in and taken out, times follow.

Column 0 is the *anchor*: where the vehicle is or will next be, and when it is free there; nothing before it can be
changed. Columns 1 to `count` are the events to come, in order: somebody is picked up (+1) or dropped (-1). V vehicles,
M columns, K stops.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from kera_mobility.units import AnyArray, FloatArray, IntArray

FIRST_COLUMNS = 8
"""Columns to begin with; more are added when a route needs them."""
PICK_UP, DROP = 1, -1


class RideRequest(NamedTuple):
    """What somebody asks for, as stops and hard limits."""

    rider: int
    """Whatever tells riders apart."""
    pickup: int
    """Stop, an index into the table of hops."""
    dropoff: int
    ready_s: float
    """Not picked up before."""
    latest_pickup_s: float
    latest_arrival_s: float


class Weights(NamedTuple):
    """What a second counts for, relative to each other."""

    driving: float
    waiting: float
    """Of a rider, from being ready to the pick-up."""
    riding: float


class Insertions(NamedTuple):
    """The cheapest way for each vehicle to serve one request; arrays (V,)."""

    cost_s: FloatArray
    """Weighted seconds added for the vehicle, the new rider and all whom it delays; inf where there is no way."""
    after_pickup: IntArray
    """Column of the event after which to pick up."""
    after_dropoff: IntArray
    """Column of the event after which to drop, counted without the new pick-up; equal: straight on."""


class Routes:
    """The routes of V vehicles, changed in place by `insert`, `remove` and `advance`."""

    def __init__(self, hop_s: FloatArray, home: IntArray, begin_s: FloatArray, end_s: FloatArray, places: IntArray,
                 person_s: float) -> None:  # fmt: skip
        """Put the vehicles at home.

        Parameters
        ----------
        hop_s
            From leaving one stop to standing at another, (K, K), 0 from a stop to itself; multiples of 1/64 s.
        home
            Stop where each vehicle begins and must be at the end, (V,).
        begin_s, end_s
            Shift of each vehicle, (V,).
        places
            Riders that each may have aboard, (V,).
        person_s
            Time that each pick-up and each drop takes.
        """
        vehicles, shape = len(home), (len(home), FIRST_COLUMNS)
        self.hop_s, self.home, self.end_s, self.places, self.person_s = hop_s, home, end_s, places, person_s
        self.count = np.zeros(vehicles, dtype=np.int64)
        self.stop = np.zeros(shape, dtype=np.int64)
        self.stop[:, 0] = home
        self.step = np.zeros(shape, dtype=np.int64)
        """PICK_UP or DROP."""
        self.rider = np.full(shape, -1, dtype=np.int64)
        self.load = np.zeros(shape, dtype=np.int64)
        """Riders aboard after the event."""
        self.ready_s = np.zeros(shape)
        self.latest_s = np.full(shape, np.inf)
        """The latest that the event's own promise allows it to begin."""
        self.leave_s = np.zeros(shape)
        """When the vehicle is free after the event, as planned."""
        self.leave_s[:, 0] = begin_s
        self.last_s = np.full(shape, np.inf)
        """The latest that the event may begin so that every promise from it on is kept."""
        for vehicle in range(vehicles):
            self.refresh(vehicle, 0.0)

    def copy(self) -> Routes:
        """Return routes of their own; the table of hops and the vehicles are shared."""
        twin = object.__new__(Routes)
        twin.__dict__ = {
            name: value.copy() if name in _CHANGED else value for name, value in self.__dict__.items()
        }  # fmt: skip
        return twin

    def insert(self, vehicle: int, after_pickup: int, after_dropoff: int, request: RideRequest, now_s: float) -> None:
        """Put a pick-up and a drop into a route; columns as in `Insertions`."""
        self._make_room(int(self.count[vehicle]) + 3)
        self._put(vehicle, after_dropoff + 1, request.dropoff, DROP, request.rider, 0.0, request.latest_arrival_s)
        self._put(
            vehicle, after_pickup + 1, request.pickup, PICK_UP, request.rider, request.ready_s, request.latest_pickup_s
        )  # fmt: skip
        self.refresh(vehicle, now_s)

    def remove(self, vehicle: int, rider: int, now_s: float) -> None:
        """Take the events of a rider that are still to come out of a route."""
        count = int(self.count[vehicle])
        columns = [0] + [column for column in range(1, count + 1) if self.rider[vehicle, column] != rider]
        for name in _BY_EVENT:
            table: AnyArray = getattr(self, name)
            table[vehicle, : len(columns)] = table[vehicle, columns]
        self.count[vehicle] = len(columns) - 1
        self.refresh(vehicle, now_s)

    def advance(self, vehicle: int) -> None:
        """Make the first event the anchor: the vehicle sets out for it, and nothing can come before it any more."""
        for name in _BY_EVENT:
            table: AnyArray = getattr(self, name)
            table[vehicle, :-1] = table[vehicle, 1:]
        self.count[vehicle] -= 1

    def stand(self, vehicle: int, stop: int, free_s: float, load: int, latest_s: float = np.inf) -> None:
        """Set the anchor of a vehicle: where it is or will be, when it is free there, and how many are aboard."""
        self.stop[vehicle, 0], self.leave_s[vehicle, 0], self.load[vehicle, 0] = stop, free_s, load
        self.latest_s[vehicle, 0] = latest_s

    def refresh(self, vehicle: int, now_s: float) -> None:
        """Compute planned times, latest times and loads of one route again."""
        count, person_s, hop_s = int(self.count[vehicle]), self.person_s, self.hop_s
        stops = self.stop[vehicle, : count + 1].tolist()
        hops = [0.0] + [float(hop_s[a, b]) for a, b in pairwise(stops)]
        ready, latest = self.ready_s[vehicle, : count + 1].tolist(), self.latest_s[vehicle, : count + 1].tolist()
        steps = self.step[vehicle, : count + 1].tolist()
        load = int(self.load[vehicle, 0])
        time_s = max(float(self.leave_s[vehicle, 0]), now_s) if count else float(self.leave_s[vehicle, 0])
        leave, loads = [float(self.leave_s[vehicle, 0])], [load]
        for column in range(1, count + 1):
            time_s = max(time_s + hops[column], ready[column]) + person_s
            load += steps[column]
            leave.append(time_s)
            loads.append(load)
        limit = float(self.end_s[vehicle]) - float(hop_s[stops[-1], self.home[vehicle]]) - person_s
        last = [0.0] * (count + 1)
        for column in range(count, -1, -1):
            limit = min(latest[column], limit)
            last[column] = limit
            limit = limit - hops[column] - person_s
        self.leave_s[vehicle, : count + 1] = leave
        self.load[vehicle, : count + 1] = loads
        self.last_s[vehicle, : count + 1] = last

    def planned(
        self, vehicle: int, after_pickup: int, after_dropoff: int, request: RideRequest, now_s: float
    ) -> tuple[float, float]:
        """Return when a request would be picked up and dropped if it were inserted; nothing changes."""
        hop_s, person_s = self.hop_s, self.person_s
        time_s = float(self.leave_s[vehicle, after_pickup])
        time_s = max(time_s, now_s) if after_pickup == 0 else time_s
        place = int(self.stop[vehicle, after_pickup])
        pickup_s = max(time_s + float(hop_s[place, request.pickup]), request.ready_s)
        time_s, place = pickup_s + person_s, request.pickup
        for column in range(after_pickup + 1, after_dropoff + 1):
            following = int(self.stop[vehicle, column])
            time_s = max(time_s + float(hop_s[place, following]), float(self.ready_s[vehicle, column])) + person_s
            place = following
        return pickup_s, time_s + float(hop_s[place, request.dropoff])

    def begins_s(self, vehicle: int, column: int) -> float:
        """Return when an event is planned to begin."""
        return float(self.leave_s[vehicle, column]) - self.person_s

    def cost_s(self, vehicle: int, weights: Weights) -> float:
        """Return the weighted seconds still to come in a route: driving, waits from being ready, and rides."""
        cost_s = weights.driving * self.driving_s(vehicle)
        for column in range(1, int(self.count[vehicle]) + 1):
            begin_s, ready_s = self.begins_s(vehicle, column), float(self.ready_s[vehicle, column])
            if self.step[vehicle, column] == PICK_UP:
                cost_s += weights.waiting * (begin_s - ready_s) - weights.riding * begin_s
            else:
                cost_s += weights.riding * begin_s
        return cost_s

    def driving_s(self, vehicle: int) -> float:
        """Return the driving still to do in a route, home not counted."""
        stops = self.stop[vehicle, : int(self.count[vehicle]) + 1].tolist()
        return float(sum(float(self.hop_s[a, b]) for a, b in pairwise(stops)))

    def column_of(self, vehicle: int, rider: int, step: int) -> int:
        """Return the column of a rider's event still to come, or 0."""
        row, steps = self.rider[vehicle].tolist(), self.step[vehicle].tolist()
        for column in range(1, int(self.count[vehicle]) + 1):
            if row[column] == rider and steps[column] == step:
                return column
        return 0

    def vehicle_by_rider(self) -> dict[int, int]:
        """Return the vehicle of each rider who is still to be picked up."""
        ahead = np.arange(self.step.shape[1]) <= self.count[:, None]
        ahead[:, 0] = False
        vehicle, column = np.nonzero((self.step == PICK_UP) & ahead)
        return dict(zip(self.rider[vehicle, column].tolist(), vehicle.tolist(), strict=True))

    def _put(
        self, vehicle: int, column: int, stop: int, step: int, rider: int, ready_s: float, latest_s: float
    ) -> None:
        end = int(self.count[vehicle]) + 1
        for name in _BY_EVENT:
            table: AnyArray = getattr(self, name)
            table[vehicle, column + 1 : end + 1] = table[vehicle, column:end].copy()
        self.stop[vehicle, column], self.step[vehicle, column] = stop, step
        self.rider[vehicle, column] = rider
        self.ready_s[vehicle, column], self.latest_s[vehicle, column] = ready_s, latest_s
        self.count[vehicle] = end

    def _make_room(self, columns: int) -> None:
        """Have one column to spare behind the longest route, so that the search for insertions may look one too far."""
        have = self.stop.shape[1]
        if columns + 1 < have:
            return
        for name in _BY_EVENT:
            table: AnyArray = getattr(self, name)
            setattr(self, name, np.concatenate([table, np.zeros_like(table)], axis=1))


_BY_EVENT = ("stop", "step", "rider", "load", "ready_s", "latest_s", "leave_s", "last_s")
_CHANGED = frozenset({*_BY_EVENT, "count"})
