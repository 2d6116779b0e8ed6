"""What one pair of runs says about one thing, before it is averaged over pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class About(NamedTuple):
    """What a quantity is, the same in every pair."""

    id: str
    section: str
    """Block of the table: outcomes, served, switched, benefit, money, yearly, carbon, ratios, substitution, only_a,
    only_b."""
    unit: str
    population: str
    definition: str
    payer: str = ""
    """Who bears it, where it is a cost: travellers, operators, authority, city, or whom a service names."""
    boundary: str = ""
    """What is counted, by a code of BOUNDARIES or in words; where a sum would mislead without it."""


@dataclass(frozen=True)
class Quantity:
    """A value in A and in B; what only a comparison can know has no value in A."""

    about: About
    before: float | None
    after: float


@dataclass(frozen=True)
class Quotient:
    """Part over base: over the pairs it is the sum of parts over the sum of bases."""

    about: About
    part: float
    base: float
