"""Tours planned with PyVRP (Wouda, Lan and Kool 2024, INFORMS Journal on Computing 36(4)).

PyVRP is imported where a tour is planned: runs without crews do not load it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.services.scooter.policies.crew_routes import DEPOT, DROP, HERE, NOWHERE, PICK, TourPlanner, TourTasks
from kera_mobility.units import FloatArray, IntArray

_NEVER = 2**30
"""Seconds that stand for a way that does not exist."""
_UPDATE_AFTER = 20
"""Rounds after which the search weighs lateness and overload anew: few, because the whole search has few."""


class PyVRPSettings(Settings):
    """Settings of tours planned with PyVRP: so many rounds of search, never so many seconds."""

    kind: Literal["pyvrp"] = "pyvrp"
    iterations: int = Field(25, ge=1, le=100_000)
    """Rounds of search for each tour. Assumption: sixteen times as many make a tour 4 % better."""
    neighbours: int = Field(20, ge=1, le=1000)
    """Other tasks beside which the search tries each. Assumption: with 50 it is four times as long, and no better."""
    seed: int = Field(1, ge=0, le=2**31)
    """Chance of the search, which is no chance of the day: the same tasks give the same tour."""


class PyVRP(TourPlanner):
    """The tour that takes the least van time, of those that do in time what is worth it."""

    kind = "pyvrp"
    settings_type = PyVRPSettings

    settings: PyVRPSettings

    def tour(self, tasks: TourTasks) -> IntArray:
        """Return the tour, (S, 2)."""
        from pyvrp import PenaltyParams, Solution, SolveParams, solve
        from pyvrp.search import NeighbourhoodParams
        from pyvrp.stop import MaxIterations

        able = _possible(tasks)
        alone = np.isin(tasks.drop[able], (NOWHERE, DEPOT))
        single, carried = able[alone], able[~alone]
        if not len(able):
            return np.empty((0, 2), dtype=np.int64)
        problem = _problem(tasks, single, carried)
        params = SolveParams(
            penalty=PenaltyParams(solutions_between_updates=_UPDATE_AFTER),
            neighbourhood=NeighbourhoodParams(num_neighbours=self.settings.neighbours),
        )
        search = partial(
            solve, problem, MaxIterations(self.settings.iterations), seed=self.settings.seed, collect_stats=False,
            params=params,
        )  # fmt: skip
        result = search()
        if not result.is_feasible():
            result = search(initial_solution=Solution(problem, []))
        tour = [
            _step(activity, single, carried)
            for route in result.best.routes() for activity in route if not activity.is_depot()
        ]  # fmt: skip
        return np.array(tour, dtype=np.int64).reshape(-1, 2)


def _possible(tasks: TourTasks) -> IntArray:
    """Return the tasks that a van could do if it did nothing else, (J,)."""
    return np.flatnonzero(
        (tasks.places <= tasks.room)
        & (tasks.batteries <= tasks.spare)
        & np.isfinite(tasks.way_s[HERE, tasks.pick])
        & np.isfinite(tasks.way_s[tasks.pick, np.where(tasks.drop < 0, DEPOT, tasks.drop)])
    )


def _problem(tasks: TourTasks, single: IntArray, carried: IntArray) -> Any:
    """Return the tasks as PyVRP takes them: those of one place are clients, those of two are shipments."""
    from pyvrp import Client, Depot, Location, ProblemData, Shipment, VehicleType

    within, home = (int(min(limit_s, _NEVER)) for limit_s in (tasks.within_s, tasks.home_s))
    pick_s, drop_s, worth = (_whole_s(column_s) for column_s in (tasks.pick_s, tasks.drop_s, tasks.worth_s))
    clients = [
        Client(
            location=int(tasks.pick[task]), service_duration=int(pick_s[task]), prize=int(worth[task]), required=False,
            delivery=[0, int(tasks.batteries[task])], pickup=[int(tasks.places[task]), 0], tw_late=within,
        )
        for task in single.tolist()
    ]  # fmt: skip
    shipments = [
        Shipment(
            pickup_location=int(tasks.pick[task]), pickup_service_duration=int(pick_s[task]), pickup_tw_late=within,
            delivery_location=int(tasks.drop[task]), delivery_service_duration=int(drop_s[task]),
            delivery_tw_late=within, amount=[int(tasks.places[task]), 0], prize=int(worth[task]), required=False,
        )
        for task in carried.tolist()
    ]  # fmt: skip
    van = VehicleType(
        capacity=[tasks.room, tasks.spare], start_depot=0, end_depot=1, tw_late=home,
        unit_distance_cost=0, unit_duration_cost=1,
    )  # fmt: skip
    way: Any = _whole_s(tasks.way_s)
    return ProblemData(
        [Location(0, 0)] * len(way), clients, [Depot(HERE), Depot(DEPOT)], [van], [np.zeros_like(way)], [way],
        shipments=shipments,
    )  # fmt: skip


def _step(activity: Any, single: IntArray, carried: IntArray) -> tuple[int, int]:
    """Return the task and the end of it that an activity stands for."""
    if activity.is_client():
        return int(single[activity.idx]), PICK
    return int(carried[activity.idx]), DROP if activity.is_delivery() else PICK


def _whole_s(duration_s: FloatArray) -> IntArray:
    """Return whole seconds, rounded up, so that no tour is later than it was planned to be."""
    return np.minimum(np.ceil(duration_s), _NEVER).astype(np.int64)
