"""The choice at the moment of setting out: the best of what is really on offer, found with few questions."""

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
    """The journeys somebody may still take from one place: one row of plans, less what has refused them."""

    plans: Plans
    row: int
    """Row of the trip in these plans."""
    purpose: int
    shunned: frozenset[str] = frozenset()
    """Services that refused on this trip; they are not tried again on it. Assumption."""


class Choice(NamedTuple):
    """A journey chosen; booked already where its first leg had to be asked live."""

    chain: int
    utility: int
    later_s: float
    """How much later than ready the person leaves, to be in time and no earlier."""
    booking: Booking | None = None


class Asked(NamedTuple):
    """What a service answered for the first leg of a journey, and what the whole journey was ranked by thereupon."""

    answer: Offer | Refusal
    utility: int


class Decision(NamedTuple):
    """What was chosen, if anything, and who said no to what would have been chosen instead."""

    choice: Choice | None
    lost: list[tuple[Leg, Refusal]]
    asked: Mapping[int, Asked] = MappingProxyType({})
    """By chain, of those that were asked live."""


class LiveChooser:
    """Asks the scarce services in the order of their bounds until none unasked can beat the best firm offer."""

    def __init__(self, services: Mapping[str, Service], planner: Planner, plans: Plans) -> None:
        self._services, self._planner = services, planner
        self._asks_first = [planner.asks_first(chain) for chain in plans.chains]
        main_services = [(chain.name, services[chain.main]) for chain in plans.chains]
        self._uncontested = [
            (name, service if service.direct and service.deterministic else None) for name, service in main_services
        ]
        best = plans.bound.argmax(axis=1)
        self._best: list[int] = best.tolist()
        self._best_utility: list[int] = plans.bound[range(len(best)), best].tolist()
        self._best_later_s: list[float] = plans.later_s[range(len(best)), best].tolist()
        self._of_day = plans

    def deterministic(self, row: int) -> tuple[str, Service | None, int]:
        """Return the chain of a trip's best journey, its service if it is one steady ride, and its utility."""
        chain, utility = self._best[row], self._best_utility[row]
        name, service = self._uncontested[chain]
        return name, service if utility != IMPOSSIBLE else None, utility

    def decide(self, candidates: Candidates, leg: Leg) -> Decision:
        """Return the exact maximum of what is on offer now; `leg` says who goes from where to where."""
        if candidates.plans is self._of_day and not candidates.shunned:
            # Most trips: the best bound is firm, and nothing has to be asked.
            chain, utility = self._best[candidates.row], self._best_utility[candidates.row]
            if utility != IMPOSSIBLE and not self._asks_first[chain]:
                return Decision(Choice(chain, utility, self._best_later_s[candidates.row]), [])
        best, refused, asked = self._ask(candidates, leg)
        lost = _lost(refused, candidates, best)
        if best is None:
            return Decision(None, lost, asked)
        return Decision(self._booked(candidates, best, leg), lost, asked)

    def legs(self, candidates: Candidates, chain: int, leg: Leg) -> list[Leg]:
        """Return the legs of a journey."""
        one = candidates.plans.chains[chain]
        if not one.access:
            return one.legs((-1, -1), leg)
        board, alight = candidates.plans.stops[candidates.row, chain].tolist()
        return one.legs((board, alight), leg)

    def firm(self, candidates: Candidates, chain: int, offer: Offer) -> int:
        """Return minus the utility of a journey whose first leg is what was really offered."""
        return self._firm(candidates, (-int(candidates.plans.bound[candidates.row, chain]), chain), offer)

    def _ask(
        self, candidates: Candidates, leg: Leg
    ) -> tuple[Rank | None, dict[int, tuple[Leg, Refusal]], dict[int, Asked]]:
        """Return the best firm journey, if any, and by chain the refusals and all that was answered."""
        best: Rank | None = None
        refused: dict[int, tuple[Leg, Refusal]] = {}
        asked: dict[int, Asked] = {}
        for rank in ranked(candidates):
            if best is not None and rank > best:
                break
            chain = rank[1]
            if self._asks_first[chain]:
                first = self.legs(candidates, chain, leg)[0]
                offer = self._services[first.service].quote(first)
                if isinstance(offer, Refusal):
                    refused[chain] = (first, offer)
                    asked[chain] = Asked(offer, -rank[0])
                    continue
                rank = (self._firm(candidates, rank, offer), chain)
                asked[chain] = Asked(offer, -rank[0])
            best = min(best, rank) if best else rank
        return best, refused, asked

    def _firm(self, candidates: Candidates, rank: Rank, offer: Offer) -> int:
        """Return minus the utility of a journey whose first leg is what was really offered."""
        minus_bound, chain = rank
        plans = candidates.plans
        time_class = self._services[plans.chains[chain].main].time_class
        firm = self._planner.choice.leg_utility_of_one(
            candidates.purpose, time_class, offer, leaves_later=plans.at_leisure
        )
        return minus_bound + int(plans.first_leg[candidates.row, chain]) - firm

    def _booked(self, candidates: Candidates, best: Rank, leg: Leg) -> Choice:
        utility, chain = -best[0], best[1]
        plans = candidates.plans
        if not self._asks_first[chain]:
            return Choice(chain, utility, float(plans.later_s[candidates.row, chain]))
        first = self.legs(candidates, chain, leg)[0]
        booking = self._services[first.service].book(first)
        assert isinstance(booking, Booking), f"{first.service} refused what it offered at the same moment"
        return Choice(chain, utility, booking.offer.spare_s if plans.at_leisure else 0.0, booking)


def ranked(candidates: Candidates) -> list[Rank]:
    """Return the journeys that come into question, by their bounds, best first."""
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
