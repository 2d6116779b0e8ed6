"""Elasticities: one thing is changed and the same people live the same days again."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.errors import ConfigError
from kera_mobility.experiments.calibration import read_settings
from kera_mobility.experiments.elasticities import ElasticityPair, RealismSettings, arc, realism
from kera_mobility.simulation.scenario import load_scenario
from tools.docs_figures import PAGE, page_with_figures

SMALL = """\
extends: configs/trials/scooters.yaml
town: {people: {residents: 400, jobs: 100, neighbours_within_m: 0}}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL, encoding="utf-8")
    return file


def pairs(scenario: Path, **changes: Any) -> RealismSettings:
    response = {"kpi": "transit.rides", "title": "rides", "low": -9, "high": 0.5, "source": "nobody"}
    pair = {"title": "fares", "scenario": str(scenario), "factor": 2.0, "responses": [response]}
    keys = ["services.rail.fare_single_eur", "services.rail.fare_season_eur"]
    return RealismSettings.model_validate({"seeds": [1], "pairs": {"fare": {**pair, "keys": keys, **changes}}})


@pytest.mark.parametrize(
    ("before", "after", "factor", "value"), [(100, 90, 1.1, -1.105), (100, 100, 1.1, 0.0), (100, 200, 2.0, 1.0)]
)
def test_an_elasticity_is_a_ratio_of_logarithms(before: float, after: float, factor: float, value: float) -> None:
    assert arc(before, after, factor) == pytest.approx(value, abs=1e-3)


def test_nothing_before_or_after_gives_no_elasticity() -> None:
    assert math.isnan(arc(0, 1, 2))
    assert math.isnan(arc(1, 0, 2))


def test_dearer_rides_are_fewer_rides(small: Path) -> None:
    told: list[str] = []
    one = realism(pairs(small), say=told.append)[0]
    assert one.after < one.before
    assert one.value < 0
    assert one.least == one.most == one.value
    assert told == ["small as it is, seed 1", "small, fares x 2, seed 1"]


def test_longer_headways_are_fewer_rides(small: Path) -> None:
    one = realism(pairs(small, keys=[], timetable="rail"))[0]
    assert one.factor == 2.0
    assert one.after < one.before


def test_the_factor_of_whole_vehicles_is_the_one_that_came_about(small: Path) -> None:
    settings = pairs(small, keys=["services.scooter.fleet"], factor=1.011)
    assert load_scenario(small).services["scooter"].fleet == 120  # type: ignore[attr-defined]
    assert realism(settings)[0].factor == pytest.approx(121 / 120)


def test_what_lies_outside_the_band_says_so(small: Path) -> None:
    response = {"kpi": "transit.rides", "title": "rides", "low": 5, "high": 6, "source": "nobody"}
    assert not realism(pairs(small, responses=[response]))[0].inside


def test_slips_are_named(small: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'fare'"):
        realism(pairs(small), names=["fair"])
    with pytest.raises(ConfigError, match="no 'raill'"):
        realism(pairs(small, keys=["services.raill.fare_single_eur"]))
    with pytest.raises(ConfigError, match="no timetabled service 'walk'"):
        realism(pairs(small, keys=[], timetable="walk"))
    response = {"kpi": "transit.rids", "title": "rides", "low": 0, "high": 0, "source": "nobody"}
    with pytest.raises(ConfigError, match=r"did you mean 'transit\.rides'"):
        realism(pairs(small, responses=[response]))


@pytest.mark.parametrize("wrong", [{"keys": []}, {"factor": 1.0}, {"timetable": "rail"}])
def test_a_pair_changes_one_thing(small: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        pairs(small, **wrong)


def test_every_shipped_pair_fits_its_scenario_and_names_its_source() -> None:
    settings = read_settings("configs/realism.yaml", RealismSettings)
    assert len(settings.pairs) >= 6
    for pair in settings.pairs.values():
        assert_fits(pair)
        assert all(response.source for response in pair.responses)


def assert_fits(pair: ElasticityPair) -> None:
    from kera_mobility.experiments.calibration.variants import scaled

    scenario = load_scenario(pair.scenario)
    if pair.keys:
        assert scaled(scenario, pair.keys, pair.factor) != scenario
    else:
        assert hasattr(scenario.services[pair.timetable], "timetable")


def test_the_command_lays_elasticities_beside_bands(small: Path) -> None:
    settings = pairs(small).model_dump(mode="json")
    (small.parent / "pairs.yaml").write_text(json.dumps(settings), encoding="utf-8")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "80"}
    command = [sys.executable, "-m", "kera_mobility", "realism", "--pairs", "pairs.yaml"]
    table = subprocess.run(command, cwd=small.parent, capture_output=True, text=True, env=here)
    assert table.returncode == 0, table.stderr
    assert "fares +100 %" in table.stdout
    assert "nothing is tuned to them" in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80
    assert table.stdout.endswith(" more lines with --all\n")
    rows = subprocess.run([*command, "--json"], cwd=small.parent, capture_output=True, text=True, env=here)
    assert json.loads(rows.stdout)[0]["inside"] in (True, False)


@pytest.mark.parametrize(
    ("band", "why", "code", "told"),
    [
        ((-9, 0.5), "", 0, ""),
        ((1, 2), "", 1, "is outside its band"),
        ((1, 2), "fares are paid by the month", 0, ""),
        ((-9, 0.5), "fares are paid by the month", 1, "is inside its band, but explained as outside"),
    ],
)
def test_the_gate_fails_where_an_elasticity_leaves_its_band_unexplained(
    small: Path, band: tuple[float, float], why: str, code: int, told: str
) -> None:
    low, high = band
    response = {
        "kpi": "transit.rides",
        "title": "rides",
        "low": low,
        "high": high,
        "source": "nobody",
        "why_outside": why,
    }
    settings = pairs(small, responses=[response]).model_dump(mode="json")
    (small.parent / "pairs.yaml").write_text(json.dumps(settings), encoding="utf-8")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "kera_mobility", "check", "--realism", "--pairs", "pairs.yaml"]
    gate = subprocess.run(command, cwd=small.parent, capture_output=True, text=True, env=here)
    assert gate.returncode == code, gate.stderr
    assert told in gate.stderr


def test_what_was_printed_of_the_shipped_pairs_passes_the_gate() -> None:
    settings = read_settings("configs/realism.yaml", RealismSettings)
    stated = {
        f"{name}.{answer.kpi}": (answer.low, answer.high, answer.source, answer.why_outside)
        for name, pair in settings.pairs.items()
        for answer in pair.responses
    }
    rows = json.loads((PAGE.parents[1] / "realism_result.json").read_text(encoding="utf-8"))
    assert {row["id"]: (row["low"], row["high"], row["source"], row["why_outside"]) for row in rows} == stated
    assert [row["id"] for row in rows if row["inside"] == bool(row["why_outside"])] == []


def test_the_tables_of_the_page_are_what_the_commands_printed() -> None:
    assert page_with_figures(PAGE.read_text(encoding="utf-8")) == PAGE.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="expected '<!-- calibration"):
        page_with_figures("# no tables")


def test_the_table_of_the_page_names_the_shipped_pairs_with_their_bands_and_a_verdict_that_follows() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "calibration.md").read_text(encoding="utf-8")
    lines = page.partition("## Elasticities")[2].partition("\n\nSeeds")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    settings = read_settings("configs/realism.yaml", RealismSettings)
    expected = [
        [f"{pair.title} {100 * (pair.factor - 1):+.0f} %", answer.title, f"{answer.low:.2f} to {answer.high:.2f}"]
        for pair in settings.pairs.values()
        for answer in pair.responses
    ]
    assert [[row[0], row[1], row[4]] for row in rows] == expected
    for *_, value, spread, band, verdict in rows:
        low, high = map(float, band.split(" to "))
        least, most = map(float, spread.split(" to "))
        assert least <= float(value) <= most
        assert verdict == ("inside" if low <= float(value) <= high else "**outside**")
