"""What there is to do for the crews of a fleet: batteries to change, broken vehicles to fetch, vehicles to move."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kera_mobility.services.base import HOURS
from kera_mobility.services.scooter.crew_settings import CrewSettings
from kera_mobility.services.scooter.fleet import BROKEN, FREE, Fleet
from kera_mobility.services.scooter.policies.crew_routes import DEPOT, HERE, NOWHERE, TourTasks
from kera_mobility.services.scooter.policies.rebalancing import RebalancingPolicy, Stock, pairs
from kera_mobility.town.town import Town
from kera_mobility.units import AnyArray, BoolArray, FloatArray, IntArray, round_s

SWAP, COLLECT, REBALANCE = "swap", "collect", "rebalance"
"""Why a crew touches a vehicle; in `moves.cause`."""
MOST_ROOM = 10**6
"""Stands for no limit."""


@dataclass(eq=False)
class CrewTask:
    """One thing to do: at a node, or from a node to another."""

    cause: str
    node: int
    vehicles: list[int]
    """Those that were seen there when the tour was planned."""
    end: int = NOWHERE
    """Node where they are put out; NOWHERE for a swap."""
    aboard: list[int] = field(default_factory=list)
    """Those that were there and taken."""
    begun_s: float = 0.0
    """When the work on them began."""


@dataclass(frozen=True)
class Places:
    """The places of a fleet, each a node where vehicles are put out and the nodes that it serves; K places."""

    node: IntArray
    """(K,)"""
    of_node: IntArray
    """The place that each street node belongs to, (N,); NOWHERE if it is out of reach."""
    target: IntArray
    """Vehicles that stand there on the first morning, (K,)."""
    expected_requests: FloatArray
    """Requests expected there in each hour, (K, hours)."""


def places_of(
    town: Town, hubs: IntArray, anywhere: BoolArray, reach_m: float, first: IntArray,
    expected_requests: FloatArray | None,
) -> Places:  # fmt: skip
    """Return the places of a fleet: its hubs, and beyond reach of them, where vehicles may stand, the town's zones.

    The requests of a zone are spread evenly over its street nodes.

    Parameters
    ----------
    hubs
        Nodes of the hubs, each once, (H,).
    anywhere
        Where else vehicles may be put out, (N,).
    reach_m
        How far people walk to a hub.
    first
        Node of each vehicle on the first morning, (V,).
    expected_requests
        Requests expected on a day, (zones, hours); None if nothing is known.
    """
    walk_m = np.asarray(town.skims.walk_m[hubs])
    of_node = np.where(np.isfinite(walk_m.min(axis=0)), walk_m.argmin(axis=0), NOWHERE).astype(np.int64)
    node: list[int] = hubs.tolist()
    for zone in np.unique(town.zone[anywhere & (walk_m.min(axis=0) > reach_m)]).tolist():
        far = np.flatnonzero((town.zone == zone) & (walk_m.min(axis=0) > reach_m))
        allowed = far[anywhere[far]]
        of_node[far] = len(node)
        node.append(int(allowed[_most_central(np.asarray(town.skims.walk_m)[np.ix_(allowed, far)])]))
    target = np.bincount(of_node[first], minlength=len(node)).astype(np.int64)
    requests = _spread(expected_requests, town.zone, of_node, len(node))
    return Places(np.array(node, dtype=np.int64), of_node, target, requests)


def _most_central(walk_m: AnyArray) -> int:
    """Return the row from which the farthest column is nearest, of the columns that are reached at all."""
    farthest = np.where(np.isfinite(walk_m), walk_m, 0.0).max(axis=1)
    reached = np.isfinite(walk_m).sum(axis=1)
    return int(np.lexsort((farthest, -reached))[0])


def _spread(expected_requests: FloatArray | None, zone: IntArray, of_node: IntArray, places: int) -> FloatArray:
    """Return by place, (K, hours), the expected requests by zone."""
    by_place = np.zeros((places, HOURS))
    if expected_requests is None:
        return by_place
    nodes = np.zeros((len(expected_requests), places))
    np.add.at(nodes, (zone[of_node >= 0], of_node[of_node >= 0]), 1.0)
    for number in np.flatnonzero(expected_requests.any(axis=1)).tolist():
        by_place += nodes[number][:, None] / max(nodes[number].sum(), 1.0) * expected_requests[number]
    return by_place


def swaps(
    fleet: Fleet, below: float, spare: int, reserved: Collection[int], no_power: Collection[int]
) -> Iterator[CrewTask]:  # fmt: skip
    """Yield the changes of batteries, one task for each node, at most `spare` vehicles each; none without power."""
    low = [vehicle for vehicle in fleet.in_state(*FREE) if fleet.charge[vehicle] < below and vehicle not in reserved]
    for node, vehicles in _by_node(fleet, low).items():
        if node not in no_power:
            yield from (CrewTask(SWAP, node, part) for part in _parts(vehicles, spare))


def collections(fleet: Fleet, depot: int, room: int, reserved: Collection[int]) -> Iterator[CrewTask]:
    """Yield the broken vehicles that must be brought to the depot, at most `room` in one task."""
    broken = [vehicle for vehicle in fleet.in_state(BROKEN) if vehicle not in reserved]
    for node, vehicles in _by_node(fleet, broken).items():
        yield from (CrewTask(COLLECT, node, part, depot) for part in _parts(vehicles, room))


def rebalancing(
    fleet: Fleet, places: Places, policy: RebalancingPolicy, able: Sequence[int], coming: IntArray, room: int,
    way_s: FloatArray, now_s: float,
) -> Iterator[CrewTask]:  # fmt: skip
    """Yield the moves that a policy asks for, from the fullest nodes of a place first.

    Parameters
    ----------
    able
        Vehicles that can be rented and that no other crew has in mind.
    coming
        How many vehicles other crews are bringing to each place, (K,).
    room
        Room in the van: the most that one task moves.
    way_s
        Driving times between the places, (K, K).
    """
    standing, there = coming.copy(), [list[int]() for _ in places.node]
    for vehicle in able:
        place = int(places.of_node[fleet.node[vehicle]])
        if place != NOWHERE:
            standing[place] += 1
            there[place].append(vehicle)
    room_at = [min(fleet.room(node), MOST_ROOM) for node in places.node.tolist()]
    room_left = np.maximum(np.array(room_at, np.int64) - coming, 0)
    stock = Stock(standing, places.target, room_left, places.expected_requests, now_s)
    change = np.maximum(policy.changes(stock), -np.array([len(vehicles) for vehicles in there], dtype=np.int64))
    for giver, taker, number in pairs(change, way_s).tolist():
        by_node = _by_node(fleet, there[giver])
        for node in sorted(by_node, key=lambda node: (-len(by_node[node]), node)):
            chosen = by_node[node][:number]
            number -= len(chosen)
            there[giver] = [vehicle for vehicle in there[giver] if vehicle not in chosen]
            for part in _parts(chosen, room):
                yield CrewTask(REBALANCE, node, part, int(places.node[taker]))


def as_arrays(
    tasks: Sequence[CrewTask], here: int, depot: int, drive_s: AnyArray, settings: CrewSettings, room: int, spare: int,
    within_s: float, home_s: float,
) -> TourTasks:  # fmt: skip
    """Return tasks as planners of tours take them, in their order.

    Parameters
    ----------
    here, depot
        Nodes where the van is, and where its shift ends.
    drive_s
        Free-flow driving times between all nodes, (N, N).
    room, spare, within_s, home_s
        As in `TourTasks`.
    """
    visited = sorted({node for task in tasks for node in (task.node, task.end) if node != NOWHERE})
    row = {node: at for at, node in enumerate(visited, max(HERE, DEPOT) + 1)}
    nodes = np.array([here, depot, *visited], dtype=np.int64)
    way_s = round_s(drive_s[np.ix_(nodes, nodes)] * settings.drive_factor)
    way_s += settings.stop_s * (nodes[:, None] != nodes[None, :])
    way_s[:, DEPOT] -= settings.stop_s * (nodes != depot)
    number = np.array([len(task.vehicles) for task in tasks], dtype=np.int64)
    many: FloatArray = number.astype(np.float64)
    swap = np.array([task.cause == SWAP for task in tasks], dtype=np.bool_)
    moved = np.array([task.cause == REBALANCE for task in tasks], dtype=np.bool_)
    return TourTasks(
        way_s=way_s,
        pick=np.array([row[task.node] for task in tasks], dtype=np.int64),
        drop=np.array([_drop(task, row) for task in tasks], dtype=np.int64),
        places=np.where(swap, 0, number),
        batteries=np.where(swap, number, 0),
        pick_s=round_s(many * np.where(swap, settings.swap_s, settings.lift_s)),
        drop_s=round_s(many * np.where(moved, settings.lift_s, 0.0)),
        worth_s=round_s(many * settings.worth_s),
        room=room, spare=spare, within_s=within_s, home_s=home_s,
    )  # fmt: skip


def _drop(task: CrewTask, row: Mapping[int, int]) -> int:
    if task.cause == REBALANCE:
        return row[task.end]
    return DEPOT if task.cause == COLLECT else NOWHERE


def _by_node(fleet: Fleet, vehicles: Sequence[int]) -> dict[int, list[int]]:
    """Return vehicles by node, nodes in rising order, vehicles by id."""
    by_node: dict[int, list[int]] = {}
    for vehicle in sorted(vehicles):
        by_node.setdefault(fleet.node[vehicle], []).append(vehicle)
    return dict(sorted(by_node.items()))


def _parts(vehicles: list[int], most: int) -> Iterator[list[int]]:
    """Yield the vehicles in parts of at most `most`; nothing if that is none."""
    for begin in range(0, len(vehicles) if most > 0 else 0, max(most, 1)):
        yield vehicles[begin : begin + most]
