"""Settings of shared scooters, and of any other vehicle rented by the ride: city bikes are scooters with others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from kera_mobility.config.calendar import IsoDate, Season, Window
from kera_mobility.config.registry import policy_settings_beside
from kera_mobility.config.settings import InputPath, Place, Settings
from kera_mobility.services.base import ServiceSettings
from kera_mobility.services.scooter.costs import FleetCosts, capital_eur
from kera_mobility.services.scooter.crew_settings import CrewSettings
from kera_mobility.services.scooter.fares import PassSettings
from kera_mobility.services.scooter.geofences import DrawnZone
from kera_mobility.services.scooter.permit import PermitSettings
from kera_mobility.services.scooter.policies.overnight import OvernightPolicy, ResetSettings

METRES_PER_KM = 1000.0

if TYPE_CHECKING:
    OvernightSettings = Any
else:
    OvernightSettings = policy_settings_beside(__name__, OvernightPolicy)


def _zone_form(entry: Any) -> str:
    return "file" if isinstance(entry, str) else "drawn"


ZoneEntry = Annotated[Annotated[InputPath, Tag("file")] | Annotated[DrawnZone, Tag("drawn")], Discriminator(_zone_form)]


class Hub(Place):
    """A marked place to park scooters."""

    capacity: int = Field(20, ge=1, le=1000)
    """How many scooters may stand here. Assumption."""


class AgeShare(Settings):
    """A share of the people from an age upwards, until the next entry."""

    from_age: int = Field(ge=0, le=120)
    """Years."""
    share: float = Field(ge=0, le=1)
    """Part of the people of that age."""


_REGISTERED = (
    AgeShare(from_age=18, share=0.45),
    AgeShare(from_age=30, share=0.35),
    AgeShare(from_age=45, share=0.15),
    AgeShare(from_age=65, share=0.03),
)


class ScooterSettings(ServiceSettings):
    """Settings of shared scooters."""

    kind: Literal["scooter"] = "scooter"
    mode: str = Field("scooter", pattern=r"^[a-z][a-z0-9_]*$")
    """Class of main mode in a travel survey."""
    nest: str = Field("scooter", pattern=r"^[a-z][a-z0-9_]*$")
    """Nest of the choice model, when taken alone."""
    sustainable: bool = False
    """Whether it counts in the sustainable share; the survey of the region counts no scooters."""
    fleet: int = Field(ge=1, le=20_000)
    """How many scooters there are; a larger fleet holds the smaller one."""
    hubs: tuple[Hub, ...] = Field(min_length=1)
    """Where the fleet stands in the morning, and, with parking `hubs`, the only places to park."""
    first_places: Literal["hubs", "demand"] = "hubs"
    """Where vehicles stand on the first day, and after nights that bring them back: at hubs by their room; or by
    demand, in proportion to the trips that set out within reach, hubs up to their room and only where hubs are
    required. Assumption: off, since constants were fitted with fleets at hubs."""
    parking: Literal["hubs", "anywhere", "mixed"] = "anywhere"
    """Rides end at a hub with room; or at the destination itself inside the operating area; or, mixed, at a hub near
    one and at the destination elsewhere."""
    hub_zone_m: float = Field(300.0, ge=0, le=50_000)
    """With mixed parking, who goes to a place within this straight distance of a hub must park at one. Assumption."""
    operating_radius_m: float = Field(2500.0, ge=1, le=50_000)
    """Rides begin and end within this straight distance of some hub. Assumption."""
    max_walk_m: float = Field(300.0, ge=1, le=2000)
    """Longest walk to a scooter. Assumption; range 100 to 400 (scooter.max_walk_to_vehicle)."""
    shortest_ride_m: float = Field(200.0, ge=0, le=5000)
    """Nobody unlocks a scooter for less than this. Assumption; range 0 to 500."""
    speed_m_s: float = Field(3.6, ge=1, le=7)
    """Mean speed from unlocking to locking, 13 km/h; unverified; range 2.8 to 4.4 (scooter.average_riding_speed)."""
    handling_s: float = Field(45.0, ge=0, le=600)
    """Unlocking, and parking with a photograph, both together, s. Assumption."""
    unlock_eur: float = Field(1.0, ge=0, le=10)
    """Price of unlocking, range 0 to 1.2. Source: Helsingin Sanomat 3/2019 (scooter.price.unlock)."""
    minute_eur: float = Field(0.25, ge=0, le=5)
    """Price of each started minute; unverified; range 0.19 to 0.35 (scooter.price.minute_2025)."""
    most_eur: float | None = Field(None, ge=0, le=500)
    """Most that a ride costs; no such limit if null."""
    ride_pass: PassSettings = Field(default_factory=PassSettings)
    """A pass by the month; nobody has one by default."""
    min_age: int = Field(18, ge=15, le=99)
    """Youngest rider, years. Source: operator's terms (scooter.min_age_rental)."""
    registered: tuple[AgeShare, ...] = _REGISTERED
    """Who has the app, by age. Assumption: no local figure was found; range half to one and a half."""
    reservation: bool = True
    """Whether a scooter is kept for who walks to it; if not, who comes first takes it."""
    reservation_s: float = Field(1200.0, ge=1, le=7200)
    """How long it is kept. Assumption; range 300 to 1800."""
    battery_wh: float = Field(550.0, ge=1, le=3000)
    """Usable energy of a full battery; unverified; range 350 to 1000 (scooter.battery_capacity)."""
    energy_wh_per_km: float = Field(18.0, ge=0, le=100)
    """At 20 degrees C; unverified; range 13 to 25 (scooter.energy_per_km_20C). 0 for what has no battery."""
    reserve_charge: float = Field(0.1, ge=0, le=0.9)
    """A ride may not take the state of charge below this. Assumption."""
    low_charge: float = Field(0.2, ge=0, le=1)
    """A scooter with less charge counts as low. Assumption; range 0.1 to 0.3 (scooter.swap_threshold)."""
    broken_chance: float = Field(0.0, ge=0, le=1)
    """Chance that a scooter does not work when somebody comes to unlock it; it is out of use until it is mended.
    Assumption: off; range 0 to 0.05."""
    missing_chance: float = Field(0.0, ge=0, le=1)
    """Chance that after a ride a scooter is not to be had until the next morning. Assumption: off; range 0 to 0.01."""
    date: IsoDate = "2025-09-17"
    """Day of the calendar that each day of a run is, for hours, seasons and zones. Assumption: a Wednesday in autumn,
    as in the travel survey."""
    season: Season = Season()
    """Part of the year in which it can be rented."""
    closed: tuple[Window, ...] = ()
    """When nothing can be rented; rides under way end as they would."""
    zones: tuple[ZoneEntry, ...] = ()
    """Zones that are obeyed (no riding, riding slowly, no parking, parking at hubs only): names of files in the area's
    `zones/`; paths, from the current folder or beside the scenario, of GeoJSON files or of an operator's
    `geofencing_zones.json`; or zones with a `polygon` here."""
    vehicle_type: str = ""
    """Type of vehicle in an operator's `geofencing_zones.json`, whose rules alone hold; rules of any type if empty."""
    rides_in_snow: bool = False
    """Whether it can be rented while heavy snow is announced. Assumption: operators stop."""
    overnight: OvernightSettings = Field(default_factory=ResetSettings)
    """What is done at night: reset (back to the hubs, low batteries swapped), withdraw (away all night) or leave."""
    crews: CrewSettings = Field(default_factory=CrewSettings)
    """Who looks after the fleet by day; nobody by default."""
    costs: FleetCosts = Field(default_factory=FleetCosts)
    """Rates of the cost model, and what KPIs of carbon and injuries are made of."""
    permit: PermitSettings | None = None
    """What the city allows, for the figures of the result."""

    @model_validator(mode="after")
    def _in_order(self) -> ScooterSettings:
        if self.energy_wh_per_km and self.low_charge < self.reserve_charge:
            raise ValueError(
                f"low_charge: got {self.low_charge:g}, expected at least reserve_charge, {self.reserve_charge:g}"
            )
        ages = [entry.from_age for entry in self.registered]
        if ages != sorted(set(ages)):
            raise ValueError(f"registered: got ages {ages}, expected rising ones")
        return self

    def used(self, ride_m: float) -> float:
        """Return the state of charge that a ride takes."""
        return ride_m / METRES_PER_KM * self.energy_wh_per_km / self.battery_wh

    @property
    def vehicle_day_eur(self) -> float:
        """What one more vehicle costs a day, EUR: upkeep, its price by day of its life, overhead."""
        costs = self.costs
        return (costs.upkeep_eur + capital_eur(costs.model_dump())) * (1.0 + costs.overhead_share)

    @property
    def range_m(self) -> float:
        """Longest ride on a full battery; inf for what has none."""
        usable_wh = (1.0 - self.reserve_charge) * self.battery_wh
        return usable_wh / self.energy_wh_per_km * METRES_PER_KM if self.energy_wh_per_km else math.inf
