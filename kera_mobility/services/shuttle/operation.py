"""The vehicles of a shuttle under way: they rest, load, wait for a train, drive, break down and are replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import simpy

from kera_mobility.services.reasons import FULL, GONE, LOW_BATTERY
from kera_mobility.services.shuttle.battery import Batteries
from kera_mobility.services.shuttle.calls import LoopCalls
from kera_mobility.services.shuttle.reasons import NO_WHEELCHAIR_PLACE
from kera_mobility.services.shuttle.settings import MeetsTrain, ShuttleSettings, WheelchairPlace
from kera_mobility.services.shuttle.timetable import LoopDay
from kera_mobility.services.stops.operation import NOWHERE, Life, StopOperation, VehicleRun
from kera_mobility.services.world import World
from kera_mobility.units import round_one_s

ENDS_LAPS = ("closed", "closed_street", "snow")
"""Reasons for which vehicles end their lap at the next stop, and do not only begin no other."""

OnCancelled = Callable[[range, str], None]
"""Called with the calls of a run that will not be made, and why."""


@dataclass
class LapRecord:
    """How a lap went, for the table of laps."""

    planned_s: float
    vehicle: int
    left_s: float = float("nan")
    held_s: float = 0.0
    held_aboard: int = 0
    saved: int = 0
    missed: int = 0
    end: str = "not_due"


class ShuttleOperation(StopOperation):
    """The runs of a loop on one day, each the laps of one vehicle."""

    def __init__(self, name: str, day: LoopDay, settings: ShuttleSettings, on_cancelled: OnCancelled) -> None:
        calls = self.calls = LoopCalls(day, settings.fleet, 0.0 if settings.dwell else settings.dwell_s)
        super().__init__(name, calls.starts, day.vehicle_of_run, day.call_node, day.call_m)
        self._settings, self._on_cancelled, self._fleet = settings, on_cancelled, settings.fleet
        self.batteries = Batteries(settings.battery, settings.energy_factor, settings.fleet, day.loop.lap_m / 1000.0)
        self._wheelchair = settings.wheelchair or WheelchairPlace(places=0)
        self._person_s = settings.dwell.person_s if settings.dwell else 0.0
        self._trains = day.train_of_call
        self._train_ready_s: dict[int, float] = {}
        """When the passengers of a late train will have come over, by the first call of the lap that meets it."""
        self._missing: list[tuple[LapRecord, float]] = []
        self._spares = [(-inf, vehicle) for vehicle in range(settings.vehicles, settings.fleet)]
        self._back_s: dict[int, float] = {}
        """When a vehicle that ended its lap on the way is at the terminal again, by run."""
        self._laps = {
            call: LapRecord(calls.planned_s[call], run.vehicle) for run in self._runs for call in calls.laps(run.run)
        }

    def start(self, world: World) -> None:
        """Begin to operate: a process for each run."""
        self._breakdowns = world.dice.at("breakdown", self._service)
        super().start(world)

    def wait_for(self, board_call: int, alight_call: int, person: int, wheelchair: bool = False) -> simpy.Event:
        """Return the event of a ride, as every operation; count who comes to the terminal too late for a lap."""
        if self.calls.stop[board_call] == 0:
            now_s = self._world.env.now
            missed = next((lap for lap, until_s in self._missing if lap.left_s < now_s <= until_s), None)
            if missed:
                missed.missed += 1
        return super().wait_for(board_call, alight_call, person, wheelchair)

    # Notices.

    def withdraw(self, reason: str, vehicles: frozenset[int]) -> None:
        """Let some vehicles begin no lap until `restore`, and turn away who waits for one."""
        self.calls.withdrawn[reason] = vehicles
        for run in self._runs:
            if run.vehicle in vehicles:
                self._announce_cancelled(run, self.calls.ahead(run.run), reason)

    def restore(self, reason: str) -> None:
        """Let them begin laps again."""
        self.calls.withdrawn.pop(reason, None)

    def meet_late_train(self, train_run: int, late_s: float) -> None:
        """Wait for a train if it is worth it, and remember those who miss the lap otherwise."""
        operation, calls = self._settings.operation, self.calls
        for call in [call for call, train in self._trains.items() if train.run == train_run]:
            planned_s = self._trains[call].depart_s
            ready_s = self._train_ready_s[call] = round_one_s(planned_s + late_s)
            if calls.is_past[call]:
                self._note_missed(call)
            elif isinstance(operation, MeetsTrain) and ready_s <= planned_s + operation.hold_most_s:
                calls.held_until_s[call] = max(ready_s, calls.held_until_s.get(call, ready_s))
                calls.predict(call, max(calls.leaves_s[call], ready_s))

    def finish(self) -> None:
        """Log how the laps went, if anything could differ from the plan."""
        calls = self.calls
        if self._settings.as_planned and not calls.cancelled:
            return
        for vehicle in range(self._fleet):
            self._unplug(vehicle, NOWHERE, NOWHERE)
        for call, lap in self._laps.items():
            run = calls.run[call]
            self._world.log.add(
                "laps", lap.planned_s, lap.vehicle, run, call - calls.starts[run], self._service, lap.end,
                lap.left_s, lap.held_s, lap.held_aboard, lap.saved, lap.missed,
            )  # fmt: skip

    # A vehicle's day.

    def _operate(self, run: VehicleRun) -> Life:
        env = self._world.env
        yield env.timeout(max(0.0, self.calls.arrives_s[self._starts[run.run]] - env.now))
        run.arrived_s = env.now
        for lap in self.calls.laps(run.run):
            if lap not in self.calls.cancelled:
                yield from self._make_lap(run, lap)

    def _make_lap(self, run: VehicleRun, call: int) -> Life:
        """Rest, load, leave and drive a lap, unless something keeps the vehicle at the terminal."""
        env, calls = self._world.env, self.calls
        if run.run in self._back_s:
            yield from self._return_from_repair(run)
        yield self._after_everyone(self._doors_free_s(run, call))
        can_lap = self.batteries.can_lap(run.vehicle, env.now)
        reason = calls.withdrawn_for(run.vehicle) or ("" if can_lap else LOW_BATTERY)
        if reason:
            self._set_all_down(run, call, reason)
            self._cancel(run, range(call, call + calls.stops), reason)
            self._stay(run, call)
            return
        self._unplug(run.vehicle, run.run, call)
        if run.since_call == NOWHERE:
            run.since_s, run.since_call = run.arrived_s if call == self._starts[run.run] else env.now, call
        yield from self._load(run, call)
        self._note_hold(run, call)
        lap = self._laps[call]
        lap.left_s, lap.end, lap.vehicle = env.now, "driven", run.vehicle
        self._depart(run, call)
        self._note_missed(call)
        yield from self._drive_lap(run, call)

    def _return_from_repair(self, run: VehicleRun) -> Life:
        env = self._world.env
        yield env.timeout(self._back_s.pop(run.run) - env.now)
        run.arrived_s = env.now
        self.batteries.plug(run.vehicle, env.now)

    def _drive_lap(self, run: VehicleRun, lap: int) -> Life:
        env, back = self._world.env, lap + self.calls.stops
        for call in range(lap + 1, back + 1):
            yield env.timeout(self.calls.arrives_s[call] - env.now)
            self._arrive(run, call)
            reason = "broken" if self._breaks_down(run, call) else self._must_end(run.vehicle)
            if reason:
                self._strand(run, call, back, reason)
                return
            if call < back:
                yield self._after_everyone(self._doors_free_s(run, call))
                yield from self._load(run, call)
                self._depart(run, call)
        self._come_back(run, back)

    def _leaves_s(self, run: VehicleRun, call: int) -> float:
        """Return when the doors are free; then until when a train is waited for. People board until it leaves."""
        now_s, doors_free_s = self._world.env.now, self._doors_free_s(run, call)
        held_until_s = self.calls.held_until_s.get(call, doors_free_s)
        self.calls.predict(call, max(doors_free_s, held_until_s))
        if doors_free_s > now_s:
            return doors_free_s
        run.ready_s = min(run.ready_s, now_s)
        return held_until_s

    def _doors_free_s(self, run: VehicleRun, call: int) -> float:
        """Return when a vehicle may leave: not before its time, nor before everybody has alighted and boarded."""
        settings, dwell, boarding = self._settings, self._settings.dwell, self._boarders(run, call)[0]
        ramp_s = self._wheelchair.ramp_s
        doors_s = run.arrived_s + ramp_s * sum(rider.wheelchair for rider in run.alighted)
        if dwell is None:
            doors_s += settings.dwell_s
        elif run.alighted or boarding:
            doors_s += dwell.stop_s + dwell.person_s * len(run.alighted)
        for rider in boarding:
            busy_s = self._person_s + ramp_s * rider.wheelchair
            doors_s = max(doors_s, rider.since_s) + busy_s if busy_s else doors_s
        return max(self.calls.planned_s[call], round_one_s(doors_s))

    def _room(self, run: VehicleRun, call: int) -> int:
        return self._settings.seats - run.riding

    def _wheelchair_room(self, run: VehicleRun) -> int:
        return self._wheelchair.places - run.wheelchairs

    def _denial(self, run: VehicleRun, call: int) -> str:
        return FULL if self._room(run, call) <= 0 else NO_WHEELCHAIR_PLACE

    def _not_served(self, call: int) -> str:
        if self.calls.is_past[call]:
            return self.calls.cancelled.get(call, GONE)
        return self.calls.withdrawal(call)

    def _depart(self, run: VehicleRun, call: int) -> None:
        super()._depart(run, call)
        self.calls.leave(call, self._world.env.now)

    def _come_back(self, run: VehicleRun, call: int) -> None:
        """End a lap: charge, see which laps cannot be made, and let out who rode for one of them."""
        calls, last = self.calls, self.calls.last(run.run)
        if self.batteries.followed or call == last:
            self._end_drive(run, call)
        self.batteries.plug(run.vehicle, self._world.env.now)
        if call == last:
            self._log_call(run, call, 0, 0)
        for lap in range(call, last, calls.stops):
            if not self.batteries.powered or self.batteries.can_lap(run.vehicle, calls.planned_s[lap]):
                break
            self._cancel(run, range(lap, lap + calls.stops), LOW_BATTERY)
        reason = calls.cancelled.get(call) or calls.withdrawn_for(run.vehicle)
        if reason:
            self._set_all_down(run, call, reason)
        if call in calls.cancelled:
            self._stay(run, call)

    def _stay(self, run: VehicleRun, call: int) -> None:
        """Stay at the terminal for a lap."""
        self._end_drive(run, call)
        if run.alighted:
            self._log_call(run, call, 0, 0)

    # Failures.

    def _must_end(self, vehicle: int) -> str:
        """Return why a vehicle may not drive on, or nothing."""
        return next((reason for reason in ENDS_LAPS if vehicle in self.calls.withdrawn.get(reason, ())), "")

    def _breaks_down(self, run: VehicleRun, call: int) -> bool:
        """Return whether a vehicle breaks down on the way to a call; the chance goes with the distance."""
        settings, hop_m = self._settings.breakdowns, self.call_m[call] - self.call_m[call - 1]
        draw = self._breakdowns.uniform(run.vehicle, run.run, call - self._starts[run.run])
        return settings is not None and draw < settings.per_1000_km * hop_m / 1e6

    def _strand(self, run: VehicleRun, call: int, back: int, reason: str) -> None:
        """End a lap at a stop on the way."""
        calls = self.calls
        self._end_drive(run, call)
        self._set_all_down(run, call, reason)
        left_behind = len(self._waiting.get(call, ())) if call < back else 0
        self._cancel(run, range(call, back), reason)
        self._laps[back - calls.stops].end = reason
        self._log_call(run, call, 0, left_behind)
        drives_s = sum(calls.hop_s[calls.stop[step]] for step in range(call, back))
        back_s = self._replace(run) if reason == "broken" else self._world.env.now + drives_s
        self._back_s[run.run] = back_s
        for lap in range(back, calls.last(run.run), calls.stops):
            if calls.planned_s[lap] >= back_s:
                break
            self._cancel(run, range(lap, lap + calls.stops), reason)

    def _replace(self, run: VehicleRun) -> float:
        """Send a spare vehicle if there is one, else wait for the repair; return when it is at the terminal, s."""
        settings, now_s = self._settings.breakdowns, self._world.env.now
        assert settings is not None, "what broke down had settings for it"
        spare = min((spare for spare in self._spares if spare[0] <= now_s), default=None)
        if spare is None:
            return now_s + round_one_s(settings.repair_s)
        self._spares.remove(spare)
        self._spares.append((now_s + settings.repair_s, run.vehicle))
        self.batteries.refill(run.vehicle)
        run.vehicle = self.calls.vehicle_of_run[run.run] = spare[1]
        return now_s + round_one_s(settings.spare_s)

    def _cancel(self, run: VehicleRun, calls: range, reason: str) -> None:
        """Cancel calls, and let those know who wait or have a reservation."""
        self.calls.cancel(calls, reason)
        if calls and calls.start in self._laps:
            self._laps[calls.start].end = reason
        self._announce_cancelled(run, calls, reason)

    def _announce_cancelled(self, run: VehicleRun, calls: range, reason: str) -> None:
        self._turn_away(self._by_dice(self._end_waits(calls), run.run), reason)
        self._on_cancelled(calls, reason)

    # Late trains.

    def _note_hold(self, run: VehicleRun, call: int) -> None:
        """Note how long a lap was held for a train, who was aboard, and whom it saved a later lap."""
        held_s = self.calls.held_until_s.get(call, run.ready_s) - run.ready_s
        if held_s > 0.0:
            lap, boarding = self._laps[call], self._boarders(run, call)[0]
            lap.held_s, lap.saved = held_s, sum(rider.since_s > self.calls.planned_s[call] for rider in boarding)
            lap.held_aboard = run.riding + sum(rider.since_s <= run.ready_s for rider in boarding)

    def _note_missed(self, call: int) -> None:
        """Note until when people come to the terminal whose train was too late for a lap."""
        lap = self._laps[call]
        if call in self._train_ready_s and lap.end == "driven":
            self._missing.append((lap, self._train_ready_s[call]))

    # The log.

    def _end_drive(self, run: VehicleRun, call: int) -> None:
        """Log a drive to a call, if there is one, and take its energy."""
        if run.since_call not in (NOWHERE, call):
            self.batteries.drive(run.vehicle, (self.call_m[call] - self.call_m[run.since_call]) / 1000.0)
            self._log_drive(run, call, self.batteries.charge[run.vehicle])
        run.since_call = NOWHERE

    def _unplug(self, vehicle: int, run: int, call: int) -> None:
        now_s = self._world.env.now
        charged = self.batteries.unplug(vehicle, now_s)
        if charged is not None:
            step = call - self._starts[run] if run != NOWHERE else NOWHERE
            terminal = self.call_node[0]
            self._world.log.add(
                "moves", charged.since_s, vehicle, run, step, self._service, "charge", terminal, terminal, now_s,
                0.0, charged.charge,
            )  # fmt: skip
