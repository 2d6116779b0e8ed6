"""What went wrong, case by case: each refusal, trip given up, promise not kept, with place, hour and sequel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from kera_mobility.config.figure_ids import people_of
from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.explain.sequels import GAVE_UP, LATER, NEVER_LEFT, UNDER_WAY, done
from kera_mobility.results.facts import EVERYONE, RESIDENTS
from kera_mobility.results.record import numbers, pair_keys, texts
from kera_mobility.units import HOUR_S

REFUSED, UNSERVED, CUT_OFF, PROMISE, LEFT = "refused", "unserved", "under_way", "booking", "left_behind"
"""What a case is: a denied request; a trip was given up; the day's end cut one off; a promise ended otherwise than
in a ride; somebody was left at a stop by a full vehicle."""
NOT_RIDDEN = ("expired", "cancelled")
"""Ends of promises that are cases."""

_LAST_REASON = "no_journey"


class Case(NamedTuple):
    """One thing that went wrong, or many alike."""

    kind: str
    service: str
    """The service that denied the request; of a trip given up the last that did, empty if none."""
    reason: str
    """As in the KPIs; of a promise how it ended."""
    binding: str
    """Reason of the last refusal by a named service; of a trip given up it may differ from `reason`."""
    place: str
    hour: int
    """Of the day, 0 to 27."""
    instead: str
    """What the person did in the end."""
    population: str
    """resident, worker, neighbour, visitor; empty where it is not a person's case."""


Cases = Counter[Case]


def cases_of(run: RunReader) -> Cases:
    """Return how often each kind of thing went wrong in a run."""
    cases: Cases = Counter()
    trips = _Trips(run)
    for part in (_refused(run, trips), _given_up(run, trips), _cut_off(run, trips), _promises(run, trips)):
        cases.update(part)
    for case, people in _left_behind(run):
        cases[case] += people
    return cases


class _Trips:
    """What became of each trip, by person and trip."""

    def __init__(self, run: RunReader) -> None:
        table, facts = run.record.tables["trips"], run.facts
        codes, names = texts(run.record.people, "population")
        self.population = [names[code] for code in codes[facts.person_row].tolist()]
        self.outcome: list[str] = facts.outcome.tolist()
        self.origin: list[int] = numbers(table, "origin").tolist()
        self.set_out_s: list[float] = numbers(table, "t_s").tolist()
        self.end_s: list[float] = numbers(table, "end_s").tolist()
        self._mode = [facts.modes[mode] if mode >= 0 else "walk" for mode in facts.main_mode.tolist()]
        keys = pair_keys(numbers(table, "person"), numbers(table, "trip")).tolist()
        self.rows: dict[int, int] = dict(zip(keys, range(len(keys)), strict=True))
        legs = run.record.tables["legs"]
        leg_codes, leg_names = texts(legs, "service")
        ridden = numbers(legs, "ride_s") > 0
        self._last_ride: dict[tuple[int, str], float] = {}
        leg_keys = pair_keys(numbers(legs, "person")[ridden], numbers(legs, "trip")[ridden]).tolist()
        services = [leg_names[code] for code in leg_codes[ridden].tolist()]
        for key, service, begin_s in zip(leg_keys, services, numbers(legs, "t_s")[ridden].tolist(), strict=True):
            self._last_ride[key, service] = begin_s

    def sequel(self, key: int, service: str = "", since_s: float = np.inf) -> str:
        """Return what the person did, who at a moment had been refused by a service."""
        row = self.rows[key]
        outcome = self.outcome[row]
        if outcome == "unserved":
            return GAVE_UP
        if outcome in ("under_way", "not_started"):
            return UNDER_WAY if outcome == "under_way" else NEVER_LEFT
        if self._last_ride.get((key, service), -1.0) >= since_s:
            return LATER
        return done(self._mode[row])


def _refused(run: RunReader, trips: _Trips) -> Iterator[Case]:
    for key, t_s, service, reason, place in refusals(run):
        if service:
            yield Case(
                REFUSED, service, reason, reason, run.gazetteer.name(place), hour(t_s),
                trips.sequel(key, service, t_s), trips.population[trips.rows[key]],
            )  # fmt: skip


def _given_up(run: RunReader, trips: _Trips) -> Iterator[Case]:
    """Yield the trips given up: the reason is the last refusal, the binding one the last by a service with a name."""
    last: dict[int, str] = {}
    binding: dict[int, tuple[str, str, int]] = {}
    for key, _, service, reason, place in refusals(run):
        last[key] = reason
        if service:
            binding[key] = (service, reason, place)
    for key, row in trips.rows.items():
        if trips.outcome[row] == "unserved":
            service, reason, place = binding.get(key, ("", _LAST_REASON, trips.origin[row]))
            yield Case(
                UNSERVED, service, last.get(key, _LAST_REASON), reason, run.gazetteer.name(place),
                hour(trips.end_s[row]), GAVE_UP, trips.population[row],
            )  # fmt: skip


def _cut_off(run: RunReader, trips: _Trips) -> Iterator[Case]:
    for row, outcome in enumerate(trips.outcome):
        if outcome == "under_way":
            place = run.gazetteer.name(trips.origin[row])
            yield Case(CUT_OFF, "", "", "", place, hour(trips.set_out_s[row]), UNDER_WAY, trips.population[row])


def _promises(run: RunReader, trips: _Trips) -> Iterator[Case]:
    table = run.record.tables["bookings"]
    codes, names = texts(table, "end")
    services, service_names = texts(table, "service")
    keys = pair_keys(numbers(table, "person"), numbers(table, "trip")).tolist()
    ends_s = numbers(table, "end_s").tolist()
    for key, code, service, end_s in zip(keys, codes.tolist(), services.tolist(), ends_s, strict=True):
        if names[code] in NOT_RIDDEN:
            row, name = trips.rows[key], service_names[service]
            place = run.gazetteer.name(trips.origin[row])
            sequel = trips.sequel(key, name, end_s)
            yield Case(PROMISE, name, names[code], names[code], place, hour(end_s), sequel, trips.population[row])


def _left_behind(run: RunReader) -> Iterator[tuple[Case, int]]:
    table = run.record.tables["calls"]
    behind = numbers(table, "left_behind")
    codes, names = texts(table, "service")
    places, t_s = numbers(table, "place"), numbers(table, "t_s")
    for row in np.flatnonzero(behind > 0).tolist():
        place = run.gazetteer.name(int(places[row]))
        yield Case(LEFT, names[codes[row]], "full", "full", place, hour(float(t_s[row])), "", ""), int(behind[row])


def refusals(run: RunReader) -> Iterator[tuple[int, float, str, str, int]]:
    """Yield trip key, moment, service, reason and place of each refusal in the order of the trip's life."""
    table = run.record.tables["refusals"]
    order = np.lexsort((numbers(table, "step"), numbers(table, "leg"), numbers(table, "t_s")))
    keys = pair_keys(numbers(table, "person"), numbers(table, "trip")).tolist()
    services, service_names = texts(table, "service")
    reasons, reason_names = texts(table, "reason")
    t_s, place = numbers(table, "t_s").tolist(), numbers(table, "place").tolist()
    for row in order.tolist():
        yield keys[row], t_s[row], service_names[services[row]], reason_names[reasons[row]], place[row]


def of_kind(cases: Cases, kind: str) -> Cases:
    """Return the cases of a kind."""
    return Counter({case: count for case, count in cases.items() if case.kind == kind})


def grouped(cases: Cases, key: Callable[[Case], Any]) -> list[tuple[Any, Cases]]:
    """Return the cases by a key, from the most down, equals by key."""
    groups: dict[Any, Cases] = {}
    for case, count in cases.items():
        groups.setdefault(key(case), Counter())[case] += count
    return sorted(groups.items(), key=lambda item: (-item[1].total(), item[0]))


def by_population(cases: Iterable[tuple[Case, int]], group: str) -> int:
    """Return how many cases there are of a group as KPIs name it: residents, everyone, in_commuters, ..."""
    return sum(count for case, count in cases if group == EVERYONE or people_of(case.population) == group)


def suffix(group: str) -> str:
    """Return what follows the id of a KPI of a group."""
    return "" if group == RESIDENTS else f"@{group}"


def hour(t_s: float) -> int:
    """Return the hour of the day in which a moment lies."""
    return int(t_s // HOUR_S)
