"""Scenarios: layers of YAML, and every fault at once with its place."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from kera_mobility.config.resources import shipped_folder
from kera_mobility.config.settings import Settings
from kera_mobility.config.time_words import SECONDS_BY_UNIT, unit_by_name
from kera_mobility.config.yaml_layers import Node, merge, read_layers
from kera_mobility.errors import ConfigError, MissingFileError
from kera_mobility.simulation.scenario import OWN_KEYS, Scenario, load_scenario, schema
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.units import clock
from tests.laws.test_bounds import settings_classes

CONFIGS = shipped_folder("configs")
NO_SCENARIOS = {
    "ages.yaml", "calibration.yaml", "constants.yaml", "evenings.yaml", "realism.yaml", "uncertain.yaml",
    "weather.yaml",
}  # fmt: skip
"""Files of other commands, and layers that only stand below others."""
SHIPPED = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if path.name not in NO_SCENARIOS and path.parent.name != "countries"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current folder, so that places in messages are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def faults_of(path: str | Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, overrides)
    return [str(fault) for fault in caught.value.faults]


# What is shipped


def test_a_key_of_a_part_that_has_defaults_is_laid_over_them() -> None:
    plain = load_scenario("configs/today.yaml")
    moved = load_scenario("configs/today.yaml", ["town.people.work.decay_m=5000", "services.rail.train.places=600"])
    assert moved.town.people.work.decay_m == 5_000.0
    assert moved.town.people.work.model_copy(update={"decay_m": plain.town.people.work.decay_m}) == (
        plain.town.people.work
    )
    trains: list[Any] = [scenario.services["rail"].model_dump()["train"] for scenario in (plain, moved)]
    assert trains[1] == {**trains[0], "places": 600}
    (fault,) = faults_of("configs/today.yaml", "town.people.work.decay=5000")
    assert "town.people.work.decay" in fault
    assert "decay_m" in fault


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_loads(name: str) -> None:
    scenario = load_scenario(CONFIGS / name)
    assert scenario.name == Path(name).stem
    assert "walk" in scenario.services


def test_the_phases_grow_towards_the_goals_of_the_city() -> None:
    phases = [load_scenario(f"configs/{name}.yaml") for name in ("temporary_use", "construction", "finished")]
    residents = [phase.town.people.residents for phase in phases]
    assert residents == sorted(residents)
    assert (residents[-1], phases[-1].town.people.jobs) == (14_000, 10_000)


def test_all_trials_together_hold_what_each_trial_holds() -> None:
    together = load_scenario("configs/trials/all.yaml")
    for trial, service in (("scooters", "scooter"), ("shuttle", "shuttle"), ("urban_rail", "rail")):
        assert together.services[service] == load_scenario(f"configs/trials/{trial}.yaml").services[service]


def test_a_trial_differs_from_the_finished_district_in_its_service_alone() -> None:
    finished, trial = load_scenario("configs/finished.yaml"), load_scenario("configs/trials/shuttle.yaml")
    expected = finished.model_dump() | {"name": "shuttle", "title": trial.title}
    found = trial.model_dump()
    assert found["services"].pop("shuttle")["kind"] == "shuttle"
    assert found == expected


def test_a_shipped_scenario_is_found_from_any_folder(here: Path) -> None:
    assert load_scenario("configs/trials/all.yaml").name == "all"
    write(here, mine="extends: configs/finished.yaml\nyear: 2040\n")
    assert load_scenario("mine.yaml").year == 2040


# Layers


def test_maps_merge_lists_replace_and_null_removes(here: Path) -> None:
    write(
        here,
        low="map: {kept: 1, changed: 2, gone: 3}\nlist: [1, 2, 3]\nwhole: {a: 1}\n",
        top="extends: low.yaml\nmap: {changed: 20, gone: null, new: 4}\nlist: [9]\nwhole: 5\n",
    )
    assert read_layers(Path("top.yaml")).plain() == {
        "map": {"kept": 1, "changed": 20, "new": 4},
        "list": [9],
        "whole": 5,
    }


def test_null_removes_a_service() -> None:
    assert "scooter" not in load_scenario("configs/trials/all.yaml", ["services.scooter=null"]).services


def test_what_was_removed_can_be_written_again_above(here: Path) -> None:
    write(here, a="x: {y: 1, z: 1}", b="extends: a.yaml\nx: null", c="extends: b.yaml\nx: {y: 2}")
    assert read_layers(Path("c.yaml")).plain() == {"x": {"y": 2}}


def test_the_last_of_several_files_wins_and_a_shared_base_counts_once(here: Path) -> None:
    write(
        here,
        base="x: base\ny: base\nz: base\n",
        left="extends: base.yaml\nx: left\nz: left\n",
        right="extends: base.yaml\ny: right\nz: right\n",
        both="extends: [left.yaml, right.yaml]\n",
    )
    assert read_layers(Path("both.yaml")).plain() == {"x": "left", "y": "right", "z": "right"}


def test_a_path_in_extends_starts_at_its_own_file(here: Path) -> None:
    (here / "deep").mkdir()
    write(here, base="x: 1\n")
    write(here / "deep", mid="extends: ../base.yaml\n", top="extends: mid.yaml\n")
    assert read_layers(Path("deep/top.yaml")).plain() == {"x": 1}


def test_name_and_title_are_not_inherited(here: Path) -> None:
    write(here, base="extends: configs/today.yaml\nname: base\ntitle: The base\n", child="extends: base.yaml\n")
    assert (load_scenario("base.yaml").name, load_scenario("base.yaml").title) == ("base", "The base")
    assert (load_scenario("child.yaml").name, load_scenario("child.yaml").title) == ("child", "")


def test_every_key_remembers_its_file_and_line(here: Path) -> None:
    write(here, low="a:\n  b: 1\n  c: 2\n", top="extends: low.yaml\n\na:\n  c:\n  - 5\n  - 6\n")
    node = read_layers(Path("top.yaml"), ["a.d=7"])
    assert node.at(("a", "b")).where == "low.yaml:2"
    assert node.at(("a", "c", 1)).where == "top.yaml:6"
    assert node.at(("a", "d")).where == "--set a.d=7"
    assert node.at(("a", "unknown", "below")).where == "top.yaml:3"


def test_a_key_merged_inside_yaml_is_read(here: Path) -> None:
    write(here, a="x: &x {p: 1, q: true}\ny:\n  <<: *x\n  p: 2\n")
    assert read_layers(Path("a.yaml")).plain()["y"] == {"p": 2, "q": True}


tree = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3) | st.lists(below, max_size=2),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from("abc"), tree, max_size=3)


def node_of(value: object) -> Node:
    if isinstance(value, dict):
        return Node({key: node_of(below) for key, below in value.items()}, "")
    if isinstance(value, list):
        return Node([node_of(below) for below in value], "")
    return Node(value, "")


def laid_over(low: Any, top: Any) -> Any:
    if not (isinstance(low, dict) and isinstance(top, dict)):
        return top
    return {key: laid_over(low.get(key), top[key]) if key in top else low[key] for key in {**low, **top}}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(below) for key, below in value.items() if below is not None}
    return [without_nulls(below) for below in value] if isinstance(value, list) else value


@given(maps, maps, maps)
def test_layers_merge_as_plain_maps_do(low: object, mid: object, top: object) -> None:
    merged = merge(merge(node_of(low), node_of(mid)), node_of(top)).plain()
    assert merged == without_nulls(laid_over(laid_over(low, mid), top))


@given(maps)
def test_a_layer_over_itself_changes_nothing(a: object) -> None:
    assert merge(node_of(a), node_of(a)).plain() == node_of(a).plain()


# Overrides


def test_an_override_is_one_more_layer() -> None:
    scenario = load_scenario("configs/trials/scooters.yaml", ["services.scooter.fleet=80", "title=Eighty scooters"])
    assert scenario.services["scooter"].model_dump()["fleet"] == 80
    assert scenario.title == "Eighty scooters"


def test_an_override_is_checked_like_the_file() -> None:
    assert faults_of("configs/trials/scooters.yaml", "services.scooter.fleet=0") == [
        "--set services.scooter.fleet=0: services.scooter.fleet: got 0, expected at least 1"
    ]


def test_an_override_with_a_slip_names_the_key_that_was_meant() -> None:
    assert faults_of("configs/trials/scooters.yaml", "services.scooter.flet=80") == [
        "--set services.scooter.flet=80: services.scooter.flet: unknown key (did you mean 'fleet'?)"
    ]


@pytest.mark.parametrize("text", ["", "=", "fleet", "a..b=1", ".a=1", "a.=1", "a=[", "extends=x.yaml", "a=2026-01-01"])
def test_an_override_that_cannot_be_read_is_one_fault(text: str) -> None:
    assert len(faults_of("configs/today.yaml", text)) == 1


# Faults


def test_all_faults_are_told_at_once_with_file_line_key_found_and_expected(here: Path) -> None:
    write(
        here,
        base="services:\n  walk: {kind: walk, walk_sped_m_s: 1}\n  car:\n    kind: car\n    access_s: long\n",
        top="""\
extends: base.yaml
phase: Finished!
year: 1900
aera: kera
choice: {coefficients: {}}
town:
  seed: true
services:
  car:
    factor: 9
  bus:
    kind: buss
  shuttle:
    kind: shuttle
    stops: [{lon: 24.7, lat: north}]
    vehicles: 1
  Big Bus:
    kind: walk
  ghost: {title: none}
  bicycle: 5
""",
    )
    kinds = ", ".join(sorted(schema()["properties"]["services"]["additionalProperties"]["discriminator"]["mapping"]))
    word = "a plain lower-case word such as shuttle or shuttle_2"
    assert sorted(faults_of("top.yaml")) == sorted(
        [
            "top.yaml:1: area: missing, expected text",
            f"top.yaml:2: phase: got 'Finished!', expected {word}",
            "top.yaml:3: year: got 1900, expected at least 2000",
            "top.yaml:4: aera: unknown key (did you mean 'area'?)",
            *(
                f"top.yaml:5: choice.coefficients.{name}: missing, expected keys with values (a map)"
                for name in PURPOSES
            ),
            "top.yaml:7: town.seed: got true, expected a number",
            "base.yaml:2: services.walk.walk_sped_m_s: unknown key (did you mean 'walk_speed_m_s'?)",
            "base.yaml:5: services.car.access_s: got 'long', expected a number of s or a duration "
            "such as 90 s, 10 min or 1 h 30 min",
            "top.yaml:10: services.car.factor: got 9, expected at most 4",
            f"top.yaml:12: services.bus.kind: got 'buss', expected one of {kinds}",
            "top.yaml:15: services.shuttle.stops: got a list of 1, expected at least 2 of them",
            "top.yaml:15: services.shuttle.stops.0.lat: got 'north', expected a number in degrees",
            f"top.yaml:17: services.Big Bus: got 'Big Bus', expected {word}",
            f"top.yaml:19: services.ghost.kind: missing, expected one of {kinds}",
            "top.yaml:20: services.bicycle: got 5, expected keys with values (a map)",
        ]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services: {}\n", "services: got an empty map, expected at least 1 of them"),
        ("services: null\n", "services: missing, expected keys with values (a map)"),
    ],
)
def test_a_scenario_without_services_is_a_fault(here: Path, text: str, expected: str) -> None:
    write(here, a=f"phase: x\narea: x\nyear: 2030\nchoice: {{coefficients: {{}}}}\n{text}")
    assert [fault for fault in faults_of("a.yaml") if ": services: " in fault] == [f"a.yaml:5: {expected}"]


def test_a_name_that_cannot_be_a_folder_is_a_fault(here: Path) -> None:
    write(here, a="extends: configs/today.yaml\nname: ../elsewhere\n")
    (fault,) = faults_of("a.yaml")
    assert fault.startswith("a.yaml:2: name: got '../elsewhere', expected a name for a folder")


def test_a_scenario_that_does_not_exist_is_named(here: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.yaml: no such file here"):
        load_scenario("nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: gone.yaml\n", "a.yaml:1: extends: 'gone.yaml': cannot read it: no such file or directory"),
        ("x: 1\nextends: a.yaml\n", "a.yaml:2: extends: circular, a.yaml -> a.yaml"),
        ("extends: [5]\n", "a.yaml:1: extends: got 5, expected a file or a list of files"),
        ("extends: .\n", "a.yaml:1: extends: '.': cannot read it: it is a folder, expected a file"),
        ('extends: "\\0"\n', "a.yaml:1: extends: got '\\x00', expected a file or a list of files"),
        ("", "a.yaml:1: got nothing, expected keys with values (a map)"),
        ("- 1\n- 2\n", "a.yaml:1: got a list of 2, expected keys with values (a map)"),
        ("just words\n", "a.yaml:1: got 'just words', expected keys with values (a map)"),
        ("a: 1\nb: [1, 2\n", "a.yaml:3: broken YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\nb: 2\na: 3\n", 'a.yaml:3: broken YAML: found duplicate key "a" with value "3" (original value: "1")'),
        ("a: 1\n1: 2\n", "a.yaml:1: got the key 1, expected a word"),
        ("&a {x: *a}\n", "a.yaml:1: broken YAML: the alias 'a' contains itself"),
        ("a: !!binary aGk=\n", "a.yaml:1: got a value of type '!!binary', expected text, a number, true or false"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_fault(here: Path, text: str, expected: str) -> None:
    write(here, a=text)
    assert faults_of("a.yaml") == [expected]


def test_a_date_needs_no_quotes(here: Path) -> None:
    write(here, a="extends: configs/trials/scooters.yaml\nservices:\n  scooter:\n    date: 2025-07-02\n")
    assert "date: '2025-07-02'" in load_scenario("a.yaml").resolved_yaml()


def test_a_date_that_is_none_is_told_with_one_that_is() -> None:
    (fault,) = faults_of("configs/trials/scooters.yaml", "services.scooter.date=tomorrow")
    assert fault.endswith(
        "services.scooter.date: got 'tomorrow', expected a date such as 2025-09-17, of the years 1900 to 2199"
    )
    (fault,) = faults_of("configs/trials/scooters.yaml", "services.scooter.date=2025-02-30")
    assert "broken YAML: day" in fault


# Times and numbers as people write them


def times_of_settings() -> Iterator[tuple[type[Settings], str, str]]:
    """Yield each setting that is one number of time, of every class of settings, with its unit."""
    for kind in settings_classes():
        for name, about in kind.model_json_schema().get("properties", {}).items():
            if unit_by_name(name) in SECONDS_BY_UNIT and about.get("type") in ("number", "integer"):
                yield kind, name, unit_by_name(name)


def test_every_setting_that_is_a_time_is_written_as_people_write_it() -> None:
    """Each is read alone, by the rule that all classes have: a moment as 23:00, a duration as 1 h 30 min."""
    moments, durations = [], []
    for kind, name, unit in times_of_settings():
        about = kind.model_json_schema()["properties"][name]
        least_s, most_s = (about[bound] * SECONDS_BY_UNIT[unit] for bound in ("minimum", "maximum"))
        whole = about["type"] == "integer"
        if "time_of_day" in about:
            written, time_s = (
                clock(least_s + (most_s - least_s) // 3600 * 3600),
                least_s + (most_s - least_s) // 3600 * 3600,
            )
            moments.append(name)
        else:
            time_s = most_s if unit != "s" or whole else most_s / 2
            written = f"{time_s // 60:.0f} min {time_s % 60:g} s" if time_s >= 60 else f"{time_s:g} s"
            durations.append(name)
        read = kind._over_defaults({name: written})[name]  # type: ignore[operator]
        assert read == pytest.approx(time_s / SECONDS_BY_UNIT[unit]), (kind, name, written)
        wrong = "10 min" if "time_of_day" in about else "0:10"
        with pytest.raises(ValidationError) as caught:
            kind.model_validate({name: wrong})
        assert [error["type"] for error in caught.value.errors() if error["loc"][:1] == (name,)] in (
            ["float_parsing"], ["int_parsing"],
        ), (kind, name)  # fmt: skip
    assert len(moments) > 20
    assert len(durations) > 40
    named = {"first_s", "last_s", "start_s", "end_s", "begin_s", "from_s", "until_s"}
    assert named & set(durations) == set(), "a time of day is of the type that says so"


def test_times_are_read_in_files_in_lists_and_behind_set(here: Path) -> None:
    write(here, a="extends: configs/trials/shuttle.yaml\nservices:\n  shuttle: {last_s: 23:00, headway_s: 10 min}\n")
    plain = load_scenario(
        "configs/trials/shuttle.yaml", ["services.shuttle.last_s=82800", "services.shuttle.headway_s=600"]
    )
    written = load_scenario("a.yaml")
    assert written.services == plain.services
    overrides = ["services.shuttle.last_s=23:00", "services.shuttle.headway_s=10 min"]
    assert load_scenario("configs/trials/shuttle.yaml", overrides).hash == plain.hash
    late = load_scenario("a.yaml", ["services.shuttle.last_s=25:30", "services.shuttle.headway_s=1 h 30 min"])
    assert late.services["shuttle"].model_dump()["last_s"] == 91_800
    assert late.services["shuttle"].model_dump()["headway_s"] == 5400
    timetable = "services.shuttle.operation={kind: timetable, departures_s: ['7:30', 28000, 8:00:30]}"
    listed: Any = load_scenario("a.yaml", [timetable]).services["shuttle"].model_dump()["operation"]
    assert list(listed["departures_s"]) == [27_000, 28_000, 28_830]


def test_the_schema_for_editors_takes_times_in_words() -> None:
    about = schema()["$defs"]["ShuttleSettings"]["properties"]
    for name, right, wrong in (("last_s", "25:30", "10 min"), ("headway_s", "1 h 30 min", "0:10")):
        assert about[name]["type"] == ["number", "string"]
        assert re.search(about[name]["pattern"], right)
        assert not re.search(about[name]["pattern"], wrong)


@pytest.mark.parametrize(
    ("override", "end"),
    [
        ("services.shuttle.fare_eur=1,50", "fare_eur: got '1,50', expected a number with a decimal point (1.50)"),
        ("services.shuttle.fare_eur=1.50 EUR", "got '1.50 EUR', expected a number in EUR"),
        ("services.shuttle.first_s=7h", "or a time of day such as 23:00 (25:30 is half past one the next night)"),
        ("services.shuttle.headway_s=0:10", "of s or a duration such as 90 s, 10 min or 1 h 30 min"),
        ("services.shuttle.headway_s=30 min 1 h", "of s or a duration such as 90 s, 10 min or 1 h 30 min"),
        ("services.shuttle.headway_s=3 h", "headway_s: got '3 h', which is 10800 s, expected at most 7200 s"),
        ("services.shuttle.headway_s='99999'", "headway_s: got '99999', expected at most 7200 s"),
        ("services.shuttle.last_s=31:00", "last_s: got '31:00', which is 111600 s, expected at most 108000 s"),
        ("services.shuttle.last_s=23:60", "or a time of day such as 23:00 (25:30 is half past one the next night)"),
        ("town.people.latest_start_h=25:00", "got '25:00', which is 25 h, expected at most 24 h"),
    ],
)
def test_a_number_that_is_written_in_another_way_is_one_fault_that_shows_how(override: str, end: str) -> None:
    (fault,) = faults_of("configs/trials/shuttle.yaml", override)
    assert fault.endswith(end)


def test_a_file_of_yaml_1_1_is_refused_as_its_times_would_be_counted_in_sixties(here: Path) -> None:
    write(here, a="%YAML 1.1\n---\nextends: configs/trials/shuttle.yaml\nservices: {shuttle: {last_s: 23:00}}\n")
    (fault,) = faults_of("a.yaml")
    assert "in which 23:00 is 1380" in fault
    write(here, a="%YAML 1.2\n---\nextends: configs/trials/shuttle.yaml\nservices: {shuttle: {last_s: 23:00}}\n")
    assert load_scenario("a.yaml").services["shuttle"].model_dump()["last_s"] == 82_800


# Lists by index


def test_an_entry_of_a_list_is_overridden_by_its_index() -> None:
    plain: Any = load_scenario("configs/trials/shuttle.yaml").services["shuttle"].model_dump()["stops"]
    moved: Any = load_scenario(
        "configs/trials/shuttle.yaml", ["services.shuttle.stops.1.lat=60.2", "services.shuttle.stops.0=null"]
    )
    stops = moved.services["shuttle"].model_dump()["stops"]
    assert [dict(stop) for stop in stops] == [{**plain[1], "lat": 60.2}, *plain[2:]]
    added: Any = load_scenario(
        "configs/trials/shuttle.yaml", [f"services.shuttle.stops.{len(plain)}={{lon: 24.75, lat: 60.21}}"]
    )
    assert len(added.services["shuttle"].model_dump()["stops"]) == len(plain) + 1


def test_an_index_begins_a_list_that_no_file_has() -> None:
    closed = load_scenario(
        "configs/trials/shuttle.yaml", ["disturbances.0={kind: rail_closed, service: rail, start_s: 7:00, end_s: 9:00}"]
    )
    assert [disturbance.start_s for disturbance in closed.disturbances] == [25_200]


@pytest.mark.parametrize("index", ["99", "-1", "x"])
def test_an_index_that_leads_nowhere_is_a_fault_with_those_there_are(index: str) -> None:
    stops: Any = load_scenario("configs/trials/shuttle.yaml").services["shuttle"].model_dump()["stops"]
    (fault,) = faults_of("configs/trials/shuttle.yaml", f"services.shuttle.stops.{index}.lat=60.2")
    number = len(stops)
    assert fault.endswith(
        f"services.shuttle.stops.{index}: got the index '{index}', expected 0 to {number - 1}, or {number} to add one"
    )


# Files by path


def test_a_file_of_zones_and_one_of_overlays_may_lie_beside_the_scenario(here: Path, tmp_path: Path) -> None:
    (here / "trial").mkdir()
    for name in ("zones", "works"):
        (here / "trial" / f"{name}.geojson").write_text("{}")
    write(
        here / "trial",
        a="extends: configs/trials/scooters.yaml\ntown: {overlays: [./works.geojson]}\n"
        "services: {scooter: {zones: [zones.geojson]}}\n",
    )
    for path in ("trial/a.yaml", here / "trial" / "a.yaml"):
        scenario = load_scenario(path)
        assert scenario.services["scooter"].model_dump()["zones"] == ("trial/zones.geojson",)
        assert scenario.town.overlays == ("trial/./works.geojson",)
    (here / "zones.geojson").write_text("{}")
    here_first: Any = load_scenario("trial/a.yaml").services["scooter"].model_dump()["zones"]
    assert here_first == ("zones.geojson",), "a path from the current folder comes first, as before"


def test_a_broken_entry_does_not_make_its_list_too_short() -> None:
    (fault,) = faults_of("configs/trials/on_demand.yaml", "services.on_demand.shifts=[{start_s: 57960, end_s: 23400}]")
    assert "services.on_demand.shifts.0: got end_s 23400, expected more than start_s 57960" in fault


def test_a_misspelt_file_is_told_with_the_one_that_is_near() -> None:
    with pytest.raises(MissingFileError, match=r"al\.yaml: no such file here.*did you mean 'all\.yaml'"):
        load_scenario("configs/trials/al.yaml")


def test_a_misspelt_constant_is_a_fault_and_one_of_a_service_that_is_not_there_is_none() -> None:
    (fault,) = faults_of("configs/trials/scooters.yaml", "choice.constants.scoter=-1")
    assert fault.endswith("choice.constants.scoter: got 'scoter', which is no service here (did you mean 'scooter'?)")
    assert load_scenario("configs/finished.yaml").choice.constants["scooter"] < 0


def test_a_circle_of_files_is_shown_whole(here: Path) -> None:
    write(here, a="extends: b.yaml\n", b="extends: c.yaml\n", c="extends: [b.yaml]\n")
    assert faults_of("a.yaml") == ["c.yaml:1: extends: circular, b.yaml -> c.yaml -> b.yaml"]


def test_a_file_that_is_not_text_is_a_fault_with_its_line(here: Path) -> None:
    (here / "a.yaml").write_bytes(b"a: 1\nb: \xff\n")
    assert faults_of("a.yaml") == ["a.yaml:2: not UTF-8 text: byte 0xff"]


def test_a_few_lines_that_unfold_to_millions_are_a_fault(here: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    write(here, a="\n".join(lines))
    (fault,) = faults_of("a.yaml")
    assert "more than 20000 values" in fault


def test_faults_of_several_files_and_overrides_are_told_together(here: Path) -> None:
    write(here, a="extends: [b.yaml, gone.yaml]\n", b="x: [\n")
    assert len(faults_of("a.yaml", "nonsense")) == 3


@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_has_nothing_but_a_config_error_comes(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    file = tmp_path_factory.mktemp("bytes") / "a.yaml"
    file.write_bytes(raw)
    with pytest.raises(ConfigError):
        load_scenario(file)


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@,#? \n\t0.~<=\\"), max_size=60))
def test_whatever_yaml_a_file_has_nothing_but_a_config_error_comes(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("text") / "a.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_scenario(file)


@given(st.text(max_size=40))
def test_whatever_an_override_says_the_scenario_is_whole_or_a_config_error_comes(text: str) -> None:
    try:
        scenario = load_scenario(CONFIGS / "today.yaml", [f"title={text}"])
    except ConfigError:
        return
    assert scenario.name == "today"


# The resolved scenario


@pytest.mark.parametrize("name", SHIPPED)
def test_the_resolved_scenario_loads_to_an_equal_one(here: Path, name: str) -> None:
    scenario = load_scenario(CONFIGS / name)
    write(here, resolved=scenario.resolved_yaml())
    again = load_scenario("resolved.yaml")
    assert again == scenario
    assert (again.hash, again.resolved_yaml()) == (scenario.hash, scenario.resolved_yaml())


@settings(max_examples=30)  # each reads a whole scenario
@given(st.text(), st.floats(0.01, 8.5, allow_nan=False))
def test_any_title_and_number_survive_the_resolved_scenario(
    tmp_path_factory: pytest.TempPathFactory, title: str, speed_m_s: float
) -> None:
    base = load_scenario(CONFIGS / "today.yaml")
    data = base.model_dump() | {"title": title}
    data["services"]["bicycle"]["speed_m_s"] = speed_m_s
    try:
        scenario = Scenario.model_validate(data)
    except ValueError:
        return  # a title that is no Unicode text
    file = tmp_path_factory.mktemp("resolved") / "a.yaml"
    file.write_text(scenario.resolved_yaml(), encoding="utf-8", newline="\n")
    assert load_scenario(file) == scenario


def test_the_hash_tells_scenarios_apart_and_nothing_else() -> None:
    first, second = load_scenario("configs/today.yaml"), load_scenario("configs/today.yaml")
    assert first == second
    assert first.hash == second.hash
    other = load_scenario("configs/today.yaml", ["town.seed=2"])
    assert first != other
    assert first.hash != other.hash


def test_a_scenario_goes_to_another_process_unchanged() -> None:
    scenario = load_scenario("configs/trials/all.yaml")
    assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_the_schema_describes_every_key_of_the_base_scenario() -> None:
    described = schema()
    assert OWN_KEYS | {"extends", "services", "town"} <= set(described["properties"])
    units = described["$defs"]["ShuttleSettings"]["properties"]["seats"]
    assert units["description"].startswith("Places")
    assert units["minimum"] == 1
