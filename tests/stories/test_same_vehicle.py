"""Riders stay aboard while their vehicle becomes the next run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.services.transit import delays
from kera_mobility.simulation.run import Run, live
from kera_mobility.town.timetable.timetable import Journeys, Timetable
from tests.kit.hamlet import CITY, MILL, STATION, hamlet_timetable, hamlet_town, rows, run, scenario, seconds, trip

TWO_RUNS = (run((MILL, "8:00"), (STATION, "8:05")), run((STATION, "8:05:30"), (CITY, "8:15")))
"""Half a minute is too short for a change."""


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a way to say how late the runs are and which are cancelled."""

    def say(late_s: Sequence[float], cancelled: Sequence[bool]) -> None:
        monkeypatch.setattr(delays, "late_s", lambda settings, timetable, dice: np.array(late_s))
        monkeypatch.setattr(delays, "cancelled", lambda settings, timetable, dice: np.array(cancelled))

    return say


def in_seat() -> Timetable:
    return replace(hamlet_timetable(TWO_RUNS), run_next=np.array([1, -1], dtype=np.int32))


def day(tmp_path: Path, timetable: Timetable, **rail: Any) -> Run:
    """Return a day on which somebody wants to go from the mill to the city."""
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, CITY, "7:50")], trains=TWO_RUNS)
    timetable.save(tmp_path / "timetables" / "trains")
    return live(scenario({"walk": {"walk_speed_m_s": 0.3}, "rail": rail}, prefer=("rail",)), town)


def test_a_rider_stays_aboard_and_pays_alights_and_arrives_once(tmp_path: Path) -> None:
    today = day(tmp_path, in_seat())
    (leg,) = rows(today, "legs", service="rail")
    assert rows(today, "trips")[0]["end_s"] == seconds("8:15")
    assert (leg["ride_s"], leg["vehicle"]) == (15 * 60.0, 1)
    drives = rows(today, "moves", service="rail")
    assert leg["ride_m"] == sum(drive["distance_m"] for drive in drives)
    calls = rows(today, "calls")
    assert [(call["boarded"], call["alighted"], call["aboard"]) for call in calls] == [
        (1, 0, 1), (0, 0, 1), (0, 0, 1), (0, 1, 0),
    ]  # fmt: skip


def test_without_it_the_rider_would_have_to_change_and_cannot(tmp_path: Path) -> None:
    assert rows(day(tmp_path, hamlet_timetable(TWO_RUNS)), "legs", service="rail") == []


def test_the_next_run_waits_for_its_own_vehicle_and_boards_say_so(tmp_path: Path, late: Callable[..., None]) -> None:
    late([240.0, 0.0], [False, False])
    today = day(tmp_path, in_seat(), delays={"on": True})
    assert rows(today, "trips")[0]["end_s"] == seconds("8:18:30")
    shown = delays.displayed(in_seat(), np.array([240.0, 0.0]), 0.0, None)
    assert shown.call_depart_s[2] == seconds("8:09")
    running = rows(today, "running", run=1)
    assert [row["depart_late_s"] for row in running] == [210.0, 210.0]


def test_nobody_boards_for_a_next_run_that_is_cancelled(tmp_path: Path, late: Callable[..., None]) -> None:
    late([0.0, 0.0], [False, True])
    (leg,) = rows(day(tmp_path, in_seat(), delays={"on": True}), "legs", service="rail")
    assert (leg["vehicle"], leg["destination"]) == (-1, MILL), "boards show no way on, so nobody boards"
    shown, _ = delays.without(in_seat(), np.array([False, True]))
    assert shown.run_next.tolist() == [-1]


def test_a_cancelled_run_makes_the_next_neither_late_nor_wait(tmp_path: Path, late: Callable[..., None]) -> None:
    late([600.0, 0.0], [True, False])
    running = rows(day(tmp_path, in_seat(), delays={"on": True}), "running", run=1)
    assert [row["depart_late_s"] for row in running] == [0.0, 0.0]


def test_what_grows_along_a_run_grows_on_in_the_next() -> None:
    values = np.array([0.0, 5.0, 0.0, 9.0])
    assert in_seat().chained(values).tolist() == [0.0, 5.0, 5.0, 14.0]
    assert hamlet_timetable(TWO_RUNS).chained(values).tolist() == values.tolist()


def test_rules_of_changing_survive_a_cut_of_the_runs(tmp_path: Path) -> None:
    """Who alights goes on by the same origin whether all runs are shown or only those that are not closed."""
    table = replace(
        hamlet_timetable((*TWO_RUNS, run((STATION, "8:20"), (CITY, "8:30")))),
        call_from_class=np.array([0, 1, 0, 0, 0, 0], dtype=np.int32),
        call_to_class=np.array([0, 0, 1, 0, 2, 0], dtype=np.int32),
        transfer_pair=np.array([[1, 1], [1, 2]], dtype=np.int32),
        transfer_need_s=np.array([0.0, 1200.0]),
    )
    table.save(tmp_path)
    table = Timetable.load(tmp_path)
    journeys = Journeys.of(table)
    mill, city = table.stop_id.index(str(MILL)), table.stop_id.index(str(CITY))
    found = journeys.next_one(mill, city, 0.0)
    assert found is not None
    assert found.arrive_s == seconds("8:15"), "no time is needed"
    reduced, _ = delays.without(table, np.array([False, True, False]))
    later = Journeys.of(reduced)
    assert later.next_one(mill, city, 0.0) is None, "20 min are not there"
    station = table.stop_id.index(str(STATION))
    assert later.next_one(station, city, 0.0) is not None
    ready_s = seconds("8:05") + 90.0
    assert later.next_one(int(journeys.call_origin[1]), city, ready_s) is None
