"""Settings of the timetabled lines: what runs, what it costs riders, and what of a day may differ from the plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from kera_mobility.config.settings import Settings
from kera_mobility.services.stops.operation import ServiceDate, TimetabledSettings
from kera_mobility.services.transit.costs import LineCosts
from kera_mobility.services.transit.crowding import BackgroundSettings, CrowdingSettings
from kera_mobility.services.transit.delays import DelaySettings
from kera_mobility.town.population.households import EVERYONE_ALIKE, ByAge
from kera_mobility.town.timetable.route_types import kind_of_basic


class RollingStock(Settings):
    """What a kind of line runs with."""

    places: int = Field(ge=1, le=2000)
    """Seats and standing room of one vehicle."""
    boarding_penalty_min: float = Field(ge=0, le=20)
    """Felt minutes for each boarding. Source: HELMET 5 assignment (pt.boarding_penalty)."""
    seats: int | None = Field(None, ge=1, le=2000)
    """Seats among the places; all of them if not given."""
    doors: int = Field(1, ge=1, le=60)
    """Pairs of doors on a side."""
    least_dwell_s: float = Field(20.0, ge=0, le=300)
    """A late vehicle stays at a stop at least this long, where stops are lengthened by riders. Assumption."""

    @model_validator(mode="after")
    def _seats_are_places(self) -> RollingStock:
        if self.seats is not None and self.seats > self.places:
            raise ValueError(f"seats: got {self.seats}, expected at most places, {self.places}")
        return self

    @property
    def seated(self) -> int:
        """Seats of one vehicle."""
        return self.places if self.seats is None else self.seats


class SeasonTicketSettings(Settings):
    """What a month of rides costs its holders beforehand, so that a ride costs nothing more."""

    month_eur: float = Field(0.0, ge=0, le=500)
    """Price of 30 days for who pays all of it; 0: holders pay `fare_season_eur` ride by ride instead. HSL: 62.70 in
    zones AB in 2021 (34.50 with 45 % less from 70 on: Daily Finland, 28.10.2020)."""
    by_age: ByAge = EVERYONE_ALIKE
    """Part of the price that people pay, by age. HSL: 0.5 up to 17 years (hsl.fi), 0.55 from 70 (2021)."""


class TransitSettings(TimetabledSettings):
    """Settings of the timetabled lines."""

    kind: Literal["transit"] = "transit"
    timetable: str = Field(min_length=1)
    """Name of a timetable of the area, such as today or urban_rail."""
    date: ServiceDate | None = None
    """Service date of its feed; a typical weekday if not given."""
    train: RollingStock = RollingStock(places=583, boarding_penalty_min=2.0, seats=238, doors=6, least_dwell_s=30.0)
    """One Sm5 unit, seats and standing (sm5.capacity_total), 204 seats and 34 that fold (sm5.seats_*), doors
    (sm5.door_pairs_per_side), dwell (sm5.dwell_min, unverified)."""
    metro: RollingStock = RollingStock(places=583, boarding_penalty_min=0.0, seats=238, doors=6, least_dwell_s=30.0)
    """A metro train, as a train but for the penalty. Places, seats, doors and dwell: assumption."""
    tram: RollingStock = RollingStock(places=200, boarding_penalty_min=0.0, seats=80, doors=6)
    """A light-rail car. Places, seats and doors: assumption."""
    bus: RollingStock = RollingStock(places=80, boarding_penalty_min=3.0, seats=40, doors=3, least_dwell_s=10.0)
    """A 12 m bus. Places, seats, doors and dwell: assumption."""
    ferry: RollingStock = RollingStock(places=300, boarding_penalty_min=3.0, seats=200, doors=1, least_dwell_s=60.0)
    """A harbour ferry. All: assumption."""
    cable: RollingStock = RollingStock(places=40, boarding_penalty_min=0.0, seats=20, doors=2)
    """A car of a funicular or an aerial lift. All: assumption."""
    transfer_penalty_min: float = Field(3.0, ge=0, le=20)
    """Felt minutes for each transfer. Source: HELMET 5, work trips (pt.transfer_penalty.work)."""
    fare_single_eur: float = Field(3.2, ge=0, le=20)
    """Single ticket, zones AB or BC. Unverified (from memory); range 2.8 to 4.5."""
    fare_season_eur: float = Field(1.2, ge=0, le=20)
    """Monthly ticket over 60 trips, as HELMET 5 divides it; the price of the ticket is unverified. At the margin it is
    0, with the price in `season`."""
    season: SeasonTicketSettings = SeasonTicketSettings()
    """Season tickets paid by the month. Off: constants were fitted with their price divided over rides."""
    circuity: float = Field(1.1, ge=1, le=2)
    """Length of the line between stops over the straight line. Assumption."""
    delays: DelaySettings = DelaySettings()
    """Late and cancelled runs. Off by default: constants were fitted with runs on time."""
    background: BackgroundSettings = BackgroundSettings()
    """People aboard who are not of the model."""
    crowding: CrowdingSettings = CrowdingSettings()
    """Whether a full vehicle is felt."""
    costs: LineCosts = LineCosts()
    """Operating cost by kind of line."""

    @model_validator(mode="after")
    def _a_season_ticket_is_paid_once(self) -> TransitSettings:
        if self.season.month_eur and self.fare_season_eur:
            raise ValueError(
                f"fare_season_eur: got {self.fare_season_eur:g}, expected 0, since season.month_eur is paid beforehand"
            )
        return self

    def rolling_stock(self, route_type: int) -> RollingStock:
        """Return what runs on a line by its basic GTFS route type, see `route_types.KIND_TYPES`."""
        stock: RollingStock = getattr(self, kind_of_basic(route_type))
        return stock
