"""The notices of a day as its table holds them: topics, and the facts that they begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LATE = "late"
"""Topic of notices that one run of a line is late: for those who are still to board there only."""
STREETS = "streets"
"""Topic of notices that say which streets are shut from then on: the last one holds."""
ALL_STREETS_OPEN = "all streets are open"
"""Text of the notice with which the last closure of streets ends."""
ANNOUNCED = "announced"
"""Topic of notices of what is still to come; the notice itself follows."""
WEATHER, WITHDRAWN = "weather", "withdrawn"

NoticeRow = Mapping[str, Any]


@dataclass
class Fact:
    """A public fact of a day."""

    notice: NoticeRow
    """The notice that it began with."""
    until_s: float | None = None
    """When another notice ended it; None if none did."""


def facts_of(notices: Iterable[NoticeRow]) -> list[Fact]:
    """Return the facts that notices tell of by their begin, without late runs.

    The second notice of one topic, place and text ends the first; a closure of streets ends with the next notice of
    streets. A notice that is posted to several services at one time counts once.
    """
    facts: list[Fact] = []
    latest: dict[tuple[Any, ...], Fact] = {}
    for notice in notices:
        topic, t_s = notice["topic"], float(notice["t_s"])
        if topic == LATE:
            continue
        key = (topic,) if topic == STREETS else (topic, notice["place"], notice["text"])
        fact = latest.get(key)
        if fact and t_s in (fact.notice["t_s"], fact.until_s):
            continue
        is_end = fact is not None and fact.until_s is None and topic != ANNOUNCED
        if fact and is_end:
            fact.until_s = t_s
        if not is_end or topic == STREETS:
            latest[key] = Fact(notice)
            facts.append(latest[key])
    return facts
