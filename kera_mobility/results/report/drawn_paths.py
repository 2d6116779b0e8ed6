"""Ways between places as lists of drawn lines, each found once and numbered.

A way is a list of whole numbers: line + 1 of `Ground.lines` (negative: gone backwards), or BEYOND + row of a place that
is reached in a straight line, beyond the drawn map.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kera_mobility.results.report.basemap import Ground, Net, distance_m
from kera_mobility.units import FloatArray, IntArray

BEYOND = 1_000_000
"""Numbers from here on name a place, not a line."""
FOOT, WHEELS, TRACK = "foot", "wheels", "track"

Wish = tuple[str, int, int]
"""Kind of net, row of the place where the way begins, and where it ends."""


class Ways:
    """The ways that have been asked for: `want` them all, then `find` once, then ask for their `number`."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.ways: list[list[int]] = []
        self._number: dict[Wish, int] = {}
        self._wanted: set[Wish] = set()
        self._exits: dict[tuple[str, int], int] = {}

    def want(self, kind: str, origin: int, destination: int) -> None:
        """Ask for the way between two places."""
        if origin != destination:
            self._wanted.add((kind, min(origin, destination), max(origin, destination)))

    def number(self, kind: str, origin: int, destination: int) -> int:
        """Return the number of a way, + 1; negative if gone backwards; 0 where there is nowhere to go."""
        if origin == destination:
            return 0
        found = self._number[kind, min(origin, destination), max(origin, destination)]
        return found + 1 if origin < destination else -(found + 1)

    def find(self) -> None:
        """Find every way that was asked for."""
        for kind in (FOOT, WHEELS, TRACK):
            wishes = sorted(wish for wish in self._wanted if wish[0] == kind and wish not in self._number)
            net = self.net(kind)
            if net is None:
                for wish in wishes:
                    self._keep(wish, [BEYOND + wish[1], BEYOND + wish[2]])
            else:
                self._find_on(net, wishes)

    def net(self, kind: str) -> Net | None:
        """Return the graph of a kind; None where nothing of it is drawn."""
        if kind == TRACK:
            return self.ground.tracks
        if not self.ground.street_count:
            return None
        return self.ground.foot if kind == FOOT else self.ground.wheels

    def junctions(self, kind: str, rows: IntArray) -> IntArray:
        """Return where places stand on a net, or where the way to them leaves it, (S,)."""
        net = self.net(kind)
        assert net is not None
        if kind != TRACK:
            exits = self.ground.place_junction[rows]
            beyond = self.ground.outside[rows]
            exits[beyond] = self._nearest(net, self.ground.place_lonlat[rows[beyond]])
            return exits
        return self._nearest(net, self.ground.place_lonlat[rows])

    def _nearest(self, net: Net, lonlat: FloatArray) -> IntArray:
        return net.snap(lonlat)[0] if len(lonlat) else np.empty(0, dtype=np.int64)

    def _find_on(self, net: Net, wishes: list[Wish]) -> None:
        if not wishes:
            return
        kind = wishes[0][0]
        rows = np.array([wish[1:] for wish in wishes], dtype=np.int64)
        begins, ends = self.junctions(kind, rows[:, 0]), self.junctions(kind, rows[:, 1])
        order = np.argsort(begins, kind="stable")
        origins, of_origin = np.unique(begins, return_inverse=True)
        at = 0
        for trees in net.trees(origins):
            place_of = {int(junction): row for row, junction in enumerate(trees.origins)}
            while at < len(order) and int(origins[of_origin[order[at]]]) in place_of:
                index = int(order[at])
                way = net.way(trees, place_of[int(begins[index])], int(ends[index]))
                self._keep(wishes[index], self._with_ends(kind, wishes[index], way))
                at += 1

    def _with_ends(self, kind: str, wish: Wish, way: list[int]) -> list[int]:
        """Return a way on tracks or streets with the straight parts beyond the map."""
        if kind == TRACK:
            shift = self.ground.street_count
            way = [line + shift if line > 0 else line - shift for line in way]
        _, origin, destination = wish
        outside = self.ground.outside
        first = [BEYOND + origin] if outside[origin] or not way else []
        last = [BEYOND + destination] if outside[destination] or not way else []
        if outside[origin] and outside[destination] and self._is_detour(wish):
            way = []
        return [*first, *way, *last]

    def _is_detour(self, wish: Wish) -> bool:
        """Return whether two places beyond the map lie on the same side of it."""
        lonlat = self.ground.place_lonlat[list(wish[1:])]
        inside = self.ground.place_lonlat[~self.ground.outside]
        if not len(inside):
            return True
        low, high = inside.min(axis=0), inside.max(axis=0)
        same_side = ((lonlat < low).all(axis=0) | (lonlat > high).all(axis=0)).any()
        straight = float(distance_m(lonlat[:1], lonlat[1:])[0])
        return bool(same_side) or straight == 0.0

    def _keep(self, wish: Wish, way: Iterable[int]) -> None:
        self._number[wish] = len(self.ways)
        self.ways.append(list(way))
