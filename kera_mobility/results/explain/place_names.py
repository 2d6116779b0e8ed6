"""Names of places: that of the stop or hub at a street node, else the nearest one, else the zone, else the node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kera_mobility.geometry import contains, degree_scale
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.texts import visible
from kera_mobility.units import AnyArray, FloatArray, IntArray

NEAR_M = 400.0
"""A place is called after a stop or hub this near, straight. Assumption."""
AROUND_M = 1500.0
"""Beyond that it is called the surroundings of one this near. Assumption."""


@dataclass
class Gazetteer:
    """Street nodes and the names near them; N nodes, K named places."""

    xy_m: FloatArray
    """(N, 2) metres east and north on a plane that touches the area."""
    outside: AnyArray
    """(N,) whether a node stands for a place beyond the map."""
    names: Sequence[str]
    """Of the named places, K."""
    named: IntArray
    """Their nodes, (K,)."""
    zones: Sequence[tuple[str, FloatArray]] = ()
    """Name and outline, (points, 2) in the same metres."""
    _known: dict[int, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, record: RunRecord) -> Gazetteer:
        """Return the names of a result."""
        places = record.places
        lonlat = np.column_stack([numbers(places, "lon"), numbers(places, "lat")]).astype(np.float64)
        scale = degree_scale(lonlat[:, 1].mean() if len(lonlat) else 0.0)
        names = [visible(name, keep="") for name in places.column("name").to_pylist()]
        kinds: list[str] = places.column("kind").to_pylist()
        named = [row for row, name in enumerate(names) if name]
        zones = [
            (visible(str(zone["name"]), keep=""), np.array(zone["outline"], dtype=np.float64) * scale)
            for zone in record.area.get("zones", ())
            if isinstance(zone, Mapping) and zone.get("name") and zone.get("outline")
        ]
        outside = np.array([kind == "outside" for kind in kinds], dtype=np.bool_)
        return cls(lonlat * scale, outside, [names[row] for row in named], np.array(named, dtype=np.int64), zones)

    def name(self, node: int) -> str:
        """Return what people call a street node."""
        if node not in self._known:
            self._known[node] = self._named(node)
        return self._known[node]

    def _named(self, node: int) -> str:
        if not 0 <= node < len(self.xy_m):
            return "everywhere" if node < 0 else f"node {node}"
        here = self.xy_m[node]
        away_m, nearest = np.inf, -1
        if len(self.named):
            step = self.xy_m[self.named] - here
            from_m = np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2)
            nearest = int(np.argmin(from_m))
            away_m = float(from_m[nearest])
        if away_m <= NEAR_M:
            return self.names[nearest]
        if self.outside[node]:
            return "beyond the map"
        zone = next((name for name, outline in self.zones if contains(outline, here[None])[0]), "")
        if zone:
            return zone
        return f"around {self.names[nearest]}" if away_m <= AROUND_M else f"node {node}"
