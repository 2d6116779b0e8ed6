"""`python -m tools.outside_places AREA --raw DIR`: the places beyond the map of an area, as rings around stations.

Data: HSY population grid and HSL boardings by stop, CC BY 4.0; rules and assumptions in the area's `outside.yaml`.
"""

from __future__ import annotations

import csv
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
RINGS = ("_by", "_near", "_round", "_far")
"""What is added to a station's name for the places around it, from the nearest."""
TITLES = ("", " near", " round", " far")


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


def build_outside(folder: Path, raw: Path) -> int:
    """Write `outside.csv` and its rows of `attractions.csv` in an area's folder; return how many places there are.

    Raises
    ------
    NetworkError
        If a station is not among the stops, or a ring has nobody.
    """
    source = OutsideSource.model_validate(read_yaml(folder / "outside.yaml"))
    box, centre = read_area(folder).bbox, read_area(folder).centre
    stops, homes = _points(raw / source.stops, "boardings_per_weekday"), _points(raw / source.residents, "ASUKKAITA")
    at = np.array([_position(station, raw / source.stops) for station in source.stations])
    scale = degree_scale(float(at[:, 1].mean()))
    beyond = [points[~_within(points, box)] for points in (stops, homes)]
    (stop_station, stop_m), (home_station, home_m) = (_nearest(points[:, :2], at, scale) for points in beyond)
    places: list[dict[str, Any]] = []
    for index, station in enumerate(source.stations):
        places.append({"about": station, "suffix": "", "title": station.title, "middle": at[index], "walk_m": None,
                       "residents": 0, "boardings": 0.0, "students": 0})  # fmt: skip
        own_homes, own_stops = home_station == index, stop_station == index
        points = [(stop_m[own_stops], beyond[0][own_stops, 2]), (home_m[own_homes], beyond[1][own_homes, 2])]
        for ring, (low_m, high_m) in enumerate(_rings(source, points)):
            homes_in, stops_in = (
                own & (low_m <= away_m) & (away_m < high_m)
                for own, away_m in ((own_homes, home_m), (own_stops, stop_m))
            )
            people, away_m = beyond[1][homes_in], home_m[homes_in]
            if not len(people):  # an airport: its stops, each once
                people, away_m = beyond[0][stops_in] * (1.0, 1.0, 0.0) + (0.0, 0.0, 1.0), stop_m[stops_in]
            walk_m = float(np.average(away_m, weights=people[:, 2])) * source.walk_factor
            places.append({
                "about": station, "suffix": RINGS[ring], "title": station.title + TITLES[ring],
                "middle": np.average(people[:, :2], axis=0, weights=people[:, 2]),
                "walk_m": walk_m if ring < source.walked_rings else None,
                "residents": int(beyond[1][homes_in, 2].sum()), "boardings": float(beyond[0][stops_in, 2].sum()),
                "students": station.students if ring == 0 else 0,
            })  # fmt: skip
    _write_outside(folder / OUTSIDE, places, source, np.array([centre.lon, centre.lat]), scale)
    _write_attractions(folder / ATTRACTIONS, places, source)
    return len(places)


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


def _rings(source: OutsideSource, points: list[tuple[FloatArray, FloatArray]]) -> list[tuple[float, float]]:
    """Return the rings of one station, m: those with residents or boardings enough, `points` as (how far, how many)."""
    edges = [0.0]
    for far_m in source.rings_m:
        if (
            sum(count[(edges[-1] <= away_m) & (away_m < far_m)].sum() for away_m, count in points)
            >= source.least_people
        ):
            edges.append(far_m)
    return list(pairwise(edges if len(edges) > 1 else [0.0, source.rings_m[0]]))


def _write_outside(
    path: Path, places: list[dict[str, Any]], source: OutsideSource, centre: FloatArray, scale: FloatArray
) -> None:
    gates = np.array(source.gateways)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("place", "title", "lon", "lat", "gateway_lon", "gateway_lat", "drive_km", "drive_min", "cycle_km",
             "station", "walk_m", "source")
        )  # fmt: skip
        for place in places:
            lon, lat = (float(value) for value in place["middle"])
            out_km = np.hypot(*((gates - place["middle"]) * scale).T) / 1000.0
            gate = int((out_km + np.hypot(*((gates - centre) * scale).T) / 1000.0).argmin())
            if place["about"].gateway is not None:
                gate = source.gateways.index(place["about"].gateway)
            inner = source.inner
            slow = inner.west <= lon <= inner.east and inner.south <= lat <= inner.north
            speed = source.drive.inner_km_h if slow else source.drive.km_h
            km = float(out_km[gate]) * source.drive.factor
            about: OutsideStation = place["about"]
            of_station = not place["suffix"]
            writer.writerow((
                about.place + place["suffix"], place["title"], round(lon, 5), round(lat, 5), *source.gateways[gate],
                (of_station and about.drive_km) or round(km, 1),
                (of_station and about.drive_min) or round(km / speed * 60.0 / source.drive.traffic, 1),
                (of_station and about.cycle_km) or round(float(out_km[gate]) * source.cycle_factor, 1),
                "" if place["walk_m"] is None else about.place,
                "" if place["walk_m"] is None else round(place["walk_m"] / 10.0) * 10,
                (of_station and about.source) or "people HSY 2015, CC BY 4.0; ways assumption: see outside.yaml",
            ))  # fmt: skip


def _write_attractions(path: Path, places: list[dict[str, Any]], source: OutsideSource) -> None:
    """Write the rows of the places before the rows of the map, which stay as they are."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    ours = {station.place + suffix for station in source.stations for suffix in ("", *RINGS)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for place, share in zip(places, _shares(places, source), strict=True):
            about: OutsideStation = place["about"]
            held = {name: round(total * share, 2) for name, total in source.parts[about.part].items()}
            held |= {"residents": place["residents"], "students": place["students"]}
            numbers = (f"{held.get(name, 0):.{2 if name == 'shops' else 0}f}" for name in WEIGHTS)
            lon, lat = (round(float(value), 5) for value in place["middle"])
            basis = "residents HSY 2015, CC BY 4.0; the rest assumption: see outside.yaml"
            writer.writerow((about.place + place["suffix"], place["title"], lon, lat, 0, *numbers, basis))
        writer.writerows(row for row in rows if row[0] not in ours)


def _shares(places: list[dict[str, Any]], source: OutsideSource) -> list[float]:
    """Return the share of each place in what its part of the region holds."""
    drawn = [
        max(place["boardings"] - source.boardings_per_resident * place["residents"],
            source.least_share * place["boardings"])
        for place in places
    ]  # fmt: skip
    of_part = dict.fromkeys(source.parts, 0.0)
    for place, people in zip(places, drawn, strict=True):
        of_part[place["about"].part] += people
    return [people / of_part[place["about"].part] for place, people in zip(places, drawn, strict=True)]


def command(
    area: Annotated[str, typer.Argument(metavar="AREA", help="Name of an area (kera), or its folder.")],
    raw: Annotated[Path, typer.Option("--raw", metavar="DIR", help="Folder of the raw data that outside.yaml names.")],
) -> None:
    """Make the places beyond the map of an area by the rules of its outside.yaml."""
    folder = find(area, "networks")
    print(f"{folder}: {build_outside(folder, raw)} places beyond the map; build the streets again")


if __name__ == "__main__":
    typer.run(command)
