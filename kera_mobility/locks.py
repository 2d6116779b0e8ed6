"""Locks between processes, containers and hosts, and working folders that tell whether their writer still lives.

A lock is held through the kernel (`flock`), which gives it back however its holder ends. Process ids are not asked: the
same number is another process in another container or on another host.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"
"""File in a working folder that its writer keeps locked."""
LOCKED, FREE, UNKNOWN = "locked", "free", "unknown"
BEGINNING_S = 60.0
"""A working folder without a lock may be one that is just being made. Assumption: that takes less."""
FORGOTTEN_S = 86_400.0
"""After so long a working folder of another host, whose locks may not be seen here, is taken for dead. Assumption."""
LOOKED_AT_S = 1.0
"""Who looks whether a lock is free holds it for a moment; one of one's own is waited for so long."""
POLL_S = 0.05
"""How often a lock that somebody holds is tried again."""


@contextmanager
def holding(file: Path, wait_s: float, mode: int = 0o666) -> Iterator[bool]:
    """Hold the lock of a file, which is removed at the end; yield False if it cannot be had in time, or not at all."""
    held = _held(file, time.monotonic() + wait_s, mode)
    try:
        yield held is not None
    finally:
        if held is not None:
            with suppress(OSError):
                file.unlink()
            os.close(held)


@contextmanager
def working_folder(parent: Path, prefix: str, mode: int = 0o700) -> Iterator[Path]:
    """Yield a new folder that `is_abandoned` knows to be in use while this process lives; it is removed at the end.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix, suffix=".partial"))
    held = None
    try:
        if mode != 0o700:
            folder.chmod(mode)
        held = _held(folder / LOCK, time.monotonic() + LOOKED_AT_S, mode & 0o666)
        if held is not None:
            os.write(held, _identity().encode())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def is_abandoned(folder: Path) -> bool:
    """Return whether the process that worked in a folder is dead, on whatever host or in whatever container it was."""
    try:
        state, written = _state(folder / LOCK)
        age_s = time.time() - folder.stat().st_mtime
    except OSError:
        return False
    if state == LOCKED:
        return False
    host, _, boot = _identity().partition(" ")
    host_of_writer, _, boot_of_writer = written.partition(" ")
    if state == FREE and (boot_of_writer == boot if boot else host_of_writer == host):
        return True
    near = state == FREE and host_of_writer in ("", host)
    return age_s > (BEGINNING_S if near else FORGOTTEN_S)


def _held(file: Path, until_s: float, mode: int) -> int | None:
    """Return the descriptor of a locked file; None if somebody else has it all the time, or it cannot be locked."""
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(file)):
                with suppress(OSError):
                    os.fchmod(descriptor, mode)
                return descriptor
        except FileNotFoundError:
            pass  # whoever had it has removed it
        except BlockingIOError:
            if time.monotonic() >= until_s:
                os.close(descriptor)
                return None
            time.sleep(POLL_S)
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def _state(file: Path) -> tuple[str, str]:
    """Return whether somebody holds the lock of a file, and who wrote it; a missing one is free."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return FREE, ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return LOCKED, ""
    except OSError:
        return UNKNOWN, ""
    else:
        return FREE, os.read(descriptor, 1024).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def _identity() -> str:
    """Return the host, and which start of its kernel this is: containers of one kernel share that and its locks."""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{platform.node().replace(' ', '_') or 'host'} {boot}"
