"""Tables of people for an area that has streets alone: assumed, so that a day runs until real ones are put in place."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from kera_mobility.areas.quality import CELL_SIDE_M, length_once_m
from kera_mobility.errors import NetworkError
from kera_mobility.geometry import degree_scale
from kera_mobility.town.area_tables import AGE_COLUMNS
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, Streets

RESIDENTS_PER_KM = 190.0
"""For each kilometre of street that people may walk. Assumption: as on a shipped map (62,700 people, 320 km)."""
AGE_SHARES = (0.12, 0.11, 0.12, 0.15, 0.14, 0.13, 0.11, 0.08, 0.04)
"""Of ten years each, the last one open. Assumption: a Finnish city."""
FOR_EACH_RESIDENT = {"jobs": 0.45, "pupils": 0.1, "students": 0.05, "shops": 0.0005, "leisure": 0.3}
"""What the middle of the area holds. Assumption."""
FILES = "cells.csv, attractions.csv, outside.csv, developments.geojson"
BASIS = f"ASSUMPTION: {RESIDENTS_PER_KM:.0f} residents for each km of street that is walked, no census"


def write_assumed_people(streets: Streets, folder: Path) -> int:
    """Write cells of residents along the streets and one place for all they go to; return the residents.

    Raises
    ------
    NetworkError
        If the streets are too short for one resident.
    """
    walked = np.flatnonzero((np.asarray(streets.edge_modes) & MODE_BIT["walk"]) > 0)
    walked = walked[np.asarray(streets.edge_class)[walked] != CLASSES.index("outside")]
    lonlat = np.asarray(streets.node_lonlat, dtype=np.float64)
    scale = degree_scale(float(lonlat[:, 1].mean()))
    middles = (lonlat[np.asarray(streets.edge_from)[walked]] + lonlat[np.asarray(streets.edge_to)[walked]]) * 0.5
    squares, place = np.unique(np.floor(middles * scale / CELL_SIDE_M), axis=0, return_inverse=True)
    length_km = np.bincount(place.reshape(-1), length_once_m(streets, walked)) / 1000.0
    ages = np.rint(length_km[:, None] * RESIDENTS_PER_KM * np.array(AGE_SHARES)).astype(int)
    residents = int(ages.sum())
    if residents == 0:
        raise NetworkError(f"{folder}: {length_km.sum():.2f} km of street are too few to assume residents along them")
    centres = (squares + 0.5) * CELL_SIDE_M / scale
    cells = [
        [f"assumed_{k}", f"{lon:.6f}", f"{lat:.6f}", int(own.sum()), *own.tolist(), 1]
        for k, ((lon, lat), own) in enumerate(zip(centres.tolist(), ages, strict=True)) if own.sum()
    ]  # fmt: skip
    _write(folder / "cells.csv", ("cell", "lon", "lat", "residents", *AGE_COLUMNS, "imputed"), cells)
    middle = np.average(centres, axis=0, weights=ages.sum(axis=1))
    radius_m = int(np.hypot(*((centres - middle) * scale).T).max())
    held = [round(residents * share, 1) for share in FOR_EACH_RESIDENT.values()]
    _write(
        folder / "attractions.csv",
        ("place", "title", "lon", "lat", "radius_m", "residents", *FOR_EACH_RESIDENT, "basis"),
        [["everywhere", "The whole area", *(f"{degrees:.6f}" for degrees in middle), radius_m, 0, *held, BASIS]],
    )  # fmt: skip
    outside = "place,title,lon,lat,gateway_lon,gateway_lat,drive_km,drive_min,cycle_km,source"
    _write(folder / "outside.csv", outside.split(","), [])
    (folder / "developments.geojson").write_text('{"type": "FeatureCollection", "features": []}\n', encoding="utf-8")
    return residents


def _write(path: Path, columns: tuple[str, ...] | list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
