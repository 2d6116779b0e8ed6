"""What a run keeps: the schema of every table with the meaning of each column, and the log that fills the event tables.

Events are append-only, one table per kind. They are a run's only output; all figures are computed from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kera_mobility.errors import ResultError, nearest_name
from kera_mobility.units import AnyArray

BATCH_ROWS = 65_536
"""Rows kept as Python objects before they are turned into Arrow columns."""

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    type: pa.DataType
    unit: str
    """Empty for names, ids and counts."""
    meaning: str


@dataclass(frozen=True)
class Kind:
    """One table: what a row is, its columns in order, and for events the columns that order its rows."""

    row: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema; no column has missing values."""
        return pa.schema([pa.field(name, column.type, nullable=False) for name, column in self.columns.items()])


def _event(row: str, key: str, **columns: Column) -> Kind:
    return Kind(row, columns, tuple(key.split()))


def _time(meaning: str) -> Column:
    return Column(pa.float64(), "s from the midnight that starts the day, steps of 1/64 s", meaning)


def _number(unit: str, meaning: str) -> Column:
    return Column(pa.float64(), unit, meaning)


def _seconds(meaning: str) -> Column:
    return _number("s", meaning)


def _utility(meaning: str) -> Column:
    return Column(pa.int64(), "2^-20 utils", meaning)


def _id(meaning: str) -> Column:
    return Column(pa.int64(), "", meaning)


def _count(meaning: str) -> Column:
    return Column(pa.int16(), "", meaning)


def _node(meaning: str) -> Column:
    return Column(pa.int32(), "node of the table places", meaning)


def _text(meaning: str) -> Column:
    return Column(pa.string(), "", meaning)


def _truth(meaning: str) -> Column:
    return Column(pa.bool_(), "", meaning)


_PERSON = _id("person, the same in every scenario of an area")
_VEHICLE = _id("vehicle")
_RUN = _id("run of the vehicle")
_TRIP = _count("trip of the person's day, from 0")
_LEG = _count("leg of the trip, from 0")
_STEP = _count("repeated requests within a leg, from 0")
_STOP = _count("stop of the run, from 0")
_SERVICE = _text("service, by its name in the scenario")
_ORIGIN, _DESTINATION = _node("where it begins"), _node("where it ends")
_DISTANCE = _number("m", "length")
_PERSONAL = {"person": _PERSON, "trip": _TRIP, "leg": _LEG, "step": _STEP, "service": _SERVICE}
_OF_LEG = "t_s person trip leg step"
_OF_RUN = "t_s vehicle run step service"

KINDS: Mapping[str, Kind] = {
    "trips": _event(
        "a trip, written when it ends or when the day does", "t_s person trip",
        t_s=_time("departure"), person=_PERSON, trip=_TRIP,
        tour=_count("tour (from home to home) of the day, from 0"),
        purpose=_text("purpose of the tour: work, school, study, shopping or other"),
        origin=_ORIGIN, destination=_DESTINATION,
        chain=_text("mode chain: services of the last journey tried, joined by +; empty if there was none"),
        outcome=_text("arrived, unserved (every service refused), under_way or not_started at the day's end"),
        end_s=_time("end of the trip"), ready_s=_time("when the person wanted to depart"),
        replans=_count("how often the person chose again on the way"),
        utility=_utility("expected utility of the journey"),
    ),
    "legs": _event(
        "a leg that was travelled or given up on the way: walking, waiting and riding with one service",
        "t_s person trip leg",
        t_s=_time("begin of the leg"), person=_PERSON, trip=_TRIP, leg=_LEG, service=_SERVICE, origin=_ORIGIN,
        destination=_DESTINATION, walk_s=_seconds("walking to, from and inside the service"),
        wait_s=_seconds("waiting"), ride_s=_seconds("riding"), walk_m=_number("m", "walked"),
        ride_m=_number("m", "ridden"), fare_eur=_number("EUR", "fare, or for a car the cost of driving and of parking"),
        vehicle=_id("vehicle; -1 where there is none"),
    ),
    "refusals": _event(
        "a request that a service denied live", _OF_LEG,
        t_s=_time("denial"), **_PERSONAL, reason=_text("why, such as full or no_vehicle"),
        place=_node("where the person stood"),
    ),
    "bookings": _event(
        "a booking of a capacity-limited service, written at its end", _OF_LEG,
        t_s=_time("when it was made"), **_PERSONAL, vehicle=_VEHICLE, end=_text("ridden, cancelled or expired"),
        end_s=_time("when it ended"),
    ),
    "promises": _event(
        "an accepted request of a ride on demand with its time windows, written at its end", _OF_LEG,
        t_s=_time("when it was accepted"), **_PERSONAL, vehicle=_id("vehicle that had it in the end"),
        origin=_node("stop of the pick-up"), destination=_node("stop of the drop-off"),
        ready_s=_time("when the person was to be at the stop"), latest_pickup_s=_time("promised: picked up by then"),
        latest_arrival_s=_time("promised: there by then"),
        came_s=_time("when the person was at the stop; NaN if never"), pickup_s=_time("pick-up; NaN if never"),
        arrival_s=_time("drop-off; NaN if never"), direct_s=_seconds("direct ride between the stops"),
        end=_text("ridden, cancelled or expired"),
        cause=_text("why not as promised: late_rider, breakdown, streets, closed, snow, day_over; else empty"),
    ),
    "calls": _event(
        "a vehicle left a stop", _OF_RUN,
        t_s=_time("departure from the stop"), vehicle=_VEHICLE, run=_RUN, step=_STOP, service=_SERVICE,
        place=_node("the stop"), alighted=_count("persons who alighted"), boarded=_count("persons who boarded"),
        left_behind=_count("persons for whom there was no room"), aboard=_count("persons aboard on departure"),
    ),
    "running": _event(
        "a call as it was run, where runs may differ from their timetable", _OF_RUN,
        t_s=_time("departure from the stop"), vehicle=_VEHICLE, run=_RUN, step=_STOP, service=_SERVICE,
        line=_text("name of the line"),
        type=_count("basic GTFS route_type of the line: 0 light rail, 1 metro, 2 rail, 3 bus, 4 ferry, 6 cable"),
        place=_node("the stop"),
        arrive_late_s=_seconds("arrival after the timetable"), depart_late_s=_seconds("departure after the timetable"),
        held_s=_seconds("part of it: held for people who were about to come"),
        others=_count("people aboard on departure who are not of the model"), seats=_count("seats of the vehicle"),
        ended=_text("why the run ended here or never began (cancelled, closed, broken); else empty"),
    ),
    "connections": _event(
        "a transfer between vehicles, as the timetable has it or not", _OF_LEG,
        t_s=_time("alighting"), **_PERSONAL | {"step": _count("transfer of the leg, from 0")},
        place=_node("where the person transferred"),
        end=_text("made as planned, saved (the next vehicle was late too, or held) or missed"),
        lost_s=_seconds("arrival at the end of the leg, as then foreseen, after that of the timetable's connection"),
    ),
    "laps": _event(
        "a lap of a loop, where laps may differ from the plan", _OF_RUN,
        t_s=_time("planned departure from the terminal"), vehicle=_VEHICLE, run=_id("day of the vehicle"),
        step=_count("call of the run at which the lap begins, from 0"), service=_SERVICE,
        end=_text("driven, or why not, or not to its end: broken, snow, low_battery, closed, ...; not_due"),
        left_s=_time("departure from the terminal; NaN if there was none"),
        held_s=_seconds("held for a late train"), held_aboard=_count("persons aboard when the holding began"),
        saved=_count("persons who boarded only because it was held"),
        missed=_count("persons of the train to be met who came after it had left"),
    ),
    "moves": _event(
        "a vehicle went from one place to another", _OF_RUN,
        t_s=_time("departure"), vehicle=_VEHICLE, run=_id("move, or run of the vehicle"),
        step=_count("move of the run, from 0"), service=_SERVICE,
        cause=_text("ride, run of a line, charge at a terminal, or what a crew did: swap (of its battery), collect or "
                    "rebalance (by van, 0 m)"),
        origin=_ORIGIN, destination=_DESTINATION, end_s=_time("arrival"), distance_m=_DISTANCE,
        charge=_number("0 to 1", "state of charge on arrival; NaN where there is no battery"),
    ),
    "states": _event(
        "a vehicle of a fleet changed its state", "t_s vehicle step service",
        t_s=_time("from when on"), vehicle=_VEHICLE, step=_count("state of the vehicle's day, from 0"),
        service=_SERVICE,
        state=_text("parked, low (parked, little charge), reserved, ridden, in_van, broken, missing or away "
                    "(withdrawn)"),
        place=_node("where it stands, or stood last"), charge=_number("0 to 1", "state of charge"),
    ),
    "considered": _event(
        "an alternative in the choice set of a trip that met a refusal: expected, as answered live, whether chosen",
        "t_s person trip step chain",
        t_s=_time("choice"), person=_PERSON, trip=_TRIP, step=_count("replans of the trip so far"),
        chain=_text("mode chain: services of the journey, joined by +"), place=_node("where the person stood"),
        board=_node("where a line is boarded, -1 where there is none"),
        alight=_node("where a line is left, -1 where there is none"),
        walk_s=_seconds("expected walking, all legs; NaN where nothing was expected"),
        wait_s=_seconds("expected waiting"), ride_s=_seconds("expected riding"),
        fare_eur=_number("EUR", "expected fares, or the cost of driving and of parking"),
        utility=_utility("expected utility; the smallest integer where nothing was expected"),
        liking=_utility("part of it that is not time and money: constant of the mode and personal taste"),
        answer=_text("of the first service, asked live: offered, or a reason of refusal; empty if it was not asked"),
        met_walk_s=_seconds("walking of the first leg as offered live; NaN if there was no offer"),
        met_wait_s=_seconds("its waiting"), met_ride_s=_seconds("its riding"), met_fare_eur=_number("EUR", "its fare"),
        met_utility=_utility("utility by which it was ranked: as offered live, else the bound"),
        taken=_count("1 for the chosen alternative, else 0"),
    ),
    "crews": _event(
        "a crew's van went somewhere and worked there; the first row of a shift is its begin",
        "t_s van shift step service",
        t_s=_time("departure of the van"), van=_count("van, from 0"), shift=_count("shift of the day, from 0"),
        step=_count("stop of the shift, from 0: its begin"), service=_SERVICE, origin=_ORIGIN,
        destination=_DESTINATION, arrive_s=_time("arrival"), end_s=_time("end of the work there"),
        distance_m=_DISTANCE, swapped=_count("vehicles whose battery was swapped"),
        taken=_count("vehicles taken aboard"), put=_count("vehicles put out"),
        missed=_count("vehicles that were planned for and not found free"),
        aboard=_count("vehicles in the van on leaving"), spare=_count("charged batteries in the van on leaving"),
        charged=_number("full batteries", "charge that swapped batteries brought"),
    ),
    "notices": _event(
        "a public notice", "t_s topic place text",
        t_s=_time("when it was posted"), topic=_text("what it is about"), place=_node("where; -1 for everywhere"),
        text=_text("what it says"),
    ),
}  # fmt: skip
"""Events by table."""

ENTITIES: Mapping[str, Kind] = {
    "people": Kind("a person", {
        "person": _PERSON, "household": _id("household"), "population": _text("resident, worker or neighbour"),
        "age": Column(pa.int16(), "years", "age"), "home": _node("home"),
        "household_cars": Column(pa.int8(), "", "cars of the household"), "licence": _truth("may drive"),
        "main_driver": _truth("has first use of a car of the household"), "bicycle": _truth("has a bicycle"),
        "season_ticket": _truth("has a season ticket of public transport"),
        "expected_utility_eur": _number("EUR", "expected value of the day before it began (logsum over cost); only "
                                        "differences mean anything; older results lack it"),
    }),
    "vehicles": Kind("a vehicle", {
        "vehicle": _VEHICLE, "service": _SERVICE, "places": Column(pa.int32(), "", "seats and standing room"),
        "start_place": _node("where it stood in the morning"), "end_place": _node("where it stood at the day's end"),
        "start_charge": _number("0 to 1", "state of charge in the morning; NaN if there is no battery"),
        "end_charge": _number("0 to 1", "state of charge at the day's end; NaN if there is no battery"),
    }),
    "places": Kind("a street node", {
        "node": Column(pa.int32(), "", "number of the street node"),
        "lon": _number("degrees east, WGS 84", "longitude"), "lat": _number("degrees north, WGS 84", "latitude"),
        "name": _text("name of the stop or hub, if it is one"), "kind": _text("street, stop, hub or outside"),
    }),
}  # fmt: skip
"""Tables of what took part. `people` has besides `registered.<service>` (bool) for each service with an app."""

DERIVED: Mapping[str, Mapping[str, Column]] = {
    "trips": {
        "main_mode": _text("mode of the longest part by distance; empty where the trip was not completed"),
        "population": _text("of the person: resident, worker, neighbour or visitor"),
        **{
            f"{end}_{axis}": _number("degrees, WGS 84", f"{words} of the {end}")
            for end in ("origin", "destination") for axis, words in (("lon", "longitude"), ("lat", "latitude"))
        },
    },
}  # fmt: skip
"""Columns that the frame of a run (`run.trips`) has besides those that the table keeps, by table."""

TABLES: Mapping[str, Kind] = {**KINDS, **ENTITIES}


def describe() -> dict[str, list[tuple[str, str, str, str]]]:
    """Return table -> (column, type, unit, meaning) of each column in order, for reference pages."""
    return {
        table: [(name, str(column.type), column.unit, column.meaning) for name, column in kind.columns.items()]
        for table, kind in TABLES.items()
    }


def columns(table: str) -> dict[str, str]:
    """Return the meaning and unit of each column of a table: of a kind of event, or of people, vehicles, places.

    Raises
    ------
    ResultError
        If there is no such table.
    """
    if table not in TABLES:
        expected = ", ".join(TABLES)
        raise ResultError(f"no table '{table}'{nearest_name(table, list(TABLES))}; expected one of {expected}")
    return {
        name: f"{column.meaning} ({column.unit})" if column.unit else column.meaning
        for name, column in {**TABLES[table].columns, **DERIVED.get(table, {})}.items()
    }


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
