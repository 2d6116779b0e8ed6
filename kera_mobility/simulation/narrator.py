"""One person's day in words as it happens, from the same events that are logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kera_mobility.results.events import KINDS, EventLog
from kera_mobility.units import MINUTE_S, clock


class Narrator(EventLog):
    """An event log that also says in words what happens to one person."""

    heard = True

    def __init__(self, person: int, say: Callable[[str], None], batch_rows: int) -> None:
        super().__init__(batch_rows)
        self._person, self._say = person, say
        self._column = {kind: about.schema.get_field_index("person") for kind, about in KINDS.items()}

    def add(self, kind: str, *row: Any) -> None:
        """Append one row, and say it if it is about the person."""
        super().add(kind, *row)
        column = self._column[kind]
        if column >= 0 and row[column] == self._person:
            self._narrate(kind, [row])

    def extend(self, kind: str, *columns: Any) -> None:
        """Append many rows, and say those that are about the person."""
        super().extend(kind, *columns)
        rows = zip(*(list(column) for column in columns), strict=True)
        self._narrate(kind, [row for row in rows if row[self._column[kind]] == self._person])

    def _narrate(self, kind: str, rows: Iterable[tuple[Any, ...]]) -> None:
        for row in rows if kind in _SENTENCES else ():
            self._say(_SENTENCES[kind](dict(zip(KINDS[kind].schema.names, row, strict=True))))


def _leg(row: dict[str, Any]) -> str:
    parts = [
        f"{row[name] / MINUTE_S:.0f} min {doing}"
        for name, doing in (("walk_s", "on foot"), ("wait_s", "waiting"), ("ride_s", "riding"))
        if row[name] >= MINUTE_S / 2
    ]
    distance_km = (row["walk_m"] + row["ride_m"]) / 1000.0
    vehicle = f" (vehicle {row['vehicle']})" if row["vehicle"] >= 0 else ""
    fare = f", {row['fare_eur']:.2f} EUR" if row["fare_eur"] else ""
    ride = f"{', '.join(parts) or 'at once'}, {distance_km:.1f} km{fare}"
    return f"{clock(row['t_s'])}  {row['service']}{vehicle}: {ride}"


def _trip(row: dict[str, Any]) -> str:
    took_min = (row["end_s"] - row["t_s"]) / MINUTE_S
    ends = {
        "arrived": f"arrived by {row['chain']} after {took_min:.0f} min",
        "unserved": f"gave up after {took_min:.0f} min: no way to get there",
        "under_way": "still under way when the day ends",
        "not_started": "never came to set out",
    }
    return f"{clock(row['end_s'])}  trip {row['trip']} ({row['purpose']}): {ends[row['outcome']]}"


def _refusal(row: dict[str, Any]) -> str:
    return f"{clock(row['t_s'])}  {row['service'] or 'every service'} refused: {row['reason'].replace('_', ' ')}"


def _booking(row: dict[str, Any]) -> str:
    return f"{clock(row['end_s'])}  {row['service']} booked at {clock(row['t_s'])}: {row['end']}"


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "legs": _leg,
    "trips": _trip,
    "refusals": _refusal,
    "bookings": _booking,
}
