"""Rides on demand in the hamlet, each number by hand: 600 m are 60 s of driving, a stop costs 20 s, a person 5 s."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kera_mobility.results.events import table_fingerprint
from kera_mobility.results.kpis import compute
from kera_mobility.results.promise_audit import verdict
from kera_mobility.results.store import load_record
from kera_mobility.services.base import Experience
from kera_mobility.services.contract import Booking, Offer, Refusal, Requests
from kera_mobility.services.notices import (
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    ServiceClosed,
    Snowfall,
    StreetsChanged,
)
from kera_mobility.services.on_demand.service import OnDemand
from kera_mobility.services.world import World
from kera_mobility.simulation.run import Run, live, simulate
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.units import round_one_s
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
    at,
    hamlet_town,
    leg,
    live_services,
    person,
    rows,
    run,
    scenario,
    seconds,
    trip,
)  # fmt: skip

HOP_S = 80.0
"""A stop and 600 m."""
PERSON_S, DETOUR = 5.0, 1.6
LIKED = ["on_demand", "rail", "walk"]
DEPOT = at(MILL)


def day(
    tmp_path: Path, trips: list[Any], *, people: list[Any] | None = None, trains: Any = None, **changes: Any
) -> Run:
    more = {} if trains is None else {"trains": trains}
    town = hamlet_town(tmp_path, people or [], trips, **more)
    ways = {"walk": {}, "on_demand": {"vehicles": 1, **changes}} | ({"rail": {}} if trains is not None else {})
    return live(scenario(ways, prefer=LIKED), town)


def promises(log: Run, **where: Any) -> list[dict[str, Any]]:
    return rows(log, "promises", **where)


def sound(log: Run) -> None:
    """The independent checker finds nothing that must not be."""
    found = verdict(log.record, "on_demand")
    assert found.breaches == ()
    assert found.promises == len(promises(log))


DRIVING_ALONE = {"kind": "insertion", "waiting_weight": 0.0, "riding_weight": 0.0}


def stage(tmp_path: Path, clock: str = "8:00", **changes: Any) -> tuple[World, OnDemand, Any]:
    """Return a service whose dispatch weighs driving alone, unless told otherwise: easier to follow by hand."""
    town = hamlet_town(tmp_path, [person(number) for number in range(1, 9)])
    about = {"vehicles": 1, **changes, "dispatch": {**DRIVING_ALONE, **changes.get("dispatch", {})}}
    world, services = live_services(scenario({"on_demand": about}), town, clock)
    service = services["on_demand"]
    assert isinstance(service, OnDemand)

    def wish(number: int, origin: int, destination: int, **more: Any) -> Any:
        return leg(town, "on_demand", number, origin, destination, **more)

    return world, service, wish


def ride(world: World, service: OnDemand, booking: Booking, late_s: float = 0.0) -> list[Any]:
    got: list[Any] = []

    def rider() -> Any:
        if late_s:
            yield world.env.timeout(late_s)
        got.append((yield from service.ride(booking)))

    world.env.process(rider())
    return got


def test_a_ride_is_fetched_carried_and_left(tmp_path: Path) -> None:
    """The vehicle stands at the mill: 80 s to the home; 5 s to board; 2 x 60 s and 20 s for the stop to the station."""
    log = day(tmp_path, [trip(1, HOME, STATION, "8:00")])
    (one,) = rows(log, "legs")
    assert (one["walk_s"], one["wait_s"], one["ride_s"], one["fare_eur"]) == (0.0, 80.0, 5.0 + 140.0, 2.0)
    assert one["ride_m"] == 1200.0
    (promise,) = promises(log)
    eight = seconds("8:00")
    assert (promise["ready_s"], promise["latest_pickup_s"]) == (eight, eight + 600.0)
    assert promise["latest_arrival_s"] == eight + 600.0 + 5.0 + 1.6 * 140.0
    assert promise["direct_s"] == 5.0 + 140.0
    assert (promise["pickup_s"], promise["arrival_s"]) == (eight + 80.0, eight + 225.0)
    assert [(row["cause"], row["origin"], row["destination"]) for row in rows(log, "moves")] == [
        ("fetch", MILL, HOME), ("carry", HOME, STATION), ("depot", STATION, MILL),
    ]  # fmt: skip
    assert [(row["place"], row["alighted"], row["boarded"], row["aboard"]) for row in rows(log, "calls")] == [
        (HOME, 0, 1, 1), (STATION, 1, 0, 0),
    ]  # fmt: skip
    sound(log)


def test_two_on_one_way_share_the_vehicle(tmp_path: Path) -> None:
    """The second boards at the mill on the way: the first is carried 5 s and one stop of 20 s longer."""
    log = day(tmp_path, [trip(1, HOME, SCHOOL, "8:00"), trip(2, MILL, SCHOOL, "8:01")])
    first, second = promises(log)
    # 8:01:20 on board, 8:01:25 away, 8:02:45 at the mill, 8:02:50 away, 140 s to the school.
    assert second["pickup_s"] == seconds("8:02:45")
    assert second["arrival_s"] == seconds("8:02:50") + 140.0
    assert first["arrival_s"] == second["arrival_s"] + 5.0, "they alight one after the other"
    assert [row["aboard"] for row in rows(log, "calls")] == [1, 2, 0]
    sound(log)


def test_who_would_have_to_wait_too_long_is_told_that_no_vehicle_comes_in_time(tmp_path: Path) -> None:
    """80 s to the home: with 79 s promised at most nobody can be served there, with 80 s somebody can."""
    for longest_s, expected in ((79.0, "no_vehicle_in_time"), (80.0, "")):
        _, service, wish = stage(tmp_path, max_wait_s=longest_s)
        answer = service.quote(wish(1, HOME, MILL))
        assert (answer.reason if isinstance(answer, Refusal) else "") == expected


def test_the_second_is_refused_because_the_only_seat_is_taken(tmp_path: Path) -> None:
    """On one seat the second could only be fetched after the first is at the school: too late for 3 minutes."""
    _, service, wish = stage(tmp_path, seats=1, max_wait_s=180.0)
    assert isinstance(service.book(wish(1, MILL, SCHOOL)), Booking)
    answer = service.quote(wish(2, MILL, SCHOOL))
    assert isinstance(answer, Refusal)
    assert answer.reason == "full"


def test_the_second_is_refused_because_the_first_would_be_late(tmp_path: Path) -> None:
    """The first must be at the school 200 + 5 + 200 s after 8:00. By the mill and back home it would be 455 s."""
    world, service, wish = stage(tmp_path, detour_factor=1.0, max_wait_s=200.0)
    assert isinstance(service.book(wish(1, HOME, SCHOOL)), Booking)
    world.env.run(until=seconds("8:00:30"))
    answer = service.quote(wish(2, MILL, HOME))
    assert isinstance(answer, Refusal)
    assert answer.reason == "detour_of_others"
    # After the first the second would be home 515 s after 8:00, and had to be promised to be there by 315 s.
    _, lone, wish = stage(tmp_path, "8:00:30", detour_factor=1.0, max_wait_s=200.0)
    assert isinstance(lone.quote(wish(2, MILL, HOME)), Offer)


def test_who_lives_too_far_out_or_asks_at_night_is_told_so(tmp_path: Path) -> None:
    hours = {"start_s": seconds("7:00"), "end_s": seconds("9:00")}
    for clock, pair, reason in (
        ("8:00", (STATION, CITY), "outside_area"),
        ("6:30", (HOME, MILL), "outside_hours"),
        ("9:00", (HOME, MILL), "outside_hours"),
        ("8:59", (HOME, STATION), "end_of_shift"),
    ):
        _, service, wish = stage(tmp_path, clock, shifts=[hours])
        answer = service.quote(wish(1, *pair))
        assert isinstance(answer, Refusal)
        assert answer.reason == reason


def test_peeking_and_booking_at_night_for_the_morning_wait_for_the_shift(tmp_path: Path) -> None:
    """At 6:55 the vehicle may leave at 7:00: 80 s later it is at the home."""
    log = day(tmp_path, [trip(1, HOME, MILL, "6:55")], shifts=[{"start_s": seconds("7:00"), "end_s": seconds("9:00")}])
    (promise,) = promises(log)
    assert promise["pickup_s"] == seconds("7:01:20")
    sound(log)


def test_people_walk_to_virtual_stops_that_keep_their_distance(tmp_path: Path) -> None:
    """Stops 1,000 m apart: the home and the station are stops, the mill (600 m from both) and the school are none."""
    _, service, wish = stage(tmp_path, stop_spacing_m=1000.0, depots=[{**DEPOT, "lon": 25.0}])
    assert service._stops.open.tolist() == [HOME, STATION]
    offer = service.quote(wish(1, MILL, SCHOOL))
    assert isinstance(offer, Offer)
    # 500 s to the home (the lower number of equals), 500 s from the station; the vehicle waits there.
    assert (offer.walk_s, offer.wait_s, offer.ride_s) == (1000.0, 0.0, 145.0)


def test_a_vehicle_waits_for_who_booked_ahead_and_does_not_stand_at_the_stop_before(tmp_path: Path) -> None:
    """Booked at 7:30 for 8:00: it leaves the mill at 7:58:40, and takes somebody else in between."""
    log = day(tmp_path, [trip(1, HOME, MILL, "8:00"), trip(2, MILL, STATION, "7:40")], ahead_s=1800.0)
    by_person = {row["person"]: row for row in promises(log)}
    assert by_person[1]["t_s"] == seconds("7:30")
    assert by_person[2]["t_s"] == seconds("7:10")
    assert by_person[1]["pickup_s"] == by_person[1]["came_s"] == seconds("8:00")
    # 8:00 less a stop and two hops of 600 m from the station.
    assert [row["t_s"] for row in rows(log, "moves")][:2] == [seconds("7:40:05"), seconds("8:00") - 140.0]
    assert by_person[2]["pickup_s"] == seconds("7:40")
    sound(log)


def test_nobody_books_ahead_unless_people_do(tmp_path: Path) -> None:
    log = day(tmp_path, [trip(1, HOME, MILL, "8:00")])
    assert promises(log)[0]["t_s"] == seconds("8:00")


TRAIN = (run((CITY, "8:00"), (STATION, "8:10")),)


def test_who_comes_by_train_has_booked_on_board(tmp_path: Path) -> None:
    """The train is at the station at 8:10; booked at 7:58 for then, the vehicle is there at that moment."""
    log = day(tmp_path, [trip(1, CITY, HOME, "7:58")], trains=TRAIN)
    (promise,) = promises(log)
    assert (promise["t_s"], promise["ready_s"]) == (seconds("7:58"), seconds("8:10"))
    assert promise["pickup_s"] == seconds("8:10")
    assert rows(log, "trips")[0]["end_s"] == seconds("8:10") + 5.0 + 140.0
    log = day(tmp_path, [trip(1, CITY, HOME, "7:58")], trains=TRAIN, from_line=False)
    (promise,) = promises(log)
    assert (promise["t_s"], promise["pickup_s"]) == (seconds("8:10"), seconds("8:10") + HOP_S)
    sound(log)


def test_who_comes_by_a_late_train_has_booked_for_when_boards_say_that_it_arrives(tmp_path: Path) -> None:
    """It leaves at 8:04 instead of 8:00. The vehicle is there at 8:14, and has not waited for anybody."""
    delay_settings = {"on": True, "train_mean_min": 0.0, "cancelled_share": 0.0}
    with pytest.MonkeyPatch.context() as patch:
        late = "kera_mobility.services.transit.delays.late_s"
        patch.setattr(late, lambda settings, timetable, dice: np.array([240.0]))
        town = hamlet_town(tmp_path, trips=[trip(1, CITY, HOME, "7:58")], trains=TRAIN)
        ways = {"walk": {}, "rail": {"delays": delay_settings}, "on_demand": {}}
        log = live(scenario(ways, LIKED), town)
    found = [(row["person"], row["t_s"], row["ready_s"], row["pickup_s"]) for row in promises(log)]
    assert found == [(1, seconds("7:58"), seconds("8:14"), seconds("8:14"))]
    sound(log)


@pytest.mark.parametrize(("late_s", "picked_up"), [(120.0, True), (180.0, True), (181.0, False)])
def test_a_vehicle_holds_for_a_late_train_up_to_its_limit(tmp_path: Path, late_s: float, picked_up: bool) -> None:
    """Held 180 s; then the promise expires, and the person hears it on coming to the stop."""
    world, service, wish = stage(tmp_path, "7:58", hold_s=180.0)
    asked = wish(1, STATION, HOME)
    asked.ready_s = seconds("8:10")
    booking = service.book(asked)
    assert isinstance(booking, Booking)
    got = ride(world, service, booking, late_s=720.0 + late_s)
    world.env.run(until=seconds("9:00"))
    (outcome,) = got
    rider = booking.plan
    if picked_up:
        assert rider.pickup_s == seconds("8:10") + late_s
        assert (rider.end, outcome.refusal, outcome.wait_s) == ("ridden", None, 0.0)
    else:
        assert (rider.end, rider.cause) == ("expired", "late_rider")
        assert outcome.refusal == Refusal("expired", STATION)
        assert outcome.place == STATION


def test_holding_never_breaks_the_promise_to_another(tmp_path: Path) -> None:
    """Somebody aboard must be home by 8:06:05, 140 s and the 5 s of boarding after 8:03:40: no longer is waited."""
    depot = at(SCHOOL)
    world, service, wish = stage(tmp_path, hold_s=600.0, max_wait_s=100.0, detour_factor=1.0, depots=[depot])
    asked = wish(1, STATION, HOME)
    asked.ready_s = seconds("8:03")
    late = service.book(asked)
    world.env.run(until=seconds("8:01"))
    aboard = service.book(wish(2, SCHOOL, HOME))
    assert isinstance(late, Booking)
    assert isinstance(aboard, Booking)
    ride(world, service, late, late_s=3000.0)
    got = ride(world, service, aboard)
    world.env.run(until=seconds("10:00"))
    rider = aboard.plan
    assert rider.request.latest_arrival_s == seconds("8:01") + 100.0 + 5.0 + 200.0
    assert got[0].refusal is None
    assert rider.arrival_s == seconds("8:03:40") + 140.0
    assert (late.plan.end, late.plan.cause) == ("expired", "late_rider")


def test_a_batch_finds_what_greed_does_not(tmp_path: Path) -> None:
    """Two vehicles at the mill and two wishes in one round; what is promised at once is only ever made better."""
    trips = [trip(1, HOME, SCHOOL, "8:00:01"), trip(2, SCHOOL, HOME, "8:00:05"), trip(3, HOME, MILL, "8:00:10")]
    driven_m = {}
    for kind in ("insertion", "batch"):
        log = day(tmp_path, trips, vehicles=2, dispatch={"kind": kind}, max_wait_s=900.0)
        driven_m[kind] = sum(row["distance_m"] for row in rows(log, "moves") if row["cause"] != "depot")
        assert len(promises(log, end="ridden")) == 3
        sound(log)
    assert driven_m["batch"] <= driven_m["insertion"]


def test_a_broken_vehicle_puts_its_riders_off_and_another_keeps_its_promises(tmp_path: Path) -> None:
    """At 8:03 the first vehicle is on its way to the school with one aboard; the second fetches who waits at home."""
    world, service, wish = stage(tmp_path, vehicles=2)
    riding, waiting = service.book(wish(1, MILL, SCHOOL)), service.book(wish(2, SCHOOL, MILL))
    assert isinstance(riding, Booking)
    assert isinstance(waiting, Booking)
    assert (riding.vehicle, waiting.vehicle) == (0, 0)
    ride(world, service, riding)
    ride(world, service, waiting)
    world.env.run(until=seconds("8:01"))
    service._dispatcher.break_down(0)
    world.env.run(until=seconds("9:00"))
    assert (riding.plan.end, riding.plan.cause) == ("expired", "breakdown")
    assert (waiting.plan.end, waiting.plan.vehicle) == ("ridden", 1)
    assert waiting.plan.pickup_s <= waiting.plan.request.latest_pickup_s
    # 140 s from the mill to the school, where the vehicle was bound; it got there, and no further.
    assert riding.plan.arrival_s == seconds("8:00") + 5.0 + 140.0
    assert service.quote(wish(3, MILL, SCHOOL)) != Refusal("no_vehicle_in_time", MILL)


@pytest.mark.parametrize(
    ("topic", "reason"), [(ServiceClosed, "closed"), (BookingSuspended, "offline"), (Snowfall, "snow")]
)
def test_a_service_that_is_shut_promises_nothing_until_it_is_over(
    tmp_path: Path, topic: type[Notice], reason: str
) -> None:
    world, service, wish = stage(tmp_path, drives_in_snow=False)
    before = service.book(wish(1, HOME, MILL))
    assert isinstance(before, Booking)
    meant = "" if topic is Snowfall else "on_demand"
    world.post(topic(text="for a test", service=meant))
    answer = service.quote(wish(2, HOME, MILL))
    assert isinstance(answer, Refusal)
    assert answer.reason == reason
    assert before.plan.end == ("" if topic is BookingSuspended else "expired")
    world.post(topic(text="over", service=meant, ends=True))
    assert isinstance(service.quote(wish(2, HOME, MILL)), Offer)


def test_shut_streets_make_a_promise_late_and_the_log_says_so(tmp_path: Path) -> None:
    """Ten times as slow from 8:01 on: the way to the home was begun, and from there 20 + 10 x 120 s are left."""
    world, service, wish = stage(tmp_path)
    booking = service.book(wish(1, HOME, STATION))
    assert isinstance(booking, Booking)
    ride(world, service, booking)
    world.env.run(until=seconds("8:01"))
    slow = replace(world.streets, drive_s=world.streets.drive_s * 10.0)
    world.post(StreetsChanged(text="for a test", streets=service.town.streets, skims=slow))
    world.env.run(until=seconds("9:00"))
    (row,) = world.log.tables()["promises"].to_pylist()
    assert (row["pickup_s"], row["arrival_s"]) == (seconds("8:01:20"), seconds("8:01:25") + 1220.0)
    assert row["arrival_s"] > row["latest_arrival_s"]
    assert (row["end"], row["cause"]) == ("ridden", "streets")


def test_withdrawn_vehicles_come_back(tmp_path: Path) -> None:
    world, service, wish = stage(tmp_path, vehicles=1)
    world.post(FleetWithdrawn(text="for a test", service="on_demand"))
    answer = service.quote(wish(1, HOME, MILL))
    assert isinstance(answer, Refusal)
    assert answer.reason == "no_vehicle_in_time"
    world.post(FleetWithdrawn(text="over", service="on_demand", ends=True))
    assert isinstance(service.quote(wish(1, HOME, MILL)), Offer)


def test_people_expect_what_was_met_in_their_zone_and_hour(tmp_path: Path) -> None:
    """Before: half the longest wait. After a hundred rides that waited 60 s and rode 30 s longer: nearly that."""
    _, service, _ = stage(tmp_path)
    request = Requests(np.array([0]), np.array([HOME]), np.array([STATION]), np.array([seconds("8:00")]))
    before = service.expect(request)
    assert (before.wait_s[0], before.ride_s[0]) == (300.0, 145.0)
    met = Experience.none(int(service.town.zone.max()) + 1)
    zone = service.town.zone[HOME]
    met.requests[zone, 8] = met.served[zone, 8] = 100.0
    met.waited_s[zone, 8], met.detour_s[zone, 8] = 6000.0, 3000.0
    service.learn(met)
    after = service.expect(request)
    overall_s = (6000.0 + 10.0 * 300.0) / 110.0
    assert after.wait_s[0] == pytest.approx((6000.0 + 10.0 * overall_s) / 110.0, abs=1 / 64)
    detour_s = (3000.0 + 10.0 * 3000.0 / 110.0) / 110.0
    assert after.ride_s[0] == pytest.approx(145.0 + detour_s, abs=1 / 64)
    other = Requests(np.array([0]), np.array([HOME]), np.array([STATION]), np.array([seconds("15:00")]))
    assert service.expect(other).wait_s[0] == pytest.approx(overall_s, abs=1 / 64)


TRIP = st.tuples(st.sampled_from([HOME, MILL, STATION, SCHOOL]), st.integers(1, 3), st.integers(0, 5400))


@given(
    wanted=st.lists(TRIP, min_size=1, max_size=25),
    vehicles=st.integers(1, 3),
    seats=st.integers(1, 3),
    kind=st.sampled_from(["insertion", "batch", "nearest"]),
    breakdowns=st.sampled_from([0.0, 400.0]),
    wait_s=st.sampled_from([120.0, 300.0, 900.0]),
    ahead_s=st.sampled_from([0.0, 600.0]),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_on_any_day_no_promise_is_broken_but_by_a_breakdown(
    tmp_path: Path, wanted: list[tuple[int, int, int]], vehicles: int, seats: int, kind: str, breakdowns: float,
    wait_s: float, ahead_s: float,
) -> None:  # fmt: skip
    """Nor is anybody beyond the places of a vehicle, and whoever boards alights: the checker recomputes all of it."""
    trips = [
        trip(number, origin, (origin + step) % 4, seconds("7:30") + at_s)
        for number, (origin, step, at_s) in enumerate(wanted, start=1)
    ]
    log = day(
        tmp_path, trips, vehicles=vehicles, seats=seats, dispatch={"kind": kind}, max_wait_s=wait_s, ahead_s=ahead_s,
        breakdowns_per_1000_h=breakdowns, shifts=[{"start_s": seconds("7:00"), "end_s": seconds("12:00")}],
    )  # fmt: skip
    found = verdict(log.record, "on_demand")
    assert found.breaches == ()
    assert found.kept + found.declared + found.rider_late + found.called_off == found.promises
    if not breakdowns:
        assert found.kept == found.promises
    for row in promises(log):
        assert row["latest_pickup_s"] == row["ready_s"] + wait_s, "as the settings promise"
        longest_s = round_one_s(DETOUR * (row["direct_s"] - PERSON_S))
        assert row["latest_arrival_s"] == row["latest_pickup_s"] + PERSON_S + longest_s
    assert len(rows(log, "trips", outcome="arrived")) == len(trips), "who is refused or put off walks"
    legs = rows(log, "legs", service="on_demand")
    assert len([row for row in legs if row["ride_s"] > 0]) == len(
        [row for row in promises(log) if row["pickup_s"] == row["pickup_s"]]
    )


SMALL = (
    "town.people.residents=800", "town.people.jobs=300", "town.people.neighbours_within_m=600",
    "services.on_demand.vehicles=3", "services.on_demand.registered=1.0",
    "choice.constants.on_demand=0", "choice.feeder_constants.on_demand=0",
)  # fmt: skip
TRIAL = "configs/trials/on_demand.yaml"


@pytest.mark.parametrize("kind", ["insertion", "batch"])
def test_who_never_asked_is_not_missed(kind: str) -> None:
    """The removal law, where many are refused: people without a word to any limited service leave no gap."""
    trial = load_scenario(TRIAL, (*SMALL, f"services.on_demand.dispatch={{kind: {kind}}}"))
    base = simulate(trial, 3)
    tables = base.record.tables
    assert tables["refusals"].num_rows >= 50
    limited = tables["legs"].filter(pc.is_in(tables["legs"]["service"], pa.array(["on_demand", "rail"])))
    met = {one for table in (limited, tables["promises"], tables["refusals"]) for one in table["person"].to_pylist()}
    gone = sorted(set(tables["trips"]["person"].to_pylist()) - met)[::5][:60]
    assert len(gone) == 60
    less = simulate(trial, 3, without=gone).record.tables
    for name, table in tables.items():
        if "person" in table.column_names:
            table = table.filter(pc.invert(pc.is_in(table["person"], pa.array(gone, pa.int64()))))
        assert table_fingerprint(less[name]) == table_fingerprint(table), name


def test_all_figures_of_a_run_come_from_its_folder(tmp_path: Path) -> None:
    run = simulate(load_scenario(TRIAL, SMALL), 3)
    value = {kpi.id: kpi.value for kpi in run.kpis()}
    assert value["on_demand.promises.broken"] == 0
    assert value["on_demand.promises.kept"] == value["on_demand.rides"] == value["on_demand.bookings.ridden"]
    assert value["on_demand.vehicle_hours"] == 3 * 16.0
    assert value["on_demand.boardings_per_vehicle_hour"] == value["on_demand.rides"] / 48.0
    assert value["on_demand.operating_cost_eur"] == 48.0 * 55.0
    subsidy = (48.0 * 55.0 - value["on_demand.revenue_eur"]) / value["on_demand.rides"]
    assert value["on_demand.subsidy_eur_per_ride"] == pytest.approx(subsidy)
    assert 0 < value["on_demand.empty_share"] < 1
    assert value["on_demand.margin_s.pickup.p10"] >= 0
    assert value["on_demand.margin_s.arrival.p10"] >= 0
    assert value["on_demand.stop_wait_s.p50"] <= value["on_demand.stop_wait_s.p90"] <= 600.0
    folder = run.save(tmp_path / "run")
    kept = {kpi.id: kpi.value for kpi in compute(load_record(folder))}
    assert {name: one for name, one in kept.items() if name.startswith("on_demand.")} == {
        name: one for name, one in value.items() if name.startswith("on_demand.")
    }
