"""The sums of an explanation beside the KPI table; they agree exactly, or it is said loudly."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from kera_mobility.config.figure_ids import figures_of, people_of
from kera_mobility.results.explain.cases import (
    CUT_OFF,
    LEFT,
    NOT_RIDDEN,
    PROMISE,
    REFUSED,
    UNSERVED,
    Case,
    Cases,
    suffix,
)
from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.facts import EVERYONE


class Sum(NamedTuple):
    """A figure added up from the cases, and the same in the KPI table."""

    id: str
    here: int
    kpi: float | None
    """None where the table has no such figure; it then counts as 0, as families leave out members without a case."""

    @property
    def agrees(self) -> bool:
        """Whether both are the same number."""
        return self.here == (self.kpi or 0)


def sums_of(run: RunReader, cases: Cases) -> list[Sum]:
    """Return every figure of the KPI table that the cases explain, and those that only one side has."""
    here = _added(run, cases)
    ids = [*here, *(name for name in run.kpis if name not in here and _is_ours(name, run))]
    figures = [Sum(name, here.get(name, 0), run.kpis.get(name, {}).get("value")) for name in ids]
    return [figure for figure in figures if figure.kpi is not None or figure.here]


def pooled(parts: list[list[Sum]]) -> list[Sum]:
    """Return the sums of several runs added up; one that does not agree in a run stays apart from the others."""
    here: Counter[str] = Counter()
    kpi: dict[str, float | None] = {}
    for figure in (figure for part in parts for figure in part):
        here[figure.id] += figure.here
        earlier = kpi.get(figure.id)
        kpi[figure.id] = earlier if figure.kpi is None else (earlier or 0) + figure.kpi
    return [Sum(name, here[name], value) for name, value in kpi.items()]


def _added(run: RunReader, cases: Cases) -> dict[str, int]:
    added: Counter[str] = Counter()
    groups = [group.name for group in run.facts.groups]
    operated = [name for name, service in run.record.meta["services"].items() if service.get("operated", True)]
    for group in groups:
        added[f"unserved{suffix(group)}"] += 0
        added[f"under_way_at_end{suffix(group)}"] += 0
    for name in operated:
        added[f"{figures_of(name)}.denied_requests"] += 0
    for case, count in cases.items():
        for name in _ids(case, groups):
            added[name] += count
    return dict(added)


def _ids(case: Case, groups: list[str]) -> list[str]:
    """Return the figures of the KPI table in which a case counts."""
    suffixes = [suffix(group) for group in groups if group in (EVERYONE, people_of(case.population))]
    if case.kind == UNSERVED:
        return [f"unserved{reason}{of_group}" for of_group in suffixes for reason in ("", f".{case.reason}")]
    if case.kind == CUT_OFF:
        return [f"under_way_at_end{of_group}" for of_group in suffixes]
    service = figures_of(case.service)
    if case.kind == REFUSED:
        return [f"{service}.denied_requests", f"{service}.denied_requests.{case.reason}"]
    if case.kind == PROMISE:
        return [f"{service}.bookings.{case.reason}"]
    return [f"{service}.left_behind"] if case.kind == LEFT else []


def _is_ours(name: str, run: RunReader) -> bool:
    """Return whether a figure of the KPI table is one that the cases should add up to."""
    plain = name.partition("@")[0]
    if plain == "under_way_at_end" or plain == "unserved" or plain.startswith("unserved."):
        return True
    service, _, rest = plain.partition(".")
    if service not in map(figures_of, run.record.meta["services"]):
        return False
    ends = {f"bookings.{end}" for end in NOT_RIDDEN}
    return rest in ends | {"denied_requests", "left_behind"} or rest.startswith("denied_requests.")
