"""Services on demand: promises and their margins, waits and detours, empty driving, and what a ride costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from kera_mobility.results.facts import EVERYONE, TRANSIT, Facts, mean, quantile, share, total
from kera_mobility.results.kpis import Kpi, kpi
from kera_mobility.results.promise_audit import verdict
from kera_mobility.results.record import numbers, rows_at, texts
from kera_mobility.services.on_demand.costs import day_cost
from kera_mobility.units import HOUR_S, FloatArray

KIND = "on_demand"
EMPTY = ("fetch", "reposition", "depot")
"""Causes of moves with nobody aboard."""


@kpi
def promises(facts: Facts) -> Iterator[Kpi]:
    """Yield what became of promises, recomputed from the tables by a checker that knows no dispatcher."""
    for service in _on_demand(facts):
        found = verdict(facts.record, service)
        words = {
            "kept": (found.kept, "Promises that were kept to the second, by an independent recount."),
            "declared": (found.declared, "Promises broken by a disturbance that was posted."),
            "rider_late": (found.rider_late, "Promises whose rider was not there when the vehicle was."),
            "called_off": (found.called_off, "Promises given back, or not due when the day ended."),
            "broken": (
                len(found.breaches), "Promises broken by nothing but the dispatcher, and other faults: must be 0."
            ),
        }  # fmt: skip
        for name, (count, definition) in words.items():
            yield _of(service, f"promises.{name}", count, "promises", definition)


@kpi
def margins(facts: Facts) -> Iterator[Kpi]:
    """Yield how much of the promised limits was left, how long people waited, and what detours they rode."""
    for service in _on_demand(facts):
        ridden = _ridden(facts.of_service("promises", service))
        for what, name in (("pickup", "picked up"), ("arrival", "there")):
            left_s = numbers(ridden, f"latest_{what}_s") - numbers(ridden, f"{what}_s")
            definition = f"Time between being {name} and the latest that was promised"
            yield _of(service, f"margin_s.{what}.mean", mean(left_s), "s", f"{definition}, mean of rides.")
            p10_s = quantile(left_s, 0.1)
            yield _of(service, f"margin_s.{what}.p10", p10_s, "s", f"{definition}: nine rides in ten have more.")
        wait_s = numbers(ridden, "pickup_s") - numbers(ridden, "came_s")
        yield from _spread(service, "stop_wait_s", wait_s, "s", "Wait at the stop")
        ride_s, direct_s = numbers(ridden, "arrival_s") - numbers(ridden, "pickup_s"), numbers(ridden, "direct_s")
        yield from _spread(service, "detour_s", ride_s - direct_s, "s", "Riding longer than straight to the stop")
        yield from _spread(service, "detour_factor", ride_s / direct_s, "times", "Riding over riding straight there")


@kpi
def work(facts: Facts) -> Iterator[Kpi]:
    """Yield what the vehicles did with their hours and kilometres, and who rode to and from lines."""
    for service in _on_demand(facts):
        about, moves = facts.services[service], facts.of_service("moves", service)
        count = _ridden(facts.of_service("promises", service)).num_rows
        hours = float(about["vehicle_hours"])
        yield _of(service, "vehicle_hours", hours, "h", "Hours of all shifts.")
        definition = "People picked up in an hour of a vehicle's shift."
        yield _of(service, "boardings_per_vehicle_hour", share(count, hours), "per vehicle-hour", definition)
        codes, names = texts(moves, "cause")
        empty = np.isin(codes, [names.index(name) for name in EMPTY if name in names])
        km = numbers(moves, "distance_m") / 1000.0
        definition = "Kilometres driven with nobody aboard, of all that the vehicles drove."
        yield _of(service, "empty_share", share(total(km[empty]), total(km)), "share of km", definition)
        busy_h = total((numbers(moves, "end_s") - numbers(moves, "t_s")) / HOUR_S)
        definition = "Part of the shifts that vehicles were driving, stops included."
        yield _of(service, "driving_share", share(busy_h, hours), "share of hours", definition)
        definition = "Rides that were part of a trip with a line, of all rides."
        yield _of(service, "line_share", _line_share(facts, service), "share of rides", definition)
        users = len(np.unique(numbers(_ridden(facts.of_service("promises", service)), "person")))
        yield _of(service, "users", users, "people", "Different people who rode on the day.")


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what a ride costs; see the KPIs of all services for the cost of the day."""
    for service in _on_demand(facts):
        cost, count = day_cost(facts, service), _ridden(facts.of_service("promises", service)).num_rows
        if cost:
            definition = "Operating cost of the day over its rides."
            yield _of(service, "cost_eur_per_ride", share(cost.operating_eur, count), "EUR per ride", definition)


def _on_demand(facts: Facts) -> Iterator[str]:
    yield from (name for name, about in facts.services.items() if about.get("kind") == KIND)


def _ridden(promised: pa.Table) -> pa.Table:
    codes, names = texts(promised, "end")
    wanted = names.index("ridden") if "ridden" in names else -1
    return rows_at(promised, np.flatnonzero(codes == wanted))


def _line_share(facts: Facts, service: str) -> float:
    """Return the share of rides in whose trip a line was ridden too."""
    legs = facts.record.tables["legs"]
    codes, names = texts(legs, "service")
    mine = (codes == names.index(service)) if service in names else np.zeros(len(codes), dtype=np.bool_)
    mine &= numbers(legs, "ride_s") > 0
    if TRANSIT not in facts.modes or not mine.any():
        return share(0, int(np.count_nonzero(mine)))
    with_line = facts.rode[facts.leg_trip[mine], facts.modes.index(TRANSIT)]
    return share(int(np.count_nonzero(with_line)), int(np.count_nonzero(mine)))


def _spread(service: str, name: str, values: FloatArray, unit: str, what: str) -> Iterator[Kpi]:
    yield _of(service, f"{name}.mean", mean(values), unit, f"{what}, mean of rides.")
    for part, words in ((0.5, "half of the rides"), (0.9, "nine rides in ten")):
        yield _of(service, f"{name}.p{part * 100:.0f}", quantile(values, part), unit, f"{what}: {words} keep within.")


def _of(service: str, name: str, value: float, unit: str, definition: str) -> Kpi:
    return Kpi(f"{service}.{name}", value, unit, EVERYONE, definition)
