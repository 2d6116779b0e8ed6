"""What the crews of a fleet did in a run and what that costs, as quantities; from the tables `crews` and `moves`."""

from __future__ import annotations

from dataclasses import dataclass

from kera_mobility.results.facts import Facts, total
from kera_mobility.units import HOUR_S


@dataclass(frozen=True)
class CrewWork:
    """A day of all vans of one fleet."""

    hours: float
    """From the begin of each shift to its end, or to when the van was back if that was later; all vans."""
    km: float
    swaps: int
    moved: int
    """Vehicles brought from one place to another."""
    collected: int
    """Vehicles brought to the depot because they were broken."""
    missed: int
    """Vehicles for which a crew came, and that were not there or not free."""
    charged: float
    """Charge that changed batteries brought, 1 for a full battery."""
    hours_eur: float
    km_eur: float
    co2_kg: float
    """Exhaust of the vans."""

    @property
    def eur(self) -> float:
        """Cost of the crews at the rates of the scenario."""
        return self.hours_eur + self.km_eur

    @property
    def handled(self) -> int:
        """Vehicles that a crew swapped, moved or collected."""
        return self.swaps + self.moved + self.collected


def crew_work(facts: Facts, service: str) -> CrewWork | None:
    """Return what the crews of a service did, or None if it has none."""
    about = facts.services[service].get("crews")
    if not about:
        return None
    visits, causes = facts.frame("crews", service), facts.frame("moves", service)["cause"]
    by_shift = visits.groupby(["van", "shift"])
    hours = total(by_shift["end_s"].max() - by_shift["t_s"].min()) / HOUR_S
    km = total(visits["distance_m"]) / 1000.0
    return CrewWork(
        hours=hours,
        km=km,
        swaps=int((causes == "swap").sum()),
        moved=int((causes == "rebalance").sum()),
        collected=int((causes == "collect").sum()),
        missed=int(visits["missed"].sum()),
        charged=total(visits["charged"]),
        hours_eur=hours * float(about["eur_per_h"]),
        km_eur=km * float(about["eur_per_km"]),
        co2_kg=km * float(about["co2_g_per_km"]) / 1000.0,
    )
