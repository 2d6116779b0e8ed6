"""Who lives here and what they want to do on a day: totals, lasting ids, and days that nobody else changes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.config.resources import shipped_folder
from kera_mobility.dice import Dice
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.geometry import contains
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.area_tables import AGE_COLUMNS
from kera_mobility.town.population.households import ByAge
from kera_mobility.town.population.land_use import (
    CELL,
    DEVELOPMENT,
    Gravity,
    balanced,
    read_zones,
)
from kera_mobility.town.population.persons import POPULATIONS, PURPOSES, People, Trips
from kera_mobility.town.population.population import (
    NEIGHBOUR,
    RESIDENT,
    VISITOR,
    WORKER,
    PeopleSettings,
    Population,
    apportion,
    populate,
)
from kera_mobility.town.population.tours import draw_trips
from kera_mobility.town.population.visitors import read_events
from kera_mobility.town.streets.streets import Streets

KERA = shipped_folder("networks") / "kera"
WORK, SCHOOL, STUDY, SHOPPING, OTHER = range(len(PURPOSES))
FINISHED = PeopleSettings()
TOWN, DAY = Dice.of(1), Dice.of(7, 0)


@cache
def kera_streets() -> Streets:
    return Streets.load(KERA / "streets")


@cache
def kera(settings: PeopleSettings = FINISHED) -> Population:
    return populate(settings, KERA, kera_streets(), TOWN)


@cache
def kera_trips(settings: PeopleSettings = FINISHED, day: int = 0) -> Trips:
    return draw_trips(kera(settings), kera_streets(), settings, Dice.of(7, day))


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


GRID, WEST, SOUTH, STEP_LON, STEP_LAT = 14, 24.700, 60.200, 0.0018, 0.0009
"""The hamlet: 14 x 14 street corners 100 m apart."""


def corner(column: float, line: float) -> tuple[float, float]:
    return WEST + column * STEP_LON, SOUTH + line * STEP_LAT


def hamlet_streets() -> Streets:
    places = [corner(index % GRID, index // GRID) for index in range(GRID * GRID)] + [(24.9, 60.2)]
    lonlat = np.array(places)
    index = np.arange(GRID * GRID).reshape(GRID, GRID)
    one = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    two = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    edges = 2 * len(one)
    return Streets(
        node_lonlat=lonlat,
        node_xy_m=lonlat * np.array([55_400.0, 111_195.0]),
        node_outside=np.arange(len(places)) == GRID * GRID,
        edge_from=np.concatenate([one, two]).astype(np.int32),
        edge_to=np.concatenate([two, one]).astype(np.int32),
        edge_length_m=np.full(edges, 100.0),
        edge_drive_s=np.full(edges, 10.0),
        edge_class=np.zeros(edges, np.uint8),
        edge_origin=np.zeros(edges, np.uint8),
        edge_modes=np.full(edges, 7, np.uint8),
        shape_start=np.zeros(edges + 1, np.int32),
        shape_lonlat=np.zeros((0, 2), np.float32),
    )


@pytest.fixture
def hamlet(tmp_path: Path) -> Path:
    """Return the folder of a hamlet with two developments, two cells, a village centre and a town beyond the map."""
    west, east = (corner(0, 0), corner(5, 13)), (corner(8, 0), corner(13, 6))
    shapes = []
    for name, residents, jobs, (low, high) in (("West", 300, 0, west), ("East", 100, 200, east)):
        (x_0, y_0), (x_1, y_1) = low, high
        margin = 0.0002
        ring = [
            [x_0 - margin, y_0 - margin], [x_1 + margin, y_0 - margin], [x_1 + margin, y_1 + margin],
            [x_0 - margin, y_1 + margin], [x_0 - margin, y_0 - margin],
        ]  # fmt: skip
        shapes.append({
            "type": "Feature",
            "properties": {"name": name, "residents": residents, "jobs": jobs, "basis": "assumption: hamlet"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        })  # fmt: skip
    (tmp_path / "developments.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": shapes}))
    bands = dict(zip(AGE_COLUMNS, (12, 12, 15, 16, 14, 12, 10, 6, 3), strict=True))
    near, far = corner(11, 10), corner(3, 12)
    write_rows(tmp_path / "cells.csv", [
        {"cell": 1, "lon": near[0], "lat": near[1], "residents": 100, **bands},
        {"cell": 2, "lon": far[0], "lat": far[1], "residents": 100, **bands},
    ])  # fmt: skip
    nothing = dict.fromkeys(("residents", "jobs", "pupils", "students", "shops", "leisure"), 0)
    centre = corner(7, 7)
    village = {"pupils": 100, "shops": 3, "leisure": 50, "jobs": 20}
    town = {"residents": 9000, "jobs": 9000, "students": 100, "shops": 5, "leisure": 900}
    write_rows(tmp_path / "attractions.csv", [
        {"place": "village", "lon": centre[0], "lat": centre[1], "radius_m": 150, **nothing, **village},
        {"place": "town", "lon": 24.9, "lat": 60.2, "radius_m": 0, **nothing, **town},
    ])  # fmt: skip
    write_rows(tmp_path / "outside.csv", [{"place": "town", "title": "Town", "lon": 24.9, "lat": 60.2}])
    (tmp_path / "area.yaml").write_text(f"name: hamlet\ncentre: {{ lon: {near[0]}, lat: {near[1]} }}\n")
    return tmp_path


HAMLET = PeopleSettings(residents=400, jobs=200, neighbours_within_m=300.0)


def same(one: object, two: object) -> None:
    """Assert that two dataclasses of arrays hold the same bits."""
    for part in fields(one):  # type: ignore[arg-type]
        first, second = getattr(one, part.name), getattr(two, part.name)
        assert first.dtype == second.dtype, part.name
        np.testing.assert_array_equal(first, second, err_msg=part.name)


def days(population: Population, trips: Trips) -> Iterator[tuple[int, list[tuple[object, ...]]]]:
    """Yield each traveller's id and trips as plain values."""
    columns = [getattr(trips, part.name).tolist() for part in fields(Trips) if part.name != "row"]
    found: dict[int, list[tuple[object, ...]]] = {}
    for row, *values in zip(trips.row.tolist(), *columns, strict=True):
        found.setdefault(int(population.people.person[row]), []).append(tuple(values))
    yield from found.items()


def of_population(population: Population, trips: Trips, number: int) -> np.ndarray:
    return population.people.population[trips.row] == number


def home_trips(population: Population, trips: Trips) -> np.ndarray:
    """Return which trips set out from home."""
    return trips.origin == population.people.home[trips.row]


# --- who lives here ---------------------------------------------------------------------------------------------------


def test_residents_are_as_many_as_asked_with_small_children_counted_who_do_not_travel() -> None:
    population = kera()
    travellers = np.count_nonzero(population.people.population == RESIDENT)
    assert travellers + population.small_children[RESIDENT] == 14_000
    assert population.people.age.min() == 7
    under_20 = np.count_nonzero((population.people.population == RESIDENT) & (population.people.age < 20))
    assert (under_20 + population.small_children[RESIDENT]) / 14_000 == pytest.approx(0.24, abs=0.02)


def test_neighbours_are_the_residents_of_the_cells_within_the_radius() -> None:
    population = kera()
    neighbours = population.people.population == NEIGHBOUR
    in_cells = np.unique(population.home_zone[neighbours])
    assert np.all(population.zones.kind[in_cells] == CELL)
    counted = np.count_nonzero(neighbours) + population.small_children[NEIGHBOUR]
    assert counted == population.zones.weights["residents"][in_cells].sum()
    assert 20_000 < counted < 45_000
    nearer = kera(PeopleSettings(neighbours_within_m=1_000.0))
    assert np.count_nonzero(nearer.people.population == NEIGHBOUR) < counted / 2


def test_every_job_is_held_once_by_a_resident_a_neighbour_or_a_commuter() -> None:
    population = kera()
    in_district = population.zones.kind[population.work_zone] == DEVELOPMENT
    holders = in_district & (population.workplace >= 0)
    assert np.count_nonzero(holders) == 10_000
    assert np.all(holders[population.people.population == WORKER])
    residents = population.people.population == RESIDENT
    here = np.count_nonzero(holders & residents) / np.count_nonzero((population.workplace >= 0) & residents)
    assert here == pytest.approx(0.12, abs=0.02)


def test_rows_stand_in_the_order_of_ids_and_no_id_is_given_twice() -> None:
    population = kera()
    assert np.all(np.diff(population.people.person) > 0)
    assert np.all(np.diff(population.people.population) >= 0)
    assert POPULATIONS[: population.people.population.max() + 1] == ("resident", "worker", "neighbour")


def test_ages_follow_the_grid() -> None:
    population = kera()
    neighbours = population.people.population == NEIGHBOUR
    bands = population.zones.bands[np.unique(population.home_zone[neighbours])].sum(axis=0)
    age = population.people.age[neighbours]
    found = np.bincount(np.minimum(age // 10, 8), minlength=9)
    for band in range(1, 9):
        assert found[band] / bands.sum() == pytest.approx(bands[band] / bands.sum(), abs=0.015), AGE_COLUMNS[band]


def test_a_household_lives_at_one_node_with_an_adult_in_it() -> None:
    people = kera().people
    order = np.argsort(people.household, kind="stable")
    same_household = np.diff(people.household[order]) == 0
    assert np.all(np.diff(people.home[order])[same_household] == 0)
    assert np.all(np.diff(people.household_cars[order])[same_household] == 0)
    _, first = np.unique(people.household, return_index=True)
    eldest = np.maximum.reduceat(people.age[order], np.searchsorted(people.household[order], people.household[first]))
    assert eldest.min() >= 20


@pytest.mark.parametrize("settings", [FINISHED, PeopleSettings(residents=2_501)])
def test_main_drivers_hold_a_licence_and_never_outnumber_the_cars(settings: PeopleSettings) -> None:
    people = kera(settings).people
    assert not np.any(people.main_driver & ~people.licence)
    assert people.age[people.licence].min() >= 18
    households, index, number = np.unique(people.household, return_index=True, return_inverse=True)
    drivers = np.bincount(number, weights=people.main_driver, minlength=len(households))
    assert np.all(drivers <= people.household_cars[index])


def test_cars_per_1000_residents_come_out_as_asked() -> None:
    for asked in (220.0, 370.0):
        settings = PeopleSettings(cars_per_1000=asked)
        people = kera(settings).people
        residents = people.population == RESIDENT
        _, index = np.unique(people.household[residents], return_index=True)
        assert people.household_cars[residents][index].sum() / 14.0 == pytest.approx(asked, rel=0.04)


def test_a_person_is_the_same_person_in_every_phase() -> None:
    finished, construction = kera(), kera(PeopleSettings(residents=2_500, jobs=7_000))
    for number in (RESIDENT, WORKER, NEIGHBOUR):
        early = construction.people.population == number
        rows = np.searchsorted(finished.people.person, construction.people.person[early])
        np.testing.assert_array_equal(finished.people.person[rows], construction.people.person[early])
        for part in fields(People):
            kept, now = getattr(finished.people, part.name)[rows], getattr(construction.people, part.name)[early]
            np.testing.assert_array_equal(kept, now, err_msg=part.name)
        np.testing.assert_array_equal(finished.workplace[rows], construction.workplace[early])
        np.testing.assert_array_equal(finished.school[rows], construction.school[early])
        assert 0 < np.count_nonzero(early) <= np.count_nonzero(finished.people.population == number)


def test_apportioned_numbers_add_up_and_never_fall_when_the_total_grows() -> None:
    shares = np.array([5500.0, 4400.0, 0.0, 4100.0])
    np.testing.assert_array_equal(apportion(14_000, shares), [5500, 4400, 0, 4100])
    before = apportion(0, shares)
    for total in range(1, 200):
        now = apportion(total, shares)
        assert now.sum() == total
        assert np.all(now >= before)
        before = now


# --- what they want to do ---------------------------------------------------------------------------------------------


def test_residents_make_as_many_trips_as_the_survey_says() -> None:
    population, trips = kera(), kera_trips()
    for number in (RESIDENT, NEIGHBOUR):
        made = np.count_nonzero(of_population(population, trips, number))
        assert 3.0 <= made / np.count_nonzero(population.people.population == number) <= 3.5


def test_tours_per_person_come_out_near_the_rates_of_the_settings() -> None:
    settings = PeopleSettings(walks_per_person=0.0)
    population, trips = kera(settings), kera_trips(settings)
    residents = of_population(population, trips, RESIDENT)
    people = np.count_nonzero(population.people.population == RESIDENT)
    out = residents & home_trips(population, trips)
    rates = (settings.work, settings.school, settings.study, settings.shopping, settings.other)
    for purpose, one in enumerate(rates):
        found = np.count_nonzero(out & (trips.purpose == purpose)) / people
        assert found == pytest.approx(one.tours_per_person, rel=0.12), PURPOSES[purpose]


def test_an_early_hour_leads_to_work_and_school() -> None:
    """Against peak_hour_share.*: work out 0.25-0.31, home 0.16-0.25; school 0.69; shopping 0.12, other 0.13-0.15."""
    population, trips = kera(), kera_trips()
    hour = (trips.depart_s // 3600).astype(int)
    mine = ~of_population(population, trips, WORKER)
    out = mine & home_trips(population, trips)
    back = mine & (trips.destination == population.people.home[trips.row])

    def share(chosen: np.ndarray, purpose: int, at: int) -> float:
        of = chosen & (trips.purpose == purpose)
        return float(np.count_nonzero(of & (hour == at)) / np.count_nonzero(of))

    assert 0.25 <= share(out, WORK, 7) <= 0.31
    assert 0.14 <= max(share(back, WORK, at) for at in (15, 16, 17)) <= 0.25
    assert share(out, SCHOOL, 7) == pytest.approx(0.69, abs=0.05)
    assert share(out, SHOPPING, 16) == pytest.approx(0.124, abs=0.025)
    assert share(out, OTHER, 16) == pytest.approx(0.13, abs=0.025)
    assert np.bincount(hour).argmax() in (15, 16, 17)


def test_most_residents_work_outside_and_learn_and_shop_nearby() -> None:
    population, trips = kera(), kera_trips()
    outside = np.asarray(kera_streets().node_outside)
    residents = population.people.population == RESIDENT
    works = residents & (population.workplace >= 0)
    assert 0.55 <= np.mean(outside[population.workplace[works]]) <= 0.68
    out = of_population(population, trips, RESIDENT) & home_trips(population, trips)
    assert np.mean(outside[trips.destination[out & (trips.purpose == SHOPPING)]]) < 0.10
    assert not np.any(outside[trips.destination[out & (trips.purpose == SCHOOL)]])


@pytest.mark.parametrize("day", [0, 1])
def test_a_day_is_a_chain_from_home_to_home_without_standing_still(day: int) -> None:
    population, trips = kera(), kera_trips(day=day)
    home = population.people.home[trips.row]
    again = np.append(False, trips.row[1:] == trips.row[:-1])
    last = np.append(~again[1:], True)
    assert np.all(np.diff(trips.row) >= 0)
    np.testing.assert_array_equal(trips.origin[again], trips.destination[:-1][again[1:]])
    np.testing.assert_array_equal(trips.origin[~again], home[~again])
    np.testing.assert_array_equal(trips.destination[last], home[last])
    assert np.all(trips.origin != trips.destination)
    assert np.all(np.diff(trips.depart_s)[again[1:]] >= 0.0)
    np.testing.assert_array_equal(trips.trip[~again], 0)
    assert np.all(np.diff(trips.trip)[again[1:]] == 1)
    assert trips.depart_s.min() >= 0.0
    assert trips.depart_s.max() < 86_400.0
    np.testing.assert_array_equal(trips.depart_s * 64, np.round(trips.depart_s * 64))


def test_every_tour_begins_and_ends_at_home_and_has_one_purpose() -> None:
    population, trips = kera(), kera_trips()
    home = population.people.home[trips.row]
    new_tour = np.append(True, (np.diff(trips.row) != 0) | (np.diff(trips.tour) != 0))
    np.testing.assert_array_equal(trips.origin == home, new_tour)
    np.testing.assert_array_equal(np.append(trips.destination[:-1] == home[:-1], True), np.append(new_tour[1:], True))
    assert np.all(trips.purpose[1:][~new_tour[1:]] == trips.purpose[:-1][~new_tour[1:]])


def test_every_trip_touches_the_map_by_its_streets() -> None:
    trips, streets = kera_trips(), kera_streets()
    outside = np.asarray(streets.node_outside)
    assert not np.any(outside[trips.origin] & outside[trips.destination])
    on_foot = (np.asarray(streets.edge_modes) & 1).astype(bool)
    reached = outside.copy()
    reached[np.asarray(streets.edge_to)[on_foot]] = True
    assert np.all(reached[trips.origin])
    assert np.all(reached[trips.destination])


def test_attendance_decides_how_many_commuters_come_and_others_come_another_day() -> None:
    population = kera()
    workers = np.count_nonzero(population.people.population == WORKER)
    came = []
    for day in (0, 1):
        trips = kera_trips(day=day)
        came.append(set(trips.row[of_population(population, trips, WORKER)].tolist()))
    for one in came:
        assert len(one) / workers == pytest.approx(0.70, abs=0.02)
    assert len(came[0] & came[1]) / workers == pytest.approx(0.49, abs=0.03)


def test_a_day_is_the_same_whoever_else_there_is() -> None:
    """The superset law: a part of the people, or a smaller phase, wants exactly what it wants in the whole."""
    population, everyone = kera(), dict(days(kera(), kera_trips()))
    rows = np.flatnonzero(np.arange(len(population.people.person)) % 5 == 2)
    part = population.at(rows)
    alone = dict(days(part, draw_trips(part, kera_streets(), FINISHED, DAY)))
    assert len(alone) > 5_000
    assert all(everyone[person] == trips for person, trips in alone.items())
    early = PeopleSettings(residents=2_500, jobs=7_000)
    construction = dict(days(kera(early), kera_trips(early)))
    assert all(everyone[person] == trips for person, trips in construction.items())


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_day() -> None:
    again = populate(FINISHED, KERA, kera_streets(), TOWN)
    same(again.people, kera().people)
    same(draw_trips(again, kera_streets(), FINISHED, DAY), kera_trips())
    other = draw_trips(again, kera_streets(), FINISHED, Dice.of(8, 0))
    assert len(other) != len(kera_trips()) or not np.array_equal(other.depart_s, kera_trips().depart_s)
    assert not np.array_equal(populate(FINISHED, KERA, kera_streets(), Dice.of(2)).people.home, kera().people.home)


# --- the hamlet, and broken areas -------------------------------------------------------------------------------------


def test_a_hamlet_has_the_people_that_its_tables_say(hamlet: Path) -> None:
    population = populate(HAMLET, hamlet, hamlet_streets(), TOWN)
    people, zones = population.people, population.zones
    assert np.count_nonzero(people.population == RESIDENT) + population.small_children[RESIDENT] == 400
    assert np.count_nonzero(people.population == NEIGHBOUR) + population.small_children[NEIGHBOUR] == 100
    assert np.count_nonzero((zones.kind[population.work_zone] == DEVELOPMENT) & (population.workplace >= 0)) == 200
    lonlat = hamlet_streets().node_lonlat
    west = population.home_zone == zones.names.index("West")
    assert np.all(lonlat[people.home[west], 0] < corner(5.5, 0)[0])
    assert {zones.names[zone] for zone in np.unique(population.home_zone[people.population == WORKER])} <= {"2", "town"}


def test_nobody_is_a_town_of_nobody(hamlet: Path) -> None:
    empty = PeopleSettings(residents=0, jobs=0, neighbours_within_m=0.0)
    population = populate(empty, hamlet, hamlet_streets(), TOWN)
    assert len(population.people.person) == 0
    assert len(draw_trips(population, hamlet_streets(), empty, DAY)) == 0


def test_days_in_the_hamlet_are_chains_too(hamlet: Path) -> None:
    streets = hamlet_streets()
    population = populate(HAMLET, hamlet, streets, TOWN)
    trips = draw_trips(population, streets, HAMLET, DAY)
    assert len(trips) > 800
    assert np.all(trips.origin != trips.destination)
    again = trips.row[1:] == trips.row[:-1]
    np.testing.assert_array_equal(trips.origin[1:][again], trips.destination[:-1][again])


def test_an_area_without_a_table_names_it(hamlet: Path) -> None:
    (hamlet / "attractions.csv").unlink()
    with pytest.raises(MissingFileError, match=r"attractions\.csv"):
        read_zones(hamlet, hamlet_streets())


def test_an_area_without_schools_is_refused(hamlet: Path) -> None:
    path = hamlet / "attractions.csv"
    path.write_text(path.read_text().replace(",100,0,3,", ",0,0,3,"))
    with pytest.raises(NetworkError, match="one has none"):
        populate(HAMLET, hamlet, hamlet_streets(), TOWN)


def test_an_outside_place_without_a_node_is_refused(hamlet: Path) -> None:
    places = [{"place": name, "title": name, "lon": 24.9, "lat": 60.2} for name in ("town", "city")]
    write_rows(hamlet / "outside.csv", places)
    with pytest.raises(NetworkError, match=r"2 places, but the streets know 1"):
        read_zones(hamlet, hamlet_streets())


def test_gravity_draws_in_proportion_to_weight_and_nearness() -> None:
    """Two places that weigh 1 and 3, the second one decay length further: 1 to 3/e."""
    distance_m = np.array([[100.0, 1100.0], [1100.0, 100.0]])
    pull = Gravity.of(np.array([1.0, 3.0]), distance_m, 1000.0)
    draws = (np.arange(10_000) + 0.5) / 10_000
    expected = 1.0 / (1.0 + 3.0 / np.e)
    assert np.mean(pull.draw(np.zeros(10_000, dtype=np.int64), draws) == 0) == pytest.approx(expected, abs=2e-4)


def test_a_ring_contains_what_lies_inside_it() -> None:
    ring = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [2.0, 1.0], [0.0, 4.0]])
    points = np.array([[1.0, 1.0], [2.0, 2.0], [3.5, 3.0], [5.0, 1.0], [2.0, 0.5]])
    np.testing.assert_array_equal(contains(ring, points), [True, False, True, False, True])


# --- visitors to events -----------------------------------------------------------------------------------------------

WITH_EVENTS = PeopleSettings(events=("hall_culture", "hall_market"))


def test_as_many_visitors_come_as_the_table_says_and_all_from_beyond_the_neighbours() -> None:
    population = kera(WITH_EVENTS)
    visitors = population.people.population == VISITOR
    assert [event.name for event in population.events] == ["hall_culture", "hall_market"]
    assert np.bincount(population.event[visitors]).tolist() == [event.attendance for event in population.events]
    assert np.all(population.event[~visitors] == -1)
    near = np.unique(population.home_zone[population.people.population == NEIGHBOUR])
    assert not np.any(np.isin(population.home_zone[visitors], near))


def test_visitors_mean_to_be_there_before_it_begins_and_leave_after_its_end_or_drop_in_while_it_lasts() -> None:
    population = kera(WITH_EVENTS)
    trips = kera_trips(WITH_EVENTS)
    mine = of_population(population, trips, VISITOR)
    event = population.event[trips.row[mine]]
    there = trips.destination[mine] == population.event_node[event]
    start_s, end_s = (np.array([getattr(one, name) for one in population.events]) for name in ("start_s", "end_s"))
    leaves_s = trips.depart_s[mine][~there]
    concert = event[~there] == 0
    assert np.all(leaves_s[concert] >= end_s[0])
    assert np.all(leaves_s[concert] <= end_s[0] + 1_200.0)
    assert np.all(leaves_s[~concert] > start_s[1])
    assert np.all(leaves_s[~concert] <= end_s[1])
    assert np.all(trips.depart_s[mine][there & (event == 0)] < start_s[0])
    assert np.count_nonzero(there) == np.count_nonzero(~there) == sum(one.attendance for one in population.events)


def test_other_peoples_days_do_not_hang_on_events_and_events_not_on_one_another() -> None:
    without, market, both = kera(), kera(PeopleSettings(events=("hall_market",))), kera(WITH_EVENTS)
    others = both.people.population != VISITOR
    assert np.array_equal(both.people.person[others], without.people.person)
    assert np.array_equal(both.people.home[others], without.people.home)
    of_market = market.people.population == VISITOR
    same = np.isin(both.people.person, market.people.person[of_market])
    assert np.array_equal(both.people.home[same], market.people.home[of_market])


def test_an_event_that_the_area_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(MissingFileError, match=r"no event 'hall_musik'.*hall_culture.*hall_market"):
        kera(PeopleSettings(events=("hall_musik",)))


def test_a_broken_line_of_the_table_of_events_is_named(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("event,title,lon,lat,start,end,attendance,comes\nfair,Fair,24.7,60.2,18:00,17:00,5,any_time\n")
    with pytest.raises(NetworkError, match=r"events\.csv:2: fair: expected an end after the start"):
        read_events(tmp_path, ["fair"])
    file.write_text("event,title,lon,lat,start,end,attendance,comes\nfair,Fair,24.7,60.2,noon,17:00,5,any_time\n")
    with pytest.raises(NetworkError, match=r"events\.csv:2: start: got 'noon', expected a time"):
        read_events(tmp_path, ["fair"])


# --- balanced flows ---------------------------------------------------------------------------------------------------


def test_balanced_flows_meet_what_leaves_and_what_arrives_in_every_zone() -> None:
    xy_m = np.array([0.0, 700.0, 1_500.0, 6_000.0])
    distance_m = np.maximum(np.abs(xy_m[:, None] - xy_m[None, :]), 125.0)
    homes, jobs = np.array([500.0, 300.0, 0.0, 1_200.0]), np.array([100.0, 0.0, 400.0, 500.0])
    found = balanced(homes, jobs, distance_m, 1_000.0)
    flows = found.origins[:, None] * found.destinations[None, :] * np.exp(-distance_m / 1_000.0)
    assert flows.sum(axis=0) == pytest.approx(jobs * 2.0, rel=2e-3)  # scaled to the 2,000 who leave
    assert flows.sum(axis=1) == pytest.approx(homes, rel=2e-3)


def test_flows_without_a_pull_of_distance_are_the_product_of_both_ends() -> None:
    homes, jobs = np.array([10.0, 30.0]), np.array([8.0, 32.0])
    found = balanced(homes, jobs, np.full((2, 2), 125.0), 1e12)
    flows = found.origins[:, None] * found.destinations[None, :]
    assert flows == pytest.approx(np.outer(homes, jobs) / 40.0)


def test_jobs_of_the_map_draw_commuters_as_many_as_there_are_when_everyone_is_counted() -> None:
    zones = kera().zones
    jobs = zones.weights["jobs"] + np.where(zones.kind == CELL, zones.weights["residents"], 0.0) * 0.10
    found = balanced(zones.weights["residents"], jobs, zones.distance_m(), FINISHED.work.decay_m)
    near = np.exp(-zones.distance_m() / FINISHED.work.decay_m)
    arriving = found.destinations * (near * found.origins[:, None]).sum(axis=0)
    assert arriving / arriving.sum() == pytest.approx(jobs / jobs.sum(), rel=2e-3)


# --- ages -------------------------------------------------------------------------------------------------------------

FALLING = ByAge(from_age=(0, 75, 85), share=(1.0, 0.8, 0.45))


def test_the_old_make_fewer_tours_and_nobody_else_notices(hamlet: Path) -> None:
    some = PeopleSettings(residents=4000, jobs=200, neighbours_within_m=300.0)
    fewer = some.model_copy(update={"tours_by_age": FALLING})
    streets = hamlet_streets()
    population = populate(some, hamlet, streets, TOWN)
    before, after = (draw_trips(population, streets, settings, DAY) for settings in (some, fewer))
    age = population.people.age
    tours = [np.bincount(trips.row[trips.trip == 0], minlength=len(age)) for trips in (before, after)]
    young = age[before.row] < 75
    for part in fields(Trips):
        old, new = getattr(before, part.name)[young], getattr(after, part.name)[age[after.row] < 75]
        np.testing.assert_array_equal(old, new, err_msg=part.name)
    assert np.all(tours[1][age >= 75] <= tours[0][age >= 75])
    counts = [[np.count_nonzero(age[trips.row] >= first) for trips in (before, after)] for first in (75, 85)]
    from_75, from_85 = (new / old for old, new in counts)
    assert 0.4 < from_85 < from_75 < 0.85


def test_licences_that_fall_with_age_are_a_part_of_those_that_do_not(hamlet: Path) -> None:
    flat = PeopleSettings(residents=4000, jobs=200, neighbours_within_m=300.0)
    ages = (*flat.licence.from_age, 85)
    falling = flat.model_copy(update={"licence": ByAge(from_age=ages, share=(*flat.licence.share, 0.2))})
    one, two = (populate(settings, hamlet, hamlet_streets(), TOWN).people for settings in (flat, falling))
    np.testing.assert_array_equal(one.person, two.person)
    assert np.all(one.licence >= two.licence)
    old = one.age >= 85
    np.testing.assert_array_equal(one.licence[~old], two.licence[~old])
    assert 0.05 < two.licence[old].mean() < 0.35 < one.licence[old].mean()


# --- evenings ---------------------------------------------------------------------------------------------------------


def test_with_late_evenings_some_go_home_after_ten_and_after_midnight(hamlet: Path) -> None:
    plain = load_scenario("configs/today.yaml").town.people
    assert plain.latest_departure_h < 24.0
    layers = hamlet / "late.yaml"
    layers.write_text("extends: [configs/today.yaml, configs/evenings.yaml]\n")
    late = load_scenario(layers).town.people
    for purpose in ("work", "other"):
        one, two = (getattr(settings, purpose).model_dump() for settings in (plain, late))
        assert {name for name in one if one[name] != two[name]} == {"out_weight_by_hour"}
    streets = hamlet_streets()
    small = {"residents": 4000, "jobs": 500, "neighbours_within_m": 300.0}
    after: dict[str, list[int]] = {}
    for name, settings in (("plain", plain.model_copy(update=small)), ("late", late.model_copy(update=small))):
        trips = draw_trips(populate(settings, hamlet, streets, TOWN), streets, settings, DAY)
        after[name] = [np.count_nonzero(trips.depart_s >= hour * 3600.0) for hour in (0, 22, 24)]
        assert trips.depart_s.max() <= settings.latest_departure_h * 3600.0
        assert np.all(np.diff(trips.depart_s)[np.diff(trips.row) == 0] >= 0.0)
    assert after["plain"][2] == 0 < after["late"][2]
    assert after["late"][1] > 1.3 * after["plain"][1]
    assert 0.02 < after["late"][1] / after["late"][0] < 0.08
    assert abs(after["late"][0] / after["plain"][0] - 1.0) < 0.05


# --- shoppers from elsewhere ------------------------------------------------------------------------------------------


def test_shoppers_come_from_elsewhere_by_day_and_go_home(hamlet: Path) -> None:
    some = HAMLET.model_copy(update={"neighbours_within_m": 1000.0})
    more = some.model_copy(update={"shoppers_per_shop": 50.0})
    streets = hamlet_streets()
    before, after = (populate(settings, hamlet, streets, TOWN) for settings in (some, more))
    others = after.people.population != VISITOR
    same(before.people, People(*(getattr(after.people, part.name)[others] for part in fields(People))))
    assert np.count_nonzero(~others) == 3 * 50
    trips = draw_trips(after, streets, more, DAY)
    shoppers = ~others[trips.row]
    assert np.count_nonzero(shoppers) == 2 * 150
    assert set(trips.purpose[shoppers].tolist()) == {SHOPPING}
    out, home = trips.depart_s[shoppers][::2], trips.depart_s[shoppers][1::2]
    assert np.all(home > out)
    assert out.min() > 7 * 3600.0
    assert home.max() <= 20 * 3600.0
    centre = after.event_node[0]
    assert set(trips.destination[shoppers][::2].tolist()) == {int(centre)}
    np.testing.assert_array_equal(trips.destination[shoppers][1::2], after.people.home[~others])
    near = populate(more.model_copy(update={"shoppers_per_shop": 20.0}), hamlet, streets, TOWN).people
    assert np.all(np.isin(near.person, after.people.person))


def test_shops_farther_away_than_neighbours_draw_nobody_from_elsewhere(hamlet: Path) -> None:
    few = HAMLET.model_copy(update={"shoppers_per_shop": 50.0, "neighbours_within_m": 100.0})
    assert not np.any(populate(few, hamlet, hamlet_streets(), TOWN).people.population == VISITOR)
