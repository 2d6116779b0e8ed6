"""Compiles a GTFS feed into a `Timetable`. A run calls it only for a feed that was not compiled before."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.errors import TimetableError
from kera_mobility.geometry import Box, distance_m, within_box
from kera_mobility.ledger import read_bytes, write_mark
from kera_mobility.town.timetable.feed_account import (
    BAD_DAYS,
    BAD_TYPE,
    NO_ROUTE,
    NO_SUCH_VEHICLE,
    ONE_STOP,
    OTHER_DAY,
    OUTSIDE,
    TWICE,
    FeedAccount,
    TripFate,
)
from kera_mobility.town.timetable.feed_calls import (
    Calls,
    Runs,
    Stops,
    of_all_trips,
    read_calls,
    read_runs,
    read_stops,
    with_riders,
)
from kera_mobility.town.timetable.feed_tables import FeedTables, feed_files, whole
from kera_mobility.town.timetable.feed_transfers import next_trips, transfer_rules
from kera_mobility.town.timetable.lines_yaml import read_lines, write_feed
from kera_mobility.town.timetable.route_types import basic_type, line_kind
from kera_mobility.town.timetable.service_days import ServiceDays, parse_day, shifts_s
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MARK", "build_timetables", "compile_feed", "fates_of_trips", "feed_hash", "write_feed"]

OUTSIDE_RADIUS_M = 800.0
"""A stop this near to an outside place serves it. Assumption: a ten-minute walk."""
LINES_MARK = "lines.sha256"
"""File that names the `lines.yaml` which a timetable was written from."""
MARK = "feed.sha256"
"""File beside compiled arrays: the hash of the feed that they were compiled from."""


@dataclass(frozen=True)
class Catchment:
    """What of a feed is of interest: calls in a box, and those at places beyond."""

    bbox: Box | None = None
    """Everything, where None."""
    outside: Sequence[tuple[float, float]] = ()
    """Longitude and latitude of places beyond the box; a stop within `OUTSIDE_RADIUS_M` of one is moved there."""

    def place(self, lonlat: FloatArray) -> IntArray:
        """Return the outside place that each stop serves, (S,); -1 if none."""
        if not self.outside or self.bbox is None:
            return np.full(len(lonlat), -1, dtype=np.int64)
        away_m = np.stack([distance_m(lonlat, place) for place in self.outside], axis=1)
        near = (np.min(away_m, axis=1) <= OUTSIDE_RADIUS_M) & ~within_box(lonlat, self.bbox)
        return np.where(near, np.argmin(away_m, axis=1), -1).astype(np.int64)


def compile_feed(
    feed: Path,
    out: Path,
    *,
    bbox: Box | None = None,
    outside: Sequence[tuple[float, float]] = (),
    service_date: str | None = None,
) -> Timetable:
    """Return the timetable of one weekday of a GTFS feed, and save it to the folder `out`; see `timetable_of_feed`."""
    timetable = timetable_of_feed(feed, bbox=bbox, outside=outside, service_date=service_date)
    save_compiled(timetable, feed, out)
    return timetable


def save_compiled(timetable: Timetable, feed: Path, out: Path) -> None:
    """Write a timetable to a folder, with the mark of the feed that it was compiled from."""
    timetable.save(out)
    (out / MARK).write_text(feed_hash(feed) + "\n", encoding="utf-8")


def timetable_of_feed(
    feed: Path,
    *,
    bbox: Box | None = None,
    outside: Sequence[tuple[float, float]] = (),
    service_date: str | None = None,
) -> Timetable:
    """Return the timetable of one day of a GTFS feed; `about` says what became of its trips.

    Trips of frequencies.txt become runs of their own; missing times on the way are interpolated (by
    shape_dist_traveled where it is given, else evenly).

    Parameters
    ----------
    feed
        Folder of .txt files, or a .zip.
    bbox
        Where given, only calls inside it or at outside places are kept, of trips that call inside it or at two places.
    outside
        Longitude and latitude of places beyond the map. A stop outside the box within `OUTSIDE_RADIUS_M` of one is
        moved there, so that it stands at the place's street node.
    service_date
        As 2026-01-31 or 20260131; by default a typical weekday, see `ServiceDays.typical_weekday`.

    Raises
    ------
    TimetableError
        If a file is missing or broken, or nothing is left to compile.
    """
    account = FeedAccount(str(feed))
    timetable = _compiled(feed, Catchment(bbox, outside), service_date, account)
    if timetable is None:
        raise TimetableError(account.emptiness())
    return timetable


def fates_of_trips(
    feed: Path, bbox: Box | None, outside: Sequence[tuple[float, float]], service_date: str | None = None
) -> list[TripFate]:
    """Return what becomes of each row of trips.txt when a feed is compiled; see `timetable_of_feed`."""
    account = FeedAccount(str(feed))
    _compiled(feed, Catchment(bbox, outside), service_date, account)
    return list(account.fates())


def build_timetables(area: Path) -> dict[str, Timetable]:
    """Return every timetable of an area's `lines.yaml`, written to `gtfs/` and compiled to `timetables/`."""
    built = {}
    for name in read_lines(area / "lines.yaml").timetables:
        write_feed(area / "lines.yaml", name, area / "gtfs" / name)
        built[name] = compile_feed(area / "gtfs" / name, area / "timetables" / name)
        write_mark(area / "lines.yaml", area / "timetables" / name / LINES_MARK)
    return built


def feed_hash(feed: Path) -> str:
    """Return the SHA-256 over the names and bytes of a feed's files, hex digits."""
    digest = hashlib.sha256()
    for name, content in [(feed.name, read_bytes(feed))] if feed.is_file() else feed_files(feed):
        digest.update(name.encode())
        digest.update(content)
    return digest.hexdigest()


# Choosing trips


def _compiled(feed: Path, catchment: Catchment, service_date: str | None, account: FeedAccount) -> Timetable | None:
    """Return the timetable of a feed, None if no trip is left; the account says what became of each."""
    tables = FeedTables(feed, account)
    trips, routes = tables.table("trips"), tables.table("routes")
    account.trip_id, account.route_id = trips["trip_id"].tolist(), trips["route_id"].tolist()
    account.leave_out(np.flatnonzero(trips["trip_id"].duplicated()), TWICE)
    day = _choose_day(tables, trips, service_date, account)
    routes = routes[~routes["route_id"].duplicated()]
    line, line_type = _lines_of_trips(routes, trips, account)
    _list_unhonoured(tables, account)
    stops = read_stops(tables, account)
    calls = read_calls(tables, stops, account)
    calls = _shifted(calls, shifts_s(routes, tables, day, account)[line[calls.trip]])
    runs = read_runs(tables, calls, account)
    calls, begins, ends, stops = _cut(calls.at(account.kept[calls.trip]), stops, catchment, account)
    calls = with_riders(calls, account)
    if not len(calls.trip):
        return None
    following = next_trips(tables, stops, calls, begins, ends, account)
    return _Compilation(tables, stops, calls, runs, line, following, account).timetable(routes, line_type)


def _choose_day(tables: FeedTables, trips: pd.DataFrame, service_date: str | None, account: FeedAccount) -> date:
    """Return the day that is compiled; trips of other days are left out."""
    days = ServiceDays(tables, account)
    broken = np.flatnonzero(~trips["service_id"].isin(days.known))
    detail = {int(row): days.broken.get(trips["service_id"].iloc[row], f"service {trips['service_id'].iloc[row]}") for
              row in broken}  # fmt: skip
    account.leave_out(detail, BAD_DAYS, detail)
    if account.kept.any():
        try:
            day = parse_day(service_date) if service_date else days.typical_weekday(
                Counter(trips["service_id"][account.kept].tolist()))  # fmt: skip
        except ValueError as error:
            if isinstance(error, TimetableError):
                raise
            raise TimetableError(f"service date: got {service_date!r}, expected one as 2026-01-31") from None
        account.date, account.chosen = str(day), "by setting" if service_date else "typical weekday"
        account.leave_out(np.flatnonzero(~trips["service_id"].isin(days.active(day))), OTHER_DAY)
        if not account.kept.any():
            period = " to ".join(str(end) for end in days.period() or ())
            raise TimetableError(f"{tables.feed}: no trips on {day}; its calendar is from {period}")
        return day
    raise TimetableError(account.emptiness())


def _lines_of_trips(routes: pd.DataFrame, trips: pd.DataFrame, account: FeedAccount) -> tuple[IntArray, IntArray]:
    """Return the row of the route of each trip, (T,), and the basic type of each route, (L,); others are left out."""
    import pandas as pd

    line = pd.Index(routes["route_id"]).get_indexer(pd.Index(trips["route_id"])).astype(np.int64)
    code = [-1 if (number := whole(text)) is None else number for text in routes["route_type"]]
    basic = np.array([basic_type(number) for number in code], dtype=np.int64)
    named = zip(routes.index, routes["route_id"], routes["route_type"], strict=True)
    where = [f"routes.txt:{row + 2}: route {route} has {f'route_type {text!r}' if text else 'no route_type'}"
             for row, route, text in named]  # fmt: skip
    for row in np.flatnonzero(account.kept).tolist():
        if line[row] < 0:
            account.leave_out([row], NO_ROUTE, f"trips.txt:{trips.index[row] + 2}: route {trips['route_id'].iloc[row]}")
        elif basic[line[row]] < 0:
            reason = NO_SUCH_VEHICLE if line_kind(code[line[row]]) else BAD_TYPE
            account.leave_out([row], reason, where[line[row]])
    return line, basic


def _list_unhonoured(tables: FeedTables, account: FeedAccount) -> None:
    """List what columns say that the model does not do."""
    for name in ("routes", "stop_times"):
        columns = tables.table(name)[["continuous_pickup", "continuous_drop_off"]]
        if columns.isin(["0", "2", "3"]).to_numpy().any():
            account.not_honoured.append(f"{name}.txt, continuous_pickup and _drop_off: riders use stops only")
    for column, words in (("wheelchair_accessible", "wheelchairs"), ("bikes_allowed", "bicycles")):
        if (tables.table("trips")[column] == "2").any():
            account.not_honoured.append(f"trips.txt, {column}: lines take no account of {words}")


def _shifted(calls: Calls, shift_s: FloatArray) -> Calls:
    return Calls(
        calls.trip, calls.stop, calls.arrive_s + shift_s, calls.depart_s + shift_s, calls.boards, calls.alights
    )


def _cut(
    calls: Calls, stops: Stops, catchment: Catchment, account: FeedAccount
) -> tuple[Calls, BoolArray, BoolArray, Stops]:
    """Return the calls in the catchment, the trips whose first and last calls are among them, and the moved stops."""
    first, trips = calls.starts, len(account.trip_id)
    last = np.append(first[1:], len(calls.trip))[: len(first)] - 1  # none of none
    begins, ends = np.zeros(trips, dtype=np.bool_), np.zeros(trips, dtype=np.bool_)
    if catchment.bbox is None:
        begins[:] = ends[:] = True
        return calls, begins, ends, stops
    place = catchment.place(stops.lonlat)
    lonlat = stops.lonlat.copy()
    for index, position in enumerate(catchment.outside):
        lonlat[place == index] = position
    inside, place = within_box(stops.lonlat, catchment.bbox)[calls.stop], place[calls.stop]
    touches = np.zeros(trips, dtype=np.bool_)
    touches[calls.trip[inside]] = True
    most, least = np.full(trips, -1, dtype=np.int64), np.full(trips, len(catchment.outside), dtype=np.int64)
    np.maximum.at(most, calls.trip, place)
    np.minimum.at(least, calls.trip[place >= 0], place[place >= 0])
    account.leave_out(np.flatnonzero(account.kept & ~touches & (most <= least)), OUTSIDE)
    near = (inside | (place >= 0)) & account.kept[calls.trip]
    begins[calls.trip[first]], ends[calls.trip[last]] = near[first], near[last]
    kept = of_all_trips(calls.at(near), account, ONE_STOP)
    return kept, begins, ends, stops._replace(lonlat=lonlat)


# Compiling


class _Compilation:
    """The runs of the trips that are kept, by line, departure and name, as arrays."""

    def __init__(
        self, tables: FeedTables, stops: Stops, calls: Calls, runs: Runs, line: IntArray, following: dict[int, int],
        account: FeedAccount,
    ) -> None:  # fmt: skip
        self._tables, self._stops, self._account, self._following = tables, stops, account, following
        trips = calls.trip[calls.starts]
        row = np.searchsorted(trips, runs.trip)
        kept = np.flatnonzero(trips[np.minimum(row, len(trips) - 1)] == runs.trip)
        start_s = calls.depart_s[calls.starts[row[kept]]] + runs.shift_s[kept]
        names = np.array(runs.name, dtype=str)[kept]
        order = np.lexsort((names, start_s, line[runs.trip[kept]]))
        self._run, kept = row[kept][order], kept[order]
        self._trip, self._names, self._line = runs.trip[kept], names[order], line[runs.trip[kept]]
        first = calls.starts
        size = np.diff([*first, len(calls.trip)])[self._run]
        self._start = np.concatenate([[0], np.cumsum(size)]).astype(np.int32)
        rows = np.arange(self._start[-1]) + np.repeat(first[self._run] - self._start[:-1], size)
        self._calls = _shifted(calls.at(rows), np.repeat(runs.shift_s[kept], size))

    def timetable(self, routes: pd.DataFrame, line_type: IntArray) -> Timetable:
        """Return the timetable: lines as in routes.txt, only lines and stops that are used."""
        calls, stops = self._calls, self._stops
        used, call_stop = np.unique(calls.stop, return_inverse=True)
        lines, run_line = np.unique(self._line, return_inverse=True)
        route_id, trip_id = (np.asarray(ids, dtype=object)[calls.trip].tolist() for ids in
                             (self._account.route_id, self._account.trip_id))  # fmt: skip
        rules = transfer_rules(self._tables, stops, calls.stop, route_id, trip_id, self._account)
        run_next = self._run_next()
        summary = {**self._account.summary(), "runs": len(self._names)}
        try:
            return Timetable(
                stop_lonlat=stops.lonlat[used],
                stop_id=tuple(stops.ids[row] for row in used.tolist()),
                stop_name=tuple(stops.names[row] for row in used.tolist()),
                line_name=tuple(_line_names(routes.iloc[lines])),
                line_type=line_type[lines].astype(np.int32),
                run_name=tuple(str(name) for name in self._names),
                run_line=run_line.astype(np.int32),
                run_start=self._start,
                call_stop=call_stop.astype(np.int32),
                call_arrive_s=calls.arrive_s,
                call_depart_s=calls.depart_s,
                call_boards=calls.boards,
                call_alights=calls.alights,
                run_next=run_next,
                call_from_class=rules.from_class.astype(np.int32),
                call_to_class=rules.to_class.astype(np.int32),
                transfer_pair=rules.pair.astype(np.int32),
                transfer_need_s=rules.need_s,
                about=summary,
            )
        except TimetableError as error:
            raise TimetableError(f"{self._tables.feed}: {error}") from None

    def _run_next(self) -> Any:
        """Return the run that each vehicle makes next with its riders aboard, (R,); -1 if none."""
        once = {trip: run for run, trip in enumerate(self._trip.tolist())}
        several = {trip for trip, count in zip(*np.unique(self._trip, return_counts=True), strict=True) if count > 1}
        run_next = np.full(len(self._trip), -1, dtype=np.int32)
        for trip, following in self._following.items():
            if {trip, following} & several:
                self._account.note("frequencies.txt: riders do not stay aboard from one trip to the next")
            else:
                run_next[once[trip]] = once[following]
        return run_next


def _line_names(routes: pd.DataFrame) -> Iterator[str]:
    for row in routes.to_dict("records"):
        yield str(row["route_short_name"] or row["route_long_name"] or row["route_id"])
