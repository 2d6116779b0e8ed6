"""A sample of the people with their day, so that they can be seen moving and asked for their story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kera_mobility.dice import Dice
from kera_mobility.results.facts import TRANSIT, WALK, Facts
from kera_mobility.results.record import numbers, rows_at, texts
from kera_mobility.results.report.drawn_paths import FOOT, WHEELS, Ways, Wish
from kera_mobility.results.report.playback import Fleet
from kera_mobility.units import FloatArray, IntArray

SLACK_S = 1.0
"""Clocks of a call and of a leg may differ by rounding."""


class Sample:
    """Some people of one run, the same ones in every run of the same town; `want` ways, then `told` once found."""

    def __init__(self, facts: Facts, ways: Ways, fleet: Fleet, most_people: int) -> None:
        self._facts, self._ways = facts, ways
        people = facts.record.people
        self._chosen = _chosen(numbers(people, "person"), facts.person_row, most_people)
        self._stops = {
            name: fleet.boarding_stops(name) for name, about in facts.services.items() if about["mode"] != TRANSIT
        }
        self._rides = {
            name: _rides_of(facts.of_service("moves", name)) for name in facts.services if not self._stops.get(name)
        }
        self._legs = self._read_legs()
        for leg in self._legs:
            for kind, origin, destination in leg["ways"]:
                ways.want(kind, origin, destination)

    def told(self) -> dict[str, Any]:
        """Return the people for the page, with the words that their rows name by number."""
        record, number = self._facts.record, self._ways.number
        legs: dict[int, list[list[Any]]] = {}
        for leg in self._legs:
            ways = [number(*way) for way in leg["ways"]]
            legs.setdefault(leg["trip"], []).append([*leg["told"], *ways])
        trips = record.tables["trips"]
        rows = np.flatnonzero(np.isin(self._facts.person_row, self._chosen))
        words = {name: texts(trips, name) for name in ("purpose", "chain", "outcome")}
        ground = self._ways.ground
        begin_s, end_s = numbers(trips, "t_s"), numbers(trips, "end_s")
        origin, destination = (ground.rows(numbers(trips, name).astype(np.int64)) for name in ("origin", "destination"))
        of_person: dict[int, list[Any]] = {int(person): [] for person in self._chosen}
        for row in rows.tolist():
            of_person[int(self._facts.person_row[row])].append(
                [
                    round(float(begin_s[row])), round(float(end_s[row])), *(int(words[name][0][row]) for name in words),
                    int(origin[row]), int(destination[row]), legs.get(row, []),
                ]
            )  # fmt: skip
        refusals = self._refusals()
        population, populations = texts(record.people, "population")
        age, cars, ids = (numbers(record.people, name) for name in ("age", "household_cars", "person"))
        return {
            **{name: words[name][1] for name in words}, "population": populations, "reason": refusals["reason"],
            "everyone": len(np.unique(self._facts.person_row)),
            "rows": [
                [int(ids[person]), int(age[person]), int(population[person]), int(cars[person]), mine,
                 refusals["of"].get(person, [])]
                for person, mine in of_person.items()
            ],
        }  # fmt: skip

    def _read_legs(self) -> list[dict[str, Any]]:
        """Return the legs of those chosen: what is told of each, and its ways on foot, riding and on foot again."""
        facts = self._facts
        table = facts.record.tables["legs"]
        chosen = np.flatnonzero(np.isin(facts.person_row[facts.leg_trip], self._chosen))
        trip = facts.leg_trip[chosen]
        some = rows_at(table, chosen)
        codes, names = texts(some, "service")
        columns = {name: numbers(some, name).tolist() for name in _LEG_COLUMNS}
        ground, services = self._ways.ground, list(facts.services)
        origin, destination = (
            ground.rows(numbers(some, name).astype(np.int64)).tolist() for name in ("origin", "destination")
        )
        found = []
        for at in np.lexsort((numbers(some, "leg"), trip)).tolist():
            service = names[codes[at]]
            leg = {name: columns[name][at] for name in _LEG_COLUMNS}
            told = [round(leg["t_s"]), services.index(service), *(round(leg[name]) for name in _LEG_COLUMNS[1:6])]
            told += [round(100 * leg["fare_eur"]), leg["vehicle"]]
            ways = self._ways_of(service, leg, origin[at], destination[at])
            found.append({"trip": int(trip[at]), "told": told, "ways": ways})
        return found

    def _ways_of(self, service: str, leg: Mapping[str, Any], origin: int, destination: int) -> list[Wish]:
        mode = str(self._facts.services[service]["mode"])
        if mode == WALK:
            return [(FOOT, origin, destination)]
        if mode == TRANSIT:
            return []
        board, alight = self._ends_of_ride(service, leg, origin, destination)
        kind = WHEELS if mode == "car" else FOOT
        return [(FOOT, origin, board), (kind, board, alight), (FOOT, alight, destination)]

    def _ends_of_ride(self, service: str, leg: Mapping[str, Any], origin: int, destination: int) -> tuple[int, int]:
        """Return where the ride began and ended: of a shared vehicle its stops, else the ends of the leg."""
        calls = self._stops.get(service, {}).get(int(leg["vehicle"]))
        if calls is not None and leg["ride_s"] > 0:
            left_s, stop = calls
            first_s = leg["t_s"] + leg["wait_s"] - SLACK_S
            boards = np.flatnonzero((left_s >= first_s) & (left_s <= first_s + leg["walk_s"] + 2 * SLACK_S))
            if len(boards):
                board = int(boards[_nearest(self._ways, stop[boards], origin, destination)])
                ended_s = left_s[board] + leg["ride_s"]
                after = board + 1 + int(np.searchsorted(left_s[board + 1 :], ended_s - SLACK_S))
                return int(stop[board]), int(stop[min(after, len(stop) - 1)])
        rides = self._rides.get(service, {}).get(int(leg["vehicle"]), ())
        latest_s = leg["t_s"] + leg["walk_s"] + leg["wait_s"] + SLACK_S
        for begin_s, first, last in rides:
            if leg["t_s"] - SLACK_S <= begin_s <= latest_s:
                ends = self._ways.ground.rows(np.array([first, last], dtype=np.int64))
                return int(ends[0]), int(ends[1])
        return origin, destination

    def _refusals(self) -> dict[str, Any]:
        facts = self._facts
        table = facts.record.tables["refusals"]
        reason, reasons = texts(table, "reason")
        service, names = texts(table, "service")
        services = list(facts.services)
        ids = numbers(facts.record.people, "person")
        row_of = {int(ids[row]): int(row) for row in self._chosen}
        of: dict[int, list[list[int]]] = {}
        place = self._ways.ground.rows(numbers(table, "place").astype(np.int64))
        for at, (person, t_s) in enumerate(zip(numbers(table, "person").tolist(), numbers(table, "t_s"), strict=True)):
            if person in row_of:
                name = names[service[at]]
                told = [round(float(t_s)), services.index(name) if name in services else -1, int(reason[at]),
                        int(place[at])]  # fmt: skip
                of.setdefault(row_of[person], []).append(told)
        return {"of": of, "reason": reasons}


_LEG_COLUMNS = ("t_s", "walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_eur", "vehicle")


def _chosen(ids: IntArray, person_of_trip: IntArray, most: int) -> IntArray:
    """Return rows of people who travel, drawn by their ids, so that a larger sample holds the smaller one."""
    travelling = np.unique(person_of_trip)
    draw = Dice.of(0).at("report").uniform("sample", ids[travelling])
    return np.sort(travelling[np.argsort(draw, kind="stable")[:most]])


def _rides_of(moves: pa.Table) -> dict[int, list[tuple[float, int, int]]]:
    """Return the moves of each vehicle: begin s, node of origin, node of destination."""
    rides: dict[int, list[tuple[float, int, int]]] = {}
    columns = [numbers(moves, name).tolist() for name in ("vehicle", "t_s", "origin", "destination")]
    for vehicle, t_s, origin, destination in zip(*columns, strict=True):
        rides.setdefault(vehicle, []).append((t_s, origin, destination))
    return rides


def _nearest(ways: Ways, stops: IntArray, origin: int, destination: int) -> int:
    """Return which of the stops is nearest to the origin; of equals the first."""
    place: FloatArray = ways.ground.place_lonlat
    step = place[stops] - place[origin]
    return int(np.argmin(np.hypot(step[:, 0] * np.cos(np.radians(place[origin, 1])), step[:, 1])))
