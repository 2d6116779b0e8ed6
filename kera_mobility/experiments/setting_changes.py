"""What one scenario sets in another way than another: by dotted key, in words, and taken back one at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kera_mobility.config.messages import dotted, schemas_at, unit_of
from kera_mobility.config.yaml_layers import KeyPath, shown
from kera_mobility.experiments.scenario_keys import content_of
from kera_mobility.results.amounts import amount
from kera_mobility.simulation.scenario import OWN_KEYS, Scenario
from kera_mobility.units import clock

MOST_SINGLE = 8
"""More changes than this are taken together by part of the scenario, such as one service."""
ABSENT = object()
NOT_RUN = OWN_KEYS | {"decision"}
"""Keys that change no event of a run."""


@dataclass(frozen=True)
class SettingChange:
    """One setting, or a whole part, that differs."""

    path: KeyPath
    before: Any
    """ABSENT where only the variant has it."""
    after: Any
    time_of_day: bool = False

    @property
    def key(self) -> str:
        """The dotted key."""
        return dotted(self.path)

    def __str__(self) -> str:
        if self.before is ABSENT or self.after is ABSENT:
            part = self.after if self.before is ABSENT else self.before
            about = part.get("title") or part.get("kind") if isinstance(part, dict) else self._shown(part)
            return f"{self.key}: {'added' if self.before is ABSENT else 'taken away'}{f' ({about})' if about else ''}"
        return f"{self.key}: {self._shown(self.before)} -> {self._shown(self.after)}"

    def _shown(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value if isinstance(value, str) else shown(value)
        unit = unit_of(self.path).strip()
        if self.time_of_day:
            return clock(value * (3600.0 if unit == "h" else 1.0))
        return amount(value, unit) if unit in ("s", "EUR", "m") else f"{value:g}{f' {unit}' if unit else ''}"


def setting_changes(reference: Scenario, variant: Scenario) -> list[SettingChange]:
    """Return what differs, in the order of the variant; names, titles and what is decided by do not count."""
    before, after = content_of(reference), content_of(variant)
    schema = Scenario.model_json_schema()
    return [
        SettingChange(path, old, new, any("time_of_day" in about for about in schemas_at(schema, path, after)))
        for path, old, new in _walk(before, after, ())
        if path[0] not in NOT_RUN
    ]


def grouped(changes: Sequence[SettingChange]) -> dict[str, list[SettingChange]]:
    """Return the changes that are tried apart from each other, by name: each alone if they are few, else by part.

    What is set elsewhere for a service that only one side has, such as its constant of choice, goes with the service.
    """
    whole = {change.path[1]: change.key for change in changes if _is_whole_service(change)}
    owners = [next((whole[step] for step in change.path[1:] if step in whole), None) for change in changes]
    single = len(whole) + owners.count(None) <= MOST_SINGLE
    groups: dict[str, list[SettingChange]] = {}
    for change, owner in zip(changes, owners, strict=True):
        groups.setdefault(owner or (change.key if single else dotted(change.path[:2])), []).append(change)
    return groups


def _is_whole_service(change: SettingChange) -> bool:
    return change.path[0] == "services" and len(change.path) == 2 and ABSENT in (change.before, change.after)


def without(variant: Scenario, changes: Sequence[SettingChange], name: str) -> Scenario:
    """Return the variant with some changes taken back, under another name.

    Raises
    ------
    ValidationError
        If the rest makes no scenario.
    """
    content = copy.deepcopy(content_of(variant))
    for change in changes:
        holder: Any = content
        for step in change.path[:-1]:
            holder = holder[step]
        if change.before is ABSENT:
            del holder[change.path[-1]]
        else:
            holder[change.path[-1]] = copy.deepcopy(change.before)
    return Scenario.model_validate({**content, "name": name}).read_like(variant)


def _walk(before: Any, after: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get("kind") == after.get("kind"):
        for key in dict.fromkeys([*after, *before]):
            yield from _walk(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _walk(*pair, (*path, index))
    elif before != after:
        yield path, before, after
