"""The city's permit, condition by condition: what the day was like, what is allowed, and whether it was kept.

Each condition gives three KPIs: `<service>.permit.<condition>`, the same with `.limit`, and with `.kept` (1 or 0). All
of it follows from the result folder, which carries the permit; judging changes nothing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

import numpy as np

from kera_mobility.config.calendar import Timeline, Window
from kera_mobility.geometry import distance_m
from kera_mobility.results.facts import Facts
from kera_mobility.results.fleet_states import FREE, OFF_THE_STREETS, FleetDay, fleets
from kera_mobility.results.kpis import Kpi, kpi, service_kpi
from kera_mobility.results.record import numbers
from kera_mobility.services.scooter.kpis import parking_compliance
from kera_mobility.units import BoolArray, FloatArray

KM_H_PER_M_S = 3.6


class Condition(NamedTuple):
    """One condition of a permit, and what the day was like."""

    name: str
    value: float
    """NaN where there was nothing to judge; then it was kept."""
    limit: float
    kept: Callable[[float, float], bool]
    unit: str
    definition: str


@kpi
def permit(facts: Facts) -> Iterator[Kpi]:
    """Yield value, limit and verdict of each condition of the permit of each fleet that has one."""
    for service in fleets(facts):
        if not facts.services[service].get("permit"):
            continue
        for name, value, limit, is_kept, unit, definition in _conditions(facts, service):
            kept = math.isnan(value) or is_kept(value, limit)
            yield service_kpi(service, f"permit.{name}", value, unit, f"Permit: {definition}.")
            yield service_kpi(service, f"permit.{name}.limit", limit, unit, f"What the permit allows: {definition}.")
            definition = f"Whether it was kept: {definition}."
            yield service_kpi(service, f"permit.{name}.kept", float(kept), "1 or 0", definition)


def _conditions(facts: Facts, service: str) -> Iterator[Condition]:
    day, rules = FleetDay(facts, service), facts.services[service]["permit"]
    if rules["fleet"] is not None:
        most = day.most_at_once(~day.in_state(OFF_THE_STREETS))
        yield Condition("fleet", most, rules["fleet"], operator.le, "vehicles", "most vehicles on the streets at once")
    if rules["available_share"] is not None:
        definition = (
            f"share of the hours by day in which a vehicle could be had within {rules['available_within_m']:g} m of a "
            "hub, at the hub where that is least"
        )
        yield Condition("availability", _least_available(facts, day), rules["available_share"], operator.ge,
                        "share of time", definition)  # fmt: skip
    yield from _rides(facts, service)
    if rules["parking_share"] is not None:
        yield Condition("parking", parking_compliance(day), rules["parking_share"], operator.ge, "share of rides",
                        "rides whose vehicle was put down where there was room for it")  # fmt: skip


def _rides(facts: Facts, service: str) -> Iterator[Condition]:
    """Yield the conditions on hours and speeds, over all rides."""
    about = facts.services[service]
    rules, today = about["permit"], date.fromisoformat(about["date"])
    moves = facts.frame("moves", service)
    rides = moves[moves["cause"] == "ride"]
    begin_s = rides["t_s"].to_numpy()
    riding_s = rides["end_s"].to_numpy() - begin_s - about["handling_s"]
    speed_km_h = rides["distance_m"].to_numpy() / np.where(riding_s > 0, riding_s, np.inf) * KM_H_PER_M_S
    banned, night = (_holds(windows, today, begin_s) for windows in (rules["banned"], [rules["night"]]))
    if rules["banned"]:
        yield Condition("banned_hours", int(banned.sum()), 0, operator.le, "rides", "rides begun in banned hours")
    for name, rows in (("day", ~night & ~banned), ("night", night)):
        limit = rules[f"speed_{name}_km_h"]
        if limit is not None:
            fastest = float(speed_km_h[rows].max()) if rows.any() else math.nan
            yield Condition(f"speed_{name}", fastest, limit, operator.le, "km/h",
                            f"highest mean speed of a ride begun by {name}, unlocking and locking apart")  # fmt: skip


def _least_available(facts: Facts, day: FleetDay) -> float:
    """Return the least share of the permit's hours, over hubs, in which a vehicle is free near one."""
    rules, places = day.about["permit"], facts.record.table("places")
    lonlat = np.column_stack([numbers(places, "lon"), numbers(places, "lat")])
    shares = []
    for node, _, _ in day.hubs:
        near = distance_m(lonlat, lonlat[node]) <= rules["available_within_m"]
        spans = day.in_state(FREE) & near[day.place]
        shares.append(day.share_with(spans, 1, rules["available_from_s"], rules["available_until_s"]))
    return min(shares, default=math.nan)


def _holds(windows: list[dict[str, object]], today: date, t_s: FloatArray) -> BoolArray:
    """Return at which moments, (R,), any of some windows holds."""
    timeline = Timeline([Window.model_validate(window) for window in windows], today)
    is_in = np.array([bool(active) for active in timeline.sets])
    holds: BoolArray = is_in[timeline.pieces(t_s)]
    return holds
