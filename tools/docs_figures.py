"""`python -m tools.docs_figures`: write the tables of docs/explanation/calibration.md from what the commands printed.

`docs/calibration_result.yaml` is of `kera calibrate --result`, `docs/realism_result.json` of `kera realism --json`. A
table stands in the page between two comments that name it; everything else there is written by hand.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kera_mobility.files import read_yaml

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "explanation" / "calibration.md"
JUDGED = ("fitted", "prior", "held out")


def page_with_figures(page: str, docs: Path = DOCS) -> str:
    """Return the text of the page with its tables made anew.

    Raises
    ------
    ValueError
        If a table has no place in the page.
    """
    tables = {
        "calibration": calibration_table(read_yaml(docs / "calibration_result.yaml")["checks"]),
        "realism": realism_table(json.loads((docs / "realism_result.json").read_text(encoding="utf-8"))),
    }
    for name, table in tables.items():
        begin, end = f"<!-- {name}: python -m tools.docs_figures -->", f"<!-- end of {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        page, found = re.subn(pattern, f"{begin}\n\n{table}\n\n{end}", page, flags=re.S)
        if found != 1:
            raise ValueError(f"{PAGE.name}: expected {begin!r} and {end!r} once, found {found}")
    return page


def calibration_table(checks: list[dict[str, Any]]) -> str:
    """Return what was fitted or held out, a row each."""
    rows = ["| figure | model | data | standing | |", "|---|---|---|---|---|"]
    for check in checks:
        if check["standing"] in JUDGED:
            name = f"{check['title']}, {check['unit']}"
            cells = (name, _number(check["model"]), _number(check["data"]), check["standing"], _verdict(check))
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def realism_table(rows: list[dict[str, Any]]) -> str:
    """Return each elasticity with the band that was read or remembered."""
    lines = ["| changed | answer | elasticity | over seeds | published | |", "|---|---|---|---|---|---|"]
    for row in rows:
        change = f"{row['what']} {100 * (row['factor'] - 1):+.0f} %"
        spread, band = f"{row['least']:.2f} to {row['most']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}"
        verdict = "inside" if row["inside"] else "**outside**"
        lines.append(f"| {change} | {row['answer']} | {row['value']:+.2f} | {spread} | {band} | {verdict} |")
    return "\n".join(lines)


def _verdict(check: dict[str, Any]) -> str:
    if check["met"] is None:
        return "shown only"
    error = "" if check["error"] is None else f", median error {check['error']:+.1f}"
    return ("met" if check["met"] else "**missed**") + error


def _number(value: float) -> str:
    """Return a number of three figures, whole from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    PAGE.write_text(page_with_figures(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
