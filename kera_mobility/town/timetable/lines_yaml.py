"""The hand-written `lines.yaml` of an area, and the GTFS feed that it stands for. Never imported by a run."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, model_validator

from kera_mobility.config.settings import Place, Settings
from kera_mobility.errors import TimetableError, nearest_name
from kera_mobility.files import read_yaml
from kera_mobility.units import HOUR_S, MINUTE_S

RAIL = 2
"""GTFS route_type of railways."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAYS = DAYS[:5]


class Stop(Place):
    """A stop; `source` is a key of `sources`, as everywhere in the file."""

    source: str


class Call(Settings):
    """A stop of a path, and how one gets there."""

    stop: str
    run_s: int = Field(0, ge=0, le=86_400)
    """From leaving the stop before to arriving here."""
    source: str = ""
    divided: str = ""
    """Source of how a published time divides between stops, where it is another."""


class TimetablePeriod(Settings):
    """Departures from both ends at even headways."""

    model_config = ConfigDict(populate_by_name=True)

    start: str = Field(alias="from", pattern=r"^\d\d:\d\d$")
    until: str = Field(pattern=r"^\d\d:\d\d$")
    """No departure at or after this time; hours run on past 24."""
    headway_min: float = Field(ge=1, le=1440)
    source: str
    note: str = ""

    def departures_s(self) -> list[int]:
        """Return the departures, seconds from midnight."""
        start_s, until_s = (int(text[:2]) * HOUR_S + int(text[3:]) * MINUTE_S for text in (self.start, self.until))
        return list(range(int(start_s), int(until_s), round(self.headway_min * MINUTE_S)))


class Line(Settings):
    """A line: one path, both ways, with its service by timetable."""

    name: str
    title: str
    type: int = Field(ge=0, le=1799)
    """GTFS route_type."""
    path: str
    source: str
    service: dict[str, list[TimetablePeriod]]


class StopDwell(Settings):
    """Time at each stop on the way."""

    rail: int = Field(ge=0, le=3600)
    road: int = Field(ge=0, le=3600)
    """Buses, trams and light rail."""


class Agency(Settings):
    """The agency of the feed, as in GTFS agency.txt."""

    id: str
    name: str
    url: str
    timezone: str
    lang: str


class LineService(Settings):
    """The weekday service, as in GTFS calendar.txt."""

    id: str
    start_date: str = Field(pattern=r"^\d{8}$")
    end_date: str = Field(pattern=r"^\d{8}$")


class LinesFile(Settings):
    """A whole `lines.yaml`."""

    about: str
    sources: dict[str, str]
    agency: Agency
    service: LineService
    dwell_s: StopDwell
    stops: dict[str, Stop]
    paths: dict[str, list[Call]]
    lines: dict[str, Line]

    @property
    def timetables(self) -> list[str]:
        """Names of the timetables, sorted."""
        return sorted({name for line in self.lines.values() for name in line.service})

    @model_validator(mode="after")
    def _names_are_known(self) -> LinesFile:
        named: list[tuple[str, str, str, str, Mapping[str, object]]] = []
        named += [("path", name, "stop", call.stop, self.stops) for name, calls in self.paths.items() for call in calls]
        named += [("line", key, "path", line.path, self.paths) for key, line in self.lines.items()]
        sourced: list[Any] = [*self.stops.values(), *self.lines.values()]
        sourced += [call for calls in self.paths.values() for call in calls[1:]]
        sourced += [period for line in self.lines.values() for periods in line.service.values() for period in periods]
        named += [("a", "number", "source", part.source, self.sources) for part in sourced]
        for holder, key, kind, name, choices in named:
            if name not in choices:
                raise ValueError(f"{holder} {key}: no {kind} {name!r}{nearest_name(name, list(choices))}")
        return self


def read_lines(path: Path) -> LinesFile:
    """Return a `lines.yaml`.

    Raises
    ------
    TimetableError
        If it cannot be read, lacks a part, or names an unknown stop, path or source.
    """
    try:
        return LinesFile.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        further = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise TimetableError(f"{path}: {where or 'whole file'}: {first['msg']}{further}") from None
    except (OSError, ValueError) as error:
        raise TimetableError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


def write_feed(lines_yaml: Path, timetable: str, out: Path) -> None:
    """Write one timetable of a `lines.yaml` as a GTFS feed: explicit trips on weekdays, bytes that depend on it alone.

    Raises
    ------
    TimetableError
        If the file is broken, or has no such timetable.
    """
    source = read_lines(lines_yaml)
    if timetable not in source.timetables:
        near = nearest_name(timetable, source.timetables)
        raise TimetableError(f"{lines_yaml}: no timetable {timetable!r}{near}; known: {', '.join(source.timetables)}")
    lines = {key: line for key, line in source.lines.items() if timetable in line.service}
    rows = list(_trip_rows(source, lines, timetable))
    used = {call["stop_id"] for _, calls in rows for call in calls}
    agency = source.agency
    dates = {"start_date": source.service.start_date, "end_date": source.service.end_date}
    days = {day: int(day in WEEKDAYS) for day in DAYS}
    publisher = {"feed_publisher_name": agency.name, "feed_publisher_url": agency.url, "feed_lang": agency.lang}
    feed_dates = {f"feed_{name}": date for name, date in dates.items()}
    out.mkdir(parents=True, exist_ok=True)
    _write(out, "agency", [{f"agency_{name}": value for name, value in agency.model_dump().items()}])
    _write(out, "stops", [_stop_row(key, stop) for key, stop in source.stops.items() if key in used])
    _write(out, "routes", [_route_row(agency.id, key, line) for key, line in lines.items()])
    _write(out, "trips", [trip for trip, _ in rows])
    _write(out, "stop_times", [call for _, calls in rows for call in calls])
    _write(out, "calendar", [{"service_id": source.service.id, **days, **dates}])
    _write(out, "feed_info", [{**publisher, **feed_dates, "feed_version": timetable}])


def hms(time_s: float) -> str:
    """Return HH:MM:SS; hours run on past 24."""
    seconds = int(time_s)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


Rows = tuple[dict[str, Any], list[dict[str, Any]]]


def _trip_rows(source: LinesFile, lines: Mapping[str, Line], timetable: str) -> Iterator[Rows]:
    """Yield each trip and its calls: by line, direction, departure."""
    for key, line in lines.items():
        dwell_s = source.dwell_s.rail if line.type == RAIL else source.dwell_s.road
        stops = [call.stop for call in source.paths[line.path]]
        runs_s = [call.run_s for call in source.paths[line.path][1:]]
        for direction, (names, hops_s) in enumerate(((stops, runs_s), (stops[::-1], runs_s[::-1]))):
            for start_s in (time_s for period in line.service[timetable] for time_s in period.departures_s()):
                trip_id = f"{key}_{direction}_{hms(start_s).replace(':', '')}"
                trip = {"route_id": key, "service_id": source.service.id, "trip_id": trip_id}
                trip_more = {"trip_headsign": source.stops[names[-1]].name, "direction_id": direction}
                yield {**trip, **trip_more}, list(_call_rows(trip_id, names, hops_s, start_s, dwell_s))


def _call_rows(
    trip_id: str, stops: Sequence[str], runs_s: Sequence[int], start_s: int, dwell_s: int
) -> Iterator[dict[str, Any]]:
    """Yield the calls of one trip; there is no dwell at its ends."""
    arrive_s = start_s
    for row, stop in enumerate(stops):
        inner = 0 < row < len(stops) - 1
        depart_s = arrive_s + (dwell_s if inner else 0)
        times = {"arrival_time": hms(arrive_s), "departure_time": hms(depart_s)}
        yield {"trip_id": trip_id, **times, "stop_id": stop, "stop_sequence": row + 1}
        arrive_s = depart_s + (runs_s[row] if row < len(runs_s) else 0)


def _stop_row(key: str, stop: Stop) -> dict[str, Any]:
    return {"stop_id": key, "stop_name": stop.name, "stop_lat": f"{stop.lat:.6f}", "stop_lon": f"{stop.lon:.6f}"}


def _route_row(agency: str, key: str, line: Line) -> dict[str, Any]:
    names = {"route_short_name": line.name, "route_long_name": line.title}
    return {"route_id": key, "agency_id": agency, **names, "route_type": line.type}


def _write(out: Path, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    with (out / f"{table}.txt").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
