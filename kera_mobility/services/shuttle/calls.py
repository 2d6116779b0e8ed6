"""The calls of a loop's vehicles as they are predicted: when each is left at the earliest, and which are not made.

Calls are numbered through all runs, C of them; a run is one vehicle's day. What is predicted is never later than what
happens, so nobody who relies on it comes too late.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from kera_mobility.services.shuttle.timetable import LoopDay


class LoopRide(NamedTuple):
    """A ride between two calls of one run, as it is predicted now."""

    board_call: int
    alight_call: int
    depart_s: float
    ride_s: float


class LoopCalls:
    """The state of every call, as everyone may know it."""

    def __init__(self, day: LoopDay, fleet: int, least_dwell_s: float) -> None:
        """Prepare for a fleet of vehicles; one that is late stands at a stop for `least_dwell_s` at least."""
        timetable = day.timetable
        self._least_dwell_s, self._fleet = least_dwell_s, frozenset(range(fleet))
        self.stops = day.loop.stops
        self.starts: list[int] = timetable.run_start.tolist()
        self.planned_s: list[float] = timetable.call_depart_s.tolist()
        """Departures by the timetable, (C,)."""
        self.leaves_s = list(self.planned_s)
        """Earliest departures, (C,)."""
        self.arrives_s: list[float] = timetable.call_arrive_s.tolist()
        self.stop: list[int] = timetable.call_stop.tolist()
        self.run: list[int] = timetable.call_run.tolist()
        self.hop_s: list[float] = day.loop.hop_s.tolist()
        self.is_past = bytearray(len(self.stop))
        """Calls that were left or will not be made, (C,)."""
        self.cancelled: dict[int, str] = {}
        """Why calls are not made."""
        self._late_s = [0.0] * (len(self.starts) - 1)
        """How late each run is at most from now on, (R,)."""
        self.vehicle_of_run = list(day.vehicle_of_run)
        self.held_until_s: dict[int, float] = {}
        """Until when vehicles have said that they wait, by call; it is kept."""
        self.withdrawn: dict[str, frozenset[int]] = {}
        """Vehicles that begin no lap, by reason."""
        self._rides: dict[tuple[int, int], tuple[list[float], list[tuple[int, int]]]] = {}

    def last(self, run: int) -> int:
        """Return the last call of a run, where nobody boards."""
        return self.starts[run + 1] - 1

    def laps(self, run: int) -> range:
        """Return the first calls of a run's laps."""
        return range(self.starts[run], self.last(run), self.stops)

    def ahead(self, run: int) -> range:
        """Return the calls of the laps of a run that have not begun."""
        return range(next((call for call in self.laps(run) if not self.is_past[call]), self.last(run)), self.last(run))

    def departures(self, board: int, alight: int, ready_s: float) -> Iterator[LoopRide]:
        """Yield the rides between two stops that can be caught, the next first."""
        departs_s, calls = self._rides.get((board, alight)) or self._list_rides(board, alight)
        for row in range(bisect_left(departs_s, ready_s - max(self._late_s, default=0.0)), len(calls)):
            call, end = calls[row]
            leaves_s = self.leaves_s[call]
            if leaves_s < ready_s or self._is_cut(call, end):
                continue
            yield LoopRide(call, end, leaves_s, self.arrives_s[end] - leaves_s)

    def _is_cut(self, board_call: int, alight_call: int) -> bool:
        """Return whether a ride will not be made as things are."""
        is_cancelled = bool(self.cancelled) and any(call in self.cancelled for call in range(board_call, alight_call))
        return is_cancelled or bool(self.withdrawal(alight_call - 1))

    def predict(self, call: int, leaves_s: float) -> None:
        """Set when a call is left, and the earliest times of what follows in the run."""
        run = self.run[call]
        last = self.last(run)
        self.leaves_s[call] = leaves_s
        self._late_s[run] = max(self._late_s[run], leaves_s - self.planned_s[call])
        for step in range(call + 1, last + 1):
            if step < last and self.is_past[step]:
                break
            arrives_s = leaves_s + self.hop_s[self.stop[step - 1]]
            leaves_s = max(self.planned_s[step], arrives_s + self._least_dwell_s) if step < last else arrives_s
            leaves_s = max(leaves_s, self.held_until_s.get(step, 0.0))
            if (arrives_s, leaves_s) == (self.arrives_s[step], self.leaves_s[step]):
                break
            self.arrives_s[step], self.leaves_s[step] = arrives_s, leaves_s

    def leave(self, call: int, now_s: float) -> None:
        """Note that a vehicle leaves a call now."""
        self.is_past[call] = 1
        self._late_s[self.run[call]] = now_s - self.planned_s[call]
        if now_s != self.leaves_s[call] or self.arrives_s[call + 1] != now_s + self.hop_s[self.stop[call]]:
            self.predict(call, now_s)

    def cancel(self, calls: range, reason: str) -> None:
        """Note that calls will not be made."""
        for call in calls:
            self.is_past[call], self.cancelled[call] = 1, reason

    # Vehicles that begin no lap as things are.

    def closed(self) -> str:
        """Return why no vehicle begins a lap, or nothing."""
        return next((reason for reason, vehicles in self.withdrawn.items() if vehicles >= self._fleet), "")

    def withdrawn_for(self, vehicle: int) -> str:
        """Return why a vehicle begins no lap, or nothing."""
        return next((reason for reason, vehicles in self.withdrawn.items() if vehicle in vehicles), "")

    def withdrawal(self, call: int) -> str:
        """Return why the lap of a call will not begin, or nothing."""
        if not self.withdrawn:
            return ""
        run = self.run[call]
        first = call - (call - self.starts[run]) % self.stops
        return "" if self.is_past[first] else self.withdrawn_for(self.vehicle_of_run[run])

    def _list_rides(self, board: int, alight: int) -> tuple[list[float], list[tuple[int, int]]]:
        """Return planned departures, rising, and the calls of every ride between two stops."""
        step, rides = (alight - board) % self.stops, []
        for run in range(len(self.starts) - 1) if step else ():
            last = self.last(run)
            for call in range(self.starts[run] + board, last - step + 1, self.stops):
                rides.append((self.planned_s[call], call, call + step))
        rides.sort()
        self._rides[board, alight] = [ride[0] for ride in rides], [ride[1:] for ride in rides]
        return self._rides[board, alight]
