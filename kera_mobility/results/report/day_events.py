"""The events of the day: weather, closures and failures with their hours, vehicles kept in, runs cut or cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kera_mobility.results.explain.trip import ANNOUNCED, LATE, STREETS
from kera_mobility.results.facts import Facts

OPEN_AGAIN = "all streets are open"
"""Text of the notice with which the last closure of streets ends."""
WEATHER, WITHDRAWN = "weather", "withdrawn"


def day_events(facts: Facts) -> dict[str, Any]:
    """Return the public events of a day, for a list and for marks on the time of the playback.

    `weather` is the row of the day, or None. `facts` are from s, until s (None where no end was posted), topic, text.
    `cut` are service, line, how it ended, runs, first and last moment s. `late` is the number of notices of lateness.
    """
    weather = facts.record.meta.get("weather") or {}
    kept_in = {name: part for name, part in sorted(weather.get("withdrawn", {}).items()) if part > 0}
    notices = facts.record.table("notices").to_pylist()
    shown = [row for row in notices if row["topic"] not in (LATE, WEATHER) and not _keeps_in(row, kept_in)]
    return {
        "weather": _weather(weather) if weather else None,
        "kept_in": [[name, part] for name, part in kept_in.items()],
        "facts": _spans(shown),
        "late": sum(row["topic"] == LATE for row in notices),
        "cut": [row for service in facts.services for row in _cut_runs(facts, service)],
    }


def _keeps_in(notice: Mapping[str, Any], kept_in: Mapping[str, float]) -> bool:
    """Return whether a notice says that the weather keeps a fleet in, which is shown with the weather."""
    fleets = tuple(f"{name}: " for name in kept_in)
    return notice["topic"] == WITHDRAWN and notice["t_s"] == 0 and str(notice["text"]).startswith(fleets)


def _weather(about: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: about.get(name) for name in ("day", "temperature_c", "snow_cm_h", "slippery", "basis")}
    return shown | {"effects": len(about.get("effects", {}))}


def _spans(notices: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return each event once: the second notice of one topic, place and text says that it is over."""
    last: dict[tuple[str, int, str], list[Any]] = {}
    spans: list[list[Any]] = []
    for row in notices:
        topic, text, t_s = row["topic"], row["text"], float(row["t_s"])
        if topic == STREETS:  # a notice about streets ends the one before it
            for span in spans:
                span[1] = t_s if span[2] == STREETS and span[1] is None else span[1]
            if text == OPEN_AGAIN:
                continue
        key = (topic, int(row["place"]), text)
        begun = last.get(key)
        if topic != ANNOUNCED and begun is not None and begun[1] is None and begun[0] < t_s:
            begun[1] = t_s
        else:
            last[key] = [t_s, None, topic, text]
            spans.append(last[key])
    return spans


def _cut_runs(facts: Facts, service: str) -> list[list[Any]]:
    """Return the runs of a service that did not reach their last stop, by line and how they ended, most first."""
    running = facts.of_service("running", service)
    if not running.num_rows:
        return []
    calls = running.to_pandas()
    groups = calls[calls["ended"] != ""].groupby(["line", "ended"])
    rows = [
        [service, line, end, group["run"].nunique(), group["t_s"].min(), group["t_s"].max()]
        for (line, end), group in groups
    ]
    return sorted(rows, key=lambda row: (-row[3], row[1], row[2]))
