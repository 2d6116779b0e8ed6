"""What became of every trip of a feed, what was mended or doubted on the way, and what the model does not honour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from kera_mobility.units import BoolArray

KEPT = "kept"
TWICE = "listed twice in trips.txt"
BAD_DAYS = "no valid service days"
OTHER_DAY = "not on the date"
NO_ROUTE = "no such route"
BAD_TYPE = "no known route type"
NO_SUCH_VEHICLE = "taxi, air or another kind that the model has no vehicle for"
NO_CALLS = "no stop times"
ON_DEMAND = "demand-responsive"
BAD_TIMES = "bad times"
BAD_STOPS = "fewer than two usable stops"
BAD_FREQUENCY = "bad frequencies"
OUTSIDE = "outside the area"
ONE_STOP = "fewer than two stops in the area"
NO_RIDERS = "nobody may ride"
REASONS = (
    TWICE, BAD_DAYS, OTHER_DAY, NO_ROUTE, BAD_TYPE, NO_SUCH_VEHICLE, NO_CALLS, ON_DEMAND, BAD_TIMES, BAD_STOPS,
    BAD_FREQUENCY, OUTSIDE, ONE_STOP, NO_RIDERS,
)  # fmt: skip
"""Why a trip is left out; the first that holds counts."""
_BY_NATURE = frozenset({OTHER_DAY, OUTSIDE, ONE_STOP})
"""Reasons that are no fault of the feed, and need no notice."""


class TripFate(NamedTuple):
    """A row of trips.txt and what became of it."""

    trip_id: str
    route_id: str
    fate: str
    """KEPT, or one of REASONS."""
    detail: str
    """File, line and value that the reason rests on; empty where there is none."""


@dataclass
class FeedAccount:
    """The account of one import; T rows of trips.txt."""

    feed: str
    """Path of the feed, as messages name it."""
    trip_id: Sequence[str] = ()
    route_id: Sequence[str] = ()
    date: str = ""
    """Service date, as 2026-01-31."""
    chosen: str = ""
    """How the date was chosen."""
    notices: list[str] = field(default_factory=list)
    not_honoured: list[str] = field(default_factory=list)
    _fate: dict[int, tuple[str, str]] = field(default_factory=dict)

    def note(self, text: str, rows: Iterable[str] = ()) -> None:
        """Keep a notice; of many rows of one kind the first is shown, and how many more there are."""
        examples = list(rows)
        more = f" (and {len(examples) - 1} more)" if len(examples) > 1 else ""
        self.notices.append(f"{examples[0]}: {text}{more}" if examples else text)

    def leave_out(self, rows: Iterable[int], reason: str, detail: str | dict[int, str] = "") -> None:
        """Leave out rows of trips.txt, those that are not left out yet; `detail` for all, or by row."""
        for row in rows:
            text = detail if isinstance(detail, str) else detail.get(row, "")
            self._fate.setdefault(int(row), (reason, text))

    @property
    def kept(self) -> BoolArray:
        """Which rows of trips.txt are not left out, (T,)."""
        kept = np.ones(len(self.trip_id), dtype=np.bool_)
        kept[list(self._fate)] = False
        return kept

    def counts(self) -> dict[str, int]:
        """Return how many trips were kept and left out for each reason; they sum to the rows of trips.txt."""
        reasons = Counter(reason for reason, _ in self._fate.values())
        left = {reason: reasons[reason] for reason in REASONS if reasons[reason]}
        return {KEPT: len(self.trip_id) - len(self._fate), **left}

    def fates(self) -> Iterator[TripFate]:
        """Yield what became of each row of trips.txt."""
        for row, (trip, route) in enumerate(zip(self.trip_id, self.route_id, strict=True)):
            yield TripFate(trip, route, *self._fate.get(row, (KEPT, "")))

    def all_notices(self) -> list[str]:
        """Return every notice, one for each reason that trips were left out for and is a fault among them."""
        texts = list(self.notices)
        for reason, count in self.counts().items():
            if reason != KEPT and reason not in _BY_NATURE:
                texts.append(f"{count} trip{'s' * (count > 1)} left out, {reason}{self._example(reason)}")
        return texts

    def summary(self) -> dict[str, Any]:
        """Return the account as `run.json` and the compiled timetable keep it: plain values."""
        return {
            "date": self.date, "date_chosen": self.chosen, "trips": self.counts(), "notices": self.all_notices(),
            "not_honoured": list(self.not_honoured),
        }  # fmt: skip

    def emptiness(self) -> str:
        """Return why no trip is left, as one line."""
        parts = [
            f"{count} {reason}{self._example(reason)}" for reason, count in self.counts().items() if reason != KEPT
        ]
        day = f" on {self.date}" if self.date else ""
        return f"{self.feed}: no trip is left{day} of {len(self.trip_id)}: {'; '.join([*parts, *self.notices[:2]])}"

    def _example(self, reason: str) -> str:
        """Return the detail of the first trip that was left out for a reason, after a colon; nothing if it has none."""
        return next((f": {detail}" for why, detail in self._fate.values() if why == reason and detail), "")
