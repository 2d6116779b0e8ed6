"""Persons and their trips of a day, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kera_mobility.units import BoolArray, FloatArray, IntArray

POPULATIONS = ("resident", "worker", "neighbour", "visitor")
"""Residents of the district, people who come there to work, those who live around it, and visitors to events."""
PURPOSES = ("work", "school", "study", "shopping", "other")
"""Of a home-based tour, as in HELMET 5."""


@dataclass(frozen=True)
class People:
    """Everyone of a town, rows in the order of their ids; arrays (P,)."""

    person: IntArray
    """Id, stable across phases and scenarios."""
    household: IntArray
    population: NDArray[np.int8]
    """Index into POPULATIONS."""
    age: NDArray[np.int16]
    """Years; everyone is 7 or older, as in the travel survey."""
    home: IntArray
    """Street node; an outside place for workers who live elsewhere."""
    household_cars: NDArray[np.int8]
    licence: BoolArray
    main_driver: BoolArray
    """Has a household car of one's own use, so that car tours never exceed cars."""
    bicycle: BoolArray
    season_ticket: BoolArray


@dataclass(frozen=True)
class Trips:
    """The trips wanted on one day, ordered by person and trip; arrays (T,)."""

    row: IntArray
    """Row of the person in `People`."""
    trip: NDArray[np.int16]
    """Number of the trip in the person's day, from 0."""
    tour: NDArray[np.int16]
    """Number of the home-based tour that the trip belongs to, from 0."""
    purpose: NDArray[np.int8]
    """Purpose of the tour, index into PURPOSES."""
    origin: IntArray
    destination: IntArray
    depart_s: FloatArray
    """Planned departure; a person's departures never decrease."""

    def __len__(self) -> int:
        return len(self.row)
