"""One trip's rows gathered from the tables of a result, as they happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kera_mobility.errors import UnknownPersonError
from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.notice_log import LATE, STREETS, facts_of
from kera_mobility.results.record import numbers, rows_at
from kera_mobility.units import MINUTE_S, UTILITY_STEPS

Row = Mapping[str, Any]
_NOTHING = int(np.iinfo(np.int64).min)
"""The utility of what cannot be done."""
OFFERED = "offered"
"""Answer of a service that would have carried."""


@dataclass(frozen=True)
class UtilityRates:
    """What a util is in money and time to somebody, by the choice model of the scenario; None where it says nothing."""

    per_eur: float | None
    """Utils of a euro, negative."""
    per_min: float | None
    """Utils of a minute in a train or bus, negative."""

    @classmethod
    def of(cls, run: RunReader, purpose: str) -> UtilityRates:
        """Return the worth for a purpose."""
        by_purpose = run.settings.get("choice", {}).get("coefficients", {}).get(purpose, {})
        eur, minute = by_purpose.get("per_eur"), by_purpose.get("transit_per_min")
        return cls(float(eur) if eur else None, float(minute) if minute else None)

    def eur(self, steps: int) -> float | None:
        """Return a difference of utilities in EUR, positive for the better."""
        return None if self.per_eur is None else steps / UTILITY_STEPS / -self.per_eur

    def words(self, steps: int) -> str:
        """Return a difference of utilities as money and minutes."""
        eur = self.eur(steps)
        minutes = None if self.per_min is None else steps / UTILITY_STEPS / -self.per_min
        parts = [] if eur is None else [f"{eur:.2f} EUR"]
        parts += [] if minutes is None else [f"{minutes:.0f} min in a train or bus"]
        return " or ".join(parts) or "an amount that the scenario does not price"


@dataclass(frozen=True)
class Story:
    """One trip with everything that the tables say of it, in order."""

    trip: Row
    person: Row
    choices: Sequence[Sequence[Row]]
    """Journeys considered, one list for each time that the person chose, in the order of what was taken to be best."""
    legs: Sequence[Row]
    refusals: Sequence[Row]
    bookings: Sequence[Row]
    connections: Sequence[Row]
    notices: Sequence[Row]
    """Public facts that held when the person was ready, of a trip that failed, and those that came while it lasted."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, None where there is no number."""
        lists = ("legs", "refusals", "bookings", "connections", "notices")
        return {
            "trip": _plain(self.trip),
            "person": _plain(self.person),
            "choices": [[_plain(row) for row in rows] for rows in self.choices],
            **{name: [_plain(row) for row in getattr(self, name)] for name in lists},
        }

    @property
    def failed(self) -> bool:
        """Whether the trip was given up or met a refusal."""
        return bool(self.refusals) or self.trip["outcome"] == "unserved"


def story_of(run: RunReader, person: int, trip: int) -> Story:
    """Return what a run says of one trip.

    Raises
    ------
    UnknownPersonError
        If the person made no such trip; the message names those there are.
    """
    own = {kind: _rows(run, kind, person) for kind in ("trips", "legs", "refusals", "bookings", "connections")}
    trips = {int(row["trip"]): row for row in own["trips"]}
    if trip not in trips:
        numbers_of = ", ".join(f"{person}:{number}" for number in sorted(trips)) or "none"
        raise UnknownPersonError(f"{run.folder}: no trip {person}:{trip}; trips of person {person}: {numbers_of}")
    rows_of = {kind: [row for row in rows if row["trip"] == trip] for kind, rows in own.items()}
    considered = [row for row in _rows(run, "considered", person) if row["trip"] == trip]
    people = _rows(run, "people", person)
    failed = bool(rows_of["refusals"]) or trips[trip]["outcome"] == "unserved"
    notices = _notices(run.record.tables["notices"].to_pylist(), trips[trip], rows_of["legs"], failed=failed)
    return Story(
        trips[trip], people[0] if people else {}, _choices(considered), rows_of["legs"], rows_of["refusals"],
        rows_of["bookings"], rows_of["connections"], notices,
    )  # fmt: skip


def trips_of(run: RunReader, person: int) -> list[int]:
    """Return the numbers of a person's trips.

    Raises
    ------
    UnknownPersonError
        If nobody has the id, or the person did not travel.
    """
    trips = sorted(int(row["trip"]) for row in _rows(run, "trips", person))
    if not trips:
        is_in_area = np.any(numbers(run.record.people, "person") == person)
        why = "stayed at home" if is_in_area else "is not in people.parquet"
        raise UnknownPersonError(f"{run.folder}: person {person} {why}")
    return trips


def utility(row: Row) -> int:
    """Return what a considered journey was ranked by: as offered live if it was, else as expected."""
    return int(row["met_utility"])


def refused(row: Row) -> bool:
    """Return whether a considered journey was refused live."""
    return row["answer"] not in ("", OFFERED)


def was_expected(row: Row) -> bool:
    """Return whether a considered journey was expected at all, not only possible by luck."""
    return int(row["utility"]) != _NOTHING


def minutes(seconds: float) -> float:
    """Return seconds as minutes."""
    return seconds / MINUTE_S


def _notices(posted: Sequence[Row], trip: Row, legs: Sequence[Row], *, failed: bool) -> list[Row]:
    """Return what was posted that a trip has to do with, by time; what held before it only of a trip that failed."""
    boards_s = {row["origin"]: row["t_s"] + row["wait_s"] for row in legs if row["ride_s"] or row["wait_s"]}
    ready_s, facts = trip["ready_s"], facts_of(row for row in posted if row["t_s"] <= trip["end_s"])
    before = [fact.notice for fact in facts
              if fact.notice["t_s"] < ready_s and (fact.until_s is None or fact.until_s >= ready_s)]  # fmt: skip
    late = [row for row in posted if row["topic"] == LATE and row["t_s"] <= boards_s.get(row["place"], -math.inf)]
    ended = [
        {**fact.notice, "t_s": fact.until_s, "text": f"over: {fact.notice['text']}"}
        for fact in facts if fact.until_s is not None and fact.notice["topic"] != STREETS
    ]  # fmt: skip
    during = [row for row in (*late, *ended, *(fact.notice for fact in facts)) if row["t_s"] >= ready_s]
    return [*(before if failed else ()), *sorted(during, key=lambda row: float(row["t_s"]))]


def _plain(row: Row) -> dict[str, Any]:
    none = {math.inf, -math.inf, _NOTHING}
    return {name: None if value != value or value in none else value for name, value in row.items()}


def _choices(considered: Sequence[Row]) -> list[list[Row]]:
    moments: dict[tuple[int, float], list[Row]] = {}
    for row in considered:
        moments.setdefault((row["step"], row["t_s"]), []).append(row)
    return [sorted(rows, key=lambda row: (-utility(row), row["chain"])) for _, rows in sorted(moments.items())]


def _rows(run: RunReader, table: str, person: int) -> list[dict[str, Any]]:
    events = run.record.table(table)
    at = np.flatnonzero(numbers(events, "person") == person).astype(np.int64)
    rows: list[dict[str, Any]] = rows_at(events, at).to_pylist()
    return rows
