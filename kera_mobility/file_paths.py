"""Paths that a user names: an input must be a file, an output is tried before any work is done for it."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from kera_mobility.errors import FileError

LEAST_FREE_BYTES = 50_000_000
"""Room that an output must find. Assumption: a day of the shipped district takes 18 MB, its report 2 MB."""
TRIAL_BYTES = 65_536
"""What a trial writes: more than a file system keeps beside the name of a file."""
LONGER_NAME = 40
"""Characters that a temporary name has more than the name of what is written under it."""
_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}  # fmt: skip


def is_path(name: str) -> bool:
    """Return whether a name is meant as a path, not as a word that an area or the shipped files know."""
    return "/" in name or os.sep in name or name.endswith((".geojson", ".json"))


def path_beside(text: str, folder: Path | None) -> str:
    """Return a path that is not here but in a folder as the way there; a name, or a path that is here, as it is."""
    if folder is None or not is_path(text) or os.path.exists(text):
        return text
    beside = os.path.join(os.path.abspath(folder), text)
    if not os.path.exists(beside):
        return text
    here = os.getcwd() + os.sep
    return beside.removeprefix(here)


def require_file(path: Path) -> None:
    """Return if a path is a file: a pipe or a device could keep its reader waiting for ever.

    Raises
    ------
    OSError
        If there is none, or if it is something else (FileError).
    """
    _require_kind(path, "file")


def require_writable(target: Path, *, folder: bool = False) -> None:
    """Return if a file, or a folder with files, can be written under a name; the trial leaves nothing behind.

    Raises
    ------
    FileError
        If something else stands there, a name is too long, or there is no permission or no room.
    """
    try:
        if target.is_symlink():  # what is written takes the place of the link, as that of /dev/stdout
            target.stat()
            raise FileError(errno.EINVAL, "it is a link, expected a file or a new name", str(target))
        if target.exists():
            _require_kind(target, "folder" if folder else "file")
        _try_writing(target.absolute())
    except FileError:
        raise
    except (OSError, ValueError) as error:
        code, reason = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
        reason = reason or str(error)  # a name with a null byte is a ValueError
        raise FileError(
            code or errno.EINVAL, f"cannot write here: {reason[:1].lower()}{reason[1:]}", str(target)
        ) from None


def _require_kind(path: Path, expected: str) -> None:
    kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode), "something else")
    if kind != expected:
        raise FileError(errno.EINVAL, f"it is a {kind}, expected a {expected}", str(path))


def _try_writing(target: Path) -> None:
    """Write a file in the nearest folder above that exists, as deep and with as long a name as the target's."""
    above = _nearest(target)
    usage = shutil.disk_usage(above)
    if usage.total and usage.free < LEAST_FREE_BYTES:
        words = f"{usage.free / 1e6:.1f} MB are free, expected at least {LEAST_FREE_BYTES / 1e6:.0f} MB"
        raise FileError(errno.ENOSPC, f"cannot write here: {words}", str(target))
    room = Path(tempfile.mkdtemp(dir=above, prefix=".trial-"))
    try:
        file = room / target.relative_to(above)
        file.parent.mkdir(parents=True, exist_ok=True)
        file = file.with_name(f"{file.name}{'.' * LONGER_NAME}")
        with file.open("wb") as stream:
            stream.write(bytes(TRIAL_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        file.rename(file.with_name(target.name))
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _nearest(target: Path) -> Path:
    """Return the nearest folder above a path that exists."""
    for above in target.parents:
        if not os.path.lexists(above):
            continue
        if not above.is_dir():
            raise FileError(errno.ENOTDIR, f"cannot write here: {above} is not a folder", str(target))
        return above
    raise FileError(errno.ENOENT, "cannot write here: no folder above it exists", str(target))
