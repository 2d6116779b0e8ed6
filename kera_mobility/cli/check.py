"""`kera check`: small scenarios against what they gave before, for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._net import BAD_INPUT
from kera_mobility.cli._output import remark, say, try_first, write_text

if TYPE_CHECKING:
    from kera_mobility.experiments.regression import CheckResult

MOVED = 1
"""Exit code when something moved."""
MOST_SHOWN = 12
"""Lines about moved KPIs of one check; the JUnit file has them all."""


@examples("kera check", 'kera check my_checks --renew --why "buses every 10 min"')
def command(
    folder: Annotated[
        Path, typer.Argument(help="Scenarios (*.yaml) with their baselines in baselines/; the shipped ones if none.")
    ] = Path("configs/checks"),
    junit: Annotated[Path | None, typer.Option(help="Write the outcome as JUnit XML to this file.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Make the baselines what the scenarios give now.")] = False,
    why: Annotated[str, typer.Option(help="Why the results may change; kept in the baselines.")] = "",
    tolerance: Annotated[
        float | None, typer.Option(min=0, max=1, help="With --renew: KPIs may move by this part; 0: no event may.")
    ] = None,
    realism: Annotated[
        bool,
        typer.Option("--realism", help="Instead: elasticities; fails where one leaves its published band unexplained."),
    ] = False,
    pairs: Annotated[Path, typer.Option(help="With --realism: what is changed, and the bands.")] = Path(
        "configs/realism.yaml"
    ),
    everyone: Annotated[bool, typer.Option("--all", help="With --realism: print sources too, and every line.")] = False,
) -> None:
    """Run small scenarios and say what moved against their baselines, by how much and from which event on."""
    if realism:
        _hold_to_the_world(pairs, everyone)
        return
    if renew and not why.strip():
        raise typer.BadParameter("--renew needs the reason: --why '...'", param_hint="--why")
    if not renew and (why or tolerance is not None):
        raise typer.BadParameter("goes with --renew only", param_hint="--why" if why else "--tolerance")
    if renew:
        _renew(folder, why, tolerance)
        return

    from kera_mobility.experiments import regression

    try_first(junit)
    results = regression.check(folder, _show)
    if junit is not None:
        write_text(regression.junit(results), junit)
    moved = [result.name for result in results if not (result.passed or result.fault)]
    unmade = [result.name for result in results if result.fault]
    if unmade:
        remark(f"{len(unmade)} of {len(results)} checks could not be made: {', '.join(unmade)}")
    if moved:
        remark(
            f"{len(moved)} of {len(results)} checks moved: {', '.join(moved)}. Is it meant? Then: "
            f"kera check {folder} --renew --why '...'"
        )
        raise typer.Exit(MOVED)
    if unmade:
        raise typer.Exit(BAD_INPUT)
    say("1 check, as before." if len(results) == 1 else f"{len(results)} checks, all as before.")


def _hold_to_the_world(pairs: Path, everyone: bool) -> None:
    from kera_mobility.cli.realism import show

    unlike = [row for row in show(pairs, None, None, None, everyone=everyone, as_json=False) if not row.as_stated]
    for row in unlike:
        told = "inside its band, but explained as outside" if row.inside else "outside its band"
        remark(f"{row.id}: {row.value:.2f} is {told}; {row.low:g} to {row.high:g}: {pairs}, why_outside")
    if unlike:
        raise typer.Exit(MOVED)


def _renew(folder: Path, why: str, tolerance: float | None) -> None:
    from kera_mobility.experiments.regression import check_names, renew

    place, names = check_names(folder)
    try_first(*(place / "baselines" / f"{name}.json" for name in names))
    for name in (name for name in names if (place / f"{name}.yaml").is_file()):
        changed = renew(place, name, why, tolerance)
        say(f"{name}: {'renewed' if changed else 'as before'}")


def _show(result: CheckResult) -> None:
    if result.passed:
        say(f"{result.name}: as before ({result.wall_s:.1f} s)" + "".join(f" {text}" for text in result.remarks))
        return
    say(f"{result.name}: {result.fault or 'MOVED'}")
    for text in (*result.remarks, *result.events, *result.kpis[:MOST_SHOWN]):
        say(f"  {text}")
    if len(result.kpis) > MOST_SHOWN:
        say(f"  and {len(result.kpis) - MOST_SHOWN} more KPIs")
