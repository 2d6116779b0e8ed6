"""How a shuttle was run: use of its seats and hours, waits, laps that were not driven, trains waited for, and money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kera_mobility.results.facts import EVERYONE, Facts, quantile, share, total
from kera_mobility.results.kpis import Kpi, kpi
from kera_mobility.results.record import numbers, rows_at, texts
from kera_mobility.services.shuttle.costs import CREWS, day_cost, paid_h
from kera_mobility.units import MINUTE_S, FloatArray

KIND = "shuttle"
_CREW = {
    "driver": "a driver in each vehicle",
    "safety_operator": "a safety operator in each vehicle",
    "remote": "nobody aboard and one person afar for several vehicles",
}
_DRIVEN = ("driven", "not_due")


@kpi
def use(facts: Facts) -> Iterator[Kpi]:
    """Yield how the seats and the hours of each shuttle were used."""
    for service, _ in _shuttles(facts):
        calls = facts.of_service("calls", service)
        ridden_km = total(numbers(_ridden(facts, service), "ride_m")) / 1000.0
        seat_km = _seat_km(facts, service)
        hours = paid_h(facts, service)
        yield _of(service, "passenger_km_per_seat_km", share(ridden_km, seat_km), "share of seats",
                  "Passenger kilometres over kilometres of seats.")  # fmt: skip
        definition = "Hours of the vehicles, each from its first departure of the day to its last stop."
        yield _of(service, "vehicle_hours", hours, "h", definition)
        boardings = float(numbers(calls, "boarded").astype(np.int64).sum())
        definition = "People who boarded, per hour of a vehicle from its first departure to its last stop."
        yield _of(service, "boardings_per_vehicle_hour", share(boardings, hours), "boardings per h", definition)
        definition = "Of the stretches from stop to stop, the share driven with nobody aboard."
        yield _of(service, "empty_share", _empty_share(calls), "share of stretches", definition)


@kpi
def waits(facts: Facts) -> Iterator[Kpi]:
    """Yield how long people waited for each shuttle."""
    for service, _ in _shuttles(facts):
        wait_s = numbers(_ridden(facts, service), "wait_s")
        for name, part, words in (("median", 0.5, "Half"), ("p90", 0.9, "Nine in ten")):
            definition = f"{words} of the rides were waited for no longer than this."
            yield _of(service, f"wait_s.{name}", quantile(wait_s, part), "s", definition)


@kpi
def laps(facts: Facts) -> Iterator[Kpi]:
    """Yield the laps that were not driven, by reason, and what waiting for trains did, where laps may differ."""
    for service, about in _shuttles(facts):
        table = facts.of_service("laps", service)
        if not table.num_rows:
            continue
        codes, names = texts(table, "end")
        planned = int(sum(np.count_nonzero(codes == code) for code, name in enumerate(names) if name != "not_due"))
        yield _of(service, "laps.planned", planned, "laps", "Laps that were due.")
        for code, name in enumerate(names):
            if name not in _DRIVEN:
                count = int(np.count_nonzero(codes == code))
                definition = f"Laps that were not driven, or not to their end: '{name}'."
                yield _of(service, f"laps.lost.{name}", count, "laps", definition)
        late_s = numbers(table, "left_s") - numbers(table, "t_s")
        definition = "Nine in ten laps left the terminal no later than this after their time."
        yield _of(service, "laps.late_s.p90", quantile(late_s[np.isfinite(late_s)], 0.9), "s", definition)
        if about.get("operation") == "meets_train":
            yield from _connections(service, table)


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what each shuttle would have cost with each crew, whoever it was, and by what a ride was subsidised."""
    for service, _ in _shuttles(facts):
        legs = _ridden(facts, service)
        fares_eur = total(numbers(legs, "fare_eur"))
        for crew in CREWS:
            cost = day_cost(facts, service, crew)
            if cost is None:
                continue
            eur, with_crew = cost.operating_eur, f"with {_CREW[crew]}"
            definition = f"Cost of the vehicle-hours and kilometres of the day {with_crew}; no investment, no depot."
            yield _of(service, f"operating_cost_eur.{crew}", eur, "EUR", definition)
            definition = f"Operating cost {with_crew} less fares, per ride."
            subsidy_eur = share(eur - fares_eur, legs.num_rows)
            yield _of(service, f"subsidy_eur_per_ride.{crew}", subsidy_eur, "EUR per ride", definition)


def _connections(service: str, table: pa.Table) -> Iterator[Kpi]:
    held_s = numbers(table, "held_s")
    yield _of(service, "holding_min", total(held_s) / MINUTE_S, "min", "Minutes that vehicles waited for late trains.")
    felt_min = total(held_s * numbers(table, "held_aboard")) / MINUTE_S
    definition = "Minutes that people aboard sat in a vehicle that waited for a late train."
    yield _of(service, "holding_person_min", felt_min, "person-min", definition)
    for name, words in (
        ("saved", "People who boarded after the planned departure because the vehicle waited for their train."),
        ("missed", "People who came to the terminal after a departure but no later than the train it was to meet."),
    ):
        count = int(numbers(table, name).astype(np.int64).sum())
        yield _of(service, f"connections.{name}", count, "people", words)


def _shuttles(facts: Facts) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, about) for name, about in facts.services.items() if about.get("kind") == KIND)


def _ridden(facts: Facts, service: str) -> pa.Table:
    """Return the legs of those who were carried."""
    legs = facts.of_service("legs", service)
    return rows_at(legs, np.flatnonzero(numbers(legs, "ride_s") > 0).astype(np.int64))


def _seat_km(facts: Facts, service: str) -> float:
    moves, vehicles = facts.of_service("moves", service), facts.of_service("vehicles", service)
    places = dict(zip(numbers(vehicles, "vehicle").tolist(), numbers(vehicles, "places").tolist(), strict=True))
    seats = np.array([places.get(vehicle, 0) for vehicle in numbers(moves, "vehicle").tolist()], dtype=np.float64)
    return total(numbers(moves, "distance_m") * seats) / 1000.0


def _empty_share(calls: pa.Table) -> float:
    """Return the share of departures with nobody aboard, those apart after which nothing is driven."""
    order = np.lexsort((numbers(calls, "t_s"), numbers(calls, "run")))
    run, step, aboard = (numbers(calls, name)[order] for name in ("run", "step", "aboard"))
    driven = (run[1:] == run[:-1]) & (step[1:] == step[:-1] + 1)
    stretches: FloatArray = aboard[:-1][driven].astype(np.float64)
    return share(int(np.count_nonzero(stretches == 0)), len(stretches))


def _of(service: str, name: str, value: float, unit: str, definition: str) -> Kpi:
    return Kpi(f"{service}.{name}", value, unit, EVERYONE, definition)
