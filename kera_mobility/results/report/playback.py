"""Where every vehicle was, all day: stretches of the map with begin, end, and how many were aboard or the charge left.

Calls give the moment of leaving a stop. A vehicle is drawn to ride as fast as the fastest ride between the same two
stops that day, less a short dwell, and to stand at the stop for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kera_mobility.results.facts import TRANSIT, Facts
from kera_mobility.results.record import numbers, texts
from kera_mobility.results.report.drawn_paths import TRACK, WHEELS, Ways
from kera_mobility.units import FloatArray, IntArray

NEAR_TRACK_M = 250.0
"""Vehicles most of which have all stops this near to the railway are drawn as trains. Assumption, for drawing only."""
LEAST_TRACK_STOPS = 2
"""One stop beside a railway proves nothing: vehicles with fewer stops on the map are not asked."""
CLOCK_SLACK_S = 1.0
"""Clocks of a call and of a move may differ by rounding."""
SHOWN_DWELL_S, SHOWN_DWELL_SHARE = 20.0, 0.2
"""A vehicle is drawn to stand so long before it leaves, at most this share of the hop. Assumption, for drawing only."""
NO_CHARGE = -1
IN_A_VAN = -2
"""A load from here down says that the vehicle is carried by a van: the charge in percent is this less the load."""
CARRIED = ("rebalance", "collect")
"""Causes of moves in a crew's van."""
ON_DEMAND, SHARED = "on_demand", "scooter"
"""Kinds of service that are drawn in ways of their own."""
CALLED, FREE, DRIVEN = "called", "free", "driven"
"""How a vehicle is shown: while its runs last; standing until somebody rides it; standing with its driver."""
VAN = "van"

Stretch = tuple[int, int, float, float, int]
"""Origin row, destination row, begin s, end s, aboard or charge in percent."""


class Fleet:
    """The vehicles of one run and their stretches; `want` their ways, then `told` them once the ways are found."""

    def __init__(self, facts: Facts, ways: Ways) -> None:
        self._facts, self._ways = facts, ways
        self._vehicles: list[dict[str, Any]] = []
        for service in facts.services:
            calls, moves = facts.of_service("calls", service), facts.of_service("moves", service)
            if facts.services[service]["kind"] == ON_DEMAND:
                self._read_driven(service, calls, moves)
            elif calls.num_rows:
                self._read_calls(service, {name: numbers(calls, name) for name in _CALL_COLUMNS})
            elif moves.num_rows or facts.of_service("vehicles", service).num_rows:
                self._read_moves(service, moves)
            self._read_vans(service)
        for vehicle in self._vehicles:
            for origin, destination, *_ in vehicle["stretches"]:
                ways.want(vehicle["net"], origin, destination)

    @property
    def train_stops(self) -> IntArray:
        """Rows of the places where trains call; where there is no railway, all stops of lines."""
        for kind in ("train", "bus"):
            rows = [
                row for one in self._vehicles if one["kind"] == kind for part in one["stretches"] for row in part[:2]
            ]
            if rows:
                return np.unique(np.array(rows, dtype=np.int64))
        return np.empty(0, dtype=np.int64)

    def told(self) -> list[dict[str, Any]]:
        """Return the vehicles for the page: id, service, kind, how it is shown, places, first place, stretches, calls.

        `s` has four whole numbers for each stretch: way, begin s, end s, aboard or charge in percent. A call is moment
        s, place, boarded, alighted, left behind, aboard (or charge in percent); of a van batteries changed, vehicles
        taken, put down, not found, and aboard.
        """
        number = self._ways.number
        told = []
        for one in self._vehicles:
            flat: list[int] = []
            for origin, destination, begin_s, end_s, load in one["stretches"]:
                flat += [number(one["net"], origin, destination), round(begin_s), round(end_s), load]
            told.append({name: one[name] for name in _TOLD} | {"s": flat})
        return told

    def boarding_stops(self, service: str) -> Mapping[int, tuple[FloatArray, IntArray]]:
        """Return the calls of each vehicle of a service: moments of leaving (C,) and rows of the stops (C,)."""
        return {
            one["id"]: (np.array([call[0] for call in one["calls"]]), np.array([call[1] for call in one["calls"]]))
            for one in self._vehicles
            if one["service"] == service and one["kind"] != VAN and len(one["calls"]) > 1
        }

    def _read_calls(self, service: str, calls: Mapping[str, Any]) -> None:
        """Read the vehicles that call at stops."""
        rows = self._ways.ground.rows(calls["place"].astype(np.int64))
        order = np.lexsort((calls["step"], calls["run"], calls["vehicle"]))
        fastest = _fastest_hops(calls, rows, order)
        places = self._places_of(service)
        is_line = self._facts.services[service]["mode"] == TRANSIT
        of_vehicle = np.split(order, np.flatnonzero(np.diff(calls["vehicle"][order])) + 1)
        sizes = [places.get(int(calls["vehicle"][mine[0]]), (0, 0, 0))[0] for mine in of_vehicle]
        train_sizes = self._train_sizes([rows[mine] for mine in of_vehicle], sizes) if is_line else frozenset()
        for mine, size in zip(of_vehicle, sizes, strict=True):
            vehicle, by_track = int(calls["vehicle"][mine[0]]), size in train_sizes
            stretches: list[Stretch] = []
            for first, second in zip(mine[:-1].tolist(), mine[1:].tolist(), strict=True):
                if calls["run"][first] != calls["run"][second] or rows[first] == rows[second]:
                    continue
                begin_s = float(calls["t_s"][first])
                hop_s = min(fastest[int(rows[first]), int(rows[second])], float(calls["t_s"][second]) - begin_s)
                ride_s = max(hop_s - SHOWN_DWELL_S, hop_s * (1.0 - SHOWN_DWELL_SHARE))
                aboard = int(calls["aboard"][first])
                stretches.append((int(rows[first]), int(rows[second]), begin_s, begin_s + ride_s, aboard))
            kind = ("train" if by_track else "bus") if is_line else str(self._facts.services[service]["kind"])
            self._vehicles.append(
                {
                    "id": vehicle, "service": service, "kind": kind, "places": size, "at": int(rows[mine[0]]),
                    "net": TRACK if by_track else WHEELS, "stretches": stretches, "shown": CALLED,
                    "calls": _told_calls(calls, rows, mine),
                }
            )  # fmt: skip

    def _train_sizes(self, stops: list[IntArray], sizes: list[int]) -> frozenset[int]:
        """Return the numbers of places of vehicles most of which call beside the railway alone."""
        ground = self._ways.ground
        known = np.unique(np.concatenate(stops))
        beside = set(known[ground.near_track(known, NEAR_TRACK_M)].tolist())
        votes: dict[int, list[bool]] = {}
        for mine, size in zip(stops, sizes, strict=True):
            inside = {row for row in mine.tolist() if not ground.outside[row]}
            if len(inside) >= LEAST_TRACK_STOPS:
                votes.setdefault(size, []).append(inside <= beside)
        return frozenset(size for size, found in votes.items() if 2 * sum(found) > len(found))

    def _read_moves(self, service: str, table: pa.Table) -> None:
        """Read the vehicles that stand until they are moved."""
        ground, about = self._ways.ground, self._facts.services[service]
        moves = {name: numbers(table, name) for name in _MOVE_COLUMNS}
        codes, causes = texts(table, "cause")
        carried = np.isin(codes, [at for at, cause in enumerate(causes) if cause in CARRIED])
        has_battery = about.get("low_charge") != 0.0
        origin, destination = (ground.rows(moves[name].astype(np.int64)) for name in ("origin", "destination"))
        order = np.lexsort((moves["t_s"], moves["vehicle"]))
        mine: dict[int, list[Stretch]] = {}
        for at in order.tolist():
            charge = float(moves["charge"][at])
            left = NO_CHARGE if np.isnan(charge) or not has_battery else round(100 * charge)
            left = IN_A_VAN - max(left, 0) if carried[at] else left
            stretch = (int(origin[at]), int(destination[at]), float(moves["t_s"][at]), float(moves["end_s"][at]), left)
            mine.setdefault(int(moves["vehicle"][at]), []).append(stretch)
        kind = str(about["kind"] if about["kind"] != SHARED else about["mode"])
        for vehicle, (places, start, charge) in self._places_of(service).items():
            self._vehicles.append(
                {
                    "id": vehicle, "service": service, "kind": kind, "places": places, "at": start, "net": WHEELS,
                    "stretches": mine.get(vehicle, []), "shown": FREE,
                    "calls": [[0, start, 0, 0, 0, charge if has_battery else NO_CHARGE]],
                }
            )  # fmt: skip

    def _read_driven(self, service: str, calls_table: pa.Table, moves_table: pa.Table) -> None:
        """Read the vehicles that go where they are called: from move to move, with those aboard since the last call."""
        rows_of = self._ways.ground.rows
        calls = {name: numbers(calls_table, name) for name in _CALL_COLUMNS}
        moves = {name: numbers(moves_table, name) for name in _MOVE_COLUMNS}
        rows = rows_of(calls["place"].astype(np.int64))
        origin, destination = (rows_of(moves[name].astype(np.int64)) for name in ("origin", "destination"))
        for vehicle, (places, start, _) in self._places_of(service).items():
            mine = np.flatnonzero(calls["vehicle"] == vehicle)
            mine = mine[np.argsort(calls["t_s"][mine], kind="stable")]
            went = np.flatnonzero(moves["vehicle"] == vehicle)
            went = went[np.argsort(moves["t_s"][went], kind="stable")]
            before = np.searchsorted(calls["t_s"][mine], moves["t_s"][went] + CLOCK_SLACK_S, side="right") - 1
            aboard = [int(calls["aboard"][mine[at]]) if at >= 0 else 0 for at in before.tolist()]
            stretches = [
                (int(origin[at]), int(destination[at]), float(moves["t_s"][at]), float(moves["end_s"][at]), load)
                for at, load in zip(went.tolist(), aboard, strict=True)
                if origin[at] != destination[at]
            ]
            self._vehicles.append(
                {
                    "id": vehicle, "service": service, "kind": ON_DEMAND, "places": places, "at": start, "net": WHEELS,
                    "stretches": stretches, "shown": DRIVEN, "calls": _told_calls(calls, rows, mine),
                }
            )  # fmt: skip

    def _read_vans(self, service: str) -> None:
        """Read the crews' vans of a fleet: drives between places, and what was done at each."""
        table = self._facts.of_service("crews", service)
        if not table.num_rows:
            return
        work = {name: numbers(table, name) for name in _VAN_COLUMNS}
        rows_of = self._ways.ground.rows
        origin, destination = (rows_of(work[name].astype(np.int64)) for name in ("origin", "destination"))
        order = np.lexsort((work["step"], work["t_s"], work["van"]))
        for van in np.unique(work["van"]).tolist():
            mine = [at for at in order.tolist() if work["van"][at] == van]
            stretches = [
                (int(origin[at]), int(destination[at]), float(work["t_s"][at]), float(work["arrive_s"][at]),
                 int(work["aboard"][before]))
                for before, at in zip([mine[0], *mine[:-1]], mine, strict=True)
                if origin[at] != destination[at]
            ]  # fmt: skip
            calls = [
                [round(float(work["arrive_s"][at])), int(destination[at]),
                 *(int(work[name][at]) for name in ("swapped", "taken", "put", "missed", "aboard"))]
                for at in mine
            ]  # fmt: skip
            self._vehicles.append(
                {
                    "id": int(van), "service": service, "kind": VAN, "places": 0, "at": int(origin[mine[0]]),
                    "net": WHEELS, "stretches": stretches, "shown": DRIVEN, "calls": calls,
                }
            )  # fmt: skip

    def _places_of(self, service: str) -> dict[int, tuple[int, int, int]]:
        """Return places, row of the first place and charge in percent of each vehicle of a service."""
        table = self._facts.of_service("vehicles", service)
        start = self._ways.ground.rows(numbers(table, "start_place").astype(np.int64))
        charge = np.nan_to_num(numbers(table, "start_charge") * 100, nan=NO_CHARGE)
        found = zip(numbers(table, "vehicle").tolist(), numbers(table, "places").tolist(), start.tolist(),
                    np.rint(charge).astype(np.int64).tolist(), strict=True)  # fmt: skip
        return {vehicle: (places, row, left) for vehicle, places, row, left in found}


_CALL_COLUMNS = ("t_s", "vehicle", "run", "step", "place", "alighted", "boarded", "left_behind", "aboard")
_MOVE_COLUMNS = ("t_s", "vehicle", "origin", "destination", "end_s", "charge")
_VAN_COLUMNS = ("t_s", "van", "step", "origin", "destination", "arrive_s", "swapped", "taken", "put", "missed",
                "aboard")  # fmt: skip
_TOLD = ("id", "service", "kind", "shown", "places", "at", "calls")


def _told_calls(calls: Mapping[str, Any], rows: IntArray, mine: IntArray) -> list[list[int]]:
    """Return some calls for the page."""
    return [
        [round(float(calls["t_s"][at])), int(rows[at]),
         *(int(calls[name][at]) for name in ("boarded", "alighted", "left_behind", "aboard"))]
        for at in mine.tolist()
    ]  # fmt: skip


def _fastest_hops(calls: Mapping[str, Any], rows: IntArray, order: IntArray) -> dict[tuple[int, int], float]:
    """Return the shortest time between leaving one stop and leaving the next, by pair of stops."""
    fastest: dict[tuple[int, int], float] = {}
    same = (np.diff(calls["vehicle"][order]) == 0) & (np.diff(calls["run"][order]) == 0)
    for at in np.flatnonzero(same).tolist():
        first, second = int(order[at]), int(order[at + 1])
        hop = (int(rows[first]), int(rows[second]))
        took_s = float(calls["t_s"][second]) - float(calls["t_s"][first])
        fastest[hop] = min(fastest.get(hop, np.inf), took_s)
    return fastest
