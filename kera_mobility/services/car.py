"""The household's car: driven by its main driver or, if shared, by others too, or ridden in as a passenger."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from kera_mobility.config.settings import Place, Settings, TimeOfDay, in_order
from kera_mobility.services.base import Service, ServiceSettings
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Refusal, Requests
from kera_mobility.services.parking_charges import ParkingCharge, ParkingCharges
from kera_mobility.services.reasons import OUT_OF_REACH
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_one_s, round_s


class CongestedPeriod(Settings):
    """A part of the day in which car traffic is slower than free flow."""

    start_s: TimeOfDay
    """Seconds from midnight."""
    end_s: TimeOfDay
    """Seconds from midnight."""
    factor: float = Field(ge=1, le=4)
    """Car time over free-flow time."""

    @model_validator(mode="after")
    def _in_order(self) -> CongestedPeriod:
        in_order(self, "start_s", "end_s")
        return self


_PEAKS = (
    CongestedPeriod(start_s=7 * 3600, end_s=9 * 3600, factor=1.5),
    CongestedPeriod(start_s=15 * 3600, end_s=17.5 * 3600, factor=1.5),
)


class CarSettings(ServiceSettings):
    """Settings of driving."""

    kind: Literal["car"] = "car"
    access_s: float = Field(180.0, ge=0, le=1800)
    """Walk to and from the car and the search for a space, both ends together. Assumption."""
    cost_eur_per_km: float = Field(0.1414, ge=0, le=2)
    """Marginal cost of driving, 2023 prices. Source: HELMET 5 (car.cost)."""
    factor: float = Field(1.25, ge=1, le=4)
    """Car time over free flow outside the rush: lights and turns. Assumption; car volume does not feed back."""
    park_and_ride: tuple[Place, ...] = ()
    """Car parks at stops: only at stops near one of them may a car be left."""
    park_and_ride_walk_m: float = Field(400.0, ge=0, le=2000)
    """How near to a stop such a car park must be. Assumption."""
    parking: tuple[ParkingCharge, ...] = ()
    """What a stay away from home costs by place and hour, not at `park_and_ride`; nothing where none is given."""
    periods: tuple[CongestedPeriod, ...] = _PEAKS
    """Slower parts of the day. Assumption; MetropAccess 2015: to Helsinki 39 min in the rush, 34 at midday."""


class Car(Service):
    """Drivers of the household go along the fastest way."""

    kind = "car"
    settings_type: ClassVar[type[ServiceSettings]] = CarSettings
    mode = "car"
    nest = "car"
    time_class = "car"
    access_mode = True
    private = True
    deterministic = True
    street_mode = "drive"

    settings: CarSettings

    def __init__(self, name: str, settings: CarSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        self._periods = [(period.start_s, period.end_s, period.factor) for period in settings.periods]
        self.of_household = self.private and town.shared_cars
        self._parking = ParkingCharges(settings.parking, town)

    def members(self) -> BoolArray:
        """Return who may drive a car of the household, (P,)."""
        return self.town.drivers

    def expect(self, requests: Requests) -> Offers:
        """Return the drives; access and parking count as walking."""
        skims = self.skims
        free_s = skims.between(skims.drive_s, requests.origin, requests.destination)
        ride_m = skims.between(skims.drive_m, requests.origin, requests.destination)
        reachable = np.isfinite(free_s)
        ride_s = round_s(free_s * self._factor(requests.depart_s))
        fare_eur = np.where(reachable, ride_m, 0.0) / 1000.0 * self.settings.cost_eur_per_km
        if self._parking and requests.leave_s is not None:
            stay = requests.person, requests.destination, requests.depart_s, ride_s, requests.leave_s
            fare_eur = fare_eur + self._stays_eur(*stay)
        return Offers.of(
            len(requests),
            walk_s=np.where(reachable, self.settings.access_s, np.inf),
            ride_s=ride_s,
            fare_eur=fare_eur,
            ride_m=np.where(reachable, ride_m, 0.0),
        )

    def feeds_stop(self, stops: IntArray) -> BoolArray:
        """Return which stops have a car park, (S,)."""
        car_parks, _ = self.town.snap(self.settings.park_and_ride)
        walk_m = self.town.skims.walk_m[np.ix_(car_parks, stops)]
        near: BoolArray = np.any(walk_m <= self.settings.park_and_ride_walk_m, axis=0)
        return near

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return driving and parking times, (T,)."""
        skims = self.skims
        free_s = skims.between(skims.drive_s, origins, destinations)
        return round_s(free_s * self.settings.factor) + self.settings.access_s

    def faults(self) -> list[tuple[str, str]]:
        """Return car parks outside the map, and charges that hold nowhere or twice."""
        _, distance_m = self.town.snap(self.settings.park_and_ride)
        return [
            (f"park_and_ride.{index}", f"{metres:.0f} m from the nearest street, expected at most {SNAP_LIMIT_M:.0f} m")
            for index, metres in enumerate(distance_m.tolist())
            if metres > SNAP_LIMIT_M
        ] + self._parking.faults()

    def about(self) -> dict[str, Any]:
        """Return what tells parking from driving in what is paid, where parking costs anything."""
        return {"driving_eur_per_km": self.settings.cost_eur_per_km} if self._parking else {}

    def stay_eur(self, booking: Booking) -> float:
        """Return what is paid for parking after a drive."""
        return self._stay_eur(booking.leg, booking.made_s, booking.offer.ride_s)

    def _factor(self, depart_s: FloatArray) -> FloatArray:
        factor = np.full(len(depart_s), self.settings.factor)
        for start_s, end_s, slower in self._periods:
            factor[(depart_s >= start_s) & (depart_s < end_s)] = slower
        return factor

    def _stays_eur(
        self, person: IntArray, place: IntArray, depart_s: FloatArray, ride_s: FloatArray, leave_s: FloatArray
    ) -> FloatArray:
        """Return what is paid for parking after drives, (T,).

        The car stands from half of `access_s` before the person is there until as long after they leave again, which
        is when they mean to, or at once where they come later than that.
        """
        half_s = self.settings.access_s / 2.0
        parked_s = depart_s + half_s + ride_s
        return self._parking.eur(person, place, parked_s, np.maximum(leave_s, parked_s + half_s) + half_s)

    def _stay_eur(self, leg: Leg, depart_s: float, ride_s: float) -> float:
        if not self._parking:
            return 0.0
        moments = (np.array([moment_s]) for moment_s in (depart_s, ride_s, leg.leave_s))
        return float(self._stays_eur(np.array([leg.row]), np.array([leg.destination]), *moments)[0])

    def _firm(self, leg: Leg) -> Offer | Refusal:
        free_s = float(self.skims.drive_s[leg.origin, leg.destination])
        if free_s == math.inf:
            return Refusal(OUT_OF_REACH, leg.origin)
        ride_m = float(self.skims.drive_m[leg.origin, leg.destination])
        factor, now_s = self.settings.factor, self.world.env.now
        for start_s, end_s, slower in self._periods:
            if start_s <= now_s < end_s:
                factor = slower
        ride_s = round_one_s(free_s * factor)
        fare_eur = ride_m / 1000.0 * self.settings.cost_eur_per_km + self._stay_eur(leg, now_s, ride_s)
        return Offer(self.settings.access_s, 0.0, ride_s, fare_eur, ride_m)


class PassengerSettings(CarSettings):
    """Settings of being driven by someone of the household, or by friends."""

    kind: Literal["car_passenger"] = "car_passenger"  # type: ignore[assignment]
    cost_eur_per_km: float = Field(0.0, ge=0, le=2)
    """Nothing for the passenger: the driver pays. Assumption."""
    parking: tuple[()] = ()
    """None: who gives a lift drives on."""
    lifts_share: float = Field(0.0, ge=0, le=1)
    """Share of the households without a car that others drive when they ask: friends, relatives. Assumption."""


class CarPassenger(Car):
    """People are driven by someone of the household or by friends; the driver's trip is not simulated (assumption)."""

    kind = "car_passenger"
    settings_type = PassengerSettings
    private = False
    pre_arranged = True

    settings: PassengerSettings

    def members(self) -> BoolArray:
        """Return who lives in a household with a car, or knows somebody who has one, (P,)."""
        people = self.town.people
        lifted: BoolArray = self.town.dice.uniform("lift", self.name, people.household) < self.settings.lifts_share
        return (people.household_cars > 0) | lifted

    def feeds_stop(self, stops: IntArray) -> BoolArray:
        """Return every stop, (S,): people are dropped off and picked up at any."""
        return np.ones(len(stops), dtype=np.bool_)
