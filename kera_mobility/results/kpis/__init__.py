"""The KPIs of a run: functions in the files of this folder and in `kpis.py` of each service, found by looking.

An id is stable and dotted. What people did is given for residents (aged 7 and over, as in the travel survey) under the
plain id, and for the others under `<id>@everyone`, `@in_commuters`, `@neighbours`. Where nobody is a resident of a new
quarter, the plain id is everyone's figure, and its population says so. What a service did counts everyone and begins
with the name of the service: `scooter.rides` (`config.figure_ids` has the one exception, `transit.rides`).

    @personal("walk_s.median", unit="s", definition="Median walking time of a completed trip.")
    def walking_median(facts: Facts, group: Group) -> float:
        return quantile(facts.walk_s[group.completed], 0.5)

    @kpi
    def rides(facts: Facts) -> Iterator[Kpi]:
        yield Kpi("rides", facts.rides, "rides", "everyone", "Rides with any service.")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kera_mobility.config.figure_ids import FigureList, current_id, figures_of
from kera_mobility.config.registry import modules_of, parts_of
from kera_mobility.errors import ExtensionError
from kera_mobility.results.amounts import amount
from kera_mobility.results.facts import EVERYONE, RESIDENTS, Facts, Group
from kera_mobility.results.record import RunRecord

PACKAGE = "kera_mobility.results.kpis"
ENTRY_POINTS = "kera_mobility.kpis"
SERVICES = "kera_mobility.services"
"""Folder, and group of entry points, of services: each has its own KPIs."""

CHIEF = ("sustainable_share", "mode_share.car", "trips", "door_to_door_s.mean", "unserved")
"""Figures that a short table begins with."""
KPI_HEADINGS = ("figure", "value", "of")


@dataclass(frozen=True)
class Kpi:
    """One figure of a run."""

    id: str
    value: float
    """NaN where there is nothing to measure; null in `kpis.json`."""
    unit: str
    population: str
    """Whose figure it is: `residents`, `everyone`, `in_commuters`, `neighbours`."""
    definition: str
    """One sentence."""


KpiFunction = Callable[[Facts], Iterable[Kpi]]
_MARK = "__kera_kpi__"


def service_kpi(service: str, name: str, value: float, unit: str, definition: str) -> Kpi:
    """Return a figure of what a service did for everyone; its id begins with the name of the service."""
    return Kpi(f"{figures_of(service)}.{name}", value, unit, EVERYONE, definition)


def kpi(function: KpiFunction) -> KpiFunction:
    """Mark a function of the facts that yields KPIs, so that it is found."""
    setattr(function, _MARK, True)
    return function


def personal(name: str, unit: str, definition: str) -> Callable[[Callable[[Facts, Group], float]], KpiFunction]:
    """Mark a function of the facts and one group of people; it is asked for each group that has people."""

    def marked(function: Callable[[Facts, Group], float]) -> KpiFunction:
        def for_each_group(facts: Facts) -> Iterator[Kpi]:
            for group in facts.groups:
                yield Kpi(name + group.suffix, function(facts, group), unit, group.name, definition)

        return kpi(for_each_group)

    return marked


def compute(record: RunRecord) -> FigureList[Kpi]:
    """Return every KPI of a run in a stable order: residents, then everyone, then the other groups.

    Raises
    ------
    ExtensionError
        If two KPIs share an id.
    ResultError
        If the tables contradict each other.
    """
    facts = Facts(record)
    made_by: dict[str, str] = {}
    kpis: list[Kpi] = []
    for module in (*modules_of(PACKAGE, ENTRY_POINTS), *parts_of(SERVICES, SERVICES, "kpis")):
        for function in _functions(vars(module)):
            for made in (replace(made, id=current_id(made.id)) for made in function(facts)):
                if made.id in made_by:
                    raise ExtensionError(f"{module.__name__}: KPI '{made.id}' is already made by {made_by[made.id]}")
                made_by[made.id] = module.__name__
                kpis.append(made)
    if not any(group.name == RESIDENTS for group in facts.groups):
        of_everyone = f"@{EVERYONE}"
        kpis += [replace(made, id=made.id.removesuffix(of_everyone)) for made in kpis if made.id.endswith(of_everyone)]
        kpis.sort(key=lambda made: "@" in made.id)
    first = {RESIDENTS: 0, EVERYONE: 1}
    return FigureList(sorted(kpis, key=lambda made: first.get(made.population, len(first))))


def mean_rows(runs: Sequence[Sequence[Kpi]]) -> list[tuple[str, str, str]]:
    """Return id, mean over runs and population of each KPI, the chief ones first."""
    by_id: dict[str, list[Kpi]] = {}
    for made in (made for kpis in runs for made in kpis):
        by_id.setdefault(made.id, []).append(made)
    rows = []
    for name in sorted(by_id, key=lambda name: CHIEF.index(name) if name in CHIEF else len(CHIEF)):
        values = [made.value for made in by_id[name] if math.isfinite(made.value)]
        mean = math.fsum(values) / len(values) if values else None
        rows.append((name, amount(mean, by_id[name][0].unit), by_id[name][0].population))
    return rows


def to_json(quantity: Kpi) -> dict[str, Any]:
    """Return a KPI as an entry of `kpis.json`."""
    return {**asdict(quantity), "value": quantity.value if math.isfinite(quantity.value) else None}


def _functions(names: dict[str, Any]) -> Iterator[KpiFunction]:
    """Yield each marked function once, also if it has two names in its module."""
    seen: set[int] = set()
    for item in names.values():
        if getattr(item, _MARK, False) and id(item) not in seen:
            seen.add(id(item))
            yield item
