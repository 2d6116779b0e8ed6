"""`kera realism`: elasticities of the model beside published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import Everyone, in_columns, print_json, remark, say_brief

if TYPE_CHECKING:
    from kera_mobility.experiments.elasticities import Elasticity


@examples("kera realism")
def command(
    pairs: Annotated[Path, typer.Option(help="What is changed, and the published bands.")] = Path(
        "configs/realism.yaml"
    ),
    only: Annotated[list[str] | None, typer.Option(help="Try this pair only; may be repeated.")] = None,
    seed: Annotated[
        list[int] | None, typer.Option(min=0, max=2**64 - 1, help="Day to live instead; may be repeated.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the households; each pair's own if not given.")
    ] = None,
    everyone: Everyone = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Change one thing at a time, live the same days again, and lay the elasticities beside published bands."""
    show(pairs, only, seed, share, everyone=everyone, as_json=as_json)


def show(
    pairs: Path,
    only: list[str] | None,
    seed: list[int] | None,
    share: float | None,
    *,
    everyone: bool,
    as_json: bool,
) -> list[Elasticity]:
    """Print the elasticities and return them."""
    from kera_mobility.experiments.calibration import read_settings
    from kera_mobility.experiments.elasticities import RealismSettings, realism

    settings = read_settings(pairs, RealismSettings)
    elasticities = realism(settings, names=only or (), seeds=seed or (), share=share, say=remark)
    if as_json:
        print_json([elasticity.to_json() for elasticity in elasticities])
    else:
        say_brief(brief(elasticities), table(elasticities), everyone)
    return elasticities


def brief(elasticities: list[Elasticity]) -> list[str]:
    """Return a line for each elasticity beside its published band, those outside first, below how many those are."""
    rows = sorted(elasticities, key=lambda row: row.inside)
    cells = [("change", "answer", "value", "published", "")]
    for row in rows:
        band, verdict = f"{row.low:.2f} .. {row.high:.2f}", "" if row.inside else "OUTSIDE"
        cells.append((f"{_change(row)[:30]}", row.answer[:16], f"{row.value:.2f}", band, verdict))
    return [_outside(elasticities), *in_columns(cells, left=(0, 1, 4))]


def _change(row: Elasticity) -> str:
    return f"{row.what} {100 * (row.factor - 1):+.0f} %"


def _outside(elasticities: list[Elasticity]) -> str:
    outside = f"{sum(not row.inside for row in elasticities)} of {len(elasticities)} outside the band."
    return f"{outside} Bands are not targets: nothing is tuned to them."


def table(elasticities: list[Elasticity]) -> str:
    """Return the elasticities as a table with the published bands, sources below each."""
    lines = [f"{'change':<28}  {'answer':<16}  {'elasticity':>10}  {'over seeds':>16}  {'published':>16}"]
    for row in elasticities:
        spread, band = f"{row.least:.2f} .. {row.most:.2f}", f"{row.low:.2f} .. {row.high:.2f}"
        verdict = "" if row.inside else "  OUTSIDE"
        lines.append(f"{_change(row):<28}  {row.answer:<16}  {row.value:>10.2f}  {spread:>16}  {band:>16}{verdict}")
        lines.append(f"    {row.source}")
        lines += [f"    {row.why_outside}"] if row.why_outside and not row.inside else []
    return "\n".join([*lines, "", _outside(elasticities)])
