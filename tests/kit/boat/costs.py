"""What boats cost: each for a day, rowed or not; nobody is paid by the hour."""

from __future__ import annotations

from kera_mobility.plugins import DayCost, Facts

KIND = "boat"


def day_cost(facts: Facts, service: str) -> DayCost:
    """Return the cost of a day."""
    about = facts.services[service]
    return DayCost(0.0, {"boats": about["fleet"] * about["eur_per_boat"]})
