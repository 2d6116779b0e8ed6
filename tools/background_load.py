"""Build an area's `background.csv` from boardings by stop: who rides its lines without being of the model.

Data: HSL boardings by stop (Helsinki Region Transport), CC BY 4.0, and the area's own `background.yaml`. Not on the
path of a run. The day's travel T between stations i and j solves T_ij = a_i a_j (none within a station) with the
boardings as sums, so it is the same both ways (Furness' method with equal margins).
"""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from kera_mobility.config.settings import Settings
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.files import read_yaml
from kera_mobility.units import FloatArray

_ROUNDS = 200
"""Rounds of balancing; margins then agree to far less than a person."""
_LEAST_PERSONS = 0.005
"""Smaller numbers are not written."""


class BoardingStation(Settings):
    """A stop of the lines, and the rows of the raw table that are its boardings."""

    name: str
    lon: float
    lat: float
    raw: tuple[str, ...]
    share: float = Field(ge=0, le=1)
    """Of its boardings, those of the lines in question."""
    inside: bool
    """Whether the people who board here are of the model."""


class HourlyShares(Settings):
    """Shares of a day by hour, from the hour `first`; each row is scaled to sum to 1."""

    first: int = Field(ge=0, le=23)
    commuting_out: tuple[float, ...]
    commuting_home: tuple[float, ...]
    other_out: tuple[float, ...]
    other_home: tuple[float, ...]


class BackgroundSource(Settings):
    """A whole `background.yaml`."""

    source: str
    year: int
    factor: float = Field(gt=0, le=5)
    """From the year of the boardings to the base year."""
    type: int = Field(ge=0)
    stations: tuple[BoardingStation, ...] = Field(min_length=3)
    """From west to east."""
    homeward: Literal["west", "east"]
    living_there: float = Field(ge=0, le=1)
    commuting: float = Field(ge=0, le=1)
    hours: HourlyShares


def build_background(raw_csv: Path, source_yaml: Path, out: Path) -> float:
    """Write the background of an area to `out` and return how many persons ride on a weekday.

    Raises
    ------
    MissingFileError
        If a file is missing.
    NetworkError
        If a station has no row in the table of boardings, or the settings are broken.
    """
    source = _read_source(source_yaml)
    boardings = _boardings(raw_csv, source)
    travel = balanced(boardings) * source.factor
    inside = np.array([station.inside for station in source.stations])
    travel[inside, :] = travel[:, inside] = 0.0
    eastward, westward = _by_hour(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    persons = 0.0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [f"{end}{part}" for end in ("origin", "destination") for part in ("", "_lon", "_lat")]
        writer.writerow((*names, "type", "hour", "persons"))
        for i, origin in enumerate(source.stations):
            for j, destination in enumerate(source.stations):
                shares = eastward if j > i else westward
                for hour, share in enumerate(shares.tolist(), start=source.hours.first):
                    count = round(float(travel[i, j]) * share, 2)
                    if count < _LEAST_PERSONS:
                        continue
                    persons += count
                    ends = ((station.name, station.lon, station.lat) for station in (origin, destination))
                    writer.writerow((*chain.from_iterable(ends), source.type, hour, count))
    return persons


def balanced(boardings: FloatArray) -> FloatArray:
    """Return travel between stations, (S, S), symmetric, none within one, whose rows sum to the boardings, (S,).

    Raises
    ------
    NetworkError
        If one station has more boardings than all others together can receive.
    """
    if np.any(2.0 * boardings > boardings.sum()):
        raise NetworkError("a station has more boardings than all others together: no travel both ways fits")
    size = np.sqrt(boardings)
    for _ in range(_ROUNDS):
        received = size.sum() - size
        size = np.sqrt(size * boardings / received)
    travel: FloatArray = np.outer(size, size)
    np.fill_diagonal(travel, 0.0)
    return travel


def _by_hour(source: BackgroundSource) -> tuple[FloatArray, FloatArray]:
    """Return the shares of a day's travel by hour, eastward and westward, each (H,)."""
    rows = {name: np.array(getattr(source.hours, name)) for name in HourlyShares.model_fields if name != "first"}
    if len({len(row) for row in rows.values()}) != 1:
        raise NetworkError("hours: expected rows of equal length")
    shares = {name: row / row.sum() for name, row in rows.items()}
    out, home = (
        source.commuting * shares[f"commuting_{way}"] + (1.0 - source.commuting) * shares[f"other_{way}"]
        for way in ("out", "home")
    )
    from_home = source.living_there * out + (1.0 - source.living_there) * home
    to_home = source.living_there * home + (1.0 - source.living_there) * out
    return (from_home, to_home) if source.homeward == "west" else (to_home, from_home)


def _boardings(raw_csv: Path, source: BackgroundSource) -> FloatArray:
    """Return the boardings of each station on the lines, (S,): rows without a short code are train stations."""
    if not raw_csv.is_file():
        raise MissingFileError(f"{raw_csv}: no such file; the builder needs boardings by stop")
    with raw_csv.open(encoding="utf-8-sig", newline="") as file:
        trains = {
            row["name"]: float(row["boardings_per_weekday"])
            for row in csv.DictReader(file)
            if not row["short_code"].strip()
        }
    missing = [name for station in source.stations for name in station.raw if name not in trains]
    if missing:
        raise NetworkError(f"{raw_csv}: no train station called {', '.join(missing)}")
    return np.array([station.share * sum(trains[name] for name in station.raw) for station in source.stations])


def _read_source(path: Path) -> BackgroundSource:
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file; it says which stations and shares the background is made of")
    try:
        return BackgroundSource.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise NetworkError(f"{path}: {faults}") from None
    except ValueError as error:
        raise NetworkError(f"{path}: {error}") from None
