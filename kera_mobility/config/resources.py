"""Where the configs and networks that travel with the package are found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from kera_mobility.errors import MissingFileError, nearest_name, raise_together

_PACKAGE = Path(__file__).parents[1]

READERS = (
    "cli/", "experiments/counterfactual.py", "experiments/remedies.py",
    "results/compare/", "results/explain/", "results/report/", "results/plots/",
)  # fmt: skip
"""Parts of the package that no run depends on."""


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
    beside = [name for folder in (given.parent, shipped.parent) if os.path.isdir(folder) for name in os.listdir(folder)]
    near = nearest_name(given.name, sorted(set(beside)))
    raise MissingFileError(f"{given}: no such file here, nor among the shipped {kind} ({shipped_folder(kind)}){near}")


def require_found(paths: Iterable[str | Path], kind: str) -> None:
    """Return if each path exists, as `find` looks for it; raise MissingFileError with all that do not."""
    raise_together(partial(find, path, kind) for path in paths)


@cache
def code_hash() -> str:
    """Return the SHA-256 over the package's source, hex digits: what other code computed is not what this one would.

    What only reads results (READERS) does not count.
    """
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        name = file.relative_to(_PACKAGE).as_posix()
        if name.startswith(READERS):
            continue
        digest.update(name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
