"""What a run says about things that surveys and counts have measured, each figure beside its datum and its standing.

A figure is *fitted* (a constant was chosen to meet it), *held out* (nothing was chosen to meet it), *input* (it is a
setting read back) or *untold* (no datum was found). Only what is held out may be called a test of the model.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from kera_mobility.geometry import degree_scale
from kera_mobility.results.facts import TRANSIT, Facts, mean, share
from kera_mobility.results.record import numbers, pair_keys, texts
from kera_mobility.units import BoolArray, FloatArray, IntArray

Standing = Literal["fitted", "prior", "held out", "input", "untold"]

SCHOOL_REACH_M = 5000.0
"""School trips up to here are asked about. Source: LIITU 2018."""
BANDS_KM = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, math.inf)
"""Edges of the bands of trip length."""
STRAIGHT_KM = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, math.inf)
"""Edges of the bands of straight distance that modes are told by."""


@dataclass(frozen=True)
class Check:
    """One figure of the model beside what was measured outside."""

    id: str
    title: str
    model: float
    data: float | None
    """None where no datum was found."""
    unit: str
    standing: Standing
    source: str
    note: str = ""
    tolerance: float | None = None
    """How far from the datum still counts as met, in the unit; None where nobody said."""
    error: float | None = None
    """What is held against the tolerance where it is not model - data, such as the median of many differences."""

    @property
    def met(self) -> bool | None:
        """Whether the figure is within the tolerance; None where there is nothing to judge by."""
        if self.data is None or self.tolerance is None or not math.isfinite(self.model):
            return None
        error = self.model - self.data if self.error is None else self.error
        return abs(error) <= self.tolerance + 1e-9


def trips_of(facts: Facts, groups: Collection[str]) -> BoolArray:
    """Return which trips some groups of people (`residents`, `neighbours`) completed, (T,)."""
    chosen = np.zeros(len(facts.outcome), dtype=np.bool_)
    for group in facts.groups:
        if group.name in groups:
            chosen |= group.completed
    return chosen


def people_of(facts: Facts, groups: Collection[str]) -> int:
    """Return how many people some groups have."""
    return sum(group.people for group in facts.groups if group.name in groups)


def mode_share(facts: Facts, trips: BoolArray, modes: Collection[str]) -> float:
    """Return the share of some trips whose main mode (the longest part by distance) is one of the modes."""
    columns = [index for index, mode in enumerate(facts.modes) if mode in modes]
    main = facts.main_mode[trips]
    return share(int(np.count_nonzero(np.isin(main, columns))), len(main))


def straight_km(facts: Facts) -> FloatArray:
    """Return the straight distance between the ends of each trip, (T,)."""
    lonlat = np.stack([numbers(facts.record.places, axis) for axis in ("lon", "lat")], axis=1).astype(np.float64)
    trips = facts.record.tables["trips"]
    apart = lonlat[numbers(trips, "origin")] - lonlat[numbers(trips, "destination")]
    return np.asarray(np.hypot(*(apart * degree_scale(float(lonlat[:, 1].mean()))).T) / 1000.0)


def modes_by_band(facts: Facts, trips: BoolArray) -> dict[tuple[float, float], dict[str, float]]:
    """Return the shares of main modes among some trips, by band of straight distance, km; empty bands left out."""
    band = np.digitize(straight_km(facts), STRAIGHT_KM) - 1
    return {
        (low, high): {mode: mode_share(facts, trips & (band == index), [mode]) for mode in facts.modes}
        for index, (low, high) in enumerate(pairwise(STRAIGHT_KM))
        if np.any(trips & (band == index))
    }


def legs_of(facts: Facts, trips: BoolArray, service: str) -> int:
    """Return how many legs of some trips were travelled with a service."""
    codes, names = texts(facts.record.tables["legs"], "service")
    if service not in names:
        return 0
    return int(np.count_nonzero((codes == names.index(service)) & trips[facts.leg_trip]))


def boardings_at(facts: Facts, service: str, nodes: Collection[int], runs: BoolArray) -> int:
    """Return how many people boarded a service at street nodes; `runs` says which of its runs count, (R,)."""
    calls = facts.of_service("calls", service)
    here = np.isin(numbers(calls, "place"), list(nodes)) & runs[numbers(calls, "run")]
    return int(numbers(calls, "boarded")[here].astype(np.int64).sum())


def boardings_by_leg(facts: Facts) -> IntArray:
    """Return how many vehicles each leg boarded: 0 without a line, 1 direct, 2 with a change of vehicle, (L,).

    The log names the last vehicle of a leg, and a line has a vehicle for each run. It was the only one if it called at
    the place where the leg began; otherwise there was at least one before it. Two changes count as one, and a start on
    foot to another stop of the same interchange counts as a change; `mean_boardings` says how much that is.
    """
    legs, calls = facts.record.tables["legs"], facts.record.tables["calls"]
    on_line = facts.leg_mode == facts.modes.index(TRANSIT) if TRANSIT in facts.modes else np.zeros(legs.num_rows, bool)
    services, names = texts(legs, "service")
    of_calls, called_by = texts(calls, "service")
    count = np.zeros(legs.num_rows, dtype=np.int64)
    span = 1 + max(int(numbers(legs, "origin").max(initial=0)), int(numbers(calls, "place").max(initial=0)))
    for code, name in enumerate(names):
        own_legs = np.flatnonzero((services == code) & on_line)
        own_calls = of_calls == (called_by.index(name) if name in called_by else -1)
        key = numbers(calls, "vehicle")[own_calls] * span + numbers(calls, "place")[own_calls]
        began = numbers(legs, "vehicle")[own_legs] * span + numbers(legs, "origin")[own_legs]
        count[own_legs] = np.where(np.isin(began, key), 1, 2)
    return count


def mean_boardings(facts: Facts) -> float:
    """Return boardings per leg with a line, exact, from the counts at the doors."""
    if TRANSIT not in facts.modes:
        return math.nan
    lines = [name for name, service in facts.services.items() if service["mode"] == TRANSIT]
    boarded = sum(int(numbers(facts.of_service("calls", name), "boarded").astype(np.int64).sum()) for name in lines)
    return share(boarded, sum(facts.of_service("legs", name).num_rows for name in lines))


def without_transfer_share(facts: Facts, trips: BoolArray) -> float:
    """Return the share of trips by public transport (main mode) that boarded one vehicle of a line only."""
    if TRANSIT not in facts.modes:
        return math.nan
    boarded = np.bincount(facts.leg_trip, weights=boardings_by_leg(facts), minlength=len(trips))
    of_transit = trips & (facts.main_mode == facts.modes.index(TRANSIT))
    return share(int(np.count_nonzero(of_transit & (boarded <= 1))), int(np.count_nonzero(of_transit)))


def one_mode_share(facts: Facts, trips: BoolArray) -> float:
    """Return the share of trips that used one mode only; a walk to a stop is a mode, one to a parked car is not."""
    return share(int(np.count_nonzero(trips & (facts.rode.sum(axis=1) == 1))), int(np.count_nonzero(trips)))


def active_school_share(facts: Facts, trips: BoolArray, reach_m: float = SCHOOL_REACH_M) -> float:
    """Return the share of ways from home to school of at most some length that were walked or cycled."""
    table = facts.record.tables["trips"]
    codes, names = texts(table, "purpose")
    home = numbers(facts.record.people, "home")[facts.person_row]
    there = trips & (codes == (names.index("school") if "school" in names else -1))
    there &= (numbers(table, "origin") == home) & (facts.distance_m <= reach_m)
    return mode_share(facts, there, ("walk", "bicycle"))


def length_shares(facts: Facts, trips: BoolArray) -> FloatArray:
    """Return the share of trips in each band of BANDS_KM by length travelled, (B,)."""
    km = facts.distance_m[trips] / 1000.0
    counts = np.histogram(km, bins=np.array(BANDS_KM))[0]
    shares: FloatArray = counts / max(len(km), 1)
    return shares


def purpose_shares(facts: Facts, trips: BoolArray) -> dict[str, float]:
    """Return the share of trips of each purpose, ways home with the purpose of their tour, most first."""
    codes, names = texts(facts.record.tables["trips"], "purpose")
    counts = np.bincount(codes[trips], minlength=len(names)) / max(int(trips.sum()), 1)
    return {
        names[code]: float(counts[code]) for code in np.argsort(-counts, kind="stable").tolist() if counts[code] > 0
    }


def tours_per_person(facts: Facts, groups: Collection[str]) -> dict[str, float]:
    """Return tours per person and day of some groups by purpose, trips completed or not."""
    chosen = np.zeros(len(facts.outcome), dtype=np.bool_)
    for group in facts.groups:
        if group.name in groups:
            chosen |= group.trips
    table = facts.record.tables["trips"]
    codes, names = texts(table, "purpose")
    key = pair_keys(facts.person_row[chosen], numbers(table, "tour")[chosen])
    first = np.unique(key, return_index=True)[1]
    counts = np.bincount(codes[chosen][first], minlength=len(names))
    people = people_of(facts, groups)
    return {name: share(int(count), people) for name, count in zip(names, counts, strict=True)}


def travel_time_minutes(facts: Facts, trips: BoolArray) -> float:
    """Return the mean time from door to door of some trips, minutes."""
    return mean(facts.door_to_door_s[trips]) / 60.0


def misses(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that are not met."""
    return [check for check in checks if check.met is False]
