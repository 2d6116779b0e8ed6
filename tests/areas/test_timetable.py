"""Timetables: feeds in, arrays out, and the best journey to the second."""

from __future__ import annotations

import math
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.config.resources import shipped_folder
from kera_mobility.dice import Dice
from kera_mobility.errors import TimetableError
from kera_mobility.results.line_kinds import of_the_map
from kera_mobility.services.transit.service import Transit
from kera_mobility.simulation.run import open_services, town_of
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.timetable.gtfs import compile_feed, write_feed
from kera_mobility.town.timetable.lines_yaml import read_lines
from kera_mobility.town.timetable.timetable import Journeys, NextJourney, Timetable
from kera_mobility.units import HOUR_S, MINUTE_S, STEPS_PER_S

KERA = shipped_folder("networks") / "kera"
TRAINS = ("today", "urban_rail")
TIMETABLES = ("closure", *TRAINS)
SMALL = ("town.people.residents=60", "town.people.jobs=40", "town.people.neighbours_within_m=500")

# A line from A over B to C, the last train after midnight; a bus from B2, 100 m north of B, to D.
HAMLET = {
    "stops": "stop_id,stop_name,stop_lat,stop_lon\nA,Aho,60.2,24.70\nB,Biljardi,60.2,24.75\n"
    "B2,Biljardi bus,60.2009,24.75\nC,Cygnaeus,60.2,24.80\nD,Dalsvik,60.3,24.75\nX,never called at,60.5,24.5\n",
    "routes": "route_id,agency_id,route_short_name,route_long_name,route_type\nT,a,T,train,2\nK,a,,Kulkuri,3\n",
    "trips": "route_id,service_id,trip_id\nT,wk,t1\nT,wk,t2\nT,wk,t3\nK,wk,k1\nK,wk,k2\nT,sat,s1\n",
    "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "t1,08:00:00,08:00:00,A,1\nt1,08:10:00,08:11:00,B,5\nt1,08:20:00,08:20:00,C,9\n"
    "t2,8:30:00,8:30:00,A,1\nt2,,,B,2\nt2,8:51:00,8:51:00,C,3\n"
    "t3,24:50:00,24:50:00,A,1\nt3,25:00:00,25:01:00,B,2\nt3,25:10:00,25:10:00,C,3\n"
    "k1,08:13:00,08:13:00,B2,1\nk1,08:30:00,08:30:00,D,2\n"
    "k2,08:20:00,08:20:00,B2,1\nk2,08:40:00,08:40:00,D,2\n"
    "s1,10:00:00,10:00:00,A,1\ns1,10:30:00,10:30:00,C,2\n",
    "calendar": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "wk,1,1,1,1,1,0,0,20260105,20260118\nsat,0,0,0,0,0,1,0,20260105,20260118\n",
}


def _feed(folder: Path, **changed: str | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for table, text in {**HAMLET, **changed}.items():
        if text is not None:
            (folder / f"{table}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def hamlet(tmp_path: Path) -> Timetable:
    return compile_feed(_feed(tmp_path / "gtfs"), tmp_path / "out")


def _ask(timetable: Timetable, journeys: Journeys, start: str, end: str, ready_s: float) -> NextJourney | None:
    return journeys.next_one(timetable.stop_id.index(start), timetable.stop_id.index(end), ready_s)


# The feed and its arrays


def test_a_feed_becomes_lines_runs_and_calls_in_order(hamlet: Timetable) -> None:
    assert hamlet.stop_id == ("A", "B", "B2", "C", "D")
    assert hamlet.line_name == ("T", "Kulkuri")
    assert hamlet.line_type.tolist() == [2, 3]
    assert hamlet.run_name == ("t1", "t2", "t3", "k1", "k2")
    assert hamlet.run_line.tolist() == [0, 0, 0, 1, 1]
    assert hamlet.run_start.tolist() == [0, 3, 6, 9, 11, 13]
    assert hamlet.call_depart_s[:3].tolist() == [28800.0, 29460.0, 30000.0]
    assert hamlet.call_run.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4]


def test_times_past_midnight_count_on(hamlet: Timetable) -> None:
    assert hamlet.call_arrive_s[8] == 25 * HOUR_S + 10 * MINUTE_S


def test_a_missing_time_on_the_way_is_interpolated(hamlet: Timetable) -> None:
    assert hamlet.call_arrive_s[4] == hamlet.call_depart_s[4] == 8 * HOUR_S + 40.5 * MINUTE_S


def test_a_missing_time_follows_the_distance_travelled_where_it_is_known(tmp_path: Path) -> None:
    text = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n"
        "t1,08:00:00,08:00:00,A,1,0\nt1,,,B,2,1.0\nt1,08:20:00,08:20:00,C,3,4.0\n"
    )
    timetable = compile_feed(_feed(tmp_path / "gtfs", stop_times=text), tmp_path / "out")
    assert timetable.call_arrive_s[1] == 8 * HOUR_S + 5 * MINUTE_S


def test_a_saved_timetable_loads_the_same(hamlet: Timetable, tmp_path: Path) -> None:
    _assert_same(Timetable.load(tmp_path / "out"), hamlet)


def test_a_zipped_feed_compiles_like_its_folder(hamlet: Timetable, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as archive:
        for table, text in HAMLET.items():
            archive.writestr(f"{table}.txt", text)
    _assert_same(compile_feed(tmp_path / "feed.zip", tmp_path / "zipped"), hamlet)


def test_frequencies_become_runs_of_their_own(tmp_path: Path) -> None:
    frequencies = "trip_id,start_time,end_time,headway_secs\nt1,06:00:00,06:30:00,600\n"
    timetable = compile_feed(_feed(tmp_path / "gtfs", frequencies=frequencies), tmp_path / "out")
    assert timetable.run_name[:4] == ("t1@06:00:00", "t1@06:10:00", "t1@06:20:00", "t2")
    assert timetable.call_depart_s[:3].tolist() == [21600.0, 22260.0, 22800.0]


def test_a_typical_weekday_is_compiled_unless_a_date_is_given(tmp_path: Path) -> None:
    dates = "service_id,date,exception_type\nwk,20260106,2\nsat,20260107,1\n"
    feed = _feed(tmp_path / "gtfs", calendar_dates=dates)
    timetable = compile_feed(feed, tmp_path / "out")
    assert (timetable.about["date"], "s1" in timetable.run_name) == ("2026-01-05", False)
    both = compile_feed(feed, tmp_path / "out", service_date="2026-01-07")
    assert "s1" in both.run_name, "that Wednesday has both services"
    with pytest.raises(TimetableError, match="no trips on 2026-01-06"):
        compile_feed(feed, tmp_path / "out", service_date="20260106")


def test_a_box_keeps_only_runs_that_touch_the_area_or_join_two_outside_places(tmp_path: Path) -> None:
    feed = _feed(tmp_path / "gtfs")
    around_b = (24.749, 60.1995, 24.751, 60.202)
    places = [(24.75, 60.3), (24.7005, 60.2), (24.8, 60.2)]
    timetable = compile_feed(feed, tmp_path / "out", bbox=around_b, outside=places[:1])
    assert timetable.run_name == ("k1", "k2")
    assert timetable.stop_id == ("B2", "D")
    assert timetable.about["trips"] == {"kept": 2, "not on the date": 1, "fewer than two stops in the area": 3}
    with_places = compile_feed(feed, tmp_path / "out", bbox=(24.749, 60.2005, 24.751, 60.202), outside=places)
    assert with_places.run_name == ("t1", "t2", "t3", "k1", "k2")
    assert "B" not in with_places.stop_id, "calls outside the box are cut"
    assert with_places.stop_lonlat[0].tolist() == [24.7005, 60.2], "stop A moves to the place that it serves"


@pytest.mark.parametrize("table", ["stops", "routes", "trips", "stop_times"])
def test_a_missing_file_is_named_in_one_line(tmp_path: Path, table: str) -> None:
    with pytest.raises(TimetableError) as caught:
        compile_feed(_feed(tmp_path / "gtfs", **{table: None}), tmp_path / "out")
    assert f"{table}.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"calendar": None}, "neither calendar.txt nor calendar_dates.txt"),
        ({"stop_times": HAMLET["stop_times"].replace("departure_time", "departs")}, "no column departure_time"),
    ],
)
def test_a_broken_feed_is_explained_in_one_line(tmp_path: Path, changed: dict[str, str | None], said: str) -> None:
    with pytest.raises(TimetableError) as caught:
        compile_feed(_feed(tmp_path / "gtfs", **changed), tmp_path / "out")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_torn_array_is_named_in_one_line(hamlet: Timetable, tmp_path: Path) -> None:
    (tmp_path / "out" / "call_stop.npy").write_bytes(b"\x93NUMPY torn")
    with pytest.raises(TimetableError, match=r"call_stop\.npy: expected a part of a timetable") as caught:
        Timetable.load(tmp_path / "out")
    assert "\n" not in str(caught.value)
    np.save(tmp_path / "out" / "call_stop.npy", np.full(len(hamlet.call_stop), 99, dtype=np.int32))
    with pytest.raises(TimetableError, match="call_stop: expected stops 0 to 4"):
        Timetable.load(tmp_path / "out")


# Journeys that a person can compute


def test_the_next_train_is_the_first_that_leaves_when_one_is_ready(hamlet: Timetable) -> None:
    journeys = Journeys.of(hamlet)
    on_time = _ask(hamlet, journeys, "A", "C", 28800.0)
    assert on_time == (28800.0, 30000.0, 1200.0, 0.0, 1, 0, 0, 2)
    a_moment_late = _ask(hamlet, journeys, "A", "C", 28800.0 + 1 / 64)
    assert a_moment_late is not None
    assert a_moment_late.run == 1


def test_after_the_last_train_there_is_none(hamlet: Timetable) -> None:
    journeys = Journeys.of(hamlet)
    last = _ask(hamlet, journeys, "A", "B", 24 * HOUR_S)
    assert last is not None
    assert (last.run, last.arrive_s) == (2, 25 * HOUR_S)
    assert _ask(hamlet, journeys, "A", "B", 24 * HOUR_S + 51 * MINUTE_S) is None
    assert _ask(hamlet, journeys, "C", "A", 0.0) is None
    assert _ask(hamlet, journeys, "A", "A", 0.0) is None


def test_a_transfer_takes_slack_and_the_walk_between_platforms(hamlet: Timetable) -> None:
    # B to B2 is 0.0009 degrees = 100.08 m, walked as 130.1 m in 108.4 s; with 90 s of slack the rider who arrives at
    # 8:10:00 stands at B2 at 8:13:18 and misses the bus of 8:13:00.
    missed = _ask(hamlet, Journeys.of(hamlet), "A", "D", 28800.0)
    assert missed == (28800.0, 31200.0, 600.0 + 1200.0, 600.0, 2, 0, 0, 1)
    # With 60 s of slack it is 8:12:48.
    caught = _ask(hamlet, Journeys.of(hamlet, transfer_slack_s=60.0), "A", "D", 28800.0)
    assert caught == (28800.0, 30600.0, 600.0 + 1020.0, 180.0, 2, 0, 0, 1)


def test_a_rider_who_asks_again_after_alighting_walks_to_the_other_platform(hamlet: Timetable) -> None:
    journeys = Journeys.of(hamlet)
    onward = _ask(hamlet, journeys, "B", "D", 29400.0 + 90.0)
    assert onward is not None
    assert hamlet.stop_id[hamlet.call_stop[onward.board_call]] == "B2"
    assert onward.run == 4
    assert _ask(hamlet, journeys, "B", "D", 30000.0 - 108.0) is None, "too late to walk to the bus of 8:20:00"


def test_one_boarding_at_most_means_no_transfer(hamlet: Timetable) -> None:
    assert _ask(hamlet, Journeys.of(hamlet, most_boardings=1), "A", "D", 28800.0) is None


def test_a_slack_of_nothing_and_a_crowd_of_boardings_are_refused(hamlet: Timetable) -> None:
    with pytest.raises(ValueError, match="slack"):
        Journeys.of(hamlet, transfer_slack_s=0.0)
    with pytest.raises(ValueError, match="boardings"):
        Journeys.of(hamlet, most_boardings=8)


def test_the_typical_time_is_half_the_gap_and_the_ride() -> None:
    starts_s = [8 * HOUR_S + 600.0 * run for run in range(7)]
    timetable = _shuttle_line(starts_s, ride_s=300.0)
    typical_s = Journeys.of(timetable).typical_s(8 * HOUR_S, 9 * HOUR_S)
    assert typical_s[0, 1] == 300.0 + 300.0
    assert typical_s[1, 0] == np.inf
    assert Journeys.of(timetable).typical_s(6 * HOUR_S, 7 * HOUR_S)[0, 1] == np.inf
    uneven = Journeys.of(_shuttle_line([0.0, 100.0, 400.0], ride_s=60.0))
    assert uneven.typical_s(0.0, 401.0)[0, 1] == (100.0 * 50.0 + 300.0 * 150.0) / 400.0 + 60.0


def _shuttle_line(starts_s: list[float], ride_s: float) -> Timetable:
    times_s = np.array([[start_s, start_s + ride_s] for start_s in starts_s]).ravel()
    return Timetable(
        stop_lonlat=np.array([[24.7, 60.2], [24.8, 60.2]]),
        stop_id=("a", "b"),
        stop_name=("a", "b"),
        line_name=("line",),
        line_type=np.array([3], dtype=np.int32),
        run_name=tuple(str(run) for run in range(len(starts_s))),
        run_line=np.zeros(len(starts_s), dtype=np.int32),
        run_start=np.arange(0, 2 * len(starts_s) + 1, 2, dtype=np.int32),
        call_stop=np.tile(np.array([0, 1], dtype=np.int32), len(starts_s)),
        call_arrive_s=times_s,
        call_depart_s=times_s,
    )


# The reference twin: every sequence of vehicles, tried one by one


def _addressed_timetable(address: int) -> Timetable:
    """Return a small timetable full of ties: whole minutes, six stops of which three pairs are interchanges."""
    dice = Dice.of(address)
    runs = 4 + int(dice.uniform("runs") * 14)
    lonlat = np.array([[24.7, 60.2], [24.7, 60.2005], [24.75, 60.2], [24.75, 60.2], [24.8, 60.2], [24.8, 60.2012]])
    start, stops, arrive_min, depart_min = [0], [], [], []
    for run in range(runs):
        minute = int(dice.uniform("start", run) * 40)
        for call in range(2 + int(dice.uniform("calls", run) * 3)):
            stops.append(int(dice.uniform("stop", run, call) * 6))
            arrive_min.append(minute + int(dice.uniform("hop", run, call) * 5))
            depart_min.append(arrive_min[-1] + int(dice.uniform("dwell", run, call) * 3))
            minute = depart_min[-1]
        start.append(len(stops))
    return Timetable(
        stop_lonlat=lonlat,
        stop_id=tuple("012345"),
        stop_name=tuple("abcdef"),
        line_name=("line",),
        line_type=np.array([3], dtype=np.int32),
        run_name=tuple(str(run) for run in range(runs)),
        run_line=np.zeros(runs, dtype=np.int32),
        run_start=np.array(start, dtype=np.int32),
        call_stop=np.array(stops, dtype=np.int32),
        call_arrive_s=np.array(arrive_min) * MINUTE_S,
        call_depart_s=np.array(depart_min) * MINUTE_S,
    )


class _Twin:
    """The plain meaning of `Journeys`: recursion over all vehicles and all stops to get off."""

    def __init__(self, timetable: Timetable, slack_s: float) -> None:
        self.slack_s = slack_s
        self.stop = timetable.call_stop.tolist()
        self.arrive_s, self.depart_s = timetable.call_arrive_s.tolist(), timetable.call_depart_s.tolist()
        self.run = timetable.call_run.tolist()
        self.lonlat = timetable.stop_lonlat.tolist()
        self.best = lru_cache(maxsize=None)(self._best)

    def walk_s(self, start: int, end: int) -> float:
        (lon, lat), (to_lon, to_lat) = self.lonlat[start], self.lonlat[end]
        east_m = math.radians(to_lon - lon) * math.cos(math.radians(lat)) * 6371008.8
        away_m = math.hypot(east_m, math.radians(to_lat - lat) * 6371008.8)
        return math.inf if away_m > 150.0 else round(away_m * 1.3 / 1.2 * STEPS_PER_S) / STEPS_PER_S

    def _best(self, start: int, end: int, ready_s: float, most: int) -> tuple[float, ...] | None:
        """Return (arrive, -depart, boardings, board call, alight call, ride) of the best journey."""
        found = []
        for board in range(len(self.stop)):
            if self.depart_s[board] < ready_s + self.walk_s(start, self.stop[board]):
                continue
            alight = board + 1
            while alight < len(self.stop) and self.run[alight] == self.run[board]:
                found += self._through(board, alight, end, most)
                alight += 1
        return min(found, default=None)

    def _through(self, board: int, alight: int, end: int, most: int) -> list[tuple[float, ...]]:
        depart_s, arrive_s = self.depart_s[board], self.arrive_s[alight]
        if self.stop[alight] == end:
            return [(arrive_s, -depart_s, 1, board, alight, arrive_s - depart_s)]
        journeys = []
        for more in range(1, most):
            onward = self.best(self.stop[alight], end, arrive_s + self.slack_s, more)
            if onward is not None:
                ride_s = arrive_s - depart_s + onward[5]
                journeys.append((onward[0], -depart_s, 1 + onward[2], board, alight, ride_s))
        return journeys


@settings(max_examples=120, deadline=None, derandomize=True)
@given(address=st.integers(0, 2**63), most=st.integers(1, 3), slack_s=st.sampled_from([1.0, 60.0, 90.0]))
def test_journeys_are_those_of_the_reference_twin(address: int, most: int, slack_s: float) -> None:
    timetable = _addressed_timetable(address)
    journeys = Journeys.of(timetable, slack_s, most)
    twin = _Twin(timetable, slack_s)
    for start, end in ((start, end) for start in range(6) for end in range(6) if start != end):
        for ready_s in (0.0, 301.0, 600.0, 1200.0 + 1 / 64, 2400.0):
            expected = twin.best(start, end, ready_s, most)
            found = journeys.next_one(start, end, ready_s)
            if expected is None:
                assert found is None
                continue
            assert found is not None
            got = (found.arrive_s, -found.depart_s, found.boardings, found.board_call, found.alight_call, found.ride_s)
            assert got == expected
            assert found.run == twin.run[found.board_call]


def test_the_twin_meets_transfers_walks_and_ties() -> None:
    """The property above would be empty if addressed timetables had no such journeys."""
    counts = {1: 0, 2: 0, 3: 0}
    walks = 0
    for address in range(40):
        timetable = _addressed_timetable(address)
        journeys = Journeys.of(timetable, 60.0)
        for boardings in journeys.boardings.tolist():
            counts[boardings] += 1
        pair = np.repeat(np.arange(36), np.diff(journeys.pair_start))
        walks += int(np.sum(timetable.call_stop[journeys.board_call] != pair // 6))
    assert min(counts.values()) > 20
    assert walks > 20


@settings(max_examples=60, deadline=None, derandomize=True)
@given(address=st.integers(0, 2**63))
def test_the_array_form_equals_the_scalar_form(address: int) -> None:
    journeys = Journeys.of(_addressed_timetable(address))
    asked = np.arange(300)
    start = (Dice.of(address).uniform("from", asked) * 7).astype(np.int64) - 1
    end = (Dice.of(address).uniform("to", asked) * 7).astype(np.int64) - 1
    ready_s = Dice.of(address).uniform("ready", asked) * 3000.0
    ready_s[::10] = np.inf
    found = journeys.next(start, end, ready_s)
    for row in range(len(asked)):
        one = journeys.next_one(int(start[row]), int(end[row]), float(ready_s[row]))
        expected = (math.inf,) * 4 + (-1,) * 4 if one is None else one
        assert tuple(column[row] for column in found) == tuple(expected)


def test_a_journey_is_its_rides_and_its_transfers() -> None:
    timetable = Timetable.load(KERA / "timetables" / "today")
    journeys = Journeys.of(timetable)
    everywhere = np.arange(timetable.stops)
    start, end = (grid.ravel() for grid in np.meshgrid(everywhere, everywhere))
    found = journeys.next(start, end, np.full(len(start), 7.3 * HOUR_S))
    there = found.run >= 0
    assert there.sum() == len(start) - timetable.stops, "every stop is reached from every other"
    parts_s = found.depart_s + found.ride_s + found.transfer_wait_s
    assert np.array_equal(parts_s[there], found.arrive_s[there])
    assert np.all((found.transfer_wait_s[there] >= 90.0) == (found.boardings[there] > 1))


# The committed timetables of the shipped area


def _assert_same(found: Timetable, expected: Timetable) -> None:
    for name in Timetable.__dataclass_fields__:
        got, wanted = getattr(found, name), getattr(expected, name)
        assert np.array_equal(got, wanted), name
        assert getattr(got, "dtype", None) == getattr(wanted, "dtype", None), name


@pytest.mark.parametrize("name", TIMETABLES)
def test_the_committed_feed_is_what_lines_yaml_says(tmp_path: Path, name: str) -> None:
    write_feed(KERA / "lines.yaml", name, tmp_path)
    committed = {path.name: path.read_bytes() for path in (KERA / "gtfs" / name).iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == committed


@pytest.mark.parametrize("name", TIMETABLES)
def test_the_committed_arrays_are_what_the_feed_says(tmp_path: Path, name: str) -> None:
    compiled = compile_feed(KERA / "gtfs" / name, tmp_path)
    _assert_same(Timetable.load(KERA / "timetables" / name), compiled)


@pytest.mark.parametrize("name", TRAINS)
@pytest.mark.parametrize(
    ("place", "ride_min"),
    [("leppavaara", 4), ("helsinki", 20), ("espoo_centre", 8), ("pasila", 15), ("kauklahti", 14)],
)
def test_the_real_running_times_hold_both_ways(name: str, place: str, ride_min: float) -> None:
    timetable = Timetable.load(KERA / "timetables" / name)
    journeys = Journeys.of(timetable, most_boardings=1)
    trains = 0
    for ready_s in np.arange(6 * HOUR_S, 20 * HOUR_S, 1800.0):
        for start, end in (("kera", place), (place, "kera")):
            found = _ask(timetable, journeys, start, end, ready_s)
            assert found is not None
            if timetable.line_type[timetable.run_line[found.run]] == 2:
                assert found.ride_s == ride_min * MINUTE_S
                trains += 1
    assert trains > 30


def test_no_train_runs_faster_than_one_that_passed_through_without_stopping() -> None:
    """Train 10600, 10.12.2014: Kauniainen 22:27:00, Kera 22:28:16, Kilo 22:29:32, Leppavaara 22:31:00 as planned."""
    timetable = Timetable.load(KERA / "timetables" / "today")
    journeys = Journeys.of(timetable)
    for start, end, least_s in (("kauniainen", "kera", 76.0), ("kera", "kilo", 76.0), ("kilo", "leppavaara", 88.0)):
        found = _ask(timetable, journeys, start, end, 9 * HOUR_S)
        assert found is not None
        assert found.ride_s >= least_s


@pytest.mark.parametrize(("name", "until_h", "headway_min"), [("today", 21, 15), ("urban_rail", 19, 10)])
@pytest.mark.parametrize("towards", ["helsinki", "kauklahti"])
def test_the_headways_claimed_hold_at_kera(name: str, until_h: int, headway_min: int, towards: str) -> None:
    gaps_s = np.diff(_trains_s(name, towards, 6 * HOUR_S, until_h * HOUR_S))
    assert len(gaps_s) > 50
    assert set(gaps_s.tolist()) == {headway_min * MINUTE_S}


@pytest.mark.parametrize("name", TRAINS)
def test_trains_run_from_about_five_to_about_one(name: str) -> None:
    trains_s = _trains_s(name, "helsinki", 0.0, math.inf)
    assert 5 * HOUR_S <= trains_s[0] <= 5.5 * HOUR_S
    assert 24.5 * HOUR_S <= trains_s[-1] <= 25.5 * HOUR_S


def test_in_the_weeks_of_the_closure_buses_leave_kera_instead_of_trains() -> None:
    timetable = Timetable.load(KERA / "timetables" / "closure")
    trains = np.flatnonzero(timetable.line_type[timetable.run_line[timetable.call_run]] == 2)
    called_at = {timetable.stop_id[stop] for stop in timetable.call_stop[trains].tolist()}
    assert {"helsinki", "pasila", "huopalahti", "leppavaara"} <= called_at
    assert not called_at & {"kilo", "kera", "kauniainen", "koivuhovi", "espoo_centre", "kauklahti", "kirkkonummi"}
    found = _ask(timetable, Journeys.of(timetable), "kera", "leppavaara", 8 * HOUR_S)
    assert found is not None
    # To Kilo 285 s, 20 s there, 330 s on; a train needs 4 minutes.
    assert found.ride_s == 285.0 + 20.0 + 330.0


def _trains_s(name: str, towards: str, start_s: float, end_s: float) -> np.ndarray:
    """Return when trains towards a place leave Kera."""
    timetable = Timetable.load(KERA / "timetables" / name)
    at_kera = timetable.call_stop == timetable.stop_id.index("kera")
    run = timetable.call_run
    last = timetable.call_stop[timetable.run_start[1:] - 1][run] == timetable.stop_id.index(towards)
    rail = timetable.line_type[timetable.run_line[run]] == 2
    depart_s = np.sort(timetable.call_depart_s[at_kera & last & rail])
    return depart_s[(depart_s >= start_s) & (depart_s < end_s)]


def test_every_number_of_the_lines_names_a_source_and_invented_lines_say_so() -> None:
    lines = read_lines(KERA / "lines.yaml")
    for line in lines.lines.values():
        if line.type == 3:
            assert "assumed" in line.name
        for periods in line.service.values():
            assert all(period.source in ("UNVERIFIED", "ASSUMED") for period in periods), "no headway is verified yet"


def test_a_lines_file_with_an_unknown_stop_names_the_nearest(tmp_path: Path) -> None:
    text = (
        (KERA / "lines.yaml").read_text(encoding="utf-8").replace("{stop: kilo, run_s: 105", "{stop: kiloo, run_s: 105")
    )
    (tmp_path / "lines.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(TimetableError, match=r"no stop 'kiloo' \(did you mean 'kilo'\?\)"):
        write_feed(tmp_path / "lines.yaml", "today", tmp_path / "out")
    with pytest.raises(TimetableError, match=r"no timetable 'todya'.*did you mean 'today'"):
        write_feed(KERA / "lines.yaml", "todya", tmp_path / "out")


def test_a_run_loads_its_timetable_without_pandas() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom kera_mobility.town.timetable.timetable import Journeys, Timetable\n"
        "timetable = Timetable.load(Path(sys.argv[1]))\n"
        "assert Journeys.of(timetable).next_one(0, 5, 30000.0) is not None\n"
        "heavy = {'pandas', 'gtfs_kit', 'geopandas', 'osmnx', 'networkx', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(KERA / "timetables" / "today")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_lines_between_places_beyond_the_map_are_told_apart_from_those_that_come_onto_it() -> None:
    scenario = load_scenario(shipped_folder("configs") / "today.yaml", SMALL)
    rail = open_services(scenario, town_of(scenario))["rail"]
    assert isinstance(rail, Transit)
    timetable, about = rail.timetable, rail.about()
    beyond = {run for first, last in about["runs_beyond"] for run in range(first, last + 1)}
    names = np.array(timetable.line_name)[timetable.run_line]
    assert {str(names[run]) for run in beyond} == {
        "Metro", "Ring rail", "K", "U beyond Kauklahti", "Bus Espoo centre-Espoonlahti (assumed)",
    }  # fmt: skip
    assert not beyond & set(np.flatnonzero(np.isin(names, ["E", "U", "L", "Light rail 15 east"])).tolist())
    facts = SimpleNamespace(services={"rail": about})
    kept = of_the_map(facts, "rail", pd.DataFrame({"run": range(timetable.runs)}))  # type: ignore[arg-type]
    assert set(kept["run"]) == set(range(timetable.runs)) - beyond
