"""Values as people write them: 23:00, 10 min, 1,50, 35 %; and settings written that way."""

from __future__ import annotations

import math
import re
from typing import Any

from kera_mobility.config.time_words import seconds_of_clock, seconds_of_duration, unit_by_name
from kera_mobility.errors import ConfigError
from kera_mobility.units import MINUTE_S

CLOCKS = frozenset({"first_s", "last_s", "start_s", "end_s", "begin_s", "from_s", "until_s", "departures_s"})
"""Last words of keys whose seconds are a time of day."""
HOURS = re.compile(r"(?<=\d) ?(?:t|tim)\b")
"""Finnish and Swedish hours."""
_NUMBER = re.compile(r"[+\-\u2212]?\d+(?:[.,]\d+)?")
_SPACES = re.compile("[\\s\u00a0\u202f]+")


def form_of(key: str) -> str:
    """Return how a number under a dotted key is written: clock, duration, share or number."""
    last = key.rpartition(".")[2]
    if last in CLOCKS:
        return "clock"
    if last.endswith("_s") and not last.endswith("_m_s"):
        return "duration"
    return "share" if last.endswith("share") else "number"


def unit_of(key: str) -> str:
    """Return the unit that a dotted key says, as people write it; empty where it says none."""
    return unit_by_name("_" + key.rpartition(".")[2]) if form_of(key) == "number" else ""


def parse_value(text: str, key: str) -> float | int:
    """Return the number that somebody wrote for a key, in the unit of the key.

    Raises
    ------
    ConfigError
        If it is not written as such a value; with what was found and what was expected.
    """
    plain, form = _SPACES.sub(" ", text.strip().lower()), form_of(key)
    parse = {"clock": _clock, "duration": _duration}.get(form, _number)
    value = parse(plain, key)
    if not math.isfinite(value):
        raise ConfigError(f"{key}: got '{text[:20]}...', expected fewer digits")
    return _whole(value)


def written(value: Any, key: str) -> str:
    """Return a value as a person writes it, with a decimal point; the page puts a comma where the language has one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    form = form_of(key)
    if form == "clock":
        minutes, seconds = divmod(round(value), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    if form == "duration":
        return f"{value / MINUTE_S:g} min" if value >= MINUTE_S and value % 30 == 0 else f"{value:g} s"
    if form == "share":
        return f"{value * 100:.6g} %"
    return f"{value:.10g}"


def _clock(text: str, key: str) -> float:
    time_s = seconds_of_clock(text.replace(".", ":"))
    if time_s is None:
        raise ConfigError(f"{key}: got '{text}', expected a time of day such as 23:00; 01:30 of the next day is 25:30")
    return time_s


def _duration(text: str, key: str) -> float:
    time_s = seconds_of_duration(HOURS.sub(" h", text).replace(",", "."))
    if time_s is None:
        raise ConfigError(f"{key}: got '{text}', expected a duration with its unit, such as 10 min, 45 s or 1 h 30 min")
    return time_s


def _number(text: str, key: str) -> float:
    share, unit = form_of(key) == "share", unit_of(key).lower()
    number = text.removesuffix("%").removesuffix("\u20ac").strip().removesuffix(unit).strip().replace(" ", "")
    if not _NUMBER.fullmatch(number):
        raise ConfigError(f"{key}: got '{text}', expected a number such as {'35 %' if share else '1,50 or 1.50'}")
    value = float(number.replace(",", ".").replace("\u2212", "-"))
    return value / 100.0 if share and text.endswith("%") else value


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value
