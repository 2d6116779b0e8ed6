"""Where a fleet stands in the morning: spread by expected demand, more vehicles are nearer to more people.

A town of 13 by 13 crossings, 150 m apart: 1.8 km across. Half of its people set out in the south-west quarter.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

from kera_mobility.dice import Dice
from kera_mobility.services.contract import Requests
from kera_mobility.services.scooter.first_places import starts_in_reach
from kera_mobility.services.scooter.service import Scooter
from kera_mobility.simulation.run import Run, live, open_services
from kera_mobility.town.population.persons import People, Trips
from kera_mobility.town.streets.skims import compute_skims
from kera_mobility.town.town import Town
from tests.kit.hamlet import rows, scenario
from tests.kit.small_district import corner, district_streets

SIDE, STEP_M, COUNT = 13, 150.0, 700
NODES = SIDE * SIDE


@cache
def town() -> Town:
    """Return the town; everyone makes one trip, at an even chance of the day, to anywhere else."""
    streets = district_streets(SIDE, STEP_M)
    dice, person = Dice.of(5), np.arange(COUNT)
    quarter = np.array([y * SIDE + x for y in range(SIDE // 2) for x in range(SIDE // 2)])
    anywhere = (dice.uniform("from", person) * NODES).astype(np.int64)
    crowded = quarter[(dice.uniform("quarter", person) * len(quarter)).astype(np.int64)]
    origin = np.where(dice.uniform("crowd", person) < 0.5, crowded, anywhere)
    destination = (dice.uniform("to", person) * NODES).astype(np.int64)
    destination = np.where(destination == origin, (origin + 7) % NODES, destination)
    nothing, zeros = np.zeros(COUNT, dtype=np.bool_), np.zeros(COUNT, dtype=np.int8)
    people = People(
        person, person, zeros, np.full(COUNT, 30, dtype=np.int16), origin, zeros, nothing, nothing, nothing, nothing
    )
    depart_s = np.round(6 * 3600.0 + 14 * 3600.0 * dice.uniform("at", person))
    trips = Trips(person, zeros.astype(np.int16), zeros.astype(np.int16), zeros, origin, destination, depart_s)
    area = {"name": "grid", "title": "A grid", "attribution": "drawn by rule", "sources": []}
    return Town(Path(mkdtemp()), area, streets, compute_skims(streets), people, lambda _: trips, Dice.of(1))


def hub(x: float, y: float, capacity: int = 10) -> dict[str, Any]:
    lon, lat = corner(x * STEP_M / 100.0, y * STEP_M / 100.0)
    return {"name": "hub", "lon": lon, "lat": lat, "capacity": capacity}


def ways(fleet: int, first_places: str = "demand", **more: Any) -> Any:
    about = {
        "fleet": fleet, "first_places": first_places, "hubs": [hub(6, 6, 200)], "max_walk_m": 300.0,
        "operating_radius_m": 3000.0, **more,
    }  # fmt: skip
    return scenario({"walk": {}, "scooter": about}, choice={"constants": {"scooter": 1.0}})


def fleet_of(fleet: int, first_places: str = "demand", **more: Any) -> Scooter:
    service = open_services(ways(fleet, first_places, **more), town())["scooter"]
    assert isinstance(service, Scooter)
    return service


@cache
def day(fleet: int, first_places: str = "demand") -> Run:
    return live(ways(fleet, first_places), town())


def rides(run: Run) -> list[dict[str, Any]]:
    return rows(run, "legs", service="scooter")


def test_a_larger_fleet_holds_the_smaller_one() -> None:
    small, large = fleet_of(20)._first, fleet_of(300)._first
    assert np.array_equal(small, large[:20])
    assert len(np.unique(large)) > 50


def test_vehicles_stand_where_trips_set_out() -> None:
    first = fleet_of(2000)._first
    starts = np.bincount(town().demand(Dice.of(1)).origin, minlength=NODES + 1)
    stands = np.bincount(first, minlength=NODES + 1)
    assert np.all(starts[stands > 0] > 0)
    assert np.corrcoef(starts, stands)[0, 1] > 0.8
    assert stands[-1] == 0


def test_who_is_left_out_of_a_town_moves_no_vehicle() -> None:
    left = open_services(ways(60), town().without(range(0, COUNT, 3)))["scooter"]
    assert isinstance(left, Scooter)
    assert np.array_equal(left._first, fleet_of(60)._first)


def test_more_vehicles_shorten_the_walk_that_people_expect() -> None:
    trips = town().demand(Dice.of(1))
    requests = Requests(trips.row, trips.origin, trips.destination, trips.depart_s)
    walk_m = []
    for fleet in (15, 60, 240):
        expected = fleet_of(fleet)._expected._walk_to_first_m[trips.origin]
        offers = fleet_of(fleet).expect(requests)
        assert np.all(np.isfinite(offers.walk_s) <= (expected <= 300.0))
        walk_m.append(float(expected.mean()))
    assert walk_m[0] > 1.5 * walk_m[1] > 2.0 * walk_m[2]


def test_a_fleet_four_times_as_large_makes_clearly_more_rides() -> None:
    few, many = len(rides(day(12))), len(rides(day(48)))
    assert 0.2 < np.log(many / few) / np.log(4.0) < 0.9


def test_a_larger_fleet_at_one_hub_is_of_use_to_who_lives_there_alone() -> None:
    assert len(rides(day(12))) > 0
    few, many = len(rides(day(12, "hubs"))), len(rides(day(48, "hubs")))
    more = len(rides(day(48))) / len(rides(day(12)))
    assert many / few < more


@pytest.mark.parametrize("parking", ["hubs", "mixed"])
def test_hubs_take_no_more_than_their_room(parking: str) -> None:
    hubs = [hub(2, 2, 5), hub(6, 6, 8), hub(10, 10, 4)]
    service = fleet_of(40, parking=parking, hubs=hubs, hub_zone_m=200.0)
    stands = np.bincount(service._first, minlength=NODES + 1)
    at_hubs = stands[service._parking.hub_nodes]
    if parking == "mixed":
        assert np.all(at_hubs <= [5, 8, 4])
        inside = service._parking.hub_required_ever.copy()
        inside[service._parking.hub_nodes] = False
        assert stands[inside].sum() == 0
    else:
        assert at_hubs.sum() == 40
    seats = fleet_of(17, parking="hubs", hubs=hubs)._first
    assert np.bincount(seats, minlength=NODES + 1)[service._parking.hub_nodes].tolist() == [5, 8, 4]


def test_nothing_stands_where_nobody_may_park() -> None:
    service = fleet_of(200)
    barred = np.arange(NODES + 1) % SIDE < 5
    service._parking.__dict__["anywhere"] = service._parking.inside & ~barred
    trips = starts_in_reach(service._parking, town().trip_starts)
    assert trips[barred].sum() == 0.0
    # Who sets out two steps or less from where vehicles may stand is counted there.
    near = barred & (np.arange(NODES + 1) % SIDE >= 3)
    starts = town().trip_starts
    assert trips.sum() == starts[~barred].sum() + starts[near].sum()
