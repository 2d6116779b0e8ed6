"""Draw a street map, coloured by the origin of its streets. Needs the optional extra `plot`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import shapely

from kera_mobility.errors import MissingExtraError, NetworkError
from kera_mobility.file_paths import require_writable
from kera_mobility.files import replacing
from kera_mobility.shapes import LINES, Shape, read_shapes
from kera_mobility.texts import visible
from kera_mobility.town.area_tables import read_outside_table
from kera_mobility.town.streets.overlays import with_overlays
from kera_mobility.town.streets.streets import CLASSES, ORIGINS, Streets

INK_BY_ORIGIN = {"inferred": "#8f9bb3", "planned": "#e08e0b", "osm-2017": "#0b6e4f", "osm": "#0b6e4f"}
"""Colours of streets; the real ones are drawn last, on top."""
TITLE_BY_ORIGIN = {
    "inferred": "inferred",
    "planned": "planned (finished district)",
    "osm-2017": "real, OSM 2017",
    "osm": "real, OSM",
}
PATHS_BESIDE = ("main", "collector")
"""Classes with a path for walking and cycling beside them; the map keeps street and path as one edge."""
BESIDE_INK, BESIDE_WIDTH = "#dbe7d3", 4.0
BLOCK_INK = "#fbe0ad"
MARK_BY_KIND = {"school": "^", "day_care": "v"}
WIDTH_BY_CLASS = {"main": 3.2, "collector": 2.0, "local": 1.0, "path": 0.8}
"""Points."""
RAIL_INK = "#222222"
STATION_INK = "#c1121f"
GATEWAY_INK = "#5f0f40"
FRAME_DEGREES = 0.001
LINE_LETTERS, LINES_KEPT = 140, 2
"""Letters in a line, and lines of a name: more leave no room for the map. Assumption."""
SIZE_INCHES = (24.0, 14.0)
FORMATS = (".png", ".svg", ".pdf")


def draw_map(area_folder: Path, title: str, attribution: str, target: Path, overlays: Sequence[str] = ()) -> None:
    """Write a picture of the area's streets, railway, stations and gateways to `target` (PNG, SVG or PDF).

    Without overlays everything is drawn, what is planned with it; with overlays, what they leave open.

    Raises
    ------
    NetworkError, FileError
        If the name has another ending, or the file cannot be written.
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.text import Text
    except ImportError:
        raise MissingExtraError(
            "drawing needs matplotlib, which is not installed: pip install kera-mobility[plot]"
        ) from None
    require_picture(target)
    streets = Streets.load(area_folder / "streets")
    if overlays:
        streets = with_overlays(streets, area_folder, overlays)
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_developments(axes, area_folder / "developments.geojson")
    for path in sorted((area_folder / "overlays").glob("*.geojson")):
        if not overlays or path.stem in overlays:
            _draw_overlay(axes, path, closed=bool(overlays))
    _draw_streets(axes, streets)
    _draw_rail(axes, area_folder / "rail.geojson")
    _draw_gateways(axes, streets)
    inside = np.asarray(streets.node_lonlat)[~np.asarray(streets.node_outside)]
    axes.set_xlim(inside[:, 0].min() - FRAME_DEGREES, inside[:, 0].max() + FRAME_DEGREES)
    axes.set_ylim(inside[:, 1].min() - FRAME_DEGREES, inside[:, 1].max() + FRAME_DEGREES)
    axes.set_aspect(1.0 / math.cos(math.radians(float(inside[:, 1].mean()))))
    axes.set_title(f"{title}: streets by origin. Inferred and planned streets are assumptions.", fontsize=18)
    axes.set_xlabel(f"{_note_of_outside(area_folder)}\n{attribution}", fontsize=13)
    legend = axes.legend(loc="lower left", fontsize=13, framealpha=0.95)
    for inside_frame in (legend, *axes.texts):
        inside_frame.set_in_layout(False)  # a long name moves no edge of the map
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        lines = visible(text.get_text()).split("\n")
        kept = None if text is axes.xaxis.label else LINES_KEPT  # sources and licences are never cut
        text.set_text("\n".join(fill(line, LINE_LETTERS, max_lines=kept, placeholder=" ...") for line in lines))
    with replacing(target) as whole:
        figure.savefig(whole, dpi=90)


def require_picture(target: Path) -> None:
    """Return if a picture can be written to a file; raise NetworkError or FileError else."""
    if target.suffix.lower() not in FORMATS:
        raise NetworkError(f"{target}: expected a file name that ends in {', '.join(FORMATS)}")
    require_writable(target)


def _draw_streets(axes: Any, streets: Streets) -> None:
    from matplotlib.collections import LineCollection

    start, points = np.asarray(streets.shape_start), np.asarray(streets.shape_lonlat)
    origin, street_class = np.asarray(streets.edge_origin), np.asarray(streets.edge_class)
    once = np.asarray(streets.edge_from) <= np.asarray(streets.edge_to)
    beside = once & np.isin(street_class, [CLASSES.index(kind) for kind in PATHS_BESIDE])
    lines = [points[start[edge] : start[edge + 1]] for edge in np.flatnonzero(beside)]
    widths = [BESIDE_WIDTH + WIDTH_BY_CLASS[CLASSES[street_class[edge]]] for edge in np.flatnonzero(beside)]
    label = "paths beside main and collector streets (part of the street in the model)"
    if lines:
        axes.add_collection(LineCollection(lines, colors=BESIDE_INK, linewidths=widths, zorder=1, label=label))
    for name, ink in INK_BY_ORIGIN.items():
        for kind, width in WIDTH_BY_CLASS.items():
            chosen = once & (origin == ORIGINS.index(name)) & (street_class == CLASSES.index(kind))
            lines = [points[start[edge] : start[edge + 1]] for edge in np.flatnonzero(chosen)]
            dashes = (0, (2, 1.5)) if kind == "path" else "solid"
            title = TITLE_BY_ORIGIN[name] if kind == "local" and lines else None
            axes.add_collection(
                LineCollection(lines, colors=ink, linewidths=width, linestyles=dashes, label=title, zorder=2)
            )


def _draw_developments(axes: Any, path: Path) -> None:
    for shape in _shapes(path):
        for ring in shape.rings[:1]:
            axes.fill(ring[:, 0], ring[:, 1], color="#fff1d6", zorder=0)
        name = str(shape.properties.get("name", "")).replace(", ", ",\n")
        axes.text(
            *np.append(shape.rings[0], shape.rings[0][:1], axis=0).mean(axis=0),
            name,
            ha="center",
            fontsize=9,
            color="#8a5a00",
            zorder=5,
        )


def _draw_overlay(axes: Any, path: Path, *, closed: bool) -> None:
    """Draw blocks, schools and day-cares, and what is shut if the overlay is in force."""
    named: set[str] = set()
    for shape in _shapes(path):
        kind = shape.properties.get("kind")
        if kind == "block":
            for ring in shape.rings[:1]:
                axes.fill(ring[:, 0], ring[:, 1], color=BLOCK_INK, zorder=0.5)
        elif kind in MARK_BY_KIND:
            lon, lat = shapely.get_coordinates(shape.geometry)[0]
            label = "_nolegend_" if kind in named else f"{kind.replace('_', '-')} (planned)"
            named.add(kind)
            axes.plot(
                lon, lat, MARK_BY_KIND[kind], color=STATION_INK, markersize=9, zorder=6, label=label, linestyle=""
            )
        elif closed and shape.properties.get("effect") == "close":
            for ring in shape.rings[:1]:
                axes.fill(ring[:, 0], ring[:, 1], fill=False, hatch="//", edgecolor=STATION_INK, zorder=4)


def _draw_rail(axes: Any, path: Path) -> None:
    for shape in _shapes(path):
        if shape.geometry.geom_type in LINES:
            for part in shapely.get_parts(shape.geometry):
                line = shapely.get_coordinates(part)
                axes.plot(line[:, 0], line[:, 1], color=RAIL_INK, linewidth=3.0)
        else:
            lon, lat = shapely.get_coordinates(shape.geometry)[0]
            axes.plot(lon, lat, "s", color=STATION_INK, markersize=8, zorder=6)
            name = str(shape.properties.get("name", ""))
            axes.annotate(name, (lon, lat), (8, -18), textcoords="offset points", fontsize=13, color=STATION_INK)


def _draw_gateways(axes: Any, streets: Streets) -> None:
    """Mark the nodes where ways to places beyond the map begin."""
    outside = np.asarray(streets.node_outside)
    gates = np.unique(streets.edge_from[outside[streets.edge_to]])
    lon, lat = np.asarray(streets.node_lonlat)[gates[~outside[gates]]].T
    axes.plot(lon, lat, "o", color=GATEWAY_INK, markersize=10, zorder=6, label="way out of the map")


def _note_of_outside(area_folder: Path) -> str:
    """Return the places beyond the map and how far they are by car from its border, one line."""
    table = read_outside_table(area_folder, "drive_km")
    if not table:
        return ""
    titles = zip(table.columns["title"], table.columns["place"], table.columns["drive_km"], strict=True)
    return f"Beyond the map, by car from its border: {', '.join(f'{t or p} {km:g} km' for t, p, km in titles)}"


def _shapes(path: Path) -> list[Shape]:
    return read_shapes(path) if path.is_file() else []
