"""A phase by its table: people and jobs by quarter and year, and nobody where a building site is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import DataError, MissingFileError
from kera_mobility.simulation.run import simulate, town_of
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.population.persons import POPULATIONS
from kera_mobility.town.population.phases import closed_nodes, read_phase
from kera_mobility.town.town import Town
from tests.kit.small_district import corner, write_district

HEAD = "year,quarter,residents,jobs,overlay,basis\n"
ROWS = """\
2020,Homes,30,40,,assumption
2020,Mills,0,60,,assumption
2030,Mills,50,10,site,assumption
2040,Homes,80,20,,assumption
2040,Mills,90,30,,assumption
"""
KERA = shipped_folder("networks") / "kera"


def square(west: float, south: float, east: float, north: float, **about: Any) -> dict[str, Any]:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    ring = [corner(x, y) for x, y in corners]
    return {"type": "Feature", "properties": about, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def collection(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


@pytest.fixture
def village(tmp_path: Path) -> Path:
    """Return the folder of a village with two quarters, one of which is dug up in part from 2030 to 2040."""
    write_district(tmp_path)
    area = tmp_path / "village"
    quarters = (
        square(-0.3, -0.3, 4.3, 1.3, name="Homes", residents=80, jobs=30, basis="assumption"),
        square(-0.3, 2.7, 4.3, 4.3, name="Mills", residents=90, jobs=30, basis="assumption"),
    )
    (area / "developments.geojson").write_text(collection(*quarters))
    (area / "overlays" / "site.geojson").write_text(collection(square(1.6, 2.6, 4.4, 3.4, effect="close", name="site")))
    (area / "phases.csv").write_text(HEAD + ROWS)
    return area


def day(area: Path, year: int, *overrides: str) -> Scenario:
    keys = ["town.phases=phases.csv", f"year={year}", "town.overlays=[]", *overrides]
    return load_scenario(area.parent / "day.yaml", keys)


def counts(town: Town, what: str) -> int:
    """Return how many people of a population there are, children under 7 left out."""
    return int(np.count_nonzero(town.people.population == POPULATIONS.index(what)))


def nodes_in(town: Town, *box: float) -> np.ndarray[Any, Any]:
    (west, south), (east, north) = corner(box[0], box[1]), corner(box[2], box[3])
    lonlat = np.asarray(town.streets.node_lonlat)
    inside = (lonlat[:, 0] > west) & (lonlat[:, 0] < east) & (lonlat[:, 1] > south) & (lonlat[:, 1] < north)
    return np.flatnonzero(inside)


def test_a_row_holds_until_the_next_one_of_its_quarter(village: Path) -> None:
    def held(year: int) -> dict[str, tuple[int, int]]:
        phase = read_phase(village, "phases.csv", year)
        columns = phase.table.columns
        return {name: (columns["residents"][row], columns["jobs"][row]) for name, row in phase.row_by_quarter.items()}

    assert held(2020) == held(2029) == {"Homes": (30, 40), "Mills": (0, 60)}
    assert held(2030) == {"Homes": (30, 40), "Mills": (50, 10)}
    assert held(2050) == {"Homes": (80, 20), "Mills": (90, 30)}
    assert [read_phase(village, "phases.csv", year).overlays for year in (2025, 2035, 2045)] == [(), ("site",), ()]


def test_residents_live_in_the_quarters_of_the_year_whatever_the_settings_say(village: Path) -> None:
    early, middle, late = (town_of(day(village, year, "town.people.residents=9")) for year in (2020, 2030, 2040))
    assert counts(early, "resident") <= 30 < counts(middle, "resident") <= 80 < counts(late, "resident") <= 170
    home = early.people.home[early.people.population == POPULATIONS.index("resident")]
    assert set(home.tolist()) <= set(nodes_in(early, -0.3, -0.3, 4.3, 1.3).tolist())
    grown = np.isin(middle.people.person, early.people.person)
    assert np.count_nonzero(grown[middle.people.population == 0]) == counts(early, "resident")


def test_nobody_lives_works_or_goes_where_a_building_site_is(village: Path) -> None:
    scenario = day(village, 2030)
    town = town_of(scenario)
    site = nodes_in(town, 1.6, 2.6, 4.4, 3.4)
    assert len(site)
    assert np.array_equal(np.flatnonzero(closed_nodes(town.streets, village, ["site"])), site)
    trips = simulate(scenario, 1).record.tables["trips"].to_pydict()
    for nodes in (town.people.home, np.array(trips["origin"]), np.array(trips["destination"])):
        assert not np.isin(nodes, site).any()
    # Without a phase the same closure leaves people in it.
    before = town_of(load_scenario(village.parent / "day.yaml", ["town.overlays=[site]", "town.people.residents=200"]))
    assert np.isin(before.people.home, nodes_in(before, 1.6, 2.6, 4.4, 3.4)).any()


def test_jobs_follow_the_plan(village: Path) -> None:
    def at_work(year: int) -> list[int]:
        population = town_of(day(village, year)).demand.args[0]  # type: ignore[attr-defined]
        zones = population.zones
        return [np.count_nonzero(population.work_zone[population.workplace >= 0] == zones.names.index(name))
                for name in ("Homes", "Mills")]  # fmt: skip

    assert at_work(2020) == [40, 60]
    assert at_work(2030) == [40, 10]


def test_people_inside_what_is_shut_all_over_are_a_fault(village: Path) -> None:
    shut = square(-0.4, 2.6, 4.4, 4.4, effect="close", name="site")
    (village / "overlays" / "site.geojson").write_text(collection(shut))
    problem = r"phases\.csv:4: residents: got 50 in 'Mills', all of which is shut by an overlay, expected 0"
    with pytest.raises(DataError, match=problem):
        town_of(day(village, 2030))
    (village / "phases.csv").write_text(HEAD + ROWS.replace("2030,Mills,50,10", "2030,Mills,0,0"))
    town = town_of(day(village, 2030))
    assert counts(town, "resident") <= 30


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2020,Mills,0", "2020,Mill,0", r"phases\.csv:3: quarter: no development 'Mill' \(did you mean 'Mills'\?\)"),
        ("2020,Mills", "2029,Mills", r"phases\.csv: Mills: no row up to the year 2025, expected one"),
        ("60,,", "60,sight,", r"phases\.csv:3: overlay: no overlay 'sight' \(did you mean 'site'\?\); expected one of"),
        ("2030,Mills", "2020,Mills", r"phases\.csv:4: year, quarter: '2020, Mills' stands in line 3 too"),
        ("0,60,", "-1,60,", r"phases\.csv:3: residents: got '-1', expected a whole number from 0 to 90,000"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_told_with_its_line(village: Path, old: str, new: str, problem: str) -> None:
    (village / "phases.csv").write_text(HEAD + ROWS.replace(old, new))
    with pytest.raises(DataError, match=problem):
        town_of(day(village, 2025))


def test_an_area_without_the_table_says_so(village: Path) -> None:
    (village / "phases.csv").unlink()
    with pytest.raises(MissingFileError, match=r"phases\.csv: no such file; `town\.phases` names it"):
        town_of(day(village, 2025))


def test_without_phases_nothing_of_a_town_changes(village: Path, tmp_path: Path) -> None:
    plain = load_scenario(village.parent / "day.yaml")
    one = town_of(plain)
    shutil.copytree(village, tmp_path / "other")
    (tmp_path / "other" / "phases.csv").unlink()
    two = town_of(load_scenario(village.parent / "day.yaml", [f"area={tmp_path / 'other'}"]))
    assert np.array_equal(one.people.home, two.people.home)
    assert plain.town.phases == ""


@pytest.mark.parametrize(("config", "years"), [("construction", (2028, 2031)), ("finished", (2038,))])
def test_the_phases_of_kera_place_nobody_in_a_building_site(config: str, years: tuple[int, ...]) -> None:
    for year in years:
        keys = ["town.phases=phases.csv", "town.overlays=[]", "town.people.neighbours_within_m=600", f"year={year}"]
        scenario = load_scenario(f"configs/{config}.yaml", keys)
        phase = read_phase(KERA, "phases.csv", year)
        assert phase.overlays == (config,)
        town = town_of(scenario)
        closed = closed_nodes(town.streets, KERA, phase.overlays)
        assert closed.any() == (config == "construction")
        assert not closed[town.people.home].any()
        assert counts(town, "resident") > 2000


def test_a_day_with_departures_after_midnight_is_lived_to_its_end(village: Path) -> None:
    scenario = load_scenario(
        village.parent / "day.yaml",
        ["town.people.latest_start_h=23.5", "town.people.latest_departure_h=26", "town.people.residents=600"],
    )
    trips = simulate(scenario, 1).record.tables["trips"].to_pydict()
    late = [row for row, depart_s in enumerate(trips["ready_s"]) if depart_s > 86_400.0]
    assert late
    assert all(trips["outcome"][row] == "arrived" for row in late)
