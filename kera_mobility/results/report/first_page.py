"""What the first page of a report decides by: ids of rows of the comparison in the order in which they are shown.

Every figure of the page is the row of that id, as `kera compare` has it; here nothing is computed anew but which
answers the city's thresholds leave open, and by how much each drawn input moves the first primary outcome.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kera_mobility.results.compare import Comparison, RunKey
from kera_mobility.results.compare.carbon import agreed_sign
from kera_mobility.results.compare.intervals import ALPHA, RANKED_DRAWS, mean, t_quantile
from kera_mobility.results.compare.table import costs_by_payer
from kera_mobility.results.report.scenarios import ReportScenario
from kera_mobility.results.runs import RunFolder

LEAST_DRAWS = 8
"""With fewer draws of the inputs nothing is said of what each of them decides."""
MOST_INPUTS = 5
"""Inputs that are named."""
_OPERATIONAL = "carbon.operational."


def decision_content(comparison: Comparison, a: ReportScenario, b: ReportScenario) -> dict[str, Any]:
    """Return what the first page shows of one comparison.

    `primary`, `costs` (largest first), `groups` (largest gain first), `served` and `carbon` are ids of rows;
    `thresholds` are id, go, stop and the answers that the interval leaves open, None without an interval; `inputs` are
    key, lowest and highest draw, and what the way from one to the other changes, with its 95 % interval.
    """
    rows = comparison.differences
    by_id = {row.id: row for row in rows}
    measure = next((row.id for row in rows if row.section == "benefit"), "")
    groups = [row for row in rows if measure and row.id.startswith(f"{measure}.") and "@" not in row.id]
    carbon = [row for row in rows if row.id.startswith(_OPERATIONAL)]
    primary = [name for name in comparison.decision.primary if name in by_id]
    return {
        "primary": primary,
        "benefit": measure,
        "costs": [row.id for row in costs_by_payer(rows)],
        "groups": [row.id for row in sorted(groups, key=lambda row: -row.difference)],
        "served": [row.id for row in rows if row.section == "served"],
        "carbon": [row.id for row in carbon],
        "carbon_sign": agreed_sign(carbon),
        "thresholds": [
            [name, limit.go, limit.stop, None if answers is None else list(answers)]
            for name, limit, answers in comparison.city_answers()
        ],
        "inputs": deciding_inputs(a, b, primary[0]) if primary else [],
        "draws": len({pair.draw for pair in comparison.pairs if pair.draw is not None}),
        "enough": RANKED_DRAWS,
        "least": LEAST_DRAWS,
    }


def deciding_inputs(a: ReportScenario, b: ReportScenario, kpi: str) -> list[list[Any]]:
    """Return the drawn inputs that move the difference of a KPI most; empty with fewer than LEAST_DRAWS draws.

    Each is key, lowest and highest draw, and the change of the difference from one to the other by a straight line
    through the draws, with the ends of its 95 % interval.
    """
    sides: tuple[Mapping[RunKey, RunFolder], ...] = tuple({run.key: run for run in side.runs} for side in (a, b))
    drawn: dict[int, list[tuple[Mapping[str, Any], float]]] = {}
    for key in sides[0].keys() & sides[1].keys():
        before, after = (side[key].kpis.get(kpi, {}).get("value") for side in sides)
        if key.draw is not None and before is not None and after is not None:
            drawn.setdefault(key.draw, []).append((sides[1][key].meta.get("inputs") or {}, after - before))
    inputs = sorted({name for of_draw in drawn.values() for name in of_draw[0][0]})
    found: list[list[Any]] = []
    for name in inputs:
        points = [
            (float(of_draw[0][0][name]), mean([effect for _, effect in of_draw]))
            for _, of_draw in sorted(drawn.items())
            if name in of_draw[0][0]
        ]
        line = _line(points)
        if line:
            found.append([name, *line])
    return sorted(found, key=lambda row: (-abs(row[3]), row[0]))[:MOST_INPUTS]


def _line(points: Sequence[tuple[float, float]]) -> list[float] | None:
    """Return lowest and highest x, and the rise of the least-squares line between them with its interval."""
    n = len(points)
    if n < LEAST_DRAWS:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_mean, y_mean = mean(xs), mean(ys)
    square = math.fsum((x - x_mean) ** 2 for x in xs)
    if square == 0.0:
        return None
    slope = math.fsum((x - x_mean) * (y - y_mean) for x, y in points) / square
    rest = math.fsum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in points) / (n - 2)
    width = max(xs) - min(xs)
    half = t_quantile(n - 2, ALPHA) * math.sqrt(rest / square) * width
    return [min(xs), max(xs), slope * width, slope * width - half, slope * width + half]
