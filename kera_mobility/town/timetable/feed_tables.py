"""A GTFS feed as tables of text, each cell as it stands: a folder or a zip, the files perhaps in a folder within."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.errors import TimetableError, nearest_name
from kera_mobility.ledger import files_in, read_bytes
from kera_mobility.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from kera_mobility.town.timetable.feed_account import FeedAccount

COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "agency": ((), ("agency_id", "agency_timezone")),
    "stops": (("stop_id", "stop_lon", "stop_lat"), ("stop_name", "location_type", "parent_station")),
    "routes": (("route_id", "route_type"), ("agency_id", "route_short_name", "route_long_name", "continuous_pickup",
                                            "continuous_drop_off")),
    "trips": (("trip_id", "route_id", "service_id"), ("block_id", "wheelchair_accessible", "bikes_allowed")),
    "stop_times": (
        ("trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"),
        ("pickup_type", "drop_off_type", "shape_dist_traveled", "location_id", "location_group_id",
         "start_pickup_drop_off_window", "end_pickup_drop_off_window", "continuous_pickup", "continuous_drop_off"),
    ),
    "calendar": (("service_id", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
                  "start_date", "end_date"), ()),
    "calendar_dates": (("service_id", "date", "exception_type"), ()),
    "frequencies": (("trip_id", "start_time", "end_time", "headway_secs"), ("exact_times",)),
    "transfers": (("from_stop_id", "to_stop_id", "transfer_type"), (
        "from_route_id", "to_route_id", "from_trip_id", "to_trip_id", "min_transfer_time")),
    "feed_info": ((), ("feed_start_date", "feed_end_date")),
}  # fmt: skip
"""Of each file that is read: the columns it must have, and those it may have."""
REQUIRED = ("stops", "routes", "trips", "stop_times")
"""Files that every feed has, with a row at least."""
UNREAD = {
    "shapes": "shapes.txt: a line is as long as straight lines between its stops times `circuity`",
    "fare_attributes": "fares: the fare is a setting of the service",
    "fare_products": "fares: the fare is a setting of the service",
    "pathways": "pathways.txt: ways inside stations; one changes at walking speed between the positions of platforms",
    "booking_rules": "booking_rules.txt: nothing is booked with a line",
    "location_groups": "location_groups.txt: demand-responsive trips are left out",
}
"""What is not honoured where a feed has a file."""


class FeedTables:
    """The tables of one feed, text in every cell, empty where there is nothing; row i of a table is line `i + 2`."""

    def __init__(self, feed: Path, account: FeedAccount) -> None:
        """Read a feed; what it can do without becomes a notice of the account.

        Raises
        ------
        TimetableError
            If it cannot be read, or lacks a file or column that every feed has.
        """
        self.feed, self._account = feed, account
        self._content = {name: content if name[:-4] in COLUMNS else b"" for name, content in feed_files(feed)}
        self._tables = {name: self._read(name) for name in COLUMNS}
        for name in REQUIRED:
            if self._tables[name] is None:
                raise TimetableError(f"{self.file(name)}: missing or empty, a GTFS feed needs it")
        if not self.has("calendar") and not self.has("calendar_dates"):
            raise TimetableError(f"{feed}: neither calendar.txt nor calendar_dates.txt, a GTFS feed needs one of them")
        account.not_honoured += dict.fromkeys(text for name, text in UNREAD.items() if f"{name}.txt" in self._content)

    def has(self, name: str) -> bool:
        """Return whether the feed has a table with a row at least."""
        return self._tables[name] is not None

    def table(self, name: str) -> pd.DataFrame:
        """Return a table, every column of `COLUMNS` in it; without rows if the feed does not have it."""
        import pandas as pd

        table = self._tables[name]
        required, optional = COLUMNS[name]
        return pd.DataFrame(columns=[*required, *optional], dtype=str) if table is None else table

    def file(self, name: str) -> str:
        """Return the path of a file as messages name it."""
        return str(self.feed / f"{name}.txt")

    def _read(self, name: str) -> pd.DataFrame | None:
        import pandas as pd

        content = self._content.get(f"{name}.txt")
        if content is None:
            return None
        stream, columns = _checked(content, self.file(name)), {column for part in COLUMNS[name] for column in part}
        self._require_even_rows(name, content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                table = pd.read_csv(
                    stream, dtype=str, na_filter=False, index_col=False, skip_blank_lines=False,
                    skipinitialspace=True, encoding="utf-8-sig", usecols=lambda column: column.strip() in columns,
                )  # fmt: skip
        except pd.errors.EmptyDataError:
            table = pd.DataFrame()
        except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise TimetableError(f"{self.file(name)}: not a table: {' '.join(str(error).split())}") from None
        return self._with_columns(name, table, content.decode("utf-8-sig").partition("\n")[0])

    def _require_even_rows(self, name: str, content: bytes) -> None:
        """Raise TimetableError if a row has more cells than the header: which of them is too many, nobody can say."""
        rows = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace", newline=""))
        try:
            width = len(next(rows, []))
            for row in rows:
                if len(row) > width and any(row[width:]):
                    where = f"{self.file(name)}:{rows.line_num}"
                    raise TimetableError(f"{where}: got {len(row)} cells, expected {width} as in the header")
        except csv.Error as error:
            raise TimetableError(f"{self.file(name)}:{rows.line_num}: not a table: {error}") from None

    def _with_columns(self, name: str, table: pd.DataFrame, header: str) -> pd.DataFrame | None:
        """Return a table with every column, without blank rows; None if nothing is left."""
        table = table.rename(columns=str.strip)
        required, optional = COLUMNS[name]
        if len(table.columns) == 0 and not header.strip():
            return None
        for column in required:
            if column not in table.columns:
                near = nearest_name(column, [part.strip().strip('"') for part in header.split(",")])
                raise TimetableError(f"{self.file(name)}: no column {column}{near}")
        table = table.fillna("")
        for column in table.columns:
            table[column] = table[column].str.strip()
        table = table[(table != "").any(axis=1)]
        missing = {column: "" for column in (*required, *optional) if column not in table.columns}
        return None if table.empty else table.assign(**missing)


def feed_files(feed: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each text file of a feed, sorted by name.

    Raises
    ------
    TimetableError
        If there is no such feed, it cannot be read, or it holds several feeds.
    """
    if not feed.exists():
        raise TimetableError(f"{feed}: no such GTFS feed, expected a folder or a .zip")
    try:
        if feed.is_dir():
            folders = [feed, *(path for path in files_in(feed, "*") if path.is_dir())]
            files = {path.relative_to(feed).as_posix(): path for part in folders for path in files_in(part, "*.txt")}
            for name in _of_one_feed(feed, files):
                yield files[name].name.lower(), read_bytes(files[name])
            return
        with zipfile.ZipFile(io.BytesIO(read_bytes(feed))) as archive:
            for name in _of_one_feed(feed, archive.namelist()):
                yield name.rpartition("/")[2].lower(), archive.read(name)
    except TimetableError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise TimetableError(f"{feed}: not a readable GTFS feed: {' '.join(str(error).split())}") from None


def line_of(index: Any) -> int:
    """Return the line of a row of a table by its index."""
    return int(index) + 2


def whole(text: str) -> int | None:
    """Return a whole number of up to nine digits, None if a cell is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def numbers(texts: pd.Series) -> FloatArray:
    """Return a column of numbers, nan where a cell is none, (R,)."""
    import pandas as pd

    parsed = pd.to_numeric(texts.where(texts.str.fullmatch(r"[-+0-9.eE]+"), "nan"), errors="coerce")
    array: FloatArray = parsed.to_numpy(dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def _of_one_feed(feed: Path, names: Iterable[str]) -> list[str]:
    """Return the text files at the top, else those beside the only `stops.txt`, sorted."""
    texts = sorted(name for name in names if name.lower().endswith(".txt") and "__MACOSX" not in name)
    top = [name for name in texts if "/" not in name]
    folders = sorted({name.rpartition("/")[0] for name in texts if name.lower().endswith("/stops.txt")})
    if not top and len(folders) > 1:
        raise TimetableError(f"{feed}: holds several feeds ({', '.join(folders)}), expected one")
    return top or [name for name in texts if [name.rpartition("/")[0]] == folders]


def _checked(content: bytes, file: str) -> io.BytesIO:
    """Return the content of a file as a stream, once it is known to be UTF-8."""
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TimetableError(
            f"{file}:{line}: byte {content[error.start]:#04x} is not UTF-8, which GTFS needs; save the file as UTF-8"
        ) from None
    return io.BytesIO(content)
