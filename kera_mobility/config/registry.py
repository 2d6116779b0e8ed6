"""Extension: a family of classes is found by looking, never listed; a new member is a file or a folder."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args

from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.errors import ExtensionError

T = TypeVar("T")
POLICY_GROUP = "kera_mobility.policies"
"""Entry points of policies of other packages."""


class Policy(ABC):
    """A decision of an operator that a scenario chooses by `kind`: a pure function, without a state of its own."""

    kind: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    """Settings with the field `kind: Literal[...]`."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings


@cache
def modules_of(package: str, group: str = "", part: str = "") -> tuple[ModuleType, ...]:
    """Return every module in the folder of `package`, then what the entry points of `group` name.

    A folder inside the package, or a package that an entry point names, gives its modules called `part`, or ending
    with `_` and `part`: `scooter/kpis.py` and `scooter/crew_kpis.py` for the part `kpis`.
    """
    modules = list(_in_folder(importlib.import_module(package), part))
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.value) if group else ():
        module = importlib.import_module(entry.module)
        modules.append(module)
        modules += _parts(module, part)
    return tuple(modules)


def parts_of(package: str, group: str, part: str) -> tuple[ModuleType, ...]:
    """Return the modules called `part`, or ending with `_` and `part`, of each folder in `package`.

    Those of packages that entry points of `group` name come after them.
    """
    folder = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.iter_modules(folder.__path__, package + ".") if info.ispkg)
    names += sorted(entry.module for entry in entry_points(group=group))
    return tuple(module for name in names for module in _parts(importlib.import_module(name), part))


def _in_folder(package: ModuleType, part: str) -> Iterator[ModuleType]:
    for info in sorted(pkgutil.iter_modules(package.__path__, package.__name__ + "."), key=lambda info: info.name):
        if not info.ispkg:
            yield importlib.import_module(info.name)
        elif part:
            yield from _parts(importlib.import_module(info.name), part)


def _parts(package: ModuleType, part: str) -> Iterator[ModuleType]:
    """Yield the modules of a package that are called so; a module that is no package has none."""
    for info in sorted(pkgutil.iter_modules(getattr(package, "__path__", ())), key=lambda info: info.name):
        if info.name == part or info.name.endswith(f"_{part}"):
            yield importlib.import_module(f"{package.__name__}.{info.name}")


@cache
def members(package: str, base: type[T], group: str = "", part: str = "") -> dict[str, type[T]]:
    """Return the concrete classes of a family by their `kind`; see `modules_of` for where they are looked for.

    Raises
    ------
    ExtensionError
        If two classes claim the same kind.
    """
    family: dict[str, type[T]] = {}
    for module in modules_of(package, group, part):
        for item in vars(module).values():
            if not (isinstance(item, type) and issubclass(item, base) and item.__module__ == module.__name__):
                continue
            kind = item.__dict__.get("kind")
            if not isinstance(kind, str):
                continue
            if kind in family:
                raise ExtensionError(
                    f"{module.__name__}: kind '{kind}' is taken by {family[kind].__module__}; "
                    "expected a kind of its own"
                )
            family[kind] = item
    return dict(sorted(family.items()))


def settings_union(package: str, base: type[Any], group: str = "", part: str = "") -> Any:
    """Return the type of the settings of a family: one of its members', told apart by `kind`.

    Raises
    ------
    ExtensionError
        If a member has no `settings_type`, or its settings no field `kind` that is a Literal of the member's kind.
    """
    family: dict[str, Any] = members(package, base, group, part)  # type: ignore[arg-type]
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


def policies_beside(module: str, base: type[Any]) -> dict[str, Any]:
    """Return the policies of a family by kind: those in the folder `policies` beside a module, then other packages'."""
    return members(f"{module.rpartition('.')[0]}.policies", base, POLICY_GROUP)  # type: ignore[arg-type]


def policy_beside(module: str, base: type[Any], settings: Any) -> Any:
    """Return the policy that settings choose, of those in the folder `policies` beside a module and other packages'."""
    return policies_beside(module, base)[settings.kind](settings)


def policy_settings_beside(module: str, base: type[Any]) -> Any:
    """Return the type of the settings of such a family; see `settings_union`."""
    return settings_union(f"{module.rpartition('.')[0]}.policies", base, POLICY_GROUP)
