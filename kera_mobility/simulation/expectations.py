"""What people expect of scarce services: learned on warm-up days with seeds of their own, an input of every run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from kera_mobility.config.resources import code_hash
from kera_mobility.files import cache_root, replacing
from kera_mobility.services.base import Experience
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.town import Town

Experiences = Mapping[str, Experience]
"""By service."""
Day = Callable[[int, Experiences], Experiences]
"""Lives warm-up day `number` with what was learned so far, and returns what was met."""


def experiences_of(scenario: Scenario, town: Town, live: Day) -> Experiences:
    """Return what people have learned of the scarce services of a scenario: from the cache, or from warm-up days."""
    root = cache_root()
    kept = root / "expectations" / f"{_key(scenario, town)}.npz" if root else None
    if kept and kept.is_file():
        return _read(kept)
    learned = _learn(scenario, live)
    if kept:
        _keep(learned, kept)
    return learned


def served_chance(experiences: Experiences, met: Experiences) -> tuple[float, float, float]:
    """Return how many asked one service, and the chance of being served that they reckoned with and that they met."""
    ((name, day),) = met.items()
    asked = float(np.cumsum(day.requests)[-1])
    if not asked:
        return 0.0, 1.0, 1.0
    reckoned = experiences[name].chance if name in experiences else np.ones_like(day.requests)
    return asked, float(np.cumsum(reckoned * day.requests)[-1] / asked), float(np.cumsum(day.served)[-1] / asked)


def _learn(scenario: Scenario, live: Day) -> Experiences:
    learned: dict[str, Experience] = {}
    for number in range(scenario.planning.warm_up_days):
        met = live(number, learned)
        if not met:
            break
        chances = [served_chance(learned, {name: one}) for name, one in met.items()]
        for name, one in met.items():
            before = learned.get(name, Experience(*(np.zeros_like(part) for part in one)))
            # The first days were lived by people who knew less: each new day halves the weight of all before it.
            learned[name] = Experience(*(old / 2.0 + new for old, new in zip(before, one, strict=True)))
        if max(abs(reckoned - real) for _, reckoned, real in chances) < scenario.planning.warm_up_agreement:
            break
    return learned


def _key(scenario: Scenario, town: Town) -> str:
    digest = hashlib.sha256(f"{scenario.hash} {town.hash} {code_hash()}".encode())
    digest.update(np.ascontiguousarray(town.people.person).tobytes())
    return digest.hexdigest()[:20]


def _read(file: Path) -> Experiences:
    with np.load(file) as arrays:
        names = sorted({name.rpartition(".")[0] for name in arrays.files})
        return {name: Experience(*(arrays[f"{name}.{part}"] for part in Experience._fields)) for name in names}


def _keep(learned: Experiences, file: Path) -> None:
    """Write what was learned; a disk that does not allow it costs time, nothing else."""
    arrays = {f"{name}.{part}": getattr(one, part) for name, one in learned.items() for part in one._fields}
    with suppress(OSError), replacing(file) as partial:
        np.savez(partial, **arrays)
