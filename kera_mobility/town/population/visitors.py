"""Visitors to events: people from elsewhere who come for a concert, a match or a market, and go home after it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.errors import MissingFileError, NetworkError, nearest_name
from kera_mobility.ledger import is_file, read_text
from kera_mobility.town.population.land_use import Gravity, Zones
from kera_mobility.units import HOUR_S, MINUTE_S, FloatArray, IntArray

COMES = ("at_start", "any_time")
"""Visitors are there when it begins and stay to the end, or come and go while it lasts."""


@dataclass(frozen=True)
class Event:
    """A row of `events.csv`: something that draws people for some hours of the day."""

    name: str
    title: str
    lonlat: tuple[float, float]
    start_s: float
    """Seconds from midnight."""
    end_s: float
    attendance: int
    """People who come from beyond the neighbours; who lives near has leisure tours of their own."""
    comes: str
    """One of COMES."""


def read_events(area_folder: Path, names: Sequence[str]) -> tuple[Event, ...]:
    """Return events of an area by name, in the order of its `events.csv`, so that ids do not hang on who asks.

    Raises
    ------
    MissingFileError
        If the area has no such event; the message names those it has.
    NetworkError
        If the table is broken, with file and line.
    """
    if not names:
        return ()
    path = area_folder / "events.csv"
    if not is_file(path):
        raise MissingFileError(f"{path}: no such file; `town.people.events` needs it")
    table = csv.DictReader(io.StringIO(read_text(path), newline=""))
    events = [_event(path, number, row) for number, row in enumerate(table, start=2)]
    listed = [event.name for event in events]
    for name in names:
        if name not in listed:
            raise MissingFileError(
                f"{path}: no event '{name}'{nearest_name(name, listed)}; expected some of {', '.join(listed)}"
            )
    return tuple(event for event in events if event.name in names)


def event_numbers(area_folder: Path, events: Sequence[Event]) -> IntArray:
    """Return the lasting number of each event, its row in the table, (E,)."""
    lines = io.StringIO(read_text(area_folder / "events.csv"), newline="")
    order = [row["event"] for row in csv.DictReader(lines)]
    return np.array([order.index(event.name) for event in events], dtype=np.int64)


def _event(path: Path, line: int, row: dict[str, str]) -> Event:
    try:
        start_s, end_s = _clock_s(row["start"]), _clock_s(row["end"])
        event = Event(
            row["event"], row["title"], (float(row["lon"]), float(row["lat"])), start_s, end_s,
            int(row["attendance"]), row["comes"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise NetworkError(
            f"{path}:{line}: expected event,title,lon,lat,start,end,attendance,comes with times as 18:30, got {error!r}"
        ) from None
    if event.comes not in COMES or event.attendance < 0 or not 0.0 <= start_s < end_s <= 24 * HOUR_S:
        raise NetworkError(
            f"{path}:{line}: {event.name}: expected an end after the start, attendance from 0 and comes one of {COMES}"
        )
    return event


def _clock_s(text: str) -> float:
    hours, minutes = text.split(":")
    return int(hours) * HOUR_S + int(minutes) * MINUTE_S


def homes_of_visitors(
    zones: Zones, events: Sequence[Event], event: IntArray, person: IntArray, catchment: FloatArray, decay_m: float,
    dice: Dice,
) -> tuple[IntArray, IntArray]:  # fmt: skip
    """Return the zone and the node where each visitor lives, (V,) each: the nearer to the event the likelier.

    Parameters
    ----------
    event
        Row of each visitor's event in `events`, (V,).
    catchment
        Residents of each zone who may come, (Z,).
    """
    points = np.array([event_row.lonlat for event_row in events]) * zones.scale
    apart = points[:, None, :] - zones.xy_m[None, :, :]
    distance_m = np.sqrt(apart[..., 0] * apart[..., 0] + apart[..., 1] * apart[..., 1])
    zone = Gravity.of(catchment, distance_m, decay_m).draw(event, dice.uniform("home zone", person))
    return zone, zones.pick_node(zone, dice.uniform("home", person))


def hours_of_visits(
    events: Sequence[Event], event: IntArray, person: IntArray, settings: Any, dice: Dice
) -> FloatArray:
    """Return when visitors mean to arrive at their event and to leave it, seconds from midnight, (V, 2)."""
    start_s = np.array([event_row.start_s for event_row in events])[event]
    end_s = np.array([event_row.end_s for event_row in events])[event]
    drops_in = np.array([event_row.comes == "any_time" for event_row in events])[event]
    come, go = dice.uniform("visit comes", person), dice.uniform("visit goes", person)
    longest_s = end_s - start_s
    stay_s = np.minimum(settings.visit_stay_h * HOUR_S * (0.5 + go), longest_s)
    arrive_s = np.where(drops_in, start_s + come * (longest_s - stay_s), start_s - come * settings.visit_early_s)
    leave_s = np.where(drops_in, arrive_s + stay_s, end_s + go * settings.visit_linger_s)
    return np.stack([arrive_s, leave_s], axis=1)
