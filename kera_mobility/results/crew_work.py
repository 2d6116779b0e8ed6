"""What the crews of a fleet did in a run and what that costs, as quantities; from the tables `crews` and `moves`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kera_mobility.results.facts import Facts, total
from kera_mobility.results.record import numbers, texts
from kera_mobility.units import HOUR_S, AnyArray, FloatArray


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
    rows = facts.of_service("crews", service)
    hours = _shifts_s(numbers(rows, "van"), numbers(rows, "shift"), numbers(rows, "t_s"), numbers(rows, "end_s"))
    hours, km = hours / HOUR_S, total(numbers(rows, "distance_m")) / 1000.0
    moves = facts.of_service("moves", service)
    codes, names = texts(moves, "cause")
    count = {cause: int(np.count_nonzero(codes == code)) for code, cause in enumerate(names)}
    return CrewWork(
        hours=hours,
        km=km,
        swaps=count.get("swap", 0),
        moved=count.get("rebalance", 0),
        collected=count.get("collect", 0),
        missed=int(numbers(rows, "missed").astype(np.int64).sum()),
        charged=total(numbers(rows, "charged")),
        hours_eur=hours * float(about["eur_per_h"]),
        km_eur=km * float(about["eur_per_km"]),
        co2_kg=km * float(about["co2_g_per_km"]) / 1000.0,
    )


def _shifts_s(van: AnyArray, shift: AnyArray, begin_s: FloatArray, end_s: FloatArray) -> float:
    """Return the length of all shifts together: from the first row of each to the end of its last."""
    lengths = []
    for key in sorted(set(zip(van.tolist(), shift.tolist(), strict=True))):
        mine = (van == key[0]) & (shift == key[1])
        lengths.append(float(end_s[mine].max() - begin_s[mine].min()))
    return total(np.array(lengths))
