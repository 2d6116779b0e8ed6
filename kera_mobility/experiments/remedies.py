"""What could be changed so that a trip is served: a few settings for each reason of a denied request, cheapest first.

A remedy is an override as `kera run --set` takes it. What it costs a day is an assumption that only orders them. What a
service can change stands in `remedies.py` of its folder, here or in another package; see `services.remedy_rules`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kera_mobility.config.registry import parts_of
from kera_mobility.results.reason_texts import SERVICES
from kera_mobility.services.reasons import NO_DEPARTURE, OUT_OF_REACH, OUTSIDE_AREA, OUTSIDE_HOURS
from kera_mobility.services.remedy_rules import rules_of
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.simulation.weather import WITHDRAWN

NOT_ON_OFFER = (OUT_OF_REACH, OUTSIDE_AREA, OUTSIDE_HOURS, NO_DEPARTURE)
"""Reasons that every service is tried against where none has denied the request."""


@dataclass(frozen=True)
class Remedy:
    """One change of the scenario."""

    words: str
    overrides: tuple[str, ...]
    """As `--set` takes them."""
    cost_eur: float | None
    """A day, by assumption; only the order counts. None for what nobody can buy."""


def remedies(scenario: Scenario, service: str, reason: str, t_s: float) -> list[Remedy]:
    """Return what may be tried where a service denied a request for a reason at a time of day, the cheapest first.

    Without a service every service of the scenario is tried against being out of reach, out of hours and closed.
    """
    reasons = [reason] if service else NOT_ON_OFFER
    names = [service] if service in scenario.services else list(scenario.services)
    found = [remedy for name in names for each in reasons for remedy in _of_service(scenario, name, each, t_s)]
    if scenario.model_dump().get("disturbances"):
        found.append(Remedy("no disturbance had happened", ("disturbances=[]",), None))
    return cheapest_first([*found, *_of_weather(scenario, service)])


def cheapest_first(changes: Iterable[Remedy]) -> list[Remedy]:
    """Return different remedies by what they cost, those that nobody can buy last, equals by name."""
    different = {remedy.overrides: remedy for remedy in reversed(list(changes))}
    return sorted(
        different.values(), key=lambda remedy: (remedy.cost_eur is None, remedy.cost_eur or 0.0, remedy.words)
    )


def _of_service(scenario: Scenario, name: str, reason: str, t_s: float) -> Iterator[Remedy]:
    """Yield what the operator of a service can change."""
    settings: Any = scenario.services[name]
    for module in parts_of(SERVICES, SERVICES, "remedies"):
        for rule in rules_of(module, reason) if settings.kind == module.KIND else ():
            for change in rule(settings, t_s):
                overrides = tuple(_override(name, key, value) for key, value in change.settings.items())
                yield Remedy(f"{settings.title or name}: {change.words}", overrides, change.cost_eur)


def _of_weather(scenario: Scenario, service: str) -> Iterator[Remedy]:
    """Yield the fleet not kept in, where the weather keeps it in, and weather that does nothing, if it does anything.

    Nobody knows what riding in such weather would cost; weather cannot be bought.
    """
    days = scenario.weather.days if scenario.weather else ()
    days_with_effects = [day for number in range(len(days)) if (day := scenario.weather_on(number)) and day.numbers]
    if scenario.weather and any(day.withdrawn.get(service) for day in days_with_effects):
        settings: Any = scenario.services[service]
        keeps_in = [name for name, effect in scenario.weather.effects.items()
                    if WITHDRAWN in effect.keys and (not effect.kinds or settings.kind in effect.kinds)]  # fmt: skip
        off = tuple(f"weather.effects.{name}=null" for name in keeps_in)
        yield Remedy(f"{settings.title or service}: no vehicle kept in for the weather", off, None)
    if days_with_effects:
        yield Remedy("the weather had done nothing", ("weather=null",), None)


def _override(service: str, key: str, value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"services.{service}.{key}={json.dumps(value, ensure_ascii=False)}"
