"""Places beyond the map are made of cells and stops by stated rules: rings around stations."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.config.resources import find
from kera_mobility.config.settings import Place
from kera_mobility.errors import ConfigError, NetworkError
from kera_mobility.town.area_tables import read_outside_table
from tests.kit.hamlet import hamlet_town, live_services, person, scenario
from tools.outside_places import build_outside

RAW_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "region"
INPUTS = ("area.yaml", "outside.yaml", "attractions.csv")

AREA = """name: village
title: Village
projection: EPSG:3067
bbox: { west: 24.70, south: 60.20, east: 24.72, north: 60.22 }
centre: { name: Middle, lon: 24.71, lat: 60.21 }
attribution: "© OpenStreetMap contributors, ODbL 1.0"
sources: []
"""
RULES = """stops: stops.csv
residents: cells.csv
rings_m: [500, 2500, 7000]
walked_rings: 2
walk_factor: 1.3
least_people: 100
gateways: [[24.70, 60.21], [24.72, 60.21]]
drive: {factor: 1.3, km_h: 50, inner_km_h: 25, traffic: 1.25}
inner: {west: 24.9, south: 60.0, east: 25.0, north: 60.5}
cycle_factor: 1.25
boardings_per_resident: 0.5
least_share: 0.1
parts: {east: {jobs: 1000, shops: 10, leisure: 500}}
stations:
  - {place: east, title: East, part: east, raw: East station, students: 7}
"""
ATTRACTIONS = """place,title,lon,lat,radius_m,residents,jobs,pupils,students,shops,leisure,basis
shop,Shop,24.71,60.21,100,0,5,0,0,1,0,our own
"""
PER_DEGREE_M = 111_195.0
"""Of latitude."""


@pytest.fixture
def village(tmp_path: Path) -> tuple[Path, Path]:
    area, raw = tmp_path / "village", tmp_path / "raw"
    area.mkdir()
    raw.mkdir()
    (area / "area.yaml").write_text(AREA)
    (area / "outside.yaml").write_text(RULES)
    (area / "attractions.csv").write_text(ATTRACTIONS)
    (raw / "stops.csv").write_text(
        "name,lon,lat,boardings_per_weekday\nEast station,24.80,60.21,300\nFar stop,24.80,60.22,110\n"
        "Here,24.71,60.21,900\n"
    )
    north = [(0.003, 200), (0.010, 100), (0.012, 100), (0.040, 150)]
    cells = [f"{people},24.80,{60.21 + up}" for up, people in north]
    (raw / "cells.csv").write_text("\n".join(["ASUKKAITA,lon,lat", *cells, "5000,24.71,60.21"]))
    return area, raw


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["place"]: row for row in csv.DictReader(file)}


def test_rings_around_a_station_hold_the_people_and_jobs_of_their_cells(village: tuple[Path, Path]) -> None:
    area, raw = village
    assert build_outside(area, raw) == 4
    ways, held = rows_of(area / "outside.csv"), rows_of(area / "attractions.csv")
    assert list(ways) == ["east", "east_by", "east_near", "east_round"]
    assert list(held) == [*ways, "shop"], "what lies on the map stays as it is"
    assert [int(held[place]["residents"]) for place in ways] == [0, 200, 200, 150], "and nobody of the map"
    assert [ways[place]["station"] for place in ways] == ["", "east", "east", ""], "the last ring is not walked to"
    assert float(ways["east_by"]["walk_m"]) == pytest.approx(0.003 * PER_DEGREE_M * 1.3, abs=6.0)
    assert float(ways["east_near"]["walk_m"]) == pytest.approx(0.011 * PER_DEGREE_M * 1.3, abs=6.0)
    # Boardings less what the residents board: 300 - 100 at the station; 110 - 100, at least a tenth, 11; none beyond.
    assert [int(held[place]["jobs"]) for place in ways] == [0, round(1000 * 200 / 211), round(1000 * 11 / 211), 0]
    assert held["east_by"]["students"] == "7"
    assert ways["east"]["gateway_lon"] == "24.72", "the way out is shorter there"
    straight_km = float(ways["east"]["cycle_km"]) / 1.25
    assert float(ways["east"]["drive_km"]) == pytest.approx(1.3 * straight_km, abs=0.1)
    assert float(ways["east"]["drive_min"]) == pytest.approx(1.3 * straight_km / 50 * 60 / 1.25, abs=0.15)
    assert read_outside_table(area) is not None


def test_making_them_twice_gives_the_same_files(village: tuple[Path, Path]) -> None:
    area, raw = village
    build_outside(area, raw)
    first = [(area / name).read_bytes() for name in ("outside.csv", "attractions.csv")]
    build_outside(area, raw)
    assert [(area / name).read_bytes() for name in ("outside.csv", "attractions.csv")] == first


def test_a_station_that_no_stop_is_named_after_is_told(village: tuple[Path, Path]) -> None:
    area, raw = village
    (area / "outside.yaml").write_text(RULES.replace("East station", "West station"))
    with pytest.raises(NetworkError, match=r"stops\.csv: expected a stop 'West station' for east, found none"):
        build_outside(area, raw)


@pytest.mark.skipif(not RAW_FOLDER.is_dir(), reason="skipped: the region's raw tables are not here; the village's are")
def test_the_shipped_places_are_what_the_rules_make(tmp_path: Path) -> None:
    shipped = find("kera", "networks")
    for name in INPUTS:
        shutil.copy(shipped / name, tmp_path / name)
    build_outside(tmp_path, RAW_FOLDER)
    for name in ("outside.csv", "attractions.csv"):
        assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes(), name


def test_a_place_of_a_service_beyond_the_map_is_far_from_every_street(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1)])
    lon, lat = town.streets.node_lonlat[np.asarray(town.streets.node_outside)][0].tolist()
    for modes in (("walk",), ("walk", "drive")):
        assert town.snap([Place(name="A hub in the city", lon=lon, lat=lat)], modes)[1][0] > 5000.0
    assert town.snap_lonlat(np.array([[lon, lat]]))[1][0] < 1.0, "stops of lines may stand there"
    hub = {"hubs": [{"name": "A hub in the city", "lon": lon, "lat": lat, "capacity": 5}]}
    with pytest.raises(ConfigError, match=r"hubs\.0.*m from the nearest street|hubs\.0.*lies"):
        live_services(scenario({"scooter": {"kind": "scooter", "fleet": 5, **hub}}), town)
