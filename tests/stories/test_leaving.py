"""People who know the timetable leave in time for it; who has a bicycle or a car may park it at the stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from kera_mobility.simulation.run import live
from tests.kit.hamlet import CITY, HOME, MILL, STATION, at, hamlet_town, person, rows, scenario, trip

EARLY_S = 90.0
WALK_TO_STATION_S = 1000.0


def test_somebody_leaves_so_as_to_wait_ninety_seconds_for_the_train(tmp_path: Path) -> None:
    # Ready at 8:00, at the station by 8:16:40; the train of 8:30 leaves 800 s later, so 710 s are spent at home.
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, CITY, "8:00")])
    log = live(scenario({"walk": {}, "rail": {"early_s": EARLY_S}}), town)
    train = rows(log, "legs", service="rail")[0]
    assert (rows(log, "trips")[0]["t_s"] - 8 * 3600, train["wait_s"]) == (710.0, EARLY_S)


def test_the_moment_to_leave_stays_when_the_trip_before_takes_a_part_of_the_leisure(tmp_path: Path) -> None:
    # The first trip lasts until 8:07:20; the second, ready at 8:00, was to leave at 8:11:50, and still does.
    trips = [trip(1, MILL, HOME, "7:59"), trip(1, HOME, CITY, "8:00")]
    log = live(scenario({"walk": {}, "rail": {"early_s": EARLY_S}}), hamlet_town(tmp_path, trips=trips))
    assert rows(log, "trips", trip=1)[0]["t_s"] == 8 * 3600 + 710.0


def test_who_is_later_than_the_moment_to_leave_does_not_stay(tmp_path: Path) -> None:
    # Ready at 8:00, to leave at 8:11:50; the trip before ends at 8:16:40.
    trips = [trip(1, STATION, HOME, "8:00"), trip(1, HOME, CITY, "8:00")]
    log = live(scenario({"walk": {}, "rail": {"early_s": EARLY_S}}), hamlet_town(tmp_path, trips=trips))
    assert rows(log, "trips", trip=1)[0]["t_s"] == 8 * 3600 + WALK_TO_STATION_S


def test_a_reserved_seat_lets_people_stay_at_home_until_it_comes(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, STATION, "8:03")])
    log = live(scenario({"walk": {}, "shuttle": {"early_s": 60.0}}, prefer=["shuttle", "walk"]), town)
    assert rows(log, "legs", service="shuttle")[0]["wait_s"] == 60.0


def test_a_bicycle_is_parked_at_the_station_and_fetched_on_the_way_home(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1, bicycle=True)], [trip(1, HOME, CITY, "8:00"), trip(1, CITY, HOME, "16:00")])
    log = live(scenario({"walk": {}, "rail": {}, "bicycle": {"reach_m": 2000.0}}, prefer=["bicycle", "walk"]), town)
    assert [row["chain"] for row in rows(log, "trips")] == ["bicycle+rail+walk", "walk+rail+bicycle"]


def test_a_bicycle_is_never_left_behind(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1, bicycle=True)], [trip(1, HOME, CITY, "8:00")])
    log = live(scenario({"walk": {}, "rail": {}, "bicycle": {"reach_m": 2000.0}}, prefer=["bicycle", "walk"]), town)
    assert rows(log, "trips")[0]["chain"] == "walk+rail+walk"


@pytest.mark.parametrize(("car_parks", "chain"), [([at(STATION)], "car+rail+walk"), ([at(HOME)], "walk+rail+walk")])
def test_a_car_is_parked_only_where_there_is_a_car_park(tmp_path: Path, car_parks: list[object], chain: str) -> None:
    town = hamlet_town(tmp_path, [person(1, car=True)], [trip(1, HOME, CITY, "8:00"), trip(1, CITY, HOME, "16:00")])
    services = {"walk": {}, "rail": {}, "car": {"park_and_ride": car_parks}}
    choice = {"constants": {"rail": 100.0}, "feeder_constants": {"car": 100.0}}
    log = live(scenario(services, choice={**_coefficients(), **choice}), town)
    assert rows(log, "trips")[0]["chain"] == chain


def test_people_are_dropped_off_and_picked_up_at_any_stop(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1, household_cars=1)], [trip(1, HOME, CITY, "8:00")])
    choice = {"constants": {"rail": 100.0}, "feeder_constants": {"car_passenger": 100.0}}
    log = live(scenario({"walk": {}, "rail": {}, "car_passenger": {}}, choice={**_coefficients(), **choice}), town)
    assert rows(log, "trips")[0]["chain"] == "car_passenger+rail+walk"


def _coefficients() -> dict[str, object]:
    return {"coefficients": scenario({"walk": {}, "rail": {"early_s": EARLY_S}}).choice.coefficients.model_dump()}
