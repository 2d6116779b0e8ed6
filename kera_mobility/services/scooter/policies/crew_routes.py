"""In which order a van does its tasks: planners of tours, found by their `kind`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kera_mobility.config.registry import Policy
from kera_mobility.config.settings import Settings
from kera_mobility.units import FloatArray, IntArray

HERE, DEPOT = 0, 1
"""Rows of `TourTasks.way_s`: where the van is when the tour begins, and where its shift ends."""
PICK, DROP = 0, 1
"""The two ends of a task, in the second column of a tour."""
NOWHERE = -1


@dataclass(frozen=True)
class TourTasks:
    """What there is to do for one van; L places, J tasks."""

    way_s: FloatArray
    """Driving from place to place and parking there, (L, L); HERE and DEPOT are the first two rows."""
    pick: IntArray
    """Place where each task begins, (J,)."""
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
    """Van time that it is worth, (J,); a task that takes more is left undone."""
    room: int
    """Room in the van now."""
    spare: int
    """Charged batteries in the van now."""
    within_s: float
    """No work begins later than this from now."""
    home_s: float
    """The van must be at the depot by then, from now."""


class TourPlanner(Policy):
    """A decision on the order of tasks, a pure function; found by its `kind`."""

    @abstractmethod
    def tour(self, tasks: TourTasks) -> IntArray:
        """Return the tour as rows (task, PICK or DROP), (S, 2), in their order; what does not fit is left out."""


class NearestTaskFirstSettings(Settings):
    """Settings of always doing next what is nearest."""

    kind: Literal["nearest"] = "nearest"


class NearestTaskFirst(TourPlanner):
    """The task that begins nearest is done next, from its begin to its end; of two as near the first."""

    kind = "nearest"
    settings_type = NearestTaskFirstSettings

    def tour(self, tasks: TourTasks) -> IntArray:
        """Return the tour, (S, 2)."""
        tour: list[tuple[int, int]] = []
        place, clock_s, room, spare = HERE, 0.0, tasks.room, tasks.spare
        remaining = list(range(len(tasks.pick)))
        while remaining:
            fitting = [task for task in remaining if tasks.places[task] <= room and tasks.batteries[task] <= spare]
            near = sorted((float(tasks.way_s[place, tasks.pick[task]]), task) for task in fitting)
            for _, task in near:
                steps, end_s, end = _walk_through(tasks, task, place, clock_s)
                worth = end_s - clock_s <= tasks.worth_s[task]
                if steps and worth and end_s + tasks.way_s[end, DEPOT] <= tasks.home_s:
                    break
            else:
                break
            tour += steps
            place, clock_s = end, end_s
            room -= int(tasks.places[task]) if tasks.drop[task] == DEPOT else 0
            spare -= int(tasks.batteries[task])
            remaining.remove(task)
        return np.array(tour, dtype=np.int64).reshape(-1, 2)


def _walk_through(tasks: TourTasks, task: int, place: int, clock_s: float) -> tuple[list[tuple[int, int]], float, int]:
    """Return the steps of a task done at once, when and where they end; no steps if they begin too late."""
    pick, drop = int(tasks.pick[task]), int(tasks.drop[task])
    begin_s = clock_s + float(tasks.way_s[place, pick])
    end_s = begin_s + float(tasks.pick_s[task])
    if begin_s > tasks.within_s:
        return [], end_s, pick
    if drop in (NOWHERE, DEPOT):
        return [(task, PICK)], end_s, pick
    begin_s = end_s + float(tasks.way_s[pick, drop])
    end_s = begin_s + float(tasks.drop_s[task])
    return ([(task, PICK), (task, DROP)] if begin_s <= tasks.within_s else []), end_s, drop
