"""Denied requests, trips given up and broken promises, as `kera explain` adds them up: by service and reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kera_mobility.results.explain import explain
from kera_mobility.results.explain.cases import REFUSED, UNSERVED, Case, by_population
from kera_mobility.results.explain.sequels import GAVE_UP, LATER, MODE_DONE, NEVER_LEFT, UNDER_WAY
from kera_mobility.results.explain.text import explanation_text
from kera_mobility.results.report.scenarios import ReportScenario

if TYPE_CHECKING:
    import pandas as pd

MOST = 3
"""Places and hours named for each reason."""
MOST_SEQUELS = 5
"""What people did instead, named for each reason."""
DID = {phrase: mode for mode, phrase in MODE_DONE.items()} | {
    LATER: "later", GAVE_UP: "gave_up", UNDER_WAY: "under_way", NEVER_LEFT: "never_left",
}  # fmt: skip
"""What somebody did, in the words of `kera explain` -> its key in the page's languages."""


def refusals(scenario: ReportScenario) -> dict[str, Any]:
    """Return why trips went unserved and services denied requests in the runs of one scenario, added up over them.

    `rows` are what (refused, unserved, under_way, booking, left_behind), service, reason, count, and the most frequent
    places, hours and sequels, each a list of [name, count]; `first` is the commonest refusal with its worst place and
    hour. Every sum is that of `kera explain`, and `text` is what it prints.

    Raises
    ------
    ResultError
        If a result is torn.
    """
    import pandas as pd

    parts = [explain(run.folder) for run in scenario.runs]
    runs = [replace(run, folder=Path(run.folder.name)) for part in parts for run in part.runs]
    explanation = replace(parts[0], runs=runs)
    items = list(explanation.cases.items())
    cases = pd.DataFrame([(*case, count) for case, count in items], columns=[*Case._fields, "count"])
    cases["did"] = cases["instead"].replace(DID)
    refused = cases[cases["kind"] == REFUSED]
    return {
        "runs": len(runs), "trips": sum(run.trips for run in runs),
        "lost": int(cases["count"][cases["kind"] == UNSERVED].sum()),
        "lost_residents": by_population(((case, n) for case, n in items if case.kind == UNSERVED), "residents"),
        "refused": int(refused["count"].sum()), "first": _commonest(refused), "did": _top(refused, "did", 1),
        "rows": _rows(cases), "sums": len(explanation.sums), "agrees": not explanation.disagreements,
        "text": explanation_text(explanation, MOST),
    }  # fmt: skip


def _rows(cases: pd.DataFrame) -> list[list[Any]]:
    rows = [
        [*key, int(group["count"].sum()), _top(group, "place", MOST), _top(group, "hour", MOST),
         _top(group, "did", MOST_SEQUELS)]
        for key, group in cases.groupby(["kind", "service", "binding"], sort=False)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row[0], -row[3], row[1], row[2]))


def _commonest(refused: pd.DataFrame) -> list[Any] | None:
    """Return service, reason and count of the commonest refusal, and place, hour and count where it was worst."""
    if refused.empty:
        return None
    (service, reason), count = _counts(refused, ["service", "reason"])[0]
    same = refused[(refused["service"] == service) & (refused["reason"] == reason)]
    (place, hour), worst = _counts(same, ["place", "hour"])[0]
    return [service, reason, count, place, int(hour), worst]


def _top(cases: pd.DataFrame, column: str, most: int) -> list[list[Any]]:
    """Return the highest counts by the values of a column, equals by name; what has no name is left out."""
    return [[name, count] for name, count in _counts(cases, column)[:most] if name != ""]


def _counts(cases: pd.DataFrame, by: str | list[str]) -> list[tuple[Any, int]]:
    """Return key and count, the highest count first, of equals the first by name."""
    counts = cases.groupby(by)["count"].sum().sort_values(ascending=False, kind="stable")
    return list(zip(counts.index.tolist(), counts.tolist(), strict=True))
