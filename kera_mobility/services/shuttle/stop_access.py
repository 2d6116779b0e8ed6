"""Which stops of a loop to board and leave at, and the walks to and from them."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from kera_mobility.town.streets.streets import Skims
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_s


class Walks(NamedTuple):
    """Where one ride boards and ends, and the walks around it."""

    board: int
    """Index of the stop."""
    alight: int
    """Index of the stop; the same as `board` where no ride makes sense."""
    to_stop_s: float
    from_stop_s: float
    to_stop_m: float
    from_stop_m: float


class LoopWalks:
    """Walks between N nodes and S stops, and the best pair of stops; what is asked often is kept."""

    def __init__(
        self, skims: Skims, stop_node: IntArray, typical_s: FloatArray, *, walk_speed_m_s: float, max_walk_m: float
    ) -> None:
        """Prepare; `typical_s` are mean waiting and riding times between stops, (S, S)."""
        self._skims, self._stop_node, self.typical_s = skims, stop_node, typical_s
        self._speed_m_s, self._max_walk_m = walk_speed_m_s, max_walk_m
        stops = range(len(stop_node))
        self._pairs = [(a, b, float(typical_s[a, b])) for a in stops for b in stops if a != b]
        self._known: dict[tuple[int, int], Walks] = {}

    @cached_property
    def is_near(self) -> BoolArray:
        """Whether some stop is within walking reach, (N,)."""
        near: BoolArray = np.any(self._skims.walk_m[self._stop_node] <= self._max_walk_m, axis=0)
        return near

    @cached_property
    def to_stop_s(self) -> FloatArray:
        """Walk from every node to each stop, (N, S)."""
        return round_s(self._skims.walk_m[:, self._stop_node].astype(np.float64) / self._speed_m_s)

    @cached_property
    def from_stop_s(self) -> FloatArray:
        """Walk from each stop to every node, (N, S)."""
        return round_s(self._skims.walk_m[self._stop_node].T.astype(np.float64) / self._speed_m_s)

    def one(self, origin: int, destination: int) -> Walks:
        """Return the same as `best` for one ride."""
        found = self._known.get((origin, destination))
        if found is None:
            found = self._known[origin, destination] = self._one(origin, destination)
        return found

    def best(self, origins: IntArray, destinations: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pair of stops with the least walking, waiting and riding, each (T,); equal where there is none."""
        if len(origins) == 1:  # somebody replans: the answer for one is the same, and known for most pairs
            one = self.one(int(origins[0]), int(destinations[0]))
            return np.array([one.board]), np.array([one.alight])
        to_stop_s, from_stop_s = self.to_stop_s[origins], self.from_stop_s[destinations]
        best_s = np.full(len(origins), np.inf)
        best_board, best_alight = (np.zeros(len(origins), dtype=np.int64) for _ in range(2))
        for board, alight, typical_s in self._pairs:
            total_s = to_stop_s[:, board] + typical_s + from_stop_s[:, alight]
            better = total_s < best_s
            best_s[better], best_board[better], best_alight[better] = total_s[better], board, alight
        return best_board, best_alight

    def _one(self, origin: int, destination: int) -> Walks:
        to_stop_s: list[float] = self.to_stop_s[origin].tolist()
        from_stop_s: list[float] = self.from_stop_s[destination].tolist()
        best_s, board, alight = np.inf, 0, 0
        for a, b, typical_s in self._pairs:
            total_s = to_stop_s[a] + typical_s + from_stop_s[b]
            if total_s < best_s:
                best_s, board, alight = total_s, a, b
        walk_m, node = self._skims.walk_m, self._stop_node
        return Walks(
            board, alight, to_stop_s[board], from_stop_s[alight],
            float(walk_m[origin, node[board]]), float(walk_m[node[alight], destination]),
        )  # fmt: skip
