"""How a shuttle was run: use of its seats and hours, waits, laps that were not driven, trains waited for, and money."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from kera_mobility.results.facts import Facts, quantile, share, total
from kera_mobility.results.kpis import Kpi, kpi, service_kpi
from kera_mobility.services.shuttle.costs import CREWS, KIND, day_cost, paid_h
from kera_mobility.units import MINUTE_S

_CREW = {
    "driver": "a driver in each vehicle",
    "safety_operator": "a safety operator in each vehicle",
    "remote": "nobody aboard and one person afar for several vehicles",
}
_DRIVEN = ("driven", "not_due")


@kpi
def use(facts: Facts) -> Iterator[Kpi]:
    """Yield how the seats and the hours of each shuttle were used."""
    for service in _shuttles(facts):
        calls, moves, fleet = (facts.frame(kind, service) for kind in ("calls", "moves", "vehicles"))
        seats = moves["vehicle"].map(fleet.set_index("vehicle")["places"]).fillna(0)
        seat_km, ridden_km = total(moves["distance_m"] * seats) / 1000.0, total(facts.rides(service)["ride_m"]) / 1e3
        definition = "Passenger kilometres over kilometres of seats."
        yield service_kpi(service, "passenger_km_per_seat_km", share(ridden_km, seat_km), "share of seats", definition)
        hours, boardings = paid_h(facts, service), float(calls["boarded"].sum())
        definition = "Hours of the vehicles, each from its first departure of the day to its last stop."
        yield service_kpi(service, "vehicle_hours", hours, "h", definition)
        definition = "People who boarded, per hour of a vehicle from its first departure to its last stop."
        yield service_kpi(service, "boardings_per_vehicle_hour", share(boardings, hours), "boardings per h", definition)
        definition = "Empty running: share of the stretches from stop to stop driven with nobody aboard."
        yield service_kpi(service, "empty_share", _empty_share(calls), "share of stretches", definition)


@kpi
def waits(facts: Facts) -> Iterator[Kpi]:
    """Yield how long people waited for each shuttle."""
    for service in _shuttles(facts):
        wait_s = facts.rides(service)["wait_s"]
        for name, part, words in (("p50", 0.5, "Median"), ("p90", 0.9, "90th percentile")):
            definition = f"{words} of the waiting time for a ride."
            yield service_kpi(service, f"wait_s.{name}", quantile(wait_s, part), "s", definition)


@kpi
def laps(facts: Facts) -> Iterator[Kpi]:
    """Yield the laps that were not driven, by reason, and what waiting for trains did, where laps may differ."""
    for service in _shuttles(facts):
        laps = facts.frame("laps", service)
        if not len(laps):
            continue
        planned = int((laps["end"] != "not_due").sum())
        yield service_kpi(service, "laps.planned", planned, "laps", "Laps that were due.")
        for reason, count in laps.loc[~laps["end"].isin(_DRIVEN), "end"].value_counts().sort_index().items():
            definition = f"Laps that were not driven, or not to their end: '{reason}'."
            yield service_kpi(service, f"laps.lost.{reason}", int(count), "laps", definition)
        late_s = (laps["left_s"] - laps["t_s"]).dropna()
        definition = "90th percentile of how late laps left the terminal."
        yield service_kpi(service, "laps.late_s.p90", quantile(late_s, 0.9), "s", definition)
        if facts.services[service].get("operation") == "meets_train":
            yield from _connections(service, laps)


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what each shuttle would have cost with each crew, whoever it was, and by what a ride was subsidised."""
    for service in _shuttles(facts):
        rides = facts.rides(service)
        for crew in CREWS:
            cost = day_cost(facts, service, crew)
            if cost is None:
                continue
            eur, with_crew = cost.operating_eur, f"with {_CREW[crew]}"
            definition = f"Cost of the vehicle-hours and kilometres of the day {with_crew}; no investment, no depot."
            yield service_kpi(service, f"operating_cost_eur.{crew}", eur, "EUR", definition)
            subsidy_eur = share(eur - total(rides["fare_eur"]), len(rides))
            definition = f"Operating cost {with_crew} less fares, per ride."
            yield service_kpi(service, f"subsidy_eur_per_ride.{crew}", subsidy_eur, "EUR per ride", definition)


def _connections(service: str, laps: pd.DataFrame) -> Iterator[Kpi]:
    held_min, felt_min = total(laps["held_s"]) / MINUTE_S, total(laps["held_s"] * laps["held_aboard"]) / MINUTE_S
    definition = "Minutes that vehicles waited for late trains."
    yield service_kpi(service, "holding_min", held_min, "min", definition)
    definition = "Minutes that people aboard sat in a vehicle that waited for a late train."
    yield service_kpi(service, "holding_person_min", felt_min, "person-min", definition)
    for name, definition in (
        ("saved", "People who boarded after the planned departure because the vehicle waited for their train."),
        ("missed", "People who came to the terminal after a departure but no later than the train it was to meet."),
    ):
        yield service_kpi(service, f"connections.{name}", int(laps[name].sum()), "people", definition)


def _shuttles(facts: Facts) -> list[str]:
    return [name for name, about in facts.services.items() if about.get("kind") == KIND]


def _empty_share(calls: pd.DataFrame) -> float:
    """Return the share of departures with nobody aboard, those apart after which nothing is driven."""
    in_order = calls.sort_values(["run", "t_s"], kind="stable")
    driven = in_order["step"].eq(in_order.groupby("run")["step"].shift(-1) - 1)
    return share(int((in_order.loc[driven, "aboard"] == 0).sum()), int(driven.sum()))
