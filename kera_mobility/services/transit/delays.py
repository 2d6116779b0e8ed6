"""Late and cancelled runs, addressed by line, direction and scheduled minute, so that scenarios share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.dice import Dice, word
from kera_mobility.services.transit.operation import MinimumDwell, remaining_delay_s
from kera_mobility.town.timetable.route_types import kind_of_basic
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import MINUTE_S, AnyArray, BoolArray, FloatArray, round_s


class DelaySettings(Settings):
    """How late runs are. A run is late from its first stop on: drawn there once, not growing by chance on the way."""

    on: bool = False
    """Whether runs are late and cancelled at all."""
    train_mean_min: float = Field(1.1, ge=0, le=10)
    """Mean of the exponential lateness of trains and metros, min. Derived: 93.5 % are less than 3 min late, between the
    94.4 % of 2017 (train.punctuality_commuter_2017) and the operator's 92.8 % within 2 min 29 s
    (train.punctuality_target_hsl, which alone gives train.delay_exponential_mean, 0.95, range 0.85 to 1.6)."""
    tram_mean_min: float = Field(1.0, ge=0, le=10)
    """The same of trams, light rail and cable cars, min. Assumption."""
    bus_mean_min: float = Field(2.0, ge=0, le=20)
    """The same of buses and ferries, min. Assumption."""
    cancelled_share: float = Field(0.01, ge=0, le=1)
    """Share of runs that do not start. Assumption: boards show it, so nobody waits for them."""
    recovery: float = Field(0.0, ge=0, le=0.5)
    """Part of the time between stops that a late run makes up. Assumption: nothing, so that punctuality is the same at
    every stop."""
    told_min: float = Field(1.0, ge=0, le=60)
    """A run that is later than this is a public notice, min: what meets it can wait. Assumption."""
    person_at_door_s: float = Field(0.0, ge=0, le=10)
    """More seconds at a stop for each person who boards or alights there, per door; 0 keeps the planned stops. About
    1.5 for trains, range 1 to 2.5 (sm5.boarding_time_per_passenger_per_door, unverified)."""
    connection_hold_s: float = Field(0.0, ge=0, le=600)
    """How long a run waits for riders who change to it from one that is late, or come with a shuttle that is, s.
    Assumption: trains do not wait."""


_LATE_AS = {"metro": "train", "cable": "tram", "ferry": "bus"}
"""Kinds of line whose lateness is that of another kind. Assumption."""


def late_s(settings: DelaySettings, timetable: Timetable, dice: Dice) -> FloatArray:
    """Return how late each run leaves its first stop, s, (R,): exponential, rounded to 1/64 s."""
    kinds = [kind_of_basic(basic) for basic in timetable.line_type.tolist()]
    mean_min = np.array([getattr(settings, f"{_LATE_AS.get(kind, kind)}_mean_min") for kind in kinds])
    drawn = dice.at("late").exponential(*_address(timetable))
    return round_s(mean_min[timetable.run_line] * MINUTE_S * drawn)


def cancelled(settings: DelaySettings, timetable: Timetable, dice: Dice) -> BoolArray:
    """Return which runs do not start, (R,); a larger share cancels these and more."""
    drawn: BoolArray = dice.at("cancelled").uniform(*_address(timetable)) < settings.cancelled_share
    return drawn


def displayed(
    timetable: Timetable, late_s: FloatArray, recovery: float, dwells: Sequence[MinimumDwell] | None
) -> Timetable:
    """Return the timetable as displays show it: every run as late as it is known to be, whoever boards."""
    arrive_s, depart_s = timetable.call_arrive_s.tolist(), timetable.call_depart_s.tolist()
    starts = timetable.run_start.tolist()
    came_s: dict[int, float] = {}
    delays_s = late_s.tolist()
    for run in timetable.by_departure():
        first, last = starts[run], starts[run + 1] - 1
        planned_s, came = depart_s[first], came_s.get(run, 0.0)
        depart_s[first] = max(planned_s + delays_s[run], came)
        delay_s = depart_s[first] - planned_s
        for call in range(first + 1, last + 1):
            hop_s = arrive_s[call] - timetable.call_depart_s.item(call - 1)
            dwell_s = dwells[run].doors_s if dwells else depart_s[call] - arrive_s[call]
            delay_s = remaining_delay_s(delay_s, hop_s, recovery)
            arrive_s[call] += delay_s
            left_s = arrive_s[call] if call == last else max(depart_s[call], arrive_s[call] + dwell_s)
            delay_s, depart_s[call] = left_s - depart_s[call], left_s
        came_s[int(timetable.run_next[run])] = arrive_s[last]
    return replace(timetable, call_arrive_s=np.array(arrive_s), call_depart_s=np.array(depart_s))


def without(timetable: Timetable, cut: BoolArray) -> tuple[Timetable, NDArray[np.int32]]:
    """Return the timetable without some runs (R,), and the call of the full one that each of its calls is, (C,)."""
    kept = ~cut
    run_next = np.asarray(timetable.run_next)[kept]
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    calls = np.flatnonzero(kept[timetable.call_run]).astype(np.int32)
    counts = np.diff(timetable.run_start)[kept]
    reduced = replace(
        timetable,
        run_name=tuple(timetable.run_name[run] for run in np.flatnonzero(kept).tolist()),
        run_line=np.asarray(timetable.run_line)[kept],
        run_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        call_stop=np.asarray(timetable.call_stop)[calls],
        call_arrive_s=np.asarray(timetable.call_arrive_s)[calls],
        call_depart_s=np.asarray(timetable.call_depart_s)[calls],
        call_boards=np.asarray(timetable.call_boards)[calls],
        call_alights=np.asarray(timetable.call_alights)[calls],
        run_next=np.where(run_next >= 0, number[run_next], -1).astype(np.int32),
        call_from_class=np.asarray(timetable.call_from_class)[calls],
        call_to_class=np.asarray(timetable.call_to_class)[calls],
    )
    return reduced, calls


def _address(timetable: Timetable) -> tuple[AnyArray, ...]:
    """Return line, first and last stop (which are the direction) and scheduled minute of each run, words (R,)."""
    first, last = timetable.run_start[:-1], timetable.run_start[1:] - 1
    line = np.array([word(name) for name in timetable.line_name], dtype=np.uint64)[timetable.run_line]
    stop = np.array([word(name) for name in timetable.stop_name], dtype=np.uint64)[timetable.call_stop]
    minute = np.floor(np.asarray(timetable.call_depart_s)[first] / MINUTE_S).astype(np.int64)
    return line, stop[first], stop[last], minute
