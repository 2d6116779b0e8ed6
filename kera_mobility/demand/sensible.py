"""Journeys that nobody would see as sensible: a journey planner would not show them, and people do not choose them.

Whoever can walk all the way does not ride to walk as far, nor to arrive no sooner. Of two journeys that surely can be
made, the one that is slower, dearer and has more walking than the other is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import isnan

import numpy as np
from numpy.typing import NDArray

from kera_mobility.demand.choice_model import IMPOSSIBLE
from kera_mobility.demand.mode_chains import ModeChain
from kera_mobility.demand.plans import Plans
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Offer
from kera_mobility.units import BoolArray

_BLOCK = 4096
"""Trips compared at once: pairs of journeys of many trips would not fit a cache."""


class SensibleJourneys:
    """Compares the journeys of each trip with walking all the way, and with each other."""

    def __init__(self, chains: Sequence[ModeChain], services: Mapping[str, Service]) -> None:
        def any_is(chain: ModeChain, *traits: str) -> bool:
            return any(getattr(services[name], trait) for name in chain.services for trait in traits)

        alone = [j for j, chain in enumerate(chains) if not chain.access and services[chain.main].mode == "walk"]
        self.walking = alone[0] if alone else None
        """The chain of walking all the way, if there is one."""
        self._firm = [
            j for j, chain in enumerate(chains)
            if chain.access and not any_is(chain, "private", "pre_arranged", "capacity_limited")
        ]  # fmt: skip
        # A vehicle that one has along is ridden on the short trips of its tour too.
        self._judged = np.array([not any_is(chain, "private") for chain in chains], dtype=np.bool_)

    def leave_out(self, plans: Plans) -> None:
        """Make journeys impossible that are not sensible by what is expected of them."""
        for start in range(0, len(plans.bound), _BLOCK):
            rows = slice(start, start + _BLOCK)
            possible = plans.bound[rows] != IMPOSSIBLE
            senseless = _dominated(plans.effort[rows], possible, self._firm)
            if self.walking is not None:
                on_foot = plans.effort[rows, self.walking]
                by_foot = np.where(possible[:, [self.walking]], on_foot, np.inf)
                no_better = np.any(plans.effort[rows, :, :2] >= by_foot[:, None, :2], axis=2)
                no_better[:, self.walking] = False
                senseless |= no_better
            senseless &= self._judged
            plans.expected[rows][senseless] = plans.bound[rows][senseless] = IMPOSSIBLE

    def beats_walking(self, plans: Plans, row: int, chain: int, offer: Offer) -> bool:
        """Return whether a journey that begins with a live offer is better than walking all the way."""
        if self.walking is None:
            return True
        walk_s, taken_s = plans.effort[row, self.walking, :2].tolist()
        if isnan(walk_s):
            return True
        rest_walk_s, rest_s = plans.after_first[row, chain].tolist()
        spare_s = offer.spare_s if plans.at_leisure else 0.0
        first_s = offer.walk_s + offer.wait_s + offer.ride_s - spare_s
        return bool(offer.walk_s + rest_walk_s < walk_s and first_s + rest_s < taken_s)


def _dominated(effort: NDArray[np.float32], possible: BoolArray, firm: Collection[int]) -> BoolArray:
    """Return which journeys are no better than a firm one in anything and worse in something, (T, J).

    `effort` is (T, J, 3): walking and the whole way, s, and the fare, EUR; NaN where nothing is expected.
    """
    dominated = np.zeros(possible.shape, dtype=np.bool_)
    for k in firm:
        other = effort[:, [k]]
        dominated |= np.all(effort >= other, axis=2) & np.any(effort > other, axis=2) & possible[:, [k]]
    return dominated
