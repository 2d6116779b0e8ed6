"""What an operator of rides on demand could change so that a request is served."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.services.on_demand.reasons import DETOUR_OF_OTHERS, NO_VEHICLE_IN_TIME
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.reasons import (
    BROKEN,
    EXPIRED,
    FULL,
    NO_DEPARTURE,
    OUT_OF_REACH,
    OUTSIDE_AREA,
    OUTSIDE_HOURS,
    SNOW,
)
from kera_mobility.services.remedy_rules import COSTS, Change, against, grown, larger_area, longer_walk
from kera_mobility.units import HOUR_S

KIND = "on_demand"


@against(NO_VEHICLE_IN_TIME, DETOUR_OF_OTHERS, EXPIRED, BROKEN)
def more_vehicles(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield more vehicles, with shifts of the mean length."""
    shift_h = sum(shift.end_s - shift.start_s for shift in settings.shifts) / len(settings.shifts) / HOUR_S
    for vehicles in grown(settings.vehicles, 0.25, 1.0):
        cost_eur = (vehicles - settings.vehicles) * shift_h * settings.vehicle_hour_eur
        yield Change(f"{vehicles} vehicles instead of {settings.vehicles}", {"vehicles": vehicles}, cost_eur)


@against(FULL)
def more_seats(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield larger vehicles."""
    for seats in grown(settings.seats, 0.25, 1.0):
        cost_eur = (seats - settings.seats) * settings.vehicles * COSTS.seat_eur
        yield Change(f"{seats} seats in a vehicle instead of {settings.seats}", {"seats": seats}, cost_eur)


@against(NO_VEHICLE_IN_TIME)
def longer_waits(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield later pickups."""
    for wait_s in (1.5 * settings.max_wait_s, 3.0 * settings.max_wait_s):
        words = f"people may be made to wait {wait_s:g} s instead of {settings.max_wait_s:g}"
        yield Change(words, {"max_wait_s": wait_s}, COSTS.comfort_eur)


@against(DETOUR_OF_OTHERS, NO_VEHICLE_IN_TIME)
def longer_detours(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield longer detours."""
    for factor in (settings.detour_factor + 0.4, settings.detour_factor + 1.0):
        words = f"detours up to {factor:g} times the direct ride instead of {settings.detour_factor:g}"
        yield Change(words, {"detour_factor": factor}, COSTS.comfort_eur)


@against(EXPIRED)
def waiting_for_riders(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield vehicles that wait twice as long at a stop."""
    words = f"vehicles wait {2 * settings.hold_s:g} s for their passengers instead of {settings.hold_s:g}"
    if settings.hold_s:
        yield Change(words, {"hold_s": 2 * settings.hold_s}, COSTS.comfort_eur)


@against(NO_DEPARTURE, OUTSIDE_HOURS)
def longer_shifts(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield shifts that are an hour and three longer at both ends."""
    for hours in (1, 3):
        longer_s = hours * HOUR_S
        shifts = [
            {**shift.model_dump(mode="json", exclude_none=True), "start_s": max(shift.start_s - longer_s, 0.0),
             "end_s": shift.end_s + longer_s}
            for shift in settings.shifts
        ]  # fmt: skip
        words = f"shifts begin {hours} h earlier and end {hours} h later"
        yield Change(words, {"shifts": shifts}, 2 * hours * settings.vehicles * settings.vehicle_hour_eur)


@against(OUTSIDE_AREA)
def larger_operating_area(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield larger operating areas."""
    yield from larger_area(settings.operating_radius_m)


@against(OUT_OF_REACH)
def walking_farther(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield longer walks to its stops."""
    yield from longer_walk(settings.max_walk_m)


@against(SNOW)
def drives_in_snow(settings: OnDemandSettings, t_s: float) -> Iterator[Change]:
    """Yield operation in snow."""
    if not settings.drives_in_snow:
        yield Change("it runs in snow", {"drives_in_snow": True}, COSTS.comfort_eur)
