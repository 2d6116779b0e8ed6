"""The answer to a question: the figures of `kera compare` that a planner looks at first, and who gains."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from kera_mobility.results.compare import Comparison, Difference, compare
from kera_mobility.serve.run_queue import RunOrder, RunQueue

FIGURES = ("sustainable_share", "benefit.ex_ante", "money.city.subsidy_eur", "door_to_door_s.mean", "mode_share.car")
"""Rows that are looked at first."""
GAINS = "benefit.ex_ante."
"""Rows of who gains, residents by age, car and home."""
RIDES = ".rides"
LEAST_TO_COMPARE, MOST_TO_COMPARE = 2, 6
MOST_EXPORT_BYTES = 500_000_000


def answer(queue: RunQueue, order: RunOrder) -> dict[str, Any]:
    """Return what came of an order that is done."""
    reference, results = queue.results(order)
    comparison = _compared(str(reference), str(results), order.ended_s)
    rows = {row.id: row for row in comparison.differences}
    gains = [row for row in comparison.rows("benefit") if row.id.startswith(GAINS) and row.population == "residents"]
    return {
        "id": order.id, "a": comparison.title_a, "b": comparison.title_b, "pairs": len(comparison.pairs),
        "figures": [_plain(rows[name]) for name in FIGURES if name in rows],
        "rides": [_plain(row) for row in comparison.rows("only_b") if _is_rides(row)],
        "revenue": [_plain(row) for row in comparison.differences if row.id.endswith(".revenue_eur")],
        "gains": [{**_plain(row), "group": row.id[len(GAINS):]} for row in gains],
        "notes": list(comparison.notes), "warnings": _warnings(results), "fingerprint": order.fingerprint,
    }  # fmt: skip


def side_by_side(queue: RunQueue, orders: Sequence[RunOrder]) -> list[dict[str, Any]]:
    """Return the answers of several orders, for a table."""
    return [{**answer(queue, order), "title": order.title} for order in orders]


def export(queue: RunQueue, order: RunOrder) -> bytes:
    """Return an order as a zip: scenario, resolved scenario, report, and both result folders."""
    stream = io.BytesIO()
    reference, results = queue.results(order)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(queue.scenario_file(order), f"{order.id}/{order.id}.yaml")
        archive.writestr(f"{order.id}/order.json", json.dumps({**asdict(order), "progress": {}}, indent=1))
        report = queue.report_file(order)
        if report.is_file():
            archive.write(report, f"{order.id}/report.html")
        for side in (reference, results):
            for file in sorted(side.rglob("*")):
                if file.is_file() and not any(part.startswith(".") for part in file.relative_to(side).parts):
                    archive.write(file, f"{order.id}/{side.name}/{file.relative_to(side).as_posix()}")
    return stream.getvalue()


@lru_cache(maxsize=32)
def _compared(reference: str, results: str, ended_s: float) -> Comparison:
    """Return a comparison, kept while the order has not been run again."""
    return compare(Path(reference), Path(results))


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
