"""The runs of timetabled lines on one day: on time, or late, held, slowed by who boards, and part full already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import simpy

from kera_mobility.services.notices import RunLate
from kera_mobility.services.reasons import CANCELLED, GONE
from kera_mobility.services.stops.operation import Life, StopOperation, VehicleRun
from kera_mobility.services.world import World
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import MINUTE_S, BoolArray, FloatArray, IntArray, round_one_s

Hold = Callable[[int, int], float]
"""Asked with run and call when a vehicle is about to leave: until when it waits, s; the past means not at all. Asked
again at that moment, so who answers keeps the limit."""


class MinimumDwell(NamedTuple):
    """How long a vehicle stands at a stop at least; it replaces the planned dwell of who must not leave earlier."""

    doors_s: float
    """Doors open and close."""
    board_s: float = 0.0
    """More for each person who boards: seconds per person and door over the number of doors."""
    alight_s: float = 0.0
    """More for each person who alights."""


@dataclass(frozen=True)
class RunConditions:
    """How the runs of a day differ from their timetable, R runs and C calls; by default they do not."""

    late_s: FloatArray | None = None
    """How late each run leaves its first stop, (R,), at least 0, in steps of 1/64 s."""
    recovery: float = 0.0
    """Part of the time between two stops that a late vehicle makes up, 0 to 1."""
    cancelled: BoolArray | None = None
    """Runs that never start, (R,)."""
    dwells: Sequence[MinimumDwell] | None = None
    """Of each run's vehicle, (R,)."""
    hold: Hold | None = None
    background_load: IntArray | None = None
    """Places that people from beyond the model take on leaving each call, (C,)."""
    seats: IntArray | None = None
    """Seats of each run's vehicle, (R,)."""
    notice_late_s: float = inf
    """A run that is later than this is a public notice, once."""
    logged: bool = False
    """Whether the table `running` is kept."""


class TransitOperation(StopOperation):
    """The runs of a timetable under way."""

    def __init__(
        self, service: str, timetable: Timetable, places: IntArray, call_node: IntArray, call_m: FloatArray,
        conditions: RunConditions,
    ) -> None:  # fmt: skip
        """Prepare the runs, each by a vehicle of its own.

        Parameters
        ----------
        places
            Seats and standing room of each run's vehicle, (R,).
        call_node
            Street node of each call, (C,).
        call_m
            Distance from the start of the run to each call, (C,).
        """
        runs = range(timetable.runs)
        super().__init__(service, timetable.run_start.tolist(), runs, call_node.tolist(), call_m.tolist())
        self._conditions = conditions
        self._line = [timetable.line_name[line] for line in timetable.run_line.tolist()]
        self._type: list[int] = timetable.line_type[timetable.run_line].tolist()
        self._call_run: list[int] = timetable.call_run.tolist()
        self._arrive_s: list[float] = timetable.call_arrive_s.tolist()
        self._depart_s: list[float] = timetable.call_depart_s.tolist()
        self._places: list[int] = places.tolist()
        load, seats, late_s = conditions.background_load, conditions.seats, conditions.late_s
        self._background_load: list[int] = [0] * len(self._depart_s) if load is None else load.tolist()
        self._seats: list[int] = self._places if seats is None else seats.tolist()
        self._late_s: list[float] = [0.0] * len(runs) if late_s is None else late_s.tolist()
        """How late each run is at its last or next departure, (R,)."""
        self._posted_late: set[int] = set()
        cancelled = [] if conditions.cancelled is None else conditions.cancelled.nonzero()[0].tolist()
        self._ends: dict[int, str] = dict.fromkeys(cancelled, CANCELLED)
        self._following: list[int] = timetable.run_next.tolist()
        self._coming: dict[int, simpy.Event] = {}
        """For each run that its vehicle comes to from another with riders aboard: when it has come, or will not."""

    # What happens to runs.

    def end_run(self, run: int, reason: str) -> None:
        """Have a run end at its next call, or never start: riders alight there, who waits is left, with the reason."""
        if run not in self._ends:
            self._ends[run] = reason
            self._turn_away(self._end_waits(range(self._starts[run], self._starts[run + 1])), reason)

    def reopen(self, runs: Iterable[int], reason: str) -> None:
        """Let those of some runs operate that were ended for this reason before they began, and are not due yet."""
        now_s = self._world.env.now
        for run in runs:
            if self._ends.get(run) == reason and self._arrive_s[self._starts[run]] > now_s:
                del self._ends[run]

    def has_ended(self, run: int) -> bool:
        """Return whether a run was ended before its time, or never starts."""
        return run in self._ends

    def ended_runs(self, reason: str = "") -> list[int]:
        """Return the runs that were ended before their time or do not start, for one reason or any, by number."""
        return sorted(run for run, end in self._ends.items() if reason in ("", end))

    # A run.

    def start(self, world: World) -> None:
        """Begin to operate: a process for each run."""
        self._coming = {run: simpy.Event(world.env) for run in self._following if run >= 0}
        super().start(world)

    def _operate(self, run: VehicleRun) -> Life:
        yield from self._make_calls(run)
        if self._following[run.run] in self._coming:
            self._coming[self._following[run.run]].succeed()

    def _make_calls(self, run: VehicleRun) -> Life:
        """Make the calls of a run, the first when its vehicle has come from the run before."""
        env, number = self._world.env, run.run
        first, last = self._starts[number], self._starts[number + 1] - 1
        for call in range(first, last + 1):
            yield env.timeout(max(0.0, self._reaches_s(number, call) - env.now))
            if call == first:
                if number in self._coming:
                    yield self._coming[number]
                if number in self._ends:
                    self._log_running(run, first, 0.0)
                    return
                run.since_s, run.since_call = env.now, first
            self._arrive(run, call)
            held_s = 0.0
            if call < last and number not in self._ends:
                yield from self._stand(run, call)
                held_s = env.now - run.ready_s
            if number in self._ends:
                last = call
                self._set_all_down(run, call, self._ends[number])
            following = self._runs[self._following[number]] if call == last and run.riding else None
            if following and following.run in self._ends:
                self._set_all_down(run, call, self._ends[following.run])
            self._depart(run, call)
            self._log_running(run, call, held_s)
            if call == last:
                self._log_drive(run, call)
                if following:
                    following.aboard, following.riding = run.aboard, run.riding
                return

    def _not_served(self, call: int) -> str:
        return GONE if self._departed[call] else self._ends.get(self._call_run[call], "")

    def _room(self, run: VehicleRun, call: int) -> int:
        return self._places[run.run] - self._background_load[call] - run.riding

    def _reaches_s(self, run: int, call: int) -> float:
        """Return when a run comes to its next call: as late as it left, less what it makes up on the way."""
        late_s = self._late_s[run]
        if call == self._starts[run] or not late_s:
            return self._arrive_s[call]
        hop_s = self._arrive_s[call] - self._depart_s[call - 1]
        return self._arrive_s[call] + remaining_delay_s(late_s, hop_s, self._conditions.recovery)

    def _stand(self, run: VehicleRun, call: int) -> Life:
        """Stay at a stop until the timetable, the people who board and those who come from other runs let it go."""
        leave_s = self._planned_leave_s(run, call)
        self._post_late(run.run, call, leave_s - self._depart_s[call])
        yield self._after_everyone(leave_s)
        yield from self._load(run, call)
        self._late_s[run.run] = max(0.0, self._world.env.now - self._depart_s[call])

    def _planned_leave_s(self, run: VehicleRun, call: int) -> float:
        """Return when a run may leave a call, before anybody boards."""
        planned_s = self._depart_s[call]
        if call == self._starts[run.run]:
            return planned_s + self._late_s[run.run]
        dwells = self._conditions.dwells
        least_s = dwells[run.run].doors_s if dwells else planned_s - self._arrive_s[call]
        return max(planned_s, run.arrived_s + least_s)

    def _leaves_s(self, run: VehicleRun, call: int) -> float:
        """Return when the doors are free; then until when the run is held."""
        now_s, number = self._world.env.now, run.run
        if run.ready_s == inf:
            doors_free_s = self._doors_free_s(run, call)
            if doors_free_s > now_s and number not in self._ends:
                return doors_free_s
            run.ready_s = now_s
        hold = self._conditions.hold
        return hold(number, call) if hold and number not in self._ends else now_s

    def _doors_free_s(self, run: VehicleRun, call: int) -> float:
        """Return when everybody has alighted and boarded. Before its first stop a vehicle has stood for long."""
        dwells = self._conditions.dwells
        if not dwells or call == self._starts[run.run]:
            return run.arrived_s
        dwell, boarding = dwells[run.run], len(self._boarders(run, call)[0])
        busy_s = dwell.doors_s + dwell.alight_s * len(run.alighted) + dwell.board_s * boarding
        return run.arrived_s + round_one_s(busy_s)

    def _post_late(self, run: int, call: int, late_s: float) -> None:
        """Make it public, once, that a run is late."""
        if late_s <= self._conditions.notice_late_s or run in self._posted_late:
            return
        self._posted_late.add(run)
        text = f"{self._line[run]} runs {late_s / MINUTE_S:.0f} min late"
        self._world.post(RunLate(text=text, place=self.call_node[call], service=self._service, run=run, late_s=late_s))

    def _log_running(self, run: VehicleRun, call: int, held_s: float) -> None:
        if not self._conditions.logged:
            return
        now_s, number = self._world.env.now, run.run
        self._world.log.add(
            "running", now_s, run.vehicle, number, call - self._starts[number], self._service,
            self._line[number], self._type[number], self.call_node[call],
            max(0.0, run.arrived_s - self._arrive_s[call]), max(0.0, now_s - self._depart_s[call]), held_s,
            self._background_load[call], self._seats[number], self._ends.get(number, ""),
        )  # fmt: skip


def remaining_delay_s(late_s: float, hop_s: float, recovery: float) -> float:
    """Return how late a vehicle still is after a hop of which it can make up a part, s, rounded to 1/64 s."""
    return max(0.0, late_s - round_one_s(recovery * hop_s))
