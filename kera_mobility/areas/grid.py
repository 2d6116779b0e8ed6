"""People, jobs and schools of a grid or hexagons of any size: split to squares of 250 m, gathered beyond the map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from kera_mobility.areas.extract import Extract
from kera_mobility.areas.osm_tags import CLASS_OF_HIGHWAY, kind_of
from kera_mobility.areas.quality import CELL_SIDE_M
from kera_mobility.errors import DataError, Fault
from kera_mobility.geometry import degree_scale
from kera_mobility.tables import Schema, TableColumn, read_table
from kera_mobility.town.area_tables import MOST_AT_PLACE, place_columns
from kera_mobility.units import FloatArray, IntArray

NAMES = {
    "people": ("residents", "population", "people", "ASUKKAITA"),
    "jobs": ("jobs", "workplaces"),
    "schools": ("schools",),
}
"""Columns of each kind of table, the first that is there counts; schools may stand in either table."""
REACH = 0.75
"""Streets nearer to a point of the grid than this part of its spacing may be its own: past the corner of a square.
Assumption."""
_COLUMNS = tuple(name for names in NAMES.values() for name in names)
GRID = Schema(
    "grid.csv",
    "People, jobs or schools at the middles of cells of any size and form.",
    (
        *place_columns(what="its middle"),
        *(TableColumn(name, f"{name}.", "number", "", 0, MOST_AT_PLACE, math.nan, required=False) for name in _COLUMNS),
    ),
)


@dataclass(frozen=True)
class Grid:
    """Counts at the middles of cells."""

    lonlat: FloatArray
    """(C, 2) degrees."""
    count: FloatArray
    """(C,)"""
    schools: FloatArray
    """(C,); zeros where the table has no such column."""
    unknown: int = 0
    """Rows without a number; they count as 0."""

    @property
    def spacing_m(self) -> float:
        """Median distance of a middle to the next one; the side of a square for a single cell."""
        if len(self.lonlat) < 2:
            return CELL_SIDE_M
        points = self.lonlat * degree_scale(float(self.lonlat[:, 1].mean()))
        away_m: FloatArray = np.asarray(cKDTree(points).query(points, k=2)[0])
        return float(np.median(away_m[:, 1]))


def read_grid(path: Path, kind: str) -> Grid:
    """Return the people or jobs of a table with the columns `lon`, `lat` and one of NAMES[kind].

    Raises
    ------
    MissingFileError, DataError
        If there is no such file, or with every fault of it.
    """
    table = read_table(path, GRID)
    held = {name: table.numbers(name)[:, 0] for name in (*NAMES[kind], "schools")}
    count = next((held[name] for name in NAMES[kind] if np.nansum(held[name]) > 0.0), None)
    if count is None:
        raise DataError([Fault(f"{path}:1", f"expected numbers in a column {' or '.join(NAMES[kind])}, found none")])
    unknown = int(np.isnan(count).sum())
    return Grid(table.numbers("lon", "lat"), np.nan_to_num(count), np.nan_to_num(held["schools"]), unknown)


def walked_pieces(extract: Extract) -> tuple[FloatArray, FloatArray]:
    """Return the middle, (S, 2) degrees, and the length, (S,) m, of every straight piece of street but main ones."""
    ways = [way for way in extract.ways if CLASS_OF_HIGHWAY.get(kind_of(way.tags)) in ("collector", "local")]
    if not ways:
        ways = list(extract.ways)
    begins, ends = (np.vstack([way.lonlat[part] for way in ways]) for part in (slice(None, -1), slice(1, None)))
    step = (ends - begins) * degree_scale(float(begins[:, 1].mean()))
    return (begins + ends) / 2.0, np.hypot(step[:, 0], step[:, 1])


def squares_of(
    grid: Grid, middles: FloatArray, length_m: FloatArray, scale: FloatArray, spacing_m: float
) -> tuple[FloatArray, IntArray]:
    """Return middles of squares of 250 m, (Q, 2), and whole people there, (Q,), who add up to those of the grid.

    The people of a cell are spread over squares by the length of the streets that are nearest to it, `middles` (S, 2)
    and `length_m` (S,); without any they live in the square of its middle.
    """
    away_m, cell = (np.asarray(part) for part in cKDTree(grid.lonlat * scale).query(middles * scale))
    near = away_m <= max(REACH * spacing_m, CELL_SIDE_M / 2.0)
    cell, middles, length_m = cell[near], middles[near], length_m[near]
    of_cell_m = np.bincount(cell, length_m, minlength=len(grid.count))
    bare = np.flatnonzero((of_cell_m <= 0.0) & (grid.count > 0.0))
    people = np.concatenate([grid.count[cell] * length_m / np.maximum(of_cell_m[cell], 1e-9), grid.count[bare]])
    at = np.floor(np.concatenate([middles, grid.lonlat[bare]]) * scale / CELL_SIDE_M)
    squares, place = np.unique(at, axis=0, return_inverse=True)
    held = np.bincount(place.reshape(-1), people, minlength=len(squares))
    whole = np.diff(np.rint(np.cumsum(held)), prepend=0.0).astype(np.int64)
    lived_in = whole > 0
    return ((squares + 0.5) * CELL_SIDE_M / scale)[lived_in], whole[lived_in]


def clusters(points: FloatArray, weight: FloatArray, most: int) -> IntArray:
    """Return the cluster of each point, (C,): the heaviest is halved across its longer side until there are `most`."""
    label = np.zeros(len(points), dtype=np.int64)
    heavy = {0: float(weight.sum())}
    for number in range(1, most):
        for chosen in sorted(heavy, key=lambda index: (-heavy[index], index)):
            rows = np.flatnonzero(label == chosen)
            if len(rows) > 1:
                break
        else:
            return label
        axis = int(np.ptp(points[rows], axis=0).argmax())
        rows = rows[np.lexsort((points[rows, 1 - axis], points[rows, axis]))]
        running = np.cumsum(weight[rows])
        middle = int(np.clip(np.searchsorted(running, running[-1] / 2.0) + 1, 1, len(rows) - 1))
        label[rows[middle:]] = number
        heavy[chosen], heavy[number] = (float(weight[part].sum()) for part in (rows[:middle], rows[middle:]))
    return label
