"""The errors that a user can meet: one base, each child also a built-in."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

ADVICE = {
    errno.EMFILE: "; allow more at once (ulimit -n) or take fewer --workers",
    errno.ENOSPC: "; make room, then give the same command again: what is finished is kept",
    errno.EDQUOT: "; make room, then give the same command again: what is finished is kept",
}
"""What a user can do about an error of the system, by its number."""

MOST_FAULTS = 10
"""Faults of one file that are told; more would hide the first."""


class KeraError(Exception):
    """Something a user can mend; the command line shows it without a traceback."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place of the input."""

    where: str
    """File and line (`configs/x.yaml:14`), or what stands for them (`--set`)."""
    problem: str
    """What was found and what was expected."""

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" if self.where else self.problem


class ConfigError(KeraError, ValueError):
    """Return every fault of a configuration in one report."""

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        self.faults = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class SettingError(KeraError, ValueError):
    """One setting of a service does not fit its town; the scenario adds where it stands."""

    def __init__(self, key: str, problem: str) -> None:
        self.key, self.problem = key, problem
        super().__init__(key, problem)

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}"


class UnknownPersonError(KeraError, LookupError):
    """Nobody has this id."""


class NetworkError(KeraError, ValueError):
    """The files of an area are missing, broken or contradict each other."""


class DataError(NetworkError):
    """Return the faults of a file of data, each with its place; the first MOST_FAULTS are told."""

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        self.faults = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        rest = len(self.faults) - MOST_FAULTS
        lines = [str(fault) for fault in self.faults[:MOST_FAULTS]]
        super().__init__("\n".join([*lines, f"... and {rest} more faults"] if rest > 0 else lines))


class TimetableError(KeraError, ValueError):
    """A timetable feed is missing, broken or contradicts itself."""


class ResultError(KeraError, ValueError):
    """A result folder is missing, torn or of an unknown schema."""


class FileError(KeraError, OSError):
    """A file or folder cannot be read or written."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}" if self.filename else str(self.strerror or self.args[0])


class MissingFileError(FileError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class MemoryShortError(MemoryError, KeraError):  # in this order, or `__new__` is one that refuses the class
    """There is not memory enough."""


class ExtensionError(KeraError, TypeError):
    """Two extensions claim one kind, or one breaks the contract of its family."""


class MissingExtraError(KeraError, ImportError):
    """An optional package is needed; the message names the extra to install."""


def in_words(error: BaseException) -> KeraError | None:
    """Return an error as one of ours, if a user can mend it; None if it is a fault of the program."""
    if isinstance(error, KeraError):
        return error
    if isinstance(error, MemoryError):
        return MemoryShortError("there is not memory enough; fewer --workers or a smaller district need less")
    if not isinstance(error, OSError):
        return None
    reason = error.strerror or (str(error).splitlines() or [type(error).__name__])[0]
    named = (error.filename, error.filename2)
    files = " -> ".join(os.fsdecode(file) for file in named if isinstance(file, str | bytes))
    reason = reason[:1].lower() + reason[1:] + ADVICE.get(error.errno or 0, "")
    return FileError(error.errno or errno.EIO, reason, files or None)


def raise_together(checks: Iterable[Callable[[], object]]) -> None:
    """Make some checks and raise all that they raise as one error, so that everything is told at once."""
    errors: list[KeraError] = []
    for check in checks:
        try:
            check()
        except KeraError as error:
            errors.append(error)
    if len({type(error) for error in errors}) > 1:
        raise ConfigError([Fault("", str(error)) for error in errors])
    if len(errors) > 1 and isinstance(errors[0], ConfigError | MissingFileError | ResultError | FileError):
        raise type(errors[0])("\n".join(map(str, errors)))
    if errors:
        raise errors[0]


def nearest_name(name: str, names: Sequence[str]) -> str:
    """Return ` (did you mean 'x'?)` for the known name nearest to what was found, or nothing."""
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
