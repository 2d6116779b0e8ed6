"""Whether the disturbances of a scenario fit its area and services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kera_mobility.errors import KeraError, nearest_name
from kera_mobility.services.base import Service
from kera_mobility.simulation.disturbances import AnyDisturbance, HeavySnow, HubWithoutPower, RailClosed, StreetClosed
from kera_mobility.town.streets.overlays import shut
from kera_mobility.town.town import SNAP_LIMIT_M, Town

Faults = Iterator[tuple[str, str]]
"""Key below the disturbance, and what was found and expected there."""


def disturbance_faults(
    disturbances: Sequence[AnyDisturbance], town: Town, services: Mapping[str, Service]
) -> Iterator[tuple[str, str]]:
    """Yield what in a timeline does not fit the town or the services, as (key, what was found and expected)."""
    for index, disturbance in enumerate(disturbances):
        key = f"disturbances.{index}"
        faults = [*_service_faults(disturbance, services), *_own_faults(disturbance, town, services)]
        yield from ((f"{key}.{field}", fault) for field, fault in faults)
        for number, earlier in enumerate(disturbances[:index]):
            if _clash(disturbance, earlier):
                yield key, f"overlaps disturbances.{number} of the same kind, expected one after the other"


def _service_faults(disturbance: AnyDisturbance, services: Mapping[str, Service]) -> Faults:
    """Yield services that are not there, or do not act on such notices."""
    topic = disturbance.topic
    able = [name for name, service in services.items() if service.operated and topic in service.subscribes_to]
    for field, name in disturbance.named_services():
        if name not in services:
            near = nearest_name(name, list(services)) or f", expected one of {', '.join(services)}"
            yield field, f"got '{name}', which is no service of this scenario{near}"
        elif name not in able:
            expected = f"expected one of {', '.join(able) or '(none)'}"
            yield field, f"got '{name}', which takes no notice of {disturbance.kind}, {expected}"


def _own_faults(disturbance: AnyDisturbance, town: Town, services: Mapping[str, Service]) -> Faults:
    """Yield what only disturbances of one kind can have wrong."""
    if isinstance(disturbance, RailClosed) and disturbance.service in services:
        yield from _line_faults(disturbance, services[disturbance.service])
    if isinstance(disturbance, StreetClosed):
        yield from _street_faults(disturbance, town)
    if isinstance(disturbance, HubWithoutPower):
        distance_m = float(town.snap([disturbance.place])[1][0])
        if distance_m > SNAP_LIMIT_M:
            yield "place", f"{distance_m:.0f} m from the nearest street, expected at most {SNAP_LIMIT_M:.0f} m"


def _line_faults(closure: RailClosed, service: Service) -> Faults:
    lines: tuple[str, ...] = getattr(getattr(service, "timetable", None), "line_name", ())
    for number, line in enumerate(closure.lines):
        if line not in lines:
            near = nearest_name(line, lines) or f", expected one of {', '.join(lines) or '(none)'}"
            yield f"lines.{number}", f"got '{line}', which {closure.service} does not run{near}"


def _street_faults(closure: StreetClosed, town: Town) -> Faults:
    field = "overlay" if closure.overlay else "polygon"
    try:
        streets = shut(town.streets, closure.closures(town))
    except KeraError as error:
        yield field, str(error)
        return
    if np.array_equal(streets.edge_modes, town.streets.edge_modes):
        yield field, "shuts no street that is open: does it lie on the map, for these modes?"


def _clash(later: AnyDisturbance, earlier: AnyDisturbance) -> bool:
    """Return whether the end of one would end the other: same kind and object, at one time on one day."""
    same_days = not later.days or not earlier.days or bool(set(later.days) & set(earlier.days))
    if later.kind != earlier.kind or not same_days or later.end_s <= earlier.start_s or earlier.end_s <= later.start_s:
        return False
    if isinstance(later, RailClosed) and isinstance(earlier, RailClosed):
        shared = not later.lines or not earlier.lines or bool(set(later.lines) & set(earlier.lines))
        return later.service == earlier.service and shared
    if isinstance(later, HubWithoutPower) and isinstance(earlier, HubWithoutPower):
        return later.place == earlier.place
    if isinstance(later, HeavySnow) and isinstance(earlier, HeavySnow) and not (later.services and earlier.services):
        return True
    return bool({name for _, name in later.named_services()} & {name for _, name in earlier.named_services()})
