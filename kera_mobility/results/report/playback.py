"""Where every vehicle was, all day: stretches of the map with begin, end, and how many were aboard or the charge left.

Calls give the moment of leaving a stop. A vehicle is drawn to ride as fast as the fastest ride between the same two
stops that day, less a short dwell, and to stand at the stop for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.results.facts import TRANSIT, Facts
from kera_mobility.results.report.drawn_paths import TRACK, WHEELS, DrawnPaths
from kera_mobility.units import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

NEAR_TRACK_M = 250.0
"""Vehicles most of which have all stops this near to the railway are drawn as trains. Assumption, for drawing only."""
LEAST_TRACK_STOPS = 2
"""One stop beside a railway proves nothing: vehicles with fewer stops on the map have no vote."""
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
"""Kinds of service that are drawn in a form of their own."""
CALLED, FREE, DRIVEN = "called", "free", "driven"
"""How a vehicle is shown: while its runs last; standing until somebody rides it; standing with its driver."""
VAN = "van"

_STRETCH = ("origin", "destination", "t_s", "end_s", "load")
"""Columns of a stretch: rows of places, begin and end, people aboard or charge in percent."""
_CALL = ("moment_s", "place", "boarded", "alighted", "left_behind", "aboard")
_VAN_CALL = ("moment_s", "destination", "swapped", "taken", "put", "missed", "aboard")


class VehiclePlayback:
    """The vehicles of one run and their stretches; their paths are requested, `content` needs them found."""

    def __init__(self, facts: Facts, paths: DrawnPaths) -> None:
        self._facts, self._paths, self._map = facts, paths, paths.map
        self._vehicles: list[dict[str, Any]] = []
        for service, about in facts.services.items():
            calls, moves, fleet = (self._frame(table, service) for table in ("calls", "moves", "vehicles"))
            if about["kind"] == ON_DEMAND:
                self._add_driven(service, fleet, calls, moves)
            elif len(calls):
                self._add_called(service, fleet, calls)
            else:
                self._add_free(service, fleet, moves)
            self._add_vans(service, self._frame("crews", service))
        for vehicle in self._vehicles:
            for origin, destination, *_ in vehicle["stretches"]:
                paths.request(vehicle["graph"], origin, destination)

    @property
    def train_stops(self) -> IntArray:
        """Rows of the places where trains call; where there is no railway, all stops of lines."""
        for kind in ("train", "bus"):
            stretches = [part for vehicle in self._vehicles if vehicle["kind"] == kind for part in vehicle["stretches"]]
            if stretches:
                return np.unique([part[:2] for part in stretches])
        return np.empty(0, dtype=np.int64)

    def content(self) -> list[dict[str, Any]]:
        """Return the vehicles for the page: id, service, kind, how it is shown, places, first place, stretches, calls.

        `s` has four whole numbers for each stretch: path, begin s, end s, aboard or charge in percent. A call is moment
        s, place, boarded, alighted, left behind, aboard (or charge in percent); of a van batteries changed, vehicles
        taken, put down, not found, and aboard.
        """
        shown = ("id", "service", "kind", "shown", "places", "at", "calls")
        rows = []
        for vehicle in self._vehicles:
            flat: list[int] = []
            for origin, destination, begin_s, end_s, load in vehicle["stretches"]:
                path = self._paths.number(vehicle["graph"], origin, destination)
                flat += [path, round(begin_s), round(end_s), load]
            rows.append({name: vehicle[name] for name in shown} | {"s": flat})
        return rows

    def boarding_stops(self, service: str) -> Mapping[int, tuple[FloatArray, IntArray]]:
        """Return the calls of each vehicle of a service: moments of leaving (C,) and rows of the stops (C,)."""
        return {
            vehicle["id"]: (calls[:, 0].astype(np.float64), calls[:, 1])
            for vehicle in self._vehicles
            if vehicle["service"] == service and vehicle["kind"] != VAN and len(vehicle["calls"]) > 1
            for calls in [np.array(vehicle["calls"])]
        }

    def _frame(self, table: str, service: str) -> pd.DataFrame:
        """Return the rows of a service in a table, its nodes as rows of places."""
        return self._map.with_rows(self._facts.frame(table, service))

    def _add(self, service: str, fleet: pd.DataFrame, stretches: pd.DataFrame, calls: Mapping[int, Any]) -> None:
        """Add vehicles: `fleet` has vehicle, places, start_place, kind, graph and shown; `calls` are those of each."""
        of_vehicle = rows_by(stretches, "vehicle", _STRETCH)
        columns = ("vehicle", "kind", "places", "start_place", "graph", "shown")
        for vehicle, kind, places, start, graph, shown in zip(*(fleet[name].tolist() for name in columns), strict=True):
            self._vehicles.append(
                {
                    "id": vehicle, "service": service, "kind": kind, "places": places, "at": start, "graph": graph,
                    "stretches": of_vehicle.get(vehicle, []), "shown": shown, "calls": calls.get(vehicle, []),
                }
            )  # fmt: skip

    def _add_called(self, service: str, fleet: pd.DataFrame, calls: pd.DataFrame) -> None:
        """Add the vehicles that call at stops."""
        calls = calls.sort_values(["vehicle", "run", "step"], kind="stable")
        following = calls.groupby(["vehicle", "run"])[["place", "t_s"]].shift(-1)
        hop_s = following["t_s"] - calls["t_s"]
        hops = calls.assign(origin=calls["place"], destination=following["place"], hop_s=hop_s)
        hops = hops.dropna(subset="destination").astype({"destination": np.int64}).rename(columns={"aboard": "load"})
        fastest_s = hops.groupby(["origin", "destination"])["hop_s"].transform("min")
        hops["end_s"] = hops["t_s"] + np.maximum(fastest_s - SHOWN_DWELL_S, fastest_s * (1.0 - SHOWN_DWELL_SHARE))
        first = calls.drop_duplicates("vehicle")[["vehicle", "place"]].rename(columns={"place": "start_place"})
        fleet = first.merge(fleet[["vehicle", "places"]], how="left").fillna({"places": 0}).astype({"places": np.int64})
        about = self._facts.services[service]
        kind, trains = np.full(len(fleet), str(about["kind"]), dtype=object), np.zeros(len(fleet), dtype=np.bool_)
        if about["mode"] == TRANSIT:
            trains = self._are_trains(fleet, calls)
            kind = np.where(trains, "train", "bus")
        fleet = fleet.assign(kind=kind, graph=np.where(trains, TRACK, WHEELS), shown=CALLED)
        self._add(service, fleet, hops[hops["origin"] != hops["destination"]], _calls_by_vehicle(calls))

    def _are_trains(self, fleet: pd.DataFrame, calls: pd.DataFrame) -> AnyArray:
        """Return which vehicles have a size most vehicles of which call beside the railway alone."""
        stops = calls[["vehicle", "place"]].drop_duplicates()
        stops = stops[~self._map.outside[stops["place"]]]
        stops["beside"] = self._map.near_track(stops["place"].to_numpy(), NEAR_TRACK_M)
        votes = stops.groupby("vehicle")["beside"].agg(["size", "all"])
        votes = votes[votes["size"] >= LEAST_TRACK_STOPS]
        sizes = fleet.set_index("vehicle")["places"]
        for_train = votes["all"].groupby(sizes.reindex(votes.index)).mean() > 0.5
        return fleet["places"].isin(for_train.index[for_train]).to_numpy()

    def _add_free(self, service: str, fleet: pd.DataFrame, moves: pd.DataFrame) -> None:
        """Add the vehicles that stand until they are moved."""
        about = self._facts.services[service]
        has_battery = about.get("low_charge") != 0.0
        moves = moves.sort_values(["vehicle", "t_s"], kind="stable")
        charge = _percent(moves["charge"]) if has_battery else np.full(len(moves), NO_CHARGE)
        moves["load"] = np.where(moves["cause"].isin(CARRIED), IN_A_VAN - np.maximum(charge, 0), charge)
        start = _percent(fleet["start_charge"]) if has_battery else np.full(len(fleet), NO_CHARGE)
        calls = {
            vehicle: [[0, place, 0, 0, 0, percent]]
            for vehicle, place, percent in zip(fleet["vehicle"], fleet["start_place"], start.tolist(), strict=True)
        }
        kind = str(about["kind"] if about["kind"] != SHARED else about["mode"])
        self._add(service, fleet.assign(kind=kind, graph=WHEELS, shown=FREE), moves, calls)

    def _add_driven(self, service: str, fleet: pd.DataFrame, calls: pd.DataFrame, moves: pd.DataFrame) -> None:
        """Add the vehicles that go where they are called: from move to move, with those aboard since the last call."""
        import pandas as pd

        calls, moves = (table.sort_values("t_s", kind="stable") for table in (calls, moves))
        moves["by_s"] = moves["t_s"] + CLOCK_SLACK_S
        aboard = calls[["vehicle", "t_s", "aboard"]].rename(columns={"t_s": "by_s", "aboard": "load"})
        moves = pd.merge_asof(moves, aboard, on="by_s", by="vehicle").fillna({"load": 0}).astype({"load": np.int64})
        fleet = fleet.assign(kind=ON_DEMAND, graph=WHEELS, shown=DRIVEN)
        self._add(service, fleet, moves[moves["origin"] != moves["destination"]], _calls_by_vehicle(calls))

    def _add_vans(self, service: str, work: pd.DataFrame) -> None:
        """Add the crews' vans of a fleet: drives between places, and what was done at each."""
        work = work.sort_values(["van", "t_s", "step"], kind="stable")
        load = work.groupby("van")["aboard"].shift().fillna(work["aboard"]).astype(np.int64)
        calls = work.assign(vehicle=work["van"], moment_s=work["arrive_s"])
        drives = calls.assign(end_s=work["arrive_s"], load=load)[work["origin"] != work["destination"]]
        fleet = calls.drop_duplicates("vehicle").rename(columns={"origin": "start_place"})
        fleet = fleet.assign(places=0, kind=VAN, graph=WHEELS, shown=DRIVEN)
        self._add(service, fleet, drives, _calls_by_vehicle(calls, _VAN_CALL))


def _percent(charge: pd.Series[float]) -> IntArray:
    """Return states of charge in percent, NO_CHARGE where there is no battery."""
    percent: IntArray = np.rint(np.nan_to_num(charge * 100, nan=NO_CHARGE)).astype(np.int64)
    return percent


def _calls_by_vehicle(calls: pd.DataFrame, columns: Sequence[str] = _CALL) -> dict[int, list[list[int]]]:
    """Return the calls of each vehicle for the page, in the order of the frame."""
    moments = calls["moment_s"] if "moment_s" in calls else calls["t_s"]
    return rows_by(calls.assign(moment_s=np.rint(moments).astype(np.int64)), "vehicle", columns)


def rows_by(frame: pd.DataFrame, key: str, columns: Sequence[str]) -> dict[int, list[list[Any]]]:
    """Return some columns of the rows with each key, in the order of the frame, as plain values."""
    rows: dict[int, list[list[Any]]] = {}
    values = zip(*(frame[column].tolist() for column in columns), strict=True)
    for owner, row in zip(frame[key].tolist(), values, strict=True):
        rows.setdefault(owner, []).append(list(row))
    return rows
