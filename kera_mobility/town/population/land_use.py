"""Zones, their attractions and gravity models: grid cells, places of the map, developments, places beyond the map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import ConfigDict, Field, ValidationError
from scipy.spatial import cKDTree

from kera_mobility.config.settings import Settings
from kera_mobility.errors import DataError, Fault, NetworkError
from kera_mobility.geometry import degree_scale, distance_m
from kera_mobility.kernels import exact
from kera_mobility.shapes import POLYGONS, Shape, read_shapes
from kera_mobility.tables import Table, read_table
from kera_mobility.town import area_tables
from kera_mobility.town.area_tables import AGE_COLUMNS, MOST_AT_PLACE, WEIGHTS
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.units import AnyArray, BoolArray, FloatArray, IntArray

KINDS = ("cell", "place", "development", "outside")
CELL, PLACE, DEVELOPMENT, OUTSIDE = range(4)
CELL_HALF_M = 125.0
"""Half the side of a cell of the population grid."""
FEWEST_NODES = 4
"""A zone inside the map has at least this many nodes, the nearest if need be: who leaves one can go to another."""
BALANCE_TOLERANCE = 1e-3
"""Arrivals in every zone are met within this part of them."""
AGES_TOLERANCE = (10.0, 0.1)
"""The ages of a cell add up to its residents within so many persons, or within this part of them. Assumption."""
OFF_MAP_M = 5_000.0
"""What lies farther than this from every street node is not of the map. Assumption."""
MOVED_M = 1_000.0
"""A place beyond the map stands within this distance of its node, unless the streets were made for other places."""
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


class Development(Settings):
    """The properties of a feature of `developments.geojson`: a quarter that is built or to be built."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(min_length=1)
    """Name for people."""
    residents: int = Field(0, ge=0, le=MOST_AT_PLACE)
    """Residents of the finished quarter, persons."""
    jobs: int = Field(0, ge=0, le=MOST_AT_PLACE)
    """Jobs in the finished quarter."""
    basis: str = ""
    """Source, or that it is an assumption."""


def read_zones(folder: Path, streets: Streets) -> Zones:
    """Return the zones of an area from cells.csv, attractions.csv, developments.geojson and outside.csv.

    Raises
    ------
    MissingFileError
        If one of them is not there.
    DataError
        If one is broken or does not lie on the map, with every fault.
    NetworkError
        If one contradicts the streets: an outside place without a node.
    """
    purpose = "an area needs it to know its people"
    cells, places, outside = (
        read_table(folder / schema.name, schema, purpose=purpose)
        for schema in (area_tables.CELLS, area_tables.ATTRACTIONS, area_tables.OUTSIDE)
    )
    plane = _Plane(streets)
    inside = np.flatnonzero(~np.isin(places.columns["place"], outside.columns["place"]))
    faults = [
        *_age_faults(cells), *plane.faults(cells, range(len(cells))),
        *plane.faults(places, inside.tolist(), "; a place beyond it has its name in outside.csv too"),
    ]  # fmt: skip
    if faults:
        raise DataError(faults)
    developments, about = read_developments(folder, plane.lonlat)
    at_cell, at_place = cells.numbers("lon", "lat"), places.numbers("lon", "lat")[inside]
    lonlat = np.concatenate([at_cell, at_place, _centres(developments), streets.node_lonlat[streets.node_outside]])
    nodes = [
        *plane.nodes_of_cells(plane.metres(at_cell)),
        *plane.nodes_around(plane.metres(at_place), places.numbers("radius_m")[inside, 0].tolist()),
        *(plane.nodes_within(shape) for shape in developments),
        *_outside_nodes(outside, streets),
    ]
    counts = (len(cells), len(inside), len(developments), len(outside))
    bands = np.zeros((sum(counts), len(AGE_COLUMNS)))
    bands[: len(cells)] = cells.numbers(*AGE_COLUMNS)
    names = places.columns["place"]
    return Zones(
        names=(*cells.columns["cell"], *(names[row] for row in inside.tolist()),
               *(development.name for development in about), *outside.columns["place"]),
        kind=np.repeat(np.arange(4), counts),
        scale=plane.scale,
        xy_m=plane.metres(lonlat),
        bands=bands,
        weights=dict(zip(WEIGHTS, _weights(cells, places, inside, about, outside).T, strict=True)),
        node_start=np.concatenate([[0], np.cumsum([len(zone_nodes) for zone_nodes in nodes])]).astype(np.int64),
        node_list=np.concatenate(nodes).astype(np.int64),
    )  # fmt: skip


def read_developments(folder: Path, map_lonlat: FloatArray) -> tuple[list[Shape], list[Development]]:
    """Return the outlines of an area's developments and what is said of them; they touch the points of a map, (S, 2).

    Raises
    ------
    MissingFileError, DataError
        If there is no such file, or with every fault of it.
    """
    path = folder / "developments.geojson"
    shapes = read_shapes(path, POLYGONS)
    about: list[Development] = []
    faults = [fault for shape in shapes for fault in shape.map_faults(map_lonlat)]
    for shape in shapes:
        try:
            about.append(Development.model_validate(shape.properties))
        except ValidationError as error:
            faults += shape.setting_faults(error)
    if faults:
        raise DataError(faults)
    return shapes, about


def _age_faults(cells: Table) -> list[Fault]:
    """Return a fault for each cell whose ages do not add up to its residents, and one if nobody lives anywhere."""
    residents, ages = cells.numbers("residents")[:, 0], cells.numbers(*AGE_COLUMNS).sum(axis=1)
    persons, part = AGES_TOLERANCE
    apart = np.abs(ages - residents) > np.maximum(persons, part * residents)
    off = np.flatnonzero(apart | ((residents > 0) & (ages <= 0)))
    faults = [
        cells.fault(row, f"residents: got {residents[row]:g}, expected the sum of the ages, {ages[row]:g}")
        for row in off.tolist()
    ]
    if not faults and residents.max() <= 0:
        faults.append(Fault(str(cells.path), "residents: got 0 in every cell, expected somebody"))
    return faults


def _weights(cells: Table, places: Table, inside: IntArray, about: list[Development], outside: Table) -> FloatArray:
    """Return what each zone holds, (Z, WEIGHTS)."""
    held = places.numbers(*WEIGHTS)
    of_cells = np.zeros((len(cells), len(WEIGHTS)))
    of_cells[:, 0] = cells.numbers("residents")[:, 0]
    built = np.zeros((len(about), len(WEIGHTS)))
    built[:, :2] = np.array([(development.residents, development.jobs) for development in about]).reshape(-1, 2)
    row_of = {name: row for row, name in enumerate(places.columns["place"])}
    far = np.zeros((len(outside), len(WEIGHTS)))
    for row, name in enumerate(outside.columns["place"]):
        if name in row_of:
            far[row] = held[row_of[name]]
    return np.concatenate([of_cells, held[inside], built, far])


class _Plane:
    """Street nodes that people can walk to, on a plane in metres."""

    def __init__(self, streets: Streets, closed: BoolArray | None = None) -> None:
        walkable = (streets.edge_modes & MODE_BIT["walk"]) > 0
        served = np.zeros(streets.nodes, dtype=bool)
        served[streets.edge_from[walkable]] = True
        served[streets.edge_to[walkable]] = True
        if closed is not None:
            served &= ~closed
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

    def nodes_within(self, shape: Shape) -> IntArray:
        """Return the nodes inside a development, the nearest if they are few."""
        return self._enough(np.flatnonzero(shape.holds(self.lonlat)), self.metres(_middle(shape)))

    def faults(self, table: Table, rows: Iterable[int], advice: str = "") -> Iterator[Fault]:
        """Yield a fault for each of some rows that lies off the map."""
        chosen = np.fromiter(rows, dtype=np.int64)
        lonlat = table.numbers("lon", "lat")[chosen]
        away_m = np.asarray(self.tree.query(self.metres(lonlat))[0])
        swapped_m = np.asarray(self.tree.query(self.metres(lonlat[:, ::-1]))[0])
        for index in np.flatnonzero(away_m > OFF_MAP_M).tolist():
            hint = ": are lon and lat swapped?" if swapped_m[index] <= OFF_MAP_M else advice
            lon, lat = lonlat[index].tolist()
            yield table.fault(int(chosen[index]), f"lon, lat: got {lon:g}, {lat:g}, expected a place on the map{hint}")

    def _enough(self, near: AnyArray, centre: FloatArray) -> IntArray:
        if len(near) < FEWEST_NODES:
            near = np.sort(self.tree.query(centre, k=FEWEST_NODES)[1])
        return np.asarray(self.nodes[np.asarray(near, dtype=np.int64)])

    def open_nodes(self, nodes: IntArray, centre: FloatArray) -> IntArray:
        """Return those of some nodes that are open; the nearest open ones if they are few."""
        return self._enough(np.flatnonzero(np.isin(self.nodes, nodes)), centre)


def without_nodes(zones: Zones, streets: Streets, closed: BoolArray) -> Zones:
    """Return zones of the map without closed nodes, (N,); where few are left, with the nearest open ones.

    Raises
    ------
    NetworkError
        If hardly any node of the map is open.
    """
    if not closed.any():
        return zones
    plane, nodes = _Plane(streets, closed), []
    for zone, (kind, start, end) in enumerate(zip(zones.kind, zones.node_start, zones.node_start[1:], strict=False)):
        held = zones.node_list[start:end]
        touched = kind != OUTSIDE and closed[held].any()
        nodes.append(plane.open_nodes(held, zones.xy_m[zone]) if touched else held)
    starts = np.concatenate([[0], np.cumsum([len(held) for held in nodes])]).astype(np.int64)
    return replace(zones, node_start=starts, node_list=np.concatenate(nodes).astype(np.int64))


def nearest_nodes(streets: Streets, lonlat: FloatArray, closed: BoolArray | None = None) -> IntArray:
    """Return the node nearest to each point (K, 2) among the open ones that people can walk to, (K,)."""
    plane = _Plane(streets, closed)
    return np.asarray(plane.nodes[np.asarray(plane.tree.query(plane.metres(lonlat))[1], dtype=np.int64)])


def off_map(streets: Streets, table: Table, rows: Iterable[int]) -> list[Fault]:
    """Return a fault for each of some rows of a table with `lon` and `lat` that lies off the map."""
    return list(_Plane(streets).faults(table, rows))


def _middle(shape: Shape) -> FloatArray:
    """Return the middle of the box around a shape, (2,)."""
    corners = np.concatenate(shape.rings)
    return np.asarray((corners.min(axis=0) + corners.max(axis=0)) * 0.5)


def _centres(shapes: list[Shape]) -> FloatArray:
    return np.array([_middle(shape) for shape in shapes]).reshape(-1, 2)


def _outside_nodes(outside: Table, streets: Streets) -> list[IntArray]:
    nodes = np.flatnonzero(streets.node_outside)
    if len(nodes) != len(outside):
        raise NetworkError(f"outside.csv: {len(outside)} places, but the streets know {len(nodes)} beyond the map")
    for row, point in enumerate(np.asarray(streets.node_lonlat)[nodes]):
        if distance_m(outside.numbers("lon", "lat")[row : row + 1], (float(point[0]), float(point[1])))[0] > MOVED_M:
            raise DataError([outside.fault(row, "lon, lat: the streets have another place there; make them anew")])
    return [nodes[index : index + 1] for index in range(len(nodes))]
