"""The choice at the moment of setting out: the best of what is really on offer, with few requests to services."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import Plans
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Leg, Offer, Refusal

Rank = tuple[int, int]
"""Minus the utility, then the chain: the lowest is the best, and equals go by the chain's name."""


class Candidates(NamedTuple):
    """The journeys that remain for somebody at one place: a row of plans, less the services that denied a request."""

    plans: Plans
    row: int
    """Row of the trip in these plans."""
    purpose: int
    shunned: frozenset[str] = frozenset()
    """Services that denied a request on this trip; they are not tried again on it. Assumption."""


class ChosenJourney(NamedTuple):
    """The journey that is taken; booked already where its first leg had to be quoted live."""

    chain: int
    utility: int
    later_s: float
    """How much later than ready the person leaves, to be in time and no earlier."""
    booking: Booking | None = None


class LiveAnswer(NamedTuple):
    """What a service answered for the first leg of a journey, and the utility that the journey is ranked by then."""

    answer: Offer | Refusal
    utility: int


class Decision(NamedTuple):
    """The journey chosen, if any, and the requests denied for journeys that would have been chosen instead."""

    choice: ChosenJourney | None
    lost: list[tuple[Leg, Refusal]]
    answers: Mapping[int, LiveAnswer] = MappingProxyType({})
    """By chain, of those that were quoted live."""


class LiveChooser:
    """Requests quotes of scarce services in the order of their bounds until no further one can beat the best."""

    def __init__(self, services: Mapping[str, Service], planner: Planner, plans: Plans) -> None:
        self._services, self._planner, self._plans = services, planner, plans
        self._quoted_live = [planner.quoted_live(chain) for chain in plans.chains]
        main_services = [(chain.name, services[chain.main]) for chain in plans.chains]
        self._deterministic = [
            (name, service if service.direct and service.deterministic else None) for name, service in main_services
        ]
        best = plans.bound.argmax(axis=1)
        self._best: list[int] = best.tolist()
        self._best_utility: list[int] = plans.bound[range(len(best)), best].tolist()
        self._best_later_s: list[float] = plans.later_s[range(len(best)), best].tolist()

    def deterministic(self, row: int) -> tuple[str, Service | None, int]:
        """Return the chain of a trip's best journey, its service if it is one deterministic ride, and its utility."""
        chain, utility = self._best[row], self._best_utility[row]
        name, service = self._deterministic[chain]
        return name, service if utility != IMPOSSIBLE else None, utility

    def decide(self, candidates: Candidates, request: Leg) -> Decision:
        """Return the exact maximum of what is on offer now; `request` says who goes from where to where."""
        if candidates.plans is self._plans and not candidates.shunned:
            # Most trips: the best bound is firm, and no service has to answer.
            chain, utility = self._best[candidates.row], self._best_utility[candidates.row]
            if utility != IMPOSSIBLE and not self._quoted_live[chain]:
                return Decision(ChosenJourney(chain, utility, self._best_later_s[candidates.row]), [])
        best, refused, answers = self._query(candidates, request)
        lost = _lost(refused, candidates, best)
        choice = self._booked(candidates, best, request) if best else None
        return Decision(choice, lost, answers)

    def legs(self, candidates: Candidates, chain: int, request: Leg) -> list[Leg]:
        """Return the legs of a journey."""
        board, alight = candidates.plans.stops[candidates.row, chain].tolist()
        return candidates.plans.chains[chain].legs((board, alight), request)

    def minus_firm_utility(self, candidates: Candidates, chain: int, offer: Offer) -> int:
        """Return minus the utility of a journey whose first leg is what was really offered."""
        plans = candidates.plans
        time_class = self._services[plans.chains[chain].main].time_class
        first_leg = self._planner.choice_model.utility_of_offer(
            candidates.purpose, time_class, offer, leaves_later=plans.at_leisure
        )
        return int(plans.first_leg[candidates.row, chain]) - int(plans.bound[candidates.row, chain]) - first_leg

    def _query(
        self, candidates: Candidates, request: Leg
    ) -> tuple[Rank | None, dict[int, tuple[Leg, Refusal]], dict[int, LiveAnswer]]:
        """Return the best firm journey, if any, and by chain the denied requests and all answers."""
        best: Rank | None = None
        refused: dict[int, tuple[Leg, Refusal]] = {}
        answers: dict[int, LiveAnswer] = {}
        sensible = self._planner.sensible
        for rank in ranked(candidates):
            if best is not None and rank > best:
                break
            chain = rank[1]
            if self._quoted_live[chain]:
                first = self.legs(candidates, chain, request)[0]
                offer = self._services[first.service].quote(first)
                if isinstance(offer, Refusal):
                    refused[chain] = (first, offer)
                    answers[chain] = LiveAnswer(offer, -rank[0])
                    continue
                if sensible is not None and not sensible.beats_walking(candidates.plans, candidates.row, chain, offer):
                    answers[chain] = LiveAnswer(offer, IMPOSSIBLE)
                    continue
                rank = (self.minus_firm_utility(candidates, chain, offer), chain)
                answers[chain] = LiveAnswer(offer, -rank[0])
            best = min(best, rank) if best else rank
        return best, refused, answers

    def _booked(self, candidates: Candidates, best: Rank, request: Leg) -> ChosenJourney:
        utility, chain = -best[0], best[1]
        plans = candidates.plans
        if not self._quoted_live[chain]:
            return ChosenJourney(chain, utility, float(plans.later_s[candidates.row, chain]))
        first = self.legs(candidates, chain, request)[0]
        booking = self._services[first.service].book(first)
        assert isinstance(booking, Booking), f"{first.service} refused what it offered at the same moment"
        return ChosenJourney(chain, utility, booking.offer.spare_s if plans.at_leisure else 0.0, booking)


def ranked(candidates: Candidates) -> list[Rank]:
    """Return the choice set: the journeys that remain, by their bounds, best first."""
    plans, row, _, shunned = candidates
    bounds: list[int] = plans.bound[row].tolist()
    return sorted(
        (-bound, chain)
        for chain, bound in enumerate(bounds)
        if bound != IMPOSSIBLE and shunned.isdisjoint(plans.chains[chain].services)
    )


def _lost(
    refused: Mapping[int, tuple[Leg, Refusal]], candidates: Candidates, best: Rank | None
) -> list[tuple[Leg, Refusal]]:
    """Return one refusal for each service whose expected offer would have won: that of its best journey."""
    expected = {chain: int(candidates.plans.expected[candidates.row, chain]) for chain in refused}
    lost: dict[str, tuple[Leg, Refusal]] = {}
    for rank in sorted((-utility, chain) for chain, utility in expected.items() if utility != IMPOSSIBLE):
        leg, refusal = refused[rank[1]]
        if best is None or rank < best:
            lost.setdefault(leg.service, (leg, refusal))
    return list(lost.values())
