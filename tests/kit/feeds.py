"""Small GTFS feeds, and what a careless hand does to them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

Feed = dict[str, str]
"""Text of each file by table."""

WEEK = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
THREE_STOPS: Feed = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\na,A,https://example.org,Europe/Helsinki\n",
    "stops": "stop_id,stop_name,stop_lat,stop_lon\nA,Aho,60.20,24.70\nB,Berga,60.20,24.75\nC,Cedern,60.20,24.80\n",
    "routes": "route_id,agency_id,route_short_name,route_long_name,route_type\nr,a,1,One,3\n",
    "trips": "route_id,service_id,trip_id\nr,wk,t1\n",
    "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "t1,08:00:00,08:00:00,A,1\nt1,08:05:00,08:05:00,B,2\nt1,08:10:00,08:10:00,C,3\n",
    "calendar": f"{WEEK}wk,1,1,1,1,1,0,0,20260105,20261231\n",
}
"""One trip from A over B to C, on weekdays."""


def write(folder: Path, feed: Feed, **changed: str | None) -> Path:
    """Write a feed with some files changed, or left out; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, text in {**feed, **changed}.items():
        if text is not None:
            (folder / f"{table}.txt").write_text(text, encoding="utf-8", newline="")
    return folder


def two_trips(**columns: str) -> Feed:
    """Return a feed of a trip A, B at 08:00 and one B, C at 08:10."""
    times = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nt1,08:00:00,08:00:00,A,1\nt1,08:05:00,08:05:00,B,2\n"
        "t2,08:10:00,08:10:00,B,1\nt2,08:15:00,08:15:00,C,2\n"
    )
    trips = "route_id,service_id,trip_id\nr,wk,t1\nr,wk,t2\n"
    return {**THREE_STOPS, "trips": trips, "stop_times": times, **columns}


BAD_CELLS = (
    "", " ", "NA", "nan", "-1", "0", "99999999999999999999", "1e400", "25:61:00", "8:00", "-08:00:00", "20261345",
    "é", "\N{GREEK SMALL LETTER ALPHA}", '"', "a,b", "\t", "999", "x" * 5000, "9" * 5000, "00000000", "1;2", "٣",
)  # fmt: skip
"""What stands in cells of real files where it should not."""


def mutated(feed: Feed, chance: random.Random) -> dict[str, bytes]:
    """Return the files of a feed with one to three things wrong, as `table.txt` and its bytes."""
    tables = {f"{table}.txt": text.encode() for table, text in feed.items()}
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(sorted(tables))
        mutation = chance.choice(MUTATIONS)
        content = mutation(tables[name], chance)
        if content is None:
            del tables[name]
        else:
            tables[name] = content
    return tables


def _rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8", "replace"))))


def _text(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _bad_cell(content: bytes, chance: random.Random) -> bytes:
    rows = _rows(content)
    full = [row for row in rows if row]
    if full:
        row = chance.choice(full)
        row[chance.randrange(len(row))] = chance.choice(BAD_CELLS)
    return _text(rows)


def _row_twice(content: bytes, chance: random.Random) -> bytes:
    rows = _rows(content)
    return _text([*rows, chance.choice(rows)] if rows else rows)


def _row_lost(content: bytes, chance: random.Random) -> bytes:
    rows = _rows(content)
    if rows:
        del rows[chance.randrange(len(rows))]
    return _text(rows)


def _column_lost(content: bytes, chance: random.Random) -> bytes:
    rows = _rows(content)
    column = chance.randrange(max(len(rows[0]), 1)) if rows else 0
    return _text([row[:column] + row[column + 1 :] for row in rows])


def _column_empty(content: bytes, chance: random.Random) -> bytes:
    rows = _rows(content)
    column = chance.randrange(max(len(rows[0]), 1)) if rows else 0
    return _text([rows[0], *([*row[:column], "", *row[column + 1 :]] for row in rows[1:])] if rows else rows)


def _swapped_columns(content: bytes, chance: random.Random) -> bytes:
    rows = _rows(content)
    return _text([row[::-1] if chance.random() < 0.5 else row for row in rows])


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes | None], ...] = (
    _bad_cell, _bad_cell, _bad_cell, _bad_cell, _row_twice, _row_lost, _column_lost, _column_empty, _swapped_columns,
    lambda content, chance: b"\xef\xbb\xbf" + content,
    lambda content, chance: content.replace(b"\n", b"\r\n"),
    lambda content, chance: content.replace(b"\n", b"\n\n"),
    lambda content, chance: content.replace(b",", b";"),
    lambda content, chance: content.replace(b",", b" , "),
    lambda content, chance: content[: chance.randrange(len(content) + 1)],
    lambda content, chance: content.decode("utf-8", "replace").encode("utf-16"),
    lambda content, chance: content[:20] + b"\xe4" + content[20:],
    lambda content, chance: content[:20] + b"\x00" + content[20:],
    lambda content, chance: b"",
    lambda content, chance: None,
)  # fmt: skip
