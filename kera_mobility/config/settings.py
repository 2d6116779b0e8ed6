"""The base of all Settings: frozen, strict about keys, each number with unit, bounds and source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

DOUBTFUL = ("unverified", "assumption", "assumed")
"""Words by which the description of a setting says that nobody has measured it; the first that occurs is its status."""


class Settings(BaseModel):
    """Settings of one part; they stand beside the class that they configure."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


class Place(Settings):
    """A point on the earth; it is snapped to the nearest street node on load, the distance logged."""

    name: str = ""
    """Name for people; optional."""
    lon: float
    """Longitude, degrees east, WGS 84."""
    lat: float
    """Latitude, degrees north, WGS 84."""


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
