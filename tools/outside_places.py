"""`python -m tools.outside_places AREA --raw DIR`: the places beyond the map of an area, as rings around stations.

Data: HSY population grid and HSL boardings by stop, CC BY 4.0; rules and assumptions in the area's `outside.yaml`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pydantic import Field

from kera_mobility.areas.description import read_area
from kera_mobility.config.resources import find
from kera_mobility.config.settings import Settings
from kera_mobility.errors import NetworkError
from kera_mobility.files import read_yaml
from kera_mobility.geometry import degree_scale
from kera_mobility.town.area_tables import WEIGHTS
from kera_mobility.units import BoolArray, FloatArray, IntArray

ATTRACTIONS, OUTSIDE = "attractions.csv", "outside.csv"
TITLES = {"": "", "_by": "", "_near": " near", "_round": " round", "_far": " far"}
"""What a place adds to the name and title of its station: nothing for itself, then the rings from the nearest."""
RINGS = tuple(TITLES)[1:]


class DriveRule(Settings):
    """How far and how long by car: straight line times a factor at a speed, less the traffic that the model adds."""

    factor: float = Field(ge=1)
    km_h: float = Field(gt=0)
    inner_km_h: float = Field(gt=0)
    traffic: float = Field(ge=1)


class InnerBox(Settings):
    """Where cars are slower, degrees."""

    west: float
    south: float
    east: float
    north: float


class OutsideStation(Settings):
    """Where lines call beyond the map: its position, or the name of its row among the stops."""

    place: str
    title: str
    part: str
    """Part of the region whose totals it shares."""
    lon: float | None = None
    lat: float | None = None
    raw: str = ""
    students: int = Field(0, ge=0)
    gateway: tuple[float, float] | None = None
    drive_km: float | None = None
    drive_min: float | None = None
    cycle_km: float | None = None
    source: str = ""


class OutsideSource(Settings):
    """`outside.yaml` of an area."""

    stops: str
    residents: str
    rings_m: tuple[float, ...] = Field(min_length=1, max_length=len(RINGS))
    walked_rings: int = Field(ge=1)
    walk_factor: float = Field(ge=1)
    least_people: int = Field(ge=0)
    gateways: tuple[tuple[float, float], ...] = Field(min_length=1)
    drive: DriveRule
    inner: InnerBox
    cycle_factor: float = Field(ge=1)
    boardings_per_resident: float = Field(ge=0)
    least_share: float = Field(gt=0, le=1)
    parts: dict[str, dict[str, float]]
    """Jobs, shops and leisure of each part of the region."""
    stations: tuple[OutsideStation, ...] = Field(min_length=1)


@dataclass(frozen=True)
class RingPlace:
    """A station, or what lies in one ring around it."""

    station: OutsideStation
    suffix: str
    """Added to the name of the station; empty for the station itself, which holds nobody."""
    lonlat: FloatArray
    """Degrees, (2,)."""
    walk_m: float | None = None
    """From the station; None where nobody walks to it."""
    residents: int = 0
    boardings: float = 0.0
    """On a weekday."""

    @property
    def name(self) -> str:
        """Name in the tables."""
        return self.station.place + self.suffix

    @property
    def title(self) -> str:
        """Name for people."""
        return self.station.title + TITLES[self.suffix]


def build_outside(folder: Path, raw: Path) -> int:
    """Write `outside.csv` and its rows of `attractions.csv` in an area's folder; return how many places there are.

    Raises
    ------
    NetworkError
        If a station is not among the stops.
    """
    source = OutsideSource.model_validate(read_yaml(folder / "outside.yaml"))
    box, centre = read_area(folder).bbox, read_area(folder).centre
    points = (_points(raw / source.stops, "boardings_per_weekday"), _points(raw / source.residents, "ASUKKAITA"))
    at = np.array([_position(station, raw / source.stops) for station in source.stations])
    scale = degree_scale(float(at[:, 1].mean()))
    stops, homes = (beyond[~_within(beyond, box)] for beyond in points)
    (stop_station, stop_m), (home_station, home_m) = (_nearest(beyond[:, :2], at, scale) for beyond in (stops, homes))
    places: list[RingPlace] = []
    for index, station in enumerate(source.stations):
        own_stops, own_homes = stop_station == index, home_station == index
        around = (
            np.column_stack([stops[own_stops], stop_m[own_stops]]),
            np.column_stack([homes[own_homes], home_m[own_homes]]),
        )
        places += [RingPlace(station, "", at[index]), *_rings_around(station, source, *around)]
    _write_outside(folder / OUTSIDE, places, source, np.array([centre.lon, centre.lat]), scale)
    _write_attractions(folder / ATTRACTIONS, places, source)
    return len(places)


def _rings_around(
    station: OutsideStation, source: OutsideSource, stops: FloatArray, homes: FloatArray
) -> Iterator[RingPlace]:
    """Yield the rings of a station from its stops and homes: lon, lat, how many, how far in m, (.., 4)."""
    for number, (low_m, high_m) in enumerate(_edges(source, stops, homes)):
        stops_in, homes_in = (rows[(low_m <= rows[:, 3]) & (rows[:, 3] < high_m)] for rows in (stops, homes))
        # Where nobody lives, as at an airport, each stop counts once.
        rows, weights = (homes_in, homes_in[:, 2]) if len(homes_in) else (stops_in, np.ones(len(stops_in)))
        walk_m = float(np.average(rows[:, 3], weights=weights)) * source.walk_factor
        yield RingPlace(
            station, RINGS[number], np.average(rows[:, :2], axis=0, weights=weights),
            walk_m if number < source.walked_rings else None,
            int(homes_in[:, 2].sum()), float(stops_in[:, 2].sum()),
        )  # fmt: skip


def _edges(source: OutsideSource, stops: FloatArray, homes: FloatArray) -> list[tuple[float, float]]:
    """Return the rings of one station, m: those with residents and boardings enough, thin ones joined to the next."""
    edges = [0.0]
    for far_m in source.rings_m:
        within = [rows[(edges[-1] <= rows[:, 3]) & (rows[:, 3] < far_m), 2].sum() for rows in (stops, homes)]
        if sum(within) >= source.least_people:
            edges.append(far_m)
    return list(pairwise(edges if len(edges) > 1 else [0.0, source.rings_m[0]]))


def _points(path: Path, column: str) -> FloatArray:
    """Return longitude, latitude and a count of each row of a table, (R, 3)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [(float(row["lon"]), float(row["lat"]), float(row[column])) for row in csv.DictReader(file)]
    return np.array(rows)


def _position(station: OutsideStation, stops: Path) -> tuple[float, float]:
    if station.lon is not None and station.lat is not None:
        return station.lon, station.lat
    with stops.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["name"] == station.raw:
                return round(float(row["lon"]), 4), round(float(row["lat"]), 4)
    raise NetworkError(f"{stops}: expected a stop {station.raw!r} for {station.place}, found none")


def _within(points: FloatArray, box: Any) -> BoolArray:
    lon, lat = points[:, 0], points[:, 1]
    return np.asarray((box.west <= lon) & (lon <= box.east) & (box.south <= lat) & (lat <= box.north))


def _nearest(lonlat: FloatArray, at: FloatArray, scale: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the nearest station of each point and how far it is, m."""
    away_m = np.hypot(*np.moveaxis((lonlat[:, None] - at[None]) * scale, 2, 0))
    nearest = away_m.argmin(axis=1)
    return nearest, away_m[np.arange(len(lonlat)), nearest]


def _write_outside(
    path: Path, places: Sequence[RingPlace], source: OutsideSource, centre: FloatArray, scale: FloatArray
) -> None:
    gates = np.array(source.gateways)
    to_gate_km = np.hypot(*((gates - centre) * scale).T) / 1000.0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("place", "title", "lon", "lat", "gateway_lon", "gateway_lat", "drive_km", "drive_min", "cycle_km",
             "station", "walk_m", "source")
        )  # fmt: skip
        for place in places:
            (lon, lat), about = place.lonlat.tolist(), place.station
            out_km = np.hypot(*((gates - place.lonlat) * scale).T) / 1000.0
            gate = (
                int((out_km + to_gate_km).argmin()) if about.gateway is None else source.gateways.index(about.gateway)
            )
            inner, drive = source.inner, source.drive
            slow = inner.west <= lon <= inner.east and inner.south <= lat <= inner.north
            km = float(out_km[gate]) * drive.factor
            drive_min = km / (drive.inner_km_h if slow else drive.km_h) * 60.0 / drive.traffic
            ways = (round(km, 1), round(drive_min, 1), round(float(out_km[gate]) * source.cycle_factor, 1))
            told = (about.drive_km, about.drive_min, about.cycle_km) if not place.suffix else (None, None, None)
            walked = ("", "") if place.walk_m is None else (about.place, round(place.walk_m / 10.0) * 10)
            writer.writerow((
                place.name, place.title, round(lon, 5), round(lat, 5), *source.gateways[gate],
                *(by_rule if said is None else said for said, by_rule in zip(told, ways, strict=True)), *walked,
                (not place.suffix and about.source) or "people HSY 2015, CC BY 4.0; ways assumption: see outside.yaml",
            ))  # fmt: skip


def _write_attractions(path: Path, places: Sequence[RingPlace], source: OutsideSource) -> None:
    """Write the rows of the places before the rows of the map, which stay as they are."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    ours = {station.place + suffix for station in source.stations for suffix in TITLES}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for place, share in zip(places, _shares(places, source), strict=True):
            held = {name: round(total * share, 2) for name, total in source.parts[place.station.part].items()}
            held |= {"residents": place.residents}
            held |= {"students": place.station.students if place.suffix == RINGS[0] else 0}
            numbers = (f"{held.get(name, 0):.{2 if name == 'shops' else 0}f}" for name in WEIGHTS)
            lon, lat = (round(value, 5) for value in place.lonlat.tolist())
            basis = "residents HSY 2015, CC BY 4.0; the rest assumption: see outside.yaml"
            writer.writerow((place.name, place.title, lon, lat, 0, *numbers, basis))
        writer.writerows(row for row in rows if row[0] not in ours)


def _shares(places: Sequence[RingPlace], source: OutsideSource) -> list[float]:
    """Return the share of each place in what its part of the region holds."""
    drawn = [
        max(place.boardings - source.boardings_per_resident * place.residents, source.least_share * place.boardings)
        for place in places
    ]
    of_part = dict.fromkeys(source.parts, 0.0)
    for place, people in zip(places, drawn, strict=True):
        of_part[place.station.part] += people
    return [people / of_part[place.station.part] for place, people in zip(places, drawn, strict=True)]


def command(
    area: Annotated[str, typer.Argument(metavar="AREA", help="Name of an area (kera), or its folder.")],
    raw: Annotated[Path, typer.Option("--raw", metavar="DIR", help="Folder of the raw data that outside.yaml names.")],
) -> None:
    """Make the places beyond the map of an area by the rules of its outside.yaml."""
    folder = find(area, "networks")
    print(f"{folder}: {build_outside(folder, raw)} places beyond the map; build the streets again")


if __name__ == "__main__":
    typer.run(command)
