"""Late, cancelled and closed runs of lines, and what becomes of riders and their connections."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kera_mobility.dice import Dice
from kera_mobility.results.events import KINDS, EventLog, table_fingerprint
from kera_mobility.results.kpis import compute
from kera_mobility.services.contract import Booking, Requests
from kera_mobility.services.notices import ServiceClosed
from kera_mobility.services.stops.operation import RideEnd
from kera_mobility.services.transit import delays
from kera_mobility.services.transit.delays import DelaySettings
from kera_mobility.services.transit.operation import MinimumDwell, RunConditions, TransitOperation
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S, Run, live
from kera_mobility.town.timetable.timetable import Timetable
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
    TRAINS,
    RunRow,
    TripRow,
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

QUARTERS = tuple(run((STATION, 28_800.0 + 900.0 * k), (CITY, 29_400.0 + 900.0 * k)) for k in range(4))
"""To the city at 8:00, 8:15, 8:30 and 8:45, 10 min each."""
CHANGE = (
    run((MILL, "8:00"), (STATION, "8:05")),
    run((STATION, "8:08"), (CITY, "8:18")),
    run((STATION, "8:23"), (CITY, "8:33")),
)
"""To the city by changing at the station, with 3 min to do it; 90 s are needed."""
NOBODY = np.zeros(0)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a way to say how late each run is, and which are cancelled, instead of drawing it."""

    def say(*late_s: float, cancelled: Sequence[int] = ()) -> None:
        def of(runs: int) -> np.ndarray[Any, Any]:
            return np.array([*late_s, *[0.0] * (runs - len(late_s))])

        monkeypatch.setattr(delays, "late_s", lambda settings, timetable, dice: of(timetable.runs))
        gone = lambda timetable: np.isin(np.arange(timetable.runs), cancelled)  # noqa: E731
        monkeypatch.setattr(delays, "cancelled", lambda settings, timetable, dice: gone(timetable))

    return say


def day(tmp_path: Path, trips: Sequence[TripRow], trains: Sequence[RunRow], **delays: Any) -> Run:
    """Return a day on which people take the train from the stop where they are, for they walk very slowly."""
    rail = {"delays": {"on": True, **delays}}
    return live(
        scenario({"walk": {"walk_speed_m_s": 0.3}, "rail": rail}, prefer=("rail",)),
        hamlet_town(tmp_path, trips=trips, trains=trains),
    )


def kpis(run: Run) -> dict[str, float]:
    return {kpi.id: kpi.value for kpi in compute(run.record)}


# By hand, on the hamlet.


def test_who_waits_for_a_late_train_keeps_waiting(tmp_path: Path, late: Callable[..., None]) -> None:
    late(300.0)
    today = day(tmp_path, [trip(1, STATION, CITY, "7:50")], QUARTERS)
    (leg,) = rows(today, "legs", service="rail")
    assert (leg["wait_s"], leg["ride_s"]) == (900.0, 600.0)
    assert rows(today, "trips")[0]["end_s"] == seconds("8:15")


def test_boards_show_the_late_train_to_who_comes_after_its_time(tmp_path: Path, late: Callable[..., None]) -> None:
    late(300.0)
    today = day(tmp_path, [trip(1, STATION, CITY, "8:02")], QUARTERS)
    assert rows(today, "trips")[0]["end_s"] == seconds("8:15")


def test_who_stands_at_the_platform_takes_what_arrives_first_today(tmp_path: Path, late: Callable[..., None]) -> None:
    late(1200.0)
    today = day(tmp_path, [trip(1, STATION, CITY, "8:00")], QUARTERS)
    assert rows(today, "legs")[0]["vehicle"] == 1
    assert rows(today, "trips")[0]["end_s"] == seconds("8:25")


def test_a_late_run_is_public_news_once(tmp_path: Path, late: Callable[..., None]) -> None:
    late(300.0, 60.0)
    today = day(tmp_path, [], (run((MILL, "8:00"), (STATION, "8:05", "8:06"), (CITY, "8:16")), QUARTERS[1]))
    (news,) = rows(today, "notices")
    assert (news["t_s"], news["topic"], news["place"]) == (seconds("8:00"), "late", MILL)
    assert news["text"] == "T runs 5 min late"


def test_lateness_is_carried_along_the_run_less_what_is_made_up(tmp_path: Path, late: Callable[..., None]) -> None:
    late(120.0)
    trains = (run((MILL, "8:00"), (STATION, "8:05", "8:06"), (CITY, "8:16")),)
    kept = rows(day(tmp_path / "a", [], trains), "running")
    assert [row["arrive_late_s"] for row in kept] == [0.0, 120.0, 120.0]
    assert [row["depart_late_s"] for row in kept] == [120.0, 120.0, 120.0]
    made_up = rows(day(tmp_path / "b", [], trains, recovery=0.1), "running")
    assert [row["arrive_late_s"] for row in made_up] == [0.0, 120.0 - 30.0, 120.0 - 30.0 - 60.0]


def test_nobody_waits_for_a_cancelled_train(tmp_path: Path, late: Callable[..., None]) -> None:
    late(cancelled=[0])
    today = day(tmp_path, [trip(1, STATION, CITY, "7:50")], QUARTERS)
    assert rows(today, "trips")[0]["end_s"] == seconds("8:25")
    assert rows(today, "calls", run=0) == []
    assert rows(today, "moves", run=0) == []
    assert [row["ended"] for row in rows(today, "running", run=0)] == ["cancelled"]
    assert kpis(today)["transit.cut_share"] == 0.25


def test_a_missed_connection_is_counted_with_its_minutes(tmp_path: Path, late: Callable[..., None]) -> None:
    late(120.0)
    today = day(tmp_path, [trip(1, MILL, CITY, "8:00")], CHANGE)
    (change,) = rows(today, "connections")
    assert (change["t_s"], change["place"], change["end"]) == (seconds("8:07"), STATION, "missed")
    assert change["lost_s"] == 900.0
    assert rows(today, "trips")[0]["end_s"] == seconds("8:33")
    assert (kpis(today)["transit.connections.missed"], kpis(today)["transit.connections.lost_min"]) == (1.0, 15.0)


def test_a_connection_is_made_within_the_slack(tmp_path: Path, late: Callable[..., None]) -> None:
    late(90.0)
    today = day(tmp_path, [trip(1, MILL, CITY, "8:00")], CHANGE)
    assert [(row["end"], row["lost_s"]) for row in rows(today, "connections")] == [("made", 0.0)]
    assert rows(today, "trips")[0]["end_s"] == seconds("8:18")


def test_a_connection_is_saved_where_the_next_train_is_late_as_well(tmp_path: Path, late: Callable[..., None]) -> None:
    late(120.0, 60.0)
    today = day(tmp_path, [trip(1, MILL, CITY, "8:00")], CHANGE)
    assert [(row["end"], row["lost_s"]) for row in rows(today, "connections")] == [("saved", 60.0)]
    assert rows(today, "trips")[0]["end_s"] == seconds("8:19")


def test_a_train_that_waits_saves_a_connection_and_those_aboard_feel_it(
    tmp_path: Path, late: Callable[..., None]
) -> None:
    late(120.0)
    today = day(tmp_path, [trip(1, MILL, CITY, "8:00"), trip(2, STATION, CITY, "8:00")], CHANGE, connection_hold_s=30.0)
    assert [(row["person"], row["end"], row["lost_s"]) for row in rows(today, "connections")] == [(1, "saved", 30.0)]
    assert [row["held_s"] for row in rows(today, "running", run=1)] == [30.0, 0.0]
    assert {row["end_s"] for row in rows(today, "trips")} == {seconds("8:18:30")}
    assert kpis(today)["transit.held_min"] == 0.5


def test_a_train_never_waits_beyond_the_limit(tmp_path: Path, late: Callable[..., None]) -> None:
    late(120.0)
    today = day(tmp_path, [trip(1, MILL, CITY, "8:00")], CHANGE, connection_hold_s=29.0)
    assert [row["end"] for row in rows(today, "connections")] == ["missed"]
    assert all(row["held_s"] == 0.0 for row in rows(today, "running"))


@pytest.mark.parametrize(
    ("aboard", "waiting", "late_s"),
    [(0, 2, 6.0), (2, 0, 4.0), (2, 1, 12.0), (1, 3, 13.0)],
    ids=["two board", "two alight", "two alight and one boards", "one alights, two of three find a place"],
)
def test_people_who_alight_and_board_keep_the_train(aboard: int, waiting: int, late_s: float) -> None:
    """The train stands 60 s by plan; doors take 50 s, who alights 7 s, who boards one of the two places 8 s."""
    table, log = hamlet_timetable((run((MILL, "8:00"), (STATION, "8:05", "8:06"), (CITY, "8:16")),)), EventLog()
    world, operation = begun(table, RunConditions(dwells=[MinimumDwell(50.0, 8.0, 7.0)], logged=True), log)
    for number in range(aboard):
        operation.wait_for(0, 1, number)
    for number in range(waiting):
        operation.wait_for(1, 2, 10 + number)
    world.env.run()
    departures = log.tables()["running"].to_pylist()
    assert [row["depart_late_s"] for row in departures] == [0.0, late_s, late_s]


def test_figures_of_a_late_day_by_hand(tmp_path: Path, late: Callable[..., None]) -> None:
    """Of three runs two are punctual; one rider alights 5 min late, one on time."""
    late(300.0, 60.0)
    today = day(tmp_path, [trip(1, STATION, CITY, "7:55"), trip(2, STATION, CITY, "8:29")], QUARTERS[:3])
    values = kpis(today)
    assert values["transit.punctual_share"] == values["transit.punctual_share.train"] == 2 / 3
    assert values["transit.late_min.mean"] == 2.0
    assert values["transit.delay_person_min"] == 5.0
    # 6 km each, of three runs with 238 seats and 583 places.
    assert values["transit.passenger_km_per_seat_km"] == pytest.approx(2 / (3 * 238))
    assert values["transit.passenger_km_per_place_km"] == pytest.approx(2 / (3 * 583))


# Closed lines.

LONG = tuple(
    run(
        (STATION, 28_800.0 + 900.0 * k),
        (SCHOOL, 29_040.0 + 900.0 * k, 29_100.0 + 900.0 * k),
        (CITY, 29_700.0 + 900.0 * k),
    )
    for k in range(4)
)
"""Station 8:00, school 8:04 to 8:05, city 8:15; four times, every quarter of an hour."""


def closing(tmp_path: Path, *times: tuple[str, bool], **detail: Any) -> tuple[World, Any, Any]:
    """Return a world, its rail and town, where notices that it is closed are posted at times."""
    town = hamlet_town(tmp_path, [person(number) for number in (1, 2, 3)], trains=LONG)
    world, services = live_services(scenario({"walk": {}, "rail": {}}), town, "7:55")

    def post(at_s: float, ends: bool) -> Generator[simpy.Event, Any, None]:
        yield world.env.timeout(at_s - world.env.now)
        world.post(ServiceClosed(text="closed", service="rail", ends=ends, **detail))

    for at, ends in times:
        world.env.process(post(seconds(at), ends))
    return world, services["rail"], town


def riding(world: World, rail: Any, request: Any, at: str) -> dict[str, Any]:
    """Let somebody ride from a time on, and return where the outcome will be."""
    got: dict[str, Any] = {}

    def ride() -> Generator[simpy.Event, Any, None]:
        yield world.env.timeout(seconds(at) - world.env.now)
        booking = rail.book(request)
        assert isinstance(booking, Booking)
        got["outcome"] = yield from rail.ride(booking)
        got["at_s"] = world.env.now

    world.env.process(ride())
    return got


def test_a_run_under_way_ends_at_its_next_call_when_the_line_is_closed(tmp_path: Path) -> None:
    world, rail, town = closing(tmp_path, ("8:02", False))
    got = riding(world, rail, leg(town, "rail", 1, STATION, CITY), "7:58")
    world.env.run(until=END_S)
    assert got["at_s"] == seconds("8:04")
    assert got["outcome"].place == SCHOOL
    assert got["outcome"].refusal == ("closed", SCHOOL)
    assert (got["outcome"].wait_s, got["outcome"].ride_s, got["outcome"].ride_m) == (120.0, 240.0, 600.0)


def test_who_alights_there_anyway_has_arrived(tmp_path: Path) -> None:
    world, rail, town = closing(tmp_path, ("8:02", False))
    got = riding(world, rail, leg(town, "rail", 1, STATION, SCHOOL), "7:58")
    world.env.run(until=END_S)
    assert (got["outcome"].place, got["outcome"].refusal) == (SCHOOL, None)


def test_who_waits_hears_at_once_that_the_line_is_closed(tmp_path: Path) -> None:
    world, rail, town = closing(tmp_path, ("8:02", False))
    waits = riding(world, rail, leg(town, "rail", 1, STATION, CITY), "8:01")
    comes = riding(world, rail, leg(town, "rail", 2, STATION, CITY), "8:10")
    world.env.run(until=END_S)
    assert (waits["at_s"], waits["outcome"].refusal) == (seconds("8:02"), ("closed", STATION))
    assert (comes["at_s"], comes["outcome"].refusal) == (seconds("8:10"), ("closed", STATION))


def test_runs_that_start_after_the_closure_operate_again(tmp_path: Path) -> None:
    world, rail, town = closing(tmp_path, ("8:02", False), ("8:20", True))
    got = riding(world, rail, leg(town, "rail", 1, STATION, CITY), "8:21")
    world.env.run(until=END_S)
    assert (got["at_s"], got["outcome"].refusal) == (seconds("8:45"), None)
    assert sorted({row["run"] for row in world.log.tables()["calls"].to_pylist()}) == [0, 2, 3]


def test_who_plans_after_the_notice_avoids_closed_lines(tmp_path: Path) -> None:
    world, rail, _ = closing(tmp_path, ("8:02", False), ("8:20", True))
    request = Requests(np.array([0]), np.array([STATION]), np.array([CITY]), np.array([seconds("8:21")]))
    assert rail.expect(request).possible[0]
    world.env.run(until=seconds("8:03"))
    assert not rail.expect(request).possible[0]
    assert np.isinf(rail.typical_s(seconds("8:00"), seconds("9:00"))).all()
    world.env.run(until=seconds("8:21"))
    assert rail.expect(request).possible[0]
    assert rail.expect(request).wait_s[0] == seconds("8:30") - seconds("8:21")


def test_other_lines_go_on_when_one_is_closed(tmp_path: Path) -> None:
    world, rail, town = closing(tmp_path, ("8:02", False), lines=("another",))
    got = riding(world, rail, leg(town, "rail", 1, STATION, CITY), "7:58")
    world.env.run(until=END_S)
    assert (got["at_s"], got["outcome"].refusal) == (seconds("8:15"), None)


# Laws.


def begun(
    table: Timetable, conditions: RunConditions, log: EventLog, places: int = 2
) -> tuple[World, TransitOperation]:
    """Return a world at midnight and the runs of a timetable in it."""
    from kera_mobility.town.streets.skims import compute_skims
    from tests.kit.hamlet import hamlet_streets

    world = World(simpy.Environment(), compute_skims(hamlet_streets()), Dice.of(1), log, END_S)
    calls = len(table.call_stop)
    operation = TransitOperation(
        "rail", table, np.full(table.runs, places), np.asarray(table.call_stop, dtype=np.int64), np.zeros(calls),
        conditions,
    )  # fmt: skip
    operation.start(world)
    return world, operation


sixty_fourths = st.integers(0, 64 * 900).map(lambda steps: steps / 64)


@settings(max_examples=60, deadline=None)
@given(
    late=st.lists(sixty_fourths, min_size=4, max_size=4),
    recovery=st.sampled_from([0.0, 0.05, 0.3]),
    least=st.sampled_from([None, 0.0, 30.0, 90.0]),
)
def test_no_run_is_ever_early_and_boards_show_when_it_comes(
    late: list[float], recovery: float, least: float | None
) -> None:
    table, log = hamlet_timetable(LONG), EventLog()
    dwells = None if least is None else [MinimumDwell(least)] * 4
    conditions = RunConditions(late_s=np.array(late), recovery=recovery, dwells=dwells, logged=True)
    world, _ = begun(table, conditions, log)
    world.env.run()
    called = sorted(log.tables()["running"].to_pylist(), key=lambda row: (row["run"], row["step"]))
    depart_s = np.array([row["t_s"] for row in called])
    assert np.all(depart_s >= np.asarray(table.call_depart_s))
    assert all(row["arrive_late_s"] >= 0.0 and row["depart_late_s"] >= 0.0 for row in called)
    shown = delays.displayed(table, np.array(late), recovery, dwells)
    assert depart_s.tolist() == np.asarray(shown.call_depart_s).tolist()


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_riders_are_conserved_through_delays_cancellations_and_closures(data: st.DataObject) -> None:
    """Everyone who waits for a vehicle hears of it exactly once; nobody beyond its places; who boards alights."""
    table, log = hamlet_timetable(LONG), EventLog()
    late = data.draw(st.lists(sixty_fourths, min_size=4, max_size=4))
    cancelled = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    background_load = np.array(data.draw(st.lists(st.sampled_from([0, 0, 1, 3]), min_size=12, max_size=12)))
    world, operation = begun(
        table, RunConditions(late_s=np.array(late), cancelled=cancelled, background_load=background_load), log
    )
    heard: list[tuple[int, RideEnd]] = []

    def wait(number: int, at_s: float, run: int, board: int, alight: int) -> Generator[simpy.Event, Any, None]:
        yield world.env.timeout(at_s)
        got = yield operation.wait_for(3 * run + board, 3 * run + alight, number)
        heard.append((number, got))

    def end(at_s: float, run: int, again_s: float) -> Generator[simpy.Event, Any, None]:
        yield world.env.timeout(at_s)
        operation.end_run(run, "closed")
        yield world.env.timeout(again_s)
        operation.reopen([run], "closed")

    moment = st.integers(28_000, 33_000).map(float)
    # Most come in time for the first two runs, and half ride through the middle: places run out on the way.
    sooner, which = st.sampled_from([28_000.0, 28_000.0, 29_000.0, 31_000.0]), st.sampled_from([0, 0, 0, 1, 1, 2, 3])
    riders = data.draw(
        st.lists(st.tuples(sooner, which, st.sampled_from([(0, 1), (0, 2), (0, 2), (1, 2)])), max_size=12)
    )
    for number, (at_s, train, (board, alight)) in enumerate(riders):
        world.env.process(wait(number, at_s, train, board, alight))
    for at_s, train in data.draw(st.lists(st.tuples(moment, st.integers(0, 3)), max_size=3)):
        world.env.process(end(at_s, train, data.draw(st.sampled_from([60.0, 1200.0]))))
    world.env.run()
    assert sorted(number for number, _ in heard) == list(range(len(riders)))
    boarded = [got for _, got in heard if got.boarded_s is not None]
    calls = log.tables()["calls"].to_pylist()
    assert sum(row["boarded"] for row in calls) == sum(row["alighted"] for row in calls) == len(boarded)
    assert all(row["aboard"] <= 2 for row in calls)
    for row in calls:
        if row["boarded"]:
            assert row["aboard"] + background_load[3 * row["run"] + row["step"]] <= 2
    for number, got in heard:
        wished = 3 * riders[number][1] + riders[number][2][1]
        assert (got.reason == "") == (got.boarded_s is not None and got.call == wished) or got.call == wished


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hold_s=st.sampled_from([0.0, 1.0, 60.0, 240.0]),
    beyond_s=st.sampled_from([-1 / 64, 0.0, 1 / 64, 4.0])
    | st.integers(-64 * 330, 64 * 100).map(lambda steps: steps / 64),
)
def test_a_train_waits_as_long_as_it_must_and_never_beyond_its_limit(
    tmp_path: Path, late: Callable[..., None], hold_s: float, beyond_s: float
) -> None:
    """Who comes 90 s late still makes the change; for who comes later the train waits so much longer, or not at all."""
    late_s = max(0.0, 90.0 + hold_s + beyond_s)
    late(late_s)
    today = day(tmp_path, [trip(1, MILL, CITY, "8:00")], CHANGE, connection_hold_s=hold_s)
    needed_s = max(0.0, late_s - 90.0)
    held_s = needed_s if needed_s <= hold_s else 0.0
    assert [row["held_s"] for row in rows(today, "running", run=1)] == [held_s, 0.0]
    arrives_s = seconds("8:18") + held_s if needed_s <= hold_s else seconds("8:33")
    assert rows(today, "trips")[0]["end_s"] == arrives_s


def test_delays_are_addressed_so_that_two_timetables_share_them() -> None:
    dice, drawn = Dice.of(7, 2), DelaySettings(on=True, cancelled_share=0.3)
    all_trains, every_third = hamlet_timetable(TRAINS), hamlet_timetable(TRAINS[::3])
    for draw in (delays.late_s, delays.cancelled):
        assert draw(drawn, all_trains, dice)[::3].tolist() == draw(drawn, every_third, dice).tolist()
        assert draw(drawn, all_trains, dice).tolist() != draw(drawn, all_trains, Dice.of(7, 3)).tolist()


def test_two_scenarios_have_the_same_late_trains(tmp_path: Path) -> None:
    trips = [trip(number, HOME, CITY, 28_000.0 + 700.0 * number) for number in range(1, 9)]
    days = [
        live(
            scenario({"walk": {}, "rail": {"delays": {"on": True}}, **services}, prefer=("rail",)),
            hamlet_town(tmp_path, trips=trips),
        )
        for services in ({}, {"scooter": {"hubs": [{"name": "Mill", "lon": 25.0107, "lat": 60.0, "capacity": 4}]}})
    ]
    late = [[(row["run"], row["step"], row["t_s"]) for row in rows(today, "running")] for today in days]
    assert late[0] == late[1]
    assert any(row["depart_late_s"] > 0 for row in rows(days[0], "running"))


def test_more_cancellations_cancel_these_and_more() -> None:
    table, dice = hamlet_timetable(TRAINS), Dice.of(1)
    few, many = (delays.cancelled(DelaySettings(cancelled_share=share), table, dice) for share in (0.1, 0.2))
    assert np.all(many[few])
    assert many.sum() > few.sum() > 0


def test_punctuality_is_that_of_the_exponential_law_and_of_the_published_figures() -> None:
    closed_form = 1.0 - math.exp(-3.0 / DelaySettings().train_mean_min)
    assert 0.93 <= closed_form <= 0.94
    table = hamlet_timetable(TRAINS)
    drawn = np.concatenate([delays.late_s(DelaySettings(), table, Dice.of(1, day)) for day in range(200)])
    spread = math.sqrt(closed_form * (1.0 - closed_form) / len(drawn))
    assert abs(np.mean(drawn < 180.0) - closed_form) < 3.0 * spread
    assert abs(np.mean(drawn) / 60.0 - DelaySettings().train_mean_min) < 3.0 * 1.1 / math.sqrt(len(drawn))


def test_a_day_on_which_nothing_is_late_is_a_day_as_planned(tmp_path: Path) -> None:
    trips = [trip(number, HOME, CITY, 28_000.0 + 700.0 * number) for number in range(1, 9)]
    town = hamlet_town(tmp_path, trips=trips)
    on_time = {"on": True, "train_mean_min": 0.0, "cancelled_share": 0.0}
    planned, lived = (
        live(scenario({"walk": {}, "rail": {"delays": delays}}, prefer=("rail",)), town)
        for delays in ({"on": False}, on_time)
    )
    for kind in KINDS:
        if kind not in ("running", "connections", "notices"):
            table, other = planned.record.tables[kind], lived.record.tables[kind]
            assert table_fingerprint(table) == table_fingerprint(other), kind
    assert rows(planned, "running") == []
    assert rows(lived, "running") != []


def test_taking_a_rider_away_changes_nobody_elses_late_day(tmp_path: Path) -> None:
    trips = [trip(number, HOME, CITY, 28_000.0 + 700.0 * number) for number in range(1, 9)]
    days = scenario({"walk": {}, "rail": {"delays": {"on": True}}}, prefer=("rail",))
    town = hamlet_town(tmp_path, trips=trips)
    everyone, fewer = live(days, town), live(days, town.without({4}))
    for kind in ("trips", "legs", "connections", "refusals"):
        assert [row for row in rows(everyone, kind) if row["person"] != 4] == rows(fewer, kind)
    assert rows(everyone, "running") == rows(fewer, "running")
    assert rows(everyone, "trips", person=4) != []
