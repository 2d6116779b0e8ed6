"""How lines ran: room and who sat, punctuality, cancelled runs, connections made and missed, what delays cost.

Punctuality, seats and connections are known of lines that ran otherwise than by their timetable (table `running`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from kera_mobility.results.facts import EVERYONE, Facts, mean, share, total
from kera_mobility.results.kpis import Kpi, kpi
from kera_mobility.results.record import numbers, rows_at, texts
from kera_mobility.units import MINUTE_S, BoolArray, FloatArray, IntArray

PUNCTUAL_S = 180.0
"""A run that reaches its last stop less than 3 min late is punctual. Source: Finnish commuter trains, 2017
(train.punctuality_commuter_2017)."""
TYPES = {"train": (1, 2), "tram": (0,), "bus": (3,)}
"""GTFS route_types of the kinds of line that punctuality is given for."""
CONNECTION_ENDS = ("made", "saved", "missed")


@kpi
def room(facts: Facts) -> Iterator[Kpi]:
    """Yield how much of the room that each line offered people of the model used."""
    for service in facts.services:
        if not facts.of_service("calls", service).num_rows:
            continue
        moves, vehicles = facts.of_service("moves", service), facts.of_service("vehicles", service)
        ids, places = numbers(vehicles, "vehicle"), numbers(vehicles, "places").astype(np.float64)
        order = np.argsort(ids, kind="stable")
        offered_km = (
            total(numbers(moves, "distance_m") * _at(ids[order], places[order], numbers(moves, "vehicle"))) / 1e3
        )
        ridden_km = total(numbers(facts.of_service("legs", service), "ride_m")) / 1e3
        definition = "Passenger kilometres of people of the model over kilometres of places, seats and standing room."
        yield _of(service, "passenger_km_per_place_km", share(ridden_km, offered_km), "share of places", definition)
        running = facts.of_service("running", service)
        if not running.num_rows:
            continue
        runs, first = np.unique(numbers(running, "run"), return_index=True)
        seats = numbers(running, "seats").astype(np.float64)[first]
        offered_km = total(numbers(moves, "distance_m") * _at(runs, seats, numbers(moves, "run"))) / 1e3
        definition = "Passenger kilometres of people of the model over kilometres of seats."
        yield _of(service, "passenger_km_per_seat_km", share(ridden_km, offered_km), "share of seats", definition)


@kpi
def standing(facts: Facts) -> Iterator[Kpi]:
    """Yield how long people of the model stood, if all aboard are as likely to have a seat, and how full it was."""
    for service in facts.services:
        running = facts.of_service("running", service)
        if not running.num_rows:
            continue
        aboard, others, seats, hop_s = _between_stops(running, facts.of_service("calls", service))
        load = aboard + others
        stood_share = np.where(load > seats, (load - seats) / np.maximum(load, 1.0), 0.0)
        ridden_min = total(aboard * hop_s) / MINUTE_S
        stood_min = total(aboard * stood_share * hop_s) / MINUTE_S
        yield _of(
            service, "standing_min", stood_min, "min", "Minutes that people of the model stood for want of a seat."
        )
        definition = "Of the minutes that people of the model rode, the share that they stood for want of a seat."
        yield _of(service, "standing_share", share(stood_min, ridden_min), "share of minutes", definition)
        highest = float((load / seats).max()) if len(load) else float("nan")
        definition = "Highest number aboard between two stops, others than of the model too, over the seats."
        yield _of(service, "seat_load.max", highest, "share of seats", definition)
        filled = share(total(load * hop_s), total(seats * hop_s))
        definition = "Mean number aboard over seats while under way, others than of the model too."
        yield _of(service, "seat_load.mean", filled, "share of seats", definition)


@kpi
def punctuality(facts: Facts) -> Iterator[Kpi]:
    """Yield how punctual each line was and what that cost people."""
    for service in facts.services:
        running = facts.of_service("running", service)
        if not running.num_rows:
            continue
        cut = _is_cut(running)
        runs = len(np.unique(numbers(running, "run")))
        yield _of(service, "cut_share", share(int(cut.sum()), runs), "share of runs",
                  "Runs that were cancelled, or ended before their last stop.")  # fmt: skip
        ended = _is_last(running) & ~cut
        late_s, kind = (numbers(running, name)[ended] for name in ("arrive_late_s", "type"))
        definition = "Runs that reached their last stop less than 3 min late; cancelled and cut ones do not count."
        for name, mine in (("", kind >= 0), *((f".{name}", np.isin(kind, types)) for name, types in TYPES.items())):
            if mine.any():
                punctual = share(int(np.count_nonzero(late_s[mine] < PUNCTUAL_S)), int(np.count_nonzero(mine)))
                yield _of(service, f"punctual_share{name}", punctual, "share of runs", definition)
        yield _of(service, "late_min.mean", mean(late_s) / MINUTE_S, "min", "Mean lateness at the last stop.")
        held_min = total(numbers(running, "held_s")) / MINUTE_S
        yield _of(service, "held_min", held_min, "min", "Minutes that vehicles waited for people about to change.")
        alighted = _joined(running, facts.of_service("calls", service), "alighted")
        delay_min = total(alighted * numbers(running, "arrive_late_s")) / MINUTE_S
        definition = "Lateness of the vehicle summed over those who alighted from it."
        yield _of(service, "delay_person_min", delay_min, "person-min", definition)


@kpi
def connections(facts: Facts) -> Iterator[Kpi]:
    """Yield what became of the connections that the timetable promises people who change."""
    for service in facts.services:
        if not facts.of_service("running", service).num_rows:
            continue
        changes = facts.of_service("connections", service)
        codes, names = texts(changes, "end")
        for end in CONNECTION_ENDS:
            mine = codes == names.index(end) if end in names else np.zeros(len(codes), dtype=np.bool_)
            count = int(np.count_nonzero(mine))
            yield _of(service, f"connections.{end}", count, "connections", _MEANING[end])
            if end == "missed":
                lost_s = numbers(changes, "lost_s")[mine]
                lost_min = total(lost_s[np.isfinite(lost_s)]) / MINUTE_S
                definition = "Minutes by which the next way arrives later than the missed connection by timetable."
                yield _of(service, "connections.lost_min", lost_min, "min", definition)


_MEANING = {
    "made": "Changes of vehicle that went as the timetable has them.",
    "saved": "Changes that were too late by the timetable, but for a next vehicle that was late or waited.",
    "missed": "Changes to a vehicle that had left, or did not run.",
}


def _is_cut(running: pa.Table) -> BoolArray:
    codes, names = texts(running, "ended")
    return np.array([name != "" for name in names], dtype=np.bool_)[codes]


def _is_last(running: pa.Table) -> BoolArray:
    """Return which rows are the last call of their run."""
    run, step = numbers(running, "run"), numbers(running, "step")
    order = np.lexsort((step, run))
    last = np.zeros(len(run), dtype=np.bool_)
    last[order] = np.append(run[order][1:] != run[order][:-1], True)
    return last


def _between_stops(running: pa.Table, calls: pa.Table) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return people of the model, others, seats and duration from each departure to the run's next, each (H,)."""
    run, step, t_s = (numbers(running, name) for name in ("run", "step", "t_s"))
    order = np.lexsort((step, run))
    hops = np.flatnonzero(run[order][1:] == run[order][:-1])
    rows = order[hops].astype(np.int64)
    hop_s: FloatArray = t_s[order[hops + 1]] - t_s[rows]
    aboard = _joined(running, calls, "aboard")[rows]
    left = rows_at(running, rows)
    return aboard, numbers(left, "others").astype(np.float64), numbers(left, "seats").astype(np.float64), hop_s


def _joined(running: pa.Table, calls: pa.Table, column: str) -> FloatArray:
    """Return a column of `calls` for each row of `running`, 0 where the run did not call."""
    keys, wanted = _key(calls), _key(running)
    order = np.argsort(keys, kind="stable")
    return _at(keys[order], numbers(calls, column).astype(np.float64)[order], wanted)


def _key(table: pa.Table) -> IntArray:
    return numbers(table, "run").astype(np.int64) * 2**15 + numbers(table, "step").astype(np.int64)


def _at(keys: IntArray, values: FloatArray, wanted: IntArray) -> FloatArray:
    """Return the value of each wanted key, 0 where it is not among the keys, which rise."""
    if not len(keys):
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)


def _of(service: str, name: str, value: float, unit: str, definition: str) -> Kpi:
    return Kpi(f"{service}.{name}", value, unit, EVERYONE, definition)
