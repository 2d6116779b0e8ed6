"""The answer to a question: the figures of `kera compare` that a planner looks at first, and who gains."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from kera_mobility.config.decision import PRIMARY
from kera_mobility.results.compare import Comparison, Difference, compare
from kera_mobility.serve.attribution import parts, separable
from kera_mobility.serve.run_queue import RunOrder, RunQueue
from kera_mobility.serve.translation import in_languages

FIGURES = (
    "sustainable_share",
    "consumer_surplus.ex_ante",
    "money.city.subsidy_eur",
    "door_to_door_s.mean",
    "mode_share.car",
)
"""Rows that are looked at first."""
GAINS = "consumer_surplus.ex_ante."
"""Rows of who gains, residents by age, car and home."""
RIDES = ".rides"
LEAST_TO_COMPARE, MOST_TO_COMPARE = 2, 6


def answer(queue: RunQueue, order: RunOrder) -> dict[str, Any]:
    """Return what came of an order that is done; of one that takes a run apart, what came of that run."""
    order, apart = queue.source(order), queue.parts_of(queue.source(order))
    comparison = _comparison(queue, order, apart)
    rows = {row.id: row for row in comparison.differences}
    gains = [row for row in comparison.rows("benefit") if row.id.startswith(GAINS) and row.population == "residents"]
    figures = [name for name in _figures(comparison) if name in rows]
    return {
        "id": order.id, "a": comparison.title_a, "b": comparison.title_b, "pairs": len(comparison.pairs),
        "figures": [_plain(rows[name]) for name in figures],
        "rides": [_plain(row) for row in comparison.rows("only_b") if _is_rides(row)],
        "revenue": [_plain(row) for row in comparison.differences if row.id.endswith(".revenue_eur")],
        "gains": [{**_plain(row), "group": row.id[len(GAINS):]} for row in gains],
        "city": [{**_plain(rows[name]), **limit.model_dump(), "answers": answers}
                 for name, limit, answers in comparison.city_answers()],
        "stopped": order.outcome, "separable": separable(queue, order), "parts": parts(queue, order, figures, _plain),
        "days_apart": queue.days_apart(order),
        "notes": list(comparison.notes),
        "warnings": [in_languages(text) for text in _warnings(queue.results(order)[1])],
        "fingerprint": order.fingerprint,
    }  # fmt: skip


def side_by_side(queue: RunQueue, orders: Sequence[RunOrder]) -> list[dict[str, Any]]:
    """Return the answers of several orders, for a table."""
    return [{**answer(queue, order), "title": order.title} for order in orders]


def export(queue: RunQueue, orders: Sequence[RunOrder], stream: IO[bytes]) -> None:
    """Write orders as a zip; of several also what each changes, side by side."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for order in orders:
            for name, file in _files(queue, order):
                archive.write(file, f"{order.id}/{name}")
            archive.writestr(f"{order.id}/order.json", json.dumps({**asdict(order), "progress": {}}, indent=1))
        if len(orders) > 1:
            archive.writestr("compared.json", json.dumps(side_by_side(queue, orders), indent=1))


def _files(queue: RunQueue, order: RunOrder) -> Iterator[tuple[str, Path]]:
    """Yield scenario, report, and the result folders that an answer is made of, with their names in the zip."""
    scenario, report = queue.scenario_file(order), queue.report_file(order)
    yield scenario.name, scenario
    if report.is_file():
        yield "report.html", report
    folders = [*queue.results(order)]
    folders += [folders[1].parent / part["folder"] for part in order.outcome.get("removals", []) if part["folder"]]
    days = {day.name for day in folders[1].iterdir()}  # the reference has the days of other runs too
    for side in folders:
        for file in sorted(side.rglob("*")):
            below = file.relative_to(side).parts
            if file.is_file() and below[0] in days and not any(part[0] == "." for part in below):
                yield "/".join([side.name, *below]), file


def _comparison(queue: RunQueue, order: RunOrder, apart: RunOrder | None) -> Comparison:
    """Return what a run changes; taking it apart may have added days."""
    reference, results = queue.results(order)
    return _compared(
        str(reference), str(results), order.ask.figure, max(order.ended_s, apart.ended_s if apart else 0.0)
    )


@lru_cache(maxsize=32)
def _compared(reference: str, results: str, figure: str, ended_s: float) -> Comparison:
    """Return a comparison, kept while the order has not been run again."""
    return compare(Path(reference), Path(results), primary=(figure,) if figure else ())


def _figures(comparison: Comparison) -> list[str]:
    """Return the rows that are looked at first: what decides, else what the scenario names, else FIGURES."""
    named = comparison.decision.primary
    first = named if named != PRIMARY else FIGURES
    return list(dict.fromkeys([*first, *FIGURES]))


def _is_rides(row: Difference) -> bool:
    return row.id.endswith(RIDES) and row.id.count(".") == 1


def _plain(row: Difference) -> dict[str, Any]:
    kept = ("id", "unit", "population", "mean_a", "mean_b", "difference", "low", "high", "n", "basis", "chance_low",
            "chance_high", "inputs_low", "inputs_high", "verdict", "definition")  # fmt: skip
    values = asdict(row)
    return {name: values[name] for name in kept}


def _warnings(results: Path) -> list[str]:
    texts: dict[str, None] = {}
    for file in sorted(results.glob("*/run.json")):
        texts |= {warning["text"]: None for warning in json.loads(file.read_bytes()).get("warnings", ())}
    return list(texts)
