"""Which journeys people know of on one day: by the timetable and the closures at home, by displays at the stops."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from kera_mobility.services.reasons import CLOSED
from kera_mobility.services.transit import delays
from kera_mobility.services.transit.operation import TransitOperation
from kera_mobility.town.timetable.timetable import Journeys, Timetable


class PassengerInformation:
    """The journeys by runs that are known to go on to their end."""

    def __init__(
        self, timetable: Timetable, journeys: Journeys, operation: TransitOperation, displayed: Timetable | None
    ) -> None:
        """Begin a day; `displayed` has the times that displays show, None where they show the timetable."""
        self._timetable, self._journeys, self._operation, self._displayed = timetable, journeys, operation, displayed
        self._run_line = [timetable.line_name[line] for line in timetable.run_line.tolist()]
        self._closures: list[frozenset[str]] = []
        self._announced: frozenset[int] = frozenset()
        self.update()

    def close(self, lines: Collection[str] | None, until_s: float) -> None:
        """End the runs of some lines, all of them where none is named, that begin before a time."""
        closure = self._lines(lines)
        self._closures.append(closure)
        start_s = self._start_s.tolist()
        for run, line in enumerate(self._run_line):
            if line in closure and start_s[run] < until_s:
                self._operation.end_run(run, CLOSED)
        self.update()

    def reopen(self, lines: Collection[str] | None) -> None:
        """Let the runs of these lines operate that are still to come, but for those of lines that stay closed."""
        self._closures = [closure for closure in self._closures if not closure <= self._lines(lines)]
        closed = frozenset().union(*self._closures)
        self._operation.reopen([run for run, line in enumerate(self._run_line) if line not in closed], CLOSED)
        self.update()

    def announce_closure(self, lines: Collection[str] | None, from_s: float, until_s: float) -> None:
        """Expect nothing of runs that a closure of lines will end on their way, or not let begin."""
        timetable, closure = self._timetable, self._lines(lines)
        end_s = np.asarray(timetable.call_arrive_s)[np.asarray(timetable.run_start)[1:] - 1]
        runs = np.flatnonzero((self._start_s < until_s) & (end_s > from_s)).tolist()
        self._announced |= {run for run in runs if self._run_line[run] in closure}
        self.update()

    def update(self) -> None:
        """Leave out the runs that have ended since."""
        self.planned = self._journeys_without(self._timetable, self._operation.ended_runs(CLOSED))
        """What people plan by."""
        self.displayed = self.planned
        """What displays at the stops show."""
        if self._displayed is not None:
            self.displayed = self._journeys_without(self._displayed, self._operation.ended_runs())

    @property
    def some_closed(self) -> bool:
        """Whether people plan without some runs of the timetable."""
        return self.planned is not self._journeys

    @property
    def _start_s(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(self._timetable.call_depart_s)[np.asarray(self._timetable.run_start)[:-1]]

    def _lines(self, lines: Collection[str] | None) -> frozenset[str]:
        return frozenset(self._timetable.line_name if lines is None else lines)

    def _journeys_without(self, timetable: Timetable, ended: list[int]) -> Journeys:
        """Return the journeys by a timetable without some runs and those announced to end."""
        if timetable is self._timetable and not ended and not self._announced:
            return self._journeys
        cut = np.zeros(timetable.runs, dtype=np.bool_)
        cut[[*ended, *self._announced]] = True
        reduced, calls = delays.without(timetable, cut)
        journeys = Journeys.of(reduced)
        return replace(
            journeys, board_call=calls[journeys.board_call], alight_call=calls[journeys.alight_call],
            call_run=timetable.call_run, call_depart_s=np.asarray(timetable.call_depart_s), _by_pair={},
            call_origin=self._journeys.call_origin,
        )  # fmt: skip
