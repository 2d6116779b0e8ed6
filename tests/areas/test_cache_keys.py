"""What the cache holds follows from every input and from the code that reads them: a change of any makes it anew."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.config import cache_keys
from kera_mobility.config.cache_keys import cache_key
from kera_mobility.config.messages import read_settings
from kera_mobility.config.resources import find
from kera_mobility.experiments.calibration import acceptance
from kera_mobility.experiments.calibration.targets import CalibrationSettings
from kera_mobility.simulation import expectations
from kera_mobility.town.streets import skims
from kera_mobility.town.timetable.feeds import timetable_of
from tests.kit.feeds import THREE_STOPS, write
from tests.kit.hamlet import hamlet_streets, hamlet_town, person, scenario

PACKAGE = Path(__file__).parents[2] / "kera_mobility"
OUTSIDE = "place,lon,lat,drive_km,drive_min,cycle_km\ncity,{lon},60.2,5,9,5\n"
AREA = {"bbox": {"west": 24.69, "south": 60.1, "east": 24.76, "north": 60.3}}


def test_names_types_shapes_and_values_count() -> None:
    row = np.arange(4)
    inputs: list[dict[str, Any]] = [
        {}, {"a": row}, {"b": row}, {"a": row.astype(np.int32)}, {"a": row.reshape(2, 2)}, {"a": row + 1},
        {"a": "1"}, {"a": 1}, {"a": 1.5}, {"a": None}, {"a": ("1", "2")}, {"a": ("12",)}, {"a": "1", "b": "2"},
    ]  # fmt: skip
    keys = [cache_key(**given) for given in inputs]
    assert len({*keys, cache_key("town/streets/")}) == len(inputs) + 1
    assert keys == [cache_key(**given) for given in inputs]


def test_nothing_is_kept_under_a_key_of_its_own_making() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        calls = {node.func.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        assert "computed_once" not in calls or "cache_key" in calls, path


@pytest.mark.parametrize("changed", ["feed", "outside", "box", "date", "code"])
def test_a_timetable_is_compiled_again_when_an_input_of_it_changes(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERA_CACHE", str(tmp_path / "cache"))
    area, feed = tmp_path / "area", write(tmp_path / "area" / "gtfs" / "bus", THREE_STOPS)
    (area / "outside.csv").write_text(OUTSIDE.format(lon=24.80), encoding="utf-8")

    def entries(box: dict[str, Any], day: str | None) -> int:
        for _ in range(2):
            timetable_of(area, "bus", box, day)
        return len(list((tmp_path / "cache" / "timetables").iterdir()))

    assert entries(AREA, "2026-01-07") == 1
    match changed:
        case "feed":
            write(feed, {"stop_times": THREE_STOPS["stop_times"].replace("08:10", "08:11")})
        case "outside":
            (area / "outside.csv").write_text(OUTSIDE.format(lon=24.801), encoding="utf-8")
        case "code":
            monkeypatch.setattr(cache_keys, "code_hash", lambda part: f"another compiler {part}")
    box = {"bbox": AREA["bbox"] | {"east": 24.761}} if changed == "box" else AREA
    assert entries(box, "2026-01-08" if changed == "date" else "2026-01-07") == 2


def test_ways_are_computed_again_when_an_array_that_they_follow_from_changes() -> None:
    streets = hamlet_streets()
    keys = {skims._key(streets), skims._key(streets, stands=np.arange(5)), skims._key(streets, mode="walk")}
    for name in skims._ASKED:
        array = np.array(getattr(streets, name))
        array[-1] = 0 if array[-1] else 1
        keys.add(skims._key(replace(streets, **{name: array})))
    assert len(keys) == 3 + len(skims._ASKED)
    drawn = {"node_lonlat", "node_xy_m", "node_outside", "edge_class", "edge_origin", "shape_start", "shape_lonlat"}
    assert {field.name for field in fields(streets)} == drawn | set(skims._ASKED)


def test_expectations_are_learned_again_when_settings_people_or_streets_change(tmp_path: Path) -> None:
    town, settings = hamlet_town(tmp_path, [person(1)], trains=()), scenario({"scooter": {"fleet": 5}})
    keys = {
        expectations._key(settings, town),
        expectations._key(scenario({"scooter": {"fleet": 6}}), town),
        expectations._key(settings, hamlet_town(tmp_path, [person(2)], trains=())),
    }
    for name in ("edge_from", "edge_to", "edge_length_m", "edge_drive_s", "edge_modes"):
        array = np.array(getattr(town.streets, name))
        array[-1] = 0 if array[-1] else 1
        keys.add(expectations._key(settings, replace(town, streets=replace(town.streets, **{name: array}))))
    assert len(keys) == 3 + 5


def test_a_draw_is_judged_again_when_settings_targets_draw_or_sample_change() -> None:
    settings, other = scenario({"walk": {}}), scenario({"walk": {"walk_speed_m_s": 1.5}})
    targets = read_settings(find("configs/calibration.yaml", "configs"), CalibrationSettings)
    more = targets.model_copy(update={"reference": "walk"})
    key: Callable[..., str] = acceptance._key
    keys = {key(settings, targets, {"a": 1.0}, 0.1), key(other, targets, {"a": 1.0}, 0.1),
            key(settings, more, {"a": 1.0}, 0.1), key(settings, targets, {"a": 2.0}, 0.1),
            key(settings, targets, {"a": 1.0}, 0.2)}  # fmt: skip
    assert len(keys) == 5
