"""Files: YAML as plain values, results that appear complete or not at all, the cache folder, the package version."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_dir

from kera_mobility import ledger
from kera_mobility.yaml_text import MAX_BYTES, decoded, load_yaml

CACHE_VARIABLE = "KERA_CACHE"
"""Environment variable that moves the cache; empty turns it off."""
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What reading a torn file of the cache raises."""
_DISTRIBUTION = "kera-mobility"
_LOG = logging.getLogger(__name__)
Content = TypeVar("Content")


def parse_yaml(text: str) -> Any:
    """Return the plain values that YAML text holds.

    Raises
    ------
    ValueError
        If it is not YAML, or goes over a limit (`yaml_text`); one line.
    """
    return load_yaml(text)


def read_yaml(path: Path) -> Any:
    """Return the plain values of a YAML file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not UTF-8 text or not YAML, or goes over a limit; one line.
    """
    return parse_yaml(decoded(ledger.read_bytes(path, MAX_BYTES + 1)))


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path; the file or folder that is written there takes the place of `target` at the end.

    The content is flushed to the disk before it is renamed. If the block or the renaming fails, what stood at `target`
    stays, and nothing else is left beside it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.{os.getpid()}."
    room = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix, suffix=".partial"))
    partial = room / target.name
    try:
        yield partial
        _flush(partial)
        if partial.is_dir() and target.exists():
            _put_in_place(partial, target)
        else:
            partial.replace(target)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def sweep(target: Path) -> None:
    """Remove what dead processes left of `replacing` beside a folder; put back what they had set aside."""
    for leftover in sorted(target.parent.glob(f".{target.name}.*.*")):
        process, _, kind = leftover.name.removeprefix(f".{target.name}.").partition(".")
        if not process.isdecimal() or _lives(int(process)):
            continue
        if kind == "old" and not target.exists():
            leftover.rename(target)
        elif kind == "old" or kind.endswith("partial"):
            shutil.rmtree(leftover, ignore_errors=True)


def cache_root() -> Path | None:
    """Return the folder of what is computed once and kept, or None where it is turned off."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return None if chosen == "" else Path(chosen or user_cache_dir(_DISTRIBUTION))


def computed_once(
    path: Path | None, read: Callable[[Path], Content], compute: Callable[[], Content],
    write: Callable[[Content, Path], object],
) -> Content:  # fmt: skip
    """Return what a file or folder of the cache holds; it is computed and kept there if it is missing or torn.

    `read` raises one of UNREADABLE for a torn one, which is logged in one line. Two processes that begin at once both
    compute, and both leave it complete. A disk that cannot keep it costs time, nothing else; no path turns it off.
    """
    if path is None:
        return compute()
    if path.exists():
        try:
            return read(path)
        except UNREADABLE as error:
            _LOG.warning("%s: cannot be read, is computed again (%s)", path, error)
    computed = compute()
    try:
        sweep(path)
        with replacing(path) as partial:
            write(computed, partial)
        return read(path)
    except UNREADABLE:
        return computed


def package_version(distribution: str = _DISTRIBUTION) -> str:
    """Return the version of a distribution, by default of this package; `unknown` if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _flush(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())


def _put_in_place(partial: Path, target: Path) -> None:
    """Rename a folder to its name; what stood there is set aside first and put back if the rename fails."""
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
