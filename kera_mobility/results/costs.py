"""What each operated service costs on a day: the only book, read by KPIs, comparisons, reports and remedies.

A service states its rates in its settings, `run.json` carries them, and the module `costs` in the folder of the service
makes the day's cost of them: `KIND`, the kind of service, and `day_cost(facts, service)`; it may say who pays (`PAYER`:
authority, operators or another word) and what is counted (`BOUNDARY`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import fsum

from kera_mobility.config.registry import parts_of
from kera_mobility.results.facts import TRANSIT, Facts

BOUNDARIES = {
    "whole_lines": "whole lines, also outside the area and for everybody else who rides them",
    "vehicles_driven": "all vehicles, from their first departure to their last stop",
    "shifts": "all shifts as planned, driven or not",
    "fleet": "the whole fleet, ridden or not",
    "operated": "as the service states it",
    "people": "the simulated people alone",
    "two_boundaries": "lines over their whole length, but gains of the simulated people alone: a line that others ride "
    "too costs more here than it brings",
}
"""What a cost or a sum counts, by the `BOUNDARY` of a module `costs`; other words stand for themselves."""
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
    payer: str = ""
    """Who pays for it: authority, operators, or another word; by mode of the service where its module says nothing."""
    boundary: str = "operated"
    """What is counted, by BOUNDARIES or in words."""
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
    models = {module.KIND: module for module in parts_of(SERVICES, SERVICES, "costs")}
    costs: dict[str, DayCost] = {}
    for service, about in facts.services.items():
        if service in facts.operated and about["kind"] in models:
            model = models[about["kind"]]
            cost = model.day_cost(facts, service)
            if cost is not None:
                said = {name: getattr(model, name.upper(), getattr(cost, name)) for name in ("payer", "boundary")}
                payer = said["payer"] or ("authority" if about["mode"] == TRANSIT else "operators")
                costs[service] = replace(cost, **said | {"payer": payer})
    return costs
