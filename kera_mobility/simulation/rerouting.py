"""Streets that are shut while people are on them: who must leave the path, at which junction, and how they go on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import simpy

from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Leg, Offer, Outcome, Refusal
from kera_mobility.services.notices import StreetsChanged
from kera_mobility.services.reasons import CLOSED
from kera_mobility.services.world import World
from kera_mobility.town.streets.paths import TABLES, ShortestPaths
from kera_mobility.town.streets.skims import nearest_drivable
from kera_mobility.town.streets.streets import Skims, Streets
from kera_mobility.town.town import Town
from kera_mobility.units import round_one_s

LENGTHS = {"walk": "walk_m", "cycle": "cycle_m", "drive": "drive_m"}
"""The table of lengths of a mode's paths, m."""
SUMMED = ("walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_eur")
"""Fields of an outcome that add up over the parts of a ride."""


class Diversion(NamedTuple):
    """The junction where somebody leaves a path that has been shut."""

    node: int
    at_s: float
    """When it is reached."""
    length_m: float
    """Length of the path until there."""


class Rerouting:
    """The junctions of all shortest paths through the streets as they are at one time."""

    def __init__(self, streets: Streets, skims: Skims, town: Town) -> None:
        """Prepare the paths through `streets` of a town, with the tables of their lengths."""
        self._streets, self.skims, self._town = streets, skims, town
        self._paths: dict[str, ShortestPaths] = {}

    def diversion(self, service: Service, booking: Booking, now_s: float, after: Skims) -> Diversion | None:
        """Return the next junction of a ride under way, if from there on the path is longer than before, or gone."""
        leg, mode = booking.leg, service.street_mode
        nodes = list(self._paths_of(mode).between(leg.origin, leg.destination))
        total, table = nodes[0][1], getattr(after, TABLES[mode])
        begin_s, moving_s = booking.made_s + before_s(service, booking.offer), moving(service, booking.offer)
        for node, rest in nodes:
            at_s = begin_s + (round_one_s(moving_s * ((total - rest) / total)) if rest < total else 0.0)
            if at_s >= now_s:
                length_m = float(getattr(self.skims, LENGTHS[mode])[leg.origin, node])
                return Diversion(node, at_s, length_m) if float(table[node, leg.destination]) > rest else None
        return None

    def _paths_of(self, mode: str) -> ShortestPaths:
        if mode not in self._paths:
            streets = self._town.streets
            drives = mode == "drive"
            stands = nearest_drivable(streets, self._town.skims.walk_m) if drives else np.arange(streets.nodes)
            self._paths[mode] = ShortestPaths(self._streets, self.skims, mode, stands)
        return self._paths[mode]


class StreetRide(NamedTuple):
    """Somebody on the street who may have to leave the path."""

    process: simpy.Process
    service: Service
    booking: Booking
    rerouting: Rerouting
    """Of the streets when the ride began: its path is one of those."""


class StreetRides:
    """The rides on streets of a day on which some are shut: who meets one that is shut takes another path."""

    def __init__(self, world: World, town: Town, log_refusal: Callable[[Leg, Refusal], None]) -> None:
        self._world, self._town, self._log_refusal = world, town, log_refusal
        self._under_way: dict[int, StreetRide] = {}
        self._rerouting, self._reopened = self._current(), simpy.Event(world.env)

    def changed_for(self, service: Service) -> bool:
        """Return whether a service uses streets and these are not as they were at midnight."""
        return bool(service.street_mode) and service.skims is not self._town.skims

    def ride(self, service: Service, booking: Booking) -> Generator[simpy.Event, Any, tuple[Outcome, int]]:
        """Ride; where the path is shut, stop there on foot to replan, or take the next path with a vehicle.

        Returns the outcome, and how often a vehicle was diverted. One that no path leads on for waits until streets are
        opened.
        """
        env, leg, diversions = self._world.env, booking.leg, 0
        parts: list[Outcome] = []
        while True:
            assert env.active_process is not None, "trips on streets are processes"
            self._under_way[leg.row] = StreetRide(env.active_process, service, booking, self._rerouting)
            try:
                parts.append((yield from service.ride(booking)))
            except simpy.Interrupt as news:
                diversion: Any = news.cause
                yield env.timeout(diversion.at_s - env.now)
                if service.mode == "walk":
                    return walked(diversion, booking), diversions
                diversions += 1
                parts.append(driven(diversion, service, booking))
                self._log_refusal(leg, Refusal(CLOSED, diversion.node))
                booking, waited_s = yield from self._next_path(service, booking, diversion.node)
                parts[-1] = parts[-1]._replace(wait_s=waited_s)
                continue
            del self._under_way[leg.row]
            return reduce(joined, parts), diversions

    def divert(self) -> None:
        """Divert the rides whose paths have become longer since streets were last shut or opened."""
        if self._rerouting.skims is self._world.streets:
            return
        for row, ride in sorted(self._under_way.items()):
            diversion = ride.rerouting.diversion(ride.service, ride.booking, self._world.env.now, self._world.streets)
            if diversion is not None:
                del self._under_way[row]
                ride.process.interrupt(diversion)
        reopened, self._reopened = self._reopened, simpy.Event(self._world.env)
        self._rerouting = self._current()
        reopened.succeed()

    def _next_path(
        self, service: Service, booking: Booking, node: int
    ) -> Generator[simpy.Event, Any, tuple[Booking, float]]:
        """Return how a vehicle goes on from a junction, and how long it stood there until a path was open."""
        begin_s = self._world.env.now
        while isinstance(onward := service.book(replace(booking.leg, origin=node)), Refusal):
            yield self._reopened
        onward.offer = going_on(service, onward.offer)
        return onward, self._world.env.now - begin_s

    def _current(self) -> Rerouting:
        """Return the paths through the streets as they are now."""
        notices = self._world.notices.read(StreetsChanged)
        streets = notices[-1].streets if notices else self._town.streets
        return Rerouting(streets, self._world.streets, self._town)


def before_s(service: Service, offer: Offer) -> float:
    """Return the part of a ride before it moves: half of what fetching and parking the vehicle take. Assumption."""
    return 0.0 if service.mode == "walk" else round_one_s(offer.walk_s / 2.0)


def moving(service: Service, offer: Offer) -> float:
    """Return the part of a ride on the street, s."""
    return offer.walk_s if service.mode == "walk" else offer.ride_s


def walked(diversion: Diversion, booking: Booking) -> Outcome:
    """Return the walk of somebody who stops at a junction to replan there."""
    refusal = Refusal(CLOSED, diversion.node)
    walk_s = diversion.at_s - booking.made_s
    return Outcome(diversion.node, walk_s, 0.0, 0.0, diversion.length_m, 0.0, 0.0, refusal=refusal)


def driven(diversion: Diversion, service: Service, booking: Booking) -> Outcome:
    """Return the part of a ride until a vehicle is diverted; its fare goes by length, but for the stay at the end."""
    offer, first_s = booking.offer, before_s(service, booking.offer)
    part = diversion.length_m / offer.ride_m if offer.ride_m else 0.0
    ride_s = diversion.at_s - booking.made_s - first_s
    fare_eur = (offer.fare_eur - service.stay_eur(booking)) * part
    return Outcome(diversion.node, first_s, 0.0, ride_s, 0.0, diversion.length_m, fare_eur)


def going_on(service: Service, offer: Offer) -> Offer:
    """Return the offer of a ride that goes on from a junction: nobody fetches the vehicle there."""
    return offer._replace(walk_s=offer.walk_s - before_s(service, offer))


def joined(first: Outcome, second: Outcome) -> Outcome:
    """Return one ride of two parts."""
    sums = {name: getattr(first, name) + getattr(second, name) for name in SUMMED}
    return second._replace(**sums)
