"""What each service did for everyone: rides, denied requests, promises, kilometres, money and crowding."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from kera_mobility.results.costs import day_costs, parking_eur
from kera_mobility.results.facts import TRANSIT, Facts, mean, share, total
from kera_mobility.results.kpis import Kpi, kpi, service_kpi

IN_A_VAN = ("swap", "rebalance", "collect")
"""Causes for which crews handle vehicles, which themselves go nowhere; see the figures of crews."""
BOOKING_ENDS = ("ridden", "cancelled", "expired")


@kpi
def rides(facts: Facts) -> Iterator[Kpi]:
    """Yield the rides of each service; passenger kilometres, fares and waits of those that an operator runs."""
    for service in facts.services:
        count = facts.ridden(service).num_rows
        yield service_kpi(service, "rides", count, "rides", "Legs that people travelled with the service.")
        if service in facts.operated:
            legs = facts.rides(service)
            km, eur, wait_s = total(legs["ride_m"]) / 1000.0, total(legs["fare_eur"]), mean(legs["wait_s"])
            yield service_kpi(service, "passenger_km", km, "km", "Kilometres that people rode with the service.")
            yield service_kpi(service, "revenue_eur", eur, "EUR", "Fares that people paid to the service.")
            yield service_kpi(service, "wait_s.mean", wait_s, "s", "Mean waiting time for a ride with the service.")


@kpi
def refusals(facts: Facts) -> Iterator[Kpi]:
    """Yield the denied requests of each service, in all and by reason."""
    for service in facts.services:
        reasons = facts.frame("refusals", service)["reason"]
        if len(reasons) or service in facts.operated:
            definition = "Denied requests: times that the service turned down a person who asked."
            yield service_kpi(service, "denied_requests", len(reasons), "denied requests", definition)
        for reason, count in reasons.value_counts().sort_index().items():
            definition = f"Denied requests for the reason '{reason}'."
            yield service_kpi(service, f"denied_requests.{reason}", int(count), "denied requests", definition)


@kpi
def bookings(facts: Facts) -> Iterator[Kpi]:
    """Yield how the promises of each service that makes any, or has vehicles to promise, ended."""
    for service in facts.services:
        ends = facts.frame("bookings", service)["end"]
        if len(ends) or facts.of_service("vehicles", service).num_rows:
            for end in BOOKING_ENDS:
                definition = f"Promises of the service that ended {end}."
                yield service_kpi(service, f"bookings.{end}", int((ends == end).sum()), "bookings", definition)


@kpi
def fleets(facts: Facts) -> Iterator[Kpi]:
    """Yield what the vehicles of each service that has its own did."""
    for service in facts.services:
        vehicles = facts.of_service("vehicles", service).num_rows
        moves = facts.frame("moves", service)
        if vehicles:
            definition = "Vehicles of the service; of trains and buses, runs."
            yield service_kpi(service, "vehicles", vehicles, "vehicles", definition)
            rides = share(facts.ridden(service).num_rows, vehicles)
            definition = "Rides per vehicle of the service and day."
            yield service_kpi(service, "rides_per_vehicle", rides, "rides per vehicle", definition)
        if vehicles or len(moves):
            km = moves["distance_m"] / 1000.0
            yield service_kpi(service, "vehicle_km", total(km), "km", "Kilometres that vehicles of the service went.")
            for cause, part in km.groupby(moves["cause"]):
                if cause not in IN_A_VAN:
                    definition = f"Kilometres that vehicles of the service went for the cause '{cause}'."
                    yield service_kpi(service, f"vehicle_km.{cause}", total(part), "km", definition)


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what running each operated service costs, and what fares do not pay (for lines not by ride); parking."""
    for service, paid_eur in parking_eur(facts).items():
        definition = "What drivers paid for parking, a part of their fares, to those who own the places."
        yield service_kpi(service, "parking_eur", paid_eur, "EUR", definition)
    for service, cost in day_costs(facts).items():
        definition = f"Operating cost of the day: {', '.join(cost.operating).replace('_', ' ')}; no investment."
        yield service_kpi(service, "operating_cost_eur", cost.operating_eur, "EUR", definition)
        if facts.services[service]["mode"] == TRANSIT:
            continue  # whole lines, of whose riders the people of the model are a part
        fares_eur = facts.rides(service)["fare_eur"]
        uncovered_eur = share(cost.operating_eur - total(fares_eur), len(fares_eur))
        definition = "Operating cost of the day less fares, over its rides."
        yield service_kpi(service, "subsidy_eur_per_ride", uncovered_eur, "EUR per ride", definition)


@kpi
def crowding(facts: Facts) -> Iterator[Kpi]:
    """Yield how full the vehicles of each service that calls at stops were, and whom they left behind."""
    for service in facts.services:
        calls = facts.frame("calls", service)
        if len(calls):
            behind = int(calls["left_behind"].sum())
            definition = "People left at a stop because the vehicle was full."
            yield service_kpi(service, "left_behind", behind, "people", definition)
            highest = _highest_load(calls, facts.frame("vehicles", service))
            definition = "Highest number aboard when leaving a stop, as a share of the places of that vehicle."
            yield service_kpi(service, "load_share.max", highest, "share of places", definition)


def _highest_load(calls: pd.DataFrame, vehicles: pd.DataFrame) -> float:
    """Return the highest load share over calls of vehicles with known places; NaN if there is none."""
    places = vehicles[vehicles["places"] > 0].set_index("vehicle")["places"]
    return float((calls["aboard"] / calls["vehicle"].map(places)).max())
