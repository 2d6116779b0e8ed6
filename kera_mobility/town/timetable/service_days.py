"""Which services of a feed run on which day, and the typical weekday of its current period."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from kera_mobility.errors import TimetableError
from kera_mobility.town.timetable.feed_tables import FeedTables
from kera_mobility.town.timetable.lines_yaml import DAYS
from kera_mobility.units import HOUR_S, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

    from kera_mobility.town.timetable.feed_account import FeedAccount

MOST_DAYS = 3_660
"""A calendar is read for ten years from its first day. Assumption: nobody means more."""
_SATURDAY = 5
_MONDAY_ORDINAL = 1
"""`date(1, 1, 1)` has ordinal 1 and is a Monday."""


class _Spell(NamedTuple):
    """A row of calendar.txt, days as ordinals."""

    first: int
    last: int
    weekdays: tuple[bool, ...]


class ServiceDays:
    """The days of every service of a feed."""

    def __init__(self, tables: FeedTables, account: FeedAccount) -> None:
        """Read calendar.txt, calendar_dates.txt and feed_info.txt; rows with a bad value become notices."""
        self._tables, self._account = tables, account
        self.broken: dict[str, str] = {}
        """Services with a row that cannot be read: file, line and value."""
        self._spells: dict[str, list[_Spell]] = {}
        self._added: dict[str, set[int]] = {}
        self._removed: dict[str, set[int]] = {}
        self._read_calendar()
        self._read_exceptions()
        unused = [text for service, text in self.broken.items() if service in self.known]
        if unused:
            account.note("the row is not used", unused)
        days = [day for spells in self._spells.values() for spell in spells for day in (spell.first, spell.last)]
        days += [day for added in self._added.values() for day in added]
        self._first = min(days, default=1)
        self._last = max(days, default=0)
        if self._last - self._first >= MOST_DAYS:
            self._last = self._first + MOST_DAYS - 1
            account.note(f"calendar.txt: read up to {date.fromordinal(self._last)}, ten years from its first day")

    def active(self, day: date) -> set[str]:
        """Return the services of a day."""
        number = day.toordinal()
        regular = {name for name, spells in self._spells.items() if any(_runs(spell, number) for spell in spells)}
        added = {name for name, days in self._added.items() if number in days}
        return (regular - {name for name, days in self._removed.items() if number in days}) | added

    @property
    def known(self) -> set[str]:
        """The services that have a row that can be read."""
        return {*self._spells, *self._added, *self._removed}

    def period(self) -> tuple[date, date] | None:
        """Return the first and the last day of the calendar; None if it has none."""
        return (date.fromordinal(self._first), date.fromordinal(self._last)) if self._first <= self._last else None

    def typical_weekday(self, trips_of: dict[str, int]) -> date:
        """Return the first weekday with the median number of trips (the lower one of two), days without trips apart.

        Days outside the period of feed_info.txt do not count, where any day inside it has trips. `trips_of` is the
        number of trips of each service.

        Raises
        ------
        TimetableError
            If there are no trips on any weekday.
        """
        days = np.arange(self._first, self._last + 1)
        trips = self._trips_on(days, trips_of)
        candidates = (trips > 0) & ((days - _MONDAY_ORDINAL) % 7 < _SATURDAY)
        first, last = self._current(days)
        current = candidates & (days >= first) & (days <= last)
        candidates = current if current.any() else candidates
        if not candidates.any():
            raise TimetableError(
                f"{self._tables.feed}: no trips on any weekday of calendar.txt and calendar_dates.txt"
                f"{''.join(f'; {text}' for text in list(self.broken.values())[:1])}"
            )
        ordered = np.sort(trips[candidates])
        median = ordered[(len(ordered) - 1) // 2]
        return date.fromordinal(int(days[candidates & (trips == median)][0]))

    def _trips_on(self, days: IntArray, trips_of: dict[str, int]) -> IntArray:
        """Return the number of trips on each day, (D,); days are ordinals without gaps."""
        trips, weekday = np.zeros(len(days), dtype=np.int64), (days - _MONDAY_ORDINAL) % 7
        for name in sorted(self.known):
            runs = np.zeros(len(days), dtype=np.bool_)
            for spell in self._spells.get(name, ()):
                runs |= (days >= spell.first) & (days <= spell.last) & np.array(spell.weekdays)[weekday]
            for exceptions, value in ((self._removed, False), (self._added, True)):
                marked = np.array(sorted(exceptions.get(name, ())), dtype=np.int64) - self._first
                runs[marked[(marked >= 0) & (marked < len(days))]] = value
            trips += runs * trips_of.get(name, 0)
        return trips

    def _current(self, days: IntArray) -> tuple[int, int]:
        """Return the period of feed_info.txt as ordinals, open where it does not say."""
        info = self._tables.table("feed_info")
        if info.empty:
            return int(days[0]) if len(days) else 1, int(days[-1]) if len(days) else 0
        row = info.iloc[0]
        first, last = _ordinal(row["feed_start_date"]), _ordinal(row["feed_end_date"])
        for name, day in (("feed_start_date", first), ("feed_end_date", last)):
            if day is None and row[name]:
                self._account.note(f"feed_info.txt: {name} {row[name]!r}, expected a date as 20260131; not used")
        return first or 1, last or date.max.toordinal()

    def _read_calendar(self) -> None:
        table = self._tables.table("calendar")
        for row in table.itertuples():
            first, last = (_ordinal(str(getattr(row, name))) for name in ("start_date", "end_date"))
            flags = [str(getattr(row, day)) for day in DAYS]
            faults = [f"{name} {getattr(row, name)!r}, expected a date as 20260131" for name, day in
                      (("start_date", first), ("end_date", last)) if day is None]  # fmt: skip
            faults += [f"{day} {flag!r}, expected 0 or 1" for day, flag in zip(DAYS, flags, strict=True)
                       if flag not in ("0", "1")]  # fmt: skip
            if first is None or last is None or faults:
                self._break(row, "calendar.txt", faults[0])
                continue
            if last < first:
                self._break(row, "calendar.txt", f"end_date {row.end_date} before start_date {row.start_date}")
                continue
            spell = _Spell(first, last, tuple(flag == "1" for flag in flags))
            self._spells.setdefault(str(row.service_id), []).append(spell)

    def _read_exceptions(self) -> None:
        for row in self._tables.table("calendar_dates").itertuples():
            day, kind = _ordinal(str(row.date)), str(row.exception_type)
            if day is None or kind not in ("1", "2"):
                value = f"date {row.date!r}, expected a date as 20260131" if day is None else (
                    f"exception_type {kind!r}, expected 1 or 2")  # fmt: skip
                self._break(row, "calendar_dates.txt", value)
                continue
            (self._added if kind == "1" else self._removed).setdefault(str(row.service_id), set()).add(day)

    def _break(self, row: tuple[object, ...], file: str, fault: str) -> None:
        text = f"{file}:{_line(row)}: service {row.service_id}: {fault}"  # type: ignore[attr-defined]
        self.broken.setdefault(str(row.service_id), text)  # type: ignore[attr-defined]


def parse_day(text: str) -> date:
    """Return a service date written as 2026-01-31 or 20260131; raise ValueError otherwise."""
    return date.fromisoformat(text)


def clock_shift_s(zone: str, base_zone: str, day: date) -> float:
    """Return what to add to times of one zone to have times of another, s, by the clocks of noon on a day.

    Raises
    ------
    ValueError
        If a zone is unknown.
    """
    noon = datetime.combine(day, time(12))
    try:
        offsets = [noon.replace(tzinfo=ZoneInfo(name)).utcoffset() for name in (base_zone, zone)]
    except (KeyError, ValueError, OSError) as error:  # an unknown zone is a KeyError
        raise ValueError(f"unknown time zone: {error}") from None
    base, own = (offset or timedelta() for offset in offsets)
    return (base - own).total_seconds()


def clock_change_h(zone: str, day: date) -> float:
    """Return by how many hours the clocks of a zone are put forward on a day; negative when back.

    GTFS counts times from noon less 12 hours, so that those after the change are what clocks show.
    """
    offsets = [datetime.combine(when, time(12), tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
               for when in (day - timedelta(days=1), day)]  # fmt: skip
    return (offsets[1] - offsets[0]).total_seconds() / HOUR_S


def shifts_s(routes: pd.DataFrame, tables: FeedTables, day: date, account: FeedAccount) -> FloatArray:
    """Return what to add to the times of each route, s, (L,): agencies of other zones go by the first one's clocks."""
    agencies = tables.table("agency")
    if agencies.empty:
        account.note("agency.txt: missing; times are taken as those of the area")
        return np.zeros(len(routes))
    base = str(agencies["agency_timezone"].iloc[0])
    shift_of: dict[str, float] = {}
    for agency, zone in zip(agencies["agency_id"], agencies["agency_timezone"], strict=True):
        try:
            shift_of.setdefault(agency, clock_shift_s(zone, base, day))
        except ValueError:
            account.note(f"agency.txt: agency {agency}: time zone {zone!r} is unknown; times are taken as they stand")
            shift_of.setdefault(agency, 0.0)
    shift_s = np.array([shift_of.get(agency, 0.0) for agency in routes["agency_id"]], dtype=np.float64)
    if np.any(shift_s):
        account.note(f"agency.txt: {int(np.count_nonzero(shift_s))} routes of other time zones moved to {base}")
    try:
        hours = clock_change_h(base, day)
    except (KeyError, ValueError, OSError):
        hours = 0.0
    if hours:
        account.note(f"{day}: clocks of {base} change by {hours:+.0f} h; times count from noon less 12 hours")
    return shift_s


def _runs(spell: _Spell, number: int) -> bool:
    return spell.first <= number <= spell.last and spell.weekdays[(number - _MONDAY_ORDINAL) % 7]


def _ordinal(text: str) -> int | None:
    """Return the ordinal of a date as 20260131; None if it is none."""
    if len(text) != 8 or not text.isascii() or not text.isdecimal():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal()
    except ValueError:
        return None


def _line(row: object) -> int:
    return int(row.Index) + 2  # type: ignore[attr-defined]
