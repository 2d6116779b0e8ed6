"""Scenarios side by side: paired run by run and person by person, with intervals that say what they are over."""

from __future__ import annotations

from kera_mobility.results.compare.comparison import CONFIDENCE, FAMILIES, Comparison, compare, compare_all
from kera_mobility.results.compare.differences import Difference
from kera_mobility.results.compare.pairing import Folders
from kera_mobility.results.compare.values import Values, read_values
from kera_mobility.results.runs import RunKey

__all__ = [
    "CONFIDENCE", "FAMILIES", "Comparison", "Difference", "Folders", "RunKey", "Values", "compare", "compare_all",
    "read_values",
]  # fmt: skip
