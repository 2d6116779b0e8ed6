"""The manifest of a result: the SHA-256 of each of its files, kept in `run.json`, and what has changed since.

`run.json` itself stands in it as the hash of its content without the manifest, so that its layout is free.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kera_mobility.errors import ResultError

KEY = "sha256"
"""Key of the manifest in `run.json`: path in the folder -> hex digits."""
RUN = "run.json"
ADVICE = "the result is torn or was altered; run it again, or take it from a copy"
_LOG = logging.getLogger(__name__)


def manifest_of(folder: Path, meta: Mapping[str, Any]) -> dict[str, str]:
    """Return the manifest of a folder whose `run.json` holds, or is to hold, `meta`."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / RUN)
    return {file.relative_to(folder).as_posix(): _sha256(file.read_bytes()) for file in files} | {RUN: _own(meta)}


def changes(folder: Path, meta: Mapping[str, Any]) -> list[str]:
    """Return a line for each file that is missing, altered or added since the result was written.

    Of added files only those count that a reader could take for a table: a report or a picture may lie there. A result
    without a manifest has no changes.
    """
    return list(_changes(folder, meta)) if KEY in meta else []


def require_unchanged(folder: Path, meta: Mapping[str, Any]) -> None:
    """Return if a result is as it was written; the first result without a manifest in a folder is noted in the log.

    Each state of the files is hashed once in a process.

    Raises
    ------
    ResultError
        With the first file that is not.
    """
    if KEY not in meta:
        _note_unchecked(folder.absolute().parent)
        return
    for change in _changes(folder, meta):
        raise ResultError(change)


def _changes(folder: Path, meta: Mapping[str, Any]) -> Iterator[str]:
    expected = meta[KEY]
    if not isinstance(expected, Mapping) or expected.get(RUN) != _own(meta):
        yield f"{folder / RUN}: does not have its own SHA-256; {ADVICE}"
        return
    for name, sha256 in expected.items():
        file = folder / name
        if name == RUN:
            continue
        try:
            about = file.stat()
            same = _sha256_of_state(file, about.st_size, about.st_mtime_ns, about.st_ino) == sha256
        except FileNotFoundError:
            yield f"{file}: is missing; {ADVICE}"
            continue
        except OSError as error:
            yield f"{file}: cannot be read ({error.strerror or error}); {ADVICE}"
            continue
        if not same:
            yield f"{file}: does not have the SHA-256 that {RUN} has of it; {ADVICE}"
    for file in sorted(folder.rglob("*.parquet")):
        if file.relative_to(folder).as_posix() not in expected:
            yield f"{file}: is no part of this result, as {RUN} lists it; take it away"


@lru_cache(maxsize=65_536)
def _sha256_of_state(file: Path, size: int, modified_ns: int, inode: int) -> str:
    """Return the hash of a file; what stands for its state makes that it is read anew when it changes."""
    return _sha256(file.read_bytes())


@lru_cache(maxsize=1024)
def _note_unchecked(place: Path) -> None:
    _LOG.warning("%s: holds results of an older version, without a manifest; they are read unchecked", place)


def _own(meta: Mapping[str, Any]) -> str:
    content = {key: value for key, value in meta.items() if key != KEY}
    return _sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
