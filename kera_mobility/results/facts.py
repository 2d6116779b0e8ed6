"""Views over one run for KPIs and figures: computed when first asked for, kept, independent of the order of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kera_mobility.config.figure_ids import people_of
from kera_mobility.errors import ResultError
from kera_mobility.results.record import RunRecord, numbers, pair_keys, rows_at, texts
from kera_mobility.units import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

    Numbers = FloatArray | pd.Series

WALK = "walk"
TRANSIT = "transit"
MODE_ORDER = (TRANSIT, "shuttle", "on_demand", "car", "scooter", "bicycle", WALK)
"""Order of modes; of two parts of a trip that are equally long the earlier mode here is the main one."""
NOT_COMPLETED = ("unserved", "under_way", "not_started")
"""Outcomes of a trip that did not end at its destination; such a trip has no main mode."""

RESIDENTS = "residents"
EVERYONE = "everyone"

_STEPS = 1024
"""Sums by trip add whole multiples of 1/1024 (s, m): finer than the model's steps, and exact in any order."""
_FINE_STEPS = 2**20
_MOST_STEPS = 2.0**62
"""Sums of whole multiples of 2^-20 below this have room in 64 bits."""
_NO_REASON = "no_journey"
"""Why a trip was unserved if no service refused it live: none could carry it at all."""


@dataclass(frozen=True)
class Group:
    """Some of the people, and their trips."""

    name: str
    suffix: str
    """What follows the id of a KPI: nothing for residents, else `@<name>`."""
    people: int
    trips: BoolArray
    """(T,)"""
    completed: BoolArray
    """(T,) trips that ended at their destination."""


class Facts:
    """What KPIs ask of a run. T trips, L legs, M modes, S services, each in the order of its table or list."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.services: Mapping[str, Mapping[str, Any]] = record.meta["services"]
        self._services_read: dict[str, tuple[IntArray, list[str]]] = {}
        self._frames: dict[tuple[str, str], pd.DataFrame] = {}

    # Trips and people

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Residents, everyone, then the other populations by name; only those that have people."""
        codes, names = texts(self.record.people, "population")
        of_trip = codes[self.person_row]
        populations = [
            self._group(people_of(name), int(np.count_nonzero(codes == code)), of_trip == code)
            for code, name in enumerate(names)
        ]
        everyone = self._group(EVERYONE, len(codes), np.ones(len(of_trip), dtype=np.bool_))
        first = [group for group in populations if group.name == RESIDENTS]
        rest = [group for group in populations if group.name != RESIDENTS]
        return tuple(group for group in (*first, everyone, *rest) if group.people)

    @cached_property
    def person_row(self) -> IntArray:
        """Row in `people` of the person of each trip, (T,)."""
        return self._people_rows(self.record.tables["trips"])

    @cached_property
    def completed(self) -> BoolArray:
        """Which trips ended at their destination, (T,)."""
        return ~np.isin(self.outcome, NOT_COMPLETED)

    @cached_property
    def outcome(self) -> np.ndarray[Any, np.dtype[np.str_]]:
        """Outcome of each trip, (T,)."""
        codes, names = texts(self.record.tables["trips"], "outcome")
        return np.array(names, dtype=np.str_)[codes] if names else np.empty(0, dtype=np.str_)

    @cached_property
    def unserved_reason(self) -> tuple[IntArray, list[str]]:
        """Why each unserved trip was: code (T,) into names, -1 for the others; the last live refusal of the trip."""
        table = self.record.tables["refusals"]
        codes, names = texts(table, "reason")
        order = np.lexsort((numbers(table, "step"), numbers(table, "leg"), numbers(table, "t_s")))
        reason = np.full(len(self.outcome), -1, dtype=np.int64)
        names = [*names, _NO_REASON]
        unserved = self.outcome == "unserved"
        reason[unserved] = len(names) - 1
        last = np.full(len(reason), -1, dtype=np.int64)
        last[self._trip_rows(table)[order]] = codes[order]
        refused = unserved & (last >= 0)
        reason[refused] = last[refused]
        return reason, names

    # Legs and main modes

    @cached_property
    def operated(self) -> frozenset[str]:
        """Services that an operator runs."""
        return frozenset(name for name, service in self.services.items() if service.get("operated", True))

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """Modes of the services of the run, in MODE_ORDER, then others by name; walking always, (M,)."""
        present = {str(service["mode"]) for service in self.services.values()} | {WALK}
        remaining = sorted(present.difference(MODE_ORDER))
        return (*(mode for mode in MODE_ORDER[:-1] if mode in present), *remaining, WALK)

    @cached_property
    def sustainable_modes(self) -> tuple[str, ...]:
        """Modes all of whose services say that they are sustainable."""
        verdicts: dict[str, bool] = {}
        for service in self.services.values():
            mode = str(service["mode"])
            verdicts[mode] = verdicts.get(mode, True) and bool(service["sustainable"])
        return tuple(mode for mode in self.modes if verdicts.get(mode, False))

    @cached_property
    def leg_trip(self) -> IntArray:
        """Row in `trips` of each leg, (L,)."""
        return self._trip_rows(self.record.tables["legs"])

    @cached_property
    def leg_mode(self) -> IntArray:
        """Mode of the service of each leg, index into `modes`, (L,)."""
        codes, names = texts(self.record.tables["legs"], "service")
        unknown = [name for name in names if name not in self.services]
        if unknown:
            raise ResultError(f"legs name the service '{unknown[0]}', which run.json does not know")
        mode_of = [self.modes.index(str(self.services[name]["mode"])) for name in names]
        return np.array(mode_of, dtype=np.int64)[codes]

    @cached_property
    def mode_m(self) -> FloatArray:
        """Metres of each trip by mode, (T, M); all walking, also to a stop or a parked car, is by foot."""
        legs = self.record.tables["legs"]
        by_mode = np.zeros((len(self.outcome), len(self.modes)))
        for mode in range(len(self.modes)):
            by_mode[:, mode] = self._by_trip(np.where(self.leg_mode == mode, numbers(legs, "ride_m"), 0.0))
        by_mode[:, -1] += self._by_trip(numbers(legs, "walk_m"))
        return by_mode

    @cached_property
    def rode(self) -> BoolArray:
        """Which modes each trip used, (T, M)."""
        used = np.zeros((len(self.outcome), len(self.modes)), dtype=np.bool_)
        used[self.leg_trip, self.leg_mode] = True
        used[:, -1] |= self.mode_m[:, -1] > 0
        return used

    @cached_property
    def main_mode(self) -> IntArray:
        """Mode of the longest part of each trip by distance, index into `modes`, (T,); -1 if not completed.

        Source: the definition of the Finnish travel surveys (the mode of the longest part).
        """
        length_m = np.where(self.rode, self.mode_m, -1.0)
        return np.where(self.completed & self.rode.any(axis=1), np.argmax(length_m, axis=1), -1)

    # Times and lengths of trips, (T,)

    @cached_property
    def door_to_door_s(self) -> FloatArray:
        """From setting out to the end of the trip."""
        trips = self.record.tables["trips"]
        duration_s: FloatArray = numbers(trips, "end_s") - numbers(trips, "t_s")
        return duration_s

    @cached_property
    def walk_s(self) -> FloatArray:
        """Walking in all legs."""
        return self._by_trip(numbers(self.record.tables["legs"], "walk_s"))

    @cached_property
    def wait_s(self) -> FloatArray:
        """Waiting in all legs."""
        return self._by_trip(numbers(self.record.tables["legs"], "wait_s"))

    @cached_property
    def distance_m(self) -> FloatArray:
        """Walked and ridden in all legs."""
        total: FloatArray = np.rint(self.mode_m * _STEPS).astype(np.int64).sum(axis=1) / _STEPS
        return total

    # Services

    def of_service(self, kind: str, service: str) -> pa.Table:
        """Return the rows of a kind of event that belong to a service."""
        codes, names = self._service_of(kind)
        code = names.index(service) if service in names else -1
        return rows_at(self.record.table(kind), np.flatnonzero(codes == code))

    def frame(self, kind: str, service: str) -> pd.DataFrame:
        """Return rows of `of_service` as a frame without the service; the same each time: copy before changing it."""
        if (kind, service) not in self._frames:
            self._frames[kind, service] = self.of_service(kind, service).drop_columns("service").to_pandas()
        return self._frames[kind, service]

    def rides(self, service: str) -> pd.DataFrame:
        """Return rows of `ridden` as a pandas frame."""
        legs = self.frame("legs", service)
        return legs[legs["ride_s"] > 0] if service in self.operated else legs

    def ridden(self, service: str) -> pa.Table:
        """Return the legs that were ridden; one that ended in a refusal at the stop is logged, but was no ride."""
        legs = self.of_service("legs", service)
        if service not in self.operated:
            return legs
        return rows_at(legs, np.flatnonzero(numbers(legs, "ride_s") > 0).astype(np.int64))

    def _service_of(self, kind: str) -> tuple[IntArray, list[str]]:
        if kind not in self._services_read:
            self._services_read[kind] = texts(self.record.table(kind), "service")
        return self._services_read[kind]

    # Keys

    def _group(self, name: str, people: int, trips: BoolArray) -> Group:
        return Group(name, "" if name == RESIDENTS else f"@{name}", people, trips, trips & self.completed)

    @cached_property
    def _trip_keys(self) -> tuple[IntArray, IntArray]:
        keys = pair_keys(self.person_row, numbers(self.record.tables["trips"], "trip"))
        order = np.argsort(keys, kind="stable")
        if len(keys) and np.any(np.diff(keys[order]) == 0):
            raise ResultError("table 'trips' names a trip of a person twice")
        return keys[order], order

    def _people_rows(self, table: pa.Table) -> IntArray:
        people = numbers(self.record.people, "person")
        order = np.argsort(people, kind="stable")
        return _rows(people[order], order, numbers(table, "person"), "a person that table 'people' lacks")

    def _trip_rows(self, table: pa.Table) -> IntArray:
        sought = pair_keys(self._people_rows(table), numbers(table, "trip"))
        return _rows(*self._trip_keys, sought, "a trip that table 'trips' lacks")

    def _by_trip(self, values: FloatArray) -> FloatArray:
        steps = np.bincount(self.leg_trip, weights=np.rint(values * _STEPS), minlength=len(self.outcome))
        return steps / _STEPS


def total(values: Numbers) -> float:
    """Return the sum, rounded once and so the same in any order of the values."""
    values = np.asarray(values, dtype=np.float64)
    steps = values * _FINE_STEPS
    if len(steps) and np.all(steps == np.rint(steps)) and float(np.abs(steps).max()) * len(steps) < _MOST_STEPS:
        return int(steps.astype(np.int64).sum()) / _FINE_STEPS  # whole steps, as most are, add exactly and fast
    return math.fsum(values[values != 0].tolist())


def mean(values: Numbers) -> float:
    """Return the mean, the same in any order; NaN if there is none."""
    return total(values) / len(values) if len(values) else math.nan


def quantile(values: Numbers, share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed; NaN if there is none."""
    if not len(values):
        return math.nan
    rank = max(math.ceil(share * len(values)) - 1, 0)
    return float(np.partition(np.asarray(values), rank)[rank])


def share(part: float, base: float) -> float:
    """Return part over base; NaN if the base is 0."""
    return part / base if base else math.nan


def _rows(keys: IntArray, order: IntArray, sought: IntArray, fault: str) -> IntArray:
    """Return where each key sought stands; `keys` are sorted, `order` says which row each came from."""
    if not len(sought):
        return np.empty(0, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
    if not len(keys) or np.any(keys[place] != sought):
        raise ResultError(f"the tables name {fault}")
    return order[place]
