"""A district from open data with one command, and a day of it with the next: a town of our own making."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from kera_mobility.areas.assumed_people import AGE_SHARES
from kera_mobility.areas.country import read_country
from kera_mobility.areas.grid import Grid, clusters, read_grid, squares_of
from kera_mobility.areas.merged_feed import busy_stops, merge_feeds
from kera_mobility.areas.provenance import files_without_source, read_provenance
from kera_mobility.cli import command_line
from kera_mobility.cli._net import CarriedError
from kera_mobility.errors import ConfigError, DataError, KeraError, MissingFileError, NetworkError
from kera_mobility.geometry import degree_scale, within_box
from kera_mobility.results.compare.values import Values, read_values
from kera_mobility.services.car import CarSettings
from kera_mobility.services.transit.settings import TransitSettings
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.population.settings import PeopleSettings
from kera_mobility.town.timetable.gtfs import timetable_of_feed
from tests.kit.feeds import THREE_STOPS, write

WEST, SOUTH, STEP, SIDE = 10.0, 50.0, 0.003, 9
"""Corner of a chequered town, degrees; streets this far apart, 9 by 9 of them, some 1.7 by 2.7 km."""
BOX = (WEST - 0.001, SOUTH - 0.001, WEST + STEP * (SIDE - 1) + 0.001, SOUTH + STEP * (SIDE - 1) + 0.001)


def town(path: Path) -> Path:
    """Write the streets; those in the middle lead on to the west and the east."""
    nodes: list[str] = []
    ways: list[str] = []
    for x in range(-3, SIDE + 3):
        for y in range(SIDE):
            at = f'lon="{WEST + STEP * x:.4f}" lat="{SOUTH + STEP * y:.4f}"'
            nodes.append(f'<node id="{100 * (x + 3) + y + 1}" {at}/>')
    for k in range(SIDE):
        xs = range(-3, SIDE + 3) if k == SIDE // 2 else range(SIDE)
        for line, kind in (([(x, k) for x in xs], "secondary" if k == SIDE // 2 else "residential"),
                           ([(k, y) for y in range(SIDE)], "residential")):  # fmt: skip
            points = "".join(f'<nd ref="{100 * (x + 3) + y + 1}"/>' for x, y in line)
            ways.append(f'<way id="{len(ways) + 1}">{points}<tag k="highway" v="{kind}"/></way>')
    path.write_text(f'<osm version="0.6">{"".join(nodes)}{"".join(ways)}</osm>', encoding="utf-8")
    return path


def feed(folder: Path, kind: int, day: str, minutes: int) -> Path:
    """Write a line from beyond the town in the west through its middle to the east, on one day, every some minutes."""
    middle = SOUTH + STEP * (SIDE // 2)
    places = [WEST - 0.02, *(WEST + STEP * k for k in (1, 4, 7)), WEST + 0.05]
    stops = "stop_id,stop_name,stop_lat,stop_lon\n"
    stops += "".join(f"{k},Stop {k},{middle},{lon:.4f}\n" for k, lon in enumerate(places))
    trips, times = "route_id,service_id,trip_id\n", THREE_STOPS["stop_times"].partition("\n")[0] + "\n"
    for n, begin in enumerate(range(330, 1380, minutes)):
        for back in (0, 1):
            trips += f"r,wk,t{n}_{back}\n"
            for k in range(len(places)):
                clock = f"{(begin + 3 * k) // 60:02d}:{(begin + 3 * k) % 60:02d}:00"
                times += f"t{n}_{back},{clock},{clock},{len(places) - 1 - k if back else k},{k}\n"
    return write(folder, {
        **{name: text for name, text in THREE_STOPS.items() if name != "calendar"},
        "stops": stops, "trips": trips, "stop_times": times,
        "calendar_dates": f"service_id,date,exception_type\nwk,{day},1\n",
        "routes": f"route_id,agency_id,route_short_name,route_long_name,route_type\nr,a,1,One,{kind}\n",
    })  # fmt: skip


def table(path: Path) -> Path:
    """Write a grid of 400 m over the town and its surroundings: people, jobs, schools; one number is missing."""
    rows = ["id,lon,lat,population,jobs,schools"]
    for x in range(-6, 12):
        for y in range(-3, 9):
            people = "" if (x, y) == (-6, -3) else 20 + 3 * (x == 3)
            rows.append(
                f"c{x}_{y},{WEST + 0.0056 * x:.5f},{SOUTH + 0.0036 * y:.5f},{people},{10 * (y == 3)},{int(x == y == 2)}"
            )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def kera(*words: object) -> str:
    result = CliRunner().invoke(command_line(), [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with a new district and what was said of it."""
    folder = tmp_path_factory.mktemp("district")
    files = [town(folder / "town.osm"), feed(folder / "bus", 3, "20260107", 20),
             feed(folder / "train", 2, "20260512", 30),
             table(folder / "grid.csv")]  # fmt: skip
    before = Path.cwd()
    os.chdir(folder)
    try:
        box = ",".join(f"{side:.4f}" for side in BOX)
        said = kera("district", "new", "twin", "--osm", files[0], f"--bbox={box}", "--gtfs", files[1], "--gtfs",
                    files[2],
                    "--people", files[3], "--jobs", files[3], "--borrow", "fi", "--title", "The twin")  # fmt: skip
    finally:
        os.chdir(before)
    return folder, said


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_district_is_made_and_lives_a_day_with_every_service(
    made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = made
    monkeypatch.chdir(folder)
    assert "Use it: kera run configs/twin/today.yaml" in said
    for scenario in ("today.yaml", "trials/all.yaml"):
        kera("run", f"configs/twin/{scenario}")
    (about,) = [json.loads(path.read_text()) for path in Path("results/all").rglob("run.json")]
    assert {"rail", "scooter", "shuttle", "on_demand"} <= set(about["services"])
    figures = {kpi["id"]: kpi for kpi in json.loads(next(Path("results/today").rglob("kpis.json")).read_text())}
    assert figures["trips"]["value"] > 500
    assert figures["unserved"]["value"] < 0.03 * figures["trips"]["value"]
    assert figures["transit.rides"]["value"] > 20
    assert figures["sustainable_share"]["population"] == "everyone"
    content = kera("report", "results/today", "-o", "report.html") and Path("report.html").read_text(encoding="utf-8")
    assert "BORROWED from Finland" in content


def test_people_of_the_table_are_all_there_inside_and_beyond(made: tuple[Path, str]) -> None:
    area = made[0] / "networks" / "twin"
    grid = read_grid(made[0] / "grid.csv", "people")
    inside = within_box(grid.lonlat, BOX)
    assert sum(int(row["residents"]) for row in rows(area / "cells.csv")) == grid.count[inside].sum()
    beyond = [row for row in rows(area / "attractions.csv") if row["place"].startswith("beyond")]
    assert 50 <= len(beyond) <= 100
    assert sum(float(row["residents"]) for row in beyond) == pytest.approx(grid.count[~inside].sum())
    jobs = read_grid(made[0] / "grid.csv", "jobs").count.sum()
    assert sum(float(row["jobs"]) for row in rows(area / "attractions.csv")) == pytest.approx(jobs)
    assert sum(float(row["pupils"]) for row in rows(area / "attractions.csv")) == pytest.approx(400)
    stops = busy_stops(area / "gtfs" / "today").lonlat
    at = np.array([(float(row["lon"]), float(row["lat"])) for row in rows(area / "outside.csv")])
    assert not within_box(at, BOX).any()
    for lon in (stops[:, 0].min(), stops[:, 0].max()):  # lines go to places beyond at both ends
        assert np.abs(at[:, 0] - lon).min() < 1e-5


def test_the_page_says_of_every_piece_what_it_rests_on(made: tuple[Path, str]) -> None:
    area, said = made[0] / "networks" / "twin", made[1]
    text = (area / "district.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    pieces = [line[0] for line in lines]
    for piece in ("streets", "people", "jobs", "school places", "shops", "leisure", "lines", "day of the lines",
                  "places beyond the map", "ways beyond the map", "hubs, depots, centres", "scooters", "loop",
                  "rides on demand", "constants of the modes", "fares, car costs, cars, licences", "ages",
                  "value of time, emissions", "footpaths"):  # fmt: skip
        assert piece in pieces, piece
    assert {line[3] for line in lines} == {"measured", "derived", "assumed", "borrowed", "MISSING"}
    assert all(line[2] and line[4] for line in lines if line[3] == "assumed" and "no number" not in line[4])
    assert "0 in 1 rows" in text
    assert "Borrowed from Finland" in text
    assert "EUR" in text
    assert "bus: 2026-01-07; train: 2026-05-12" in text
    assert "BORROWED from Finland" in said
    assert files_without_source(area, read_provenance(area)) == []


def test_streets_alone_make_a_district_that_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = kera("district", "new", "bare", "--osm", town(tmp_path / "town.osm"), "--country", "fi")
    assert "MISSING  lines" in said
    assert "BORROWED" not in said
    assert "no --people" in Path("networks/bare/district.md").read_text(encoding="utf-8")
    assert load_scenario("configs/bare/today.yaml").services.keys() == {"walk", "bicycle", "car", "car_passenger"}


@pytest.mark.parametrize(
    ("words", "error", "fault"),
    [
        ([], SystemExit, "expected one of --country and --borrow"),
        (["--country", "fi", "--borrow", "fi"], SystemExit, "expected one of --country and --borrow"),
        (["--country", "xx"], MissingFileError, "country 'xx': no such file, expected one of fi"),
        (["--country", "fi", "--people", "none", "--gtfs", "no.zip"], MissingFileError, "no.zip: no such file\nnone:"),
        (["--country", "fi", "--people", "town.osm"], KeraError, "town.osm"),
        (["--country", "fi", "--people", "empty.csv"], DataError, "empty.csv:1: expected numbers in a column "),
        (["--country", "fi", "--people", "far.csv"], NetworkError, "nobody lives in the rectangle"),
        (["--country", "fi", "--bbox=179,0,-179,1"], SystemExit, "over the antimeridian"),
        (["--country", "fi", "--gtfs", "far.csv"], KeraError, "not a readable GTFS feed"),
    ],
)  # fmt: skip
def test_a_bad_input_is_one_clear_error_and_leaves_nothing(
    words: list[str], error: type[BaseException], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    town(tmp_path / "town.osm")
    (tmp_path / "empty.csv").write_text("lon,lat,residents\n10.01,50.01,\n", encoding="utf-8")
    (tmp_path / "far.csv").write_text("lon,lat,residents\n20.01,50.01,100\n", encoding="utf-8")
    result = CliRunner().invoke(command_line(), ["district", "new", "bad", "--osm", "town.osm", *words])
    fell = result.exception.__cause__ if isinstance(result.exception, CarriedError) else result.exception
    assert isinstance(fell, error), result.output
    told = str(fell) if error is not SystemExit else " ".join(result.output.replace("│", " ").split())
    assert fault in told
    assert not Path("networks/bad").exists()
    assert not Path("configs/bad").exists()


# Parts


def test_finland_names_the_defaults_that_a_scenario_has_anyway() -> None:
    fi = read_country("fi")
    assert fi.age_shares == AGE_SHARES
    people, services = fi.scenario["town"]["people"], fi.scenario["services"]
    named: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (people, PeopleSettings().model_dump()), (services["car"], CarSettings().model_dump()),
        (services["rail"], TransitSettings(timetable="today").model_dump()),
        (fi.values, Values().model_dump(mode="json")),
    ]  # fmt: skip
    for given, defaults in named:
        for key, value in given.items():
            assert json.loads(json.dumps(value)) == json.loads(json.dumps(defaults[key])), key


def test_a_country_with_a_wrong_number_is_refused(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "configs" / "countries" / "fi.yaml").read_text(encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(text.replace("[0.12,", "[0.52,"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wrong\.yaml:\d+: age_shares: .*sum to 1"):
        read_country(str(tmp_path / "wrong.yaml"))


def test_unit_values_of_the_district_are_read_as_they_are(made: tuple[Path, str]) -> None:
    assert read_values(made[0] / "configs" / "twin" / "values.yaml") == Values()


def test_people_of_a_large_cell_live_along_its_streets_to_the_last_one() -> None:
    scale = degree_scale(50.0)
    middles = np.array([[0.0, 0.0], [300.0, 0.0], [1400.0, 0.0]]) / scale + (10.0, 50.0)
    grid = Grid(np.array([[0.0, 0.0], [1000.0, 0.0]]) / scale + (10.0, 50.0), np.array([30.0, 11.0]), np.zeros(2))
    at, people = squares_of(grid, middles, np.array([100.0, 200.0, 50.0]), scale, 1000.0)
    assert sorted(people.tolist()) == [10, 11, 20]
    assert np.abs((at - (10.0, 50.0)) * scale)[:, 1].max() <= 250.0


def test_clusters_are_as_many_as_asked_and_part_the_weight() -> None:
    points = np.array([[x, y] for x in range(10) for y in range(10)], dtype=np.float64)
    weight = np.ones(100)
    label = clusters(points, weight, 10)
    sums = np.bincount(label, weight)
    assert (len(sums), sums.min() >= 6, sums.max() <= 13) == (10, True, True)
    assert len(np.unique(clusters(points[:3], weight[:3], 10))) == 3


def test_feeds_of_two_calendars_run_on_one_day_with_ids_of_their_own(tmp_path: Path) -> None:
    feeds = [feed(tmp_path / "bus", 3, "20260107", 60), feed(tmp_path / "train", 2, "20260512", 120)]
    days = merge_feeds(feeds, tmp_path / "merged")
    assert days == ["bus: 2026-01-07", "train: 2026-05-12"]
    merged, *single = (timetable_of_feed(path) for path in (tmp_path / "merged", *feeds))
    assert merged.runs == sum(timetable.runs for timetable in single)
    assert merged.stops == 10
    busy = busy_stops(tmp_path / "merged")
    assert busy.has_trains.sum() == 5
    assert busy.calls.sum() == sum(len(timetable.call_stop) for timetable in single)
