"""One or several runs of a scenario explained: the cases, their sums, and whether these agree with the KPI table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kera_mobility.results.display import Display, Grid
from kera_mobility.results.explain.cases import Case, Cases, cases_of
from kera_mobility.results.explain.inputs import RunReader, read_runs
from kera_mobility.results.explain.sums import Sum, pooled, sums_of
from kera_mobility.results.notice_log import LATE
from kera_mobility.results.reason_texts import Reasons, sentence_of
from kera_mobility.results.record import numbers
from kera_mobility.texts import visible

CASE_COLUMNS = ("run", "what", *Case._fields[1:], "meaning", "count")
"""Columns of the cases as CSV."""


@dataclass(frozen=True, repr=False)
class ExplainedRun(Display):
    """What one run gives; the run itself is not kept."""

    folder: Path
    about: str
    cases: Cases
    sums: Sequence[Sum]
    trips: int
    """Trips wanted, by everyone."""
    lacking: tuple[str, ...]
    notices: tuple[tuple[float, str], ...] = ()
    """Public facts of the day by moment, but for late runs."""

    def _glance(self) -> tuple[str, str, str]:
        return (
            f"Explained run in {self.folder}: {self.about}",
            f"{sum(self.cases.values()):,} cases in {self.trips:,} trips",
            ".cases counts what went wrong, .sums holds it against the KPIs",
        )

    def _grid(self) -> Grid:
        return _cases_grid(self.cases)


@dataclass(frozen=True, repr=False)
class Explanation(Display):
    """Why trips went unserved and requests were denied, in one or several runs of a scenario; counts are added up."""

    scenario: str
    title: str
    services: dict[str, str]
    """Title of each service by name."""
    runs: Sequence[ExplainedRun]
    own: frozenset[str] = frozenset()
    """Services that nobody operates: feet, bicycles and cars of people's own, which deny nothing."""
    reasons: Reasons = field(default_factory=dict)
    """The declared reasons of denied requests."""

    def _glance(self) -> tuple[str, str, str]:
        agrees = f"{len(self.disagreements)} sums disagree" if self.disagreements else "all sums agree with the KPIs"
        return (
            f"Explanation of {self.scenario} ({self.title}), {len(self.runs)} runs",
            f"{sum(self.cases.values()):,} cases in {sum(run.trips for run in self.runs):,} trips; {agrees}",
            ".cases counts what went wrong and why, .rows() yields each case",
        )

    def _grid(self) -> Grid:
        return _cases_grid(self.cases)

    def title_of(self, service: str) -> str:
        """Return the name of a service for people."""
        return self.services.get(service, service)

    def meaning(self, reason: str) -> str:
        """Return what a reason means, as a sentence."""
        return sentence_of(reason, self.reasons)

    @property
    def cases(self) -> Cases:
        """Everything that went wrong, in all runs."""
        total: Cases = Counter()
        for run in self.runs:
            total.update(run.cases)
        return total

    @property
    def sums(self) -> list[Sum]:
        """The figures of the KPI table, added up over the runs, beside the sums of the cases."""
        return pooled([list(run.sums) for run in self.runs])

    @property
    def disagreements(self) -> list[tuple[ExplainedRun, Sum]]:
        """The sums that are not those of the KPI table of their run; there should be none."""
        return [(run, figure) for run in self.runs for figure in run.sums if not figure.agrees]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the cases of each run as plain rows, for CSV."""
        for run in self.runs:
            for case, count in sorted(run.cases.items()):
                yield {"run": run.about, **self._row(case), "count": count}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            "runs": [
                {
                    "folder": str(run.folder), "run": run.about, "trips": run.trips, "lacking": list(run.lacking),
                    "sums": [figure._asdict() | {"agrees": figure.agrees} for figure in run.sums],
                    "cases": [self._row(case) | {"count": count} for case, count in sorted(run.cases.items())],
                }
                for run in self.runs
            ],
            "sums": [figure._asdict() | {"agrees": figure.agrees} for figure in self.sums],
            "agrees": not self.disagreements,
        }  # fmt: skip

    def _row(self, case: Case) -> dict[str, Any]:
        row = {"what": case.kind, **case._asdict(), "meaning": self.meaning(case.binding) if case.binding else ""}
        del row["kind"]
        return row


def _cases_grid(cases: Cases) -> Grid:
    counts: Counter[tuple[str, str, str]] = Counter()
    for case, count in cases.items():
        counts[case.kind, case.service, case.binding] += count
    return ("what", "service", "reason", "count"), [(*names, f"{count:,}") for names, count in counts.most_common()]


def explain(place: str | Path) -> Explanation:
    """Return why trips went unserved and requests were denied, from a result folder, or several of one scenario.

    Raises
    ------
    MissingFileError, ResultError
        If there is no result or a torn one, or two scenarios.
    """
    runs = read_runs(place)
    meta = runs[0].record.meta
    services = {name: runs[0].title(name) for name in meta["services"]}
    own = frozenset(name for name in meta["services"] if not runs[0].operated(name))
    title = visible(str(meta.get("title") or meta["scenario"]), keep="")
    return Explanation(str(meta["scenario"]), title, services, [*map(_of, runs)], own, runs[0].reasons)


def _of(run: RunReader) -> ExplainedRun:
    cases = cases_of(run)
    trips = len(numbers(run.record.tables["trips"], "person"))
    rows = run.record.tables["notices"].to_pylist()
    notices = tuple((float(row["t_s"]), visible(str(row["text"]), keep="")) for row in rows if row["topic"] != LATE)
    return ExplainedRun(run.folder, run.about, cases, sums_of(run, cases), trips, run.lacking, notices)
