"""Vehicles that call at stops by a timetable: people queue, board while there are places, ride, alight."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

import simpy
from pydantic import Field
from simpy.events import NORMAL, EventPriority

from kera_mobility.services.base import ServiceSettings, Vehicle
from kera_mobility.town.timetable import NextJourney, Timetable
from kera_mobility.units import FloatArray, IntArray
from kera_mobility.world import World


class TimetabledSettings(ServiceSettings):
    """Settings of what runs by a timetable that people know."""

    early_s: float = Field(90.0, ge=0, le=1800)
    """People leave so as to be at the stop this long before departure. Assumption."""
    patience: int = Field(2, ge=0, le=10)
    """How many full vehicles a rider lets pass before giving up. Assumption."""


_LATE = EventPriority(NORMAL + 1)
"""Priority of what comes last in its moment."""


class Rider(NamedTuple):
    """Someone who waits for one call of one run, or rides towards another."""

    person: int
    alight_call: int
    done: simpy.Event
    """Succeeds with the moment of boarding when the rider alights, or with None when left behind."""
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
        self._service = service
        self._starts: list[int] = timetable.run_start.tolist()
        self._arrive_s: list[float] = timetable.call_arrive_s.tolist()
        self._depart_s: list[float] = timetable.call_depart_s.tolist()
        self._places: list[int] = places.tolist()
        self.call_node: list[int] = call_node.tolist()
        self.call_m: list[float] = call_m.tolist()
        self.vehicle_of_run: list[int] = vehicle_of_run.tolist()
        self._waiting: dict[int, list[Rider]] = {}
        self._departed = bytearray(len(self._arrive_s))

    def start(self, world: World) -> None:
        """Begin to operate: a process for each run."""
        self._world = world
        self._dice = world.dice.at("alighting")
        for run in range(len(self._starts) - 1):
            world.env.process(self._operate(run))

    def wait_for(self, journey: NextJourney, person: int) -> simpy.Event:
        """Return the event of riding with the first vehicle of a journey; see Rider.done for its value."""
        rider = Rider(person, journey.alight_call, simpy.Event(self._world.env))
        if self._departed[journey.board_call]:
            return rider.done.succeed(None)
        self._waiting.setdefault(journey.board_call, []).append(rider)
        return rider.done

    def _operate(self, run: int) -> Generator[simpy.Event, Any, None]:
        env, log, service = self._world.env, self._world.log, self._service
        first, last = self._starts[run], self._starts[run + 1] - 1
        vehicle, places = self.vehicle_of_run[run], self._places[run]
        aboard: dict[int, list[Rider]] = {}
        riding = 0
        begin_s = env.now
        for call in range(first, last + 1):
            yield env.timeout(max(0.0, self._arrive_s[call] - env.now))
            alighting = aboard.pop(call, [])
            riding -= len(alighting)
            self._let_alight(alighting, run)
            if call == first:
                begin_s = env.now
            if call < last:
                yield _after_everyone(env, self._depart_s[call] - env.now)
            self._departed[call] = 1
            waiting = self._waiting.pop(call, [])
            boarding = waiting[: places - riding]
            for rider in boarding:
                aboard.setdefault(rider.alight_call, []).append(rider._replace(boarded_s=env.now))
            for rider in waiting[places - riding :]:
                rider.done.succeed(None)
            riding += len(boarding)
            log.add(
                "calls", env.now, vehicle, run, call - first, service, self.call_node[call],
                len(alighting), len(boarding), len(waiting) - len(boarding), riding,
            )  # fmt: skip
        log.add(
            "moves", begin_s, vehicle, run, 0, service, "run", self.call_node[first], self.call_node[last],
            env.now, self.call_m[last], float("nan"),
        )  # fmt: skip

    def _let_alight(self, riders: list[Rider], run: int) -> None:
        # An order by event number would tie what one does next to who else exists.
        if len(riders) > 1:
            riders.sort(key=lambda rider: (self._dice.uniform(rider.person, run), rider.person))
        for rider in riders:
            rider.done.succeed(rider.boarded_s)


def _after_everyone(env: simpy.Environment, delay_s: float) -> simpy.Event:
    """Return an event after all others of its moment: who reaches the stop as the vehicle departs still boards."""
    departure = simpy.Event(env)
    departure._ok, departure._value = True, None
    env.schedule(departure, priority=_LATE, delay=delay_s)
    return departure


def line_vehicles(places: IntArray, first_node: IntArray, last_node: IntArray) -> list[Vehicle]:
    """Return the table of vehicles that have no battery to follow."""
    nothing = float("nan")
    return [
        Vehicle(vehicle, int(places[vehicle]), int(first_node[vehicle]), int(last_node[vehicle]), nothing, nothing)
        for vehicle in range(len(places))
    ]
