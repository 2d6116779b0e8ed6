"""The ledger of inputs: which files a run opens, and what stands in them.

Every input is opened through `read_bytes`, `read_text` or `read_array`, and looked for through `is_file` or
`files_in`, so that a file which appears is a changed input too. What is opened is written into every ledger that is
open (`recording`). What is kept from an earlier run counts only while each input still holds what it held then.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from kera_mobility.file_paths import require_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")
P = ParamSpec("P")

ABSENT = "absent"
"""Stands for the hash of a file that was looked for and is not there."""
LARGE_BYTES = 4_000_000
"""From here on a file whose size and times did not change is not hashed again by the same process. Assumption: what
is smaller is hashed within 10 ms."""

_LOG = logging.getLogger(__name__)

Roots = Mapping[str, Path]
"""Folders by the word that begins the names of the files below them, such as `area`."""


class Ledger:
    """Inputs by absolute path: the SHA-256 of what was read, of the names in a folder (`folder/*.txt`), or ABSENT."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}

    def add(self, other: Ledger) -> None:
        """Write down what another ledger holds."""
        self.digests.update(other.digests)

    def is_current(self) -> bool:
        """Return whether every input still holds what it held."""
        return all(digest_of(Path(path)) == digest for path, digest in self.digests.items())

    def named(self, roots: Roots) -> dict[str, str]:
        """Return the hashes by name, sorted: `area/cells.csv` below a root, else relative to the root named ``."""
        return dict(sorted((name_of(Path(path), roots), digest) for path, digest in self.digests.items()))

    def digest(self, roots: Roots) -> str:
        """Return one hash of all names and hashes, hex digits."""
        return hashlib.sha256(repr(self.named(roots)).encode("utf-8", "surrogateescape")).hexdigest()


_OPEN: ContextVar[tuple[Ledger, ...]] = ContextVar("open ledgers", default=())


@contextmanager
def recording() -> Iterator[Ledger]:
    """Yield a ledger into which every input is written that is opened inside, like into those around it."""
    ledger = Ledger()
    before = _OPEN.set((*_OPEN.get(), ledger))
    try:
        yield ledger
    finally:
        _OPEN.reset(before)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Write nothing down that is read inside: it is no input, but something computed from inputs."""
    before = _OPEN.set(())
    try:
        yield
    finally:
        _OPEN.reset(before)


def use_again(ledger: Ledger) -> None:
    """Write what an earlier ledger holds into those that are open."""
    for opened in _OPEN.get():
        opened.add(ledger)


def read_bytes(path: str | Path, most: int = -1) -> bytes:
    """Return what stands in an input; the beginning, if it has more than `most` bytes.

    Raises
    ------
    OSError
        If it is missing, no regular file, or cannot be read.
    """
    try:
        require_file(Path(path))
        with open(path, "rb") as file:
            content = file.read(most)
    except FileNotFoundError:
        _write_down(path, ABSENT)
        raise
    _write_down(path, hashlib.sha256(content).hexdigest())
    return content


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """Return an input as text, line ends as they are; see `read_bytes`.

    Raises
    ------
    UnicodeDecodeError
        If it is no such text.
    """
    return read_bytes(path).decode(encoding)


def read_array(path: str | Path) -> NDArray[Any]:
    """Return an input that `numpy.save` wrote, memory-mapped; see `read_bytes`.

    Raises
    ------
    ValueError, EOFError
        If it is no such file.
    """
    import numpy as np

    try:
        require_file(Path(path))
        array = cast("NDArray[Any]", np.load(path, mmap_mode="r"))
    except FileNotFoundError:
        _write_down(path, ABSENT)
        raise
    _write_down(path, digest_of(Path(path)))
    return array


def is_file(path: str | Path) -> bool:
    """Return whether an input that need not be there is a file."""
    if os.path.isfile(path):
        _write_down(path, digest_of(Path(path)))
        return True
    _write_down(path, ABSENT)
    return False


def files_in(folder: str | Path, pattern: str) -> list[Path]:
    """Return the files and folders in a folder that match a pattern, sorted; none where there is no such folder."""
    listed = Path(folder) / pattern
    _write_down(listed, digest_of(listed))
    return sorted(Path(folder).glob(pattern))


def digest_of(path: Path) -> str:
    """Return the hash that an input has now: of a file, of the names that match a pattern, or ABSENT."""
    if "*" in path.name:
        names = sorted(file.name for file in path.parent.glob(path.name))
        return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            return ABSENT
        if about.st_size >= LARGE_BYTES:
            return _digest_of_large(path, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ABSENT


def name_of(path: Path, roots: Roots) -> str:
    """Return the name of a file: a word and the way from its root, or relative to the root named ``."""
    for word, root in roots.items():
        if word and path.is_relative_to(_absolute(root)):
            return f"{word}/{path.relative_to(_absolute(root)).as_posix()}"
    return Path(os.path.relpath(path, _absolute(roots.get("", Path())))).as_posix()


def path_of(name: str, roots: Roots) -> Path:
    """Return where the file of a name stands; see `name_of`."""
    word, _, way = name.partition("/")
    return roots[word] / way if word in roots and way else roots.get("", Path()) / name


def changed_inputs(before: Mapping[str, str], roots: Roots) -> list[str]:
    """Return the names of the inputs that do not hold what they held."""
    return [name for name, digest in before.items() if digest_of(path_of(name, roots)) != digest]


def use_named(names: Mapping[str, str], roots: Roots) -> None:
    """Write inputs that were named into the open ledgers; see `Ledger.named`."""
    for name, digest in names.items():
        _write_down(path_of(name, roots), digest)


def remembered(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the latest results of a function by its arguments, for as long as the inputs that it opened do not change.

    What is kept is given back with its inputs written into the open ledgers.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept: dict[Hashable, tuple[T, Ledger]] = {}

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            key = (args, tuple(sorted(kwargs.items())))
            result = kept.pop(key, None)
            if result is None or not result[1].is_current():
                with recording() as ledger:
                    result = function(*args, **kwargs), ledger
            else:
                use_again(result[1])
            kept[key] = result
            for oldest in list(kept)[:-most]:
                del kept[oldest]
            return result[0]

        return call

    return decorate


def _write_down(path: str | Path, digest: str) -> None:
    for ledger in _OPEN.get():
        ledger.digests[str(_absolute(path))] = digest


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))


@lru_cache(maxsize=4096)
def _digest_of_large(path: Path, *signature: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def warn_if_edited(source: Path, mark: Path, remedy: str) -> None:
    """Say in one line that what is read was made from another version of its source than the one beside it.

    `mark` holds the SHA-256 of the source that it was made from; without a mark or a source nothing is said.
    """
    if mark.is_file() and source.is_file() and mark.read_text(encoding="ascii").strip() != digest_of(source):
        _LOG.warning("%s was edited since what runs read was made from it, and has no effect: %s", source, remedy)


def write_mark(source: Path, mark: Path) -> None:
    """Write down what something was made from, for `warn_if_edited`."""
    mark.write_text(f"{digest_of(source)}\n", encoding="ascii", newline="\n")
