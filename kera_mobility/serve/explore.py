"""What the page tells of an answer by place and hour, down to one trip: the sums and stories of `kera explain`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from kera_mobility.errors import ConfigError, UnknownPersonError
from kera_mobility.files import utf8_text
from kera_mobility.results.compare.by_place import PlaceDifference, differences_by_place
from kera_mobility.results.explain.at_places import PlaceHours, place_hours, trips_at
from kera_mobility.results.explain.inputs import RunReader, read_run
from kera_mobility.results.explain.trip_story import Story, UtilityRates, story_of
from kera_mobility.results.explain.trip_text import tell_trip, worth_eur
from kera_mobility.results.store import result_folders
from kera_mobility.serve.desk import short_value
from kera_mobility.serve.forms import label_of, value_at
from kera_mobility.serve.hand_values import unit_of
from kera_mobility.serve.questions import Question, UnknownNameError
from kera_mobility.serve.remedy_search import RemedySearch, RemedySearches
from kera_mobility.serve.run_queue import RunOrder, RunQueue

TRIP = re.compile(r"(\d{1,12}):(\d{1,4})", re.ASCII)
"""Person and trip, as in 104162:2."""
LAST_HOUR = 27
"""Of a day, which ends at 28:00."""
Query = Mapping[str, str]


class Explorer:
    """What is asked of one answer after the other; what was read last is kept."""

    def __init__(self, queue: RunQueue) -> None:
        self._queue = queue
        self.searches = RemedySearches(queue.folder / "remedies")

    def happened(self, order: RunOrder) -> dict[str, Any]:
        """Return the cases, boardings and departures of an order by place and hour, added up over its days."""
        folders, there = self._folders(order), _happened(str(self._queue.results(order)[1]), order.ended_s)
        first = _run(str(folders[0]), order.ended_s)
        rows = {name: number for number, name in enumerate(there.spots)}
        return {
            "question": order.question, "asks": self._asks(order),
            "days": [read.about for read in map(RunReader, folders)],
            "services": {name: {"title": first.title(name)} for name in first.services}, "reasons": first.reasons,
            "places": [{"name": name, "spot": spot} for name, spot in there.spots.items()],
            "cases": [[rows[case.place], case.hour, case.kind, case.service, case.binding, case.population, count]
                      for case, count in sorted(there.cases.items()) if case.place in rows],
            "boardings": [[rows[place], hour, service, count, wait_s]
                          for (place, hour, service), (count, wait_s) in sorted(there.boardings.items())],
            "departures": [[rows[place], hour, count] for (place, hour), count in sorted(there.departures.items())],
        }  # fmt: skip

    def people(self, order: RunOrder, query: Query) -> dict[str, Any]:
        """Return the trips that met a place in an hour of one day: those that were refused, then by wait."""
        at_hour = _number(query, "hour", LAST_HOUR) if query.get("hour") else None
        trips, count = trips_at(self._day(order, query), query.get("place", ""), at_hour)
        return {"trips": [asdict(trip) for trip in trips], "count": count}

    def story(self, order: RunOrder, query: Query) -> dict[str, Any]:
        """Return one trip's story: its rows, the names of its places, and the words of `kera explain`."""
        run, (person, trip) = self._day(order, query), _trip(query)
        story = _story(run, person, trip)
        content, rates = story.to_json(), UtilityRates.of(run, story.trip["purpose"])
        for told, rows in zip(content["choices"], story.choices, strict=True):
            for considered_row, row in zip(told, rows, strict=True):
                considered_row["worth_eur"] = worth_eur(row, rows, rates)
        considered = [row for rows in content["choices"] for row in rows]
        nodes = {node for row in (content["trip"], *content["legs"], *content["refusals"], *considered)
                 for name in ("origin", "destination", "place") if (node := row.get(name)) is not None}  # fmt: skip
        names = {str(node): run.gazetteer.name(node) for node in sorted(nodes)}
        return {**content, "names": names, "text": tell_trip(run, story), "failed": story.failed}

    def remedy(self, order: RunOrder, query: Query) -> dict[str, Any]:
        """Return how far the search for what would have served a trip is."""
        return self._told(self.searches.named(_search_name(order, query)), order, query)

    def search(self, order: RunOrder, query: Query) -> dict[str, Any]:
        """Begin the search for what would have served a trip."""
        run, (person, trip) = self._day(order, query), _trip(query)
        if not _story(run, person, trip).failed:
            raise ConfigError(f"trip: got {person}:{trip}, which met no refusal; expected one that was refused")
        search = self.searches.begin(_search_name(order, query), run.folder, f"{person}:{trip}")
        return self._told(search, order, query)

    def changed(self, order: RunOrder) -> dict[str, Any]:
        """Return the differences to the reference by place; see `differences_by_place`."""
        return _changed(*map(str, self._queue.results(order)), order.ended_s)

    def _asks(self, order: RunOrder) -> str:
        file = self._queue.scenario_file(order)
        return Question(order.question, file, utf8_text(file)).asks

    def _folders(self, order: RunOrder) -> list[Path]:
        return sorted(result_folders(self._queue.results(order)[1]))

    def _day(self, order: RunOrder, query: Query) -> RunReader:
        folders = self._folders(order)
        return _run(str(folders[_number(query, "day", len(folders) - 1)]), order.ended_s)

    def _told(self, search: RemedySearch | None, order: RunOrder, query: Query) -> dict[str, Any]:
        """Return a search with each change as settings that a question can take."""
        if search is None:
            return {"state": "none"}
        told = {"state": search.state, "doing": search.doing, "problem": search.problem, "remedies": []}
        if search.state != "done" or search.change is None:
            return told
        settings, change = self._day(order, query).settings, search.change
        tried = [{**_as_settings(attempt["remedy"], settings), "served": attempt["served"], "outcome": attempt["what"],
                  "others": attempt["others"]} for attempt in change["tried"]]  # fmt: skip
        untried = [{**_as_settings(remedy, settings), "served": None} for remedy in change["not_tried"]]
        return {**told, "problem": change["unconfirmed"], "remedies": [*tried, *untried]}


def _story(run: RunReader, person: int, trip: int) -> Story:
    try:
        return story_of(run, person, trip)
    except UnknownPersonError:
        raise UnknownNameError(f"got the trip {person}:{trip}, expected one of that day") from None


def _as_settings(remedy: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a remedy as the keys that it sets, with their names and values before and after."""
    kinds = {name: service["kind"] for name, service in settings["services"].items()}
    rows = []
    for override in remedy["overrides"]:
        key, _, text = override.partition("=")
        value = json.loads(text)
        before, after = (short_value(one_value, key) for one_value in (value_at(settings, key), value))
        rows.append({"key": key, "label": label_of(key, kinds), "unit": unit_of(key), "value": value,
                     "before": before, "after": after})  # fmt: skip
    return {"words": remedy["words"], "cost_eur": remedy["cost_eur"], "settings": rows}


@lru_cache(maxsize=8)
def _happened(results: str, ended_s: float) -> PlaceHours:
    return place_hours(map(read_run, sorted(result_folders(results))))


@lru_cache(maxsize=2)
def _run(folder: str, ended_s: float) -> RunReader:
    return read_run(Path(folder))


@lru_cache(maxsize=8)
def _changed(reference: str, results: str, ended_s: float) -> dict[str, Any]:
    measures, pairs = differences_by_place(reference, results)
    return {
        "pairs": pairs,
        "measures": [{"id": measure.id, "unit": measure.unit, "population": measure.population, "least": measure.least,
                      "places": [_place(place) for place in measure.places]} for measure in measures],
    }  # fmt: skip


def _place(place: PlaceDifference) -> dict[str, Any]:
    shown = ("mean_a", "mean_b", "difference", "low", "high", "corrected_low", "corrected_high", "verdict")
    row = None if place.row is None else {name: getattr(place.row, name) for name in shown}
    return {"name": place.place, "spot": place.spot, "row": row}


def _number(query: Query, name: str, most: int) -> int:
    text = query.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= most):
        raise ConfigError(f"{name}: got '{text[:20]}', expected a whole number from 0 to {most}")
    return int(text)


def _trip(query: Query) -> tuple[int, int]:
    match = TRIP.fullmatch(query.get("trip", ""))
    if match is None:
        raise ConfigError(f"trip: got '{query.get('trip', '')[:40]}', expected PERSON:TRIP such as 104162:2")
    return int(match[1]), int(match[2])


def _search_name(order: RunOrder, query: Query) -> str:
    person, trip = _trip(query)
    return f"{order.id}-{_number(query, 'day', 999)}-{person}-{trip}"
