"""Scenarios side by side: paired run by run and person by person, with intervals that say what they are over."""

from __future__ import annotations

from kera_mobility.outcomes.compare.comparison import CONFIDENCE, FAMILIES, Comparison, compare, compare_all
from kera_mobility.outcomes.compare.differences import Difference
from kera_mobility.outcomes.compare.sides import Folders, Pair
from kera_mobility.outcomes.compare.values import Values, read_values

__all__ = [
    "CONFIDENCE", "FAMILIES", "Comparison", "Difference", "Folders", "Pair", "Values", "compare", "compare_all",
    "read_values",
]  # fmt: skip
