"""One pair of runs, trip by trip: the same trip of the same person on the same day, in both scenarios."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kera_mobility.results.compare.pairing import RunOf
from kera_mobility.results.facts import EVERYONE, RESIDENTS, Facts
from kera_mobility.results.record import numbers, texts
from kera_mobility.results.store import load_record
from kera_mobility.units import BoolArray, FloatArray, IntArray

NOT_MADE = "not completed"
"""Stands for a main mode where a trip did not end at its destination."""
NO_TRIP = "no such trip"
"""Stands for a main mode where the other scenario has no such trip."""
MAIN, FEEDER = "main", "feeder"
"""A service carries the longest part of a trip, or takes people to or from what does."""

_TRIPS_PER_PERSON = 2**15

Words = NDArray[np.str_]


@dataclass(frozen=True)
class RunTrips:
    """One run with its facts."""

    run: RunOf
    facts: Facts

    @classmethod
    def read(cls, run: RunOf) -> RunTrips:
        """Return a run with its events, read from its folder."""
        return cls(run, Facts(load_record(run.folder)))

    @cached_property
    def key(self) -> IntArray:
        """Person and trip in one number, (T,)."""
        trips = self.facts.record.tables["trips"]
        key: IntArray = numbers(trips, "person") * _TRIPS_PER_PERSON + numbers(trips, "trip")
        return key

    @cached_property
    def main_mode(self) -> Words:
        """Name of the main mode of each trip, or NOT_MADE, (T,)."""
        return np.array([*self.facts.modes, NOT_MADE])[self.facts.main_mode]

    @cached_property
    def purpose(self) -> Words:
        """Purpose of the tour of each trip, (T,)."""
        return self._words("trips", "purpose")

    @cached_property
    def leg_service(self) -> Words:
        """Service of each leg, (L,)."""
        return self._words("legs", "service")

    @cached_property
    def trip_fare_eur(self) -> FloatArray:
        """What each trip cost the traveller, fares and running a car, (T,)."""
        fare = numbers(self.facts.record.tables["legs"], "fare_eur")
        of_trip: FloatArray = np.bincount(self.facts.leg_trip, weights=fare, minlength=len(self.key)).astype(np.float64)
        return of_trip

    @cached_property
    def population(self) -> Words:
        """Population of the person of each trip, (T,)."""
        codes, names = texts(self.facts.record.people, "population")
        return np.array(names, dtype=np.str_)[codes][self.facts.person_row]

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of numbers of the trips, (T,)."""
        return numbers(self.facts.record.tables["trips"], name)

    def _words(self, table: str, name: str) -> Words:
        codes, names = texts(self.facts.record.tables[table], name)
        return np.array(names, dtype=np.str_)[codes] if names else np.empty(0, dtype=np.str_)


class DayPair:
    """Two runs of one seed, day and draw; M trips that both have, between the same places for the same purpose."""

    def __init__(self, a: RunTrips, b: RunTrips) -> None:
        self.a, self.b = a, b
        _, in_a, in_b = np.intersect1d(a.key, b.key, assume_unique=True, return_indices=True)
        same = a.purpose[in_a] == b.purpose[in_b]
        for end in ("origin", "destination"):
            same &= a.column(end)[in_a] == b.column(end)[in_b]
        self.in_a: IntArray = in_a[same]
        """Rows of the trips of A, (M,)."""
        self.in_b: IntArray = in_b[same]
        """Rows of the same trips in B, (M,)."""

    @property
    def shared(self) -> float:
        """Share of B's trips that A has too."""
        return len(self.in_b) / len(self.b.key) if len(self.b.key) else 1.0

    def strangers(self, people: IntArray) -> BoolArray:
        """Return which of these people, by id, want a trip in one run that the other does not have, (P,)."""
        alone_a, alone_b = (np.ones(len(side.key), dtype=np.bool_) for side in (self.a, self.b))
        alone_a[self.in_a], alone_b[self.in_b] = False, False
        ids = [side.column("person")[alone] for side, alone in ((self.a, alone_a), (self.b, alone_b))]
        return np.isin(people, np.concatenate(ids))

    @cached_property
    def both_completed(self) -> BoolArray:
        """Which trips were completed in both, (M,)."""
        return self.a.facts.completed[self.in_a] & self.b.facts.completed[self.in_b]

    @cached_property
    def mode_in_a(self) -> Words:
        """Main mode in A of every trip of B, (T of B,)."""
        found = np.full(len(self.b.key), NO_TRIP, dtype=f"<U{_longest(self.a.main_mode)}")
        found[self.in_b] = self.a.main_mode[self.in_a]
        return found

    def group(self, population: str) -> BoolArray:
        """Return which trips belong to a population such as `residents`, or to `everyone`, (M,)."""
        if population == EVERYONE:
            return np.ones(len(self.in_b), dtype=np.bool_)
        mine: BoolArray = self.b.population[self.in_b] == population.removesuffix("s")
        return mine

    def populations(self) -> tuple[str, ...]:
        """Return the groups whose KPIs there are, residents first."""
        return tuple(group.name for group in self.b.facts.groups)

    def switched(self) -> dict[str, float]:
        """Return, by population, the share of trips whose main mode is another in B, trips not made being a mode."""
        other = self.a.main_mode[self.in_a] != self.b.main_mode[self.in_b]
        found = {}
        for population in self.populations():
            mine = self.group(population)
            if mine.any():
                found[population] = float(np.count_nonzero(other & mine) / np.count_nonzero(mine))
        return found

    def changes(self, population: str = RESIDENTS) -> dict[tuple[str, str], int]:
        """Return how many trips had which main mode in A and which in B."""
        mine = self.group(population)
        pairs = zip(self.a.main_mode[self.in_a][mine].tolist(), self.b.main_mode[self.in_b][mine].tolist(), strict=True)
        return _counted(pairs)

    def new_services(self) -> list[str]:
        """Return the services that only B has, by name."""
        return sorted(set(self.b.facts.services) - set(self.a.facts.services))

    def replaced(self) -> dict[tuple[str, str, str], int]:
        """Return the trips that rode each new service, by (service, role, main mode of the same trip in A).

        A trip that rode two new services counts for each; only trips that were completed in B count.
        """
        found: dict[tuple[str, str, str], int] = {}
        legs, completed = self.b.facts.leg_trip, self.b.facts.completed
        for service in self.new_services():
            trips = np.unique(legs[self.b.leg_service == service])
            trips = trips[completed[trips]]
            mode = str(self.b.facts.services[service]["mode"])
            role = np.where(self.b.main_mode[trips] == mode, MAIN, FEEDER)
            counts = _counted(zip(role.tolist(), self.mode_in_a[trips].tolist(), strict=True))
            found |= {(service, *key): count for key, count in counts.items()}
        return found


def _longest(words: Words) -> int:
    return max(int(words.dtype.itemsize) // 4, len(NO_TRIP), len(NOT_MADE))


def _counted(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for pair in pairs:
        found[pair] = found.get(pair, 0) + 1
    return found
