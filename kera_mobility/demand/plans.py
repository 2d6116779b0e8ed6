"""Trip demand and candidate journeys of a day, as arrays over trips and chains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.mode_chains import ModeChain
from kera_mobility.services.contract import Leg, Offers
from kera_mobility.town.population.persons import Trips
from kera_mobility.units import BoolArray, FloatArray, IntArray

TIMES = ("walk_s", "wait_s", "ride_s", "fare_eur")
"""What is kept of expected journeys, as `Offers` names it."""
_EFFORT = ("walk_s", "duration_s")


class PlannedTrip(NamedTuple):
    """One trip as plain numbers: reading them out of arrays costs ten times as much."""

    plan_row: int
    """Row of the trip in the demand, and in plans of it."""
    row: int
    """Row of the person in `People`."""
    person: int
    """Id of the person."""
    trip: int
    tour: int
    purpose: int
    origin: int
    destination: int
    depart_s: float
    leave_s: float

    def request(self, service: str = "") -> Leg:
        """Return the request to be carried from origin to destination, by a service or by any."""
        return Leg(service, self.origin, self.destination, self.person, self.row, self.trip, 0, leave_s=self.leave_s)


@dataclass(frozen=True)
class TripDemand:
    """Trips as the planner reads them, arrays (T,); also one row, when somebody replans."""

    row: IntArray
    person: IntArray
    trip: IntArray
    tour: IntArray
    tour_trip: IntArray
    """First trip of the same tour: where the error of a private vehicle stands."""
    opens: BoolArray
    """Whether it is the first trip of its tour."""
    closes: BoolArray
    """Whether it is the last trip of its tour."""
    purpose: IntArray
    origin: IntArray
    destination: IntArray
    depart_s: FloatArray
    leave_s: FloatArray
    """When the person means to leave the destination again, NaN where the tour ends there."""

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, trips: Trips, person: IntArray) -> TripDemand:
        """Return the trips of a day; `person` are the ids of the people, (P,)."""
        row, tour, trip = (values.astype(np.int64) for values in (trips.row, trips.tour, trips.trip))
        changes = (row[1:] != row[:-1]) | (tour[1:] != tour[:-1])
        edge = np.ones(min(len(row), 1), dtype=np.bool_)
        opens, closes = np.concatenate([edge, changes]), np.concatenate([changes, edge])
        leave_s = np.where(closes, np.nan, np.append(trips.depart_s, np.nan)[1:])
        return cls(
            row, person[row], trip, tour, trip[np.flatnonzero(opens)][np.cumsum(opens) - 1], opens, closes,
            trips.purpose.astype(np.int64), trips.origin.astype(np.int64), trips.destination.astype(np.int64),
            trips.depart_s, leave_s,
        )  # fmt: skip

    @classmethod
    def apart(cls, origin: IntArray, destination: IntArray, depart_s: FloatArray, row: int = 0) -> TripDemand:
        """Return trips that are each a tour of its own, of one person, to ask what journeys there are."""
        number = np.arange(len(origin))
        same, alone = np.full(len(origin), row), np.ones(len(origin), dtype=np.bool_)
        nothing, never_s = np.zeros(len(origin), dtype=np.int64), np.full(len(origin), np.nan)
        moments_s = depart_s, never_s
        return cls(same, nothing, number, number, number, alone, alone, nothing, origin, destination, *moments_s)

    @property
    def tour_number(self) -> IntArray:
        """Tours counted through the day, (T,)."""
        return np.cumsum(self.opens) - 1

    def at(self, rows: IntArray) -> TripDemand:
        """Return the trips in some rows."""
        return TripDemand(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def among(self, rows: IntArray) -> TripDemand:
        """Return the trips in some rows, which rise."""
        return self if len(rows) == len(self) else self.at(rows)

    def trips(self) -> list[PlannedTrip]:
        """Return the trips one by one; a row here is a row of the plans."""
        columns = (getattr(self, name).tolist() for name in PlannedTrip._fields[1:])
        return list(map(PlannedTrip, range(len(self)), *columns))


@dataclass(frozen=True)
class Plans:
    """The candidate journeys of all trips, before the day; T trips, J chains."""

    chains: tuple[ModeChain, ...]
    at_leisure: bool
    """People are where they have been for a while, and may leave later than they are ready to."""
    expected: IntArray
    """(T, J) utility, IMPOSSIBLE where there is no such journey."""
    bound: IntArray
    """(T, J) the same with scarce services at their best."""
    first_leg: IntArray
    """(T, J) the part of `bound` that a live offer replaces; 0 where the first leg is firm."""
    stops: NDArray[np.int32]
    """(T, J, 2) nodes where a line is boarded and left, -1 where there is none."""
    later_s: FloatArray
    """(T, J) how much later than ready people leave to be in time, where the first leg is firm."""
    tour_option: IntArray
    """(T,) the option of each trip's tour: 0 for trip by trip, or 1 + the number of a private vehicle's option."""
    times: NDArray[np.float32]
    """(T, J, 4) expected walking, waiting and riding, s, and fares, EUR, NaN where nothing is expected; for the log of
    choice sets. (T, 0, 4) where nobody reads it."""
    effort: NDArray[np.float32]
    """(T, J, 3) expected walking and the whole way, s, and fares, EUR, NaN where nothing is expected; to leave out what
    is not sensible. (T, 0, 3) where everything is kept."""
    after_first: NDArray[np.float32]
    """(T, J, 2) expected walking and time after the first leg, s; (T, 0, 2) where everything is kept."""
    dropped: int = 0
    """Candidate journeys left out because a trip had more than allowed."""

    def with_rows(self, rows: IntArray, other: Plans, other_rows: IntArray) -> Plans:
        """Return the plans with some rows replaced by rows of other plans."""
        arrays: dict[str, Any] = {}
        for name in (
            "expected",
            "bound",
            "first_leg",
            "stops",
            "later_s",
            "tour_option",
            "times",
            "effort",
            "after_first",
        ):
            arrays[name] = np.array(getattr(self, name))
            arrays[name][rows] = getattr(other, name)[other_rows]
        return replace(self, **arrays, dropped=self.dropped + other.dropped)

    @classmethod
    def none(
        cls, trips: int, chains: tuple[ModeChain, ...], *, at_leisure: bool, keeps_times: bool = False,
        keeps_effort: bool = False,
    ) -> Plans:  # fmt: skip
        """Return plans without any journey."""
        shape = (trips, len(chains))
        impossible = np.full(shape, IMPOSSIBLE, dtype=np.int64)
        stops = np.full((*shape, 2), -1, dtype=np.int32)
        nothing, free, later_s = np.zeros_like(impossible), np.zeros(trips, dtype=np.int64), np.zeros(shape)
        times = np.full((trips, len(chains) if keeps_times else 0, len(TIMES)), np.nan, dtype=np.float32)
        judged = len(chains) if keeps_effort else 0
        effort = np.full((trips, judged, 3), np.nan, dtype=np.float32)
        after_first = np.zeros((trips, judged, 2), dtype=np.float32)
        utilities = impossible, impossible.copy(), nothing
        return cls(chains, at_leisure, *utilities, stops, later_s, free, times, effort, after_first)

    def keep_times(self, rows: IntArray, chain: int, *legs: Offers) -> None:
        """Keep what a chain is expected to take on some trips, summed over its legs, if anybody reads it."""
        if self.times.shape[1]:
            possible = reduce(np.logical_and, [offers.possible for offers in legs])
            for column, name in enumerate(TIMES):
                total = reduce(np.add, [getattr(offers, name) for offers in legs])
                self.times[rows, chain, column] = np.where(possible, total, np.nan)

    def keep_effort(self, rows: IntArray, chain: int, spare_s: FloatArray, *legs: Offers) -> None:
        """Keep what a chain is expected to demand of people, if anybody reads it; spare time is spent before leaving.

        Only trips where every leg is possible are kept.
        """
        if not self.effort.shape[1]:
            return
        possible = reduce(np.logical_and, [offers.possible for offers in legs])
        rows, legs, spare_s = rows[possible], tuple(offers.at(possible) for offers in legs), spare_s[possible]
        first, rest = legs[0], legs[1:]
        walk_s, taken_s = (sum((getattr(leg, name) for leg in rest), 0.0 * first.walk_s) for name in _EFFORT)
        self.after_first[rows, chain] = np.column_stack([walk_s, taken_s])
        fare_eur = sum((leg.fare_eur for leg in rest), first.fare_eur)
        columns = [walk_s + first.walk_s, taken_s + first.duration_s - spare_s, fare_eur]
        self.effort[rows, chain] = np.column_stack(columns)
