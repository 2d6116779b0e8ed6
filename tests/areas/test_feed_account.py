"""Nothing of a feed is read wrongly in silence: each trip is kept or left out for a reason, and the sum is the feed."""

from __future__ import annotations

import random
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.errors import TimetableError
from kera_mobility.results.line_kinds import LINE_KINDS
from kera_mobility.services.transit.settings import TransitSettings
from kera_mobility.town.timetable.feed_account import REASONS
from kera_mobility.town.timetable.gtfs import compile_feed, fates_of_trips, timetable_of_feed
from kera_mobility.town.timetable.route_types import KIND_TYPES, ROUTE_TYPES, basic_type, kind_of_basic, line_kind
from kera_mobility.town.timetable.timetable import Journeys, Timetable
from kera_mobility.units import HOUR_S, MINUTE_S
from tests.kit.feeds import THREE_STOPS, WEEK, Feed, mutated, two_trips, write

CASES = Path(__file__).parents[3] / "shared" / "cases"


def compiled(
    folder: Path, feed: Feed = THREE_STOPS, service_date: str | None = None, **changed: str | None
) -> Timetable:
    return timetable_of_feed(write(folder / "gtfs", feed, **changed), service_date=service_date)


def refusal(folder: Path, feed: Feed = THREE_STOPS, **changed: str | None) -> str:
    with pytest.raises(TimetableError) as caught:
        compiled(folder, feed, **changed)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def calls(timetable: Timetable) -> list[str]:
    """Return the stops called at, in order."""
    return [timetable.stop_id[stop] for stop in timetable.call_stop]


def notices(timetable: Timetable) -> str:
    return "\n".join(timetable.about["notices"])


# Route types.


def test_no_code_means_two_kinds_and_every_kind_of_line_has_a_vehicle() -> None:
    spans = sorted((row.first, row.last) for row in ROUTE_TYPES)
    assert all(last < first for (_, last), (first, _) in pairwise(spans))
    assert set(KIND_TYPES) == set(LINE_KINDS)
    for kind, basic in KIND_TYPES.items():
        assert line_kind(basic) == kind == kind_of_basic(basic)
        assert TransitSettings(timetable="x").rolling_stock(basic) is not None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0, "tram"), (1, "metro"), (2, "train"), (3, "bus"), (4, "ferry"), (5, "tram"), (6, "cable"), (7, "cable"),
        (11, "bus"), (12, "metro"), (100, "train"), (109, "train"), (117, "train"), (200, "bus"), (401, "metro"),
        (405, "metro"), (700, "bus"), (704, "bus"), (715, "bus"), (800, "bus"), (900, "tram"), (906, "tram"),
        (1000, "ferry"), (1200, "ferry"), (1300, "cable"), (1400, "cable"),
    ],
)  # fmt: skip
def test_a_route_type_basic_or_extended_runs_as_its_kind(tmp_path: Path, code: int, kind: str) -> None:
    timetable = compiled(tmp_path, routes=THREE_STOPS["routes"].replace(",3\n", f",{code}\n"))
    assert timetable.line_type.tolist() == [KIND_TYPES[kind]]


@pytest.mark.parametrize(("code", "kind"), [(1100, "air"), (1501, "taxi"), (1702, "miscellaneous"), (8, ""), (99, "")])
def test_what_no_vehicle_runs_is_left_out_and_said(tmp_path: Path, code: int, kind: str) -> None:
    assert (line_kind(code), basic_type(code)) == (kind, -1)
    feed = two_trips(
        routes=f"{THREE_STOPS['routes']}q,a,2,Two,{code}\n",
        trips="route_id,service_id,trip_id\nr,wk,t1\nq,wk,t2\n",
    )
    timetable = compiled(tmp_path, feed)
    assert timetable.run_name == ("t1",)
    assert f"routes.txt:3: route q has route_type '{code}'" in notices(timetable)


# The date.


def test_a_day_on_which_two_timetables_overlap_is_not_typical(tmp_path: Path) -> None:
    feed = two_trips(
        calendar=f"{WEEK}old,1,1,1,1,1,0,0,20260105,20260630\nnew,1,1,1,1,1,0,0,20260629,20261231\n",
        trips="route_id,service_id,trip_id\nr,old,t1\nr,new,t2\n",
    )
    timetable = compiled(tmp_path, feed)
    assert (timetable.runs, timetable.about["date"]) == (1, "2026-01-05")
    assert compiled(tmp_path, feed, "2026-06-29").runs == 2, "the date is a choice"
    assert compiled(tmp_path, feed, "20260701").run_name == ("t2",)


def test_the_typical_day_lies_in_the_period_of_the_feed(tmp_path: Path) -> None:
    feed = two_trips(
        calendar=f"{WEEK}old,1,1,1,1,1,0,0,20250101,20251231\nnew,1,1,1,1,1,0,0,20260105,20260331\n",
        trips="route_id,service_id,trip_id\nr,old,t1\nr,new,t2\n",
        feed_info="feed_start_date,feed_end_date\n20260105,20260331\n",
    )
    assert compiled(tmp_path, feed).run_name == ("t2",)


def test_services_may_run_by_calendar_dates_alone(tmp_path: Path) -> None:
    dates = "service_id,date,exception_type\nwk,20260107,1\n"
    assert compiled(tmp_path, calendar=None, calendar_dates=dates).about["date"] == "2026-01-07"


def test_a_date_outside_the_calendar_names_the_calendar(tmp_path: Path) -> None:
    with pytest.raises(TimetableError, match="no trips on 2027-02-01; its calendar is from 2026-01-05 to 2026-12-31"):
        compiled(tmp_path, service_date="2027-02-01")


def test_times_of_a_day_of_clock_change_count_from_noon_less_twelve_hours(tmp_path: Path) -> None:
    feed = {**THREE_STOPS, "calendar": f"{WEEK}wk,1,1,1,1,1,1,1,20260105,20261231\n"}
    timetable = compiled(tmp_path, feed, "2026-03-29")
    assert timetable.call_depart_s[0] == 8 * HOUR_S
    assert "clocks of Europe/Helsinki change by +1 h" in notices(timetable)


def test_an_agency_of_another_zone_goes_by_the_clocks_of_the_first(tmp_path: Path) -> None:
    timetable = compiled(
        tmp_path,
        agency=f"{THREE_STOPS['agency']}s,S,https://example.org,Europe/Stockholm\n",
        routes=THREE_STOPS["routes"].replace("r,a", "r,s"),
    )
    assert timetable.call_depart_s[0] == 9 * HOUR_S
    assert "1 routes of other time zones moved to Europe/Helsinki" in notices(timetable)


# Where one may board and alight.


def test_nobody_boards_or_alights_where_that_is_forbidden(tmp_path: Path) -> None:
    times = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type\n"
        "t1,08:00:00,08:00:00,A,1,0,1\nt1,08:05:00,08:05:00,B,2,1,1\nt1,08:10:00,08:10:00,C,3,1,0\n"
    )
    journeys = Journeys.of(compiled(tmp_path, stop_times=times))
    assert journeys.next_one(0, 2, 7.5 * HOUR_S) is not None
    assert journeys.next_one(0, 1, 7.5 * HOUR_S) is None
    assert journeys.next_one(1, 2, 7.5 * HOUR_S) is None


def test_a_stop_by_arrangement_is_served_with_a_notice(tmp_path: Path) -> None:
    times = THREE_STOPS["stop_times"].replace("\n", ",0\n").replace("sequence,0", "sequence,pickup_type")
    timetable = compiled(tmp_path, stop_times=times.replace("B,2,0", "B,2,3"))
    assert timetable.call_boards.all()
    assert "1 times pickup_type or drop_off_type 2 or 3" in notices(timetable)


def test_a_trip_that_nobody_may_ride_is_left_out(tmp_path: Path) -> None:
    times = THREE_STOPS["stop_times"].replace("\n", ",1\n").replace("sequence,1", "sequence,pickup_type")
    assert "1 nobody may ride" in refusal(tmp_path, stop_times=times)


def ask(timetable: Timetable, ready_s: float = 7.5 * HOUR_S) -> tuple[float, int] | None:
    """Return when somebody arrives at C from A, and with how many vehicles."""
    stops = timetable.stop_id
    found = Journeys.of(timetable).next_one(stops.index("A"), stops.index("C"), ready_s)
    return found and (found.arrive_s, found.boardings)


def test_riders_stay_aboard_within_a_block(tmp_path: Path) -> None:
    trips = "route_id,service_id,trip_id,block_id\nr,wk,t1,7\nr,wk,t2,7\n"
    feed = two_trips(stop_times=two_trips()["stop_times"].replace("08:10:00,08:10:00,B", "08:05:30,08:05:30,B"))
    assert ask(compiled(tmp_path / "none", feed)) is None, "30 s are too short for a change"
    timetable = compiled(tmp_path / "block", {**feed, "trips": trips})
    assert timetable.run_next.tolist() == [1, -1]
    assert ask(timetable) == (8 * HOUR_S + 15 * MINUTE_S, 1)
    denied = "from_stop_id,to_stop_id,transfer_type,from_trip_id,to_trip_id\n,,5,t1,t2\n"
    assert ask(compiled(tmp_path / "denied", {**feed, "trips": trips, "transfers": denied})) is None
    given = denied.replace(",5,", ",4,")
    assert ask(compiled(tmp_path / "given", {**feed, "transfers": given})) == (8 * HOUR_S + 15 * MINUTE_S, 1)


def test_a_vehicle_that_leaves_before_it_came_carries_nobody_on(tmp_path: Path) -> None:
    trips = "route_id,service_id,trip_id,block_id\nr,wk,t1,7\nr,wk,t2,7\n"
    times = two_trips()["stop_times"].replace("08:10:00,08:10:00,B", "08:04:00,08:04:00,B")
    assert compiled(tmp_path, two_trips(trips=trips, stop_times=times)).run_next.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("rule", "arrives"),
    [
        ("", "08:15"), ("B,B,0,,,,,", "08:15"), ("B,B,2,240,,,,", "08:15"), ("B,B,2,301,,,,", None),
        ("B,B,3,,,,,", None), ("B,B,3,,r,r,,", None), ("B,B,3,,q,r,,", "08:15"), ("B,B,3,,,,t1,t2", None),
        ("B,B,3,,,,t2,t1", "08:15"), ("B,B,3,,,,,\nB,B,2,120,,,t1,t2", "08:15"), ("B,B,2,,,,,", "08:15"),
        ("B,C,3,,,,,", "08:15"),
    ],
)  # fmt: skip
def test_transfers_txt_says_how_long_a_change_takes(tmp_path: Path, rule: str, arrives: str | None) -> None:
    header = "from_stop_id,to_stop_id,transfer_type,min_transfer_time,from_route_id,to_route_id,from_trip_id,to_trip_id"
    found = ask(compiled(tmp_path, two_trips(transfers=f"{header}\n{rule}\n")))
    assert found == (None if arrives is None else (8 * HOUR_S + 15 * MINUTE_S, 2))


def test_a_timed_transfer_needs_no_time_and_a_far_one_is_walked(tmp_path: Path) -> None:
    feed = two_trips(stop_times=two_trips()["stop_times"].replace("08:10:00,08:10:00,B", "08:05:00,08:05:00,B"))
    timed = compiled(tmp_path / "timed", {**feed, "transfers": "from_stop_id,to_stop_id,transfer_type\nB,B,1\n"})
    assert ask(timed) == (8 * HOUR_S + 15 * MINUTE_S, 2)
    assert "timed transfers" in "".join(timed.about["not_honoured"])
    far = two_trips(
        stops=f"{THREE_STOPS['stops']}B2,Berga east,60.20,24.7545\n",  # 249 m from B: 4.5 min at walking speed
        stop_times=two_trips()["stop_times"].replace("08:10:00,08:10:00,B", "08:12:00,08:12:00,B2"),
    )
    assert ask(compiled(tmp_path / "far", far)) is None
    joined = {**far, "transfers": "from_stop_id,to_stop_id,transfer_type\nB,B2,0\n"}
    assert ask(compiled(tmp_path / "joined", joined)) == (8 * HOUR_S + 15 * MINUTE_S, 2)


def test_platforms_of_one_station_are_an_interchange_and_rules_hold_for_all_of_them(tmp_path: Path) -> None:
    stops = (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\nA,Aho,60.20,24.70,,\n"
        "S,Station,60.20,24.75,1,\nB,Berga,60.20,24.75,0,S\nB2,Berga east,60.20,24.7545,0,S\nB2a,door 1,,,4,B2\n"
        "E,Entrance,60.20,24.75,2,S\nC,Cedern,60.20,24.80,,\n"
    )
    times = two_trips()["stop_times"].replace("08:10:00,08:10:00,B", "08:12:00,08:12:00,B2a")
    timetable = compiled(tmp_path / "station", two_trips(stops=stops, stop_times=times))
    assert ask(timetable) == (8 * HOUR_S + 15 * MINUTE_S, 2), "249 m apart, of one station"
    assert "entrances" in "".join(timetable.about["not_honoured"])
    forbidden = "from_stop_id,to_stop_id,transfer_type\nS,S,3\n"
    assert ask(compiled(tmp_path / "none", two_trips(stops=stops, stop_times=times, transfers=forbidden))) is None


# Frequencies.


def departures(timetable: Timetable) -> list[str]:
    return [name.partition("@")[2] for name in timetable.run_name]


FREQUENCIES = "trip_id,start_time,end_time,headway_secs,exact_times\n"


def test_frequencies_that_overlap_are_runs_of_their_own(tmp_path: Path) -> None:
    text = f"{FREQUENCIES}t1,08:00:00,08:30:00,600,1\nt1,08:10:00,08:30:00,1200,1\n"
    timetable = compiled(tmp_path, frequencies=text)
    assert departures(timetable) == ["08:00:00", "08:10:00", "08:10:00#2", "08:20:00"]
    assert "frequencies.txt:3: trip t1: overlaps" in notices(timetable)
    assert timetable.about["trips"] == {"kept": 1}


def test_inexact_frequencies_are_listed_as_not_honoured(tmp_path: Path) -> None:
    exact, inexact = (
        compiled(tmp_path / flag, frequencies=f"{FREQUENCIES}t1,23:50:00,24:10:00,600,{flag}\n") for flag in "10"
    )
    assert departures(exact) == departures(inexact) == ["23:50:00", "24:00:00"]
    assert not exact.about["not_honoured"]
    assert "exact_times" in "".join(inexact.about["not_honoured"])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("08:00:00,08:30:00,0", "headway_secs '0', expected whole seconds above 0"),
        ("08:00:00,08:30:00,", "headway_secs '', expected whole seconds above 0"),
        ("08:00:00,08:30:00,-60", "headway_secs '-60', expected whole seconds above 0"),
        ("23:00:00,01:00:00,600", "end_time 01:00:00 is not after start_time 23:00:00; hours after midnight go on"),
        ("8h,09:00:00,600", "start_time '8h', expected HH:MM:SS"),
    ],
)
def test_a_frequency_that_means_nothing_is_one_line(tmp_path: Path, row: str, said: str) -> None:
    assert f"frequencies.txt:2: trip t1: {said}" in refusal(
        tmp_path / "alone", frequencies=f"{FREQUENCIES}t1,{row},1\n"
    )
    text = f"{FREQUENCIES}t1,{row},1\nt1,08:00:00,08:20:00,600,1\n"
    timetable = compiled(tmp_path / "beside", frequencies=text)
    assert departures(timetable) == ["08:00:00", "08:10:00"]
    assert said in notices(timetable)


# Faults in one place.


def altered(table: str, old: str, new: str) -> dict[str, str | None]:
    """Return one file of the feed of three stops with something replaced."""
    assert old in THREE_STOPS[table]
    return {table: THREE_STOPS[table].replace(old, new)}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (altered("calendar", "20260105", "20261345"), "calendar.txt:2: service wk: start_date '20261345'"),
        (altered("calendar", "1,1,1,1,1", "1,1,x,1,1"), "wednesday 'x', expected 0 or 1"),
        (altered("routes", ",3\n", ",\n"), "routes.txt:2: route r has no route_type"),
        (altered("routes", ",3\n", ",8888\n"), "route r has route_type '8888'"),
        (altered("stop_times", "08:05:00,", "08h05,"), "stop_times.txt:3: trip t1: arrival_time '08h05'"),
        (altered("stop_times", "08:05:00", "08:60:00"), "arrival_time '08:60:00'"),
        (altered("stop_times", "08:10:00", "08:04:00"), "txt:4: trip t1: arrival_time '08:04:00', time runs backwards"),
        (altered("stop_times", "08:10:00,08:10:00", ","), "the first and the last stop of a trip need a time"),
        (altered("stop_times", "C,3", "C,"), "stop_sequence '', expected a number"),
        (altered("trips", "t1", "other"), "1 no stop times"),
        (altered("trips", "r,", "q,"), "trips.txt:2: route q"),
        (altered("trips", "wk", "never"), "service never"),
        (altered("calendar", "1,1,1,1,1,0,0", "0,0,0,0,0,1,1"), "no trips on any weekday"),
        ({"stops": None}, "stops.txt: missing or empty"),
        (altered("routes", "route_type", "kind"), "routes.txt: no column route_type"),
        (altered("stop_times", "C,3", "C,3,4,5"), "stop_times.txt:4: got 7 cells, expected 5 as in the header"),
    ],
)
def test_a_feed_of_which_nothing_is_left_says_why_in_one_line(
    tmp_path: Path, changed: dict[str, str | None], said: str
) -> None:
    assert said in refusal(tmp_path, **changed)


TIMES = two_trips()["stop_times"]


@pytest.mark.parametrize(
    ("changed", "reason", "detail"),
    [
        ({"stop_times": TIMES.replace("08:10:00,08:10:00", "8h10,8h10")}, "bad times", "8h10"),
        ({"trips": "route_id,service_id,trip_id\nr,wk,t1\nq,wk,t2\n"}, "no such route", "trips.txt:3: route q"),
        ({"trips": "route_id,service_id,trip_id\nr,wk,t1\nr,we,t2\n"}, "no valid service days", "service we"),
        ({"stop_times": TIMES.replace("08:10:00,B", "08:10:00,Q")}, "fewer than two usable stops", "stop Q"),
    ],
)
def test_one_bad_trip_is_a_notice_and_the_others_run(tmp_path: Path, changed: Feed, reason: str, detail: str) -> None:
    timetable = compiled(tmp_path, two_trips(**changed))
    assert timetable.run_name == ("t1",)
    assert timetable.about["trips"] == {"kept": 1, reason: 1}
    assert f"1 trip left out, {reason}" in notices(timetable)
    assert detail in notices(timetable)


def test_a_demand_responsive_trip_is_left_out_and_the_others_run(tmp_path: Path) -> None:
    times = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,location_id,start_pickup_drop_off_window,"
        "end_pickup_drop_off_window\nt1,08:00:00,08:00:00,A,1,,,\nt1,08:05:00,08:05:00,B,2,,,\n"
        "flex,,,,1,zone,07:00:00,19:00:00\nflex,,,,2,zone,07:00:00,19:00:00\n"
    )
    trips = "route_id,service_id,trip_id\nr,wk,t1\nr,wk,flex\n"
    timetable = compiled(tmp_path, trips=trips, stop_times=times)
    assert calls(timetable) == ["A", "B"]
    assert timetable.about["trips"] == {"kept": 1, "demand-responsive": 1}


def test_what_stands_twice_counts_once(tmp_path: Path) -> None:
    far = compiled(tmp_path / "stop", stops=f"{THREE_STOPS['stops']}A,Aho again,60.3,24.9\n")
    assert far.stop_lonlat[0].tolist() == [24.70, 60.20]
    assert "stops.txt:5: stop_id A: a second time; the first row counts" in notices(far)
    trip = compiled(tmp_path / "trip", trips=f"{THREE_STOPS['trips']}r,wk,t1\n")
    assert (calls(trip), trip.about["trips"]) == (["A", "B", "C"], {"kept": 1, "listed twice in trips.txt": 1})
    rows = THREE_STOPS["stop_times"].partition("\n")[2]
    times = compiled(tmp_path / "times", stop_times=THREE_STOPS["stop_times"] + rows)
    assert calls(times) == ["A", "B", "C"]
    assert "a stop_sequence a second time" in notices(times)
    route = compiled(tmp_path / "route", routes=f"{THREE_STOPS['routes']}r,a,2,Two,0\n")
    assert route.line_type.tolist() == [3]


@pytest.mark.parametrize("position", ["0,0", "60.20,-24.75", "95.0,24.75", ",", "north,24.75"])
def test_a_stop_that_cannot_be_there_is_passed_by(tmp_path: Path, position: str) -> None:
    timetable = compiled(tmp_path, stops=THREE_STOPS["stops"].replace("60.20,24.75", position))
    assert calls(timetable) == ["A", "C"]
    assert "stop_times.txt:3: stop B: " in notices(timetable)


def test_a_last_stop_far_away_does_not_take_its_neighbour_along(tmp_path: Path) -> None:
    timetable = compiled(tmp_path, stops=THREE_STOPS["stops"].replace("60.20,24.80", "10.0,10.0"))
    assert calls(timetable) == ["A", "B"]


def test_ids_are_text(tmp_path: Path) -> None:
    feed = {
        table: text.replace("A,", "NA,").replace("B,", "007,").replace("t1", "0012").replace("wk", "null")
        for table, text in THREE_STOPS.items()
        if table != "agency"
    }
    timetable = compiled(tmp_path, feed)
    assert (calls(timetable), timetable.run_name) == (["NA", "007", "C"], ("0012",))


def test_columns_without_a_value_or_left_out_are_nothing_special(tmp_path: Path) -> None:
    routes = "route_id,agency_id,route_short_name,route_long_name,route_type,route_url,network_id\nr,a,,,3,,\n"
    stops = THREE_STOPS["stops"].replace("Aho", "").replace("Berga", "").replace("Cedern", "")
    timetable = compiled(tmp_path / "empty", routes=routes, stops=stops)
    assert (timetable.line_name, timetable.stop_name) == (("r",), ("A", "B", "C"))
    assert calls(compiled(tmp_path / "left out", routes="route_id,route_type\nr,3\n")) == ["A", "B", "C"]


def test_untimed_stops_follow_the_distance_of_their_own_trip(tmp_path: Path) -> None:
    times = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled,timepoint\n"
        "t1,08:00:00,08:00:00,A,1,0,1\nt1,,,B,2,1.0,0\nt1,08:20:00,08:20:00,C,3,4.0,1\n"
        "t2,08:00:00,08:00:00,A,1,,1\nt2,,,B,2,,0\nt2,08:20:00,08:20:00,C,3,,1\n"
    )
    timetable = compiled(tmp_path, two_trips(stop_times=times))
    assert timetable.call_arrive_s[[1, 4]].tolist() == [8 * HOUR_S + 5 * MINUTE_S, 8 * HOUR_S + 10 * MINUTE_S]


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: "\N{BYTE ORDER MARK}" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", "\n,,\n"),
        lambda text: text.replace(",", " , "),
        lambda text: "\n".join('"' + line.replace(",", '","') + '"' for line in text.splitlines()),
    ],
    ids=["bom", "crlf", "blank rows", "empty rows", "spaces", "quotes"],
)
def test_files_as_tools_write_them_are_read_alike(tmp_path: Path, rewrite: object) -> None:
    feed = {table: rewrite(text) for table, text in THREE_STOPS.items()}  # type: ignore[operator]
    timetable = compiled(tmp_path, feed)
    assert calls(timetable) == ["A", "B", "C"]
    assert timetable.call_depart_s[0] == 8 * HOUR_S


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path, THREE_STOPS)
    (folder / "stops.txt").write_bytes(THREE_STOPS["stops"].replace("Berga", "Bergå").encode("latin-1"))
    with pytest.raises(TimetableError, match=r"stops\.txt:3: byte 0xe5 is not UTF-8"):
        timetable_of_feed(folder)


def test_a_feed_in_a_folder_within_is_found_and_two_feeds_are_refused(tmp_path: Path) -> None:
    for name, folders in (("one", ["feed/"]), ("two", ["feed/", "other/"])):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for folder in [*folders, "__MACOSX/feed/"]:
                for table, text in THREE_STOPS.items():
                    archive.writestr(f"{folder}{table}.txt", text)
    assert calls(timetable_of_feed(tmp_path / "one.zip")) == ["A", "B", "C"]
    write(tmp_path / "nested" / "feed", THREE_STOPS)
    assert calls(timetable_of_feed(tmp_path / "nested")) == ["A", "B", "C"]
    with pytest.raises(TimetableError, match="holds several feeds"):
        timetable_of_feed(tmp_path / "two.zip")
    (tmp_path / "torn.zip").write_bytes((tmp_path / "one.zip").read_bytes()[:300])
    with pytest.raises(TimetableError, match="not a readable GTFS feed"):
        timetable_of_feed(tmp_path / "torn.zip")


# The box.


def test_calls_outside_the_box_and_its_places_are_cut(tmp_path: Path) -> None:
    """A line that touches a district brings in the stops of the district, not those of a whole city."""
    far = [f"F{number}" for number in range(200)]
    stops = "".join(f"{stop},{stop},60.2,{25.0 + 0.02 * number:.2f}\n" for number, stop in enumerate(far))
    times = "".join(
        f"t1,09:{number // 60:02d}:{number % 60:02d},,{stop},{10 + number}\n" for number, stop in enumerate(far)
    )
    feed = {**THREE_STOPS, "stops": THREE_STOPS["stops"] + stops, "stop_times": THREE_STOPS["stop_times"] + times}
    timetable = timetable_of_feed(write(tmp_path, feed), bbox=(24.72, 60.1, 24.82, 60.3), outside=[(26.0, 60.2)])
    assert calls(timetable) == ["B", "C", "F50"]
    assert fates_of_trips(tmp_path, (24.78, 60.1, 24.82, 60.3), ())[0].fate == "fewer than two stops in the area"
    assert fates_of_trips(tmp_path, (20.0, 60.1, 21.0, 60.3), ())[0].fate == "outside the area"


def test_a_feed_whose_every_trip_is_bad_says_so_for_a_box_too(tmp_path: Path) -> None:
    feed = write(tmp_path, {**THREE_STOPS, **altered("stop_times", "C,3", "C,")})
    with pytest.raises(TimetableError, match="stop_sequence '', expected a number"):
        timetable_of_feed(feed, bbox=(24.72, 60.1, 24.82, 60.3))


def test_the_work_of_compiling_grows_with_the_calls_alone(tmp_path: Path) -> None:
    """Twice the feed is about twice the steps of the interpreter: nothing is done for every pair of stops or runs."""
    _steps(tmp_path / "first", 4)  # Python 3.12 counts single steps only from the second time on
    small, large = (_steps(tmp_path / str(size), size) for size in (40, 160))
    assert large < 6 * small


def _steps(folder: Path, size: int) -> int:
    """Return how many lines of the package are run to compile `size` trips of `size` / 4 own stops each."""
    import sys

    stops, trips, times = [], [], []
    for trip in range(size):
        trips.append(f"r,wk,x{trip}\n")
        for call in range(10):
            stops.append(f"S{trip}_{call},S,60.2,{24.7 + 0.0001 * (trip + call):.4f}\n")
            times.append(f"x{trip},08:{call:02d}:00,08:{call:02d}:00,S{trip}_{call},{call}\n")
    feed = {
        **THREE_STOPS, "stops": THREE_STOPS["stops"] + "".join(stops), "trips": THREE_STOPS["trips"] + "".join(trips),
        "stop_times": THREE_STOPS["stop_times"] + "".join(times),
    }  # fmt: skip
    write(folder, feed)
    count = 0

    def trace(frame: object, event: str, _: object) -> object:
        nonlocal count
        code = frame.f_code  # type: ignore[attr-defined]
        if "timetable" not in code.co_filename:
            return None
        count += event == "line"
        frame.f_trace_opcodes = True  # type: ignore[attr-defined]
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        timetable_of_feed(folder, bbox=(24.0, 60.0, 25.0, 61.0))
    finally:
        sys.settrace(before)
    return count


# Laws.


BASE: Feed = two_trips(
    transfers="from_stop_id,to_stop_id,transfer_type,min_transfer_time\nB,B,2,120\n",
    frequencies=f"{FREQUENCIES}t2,08:00:00,08:30:00,600,1\n",
    calendar_dates="service_id,date,exception_type\nwk,20260106,2\n",
    feed_info="feed_start_date,feed_end_date\n20260105,20261231\n",
    trips="route_id,service_id,trip_id,block_id\nr,wk,t1,7\nr,wk,t2,7\nr,wk,t3,\n",
)


@pytest.mark.parametrize("seeds", [range(begin, begin + 20) for begin in range(0, 80, 20)], ids=str)
def test_a_mutated_feed_is_one_line_or_accounts_for_every_trip(tmp_path: Path, seeds: range) -> None:
    refused = 0
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, content in mutated(BASE, random.Random(seed)).items():
            (folder / name).write_bytes(content)
        refused += refused_or_whole(folder)
    assert 0 < refused < len(seeds)


def refused_or_whole(folder: Path) -> bool:
    """Return whether a feed is refused in one line; assert that else the account of its trips sums to the feed."""
    try:
        timetable = timetable_of_feed(folder)
    except TimetableError as error:
        if "\n" in str(error):
            raise
        return True
    fates, counts = fates_of_trips(folder, None, ()), timetable.about["trips"]
    assert sum(counts.values()) == len(fates)
    assert set(counts) <= {"kept", *REASONS}
    assert counts["kept"] == sum(fate.fate == "kept" for fate in fates) > 0
    assert np.isfinite(timetable.stop_lonlat).all()
    Journeys.of(timetable)
    return False


# The cases, where they are at hand.


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("gtfs-bad-date", "calendar.txt:2: service wk: start_date '20261345'"), ("gtfs-changeover-day", 3),
        ("gtfs-duplicate-stop", 3), ("gtfs-duplicate-trip", 3), ("gtfs-empty-column", 3), ("gtfs-extended-types", 9),
        ("gtfs-frequency-overlap", 12), ("gtfs-frequency-zero", "frequencies.txt:2: trip t1: headway_secs '0'"),
        ("gtfs-no-pickup", 3), ("gtfs-no-type", "routes.txt:2: route r has no route_type"), ("gtfs-one-flex-trip", 2),
    ],
)  # fmt: skip
def test_every_shared_case_has_its_right_number_of_calls_or_its_line(
    tmp_path: Path, name: str, right: int | str
) -> None:
    if isinstance(right, str):
        with pytest.raises(TimetableError) as caught:
            compile_feed(CASES / name / "feed", tmp_path)
        assert right in str(caught.value)
        return
    assert len(compile_feed(CASES / name / "feed", tmp_path).call_stop) == right
