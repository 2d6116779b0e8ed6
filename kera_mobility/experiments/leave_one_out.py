"""The changes of a variant that can be taken back apart from each other, each with the scenario that is left.

A change is what differs from the reference, or, inside a service that the reference lacks, what the variant's own file
sets in another way than the files that it extends: the service as a whole, and each of its settings that was turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kera_mobility.config.messages import dotted
from kera_mobility.experiments.setting_changes import (
    ABSENT,
    MOST_SINGLE,
    SettingChange,
    grouped,
    setting_changes,
    without,
)
from kera_mobility.simulation.scenario import LONGEST_NAME, Scenario

SERVICE_DEPTH = 2
"""Parts of the dotted key of a service: `services.shuttle`."""


@dataclass(frozen=True)
class Removal:
    """One change that is tried by taking it back."""

    name: str
    """The dotted key of the setting, or of the part that its settings lie in."""
    changes: tuple[SettingChange, ...]
    rest: Scenario | None
    """The variant without it; None where that is no scenario."""
    refusal: str = ""
    """Why it cannot be taken back alone."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values; `folder` is the name of the folder of its runs, empty without any."""
        return {"name": self.name, "folder": self.rest.name if self.rest else "", "refusal": self.refusal}


def removals(
    reference: Scenario, variant: Scenario, below: Scenario | None, changes: Sequence[SettingChange]
) -> list[Removal]:
    """Return the changes of a variant that are tried apart from each other.

    Parameters
    ----------
    below
        What the variant's file extends, None if nothing or not known.
    changes
        Those between reference and variant, in order.
    """
    groups = grouped(changes)
    if below is not None:
        groups |= _inside_new_services(changes, setting_changes(below, variant), groups)
    made: list[Removal] = []
    names: set[str] = set()
    for name, group in groups.items():
        label = _label(variant.name, name, names)
        names.add(label)
        try:
            made.append(Removal(name, tuple(group), without(variant, group, label)))
        except ValidationError as error:
            made.append(Removal(name, tuple(group), None, str(error.errors()[0]["msg"])))
    return made


def named(name: str, end: str) -> str:
    """Return a name with an end, as long as the name of a scenario may be."""
    return f"{name[: LONGEST_NAME - len(end) - 1]}-{end}"


def _inside_new_services(
    changes: Sequence[SettingChange], own: Sequence[SettingChange], taken: dict[str, list[SettingChange]]
) -> dict[str, list[SettingChange]]:
    new = {change.path for change in changes if change.before is ABSENT and len(change.path) == SERVICE_DEPTH}
    inner = [change for change in own if len(change.path) > SERVICE_DEPTH and change.path[:SERVICE_DEPTH] in new]
    single = len(inner) + len(taken) <= MOST_SINGLE
    groups: dict[str, list[SettingChange]] = {}
    for change in inner:
        groups.setdefault(change.key if single else dotted(change.path[: SERVICE_DEPTH + 1]), []).append(change)
    return groups


def _label(variant: str, name: str, taken: set[str]) -> str:
    """Return the name of the variant without a change: another one for each, however long the keys are."""
    slug = name.translate(dict.fromkeys(map(ord, ". "), "-"))
    label, number = named(variant, f"without-{slug}"[: LONGEST_NAME // 2]), 2
    while label in taken:
        label, number = named(variant, f"without-{slug}"[: LONGEST_NAME // 2 - 4] + f"-{number}"), number + 1
    return label
