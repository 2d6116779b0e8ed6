"""How fast is a request on demand? A fleet of 500 and 10,000 requests in a day, in a made-up town.

    python -m benchmarks.on_demand [--vehicles 500] [--requests 10000] [--policy insertion] [--repeats 3]

Every request is asked (`quote`), and booked where it can be served; vehicles drive, people ride. Printed is the mean
time of a request, all of that together, and of the search alone. The goal is under 2 ms a request.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.services.contract import Leg, Offer
from kera_mobility.services.on_demand.service import OnDemand
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S
from kera_mobility.town.population.persons import People, Trips
from kera_mobility.town.streets.skims import compute_skims
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, ORIGINS, Streets
from kera_mobility.town.town import Town
from kera_mobility.units import FloatArray, IntArray, round_s

SIDE, BLOCK_M = 25, 400.0
"""Street corners along each side of the town, and metres between them: 10 by 10 km."""
SPEED_M_S = 10.0
PEAKS_S = (8 * 3600.0, 16.5 * 3600.0)
"""Half of the requests lie around these moments, an hour to either side; the others between 6 and 22."""


def measure(vehicles: int, requests: int, policy: str) -> dict[str, float]:
    """Return what one day took, in CPU-seconds, and how it went."""
    town = grid_town(requests)
    settings = OnDemandSettings.model_validate(
        {
            "vehicles": vehicles, "depots": [_place(town, number * len(town.zone) // 20) for number in range(20)],
            "operating_radius_m": 20_000.0, "stop_spacing_m": 0.0, "dispatch": {"kind": policy}, "seats": 8,
        }
    )  # fmt: skip
    service = OnDemand("on_demand", settings, town)
    world = World(simpy.Environment(), town.skims, Dice.of(1), EventLog(), END_S)
    service.start(world)
    spent = {"search_s": 0.0, "asked": 0.0, "served": 0.0}
    world.env.process(_people(world, service, wishes(len(town.zone), requests), spent))
    begin_s = time.process_time()
    world.env.run(until=END_S)
    service.finish()
    spent["day_s"] = time.process_time() - begin_s
    return spent


def wishes(corners: int, requests: int) -> list[tuple[float, int, int, int]]:
    """Return moments, persons, origins and destinations, in the order of time."""
    dice, every = Dice.of(1).at("benchmark"), np.arange(requests)
    peak = np.array(PEAKS_S)[(dice.uniform("which peak", every) * 2).astype(np.int64)]
    spread_s = (dice.uniform("spread", every) - 0.5) * 7200.0
    any_s = 6 * 3600.0 + dice.uniform("any", every) * 16 * 3600.0
    at_s = round_s(np.where(dice.uniform("kind", every) < 0.5, peak + spread_s, any_s))
    origin = (dice.uniform("origin", every) * corners).astype(np.int64)
    further = 1 + (dice.uniform("further", every) * (corners - 1)).astype(np.int64)
    return sorted(zip(at_s.tolist(), every.tolist(), origin.tolist(), ((origin + further) % corners).tolist(),
                      strict=True))  # fmt: skip


def _people(
    world: World, service: OnDemand, wanted: list[tuple[float, int, int, int]], spent: dict[str, float]
) -> Generator[simpy.Event, Any, None]:
    for at_s, person, origin, destination in wanted:
        if at_s > world.env.now:
            yield world.env.timeout(at_s - world.env.now)
        leg = Leg("on_demand", origin, destination, person, person, 0, 0)
        begin_s = time.process_time()
        offer = service.quote(leg)
        spent["search_s"] += time.process_time() - begin_s
        spent["asked"] += 1
        if isinstance(offer, Offer):
            booking = service.book(leg)
            spent["served"] += 1
            world.env.process(service.ride(booking))  # type: ignore[arg-type]


def grid_town(persons: int, side: int = SIDE, block_m: float = BLOCK_M, speed_m_s: float = SPEED_M_S) -> Town:
    """Return a town of square blocks where everybody may ride."""
    xy_m = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * block_m
    begin, end = _grid_edges(side)
    lonlat = np.stack([25.0 + xy_m[:, 0] / 55_660.0, 60.0 + xy_m[:, 1] / 111_320.0], axis=1)
    length_m = np.full(len(begin), block_m)
    streets = Streets(
        node_lonlat=lonlat, node_xy_m=xy_m.astype(np.float64), node_outside=np.zeros(len(xy_m), dtype=np.bool_),
        edge_from=begin.astype(np.int32), edge_to=end.astype(np.int32), edge_length_m=length_m,
        edge_drive_s=length_m / speed_m_s, edge_class=np.full(len(begin), CLASSES.index("local"), dtype=np.uint8),
        edge_origin=np.full(len(begin), ORIGINS.index("inferred"), dtype=np.uint8),
        edge_modes=np.full(len(begin), sum(MODE_BIT.values()), dtype=np.uint8),
        shape_start=np.arange(len(begin) + 1, dtype=np.int32) * 2,
        shape_lonlat=lonlat[np.column_stack([begin, end]).ravel()].astype(np.float32),
    )  # fmt: skip
    area = {"name": "grid", "title": "A grid", "attribution": "drawn", "sources": []}
    return Town(Path("."), area, streets, compute_skims(streets), _people_of(persons), _no_trips, Dice.of(1))


def _grid_edges(side: int) -> tuple[IntArray, IntArray]:
    number = np.arange(side * side).reshape(side, side)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    begin = np.concatenate([one.ravel() for a, b in pairs for one in (a, b)])
    end = np.concatenate([one.ravel() for a, b in pairs for one in (b, a)])
    return begin, end


def _people_of(persons: int) -> People:
    nothing, someone = np.zeros(persons, dtype=np.bool_), np.zeros(persons, dtype=np.int64)
    return People(
        person=np.arange(persons), household=np.arange(persons), population=someone.astype(np.int8),
        age=np.full(persons, 30, dtype=np.int16), home=someone, household_cars=someone.astype(np.int8),
        licence=nothing, main_driver=nothing, bicycle=nothing, season_ticket=nothing,
    )  # fmt: skip


def _no_trips(dice: Dice) -> Trips:
    empty = np.zeros(0, dtype=np.int64)
    clock: FloatArray = np.zeros(0)
    return Trips(empty, empty.astype(np.int16), empty.astype(np.int16), empty.astype(np.int8), empty, empty, clock)


def _place(town: Town, node: int) -> dict[str, float]:
    lon, lat = np.asarray(town.streets.node_lonlat)[node].tolist()
    return {"lon": lon, "lat": lat}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast is a request on demand?")
    parser.add_argument("--vehicles", type=int, default=500)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--policy", default="insertion")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    days = [measure(arguments.vehicles, arguments.requests, arguments.policy) for _ in range(arguments.repeats)]
    asked = days[0]["asked"]
    print(f"{'vehicles':32} {arguments.vehicles}")
    print(f"{'requests':32} {asked:.0f}, of which {days[0]['served']:.0f} served")
    print(f"{'policy':32} {arguments.policy}")
    for name, words in (("day_s", "ms a request, all in all"), ("search_s", "ms a request, search alone")):
        each = [1000.0 * day[name] / asked for day in days]
        print(f"{words:32} {statistics.median(each):.2f} (of {len(each)}: {min(each):.2f} to {max(each):.2f})")
    print(f"{'goal':32} under 2 ms a request, mean")


if __name__ == "__main__":
    main()
