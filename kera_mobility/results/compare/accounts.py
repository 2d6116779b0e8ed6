"""What one run moved, by service: riders, kilometres, hours, fares; what money and carbon are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from kera_mobility.results.compare.paired_trips import RunTrips
from kera_mobility.results.costs import DayCost, day_costs
from kera_mobility.results.crew_work import crew_work
from kera_mobility.results.facts import TRANSIT, total
from kera_mobility.results.kpis.modes import SCOOTER
from kera_mobility.results.line_kinds import line_kinds, reported_kinds
from kera_mobility.results.record import numbers
from kera_mobility.units import HOUR_S


@dataclass(frozen=True)
class ServiceDay:
    """What one service, or one kind of line within it, did on a day."""

    rides: int
    passenger_km: float
    fare_eur: float
    vehicles: int
    vehicle_km: float
    vehicle_h: float
    """From the first movement to the last of each vehicle's day; only services that state no costs are priced by it."""
    crew_kg: float
    """CO2 of the vans of crews that looked after the fleet."""


class Accounts:
    """A run's services as quantities, and what each costs by the rates of the run."""

    def __init__(self, side: RunTrips) -> None:
        self.facts = side.facts
        self._year = side.settings.get("year")

    @property
    def year(self) -> int | None:
        """The year that the scenario is about."""
        return None if self._year is None else int(self._year)

    @cached_property
    def costs(self) -> dict[str, DayCost]:
        """Cost of each operated service that states any."""
        return day_costs(self.facts)

    @cached_property
    def services(self) -> dict[tuple[str, str], ServiceDay]:
        """What each service did, by (service, kind); timetabled lines stand by kind of line."""
        days: dict[tuple[str, str], ServiceDay] = {}
        for service, about in self.facts.services.items():
            legs, moves, fleet = frames = self._frames(service)
            if about["mode"] == TRANSIT and about.get("operated", True):
                kinds = [line_kinds(self.facts, service, frame["vehicle"]) for frame in frames]
                for line in reported_kinds(set().union(*(kind.unique() for kind in kinds))):
                    parts = (frame[kind == line] for frame, kind in zip(frames, kinds, strict=True))
                    days[service, line] = self._day(service, *parts)
            else:
                days[service, str(about["kind"])] = self._day(service, legs, moves, fleet)
        return days

    def operated(self, *, transit: bool) -> list[str]:
        """Return the services that an operator runs: public transport, or all others."""
        names = [name for name in self.facts.services if name in self.facts.operated]
        return [name for name in names if (self.mode(name) == TRANSIT) == transit]

    def of_service(self, service: str) -> list[tuple[str, ServiceDay]]:
        """Return (kind, day) of a service: one, or of lines one for each kind."""
        return [(kind, day) for (name, kind), day in self.services.items() if name == service]

    def mode(self, service: str) -> str:
        """Return the mode of a service."""
        return str(self.facts.services[service]["mode"])

    def passenger_km(self, mode: str) -> float:
        """Return the kilometres that people rode in a mode, on trips completed or not."""
        return sum(day.passenger_km for (name, _), day in self.services.items() if self.mode(name) == mode)

    def fares_eur(self) -> float:
        """Return all that people paid: fares, season tickets by the day, and the running of their cars."""
        prepaid_eur = sum(map(self.season_eur, self.facts.services))
        return total(numbers(self.facts.record.tables["legs"], "fare_eur")) + prepaid_eur

    def season_eur(self, service: str) -> float:
        """Return what season tickets of a service bring in a day, not in its fares."""
        return float(self.facts.services[service].get("season_eur_per_day", 0.0))

    def sustainable_trips(self) -> int:
        """Return everyone's completed trips whose main mode counts as sustainable, as the KPI counts them."""
        modes = set(self.facts.sustainable_modes) - {SCOOTER}
        columns = [index for index, mode in enumerate(self.facts.modes) if mode in modes]
        return int(np.count_nonzero(np.isin(self.facts.main_mode, columns)))

    def _frames(self, service: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        legs = self.facts.rides(service)
        moves = self.facts.frame("moves", service)
        return legs, moves, self.facts.frame("vehicles", service)

    def _day(self, service: str, legs: pd.DataFrame, moves: pd.DataFrame, fleet: pd.DataFrame) -> ServiceDay:
        by_vehicle = moves.groupby("vehicle")
        crews = crew_work(self.facts, service)
        return ServiceDay(
            len(legs),
            total(legs["ride_m"]) / 1000.0,
            total(legs["fare_eur"]),
            len(fleet),
            total(moves["distance_m"]) / 1000.0,
            total(by_vehicle["end_s"].max() - by_vehicle["t_s"].min()) / HOUR_S,
            crews.co2_kg if crews else 0.0,
        )
