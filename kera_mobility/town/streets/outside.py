"""Places beyond the map as `outside.csv` has them now, whatever it was when the streets were built."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from kera_mobility.errors import NetworkError
from kera_mobility.geometry import degree_scale
from kera_mobility.ledger import is_file, read_text
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.units import BoolArray, round_m, round_one_s

FILE = "outside.csv"
BUILT_WITHIN_M = 30.0
"""A place or gateway that is farther from where the streets have it was moved since they were built. Assumption: a
projection moves what is near by less."""
_WAYS = (("drive_km", "drive"), ("cycle_km", "cycle"))


def with_outside(streets: Streets, area_folder: Path) -> Streets:
    """Return the streets with lengths and times of the ways to places beyond the map as in `outside.csv`.

    Raises
    ------
    NetworkError
        If a number is broken, or a place or a gateway was moved: that needs the streets to be built again.
    """
    path = area_folder / FILE
    if not is_file(path):
        return streets
    nodes = np.flatnonzero(np.asarray(streets.node_outside))
    rows = list(csv.DictReader(io.StringIO(read_text(path, "utf-8-sig"), newline="")))
    if len(rows) != len(nodes):
        raise NetworkError(f"{path}: {len(rows)} places, but the streets know {len(nodes)}: build the streets again")
    length_m, drive_s = np.array(streets.edge_length_m), np.array(streets.edge_drive_s)
    for line, (row, node) in enumerate(zip(rows, nodes.tolist(), strict=True), start=2):
        try:
            _require_same_place(streets, row, node)
            for column, mode in _WAYS:
                ways = _ways(streets, node, mode)
                if row.get(column):
                    length_m[ways] = round_m(np.array([float(row[column]) * 1000.0]))[0]
                if mode == "drive" and row.get("drive_min"):
                    drive_s[ways] = round_one_s(float(row["drive_min"]) * 60.0)
        except ValueError as error:
            raise NetworkError(f"{path}:{line}: {error}") from None
    if np.array_equal(length_m, streets.edge_length_m) and np.array_equal(drive_s, streets.edge_drive_s):
        return streets
    return replace(streets, edge_length_m=length_m, edge_drive_s=drive_s)


def _ways(streets: Streets, node: int, mode: str) -> BoolArray:
    """Return which edges join a place beyond the map for a mode, (E,)."""
    joins = (np.asarray(streets.edge_from) == node) | (np.asarray(streets.edge_to) == node)
    return np.asarray(joins & ((np.asarray(streets.edge_modes) & MODE_BIT[mode]) > 0))


def _require_same_place(streets: Streets, row: dict[str, str], node: int) -> None:
    """Return if a place and its gateway stand where the streets were built with them; raise ValueError else."""
    lonlat = np.asarray(streets.node_lonlat, dtype=np.float64)
    gates = np.unique(np.asarray(streets.edge_to)[np.asarray(streets.edge_from) == node])
    reached = [np.asarray(streets.edge_from)[(np.asarray(streets.edge_modes) & MODE_BIT[mode]) > 0]
               for mode in ("cycle", "drive")]  # fmt: skip
    inside = np.setdiff1d(np.intersect1d(*reached), np.flatnonzero(streets.node_outside))
    for prefix, joined, among in (("", [node], [node]), ("gateway_", gates, inside)):
        if not row.get(f"{prefix}lon") or not row.get(f"{prefix}lat"):
            continue
        point = np.array([float(row[f"{prefix}lon"]), float(row[f"{prefix}lat"])])
        away_m = np.sqrt((((lonlat - point) * degree_scale(float(point[1]))) ** 2).sum(axis=1))
        nearest_m = float(away_m[among].min()) if prefix else 0.0
        if float(away_m[joined].min()) > nearest_m + BUILT_WITHIN_M:
            raise ValueError(
                f"{row.get('place')}: {prefix}lon, {prefix}lat: {away_m[joined].min():.0f} m from where the streets "
                "have it; build the streets again"
            )
