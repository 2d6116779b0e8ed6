"""What a result is decided by: primary outcomes, costs by payer, carbon by convention, thresholds, checks, groups."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kera_mobility.cli import main
from kera_mobility.config.decision import CityThreshold, DecisionSettings
from kera_mobility.config.resources import shipped_folder
from kera_mobility.files import read_yaml
from kera_mobility.results.compare import Comparison, compare
from kera_mobility.results.compare.table import table
from kera_mobility.results.report import write_report
from kera_mobility.results.report.content import report_content
from kera_mobility.results.store import write_record
from tests.kit.browser import WIDE, Opened
from tests.kit.reports import run_small
from tests.results.test_compare import village

COSTS = "money.authority.operating_cost_eur"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three seeds of a district with few people, without and with all trials."""
    folder = tmp_path_factory.mktemp("decided")
    run_small(folder, "finished", "1-3")
    run_small(folder, "trials/all", "1-3")
    return folder


@pytest.fixture(scope="module")
def comparison(results: Path) -> Comparison:
    return compare(results / "finished", results / "all")


@pytest.fixture(scope="module")
def content(results: Path) -> dict[str, Any]:
    return report_content([results / "finished", results / "all"], 50)


def _kera(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_the_first_page_shows_the_largest_cost_first_with_what_it_counts(
    comparison: Comparison, content: dict[str, Any]
) -> None:
    (pair,) = content["differences"]
    costs = [row for row in comparison.rows("money") if row.payer]
    by_size = sorted(costs, key=lambda row: -abs(row.difference))
    assert pair["decision"]["costs"] == [row.id for row in by_size]
    running = [row for row in comparison.differences if row.id.endswith(".operating_cost_eur")]
    assert abs(by_size[0].difference) >= max(abs(row.difference) for row in running) - 1e-6
    assert all(row.boundary for row in costs)
    assert {row["id"]: row["boundary"] for row in pair["more"] if row["payer"]}[COSTS] == "whole_lines"


def test_who_pays_is_what_a_service_declares(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kera_mobility.services.shuttle import costs

    monkeypatch.setattr(costs, "PAYER", "employers")
    one = [results / name / "seed-0001" for name in ("finished", "all")]
    compared = compare(*one)
    row = compared.row("money.employers.operating_cost_eur")
    assert (row.payer, row.boundary) == ("employers", "vehicles_driven")
    assert row.mean_b == pytest.approx(compared.row("shuttle.operating_cost_eur").difference)
    operators = compared.row("money.operators.operating_cost_eur")
    assert "vehicles_driven" not in operators.boundary


def test_the_sum_of_a_year_says_what_it_counts(comparison: Comparison) -> None:
    row = comparison.row("yearly.net")
    assert row.boundary == "two_boundaries"
    assert "lines over their whole length, but gains of the simulated people alone" in row.definition
    (line,) = [line for line in table(comparison).splitlines() if line.startswith("The sum of a year's balance")]
    assert "lines over their whole length" in line


def test_claims_by_group_are_rows_of_the_table_and_have_intervals(
    comparison: Comparison, content: dict[str, Any]
) -> None:
    (pair,) = content["differences"]
    decision, rows = pair["decision"], {row["id"]: row for row in pair["more"]}
    gains = [rows[name]["difference"] for name in decision["groups"]]
    assert len(gains) > 5
    assert gains == sorted(gains, reverse=True)
    for name in decision["groups"]:
        assert rows[name]["difference"] == comparison.row(name).difference
        assert rows[name]["low"] <= rows[name]["difference"] <= rows[name]["high"]
    measures, groups = content["measures"], [side["groups"] for side in content["sides"]]
    for name, of_group in pair["groups"].items():
        for place, found in enumerate(of_group):
            if found is not None:
                difference, low, high = found
                assert low <= difference <= high
                assert difference == pytest.approx(groups[1][name][place] - groups[0][name][place], abs=1e-9)
    assert pair["groups"]["car.0"][measures.index("sustainable_share")] is not None


def test_the_sign_of_carbon_is_only_told_where_all_conventions_agree(comparison: Comparison) -> None:
    from dataclasses import replace

    from kera_mobility.results.compare.carbon import agreed_sign

    rows = comparison.rows("carbon")
    assert len([row for row in rows if row.id.startswith("carbon.operational.")]) == 3
    alike = [replace(row, verdict="higher") for row in rows]
    assert agreed_sign(alike) == "higher"
    for place, row in enumerate(alike):
        if row.id.startswith("carbon.operational."):
            unlike = [*alike[:place], replace(row, verdict="cannot tell"), *alike[place + 1 :]]
            assert agreed_sign(unlike) == "cannot tell"
    (line,) = [line for line in table(comparison).splitlines() if line.startswith("The CO2 of everyone's travel")]
    assert all(method in line for method in ("market", "location", "marginal"))


def test_no_row_of_a_comparison_has_an_impossible_bound(comparison: Comparison) -> None:
    levels = [row for row in comparison.differences if row.section in ("only_a", "only_b", "served", "switched")]
    assert len(levels) > 50
    for row in levels:
        if row.low is not None and row.high is not None and row.mean_a is None:
            assert row.low >= 0.0 or "EUR" in row.unit or "margin" in row.id, row.id
            shares = row.unit.startswith("share") and row.unit not in ("share of seats", "share of room")
            assert row.high <= 1.0 or not (shares or row.unit == "1 or 0"), row.id
    for row in comparison.rows("outcomes"):
        if row.unit.startswith("share of trips") and row.low is not None and row.high is not None:
            assert -1.0 <= row.low <= row.high <= 1.0, row.id


@given(middle=st.floats(-2000, 2000), width=st.floats(1e-9, 10), unit=st.sampled_from(["share of trips", "s", "EUR"]))
def test_rounding_never_makes_a_point_of_an_interval(middle: float, width: float, unit: str) -> None:
    from kera_mobility.results.compare.differences import Difference
    from kera_mobility.results.compare.table import _interval

    row = Difference("x", "outcomes", unit, "residents", "", None, None, middle, None, None, 3)
    low, high = middle, middle + width
    if low < high and (high - low) > 1e-12 * max(1.0, abs(low)):
        texts = _interval(low, high, row, "+")
        assert texts[0] != texts[1]
        assert all(math.isfinite(float(text.replace(",", ""))) for text in texts)


def test_a_report_without_checks_keeps_those_of_the_project_with_their_bands(content: dict[str, Any]) -> None:
    shipped = read_yaml(shipped_folder("docs") / "calibration_result.yaml")
    told = {row["id"]: row for row in shipped["checks"] if row["standing"] != "untold"}
    assert {row["id"] for row in content["checks"]["rows"]} == set(told)
    for row in content["checks"]["rows"]:
        assert row["tolerance"] == told[row["id"]]["tolerance"]
    assert any(row["tolerance"] for row in content["checks"]["rows"])


# Named before: outcomes and thresholds


def test_outcomes_and_thresholds_are_named_on_the_command_line(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = results / "finished", results / "all"
    assert _kera("compare", a, b, "--primary", "trips,transit.rides", "--json") == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["decision"]["primary"] == ["trips", "transit.rides"]
    primary = [row["id"] for row in whole["differences"] if row["standing"] == "primary"]
    assert set(primary) == {"trips", "transit.rides"}
    file = tmp_path / "decision.yaml"
    file.write_text("primary: [transit.rides]\nthresholds:\n  transit.rides: {go: 1, stop: -5}\n")
    assert _kera("report", a, b, "--decision", file, "-o", tmp_path / "r.html", "--people", "10") == 0
    file.write_text("thresholds:\n  transit.rides: {go: 1, stop: 1}\n")
    assert _kera("compare", a, b, "--decision", file) == 2
    error = capsys.readouterr().err
    assert "decision.yaml:2" in error
    assert "thresholds.transit.rides" in error
    assert _kera("compare", a, b, "--primary", "transit.ridse") == 2
    assert "transit.rides" in capsys.readouterr().err


def test_a_scenario_names_what_it_is_decided_by_and_its_day_stays_the_same(results: Path, tmp_path: Path) -> None:
    named = run_small(tmp_path, "trials/all", "1", "decision.primary=[transit.rides]",
                      "decision.thresholds={transit.rides: {go: 1000000, stop: 0}}")  # fmt: skip
    compared = compare(results / "finished", named)
    assert compared.decision.primary == ("transit.rides",)
    assert compared.row("transit.rides").standing == "primary"
    prints = [
        json.loads((folder / "seed-0001" / "run.json").read_text())["fingerprint"]
        for folder in (named, results / "all")
    ]
    assert prints[0] == prints[1]


@pytest.mark.parametrize(
    ("go", "stop", "low", "high", "answers"),
    [
        (1.0, 0.0, 1.0, 2.0, ("go",)),
        (1.0, 0.0, 0.1, 0.9, ("change",)),
        (1.0, 0.0, -1.0, 0.0, ("stop",)),
        (1.0, 0.0, 0.5, 1.5, ("go", "change")),
        (1.0, 0.0, -0.5, 0.5, ("change", "stop")),
        (1.0, 0.0, -0.5, 1.5, ("go", "change", "stop")),
        (-10.0, 5.0, -12.0, -11.0, ("go",)),
        (-10.0, 5.0, 6.0, 7.0, ("stop",)),
    ],
)
def test_a_threshold_says_which_answers_the_interval_leaves_open(
    go: float, stop: float, low: float, high: float, answers: tuple[str, ...]
) -> None:
    assert CityThreshold(go=go, stop=stop).answers(low, high) == answers


# Drawn inputs: what decides, and by how much


def _villages(folder: Path, draws: int) -> list[Path]:
    """Runs with two drawn inputs: a trip takes 100 s longer for each whole of the first; the second does nothing."""
    for draw in range(draws):
        inputs = {"choice.wait_weight": 1.0 + draw / 10, "choice.walk_weight": 1.0 + (draw * 7 % 5) / 10}
        for name in ("a", "b"):
            record = village(name, draw, 10.0 * draw + draw % 2, input_draw=draw, inputs=inputs)
            write_record(record, folder / name / str(draw))
    return [folder / "a", folder / "b"]


DECISION = DecisionSettings(
    primary=("door_to_door_s.mean",), thresholds={"door_to_door_s.mean": CityThreshold(go=-60.0, stop=60.0)}
)


def test_the_input_that_decides_is_named_with_how_much_it_moves(tmp_path: Path) -> None:
    content = report_content(_villages(tmp_path, 10), 10, decision=DECISION)
    decision = content["differences"][0]["decision"]
    (key, low, high, moved, least, most), second = decision["inputs"]
    assert (key, low, high) == ("choice.wait_weight", 1.0, 1.9)
    # Nine steps of 10 s for one of two residents' trips, and a second by turns.
    assert moved == pytest.approx(45.0, abs=1.0)
    assert least < moved < most
    assert second[0] == "choice.walk_weight"
    assert second[4] < 0.0 < second[5]
    assert (decision["draws"], decision["enough"]) == (10, 39)
    ((name, go, stop, answers),) = decision["thresholds"]
    assert (name, go, stop, answers) == ("door_to_door_s.mean", -60.0, 60.0, ["go"])


def test_with_few_draws_nothing_is_said_of_what_decides(tmp_path: Path) -> None:
    places = _villages(tmp_path, 4)
    decision = report_content(places, 10, decision=DECISION)["differences"][0]["decision"]
    assert (decision["inputs"], decision["draws"]) == ([], 4)
    text = table(compare(*places, decision=DECISION))
    assert "4 draws of the inputs are few: below 39" in text


def test_the_page_points_out_few_draws_and_says_what_the_thresholds_leave_open(browser: Any, tmp_path: Path) -> None:
    file = write_report(_villages(tmp_path, 10), tmp_path / "r.html", 10, decision=DECISION)
    opened = Opened(browser, file, WIDE)
    text = opened.page.inner_text("#headline").replace("\xa0", " ")
    assert "10 draws of the inputs are few: below 39" in text
    assert re.search(r"choice\.wait_weight 1 → 1\.9: \+0\.[78] min", text)
    assert "Over 10 draws of the uncertain inputs" in text
    threshold = opened.page.inner_text("[data-threshold='door_to_door_s.mean']")
    assert threshold.endswith("go on")
    assert opened.messages == []
    opened.context.close()
