"""Which stops of a loop to board and leave at, and the walks to and from them."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from kera_mobility.services.shuttle.settings import ShuttleSettings
from kera_mobility.town.streets.streets import Skims
from kera_mobility.units import BoolArray, FloatArray, IntArray, round_s


class StopPair(NamedTuple):
    """Where a ride boards and ends, and the walks around it."""

    board: int
    """Index of the stop."""
    alight: int
    """Index of the stop; the same as `board` where no ride makes sense."""
    to_stop_s: float
    from_stop_s: float
    to_stop_m: float
    from_stop_m: float


class StopAccess:
    """Walks between N nodes and S stops, and the best pair of stops; what is asked often is kept."""

    def __init__(self, skims: Skims, stop_node: IntArray, typical_s: FloatArray, settings: ShuttleSettings) -> None:
        """Prepare; `typical_s` are mean waiting and riding times between stops, (S, S)."""
        self._skims, self._stop_node, self.typical_s = skims, stop_node, typical_s
        self._speed_m_s, self._max_walk_m = settings.walk_speed_m_s, settings.max_walk_m
        self._ride_s = np.where(np.eye(len(stop_node), dtype=np.bool_), np.inf, typical_s)
        self._pairs: dict[tuple[int, int], StopPair] = {}

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

    def best(self, origins: IntArray, destinations: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pair of stops with the least walking, waiting and riding, each (T,); equal where there is none."""
        if len(origins) == 1:  # somebody replans: known for most pairs
            pair = self.pair(int(origins[0]), int(destinations[0]))
            return np.array([pair.board]), np.array([pair.alight])
        return self._search(origins, destinations)

    def pair(self, origin: int, destination: int) -> StopPair:
        """Return the pair that `best` finds for one ride, and the walks around it."""
        pair = self._pairs.get((origin, destination))
        if pair is None:
            board, alight = (int(stop[0]) for stop in self._search(np.array([origin]), np.array([destination])))
            walk_m, node = self._skims.walk_m, self._stop_node
            pair = self._pairs[origin, destination] = StopPair(
                board, alight, self.to_stop_s.item(origin, board), self.from_stop_s.item(destination, alight),
                walk_m.item(origin, node.item(board)), walk_m.item(node.item(alight), destination),
            )  # fmt: skip
        return pair

    def _search(self, origins: IntArray, destinations: IntArray) -> tuple[IntArray, IntArray]:
        to_stop_s, from_stop_s = self.to_stop_s[origins], self.from_stop_s[destinations]
        best_s = np.full(len(origins), np.inf)
        best_board, best_alight = (np.zeros(len(origins), dtype=np.int64) for _ in range(2))
        for board, ride_s in enumerate(self._ride_s):
            total_s = to_stop_s[:, board, None] + ride_s + from_stop_s
            alight = total_s.argmin(axis=1)
            least_s = total_s[np.arange(len(origins)), alight]
            better = least_s < best_s
            best_s[better], best_board[better], best_alight[better] = least_s[better], board, alight[better]
        return best_board, best_alight
