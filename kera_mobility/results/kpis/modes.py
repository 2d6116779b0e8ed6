"""How people travel: the share of each mode, and of the sustainable ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kera_mobility.results.facts import Facts, Group, share, total
from kera_mobility.results.kpis import Kpi, kpi, personal

SCOOTER = "scooter"
"""A class of its own in the travel survey: neither walking and cycling nor public transport."""


@personal(
    "sustainable_share", "share of trips",
    "Share of completed trips whose main mode (the longest part by distance) is walking, bicycle or public transport, "
    "shared shuttles included where they count as that; shared scooters are not counted as sustainable.",
)  # fmt: skip
def sustainable_share(facts: Facts, group: Group) -> float:
    """Return the share without scooters."""
    return _share_of(facts, group, set(facts.sustainable_modes) - {SCOOTER})


@personal(
    "sustainable_share.with_scooter", "share of trips",
    "Share of completed trips whose main mode is walking, bicycle, public transport or a shared scooter.",
)  # fmt: skip
def sustainable_share_with_scooter(facts: Facts, group: Group) -> float:
    """Return the share with scooters."""
    return _share_of(facts, group, {*facts.sustainable_modes, SCOOTER})


@kpi
def mode_shares(facts: Facts) -> Iterator[Kpi]:
    """Yield the share of each mode of the run."""
    definition = "Share of completed trips whose main mode (the longest part by distance) is {mode}."
    for group in facts.groups:
        for mode in facts.modes:
            value = _share_of(facts, group, {mode})
            named = definition.format(mode=mode)
            yield Kpi(f"mode_share.{mode}{group.suffix}", value, "share of trips", group.name, named)


@kpi
def person_kilometres(facts: Facts) -> Iterator[Kpi]:
    """Yield the kilometres travelled, in all and by each mode."""
    for group in facts.groups:
        km = facts.mode_m[group.completed] / 1000.0
        in_all = "Kilometres that people travelled on completed trips, by all modes."
        yield Kpi(f"person_km{group.suffix}", total(km.ravel()), "km", group.name, in_all)
        for column, mode in enumerate(facts.modes):
            part = f"Kilometres that people travelled by {mode} on completed trips, access and egress included."
            yield Kpi(f"person_km.{mode}{group.suffix}", total(km[:, column]), "km", group.name, part)


def _share_of(facts: Facts, group: Group, modes: set[str]) -> float:
    columns = [index for index, mode in enumerate(facts.modes) if mode in modes]
    main = facts.main_mode[group.completed]
    return share(int(np.count_nonzero(np.isin(main, columns))), len(main))
