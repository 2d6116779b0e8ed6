"""`kera compare`: what scenarios change against another, paired run by run and person by person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._decision import DecisionFile, PrimaryOutcomes, chosen_decision
from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import print_json, remark, say, terminal_width, try_first, write_csv


@examples(
    "kera compare results/finished results/all",
    "kera compare results/finished results/shuttle --primary mode_share.car --all",
)
def command(
    a: Annotated[Path, typer.Argument(help="Results of the scenario to compare with: a folder of seeds, or one run.")],
    b: Annotated[list[Path], typer.Argument(help="Results of one or more scenarios to judge.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, every row.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write CSV, every row, to this file ('-' prints it).")] = None,
    values: Annotated[
        Path | None, typer.Option(help="YAML file with unit values of money and carbon that differ from the defaults.")
    ] = None,
    decision: DecisionFile = None,
    primary: PrimaryOutcomes = "",
    everyone: Annotated[
        bool, typer.Option("--all", help="Show every row and population with notes, not the chief rows alone.")
    ] = False,
) -> None:
    """Compare scenarios: what B (and C, ...) changes against A, with 95 % intervals; 'cannot tell' where it is so."""
    from dataclasses import asdict, fields

    from kera_mobility.results.compare import Difference, compare_all, read_values
    from kera_mobility.results.compare.brief import short_table
    from kera_mobility.results.compare.table import table

    try_first(csv)
    unit_values = None if values is None else read_values(values)
    comparisons = compare_all(a, list(b), values=unit_values, decision=chosen_decision(decision, primary))
    for comparison in comparisons:
        for fault in comparison.missing:
            remark(f"no pair for {fault}")
    if csv is not None:
        # The names of the scenarios tell the rows of several comparisons apart.
        rows = ({"a": pair.a, "b": pair.b, **asdict(row)} for pair in comparisons for row in pair.differences)
        write_csv(["a", "b", *(field.name for field in fields(Difference))], rows, csv)
    if json:
        contents = [comparison.to_json() for comparison in comparisons]
        print_json(contents[0] if len(contents) == 1 else contents)
    elif csv is None:
        width = terminal_width()
        texts = [
            table(comparison, everyone=True) if everyone else "\n".join(short_table(comparison, width))
            for comparison in comparisons
        ]
        say("\n\n".join(texts))
