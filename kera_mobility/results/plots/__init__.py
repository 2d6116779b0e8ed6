"""Pictures of one run, drawn from its record alone: one function a kind, found by looking in this folder."""

from __future__ import annotations

from typing import cast

from kera_mobility.config.registry import modules_of
from kera_mobility.results.plots.maps import refusals_map
from kera_mobility.results.plots.page import COLOURS, KIND, FigureFunction
from kera_mobility.results.plots.trips import mode_share, trips_by_mode_and_hour

__all__ = ["COLOURS", "FigureFunction", "kinds", "mode_share", "refusals_map", "trips_by_mode_and_hour"]

PACKAGE = "kera_mobility.results.plots"
ENTRY_POINTS = "kera_mobility.figures"


def kinds() -> dict[str, FigureFunction]:
    """Return the figures by their kind."""
    marked = [item for module in modules_of(PACKAGE, ENTRY_POINTS) for item in vars(module).values()]
    by_kind = {str(getattr(item, KIND)): item for item in marked if callable(item) and hasattr(item, KIND)}
    return cast("dict[str, FigureFunction]", dict(sorted(by_kind.items())))
