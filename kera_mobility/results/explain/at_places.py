"""What happened where and when: the cases of `kera explain`, boardings and departures, by named place and hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kera_mobility.results.explain.cases import Cases, cases_of, hour, refusals
from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.record import numbers, pair_keys, texts

MOST_TRIPS = 40
"""Trips that are named of a place and hour."""
LonLat = tuple[float, float]


@dataclass(frozen=True)
class PlaceHours:
    """One or several runs of a scenario by place and hour; counts are sums over the runs."""

    spots: Mapping[str, LonLat | None]
    """Where each named place lies; None where it is not one spot of the map."""
    cases: Cases
    boardings: Mapping[tuple[str, int, str], tuple[int, float]]
    """Rides begun by place, hour and service, of services that an operator runs, and the seconds waited for them."""
    departures: Mapping[tuple[str, int], int]
    """Trips that set out by place and hour."""


@dataclass(frozen=True)
class TripThere:
    """One trip as it met a place in an hour."""

    person: int
    trip: int
    t_s: float
    """When the person was refused there, or began to wait, or set out."""
    service: str
    reason: str
    """Of a denied request or a trip given up; empty where the trip met none there."""
    wait_s: float
    population: str
    age: int
    purpose: str
    origin: str
    destination: str
    outcome: str


def place_hours(runs: Iterable[RunReader]) -> PlaceHours:
    """Return what happened by place and hour, added up over the runs of a scenario, read one after the other."""
    spots: dict[str, LonLat | None] = {}
    cases: Cases = Counter()
    boardings: dict[tuple[str, int, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    departures: Counter[tuple[str, int]] = Counter()
    for run in runs:
        of_run = cases_of(run)
        cases.update(of_run)
        for place, hour_of, service, wait_s in _boardings(run):
            count, total_s = boardings[place, hour_of, service]
            boardings[place, hour_of, service] = count + 1, total_s + wait_s
        trips = run.record.tables["trips"]
        setting_out = zip(numbers(trips, "origin").tolist(), numbers(trips, "t_s").tolist(), strict=True)
        departures.update((run.gazetteer.name(node), hour(t_s)) for node, t_s in setting_out)
        names = {case.place for case in of_run} | {place for place, _ in departures}
        if names - spots.keys():
            spots.update({name: spot for name, spot in spots_of(run).items() if name in names})
    return PlaceHours(spots, cases, dict(boardings), departures)


def spots_of(run: RunReader) -> dict[str, LonLat | None]:
    """Return where the places of a run lie by their names: at the stop or hub, else amid the nodes called so."""
    places, gazetteer = run.record.places, run.gazetteer
    lonlat = np.column_stack([numbers(places, "lon"), numbers(places, "lat")])
    nodes: dict[str, list[int]] = defaultdict(list)
    for node in range(len(lonlat)):
        nodes[gazetteer.name(node)].append(node)
    own = dict(zip(gazetteer.names, gazetteer.named.tolist(), strict=True))
    spots: dict[str, LonLat | None] = {}
    for name, those in nodes.items():
        on_map = [node for node in ([own[name]] if name in own else those) if not gazetteer.outside[node]]
        lon, lat = lonlat[on_map].mean(axis=0).tolist() if on_map else (np.nan, np.nan)
        spots[name] = (lon, lat) if on_map else None
    return spots


def trips_at(run: RunReader, place: str = "", at_hour: int | None = None) -> tuple[list[TripThere], int]:
    """Return the trips that met a place in an hour, those that were refused first, then by their wait; and how many.

    Without a place or an hour every one counts. At most MOST_TRIPS are returned.
    """
    name = run.gazetteer.name
    trips = run.record.tables["trips"]
    keys = pair_keys(numbers(trips, "person"), numbers(trips, "trip")).tolist()
    origins, begins_s = numbers(trips, "origin").tolist(), numbers(trips, "t_s").tolist()
    met: dict[int, tuple[float, str, str, float]] = {}

    def meets(node: int, t_s: float) -> bool:
        return (at_hour is None or hour(t_s) == at_hour) and (not place or name(node) == place)

    for key, t_s, service, reason, node in refusals(run):
        if meets(node, t_s) and (service or key not in met):
            met.setdefault(key, (t_s, service, reason, 0.0))
    for key, t_s, service, wait_s, node in _waits(run):
        if meets(node, t_s) and (key not in met or (not met[key][2] and met[key][3] < wait_s)):
            met[key] = t_s, service, "", wait_s
    for key, t_s, node in zip(keys, begins_s, origins, strict=True):
        if key not in met and meets(node, t_s):
            met[key] = t_s, "", "", 0.0
    ordered = sorted(met.items(), key=lambda item: (not item[1][2], -item[1][3], item[1][0], item[0]))
    rows = dict(zip(keys, range(len(keys)), strict=True))
    return [_trip_there(run, rows[key], *there) for key, there in ordered[:MOST_TRIPS]], len(met)


def _trip_there(run: RunReader, row: int, t_s: float, service: str, reason: str, wait_s: float) -> TripThere:
    trip: dict[str, Any] = run.record.tables["trips"].slice(row, 1).to_pylist()[0]
    person = run.record.people.slice(int(run.facts.person_row[row]), 1).to_pylist()[0]
    return TripThere(
        trip["person"], trip["trip"], t_s, service, reason, wait_s, person["population"], person["age"],
        trip["purpose"], run.gazetteer.name(trip["origin"]), run.gazetteer.name(trip["destination"]), trip["outcome"],
    )  # fmt: skip


def _boardings(run: RunReader) -> list[tuple[str, int, str, float]]:
    name = run.gazetteer.name
    return [(name(node), hour(t_s), service, wait_s) for _, t_s, service, wait_s, node in _waits(run)]


def _waits(run: RunReader) -> list[tuple[int, float, str, float, int]]:
    """Return trip key, beginning, service, wait and node of each leg that rides with a service that is operated."""
    legs = run.record.tables["legs"]
    codes, services = texts(legs, "service")
    is_operated = np.array([run.operated(service) for service in services], dtype=np.bool_)[codes]
    rides = np.flatnonzero(is_operated & (numbers(legs, "ride_s") > 0))
    keys = pair_keys(numbers(legs, "person"), numbers(legs, "trip"))[rides].tolist()
    columns = [numbers(legs, column)[rides].tolist() for column in ("t_s", "wait_s", "origin")]
    named = [services[code] for code in codes[rides].tolist()]
    return [(key, t_s, service, wait_s, node)
            for key, service, t_s, wait_s, node in zip(keys, named, *columns, strict=True)]  # fmt: skip
