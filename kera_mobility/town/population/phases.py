"""A phase of an area: who lives and works in each quarter in a year, and what is open and shut, by its `phases.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kera_mobility.errors import DataError, Fault, nearest_name
from kera_mobility.tables import Table, read_table
from kera_mobility.town.area_tables import PHASES
from kera_mobility.town.population.land_use import DEVELOPMENT, Zones, without_nodes
from kera_mobility.town.streets.overlays import read_overlay
from kera_mobility.town.streets.streets import Streets
from kera_mobility.units import BoolArray, IntArray


@dataclass(frozen=True)
class Phase:
    """What a table of phases says of one year: for each quarter its latest row up to then."""

    table: Table
    year: int
    row_by_quarter: dict[str, int]

    @property
    def overlays(self) -> tuple[str, ...]:
        """The overlays of the rows that hold, each once."""
        names = (self.table.columns["overlay"][row] for row in self.row_by_quarter.values())
        return tuple(dict.fromkeys(name for name in names if name))

    def laid_on(self, zones: Zones, streets: Streets, closed: BoolArray) -> Zones:
        """Return zones whose developments hold what the phase says, with nobody at closed nodes, (N,).

        Raises
        ------
        DataError
            If a development has no row up to the year, a row is of no development, or people are placed in a
            development that is closed all over.
        """
        developments = zones.of_kind(DEVELOPMENT)
        names = [zones.names[zone] for zone in developments.tolist()]
        faults = [*self._name_faults(names), *self._closed_faults(zones, developments, closed)]
        if faults:
            raise DataError(faults)
        weights = dict(zones.weights)
        for what in ("residents", "jobs"):
            held = weights[what].copy()
            held[developments] = [self.table.columns[what][self.row_by_quarter[name]] for name in names]
            weights[what] = held
        return without_nodes(replace(zones, weights=weights), streets, closed)

    def _name_faults(self, names: Sequence[str]) -> list[Fault]:
        listed = self.table.columns["quarter"]
        faults = [
            self.table.fault(row, f"quarter: no development '{name}'{nearest_name(name, names)}; expected one of "
                                  f"{', '.join(names) or '(none)'}")
            for row, name in enumerate(listed) if name not in names
        ]  # fmt: skip
        missing = [name for name in dict.fromkeys(names) if name not in self.row_by_quarter]
        where = str(self.table.path)
        faults += [Fault(where, f"{name}: no row up to the year {self.year}, expected one") for name in missing]
        twice = sorted({name for name in names if names.count(name) > 1})
        return faults + [Fault(where, f"{name}: two developments of this name, expected one") for name in twice]

    def _closed_faults(self, zones: Zones, developments: IntArray, closed: BoolArray) -> list[Fault]:
        """Return a fault for each row that places people where all of its quarter is a building site."""
        faults = []
        for zone in developments.tolist():
            row = self.row_by_quarter.get(zones.names[zone])
            nodes = zones.node_list[zones.node_start[zone] : zones.node_start[zone + 1]]
            if row is None or not np.all(closed[nodes]):
                continue
            for what in ("residents", "jobs"):
                if self.table.columns[what][row]:
                    problem = f"{what}: got {self.table.columns[what][row]:,} in '{zones.names[zone]}', all of which is"
                    faults.append(self.table.fault(row, f"{problem} shut by an overlay, expected 0"))
        return faults


def read_phase(area_folder: Path, file: str, year: int) -> Phase:
    """Return the phase of a year by a table of an area.

    Raises
    ------
    MissingFileError, DataError
        If there is no such table, or with every fault of it.
    """
    table = read_table(area_folder / file, PHASES, purpose="`town.phases` names it")
    overlays = sorted(path.stem for path in (area_folder / "overlays").glob("*.geojson"))
    faults = [
        table.fault(row, f"overlay: no overlay '{name}'{nearest_name(name, overlays)}; expected one of "
                         f"{', '.join(overlays) or '(none)'}")
        for row, name in enumerate(table.columns["overlay"]) if name and name not in overlays
    ]  # fmt: skip
    if faults:
        raise DataError(faults)
    row_by_quarter: dict[str, int] = {}
    years = table.columns["year"]
    for row in sorted(range(len(table)), key=lambda row: int(years[row])):
        if years[row] <= year:
            row_by_quarter[table.columns["quarter"][row]] = row
    return Phase(table, year, row_by_quarter)


def closed_nodes(streets: Streets, area_folder: Path, overlays: Sequence[str]) -> BoolArray:
    """Return the nodes inside what some overlays shut to people on foot, (N,)."""
    closed = np.zeros(streets.nodes, dtype=np.bool_)
    for name in overlays:
        for about, shape in read_overlay(area_folder, name):
            if about.effect == "close" and "walk" in about.modes:
                closed |= shape.holds(np.asarray(streets.node_lonlat))
    return closed
