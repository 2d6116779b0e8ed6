"""`kera network`: make, draw and describe the street map of an area."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kera_mobility.config.resources import find
from kera_mobility.errors import NetworkError

if TYPE_CHECKING:
    from kera_mobility.areas.description import Box
    from kera_mobility.areas.osm_read import Extract
    from kera_mobility.town.streets.streets import Streets

app = typer.Typer(help="Make, draw and describe the street map of an area.", no_args_is_help=True)
AreaName = Annotated[str, typer.Argument(metavar="AREA", help="Name of an area (kera), or its folder.")]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def build() -> None:
    """Say where the tool is that makes Kera's own streets from partial data."""
    raise NetworkError("streets are inferred by a tool of the checkout: python -m tools.infer_streets AREA --raw DIR")


OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="New folder of the area; default networks/<name>_osm here.")
]
Merge = Annotated[
    float,
    typer.Option("--merge-m", min=0.0, help="Merge parts of junctions nearer than this; 0: none."),
]


@app.command()
def fetch(
    area: Annotated[str, typer.Argument(metavar="[AREA]", help="Area whose rectangle is fetched (kera).")] = "",
    place: Annotated[str, typer.Option(help="A place by name instead, such as 'Kera, Espoo, Finland'.")] = "",
    bbox: Annotated[str, typer.Option(help="A rectangle instead: west,south,east,north in degrees.")] = "",
    service: Annotated[str, typer.Option(help="Address of an Overpass service other than OSMnx's own.")] = "",
    out: OutFolder = None,
    merge_m: Merge = 8.0,
) -> None:
    """Download today's streets from OpenStreetMap with OSMnx and make an area of them.

    With AREA the new area keeps its people, timetables and overlays; run a scenario there with --set area=DIR.
    """
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.import_area import require_new
    from kera_mobility.areas.osm_download import fetch_box, fetch_place

    if not (area or place or bbox) or (place and bbox):
        raise typer.BadParameter("expected AREA, --place or --bbox", param_hint="AREA")
    like = _folder(area) if area else None
    out = out or Path("networks") / f"{_plain(area or place or 'box')}_osm"
    require_new(out)
    box = _box(bbox) if bbox else read_area(like).bbox if like else None
    extract = fetch_box(box, service) if box and not place else fetch_place(place, service)
    _import(extract, out, like, merge_m)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Extract: .osm, .osm.pbf, .graphml or .gpkg.")],
    area: Annotated[str, typer.Option(help="Area that gives rectangle, people and timetables (kera).")] = "",
    day: Annotated[str, typer.Option("--date", help="Day of the data, as 2024-08-21, where the file tells none.")] = "",
    out: OutFolder = None,
    merge_m: Merge = 8.0,
) -> None:
    """Make an area of the streets in a file: OpenStreetMap XML or PBF, GraphML or GeoPackage of OSMnx.

    With --area the new area keeps its people, timetables and overlays; run a scenario there with --set area=DIR.
    """
    from kera_mobility.areas.import_area import require_new
    from kera_mobility.areas.osm_read import read_extract

    like = _folder(area) if area else None
    out = out or Path("networks") / f"{_plain(area or file.name.split('.')[0])}_osm"
    require_new(out)
    extract = read_extract(file)
    _import(replace(extract, date=day or extract.date), out, like, merge_m)


@app.command(name="map")
def draw(
    area: AreaName,
    target: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Picture to write: PNG, SVG or PDF.")],
    overlay: Annotated[list[str] | None, typer.Option(help="Draw what this overlay leaves open; may repeat.")] = None,
) -> None:
    """Draw the area's streets, the origin of each told apart."""
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.plot import draw_map

    folder = _folder(area)
    settings = read_area(folder)
    draw_map(folder, settings.title, settings.attribution, target, overlay or ())
    print(f"{target}: drawn")


@app.command()
def info(
    area: AreaName,
    on: Annotated[str, typer.Option("--on", metavar="DAY", help="Count ages on this day, as 2026-01-31.")] = "",
) -> None:
    """Say what the area's street map holds, how good it is, whose data it is and how old."""
    folder = _folder(area)
    _describe(folder)
    _print_sources(folder, _day(on))


def _folder(area: str) -> Path:
    """Return the folder of an area given by name or path."""
    folder = find(area, "networks")
    if not (folder / "area.yaml").exists():
        raise NetworkError(f"{folder}: expected the folder of an area, found no area.yaml in it")
    return folder


def _plain(name: str) -> str:
    """Return a name as a plain lower-case word, as scenarios name areas."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in Path(name).name.lower())
    return letters if letters[:1].isalpha() else f"area_{letters}"


def _box(text: str) -> Box:
    """Return the rectangle that an option names."""
    from kera_mobility.areas.description import Box

    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = 0.0
    if not (-180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0):
        raise typer.BadParameter(f"got '{text}', expected west,south,east,north in degrees", param_hint="--bbox")
    return Box(west=west, south=south, east=east, north=north)


def _import(extract: Extract, out: Path, like: Path | None, merge_m: float) -> None:
    """Make an area of an extract and say what became of it."""
    from kera_mobility.areas.import_area import import_area

    made = import_area(extract, out, like, merge_m)
    if made.missing_nodes:
        print(f"clipped: {made.missing_nodes} nodes are missing from {made.clipped_ways} ways, which are cut there")
    for mode, km in made.left_out_km.items():
        if km >= 0.05:
            print(f"closed to {mode}: {km:.1f} km that hang together with nothing")
    if made.covered is not None:
        print(f"covers {made.covered:.0%} of the residents")
    _describe(out)
    table_mb = 4 * 4 * made.streets.nodes**2 / 1e6
    print(f"{out}: written; tables of shortest ways will take {table_mb:.0f} MB on the first run")
    if like is None:
        print("It has streets only; people and timetables come from an area (--area).")
    else:
        print(f"Use it: kera run configs/today.yaml --set area={out}")


def _describe(folder: Path) -> None:
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.quality import survey
    from kera_mobility.town.streets.streets import Streets

    streets = Streets.load(folder / "streets")
    area, figures = read_area(folder), survey(streets)
    print(f"{area.title}: {figures.nodes} nodes, {figures.outside_places} of them places beyond the map")
    print("km by origin   " + ", ".join(f"{name} {km:.1f}" for name, km in figures.km_by_origin.items()))
    print("km by class    " + ", ".join(f"{name} {km:.1f}" for name, km in figures.km_by_class.items()))
    print(f"real share     {figures.real_share:.0%} of the length that stands today")
    print(f"on foot        a node is joined to {figures.walk_degree:.2f} others{_density(folder, streets)}")
    for mode, parts in figures.parts_by_mode.items():
        low, middle, high = figures.circuity_by_mode[mode]
        connected = "one connected part" if parts == 1 else f"{parts} PARTS"
        detour = (
            "map too small for detours"
            if middle != middle
            else (f"way over straight line {middle:.2f} ({low:.2f} to {high:.2f})")
        )
        print(f"{mode:<14} {figures.nodes_by_mode[mode]} nodes, {connected}; {detour}")
    print(area.attribution)


def _density(folder: Path, streets: Streets) -> str:
    """Return how dense the walking network is where people live, as words; nothing where the area has no cells."""
    import numpy as np

    from kera_mobility.areas.quality import walk_km_per_km2

    cells = folder / "cells.csv"
    if not cells.exists():
        return ""
    homes = np.loadtxt(cells, delimiter=",", skiprows=1, usecols=(1, 2), ndmin=2)
    return f"; {walk_km_per_km2(streets, homes):.1f} km for each km2 of populated cells"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError:
        raise typer.BadParameter(f"got '{text}', expected a day as 2026-01-31", param_hint="--on") from None


def _print_sources(folder: Path, today: date) -> None:
    """Print every dataset, the files that none explains, and how many are too old for what they are used for."""
    from kera_mobility.areas.provenance import (
        LARGEST_OLD_SHARE,
        OLD_YEARS,
        files_without_source,
        freshness,
        read_provenance,
    )

    datasets = read_provenance(folder)
    for dataset in datasets:
        age = "" if not dataset.current else ", OLD" if dataset.is_old(today) else ", current"
        print(f"\n{dataset.file}")
        print(f"  source   {dataset.source}")
        print(f"  licence  {dataset.licence}")
        print(f"  date     {dataset.date}{age}")
        print(f"  derived  {dataset.derived_how}")
    for file in files_without_source(folder, datasets):
        print(f"\n{file}\n  NO SOURCE STATED")
    share = freshness(datasets, today)
    verdict = "kept" if share.within_limit else "NOT kept"
    print(
        f"\n{share.old} of {share.current} datasets that stand for today are older than {OLD_YEARS} years: "
        f"{share.old_share:.0%}; the city's own limit of {LARGEST_OLD_SHARE:.0%} is {verdict}"
    )
