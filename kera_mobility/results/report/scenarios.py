"""The scenarios of a report: the result folders that were named, side by side, each with its runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.errors import ResultError
from kera_mobility.results.compare import CONFIDENCE, Comparison, compare, compare_all
from kera_mobility.results.runs import RunFolder, runs_in
from kera_mobility.results.store import require_places

MOST_SCENARIOS = 6
"""More scenarios than this cannot be read side by side."""
HEADLINE = "sustainable_share"
"""The KPI that a report begins with."""
LEAST_DRAWS = 8
"""With fewer draws of the inputs no correlation is given."""
_OF_BOTH = "outcomes"
"""Section of a comparison whose rows are KPIs that both scenarios have: only these have a difference."""
_OF_KPIS = (_OF_BOTH, "only_a", "only_b")
"""Sections of a comparison whose rows are KPIs of the runs."""
_OF_ROW = ("mean_a", "mean_b", "difference", "low", "high", "n", "verdict", "standing", "basis", "chance_low",
           "chance_high", "inputs_low", "inputs_high")  # fmt: skip
_ROW_FIELDS = ("id", "section", "unit", "population", "definition", "payer", "boundary", *_OF_ROW)


@dataclass(frozen=True)
class ReportScenario:
    """One scenario of a report and its runs, by seed, day and draw of the inputs."""

    label: str
    """Its title; no two scenarios of a report have the same."""
    runs: tuple[RunFolder, ...]

    @property
    def first(self) -> RunFolder:
        """The run that the map and the charts of one day show."""
        return self.runs[0]


def scenarios_in(places: Sequence[str | Path]) -> list[ReportScenario]:
    """Return the scenarios of the result folders at or below the places, in the order given; each folder once.

    Raises
    ------
    MissingFileError, ResultError
        If a place holds no result, there are too many scenarios, or one of them has a seed twice.
    """
    require_places(places)
    runs: dict[Path, tuple[int, RunFolder]] = {}
    for number, place in enumerate(places):
        for run in runs_in(place):
            runs.setdefault(run.folder.resolve(), (number, run))
    groups: dict[tuple[int, str], list[RunFolder]] = {}
    for number, run in runs.values():
        groups.setdefault((number, run.scenario), []).append(run)
    if len(groups) > MOST_SCENARIOS:
        names = ", ".join(name for _, name in list(groups)[: MOST_SCENARIOS + 1])
        raise ResultError(f"{len(groups)} scenarios ({names}, ...), expected at most {MOST_SCENARIOS} side by side")
    scenarios: list[ReportScenario] = []
    for group in groups.values():
        group.sort(key=lambda run: run.key.order)
        for earlier, later in pairwise(group):
            if earlier.key == later.key:
                raise ResultError(f"{later.folder}: {later.key} stands also in {earlier.folder}")
        scenarios.append(ReportScenario(str(group[0].meta.get("title") or group[0].scenario), tuple(group)))
    return _with_unique_labels(scenarios)


def kpis_of(scenario: ReportScenario) -> dict[str, list[Any]]:
    """Return KPI id -> [mean, lowest, highest, number of runs that have it]."""
    values: dict[str, list[float]] = {}
    for run in scenario.runs:
        for name, kpi in run.kpis.items():
            values.setdefault(name, []).extend([] if kpi["value"] is None else [float(kpi["value"])])
    return {name: _summary(of_runs) for name, of_runs in values.items()}


def definitions_of(scenario: ReportScenario) -> dict[str, dict[str, str]]:
    """Return KPI id -> unit, population, definition."""
    kpis = {name: kpi for run in reversed(scenario.runs) for name, kpi in run.kpis.items()}
    order = dict.fromkeys(name for run in scenario.runs for name in run.kpis)
    return {name: {field: kpis[name][field] for field in ("unit", "population", "definition")} for name in order}


def in_one_order(orders: Sequence[Sequence[str]]) -> list[str]:
    """Return all names of some lists once; a name that an earlier list lacks stands after the one before it."""
    merged: list[str] = []
    for names in orders:
        position = 0
        for name in names:
            if name not in merged:
                merged.insert(position, name)
            position = merged.index(name) + 1
    return merged


def comparisons_of(
    scenarios: Sequence[ReportScenario], decision: DecisionSettings | None = None
) -> Sequence[Comparison | ResultError]:
    """Return what each further scenario changes against the first, or why they cannot be compared.

    Raises
    ------
    ConfigError
        If the decision names a row that none of them has.
    """
    base, *alternatives = ([str(run.folder) for run in scenario.runs] for scenario in scenarios)
    try:
        return compare_all(base, alternatives, decision=decision) if alternatives else ()
    except ResultError:
        return [_comparison_or_error(base, alternative, decision) for alternative in alternatives]


def _comparison_or_error(
    base: list[str], alternative: list[str], decision: DecisionSettings | None
) -> Comparison | ResultError:
    try:
        return compare(base, alternative, decision=decision)
    except ResultError as error:
        return error


def difference_content(number: int, comparison: Comparison | ResultError) -> dict[str, Any]:
    """Return a comparison for the page; `pairs` is 0 where no run is shared.

    `rows` is KPI id -> [difference, low, high, n, verdict]; `whole` is KPI id -> the row by name of its fields; `more`
    are the rows that only a comparison can know, by section.
    """
    empty = {"a": 0, "b": number, "pairs": 0, "confidence": CONFIDENCE, "rows": {}, "whole": {}, "more": []}
    if isinstance(comparison, ResultError):
        return empty
    rows = comparison.differences
    return empty | {
        "pairs": len(comparison.pairs), "missing": list(comparison.missing), "notes": list(comparison.notes),
        "rows": {row.id: [row.difference, row.low, row.high, row.n, row.verdict]
                 for row in rows if row.section == _OF_BOTH},
        "whole": {row.id: {name: getattr(row, name) for name in _OF_ROW} for row in rows if row.section in _OF_KPIS},
        "more": [{name: getattr(row, name) for name in _ROW_FIELDS} for row in rows if row.section not in _OF_KPIS],
    }  # fmt: skip


def weights_of(scenario: ReportScenario, kpi: str = HEADLINE) -> list[list[Any]]:
    """Return key, lowest, highest and correlation with a KPI for each input that was drawn, the heaviest first."""
    drawn = [run for run in scenario.runs if "inputs" in run.meta]
    weights: list[list[Any]] = []
    for key in dict.fromkeys(key for run in drawn for key in run.meta["inputs"]):
        runs = [run for run in drawn if key in run.meta["inputs"]]
        inputs = [float(run.meta["inputs"][key]) for run in runs]
        results = [run.kpis.get(kpi, {}).get("value") for run in runs]
        pairs = [(value, float(result)) for value, result in zip(inputs, results, strict=True) if result is not None]
        weights.append([key, min(inputs), max(inputs), _correlation(pairs)])
    return sorted(weights, key=lambda row: (-abs(row[3] or 0.0), row[0]))


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Pearson's correlation; None with too few pairs or where one of the two does not vary."""
    if len(pairs) < LEAST_DRAWS:
        return None
    try:
        return round(statistics.correlation(*zip(*pairs, strict=True)), 6)
    except statistics.StatisticsError:
        return None


def means_of(runs: Sequence[Mapping[str, list[float | None]]]) -> dict[str, list[float | None]]:
    """Return the mean over runs of lists of figures by name, place by place; None where no run has one."""
    means: dict[str, list[float | None]] = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        rows = [run[name] for run in runs if name in run]
        columns = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
        means[name] = [statistics.fmean(column) if column else None for column in columns]
    return means


def _summary(values: Sequence[float]) -> list[Any]:
    return [statistics.fmean(values), min(values), max(values), len(values)] if values else [None, None, None, 0]


def _with_unique_labels(scenarios: list[ReportScenario]) -> list[ReportScenario]:
    """Return the scenarios with labels that differ: where titles are equal, the name, then a number, is added."""
    titles = [scenario.label for scenario in scenarios]
    labels: list[str] = []
    for scenario, title in zip(scenarios, titles, strict=True):
        plain = title if titles.count(title) == 1 else f"{title} ({scenario.first.scenario})"
        candidates = (plain, *(f"{plain} {number}" for number in range(2, MOST_SCENARIOS + 1)))
        labels.append(next(label for label in candidates if label not in labels))
    return [replace(scenario, label=label) for scenario, label in zip(scenarios, labels, strict=True)]
