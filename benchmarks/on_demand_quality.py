"""How good is dispatching that knows only the past? Beside the best that anybody could do who knew the whole day.

    python -m benchmarks.on_demand_quality [--instances 20] [--policy insertion] [--driving-alone]

Each instance is a made-up town of 4 by 4 km with a station in the middle, three vehicles and 14 requests within 40
minutes, drawn by addressed dice. Four kinds of them: *as in the trial*, where two rides in three begin or end at the
station and those that begin there are booked on board of the train, ten minutes ahead; the same requests *all asked
now*, *all booked* ten minutes ahead, and *scattered*, with no end at the station and all asked now. The goal is
about the first; the others show what foresight is worth.

The service of the simulator answers the requests one by one, as they come. The bound sees them all beforehand: every
set of requests that one vehicle can serve is found exactly (labels of time and driving, none dropped that could
matter), and HiGHS, by way of scipy, chooses the sets: most requests served, and for the requests that the policy served
the least driving. PyVRP, which crews may use, knows no pick-up that must come before its own drop: it is not asked.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Generator, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import simpy
from scipy.optimize import Bounds, LinearConstraint, milp

from benchmarks.on_demand import grid_town
from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.services.contract import Booking, Leg
from kera_mobility.services.on_demand.routes import RideRequest
from kera_mobility.services.on_demand.service import OnDemand
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S
from kera_mobility.town.town import Town
from kera_mobility.units import FloatArray, round_s

VEHICLES, REQUESTS, SEATS = 3, 14, 4
FIRST_S, SPAN_S = 8 * 3600.0, 2400.0
SIDE, BLOCK_M = 11, 400.0
STATION_SHARE = 2.0 / 3.0
"""Of the requests, half of these from the station and half to it. Assumption: between pilot and trial."""
AHEAD_S = 600.0
KINDS = ("as in the trial", "all asked now", "all booked", "scattered, asked now")
DRIVING_ALONE = {"waiting_weight": 0.0, "riding_weight": 0.0}
GOAL = 0.85
"""Of the bound, median of the instances."""


Life = Generator[simpy.Event, Any, None]


class Instance(NamedTuple):
    """Requests as stops and limits, and the hops between stops."""

    wishes: tuple[RideRequest, ...]
    hop_s: FloatArray
    person_s: float
    home: int
    start_s: float


class Result(NamedTuple):
    """What a policy did with an instance, and what could be done."""

    served: int
    bound: int
    driven_s: float
    least_s: float
    """Least driving for the same requests."""


@cache
def _town() -> Town:
    return grid_town(REQUESTS, SIDE, BLOCK_M)


def play(number: int, dispatch: dict[str, Any], kind: str = KINDS[0]) -> Result:
    """Return how a policy did on an instance beside the bound."""
    town = _town()
    lon, lat = np.asarray(town.streets.node_lonlat)[len(town.zone) // 2].tolist()
    settings = OnDemandSettings.model_validate(
        {
            "vehicles": VEHICLES, "seats": SEATS, "depots": [{"lon": lon, "lat": lat}], "stop_spacing_m": 0.0,
            "operating_radius_m": 20_000.0, "dispatch": dispatch,
        }
    )  # fmt: skip
    service = OnDemand("on_demand", settings, town)
    world = World(simpy.Environment(), town.skims, Dice.of(1), EventLog(), END_S)
    service.start(world)
    asked: list[tuple[RideRequest, bool]] = []
    world.env.process(_people(world, service, _requests(number, kind), asked))
    world.env.run(until=END_S)
    service.finish()
    moves = world.log.tables()["moves"].to_pylist()
    driven_s = sum(row["end_s"] - row["t_s"] for row in moves if row["cause"] in ("fetch", "carry"))
    routes = service._dispatcher.routes
    start_s = settings.shifts[0].start_s
    instance = Instance(tuple(wish for wish, _ in asked), routes.hop_s, routes.person_s, int(routes.home[0]), start_s)
    sets = feasible_sets(instance)
    mine = sum(1 << index for index, (_, booked) in enumerate(asked) if booked)
    return Result(mine.bit_count(), most_served(sets), driven_s, least_driving(sets, mine))


class Request(NamedTuple):
    """A request of an instance; sorted by the moment of asking."""

    asked_s: float
    person: int
    origin: int
    destination: int
    ready_s: float


def _requests(number: int, kind: str) -> list[Request]:
    dice, every, corners = Dice.of(number).at("instance"), np.arange(REQUESTS), len(_town().zone)
    ready_s = (FIRST_S + round_s(dice.uniform("at", every) * SPAN_S)).tolist()
    origins = (dice.uniform("origin", every) * corners).astype(int).tolist()
    further = (1 + dice.uniform("further", every) * (corners - 1)).astype(int).tolist()
    draw, station = dice.uniform("station", every).tolist(), corners // 2
    found = []
    for person, (origin, step) in enumerate(zip(origins, further, strict=True)):
        destination, ahead_s = (origin + step) % corners, AHEAD_S if kind == "all booked" else 0.0
        drawn = 1.0 if kind.startswith("scattered") else draw[person]
        if drawn < STATION_SHARE / 2:
            origin, ahead_s = station, 0.0 if kind == "all asked now" else AHEAD_S
        elif drawn < STATION_SHARE:
            destination = station
        if origin == destination:
            destination = (origin + step) % corners
        found.append(Request(ready_s[person] - ahead_s, person, origin, destination, ready_s[person]))
    return sorted(found)


def _people(world: World, service: OnDemand, requests: list[Request], asked: list[tuple[RideRequest, bool]]) -> Life:
    for one in requests:
        if one.asked_s > world.env.now:
            yield world.env.timeout(one.asked_s - world.env.now)
        leg = Leg("on_demand", one.origin, one.destination, one.person, one.person, 0, 0, ready_s=one.ready_s)
        booking = service.book(leg)
        asked.append((service._search.requests(leg)[0][0], isinstance(booking, Booking)))
        if isinstance(booking, Booking):
            world.env.process(_rider(world, service, booking, one.ready_s))


def _rider(world: World, service: OnDemand, booking: Booking, ready_s: float) -> Life:
    yield world.env.timeout(ready_s - world.env.now)
    yield from service.ride(booking)


# The bound.

Label = tuple[float, float]
"""Time at which the vehicle is free, and how long it has driven, s."""
State = tuple[int, int, int]
"""Requests done and on board, as bits, and the stop."""


def feasible_sets(instance: Instance) -> dict[int, float]:
    """Return every set of requests that one vehicle can serve who knows all of them, with its least driving, s."""
    found: dict[int, float] = {0: 0.0}
    front: dict[State, list[Label]] = {(0, 0, instance.home): [(instance.start_s, 0.0)]}
    while front:
        after: dict[State, list[Label]] = {}
        for state, labels in front.items():
            for label in labels:
                for reached, new in _steps(instance, state, label):
                    if _keep(after.setdefault(reached, []), new) and not reached[1]:
                        found[reached[0]] = min(found.get(reached[0], np.inf), new[1])
        front = after
    return found


def _steps(instance: Instance, state: State, label: Label) -> Iterator[tuple[State, Label]]:
    """Yield where a vehicle can go next; ways on which somebody aboard would be late are left out."""
    done, aboard, place = state
    time_s, driven_s = label
    for index, wish in enumerate(instance.wishes):
        bit = 1 << index
        if done & bit or (not aboard & bit and aboard.bit_count() >= SEATS):
            continue
        stop = wish.dropoff if aboard & bit else wish.pickup
        hop_s = float(instance.hop_s[place, stop])
        begin_s = time_s + hop_s if aboard & bit else max(time_s + hop_s, wish.ready_s)
        if begin_s > (wish.latest_arrival_s if aboard & bit else wish.latest_pickup_s):
            continue
        reached = (done | bit, aboard & ~bit, stop) if aboard & bit else (done, aboard | bit, stop)
        free_s = begin_s + instance.person_s
        if all(
            free_s + instance.hop_s[stop, other.dropoff] <= other.latest_arrival_s
            for number, other in enumerate(instance.wishes) if reached[1] >> number & 1
        ):  # fmt: skip
            yield reached, (free_s, driven_s + hop_s)


def _keep(labels: list[Label], new: Label) -> bool:
    """Keep a label unless another is as early and as short; drop those that it makes needless."""
    if any(one[0] <= new[0] and one[1] <= new[1] for one in labels):
        return False
    labels[:] = [one for one in labels if not (new[0] <= one[0] and new[1] <= one[1])]
    labels.append(new)
    return True


def most_served(sets: dict[int, float]) -> int:
    """Return the most requests that the fleet can serve: sets for the vehicles whose union is largest."""
    masks = sorted(sets, key=lambda mask: -mask.bit_count())
    largest: list[int] = []
    for mask in masks:
        if not any(mask & one == mask for one in largest):
            largest.append(mask)
    holds = np.array([[mask >> index & 1 for mask in largest] for index in range(REQUESTS)], dtype=np.float64)
    # Variables: whether each set is taken, then whether each request is served.
    served_if_taken = LinearConstraint(np.hstack([holds, -np.eye(REQUESTS)]), lb=0.0)
    fleet = LinearConstraint(np.concatenate([np.ones(len(largest)), np.zeros(REQUESTS)]), ub=float(VEHICLES))
    value = np.concatenate([np.zeros(len(largest)), -np.ones(REQUESTS)])
    answer = milp(
        value,
        constraints=[served_if_taken, fleet],
        integrality=np.ones(len(value), dtype=np.int64),
        bounds=Bounds(0, 1),
    )
    assert answer.success, answer.message
    return round(-answer.fun)


def least_driving(sets: dict[int, float], wanted: int) -> float:
    """Return the least driving of the fleet that serves just these requests, s."""
    parts = [mask for mask in sorted(sets) if mask and mask & wanted == mask]
    rows = [index for index in range(REQUESTS) if wanted >> index & 1]
    holds = np.array([[mask >> index & 1 for mask in parts] for index in rows], dtype=np.float64)
    once = LinearConstraint(holds, lb=1.0, ub=1.0)
    fleet = LinearConstraint(np.ones((1, len(parts))), ub=float(VEHICLES))
    costs = np.array([sets[mask] for mask in parts])
    answer = milp(
        costs, constraints=[once, fleet], integrality=np.ones(len(parts), dtype=np.int64), bounds=Bounds(0, 1)
    )
    assert answer.success, answer.message
    return float(answer.fun)


def main() -> None:
    """Play all instances and print."""
    parser = argparse.ArgumentParser(description="How good is dispatching beside the best of hindsight?")
    parser.add_argument("--instances", type=int, default=20)
    parser.add_argument("--policy", default="insertion")
    parser.add_argument("--driving-alone", action="store_true", help="people's time weighs nothing")
    arguments = parser.parse_args()
    dispatch: dict[str, Any] = {"kind": arguments.policy}
    if arguments.driving_alone:
        dispatch |= DRIVING_ALONE
    for kind in KINDS:
        results = [play(number, dispatch, kind) for number in range(1, arguments.instances + 1)]
        shares = [one.served / one.bound for one in results]
        gaps = [one.driven_s / one.least_s for one in results]
        print(f"{kind}, policy {arguments.policy}, {len(results)} instances")
        print("  served of bound      ", " ".join(f"{one.served}/{one.bound}" for one in results))
        goal = f" (goal {GOAL:.0%})" if kind == KINDS[0] else ""
        print(f"  median of the bound   {statistics.median(shares):.0%}{goal}, lowest {min(shares):.0%}")
        print(f"  driving over least    {statistics.median(gaps):.2f} for the same requests, median\n", flush=True)


if __name__ == "__main__":
    main()
