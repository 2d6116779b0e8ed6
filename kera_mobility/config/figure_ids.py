"""Ids of figures: those of an earlier version are understood for one version more, and a notice says the new one.

Ids are stable from here on. A figure of a service begins with the name of the service, but those of `rail` with
`transit`: the name of a service is part of the addresses of chance and of every event, and stays.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol, TypeVar

_PREFIXES = {"rail": "transit"}
"""Name of a service -> what its figures begin with."""
POPULATIONS = {"worker": "in_commuters"}
"""Population of the data -> people as figures name them; else its plural."""
_RENAMED = tuple((re.compile(pattern), new) for pattern, new in (
    (r"^((?:served|substitution)\.)?rail(?=\.|@|$)", r"\1transit"),
    (r"^benefit\.", "consumer_surplus."),
    (r"^(money\.\w+)\.running_eur$", r"\1.operating_cost_eur"),
    (r"^(\w+)\.refused(?=\.|$)", r"\1.denied_requests"),
    (r"^(\w+)\.(?:operating|cost)_eur_per_ride$", r"\1.operating_cost_eur_per_ride"),
    (r"^(\w+)\.(marginal|full)_eur_per_ride$", r"\1.\2_cost_eur_per_ride"),
    (r"^(\w+\.crew)\.eur(_per_ride)?$", r"\1.cost_eur\2"),
    (r"^(\w+\.wait_s)\.median$", r"\1.p50"),
    (r"@workers$", "@in_commuters"),
))  # fmt: skip
_LOG = logging.getLogger(__name__)


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
F = TypeVar("F", bound=_Identified)


class FiguresById(dict[str, T]):
    """Figures by id; an id of an earlier version is looked up under the new one."""

    def __missing__(self, name: str) -> T:
        if (new := current_id(name)) == name:
            raise KeyError(name)
        return self[understood_id(name) if new in self else new]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and super().__contains__(current_id(name)))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the figure of an id, or the default."""
        try:
            return self[name]
        except KeyError:
            return default


class FigureList(list[F]):
    """Figures in their order; `figures["scooter.rides"]` is the one of an id, also of an earlier version."""

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, str):
            return FiguresById({figure.id: figure for figure in self})[place]
        return super().__getitem__(place)


def figures_of(service: str) -> str:
    """Return what the ids of a service's figures begin with."""
    return _PREFIXES.get(service, service)


def people_of(population: str) -> str:
    """Return how figures name the people of a population: residents, in_commuters, neighbours, visitors."""
    return POPULATIONS.get(population, f"{population}s")


@lru_cache(maxsize=4096)
def current_id(name: str) -> str:
    """Return the id by which this version knows a figure."""
    for pattern, new in _RENAMED:
        name = pattern.sub(new, name)
    return name


def understood_id(name: str, where: str = "") -> str:
    """Return the id by which this version knows a figure that somebody named; an earlier one is noted in the log."""
    if (new := current_id(name)) != name:
        _note(f"{where}: " if where else "", name, new)
    return new


def understood_ids(names: Iterable[str], where: str) -> dict[str, str]:
    """Return the ids of this version for those that a file has; one of them is noted in the log if there are others."""
    new = {name: current_id(name) for name in names}
    if old := next((name for name in new if new[name] != name), None):
        _note(f"{where} and beside it: ", old, new[old])
    return new


@lru_cache(maxsize=1024)
def _note(where: str, old: str, new: str) -> None:
    _LOG.warning("%sthe figure '%s' is called '%s' now; the next version knows the new name only", where, old, new)
