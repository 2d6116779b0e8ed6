"""The laps of a shuttle by the second, the metre and the person: a vehicle or two, and people sent to its calls.

From the mill to the station and back: 600 m and 150 s each way, 30 s at each stop. The vehicle that leaves the mill at
8:00 stands there from 7:59:30, at the station from 8:02:30 to 8:03, and is back at 8:05:30. Its calls are numbered
through the day: 0 and 1, then 2 and 3 on the second lap, from 8:10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.services.reasons import FULL, GONE
from kera_mobility.services.shuttle.operation import ShuttleOperation
from kera_mobility.services.shuttle.reasons import NO_WHEELCHAIR_PLACE
from kera_mobility.services.shuttle.settings import ShuttleSettings
from kera_mobility.services.shuttle.timetable import LoopDay
from tests.kit.hamlet import CITY, MILL, SCHOOL, STATION, WAYS, RunRow, at, hamlet_town, run, seconds
from tests.kit.stops import Calls, hamlet_world

LONG_WAY = [at(MILL), at(SCHOOL), at(STATION)]
"""1,200 m and 300 s, 600 m and 150 s, 600 m and 150 s: school 8:05, station 8:08, back at the mill at 8:11."""
TO_TRAINS: dict[str, Any] = {
    "operation": {"kind": "meets_train", "timetable": "trains"}, "stops": [at(STATION), at(MILL)],
}  # fmt: skip
"""Leaves the station at 8:01 and 8:16, a minute after the trains of 8:00 and 8:15."""
FROM_CITY = (run((CITY, "7:50"), (STATION, "8:00")), run((CITY, "8:05"), (STATION, "8:15")))
LAP = ("run", "step", "t_s", "left_s", "end")
CALL = ("t_s", "place", "alighted", "boarded", "left_behind", "aboard")
MOVE = ("cause", "t_s", "end_s", "step", "origin", "destination", "distance_m")
WHEELS = {"share": 0.0, "places": 1, "ramp_s": 64.0}
SLOW_DOORS = {"stop_s": 16.0, "person_s": 20.0}


@dataclass
class Laps(Calls[ShuttleOperation]):
    """A shuttle under way."""

    not_made: list[tuple[range, str]] = field(default_factory=list)
    """Calls that will not be made and why, as they were told."""

    def finish(self) -> None:
        """Have the day end."""
        self.world.env.run()
        self.vehicles.finish()

    def table(self, kind: str, *columns: str) -> list[Any]:
        """Return columns of a table in the order of time, the clock in hours, minutes and seconds."""
        is_clock = [name in ("t_s", "end_s", "left_s") for name in columns]
        return [
            tuple(clock(value) if shown else value for shown, value in zip(is_clock, row, strict=True))
            for row in self.rows(kind, *columns, by=("t_s",))
        ]

    def told(self) -> dict[int, tuple[str, str, int]]:
        """Return when each person heard what, and where that was."""
        self.world.env.run()
        return {number: (clock(at_s), end.reason, end.call) for number, (at_s, end) in sorted(self.heard.items())}


def clock(time_s: float) -> str:
    """Return 8:02:30 for its seconds."""
    if isnan(time_s):
        return "never"
    hours, rest_s = divmod(time_s, 3600.0)
    minutes, rest_s = divmod(rest_s, 60.0)
    return f"{hours:.0f}:{minutes:02.0f}" + (f":{rest_s:02g}" if rest_s else "")


def laps(
    tmp_path: Path, *departures: str, now: str = "0:00", seed: int = 1, trains: tuple[RunRow, ...] = (), **shuttle: Any
) -> Laps:
    """Return a shuttle of one vehicle, unless said, that leaves its terminal at some times."""
    by_clock = {"operation": {"kind": "timetable", "departures_s": [seconds(time) for time in departures]}}
    settings = ShuttleSettings.model_validate({**WAYS["shuttle"], "vehicles": 1, **by_clock, **shuttle})
    town = hamlet_town(tmp_path, trains=trains)
    day = LoopDay("shuttle", settings, town, town.snap(settings.stops, ("walk", "drive"))[0])
    not_made: list[tuple[range, str]] = []
    operation = ShuttleOperation("shuttle", day, settings, lambda calls, reason: not_made.append((calls, reason)))
    world = hamlet_world(now, seed)
    operation.start(world)
    return Laps(world, operation, not_made=not_made)


# A day as planned


def test_every_call_drive_and_lap_of_a_day_is_logged_to_the_second(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:10")
    for number, (board, alight) in enumerate([(0, 1), (1, 2), (1, 2), (1, 2), (3, 4)]):
        day.waits(number, board, alight, f"7:5{number}")
    assert day.table("calls", *CALL) == [
        ("8:00", MILL, 0, 1, 0, 1), ("8:03", STATION, 1, 2, 1, 2), ("8:10", MILL, 2, 0, 0, 0),
        ("8:13", STATION, 0, 1, 0, 1), ("8:15:30", MILL, 1, 0, 0, 0),
    ]  # fmt: skip
    # Without a battery the whole day of a vehicle is one drive, from when it first stands at the terminal.
    assert day.table("moves", *MOVE) == [("run", "7:59:30", "8:15:30", 0, MILL, MILL, 2400.0)]
    assert isnan(day.rows("moves", "charge")[0][0])
    assert day.told() == {
        0: ("8:02:30", "", 1), 1: ("8:05:30", "", 2), 2: ("8:05:30", "", 2), 3: ("8:03", FULL, 1),
        4: ("8:15:30", "", 4),
    }  # fmt: skip
    day.finish()
    held = ("held_s", "held_aboard", "saved", "missed")
    assert day.table("laps", *LAP, "vehicle", *held) == [
        (0, 0, "8:00", "8:00", "driven", 0, 0.0, 0, 0, 0), (0, 2, "8:10", "8:10", "driven", 0, 0.0, 0, 0, 0),
    ]  # fmt: skip


def test_two_vehicles_have_days_of_their_own(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:04", "8:10", vehicles=2)
    assert day.table("calls", "run", "step", "t_s", "vehicle") == [
        (0, 0, "8:00", 0), (0, 1, "8:03", 0), (1, 0, "8:04", 1), (1, 1, "8:07", 1), (1, 2, "8:09:30", 1),
        (0, 2, "8:10", 0), (0, 3, "8:13", 0), (0, 4, "8:15:30", 0),
    ]  # fmt: skip
    assert day.table("moves", "run", *MOVE[1:]) == [
        (0, "7:59:30", "8:15:30", 0, MILL, MILL, 2400.0), (1, "8:03:30", "8:09:30", 0, MILL, MILL, 1200.0),
    ]  # fmt: skip
    day.finish()
    assert day.table("laps", *LAP) == [
        (0, 0, "8:00", "8:00", "driven"), (1, 0, "8:04", "8:04", "driven"), (0, 2, "8:10", "8:10", "driven"),
    ]  # fmt: skip


def test_a_lap_that_was_not_due_by_the_end_has_not_left(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:10")
    day.world.env.run(until=seconds("8:07"))
    day.vehicles.finish()
    rows = day.world.log.tables()["laps"].to_pylist()
    late = [(row["end"], row["held_s"], row["held_aboard"], row["saved"], row["missed"]) for row in rows]
    assert late == [("driven", 0.0, 0, 0, 0), ("not_due", 0.0, 0, 0, 0)]
    assert isnan(rows[1]["left_s"])


def test_laps_are_logged_where_a_day_differs_from_the_headway(tmp_path: Path) -> None:
    by_headway = {"operation": {"kind": "headway"}, "first_s": seconds("8:00"), "last_s": seconds("8:10")}
    planned = laps(tmp_path, **by_headway)
    planned.finish()
    assert planned.table("calls", "t_s")[::2] == [("8:00:30",), ("8:10:30",), ("8:16",)]
    assert planned.table("laps", "t_s") == []
    closed = laps(tmp_path, **by_headway)
    closed.does("8:01", lambda: closed.vehicles.withdraw("closed", frozenset({0})))
    closed.finish()
    assert closed.table("laps", "t_s", "end") == [("8:00:30", "closed"), ("8:10:30", "closed")]


def test_a_shuttle_that_begins_at_midnight_or_during_the_day_leaves_in_time(tmp_path: Path) -> None:
    midnight = laps(tmp_path, "0:00")  # where it stands for 30 s first
    assert midnight.table("calls", "t_s") == [("0:00:30",), ("0:03:30",), ("0:06",)]
    morning = laps(tmp_path, "8:00", now="7:00")
    assert morning.table("moves", "t_s", "end_s") == [("7:59:30", "8:05:30")]
    assert morning.table("calls", "t_s") == [("8:00",), ("8:03",), ("8:05:30",)]


def test_who_comes_after_the_vehicle_has_left_is_told_so(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00")
    day.waits(1, 0, 1, "8:00")
    day.waits(2, 0, 1, "8:00:01")
    assert day.told() == {1: ("8:02:30", "", 1), 2: ("8:00:01", GONE, 0)}


# Doors


def test_doors_and_ramps_take_their_seconds_for_who_alights_and_boards(tmp_path: Path) -> None:
    """16 s a stop where anybody boards or alights, 20 s a person, 64 s more for each wheelchair."""
    day = laps(tmp_path, "8:00", dwell=SLOW_DOORS, wheelchair=WHEELS, seats=9)
    # 16 + 3 x 20 + 64 s from 7:59:30, so 8:01:50.
    for number, wheelchair in ((1, True), (2, False), (3, False)):
        day.waits(number, 0, 1, wheelchair=wheelchair)
    # At the station at 8:04:20: 64 s for the ramp, 16 + 3 x 20 for who alights; 20 s and 84 s for who boards.
    day.waits(4, 1, 2)
    day.waits(5, 1, 2, "8:04", wheelchair=True)
    assert day.table("calls", "t_s", "aboard") == [("8:01:50", 3), ("8:08:24", 2), ("8:10:54", 0)]


def test_a_stop_where_nobody_boards_or_alights_takes_no_time_that_is_not_planned(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", dwell={"stop_s": 300.0, "person_s": 0.0})
    day.waits(1, 0, 1)
    # Boarding takes 300 s from 7:59:30; at the station again, for who alights; nobody boards there.
    assert day.table("calls", "t_s") == [("8:04:30",), ("8:12",), ("8:14:30",)]
    nobody = laps(tmp_path, "8:00", dwell={"stop_s": 300.0, "person_s": 0.0})
    assert nobody.table("calls", "t_s") == [("8:00",), ("8:03",), ("8:05:30",)]


def test_who_comes_while_the_doors_are_busy_boards_after_the_others(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", dwell={"stop_s": 0.0, "person_s": 20.0}, seats=9)
    for number, time in ((1, "7:59:50"), (2, "7:59:55"), (3, "8:00:25")):
        day.waits(number, 0, 1, time)
    # 7:59:50 to 8:00:10, to 8:00:30, to 8:00:50.
    assert day.table("calls", "t_s", "boarded")[0] == ("8:00:50", 3)


def test_a_late_vehicle_stands_as_planned_where_doors_take_what_was_planned(tmp_path: Path) -> None:
    """A ramp makes it 34 s late; at the station the ramp is 64 s more than the 30 s of a stop."""
    day = laps(tmp_path, "8:00", wheelchair=WHEELS)
    day.waits(1, 0, 1, wheelchair=True)
    assert day.table("calls", "t_s") == [("8:01:04",), ("8:05:08",), ("8:07:38",)]
    assert day.vehicles.calls.leaves_s[:2] == [seconds("8:01:04"), seconds("8:05:08")]


def test_a_wheelchair_frees_its_place_where_it_alights(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", wheelchair=WHEELS, seats=2)
    for number, calls in ((1, (0, 1)), (2, (0, 1)), (3, (1, 2)), (4, (1, 2))):
        day.waits(number, *calls, at=f"7:5{number}", wheelchair=True)
    told = day.told()
    assert [told[number][1] for number in (1, 2, 3, 4)] == ["", NO_WHEELCHAIR_PLACE, "", NO_WHEELCHAIR_PLACE]


def test_a_wheelchair_keeps_its_place_while_it_rides_through(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", stops=LONG_WAY, wheelchair=WHEELS, seats=9)
    for number, calls in ((1, (0, 2)), (2, (1, 2)), (3, (2, 3))):
        day.waits(number, *calls, wheelchair=True)
    assert [end for _, end, _ in day.told().values()] == ["", NO_WHEELCHAIR_PLACE, ""]


def test_who_finds_no_seat_learns_that_it_is_full_and_not_that_there_is_no_place_for_a_wheelchair(
    tmp_path: Path,
) -> None:
    day = laps(tmp_path, "8:00", wheelchair=WHEELS, seats=1)
    day.waits(1, 0, 1, "7:50", wheelchair=True)
    day.waits(2, 0, 1, "7:51", wheelchair=True)
    assert day.told()[2][1] == FULL


def test_without_a_place_for_it_no_wheelchair_boards(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00")
    day.waits(1, 0, 1, wheelchair=True)
    assert day.told() == {1: ("8:00", NO_WHEELCHAIR_PLACE, 0)}


def test_riders_stay_aboard_through_the_terminal(tmp_path: Path) -> None:
    """From the station by the mill, where the vehicle rests from 8:11 to 8:20, to the school."""
    day = laps(tmp_path, "8:00", "8:20", stops=LONG_WAY)
    day.waits(1, 2, 4)
    day.waits(2, 2, 3)
    day.waits(3, 3, 4)
    day.waits(4, 3, 4, "7:51")
    assert day.told() == {1: ("8:25", "", 4), 2: ("8:11", "", 3), 3: ("8:25", "", 4), 4: ("8:20", FULL, 3)}
    assert day.table("calls", *CALL)[2:5] == [
        ("8:08:30", STATION, 0, 2, 0, 2), ("8:20", MILL, 1, 1, 1, 2), ("8:25:30", SCHOOL, 2, 0, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("dwell_s", [0.0, 30.0])
def test_who_reaches_a_stop_in_the_moment_in_which_the_vehicle_leaves_still_boards(
    tmp_path: Path, dwell_s: float
) -> None:
    day = laps(tmp_path, "8:00", dwell_s=dwell_s)
    leaves = clock(seconds("8:02:30") + dwell_s)
    day.does("8:01", lambda: day.waits(1, 1, 2, leaves))
    assert day.rows("calls", "step", "t_s", "boarded")[1] == (1, seconds(leaves), 1)


def test_who_comes_to_a_stop_while_the_doors_are_busy_keeps_the_vehicle_there(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", dwell={"stop_s": 0.0, "person_s": 20.0})
    day.waits(1, 1, 2)
    # It would leave at 8:03; one boards from 8:02:30 to 8:02:50, the other from 8:02:55 to 8:03:15.
    day.waits(2, 1, 2, "8:02:55")
    assert day.table("calls", "t_s", "boarded")[1] == ("8:03:15", 2)


def test_a_late_vehicle_is_expected_to_leave_at_once_where_nobody_may_board(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", dwell={"stop_s": 60.0, "person_s": 60.0})
    day.waits(1, 0, 1, "7:59:30")
    day.waits(2, 0, 1, "7:59:30")
    expected: list[float] = []
    # Left at 8:02:30, at the station at 8:05.
    day.does("8:03", lambda: expected.extend(day.vehicles.calls.leaves_s))
    day.world.env.run()
    assert expected == [seconds("8:02:30"), seconds("8:05"), seconds("8:07:30")]


# Batteries. 600 m take 0.1 of a battery: 1.5 kWh of 15, at 2.5 kWh/km.

BATTERY = {"battery_kwh": 15.0, "energy_kwh_per_km": 2.5, "charge_kw": 15.0, "reserve_charge": 0.1}


def test_each_lap_takes_its_metres_and_each_rest_is_charged(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:10", battery=BATTERY)
    day.does("8:20:30", lambda: None)
    day.finish()
    assert day.table("moves", *MOVE, "run") == [
        ("run", "7:59:30", "8:05:30", 0, MILL, MILL, 1200.0, 0),
        ("charge", "8:05:30", "8:10", 2, MILL, MILL, 0.0, 0),
        ("run", "8:10", "8:15:30", 2, MILL, MILL, 1200.0, 0),
        ("charge", "8:15:30", "8:20:30", -1, MILL, MILL, 0.0, -1),
    ]  # fmt: skip
    # An hour at the plug fills the battery: 4:30 min give 0.075, 5 min 0.0833.
    charges = [charge for (charge,) in day.rows("moves", "charge", by=("t_s",))]
    assert charges == pytest.approx([0.8, 0.875, 0.675, 0.675 + 300.0 / 3600.0], abs=1e-12)


def test_a_charge_is_of_the_run_and_the_call_after_it(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:04", "8:14", "8:16", vehicles=2, battery=BATTERY)
    charges = [row[1:] for row in day.rows("moves", "cause", "run", "vehicle", "step") if row[0] == "charge"]
    assert charges == [(0, 0, 2), (1, 1, 2)]


@pytest.mark.parametrize(("reserve", "end"), [(0.7999, "driven"), (0.8001, "low_battery")])
def test_a_lap_is_begun_only_if_its_last_metre_leaves_the_reserve(tmp_path: Path, reserve: float, end: str) -> None:
    day = laps(tmp_path, "8:00", battery=BATTERY | {"reserve_charge": reserve})
    day.waits(1, 0, 1)
    day.finish()
    assert day.table("laps", "end") == [(end,)]
    assert day.told()[1] == (("8:02:30", "", 1) if end == "driven" else ("8:00", "low_battery", 0))


def test_the_laps_that_cannot_be_made_are_told_at_once_and_no_others(tmp_path: Path) -> None:
    """0.8 are left after a lap, 0.95 are needed, and a minute gives 1/300: it is there after 45 min, at 8:50:30."""
    about = BATTERY | {"charge_kw": 3.0, "reserve_charge": 0.75}
    day = laps(tmp_path, "8:00", "8:10", "8:30", "8:50", "9:00", battery=about)
    for number, (board, alight) in enumerate([(2, 3), (5, 6), (7, 8)]):
        day.waits(number, board, alight)
    day.waits(9, 1, 2)
    day.finish()
    assert day.table("laps", *LAP) == [
        (0, 0, "8:00", "8:00", "driven"), (0, 2, "8:10", "never", "low_battery"),
        (0, 4, "8:30", "never", "low_battery"), (0, 6, "8:50", "never", "low_battery"),
        (0, 8, "9:00", "9:00", "driven"),
    ]  # fmt: skip
    assert day.not_made == [(range(first, first + 2), "low_battery") for first in (2, 4, 6)]
    assert day.told() == {
        0: ("8:05:30", "low_battery", 2), 1: ("8:05:30", "low_battery", 5), 2: ("8:05:30", "low_battery", 7),
        9: ("8:05:30", "", 2),
    }  # fmt: skip
    # Who alighted at the terminal is of the call there, though the vehicle stays.
    assert day.table("calls", *CALL)[2:4] == [("8:05:30", MILL, 1, 0, 0, 0), ("9:00", MILL, 0, 0, 0, 0)]


def test_riders_through_the_terminal_get_out_where_the_battery_is_low(tmp_path: Path) -> None:
    about = BATTERY | {"charge_kw": 0.0, "reserve_charge": 0.5}
    day = laps(tmp_path, "8:00", "8:20", stops=LONG_WAY, battery=about)
    day.waits(1, 2, 4)
    assert day.told() == {1: ("8:11", "low_battery", 3)}
    assert day.table("calls", *CALL)[3:] == [("8:11", MILL, 1, 0, 0, 0)]


def test_a_power_cut_is_no_reason_to_give_up_a_lap_before_it_is_due(tmp_path: Path) -> None:
    """0.8 after a lap; 0.85 are needed, and there after 3 min at the plug."""
    about = BATTERY | {"reserve_charge": 0.65}
    for back, end in (("8:07", "driven"), ("8:09", "low_battery")):
        day = laps(tmp_path, "8:00", "8:10", battery=about)
        day.does("8:05", lambda day=day: day.vehicles.batteries.power(False, day.world.env.now))
        day.does(back, lambda day=day: day.vehicles.batteries.power(True, day.world.env.now))
        day.waits(1, 2, 3)
        day.finish()
        assert day.table("laps", "end") == [("driven",), (end,)]
        assert day.told()[1] == (("8:12:30", "", 3) if end == "driven" else ("8:10", "low_battery", 2))
        # Who stays at the terminal has not driven.
        assert [row[1:] for row in day.table("moves", "cause", "t_s", "end_s") if row[0] == "run"] == [
            ("7:59:30", "8:05:30"), ("8:10", "8:15:30"),
        ][: 2 if end == "driven" else 1]  # fmt: skip


# Vehicles that are withdrawn


def test_whose_vehicle_is_withdrawn_is_told_at_once_but_not_who_waits_for_a_lap_under_way(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:04", "8:10", "8:14", vehicles=2)
    for number, (board, alight) in enumerate([(1, 2), (2, 3), (3, 4), (7, 8)]):
        day.waits(number, board, alight)
    day.does("8:02", lambda: day.vehicles.withdraw("no_vehicle", frozenset({0})))
    day.does("8:12", lambda: day.vehicles.restore("no_vehicle"))
    day.waits(8, 2, 3, "8:03")
    day.finish()
    assert day.told() == {
        0: ("8:05:30", "", 2), 1: ("8:02", "no_vehicle", 2), 2: ("8:02", "no_vehicle", 3), 3: ("8:16:30", "", 8),
        8: ("8:03", "no_vehicle", 2),
    }  # fmt: skip
    assert day.not_made == [(range(2, 4), "no_vehicle"), (range(2, 4), "no_vehicle")]
    assert day.table("laps", "vehicle", "t_s", "left_s", "end") == [
        (0, "8:00", "8:00", "driven"), (1, "8:04", "8:04", "driven"), (0, "8:10", "never", "no_vehicle"),
        (1, "8:14", "8:14", "driven"),
    ]  # fmt: skip


def test_who_sits_in_a_vehicle_that_is_withdrawn_while_it_rests_gets_out_when_it_should_leave(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:20", "8:40", stops=LONG_WAY)
    day.waits(1, 2, 4)
    day.waits(2, 2, 3)
    day.does("8:15", lambda: day.vehicles.withdraw("no_vehicle", frozenset({0})))
    day.does("8:25", lambda: day.vehicles.restore("no_vehicle"))
    day.finish()
    assert day.told() == {1: ("8:20", "no_vehicle", 3), 2: ("8:11", "", 3)}
    assert day.table("calls", *CALL)[2:5] == [
        ("8:08:30", STATION, 0, 2, 0, 2), ("8:20", MILL, 2, 0, 0, 0), ("8:40", MILL, 0, 0, 0, 0),
    ]  # fmt: skip
    # The drive of the morning ends when the vehicle stays, and another begins.
    assert day.table("moves", *MOVE) == [
        ("run", "7:59:30", "8:20", 0, MILL, MILL, 2400.0), ("run", "8:40", "8:51", 6, MILL, MILL, 2400.0),
    ]  # fmt: skip


def test_who_rides_through_the_terminal_gets_out_there_if_the_vehicle_begins_no_other_lap(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:20", stops=LONG_WAY)
    day.waits(1, 2, 4)
    day.does("8:09", lambda: day.vehicles.withdraw("no_vehicle", frozenset({0})))
    day.does("8:15", lambda: day.vehicles.restore("no_vehicle"))
    assert day.told() == {1: ("8:11", "no_vehicle", 3)}
    assert day.table("calls", *CALL)[3] == ("8:20", MILL, 1, 0, 0, 0)


@pytest.mark.parametrize("reason", ["closed", "closed_street", "snow"])
def test_a_closed_shuttle_sets_down_at_the_next_stop_and_drives_back(tmp_path: Path, reason: str) -> None:
    """Closed at 8:01: at the school at 8:05, and 300 s from there to the mill, at 8:10."""
    day = laps(tmp_path, "8:00", "8:10", "8:30", stops=LONG_WAY, vehicles=2)
    day.waits(1, 0, 1)
    day.waits(2, 0, 2)
    day.waits(3, 1, 2)
    day.waits(4, 2, 3)
    day.does("8:01", lambda: day.vehicles.withdraw(reason, frozenset({0, 1})))
    day.does("8:06", lambda: day.vehicles.restore(reason))
    day.finish()
    assert day.told() == {
        1: ("8:05", "", 1), 2: ("8:05", reason, 1), 3: ("8:05", reason, 1), 4: ("8:05", reason, 2),
    }  # fmt: skip
    assert day.not_made == [(range(3, 6), reason), (range(7, 10), reason), (range(1, 3), reason)]
    # Two alighted; one is left behind at the school.
    assert day.table("calls", *CALL)[:2] == [("8:00", MILL, 0, 2, 0, 2), ("8:05", SCHOOL, 2, 0, 1, 0)]
    assert day.table("moves", "run", *MOVE)[0] == (0, "run", "7:59:30", "8:05", 0, MILL, SCHOOL, 1200.0)
    assert [row[3:] for row in day.table("laps", *LAP)] == [("8:00", reason), ("8:10", "driven"), ("8:30", "driven")]


@pytest.mark.parametrize(("hop_s", "end"), [(150.0, "driven"), (151.0, "closed")])
def test_a_vehicle_makes_the_laps_for_which_it_is_back_in_time(tmp_path: Path, hop_s: float, end: str) -> None:
    """Closed on the way, it has to drive back from the station at 8:02:30."""
    day = laps(tmp_path, "8:00", "8:05", dwell_s=0.0)
    day.vehicles.calls.hop_s[1] = hop_s  # as streets are
    day.does("8:01", lambda: day.vehicles.withdraw("closed", frozenset({0})))
    day.does("8:02:31", lambda: day.vehicles.restore("closed"))
    day.finish()
    assert day.table("laps", "end") == [("closed",), (end,)]


# Failures


SAFE_THERE = 2
"""Seed of a day on which no hop of 600 m is one too many."""
FAILS: dict[str, Any] = {"per_1000_km": 1000.0, "repair_s": 1800.0}
"""Sure to fail on a hop of 1,200 m."""


def test_all_get_out_where_a_vehicle_breaks_down_and_who_waits_further_on_is_told(tmp_path: Path) -> None:
    day = laps(tmp_path, "8:00", "8:20", "8:35", stops=LONG_WAY, breakdowns=FAILS)
    for number, calls in enumerate([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (6, 7)]):
        day.waits(number, *calls)
    assert day.told() == {
        0: ("8:05", "", 1), 1: ("8:05", "broken", 1), 2: ("8:05", "broken", 1), 3: ("8:05", "broken", 2),
        4: ("8:05", "broken", 3), 5: ("8:40:30", "", 7),
    }  # fmt: skip
    day.finish()
    # Repaired at 8:35, just in time to stand there for 30 s; at the school at 8:40:30 it breaks down again.
    assert day.table("laps", *LAP) == [
        (0, 0, "8:00", "8:00", "broken"), (0, 3, "8:20", "never", "broken"), (0, 6, "8:35", "8:35:30", "broken"),
    ]  # fmt: skip
    assert day.table("calls", *CALL) == [
        ("8:00", MILL, 0, 2, 0, 2), ("8:05", SCHOOL, 2, 0, 1, 0), ("8:35:30", MILL, 0, 1, 0, 1),
        ("8:40:30", SCHOOL, 1, 0, 0, 0),
    ]  # fmt: skip
    assert day.table("moves", *MOVE) == [
        ("run", "7:59:30", "8:05", 0, MILL, SCHOOL, 1200.0), ("run", "8:35:30", "8:40:30", 6, MILL, SCHOOL, 1200.0),
    ]  # fmt: skip
    assert day.not_made == [(range(1, 3), "broken"), (range(3, 6), "broken"), (range(7, 9), "broken")]


def test_doors_open_and_charging_begins_when_the_repaired_vehicle_is_there(tmp_path: Path) -> None:
    """There at 8:35, when it should leave: two board for 16 s and 20 s each, while it charges."""
    day = laps(
        tmp_path, "8:00", "8:35", stops=LONG_WAY, breakdowns=FAILS, dwell=SLOW_DOORS, battery=BATTERY
    )  # fmt: skip
    for number in (1, 2):
        day.waits(number, 3, 4, "8:10")
    # Nobody has boarded before; at 8:05 it broke down.
    assert day.table("calls", "t_s")[2] == ("8:35:56",)
    early = laps(tmp_path, "8:00", "8:40", stops=LONG_WAY, breakdowns=FAILS, battery=BATTERY)
    assert ("charge", "8:35", "8:40") in early.table("moves", "cause", "t_s", "end_s")
    # A lap later it rests no more than others do.
    assert [row[0] for row in early.table("moves", "cause", "t_s")] == ["run", "charge", "run"]


def test_who_waits_at_the_terminal_is_not_left_behind_by_a_vehicle_that_breaks_down_as_it_comes_back(
    tmp_path: Path,
) -> None:
    """To the station and the school, and the 1,200 m back, which it does not survive."""
    way = [at(MILL), at(STATION), at(SCHOOL)]
    day = laps(tmp_path, "8:00", "8:20", seed=SAFE_THERE, stops=way, breakdowns=FAILS | {"repair_s": 60.0})
    day.waits(1, 2, 4)
    day.waits(2, 3, 4)
    assert day.told() == {1: ("8:11", "broken", 3), 2: ("8:22:30", "", 4)}
    assert day.table("calls", *CALL)[2:5] == [
        ("8:06", SCHOOL, 0, 1, 0, 1), ("8:11", MILL, 1, 0, 0, 0), ("8:20", MILL, 0, 1, 0, 1),
    ]  # fmt: skip
    day.finish()
    assert day.not_made == [(range(3, 3), "broken"), (range(6, 6), "broken")]
    assert day.table("laps", *LAP) == [(0, 0, "8:00", "8:00", "broken"), (0, 3, "8:20", "8:20", "broken")]


@pytest.mark.parametrize("stops", [LONG_WAY, [at(MILL), at(STATION), at(SCHOOL)]], ids=["there", "back"])
def test_the_chance_of_a_failure_goes_by_the_metre(tmp_path: Path, stops: list[dict[str, Any]]) -> None:
    """The second vehicle breaks down first on the hop whose draw is lowest for its metres, and not a bit sooner."""
    times = [seconds("6:00") + 720.0 * lap + more_s for lap in range(24) for more_s in (0.0, 60.0)]
    about: dict[str, Any] = {"operation": {"kind": "timetable", "departures_s": times}, "stops": stops, "vehicles": 2}
    plan = laps(tmp_path, **about).vehicles
    first, last = plan.calls.starts[1:3]
    draws = hamlet_world().dice.at("breakdown", "shuttle")
    chance_by_m = [
        draws.uniform(1, 1, call - first) / (plan.call_m[call] - plan.call_m[call - 1])
        for call in range(first + 1, last)
    ]
    for part, end in ((1.0 - 1e-9, "driven"), (1.0 + 1e-9, "broken")):
        day = laps(tmp_path, **about, breakdowns={"per_1000_km": min(chance_by_m) * 1e6 * part, "repair_s": 60.0})
        day.finish()
        ends = [of for run, of in day.rows("laps", "run", "end") if run == 1]
        assert ends.index(end) == (0 if end == "driven" else chance_by_m.index(min(chance_by_m)) // 3)
        assert ends.count(end) == (24 if end == "driven" else 1)


def test_a_spare_vehicle_takes_over_and_the_repaired_one_is_the_next_spare(tmp_path: Path) -> None:
    """Each lap breaks down at the school after 5 min, and a spare is at the mill 5 min later, charged."""
    fails = FAILS | {"spares": 1, "spare_s": 300.0}
    times = ("8:00", "8:20", "8:40", "9:00")
    rows = {}
    for repair_s in (1200.0, 1201.0):
        day = laps(tmp_path, *times, stops=LONG_WAY, breakdowns=fails | {"repair_s": repair_s}, battery=BATTERY)
        day.finish()
        rows[repair_s] = day.table("laps", "t_s", "left_s", "vehicle", "end")
        charges = day.rows("moves", "cause", "vehicle", "charge", by=("t_s",))
        assert [row[2] for row in charges if row[0] == "run"] == pytest.approx([0.8] * (4 if repair_s == 1200.0 else 3))
    # Vehicle 0 is repaired at 8:25, as vehicle 1 breaks down.
    assert rows[1200.0] == [
        ("8:00", "8:00", 0, "broken"), ("8:20", "8:20", 1, "broken"), ("8:40", "8:40", 0, "broken"),
        ("9:00", "9:00", 1, "broken"),
    ]  # fmt: skip
    # A second later there is no spare, and vehicle 1 is at the mill again at 8:45:01.
    assert rows[1201.0] == [
        ("8:00", "8:00", 0, "broken"), ("8:20", "8:20", 1, "broken"), ("8:40", "never", 0, "broken"),
        ("9:00", "9:00", 1, "broken"),
    ]  # fmt: skip


def test_no_lap_is_made_by_a_spare_that_does_not_come_in_time(tmp_path: Path) -> None:
    day = laps(
        tmp_path, "8:00", "8:20", "8:40", stops=LONG_WAY, breakdowns=FAILS | {"spares": 1, "spare_s": 901.0}
    )  # fmt: skip
    day.finish()
    assert day.table("laps", "left_s", "vehicle") == [("8:00", 0), ("never", 0), ("8:40", 1)]


def test_the_spare_with_the_lowest_number_goes_first(tmp_path: Path) -> None:
    fails = FAILS | {"spares": 2, "spare_s": 300.0, "repair_s": 7200.0}
    day = laps(tmp_path, "8:00", "8:20", "8:40", "9:00", stops=LONG_WAY, breakdowns=fails)
    day.finish()
    assert day.table("laps", "left_s", "vehicle") == [("8:00", 0), ("8:20", 1), ("8:40", 2), ("never", 0)]


# Late trains


def to_trains(tmp_path: Path, **shuttle: Any) -> Laps:
    return laps(tmp_path, trains=FROM_CITY, **{"seats": 9, **TO_TRAINS, **shuttle})


HELD = ("left_s", "held_s", "held_aboard", "saved", "missed")


def test_a_shuttle_is_held_for_a_late_train_and_knows_who_was_aboard_and_who_was_saved(tmp_path: Path) -> None:
    day = to_trains(tmp_path)
    day.does("7:40", lambda: day.vehicles.meet_late_train(0, 120.0))
    planned: list[float] = []
    day.does("7:41", lambda: planned.extend(day.vehicles.calls.leaves_s[:2]))
    # Who comes at 8:01 would have had this lap; who comes later would have had to wait for the next.
    for number, time in enumerate(("7:50", "8:01", "8:01:01", "8:03")):
        day.waits(number, 0, 1, time)
    day.waits(9, 1, 2)
    day.finish()
    # Everybody knows at once when the late lap leaves and comes.
    assert planned == [seconds("8:03"), seconds("8:06")]
    assert day.table("laps", *HELD) == [("8:03", 120.0, 2, 2, 0), ("8:16", 0.0, 0, 0, 0)]
    assert day.told()[0] == ("8:05:30", "", 1)


def test_who_rides_through_the_station_is_held_there_too(tmp_path: Path) -> None:
    day = to_trains(tmp_path, stops=[at(STATION), at(MILL), at(SCHOOL)])
    # Station 8:01, mill 8:04, school 8:09:30, and by the station, 8:12, to the mill.
    day.does("7:40", lambda: day.vehicles.meet_late_train(1, 60.0))
    day.waits(1, 2, 4)
    day.waits(2, 3, 4, "8:10")
    day.waits(3, 3, 4, "8:16:30")
    day.finish()
    assert day.table("laps", *HELD)[1] == ("8:17", 60.0, 2, 1, 0)
    assert day.told()[1] == ("8:19:30", "", 4)


@pytest.mark.parametrize(("late_s", "left"), [(180.0, "8:04"), (180.5, "8:01"), (0.5, "8:01:0.5")])
def test_it_waits_up_to_its_limit_and_no_further(tmp_path: Path, late_s: float, left: str) -> None:
    day = to_trains(tmp_path)
    day.does("7:40", lambda: day.vehicles.meet_late_train(0, late_s))
    day.waits(1, 0, 1)
    day.finish()
    held_s = 0.0 if late_s > 180.0 else late_s
    assert day.table("laps", *HELD)[0] == (left, held_s, int(held_s > 0.0), 0, 0)


def test_what_was_said_of_a_late_train_is_kept(tmp_path: Path) -> None:
    """Waiting until 8:03 was promised; the train is only a minute late after all, then two and a half."""
    day = to_trains(tmp_path)
    for time, late_s in (("7:40", 120.0), ("7:50", 60.0)):
        day.does(time, lambda late_s=late_s: day.vehicles.meet_late_train(0, late_s))
    assert day.table("calls", "t_s")[0] == ("8:03",)
    longer = to_trains(tmp_path)
    for time, late_s in (("7:40", 120.0), ("8:00", 150.0)):
        longer.does(time, lambda late_s=late_s: longer.vehicles.meet_late_train(0, late_s))
    assert longer.table("calls", "t_s")[0] == ("8:03:30",)


def test_a_vehicle_that_is_late_itself_is_held_for_the_rest(tmp_path: Path) -> None:
    """Two board for 20 s each from 8:00:50: it could leave at 8:01:30, and the train's passengers come at 8:02."""
    day = to_trains(tmp_path, dwell={"stop_s": 0.0, "person_s": 20.0})
    day.does("7:40", lambda: day.vehicles.meet_late_train(0, 60.0))
    for number, time in ((1, "8:00:50"), (2, "8:00:55"), (3, "8:01:50")):
        day.waits(number, 0, 1, time)
    day.finish()
    # The third takes 20 s from 8:01:50: the doors, and not the train, keep it for the last 10 s.
    assert day.table("laps", *HELD)[0] == ("8:02:10", 30.0, 2, 1, 0)


def test_a_train_that_is_less_late_than_the_shuttle_changes_nothing(tmp_path: Path) -> None:
    day = to_trains(tmp_path, dwell={"stop_s": 0.0, "person_s": 60.0})
    for number in range(4):
        day.waits(number, 0, 1, "8:00:30")
    expected: list[float] = []
    day.does("8:00:40", lambda: day.vehicles.meet_late_train(0, 30.0))
    # They board until 8:04:30, and it is known from 8:01 on.
    day.does("8:01:05", lambda: expected.append(day.vehicles.calls.leaves_s[0]))
    day.does("8:01:10", lambda: day.vehicles.meet_late_train(0, 60.0))
    day.does("8:01:15", lambda: expected.append(day.vehicles.calls.leaves_s[0]))
    day.finish()
    assert expected == [seconds("8:04:30")] * 2
    assert day.table("laps", *HELD)[0] == ("8:04:30", 0.0, 0, 0, 0)


@pytest.mark.parametrize("at", ["7:40", "8:02"], ids=["known before", "known after it has left"])
def test_who_comes_with_the_train_that_was_not_waited_for_has_missed_the_lap(tmp_path: Path, at: str) -> None:
    """300 s late: whoever comes after the lap of 8:01 and until 8:06 was of the train."""
    day = to_trains(tmp_path, seats=1)
    day.does(at, lambda: day.vehicles.meet_late_train(0, 300.0))
    # Two come in time, and one of them finds no seat; at that moment she waits for the next lap.
    day.waits(1, 0, 1, "7:50")
    day.waits(2, 0, 1, "7:51")
    day.waits(3, 2, 3, "8:01:01")
    day.waits(4, 2, 3, "8:06")
    day.waits(5, 2, 3, "8:06:01")
    day.waits(6, 1, 2, "8:03")
    day.waits(8, 2, 3, "8:10")

    def asks_again() -> Any:
        yield day.world.env.timeout(seconds("7:52"))
        yield day.vehicles.wait_for(0, 1, 7)
        day.heard[7] = day.world.env.now, (yield day.vehicles.wait_for(2, 3, 7))

    day.world.env.process(asks_again())
    day.finish()
    missed = 1 if at == "8:02" else 2
    assert day.table("laps", *HELD)[0] == ("8:01", 0.0, 0, 0, missed)


def test_nobody_misses_a_lap_that_was_never_made(tmp_path: Path) -> None:
    day = to_trains(tmp_path)
    day.does("7:40", lambda: day.vehicles.withdraw("no_vehicle", frozenset({0})))
    day.does("8:01:30", lambda: day.vehicles.restore("no_vehicle"))
    day.does("8:02", lambda: day.vehicles.meet_late_train(0, 300.0))
    day.waits(1, 2, 3, "8:03")
    day.finish()
    assert day.table("laps", *HELD)[0] == ("never", 0.0, 0, 0, 0)
    # Nor one whose train came in time.
    other = to_trains(tmp_path)
    other.waits(1, 2, 3, "8:03")
    other.does("8:02", lambda: other.vehicles.meet_late_train(1, 300.0))
    other.finish()
    assert other.table("laps", *HELD)[0] == ("8:01", 0.0, 0, 0, 0)
