"""Who boards, who alights, who is left behind, and when the vehicle goes: one train of three calls, by hand.

MILL 8:00 -> STATION 8:05, leaves 8:06 -> CITY 8:16; another 15 min later. Two places, unless a story says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from kera_mobility.services.notices import Notice, RunLate
from kera_mobility.services.reasons import CANCELLED, FULL, GONE
from kera_mobility.services.stops.operation import RideEnd
from kera_mobility.services.transit.operation import MinimumDwell, RunConditions, TransitOperation, remaining_delay_s
from kera_mobility.services.transit.settings import TransitSettings
from tests.kit.hamlet import CITY, MILL, STATION, RunRow, hamlet_timetable, run, seconds
from tests.kit.stops import Calls, hamlet_world

TRAIN = run((MILL, "8:00"), (STATION, "8:05", "8:06"), (CITY, "8:16"))
NEXT = run((MILL, "8:15"), (STATION, "8:20", "8:21"), (CITY, "8:31"))
BACK = run((CITY, "8:18"), (STATION, "8:28", "8:29"), (MILL, "8:34"))
METRES = [0.0, 600.0, 6600.0]


class Line(Calls[TransitOperation]):
    """The trains of a morning, and what became of those who waited."""

    def leaves(self) -> list[float]:
        """Return when the first train leaves each call, in seconds after it should."""
        late: list[float] = [late_s for number, late_s in self.rows("running", "run", "depart_late_s") if number == 0]
        return late


def line(
    trains: tuple[RunRow, ...] = (TRAIN, NEXT), places: int = 2, run_next: tuple[int, ...] = (-1, -1), **conditions: Any
) -> Line:
    table = replace(hamlet_timetable(trains), run_next=np.array(run_next[: len(trains)], dtype=np.int32))
    world = hamlet_world()
    node = np.array([MILL, STATION, CITY])[table.call_stop]
    about = RunConditions(**{"logged": True, **conditions})
    operation = TransitOperation(
        "rail", table, np.full(table.runs, places), node, np.array(METRES * len(trains)), about
    )
    operation.start(world)
    return Line(world, operation)


# Places.


def test_who_came_first_boards_and_who_finds_no_place_is_told_at_the_departure() -> None:
    morning = line()
    for number, at in ((1, "7:58"), (2, "7:56"), (3, "7:57")):
        morning.waits(number, 0, 2, at)
    morning.world.env.run()
    rode = RideEnd(seconds("8:00"), 2, "", 0)
    assert morning.heard == {
        1: (seconds("8:00"), RideEnd(None, 0, FULL)), 2: (seconds("8:16"), rode), 3: (seconds("8:16"), rode),
    }  # fmt: skip


def test_who_alights_makes_room_for_as_many_at_the_same_stop() -> None:
    """Two ride to the station; of three who wait there two find a place."""
    morning = line()
    for number, calls in enumerate([(0, 1), (0, 1), (1, 2), (1, 2), (1, 2)]):
        morning.waits(number, *calls, at=f"7:5{number}")
    counts = morning.rows("calls", "alighted", "boarded", "left_behind", "aboard")
    assert counts == [(0, 2, 0, 2), (2, 2, 1, 2), (2, 0, 0, 0), *[(0, 0, 0, 0)] * 3]
    where = morning.rows("calls", "run", "step", "place", "vehicle")
    assert where == [(number, step, (MILL, STATION, CITY)[step], number) for number in (0, 1) for step in (0, 1, 2)]
    assert morning.heard[4][1].vehicle == -1
    assert [morning.heard[number][0] for number in range(5)] == [
        seconds(clock) for clock in ("8:05", "8:05", "8:16", "8:16", "8:06")
    ]


def test_who_rides_through_keeps_the_place() -> None:
    morning = line()
    morning.waits(1, 0, 2)
    morning.waits(2, 0, 1)
    for number in (3, 4):
        morning.waits(number, 1, 2, at=f"7:5{number}")
    counts = morning.rows("calls", "alighted", "boarded", "left_behind", "aboard")
    assert counts[:3] == [(0, 2, 0, 2), (1, 1, 1, 2), (2, 0, 0, 0)]
    assert morning.heard[4][1] == RideEnd(None, 1, FULL)


def test_people_from_beyond_the_model_take_places_from_where_they_board() -> None:
    morning = line(background_load=np.array([0, 1, 0, 0, 0, 0]))
    morning.waits(1, 0, 1)
    for number in (2, 3):
        morning.waits(number, 1, 2, at=f"7:5{number}")
    counts = morning.rows("calls", "alighted", "boarded", "left_behind", "aboard")
    assert counts[:3] == [(0, 1, 0, 1), (1, 1, 1, 1), (1, 0, 0, 0)]
    assert morning.rows("running", "others", "seats")[:3] == [(0, 2), (1, 2), (0, 2)]


def test_no_wheelchair_boards_where_there_is_no_place_for_one_and_the_next_person_takes_the_seat() -> None:
    morning = line(places=1)
    morning.waits(1, 0, 2, "7:50", wheelchair=True)
    morning.waits(2, 0, 2, "7:51")
    morning.world.env.run()
    assert morning.heard[1][1] == RideEnd(None, 0, FULL)
    assert morning.heard[2][1].boarded_s == seconds("8:00")


def test_who_comes_as_the_train_leaves_still_boards_and_later_it_is_gone() -> None:
    morning = line()
    morning.waits(1, 0, 2, "8:00")
    morning.waits(2, 0, 2, "8:00:01")
    left: list[bool] = []
    for clock in ("7:59", "8:00:01"):
        morning.does(clock, lambda: left.append(morning.vehicles.has_left(0)))
    morning.world.env.run()
    assert morning.heard[1] == (seconds("8:16"), RideEnd(seconds("8:00"), 2, "", 0))
    assert morning.heard[2] == (seconds("8:00:01"), RideEnd(None, 0, GONE))
    assert left == [False, True]


@pytest.mark.parametrize("people", [2, 12])
def test_people_alight_in_an_order_of_dice_and_not_in_that_of_boarding(people: int) -> None:
    orders = []
    for queue in (range(people), reversed(range(people))):
        morning = line((TRAIN,), places=12)
        for number in queue:
            morning.waits(number, 0, 2)
        morning.world.env.run()
        orders.append(list(morning.heard))
    assert orders[0] == orders[1]
    assert people == 2 or orders[0] not in (list(range(people)), list(reversed(range(people))))


# Time.


@pytest.mark.parametrize(
    ("aboard", "waiting", "late_s"),
    [(0, 0, 0.0), (1, 0, 0.0), (2, 0, 4.0), (0, 2, 6.0), (2, 1, 12.0), (1, 3, 13.0)],
    ids=["nobody", "one alights", "two alight", "two board", "two alight, one boards", "one alights, two fit"],
)
def test_doors_wait_for_who_alights_and_for_who_boards(aboard: int, waiting: int, late_s: float) -> None:
    """60 s at the station by plan. Doors take 50 s, who alights 7 s, who boards one of the two places 8 s."""
    morning = line(dwells=[MinimumDwell(50.0, 8.0, 7.0)] * 2)
    for number in range(aboard):
        morning.waits(number, 0, 1)
    for number in range(waiting):
        morning.waits(10 + number, 1, 2)
    assert morning.leaves() == [0.0, late_s, late_s]


def test_people_take_no_time_where_none_is_said() -> None:
    morning = line(dwells=[MinimumDwell(60.0)] * 2)
    for number, calls in enumerate([(0, 1), (0, 1), (1, 2), (1, 2)]):
        morning.waits(number, *calls)
    assert morning.leaves() == [0.0, 0.0, 0.0]


def test_before_its_first_stop_a_train_has_stood_for_long() -> None:
    morning = line(dwells=[MinimumDwell(50.0, 80.0, 70.0)] * 2)
    morning.waits(1, 0, 2)
    assert morning.leaves() == [0.0, 0.0, 0.0]


def test_without_dwells_of_its_own_a_late_train_stands_as_long_as_planned() -> None:
    """100 s late: it stands 60 s at the station as planned. With doors that take 20 s it makes up 40 s."""
    assert line(late_s=np.array([100.0, 0.0])).leaves() == [100.0] * 3
    quick = line(late_s=np.array([100.0, 0.0]), dwells=[MinimumDwell(20.0, 0.0, 0.0)] * 2)
    assert quick.leaves() == [100.0, 60.0, 60.0]
    # Ten seconds late with doors of 20 s it is on time again, never early.
    assert line(late_s=np.array([10.0, 0.0]), dwells=[MinimumDwell(20.0, 0.0, 0.0)] * 2).leaves() == [10.0, 0.0, 0.0]


def test_a_late_train_makes_up_its_part_of_each_hop() -> None:
    """A tenth of 5 min, then of 10 min."""
    morning = line(late_s=np.array([100.0, 0.0]), recovery=0.1)
    late = morning.rows("running", "arrive_late_s", "depart_late_s")
    assert late[:3] == [(0.0, 100.0), (70.0, 70.0), (10.0, 10.0)]
    assert (remaining_delay_s(100.0, 300.0, 0.1), remaining_delay_s(20.0, 300.0, 0.1)) == (70.0, 0.0)


def test_a_train_that_is_held_leaves_late_by_so_much_and_says_so() -> None:
    """Held at the station until 8:08; at its last call nobody holds it."""
    morning = line(hold=lambda number, call: seconds("8:08") if (number, call) == (0, 1) else 0.0)
    morning.waits(1, 1, 2, "8:07:59")
    rows = morning.rows("running", "depart_late_s", "held_s")
    assert rows[:3] == [(0.0, 0.0), (120.0, 120.0), (120.0, 0.0)]
    assert morning.heard[1] == (seconds("8:18"), RideEnd(seconds("8:08"), 2, "", 0))


@pytest.mark.parametrize(("limit_s", "news"), [(59.0, 1), (60.0, 0)])
def test_a_train_later_than_the_limit_is_news_once(limit_s: float, news: int) -> None:
    morning = line(late_s=np.array([60.0, 0.0]), notice_late_s=limit_s)
    posted: list[Notice] = []
    morning.world.notices.listen(RunLate, posted.append)
    morning.world.env.run()
    told = [(notice.text, notice.place, notice.run, notice.late_s) for notice in posted if isinstance(notice, RunLate)]
    assert told == [("T runs 1 min late", MILL, 0, 60.0)] * news


def test_stops_of_one_minute_are_made_in_that_minute() -> None:
    """As timetables in whole minutes have it: MILL and STATION at 8:00, CITY at 8:10."""
    morning = line((run((MILL, "8:00"), (STATION, "8:00", "8:00"), (CITY, "8:10")),))
    assert morning.leaves() == [0.0, 0.0, 0.0]


# One vehicle, run after run.


@pytest.mark.parametrize("number", [0, 1], ids=["first", "second"])
def test_riders_stay_aboard_while_their_train_becomes_another(number: int) -> None:
    """The train back leaves the city at 8:18; its number in the timetable is of no account."""
    other = 1 - number
    trains, run_next = {number: TRAIN, other: BACK}, {number: other, other: -1}
    morning = line((trains[0], trains[1]), run_next=(run_next[0], run_next[1]))
    morning.waits(1, 3 * number, 3 * other + 1)
    morning.waits(2, 3 * number, 3 * number + 2)
    morning.waits(3, 3 * other, 3 * other + 2)
    counts = morning.rows("calls", "run", "alighted", "boarded", "left_behind", "aboard")
    assert [row[1:] for row in counts if row[0] == number] == [(0, 2, 0, 2), (0, 0, 0, 2), (1, 0, 0, 1)]
    assert [row[1:] for row in counts if row[0] == other] == [(0, 1, 0, 2), (1, 0, 0, 1), (1, 0, 0, 0)]
    assert morning.heard[1] == (seconds("8:28"), RideEnd(seconds("8:00"), 3 * other + 1, "", other))
    # Five minutes late it is that late on its way back as well, less the two minutes in the city.
    late_s = {number: 300.0, other: 0.0}
    morning = line((trains[0], trains[1]), run_next=(run_next[0], run_next[1]), late_s=np.array([late_s[0], late_s[1]]))
    late = morning.rows("running", "run", "depart_late_s")
    assert [depart_s for run, depart_s in late if run == other] == [180.0] * 3


def test_riders_get_out_where_their_train_becomes_none() -> None:
    morning = line((TRAIN, BACK), run_next=(1, -1))
    morning.waits(1, 0, 4)
    morning.waits(2, 0, 2)
    morning.does("8:10", lambda: morning.vehicles.end_run(1, "closed"))
    counts = morning.rows("calls", "run", "alighted", "boarded", "left_behind", "aboard")
    assert counts == [(0, 0, 2, 0, 2), (0, 0, 0, 0, 2), (0, 2, 0, 0, 0)]
    assert morning.heard[1] == (seconds("8:16"), RideEnd(seconds("8:00"), 2, "closed", 0))
    assert morning.heard[2] == (seconds("8:16"), RideEnd(seconds("8:00"), 2, "", 0))


def test_trains_that_are_not_one_vehicle_have_nothing_to_do_with_each_other() -> None:
    overtaking = run((MILL, "8:07"), (STATION, "8:12", "8:13"), (CITY, "8:25"))
    morning = line((TRAIN, overtaking))
    morning.waits(1, 3, 5)
    assert morning.rows("calls", "run", "aboard")[3:] == [(1, 1), (1, 1), (1, 0)]
    closed = line()
    closed.waits(1, 0, 2)
    closed.does("7:55", lambda: closed.vehicles.end_run(1, "closed"))
    closed.world.env.run()
    assert closed.heard[1] == (seconds("8:16"), RideEnd(seconds("8:00"), 2, "", 0))


# What is asked for.


def test_runs_are_logged_only_where_they_may_differ_from_the_plan() -> None:
    planned = line(logged=RunConditions().logged)
    assert planned.rows("running") == []
    assert len(planned.rows("calls")) == 6


def test_a_day_of_a_feed_is_a_day_of_the_calendar() -> None:
    assert TransitSettings(timetable="trains", date="2028-02-29").date == "2028-02-29"
    with pytest.raises(ValidationError):
        TransitSettings(timetable="trains", date="2026-02-29")


# What does not run.


def test_a_cancelled_train_takes_nobody_and_drives_nowhere() -> None:
    morning = line(cancelled=np.array([True, False]))
    morning.waits(1, 0, 2)
    assert morning.rows("running", "run", "step", "held_s", "ended") == [
        (0, 0, 0.0, CANCELLED), (1, 0, 0.0, ""), (1, 1, 0.0, ""), (1, 2, 0.0, ""),
    ]  # fmt: skip
    assert morning.rows("moves", "run") == [(1,)]
    assert morning.heard[1] == (seconds("7:50"), RideEnd(None, 0, CANCELLED))
    assert [morning.vehicles.has_ended(number) for number in (0, 1)] == [True, False]


def test_a_train_that_is_ended_on_the_way_sets_down_at_its_next_call() -> None:
    morning = line()
    morning.waits(1, 0, 2)
    morning.waits(2, 1, 2)
    morning.waits(3, 3, 5)
    morning.does("8:02", lambda: morning.vehicles.end_run(0, "closed"))
    morning.does("8:03", lambda: morning.vehicles.end_run(0, "other"))
    assert morning.rows("moves", "run", "step", "t_s", "end_s", "distance_m", "origin", "destination") == [
        (0, 0, seconds("8:00"), seconds("8:05"), 600.0, MILL, STATION),
        (1, 0, seconds("8:15"), seconds("8:31"), 6600.0, MILL, CITY),
    ]
    assert morning.heard[1] == (seconds("8:05"), RideEnd(seconds("8:00"), 1, "closed", 0))
    assert morning.heard[2] == (seconds("8:02"), RideEnd(None, 1, "closed"))
    assert morning.heard[3][1].reason == ""
    assert (morning.vehicles.ended_runs(), morning.vehicles.ended_runs("other")) == ([0], [])


def test_a_train_that_is_ended_at_a_stop_goes_no_further() -> None:
    morning = line(dwells=[MinimumDwell(50.0, 0.0, 0.0)] * 2)
    morning.waits(1, 0, 2)
    morning.does("8:05:30", lambda: morning.vehicles.end_run(0, "closed"))
    morning.world.env.run()
    assert morning.heard[1] == (seconds("8:06"), RideEnd(seconds("8:00"), 1, "closed", 0))


@pytest.mark.parametrize(
    ("at", "reason", "again"),
    [
        ("8:14", "closed", True),
        ("8:14", "strike", False),  # ended for something else
        ("8:15", "closed", False),  # due now
        ("8:20", "closed", False),
    ],
)
def test_a_train_that_was_ended_before_it_began_runs_if_it_is_reopened_in_time(
    at: str, reason: str, again: bool
) -> None:
    morning = line()
    morning.does("8:10", lambda: morning.vehicles.end_run(1, "closed"))
    morning.does(at, lambda: morning.vehicles.reopen([1], reason))
    morning.world.env.run()
    assert morning.vehicles.ended_runs() == ([] if again else [1])
    assert len(morning.rows("moves", "run")) == 1 + again


def test_a_train_under_way_is_not_reopened() -> None:
    morning = line()
    morning.does("8:02", lambda: morning.vehicles.end_run(0, "closed"))
    morning.does("8:03", lambda: morning.vehicles.reopen([0], "closed"))
    morning.world.env.run()
    assert morning.vehicles.ended_runs("closed") == [0]
