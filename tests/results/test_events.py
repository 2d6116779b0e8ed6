"""The event log: rows in canonical order, and a fingerprint of what happened, not of how it was written down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kera_mobility.results.events import KINDS, EventLog, fingerprint, in_canonical_order, table_fingerprint, to_arrow

_VALUES: dict[pa.DataType, tuple[Any, Any]] = {
    pa.float64(): (1.5, 2.5),
    pa.int64(): (7, -8),
    pa.int32(): (3, 4),
    pa.int16(): (1, 2),
    pa.string(): ("walk", "kävely"),
}
"""Two values of each type."""


def row_of(kind: str, which: int = 0, **values: Any) -> tuple[Any, ...]:
    """Return a row of a kind of event, of first or second values, with some columns set."""
    return tuple(values.get(field.name, _VALUES[field.type][which]) for field in KINDS[kind].schema)


def log_of(rows: Sequence[tuple[str, tuple[Any, ...]]], batch_rows: int = 65_536) -> EventLog:
    log = EventLog(batch_rows)
    for kind, row in rows:
        log.add(kind, *row)
    return log


def some_rows() -> list[tuple[str, tuple[Any, ...]]]:
    """Return a few rows of every kind, no two with the same key."""
    return [
        (kind, row_of(kind, number % 2, **{KINDS[kind].key[0]: float(number)})) for kind in KINDS for number in range(5)
    ]


def test_every_kind_has_its_table_with_its_schema_even_if_nothing_happened() -> None:
    tables = EventLog().tables()
    assert set(tables) == set(KINDS)
    for kind, table in tables.items():
        assert table.schema.equals(KINDS[kind].schema)
        assert table.num_rows == 0
        assert set(KINDS[kind].key) <= set(table.schema.names)
        assert KINDS[kind].key[0] == "t_s"


def test_what_was_added_is_read_again() -> None:
    rows = some_rows()
    tables = log_of(rows).tables()
    for kind in KINDS:
        assert [tuple(row.values()) for row in tables[kind].to_pylist()] == [row for name, row in rows if name == kind]


def test_rows_stand_in_the_order_of_time_person_trip_leg_step() -> None:
    keys = [
        (2.0, 1, 0, 0, 0),
        (1.0, 9, 0, 0, 0),
        (1.0, 2, 1, 0, 0),
        (1.0, 2, 0, 1, 0),
        (1.0, 2, 0, 0, 1),
        (1.0, 2, 0, 0, 0),
    ]
    names = ("t_s", "person", "trip", "leg", "step")
    assert KINDS["refusals"].key == names
    log = log_of([("refusals", row_of("refusals", **dict(zip(names, key, strict=True)))) for key in keys])
    rows = log.tables()["refusals"].select(names).to_pylist()
    assert [tuple(row.values()) for row in rows] == sorted(keys)


@pytest.mark.parametrize("kind", ["calls", "moves"])
def test_vehicles_of_two_services_may_have_one_number_in_one_moment(kind: str) -> None:
    rows = [(kind, row_of(kind, service=service)) for service in ("rail", "shuttle")]
    assert fingerprint(log_of(rows).tables()) == fingerprint(log_of(rows[::-1]).tables())


@given(st.permutations(range(5 * len(KINDS))), st.sampled_from((1, 2, 3, 7, 65_536)))
def test_the_fingerprint_hangs_on_neither_batch_size_nor_order(order: list[int], batch_rows: int) -> None:
    rows = some_rows()
    shuffled = log_of([rows[index] for index in order], batch_rows).tables()
    assert fingerprint(shuffled) == fingerprint(log_of(rows).tables())
    assert all(shuffled[kind].equals(table) for kind, table in log_of(rows).tables().items())


def test_reading_in_between_changes_nothing() -> None:
    log = EventLog(batch_rows=3)
    for kind, row in some_rows():
        log.add(kind, *row)
        log.tables()
    assert fingerprint(log.tables()) == fingerprint(log_of(some_rows()).tables())


def test_chunks_do_not_count() -> None:
    tables = log_of(some_rows()).tables()
    pieces = {kind: pa.concat_tables([table.slice(0, 2), table.slice(2)]) for kind, table in tables.items()}
    assert fingerprint(pieces) == fingerprint(tables)
    assert table_fingerprint(tables["trips"].slice(1, 2)) == table_fingerprint(tables["trips"].take([1, 2]))


@pytest.mark.parametrize(
    ("kind", "column"), [(kind, name) for kind, about in KINDS.items() for name in about.schema.names]
)
def test_the_fingerprint_changes_with_every_single_value(kind: str, column: str) -> None:
    field = KINDS[kind].schema.field(column)
    rows = some_rows()
    before = fingerprint(log_of(rows).tables())
    index = next(index for index, (name, _) in enumerate(rows) if name == kind)
    other = "walked" if pa.types.is_string(field.type) else 77
    rows[index] = (kind, row_of(kind, **{"t_s": 0.0, column: other}))
    assert fingerprint(log_of(rows).tables()) != before


def test_the_smallest_change_of_a_time_is_seen() -> None:
    times = (1.0, math.nextafter(1.0, 2.0))
    before, after = (fingerprint(log_of([("trips", row_of("trips", t_s=t_s))]).tables()) for t_s in times)
    assert before != after


def test_a_row_more_is_seen_and_so_is_its_kind() -> None:
    rows = some_rows()
    fingerprints = {fingerprint(log_of(rows[:count]).tables()) for count in range(len(rows) + 1)}
    assert len(fingerprints) == len(rows) + 1
    empty = EventLog().tables()
    named = {**empty, "trips": empty["legs"], "legs": empty["trips"]}
    assert {kind: table_fingerprint(table) for kind, table in named.items()} != {
        kind: table_fingerprint(table) for kind, table in empty.items()
    }


def test_letters_that_move_between_two_texts_are_seen() -> None:
    def print_of(*texts: str) -> str:
        return table_fingerprint(pa.table({"text": pa.array(texts, pa.string())}))

    assert print_of("ab", "c") != print_of("a", "bc")
    assert print_of("", "a") != print_of("a", "")


def test_equal_rows_are_both_kept() -> None:
    row = row_of("notices")
    assert log_of([("notices", row)] * 2).tables()["notices"].num_rows == 2


def test_the_fingerprint_of_known_events_is_pinned() -> None:
    # Whoever changes this changes the fingerprint of every result there is.
    assert (
        fingerprint(log_of(some_rows()).tables()) == "c61ae1d9b614aafa6bd8b709788256116d2f9bea8818283191a96c8ba5a24f00"
    )


def test_a_row_that_does_not_fit_its_kind_is_not_taken() -> None:
    for row in (row_of("trips")[:-1], (*row_of("trips"), 1)):
        with pytest.raises(ValueError, match=f"got {len(row)} values, expected {len(row_of('trips'))}"):
            log_of([("trips", row_of("trips")), ("trips", row)])
    with pytest.raises(KeyError):
        EventLog().add("no_such_kind", 1)


@pytest.mark.parametrize("kind", [pa.float64(), pa.int64(), pa.int32(), pa.int16(), pa.int8()])
def test_columns_of_numbers_are_the_numbers(kind: pa.DataType) -> None:
    assert to_arrow((1, 2, 3), kind).equals(pa.array([1, 2, 3], kind))
    assert to_arrow(np.arange(5)[::2], kind).equals(pa.array([0, 2, 4], kind))
    assert to_arrow((), kind).equals(pa.array([], kind))


@given(st.lists(st.text(max_size=4)), st.lists(st.booleans()))
def test_columns_of_texts_and_truths_are_what_they_were(texts: list[str], truths: list[bool]) -> None:
    texts = [text.encode(errors="ignore").decode() for text in texts]
    assert to_arrow(texts, pa.string()).to_pylist() == texts
    assert to_arrow(truths, pa.bool_()).to_pylist() == truths


def test_canonical_order_of_what_is_in_order_is_itself() -> None:
    for kind, table in log_of(some_rows()).tables().items():
        assert in_canonical_order(kind, table).equals(table)
