"""Memory of a process that simulates day after day, as a worker of a batch does."""

from __future__ import annotations

import gc
from pathlib import Path

from kera_mobility.simulation.run import live
from tests.kit.hamlet import CITY, HOME, MILL, SCHOOL, hamlet_town, scenario, trip

DAYS, WARM_DAYS = 20, 5
"""Caches are full after the warm days."""
ROOM = 100
"""Objects that may come and go with the process itself."""


def test_a_simulated_day_leaves_no_garbage_behind(tmp_path: Path) -> None:
    trips = [trip(number, HOME, (MILL, SCHOOL, CITY)[number % 3], 25_200.0 + 60.0 * number) for number in range(60)]
    town = hamlet_town(tmp_path, trips=trips)
    ways = {"walk": {}, "rail": {}, "scooter": {}, "shuttle": {}}
    objects = []
    for seed in range(DAYS):
        live(scenario(ways, prefer=("shuttle", "scooter")), town, seed)
        objects.append(len(gc.get_objects()))
    grown = [count - objects[WARM_DAYS - 1] for count in objects[WARM_DAYS:]]
    assert max(grown) < ROOM, objects
