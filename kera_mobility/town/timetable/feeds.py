"""The timetable of an area by name: compiled arrays where they fit their feed, else the feed compiled once and kept.

A feed dropped into `networks/<area>/gtfs/<name>/` (or `<name>.zip`) works as it is; a changed one is compiled anew.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from kera_mobility.cache import computed_once
from kera_mobility.config.resources import code_hash
from kera_mobility.errors import SettingError, nearest_name
from kera_mobility.ledger import is_file, read_text
from kera_mobility.town.area_tables import read_outside_table
from kera_mobility.town.timetable.gtfs import MARK, feed_hash, save_compiled, timetable_of_feed
from kera_mobility.town.timetable.timetable import Timetable

_log = logging.getLogger(__name__)


def timetable_of(area_folder: Path, name: str, area: dict[str, Any]) -> Timetable:
    """Return a timetable of an area by name; `area` is what area.yaml says.

    Raises
    ------
    SettingError
        If the area has no such timetable; the message names those it has.
    TimetableError
        If the feed is broken.
    """
    compiled = area_folder / "timetables" / name
    feeds = (area_folder / "gtfs" / name, area_folder / "gtfs" / f"{name}.zip")
    feed = next((path for path in feeds if path.is_dir() or is_file(path)), None)
    if feed is None and not compiled.is_dir():
        names = sorted({path.stem for part in ("timetables", "gtfs") for path in (area_folder / part).glob("*")})
        near = nearest_name(name, names)
        raise SettingError("timetable", f"got '{name}', expected one of {', '.join(names) or 'none'}{near}")
    if feed is None or _mark_of(compiled) == feed_hash(feed):
        return Timetable.load(compiled)
    return _compiled_once(area_folder, feed, area)


def _mark_of(compiled: Path) -> str:
    mark = compiled / MARK
    return read_text(mark).strip() if is_file(mark) else ""


def _compiled_once(area_folder: Path, feed: Path, area: dict[str, Any]) -> Timetable:
    """Return the timetable of a feed from the cache, compiled if it is not there yet."""
    box, outside = area.get("bbox"), _outside(area_folder)
    bbox = tuple(float(box[side]) for side in ("west", "south", "east", "north")) if isinstance(box, dict) else None
    digest = hashlib.sha256(f"{feed_hash(feed)} {bbox} {outside} {code_hash()}".encode()).hexdigest()[:20]

    def compile_now() -> Timetable:
        _log.info("compiling %s", feed)
        return timetable_of_feed(feed, bbox=bbox, outside=outside)  # type: ignore[arg-type]

    return computed_once(
        "timetables", digest, Timetable.load, compile_now,
        lambda timetable, folder: save_compiled(timetable, feed, folder),
    )  # fmt: skip


def _outside(area_folder: Path) -> list[tuple[float, float]]:
    """Return longitude and latitude of the places beyond the map."""
    table = read_outside_table(area_folder)
    return [(lon, lat) for lon, lat in table.numbers("lon", "lat").tolist()] if table else []
