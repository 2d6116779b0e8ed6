"""What an operator of shared vehicles could change so that a request is served."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.services.reasons import BROKEN, EXPIRED, LOW_BATTERY, NO_VEHICLE, OUT_OF_REACH, OUTSIDE_AREA, SNOW
from kera_mobility.services.remedy_rules import COSTS, Change, against, grown, larger_area, longer_walk
from kera_mobility.services.scooter.reasons import LOST_RACE, NO_PARKING, TOO_SHORT
from kera_mobility.services.scooter.settings import ScooterSettings

KIND = "scooter"
RESERVE_SHARE = 0.1
"""What batteries that are ridden empty cost, as a part of the day cost of the fleet. Assumption."""
BATTERY_SHARE = 0.3
"""What larger batteries cost, as a part of the day cost of the fleet. Assumption."""
FREE_PARKING_EUR = 0.1
"""What it costs a day to look after a vehicle that may be parked anywhere, EUR. Assumption."""


def _fleet_eur(settings: ScooterSettings) -> float:
    """Return the cost of the whole fleet on a day."""
    return settings.vehicle_day_eur * settings.fleet


@against(NO_VEHICLE, LOW_BATTERY, LOST_RACE, BROKEN)
def larger_fleet(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield more vehicles."""
    for fleet in grown(settings.fleet, 0.1, 0.25, 1.0):
        cost_eur = (fleet - settings.fleet) * settings.vehicle_day_eur
        yield Change(f"{fleet} vehicles instead of {settings.fleet}", {"fleet": fleet}, cost_eur)


@against(NO_VEHICLE, LOW_BATTERY, LOST_RACE, BROKEN, NO_PARKING, OUT_OF_REACH)
def walking_farther(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield longer walks."""
    yield from longer_walk(settings.max_walk_m)


@against(LOW_BATTERY)
def no_reserve(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield batteries that may be ridden empty."""
    if settings.reserve_charge:
        words = f"batteries may be ridden empty instead of down to {settings.reserve_charge:g}"
        yield Change(words, {"reserve_charge": 0.0}, RESERVE_SHARE * _fleet_eur(settings))


@against(LOW_BATTERY)
def larger_batteries(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield batteries of more energy."""
    for battery_wh in (1.5 * settings.battery_wh, 2.0 * settings.battery_wh):
        words = f"batteries of {battery_wh:g} Wh instead of {settings.battery_wh:g}"
        yield Change(words, {"battery_wh": battery_wh}, BATTERY_SHARE * _fleet_eur(settings))


@against(NO_PARKING)
def parking_anywhere(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield parking without hubs."""
    if settings.parking != "anywhere":
        words = f"parking anywhere instead of at {settings.parking} only"
        yield Change(words, {"parking": "anywhere"}, FREE_PARKING_EUR * settings.fleet)


@against(NO_PARKING)
def more_spaces(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield more marked spaces at every hub."""
    for spaces in (1, 5, 20):
        hubs = [{**hub.model_dump(mode="json"), "capacity": hub.capacity + spaces} for hub in settings.hubs]
        words = f"{spaces} more space{'s' if spaces > 1 else ''} at every hub"
        yield Change(words, {"hubs": hubs}, spaces * len(hubs) * COSTS.space_eur)


@against(OUTSIDE_AREA)
def larger_operating_area(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield larger operating areas."""
    yield from larger_area(settings.operating_radius_m)


@against(EXPIRED)
def longer_reservations(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield reservations of twice the time."""
    words = f"reservations last {2 * settings.reservation_s:g} s instead of {settings.reservation_s:g}"
    yield Change(words, {"reservation_s": 2 * settings.reservation_s}, COSTS.comfort_eur)


@against(LOST_RACE)
def reservations(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield reservations where there are none."""
    if not settings.reservation:
        yield Change("vehicles can be reserved", {"reservation": True}, COSTS.comfort_eur)


@against(BROKEN)
def no_breakdowns(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield vehicles that never break down."""
    if settings.broken_chance:
        yield Change("none breaks down", {"broken_chance": 0.0}, _fleet_eur(settings))


@against(TOO_SHORT)
def short_rides(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield rides of any length."""
    if settings.shortest_ride_m:
        yield Change("short rides are allowed", {"shortest_ride_m": 0.0}, COSTS.comfort_eur)


@against(SNOW)
def rides_in_snow(settings: ScooterSettings, t_s: float) -> Iterator[Change]:
    """Yield operation in snow."""
    if not settings.rides_in_snow:
        yield Change("it runs in snow", {"rides_in_snow": True}, COSTS.comfort_eur)
