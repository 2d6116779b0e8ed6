"""The trips of a day that have yet to set out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from kera_mobility.demand.plans import PlannedTrip, TripDemand


class TripQueue:
    """Trips by departure; one that is due while its person's last trip is under way waits for that to end."""

    def __init__(self, demand: TripDemand, trips: Sequence[PlannedTrip]) -> None:
        self._trips = trips
        self._to_come: deque[int] = deque(np.lexsort((demand.trip, demand.person, demand.depart_s)).tolist())
        self._waiting: dict[int, deque[int]] = {}
        """By row, of people under way."""
        self._dropped = bytearray(len(demand))

    def head(self) -> PlannedTrip | None:
        """Return the trip that is due next, if any."""
        while self._to_come and self._dropped[self._to_come[0]]:
            self._to_come.popleft()
        return self._trips[self._to_come[0]] if self._to_come else None

    def start(self) -> PlannedTrip | None:
        """Take the head off: return it to set out now, or None if it has to wait for its person."""
        trip = self._trips[self._to_come.popleft()]
        if trip.row in self._waiting:
            self._waiting[trip.row].append(trip.plan_row)
            return None
        self._waiting[trip.row] = deque()
        return trip

    def end(self, row: int) -> PlannedTrip | None:
        """Take note that a person's trip has ended: return the one that was waiting for that, to set out now."""
        if self._waiting[row]:
            return self._trips[self._waiting[row].popleft()]
        del self._waiting[row]
        return None

    def drop(self, plan_rows: Iterable[int]) -> None:
        """Leave out trips, none of which is due yet."""
        for plan_row in plan_rows:
            self._dropped[plan_row] = 1

    def of_people_at_rest(self) -> list[int]:
        """Return the trips to come of people who are not under way, as rows of the plans, sorted."""
        return sorted(row for row in self._to_come_rows() if self._trips[row].row not in self._waiting)

    def rest(self) -> list[int]:
        """Return all trips that have not set out, as rows of the plans: first those that wait for their person."""
        waiting = [plan_row for row in self._waiting for plan_row in self._waiting[row]]
        return waiting + self._to_come_rows()

    def _to_come_rows(self) -> list[int]:
        return [plan_row for plan_row in self._to_come if not self._dropped[plan_row]]
