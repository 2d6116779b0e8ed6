"""Places beyond the map as `outside.csv` has them now, whatever it was when the streets were built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.errors import DataError, NetworkError
from kera_mobility.geometry import degree_scale
from kera_mobility.town.area_tables import outside_ways, read_outside_table
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.units import BoolArray, round_m, round_one_s

BUILT_WITHIN_M = 30.0
"""A place or gateway that is farther from where the streets have it was moved since they were built. Assumption: a
projection moves what is near by less."""
_WAYS = (("drive_km", "drive"), ("cycle_km", "cycle"))
DRIVE_BEYOND_M_S = 30.0 / 3.6
"""Speed of cars between a place beyond the map and its station. Assumption: streets of a suburb."""


def drive_beyond_s(length_m: float) -> float:
    """Return the free-flow time of a car between a place beyond the map and its station."""
    return round_one_s(length_m / DRIVE_BEYOND_M_S)


def with_outside(streets: Streets, area_folder: Path) -> Streets:
    """Return the streets with lengths and times of the ways to places beyond the map as in `outside.csv`.

    Raises
    ------
    NetworkError
        If the table is broken, or a place or a gateway was moved: that needs the streets to be built again.
    """
    table = read_outside_table(area_folder)
    if table is None:
        return streets
    nodes = np.flatnonzero(np.asarray(streets.node_outside))
    if len(table) != len(nodes):
        raise NetworkError(
            f"{table.path}: {len(table)} places, but the streets know {len(nodes)}: build the streets again"
        )
    length_m, drive_s = np.array(streets.edge_length_m), np.array(streets.edge_drive_s)
    node_of = dict(zip(table.columns["place"], nodes.tolist(), strict=True))
    far = np.asarray(streets.node_outside)
    unasked = far[streets.edge_from] & far[streets.edge_to]
    for number, (place, station, walk_m) in enumerate(outside_ways(table)):
        if station:
            between = _between(streets, node_of[place], node_of[station])
            if not between.any():
                problem = f"station: the streets lead nowhere from {station}; build them again"
                raise DataError([table.fault(number, problem)])
            unasked &= ~between
            length_m[between] = round_m(np.array([walk_m]))[0]
            drive_s[between & np.isfinite(drive_s)] = drive_beyond_s(walk_m)
    if unasked.any():
        raise NetworkError(f"{table.path}: the streets join other places beyond the map: build the streets again")
    for index, node in enumerate(nodes.tolist()):
        row = {name: values[index] for name, values in table.columns.items()}
        try:
            _require_same_place(streets, row, node)
            for column, mode in _WAYS:
                ways = _ways(streets, node, mode)
                if row[column] is not None:
                    length_m[ways] = round_m(np.array([row[column] * 1000.0]))[0]
                if mode == "drive" and row["drive_min"] is not None:
                    drive_s[ways] = round_one_s(row["drive_min"] * 60.0)
        except ValueError as error:
            raise DataError([table.fault(index, str(error))]) from None
    if np.array_equal(length_m, streets.edge_length_m) and np.array_equal(drive_s, streets.edge_drive_s):
        return streets
    return replace(streets, edge_length_m=length_m, edge_drive_s=drive_s)


def _between(streets: Streets, node: int, station: int) -> BoolArray:
    """Return which edges join a place beyond the map to its station, (E,)."""
    ends = np.sort(np.stack([streets.edge_from, streets.edge_to]), axis=0)
    return np.asarray((ends[0] == min(node, station)) & (ends[1] == max(node, station)))


def _ways(streets: Streets, node: int, mode: str) -> BoolArray:
    """Return which edges join a place beyond the map to the map for a mode, (E,)."""
    far = np.asarray(streets.node_outside)
    one, other = np.asarray(streets.edge_from), np.asarray(streets.edge_to)
    joins = ((one == node) & ~far[other]) | ((other == node) & ~far[one])
    return np.asarray(joins & ((np.asarray(streets.edge_modes) & MODE_BIT[mode]) > 0))


def _require_same_place(streets: Streets, row: dict[str, Any], node: int) -> None:
    """Return if a place and its gateway stand where the streets were built with them; raise ValueError else."""
    lonlat = np.asarray(streets.node_lonlat, dtype=np.float64)
    reached = np.unique(np.asarray(streets.edge_to)[np.asarray(streets.edge_from) == node])
    gates = reached[~np.asarray(streets.node_outside)[reached]]
    by_bicycle, by_car = (
        np.asarray(streets.edge_from)[(np.asarray(streets.edge_modes) & MODE_BIT[mode]) > 0]
        for mode in ("cycle", "drive")
    )
    inside = np.setdiff1d(np.intersect1d(by_bicycle, by_car), np.flatnonzero(streets.node_outside))
    for prefix, joined, among in (("", [node], [node]), ("gateway_", gates, inside)):
        if row[f"{prefix}lon"] is None or row[f"{prefix}lat"] is None:
            continue
        point = np.array([row[f"{prefix}lon"], row[f"{prefix}lat"]])
        away_m = np.sqrt((((lonlat - point) * degree_scale(float(point[1]))) ** 2).sum(axis=1))
        nearest_m = float(away_m[among].min()) if prefix else 0.0
        if float(away_m[joined].min()) > nearest_m + BUILT_WITHIN_M:
            raise ValueError(
                f"{row['place']}: {prefix}lon, {prefix}lat: {away_m[joined].min():.0f} m from where the streets "
                "have it; build the streets again"
            )
