"""Compiles a GTFS feed into a `Timetable`. A run calls it only for a feed that was not compiled before."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kera_mobility.errors import TimetableError, nearest_name
from kera_mobility.geometry import Box, distance_m, within_box
from kera_mobility.ledger import files_in, read_bytes
from kera_mobility.town.timetable.lines_yaml import hms, read_lines, write_feed
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import HOUR_S, MINUTE_S, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd
    from gtfs_kit import Feed

__all__ = ["MARK", "build_timetables", "compile_feed", "feed_hash", "write_feed"]

OUTSIDE_RADIUS_M = 800.0
"""A stop this near to an outside place serves it. Assumption: a ten-minute walk."""
_SATURDAY = 5
_REQUIRED = {
    "stops": ("stop_id", "stop_lon", "stop_lat"),
    "routes": ("route_id",),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"),
}
"""Files and columns that are read of every feed."""

MARK = "feed.sha256"
"""File beside compiled arrays: the hash of the feed that they were compiled from."""


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
    """Return the timetable of one weekday of a GTFS feed.

    Trips of frequencies.txt become runs of their own; missing times on the way are interpolated (by
    shape_dist_traveled where it is given, else evenly).

    Parameters
    ----------
    feed
        Folder of .txt files, or a .zip.
    bbox
        Where given, only runs are kept that call inside it, or at two of the outside places.
    outside
        Longitude and latitude of places beyond the map. A stop outside the box within `OUTSIDE_RADIUS_M` of one is
        moved there, so that it stands at the place's street node.
    service_date
        YYYYMMDD; by default the weekday with the most trips, the first of them.

    Raises
    ------
    TimetableError
        If a file is missing or broken, or nothing is left to compile.
    """
    gtfs = _read(feed)
    date = service_date or _busiest_weekday(gtfs, feed)
    trips = _trips_on(gtfs, date, feed)
    calls = _calls(gtfs.stop_times, trips, feed)
    calls, trips = _with_frequencies(gtfs.frequencies, calls, trips, feed)
    stops = _stops(gtfs.stops, calls, outside if bbox else (), bbox, feed)
    if bbox is not None:
        calls = _touching(calls, stops, bbox)
    if calls.empty:
        raise TimetableError(f"{feed}: no trips on {date} that call at two stops of the area")
    return _arrays(gtfs.routes, stops, trips, calls, feed)


def build_timetables(area: Path) -> dict[str, Timetable]:
    """Return every timetable of an area's `lines.yaml`, written to `gtfs/` and compiled to `timetables/`."""
    built = {}
    for name in read_lines(area / "lines.yaml").timetables:
        write_feed(area / "lines.yaml", name, area / "gtfs" / name)
        built[name] = compile_feed(area / "gtfs" / name, area / "timetables" / name)
    return built


def feed_hash(feed: Path) -> str:
    """Return the SHA-256 over the names and bytes of a feed's files, hex digits."""
    digest = hashlib.sha256()
    for file in [feed] if feed.is_file() else files_in(feed, "*.txt"):
        digest.update(file.name.encode())
        digest.update(read_bytes(file))
    return digest.hexdigest()


# Reading a feed


def _read(feed: Path) -> Feed:
    """Return a feed that has the tables and columns that every feed needs."""
    import gtfs_kit

    if not feed.exists():
        raise TimetableError(f"{feed}: no such GTFS feed, expected a folder or a .zip")
    try:
        gtfs = gtfs_kit.read_feed(feed, dist_units="km")
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise TimetableError(f"{feed}: not a readable GTFS feed: {' '.join(str(error).split())}") from None
    for name, columns in _REQUIRED.items():
        table = getattr(gtfs, name)
        if table is None:
            raise TimetableError(f"{feed / name}.txt: missing or empty, a GTFS feed needs it")
        for column in columns:
            if column not in table.columns:
                near = nearest_name(column, list(table.columns))
                raise TimetableError(f"{feed / name}.txt: no column {column}{near}")
    if gtfs.calendar is None and gtfs.calendar_dates is None:
        raise TimetableError(f"{feed}: neither calendar.txt nor calendar_dates.txt, a GTFS feed needs one of them")
    return gtfs


def _busiest_weekday(gtfs: Feed, feed: Path) -> str:
    """Return the date, Monday to Friday, with the most trips; the first of equals."""
    trips_of = gtfs.trips["service_id"].value_counts()
    weekdays = [f"{day:%Y%m%d}" for day in gtfs.get_dates(as_date_obj=True) if day.weekday() < _SATURDAY]
    trips_on = {day: trips_of[trips_of.index.isin(gtfs.get_active_services(day))].sum() for day in weekdays}
    if not any(trips_on.values()):
        raise TimetableError(f"{feed}: no trips on any weekday of calendar.txt and calendar_dates.txt")
    return max(trips_on, key=lambda day: trips_on[day])


def _trips_on(gtfs: Feed, date: str, feed: Path) -> pd.DataFrame:
    trips: pd.DataFrame = gtfs.get_trips(date)
    if trips.empty:
        raise TimetableError(f"{feed}: no trips on {date}")
    return trips.assign(trip_id=trips["trip_id"].astype(str), route_id=trips["route_id"].astype(str))[
        ["trip_id", "route_id"]
    ]


def _calls(times: pd.DataFrame, trips: pd.DataFrame, feed: Path) -> pd.DataFrame:
    """Return the calls of the trips in order: trip_id, stop_id, arrive_s, depart_s, every time filled."""
    calls = times[times["trip_id"].isin(trips["trip_id"])].sort_values(["trip_id", "stop_sequence"], kind="stable")
    arrive_s, depart_s = (
        np.array(
            [_clock_s(text, feed / "stop_times.txt") for text in calls[name].fillna("").astype(str)], dtype=np.float64
        )
        for name in ("arrival_time", "departure_time")
    )
    arrive_s, depart_s = (
        np.where(np.isnan(arrive_s), depart_s, arrive_s),
        np.where(np.isnan(depart_s), arrive_s, depart_s),
    )
    trip = calls["trip_id"].astype(str).to_numpy()
    along = _along(calls)
    filled_s = _interpolated(np.stack([depart_s, arrive_s]), trip, along, feed)
    columns = {"trip_id": trip, "stop_id": calls["stop_id"].astype(str).to_numpy()}
    return calls.assign(**columns, depart_s=filled_s[0], arrive_s=filled_s[1])[
        ["trip_id", "stop_id", "arrive_s", "depart_s"]
    ]


def _clock_s(text: str, file: Path) -> float:
    """Return seconds from midnight of H:MM:SS, hours past 24 too; nan where the text is empty."""
    if not text.strip():
        return math.nan
    parts = text.strip().split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise TimetableError(f"{file}: got time {text!r}, expected HH:MM:SS")
    return int(parts[0]) * HOUR_S + int(parts[1]) * MINUTE_S + int(parts[2])


def _along(calls: pd.DataFrame) -> FloatArray:
    """Return how far along its trip each call is: by distance where all are given, else by count."""
    if "shape_dist_traveled" in calls.columns and calls["shape_dist_traveled"].notna().all():
        return calls["shape_dist_traveled"].to_numpy(dtype=np.float64)
    return np.arange(len(calls), dtype=np.float64)


def _interpolated(times_s: FloatArray, trip: np.ndarray[Any, Any], along: FloatArray, feed: Path) -> FloatArray:
    """Return departures and arrivals (2, C) with the missing ones filled, to whole seconds, within each trip."""
    missing = np.isnan(times_s[0])
    if not missing.any():
        return times_s
    filled_s = times_s.copy()
    starts = np.flatnonzero(np.concatenate([[True], trip[1:] != trip[:-1]]))
    for start, end in zip(starts, [*starts[1:], len(trip)], strict=True):
        gap = missing[start:end]
        if not gap.any():
            continue
        if gap[0] or gap[-1]:
            raise TimetableError(f"{feed / 'stop_times'}.txt: trip {trip[start]} has no time at its first or last stop")
        timed = np.flatnonzero(~gap) + start
        for call in np.flatnonzero(gap) + start:
            after = int(np.searchsorted(timed, call))
            low, high = int(timed[after - 1]), int(timed[after])
            length = along[high] - along[low]
            share = (along[call] - along[low]) / length if length > 0 else 0.0
            filled_s[:, call] = np.round(times_s[0, low] + share * (times_s[1, high] - times_s[0, low]))
    return filled_s


def _with_frequencies(
    frequencies: pd.DataFrame | None, calls: pd.DataFrame, trips: pd.DataFrame, feed: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return calls and trips with each trip of frequencies.txt replaced by its runs."""
    import pandas as pd

    if frequencies is None:
        return calls, trips
    pattern_of = dict(list(calls.groupby("trip_id", sort=False)))
    route_of = dict(zip(trips["trip_id"], trips["route_id"], strict=True))
    templates = frequencies[frequencies["trip_id"].isin(list(pattern_of))]
    plain = ~calls["trip_id"].isin(templates["trip_id"])
    all_calls, all_trips = [calls[plain]], [trips[~trips["trip_id"].isin(templates["trip_id"])]]
    for row in templates.to_dict("records"):
        trip, pattern = str(row["trip_id"]), pattern_of[str(row["trip_id"])]
        start_s, until_s = (_clock_s(str(row[name]), feed / "frequencies.txt") for name in ("start_time", "end_time"))
        for depart_s in np.arange(start_s, until_s, float(row["headway_secs"])):
            name = f"{trip}@{hms(float(depart_s))}"
            shift_s = depart_s - pattern["depart_s"].iloc[0]
            moved = {"arrive_s": pattern["arrive_s"] + shift_s, "depart_s": pattern["depart_s"] + shift_s}
            all_calls.append(pattern.assign(trip_id=name, **moved))
            all_trips.append(pd.DataFrame({"trip_id": [name], "route_id": [route_of[trip]]}))
    return pd.concat(all_calls), pd.concat(all_trips)


# Compiling


class _Stops(NamedTuple):
    ids: list[str]
    names: list[str]
    lonlat: FloatArray
    place: IntArray
    """(S,) the outside place that each stop serves, -1 if none."""


def _stops(
    table: pd.DataFrame,
    calls: pd.DataFrame,
    outside: Sequence[tuple[float, float]],
    bbox: Box | None,
    feed: Path,
) -> _Stops:
    """Return the stops that are called at, in the order of stops.txt, moved to the outside place that they serve."""
    table = table[table["stop_id"].isin(calls["stop_id"])]
    ids = [str(stop) for stop in table["stop_id"]]
    unknown = sorted(set(calls["stop_id"]) - set(ids))
    if unknown:
        raise TimetableError(f"{feed / 'stops'}.txt: no stop {unknown[0]}, which stop_times.txt calls at")
    lonlat = table[["stop_lon", "stop_lat"]].to_numpy(dtype=np.float64)
    if not np.all(np.isfinite(lonlat)):
        raise TimetableError(f"{feed / 'stops'}.txt: a stop that is called at has no position")
    place = _place(lonlat, outside, bbox)
    for index, position in enumerate(outside):
        lonlat[place == index] = position
    names = table["stop_name"] if "stop_name" in table.columns else table["stop_id"]
    return _Stops(ids, [str(name) for name in names.fillna("")], lonlat, place)


def _place(lonlat: FloatArray, outside: Sequence[tuple[float, float]], bbox: Box | None) -> IntArray:
    """Return the nearest outside place within reach of each stop beyond the box, -1 if none."""
    if not outside or bbox is None:
        return np.full(len(lonlat), -1, dtype=np.int64)
    away_m = np.stack([distance_m(lonlat, place) for place in outside], axis=1)
    nearest = np.argmin(away_m, axis=1)
    near = (np.min(away_m, axis=1) <= OUTSIDE_RADIUS_M) & ~within_box(lonlat, bbox)
    return np.where(near, nearest, -1).astype(np.int64)


def _touching(calls: pd.DataFrame, stops: _Stops, bbox: Box) -> pd.DataFrame:
    """Return the calls of the trips that call inside the box, or at two different outside places."""
    inside = dict(zip(stops.ids, within_box(stops.lonlat, bbox).tolist(), strict=True))
    place = dict(zip(stops.ids, stops.place.tolist(), strict=True))
    useful = calls.assign(inside=calls["stop_id"].map(inside), place=calls["stop_id"].map(place))
    touches = useful.groupby("trip_id")["inside"].any()
    places = useful[useful["place"] >= 0].groupby("trip_id")["place"].nunique()
    kept = set(touches[touches].index) | set(places[places >= 2].index)
    return calls[calls["trip_id"].isin(sorted(kept))]


def _arrays(routes: pd.DataFrame, stops: _Stops, trips: pd.DataFrame, calls: pd.DataFrame, feed: Path) -> Timetable:
    """Return the timetable: lines as in routes.txt, runs by line and departure, only what is used."""
    sizes = calls.groupby("trip_id")["stop_id"].transform("size")
    calls = calls[sizes >= 2].merge(trips, on="trip_id", how="left")
    routes = routes.assign(route_id=routes["route_id"].astype(str))
    routes = routes[routes["route_id"].isin(calls["route_id"])].reset_index(drop=True)
    missing = sorted(set(calls["route_id"]) - set(routes["route_id"]))
    if missing:
        raise TimetableError(f"{feed / 'routes'}.txt: no route {missing[0]}, which trips.txt names")
    line_of = {route: line for line, route in enumerate(routes["route_id"])}
    calls = calls.assign(
        line=calls["route_id"].map(line_of), start=calls.groupby("trip_id")["depart_s"].transform("first")
    )
    calls = calls.sort_values(["line", "start", "trip_id"], kind="stable")
    used = [index for index, stop in enumerate(stops.ids) if stop in set(calls["stop_id"])]
    stop_of = {stops.ids[index]: row for row, index in enumerate(used)}
    first = calls.drop_duplicates("trip_id")
    sizes = calls.groupby("trip_id", sort=False).size()
    try:
        return Timetable(
            stop_lonlat=stops.lonlat[used],
            stop_id=tuple(stops.ids[index] for index in used),
            stop_name=tuple(stops.names[index] for index in used),
            line_name=tuple(_line_names(routes)),
            line_type=routes["route_type"].to_numpy(dtype=np.int32),
            run_name=tuple(str(name) for name in first["trip_id"]),
            run_line=first["line"].to_numpy(dtype=np.int32),
            run_start=np.concatenate([[0], np.cumsum(sizes.to_numpy())]).astype(np.int32),
            call_stop=calls["stop_id"].map(stop_of).to_numpy(dtype=np.int64).astype(np.int32),
            call_arrive_s=calls["arrive_s"].to_numpy(dtype=np.float64),
            call_depart_s=calls["depart_s"].to_numpy(dtype=np.float64),
        )
    except TimetableError as error:
        raise TimetableError(f"{feed}: {error}") from None


def _line_names(routes: pd.DataFrame) -> Iterator[str]:
    for row in routes.fillna("").to_dict("records"):
        yield str(row.get("route_short_name") or row.get("route_long_name") or row["route_id"])
