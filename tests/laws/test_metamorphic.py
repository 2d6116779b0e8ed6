"""What must not change, or only one way, when the scenario does."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ruamel.yaml import YAML

from kera_mobility.demand.choice_model import IMPOSSIBLE, ChoiceModel
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.dice import Dice
from kera_mobility.results.events import KINDS, table_fingerprint
from kera_mobility.services.base import Service
from kera_mobility.simulation import uncontested
from kera_mobility.simulation.run import Run, live, open_services, simulate
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.town import Town, load_town
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
    at,
    hamlet_town,
    person,
    scenario,
    trip,
)

TRIALS = "configs/trials/all.yaml"
SMALL = (
    "town.people.residents=800",
    "town.people.jobs=300",
    "town.people.neighbours_within_m=600",
    "choice.constants.scooter=1.0",
    "choice.feeder_constants.scooter=1.0",
)
FAR = {"name": "corner", "lon": 24.8285, "lat": 60.2345}
"""A corner of the map where nobody of the small day goes."""
MIDDLE = {"name": "station", "lon": 24.7556, "lat": 60.2166}
SEED = 2


def kera(*overrides: str) -> Scenario:
    return load_scenario(TRIALS, [*SMALL, *overrides])


@cache
def day(*overrides: str) -> Run:
    return simulate(kera(*overrides), SEED)


def fingerprints(run: Run, dropped_service: str = "") -> dict[str, str]:
    """Return the fingerprint of every table without the rows of a service."""
    tables = dict(run.record.tables)
    for kind in KINDS:
        if dropped_service and "service" in tables[kind].column_names:
            tables[kind] = tables[kind].filter(pc.not_equal(tables[kind]["service"], dropped_service))
    if dropped_service:
        through = pc.match_substring(tables["considered"]["chain"], dropped_service)
        tables["considered"] = tables["considered"].filter(pc.invert(through))
    return {kind: table_fingerprint(table) for kind, table in tables.items()}


def used(run: Run, service: str) -> set[tuple[int, int]]:
    """Return the trips (person, trip) that preferred the service: they rode it, or it denied their request."""
    tables = [run.record.tables[kind] for kind in ("legs", "refusals", "bookings")]
    rows = [table.filter(pc.equal(table["service"], service)).select(["person", "trip"]) for table in tables]
    return {(row["person"], row["trip"]) for row in pa.concat_tables(rows).to_pylist()}


def plans_of(scenario: Scenario, town: Town) -> tuple[Plans, dict[str, Service]]:
    services, dice = open_services(scenario, town), Dice.of(SEED)
    planner = Planner(services, town, ChoiceModel(scenario.choice), scenario.planning, dice)
    return planner.plan_day(TripDemand.of(town.demand(dice), town.people.person)), services


@cache
def small_town() -> Town:
    settings = kera()
    return load_town(settings.area, settings.town.people, settings.town.seed, settings.town.overlays)


def scooter(**changes: Any) -> str:
    """Return the override that adds a second fleet, called far."""
    return f"services.far={json.dumps({'kind': 'scooter', 'fleet': 50, 'hubs': [FAR], **changes})}"


@pytest.mark.parametrize(
    "unreachable",
    [{"operating_radius_m": 1.0}, {"registered": [{"from_age": 0, "share": 0.0}], "hubs": [MIDDLE]}],
    ids=["in a corner", "with an app that nobody has"],
)
def test_a_fleet_that_nobody_can_reach_changes_nothing(unreachable: dict[str, Any]) -> None:
    with_it = day(scooter(**unreachable))
    assert fingerprints(with_it) == fingerprints(day())
    assert with_it.record.vehicles.num_rows == day().record.vehicles.num_rows + 50


def test_a_fleet_that_people_can_reach_changes_something() -> None:
    with_it = day(scooter(hubs=[MIDDLE]))
    assert fingerprints(with_it) != fingerprints(day())


def test_a_larger_share_of_people_with_the_app_holds_the_smaller_one() -> None:
    members = []
    for share in (0.0, 0.1, 0.35, 0.36, 0.9, 1.0):
        settings = kera(f'services.scooter.registered=[{{"from_age": 18, "share": {share}}}]')
        members.append(open_services(settings, small_town())["scooter"].members())
    for smaller, larger in pairwise(members):
        assert np.all(larger[smaller])
        assert np.count_nonzero(larger) > np.count_nonzero(smaller)
    assert not members[0].any()
    assert members[-1].sum() == np.count_nonzero(small_town().people.age >= 18)
    counted = members[2].sum() / members[-1].sum()
    assert counted == pytest.approx(0.35, abs=0.07)


@pytest.mark.parametrize(("small", "large"), [(1, 2), (60, 80)])
def test_a_larger_fleet_holds_the_smaller_one(small: int, large: int) -> None:
    smaller, larger = (scooters(day(f"services.scooter.fleet={fleet}")) for fleet in (small, large))
    assert len(smaller) == small
    assert len(larger) == large
    assert smaller == larger[:small]


def scooters(run: Run) -> list[tuple[int, int]]:
    vehicles = run.record.vehicles.filter(pc.equal(run.record.vehicles["service"], "scooter"))
    return list(zip(vehicles["vehicle"].to_pylist(), vehicles["start_place"].to_pylist(), strict=True))


EVERYWHERE = [at(place, capacity=300) for place in (HOME, MILL, STATION, SCHOOL)]
LIMITLESS: dict[str, dict[str, Any]] = {
    "walk": {}, "bicycle": {}, "car_passenger": {}, "rail": {},
    "scooter": {"fleet": 1200, "hubs": EVERYWHERE, "max_walk_m": 100.0},
    "shuttle": {"seats": 100, "vehicles": 3, "stops": [at(MILL), at(STATION), at(SCHOOL)]},
}  # fmt: skip
"""More scooters and seats than there are people; a scooter stands at every door."""


ENDS = [(HOME, STATION), (HOME, CITY), (MILL, SCHOOL), (SCHOOL, HOME), (CITY, MILL), (SCHOOL, CITY)]


@pytest.mark.parametrize(
    ("service", "key", "values"),
    [
        ("scooter", "unlock_eur", [0.0, 0.5, 1.0, 3.0, 10.0]),
        ("scooter", "minute_eur", [0.0, 0.1, 0.25, 1.0, 5.0]),
        ("scooter", "speed_m_s", [6.5, 4.0, 3.0, 1.0]),
        ("scooter", "handling_s", [0.0, 30.0, 200.0, 600.0]),
        ("shuttle", "fare_eur", [0.0, 1.0, 3.0, 20.0]),
        ("shuttle", "boarding_penalty_min", [0.0, 3.0, 10.0, 20.0]),
        ("rail", "fare_single_eur", [0.0, 2.0, 5.0, 20.0]),
    ],
)
def test_dearer_or_slower_attracts_nobody_where_there_is_enough_for_all(
    tmp_path: Path, service: str, key: str, values: list[float]
) -> None:
    """Slower is worse where no train is to be caught; else who is slower waits less on the platform, and gains."""
    draw = Dice.of(3)
    people = [person(number, household_cars=1, bicycle=number % 3 == 0) for number in range(600)]
    trips = [
        trip(number, *ENDS[number % len(ENDS)], 25_200.0 + round(36_000 * float(draw.uniform(number))))
        for number in range(len(people))
    ]
    town = hamlet_town(tmp_path, people, trips)
    likes = {"constants": {"scooter": 1.0, "shuttle": 0.5}, "feeder_constants": {"scooter": 0.5, "shuttle": 0.5}}
    takers = []
    for value in values:
        ways = {**LIMITLESS, service: {**LIMITLESS[service], key: value}}
        if key in ("speed_m_s", "handling_s"):
            del ways["rail"]
        run = live(scenario(ways, choice=likes), town)
        refusals = run.record.tables["refusals"]
        assert not {"no_vehicle", "full"} & set(refusals["reason"].to_pylist())
        takers.append(used(run, service))
    for cheaper, dearer in pairwise(takers):
        assert dearer <= cheaper
    assert len(takers[-1]) < len(takers[0])


@pytest.mark.parametrize(
    ("key", "values", "overrides"),
    [
        ("unlock_eur", (0.0, 1.0, 4.0), ()),
        ("minute_eur", (0.0, 0.25, 1.0), ()),
        ("speed_m_s", (5.0, 3.6, 2.0), ("services.rail=null",)),
    ],
)
def test_dearer_or_slower_attracts_nobody_in_the_plans_of_a_district(
    key: str, values: tuple[float, ...], overrides: tuple[str, ...]
) -> None:
    takers = []
    for value in values:
        plans, services = plans_of(kera(f"services.scooter.{key}={value}", *overrides), small_town())
        rides = np.array(["scooter" in chain.services for chain in plans.chains])
        takers.append(rides[plans.bound.argmax(axis=1)])
        assert services["scooter"].capacity_limited
    for cheaper, dearer in pairwise(takers):
        assert not np.any(dearer & ~cheaper)
        assert np.count_nonzero(dearer) < np.count_nonzero(cheaper)


def test_a_closed_shuttle_is_a_day_without_it(tmp_path: Path) -> None:
    file = tmp_path / "without.yaml"
    trials = [str(Path("configs/trials") / name) for name in ("scooters.yaml", "on_demand.yaml", "urban_rail.yaml")]
    file.write_text(f"extends: [{', '.join(trials)}]\n", encoding="utf-8")
    never = simulate(load_scenario(file, SMALL), SEED)
    closed = day("services.shuttle=null")
    assert fingerprints(closed) == fingerprints(never)
    assert closed.record.tables["calls"].num_rows > 0
    assert "shuttle" not in closed.record.tables["calls"]["service"].to_pylist()
    assert fingerprints(closed) != fingerprints(day(), "shuttle")


@pytest.mark.parametrize("service", ["shuttle", "scooter"])
def test_what_everybody_detests_runs_empty_and_changes_nothing_else(service: str) -> None:
    detested = day(f"choice.constants.{service}=-100", f"choice.feeder_constants.{service}=-100")
    assert not used(detested, service)
    assert used(day(), service)
    assert fingerprints(detested, service) == fingerprints(day(f"services.{service}=null"))


def test_trains_that_everybody_detests_are_for_those_who_have_no_other_way() -> None:
    detested = day("choice.constants.rail=-100")
    outside = {row["node"] for row in detested.record.places.to_pylist() if row["kind"] == "outside"}
    outside |= set(np.flatnonzero(small_town().streets.node_outside).tolist())
    riders = used(detested, "rail")
    assert len(riders) < 0.2 * len(used(day(), "rail"))
    for row in detested.record.tables["trips"].to_pylist():
        if (row["person"], row["trip"]) in riders:
            assert {row["origin"], row["destination"]} & outside


def test_an_alternative_more_changes_no_other_draw() -> None:
    """With and without scooters and shuttle, what is left has the same utility to the last bit, trip by trip."""
    everything, _ = plans_of(kera(), small_town())
    fewer, _ = plans_of(kera("services.shuttle=null", "services.scooter=null"), small_town())
    column = {chain.name: j for j, chain in enumerate(everything.chains)}
    assert len(fewer.chains) < len(everything.chains)
    for j, chain in enumerate(fewer.chains):
        assert np.array_equal(fewer.expected[:, j], everything.expected[:, column[chain.name]]), chain.name
        assert np.array_equal(fewer.stops[:, j], everything.stops[:, column[chain.name]]), chain.name
        assert np.any(fewer.expected[:, j] != IMPOSSIBLE), chain.name


def test_the_order_of_keys_in_a_file_changes_nothing(tmp_path: Path) -> None:
    def reversed_keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reversed_keys(value[key]) for key in reversed(value)}
        return [reversed_keys(item) for item in value] if isinstance(value, list) else value

    plain = YAML(typ="safe").load(kera().resolved_yaml())
    file = tmp_path / "backwards.yaml"
    with file.open("w", encoding="utf-8") as text:
        yaml = YAML(typ="safe")
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump(reversed_keys(plain), text)
    again = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    assert list(again["services"]) == list(reversed(plain["services"]))
    backwards = load_scenario(file)
    assert backwards.hash == kera().hash
    assert simulate(backwards, SEED).fingerprint == day().fingerprint


CUT = (
    "disturbances=[{kind: rail_closed, title: No trains, service: rail, lines: [L, City rail, U fast], start_s: 27000,"
    " end_s: 34200, announced_s: 0}]"
)


@pytest.mark.parametrize("news", [(), (CUT,)], ids=["no news", "news"])
def test_uncontested_trips_are_those_that_the_clock_would_simulate(
    news: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = load_scenario("configs/trials/all.yaml", (*SMALL, *news))
    at_once = simulate(trial)
    monkeypatch.setattr(uncontested, "_in_time", lambda demand, *rest: np.zeros(len(demand), dtype=np.bool_))
    by_the_clock = simulate(trial)
    assert at_once.fingerprint == by_the_clock.fingerprint
    assert at_once.stats["simpy_events"] < by_the_clock.stats["simpy_events"]


def test_uncontested_trips_after_a_simulated_one_are_logged_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = load_scenario("configs/trials/all.yaml", SMALL)
    logged: list[range] = []
    log_following = uncontested.UncontestedTrips.log_following

    def noted(trips: uncontested.UncontestedTrips, row: int) -> range:
        logged.append(log_following(trips, row))
        return logged[-1]

    monkeypatch.setattr(uncontested.UncontestedTrips, "log_following", noted)
    simulate(trial)
    assert any(logged)
    assert not all(logged)
