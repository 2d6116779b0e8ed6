"""Files: YAML as plain values, results that appear complete or not at all, the package version."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kera_mobility import ledger
from kera_mobility.errors import DataError, Fault
from kera_mobility.locks import is_abandoned, working_folder
from kera_mobility.yaml_text import MAX_BYTES, decoded, load_yaml

_OLD = ".old"
"""In a working folder: what stands at the target, for the moment between two renames."""
_DISTRIBUTION = "kera-mobility"


def utf8_text(path: Path) -> str:
    """Return the text of a file of data: UTF-8, with or without a byte order mark, line ends as they are.

    Raises
    ------
    DataError
        If it cannot be read or is no UTF-8; with file and line.
    """
    try:
        content = ledger.read_bytes(path)
    except OSError as error:
        raise DataError([Fault(str(path), f"cannot be read: {error.strerror or error}")]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        got = f"got the byte 0x{content[error.start]:02x}, which is no UTF-8"
        raise DataError([Fault(f"{path}:{line}", f"{got}; save it as UTF-8 (in Excel: 'CSV UTF-8')")]) from None


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

    The content is flushed to the disk before it is renamed, and the new name after that. If the block or the renaming
    fails, what stood at `target` stays, and nothing else is left beside it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with working_folder(target.parent, f".{target.name}.") as room:
        partial = room / target.name
        yield partial
        flush(partial)
        if partial.is_dir() and target.exists():
            _put_in_place(partial, target, room / _OLD)
        else:
            partial.replace(target)
        flush_names(target.parent)


def sweep(target: Path) -> None:
    """Remove what dead processes left of `replacing` beside a folder; put back what they had set aside."""
    for leftover in sorted(target.parent.glob(f".{glob.escape(target.name)}.*.partial")):
        if not is_abandoned(leftover):
            continue
        if (leftover / _OLD).exists() and not target.exists():
            (leftover / _OLD).rename(target)
        shutil.rmtree(leftover, ignore_errors=True)


def flush(path: Path) -> None:
    """Return when a file, or a folder with all files in it, is on the disk."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
        else:
            flush_names(file)
    if path.is_dir():
        flush_names(path)


def flush_names(folder: Path) -> None:
    """Return when the names in a folder are on the disk, as far as its file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def package_version(distribution: str = _DISTRIBUTION) -> str:
    """Return the version of a distribution, by default of this package; `unknown` if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _put_in_place(partial: Path, target: Path, old: Path) -> None:
    """Rename a folder to its name; what stood there is set aside first and put back if the rename fails."""
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
