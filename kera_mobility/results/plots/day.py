"""The day as it ran: fleets over time, vehicles along their line, how long people waited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kera_mobility.errors import ResultError
from kera_mobility.results.facts import TRANSIT, Facts, mean, quantile
from kera_mobility.results.plots.page import FAINT, INK, drawn_name, figure, legend_beside, mode_colour, new_page, save
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.results.report.breakdowns import moving_and_aboard
from kera_mobility.units import DAY_S, HOUR_S, MINUTE_S

if TYPE_CHECKING:
    import pandas as pd
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
        title = drawn_name(str(facts.services[name].get("title") or name))
        moving, aboard = moving_and_aboard(facts, name, at_s)
        for style, label, count in (("-", "vehicles moving", moving), ("--", "people aboard", aboard)):
            axes.step(at_s / HOUR_S, np.where(count > 0, count, np.nan), style, color=colour, lw=1.6, where="post",
                      label=f"{title}: {label}", zorder=3 + rank)  # fmt: skip
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
        axes.set_ylabel(drawn_name(str(facts.services[name].get("title") or name)))
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
        share = np.histogram(np.minimum(minutes, MOST_WAIT_MIN), edges)[0] / len(minutes)
        colour = mode_colour(str(facts.services[name]["mode"]), facts.modes)
        title = drawn_name(str(facts.services[name].get("title") or name))
        words = f"{title}: mean {mean(minutes):.1f}, 90th percentile {quantile(minutes, 0.9):.0f} min"
        axes.stairs(100 * share, edges, color=colour, lw=2.0, ls=STYLES[rank % len(STYLES)], label=words)
    axes.set_xlim(0, MOST_WAIT_MIN + 1)
    axes.set_xticks([*range(0, MOST_WAIT_MIN, 5), MOST_WAIT_MIN], [*map(str, range(0, MOST_WAIT_MIN, 5)), "30+"])
    axes.set_xlabel("Minutes waited")
    axes.set_ylabel("Share of rides (%)")
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
    axes.grid(True, color="#E5E5E5", linewidth=0.7)
    axes.legend(frameon=False, fontsize=9, loc="upper right", labelcolor=INK)
    return save(drawing, file)


def _draw_runs(axes: Axes, record: RunRecord, facts: Facts, service: str) -> None:
    """Draw the runs of one service: of a timetable west to east, else stop by stop."""
    places = record.frame("places").set_index("node")
    calls = _calls_of_runs(facts, service).join(places[["lon", "name"]], on="place")
    calls["name"] = calls["name"].where(calls["name"] != "", calls["place"].astype(str))
    is_line = facts.services[service]["mode"] == TRANSIT
    calls["height"] = calls["lon"] if is_line else calls["place"].factorize()[0]
    colour = mode_colour(str(facts.services[service]["mode"]), facts.modes)
    for rank, (_, run) in enumerate(calls.groupby(["vehicle", "run"])):
        style = STYLES[0] if is_line else STYLES[rank % len(STYLES)]
        axes.plot(run["t_s"] / HOUR_S, run["height"], style, color=colour, lw=1.0 if is_line else 1.4, marker=".",
                  markersize=3)  # fmt: skip
    labels = _apart(calls) if is_line else calls.drop_duplicates("place").head(2 * MOST_STOPS)
    axes.set_yticks(labels["height"], [drawn_name(name) for name in labels["name"]], fontsize=8)
    axes.grid(True, color="#E5E5E5", linewidth=0.7)


def _calls_of_runs(facts: Facts, service: str) -> pd.DataFrame:
    """Return the calls of each run in the window, in order; of several sizes of vehicle only the largest."""
    calls = facts.frame("calls", service).sort_values(["vehicle", "run", "step"])
    places = facts.frame("vehicles", service).set_index("vehicle")["places"]
    size = calls["vehicle"].map(places).fillna(0)
    calls = calls[calls["t_s"].between(*WINDOW_S) & (size == size.max())]
    runs: pd.DataFrame = calls[calls.groupby(["vehicle", "run"])["t_s"].transform("size") > 1]
    return runs


def _apart(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the stops with most calls, none too near to another on the axis, from the lowest."""
    stops = calls.drop_duplicates("place").set_index("place").loc[calls["place"].value_counts().index]
    gap = (stops["height"].max() - stops["height"].min()) / (2 * MOST_STOPS)
    heights: list[float] = []
    for height in stops["height"].tolist():
        if len(heights) < MOST_STOPS and all(abs(height - other) > gap for other in heights):
            heights.append(height)
    return stops[stops["height"].isin(heights)].drop_duplicates("height").sort_values("height")


def _hour_axis(axes: Axes, first: float, last: float) -> None:
    axes.set_xlim(first, last)
    step = 1 if last - first <= 12 else 2
    axes.set_xticks(np.arange(first, last + 0.01, step))
    axes.set_xlabel("Hour of the day")
    axes.tick_params(colors=FAINT, labelcolor=INK)
