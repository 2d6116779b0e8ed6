"""The choice sets of trips on which a request was denied: each journey, as expected and as answered.

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
from kera_mobility.services.contract import Leg
from kera_mobility.simulation.choosing import Candidates, Decision, LiveAnswer, ranked

DECIMALS = 4
"""Of times and fares, which plans keep with half the digits."""
OFFERED = "offered"
"""Answer of a service that would have carried."""


class ChoiceSituation(NamedTuple):
    """A choice: who stood where, the choice set, the live answers, and the alternative chosen."""

    t_s: float
    request: Leg
    candidates: Candidates
    answers: Mapping[int, LiveAnswer]
    chosen: int
    """Chain, or -1."""


class ChoiceSets:
    """The choice situations of trips under way; those of a trip with a denied request are kept for the log."""

    def __init__(self, planner: Planner, log: EventLog) -> None:
        self._planner, self._log = planner, log
        self._open: dict[int, list[ChoiceSituation]] = {}
        """By row of the person, of the trip under way."""
        self._kept: list[list[ChoiceSituation]] = []
        self._kept_rows: set[int] = set()

    def record(self, t_s: float, candidates: Candidates, request: Leg, decision: Decision) -> None:
        """Remember a choice for as long as the trip lasts."""
        chosen = decision.choice.chain if decision.choice else -1
        situation = ChoiceSituation(t_s, request, candidates, decision.answers, chosen)
        situations = self._open.get(request.row)
        if situations is None:
            self._open[request.row] = [situation]
        else:
            situations.append(situation)
        if request.person == self._log.watched:
            self.keep(request.row)

    def keep(self, row: int) -> None:
        """Keep the choice situations of a person's trip under way, those to come as well: a request was denied."""
        if row not in self._kept_rows:
            self._kept_rows.add(row)
            self._kept.append(self._open.setdefault(row, []))

    def discard(self, row: int) -> None:
        """Forget the trip of a person, which has ended, unless it is kept."""
        self._open.pop(row, None)
        self._kept_rows.discard(row)

    def write(self, plans: Plans, demand: TripDemand) -> None:
        """Log the choice sets that were kept, and those of every trip of the person whom the log watches."""
        if not self._log.keeps:
            return
        situations = [situation for trip in self._kept for situation in trip]
        if self._log.watched is not None:
            logged = {(situation.request.person, situation.request.trip) for situation in situations}
            situations += self._watched(plans, demand, logged)
        by_chain: dict[int, list[ChoiceSituation]] = {}
        for situation in situations:
            for _, chain in ranked(situation.candidates):
                by_chain.setdefault(chain, []).append(situation)
        row_of_trip = _rows_of(demand, {situation.request.person for situation in situations})
        for chain, considered in sorted(by_chain.items()):
            rows = [row_of_trip[situation.request.person, situation.request.trip] for situation in considered]
            trips = demand.at(np.array(rows, dtype=np.int64))
            self._log.extend("considered", *_columns(self._planner, chain, considered, trips))

    def _watched(self, plans: Plans, demand: TripDemand, logged: set[tuple[int, int]]) -> list[ChoiceSituation]:
        """Return the first choice of each other trip of the watched person, as it was planned."""
        situations = []
        rows = np.flatnonzero(demand.person == self._log.watched)
        for row, trip in zip(rows.tolist(), demand.at(rows).trips(), strict=True):
            if (trip.person, trip.trip) not in logged:
                best = int(plans.bound[row].argmax())
                chosen = best if plans.bound[row, best] != IMPOSSIBLE else -1
                candidates = Candidates(plans, row, trip.purpose)
                situations.append(ChoiceSituation(trip.depart_s, trip.request(), candidates, {}, chosen))
        return situations


def _columns(
    planner: Planner, chain: int, situations: list[ChoiceSituation], trips: TripDemand
) -> tuple[Any, ...]:  # fmt: skip
    """Return the columns of the table for one chain, for the situations where it is in the choice set, (M,)."""
    rows = [(situation.candidates.plans, situation.candidates.row) for situation in situations]
    stops = np.array([plans.stops[row, chain] for plans, row in rows], dtype=np.int64)
    utility = np.array([int(plans.expected[row, chain]) for plans, row in rows], dtype=np.int64)
    expected = np.array([plans.times[row, chain] for plans, row in rows], dtype=np.float64)
    expected = np.where((utility == IMPOSSIBLE)[:, None], np.nan, np.round(expected, DECIMALS))
    quotes = [situation.answers.get(chain) for situation in situations]
    answers = [quote.answer if quote else None for quote in quotes]
    reasons = ["" if answer is None else getattr(answer, "reason", OFFERED) for answer in answers]
    offered = [[getattr(answer, name, np.nan) for answer in answers] for name in TIMES]
    ranked_by = [
        quote.utility if quote else int(plans.bound[row, chain])
        for quote, (plans, row) in zip(quotes, rows, strict=True)
    ]
    requests = [situation.request for situation in situations]
    person, trip, step, place = (
        np.array([getattr(request, name) for request in requests], dtype=np.int64)
        for name in ("person", "trip", "step", "origin")
    )
    return (
        [situation.t_s for situation in situations], person, trip, step, [planner.chains[chain].name] * len(rows),
        place, *stops.T, *expected.T, utility, planner.taste(chain, trips), reasons, *offered, ranked_by,
        [int(situation.chosen == chain) for situation in situations],
    )  # fmt: skip


def _rows_of(demand: TripDemand, persons: set[int]) -> dict[tuple[int, int], int]:
    """Return where the trips of some people stand, by person and trip."""
    rows = np.flatnonzero(np.isin(demand.person, np.array(sorted(persons), dtype=np.int64)))
    keys = zip(demand.person[rows].tolist(), demand.trip[rows].tolist(), strict=True)
    return dict(zip(keys, rows.tolist(), strict=True))
