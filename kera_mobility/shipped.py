"""Where the configs and networks that travel with the package are found."""

from __future__ import annotations

import os
from pathlib import Path

from kera_mobility.errors import MissingFileError

_PACKAGE = Path(__file__).parent


def shipped_folder(name: str) -> Path:
    """Return the folder of shipped `configs` or `networks`: in the wheel, or beside the package in a checkout."""
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def find(path: str | Path, kind: str) -> Path:
    """Return an existing path: as given, else the same path among what is shipped.

    `kind` is the shipped folder to search, `configs` or `networks`; the same word at the start of the path is dropped
    there.

    Raises
    ------
    MissingFileError
        If neither exists; the message names both places.
    """
    given = Path(path)
    if os.path.exists(given):  # unlike Path.exists, False also for names that no file can have
        return given
    parts = given.parts[1:] if given.parts[:1] == (kind,) else given.parts
    shipped = shipped_folder(kind).joinpath(*parts)
    if not given.is_absolute() and os.path.exists(shipped):
        return shipped
    raise MissingFileError(f"{given}: no such file here, nor among the shipped {kind} ({shipped_folder(kind)})")
