"""`kera check`: small scenarios against what they gave before, for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kera_mobility.files import package_version

if TYPE_CHECKING:
    from kera_mobility.experiments.regression import Checked

MOVED = 1
"""Exit code when something moved."""
MOST_SHOWN = 12
"""Lines about moved KPIs of one check; the JUnit file has them all."""


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
        bool, typer.Option("--realism", help="Instead: elasticities beside published bands, as `kera realism`.")
    ] = False,
) -> None:
    """Run small scenarios and say what moved against their baselines, by how much and from which event on."""
    if realism:
        from kera_mobility.cli.realism import command as elasticities

        elasticities()
        return
    if renew and not why.strip():
        raise typer.BadParameter("--renew needs the reason: --why '...'", param_hint="--why")
    if not renew and (why or tolerance is not None):
        raise typer.BadParameter("goes with --renew only", param_hint="--why" if why else "--tolerance")

    from kera_mobility.experiments.regression import check, check_names
    from kera_mobility.experiments.regression import junit as to_junit

    place, names = check_names(folder)
    if renew:
        _renew(place, names, why, tolerance)
        return
    found = []
    for name in names:
        found.append(check(place, name))
        _tell(found[-1])
    if junit is not None:
        _write(to_junit(found), junit)
    moved = [one.name for one in found if not one.passed]
    if moved:
        typer.echo(
            f"{len(moved)} of {len(found)} checks moved: {', '.join(moved)}. Is it meant? Then: "
            f"kera check {folder} --renew --why '...'",
            err=True,
        )
        raise typer.Exit(MOVED)
    typer.echo("1 check, as before." if len(found) == 1 else f"{len(found)} checks, all as before.")


def _renew(place: Path, names: list[str], why: str, tolerance: float | None) -> None:
    from kera_mobility.experiments.regression import renew

    for name in (name for name in names if (place / f"{name}.yaml").is_file()):
        changed = renew(place, name, why, package_version(), tolerance)
        typer.echo(f"{name}: {'renewed' if changed else 'as before'}")


def _tell(one: Checked) -> None:
    if one.passed:
        typer.echo(f"{one.name}: as before ({one.wall_s:.1f} s)" + "".join(f" {words}" for words in one.remarks))
        return
    typer.echo(f"{one.name}: MOVED" if not one.fault else f"{one.name}: {one.fault}")
    for words in (*one.remarks, *one.events, *one.kpis[:MOST_SHOWN]):
        typer.echo(f"  {words}")
    if len(one.kpis) > MOST_SHOWN:
        typer.echo(f"  and {len(one.kpis) - MOST_SHOWN} more KPIs")


def _write(text: str, file: Path) -> None:
    from kera_mobility.errors import ResultError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ResultError(f"{file}: cannot write the JUnit file: {error.strerror or error}") from None
