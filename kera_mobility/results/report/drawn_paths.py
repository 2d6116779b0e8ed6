"""Paths between places as lists of drawn lines, each found once and numbered.

A path is a list of whole numbers: line + 1 of `DrawnMap.lines` (negative: gone backwards), or BEYOND + row of a place
that is reached in a straight line, beyond the drawn map.
"""

from __future__ import annotations

import numpy as np

from kera_mobility.results.report.basemap import DrawnGraph, DrawnMap
from kera_mobility.units import IntArray

BEYOND = 1_000_000
"""Numbers from here on name a place, not a line."""
FOOT, WHEELS, TRACK = "foot", "wheels", "track"

PathKey = tuple[str, int, int]
"""Kind of graph, row of the place where the path begins, and where it ends; the lower row first."""


class DrawnPaths:
    """The paths of a map: `request` all of them, then `find` once, then ask for their `number`."""

    def __init__(self, drawn_map: DrawnMap) -> None:
        self.map = drawn_map
        self.paths: list[list[int]] = []
        self._number: dict[PathKey, int] = {}
        self._requests: set[PathKey] = set()

    def request(self, kind: str, origin: int, destination: int) -> None:
        """Ask for the path between two places."""
        if origin != destination:
            self._requests.add((kind, min(origin, destination), max(origin, destination)))

    def number(self, kind: str, origin: int, destination: int) -> int:
        """Return the number of a path, + 1; negative if gone backwards; 0 where there is nowhere to go."""
        if origin == destination:
            return 0
        number = self._number[kind, min(origin, destination), max(origin, destination)]
        return number + 1 if origin < destination else -(number + 1)

    def find(self) -> None:
        """Find every path that was asked for."""
        for kind in (FOOT, WHEELS, TRACK):
            requests = sorted(key for key in self._requests if key[0] == kind and key not in self._number)
            graph = self.graph(kind)
            if graph is None:
                for key in requests:
                    self._keep(key, [BEYOND + key[1], BEYOND + key[2]])
            elif requests:
                self._find_on(graph, kind, requests)

    def graph(self, kind: str) -> DrawnGraph | None:
        """Return the graph of a kind; None where nothing of it is drawn."""
        if kind == TRACK:
            return self.map.tracks
        if not self.map.street_count:
            return None
        return self.map.foot if kind == FOOT else self.map.wheels

    def junctions(self, kind: str, rows: IntArray) -> IntArray:
        """Return where places stand on a graph, or where the path to them leaves it, (S,)."""
        graph = self.graph(kind)
        assert graph is not None
        if kind == TRACK:
            return graph.snap(self.map.place_lonlat[rows])[0]
        junctions = self.map.place_junction[rows]
        beyond = self.map.outside[rows]
        if beyond.any():
            junctions[beyond] = graph.snap(self.map.place_lonlat[rows[beyond]])[0]
        return junctions

    def _find_on(self, graph: DrawnGraph, kind: str, requests: list[PathKey]) -> None:
        rows = np.array([key[1:] for key in requests], dtype=np.int64)
        begins, ends = self.junctions(kind, rows[:, 0]), self.junctions(kind, rows[:, 1])
        for paths in graph.shortest_paths(np.unique(begins)):
            row_of = {int(junction): row for row, junction in enumerate(paths.origins)}
            of_origins = np.flatnonzero(np.isin(begins, paths.origins))
            for index in of_origins[np.argsort(begins[of_origins], kind="stable")].tolist():
                path = graph.path(paths, row_of[int(begins[index])], int(ends[index]))
                self._keep(requests[index], self._with_ends(requests[index], path))

    def _with_ends(self, key: PathKey, path: list[int]) -> list[int]:
        """Return a path on tracks or streets with the straight parts beyond the map."""
        kind, origin, destination = key
        if kind == TRACK:
            shift = self.map.street_count
            path = [line + shift if line > 0 else line - shift for line in path]
        outside = self.map.outside
        first = [BEYOND + origin] if outside[origin] or not path else []
        last = [BEYOND + destination] if outside[destination] or not path else []
        if outside[origin] and outside[destination] and self._is_detour(origin, destination):
            path = []
        return [*first, *path, *last]

    def _is_detour(self, origin: int, destination: int) -> bool:
        """Return whether two places beyond the map lie on the same side of it, or at one point."""
        lonlat = self.map.place_lonlat[[origin, destination]]
        inside = self.map.place_lonlat[~self.map.outside]
        if not len(inside) or (lonlat[0] == lonlat[1]).all():
            return True
        low, high = inside.min(axis=0), inside.max(axis=0)
        return bool(((lonlat < low).all(axis=0) | (lonlat > high).all(axis=0)).any())

    def _keep(self, key: PathKey, path: list[int]) -> None:
        self._number[key] = len(self.paths)
        self.paths.append(path)
