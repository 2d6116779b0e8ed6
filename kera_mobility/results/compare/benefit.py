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
from itertools import pairwise
from typing import Any

import numpy as np

from kera_mobility.config.figure_ids import people_of
from kera_mobility.geometry import distance_m
from kera_mobility.results.compare.paired_trips import DayPair
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.compare.values import Values
from kera_mobility.results.facts import EVERYONE, RESIDENTS, total
from kera_mobility.units import HOUR_S, UTILITY_STEPS, BoolArray, FloatArray

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
    """The gains of one pair of runs; P people whom both runs have, by id."""

    def __init__(self, day: DayPair, values: Values) -> None:
        self._day, self._values = day, values
        before, after = (side.facts.record.frame("people") for side in (day.a, day.b))
        after = after.assign(row=np.arange(len(after)))
        self._people = after.merge(before, on="person", suffixes=("", "_a")).sort_values("person")
        """People as they are in B, with their `row` there; columns of A end with `_a`, (P,)."""

    def quantities(self) -> Iterator[Quantity]:
        """Yield the mean gain of each group of people by each measure that the runs allow."""
        groups = list(self._groups())
        for measure, gain in self.gains.items():
            for suffix, population, words, members in groups:
                gains = gain[members & np.isfinite(gain)]
                if len(gains):
                    about = About(
                        f"consumer_surplus.{measure}{suffix}", "benefit", UNIT, population, MEASURES[measure] + words
                    )
                    yield Quantity(about, None, total(gains) / len(gains))
        left_out = About(
            "consumer_surplus.left_out", "benefit", "share of trips", EVERYONE,
            "Trips that realised utility cannot value: not completed in one of the runs, or planned anew on the way.",
        )  # fmt: skip
        if "realised_utility" in self.gains and len(self._comparable):
            yield Quantity(left_out, None, 1.0 - float(np.count_nonzero(self._comparable)) / len(self._comparable))

    def total_eur(self) -> tuple[str, float] | None:
        """Return everyone's gain in a day, ex ante if the runs have it, else realised; and which it is."""
        for measure in ("ex_ante", "realised_utility"):
            if measure in self.gains:
                gain = self.gains[measure]
                return measure, total(gain[np.isfinite(gain)])
        return None

    @cached_property
    def gains(self) -> dict[str, FloatArray]:
        """EUR of each person in the day by measure, (P,); NaN where it is not known."""
        gains: dict[str, FloatArray] = {}
        if self.same_tastes:
            people = self._people
            if f"{EXPECTED_COLUMN}_a" in people:
                gain = (people[EXPECTED_COLUMN] - people[f"{EXPECTED_COLUMN}_a"]).to_numpy()
                gains["ex_ante"] = np.where(self._day.unmatched(people["person"].to_numpy()), np.nan, gain)
            gains["realised_utility"] = self._by_person(self._realised_eur())
        gains["time_and_money"] = self._by_person(self._time_and_money_eur())
        return gains

    @cached_property
    def same_tastes(self) -> bool:
        """Whether both runs weigh time and money alike; otherwise their utilities cannot be compared."""
        choice_a, choice_b = (side.settings.get("choice") or {} for side in (self._day.a, self._day.b))
        names = ("coefficients", "nest_parameter", "wait_weight", "walk_weight")
        return bool(choice_a) and all(choice_a.get(name) == choice_b.get(name) for name in names)

    @cached_property
    def _comparable(self) -> BoolArray:
        trips = self._day.both
        as_planned: BoolArray = ((trips["replans_a"] == 0) & (trips["replans_b"] == 0)).to_numpy()
        return self._day.both_completed & as_planned

    def _realised_eur(self) -> FloatArray:
        trips = self._day.both
        coefficients: Mapping[str, Any] = (self._day.b.settings.get("choice") or {}).get("coefficients") or {}
        per_eur = {purpose: float(parameters.get("per_eur", 0.0)) for purpose, parameters in coefficients.items()}
        utility_per_eur = np.array([-per_eur.get(purpose, 0.0) for purpose in trips["purpose"]])
        is_usable = self._comparable & (utility_per_eur > 0)
        gained = (trips["utility_b"] - trips["utility_a"]).to_numpy() / UTILITY_STEPS
        return np.where(is_usable, gained / np.where(is_usable, utility_per_eur, 1.0), 0.0)

    def _time_and_money_eur(self) -> FloatArray:
        trips, values = self._day.both, self._values
        saved_s = (trips["door_to_door_s_a"] - trips["door_to_door_s_b"]).to_numpy()
        saved_eur = (trips["fare_eur_a"] - trips["fare_eur_b"]).to_numpy()
        modes_and_purposes = zip(trips["main_mode_a"], trips["purpose"], strict=True)
        per_h = np.array([values.time_eur_per_h(mode, purpose) for mode, purpose in modes_and_purposes])
        return np.where(self._day.both_completed, saved_s / HOUR_S * per_h + saved_eur, 0.0)

    def _by_person(self, gain: FloatArray) -> FloatArray:
        people = self._day.b.facts.record.people.num_rows
        of_row = np.bincount(self._day.both["person_row_b"], weights=gain, minlength=people).astype(np.float64)
        return np.asarray(of_row[self._people["row"].to_numpy()])

    def _groups(self) -> Iterator[tuple[str, str, str, BoolArray]]:
        """Yield (what follows the id, population, words, members) of each group, members (P,)."""
        population = self._people["population"].map(people_of)
        residents = (population == RESIDENTS).to_numpy()
        everyone = np.ones(len(population), dtype=np.bool_)
        base, members_of_base = (RESIDENTS, residents) if residents.any() else (EVERYONE, everyone)
        yield "", base, ".", members_of_base
        yield f"@{EVERYONE}", EVERYONE, ".", everyone
        for name in sorted(set(population) - {RESIDENTS}):
            yield f"@{name}", name, ".", (population == name).to_numpy()
        for suffix, words, members in (*self._ages(), *self._cars(), *self._homes()):
            yield f".{suffix}", base, f"; {base} {words}.", members_of_base & members

    def _ages(self) -> Iterator[tuple[str, str, BoolArray]]:
        age, begins = self._people["age"].to_numpy(), sorted(self._values.age_from)
        for begin, end in pairwise(begins):
            yield f"age_{begin}_{end - 1}", f"aged {begin} to {end - 1}", (age >= begin) & (age < end)
        yield f"age_{begins[-1]}_up", f"aged {begins[-1]} and over", age >= begins[-1]

    def _cars(self) -> Iterator[tuple[str, str, BoolArray]]:
        is_driver, has_car = self._people["main_driver"].to_numpy(), self._people["household_cars"].to_numpy() > 0
        yield "car_own", "with a car of their own use", is_driver
        yield "car_shared", "whose household has a car that others mainly drive", has_car & ~is_driver
        yield "car_none", "whose household has no car", ~has_car & ~is_driver

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
        places = self._day.b.facts.record.frame("places").drop_duplicates("node").set_index("node")
        return distance_m(places.loc[self._people["home"], ["lon", "lat"]].to_numpy(), (lon, lat))
