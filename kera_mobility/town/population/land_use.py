"""Zones, their attractions and gravity models: grid cells, places of the map, developments, places beyond the map."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.geometry import contains, degree_scale
from kera_mobility.kernels import exact
from kera_mobility.ledger import is_file, read_text
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.units import AnyArray, FloatArray, IntArray

KINDS = ("cell", "place", "development", "outside")
CELL, PLACE, DEVELOPMENT, OUTSIDE = range(4)
AGE_COLUMNS = (
    "age_0_9", "age_10_19", "age_20_29", "age_30_39", "age_40_49", "age_50_59", "age_60_69", "age_70_79", "age_80",
)  # fmt: skip
"""Residents by age in `cells.csv`: ten years each, the last one open."""
WEIGHTS = ("residents", "jobs", "pupils", "students", "shops", "leisure")
"""What a zone holds, the columns of `attractions.csv`: persons, jobs, pupils of ages 7-15, students, shops (a
neighbourhood grocery is 1), leisure (in residents whose visits it equals)."""

CELL_HALF_M = 125.0
"""Half the side of a cell of the population grid."""
FEWEST_NODES = 4
"""A zone inside the map has at least this many nodes, the nearest if need be: who leaves one can go to another."""
BALANCE_TOLERANCE = 1e-3
"""Arrivals in every zone are met within this part of them."""
_MOST_ROUNDS = 60
"""Rounds of balancing, at most."""
_FURTHEST = 600.0
"""Distances beyond this many decay lengths have no weight; keeps the exponential in range."""


@dataclass(frozen=True)
class Zones:
    """All zones Z of an area, in the order of KINDS."""

    names: tuple[str, ...]
    kind: IntArray
    """(Z,) index into KINDS."""
    scale: FloatArray
    """(2,) metres in a degree of longitude and of latitude, in the middle of the area."""
    xy_m: FloatArray
    """(Z, 2) metres: degrees x scale."""
    bands: FloatArray
    """(Z, 9) residents in each age band of the population grid; 0 but for cells."""
    weights: dict[str, FloatArray]
    """What each zone holds, (Z,) by name in WEIGHTS; residents of developments are those of the finished district."""
    node_start: IntArray
    """(Z + 1,) where each zone's nodes start in `node_list`."""
    node_list: IntArray

    def of_kind(self, kind: int) -> IntArray:
        """Return the zones of one kind."""
        return np.flatnonzero(self.kind == kind)

    def distance_m(self) -> FloatArray:
        """Return straight distances between centres, (Z, Z); a zone is half a cell away from itself."""
        apart = self.xy_m[:, None, :] - self.xy_m[None, :, :]
        distance: FloatArray = np.sqrt(apart[..., 0] * apart[..., 0] + apart[..., 1] * apart[..., 1])
        return np.maximum(distance, CELL_HALF_M)

    def pick_node(self, zone: IntArray, draw: FloatArray, *avoided: IntArray) -> IntArray:
        """Return a node of each zone by a uniform draw, none of those avoided if there is a choice."""
        start = self.node_start[zone]
        count = self.node_start[zone + 1] - start
        index = np.minimum((draw * count).astype(np.int64), count - 1)
        for _ in avoided:
            node = self.node_list[start + index]
            is_avoided = np.zeros(len(node), dtype=bool)
            for nodes in avoided:
                is_avoided |= node == nodes
            index = np.where(is_avoided, (index + 1) % count, index)
        return np.asarray(self.node_list[start + index])


@dataclass(frozen=True)
class Gravity:
    """Chances of going from each zone to each, as one ascending row of numbers to search."""

    zones: int
    ladder: FloatArray = field(repr=False)

    @classmethod
    def of(cls, weight: FloatArray, distance_m: FloatArray, decay_m: float) -> Gravity:
        """Return chances in proportion to weight x exp(-distance / decay), (Z,) and (origins, Z).

        Raises
        ------
        NetworkError
            If nothing weighs anything.
        """
        if not np.any(weight > 0.0):
            raise NetworkError("attractions.csv: expected places that draw people for every purpose, one has none")
        pull = weight[None, :] * exact.exp(-np.minimum(distance_m / decay_m, _FURTHEST))
        climbing = np.cumsum(pull, axis=1)
        share = climbing / climbing[:, -1:]
        return cls(len(weight), (share + np.arange(len(distance_m))[:, None]).ravel())

    def draw(self, origin: IntArray, draw: FloatArray) -> IntArray:
        """Return a destination zone for each origin zone by a uniform draw, both (T,)."""
        position = np.searchsorted(self.ladder, origin + draw, side="right") - origin * self.zones
        return np.asarray(np.minimum(position, self.zones - 1).astype(np.int64))


class Balanced(NamedTuple):
    """Weights of zones under which flows meet both ends, (Z,) each: the trips that leave and those that arrive."""

    origins: FloatArray
    destinations: FloatArray


def balanced(origins: FloatArray, destinations: FloatArray, distance_m: FloatArray, decay_m: float) -> Balanced:
    """Return the weights of a doubly constrained gravity model: flow = origin x destination x exp(-distance / decay).

    Arrivals are scaled to the departures. Who draws a destination with the weights of destinations, or an origin with
    those of origins, does so with the chances of the balanced flows.

    Parameters
    ----------
    origins, destinations
        Trips that leave and arrive in each zone, (Z,), in any units.
    distance_m
        Straight distances, (Z, Z).

    Source: the balancing method of Furness (1965), until both ends agree within BALANCE_TOLERANCE.
    """
    near = exact.exp(-np.minimum(distance_m / decay_m, _FURTHEST))
    target = destinations * (_total(origins) / max(_total(destinations), 1e-9))
    leaving, arriving = origins.astype(np.float64), target.astype(np.float64)
    for _ in range(_MOST_ROUNDS):
        leaving = _over(origins, np.cumsum(near * arriving[None, :], axis=1)[:, -1])
        arrived = arriving * np.cumsum(near * leaving[:, None], axis=0)[-1]
        arriving = arriving * _over(target, arrived)
        if np.all(np.abs(arrived - target) <= BALANCE_TOLERANCE * target):
            break
    return Balanced(leaving, arriving)


def _total(values: FloatArray) -> float:
    return float(np.cumsum(values)[-1]) if len(values) else 0.0


def _over(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    held = denominator > 0.0
    return np.asarray(np.where(held, numerator / np.where(held, denominator, 1.0), 0.0))


def read_zones(folder: Path, streets: Streets) -> Zones:
    """Return the zones of an area from cells.csv, attractions.csv, developments.geojson and outside.csv.

    Raises
    ------
    MissingFileError
        If one of them is not there.
    NetworkError
        If one contradicts the streets: an outside place without a node.
    """
    cells, places, outside = (_rows(folder / name) for name in ("cells.csv", "attractions.csv", "outside.csv"))
    developments = _features(folder / "developments.geojson")
    inside = _inside(places, outside)
    plane = _Plane(streets)
    rings = [_rings(feature) for feature in developments]
    built_names = [str(feature["properties"]["name"]) for feature in developments]
    drawn = {row["place"]: row for row in places}
    lonlat = np.concatenate([
        _lonlat(cells), _lonlat(inside), _centres(rings), streets.node_lonlat[streets.node_outside],
    ])  # fmt: skip
    nodes = [
        *plane.nodes_of_cells(plane.metres(_lonlat(cells))),
        *plane.nodes_around(plane.metres(_lonlat(inside)), [float(row["radius_m"]) for row in inside]),
        *(plane.nodes_within(outline) for outline in rings),
        *_outside_nodes(outside, streets),
    ]
    built = [{"residents": _number(feature, "residents"), "jobs": _number(feature, "jobs")} for feature in developments]
    far = [drawn.get(row["place"], {}) for row in outside]
    counts = (len(cells), len(inside), len(developments), len(outside))
    bands = np.zeros((sum(counts), len(AGE_COLUMNS)))
    bands[: len(cells)] = [[float(row[name]) for name in AGE_COLUMNS] for row in cells]
    return Zones(
        names=(*(row["cell"] for row in cells), *(row["place"] for row in inside),
               *built_names, *(row["place"] for row in outside)),
        kind=np.repeat(np.arange(4), counts),
        scale=plane.scale,
        xy_m=plane.metres(lonlat),
        bands=bands,
        weights={
            name: np.array([float(row.get(name) or 0.0) for row in (*cells, *inside, *built, *far)]) for name in WEIGHTS
        },
        node_start=np.concatenate([[0], np.cumsum([len(zone_nodes) for zone_nodes in nodes])]).astype(np.int64),
        node_list=np.concatenate(nodes).astype(np.int64),
    )  # fmt: skip


class _Plane:
    """Street nodes that people can walk to, on a plane in metres."""

    def __init__(self, streets: Streets) -> None:
        walkable = (streets.edge_modes & MODE_BIT["walk"]) > 0
        served = np.zeros(streets.nodes, dtype=bool)
        served[streets.edge_from[walkable]] = True
        served[streets.edge_to[walkable]] = True
        self.nodes = np.flatnonzero(served & ~streets.node_outside)
        if len(self.nodes) < FEWEST_NODES:
            raise NetworkError(f"streets: expected at least {FEWEST_NODES} nodes to walk to, got {len(self.nodes)}")
        self.lonlat = np.asarray(streets.node_lonlat)[self.nodes]
        middle = 0.5 * (float(self.lonlat[:, 1].min()) + float(self.lonlat[:, 1].max()))
        self.scale = degree_scale(middle)
        self.xy_m = self.metres(self.lonlat)
        self.tree = cKDTree(self.xy_m)

    def metres(self, lonlat: FloatArray) -> FloatArray:
        """Return points on the plane, (.., 2)."""
        return np.asarray(np.asarray(lonlat) * self.scale)

    def nodes_of_cells(self, centres: FloatArray) -> list[IntArray]:
        """Return the nodes in each square cell."""
        neighbours = self.tree.query_ball_point(centres, CELL_HALF_M, p=np.inf)
        return [self._enough(np.sort(near), centre) for near, centre in zip(neighbours, centres, strict=True)]

    def nodes_around(self, centres: FloatArray, radius_m: list[float]) -> list[IntArray]:
        """Return the nodes within a radius of each point."""
        neighbours = self.tree.query_ball_point(centres, radius_m)
        return [self._enough(np.sort(near), centre) for near, centre in zip(neighbours, centres, strict=True)]

    def nodes_within(self, rings: list[FloatArray]) -> IntArray:
        """Return the nodes inside the rings of a development (holes are rings too), the nearest if they are few."""
        inside = np.zeros(len(self.nodes), dtype=bool)
        for ring in rings:
            inside ^= contains(ring, self.lonlat)
        corners = np.concatenate(rings)
        middle = self.metres((corners.min(axis=0) + corners.max(axis=0)) * 0.5)
        return self._enough(np.flatnonzero(inside), middle)

    def _enough(self, near: AnyArray, centre: FloatArray) -> IntArray:
        if len(near) < FEWEST_NODES:
            near = np.sort(self.tree.query(centre, k=FEWEST_NODES)[1])
        return np.asarray(self.nodes[np.asarray(near, dtype=np.int64)])


def nearest_nodes(streets: Streets, lonlat: FloatArray) -> IntArray:
    """Return the node nearest to each point (K, 2) among those that people can walk to, (K,)."""
    plane = _Plane(streets)
    return np.asarray(plane.nodes[np.asarray(plane.tree.query(plane.metres(lonlat))[1], dtype=np.int64)])


def _rows(path: Path) -> list[dict[str, str]]:
    if not is_file(path):
        raise MissingFileError(f"{path}: no such file; an area needs it to know its people")
    return list(csv.DictReader(io.StringIO(read_text(path), newline="")))


def _features(path: Path) -> list[dict[str, Any]]:
    if not is_file(path):
        raise MissingFileError(f"{path}: no such file; an area needs it to know its people")
    features: list[dict[str, Any]] = json.loads(read_text(path))["features"]
    return features


def _number(feature: dict[str, Any], name: str) -> str:
    return str(feature["properties"].get(name) or 0)


def _rings(feature: dict[str, Any]) -> list[FloatArray]:
    shape = feature["geometry"]
    polygons = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
    return [np.asarray(ring, dtype=np.float64)[:-1, :2] for polygon in polygons for ring in polygon]


def _centres(rings: list[list[FloatArray]]) -> FloatArray:
    """Return the middle of the outer box of each development, (D, 2)."""
    boxes = [np.concatenate(feature_rings) for feature_rings in rings]
    return np.asarray(np.array([(box.min(axis=0) + box.max(axis=0)) * 0.5 for box in boxes]).reshape(-1, 2))


def _lonlat(rows: list[dict[str, str]]) -> FloatArray:
    return np.array([[float(row["lon"]), float(row["lat"])] for row in rows]).reshape(-1, 2)


def _inside(places: list[dict[str, str]], outside: list[dict[str, str]]) -> list[dict[str, str]]:
    beyond = {row["place"] for row in outside}
    return [row for row in places if row["place"] not in beyond]


def _outside_nodes(outside: list[dict[str, str]], streets: Streets) -> list[IntArray]:
    nodes = np.flatnonzero(streets.node_outside)
    if len(nodes) != len(outside):
        raise NetworkError(f"outside.csv: {len(outside)} places, but the streets know {len(nodes)} beyond the map")
    return [nodes[index : index + 1] for index in range(len(nodes))]
