"""What people had in mind when they chose, kept for trips that met a refusal: each journey, expected and as answered.

Only references are kept while the day runs, and rows are made of them when it is over, so that the many trips on which
nothing happens cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import TIMES, Plans, TripDemand
from kera_mobility.results.events import EventLog
from kera_mobility.services.contract import Leg, Offer, Refusal
from kera_mobility.simulation.choosing import Asked, Candidates, Decision, ranked

DECIMALS = 4
"""Of times and fares, which plans keep with half the digits."""
OFFERED = "offered"
"""Answer of a service that would have carried."""


class Moment(NamedTuple):
    """A choice: who stood where, what came into question, what was answered, and what was taken."""

    t_s: float
    wish: Leg
    candidates: Candidates
    asked: Mapping[int, Asked]
    taken: int
    """Chain, or -1."""


class ChoiceSets:
    """The choices of trips under way; those of a trip that meets a refusal are kept for the log."""

    def __init__(self, planner: Planner, log: EventLog) -> None:
        self._planner, self._log = planner, log
        self._open: dict[int, list[Moment]] = {}
        self._kept: dict[int, list[Moment]] = {}
        self._all: list[list[Moment]] = []

    def note(self, t_s: float, candidates: Candidates, wish: Leg, decision: Decision) -> None:
        """Remember a choice for as long as the trip lasts."""
        taken = decision.choice.chain if decision.choice else -1
        moments = self._open.get(wish.row)
        if moments is None:
            moments = self._open[wish.row] = []
        moments.append(Moment(t_s, wish, candidates, decision.asked, taken))
        if wish.person == self._log.watched:
            self.keep(wish.row)

    def keep(self, row: int) -> None:
        """Keep what the person of a row considers on the trip under way: it met a refusal."""
        if row not in self._kept:
            moments = self._kept[row] = self._open.setdefault(row, [])
            self._all.append(moments)

    def over(self, row: int) -> None:
        """Forget the trip of a person, unless it is kept."""
        self._open.pop(row, None)
        self._kept.pop(row, None)

    def write(self, plans: Plans, wanted: TripDemand) -> None:
        """Log what was kept, and every trip of the person whom the log watches."""
        if not self._log.keeps:
            return
        moments = [moment for trip in self._all for moment in trip]
        if self._log.watched is not None:
            moments += self._watched(plans, wanted, {(one.wish.person, one.wish.trip) for one in moments})
        by_chain: dict[int, list[Moment]] = {}
        for moment in moments:
            for _, chain in ranked(moment.candidates):
                by_chain.setdefault(chain, []).append(moment)
        of_trip = _rows_of(wanted, {moment.wish.person for moment in moments})
        for chain, some in sorted(by_chain.items()):
            trips = wanted.at(np.array([of_trip[one.wish.person, one.wish.trip] for one in some], dtype=np.int64))
            self._log.extend("considered", *_columns(self._planner, chain, some, trips))

    def _watched(self, plans: Plans, wanted: TripDemand, known: set[tuple[int, int]]) -> list[Moment]:
        """Return the first choice of each trip of the watched person that is not known, as it was planned."""
        found = []
        for index in np.flatnonzero(wanted.person == self._log.watched).tolist():
            wish = Leg(
                "", int(wanted.origin[index]), int(wanted.destination[index]), int(wanted.person[index]),
                int(wanted.row[index]), int(wanted.trip[index]), 0,
            )  # fmt: skip
            if (wish.person, wish.trip) in known:
                continue
            candidates = Candidates(plans, index, int(wanted.purpose[index]))
            best = int(plans.bound[index].argmax())
            taken = best if plans.bound[index, best] != IMPOSSIBLE else -1
            found.append(Moment(float(wanted.depart_s[index]), wish, candidates, {}, taken))
        return found


def _columns(planner: Planner, chain: int, some: list[Moment], trips: TripDemand) -> tuple[Any, ...]:
    """Return the columns of the table for one chain, the moments when it came into question and their trips, (M,)."""
    plans = [(moment.candidates.plans, moment.candidates.row) for moment in some]
    stops = np.array([table.stops[row, chain] for table, row in plans], dtype=np.int64)
    utility = np.array([int(table.expected[row, chain]) for table, row in plans], dtype=np.int64)
    expected = np.array([table.times[row, chain] for table, row in plans], dtype=np.float64)
    expected = np.where((utility == IMPOSSIBLE)[:, None], np.nan, np.round(expected, DECIMALS))
    answers = [moment.asked.get(chain) for moment in some]
    said = ["" if one is None else one.answer.reason if isinstance(one.answer, Refusal) else OFFERED for one in answers]
    met = [
        [getattr(asked.answer, name) if asked and isinstance(asked.answer, Offer) else np.nan for asked in answers]
        for name in TIMES
    ]
    ranked_by = [
        asked.utility if asked else int(table.bound[row, chain])
        for asked, (table, row) in zip(answers, plans, strict=True)
    ]
    wishes = [moment.wish for moment in some]
    person, trip, step, place = (
        np.array([getattr(wish, name) for wish in wishes], dtype=np.int64)
        for name in ("person", "trip", "step", "origin")
    )
    return (
        [moment.t_s for moment in some], person, trip, step, [planner.chains[chain].name] * len(some), place,
        stops[:, 0], stops[:, 1], *expected.T, utility, planner.liking(chain, trips), said, *met, ranked_by,
        [int(moment.taken == chain) for moment in some],
    )  # fmt: skip


def _rows_of(wanted: TripDemand, persons: set[int]) -> dict[tuple[int, int], int]:
    """Return where the trips of some people stand, by person and trip."""
    rows = np.flatnonzero(np.isin(wanted.person, np.array(sorted(persons), dtype=np.int64)))
    keys = zip(wanted.person[rows].tolist(), wanted.trip[rows].tolist(), strict=True)
    return dict(zip(keys, rows.tolist(), strict=True))
