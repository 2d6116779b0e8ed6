"""Settings of rides on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from kera_mobility.config.registry import policy_settings_beside
from kera_mobility.config.settings import ClockTime, Place, Settings
from kera_mobility.services.base import ServiceSettings
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy, InsertionSettings
from kera_mobility.services.on_demand.policies.repositioning import RepositioningPolicy, StaySettings
from kera_mobility.units import HOUR_S

if TYPE_CHECKING:
    AnyDispatch = Any
    AnyRepositioning = Any
else:
    AnyDispatch = policy_settings_beside(__name__, DispatchPolicy)
    AnyRepositioning = policy_settings_beside(__name__, RepositioningPolicy)


class VehicleShift(Settings):
    """Hours of a vehicle and its driver."""

    start_s: ClockTime = Field(6 * HOUR_S, ge=0, le=100_800)
    """The vehicle leaves its depot from then on, seconds from midnight. Assumption."""
    end_s: ClockTime = Field(22 * HOUR_S, ge=0, le=100_800)
    """The vehicle is back by then, seconds from midnight. Assumption."""

    @model_validator(mode="after")
    def _in_order(self) -> VehicleShift:
        if self.end_s <= self.start_s:
            raise ValueError(f"got end_s {self.end_s:.0f}, expected more than start_s {self.start_s:.0f}")
        return self


class OnDemandSettings(ServiceSettings):
    """Settings of rides on demand."""

    kind: Literal["on_demand"] = "on_demand"
    vehicles: int = Field(ge=1, le=2000)
    """How many there are; a larger fleet holds the smaller one."""
    depots: tuple[Place, ...] = Field(min_length=1)
    """Where vehicles begin and end their shifts, in turn."""
    centres: tuple[Place, ...] = ()
    """Centres of the operating area; the depots where none are given."""
    operating_radius_m: float = Field(2500.0, ge=1, le=50_000)
    """Rides begin and end within this straight distance of some centre. Assumption."""
    shifts: tuple[VehicleShift, ...] = Field((VehicleShift(),), min_length=1)
    """Taken by the vehicles in turn."""
    seats: int = Field(8, ge=1, le=60)
    """Places of a vehicle. Assumption: a minibus; Kutsuplus had 9 (drt.kutsuplus.fleet)."""
    stop_spacing_m: float = Field(150.0, ge=0, le=2000)
    """Straight distance that virtual stops keep from each other. Assumption."""
    stops_tried: int = Field(1, ge=1, le=5)
    """How many of the nearest stops are tried at each end, the shortest walk first. Assumption."""
    max_walk_m: float = Field(300.0, ge=1, le=2000)
    """Longest walk to or from a virtual stop. Assumption."""
    driving_factor: float = Field(1.35, ge=1, le=4)
    """Driving time over free flow, all day; between that of cars at midday and in the rush. Assumption."""
    stop_s: float = Field(20.0, ge=0, le=300)
    """What a stop costs besides, s, counted on leaving the one before. Unverified; range 10 to 40
    (drt.boarding_time)."""
    person_s: float = Field(3.0, ge=0, le=60)
    """For each person who boards or alights, s. Unverified (drt.boarding_time)."""
    max_wait_s: float = Field(600.0, ge=1, le=7200)
    """Promised: picked up at most this long after being at the stop. Assumption; range 480 to 900
    (drt.service.max_wait)."""
    detour_factor: float = Field(1.6, ge=1, le=5)
    """Promised: there by the latest pick-up and this much of the straight ride. Unverified; range 1.4 to 2
    (drt.service.max_detour_factor)."""
    hold_s: float = Field(180.0, ge=0, le=1800)
    """How long a vehicle waits for somebody who is late, if that breaks no other promise. Assumption."""
    ahead_s: float = Field(0.0, ge=0, le=14_400)
    """People who know their trip book this long before they set out; 0: nobody books ahead. Assumption."""
    from_line: bool = True
    """Who comes by a line books at the platform, for when boards say that it arrives; if not, on arrival."""
    fare_eur: float = Field(3.0, ge=0, le=50)
    """Per ride. Assumption."""
    fare_eur_per_km: float = Field(0.0, ge=0, le=10)
    """Per kilometre straight to the stop. Assumption."""
    boarding_penalty_min: float = Field(3.0, ge=0, le=20)
    """Felt minutes for boarding, as for a bus. Source: HELMET 5 (pt.boarding_penalty.bus)."""
    registered: float = Field(1.0, ge=0, le=1)
    """Part of the people who have the app; a larger share holds the smaller one. Assumption."""
    min_age: int = Field(7, ge=0, le=99)
    """Youngest who rides alone, years. Assumption."""
    expected_wait: float = Field(0.5, ge=0, le=1)
    """Part of the longest wait that people expect before they know better. Assumption."""
    dispatch: AnyDispatch = Field(default_factory=InsertionSettings)
    """Which vehicle serves whom: insertion, batch or nearest."""
    repositioning: AnyRepositioning = Field(default_factory=StaySettings)
    """Where idle vehicles wait: stay or expected."""
    breakdowns_per_1000_h: float = Field(0.0, ge=0, le=1000)
    """Breakdowns in 1,000 vehicle-hours; 0 turns them off. Assumption."""
    drives_in_snow: bool = True
    """Goes on in heavy snow; if not, promises not begun are called off. Assumption: a driver drives."""
    cost_eur_per_vehicle_hour: float = Field(55.0, ge=0, le=500)
    """Driver and vehicle, EUR. Unverified; range 45 to 70 (drt.cost_per_vehicle_hour.minibus)."""
    cost_eur_per_km: float = Field(0.0, ge=0, le=10)
    """Besides, for each kilometre. Assumption: it is part of the hour; a bus has 0.74 (bus.cost.per_km)."""

    @property
    def vehicle_hour_eur(self) -> float:
        """What an hour of a vehicle with its driver costs, EUR."""
        return self.cost_eur_per_vehicle_hour
