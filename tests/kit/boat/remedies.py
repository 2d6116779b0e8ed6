"""What the operator of boats could change so that somebody can row."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.plugins import Change, against, grown

from .reasons import NO_BOAT
from .service import BoatSettings

KIND = "boat"


@against(NO_BOAT)
def more_boats(settings: BoatSettings, t_s: float) -> Iterator[Change]:
    """Yield more boats."""
    for fleet in grown(settings.fleet, 1.0):
        cost_eur = (fleet - settings.fleet) * settings.cost_eur_per_boat
        yield Change(f"{fleet} boats instead of {settings.fleet}", {"fleet": fleet}, cost_eur)
