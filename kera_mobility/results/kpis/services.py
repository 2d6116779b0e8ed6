"""What each service did for everyone: rides, refusals, promises, kilometres, money and crowding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from kera_mobility.results.costs import day_costs
from kera_mobility.results.facts import EVERYONE, TRANSIT, Facts, mean, share, total
from kera_mobility.results.kpis import Kpi, kpi
from kera_mobility.results.record import numbers, texts

IN_A_VAN = ("swap", "rebalance", "collect")
"""Causes for which crews handle vehicles, which themselves go nowhere; see the figures of crews."""
BOOKING_ENDS = ("ridden", "cancelled", "expired")


@kpi
def rides(facts: Facts) -> Iterator[Kpi]:
    """Yield the rides of each service; passenger kilometres, fares and waits of those that an operator runs."""
    for service in facts.services:
        legs = facts.ridden(service)
        yield _of(service, "rides", legs.num_rows, "rides", "Legs that people travelled with the service.")
        if service not in facts.operated:
            continue
        km = total(numbers(legs, "ride_m")) / 1000.0
        yield _of(service, "passenger_km", km, "km", "Kilometres that people rode with the service.")
        eur = total(numbers(legs, "fare_eur"))
        yield _of(service, "revenue_eur", eur, "EUR", "Fares that people paid to the service.")
        wait_s = mean(numbers(legs, "wait_s"))
        yield _of(service, "wait_s.mean", wait_s, "s", "Mean waiting time for a ride with the service.")


@kpi
def refusals(facts: Facts) -> Iterator[Kpi]:
    """Yield how often each service said no, in all and by reason."""
    for service in facts.services:
        codes, names = texts(facts.of_service("refusals", service), "reason")
        if not len(codes) and service not in facts.operated:
            continue
        yield _of(service, "refused", len(codes), "refusals", "Times that the service said no to a person who asked.")
        for code, reason in enumerate(names):
            count = int(np.count_nonzero(codes == code))
            yield _of(service, f"refused.{reason}", count, "refusals", f"Times that the service said no: '{reason}'.")


@kpi
def bookings(facts: Facts) -> Iterator[Kpi]:
    """Yield how the promises of each service that makes any, or has vehicles to promise, ended."""
    for service in facts.services:
        made = facts.of_service("bookings", service)
        if not made.num_rows and not facts.of_service("vehicles", service).num_rows:
            continue
        codes, names = texts(made, "end")
        for end in BOOKING_ENDS:
            count = int(np.count_nonzero(codes == names.index(end))) if end in names else 0
            yield _of(service, f"bookings.{end}", count, "bookings", f"Promises of the service that ended {end}.")


@kpi
def fleets(facts: Facts) -> Iterator[Kpi]:
    """Yield what the vehicles of each service that has its own did."""
    for service in facts.services:
        vehicles = facts.of_service("vehicles", service).num_rows
        moves = facts.of_service("moves", service)
        if vehicles:
            count = facts.ridden(service).num_rows
            yield _of(service, "vehicles", vehicles, "vehicles", "Vehicles of the service; of trains and buses, runs.")
            definition = "Rides per vehicle of the service and day."
            yield _of(service, "rides_per_vehicle", share(count, vehicles), "rides per vehicle", definition)
        if vehicles or moves.num_rows:
            yield from _kilometres(service, moves)


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what running each operated service costs, and what of it fares do not pay; for lines not by ride."""
    for service, cost in day_costs(facts).items():
        definition = f"Operating cost of the day: {', '.join(cost.operating).replace('_', ' ')}; no investment."
        yield _of(service, "operating_cost_eur", cost.operating_eur, "EUR", definition)
        if facts.services[service]["mode"] == TRANSIT:
            continue  # whole lines, of whose riders the people of the model are a part
        legs = facts.ridden(service)
        uncovered_eur = cost.operating_eur - total(numbers(legs, "fare_eur"))
        definition = "Operating cost of the day less fares, over its rides."
        yield _of(service, "subsidy_eur_per_ride", share(uncovered_eur, legs.num_rows), "EUR per ride", definition)


@kpi
def crowding(facts: Facts) -> Iterator[Kpi]:
    """Yield how full the vehicles of each service that calls at stops were, and whom they left behind."""
    for service in facts.services:
        calls = facts.of_service("calls", service)
        if not calls.num_rows:
            continue
        behind = int(numbers(calls, "left_behind").astype(np.int64).sum())
        yield _of(service, "left_behind", behind, "people", "People left at a stop because the vehicle was full.")
        highest = _highest_load(calls, facts.of_service("vehicles", service))
        definition = "Highest number aboard when leaving a stop, as a share of the places of that vehicle."
        yield _of(service, "load_share.max", highest, "share of places", definition)


def _kilometres(service: str, moves: pa.Table) -> Iterator[Kpi]:
    km = numbers(moves, "distance_m") / 1000.0
    yield _of(service, "vehicle_km", total(km), "km", "Kilometres that vehicles of the service went.")
    codes, names = texts(moves, "cause")
    for code, cause in enumerate(names):
        if cause in IN_A_VAN:
            continue
        definition = f"Kilometres that vehicles of the service went for the cause '{cause}'."
        yield _of(service, f"vehicle_km.{cause}", total(km[codes == code]), "km", definition)


def _highest_load(calls: pa.Table, vehicles: pa.Table) -> float:
    """Return the highest load share over calls of vehicles with known places; NaN if there is none."""
    ids, places = numbers(vehicles, "vehicle"), numbers(vehicles, "places").astype(np.float64)
    order = np.argsort(ids, kind="stable")
    called = numbers(calls, "vehicle")
    at = np.minimum(np.searchsorted(ids[order], called), max(len(ids) - 1, 0))
    if not len(ids):
        return float("nan")
    row = order[at]
    known = (ids[row] == called) & (places[row] > 0)
    load = numbers(calls, "aboard")[known] / places[row][known]
    return float(load.max()) if len(load) else float("nan")


def _of(service: str, name: str, value: float, unit: str, definition: str) -> Kpi:
    return Kpi(f"{service}.{name}", value, unit, EVERYONE, definition)
