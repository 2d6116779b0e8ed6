"""`kera compare`: what one scenario changes against another, paired by seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kera_mobility.outcomes.compare import Comparison, Difference


def command(
    a: Annotated[Path, typer.Argument(help="Results of the scenario to compare with: a folder of seeds, or one run.")],
    b: Annotated[Path, typer.Argument(help="Results of the scenario to judge.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, every KPI.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write CSV, every KPI, to this file ('-' prints it).")] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Show every population in the table, not residents alone.")
    ] = False,
) -> None:
    """Compare two scenarios: each KPI's difference B - A over shared seeds, with its 95 % interval."""
    from kera_mobility.outcomes.compare import compare

    comparison = compare(a, b)
    for fault in comparison.missing:
        typer.echo(f"no pair for {fault}", err=True)
    if csv is not None:
        _write_csv(comparison, csv)
    if json:
        typer.echo(_json(comparison))
    elif csv is None:
        typer.echo(_table(comparison, everyone))


def _json(comparison: Comparison) -> str:
    import json

    return json.dumps(comparison.to_json(), indent=2, ensure_ascii=False, allow_nan=False)


def _write_csv(comparison: Comparison, file: Path) -> None:
    import csv
    import io
    from dataclasses import asdict, fields

    from kera_mobility.outcomes.compare import Difference

    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Difference)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in comparison.differences)
    if str(file) == "-":
        typer.echo(text.getvalue(), nl=False)
    else:
        file.write_text(text.getvalue(), encoding="utf-8", newline="")


def _table(comparison: Comparison, everyone: bool) -> str:
    rows = [("", "A", "B", "B - A", "95 % interval", "n", "unit")]
    for one in comparison.differences:
        if everyone or "@" not in one.id:
            rows.append(_row(one))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"A = {comparison.a}, B = {comparison.b}; {len(comparison.pairs)} paired seeds"]
    for row in rows:
        middle = [cell.rjust(width) for cell, width in zip(row[1:6], widths[1:6], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *middle, row[6]]).rstrip())
    return "\n".join(lines)


def _row(one: Difference) -> tuple[str, str, str, str, str, str, str]:
    interval = "" if one.low is None or one.high is None else f"{_number(one.low, '+')} .. {_number(one.high, '+')}"
    means = _number(one.mean_a), _number(one.mean_b), _number(one.difference, "+")
    return (one.id, *means, interval, str(one.n), one.unit)


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.4g}"
