"""Services that were on and carried nobody, and lines on which nothing ran: a slip in the settings, most often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kera_mobility.results.record import numbers, rows_at, texts

CALLS_AT_STOPS = ("transit", "shuttle")
"""Kinds of services that make calls, so that one without any did not run."""


def idle_warnings(services: Mapping[str, Mapping[str, Any]], tables: Mapping[str, pa.Table]) -> list[dict[str, str]]:
    """Return what `run.json` has as `warnings`: service, why, and a sentence, for each thing that should be looked at.

    `why` is not_run, denied, not_ridden or not_asked of a service that an operator runs and that carried nobody, and
    no_runs of lines on which nothing runs on the date of the run.
    """
    return list(_warnings(services, tables))


def _warnings(services: Mapping[str, Mapping[str, Any]], tables: Mapping[str, pa.Table]) -> Iterator[dict[str, str]]:
    for name, about in services.items():
        lines = about.get("idle_lines", ())
        if lines:
            yield _warning(name, "no_runs", f"nothing runs on the date of the timetable on {', '.join(lines)}")
        legs = _rows(tables["legs"], name)
        if about.get("operated", True) and not np.any(numbers(legs, "ride_s") > 0):
            yield _warning(name, *_reason(name, about, tables))


def _reason(name: str, about: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> tuple[str, str]:
    """Return why nobody was carried, as a code and in words."""
    denied = Counter(_rows(tables["refusals"], name)["reason"].to_pylist())
    bookings = _rows(tables["bookings"], name).num_rows
    if about.get("kind") in CALLS_AT_STOPS and not _rows(tables["calls"], name).num_rows:
        return "not_run", "carried nobody all day: no vehicle ran; look at its hours, timetable and date"
    if denied:
        reason, most = denied.most_common(1)[0]
        return "denied", f"carried nobody all day: all {denied.total()} requests were denied, {most} as '{reason}'"
    if bookings:
        return "not_ridden", f"carried nobody all day: {bookings} bookings, none of them ridden"
    words = "look at its hours, area, prices, members and constant in the choice model"
    return "not_asked", f"carried nobody all day: nobody asked for a ride; {words}"


def _warning(service: str, why: str, words: str) -> dict[str, str]:
    return {"service": service, "why": why, "text": f"{service}: {words}"}


def _rows(table: pa.Table, service: str) -> pa.Table:
    codes, names = texts(table, "service")
    return rows_at(table, np.flatnonzero(codes == (names.index(service) if service in names else -1)))
