"""People who ride the lines but are not of the model: between which stops, in which hour, and how many a vehicle holds.

`background.csv` of an area has a row for each pair of stops and hour.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kera_mobility.errors import NetworkError
from kera_mobility.geometry import degree_scale
from kera_mobility.tables import Schema, TableColumn, read_table
from kera_mobility.town.area_tables import place_columns
from kera_mobility.town.timetable.route_types import basic_type
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.units import HOUR_S, FloatArray, IntArray

FILE = "background.csv"
BACKGROUND = Schema(
    FILE,
    "How many people of a weekday ride between which stops in which hour without being of the model.",
    (
        TableColumn("origin", "Name of the first stop.", "text", blank="", required=False),
        *place_columns("origin_", "the first stop"),
        TableColumn("destination", "Name of the last stop.", "text", blank="", required=False),
        *place_columns("destination_", "the last stop"),
        TableColumn("type", "GTFS route_type of the lines that they take.", "whole", "", 0, 1702),
        TableColumn("hour", "Hour of departure.", "whole", "h", 0, 47),
        TableColumn("persons", "People in that hour.", "number", "persons", 0, 100_000),
    ),
    unique=("origin_lon", "origin_lat", "destination_lon", "destination_lat", "type", "hour"),
    least_rows=0,
)
NEAR_M = 500.0
"""A stop of the table is the nearest stop of the timetable within this straight distance. Assumption."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Background:
    """Persons of a weekday by pair of stops and hour, arrays (K,)."""

    origin_lonlat: FloatArray
    """(K, 2) degrees."""
    destination_lonlat: FloatArray
    """(K, 2) degrees."""
    line_type: IntArray
    """Basic GTFS route_type of the lines that they take."""
    hour: IntArray
    persons: FloatArray


def read_background(area_folder: Path) -> Background:
    """Return the background of an area.

    Raises
    ------
    MissingFileError
        If the area has none.
    DataError
        With every fault of the table.
    """
    table = read_table(area_folder / FILE, BACKGROUND, purpose="it says who rides besides the people of the model")
    origin, destination = (table.numbers(f"{end}_lon", f"{end}_lat") for end in ("origin", "destination"))
    line_type, hour = (np.array(table.columns[name], dtype=np.int64) for name in ("type", "hour"))
    basic = np.array([basic_type(code) for code in line_type.tolist()], dtype=np.int64)
    for row in np.flatnonzero(basic < 0).tolist():
        raise NetworkError(f"{area_folder / FILE}: type: got {line_type[row]}, expected the GTFS route_type of a line")
    return Background(origin, destination, basic, hour, table.numbers("persons")[:, 0])


def background_aboard(background: Background, timetable: Timetable, factor: float = 1.0) -> IntArray:
    """Return how many people from the background are aboard when each call is left, (C,), rounded to whole persons.

    The persons of a pair and hour divide evenly over the runs of their type of line that leave the first stop in that
    hour and call at the second; where there is none they stay away, which is counted in the log.
    """
    origin, destination = (
        _stops_near(timetable, points) for points in (background.origin_lonlat, background.destination_lonlat)
    )
    call_of, change = _calls_by_stop(timetable), np.zeros(len(timetable.call_stop) + 1)
    run_type, lost = np.asarray(timetable.line_type)[timetable.run_line], 0.0
    depart_hour = np.floor(np.asarray(timetable.call_depart_s) / HOUR_S).astype(np.int64)
    for row in np.lexsort((background.hour, destination, origin)).tolist():
        begin, end = call_of[:, origin[row]], call_of[:, destination[row]]
        runs = (origin[row] >= 0) & (destination[row] >= 0) & (run_type == background.line_type[row])
        runs = runs & (begin >= 0) & (end > begin)
        runs &= depart_hour[np.maximum(begin, 0)] == background.hour[row]
        count = int(np.count_nonzero(runs))
        if not count:
            lost += float(background.persons[row])
            continue
        persons_per_run = background.persons[row] * factor / count
        change[begin[runs]] += persons_per_run
        change[end[runs]] -= persons_per_run
    if lost:
        _log.info("background load: %.0f persons a day found no run of their hour", lost)
    # Whole runs sum to nothing, so one running sum serves all; the rest of a rounding must not count as a person.
    return np.rint(np.maximum(np.cumsum(change[:-1]), 0.0)).astype(np.int64)


def _calls_by_stop(timetable: Timetable) -> IntArray:
    """Return the first call of each run at each stop, (R, S); -1 where it does not call."""
    call_of = np.full((timetable.runs, timetable.stops), -1, dtype=np.int64)
    calls = np.arange(len(timetable.call_stop))[::-1]
    call_of[timetable.call_run[calls], np.asarray(timetable.call_stop)[calls]] = calls
    return call_of


def _stops_near(timetable: Timetable, lonlat: FloatArray) -> IntArray:
    """Return the stop of the timetable at each point, (K,); -1 where none is near."""
    stops = np.asarray(timetable.stop_lonlat, dtype=np.float64)
    step = (lonlat[:, None, :] - stops[None, :, :]) * degree_scale(float(stops[:, 1].mean()))
    away_m = np.hypot(step[:, :, 0], step[:, :, 1])
    nearest = away_m.argmin(axis=1)
    return np.where(away_m.min(axis=1) <= NEAR_M, nearest, -1)
