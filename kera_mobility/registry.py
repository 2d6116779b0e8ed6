"""Extension: a family of classes is found by looking, never listed; a new member is one file in its folder."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Annotated, Any, TypeVar, Union, get_args

from pydantic import Field

from kera_mobility.errors import ExtensionError

T = TypeVar("T")


@cache
def modules_of(package: str, group: str = "") -> tuple[ModuleType, ...]:
    """Return every module in the folder of `package` (sorted by name), then those of the entry-point `group`."""
    folder = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.iter_modules(folder.__path__, package + "."))
    found = [importlib.import_module(name) for name in names]
    if group:
        for entry in sorted(entry_points(group=group), key=lambda entry: entry.value):
            found.append(importlib.import_module(entry.module))
    return tuple(found)


@cache
def members(package: str, base: type[T], group: str = "") -> dict[str, type[T]]:
    """Return the concrete classes of a family by their `kind`.

    Raises
    ------
    ExtensionError
        If two classes claim the same kind.
    """
    found: dict[str, type[T]] = {}
    for module in modules_of(package, group):
        for item in vars(module).values():
            if not (isinstance(item, type) and issubclass(item, base) and item.__module__ == module.__name__):
                continue
            kind = item.__dict__.get("kind")
            if not isinstance(kind, str):
                continue
            if kind in found:
                raise ExtensionError(
                    f"{module.__name__}: kind '{kind}' is taken by {found[kind].__module__}; expected a kind of its own"
                )
            found[kind] = item
    return dict(sorted(found.items()))


def settings_union(package: str, base: type[Any], group: str = "") -> Any:
    """Return the type of the settings of a family: one of its members', told apart by `kind`.

    Raises
    ------
    ExtensionError
        If a member has no `settings_type`, or its settings no field `kind` that is a Literal of the member's kind.
    """
    family: dict[str, Any] = members(package, base, group)  # type: ignore[arg-type]
    for kind, member in family.items():
        field = getattr(getattr(member, "settings_type", None), "model_fields", {}).get("kind")
        if field is None or get_args(field.annotation) != (kind,):
            raise ExtensionError(
                f"{member.__module__}: {member.__name__} has kind '{kind}'; "
                f"expected a settings_type with the field kind: Literal['{kind}']"
            )
    types = tuple(member.settings_type for member in family.values())
    if len(types) == 1:
        return types[0]
    return Annotated[Union[types], Field(discriminator="kind")]  # noqa: UP007
