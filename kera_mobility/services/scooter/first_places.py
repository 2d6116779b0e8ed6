"""Where the vehicles of a shared fleet stand on the first day: at hubs, or spread by expected demand."""

from __future__ import annotations

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.kernels import exact
from kera_mobility.services.scooter.parking import NOWHERE, Parking
from kera_mobility.services.scooter.settings import ScooterSettings
from kera_mobility.town.town import Town
from kera_mobility.units import FloatArray, IntArray

_VEHICLES_AT_ONCE = 256
"""Drawn together, so that the draws of a large fleet on a large map need little memory."""


def first_places(name: str, settings: ScooterSettings, parking: Parking, town: Town) -> IntArray:
    """Return the node of each vehicle on the first day, (V,); a larger fleet begins with the places of a smaller."""
    if settings.first_places == "hubs":
        return _at_hubs(name, settings, parking, town.dice)
    return _by_demand(name, settings, parking, town)


def starts_in_reach(parking: Parking, trip_starts: FloatArray) -> FloatArray:
    """Return the trips that a vehicle at each node would serve, (N,), 0 where none may be left.

    A trip of the operating area counts where it sets out; where vehicles may not stand, at the nearest place within
    walking reach where they may: a hub where hubs are required.
    """
    allowed = parking.anywhere
    nodes = np.arange(len(allowed), dtype=np.int64)
    hub = np.where(parking.reaches_hub, parking.nearest_hub, NOWHERE)
    beside = np.where(parking.hub_required_ever, hub, parking.nearest_allowed(allowed))
    at = np.where(allowed, nodes, beside)
    counts = parking.inside & (at != NOWHERE)
    return np.bincount(at[counts], weights=trip_starts[counts], minlength=len(allowed)).astype(np.float64)


def _at_hubs(name: str, settings: ScooterSettings, parking: Parking, dice: Dice) -> IntArray:
    """Return hubs, each as often as its room is of all room; it hangs on the vehicle's number alone."""
    capacity = np.array([hub.capacity for hub in settings.hubs], dtype=np.float64)
    upto = np.cumsum(capacity) / np.cumsum(capacity)[-1]
    draw = dice.uniform("first place", name, np.arange(settings.fleet))
    return parking.hub_nodes[np.searchsorted(upto, draw)]


def _by_demand(name: str, settings: ScooterSettings, parking: Parking, town: Town) -> IntArray:
    """Return nodes drawn in proportion to the trips within reach; a full hub is left for the next best place.

    Each vehicle takes the node of the highest `ln trips + Gumbel`, so another weight or place moves few of them.
    """
    trips = starts_in_reach(parking, town.trip_starts)
    nodes = np.flatnonzero(trips > 0.0)
    if not len(nodes):
        return _at_hubs(name, settings, parking, town.dice)
    pull = exact.log(trips[nodes])
    room = {int(node): parking.capacity[int(node)] for node in nodes if int(node) in parking.capacity}
    index_of = {int(node): index for index, node in enumerate(nodes)}
    places: list[int] = []
    for first in range(0, settings.fleet, _VEHICLES_AT_ONCE):
        vehicles = np.arange(first, min(first + _VEHICLES_AT_ONCE, settings.fleet))
        errors = town.dice.gumbel("first place by demand", name, vehicles[:, None], nodes[None, :])
        for error in errors:
            best = int(np.argmax(pull + error))
            if not np.isfinite(pull[best]):  # every place is a full hub
                best = int(np.argmax(error))
            node = int(nodes[best])
            places.append(node)
            if node in room:
                room[node] -= 1
                if room[node] <= 0:
                    pull[index_of[node]] = -np.inf
    return np.array(places, dtype=np.int64)
