"""Where it happened: the map of the area, and where services refused people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    drawn_name,
    figure,
    mode_colour,
    new_page,
    save,
)  # fmt: skip
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.units import IntArray

if TYPE_CHECKING:
    import pandas as pd
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
LARGEST_CIRCLE_PT2, SMALLEST_CIRCLE_PT2 = 650.0, 12.0
SQUARES_ACROSS = 28
"""Squares of the map, west to east, on which refusals are gathered."""
LABELLED_SPOTS = 3
LEAST_MARGIN_DEG = 0.0005
"""Streets on one line are a map too."""
SCALE_BARS_M = (100, 200, 500, 1000, 2000, 5000)


@figure("refusals-map")
def refusals_map(record: RunRecord, file: str | Path) -> Path:
    """Draw where services refused people and where unserved trips began, over the streets, and return the file."""
    title = "Where services refused people, and where unserved trips began, everyone"
    drawing, axes = new_page(record, title, (9.0, 6.4), HEADER_IN + LEGEND_IN, FOOTER_IN)
    edges = draw_streets(axes, record)
    layers = _refusal_layers(record, edges)
    highest = max((int(layer.spots["count"].max()) for layer in layers if len(layer.spots)), default=1)
    for rank, layer in enumerate(layers):
        hollow = layer.colour == INK
        area_pt2 = np.maximum(LARGEST_CIRCLE_PT2 * layer.spots["count"] / highest, SMALLEST_CIRCLE_PT2)
        axes.scatter(
            layer.spots["lon"], layer.spots["lat"], area_pt2, alpha=0.85,
            facecolor="none" if hollow else layer.colour, edgecolor=INK if hollow else "white",
            linewidth=1.1 if hollow else 0.6, clip_on=False, zorder=5 + rank, label=f"{layer.label} ({layer.total:,})",
        )  # fmt: skip
    if layers:
        _label_spots(axes, layers[0].spots)
    _finish_map(drawing, axes, edges, highest if layers else 0, sum(layer.beyond for layer in layers))
    return save(drawing, file)


@figure("map")
def area_map(record: RunRecord, file: str | Path) -> Path:
    """Draw the streets by what is known of them, tracks, stops and hubs, and return the file."""
    title = "The map: what is surveyed, inferred and planned"
    drawing, axes = new_page(record, title, (9.0, 6.4), HEADER_IN + LEGEND_IN, FOOTER_IN)
    edges = draw_streets(axes, record)
    from matplotlib.collections import LineCollection

    named = [origin for origins, _, _ in ORIGIN_STYLE.values() for origin in origins]
    for label, (origins, colour, style) in ORIGIN_STYLE.items():
        streets = [street for street in drawn_streets(record)
                   if street["origin"] in origins or (not origins and street["origin"] not in named)]  # fmt: skip
        lines = [np.asarray(street["line"], dtype=np.float64) for street in streets]
        widths = [STREET_WIDTH_PT.get(street["class"], STREET_WIDTH_PT["local"]) for street in streets]
        axes.add_collection(LineCollection(lines, linewidths=widths, colors=colour, linestyles=style, zorder=2))
        axes.plot([], [], color=colour, linestyle=style, linewidth=1.6, label=label)
    tracks = [np.asarray(line, dtype=np.float64) for line in record.area.get("rail", ())]
    axes.add_collection(LineCollection(tracks, linewidths=2.6, colors=INK, zorder=3))
    places = record.frame("places")
    inside = places["lon"].between(edges.west, edges.east) & places["lat"].between(edges.south, edges.north)
    for kind, shape, colour in (("stop", "o", "white"), ("hub", "s", "#E69F00")):
        shown = places[inside & (places["kind"] == kind)]
        axes.scatter(
            shown["lon"], shown["lat"], 26, marker=shape, facecolor=colour, edgecolor=INK, zorder=5, label=kind
        )
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
class _Layer:
    """Requests or trips of one kind, gathered on the squares of the map."""

    label: str
    colour: str
    spots: pd.DataFrame
    """One row a square, largest count first: `count`, mean `lon` and `lat`, `name` of the place with most or ''."""
    beyond: int
    """How many are outside the map."""

    @property
    def total(self) -> int:
        """How many there are, drawn or not."""
        return int(self.spots["count"].sum()) + self.beyond


def _refusal_layers(record: RunRecord, edges: Edges) -> list[_Layer]:
    """Return the refusals of each service, most first, then the origins of unserved trips."""
    facts = Facts(record)
    layers = []
    for name, service in facts.services.items():
        nodes = numbers(facts.of_service("refusals", name), "place")
        if len(nodes):
            colour = mode_colour(str(service["mode"]), facts.modes)
            layers.append(
                _layer(record, f"refused: {drawn_name(str(service.get('title') or name))}", colour, nodes, edges)
            )
    layers.sort(key=lambda layer: layer.beyond - layer.total)
    origins = numbers(record.tables["trips"], "origin")[facts.outcome == "unserved"]
    if len(origins):
        layers.append(_layer(record, "unserved trips, where they began", INK, origins, edges))
    return layers


def _layer(record: RunRecord, label: str, colour: str, nodes: IntArray, edges: Edges) -> _Layer:
    """Gather nodes, one for each thing counted, on squares of the map."""
    import pandas as pd

    counts = pd.Series(nodes).value_counts().sort_index()
    places = record.frame("places").set_index("node").reindex(counts.index).assign(count=counts)
    if places["lon"].isna().any():
        raise ResultError("the tables name a node that table 'places' lacks")
    inside = places[places["lon"].between(edges.west, edges.east) & places["lat"].between(edges.south, edges.north)]
    side = (edges.east - edges.west) / SQUARES_ACROSS
    row = (inside["lat"] - edges.south) // (side * math.cos(math.radians(edges.south)))
    spots = [
        {
            "count": int(square["count"].sum()),
            "lon": np.average(square["lon"], weights=square["count"]),
            "lat": np.average(square["lat"], weights=square["count"]),
            "name": square["name"].iloc[int(square["count"].argmax())],
        }
        for _, square in inside.groupby([row, (inside["lon"] - edges.west) // side])
    ]
    table = pd.DataFrame(spots, columns=["count", "lon", "lat", "name"])
    table = table.sort_values("count", ascending=False, kind="stable")
    return _Layer(label, colour, table, len(nodes) - int(inside["count"].sum()))


def drawn_streets(record: RunRecord) -> list[dict[str, Any]]:
    """Return the streets of the area; ResultError if the result holds none."""
    streets = [street for street in record.area.get("streets", ()) if street["class"] != "outside"]
    if not streets:
        raise ResultError("area.json holds no streets, so there is no map to draw")
    return streets


def draw_streets(axes: Axes, record: RunRecord) -> Edges:
    """Draw the streets of the area to scale and return the edges of the map."""
    from matplotlib.collections import LineCollection

    streets = drawn_streets(record)
    for name, width_pt in STREET_WIDTH_PT.items():
        lines = [np.asarray(street["line"], dtype=np.float64) for street in streets if street["class"] == name]
        axes.add_collection(LineCollection(lines, linewidths=width_pt, colors=STREET, zorder=1))
    points = np.concatenate([np.asarray(street["line"], dtype=np.float64) for street in streets])
    (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    margin_lon, margin_lat = (max(0.03 * span, LEAST_MARGIN_DEG) for span in (east - west, north - south))
    edges = Edges(west - margin_lon, east + margin_lon, south - margin_lat, north + margin_lat)
    axes.set_aspect(1.0 / math.cos(math.radians((south + north) / 2)))
    axes.set_anchor("NW")
    axes.set_xlim(edges.west, edges.east)
    axes.set_ylim(edges.south, edges.north)
    return edges


def _label_spots(axes: Axes, spots: pd.DataFrame) -> None:
    """Write the count, and the name where there is one, beside the spots with most."""
    for count, lon, lat, name in spots.head(LABELLED_SPOTS).itertuples(index=False):
        axes.annotate(
            f"{drawn_name(name)}: {count:,}" if name else f"{count:,}", (lon, lat),
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
    begin = right - length_m / metres_per_lon
    axes.plot([begin, right], [low, low], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=20)
    text = f"{length_m} m" if length_m < 1000 else f"{length_m // 1000} km"
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
    middle = (begin + right) / 2, low + 0.015 * height
    axes.text(*middle, text, ha="center", va="bottom", fontsize=8.5, zorder=20, bbox=box)
