"""Where a crew brings vehicles, and from where: decisions by day, pure functions found by their `kind`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from kera_mobility.config.registry import Policy
from kera_mobility.config.settings import Settings
from kera_mobility.kernels import exact
from kera_mobility.units import HOUR_S, FloatArray, IntArray


@dataclass(frozen=True)
class Stock:
    """What is known of the places of a fleet when a tour is planned; K places."""

    standing: IntArray
    """Vehicles that can be rented there, and those that a van is bringing, (K,)."""
    target: IntArray
    """Vehicles that stood there on the first morning, (K,)."""
    room: IntArray
    """How many more may be put there, (K,)."""
    expected_requests: FloatArray
    """Requests expected there in each hour of the day, (K, hours)."""
    now_s: float
    """Seconds from midnight."""


class RebalancingPolicy(Policy):
    """A decision of the day; found by its `kind`."""

    @abstractmethod
    def changes(self, stock: Stock) -> IntArray:
        """Return how many vehicles to bring to each place, negative where some are taken, (K,); they sum to zero."""


class NoMovesSettings(Settings):
    """Settings of a crew that moves nothing."""

    kind: Literal["none"] = "none"


class NoMoves(RebalancingPolicy):
    """Vehicles stay where people leave them; a crew may still swap batteries and collect what is broken."""

    kind = "none"
    settings_type = NoMovesSettings

    def changes(self, stock: Stock) -> IntArray:
        """Return zeros."""
        return np.zeros_like(stock.standing)


class ThresholdSettings(Settings):
    """Settings of keeping each place near its target."""

    kind: Literal["threshold"] = "threshold"
    lower: float = Field(0.5, ge=0, le=1)
    """A place with less than this part of its target is filled up to the target. Assumption."""
    upper: float = Field(1.5, ge=1, le=20)
    """A place with more than this many times its target is cleared down to the target. Assumption."""


class Threshold(RebalancingPolicy):
    """What is far above its target gives, what is far below it gets, both as far as the target.

    Where one side cannot do it alone, places nearer to their targets help: the farthest from it first, then the first.
    """

    kind = "threshold"
    settings_type = ThresholdSettings

    settings: ThresholdSettings

    def changes(self, stock: Stock) -> IntArray:
        """Return how many vehicles to bring to each place, (K,)."""
        short = stock.standing < self.settings.lower * stock.target
        long = stock.standing > self.settings.upper * stock.target
        change = np.zeros_like(stock.standing)
        while True:
            surplus = stock.standing + change - stock.target
            gives = np.where(surplus > 0, surplus + _FIRST * long, 0)
            gets = np.where((surplus < 0) & (change < stock.room), _FIRST * short - surplus, 0)
            giver, taker = _most(gives), _most(gets)
            if giver < 0 or taker < 0 or not (long[giver] or short[taker]):
                return change
            change[giver] -= 1
            change[taker] += 1


class ForecastSettings(Settings):
    """Settings of bringing vehicles to where people will ask in vain."""

    kind: Literal["forecast"] = "forecast"
    ahead_s: float = Field(3 * HOUR_S, ge=900, le=24 * HOUR_S)
    """How far the crew looks ahead, s. Assumption."""
    least_gain: float = Field(0.2, ge=1e-9, le=1)
    """A vehicle is moved if that serves so many more people at least, by expectation. Assumption."""


class Forecast(RebalancingPolicy):
    """Each vehicle goes to where it is most likely to be asked for, from where it is least likely.

    People ask at random (Poisson) about the expected times; the n-th vehicle of a place serves somebody if n or more
    ask. That chance falls with n, so taking the best move again and again serves the most people by expectation.
    """

    kind = "forecast"
    settings_type = ForecastSettings

    settings: ForecastSettings

    def changes(self, stock: Stock) -> IntArray:
        """Return how many vehicles to bring to each place, (K,)."""
        until_s = stock.now_s + self.settings.ahead_s
        requests = requests_between(stock.expected_requests, stock.now_s, until_s)
        useful = chance_at_least(requests, int(stock.standing.sum()) + 1)
        place = np.arange(len(stock.standing))
        change = np.zeros_like(stock.standing)
        while len(place):
            there = stock.standing + change
            gain = np.where(change < stock.room, useful[place, there + 1], -1.0)
            loss = np.where(there > 0, useful[place, there], 2.0)
            taker, giver = int(np.argmax(gain)), int(np.argmin(loss))
            if gain[taker] - loss[giver] < self.settings.least_gain:
                break
            change[giver] -= 1
            change[taker] += 1
        return change


_FIRST = 1_000_000
"""Puts places beyond a bound before all others; more than any fleet has."""


def _most(values: IntArray) -> int:
    """Return the first index of the largest positive value, or -1."""
    best = int(np.argmax(values)) if len(values) else 0
    return best if len(values) and values[best] > 0 else -1


def requests_between(expected_requests: FloatArray, begin_s: float, end_s: float) -> FloatArray:
    """Return the requests expected between two moments, (K,), from those in each hour, (K, hours)."""
    hour = np.arange(expected_requests.shape[1]) * HOUR_S
    part = np.clip(np.minimum(hour + HOUR_S, end_s) - np.maximum(hour, begin_s), 0.0, HOUR_S) / HOUR_S
    total = np.zeros(len(expected_requests))
    for column in np.flatnonzero(part).tolist():
        total = total + expected_requests[:, column] * part[column]
    return total


def chance_at_least(mean: FloatArray, most: int) -> FloatArray:
    """Return the chance that n or more ask, (K, most + 1) for n from 0, when a mean number (K,) does (Poisson)."""
    exactly = exact.exp(-mean)
    chance = np.ones((len(mean), most + 1))
    for number in range(1, most + 1):
        chance[:, number] = np.clip(chance[:, number - 1] - exactly, 0.0, 1.0)
        exactly = exactly * mean / number
    return chance


def pairs(change: IntArray, way_s: FloatArray) -> IntArray:
    """Return who gives how many to whom, (F, 3) of giver, taker and number: nearest pairs first, then the first.

    Parameters
    ----------
    change
        What a policy asked for, (K,).
    way_s
        Time from place to place, (K, K).
    """
    remaining, flows = change.copy(), []
    givers, takers = np.flatnonzero(remaining < 0), np.flatnonzero(remaining > 0)
    near = sorted((float(way_s[a, b]), int(a), int(b)) for a in givers for b in takers if np.isfinite(way_s[a, b]))
    for _, giver, taker in near:
        number = min(-int(remaining[giver]), int(remaining[taker]))
        if number > 0:
            remaining[giver] += number
            remaining[taker] -= number
            flows.append((giver, taker, number))
    return np.array(flows, dtype=np.int64).reshape(-1, 3)
