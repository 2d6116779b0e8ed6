"""Where the data of an area come from, and how old they are: `provenance.yaml` read and counted."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from kera_mobility.config.settings import Settings
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.files import read_yaml

OLD_YEARS = 2
LARGEST_OLD_SHARE = 0.05
"""At most this share of the data that must be current may be older than OLD_YEARS. Source: City of Espoo, Kake
programme 2025-29."""
_DAY = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


class Dataset(Settings):
    """One entry of `provenance.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    file: str
    """Files of the area, separated by commas; `*` stands for any, a word in brackets for what of them is meant."""
    source: str
    licence: str
    date: str | datetime.date = "none"
    """When the data were true: a day, month or year; none where they tell of no day."""
    current: bool = Field(True)
    """Whether the model takes them for today's."""
    derived_how: str
    notices: tuple[str, ...] = ()
    """What a user should know of the data."""
    kilometres: dict[str, dict[str, Annotated[float, Field(ge=-1e6, le=1e6)]]] = Field(default_factory=dict)
    """Account of an import of streets, km by row and mode: in + added - left = out."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The files as patterns of paths below the area's folder."""
        plain = re.sub(r"\(.*?\)", "", self.file)
        return tuple(part.strip() for part in plain.split(",") if part.strip())

    @property
    def last_day(self) -> datetime.date | None:
        """The last day that the date can mean; nothing where it names no year."""
        if isinstance(self.date, datetime.date):
            return self.date
        match = _DAY.match(self.date)
        if not match:
            return None
        year, month, day = int(match[1]), int(match[2] or 12), int(match[3] or 28)
        return datetime.date(year, month, day)

    def is_old(self, today: datetime.date) -> bool:
        """Return whether the data are older than OLD_YEARS or of unknown age."""
        last = self.last_day
        return last is None or (today.year - OLD_YEARS, today.month, today.day) > (last.year, last.month, last.day)


@dataclass(frozen=True)
class Freshness:
    """How many of the datasets that must be current are old."""

    current: int
    old: int

    @property
    def old_share(self) -> float:
        """Share of the current datasets that are old; 0 if there is none."""
        return self.old / self.current if self.current else 0.0

    @property
    def within_limit(self) -> bool:
        """Whether the city's limit is kept."""
        return self.old_share <= LARGEST_OLD_SHARE


def read_provenance(area_folder: Path) -> list[Dataset]:
    """Return the datasets of an area.

    Raises
    ------
    MissingFileError
        If the area has no `provenance.yaml`.
    NetworkError
        If it is broken; every fault is named.
    """
    path = area_folder / "provenance.yaml"
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file; an area must say where its data come from")
    try:
        return TypeAdapter(list[Dataset]).validate_python(read_yaml(path))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise NetworkError(f"{path}: {faults}") from None
    except ValueError as error:
        raise NetworkError(f"{path}: {error}") from None


def freshness(datasets: list[Dataset], today: datetime.date) -> Freshness:
    """Return how many of the datasets that must be current are old on a day."""
    current = [dataset for dataset in datasets if dataset.current]
    return Freshness(len(current), sum(dataset.is_old(today) for dataset in current))


def files_without_source(area_folder: Path, datasets: list[Dataset]) -> list[str]:
    """Return the files of an area that no dataset names, paths below its folder; a mark tells of another file only."""
    patterns = ["*.sha256", *(pattern for dataset in datasets for pattern in dataset.patterns)]
    files = sorted(path.relative_to(area_folder).as_posix() for path in area_folder.rglob("*") if path.is_file())
    return [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)]
