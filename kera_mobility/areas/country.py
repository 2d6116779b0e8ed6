"""What a district takes from its country: `configs/countries/<code>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from kera_mobility.config.messages import read_settings
from kera_mobility.config.resources import find, shipped_folder
from kera_mobility.config.settings import Settings, Share
from kera_mobility.errors import MissingFileError
from kera_mobility.town.area_tables import AGE_COLUMNS


class CountrySettings(Settings):
    """Figures of a country, each with unit and source in its file."""

    title: str = Field(min_length=1)
    """Name for people."""
    currency: str = Field(pattern="^[A-Z]{3}$")
    """Of all amounts, as ISO 4217 has it."""
    basis: str = Field(min_length=1)
    """Where the figures come from."""
    holidays: tuple[Annotated[str, Field(pattern=r"^\d\d-\d\d$")], ...] = ()
    """Public holidays that are the same day each year, MM-DD."""
    age_shares: tuple[Share, ...] = Field(min_length=len(AGE_COLUMNS), max_length=len(AGE_COLUMNS))
    """Shares of the residents by age, ten years each, the last one open; sum 1."""
    scenario: dict[str, Any]
    """Laid into the scenarios of the district: fares, costs, cars, licences."""
    values: dict[str, Any] = Field(default_factory=dict)
    """Laid into the unit values of comparisons: value of time, emissions."""

    @field_validator("age_shares")
    @classmethod
    def _are_everyone(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if abs(sum(shares) - 1.0) > 0.001:
            raise ValueError(f"expected shares that sum to 1, got {sum(shares):g}")
        return shares


def read_country(name: str) -> CountrySettings:
    """Return the figures of a country by its code, such as `fi`, or by the path of its file.

    Raises
    ------
    MissingFileError
        If there is no such country; the message names those there are.
    ConfigError
        With every fault of its file.
    """
    path = Path(name) if "/" in name or name.endswith(".yaml") else Path("configs/countries") / f"{name}.yaml"
    try:
        return read_settings(find(path, "configs"), CountrySettings)
    except MissingFileError:
        known = sorted(file.stem for file in (shipped_folder("configs") / "countries").glob("*.yaml"))
        raise MissingFileError(
            f"country '{name}': no such file, expected one of {', '.join(known)}, or a copy with figures of your own"
        ) from None
