"""`kera compare`: what scenarios change against another, paired run by run and person by person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kera_mobility.results.compare import Comparison


def command(
    a: Annotated[Path, typer.Argument(help="Results of the scenario to compare with: a folder of seeds, or one run.")],
    b: Annotated[list[Path], typer.Argument(help="Results of one or more scenarios to judge.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, every row.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write CSV, every row, to this file ('-' prints it).")] = None,
    values: Annotated[
        Path | None, typer.Option(help="YAML file with unit values of money and carbon that differ from the defaults.")
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Show every population in the table, not residents alone.")
    ] = False,
) -> None:
    """Compare scenarios: what B (and C, ...) changes against A, with 95 % intervals; 'cannot tell' where it is so."""
    from kera_mobility.results.compare import compare_all, read_values
    from kera_mobility.results.compare.table import table

    found = compare_all(a, list(b), values=None if values is None else read_values(values))
    for one in found:
        for fault in one.missing:
            typer.echo(f"no pair for {fault}", err=True)
    if csv is not None:
        _write_csv(found, csv)
    if json:
        typer.echo(_json(found))
    elif csv is None:
        typer.echo("\n\n".join(table(one, everyone=everyone) for one in found))


def _json(found: tuple[Comparison, ...]) -> str:
    import json

    content = found[0].to_json() if len(found) == 1 else [one.to_json() for one in found]
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def _write_csv(found: tuple[Comparison, ...], file: Path) -> None:
    import csv
    import io
    from dataclasses import asdict, fields

    from kera_mobility.errors import ResultError
    from kera_mobility.results.compare import Difference

    text = io.StringIO()
    # The names of the scenarios tell the rows of several comparisons apart.
    writer = csv.DictWriter(text, ["a", "b", *(field.name for field in fields(Difference))], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"a": one.a, "b": one.b, **asdict(row)} for one in found for row in one.differences)
    if str(file) == "-":
        typer.echo(text.getvalue(), nl=False)
        return
    try:
        file.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise ResultError(f"{file}: cannot write: {error.strerror or error}") from error
