"""Crews of a fleet: vans that change batteries, fetch what is broken and bring vehicles to where they are wanted."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from kera_mobility.config.registry import policy_beside
from kera_mobility.services.base import off_map
from kera_mobility.services.notices import PowerCut
from kera_mobility.services.scooter.crew_settings import CrewSettings, CrewShift
from kera_mobility.services.scooter.crew_tasks import (
    COLLECT,
    MOST_ROOM,
    REBALANCE,
    SWAP,
    CrewTask,
    as_arrays,
    collections,
    places_of,
    rebalancing,
    swaps,
)
from kera_mobility.services.scooter.fleet import BROKEN, FREE, Fleet
from kera_mobility.services.scooter.policies.crew_routes import DROP, NOWHERE, PICK, TourPlanner
from kera_mobility.services.scooter.policies.rebalancing import RebalancingPolicy
from kera_mobility.services.scooter.van import StopResult, Van
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_one_s

Work = Generator[simpy.Event, Any, None]
StopWork = Generator[simpy.Event, Any, StopResult]


class Crews:
    """The vans of one fleet: before the day their plans and places, then their day as one process each."""

    def __init__(
        self, service: str, settings: CrewSettings, town: Town, hubs: IntArray, anywhere: BoolArray | None = None,
        reach_m: float = math.inf,
    ) -> None:  # fmt: skip
        """Find the depot and the policies.

        Parameters
        ----------
        hubs
            Nodes of the hubs, (H,).
        anywhere
            Where else vehicles may be put out, (N,); nowhere if not given.
        reach_m
            How far people walk to a hub.
        """
        self.service, self.settings = service, settings
        self._town, self._hubs, self._reach_m = town, np.unique(hubs), reach_m
        self._anywhere = np.zeros(len(town.zone), dtype=np.bool_) if anywhere is None else anywhere
        self._depot, self._depot_m = int(hubs[0]), 0.0
        if settings.depot is not None:
            node, snapped_m = town.snap((settings.depot,))
            self._depot, self._depot_m = int(node[0]), float(snapped_m[0])
        self._policy: RebalancingPolicy = policy_beside(__name__, RebalancingPolicy, settings.rebalancing)
        self._planner: TourPlanner = policy_beside(__name__, TourPlanner, settings.tours)

    def faults(self) -> list[tuple[str, str]]:
        """Return a depot outside the map."""
        return off_map(["crews.depot"], [self.settings.depot], [self._depot_m]) if self.settings.depot else []

    def start(self, world: World, fleet: Fleet, first: IntArray, expected_requests: FloatArray | None = None) -> None:
        """Begin the day.

        Parameters
        ----------
        first
            Node of each vehicle on the first morning, (V,).
        expected_requests
            Requests expected on a day, (zones, hours).
        """
        self._world, self._fleet = world, fleet
        self._places = places_of(self._town, self._hubs, self._anywhere, self._reach_m, first, expected_requests)
        self._vans: dict[int, Van] = {}
        self._stranded: dict[int, Van] = {}
        self._without_power: set[int] = set()
        self._handled: dict[int, int] = {}
        world.notices.listen(PowerCut, self._hear)
        for number in range(self.settings.vans):
            world.env.process(self._work_shifts(number))

    def finish(self) -> None:
        """Close the shifts that the end of the run cuts off."""
        now_s = self._world.env.now
        for van in self._vans.values():
            self._log(van, van.node, now_s, now_s, 0.0, StopResult())

    def about(self) -> dict[str, float]:
        """Return what figures of the result need to know: the vans, and what they cost and emit."""
        settings = self.settings
        return {
            "vans": settings.vans, "eur_per_h": settings.eur_per_h, "eur_per_km": settings.eur_per_km,
            "co2_g_per_km": settings.co2_g_per_km,
        }  # fmt: skip

    # A van's day.

    def _work_shifts(self, number: int) -> Work:
        env = self._world.env
        for index, shift in enumerate(self.settings.shifts):
            yield env.timeout(max(shift.begin_s - env.now, 0.0))
            van = self._vans[number] = self._stranded.pop(number, Van(number, self._depot))
            van.begin(index, self._charged_spare(van.spare) if van.node == self._depot else van.spare)
            self._log(van, van.node, env.now, env.now, 0.0, StopResult())
            while self._left_s(van, shift) > 0:
                next_s = min(env.now + self.settings.replan_every_s, shift.end_s)
                yield from self._drive_tour(van, shift, next_s)
                rest_s = min(next_s - env.now, self._left_s(van, shift))
                if rest_s > 0:
                    yield env.timeout(rest_s)
            yield from self._return(van, shift.end_s)
            del self._vans[number]
            if van.node != self._depot:
                self._stranded[number] = van

    def _drive_tour(self, van: Van, shift: CrewShift, next_s: float) -> Work:
        """Plan a tour and drive it; what the streets did not allow is left for the next, first what is aboard.

        A stop that is begun is done, and none is begun when the shift is over.
        """
        env = self._world.env
        if van.spare == 0 < self.settings.batteries or van.aboard >= self.settings.places:
            yield from self._return(van)
        for task in [task for task in van.load if task.cause == REBALANCE]:
            yield from self._stop(van, task, DROP)
        tour = self._plan(van, next_s - env.now, shift.end_s - env.now) if env.now < next_s else []
        for task, end in tour:
            if env.now >= shift.end_s:
                break
            if task.aboard if end == DROP else env.now < next_s:
                yield from self._stop(van, task, end)
            if end == DROP or task.cause != REBALANCE or not task.aboard:
                van.planned = [other for other in van.planned if other is not task]
        van.planned = []

    def _stop(self, van: Van, task: CrewTask, end: int) -> Work:
        """Drive to where a task begins or ends and do what can be done there."""
        env, node = self._world.env, task.node if end == PICK else task.end
        origin, begin_s = van.node, env.now
        drive_s, drive_m = self._drive(origin, node)
        if math.isinf(drive_s):
            missed = len(task.vehicles) if end == PICK else 0
            self._log(van, origin, begin_s, begin_s, 0.0, StopResult(missed=missed))
            return
        yield env.timeout(drive_s + (self.settings.stop_s if node != origin else 0.0))
        van.node = node
        work = self._put if end == DROP else self._swap if task.cause == SWAP else self._take
        result = yield from work(van, task)
        self._log(van, origin, begin_s, begin_s + drive_s, drive_m, result)

    def _swap(self, van: Van, task: CrewTask) -> StopWork:
        """Change the batteries of vehicles that stand here, free and low; nobody rents them meanwhile."""
        fleet, node = self._fleet, van.node
        low = [vehicle for vehicle in self._vehicles_here(van, task)
               if fleet.charge[vehicle] < self.settings.swap_below]  # fmt: skip
        chosen = [] if node in self._without_power else low[: min(len(task.vehicles), van.spare)]
        before = [fleet.charge[vehicle] for vehicle in chosen]
        self._lift(task, chosen, node)
        yield self._world.env.timeout(self.settings.swap_s * len(chosen))
        self._set_down(task, node, charge=1.0)
        van.spare -= len(chosen)
        missed = max(len(task.vehicles) - len(chosen), 0)
        return StopResult(swapped=len(chosen), missed=missed, charged=math.fsum(1.0 - charge for charge in before))

    def _take(self, van: Van, task: CrewTask) -> StopWork:
        """Take aboard what was planned, or others like it; reserved and ridden vehicles are let be."""
        fleet = self._fleet
        able = [vehicle for vehicle in self._vehicles_here(van, task)
                if task.cause == COLLECT or fleet.charge[vehicle] >= self.settings.swap_below]  # fmt: skip
        most = min(len(task.vehicles), self.settings.places - van.aboard)
        if task.cause == REBALANCE:
            most = min(most, int(min(max(fleet.room(task.end), 0), MOST_ROOM)))
        self._lift(task, able[:most], task.end if task.cause == REBALANCE else NOWHERE)
        van.load.append(task)
        yield self._world.env.timeout(self.settings.lift_s * len(task.aboard))
        return StopResult(taken=len(task.aboard), missed=max(len(task.vehicles) - len(task.aboard), 0))

    def _put(self, van: Van, task: CrewTask) -> StopWork:
        """Put out what was taken for this place."""
        yield self._world.env.timeout(self.settings.lift_s * len(task.aboard))
        self._set_down(task, van.node)
        van.load.remove(task)
        return StopResult(put=len(task.aboard))

    def _return(self, van: Van, end_s: float = 0.0) -> Work:
        """Drive to the depot, unload, take charged batteries, and stay until the shift is over."""
        env, origin, begin_s, put = self._world.env, van.node, self._world.env.now, 0
        drive_s, drive_m = self._drive(origin, self._depot)
        if math.isfinite(drive_s):
            yield env.timeout(drive_s)
            van.node = self._depot
            put = self._hand_in(van)
            van.spare = self._charged_spare(van.spare)
        else:
            drive_s, drive_m = 0.0, 0.0
        arrive_s = env.now
        if end_s > env.now:
            yield env.timeout(end_s - env.now)
        self._log(van, origin, begin_s, arrive_s, drive_m, StopResult(put=put))

    def _hand_in(self, van: Van) -> int:
        """Leave what is aboard at the depot, and return how many that is: what is broken, and what has no place."""
        fleet, number = self._fleet, van.aboard
        for task in van.load:
            for vehicle in task.aboard:
                if task.cause == REBALANCE:
                    fleet.give_room_back(task.end)
                fleet.hand_in([vehicle], self._depot)
                self._log_move(vehicle, task, self._depot)
        van.load = []
        return number

    # What the crew knows.

    def _plan(self, van: Van, within_s: float, home_s: float) -> list[tuple[CrewTask, int]]:
        """Return a tour of tasks that no other crew has planned, each with the end of it that comes then."""
        settings, fleet = self.settings, self._fleet
        planned = self._planned_by_others(van)
        reserved = frozenset(vehicle for task in planned for vehicle in task.vehicles)
        room = settings.places - van.aboard
        tasks = list(swaps(fleet, settings.swap_below, van.spare, reserved, self._without_power))
        if settings.fetch_broken:
            tasks += collections(fleet, self._depot, room, reserved)
        able = [vehicle for vehicle in fleet.in_state(*FREE)
                if vehicle not in reserved and fleet.charge[vehicle] >= settings.swap_below]  # fmt: skip
        streets, node = self._world.streets, self._places.node
        way_s = streets.drive_s[np.ix_(node, node)].astype(np.float64)
        tasks += rebalancing(
            fleet, self._places, self._policy, able, self._coming(planned), room, way_s, self._world.env.now
        )
        table = as_arrays(tasks, van.node, self._depot, streets.drive_s, settings, room, van.spare, within_s, home_s)
        tour = [(tasks[row], end) for row, end in self._planner.tour(table).tolist()]
        van.planned = [task for task, end in tour if end == PICK]
        return tour

    def _planned_by_others(self, van: Van) -> list[CrewTask]:
        return [task for other in self._vans.values() if other is not van for task in other.planned]

    def _coming(self, tasks: list[CrewTask]) -> IntArray:
        """Return how many vehicles some crews will bring to each place, (K,)."""
        coming = np.zeros_like(self._places.node)
        for task in tasks:
            if task.cause == REBALANCE:
                coming[self._places.node == task.end] += len(task.aboard or task.vehicles)
        return coming

    def _vehicles_here(self, van: Van, task: CrewTask) -> list[int]:
        """Return the vehicles here that a task is about: those that were planned first, then others, by id."""
        fleet, node = self._fleet, van.node
        reserved = {vehicle for other in self._planned_by_others(van) for vehicle in other.vehicles}
        if task.cause == COLLECT:
            here = [vehicle for vehicle in fleet.in_state(BROKEN) if fleet.node[vehicle] == node]
        else:
            here = sorted(fleet.parked_at(node))
        planned = set(task.vehicles)
        free = (vehicle for vehicle in here if vehicle not in reserved)
        return sorted(free, key=lambda vehicle: (vehicle not in planned, vehicle))

    def _drive(self, origin: int, destination: int) -> tuple[float, float]:
        """Return seconds and metres of the drive between two nodes as the streets are now."""
        streets = self._world.streets
        drive_s = round_one_s(float(streets.drive_s[origin, destination]) * self.settings.drive_factor)
        return drive_s, float(streets.drive_m[origin, destination])

    def _left_s(self, van: Van, shift: CrewShift) -> float:
        """Return the time until the van must drive home."""
        return shift.end_s - self._drive(van.node, self._depot)[0] - self._world.env.now

    def _charged_spare(self, spare: int) -> int:
        """Return how many charged batteries a van leaves the depot with; without power there are no new ones."""
        return spare if self._depot in self._without_power else self.settings.batteries

    def _hear(self, notice: PowerCut) -> None:
        if notice.service not in ("", self.service):
            return
        nodes = range(len(self._town.zone)) if notice.place < 0 else (notice.place,)
        (self._without_power.difference_update if notice.ends else self._without_power.update)(nodes)

    # Vehicles in the crew's hands.

    def _lift(self, task: CrewTask, vehicles: list[int], end: int) -> None:
        """Take vehicles in hand, and keep room where they will be put; NOWHERE keeps none."""
        task.aboard, task.begun_s = vehicles, self._world.env.now
        self._fleet.take(vehicles)
        for _ in vehicles if end != NOWHERE else ():
            self._fleet.promise_room(end)

    def _set_down(self, task: CrewTask, end: int, charge: float | None = None) -> None:
        """Put vehicles out where room was kept for them."""
        for vehicle in task.aboard:
            self._fleet.give_room_back(end)
            self._fleet.put([vehicle], end, charge)
            self._log_move(vehicle, task, end)

    def _log_move(self, vehicle: int, task: CrewTask, end: int) -> None:
        fleet, world = self._fleet, self._world
        self._handled[vehicle] = self._handled.get(vehicle, 0) + 1
        world.log.add(
            "moves", task.begun_s, vehicle, fleet.rides[vehicle], self._handled[vehicle], self.service, task.cause,
            task.node, end, world.env.now, 0.0, fleet.charge[vehicle],
        )  # fmt: skip

    def _log(self, van: Van, origin: int, begin_s: float, arrive_s: float, drive_m: float, result: StopResult) -> None:
        self._world.log.add(
            "crews", begin_s, van.number, van.shift, van.step, self.service, origin, van.node, arrive_s,
            self._world.env.now, drive_m, result.swapped, result.taken, result.put, result.missed, van.aboard,
            van.spare, result.charged,
        )  # fmt: skip
        van.step += 1
