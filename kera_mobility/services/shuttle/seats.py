"""The places of a loop's vehicles that are promised, call by call: seats, and among them places for wheelchairs."""

from __future__ import annotations

import numpy as np

from kera_mobility.services.shuttle.calls import Trip
from kera_mobility.services.shuttle.settings import ShuttleSettings
from kera_mobility.town.town import Town
from kera_mobility.units import BoolArray


class Seats:
    """What is promised of each call's vehicle on leaving it, C calls; nothing where seats are not reserved."""

    def __init__(self, settings: ShuttleSettings, using: list[bool] | None, calls: int) -> None:
        """Begin with all free; `using` says who uses a wheelchair, by row of `People`."""
        self._settings, self._using = settings, using
        self._taken, self._wheelchairs = [0] * calls, [0] * calls

    def lacking(self, row: int, trip: Trip) -> str:
        """Return what a ride lacks for somebody: nothing, or why there is no place."""
        settings = self._settings
        if not settings.reserved_seats:
            return ""
        if max(self._taken[trip.board_call : trip.alight_call]) >= settings.seats:
            return "full"
        if settings.wheelchair and self.has_wheelchair(row):
            taken = max(self._wheelchairs[trip.board_call : trip.alight_call])
            return "no_wheelchair_place" if taken >= settings.wheelchair.places else ""
        return ""

    def take(self, row: int, trip: Trip) -> None:
        """Promise a place on a ride."""
        self._add(row, trip, 1)

    def give_back(self, row: int, trip: Trip) -> None:
        """Free it again."""
        self._add(row, trip, -1)

    def has_wheelchair(self, row: int) -> bool:
        """Return whether somebody uses a wheelchair."""
        return self._using is not None and self._using[row]

    def _add(self, row: int, trip: Trip, count: int) -> None:
        if not self._settings.reserved_seats:
            return
        wheelchairs = count if self.has_wheelchair(row) else 0
        for call in range(trip.board_call, trip.alight_call):
            self._taken[call] += count
            self._wheelchairs[call] += wheelchairs


def using_wheelchairs(settings: ShuttleSettings, town: Town) -> list[bool] | None:
    """Return who uses a wheelchair, by row of `People`; a larger share holds the smaller one. None: nobody is asked."""
    if settings.wheelchair is None:
        return None
    using: BoolArray = np.asarray(town.dice.uniform("wheelchair", town.people.person)) < settings.wheelchair.share
    found: list[bool] = using.tolist()
    return found
