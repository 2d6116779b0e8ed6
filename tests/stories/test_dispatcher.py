"""Vehicles of a service on demand, moment by moment: 80 s to the next place, 60 s more for each further, 5 s a person.

The vehicle stands at the mill at 8:00 unless a story says otherwise. What a vehicle is going to do shows in what it can
offer somebody else at that moment.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simpy.events import EventPriority

from kera_mobility.clock import DEPARTURES_OF_VEHICLES, at_moment
from kera_mobility.services.base import Experience
from kera_mobility.services.contract import Booking, Offer, Refusal
from kera_mobility.services.notices import FleetWithdrawn, StreetsChanged
from tests.kit.hamlet import HOME, MILL, SCHOOL, STATION, at, seconds
from tests.stories.test_on_demand import ride, stage


class Stage:
    """A service on demand in the hamlet, with a clock."""

    def __init__(self, tmp_path: Path, clock: str = "8:00", **changes: Any) -> None:
        self.world, self.service, self._leg = stage(tmp_path, clock, **changes)

    @property
    def now(self) -> float:
        return float(self.world.env.now)

    def at(self, clock: str) -> None:
        """Let everything happen that happens up to a time, that moment with it."""
        if seconds(clock) > self.now:
            self.world.env.run(until=seconds(clock))
        self.world.env.run(until=at_moment(self.world.env, 0.0, EventPriority(DEPARTURES_OF_VEHICLES + 1)))

    def leg(self, number: int, origin: int, destination: int, ready: str = "") -> Any:
        leg = self._leg(number, origin, destination)
        leg.ready_s = seconds(ready) if ready else None
        return leg

    def wait_s(self, origin: int, destination: int, ready: str = "") -> float | str:
        """Return how long somebody would wait who asks now, or why there is no ride."""
        answer = self.service.quote(self.leg(8, origin, destination, ready))
        return answer.wait_s if isinstance(answer, Offer) else answer.reason

    def book(self, number: int, origin: int, destination: int, ready: str = "") -> Any:
        """Book, without going to the stop; return the promise."""
        booking = self.service.book(self.leg(number, origin, destination, ready))
        assert isinstance(booking, Booking)
        return booking.plan

    def rides(self, number: int, origin: int, destination: int, ready: str = "", come: str = "") -> Any:
        """Book and go to the stop, at once or at a time; return the promise."""
        rider = self.book(number, origin, destination, ready)
        ride(self.world, self.service, rider.booking, late_s=seconds(come) - self.now if come else 0.0)
        return rider

    def moves(self) -> list[tuple[str, int, int, str]]:
        """Return (clock, origin, destination, cause) of each drive so far."""
        rows = self.world.log.tables()["moves"].to_pylist()
        return [(clock(row["t_s"]), row["origin"], row["destination"], row["cause"]) for row in rows]

    def calls(self) -> list[tuple[str, int, int, int, int]]:
        """Return (clock, place, alighted, boarded, aboard) of each call at a stop that is over."""
        rows = self.world.log.tables()["calls"].to_pylist()
        return [(clock(row["t_s"]), row["place"], row["alighted"], row["boarded"], row["aboard"]) for row in rows]

    def slower(self, factor: float, *ways: tuple[int, int]) -> None:
        """Have some ways, else all, take so many times as long to drive from now on, inf where they are shut."""
        drive_s = self.service.town.skims.drive_s.copy()
        for a, b in ways or [(a, b) for a in range(len(drive_s)) for b in range(len(drive_s)) if a != b]:
            drive_s[a, b] *= factor
        skims = replace(self.service.town.skims, drive_s=drive_s)
        self.world.post(StreetsChanged(text="for a test", streets=self.service.town.streets, skims=skims))


def clock(time_s: float) -> str:
    minutes, rest_s = divmod(int(time_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{rest_s:02}" if rest_s else "")


# What a vehicle under way can promise.


def test_who_asks_while_the_vehicle_drives_or_somebody_boards_is_fetched_when_it_leaves(tmp_path: Path) -> None:
    """It is at the home at 8:01:20 and leaves at 8:01:25."""
    hamlet = Stage(tmp_path)
    hamlet.rides(1, HOME, STATION)
    for moment, wait_s in (("8:00:30", 55.0), ("8:01:22", 3.0)):
        hamlet.at(moment)
        assert hamlet.wait_s(HOME, STATION) == wait_s


def test_who_asks_while_the_vehicle_holds_waits_until_it_may_leave(tmp_path: Path) -> None:
    """Held from 8:10 for 3 minutes at most; the rider comes at 8:12 and is aboard at 8:12:05."""
    hamlet = Stage(tmp_path, hold_s=180.0, max_wait_s=180.0, detour_factor=1.0)
    hamlet.rides(1, HOME, STATION, "8:10", come="8:12")
    hamlet.at("8:11")
    # Away at 8:13:05, at the station at 8:15:25, free at 8:15:30, at the school at 8:16:50.
    assert hamlet.wait_s(SCHOOL, HOME, "8:15") == 110.0
    hamlet.at("8:12:02")
    assert hamlet.wait_s(HOME, STATION) == 3.0
    # 65 s earlier than was to be feared.
    assert hamlet.wait_s(SCHOOL, HOME, "8:15") == 50.0


def test_a_vehicle_that_waited_in_vain_has_called_and_leaves_without_the_rider(tmp_path: Path) -> None:
    hamlet = Stage(tmp_path, hold_s=180.0)
    late, next_one = hamlet.book(1, HOME, STATION, "8:10"), hamlet.rides(2, SCHOOL, STATION, "8:20")
    hamlet.at("8:30")
    assert (late.end, late.cause, late.refusal) == ("expired", "late_rider", Refusal("expired", HOME))
    assert hamlet.moves()[:2] == [("8:08:40", MILL, HOME, "fetch"), ("8:16:40", HOME, SCHOOL, "fetch")]
    assert hamlet.calls()[0] == ("8:16:40", HOME, 0, 0, 0)
    assert next_one.end == "ridden"


# Who gives a promise back.


def test_a_vehicle_does_not_wait_for_who_has_cancelled(tmp_path: Path) -> None:
    """Held until 8:15, it would be at the station at 8:17:25; it leaves at 8:11 for there."""
    hamlet = Stage(tmp_path, hold_s=300.0)
    rider = hamlet.book(1, HOME, STATION, "8:10")
    hamlet.at("8:11")
    assert hamlet.wait_s(STATION, SCHOOL) == 385.0
    hamlet.service.cancel(rider.booking)
    hamlet.at("8:11")
    assert hamlet.wait_s(STATION, SCHOOL) == 140.0


def test_who_has_cancelled_is_not_fetched_and_the_next_is_fetched_in_time(tmp_path: Path) -> None:
    """With the first on board at the mill at 8:20 it could be at the school at 8:22:25, without at 8:21 sharp."""
    hamlet = Stage(tmp_path)
    first, second = hamlet.book(1, MILL, STATION, "8:20"), hamlet.rides(2, SCHOOL, MILL, "8:21")
    hamlet.at("8:10")
    hamlet.service.cancel(first.booking)
    hamlet.at("8:30")
    assert second.pickup_s == seconds("8:21")
    assert hamlet.moves()[0] == ("8:18:40", MILL, SCHOOL, "fetch")


def test_the_place_of_who_has_cancelled_is_free_again(tmp_path: Path) -> None:
    """One seat. The second leaves it at the school at 8:11:30, 140 s from the mill, and none is free before."""
    hamlet = Stage(tmp_path, seats=1, max_wait_s=100.0)
    first = hamlet.book(1, HOME, MILL)
    hamlet.book(2, STATION, SCHOOL, "8:10")
    hamlet.at("8:00:30")
    hamlet.service.cancel(first.booking)
    assert hamlet.wait_s(MILL, HOME, "8:12:30") == 80.0
    assert hamlet.wait_s(STATION, SCHOOL, "8:10") == "full"


def test_the_place_of_who_cancels_long_before_is_free_once(tmp_path: Path) -> None:
    """One seat: the next but one rides after the next, who is at the school after 5 s and 140 s."""
    hamlet = Stage(tmp_path, seats=1)
    first = hamlet.book(1, HOME, MILL, "8:30")
    hamlet.service.cancel(first.booking)
    hamlet.rides(2, MILL, SCHOOL)
    hamlet.at("8:00")
    assert hamlet.wait_s(MILL, SCHOOL) == 5.0 + 140.0 + 5.0 + 140.0


def test_promises_that_are_open_at_the_end_of_the_day_expire(tmp_path: Path) -> None:
    hamlet = Stage(tmp_path)
    rider = hamlet.book(1, HOME, STATION, "9:00")
    hamlet.service.finish()
    assert (rider.end, rider.cause) == ("expired", "day_over")


# Joint assignment: one vehicle at the home and one at the school, a seat each, all booked for later.


def two_ends(tmp_path: Path, **changes: Any) -> Stage:
    depots = [at(HOME), at(SCHOOL)]
    return Stage(tmp_path, depots=depots, vehicles=2, seats=1, max_wait_s=150.0, dispatch={"kind": "batch", **changes})


def three(hamlet: Stage) -> list[Any]:
    """Two from the home to the mill, which the first vehicle is promised for, and one from the school to the home."""
    wanted = ((HOME, MILL, "8:10"), (HOME, MILL, "8:11:40"), (SCHOOL, HOME, "8:10"))
    return [hamlet.rides(number, *legs, come=legs[-1]) for number, legs in enumerate(wanted, start=1)]


def vehicles(riders: list[Any]) -> list[int]:
    return [rider.vehicle for rider in riders]


@pytest.mark.parametrize("round_s", [30, 1])
def test_at_the_next_full_round_promises_are_given_to_vehicles_jointly(tmp_path: Path, round_s: int) -> None:
    """The second vehicle comes to the home anyway and takes the second on: 360 s are driven, not 440 s."""
    hamlet = two_ends(tmp_path, round_s=round_s)
    hamlet.at("8:00:10")
    riders = three(hamlet)
    assert vehicles(riders) == [0, 0, 1]
    hamlet.world.env.run(until=hamlet.now + round_s - 10 % round_s)
    assert vehicles(riders) == [0, 0, 1]
    hamlet.at(clock(hamlet.now))
    assert vehicles(riders) == [0, 1, 1]
    hamlet.at("8:30")
    assert [rider.end for rider in riders] == ["ridden"] * 3
    assert [(clock(rider.pickup_s), clock(rider.arrival_s)) for rider in riders] == [
        ("8:10", "8:11:25"), ("8:13:30", "8:14:55"), ("8:10", "8:13:25"),
    ]  # fmt: skip


def test_who_has_cancelled_before_the_round_gets_no_vehicle_and_the_next_round_is_another(tmp_path: Path) -> None:
    hamlet = two_ends(tmp_path)
    alone = hamlet.book(4, MILL, HOME, "8:40")
    hamlet.service.cancel(alone.booking)
    hamlet.at("8:00:40")
    riders, among = three(hamlet), hamlet.book(5, MILL, HOME, "8:40")
    hamlet.service.cancel(among.booking)
    hamlet.at("8:01")
    assert vehicles(riders) == [0, 1, 1]
    hamlet.at("9:00")
    assert [(rider.end, rider.vehicle) for rider in (alone, among)] == [("cancelled", 0), ("cancelled", 0)]
    assert len(hamlet.moves()) == 3, "nobody drove to who has cancelled"


def test_one_who_could_be_served_better_changes_vehicles_and_one_who_boards_does_not(tmp_path: Path) -> None:
    """The second was promised from the school, because the first had the vehicle at the home, and has cancelled."""
    hamlet = two_ends(tmp_path)
    first = hamlet.book(1, HOME, MILL, "8:10")
    hamlet.at("8:00:40")
    second = hamlet.rides(2, HOME, MILL, "8:10", come="8:10")
    hamlet.service.cancel(first.booking)
    hamlet.at("8:00:58")
    boarding = hamlet.rides(3, SCHOOL, STATION)
    assert vehicles([second, boarding]) == [1, 1]
    hamlet.at("8:01")
    assert vehicles([second, boarding]) == [0, 1]
    hamlet.at("8:30")
    assert [(rider.end, clock(rider.pickup_s)) for rider in (second, boarding)] == [
        ("ridden", "8:10"), ("ridden", "8:00:58"),
    ]  # fmt: skip


def test_the_only_promise_of_a_round_changes_vehicles_too(tmp_path: Path) -> None:
    """It was made while the vehicle at the home was off the road."""
    hamlet = two_ends(tmp_path)
    hamlet.service._dispatcher.withdraw([0], places=1)
    only = hamlet.book(1, HOME, MILL, "8:10")
    hamlet.service._dispatcher.withdraw([], places=1)
    assert only.vehicle == 1
    hamlet.at("8:00:30")
    assert only.vehicle == 0


def test_what_drives_no_less_is_left_as_it_was_promised(tmp_path: Path) -> None:
    """300 s by either: jointly the second vehicle would come to the station, as far as the first goes from the mill."""
    hamlet = two_ends(tmp_path)
    riders = [hamlet.book(1, HOME, MILL, "8:10"), hamlet.book(2, STATION, HOME, "8:11:40")]
    hamlet.at("8:01")
    assert vehicles(riders) == [0, 0]


# Without work.

EXPECTED: dict[str, Any] = {"repositioning": {"kind": "expected"}}


def many_ask(hamlet: Stage, place: int, hour: int) -> None:
    """Have the service expect that people ask at a place in an hour."""
    zone = int(hamlet.service.town.zone[place])
    met = Experience.none(int(hamlet.service.town.zone.max()) + 1)
    met.requests[zone, hour] = met.served[zone, hour] = 20.0
    hamlet.service.learn(met)


def shift(begin: str, end: str) -> dict[str, Any]:
    return {"shifts": [{"start_s": seconds(begin), "end_s": seconds(end)}]}


def test_from_the_beginning_of_the_shift_on_a_vehicle_waits_where_people_are_expected(tmp_path: Path) -> None:
    """Also if it had something to do and has not any more; in the end it goes home just in time."""
    hamlet = Stage(tmp_path, "6:00", **shift("7:00", "8:00"), **EXPECTED)
    many_ask(hamlet, SCHOOL, 7)
    hamlet.service.cancel(hamlet.book(1, MILL, HOME, "7:10").booking)
    hamlet.at("8:30")
    assert hamlet.moves() == [("7:00", MILL, SCHOOL, "reposition"), ("7:57:40", SCHOOL, MILL, "depot")]


@pytest.mark.parametrize(("end", "goes"), [("7:04:40", True), ("7:04:39", False)])
def test_a_vehicle_goes_to_wait_only_where_it_can_be_home_from_in_time(tmp_path: Path, end: str, goes: bool) -> None:
    """The school is 140 s away."""
    hamlet = Stage(tmp_path, "6:00", **shift("7:00", end), **EXPECTED)
    many_ask(hamlet, SCHOOL, 7)
    hamlet.at("8:30")
    there_and_back = [("7:00", MILL, SCHOOL, "reposition"), ("7:02:20", SCHOOL, MILL, "depot")]
    assert hamlet.moves() == there_and_back * goes


def test_on_the_way_to_where_it_waits_a_vehicle_can_be_booked_for_when_it_is_there(tmp_path: Path) -> None:
    """It sets out at 7:00: from then on it is 140 s to the school and as much back to the mill."""
    hamlet = Stage(tmp_path, "6:00", **shift("7:00", "9:00"), **EXPECTED)
    many_ask(hamlet, SCHOOL, 7)
    hamlet.world.env.run(until=seconds("7:00"))
    assert hamlet.wait_s(MILL, HOME) == 0.0
    hamlet.at("7:00")
    assert hamlet.wait_s(MILL, HOME) == 280.0
    hamlet.at("7:01")
    rider = hamlet.rides(1, SCHOOL, STATION)
    hamlet.at("7:10")
    assert clock(rider.pickup_s) == "7:02:20"


def test_a_vehicle_that_no_street_leads_home_stands_until_streets_open(tmp_path: Path) -> None:
    hamlet = Stage(tmp_path, **shift("7:00", "9:00"))
    hamlet.rides(1, MILL, SCHOOL)
    hamlet.at("8:30")
    hamlet.slower(np.inf)
    hamlet.at("9:10")
    assert hamlet.moves() == [("8:00:05", MILL, SCHOOL, "carry")]
    hamlet.slower(1.0)
    hamlet.at("9:10")
    assert hamlet.moves()[1:] == [("9:10", SCHOOL, MILL, "depot")]


# Vehicles that break down.


def test_a_vehicle_breaks_down_when_it_was_said_to_and_everybody_is_told(tmp_path: Path) -> None:
    """It stays where it is, whatever is expected elsewhere, and nobody waits for it."""
    hamlet = Stage(tmp_path, "6:00", **EXPECTED)
    many_ask(hamlet, SCHOOL, 7)
    rider = hamlet.book(1, HOME, MILL, "7:30")
    hamlet.service._dispatcher.break_down_at(0, seconds("6:30"))
    hamlet.at("8:00")
    (told,) = hamlet.world.log.tables()["notices"].to_pylist()
    assert (clock(told["t_s"]), told["topic"], told["place"]) == ("6:30", "breakdown", MILL)
    assert (rider.end, rider.cause, rider.refusal) == ("expired", "breakdown", Refusal("broken", HOME))
    assert hamlet.moves() == []
    assert hamlet.wait_s(MILL, HOME) == "no_vehicle_in_time"


def test_who_sits_in_a_vehicle_that_breaks_down_is_put_off_at_once_and_nobody_else(tmp_path: Path) -> None:
    """With the first aboard it waits at the mill until 8:03:40, for the home at 8:05; another carries the third."""
    hamlet = Stage(tmp_path, vehicles=2, max_wait_s=300.0)
    first, second = hamlet.rides(1, MILL, SCHOOL), hamlet.rides(2, HOME, SCHOOL, "8:05", come="8:05")
    hamlet.at("8:00:05")
    third = hamlet.rides(3, STATION, SCHOOL)
    hamlet.at("8:02")
    assert vehicles([first, second, third]) == [0, 0, 1]
    hamlet.service._dispatcher.break_down(0)
    hamlet.at("8:02")
    assert (first.end, first.cause, first.refusal) == ("expired", "breakdown", Refusal("broken", MILL))
    assert (third.end, third.vehicle) == ("", 1)
    hamlet.at("8:30")
    assert [(rider.end, rider.vehicle) for rider in (second, third)] == [("ridden", 1)] * 2
    assert hamlet.calls() == [
        ("8:01:30", STATION, 0, 1, 1), ("8:02:55", SCHOOL, 1, 0, 0), ("8:06:20", HOME, 0, 1, 1),
    ], "the one that broke down goes nowhere"  # fmt: skip


def test_who_is_late_for_a_vehicle_that_has_broken_down_is_held_for_by_the_next(tmp_path: Path) -> None:
    """The first holds at the home from 8:10 until 8:13 and breaks down at 8:11; the second is there at 8:12:20."""
    hamlet = Stage(tmp_path, vehicles=2, hold_s=180.0)
    aboard, late = hamlet.rides(1, MILL, STATION, "8:08"), hamlet.rides(2, HOME, STATION, "8:10", come="8:14")
    assert vehicles([aboard, late]) == [0, 0]
    hamlet.at("8:11")
    hamlet.service._dispatcher.break_down(0)
    hamlet.at("8:11")
    assert (aboard.end, clock(aboard.arrival_s), late.vehicle) == ("expired", "8:11", 1)
    hamlet.at("9:00")
    assert (late.end, clock(late.pickup_s)) == ("ridden", "8:14")


# Streets that are shut.


@pytest.mark.parametrize("way", [(MILL, HOME), (HOME, STATION)], ids=["to the rider", "on from there"])
def test_who_cannot_be_reached_or_carried_any_more_is_told_as_soon_as_it_is_known(
    tmp_path: Path, way: tuple[int, int]
) -> None:
    hamlet = Stage(tmp_path)
    rider = hamlet.book(1, HOME, STATION, "8:20")
    hamlet.at("8:10")
    hamlet.slower(np.inf, way)
    hamlet.at("8:10")
    assert (rider.end, rider.cause, rider.refusal) == ("expired", "streets", Refusal("closed", HOME))
    assert hamlet.wait_s(MILL, SCHOOL) == 0.0
    hamlet.at("9:00")
    assert hamlet.moves() == []


def test_all_who_sit_in_a_vehicle_that_cannot_go_on_are_put_off_and_their_places_are_free(tmp_path: Path) -> None:
    """Two seats. Both have boarded at the mill by 8:00:10; the streets are shut at 8:00:07 and open at 8:05."""
    hamlet = Stage(tmp_path, seats=2)
    riders = [hamlet.rides(number, MILL, STATION) for number in (1, 2)]
    hamlet.at("8:00:07")
    hamlet.slower(np.inf)
    hamlet.at("8:00:10")
    for rider in riders:
        assert (rider.end, rider.cause, rider.refusal) == ("expired", "streets", Refusal("closed", MILL))
    hamlet.at("8:05")
    hamlet.slower(1.0)
    others = []
    for number in (3, 4):
        assert hamlet.wait_s(MILL, STATION) == 0.0
        others.append(hamlet.rides(number, MILL, STATION))
    hamlet.at("8:10")
    assert [other.end for other in others] == ["ridden"] * 2
    assert hamlet.moves() == [("8:05:10", MILL, STATION, "carry")]
    assert hamlet.calls() == [("8:05:10", MILL, 2, 4, 2)]


def test_who_sits_in_a_vehicle_is_brought_there_though_another_way_is_shut(tmp_path: Path) -> None:
    """At the mill on the way, when the direct way from the home is shut."""
    hamlet = Stage(tmp_path)
    first = hamlet.rides(1, HOME, STATION)
    hamlet.at("8:00:30")
    riders = [first, hamlet.rides(2, MILL, STATION, "8:02:50", come="8:02:50")]
    hamlet.at("8:02:50")
    hamlet.slower(np.inf, (HOME, STATION))
    hamlet.at("8:10")
    assert [(rider.end, clock(rider.arrival_s)) for rider in riders] == [("ridden", "8:04:20"), ("ridden", "8:04:15")]


def test_a_vehicle_leaves_earlier_when_streets_are_slower_and_plans_with_that(tmp_path: Path) -> None:
    """From 8:10 on 60 s of driving are 120 s: it has to leave the mill at 8:27:40 for 8:30."""
    hamlet = Stage(tmp_path, seats=1)
    hamlet.rides(1, HOME, STATION, "8:30", come="8:30")
    hamlet.at("8:10")
    assert hamlet.wait_s(STATION, SCHOOL, "8:31") == 90.0
    hamlet.slower(2.0)
    # At the station at 8:30:05 and 260 s.
    assert hamlet.wait_s(STATION, SCHOOL, "8:31") == 210.0
    hamlet.at("9:00")
    assert hamlet.moves()[0] == ("8:27:40", MILL, HOME, "fetch")


# Vehicles that are withdrawn.


def withdraw(hamlet: Stage, *, over: bool = False) -> None:
    hamlet.world.post(FleetWithdrawn(text="for a test", service="on_demand", ends=over))


def test_a_vehicle_with_work_is_not_withdrawn(tmp_path: Path) -> None:
    """Neither on its way to where it waits, nor while it waits until it has to leave, nor with nothing else to do."""

    def stays(moment: str) -> bool:
        hamlet.at(moment)
        withdraw(hamlet)
        wait_s = hamlet.wait_s(HOME, STATION, "8:20")
        withdraw(hamlet, over=True)
        return isinstance(wait_s, float)

    hamlet = Stage(tmp_path, "7:30", **EXPECTED)
    many_ask(hamlet, SCHOOL, 7)
    hamlet.service.cancel(hamlet.book(1, MILL, HOME, "8:30").booking)
    assert stays("7:31")
    assert hamlet.moves() == [("7:30", MILL, SCHOOL, "reposition")]
    hamlet.rides(2, HOME, STATION, "8:10", come="8:10")
    assert stays("8:05")
    assert stays("8:11")
    assert not stays("8:19")


def test_what_is_withdrawn_comes_back_at_once_except_a_broken_one(tmp_path: Path) -> None:
    hamlet = Stage(tmp_path, vehicles=2)
    assert hamlet.wait_s(HOME, MILL) == 80.0
    withdraw(hamlet)
    assert hamlet.wait_s(HOME, MILL) == "no_vehicle_in_time"
    withdraw(hamlet, over=True)
    assert hamlet.wait_s(HOME, MILL) == 80.0
    hamlet.service._dispatcher.break_down(0)
    withdraw(hamlet)
    withdraw(hamlet, over=True)
    assert hamlet.book(1, HOME, MILL).vehicle == 1


def test_an_answer_is_never_older_than_what_it_rests_on(tmp_path: Path) -> None:
    """A day with rides, a late rider, a place to wait and slower streets, looked at after each thing that happens."""
    hamlet = Stage(tmp_path, seats=1, **EXPECTED)
    many_ask(hamlet, SCHOOL, 8)
    hamlet.rides(1, HOME, STATION, come="8:03")
    hamlet.rides(2, STATION, MILL, "8:20", come="8:20")
    probe, search = hamlet.leg(8, MILL, STATION, "8:25"), hamlet.service._search
    hamlet.world.env.process(_slower_later(hamlet))
    moments = 0
    while hamlet.world.env.peek() < seconds("9:00"):
        hamlet.world.env.step()
        assert search.find(probe) == search._find(probe)
        moments += 1
    assert moments > 30


def _slower_later(hamlet: Stage) -> Any:
    yield hamlet.world.env.timeout(300.0)
    hamlet.slower(3.0)
