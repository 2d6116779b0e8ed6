"""What the operator does with a fleet as a whole: hours and seasons, nights, and what public notices ask for."""

from __future__ import annotations

import math
from collections.abc import Generator
from datetime import date

import numpy as np
import simpy

from kera_mobility.config.calendar import Timeline, Window
from kera_mobility.services.notices import BookingSuspended, FleetWithdrawn, Notice, ServiceClosed, Snowfall
from kera_mobility.services.reasons import CLOSED, OFFLINE, SNOW
from kera_mobility.services.scooter.fleet import AWAY, BROKEN, FREE, Fleet
from kera_mobility.services.scooter.policies.overnight import OvernightPolicy
from kera_mobility.services.scooter.reasons import WITHDRAWN
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import DAY_S, BoolArray, FloatArray

HALTS: dict[type[Notice], str] = {BookingSuspended: OFFLINE, ServiceClosed: CLOSED, Snowfall: SNOW}
"""Topics of notices that stop new rentals until they are over, and the reason that people are given."""


class Operator:
    """Says whether anything can be rented, and takes vehicles off the streets and puts them out."""

    def __init__(self, name: str, settings: ScooterSettings, policy: OvernightPolicy, town: Town) -> None:
        self._name, self._settings, self._town = name, settings, town
        today = date.fromisoformat(settings.date)
        self._away_s = policy.away_s
        night = [] if self._away_s is None else [Window(from_s=self._away_s[0], until_s=self._away_s[1])]
        always = [] if settings.season.holds(today) else [Window()]
        windows = [*settings.closed, *night, *always]
        self._closed = Timeline(windows, today) if windows else None
        self._night = Timeline(night, today)
        self._halted: dict[type[Notice], str] = {}
        self._withdrawn: list[int] = []
        self._all_withdrawn = False
        self._world: World
        self._fleet: Fleet

    def closed_at(self, t_s: FloatArray) -> BoolArray | None:
        """Return at which moments, (T,), nothing is rented by the hours; None if there are no such hours."""
        if self._closed is None:
            return None
        by_piece = np.array([bool(windows) for windows in self._closed.sets])
        closed: BoolArray = by_piece[self._closed.pieces(t_s)]
        return closed

    def refusal_reason(self) -> str:
        """Return why nothing can be rented now, or nothing."""
        if self._halted:
            return next(iter(self._halted.values()))
        if self._all_withdrawn:
            return WITHDRAWN
        return CLOSED if self._closed and self._closed.at(self._world.env.now) else ""

    def is_night(self, t_s: float) -> bool:
        """Return whether the fleet is taken in for the night at a moment."""
        return bool(self._night.at(t_s))

    def start(self, world: World, fleet: Fleet) -> None:
        """Listen to what concerns the fleet, and wait for the night."""
        self._world, self._fleet = world, fleet
        for topic in (*HALTS, FleetWithdrawn):
            world.notices.listen(topic, self._hear)
        if self._away_s is not None:
            world.env.process(self._nights(*self._away_s))

    def after_ride(self, vehicle: int) -> None:
        """Take in a vehicle whose ride has ended, if it is night."""
        if self._away_s is not None and self.is_night(self._world.env.now):
            self._fleet.withdraw([vehicle])

    def _nights(self, from_s: float, until_s: float) -> Generator[simpy.Event, object, None]:
        """Put the fleet out in the morning and take it in at night, until the day is over."""
        env, days = self._world.env, range(math.ceil(self._world.end_s / DAY_S))
        moments = sorted((day * DAY_S + clock_s, is_night) for day in days
                         for clock_s, is_night in ((from_s, True), (until_s, False)))  # fmt: skip
        for moment_s, is_night in moments:
            if moment_s > env.now:
                yield env.timeout(moment_s - env.now)
            elif moment_s < env.now or is_night:
                continue
            if is_night:
                self._fleet.withdraw(self._fleet.in_state(*FREE, BROKEN))
            else:
                self._put_out([vehicle for vehicle in self._fleet.in_state(AWAY) if vehicle not in self._withdrawn])

    def _hear(self, notice: Notice) -> None:
        """Stop or go on renting, or take a part of the fleet off the streets and put it out again."""
        is_snow = isinstance(notice, Snowfall)
        if not (notice.service == self._name or (not notice.service and is_snow)):
            return
        if is_snow and self._settings.rides_in_snow:
            return
        if isinstance(notice, FleetWithdrawn):
            part = 0.0 if notice.ends else notice.part
            self._all_withdrawn = part >= 1.0
            self._withdraw(part)
        elif notice.ends:
            self._halted.pop(type(notice), None)
        elif not (isinstance(notice, ServiceClosed) and notice.lines):
            self._halted[type(notice)] = HALTS[type(notice)]

    def _withdraw(self, part: float) -> None:
        """Take a part of the free vehicles off the streets, those with the lowest draws; put out what was before."""
        fleet, is_night = self._fleet, self.is_night(self._world.env.now)
        if not is_night:
            self._put_out(self._withdrawn)
        free = fleet.in_state(*FREE, *((AWAY,) if is_night else ()))
        draw = self._town.dice.uniform("withdrawn", self._name, np.array(free, dtype=np.int64))
        chosen = sorted(zip(np.atleast_1d(draw).tolist(), free, strict=True))[: math.floor(part * len(free) + 0.5)]
        self._withdrawn = sorted(vehicle for _, vehicle in chosen)
        fleet.withdraw([vehicle for vehicle in self._withdrawn if fleet.state[vehicle] != AWAY])

    def _put_out(self, vehicles: list[int]) -> None:
        for vehicle in vehicles:
            if self._fleet.state[vehicle] == AWAY:
                self._fleet.bring_back(vehicle)
