"""Where it happened: the map of the area, and where services refused people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kera_mobility.errors import ResultError
from kera_mobility.geometry import degree_scale
from kera_mobility.results.facts import Facts
from kera_mobility.results.plots.page import (
    FAINT,
    FOOTER_IN,
    HEADER_IN,
    INK,
    LEGEND_IN,
    STREET,
    figure,
    mode_colour,
    new_page,
    save,
)  # fmt: skip
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.units import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP_SOURCE = "(c) OpenStreetMap contributors, ODbL 1.0"
STREET_WIDTH_PT = {"main": 1.6, "collector": 1.0, "local": 0.6, "path": 0.35}
ORIGIN_STYLE = {
    "surveyed": ((), "#2F3B47", "-"),
    "inferred": (("inferred",), "#9AA5B0", "-"),
    "planned": (("planned",), "#7B3FB0", ":"),
}  # fmt: skip
"""Label -> origins of streets, colour and line; every other origin was surveyed by somebody."""
LARGEST_CIRCLE_PT2 = 650.0
SQUARES_ACROSS = 28
"""Squares of the map, west to east, on which refusals are gathered."""
LABELLED_SPOTS = 3
SCALE_BARS_M = (100, 200, 500, 1000, 2000, 5000)


@figure("refusals-map")
def refusals_map(record: RunRecord, file: str | Path) -> Path:
    """Draw where services refused people and where unserved trips began, over the streets, and return the file."""
    title = "Where services refused people, and where unserved trips began, everyone"
    drawing, axes = new_page(record, title, (9.0, 6.4), HEADER_IN + LEGEND_IN, FOOTER_IN)
    edges = draw_streets(axes, record)
    layers = _refusal_layers(record, edges)
    highest = max((int(spots.counts.max()) for _, _, spots in layers if len(spots.counts)), default=1)
    for place, (label, colour, spots) in enumerate(layers):
        hollow = colour == INK
        number = int(spots.counts.sum()) + spots.beyond
        axes.scatter(
            spots.lon, spots.lat, np.maximum(LARGEST_CIRCLE_PT2 * spots.counts / highest, 12.0), alpha=0.85,
            facecolor="none" if hollow else colour, edgecolor=INK if hollow else "white",
            linewidth=1.1 if hollow else 0.6, clip_on=False, zorder=5 + place, label=f"{label} ({number:,})",
        )  # fmt: skip
    if layers:
        _label_spots(axes, layers[0][2])
    _finish_map(drawing, axes, edges, highest if layers else 0, sum(spots.beyond for _, _, spots in layers))
    return save(drawing, file)


@figure("map")
def area_map(record: RunRecord, file: str | Path) -> Path:
    """Draw the streets by what is known of them, tracks, stops and hubs, and return the file."""
    title = "The map: what is surveyed, inferred and planned"
    drawing, axes = new_page(record, title, (9.0, 6.4), HEADER_IN + LEGEND_IN, FOOTER_IN)
    edges = draw_streets(axes, record)
    from matplotlib.collections import LineCollection

    streets = [street for street in record.area["streets"] if street["class"] != "outside"]
    for label, (origins, colour, style) in ORIGIN_STYLE.items():
        known = [origin for other in ORIGIN_STYLE.values() for origin in other[0]]
        mine = [street for street in streets if street["origin"] in origins
                or (not origins and street["origin"] not in known)]  # fmt: skip
        lines = [np.asarray(street["line"], dtype=np.float64) for street in mine]
        widths = [STREET_WIDTH_PT.get(street["class"], STREET_WIDTH_PT["local"]) for street in mine]
        axes.add_collection(LineCollection(lines, linewidths=widths, colors=colour, linestyles=style, zorder=2))
        axes.plot([], [], color=colour, linestyle=style, linewidth=1.6, label=label)
    tracks = [np.asarray(line, dtype=np.float64) for line in record.area.get("rail", ())]
    axes.add_collection(LineCollection(tracks, linewidths=2.6, colors=INK, zorder=3))
    kinds = np.array(record.places.column("kind").to_pylist())
    lon, lat = numbers(record.places, "lon"), numbers(record.places, "lat")
    for kind, shape, colour in (("stop", "o", "white"), ("hub", "s", "#E69F00")):
        inside = (kinds == kind) & (lon > edges.west) & (lon < edges.east) & (lat > edges.south) & (lat < edges.north)
        axes.scatter(lon[inside], lat[inside], 26, marker=shape, facecolor=colour, edgecolor=INK, zorder=5, label=kind)
    axes.plot([], [], color=INK, linewidth=2.6, label="railway")
    _finish_map(drawing, axes, edges, None, 0)
    return save(drawing, file)


# What is drawn


@dataclass(frozen=True)
class Edges:
    """What the map shows, degrees."""

    west: float
    east: float
    south: float
    north: float


@dataclass(frozen=True)
class _Spots:
    """Counts gathered on the squares of the map (S,), at the mean place of what they count; largest first."""

    lon: FloatArray
    lat: FloatArray
    counts: IntArray
    names: list[str]
    """Name of the place with most in each square; empty if it has none."""
    beyond: int
    """How many are outside the map."""


def _refusal_layers(record: RunRecord, edges: Edges) -> list[tuple[str, str, _Spots]]:
    """Return label, colour and spots: the refusals of each service, most first, then the unserved trips' origins."""
    facts = Facts(record)
    layers = []
    for name, service in facts.services.items():
        places = numbers(facts.of_service("refusals", name), "place").astype(np.int64)
        if len(places):
            label = f"refused: {service.get('title') or name}"
            layers.append((label, mode_colour(str(service["mode"]), facts.modes), _spots(record, places, edges)))
    layers.sort(key=lambda layer: -int(layer[2].counts.sum()))
    origins = numbers(record.tables["trips"], "origin")[facts.outcome == "unserved"].astype(np.int64)
    if len(origins):
        layers.append(("unserved trips, where they began", INK, _spots(record, origins, edges)))
    return layers


def _spots(record: RunRecord, nodes: IntArray, edges: Edges) -> _Spots:
    """Gather the nodes, one for each thing counted, on squares of the map."""
    found, counts = np.unique(nodes, return_counts=True)
    row = place_rows(record, found)
    lon, lat = numbers(record.places, "lon")[row], numbers(record.places, "lat")[row]
    inside = (lon >= edges.west) & (lon <= edges.east) & (lat >= edges.south) & (lat <= edges.north)
    side = (edges.east - edges.west) / SQUARES_ACROSS
    column = ((lon - edges.west) // side).astype(np.int64)
    rank = ((lat - edges.south) // (side * math.cos(math.radians(edges.south)))).astype(np.int64)
    names = record.places.column("name").to_pylist()
    spots = []
    square = np.where(inside, rank * (SQUARES_ACROSS + 1) + column, -1)
    for one in np.unique(square[inside]):
        mine = square == one
        whole = int(counts[mine].sum())
        top = int(row[mine][np.argmax(counts[mine])])
        middle_lon, middle_lat = ((degrees * counts)[mine].sum() / whole for degrees in (lon, lat))
        spots.append((whole, float(middle_lon), float(middle_lat), names[top]))
    spots.sort(key=lambda spot: -spot[0])
    whole_counts, lons, lats = (np.array([spot[part] for spot in spots]) for part in range(3))
    return _Spots(lons, lats, whole_counts.astype(np.int64), [spot[3] for spot in spots], int(counts[~inside].sum()))


def draw_streets(axes: Axes, record: RunRecord) -> Edges:
    """Draw the streets of the area to scale and return the edges of the map."""
    from matplotlib.collections import LineCollection

    streets = [street for street in record.area.get("streets", ()) if street["class"] != "outside"]
    if not streets:
        raise ResultError("area.json holds no streets, so there is no map to draw")
    for name, width_pt in STREET_WIDTH_PT.items():
        lines = [np.asarray(street["line"], dtype=np.float64) for street in streets if street["class"] == name]
        axes.add_collection(LineCollection(lines, linewidths=width_pt, colors=STREET, zorder=1))
    points = np.concatenate([np.asarray(street["line"], dtype=np.float64) for street in streets])
    (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    margin_lon, margin_lat = 0.03 * (east - west), 0.03 * (north - south)
    edges = Edges(west - margin_lon, east + margin_lon, south - margin_lat, north + margin_lat)
    axes.set_aspect(1.0 / math.cos(math.radians((south + north) / 2)))
    axes.set_anchor("NW")
    axes.set_xlim(edges.west, edges.east)
    axes.set_ylim(edges.south, edges.north)
    return edges


def _label_spots(axes: Axes, spots: _Spots) -> None:
    """Write the count, and the name where there is one, beside the spots with most."""
    for place in range(min(LABELLED_SPOTS, len(spots.counts))):
        count, name = int(spots.counts[place]), spots.names[place]
        axes.annotate(
            f"{name}: {count:,}" if name else f"{count:,}", (float(spots.lon[place]), float(spots.lat[place])),
            xytext=(11, 9), textcoords="offset points", fontsize=8.5, color=INK, zorder=20,
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85},
        )  # fmt: skip


def _finish_map(drawing: Figure, axes: Axes, edges: Edges, highest: int | None, beyond: int) -> None:
    """Write scale, source and legend; `highest` is the count of the largest circle, None where there are none."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#DDDDDD")
    scale_bar(axes, edges)
    circles = "" if highest is None else f"circles gather squares of the map, area by number (largest {highest:,})"
    notes = [MAP_SOURCE] if highest is None else [MAP_SOURCE, circles if highest else "nobody was refused or unserved"]
    if beyond:
        notes.append(f"{beyond:,} beyond the map not drawn")
    drawing.text(0.012, 0.08 / drawing.get_figheight(), "; ".join(notes), va="bottom", fontsize=8, color=FAINT)
    if highest is None or highest:
        top = 1 - HEADER_IN / drawing.get_figheight()
        legend = drawing.legend(
            loc="upper left", bbox_to_anchor=(0.0, top), ncols=3 if highest else 6, frameon=False, fontsize=9,
            handletextpad=0.2, columnspacing=1.2, borderaxespad=0.0,
        )  # fmt: skip
        for handle in legend.legend_handles:
            if handle is not None and hasattr(handle, "set_sizes"):
                handle.set_sizes([60.0 if highest else 26.0])


def scale_bar(axes: Axes, edges: Edges) -> None:
    """Draw a bar of a round length, at most a fifth of the map's width."""
    metres_per_lon = float(degree_scale((edges.south + edges.north) / 2)[0])
    width, height = edges.east - edges.west, edges.north - edges.south
    length_m = max((step for step in SCALE_BARS_M if step <= width * metres_per_lon / 5), default=SCALE_BARS_M[0])
    right, low = edges.east - 0.03 * width, edges.south + 0.04 * height
    left = right - length_m / metres_per_lon
    axes.plot([left, right], [low, low], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=20)
    text = f"{length_m} m" if length_m < 1000 else f"{length_m // 1000} km"
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
    middle = (left + right) / 2, low + 0.015 * height
    axes.text(*middle, text, ha="center", va="bottom", fontsize=8.5, zorder=20, bbox=box)


def place_rows(record: RunRecord, nodes: IntArray) -> IntArray:
    """Return the row in `places` of each node."""
    known = numbers(record.places, "node").astype(np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known[order], nodes), max(len(known) - 1, 0))
    if len(nodes) and (not len(known) or np.any(known[order][at] != nodes)):
        raise ResultError("the tables name a node that table 'places' lacks")
    rows: IntArray = order[at]
    return rows
