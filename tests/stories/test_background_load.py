"""People who ride the lines without being of the model: the table, how it is built, and what is aboard."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.services.transit.background_load import FILE, background_aboard, read_background
from kera_mobility.town.timetable.timetable import Timetable
from tests.kit.background import write_background
from tests.kit.hamlet import CITY, METRES_PER_DEGREE, MILL, STATION, X_M, hamlet_timetable, run
from tools.background_load import balanced, build_background

ROOT = Path(__file__).parents[2]
KERA = ROOT / "networks" / "kera"
RAW = ROOT.parent / "shared" / "data" / "region" / "hsl_stop_boardings_2016.csv"

TRAINS = (
    run((MILL, "8:00"), (STATION, "8:05", "8:06"), (CITY, "8:16")),
    run((MILL, "8:30"), (STATION, "8:35", "8:36"), (CITY, "8:46")),
    run((STATION, "8:50"), (CITY, "9:00")),
    run((CITY, "8:20"), (STATION, "8:30", "8:31"), (MILL, "8:36")),
)
"""Two trains from the mill, one more from the station, one back."""

SOURCE = """
source: drawn by hand
year: 2016
factor: 2.0
type: 2
stations:
  - {name: West, lon: 24.0, lat: 60.0, share: 1.0, inside: false, raw: [West station, Far station]}
  - {name: Here, lon: 24.5, lat: 60.0, share: 1.0, inside: true, raw: [Here station]}
  - {name: East, lon: 25.0, lat: 60.0, share: 0.5, inside: false, raw: [East station]}
homeward: west
living_there: 1.0
commuting: 0.5
hours: {first: 7, commuting_out: [1, 0], commuting_home: [0, 1], other_out: [1, 1], other_home: [1, 3]}
"""
BOARDINGS = """name,short_code,lon,lat,boardings_per_weekday
West station, ,24,60,60
Far station, ,23,60,40
Here station, ,24.5,60,100
East station, ,25,60,200
East station,E1,25,60,999
"""


def aboard(
    folder: Path, travel: Sequence[tuple[int, int, int, float]], factor: float = 1.0, kind: int = 2
) -> list[int]:
    write_background(folder, travel, kind)
    return background_aboard(read_background(folder), hamlet_timetable(TRAINS), factor).tolist()


def test_people_divide_over_the_trains_of_their_hour(tmp_path: Path) -> None:
    """60 from the mill take two trains, 30 from the station three; those back one."""
    travel = [(MILL, CITY, 8, 60.0), (STATION, CITY, 8, 30.0), (CITY, MILL, 8, 7.0)]
    assert aboard(tmp_path, travel) == [30, 40, 0, 30, 40, 0, 10, 0, 7, 7, 0]


def test_who_alights_on_the_way_leaves_a_place(tmp_path: Path) -> None:
    assert aboard(tmp_path, [(MILL, STATION, 8, 60.0), (MILL, CITY, 8, 20.0)])[:3] == [40, 10, 0]


def test_the_factor_scales_everyone(tmp_path: Path) -> None:
    assert aboard(tmp_path, [(MILL, CITY, 8, 60.0)], factor=1.5)[:3] == [45, 45, 0]


def test_without_a_run_in_their_hour_or_of_their_kind_nobody_rides(tmp_path: Path) -> None:
    assert sum(aboard(tmp_path, [(MILL, CITY, 7, 60.0)])) == 0
    assert sum(aboard(tmp_path, [(MILL, CITY, 8, 60.0)], kind=3)) == 0


def test_a_stop_far_from_every_stop_of_the_timetable_counts_for_nobody(tmp_path: Path) -> None:
    write_background(tmp_path, [(MILL, CITY, 8, 60.0)])
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text.replace(str(25.0 + X_M[MILL] / METRES_PER_DEGREE), "26.5"))
    assert background_aboard(read_background(tmp_path), hamlet_timetable(TRAINS)).sum() == 0


def test_a_missing_or_broken_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=FILE):
        read_background(tmp_path)
    (tmp_path / FILE).write_text("origin,destination,hour\na,b,8\n")
    with pytest.raises(NetworkError, match="origin_lon"):
        read_background(tmp_path)


@given(st.lists(st.floats(1.0, 1e5), min_size=3, max_size=10))
def test_balanced_travel_has_the_boardings_as_sums_and_is_the_same_both_ways(boardings: list[float]) -> None:
    margin = np.array(boardings)
    assume(2.2 * margin.max() < margin.sum())
    travel = balanced(margin)
    assert np.array_equal(travel, travel.T)
    assert np.all(np.diag(travel) == 0.0)
    assert travel.sum(axis=1) == pytest.approx(margin, rel=1e-3)


def test_one_station_cannot_have_more_than_all_others() -> None:
    with pytest.raises(NetworkError, match="more boardings"):
        balanced(np.array([10.0, 2.0, 3.0]))


def test_a_small_background_is_built_by_hand(tmp_path: Path) -> None:
    """Three stations of 100 boardings: 50 between any two, each way, doubled; those of the middle one are left out.

    Eastward all travel from home: one half leaves at 7 (commuting), the other half is even: 3/4 at 7. Westward all go
    home: commuters at 8, of the rest 3/4: 7/8 at 8.
    """
    (tmp_path / "raw.csv").write_text(BOARDINGS)
    (tmp_path / "background.yaml").write_text(SOURCE)
    assert build_background(tmp_path / "raw.csv", tmp_path / "background.yaml", tmp_path / FILE) == 200.0
    with (tmp_path / FILE).open(newline="") as file:
        travel = [
            (row["origin"], row["destination"], int(row["hour"]), float(row["persons"])) for row in csv.DictReader(file)
        ]
    assert travel == [
        ("West", "East", 7, 75.0),
        ("West", "East", 8, 25.0),
        ("East", "West", 7, 12.5),
        ("East", "West", 8, 87.5),
    ]


def test_a_station_that_nobody_counted_is_named(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text(BOARDINGS.replace("Far station", "Other"))
    (tmp_path / "background.yaml").write_text(SOURCE)
    with pytest.raises(NetworkError, match="Far station"):
        build_background(tmp_path / "raw.csv", tmp_path / "background.yaml", tmp_path / FILE)


@pytest.mark.skipif(not RAW.is_file(), reason="the boardings of the region are not at hand")
def test_the_shipped_table_is_what_its_builder_makes_of_the_boardings(tmp_path: Path) -> None:
    build_background(RAW, KERA / "background.yaml", tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == (KERA / FILE).read_bytes()


@pytest.mark.parametrize("name", ["today", "urban_rail"])
def test_the_shipped_background_fills_trains_in_the_morning_to_the_centre_and_never_beyond_them(name: str) -> None:
    table = Timetable.load(KERA / "timetables" / name)
    load = background_aboard(read_background(KERA), table)
    rail = np.asarray(table.line_type)[table.run_line][table.call_run] == 2
    assert load[~rail].sum() == 0
    assert 0 < load.max() < 583
    at_kera = (np.asarray(table.call_stop) == table.stop_name.index("Kera")) & rail
    hour = np.floor(np.asarray(table.call_depart_s) / 3600.0)
    inward = np.array([table.stop_name[table.call_stop[end - 1]] == "Helsinki" for end in table.run_start[1:]])[
        table.call_run
    ]
    morning, afternoon = (at_kera & (hour == h) for h in (7, 16))
    assert load[morning & inward].mean() > 1.5 * load[morning & ~inward].mean()
    assert load[afternoon & ~inward].mean() > 1.2 * load[afternoon & inward].mean()
