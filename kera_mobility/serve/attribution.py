"""Which of the changes of a question did it: what can be taken back, and what the figures lose without each change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.errors import KeraError
from kera_mobility.experiments.leave_one_out import Removal, removals
from kera_mobility.experiments.setting_changes import setting_changes
from kera_mobility.results.compare import Difference, compare_all
from kera_mobility.serve.forms import label_of
from kera_mobility.serve.run_queue import RunOrder, RunQueue
from kera_mobility.simulation.scenario import load_scenario, scenario_below

LEAST_PARTS = 2
"""With fewer changes the answer itself says what the change did."""


def separable(queue: RunQueue, order: RunOrder) -> list[dict[str, Any]]:
    """Return the changes of a run that can be taken back apart from each other; empty with fewer than LEAST_PARTS."""
    try:
        able = [part for part in _removals(str(queue.base), str(queue.scenario_file(order))) if part.rest is not None]
    except KeraError:  # such as a reference that was changed since
        return []
    return [_named(queue, order, part.name) for part in able] if len(able) >= LEAST_PARTS else []


def parts(
    queue: RunQueue, order: RunOrder, figures: Sequence[str], plain: Callable[[Difference], dict[str, Any]]
) -> dict[str, Any] | None:
    """Return what the figures change by when each change of a run is taken back; None if that was not run.

    Every row is that of `kera compare` of the run with the run without the change, corrected for all changes together.
    """
    apart = queue.parts_of(order)
    if apart is None:
        return None
    tried = apart.outcome.get("removals", [])
    run = queue.results(apart)[1]
    folders = [run.parent / part["folder"] for part in tried if part["folder"]]
    figure = order.ask.figure
    decision = DecisionSettings(primary=(figure,)) if figure else DecisionSettings()
    rows = _without(str(run), tuple(map(str, folders)), decision.model_dump_json(), apart.ended_s)
    made = [
        {**_named(queue, order, part["name"]), "rows": [plain(of[name]) for name in figures if name in of]}
        for part, of in zip([part for part in tried if part["folder"]], rows, strict=True)
    ]
    made.sort(key=lambda part: -abs(part["rows"][0]["difference"]) if part["rows"] else 0.0)
    refused = [{**_named(queue, order, part["name"]), "why": part["refusal"]} for part in tried if part["refusal"]]
    return {"id": apart.id, "days": apart.ask.days, "changes": made, "refused": refused}


@lru_cache(maxsize=32)
def _removals(base: str, file: str) -> tuple[Removal, ...]:
    """Return what can be taken back; the file of a run does not change."""
    reference, variant = load_scenario(base), load_scenario(file)
    return tuple(removals(reference, variant, scenario_below(file), setting_changes(reference, variant)))


@lru_cache(maxsize=16)
def _without(run: str, folders: tuple[str, ...], decision: str, ended_s: float) -> tuple[dict[str, Difference], ...]:
    """Return the rows of each comparison by id, kept while the order has not been run again."""
    made = compare_all(Path(run), list(map(Path, folders)), decision=DecisionSettings.model_validate_json(decision))
    return tuple({row.id: row for row in comparison.differences} for comparison in made)


def _named(queue: RunQueue, order: RunOrder, name: str) -> dict[str, Any]:
    """Return a change with its name by language; of a whole service its title, or the name of its kind."""
    services = load_scenario(queue.scenario_file(order)).services
    kinds = {service: settings.kind for service, settings in services.items()}  # type: ignore[attr-defined]
    service = name.split(".")[1] if name.startswith("services.") and name.count(".") == 1 else ""
    title = services[service].title if service in services else ""
    return {"name": name, "label": label_of(name, kinds), "service": service, "title": title,
            "kind": kinds.get(name.split(".")[1] if "." in name else "", "")}  # fmt: skip
