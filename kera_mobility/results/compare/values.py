"""Unit values of money and carbon: each a setting with unit, bounds and source; a file may override any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from kera_mobility.config.messages import validated
from kera_mobility.config.resources import find
from kera_mobility.config.settings import Settings
from kera_mobility.config.yaml_layers import read_layers


class TimeValue(Settings):
    """What an hour of travel is worth to the traveller."""

    commute_eur_per_h: float = Field(ge=0, le=200)
    """On the way to work and back."""
    leisure_eur_per_h: float = Field(ge=0, le=200)
    """For all other purposes."""


class CostRates(Settings):
    """Operating cost of a service that states no costs itself; each part is added."""

    eur_per_km: float = Field(0.0, ge=0, le=100)
    """By distance that vehicles went."""
    eur_per_h: float = Field(0.0, ge=0, le=5000)
    """By time that vehicles were out, from their first to their last movement of the day."""
    eur_per_vehicle_day: float = Field(0.0, ge=0, le=5000)
    """By vehicle and day, used or not."""
    eur_per_ride: float = Field(0.0, ge=0, le=1000)
    """By ride."""


class OfYear(Settings):
    """A value that holds in one year."""

    year: int = Field(ge=1990, le=2100)
    """Calendar year."""
    value: float = Field(ge=0, le=5000)
    """In the unit of the list it stands in."""


_TIME = {
    "car": TimeValue(commute_eur_per_h=7.92, leisure_eur_per_h=5.37),
    "transit": TimeValue(commute_eur_per_h=6.28, leisure_eur_per_h=4.83),
    "bicycle": TimeValue(commute_eur_per_h=12.075, leisure_eur_per_h=12.075),
    "walk": TimeValue(commute_eur_per_h=6.28, leisure_eur_per_h=4.83),
}
_TIME_AS = {"scooter": "bicycle", "bicycle_share": "bicycle", "shuttle": "transit", "on_demand": "transit"}
_CAR_G_PER_KM = (OfYear(year=2018, value=133.0), OfYear(year=2020, value=127.0), OfYear(year=2040, value=50.0))
_BUS_G_PER_KM = (OfYear(year=2018, value=763.0), OfYear(year=2020, value=645.0), OfYear(year=2040, value=200.0))


class Values(Settings):
    """Unit values of a comparison. HELMET is HSL's HELMET 5; its CBA workbook cites the Finnish unit values."""

    price_level: str = "unit values about 2018, not stated in their source; fares and car costs 2023; not indexed"
    """Said in the table. Source: HELMET CBA workbook (Väylävirasto unit values), facts on HELMET 5."""
    days_per_year: float = Field(300.0, ge=1, le=366)
    """Days like the simulated one in a year: the annual factor. Assumption; range 250 (working days) to 365."""
    time: dict[str, TimeValue] = Field(default_factory=lambda: dict(_TIME))
    """By mode. HELMET CBA workbook for car, transit and bicycle; walking as transit is an assumption."""
    time_as: dict[str, str] = Field(default_factory=lambda: dict(_TIME_AS))
    """Modes without a value of their own, and whose they take. Assumption."""
    cost: dict[str, CostRates] = Field(default_factory=dict)
    """By name of a service, else its kind: only of services that state no costs of their own, as all shipped ones
    do. None by default: an assumption of whoever adds a service."""
    car_occupancy: float = Field(1.3, ge=1, le=8)
    """People in a car: kilometres that people ride in cars over this are vehicle kilometres. HSL journey planner."""
    co2_eur_per_t: float = Field(77.0, ge=0, le=2000)
    """EUR per tonne. HELMET CBA workbook."""
    injury_accidents_per_million_km: float = Field(0.376, ge=0, le=10)
    """Of cars on collector and local streets; 0.260 main street, 0.024 motorway. HELMET CBA workbook."""
    injury_accident_eur: float = Field(410_600.0, ge=0, le=1e7)
    """Per injury accident. HELMET CBA workbook."""
    car_g_per_km: tuple[OfYear, ...] = Field(_CAR_G_PER_KM, min_length=1)
    """g CO2 per vehicle-km at the tailpipe by year, straight lines between. HSL, MAL effect calculations; the journey
    planner shows 170 (range 127 to 202 for 2020)."""
    car_life_cycle_g_per_km: float = Field(60.0, ge=0, le=500)
    """Added per vehicle-km over the life cycle: vehicle and fuel chain. Assumption, from memory; range 30 to 90."""
    bus_g_per_km: tuple[OfYear, ...] = Field(_BUS_G_PER_KM, min_length=1)
    """g CO2 per vehicle-km by year, straight lines between. HSL, MAL effect calculations; 2040 0 to 200."""
    bus_riders: float = Field(10.0, ge=1, le=100)
    """Mean load of a bus, by which its grams are shared. Derived: 763 g/km over 73 g/pkm (HSL-jälki). Weak."""
    train_g_per_pkm_market: float = Field(0.0, ge=0, le=100)
    """g CO2 per passenger-km by market: fossil-free electricity contracts. HSL."""
    train_g_per_pkm_location: float = Field(1.6, ge=0, le=100)
    """g CO2 per passenger-km by location: 6 kWh/km, 40 g/kWh, 150 riders. Derived; range 1 to 5, unverified."""
    train_kwh_per_km: float = Field(6.0, ge=0, le=50)
    """Electricity of a train unit. Sm5, from an operator's page."""
    minibus_kwh_per_km: float = Field(0.6, ge=0, le=10)
    """Electricity of a shuttle or on-demand vehicle; unverified; range 0.25 to 0.6."""
    minibus_life_cycle_g_per_km: float = Field(50.0, ge=0, le=1000)
    """Added per vehicle-km over the life cycle: vehicle and battery. Assumption; range 20 to 100."""
    transit_life_cycle_g_per_pkm: float = Field(8.0, ge=0, le=200)
    """Added per passenger-km over the life cycle: vehicles and way. Assumption; range 3 to 20."""
    scooter_wh_per_km: float = Field(18.0, ge=0, le=100)
    """Electricity of a shared scooter; unverified; range 13 to 25."""
    scooter_life_cycle_g_per_km: float = Field(50.0, ge=0, le=2000)
    """Whole life cycle of a shared scooter, servicing included; unverified; range 35 to 110, little used ones 804 to
    1679 (Lisbon, Journal of Urban Mobility 2023)."""
    bicycle_life_cycle_g_per_km: float = Field(5.0, ge=0, le=100)
    """Whole life cycle of a bicycle. Assumption, from memory; range 3 to 10."""
    grid_g_per_kwh_market: float = Field(0.0, ge=0, le=1500)
    """Electricity by market: fossil-free contracts. Assumption for operators other than HSL."""
    grid_g_per_kwh_location: float = Field(40.0, ge=0, le=1500)
    """Electricity by location, Finland mid-2020s; unverified; range 25 to 90."""
    age_from: tuple[Annotated[int, Field(ge=0, le=120)], ...] = Field((7, 18, 30, 45, 65), min_length=1)
    """Ages at which the groups of the benefit begin."""
    home_bands_m: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = (400, 800, 1600)
    """Straight distances from the centre of the area that part the home zones. Assumption."""

    @model_validator(mode="after")
    def _names_fit(self) -> Values:
        lacking = sorted({"transit", *self.time_as.values()} - self.time.keys())
        if lacking:
            raise ValueError(f"time: no value for '{lacking[0]}'")
        for name in ("car_g_per_km", "bus_g_per_km"):
            years = [value.year for value in getattr(self, name)]
            if len(set(years)) < len(years):
                raise ValueError(f"{name}: a year stands twice")
        return self

    def time_eur_per_h(self, mode: str, purpose: str) -> float:
        """Return what an hour in a mode is worth; unknown modes as transit."""
        value = self.time.get(self.time_as.get(mode, mode), self.time["transit"])
        return value.commute_eur_per_h if purpose == COMMUTE else value.leisure_eur_per_h

    def cost_of(self, *names: str) -> CostRates | None:
        """Return the rates of the first name that has any."""
        return next((self.cost[name] for name in names if name in self.cost), None)


COMMUTE = "work"
"""The purpose whose time is valued as commuting."""


def at_year(values: Sequence[OfYear], year: int) -> float:
    """Return a value by year, on straight lines between the years given and level outside them."""
    points = sorted(values, key=lambda point: point.year)
    return float(np.interp(year, [point.year for point in points], [point.value for point in points]))


def read_values(path: str | Path) -> Values:
    """Return the unit values of a YAML file that says only what differs from the defaults.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ConfigError
        With every fault at once, each with file, line and key.
    """
    return validated(read_layers(find(path, "configs")), Values, _over_defaults)


def _over_defaults(data: Mapping[str, object]) -> dict[str, object]:
    """Return the data with the maps by name laid over the defaults, so that one entry can be changed alone."""
    defaults = Values().model_dump()
    named = ("time", "time_as", "cost")
    return {
        key: {**defaults[key], **value} if key in named and isinstance(value, Mapping) else value
        for key, value in data.items()
    }
