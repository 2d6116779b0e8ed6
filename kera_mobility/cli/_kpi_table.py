"""The table of KPIs that `kera run` prints: what matters in fifteen lines, or every figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from kera_mobility.cli._output import MOST_LINES, in_columns, say
from kera_mobility.config.figure_ids import figures_of
from kera_mobility.texts import visible

if TYPE_CHECKING:
    from kera_mobility.experiments.jobs import Written
    from kera_mobility.results.kpis import Kpi

CHIEF = ("sustainable_share", "mode_share.car", "trips", "door_to_door_s.mean", "unserved")
"""Figures of people that the short table begins with."""
CHIEF_OF_SERVICE = (
    "rides", "denied_requests", "subsidy_eur_per_ride", "wait_s.mean", "punctual_share", "connections.missed",
    "promises.broken", "permit.*.kept",
)  # fmt: skip
"""The same of each service, one after the other as far as there is room, behind its name; none of nothing denied."""
SPARED = ("denied_requests", "connections.missed", "promises.broken", "unserved")
"""Figures that are left out of the short table where they are zero in every run."""


def show_table(title: str, services: list[str], runs: list[Written], everyone: bool) -> None:
    """Print the KPIs, people first, then each service: mean, lowest and highest where there are several runs."""
    many, services = len(runs) > 1, [figures_of(service) for service in services]
    kind = "draws of uncertain inputs" if runs and runs[0].draw is not None else "seeds"
    by_id = _by_id(runs)
    caption = f"{title}, {len(runs)} {kind}" if many else title
    headings = (visible(caption, keep=""), *(("mean", "lowest", "highest") if many else ("",)), "of")
    chosen = list(by_id) if everyone else list(_chief(by_id, services))[: MOST_LINES - 2]
    rows = [headings]
    group = ""
    for name in chosen:
        of = name.partition(".")[0]
        if everyone and group != (group := of if of in services else "people"):
            rows.append((f"-- {group}", *[""] * (len(headings) - 1)))
        rows.append(_row(by_id[name], many))
    say("\n".join(in_columns(rows, left=(0, len(headings) - 1))))
    if not everyone and runs:
        say(f"{len(chosen)} of {len(by_id)} figures; --all shows all, kera list figures what each means")


def _by_id(runs: Sequence[Written]) -> dict[str, list[Kpi]]:
    by_id: dict[str, list[Kpi]] = {}
    for run in runs:
        for kpi in run.kpis:
            by_id.setdefault(kpi.id, []).append(kpi)
    return by_id


def _chief(by_id: dict[str, list[Kpi]], services: list[str]) -> Iterator[str]:
    """Yield the ids that matter, most of all first: a figure of every service before the next one."""
    wanted = [*CHIEF, *(f"{service}.{figure}" for figure in CHIEF_OF_SERVICE for service in services)]
    for pattern in wanted:
        for name in by_id:
            own_name = name.partition(".")[2] if name.partition(".")[0] in services else name
            spared = own_name in SPARED and not any(kpi.value for kpi in by_id[name])
            if fnmatch(name, pattern) and not spared and not (pattern.endswith(".rides") and _is_own(name)):
                yield name


def _is_own(name: str) -> bool:
    """Return whether rides are of feet, bicycles and cars of people's own, which nobody operates."""
    return name.partition(".")[0] in ("walk", "bicycle", "car", "car_passenger")


def _row(kpis: Sequence[Kpi], many: bool) -> tuple[str, ...]:
    import math

    from kera_mobility.results.amounts import NOTHING, WORDS, amounts, short_unit

    finite = [kpi.value for kpi in kpis if math.isfinite(kpi.value)]
    values: list[float | None] = [None] * (3 if many else 1)
    if finite:
        values = [math.fsum(finite) / len(finite), min(finite), max(finite)] if many else [finite[0]]
    (first, *ends), label = amounts(values, kpis[0].unit)
    label = short_unit(label) if first != NOTHING else ""
    label = "" if label == kpis[0].id.rpartition(".")[2] else label  # 120 rides, of scooter.rides
    cells = (kpis[0].id, f"{first} {label}".rstrip(), *ends, WORDS.get(kpis[0].population, kpis[0].population))
    return tuple(visible(cell, keep="") for cell in cells)
