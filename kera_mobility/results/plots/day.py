"""The day as it ran: fleets over time, vehicles along their line, how long people waited."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kera_mobility.errors import ResultError
from kera_mobility.results.facts import TRANSIT, Facts, mean, quantile
from kera_mobility.results.plots.page import FAINT, INK, figure, legend_beside, mode_colour, new_page, save
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.units import DAY_S, HOUR_S, MINUTE_S, FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SLOT_S = 300.0
"""Fleets are counted at these intervals."""
LAST_S = DAY_S + 2 * HOUR_S
"""Where the axis of the day ends."""
MOST_WAIT_MIN = 30
"""Longer waits stand in the last bar."""
WINDOW_S = (6 * HOUR_S, 10 * HOUR_S)
"""Part of the day in the time-space diagram: the morning."""
MOST_STOPS = 12
"""More stops than these cannot be told apart on an axis: those with most calls are shown."""
STYLES = ("-", "--", ":", "-.")


@figure("fleet-over-day")
def fleet_over_day(record: RunRecord, file: str | Path) -> Path:
    """Draw how many vehicles of each operated service moved, and how many people they carried, and return the file."""
    facts = Facts(record)
    names = [name for name in facts.services if name in facts.operated and facts.of_service("moves", name).num_rows]
    if not names:
        raise ResultError("no service moved a vehicle, so there is no fleet to draw")
    at_s = np.arange(4 * HOUR_S, LAST_S, SLOT_S)
    drawing, axes = new_page(record, "Vehicles moving and people aboard over the day, everyone", (9.0, 4.8))
    for rank, name in enumerate(names):
        colour = mode_colour(str(facts.services[name]["mode"]), facts.modes)
        moves, legs = facts.of_service("moves", name), facts.of_service("legs", name)
        driven = numbers(moves, "distance_m") > 0
        board_s = numbers(legs, "t_s") + numbers(legs, "walk_s") + numbers(legs, "wait_s")
        title = str(facts.services[name].get("title") or name)
        for style, what, begin_s, end_s in (
            ("-", "vehicles moving", numbers(moves, "t_s")[driven], numbers(moves, "end_s")[driven]),
            ("--", "people aboard", board_s, board_s + numbers(legs, "ride_s")),
        ):
            count = _under_way(begin_s, end_s, at_s)
            axes.step(at_s / HOUR_S, np.where(count > 0, count, np.nan), style, color=colour, lw=1.6, where="post",
                      label=f"{title}: {what}", zorder=3 + rank)  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.8)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel("Vehicles or people (logarithmic)")
    _hour_axis(axes, 4, LAST_S / HOUR_S)
    axes.grid(True, color="#E5E5E5", linewidth=0.7)
    legend_beside(axes, "At every 5 minutes")
    return save(drawing, file)


@figure("time-space")
def time_space(record: RunRecord, file: str | Path) -> Path:
    """Draw runs of a morning, stops over time: trains west to east, loops in the order of stops; return the file."""
    facts = Facts(record)
    names = [name for name in facts.services if facts.of_service("calls", name).num_rows]
    if not names:
        raise ResultError("no vehicle called at a stop, so there is no time-space diagram to draw")
    title = "Time and space: runs of the largest timetabled vehicles and of the loops, 06 to 10"
    drawing, first = new_page(record, title, (9.0, 3.6 + 2.4 * (len(names) - 1)))
    grid = drawing.add_gridspec(len(names), 1)
    for rank, name in enumerate(sorted(names, key=lambda name: facts.services[name]["mode"] != TRANSIT)):
        axes = first if rank == 0 else drawing.add_subplot(grid[rank], sharex=first)
        axes.set_subplotspec(grid[rank])
        _draw_runs(axes, record, facts, name)
        axes.set_ylabel(str(facts.services[name].get("title") or name))
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(labelbottom=rank == len(names) - 1)
    _hour_axis(axes, WINDOW_S[0] / HOUR_S, WINDOW_S[1] / HOUR_S)
    return save(drawing, file)


@figure("waiting")
def waiting(record: RunRecord, file: str | Path) -> Path:
    """Draw the share of rides by waiting time for each service that people wait for, and return the file."""
    facts = Facts(record)
    waits = {name: numbers(facts.of_service("legs", name), "wait_s") / MINUTE_S for name in facts.services
             if name in facts.operated}  # fmt: skip
    waits = {name: minutes for name, minutes in waits.items() if len(minutes) and minutes.max() > 0}
    if not waits:
        raise ResultError("nobody waited for a ride, so there are no waits to draw")
    drawing, axes = new_page(record, "Waiting for a ride, by service, everyone", (9.0, 4.6))
    edges = np.arange(0, MOST_WAIT_MIN + 2)
    for rank, (name, minutes) in enumerate(waits.items()):
        whole = np.minimum(minutes, MOST_WAIT_MIN).astype(np.int64)
        share = np.bincount(whole, minlength=len(edges) - 1) / len(minutes)
        colour = mode_colour(str(facts.services[name]["mode"]), facts.modes)
        title = str(facts.services[name].get("title") or name)
        words = f"{title}: mean {mean(minutes):.1f}, nine in ten within {quantile(minutes, 0.9):.0f} min"
        axes.stairs(100 * share, edges, color=colour, lw=2.0, ls=STYLES[rank % len(STYLES)], label=words)
    axes.set_xlim(0, MOST_WAIT_MIN + 1)
    axes.set_xticks([*range(0, MOST_WAIT_MIN, 5), MOST_WAIT_MIN], [*map(str, range(0, MOST_WAIT_MIN, 5)), "30+"])
    axes.set_xlabel("Minutes waited")
    axes.set_ylabel("Share of rides (%)")
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
    axes.grid(True, color="#E5E5E5", linewidth=0.7)
    axes.legend(frameon=False, fontsize=9, loc="upper right", labelcolor=INK)
    return save(drawing, file)


def _under_way(begin_s: FloatArray, end_s: FloatArray, at_s: FloatArray) -> FloatArray:
    started = np.searchsorted(np.sort(begin_s), at_s, side="right")
    ended = np.searchsorted(np.sort(end_s), at_s, side="right")
    count: FloatArray = (started - ended).astype(np.float64)
    return count


def _draw_runs(axes: Axes, record: RunRecord, facts: Facts, name: str) -> None:
    """Draw the runs of one service: of a timetable west to east, else stop by stop."""
    calls = facts.of_service("calls", name)
    is_line = facts.services[name]["mode"] == TRANSIT
    runs = _runs(facts, name, calls)
    places = [numbers(calls, "place")[run].astype(np.int64).tolist() for run in runs]
    height, labels = _along(record, places) if is_line else _in_turn(record, places)
    colour = mode_colour(str(facts.services[name]["mode"]), facts.modes)
    for rank, (run, nodes) in enumerate(zip(runs, places, strict=True)):
        style = STYLES[0] if is_line else STYLES[rank % len(STYLES)]
        at_h = numbers(calls, "t_s")[run] / HOUR_S
        axes.plot(at_h, [height[node] for node in nodes], style, color=colour, lw=1.0 if is_line else 1.4, marker=".",
                  markersize=3)  # fmt: skip
    axes.set_yticks([place for place, _ in labels], [title for _, title in labels], fontsize=8)
    axes.grid(True, color="#E5E5E5", linewidth=0.7)


def _runs(facts: Facts, name: str, calls: Any) -> list[IntArray]:
    """Return the rows of each run in the window, in time; of several sizes of vehicle only the largest."""
    vehicles = facts.of_service("vehicles", name)
    places = dict(zip(numbers(vehicles, "vehicle").tolist(), numbers(vehicles, "places").tolist(), strict=True))
    size = np.array([places.get(vehicle, 0) for vehicle in numbers(calls, "vehicle").tolist()])
    t_s, run = numbers(calls, "t_s"), numbers(calls, "run")
    order = np.lexsort((numbers(calls, "step"), run, numbers(calls, "vehicle")))
    order = order[(t_s[order] >= WINDOW_S[0]) & (t_s[order] <= WINDOW_S[1]) & (size[order] == size.max())]
    cuts = np.flatnonzero(np.diff(run[order]) != 0) + 1
    return [one for one in np.split(order, cuts) if len(one) > 1]


def _along(record: RunRecord, places: list[list[int]]) -> tuple[dict[int, float], list[tuple[float, str]]]:
    """Return the longitude of each place, and the names to write beside the axis, none too near to another."""
    lon, title = _known(record)
    count = Counter(node for run in places for node in run)
    spread = max((lon[node] for node in count), default=0.0) - min((lon[node] for node in count), default=0.0)
    shown: list[tuple[float, str]] = []
    for node, _ in count.most_common():
        if len(shown) < MOST_STOPS and all(abs(lon[node] - other) > spread / (2 * MOST_STOPS) for other, _ in shown):
            shown.append((lon[node], title[node]))
    return lon, sorted(shown)


def _in_turn(record: RunRecord, places: list[list[int]]) -> tuple[dict[int, float], list[tuple[float, str]]]:
    """Return the rank of each place in the order of calling, and their names."""
    _, title = _known(record)
    nodes = list(dict.fromkeys(node for run in places for node in run))
    return {node: float(rank) for rank, node in enumerate(nodes)}, [
        (float(rank), title[node]) for rank, node in enumerate(nodes[: 2 * MOST_STOPS])
    ]


def _known(record: RunRecord) -> tuple[dict[int, float], dict[int, str]]:
    """Return the longitude and the name of each place; its number where it has no name."""
    nodes = numbers(record.places, "node").tolist()
    lon = dict(zip(nodes, numbers(record.places, "lon").tolist(), strict=True))
    names = record.places.column("name").to_pylist()
    return lon, {node: name or str(node) for node, name in zip(nodes, names, strict=True)}


def _hour_axis(axes: Axes, first: float, last: float) -> None:
    axes.set_xlim(first, last)
    step = 1 if last - first <= 12 else 2
    axes.set_xticks(np.arange(first, last + 0.01, step))
    axes.set_xlabel("Hour of the day")
    axes.tick_params(colors=FAINT, labelcolor=INK)
