"""Vehicles that call at stops on a small day, and people whom a test sends to a call: nobody plans or books."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import simpy

from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.services.stops.operation import RideEnd, StopOperation
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S
from kera_mobility.town.streets.skims import compute_skims
from tests.kit.hamlet import hamlet_streets, seconds

Vehicles = TypeVar("Vehicles", bound=StopOperation)


@dataclass
class Calls(Generic[Vehicles]):
    """Vehicles under way, and what became of those who waited."""

    world: World
    vehicles: Vehicles
    heard: dict[int, tuple[float, RideEnd]] = field(default_factory=dict)
    """When somebody heard of the end of a wait or a ride, and what."""

    def waits(self, person: int, board: int, alight: int, at: str = "7:50", wheelchair: bool = False) -> None:
        """Have somebody wait at a call, from a time on, to ride to another."""

        def wait() -> Any:
            yield self.world.env.timeout(seconds(at) - self.world.env.now)
            needs = (True,) if wheelchair else ()
            end = yield self.vehicles.wait_for(board, alight, person, *needs)
            self.heard[person] = self.world.env.now, end

        self.world.env.process(wait())

    def does(self, at: str, action: Any) -> None:
        """Have something happen at a time."""

        def happen() -> Any:
            yield self.world.env.timeout(seconds(at) - self.world.env.now)
            action()

        self.world.env.process(happen())

    def rows(self, table: str, *columns: str, by: tuple[str, ...] = ("run", "step")) -> list[Any]:
        """Return columns of a table, a row each event, after the day."""
        self.world.env.run()
        events = sorted(self.world.log.tables()[table].to_pylist(), key=lambda row: [row[name] for name in by])
        return [tuple(row[name] for name in columns) for row in events]


def hamlet_world(now: str = "0:00", seed: int = 1) -> World:
    """Return the hamlet's world at a time of a day on which nothing has happened."""
    env = simpy.Environment(seconds(now))
    return World(env, compute_skims(hamlet_streets()), Dice.of(seed), EventLog(), END_S)
