"""What happened, append-only: one table per kind of event, one schema per table. It is a run's only output."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kera_mobility.units import AnyArray

BATCH_ROWS = 65_536
"""Rows kept as Python objects before they are turned into Arrow columns."""

SCHEMA_VERSION = 1

_T = pa.float64()
_ID = pa.int64()
_SMALL = pa.int16()
_NODE = pa.int32()
_TEXT = pa.string()


@dataclass(frozen=True)
class Kind:
    """One kind of event: its columns, and the columns that order its rows."""

    schema: pa.Schema
    key: tuple[str, ...]


def _kind(key: Iterable[str], **columns: pa.DataType) -> Kind:
    return Kind(pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()]), tuple(key))


_PERSONAL = ("t_s", "person", "trip", "leg", "step")

# fmt: off
KINDS: Mapping[str, Kind] = {
    # A trip, written when it ends (or when the day does): t_s is the moment it set out.
    "trips": _kind(
        ("t_s", "person", "trip"),
        t_s=_T, person=_ID, trip=_SMALL, tour=_SMALL, purpose=_TEXT, origin=_NODE, destination=_NODE, chain=_TEXT,
        outcome=_TEXT, end_s=_T, ready_s=_T, replans=_SMALL, utility=_ID,
    ),
    # A leg of a trip that was travelled: walking, waiting and riding inside one service.
    "legs": _kind(
        ("t_s", "person", "trip", "leg"),
        t_s=_T, person=_ID, trip=_SMALL, leg=_SMALL, service=_TEXT, origin=_NODE, destination=_NODE, walk_s=_T,
        wait_s=_T, ride_s=_T, walk_m=_T, ride_m=_T, fare_eur=_T, vehicle=_ID,
    ),
    # A service said no (live), with its reason and where the person stood.
    "refusals": _kind(
        _PERSONAL,
        t_s=_T, person=_ID, trip=_SMALL, leg=_SMALL, step=_SMALL, service=_TEXT, reason=_TEXT, place=_NODE,
    ),
    # A promise of a scarce service, from made to its one end: ridden, cancelled or expired.
    "bookings": _kind(
        _PERSONAL,
        t_s=_T, person=_ID, trip=_SMALL, leg=_SMALL, step=_SMALL, service=_TEXT, vehicle=_ID, end=_TEXT, end_s=_T,
    ),
    # A promise of a ride on demand with its hard limits, written at its end; NaN where it never came to that.
    "promises": _kind(
        _PERSONAL,
        t_s=_T, person=_ID, trip=_SMALL, leg=_SMALL, step=_SMALL, service=_TEXT, vehicle=_ID, origin=_NODE,
        destination=_NODE, ready_s=_T, latest_pickup_s=_T, latest_arrival_s=_T, came_s=_T, pickup_s=_T, arrival_s=_T,
        direct_s=_T, end=_TEXT, cause=_TEXT,
    ),
    # A vehicle called at a stop: t_s is its departure.
    "calls": _kind(
        ("t_s", "vehicle", "run", "step", "service"),
        t_s=_T, vehicle=_ID, run=_ID, step=_SMALL, service=_TEXT, place=_NODE, alighted=_SMALL, boarded=_SMALL,
        left_behind=_SMALL, aboard=_SMALL,
    ),
    # A call as it was run, where runs differ from their timetable: t_s is its departure; others are not of the model.
    "running": _kind(
        ("t_s", "vehicle", "run", "step", "service"),
        t_s=_T, vehicle=_ID, run=_ID, step=_SMALL, service=_TEXT, line=_TEXT, type=_SMALL, place=_NODE,
        arrive_late_s=_T, depart_late_s=_T, held_s=_T, others=_SMALL, seats=_SMALL, ended=_TEXT,
    ),
    # Somebody changed from one vehicle to another, as the timetable has it or not: t_s is the moment of alighting.
    "connections": _kind(
        ("t_s", "person", "trip", "leg", "step"),
        t_s=_T, person=_ID, trip=_SMALL, leg=_SMALL, step=_SMALL, service=_TEXT, place=_NODE, end=_TEXT, lost_s=_T,
    ),
    # A lap of a vehicle on a loop, where laps may differ from the plan: t_s is its planned departure; how it ended.
    "laps": _kind(
        ("t_s", "vehicle", "run", "step", "service"),
        t_s=_T, vehicle=_ID, run=_ID, step=_SMALL, service=_TEXT, end=_TEXT, left_s=_T, held_s=_T,
        held_aboard=_SMALL, saved=_SMALL, missed=_SMALL,
    ),
    # A vehicle went from one place to another: t_s is the start.
    "moves": _kind(
        ("t_s", "vehicle", "run", "step", "service"),
        t_s=_T, vehicle=_ID, run=_ID, step=_SMALL, service=_TEXT, cause=_TEXT, origin=_NODE, destination=_NODE,
        end_s=_T, distance_m=_T, charge=_T,
    ),
    # A vehicle of a fleet is from now on parked, reserved, ridden, low, in_van, broken, missing or away.
    "states": _kind(
        ("t_s", "vehicle", "step", "service"),
        t_s=_T, vehicle=_ID, step=_SMALL, service=_TEXT, state=_TEXT, place=_NODE, charge=_T,
    ),
    # A journey considered on a trip that met a refusal: what was expected, what was answered live, which was taken.
    "considered": _kind(
        ("t_s", "person", "trip", "step", "chain"),
        t_s=_T, person=_ID, trip=_SMALL, step=_SMALL, chain=_TEXT, place=_NODE, board=_NODE, alight=_NODE, walk_s=_T,
        wait_s=_T, ride_s=_T, fare_eur=_T, utility=_ID, liking=_ID, answer=_TEXT, met_walk_s=_T, met_wait_s=_T,
        met_ride_s=_T, met_fare_eur=_T, met_utility=_ID, taken=_SMALL,
    ),
    # A crew's van went somewhere and worked there: t_s is when it set off, end_s when the work was done.
    "crews": _kind(
        ("t_s", "van", "shift", "step", "service"),
        t_s=_T, van=_SMALL, shift=_SMALL, step=_SMALL, service=_TEXT, origin=_NODE, destination=_NODE, arrive_s=_T,
        end_s=_T, distance_m=_T, swapped=_SMALL, taken=_SMALL, put=_SMALL, missed=_SMALL, aboard=_SMALL,
        spare=_SMALL, charged=_T,
    ),
    # A public fact with place and time.
    "notices": _kind(("t_s", "topic", "place", "text"), t_s=_T, topic=_TEXT, place=_NODE, text=_TEXT),
}
# fmt: on


class EventLog:
    """The tables of one run, filled row by row with `add` and read with `tables`."""

    keeps = True
    """What is added can be read again."""
    heard = False
    """Somebody hears of rows as they are added: they come in the order in which things happen."""
    watched: int | None = None
    """Person whose considerations are kept on every trip, not on refused ones alone."""

    def __init__(self, batch_rows: int = BATCH_ROWS) -> None:
        # One row after the other in one list: columns are slices of it.
        self._values: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        self._width = {kind: len(about.schema) for kind, about in KINDS.items()}
        self._batch_rows = batch_rows
        self._batches: dict[str, list[pa.RecordBatch]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, *row: Any) -> None:
        """Append one row; its values stand in the order of the schema of `kind`, or ValueError."""
        values, width = self._values[kind], self._width[kind]
        if len(row) != width:
            raise ValueError(f"row of {kind}: got {len(row)} values, expected {width}")
        values.extend(row)
        if len(values) >= self._batch_rows * width:
            self._flush(kind)

    def extend(self, kind: str, *columns: Sequence[Any] | AnyArray) -> None:
        """Append many rows at once, as columns in the order of the schema of `kind`."""
        schema = KINDS[kind].schema
        arrays = [to_arrow(column, field.type) for column, field in zip(columns, schema, strict=True)]
        self._batches[kind].append(pa.RecordBatch.from_arrays(arrays, schema=schema))

    def tables(self) -> dict[str, pa.Table]:
        """Return every table in canonical order."""
        for kind in KINDS:
            self._flush(kind)
        return {
            kind: in_canonical_order(kind, pa.Table.from_batches(self._batches[kind], schema=KINDS[kind].schema))
            for kind in KINDS
        }

    def _flush(self, kind: str) -> None:
        values, schema = self._values[kind], KINDS[kind].schema
        if values:
            width = self._width[kind]
            columns = [to_arrow(values[first::width], field.type) for first, field in enumerate(schema)]
            self._batches[kind].append(pa.RecordBatch.from_arrays(columns, schema=schema))
            values.clear()


class NoLog(EventLog):
    """A log that keeps nothing, for days that are lived only to learn from them."""

    keeps = False

    def add(self, kind: str, *row: Any) -> None:
        """Forget."""

    def extend(self, kind: str, *columns: Sequence[Any] | AnyArray) -> None:
        """Forget."""


def in_canonical_order(kind: str, table: pa.Table) -> pa.Table:
    """Return the table sorted by the key of its kind, in one chunk."""
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in KINDS[kind].key])
    return table.take(order).combine_chunks()


def fingerprint(tables: Mapping[str, pa.Table]) -> str:
    """Return the SHA-256 over schema and column values of every table in canonical order, as hex digits."""
    digest = hashlib.sha256()
    for kind in sorted(tables):
        digest.update(kind.encode())
        digest.update(table_fingerprint(in_canonical_order(kind, tables[kind])).encode())
    return digest.hexdigest()


def table_fingerprint(table: pa.Table) -> str:
    """Return the SHA-256 over names, types and values of a table's columns, as hex digits."""
    digest = hashlib.sha256(str(table.num_rows).encode())
    for field in table.schema:
        digest.update(f"{field.name}:{field.type};".encode())
        column = table.column(field.name).combine_chunks()
        if pa.types.is_string(field.type):
            lengths = np.from_dlpack(pc.binary_length(column))
            digest.update(np.ascontiguousarray(lengths, "<i4").tobytes())
            digest.update("".join(column.to_pylist()).encode())
        else:
            values = np.from_dlpack(column)
            digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def to_arrow(values: Sequence[Any] | AnyArray, kind: pa.DataType) -> pa.Array:
    """Return a column without missing values, by its buffers: `pa.array` would import pandas on the path of a run."""
    if pa.types.is_string(kind):
        joined = "".join(values)
        parts = values if joined.isascii() else [value.encode() for value in values]
        offsets = np.zeros(len(values) + 1, dtype=np.int32)
        np.cumsum(np.fromiter(map(len, parts), dtype=np.int32, count=len(values)), out=offsets[1:])
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(offsets), pa.py_buffer(joined.encode())])
    if pa.types.is_boolean(kind):
        bits = np.packbits(np.asarray(values, dtype=np.bool_), bitorder="little")
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(bits)])
    numbers = np.ascontiguousarray(np.asarray(values), dtype=np.dtype(kind.to_pandas_dtype()))
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])
