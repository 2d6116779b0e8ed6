"""One trip's rows gathered from the tables of a result, as they happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kera_mobility.errors import UnknownPersonError
from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.record import numbers, rows_at
from kera_mobility.units import MINUTE_S, UTILITY_STEPS

Row = Mapping[str, Any]
_NOTHING = int(np.iinfo(np.int64).min)
"""The utility of what cannot be done."""
LATE = "late"
"""Topic of notices that one run of a line is late: told to who is still to board there only."""
STREETS = "streets"
"""Topic of notices that say which streets are shut from then on: the last one holds."""
ANNOUNCED = "announced"
"""Topic of notices of what is still to come."""
OFFERED = "offered"
"""Answer of a service that would have carried."""


@dataclass(frozen=True)
class Worth:
    """What a util is in money and time to somebody, by the choice model of the scenario; None where it says nothing."""

    per_eur: float | None
    """Utils of a euro, negative."""
    per_min: float | None
    """Utils of a minute in a train or bus, negative."""

    @classmethod
    def of(cls, told: RunReader, purpose: str) -> Worth:
        """Return the worth for a purpose."""
        by_purpose = told.scenario.get("choice", {}).get("coefficients", {}).get(purpose, {})
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


def story_of(told: RunReader, person: int, trip: int) -> Story:
    """Return what a run says of one trip.

    Raises
    ------
    UnknownPersonError
        If the person made no such trip; the message names those there are.
    """
    own = {kind: _rows(told, kind, person) for kind in ("trips", "legs", "refusals", "bookings", "connections")}
    trips = {int(row["trip"]): row for row in own["trips"]}
    if trip not in trips:
        known = ", ".join(f"{person}:{number}" for number in sorted(trips)) or "none"
        raise UnknownPersonError(f"{told.folder}: no trip {person}:{trip}; trips of person {person}: {known}")
    mine = {kind: [row for row in rows if row["trip"] == trip] for kind, rows in own.items()}
    considered = [row for row in _rows(told, "considered", person) if row["trip"] == trip]
    people = _rows(told, "people", person)
    one = trips[trip]
    failed = bool(mine["refusals"]) or one["outcome"] == "unserved"
    notices = _notices(told.record.tables["notices"].to_pylist(), one, mine["legs"], failed=failed)
    return Story(
        one, people[0] if people else {}, _choices(considered), mine["legs"], mine["refusals"], mine["bookings"],
        mine["connections"], notices,
    )  # fmt: skip


def trips_of(told: RunReader, person: int) -> list[int]:
    """Return the numbers of a person's trips.

    Raises
    ------
    UnknownPersonError
        If nobody has the id, or the person did not travel.
    """
    found = sorted(int(row["trip"]) for row in _rows(told, "trips", person))
    if not found:
        known = numbers(told.record.people, "person")
        why = "stayed at home" if np.any(known == person) else "is not in people.parquet"
        raise UnknownPersonError(f"{told.folder}: person {person} {why}")
    return found


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
    """Return what was posted that a trip has to do with, in order; what held before it only of a trip that failed.

    The second notice of one topic, place and text says that it is over.
    """
    boards_s = {row["origin"]: row["t_s"] + row["wait_s"] for row in legs if row["ride_s"] or row["wait_s"]}
    holds: dict[tuple[Any, ...], Row] = {}
    before: list[Row] = []
    during: list[Row] = []
    for row in posted:
        known = row["t_s"] < trip["ready_s"]
        if row["topic"] == LATE:
            during += [row] if not known and row["t_s"] <= boards_s.get(row["place"], -math.inf) else []
        elif row["t_s"] <= trip["end_s"]:
            is_over = _is_over(row, holds)
            before = list(holds.values()) if known else before
            during += [] if known else [{**row, "text": f"over: {row['text']}"} if is_over else row]
    return [*(before if failed else ()), *during]


def _is_over(row: Row, holds: dict[tuple[Any, ...], Row]) -> bool:
    """Return whether a notice ends one that holds, and keep in mind what holds from then on."""
    what = (STREETS,) if row["topic"] == STREETS else (row["topic"], row["place"], row["text"])
    last = holds.pop(what, None)
    if last and last["text"] == row["text"] and row["topic"] != ANNOUNCED:
        return True
    holds[what] = row
    return False


def _plain(row: Row) -> dict[str, Any]:
    none = {math.inf, -math.inf, _NOTHING}
    return {name: None if value != value or value in none else value for name, value in row.items()}


def _choices(considered: Sequence[Row]) -> list[list[Row]]:
    moments: dict[tuple[int, float], list[Row]] = {}
    for row in considered:
        moments.setdefault((row["step"], row["t_s"]), []).append(row)
    return [sorted(rows, key=lambda row: (-utility(row), row["chain"])) for _, rows in sorted(moments.items())]


def _rows(told: RunReader, table: str, person: int) -> list[dict[str, Any]]:
    whole = told.record.table(table)
    at = np.flatnonzero(numbers(whole, "person") == person).astype(np.int64)
    found: list[dict[str, Any]] = rows_at(whole, at).to_pylist()
    return found
