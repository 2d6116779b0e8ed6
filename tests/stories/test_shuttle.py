"""A shuttle as it is run, worked out by hand: timetable, trains, doors, wheelchairs, batteries, failures, notices.

From the mill to the station and back: 150 s each way at 4 m/s, 30 s at each stop, a lap of 360 s. By its headway it
leaves the mill at 6:00:30 and every ten minutes, and the station 180 s later.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError
from kera_mobility.results.events import KINDS
from kera_mobility.services.contract import Booking, Offer, Refusal
from kera_mobility.services.notices import (
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    PowerCut,
    RunLate,
    ServiceClosed,
    Snowfall,
)
from kera_mobility.services.shuttle.costs import ShuttleCosts, hour_eur
from kera_mobility.simulation.run import END_S, Run, live
from kera_mobility.town.town import Town
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    PLACES,
    SCHOOL,
    STATION,
    TRAINS,
    PersonRow,
    at,
    hamlet_timetable,
    hamlet_town,
    leg,
    live_services,
    person,
    rows,
    run,
    scenario,
    seconds,
    trip,
)

MEETS: dict[str, Any] = {"operation": {"kind": "meets_train", "timetable": "trains"}, "stops": [at(STATION), at(MILL)]}
"""Trains from the city arrive at 6:15 and every quarter of an hour; a minute later their passengers have come over."""
SURE = {"per_1000_km": 1000.0, "repair_s": 3600.0}
"""Fails on every hop of a kilometre or more."""
LONG_WAY = [at(MILL), at(SCHOOL), at(STATION)]
"""1,200 m and 300 s to the school, 600 m and 150 s to the station, 600 m and 150 s back: a lap of 690 s."""


def day(
    tmp_path: Path, shuttle: dict[str, Any], *trips: Any, people: tuple[PersonRow, ...] = (), **overrides: Any
) -> Run:
    town = hamlet_town(tmp_path, people=people, trips=trips)
    ways: dict[str, Any] = {"walk": {}, "shuttle": shuttle} | overrides.pop("ways", {})
    return live(scenario(ways, ("rail", "shuttle", "walk"), **overrides), town)


def only(matches: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(matches) == 1, matches
    return matches[0]


def kpis(log: Run) -> dict[str, float]:
    return {kpi.id.removeprefix("shuttle."): kpi.value for kpi in log.kpis() if kpi.id.startswith("shuttle.")}


class Stop:
    """A shuttle under way with nobody about but whom a test sends."""

    def __init__(self, tmp_path: Path, shuttle: dict[str, Any], now: str, people: int = 8) -> None:
        self.town: Town = hamlet_town(tmp_path, people=[person(number) for number in range(people)])
        self.world, services = live_services(scenario({"shuttle": shuttle}), self.town, now)
        self.shuttle: Any = services["shuttle"]
        self.got: dict[int, Any] = {}

    def ask(self, number: int, origin: int, destination: int) -> Offer | Refusal:
        answer: Offer | Refusal = self.shuttle.quote(leg(self.town, "shuttle", number, origin, destination))
        return answer

    def send(self, number: int, origin: int, destination: int) -> Offer | Refusal:
        """Let somebody book and ride from now on."""
        answer = self.shuttle.book(leg(self.town, "shuttle", number, origin, destination))
        if isinstance(answer, Refusal):
            self.got[number] = answer
            return answer
        assert isinstance(answer, Booking)

        def ride() -> Any:
            self.got[number] = yield from self.shuttle.ride(answer)

        self.world.env.process(ride())
        return answer.offer

    def until(self, clock: str | float) -> None:
        self.world.env.run(until=seconds(clock) + 1 / 64)

    def post(self, topic: type[Notice], **content: Any) -> None:
        self.world.post(topic(text=topic.topic, **({"service": "shuttle"} | content)))

    def end(self) -> None:
        self.world.env.run(until=END_S)
        self.shuttle.finish()

    def table(self, kind: str) -> list[dict[str, Any]]:
        table_rows: list[dict[str, Any]] = self.world.log.tables()[kind].to_pylist()
        return table_rows

    def lap(self, clock: str) -> dict[str, Any]:
        return only([lap for lap in self.table("laps") if lap["t_s"] == seconds(clock)])


# When laps begin


def test_a_timetable_says_when_the_shuttle_leaves(tmp_path: Path) -> None:
    shuttle = {"operation": {"kind": "timetable", "departures_s": [seconds("8:00"), seconds("9:00")]}}
    log = day(tmp_path, shuttle, trip(1, MILL, STATION, "8:10"))
    assert only(rows(log, "trips"))["end_s"] == seconds("9:02:30")
    assert only(rows(log, "legs"))["ride_s"] == 150.0
    assert [lap["left_s"] for lap in rows(log, "laps")] == [seconds("8:00"), seconds("9:00")]


def test_periods_have_their_own_headways(tmp_path: Path) -> None:
    periods = [
        {"first_s": seconds("7:00"), "last_s": seconds("7:20"), "headway_s": 600.0},
        {"first_s": seconds("8:00"), "last_s": seconds("9:59"), "headway_s": 3600.0},
    ]
    log = day(tmp_path, {"operation": {"kind": "timetable", "periods": periods}}, trip(1, MILL, STATION, "8:10"))
    departures_s = [lap["left_s"] for lap in rows(log, "laps")]
    assert departures_s == [seconds(clock) for clock in ("7:00", "7:10", "7:20", "8:00", "9:00")]


def test_departures_that_no_vehicle_is_free_for_are_a_fault(tmp_path: Path) -> None:
    # Back at 8:05:30, but to load for 8:05 from 8:04:30 on.
    shuttle = {"vehicles": 1, "operation": {"kind": "timetable", "departures_s": [seconds("8:00"), seconds("8:05")]}}
    with pytest.raises(ConfigError, match=r"vehicles: got 1, too few for 1 of the departures, the first at 08:05"):
        day(tmp_path, shuttle, trip(1, MILL, STATION, "8:10"))


def test_a_vehicle_works_its_hours_and_no_longer(tmp_path: Path) -> None:
    hours = [{"first_s": seconds("7:00"), "last_s": seconds("7:26")}, {"first_s": 0.0, "last_s": 0.0}]
    log = day(tmp_path, {"duties": hours}, trip(1, MILL, STATION, "8:00"))
    # Laps of 6 min from 7:00 on; the one of 7:20 is over at 7:26.
    assert [lap["t_s"] for lap in rows(log, "laps")] == [seconds(clock) for clock in ("7:00:30", "7:10:30", "7:20:30")]
    assert {lap["vehicle"] for lap in rows(log, "laps")} == {0}
    assert kpis(log)["vehicle_hours"] == pytest.approx((1200.0 + 330.0) / 3600.0)


def test_who_rested_longest_drives_the_next_lap(tmp_path: Path) -> None:
    departures = [seconds(clock) for clock in ("8:00", "8:20", "8:40")]
    shuttle = {"vehicles": 2, "operation": {"kind": "timetable", "departures_s": departures}}
    log = day(tmp_path, shuttle, trip(1, MILL, STATION, "8:00"))
    assert [lap["vehicle"] for lap in rows(log, "laps")] == [0, 1, 0]


# Trains


def test_it_leaves_when_the_passengers_of_a_train_have_walked_over(tmp_path: Path) -> None:
    log = day(tmp_path, MEETS, trip(1, CITY, MILL, "7:50"), ways={"rail": {}})
    ride = only(rows(log, "legs", service="shuttle"))
    # By train at 7:50, at the station at 8:00; the shuttle leaves at 8:01.
    assert (ride["t_s"], ride["wait_s"], ride["ride_s"]) == (seconds("8:00"), 60.0, 150.0)
    assert all(lap["t_s"] % 900.0 == 60.0 for lap in rows(log, "laps"))


def test_trains_that_are_not_there_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"operation: no vehicle|operation\.timetable: no train"):
        day(tmp_path, MEETS | {"stops": [at(HOME), at(MILL)]}, trip(1, MILL, STATION, "8:00"))
    with pytest.raises(ConfigError, match=r"operation\.timetable"):
        day(
            tmp_path,
            MEETS | {"operation": {"kind": "meets_train", "timetable": "ferries"}},
            trip(1, MILL, HOME, "8:00"),
        )


def the_train_of_eight(stop: Stop) -> int:
    timetable = stop.town.lines("trains").timetable
    return next(
        run
        for run in range(timetable.runs)
        if timetable.call_arrive_s[timetable.run_start[run] + 1] == seconds("8:00")
        and timetable.call_stop[timetable.run_start[run]] != timetable.call_stop[0]
    )


def late(stop: Stop, late_s: float) -> None:
    stop.post(RunLate, service="rail", run=the_train_of_eight(stop), late_s=late_s)


def test_it_waits_for_a_late_train_and_those_aboard_feel_it(tmp_path: Path) -> None:
    stop = Stop(tmp_path, MEETS, "7:57")
    early = stop.send(1, STATION, MILL)
    assert isinstance(early, Offer)
    assert early.wait_s == 240.0
    stop.until("7:58")
    late(stop, 120.0)
    stop.until("8:02:30")
    now_s = stop.world.env.now
    offer = stop.send(2, STATION, MILL)
    assert isinstance(offer, Offer)
    assert offer.wait_s == seconds("8:03") - now_s
    stop.end()
    assert stop.got[1].wait_s == 360.0
    assert stop.got[2].wait_s == offer.wait_s
    lap = stop.lap("8:01")
    assert (lap["left_s"], lap["held_s"], lap["held_aboard"], lap["saved"], lap["missed"]) == (
        seconds("8:03"), 120.0, 1, 1, 0,
    )  # fmt: skip


@pytest.mark.parametrize(("most_s", "late_s"), [(180.0, 300.0), (0.0, 60.0)])
def test_it_does_not_wait_longer_than_its_limit_and_the_connection_is_missed(
    tmp_path: Path, most_s: float, late_s: float
) -> None:
    stop = Stop(tmp_path, MEETS | {"operation": MEETS["operation"] | {"hold_most_s": most_s}}, "7:57")
    late(stop, late_s)
    stop.until(seconds("8:01") + late_s - 1.0)
    offer = stop.send(2, STATION, MILL)
    assert isinstance(offer, Offer)
    assert offer.wait_s == seconds("8:16") - stop.world.env.now
    stop.end()
    lap = stop.lap("8:01")
    assert (lap["left_s"], lap["held_s"], lap["saved"], lap["missed"]) == (seconds("8:01"), 0.0, 0, 1)


def test_a_notice_of_another_service_or_train_holds_nothing(tmp_path: Path) -> None:
    stop = Stop(tmp_path, MEETS, "7:57")
    stop.post(RunLate, service="bus", run=the_train_of_eight(stop), late_s=120.0)
    stop.post(RunLate, service="rail", run=the_train_of_eight(stop) - 1, late_s=120.0)
    stop.end()
    assert stop.lap("8:01")["left_s"] == seconds("8:01")


def test_it_waits_for_the_trains_that_the_railway_says_are_late(tmp_path: Path) -> None:
    """Trains are told to be late from a minute on; the shuttle waits for them up to three, and takes who was aboard."""
    trips = [trip(number, CITY, MILL, seconds("6:05") + 900.0 * number) for number in range(64)]
    rail = {"delays": {"on": True, "train_mean_min": 2.5, "cancelled_share": 0.0}}
    log = day(tmp_path, MEETS | {"seats": 9}, *trips, ways={"rail": rail})
    arrived = {
        row["t_s"] - row["depart_late_s"]: row["arrive_late_s"]
        for row in rows(log, "running", place=STATION)
        if row["step"] == 1
    }
    seen = Counter[str]()
    for lap in rows(log, "laps", end="driven"):
        late_s = arrived[lap["t_s"] - 60.0]
        waits = 60.0 < late_s <= 180.0
        assert lap["left_s"] - lap["t_s"] == lap["held_s"] == (late_s if waits else 0.0)
        assert lap["saved"] == waits
        # Nobody knows of a train that is less than a minute late; its passenger comes too late as well.
        assert lap["missed"] == (late_s > 180.0)
        seen["waits" if waits else "leaves" if late_s > 180.0 else "in time"] += 1
    assert min(seen.values()) > 5
    assert len(seen) == 3
    values = kpis(log)
    assert (values["connections.saved"], values["connections.missed"]) == (seen["waits"], seen["leaves"])


@pytest.mark.parametrize(
    ("operation", "words"),
    [({"service": "trams"}, "got 'trams', expected one of rail"), ({"timetable": "others"}, "expected 'trains'")],
)
def test_trains_that_do_not_run_are_a_fault(tmp_path: Path, operation: dict[str, Any], words: str) -> None:
    town = hamlet_town(tmp_path)
    hamlet_timetable(TRAINS[:2]).save(tmp_path / "timetables" / "others")
    trial = scenario({"rail": {}, "shuttle": MEETS | {"operation": MEETS["operation"] | operation}})
    with pytest.raises(ConfigError, match=words):
        live(trial, town)


def test_a_day_that_ends_before_it_begins_is_a_fault() -> None:
    for shuttle in ({"first_s": 80_000.0, "last_s": 30_000.0}, {"duties": [{"first_s": 80_000.0, "last_s": 30_000.0}]}):
        with pytest.raises(ValueError, match="expected at least first_s 80000"):
            scenario({"shuttle": shuttle})


def by_shuttle_to_the_train(tmp_path: Path, hold_s: float) -> Run:
    """Four go by the shuttle of 8:09 to the train of 8:15, and find it 150 s late: nine board, 30 s each."""
    trips = [trip(number, MILL, CITY, "8:08:30") for number in range(4)]
    trips += [trip(number, MILL, SCHOOL, "8:08:45") for number in range(4, 9)]
    trips += [trip(9, STATION, CITY, "8:14")]
    shuttle = {
        "seats": 9, "vehicles": 1, "dwell": {"stop_s": 0.0, "person_s": 30.0},
        "operation": {"kind": "timetable", "departures_s": [seconds("8:09")]},
    }  # fmt: skip
    delays = {"on": True, "train_mean_min": 0.0, "cancelled_share": 0.0, "connection_hold_s": hold_s}
    trains = [run((STATION, clock), (CITY, seconds(clock) + 600.0)) for clock in ("8:15", "8:30")]
    ways: dict[str, Any] = {"walk": {}, "shuttle": shuttle, "rail": {"delays": delays}}
    return live(scenario(ways, ("rail", "shuttle", "walk")), hamlet_town(tmp_path, trips=trips, trains=trains))


def test_a_train_waits_for_a_late_shuttle_and_those_aboard_feel_it(tmp_path: Path) -> None:
    """Left at 8:13, at the station at 8:15:30: the train leaves then, and is half a minute late for everyone."""
    log = by_shuttle_to_the_train(tmp_path, 30.0)
    changes = rows(log, "connections")
    assert [(row["person"], row["t_s"], row["end"], row["lost_s"]) for row in changes] == [
        (number, seconds("8:15:30"), "saved", 30.0) for number in range(4)
    ]
    assert [row["held_s"] for row in rows(log, "running", run=0)] == [30.0, 0.0]
    assert {row["end_s"] for row in rows(log, "trips") if row["destination"] == CITY} == {seconds("8:25:30")}


def test_a_train_does_not_wait_for_a_shuttle_that_comes_after_its_limit(tmp_path: Path) -> None:
    log = by_shuttle_to_the_train(tmp_path, 29.0)
    assert [(row["end"], row["lost_s"]) for row in rows(log, "connections")] == [("missed", 900.0)] * 4
    assert not any(row["held_s"] for row in rows(log, "running"))
    late = [row["end_s"] for row in rows(log, "trips") if row["destination"] == CITY and row["person"] < 4]
    assert late == [seconds("8:40")] * 4


def test_no_train_waits_where_trains_do_not(tmp_path: Path) -> None:
    log = by_shuttle_to_the_train(tmp_path, 0.0)
    assert not rows(log, "connections")
    assert not any(row["held_s"] for row in rows(log, "running"))


# Doors


def test_a_stop_takes_as_long_as_people_need_and_the_timetable_makes_up_for_it(tmp_path: Path) -> None:
    # Five come at 8:00:30: 3 s each. At the station 20 s and 3 s each: from 8:03:15 to 8:03:50. Back at 8:06:20.
    shuttle = {"seats": 9, "vehicles": 1, "dwell": {"stop_s": 20.0, "person_s": 3.0}}
    log = day(tmp_path, shuttle, *(trip(number, MILL, STATION, "8:00:30") for number in range(5)))
    calls = [call["t_s"] for call in rows(log, "calls") if seconds("8:00") < call["t_s"] < seconds("8:20")]
    assert calls == [seconds(clock) for clock in ("8:00:45", "8:03:50", "8:10:30", "8:13:30")]
    assert {(ride["wait_s"], ride["ride_s"]) for ride in rows(log, "legs")} == {(15.0, 150.0)}


def test_who_waits_when_it_comes_boards_within_the_planned_time(tmp_path: Path) -> None:
    shuttle = {"seats": 9, "dwell": {"stop_s": 20.0, "person_s": 3.0}}
    log = day(tmp_path, shuttle, *(trip(number, STATION, MILL, "8:00") for number in range(3)))
    # At the station from 8:03 to 8:03:30; 20 s and three times 3 s are less.
    assert {ride["wait_s"] for ride in rows(log, "legs")} == {210.0}


def test_without_the_key_doors_take_what_was_planned(tmp_path: Path) -> None:
    log = day(tmp_path, {"seats": 9}, *(trip(number, MILL, STATION, "8:00:30") for number in range(5)))
    assert {ride["wait_s"] for ride in rows(log, "legs")} == {0.0}
    assert not rows(log, "laps")


def test_a_late_vehicle_is_offered_at_the_time_when_it_will_come(tmp_path: Path) -> None:
    stop = Stop(tmp_path, {"seats": 9, "dwell": {"stop_s": 20.0, "person_s": 30.0}}, "8:00:30")
    for number in range(4):
        stop.send(number, MILL, STATION)
    stop.until("8:02:30")
    # Left at 8:02:30 instead of 8:00:30; it reaches the station at 8:05, and no sooner does it leave.
    offer = stop.ask(5, STATION, MILL)
    assert isinstance(offer, Offer)
    assert offer.wait_s == seconds("8:05") - stop.world.env.now
    stop.send(5, STATION, MILL)
    stop.end()
    # Four alight: 20 s + 4 x 30 s, and one boards: 30 s; left at 8:07:50, at the mill at 8:10:20.
    assert stop.got[5].wait_s + stop.got[5].ride_s == seconds("8:10:20") - seconds("8:02:30") - 1 / 64


# Wheelchairs

ALL_NEED = {"share": 1.0, "places": 1, "ramp_s": 60.0}


def test_a_second_wheelchair_is_refused_and_the_ramp_takes_time(tmp_path: Path) -> None:
    shuttle = {"seats": 9, "patience": 0, "wheelchair": ALL_NEED}
    trips = trip(1, MILL, STATION, "8:00:30"), trip(2, MILL, STATION, "8:00:30")
    log = day(tmp_path, shuttle, *trips)
    assert only(rows(log, "refusals"))["reason"] == "no_wheelchair_place"
    ride = only(rows(log, "legs", service="shuttle"))
    assert (ride["person"], ride["wait_s"], ride["ride_s"]) == (1, 60.0, 150.0)


def test_with_patience_the_place_is_in_the_next_shuttle(tmp_path: Path) -> None:
    trips = trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "8:00")
    log = day(tmp_path, {"seats": 9, "wheelchair": ALL_NEED}, *trips)
    # The ramp for the first is in at 8:01; the second has been in since the vehicle came back, and leaves in time.
    assert [ride["wait_s"] for ride in rows(log, "legs")] == [60.0, 630.0]


def test_without_reservation_the_second_wheelchair_stays_at_the_stop(tmp_path: Path) -> None:
    shuttle = {"seats": 9, "patience": 0, "wheelchair": ALL_NEED, "reserved_seats": False}
    log = day(tmp_path, shuttle, trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "8:00"))
    assert only(rows(log, "refusals"))["reason"] == "no_wheelchair_place"
    assert sum(call["left_behind"] for call in rows(log, "calls")) == 1


def test_nobody_needs_the_place_where_the_share_is_none(tmp_path: Path) -> None:
    shuttle = {"seats": 9, "patience": 0, "wheelchair": ALL_NEED | {"share": 0.0}}
    log = day(tmp_path, shuttle, trip(1, MILL, STATION, "8:00:30"), trip(2, MILL, STATION, "8:00:30"))
    assert [ride["wait_s"] for ride in rows(log, "legs")] == [0.0, 0.0]


# Batteries: a lap of 1.2 km takes 3 kWh of 10; 2 kWh must stay

SMALL = {"battery_kwh": 10.0, "energy_kwh_per_km": 2.5, "charge_kw": 0.0, "reserve_charge": 0.2}


def test_a_vehicle_drives_until_its_reserve_and_then_stands(tmp_path: Path) -> None:
    log = day(tmp_path, {"battery": SMALL}, trip(1, MILL, STATION, "6:20"))
    ends = [lap["end"] for lap in rows(log, "laps")]
    # Full, 0.7 and 0.4 after two laps: the next would leave 0.1.
    assert ends[:2] == ["driven", "driven"]
    assert set(ends[2:]) == {"low_battery"}
    assert [move["charge"] for move in rows(log, "moves", cause="run")] == [pytest.approx(0.7), pytest.approx(0.4)]
    assert only(log.record.vehicles.to_pylist()[:1])["end_charge"] == pytest.approx(0.4)
    assert only(rows(log, "refusals"))["reason"] == "no_departure"
    assert kpis(log)["laps.lost.low_battery"] == len(ends) - 2


def test_it_charges_while_it_rests_at_the_terminal(tmp_path: Path) -> None:
    # At 30 kW from 6:06 to 6:10:30: 2.25 kWh, so 0.7 + 0.225 and no lap is lost until the vehicle is too low.
    log = day(tmp_path, {"battery": SMALL | {"charge_kw": 30.0}}, trip(1, MILL, STATION, "6:20"))
    charged = rows(log, "moves", cause="charge")
    assert (charged[0]["t_s"], charged[0]["end_s"]) == (seconds("6:06"), seconds("6:10:30"))
    assert charged[0]["charge"] == pytest.approx(0.925)
    assert charged[1]["charge"] == pytest.approx(0.925 - 0.3 + 0.225)
    assert rows(log, "legs")[0]["service"] == "shuttle"


def test_a_skipped_lap_is_time_to_charge(tmp_path: Path) -> None:
    # 0.4 after two laps; at 6 kW 0.01 a minute: 0.5 is there after ten minutes more, for the lap of 6:30:30.
    log = day(tmp_path, {"battery": SMALL | {"charge_kw": 6.0}}, trip(1, MILL, STATION, "6:00"))
    # Rests: 6:06 to 6:10:30 gives 0.045; then 0.445 at 6:16, 0.49 at 6:20:30, 0.59 at 6:30:30.
    assert [lap["end"] for lap in rows(log, "laps")][:4] == ["driven", "driven", "low_battery", "driven"]


def test_frost_takes_more(tmp_path: Path) -> None:
    # 0.45 a lap: after the first 0.55 are left, less than 0.65.
    log = day(tmp_path, {"battery": SMALL, "energy_factor": 1.5}, trip(1, MILL, STATION, "6:00"))
    assert [lap["end"] for lap in rows(log, "laps")].count("driven") == 1


def test_without_power_at_the_terminal_nothing_is_charged(tmp_path: Path) -> None:
    stop = Stop(tmp_path, {"battery": SMALL | {"charge_kw": 30.0}}, "6:07:30")
    stop.post(PowerCut, place=MILL, service="")
    stop.until("6:09")
    stop.post(PowerCut, place=MILL, service="", ends=True)
    stop.until("6:11")
    first = next(move for move in stop.table("moves") if move["cause"] == "charge")
    # 90 s before and 90 s after, less 1/64 s.
    assert first["charge"] == pytest.approx(0.7 + 180.0 * 30.0 / 3600.0 / 10.0, abs=1e-4)
    other = Stop(tmp_path / "2", {"battery": SMALL | {"charge_kw": 30.0}}, "6:07:30")
    other.post(PowerCut, place=STATION, service="")
    other.until("6:11")
    assert next(move for move in other.table("moves") if move["cause"] == "charge")["charge"] == pytest.approx(0.925)


# Failures


def test_riders_of_a_broken_vehicle_are_set_down_at_the_next_stop(tmp_path: Path) -> None:
    shuttle = {"stops": LONG_WAY, "breakdowns": SURE, "fare_eur": 2.0, "headway_s": 800.0}
    trips = trip(1, MILL, STATION, "6:00"), trip(2, MILL, SCHOOL, "6:00")
    log = day(tmp_path, shuttle, *trips)
    # Left at 6:00:30, at the school at 6:05:30. Who wanted to go there is there; the other stands there, unpaid.
    refusal = rows(log, "refusals", person=1)[0]
    assert (refusal["reason"], refusal["place"], refusal["t_s"]) == ("broken", SCHOOL, seconds("6:05:30"))
    assert rows(log, "bookings", person=1)[0]["end"] == "expired"
    ridden = rows(log, "legs", person=1)[0]
    assert (ridden["destination"], ridden["ride_s"], ridden["ride_m"], ridden["fare_eur"]) == (
        SCHOOL,
        300.0,
        1200.0,
        0.0,
    )
    assert only(rows(log, "bookings", person=2))["end"] == "ridden"
    assert only(rows(log, "trips", person=2))["end_s"] == seconds("6:05:30")


def test_laps_are_lost_until_the_vehicle_is_repaired_or_a_spare_one_has_come(tmp_path: Path) -> None:
    shuttle = {"stops": LONG_WAY, "breakdowns": SURE, "headway_s": 800.0}
    log = day(tmp_path, shuttle, trip(1, HOME, MILL, "12:00"))
    # Broken at 6:05:30, repaired at 7:05:30; laps at 6:13:50, ... 7:07:10 (every 800 s): the sixth goes.
    ends = [lap["end"] for lap in rows(log, "laps")]
    assert ends[:7] == ["broken"] * 7
    assert [lap["left_s"] for lap in rows(log, "laps") if lap["left_s"] == lap["left_s"]][:2] == [
        seconds("6:00:30"), seconds("7:07:10"),
    ]  # fmt: skip
    spare = SURE | {"spares": 1, "spare_s": 300.0}
    log = day(tmp_path, shuttle | {"breakdowns": spare}, trip(1, HOME, MILL, "12:00"))
    departures = [(lap["vehicle"], lap["left_s"]) for lap in rows(log, "laps") if lap["left_s"] == lap["left_s"]]
    # The spare vehicle stands at the mill at 6:10:30, in time for 6:13:50, and breaks like the first.
    assert departures[:2] == [(0, seconds("6:00:30")), (2, seconds("6:13:50"))]
    assert len(log.record.vehicles.to_pylist()) == 3


def test_a_promise_of_a_later_lap_expires_when_the_vehicle_breaks(tmp_path: Path) -> None:
    shuttle = {"stops": LONG_WAY, "breakdowns": SURE, "seats": 1, "headway_s": 800.0}
    log = day(tmp_path, shuttle, trip(1, MILL, SCHOOL, "6:00"), trip(2, MILL, SCHOOL, "6:00"))
    # The second has a seat at 6:13:50, and learns at 6:05:30 that nothing will come.
    booking = rows(log, "bookings", person=2)[0]
    assert (booking["end"], booking["end_s"]) == ("expired", seconds("6:05:30"))
    refusal = rows(log, "refusals", person=2)[0]
    assert (refusal["reason"], refusal["t_s"], refusal["place"]) == ("broken", seconds("6:05:30"), MILL)


def test_no_failures_where_none_are_said(tmp_path: Path) -> None:
    log = day(tmp_path, {"stops": LONG_WAY, "breakdowns": SURE | {"per_1000_km": 0.0}}, trip(1, MILL, SCHOOL, "6:00"))
    assert {lap["end"] for lap in rows(log, "laps")} == {"driven"}


# Notices


def test_a_closed_shuttle_refuses_and_sets_down_at_the_next_stop(tmp_path: Path) -> None:
    stop = Stop(tmp_path, {"stops": LONG_WAY, "headway_s": 800.0}, "6:00")
    stop.send(1, MILL, STATION)
    stop.until("6:02")
    stop.post(ServiceClosed)
    assert stop.ask(2, MILL, STATION) == Refusal("closed", MILL)
    stop.until("6:06")
    assert stop.got[1].refusal == Refusal("closed", SCHOOL)
    stop.post(ServiceClosed, ends=True)
    offer = stop.ask(2, MILL, SCHOOL)
    assert isinstance(offer, Offer)
    assert offer.wait_s == seconds("6:13:50") - stop.world.env.now


def test_whose_lap_is_closed_learns_it_at_once(tmp_path: Path) -> None:
    stop = Stop(tmp_path, {}, "6:01")
    stop.send(1, MILL, STATION)
    stop.until("6:02")
    stop.post(ServiceClosed)
    stop.until("6:02:30")
    assert stop.got[1].refusal == Refusal("closed", MILL)
    assert only(stop.table("bookings"))["end"] == "expired"


def test_lines_of_another_name_are_not_the_shuttle(tmp_path: Path) -> None:
    stop = Stop(tmp_path, {}, "6:01")
    stop.post(ServiceClosed, lines=("T",))
    stop.post(ServiceClosed, service="rail")
    assert isinstance(stop.ask(1, MILL, STATION), Offer)


def test_an_operator_offline_takes_nobody_new_and_carries_who_has_booked(tmp_path: Path) -> None:
    stop = Stop(tmp_path, {}, "6:05")
    stop.send(1, MILL, STATION)
    stop.post(BookingSuspended)
    assert stop.ask(2, MILL, STATION) == Refusal("offline", MILL)
    stop.until("6:30")
    assert stop.got[1].refusal is None
    stop.post(BookingSuspended, ends=True)
    assert isinstance(stop.ask(2, MILL, STATION), Offer)


@pytest.mark.parametrize("robot", [True, False])
def test_only_robots_stop_in_heavy_snow(tmp_path: Path, robot: bool) -> None:
    stop = Stop(tmp_path, {"stops_in_snow": robot}, "6:05")
    stop.post(Snowfall)
    answer = stop.ask(1, MILL, STATION)
    assert answer == Refusal("snow", MILL) if robot else isinstance(answer, Offer)


def test_half_of_the_vehicles_withdrawn_is_half_of_the_laps(tmp_path: Path) -> None:
    shuttle = {"vehicles": 2, "headway_s": 300.0}
    stop = Stop(tmp_path, shuttle, "6:59")
    stop.post(FleetWithdrawn, part=0.5)
    stop.until("8:00")
    stop.post(FleetWithdrawn, ends=True)
    stop.end()
    between = [lap for lap in stop.table("laps") if seconds("7:00") < lap["t_s"] < seconds("8:00")]
    assert Counter(lap["end"] for lap in between) == {"driven": 6, "no_vehicle": 6}
    assert len({lap["vehicle"] for lap in between if lap["end"] == "driven"}) == 1
    after = [lap["end"] for lap in stop.table("laps") if lap["t_s"] > seconds("8:00")]
    assert set(after) == {"driven"}


def test_who_plans_anew_expects_nothing_of_a_shuttle_that_is_shut(tmp_path: Path) -> None:
    shut = [{"kind": "operator_offline", "service": "shuttle", "start_s": seconds("7:00"), "end_s": seconds("9:00")}]
    log = day(tmp_path, {}, trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "9:30"), disturbances=shut)
    assert [leg["service"] for leg in rows(log, "legs")] == ["walk", "shuttle"]
    assert not rows(log, "refusals")


# Money


def test_holders_of_a_season_ticket_ride_free_if_the_operator_says_so(tmp_path: Path) -> None:
    people = person(1), person(2, season_ticket=True)
    shuttle = {"seats": 9, "fare_eur": 3.0, "season_ticket_rides_free": True}
    trips = trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "8:00")
    assert [row["fare_eur"] for row in rows(day(tmp_path, shuttle, *trips, people=people), "legs")] == [3.0, 0.0]
    shuttle["season_ticket_rides_free"] = False
    assert [row["fare_eur"] for row in rows(day(tmp_path, shuttle, *trips, people=people), "legs")] == [3.0, 3.0]


def test_a_day_costs_its_hours_and_kilometres(tmp_path: Path) -> None:
    # Two laps of 1.2 km, from 8:00 to the end of the second at 9:05:30.
    departures = {"kind": "timetable", "departures_s": [seconds("8:00"), seconds("9:00")]}
    costs = {
        "vehicle_hour_eur": 50.0, "driver_hour_eur": 40.0, "safety_operator_hour_eur": 30.0, "vehicle_km_eur": 1.0,
        "vehicles_per_remote_operator": 3.0,
    }  # fmt: skip
    shuttle = {"operation": departures, "vehicles": 1, "costs": costs, "crew": "safety_operator", "fare_eur": 2.0}
    values = kpis(day(tmp_path, shuttle, trip(1, MILL, STATION, "8:00"), trip(2, MILL, STATION, "8:00")))
    hours, km = (3600.0 + 330.0) / 3600.0, 2.4
    assert values["vehicle_hours"] == pytest.approx(hours)
    assert values["operating_cost_eur"] == values["operating_cost_eur.safety_operator"]
    for crew, rate_eur in (("driver", 50.0), ("safety_operator", 40.0), ("remote", 20.0)):
        assert values[f"operating_cost_eur.{crew}"] == pytest.approx(hours * rate_eur + km)
        assert values[f"subsidy_eur_per_ride.{crew}"] == pytest.approx((hours * rate_eur + km - 4.0) / 2.0)
    assert values["boardings_per_vehicle_hour"] == pytest.approx(2.0 / hours)
    # Two people 600 m each, of two seats for 2.4 km; of four stretches three are empty.
    assert values["passenger_km_per_seat_km"] == pytest.approx(1.2 / 4.8)
    assert values["empty_share"] == 0.75
    assert (values["wait_s.p50"], values["wait_s.p90"]) == (0.0, 0.0)


def test_a_bus_with_its_driver_costs_what_its_source_says() -> None:
    costs = ShuttleCosts().model_dump()
    assert 10.0 * hour_eur(costs, "driver") + 100.0 * costs["vehicle_km_eur"] == pytest.approx(507.9 + 74.0)


def test_waiting_and_who_was_saved_are_counted(tmp_path: Path) -> None:
    log = day(tmp_path, MEETS | {"seats": 9}, trip(1, STATION, MILL, "8:00"))
    values = kpis(log)
    assert (values["holding_min"], values["connections.saved"], values["connections.missed"]) == (0.0, 0.0, 0.0)
    assert values["laps.planned"] == len(rows(log, "laps"))


# Laws


@st.composite
def trials(draw: Any) -> dict[str, Any]:
    """Return a shuttle on which everything is short and much goes wrong."""
    among = st.sampled_from
    parts: dict[str, Any] = {
        "dwell": {"stop_s": draw(among([0.0, 20.0])), "person_s": draw(among([3.0, 40.0]))},
        "wheelchair": {"share": draw(among([0.2, 1.0])), "places": draw(among([0, 1])), "ramp_s": 45.0},
        "battery": SMALL | {"charge_kw": draw(among([0.0, 6.0, 30.0])), "reserve_charge": draw(among([0.0, 0.2]))},
        "breakdowns": {
            "per_1000_km": draw(among([100.0, 500.0])), "repair_s": 1500.0, "spares": draw(among([0, 1])),
            "spare_s": 400.0,
        },
    }  # fmt: skip
    chosen = {name: parts[name] for name in draw(st.sets(among(sorted(parts))))}
    meets = draw(st.booleans())
    stops = [at(STATION), at(MILL), at(SCHOOL)] if meets else [at(MILL), at(STATION), at(SCHOOL)]
    return chosen | {
        "stops": stops, "vehicles": 3, "seats": draw(among([1, 2, 4])), "patience": draw(among([0, 1])),
        "reserved_seats": draw(st.booleans()), "stops_in_snow": draw(st.booleans()), "headway_s": 600.0,
        "operation": MEETS["operation"] if meets else {"kind": "headway"},
    }  # fmt: skip


@st.composite
def troubles(draw: Any) -> list[dict[str, Any]]:
    about: dict[str, dict[str, Any]] = {
        "rail_closed": {"service": "shuttle"},
        "operator_offline": {"service": "shuttle"},
        "heavy_snow": {"services": ["shuttle"]},
        "fleet_halved": {"service": "shuttle"},
        "hub_without_power": {"place": at(MILL)},
    }
    disturbances = []
    for kind in sorted(draw(st.sets(st.sampled_from(sorted(about)), max_size=3))):
        start_s = seconds("6:30") + 97.0 * draw(st.integers(0, 60))
        disturbances.append(
            {"kind": kind, **about[kind], "start_s": start_s, "end_s": start_s + 131.0 * draw(st.integers(1, 40))}
        )
    return disturbances


@st.composite
def crowds(draw: Any) -> list[Any]:
    """Return people who want to go somewhere within two hours, by a lot of their own: few draws, many people."""
    lot, places = Dice.of(draw(st.integers(0, 10_000))), (MILL, STATION, SCHOOL, HOME)
    trips = []
    for number in range(draw(st.sampled_from([2, 15, 40, 40]))):
        first, step, moment = (lot.uniform(number, address) for address in ("from", "to", "when"))
        origin = int(4 * first)
        destination = places[(origin + 1 + int(3 * step)) % 4]
        trips.append(trip(number, places[origin], destination, seconds("6:30") + 30.0 * int(200 * moment)))
    return trips


def assert_lawful(log: Run, shuttle: dict[str, Any]) -> None:
    promises = rows(log, "bookings", service="shuttle")
    keys = [(row["person"], row["trip"], row["leg"], row["step"]) for row in promises]
    assert len(set(keys)) == len(keys)
    assert {row["end"] for row in promises} <= {"ridden", "cancelled", "expired"}
    ridden = Counter(row["end"] for row in promises)["ridden"]
    legs = rows(log, "legs", service="shuttle")
    aboard: Counter[int] = Counter()
    for call in sorted(rows(log, "calls", service="shuttle"), key=lambda call: call["t_s"]):
        aboard[call["run"]] += call["boarded"] - call["alighted"]
        assert 0 <= call["aboard"] == aboard[call["run"]] <= shuttle["seats"]
    assert not any(aboard.values()), "somebody never got off"
    boarded = sum(call["boarded"] for call in rows(log, "calls", service="shuttle"))
    assert boarded == sum(row["ride_s"] > 0 for row in legs) >= ridden
    refused = {(row["person"], row["trip"], row["leg"]) for row in rows(log, "refusals", service="shuttle")}
    assert boarded - ridden <= len(refused)
    for lap in rows(log, "laps"):
        assert 0.0 <= lap["held_s"] <= 180.0
        assert lap["end"] == "driven" or lap["end"] in {
            "broken", "low_battery", "closed", "snow", "no_vehicle", "not_due",
        }  # fmt: skip
    charges = [move["charge"] for move in rows(log, "moves", service="shuttle")]
    assert all(math.isnan(charge) != ("battery" in shuttle) for charge in charges)
    assert all(0.0 <= charge <= 1.0 for charge in charges if "battery" in shuttle)
    assert all(row["outcome"] in ("arrived", "unserved") for row in rows(log, "trips"))


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(trials(), troubles(), crowds(), st.integers(0, 1000))
def test_every_promise_ends_once_and_nobody_is_lost_through_failures_and_closures(
    shuttle: dict[str, Any], shut: list[dict[str, Any]], trips: list[Any], seed: int
) -> None:
    with TemporaryDirectory() as folder:
        town = hamlet_town(Path(folder), trips=trips)
        trial = scenario({"walk": {}, "shuttle": shuttle}, ("shuttle", "walk"), disturbances=shut)
        assert_lawful(live(trial, town, seed), shuttle)


def test_the_drawn_days_hold_what_the_laws_are_about() -> None:
    """The laws would hold on empty days too: see that laps are lost, people set down, and refused for every reason."""
    seen: Counter[str] = Counter()

    @settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(trials(), troubles(), crowds(), st.integers(0, 1000))
    def look(shuttle: dict[str, Any], shut: list[dict[str, Any]], trips: list[Any], seed: int) -> None:
        with TemporaryDirectory() as folder:
            town = hamlet_town(Path(folder), trips=trips)
            log = live(scenario({"walk": {}, "shuttle": shuttle}, ("shuttle", "walk"), disturbances=shut), town, seed)
        seen.update(f"lap {row['end']}" for row in rows(log, "laps"))
        seen.update(row["reason"] for row in rows(log, "refusals", service="shuttle"))
        seen.update(row["end"] for row in rows(log, "bookings"))
        short = [row for row in rows(log, "legs", service="shuttle") if row["ride_s"] > 0 and row["fare_eur"] == 0]
        seen.update("set down" for _ in short)

    look()
    laps = {f"lap {end}" for end in ("driven", "broken", "low_battery", "closed", "snow", "no_vehicle")}
    reasons = {"full", "no_wheelchair_place", "broken", "closed", "ridden", "expired", "set down"}
    assert laps | reasons <= set(seen), (laps | reasons) - set(seen)


def test_somebody_who_asked_nothing_of_the_shuttle_is_not_missed(tmp_path: Path) -> None:
    """Walkers are taken away; everyone else's rows stay the same, through failures, ramps and low batteries."""
    trips = [trip(number, MILL, STATION, 21_600.0 + 40.0 * number) for number in range(60)]
    trips += [trip(number, HOME, CITY, 21_600.0) for number in range(100, 110)]
    shuttle = {
        "seats": 2, "dwell": {}, "wheelchair": {"share": 0.3}, "battery": SMALL | {"charge_kw": 10.0},
        "breakdowns": {"per_1000_km": 100.0, "repair_s": 900.0},
    }  # fmt: skip
    trial = scenario({"walk": {}, "shuttle": shuttle, "car": {}}, ("shuttle", "walk"))
    town = hamlet_town(tmp_path, trips=trips)
    everyone, fewer = live(trial, town), live(trial, town.without(range(100, 110)))
    for kind in KINDS:
        kept = [row for row in everyone.record.tables[kind].to_pylist() if row.get("person", 0) < 100]
        assert str(kept) == str(fewer.record.tables[kind].to_pylist()), kind
    assert {"broken", "low_battery"} & {lap["end"] for lap in rows(everyone, "laps")}
    assert set(PLACES) >= {call["place"] for call in rows(everyone, "calls")}
