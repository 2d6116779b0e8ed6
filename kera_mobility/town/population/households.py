"""Households: composition, ages, licences and cars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from kera_mobility.config.settings import Settings, Share
from kera_mobility.dice import Dice
from kera_mobility.units import BoolArray, FloatArray, IntArray

PLACE_SLOTS = 100_000
"""Ids of one place: people and households are numbered below this."""
_BANDS = 9
_CHILD_BANDS = 2
_YEARS = 10
_ADULT = 20
_OLDEST_BAND_YEARS = 15
"""Ages in the open band 80+ spread over this many years. Assumption."""
_PARENT_YEARS = 19
"""A child is at least this much younger than the first parent. Assumption."""
_PARTNER_OLDER, _PARTNER_SPAN = 5, 9
"""A partner is up to 5 years younger or 3 older. Assumption."""


class ByAge(Settings):
    """A share that depends on age, in steps."""

    from_age: tuple[Annotated[int, Field(ge=0, le=120)], ...]
    """First age of each step, years, rising; nobody has it who is younger than the first."""
    share: tuple[Share, ...]
    """Share of the people from that age on, 0 to 1."""

    @model_validator(mode="after")
    def _fits(self) -> ByAge:
        if len(self.from_age) != len(self.share) or list(self.from_age) != sorted(set(self.from_age)):
            raise ValueError(f"expected one share for each of rising ages, got {self.from_age} and {self.share}")
        return self

    def at(self, age: NDArray[np.integer]) -> FloatArray:
        """Return the share at each age."""
        table: FloatArray = np.array((0.0, *self.share))
        return table[np.searchsorted(np.array(self.from_age), age, side="right")]


EVERYONE_ALIKE = ByAge(from_age=(0,), share=(1.0,))
"""The whole of something at any age."""


class HouseholdSettings(Settings):
    """Who lives together."""

    couples_of_parents: float = Field(0.80, ge=0, le=1)
    """Share of households with children that have two adults. Assumption; range 0.70 to 0.88."""
    couples_of_others: float = Field(0.45, ge=0, le=1)
    """Share of households without children that are two adults, the rest one. Assumption; range 0.35 to 0.55."""
    children: tuple[Share, Share, Share] = (0.42, 0.41, 0.17)
    """Shares of households with children that have one, two, three. Assumption."""
    parents_by_band: tuple[Share, Share, Share, Share] = (0.05, 0.36, 0.45, 0.14)
    """Shares of parents in their twenties, thirties, forties, fifties. Assumption."""
    child_car_weight: float = Field(0.4, ge=0, le=1)
    """How much a child adds to the cars of a household, against an adult. Assumption; 0.2 to 0.7."""
    car_limit: float = Field(0.95, ge=0.01, le=1)
    """Greatest chance that a licence holder has a car of one's own use. Assumption."""

    @field_validator("children", "parents_by_band")
    @classmethod
    def _a_whole(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if abs(sum(shares) - 1.0) > 0.01:
            raise ValueError(f"expected shares that sum to 1, not to {sum(shares):g}")
        return shares

    @property
    def mean_children(self) -> float:
        """Children in a household with children, on average."""
        first, second, third = self.children
        return (first + 2.0 * second + 3.0 * third) / (first + second + third)


@dataclass(frozen=True)
class Members:
    """Everyone of the households, small children too, in the order of place and slot; arrays (M,)."""

    place: IntArray
    """Row of the place in which the household was asked for."""
    slot: IntArray
    """Number of the person within the place, from 0."""
    household: IntArray
    """Id of the household."""
    age: NDArray[np.int16]
    licence: BoolArray
    main_driver: BoolArray
    household_cars: NDArray[np.int8]


def draw_members(
    settings: HouseholdSettings, numbers: IntArray, persons: IntArray, bands: FloatArray,
    cars_per_1000: FloatArray, licence: ByAge, first_id: int, dice: Dice,
) -> Members:  # fmt: skip
    """Return the first `persons` people of each place.

    Parameters
    ----------
    numbers
        Lasting number of each place, (K,); ids are `first_id + number * PLACE_SLOTS + slot`.
    persons
        How many people of all ages to return, (K,); fewer is the beginning of more, with equal attributes.
    bands
        Residents (or shares) in nine ten-year age bands, (K, 9).
    cars_per_1000
        Cars per 1,000 people of all ages that come out on average, (K,).
    """
    base = first_id + numbers * PLACE_SLOTS
    place = np.repeat(np.arange(len(numbers)), persons)
    order = positions_within(persons)
    household = base[place] + order
    family, adults, children = _composition(settings, _family_share(settings, bands)[place], household, dice)
    size = adults + children
    first_slot = _running_within(size, persons)
    needed = first_slot < persons[place]
    row = np.repeat(np.flatnonzero(needed), size[needed])
    position = positions_within(size[needed])
    slot = first_slot[row] + position
    ident = base[place[row]] + slot
    age = _ages(settings, bands, place, family, adults, household, row, position, ident, dice)
    may_drive = dice.uniform("licence", ident) < licence.at(age)
    cars_each = cars_per_1000 / 1000.0 * _people_per_car_weight(settings, bands)
    expected = cars_each[place] * (adults + settings.child_car_weight * children)
    chance = _car_chance(settings, expected, licence.at(age), row)
    main_driver = may_drive & (dice.uniform("car", ident) < chance[row])
    cars = np.bincount(row[main_driver], minlength=len(household)).astype(np.int8)
    kept = slot < persons[place[row]]
    return Members(
        place=place[row][kept], slot=slot[kept], household=household[row][kept], age=age[kept],
        licence=may_drive[kept], main_driver=main_driver[kept], household_cars=cars[row][kept],
    )  # fmt: skip


def positions_within(counts: IntArray) -> IntArray:
    """Return 0, 1, ... within each group of the given sizes."""
    starts = np.cumsum(counts) - counts
    return np.asarray(np.arange(int(counts.sum())) - np.repeat(starts, counts))


def _running_within(size: IntArray, groups: IntArray) -> IntArray:
    """Return how much of `size` stands before each row within its group."""
    before = np.cumsum(size) - size
    starts = np.cumsum(groups) - groups
    at_start = np.append(before, 0)[np.minimum(starts, len(before))]
    return np.asarray(before - np.repeat(at_start, groups))


def _family_share(settings: HouseholdSettings, bands: FloatArray) -> FloatArray:
    """Return the share of households with children that gives each place its share of under-20s, (K,)."""
    total = np.maximum(np.cumsum(bands, axis=1)[:, -1], 1e-9)
    young = np.minimum((bands[:, 0] + bands[:, 1]) / total, 0.5)
    mean_children = settings.mean_children
    parents, childless = 1.0 + settings.couples_of_parents, 1.0 + settings.couples_of_others
    share = young * childless / (mean_children * (1.0 - young) - young * (parents - childless))
    return np.clip(share, 0.0, 1.0)


def _composition(
    settings: HouseholdSettings, share: FloatArray, household: IntArray, dice: Dice
) -> tuple[BoolArray, IntArray, IntArray]:
    """Return whether each household has children, its adults and its children."""
    family = dice.uniform("family", household) < share
    couple = np.where(family, settings.couples_of_parents, settings.couples_of_others)
    adults = 1 + (dice.uniform("couple", household) < couple).astype(np.int64)
    first, second, third = settings.children
    draw = dice.uniform("children", household) * (first + second + third)
    children = np.where(family, 1 + (draw >= first).astype(np.int64) + (draw >= first + second), 0)
    return family, adults, children


def _adult_ladders(settings: HouseholdSettings, bands: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return climbing shares over the adult bands of parents and of others, each (K, 7)."""
    adult = np.maximum(bands[:, _CHILD_BANDS:], 0.0)
    adult = adult + 1e-9
    adult = adult / np.cumsum(adult, axis=1)[:, -1:]
    parent = np.zeros(_BANDS - _CHILD_BANDS)
    parent[: len(settings.parents_by_band)] = settings.parents_by_band
    share = _family_share(settings, bands)[:, None]
    parents = share * (1.0 + settings.couples_of_parents)
    childless = (1.0 - share) * (1.0 + settings.couples_of_others)
    remaining = np.maximum(adult * (parents + childless) - parents * parent, 1e-9)
    ladder, parent_ladder = np.cumsum(remaining, axis=1), np.cumsum(parent)
    return np.repeat((parent_ladder / parent_ladder[-1])[None, :], len(bands), axis=0), ladder / ladder[:, -1:]


def _ages(
    settings: HouseholdSettings, bands: FloatArray, place: IntArray, family: BoolArray, adults: IntArray,
    household: IntArray, row: IntArray, position: IntArray, ident: IntArray, dice: Dice,
) -> NDArray[np.int16]:  # fmt: skip
    """Return everyone's age: the first adult's from the place, the partner's near it, the children's below it."""
    parents, childless = _adult_ladders(settings, bands)
    ladder = np.where(family[:, None], parents[place], childless[place])
    band = _CHILD_BANDS + (dice.uniform("age band", household)[:, None] >= ladder[:, :-1]).sum(axis=1)
    years = np.where(band == _BANDS - 1, _OLDEST_BAND_YEARS, _YEARS)
    head = band * _YEARS + (dice.uniform("age", household) * years).astype(np.int64)
    draw = dice.uniform("age", ident)
    partner = np.maximum(head[row] + (draw * _PARTNER_SPAN).astype(np.int64) - _PARTNER_OLDER, _ADULT)
    young = np.maximum(bands[:, 0] + bands[:, 1], 1e-9)
    small = dice.uniform("age band", ident) < (bands[:, 0] / young)[place[row]]
    child = (draw * _YEARS).astype(np.int64) + np.where(small, 0, _YEARS)
    child = np.maximum(np.minimum(child, head[row] - _PARENT_YEARS), 0)
    age = np.where(position == 0, head[row], np.where(position < adults[row], partner, child))
    return np.asarray(age.astype(np.int16))


def _people_per_car_weight(settings: HouseholdSettings, bands: FloatArray) -> FloatArray:
    """Return how many people of all ages stand behind one adult's worth of cars on average, (K,)."""
    share = _family_share(settings, bands)
    adults = share * (1.0 + settings.couples_of_parents) + (1.0 - share) * (1.0 + settings.couples_of_others)
    children = share * settings.mean_children
    return np.asarray((adults + children) / (adults + settings.child_car_weight * children))


def _car_chance(
    settings: HouseholdSettings, expected_cars: FloatArray, licence_share: FloatArray, row: IntArray
) -> FloatArray:
    """Return the chance of a car for each licence holder of each household, (H,), for its cars to come out as expected.

    `licence_share` and `row` (of the household) are by member.
    """
    holders = np.maximum(np.bincount(row, weights=licence_share, minlength=len(expected_cars)), 1e-9)
    return np.asarray(np.minimum(expected_cars / holders, settings.car_limit))
