"""What the map shows of one run: flows along streets, minutes to the platform, refusals, unserved trips, zones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kera_mobility.geometry import degree_scale
from kera_mobility.results.facts import WALK, Facts
from kera_mobility.results.record import numbers, texts
from kera_mobility.results.report.basemap import Ground, Net, Trees
from kera_mobility.results.report.drawn_paths import FOOT, WHEELS, Ways
from kera_mobility.units import MINUTE_S, FloatArray, IntArray

WALK_SPEED_M_S = 1.2
"""Where the scenario names none. Source: HSL Journey Planner default (walk.speed)."""
SQUARE_M = 250.0
"""Side of the squares on which observed times and refusals are gathered."""
MOST_JUNCTIONS = 6000
"""Flows need the shortest ways from every junction; on a larger map they are left out."""
LEAST_TRIPS = 5
"""A square with fewer observed trips shows no time."""


def flows(facts: Facts, ways: Ways) -> dict[str, list[int]]:
    """Return how many legs of each street mode went along each street: mode -> counts (L,); lines have vehicles."""
    ground = ways.ground
    if not ground.street_count or ground.foot.junctions > MOST_JUNCTIONS:
        return {}
    legs = facts.record.tables["legs"]
    ends = [ground.rows(numbers(legs, name).astype(np.int64)) for name in ("origin", "destination")]
    found: dict[str, list[int]] = {}
    for kind, modes in ((FOOT, (WALK, "bicycle", "scooter")), (WHEELS, ("car",))):
        net = ways.net(kind)
        present = [mode for mode in modes if mode in facts.modes]
        if net is None or not present:
            continue
        begins, stops = (ways.junctions(kind, rows) for rows in ends)
        of_mode = [np.flatnonzero(facts.leg_mode == facts.modes.index(mode)) for mode in present]
        counts = _flows_on(net, [(begins[rows], stops[rows]) for rows in of_mode], ground.street_count)
        found |= {mode: count.astype(np.int64).tolist() for mode, count in zip(present, counts, strict=True)}
    return found


def _flows_on(net: Net, pairs: list[tuple[IntArray, IntArray]], lines: int) -> list[FloatArray]:
    """Return the trips along each line, one array (L,) for each set of pairs of junctions."""
    counts = [np.zeros(lines) for _ in pairs]
    origins = np.unique(np.concatenate([begins for begins, _ in pairs]))
    for trees in net.trees(origins):
        for (begins, stops), count in zip(pairs, counts, strict=True):
            mine = np.isin(begins, trees.origins)
            rows = np.searchsorted(trees.origins, begins[mine])
            through = np.zeros(trees.before.shape)
            np.add.at(through, (rows, stops[mine]), 1.0)
            _let_flow(net, trees, through, count)
    return counts


def _let_flow(net: Net, trees: Trees, through: FloatArray, count: FloatArray) -> None:
    """Add what ends at each junction (K, J) to every line on its way, from the farthest junction to the nearest."""
    order = np.argsort(-np.where(np.isfinite(trees.length_m), trees.length_m, -1.0), axis=1, kind="stable")
    rows = np.arange(len(trees.origins))
    for rank in range(order.shape[1]):
        here = order[:, rank]
        before = trees.before[rows, here]
        moving = (before >= 0) & (through[rows, here] > 0)
        if moving.any():
            through[rows[moving], before[moving]] += through[rows[moving], here[moving]]
    row, junction = np.nonzero((trees.before >= 0) & (through > 0))
    lines = net.lines_between(trees.before[row, junction].astype(np.int64), junction.astype(np.int64))
    np.add.at(count, lines, through[row, junction])


def walk_to_platform_min(ground: Ground, platforms: IntArray, walk_speed_m_s: float) -> list[float]:
    """Return minutes on foot from the middle of each street to the nearest platform, (L,); -1 without a way."""
    inside = platforms[~ground.outside[platforms]] if len(platforms) else platforms
    if not ground.street_count or not len(inside):
        return []
    nearest = np.full(ground.foot.junctions, np.inf)
    for trees in ground.foot.trees(np.unique(ground.place_junction[inside])):
        nearest = np.minimum(nearest, trees.length_m.min(axis=0))
    ends = ground.foot.ends
    minutes = (nearest[ends].min(axis=1) + ground.length_m / 2) / walk_speed_m_s / MINUTE_S
    told: list[float] = np.where(np.isfinite(minutes), np.round(minutes, 1), -1.0).tolist()
    return told


def door_to_platform(facts: Facts, ground: Ground) -> list[list[float]]:
    """Return squares with the median time from the door to the platform of trips by a line that began there.

    Each is west, south, east, north (degrees), minutes, trips.
    """
    legs = facts.record.tables["legs"]
    codes, names = texts(legs, "service")
    lines = [at for at, name in enumerate(names) if facts.services[name]["kind"] == "transit"]
    rows = np.flatnonzero(np.isin(codes, lines))
    trip = facts.leg_trip[rows]
    order = np.lexsort((numbers(legs, "leg")[rows], trip))
    rows, trip = rows[order], trip[order]
    first = np.concatenate([[True], np.diff(trip) != 0]) if len(trip) else np.zeros(0, dtype=np.bool_)
    rows, trip = rows[first], trip[first]
    trips = facts.record.tables["trips"]
    took_min = (numbers(legs, "t_s")[rows] - numbers(trips, "t_s")[trip]) / MINUTE_S
    origin = ground.rows(numbers(trips, "origin")[trip].astype(np.int64))
    inside = ~ground.outside[origin]
    found = []
    for box, mine in _squares(ground, ground.place_lonlat[origin[inside]]):
        if len(mine) >= LEAST_TRIPS:
            found.append([*box, round(float(np.median(took_min[inside][mine])), 1), len(mine)])
    return found


def spots(facts: Facts, ground: Ground) -> list[dict[str, Any]]:
    """Return where services refused people and where unserved trips began, gathered on squares, most first."""
    table = facts.record.tables["refusals"]
    service, names = texts(table, "service")
    reason, reasons = texts(table, "reason")
    place = ground.rows(numbers(table, "place").astype(np.int64))
    kinds = [(names[code], place[service == code], reason[service == code]) for code in range(len(names))]
    kinds = [kind for kind in kinds if kind[0]]
    why, words = facts.unserved_reason
    unserved = np.flatnonzero(facts.outcome == "unserved")
    origin = ground.rows(numbers(facts.record.tables["trips"], "origin")[unserved].astype(np.int64))
    found = []
    for name, rows, codes in kinds:
        found += _gathered(ground, name, rows, [reasons[code] for code in codes.tolist()])
    found += _gathered(ground, "", origin, [words[code] for code in why[unserved].tolist()])
    return found


def _gathered(ground: Ground, service: str, rows: IntArray, reasons: list[str]) -> list[dict[str, Any]]:
    inside = np.flatnonzero(~ground.outside[rows]) if len(rows) else rows
    found = []
    for _, mine in _squares(ground, ground.place_lonlat[rows[inside]]):
        at = inside[mine]
        lon, lat = ground.place_lonlat[rows[at]].mean(axis=0).round(5).tolist()
        counts: dict[str, int] = {}
        for index in at.tolist():
            counts[reasons[index]] = counts.get(reasons[index], 0) + 1
        found.append({"service": service, "lon": lon, "lat": lat, "count": len(at), "reasons": counts})
    return sorted(found, key=lambda spot: (-int(spot["count"]), spot["lon"], spot["lat"]))


def stops(ground: Ground, record_places: Mapping[str, list[Any]], called: IntArray) -> list[list[Any]]:
    """Return the named places: row, name, kind; a place where vehicles call is a stop whatever else it is."""
    calls = set(called.tolist())
    found = []
    for row, (name, kind) in enumerate(zip(record_places["name"], record_places["kind"], strict=True)):
        if name and kind != "street":
            shown = "outside" if ground.outside[row] else kind
            found.append([row, name, shown, int(row in calls)])
    return found


def _squares(ground: Ground, lonlat: FloatArray) -> list[tuple[list[float], IntArray]]:
    """Return squares that hold points (S, 2): their box in degrees, and which points."""
    if not len(lonlat):
        return []
    corner = ground.place_lonlat[~ground.outside].min(axis=0)
    across = SQUARE_M / degree_scale(corner[1])
    cell = np.floor((lonlat - corner) / across).astype(np.int64)
    cells, which = np.unique(cell, axis=0, return_inverse=True)
    found = []
    for at, one in enumerate(cells):
        low = corner + one * across
        box = [round(float(value), 5) for value in (*low, *(low + across))]
        found.append((box, np.flatnonzero(which.ravel() == at)))
    return found
