"""The events of the day: weather, closures and failures with their hours, vehicles kept in, runs cut or cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kera_mobility.results.facts import Facts
from kera_mobility.results.notice_log import ALL_STREETS_OPEN, LATE, WEATHER, WITHDRAWN, facts_of

WARNING = "warning"
"""Topic of what `run.json` warns of: services that carried nobody."""


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
        "facts": [[0.0, None, WARNING, warning["text"]] for warning in facts.record.meta.get("warnings", ())]
                 + _spans(shown),
        "late": sum(row["topic"] == LATE for row in notices),
        "cut": [row for service in facts.services for row in _cut_runs(facts, service)],
    }  # fmt: skip


def _keeps_in(notice: Mapping[str, Any], kept_in: Mapping[str, float]) -> bool:
    """Return whether a notice says that the weather keeps a fleet in, which is shown with the weather."""
    fleets = tuple(f"{name}: " for name in kept_in)
    return notice["topic"] == WITHDRAWN and notice["t_s"] == 0 and str(notice["text"]).startswith(fleets)


def _weather(about: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: about.get(name) for name in ("day", "temperature_c", "snow_cm_h", "slippery", "basis")}
    return shown | {"effects": len(about.get("effects", {}))}


def _spans(notices: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return each fact but that all streets are open again: from s, until s, topic, text."""
    return [
        [float(fact.notice["t_s"]), fact.until_s, fact.notice["topic"], fact.notice["text"]]
        for fact in facts_of(notices) if fact.notice["text"] != ALL_STREETS_OPEN
    ]  # fmt: skip


def _cut_runs(facts: Facts, service: str) -> list[list[Any]]:
    """Return the runs of a service that did not reach their last stop, by line and how they ended, most first."""
    calls = facts.frame("running", service)
    groups = calls[calls["ended"] != ""].groupby(["line", "ended"])
    rows = [
        [service, line, end, group["run"].nunique(), group["t_s"].min(), group["t_s"].max()]
        for (line, end), group in groups
    ]
    return sorted(rows, key=lambda row: (-row[3], row[1], row[2]))
