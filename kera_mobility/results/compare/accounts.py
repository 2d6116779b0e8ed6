"""What one run moved, by service: riders, kilometres, hours, fares; what money and carbon are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kera_mobility.results.compare.paired_trips import Lived, Words
from kera_mobility.results.crew_work import crew_work
from kera_mobility.results.facts import TRANSIT, total
from kera_mobility.results.kpis.modes import SCOOTER
from kera_mobility.results.record import numbers
from kera_mobility.units import HOUR_S

LINE_TYPES = ("train", "tram", "bus")
"""Kinds of timetabled lines, as the settings of such a service name them; told apart by the places of a vehicle."""
UNKNOWN_LINE = "bus"
"""What a timetabled vehicle is taken for if its places fit no kind. Assumption."""


@dataclass(frozen=True)
class Ridden:
    """What one service, or one kind of line within it, did on a day."""

    rides: float
    passenger_km: float
    fare_eur: float
    vehicles: float
    vehicle_km: float
    vehicle_h: float
    """Time that vehicles were out: from the first movement to the last of each vehicle's day; for lines, of runs."""
    crew_eur: float = 0.0
    """What crews that looked after the fleet cost, at the rates of the scenario."""
    crew_kg: float = 0.0
    """CO2 of their vans."""


class Accounts:
    """A run's services as quantities."""

    def __init__(self, side: Lived) -> None:
        self.facts = side.facts
        self._side = side
        self._year = side.run.scenario.get("year")

    @property
    def year(self) -> int | None:
        """The year that the scenario is about."""
        return None if self._year is None else int(self._year)

    @cached_property
    def services(self) -> dict[tuple[str, str], Ridden]:
        """Return what each service did, by (service, kind); timetabled lines stand by train, tram and bus."""
        found: dict[tuple[str, str], Ridden] = {}
        for name, about in self.facts.services.items():
            if about["mode"] == TRANSIT and about.get("operated", True):
                for kind in LINE_TYPES:
                    found[name, kind] = self._ridden(name, kind)
            else:
                found[name, str(about["kind"])] = self._ridden(name, "")
        return found

    def operated(self, *, transit: bool) -> dict[tuple[str, str], Ridden]:
        """Return the services that an operator runs: public transport, or all others."""
        return {
            key: ridden
            for key, ridden in self.services.items()
            if key[0] in self.facts.operated and (self.mode(key[0]) == TRANSIT) == transit
        }

    def mode(self, service: str) -> str:
        """Return the mode of a service."""
        return str(self.facts.services[service]["mode"])

    def passenger_km(self, mode: str) -> float:
        """Return the kilometres that people rode in a mode, on trips completed or not."""
        return sum(one.passenger_km for (name, _), one in self.services.items() if self.mode(name) == mode)

    def fares_eur(self) -> float:
        """Return all that people paid: fares, and the running of their cars."""
        return total(numbers(self.facts.record.tables["legs"], "fare_eur"))

    def sustainable_trips(self) -> int:
        """Return everyone's completed trips whose main mode counts as sustainable, as the KPI counts them."""
        modes = set(self.facts.sustainable_modes) - {SCOOTER}
        wanted = [index for index, mode in enumerate(self.facts.modes) if mode in modes]
        return int(np.count_nonzero(np.isin(self.facts.main_mode, wanted)))

    def _ridden(self, service: str, line: str) -> Ridden:
        facts = self.facts
        legs = facts.ridden(service)
        moves = facts.of_service("moves", service)
        fleet = facts.of_service("vehicles", service)
        mine = self._is_line(service, line, numbers(legs, "vehicle"))
        out = self._is_line(service, line, numbers(moves, "vehicle"))
        crews = crew_work(facts, service)
        return Ridden(
            int(np.count_nonzero(mine)),
            total(numbers(legs, "ride_m")[mine]) / 1000.0,
            total(numbers(legs, "fare_eur")[mine]),
            int(np.count_nonzero(self._is_line(service, line, numbers(fleet, "vehicle")))),
            total(numbers(moves, "distance_m")[out]) / 1000.0,
            _hours_out(moves, out, by_vehicle=not line),
            crews.eur if crews else 0.0,
            crews.co2_kg if crews else 0.0,
        )

    def _is_line(self, service: str, line: str, vehicle: NDArray[Any]) -> NDArray[np.bool_]:
        if not line:
            return np.ones(len(vehicle), dtype=np.bool_)
        ids, kinds = self._lines(service)
        if not len(ids):
            return np.full(len(vehicle), line == UNKNOWN_LINE)
        at = np.minimum(np.searchsorted(ids, vehicle), len(ids) - 1)
        known = ids[at] == vehicle
        same: NDArray[np.bool_] = np.where(known, kinds[at] == line, line == UNKNOWN_LINE)
        return same

    def _lines(self, service: str) -> tuple[NDArray[Any], Words]:
        """Return the ids of a service's vehicles, sorted, and the kind of line of each."""
        fleet = self.facts.of_service("vehicles", service)
        settings = (self._side.run.scenario.get("services") or {}).get(service) or {}
        by_places = {(settings.get(kind) or {}).get("places"): kind for kind in reversed(LINE_TYPES)}
        places = numbers(fleet, "places").tolist()
        kinds = np.array([by_places.get(int(number), UNKNOWN_LINE) for number in places], dtype=np.str_)
        ids = numbers(fleet, "vehicle")
        order = np.argsort(ids, kind="stable")
        return ids[order], kinds[order]


def _hours_out(moves: Any, out: NDArray[np.bool_], *, by_vehicle: bool) -> float:
    begin_s, end_s = numbers(moves, "t_s")[out], numbers(moves, "end_s")[out]
    if not by_vehicle:
        return total(end_s - begin_s) / HOUR_S
    vehicle = numbers(moves, "vehicle")[out]
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for one, begin, end in zip(vehicle.tolist(), begin_s.tolist(), end_s.tolist(), strict=True):
        first[one], last[one] = min(begin, first.get(one, begin)), max(end, last.get(one, end))
    return sum(last[one] - first[one] for one in sorted(first)) / HOUR_S
