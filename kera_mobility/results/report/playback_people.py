"""A sample of the people with their day, so that they can be seen moving and asked for their story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.results.facts import TRANSIT, WALK, Facts
from kera_mobility.results.record import numbers
from kera_mobility.results.report.drawn_paths import FOOT, WHEELS, DrawnPaths, PathKey
from kera_mobility.results.report.playback import VehiclePlayback, rows_by
from kera_mobility.units import IntArray

if TYPE_CHECKING:
    import pandas as pd

SLACK_S = 1.0
"""Clocks of a call and of a leg may differ by rounding."""
_WORDS = ("purpose", "chain", "outcome")
"""Columns of trips whose texts are named by number."""
_ROUNDED = ("t_s", "walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_cent")


class PeoplePlayback:
    """Some people of one run, the same ones in every run of the same town.

    Their paths are requested, `content` needs them found.
    """

    def __init__(self, facts: Facts, paths: DrawnPaths, vehicles: VehiclePlayback, most_people: int) -> None:
        self._facts, self._paths = facts, paths
        people = numbers(facts.record.people, "person")
        self._chosen = _sample(people, facts.person_row, most_people)
        """Rows in `people`."""
        self._services = list(facts.services)
        self._stops = {
            name: vehicles.boarding_stops(name) for name, about in facts.services.items() if about["mode"] != TRANSIT
        }
        self._moves = {name: self._moves_of(name) for name in facts.services if not self._stops.get(name)}
        self._legs = self._legs_of_chosen()
        for keys in self._legs["paths"]:
            for kind, origin, destination in keys:
                paths.request(kind, origin, destination)

    def content(self) -> dict[str, Any]:
        """Return the people for the page, with the words that their rows name by number."""
        import pandas as pd

        record = self._facts.record
        legs: dict[int, list[list[Any]]] = {}
        for trip, row, keys in zip(self._legs["trip_row"], self._legs["row"], self._legs["paths"], strict=True):
            legs.setdefault(trip, []).append([*row, *(self._paths.number(*key) for key in keys)])
        trips = self._paths.map.with_rows(record.frame("trips"))
        words = {name: pd.Categorical(trips[name]) for name in _WORDS}
        trips = trips.assign(**{name: word.codes for name, word in words.items()}, person_row=self._facts.person_row)
        trips = trips[trips["person_row"].isin(self._chosen)]
        of_person: dict[int, list[Any]] = {}
        columns = [trips[name].round().astype(int) for name in ("t_s", "end_s", *_WORDS, "origin", "destination")]
        for trip, person, *row in zip(trips.index, trips["person_row"], *columns, strict=True):
            of_person.setdefault(person, []).append([*row, legs.get(trip, [])])
        refusals, reasons = self._refusals()
        people = record.frame("people")
        population = pd.Categorical(people["population"])
        people = people.assign(population=population.codes).iloc[self._chosen]
        about = zip(*(people[name].tolist() for name in ("person", "age", "population", "household_cars")), strict=True)
        return {
            **{name: word.categories.tolist() for name, word in words.items()},
            "population": population.categories.tolist(), "reason": reasons,
            "everyone": len(np.unique(self._facts.person_row)),
            "rows": [
                [*row, of_person.get(person, []), refusals.get(row[0], [])]
                for person, row in zip(self._chosen.tolist(), about, strict=True)
            ],
        }  # fmt: skip

    def _legs_of_chosen(self) -> pd.DataFrame:
        """Return the legs of the sample by trip: `row` is what the page shows, `paths` are on foot, riding, on foot."""
        facts = self._facts
        legs = self._paths.map.with_rows(facts.record.frame("legs")).assign(trip_row=facts.leg_trip)
        legs = legs[np.isin(facts.person_row[facts.leg_trip], self._chosen)].sort_values(["trip_row", "leg"])
        shown = legs.assign(fare_cent=100 * legs["fare_eur"])
        t_s, *amounts = (shown[name].round().astype(np.int64).tolist() for name in _ROUNDED)
        services = [self._services.index(name) for name in legs["service"]]
        rows: list[Any] = list(zip(t_s, services, *amounts, legs["vehicle"].tolist(), strict=True))
        paths: list[Any] = [self._path_keys(leg) for leg in legs.itertuples()]
        return legs.assign(row=rows, paths=paths)

    def _path_keys(self, leg: Any) -> list[PathKey]:
        mode = str(self._facts.services[leg.service]["mode"])
        if mode == WALK:
            return [(FOOT, leg.origin, leg.destination)]
        if mode == TRANSIT:
            return []
        board, alight = self._ride_ends(leg)
        kind = WHEELS if mode == "car" else FOOT
        return [(FOOT, leg.origin, board), (kind, board, alight), (FOOT, alight, leg.destination)]

    def _ride_ends(self, leg: Any) -> tuple[int, int]:
        """Return where the ride of a leg began and ended: of a shared vehicle its stops, else the ends of the leg."""
        calls = self._stops.get(leg.service, {}).get(leg.vehicle)
        if calls is not None and leg.ride_s > 0:
            left_s, stop = calls
            first_s = leg.t_s + leg.wait_s - SLACK_S
            boards = np.flatnonzero((left_s >= first_s) & (left_s <= first_s + leg.walk_s + 2 * SLACK_S))
            if len(boards):
                board = int(boards[self._nearest(stop[boards], leg.origin)])
                alight = board + 1 + int(np.searchsorted(left_s[board + 1 :], left_s[board] + leg.ride_s - SLACK_S))
                return int(stop[board]), int(stop[min(alight, len(stop) - 1)])
        latest_s = leg.t_s + leg.walk_s + leg.wait_s + SLACK_S
        for begin_s, origin, destination in self._moves.get(leg.service, {}).get(leg.vehicle, ()):
            if leg.t_s - SLACK_S <= begin_s <= latest_s:
                return origin, destination
        return leg.origin, leg.destination

    def _moves_of(self, service: str) -> dict[int, list[list[Any]]]:
        """Return the moves of each vehicle: begin s, row of the origin, row of the destination."""
        moves = self._paths.map.with_rows(self._facts.frame("moves", service))
        return rows_by(moves, "vehicle", ("t_s", "origin", "destination"))

    def _refusals(self) -> tuple[dict[int, list[list[int]]], list[str]]:
        """Return the refusals of the sample by person: moment, service (-1 if none), reason, place; and the reasons."""
        import pandas as pd

        refusals = self._paths.map.with_rows(self._facts.record.frame("refusals"))
        service = pd.Index(self._services).get_indexer(pd.Index(refusals["service"]))  # -1 where no service is meant
        reason = pd.Categorical(refusals["reason"])
        refusals = refusals.assign(t_s=refusals["t_s"].round().astype(int), service=service, reason=reason.codes)
        chosen = refusals["person"].isin(numbers(self._facts.record.people, "person")[self._chosen])
        rows = rows_by(refusals[chosen], "person", ("t_s", "service", "reason", "place"))
        return rows, reason.categories.tolist()

    def _nearest(self, stops: IntArray, origin: int) -> int:
        """Return which of the stops is nearest to the origin; of equals the first."""
        place = self._paths.map.place_lonlat
        step = place[stops] - place[origin]
        return int(np.argmin(np.hypot(step[:, 0] * np.cos(np.radians(place[origin, 1])), step[:, 1])))


def _sample(ids: IntArray, person_of_trip: IntArray, most: int) -> IntArray:
    """Return rows of people who travel, drawn by their ids, so that a larger sample holds the smaller one."""
    travelling = np.unique(person_of_trip)
    draw = Dice.of(0).at("report").uniform("sample", ids[travelling])
    return np.sort(travelling[np.argsort(draw, kind="stable")[:most]])
