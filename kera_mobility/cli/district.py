"""`kera district`: a whole district from open data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import say
from kera_mobility.cli.network import BoxText, box_of, plain_name
from kera_mobility.errors import MissingFileError
from kera_mobility.texts import visible

app = typer.Typer(help="Make a district from open data.", no_args_is_help=True)


@app.callback()
def district() -> None:
    """Make a district from open data."""


@app.command()
@examples(
    "kera district new malmi --osm malmi.osm.pbf --gtfs feed.zip --country fi",
    "kera district new porto --osm porto.graphml --borrow fi",
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of its folder in networks/ and configs/ here.")],
    osm: Annotated[Path, typer.Option(metavar="FILE", help="Streets: .osm, .osm.pbf, .graphml or .gpkg.")],
    bbox: BoxText = "",
    gtfs: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="GTFS feed; may repeat.")] = None,
    people: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table: lon, lat, and residents or population.")
    ] = None,
    jobs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table: lon, lat, jobs; it may be the same.")
    ] = None,
    country: Annotated[str, typer.Option(help="Its country, of configs/countries, or a file like them.")] = "",
    borrow: Annotated[str, typer.Option(help="Another country's figures instead; every report says so.")] = "",
    title: Annotated[str, typer.Option(help="Name for people.")] = "",
) -> None:
    """Make area, scenarios and a page of assumptions from streets, lines, people and jobs; then `kera run` works."""
    from kera_mobility.areas.country import read_country
    from kera_mobility.areas.district import make_district
    from kera_mobility.areas.district_page import Sources
    from kera_mobility.areas.import_area import require_new
    from kera_mobility.areas.osm_read import read_extract
    from kera_mobility.simulation.scenario import load_scenario

    if bool(country) == bool(borrow):
        raise typer.BadParameter(
            "expected one of --country and --borrow: fares, cars, licences and prices are a country's (fi is known; "
            "--borrow fi takes Finland's for another one, and every report says so)", param_hint="--country",
        )  # fmt: skip
    if plain_name(name) != name:
        raise typer.BadParameter(f"got '{name}', expected small letters, digits and _", param_hint="NAME")
    box, feeds = box_of(bbox), tuple(gtfs or ())
    areas, configs = Path("networks"), Path("configs")
    require_new(areas / name)
    require_new(configs / name)
    missing = [f"{path}: no such file" for path in (osm, *feeds, people, jobs) if path and not path.exists()]
    if missing:
        raise MissingFileError("\n".join(missing))
    figures = read_country(country or borrow)
    sources = Sources(name, box, feeds, people, jobs, title)
    made = make_district(read_extract(osm), sources, figures, bool(borrow), areas, configs)
    for path in made.scenarios:
        load_scenario(path)
    for row in made.basis:
        line = visible(f"{row.standing:<9}{row.piece}: {row.value}; {row.source}", keep="")
        typer.secho(line, fg="red", bold=True) if row.standing == "MISSING" else say(line)
    if borrow:
        typer.secho(visible(f"BORROWED from {figures.title}: {figures.basis}", keep=""), fg="red", bold=True)
    say(f"{made.folder / 'district.md'}: what is measured, derived, assumed or borrowed")
    say(f"Use it: kera run {configs / name / 'today.yaml'}; trials in {configs / name / 'trials'}")
