"""The independent checker of promises on demand: it recomputes from the tables alone whether they were kept.

It knows nothing of routes or of the dispatcher: only who was promised what, when people got in and out, where vehicles
called and went, how many places they have, and what was posted in public.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kera_mobility.results.record import RunRecord, rows_at, texts

Row = Mapping[str, Any]

DECLARED = {"breakdown": "breakdown", "streets": "streets", "closed": "closed", "snow": "heavy_snow"}
"""Cause of a broken promise -> topic of the notice that declared it."""


class Breach(NamedTuple):
    """Something that must not be."""

    service: str
    fault: str


class Stand(NamedTuple):
    """A vehicle was at a place."""

    place: int
    from_s: float
    until_s: float


class Verdict(NamedTuple):
    """What became of the promises of one service."""

    promises: int
    kept: int
    declared: int
    """Broken by a disturbance that was posted."""
    rider_late: int
    """The rider was not there; the vehicle was, and waited."""
    called_off: int
    """Given back by the rider, or not due when the day ended."""
    breaches: tuple[Breach, ...]
    """Broken by nothing but the dispatcher, and whatever else must not be."""


def verdict(record: RunRecord, service: str) -> Verdict:
    """Return what became of the promises of a service, recomputed from the tables."""
    rows = _of(record.tables["promises"], service)
    calls, moves, bookings = (_of(record.tables[name], service) for name in ("calls", "moves", "bookings"))
    notices = record.tables["notices"].to_pylist()
    over_s = max((float(row["end_s"]) for row in (*bookings, *moves)), default=0.0)
    ended = {_key(row): row for row in bookings}
    stood = _stands(moves, _of(record.vehicles, service))
    counts: dict[str, int] = defaultdict(int)
    breaches: list[Breach] = []
    for row in rows:
        booking = ended.pop(_key(row), None)
        if booking is None or booking["end"] != row["end"]:
            breaches.append(Breach(service, f"{_name(row)}: no booking that ended {row['end']}"))
        end_s = math.inf if booking is None else float(booking["end_s"])
        outcome, faults = _judged(row, end_s, stood[int(row["vehicle"])], notices, over_s)
        counts[outcome] += 1
        breaches += [Breach(service, f"{_name(row)}: {fault}") for fault in faults]
    places = {int(row["vehicle"]): int(row["places"]) for row in _of(record.vehicles, service)}
    breaches += [Breach(service, f"{_name(row)}: a booking without a promise") for row in ended.values()]
    for fault in (*_too_many(rows, places), *_miscounted(calls, places), *_jumps(moves), *_apart(rows, calls)):
        breaches.append(Breach(service, fault))
    return Verdict(len(rows), counts["kept"], counts["declared"], counts["rider_late"], counts["called_off"],
                   tuple(breaches))  # fmt: skip


def _judged(
    row: Row, end_s: float, stood: Sequence[Stand], notices: Sequence[Row], over_s: float
) -> tuple[str, list[str]]:
    """Return what became of one promise: kept, declared, rider_late, called_off or broken; and what is wrong."""
    boarded, alighted = (not math.isnan(row[name]) for name in ("pickup_s", "arrival_s"))
    if boarded != alighted:
        return "broken", ["boarded and never alighted" if boarded else "alighted and never boarded"]
    end, cause = row["end"], row["cause"]
    if boarded:
        faults = _impossible(row)
        late = row["pickup_s"] > row["latest_pickup_s"] or row["arrival_s"] > row["latest_arrival_s"]
        if end == "ridden" and not late:
            return "kept", faults
    elif end == "ridden":
        return "broken", ["ridden without a ride"]
    else:
        faults = []
    if _was_declared(cause, notices, row, end_s):
        return "declared", faults
    if end == "cancelled" and not boarded:
        return "called_off", faults
    if end == "expired" and cause == "late_rider" and not boarded:
        return ("rider_late", faults) if _vehicle_came(row, end_s, stood) else ("broken", [*faults, "no vehicle came"])
    if end == "expired" and cause == "day_over" and not boarded and row["latest_pickup_s"] >= over_s:
        return "called_off", faults
    fault = f"ended {end}" + (f" ({cause})" if cause else "") + _lateness(row)
    return "broken", [*faults, fault]


def _impossible(row: Row) -> list[str]:
    """Return what cannot be true of a ride."""
    faults = []
    if not row["came_s"] <= row["pickup_s"]:
        faults.append("picked up before being there")
    if row["pickup_s"] < row["ready_s"]:
        faults.append("picked up before the time that was agreed")
    if row["arrival_s"] < row["pickup_s"]:
        faults.append("there before being picked up")
    return faults


def _lateness(row: Row) -> str:
    late_s = [row[f"{moment}_s"] - row[f"latest_{moment}_s"] for moment in ("pickup", "arrival")]
    named = zip(("pick-up", "arrival"), late_s, strict=True)
    return "".join(f", {by_s:.0f} s late for the {words}" for words, by_s in named if by_s > 0)


def _was_declared(cause: str, notices: Sequence[Row], row: Row, end_s: float) -> bool:
    """Return whether a disturbance of that kind was posted while the promise was open: what was known before it was
    given, or came after it was over, excuses nothing."""
    topic = DECLARED.get(cause)
    return topic is not None and any(
        notice["topic"] == topic and row["t_s"] <= notice["t_s"] <= end_s for notice in notices
    )


def _vehicle_came(row: Row, end_s: float, stood: Sequence[Stand]) -> bool:
    """Return whether the vehicle stood at the stop in time, stayed as was agreed, and gave up before the rider came."""
    came_s = row["came_s"] if not math.isnan(row["came_s"]) else math.inf
    return row["ready_s"] <= end_s < came_s and any(
        stand.place == row["origin"] and stand.from_s <= min(row["latest_pickup_s"], end_s) and end_s <= stand.until_s
        for stand in stood
    )


def _stands(moves: Sequence[Row], vehicles: Sequence[Row]) -> dict[int, list[Stand]]:
    """Return where each vehicle stood and when, from its moves alone."""
    stands: dict[int, list[Stand]] = defaultdict(list)
    since = {int(row["vehicle"]): (int(row["start_place"]), -math.inf) for row in vehicles}
    for move in sorted(moves, key=lambda move: (move["vehicle"], move["run"])):
        vehicle = int(move["vehicle"])
        place, from_s = since.get(vehicle, (int(move["origin"]), -math.inf))
        stands[vehicle].append(Stand(place, from_s, float(move["t_s"])))
        since[vehicle] = int(move["destination"]), float(move["end_s"])
    for vehicle, (place, from_s) in since.items():
        stands[vehicle].append(Stand(place, from_s, math.inf))
    return stands


def _too_many(rows: Sequence[Row], places: Mapping[int, int]) -> Iterator[str]:
    """Yield the vehicles that had more people aboard than places, by when people got in and out."""
    changes: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for row in rows:
        if not math.isnan(row["pickup_s"]):
            changes[int(row["vehicle"])] += [(row["pickup_s"], 1), (row["arrival_s"], -1)]
    for vehicle, moments in sorted(changes.items()):
        aboard = most = 0
        for _, step in sorted(moments):
            aboard += step
            most = max(most, aboard)
        if most > places.get(vehicle, 0):
            yield f"vehicle {vehicle} had {most} people aboard, and {places.get(vehicle, 0)} places"


def _miscounted(calls: Sequence[Row], places: Mapping[int, int]) -> Iterator[str]:
    """Yield the vehicles whose calls do not add up, or say that there were too many aboard."""
    aboard: dict[int, int] = defaultdict(int)
    for call in sorted(calls, key=lambda call: (call["vehicle"], call["run"])):
        vehicle = int(call["vehicle"])
        aboard[vehicle] += call["boarded"] - call["alighted"]
        if not 0 <= aboard[vehicle] == call["aboard"] <= places.get(vehicle, 0):
            counts = f"with {call['aboard']} aboard, {aboard[vehicle]} by count"
            yield f"vehicle {vehicle} left stop {call['place']} {counts}"
    yield from (
        f"vehicle {vehicle} ended the day with {people} aboard" for vehicle, people in sorted(aboard.items()) if people
    )


def _jumps(moves: Sequence[Row]) -> Iterator[str]:
    """Yield the vehicles that left a place where they had not arrived, or before they had."""
    last: dict[int, Row] = {}
    for move in sorted(moves, key=lambda move: (move["vehicle"], move["run"])):
        vehicle = int(move["vehicle"])
        before = last.get(vehicle)
        if before and (before["destination"] != move["origin"] or before["end_s"] > move["t_s"]):
            yield f"vehicle {vehicle} left {move['origin']} at {move['t_s']:.0f} s and was not there"
        last[vehicle] = move


def _apart(rows: Sequence[Row], calls: Sequence[Row]) -> Iterator[str]:
    """Yield the vehicles that called for more or fewer people than the promises say got in and out there."""
    by_calls: dict[tuple[int, int], int] = defaultdict(int)
    for call in calls:
        by_calls[int(call["vehicle"]), int(call["place"])] += call["boarded"] - call["alighted"]
    boarded = defaultdict(int, by_calls)
    for row in rows:
        if not math.isnan(row["pickup_s"]):
            boarded[int(row["vehicle"]), int(row["origin"])] -= 1
            if row["end"] == "ridden":
                boarded[int(row["vehicle"]), int(row["destination"])] += 1
    put_off = any(row["end"] != "ridden" and not math.isnan(row["pickup_s"]) for row in rows)
    if not put_off:
        yield from (
            f"vehicle {vehicle}: calls at {place} and promises differ by {people} people"
            for (vehicle, place), people in sorted(boarded.items()) if people
        )  # fmt: skip


def _of(table: pa.Table, service: str) -> list[dict[str, Any]]:
    codes, names = texts(table, "service")
    code = names.index(service) if service in names else -1
    rows: list[dict[str, Any]] = rows_at(table, np.flatnonzero(codes == code)).to_pylist()
    return rows


def _key(row: Row) -> tuple[float, int, int, int, int]:
    return row["t_s"], row["person"], row["trip"], row["leg"], row["step"]


def _name(row: Row) -> str:
    return f"person {row['person']}, trip {row['trip']}, leg {row['leg']}, promised at {row['t_s']:.0f} s"
