"""What a feed says of changing vehicles: transfers.txt, stations, in which vehicles riders stay for the next trip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from kera_mobility.geometry import distance_m
from kera_mobility.town.timetable.connection_scan import INTERCHANGE_M
from kera_mobility.town.timetable.feed_account import FeedAccount
from kera_mobility.town.timetable.feed_calls import Calls, Stops, starts_of
from kera_mobility.town.timetable.feed_tables import FeedTables, line_of, whole
from kera_mobility.units import BoolArray, FloatArray, IntArray

_MOST_STATION_STOPS = 60
"""Platforms of a station that are joined pair by pair; of larger ones only those near each other. Assumption."""


class TransferRules(NamedTuple):
    """How long certain changes take; C calls in classes, K pairs of classes. Class 0 has no rules."""

    from_class: IntArray
    """(C,) of alighting."""
    to_class: IntArray
    """(C,) of boarding."""
    pair: IntArray
    """(K, 2) classes of alighting and boarding."""
    need_s: FloatArray
    """(K,) least time from arrival to departure; nan: slack and walk as elsewhere; inf: no change."""


class _Rule(NamedTuple):
    rank: int
    """The more specific rule holds."""
    from_stops: tuple[int, ...]
    from_route: str
    from_trip: str
    to_stops: tuple[int, ...]
    to_route: str
    to_trip: str
    need_s: float


class _Side:
    """The classes of calls on one side of the rules: by stop, and by route and trip where a rule there names one."""

    def __init__(self, sides: Iterable[tuple[tuple[int, ...], str, str]], stop: IntArray, route: Sequence[str],
                 trip: Sequence[str]) -> None:  # fmt: skip
        by_route: dict[int, bool] = {}
        by_trip: dict[int, bool] = {}
        for stops, route_id, trip_id in sides:
            for row in stops:
                by_route[row] = by_route.get(row, False) or bool(route_id or trip_id)
                by_trip[row] = by_trip.get(row, False) or bool(trip_id)
        number: dict[tuple[int, str, str], int] = {}
        self.of_call = np.zeros(len(stop), dtype=np.int64)
        for call in np.flatnonzero(np.isin(stop, list(by_route))).tolist():
            row = int(stop[call])
            key = (row, route[call] if by_route[row] else "", trip[call] if by_trip[row] else "")
            self.of_call[call] = number.setdefault(key, len(number) + 1)
        self._classes: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
        for (row, route_id, trip_id), index in number.items():
            self._classes[row].append((route_id, trip_id, index))

    def matching(self, stops: tuple[int, ...], route_id: str, trip_id: str) -> list[int]:
        """Return the classes that a side of a rule is about."""
        return [
            index for row in stops for route, trip, index in self._classes.get(row, ())
            if route_id in ("", route) and trip_id in ("", trip)
        ]  # fmt: skip


def transfer_rules(
    tables: FeedTables, stops: Stops, stop: IntArray, route: Sequence[str], trip: Sequence[str], account: FeedAccount
) -> TransferRules:
    """Return the rules between calls, of which the stop (C,), route_id and trip_id are given."""
    used = np.unique(stop)
    rules = [*_station_rules(stops, used), *_read_rules(tables, stops, set(used.tolist()), account)]
    sides = [_Side((rule[1:4] for rule in rules), stop, route, trip), _Side((rule[4:7] for rule in rules), stop, route,
                                                                            trip)]  # fmt: skip
    need_s: dict[tuple[int, int], float] = {}
    for rule in sorted(rules, key=lambda rule: rule.rank):
        for begin in sides[0].matching(*rule[1:4]):
            for end in sides[1].matching(*rule[4:7]):
                need_s[begin, end] = rule.need_s
    pairs = sorted(need_s)
    return TransferRules(
        sides[0].of_call, sides[1].of_call, np.array(pairs, dtype=np.int64).reshape(-1, 2),
        np.array([need_s[pair] for pair in pairs], dtype=np.float64),
    )  # fmt: skip


def next_trips(
    tables: FeedTables, stops: Stops, calls: Calls, begins: BoolArray, ends: BoolArray, account: FeedAccount
) -> dict[int, int]:
    """Return the trip that the vehicle of a trip makes next with its riders aboard, rows of trips.txt.

    Trips of one block where the one ends at or beside the stop where the other begins, and in-seat transfers of
    transfers.txt (type 4), less those that it denies (type 5).

    Parameters
    ----------
    begins, ends
        Whether the first and the last call of each trip are among the calls, (T,).
    """
    first = starts_of(calls.trip)
    last = np.append(first[1:], len(calls.trip)) - 1
    call_of = {row: (int(a), int(b)) for row, a, b in zip(calls.trip[first].tolist(), first, last, strict=True)}
    denied, given = _in_seat(tables, account)
    links: dict[int, int] = {}
    for row, following in [*given, *_within_blocks(tables, call_of, calls, stops, denied)]:
        if row in call_of and following in call_of and ends[row] and begins[following]:
            late = calls.arrive_s[call_of[row][1]] > calls.depart_s[call_of[following][0]]
            if not late and row not in links and following not in links.values():
                links[row] = following
    return links


def _in_seat(tables: FeedTables, account: FeedAccount) -> tuple[set[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of trips between which riders may not stay aboard, and those between which they may."""
    row_of = {trip: row for row, trip in reversed(list(enumerate(account.trip_id)))}
    denied, given = set(), []
    table = tables.table("transfers")
    for line in table[table["transfer_type"].isin(["4", "5"])].itertuples():
        pair = row_of.get(str(line.from_trip_id), -1), row_of.get(str(line.to_trip_id), -1)
        if min(pair) < 0:
            account.note("an in-seat transfer without two trips; not used", [f"transfers.txt:{line_of(line.Index)}"])
        elif line.transfer_type == "4":
            given.append(pair)
        else:
            denied.add(pair)
    return denied, given


def _within_blocks(
    tables: FeedTables, call_of: dict[int, tuple[int, int]], calls: Calls, stops: Stops, denied: set[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return each two trips that follow each other in a block, where the one begins where the other ends."""
    blocks: dict[str, list[int]] = defaultdict(list)
    block_id = tables.table("trips")["block_id"].tolist()
    for row in call_of:
        if block_id[row]:
            blocks[block_id[row]].append(row)
    pairs = []
    for block in sorted(blocks):
        rows = sorted(blocks[block], key=lambda row: (calls.depart_s[call_of[row][0]], row))
        for row, following in pairwise(rows):
            end, begin = (int(calls.stop[call_of[trip][side]]) for trip, side in ((row, 1), (following, 0)))
            if (row, following) not in denied and _beside(stops, end, begin):
                pairs.append((row, following))
    return pairs


def _beside(stops: Stops, one_stop: int, other: int) -> bool:
    near_m = distance_m(stops.lonlat[[one_stop]], (float(stops.lonlat[other, 0]), float(stops.lonlat[other, 1])))[0]
    return bool(stops.station[one_stop] == stops.station[other] or near_m <= INTERCHANGE_M)


def _station_rules(stops: Stops, used: IntArray) -> list[_Rule]:
    """Return the changes between platforms of one station that lie farther apart than an interchange."""
    members: dict[int, list[int]] = defaultdict(list)
    for row in used.tolist():
        members[int(stops.station[row])].append(row)
    rules = []
    for rows in members.values():
        if 1 < len(rows) <= _MOST_STATION_STOPS:
            for row in rows:
                away_m = distance_m(stops.lonlat[rows], (float(stops.lonlat[row, 0]), float(stops.lonlat[row, 1])))
                far = tuple(np.array(rows)[away_m > INTERCHANGE_M].tolist())
                if far:
                    rules.append(_Rule(-1, (row,), "", "", far, "", "", nan))
    return rules


def _read_rules(tables: FeedTables, stops: Stops, used: set[int], account: FeedAccount) -> list[_Rule]:
    """Return the rules of transfers.txt between stops that are used."""
    table = tables.table("transfers")
    row_of = {stop: row for row, stop in enumerate(stops.ids)}
    members: dict[int, list[int]] = defaultdict(list)
    for row in used:
        members[int(stops.station[row])].append(row)
    rules: list[_Rule] = []
    faults: list[str] = []
    timed = 0
    for line in table[~table["transfer_type"].isin(["4", "5"])].itertuples():
        need_s = _need_s(line)
        ends = [row_of.get(str(stop), -1) for stop in (line.from_stop_id, line.to_stop_id)]
        if need_s is None or min(ends) < 0:
            value = f"transfer_type {line.transfer_type!r}, min_transfer_time {line.min_transfer_time!r}"
            faults.append(f"transfers.txt:{line_of(line.Index)}: {value if need_s is None else 'no such stop'}")
            continue
        named = [(row,) if row in used else tuple(members.get(row, ())) for row in ends]
        if named[0] and named[1]:
            timed += str(line.transfer_type) == "1"
            of_trips, of_routes = bool(line.from_trip_id) + bool(line.to_trip_id), bool(line.from_route_id) + bool(
                line.to_route_id)  # fmt: skip
            of_stops = sum(row in used for row in ends)
            rules.append(_Rule(
                100 * of_trips + 10 * of_routes + of_stops, named[0], str(line.from_route_id), str(line.from_trip_id),
                named[1], str(line.to_route_id), str(line.to_trip_id), need_s,
            ))  # fmt: skip
    if faults:
        account.note("not used", faults)
    if timed:
        account.not_honoured.append(
            "timed transfers (type 1): no time is needed for them, but who is late is awaited only by connection_hold_s"
        )
    return rules


def _need_s(line: Any) -> float | None:
    """Return the time that a row of transfers.txt needs, as `TransferRules` has it; None if it cannot be read."""
    minimum = whole(str(line.min_transfer_time))
    return {"": nan, "0": nan, "1": 0.0, "2": minimum, "3": inf}.get(line.transfer_type)
