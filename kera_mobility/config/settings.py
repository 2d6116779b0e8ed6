"""The base of all Settings: frozen, strict about keys, each number with unit, bounds and source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from kera_mobility.config.time_words import SECONDS_BY_UNIT, TIME_OF_DAY, in_unit, is_time_of_day, unit_by_name
from kera_mobility.file_paths import path_beside

DOUBTFUL = ("unverified", "assumption", "assumed")
"""Words by which the description of a setting says that nobody has measured it; the first that occurs is its status."""


LATEST_S = 108_000.0
"""Seconds from midnight: a day ends at four in the morning of the next; what ends later does not end that day."""
LATEST_DAY = 9_999
"""Number of the last day of a run."""

Longitude = Annotated[float, Field(ge=-180, le=180)]
"""Degrees east, WGS 84."""
Latitude = Annotated[float, Field(ge=-90, le=90)]
"""Degrees north, WGS 84."""
ClockTime = Annotated[float, TIME_OF_DAY]
"""A time of day, with bounds of its own; written as 23:00 or as a number."""
TimeOfDay = Annotated[ClockTime, Field(ge=0, le=LATEST_S)]
"""Seconds from midnight."""
Hours = Annotated[float, Field(ge=0, le=30)]
"""Hours of a day."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A part of a whole."""
Utils = Annotated[float, Field(ge=-100, le=100)]
"""Utils: beyond this nobody chooses otherwise whatever happens."""
Seed = Annotated[int, Field(ge=0, le=2**64 - 1)]
"""Chance: a word of 64 bits."""


def _as_it_lies(text: str, info: ValidationInfo) -> str:
    return path_beside(text, (info.context or {}).get("folder"))


InputPath = Annotated[str, AfterValidator(_as_it_lies)]
"""A name, or the path of a file or folder: from the current folder, else beside the file that is read."""


class Settings(BaseModel):
    """Settings of one part; they stand beside the class that they configure."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, given: Any) -> Any:
        """Lay what is given of a part over the default of that part, where it lacks what a part needs."""
        if not isinstance(given, Mapping):
            return given
        given = {**given, **{
            name: in_unit(given[name], unit, time_of_day)
            for name, (unit, time_of_day) in cls._times().items() if name in given
        }}  # fmt: skip
        laid = {
            name: {**field.default.model_dump(), **given[name]}
            for name, field in cls.model_fields.items()
            if isinstance(field.default, Settings) and field.annotation is type(field.default)
            and isinstance(given.get(name), Mapping) and not field.default.is_whole(given[name])
        }  # fmt: skip
        return {**given, **laid} if laid else given

    @classmethod
    @cache
    def _times(cls) -> dict[str, tuple[str, bool]]:
        """Return the unit of each setting that is a time, and whether it is one of the day."""
        return {
            name: (unit_by_name(name), TIME_OF_DAY in field.metadata or is_time_of_day(field.annotation))
            for name, field in cls.model_fields.items() if unit_by_name(name) in SECONDS_BY_UNIT
        }  # fmt: skip

    @classmethod
    def is_whole(cls, given: Mapping[str, Any]) -> bool:
        """Return whether some keys are all that these settings need."""
        return all(name in given for name, field in cls.model_fields.items() if field.is_required())


class Place(Settings):
    """A point on the earth; it is snapped to the nearest street node on load, the distance logged."""

    name: str = ""
    """Name for people; optional."""
    lon: Longitude
    """Longitude, degrees east, WGS 84."""
    lat: Latitude
    """Latitude, degrees north, WGS 84."""


def in_order(settings: Settings, first: str, last: str) -> None:
    """Return if one number of settings is less than another, by their names; both are then told in a ValueError."""
    low, high = getattr(settings, first), getattr(settings, last)
    if not low < high:
        raise ValueError(f"{last}: got {high:g}, expected more than {first}, {low:g}")


def assumptions(settings: Settings, key: str = "") -> Iterator[dict[str, Any]]:
    """Yield the settings whose own description says that they are doubtful: key, value, status and basis.

    Lists are told by their length: their entries have one description.
    """
    for name, field in type(settings).model_fields.items():
        value, place = getattr(settings, name), f"{key}.{name}" if key else name
        basis = " ".join((field.description or "").split())
        status = next((word for word in DOUBTFUL if word in basis.lower()), None)
        if isinstance(value, Settings):
            yield from assumptions(value, place)
        elif isinstance(value, Mapping) and all(isinstance(entry, Settings) for entry in value.values()):
            for part, entry in value.items():
                yield from assumptions(entry, f"{place}.{part}")
        elif status and value is not None:
            shown = value if isinstance(value, bool | int | float | str) else _short(value)
            yield {"key": place, "value": shown, "status": "unverified" if status == "unverified" else "assumption",
                   "basis": basis}  # fmt: skip


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {entry}" for name, entry in value.items())
    plain = all(isinstance(entry, int | float | str) for entry in value)
    return ", ".join(str(entry) for entry in value) if plain and len(value) <= 8 else f"{len(value)} entries"
