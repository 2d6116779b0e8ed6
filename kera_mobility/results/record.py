"""One run as it is kept: the event tables, who and what took part, and where; nothing live.

Values pass between Arrow and numpy as buffers: `pa.array` and `to_numpy` would import pandas where a day is simulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kera_mobility.errors import ResultError, nearest_name
from kera_mobility.files import parse_yaml
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.events import ENTITIES

if TYPE_CHECKING:
    import pandas as pd

PEOPLE_COLUMNS = tuple(name for name in ENTITIES["people"].columns if name != "expected_utility_eur")
"""Columns of `people` in every result; newer ones have `expected_utility_eur`, and all `registered.<service>`."""
VEHICLE_COLUMNS = tuple(ENTITIES["vehicles"].columns)
PLACE_COLUMNS = tuple(ENTITIES["places"].columns)


@dataclass(frozen=True, repr=False)
class RunRecord(Display):
    """Everything a result folder holds except its KPIs, which are computed from it."""

    tables: dict[str, pa.Table]
    """Event tables by kind, as in `events.KINDS`."""
    people: pa.Table
    """One row a person: PEOPLE_COLUMNS (population is resident, worker, neighbour or visitor), registrations."""
    vehicles: pa.Table
    """One row a vehicle: VEHICLE_COLUMNS; places are seats and standing, charges 0..1 or NaN if none."""
    places: pa.Table
    """One row a node: PLACE_COLUMNS in degrees (WGS 84); kind is `street`, `stop`, `hub` or `outside`."""
    overnight: dict[str, dict[str, NDArray[Any]]]
    """What each service hands to the next day: service -> name -> array."""
    meta: dict[str, Any]
    """`run.json`."""
    scenario_yaml: str
    """The resolved scenario."""
    area: dict[str, Any]
    """`area.json`: name, title, attribution and the drawn `streets`."""

    def _glance(self) -> tuple[str, str, str]:
        return (
            f"Record of {self.meta.get('scenario')}, seed {self.meta.get('seed')}, day {self.meta.get('day')}",
            f"{len(self.people):,} people, {len(self.tables)} tables of events: {', '.join(self.tables)}",
            ".frame(name) is a pandas frame; people, vehicles and places are tables too",
        )

    def _grid(self) -> Grid:
        tables = self._by_name().items()
        rows = sorted(((name, f"{len(table):,}") for name, table in tables), key=lambda row: row[1] == "0")
        return ("table", "rows"), rows

    def _by_name(self) -> dict[str, pa.Table]:
        return {**self.tables, "people": self.people, "vehicles": self.vehicles, "places": self.places}

    def table(self, name: str) -> pa.Table:
        """Return a table by name: a kind of event, or `people`, `vehicles`, `places`.

        Raises
        ------
        ResultError
            If there is no such table.
        """
        tables = self._by_name()
        if name not in tables:
            names = ", ".join(tables)
            raise ResultError(f"no table '{name}'{nearest_name(name, list(tables))}; expected one of {names}")
        return tables[name]

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table by name as a pandas frame."""
        frame: pd.DataFrame = self.table(name).to_pandas()
        return frame

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.meta["seed"])


@lru_cache(maxsize=64)
def settings_of(scenario_yaml: str) -> Mapping[str, Any]:
    """Return a resolved scenario as plain maps; empty if it cannot be parsed."""
    try:
        settings = parse_yaml(scenario_yaml)
    except ValueError:
        settings = None
    return settings if isinstance(settings, dict) else {}


def texts(table: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return a text column as codes (R,) and the sorted names that they stand for."""
    encoded = table.column(name).combine_chunks().dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names, kind="stable")
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[_values(encoded.indices)], [str(name) for name in names[order]]


def rows_at(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Return the rows of a table at indices (R,)."""
    buffer = pa.py_buffer(np.ascontiguousarray(rows, dtype=np.int64))
    return table.take(pa.Array.from_buffers(pa.int64(), len(rows), [None, buffer]))


def numbers(table: pa.Table, name: str) -> NDArray[Any]:
    """Return a column of numbers or truths as an array (R,)."""
    return _values(table.column(name).combine_chunks())


def pair_keys(ids: NDArray[Any], ordinals: NDArray[Any]) -> NDArray[np.int64]:
    """Return one number for each pair of an id and an ordinal (of a trip, tour or step: these are int16), (R,)."""
    keys: NDArray[np.int64] = ids.astype(np.int64) * 2**15 + ordinals
    return keys


def _values(array: pa.Array) -> NDArray[Any]:
    if not pa.types.is_boolean(array.type):
        return np.from_dlpack(array)
    bits = np.unpackbits(np.frombuffer(array.buffers()[1], dtype=np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(np.bool_)
