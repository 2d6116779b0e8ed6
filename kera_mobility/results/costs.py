"""What each operated service costs on a day: the only book, read by KPIs, comparisons, reports and remedies.

A service states its rates in its settings, `run.json` carries them, and the module `costs` in the folder of the service
makes the day's cost of them: `KIND`, the kind of service, and `day_cost(facts, service)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum

from kera_mobility.config.registry import parts_of
from kera_mobility.results.facts import Facts

SERVICES = "kera_mobility.services"
"""Folder, and group of entry points, of services."""


@dataclass(frozen=True)
class DayCost:
    """What one service costs on one day, before fares."""

    paid_h: float
    """Hours that the operator pays: of vehicles with their crew, or of the crews of a fleet; each module `costs` says
    which."""
    operating: Mapping[str, float]
    """EUR by item: hours, kilometres, rides, energy, upkeep. What is not spent where the service does not run."""
    capital_eur: float = 0.0
    """Vehicles by their life. 0 where the rates of the hours hold the vehicle too."""
    overhead_eur: float = 0.0
    """Office, app and marketing. 0 where the rates hold them."""
    stated: bool = True
    """Whether the run says its rates; if not, those of the defaults of the service were taken."""

    @property
    def operating_eur(self) -> float:
        """Operating cost, EUR: what subsidy and balances are about."""
        return fsum(self.operating.values())

    @property
    def full_eur(self) -> float:
        """Operating cost, capital and overhead, EUR."""
        return self.operating_eur + self.capital_eur + self.overhead_eur


def parking_eur(facts: Facts) -> dict[str, float]:
    """Return what drivers of each service paid for parking, where parking costs anything: all but the driving."""
    paid_eur = {}
    for service, about in facts.services.items():
        if "driving_eur_per_km" in about:
            legs = facts.rides(service)
            driving_eur = legs["ride_m"] / 1000.0 * about["driving_eur_per_km"]
            paid_eur[service] = fsum(legs["fare_eur"] - driving_eur)
    return paid_eur


def day_costs(facts: Facts) -> dict[str, DayCost]:
    """Return the cost of each operated service whose kind has a cost model and whose rates are known."""
    models = {module.KIND: module.day_cost for module in parts_of(SERVICES, SERVICES, "costs")}
    costs: dict[str, DayCost] = {}
    for service, about in facts.services.items():
        if service in facts.operated and about["kind"] in models:
            cost = models[about["kind"]](facts, service)
            if cost is not None:
                costs[service] = cost
    return costs
