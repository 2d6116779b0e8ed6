"""Settings of the crews of a fleet: vans, shifts, how long work takes, what is moved, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from kera_mobility.config.registry import policy_settings_beside
from kera_mobility.config.settings import ClockTime, Place, Settings
from kera_mobility.services.scooter.policies.crew_routes import NearestTaskFirstSettings, TourPlanner
from kera_mobility.services.scooter.policies.rebalancing import NoMovesSettings, RebalancingPolicy
from kera_mobility.units import HOUR_S

if TYPE_CHECKING:
    RebalancingSettings = Any
    TourSettings = Any
else:
    RebalancingSettings = policy_settings_beside(__name__, RebalancingPolicy)
    TourSettings = policy_settings_beside(__name__, TourPlanner)


class CrewShift(Settings):
    """Working time of a crew; every van is out on every shift."""

    begin_s: ClockTime = Field(ge=0, le=28 * HOUR_S)
    """Seconds from midnight."""
    end_s: ClockTime = Field(ge=0, le=28 * HOUR_S)
    """The van is back at the depot by then, unless something unforeseen happens. Seconds from midnight."""


class CrewSettings(Settings):
    """Settings of the crews of a fleet; with no vans there are none."""

    vans: int = Field(0, ge=0, le=100)
    """How many vans are out on each shift, one crew each."""
    depot: Place | None = None
    """Where shifts begin and end; the first hub if not given."""
    shifts: tuple[CrewShift, ...] = (CrewShift(begin_s=6 * HOUR_S, end_s=14 * HOUR_S),)
    """Working times, one after the other. Assumption: one shift from 6 to 14."""
    places: int = Field(20, ge=1, le=200)
    """Scooters that fit into a van. Assumption; no source was found."""
    batteries: int = Field(40, ge=0, le=500)
    """Charged batteries that a van leaves the depot with. Assumption; no source was found."""
    stop_s: float = Field(90.0, ge=0, le=1800)
    """Parking the van and walking to the scooters, at each stop, s. Assumption."""
    swap_s: float = Field(180.0, ge=0, le=1800)
    """Changing a battery on site, s. Assumption; range 120 to 360 (scooter.swap_time)."""
    lift_s: float = Field(60.0, ge=0, le=1800)
    """Taking a scooter aboard, or putting it out, s. Assumption; with driving and stops it gives about the 12 scooters
    an hour, 8 to 20, of scooter.swap_van_rate, itself an assumption."""
    drive_factor: float = Field(1.25, ge=1, le=5)
    """Driving takes so much longer than free flow. Assumption."""
    swap_below: float = Field(0.2, ge=0, le=1)
    """Batteries below this charge are changed, 0 for none. Assumption; range 0.1 to 0.3 (scooter.swap_threshold)."""
    fetch_broken: bool = True
    """Broken scooters are brought to the depot."""
    rebalancing: RebalancingSettings = Field(default_factory=NoMovesSettings)
    """What is moved by day: none, threshold or forecast."""
    tours: TourSettings = Field(default_factory=NearestTaskFirstSettings)
    """How a tour is planned: nearest or pyvrp."""
    replan_every_s: float = Field(2 * HOUR_S, ge=300, le=24 * HOUR_S)
    """A crew plans a new tour so often, s. Assumption."""
    worth_s: float = Field(900.0, ge=1, le=86_400)
    """Van time that is spent on one scooter at most, s: what takes longer is left undone. Assumption."""
    eur_per_h: float = Field(45.0, ge=0, le=200)
    """A van with its crew, per hour of a shift. Assumption, from a minibus with driver at 45 to 70, itself unverified
    (drt.cost_per_vehicle_hour.minibus); a bus costs 50.79 (bus.cost_per_hour)."""
    eur_per_km: float = Field(0.1414, ge=0, le=2)
    """Driving a van. Assumption: as a car, HSL HELMET 5 (car.cost)."""
    co2_g_per_km: float = Field(202.0, ge=0, le=1000)
    """Exhaust of a van. Assumption: as a car in town, HSL CBA workbook by LIPASTO (co2.car_vkm_lipasto_urban)."""

    @model_validator(mode="after")
    def _one_after_the_other(self) -> CrewSettings:
        times = [moment for shift in self.shifts for moment in (shift.begin_s, shift.end_s)]
        if times != sorted(times):
            raise ValueError(f"expected shifts that end after they begin, one after the other; got {times} s")
        return self
