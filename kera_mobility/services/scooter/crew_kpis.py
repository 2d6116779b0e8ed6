"""What crews did for a fleet by day, and what that costs; only for services that have crews."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.results.crew_work import CrewWork, crew_work
from kera_mobility.results.facts import Facts, share
from kera_mobility.results.kpis import Kpi, kpi, service_kpi


@kpi
def crews(facts: Facts) -> Iterator[Kpi]:
    """Yield hours, kilometres, vehicles handled, money and carbon of the crews of each fleet that has any."""
    for service, about in facts.services.items():
        work = crew_work(facts, service)
        if work is not None:
            rides = int((facts.frame("bookings", service)["end"] == "ridden").sum())
            battery_kwh = float(about.get("battery_wh") or 0.0) / 1000.0
            for name, value, unit, definition in _quantities(work, rides, battery_kwh):
                yield service_kpi(service, f"crew.{name}", value, unit, definition)


def _quantities(work: CrewWork, rides: int, battery_kwh: float) -> list[tuple[str, float, str, str]]:
    kwh = work.charged * battery_kwh
    return [
        ("hours", work.hours, "h",
         "Hours of all crews: from the begin of each shift until its end, or until they were back."),
        ("km", work.km, "km", "Kilometres that crews drove."),
        ("swaps", work.swaps, "vehicles", "Batteries that crews changed."),
        ("moved", work.moved, "vehicles",
         "Vehicles that crews took from one place to another, those left over included."),
        ("collected", work.collected, "vehicles", "Broken vehicles that crews brought to the depot."),
        ("missed", work.missed, "vehicles", "Vehicles that crews came for and did not find there, or not free."),
        ("vehicles_per_hour", share(work.handled, work.hours), "vehicles per h",
         "Vehicles that crews swapped, moved or collected, per hour of a crew."),
        ("cost_eur", work.eur, "EUR", "Cost of crews: hours and kilometres at the rates of the scenario."),
        ("cost_eur_per_ride", share(work.eur, rides), "EUR per ride", "Cost of crews per ride of the fleet."),
        ("charged_kwh", kwh, "kWh", "Energy that changed batteries brought, to be charged again at the depot."),
        ("co2_kg", work.co2_kg, "kg", "Exhaust of the crews' vans, at the rate of the scenario."),
    ]  # fmt: skip
