"""Variants of a scenario or a town, none changed in place: other values, fewer people, a thinner timetable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError
from kera_mobility.experiments.scenario_keys import content_of, number_keys, value_at, with_values
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.timetable.timetable import Journeys, Timetable
from kera_mobility.town.town import Lines, Town
from kera_mobility.units import round_s


def scaled(scenario: Scenario, keys: Sequence[str], factor: float) -> Scenario:
    """Return the scenario with the numbers at dotted keys multiplied; `periods.*.factor` means each of a list.

    Whole numbers stay whole: 25 x 1.1 is 28.

    Raises
    ------
    ConfigError
        If a key leads nowhere, or to something that is not a number.
    """
    content = content_of(scenario)
    values: dict[str, float] = {}
    for key in keys:
        matches = number_keys(content, key)
        if not matches:
            raise ConfigError(f"{key}: got {value_at(content, key)!r}, expected a number to multiply")
        for match in matches:
            value = value_at(content, match) * factor
            values[match] = round(value) if isinstance(value_at(content, match), int) else value
    return with_values(scenario, values)


def left_out(town: Town, share: float) -> list[int]:
    """Return the ids of those who are not in a sample of the households; a larger share is a superset."""
    people = town.people
    return people.person[Dice.of(0).at("sample").uniform(people.household) >= share].tolist() if share < 1.0 else []


def sampled(town: Town, share: float) -> Town:
    """Return the town where only a share of its households has ever lived; a larger share is a superset."""
    return town.without(left_out(town, share))


def with_timetable(
    town: Town, name: str, change: Callable[[Timetable], Timetable], service_date: str | None = None
) -> Town:
    """Return the town with one of its timetables changed."""
    lines = town.lines(name, service_date)
    timetable = change(lines.timetable)
    return town.with_lines(name, Lines(timetable, Journeys.of(timetable), lines.stop_node), service_date)


def stretched(timetable: Timetable, factor: float) -> Timetable:
    """Return the timetable with all headways multiplied: the same first departures, runs that fall behind the last cut.

    Runs of one line that make the same calls are one service; its departures are drawn apart from its first one, and
    those later than its last one was are left out. Times on the way stay.

    Raises
    ------
    ValueError
        If the factor is below 1: there are no more runs than there are.
    """
    if factor < 1.0:
        raise ValueError(f"expected a factor of at least 1, got {factor}")
    start, stops = np.asarray(timetable.run_start), np.asarray(timetable.call_stop)
    depart_s = np.asarray(timetable.call_depart_s)
    first_s = depart_s[start[:-1]]
    services: dict[tuple[Any, ...], list[int]] = {}
    for run in range(timetable.runs):
        calls = tuple(stops[start[run] : start[run + 1]].tolist())
        services.setdefault((int(timetable.run_line[run]), *calls), []).append(run)
    later_s = np.zeros(timetable.runs)
    kept = np.ones(timetable.runs, dtype=np.bool_)
    for runs in services.values():
        times_s = first_s[runs]
        moved_s = round_s(times_s.min() + (times_s - times_s.min()) * factor)
        later_s[runs], kept[runs] = moved_s - times_s, moved_s <= times_s.max()
    return _moved(timetable, later_s, kept)


def _moved(timetable: Timetable, later_s: Any, kept: Any) -> Timetable:
    count = np.diff(timetable.run_start)
    call_kept, call_later_s = np.repeat(kept, count), np.repeat(later_s, count)
    following = np.asarray(timetable.run_next)
    # A vehicle goes on to its next run where both are kept and moved alike.
    goes_on = (following >= 0) & kept[following] & (later_s[following] == later_s)
    of_calls = ("call_boards", "call_alights", "call_from_class", "call_to_class")
    return replace(
        timetable,
        run_name=tuple(name for name, stays in zip(timetable.run_name, kept.tolist(), strict=True) if stays),
        run_line=np.asarray(timetable.run_line)[kept],
        run_start=np.cumsum([0, *count[kept].tolist()]).astype(np.int32),
        call_stop=np.asarray(timetable.call_stop)[call_kept],
        call_arrive_s=(np.asarray(timetable.call_arrive_s) + call_later_s)[call_kept],
        call_depart_s=(np.asarray(timetable.call_depart_s) + call_later_s)[call_kept],
        run_next=np.where(goes_on, (np.cumsum(kept) - 1)[following], -1)[kept].astype(np.int32),
        **{name: np.asarray(getattr(timetable, name))[call_kept] for name in of_calls},
    )
