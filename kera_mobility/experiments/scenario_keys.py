"""Values of a scenario by dotted keys such as `choice.constants.walk`: which there are, and the scenario with others.

In a pattern `*` stands for any part of a name, an index of a list among them: `services.car.periods.*.factor`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from kera_mobility.errors import ConfigError
from kera_mobility.simulation.scenario import Scenario


def content_of(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as plain nested values, without what is not set."""
    return scenario.model_dump(mode="json", exclude_none=True)


def with_values(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """Return the scenario with other values at dotted keys, checked again. The last part of a key may be new.

    Raises
    ------
    ConfigError
        If a key leads nowhere.
    """
    content = content_of(scenario)
    for key, value in values.items():
        above, _, last = key.rpartition(".")
        holder: Any = value_at(content, above) if above else content
        if not isinstance(holder, dict):
            _child(holder, last, key)
        holder[int(last) if isinstance(holder, list) else last] = value
    return Scenario.model_validate(content).read_like(scenario)


def number_keys(content: Any, patterns: str | Sequence[str]) -> list[str]:
    """Return the dotted keys of numbers that fit some patterns, once each, in the order of the content."""
    names = [patterns] if isinstance(patterns, str) else patterns
    return list(dict.fromkeys(key for pattern in names for key in _matches(content, pattern.split("."), "")))


def value_at(content: Any, key: str) -> Any:
    """Return the value at a dotted key; raise ConfigError if it leads nowhere."""
    for part in key.split("."):
        content = _child(content, part, key)
    return content


def _child(holder: Any, part: str, key: str) -> Any:
    if isinstance(holder, dict):
        if part not in holder:
            raise ConfigError(f"{key}: no '{part}' in the scenario; expected one of {', '.join(map(str, holder))}")
        return holder[part]
    if isinstance(holder, list) and part.isdecimal() and int(part) < len(holder):
        return holder[int(part)]
    raise ConfigError(f"{key}: '{part}' leads nowhere in the scenario")


def _matches(content: Any, parts: list[str], prefix: str) -> Iterator[str]:
    if not parts:
        if isinstance(content, int | float) and not isinstance(content, bool):
            yield prefix
        return
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, below in entries:
        if fnmatchcase(str(name), parts[0]):
            yield from _matches(below, parts[1:], f"{prefix}.{name}" if prefix else str(name))
