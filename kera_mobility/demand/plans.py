"""What people want and may do on a day, as arrays over trips and chains: the words of the planner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.mode_chains import ModeChain
from kera_mobility.services.contract import Offers
from kera_mobility.town.population.persons import Trips
from kera_mobility.units import BoolArray, FloatArray, IntArray

TIMES = ("walk_s", "wait_s", "ride_s", "fare_eur")
"""What is kept of expected journeys, as `Offers` names it."""


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

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, trips: Trips, person: IntArray) -> TripDemand:
        """Return the trips of a day; `person` are the ids of the people, (P,)."""
        row, tour, trip = (values.astype(np.int64) for values in (trips.row, trips.tour, trips.trip))
        changes = (row[1:] != row[:-1]) | (tour[1:] != tour[:-1])
        edge = np.ones(min(len(row), 1), dtype=np.bool_)
        opens, closes = np.concatenate([edge, changes]), np.concatenate([changes, edge])
        return cls(
            row, person[row], trip, tour, trip[np.flatnonzero(opens)][np.cumsum(opens) - 1], opens, closes,
            trips.purpose.astype(np.int64), trips.origin.astype(np.int64), trips.destination.astype(np.int64),
            trips.depart_s,
        )  # fmt: skip

    @classmethod
    def apart(cls, origin: IntArray, destination: IntArray, depart_s: FloatArray, row: int = 0) -> TripDemand:
        """Return trips that are each a tour of its own, of one person, to ask what journeys there are."""
        number = np.arange(len(origin))
        same, alone = np.full(len(origin), row), np.ones(len(origin), dtype=np.bool_)
        nothing = np.zeros(len(origin), dtype=np.int64)
        return cls(same, nothing, number, number, number, alone, alone, nothing, origin, destination, depart_s)

    @property
    def tour_number(self) -> IntArray:
        """Tours counted through the day, (T,)."""
        return np.cumsum(self.opens) - 1

    def among(self, rows: IntArray) -> TripDemand:
        """Return the trips in some rows, which rise."""
        return self if len(rows) == len(self) else self.at(rows)

    def at(self, index: IntArray) -> TripDemand:
        """Return some of the trips."""
        return TripDemand(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Plans:
    """What everyone may do and would best do, before the day; T trips, J chains."""

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
    taken: IntArray
    """(T,) what the tour of each trip took: 0 for trip by trip, or 1 + the number of a private vehicle's option."""
    times: NDArray[np.float32]
    """(T, J, 4) expected walking, waiting and riding, s, and fares, EUR, NaN where nothing is expected; to tell why
    somebody chose. (T, 0, 4) where nobody will ask."""
    dropped: int = 0
    """Candidate journeys left out because a trip had more than allowed."""

    def with_rows(self, rows: IntArray, others: Plans, of_others: IntArray) -> Plans:
        """Return the plans with some rows replaced by rows of others."""
        arrays: dict[str, Any] = {}
        for name in ("expected", "bound", "first_leg", "stops", "later_s", "taken", "times"):
            arrays[name] = np.array(getattr(self, name))
            arrays[name][rows] = getattr(others, name)[of_others]
        return replace(self, **arrays, dropped=self.dropped + others.dropped)

    @classmethod
    def none(cls, trips: int, chains: tuple[ModeChain, ...], *, at_leisure: bool, keeps_times: bool = False) -> Plans:
        """Return plans without any journey."""
        shape = (trips, len(chains))
        impossible = np.full(shape, IMPOSSIBLE, dtype=np.int64)
        stops = np.full((*shape, 2), -1, dtype=np.int32)
        nothing, taken = np.zeros_like(impossible), np.zeros(trips, dtype=np.int64)
        times = np.full((trips, len(chains) if keeps_times else 0, len(TIMES)), np.nan, dtype=np.float32)
        return cls(chains, at_leisure, impossible, impossible.copy(), nothing, stops, np.zeros(shape), taken, times)

    def keep_times(self, rows: IntArray, chain: int, *legs: Offers) -> None:
        """Remember what a chain is expected to take on some trips, leg after leg, if anybody will ask."""
        if self.times.shape[1]:
            possible = reduce(np.logical_and, [offers.possible for offers in legs])
            for column, name in enumerate(TIMES):
                whole = reduce(np.add, [getattr(offers, name) for offers in legs])
                self.times[rows, chain, column] = np.where(possible, whole, np.nan)
