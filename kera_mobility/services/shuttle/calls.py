"""The calls of a loop's vehicles as they are foretold: when each is left at the earliest, and which are not made.

Calls are numbered through all runs, C of them; a run is one vehicle's day. What is foretold is never later than what
happens, so nobody who relies on it comes too late.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import simpy

from kera_mobility.services.shuttle.loop import Loop, Met
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import FloatArray


@dataclass(frozen=True)
class LoopPlan:
    """What is to be run; R runs, C calls."""

    loop: Loop
    timetable: Timetable
    vehicle_of_run: list[int]
    call_node: list[int]
    call_m: FloatArray
    """Distance from the start of its run to each call, (C,)."""
    met: Mapping[int, Met]
    """The train that a lap meets, by the lap's first call."""
    vehicles: int
    """All of them, those that stand by too."""


class Trip(NamedTuple):
    """A ride between two calls of one run, as it is foretold now."""

    board_call: int
    alight_call: int
    depart_s: float
    ride_s: float


class RunReader(NamedTuple):
    """What became of somebody who waited at a stop."""

    boarded_s: float | None
    """None if the rider was not taken along."""
    call: int
    """Where the rider is now: the call of alighting, or that of waiting."""
    reason: str = ""
    """Why that is not where the rider wanted to be."""
    vehicle: int = -1
    """Of the ride."""


class Rider(NamedTuple):
    """Someone who waits for one call of one run, or rides towards another."""

    person: int
    alight_call: int
    wheelchair: bool
    since_s: float
    done: simpy.Event
    """Succeeds with `RunReader`."""
    boarded_s: float = 0.0


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


class LoopCalls:
    """The state of every call, as everyone may know it."""

    def __init__(self, plan: LoopPlan, least_dwell_s: float) -> None:
        """Prepare; a vehicle that is late stands at a stop for `least_dwell_s` at least."""
        timetable = plan.timetable
        self._vehicles, self._least_dwell_s = plan.vehicles, least_dwell_s
        self.stops = plan.loop.stops
        self.starts: list[int] = timetable.run_start.tolist()
        self.planned_s: list[float] = timetable.call_depart_s.tolist()
        """Departures by the timetable, (C,)."""
        self.leaves_s = list(self.planned_s)
        """Earliest departures, (C,)."""
        self.arrives_s: list[float] = timetable.call_arrive_s.tolist()
        self.stop: list[int] = timetable.call_stop.tolist()
        self.run: list[int] = timetable.call_run.tolist()
        self.hop_s: list[float] = plan.loop.hop_s.tolist()
        self.gone = bytearray(len(self.stop))
        """Calls that were left or will not be made, (C,)."""
        self._cancelled = bytearray(len(self.stop))
        self.why: dict[int, str] = {}
        """Why calls are not made."""
        self.late_s = [0.0] * (len(self.starts) - 1)
        """How late each run is at most from now on, (R,)."""
        self.vehicle_of_run = list(plan.vehicle_of_run)
        self.announced_s: dict[int, float] = {}
        """Until when vehicles have said that they wait, by call; it is kept."""
        self.off: dict[str, frozenset[int]] = {}
        """Vehicles that begin no lap, by reason."""
        self._rides: dict[tuple[int, int], tuple[list[float], list[tuple[int, int]]]] = {}

    def last(self, run: int) -> int:
        """Return the last call of a run, where nobody boards."""
        return self.starts[run + 1] - 1

    def laps(self, run: int) -> range:
        """Return the first calls of a run's laps."""
        return range(self.starts[run], self.last(run), self.stops)

    def departures(self, board: int, alight: int, ready_s: float) -> Iterator[Trip]:
        """Yield the rides between two stops that can be caught, the next first."""
        departs_s, calls = self._rides.get((board, alight)) or self._list_rides(board, alight)
        for row in range(bisect_left(departs_s, ready_s - max(self.late_s, default=0.0)), len(calls)):
            call, end = calls[row]
            leaves_s = self.leaves_s[call]
            if leaves_s < ready_s or 1 in self._cancelled[call:end] or (self.off and self.shut_out(end - 1)):
                continue
            yield Trip(call, end, leaves_s, self.arrives_s[end] - leaves_s)

    def foretell(self, call: int, leaves_s: float) -> None:
        """Set when a call is left, and the earliest times of what follows in the run."""
        run = self.run[call]
        last = self.last(run)
        self.leaves_s[call] = leaves_s
        self.late_s[run] = max(self.late_s[run], leaves_s - self.planned_s[call])
        for step in range(call + 1, last + 1):
            if step < last and self.gone[step]:
                break
            arrives_s = leaves_s + self.hop_s[self.stop[step - 1]]
            leaves_s = max(self.planned_s[step], arrives_s + self._least_dwell_s) if step < last else arrives_s
            leaves_s = max(leaves_s, self.announced_s.get(step, 0.0))
            if (arrives_s, leaves_s) == (self.arrives_s[step], self.leaves_s[step]):
                break
            self.arrives_s[step], self.leaves_s[step] = arrives_s, leaves_s

    def leave(self, call: int, now_s: float) -> None:
        """Note that a vehicle leaves a call now."""
        self.gone[call] = 1
        self.late_s[self.run[call]] = now_s - self.planned_s[call]
        if now_s != self.leaves_s[call] or self.arrives_s[call + 1] != now_s + self.hop_s[self.stop[call]]:
            self.foretell(call, now_s)

    def cancel(self, calls: range, reason: str) -> None:
        """Note that calls will not be made."""
        for call in calls:
            self.gone[call], self._cancelled[call], self.why[call] = 1, 1, reason

    def ahead(self, run: int) -> range:
        """Return the calls of the laps of a run that have not begun."""
        return range(next((call for call in self.laps(run) if not self.gone[call]), self.last(run)), self.last(run))

    def has_left(self, call: int) -> bool:
        """Return whether a vehicle has left a call, with whoever boarded."""
        return bool(self.gone[call]) and call not in self.why

    def closed(self) -> str:
        """Return why no vehicle begins a lap, or nothing."""
        everyone = range(self._vehicles)
        return next((reason for reason, shut in self.off.items() if shut.issuperset(everyone)), "")

    def shut_out(self, call: int) -> str:
        """Return why the lap of a call will not begin as things are, or nothing."""
        run = self.run[call]
        first = call - (call - self.starts[run]) % self.stops
        return "" if self.gone[first] else self.off_for(self.vehicle_of_run[run])

    def off_for(self, vehicle: int) -> str:
        """Return why a vehicle begins no lap as things are, or nothing."""
        return next((reason for reason, shut in self.off.items() if vehicle in shut), "")

    def _list_rides(self, board: int, alight: int) -> tuple[list[float], list[tuple[int, int]]]:
        """Return planned departures, rising, and the calls of every ride between two stops."""
        step, found = (alight - board) % self.stops, []
        for run in range(len(self.starts) - 1):
            calls = range(self.starts[run] + board, self.last(run), self.stops) if step else ()
            found += [(self.planned_s[call], call, call + step) for call in calls if call + step <= self.last(run)]
        found.sort()
        listed = [depart_s for depart_s, _, _ in found], [(call, end) for _, call, end in found]
        self._rides[board, alight] = listed
        return listed
