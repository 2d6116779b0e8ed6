"""What is built and what is shut: overlays open planned streets and close others, and nobody is cut off."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.areas.provenance import Dataset, files_without_source, freshness, read_provenance
from kera_mobility.areas.quality import parts
from kera_mobility.config.resources import find
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.simulation.run import simulate
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.streets.overlays import read_overlay, with_overlays
from kera_mobility.town.streets.streets import MODE_BIT, MODES, ORIGINS, Streets

KERA = find("kera", "networks")
PHASES = ("today", "temporary_use", "construction", "finished")
SMALL = ("town.people.residents=60", "town.people.jobs=40", "town.people.neighbours_within_m=500")


def ladder() -> Streets:
    """Return a street of four nodes 0-1-2-3 along a parallel, a planned bypass 0-4-3, and a place beyond the map, 5."""
    lonlat = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [1.5, 1.0], [9.0, 9.0]])
    ways = [(0, 1, 7, "inferred"), (1, 2, 7, "inferred"), (2, 3, 7, "inferred"), (0, 4, 7, "planned"),
            (4, 3, 7, "planned"), (3, 5, 6, "outside")]  # fmt: skip
    both = [*ways, *((b, a, modes, origin) for a, b, modes, origin in ways)]
    count = len(both)
    modes = np.array([way[2] for way in both], dtype=np.uint8)
    return Streets(
        node_lonlat=lonlat,
        node_xy_m=lonlat * 1000.0,
        node_outside=np.arange(6) == 5,
        edge_from=np.array([way[0] for way in both], dtype=np.int32),
        edge_to=np.array([way[1] for way in both], dtype=np.int32),
        edge_length_m=np.full(count, 1000.0),
        edge_drive_s=np.where(modes & MODE_BIT["drive"], 100.0, np.inf),
        edge_class=np.full(count, 2, dtype=np.uint8),
        edge_origin=np.array([ORIGINS.index(way[3]) for way in both], dtype=np.uint8),
        edge_modes=modes,
        shape_start=np.arange(0, 2 * count + 1, 2, dtype=np.int32),
        shape_lonlat=np.array([lonlat[end] for way in both for end in way[:2]], dtype=np.float32),
    )


def square(west: float, south: float, east: float, north: float, **properties: Any) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def lay(folder: Path, *features: dict[str, Any]) -> Streets:
    """Return the ladder with one overlay of some features."""
    (folder / "overlays").mkdir(exist_ok=True)
    text = json.dumps({"type": "FeatureCollection", "features": list(features)})
    (folder / "overlays" / "one.geojson").write_text(text)
    return with_overlays(ladder(), folder, ["one"])


def ways(streets: Streets, mode: str = "walk") -> set[tuple[float, float]]:
    """Return the streets that a mode may use, each by the x of its ends, once."""
    usable = (streets.edge_modes & MODE_BIT[mode]) > 0
    ends = np.sort(streets.node_lonlat[np.stack([streets.edge_from, streets.edge_to])[:, usable], 0], axis=0)
    return {(float(a), float(b)) for a, b in ends.T}


def test_planned_streets_do_not_exist_unless_an_overlay_opens_them(tmp_path: Path) -> None:
    assert ways(with_overlays(ladder(), tmp_path, [])) == {(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)}
    opened = lay(tmp_path, square(1.2, 0.8, 1.8, 1.2, effect="open"))
    assert ways(opened) == {(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (0.0, 1.5), (1.5, 3.0)}
    assert opened.nodes == ladder().nodes


def test_nodes_that_no_street_reaches_are_left_out_and_places_beyond_stay_last(tmp_path: Path) -> None:
    today = with_overlays(ladder(), tmp_path, [])
    assert today.nodes == 5
    assert today.node_outside.tolist() == [False, False, False, False, True]
    assert today.node_lonlat[-1].tolist() == [9.0, 9.0]
    for edge in range(len(today.edge_from)):
        line = today.shape_lonlat[today.shape_start[edge] : today.shape_start[edge + 1]]
        ends = today.node_lonlat[[today.edge_from[edge], today.edge_to[edge]]]
        assert np.array_equal(line, ends)


def test_a_closure_shuts_a_street_for_the_modes_it_names(tmp_path: Path) -> None:
    opened = square(1.2, 0.8, 1.8, 1.2, effect="open")
    shut = lay(tmp_path, opened, square(1.4, -0.1, 1.6, 0.1, effect="close", modes=["drive"]))
    assert (1.0, 2.0) in ways(shut, "walk")
    assert (1.0, 2.0) not in ways(shut, "drive")
    drives = (shut.edge_modes & MODE_BIT["drive"]) > 0
    assert np.array_equal(np.isfinite(shut.edge_drive_s), drives)


def test_what_a_closure_cuts_off_is_shut_too(tmp_path: Path) -> None:
    shut = lay(tmp_path, square(0.4, -0.1, 0.6, 0.1, effect="close"))
    assert ways(shut) == {(1.0, 2.0), (2.0, 3.0)}
    assert all(parts(shut, mode) == 1 for mode in MODES)


def test_features_without_an_effect_change_nothing(tmp_path: Path) -> None:
    block = square(-1.0, -1.0, 4.0, 4.0, kind="block")
    assert ways(lay(tmp_path, block)) == ways(with_overlays(ladder(), tmp_path, []))


def test_a_street_map_that_no_overlay_touches_stays_the_same_object(tmp_path: Path) -> None:
    opened = lay(tmp_path, square(-1.0, -1.0, 4.0, 4.0, effect="open"))
    assert with_overlays(opened, tmp_path, ["one"]) is opened


def test_an_unknown_overlay_is_named_with_those_that_exist() -> None:
    with pytest.raises(MissingFileError, match=r"finishd.*did you mean 'finished'"):
        read_overlay(KERA, "finishd")


@pytest.mark.parametrize(
    ("feature", "named"),
    [
        (square(0, 0, 1, 1, effect="opens"), "effect: got 'opens'"),
        (square(0, 0, 1, 1, effect="close", modes=["tram"]), "tram"),
        ({"type": "Feature", "properties": {"effect": "open"}}, "geometry"),
    ],
)
def test_a_broken_overlay_is_named(tmp_path: Path, feature: dict[str, Any], named: str) -> None:
    with pytest.raises(NetworkError, match=named):
        lay(tmp_path, feature)


# --- The phases of the shipped area --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_has_one_whole_network_and_only_what_is_built(phase: str) -> None:
    scenario = load_scenario(f"configs/{phase}.yaml")
    streets = with_overlays(Streets.load(KERA / "streets"), KERA, scenario.town.overlays)
    assert all(parts(streets, mode) == 1 for mode in MODES)
    planned = np.count_nonzero(streets.edge_origin == ORIGINS.index("planned"))
    everything = np.count_nonzero(Streets.load(KERA / "streets").edge_origin == ORIGINS.index("planned"))
    assert {"today": planned == 0, "temporary_use": planned == 0, "finished": planned == everything}.get(
        phase, 0 < planned < everything
    )


def test_people_of_the_construction_phase_travel_on_what_is_open() -> None:
    run = simulate(load_scenario("configs/construction.yaml", SMALL), seed=1)
    outcomes = run.record.table("trips")["outcome"].to_pylist()
    assert len(outcomes) > 100
    assert np.mean([outcome == "arrived" for outcome in outcomes]) > 0.9


def test_overlays_are_marked_as_assumptions() -> None:
    for path in sorted((KERA / "overlays").glob("*.geojson")):
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        assert features
        assert all("assumption" in feature["properties"]["basis"] for feature in features), path.name


# --- Where the data come from --------------------------------------------------------------------------------------


def dataset(day: str | int, *, current: bool = True) -> Dataset:
    return Dataset.model_validate(
        {"file": "a", "source": "b", "licence": "c", "date": day, "current": current, "derived_how": "d"}
    )


def test_every_file_of_the_area_has_a_source() -> None:
    assert files_without_source(KERA, read_provenance(KERA)) == []


@pytest.mark.parametrize(
    ("day", "old"),
    [("2024-06-01", True), ("2024-06-02", False), ("2024-05", True), ("2024", False), (2015, True), ("none", True)],
)
def test_data_are_old_two_years_after_the_last_day_they_can_mean(day: str | int, old: bool) -> None:
    assert dataset(day).is_old(date(2026, 6, 2)) is old


def test_only_what_stands_for_today_counts_against_the_limit() -> None:
    fresh = [dataset("2026-01-01")] * 19
    found = freshness([*fresh, dataset("2010"), dataset("2010", current=False)], date(2026, 6, 1))
    assert (found.current, found.old, found.within_limit) == (20, 1, True)
    assert not freshness([*fresh[1:], dataset("2010")], date(2026, 6, 1)).within_limit


def test_a_broken_provenance_is_named(tmp_path: Path) -> None:
    (tmp_path / "provenance.yaml").write_text("- {file: a, source: b, licence: c}\n")
    with pytest.raises(NetworkError, match=r"0\.derived_how"):
        read_provenance(tmp_path)
    with pytest.raises(MissingFileError, match="must say where its data come from"):
        read_provenance(tmp_path / "none")
