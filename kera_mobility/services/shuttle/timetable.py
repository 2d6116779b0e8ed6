"""The day of a loop as it is planned: what follows from a shuttle's settings and its town."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from kera_mobility.errors import SettingError
from kera_mobility.services.shuttle.loop import Loop, MetTrain, assign_laps, every, thinned, timetable_of, trains_met
from kera_mobility.services.shuttle.settings import ByTimetable, MeetsTrain, ShuttleSettings
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
        settings, loop, needed = self._settings, self.loop, self._least_vehicles
        regular = settings.operation.kind == "headway" and not settings.duties
        if regular and needed > settings.vehicles:
            yield (
                "vehicles", f"got {settings.vehicles}, expected at least {needed}: a loop takes "
                f"{loop.lap_s / MINUTE_S:.0f} min, a vehicle leaves every {settings.headway_s / MINUTE_S:.0f} min",
            )  # fmt: skip
            return
        laps, unserved = self.laps
        if isinstance(settings.operation, MeetsTrain) and not self.trains:
            yield "operation.timetable", f"no train of '{settings.operation.timetable}' ends near the terminal"
        elif not laps:
            yield "operation", "no vehicle makes a lap, expected departures within the duties of a vehicle"
        elif unserved and settings.operation.kind == "timetable" and not settings.duties:
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
    def trains(self) -> list[MetTrain]:
        """The trains worth meeting."""
        operation, settings = self._settings.operation, self._settings
        if not isinstance(operation, MeetsTrain):
            return []
        try:
            lines = self._town.lines(operation.timetable, operation.date)
        except SettingError as error:
            raise SettingError("operation.timetable", error.problem) from None
        walk_m = np.asarray(self._town.skims.walk_m[:, self._nodes[0]], dtype=np.float64)
        trains = trains_met(lines, walk_m, settings.walk_speed_m_s, operation)
        return thinned(trains, settings.headway_s, settings.first_s, settings.last_s)

    @property
    def _least_vehicles(self) -> int:
        """How many vehicles keep the headway."""
        return int(np.ceil(self.loop.lap_s / self._settings.headway_s))

    @cached_property
    def laps(self) -> tuple[dict[int, list[float]], list[float]]:
        """When each vehicle begins laps, s, and the beginnings that no vehicle is free for."""
        settings, dwell_s, operation = self._settings, self.loop.dwell_s, self._settings.operation
        duties = [(duty.first_s, duty.last_s) for duty in settings.duties[: settings.vehicles]]
        duties += [(-np.inf, np.inf)] * (settings.vehicles - len(duties))
        if isinstance(operation, ByTimetable):
            departures = set(operation.departures_s)
            for period in operation.periods:
                departures.update(every(period.first_s, period.last_s, period.headway_s))
            begin_s = [depart_s - dwell_s for depart_s in sorted(departures)]
        elif isinstance(operation, MeetsTrain):
            begin_s = [train.depart_s - dwell_s for train in self.trains]
        else:
            begin_s = every(settings.first_s, settings.last_s, settings.headway_s)
            if not settings.duties:
                duties = duties[: self._least_vehicles]
        return assign_laps(self.loop, begin_s, duties)

    @property
    def vehicle_of_run(self) -> list[int]:
        """The vehicle that makes each run, (R,)."""
        return sorted(self.laps[0])

    @cached_property
    def timetable(self) -> Timetable:
        """One run for each vehicle's day, lap after lap."""
        return timetable_of(self.loop, self.laps[0], self._name, self._settings.stops)

    @property
    def period_s(self) -> tuple[float, float]:
        """From when to when the loop is run."""
        if self._settings.operation.kind == "headway":
            return self._settings.first_s, self._settings.last_s
        laps = self.laps[0].values()
        return max(0.0, min(lap_s[0] for lap_s in laps)), max(lap_s[-1] for lap_s in laps) + self.loop.lap_s

    @cached_property
    def call_node(self) -> list[int]:
        """Street node of each call, (C,)."""
        nodes: list[int] = self._nodes[self.timetable.call_stop].tolist()
        return nodes

    @cached_property
    def call_m(self) -> list[float]:
        """Distance from the start of its run to each call, (C,)."""
        counts = np.diff(self.timetable.run_start).tolist()
        hops_m = [np.tile(self.loop.hop_m, (count - 1) // self.loop.stops) for count in counts]
        along_m: list[float] = np.concatenate([np.cumsum(np.append(0.0, hop_m)) for hop_m in hops_m]).tolist()
        return along_m

    @cached_property
    def train_of_call(self) -> dict[int, MetTrain]:
        """The train that a lap meets, by the lap's first call."""
        train_at, timetable = {train.depart_s: train for train in self.trains}, self.timetable
        is_first = np.asarray(timetable.call_stop) == 0
        is_first[np.asarray(timetable.run_start)[1:] - 1] = False
        departs_s: list[float] = timetable.call_depart_s.tolist()
        return {call: train_at[departs_s[call]] for call in np.flatnonzero(is_first).tolist()} if train_at else {}
