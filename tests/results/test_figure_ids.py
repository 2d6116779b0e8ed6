"""Ids of figures of an earlier version are understood wherever somebody names one, and said to be old."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.config.figure_ids import current_id, understood_id
from kera_mobility.errors import ConfigError
from kera_mobility.experiments.batch import load
from kera_mobility.experiments.elasticities import Response
from kera_mobility.experiments.regression import Baseline
from kera_mobility.experiments.stopping import Until
from kera_mobility.experiments.verification import verify
from kera_mobility.results.compare import compare
from kera_mobility.results.manifest import KEY
from kera_mobility.results.runs import RunFolder
from kera_mobility.simulation.run import live
from tests.kit.hamlet import CITY, HOME, STATION, hamlet_town, person, scenario, trip

OLD = {
    "rail.rides": "transit.rides", "served.rail": "served.transit", "rail.refused": "transit.denied_requests",
    "substitution.rail.main.car": "substitution.transit.main.car",
    "boat.refused.no_boat": "boat.denied_requests.no_boat",
    "trips@workers": "trips@in_commuters", "benefit.ex_ante@workers": "consumer_surplus.ex_ante@in_commuters",
    "money.authority.running_eur": "money.authority.operating_cost_eur",
    "van.cost_eur_per_ride": "van.operating_cost_eur_per_ride", "scooter.crew.eur": "scooter.crew.cost_eur",
    "scooter.operating_eur_per_ride": "scooter.operating_cost_eur_per_ride", "bus.wait_s.median": "bus.wait_s.p50",
    "scooter.full_eur_per_ride": "scooter.full_cost_eur_per_ride",
}  # fmt: skip
BASELINES = sorted(Path("configs/checks/baselines").glob("*.json"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a run on the hamlet as this version writes it, and the same with the ids of the one before."""
    place = tmp_path_factory.mktemp("figures")
    trips = [trip(1, STATION, CITY, "8:02"), trip(2, HOME, STATION, "9:00")]
    town = hamlet_town(place, people=[person(1), person(2)], trips=trips)
    new, old = (live(scenario({"walk": {}, "rail": {}}), town).save(place / name / "hamlet") for name in ("new", "old"))
    text = (old / "kpis.json").read_text(encoding="utf-8")
    for now, before in (("transit.", "rail."), ("denied_requests", "refused"), ("denied requests", "refusals")):
        text = text.replace(f'"{now}', f'"{before}').replace(f".{now}", f".{before}")
    (old / "kpis.json").write_text(text, encoding="utf-8")
    meta = json.loads((old / "run.json").read_text(encoding="utf-8"))
    meta.pop(KEY)
    (old / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    return new, old


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_id_is_understood_once_and_said_to_be_old(old: str, new: str, caplog: pytest.LogCaptureFixture) -> None:
    assert understood_id(old, f"test {old}") == understood_id(old, f"test {old}") == new == current_id(new)
    assert [f"'{old}' is called '{new}' now" in record.message for record in caplog.records] == [True]


def test_no_shipped_baseline_has_an_old_id() -> None:
    """And names of services, groups and hubs in ids are no old words."""
    ids = [name for file in BASELINES for name in Baseline.read(file).kpis]
    assert len(ids) > 500
    assert [name for name in ids if current_id(name) != name] == []


def test_an_old_result_has_its_figures_by_both_ids(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    new, old = folders
    assert '"rail.rides"' in (old / "kpis.json").read_text(encoding="utf-8")
    kpis = RunFolder(old).kpis
    assert dict(kpis) == dict(RunFolder(new).kpis)
    assert kpis["rail.rides"] == kpis["transit.rides"] == kpis.get("rail.rides")
    assert "rail.refused" in kpis
    assert "rail.beliefs" not in kpis
    assert kpis.get("rail.beliefs") is None
    with pytest.raises(KeyError):
        kpis["rail.beliefs"]
    assert "'rail.rides' is called 'transit.rides' now" in caplog.text
    assert verify(old)[0].sound


def test_an_old_result_is_compared_with_a_new_one(folders: tuple[Path, Path]) -> None:
    new, old = folders
    compared = compare(old, new, decision=DecisionSettings(primary=("rail.rides",)))
    assert compared.row("rail.rides") is compared.row("transit.rides") or compared.row("transit.rides").difference == 0
    assert compared.row("transit.rides").verdict == "no change"
    assert not compared.rows("only_a")
    assert not compared.rows("only_b")


def test_python_finds_a_figure_by_either_id(folders: tuple[Path, Path]) -> None:
    figures = load(folders[0]).kpis()
    assert figures["rail.rides"] == figures["transit.rides"]
    assert figures["rail.rides"].value == 1
    assert figures[0].id == "sustainable_share"


def test_files_and_options_with_old_ids_mean_the_new_ones() -> None:
    threshold = {"rail.rides": {"go": 1.0, "stop": 0.0}}
    decision = DecisionSettings.model_validate({"primary": ["rail.rides", "trips"], "thresholds": threshold})
    assert decision.primary == ("transit.rides", "trips")
    assert list(decision.thresholds) == ["transit.rides"]
    assert Until.of("rail.rides 2%").kpi == "transit.rides"
    response: dict[str, Any] = {"kpi": "scooter.refused", "title": "", "low": 0, "high": 1, "source": "nobody"}
    assert Response.model_validate(response).kpi == "scooter.denied_requests"


def test_one_figure_by_both_its_ids_stands_twice() -> None:
    with pytest.raises(ValueError, match=r"'transit\.rides' stands twice"):
        DecisionSettings(primary=("rail.rides", "transit.rides"))


def test_an_old_baseline_is_as_before_and_its_file_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = json.loads(BASELINES[0].read_text(encoding="utf-8"))
    content["kpis"] = {name.replace("transit.rides", "rail.rides"): value for name, value in content["kpis"].items()}
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        old = Baseline.read(tmp_path / "old.json")
    assert old.figures == Baseline.read(BASELINES[0]).kpis != old.kpis
    assert "old.json and beside it: the figure 'rail.rides'" in caplog.text


def test_two_services_never_share_their_ids(tmp_path: Path) -> None:
    services = {"walk": {}, "rail": {}, "transit": {"kind": "transit", "timetable": "trains"}}
    with pytest.raises(
        (ConfigError, ValueError), match=r"got rail and transit, whose figures are all called transit\."
    ):
        scenario(services)
