"""Settings of how a shuttle is run; each part is off unless it is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kera_mobility.config.settings import ClockTime, Place, Settings, TimeOfDay
from kera_mobility.services.shuttle.costs import ShuttleCosts, hour_eur
from kera_mobility.services.stops.operation import ServiceDate, TimetabledSettings
from kera_mobility.units import HOUR_S


class Headway(Settings):
    """A lap begins every `headway_s`, from `first_s` to `last_s`."""

    kind: Literal["headway"] = "headway"


def _check_hours(first_s: float, last_s: float) -> None:
    if last_s < first_s:
        raise ValueError(f"last_s: got {last_s:.0f}, expected at least first_s {first_s:.0f}")


class HeadwayPeriod(Settings):
    """A part of the day with a headway of its own."""

    first_s: TimeOfDay
    """First departure from the terminal, seconds from midnight."""
    last_s: TimeOfDay
    """No departure from the terminal after this, seconds from midnight."""
    headway_s: float = Field(ge=60, le=7200)
    """Between departures, s."""

    @model_validator(mode="after")
    def _in_order(self) -> HeadwayPeriod:
        _check_hours(self.first_s, self.last_s)
        return self


class ByTimetable(Settings):
    """Laps leave the terminal at published times."""

    kind: Literal["timetable"] = "timetable"
    departures_s: tuple[TimeOfDay, ...] = ()
    """Departures from the terminal, seconds from midnight."""
    periods: tuple[HeadwayPeriod, ...] = ()
    """Periods of regular departures; they and the list are laid together."""

    @model_validator(mode="after")
    def _some(self) -> ByTimetable:
        if not self.departures_s and not self.periods:
            raise ValueError("departures_s: got none, expected at least one departure or period")
        return self


class MeetsTrain(Settings):
    """A lap leaves the terminal when a train's passengers have walked over; it waits for a late train, up to a limit.

    Whether trains wait for the shuttle is a setting of theirs (`delays.connection_hold_s`). Of trains less than
    `headway_s` apart the first is met, and only those that a vehicle is free for.
    """

    kind: Literal["meets_train"] = "meets_train"
    timetable: str = Field(min_length=1)
    """Name of the trains' timetable in the area, such as today or urban_rail."""
    date: ServiceDate | None = None
    """Service date of its feed, as of the service of the trains."""
    service: str = "rail"
    """Name of the service whose notices of late trains are heard."""
    lines: tuple[str, ...] = ()
    """Names of the lines to meet; all trains if empty."""
    near_m: float = Field(400.0, ge=1, le=2000)
    """Longest walk from a platform to the terminal, m. Assumption."""
    alight_s: float = Field(60.0, ge=0, le=600)
    """From a train's arrival to its passengers having left the platform, s. Assumption."""
    hold_most_s: float = Field(180.0, ge=0, le=1800)
    """Longest wait for a late train after the planned departure, s; 0 never waits. Assumption; range 0 to 300."""


Operation = Annotated[Headway | ByTimetable | MeetsTrain, Field(discriminator="kind")]


class DwellByBoardings(Settings):
    """A stop takes as long as people need; nobody leaves before the timetable. `dwell_s` is then the planned dwell."""

    stop_s: float = Field(20.0, ge=0, le=300)
    """Braking, doors, starting, where anybody boards or alights, s; unverified; range 10 to 40 (drt.boarding_time)."""
    person_s: float = Field(3.0, ge=0, le=60)
    """For each person who boards or alights, s; unverified (drt.boarding_time)."""


class WheelchairPlace(Settings):
    """Who uses a wheelchair needs a place for it, and the ramp."""

    share: float = Field(0.005, ge=0, le=1)
    """Share of people who use one outdoors. Assumption; no local figure was found; range 0.002 to 0.01."""
    places: int = Field(1, ge=0, le=10)
    """Places for wheelchairs in a vehicle; each is one of its seats. Assumption."""
    ramp_s: float = Field(60.0, ge=0, le=600)
    """Ramp out and in, each time, s. Assumption; range 30 to 120."""


class Battery(Settings):
    """Vehicles charge while they rest at the terminal, and make a lap only if they will come back from it."""

    battery_kwh: float = Field(30.0, ge=0.1, le=500)
    """Usable energy of a full battery, kWh. Assumption; range 20 to 60."""
    energy_kwh_per_km: float = Field(0.35, ge=0.01, le=5)
    """Driving, heating and computers, kWh/km; unverified; range 0.25 to 0.6 (eminibus.energy)."""
    charge_kw: float = Field(11.0, ge=0, le=500)
    """Power at the terminal for each vehicle, kW. Assumption; range 7 to 50."""
    reserve_charge: float = Field(0.15, ge=0, le=0.9)
    """State of charge that no lap may go below. Assumption."""


class Breakdowns(Settings):
    """A vehicle fails on the way, its riders are set down at the next stop, and it is out until it is replaced."""

    per_1000_km: float = Field(1.0, ge=0, le=1000)
    """Failures that end a lap, by 1,000 km. Assumption; no published figure was found; range 0.2 to 5."""
    repair_s: float = Field(7200.0, ge=0, le=86_400)
    """Until the vehicle stands at the terminal again, s. Assumption."""
    spares: int = Field(0, ge=0, le=20)
    """Vehicles beyond `vehicles` that stand by, charged."""
    spare_s: float = Field(900.0, ge=0, le=86_400)
    """Until a spare vehicle stands at the terminal, s. Assumption."""


class OnDuty(Settings):
    """The hours of one vehicle and its crew."""

    first_s: TimeOfDay
    """From, seconds from midnight."""
    last_s: TimeOfDay
    """To, seconds from midnight; the last lap is over by then."""

    @model_validator(mode="after")
    def _in_order(self) -> OnDuty:
        _check_hours(self.first_s, self.last_s)
        return self


Crew = Literal["driver", "safety_operator", "remote"]


class ShuttleSettings(TimetabledSettings):
    """Settings of a shuttle loop."""

    kind: Literal["shuttle"] = "shuttle"
    stops: tuple[Place, ...] = Field(min_length=2)
    """The loop in driving order; after the last stop comes the first, which is the terminal."""
    vehicles: int = Field(ge=1, le=100)
    """How many are on the loop."""
    operation: Operation = Field(default_factory=Headway)
    """When laps begin: by a headway, by a timetable, or when a train has come."""
    headway_s: float = Field(600.0, ge=60, le=7200)
    """Between departures at a stop, s; the least where trains are met. Assumption."""
    speed_m_s: float = Field(2.8, ge=0.5, le=14)
    """Mean speed between stops, 10 km/h as Finnish robot-bus pilots; range 2.5 to 5 (robotbus.speed_average_*)."""
    dwell_s: float = Field(25.0, ge=0, le=300)
    """Planned at each stop, s. Assumption (drt.boarding_time, unverified)."""
    seats: int = Field(9, ge=1, le=100)
    """Places of one vehicle. Source: EZ10 pilot (robotbus.capacity.shuttle); range 6 to 16."""
    first_s: ClockTime = Field(6 * HOUR_S, ge=0, le=86_400)
    """First departure, seconds from midnight. Assumption."""
    last_s: ClockTime = Field(22 * HOUR_S, ge=0, le=108_000)
    """No new loop begins after this, seconds from midnight. Assumption."""
    max_walk_m: float = Field(600.0, ge=1, le=3000)
    """Longest walk to or from a stop that people consider. Assumption."""
    fare_eur: float = Field(0.0, ge=0, le=20)
    """Per ride. Assumption: a trial is free."""
    season_ticket_rides_free: bool = False
    """Holders of a season ticket of public transport pay no `fare_eur`."""
    boarding_penalty_min: float = Field(3.0, ge=0, le=20)
    """Felt minutes for boarding, as for a bus. Source: HELMET 5 (pt.boarding_penalty.bus)."""
    reserved_seats: bool = True
    """Seats are reserved when leaving, on the first vehicle with room; if not, people queue at the stop. Assumption."""
    patience: int = Field(1, ge=0, le=10)
    """How many full vehicles a rider lets pass before giving up. Assumption."""
    dwell: DwellByBoardings | None = None
    """Stops take as long as people need; none: always `dwell_s`."""
    wheelchair: WheelchairPlace | None = None
    """Who uses a wheelchair needs the place for it; none: nobody does."""
    battery: Battery | None = None
    """Range and charging; none: no vehicle runs out."""
    energy_factor: float = Field(1.0, ge=0.1, le=5)
    """Times the consumption of the battery, for weather. Assumption; frost 1.3 to 2."""
    breakdowns: Breakdowns | None = None
    """Failures on the way; none: there are none."""
    duties: tuple[OnDuty, ...] = ()
    """Hours of the first, second, ... vehicle and its crew; those without an entry are always on duty."""
    crew: Crew = "driver"
    """Who runs a vehicle: a driver, a safety operator aboard a robot vehicle, or somebody who watches from afar."""
    stops_in_snow: bool = False
    """Cannot run in heavy snow, as robot vehicles."""
    costs: ShuttleCosts = ShuttleCosts()
    """Operating cost; rides and choices do not depend on it."""

    @model_validator(mode="after")
    def _in_order(self) -> ShuttleSettings:
        _check_hours(self.first_s, self.last_s)
        if self.wheelchair and self.wheelchair.places > self.seats:
            raise ValueError(f"wheelchair.places: got {self.wheelchair.places}, expected at most seats, {self.seats}")
        return self

    @property
    def as_planned(self) -> bool:
        """Whether nothing but notices makes a day differ from the headway's timetable."""
        parts = (self.dwell, self.wheelchair, self.battery, self.breakdowns)
        return self.operation.kind == "headway" and not self.duties and all(part is None for part in parts)

    @property
    def vehicle_hour_eur(self) -> float:
        """What an hour of a vehicle with its crew costs, EUR."""
        return hour_eur(self.costs.model_dump(), self.crew)

    @property
    def fleet(self) -> int:
        """All vehicles, those that stand by too."""
        return self.vehicles + (self.breakdowns.spares if self.breakdowns else 0)
