"""The cache: what is computed once from inputs and kept, for every process and user who can reach its folder.

An entry is a folder `<kind>/<key>/` with the files that were written, and `entry.json`: size and checksum of each, and
the inputs that were opened to compute them. It appears complete under its name or not at all, is checked whenever it is
read, and is computed again, said in one line, if anything is wrong with it. The cache costs time when it fails,
never a run.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from platformdirs import user_cache_dir

from kera_mobility.files import flush, flush_names
from kera_mobility.ledger import Ledger, Roots, changed_inputs, recording, unrecorded, use_again, use_named
from kera_mobility.locks import holding, is_abandoned, working_folder

CACHE_VARIABLE = "KERA_CACHE"
"""Environment variable that moves the cache; empty turns it off."""
SIZE_VARIABLE = "KERA_CACHE_GB"
"""Environment variable with the most that the cache may hold, gigabytes."""
SIZE_GB = 5.0
"""The most that the cache holds unless told. Assumption: two hundred districts of the size of the shipped one."""
WAIT_S = 900.0
"""How long what another process is computing is waited for. Assumption: the tables of a whole city take less."""
SAID_AFTER_S = 2.0
"""A wait that is longer is said."""
ENTRY = "entry.json"
PARTIAL = ".partial"
"""Folder of what is being written."""

_LOG = logging.getLogger(__name__)
Content = TypeVar("Content")


class WrongEntryError(ValueError):
    """An entry of the cache is not as it was written."""


class KindUse(NamedTuple):
    """What the cache holds of one kind."""

    kind: str
    entries: int
    size_bytes: int
    used_s: float
    """When the entry that was not used for longest was last used, seconds of the epoch; NaN without entries."""


def cache_root() -> Path | None:
    """Return the folder of what is computed once and kept, or None where it is turned off."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return None if chosen == "" else Path(chosen or user_cache_dir("kera-mobility"))


def computed_once(
    kind: str,
    key: str,
    read: Callable[[Path], Content],
    compute: Callable[[], Content],
    write: Callable[[Content, Path], object],
    inputs: Ledger | None = None,
    roots: Roots | None = None,
) -> Content:
    """Return what an entry of the cache holds; it is computed and kept if it is missing, wrong or from other inputs.

    Of processes that begin at once one computes and the others wait for it.

    Parameters
    ----------
    read, write
        Read the content from the folder of an entry, and write it into one.
    inputs
        What was opened before and belongs to the content, besides what `compute` opens.
    roots
        Folders below which inputs are named; without them the key stands for every input.
    """
    root = cache_root()
    if root is None:
        return compute()
    entry = _Entry(root, root / kind / key, roots)
    try:
        content = entry.content(read)
        if content is not None:
            return content[0]
        entry.prepare()
    except OSError as error:
        _say_off(root, error)
        return compute()
    with _turn(entry.folder):
        with suppress(PermissionError):
            content = entry.content(read)
        if content is not None:
            return content[0]
        with recording() as opened:
            computed = compute()
        if inputs is not None:
            opened.add(inputs)
            use_again(inputs)
        try:
            entry.keep(lambda folder: write(computed, folder), opened)
            kept = entry.content(read)
        except OSError as error:
            _say_off(root, error)
            kept = None
    return computed if kept is None else kept[0]


def usage() -> list[KindUse]:
    """Return what the cache holds, by kind."""
    root, uses = cache_root(), []
    for kind in sorted({entry.parent for entry in _entries(root)}) if root else ():
        sizes, times = zip(*[_weight(entry) for entry in _entries(root) if entry.parent == kind], strict=True)
        uses.append(KindUse(kind.name, len(sizes), sum(sizes), min(times, default=math.nan)))
    return uses


def clear(kinds: Iterable[str] = ()) -> int:
    """Remove the entries of some kinds, of all if none is named, and what dead processes left; return how many."""
    root, chosen = cache_root(), set(kinds)
    if root is None:
        return 0
    doomed = [entry for entry in _entries(root) if not chosen or entry.parent.name in chosen]
    removed = sum(_remove(entry, root) for entry in doomed)
    _sweep(root)
    return removed


class _Entry:
    """One entry: where it stands, and what is known of it."""

    def __init__(self, root: Path, folder: Path, roots: Roots | None) -> None:
        self.root, self.folder, self._roots = root, folder, roots

    def content(self, read: Callable[[Path], Content]) -> tuple[Content] | None:
        """Return what the entry holds, its inputs written down; None if it is missing, not current, or (said) wrong.

        Raises
        ------
        PermissionError
            If it belongs to somebody who does not share it.
        """
        try:
            about = _about(self.folder)
            if about is None:
                return None
            inputs: dict[str, str] = about["inputs"]
            if self._roots is not None and changed_inputs(inputs, self._roots):
                return None
            _require_whole(self.folder, about["files"])
            with unrecorded():
                content = read(self.folder)
        except PermissionError:
            raise
        except Exception as error:  # whatever a reader says of content that is wrong, it is made anew
            words = " ".join(f"{type(error).__name__} {error}".split())
            _LOG.warning("%s: is not as it was written, is computed again (%s)", self.folder, words)
            return None
        with suppress(OSError):
            os.utime(self.folder / ENTRY)
        if self._roots is not None:
            use_named(inputs, self._roots)
        return (content,)

    def prepare(self) -> None:
        """Make the folders that an entry needs, for everyone whom the root is open to."""
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.root / PARTIAL, self.folder.parent):
            with suppress(FileExistsError):
                folder.mkdir()
                folder.chmod(_mode(self.root))

    def keep(self, write: Callable[[Path], object], opened: Ledger) -> None:
        """Write the entry and let it appear; the entries that were not used for longest go if there is no room."""
        mode = _mode(self.root)
        _sweep(self.root)
        with working_folder(self.root / PARTIAL, f"{self.folder.name}.", mode) as room:
            made = room / self.folder.name
            made.mkdir()
            write(made)
            files = {file.relative_to(made).as_posix(): _seal(file) for file in made.rglob("*") if file.is_file()}
            about = {"files": files, "inputs": opened.named(self._roots) if self._roots is not None else {}}
            text = json.dumps(about, sort_keys=True)
            (made / ENTRY).write_text(f"{zlib.crc32(text.encode()):08x} {text}", encoding="utf-8")
            for path in (made, *made.rglob("*")):
                path.chmod(mode if path.is_dir() else mode & 0o666)
            flush(made)
            if self.folder.exists():
                self.folder.rename(room / "old")
            made.rename(self.folder)
            flush_names(self.folder.parent)
        _make_room(self.root, self.folder)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold the lock of an entry; after a long wait go on without it."""
    file, mode = folder.with_name(f".{folder.name}.lock"), _mode(folder.parent) & 0o666
    for wait_s in (SAID_AFTER_S, WAIT_S):
        with holding(file, wait_s, mode) as held:
            if held or wait_s == WAIT_S or not file.exists() or not os.access(file, os.W_OK):
                yield
                return
        _LOG.warning("%s: another process computes it, waiting", folder)


def _about(folder: Path) -> dict[str, Any] | None:
    """Return what `entry.json` says, or None if there is no entry."""
    try:
        seal, _, text = (folder / ENTRY).read_bytes().partition(b" ")
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists():
            raise WrongEntryError(f"{ENTRY} is missing") from None
        return None
    if seal != f"{zlib.crc32(text):08x}".encode():
        raise WrongEntryError(f"{ENTRY} has another checksum")
    about: dict[str, Any] = json.loads(text)
    return about


def _require_whole(folder: Path, files: Mapping[str, Any]) -> None:
    for name, seal in files.items():
        if not (folder / name).is_file():
            raise WrongEntryError(f"{name} is missing")
        if _seal(folder / name) != seal:
            raise WrongEntryError(f"{name} has another size or checksum")


def _seal(file: Path) -> list[int]:
    """Return size and CRC-32 of a file: they tell what an accident did to it, not what somebody forged."""
    size, checksum = 0, 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            size, checksum = size + len(block), zlib.crc32(block, checksum)
    return [size, checksum]


def _mode(root: Path) -> int:
    """Return the permissions of the root, which those of everything below follow: it may be shared by several users."""
    return stat.S_IMODE(root.stat().st_mode) & 0o2777


def _entries(root: Path | None) -> list[Path]:
    if root is None or not root.is_dir():
        return []
    return [file.parent for file in root.glob(f"*/*/{ENTRY}") if not file.parent.parent.name.startswith(".")]


def _weight(entry: Path) -> tuple[int, float]:
    """Return size in bytes and time of last use of an entry; 0 and now if it is going."""
    try:
        sizes = [file.stat().st_size for file in entry.iterdir()]
        return sum(sizes), (entry / ENTRY).stat().st_mtime
    except OSError:
        return 0, time.time()


def _make_room(root: Path, newest: Path) -> None:
    """Remove the entries that were not used for longest until the rest has room; the newest stays."""
    weights = {entry: _weight(entry) for entry in _entries(root)}
    excess = sum(size for size, _ in weights.values()) - most_bytes()
    for entry in sorted(weights, key=lambda entry: weights[entry][1]):
        if excess <= 0:
            return
        if entry != newest and _remove(entry, root):
            excess -= weights[entry][0]


def most_bytes() -> float:
    """Return the most that the cache may hold, bytes; the default if the variable is no number."""
    try:
        return max(0.0, float(os.environ.get(SIZE_VARIABLE, SIZE_GB))) * 1e9
    except ValueError:
        _LOG.warning("%s: got '%s', expected gigabytes", SIZE_VARIABLE, os.environ[SIZE_VARIABLE])
        return SIZE_GB * 1e9


def _remove(entry: Path, root: Path) -> bool:
    """Remove an entry at once from sight, then from the disk; return False if it may not be."""
    try:
        with working_folder(root / PARTIAL, "gone.", _mode(root)) as room:
            entry.rename(room / entry.name)
    except OSError:
        return False
    return True


def _sweep(root: Path) -> None:
    """Remove what dead processes were writing, and the locks that they held."""
    for leftover in (root / PARTIAL).glob("*.partial"):
        if is_abandoned(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    for lock in root.glob("*/.*.lock"):
        with holding(lock, 0.0):  # it is removed by whoever had it, unless that one was killed
            pass


def _say_off(root: Path, error: OSError) -> None:
    _LOG.warning("%s: the cache cannot be used here (%s); it costs time, nothing else", root, error.strerror or error)
