"""Pictures of one run, drawn from its record alone: one function a kind, found by looking in this folder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from kera_mobility.config.registry import modules_of
from kera_mobility.errors import ConfigError, ResultError, nearest_name
from kera_mobility.results.plots.maps import refusals_map
from kera_mobility.results.plots.page import COLOURS, KIND, FigureFunction, require_format
from kera_mobility.results.plots.trips import mode_share, trips_by_mode_and_hour
from kera_mobility.results.store import load_record, result_folders

__all__ = ["COLOURS", "FigureFunction", "kinds", "mode_share", "plot", "refusals_map", "trips_by_mode_and_hour"]

PACKAGE = "kera_mobility.results.plots"
ENTRY_POINTS = "kera_mobility.figures"


def kinds() -> dict[str, FigureFunction]:
    """Return the figures by their kind."""
    marked = [item for module in modules_of(PACKAGE, ENTRY_POINTS) for item in vars(module).values()]
    by_kind = {str(getattr(item, KIND)): item for item in marked if callable(item) and hasattr(item, KIND)}
    return cast("dict[str, FigureFunction]", dict(sorted(by_kind.items())))


def plot(folder: str | Path, kind: str, out: str | Path) -> Path:
    """Draw a picture of one run and return its path.

    Parameters
    ----------
    folder
        Result folder of one run, or a folder with one run below it.
    kind
        One of `kinds()`: map, mode-share, time-space, trips-by-hour, waiting, ...
    out
        File to write; .png, .svg or .pdf.

    Raises
    ------
    ConfigError, FileError
        If there is no such kind or format, or the file cannot be written.
    ResultError
        If the folder holds no run, or several.
    """
    plots = kinds()
    if kind not in plots:
        near = nearest_name(kind, list(plots))
        raise ConfigError(f"no figure '{kind}'{near}; expected one of {', '.join(sorted(plots))}")
    require_format(out)
    runs = result_folders(folder)
    if len(runs) > 1:
        raise ResultError(f"{folder}: holds {len(runs)} runs, expected one; name one of them, such as {runs[0]}")
    return plots[kind](load_record(runs[0]), Path(out))
