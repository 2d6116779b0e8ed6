"""Days in the hamlet, each worked out by hand. The distances and speeds stand in tests/kit/hamlet.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.simulation.run import Run, live
from kera_mobility.town.population.persons import PURPOSES
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
    PersonRow,
    RunRow,
    at,
    hamlet_town,
    person,
    rows,
    run,
    scenario,
    seconds,
    trip,
)

ONE_TRAIN = {"train": {"places": 2, "boarding_penalty_min": 2.0}}


def day(
    tmp_path: Path,
    services: dict[str, dict[str, Any]],
    *trips: Any,
    prefer: tuple[str, ...] = (),
    people: tuple[PersonRow, ...] = (),
    trains: tuple[RunRow, ...] | None = None,
    carried: Any = None,
    **overrides: Any,
) -> Run:
    timetable = {} if trains is None else {"trains": trains}
    town = hamlet_town(tmp_path, people=people, trips=trips, **timetable)
    return live(scenario(services, prefer, **overrides), town, carried=carried)


def scooters(*nodes: int, charge: tuple[float, ...] = ()) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """Return what the night handed over: where each scooter stands, and its charge (full if not said)."""
    return {"scooter": {"node": np.array(nodes), "charge": np.array(charge or (1.0,) * len(nodes))}}


def services_of(log: Run, number: int) -> list[str]:
    return [leg["service"] for leg in rows(log, "legs", person=number)]


def only(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(events) == 1, events
    return events[0]


# Walking, cycling, driving


def test_a_walk_to_the_next_place_takes_500_seconds(tmp_path: Path) -> None:
    log = day(tmp_path, {"walk": {}}, trip(1, HOME, MILL, "8:00"))
    walked = only(rows(log, "legs"))
    assert (walked["walk_s"], walked["walk_m"], walked["wait_s"], walked["ride_s"]) == (500.0, 600.0, 0.0, 0.0)
    assert only(rows(log, "trips"))["end_s"] == seconds("8:08:20")


def test_a_trip_that_is_due_while_the_last_one_runs_waits_for_it(tmp_path: Path) -> None:
    # 1,800 m on foot take 1,500 s: the way back, due at 8:05, begins on arrival at 8:25.
    log = day(tmp_path, {"walk": {}}, trip(1, HOME, SCHOOL, "8:00"), trip(1, SCHOOL, HOME, "8:05"))
    back = only(rows(log, "trips", trip=1))
    assert (back["ready_s"], back["t_s"], back["end_s"]) == (seconds("8:05"), seconds("8:25"), seconds("8:50"))


def test_somebody_under_way_at_the_end_of_the_day_is_logged_and_so_is_what_never_began(tmp_path: Path) -> None:
    log = day(tmp_path, {"walk": {}}, trip(1, HOME, SCHOOL, "27:50"), trip(1, SCHOOL, HOME, "27:55"))
    assert [(row["outcome"], row["end_s"]) for row in rows(log, "trips")] == [
        ("under_way", seconds("28:00")),
        ("not_started", seconds("28:00")),
    ]


def test_a_bicycle_goes_out_and_comes_home(tmp_path: Path) -> None:
    # 1,800 m at 5 m/s, 60 s to park.
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(1, SCHOOL, MILL, "12:00"), trip(1, MILL, HOME, "16:00")
    log = day(
        tmp_path, {"walk": {}, "bicycle": {}}, *trips, people=(person(1, bicycle=True),), prefer=("bicycle", "walk")
    )
    assert services_of(log, 1) == ["bicycle"] * 3
    assert rows(log, "legs")[0]["ride_s"] == 360.0
    assert rows(log, "trips")[0]["end_s"] == seconds("8:07")


def test_every_tour_has_the_bicycle_on_all_of_its_trips_or_on_none(tmp_path: Path) -> None:
    people = tuple(person(number, bicycle=True) for number in range(40))
    tour = (HOME, STATION, "8:00"), (STATION, SCHOOL, "12:00"), (SCHOOL, HOME, "16:00")
    trips = [trip(number, *leg) for leg in tour for number in range(40)]
    log = day(tmp_path, {"walk": {}, "bicycle": {}}, *trips, people=people, choice={"constants": {"walk": 0.6}})
    rides = [services_of(log, number).count("bicycle") for number in range(40)]
    assert set(rides) == {0, 3}


def test_each_tour_takes_the_bicycle_only_where_it_pays(tmp_path: Path) -> None:
    # With one util a minute: to the mill 500 s on foot against 120 s + 1.75 x 400 s felt, to school 1,500 s against
    # 360 s + 1.75 x 400 s. The advantages, 5 and 7 utils a trip, drown chance.
    trips = trip(1, HOME, MILL, "8:00"), trip(1, MILL, HOME, "9:00"), trip(1, HOME, SCHOOL, "10:00", tour=1)
    coefficients = {f"{name}_per_min": -1.0 for name in ("walk", "bicycle", "car", "transit")} | {"per_eur": 0.0}
    log = day(
        tmp_path,
        {"walk": {}, "bicycle": {"parking_s": 400.0}},
        *trips,
        people=(person(1, bicycle=True),),
        choice={"coefficients": dict.fromkeys(PURPOSES, coefficients)},
    )
    assert services_of(log, 1) == ["walk", "walk", "bicycle"]


@pytest.mark.parametrize(
    ("clock", "ride_s"), [("6:59:59", 225.0), ("7:00", 270.0), ("8:59:59", 270.0), ("9:00", 225.0), ("12:00", 225.0)]
)
def test_a_car_is_slower_in_the_rush(tmp_path: Path, clock: str, ride_s: float) -> None:
    # 1,800 m in 180 s free flow: times 1.25, or 1.5 from seven to nine.
    log = day(tmp_path, {"car": {}}, trip(1, HOME, SCHOOL, clock), people=(person(1, car=True),))
    assert only(rows(log, "legs"))["ride_s"] == ride_s


def test_nobody_drives_a_car_that_is_not_theirs(tmp_path: Path) -> None:
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(2, HOME, SCHOOL, "8:00")
    log = day(tmp_path, {"walk": {}, "car": {}}, *trips, people=(person(1, car=True),), prefer=("car", "walk"))
    assert (services_of(log, 1), services_of(log, 2)) == (["car"], ["walk"])


# Fares


def test_a_season_ticket_makes_the_train_cheaper(tmp_path: Path) -> None:
    trips = trip(1, STATION, CITY, "8:00"), trip(2, STATION, CITY, "8:00")
    log = day(tmp_path, {"walk": {}, "rail": {}}, *trips, people=(person(2, season_ticket=True),))
    assert [leg["fare_eur"] for leg in rows(log, "legs")] == [3.0, 1.0]


def test_a_scooter_costs_its_unlocking_and_each_started_minute(tmp_path: Path) -> None:
    # 600 m at 4 m/s are 150 s: three started minutes, 1.00 + 3 x 0.25 EUR.
    log = day(tmp_path, {"walk": {}, "scooter": {}}, trip(1, MILL, STATION, "8:00"), prefer=("scooter", "walk"))
    assert only(rows(log, "legs"))["fare_eur"] == 1.75


def test_a_car_costs_its_kilometres_and_the_passenger_nothing(tmp_path: Path) -> None:
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(2, HOME, SCHOOL, "8:00")
    people = person(1, car=True), person(2, household_cars=1)
    log = day(tmp_path, {"car": {}, "car_passenger": {"cost_eur_per_km": 0.0}}, *trips, people=people, prefer=("car",))
    assert [leg["fare_eur"] for leg in rows(log, "legs")] == pytest.approx([0.18, 0.0])


def test_friends_drive_people_of_households_without_a_car_as_often_as_the_share_says(tmp_path: Path) -> None:
    trips = [trip(number, HOME, SCHOOL, "8:00") for number in range(200)]
    ways = {"walk": {}, "car_passenger": {"lifts_share": 0.3}}
    log = day(tmp_path, ways, *trips, prefer=("car_passenger",))
    driven = {leg["person"] for leg in rows(log, "legs") if leg["service"] == "car_passenger"}
    assert len(driven) / 200 == pytest.approx(0.3, abs=0.1)  # three standard errors
    twice = day(tmp_path, {**ways, "car_passenger": {"lifts_share": 0.6}}, *trips, prefer=("car_passenger",))
    assert driven < {leg["person"] for leg in rows(twice, "legs") if leg["service"] == "car_passenger"}
    none = day(tmp_path, {**ways, "car_passenger": {}}, *trips, prefer=("car_passenger",))
    assert all(leg["service"] == "walk" for leg in rows(none, "legs"))


# Trains


def test_a_train_is_caught_after_waiting_for_it(tmp_path: Path) -> None:
    # On the platform at 8:02, the train leaves at 8:15 and takes 600 s.
    log = day(tmp_path, {"walk": {}, "rail": {}}, trip(1, STATION, CITY, "8:02"))
    rode = only(rows(log, "legs"))
    assert (rode["wait_s"], rode["ride_s"], rode["t_s"]) == (780.0, 600.0, seconds("8:02"))
    assert rode["ride_m"] == pytest.approx(6000.0)
    assert only(rows(log, "trips"))["end_s"] == seconds("8:25")


def test_a_walk_to_the_station_comes_before_the_wait(tmp_path: Path) -> None:
    # 1,200 m on foot from 8:00 are over at 8:16:40; the next train leaves at 8:30.
    log = day(tmp_path, {"walk": {}, "rail": {}}, trip(1, HOME, CITY, "8:00"))
    walked, rode = rows(log, "legs")
    assert (walked["walk_s"], rode["wait_s"]) == (1000.0, 800.0)


def test_a_full_train_leaves_people_behind_and_they_take_the_next(tmp_path: Path) -> None:
    trips = [trip(number, STATION, CITY, "8:02") for number in (1, 2, 3)]
    log = day(tmp_path, {"walk": {}, "rail": ONE_TRAIN}, *trips)
    assert [leg["wait_s"] for leg in rows(log, "legs")] == [780.0, 780.0, 1680.0]
    assert only(rows(log, "calls", t_s=seconds("8:15"), step=0))["left_behind"] == 1


def test_who_comes_to_the_platform_first_boards_first(tmp_path: Path) -> None:
    trips = trip(1, STATION, CITY, "8:04"), trip(2, STATION, CITY, "8:03"), trip(3, STATION, CITY, "8:02")
    log = day(tmp_path, {"walk": {}, "rail": ONE_TRAIN}, *trips)
    assert [only(rows(log, "legs", person=number))["vehicle"] for number in (1, 2, 3)] == [20, 18, 18]


def test_who_is_left_behind_too_often_gives_up(tmp_path: Path) -> None:
    # One place a train; the third passes two full ones and has patience for one. The city cannot be walked to.
    full = {"train": {"places": 1, "boarding_penalty_min": 2.0}, "patience": 1}
    log = day(tmp_path, {"walk": {}, "rail": full}, *[trip(number, STATION, CITY, "8:02") for number in (1, 2, 3)])
    assert [row["outcome"] for row in rows(log, "trips")] == ["arrived", "arrived", "unserved"]
    refusal = rows(log, "refusals", person=3)[0]
    assert (refusal["reason"], refusal["t_s"], refusal["place"]) == ("full", seconds("8:30"), STATION)


def test_who_is_late_for_the_last_train_does_not_get_there(tmp_path: Path) -> None:
    last = run((STATION, "8:00"), (CITY, "8:10"))
    log = day(tmp_path, {"walk": {}, "rail": {}}, trip(1, STATION, CITY, "8:01"), trains=(last,))
    assert only(rows(log, "trips"))["outcome"] == "unserved"


def test_somebody_on_the_platform_at_the_moment_of_departure_catches_the_train(tmp_path: Path) -> None:
    # 1,000 s of walking from 7:58:20 end at 8:15:00 sharp, when the train leaves.
    log = day(tmp_path, {"walk": {}, "rail": {}}, trip(1, HOME, CITY, "7:58:20"))
    assert rows(log, "legs", service="rail")[0]["wait_s"] == 0.0


def test_a_train_that_stands_there_already_is_caught_at_the_last_moment(tmp_path: Path) -> None:
    # It stands from 8:00 to 8:15; 500 s of walking from 8:06:40 end at 8:15:00 sharp.
    train = run((SCHOOL, "7:50"), (STATION, "8:00", "8:15"), (CITY, "8:25"))
    log = day(tmp_path, {"walk": {}, "rail": {}}, trip(1, MILL, CITY, "8:06:40"), trains=(train,))
    assert only(rows(log, "trips"))["end_s"] == seconds("8:25")


@pytest.mark.parametrize("others_leave", ["7:50", "8:10"])
def test_catching_a_train_at_the_last_moment_does_not_hang_on_when_others_set_out(
    tmp_path: Path, others_leave: str
) -> None:
    train = run((SCHOOL, "8:00"), (STATION, "8:15"), (CITY, "8:25"))
    trips = trip(1, STATION, CITY, "8:15"), trip(2, HOME, MILL, others_leave)
    log = day(tmp_path, {"walk": {}, "rail": {}}, *trips, trains=(train,))
    assert only(rows(log, "trips", person=1))["end_s"] == seconds("8:25")


# Shuttle: from the mill at 6:00:30 and every ten minutes, 150 s to the station


def test_a_shuttle_is_met_at_its_stop(tmp_path: Path) -> None:
    # HOME to MILL on foot 500 s, wait from 8:08:20 to 8:10:30, ride 150 s.
    log = day(tmp_path, {"walk": {}, "shuttle": {}}, trip(1, HOME, STATION, "8:00"), prefer=("shuttle", "walk"))
    rode = only(rows(log, "legs"))
    assert (rode["walk_s"], rode["wait_s"], rode["ride_s"], rode["fare_eur"]) == (500.0, 130.0, 150.0, 1.0)


def test_a_full_shuttle_refuses(tmp_path: Path) -> None:
    one_seat = {"seats": 1, "patience": 0}
    trips = trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "8:00")
    log = day(tmp_path, {"walk": {}, "shuttle": one_seat}, *trips, prefer=("shuttle", "walk"))
    assert (services_of(log, 1), services_of(log, 2)) == (["shuttle"], ["walk"])
    refusal = only(rows(log, "refusals"))
    assert (refusal["person"], refusal["reason"], refusal["t_s"]) == (2, "full", seconds("8:00"))


def test_with_patience_the_seat_is_in_the_next_shuttle(tmp_path: Path) -> None:
    trips = trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "8:00")
    log = day(tmp_path, {"walk": {}, "shuttle": {"seats": 1}}, *trips, prefer=("shuttle", "walk"))
    assert [leg["wait_s"] for leg in rows(log, "legs")] == [30.0, 630.0]


def test_a_seat_reserved_from_farther_away_is_kept(tmp_path: Path) -> None:
    # 1 sets out from home at 8:00 and boards at 8:10:30; 2 stands at the mill from 8:05, but the seat is taken.
    trips = trip(1, HOME, STATION, "8:00"), trip(2, MILL, STATION, "8:05")
    log = day(tmp_path, {"walk": {}, "shuttle": {"seats": 1, "patience": 0}}, *trips, prefer=("shuttle", "walk"))
    assert (services_of(log, 1), services_of(log, 2)) == (["shuttle"], ["walk"])


def test_without_reserved_seats_who_stands_there_first_boards(tmp_path: Path) -> None:
    open_seats = {"seats": 1, "patience": 0, "reserved_seats": False}
    trips = trip(1, HOME, STATION, "8:00"), trip(2, MILL, STATION, "8:05")
    log = day(tmp_path, {"walk": {}, "shuttle": open_seats}, *trips, prefer=("shuttle", "walk"))
    assert services_of(log, 2) == ["shuttle"]
    # 1 walked to the mill, was left behind and walks on.
    refusal = only(rows(log, "refusals"))
    assert (refusal["person"], refusal["reason"], refusal["place"]) == (1, "full", MILL)
    assert [leg["destination"] for leg in rows(log, "legs", person=1)] == [MILL, STATION]


@pytest.mark.parametrize("others_leave", ["8:09", "8:10:15"])
def test_a_shuttle_is_boarded_at_the_moment_it_leaves(tmp_path: Path, others_leave: str) -> None:
    trips = trip(1, MILL, STATION, "8:10:30"), trip(2, HOME, MILL, others_leave)
    log = day(tmp_path, {"walk": {}, "shuttle": {}}, *trips, prefer=("shuttle", "walk"))
    assert only(rows(log, "trips", person=1))["end_s"] == seconds("8:13")


# Scooters


def test_a_scooter_is_walked_to_ridden_and_parked(tmp_path: Path) -> None:
    # HOME to MILL on foot 500 s, 1,200 m at 4 m/s are 300 s, handling 30 s.
    log = day(tmp_path, {"walk": {}, "scooter": {}}, trip(1, HOME, SCHOOL, "8:00"), prefer=("scooter", "walk"))
    rode = only(rows(log, "legs"))
    assert (rode["walk_s"], rode["ride_s"], rode["ride_m"]) == (500.0, 330.0, 1200.0)
    moved = only(rows(log, "moves"))
    assert (moved["origin"], moved["destination"], moved["t_s"], moved["end_s"]) == (
        MILL, SCHOOL, seconds("8:08:20"), seconds("8:13:50"),
    )  # fmt: skip
    # 1.2 km at 18 Wh/km out of 550 Wh.
    assert moved["charge"] == pytest.approx(1.0 - 1.2 * 18.0 / 550.0)


def test_a_scooter_with_a_low_battery_is_not_offered(tmp_path: Path) -> None:
    # 1.2 km take 0.039 of the battery and 0.1 must stay: 0.12 is too little.
    log = day(
        tmp_path, {"walk": {}, "scooter": {"fleet": 2}}, trip(1, MILL, SCHOOL, "8:00"), prefer=("scooter", "walk"),
        carried=scooters(MILL, MILL, charge=(0.12, 0.14)),
    )  # fmt: skip
    assert only(rows(log, "legs"))["vehicle"] == 1


def test_where_all_batteries_are_low_that_is_the_reason(tmp_path: Path) -> None:
    log = day(
        tmp_path, {"walk": {}, "scooter": {"fleet": 1}}, trip(1, MILL, SCHOOL, "8:00"), prefer=("scooter", "walk"),
        carried=scooters(MILL, charge=(0.12,)),
    )  # fmt: skip
    assert (only(rows(log, "refusals"))["reason"], services_of(log, 1)) == ("low_battery", ["walk"])


@pytest.mark.parametrize(
    ("charge", "nearest"), [((1.0, 1.0, 1.0), 1), ((1.0, 0.11, 1.0), 2), ((1.0, 0.11, 0.11), 0), ((0.3, 0.3, 0.9), 1)]
)
def test_the_nearest_scooter_with_enough_charge_is_taken_the_lowest_id_of_equals(
    tmp_path: Path, charge: tuple[float, ...], nearest: int
) -> None:
    # Scooter 0 stands at the station, 1 and 2 stand nearer, at the mill.
    log = day(
        tmp_path, {"walk": {}, "scooter": {"fleet": 3, "max_walk_m": 1200.0}}, trip(1, HOME, SCHOOL, "8:00"),
        prefer=("scooter", "walk"), carried=scooters(STATION, MILL, MILL, charge=charge),
    )  # fmt: skip
    assert only(rows(log, "legs"))["vehicle"] == nearest


@pytest.mark.parametrize(("clocks", "first"), [(("8:00", "8:00"), 1), (("8:00:01", "8:00"), 2)])
def test_the_last_scooter_goes_to_who_sets_out_first_or_has_the_lower_id(
    tmp_path: Path, clocks: tuple[str, str], first: int
) -> None:
    trips = trip(1, HOME, SCHOOL, clocks[0]), trip(2, HOME, SCHOOL, clocks[1])
    log = day(tmp_path, {"walk": {}, "scooter": {"fleet": 1}}, *trips, prefer=("scooter", "walk"))
    second = 3 - first
    assert (services_of(log, first), services_of(log, second)) == (["scooter"], ["walk"])
    assert only(rows(log, "refusals"))["person"] == second
    assert only(rows(log, "refusals"))["reason"] == "no_vehicle"


def test_a_parked_scooter_can_be_taken_on(tmp_path: Path) -> None:
    # 1 parks at the school at 8:05:30.
    trips = trip(1, MILL, SCHOOL, "8:00"), trip(2, SCHOOL, STATION, "8:05:31"), trip(3, SCHOOL, STATION, "8:05:29")
    log = day(tmp_path, {"walk": {}, "scooter": {"fleet": 1}}, *trips, prefer=("scooter", "walk"))
    assert (services_of(log, 2), services_of(log, 3)) == (["scooter"], ["walk"])


@pytest.mark.parametrize("others_leave", ["7:50", "8:10"])
def test_who_gets_a_scooter_in_one_moment_does_not_hang_on_when_others_set_out(
    tmp_path: Path, others_leave: str
) -> None:
    # 1 comes to the station on foot at 8:15:00 sharp and goes on at once; 2 sets out there in the same moment.
    trips = [trip(1, MILL, STATION, "8:06:40"), trip(1, STATION, SCHOOL, "8:06:40"), trip(2, STATION, SCHOOL, "8:15")]
    trips.append(trip(3, HOME, MILL, others_leave))
    log = day(
        tmp_path,
        {"walk": {}, "scooter": {"fleet": 1, "max_walk_m": 500.0}},
        *trips,
        prefer=("scooter", "walk"),
        people=(person(3, age=16),),
        carried=scooters(STATION),
    )
    # Who sets out goes before who is on the way.
    assert (services_of(log, 1), services_of(log, 2)) == (["walk", "walk"], ["scooter"])


def test_with_hubs_a_ride_ends_at_the_nearest_hub_with_room_or_is_refused(tmp_path: Path) -> None:
    hubs = [at(MILL, capacity=4), at(STATION, capacity=1), at(SCHOOL, capacity=1)]
    trips = trip(1, MILL, SCHOOL, "8:00"), trip(2, MILL, SCHOOL, "8:10"), trip(3, MILL, SCHOOL, "8:20")
    log = day(
        tmp_path, {"walk": {}, "scooter": {"fleet": 3, "parking": "hubs", "hubs": hubs}}, *trips,
        prefer=("scooter", "walk"), carried=scooters(MILL, MILL, MILL),
    )  # fmt: skip
    assert [move["destination"] for move in rows(log, "moves")] == [SCHOOL, STATION]
    # 2 rides 600 m and walks the last 600 m.
    second = only(rows(log, "legs", person=2))
    assert (second["ride_s"], second["walk_s"], second["destination"]) == (180.0, 500.0, SCHOOL)
    assert (only(rows(log, "refusals"))["reason"], services_of(log, 3)) == ("no_parking", ["walk"])


def test_who_is_too_young_or_not_a_member_has_no_scooter(tmp_path: Path) -> None:
    trips = trip(1, MILL, SCHOOL, "8:00"), trip(2, MILL, SCHOOL, "8:00")
    people = person(1, age=17), person(2, age=18)
    log = day(tmp_path, {"walk": {}, "scooter": {}}, *trips, people=people, prefer=("scooter", "walk"))
    assert (services_of(log, 1), services_of(log, 2)) == (["walk"], ["scooter"])


def test_a_scooter_after_the_train_is_booked_on_arrival(tmp_path: Path) -> None:
    # The train from 8:05 is in at 8:15; the scooter stands at the mill, 500 s back on foot; 1,200 m in 300 s + 30 s.
    log = day(
        tmp_path, {"walk": {}, "rail": {}, "scooter": {}}, trip(1, CITY, SCHOOL, "8:00"), prefer=("scooter", "rail")
    )
    assert services_of(log, 1) == ["rail", "scooter"]
    booking = only(rows(log, "bookings"))
    assert (booking["t_s"], booking["end_s"], booking["end"]) == (seconds("8:15"), seconds("8:28:50"), "ridden")


def test_a_refused_scooter_after_the_train_is_replaced_by_walking(tmp_path: Path) -> None:
    # The only scooter leaves the mill with 2 at 8:10; 1 arrives by train at 8:15, is refused and walks 600 m.
    trips = trip(1, CITY, SCHOOL, "8:00"), trip(2, MILL, HOME, "8:10")
    log = day(tmp_path, {"walk": {}, "rail": {}, "scooter": {"fleet": 1}}, *trips, prefer=("scooter", "rail", "walk"))
    assert services_of(log, 1) == ["rail", "walk"]
    refusal = only(rows(log, "refusals"))
    assert (refusal["reason"], refusal["place"], refusal["t_s"]) == ("no_vehicle", STATION, seconds("8:15"))
    trip_row = only(rows(log, "trips", person=1))
    assert (trip_row["outcome"], trip_row["replans"], trip_row["end_s"]) == ("arrived", 1, seconds("8:23:20"))


def test_a_fleet_that_is_left_where_it_stands_begins_the_next_day_there(tmp_path: Path) -> None:
    scooter = {"fleet": 1, "overnight": {"kind": "leave"}}
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, SCHOOL, "8:00")])
    trial = scenario({"walk": {}, "scooter": scooter}, ("scooter", "walk"))
    evening = live(trial, town)
    morning = live(trial, town, day=1, carried=evening.overnight)
    vehicle = only(morning.record.vehicles.to_pylist())
    assert (vehicle["start_place"], vehicle["start_charge"]) == (SCHOOL, pytest.approx(1.0 - 1.2 * 18.0 / 550.0))
    assert only(rows(morning, "refusals"))["reason"] == "no_vehicle"


def test_who_goes_nowhere_has_arrived(tmp_path: Path) -> None:
    log = day(tmp_path, {"walk": {}}, trip(1, HOME, HOME, "8:00"))
    assert (only(rows(log, "trips"))["outcome"], rows(log, "legs")) == ("arrived", [])


def test_a_trip_due_after_the_end_of_the_day_is_logged_as_never_begun(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, 29 * 3600.0)])
    log = live(scenario({"walk": {}, "bicycle": {}}), town)
    assert [row["outcome"] for row in rows(log, "trips")] == ["not_started"]


def test_what_is_liked_on_one_purpose_is_not_taken_on_another(tmp_path: Path) -> None:
    per_minute = {f"{mode}_per_min": -0.05 for mode in ("walk", "bicycle", "car", "transit")} | {"per_eur": -0.2}
    liked = {"work": {"walk": 50.0}, "shopping": {"bicycle": 50.0}, "other": {"transit": 50.0}}
    goes_to = {"work": HOME, "shopping": HOME, "other": CITY, "study": HOME}
    log = day(
        tmp_path, {"walk": {}, "bicycle": {}, "car": {}, "rail": {}},
        *(trip(number, STATION, place, "8:00", purpose=why) for number, (why, place) in enumerate(goes_to.items())),
        people=tuple(person(number, home=STATION, age=30, bicycle=True, car=True) for number in range(4)),
        choice={
            "coefficients": {purpose: {**per_minute, **liked.get(purpose, {})} for purpose in PURPOSES},
            "constants": {"car": 20.0},
        },
    )  # fmt: skip
    main = [max(rows(log, "legs", person=number), key=lambda leg: leg["ride_m"])["service"] for number in range(4)]
    assert main == ["walk", "bicycle", "rail", "car"]
