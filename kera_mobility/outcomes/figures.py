"""Pictures of one run, drawn from its record alone with matplotlib (the extra `plot`).

A figure is a function of a record and a file, marked with its kind; PNG, SVG or PDF by the name of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from kera_mobility.errors import ConfigError, MissingExtraError, ResultError
from kera_mobility.outcomes.facts import EVERYONE, RESIDENTS, Facts, Group, share
from kera_mobility.outcomes.record import RunRecord, numbers
from kera_mobility.units import HOUR_S, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FigureFunction = Callable[[RunRecord, Path], Path]
F = TypeVar("F", bound=Callable[..., Path])

FORMATS = (".png", ".svg", ".pdf")
COLOURS = {
    "walk": "#009E73", "bicycle": "#56B4E9", "transit": "#0072B2", "shuttle": "#CC79A7", "on_demand": "#F0E442",
    "scooter": "#E69F00", "car": "#D55E00",
}  # fmt: skip
"""One colour for each mode in every picture. Source: Okabe and Ito 2008, a palette for every kind of colour vision."""
SPARE_COLOURS = ("#882255", "#44AA99", "#999933", "#332288")
"""For modes of other packages. Source: Paul Tol's muted scheme."""
NOT_COMPLETED_COLOUR = "#595959"
NOT_COMPLETED_LABEL = "not completed"
TITLES = {"walk": "walking", "transit": "public transport", "shuttle": "shuttle", "on_demand": "on demand"}
STACK = ("walk", "bicycle", "transit", "shuttle", "on_demand", "scooter", "car")
"""From the bottom of a stack to its top."""
MAP_SOURCE = "(c) OpenStreetMap contributors, ODbL 1.0"
STREET_WIDTH_PT = {"main": 1.6, "collector": 1.0, "local": 0.6, "path": 0.35}
LARGEST_CIRCLE_PT2 = 650.0
SQUARES_ACROSS = 28
"""Squares of the map, west to east, on which refusals are gathered."""
LABELLED_SPOTS = 3
HEADER_IN, LEGEND_IN, FOOTER_IN = 0.6, 0.3, 0.3
"""Heights of title, legend and source line of a page."""
SCALE_BARS_M = (100, 200, 500, 1000, 2000, 5000)
METRES_PER_DEGREE = 111_195.0
"""Length of a degree of latitude on a sphere of radius 6,371 km."""

_INK, _FAINT, _STREET = "#222222", "#767676", "#C9C9C9"
_DPI = 160
_KIND = "__kera_figure__"


def figure(kind: str) -> Callable[[F], F]:
    """Mark a function as the figure of a kind, so that it is found."""

    def marked(function: F) -> F:
        setattr(function, _KIND, kind)
        return function

    return marked


def kinds() -> dict[str, FigureFunction]:
    """Return the figures of this module by their kind."""
    marked = [item for item in globals().values() if callable(item) and hasattr(item, _KIND)]
    return {str(getattr(item, _KIND)): cast("FigureFunction", item) for item in marked}


@figure("trips-by-hour")
def trips_by_mode_and_hour(record: RunRecord, file: str | Path, population: str = EVERYONE) -> Path:
    """Draw departures by hour and main mode as stacked bars, and return the file."""
    facts = Facts(record)
    group = _group(facts, population)
    hour = (numbers(record.tables["trips"], "t_s") // HOUR_S).astype(np.int64)
    drawing, axes = _page(record, f"Trips by hour of departure and main mode, {_whose(group)}", (9.0, 4.8))
    mine = hour[group.trips]
    first, last = (int(mine.min()), int(mine.max())) if len(mine) else (0, 23)
    hours = np.arange(first, last + 1)
    floor = np.zeros(len(hours))
    for label, colour, trips in _stack(facts, group):
        counts = np.bincount(hour[trips] - first, minlength=len(hours)).astype(np.float64)
        axes.bar(hours, counts, 0.86, floor, align="edge", color=colour, label=_with_share(label, counts, group.trips))
        floor += counts
    axes.set_xlim(first - 0.2, last + 1.1)
    axes.set_xticks(np.arange(first, last + 2, 1 if len(hours) <= 12 else 2))
    axes.set_xlabel("Hour of departure (hours from midnight)")
    axes.set_ylabel("Trips per hour")
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.grid(True, color="#E5E5E5", linewidth=0.7)
    _legend_beside(axes, f"Main mode, share of\n{np.count_nonzero(group.trips):,} trips", turned=True)
    return _save(drawing, file)


@figure("mode-share")
def mode_share(record: RunRecord, file: str | Path) -> Path:
    """Draw the share of each main mode for each population as bars of 100 %, and return the file."""
    facts = Facts(record)
    groups = [group for group in facts.groups if group.completed.any()]
    if not groups:
        raise ResultError("no trip was completed, so there is no mode share to draw")
    size = (9.0, 1.9 + 0.62 * len(groups))
    drawing, axes = _page(record, "Share of main modes of completed trips, by population", size)
    left = np.zeros(len(groups))
    for label, colour, trips in _stack(facts, None):
        part = np.array([_percent(trips & group.completed, group.completed) for group in groups])
        if not part.any():
            continue
        axes.barh(np.arange(len(groups)), part, 0.68, left, color=colour, label=label, edgecolor="white", linewidth=0.8)
        _write_percents(axes, left, part, colour)
        left += part
    axes.set_yticks(range(len(groups)), [_with_count(group) for group in groups])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("Share of completed trips (%); the main mode is that of the longest part by distance")
    axes.tick_params(axis="y", length=0)
    _legend_beside(axes, "Main mode")
    return _save(drawing, file)


@figure("refusals-map")
def refusals_map(record: RunRecord, file: str | Path) -> Path:
    """Draw where services refused people and where unserved trips began, over the streets, and return the file."""
    title = "Where services refused people, and where unserved trips began, everyone"
    drawing, axes = _page(record, title, (9.0, 6.4), HEADER_IN + LEGEND_IN, FOOTER_IN)
    edges = _draw_streets(axes, record)
    layers = _refusal_layers(record, edges)
    highest = max((int(spots.counts.max()) for _, _, spots in layers if len(spots.counts)), default=1)
    for place, (label, colour, spots) in enumerate(layers):
        hollow = colour == _INK
        number = int(spots.counts.sum()) + spots.beyond
        axes.scatter(
            spots.lon, spots.lat, np.maximum(LARGEST_CIRCLE_PT2 * spots.counts / highest, 12.0), alpha=0.85,
            facecolor="none" if hollow else colour, edgecolor=_INK if hollow else "white",
            linewidth=1.1 if hollow else 0.6, clip_on=False, zorder=5 + place, label=f"{label} ({number:,})",
        )  # fmt: skip
    if layers:
        _label_spots(axes, layers[0][2])
    _finish_map(drawing, axes, edges, highest if layers else 0, sum(spots.beyond for _, _, spots in layers))
    return _save(drawing, file)


# What is drawn


def _stack(facts: Facts, group: Group | None) -> list[tuple[str, str, BoolArray]]:
    """Return label, colour and trips (T,) of each layer of a stack, from the bottom; no group leaves out the last."""
    named = [mode for mode in STACK if mode in facts.modes]
    layers = []
    for mode in [*named, *(mode for mode in facts.modes if mode not in STACK)]:
        trips = facts.main_mode == facts.modes.index(mode)
        layers.append((_title(mode), _colour(mode, facts.modes), trips if group is None else trips & group.trips))
    if group is not None:
        layers.append((NOT_COMPLETED_LABEL, NOT_COMPLETED_COLOUR, group.trips & (facts.main_mode < 0)))
    return [layer for layer in layers if layer[2].any()]


@dataclass(frozen=True)
class _Edges:
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


def _refusal_layers(record: RunRecord, edges: _Edges) -> list[tuple[str, str, _Spots]]:
    """Return label, colour and spots: the refusals of each service, most first, then the unserved trips' origins."""
    facts = Facts(record)
    layers = []
    for name, service in facts.services.items():
        places = numbers(facts.of_service("refusals", name), "place").astype(np.int64)
        if len(places):
            label = f"refused: {service.get('title') or name}"
            layers.append((label, _colour(str(service["mode"]), facts.modes), _spots(record, places, edges)))
    layers.sort(key=lambda layer: -int(layer[2].counts.sum()))
    origins = numbers(record.tables["trips"], "origin")[facts.outcome == "unserved"].astype(np.int64)
    if len(origins):
        layers.append(("unserved trips, where they began", _INK, _spots(record, origins, edges)))
    return layers


def _spots(record: RunRecord, nodes: IntArray, edges: _Edges) -> _Spots:
    """Gather the nodes, one for each thing counted, on squares of the map."""
    found, counts = np.unique(nodes, return_counts=True)
    row = _place_rows(record, found)
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


def _draw_streets(axes: Axes, record: RunRecord) -> _Edges:
    """Draw the streets of the area to scale and return the edges of the map."""
    from matplotlib.collections import LineCollection

    streets = [street for street in record.area.get("streets", ()) if street["class"] != "outside"]
    if not streets:
        raise ResultError("area.json holds no streets, so there is no map to draw")
    for name, width_pt in STREET_WIDTH_PT.items():
        lines = [np.asarray(street["line"], dtype=np.float64) for street in streets if street["class"] == name]
        axes.add_collection(LineCollection(lines, linewidths=width_pt, colors=_STREET, zorder=1))
    points = np.concatenate([np.asarray(street["line"], dtype=np.float64) for street in streets])
    (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    margin_lon, margin_lat = 0.03 * (east - west), 0.03 * (north - south)
    edges = _Edges(west - margin_lon, east + margin_lon, south - margin_lat, north + margin_lat)
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
            xytext=(11, 9), textcoords="offset points", fontsize=8.5, color=_INK, zorder=20,
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85},
        )  # fmt: skip


def _finish_map(drawing: Figure, axes: Axes, edges: _Edges, highest: int, beyond: int) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#DDDDDD")
    _scale_bar(axes, edges)
    circles = f"circles gather squares of the map, area by number (largest {highest:,})"
    notes = [MAP_SOURCE, circles if highest else "nobody was refused or unserved"]
    if beyond:
        notes.append(f"{beyond:,} beyond the map not drawn")
    drawing.text(0.012, 0.08 / drawing.get_figheight(), "; ".join(notes), va="bottom", fontsize=8, color=_FAINT)
    if highest:
        top = 1 - HEADER_IN / drawing.get_figheight()
        legend = drawing.legend(
            loc="upper left", bbox_to_anchor=(0.0, top), ncols=3, frameon=False, fontsize=9, handletextpad=0.2,
            columnspacing=1.2, borderaxespad=0.0,
        )  # fmt: skip
        for handle in legend.legend_handles:
            if handle is not None and hasattr(handle, "set_sizes"):
                handle.set_sizes([60.0])


def _scale_bar(axes: Axes, edges: _Edges) -> None:
    """Draw a bar of a round length, at most a fifth of the map's width."""
    metres_per_lon = METRES_PER_DEGREE * math.cos(math.radians((edges.south + edges.north) / 2))
    width, height = edges.east - edges.west, edges.north - edges.south
    length_m = max((step for step in SCALE_BARS_M if step <= width * metres_per_lon / 5), default=SCALE_BARS_M[0])
    right, low = edges.east - 0.03 * width, edges.south + 0.04 * height
    left = right - length_m / metres_per_lon
    axes.plot([left, right], [low, low], color=_INK, linewidth=2.5, solid_capstyle="butt", zorder=20)
    text = f"{length_m} m" if length_m < 1000 else f"{length_m // 1000} km"
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
    middle = (left + right) / 2, low + 0.015 * height
    axes.text(*middle, text, ha="center", va="bottom", fontsize=8.5, zorder=20, bbox=box)


def _place_rows(record: RunRecord, nodes: IntArray) -> IntArray:
    """Return the row in `places` of each node."""
    known = numbers(record.places, "node").astype(np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known[order], nodes), max(len(known) - 1, 0))
    if len(nodes) and (not len(known) or np.any(known[order][at] != nodes)):
        raise ResultError("the tables name a node that table 'places' lacks")
    rows: IntArray = order[at]
    return rows


# How it looks


def _page(
    record: RunRecord, title: str, size_in: tuple[float, float], header_in: float = HEADER_IN, footer_in: float = 0.0
) -> tuple[Figure, Axes]:
    """Return an empty page with its title and the line that says which run it shows."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise MissingExtraError("figures need matplotlib; install it with: pip install 'kera-mobility[plot]'") from None
    height_in = size_in[1]
    room = ConstrainedLayoutEngine(rect=(0.0, footer_in / height_in, 1.0, 1.0 - (header_in + footer_in) / height_in))
    drawing = Figure(figsize=size_in, layout=room, facecolor="white")
    FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    where = str(record.area.get("title") or record.area.get("name") or "")
    run = [where, f"scenario {record.meta['scenario']}", f"seed {record.seed}"]
    subtitle = ", ".join(part for part in run if part)
    drawing.text(0.012, 1 - 0.1 / height_in, title, va="top", fontsize=13, fontweight="bold", color=_INK)
    drawing.text(0.012, 1 - 0.36 / height_in, subtitle, va="top", fontsize=9.5, color=_FAINT)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    return drawing, axes


def _save(drawing: Figure, file: str | Path) -> Path:
    """Write the page; the same picture makes the same bytes."""
    import matplotlib as mpl

    target = Path(file)
    if target.suffix.lower() not in FORMATS:
        raise ConfigError(f"{target}: expected a file name that ends in {', '.join(FORMATS)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with mpl.rc_context({"svg.hashsalt": "kera", "svg.fonttype": "none"}):
        drawing.savefig(target, dpi=_DPI, metadata=undated.get(target.suffix.lower()))
    return target


def _legend_beside(axes: Axes, title: str, turned: bool = False) -> None:
    """Write the legend to the right; turned, its entries stand in the order of a stack from the top."""
    handles, labels = axes.get_legend_handles_labels()
    order = slice(None, None, -1) if turned else slice(None)
    legend = axes.legend(
        handles[order], labels[order], title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False,
        alignment="left", fontsize=9, title_fontsize=9, borderaxespad=0.0, handlelength=1.1, handleheight=1.1,
    )  # fmt: skip
    legend.get_title().set_color(_FAINT)


def _write_percents(axes: Axes, left: FloatArray, part: FloatArray, colour: str) -> None:
    """Write each share inside its bar where there is room."""
    ink = "white" if _luminance(colour) < 0.36 else _INK
    for row, (start, width) in enumerate(zip(left, part, strict=True)):
        if width >= 4.0:
            axes.text(start + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=9, color=ink)


def _luminance(colour: str) -> float:
    """Return the approximate relative luminance of `#RRGGBB`, 0 to 1 (ITU-R BT.709 weights, gamma 2.2)."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


def _group(facts: Facts, population: str) -> Group:
    for group in facts.groups:
        if group.name == population:
            return group
    names = ", ".join(group.name for group in facts.groups)
    raise ConfigError(f"population '{population}' has nobody in this run; expected one of {names}")


def _whose(group: Group) -> str:
    return f"{group.name} aged 7 and over" if group.name == RESIDENTS else group.name


def _with_share(label: str, counts: FloatArray, trips: BoolArray) -> str:
    return f"{label}, {100 * share(float(counts.sum()), int(np.count_nonzero(trips))):.1f} %"


def _with_count(group: Group) -> str:
    count = int(np.count_nonzero(group.completed))
    return f"{group.name}\n{count:,} trip{'' if count == 1 else 's'}"


def _percent(part: BoolArray, whole: BoolArray) -> float:
    return 100.0 * share(int(np.count_nonzero(part)), int(np.count_nonzero(whole)))


def _title(mode: str) -> str:
    return TITLES.get(mode, mode.replace("_", " "))


def _colour(mode: str, modes: Sequence[str]) -> str:
    if mode in COLOURS:
        return COLOURS[mode]
    strange = [other for other in modes if other not in COLOURS]
    return SPARE_COLOURS[strange.index(mode) % len(SPARE_COLOURS)]
