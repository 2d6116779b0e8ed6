"""Visitors to events: people from elsewhere who come for a concert, a match or a market, and go home after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.errors import DataError, MissingFileError, nearest_name
from kera_mobility.tables import read_table
from kera_mobility.town.area_tables import EVENTS
from kera_mobility.town.population.land_use import PLACE, Gravity, Zones, off_map
from kera_mobility.town.population.settings import PeopleSettings
from kera_mobility.town.streets.streets import Streets
from kera_mobility.units import HOUR_S, FloatArray, IntArray

SHOP_HOURS_S = (9 * HOUR_S, 20 * HOUR_S)
"""Shoppers from elsewhere come evenly between these, seconds from midnight. Assumption."""
_FIRST_SHOP = 5_000
"""Numbers of shopping, above those of the events of any table."""


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
    number: int
    """Row of the table; it lasts."""
    purpose: str = "other"
    """Of those who come, one of PURPOSES."""
    stay_h: float | None = None
    """Mean stay of those who drop in; that of the settings if not given."""


def read_events(area_folder: Path, names: Sequence[str], streets: Streets | None = None) -> tuple[Event, ...]:
    """Return events of an area by name, in the order of its `events.csv`, so that ids do not hang on who asks.

    Raises
    ------
    MissingFileError
        If the area has no such event; the message names those it has.
    DataError
        If the table is broken, or an event lies off the map of the streets that are given; with every fault.
    """
    if not names:
        return ()
    table = read_table(area_folder / EVENTS.name, EVENTS, purpose="`town.people.events` needs it")
    listed = table.columns["event"]
    for name in names:
        if name not in listed:
            raise MissingFileError(
                f"{table.path}: no event '{name}'{nearest_name(name, listed)}; expected some of {', '.join(listed)}"
            )
    chosen = [row for row, name in enumerate(listed) if name in names]
    start_s, end_s = (table.columns[name] for name in ("start", "end"))
    faults = [table.fault(row, f"{name}: expected an end after the start") for row, name in enumerate(listed)
              if start_s[row] >= end_s[row]]  # fmt: skip
    faults += off_map(streets, table, chosen) if streets else []
    if faults:
        raise DataError(faults)
    values = [table.columns[name] for name in ("title", "lon", "lat", "start", "end", "attendance", "comes")]
    rows = [(row, *(column[row] for column in values)) for row in chosen]
    return tuple(
        Event(listed[row], title, (lon, lat), begins_s, ends_s, attendance, comes, row)
        for row, title, lon, lat, begins_s, ends_s, attendance, comes in rows
    )


def shopping_at(zones: Zones, places: IntArray, settings: PeopleSettings) -> tuple[Event, ...]:
    """Return the shopping of people from elsewhere at some places, (K,), as events that one drops in to."""
    lonlat, first = zones.xy_m[places] / zones.scale, int(zones.of_kind(PLACE)[0]) if len(places) else 0
    events = []
    for zone, (lon, lat) in zip(places.tolist(), lonlat.tolist(), strict=True):
        count = round(settings.shoppers_per_shop * float(zones.weights["shops"][zone]))
        if count:
            number, title = _FIRST_SHOP + zone - first, f"Shops of {zones.names[zone]}"
            events.append(Event(zones.names[zone], title, (lon, lat), *SHOP_HOURS_S, count, "any_time", number,
                                "shopping", settings.shopping.stay_h[2]))  # fmt: skip
    return tuple(events)


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
    mean_h = np.array([settings.visit_stay_h if row.stay_h is None else row.stay_h for row in events])[event]
    stay_s = np.minimum(mean_h * HOUR_S * (0.5 + go), longest_s)
    arrive_s = np.where(drops_in, start_s + come * (longest_s - stay_s), start_s - come * settings.visit_early_s)
    leave_s = np.where(drops_in, arrive_s + stay_s, end_s + go * settings.visit_linger_s)
    return np.stack([arrive_s, leave_s], axis=1)
