"""Crews of shared fleets: tours by hand on the hamlet, what they find when they come, and laws of any day.

A van drives 600 m in 60 s times 1.25 = 75 s, takes 90 s to stop, 180 s to change a battery and 60 s to lift a scooter.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError
from kera_mobility.results.compare import compare
from kera_mobility.results.events import EventLog, table_fingerprint
from kera_mobility.services.base import HOURS, Experience
from kera_mobility.services.notices import PowerCut
from kera_mobility.services.scooter.crew_settings import CrewSettings
from kera_mobility.services.scooter.crews import Crews
from kera_mobility.services.scooter.fleet import PARKED, Fleet
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S, Run, live
from kera_mobility.town.streets.streets import Skims
from kera_mobility.town.town import Town
from tests.kit.hamlet import (
    HOME,
    MILL,
    SCHOOL,
    STATION,
    TripRow,
    at,
    hamlet_town,
    leg,
    live_services,
    person,
    rows,
    scenario,
    seconds,
    trip,
)

HUBS = (HOME, STATION, SCHOOL)
SIX = seconds("6:00")
TOURS = ({"kind": "nearest"}, {"kind": "pyvrp"})


class Story:
    """A fleet with a crew and nobody else, unless the story says so."""

    def __init__(
        self, folder: Path, nodes: Sequence[int], charge: Sequence[float] | None = None,
        first: Sequence[int] | None = None, capacity: dict[int, int] | None = None,
        asked: dict[tuple[int, int], float] | None = None, **crews: Any,
    ) -> None:  # fmt: skip
        self.town = hamlet_town(folder, people=[person(1)])
        self.env = simpy.Environment()
        self.world = World(self.env, self.town.skims, Dice.of(1), EventLog(), END_S)
        charges = np.array([1.0] * len(nodes) if charge is None else charge)
        self.fleet = Fleet(self.world, "scooter", np.array(nodes), charges, capacity=capacity)
        told = CrewSettings.model_validate({"vans": 1, **crews})
        self.crews = Crews("scooter", told, self.town, np.array(HUBS))
        wanted = np.zeros((int(self.town.zone.max()) + 1, HOURS))
        for (node, hour), times in (asked or {}).items():
            wanted[self.town.zone[node], hour] = times
        self.crews.start(self.world, self.fleet, np.array(first or nodes), wanted)

    def at(self, clock: str | float, do: Callable[[], Any]) -> None:
        """Have something happen at a time."""

        def wait() -> Any:
            yield self.env.timeout(seconds(clock))
            do()

        self.env.process(wait())

    def tell(self, until: str = "20:00") -> list[dict[str, Any]]:
        """Live until a time and return the rows of the crews."""
        self.env.run(until=seconds(until))
        self.crews.finish()
        found: list[dict[str, Any]] = self.world.log.tables()["crews"].to_pylist()
        return found

    def moves(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.log.tables()["moves"].to_pylist()
        return found


def brief(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return from where, to where, when it set off and when it was done, each since six; then what was done."""
    names = ("swapped", "taken", "put", "missed")
    return [
        (row["origin"], row["destination"], row["t_s"] - SIX, row["end_s"] - SIX, *(row[name] for name in names))
        for row in found
    ]


@pytest.mark.parametrize("tours", TOURS, ids=lambda tours: tours["kind"])
def test_a_crew_swaps_what_is_low_and_is_home_when_its_shift_ends(tmp_path: Path, tours: dict[str, str]) -> None:
    """One at HOME (180 s); 1,200 m on, 150 s and a stop of 90 s, two at STATION (360 s). A quarter is low enough."""
    story = Story(tmp_path, [HOME, HOME, STATION, STATION, SCHOOL], [1.0, 0.1, 0.15, 0.0, 0.2], tours=tours)
    told = story.tell()
    assert brief(told) == [
        (HOME, HOME, 0, 0, 0, 0, 0, 0),
        (HOME, HOME, 0, 180, 1, 0, 0, 0),
        (HOME, STATION, 180, 180 + 150 + 90 + 360, 2, 0, 0, 0),
        (STATION, HOME, 8 * 3600 - 150, 8 * 3600, 0, 0, 0, 0),
    ]
    assert [row["distance_m"] for row in told] == [0.0, 0.0, 1200.0, 1200.0]
    assert [row["spare"] for row in told] == [40, 39, 37, 40]
    assert [row["charged"] for row in told] == pytest.approx([0.0, 0.9, 1.85, 0.0])
    assert story.fleet.charge == [1.0, 1.0, 1.0, 1.0, 0.2]
    assert [(row["vehicle"], row["cause"], row["charge"], row["distance_m"]) for row in story.moves()] == [
        (1, "swap", 1.0, 0.0), (2, "swap", 1.0, 0.0), (3, "swap", 1.0, 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize("tours", TOURS, ids=lambda tours: tours["kind"])
def test_a_crew_moves_what_is_too_many_to_where_it_is_too_few(tmp_path: Path, tours: dict[str, str]) -> None:
    """All six stand at HOME, two should stand at each hub; the depot is at MILL and the van holds four.

    To HOME 75 + 90 s; four lifted in 240 s (or two and two); STATION and SCHOOL each get two.
    """
    first = [HOME, HOME, STATION, STATION, SCHOOL, SCHOOL]
    story = Story(tmp_path, [HOME] * 6, first=first, places=4, depot=at(MILL), rebalancing={"kind": "threshold"},
                  tours=tours)  # fmt: skip
    told = story.tell()
    assert Counter(story.fleet.node) == {HOME: 2, STATION: 2, SCHOOL: 2}
    assert max(row["aboard"] for row in told) <= 4
    by_hand = {
        # Nearest first brings each pair before it fetches the next: 3,600 m more than needed.
        "nearest": [(1, 0, 0, 285, 2), (0, 2, 285, 645, 0), (2, 0, 645, 1005, 2), (0, 3, 1005, 1440, 0)],
        "pyvrp": [(1, 0, 0, 285, 2), (0, 0, 285, 405, 2), (0, 2, 405, 765, 0), (2, 3, 765, 1050, 0)],
    }
    assert [(*row[:4], row[5]) for row in brief(told)[1:-1]] == by_hand[tours["kind"]]
    assert sum(row["put"] for row in told) == sum(row["taken"] for row in told) == 4
    assert [row["cause"] for row in story.moves()] == ["rebalance"] * 4


def test_a_crew_that_is_told_so_only_swaps(tmp_path: Path) -> None:
    story = Story(tmp_path, [HOME] * 4, [0.1, 1.0, 1.0, 1.0], first=[SCHOOL] * 4)
    assert sum(row["swapped"] for row in story.tell()) == 1
    assert story.fleet.node == [HOME] * 4
    story = Story(tmp_path, [HOME] * 4, [0.1, 1.0, 1.0, 1.0], swap_below=0.0)
    assert brief(story.tell()) == [(0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 8 * 3600, 8 * 3600, 0, 0, 0, 0)]


@pytest.mark.parametrize("fetch", [True, False])
def test_what_is_broken_is_brought_to_the_depot(tmp_path: Path, fetch: bool) -> None:
    story = Story(tmp_path, [STATION, SCHOOL], fetch_broken=fetch)
    story.fleet.break_down(0)
    assert sum(row["taken"] for row in story.tell()) == fetch
    assert story.fleet.state[0] != PARKED, "nobody mends it by day"
    assert story.fleet.node[0] == (HOME if fetch else STATION)
    assert [row["cause"] for row in story.moves()] == ["collect"] * fetch


@pytest.mark.parametrize("tours", TOURS, ids=lambda tours: tours["kind"])
def test_a_scooter_that_is_reserved_when_the_crew_comes_is_let_be_and_counted(
    tmp_path: Path, tours: dict[str, str]
) -> None:
    story = Story(tmp_path, [STATION, STATION], [0.1, 0.1], tours=tours)
    story.at(SIX + 60.0, lambda: story.fleet.reserve(1))
    told = brief(story.tell("7:00"))
    assert told[1] == (HOME, STATION, 0, 150 + 90 + 180, 1, 0, 0, 1)
    assert story.fleet.charge == [1.0, 0.1]


def test_a_scooter_that_was_ridden_away_is_counted_or_another_taken_in_its_place(tmp_path: Path) -> None:
    for others, taken in ((0, 1), (1, 2)):
        nodes = [STATION] * (2 + others)
        story = Story(tmp_path, nodes, first=[HOME, HOME, *([STATION] * others)], depot=at(STATION),
                      rebalancing={"kind": "threshold"}, stop_s=0.0)  # fmt: skip
        # The van stands at the depot, so something must happen before it is there: a rider leaves just before six.
        planned = story.crews._plan
        story.crews._plan = lambda *told, plan=planned, fleet=story.fleet: [plan(*told), fleet.set_off(0)][0]  # type: ignore[method-assign]
        told = story.tell("6:30")
        assert [(row["taken"], row["missed"]) for row in told if row["taken"]] == [(taken, 2 - taken)]
        assert story.fleet.node.count(HOME) == taken


def test_a_hub_without_room_gets_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    story = Story(tmp_path, [STATION] * 4, first=[HOME] * 4, capacity={HOME: 3, STATION: 4},
                  rebalancing={"kind": "threshold"})  # fmt: skip
    # One place is promised to a rider while the van is on its way.
    story.at(SIX + 60.0, lambda: story.fleet.promise_room(HOME))
    told = story.tell()
    assert (sum(row["taken"] for row in told), sum(row["missed"] for row in told)) == (2, 1)
    assert story.fleet.node.count(HOME) == 2


def test_where_there_is_no_power_no_battery_is_changed_until_it_is_back(tmp_path: Path) -> None:
    story = Story(tmp_path, [STATION, SCHOOL], [0.1, 0.1])
    story.at("5:00", lambda: story.world.post(PowerCut(text="The hub at the station is dark", place=STATION)))
    story.at("7:00", lambda: story.world.post(PowerCut(text="Light again", place=STATION, ends=True)))
    swaps = {row["destination"]: row["end_s"] for row in story.tell() if row["swapped"]}
    # Tours begin every two hours: the first passes the station by, the second comes from SCHOOL.
    assert swaps == {SCHOOL: SIX + 225 + 90 + 180, STATION: SIX + 7200 + 75 + 90 + 180}


def test_where_the_power_is_out_between_planning_and_coming_the_crew_comes_in_vain(tmp_path: Path) -> None:
    story = Story(tmp_path, [STATION], [0.1])
    story.at(SIX + 30.0, lambda: story.world.post(PowerCut(text="Dark", place=STATION)))
    assert brief(story.tell("7:00"))[1] == (HOME, STATION, 0, 240, 0, 0, 0, 1)


@pytest.mark.parametrize(("dark", "swapped"), [(False, 3), (True, 2)])
def test_a_depot_without_power_hands_out_no_more_batteries(tmp_path: Path, dark: bool, swapped: int) -> None:
    story = Story(tmp_path, [STATION] * 2 + [SCHOOL], [0.1, 0.1, 0.2], batteries=2, replan_every_s=1800.0)
    if dark:
        story.at(SIX + 1.0, lambda: story.world.post(PowerCut(text="Dark", place=HOME)))
    story.at(SIX + 900.0, lambda: story.fleet.charge.__setitem__(2, 0.1))
    assert sum(row["swapped"] for row in story.tell()) == swapped


def test_streets_that_are_shut_on_the_way_leave_the_errand_undone(tmp_path: Path) -> None:
    story = Story(tmp_path, [STATION, SCHOOL], [0.1, 0.1])
    shut = np.array(story.town.skims.drive_s)
    shut[:, SCHOOL] = shut[SCHOOL, :] = np.inf
    skims = story.town.skims
    other = Skims(skims.walk_m, skims.cycle_m, shut, skims.drive_m)
    story.at(SIX + 60.0, lambda: setattr(story.world, "streets", other))
    told = story.tell()
    assert [(row["destination"], row["swapped"], row["missed"]) for row in told[1:3]] == [
        (STATION, 1, 0),
        (STATION, 0, 1),
    ]
    assert story.fleet.charge == [1.0, 0.1]
    assert told[-1]["end_s"] == SIX + 8 * 3600


def test_no_stop_is_begun_when_the_shift_is_over(tmp_path: Path) -> None:
    """From 6:01 on every drive takes eight hours and a half: four are aboard at 6:04, two get out at STATION at 14:35.

    The shift was over at 14:00, so the other two are not brought to SCHOOL but to the depot.
    """
    story = Story(tmp_path, [HOME] * 6, first=[HOME, HOME, STATION, STATION, SCHOOL, SCHOOL],
                  rebalancing={"kind": "threshold"}, tours={"kind": "pyvrp"})  # fmt: skip
    skims = story.town.skims
    slow = Skims(skims.walk_m, skims.cycle_m, np.where(skims.drive_s > 0, 24_480.0, skims.drive_s), skims.drive_m)
    story.at(SIX + 60.0, lambda: setattr(story.world, "streets", slow))
    told = brief(story.tell("27:59"))
    there_s = 240 + 30_600 + 90 + 120
    assert told[3] == (HOME, STATION, 240, there_s, 0, 0, 2, 0)
    assert told[4] == (STATION, HOME, there_s, there_s + 30_600, 0, 0, 2, 0)
    assert len(told) == 5
    assert story.fleet.counts(range(8)) == {HOME: 4, STATION: 2}


def test_a_crew_that_is_still_out_begins_its_next_shift_when_it_is_back(tmp_path: Path) -> None:
    """A drive takes two hours and five minutes from 6:01 on: home at 10:13, though the next shift was at nine."""
    shifts = [{"begin_s": SIX, "end_s": SIX + 3600}, {"begin_s": seconds("9:00"), "end_s": seconds("11:00")}]
    story = Story(tmp_path, [HOME, STATION], [0.1, 0.1], shifts=shifts)
    skims = story.town.skims
    slow = Skims(skims.walk_m, skims.cycle_m, np.where(skims.drive_s > 0, 6000.0, skims.drive_s), skims.drive_m)
    story.at(SIX + 60.0, lambda: setattr(story.world, "streets", slow))
    told = story.tell()
    home_s = SIX + 180 + 7500 + 90 + 180 + 7500
    assert [(row["shift"], row["end_s"]) for row in told if row["destination"] == HOME] == [
        (0, SIX), (0, SIX + 180), (0, home_s), (1, home_s), (1, seconds("11:00")),
    ]  # fmt: skip


def test_a_van_that_cannot_get_home_waits_where_it_is_with_what_it_has(tmp_path: Path) -> None:
    """All streets are shut at 6:01, on the way to fetch two for STATION, and open again before the second shift."""
    shifts = [{"begin_s": SIX, "end_s": SIX + 3600}, {"begin_s": seconds("9:00"), "end_s": seconds("10:00")}]
    story = Story(tmp_path, [HOME] * 4, first=[HOME, HOME, STATION, STATION], rebalancing={"kind": "threshold"},
                  shifts=shifts, depot=at(MILL))  # fmt: skip
    skims = story.town.skims
    shut = Skims(skims.walk_m, skims.cycle_m, np.where(skims.drive_s > 0, np.inf, 0.0), skims.drive_m)
    story.at(SIX + 60.0, lambda: setattr(story.world, "streets", shut))
    story.at("8:30", lambda: setattr(story.world, "streets", skims))
    told = story.tell("10:30")
    nine = seconds("9:00")
    assert [(row["shift"], row["destination"], row["aboard"], row["end_s"]) for row in told] == [
        (0, MILL, 0, SIX), (0, HOME, 2, SIX + 75 + 90 + 120), (0, HOME, 2, SIX + 285), (0, HOME, 2, SIX + 3600),
        (1, HOME, 2, nine), (1, STATION, 0, nine + 150 + 90 + 120), (1, MILL, 0, nine + 3600),
    ]  # fmt: skip
    assert Counter(story.fleet.node) == {HOME: 2, STATION: 2}


def test_a_fleet_nobody_looks_after_has_no_crew(tmp_path: Path) -> None:
    story = Story(tmp_path, [HOME], [0.0], vans=0)
    assert story.tell() == story.moves() == []


def test_two_vans_never_go_for_the_same_scooter(tmp_path: Path) -> None:
    story = Story(tmp_path, [STATION] * 4 + [SCHOOL] * 4, [0.1] * 8, vans=2, batteries=4)
    told = story.tell()
    assert sum(row["missed"] for row in told) == 0
    assert {row["van"]: row["swapped"] for row in told if row["swapped"]} == {0: 4, 1: 4}


def test_what_people_will_ask_for_is_spread_over_the_hubs_of_their_zone(tmp_path: Path) -> None:
    story = Story(tmp_path, [HOME], asked={(HOME, 8): 6.0, (SCHOOL, 9): 2.0})
    asked = story.crews._places.expected_requests
    assert asked.sum() == pytest.approx(8.0)
    nodes = np.flatnonzero(story.town.zone == story.town.zone[HOME])
    mine = np.count_nonzero(story.crews._places.of_node[nodes] == 0)
    assert asked[0, 8] == pytest.approx(6.0 * mine / len(nodes))


def test_shifts_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="one after the other"):
        CrewSettings(vans=1, shifts=({"begin_s": 0, "end_s": 100}, {"begin_s": 50, "end_s": 200}))


# With riders: the scooter service.


def trial(**crews: Any) -> dict[str, dict[str, Any]]:
    hubs = [at(HOME, capacity=10), at(SCHOOL, capacity=10)]
    about = {"fleet": 8, "hubs": hubs, "parking": "hubs", "max_walk_m": 600.0, "overnight": {"kind": "leave"}}
    return {"walk": {}, "scooter": {**about, "crews": crews}}


MORNING = {"vans": 1, "depot": at(SCHOOL), "shifts": [{"begin_s": SIX, "end_s": seconds("8:00")}]}


def served(tmp_path: Path, **crews: Any) -> tuple[int, int]:
    """Return how many of ten people at HOME, where no scooter stands in the morning, ride at 8:00; and the target."""
    trips = [trip(number, HOME, SCHOOL, seconds("8:00") + number) for number in range(10)]
    town = hamlet_town(tmp_path, trips=trips, trains=())
    asked = np.zeros((int(town.zone.max()) + 1, HOURS))
    asked[town.zone[HOME], 8] = 10.0
    carried = {"scooter": {"node": np.full(8, SCHOOL), "charge": np.ones(8)}}
    told = scenario(trial(**crews), prefer=("scooter", "walk"))
    run = live(told, town, carried=carried, experiences={"scooter": Experience(asked, asked)})
    _, services = live_services(told, town, 0.0)
    target = int(np.count_nonzero(services["scooter"]._first == HOME))  # type: ignore[attr-defined]
    return len(rows(run, "bookings", end="ridden")), target


@pytest.mark.parametrize("tours", TOURS, ids=lambda tours: tours["kind"])
def test_a_forecast_serves_more_than_a_threshold_and_that_more_than_no_moves(
    tmp_path: Path, tours: dict[str, str]
) -> None:
    """Each morning HOME is empty, ten people ask there, and eight scooters stand at SCHOOL.

    Nobody is served if nothing is moved; with a threshold as many as stood at HOME on the first morning (`target`); the
    forecast of ten brings all eight.
    """
    none, target = served(tmp_path, **MORNING, tours=tours)
    threshold, _ = served(tmp_path, **MORNING, tours=tours, rebalancing={"kind": "threshold"})
    forecast, _ = served(tmp_path, **MORNING, tours=tours, rebalancing={"kind": "forecast"})
    assert 0 < target < 8
    assert (none, threshold, forecast) == (0, target, 8)


def test_a_scooter_in_a_van_cannot_be_booked(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, people=[person(1)])
    _, services = live_services(scenario(trial()), town)
    scooter: Any = services["scooter"]
    at_home = [vehicle for vehicle in range(8) if scooter.fleet.node[vehicle] == HOME]
    wish = leg(town, "scooter", 1, HOME, SCHOOL)
    assert scooter.quote(wish).ride_s > 0
    scooter.fleet.take(at_home)
    assert scooter.quote(wish).reason == "no_vehicle"
    assert scooter.book(wish).reason == "no_vehicle"
    scooter.fleet.put(at_home[:1], HOME)
    assert scooter.book(wish).vehicle == at_home[0]


def test_crews_are_paid_by_the_hour_and_the_kilometre(tmp_path: Path) -> None:
    """Two hours at 45 EUR; 1,800 m there and back, at 0.1414 EUR and 202 g per km. Two batteries of 550 Wh."""
    town = hamlet_town(tmp_path, people=[person(1)], trips=[trip(1, HOME, SCHOOL, "9:00")], trains=())
    carried = {"scooter": {"node": np.full(8, HOME), "charge": np.array([0.1, 0.1, *[1.0] * 6])}}
    run = live(scenario(trial(**MORNING), prefer=("scooter",)), town, carried=carried)
    value = {
        one.id.removeprefix("scooter.crew."): one.value for one in run.kpis() if one.id.startswith("scooter.crew.")
    }
    eur = 2 * 45.0 + 3.6 * 0.1414
    assert value == pytest.approx(
        {
            "hours": 2.0, "km": 3.6, "swaps": 2, "moved": 0, "collected": 0, "missed": 0, "vehicles_per_hour": 1.0,
            "cost_eur": eur, "cost_eur_per_ride": eur, "charged_kwh": 1.8 * 0.55, "co2_kg": 3.6 * 0.202,
        }
    )  # fmt: skip


def test_a_ride_bears_the_crews_and_what_they_left_to_the_night(tmp_path: Path) -> None:
    """One ride of 1,800 m takes 32.4 Wh, 0.0589 of a battery, which nobody changed by day; then two crews' hours."""
    trips = [trip(1, HOME, SCHOOL, "9:00")]
    town = hamlet_town(tmp_path, trips=trips, trains=())
    costs = {"ride_eur": 0.3, "swap_eur": 4.0, "kwh_eur": 0.15, "upkeep_eur": 0.5}
    values = []
    for crews in ({}, {**MORNING, "swap_below": 0.0}, MORNING):
        services = trial(**crews)
        services["scooter"]["costs"] = costs
        carried = {"scooter": {"node": np.full(8, HOME), "charge": np.array([1.0] * 7 + [0.1])}}
        run = live(scenario(services, prefer=("scooter",)), town, carried=carried)
        value = {one.id: one.value for one in run.kpis()}
        values.append((value["scooter.marginal_cost_eur_per_ride"], value["scooter.operating_cost_eur_per_ride"]))
    ride = 0.3 + 0.0324 * 0.15
    at_night, van = 32.4 / 550.0 * 4.0, 3.6 * 0.1414
    assert values[0] == pytest.approx((ride + at_night, ride + at_night + 8 * 0.5))
    assert values[1] == pytest.approx((ride + at_night, ride + at_night + 8 * 0.5 + 90.0))
    # The crew brought 0.9 of a battery: more than was used that day, so nothing is left to the night.
    assert values[2] == pytest.approx((ride + van, ride + van + 8 * 0.5 + 90.0))


def test_a_comparison_pays_the_crews_and_counts_their_exhaust(tmp_path: Path) -> None:
    """The same day with an idle crew: two hours at 45 EUR. With one that drives there and back also 3.6 km, less what
    the night is paid for the same charge: 1.8 km were ridden, at 18 Wh/km of a battery of 550 Wh that 4 EUR change."""
    town = hamlet_town(tmp_path / "town", trips=[trip(1, HOME, SCHOOL, "9:00")], trains=())
    carried = {"scooter": {"node": np.full(8, HOME), "charge": np.array([1.0] * 7 + [0.1])}}
    for name, crews in (("a", {}), ("idle", {**MORNING, "swap_below": 0.0, "depot": at(HOME)}), ("busy", MORNING)):
        told = scenario(trial(**crews), prefer=("scooter",))
        live(told, town, carried=carried).save(tmp_path / name / "seed-0001")

    def change(name: str, row: str) -> float:
        return float(compare(tmp_path / "a", tmp_path / name).row(row).difference)

    assert change("idle", "money.operators.operating_cost_eur") == pytest.approx(90.0)
    assert change("idle", "carbon.operational.location") == pytest.approx(0.0)
    night_eur = 1.8 * 18.0 / 550.0 * 4.0
    assert change("busy", "money.operators.operating_cost_eur") == pytest.approx(90.0 + 3.6 * 0.1414 - night_eur)
    assert change("busy", "carbon.operational.location") == pytest.approx(3.6 * 0.202)


def test_who_asked_for_no_scooter_is_not_missed_by_crews_either(tmp_path: Path) -> None:
    riders = [trip(number, HOME, SCHOOL, SIX + 200.0 * number) for number in range(8)]
    told = scenario(trial(**{**MORNING, "rebalancing": {"kind": "threshold"}}), prefer=("scooter",))
    runs = []
    for strangers in ([], [trip(90, HOME, MILL, SIX + 60.0), trip(91, HOME, SCHOOL, SIX)]):
        people = [person(one.person, age=10) for one in strangers]
        run = live(told, hamlet_town(tmp_path, people, [*riders, *strangers], trains=()))
        runs.append(
            {kind: table_fingerprint(run.record.tables[kind]) for kind in ("crews", "moves", "states", "bookings")}
        )
    assert runs[0] == runs[1]


def test_without_crews_there_are_no_figures_of_crews(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, SCHOOL, "9:00")], trains=())
    run = live(scenario(trial()), town)
    assert not [one.id for one in run.kpis() if ".crew." in one.id]
    assert rows(run, "crews") == []


def test_a_crew_with_nothing_to_do_leaves_the_day_as_it_is(tmp_path: Path) -> None:
    trips = [trip(number, HOME, SCHOOL, seconds("8:00") + 60 * number) for number in range(10)]
    town = hamlet_town(tmp_path, trips=trips, trains=())
    idle = {"swap_below": 0.0, "fetch_broken": False}
    runs = [live(scenario(trial(**crews), prefer=("scooter",)), town) for crews in ({}, {**MORNING, **idle})]
    for kind in set(runs[0].record.tables) - {"crews"}:
        first, second = (table_fingerprint(run.record.tables[kind]) for run in runs)
        assert first == second, kind


def test_a_depot_outside_the_map_is_a_fault(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, people=[person(1)])
    with pytest.raises(ConfigError, match=r"services\.scooter\.crews\.depot: place .* lies .* is it outside the map"):
        live_services(scenario(trial(vans=1, depot={"lon": 20.0, "lat": 60.0})), town)


# Laws.

_FOLDER = tempfile.TemporaryDirectory()
WH_PER_KM, BATTERY_WH = 90.0, 400.0
"""Batteries that are empty after some hamlet rides."""


def drawn_day(number: int) -> tuple[Town, Run, dict[str, Any]]:
    """Return a day of a lot: people who ride to and fro, and crews of all kinds."""
    dice = Dice.of(number)

    def among(options: Sequence[Any], *address: int | str) -> Any:
        return options[int(dice.uniform(*address) * len(options))]

    streets, trips = (HOME, MILL, STATION, SCHOOL), list[TripRow]()
    for one in range(24):
        clock_s, place = SIX + among((0.0, 90.0, 300.0, 1000.0, 7300.0), one, "begins"), among(streets, one, "from")
        for tour in range(3):
            to = among(streets, one, tour, "to")
            trips.append(TripRow(one, place, to, clock_s, tour))
            place, clock_s = to, clock_s + among((0.0, 600.0, 1800.0), one, tour, "stays")
    crews = {
        "vans": among((1, 2, 3), "vans"), "places": among((1, 2, 20), "places"), "depot": at(among(streets, "depot")),
        "batteries": among((1, 3, 40), "batteries"), "swap_below": among((0.0, 0.3, 0.6), "below"),
        "replan_every_s": among((600.0, 1800.0, 7200.0), "replan"), "worth_s": among((200.0, 1800.0), "worth"),
        "rebalancing": {"kind": among(("none", "threshold", "threshold", "forecast", "forecast"), "policy")},
        "tours": among(({"kind": "nearest"}, {"kind": "pyvrp", "iterations": 20}), "tours"),
        "shifts": [{"begin_s": SIX, "end_s": SIX + among((900.0, 7000.0), "early")},
                   {"begin_s": SIX + 7200.0, "end_s": SIX + 14_400.0}],
    }  # fmt: skip
    fleet = 8
    about = {
        "fleet": fleet, "parking": among(("hubs", "anywhere"), "parking"), "max_walk_m": 1200.0,
        "hubs": [at(place, capacity=among((2, 4, 9), place, "capacity")) for place in HUBS],
        "energy_wh_per_km": WH_PER_KM, "battery_wh": BATTERY_WH, "broken_chance": among((0.0, 0.2), "broken"),
        "reservation": among((True, False), "reservation"), "overnight": {"kind": "leave"}, "crews": crews,
        "shortest_ride_m": 0.0,
    }  # fmt: skip
    town = hamlet_town(Path(_FOLDER.name), trips=trips, trains=())
    asked = np.full((int(town.zone.max()) + 1, HOURS), 2.0)
    node = np.array([among(HUBS, vehicle, "stands") for vehicle in range(fleet)])
    carried = {
        "scooter": {"node": node, "charge": np.array([among((0.1, 0.5, 1.0), v, "charge") for v in range(fleet)])}
    }
    told = scenario({"walk": {}, "scooter": about}, prefer=("scooter",))
    run = live(told, town, number % 3, carried=carried, experiences={"scooter": Experience(asked, asked)})
    return town, run, about


def holds_vehicles(run: Run, about: dict[str, Any]) -> None:
    """Each vehicle is in one place, moved by somebody who found it there, and gains charge only by a swap."""
    for vehicle in run.record.vehicles.to_pylist():
        place, charge, clock_s = vehicle["start_place"], vehicle["start_charge"], 0.0
        for move in rows(run, "moves", vehicle=vehicle["vehicle"]):
            assert move["origin"] == place
            assert clock_s <= move["t_s"] <= move["end_s"]
            place, clock_s = move["destination"], move["end_s"]
            used = move["distance_m"] / 1000.0 * WH_PER_KM / BATTERY_WH
            assert move["charge"] == pytest.approx(1.0 if move["cause"] == "swap" else charge - used)
            assert move["cause"] != "swap" or charge < about["crews"]["swap_below"]
            charge = move["charge"]
        in_van = [row["state"] for row in rows(run, "states", vehicle=vehicle["vehicle"])][-1:] == ["in_van"]
        assert in_van or (place, charge) == (vehicle["end_place"], pytest.approx(vehicle["end_charge"]))


def holds_vans(run: Run, about: dict[str, Any]) -> None:
    """A van is in one place, has no more aboard than it holds, and is home when its shift ends."""
    crews = about["crews"]
    shifts: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(run, "crews"):
        shifts[row["van"], row["shift"]].append(row)
    assert len(shifts) == crews["vans"] * 2
    for (_, number), stops in shifts.items():
        end_s = crews["shifts"][number]["end_s"]
        aboard, place, clock_s, last = 0, stops[0]["origin"], stops[0]["t_s"], stops[0]
        for stop in sorted(stops, key=lambda row: row["step"]):
            assert (stop["origin"], stop["t_s"] >= clock_s) == (place, True)
            aboard += stop["taken"] - stop["put"]
            assert 0 <= aboard == stop["aboard"] <= crews["places"]
            assert 0 <= stop["spare"] <= crews["batteries"]
            place, clock_s, last = stop["destination"], stop["end_s"], stop
        assert (aboard, last["end_s"], last["destination"]) == (0, end_s, stops[0]["origin"])


def holds_counts(run: Run, about: dict[str, Any]) -> None:
    """What vans did to vehicles is what happened to vehicles, and nobody rents one that is in a van."""
    stops, moves = rows(run, "crews"), rows(run, "moves")
    causes = Counter(move["cause"] for move in moves)
    assert sum(stop["swapped"] for stop in stops) == causes["swap"]
    assert sum(stop["taken"] for stop in stops) == causes["rebalance"] + causes["collect"]
    hands = [(move["t_s"], move["end_s"], move["vehicle"]) for move in moves if move["cause"] != "ride"]
    for begin_s, end_s, vehicle in hands:
        for booking in rows(run, "bookings", vehicle=vehicle):
            assert booking["end_s"] <= begin_s or booking["t_s"] >= end_s or not about["reservation"]


def holds_room(run: Run, about: dict[str, Any]) -> None:
    """No crew fills a hub beyond its capacity where riders do not: where they are promised room."""
    if about["parking"] == "anywhere" or not about["reservation"]:
        return
    room = dict(zip(HUBS, (hub["capacity"] for hub in about["hubs"]), strict=True))
    brought = {(move["end_s"], move["destination"]) for move in rows(run, "moves", cause="rebalance")}
    where = {vehicle["vehicle"]: vehicle["start_place"] for vehicle in run.record.vehicles.to_pylist()}
    states = rows(run, "states")
    for at_row, state in enumerate(states):
        stands = state["state"] in ("parked", "low", "reserved", "broken")
        where[state["vehicle"]] = state["place"] if stands else -1
        last = at_row + 1 == len(states) or states[at_row + 1]["t_s"] > state["t_s"]
        for place in room if last else ():
            if (state["t_s"], place) in brought:
                assert list(where.values()).count(place) <= room[place]


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 10**6))
def test_every_law_holds_whatever_crews_and_riders_do(number: int) -> None:
    _, run, about = drawn_day(number)
    for law in (holds_vehicles, holds_vans, holds_counts, holds_room):
        law(run, about)
    if number % 5 == 0:
        assert drawn_day(number)[1].fingerprint == run.fingerprint


def test_the_drawn_days_hold_what_the_laws_are_about() -> None:
    seen: Counter[str] = Counter()
    for number in range(25):
        _, run, _ = drawn_day(number)
        seen.update(move["cause"] for move in rows(run, "moves"))
        seen.update("missed" for stop in rows(run, "crews") if stop["missed"])
    assert {"ride", "swap", "rebalance", "collect", "missed"} <= set(seen), seen
