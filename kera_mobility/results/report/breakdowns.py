"""One run in numbers that are no KPIs: by hour, by group of people, by service and time of day, and in histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kera_mobility.geometry import contains
from kera_mobility.results.facts import EVERYONE, RESIDENTS, Facts, mean, share
from kera_mobility.results.kpis.modes import SCOOTER
from kera_mobility.results.record import numbers, texts
from kera_mobility.results.report.basemap import Ground
from kera_mobility.units import DAY_S, HOUR_S, MINUTE_S, BoolArray, FloatArray, IntArray

AGE_FROM = (7, 18, 30, 45, 65)
"""First ages of the bands of the report; the same as those of registration where they meet."""
BIN_MIN = 5
LONGEST_MIN = 120
WAIT_BIN_MIN = 1
LONGEST_WAIT_MIN = 30
SLOT_S = 900.0
"""Fleets are counted at these intervals."""
LOW_CHARGE = 0.2
"""A battery below this is shown as low. Assumption, for drawing only."""
REGION = ("resident", "neighbour")
"""Populations that live in the area."""

MEASURES = ("trips", "sustainable_share", "door_to_door_s", "wait_s", "walk_s", "unserved_share")
"""What is told of a group: trips; share of completed trips; means of completed trips; share of all trips."""


def hours(facts: Facts) -> dict[str, dict[str, list[int]]]:
    """Return departures by hour (24 or more) and main mode for residents and everyone; `none` is not completed."""
    hour = (numbers(facts.record.tables["trips"], "t_s") // HOUR_S).astype(np.int64)
    last = max(23, int(hour.max())) if len(hour) else 23
    found: dict[str, dict[str, list[int]]] = {}
    for group in facts.groups:
        if group.name in (RESIDENTS, EVERYONE):
            by_mode = {
                mode: np.bincount(hour[group.trips & (facts.main_mode == at)], minlength=last + 1).tolist()
                for at, mode in enumerate(facts.modes)
            }
            by_mode["none"] = np.bincount(hour[group.trips & (facts.main_mode < 0)], minlength=last + 1).tolist()
            found[group.name] = by_mode
    return found


def histograms(facts: Facts) -> dict[str, Any]:
    """Return counts of trips by door-to-door time (5 min bins) and of rides by wait (1 min bins); the last is open."""
    took = _bins(facts.door_to_door_s[facts.completed] / MINUTE_S, BIN_MIN, LONGEST_MIN)
    waits = {}
    for service in facts.services:
        if service in facts.operated:
            legs = facts.of_service("legs", service)
            waits[service] = _bins(numbers(legs, "wait_s") / MINUTE_S, WAIT_BIN_MIN, LONGEST_WAIT_MIN)
    return {"door_to_door": {"bin": BIN_MIN, "counts": took}, "wait": {"bin": WAIT_BIN_MIN, "counts": waits}}


def fleets(facts: Facts) -> dict[str, dict[str, list[float]]]:
    """Return, for each service with vehicles, counts every quarter of an hour: moving, aboard, standing, low."""
    slots = np.arange(0.0, DAY_S + 4 * HOUR_S, SLOT_S)
    found = {}
    for service in facts.services:
        moves, vehicles = facts.of_service("moves", service), facts.of_service("vehicles", service)
        if not vehicles.num_rows:
            continue
        driven = numbers(moves, "distance_m") > 0  # charging is no move
        moving = _alive(numbers(moves, "t_s")[driven], numbers(moves, "end_s")[driven], slots)
        rows: dict[str, list[float]] = {"moving": moving}
        legs = facts.of_service("legs", service)
        out_s = numbers(legs, "t_s") + numbers(legs, "walk_s") + numbers(legs, "wait_s")
        rows["aboard"] = _alive(out_s, out_s + numbers(legs, "ride_s"), slots)
        charge = numbers(vehicles, "start_charge")
        if np.isfinite(charge).any() and facts.services[service].get("low_charge") != 0.0:
            rows["standing"] = [vehicles.num_rows - value for value in moving]
            rows["low"] = _low(charge, numbers(vehicles, "vehicle"), moves, slots)
        found[service] = rows
    return found


def by_group(facts: Facts, ground: Ground, zones: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Return MEASURES for each group of people: `age.7`, `car.0`, `zone.<name>`, `population.<name>`."""
    people = facts.record.people
    population, names = texts(people, "population")
    at_home = np.isin(population, [names.index(name) for name in REGION if name in names])
    resident = population == names.index("resident") if "resident" in names else np.zeros(len(population), dtype=bool)
    age, cars = numbers(people, "age"), numbers(people, "household_cars")
    groups: dict[str, BoolArray] = {}
    upper = (*AGE_FROM[1:], 200)
    for low, high in zip(AGE_FROM, upper, strict=True):
        groups[f"age.{low}"] = resident & (age >= low) & (age < high)
    groups["car.0"], groups["car.1"] = resident & (cars == 0), resident & (cars > 0)
    home = ground.place_lonlat[ground.rows(numbers(people, "home").astype(np.int64))]
    for zone in zones:
        inside = contains(np.asarray(zone["outline"], dtype=np.float64), home)
        groups[f"zone.{zone['name']}"] = at_home & inside
    for at, name in enumerate(names):
        groups[f"population.{name}"] = population == at
    return {name: _measures(facts, members) for name, members in groups.items() if members.any()}


def _measures(facts: Facts, members: BoolArray) -> list[float | None]:
    trips = members[facts.person_row]
    done = trips & facts.completed
    green = [facts.modes.index(mode) for mode in facts.sustainable_modes if mode != SCOOTER]
    found = [
        float(np.count_nonzero(trips)),
        share(int(np.count_nonzero(np.isin(facts.main_mode[done], green))), int(np.count_nonzero(done))),
        *(mean(values[done]) for values in (facts.door_to_door_s, facts.wait_s, facts.walk_s)),
        share(int(np.count_nonzero(trips & (facts.outcome == "unserved"))), int(np.count_nonzero(trips))),
    ]
    return [value if math.isfinite(value) else None for value in found]


def modes_of_trips(facts: Facts) -> tuple[IntArray, IntArray]:
    """Return a key for each trip that is the same in every run of the town, sorted, and its main mode, each (T,)."""
    trips = facts.record.tables["trips"]
    keys = numbers(trips, "person").astype(np.int64) * 2**15 + numbers(trips, "trip")
    order = np.argsort(keys, kind="stable")
    return keys[order], facts.main_mode[order]


def substitution(a: Facts, b: Facts) -> dict[str, Any]:
    """Return how many of the same trips went from each main mode in a to each in b; the last is not completed."""
    keys_a, modes_a = modes_of_trips(a)
    keys_b, modes_b = modes_of_trips(b)
    _, at_a, at_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    names = [*dict.fromkeys([*a.modes, *b.modes]), "none"]
    of_a = np.array([*(names.index(mode) for mode in a.modes), len(names) - 1])
    of_b = np.array([*(names.index(mode) for mode in b.modes), len(names) - 1])
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (of_a[modes_a[at_a]], of_b[modes_b[at_b]]), 1)
    return {"modes": names, "counts": counts.tolist(), "trips": len(at_a)}


def _bins(values: FloatArray, width: int, longest: int) -> list[int]:
    bins = np.minimum(values // width, longest // width).astype(np.int64)
    counts: list[int] = np.bincount(np.maximum(bins, 0), minlength=longest // width + 1).tolist()
    return counts


def _alive(begin_s: FloatArray, end_s: FloatArray, at_s: FloatArray) -> list[float]:
    started = np.searchsorted(np.sort(begin_s), at_s, side="right")
    ended = np.searchsorted(np.sort(end_s), at_s, side="right")
    count: list[float] = (started - ended).astype(float).tolist()
    return count


def _low(charge: FloatArray, ids: IntArray, moves: Any, slots: FloatArray) -> list[float]:
    """Return how many vehicles have a low battery at each slot."""
    low = charge < LOW_CHARGE
    row = {int(vehicle): at for at, vehicle in enumerate(ids.tolist())}
    end_s, vehicle, left = numbers(moves, "end_s"), numbers(moves, "vehicle"), numbers(moves, "charge")
    order = np.argsort(end_s, kind="stable")
    counts, at = [], 0
    for slot in slots.tolist():
        while at < len(order) and end_s[order[at]] <= slot:
            move = order[at]
            low[row[int(vehicle[move])]] = bool(left[move] < LOW_CHARGE)
            at += 1
        counts.append(float(np.count_nonzero(low)))
    return counts
