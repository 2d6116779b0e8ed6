"""The timetable of an area by name: compiled arrays where they fit their feed, else the feed compiled once and kept.

A feed dropped into `networks/<area>/gtfs/<name>/` (or `<name>.zip`) works as it is; a changed one is compiled anew.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from kera_mobility.cache import computed_once
from kera_mobility.config.cache_keys import cache_key
from kera_mobility.errors import SettingError, nearest_name
from kera_mobility.geometry import Box
from kera_mobility.ledger import files_in, is_file, read_text, warn_if_edited
from kera_mobility.town.area_tables import read_outside_table
from kera_mobility.town.timetable.feed_account import TripFate
from kera_mobility.town.timetable.gtfs import (
    LINES_MARK,
    MARK,
    fates_of_trips,
    feed_hash,
    save_compiled,
    timetable_of_feed,
)
from kera_mobility.town.timetable.timetable import Timetable

_log = logging.getLogger(__name__)


def timetable_of(area_folder: Path, name: str, area: dict[str, Any], service_date: str | None = None) -> Timetable:
    """Return a timetable of an area by name; `area` is what area.yaml says.

    Parameters
    ----------
    service_date
        A day of the feed's calendar, as 2026-01-31; a typical weekday if None.

    Raises
    ------
    SettingError
        If the area has no such timetable; the message names those it has. If a date is given and there is no feed.
    TimetableError
        If the feed is broken, or has no trips on the date.
    """
    compiled, feed = area_folder / "timetables" / name, feed_of(area_folder, name)
    if feed is None and not compiled.is_dir():
        names = timetable_names(area_folder)
        near = nearest_name(name, names)
        raise SettingError("timetable", f"got '{name}', expected one of {', '.join(names) or 'none'}{near}")
    if feed is None and service_date:
        raise SettingError("date", f"got {service_date}, but {compiled} has no feed of other days")
    warn_if_edited(
        area_folder / "lines.yaml",
        compiled / LINES_MARK,
        "`kera_mobility.town.timetable.gtfs.build_timetables` compiles it",
    )
    if feed is None or (not service_date and _mark_of(compiled) == feed_hash(feed)):
        return Timetable.load(compiled)
    return _compiled_once(area_folder, feed, area, service_date)


def timetable_names(area_folder: Path) -> list[str]:
    """Return the names of an area's timetables, sorted."""
    return sorted({path.stem for part in ("timetables", "gtfs") for path in files_in(area_folder / part, "*")})


def feed_of(area_folder: Path, name: str) -> Path | None:
    """Return the feed of a timetable, None if the area has only its arrays."""
    feeds = {path.name: path for path in files_in(area_folder / "gtfs", "*")}
    return feeds.get(name) or feeds.get(f"{name}.zip")


def fates_in(area_folder: Path, name: str, area: dict[str, Any], service_date: str | None = None) -> list[TripFate]:
    """Return what becomes of each trip of a timetable's feed; nothing where the area has only arrays."""
    feed = feed_of(area_folder, name)
    if feed is None:
        return []
    if not service_date and _mark_of(area_folder / "timetables" / name) == feed_hash(feed):
        return fates_of_trips(feed, None, ())  # as `build_timetables` compiles them
    return fates_of_trips(feed, _box(area), _outside(area_folder), service_date)


def _mark_of(compiled: Path) -> str:
    mark = compiled / MARK
    return read_text(mark).strip() if is_file(mark) else ""


def _compiled_once(area_folder: Path, feed: Path, area: dict[str, Any], service_date: str | None) -> Timetable:
    """Return the timetable of a feed from the cache, compiled if it is not there yet."""
    bbox, outside = _box(area), _outside(area_folder)
    key = cache_key(feed=feed_hash(feed), bbox=bbox, outside=repr(outside), service_date=service_date)

    def compile_now() -> Timetable:
        _log.info("compiling %s", feed)
        return timetable_of_feed(feed, bbox=bbox, outside=outside, service_date=service_date)

    return computed_once(
        "timetables", key, Timetable.load, compile_now,
        lambda timetable, folder: save_compiled(timetable, feed, folder),
    )  # fmt: skip


def _box(area: dict[str, Any]) -> Box | None:
    """Return the rectangle of an area, west, south, east and north; None if it has none."""
    box = area.get("bbox")
    if not isinstance(box, dict):
        return None
    return float(box["west"]), float(box["south"]), float(box["east"]), float(box["north"])


def _outside(area_folder: Path) -> list[tuple[float, float]]:
    """Return longitude and latitude of the places beyond the map."""
    table = read_outside_table(area_folder)
    return [(lon, lat) for lon, lat in table.numbers("lon", "lat").tolist()] if table else []
