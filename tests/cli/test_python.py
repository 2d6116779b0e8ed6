"""The front door for Python: what there is, how results show themselves, and the notebook that goes through it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kera_mobility as km
from kera_mobility.experiments.calibration.fit import Calibration, Iteration
from kera_mobility.experiments.elasticities import Elasticity
from kera_mobility.experiments.question import Answer, PairedEffect
from kera_mobility.experiments.regression import CheckResult
from kera_mobility.results.amounts import amount, amounts
from kera_mobility.results.display import Display
from kera_mobility.results.events import DERIVED
from kera_mobility.simulation.scenario import load_scenario
from tests.kit.notebook import cells_of, run_notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
FEW = ("town.people.residents=60", "town.people.jobs=20", "town.people.neighbours_within_m=0")
LINES, CHARACTERS = 3, 400


class Tags(HTMLParser):
    """Counts the tags of a page, and its words that no tag is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return one object of each class that the front door gives back, but for those that take minutes to make."""
    out = tmp_path_factory.mktemp("python")
    sides = [
        km.experiment(load_scenario(f"configs/{name}.yaml", FEW), [1, 2], out) for name in ("today", "trials/scooters")
    ]
    run = km.load(sides[1].runs[0].folder)
    comparison, explanation = km.compare(sides[0].folder, sides[1].folder), km.explain(sides[1].folder)
    fitted = Calibration(None, sides[0].scenario, None, {"choice.constants.car": -1.0}, (), run, {"car": 0.4}, ())  # type: ignore[arg-type]
    answer = Elasticity("fare", "fare", 1.1, "boardings", 10.0, 9.0, -1.1, -1.2, -1.0, -1.5, -0.2, "a survey")
    both, effect = (sides[0].scenario, sides[1].scenario), PairedEffect("all", (0.1, 0.2), 0.05)
    answer_given = Answer(*both, run.kpis()[0], 0.5, (), effect, (1, 2), comparison, (sides[0].folder,), (effect,))
    checked = CheckResult("small", 1.0, ("trips from 8:00",), ("trips: 5 instead of 6",), ("a remark",))
    return [
        run, run.record, *sides, sides[0].runs[0], comparison, *comparison.differences, explanation,
        explanation.runs[0],
        *km.verify(sides[0].folder), sides[0].scenario, fitted, answer, checked, answer_given,
    ]  # fmt: skip


def displays(kind: type = Display) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield below
        yield from displays(below)


def test_every_result_is_three_lines_in_a_terminal_and_a_table_in_a_notebook(results: list[Any]) -> None:
    assert {type(result) for result in results} == set(displays()), "one of each class"
    for result in results:
        text, page = repr(result), result._repr_html_()
        assert len(text.splitlines()) == LINES, text
        assert len(text) < CHARACTERS, text
        tags = Tags(page).tags
        assert {"table", "thead", "tbody", "th"} <= set(tags), page[:200]
        assert tags.count("tr") <= 16


def test_what_a_verb_gives_back_is_such_a_result() -> None:
    """Each function of the front door returns frames, files, plain values, or what shows itself."""
    plain = {"dict[str, str]", "Path", "dict[str, Any]", "Baseline"}
    functions = {name: getattr(km, name) for name in dir(km)}
    kinds = {kind.__name__ for kind in displays()}
    for name, function in functions.items():
        if not isinstance(function, type):
            returned = str(inspect.signature(function).return_annotation)
            inner = returned.removeprefix("list[").removesuffix("]")
            assert returned in plain or inner in kinds, (name, returned)


def test_a_title_that_is_html_stays_text_in_a_notebook(tmp_path: Path) -> None:
    scenario = load_scenario("configs/today.yaml", [*FEW, "title='<img src=x onerror=alert(1)>'"])
    page = scenario._repr_html_()
    assert "img" not in Tags(page).tags
    assert "&lt;img" in page


def test_the_front_door_lists_what_there_is_and_stays_light() -> None:
    assert set(dir(km)) == set(km.__all__)
    assert all(getattr(km, name) is not None for name in dir(km))
    heavy = "numpy pandas pyarrow simpy scipy networkx osmnx pydantic typer rich"
    script = f"import sys, kera_mobility as km; dir(km); print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_trips_have_main_mode_population_and_places(results: list[Any]) -> None:
    run = results[0]
    trips = run.trips
    assert list(trips.columns)[-len(DERIVED["trips"]) :] == list(DERIVED["trips"])
    assert set(trips.columns) == set(km.columns("trips"))
    raw = run.record.frame("trips")
    pd.testing.assert_frame_equal(trips[raw.columns], raw)
    kpis = {kpi.id: kpi.value for kpi in run.kpis()}
    residents = trips[(trips["population"] == "resident") & (trips["main_mode"] != "")]
    for mode in residents["main_mode"].unique():
        assert (residents["main_mode"] == mode).mean() == pytest.approx(kpis[f"mode_share.{mode}"])
    assert ((trips["main_mode"] == "") == (trips["outcome"] != "arrived")).all()
    places = run.record.frame("places").set_index("node")
    for end in ("origin", "destination"):
        expected = places.loc[trips[end], ["lon", "lat"]].to_numpy()
        np.testing.assert_array_equal(trips[[f"{end}_lon", f"{end}_lat"]].to_numpy(), expected)


@pytest.mark.parametrize(
    ("value", "unit", "sign", "text"),
    [
        (0.0023, "share of trips", "", "0.23 %"),
        (0.0023, "share of trips", "+", "+0.23 pp"),
        (35.0219, "EUR", "", "35.02 EUR"),
        (9443.6, "EUR per day", "", "9,444 EUR per day"),
        (45.2, "s", "", "45 s"),
        (754.0, "s", "", "12.6 min"),
        (9000.0, "s", "", "2.5 h"),
        (0.41, "s", "+", "+0.4 s"),
        (1234.0, "m", "", "1.2 km"),
        (102_345.0, "trips", "", "102,345 trips"),
        (-0.000001, "EUR", "+", "0.00 EUR"),
        (float("nan"), "EUR", "", "-"),
        (0.0, "trips", "", "0 trips"),
        (2.71828, "trips per person", "", "2.72 trips per person"),
    ],
)
def test_a_number_is_written_with_a_unit_that_people_read(value: float, unit: str, sign: str, text: str) -> None:
    assert amount(value, unit, sign) == text


def test_the_numbers_of_a_row_share_a_unit_and_stay_apart() -> None:
    assert amounts([90.0, 130.0], "s") == (["1.5", "2.2"], "min")
    texts, _ = amounts([-0.2912, -0.2951, -0.2873], "EUR", "+")
    assert len(set(texts)) == 3, "rounding erases no interval"
    assert amounts([12_345.6, 12_345.6], "EUR")[0] == ["12,346", "12,346"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_a_notebook_runs_from_top_to_bottom_and_is_kept_without_outputs(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [cell for cell in cells_of(file) if cell["cell_type"] == "code"]
    assert len(cells) > 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    shown = [item for item in run_notebook(file) if item is not None]
    assert {type(item).__name__ for item in shown} >= {"Run", "Experiment", "Comparison", "Difference", "DataFrame"}
    assert all(len(repr(item).splitlines()) <= LINES for item in shown if isinstance(item, Display))


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


def test_iterations_are_short() -> None:
    assert len(repr(Iteration(1, {"a": 1.0}, {"b": 2.0}, 0.1))) < CHARACTERS
