"""Where the configs and networks that travel with the package are found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache, partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from kera_mobility.errors import MissingFileError, nearest_name, raise_together
from kera_mobility.files import package_version

_PACKAGE = Path(__file__).parents[1]

READERS = (
    "cli/", "experiments/counterfactual.py", "experiments/remedies.py",
    "results/compare/", "results/explain/", "results/report/", "results/plots/", "serve/",
)  # fmt: skip
"""Parts of the package that no run depends on."""
LIBRARIES = ("numpy", "pandas", "pyvrp", "scipy", "simpy")
"""Distributions whose other versions may give other results (PyVRP plans other tours); each is there in every install,
or what one install made would be of other code in the next."""
EXTENSIONS = ("kera_mobility.services", "kera_mobility.policies", "kera_mobility.kpis")
"""Groups of entry points by which other packages take part in runs."""


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


def area_folder(area: str) -> Path:
    """Return the folder of an area: by its name in `networks/`, here or shipped; by its path where a path is written.

    A folder here that has the name of an area but no slash is not meant, unless no area has that name.

    Raises
    ------
    MissingFileError
        If there is no such area; the message names those that there are.
    """
    is_path = "/" in area or os.sep in area or area in (os.curdir, os.pardir)
    if is_path:
        return find(area, "networks")
    try:
        return find(Path("networks") / area, "networks")
    except MissingFileError:
        if os.path.isdir(Path(area)):
            return Path(area)
        folders = (Path("networks"), shipped_folder("networks"))
        names = sorted({path.name for folder in folders for path in folder.glob("[!._]*") if path.is_dir()})
        near = nearest_name(area, names)
        raise MissingFileError(
            f"area '{area}': no such area here, nor shipped; expected one of {', '.join(names)}, or the path of a "
            f"folder{near}"
        ) from None


@cache
def code_hash(part: str = "") -> str:
    """Return the SHA-256 over the code that computes, hex digits: what other code computed is not what this one would.

    It is the source of the package or of one part of it, such as `town/streets/`, but for what only reads results
    (READERS); the source of other packages' extensions; and the versions of the libraries that decide on results.
    """
    digest = hashlib.sha256()
    names = {file: file.relative_to(_PACKAGE).as_posix() for file in sorted(_PACKAGE.rglob("*.py"))}
    own = {name: file for file, name in names.items() if name.startswith(part) and not name.startswith(READERS)}
    for name, file in (own if part else own | dict(_extensions())).items():
        digest.update(name.encode())
        digest.update(file.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {package_version(library)}".encode())
    return digest.hexdigest()


def _extensions() -> Iterator[tuple[str, Path]]:
    """Yield name and file of the source of every module that an entry point names, and of all below it."""
    for module in sorted({entry.module for group in EXTENSIONS for entry in entry_points(group=group)}):
        spec = find_spec(module)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            below = sorted(file.parent.rglob("*.py")) if spec.submodule_search_locations else [file]
            yield from ((f"{module} {path.relative_to(file.parent).as_posix()}", path) for path in below)
