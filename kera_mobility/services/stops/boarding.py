"""Vehicles that call at stops by a timetable: people queue, board while there are places, ride, alight.

As planned, unless `AsRun` says otherwise: late, held, slowed by those who board, or with others aboard already.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import simpy
from pydantic import Field

from kera_mobility.clock import DEPARTURES_OF_VEHICLES, at_moment
from kera_mobility.services.base import ServiceSettings, Vehicle
from kera_mobility.services.world import World
from kera_mobility.town.timetable.timetable import NextJourney, Timetable
from kera_mobility.units import MINUTE_S, BoolArray, FloatArray, IntArray, round_one_s


class TimetabledSettings(ServiceSettings):
    """Settings of what runs by a timetable that people know."""

    early_s: float = Field(90.0, ge=0, le=1800)
    """People leave so as to be at the stop this long before departure. Assumption."""
    patience: int = Field(2, ge=0, le=10)
    """How many full vehicles a rider lets pass before giving up. Assumption."""


Hold = Callable[[int, int], float]
"""Asked with run and call when a vehicle is about to leave: until when it waits, s; the past means not at all. Asked
again at that moment, so who answers keeps the limit."""


class Dwell(NamedTuple):
    """What a stop takes of a vehicle that must not leave earlier; it replaces the planned dwell as the least."""

    least_s: float
    """Doors open and close."""
    board_s: float = 0.0
    """More for each person who boards: seconds per person and door over the number of doors."""
    alight_s: float = 0.0
    """More for each person who alights."""


@dataclass(frozen=True)
class AsRun:
    """How the runs of a day differ from their timetable, R runs and C calls; nothing differs where nothing is said."""

    late_s: FloatArray | None = None
    """How late each run leaves its first stop, (R,), at least 0, in steps of 1/64 s."""
    recovery: float = 0.0
    """Part of the time between two stops that a late vehicle makes up, 0 to 1."""
    cancelled: BoolArray | None = None
    """Runs that never start, (R,)."""
    dwells: Sequence[Dwell] | None = None
    """What a stop takes of each run's vehicle, (R,)."""
    hold: Hold | None = None
    others: IntArray | None = None
    """Places that people from beyond the model take on leaving each call, (C,)."""
    seats: IntArray | None = None
    """Seats of each run's vehicle, (R,)."""
    tell_late_s: float = inf
    """A run that is later than this is a public notice, once."""
    logged: bool = False
    """Whether the table `running` is kept."""


AS_PLANNED = AsRun()


class Ridden(NamedTuple):
    """What became of somebody who waited for a vehicle."""

    boarded_s: float | None
    """None if it left without the rider."""
    call: int
    """Where the rider is now: the call of alighting, or that of waiting."""
    reason: str = ""
    """Why it is not where the rider wanted to be: full, gone, or what ended the run (closed, cancelled, broken)."""


class Rider(NamedTuple):
    """Someone who waits for one call of one run, or rides towards another."""

    person: int
    alight_call: int
    done: simpy.Event
    """Succeeds with `Ridden` when the rider alights or is left behind."""
    boarded_s: float = 0.0


class Boarding:
    """The runs of a timetable under way. Calls are numbered through all runs, C of them."""

    def __init__(
        self,
        service: str,
        timetable: Timetable,
        places: IntArray,
        call_node: IntArray,
        call_m: FloatArray,
        vehicle_of_run: IntArray,
        as_run: AsRun = AS_PLANNED,
    ) -> None:
        """Prepare the runs.

        Parameters
        ----------
        places
            Seats and standing room of each run's vehicle, (R,).
        call_node
            Street node of each call, (C,).
        call_m
            Distance from the start of the run to each call, (C,).
        vehicle_of_run
            Id of the vehicle that makes each run, (R,).
        """
        self._service, self._as_run = service, as_run
        self._line = [timetable.line_name[line] for line in timetable.run_line.tolist()]
        self._type: list[int] = timetable.line_type[timetable.run_line].tolist()
        self._starts: list[int] = timetable.run_start.tolist()
        self._arrive_s: list[float] = timetable.call_arrive_s.tolist()
        self._depart_s: list[float] = timetable.call_depart_s.tolist()
        runs, calls = len(self._starts) - 1, len(self._arrive_s)
        self._places: list[int] = places.tolist()
        self._others: list[int] = [0] * calls if as_run.others is None else as_run.others.tolist()
        self._seats: list[int] = self._places if as_run.seats is None else as_run.seats.tolist()
        self.call_node: list[int] = call_node.tolist()
        self.call_m: list[float] = call_m.tolist()
        self.vehicle_of_run: list[int] = vehicle_of_run.tolist()
        self.late_s: list[float] = [0.0] * runs if as_run.late_s is None else as_run.late_s.tolist()
        """How late each run is at its last or next departure, (R,)."""
        self._waiting: dict[int, list[Rider]] = {}
        self._departed = bytearray(calls)
        self._begun = bytearray(runs)
        self._told = bytearray(runs)
        self._ends: dict[int, str] = {}
        self._stuck_s: dict[int, float] = {}
        if as_run.cancelled is not None:
            self._ends = dict.fromkeys(as_run.cancelled.nonzero()[0].tolist(), "cancelled")

    def start(self, world: World) -> None:
        """Begin to operate: a process for each run."""
        self._world = world
        self._dice = world.dice.at("alighting")
        for run in range(len(self._starts) - 1):
            world.env.process(self._operate(run))

    def wait_for(self, journey: NextJourney, person: int) -> simpy.Event:
        """Return the event of riding with the first vehicle of a journey; its value is a `Ridden`."""
        rider = Rider(person, journey.alight_call, simpy.Event(self._world.env))
        if self._departed[journey.board_call]:
            return rider.done.succeed(Ridden(None, journey.board_call, "gone"))
        if journey.run in self._ends:
            return rider.done.succeed(Ridden(None, journey.board_call, self._ends[journey.run]))
        self._waiting.setdefault(journey.board_call, []).append(rider)
        return rider.done

    def end_run(self, run: int, reason: str, stuck_s: float = 0.0) -> None:
        """Have a run end at its next call, or never start: riders alight there, who waits is left, with the reason.

        A vehicle that breaks down between two calls is `stuck_s` late there, and its riders with it.
        """
        if run in self._ends:
            return
        self._ends[run] = reason
        if self._begun[run] and stuck_s > 0:
            self.delay(run, stuck_s)
        for call in range(self._starts[run], self._starts[run + 1]):
            for rider in self._waiting.pop(call, ()):
                rider.done.succeed(Ridden(None, call, reason))

    def delay(self, run: int, stuck_s: float) -> None:
        """Have a run under way come this much later to its next call, s in steps of 1/64 s; then it goes on."""
        self._stuck_s[run] = self._stuck_s.get(run, 0.0) + stuck_s

    def reopen(self, runs: Iterable[int], reason: str) -> None:
        """Let those of some runs operate that were ended for this reason before they began, and are not due yet."""
        now_s = self._world.env.now
        for run in runs:
            if self._ends.get(run) == reason and not self._begun[run] and self._arrive_s[self._starts[run]] > now_s:
                del self._ends[run]

    def has_ended(self, run: int) -> bool:
        """Return whether a run was ended before its time, or never starts."""
        return run in self._ends

    def has_left(self, call: int) -> bool:
        """Return whether the vehicle has left a call."""
        return bool(self._departed[call])

    def ended_runs(self, reason: str = "") -> list[int]:
        """Return the runs that were ended before their time or do not start, for one reason or any, by number."""
        return sorted(run for run, why in self._ends.items() if reason in ("", why))

    def _operate(self, run: int) -> Generator[simpy.Event, Any, None]:
        env, log, service = self._world.env, self._world.log, self._service
        first, last = self._starts[run], self._starts[run + 1] - 1
        vehicle, places = self.vehicle_of_run[run], self._places[run]
        aboard: dict[int, list[Rider]] = {}
        riding = 0
        begin_s, call = env.now, first
        for call in range(first, last + 1):
            yield env.timeout(max(0.0, self._reaches_s(run, call) - env.now))
            if call == first:
                if run in self._ends:
                    self._log_as_run(run, first, 0.0, 0.0, self._ends[run])
                    return
                begin_s, self._begun[run] = env.now, 1
            if run in self._stuck_s:
                yield env.timeout(self._stuck_s.pop(run))
            arrived_s = env.now
            alighting = aboard.pop(call, [])
            riding -= len(alighting)
            self._let_alight(alighting, run, call)
            held_s = 0.0
            if call < last and run not in self._ends:
                held_s = yield from self._stand(run, call, len(alighting), places - riding)
            if run in self._ends:
                alighting += self._let_off(aboard, run, call)
                riding = 0
            self._departed[call] = 1
            waiting = self._waiting.pop(call, [])
            room = max(0, places - self._others[call] - riding)
            boarding = waiting[:room]
            for rider in boarding:
                seated = Rider(rider.person, rider.alight_call, rider.done, env.now)
                aboard.setdefault(rider.alight_call, []).append(seated)
            for rider in waiting[room:]:
                rider.done.succeed(Ridden(None, call, "full"))
            riding += len(boarding)
            log.add(
                "calls", env.now, vehicle, run, call - first, service, self.call_node[call],
                len(alighting), len(boarding), len(waiting) - len(boarding), riding,
            )  # fmt: skip
            self._log_as_run(run, call, arrived_s, held_s, self._ends.get(run, ""))
            if run in self._ends:
                break
        log.add(
            "moves", begin_s, vehicle, run, 0, service, "run", self.call_node[first], self.call_node[call],
            env.now, self.call_m[call], float("nan"),
        )  # fmt: skip

    def _reaches_s(self, run: int, call: int) -> float:
        """Return when a run comes to its next call: as late as it left, less what it makes up on the way."""
        if call == self._starts[run]:
            return self._arrive_s[call]
        late_s = self.late_s[run]
        if late_s:
            hop_s = self._arrive_s[call] - self._depart_s[call - 1]
            late_s = left_over_s(late_s, hop_s, self._as_run.recovery)
        return self._arrive_s[call] + late_s

    def _stand(self, run: int, call: int, alighted: int, free: int) -> Generator[simpy.Event, Any, float]:
        """Stay at a stop until the vehicle may leave, and return how long it was held."""
        env, as_run, arrived_s = self._world.env, self._as_run, self._world.env.now
        leave_s = self._leaves_s(run, call, arrived_s)
        self._tell(run, call, leave_s)
        yield at_moment(env, max(0.0, leave_s - env.now), DEPARTURES_OF_VEHICLES)
        # At its first stop a vehicle stands long before it leaves; the dwell is that of stops on the way.
        while as_run.dwells and call > self._starts[run] and run not in self._ends:
            dwell, room = as_run.dwells[run], max(0, free - self._others[call])
            boards = min(len(self._waiting.get(call, ())), room)
            busy_s = dwell.least_s + dwell.alight_s * alighted + dwell.board_s * boards
            if arrived_s + round_one_s(busy_s) <= env.now:
                break
            yield at_moment(env, arrived_s + round_one_s(busy_s) - env.now, DEPARTURES_OF_VEHICLES)
        ready_s = env.now
        while as_run.hold and run not in self._ends and (until_s := as_run.hold(run, call)) > env.now:
            yield at_moment(env, until_s - env.now, DEPARTURES_OF_VEHICLES)
        self.late_s[run] = max(0.0, env.now - self._depart_s[call])
        return env.now - ready_s

    def _leaves_s(self, run: int, call: int, arrived_s: float) -> float:
        """Return when a run may leave a call, before anybody boards."""
        planned_s = self._depart_s[call]
        if call == self._starts[run]:
            return planned_s + self.late_s[run]
        dwells = self._as_run.dwells
        least_s = dwells[run].least_s if dwells else planned_s - self._arrive_s[call]
        return max(planned_s, arrived_s + least_s)

    def _tell(self, run: int, call: int, leave_s: float) -> None:
        """Make it public, once, that a run is late."""
        late_s = leave_s - self._depart_s[call]
        if late_s <= self._as_run.tell_late_s or self._told[run]:
            return
        self._told[run] = 1
        rest = range(call + 1, self._starts[run + 1])
        arrives_s = {self.call_node[later]: self._arrive_s[later] + late_s for later in rest}
        text = f"{self._line[run]} runs {late_s / MINUTE_S:.0f} min late"
        detail = {"run": run, "call": call, "late_s": late_s, "line": self._line[run], "arrives_s": arrives_s}
        self._world.post("late", text, self.call_node[call], service=self._service, detail=detail)

    def _let_alight(self, riders: list[Rider], run: int, call: int, reason: str = "") -> None:
        # An order by event number would tie what one does next to who else exists.
        if len(riders) > 1:
            riders.sort(key=lambda rider: (self._dice.uniform(rider.person, run), rider.person))
        for rider in riders:
            rider.done.succeed(Ridden(rider.boarded_s, call, reason))

    def _let_off(self, aboard: dict[int, list[Rider]], run: int, call: int) -> list[Rider]:
        """Let everyone alight where a run ends before its time."""
        riders = [rider for group in aboard.values() for rider in group]
        aboard.clear()
        self._let_alight(riders, run, call, self._ends[run])
        return riders

    def _log_as_run(self, run: int, call: int, arrived_s: float, held_s: float, ended: str) -> None:
        if not self._as_run.logged:
            return
        now_s, planned_s = self._world.env.now, self._depart_s[call]
        self._world.log.add(
            "running", now_s, self.vehicle_of_run[run], run, call - self._starts[run], self._service,
            self._line[run], self._type[run], self.call_node[call], max(0.0, arrived_s - self._arrive_s[call]),
            max(0.0, now_s - planned_s), held_s, self._others[call], self._seats[run], ended,
        )  # fmt: skip


def left_over_s(late_s: float, hop_s: float, recovery: float) -> float:
    """Return how late a vehicle still is after a hop of which it can make up a part, s, rounded to 1/64 s."""
    return max(0.0, late_s - round_one_s(recovery * hop_s))


def line_vehicles(places: IntArray, first_node: IntArray, last_node: IntArray) -> list[Vehicle]:
    """Return the table of vehicles that have no battery to follow."""
    nothing = float("nan")
    return [
        Vehicle(vehicle, int(places[vehicle]), int(first_node[vehicle]), int(last_node[vehicle]), nothing, nothing)
        for vehicle in range(len(places))
    ]
