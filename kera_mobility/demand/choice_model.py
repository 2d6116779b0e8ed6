"""How people choose: a nested logit whose errors are addressed, as pure functions over arrays.

docs/explanation/model.md, section Choice, has the equations; HELMET 5 (HSL, EUPL-1.2) the sensitivities.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import Field

from kera_mobility.config.settings import Settings, Utils
from kera_mobility.dice import Dice
from kera_mobility.services.contract import Offer, Offers
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.units import MINUTE_S, UTILITY_STEPS, FloatArray, IntArray, quantise_utility

TIME_CLASSES: Final = ("walk", "bicycle", "car", "transit")
IMPOSSIBLE: Final = int(np.iinfo(np.int64).min)
"""The utility of what cannot be done."""


class Coefficients(Settings):
    """Sensitivities of one purpose, utils: one-way values, `2 beta` of HELMET 5, since the destination is given."""

    walk_per_min: float = Field(le=0, ge=-1)
    """Utils per minute on foot (walking alone)."""
    bicycle_per_min: float = Field(le=0, ge=-1)
    """Utils per minute on a bicycle; also used for scooters (assumption)."""
    car_per_min: float = Field(le=0, ge=-1)
    """Utils per minute in a car."""
    transit_per_min: float = Field(le=0, ge=-1)
    """Utils per weighted minute on a journey by public transport."""
    per_eur: float = Field(le=0, ge=-5)
    """Utils per euro, one way, 2023 prices."""
    car_user: float = Field(0.0, ge=0, le=5)
    """Added to driving for main drivers, utils (HELMET 5, car_user_dummy)."""
    walk: Utils = 0.0
    """Liking of walking against driving on such tours, utils (HELMET 5, asc); added to the constant of the service."""
    bicycle: Utils = 0.0
    """Of whatever takes the time of a bicycle, scooters too, utils (HELMET 5, asc; scooters: assumption)."""
    transit: Utils = 0.0
    """Of public transport, utils (HELMET 5, asc); shuttles and rides on demand have it too: assumption."""


class Sensitivities(Settings):
    """The coefficients of every purpose of a home-based tour."""

    work: Coefficients
    school: Coefficients
    """Ages 7 to 15."""
    study: Coefficients
    shopping: Coefficients
    other: Coefficients


class ChoiceSettings(Settings):
    """The choice model. Shipped constants are fitted (docs/explanation/calibration.md).

    Those of new services are assumptions.
    """

    nest_parameter: float = Field(0.4, ge=0.05, le=1)
    """Dissimilarity l of every nest. Assumption; 1 is the plain multinomial logit."""
    wait_weight: float = Field(1.5, ge=0, le=5)
    """A minute of waiting in minutes of riding. Source: HELMET 5 assignment (pt.wait.perception_factor)."""
    walk_weight: float = Field(1.75, ge=0, le=5)
    """A minute of walking to or from a service in minutes of riding. Source: HELMET 5 (pt.walk.perception_factor)."""
    walk_as_mode: bool = False
    """Whether a minute on foot costs what walking costs as a mode, wherever it is walked; else `walk_weight` minutes of
    the service. HELMET 5 has one coefficient of walking for a mode; its weight belongs to the search for a path."""
    taste_distance_m: float = Field(0.0, ge=0, le=100_000)
    """Straight distance at which errors have their full size, m; they grow with its root, as the spread of what nobody
    measured along the way does. 0: the same for every trip. Assumption."""
    taste_least: float = Field(0.3, ge=0, le=1)
    """Share of their full size that errors have at least. Assumption."""
    schedule_delay_weight: float = Field(0.75, ge=0, le=5)
    """A minute spent before leaving because the vehicle goes later, in minutes of riding. Derived: with it a line every
    15 min costs what HELMET 5 gives to a first wait of 0.3 headways (pt.wait.first_headway_fraction)."""
    coefficients: Sensitivities
    """By purpose, utils per minute and per euro."""
    constants: dict[str, Utils] = Field(default_factory=dict)
    """Utils by service name, when it carries the main part of a journey, else 0. Fitted, or an assumption."""
    feeder_constants: dict[str, Utils] = Field(default_factory=dict)
    """Utils added by service name when it feeds a line; 0 where none is given. Assumption: set by hand."""


class ChoiceModel:
    """The choice model of one scenario, its coefficients as arrays by purpose."""

    def __init__(self, settings: ChoiceSettings) -> None:
        self.settings = settings
        rows: list[Coefficients] = [getattr(settings.coefficients, purpose) for purpose in PURPOSES]
        self._time = {
            name: np.array([getattr(row, f"{name}_per_min") for row in rows], dtype=np.float64) for name in TIME_CLASSES
        }
        self._cost = np.array([row.per_eur for row in rows], dtype=np.float64)
        self.car_user = np.array([row.car_user for row in rows], dtype=np.float64)
        self.constant_of_class = {
            name: np.array([getattr(row, name, 0.0) for row in rows], dtype=np.float64) for name in TIME_CLASSES
        }
        """Utils by purpose, by what class of time the main service takes; driving is what others are held against."""

    def leg_utility(
        self, purpose: IntArray, time_class: str, offers: Offers, *, on_foot: bool = False, leaves_later: bool = False
    ) -> IntArray:
        """Return the quantised utility of one leg for each trip, (T,).

        Parameters
        ----------
        on_foot
            Walking is the mode itself, not the way to one.
        leaves_later
            The spare part of the wait is spent before leaving.
        """
        settings = self.settings
        walk_weight = 1.0 if on_foot else 0.0 if settings.walk_as_mode else settings.walk_weight
        spare_s = offers.spare_s if leaves_later else 0.0 * offers.spare_s
        felt_s = offers.ride_s + settings.wait_weight * (offers.wait_s - spare_s) + walk_weight * offers.walk_s
        felt_s = felt_s + settings.schedule_delay_weight * spare_s + offers.penalty_s
        utility = self._time[time_class][purpose] * (felt_s / MINUTE_S) + self._cost[purpose] * offers.fare_eur
        if settings.walk_as_mode and not on_foot:
            utility = utility + self._time["walk"][purpose] * (offers.walk_s / MINUTE_S)
        return quantise_utility(utility)

    def in_eur(self, purpose: IntArray, utility: IntArray) -> FloatArray:
        """Return utilities in euros, (T,): over minus the cost coefficient of the purpose.

        NaN for what is impossible, and where money has no weight.
        """
        priced = (utility != IMPOSSIBLE) & (self._cost[purpose] < 0)
        per_eur = np.where(priced, -self._cost[purpose], 1.0)
        return np.where(priced, np.where(priced, utility, 0) / UTILITY_STEPS / per_eur, np.nan)

    def utility_of_offer(self, purpose: int, time_class: str, offer: Offer, *, leaves_later: bool = False) -> int:
        """Return what `leg_utility` returns, for one live offer."""
        settings = self.settings
        spare_s = offer.spare_s if leaves_later else 0.0
        walk_weight = 0.0 if settings.walk_as_mode else settings.walk_weight
        felt_s = offer.ride_s + settings.wait_weight * (offer.wait_s - spare_s) + walk_weight * offer.walk_s
        felt_s = felt_s + settings.schedule_delay_weight * spare_s + offer.penalty_s
        per_min, per_eur = float(self._time[time_class][purpose]), float(self._cost[purpose])
        utility = per_min * (felt_s / MINUTE_S) + per_eur * offer.fare_eur
        if settings.walk_as_mode:
            utility = utility + float(self._time["walk"][purpose]) * (offer.walk_s / MINUTE_S)
        return round(utility * UTILITY_STEPS)

    def taste_scale(self, distance_m: FloatArray) -> FloatArray:
        """Return the size of errors on trips of some straight length, (T,): 1 for the longest."""
        settings = self.settings
        if not settings.taste_distance_m:
            return np.ones(len(distance_m))
        return np.clip(np.sqrt(distance_m / settings.taste_distance_m), settings.taste_least, 1.0)

    def nest_errors(self, dice: Dice, nest: str, person: IntArray, tour: IntArray) -> FloatArray:
        """Return l ln S(person, tour, nest), (T,): what all alternatives of a nest share on a tour."""
        index, of_nest = self.settings.nest_parameter, dice.at("choice", "nest", nest)
        if len(person) == 1:  # a trip is replanned: a scalar draw is the same and ten times as fast
            return np.array([index * of_nest.log_stable(index, int(person[0]), int(tour[0]))])
        return index * of_nest.log_stable(index, person, tour)

    def chain_errors(self, dice: Dice, chain: str, person: IntArray, trip: IntArray) -> FloatArray:
        """Return l gumbel(person, trip, chain), (T,): what an alternative has of its own."""
        index, of_chain = self.settings.nest_parameter, dice.at("choice", "chain", chain)
        if len(person) == 1:
            return np.array([index * of_chain.gumbel(int(person[0]), int(trip[0]))])
        return index * of_chain.gumbel(person, trip)


def best(utilities: IntArray) -> IntArray:
    """Return the column of the highest utility in each row, (T,); the first of equals."""
    column: IntArray = np.argmax(utilities, axis=1).astype(np.int64)
    return column


def choose_for_tours(tour_of_trip: IntArray, free: IntArray, private: IntArray) -> IntArray:
    """Return what each tour takes: 0 to choose trip by trip, or 1 + the column of a private vehicle, per tour.

    A tour takes its vehicle on all of its trips or on none. Utilities are per trip and scaled as round trips, so
    a tour weighs their sums; sums of quantised utilities are exact.

    Parameters
    ----------
    tour_of_trip
        Number of the tour of each trip, (T,), not decreasing, without gaps.
    free
        Best expected utility of each trip without a private vehicle, (T,).
    private
        Utility of each trip with each private vehicle, (T, K).
    """
    starts = np.flatnonzero(np.r_[True, tour_of_trip[1:] != tour_of_trip[:-1]])
    columns = np.column_stack([free, private])
    impossible = np.logical_or.reduceat(columns == IMPOSSIBLE, starts, axis=0)
    sums = np.add.reduceat(np.where(columns == IMPOSSIBLE, 0, columns), starts, axis=0)
    return best(np.where(impossible, IMPOSSIBLE, sums))
