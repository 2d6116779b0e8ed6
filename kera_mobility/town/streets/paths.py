"""The nodes along shortest paths, recovered from the skims, for travellers whose street is closed on the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kera_mobility.town.streets.streets import MODE_BIT, Skims, Streets
from kera_mobility.units import FloatArray, IntArray

TABLES = {"walk": "walk_m", "cycle": "cycle_m", "drive": "drive_s"}
"""The skim that a mode's paths minimise."""


class ShortestPaths:
    """The shortest paths of one mode on a street graph."""

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
        remaining = float(self.table[here, end])
        yield here, remaining
        while here != end:
            weight, here = min(
                (weight, node)
                for weight, node in self._edges[here]
                if weight > 0 and weight + float(self.table[node, end]) == remaining
            )
            remaining -= weight
            yield here, remaining
