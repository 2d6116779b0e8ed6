"""The cheapest feasible place for a pick-up and a drop in every route: all vehicles, all pairs of positions at once.

An insertion is feasible if the new rider is picked up and dropped in time, nobody's promise is broken, there is always
a place, and the vehicle comes home before its shift ends. Its cost is the driving that it adds, wait and ride of
the new rider, and what it delays the others, weighted. All times are multiples of 1/64 s and are only added, compared
and weighed one by one, so the result is the same on every processor.
"""

from __future__ import annotations

import numpy as np

from kera_mobility.services.on_demand.routes import PICK_UP, Insertions, RideRequest, Routes, Weights
from kera_mobility.units import FloatArray, IntArray


@np.errstate(invalid="ignore")  # where no street leads a hop is inf; inf - inf costs nothing that is ever chosen
def insertions(routes: Routes, request: RideRequest, now_s: float, weights: Weights) -> Insertions:
    """Return the cheapest insertion of a request into every route; of equals that with the earliest pick-up, drop."""
    hop_s, stop, person_s = routes.hop_s, routes.stop, routes.person_s
    columns = stop.shape[1]
    leave_s = routes.leave_s.copy()
    np.maximum(leave_s[:, 0], now_s, out=leave_s[:, 0])
    to_pickup_s = np.maximum(leave_s + hop_s[:, request.pickup][stop], request.ready_s)
    fits = (to_pickup_s <= request.latest_pickup_s) & (routes.load < routes.places[:, None])
    fits &= np.arange(columns) <= routes.count[:, None]
    vehicle, after = np.nonzero(fits)
    feasible = _Feasible(len(stop))
    delays = _Delays(routes, weights)
    pickup = after
    drop_here_s = hop_s[:, request.dropoff]
    from_here_s = hop_s[request.dropoff]
    detour_s = hop_s[stop[vehicle, after], request.pickup]
    time_s = to_pickup_s[vehicle, after] + person_s
    people_s = weights.waiting * (time_s - person_s - request.ready_s) - weights.riding * (time_s - person_s)
    # Dropped straight after the pick-up: the way on is from the pick-up, and the old hop there is saved once.
    place = np.full(len(vehicle), request.pickup, dtype=np.int64)
    while len(vehicle):
        last = after == routes.count[vehicle]
        following = stop[vehicle, after + 1]
        saved_s = hop_s[stop[vehicle, after], following]
        dropped_s = time_s + drop_here_s[place]
        free_s = dropped_s + person_s
        ends_in_time = free_s + from_here_s[routes.home[vehicle]] <= routes.end_s[vehicle]
        on_in_time = free_s + from_here_s[following] <= routes.last_s[vehicle, after + 1]
        good = (dropped_s <= request.latest_arrival_s) & np.where(last, ends_in_time, on_in_time)
        added_s = detour_s + drop_here_s[place] + np.where(last, 0.0, from_here_s[following] - saved_s)
        cost_s = weights.driving * added_s[good] + people_s[good] + weights.riding * dropped_s[good]
        on_s = (free_s + from_here_s[following])[good]
        feasible.add(vehicle[good], cost_s + delays.of_rest(vehicle[good], after[good] + 1, on_s),
                     pickup[good], after[good])  # fmt: skip
        # On to the next event with the rider aboard, where that keeps everything so far.
        arrive_s = time_s + hop_s[place, following]
        on = ~last & (arrive_s <= routes.last_s[vehicle, after + 1])
        on &= (routes.load[vehicle, after + 1] < routes.places[vehicle]) & (arrive_s <= request.latest_arrival_s)
        vehicle, pickup, after, place = vehicle[on], pickup[on], after[on] + 1, following[on]
        detour_s = detour_s[on] + np.where(after - 1 == pickup, hop_s[request.pickup, place] - saved_s[on], 0.0)
        begin_s = np.maximum(arrive_s[on], routes.ready_s[vehicle, after])
        people_s = people_s[on] + delays.of_event(vehicle, after, begin_s)
        time_s = begin_s + person_s
    return feasible.cheapest()


class _Delays:
    """What it costs the riders of events that they begin later than planned, in weighted seconds."""

    def __init__(self, routes: Routes, weights: Weights) -> None:
        self._routes, self._free = routes, weights.waiting == weights.riding == 0.0
        later_pickup = weights.waiting - weights.riding
        self._weight = np.where(routes.step == PICK_UP, later_pickup, weights.riding)
        """Of a second that an event is later; a later pick-up is a longer wait and a shorter ride. (V, M)."""
        self._begin_s = routes.leave_s - routes.person_s

    def of_event(self, vehicle: IntArray, column: IntArray, begin_s: FloatArray) -> FloatArray:
        """Return the cost where one event each begins then."""
        return self._weight[vehicle, column] * (begin_s - self._begin_s[vehicle, column])

    def of_rest(self, vehicle: IntArray, column: IntArray, arrive_s: FloatArray) -> FloatArray:
        """Return the cost from an event each to the end of its route, where the vehicle is there then."""
        routes, cost_s = self._routes, np.zeros(len(vehicle))
        ahead = np.arange(0 if self._free else len(vehicle))
        while True:
            ahead = ahead[column[ahead] <= routes.count[vehicle[ahead]]]
            if not len(ahead):
                return cost_s
            here, event = vehicle[ahead], column[ahead]
            begin_s = np.maximum(arrive_s[ahead], routes.ready_s[here, event])
            cost_s[ahead] += self.of_event(here, event, begin_s)
            column, arrive_s = column + 1, arrive_s.copy()
            arrive_s[ahead] = (
                begin_s + routes.person_s + routes.hop_s[routes.stop[here, event], routes.stop[here, event + 1]]
            )


class _Feasible:
    """Feasible insertions so far, one array a round."""

    def __init__(self, vehicles: int) -> None:
        self._vehicles = vehicles
        self._rounds: list[tuple[IntArray, FloatArray, IntArray, IntArray]] = []

    def add(self, vehicle: IntArray, cost_s: FloatArray, pickup: IntArray, dropoff: IntArray) -> None:
        """Note feasible insertions, one each entry."""
        if len(vehicle):
            self._rounds.append((vehicle, cost_s, pickup, dropoff))

    def cheapest(self) -> Insertions:
        """Return the cheapest of each vehicle."""
        result = Insertions(
            np.full(self._vehicles, np.inf), *(np.full(self._vehicles, -1, dtype=np.int64) for _ in range(2))
        )
        if self._rounds:
            vehicle, cost_s, pickup, dropoff = (np.concatenate(parts) for parts in zip(*self._rounds, strict=True))
            order = np.lexsort((dropoff, pickup, cost_s, vehicle))[::-1]
            # Written from the dearest to the cheapest: what stands in the end is the first of each vehicle.
            for target, values in zip(result, (cost_s, pickup, dropoff), strict=True):
                target[vehicle[order]] = values[order]
        return result
