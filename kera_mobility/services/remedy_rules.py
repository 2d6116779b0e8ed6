"""What a `remedies.py` of a service is made of: changes of its settings, each against some reasons of denied requests.

A rule is a function of the service's settings and of the time of the denied request, marked with `against`:

    @against(NO_VEHICLE)
    def larger_fleet(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
        ...

The module says in `KIND` which kind of service it is about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.results.reason_texts import Reason

REASONS = "remedy_against"
"""Attribute of a rule: the reasons that it is tried against."""
M2_PER_KM2 = 1e6

Rule = Callable[[Any, float], "Iterator[Change]"]


@dataclass(frozen=True)
class Change:
    """New values of some settings of a service."""

    words: str
    settings: Mapping[str, Any]
    """By key, dotted for a setting inside another."""
    cost_eur: float
    """A day; only the order counts."""


class DayCosts(Settings):
    """What changes cost a day, EUR, that no service states a rate for: rough, to order them by."""

    seat_eur: float = Field(1.0, ge=0, le=10_000)
    """One more seat in one vehicle. Assumption."""
    space_eur: float = Field(0.2, ge=0, le=10_000)
    """One more marked space at a hub. Assumption."""
    area_km2_eur: float = Field(5.0, ge=0, le=10_000)
    """One more square kilometre to look after. Assumption."""
    walk_100_m_eur: float = Field(4.0, ge=0, le=10_000)
    """People have to walk 100 m farther to it: what it takes to win them. Assumption."""
    comfort_eur: float = Field(2.0, ge=0, le=10_000)
    """A rule that makes the service worse for others: longer waits, detours, reservations. Assumption."""
    line_place_eur: float = Field(5.0, ge=0, le=10_000)
    """One more place in every train, tram or bus of the lines. Assumption."""


COSTS = DayCosts()


def against(*reasons: Reason) -> Callable[[Rule], Rule]:
    """Mark a rule with the reasons that it is tried against."""

    def marked(rule: Rule) -> Rule:
        setattr(rule, REASONS, frozenset(reasons))
        return rule

    return marked


def rules_of(module: ModuleType, reason: str) -> Iterator[Rule]:
    """Yield the rules of a module against a reason, in its order."""
    for rule in vars(module).values():
        if reason in getattr(rule, REASONS, ()):
            yield rule


def grown(number: int, *shares: float) -> list[int]:
    """Return whole numbers: one more, then more by shares of what there is, each at least one above the last."""
    numbers = [number + 1]
    for share in shares:
        numbers.append(max(numbers[-1] + 1, round(number * (1 + share))))
    return numbers


def longer_walk(max_walk_m: float) -> Iterator[Change]:
    """Yield longer walks to a service, in its setting `max_walk_m`."""
    for longer_m in (100.0, 300.0):
        words = f"people walk up to {max_walk_m + longer_m:g} m to it instead of {max_walk_m:g}"
        yield Change(words, {"max_walk_m": max_walk_m + longer_m}, longer_m / 100.0 * COSTS.walk_100_m_eur)


def larger_area(radius_m: float) -> Iterator[Change]:
    """Yield larger operating areas, in the setting `operating_radius_m` of a service."""
    for wider_m in (radius_m + 500.0, radius_m + 1500.0, radius_m + 5000.0):
        words = f"an operating area of {wider_m:g} m around its places instead of {radius_m:g}"
        area_km2 = math.pi * (wider_m**2 - radius_m**2) / M2_PER_KM2
        yield Change(words, {"operating_radius_m": wider_m}, area_km2 * COSTS.area_km2_eur)
