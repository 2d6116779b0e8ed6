"""The trips of a day: tours from home by purpose, with stops on the way, trips from work, and walks.

Every draw is addressed by the person and the tour, so nobody's day depends on who else there is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.town.population.households import positions_within
from kera_mobility.town.population.land_use import OUTSIDE
from kera_mobility.town.population.persons import PURPOSES, Trips
from kera_mobility.town.population.population import PUPIL_AGES, WORKER, PeopleSettings, Population, PurposeSettings
from kera_mobility.town.population.visitors import hours_of_visits
from kera_mobility.town.streets.streets import Streets
from kera_mobility.units import HOUR_S, BoolArray, FloatArray, IntArray, round_s

_WORK, _SCHOOL, _STUDY, _SHOPPING, _OTHER = range(len(PURPOSES))
_MAIN_TOUR, _SHOPPING_TOUR, _OTHER_TOUR, _WALK = range(4)
"""The tours that a person may make in a day, one of each."""
_STOP_OUT, _THERE, _FROM_WORK, _BACK_AT_WORK, _STOP_HOME, _HOME = range(6)
"""The places of a tour in their order; those that it lacks are -1."""

_STOP_H = (0.05, 0.15, 0.3, 0.6, 1.5)
"""Hours at a stop on the way: least, quartiles, most. Assumption."""
_FROM_WORK_H = (0.3, 0.5, 0.7, 1.0, 2.5)
"""Hours at lunch or a meeting away from work. Assumption."""
_WALK_H = (0.0, 0.05, 0.1, 0.3, 1.0)
"""Hours at the far end of a walk. Assumption."""


@dataclass(frozen=True)
class _Tours:
    """Tours that people want, in the order of people; arrays (K,), or (K, 6) by the places of a tour."""

    row: IntArray
    person: IntArray
    slot: IntArray
    purpose: IntArray
    node: IntArray
    """(K, 6), -1 where the tour lacks the place."""
    depart_s: FloatArray
    """(K, 6) departure to each place; from the start of the tour, until it is placed in the day."""
    end_s: FloatArray
    """Back at home."""

    def at(self, index: IntArray | BoolArray) -> _Tours:
        return _Tours(*(getattr(self, part.name)[index] for part in fields(self)))


def draw_trips(population: Population, streets: Streets, settings: PeopleSettings, dice: Dice) -> Trips:
    """Return the trips that everyone wants to make on the day of `dice`.

    Days begin and end at home. People who come to work from elsewhere go there, perhaps out at noon, and home; of the
    others' trips all are in. Every trip has an end on the map. Departures are whole multiples of 1/64 s.
    """
    dice = dice.at("tours")
    row, slot, purpose = _tours_made(population, settings, dice)
    node = _places(population, settings, row, slot, purpose, dice)
    stay_s = _stays(population, settings, row, slot, purpose, node, dice)
    tours = _timed(population, streets, settings, row, slot, purpose, node, stay_s)
    tours = _placed_in_day(population, settings, tours, dice)
    return _trips(population, tours)


def _tours_made(population: Population, settings: PeopleSettings, dice: Dice) -> tuple[IntArray, IntArray, IntArray]:
    """Return row, slot and purpose of every tour wanted, ordered by row and slot, each (K,)."""
    people = population.people
    pupil = (people.age >= PUPIL_AGES[0]) & (people.age <= PUPIL_AGES[1])
    works, studies = population.workplace >= 0, population.school >= 0
    learns = np.where(pupil, settings.pupil_attendance, settings.student_attendance)
    present = np.where(works, settings.attendance, learns)
    chance = np.zeros((len(people.person), 4))
    chance[:, _MAIN_TOUR] = np.where(works | studies, present, 0.0)
    goes = dice.uniform("goes", people.person, _MAIN_TOUR) < chance[:, _MAIN_TOUR]
    busy = np.where(goes, settings.damping_after_main, _rate_of_the_free(settings))
    children = settings.school.tours_per_person / settings.pupil_attendance if settings.pupil_attendance else 0.0
    grown = (1.0 - children * settings.child_shopping) / (1.0 - children)
    by_age = np.where(pupil, settings.child_shopping, grown)
    chance[:, _SHOPPING_TOUR] = settings.shopping.tours_per_person * busy * by_age
    chance[:, _OTHER_TOUR] = settings.other.tours_per_person * busy
    chance[:, _WALK] = settings.walks_per_person
    chance[:, _SHOPPING_TOUR:] *= settings.tours_by_age.at(people.age)[:, None]
    chance[people.population == WORKER, _SHOPPING_TOUR:] = 0.0
    visits = population.event >= 0
    chance[visits] = 0.0
    chance[visits, _MAIN_TOUR] = 1.0
    makes_tour = dice.uniform("goes", people.person[:, None], np.arange(4)) < chance
    row, slot = np.nonzero(makes_tour)
    event_purpose = np.array([_OTHER, *(PURPOSES.index(event.purpose) for event in population.events)])
    own = np.where(works, _WORK, np.where(pupil, _SCHOOL, _STUDY))
    main = np.where(visits, event_purpose[population.event + 1], own)[row]
    purpose = np.where(slot == _MAIN_TOUR, main, np.where(slot == _SHOPPING_TOUR, _SHOPPING, _OTHER))
    return row, slot, purpose


def _rate_of_the_free(settings: PeopleSettings) -> float:
    """Return how much more those without work or school on the day go out, so that all together keep the rate."""
    busy = settings.work.tours_per_person + settings.school.tours_per_person + settings.study.tours_per_person
    return (1.0 - busy * settings.damping_after_main) / (1.0 - busy) if busy < 1.0 else 1.0


def _places(
    population: Population, settings: PeopleSettings, row: IntArray, slot: IntArray, purpose: IntArray, dice: Dice
) -> IntArray:
    """Return the node of each place of each tour, (K, 6), -1 for none."""
    zones, pull = population.zones, population.pull
    person, home = population.people.person[row], population.people.home[row]
    home_zone, comes_to_work = population.home_zone[row], population.people.population[row] == WORKER
    node = np.full((len(row), 6), -1)
    node[:, _HOME] = home
    working = purpose == _WORK
    node[:, _THERE] = np.where(working, population.workplace[row], population.school[row])
    visits = population.event[row] >= 0
    node[visits, _THERE] = population.event_node[population.event[row[visits]]]
    for chosen_slot, name in ((_SHOPPING_TOUR, "shopping"), (_OTHER_TOUR, "other"), (_WALK, "walk")):
        rows = np.flatnonzero(slot == chosen_slot)
        zone = pull[name].draw(home_zone[rows], dice.uniform("zone", person[rows], chosen_slot))
        node[rows, _THERE] = zones.pick_node(zone, dice.uniform("node", person[rows], chosen_slot), home[rows])
    at_work = np.where(comes_to_work, population.work_zone[row], home_zone)
    by_purpose = _purposes(settings)
    extras = (
        (_STOP_OUT, np.array([rates.stop_out_share for rates in by_purpose])[purpose], at_work),
        (_STOP_HOME, np.array([rates.stop_home_share for rates in by_purpose])[purpose], at_work),
        (_FROM_WORK, np.where(working, settings.work_based_share, 0.0), population.work_zone[row]),
    )
    beyond = zones.kind[population.work_zone[row]] == OUTSIDE
    for place, share, around in extras:
        fits = (slot != _WALK) & ~visits & ~((place == _FROM_WORK) & beyond)
        rows = np.flatnonzero(fits & (dice.uniform("extra", person, slot, place) < share))
        zone = pull["stop"].draw(around[rows], dice.uniform("extra zone", person[rows], slot[rows], place))
        draw = dice.uniform("extra node", person[rows], slot[rows], place)
        node[rows, place] = zones.pick_node(zone, draw, home[rows], node[rows, _THERE])
    node[:, _BACK_AT_WORK] = np.where(node[:, _FROM_WORK] >= 0, node[:, _THERE], -1)
    return node


def _stays(
    population: Population, settings: PeopleSettings, row: IntArray, slot: IntArray, purpose: IntArray, node: IntArray,
    dice: Dice,
) -> FloatArray:  # fmt: skip
    """Return how long people stay at each place of each tour, s, (K, 6); 0 at those it lacks."""
    person = population.people.person[row]
    stay = np.zeros(node.shape)
    draw = dice.uniform("stay", person, slot)
    for number, rates in enumerate(_purposes(settings)):
        rows = purpose == number
        stay[rows, _THERE] = _between(draw[rows], rates.stay_h)
    walks = slot == _WALK
    stay[walks, _THERE] = _between(draw[walks], _WALK_H)
    visits = population.event[row] >= 0
    hours_s = _visits(population, settings, row[visits], dice)
    stay[visits, _THERE] = (hours_s[:, 1] - hours_s[:, 0]) / HOUR_S
    for place, hours in ((_STOP_OUT, _STOP_H), (_STOP_HOME, _STOP_H), (_FROM_WORK, _FROM_WORK_H)):
        rows = node[:, place] >= 0
        stay[rows, place] = _between(dice.uniform("extra stay", person[rows], slot[rows], place), hours)
    halves = node[:, _FROM_WORK] >= 0
    stay[halves, _BACK_AT_WORK] = stay[halves, _THERE] * 0.5
    stay[halves, _THERE] *= 0.5
    return stay * HOUR_S


def _timed(
    population: Population, streets: Streets, settings: PeopleSettings, row: IntArray, slot: IntArray,
    purpose: IntArray, node: IntArray, stay_s: FloatArray,
) -> _Tours:  # fmt: skip
    """Return the tours with departures counted from their start."""
    xy_m = np.asarray(streets.node_xy_m)
    here, time_s = population.people.home[row], np.zeros(len(row))
    depart_s = np.zeros(node.shape)
    for place in range(node.shape[1]):
        goes = node[:, place] >= 0
        depart_s[:, place] = time_s
        there = np.where(goes, node[:, place], here)
        apart = xy_m[there] - xy_m[here]
        way_m = settings.circuity * np.sqrt(apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1])
        taken_s = settings.planned_delay_s + way_m / settings.planned_speed_m_s + stay_s[:, place]
        time_s = time_s + np.where(goes, taken_s, 0.0)
        here = there
    return _Tours(row, population.people.person[row], slot, purpose, node, depart_s, time_s)


def _placed_in_day(population: Population, settings: PeopleSettings, tours: _Tours, dice: Dice) -> _Tours:
    """Return the tours at their times of day, one after the other; those that would start too late are given up."""
    start_s = np.zeros(len(tours.row))
    draw = dice.uniform("start", tours.person, tours.slot)
    for number, rates in enumerate(_purposes(settings)):
        rows = tours.purpose == number
        start_s[rows] = _hour_of_day(draw[rows], rates.out_weight_by_hour) * HOUR_S
    visits = population.event[tours.row] >= 0
    start_s[visits] = _visits(population, settings, tours.row[visits], dice)[:, 1] - tours.depart_s[visits, _HOME]
    main = tours.slot == _MAIN_TOUR
    free_s = np.full(len(population.people.person), -1.0)
    free_s[tours.row[main]] = start_s[main] + tours.end_s[main]
    later = ~main & (free_s[tours.row] >= 0.0)
    start_s[later] = free_s[tours.row[later]] + _between(draw[later], settings.pause_h) * HOUR_S
    order = np.lexsort((tours.slot, start_s, tours.row))
    tours, start_s = tours.at(order), start_s[order]
    rank = _rank(tours.row)
    for number in range(1, 4):
        rows = np.flatnonzero(rank == number)
        before = rows - 1
        start_s[rows] = np.maximum(start_s[rows], start_s[before] + tours.end_s[before] + settings.pause_h[0] * HOUR_S)
    kept = (tours.slot == _MAIN_TOUR) | (start_s <= settings.latest_start_h * HOUR_S)
    shortened = np.where(visits[order], 1.0, _shortened(settings, tours, start_s, dice))
    depart_s = start_s[:, None] + tours.depart_s * shortened[:, None]
    end_s = start_s + tours.end_s
    return _Tours(tours.row, tours.person, tours.slot, tours.purpose, tours.node, round_s(depart_s), end_s).at(kept)


def _shortened(settings: PeopleSettings, tours: _Tours, start_s: FloatArray, dice: Dice) -> FloatArray:
    """Return what is left of each tour, 0 to 1, when people go home late in the evening and not at night, (K,).

    The limit is spread over people, or they would all leave at one moment.
    """
    evening_h = settings.latest_departure_h - settings.latest_start_h
    limit_h = settings.latest_departure_h - evening_h * dice.uniform("homeward", tours.person, tours.slot)
    limit_s = limit_h * HOUR_S
    whole_s = np.maximum(tours.depart_s[:, _HOME], 1.0)
    return np.clip((limit_s - start_s) / whole_s, 0.0, 1.0)


def _visits(population: Population, settings: PeopleSettings, row: IntArray, dice: Dice) -> FloatArray:
    """Return when visitors mean to arrive at their event and to leave it, seconds from midnight, (V, 2)."""
    if not len(row):
        return np.zeros((0, 2))
    return hours_of_visits(population.events, population.event[row], population.people.person[row], settings, dice)


def _trips(population: Population, tours: _Tours) -> Trips:
    """Return the tours as trips, in the order of person and time."""
    made = tours.node >= 0
    index, place = np.nonzero(made)
    destination = tours.node[index, place]
    first = np.append(True, index[1:] != index[:-1]) if len(index) else np.zeros(0, dtype=bool)
    home = population.people.home[tours.row[index]]
    origin = np.where(first, home, np.append(home[:1], destination[:-1]))
    row = tours.row[index]
    return Trips(
        row=row, trip=_rank(row).astype(np.int16), tour=_rank(tours.row)[index].astype(np.int16),
        purpose=tours.purpose[index].astype(np.int8), origin=origin, destination=destination,
        depart_s=tours.depart_s[index, place],
    )  # fmt: skip


def _purposes(settings: PeopleSettings) -> tuple[PurposeSettings, ...]:
    """Return the settings in the order of PURPOSES."""
    return settings.work, settings.school, settings.study, settings.shopping, settings.other


def _rank(row: IntArray) -> IntArray:
    """Return 0, 1, ... within each run of equal rows."""
    if len(row) == 0:
        return row
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    return positions_within(np.diff(np.append(starts, len(row))))


def _between(draw: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
    """Return draws from a distribution that is even between equally likely quantiles."""
    value = np.array(quantiles)
    steps = len(quantiles) - 1
    step = np.minimum((draw * steps).astype(np.int64), steps - 1)
    return np.asarray(value[step] + (draw * steps - step) * (value[step + 1] - value[step]))


def _hour_of_day(draw: FloatArray, weight_by_hour: tuple[float, ...]) -> FloatArray:
    """Return clock times in hours, even within each hour."""
    weight = np.array(weight_by_hour)
    climbing = np.cumsum(weight)
    target = draw * climbing[-1]
    hour = np.minimum(np.searchsorted(climbing, target, side="right"), len(weight) - 1)
    return np.asarray(hour + (target - (climbing[hour] - weight[hour])) / weight[hour])
