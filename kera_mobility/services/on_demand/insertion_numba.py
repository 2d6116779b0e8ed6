"""The insertion kernel compiled by numba (the extra `fast`): plain loops, the same numbers to the bit."""

from __future__ import annotations

import numpy as np
from numba import njit

from kera_mobility.services.on_demand.routes import Insertions, Routes, Wish
from kera_mobility.units import FloatArray, IntArray


def insertions_by_numba(routes: Routes, wish: Wish, now_s: float) -> Insertions:
    """Return the cheapest insertion of a wish into every route; see `kernels.insertion.insertions`."""
    vehicles = len(routes.stop)
    found = Insertions(np.full(vehicles, np.inf), *(np.full(vehicles, -1, dtype=np.int64) for _ in range(2)))
    _fill(
        routes.hop_s, routes.stop, routes.leave_s, routes.last_s, routes.ready_s, routes.load, routes.count,
        routes.places, routes.home, routes.end_s, routes.person_s, now_s, wish.pickup, wish.dropoff, wish.ready_s,
        wish.latest_pickup_s, wish.latest_arrival_s, *found,
    )  # fmt: skip
    return found


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _fill(
    hop_s: FloatArray, stop: IntArray, leave_s: FloatArray, last_s: FloatArray, ready_s: FloatArray, load: IntArray,
    count: IntArray, places: IntArray, home: IntArray, end_s: FloatArray, person_s: float, now_s: float, pickup: int,
    dropoff: int, wish_ready_s: float, latest_pickup_s: float, latest_arrival_s: float, added_s: FloatArray,
    after_pickup: IntArray, after_dropoff: IntArray,
) -> None:  # fmt: skip
    for vehicle in range(len(stop)):
        n = count[vehicle]
        for first in range(n + 1):
            free_s = leave_s[vehicle, first]
            if first == 0:
                free_s = max(free_s, now_s)
            begin_s = max(free_s + hop_s[stop[vehicle, first], pickup], wish_ready_s)
            if begin_s > latest_pickup_s or load[vehicle, first] >= places[vehicle]:
                continue
            detour_s = hop_s[stop[vehicle, first], pickup]
            time_s, place = begin_s + person_s, pickup
            for after in range(first, n + 1):
                old_s = 0.0
                if after < n:
                    old_s = hop_s[stop[vehicle, after], stop[vehicle, after + 1]]
                dropped_s = time_s + hop_s[place, dropoff]
                done_s = dropped_s + person_s
                if after == n:
                    good = done_s + hop_s[dropoff, home[vehicle]] <= end_s[vehicle]
                    cost_s = detour_s + hop_s[place, dropoff]
                else:
                    following = stop[vehicle, after + 1]
                    good = done_s + hop_s[dropoff, following] <= last_s[vehicle, after + 1]
                    cost_s = detour_s + hop_s[place, dropoff] + (hop_s[dropoff, following] - old_s)
                if good and dropped_s <= latest_arrival_s and cost_s < added_s[vehicle]:
                    added_s[vehicle], after_pickup[vehicle], after_dropoff[vehicle] = cost_s, first, after
                if after == n or load[vehicle, after + 1] >= places[vehicle]:
                    break
                following = stop[vehicle, after + 1]
                arrive_s = time_s + hop_s[place, following]
                if arrive_s > last_s[vehicle, after + 1] or arrive_s > latest_arrival_s:
                    break
                if after == first:
                    detour_s = detour_s + (hop_s[pickup, following] - old_s)
                time_s, place = max(arrive_s, ready_s[vehicle, after + 1]) + person_s, following
