"""The base of all Settings: frozen, strict about keys, each number with unit, bounds and source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
