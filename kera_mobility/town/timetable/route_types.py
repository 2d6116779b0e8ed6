"""GTFS route types, basic and extended (hierarchical vehicle types), as the kinds of line that the model runs."""

from __future__ import annotations

from typing import NamedTuple

KIND_TYPES = {"tram": 0, "metro": 1, "train": 2, "bus": 3, "ferry": 4, "cable": 6}
"""Basic GTFS route_type by kind of line: what arrays, logs and tables of the model carry, whatever code a feed uses."""
RAIL_TYPES = (0, 1, 2)
"""Basic types of what runs on rails: tram, metro, train."""


class TypeRange(NamedTuple):
    """Codes from `first` to `last` that mean one thing."""

    first: int
    last: int
    kind: str
    """A kind of line; of those not in KIND_TYPES the model has no vehicle."""
    meaning: str


ROUTE_TYPES = (
    TypeRange(0, 0, "tram", "tram, light rail"),
    TypeRange(1, 1, "metro", "metro, underground"),
    TypeRange(2, 2, "train", "rail"),
    TypeRange(3, 3, "bus", "bus"),
    TypeRange(4, 4, "ferry", "ferry"),
    TypeRange(5, 5, "tram", "cable tram at street level"),
    TypeRange(6, 7, "cable", "aerial lift, funicular"),
    TypeRange(11, 11, "bus", "trolleybus"),
    TypeRange(12, 12, "metro", "monorail"),
    TypeRange(100, 103, "train", "railway: any, high speed, long distance, inter regional"),
    TypeRange(104, 104, "vehicles", "car transport rail"),
    TypeRange(105, 111, "train", "railway: sleeper, regional, tourist, shuttle, suburban, replacement, special"),
    TypeRange(112, 112, "vehicles", "lorry transport rail"),
    TypeRange(113, 114, "train", "railway: all, cross-country"),
    TypeRange(115, 115, "vehicles", "vehicle transport rail"),
    TypeRange(116, 117, "train", "rack and pinion railway, additional rail"),
    TypeRange(200, 209, "bus", "coach"),
    TypeRange(300, 300, "train", "suburban railway"),
    TypeRange(400, 405, "metro", "urban railway: any, metro, underground, urban, all, monorail"),
    TypeRange(500, 500, "metro", "metro"),
    TypeRange(600, 600, "metro", "underground"),
    TypeRange(700, 799, "bus", "bus: regional, express, local, night, school, shuttle, replacement and others"),
    TypeRange(800, 899, "bus", "trolleybus"),
    TypeRange(900, 906, "tram", "tram: any, city, local, regional, sightseeing, shuttle, all"),
    TypeRange(1000, 1021, "ferry", "water transport"),
    TypeRange(1100, 1114, "air", "air"),
    TypeRange(1200, 1200, "ferry", "ferry"),
    TypeRange(1300, 1307, "cable", "aerial lift"),
    TypeRange(1400, 1402, "cable", "funicular"),
    TypeRange(1500, 1507, "taxi", "taxi"),
    TypeRange(1600, 1604, "self drive", "self drive"),
    TypeRange(1700, 1700, "miscellaneous", "miscellaneous"),
    TypeRange(1701, 1701, "cable", "cable car"),
    TypeRange(1702, 1702, "miscellaneous", "horse-drawn carriage"),
)
"""Source: GTFS reference, routes.txt, and Google Transit, extended GTFS route types; 300, 500, 600 and the parts of
1000, 1100, 1300 and 1600 as in the TPEG tables that these come from."""

_KIND_OF = {code: row.kind for row in ROUTE_TYPES for code in range(row.first, row.last + 1)}
_NAME_OF = {basic: kind for kind, basic in KIND_TYPES.items()}


def line_kind(route_type: int) -> str:
    """Return what a GTFS route type means, by its kind; empty if no table has the code."""
    return _KIND_OF.get(route_type, "")


def basic_type(route_type: int) -> int:
    """Return the basic GTFS route type of the kind of line that a code means; -1 if the model has no such vehicle."""
    return KIND_TYPES.get(line_kind(route_type), -1)


def kind_of_basic(basic: int) -> str:
    """Return the kind of line of a basic type as `basic_type` returns it."""
    return _NAME_OF[basic]
