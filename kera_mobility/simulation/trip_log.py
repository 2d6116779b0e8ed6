"""Rows of the event log about trips: the legs, the denied requests and the ends, with the choice sets where needed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import PlannedTrip, Plans, TripDemand
from kera_mobility.services.contract import Leg, Outcome, Refusal
from kera_mobility.services.reasons import NO_JOURNEY
from kera_mobility.services.world import World
from kera_mobility.simulation.choice_log import ChoiceSets
from kera_mobility.simulation.choosing import Candidates, Decision
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.units import FloatArray, IntArray


class TripLog:
    """Logs what happens on trips; keeps the choice sets of a trip from its first denied request on."""

    def __init__(self, world: World, planner: Planner) -> None:
        self._world = world
        self._choice_sets = ChoiceSets(planner, world.log)

    def choice(self, candidates: Candidates, request: Leg, decision: Decision) -> None:
        """Log the requests that were denied while somebody chose, and `no_journey` if nothing was left to choose."""
        self._choice_sets.record(self._world.env.now, candidates, request, decision)
        for leg, refusal in decision.lost:
            self.refusal(leg, refusal)
        if decision.choice is None:
            self.refusal(request, Refusal(NO_JOURNEY, request.origin))

    def refusal(self, leg: Leg, refusal: Refusal) -> None:
        """Log a denied request."""
        self._choice_sets.keep(leg.row)
        self._world.log.add(
            "refusals", self._world.env.now, leg.person, leg.trip, leg.leg, leg.step, leg.service, refusal.reason,
            refusal.place,
        )  # fmt: skip

    def leg(self, leg: Leg, outcome: Outcome, begin_s: float) -> None:
        """Log a leg that was travelled, as far as it went."""
        self._world.log.add(
            "legs", begin_s, leg.person, leg.trip, leg.leg, leg.service, leg.origin, outcome.place,
            outcome.walk_s, outcome.wait_s, outcome.ride_s, outcome.walk_m, outcome.ride_m, outcome.fare_eur,
            outcome.vehicle,
        )  # fmt: skip

    def trip(
        self, trip: PlannedTrip, set_out_s: float, outcome: str, chain: str = "", replans: int = 0, utility: int = 0
    ) -> None:
        """Log a trip that ends now."""
        self._choice_sets.discard(trip.row)
        self._world.log.add(
            "trips", set_out_s, trip.person, trip.trip, trip.tour, PURPOSES[trip.purpose], trip.origin,
            trip.destination, chain, outcome, self._world.env.now, trip.depart_s, replans, utility,
        )  # fmt: skip

    def finish(self, plans: Plans, demand: TripDemand) -> None:
        """Log the choice sets that were kept."""
        self._choice_sets.write(plans, demand)


def log_rides(
    world: World, trips: TripDemand, rides: Mapping[str, FloatArray], chains: list[str], utility: IntArray
) -> None:
    """Log trips of one uninterrupted ride each, (T,), as `TripLog` would one by one.

    Parameters
    ----------
    rides
        The columns `walk_s`, `wait_s`, `ride_s`, `walk_m`, `ride_m`, `fare_eur`, and `end_s`, the arrival.
    """
    zeros = np.zeros(len(trips), dtype=np.int64)
    if not len(trips):
        return
    world.log.extend(
        "legs", trips.depart_s, trips.person, trips.trip, zeros, chains, trips.origin, trips.destination,
        rides["walk_s"], rides["wait_s"], rides["ride_s"], rides["walk_m"], rides["ride_m"], rides["fare_eur"],
        zeros - 1,
    )  # fmt: skip
    world.log.extend(
        "trips", trips.depart_s, trips.person, trips.trip, trips.tour,
        [PURPOSES[purpose] for purpose in trips.purpose.tolist()], trips.origin, trips.destination, chains,
        ["arrived"] * len(trips), rides["end_s"], trips.depart_s, zeros, utility,
    )  # fmt: skip
