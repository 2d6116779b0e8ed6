"""Disturbances: what closes, who hears of it when, who turns where, and that nobody gets lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.errors import ConfigError
from kera_mobility.results.events import table_fingerprint
from kera_mobility.results.explain import explain
from kera_mobility.results.explain.text import explanation_text
from kera_mobility.services.notices import FleetWithdrawn
from kera_mobility.simulation.disturbances import FleetHalved
from kera_mobility.simulation.notice_schedule import NoticeSchedule
from kera_mobility.simulation.run import Run, live, simulate
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.simulation.weather import Day, Weather
from kera_mobility.town.streets.paths import ShortestPaths
from kera_mobility.town.streets.skims import compute_skims
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.town.town import Town
from tests.kit.hamlet import (
    CITY,
    HOME,
    METRES_PER_DEGREE,
    MILL,
    SCHOOL,
    STATION,
    TRAINS,
    X_M,
    PersonRow,
    RunRow,
    TripRow,
    at,
    hamlet_town,
    person,
    rows,
    run,
    scenario,
    seconds,
    trip,
)

Services = dict[str, dict[str, Any]]
SMALL = ("town.people.residents=800", "town.people.jobs=300", "town.people.neighbours_within_m=600")
STOPPING = (
    run((HOME, "7:00"), (MILL, "7:05"), (STATION, "7:15"), (SCHOOL, "7:20")),
    run((HOME, "7:30"), (MILL, "7:35"), (STATION, "7:45"), (SCHOOL, "7:50")),
    run((HOME, "8:30"), (MILL, "8:35"), (STATION, "8:45"), (SCHOOL, "8:50")),
)
"""A train that stops at every place of the hamlet."""


def rail_closed(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"kind": "rail_closed", "service": "rail", "start_s": seconds(start), "end_s": seconds(end), **more}


def street_closed(a: int, b: int, start: str | float, end: str | float, **more: Any) -> dict[str, Any]:
    """Return the closure of the street between two places of the hamlet: a box round its middle."""
    middle = 25.0 + (X_M[a] + X_M[b]) / 2.0 / METRES_PER_DEGREE
    box = [(middle - 1e-4, 59.9), (middle + 1e-4, 59.9), (middle + 1e-4, 60.1), (middle - 1e-4, 60.1)]
    return {"kind": "street_closed", "polygon": box, "start_s": seconds(start), "end_s": seconds(end), **more}


def day(
    tmp_path: Path,
    ways: Services,
    trips: list[TripRow],
    *disturbances: dict[str, Any],
    people: list[PersonRow] | None = None,
    trains: tuple[RunRow, ...] = STOPPING,
    prefer: tuple[str, ...] = (),
    round_about: bool = True,
) -> Run:
    """Return a day of the hamlet, with a street of 1,500 m from the mill to the school if `round_about`."""
    town = hamlet_town(tmp_path, people or [], trips, trains)
    if round_about:
        town = with_street(town, MILL, SCHOOL, 1500.0)
    # One stop at each end: the nearest.
    return live(scenario(ways, prefer, disturbances=list(disturbances), planning={"stops_per_end": 1}), town)


def with_street(town: Town, a: int, b: int, length_m: float) -> Town:
    """Return the town with one more street for everyone; its drawn middle lies far from the others."""
    old = town.streets
    far = np.array([[25.0, 61.0]] * 4, dtype=np.float32)
    streets = replace(
        old,
        edge_from=np.append(old.edge_from, [a, b]).astype(np.int32),
        edge_to=np.append(old.edge_to, [b, a]).astype(np.int32),
        edge_length_m=np.append(old.edge_length_m, [length_m] * 2),
        edge_drive_s=np.append(old.edge_drive_s, [length_m / 10.0] * 2),
        edge_class=np.append(old.edge_class, old.edge_class[:2]),
        edge_origin=np.append(old.edge_origin, old.edge_origin[:2]),
        edge_modes=np.append(old.edge_modes, [sum(MODE_BIT.values())] * 2).astype(np.uint8),
        shape_start=np.append(old.shape_start, old.shape_start[-1] + np.array([2, 4])).astype(np.int32),
        shape_lonlat=np.concatenate([old.shape_lonlat, far]),
    )
    return replace(town, streets=streets, skims=compute_skims(streets))


def arrival(log: Run, number: int, which: int = 0) -> float:
    (row,) = rows(log, "trips", person=number, trip=which)
    assert row["outcome"] == "arrived", row
    return float(row["end_s"])


# Lines that are closed

TRAIN_OR_FEET: Services = {"walk": {}, "rail": {}}


def test_a_line_closed_under_way_lets_people_off_at_the_next_stop_and_they_walk_on(tmp_path: Path) -> None:
    # Aboard since 7:00, closed at 7:10, off at the station at 7:15, 600 m on foot.
    log = day(tmp_path, TRAIN_OR_FEET, [trip(1, HOME, SCHOOL, "7:00")], rail_closed("7:10", "9:00"),
              prefer=("rail", "walk"), round_about=False)  # fmt: skip
    assert arrival(log, 1) == seconds("7:15") + 500.0
    (refusal,) = rows(log, "refusals")
    assert (refusal["reason"], refusal["place"], refusal["t_s"]) == ("closed", STATION, seconds("7:15"))
    assert rows(log, "trips")[0]["replans"] == 1


def test_who_waits_when_a_line_closes_thinks_again_at_once(tmp_path: Path) -> None:
    # At the station since 7:05 for the train of 7:15; closed at 7:10.
    log = day(tmp_path, TRAIN_OR_FEET, [trip(1, STATION, SCHOOL, "7:05")], rail_closed("7:10", "9:00"),
              prefer=("rail", "walk"), round_about=False)  # fmt: skip
    assert arrival(log, 1) == seconds("7:10") + 500.0
    assert rows(log, "refusals")[0]["place"] == STATION


def test_who_has_yet_to_set_out_plans_without_the_closed_line(tmp_path: Path) -> None:
    log = day(tmp_path, TRAIN_OR_FEET, [trip(1, HOME, SCHOOL, "7:30")], rail_closed("7:10", "9:00"),
              prefer=("rail", "walk"), round_about=False)  # fmt: skip
    assert arrival(log, 1) == seconds("7:30") + 1500.0
    assert not rows(log, "refusals")
    assert rows(log, "trips")[0]["replans"] == 0


def test_people_at_home_hear_of_a_closure_before_they_leave(tmp_path: Path) -> None:
    # Ready at 7:10, the train of 7:30 leaves at the door, so they would stay until 7:28:30; the news comes at 7:20.
    log = day(tmp_path, {"walk": {}, "rail": {"early_s": 90.0}}, [trip(1, HOME, SCHOOL, "7:10")],
              rail_closed("7:20", "9:00"), prefer=("rail", "walk"), round_about=False)  # fmt: skip
    assert arrival(log, 1) == seconds("7:20") + 1500.0
    assert not rows(log, "refusals")


def test_people_wait_for_the_first_train_after_a_closure_where_nothing_else_leads(tmp_path: Path) -> None:
    # At the station at 7:05 for the train of 7:15; closed from 7:10 to 8:00. Ready at 7:40: the train of 8:00 as well.
    trips = [trip(1, STATION, CITY, "7:05"), trip(2, STATION, CITY, "7:40")]
    log = day(tmp_path, TRAIN_OR_FEET, trips, rail_closed("7:10", "8:00"), trains=TRAINS)
    assert (arrival(log, 1), arrival(log, 2)) == (seconds("8:10"), seconds("8:10"))
    assert [(row["person"], row["reason"]) for row in rows(log, "refusals")] == [(1, "closed")]


def test_trains_run_again_when_the_closure_is_over(tmp_path: Path) -> None:
    log = day(tmp_path, TRAIN_OR_FEET, [trip(1, HOME, SCHOOL, "8:30")], rail_closed("7:10", "8:00"),
              prefer=("rail", "walk"), round_about=False)  # fmt: skip
    assert arrival(log, 1) == seconds("8:50")


def test_a_closure_of_another_line_changes_nothing_but_the_notices(tmp_path: Path) -> None:
    trips = [trip(1, HOME, SCHOOL, "7:00"), trip(2, STATION, SCHOOL, "7:05")]
    base = day(tmp_path, TRAIN_OR_FEET, trips, prefer=("rail", "walk"))
    with pytest.raises(ConfigError, match=r"disturbances.0.lines.0: got 'X', which rail does not run, .* one of T"):
        day(tmp_path, TRAIN_OR_FEET, trips, rail_closed("7:10", "8:00", lines=["X"]), prefer=("rail", "walk"))
    other = {**rail_closed("7:10", "8:00"), "days": [1]}
    assert day(tmp_path, TRAIN_OR_FEET, trips, other, prefer=("rail", "walk")).fingerprint == base.fingerprint


def test_nobody_is_stranded_by_a_closure_that_was_announced(tmp_path: Path) -> None:
    # The train of 7:00 would be stopped at 7:10: who knows it walks.
    trips = [trip(1, HOME, SCHOOL, "7:00"), trip(2, STATION, SCHOOL, "7:05"), trip(3, HOME, SCHOOL, "8:30")]
    closed = rail_closed("7:10", "8:00", announced_s=3600.0)
    log = day(tmp_path, TRAIN_OR_FEET, trips, closed, prefer=("rail", "walk"), round_about=False)
    assert not rows(log, "refusals")
    assert [arrival(log, number) for number in (1, 2, 3)] == [
        seconds("7:00") + 1500.0, seconds("7:05") + 500.0, seconds("8:50"),
    ]  # fmt: skip


def test_an_announced_closure_of_one_line_leaves_the_others(tmp_path: Path) -> None:
    # The same train named by its line: known at midnight, so nobody sets out for the train of 7:00.
    closed = rail_closed("7:10", "8:00", announced_s=80_000.0, lines=["T"])
    log = day(tmp_path, TRAIN_OR_FEET, [trip(1, HOME, SCHOOL, "7:00"), trip(2, HOME, SCHOOL, "8:30")], closed,
              prefer=("rail", "walk"), round_about=False)  # fmt: skip
    # The train of 8:30 is not of the closure, and worth the wait of an hour and a half to who likes trains so much.
    assert (arrival(log, 1), arrival(log, 2)) == (seconds("8:50"), seconds("8:50"))
    assert not rows(log, "refusals")


def test_a_fleet_that_frost_has_halved_is_halved_again(tmp_path: Path) -> None:
    weather = Weather(DAY, {}, load_scenario("configs/today.yaml").choice, {"scooter": 0.5}, {"frost": 0.5})
    halved = FleetHalved(service="scooter", start_s=100.0, end_s=200.0)
    schedule = NoticeSchedule.of([halved], 0, hamlet_town(tmp_path), weather)
    parts = [(posting.t_s, notice.ends, notice.part) for posting in schedule.postings for notice in posting.notices
             if isinstance(notice, FleetWithdrawn)]  # fmt: skip
    assert parts == [(0.0, False, 0.5), (100.0, False, 0.75), (200.0, False, 0.5)]


DAY = Day(day="frost", season="winter", temperature_c=-10.0, snow_cm_h=0.0, slippery=False, basis="assumption")


def test_a_bicycle_at_the_station_waits_for_its_tour(tmp_path: Path) -> None:
    # To the city by bicycle and train. On the way home no train runs: nothing leads home, and the trip is unserved.
    trips = [trip(1, HOME, CITY, "8:00"), trip(1, CITY, HOME, "16:00")]
    town = hamlet_town(tmp_path, [person(1, bicycle=True)], trips)
    ways: Services = {"walk": {}, "rail": {}, "bicycle": {"reach_m": 2000.0}}
    closed = rail_closed("15:00", "20:00")
    log = live(scenario(ways, ["bicycle", "walk"], disturbances=[closed]), town)
    out, home = rows(log, "trips")
    assert (out["chain"], out["outcome"], home["outcome"]) == ("bicycle+rail+walk", "arrived", "unserved")
    short = live(scenario(ways, ["bicycle", "walk"], disturbances=[rail_closed("12:00", "15:00")]), town)
    assert rows(short, "trips")[1]["chain"] == "walk+rail+bicycle"


# Streets that are shut

ON_FOOT: Services = {"walk": {}}
TO_SCHOOL = [trip(1, HOME, SCHOOL, "12:00")]
NOON = 12 * 3600.0


def shut_at(after_s: float, end: str = "18:00", **more: Any) -> dict[str, Any]:
    return street_closed(STATION, SCHOOL, NOON + after_s, end, **more)


@pytest.mark.parametrize(
    ("after_s", "node", "lasts_s"),
    # Shut before the mill (500 s): 600 m and 1,500 m. Before the station (1,000 s): back to the mill, 3,300 m in all.
    [(400.0, MILL, 500.0 + 1250.0), (600.0, STATION, 1000.0 + 1750.0)],
)
def test_who_walks_turns_at_the_next_corner(tmp_path: Path, after_s: float, node: int, lasts_s: float) -> None:
    log = day(tmp_path, ON_FOOT, TO_SCHOOL, shut_at(after_s))
    assert arrival(log, 1) == NOON + lasts_s
    (refusal,) = rows(log, "refusals")
    assert (refusal["reason"], refusal["place"], refusal["service"]) == ("closed", node, "walk")
    assert [row["walk_m"] for row in rows(log, "legs")] == [X_M[node], lasts_s * 1.2 - X_M[node]]
    assert rows(log, "trips")[0]["replans"] == 1
    assert "walk had to turn 1 time" in explanation_text(explain(log.save(tmp_path / "result")))


def test_who_is_past_the_last_corner_walks_on(tmp_path: Path) -> None:
    log = day(tmp_path, ON_FOOT, TO_SCHOOL, shut_at(1000.5))
    assert arrival(log, 1) == NOON + 1500.0
    assert not rows(log, "refusals")


def test_who_sets_out_later_takes_the_other_way_and_the_short_one_when_it_opens(tmp_path: Path) -> None:
    trips = [trip(1, HOME, SCHOOL, "12:00"), trip(2, HOME, SCHOOL, "13:00")]
    log = day(tmp_path, ON_FOOT, trips, street_closed(STATION, SCHOOL, "11:00", "12:50"))
    assert (arrival(log, 1), arrival(log, 2)) == (NOON + 1750.0, NOON + 3600.0 + 1500.0)
    assert not rows(log, "refusals")
    assert [row["text"] for row in rows(log, "notices")] == ["streets are shut", "all streets are open"]


def test_a_cyclist_rides_round_and_keeps_the_bicycle(tmp_path: Path) -> None:
    # 30 s to fetch it, 240 s to the station; then 2,100 m at 5 m/s and 30 s to park.
    ways: Services = {"walk": {}, "bicycle": {}}
    log = day(tmp_path, ways, TO_SCHOOL, shut_at(200.0), people=[person(1, bicycle=True)], prefer=("bicycle", "walk"))
    assert arrival(log, 1) == NOON + 30.0 + 240.0 + 420.0 + 30.0
    (one,) = rows(log, "legs")
    assert (one["service"], one["walk_s"], one["ride_s"], one["ride_m"]) == ("bicycle", 60.0, 660.0, 3300.0)
    assert rows(log, "refusals")[0]["place"] == STATION
    assert rows(log, "trips")[0]["replans"] == 1


def test_a_driver_drives_round_and_pays_for_it(tmp_path: Path) -> None:
    # 90 s to get in, two streets of 75 s; back and round 210 s x 1.25; 90 s to park. 1,200 m and 2,100 m.
    ways: Services = {"walk": {}, "car": {}}
    log = day(tmp_path, ways, TO_SCHOOL, shut_at(200.0), people=[person(1, car=True)], prefer=("car", "walk"))
    assert arrival(log, 1) == NOON + 90.0 + 150.0 + 262.5 + 90.0
    (one,) = rows(log, "legs")
    assert (one["ride_m"], one["fare_eur"]) == (3300.0, pytest.approx(0.33))


def test_a_driver_who_drives_round_pays_for_parking_once(tmp_path: Path) -> None:
    # As above, and until 15:00 at the school for 2 EUR an hour, from 90 s after the turn and the 262.5 s of driving on.
    parking = [{**{name: at(SCHOOL)[name] for name in ("lon", "lat")}, "eur_per_hour": 2.0}]
    ways: Services = {"walk": {}, "car": {"parking": parking}}
    trips = [*TO_SCHOOL, trip(1, SCHOOL, HOME, "15:00")]
    log = day(tmp_path, ways, trips, shut_at(200.0), people=[person(1, car=True)], prefer=("car", "walk"))
    stay_s = seconds("15:00") + 90.0 - (NOON + 240.0 + 262.5 + 90.0)
    assert rows(log, "legs")[0]["fare_eur"] == pytest.approx(0.33 + 2.0 * stay_s / 3600.0)


def test_a_driver_whom_no_way_leads_on_waits_until_the_street_opens(tmp_path: Path) -> None:
    ways: Services = {"walk": {}, "car": {}}
    log = day(tmp_path, ways, TO_SCHOOL, shut_at(200.0, "12:30", modes=["drive"]), people=[person(1, car=True)],
              prefer=("car", "walk"), round_about=False)  # fmt: skip
    # At the station 240 s after noon, there until 12:30; 75 s and 90 s.
    assert arrival(log, 1) == NOON + 1800.0 + 75.0 + 90.0
    assert rows(log, "legs")[0]["wait_s"] == 1800.0 - 240.0


def test_who_cannot_get_through_on_foot_is_unserved_with_a_reason(tmp_path: Path) -> None:
    log = day(tmp_path, ON_FOOT, TO_SCHOOL, shut_at(600.0), round_about=False)
    (one,) = rows(log, "trips")
    assert (one["outcome"], one["end_s"]) == ("unserved", NOON + 1000.0)
    assert [row["reason"] for row in rows(log, "refusals")] == ["closed", "no_journey"]


def test_a_walk_to_the_train_turns_too(tmp_path: Path) -> None:
    # The street between mill and station is shut while somebody walks to the train; the way round is 2,100 m longer.
    log = day(tmp_path, TRAIN_OR_FEET, [trip(1, HOME, CITY, "12:00")],
              street_closed(MILL, STATION, NOON + 100.0, "18:00"),
              trains=(run((STATION, "12:45"), (CITY, "12:55")),))  # fmt: skip
    assert arrival(log, 1) == seconds("12:55")
    assert [row["walk_m"] for row in rows(log, "legs", service="walk")] == [600.0, 2100.0]


def test_a_closure_that_nobody_meets_changes_nothing_but_the_notices(tmp_path: Path) -> None:
    trips = [trip(1, HOME, MILL, "12:00"), trip(2, STATION, HOME, "12:10"), trip(2, HOME, STATION, "12:45")]
    base = day(tmp_path, ON_FOOT, trips)
    found = day(tmp_path, ON_FOOT, trips, shut_at(60.0), shut_at(300.0, "12:30", modes=["cycle"]))
    assert fingerprints(found) == fingerprints(base)


def fingerprints(log: Run) -> dict[str, str]:
    tables = log.record.tables
    return {kind: table_fingerprint(table) for kind, table in tables.items() if kind != "notices"}


def test_the_nodes_of_a_way_add_up_to_its_length(tmp_path: Path) -> None:
    town = with_street(hamlet_town(tmp_path), MILL, SCHOOL, 1500.0)
    on_foot, by_car = (ShortestPaths(town.streets, town.skims, mode, np.arange(5)) for mode in ("walk", "drive"))
    assert list(on_foot.between(SCHOOL, HOME)) == [(SCHOOL, 1800.0), (STATION, 1200.0), (MILL, 600.0), (HOME, 0.0)]
    assert list(by_car.between(HOME, STATION)) == [(HOME, 120.0), (MILL, 60.0), (STATION, 0.0)]
    assert list(on_foot.between(HOME, HOME)) == [(HOME, 0.0)]


# What does not fit


@pytest.mark.parametrize(
    ("disturbance", "message"),
    [
        ({**rail_closed("7:00", "8:00"), "service": "rial"}, "disturbances.0.service: got 'rial', .*'rail'"),
        (street_closed(HOME, MILL, "7:00", "8:00", overlay="nix", polygon=[]), "0.overlay: .*no such overlay"),
        ({"kind": "hub_without_power", "place": {"lon": 10, "lat": 60}, "start_s": 0, "end_s": 9}, "place: .* m from"),
        ({"kind": "operator_offline", "service": "walk", "start_s": 0, "end_s": 9.0}, "overlaps disturbances.0"),
        ({"kind": "operator_offline", "service": "walk", "start_s": 0, "end_s": 9.0}, "'walk', which takes no notice"),
        ({"kind": "fleet_halved", "service": "rail", "start_s": 0, "end_s": 9.0}, "'rail', which takes no notice"),
        (street_closed(HOME, MILL, "7:00", "8:00", polygon=[[9, 9], [9, 8], [8, 8]]), "0.polygon: shuts no street"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_town_is_told(tmp_path: Path, disturbance: dict[str, Any], message: str) -> None:
    timeline = [disturbance] * (1 + (disturbance["kind"] == "operator_offline"))
    with pytest.raises(ConfigError, match=message):
        day(tmp_path, TRAIN_OR_FEET, TO_SCHOOL, *timeline)


@pytest.mark.parametrize(
    "text",
    [
        "{kind: rail_closed, service: rail, start_s: 10, end_s: 5}",
        "{kind: street_closed, start_s: 1, end_s: 5}",
        "{kind: rail_closed, service: rail, start_s: 1, end_s: 5, days: [-1]}",
    ],
)
def test_a_disturbance_that_makes_no_sense_is_a_fault_of_the_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"disturbances\.0.*expected"):
        load_scenario("configs/today.yaml", [f"disturbances=[{text}]"])


# Laws

SPAN = st.tuples(st.integers(0, 40), st.integers(1, 40))


@st.composite
def timelines(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return closures of lines and streets at random times of a morning, and operators that fail."""
    found: list[dict[str, Any]] = []
    streets = [(HOME, MILL), (MILL, STATION), (STATION, SCHOOL)]
    for a, b in draw(st.lists(st.sampled_from(streets), max_size=3)):
        begin, lasts = draw(SPAN)
        found.append(street_closed(a, b, 28_000.0 + 150.0 * begin, 28_000.0 + 150.0 * (begin + lasts)))
    for kind, service in (("rail_closed", "rail"), ("operator_offline", "scooter"), ("fleet_halved", "scooter")):
        if draw(st.booleans()):
            begin, lasts = draw(SPAN)
            more = {} if kind == "fleet_halved" else {"announced_s": draw(st.sampled_from([0.0, 1000.0]))}
            span = {"start_s": 28_000.0 + 200.0 * begin, "end_s": 28_000.0 + 200.0 * (begin + lasts)}
            found.append({"kind": kind, "service": service, **span, **more})
    return found


@settings(max_examples=40)
@given(timeline=timelines(), round_about=st.booleans(), hour=st.integers(0, 3))
def test_every_trip_ends_in_one_way_and_every_refused_one_has_a_reason(
    timeline: list[dict[str, Any]], round_about: bool, hour: int
) -> None:
    people = [person(1), person(2, bicycle=True), person(3, car=True), person(4), person(5, bicycle=True)]
    places = (HOME, MILL, STATION, SCHOOL, CITY)
    trips = []
    for number, one in enumerate(people):
        for begin in range(4):
            a, b = places[(number + begin) % 5], places[(number + begin + 2 + hour) % 5]
            if a != b:
                trips.append(trip(one.person, a, b, 28_000.0 + 900.0 * begin + 130.0 * number, tour=begin))
    ways: Services = {name: {} for name in ("walk", "bicycle", "car", "rail", "scooter")}
    with TemporaryDirectory() as folder:
        town = hamlet_town(Path(folder), people, trips)
        town = with_street(town, MILL, SCHOOL, 1500.0) if round_about else town
        log = live(scenario(ways, disturbances=timeline), town)
    told = rows(log, "trips")
    assert sorted((row["person"], row["trip"]) for row in told) == sorted(
        (one.person, number) for one in people for number in range(sum(t.person == one.person for t in trips))
    )
    assert {row["outcome"] for row in told} <= {"arrived", "unserved", "under_way", "not_started"}
    refused = {(row["person"], row["trip"]) for row in rows(log, "refusals") if row["reason"]}
    assert {(row["person"], row["trip"]) for row in told if row["outcome"] == "unserved"} <= refused
    for row in told:
        legs = sorted(rows(log, "legs", person=row["person"], trip=row["trip"]), key=lambda leg: float(leg["t_s"]))
        here = row["origin"]
        for leg in legs:
            assert leg["origin"] == here
            here = leg["destination"]
        assert row["outcome"] != "arrived" or here == row["destination"]


@pytest.fixture(scope="module")
def ordinary() -> Run:
    return simulate(small(), 2)


def small(*more: str) -> Scenario:
    return load_scenario("configs/today.yaml", [*SMALL, *more])


POWER = "{kind: hub_without_power, place: {lon: 24.7556, lat: 60.2166}, start_s: 30000, end_s: 60000}"


def test_news_that_concerns_nobody_changes_no_leg(ordinary: Run) -> None:
    # Everybody plans anew twice, and does what they would have done.
    found = simulate(small(f"disturbances=[{POWER}]"), 2)
    assert len(rows(found, "notices", topic="no_power")) == 2
    assert table_fingerprint(found.record.tables["legs"]) == table_fingerprint(ordinary.record.tables["legs"])


def test_a_disturbed_day_is_the_same_twice_and_its_trips_are_those_of_the_ordinary_day(ordinary: Run) -> None:
    disturbed = "[{kind: rail_closed, service: rail, lines: [E, U, L], start_s: 27000, end_s: 34200}]"
    once, again = (simulate(small(f"disturbances={disturbed}"), 2) for _ in range(2))
    assert once.fingerprint == again.fingerprint != ordinary.fingerprint
    assert once.stats["person_trips"] == ordinary.stats["person_trips"] == once.record.tables["trips"].num_rows
    assert "closed" in set(once.record.tables["refusals"]["reason"].to_pylist())


def test_who_stays_away_is_not_missed_on_a_disturbed_day() -> None:
    timeline = (
        "[{kind: rail_closed, service: rail, lines: [E, U, L], start_s: 27000, end_s: 34200}, "
        "{kind: street_closed, polygon: [[24.745, 60.21], [24.765, 60.21], [24.765, 60.22], [24.745, 60.22]], "
        "start_s: 28000, end_s: 60000}]"
    )
    base = simulate(small(f"disturbances={timeline}"), 2)
    limited = {row["person"] for row in rows(base, "legs") if row["service"] == "rail"}
    gone = sorted({row["person"] for row in rows(base, "trips")} - limited)[:60]
    less = simulate(small(f"disturbances={timeline}"), 2, without=gone)
    for kind in ("trips", "legs", "refusals", "calls", "notices"):
        kept = [row for row in rows(base, kind) if row.get("person") not in gone]
        assert rows(less, kind) == kept, kind
    assert any(row["reason"] == "closed" and row["service"] == "walk" for row in rows(base, "refusals"))


def test_a_street_graph_with_streets_shut_keeps_its_nodes(tmp_path: Path) -> None:
    from kera_mobility.shapes import polygon_of
    from kera_mobility.town.streets.overlays import Feature, OverlaySettings, shut

    town = hamlet_town(tmp_path)
    ring = [[24.9, 59.0], [26.0, 59.0], [26.0, 61.0], [24.9, 61.0]]
    closure = Feature(OverlaySettings(effect="close", modes=("walk",)), polygon_of("ring", {}, ring))
    found: Streets = shut(town.streets, [closure])
    assert found.nodes == town.streets.nodes
    skims = compute_skims(found)
    assert not np.isfinite(skims.walk_m[HOME, MILL])
    assert np.array_equal(skims.cycle_m, town.skims.cycle_m)


def test_hubs_without_power_are_told_where_they_are(tmp_path: Path) -> None:
    place = at(MILL)
    power = {"kind": "hub_without_power", "place": place, "start_s": 100.0, "end_s": 200.0, "title": "A cable"}
    log = day(tmp_path, ON_FOOT, TO_SCHOOL, power)
    assert [(row["t_s"], row["topic"], row["place"], row["text"]) for row in rows(log, "notices")] == [
        (100.0, "no_power", MILL, "A cable, 00:01 to 00:03"), (200.0, "no_power", MILL, "A cable, 00:01 to 00:03"),
    ]  # fmt: skip
