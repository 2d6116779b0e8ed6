"""Chance addressed by name: a draw is a pure function of where it is asked, never of when.

An address is a chain of 64-bit words (seed, day, purpose, person, trip, alternative) folded with the
splitmix64 finaliser (Steele, Lea and Flood 2014); names become words through blake2b. Scalars (also numpy
integers) and arrays give the same bits, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from kera_mobility.errors import ConfigError
from kera_mobility.kernels import exact
from kera_mobility.units import FloatArray

Words = NDArray[np.uint64]
Step: TypeAlias = "int | str | np.integer"
ArrayStep: TypeAlias = "int | str | np.integer | NDArray[np.integer]"

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_UNIT = 2.0**-53


@lru_cache(maxsize=65536)
def word(name: str) -> int:
    """Return the 64-bit word of a name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _fold_one(state: int, step: int) -> int:
    z = ((state ^ step) + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def _fold_many(state: Words, step: Words) -> Words:
    z = (state ^ step) + np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    folded: Words = z ^ (z >> np.uint64(31))
    return folded


@dataclass(frozen=True)
class Dice:
    """An address so far; `at` goes deeper, the draws read what stands there."""

    address: int = 0

    @classmethod
    def of(cls, seed: int, day: int = 0) -> Dice:
        """Return the dice of one seed and day.

        Raises
        ------
        ConfigError
            If one is no word of 64 bits: two seeds would give one day.
        """
        for name, number in (("seed", seed), ("day", day)):
            if not 0 <= number <= _MASK:
                raise ConfigError(f"{name}: got {number}, expected 0 to {_MASK}")
        return cls().at(seed, day)

    def at(self, *steps: Step) -> Dice:
        """Return the dice at a deeper address."""
        address = self.address
        for step in steps:
            address = _fold_one(address, word(step) if isinstance(step, str) else int(step) & _MASK)
        return Dice(address)

    @overload
    def uniform(self, *steps: Step) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def uniform(self, *steps: ArrayStep) -> FloatArray: ...
    def uniform(self, *steps: ArrayStep) -> float | FloatArray:
        """Return the uniform draw in the open interval (0, 1) at an address below this one.

        Steps are integers, names, or integer arrays that broadcast; any array makes the draw an array.
        """
        state = self._words(*steps)
        if isinstance(state, int):
            return ((state >> 11) + 0.5) * _UNIT if state >> 11 != _MASK >> 11 else 1.0 - _UNIT
        high = state >> np.uint64(11)
        draw: FloatArray = (high.astype(np.float64) + 0.5) * _UNIT
        return np.where(draw >= 1.0, 1.0 - _UNIT, draw)

    @overload
    def gumbel(self, *steps: Step) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def gumbel(self, *steps: ArrayStep) -> FloatArray: ...
    def gumbel(self, *steps: ArrayStep) -> float | FloatArray:
        """Return the standard Gumbel draw (location 0, scale 1) at an address."""
        return -exact.log(-exact.log(self.uniform(*steps)))

    @overload
    def exponential(self, *steps: Step) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def exponential(self, *steps: ArrayStep) -> FloatArray: ...
    def exponential(self, *steps: ArrayStep) -> float | FloatArray:
        """Return the exponential draw of mean 1 at an address."""
        return -exact.log(self.uniform(*steps))

    @overload
    def log_stable(self, index: float, *steps: Step) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def log_stable(self, index: float, *steps: ArrayStep) -> FloatArray: ...
    def log_stable(self, index: float, *steps: ArrayStep) -> float | FloatArray:
        """Return ln S for a positive stable S of `index` in (0, 1], whose Laplace transform is exp(-t^index).

        Source: Kanter 1975, "Stable densities under change of scale and total variation inequalities",
        Annals of Probability 3(4), theorem 4.1; index 1 gives S = 1.
        """
        angle = self.uniform(*steps, "angle")
        if index == 1.0:
            return angle * 0.0
        waiting = self.exponential(*steps, "waiting")
        return (
            exact.log(exact.sin_pi(index * angle))
            - exact.log(exact.sin_pi(angle)) / index
            + (exact.log(exact.sin_pi((1.0 - index) * angle)) - exact.log(waiting)) * ((1.0 - index) / index)
        )

    def _words(self, *steps: ArrayStep) -> int | Words:
        state: int | Words = self.address
        for step in steps:
            if type(step) is int and type(state) is int:  # most draws, and the fastest
                state = _fold_one(state, step & _MASK)
                continue
            if isinstance(step, np.ndarray) and step.ndim > 0:
                words = state if isinstance(state, np.ndarray) else np.uint64(state)
                state = _fold_many(np.asarray(words), step.astype(np.uint64))
                continue
            key = word(step) if isinstance(step, str) else int(step) & _MASK
            state = _fold_one(state, key) if isinstance(state, int) else _fold_many(state, np.asarray(np.uint64(key)))
        return state
