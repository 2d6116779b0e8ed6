"""What an operator of a shuttle could change so that a request is served."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.services.reasons import (
    BROKEN,
    EXPIRED,
    FULL,
    LOW_BATTERY,
    NO_DEPARTURE,
    NO_VEHICLE,
    OUT_OF_REACH,
    OUTSIDE_HOURS,
    SNOW,
)
from kera_mobility.services.remedy_rules import COSTS, Change, against, grown, longer_walk
from kera_mobility.services.shuttle.reasons import NO_WHEELCHAIR_PLACE
from kera_mobility.services.shuttle.settings import ShuttleSettings
from kera_mobility.units import HOUR_S, MINUTE_S

KIND = "shuttle"


def _vehicle_eur(settings: ShuttleSettings) -> float:
    """Return the cost of one more vehicle from the first to the last departure of a day."""
    return (settings.last_s - settings.first_s) / HOUR_S * settings.vehicle_hour_eur


@against(FULL)
def more_seats(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield larger vehicles."""
    for seats in grown(settings.seats, 0.25, 1.0):
        cost_eur = (seats - settings.seats) * settings.vehicles * COSTS.seat_eur
        yield Change(f"{seats} seats in a vehicle instead of {settings.seats}", {"seats": seats}, cost_eur)


@against(FULL, NO_DEPARTURE, NO_WHEELCHAIR_PLACE)
def shorter_headway(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield half the headway with twice the vehicles."""
    headway_s, vehicles = settings.headway_s / 2, 2 * settings.vehicles
    words = f"every {headway_s / MINUTE_S:g} min instead of {settings.headway_s / MINUTE_S:g}, with {vehicles} vehicles"
    changed = {"headway_s": headway_s, "vehicles": vehicles}
    yield Change(words, changed, settings.vehicles * _vehicle_eur(settings))


@against(NO_WHEELCHAIR_PLACE, EXPIRED, BROKEN, NO_VEHICLE, LOW_BATTERY)
def more_vehicles(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield more vehicles."""
    for vehicles in grown(settings.vehicles, 0.25, 1.0):
        cost_eur = (vehicles - settings.vehicles) * _vehicle_eur(settings)
        yield Change(f"{vehicles} vehicles instead of {settings.vehicles}", {"vehicles": vehicles}, cost_eur)


@against(NO_WHEELCHAIR_PLACE)
def more_wheelchair_places(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield one more place for wheelchairs in each vehicle."""
    if settings.wheelchair:
        places = settings.wheelchair.places
        words = f"{places + 1} places for wheelchairs instead of {places}"
        yield Change(words, {"wheelchair.places": places + 1}, settings.vehicles * COSTS.seat_eur)


@against(NO_DEPARTURE, OUTSIDE_HOURS)
def longer_hours(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield an hour and three more of service in the morning or in the evening, whichever is nearer."""
    is_early = abs(t_s - settings.first_s) < abs(t_s - settings.last_s)
    for hours in (1, 3):
        cost_eur = hours * settings.vehicles * settings.vehicle_hour_eur
        if is_early:
            first_s = max(settings.first_s - hours * HOUR_S, 0.0)
            yield Change(f"service begins {hours} h earlier", {"first_s": first_s}, cost_eur)
        else:
            yield Change(f"service ends {hours} h later", {"last_s": settings.last_s + hours * HOUR_S}, cost_eur)


@against(OUT_OF_REACH)
def walking_farther(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield longer walks."""
    yield from longer_walk(settings.max_walk_m)


@against(SNOW)
def runs_in_snow(settings: ShuttleSettings, t_s: float) -> Iterator[Change]:
    """Yield operation in snow."""
    if settings.stops_in_snow:
        yield Change("it runs in snow", {"stops_in_snow": False}, COSTS.comfort_eur)
