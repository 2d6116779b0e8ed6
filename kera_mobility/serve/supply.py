"""What a service costs on a day before anybody rides, exactly as its settings say, and what fares might bring."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import Any

from kera_mobility.services.base import Service
from kera_mobility.services.shuttle.service import Shuttle
from kera_mobility.units import HOUR_S, MINUTE_S

RIDES = {"scooter": (0.3, 2.5), "shuttle": (20.0, 300.0), "on_demand": (0.9, 3.6)}
"""Least and most rides that were seen elsewhere: of a vehicle and day (Vuosaari 2019, and Helsinki), of a day (robot
buses in Finland carried tens to a few hundred), of a vehicle-hour (half and twice the pilot of 2019-20, HSL 4/2021).
Assumption that they hold here too."""
METRES_PER_KM = 1000.0
SCOOTER_RIDE_M = 2000.0
"""Mean ride. Assumption; as for the emissions of scooters (costs.life_cycle_g_per_vehicle_day)."""


@dataclass(frozen=True)
class Supply:
    """What one service costs by its settings, and what it might earn."""

    cost_eur: dict[str, float]
    """EUR a day by item, without what hangs on rides."""
    figures: dict[str, float]
    """Lap in minutes, vehicles needed, departures, vehicle-hours, kilometres; those that the service has."""
    revenue_eur: tuple[float, float] | None = None
    """Range of fares a day from rides that were seen elsewhere."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, with the sum of the cost."""
        revenue = list(self.revenue_eur) if self.revenue_eur else None
        return {"cost_eur": self.cost_eur, "total_eur": fsum(self.cost_eur.values()), "figures": self.figures,
                "revenue_eur": revenue}  # fmt: skip


def supply_of(service: Service) -> Supply | None:
    """Return the supply of a service; None for kinds whose cost only a run tells."""
    made = {"scooter": _scooter, "on_demand": _on_demand, "shuttle": _shuttle}.get(service.kind)
    return made(service) if made else None


def _shuttle(service: Service) -> Supply:
    assert isinstance(service, Shuttle)
    settings, day = service.settings, service.planned
    loop = day.loop
    figures = {"lap_min": loop.lap_s / MINUTE_S, "lap_km": loop.lap_m / METRES_PER_KM,
               "vehicles_needed": -(-loop.lap_s // settings.headway_s)}  # fmt: skip
    if service.faults():
        return Supply({}, figures)
    laps = day.laps[0].values()
    hours = fsum(begin_s[-1] + loop.lap_s - begin_s[0] - loop.dwell_s for begin_s in laps) / HOUR_S
    departures = sum(len(begin_s) for begin_s in laps)
    km = departures * loop.lap_m / METRES_PER_KM
    cost = {"hours": hours * settings.vehicle_hour_eur, "kilometres": km * settings.costs.vehicle_km_eur}
    figures |= {"departures": departures, "vehicle_hours": hours, "vehicle_km": km}
    return Supply(cost, figures, _revenue("shuttle", 1.0, settings.fare_eur))


def _scooter(service: Service) -> Supply:
    settings: Any = service.settings
    crews, minutes = settings.crews, -(-SCOOTER_RIDE_M / settings.speed_m_s // MINUTE_S)
    hours = crews.vans * fsum(shift.end_s - shift.begin_s for shift in crews.shifts) / HOUR_S
    share = 1.0 + settings.costs.overhead_share
    cost = {"vehicles": settings.fleet * settings.vehicle_day_eur, "crews": hours * crews.eur_per_h * share}
    fare_eur = settings.unlock_eur + minutes * settings.minute_eur
    return Supply(cost, {"crew_hours": hours, "fleet": settings.fleet}, _revenue("scooter", settings.fleet, fare_eur))


def _on_demand(service: Service) -> Supply:
    settings: Any = service.settings
    hours = service.about()["vehicle_hours"]
    cost = {"hours": hours * settings.cost_eur_per_vehicle_hour}
    return Supply(cost, {"vehicle_hours": hours}, _revenue("on_demand", hours, settings.fare_eur))


def _revenue(kind: str, number: float, fare_eur: float) -> tuple[float, float]:
    least, most = RIDES[kind]
    return least * number * fare_eur, most * number * fare_eur
