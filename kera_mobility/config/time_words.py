"""Times as people write them: a time of day such as 23:00, a duration such as 1 h 30 min, in the unit of a setting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from kera_mobility.units import HOUR_S, MINUTE_S, UNIT_BY_SUFFIX

SECONDS_BY_UNIT = {"s": 1.0, "min": MINUTE_S, "h": HOUR_S}
"""Units of settings that are times, s."""
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")
_PART = re.compile(r"(\d+(?:\.\d+)?) ?(h|min|s)")
_DURATION = re.compile(rf"{_PART.pattern}(?: ?{_PART.pattern})*")


@dataclass(frozen=True)
class _TimeOfDay:
    """Marks a number that is a moment of the day, not a duration; a schema says so with `time_of_day`."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "time_of_day": True}


TIME_OF_DAY = _TimeOfDay()


def unit_by_name(name: str) -> str:
    """Return the unit of a number by the end of its name; nothing for pure numbers."""
    return next((unit for end, unit in UNIT_BY_SUFFIX.items() if name.endswith(end)), "")


def is_time_of_day(annotation: Any) -> bool:
    """Return whether a type, or a part of it, is marked as a time of day."""
    return annotation is TIME_OF_DAY or any(map(is_time_of_day, get_args(annotation)))


def allow_words(properties: Mapping[str, dict[str, Any]]) -> None:
    """Let the JSON schema of each setting that is a time take it in words too."""
    for name, about in properties.items():
        if unit_by_name(name) in SECONDS_BY_UNIT and about.get("type") in ("number", "integer"):
            words = _CLOCK if "time_of_day" in about else _DURATION
            about.update(type=[about["type"], "string"], pattern=f"^{words.pattern}$")


def seconds_of_clock(text: str) -> float | None:
    """Return seconds from midnight for 7:30, 23:00:30 or 25:30 (after the next midnight); None for other text."""
    if not (clock := _CLOCK.fullmatch(text.strip())):
        return None
    hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    return hours * HOUR_S + minutes * MINUTE_S + seconds


def seconds_of_duration(text: str) -> float | None:
    """Return seconds for 90 s, 10 min or 1 h 30 min, each unit once and the longest first; None for other text."""
    if not _DURATION.fullmatch(text.strip()):
        return None
    parts = _PART.findall(text)
    lengths_s = [SECONDS_BY_UNIT[unit] for _, unit in parts]
    if lengths_s != sorted(set(lengths_s), reverse=True):
        return None
    return sum(float(number) * length_s for (number, _), length_s in zip(parts, lengths_s, strict=True))


def in_unit(value: Any, unit: str, time_of_day: bool) -> Any:
    """Return a value with each text in it that says a time as a number in a unit; what says none stays as it is."""
    if isinstance(value, str):
        time_s = (seconds_of_clock if time_of_day else seconds_of_duration)(value)
        return value if time_s is None else time_s / SECONDS_BY_UNIT[unit]
    if isinstance(value, Mapping):
        return {key: in_unit(below, unit, time_of_day) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [in_unit(below, unit, time_of_day) for below in value]
    return value
