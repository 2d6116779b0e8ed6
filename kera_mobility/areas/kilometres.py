"""The account of an import: kilometres in the file, left away and why, added, and on the map, by mode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely

from kera_mobility.town.streets.streets import MODE_BIT, MODES

UNEXPLAINED = 0.001
"""In + added - left meets what the map holds within this share: lengths are kept in steps of 1/8 m."""
SHOWN_KM = 0.005
"""Rows below this are not shown."""
_Sums = dict[str, dict[str, float]]


def _sums() -> _Sums:
    return defaultdict(lambda: dict.fromkeys(MODES, 0.0))


@dataclass
class Kilometres:
    """Metres of street by reason and mode; a street counts once, whichever directions are open."""

    in_m: float = 0.0
    """Of all ways of the file."""
    class_m: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Of them by street class; `other` is left out of the map."""
    left_m: _Sums = field(default_factory=_sums)
    """What a mode has not, by reason."""
    added_m: _Sums = field(default_factory=_sums)
    """What a mode has that is no way of the file, by reason."""

    def enter(self, street_class: str, length_m: float) -> None:
        """Count a way of the file."""
        self.in_m += length_m
        self.class_m[street_class or "other"] += length_m

    def leave(self, reason: str, bits: int, length_m: float) -> None:
        """Count what some modes (a sum of MODE_BIT) do not get."""
        _count(self.left_m, reason, bits, length_m)

    def add(self, reason: str, bits: int, length_m: float) -> None:
        """Count what some modes get beside the ways of the file."""
        _count(self.added_m, reason, bits, length_m)

    def expected_m(self, mode: str) -> float:
        """Return how much of the map must be open to a mode: in + added - left."""
        return (
            self.in_m
            + sum(by_mode[mode] for by_mode in self.added_m.values())
            - sum(by_mode[mode] for by_mode in self.left_m.values())
        )

    def record(self, out_km: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Return the account for `provenance.yaml`, km by row and mode."""
        rows = {"in": dict.fromkeys(MODES, self.in_m)}
        rows |= {f"left: {reason}": by_mode for reason, by_mode in self.left_m.items()}
        rows |= {f"added: {reason}": by_mode for reason, by_mode in self.added_m.items()}
        kept = {name: {mode: round(by_mode[mode] / 1000.0, 4) for mode in MODES} for name, by_mode in rows.items()}
        return {**kept, "out": {mode: round(out_km[mode], 4) for mode in MODES}}


def lines_of(record: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a recorded account as lines of a table; a gap between its rows and the map is shown."""
    if not record:
        return []
    parts = {sign: {name: row for name, row in record.items() if name.startswith(word)}
             for sign, word in ((-1.0, "left: "), (1.0, "added: "))}  # fmt: skip
    table = [
        f"{'km of street, each once':<52}" + "".join(f"{mode:>9}" for mode in MODES),
        _row("in the file", record["in"]),
    ]
    for rows in parts.values():
        shown = [name for name, row in rows.items() if max(map(abs, row.values())) >= SHOWN_KM]
        table += [_row(name, rows[name]) for name in sorted(shown, key=lambda name: -sum(rows[name].values()))]
    table.append(_row("on the map", record["out"]))
    gap = {
        mode: record["out"][mode] - record["in"][mode]
        - sum(sign * row[mode] for sign, rows in parts.items() for row in rows.values()) for mode in MODES
    }  # fmt: skip
    if any(abs(by_km) > UNEXPLAINED * max(record["out"][mode], 5.0) for mode, by_km in gap.items()):
        table.append(_row("NOT EXPLAINED", gap))
    return table


def _row(name: str, by_mode: Mapping[str, float]) -> str:
    return f"{name:<52}" + "".join(f"{by_mode[mode]:9.2f}" for mode in MODES)


def _count(sums: _Sums, reason: str, bits: int, length_m: float) -> None:
    for mode, bit in MODE_BIT.items():
        if bits & bit and length_m:
            sums[reason][mode] += length_m


def length_once_m(edges: Iterable[Mapping[str, Any]]) -> float:
    """Return the length of directed edges, those that are one line there and back once."""
    lengths: dict[bytes, float] = {}
    for tags in edges:
        points = shapely.get_coordinates(tags["geometry"])
        lengths[min(points.tobytes(), points[::-1].tobytes())] = float(tags["geometry"].length)
    return sum(lengths.values())
