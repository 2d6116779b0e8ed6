"""What crews did for a fleet by day, and what that costs; only for services that have crews."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.results.crew_work import CrewWork, crew_work
from kera_mobility.results.facts import EVERYONE, Facts, share
from kera_mobility.results.kpis import Kpi, kpi


@kpi
def crews(facts: Facts) -> Iterator[Kpi]:
    """Yield hours, kilometres, vehicles handled, money and carbon of the crews of each fleet that has any."""
    for service, about in facts.services.items():
        work = crew_work(facts, service)
        if work is None:
            continue
        rides = facts.of_service("bookings", service)
        ridden = sum(end == "ridden" for end in rides.column("end").to_pylist())
        battery_kwh = float(about.get("battery_wh") or 0.0) / 1000.0
        for name, value, unit, definition in _figures(work, ridden, battery_kwh):
            yield Kpi(f"{service}.crew.{name}", value, unit, EVERYONE, definition)


def _figures(work: CrewWork, ridden: int, battery_kwh: float) -> Iterator[tuple[str, float, str, str]]:
    yield (
        "hours",
        work.hours,
        "h",
        "Hours of all crews: from the begin of each shift until its end, or until they were back.",
    )
    yield "km", work.km, "km", "Kilometres that crews drove."
    yield "swaps", work.swaps, "vehicles", "Batteries that crews changed."
    yield (
        "moved",
        work.moved,
        "vehicles",
        "Vehicles that crews took from one place to another, those left over included.",
    )
    yield "collected", work.collected, "vehicles", "Broken vehicles that crews brought to the depot."
    yield "missed", work.missed, "vehicles", "Vehicles that crews came for and did not find there, or not free."
    definition = "Vehicles that crews swapped, moved or collected, per hour of a crew."
    yield "vehicles_per_hour", share(work.handled, work.hours), "vehicles per h", definition
    yield "eur", work.eur, "EUR", "Cost of crews: hours and kilometres at the rates of the scenario."
    yield "eur_per_ride", share(work.eur, ridden), "EUR per ride", "Cost of crews per ride of the fleet."
    kwh = work.charged * battery_kwh
    yield "charged_kwh", kwh, "kWh", "Energy that changed batteries brought, to be charged again at the depot."
    yield "co2_kg", work.co2_kg, "kg", "Exhaust of the crews' vans, at the rate of the scenario."
