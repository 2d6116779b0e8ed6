"""What could be changed so that a trip is served: for each reason of refusal a few settings, the cheapest first.

A remedy is an override as `kera run --set` takes it. What it costs a day is an assumption that only orders them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.simulation.weather import WITHDRAWN
from kera_mobility.units import HOUR_S


class DayCosts(Settings):
    """What changes cost a day, EUR, that no service states a rate for: rough, to order them by."""

    seat_eur: float = Field(1.0, ge=0)
    """One more seat in one vehicle. Assumption."""
    space_eur: float = Field(0.2, ge=0)
    """One more marked space at a hub. Assumption."""
    area_km2_eur: float = Field(5.0, ge=0)
    """One more square kilometre to look after. Assumption."""
    walk_100_m_eur: float = Field(4.0, ge=0)
    """People have to walk 100 m farther to it: what it takes to win them. Assumption."""
    comfort_eur: float = Field(2.0, ge=0)
    """A rule that makes the service worse for others: longer waits, detours, reservations. Assumption."""
    line_place_eur: float = Field(5.0, ge=0)
    """One more place in every train, tram or bus of the lines. Assumption."""


COSTS = DayCosts()
M2_PER_KM2 = 1e6


@dataclass(frozen=True)
class Remedy:
    """One change of the scenario."""

    words: str
    overrides: tuple[str, ...]
    """As `--set` takes them."""
    cost_eur: float | None
    """A day, by assumption; only the order counts. None for what nobody can buy."""


@dataclass(frozen=True)
class _Rule:
    """A setting that may be changed against some reasons."""

    reasons: frozenset[str]
    key: str
    """Setting of the service; a service without it is passed over."""
    values: Callable[[Any, Any], list[Any]]
    """New values for the service's settings and the old value."""
    cost_eur: Callable[[Any, Any, Any], float]
    """Of the settings, the old and the new value."""
    words: str
    """With {old} and {new}."""


def remedies(scenario: Scenario, service: str, reason: str, t_s: float) -> list[Remedy]:
    """Return what may be tried where a service said no for a reason at a moment of the day, the cheapest first.

    Without a service every service of the scenario is tried against being out of reach, out of hours and closed.
    """
    reasons = [reason] if service else ["out_of_reach", "outside_area", "outside_hours", "no_departure"]
    found: dict[tuple[str, ...], Remedy] = {}
    for name in [service] if service in scenario.services else scenario.services:
        for each in reasons:
            for remedy in _of_service(scenario, name, each, t_s):
                found.setdefault(remedy.overrides, remedy)
    if scenario.model_dump().get("disturbances"):
        undone = Remedy("no disturbance had happened", ("disturbances=[]",), None)
        found[undone.overrides] = undone
    for remedy in _of_weather(scenario, service):
        found[remedy.overrides] = remedy
    return cheapest_first(found.values())


def _of_weather(scenario: Scenario, service: str) -> Iterator[Remedy]:
    """Yield the fleet not kept in, where the weather keeps it in, and weather that does nothing, if it does anything.

    Nobody knows what riding in such weather would cost; weather cannot be bought.
    """
    days = scenario.weather.days if scenario.weather else ()
    lived = [weather for number in range(len(days)) if (weather := scenario.weather_on(number)) and weather.numbers]
    if scenario.weather and any(weather.withdrawn.get(service) for weather in lived):
        settings = scenario.services[service]
        kind, title = _value(settings, "kind"), settings.title or service
        keeps_in = [name for name, effect in scenario.weather.effects.items()
                    if WITHDRAWN in effect.keys and (not effect.kinds or kind in effect.kinds)]  # fmt: skip
        off = tuple(f"weather.effects.{name}=null" for name in keeps_in)
        yield Remedy(f"{title}: no vehicle kept in for the weather", off, None)
    if lived:
        yield Remedy("the weather had done nothing", ("weather=null",), None)


def cheapest_first(found: Iterable[Remedy]) -> list[Remedy]:
    """Return remedies by what they cost, those that nobody can buy last, equals by name."""
    return sorted(found, key=lambda one: (one.cost_eur is None, one.cost_eur or 0.0, one.words))


def _of_service(scenario: Scenario, name: str, reason: str, t_s: float) -> Iterator[Remedy]:
    settings = scenario.services[name]
    title = settings.title or name
    for rule in _RULES:
        old = _value(settings, rule.key)
        if reason not in rule.reasons or old is None:
            continue
        for new in rule.values(settings, old):
            if new != old:
                words = f"{title}: " + rule.words.format(old=_short(old), new=_short(new))
                yield Remedy(words, (_override(name, rule.key, new),), rule.cost_eur(settings, old, new))
    yield from _more_often(name, title, settings, reason)
    yield from _longer_hours(name, title, settings, reason, t_s)
    yield from _roomier_hubs(name, title, settings, reason)


def _more_often(name: str, title: str, settings: Any, reason: str) -> Iterator[Remedy]:
    """Yield the headway halved with twice the vehicles."""
    headway_s, vehicles = _value(settings, "headway_s"), _value(settings, "vehicles")
    if reason in {"full", "no_departure", "no_wheelchair_place"} and headway_s and vehicles:
        overrides = (_override(name, "headway_s", headway_s / 2), _override(name, "vehicles", 2 * vehicles))
        words = f"{title}: every {headway_s / 120:g} min instead of {headway_s / 60:g}, with {2 * vehicles} vehicles"
        yield Remedy(words, overrides, vehicles * _hours(settings) * settings.vehicle_hour_eur)


def _longer_hours(name: str, title: str, settings: Any, reason: str, t_s: float) -> Iterator[Remedy]:
    """Yield an hour and three of service more in the morning or in the evening, whichever is nearer."""
    if reason not in {"no_departure", "outside_hours"}:
        return
    first_s, last_s = _value(settings, "first_s"), _value(settings, "last_s")
    vehicles = _value(settings, "vehicles") or 1
    for hours in (1, 3):
        cost_eur = hours * vehicles * (_value(settings, "vehicle_hour_eur") or 0.0)
        if first_s is not None and last_s is not None:
            early = abs(t_s - first_s) < abs(t_s - last_s)
            key, value_s = ("first_s", first_s - hours * HOUR_S) if early else ("last_s", last_s + hours * HOUR_S)
            words = f"{title}: service begins {hours} h earlier" if early else f"{title}: service ends {hours} h later"
            yield Remedy(words, (_override(name, key, max(value_s, 0.0)),), cost_eur)
        shifts = _value(settings, "shifts")
        if shifts:
            longer = [
                {
                    **shift.model_dump(mode="json", exclude_none=True),
                    "start_s": max(shift.start_s - hours * HOUR_S, 0.0),
                    "end_s": shift.end_s + hours * HOUR_S,
                }
                for shift in shifts
            ]
            words = f"{title}: shifts begin {hours} h earlier and end {hours} h later"
            yield Remedy(words, (_override(name, "shifts", longer),), 2 * cost_eur)


def _roomier_hubs(name: str, title: str, settings: Any, reason: str) -> Iterator[Remedy]:
    """Yield more marked spaces at every hub."""
    hubs = _value(settings, "hubs")
    if reason != "no_parking" or not hubs:
        return
    for more in (1, 5, 20):
        wider = [{**hub.model_dump(mode="json"), "capacity": hub.capacity + more} for hub in hubs]
        words = f"{title}: {more} more space{'s' if more > 1 else ''} at every hub"
        yield Remedy(words, (_override(name, "hubs", wider),), more * len(hubs) * COSTS.space_eur)


def _grown(*shares: float) -> Callable[[Any, Any], list[Any]]:
    """Return whole numbers: one more, then more by shares of what there is, each at least one above the last."""

    def values(settings: Any, old: int) -> list[int]:
        found = [old + 1]
        for part in shares:
            found.append(max(found[-1] + 1, round(old * (1 + part))))
        return found

    return values


def _plus(*more: float) -> Callable[[Any, Any], list[Any]]:
    return lambda settings, old: [old + each for each in more]


def _times(*factors: float) -> Callable[[Any, Any], list[Any]]:
    return lambda settings, old: [round(old * each) if isinstance(old, int) else old * each for each in factors]


def _to(value: Any) -> Callable[[Any, Any], list[Any]]:
    return lambda settings, old: [value]


def _each(eur: float, per: float = 1.0) -> Callable[[Any, Any, Any], float]:
    """Return so much for each unit by which a number grows."""
    return lambda settings, old, new: (new - old) / per * eur


def _flat(eur: float) -> Callable[[Any, Any, Any], float]:
    return lambda settings, old, new: eur


def _per_vehicle(eur: float) -> Callable[[Any, Any, Any], float]:
    """Return so much for each unit by which a number grows in every vehicle."""
    return lambda settings, old, new: (new - old) * eur * (_value(settings, "vehicles") or 1)


def _for_fleet(vehicle_days: float) -> Callable[[Any, Any, Any], float]:
    """Return a part of what the whole fleet costs a day."""
    return lambda settings, old, new: vehicle_days * settings.vehicle_day_eur * settings.fleet


_FOUND = frozenset({"no_vehicle", "low_battery", "lost_race", "broken"})
_CARRIED = frozenset({"no_vehicle_in_time", "detour_of_others"})
_RULES = (
    _Rule(_FOUND, "fleet", _grown(0.1, 0.25, 1.0), lambda settings, old, new: (new - old) * settings.vehicle_day_eur,
          "{new} vehicles instead of {old}"),
    _Rule(_FOUND | {"no_parking", "out_of_reach"}, "max_walk_m", _plus(100.0, 300.0),
          _each(COSTS.walk_100_m_eur, 100.0), "people walk up to {new} m to it instead of {old}"),
    _Rule(frozenset({"low_battery"}), "reserve_charge", _to(0.0), _for_fleet(0.1),
          "batteries may be ridden empty instead of down to {old}"),
    _Rule(frozenset({"low_battery"}), "battery_wh", _times(1.5, 2.0), _for_fleet(0.3),
          "batteries of {new} Wh instead of {old}"),
    _Rule(frozenset({"no_parking", "no_parking_zone"}), "parking", _to("anywhere"),
          lambda settings, old, new: 0.1 * settings.fleet,
          "parking anywhere instead of at {old} only"),
    _Rule(frozenset({"outside_area"}), "operating_radius_m", _plus(500.0, 1500.0, 5000.0),
          lambda settings, old, new: math.pi * (new**2 - old**2) / M2_PER_KM2 * COSTS.area_km2_eur,
          "an operating area of {new} m around its places instead of {old}"),
    _Rule(frozenset({"full"}), "seats", _grown(0.25, 1.0), _per_vehicle(COSTS.seat_eur),
          "{new} seats in a vehicle instead of {old}"),
    _Rule(_CARRIED | {"no_wheelchair_place", "expired", "broken"}, "vehicles", _grown(0.25, 1.0),
          lambda settings, old, new: (new - old) * _hours(settings) * settings.vehicle_hour_eur,
          "{new} vehicles instead of {old}"),
    _Rule(frozenset({"no_vehicle_in_time"}), "max_wait_s", _times(1.5, 3.0), _flat(COSTS.comfort_eur),
          "people may be made to wait {new} s instead of {old}"),
    _Rule(frozenset({"detour_of_others", "no_vehicle_in_time"}), "detour_factor", _plus(0.4, 1.0),
          _flat(COSTS.comfort_eur), "detours up to {new} times the direct ride instead of {old}"),
    _Rule(frozenset({"no_wheelchair_place"}), "wheelchair.places", _grown(), _per_vehicle(COSTS.seat_eur),
          "{new} places for wheelchairs instead of {old}"),
    _Rule(frozenset({"expired"}), "reservation_s", _times(2.0), _flat(COSTS.comfort_eur),
          "reservations last {new} s instead of {old}"),
    _Rule(frozenset({"expired"}), "hold_s", _times(2.0), _flat(COSTS.comfort_eur),
          "vehicles wait {new} s for their passengers instead of {old}"),
    _Rule(frozenset({"lost_race"}), "reservation", _to(True), _flat(COSTS.comfort_eur), "vehicles can be reserved"),
    _Rule(frozenset({"broken"}), "broken_chance", _to(0.0), _for_fleet(1.0), "none breaks down"),
    _Rule(frozenset({"too_short"}), "shortest_ride_m", _to(0.0), _flat(COSTS.comfort_eur), "short rides are allowed"),
    _Rule(frozenset({"snow"}), "rides_in_snow", _to(True), _flat(COSTS.comfort_eur), "it runs in snow"),
    _Rule(frozenset({"snow"}), "drives_in_snow", _to(True), _flat(COSTS.comfort_eur), "it runs in snow"),
    _Rule(frozenset({"snow"}), "stops_in_snow", _to(False), _flat(COSTS.comfort_eur), "it runs in snow"),
    *(
        _Rule(frozenset({"full"}), f"{kind}.places", _times(1.25, 2.0),
              _each(COSTS.line_place_eur),
              "{new} places in a " + kind + " instead of {old}")
        for kind in ("train", "tram", "bus")
    ),
)  # fmt: skip


def _hours(settings: Any) -> float:
    """Return how many hours of the day a service runs; 16 where it does not say."""
    first_s, last_s = _value(settings, "first_s"), _value(settings, "last_s")
    return (last_s - first_s) / HOUR_S if first_s is not None and last_s is not None else 16.0


def _value(settings: Any, key: str) -> Any:
    """Return a setting by its dotted name, None where there is none."""
    for part in key.split("."):
        settings = getattr(settings, part, None)
    return settings


def _override(service: str, key: str, value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"services.{service}.{key}={json.dumps(value, ensure_ascii=False)}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
