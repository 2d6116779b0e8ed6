"""What a service on demand costs: the hours of all shifts as planned, driver and vehicle, and kilometres.

Paid hours are those of the shifts in the settings, driven or not: a vehicle that waits, breaks down or is called in is
paid to the end of its shift, and one that comes back late no longer. The rate of the hour holds the vehicle (capital).
"""

from __future__ import annotations

from kera_mobility.results.costs import DayCost
from kera_mobility.results.facts import Facts, total

KIND = "on_demand"
PAYER, BOUNDARY = "operators", "shifts"
"""Who pays for it, and what of it is counted; see `results.costs.BOUNDARIES`."""


def day_cost(facts: Facts, service: str) -> DayCost | None:
    """Return the cost of a day; None where the run states no rates."""
    about = facts.services[service]
    if "eur_per_vehicle_hour" not in about:
        return None
    hours, km = float(about["vehicle_hours"]), total(facts.frame("moves", service)["distance_m"]) / 1000.0
    return DayCost(hours, {"hours": hours * about["eur_per_vehicle_hour"], "kilometres": km * about["eur_per_km"]})
