"""Overlays of an area: planned streets that open and streets that close where a scenario names them.

An overlay is `overlays/<name>.geojson` in the area's folder. A polygon with `effect: open` opens the planned streets
that begin or end in it; one with `effect: close` shuts the streets whose middle lies in it for its `modes` (all if it
names none). Other features are for maps and people. Planned streets that no overlay opens do not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, ValidationError
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from kera_mobility.config.settings import Settings
from kera_mobility.errors import DataError, Fault, MissingFileError, nearest_name
from kera_mobility.file_paths import is_path
from kera_mobility.ledger import is_file
from kera_mobility.shapes import POLYGONS, Shape, read_shapes
from kera_mobility.town.streets.streets import MODE_BIT, MODES, ORIGINS, Streets
from kera_mobility.units import BoolArray, FloatArray


class OverlaySettings(Settings):
    """The properties of a feature of an overlay."""

    model_config = ConfigDict(extra="allow")

    effect: Literal["open", "close"] | None = None
    """What a polygon does; nothing for what is only drawn."""
    modes: tuple[Literal["walk", "cycle", "drive"], ...] = MODES  # type: ignore[assignment]
    """For whom it closes."""

    @property
    def bits(self) -> np.uint8:
        """The modes as bits of `Streets.edge_modes`."""
        return np.uint8(sum({MODE_BIT[mode] for mode in self.modes}))


class Feature(NamedTuple):
    """A feature of an overlay."""

    about: OverlaySettings
    shape: Shape


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
    planned = np.asarray(streets.edge_origin) == ORIGINS.index("planned")
    middle = middles(streets)
    faults = [fault for feature in features for fault in _coverage_faults(feature, streets, planned, middle)]
    if faults:
        raise DataError(faults)
    modes: NDArray[np.uint8] = np.array(streets.edge_modes)
    modes[planned & ~_opened(streets, features)] = 0
    for feature in features:
        if feature.about.effect == "close":
            modes[feature.shape.holds(middle)] &= ~feature.about.bits
    if np.array_equal(modes, streets.edge_modes):
        return streets
    for mode in MODES:
        modes[_cut_off(streets, modes, MODE_BIT[mode])] &= ~np.uint8(MODE_BIT[mode])
    return _with_modes(streets, modes)


def shut(streets: Streets, closures: Sequence[Feature]) -> Streets:
    """Return the streets with some closed and every node kept under its number; what is cut off stays open inside."""
    modes: NDArray[np.uint8] = np.array(streets.edge_modes)
    middle = middles(streets)
    for feature in closures:
        modes[feature.shape.holds(middle)] &= ~feature.about.bits
    drives = (modes & MODE_BIT["drive"]) > 0
    return replace(streets, edge_modes=modes, edge_drive_s=np.where(drives, np.asarray(streets.edge_drive_s), np.inf))


def read_overlay(area_folder: Path, name: str) -> list[Feature]:
    """Return the features of an overlay by name.

    Raises
    ------
    MissingFileError
        If the area has no such overlay; the message names those it has.
    DataError
        With every fault of the file.
    """
    path = Path(name) if is_path(name) else area_folder / "overlays" / f"{name}.geojson"
    if not is_file(path):
        names = sorted(other.stem for other in path.parent.glob("*.geojson"))
        raise MissingFileError(
            f"{path}: no such overlay{nearest_name(name, names)}; expected one of {', '.join(names) or '(none)'}"
        )
    features: list[Feature] = []
    faults: list[Fault] = []
    for shape in read_shapes(path):
        try:
            feature = Feature(OverlaySettings.model_validate(shape.properties), shape)
        except ValidationError as error:
            faults += shape.setting_faults(error)
            continue
        if feature.about.effect and shape.geometry.geom_type not in POLYGONS:
            faults.append(
                shape.fault(f"got the geometry '{shape.geometry.geom_type}', expected a polygon for an effect")
            )
        features.append(feature)
    if faults:
        raise DataError(faults)
    return features


def middles(streets: Streets) -> FloatArray:
    """Return the middle point of each edge's line, degrees, (E, 2)."""
    start = np.asarray(streets.shape_start)
    points = np.asarray(streets.shape_lonlat, dtype=np.float64)
    low, high = (start[:-1] + start[1:] - 1) // 2, (start[:-1] + start[1:]) // 2
    return np.asarray((points[low] + points[high]) * 0.5)


def _coverage_faults(feature: Feature, streets: Streets, planned: BoolArray, middle: FloatArray) -> list[Fault]:
    """Return a fault of an overlay's feature that opens no planned street, or closes none of its modes."""
    if feature.about.effect == "open":
        ends = np.unique(np.concatenate([streets.edge_from[planned], streets.edge_to[planned]]))
        return feature.shape.coverage_faults(np.asarray(streets.node_lonlat)[ends], "end of a planned street")
    if feature.about.effect == "close":
        usable = (np.asarray(streets.edge_modes) & feature.about.bits) > 0
        return feature.shape.coverage_faults(middle[usable], f"street for {', '.join(feature.about.modes)}")
    return []


def _opened(streets: Streets, features: Sequence[Feature]) -> BoolArray:
    """Return the edges that begin or end where an overlay opens what is planned, (E,)."""
    opened = np.zeros(streets.nodes, dtype=np.bool_)
    for feature in features:
        if feature.about.effect == "open":
            opened |= feature.shape.holds(np.asarray(streets.node_lonlat))
    return np.asarray(opened[streets.edge_from] | opened[streets.edge_to])


def _cut_off(streets: Streets, modes: NDArray[np.uint8], bit: int) -> BoolArray:
    """Return the edges of the map open to a mode that do not belong to the largest part of its network, (E,)."""
    is_open = (modes & bit) > 0
    ends = np.asarray(streets.edge_from)[is_open], np.asarray(streets.edge_to)[is_open]
    graph = csr_matrix((np.ones(len(ends[0])), ends), shape=(streets.nodes, streets.nodes))
    _, part = connected_components(graph, connection="strong")
    main = part == np.argmax(np.bincount(part))
    far = np.asarray(streets.node_outside)
    beyond = far[streets.edge_from] & far[streets.edge_to]
    return np.asarray(is_open & ~beyond & ~(main[streets.edge_from] & main[streets.edge_to]))


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
