"""What timetabled lines cost: hours and kilometres of their runs, as far as these lie in the area or go beyond it.

Of a feed that goes on outside the rectangle only the calls inside and at places beyond the map are kept; runs that
never come onto the map cost nothing here.

Paid hours are those of the runs as they were run, from the first stop of each to its last: turning at the ends, rests
and empty runs are not simulated, and are left to the rate of the hour, which holds driver and vehicle (capital).
"""

from __future__ import annotations

from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.results.costs import DayCost
from kera_mobility.results.facts import Facts, total
from kera_mobility.results.line_kinds import line_kinds, of_the_map, reported_kinds
from kera_mobility.units import HOUR_S

KIND = "transit"
PAYER, BOUNDARY = "authority", "whole_lines"
"""Who pays for it, and what of it is counted; see `results.costs.BOUNDARIES`."""


class TrainCosts(Settings):
    """Operating cost of a train, EUR."""

    vehicle_hour_eur: float = Field(584.0, ge=0, le=5000)
    """Of a run. Source: HELMET 5 CBA workbook (train.cost_per_hour)."""
    vehicle_km_eur: float = Field(5.6, ge=0, le=100)
    """Of a run, one unit. Source: HELMET 5 CBA workbook (train.cost_per_km)."""


class TramCosts(TrainCosts):
    """Operating cost of a tram, EUR. Assumption: as a train."""


class BusCosts(Settings):
    """Operating cost of a bus, EUR."""

    vehicle_hour_eur: float = Field(50.79, ge=0, le=5000)
    """Of a run. Source: HELMET 5 CBA workbook (bus.cost_per_hour); a trunk bus 52.96."""
    vehicle_km_eur: float = Field(0.74, ge=0, le=100)
    """Of a run. Source: HELMET 5 CBA workbook (bus.cost_per_km); a trunk bus 0.78."""


class LineCosts(Settings):
    """Operating cost of each kind of line, EUR of 2023; rides and choices do not depend on it."""

    train: TrainCosts = TrainCosts()
    """Trains."""
    tram: TramCosts = TramCosts()
    """Trams."""
    bus: BusCosts = BusCosts()
    """Buses."""
    metro: TrainCosts = TrainCosts()
    """Metros. Assumption: as trains."""
    ferry: TrainCosts = TrainCosts()
    """Ferries. Assumption: as trains."""
    cable: TramCosts = TramCosts()
    """Funiculars and aerial lifts. Assumption: as trams."""


def day_cost(facts: Facts, service: str) -> DayCost:
    """Return the cost of a day; at the default rates where the run, an older one, states none."""
    stated = facts.services[service].get("costs")
    rates = LineCosts().model_dump() | (stated or {})
    moves = of_the_map(facts, service, facts.frame("moves", service))
    work = moves.assign(h=(moves.end_s - moves.t_s) / HOUR_S, km=moves.distance_m / 1000.0)
    runs = work.groupby(line_kinds(facts, service, moves.vehicle))
    hours, km = ({kind: total(part) for kind, part in runs[name]} for name in ("h", "km"))
    eur = {
        kind: hours.get(kind, 0.0) * rates[kind]["vehicle_hour_eur"] + km.get(kind, 0.0) * rates[kind]["vehicle_km_eur"]
        for kind in reported_kinds(hours)
    }
    return DayCost(sum(hours.values()), eur, stated=stated is not None)
