"""Every number of every settings file has bounds of sense: what lies beyond is refused, what lies at them runs."""

from __future__ import annotations

import copy
import importlib
import math
import pkgutil
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import kera_mobility
from kera_mobility.areas.description import read_area, read_speeds
from kera_mobility.config.messages import faults_of, read_settings, schemas_at, unit_of
from kera_mobility.config.settings import Settings
from kera_mobility.config.yaml_layers import Node, read_layers
from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError, KeraError
from kera_mobility.experiments.batch import experiment
from kera_mobility.experiments.calibration.targets import CalibrationSettings
from kera_mobility.experiments.elasticities import RealismSettings
from kera_mobility.experiments.uncertainty import load_uncertain
from kera_mobility.simulation.run import live
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.timetable.lines_yaml import read_lines
from tests.kit.hamlet import CITY, HOME, SCHOOL, STATION, hamlet_town, person, scenario, trip

ROOT = Path(__file__).parents[2]
Path_ = tuple[str | int, ...]
BEYOND = (1e308, -1e308, math.inf, -math.inf, math.nan, 10**400, -(10**400), 2**64)
"""What no number of a scenario may be, but for a seed, whose greatest is 2^64 - 1."""
EVERYTHING = (
    "services.shuttle.wheelchair={share: 0.01}", "services.shuttle.battery={battery_kwh: 30}",
    "services.shuttle.breakdowns={per_1000_km: 1}", "services.shuttle.dwell={stop_s: 20}",
    "services.shuttle.duties=[{first_s: 0, last_s: 90000}]", "services.scooter.permit={fleet: 100}",
    "services.scooter.closed=[{from_s: 0, until_s: 3600}]",
    "services.car_passenger.periods=[{start_s: 0, end_s: 3600, factor: 2}]",
    "disturbances=[{kind: fleet_halved, service: scooter, start_s: 3600, end_s: 7200, days: [0]},"
    " {kind: street_closed, start_s: 3600, end_s: 7200, polygon: [[24.7, 60.2], [24.8, 60.2], [24.8, 60.3]]},"
    " {kind: hub_without_power, start_s: 3600, end_s: 7200, place: {lon: 24.75, lat: 60.2}}]",
)  # fmt: skip
"""Parts that the trial of everything leaves out."""


def settings_classes() -> list[type[Settings]]:
    """Return every class of settings of the package."""
    for module in pkgutil.walk_packages(kera_mobility.__path__, "kera_mobility."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[Settings]] = set()
    new = {Settings}
    while new:
        new = {sub for kind in new for sub in kind.__subclasses__()} - found
        found |= new
    own = [kind for kind in found if kind.__module__.startswith("kera_mobility.")]
    return sorted(own, key=lambda kind: (kind.__module__, kind.__name__))


def numbers_in(schema: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schema of each number below a field, but those of other classes, which have a turn of their own."""
    if schema.get("type") in ("number", "integer"):
        yield name, schema
    below = [
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
        *schema.get("allOf", ()),
        *schema.get("prefixItems", ()),
    ]
    below += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for part in below:
        yield from numbers_in(part, name)


def test_no_number_of_any_settings_class_is_without_a_least_and_a_most_that_it_may_be() -> None:
    fields = [
        (f"{kind.__name__}.{name}", number)
        for kind in settings_classes()
        for field, about in kind.model_json_schema().get("properties", {}).items()
        for name, number in numbers_in(about, field)
    ]
    assert len(fields) > 350
    open_ended = [name for name, number in fields if not {"minimum", "maximum"} <= number.keys()]
    assert open_ended == []  # an exclusive bound is none: more than 0 lets 1e-300 in
    assert [name for name, number in fields if not -2e6 <= number["minimum"] <= number["maximum"] <= 2**64] == []
    speeds = {name: (number["minimum"], number["maximum"]) for name, number in fields if name.endswith("speed_m_s")}
    assert len(speeds) > 8
    assert all(0.3 <= least < most <= 30 for least, most in speeds.values()), "speeds of their kind"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """Return a scenario with nearly every key, as it stands in a file."""
    file = tmp_path_factory.mktemp("bounds") / "everything.yaml"
    loaded = load_scenario(ROOT / "configs/trials/all.yaml", EVERYTHING)
    file.write_text(loaded.resolved_yaml(), encoding="utf-8")
    return read_layers(file)


def numbers_of(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of each number in plain values."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from numbers_of(value, (*path, key))
    if isinstance(data, int | float) and not isinstance(data, bool):
        yield path


def with_value(data: Any, path: Path_, value: object) -> Any:
    changed = copy.deepcopy(data)
    below = changed
    for step in path[:-1]:
        below = below[step]
    below[path[-1]] = value
    return changed


def test_a_number_far_outside_is_refused_where_it_stands_whichever_it_is(everything: Node) -> None:
    data, schema = everything.plain(), Scenario.model_json_schema()
    assert Scenario.model_validate(data)
    paths = list(numbers_of(data))
    assert len(paths) > 450
    for path in paths:
        (number,) = [about for about in schemas_at(schema, path, data) if "minimum" in about]
        below, above = number["minimum"] - 1, number["maximum"] + 1
        for value in (below, above, *(BEYOND if path[-1] != "seed" else BEYOND[:-1])):
            with pytest.raises(ValidationError) as caught:
                Scenario.model_validate(with_value(data, path, value))
            faults = faults_of(caught.value, everything, with_value(data, path, value), schema)
            assert len(faults) == 1, (path, value, faults)
            text = str(faults[0])
            assert "\n" not in text
            assert text.startswith(f"{everything.at(path).where}: {'.'.join(map(str, path))}: got "), text
            if value == above and isinstance(number["maximum"], float | int):
                expected = f"{number['maximum']:g}" if abs(number["maximum"]) < 1e6 else ""
                assert expected in text, (path, text)
                assert text.endswith(unit_of(path)), (path, text)


def test_a_bound_is_told_with_its_unit() -> None:
    for key, value, end in (
        ("services.scooter.walk_speed_m_s", 1e-9, "got 1e-09, expected at least 0.3 m/s"),
        ("choice.constants.car", 1e308, "got 1e+308, expected at most 100 utils"),
        ("services.scooter.energy_wh_per_km", 101, "got 101, expected at most 100 Wh/km"),
        ("services.scooter.speed_m_s", 300, "got 300, expected at most 7 m/s"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_scenario(ROOT / "configs/trials/scooters.yaml", [f"{key}={value}"])
        assert str(caught.value) == f"--set {key}={value}: {key}: {end}"


def test_what_is_shipped_lies_inside() -> None:
    folder = ROOT / "configs"
    read_settings(folder / "calibration.yaml", CalibrationSettings)
    read_settings(folder / "realism.yaml", RealismSettings)
    assert load_uncertain(folder / "uncertain.yaml")
    for area in sorted(file.parent for file in (ROOT / "networks").glob("*/area.yaml")):
        read_area(area)
        read_speeds(area)
    assert [read_lines(file).lines for file in (ROOT / "networks").rglob("lines.yaml")]


# Orders across numbers


@pytest.mark.parametrize(
    ("scenario_name", "override", "fault"),
    [
        ("scooters", "planning.typical_start_s=80000",
         "planning.typical_end_s: got 68400, expected more than typical_start_s, 80000"),
        ("shuttle", "services.shuttle.wheelchair={places: 10}",
         "services.shuttle.wheelchair.places: got 10, expected at most seats, 9"),
        ("shuttle", "services.shuttle.last_s=100", "last_s: got 100, expected at least first_s 21600"),
        ("scooters", "services.rail.train={places: 10, seats: 11, boarding_penalty_min: 0}",
         "services.rail.train.seats: got 11, expected at most places, 10"),
        ("scooters", "services.car.periods=[{start_s: 9, end_s: 9, factor: 2}]",
         "services.car.periods.0.end_s: got 9, expected more than start_s, 9"),
        ("scooters", "services.scooter.low_charge=0.05",
         "services.scooter.low_charge: got 0.05, expected at least reserve_charge, 0.1"),
        ("scooters", "services.scooter.permit={available_from_s: 9, available_until_s: 8}",
         "services.scooter.permit.available_until_s: got 8, expected more than available_from_s, 9"),
        ("scooters", "services.scooter.registered=[{from_age: 18, share: 0.1}, {from_age: 18, share: 0.2}]",
         "services.scooter.registered: got ages [18, 18], expected rising ones"),
        ("scooters", "town.people.latest_start_h=23",
         "town.people.latest_departure_h: got 12, expected more than latest_start_h, 23"),
        ("scooters", "town.people.pause_h=[1, 2, 1, 3, 4]",
         "town.people.pause_h: got (1.0, 2.0, 1.0, 3.0, 4.0), expected hours that never fall"),
        ("scooters", "town.people.households.children=[0, 0, 0]",
         "town.people.households.children: got a list of 3, expected shares that sum to 1, not to 0"),
    ],
)  # fmt: skip
def test_numbers_that_contradict_each_other_are_told_in_one_line(scenario_name: str, override: str, fault: str) -> None:
    more = ["town.people.latest_departure_h=12"] if "latest_departure_h" in fault else []
    with pytest.raises(ConfigError) as caught:
        load_scenario(ROOT / f"configs/trials/{scenario_name}.yaml", [override, *more])
    assert len(caught.value.faults) == 1, caught.value
    assert fault in str(caught.value)


@pytest.mark.parametrize("date", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31", "10000-01-01"])
def test_a_date_of_no_trial_is_a_fault_in_one_line(date: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_scenario(ROOT / "configs/trials/scooters.yaml", [f"services.scooter.date={date}"])
    assert str(caught.value).endswith("expected a date such as 2025-09-17, of the years 1900 to 2199")
    assert len(str(caught.value).splitlines()) == 1


# Seeds


@pytest.mark.parametrize("seed", [-1, 2**64, 2**64 + 1, 10**400])
def test_a_seed_that_would_be_another_is_refused_before_anything_is_done(seed: int, tmp_path: Path) -> None:
    assert Dice.of(2**64 - 1) != Dice.of(1)
    with pytest.raises(ConfigError, match=f"seed: got {seed}, expected 0 to {2**64 - 1}"):
        Dice.of(seed)
    with pytest.raises(ConfigError, match="seed: got"):
        experiment(ROOT / "configs/today.yaml", [1, seed], tmp_path / "out")
    assert not list(tmp_path.iterdir())


# At the bounds

SAMPLES = 60
WAYS = ("walk", "bicycle", "car", "car_passenger", "rail", "scooter", "shuttle", "on_demand")


def at_the_bounds() -> list[tuple[Path_, float]]:
    """Return keys of the hamlet's scenario with the least and the most that each may be, a fixed sample."""
    data = scenario({name: {} for name in WAYS}).model_dump(mode="json", exclude_none=True)
    schema = Scenario.model_json_schema()
    cases = []
    for path in numbers_of(data):
        if path[0] in ("services", "choice", "planning"):
            (number,) = [about for about in schemas_at(schema, path, data) if "minimum" in about]
            cases += [(path, number["minimum"]), (path, number["maximum"])]
    return random.Random(1).sample(cases, SAMPLES)


@pytest.mark.parametrize(("path", "value"), at_the_bounds(), ids=lambda part: str(part).replace(" ", ""))
def test_a_day_at_a_bound_ends_in_figures(path: Path_, value: float, tmp_path: Path) -> None:
    people = [person(1, bicycle=True), person(2, car=True), person(3)]
    trips = [
        trip(number, *(ends if hour == 8 else reversed(ends)), f"{hour}:{number:02d}")
        for number, ends in enumerate([(HOME, STATION), (HOME, CITY), (HOME, SCHOOL)], start=1)
        for hour in (8, 16)
    ]
    town = hamlet_town(tmp_path, people, trips)
    data = scenario({name: {} for name in WAYS}).model_dump(mode="json", exclude_none=True)
    try:
        run = live(Scenario.model_validate(with_value(data, path, value)), town)
    except (KeraError, ValidationError) as error:  # an order across numbers, or no room in the hamlet
        refusal = str(error)
        assert "expected" in refusal
        return
    kpis = {kpi.id: kpi.value for kpi in run.kpis()}
    assert not [name for name, figure in kpis.items() if math.isinf(figure)]
    assert kpis["trips@everyone"] == len(trips)
    assert math.isfinite(kpis["unserved@everyone"])
