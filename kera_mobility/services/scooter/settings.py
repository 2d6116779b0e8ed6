"""Settings of shared scooters, and of any other vehicle rented by the ride: city bikes are scooters with others."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from kera_mobility.config.calendar import Season, Window
from kera_mobility.config.registry import policy_settings_beside
from kera_mobility.config.settings import Place, Settings
from kera_mobility.services.base import ServiceSettings
from kera_mobility.services.scooter.crew_settings import CrewSettings
from kera_mobility.services.scooter.fares import PassSettings
from kera_mobility.services.scooter.permit import PermitSettings
from kera_mobility.services.scooter.policies.overnight import OvernightPolicy, ResetSettings

METRES_PER_KM = 1000.0

if TYPE_CHECKING:
    OvernightSettings = Any
else:
    OvernightSettings = policy_settings_beside(__name__, OvernightPolicy)


def _iso_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date such as 2025-09-17") from None
    return text


IsoDate = Annotated[str, AfterValidator(_iso_date)]


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


class FleetCosts(Settings):
    """What a fleet costs, emits and breaks; only figures of the result hang on it. Crews have rates of their own."""

    ride_eur: float = Field(0.3, ge=0, le=10)
    """Payment, customer service and insurance of a ride. Assumption; range 0.1 to 0.6."""
    swap_eur: float = Field(4.0, ge=0, le=50)
    """Changing a battery: 12 an hour (scooter.swap_van_rate) at 45 EUR an hour. Assumption; range 2 to 8."""
    kwh_eur: float = Field(0.15, ge=0, le=2)
    """Electricity for charging. Assumption; range 0.08 to 0.25."""
    upkeep_eur: float = Field(0.5, ge=0, le=20)
    """Repairs, storage and the permit of a vehicle for a day. Assumption; range 0.3 to 1.5."""
    vehicle_eur: float = Field(700.0, ge=0, le=20_000)
    """Price of a vehicle with its batteries. Assumption; range 500 to 1000."""
    lifetime_months: float = Field(36.0, gt=0, le=240)
    """How long a vehicle lasts; unverified; range 18 to 60 (scooter.lifetime)."""
    overhead_share: float = Field(0.2, ge=0, le=2)
    """Office, app and marketing as a part of all other costs. Assumption; range 0.1 to 0.5."""
    life_cycle_g_per_vehicle_day: float = Field(160.0, ge=0, le=10_000)
    """CO2 of making, servicing and scrapping a vehicle, by day of its life: the 50 g per km (range 35 to 110,
    unverified, scooter.lca_gco2_per_km.current_gen) of a fleet with 1.6 rides of 2.0 km a day. Assumption: all of it
    is by day, so that vehicles that stand emit too, as the 804 to 1679 g per km of little used ones in Lisbon say."""
    grid_g_per_kwh: float = Field(40.0, ge=0, le=1500)
    """CO2 of electricity by location, Finland in the mid-2020s; unverified; range 25 to 90."""
    hospital_injuries_per_100000_rides: float = Field(9.0, ge=0, le=1000)
    """Injuries treated in a hospital, riders and others, with 20 and 15 km/h limits and a ban on weekend nights; 19
    without them. Source: Vasara et al. 2023, Helsinki (scooter.injury_rate.hospital_restricted), range 8 to 10."""
    treated_injuries_per_million_km: float = Field(5.1, ge=0, le=1000)
    """Injuries that needed medical treatment as operators count them. Source: MMfE 2021 (scooter.injury_rate.industry);
    about a ninth of the hospitals' count, so never mix the two."""


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
    parking: Literal["hubs", "anywhere", "mixed"] = "anywhere"
    """Rides end at a hub with room; or at the destination itself inside the operating area; or, mixed, at a hub near
    one and at the destination elsewhere."""
    hub_zone_m: float = Field(300.0, ge=0, le=50_000)
    """With mixed parking, who goes to a place within this straight distance of a hub must park at one. Assumption."""
    operating_radius_m: float = Field(2500.0, gt=0, le=50_000)
    """Rides begin and end within this straight distance of some hub. Assumption."""
    max_walk_m: float = Field(300.0, gt=0, le=2000)
    """Longest walk to a scooter. Assumption; range 100 to 400 (scooter.max_walk_to_vehicle)."""
    shortest_ride_m: float = Field(200.0, ge=0, le=5000)
    """Nobody unlocks a scooter for less than this. Assumption; range 0 to 500."""
    speed_m_s: float = Field(3.6, gt=0, le=7)
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
    reservation_s: float = Field(1200.0, gt=0, le=7200)
    """How long it is kept. Assumption; range 300 to 1800."""
    battery_wh: float = Field(550.0, gt=0, le=3000)
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
    zones: tuple[str, ...] = ()
    """Files of the area's `zones/` that are obeyed: no riding, riding slowly, no parking, parking at hubs only."""
    rides_in_snow: bool = False
    """Whether it can be rented while heavy snow is announced. Assumption: operators stop."""
    overnight: OvernightSettings = Field(default_factory=ResetSettings)
    """What is done at night: reset (back to the hubs, low batteries swapped), withdraw (away all night) or leave."""
    crews: CrewSettings = Field(default_factory=CrewSettings)
    """Who looks after the fleet by day; nobody by default."""
    costs: FleetCosts = Field(default_factory=FleetCosts)
    """For the figures of the result."""
    permit: PermitSettings | None = None
    """What the city allows, for the figures of the result."""

    def used(self, ride_m: float) -> float:
        """Return the state of charge that a ride takes."""
        return ride_m / METRES_PER_KM * self.energy_wh_per_km / self.battery_wh

    @property
    def range_m(self) -> float:
        """Longest ride on a full battery; inf for what has none."""
        usable_wh = (1.0 - self.reserve_charge) * self.battery_wh
        return usable_wh / self.energy_wh_per_km * METRES_PER_KM if self.energy_wh_per_km else math.inf
