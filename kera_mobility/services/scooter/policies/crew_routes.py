"""In which order a van does its errands: planners of tours, found by their `kind`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from kera_mobility.config.settings import Settings
from kera_mobility.units import FloatArray, IntArray

HERE, DEPOT = 0, 1
"""Rows of `Errands.way_s`: where the van is when the tour begins, and where its shift ends."""
PICK, DROP = 0, 1
"""The two ends of an errand, in the second column of a tour."""
NOWHERE = -1


@dataclass(frozen=True)
class Errands:
    """What there is to do for one van; L places, J errands."""

    way_s: FloatArray
    """Driving from place to place and parking there, (L, L); HERE and DEPOT are the first two rows."""
    pick: IntArray
    """Place where each errand begins, (J,)."""
    drop: IntArray
    """Place where what was taken is put down, (J,): NOWHERE if nothing is taken, DEPOT if it stays aboard."""
    places: IntArray
    """Room in the van that it takes between the two, (J,)."""
    batteries: IntArray
    """Spare batteries that it takes, (J,)."""
    pick_s: FloatArray
    """Work where it begins, (J,)."""
    drop_s: FloatArray
    """Work where it ends, (J,)."""
    worth_s: FloatArray
    """Van time that it is worth, (J,); an errand that takes more is left undone."""
    room: int
    """Room in the van now."""
    spare: int
    """Charged batteries in the van now."""
    within_s: float
    """No work begins later than this from now."""
    home_s: float
    """The van must be at the depot by then, from now."""


class TourPlanner(ABC):
    """A decision on the order of errands, a pure function; found by its `kind`."""

    kind: ClassVar[str]
    settings_type: ClassVar[type[Settings]]

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def tour(self, errands: Errands) -> IntArray:
        """Return the tour as rows (errand, PICK or DROP), (S, 2), in their order; what does not fit is left out."""


class NearestSettings(Settings):
    """Settings of always doing next what is nearest."""

    kind: Literal["nearest"] = "nearest"


class Nearest(TourPlanner):
    """The errand that begins nearest is done next, from its begin to its end; of two as near the first."""

    kind = "nearest"
    settings_type = NearestSettings

    def tour(self, errands: Errands) -> IntArray:
        """Return the tour, (S, 2)."""
        tour: list[tuple[int, int]] = []
        place, clock_s, room, spare = HERE, 0.0, errands.room, errands.spare
        left = list(range(len(errands.pick)))
        while left:
            fitting = [one for one in left if errands.places[one] <= room and errands.batteries[one] <= spare]
            near = sorted((float(errands.way_s[place, errands.pick[one]]), one) for one in fitting)
            for _, one in near:
                steps, end_s, end = _walk_through(errands, one, place, clock_s)
                worth = end_s - clock_s <= errands.worth_s[one]
                if steps and worth and end_s + errands.way_s[end, DEPOT] <= errands.home_s:
                    break
            else:
                break
            tour += steps
            place, clock_s = end, end_s
            room -= int(errands.places[one]) if errands.drop[one] == DEPOT else 0
            spare -= int(errands.batteries[one])
            left.remove(one)
        return np.array(tour, dtype=np.int64).reshape(-1, 2)


def _walk_through(errands: Errands, one: int, place: int, clock_s: float) -> tuple[list[tuple[int, int]], float, int]:
    """Return the steps of an errand done at once, when and where they end; no steps if they begin too late."""
    pick, drop = int(errands.pick[one]), int(errands.drop[one])
    begin_s = clock_s + float(errands.way_s[place, pick])
    end_s = begin_s + float(errands.pick_s[one])
    if begin_s > errands.within_s:
        return [], end_s, pick
    if drop in (NOWHERE, DEPOT):
        return [(one, PICK)], end_s, pick
    begin_s = end_s + float(errands.way_s[pick, drop])
    end_s = begin_s + float(errands.drop_s[one])
    return ([(one, PICK), (one, DROP)] if begin_s <= errands.within_s else []), end_s, drop
