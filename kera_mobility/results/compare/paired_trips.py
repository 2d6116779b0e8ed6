"""One pair of runs, trip by trip: the same trip of the same person on the same day, in both scenarios."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np
import pandas as pd

from kera_mobility.config.figure_ids import people_of
from kera_mobility.results.facts import EVERYONE, Facts
from kera_mobility.results.record import numbers
from kera_mobility.results.runs import RunFolder
from kera_mobility.results.store import load_record
from kera_mobility.units import BoolArray, IntArray

NOT_MADE = "not completed"
"""Stands for a main mode where a trip did not end at its destination."""
NO_TRIP = "no such trip"
"""Stands for a main mode where the other scenario has no such trip."""
MAIN, FEEDER = "main", "feeder"
"""A service carries the longest part of a trip, or takes people to or from what does."""
SAME_TRIP = ["person", "trip", "purpose", "origin", "destination"]
"""What a trip of one run shares with the same trip of the other."""


class RunTrips:
    """One run with its facts, read from its folder and not kept there."""

    def __init__(self, run: RunFolder) -> None:
        self.settings = run.settings
        self.facts = Facts(load_record(run.folder))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table `trips` with, for each, the main mode by name (or NOT_MADE), population and row of its person,
        whether it was completed, seconds from door to door, and what it cost the traveller (fares, running a car)."""
        facts, trips = self.facts, self.facts.record.frame("trips")
        fares = numbers(facts.record.tables["legs"], "fare_eur")
        population = facts.record.people.column("population").to_pandas()
        return trips.assign(
            main_mode=np.array([*facts.modes, NOT_MADE])[facts.main_mode],
            population=population.to_numpy()[facts.person_row],
            person_row=facts.person_row,
            completed=facts.completed,
            door_to_door_s=facts.door_to_door_s,
            fare_eur=np.bincount(facts.leg_trip, weights=fares, minlength=len(trips)),
        )


class DayPair:
    """Two runs of one seed, day and draw."""

    def __init__(self, a: RunTrips, b: RunTrips) -> None:
        self.a, self.b = a, b
        both = a.frame.merge(b.frame, on=SAME_TRIP, suffixes=("_a", "_b"))
        self.both = both.sort_values(["person", "trip"])
        """Trips that both have, between the same places for the same purpose, by person and trip; columns of
        `RunTrips.frame` with `_a` and `_b`."""

    @property
    def shared(self) -> float:
        """Share of B's trips that A has too."""
        return len(self.both) / len(self.b.frame) if len(self.b.frame) else 1.0

    def unmatched(self, people: IntArray) -> BoolArray:
        """Return which of these people, by id, have a trip in one run that the other does not have, (P,)."""
        paired = self.both["person"].value_counts()
        trips = [side.frame["person"].value_counts() for side in (self.a, self.b)]
        alone = [count.index[count > paired.reindex(count.index, fill_value=0)] for count in trips]
        return np.isin(people, np.concatenate(alone))

    @property
    def both_completed(self) -> BoolArray:
        """Which trips were completed in both, (M,)."""
        return (self.both["completed_a"] & self.both["completed_b"]).to_numpy()

    def switched(self) -> dict[str, float]:
        """Return, by population, the share of trips whose main mode is another in B, trips not made being a mode."""
        is_other = self.both["main_mode_a"] != self.both["main_mode_b"]
        parts = is_other.groupby(self.both["population_b"])
        by_population = {people_of(str(name)): float(part.mean()) for name, part in parts}
        shares = {EVERYONE: float(is_other.mean()), **by_population} if len(is_other) else {}
        return {group.name: shares[group.name] for group in self.b.facts.groups if group.name in shares}

    def changes(self) -> dict[tuple[str, str], int]:
        """Return how many trips of everyone had which main mode in A and which in B."""
        modes = zip(self.both["main_mode_a"], self.both["main_mode_b"], strict=True)
        return Counter(modes)

    def new_services(self) -> list[str]:
        """Return the services that only B has, by name."""
        return sorted(set(self.b.facts.services) - set(self.a.facts.services))

    def replaced(self) -> dict[tuple[str, str, str], int]:
        """Return the trips that rode each new service, by (service, role, main mode of the same trip in A).

        A trip that rode two new services counts for each; only trips that were completed in B count.
        """
        counts: dict[tuple[str, str, str], int] = {}
        key = ["person", "trip"]
        trips = self.b.frame.loc[self.b.frame["completed"], [*key, "main_mode"]]
        trips = trips.merge(self.both[[*key, "main_mode_a"]], how="left", on=key).fillna({"main_mode_a": NO_TRIP})
        for service in self.new_services():
            riders = trips.merge(self.b.facts.frame("legs", service)[key].drop_duplicates(), on=key)
            role = np.where(riders["main_mode"] == self.b.facts.services[service]["mode"], MAIN, FEEDER)
            counts.update(Counter((service, *pair) for pair in zip(role.tolist(), riders["main_mode_a"], strict=True)))
        return counts
