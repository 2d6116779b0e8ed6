"""What a new district is made of, and the page that says what each figure rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kera_mobility.areas.beyond import CYCLE_FACTOR, DRIVE_FACTOR, DRIVE_KM_H, TO_STOP_M
from kera_mobility.areas.country import CountrySettings
from kera_mobility.areas.description import Box
from kera_mobility.areas.import_area import Imported
from kera_mobility.town.timetable.feeds import timetable_of
from kera_mobility.units import BoolArray, FloatArray, IntArray

PAGE = "district.md"
"""The page, in the folder of the area."""
UNCALIBRATED = "mode shares not calibrated"


class Basis(NamedTuple):
    """One line of the page."""

    piece: str
    value: str
    """With its unit."""
    bounds: str
    standing: str
    """measured, derived, assumed, borrowed or MISSING."""
    source: str


@dataclass(frozen=True)
class Sources:
    """What a district is made of."""

    name: str
    box: Box | None
    feeds: Sequence[Path] = ()
    people: Path | None = None
    jobs: Path | None = None
    title: str = ""
    """Name for people; that of the folder if empty."""


class HeldPoints(NamedTuple):
    """Points of the grid, inside and beyond, and what they hold."""

    lonlat: FloatArray
    held: FloatArray
    """(C, 6) in the order of WEIGHTS, residents among them."""
    spacing_m: float
    inside: BoolArray
    """(C,)"""


def page(title: str, country: CountrySettings, borrowed: bool, basis: Iterable[Basis]) -> str:
    """Return the page of assumptions as Markdown."""
    rows = sorted(basis, key=lambda row: row.standing != "MISSING")
    lent = (
        f"**Borrowed from {country.title}**, which is not the country of this district" if borrowed else country.title
    )
    lines = [
        f"# {title}", "", f"Country: {lent}. Amounts are in {country.currency}.", "",
        "Measured: counted in a file that was given. Derived: follows from one. Assumed: nobody measured it here. "
        "Borrowed: measured or assumed elsewhere. MISSING: the model does without.", "",
        "| piece | value | bounds | standing | from |", "|---|---|---|---|---|",
    ]  # fmt: skip
    cells = [[part.replace("|", "/") for part in row] for row in rows]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells), ""])


def basis_of_streets(imported: Imported) -> list[Basis]:
    """Return what the streets of an import rest on."""
    extract, km = imported.extract, imported.kilometres.expected_m("walk") / 1000.0
    rows = [Basis("streets", f"{km:.0f} km on foot", "", "measured", f"{extract.source}, {extract.date or 'no date'}")]
    rows.append(
        Basis("car speeds", "by class, km/h", "1 to 130", "borrowed", "HELMET 5; limits of the map where given")
    )
    paths = imported.kilometres.class_m.get("path", 0.0)
    if not paths:
        rows.append(Basis("footpaths", "none", "", "MISSING", "people walk along the streets for cars alone"))
    if imported.covered is not None:
        rows.append(
            Basis("residents near a street", f"{imported.covered:.0%}", "50 to 100 %", "derived", "within 300 m")
        )
    return rows + [Basis("a doubt", "", "", "measured", notice) for notice in extract.notices]


def basis_of_people(
    sources: Sources, points: HeldPoints, cells: tuple[FloatArray, IntArray], beyond: int, country: CountrySettings,
    borrowed: bool,
) -> list[Basis]:  # fmt: skip
    """Return what people, jobs and places rest on."""
    standing = "borrowed" if borrowed else "assumed"
    inside = points.held[points.inside].sum(axis=0)
    rows = [
        Basis("ages", "nine bands", "0 to 1", standing, f"ages of {country.title} for every cell"),
        Basis("fares, car costs, cars, licences", f"{country.currency}", "see the scenarios", standing, country.basis),
        Basis("value of time, emissions", "values.yaml", "see kera schema", standing, country.basis),
    ]
    if sources.people:
        value = f"{cells[1].sum():,} residents in {len(cells[1])} squares of 250 m"
        spread = f"{sources.people.name}, points {points.spacing_m:.0f} m apart, spread by length of street"
        rows.append(Basis("people", value, "", "derived", spread))
    if sources.jobs:
        rows.append(Basis("jobs", f"{inside[1]:,.0f} on the map", "", "measured", sources.jobs.name))
    if beyond:
        around = points.held[~points.inside].sum(axis=0)
        rows += [
            Basis("places beyond the map", f"{beyond}, {around[0]:,.0f} residents, {around[1]:,.0f} jobs",
                  "50 to 100", "derived",
                  f"clusters of the tables, each moved to the busiest stop within {TO_STOP_M:.0f} m"),
            Basis("ways beyond the map",
                  f"straight x {DRIVE_FACTOR} at {DRIVE_KM_H:.0f} km/h; bicycle x {CYCLE_FACTOR}",
                  "1.1 to 1.6; 25 to 50 km/h", "assumed", "not driven on a map"),
        ]  # fmt: skip
    else:
        rows.append(Basis("places beyond the map", "none", "", "MISSING",
                          "no table reaches beyond the rectangle: nobody goes farther"))  # fmt: skip
    return rows


def basis_of_day(folder: Path, area: dict[str, Any], country: CountrySettings) -> list[Basis]:
    """Return on which day the lines run, whether it is a public holiday, and what is doubted of the feed."""
    about = timetable_of(folder, "today", area).about
    is_holiday = about["date"][5:] in country.holidays
    calls = f"{about['trips'].get('kept', 0)} of {sum(about['trips'].values())} trips call here"
    standing, why = ("MISSING", f"A PUBLIC HOLIDAY; {calls}") if is_holiday else ("derived", calls)
    rows = [Basis("day of the lines", about["date"], "", standing, why)]
    return rows + [Basis("a doubt about lines", "", "", "measured", notice) for notice in about["notices"]]
