"""How many trips, by mode: over the hours of the day, and as shares of each population."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kera_mobility.errors import ResultError
from kera_mobility.results.facts import EVERYONE, Facts, Group, share
from kera_mobility.results.plots.page import (
    INK,
    NOT_COMPLETED_COLOUR,
    NOT_COMPLETED_LABEL,
    STACK,
    figure,
    group_named,
    legend_beside,
    luminance,
    mode_colour,
    mode_title,
    new_page,
    save,
    whose,
)  # fmt: skip
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.units import HOUR_S, BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@figure("trips-by-hour")
def trips_by_mode_and_hour(record: RunRecord, file: str | Path, population: str = EVERYONE) -> Path:
    """Draw departures by hour and main mode as stacked bars, and return the file."""
    facts = Facts(record)
    group = group_named(facts, population)
    hour = (numbers(record.tables["trips"], "t_s") // HOUR_S).astype(np.int64)
    drawing, axes = new_page(record, f"Trips by hour of departure and main mode, {whose(group)}", (9.0, 4.8))
    departures = hour[group.trips]
    first, last = (int(departures.min()), int(departures.max())) if len(departures) else (0, 23)
    hours = np.arange(first, last + 1)
    floor = np.zeros(len(hours))
    for label, colour, trips in _stack(facts, group):
        counts = np.bincount(hour[trips] - first, minlength=len(hours)).astype(np.float64)
        axes.bar(hours, counts, 0.86, floor, align="edge", color=colour, label=_with_share(label, counts, group.trips))
        floor += counts
    axes.set_xlim(first - 0.2, last + 1.1)
    axes.set_xticks(np.arange(first, last + 2, 1 if len(hours) <= 12 else 2))
    axes.set_xlabel("Hour of departure (hours from midnight)")
    axes.set_ylabel("Trips per hour")
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.grid(True, color="#E5E5E5", linewidth=0.7)
    legend_beside(axes, f"Main mode, share of\n{np.count_nonzero(group.trips):,} trips", turned=True)
    return save(drawing, file)


@figure("mode-share")
def mode_share(record: RunRecord, file: str | Path) -> Path:
    """Draw the share of each main mode for each population as bars of 100 %, and return the file."""
    facts = Facts(record)
    groups = [group for group in facts.groups if group.completed.any()]
    if not groups:
        raise ResultError("no trip was completed, so there is no mode share to draw")
    size = (9.0, 1.9 + 0.62 * len(groups))
    drawing, axes = new_page(record, "Share of main modes of completed trips, by population", size)
    start = np.zeros(len(groups))
    for label, colour, trips in _stack(facts, None):
        part = np.array([_percent(trips & group.completed, group.completed) for group in groups])
        if not part.any():
            continue
        axes.barh(
            np.arange(len(groups)), part, 0.68, start, color=colour, label=label, edgecolor="white", linewidth=0.8
        )
        _write_percents(axes, start, part, colour)
        start += part
    axes.set_yticks(range(len(groups)), [_with_count(group) for group in groups])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("Share of completed trips (%); the main mode is that of the longest part by distance")
    axes.tick_params(axis="y", length=0)
    legend_beside(axes, "Main mode")
    return save(drawing, file)


def _stack(facts: Facts, group: Group | None) -> list[tuple[str, str, BoolArray]]:
    """Return label, colour and trips (T,) of each layer of a stack, from the bottom; no group leaves out the last."""
    named = [mode for mode in STACK if mode in facts.modes]
    layers = []
    for mode in [*named, *(mode for mode in facts.modes if mode not in STACK)]:
        trips = facts.main_mode == facts.modes.index(mode)
        chosen = trips if group is None else trips & group.trips
        layers.append((mode_title(mode), mode_colour(mode, facts.modes), chosen))
    if group is not None:
        layers.append((NOT_COMPLETED_LABEL, NOT_COMPLETED_COLOUR, group.trips & (facts.main_mode < 0)))
    return [layer for layer in layers if layer[2].any()]


def _write_percents(axes: Axes, start: FloatArray, part: FloatArray, colour: str) -> None:
    """Write each share inside its bar where there is room."""
    ink = "white" if luminance(colour) < 0.36 else INK
    for row, (begin, width) in enumerate(zip(start, part, strict=True)):
        if width >= 4.0:
            axes.text(begin + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=9, color=ink)


def _with_share(label: str, counts: FloatArray, trips: BoolArray) -> str:
    return f"{label}, {100 * share(float(counts.sum()), int(np.count_nonzero(trips))):.1f} %"


def _with_count(group: Group) -> str:
    count = int(np.count_nonzero(group.completed))
    return f"{group.name}\n{count:,} trip{'' if count == 1 else 's'}"


def _percent(part: BoolArray, base: BoolArray) -> float:
    return 100.0 * share(int(np.count_nonzero(part)), int(np.count_nonzero(base)))
