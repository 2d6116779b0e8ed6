"""Build an area's `cells.csv`: residents and their ages on the 250 m grid of the Helsinki region's statistics.

Data: HSY population grid (Helsinki Region Environmental Services Authority), CC BY 4.0. Not on the path of a run.
"""

from __future__ import annotations

import csv
from pathlib import Path

from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.town.area_tables import AGE_COLUMNS

RAW_BANDS = (
    "IKA0_9", "IKA10_19", "IKA20_29", "IKA30_39", "IKA40_49", "IKA50_59", "IKA60_69", "IKA70_79", "IKA_YLI80",
)  # fmt: skip
"""Columns of the raw grid, ten years each, the last one open; AGE_COLUMNS of `cells.csv` are in the same order."""
HIDDEN = 99
"""The raw grid writes 99 where a band is hidden, because fewer than 100 people live in the cell."""
_ROUND_DEGREES = 6

Box = tuple[float, float, float, float]


def build_cells(raw_csv: Path, bbox: Box, out: Path) -> int:
    """Write the inhabited cells whose centre lies in the box to `out` and return how many residents they hold.

    Parameters
    ----------
    raw_csv
        The grid with columns INDEX, ASUKKAITA, one per age band, lon, lat (centre of the cell, WGS 84).
    bbox
        West, south, east, north, degrees.

    Hidden bands are imputed: what the cell's total leaves is shared by the ages of all cells that are shown, by largest
    remainder, so that every cell keeps its total.

    Raises
    ------
    MissingFileError
        If there is no such grid.
    NetworkError
        If a column is missing or no cell lies in the box.
    """
    rows = _read(raw_csv)
    shares = _age_shares(rows)
    west, south, east, north = bbox
    inside = [row for row in rows if west <= float(row["lon"]) <= east and south <= float(row["lat"]) <= north]
    if not inside:
        raise NetworkError(f"{raw_csv}: expected cells within {bbox}, found none among {len(rows)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    residents = 0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("cell", "lon", "lat", "residents", *AGE_COLUMNS, "imputed"))
        for row in sorted(inside, key=lambda row: int(row["INDEX"])):
            bands, imputed = _bands(row, shares)
            residents += sum(bands)
            place = (round(float(row["lon"]), _ROUND_DEGREES), round(float(row["lat"]), _ROUND_DEGREES))
            writer.writerow((row["INDEX"], *place, row["ASUKKAITA"], *bands, int(imputed)))
    return residents


def _read(raw_csv: Path) -> list[dict[str, str]]:
    if not raw_csv.exists():
        raise MissingFileError(f"{raw_csv}: no such population grid")
    with raw_csv.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"INDEX", "ASUKKAITA", "lon", "lat", *RAW_BANDS} - set(reader.fieldnames or ())
        if missing:
            raise NetworkError(f"{raw_csv}: expected columns {sorted(missing)}, found {reader.fieldnames}")
        return list(reader)


def _shown(row: dict[str, str]) -> bool:
    """Whether the bands are numbers of people: they are not all hidden and add up to the total."""
    bands = [int(row[band]) for band in RAW_BANDS]
    return sum(bands) == int(row["ASUKKAITA"])


def _age_shares(rows: list[dict[str, str]]) -> list[float]:
    shown = [row for row in rows if _shown(row)]
    totals = [sum(int(row[band]) for row in shown) for band in RAW_BANDS]
    everyone = sum(totals)
    if everyone == 0:
        raise NetworkError("population grid: expected at least one cell with its ages shown, found none")
    return [total / everyone for total in totals]


def _bands(row: dict[str, str], shares: list[float]) -> tuple[list[int], bool]:
    """Return the people in each band, and whether some were imputed; they add up to the cell's total."""
    bands = [int(row[band]) for band in RAW_BANDS]
    if _shown(row):
        return bands, False
    hidden = [index for index, count in enumerate(bands) if count == HIDDEN]
    shown_persons = sum(count for count in bands if count != HIDDEN)
    hidden_persons = max(0, int(row["ASUKKAITA"]) - shown_persons)
    weight = sum(shares[index] for index in hidden)
    exact = {index: hidden_persons * shares[index] / weight for index in hidden}
    for index in hidden:
        bands[index] = int(exact[index])
    behind = hidden_persons - sum(bands[index] for index in hidden)
    for index in sorted(hidden, key=lambda index: (-(exact[index] - bands[index]), index))[:behind]:
        bands[index] += 1
    return bands, True
