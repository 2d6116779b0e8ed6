"""The loop of a shuttle before the day: its stops and laps, who drives which lap, and the timetable that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kera_mobility.config.settings import Place
from kera_mobility.services.shuttle.settings import MeetsTrain
from kera_mobility.town.timetable.route_types import KIND_TYPES, RAIL_TYPES
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.town.town import Lines
from kera_mobility.units import FloatArray, round_s


@dataclass(frozen=True)
class Loop:
    """S stops in driving order; the first is the terminal, where laps begin and vehicles rest."""

    hop_m: FloatArray
    """Driving distance from each stop to the next, (S,)."""
    speed_m_s: float
    dwell_s: float
    """Planned at each stop."""

    @property
    def stops(self) -> int:
        """How many stops there are."""
        return len(self.hop_m)

    @cached_property
    def hop_s(self) -> FloatArray:
        """Driving time from each stop to the next, (S,)."""
        return round_s(self.hop_m / self.speed_m_s)

    @cached_property
    def lap_s(self) -> float:
        """From beginning to load at the terminal to being back there."""
        return float(np.cumsum(self.hop_s)[-1]) + self.dwell_s * len(self.hop_s)

    @cached_property
    def lap_m(self) -> float:
        """Length of a lap."""
        return float(np.cumsum(self.hop_m)[-1])

    @cached_property
    def into_lap_s(self) -> FloatArray:
        """Arrival at each stop and back at the first, from the beginning of a lap, (S + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.hop_s + self.dwell_s)])

    @cached_property
    def least_ride_s(self) -> FloatArray:
        """Driving time between stops without any dwell, (S, S): no ride is shorter."""
        along = np.concatenate([[0.0], np.cumsum(np.tile(self.hop_s, 2))])
        board = np.arange(self.stops)[:, None]
        step = (np.arange(self.stops)[None, :] - board) % self.stops
        least_s: FloatArray = along[board + step] - along[board]
        return least_s


def assign_laps(
    loop: Loop, begin_s: Iterable[float], duties: Sequence[tuple[float, float]]
) -> tuple[dict[int, list[float]], list[float]]:
    """Return when each vehicle begins laps, of those that make one, and the beginnings for which none is free.

    The vehicle that has rested longest goes first, of equals the lowest id, so no vehicle overtakes another.

    Parameters
    ----------
    begin_s
        When vehicles are to stand at the terminal to load, rising.
    duties
        From when to when each vehicle works, s, (V,); a lap lies within its duty.
    """
    free_s = [-np.inf] * len(duties)
    laps: dict[int, list[float]] = {}
    unserved = []
    for due_s in begin_s:
        back_s = due_s + loop.lap_s
        able = [
            (free_s[vehicle], vehicle)
            for vehicle, (first_s, last_s) in enumerate(duties)
            if max(free_s[vehicle], first_s) <= due_s and back_s <= last_s
        ]
        if not able:
            unserved.append(due_s)
            continue
        vehicle = min(able)[1]
        laps.setdefault(vehicle, []).append(due_s)
        free_s[vehicle] = back_s
    return laps, unserved


def timetable_of(loop: Loop, laps: Mapping[int, list[float]], name: str, stops: Sequence[Place]) -> Timetable:
    """Return the timetable, one run for the laps of each vehicle, by its id, with rest at the first stop between."""
    runs = [_calls(loop, np.array(laps[vehicle])) for vehicle in sorted(laps)]
    counts = np.array([len(arrive_s) for arrive_s, _ in runs])
    return Timetable(
        stop_lonlat=np.array([[place.lon, place.lat] for place in stops]),
        stop_name=tuple(place.name for place in stops),
        stop_id=tuple(str(index) for index in range(loop.stops)),
        line_name=(name,),
        line_type=np.array([KIND_TYPES["bus"]], dtype=np.int32),
        run_line=np.zeros(len(laps), dtype=np.int32),
        run_name=tuple(f"{name}-{vehicle}" for vehicle in sorted(laps)),
        run_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        call_stop=np.concatenate([np.arange(count) % loop.stops for count in counts]).astype(np.int32),
        call_arrive_s=np.concatenate([arrive_s for arrive_s, _ in runs]),
        call_depart_s=np.concatenate([depart_s for _, depart_s in runs]),
    )


def _calls(loop: Loop, lap_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return arrivals and departures of one vehicle's day, (C,)."""
    into_lap_s = loop.into_lap_s
    begin_s = (lap_s[:, None] + into_lap_s[None, :-1]).ravel()
    end_s = lap_s[-1] + into_lap_s[-1]
    arrive_s, depart_s = np.append(begin_s, end_s), np.append(begin_s + loop.dwell_s, end_s)
    arrive_s[loop.stops : -1 : loop.stops] = lap_s[:-1] + into_lap_s[-1]
    return arrive_s, depart_s


class MetTrain(NamedTuple):
    """A train whose passengers a lap takes on."""

    depart_s: float
    """When they have walked over, by the timetable: the departure of the lap."""
    run: int
    """Run in the timetable of the trains."""


def trains_met(lines: Lines, walk_m: FloatArray, speed_m_s: float, operation: MeetsTrain) -> list[MetTrain]:
    """Return every arrival of a train near a stop, by the time when its passengers have walked over to it.

    `walk_m` is the walking distance from every node to the stop, (N,), `speed_m_s` that of walking.
    """
    timetable = lines.timetable
    node = lines.stop_node[np.asarray(timetable.call_stop)]
    far_m = np.where(node >= 0, walk_m[np.maximum(node, 0)], np.inf)
    line = np.asarray(timetable.run_line)[timetable.call_run]
    is_met = np.isin(np.asarray(timetable.line_type)[line], RAIL_TYPES) & (far_m <= operation.near_m)
    if operation.lines:
        is_met &= np.isin(np.array(timetable.line_name)[line], list(operation.lines))
    is_met &= np.asarray(timetable.call_alights)
    is_met[np.asarray(timetable.run_start)[:-1]] = False  # nobody alights where a train begins
    over_s = round_s(far_m[is_met] / speed_m_s) + operation.alight_s
    depart_s = np.asarray(timetable.call_arrive_s)[is_met] + over_s
    return sorted(map(MetTrain, depart_s.tolist(), timetable.call_run[is_met].tolist()))


def thinned(trains: Sequence[MetTrain], gap_s: float, first_s: float, last_s: float) -> list[MetTrain]:
    """Return those of a period that are at least a gap apart, each as early as it can be."""
    kept: list[MetTrain] = []
    for train in trains:
        if first_s <= train.depart_s <= last_s and (not kept or train.depart_s - kept[-1].depart_s >= gap_s):
            kept.append(train)
    return kept


def every(first_s: float, last_s: float, headway_s: float) -> list[float]:
    """Return the moments of a headway from the first to the last, both included."""
    count = int((last_s - first_s) // headway_s) + 1
    return [first_s + headway_s * step for step in range(count)]
