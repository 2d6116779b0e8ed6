"""What a shuttle costs: hours of vehicles with their crew, and kilometres.

Paid hours are those of each vehicle that was driven, from its first departure of the day to its last stop: rests and
charging at the terminal between laps are paid, what stands by or charges before and after is not. The rate of the hour
holds the vehicle as the unit costs of a bus do; there is no other capital.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.results.costs import DayCost
from kera_mobility.results.facts import Facts, total
from kera_mobility.units import HOUR_S

KIND = "shuttle"
PAYER, BOUNDARY = "operators", "vehicles_driven"
"""Who pays for it, and what of it is counted; see `results.costs.BOUNDARIES`."""
CREWS = ("driver", "safety_operator", "remote")
"""Who may run a vehicle."""


class ShuttleCosts(Settings):
    """Operating cost of vehicles, EUR of 2023."""

    vehicle_hour_eur: float = Field(50.79, ge=0, le=1000)
    """A vehicle-hour with driver. Source: HELMET 5 CBA workbook, a bus (bus.cost_per_hour)."""
    vehicle_km_eur: float = Field(0.74, ge=0, le=100)
    """A vehicle-kilometre. Source: HELMET 5 CBA workbook, a bus (bus.cost_per_km)."""
    driver_hour_eur: float = Field(35.0, ge=0, le=1000)
    """The part of `vehicle_hour_eur` that is the driver. Assumption; range 28 to 42."""
    safety_operator_hour_eur: float = Field(40.0, ge=0, le=1000)
    """A safety operator aboard, in place of the driver. Assumption; range 30 to 60; all Finnish pilots had one
    (robotbus.safety_operator_required)."""
    vehicles_per_remote_operator: float = Field(5.0, ge=0.1, le=100)
    """Vehicles that one person watches from afar, at the price of a safety operator. Assumption; range 2 to 20."""


def hour_eur(costs: Mapping[str, float], crew: str) -> float:
    """Return what an hour of a vehicle with a crew costs, EUR, by the fields of `ShuttleCosts`."""
    empty_eur = max(0.0, costs["vehicle_hour_eur"] - costs["driver_hour_eur"])
    crew_eur = {
        "driver": costs["vehicle_hour_eur"] - empty_eur,
        "safety_operator": costs["safety_operator_hour_eur"],
        "remote": costs["safety_operator_hour_eur"] / costs["vehicles_per_remote_operator"],
    }
    return empty_eur + crew_eur[crew]


def paid_h(facts: Facts, service: str) -> float:
    """Return the hours of all vehicles together, each from its first departure of the day to its last stop."""
    calls = facts.frame("calls", service).groupby("vehicle")["t_s"]
    return total(calls.max() - calls.min()) / HOUR_S


def day_cost(facts: Facts, service: str, crew: str = "") -> DayCost | None:
    """Return the cost of a day, with the crew of the run or with another; None where the run states no rates."""
    about = facts.services[service]
    costs = about.get("costs")
    if not costs:
        return None
    hours, km = paid_h(facts, service), total(facts.frame("moves", service)["distance_m"]) / 1000.0
    rate_eur = hour_eur(costs, crew or about.get("crew", CREWS[0]))
    return DayCost(hours, {"hours": hours * rate_eur, "kilometres": km * costs["vehicle_km_eur"]})
