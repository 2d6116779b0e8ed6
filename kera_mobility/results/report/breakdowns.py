"""One run in numbers that are no KPIs: by hour, by group of people, by service and time of day, and in histograms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.geometry import contains
from kera_mobility.results.compare.differences import difference_rows, judged
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.facts import EVERYONE, RESIDENTS, Facts, mean, share
from kera_mobility.results.kpis.modes import SCOOTER
from kera_mobility.results.record import numbers
from kera_mobility.results.report.basemap import DrawnMap
from kera_mobility.results.runs import RunKey
from kera_mobility.units import DAY_S, HOUR_S, MINUTE_S, AnyArray, BoolArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd

AGE_FROM = (7, 18, 30, 45, 65)
"""First ages of the bands of the report; the same as those of registration where they meet."""
OLDEST = 200
BIN_MIN = 5
LONGEST_MIN = 120
WAIT_BIN_MIN = 1
LONGEST_WAIT_MIN = 30
SLOT_S = 900.0
"""Fleets are counted at these intervals."""
LOW_CHARGE = 0.2
"""A battery below this is shown as low. Assumption, for drawing only."""
REGION = ("resident", "neighbour")
"""Populations that live in the area."""
NOT_COMPLETED = "none"
"""Stands for a main mode where a trip was not completed."""

Groups = dict[str, list[float | None]]
"""MEASURES by group."""
MEASURES = ("trips", "sustainable_share", "door_to_door_s", "wait_s", "walk_s", "unserved_share")
"""Figures of a group: trips; share of completed trips; means of completed trips; share of all trips."""


def hours(facts: Facts) -> dict[str, dict[str, list[int]]]:
    """Return departures by hour (24 or more) and main mode for residents and everyone; `none` is not completed."""
    import pandas as pd

    modes = _main_modes(facts)
    hour = (numbers(facts.record.tables["trips"], "t_s") // HOUR_S).astype(np.int64)
    shown = range(max(23, int(hour.max(initial=0))) + 1)
    departures: dict[str, dict[str, list[int]]] = {}
    for group in facts.groups:
        if group.name in (RESIDENTS, EVERYONE):
            counts = pd.crosstab(hour[group.trips], modes[group.trips]).reindex(index=shown, fill_value=0)
            by_mode = counts.reindex(columns=[*facts.modes, NOT_COMPLETED], fill_value=0)
            departures[group.name] = {str(mode): column.tolist() for mode, column in by_mode.items()}
    return departures


def histograms(facts: Facts) -> dict[str, Any]:
    """Return counts of trips by door-to-door time (5 min bins) and of rides by wait (1 min bins); the last is open."""
    door_to_door = _bins(facts.door_to_door_s[facts.completed] / MINUTE_S, BIN_MIN, LONGEST_MIN)
    waits = {
        service: _bins(facts.frame("legs", service)["wait_s"] / MINUTE_S, WAIT_BIN_MIN, LONGEST_WAIT_MIN)
        for service in facts.services
        if service in facts.operated
    }
    return {"door_to_door": {"bin": BIN_MIN, "counts": door_to_door}, "wait": {"bin": WAIT_BIN_MIN, "counts": waits}}


def fleets(facts: Facts) -> dict[str, dict[str, list[float]]]:
    """Return, for each service with vehicles, counts every quarter of an hour: moving, aboard, standing, low."""
    slots = np.arange(0.0, DAY_S + 4 * HOUR_S, SLOT_S)
    counts: dict[str, dict[str, list[float]]] = {}
    for service in facts.services:
        vehicles = facts.frame("vehicles", service)
        if vehicles.empty:
            continue
        moving, aboard = moving_and_aboard(facts, service, slots)
        counts[service] = {"moving": moving.tolist(), "aboard": aboard.tolist()}
        if vehicles["start_charge"].notna().any() and facts.services[service].get("low_charge") != 0.0:
            counts[service]["standing"] = (len(vehicles) - moving).tolist()
            counts[service]["low"] = _low(vehicles, facts.frame("moves", service), slots)
    return counts


def moving_and_aboard(facts: Facts, service: str, slots: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how many vehicles of a service drove and how many people rode at some moments, (S,) each."""
    moves, legs = facts.frame("moves", service), facts.frame("legs", service)
    driven = moves[moves["distance_m"] > 0]  # charging is no move
    board_s = legs["t_s"] + legs["walk_s"] + legs["wait_s"]
    return (
        _under_way(driven["t_s"], driven["end_s"], slots),
        _under_way(board_s, board_s + legs["ride_s"], slots),
    )


def by_group(facts: Facts, drawn_map: DrawnMap, zones: Sequence[Mapping[str, Any]]) -> Groups:
    """Return MEASURES for each group of people: `age.7`, `car.0`, `zone.<name>`, `population.<name>`."""
    people = facts.record.people.to_pandas()
    population, age, cars = people["population"], people["age"], people["household_cars"]
    resident, in_region = population == "resident", population.isin(REGION)
    home = drawn_map.place_lonlat[drawn_map.rows(people["home"].to_numpy())]
    groups: dict[str, pd.Series[bool]] = {}
    for low, high in zip(AGE_FROM, (*AGE_FROM[1:], OLDEST), strict=True):
        groups[f"age.{low}"] = resident & (age >= low) & (age < high)
    groups["car.0"], groups["car.1"] = resident & (cars == 0), resident & (cars > 0)
    for zone in zones:
        groups[f"zone.{zone['name']}"] = in_region & contains(np.asarray(zone["outline"], dtype=np.float64), home)
    for name in sorted(population.unique()):
        groups[f"population.{name}"] = population == name
    return {name: _measures(facts, members.to_numpy()) for name, members in groups.items() if members.any()}


def group_differences(before: Mapping[RunKey, Groups], after: Mapping[RunKey, Groups]) -> dict[str, list[Any]]:
    """Return, for each group and each of MEASURES, the paired difference with the ends of its interval, or None."""
    pairs = before.keys() & after.keys()
    quantities = {key: list(_group_quantities(before[key], after[key])) for key in sorted(pairs, key=lambda k: k.order)}
    (rows,) = judged([difference_rows(quantities)])
    found: dict[str, list[Any]] = {}
    for row in rows:
        name, _, measure = row.id.rpartition("/")
        found.setdefault(name, [None] * len(MEASURES))[MEASURES.index(measure)] = [row.difference, row.low, row.high]
    return found


def _group_quantities(before: Groups, after: Groups) -> Iterator[Quantity]:
    for name in (name for name in before if name in after):
        for measure, first, then in zip(MEASURES, before[name], after[name], strict=True):
            if first is not None and then is not None:
                unit = "share of trips" if measure.endswith("_share") else "s"
                yield Quantity(About(f"{name}/{measure}", "groups", unit, name, ""), first, then)


def _measures(facts: Facts, members: BoolArray) -> list[float | None]:
    trips = members[facts.person_row]
    done = trips & facts.completed
    sustainable = [facts.modes.index(mode) for mode in facts.sustainable_modes if mode != SCOOTER]
    measures = [
        float(np.count_nonzero(trips)),
        share(int(np.isin(facts.main_mode[done], sustainable).sum()), int(done.sum())),
        *(mean(values[done]) for values in (facts.door_to_door_s, facts.wait_s, facts.walk_s)),
        share(int((trips & (facts.outcome == "unserved")).sum()), int(trips.sum())),
    ]
    return [value if math.isfinite(value) else None for value in measures]


def substitution(a: Facts, b: Facts) -> dict[str, Any]:
    """Return how many of the same trips went from each main mode in a to each in b; the last is not completed."""
    import pandas as pd

    modes = [
        pd.Series(_main_modes(facts), pd.MultiIndex.from_frame(facts.record.frame("trips")[["person", "trip"]]))
        for facts in (a, b)
    ]
    pairs = pd.concat(modes, axis=1, keys=["a", "b"], join="inner")
    names = [*dict.fromkeys([*a.modes, *b.modes]), NOT_COMPLETED]
    counts = pd.crosstab(pairs["a"], pairs["b"]).reindex(index=names, columns=names, fill_value=0)
    return {"modes": names, "counts": counts.to_numpy().tolist(), "trips": len(pairs)}


def _main_modes(facts: Facts) -> AnyArray:
    """Return the name of the main mode of each trip, (T,)."""
    return np.array([*facts.modes, NOT_COMPLETED], dtype=object)[facts.main_mode]


def _bins(values: FloatArray | pd.Series[float], width: int, longest: int) -> list[int]:
    edges = np.arange(0, longest + 2 * width, width)
    counts: list[int] = np.histogram(np.clip(values, 0, longest), edges)[0].tolist()
    return counts


def _under_way(begin_s: pd.Series[float], end_s: pd.Series[float], slots: FloatArray) -> FloatArray:
    begun, ended = (np.searchsorted(np.sort(moments), slots, side="right") for moments in (begin_s, end_s))
    count: FloatArray = (begun - ended).astype(np.float64)
    return count


def _low(vehicles: pd.DataFrame, moves: pd.DataFrame, slots: FloatArray) -> list[float]:
    """Return how many vehicles have a low battery at each slot."""
    at_start = (vehicles.set_index("vehicle")["start_charge"] < LOW_CHARGE).astype(float)
    moves = moves.sort_values("end_s", kind="stable")
    low = (moves["charge"] < LOW_CHARGE).astype(float)
    before = low.groupby(moves["vehicle"]).shift().fillna(moves["vehicle"].map(at_start))
    count = np.concatenate([[0], np.cumsum(low - before)]) + at_start.sum()
    by_slot: list[float] = count[np.searchsorted(moves["end_s"], slots, side="right")].tolist()
    return by_slot
