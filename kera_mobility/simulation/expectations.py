"""Expectations of capacity-limited services: learned on warm-up days with seeds of their own, an input of every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kera_mobility.cache import computed_once
from kera_mobility.config.cache_keys import cache_key
from kera_mobility.services.base import Experience
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.town import Town

Experiences = Mapping[str, Experience]
"""By service."""
WarmUp = Callable[[int, Experiences], Experiences]
"""Simulates warm-up day `number` with what was learned so far, and returns the experience of that day."""


FILE = "experiences.npz"


class ServedChance(NamedTuple):
    """Requests to one service on a day, and the chance of being served that people expected and met."""

    asked: float
    """Number of requests."""
    expected: float
    met: float


def experiences_of(scenario: Scenario, town: Town, warm_up: WarmUp) -> Experiences:
    """Return what people have learned of capacity-limited services: from the cache, or from warm-up days."""
    return computed_once(
        "expectations", _key(scenario, town), _read, lambda: _learn(scenario, warm_up), _write,
        town.inputs, scenario.roots(town.folder),
    )  # fmt: skip


def served_chance(expected: Experience | None, met: Experience) -> ServedChance:
    """Return the chance of being served on a day, means over its requests; without expectation people expect 1."""
    requests = float(np.cumsum(met.requests)[-1])
    if not requests:
        return ServedChance(0.0, 1.0, 1.0)
    chance = expected.chance if expected else np.ones_like(met.requests)
    expected_requests = float(np.cumsum(chance * met.requests)[-1])
    return ServedChance(requests, expected_requests / requests, float(np.cumsum(met.served)[-1] / requests))


def _learn(scenario: Scenario, warm_up: WarmUp) -> Experiences:
    learned: dict[str, Experience] = {}
    for number in range(scenario.planning.warm_up_days):
        met = warm_up(number, learned)
        if not met:
            break
        chances = [served_chance(learned.get(name), experience) for name, experience in met.items()]
        for name, experience in met.items():
            before = learned.get(name, Experience(*map(np.zeros_like, experience)))
            # On the first days people knew less: each new day halves the weight of all before it.
            learned[name] = Experience(*(old / 2.0 + new for old, new in zip(before, experience, strict=True)))
        if max(abs(chance.expected - chance.met) for chance in chances) < scenario.planning.warm_up_agreement:
            break
    return learned


def _key(scenario: Scenario, town: Town) -> str:
    streets = town.streets
    return cache_key(
        scenario=scenario.hash, weather=repr(scenario.weather_on(0)), people=np.asarray(town.people.person),
        streets=(streets.edge_from, streets.edge_to, streets.edge_length_m, streets.edge_drive_s, streets.edge_modes),
    )  # fmt: skip


def _read(folder: Path) -> Experiences:
    with np.load(folder / FILE) as arrays:
        names = sorted({name.rpartition(".")[0] for name in arrays.files})
        return {name: Experience(*(arrays[f"{name}.{part}"] for part in Experience._fields)) for name in names}


def _write(learned: Experiences, folder: Path) -> None:
    parts = {name: experience._asdict() for name, experience in learned.items()}
    np.savez(folder / FILE, **{f"{name}.{part}": array for name in parts for part, array in parts[name].items()})
