"""`kera realism`: elasticities of the model beside published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kera_mobility.experiments.elasticities import Elasticity


def command(
    pairs: Annotated[Path, typer.Option(help="What is changed, and the published bands.")] = Path(
        "configs/realism.yaml"
    ),
    only: Annotated[list[str] | None, typer.Option(help="Try this pair only; may be repeated.")] = None,
    seed: Annotated[list[int] | None, typer.Option(min=0, help="Day to live instead; may be repeated.")] = None,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the households; each pair's own if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Change one thing at a time, live the same days again, and lay the elasticities beside published bands."""
    from kera_mobility.experiments.calibration import read_settings
    from kera_mobility.experiments.elasticities import RealismSettings, realism

    found = realism(
        read_settings(pairs, RealismSettings), names=only or (), seeds=seed or (), share=share,
        say=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    typer.echo(to_json(found) if as_json else table(found))


def to_json(found: list[Elasticity]) -> str:
    """Return the elasticities as JSON, null where there is none."""
    import json
    import math
    from dataclasses import asdict

    rows = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in {**asdict(one), "inside": one.inside}.items()
        }
        for one in found
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)


def table(found: list[Elasticity]) -> str:
    """Return the elasticities as a table with the published bands, sources below each."""
    lines = [f"{'change':<28}  {'answer':<16}  {'elasticity':>10}  {'over seeds':>16}  {'published':>16}"]
    for one in found:
        change = f"{one.what} {100 * (one.factor - 1):+.0f} %"
        spread, band = f"{one.least:.2f} .. {one.most:.2f}", f"{one.low:.2f} .. {one.high:.2f}"
        verdict = "" if one.inside else "  OUTSIDE"
        lines.append(f"{change:<28}  {one.answer:<16}  {one.value:>10.2f}  {spread:>16}  {band:>16}{verdict}")
        lines.append(f"    {one.source}")
    outside = sum(not one.inside for one in found)
    lines += ["", f"{outside} of {len(found)} outside the band. Bands are not targets: nothing is tuned to them."]
    return "\n".join(lines)
