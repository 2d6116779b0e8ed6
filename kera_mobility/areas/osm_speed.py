"""Speed limits of OpenStreetMap: numbers with and without a unit, words, lists, and the zones of countries."""

from __future__ import annotations

import re
from collections.abc import Mapping

KM_H_PER_MPH = 1.609344
KM_H_PER_KNOT = 1.852
FASTEST_KM_H = 160.0
"""A limit above this is a slip of the pen and is not read. Assumption."""
WALKING_PACE_KM_H = 7.0
"""`maxspeed=walk`. Source: the pace that German courts read from the sign, 4 to 7 km/h."""
NO_LIMIT_KM_H = 130.0
"""`maxspeed=none`. Source: the recommended speed of German motorways."""
LIMIT_TAGS = ("maxspeed", "maxspeed:forward", "maxspeed:backward")
ZONE_TAGS = ("source:maxspeed", "maxspeed:type", "zone:maxspeed", "zone:traffic")
_ZONES = ("urban", "rural", "trunk", "motorway")
_LIMITS_OF_COUNTRY = {
    "AT": (50, 100, 100, 130), "BE": (50, 70, 120, 120), "BG": (50, 90, 120, 140), "CH": (50, 80, 100, 120),
    "CZ": (50, 90, 110, 130), "DE": (50, 100, 130, 130), "DK": (50, 80, 80, 130), "EE": (50, 90, 90, 110),
    "ES": (50, 90, 90, 120), "FI": (50, 80, 100, 120), "FR": (50, 80, 110, 130), "GR": (50, 90, 110, 130),
    "HR": (50, 90, 110, 130), "HU": (50, 90, 110, 130), "IT": (50, 90, 110, 130), "LT": (50, 90, 120, 130),
    "LV": (50, 90, 90, 110), "NL": (50, 80, 100, 100), "NO": (50, 80, 80, 110), "PL": (50, 90, 120, 140),
    "PT": (50, 90, 100, 120), "RO": (50, 90, 100, 130), "RS": (50, 80, 100, 130), "SE": (50, 70, 90, 110),
    "SI": (50, 90, 110, 130), "SK": (50, 90, 90, 130), "TR": (50, 90, 110, 130), "UA": (50, 90, 110, 130),
}  # fmt: skip
"""Limits of cars in km/h by the _ZONES. Source: the table of default speed limits in the wiki of OpenStreetMap, read
from memory; unverified."""
_BRITISH_MPH = {"nsl_restricted": 30, "urban": 30, "nsl_single": 60, "rural": 60, "nsl_dual": 70, "motorway": 70}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?")
_ZONE = re.compile(r"([A-Z]{2})(?:-[A-Z]+)?:(?:zone)?:?([a-z_]+|\d+)")
_FACTOR = {"mph": KM_H_PER_MPH, "knots": KM_H_PER_KNOT}


def limit_km_h(tags: Mapping[str, str]) -> float:
    """Return the speed limit that a way's tags state, km/h; 0 where they state none that can be read.

    Of several values (`50;30`, or one for each direction) the lowest counts.
    """
    stated = [km_h for name in LIMIT_TAGS for part in _parts(tags, name) if (km_h := _stated_km_h(part)) > 0.0]
    zoned = [km_h for name in ZONE_TAGS for part in _parts(tags, name) if (km_h := _zone_km_h(part)) > 0.0]
    return min(stated or zoned or [0.0])


def _parts(tags: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;|]", tags.get(name, "")) if part.strip()]


def _stated_km_h(text: str) -> float:
    if text in ("walk", "walking"):
        return WALKING_PACE_KM_H
    if text == "none":
        return NO_LIMIT_KM_H
    match = _NUMBER.fullmatch(text)
    if match is None:
        return _zone_km_h(text)
    km_h = float(match[1]) * _FACTOR.get(match[2] or "", 1.0)
    return km_h if 0.0 < km_h <= FASTEST_KM_H else 0.0


def _zone_km_h(text: str) -> float:
    match = _ZONE.fullmatch(text)
    if match is None:
        return 0.0
    country, zone = match.groups()
    if zone.isdecimal():
        return _stated_km_h(f"{zone} mph" if country in ("GB", "UK") else zone)
    if country in ("GB", "UK"):
        return _BRITISH_MPH.get(zone, 0) * KM_H_PER_MPH
    limits = _LIMITS_OF_COUNTRY.get(country)
    return float(limits[_ZONES.index(zone)]) if limits and zone in _ZONES else 0.0
