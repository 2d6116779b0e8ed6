"""Parts of a day, a week and a year, for rules that hold only then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, field_validator

from kera_mobility.config.settings import ClockTime, Settings
from kera_mobility.units import DAY_S, FloatArray, IntArray

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LEAP_YEAR = 2024
"""Any month and day is a date of it."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Years of a calendar that a trial may lie in."""
_MONTH_AND_DAY = r"^\d\d-\d\d$"
_DAYS = (-1, 0, 1)
"""A window of yesterday may reach into today, and a day of trips into tomorrow."""


def _iso_date(text: str) -> str:
    try:
        sensible = FIRST_YEAR <= date.fromisoformat(text).year <= LAST_YEAR
    except ValueError:
        sensible = False
    if not sensible:
        raise ValueError(f"expected a date such as 2025-09-17, of the years {FIRST_YEAR} to {LAST_YEAR}")
    return text


IsoDate = Annotated[str, AfterValidator(_iso_date)]


class Season(Settings):
    """A part of the year, the first and the last day included; it may run over the new year."""

    first: str = Field("01-01", pattern=_MONTH_AND_DAY)
    """Month and day, MM-DD."""
    last: str = Field("12-31", pattern=_MONTH_AND_DAY)
    """Month and day, MM-DD."""

    @field_validator("first", "last")
    @classmethod
    def _is_a_date(cls, text: str) -> str:
        month, day = text.split("-")
        try:
            date(LEAP_YEAR, int(month), int(day))
        except ValueError:
            raise ValueError("expected month and day of the year, MM-DD, such as 04-01") from None
        return text

    def holds(self, day: date) -> bool:
        """Return whether a day lies in the season."""
        today = f"{day.month:02d}-{day.day:02d}"
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last


class Window(Settings):
    """Hours of some days of a part of the year."""

    from_s: ClockTime = Field(0.0, ge=0, le=DAY_S)
    """Begins then, seconds from midnight."""
    until_s: ClockTime = Field(DAY_S, ge=0, le=DAY_S)
    """Ends then, seconds from midnight; not later than `from_s` means on the next day."""
    days: tuple[Weekday, ...] = ()
    """Days of the week on which it begins; every day if none is named."""
    season: Season = Season()
    """Part of the year in which it begins."""

    def spans(self, today: date) -> list[tuple[float, float]]:
        """Return the times in which it holds, seconds from the midnight that starts `today`, from a day before to one
        after."""
        spans = []
        for ahead in _DAYS:
            day = today + timedelta(days=ahead)
            if self.season.holds(day) and (not self.days or WEEKDAYS[day.weekday()] in self.days):
                longer_s = DAY_S if self.until_s <= self.from_s else 0.0
                spans.append((ahead * DAY_S + self.from_s, ahead * DAY_S + self.until_s + longer_s))
        return spans


class Timeline:
    """Which of some windows hold when, from one midnight on."""

    def __init__(self, windows: Sequence[Window], today: date) -> None:
        spans = [window.spans(today) for window in windows]
        moments = {moment for span in spans for pair in span for moment in pair}
        self._begins = [0.0, *sorted(moment for moment in moments if moment > 0)]
        self.sets: list[tuple[int, ...]] = [
            tuple(index for index, span in enumerate(spans) if any(begin <= moment < end for begin, end in span))
            for moment in self._begins
        ]
        """The windows that hold, by index, in each piece of the day."""

    def at(self, t_s: float) -> tuple[int, ...]:
        """Return the windows that hold at a moment, by index."""
        return self.sets[bisect_right(self._begins, t_s) - 1]

    def pieces(self, t_s: FloatArray) -> IntArray:
        """Return the piece of the day, an index of `sets`, of many moments, (T,)."""
        return np.maximum(np.searchsorted(np.array(self._begins), t_s, side="right") - 1, 0)
