"""Times from door to door by the planner's own functions, to lay beside measured ones; nobody travels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kera_mobility.demand.choice_model import ChoiceModel
from kera_mobility.demand.mode_chains import ModeChain
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import Plans, TripDemand
from kera_mobility.dice import Dice
from kera_mobility.services.contract import Offers, Requests
from kera_mobility.simulation.run import open_services
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.tables import Schema, TableColumn, read_table
from kera_mobility.town.area_tables import place_columns
from kera_mobility.town.town import Town
from kera_mobility.units import MINUTE_S, BoolArray, FloatArray, IntArray

FURTHEST_M = 250.0
"""A cell whose middle is farther than this from any path is left out: a forest or a lake. One cell of 250 m."""
STEP_S = 60.0
"""Departures are tried this far apart."""
_COLUMNS = (
    "car_midday_min", "car_rush_min", "transit_midday_min", "transit_midday_with_wait_min", "transit_rush_min",
    "transit_rush_with_wait_min",
)  # fmt: skip
TRAVEL_TIMES = Schema(
    "checks/travel_times.csv",
    "Measured times from door to door, from cells to one place, which calibration is checked against.",
    (
        TableColumn("cell", "Name of the cell.", "text", blank="", required=False),
        *place_columns(what="its middle"),
        *(TableColumn(name, "Measured; empty where nothing was.", "number", "min", 0, 1440, math.nan)
          for name in _COLUMNS),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Measured times from cells C to one place; NaN where none was measured."""

    lonlat: FloatArray
    """(C, 2)"""
    minutes: dict[str, FloatArray]
    """(C,) by column."""

    @classmethod
    def read(cls, file: Path) -> Measured:
        """Return the table of a file: lon, lat and columns of minutes, empty where none was measured.

        Raises
        ------
        MissingFileError
            If there is no such file.
        DataError
            With every fault of it.
        """
        table = read_table(file, TRAVEL_TIMES, purpose="the area has no travel times to check")
        return cls(table.numbers("lon", "lat"), {name: table.numbers(name)[:, 0] for name in _COLUMNS})


@dataclass(frozen=True)
class Times:
    """Times by the model from some points to one place, arrays (C,), minutes; inf where there is no way."""

    best_transit_min: FloatArray
    """At the best moment of the period: somebody who knows the timetable, without the wait at home."""
    mean_transit_min: FloatArray
    """Over all moments of the period, waits included."""
    car_min: FloatArray
    """Mean over the period, walking and parking included."""


class Clockwork:
    """The services of a scenario in its town, asked for times."""

    def __init__(self, scenario: Scenario, town: Town) -> None:
        self._town = town
        self._services = open_services(scenario, town)
        self._planner = Planner(self._services, town, ChoiceModel(scenario.choice), scenario.planning, Dice.of(0))

    def near_nodes(self, lonlat: FloatArray) -> tuple[IntArray, FloatArray, BoolArray]:
        """Return the street node nearest to each point, the distance in metres, and whether it is near enough, (C,)."""
        nodes, distance_m = self._town.snap_lonlat(lonlat)
        outside = np.asarray(self._town.streets.node_outside)[nodes]
        return nodes, distance_m, (distance_m <= FURTHEST_M) & ~outside

    def times(self, nodes: IntArray, destination: int, start_s: float, end_s: float) -> Times:
        """Return times from nodes to a node for everyone who leaves in a period, a minute apart."""
        moments = np.arange(start_s, end_s, STEP_S)
        origin, depart_s = np.repeat(nodes, len(moments)), np.tile(moments, len(nodes))
        shape = (len(nodes), len(moments))
        transit_s = self._by_line(origin, destination, depart_s).reshape(shape)
        car_s = self._by_car(origin, destination, depart_s).reshape(shape)
        return Times(transit_s.min(axis=1) / MINUTE_S, transit_s.mean(axis=1) / MINUTE_S, car_s.mean(axis=1) / MINUTE_S)

    def _by_line(self, origin: IntArray, destination: int, depart_s: FloatArray) -> FloatArray:
        """Return door to door by the stops that the planner would choose, on foot to and from them, (T,)."""
        there = np.full(len(origin), destination)
        plans = self._planner.plan(TripDemand.apart(origin, there, depart_s), at_leisure=False)
        best_s = np.full(len(origin), np.inf)
        for column, chain in enumerate(plans.chains):
            if chain.access and self._on_foot(chain):
                best_s = np.minimum(best_s, self._ridden_s(plans, column, chain, origin, there, depart_s))
        return best_s

    def _ridden_s(
        self, plans: Plans, column: int, chain: ModeChain, origin: IntArray, there: IntArray, depart_s: FloatArray
    ) -> FloatArray:
        total_s = np.full(len(origin), np.inf)
        rows = np.flatnonzero(plans.stops[:, column, 0] >= 0)
        board, alight = (plans.stops[rows, column, end].astype(np.int64) for end in (0, 1))
        moment_s = depart_s[rows]
        legs = ((chain.access, origin[rows], board), (chain.main, board, alight), (chain.egress, alight, there[rows]))
        for name, begin, end in legs:
            offers = self._services[name].expect(Requests(np.zeros(len(rows), dtype=np.int64), begin, end, moment_s))
            moment_s = moment_s + np.where(begin == end, 0.0, _duration_s(offers))
        total_s[rows] = moment_s - depart_s[rows]
        return total_s

    def _by_car(self, origin: IntArray, destination: int, depart_s: FloatArray) -> FloatArray:
        best_s = np.full(len(origin), np.inf)
        requests = Requests(np.zeros(len(origin), dtype=np.int64), origin, np.full(len(origin), destination), depart_s)
        for service in self._services.values():
            if service.mode == "car" and service.direct:
                best_s = np.minimum(best_s, _duration_s(service.expect(requests)))
        return best_s

    def _on_foot(self, chain: ModeChain) -> bool:
        return all(self._services[name].mode == "walk" for name in (chain.access, chain.egress))


def _duration_s(offers: Offers) -> FloatArray:
    duration_s: FloatArray = np.where(offers.possible, offers.duration_s, np.inf)
    return duration_s
