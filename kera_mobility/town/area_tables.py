"""The tables of an area's folder: their columns with units and bounds, and who is where by them."""

from __future__ import annotations

from pathlib import Path

from kera_mobility.errors import DataError
from kera_mobility.ledger import is_file
from kera_mobility.tables import Schema, Table, TableColumn, read_table

AGE_COLUMNS = (
    "age_0_9", "age_10_19", "age_20_29", "age_30_39", "age_40_49", "age_50_59", "age_60_69", "age_70_79", "age_80",
)  # fmt: skip
"""Residents by age in `cells.csv`: ten years each, the last one open."""
WEIGHTS = ("residents", "jobs", "pupils", "students", "shops", "leisure")
"""What a zone holds, the columns of `attractions.csv`: persons, jobs, pupils of ages 7-15, students, shops (a
neighbourhood grocery is 1), leisure (in residents whose visits it equals)."""
MOST_IN_CELL = 50_000
"""Persons in a square of 250 m: ten times the densest quarters of Europe. Assumption."""
MOST_AT_PLACE = 20_000_000
"""Persons, jobs or pupils at one place, which may stand for a whole region. Assumption."""
COMES = ("at_start", "any_time")
"""Visitors are there when it begins and stay to the end, or come and go while it lasts."""


def place_columns(prefix: str = "", what: str = "it") -> tuple[TableColumn, TableColumn]:
    """Return the two columns that say where something is."""
    return (
        TableColumn(f"{prefix}lon", f"Longitude of {what}, WGS 84.", unit="degrees", least=-180, most=180),
        TableColumn(f"{prefix}lat", f"Latitude of {what}, WGS 84.", unit="degrees", least=-90, most=90),
    )


def _optional(column: TableColumn) -> TableColumn:
    return TableColumn(**{**vars(column), "required": False})


CELLS = Schema(
    "cells.csv",
    "Who lives where: residents and their ages on a grid of 250 m.",
    (
        TableColumn("cell", "Name of the cell, once each.", "text"),
        *place_columns(what="its middle"),
        TableColumn("residents", "People who live there.", "whole", "persons", 0, MOST_IN_CELL),
        *(
            TableColumn(name, f"Residents of {name[4:].replace('_', ' to ')}{'' if '_' in name[4:] else ' and over'}.",
                        "number", "persons", 0, MOST_IN_CELL)
            for name in AGE_COLUMNS
        ),
        TableColumn("imputed", "1 where ages were hidden and are estimates.", "whole", "", 0, 1, 0.0, required=False),
    ),
    unique=("cell",),
)  # fmt: skip
ATTRACTIONS = Schema(
    "attractions.csv",
    "What draws people where; a place of `outside.csv` has its row here too.",
    (
        TableColumn("place", "Name of the place, once each.", "text"),
        TableColumn("title", "Name for people.", "text", blank="", required=False),
        *place_columns(),
        TableColumn("radius_m", "People are spread so far around it.", "number", "m", 0, 100_000, 0.0, required=False),
        *(
            TableColumn(name, about, "number", unit, 0, MOST_AT_PLACE, 0.0, required=False)
            for name, about, unit in (
                ("residents", "People who live there, beside those of the cells.", "persons"),
                ("jobs", "Jobs.", "jobs"),
                ("pupils", "School places, ages 7 to 15.", "pupils"),
                ("students", "Places of study.", "students"),
                ("shops", "Shops; a neighbourhood grocery is 1.", "shops"),
                ("leisure", "Leisure, in residents whose visits it equals.", "persons"),
            )
        ),
        TableColumn("basis", "Source, or that it is an assumption.", "text", blank="", required=False),
    ),
    unique=("place",),
)
OUTSIDE = Schema(
    "outside.csv",
    "Places beyond the map, and the ways to them from a gateway at its border.",
    (
        TableColumn("place", "Name of the place, once each.", "text"),
        TableColumn("title", "Name for people.", "text", blank="", required=False),
        *place_columns(),
        *(_optional(column) for column in place_columns("gateway_", "the gateway")),
        TableColumn("drive_km", "Way by car from the gateway.", "number", "km", 0.01, 1000, required=False),
        TableColumn("drive_min", "Time by car from the gateway.", "number", "min", 0.01, 1440, required=False),
        TableColumn("cycle_km", "Way by bicycle from the gateway.", "number", "km", 0.01, 1000, required=False),
        TableColumn("station", "The place beyond the map that it is walked to from.", "text", blank="", required=False),
        TableColumn("walk_m", "Way on foot from that place.", "number", "m", 1, 20_000, 0.0, required=False),
        TableColumn("source", "Source, or that it is an assumption.", "text", blank="", required=False),
    ),
    unique=("place",),
    least_rows=0,
)
EVENTS = Schema(
    "events.csv",
    "What draws visitors from elsewhere for some hours; a scenario names rows in `town.people.events`.",
    (
        TableColumn("event", "Name of the event, once each.", "text"),
        TableColumn("title", "Name for people.", "text"),
        *place_columns(),
        TableColumn("start", "When it begins.", "time"),
        TableColumn("end", "When it ends.", "time"),
        TableColumn("attendance", "Visitors who come from beyond the neighbours.", "whole", "persons", 0, 99_999),
        TableColumn("comes", "Whether visitors are there at the start, or come and go.", "text", allowed=COMES),
        TableColumn("basis", "Source, or that it is an assumption.", "text", blank="", required=False),
    ),
    unique=("event",),
    least_rows=0,
)

PHASES = Schema(
    "phases.csv",
    "Who lives and works in each quarter from a year on, and what is open and shut; a scenario names it in "
    "`town.phases`. A row holds until the next one of its quarter.",
    (
        TableColumn("year", "Year from which the row holds.", "whole", "year", 1900, 2200),
        TableColumn("quarter", "Name of a development in `developments.geojson`.", "text"),
        TableColumn("residents", "People who live there.", "whole", "persons", 0, 90_000),
        TableColumn("jobs", "Jobs there.", "whole", "jobs", 0, 90_000),
        TableColumn(
            "overlay",
            "File in `overlays/` that holds with the row; nobody lives, works or goes where it shuts people out.",
            "text",
            blank="",
            required=False,
        ),
        TableColumn("basis", "Source, or that it is an assumption.", "text", blank="", required=False),
    ),
    unique=("year", "quarter"),
)


def read_outside_table(area_folder: Path, *need: str) -> Table | None:
    """Return the places beyond the map of an area; None where it has no such file.

    Raises
    ------
    DataError
        If the table is broken, or a station is no other place of it, or stands without a way on foot.
    """
    path = area_folder / OUTSIDE.name
    if not is_file(path):
        return None
    table = read_table(path, OUTSIDE, need)
    places = table.columns["place"]
    faults = []
    for row, (place, station, walk_m) in enumerate(outside_ways(table)):
        if station and (station == place or station not in places):
            faults.append(table.fault(row, f"station: got {station!r}, expected another place of this table"))
        if bool(station) != bool(walk_m):
            faults.append(table.fault(row, "station, walk_m: expected both or neither"))
    if faults:
        raise DataError(faults)
    return table


def outside_ways(table: Table) -> list[tuple[str, str, float]]:
    """Return each place beyond the map, the place it is walked to from and the way, m; "" and 0 for none."""
    lengths_m = table.columns["walk_m"]
    return [
        (place, station, 0.0 if walk_m is None else float(walk_m))
        for place, station, walk_m in zip(table.columns["place"], table.columns["station"], lengths_m, strict=True)
    ]
