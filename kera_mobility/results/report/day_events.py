"""What happened that day: weather, closures and failures with their hours, vehicles kept in, runs cut or cancelled."""

from __future__ import annotations

from typing import Any

import numpy as np

from kera_mobility.results.explain.trip import ANNOUNCED, LATE, STREETS
from kera_mobility.results.facts import Facts
from kera_mobility.results.record import numbers, rows_at, texts

OPEN_AGAIN = "all streets are open"
"""Text of the notice with which the last closure of streets ends."""
WEATHER, WITHDRAWN = "weather", "withdrawn"


def happened(facts: Facts) -> dict[str, Any]:
    """Return the public facts of a day, for a list and for marks on the time of the playback.

    `weather` is the row of the day, or None. `facts` are from s, until s (None where no end was posted), topic, text.
    `cut` are service, line, how it ended, runs, first and last moment s. `late` is the number of notices of lateness.
    """
    meta = facts.record.meta
    weather = meta.get("weather")
    rows = facts.record.table("notices").to_pylist()
    return {
        "weather": _weather(weather) if weather else None,
        "kept_in": [[name, part] for name, part in sorted((weather or {}).get("withdrawn", {}).items()) if part > 0],
        "facts": _facts([row for row in rows if row["topic"] not in (LATE, WEATHER) and not _of_weather(row, weather)]),
        "late": sum(row["topic"] == LATE for row in rows),
        "cut": [row for service in facts.services for row in _cut(facts, service)],
    }  # fmt: skip


def _of_weather(row: dict[str, Any], weather: dict[str, Any] | None) -> bool:
    """Return whether a notice says that the weather keeps a fleet in, which is told with the weather."""
    kept_in = tuple(f"{name}: " for name, part in (weather or {}).get("withdrawn", {}).items() if part > 0)
    return row["topic"] == WITHDRAWN and row["t_s"] == 0 and bool(kept_in) and str(row["text"]).startswith(kept_in)


def _weather(about: dict[str, Any]) -> dict[str, Any]:
    found = {name: about.get(name) for name in ("day", "temperature_c", "snow_cm_h", "slippery", "basis")}
    return found | {"effects": len(about.get("effects", {}))}


def _facts(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Return each fact once: the second notice of one topic, place and text says that it is over."""
    begun: dict[tuple[str, int, str], list[Any]] = {}
    found: list[list[Any]] = []
    for row in rows:
        topic, text, t_s = row["topic"], row["text"], float(row["t_s"])
        if topic == STREETS:
            for one in found:
                one[1] = t_s if one[2] == STREETS and one[1] is None else one[1]
            if text == OPEN_AGAIN:
                continue
        key = (topic, int(row["place"]), text)
        if topic != ANNOUNCED and key in begun and begun[key][1] is None and begun[key][0] < t_s:
            begun[key][1] = t_s
            continue
        begun[key] = [t_s, None, topic, text]
        found.append(begun[key])
    return found


def _cut(facts: Facts, service: str) -> list[list[Any]]:
    """Return the runs of a service that did not reach their last stop, by line and how they ended."""
    running = facts.of_service("running", service)
    codes, names = texts(running, "ended")
    cut = rows_at(running, np.flatnonzero(np.array([bool(name) for name in names], dtype=np.bool_)[codes]))
    line, lines = texts(cut, "line")
    ended, ends = texts(cut, "ended")
    runs, t_s = numbers(cut, "run"), numbers(cut, "t_s")
    found = []
    for at, name in enumerate(lines):
        for code, end in enumerate(ends):
            mine = (line == at) & (ended == code)
            if mine.any():
                moments = t_s[mine]
                found.append(
                    [service, name, end, len(np.unique(runs[mine])), float(moments.min()), float(moments.max())]
                )
    return sorted(found, key=lambda row: (-int(row[3]), row[1], row[2]))
