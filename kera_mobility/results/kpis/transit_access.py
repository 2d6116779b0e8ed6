"""How people reach public transport."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kera_mobility.results.facts import TRANSIT, WALK, Facts, Group, share
from kera_mobility.results.kpis import Kpi, kpi


@kpi
def access_to_transit(facts: Facts) -> Iterator[Kpi]:
    """Yield, for each mode, the share of transit trips that use it before or after the line."""
    if TRANSIT not in facts.modes:
        return
    for group in facts.groups:
        for mode in facts.modes:
            if mode != TRANSIT:
                value = _access_share(facts, group, mode)
                name = f"access.{mode}_share_of_transit{group.suffix}"
                yield Kpi(name, value, "share of trips", group.name, _definition(mode))


def _access_share(facts: Facts, group: Group, mode: str) -> float:
    rode = facts.rode[group.completed]
    rode = rode[rode[:, facts.modes.index(TRANSIT)]]
    wheels = [index for index, name in enumerate(facts.modes) if name not in (TRANSIT, WALK)]
    uses = ~rode[:, wheels].any(axis=1) if mode == WALK else rode[:, facts.modes.index(mode)]
    return share(int(np.count_nonzero(uses)), len(rode))


def _definition(mode: str) -> str:
    if mode == WALK:
        return "Of completed trips with a ride by public transport, the share reached and left on foot alone."
    return f"Of completed trips with a ride by public transport, the share that also used {mode}."
