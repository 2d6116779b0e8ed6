"""The nodes along shortest ways, read back from the tables of their lengths, for those who meet a shut street."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kera_mobility.town.streets.streets import MODE_BIT, Skims, Streets
from kera_mobility.units import FloatArray, IntArray

TABLES = {"walk": "walk_m", "cycle": "cycle_m", "drive": "drive_s"}
"""The table of a mode's shortest ways: what its way is shortest in."""


class Ways:
    """The shortest ways of one mode through some streets."""

    def __init__(self, streets: Streets, skims: Skims, mode: str, stands: IntArray) -> None:
        """Prepare; ways begin and end at `stands`, (N,): a car beside a path stands on the nearest street."""
        self.table = getattr(skims, TABLES[mode])
        weight: FloatArray = np.asarray(streets.edge_drive_s if mode == "drive" else streets.edge_length_m)
        usable = (np.asarray(streets.edge_modes) & MODE_BIT[mode]).astype(bool) & np.isfinite(weight)
        self._edges: dict[int, list[tuple[float, int]]] = {}
        for edge in np.flatnonzero(usable).tolist():
            step = (float(weight[edge]), int(streets.edge_to[edge]))
            self._edges.setdefault(int(streets.edge_from[edge]), []).append(step)
        self._stands = stands

    def between(self, origin: int, destination: int) -> Iterator[tuple[int, float]]:
        """Yield each node of a way that there is, and what is left from there: metres, or for cars s of free flow.

        Of several shortest ways it is the one with the shortest next street, then the lowest node. Sums of lengths are
        exact, so a street belongs to a shortest way if and only if what is left grows less by its length.
        """
        here, end = int(self._stands[origin]), int(self._stands[destination])
        left = float(self.table[here, end])
        yield here, left
        while here != end:
            weight, here = min(
                (weight, node)
                for weight, node in self._edges[here]
                if weight > 0 and weight + float(self.table[node, end]) == left
            )
            left -= weight
            yield here, left
