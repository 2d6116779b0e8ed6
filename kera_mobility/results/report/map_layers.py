"""Layers of the map of one run: flows along streets, minutes to the platform, refusals, unserved trips, stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.results.facts import WALK, Facts
from kera_mobility.results.record import numbers
from kera_mobility.results.report.basemap import DrawnGraph, DrawnMap, metres_in_a_degree
from kera_mobility.results.report.drawn_paths import FOOT, WHEELS, DrawnPaths
from kera_mobility.units import MINUTE_S, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

WALK_SPEED_M_S = 1.2
"""Where the scenario names none. Source: HSL Journey Planner default (walk.speed)."""
SQUARE_M = 250.0
"""Side of the squares on which observed times and refusals are gathered."""
MOST_JUNCTIONS = 6000
"""Flows need the shortest paths from every junction; on a larger map they are left out."""
LEAST_TRIPS = 5
"""A square with fewer observed trips shows no time."""


def flows(facts: Facts, paths: DrawnPaths) -> dict[str, list[int]]:
    """Return how many legs of each street mode went along each street: mode -> counts (L,); lines have vehicles."""
    drawn_map = paths.map
    if not drawn_map.street_count or drawn_map.foot.junctions > MOST_JUNCTIONS:
        return {}
    legs = facts.record.tables["legs"]
    origins, destinations = (drawn_map.rows(numbers(legs, name)) for name in ("origin", "destination"))
    counts: dict[str, list[int]] = {}
    for kind, modes in ((FOOT, (WALK, "bicycle", "scooter")), (WHEELS, ("car",))):
        present = [mode for mode in modes if mode in facts.modes]
        rank = np.array([present.index(mode) if mode in present else -1 for mode in facts.modes])[facts.leg_mode]
        rows = np.flatnonzero(rank >= 0)
        begins, ends = paths.junctions(kind, origins[rows]), paths.junctions(kind, destinations[rows])
        graph = paths.graph(kind)
        assert graph is not None
        of_modes = _line_counts(graph, begins, ends, rank[rows], (len(present), drawn_map.street_count))
        counts |= dict(zip(present, of_modes.tolist(), strict=True))
    return counts


def _line_counts(
    graph: DrawnGraph, begins: IntArray, ends: IntArray, mode: IntArray, shape: tuple[int, int]
) -> IntArray:
    """Return the trips of each mode along each line, (M, L): all trips go back from their ends, a line at a time."""
    counts = np.zeros(shape[0] * shape[1], dtype=np.int64)
    for paths in graph.shortest_paths(np.unique(begins)):
        here = np.isin(begins, paths.origins)
        row, junction, rank = np.searchsorted(paths.origins, begins[here]), ends[here], mode[here]
        while len(row):
            before = paths.before[row, junction].astype(np.int64)
            moving = before >= 0
            row, rank = row[moving], rank[moving]
            lines = graph.lines_between(before[moving], junction[moving])
            counts += np.bincount(rank * shape[1] + lines, minlength=len(counts))
            junction = before[moving]
    return counts.reshape(shape)


def walk_to_platform_min(drawn_map: DrawnMap, platforms: IntArray, walk_speed_m_s: float) -> list[float]:
    """Return minutes on foot from the middle of each street to the nearest platform, (L,); -1 without a path."""
    inside = platforms[~drawn_map.outside[platforms]]
    if not drawn_map.street_count or not len(inside):
        return []
    parts = drawn_map.foot.shortest_paths(np.unique(drawn_map.place_junction[inside]))
    nearest = np.min([paths.length_m.min(axis=0) for paths in parts], axis=0)
    minutes = (nearest[drawn_map.foot.ends].min(axis=1) + drawn_map.length_m / 2) / walk_speed_m_s / MINUTE_S
    by_street: list[float] = np.where(np.isfinite(minutes), np.round(minutes, 1), -1.0).tolist()
    return by_street


def door_to_platform(facts: Facts, drawn_map: DrawnMap) -> list[list[float]]:
    """Return squares: west, south, east, north, the median minutes to the first stop of trips by line, and trips."""
    legs, trips = facts.record.frame("legs")[["leg", "t_s", "service"]], facts.record.frame("trips")
    lines = [name for name, about in facts.services.items() if about["kind"] == "transit"]
    legs = legs.assign(trip=facts.leg_trip)[legs["service"].isin(lines)]
    first = legs.sort_values(["trip", "leg"]).drop_duplicates("trip")
    departures = trips.iloc[first["trip"]]
    points = _points(drawn_map, departures["origin"].to_numpy())
    points["minutes"] = (first["t_s"].to_numpy() - departures["t_s"].to_numpy()) / MINUTE_S
    return [
        [*_box(drawn_map, cell), round(float(square["minutes"].median()), 1), len(square)]
        for cell, square in points[points["inside"]].groupby(["column", "row"])
        if len(square) >= LEAST_TRIPS
    ]


def spots(facts: Facts, drawn_map: DrawnMap) -> list[dict[str, Any]]:
    """Return where services refused people and where unserved trips began, gathered on squares, most first."""
    refusals = facts.record.frame("refusals")
    gathered: list[dict[str, Any]] = []
    for service, rows in refusals[refusals["service"] != ""].groupby("service"):
        gathered += _gathered(drawn_map, str(service), rows["place"].to_numpy(), rows["reason"].to_list())
    codes, names = facts.unserved_reason
    unserved = np.flatnonzero(facts.outcome == "unserved")
    origins = numbers(facts.record.tables["trips"], "origin")[unserved]
    return gathered + _gathered(drawn_map, "", origins, [names[code] for code in codes[unserved]])


def _gathered(drawn_map: DrawnMap, service: str, nodes: IntArray, reasons: list[str]) -> list[dict[str, Any]]:
    points = _points(drawn_map, nodes)
    points["reason"] = reasons
    gathered = [
        {
            "service": service, "lon": round(square["lon"].mean(), 5), "lat": round(square["lat"].mean(), 5),
            "count": len(square), "reasons": square["reason"].value_counts(sort=False).to_dict(),
        }
        for _, square in points[points["inside"]].groupby(["column", "row"])
    ]  # fmt: skip
    return sorted(gathered, key=lambda spot: (-spot["count"], spot["lon"], spot["lat"]))


def stops(facts: Facts, drawn_map: DrawnMap) -> list[list[Any]]:
    """Return the named places: row, name, kind, and 1 where vehicles call: a stop whatever else it is."""
    called = set(drawn_map.rows(numbers(facts.record.tables["calls"], "place")).tolist())
    names, kinds = (facts.record.places.column(name).to_pylist() for name in ("name", "kind"))
    return [
        [row, name, "outside" if drawn_map.outside[row] else kind, int(row in called)]
        for row, (name, kind) in enumerate(zip(names, kinds, strict=True))
        if name and kind != "street"
    ]


def _points(drawn_map: DrawnMap, nodes: IntArray) -> pd.DataFrame:
    """Return where nodes (S,) lie: lon, lat, whether on the map, and column and row of their square."""
    import pandas as pd

    rows = drawn_map.rows(nodes)
    lonlat = drawn_map.place_lonlat[rows]
    corner, side = _squares(drawn_map)
    column, row = np.floor((lonlat - corner) / side).astype(np.int64).T
    inside = ~drawn_map.outside[rows]
    return pd.DataFrame({"lon": lonlat[:, 0], "lat": lonlat[:, 1], "inside": inside, "column": column, "row": row})


def _box(drawn_map: DrawnMap, cell: Any) -> list[float]:
    """Return west, south, east and north of a square by its column and row."""
    corner, side = _squares(drawn_map)
    low = corner + np.array(cell) * side
    return [round(float(value), 5) for value in (*low, *(low + side))]


def _squares(drawn_map: DrawnMap) -> tuple[FloatArray, FloatArray]:
    """Return the south-western corner of all squares and the size of one, degrees east and north."""
    corner = drawn_map.place_lonlat[~drawn_map.outside].min(axis=0)
    return corner, SQUARE_M / metres_in_a_degree(corner[None])
