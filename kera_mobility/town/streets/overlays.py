"""Overlays of an area: planned streets that open and streets that close where a scenario names them.

An overlay is `overlays/<name>.geojson` in the area's folder. A polygon with `effect: open` opens the planned streets
that begin or end in it; one with `effect: close` shuts the streets whose middle lies in it for its `modes` (all if it
names none). Other features are for maps and people. Planned streets that no overlay opens do not exist.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from kera_mobility.errors import MissingFileError, NetworkError, nearest_name
from kera_mobility.geometry import contains
from kera_mobility.ledger import is_file, read_text
from kera_mobility.town.streets.streets import MODE_BIT, MODES, ORIGINS, Streets
from kera_mobility.units import BoolArray, FloatArray

EFFECTS = ("open", "close")
Feature = dict[str, Any]


def with_overlays(streets: Streets, area_folder: Path, names: Sequence[str]) -> Streets:
    """Return the streets of an area with its overlays laid on in order; nodes that no street reaches are left out.

    What a closure cuts off from the largest part of a mode's network is shut for that mode too, so that nobody lives or
    works where they cannot leave.

    Raises
    ------
    MissingFileError
        If the area has no such overlay; the message names those it has.
    NetworkError
        If an overlay is broken.
    """
    features = [feature for name in names for feature in read_overlay(area_folder, name)]
    modes: NDArray[np.uint8] = np.array(streets.edge_modes)
    modes[(np.asarray(streets.edge_origin) == ORIGINS.index("planned")) & ~_opened(streets, features)] = 0
    for feature in features:
        if feature["properties"].get("effect") == "close":
            modes[_in(feature, _middles(streets))] &= ~np.uint8(_bits(feature))
    if np.array_equal(modes, streets.edge_modes):
        return streets
    for mode in MODES:
        modes[_cut_off(streets, modes, MODE_BIT[mode])] &= ~np.uint8(MODE_BIT[mode])
    return _with_modes(streets, modes)


def shut(streets: Streets, closures: Sequence[Feature]) -> Streets:
    """Return the streets with some closed and every node kept under its number; what is cut off stays open inside."""
    modes: NDArray[np.uint8] = np.array(streets.edge_modes)
    middles = _middles(streets)
    for feature in closures:
        modes[_in(feature, middles)] &= ~np.uint8(_bits(feature))
    drives = (modes & MODE_BIT["drive"]) > 0
    return replace(streets, edge_modes=modes, edge_drive_s=np.where(drives, np.asarray(streets.edge_drive_s), np.inf))


def read_overlay(area_folder: Path, name: str) -> list[Feature]:
    """Return the features of an overlay by name."""
    path = area_folder / "overlays" / f"{name}.geojson"
    if not is_file(path):
        names = sorted(other.stem for other in path.parent.glob("*.geojson"))
        raise MissingFileError(
            f"{path}: no such overlay{nearest_name(name, names)}; expected one of {', '.join(names) or '(none)'}"
        )
    try:
        features: list[Feature] = json.loads(read_text(path))["features"]
        for feature in features:
            effect = feature["properties"].get("effect")
            if effect is not None and (effect not in EFFECTS or feature["geometry"]["type"] != "Polygon"):
                raise NetworkError(f"{path}: effect '{effect}': expected a polygon that does one of {EFFECTS}")
            if set(feature["properties"].get("modes", ())) - set(MODES):
                raise NetworkError(f"{path}: modes {feature['properties']['modes']}: expected some of {MODES}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, NetworkError):
            raise
        raise NetworkError(f"{path}: expected GeoJSON features with properties, got {error!r}") from None
    return features


def _bits(feature: Feature) -> int:
    return sum(MODE_BIT[mode] for mode in feature["properties"].get("modes", MODES))


def _in(feature: Feature, points: FloatArray) -> BoolArray:
    """Return which points lie in a polygon; its holes are rings too."""
    inside = np.zeros(len(points), dtype=np.bool_)
    for ring in feature["geometry"]["coordinates"]:
        inside ^= contains(np.asarray(ring, dtype=np.float64)[:-1], points)
    return inside


def _opened(streets: Streets, features: Sequence[Feature]) -> BoolArray:
    """Return the edges that begin or end where an overlay opens what is planned, (E,)."""
    opened = np.zeros(streets.nodes, dtype=np.bool_)
    for feature in features:
        if feature["properties"].get("effect") == "open":
            opened |= _in(feature, np.asarray(streets.node_lonlat))
    return np.asarray(opened[streets.edge_from] | opened[streets.edge_to])


def _middles(streets: Streets) -> FloatArray:
    """Return the middle point of each edge's line, degrees, (E, 2)."""
    start = np.asarray(streets.shape_start)
    points = np.asarray(streets.shape_lonlat, dtype=np.float64)
    low, high = (start[:-1] + start[1:] - 1) // 2, (start[:-1] + start[1:]) // 2
    return np.asarray((points[low] + points[high]) * 0.5)


def _cut_off(streets: Streets, modes: NDArray[np.uint8], bit: int) -> BoolArray:
    """Return the edges open to a mode that do not belong to the largest part of its network, (E,)."""
    is_open = (modes & bit) > 0
    ends = np.asarray(streets.edge_from)[is_open], np.asarray(streets.edge_to)[is_open]
    graph = csr_matrix((np.ones(len(ends[0])), ends), shape=(streets.nodes, streets.nodes))
    _, part = connected_components(graph, connection="strong")
    main = part == np.argmax(np.bincount(part))
    return np.asarray(is_open & ~(main[streets.edge_from] & main[streets.edge_to]))


def _with_modes(streets: Streets, modes: NDArray[np.uint8]) -> Streets:
    """Return the streets with other modes; edges closed to all and nodes without edges are left out."""
    kept = np.flatnonzero(modes)
    stays = np.array(streets.node_outside)
    stays[streets.edge_from[kept]] = True
    stays[streets.edge_to[kept]] = True
    number = (np.cumsum(stays) - 1).astype(np.int32)
    start = np.asarray(streets.shape_start)
    counts = (start[1:] - start[:-1])[kept]
    begins = np.concatenate([[0], np.cumsum(counts)])
    rows = np.repeat(start[:-1][kept] - begins[:-1], counts) + np.arange(begins[-1])
    drives = (modes[kept] & MODE_BIT["drive"]) > 0
    return replace(
        streets,
        **{name: getattr(streets, name)[stays] for name in ("node_lonlat", "node_xy_m", "node_outside")},
        **{name: number[getattr(streets, name)[kept]] for name in ("edge_from", "edge_to")},
        **{name: getattr(streets, name)[kept] for name in ("edge_length_m", "edge_class", "edge_origin")},
        edge_drive_s=np.where(drives, np.asarray(streets.edge_drive_s)[kept], np.inf),
        edge_modes=modes[kept],
        shape_start=begins.astype(np.int32),
        shape_lonlat=np.asarray(streets.shape_lonlat)[rows],
    )
