"""The vehicles of a shuttle under way: they rest, load, wait for a train, drive and set down; people queue and ride."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from kera_mobility.clock import DEPARTURES_OF_VEHICLES, at_moment
from kera_mobility.services.shuttle.battery import Batteries
from kera_mobility.services.shuttle.calls import LapRecord, LoopCalls, LoopPlan, Rider, RunReader, Trip
from kera_mobility.services.shuttle.settings import ShuttleSettings
from kera_mobility.services.world import World
from kera_mobility.units import round_one_s

_NOWHERE = -1
HALTS = ("closed", "closed_street", "snow")
"""Reasons for which vehicles end their lap at the next stop, and do not only begin no other."""

Life = Generator[simpy.Event, Any, None]
Cancelled = Callable[[range, str], None]
"""Told which calls of a run will not be made, and why."""


@dataclass
class _Vehicle:
    """Where a run is."""

    run: int
    vehicle: int
    aboard: dict[int, list[Rider]] = field(default_factory=dict)
    """Riders by the call where they alight."""
    riding: int = 0
    wheelchairs: int = 0
    arrived_s: float = 0.0
    alighted: list[Rider] = field(default_factory=list)
    back_s: float = 0.0
    """When it is at the terminal again after a failure."""
    since_s: float = 0.0
    since_call: int = _NOWHERE
    """Where and when the drive began that is not written down yet."""


class LoopRunning:
    """The runs of a loop on one day."""

    def __init__(self, name: str, plan: LoopPlan, settings: ShuttleSettings, cancelled: Cancelled) -> None:
        self._name, self._settings, self._cancelled = name, settings, cancelled
        self.calls = LoopCalls(plan, 0.0 if settings.dwell else settings.dwell_s)
        self.call_m: list[float] = plan.call_m.tolist()
        self.batteries = Batteries(settings.battery, settings.energy_factor, plan.vehicles, plan.loop.lap_m / 1000.0)
        self._node, self._met, self._fleet = plan.call_node, plan.met, plan.vehicles
        self._waiting: dict[int, list[Rider]] = {}
        self._train_ready_s: dict[int, float] = {}
        self._missing: list[tuple[LapRecord, float]] = []
        self._spares = [(0.0, vehicle) for vehicle in range(settings.vehicles, plan.vehicles)]
        self._vehicles = [_Vehicle(run, vehicle) for run, vehicle in enumerate(plan.vehicle_of_run)]
        self._laps = {
            call: LapRecord(self.calls.planned_s[call], one.vehicle)
            for one in self._vehicles
            for call in self.calls.laps(one.run)
        }

    def start(self, world: World) -> None:
        """Begin to operate: a process for each run."""
        self._world = world
        self._alighting = world.dice.at("alighting")
        self._failing = world.dice.at("breakdown", self._name)
        for one in self._vehicles:
            world.env.process(self._operate(one))

    def wait_for(self, trip: Trip, person: int, wheelchair: bool) -> simpy.Event:
        """Return the event of a ride; its value is a `RunReader`."""
        call, calls, now_s = trip.board_call, self.calls, self._world.env.now
        rider = Rider(person, trip.alight_call, wheelchair, now_s, simpy.Event(self._world.env))
        if calls.stop[call] == 0:
            for lap in [lap for lap, until_s in self._missing if lap.left_s < now_s <= until_s][:1]:
                lap.missed += 1
        if calls.gone[call]:
            return rider.done.succeed(RunReader(None, call, calls.why.get(call, "gone")))
        if calls.off and (reason := calls.shut_out(call)):
            return rider.done.succeed(RunReader(None, call, reason))
        self._waiting.setdefault(call, []).append(rider)
        return rider.done

    # What the world tells.

    def shut(self, reason: str, vehicles: frozenset[int]) -> None:
        """Let some vehicles begin no lap until `open`; who waits for one is told."""
        self.calls.off[reason] = vehicles
        for one in self._vehicles:
            if one.vehicle in vehicles:
                ahead = self.calls.ahead(one.run)
                self._tell(ahead, one.run, reason)
                self._cancelled(ahead, reason)

    def open(self, reason: str) -> None:
        """Let them begin laps again."""
        self.calls.off.pop(reason, None)

    def train_late(self, train_run: int, late_s: float) -> None:
        """Wait for a train if it is worth it, and remember those who miss the lap otherwise."""
        operation, calls = self._settings.operation, self.calls
        for call in [call for call, met in self._met.items() if met.run == train_run]:
            planned_s = self._met[call].depart_s
            ready_s = self._train_ready_s[call] = round_one_s(planned_s + late_s)
            if calls.gone[call]:
                self._miss(call)
            elif operation.kind == "meets_train" and ready_s <= planned_s + operation.hold_most_s:
                calls.announced_s[call] = max(ready_s, calls.announced_s.get(call, 0.0))
                calls.foretell(call, max(calls.leaves_s[call], ready_s))

    def finish(self) -> None:
        """Write how the laps went, if anything could differ from the plan."""
        if self._settings.as_planned and not self.calls.why:
            return
        for vehicle in range(self._fleet):
            self._unplug(vehicle, _NOWHERE, _NOWHERE)
        for call, lap in self._laps.items():
            run = self.calls.run[call]
            self._world.log.add(
                "laps", lap.planned_s, lap.vehicle, run, call - self.calls.starts[run], self._name, lap.end,
                lap.left_s, lap.held_s, lap.held_aboard, lap.saved, lap.missed,
            )  # fmt: skip
        self._laps = {}

    # A vehicle's day.

    def _operate(self, one: _Vehicle) -> Life:
        env, first = self._world.env, self.calls.starts[one.run]
        yield env.timeout(max(0.0, self.calls.arrives_s[first] - env.now))
        one.arrived_s = env.now
        for lap in self.calls.laps(one.run):
            if (yield from self._leave_terminal(one, lap)):
                yield from self._drive_round(one, lap)

    def _leave_terminal(self, one: _Vehicle, call: int) -> Generator[simpy.Event, Any, bool]:
        """Rest, load and leave; return whether the lap is driven."""
        env, calls = self._world.env, self.calls
        if call in calls.why:
            return False
        if one.back_s > env.now:
            yield env.timeout(one.back_s - env.now)
            one.arrived_s = env.now
        if one.back_s:
            one.back_s = 0.0
            self.batteries.plug(one.vehicle, env.now)
        yield at_moment(env, max(0.0, self._ready_s(one, call) - env.now), DEPARTURES_OF_VEHICLES)
        able = self.batteries.can_lap(one.vehicle, env.now)
        reason = calls.why.get(call) or calls.off_for(one.vehicle) or ("" if able else "low_battery")
        if reason:
            self._let_out(one, call, reason)
            self._cancel(one, range(call, call + calls.stops), reason)
            self._stay(one, call)
            return False
        self._unplug(one.vehicle, one.run, call)
        if one.since_call == _NOWHERE:
            one.since_s, one.since_call = one.arrived_s if call == calls.starts[one.run] else env.now, call
        yield from self._load(one, call)
        lap = self._laps[call]
        lap.left_s, lap.end, lap.vehicle = env.now, "driven", one.vehicle
        self._depart(one, call)
        self._miss(call)
        return True

    def _drive_round(self, one: _Vehicle, lap: int) -> Life:
        env, back = self._world.env, lap + self.calls.stops
        for call in range(lap + 1, back + 1):
            yield env.timeout(max(0.0, self.calls.arrives_s[call] - env.now))
            one.arrived_s = env.now
            one.alighted = one.aboard.pop(call, [])
            self._set_down(one, one.alighted, call, "")
            reason = "broken" if self._fails(one, call) else self._halted(one.vehicle)
            if reason:
                self._strand(one, call, back, reason)
                return
            if call < back:
                yield at_moment(env, max(0.0, self._ready_s(one, call) - env.now), DEPARTURES_OF_VEHICLES)
                yield from self._load(one, call)
                self._depart(one, call)
        self._come_back(one, back)

    def _load(self, one: _Vehicle, call: int) -> Life:
        """Take in who comes while others still board, and wait for a train."""
        env, calls = self._world.env, self.calls
        free_s, held_to_s, aboard = -1.0, -1.0, 0
        while True:
            ready_s = self._ready_s(one, call)
            until_s = max(ready_s, calls.announced_s.get(call, 0.0))
            if ready_s <= env.now and free_s < 0.0:
                free_s, aboard = env.now, one.riding + len(self._boarders(one, call)[0])
            if until_s <= env.now:
                break
            if until_s > ready_s:
                held_to_s = until_s
            if calls.leaves_s[call] < until_s:
                calls.foretell(call, until_s)
            yield at_moment(env, until_s - env.now, DEPARTURES_OF_VEHICLES)
        if held_to_s > free_s:
            lap, boarding = self._laps[call], self._boarders(one, call)[0]
            lap.held_s, lap.held_aboard = held_to_s - free_s, aboard
            lap.saved = sum(rider.since_s > calls.planned_s[call] for rider in boarding)

    def _ready_s(self, one: _Vehicle, call: int) -> float:
        """Return when a vehicle may leave: not before its time, nor before the doors are free."""
        settings, dwell, boarding = self._settings, self._settings.dwell, self._boarders(one, call)[0]
        ramp_s = settings.wheelchair.ramp_s if settings.wheelchair else 0.0
        doors_s = one.arrived_s + ramp_s * sum(rider.wheelchair for rider in one.alighted)
        if dwell is None:
            doors_s += settings.dwell_s
        elif one.alighted or boarding:
            doors_s += dwell.stop_s + dwell.person_s * len(one.alighted)
        for rider in boarding if dwell or ramp_s else ():
            busy_s = (dwell.person_s if dwell else 0.0) + (ramp_s if rider.wheelchair else 0.0)
            doors_s = max(doors_s, rider.since_s) + busy_s if busy_s else doors_s
        return max(self.calls.planned_s[call], round_one_s(doors_s))

    def _boarders(self, one: _Vehicle, call: int) -> tuple[list[Rider], list[Rider]]:
        """Return who of those waiting finds a place, in the order in which they came, and who does not."""
        waiting = self._waiting.get(call, [])
        room, needs = self._settings.seats - one.riding, self._settings.wheelchair
        if needs is None:
            return waiting[:room], waiting[room:]
        ramps = needs.places - one.wheelchairs
        boarding: list[Rider] = []
        left: list[Rider] = []
        for rider in waiting:
            fits = len(boarding) < room and (not rider.wheelchair or ramps > 0)
            ramps -= rider.wheelchair and fits
            (boarding if fits else left).append(rider)
        return boarding, left

    def _depart(self, one: _Vehicle, call: int) -> None:
        now_s = self._world.env.now
        boarding, left = self._boarders(one, call)
        self._waiting.pop(call, None)
        for rider in boarding:
            one.aboard.setdefault(rider.alight_call, []).append(rider._replace(boarded_s=now_s))
        one.riding += len(boarding)
        one.wheelchairs += sum(rider.wheelchair for rider in boarding)
        full = one.riding >= self._settings.seats
        for rider in left:
            rider.done.succeed(RunReader(None, call, "full" if full else "no_wheelchair_place"))
        self.calls.leave(call, now_s)
        self._log_call(one, call, len(boarding), len(left))

    def _come_back(self, one: _Vehicle, call: int) -> None:
        """End a lap: charge, see which laps cannot be made, and let out who rode for one of them."""
        calls, last = self.calls, call == self.calls.last(one.run)
        if self.batteries.followed or last:
            self._end_drive(one, call)
        self.batteries.plug(one.vehicle, self._world.env.now)
        if last:
            self._log_call(one, call, 0, 0)
            return
        for lap in range(call, calls.last(one.run), calls.stops):
            if not self.batteries.powered or self.batteries.can_lap(one.vehicle, calls.planned_s[lap]):
                break
            self._cancel(one, range(lap, lap + calls.stops), "low_battery")
        reason = calls.why.get(call) or calls.off_for(one.vehicle)
        if reason:
            self._let_out(one, call, reason)
        if call in calls.why:
            self._stay(one, call)

    def _stay(self, one: _Vehicle, call: int) -> None:
        """Stay at the terminal for a lap."""
        self._end_drive(one, call)
        if one.alighted:
            self._log_call(one, call, 0, 0)

    # Failures.

    def _halted(self, vehicle: int) -> str:
        """Return why a vehicle may not drive on, or nothing."""
        return next((reason for reason in HALTS if vehicle in self.calls.off.get(reason, ())), "")

    def _fails(self, one: _Vehicle, call: int) -> bool:
        """Return whether a vehicle fails on the way to a call; the chance goes with the distance."""
        failures = self._settings.breakdowns
        if failures is None:
            return False
        chance = failures.per_1000_km * (self.call_m[call] - self.call_m[call - 1]) / 1e6
        return self._failing.uniform(one.vehicle, one.run, call - self.calls.starts[one.run]) < chance

    def _strand(self, one: _Vehicle, call: int, back: int, reason: str) -> None:
        """End a lap at a stop on the way."""
        calls = self.calls
        self._end_drive(one, call)
        self._let_out(one, call, reason)
        left = self._cancel(one, range(call, back), reason)
        self._laps[back - calls.stops].end = reason
        self._log_call(one, call, 0, left)
        one.back_s = self._world.env.now + sum(calls.hop_s[calls.stop[step]] for step in range(call, back))
        if reason == "broken":
            self._replace(one)
        for lap in range(back, calls.last(one.run), calls.stops):
            if calls.planned_s[lap] >= one.back_s:
                break
            self._cancel(one, range(lap, lap + calls.stops), reason)

    def _replace(self, one: _Vehicle) -> None:
        """Send a spare vehicle to the terminal if there is one, else wait for the repair."""
        failures, now_s = self._settings.breakdowns, self._world.env.now
        assert failures is not None, "what failed had settings to fail by"
        ready = min((spare for spare in self._spares if spare[0] <= now_s), default=None)
        one.back_s = round_one_s(now_s + (failures.repair_s if ready is None else failures.spare_s))
        if ready is not None:
            self._spares.remove(ready)
            self._spares.append((now_s + failures.repair_s, one.vehicle))
            self.batteries.refill(one.vehicle)
            one.vehicle = self.calls.vehicle_of_run[one.run] = ready[1]

    def _cancel(self, one: _Vehicle, calls: range, reason: str) -> int:
        """Cancel calls, tell who waits or holds a promise, and return how many waited at the first."""
        waited = len(self._waiting.get(calls.start, ())) if calls else 0
        self.calls.cancel(calls, reason)
        if calls and calls.start in self._laps:
            self._laps[calls.start].end = reason
        self._tell(calls, one.run, reason)
        self._cancelled(calls, reason)
        return waited

    def _tell(self, calls: range, run: int, reason: str) -> None:
        riders = [(call, rider) for call in calls for rider in self._waiting.pop(call, ())]
        for call, rider in sorted(riders, key=lambda one: (self._alighting.uniform(one[1].person, run), one[1].person)):
            rider.done.succeed(RunReader(None, call, reason))

    def _let_out(self, one: _Vehicle, call: int, reason: str) -> None:
        """Set everyone down before their time."""
        riders = [rider for group in one.aboard.values() for rider in group]
        one.aboard.clear()
        self._set_down(one, riders, call, reason)
        one.alighted = one.alighted + riders

    def _set_down(self, one: _Vehicle, riders: list[Rider], call: int, reason: str) -> None:
        one.riding -= len(riders)
        one.wheelchairs -= sum(rider.wheelchair for rider in riders)
        # An order by event number would tie what one does next to who else exists.
        if len(riders) > 1:
            riders.sort(key=lambda rider: (self._alighting.uniform(rider.person, one.run), rider.person))
        for rider in riders:
            rider.done.succeed(RunReader(rider.boarded_s, call, reason, one.vehicle))

    def _miss(self, call: int) -> None:
        """Remember until when people come to the terminal whose train was too late for a lap."""
        ready_s, lap = self._train_ready_s.get(call, 0.0), self._laps[call]
        if lap.end == "driven" and ready_s > lap.left_s:
            self._missing.append((lap, ready_s))

    # What is written down.

    def _log_call(self, one: _Vehicle, call: int, boarded: int, left: int) -> None:
        self._world.log.add(
            "calls", self._world.env.now, one.vehicle, one.run, call - self.calls.starts[one.run], self._name,
            self._node[call], len(one.alighted), boarded, left, one.riding,
        )  # fmt: skip
        one.alighted = []

    def _end_drive(self, one: _Vehicle, call: int) -> None:
        """Write a drive from where it began to a call, and take its energy."""
        begin, first = one.since_call, self.calls.starts[one.run]
        one.since_call = _NOWHERE
        if begin in (_NOWHERE, call):
            return
        distance_m = self.call_m[call] - self.call_m[begin]
        self.batteries.drive(one.vehicle, distance_m / 1000.0)
        self._world.log.add(
            "moves", one.since_s, one.vehicle, one.run, begin - first, self._name, "run", self._node[begin],
            self._node[call], self._world.env.now, distance_m, self.batteries.charge[one.vehicle],
        )  # fmt: skip

    def _unplug(self, vehicle: int, run: int, call: int) -> None:
        now_s = self._world.env.now
        charged = self.batteries.unplug(vehicle, now_s)
        if charged is not None:
            step = call - self.calls.starts[run] if run != _NOWHERE else _NOWHERE
            self._world.log.add(
                "moves", charged.since_s, vehicle, run, step, self._name, "charge", self._node[0], self._node[0],
                now_s, 0.0, charged.charge,
            )  # fmt: skip
