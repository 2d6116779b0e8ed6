"""The errors that a user can meet: one base, each child also a built-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches


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
        super().__init__(f"{key}: {problem}")


class UnknownPersonError(KeraError, LookupError):
    """Nobody has this id."""


class NetworkError(KeraError, ValueError):
    """The files of an area are missing, broken or contradict each other."""


class TimetableError(KeraError, ValueError):
    """A timetable feed is missing, broken or contradicts itself."""


class ResultError(KeraError, ValueError):
    """A result folder is missing, torn or of an unknown schema."""


class MissingFileError(KeraError, FileNotFoundError):
    """A file or folder that was named does not exist."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ExtensionError(KeraError, TypeError):
    """Two extensions claim one kind, or one breaks the contract of its family."""


class MissingExtraError(KeraError, ImportError):
    """An optional package is needed; the message names the extra to install."""


def nearest_name(name: str, names: Sequence[str]) -> str:
    """Return ` (did you mean 'x'?)` for the known name nearest to what was found, or nothing."""
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
