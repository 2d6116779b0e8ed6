"""What travellers gain: consumer surplus person by person, expected before the day and realised on it.

Three measures, none of them income-weighted, since there is no income in the data:

- *ex ante*: the best utility each trip could expect, the person's own errors included, over the cost coefficient of its
  purpose. Its mean over people is the nested logsum over the cost coefficient.
- *realised utility*: the same with what was really chosen, for trips completed in both runs without a new plan.
- *time and money*: door-to-door time at the unit value of time, and money paid, of trips completed in both runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from kera_mobility.geometry import distance_m
from kera_mobility.results.compare.paired_trips import DayPair, RunTrips
from kera_mobility.results.compare.quantity import About, Figure
from kera_mobility.results.compare.values import Values
from kera_mobility.results.facts import EVERYONE, RESIDENTS, total
from kera_mobility.results.record import numbers, texts
from kera_mobility.units import HOUR_S, UTILITY_STEPS, BoolArray, FloatArray, IntArray

EXPECTED_COLUMN = "expected_utility_eur"
"""Column of `people`: the day's expected utility in euros, of which only differences mean anything."""
MEASURES = {
    "ex_ante": "Consumer surplus that people could expect before the day: expected maximum utility over the cost "
    "coefficient, person by person with the same errors",
    "realised_utility": "Utility of the journeys that were chosen over the cost coefficient, of trips completed in "
    "both runs without a new plan",
    "time_and_money": "Door-to-door time saved, at the unit value of time of the mode in A, and money saved, of trips "
    "completed in both runs",
}
UNIT = "EUR per person and day"


class Benefit:
    """The gains of one pair of runs; P people whom both runs have."""

    def __init__(self, day: DayPair, values: Values) -> None:
        self._day, self._values = day, values
        ids_a, ids_b = (numbers(side.facts.record.people, "person") for side in (day.a, day.b))
        _, self._row_a, self._row_b = np.intersect1d(ids_a, ids_b, assume_unique=True, return_indices=True)
        self._people = day.b.facts.record.people

    def figures(self) -> Iterator[Figure]:
        """Yield the mean gain of each group of people by each measure that the runs allow."""
        groups = self._groups()
        for measure, gain in self.gains.items():
            known = np.isfinite(gain)
            for suffix, population, words, mask in groups:
                count = int(np.count_nonzero(mask & known))
                if count:
                    about = About(f"benefit.{measure}{suffix}", "benefit", UNIT, population, MEASURES[measure] + words)
                    yield Figure(about, None, total(gain[mask & known]) / count)
        left_out = About(
            "benefit.left_out", "benefit", "share of trips", EVERYONE,
            "Trips that realised utility cannot value: not completed in one of the runs, or planned anew on the way.",
        )  # fmt: skip
        if "realised_utility" in self.gains and len(self._comparable):
            yield Figure(left_out, None, 1.0 - float(np.count_nonzero(self._comparable)) / len(self._comparable))

    def total_eur(self) -> tuple[str, float] | None:
        """Return everyone's gain in a day, ex ante if the runs have it, else realised; and which it is."""
        for measure in ("ex_ante", "realised_utility"):
            if measure in self.gains:
                gain = self.gains[measure]
                return measure, total(gain[np.isfinite(gain)])
        return None

    @cached_property
    def gains(self) -> dict[str, FloatArray]:
        """EUR of each person in the day by measure, (P,); NaN where it cannot be told."""
        found: dict[str, FloatArray] = {}
        if self.same_tastes:
            columns = [side.facts.record.people for side in (self._day.a, self._day.b)]
            if all(EXPECTED_COLUMN in table.column_names for table in columns):
                before, after = (numbers(table, EXPECTED_COLUMN) for table in columns)
                gain = after[self._row_b] - before[self._row_a]
                ids = numbers(self._people, "person")[self._row_b]
                found["ex_ante"] = np.where(self._day.strangers(ids), np.nan, gain)
            found["realised_utility"] = self._by_person(self._realised_eur())
        found["time_and_money"] = self._by_person(self._time_and_money_eur())
        return found

    @cached_property
    def same_tastes(self) -> bool:
        """Whether both runs weigh time and money alike; otherwise their utilities cannot be compared."""
        first, second = (side.run.scenario.get("choice") or {} for side in (self._day.a, self._day.b))
        names = ("coefficients", "nest_parameter", "wait_weight", "walk_weight")
        return bool(first) and all(first.get(name) == second.get(name) for name in names)

    @cached_property
    def _comparable(self) -> BoolArray:
        day = self._day
        calm = (day.a.column("replans")[day.in_a] == 0) & (day.b.column("replans")[day.in_b] == 0)
        both: BoolArray = day.both_completed & calm
        return both

    def _realised_eur(self) -> FloatArray:
        day = self._day
        steps = day.b.column("utility")[day.in_b] - day.a.column("utility")[day.in_a]
        per_eur = self._per_eur(day.b)[day.in_b]
        usable = self._comparable & (per_eur < 0)
        gain: FloatArray = np.where(usable, steps / UTILITY_STEPS / np.where(usable, -per_eur, 1.0), 0.0)
        return gain

    def _time_and_money_eur(self) -> FloatArray:
        day = self._day
        saved_s = day.a.facts.door_to_door_s[day.in_a] - day.b.facts.door_to_door_s[day.in_b]
        saved_eur = day.a.trip_fare_eur[day.in_a] - day.b.trip_fare_eur[day.in_b]
        mode, purpose = day.a.main_mode[day.in_a], day.a.purpose[day.in_a]
        per_h = np.zeros(len(mode))
        for one in np.unique(mode).tolist():
            for why in np.unique(purpose).tolist():
                per_h[(mode == one) & (purpose == why)] = self._values.time_eur_per_h(one, why)
        gain: FloatArray = np.where(day.both_completed, saved_s / HOUR_S * per_h + saved_eur, 0.0)
        return gain

    def _per_eur(self, side: RunTrips) -> FloatArray:
        coefficients: Mapping[str, Any] = (side.run.scenario.get("choice") or {}).get("coefficients") or {}
        per_eur = np.zeros(len(side.key))
        for purpose, one in coefficients.items():
            per_eur[side.purpose == purpose] = float(one.get("per_eur", 0.0))
        return per_eur

    def _by_person(self, gain: FloatArray) -> FloatArray:
        rows = self._day.b.facts.person_row[self._day.in_b]
        of_person: FloatArray = np.bincount(rows, weights=gain, minlength=self._people.num_rows).astype(np.float64)
        return of_person[self._row_b]

    def _groups(self) -> list[tuple[str, str, str, BoolArray]]:
        """Return (what follows the id, population, words, who) of each group, (P,)."""
        codes, names = texts(self._people, "population")
        population = np.array(names, dtype=np.str_)[codes][self._row_b]
        residents = population == RESIDENTS.removesuffix("s")
        found = [("", RESIDENTS, ".", residents), ("@everyone", EVERYONE, ".", np.ones(len(population), dtype=bool))]
        for name in names:
            if f"{name}s" != RESIDENTS:
                found.append((f"@{name}s", f"{name}s", ".", population == name))
        for suffix, words, mask in (*self._ages(), *self._cars(), *self._homes()):
            found.append((f".{suffix}", RESIDENTS, f"; residents {words}.", residents & mask))
        return found

    def _ages(self) -> Iterator[tuple[str, str, BoolArray]]:
        age = numbers(self._people, "age")[self._row_b]
        begins = sorted(self._values.age_from)
        for begin, end in zip(begins, [*begins[1:], None], strict=True):
            if end is None:
                yield f"age_{begin}_up", f"aged {begin} and over", age >= begin
            else:
                yield f"age_{begin}_{end - 1}", f"aged {begin} to {end - 1}", (age >= begin) & (age < end)

    def _cars(self) -> Iterator[tuple[str, str, BoolArray]]:
        driver = numbers(self._people, "main_driver")[self._row_b]
        cars = numbers(self._people, "household_cars")[self._row_b] > 0
        yield "car_own", "with a car of their own use", driver
        yield "car_shared", "whose household has a car that others mainly drive", cars & ~driver
        yield "car_none", "whose household has no car", ~cars & ~driver

    def _homes(self) -> Iterator[tuple[str, str, BoolArray]]:
        """Yield distance bands around the centre of the area, where the run names one."""
        centre = self._day.b.facts.record.area.get("centre")
        if not isinstance(centre, Mapping):
            return
        away_m = self._home_to_m(float(centre["lon"]), float(centre["lat"]))
        name, begin = str(centre.get("name") or "the centre"), 0
        for end in sorted(self._values.home_bands_m):
            words = f"who live {begin} to {end} m from {name}"
            yield f"home_{begin}_{end}_m", words, (away_m >= begin) & (away_m < end)
            begin = end
        yield f"home_{begin}_m_up", f"who live {begin} m and more from {name}", away_m >= begin

    def _home_to_m(self, lon: float, lat: float) -> FloatArray:
        places = self._day.b.facts.record.places
        node = numbers(places, "node")
        order: IntArray = np.argsort(node, kind="stable")
        home = numbers(self._people, "home")[self._row_b]
        row = order[np.minimum(np.searchsorted(node[order], home), len(node) - 1)]
        return distance_m(np.column_stack([numbers(places, "lon")[row], numbers(places, "lat")[row]]), (lon, lat))
