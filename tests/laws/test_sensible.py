"""Nobody rides to walk as far as on foot, or to arrive no sooner; nobody is offered what is worse in everything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.demand.choice_model import IMPOSSIBLE, ChoiceModel
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import TripDemand
from kera_mobility.dice import Dice
from kera_mobility.simulation.run import END_S, Run, live, open_services
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.town import Town
from tests.kit.everything import Lot, full_scenario, full_town, wishes
from tests.kit.hamlet import MILL, STATION, hamlet_town, rows, scenario, trip
from tests.kit.trip_laws import by_trip

SENSIBLE = {"sensible_only": True}
PRIVATE = {"bicycle", "car"}
WALKED_S = {(a, b): 500.0 * abs(a - b) for a in range(4) for b in range(4)}
"""On foot between the hamlet's places, s; to the city nobody walks."""


def services_of(log: Run) -> Mapping[tuple[int, int], list[dict[str, Any]]]:
    return by_trip(rows(log, "legs"))


@pytest.mark.parametrize(("departs", "service"), [("8:00", "shuttle"), ("8:02", "walk")])
def test_a_shuttle_is_taken_where_it_is_there_before_one_could_walk(tmp_path: Path, departs: str, service: str) -> None:
    # From Mill to Station on foot 500 s; the shuttle goes at 8:00 and 8:10 and rides 150 s.
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, STATION, departs)])
    told = scenario({"walk": {}, "shuttle": {}}, prefer=["shuttle"], planning=SENSIBLE)
    assert [leg["service"] for leg in rows(live(told, town), "legs")] == [service]


@pytest.mark.parametrize("number", range(6))
def test_nobody_walks_as_far_to_ride_as_all_the_way(tmp_path: Path, number: int) -> None:
    told, town = sensible_day(number, tmp_path)
    log = live(told, town, seed=number)
    legs = services_of(log)
    shut_s = [notice["t_s"] for notice in rows(log, "notices", topic="streets")] or [END_S]
    rode = 0
    for made in rows(log, "trips", outcome="arrived", replans=0):
        own = legs.get((made["person"], made["trip"]), [])
        on_foot_s = WALKED_S.get((made["origin"], made["destination"]))
        services = {leg["service"] for leg in own}
        if min(shut_s) <= made["t_s"] < max(shut_s):
            continue  # the way on foot is another one while a street is shut
        if on_foot_s is None or not own or services == {"walk"} or services & PRIVATE:
            continue
        rode += 1
        assert sum(leg["walk_s"] for leg in own) < on_foot_s
    assert rode > 0


@pytest.mark.parametrize("number", range(6))
def test_no_journey_is_offered_that_another_beats_in_everything(tmp_path: Path, number: int) -> None:
    told, town = sensible_day(number, tmp_path)
    planner = Planner(open_services(told, town), town, ChoiceModel(told.choice), told.planning, Dice.of(number))
    demand = TripDemand.of(town.demand(town.dice), town.people.person)
    plans = planner.plan(demand, at_leisure=True)
    offered = plans.bound != IMPOSSIBLE
    for j, chain in enumerate(plans.chains):
        if chain.services & PRIVATE:
            continue
        for k, other in enumerate(plans.chains):
            services = [planner.services[name] for name in other.services]
            if k == j or any(s.private or s.pre_arranged or s.capacity_limited for s in services):
                continue
            mine, its = plans.effort[:, j], plans.effort[:, k]
            beaten = (mine >= its).all(axis=1) & (mine > its).any(axis=1) & offered[:, k]
            assert not np.any(beaten & offered[:, j]), (chain.name, other.name)


def sensible_day(number: int, folder: Path) -> tuple[Scenario, Town]:
    lot = Lot(number)
    wanted = wishes(lot, 60)
    told = full_scenario(lot)
    return told.model_copy(update={"planning": told.planning.model_copy(update=SENSIBLE)}), full_town(
        lot, wanted, folder
    )
