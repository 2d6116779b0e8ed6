"""`python -m tools.infer_streets AREA --raw DIR`: make the street map of an area from partial data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.config.resources import find
from tools.infer_streets.build import build


def command(
    area: Annotated[str, typer.Argument(metavar="AREA", help="Name of an area (kera), or its folder.")],
    raw: Annotated[Path, typer.Option("--raw", metavar="DIR", help="Folder of the raw data that build.yaml names.")],
) -> None:
    """Make the area's streets from raw data with OSMnx, by the rules of its build.yaml."""
    folder = find(area, "networks")
    streets = build(folder, raw)
    print(f"{folder}: {streets.nodes} nodes written; kera network info {area} describes them")


if __name__ == "__main__":
    typer.run(command)
