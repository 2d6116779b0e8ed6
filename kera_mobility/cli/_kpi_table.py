"""The table of KPIs that `kera run` prints."""

from __future__ import annotations

import math
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from kera_mobility.cli._output import say
from kera_mobility.texts import visible

if TYPE_CHECKING:
    from kera_mobility.experiments.jobs import Written
    from kera_mobility.results.kpis import Kpi

WIDEST = 200
"""Columns that the table may take; a narrow terminal wraps its lines rather than losing their ends."""
CHIEF = (
    "sustainable_share", "sustainable_share.with_scooter", "mode_share.*", "trips", "trips_per_person",
    "door_to_door_s.mean", "unserved", "replans",
)  # fmt: skip
"""Figures of people that a table begins with; `--all` shows every one."""
CHIEF_OF_SERVICE = (
    "rides", "rides_per_vehicle_day", "boardings_per_vehicle_hour", "wait_s.mean", "refused", "left_behind",
    "punctual_share.*", "connections.missed", "promises.broken", "bookings.expired", "crew.hours",
    "operating_eur_per_ride", "cost_eur_per_ride", "subsidy_eur_per_ride", "permit.*.kept",
)  # fmt: skip
"""The same of each service, behind its name."""


def show_table(title: str, services: list[str], runs: list[Written], everyone: bool) -> None:
    """Print the KPIs, people first, then each service: mean, lowest and highest where there are several runs."""
    from rich.console import Console
    from rich.table import Table

    many = len(runs) > 1
    kind = "draws of uncertain inputs" if runs and runs[0].draw is not None else "seeds"
    caption = visible(f"{title}, {len(runs)} {kind}" if many else title, keep="")
    table = Table(title=caption, title_justify="left", box=None, pad_edge=False, show_header=many)
    table.add_column("", no_wrap=True)
    for heading in ("mean", "lowest", "highest") if many else ("",):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("of", no_wrap=True)
    for group, kpis in _groups(services, runs, everyone).items():
        table.add_row()
        table.add_row(group, style="bold")
        for first, *further in kpis:
            values = [kpi.value for kpi in (first, *further)]
            words = (first.id, *_values(values, many), first.unit, first.population)
            table.add_row(*(visible(text, keep="") for text in words))
    Console(width=WIDEST, markup=False, emoji=False).print(table)
    if not everyone and runs:
        shown = sum(_is_chief(kpi.id, services) for kpi in runs[0].kpis)
        say(f"{shown} of {len(runs[0].kpis)} figures; --all shows all, kpis.json has their definitions")


def _groups(services: list[str], runs: list[Written], everyone: bool) -> dict[str, list[list[Kpi]]]:
    """Return the KPIs by what they are about, people first, then each service; those of one id together."""
    by_id: dict[str, list[Kpi]] = {}
    for run in runs:
        for kpi in run.kpis:
            if everyone or _is_chief(kpi.id, services):
                by_id.setdefault(kpi.id, []).append(kpi)
    groups: dict[str, list[list[Kpi]]] = {group: [] for group in ("people", *services)}
    for name, kpis in by_id.items():
        prefix = name.partition(".")[0]
        groups[prefix if prefix in services else "people"].append(kpis)
    return {group: kpis for group, kpis in groups.items() if kpis}


def _is_chief(name: str, services: list[str]) -> bool:
    service, _, figure = name.partition(".")
    patterns, own_name = (CHIEF_OF_SERVICE, figure) if service in services else (CHIEF, name)
    return "@" not in name and any(fnmatch(own_name, pattern) for pattern in patterns)


def _values(values: list[float], many: bool) -> list[str]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ["-"] * (3 if many else 1)
    shown = [math.fsum(finite) / len(finite), min(finite), max(finite)] if many else finite
    return [f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" for value in shown]
