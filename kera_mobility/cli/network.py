"""`kera network`: make, draw and describe the street map of an area."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.errors import NetworkError
from kera_mobility.shipped import find

app = typer.Typer(help="Make, draw and describe the street map of an area.", no_args_is_help=True)
AreaName = Annotated[str, typer.Argument(metavar="AREA", help="Name of an area (kera), or its folder.")]


@app.command()
def build(
    area: AreaName,
    raw: Annotated[Path, typer.Option("--raw", metavar="DIR", help="Folder of the raw data that build.yaml names.")],
) -> None:
    """Make the area's streets from raw data with OSMnx."""
    from kera_mobility.town.build import build as build_streets

    folder = _folder(area)
    build_streets(folder, raw)
    _describe(folder)


@app.command(name="map")
def draw(
    area: AreaName,
    target: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Picture to write: PNG, SVG or PDF.")],
) -> None:
    """Draw the area's streets, the origin of each told apart."""
    from kera_mobility.town.build_inputs import read_area
    from kera_mobility.town.draw import draw_map

    folder = _folder(area)
    settings = read_area(folder)
    draw_map(folder, settings.title, settings.attribution, target)
    print(f"{target}: drawn")


@app.command()
def info(area: AreaName) -> None:
    """Say what the area's street map holds, how good it is and whose data it is."""
    folder = _folder(area)
    _describe(folder)


def _folder(area: str) -> Path:
    """Return the folder of an area given by name or path."""
    folder = find(area, "networks")
    if not (folder / "area.yaml").exists():
        raise NetworkError(f"{folder}: expected the folder of an area, found no area.yaml in it")
    return folder


def _describe(folder: Path) -> None:
    from kera_mobility.town.build_inputs import read_area
    from kera_mobility.town.network import Streets
    from kera_mobility.town.survey import survey

    area, found = read_area(folder), survey(Streets.load(folder / "streets"))
    print(f"{area.title}: {found.nodes} nodes, {found.outside_places} of them places beyond the map")
    print("km by origin   " + ", ".join(f"{name} {km:.1f}" for name, km in found.km_by_origin.items()))
    print("km by class    " + ", ".join(f"{name} {km:.1f}" for name, km in found.km_by_class.items()))
    print(f"real share     {found.real_share:.0%} of the length that stands today")
    for mode, parts in found.parts_by_mode.items():
        low, middle, high = found.circuity_by_mode[mode]
        whole = "one connected part" if parts == 1 else f"{parts} PARTS"
        print(
            f"{mode:<14} {found.nodes_by_mode[mode]} nodes, {whole}; "
            f"way over straight line {middle:.2f} ({low:.2f} to {high:.2f})"
        )
    print(area.attribution)
    for source in area.sources:
        print(f"  {source.what}: {source.who}, {source.licence}")
