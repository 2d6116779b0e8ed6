"""Law: a service has one cost. KPIs, comparison, subsidy, yearly balance, report and remedies give the same money."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kera_mobility as km
from kera_mobility.config.figure_ids import figures_of
from kera_mobility.experiments.remedies import remedies
from kera_mobility.results.compare import Comparison, compare
from kera_mobility.results.report.content import report_content
from kera_mobility.services.base import service_kinds
from kera_mobility.simulation.scenario import load_scenario

ROOT = Path(__file__).parents[2]
CHECKS, TRIALS = ROOT / "configs" / "checks", ROOT / "configs" / "trials"
SCENARIO = f"""extends: [{CHECKS / "all.yaml"}, {TRIALS / "city_bikes.yaml"}]
title: {{title}}
choice: {{{{constants: {{{{city_bike: 1.0, shuttle: 3.0, on_demand: 1.0}}}}}}}}
"""
"""A small day on which every service has riders."""
OPERATORS, LINES = ("scooter", "city_bike", "shuttle", "on_demand"), ("transit",)
RATES = {
    "on_demand": ("cost_eur_per_vehicle_hour", "cost_eur_per_km"),
    "shuttle": tuple(f"costs.{name}_eur" for name in (
        "vehicle_hour", "vehicle_km", "driver_hour", "safety_operator_hour")),
    "scooter": (*(f"costs.{name}_eur" for name in ("ride", "swap", "kwh", "upkeep", "vehicle")),
                "crews.eur_per_h", "crews.eur_per_km"),
    "city_bike": tuple(f"costs.{name}_eur" for name in ("ride", "swap", "kwh", "upkeep", "vehicle")),
    "rail": tuple(f"costs.{kind}.vehicle_{per}_eur" for kind in ("train", "tram", "bus") for per in ("hour", "km")),
}  # fmt: skip
"""Every setting of money that the cost of a service is made of."""


def scenario(folder: Path, title: str, times: float) -> km.Scenario:
    """Return a small day of all trials whose rates are all some times those of the files."""
    file = folder / f"{title}.yaml"
    file.write_text(SCENARIO.format(title=title), encoding="utf-8")
    plain = load_scenario(file).model_dump()["services"]
    overrides = []
    for service, keys in RATES.items():
        for key in keys:
            value: Any = plain[service]
            for part in key.split("."):
                value = value[part]
            overrides.append(f"services.{service}.{key}={times * value!r}")
    return load_scenario(file, overrides)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, km.Run]:
    folder = tmp_path_factory.mktemp("costs")
    return {title: km.simulate(scenario(folder, title, times), 1) for title, times in (("plain", 1), ("double", 2))}


@pytest.fixture(scope="module")
def kpis(runs: dict[str, km.Run]) -> dict[str, dict[str, float]]:
    return {title: {kpi.id: kpi.value for kpi in run.kpis()} for title, run in runs.items()}


@pytest.fixture(scope="module")
def folders(runs: dict[str, km.Run], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("saved")
    return runs["plain"].save(folder / "plain"), runs["double"].save(folder / "double")


@pytest.fixture(scope="module")
def comparison(folders: tuple[Path, Path]) -> Comparison:
    return compare(*folders)


def test_every_service_that_a_shipped_trial_operates_is_in_the_law() -> None:
    kinds = service_kinds()
    for file in TRIALS.glob("*.yaml"):
        services = load_scenario(file).services
        operated = {name for name, settings in services.items() if kinds[settings.kind].operated}
        assert set(map(figures_of, operated)) <= {*OPERATORS, *LINES}, file.name


def test_what_is_paid_for_changes_no_event(runs: dict[str, km.Run]) -> None:
    assert runs["plain"].fingerprint == runs["double"].fingerprint


@pytest.mark.parametrize("service", [*OPERATORS, *LINES])
def test_twice_the_rates_are_twice_the_cost(kpis: dict[str, dict[str, float]], service: str) -> None:
    name = f"{service}.operating_cost_eur"
    assert kpis["plain"][name] > 0
    assert kpis["double"][name] == pytest.approx(2 * kpis["plain"][name])


@pytest.mark.parametrize("title", ["plain", "double"])
def test_the_cost_of_a_ride_and_its_subsidy_follow_from_the_cost_of_the_day(
    kpis: dict[str, dict[str, float]], title: str
) -> None:
    values = kpis[title]
    for service in OPERATORS:
        cost_eur, rides = values[f"{service}.operating_cost_eur"], values[f"{service}.rides"]
        assert rides, service
        if f"{service}.operating_cost_eur_per_ride" in values:
            assert values[f"{service}.operating_cost_eur_per_ride"] * rides == pytest.approx(cost_eur)
        uncovered_eur = cost_eur - values[f"{service}.revenue_eur"]
        assert values[f"{service}.subsidy_eur_per_ride"] * rides == pytest.approx(uncovered_eur)
    assert values["shuttle.operating_cost_eur"] == pytest.approx(values["shuttle.operating_cost_eur.safety_operator"])


def test_a_comparison_has_the_money_of_the_kpis(comparison: Comparison, kpis: dict[str, dict[str, float]]) -> None:
    for title, side in (("plain", "mean_a"), ("double", "mean_b")):
        values = kpis[title]

        def of(name: str, side: str = side) -> float:
            return float(getattr(comparison.row(f"money.{name}"), side))

        cost_eur = {name: values[f"{name}.operating_cost_eur"] for name in (*OPERATORS, *LINES)}
        assert of("operators.operating_cost_eur") == pytest.approx(sum(cost_eur[name] for name in OPERATORS))
        assert of("authority.operating_cost_eur") == pytest.approx(sum(cost_eur[name] for name in LINES))
        subsidy_eur = sum(max(cost_eur[name] - values[f"{name}.revenue_eur"], 0.0) for name in OPERATORS)
        assert of("city.subsidy_eur") == pytest.approx(subsidy_eur)
        full_eur = sum(
            values[f"{name}.full_cost_eur_per_ride"] * values[f"{name}.rides"] for name in ("scooter", "city_bike")
        )
        capital_eur = full_eur - cost_eur["scooter"] - cost_eur["city_bike"]
        assert of("operators.capital_eur") == pytest.approx(capital_eur)


def test_a_years_balance_has_the_money_of_the_kpis(comparison: Comparison, kpis: dict[str, dict[str, float]]) -> None:
    more = {name: kpis["plain"][f"{name}.operating_cost_eur"] for name in (*OPERATORS, *LINES)}
    rows = {row.id.removeprefix("yearly."): row.difference for row in comparison.rows("yearly")}
    assert rows["operators"] == pytest.approx(-300 * sum(more[name] for name in OPERATORS))
    assert rows["authority"] == pytest.approx(-300 * more["transit"])
    assert rows["capital"] == pytest.approx(-300 * comparison.row("money.operators.capital_eur").mean_a)
    assert rows["net"] == pytest.approx(rows["operators"] + rows["authority"] + rows["capital"])


def test_a_report_has_the_money_of_the_kpis(
    folders: tuple[Path, Path], comparison: Comparison, kpis: dict[str, dict[str, float]]
) -> None:
    content = report_content(folders, most_people=1)
    for side, title in zip(content["sides"], ("plain", "double"), strict=True):
        for service in (*OPERATORS, *LINES):
            name = f"{service}.operating_cost_eur"
            assert side["kpis"][name][0] == pytest.approx(kpis[title][name])
    (pair,) = content["differences"]
    shown = {row["id"]: row["mean_b"] for row in pair["more"] if row["section"] == "money"}
    assert shown == {row.id: row.mean_b for row in comparison.rows("money")}


@pytest.mark.parametrize(
    ("service", "reason", "setting"),
    [
        ("scooter", "no_vehicle", "fleet"), ("on_demand", "no_vehicle_in_time", "vehicles"),
        ("shuttle", "no_wheelchair_place", "vehicles"),
    ],
)  # fmt: skip
def test_a_remedy_is_priced_at_the_rates_of_the_service(
    tmp_path: Path, service: str, reason: str, setting: str
) -> None:
    def prices(times: float) -> list[float]:
        found = remedies(scenario(tmp_path, "priced", times), service, reason, 8 * 3600.0)
        return [
            remedy.cost_eur for remedy in found
            if remedy.cost_eur is not None and f"services.{service}.{setting}=" in remedy.overrides[0]
        ]  # fmt: skip

    assert prices(1)
    assert prices(2) == pytest.approx([2 * price for price in prices(1)])
