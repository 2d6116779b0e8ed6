"""Charges for parking by place and hour: what a driver pays for the stay at the end of a drive."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from pydantic import Field, model_validator

from kera_mobility.config.settings import LATEST_S, Latitude, Longitude, Settings, TimeOfDay, in_order
from kera_mobility.geometry import distance_m
from kera_mobility.town.town import Town
from kera_mobility.units import HOUR_S, BoolArray, FloatArray, IntArray


class ParkingCharge(Settings):
    """What parking costs in one place during some hours: a place beyond the map by its name, or a circle on the map."""

    place: str = ""
    """A place of the area's `outside.csv`; empty for a circle."""
    lon: Longitude | None = None
    """Middle of the circle, degrees east, WGS 84."""
    lat: Latitude | None = None
    """Middle of the circle, degrees north, WGS 84."""
    radius_m: float = Field(300.0, ge=1, le=20_000)
    """Radius of the circle, straight metres. Assumption."""
    eur_per_hour: float = Field(ge=0, le=50)
    """Price of an hour, EUR; a part of an hour costs its part."""
    most_eur: float = Field(500.0, ge=0, le=500)
    """Most that one stay costs, EUR."""
    start_s: TimeOfDay = 0.0
    """When the charge begins to hold, seconds from midnight."""
    end_s: TimeOfDay = LATEST_S
    """When it ends, seconds from midnight."""

    @model_validator(mode="after")
    def _somewhere(self) -> ParkingCharge:
        in_order(self, "start_s", "end_s")
        corners = [self.lon, self.lat].count(None)
        if corners == 1 or bool(self.place) == (corners == 0):
            raise ValueError("expected either place, or lon and lat")
        return self


class ParkingCharges:
    """The charges of one town; nobody pays at home."""

    def __init__(self, charges: Sequence[ParkingCharge], town: Town) -> None:
        self._charges, self._town = charges, town
        self._at = [self._nodes(charge) for charge in charges]

    def __bool__(self) -> bool:
        return bool(self._charges)

    def eur(self, person: IntArray, place: IntArray, begin_s: FloatArray, end_s: FloatArray) -> FloatArray:
        """Return what people, rows of `People`, pay for stays in places, (T,); 0 where no end is known (NaN)."""
        paid_eur = np.zeros(len(place))
        for charge, nodes in zip(self._charges, self._at, strict=True):
            hours = (np.minimum(end_s, charge.end_s) - np.maximum(begin_s, charge.start_s)) / HOUR_S
            price_eur = np.minimum(np.maximum(hours, 0.0) * charge.eur_per_hour, charge.most_eur)
            paid_eur += np.where(nodes[place] & ~np.isnan(hours), price_eur, 0.0)
        return np.where(self._town.people.home[person] == place, 0.0, paid_eur)

    def faults(self) -> list[tuple[str, str]]:
        """Return the charges of no place, and those that hold where and when another does."""
        names = ", ".join(self._town.outside_places) or "none"
        faults = [
            (f"parking.{index}", f"place {charge.place!r}, expected a place beyond the map ({names})"
             if charge.place else f"no street within {charge.radius_m:g} m of ({charge.lon}, {charge.lat})")
            for index, (charge, nodes) in enumerate(zip(self._charges, self._at, strict=True)) if not nodes.any()
        ]  # fmt: skip
        for (low, first), (high, second) in combinations(enumerate(self._charges), 2):
            shared = max(first.start_s, second.start_s) < min(first.end_s, second.end_s)
            if shared and (self._at[low] & self._at[high]).any():
                faults.append((f"parking.{high}", f"holds where and when parking.{low} does, expected one price"))
        return faults

    def _nodes(self, charge: ParkingCharge) -> BoolArray:
        """Return the street nodes where a charge holds, (N,)."""
        streets = self._town.streets
        if charge.lon is None or charge.lat is None:
            return np.asarray(np.arange(streets.nodes) == self._town.outside_places.get(charge.place, -1))
        away_m = distance_m(np.asarray(streets.node_lonlat), (charge.lon, charge.lat))
        return np.asarray((away_m <= charge.radius_m) & ~np.asarray(streets.node_outside))
