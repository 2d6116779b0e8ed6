"""A new district from open data: its area folder, its scenarios, and a page that says what each figure rests on."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from kera_mobility.areas.assumed_people import FOR_EACH_RESIDENT, RESIDENTS_PER_KM
from kera_mobility.areas.beyond import gateways, places_beyond
from kera_mobility.areas.country import CountrySettings
from kera_mobility.areas.description import Box, read_area
from kera_mobility.areas.district_page import (
    PAGE,
    UNCALIBRATED,
    Basis,
    HeldPoints,
    Sources,
    basis_of_day,
    basis_of_people,
    basis_of_streets,
    page,
)
from kera_mobility.areas.district_scenarios import scenarios_of, spots_of
from kera_mobility.areas.extract import Extract
from kera_mobility.areas.grid import Grid, read_grid, squares_of, walked_pieces
from kera_mobility.areas.import_area import Imported, area_of, import_area, require_new
from kera_mobility.areas.merged_feed import BusyStops, busy_stops, merge_feeds
from kera_mobility.areas.quality import CELL_SIDE_M
from kera_mobility.errors import NetworkError
from kera_mobility.geometry import degree_scale, within_box
from kera_mobility.town.area_tables import AGE_COLUMNS, WEIGHTS
from kera_mobility.town.streets.outside import with_outside
from kera_mobility.units import FloatArray, IntArray

PUPILS_PER_SCHOOL = 400
"""Places of a school of the table. Assumption; range 150 to 800."""
SEE_PAGE = f"see {PAGE}"


@dataclass
class District:
    """A new district."""

    folder: Path
    imported: Imported
    scenarios: dict[Path, dict[str, Any]] = field(default_factory=dict)
    """Content of each scenario by its path."""
    basis: list[Basis] = field(default_factory=list)


def make_district(
    extract: Extract, sources: Sources, country: CountrySettings, borrowed: bool, areas: Path, configs: Path
) -> District:
    """Write the area `areas/NAME` and the scenarios `configs/NAME` of a district and return it.

    Raises
    ------
    NetworkError, TimetableError, DataError
        If a file is broken, nothing of it lies in the rectangle, or the target exists.
    """
    folder = areas / sources.name
    basis: list[Basis] = []
    require_new(folder)
    require_new(configs / sources.name)
    area = area_of(extract, sources.name, sources.box)
    lent = f"fares, cars, licences, ages, prices and tastes BORROWED from {country.title}"
    said = lent if borrowed else "tastes borrowed from Espoo"
    area = area.model_copy(update={"title": f"{sources.title or sources.name} ({said}; {UNCALIBRATED})"})
    scale = degree_scale(area.centre.lat)
    areas.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=areas, prefix=f".{sources.name}-") as temporary:
        seed = Path(temporary) / "seed"
        seed.mkdir()
        feed, stops = _feed_of(sources.feeds, Path(temporary) / "feed", basis)
        points = _points_of(sources, extract, area.bbox, stops, basis)
        cells = _write_cells(seed / "cells.csv", extract, area.bbox, points, country, scale)
        if not cells[1].sum():
            raise NetworkError(f"{sources.people or extract.source}: nobody lives in the rectangle of {sources.name}")
        centre, centre_name = _main_place(area.bbox, stops, cells)
        area = area.model_copy(update={"centre": area.centre.model_copy(update={
            "lon": centre[0], "lat": centre[1], "name": centre_name})})  # fmt: skip
        beyond = _write_places(seed, extract, area.bbox, points, centre, stops, scale)
        basis += basis_of_people(sources, points, cells, beyond, country, borrowed)
        (seed / "developments.geojson").write_text('{"type": "FeatureCollection", "features": []}\n', encoding="utf-8")
        _dump(seed / "area.yaml", area.model_dump(mode="json"))
        _dump(seed / "provenance.yaml", _provenance(sources, country))
        imported = import_area(extract, folder, seed, box=sources.box, feed=feed)
    district = District(folder, imported, basis=basis_of_streets(imported) + basis)
    try:
        _complete(district, sources, country, said, configs / sources.name, cells, points)
        text = page(area.title, country, borrowed, district.basis)
        (folder / PAGE).write_text(text, encoding="utf-8")
    except BaseException:  # no area without its scenarios
        shutil.rmtree(folder)
        shutil.rmtree(configs / sources.name, ignore_errors=True)
        raise
    return district


def _complete(
    district: District, sources: Sources, country: CountrySettings, said: str, configs: Path,
    cells: tuple[FloatArray, IntArray], points: HeldPoints,
) -> None:  # fmt: skip
    """Write the scenarios of a district whose area stands, and add what they rest on."""
    area = read_area(district.folder)
    if sources.feeds:
        district.basis += basis_of_day(district.folder, area.model_dump(mode="json"), country)
    spots = spots_of((area.centre.lon, area.centre.lat), area.centre.name, cells, points, degree_scale(area.centre.lat))
    streets = with_outside(district.imported.streets, district.folder)
    district.scenarios, more = scenarios_of(sources, country, said, configs, spots, cells[1], streets)
    district.basis += more
    for path, content in district.scenarios.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _dump(path, content)
    _dump(configs / "values.yaml", country.values)


# People and places


def _feed_of(feeds: Sequence[Path], out: Path, basis: list[Basis]) -> tuple[Path | None, BusyStops | None]:
    if not feeds:
        basis.append(Basis("lines", "none", "", "MISSING", "no --gtfs: nobody takes a train or a bus"))
        return None, None
    feed = feeds[0]
    days = "a typical weekday of its calendar"
    if len(feeds) > 1:
        days = "; ".join(merge_feeds(feeds, out))
        feed = out
    basis.append(Basis("lines", f"{len(feeds)} feeds, {days}", "", "measured", ", ".join(path.name for path in feeds)))
    return feed, busy_stops(feed)


def _points_of(
    sources: Sources, extract: Extract, box: Box, stops: BusyStops | None, basis: list[Basis]
) -> HeldPoints:  # fmt: skip
    """Return the points that hold people and jobs."""
    if sources.people:
        people = read_grid(sources.people, "people")
    else:
        middles, length_m = walked_pieces(extract)
        people = Grid(middles, length_m / 1000.0 * RESIDENTS_PER_KM, np.zeros(len(middles)))
        basis.append(Basis("people", f"{RESIDENTS_PER_KM:.0f} persons/km of street", "50 to 600", "assumed",
                           "no --people: the density of another city's streets"))  # fmt: skip
    jobs = read_grid(sources.jobs, "jobs") if sources.jobs else _assumed_jobs(people, box, stops, basis)
    for what, grid in (("people", people), ("jobs", jobs)):
        if grid.unknown:
            basis.append(Basis(what, f"0 in {grid.unknown} rows", "", "assumed", "the table has no number there"))
    lonlat = np.concatenate([people.lonlat, jobs.lonlat])
    held = np.zeros((len(lonlat), len(WEIGHTS)))
    held[: len(people.count), 0], held[len(people.count) :, 1] = people.count, jobs.count
    pupils = people.schools if people.schools.any() else jobs.schools
    total, counted = held[:, 0].sum(), bool(pupils.any())
    if counted:
        row = 0 if people.schools.any() else len(people.count)
        held[row : row + len(pupils), 2] = pupils * PUPILS_PER_SCHOOL
        basis.append(Basis("school places", f"{PUPILS_PER_SCHOOL} pupils/school", "150 to 800", "assumed",
                           f"{pupils.sum():.0f} schools of the table"))  # fmt: skip
    else:
        held[:, 2] = held[:, 0] * FOR_EACH_RESIDENT["pupils"]
        basis.append(Basis("school places", f"{FOR_EACH_RESIDENT['pupils']} pupils/resident", "0.07 to 0.2", "assumed",
                           "where people live; no table names schools"))  # fmt: skip
    share_of_jobs = held[:, 1] / max(held[:, 1].sum(), 1.0)
    drawn = held[:, :2].sum(axis=1) / max(held[:, :2].sum(), 1.0)
    for place, (name, share, bounds) in enumerate(
        (
            ("students", share_of_jobs, "0.02 to 0.1"),
            ("shops", drawn, "0.0003 to 0.001"),
            ("leisure", drawn, "0.1 to 1"),
        ),
        3,
    ):
        held[:, place] = share * total * FOR_EACH_RESIDENT[name]
        at = "where jobs are" if name == "students" else "where people and jobs are"
        basis.append(Basis(name, f"{FOR_EACH_RESIDENT[name]:g} a resident", bounds, "assumed", at))
    corners = (box.west, box.south, box.east, box.north)
    return HeldPoints(lonlat, held, people.spacing_m if sources.people else CELL_SIDE_M, within_box(lonlat, corners))


def _assumed_jobs(people: Grid, box: Box, stops: BusyStops | None, basis: list[Basis]) -> Grid:
    """Return jobs in proportion to the residents, spread as calls at stops; where people live without lines."""
    total = people.count.sum() * FOR_EACH_RESIDENT["jobs"]
    where = people.lonlat, people.count
    if stops is not None and len(stops.calls):
        west, south = people.lonlat.min(axis=0)
        east, north = people.lonlat.max(axis=0)
        near = within_box(stops.lonlat, (float(west), float(south), float(east), float(north)))
        where = (stops.lonlat[near], stops.calls[near]) if near.any() else where
    spread = "as calls of lines at stops" if where[0] is not people.lonlat else "as people live"
    basis.append(
        Basis("jobs", f"{FOR_EACH_RESIDENT['jobs']} jobs/resident", "0.3 to 0.7", "assumed", f"no --jobs: {spread}")
    )
    return Grid(where[0], where[1] / where[1].sum() * total, np.zeros(len(where[1])))


def _write_cells(
    path: Path, extract: Extract, box: Box, points: HeldPoints, country: CountrySettings, scale: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Write `cells.csv` and return middles and residents of the squares."""
    lived_in = points.inside & (points.held[:, 0] > 0)
    grid = Grid(points.lonlat[lived_in], points.held[lived_in, 0], np.zeros(0))
    if not len(grid.count):
        return np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
    middles, length_m = walked_pieces(extract)
    inside = within_box(middles, (box.west, box.south, box.east, box.north))
    squares, residents = squares_of(grid, middles[inside], length_m[inside], scale, points.spacing_m)
    shares = np.array(country.age_shares) / sum(country.age_shares)
    rows = [
        (f"square_{k}", f"{lon:.6f}", f"{lat:.6f}", persons, *np.round(shares * persons, 3).tolist(), 1)
        for k, ((lon, lat), persons) in enumerate(zip(squares.tolist(), residents.tolist(), strict=True))
    ]
    _write(path, ("cell", "lon", "lat", "residents", *AGE_COLUMNS, "imputed"), rows)
    return squares, residents


def _main_place(
    box: Box, stops: BusyStops | None, cells: tuple[FloatArray, IntArray]
) -> tuple[tuple[float, float], str]:  # fmt: skip
    """Return the main station: the stop of the map with most calls, trains first; else where most people live."""
    if stops is not None:
        inside = within_box(stops.lonlat, (box.west, box.south, box.east, box.north))
        if inside.any():
            row = int(np.lexsort((-stops.calls, ~stops.has_trains, ~inside))[0])
            lon, lat = stops.lonlat[row].tolist()
            return (lon, lat), stops.names[row] or "Main stop"
    lon, lat = cells[0][int(cells[1].argmax())].tolist()
    return (lon, lat), "Where most people live"


def _write_places(
    seed: Path, extract: Extract, box: Box, points: HeldPoints, centre: tuple[float, float], stops: BusyStops | None,
    scale: FloatArray,
) -> int:  # fmt: skip
    """Write `attractions.csv` and `outside.csv`; return how many places lie beyond the map."""
    drawing = points.inside & (points.held[:, 1:].sum(axis=1) > 0)
    squares, place = np.unique(
        np.floor(points.lonlat[drawing] * scale / (2 * CELL_SIDE_M)), axis=0, return_inverse=True
    )
    place, held = place.reshape(-1), points.held[drawing]
    rows: list[Sequence[Any]] = []
    for k, middle in enumerate(((squares + 0.5) * 2 * CELL_SIDE_M / scale).tolist()):
        own = held[place == k].sum(axis=0)
        rows.append((f"square_of_{k}", *np.round(middle, 6), int(CELL_SIDE_M), 0, *np.round(own[1:], 3), SEE_PAGE))
    far = ~points.inside & (points.held[:, :2].sum(axis=1) > 0)
    outside: list[dict[str, Any]] = []
    if far.any():
        corners = (box.west, box.south, box.east, box.north)
        around = None
        if stops is not None:
            out = ~within_box(stops.lonlat, corners)
            names = tuple(name for name, is_out in zip(stops.names, out.tolist(), strict=True) if is_out)
            around = BusyStops(stops.lonlat[out], names, stops.calls[out], stops.has_trains[out])
        gates = gateways(extract, box)
        outside, sums = places_beyond(points.lonlat[far], points.held[far], gates, centre, around, scale)
        rows += [
            (row["place"], row["lon"], row["lat"], 0, *np.round(held_there, 2), SEE_PAGE)
            for row, held_there in zip(outside, sums, strict=True)
        ]
    _write(seed / "attractions.csv", ("place", "lon", "lat", "radius_m", *WEIGHTS, "basis"), rows)
    columns = ("place", "lon", "lat", "gateway_lon", "gateway_lat", "drive_km", "drive_min", "cycle_km", "source")
    _write(seed / "outside.csv", columns, [[row[name] for name in columns] for row in outside])
    return len(outside)


def _provenance(sources: Sources, country: CountrySettings) -> list[dict[str, Any]]:
    people = ", ".join(path.name for path in (sources.people, sources.jobs) if path) or "ASSUMPTION, no census"
    ours = {"licence": "as its publisher states", "date": "as its publisher states", "current": False}
    return [
        {"file": "cells.csv, attractions.csv, outside.csv, developments.geojson",
         "source": f"{people}; ages: {country.title}", **ours,
         "derived_how": f"`kera district new`; every assumption stands in {PAGE}"},
        {"file": f"area.yaml, provenance.yaml, {PAGE}", "source": "`kera district new`", "licence": "CC0",
         "date": "none", "current": False, "derived_how": "written by the command"},
    ]  # fmt: skip


def _dump(path: Path, content: Any) -> None:
    yaml = YAML()
    yaml.width = 1000
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
