"""The calls of a feed's trips on one day, as arrays in order of trip: checked, timed, and repeated by frequencies."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kera_mobility.errors import TimetableError
from kera_mobility.geometry import distance_m
from kera_mobility.town.timetable.feed_account import (
    BAD_FREQUENCY,
    BAD_STOPS,
    BAD_TIMES,
    NO_CALLS,
    NO_RIDERS,
    ON_DEMAND,
    FeedAccount,
)
from kera_mobility.town.timetable.feed_tables import FeedTables, line_of, numbers, whole
from kera_mobility.town.timetable.lines_yaml import hms
from kera_mobility.units import HOUR_S, MINUTE_S, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

MOST_TIME_S = 72 * HOUR_S
"""A time of the third day after is a slip. Assumption."""
MOST_RUNS = 100_000
"""Runs out of frequencies.txt; more are a slip. Assumption."""
FAR_M, FAR_M_S = 10_000.0, 150.0
"""A stop is misplaced if every way to its neighbours is longer than this and faster than this, which no train is."""
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")
_FLEX = ("location_id", "location_group_id", "start_pickup_drop_off_window", "end_pickup_drop_off_window")


@dataclass(frozen=True)
class Calls:
    """C calls, those of a trip together and in order."""

    trip: IntArray
    """(C,) row of trips.txt."""
    stop: IntArray
    """(C,) row of the stops."""
    arrive_s: FloatArray
    depart_s: FloatArray
    boards: BoolArray
    """(C,) whether riders may board; so with `alights`."""
    alights: BoolArray

    def at(self, rows: IntArray | BoolArray) -> Calls:
        """Return some of the calls."""
        return Calls(*(getattr(self, part.name)[rows] for part in fields(self)))

    @property
    def starts(self) -> IntArray:
        """Where the calls of each trip start."""
        return starts_of(self.trip)


class Stops(NamedTuple):
    """The stops of a feed, the first row of each stop_id."""

    ids: list[str]
    names: list[str]
    lonlat: FloatArray
    """(S, 2) degrees; nan where there is no position."""
    station: IntArray
    """(S,) row of the parent station, or the stop itself."""


def read_stops(tables: FeedTables, account: FeedAccount) -> Stops:
    """Return the stops; a duplicate counts by its first row, a place without a position has that of its parent."""
    import pandas as pd

    table = tables.table("stops")
    twice = table["stop_id"].duplicated()
    if twice.any():
        rows = (f"stops.txt:{line_of(row)}: stop_id {stop}" for row, stop in table["stop_id"][twice].items())
        account.note("a second time; the first row counts", rows)
    table = table[~twice]
    lonlat = np.stack([numbers(table["stop_lon"]), numbers(table["stop_lat"])], axis=1).reshape(-1, 2)
    lonlat[(np.abs(lonlat) > np.array([180.0, 90.0])).any(axis=1) | (np.abs(lonlat) < 1e-3).all(axis=1)] = np.nan
    parent = pd.Index(table["stop_id"]).get_indexer(pd.Index(table["parent_station"]))
    kind = table["location_type"].to_numpy()
    for _ in range(2):  # a boarding area is within a platform, which is within a station
        inherits = np.isnan(lonlat).any(axis=1) & (parent >= 0)
        lonlat[inherits] = lonlat[parent[inherits]]
    station = np.where(parent >= 0, parent, np.arange(len(table)))
    station = station[station]
    if (kind == "2").any():
        account.not_honoured.append("entrances (location_type 2): people reach a platform at its own position")
    names = np.where(table["stop_name"] == "", table["stop_id"], table["stop_name"])
    return Stops(table["stop_id"].tolist(), names.tolist(), lonlat, station.astype(np.int64))


def read_calls(tables: FeedTables, stops: Stops, account: FeedAccount) -> Calls:
    """Return the calls of the trips that are kept so far; those with faults are left out, with the reason."""
    import pandas as pd

    table, trips = tables.table("stop_times"), tables.table("trips")
    once = np.flatnonzero(~trips["trip_id"].duplicated())
    place = pd.Index(trips["trip_id"].iloc[once]).get_indexer(pd.Index(table["trip_id"]))
    if (place < 0).any():
        rows = (f"stop_times.txt:{line_of(row)}: trip_id {name}" for row, name in table["trip_id"][place < 0].items())
        account.note("not in trips.txt; the calls are not used", rows)
    table, trip = table[place >= 0], once[place[place >= 0]]
    account.leave_out(np.flatnonzero(account.kept & ~np.isin(np.arange(len(trips)), trip)), NO_CALLS)
    table, trip = table[account.kept[trip]], trip[account.kept[trip]]
    _leave_out_flexible(table, trip, account)
    table, trip = _in_order(table, trip, account)
    calls = _timed(table, trip, pd.Index(stops.ids).get_indexer(pd.Index(table["stop_id"])), account)
    return _at_usable_stops(calls, table, stops, account)


def of_all_trips(calls: Calls, account: FeedAccount, reason: str) -> Calls:
    """Return the calls of trips that have two at least; the others are left out for a reason."""
    count = np.bincount(calls.trip, minlength=len(account.trip_id))
    account.leave_out(np.flatnonzero(account.kept & (count < 2)), reason)
    return _kept(calls, account)


def with_riders(calls: Calls, account: FeedAccount) -> Calls:
    """Return the calls of trips that somebody may board, and later leave."""
    starts = calls.starts
    boarded = np.maximum.accumulate(np.where(calls.boards, np.arange(len(calls.trip)), -1))
    before = np.concatenate([[-1], boarded[:-1]])
    first = np.repeat(starts, np.diff([*starts, len(calls.trip)])) if len(starts) else starts
    useful = calls.alights & (before >= first)
    account.leave_out(np.flatnonzero(account.kept & (np.bincount(
        calls.trip, useful, minlength=len(account.trip_id)) == 0)), NO_RIDERS)  # fmt: skip
    return _kept(calls, account)


def starts_of(trip: IntArray) -> IntArray:
    """Return where each trip starts among calls whose trips are together."""
    return np.flatnonzero(np.diff(trip, prepend=-1) != 0)


class Runs(NamedTuple):
    """R runs of the trips: one for each, or as many as frequencies.txt has."""

    trip: IntArray
    """(R,) row of trips.txt."""
    shift_s: FloatArray
    """(R,) added to the times of the trip."""
    name: list[str]


def read_runs(tables: FeedTables, calls: Calls, account: FeedAccount) -> Runs:
    """Return the runs of the trips with calls, those of frequencies.txt at even headways from the start of each row."""
    trips, starts = calls.trip[calls.starts], calls.starts
    rows = _frequency_rows(tables, set(trips.tolist()), account)
    trip_ids = np.asarray(account.trip_id, dtype=object)
    plain = [row for row in trips.tolist() if row not in rows]
    runs = [(row, 0.0, trip_ids[row]) for row in plain]
    first_s = dict(zip(trips.tolist(), calls.depart_s[starts].tolist(), strict=True))
    for row, periods in rows.items():
        departs_s = np.concatenate([np.arange(*period) for period in periods]) if periods else np.zeros(0)
        names: dict[str, int] = {}
        for depart_s in departs_s.tolist():
            name = f"{trip_ids[row]}@{hms(depart_s)}"
            names[name] = number = names.get(name, 0) + 1
            runs.append((row, depart_s - first_s[row], name if number == 1 else f"{name}#{number}"))
        if len(runs) > MOST_RUNS:
            raise TimetableError(f"{tables.file('frequencies')}: more than {MOST_RUNS} runs, expected longer headways")
    return Runs(np.array([row for row, _, _ in runs], dtype=np.int64), np.array([shift for _, shift, _ in runs]),
                [str(name) for _, _, name in runs])  # fmt: skip


def _frequency_rows(
    tables: FeedTables, kept: set[int], account: FeedAccount
) -> dict[int, list[tuple[float, float, float]]]:
    """Return start, end and headway of each valid row by trip; a trip without any is left out."""
    table = tables.table("frequencies")
    row_of = {trip: row for row, trip in reversed(list(enumerate(account.trip_id))) if row in kept}
    periods: dict[int, list[tuple[float, float, float]]] = {}
    faults: dict[int, str] = {}
    overlapping, inexact = [], 0
    for line in table.itertuples():
        row = row_of.get(str(line.trip_id))
        if row is None:
            continue
        where = f"frequencies.txt:{line_of(line.Index)}: trip {line.trip_id}"
        start_s, end_s = _clock_s(str(line.start_time)), _clock_s(str(line.end_time))
        headway = str(line.headway_secs)
        own = periods.setdefault(row, [])
        fault = _frequency_fault(line, start_s, end_s, headway)
        if fault:
            faults.setdefault(row, f"{where}: {fault}")
            continue
        overlapping += [where] * any(start_s < end and begin < end_s for begin, end, _ in own)
        inexact += str(line.exact_times) in ("", "0")
        own.append((start_s, end_s, float(headway)))
    if overlapping:
        account.note("overlaps another row of the trip; both run", overlapping)
    if inexact:
        account.not_honoured.append("frequencies.txt without exact_times 1: runs leave exactly a headway apart")
    for row, fault in faults.items():
        if periods[row]:
            account.note("the row is not used", [fault])
    bad = [row for row, own in periods.items() if not own]
    account.leave_out(bad, BAD_FREQUENCY, faults)
    return periods


def _frequency_fault(line: Any, start_s: float, end_s: float, headway: str) -> str:
    for name, time_s in (("start_time", start_s), ("end_time", end_s)):
        if np.isnan(time_s):
            return f"{name} {getattr(line, name)!r}, expected HH:MM:SS"
    if not whole(headway):
        return f"headway_secs {headway!r}, expected whole seconds above 0"
    if end_s <= start_s:
        return f"end_time {line.end_time} is not after start_time {line.start_time}; hours after midnight go on past 24"
    return ""


def _kept(calls: Calls, account: FeedAccount) -> Calls:
    return calls.at(account.kept[calls.trip])


def _leave_out_flexible(table: pd.DataFrame, trip: IntArray, account: FeedAccount) -> None:
    """Leave out trips with a call that has a window or an area instead of a stop and a time."""
    flexible = (table[list(_FLEX)] != "").any(axis=1).to_numpy()
    detail = {row: f"stop_times.txt:{line + 2}: trip {account.trip_id[row]}" for row, line in
              zip(trip[flexible][::-1].tolist(), table.index[flexible][::-1], strict=True)}  # fmt: skip
    account.leave_out(detail, ON_DEMAND, detail)


def _in_order(table: pd.DataFrame, trip: IntArray, account: FeedAccount) -> tuple[pd.DataFrame, IntArray]:
    """Return the calls by trip and stop_sequence, once each."""
    sequence = numbers(table["stop_sequence"])
    _leave_out_at(np.isnan(sequence), table, trip, "stop_sequence", "expected a number", account)
    order = np.lexsort((np.arange(len(trip)), sequence, trip))
    order = order[account.kept[trip[order]]]
    table, trip, sequence = table.iloc[order], trip[order], sequence[order]
    again = (np.diff(trip, prepend=-1) == 0) & (np.diff(sequence, prepend=-1.0) == 0)
    if again.any():
        rows = (f"stop_times.txt:{line + 2}: trip {account.trip_id[row]}" for line, row in
                zip(table.index[again], trip[again].tolist(), strict=True))  # fmt: skip
        account.note("a stop_sequence a second time; the first row counts", rows)
    return table[~again], trip[~again]


def _timed(table: pd.DataFrame, trip: IntArray, stop: IntArray, account: FeedAccount) -> Calls:
    """Return the calls with every time filled; trips with a bad one are left out."""
    arrive_s, depart_s = (_clocks_s(table[name]) for name in ("arrival_time", "departure_time"))
    for name, time_s in (("arrival_time", arrive_s), ("departure_time", depart_s)):
        bad = np.isnan(time_s) & (table[name] != "").to_numpy()
        _leave_out_at(bad, table, trip, name, "expected HH:MM:SS", account)
    arrive_s, depart_s = (
        np.where(np.isnan(arrive_s), depart_s, arrive_s),
        np.where(np.isnan(depart_s), arrive_s, depart_s),
    )
    first = np.diff(trip, prepend=-1) != 0
    ends = np.isnan(depart_s) & (first | np.append(first[1:], True))
    _leave_out_at(ends, table, trip, "departure_time", "the first and the last stop of a trip need a time", account)
    ok = account.kept[trip]
    arrive_s, depart_s = _interpolated(arrive_s, depart_s, numbers(table["shape_dist_traveled"]), ok)
    both = np.stack([arrive_s, depart_s], axis=1).ravel()
    backwards = (np.diff(both, prepend=-np.inf) < 0).reshape(-1, 2) & ~np.stack([first, np.zeros_like(first)], axis=1)
    _leave_out_at(backwards.any(axis=1), table, trip, "arrival_time", "time runs backwards", account)
    on_request = 0
    allowed = []
    for name in ("pickup_type", "drop_off_type"):
        given = table[name].to_numpy()
        on_request += int(np.count_nonzero(account.kept[trip] & np.isin(given, ("2", "3"))))
        allowed.append(given != "1")
    if on_request:
        account.note(f"stop_times.txt: {on_request} times pickup_type or drop_off_type 2 or 3, by arrangement: served")
    return Calls(trip, stop, arrive_s, depart_s, *allowed)


def _leave_out_at(
    bad: BoolArray, table: pd.DataFrame, trip: IntArray, column: str, expected: str, account: FeedAccount
) -> None:
    """Leave out the trips of some calls; the detail is file, line, trip, value and what was expected."""
    rows = np.flatnonzero(bad)[::-1]
    values, lines = table[column].to_numpy()[rows], table.index.to_numpy()[rows]
    detail = {
        row: f"stop_times.txt:{line + 2}: trip {account.trip_id[row]}: {column} {value!r}, {expected}"
        for row, line, value in zip(trip[rows].tolist(), lines.tolist(), values.tolist(), strict=True)
    }
    account.leave_out(detail, BAD_TIMES, detail)


def _clock_s(text: str) -> float:
    """Return seconds of H:MM:SS, hours past 24 too; nan if it is none."""
    match = _CLOCK.fullmatch(text)
    time_s = float("nan") if match is None else (
        int(match[1]) * HOUR_S + int(match[2]) * MINUTE_S + int(match[3]))  # fmt: skip
    return time_s if time_s < MOST_TIME_S else float("nan")


def _clocks_s(texts: pd.Series) -> FloatArray:
    """Return the seconds of a column of times, (C,); each text is read once."""
    code, unique = texts.factorize()
    return np.array([_clock_s(str(text)) for text in unique], dtype=np.float64)[code] if len(code) else np.zeros(0)


def _interpolated(
    arrive_s: FloatArray, depart_s: FloatArray, along: FloatArray, ok: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return times with the missing ones filled to whole seconds: by distance where it is known and rises, else evenly.

    Calls of trips that are not `ok` stay as they are.
    """
    index = np.arange(len(depart_s))
    missing = np.flatnonzero(np.isnan(depart_s) & ok)
    if not len(missing):
        return arrive_s, depart_s
    timed = ~np.isnan(depart_s)
    low = np.maximum.accumulate(np.where(timed, index, -1))[missing]
    high = np.minimum.accumulate(np.where(timed, index, len(index))[::-1])[::-1][missing]
    length = along[high] - along[low]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (along[missing] - along[low]) / length
    evenly = (missing - low) / (high - low)
    share = np.where((share >= 0) & (share <= 1), share, evenly)
    filled_s = np.round(depart_s[low] + share * (arrive_s[high] - depart_s[low]))
    arrive_s, depart_s = arrive_s.copy(), depart_s.copy()
    arrive_s[missing], depart_s[missing] = filled_s, filled_s
    return arrive_s, depart_s


def _at_usable_stops(calls: Calls, table: pd.DataFrame, stops: Stops, account: FeedAccount) -> Calls:
    """Return the calls at stops that have a position, not far away from all others of their trips."""
    kept = account.kept[calls.trip]
    calls, stop_id, line = calls.at(kept), table["stop_id"].to_numpy()[kept], table.index.to_numpy()[kept]
    unknown, placeless = calls.stop < 0, np.isnan(stops.lonlat[:, 0]) | np.isnan(stops.lonlat[:, 1])
    unplaced = ~unknown & placeless[calls.stop]
    calls_at_far = _far(calls, stops, ~unknown & ~unplaced)
    for bad, fault in ((unknown, "not in stops.txt"), (unplaced, "without a position (or 0, 0)"),
                       (calls_at_far, "far from the stops before and after")):  # fmt: skip
        names, first = np.unique(stop_id[bad].astype(str), return_index=True)
        rows = [f"stop_times.txt:{line[bad][row] + 2}: stop {name}" for name, row in zip(names, first, strict=True)]
        if rows:
            account.note(f"{fault}; trips pass it by", rows)
    return of_all_trips(calls.at(~unknown & ~unplaced & ~calls_at_far), account, BAD_STOPS)


def _far(calls: Calls, stops: Stops, usable: BoolArray) -> BoolArray:
    """Return the calls at stops that no vehicle could reach from any neighbour: of two, the farther from the middle."""
    rows = np.flatnonzero(usable)
    far = np.zeros(len(usable), dtype=np.bool_)
    if len(rows) < 2:
        return far
    stop, trip = calls.stop[rows], calls.trip[rows]
    step = stops.lonlat[stop][1:] - stops.lonlat[stop][:-1]
    metres = np.hypot(step[:, 0] * np.cos(np.radians(stops.lonlat[stop][1:, 1])), step[:, 1]) * 111_000.0
    seconds = np.maximum(calls.arrive_s[rows][1:] - calls.depart_s[rows][:-1], MINUTE_S)
    same: BoolArray = np.equal(trip[1:], trip[:-1])
    impossible = same & (metres > FAR_M) & (metres / seconds > FAR_M_S)
    if not impossible.any():
        return far
    middle = np.median(stops.lonlat[np.unique(stop)], axis=0)
    off_m = distance_m(stops.lonlat, (float(middle[0]), float(middle[1])))
    hops, blamed = np.zeros(len(stops.ids)), np.zeros(len(stops.ids))
    for end, other in ((stop[1:], stop[:-1]), (stop[:-1], stop[1:])):
        np.add.at(hops, end[same], 1)
        np.add.at(blamed, end[impossible & (off_m[end] > off_m[other])], 1)
    far[rows] = ((hops > 0) & (blamed == hops))[stop]
    return far
