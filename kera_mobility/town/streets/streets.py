"""Streets as arrays: nodes N, directed edges E, shortest ways for each mode. No OSMnx, no networkx here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kera_mobility.errors import NetworkError
from kera_mobility.ledger import read_array, warn_if_edited
from kera_mobility.units import FloatArray, IntArray

MODES = ("walk", "cycle", "drive")
MODE_BIT = {"walk": 1, "cycle": 2, "drive": 4}
ORIGINS = ("osm-2017", "inferred", "planned", "outside", "osm")
"""Where an edge comes from; `outside` is the one long edge to a place beyond the map, `osm` a way of an import whose
date stands in `provenance.yaml`."""
GRAPH, MADE_OF = "streets.graphml", "made_of.sha256"
"""The graph beside the folder of arrays that these were made from, and in it the mark of what it held then."""
CLASSES = ("main", "collector", "local", "path", "outside")


@dataclass(frozen=True)
class Streets:
    """The street graph. Every array is memory-mapped from one `.npy` file of the same name."""

    node_lonlat: FloatArray
    """(N, 2) degrees."""
    node_xy_m: FloatArray
    """(N, 2) metres in the area's projection (EPSG:3067 in Finland)."""
    node_outside: NDArray[np.bool_]
    """(N,) true for places beyond the map."""
    edge_from: NDArray[np.int32]
    """(E,)"""
    edge_to: NDArray[np.int32]
    """(E,)"""
    edge_length_m: FloatArray
    """(E,) whole multiples of 1/8 m."""
    edge_drive_s: FloatArray
    """(E,) free-flow car time, whole multiples of 1/64 s; inf where no car may go."""
    edge_class: NDArray[np.uint8]
    """(E,) index into CLASSES."""
    edge_origin: NDArray[np.uint8]
    """(E,) index into ORIGINS."""
    edge_modes: NDArray[np.uint8]
    """(E,) sum of MODE_BIT."""
    shape_start: NDArray[np.int32]
    """(E + 1,) where each edge's drawn line starts in `shape_lonlat`."""
    shape_lonlat: NDArray[np.float32]
    """(G, 2) degrees; the points of the lines of the edges."""

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self.node_lonlat)

    @classmethod
    def load(cls, folder: Path) -> Streets:
        """Return the streets in a folder of `.npy` files.

        Raises
        ------
        NetworkError
            If a file is missing or cannot be read.
        """
        arrays = {}
        for name in cls.__dataclass_fields__:
            path = folder / f"{name}.npy"
            try:
                arrays[name] = read_array(path)
            except (OSError, ValueError) as error:
                raise NetworkError(f"{path}: expected an array of the street graph, got {error}") from None
        warn_if_edited(folder.parent / GRAPH, folder / MADE_OF, "`kera network import` makes the streets from it again")
        return cls(**arrays)

    def save(self, folder: Path) -> None:
        """Write the arrays to a folder, one `.npy` file each."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.__dataclass_fields__:
            np.save(folder / f"{name}.npy", getattr(self, name))


@dataclass(frozen=True)
class Skims:
    """Shortest ways between all nodes of a district, each (N, N) float32; inf where there is none."""

    walk_m: NDArray[np.float32]
    cycle_m: NDArray[np.float32]
    drive_s: NDArray[np.float32]
    """Free-flow time along the fastest way."""
    drive_m: NDArray[np.float32]
    """Length of that fastest way."""

    def between(self, table: NDArray[np.float32], origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return the entries of one table for pairs of nodes, (T,)."""
        return np.asarray(table[origins, destinations].astype(np.float64))
