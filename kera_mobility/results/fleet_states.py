"""A fleet's day from its result: who was in which state where and when, and how many vehicles stood at a place."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np

from kera_mobility.results.facts import Facts
from kera_mobility.results.record import numbers, texts
from kera_mobility.units import DAY_S, BoolArray, FloatArray, IntArray

FREE = ("parked", "low")
"""States in which a vehicle may be rented."""
STANDING = ("parked", "low", "reserved", "broken")
"""States in which a vehicle takes up room."""
OFF_THE_STREETS = ("away", "missing", "in_van")


class FleetDay:
    """One fleet from midnight to midnight; S spans of time in which one vehicle is in one state at one place."""

    def __init__(self, facts: Facts, service: str) -> None:
        self.about: dict[str, Any] = dict(facts.services[service])
        """What the result says of the service."""
        fleet, states = facts.of_service("vehicles", service), facts.of_service("states", service)
        ids, low_charge = numbers(fleet, "vehicle").astype(np.int64), float(self.about.get("low_charge", 0.0))
        morning = np.where(numbers(fleet, "start_charge") < low_charge, "low", "parked")
        codes, names = texts(states, "state")
        begun = np.array(names, dtype=np.str_)[codes] if names else np.empty(0, dtype=np.str_)
        vehicle = np.concatenate([ids, numbers(states, "vehicle").astype(np.int64)])
        begin_s = np.concatenate([np.zeros(len(ids)), numbers(states, "t_s")])
        step = np.concatenate([np.full(len(ids), -1), numbers(states, "step").astype(np.int64)])
        order = np.lexsort((step, begin_s, vehicle))
        self.vehicles = len(ids)
        self.vehicle: IntArray = vehicle[order]
        """(S,)"""
        self.state = np.concatenate([morning.astype(np.str_), begun])[order]
        """Name of the state, (S,)."""
        place = np.concatenate([numbers(fleet, "start_place"), numbers(states, "place")]).astype(np.int64)
        self.place: IntArray = place[order]
        """Street node, (S,)."""
        self.begin_s: FloatArray = begin_s[order]
        last = np.append(self.vehicle[1:] != self.vehicle[:-1], True)[: len(order)]
        self.end_s: FloatArray = np.where(last, np.inf, np.append(self.begin_s[1:], np.inf)[: len(order)])

    def within(self, from_s: float = 0.0, until_s: float = DAY_S) -> FloatArray:
        """Return the seconds of each span in a part of the day, (S,)."""
        inside_s: FloatArray = np.maximum(np.minimum(self.end_s, until_s) - np.maximum(self.begin_s, from_s), 0.0)
        return inside_s

    def in_state(self, names: Collection[str]) -> BoolArray:
        """Return the spans in one of some states, (S,)."""
        is_in: BoolArray = np.isin(self.state, list(names))
        return is_in

    def seconds(self, names: Collection[str]) -> float:
        """Return the vehicle-seconds of the day in some states."""
        return float(np.cumsum(np.append(0.0, self.within()[self.in_state(names)]))[-1])

    def most_at_once(self, spans: BoolArray) -> int:
        """Return the largest number of some spans, (S,), that run at one time."""
        return int(self.count_over_time(spans)[1].max(initial=0))

    def count_over_time(self, spans: BoolArray) -> tuple[FloatArray, IntArray]:
        """Return the moments at which the number of some spans, (S,), that run changes, and the number from then on.

        What ends and begins in one moment is counted as one change.
        """
        rows = spans & (self.end_s > self.begin_s)
        moments = np.concatenate([self.begin_s[rows], self.end_s[rows]])
        change = np.concatenate([np.ones(int(rows.sum()), np.int64), np.full(int(rows.sum()), -1, np.int64)])
        ends = np.isfinite(moments)
        times, where = np.unique(moments[ends], return_inverse=True)
        return times, np.cumsum(np.bincount(where.reshape(-1), weights=change[ends], minlength=len(times))).astype(
            np.int64
        )

    def share_with(self, spans: BoolArray, least: int, from_s: float, until_s: float) -> float:
        """Return the part of some hours in which at least so many of some spans, (S,), run."""
        times, count = self.count_over_time(spans)
        begin_s, end_s = np.append(0.0, times), np.append(times, np.inf)
        inside_s = np.maximum(np.minimum(end_s, until_s) - np.maximum(begin_s, from_s), 0.0)
        enough = np.append(0, count) >= least
        return float(np.cumsum(np.append(0.0, inside_s[enough]))[-1] / (until_s - from_s))

    @cached_property
    def hubs(self) -> list[tuple[int, str, int]]:
        """The hubs as (node, name, capacity); those at one node are one."""
        by_node: dict[int, tuple[str, int]] = {}
        for hub in self.about.get("hubs", ()):
            name, capacity = by_node.get(int(hub["node"]), ("", 0))
            by_node[int(hub["node"])] = (name or str(hub["name"]), capacity + int(hub["capacity"]))
        return [(node, name, capacity) for node, (name, capacity) in by_node.items()]


def fleets(facts: Facts) -> list[str]:
    """Return the services that have a fleet with hubs."""
    return [name for name, about in facts.services.items() if about.get("hubs") and "costs" in about]
