"""Figures of rowing boats."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.plugins import EVERYONE, Facts, Kpi, kpi, share


@kpi
def use(facts: Facts) -> Iterator[Kpi]:
    """Yield how much each boat was used."""
    for service, about in facts.services.items():
        if about["kind"] == "boat":
            rides = share(facts.ridden(service).num_rows, about["fleet"])
            yield Kpi(f"{service}.rides_per_boat", rides, "rides per boat", EVERYONE, "Rides over boats.")
