"""The day of a loop as it is planned: what follows from a shuttle's settings and its town."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from kera_mobility.errors import SettingError
from kera_mobility.services.shuttle.calls import LoopPlan
from kera_mobility.services.shuttle.loop import (
    Duty,
    Lap,
    Loop,
    Met,
    call_m,
    every,
    laps_by_departures,
    laps_by_headway,
    thinned,
    timetable_of,
    trains_met,
)
from kera_mobility.services.shuttle.settings import MeetsTrain, ShuttleSettings
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.town.town import Town
from kera_mobility.units import MINUTE_S, IntArray, clock


class LoopDay:
    """Laps, timetable and vehicles of a day; computed when first asked for."""

    def __init__(self, name: str, settings: ShuttleSettings, town: Town, stop_node: IntArray) -> None:
        self._name, self._settings, self._town, self._nodes = name, settings, town, stop_node

    def faults(self) -> list[tuple[str, str]]:
        """Return stops that cannot be driven to, and too few vehicles for what is to be run."""
        if not np.all(np.isfinite(self.loop.hop_m)):
            return [("stops", "a stop cannot be driven to from the one before, expected stops beside streets")]
        return list(self._faults_in_operation())

    def _faults_in_operation(self) -> Iterator[tuple[str, str]]:
        settings, loop = self._settings, self.loop
        needed, kind = int(np.ceil(loop.lap_s / settings.headway_s)), settings.operation.kind
        if kind == "headway" and not settings.duties and needed > settings.vehicles:
            yield (
                "vehicles", f"got {settings.vehicles}, expected at least {needed}: a loop takes "
                f"{loop.lap_s / MINUTE_S:.0f} min, a vehicle leaves every {settings.headway_s / MINUTE_S:.0f} min",
            )  # fmt: skip
            return
        laps, unserved = self.laps
        if isinstance(settings.operation, MeetsTrain) and not self.met:
            yield "operation.timetable", f"no train of '{settings.operation.timetable}' ends near the terminal"
        elif not laps:
            yield "operation", "no vehicle makes a lap, expected departures within the duties of a vehicle"
        elif unserved and kind == "timetable" and not settings.duties:
            yield (
                "vehicles", f"got {settings.vehicles}, too few for {len(unserved)} of the departures, the first at "
                f"{clock(unserved[0] + loop.dwell_s)}: a loop takes {loop.lap_s / MINUTE_S:.0f} min",
            )  # fmt: skip

    @cached_property
    def loop(self) -> Loop:
        """The stops and the ways between them."""
        hop_m = self._town.skims.drive_m[self._nodes, np.roll(self._nodes, -1)]
        return Loop(np.asarray(hop_m, dtype=np.float64), self._settings.speed_m_s, self._settings.dwell_s)

    @cached_property
    def met(self) -> list[Met]:
        """The trains worth meeting."""
        operation, settings = self._settings.operation, self._settings
        if not isinstance(operation, MeetsTrain):
            return []
        try:
            lines = self._town.lines(operation.timetable)
        except SettingError as error:
            raise SettingError("operation.timetable", error.what) from None
        walk_m = np.asarray(self._town.skims.walk_m[:, self._nodes[0]], dtype=np.float64)
        met = trains_met(
            lines, walk_m, near_m=operation.near_m, speed_m_s=settings.walk_speed_m_s,
            alight_s=operation.alight_s, only=operation.lines,
        )  # fmt: skip
        return thinned(met, settings.headway_s, settings.first_s, settings.last_s)

    @cached_property
    def laps(self) -> tuple[list[Lap], list[float]]:
        """The laps, and the beginnings that no vehicle is free for."""
        settings, loop, operation = self._settings, self.loop, self._settings.operation
        if operation.kind == "headway" and not settings.duties:
            return laps_by_headway(loop, settings.first_s, settings.last_s, settings.headway_s), []
        if operation.kind == "headway":
            begin_s = every(settings.first_s, settings.last_s, settings.headway_s)
        elif operation.kind == "meets_train":
            begin_s = [met.depart_s - loop.dwell_s for met in self.met]
        else:
            listed = list(operation.departures_s)
            listed += [time_s for one in operation.periods for time_s in every(one.first_s, one.last_s, one.headway_s)]
            begin_s = [time_s - loop.dwell_s for time_s in sorted(set(listed))]
        hours = [Duty(one.first_s, one.last_s) for one in settings.duties[: settings.vehicles]]
        hours += [Duty(-np.inf, np.inf)] * (settings.vehicles - len(hours))
        return laps_by_departures(loop, begin_s, hours)

    @cached_property
    def _drawn_up(self) -> tuple[Timetable, list[int]]:
        return timetable_of(self.loop, self.laps[0], self._name, self._settings.stops)

    @property
    def timetable(self) -> Timetable:
        """One run for each vehicle's day, lap after lap."""
        return self._drawn_up[0]

    @property
    def period_s(self) -> tuple[float, float]:
        """From when to when the loop is run."""
        if self._settings.operation.kind == "headway":
            return self._settings.first_s, self._settings.last_s
        begin_s = [lap.begin_s for lap in self.laps[0]]
        return max(0.0, min(begin_s)), max(begin_s) + self.loop.lap_s

    @cached_property
    def plan(self) -> LoopPlan:
        """What is to be run."""
        timetable, vehicle_of_run = self._drawn_up
        starts: list[int] = timetable.run_start.tolist()
        met = {}
        if self.met:
            by_departure = {one.depart_s: one for one in self.met}
            firsts = [call for run in range(timetable.runs)
                      for call in range(starts[run], starts[run + 1] - 1, self.loop.stops)]  # fmt: skip
            met = {call: by_departure[float(timetable.call_depart_s[call])] for call in firsts}
        return LoopPlan(
            self.loop, timetable, vehicle_of_run, self._nodes[timetable.call_stop].tolist(),
            call_m(self.loop, starts), met, self._settings.fleet,
        )  # fmt: skip
