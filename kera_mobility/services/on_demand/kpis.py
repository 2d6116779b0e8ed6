"""Services on demand: promises and their margins, waits and detours, empty kilometres, and what a ride costs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from kera_mobility.results.facts import TRANSIT, Facts, mean, quantile, share, total
from kera_mobility.results.kpis import Kpi, kpi, service_kpi
from kera_mobility.results.promise_audit import verdict
from kera_mobility.services.on_demand.costs import KIND, day_cost
from kera_mobility.units import HOUR_S

EMPTY = ("fetch", "reposition", "depot")
"""Causes of moves with nobody aboard."""


@kpi
def promises(facts: Facts) -> Iterator[Kpi]:
    """Yield what became of promises, recomputed from the tables by a checker that knows no dispatcher."""
    for service in _on_demand(facts):
        audit = verdict(facts.record, service)
        for name, count, definition in (
            ("kept", audit.kept, "Promises that were kept to the second, by an independent recount."),
            ("declared", audit.declared, "Promises broken by a disturbance that was posted."),
            ("rider_late", audit.rider_late, "Promises whose rider was not there when the vehicle was."),
            ("called_off", audit.called_off, "Promises given back, or not due when the day ended."),
            ("broken", len(audit.breaches),
             "Promises broken by nothing but the dispatcher, and other faults: must be 0."),
        ):  # fmt: skip
            yield service_kpi(service, f"promises.{name}", count, "promises", definition)


@kpi
def margins(facts: Facts) -> Iterator[Kpi]:
    """Yield how much of the promised limits was left, how long people waited, and what detours they rode."""
    for service in _on_demand(facts):
        rides = _rides(facts, service)
        for moment, words in (("pickup", "picked up"), ("arrival", "there")):
            margin_s = rides[f"latest_{moment}_s"] - rides[f"{moment}_s"]
            definition = f"Time between being {words} and the latest that was promised"
            name = f"margin_s.{moment}"
            yield service_kpi(service, f"{name}.mean", mean(margin_s), "s", f"{definition}, mean of rides.")
            p10_s = quantile(margin_s, 0.1)
            yield service_kpi(service, f"{name}.p10", p10_s, "s", f"{definition}, 10th percentile of rides.")
        wait_s, ride_s = rides["pickup_s"] - rides["came_s"], rides["arrival_s"] - rides["pickup_s"]
        yield from _spread(service, "stop_wait_s", wait_s, "s", "Wait at the stop")
        direct_s = rides["direct_s"]
        yield from _spread(service, "detour_s", ride_s - direct_s, "s", "Riding longer than straight to the stop")
        yield from _spread(service, "detour_factor", ride_s / direct_s, "times", "Riding over riding straight there")


@kpi
def work(facts: Facts) -> Iterator[Kpi]:
    """Yield what the vehicles did with their hours and kilometres, and who rode to and from lines."""
    for service in _on_demand(facts):
        rides, moves = _rides(facts, service), facts.frame("moves", service)
        hours = float(facts.services[service]["vehicle_hours"])
        yield service_kpi(service, "vehicle_hours", hours, "h", "Hours of all shifts.")
        definition = "People picked up in an hour of a vehicle's shift."
        boardings = share(len(rides), hours)
        yield service_kpi(service, "boardings_per_vehicle_hour", boardings, "per vehicle-hour", definition)
        km, busy_h = moves["distance_m"] / 1000.0, (moves["end_s"] - moves["t_s"]) / HOUR_S
        empty = share(total(km[moves["cause"].isin(EMPTY)]), total(km))
        definition = "Empty kilometres, driven with nobody aboard, as a share of all that the vehicles drove."
        yield service_kpi(service, "empty_share", empty, "share of km", definition)
        definition = "Part of the shifts that vehicles were driving, stops included."
        yield service_kpi(service, "driving_share", share(total(busy_h), hours), "share of hours", definition)
        definition = "Rides that were part of a trip with a line, of all rides."
        yield service_kpi(service, "line_share", _line_share(facts, service), "share of rides", definition)
        users = rides["person"].nunique()
        yield service_kpi(service, "users", users, "people", "Different people who rode on the day.")


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what a ride costs; see the KPIs of all services for the cost of the day."""
    for service in _on_demand(facts):
        cost = day_cost(facts, service)
        if cost:
            eur = share(cost.operating_eur, len(_rides(facts, service)))
            definition = "Operating cost of the day over its rides."
            yield service_kpi(service, "operating_cost_eur_per_ride", eur, "EUR per ride", definition)


def _on_demand(facts: Facts) -> list[str]:
    return [name for name, about in facts.services.items() if about.get("kind") == KIND]


def _rides(facts: Facts, service: str) -> pd.DataFrame:
    """Return the promises that ended in a ride."""
    promises = facts.frame("promises", service)
    return promises[promises["end"] == "ridden"]


def _line_share(facts: Facts, service: str) -> float:
    """Return the share of rides in whose trip a line was ridden too."""
    legs = facts.record.table("legs").select(["service", "ride_s"]).to_pandas()
    trips = facts.leg_trip[((legs["service"] == service) & (legs["ride_s"] > 0)).to_numpy()]
    with_line = facts.rode[trips, facts.modes.index(TRANSIT)].sum() if TRANSIT in facts.modes else 0
    return share(int(with_line), len(trips))


def _spread(service: str, name: str, values: pd.Series, unit: str, words: str) -> Iterator[Kpi]:
    yield service_kpi(service, f"{name}.mean", mean(values), unit, f"{words}, mean of rides.")
    for part, percentile in ((0.5, "median"), (0.9, "90th percentile")):
        value = quantile(values, part)
        yield service_kpi(service, f"{name}.p{part * 100:.0f}", value, unit, f"{words}, {percentile} of rides.")
