"""Law: a ticket is paid once. What travellers pay for it is what the authority gets, ride by ride or by the month."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kera_mobility.errors import ConfigError
from kera_mobility.results.compare import Comparison, compare
from kera_mobility.simulation.run import Run, live
from kera_mobility.simulation.scenario import Scenario, load_scenario
from tests.kit.hamlet import CITY, STATION, hamlet_town, person, rows, scenario, trip

BY_RIDE: dict[str, Any] = {"fare_single_eur": 3.0, "fare_season_eur": 1.0}
BY_MONTH: dict[str, Any] = {
    "fare_single_eur": 3.0, "fare_season_eur": 0.0, "fare_by_age": {"from_age": [7, 18], "share": [0.5, 1.0]},
    "season": {"month_eur": 60.0, "by_age": {"from_age": [7, 18, 70], "share": [0.5, 1.0, 0.55]}},
}  # fmt: skip
PEOPLE = (
    person(1, age=30), person(2, age=12), person(3, age=40, season_ticket=True), person(4, age=75, season_ticket=True),
    person(5, age=10, season_ticket=True),
)  # fmt: skip
DAY_EUR = 60.0 / 30.0 * (1.0 + 0.55 + 0.5)
"""Season tickets of a day: of who is 40, 75 and 10."""


def ways(rail: dict[str, Any]) -> Scenario:
    return scenario({"walk": {}, "rail": rail})


def day(folder: Path, rail: dict[str, Any], people: Any = PEOPLE) -> Run:
    """Return a day on which all but the last ride to the city and back."""
    trips = [
        trip(who.person, *ends, clock)
        for who in people[:-1]
        for ends, clock in (((STATION, CITY), "8:00"), ((CITY, STATION), "16:00"))
    ]
    return live(ways(rail), hamlet_town(folder, people, trips))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    return {name: day(tmp_path_factory.mktemp(name), rail) for name, rail in (("ride", BY_RIDE), ("month", BY_MONTH))}


@pytest.fixture(scope="module")
def comparison(runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("saved")
    return compare(runs["ride"].save(folder / "ride"), runs["month"].save(folder / "month"))


def kpis(run: Run) -> dict[str, float]:
    return {kpi.id: kpi.value for kpi in run.kpis()}


def test_children_pay_a_part_and_holders_nothing_more_at_the_gate(runs: dict[str, Run]) -> None:
    paid = {number: [leg["fare_eur"] for leg in rows(runs["month"], "legs", person=number)] for number in range(1, 5)}
    assert paid == {1: [3.0, 3.0], 2: [1.5, 1.5], 3: [0.0, 0.0], 4: [0.0, 0.0]}
    by_ride = {number: [leg["fare_eur"] for leg in rows(runs["ride"], "legs", person=number)] for number in range(1, 5)}
    assert by_ride == {1: [3.0, 3.0], 2: [3.0, 3.0], 3: [1.0, 1.0], 4: [1.0, 1.0]}


def test_season_tickets_bring_in_their_day_whoever_rides(runs: dict[str, Run]) -> None:
    values = kpis(runs["month"])
    assert values["transit.revenue_eur"] == pytest.approx(9.0)
    assert values["transit.season_eur"] == pytest.approx(DAY_EUR)
    assert values["transit.earned_eur_per_ride"] * values["transit.rides"] == pytest.approx(9.0 + DAY_EUR)
    assert "transit.season_eur" not in kpis(runs["ride"])


def test_what_travellers_pay_for_tickets_is_what_the_authority_gets(
    comparison: Comparison, runs: dict[str, Run]
) -> None:
    for side, name in (("mean_a", "ride"), ("mean_b", "month")):
        values = kpis(runs[name])
        tickets_eur = values["transit.revenue_eur"] + values.get("transit.season_eur", 0.0)
        for row in ("money.travellers.paid_eur", "money.authority.tickets_eur"):
            assert getattr(comparison.row(row), side) == pytest.approx(tickets_eur)


def test_a_ticket_is_a_transfer_in_the_balance_of_a_year(comparison: Comparison) -> None:
    """Nobody changes what they do, so that what people gain or lose the authority loses or gains, to the cent."""
    rows_of = {row.id.removeprefix("yearly."): row.difference for row in comparison.rows("yearly")}
    assert rows_of["authority"] != 0.0
    assert rows_of["travellers"] == pytest.approx(-rows_of["authority"], abs=0.5)
    assert rows_of["net"] == pytest.approx(0.0, abs=0.5)


def test_a_season_ticket_that_is_paid_twice_is_refused(tmp_path: Path) -> None:
    text = "extends: [configs/today.yaml, configs/ages.yaml]\n"
    (tmp_path / "twice.yaml").write_text(text)
    assert load_scenario(tmp_path / "twice.yaml").town.people.tours_by_age.share[-1] < 0.5
    with pytest.raises(ConfigError, match=r"fare_season_eur: got 1\.2, expected 0, since season\.month_eur is paid"):
        load_scenario(tmp_path / "twice.yaml", ["services.rail.fare_season_eur=1.2"])


def test_a_shuttle_has_fares_by_age_too(tmp_path: Path) -> None:
    about = {"fare_eur": 2.0, "season_ticket_rides_free": True, "fare_by_age": BY_MONTH["fare_by_age"], "seats": 9}
    trips = [trip(number, 1, STATION, "8:00") for number in range(1, 5)]
    run = live(scenario({"walk": {}, "shuttle": about}, ("shuttle", "walk")), hamlet_town(tmp_path, PEOPLE, trips))
    assert [leg["fare_eur"] for leg in rows(run, "legs", service="shuttle")] == [2.0, 1.0, 0.0, 0.0]
