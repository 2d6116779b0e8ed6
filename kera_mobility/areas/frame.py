"""The frame of an area's map: rectangle, projection and speeds of street classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from pyproj import Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from kera_mobility.areas.description import Area, LonLat, Speeds
from kera_mobility.areas.pieces import on_millimetres
from kera_mobility.errors import NetworkError
from kera_mobility.units import FloatArray

KM_H_PER_M_S = 3.6


@dataclass(frozen=True)
class Frame:
    """An area's folder, description and projection."""

    folder: Path
    """Folder of the area."""
    area: Area
    speeds: Speeds
    transformer: Transformer
    """From longitudes and latitudes to metres."""

    @property
    def outline(self) -> BaseGeometry:
        """The rectangle of the map in metres."""
        return self.in_metres(self.area.bbox.outline)

    def speed_m_s(self, street_class: str) -> float:
        """Return the free-flow speed of cars on a class of street."""
        return self.speeds.of(street_class) / KM_H_PER_M_S

    def metres(self, lonlat: FloatArray | Sequence[LonLat]) -> FloatArray:
        """Return projected points for longitudes and latitudes, on whole millimetres, (S, 2)."""
        degrees = np.asarray(lonlat, dtype=np.float64).reshape(-1, 2)
        return on_millimetres(np.column_stack(self.transformer.transform(degrees[:, 0], degrees[:, 1])))

    def degrees(self, xy_m: FloatArray) -> FloatArray:
        """Return longitudes and latitudes of projected points, (S, 2)."""
        points = np.asarray(xy_m, dtype=np.float64).reshape(-1, 2)
        return np.column_stack(self.transformer.transform(points[:, 0], points[:, 1], direction="INVERSE"))

    def in_metres(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a geometry of degrees in metres."""
        return shapely.transform(geometry, self.metres)


def projection_to(projection: str) -> Transformer:
    """Return the transformer from longitudes and latitudes to a projection such as `EPSG:3067`."""
    try:
        return Transformer.from_crs("EPSG:4326", projection, always_xy=True)
    except ProjError:
        raise NetworkError(f"projection: got '{projection[:60]}', expected the name of one, as EPSG:3067") from None
