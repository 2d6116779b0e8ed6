"""Vehicles that call at stops: people queue, board in the order in which they came while there are places, and alight.

One engine for every service with stops. Its subclass in the folder of a service says when vehicles come, until when
they stand at a stop, what room they have, and which calls are not made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import inf, nan
from typing import Annotated, Any, NamedTuple

import numpy as np
import simpy
from pydantic import AfterValidator, Field

from kera_mobility.clock import DEPARTURES_OF_VEHICLES, at_moment
from kera_mobility.services.base import ServiceSettings
from kera_mobility.services.reasons import FULL
from kera_mobility.services.world import World
from kera_mobility.town.population.households import EVERYONE_ALIKE, ByAge
from kera_mobility.town.population.persons import People
from kera_mobility.units import FloatArray

Life = Generator[simpy.Event, Any, None]
NOWHERE = -1
"""No call, no run."""


def _is_a_date(text: str) -> str:
    date.fromisoformat(text)
    return text


ServiceDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_is_a_date)]
"""A day of the calendar of a feed, as 2026-01-31."""


class TimetabledSettings(ServiceSettings):
    """Settings of what runs by a timetable that people know."""

    early_s: float = Field(90.0, ge=0, le=1800)
    """People leave so as to be at the stop this long before departure. Assumption."""
    patience: int = Field(2, ge=0, le=10)
    """How many full vehicles a rider lets pass before giving up. Assumption."""
    fare_by_age: ByAge = EVERYONE_ALIKE
    """Part of the fare without a season ticket that people pay, by age. All of it by default; HSL: 0 up to 6 years, 0.5
    up to 17, 1 from 18 (hsl.fi, discount tickets)."""

    def fares_eur(self, people: People, single_eur: float, season_eur: float) -> FloatArray:
        """Return what a ride costs each person at the gate, (P,)."""
        return np.where(people.season_ticket, season_eur, single_eur * self.fare_by_age.at(people.age))


class RideEnd(NamedTuple):
    """What became of somebody who waited for a vehicle."""

    boarded_s: float | None
    """None if it did not take the rider along."""
    call: int
    """Where the rider is now: the call of alighting, or that of waiting."""
    reason: str = ""
    """Why that is not where the rider meant to be: full, gone, or what ended the run (closed, cancelled, broken)."""
    vehicle: int = -1
    """Of the ride."""


class Rider(NamedTuple):
    """Someone who waits for one call of one run, or rides towards another."""

    person: int
    board_call: int
    alight_call: int
    done: simpy.Event
    """Succeeds with `RideEnd` when the rider alights or is not taken along."""
    since_s: float
    """When the wait began."""
    wheelchair: bool
    boarded_s: float = nan


@dataclass
class VehicleRun:
    """Where a run is."""

    run: int
    vehicle: int
    aboard: dict[int, list[Rider]] = field(default_factory=dict)
    """Riders by the call where they alight."""
    riding: int = 0
    wheelchairs: int = 0
    arrived_s: float = nan
    ready_s: float = inf
    """When it was first ready to leave the present stop; later it is only held there."""
    alighted: list[Rider] = field(default_factory=list)
    """At the present call, until it is logged."""
    since_s: float = nan
    since_call: int = NOWHERE
    """Where and when the drive began that is not logged yet."""


class StopOperation(ABC):
    """The runs of one service on one day. Calls are numbered through all runs, C of them."""

    def __init__(
        self, service: str, run_start: Sequence[int], vehicles: Iterable[int], call_node: list[int], call_m: list[float]
    ) -> None:
        """Prepare the runs.

        Parameters
        ----------
        run_start
            The first call of each run, and C, (R + 1,).
        vehicles
            Id of the vehicle that makes each run, (R,).
        call_node
            Street node of each call, (C,).
        call_m
            Distance from the start of its run to each call, (C,).
        """
        self._service, self._starts = service, run_start
        self.call_node, self.call_m = call_node, call_m
        self._runs = [VehicleRun(run, vehicle) for run, vehicle in enumerate(vehicles)]
        self._waiting: dict[int, list[Rider]] = {}
        self._departed = [False] * len(call_node)

    def start(self, world: World) -> None:
        """Begin to operate: a process for each run."""
        self._world = world
        self._alighting = world.dice.at("alighting")
        for run in self._runs:
            world.env.process(self._operate(run))

    def wait_for(self, board_call: int, alight_call: int, person: int, wheelchair: bool = False) -> simpy.Event:
        """Return the event of a ride between two calls of a run; its value is a `RideEnd`."""
        env = self._world.env
        rider = Rider(person, board_call, alight_call, simpy.Event(env), env.now, wheelchair)
        reason = self._not_served(board_call)
        if reason:
            return rider.done.succeed(RideEnd(None, board_call, reason))
        self._waiting.setdefault(board_call, []).append(rider)
        return rider.done

    def has_left(self, call: int) -> bool:
        """Return whether the vehicle has left a call, with whoever boarded."""
        return self._departed[call]

    # What a service says.

    @abstractmethod
    def _operate(self, run: VehicleRun) -> Life:
        """Drive a run from its first call to its last."""

    @abstractmethod
    def _not_served(self, call: int) -> str:
        """Return why nobody boards at a call any more, or nothing."""

    @abstractmethod
    def _leaves_s(self, run: VehicleRun, call: int) -> float:
        """Return until when a vehicle stands at a call as things are; asked again at that moment."""

    @abstractmethod
    def _room(self, run: VehicleRun, call: int) -> int:
        """Return how many people more a vehicle can take at a call."""

    def _wheelchair_room(self, run: VehicleRun) -> int:
        """Return how many of them may use a wheelchair, where somebody does."""
        return 0

    def _denial(self, run: VehicleRun, call: int) -> str:
        """Return why those who wait find no place in a vehicle that leaves."""
        return FULL

    # A call.

    def _arrive(self, run: VehicleRun, call: int) -> None:
        """Let those alight who ride to this call."""
        run.arrived_s = self._world.env.now
        self._set_down(run, call, run.aboard.pop(call, []), "")

    def _set_all_down(self, run: VehicleRun, call: int, reason: str) -> None:
        """Let everyone alight before their time."""
        riders = [rider for group in run.aboard.values() for rider in group]
        run.aboard.clear()
        self._set_down(run, call, riders, reason)

    def _set_down(self, run: VehicleRun, call: int, riders: list[Rider], reason: str) -> None:
        run.riding -= len(riders)
        run.wheelchairs -= sum(rider.wheelchair for rider in riders)
        run.alighted = run.alighted + riders
        for rider in self._by_dice(riders, run.run):
            rider.done.succeed(RideEnd(rider.boarded_s, call, reason, run.vehicle))

    def _by_dice(self, riders: list[Rider], run: int) -> list[Rider]:
        """Return riders by dice: an order by event number would tie what one does next to who else exists."""
        if len(riders) < 2:
            return riders
        return sorted(riders, key=lambda rider: (self._alighting.uniform(rider.person, run), rider.person))

    def _after_everyone(self, time_s: float) -> simpy.Event:
        """Return the event of a time, now at the earliest: who reaches the stop as the vehicle leaves still boards."""
        env = self._world.env
        return at_moment(env, max(0.0, time_s - env.now), DEPARTURES_OF_VEHICLES)

    def _load(self, run: VehicleRun, call: int) -> Life:
        """Stand at a stop while people board, and for as long as the vehicle is held."""
        run.ready_s = inf
        while (leaves_s := self._leaves_s(run, call)) > self._world.env.now:
            yield self._after_everyone(leaves_s)

    def _boarders(self, run: VehicleRun, call: int) -> tuple[list[Rider], list[Rider]]:
        """Return who of those waiting finds a place, in the order in which they came, and who does not."""
        room, wheelchair_room = self._room(run, call), self._wheelchair_room(run)
        boarding: list[Rider] = []
        denied: list[Rider] = []
        for rider in self._waiting.get(call, ()):
            fits = len(boarding) < room and (not rider.wheelchair or wheelchair_room > 0)
            wheelchair_room -= rider.wheelchair and fits
            (boarding if fits else denied).append(rider)
        return boarding, denied

    def _depart(self, run: VehicleRun, call: int) -> None:
        """Take aboard who finds a place, leave the others behind, and go."""
        now_s = self._world.env.now
        boarding, denied = self._boarders(run, call)
        self._waiting.pop(call, None)
        self._departed[call] = True
        for rider in boarding:
            run.aboard.setdefault(rider.alight_call, []).append(rider._replace(boarded_s=now_s))
        run.riding += len(boarding)
        run.wheelchairs += sum(rider.wheelchair for rider in boarding)
        self._turn_away(denied, self._denial(run, call))
        self._log_call(run, call, len(boarding), len(denied))

    def _end_waits(self, calls: Iterable[int]) -> list[Rider]:
        """Return those who wait for calls that will not be made, in the order of their queues, and clear these."""
        return [rider for call in calls for rider in self._waiting.pop(call, ())]

    def _turn_away(self, riders: list[Rider], reason: str) -> None:
        """Tell riders, in their order, that they are not taken along from where they wait."""
        for rider in riders:
            rider.done.succeed(RideEnd(None, rider.board_call, reason))

    # The log.

    def _log_call(self, run: VehicleRun, call: int, boarded: int, left_behind: int) -> None:
        self._world.log.add(
            "calls", self._world.env.now, run.vehicle, run.run, call - self._starts[run.run], self._service,
            self.call_node[call], len(run.alighted), boarded, left_behind, run.riding,
        )  # fmt: skip
        run.alighted = []

    def _log_drive(self, run: VehicleRun, call: int, charge: float = float("nan")) -> None:
        """Log the drive from where it began to a call."""
        begin = run.since_call
        self._world.log.add(
            "moves", run.since_s, run.vehicle, run.run, begin - self._starts[run.run], self._service, "run",
            self.call_node[begin], self.call_node[call], self._world.env.now, self.call_m[call] - self.call_m[begin],
            charge,
        )  # fmt: skip
