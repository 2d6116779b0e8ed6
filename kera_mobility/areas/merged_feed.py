"""Several GTFS feeds as one of a single day, and how busy their stops are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kera_mobility.town.timetable.feed_account import FeedAccount
from kera_mobility.town.timetable.feed_tables import FeedTables, numbers, whole
from kera_mobility.town.timetable.route_types import basic_type
from kera_mobility.town.timetable.service_days import ServiceDays
from kera_mobility.units import BoolArray, FloatArray

_OWN = ("stop_id", "parent_station", "route_id", "trip_id", "from_stop_id", "to_stop_id", "from_route_id",
        "to_route_id", "from_trip_id", "to_trip_id", "agency_id", "service_id", "block_id")  # fmt: skip
"""Columns whose values mean something in their own feed alone."""
_TABLES = ("agency", "stops", "routes", "trips", "stop_times", "frequencies", "transfers")
_TRAINS = (1, 2)
"""Basic route types of trains and the metro."""


@dataclass(frozen=True)
class BusyStops:
    """The stops of a feed that have a position."""

    lonlat: FloatArray
    """(S, 2) degrees."""
    names: tuple[str, ...]
    calls: FloatArray
    """(S,) rows of stop_times.txt, of all its days."""
    has_trains: BoolArray
    """(S,) whether trains or the metro call there."""


def merge_feeds(feeds: Sequence[Path], out: Path) -> list[str]:
    """Write the trips of a typical weekday of each feed as one feed on the day of the first; return the days in words.

    Raises
    ------
    TimetableError
        If a feed is broken or has no trips.
    """
    import pandas as pd

    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in _TABLES}
    days = []
    for number, feed in enumerate(feeds):
        account = FeedAccount(str(feed))
        tables = FeedTables(feed, account)
        trips = tables.table("trips")
        service_days = ServiceDays(tables, account)
        day = service_days.typical_weekday(Counter(trips["service_id"].tolist()))
        days.append(day)
        runs = set(trips["trip_id"][trips["service_id"].isin(service_days.active(day))])
        for name in _TABLES:
            table = tables.table(name)
            table = table[table["trip_id"].isin(runs)].copy() if "trip_id" in table.columns else table.copy()
            for column in set(_OWN) & set(table.columns):
                table[column] = table[column].where(table[column] == "", f"{number}_" + table[column])
            parts[name].append(table.assign(service_id="day") if name == "trips" else table)
    out.mkdir(parents=True)
    for name, tables_of_name in parts.items():
        joined = pd.concat(tables_of_name)
        if len(joined):
            joined.to_csv(out / f"{name}.txt", index=False)
    text = f"service_id,date,exception_type\nday,{days[0]:%Y%m%d},1\n"
    (out / "calendar_dates.txt").write_text(text, encoding="utf-8")
    return [f"{feed.name}: {day}" for feed, day in zip(feeds, days, strict=True)]


def busy_stops(feed: Path) -> BusyStops:
    """Return the stops of a feed and how many calls each has."""
    tables = FeedTables(feed, FeedAccount(str(feed)))
    stops, times = tables.table("stops"), tables.table("stop_times")
    lonlat = np.column_stack([numbers(stops["stop_lon"]), numbers(stops["stop_lat"])])
    calls = np.array(stops["stop_id"].map(times["stop_id"].value_counts()).fillna(0).tolist(), dtype=np.float64)
    routes = tables.table("routes")
    codes = [whole(text) for text in routes["route_type"]]
    trains = {route for route, code in zip(routes["route_id"], codes, strict=True)
              if code is not None and basic_type(code) in _TRAINS}  # fmt: skip
    trips = tables.table("trips")
    by_train = times["stop_id"][times["trip_id"].isin(trips["trip_id"][trips["route_id"].isin(trains)])].unique()
    has_trains = np.asarray(stops["stop_id"].isin(by_train), dtype=np.bool_)
    usable = np.isfinite(lonlat).all(axis=1) & (calls > 0)
    names = tuple(name for name, held in zip(stops["stop_name"], usable, strict=True) if held)
    return BusyStops(lonlat[usable], names, calls[usable], has_trains[usable])
