"""Timetabled lines as arrays (stops S, lines L, runs R, calls C) and exact journeys by them. No pandas here.

Times are seconds from the midnight that starts the service day and run on past 24:00; the night hours before the
first run belong to the day before and hold no vehicles.
"""

from __future__ import annotations

import io
import json
import zipfile
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kera_mobility.errors import TimetableError
from kera_mobility.ledger import is_file, read_array, read_bytes, read_text
from kera_mobility.town.timetable.connection_scan import Platforms, ScannedRuns, Transfers, scan
from kera_mobility.town.timetable.route_types import KIND_TYPES
from kera_mobility.units import STEPS_PER_S, AnyArray, BoolArray, FloatArray, IntArray

TRANSFER_SLACK_S = 90.0
"""Least time between alighting and boarding again. Source: HSL journey planner, pt.transfer_slack in parameters.csv."""
MOST_BOARDINGS = 3
"""Vehicles in one journey. Assumption: more changes than two are not accepted inside a city region."""

_NAMES_FILE = "names.json"
_RIDING_FILE = "riding.npz"
_ABOUT_FILE = "feed.json"


_UNSET: Any = None
_DEFAULTS: dict[str, Callable[[int, int], AnyArray]] = {
    "call_boards": lambda runs, calls: np.ones(calls, dtype=np.bool_),
    "call_alights": lambda runs, calls: np.ones(calls, dtype=np.bool_),
    "run_next": lambda runs, calls: np.full(runs, -1, dtype=np.int32),
    "call_from_class": lambda runs, calls: np.zeros(calls, dtype=np.int32),
    "call_to_class": lambda runs, calls: np.zeros(calls, dtype=np.int32),
    "transfer_pair": lambda runs, calls: np.zeros((0, 2), dtype=np.int32),
    "transfer_need_s": lambda runs, calls: np.zeros(0),
}
"""What nothing is said about, by numbers of runs and calls; it is not written either."""


@dataclass(frozen=True)
class Timetable:
    """One weekday of timetabled lines. Arrays are memory-mapped `.npy` files, names stand in `names.json`."""

    stop_lonlat: FloatArray
    """(S, 2) degrees."""
    stop_id: tuple[str, ...]
    """(S,) GTFS stop_id."""
    stop_name: tuple[str, ...]
    """(S,)"""
    line_name: tuple[str, ...]
    """(L,) short name, or the long one where there is no short name."""
    line_type: NDArray[np.int32]
    """(L,) basic GTFS route_type as in `route_types.KIND_TYPES`, whatever code the feed uses."""
    run_name: tuple[str, ...]
    """(R,) GTFS trip_id; `trip_id@HH:MM:SS` for a run out of frequencies.txt."""
    run_line: NDArray[np.int32]
    """(R,)"""
    run_start: NDArray[np.int32]
    """(R + 1,) where the calls of each run start."""
    call_stop: NDArray[np.int32]
    """(C,)"""
    call_arrive_s: FloatArray
    """(C,) whole multiples of 1/64 s."""
    call_depart_s: FloatArray
    """(C,) whole multiples of 1/64 s."""
    call_boards: BoolArray = _UNSET
    """(C,) whether riders may board; by default everywhere. So with `call_alights`."""
    call_alights: BoolArray = _UNSET
    run_next: NDArray[np.int32] = _UNSET
    """(R,) the run that the vehicle makes next with its riders aboard; -1, the default, where they have to leave."""
    call_from_class: NDArray[np.int32] = _UNSET
    """(C,) which rules of changing hold for who alights; 0, the default, none. So with `call_to_class` for boarding."""
    call_to_class: NDArray[np.int32] = _UNSET
    transfer_pair: NDArray[np.int32] = _UNSET
    """(K, 2) class of alighting and class of boarding that a rule is about."""
    transfer_need_s: FloatArray = _UNSET
    """(K,) least time from arrival to departure; nan: slack and walk as elsewhere; inf: no change."""
    about: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What the import says of the feed: date, trips kept and left out, notices, what is not honoured."""

    def __post_init__(self) -> None:
        for name, make in _DEFAULTS.items():
            if getattr(self, name) is _UNSET:
                object.__setattr__(self, name, make(len(self.run_name), len(self.call_stop)))
        fault = _fault(self)
        if fault:
            raise TimetableError(f"timetable: {fault}")

    @property
    def stops(self) -> int:
        """How many stops there are."""
        return len(self.stop_id)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.run_name)

    @property
    def call_run(self) -> IntArray:
        """The run that makes each call, (C,)."""
        return np.repeat(np.arange(self.runs), np.diff(self.run_start))

    @classmethod
    def load(cls, folder: Path) -> Timetable:
        """Return the timetable in a folder.

        Raises
        ------
        TimetableError
            If a file is missing or cannot be read, or the arrays contradict each other.
        """
        parts: dict[str, Any] = {}
        path = folder / _NAMES_FILE
        try:
            names = json.loads(read_text(path))
            parts = {name: tuple(str(text) for text in names[name]) for name in _NAMES}
            for name in _ARRAYS:
                path = folder / f"{name}.npy"
                parts[name] = read_array(path)
            if is_file(path := folder / _RIDING_FILE):
                with np.load(io.BytesIO(read_bytes(path))) as riding:
                    parts |= {name: riding[name] for name in riding.files}
            if is_file(path := folder / _ABOUT_FILE):
                parts["about"] = json.loads(read_text(path))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise TimetableError(f"{path}: expected a part of a timetable, got {_one_line(error)}") from None
        try:
            return cls(**parts)
        except TimetableError as error:
            raise TimetableError(f"{folder}: {error}") from None

    def save(self, folder: Path) -> None:
        """Write the timetable to a folder: one `.npy` file for each array, `names.json`, and what there is to add."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        names = {name: list(getattr(self, name)) for name in _NAMES}
        text = json.dumps(names, ensure_ascii=False, indent=0) + "\n"
        (folder / _NAMES_FILE).write_text(text, encoding="utf-8", newline="\n")
        riding = {name: getattr(self, name) for name, make in _DEFAULTS.items()
                  if not np.array_equal(getattr(self, name), make(self.runs, len(self.call_stop)))}  # fmt: skip
        if riding:
            np.savez(folder / _RIDING_FILE, **riding)
        if self.about:
            about = json.dumps(self.about, ensure_ascii=False, indent=1) + "\n"
            (folder / _ABOUT_FILE).write_text(about, encoding="utf-8", newline="\n")

    def by_departure(self) -> list[int]:
        """Return the runs by departure: each comes before the one that its vehicle makes next."""
        start_s = np.asarray(self.call_depart_s)[np.asarray(self.run_start)[:-1]]
        order: list[int] = np.argsort(start_s, kind="stable").tolist()
        return order

    def chained(self, values: FloatArray) -> FloatArray:
        """Return values that grow along the calls of each run, (C,), grown on where riders stay for the next run."""
        chained = values.copy()
        last = np.asarray(self.run_start)[1:] - 1
        for run in self.by_departure():
            following = int(self.run_next[run])
            if following >= 0:
                first = int(self.run_start[following])
                chained[first : last[following] + 1] += chained[last[run]] - chained[first]
        return chained


_NAMES = ("stop_id", "stop_name", "line_name", "run_name")
_ARRAYS = tuple(name for name in Timetable.__dataclass_fields__ if name not in (*_NAMES, *_DEFAULTS, "about"))


class NextJourneys(NamedTuple):
    """The best journey for each question, arrays (T,); inf and -1 where there is none.

    `depart_s + ride_s + transfer_wait_s = arrive_s`. The first vehicle is `run`, boarded at `board_call` (whose stop is
    the one asked about or, within the same interchange, one to walk to in time) and left at `alight_call`; from there
    the rider asks again.
    """

    depart_s: FloatArray
    arrive_s: FloatArray
    ride_s: FloatArray
    """Inside vehicles, all legs."""
    transfer_wait_s: FloatArray
    """From alighting to boarding again, the walk between platforms included, all transfers."""
    boardings: IntArray
    run: IntArray
    board_call: IntArray
    alight_call: IntArray


class NextJourney(NamedTuple):
    """The best journey for one question, as plain scalars; the fields of `NextJourneys`."""

    depart_s: float
    arrive_s: float
    ride_s: float
    transfer_wait_s: float
    boardings: int
    run: int
    board_call: int
    alight_call: int


@dataclass(frozen=True)
class Journeys:
    """Every journey worth making between every two stops, sorted by the latest moment to be at the first stop.

    A journey boards at the stop asked about or at one of its interchange, changes vehicles where the next departs at
    least the transfer slack (and the walk, between stops of an interchange) after arrival, and ends by alighting at
    the destination stop itself. The best one for somebody ready at a time arrives earliest; among those it departs
    latest, then has the fewest boardings, then the lowest run. J counts journeys.
    """

    stops: int
    pair_start: IntArray
    """(S * S + 1,) where the journeys of each pair (from * S + to) start."""
    leave_step: NDArray[np.int32]
    """(J,) latest readiness at the first stop, in steps of 1/64 s; rises within a pair."""
    arrive_step: NDArray[np.int32]
    """(J,) in steps of 1/64 s; rises within a pair."""
    ride_step: NDArray[np.int32]
    """(J,) inside vehicles, in steps of 1/64 s."""
    boardings: NDArray[np.int8]
    """(J,)"""
    board_call: NDArray[np.int32]
    """(J,)"""
    alight_call: NDArray[np.int32]
    """(J,)"""
    call_run: IntArray
    """(C,)"""
    call_depart_s: FloatArray
    """(C,)"""
    call_origin: IntArray
    """(C,) from where who alights at a call goes on, for `next`: the stop, or a number above them where rules hold."""
    _by_pair: dict[int, tuple[list[int], list[NextJourney]]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        timetable: Timetable,
        transfer_slack_s: float = TRANSFER_SLACK_S,
        most_boardings: int = MOST_BOARDINGS,
    ) -> Journeys:
        """Return the journeys of a timetable.

        Takes about 30 us for each call of a small timetable, and memory in proportion to calls times stops.

        Raises
        ------
        ValueError
            If the slack is not above 0, or boardings are not 1 to 7.
        """
        platforms = platforms_of(timetable, transfer_slack_s)
        scanned = scan(
            ScannedRuns(timetable.run_start, timetable.run_next, timetable.call_boards, timetable.call_alights),
            timetable.call_stop,
            _steps(timetable.call_arrive_s),
            _steps(timetable.call_depart_s),
            platforms,
            most_boardings,
        )
        pairs = timetable.stops * len(platforms.walks)
        return cls(
            stops=timetable.stops,
            pair_start=np.searchsorted(scanned.pair, np.arange(pairs + 1)).astype(np.int64),
            leave_step=scanned.leave_step,
            arrive_step=scanned.arrive_step,
            ride_step=scanned.ride_step,
            boardings=scanned.boardings.astype(np.int8),
            board_call=scanned.board_call,
            alight_call=scanned.alight_call,
            call_run=timetable.call_run,
            call_depart_s=np.asarray(timetable.call_depart_s),
            call_origin=platforms.call_origin,
        )

    def next(self, from_stop: IntArray, to_stop: IntArray, ready_s: FloatArray) -> NextJourneys:
        """Return the best journeys between pairs of stops (T,) for people ready at the first stop; stop -1 has none.

        For who alights, `from_stop` is the `call_origin` and ready is the arrival and the transfer slack.
        """
        row = self._journey(np.asarray(from_stop), np.asarray(to_stop), np.asarray(ready_s, dtype=np.float64))
        there = np.flatnonzero(row >= 0)
        journeys = NextJourneys(
            *(np.full(len(row), np.inf) for _ in range(4)), *(np.full(len(row), -1) for _ in range(4))
        )
        for column, values in zip(journeys, self._columns(row[there]), strict=True):
            column[there] = values
        return journeys

    def next_one(self, from_stop: int, to_stop: int, ready_s: float) -> NextJourney | None:
        """Return the best journey between two stops for somebody ready at the first, or None; see `next`."""
        if from_stop < 0 or to_stop < 0:
            return None
        pair = from_stop * self.stops + to_stop
        listed = self._by_pair.get(pair)
        if listed is None:
            listed = self._by_pair[pair] = self._list_pair(from_stop, to_stop)
        leave_steps, journeys = listed
        row = bisect_left(leave_steps, ready_s * STEPS_PER_S)
        return journeys[row] if row < len(journeys) else None

    def typical_s(self, start_s: float, end_s: float) -> FloatArray:
        """Return the mean time from being ready at one stop to alighting at another, (S, S), over moments in a period.

        People are ready at any moment of [start_s, end_s) alike, so the wait is half the gap between useful
        departures. Inf where nothing useful departs in the period; moments after the last journey of the day do
        not count.
        """
        start, end = round(start_s * STEPS_PER_S), round(end_s * STEPS_PER_S)
        pair_start = self.pair_start[: self.stops**2 + 1]
        count, journeys = np.diff(pair_start), int(pair_start[-1])
        pair = np.repeat(np.arange(self.stops**2), count)
        leave, arrive = (steps[:journeys].astype(np.int64) for steps in (self.leave_step, self.arrive_step))
        before = np.roll(leave, 1)
        before[pair_start[:-1][count > 0]] = -1
        low = np.clip(before, start, end)
        high = np.clip(leave, start, end)
        covered, doubled, useful = (np.zeros(self.stops**2, dtype=np.int64) for _ in range(3))
        np.add.at(covered, pair, high - low)
        np.add.at(doubled, pair, (2 * arrive - low - high) * (high - low))
        np.add.at(useful, pair, (leave >= start) & (leave < end))
        served = (useful > 0) & (covered > 0)
        mean = np.where(served, doubled / np.where(served, 2.0 * STEPS_PER_S * covered, 1.0), np.inf)
        return np.asarray(mean.reshape(self.stops, self.stops), dtype=np.float64)

    def _journey(self, from_stop: IntArray, to_stop: IntArray, ready_s: FloatArray) -> IntArray:
        """Return the row of the best journey, (T,); -1 where there is none."""
        askable = (from_stop >= 0) & (to_stop >= 0) & (ready_s < np.inf)
        pair = np.where(askable, from_stop * self.stops + to_stop, 0)
        ready_step = np.where(askable, ready_s, 0.0) * STEPS_PER_S
        low, high = self.pair_start[pair], self.pair_start[pair + 1]
        end = high
        while np.any(low < high):
            middle = (low + high) // 2
            late = (low < high) & (self.leave_step[np.minimum(middle, len(self.leave_step) - 1)] < ready_step)
            low, high = np.where(late, middle + 1, low), np.where(late | (low >= high), high, middle)
        return np.where(askable & (low < end), low, -1)

    def _columns(self, rows: Any) -> tuple[AnyArray, ...]:
        """Return the columns of `NextJourneys` at some rows."""
        board_call = self.board_call[rows]
        arrive_s, ride_s = self.arrive_step[rows] / STEPS_PER_S, self.ride_step[rows] / STEPS_PER_S
        depart_s = self.call_depart_s[board_call]
        wait_s = arrive_s - depart_s - ride_s
        counts = (self.boardings[rows], self.call_run[board_call], board_call, self.alight_call[rows])
        return depart_s, arrive_s, ride_s, wait_s, *counts

    def _list_pair(self, from_stop: int, to_stop: int) -> tuple[list[int], list[NextJourney]]:
        pair = from_stop * self.stops + to_stop
        rows = slice(int(self.pair_start[pair]), int(self.pair_start[pair + 1]))
        columns = [column.tolist() for column in self._columns(rows)]
        return self.leave_step[rows].tolist(), [NextJourney(*row) for row in zip(*columns, strict=True)]


def platforms_of(timetable: Timetable, transfer_slack_s: float) -> Platforms:
    """Return where riders of a timetable board, and from where they set out; ValueError if the slack is not above 0."""
    classes = timetable.call_from_class, timetable.call_to_class
    return Platforms.of(
        Transfers.of(timetable.stop_lonlat, transfer_slack_s), timetable.stop_lonlat, timetable.call_stop, classes,
        timetable.transfer_pair, timetable.transfer_need_s,
    )  # fmt: skip


def _steps(time_s: FloatArray) -> IntArray:
    return np.round(np.asarray(time_s) * STEPS_PER_S).astype(np.int64)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _fault(timetable: Timetable) -> str:
    """Return what is wrong with the arrays, or nothing."""
    stops, lines, runs, calls = (
        len(timetable.stop_id),
        len(timetable.line_name),
        len(timetable.run_name),
        len(timetable.call_stop),
    )
    shapes = {
        "stop_lonlat": (stops, 2),
        "stop_name": (stops,),
        "line_type": (lines,),
        "run_line": (runs,),
        "run_start": (runs + 1,),
        "call_arrive_s": (calls,),
        "call_depart_s": (calls,),
        **{name: np.shape(make(runs, calls)) for name, make in _DEFAULTS.items() if "transfer" not in name},
        "transfer_pair": (len(timetable.transfer_need_s), 2),
    }
    for name, shape in shapes.items():
        shape_of = np.shape(getattr(timetable, name)) if name != "stop_name" else (len(timetable.stop_name),)
        if shape_of != shape:
            return f"{name}: got shape {shape_of}, expected {shape}"
    return _fault_in_runs(timetable, stops, lines, calls)


def _within(index: NDArray[np.int32], count: int) -> bool:
    return bool(np.all((index >= 0) & (index < count)))


def _fault_in_runs(timetable: Timetable, stops: int, lines: int, calls: int) -> str:
    start = timetable.run_start
    if start[0] != 0 or start[-1] != calls or np.any(np.diff(start) < 2):
        return "run_start: expected to rise from 0 to the number of calls, two calls a run at least"
    if not _within(timetable.call_stop, stops):
        return f"call_stop: expected stops 0 to {stops - 1}"
    if not _within(timetable.run_line, lines):
        return f"run_line: expected lines 0 to {lines - 1}"
    if not np.isin(timetable.line_type, list(KIND_TYPES.values())).all():
        return f"line_type: expected basic types ({', '.join(map(str, KIND_TYPES.values()))})"
    if not _within(np.asarray(timetable.run_next) + 1, len(timetable.run_name) + 1):
        return "run_next: expected runs, or -1"
    both = np.stack([timetable.call_arrive_s, timetable.call_depart_s], axis=1)
    if not np.all(np.isfinite(both)) or np.any(both * STEPS_PER_S % 1.0):
        return "call_arrive_s, call_depart_s: expected whole multiples of 1/64 s"
    within = np.diff(np.repeat(np.arange(len(start) - 1), np.diff(start) * 2)) == 0
    backwards = np.flatnonzero((np.diff(both.ravel()) < 0) & within)
    if len(backwards):
        run = int(np.searchsorted(start, backwards[0] // 2, side="right")) - 1
        return f"run {timetable.run_name[run]}: time runs backwards between its calls"
    return ""
