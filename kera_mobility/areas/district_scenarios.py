"""The scenarios of a new district: services at its main station and where people and jobs are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.areas.beyond import densest, summed_within
from kera_mobility.areas.country import CountrySettings
from kera_mobility.areas.district_page import UNCALIBRATED, Basis, HeldPoints, Sources
from kera_mobility.geometry import degree_scale, distance_m
from kera_mobility.town.streets.skims import skims_of
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.units import FloatArray, IntArray

HUBS, HUB_APART_M, AROUND_M = 8, 400.0, 400.0
"""Hubs of scooters beside the main station, how far apart they are at least, and the radius within which people and
jobs count for one, m. Assumptions; 3 to 20, 250 to 800, 250 to 800."""
LOOP_STOPS, LOOP_M = 4, 1800.0
"""Stops of the loop beside the station, and how far from it at most, m. Assumptions; 2 to 8, 1,000 to 3,000."""
LOOP_M_S, STOP_S, HEADWAY_S = 2.8, 25.0, 900
"""Speed between stops, m/s (pilots of 2016 and 2023), time at one, s, and headway, s. The last two assumptions; 15 to
40 and 300 to 1,800."""
SCOOTERS_PER_1000, CABS_PER_1000 = 2.0, 0.15
"""Vehicles for each 1,000 residents. Assumptions; 0.5 to 10 and 0.05 to 0.5."""
Spot = dict[str, Any]
"""A place of a service: name, lon, lat."""


def spots_of(
    centre: tuple[float, float], centre_name: str, cells: tuple[FloatArray, IntArray], points: HeldPoints,
    scale: FloatArray,
) -> list[Spot]:  # fmt: skip
    """Return the main station and the squares around which most people and jobs lie, apart from it and each other."""
    dense = summed_within(cells[0], cells[1].astype(np.float64), AROUND_M, scale)
    at_job = points.inside & (points.held[:, 1] > 0)
    away_m = np.hypot(*np.moveaxis((cells[0][:, None] - points.lonlat[at_job][None]) * scale, 2, 0))
    dense = dense + ((away_m <= AROUND_M) * points.held[at_job, 1]).sum(axis=1)
    away = distance_m(cells[0], centre) >= HUB_APART_M
    chosen = densest(cells[0], np.where(away, dense, 0.0), HUBS, HUB_APART_M, scale)
    named = [(centre_name, centre), *((f"Dense place {k}", tuple(cells[0][row])) for k, row in enumerate(chosen, 1))]
    return [{"name": name, "lon": round(float(lon), 6), "lat": round(float(lat), 6)} for name, (lon, lat) in named]


def scenarios_of(
    sources: Sources, country: CountrySettings, said: str, folder: Path, spots: list[Spot], residents: IntArray,
    streets: Streets,
) -> tuple[dict[Path, dict[str, Any]], list[Basis]]:  # fmt: skip
    """Return the scenarios by their paths, and what they rest on."""
    title, told = sources.title or sources.name, f" ({said}; {UNCALIBRATED})"
    thousands = float(residents.sum()) / 1000.0
    fleet, cabs = max(20, round(SCOOTERS_PER_1000 * thousands)), max(2, round(CABS_PER_1000 * thousands))
    loop = _loop(spots)
    lap_s = _lap_s(loop, streets)
    vehicles = math.ceil(lap_s / HEADWAY_S)
    country_layer = {key: dict(value) for key, value in country.scenario.items()}
    services: dict[str, Any] = {name: dict(value) for name, value in country_layer.pop("services", {}).items()}
    if not sources.feeds:
        services["rail"] = None
    hubs = [{**spot, "capacity": max(10, round(2 * fleet / len(spots)))} for spot in spots]
    trials: dict[str, dict[str, Any]] = {
        "scooter": {"kind": "scooter", "fleet": fleet, "hubs": hubs},
        "shuttle": {"kind": "shuttle", "vehicles": vehicles, "headway_s": HEADWAY_S, "speed_m_s": LOOP_M_S, "seats": 9,
                    "dwell_s": STOP_S, "fare_eur": 0.0, "stops": loop},
        "on_demand": {"kind": "on_demand", "vehicles": cabs, "depots": spots[:1], "centres": spots,
                      "operating_radius_m": 1500, "registered": 0.1},
    }  # fmt: skip
    base = {"extends": "configs/elsewhere.yaml", "title": f"{title}{told}", "area": sources.name}
    scenarios: dict[Path, dict[str, Any]] = {
        folder / "base.yaml": {**base, **country_layer, "services": services},
        folder / "today.yaml": {"extends": "base.yaml", "title": f"{title} as it is{told}"},
    }
    for name, service in trials.items():
        trial = {"extends": "../today.yaml", "title": f"{title}: {name}{told}", "services": {name: service}}
        scenarios[folder / "trials" / f"{name}.yaml"] = trial
    every = {"extends": [f"{name}.yaml" for name in trials], "title": f"{title}: all trials{told}"}
    scenarios[folder / "trials" / "all.yaml"] = every
    lap = f"{len(loop)} stops, a lap in {lap_s / 60:.0f} min, every {HEADWAY_S // 60} min: {vehicles} vehicles"
    return scenarios, [
        Basis("hubs, depots, centres", f"{len(spots)} places", "3 to 20", "derived",
              f"{spots[0]['name']}, and where most people and jobs lie within {AROUND_M:.0f} m"),
        Basis("scooters", f"{fleet}, {SCOOTERS_PER_1000:g} for 1,000 residents", "0.5 to 10", "assumed",
              "its scenario"),
        Basis("loop", lap, "5 to 30 min", "assumed", f"ways on the map at {LOOP_M_S} m/s, {STOP_S:.0f} s a stop"),
        Basis("rides on demand", f"{cabs}, {CABS_PER_1000:g} for 1,000 residents", "0.05 to 0.5", "assumed",
              "its scenario"),
        Basis("constants of the modes", "configs/constants.yaml", "see configs/uncertain.yaml", "borrowed",
              f"fitted to Espoo 2023; new services set by hand there: {UNCALIBRATED} here"),
        Basis("time and cost sensitivities", "configs/base.yaml", "see there", "borrowed", "HELMET 5 (HSL)"),
        Basis("tours, hours, households", "see kera schema", "see there", "borrowed", "HELMET 5 and assumptions"),
        Basis("car traffic", "factors by hour, no feedback", "1 to 4", "borrowed", "assumption for Espoo"),
    ]  # fmt: skip


def _loop(spots: list[Spot]) -> list[Spot]:
    """Return the station and the first places near it, in the order in which a loop meets them."""
    at = np.array([(spot["lon"], spot["lat"]) for spot in spots]) * degree_scale(spots[0]["lat"])
    near = [k for k in range(1, len(spots)) if np.hypot(*(at[k] - at[0])) <= LOOP_M][:LOOP_STOPS]
    near = near or list(range(1, min(len(spots), 3)))
    middle = at[[0, *near]].mean(axis=0)
    turn = {k: math.atan2(*(at[k] - middle)) for k in (0, *near)}
    return [spots[0], *(spots[k] for k in sorted(near, key=lambda k: (turn[k] - turn[0]) % math.tau))]


def _lap_s(loop: list[Spot], streets: Streets) -> float:
    """Return the time of a lap on the map; the tables of shortest ways stay in the cache for the first run."""
    modes, skims = np.asarray(streets.edge_modes), skims_of(streets)
    walked, driven = (np.asarray(streets.edge_from)[(modes & MODE_BIT[mode]) > 0] for mode in ("walk", "drive"))
    usable = np.setdiff1d(np.intersect1d(walked, driven), np.flatnonzero(streets.node_outside))
    lonlat = np.asarray(streets.node_lonlat)[usable]
    nodes = [int(usable[distance_m(lonlat, (spot["lon"], spot["lat"])).argmin()]) for spot in loop]
    way_m = sum(float(skims.drive_m[node, after]) for node, after in zip(nodes, [*nodes[1:], nodes[0]], strict=True))
    return way_m / LOOP_M_S + STOP_S * len(loop)
