"""Carbon of a day: operational and life-cycle, with electricity by market, by location, and at the margin.

At the margin a seat on a train or bus that runs anyway emits nothing more: there the vehicle kilometres of lines count,
not the riders, and electricity is taken by location.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from kera_mobility.results.compare.accounts import Accounts, ServiceDay
from kera_mobility.results.compare.differences import CANNOT_TELL, Difference
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.compare.values import Values, at_year
from kera_mobility.results.facts import EVERYONE
from kera_mobility.results.line_kinds import LINE_KINDS

METHODS = {
    "market": "electricity by contract",
    "location": "electricity as the grid makes it",
    "marginal": "lines by the kilometres they run, riders on what runs anyway adding nothing",
}
SCOPES = {"operational": "while travelling", "life_cycle": "over the life cycle of vehicles and ways too"}
DEFAULT_YEAR = 2020
"""Year of the factors where the scenario names none."""


class Carbon:
    """The CO2 of one run, kg per day."""

    def __init__(self, accounts: Accounts, values: Values) -> None:
        self._accounts, self._values = accounts, values
        self._year = accounts.year or DEFAULT_YEAR

    def kg(self, scope: str, method: str) -> float:
        """Return the CO2 of the day by SCOPES and METHODS."""
        grams = sum(
            self._grams(self._accounts.mode(name), kind, day, method, life_cycle=scope == "life_cycle")
            for (name, kind), day in self._accounts.services.items()
        )
        return grams / 1000.0 + sum(day.crew_kg for day in self._accounts.services.values())

    @cached_property
    def _car_g(self) -> float:
        return at_year(self._values.car_g_per_km, self._year) / self._values.car_occupancy

    @cached_property
    def _bus_g(self) -> float:
        return at_year(self._values.bus_g_per_km, self._year)

    def _grams(self, mode: str, kind: str, day: ServiceDay, method: str, *, life_cycle: bool) -> float:
        values, rode_km = self._values, day.passenger_km
        grid = values.grid_g_per_kwh_market if method == "market" else values.grid_g_per_kwh_location
        if kind in LINE_KINDS:
            return self._line_grams(kind, day, method, grid, life_cycle=life_cycle)
        if mode == "car":
            life_cycle_g = values.car_life_cycle_g_per_km / values.car_occupancy if life_cycle else 0.0
            return rode_km * (self._car_g + life_cycle_g)
        if mode == "scooter":
            per_km = values.scooter_life_cycle_g_per_km if life_cycle else values.scooter_wh_per_km / 1000.0 * grid
            return rode_km * per_km
        if mode in ("bicycle", "bicycle_share"):
            return rode_km * values.bicycle_life_cycle_g_per_km if life_cycle else 0.0
        life_cycle_g = values.minibus_life_cycle_g_per_km if life_cycle else 0.0
        return day.vehicle_km * (values.minibus_kwh_per_km * grid + life_cycle_g)

    def _line_grams(self, kind: str, day: ServiceDay, method: str, grid: float, *, life_cycle: bool) -> float:
        values, is_diesel = self._values, kind in ("bus", "ferry")  # a ferry as a bus, for want of better: assumption
        if method == "marginal":
            return day.vehicle_km * (self._bus_g if is_diesel else values.train_kwh_per_km * grid)
        per_km = values.train_g_per_pkm_market if method == "market" else values.train_g_per_pkm_location
        if is_diesel:
            per_km = self._bus_g / values.bus_riders
        return day.passenger_km * (per_km + (values.transit_life_cycle_g_per_pkm if life_cycle else 0.0))


def agreed_sign(rows: Sequence[Difference], scope: str = "operational") -> str:
    """Return the verdict on which all methods of a scope agree, or that nobody can tell: the choice decides it."""
    verdicts = {row.verdict for row in rows if row.id.startswith(f"carbon.{scope}.")}
    return verdicts.pop() if len(verdicts) == 1 else CANNOT_TELL


def carbon_quantities(a: Carbon, b: Carbon) -> Iterator[Quantity]:
    """Yield the CO2 of both runs by scope and method."""
    for scope, of_scope in SCOPES.items():
        for method, of_method in METHODS.items():
            definition = f"CO2 of everyone's travel {of_scope}; {of_method}."
            about = About(f"carbon.{scope}.{method}", "carbon", "kg per day", EVERYONE, definition)
            yield Quantity(about, a.kg(scope, method), b.kg(scope, method))
