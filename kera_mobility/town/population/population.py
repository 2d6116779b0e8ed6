"""The synthetic population: residents of the developments, workers from elsewhere, neighbours, visitors."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.errors import NetworkError
from kera_mobility.files import read_yaml
from kera_mobility.town.population.households import PLACE_SLOTS, Members, draw_members, positions_within
from kera_mobility.town.population.land_use import (
    CELL,
    DEVELOPMENT,
    OUTSIDE,
    PLACE,
    Balanced,
    Gravity,
    Zones,
    balanced,
    nearest_nodes,
    read_zones,
)
from kera_mobility.town.population.persons import People
from kera_mobility.town.population.phases import Phase
from kera_mobility.town.population.settings import PeopleSettings, PurposeSettings
from kera_mobility.town.population.visitors import Event, homes_of_visitors, read_events, shopping_at
from kera_mobility.town.streets.streets import Streets
from kera_mobility.units import AnyArray, BoolArray, FloatArray, IntArray

POPULATION_SLOTS = 1_000_000_000
"""Ids of one population: id = population x this + place x PLACE_SLOTS + slot, the same in every phase."""
RESIDENT, WORKER, NEIGHBOUR, VISITOR = range(4)
YOUNGEST = 7
"""Age from which people travel here, as in the travel survey; younger ones are counted only."""
PUPIL_AGES = (7, 15)
_WORKER_FROM, _WORKER_YEARS = 20, 45
"""People who come to work are 20 to 64, evenly. Assumption."""
_VISITOR_FROM, _VISITOR_YEARS = 15, 60
"""People who come to events are 15 to 74, evenly. Assumption."""


@dataclass(frozen=True)
class Population:
    """The people of a town with their zones, workplaces and schools; arrays (P,) in the rows of `people`."""

    people: People
    home_zone: IntArray
    workplace: IntArray
    """Street node, -1 for none."""
    work_zone: IntArray
    """Zone of the workplace; that of the home for none."""
    school: IntArray
    """Street node of the school (ages 7-15) or place of study, -1 for none."""
    school_zone: IntArray
    event: IntArray
    """Row of the event visited in `events`, -1 for none."""
    small_children: IntArray
    """(4,) children under 7 by population; they live here, and do not travel in this model."""
    zones: Zones
    pull: dict[str, Gravity]
    """Chances of destinations by what people go for: shopping, other, stop, walk."""
    events: tuple[Event, ...] = ()
    """The events of the day."""
    event_node: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Street node of each event, (E,)."""

    def at(self, rows: AnyArray) -> Population:
        """Return the same town with only some of its people, by mask or ascending rows."""
        people = People(*(getattr(self.people, part.name)[rows] for part in fields(People)))
        own = {name: getattr(self, name)[rows] for name in _PERSONAL}
        return replace(self, people=people, **own)


_PERSONAL = ("home_zone", "workplace", "work_zone", "school", "school_zone", "event")


def populate(
    settings: PeopleSettings, area_folder: Path, streets: Streets, dice: Dice, phase: Phase | None = None,
    closed: BoolArray | None = None,
) -> Population:  # fmt: skip
    """Return everyone of age 7 and over in the town.

    A phase says how many live and work in each development, instead of the settings; then nobody is at closed nodes.
    The 250 m grid's residents keep living inside the outlines of the developments, beside the new ones: they are few,
    and nothing says whose houses go.

    Raises
    ------
    MissingFileError, NetworkError
        If the area lacks a table, or its tables contradict its streets.
    """
    dice = dice.at("people")
    zones = read_zones(area_folder, streets)
    if phase is not None:
        closed = np.zeros(streets.nodes, dtype=np.bool_) if closed is None else closed
        zones = phase.laid_on(zones, streets, closed)
        totals = {what: int(zones.weights[what][zones.kind == DEVELOPMENT].sum()) for what in ("residents", "jobs")}
        settings = settings.model_copy(update=totals)
    distance_m = zones.distance_m()
    commuting = _commuting(settings, zones, distance_m)
    weights = _weights(settings, zones, distance_m) | {"work": commuting.destinations}
    cells, developments = zones.of_kind(CELL), zones.of_kind(DEVELOPMENT)
    near = cells[_near(area_folder, zones, cells) < settings.neighbours_within_m]
    ages = np.cumsum(zones.bands[cells], axis=0)[-1:]
    homes = apportion(settings.residents, zones.weights["residents"][developments])
    residents = _dwellers(
        settings, zones, RESIDENT, developments, np.arange(len(developments)), homes,
        np.repeat(ages, len(developments), axis=0), settings.cars_per_1000, dice,
    )  # fmt: skip
    neighbours = _dwellers(
        settings, zones, NEIGHBOUR, near, np.searchsorted(cells, near),
        zones.weights["residents"][near].astype(np.int64), zones.bands[near], settings.neighbour_cars_per_1000, dice,
    )  # fmt: skip
    for group in (residents, neighbours):
        _give_schools(settings, zones, weights, distance_m, group, dice)
        _give_work(settings, zones, weights, distance_m, developments, group, dice)
    workplaces_taken = np.concatenate(
        [group["work_zone"][group["workplace"] >= 0] for group in (residents, neighbours)]
    )
    filled = np.bincount(workplaces_taken, minlength=len(zones.kind))[developments]
    open_jobs = np.maximum(apportion(settings.jobs, zones.weights["jobs"][developments]) - filled, 0)
    elsewhere = (zones.kind == OUTSIDE) | (zones.kind == CELL)
    elsewhere[near] = False
    catchment = np.where(elsewhere, commuting.origins, 0.0)
    workers = _commuters(settings, zones, catchment, distance_m, developments, open_jobs, dice)
    events = read_events(area_folder, settings.events, streets)
    if settings.shoppers_per_shop:
        places = zones.of_kind(PLACE)
        reached = places[_near(area_folder, zones, places) < settings.neighbours_within_m]
        events = (*events, *shopping_at(zones, reached, settings))
    catchment = np.where(elsewhere, zones.weights["residents"], 0.0)
    visitors = _visitors(settings, zones, events, catchment, dice)
    groups = (residents, workers, neighbours, visitors)
    joined = {name: np.concatenate([group[name] for group in groups]) for name in residents if name != "small"}
    people = People(**{part.name: joined.pop(part.name) for part in fields(People)})
    small = np.array([int(group["small"]) for group in groups], dtype=np.int64)
    pull = _pulls(settings, weights, zones, distance_m)
    event_node = nearest_nodes(streets, np.array([event.lonlat for event in events]).reshape(-1, 2), closed)
    return Population(people, **joined, small_children=small, zones=zones, pull=pull, events=events,
                      event_node=event_node)  # fmt: skip


def apportion(total: int, shares: FloatArray) -> IntArray:
    """Return whole numbers in proportion to shares that add up to the total; none falls when the total grows.

    Source: the divisor method of Webster and Sainte-Laguë.
    """
    held = np.flatnonzero(shares > 0.0)
    if total == 0 or len(held) == 0:
        return np.zeros(len(shares), dtype=np.int64)
    turn = (np.arange(total)[:, None] + 0.5) / shares[held][None, :]
    first = np.argsort(turn, axis=None, kind="stable")[:total] % len(held)
    return np.asarray(np.bincount(held[first], minlength=len(shares)).astype(np.int64))


def _near(folder: Path, zones: Zones, chosen: IntArray) -> FloatArray:
    """Return the distance of zones from the centre of the area, metres."""
    path = folder / "area.yaml"
    try:
        centre = read_yaml(path)["centre"]
        point = np.array([float(centre["lon"]), float(centre["lat"])]) * zones.scale
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise NetworkError(f"{path}: expected `centre` with lon and lat, got {error!r}") from None
    apart = zones.xy_m[chosen] - point
    return np.asarray(np.sqrt(apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1]))


def _commuting(settings: PeopleSettings, zones: Zones, distance_m: FloatArray) -> Balanced:
    """Return the weights of homes and of workplaces, (Z,) each: jobs are held by as many as there are, everywhere.

    Who works is taken for the same part of the residents of every zone, places beyond the map among them.
    """
    in_cells = np.where(zones.kind == CELL, zones.weights["residents"], 0.0)
    jobs = zones.weights["jobs"] + in_cells * settings.jobs_per_resident
    return balanced(zones.weights["residents"], jobs, distance_m, settings.work.decay_m)


def _weights(settings: PeopleSettings, zones: Zones, distance_m: FloatArray) -> dict[str, FloatArray]:
    """Return what draws people to each zone by purpose, (Z,): the same in every phase, so that days can be compared.

    Schools are filled according to their pupils, those of the map from the map alone.
    """
    held = zones.weights
    living = np.where(zones.kind == OUTSIDE, 0.0, held["residents"])
    in_cells = np.where(zones.kind == CELL, held["residents"], 0.0)
    pupils = np.where(zones.kind == OUTSIDE, 0.0, held["pupils"])
    inside = (zones.kind != OUTSIDE).astype(np.float64)
    shops = held["shops"] + in_cells * settings.shops_per_1000 / 1000.0
    leisure = held["leisure"] + living
    return {
        "school": balanced(living, pupils, distance_m, settings.school.decay_m).destinations,
        "study": balanced(held["residents"], held["students"], distance_m, settings.study.decay_m).destinations,
        "shopping": shops,
        "other": leisure,
        "stop": inside * (shops * _RESIDENTS_PER_SHOP + leisure),
        "walk": inside,
    }


_RESIDENTS_PER_SHOP = 1000.0
"""On the way, one neighbourhood grocery draws as many stops as 1,000 residents and their surroundings. Assumption."""


def _pulls(
    settings: PeopleSettings, weights: dict[str, FloatArray], zones: Zones, distance_m: FloatArray
) -> dict[str, Gravity]:
    decay_m = {
        "shopping": settings.shopping.decay_m, "other": settings.other.decay_m,
        "stop": settings.stop_decay_m, "walk": settings.walk_decay_m,
    }  # fmt: skip
    return {name: Gravity.of(weights[name], distance_m, decay) for name, decay in decay_m.items()}


def _dwellers(
    settings: PeopleSettings, zones: Zones, population: int, places: IntArray, numbers: IntArray, persons: IntArray,
    bands: FloatArray, cars_per_1000: float, dice: Dice,
) -> dict[str, Any]:  # fmt: skip
    """Return the people of age 7 and over who live in some zones, by name of attribute."""
    first_id = population * POPULATION_SLOTS
    cars = np.full(len(places), cars_per_1000)
    all_ages = draw_members(settings.households, numbers, persons, bands, cars, settings.licence, first_id, dice)
    members = Members(*(getattr(all_ages, part.name)[all_ages.age >= YOUNGEST] for part in fields(Members)))
    person = first_id + numbers[members.place] * PLACE_SLOTS + members.slot
    home_zone = places[members.place]
    home = zones.pick_node(home_zone, dice.uniform("home", members.household))
    return {
        **_owned(settings, person, members.age, dice),
        "household": members.household, "population": np.full(len(person), population, dtype=np.int8),
        "home": home, "household_cars": members.household_cars, "licence": members.licence,
        "main_driver": members.main_driver, "home_zone": home_zone, "event": np.full(len(person), -1),
        "small": len(all_ages.age) - len(members.age),
    }  # fmt: skip


def _owned(settings: PeopleSettings, person: IntArray, age: AnyArray, dice: Dice) -> dict[str, Any]:
    return {
        "person": person,
        "age": age,
        "bicycle": dice.uniform("bicycle", person) < settings.bicycle.at(age),
        "season_ticket": dice.uniform("season ticket", person) < settings.season_ticket.at(age),
    }


def _give_schools(
    settings: PeopleSettings, zones: Zones, weights: dict[str, FloatArray], distance_m: FloatArray,
    group: dict[str, Any], dice: Dice,
) -> None:  # fmt: skip
    """Add `school` and `school_zone` to a group: pupils to a near school, students where places of study are."""
    person, age = group["person"], group["age"]
    pupil = (age >= PUPIL_AGES[0]) & (age <= PUPIL_AGES[1])
    student = ~pupil & (dice.uniform("student", person) < settings.student.at(age))
    draw = dice.uniform("school zone", person)
    group["school"] = np.full(len(person), -1)
    group["school_zone"] = group["home_zone"].copy()
    for attends, name, decay_m in (
        (pupil, "school", settings.school.decay_m),
        (student, "study", settings.study.decay_m),
    ):
        if np.any(attends):
            pull = Gravity.of(weights[name], distance_m, decay_m)
            zone = pull.draw(group["home_zone"][attends], draw[attends])
            group["school_zone"][attends] = zone
            group["school"][attends] = _node(zones, zone, "school", person[attends], group["home"][attends], dice)


def _give_work(
    settings: PeopleSettings, zones: Zones, weights: dict[str, FloatArray], distance_m: FloatArray,
    developments: IntArray, group: dict[str, Any], dice: Dice,
) -> None:  # fmt: skip
    """Add `workplace` and `work_zone` to a group of residents or neighbours."""
    person = group["person"]
    works: BoolArray = (group["school"] < 0) & (dice.uniform("employed", person) < settings.employed.at(group["age"]))
    group["workplace"] = np.full(len(person), -1)
    group["work_zone"] = group["home_zone"].copy()
    if not np.any(works):
        return
    jobs = weights["work"].copy()
    draw = dice.uniform("work zone", person[works])
    if int(group["population"][0]) == RESIDENT:
        jobs[developments] = 0.0
        zone = Gravity.of(jobs, distance_m, settings.work.decay_m).draw(group["home_zone"][works], draw)
        shares = np.cumsum(zones.weights["jobs"][developments])
        here = (dice.uniform("works here", person[works]) < settings.local_worker_share) & (shares[-1] > 0.0)
        zone = np.where(here, developments[np.searchsorted(shares / max(float(shares[-1]), 1.0), draw)], zone)
    else:
        zone = Gravity.of(jobs, distance_m, settings.work.decay_m).draw(group["home_zone"][works], draw)
    group["work_zone"][works] = zone
    group["workplace"][works] = _node(zones, zone, "workplace", person[works], group["home"][works], dice)


def _commuters(
    settings: PeopleSettings, zones: Zones, catchment: FloatArray, distance_m: FloatArray, developments: IntArray,
    jobs: IntArray, dice: Dice,
) -> dict[str, Any]:  # fmt: skip
    """Return the people who live elsewhere and hold the jobs of the developments, (D,) each."""
    place = np.repeat(np.arange(len(developments)), jobs)
    slot = positions_within(jobs)
    person = WORKER * POPULATION_SLOTS + place * PLACE_SLOTS + slot
    age = (_WORKER_FROM + dice.uniform("age", person) * _WORKER_YEARS).astype(np.int16)
    licence = dice.uniform("licence", person) < settings.licence.at(age)
    main_driver = licence & (dice.uniform("car", person) < settings.worker_car_share)
    work_zone = developments[place]
    home_zone, home = work_zone, work_zone
    if len(person):
        pull = Gravity.of(catchment, distance_m, settings.work.decay_m)
        home_zone = pull.draw(work_zone, dice.uniform("home zone", person))
        home = zones.pick_node(home_zone, dice.uniform("home", person))
    return {
        **_owned(settings, person, age, dice),
        "household": person, "population": np.full(len(person), WORKER, dtype=np.int8),
        "home": home, "household_cars": main_driver.astype(np.int8), "licence": licence, "main_driver": main_driver,
        "home_zone": home_zone, "work_zone": work_zone,
        "workplace": _node(zones, work_zone, "workplace", person, home, dice),
        "school": np.full(len(person), -1), "school_zone": home_zone, "event": np.full(len(person), -1), "small": 0,
    }  # fmt: skip


def _visitors(
    settings: PeopleSettings, zones: Zones, events: tuple[Event, ...], catchment: FloatArray, dice: Dice
) -> dict[str, Any]:
    """Return the people who come to the events of the day from beyond the neighbours."""
    attendance = np.array([event.attendance for event in events], dtype=np.int64)
    event = np.repeat(np.arange(len(events)), attendance)
    slot = positions_within(attendance)
    number = np.array([event.number for event in events], dtype=np.int64)[event]
    person = VISITOR * POPULATION_SLOTS + number * PLACE_SLOTS + slot
    age = (_VISITOR_FROM + dice.uniform("age", person) * _VISITOR_YEARS).astype(np.int16)
    licence = dice.uniform("licence", person) < settings.licence.at(age)
    main_driver = licence & (dice.uniform("car", person) < settings.visitor_car_share)
    home_zone = home = np.zeros(0, dtype=np.int64)
    if len(person):
        home_zone, home = homes_of_visitors(zones, events, event, person, catchment, settings.visitor_decay_m, dice)
    nothing = np.full(len(person), -1)
    return {
        **_owned(settings, person, age, dice),
        "household": person, "population": np.full(len(person), VISITOR, dtype=np.int8),
        "home": home, "household_cars": main_driver.astype(np.int8), "licence": licence, "main_driver": main_driver,
        "home_zone": home_zone, "work_zone": home_zone, "workplace": nothing, "school": nothing,
        "school_zone": home_zone, "event": event, "small": 0,
    }  # fmt: skip


def _node(zones: Zones, zone: IntArray, name: str, person: IntArray, home: IntArray, dice: Dice) -> IntArray:
    return zones.pick_node(zone, dice.uniform(name, person), home)


__all__ = ["PeopleSettings", "Population", "PurposeSettings", "apportion", "populate"]
