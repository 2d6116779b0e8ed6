"""Insertion into routes, against a slow reference that tries every pair of positions by driving the whole route."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.dice import Dice
from kera_mobility.services.on_demand.insertion import insertions
from kera_mobility.services.on_demand.routes import DROP, PICK_UP, Insertions, RideRequest, Routes, Weights
from kera_mobility.units import round_s

PERSON_S = 5.0
DRIVING = Weights(driving=1.0, waiting=0.0, riding=0.0)
WEIGHTS = (DRIVING, Weights(1.0, 1.5, 1.0), Weights(0.5, 1.0, 2.0), Weights(0.0, 2.0, 0.25))
"""Some in which later pick-ups cost, and one in which they save; all sums of such seconds are exact."""

Events = list[tuple[int, int, float, float]]
"""Stop, step, ready and latest of each event of a route."""


def random_routes(seed: int, *, vehicles: int = 3, stops: int = 6, wishes: int = 8) -> tuple[Routes, Dice]:
    """Return routes that hold some random promises."""
    dice = Dice.of(seed)
    xy = np.stack([dice.uniform(axis, np.arange(stops)) for axis in ("x", "y")], axis=1) * 3000.0
    hop_s = round_s(np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) / 8.0 + 20.0)
    np.fill_diagonal(hop_s, 0.0)
    places = np.array([1 + int(dice.uniform("places", vehicle) * 3) for vehicle in range(vehicles)])
    home = np.arange(vehicles) % stops
    routes = Routes(hop_s, home, np.zeros(vehicles), np.full(vehicles, 4000.0), places, PERSON_S)
    for number in range(wishes):
        wish = random_wish(routes, dice, number)
        found = insertions(routes, wish, 0.0, DRIVING)
        vehicle = int(dice.uniform("takes", number) * vehicles)
        if found.cost_s[vehicle] < np.inf:
            routes.insert(vehicle, int(found.after_pickup[vehicle]), int(found.after_dropoff[vehicle]), wish, 0.0)
    for vehicle in range(vehicles):
        # Some have set out for their first stop.
        if routes.count[vehicle] and dice.uniform("set out", vehicle) < 0.5:
            routes.advance(vehicle)
            routes.refresh(vehicle, 0.0)
    return routes, dice


def random_wish(routes: Routes, dice: Dice, number: int) -> RideRequest:
    stops = len(routes.hop_s)
    pickup = int(dice.uniform("from", number) * stops)
    dropoff = (pickup + 1 + int(dice.uniform("to", number) * (stops - 1))) % stops
    ready_s = float(round_s(np.asarray(dice.uniform("ready", number) * 1500.0)))
    latest_s = ready_s + 60.0 + float(round_s(np.asarray(dice.uniform("patience", number) * 900.0)))
    arrival_s = latest_s + PERSON_S + 1.5 * routes.hop_s[pickup, dropoff]
    return RideRequest(number, pickup, dropoff, ready_s, latest_s, arrival_s)


def begins_s(routes: Routes, vehicle: int, events: Events, now_s: float) -> list[float] | None:
    """Return when each event of a route begins, or None if it cannot be driven; no clever slack, just the clock."""
    place, load = int(routes.stop[vehicle, 0]), int(routes.load[vehicle, 0])
    time_s, begins = max(float(routes.leave_s[vehicle, 0]), now_s), []
    for stop, step, ready_s, latest_s in events:
        begins.append(max(time_s + float(routes.hop_s[place, stop]), ready_s))
        load += step
        if begins[-1] > latest_s or load > routes.places[vehicle]:
            return None
        time_s, place = begins[-1] + routes.person_s, stop
    home_s = time_s + float(routes.hop_s[place, routes.home[vehicle]])
    return begins if home_s <= routes.end_s[vehicle] else None


def slowly(routes: Routes, wish: RideRequest, now_s: float, weights: Weights) -> Insertions:
    """Return the cheapest insertion into every route by trying all."""
    found = Insertions(
        np.full(len(routes.stop), np.inf), *(np.full(len(routes.stop), -1, dtype=np.int64) for _ in range(2))
    )
    for vehicle in range(len(routes.stop)):
        rows = range(1, int(routes.count[vehicle]) + 1)
        old = [
            (int(routes.stop[vehicle, k]), int(routes.step[vehicle, k]), float(routes.ready_s[vehicle, k]),
             float(routes.latest_s[vehicle, k]))
            for k in rows
        ]  # fmt: skip
        before_s = cost_s(routes, vehicle, old, [routes.begins_s(vehicle, k) for k in rows], weights)
        for i in range(len(old) + 1):
            for j in range(i, len(old) + 1):
                pickup = (wish.pickup, PICK_UP, wish.ready_s, wish.latest_pickup_s)
                drop = (wish.dropoff, DROP, 0.0, wish.latest_arrival_s)
                events = old[:i] + [pickup] + old[i:j] + [drop] + old[j:]
                begins = begins_s(routes, vehicle, events, now_s)
                added_s = np.inf if begins is None else cost_s(routes, vehicle, events, begins, weights) - before_s
                if added_s < found.cost_s[vehicle]:
                    found.cost_s[vehicle], found.after_pickup[vehicle], found.after_dropoff[vehicle] = added_s, i, j
    return found


def cost_s(routes: Routes, vehicle: int, events: Events, begins: list[float], weights: Weights) -> float:
    stops = [int(routes.stop[vehicle, 0]), *(event[0] for event in events)]
    total_s = weights.driving * float(sum(routes.hop_s[a, b] for a, b in pairwise(stops)))
    for (_, step, ready_s, _), begin_s in zip(events, begins, strict=True):
        total_s += weights.waiting * (begin_s - ready_s) if step == PICK_UP else 0.0
        total_s -= weights.riding * step * begin_s
    return total_s


def same(one: Insertions, other: Insertions) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def moment(routes: Routes, part: int) -> float:
    """Return a time at which no vehicle that stands should have set out already, by hundredths up to the first."""
    leave_s = [
        routes.begins_s(vehicle, 1) - float(routes.hop_s[routes.stop[vehicle, 0], routes.stop[vehicle, 1]])
        for vehicle in np.flatnonzero(routes.count).tolist()
    ]
    return float(round_s(np.asarray(min(leave_s, default=900.0) * part / 100.0)))


@given(seed=st.integers(0, 10**6), part=st.integers(0, 100), weights=st.sampled_from(WEIGHTS))
@settings(max_examples=250, deadline=None)
def test_the_arrays_find_what_trying_everything_finds(seed: int, part: int, weights: Weights) -> None:
    routes, dice = random_routes(seed)
    wish, now_s = random_wish(routes, dice, 99), moment(routes, part)
    assert same(insertions(routes, wish, now_s, weights), slowly(routes, wish, now_s, weights))


def test_random_routes_are_worth_trying() -> None:
    """Else the laws above would say nothing: routes are long, and wishes are both served and refused."""
    lengths, served = [], []
    for seed in range(40):
        routes, dice = random_routes(seed)
        lengths.append(int(routes.count.max()))
        served.append(bool(np.isfinite(insertions(routes, random_wish(routes, dice, 99), 0.0, DRIVING).cost_s).any()))
    assert max(lengths) >= 6
    assert 0 < sum(served) < len(served)


@given(seed=st.integers(0, 10**6), weights=st.sampled_from(WEIGHTS))
@settings(max_examples=60, deadline=None)
def test_taking_out_what_was_put_in_leaves_the_route_as_it_was(seed: int, weights: Weights) -> None:
    routes, dice = random_routes(seed)
    wish = random_wish(routes, dice, 99)
    found = slowly(routes, wish, 0.0, weights)
    for vehicle in np.flatnonzero(np.isfinite(found.cost_s)).tolist():
        twin = routes.copy()
        place = int(found.after_pickup[vehicle]), int(found.after_dropoff[vehicle])
        twin.insert(vehicle, *place, wish, 0.0)
        assert twin.cost_s(vehicle, weights) - routes.cost_s(vehicle, weights) == found.cost_s[vehicle]
        pickup_s, arrival_s = routes.planned(vehicle, *place, wish, 0.0)
        assert pickup_s == twin.begins_s(vehicle, twin.column_of(vehicle, 99, PICK_UP))
        assert arrival_s == twin.begins_s(vehicle, twin.column_of(vehicle, 99, DROP))
        twin.remove(vehicle, 99, 0.0)
        end = int(routes.count[vehicle]) + 1
        for name in ("stop", "step", "rider", "load", "leave_s", "last_s"):
            assert np.array_equal(getattr(twin, name)[vehicle, :end], getattr(routes, name)[vehicle, :end]), name


def test_a_ride_on_the_way_adds_nothing() -> None:
    """Stops 0, 1, 2 on a line of 100 s each: somebody rides 0 to 2, and 1 to 2 costs no more driving."""
    hop_s = np.array([[0.0, 100.0, 200.0], [100.0, 0.0, 100.0], [200.0, 100.0, 0.0]])
    routes = Routes(hop_s, np.array([0]), np.zeros(1), np.array([9000.0]), np.array([2]), PERSON_S)
    routes.insert(0, 0, 0, RideRequest(0, 0, 2, 0.0, 600.0, 1000.0), 0.0)
    found = insertions(routes, RideRequest(1, 1, 2, 0.0, 600.0, 1000.0), 0.0, DRIVING)
    assert (found.cost_s[0], found.after_pickup[0], found.after_dropoff[0]) == (0.0, 1, 1)
    # 0 s pick up, 5 s leave, 105 s at stop 1.
    assert routes.planned(0, 1, 1, RideRequest(1, 1, 2, 0.0, 600.0, 1000.0), 0.0) == (105.0, 210.0)


@pytest.mark.parametrize(("latest_s", "expected"), [(209.0, np.inf), (210.0, 0.0)])
def test_nobodys_promise_is_broken_by_a_second(latest_s: float, expected: float) -> None:
    """The first would be at stop 2 at 205 s alone, and at 210 s when somebody boards at stop 1 on the way."""
    hop_s = np.array([[0.0, 100.0, 200.0], [100.0, 0.0, 100.0], [200.0, 100.0, 0.0]])
    routes = Routes(hop_s, np.array([0]), np.zeros(1), np.array([9000.0]), np.array([2]), PERSON_S)
    routes.insert(0, 0, 0, RideRequest(0, 0, 2, 0.0, 600.0, latest_s), 0.0)
    found = insertions(routes, RideRequest(1, 1, 2, 0.0, 150.0, 1000.0), 0.0, DRIVING)
    assert found.cost_s[0] == expected


LINE = np.array([[0.0, 100.0, 200.0], [100.0, 0.0, 100.0], [200.0, 100.0, 0.0]])
"""Stops 0, 1 and 2 on a line, 100 s each."""
SOON, LATE = 600.0, 9000.0


def one_vehicle(*promised: RideRequest, end_s: float = LATE, places: int = 3, person_s: float = PERSON_S) -> Routes:
    """Return a vehicle at stop 0 that serves people one after the other."""
    routes = Routes(LINE, np.array([0]), np.zeros(1), np.array([end_s]), np.array([places]), person_s)
    for request in promised:
        routes.insert(0, int(routes.count[0]), int(routes.count[0]), request, 0.0)
    return routes


def added_s(request: RideRequest, routes: Routes | None = None, now_s: float = 0.0) -> float:
    """Return the driving that a request adds to the route of one vehicle, inf if it cannot be served."""
    return float(insertions(routes or one_vehicle(), request, now_s, DRIVING).cost_s[0])


THERE = RideRequest(1, 1, 2, 0.0, SOON, LATE)
"""From stop 1 to 2. A vehicle is there at 100 s, away at 105 s, at stop 2 at 205 s, free at 210 s, home at 410 s."""
ALL_THE_WAY = RideRequest(1, 0, 2, 0.0, SOON, LATE)
ON_THE_WAY = RideRequest(0, 0, 1, 0.0, SOON, LATE)
BACK = RideRequest(1, 1, 0, 0.0, 100.0, 205.0)
"""From stop 1 to 0 and at once: at stop 1 at 100 s, at stop 0 at 205 s, free at 210 s."""
LIMITS: dict[str, tuple[float, Callable[[float], float]]] = {
    "pick-up": (100.0, lambda limit_s: added_s(THERE._replace(latest_pickup_s=limit_s))),
    "arrival": (205.0, lambda limit_s: added_s(THERE._replace(latest_arrival_s=limit_s))),
    "shift": (410.0, lambda limit_s: added_s(THERE, one_vehicle(end_s=limit_s))),
    # Two board at stop 0, one alights at stop 1: at stop 2 at 215 s.
    "arrival of who shares": (215.0, lambda limit_s: added_s(
        ALL_THE_WAY._replace(latest_arrival_s=limit_s), one_vehicle(ON_THE_WAY._replace(latest_arrival_s=110.0)))),
    "shift of who shares": (420.0, lambda limit_s: added_s(ALL_THE_WAY, one_vehicle(ON_THE_WAY, end_s=limit_s))),
    "arrival of another": (110.0, lambda limit_s: added_s(
        ALL_THE_WAY._replace(latest_pickup_s=5.0), one_vehicle(ON_THE_WAY._replace(latest_arrival_s=limit_s)))),
    "pick-up of another": (410.0, lambda limit_s: added_s(
        BACK, one_vehicle(RideRequest(0, 2, 1, 0.0, limit_s, LATE)))),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_may_be_met_just_so_and_not_be_missed_by_a_64th_of_a_second(name: str) -> None:
    just_so_s, added = LIMITS[name]
    assert np.isfinite(added(just_so_s))
    assert added(just_so_s - 1 / 64) == np.inf


def test_a_vehicle_sets_out_no_earlier_than_now() -> None:
    wish = THERE._replace(latest_pickup_s=600.0)
    assert added_s(wish, now_s=500.0) == 200.0
    assert added_s(wish, now_s=501.0) == np.inf


def test_the_last_place_may_be_taken_and_no_more() -> None:
    """Both ride from stop 0 to 2, which adds nothing on two places; with one the second is fetched afterwards."""
    first = ALL_THE_WAY._replace(rider=0)
    assert added_s(ALL_THE_WAY, one_vehicle(first, places=2)) == 0.0
    assert added_s(ALL_THE_WAY, one_vehicle(first, places=1)) == 400.0
    assert added_s(ALL_THE_WAY, one_vehicle(first, places=0)) == np.inf


def test_who_is_carried_on_pays_for_each_bit_of_the_detour() -> None:
    """Fetched at stop 1 between stops 0 and 2 and brought to 0 at the end: 400 s instead of 200 s, none saved twice."""
    first = RideRequest(0, 0, 2, 0.0, 0.0, 210.0)
    found = insertions(one_vehicle(first), RideRequest(1, 1, 0, 0.0, SOON, LATE), 0.0, DRIVING)
    assert (found.cost_s[0], found.after_pickup[0], found.after_dropoff[0]) == (200.0, 1, 2)


def test_who_rides_along_past_several_adds_nothing() -> None:
    """Another boards at stop 0 and one at stop 1 before all alight at stop 2."""
    routes = one_vehicle(ALL_THE_WAY._replace(rider=0))
    routes.insert(0, 1, 1, THERE._replace(rider=2), 0.0)
    found = insertions(routes, ALL_THE_WAY, 0.0, DRIVING)
    assert (found.cost_s[0], found.after_pickup[0], found.after_dropoff[0]) == (0.0, 0, 2)


def test_where_there_is_no_way_there_is_no_place_in_the_route() -> None:
    found = insertions(one_vehicle(places=0), THERE, 0.0, DRIVING)
    assert [values.tolist() for values in found] == [[np.inf], [-1], [-1]]
