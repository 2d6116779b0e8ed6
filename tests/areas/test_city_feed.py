"""The feed of a whole city in a district: calls are cut to the box and the places beyond, and the work stays linear."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.town.timetable.gtfs import timetable_of_feed
from kera_mobility.town.timetable.timetable import Timetable
from tests.kit.feeds import THREE_STOPS, write

REAL = Path(__file__).parents[3] / "shared" / "data" / "districts" / "porto_alegre" / "poa_eptc.zip"
BOX = (24.745, 60.0, 24.765, 60.4)
BEYOND = ((24.703, 60.2), (24.80, 60.2))
STOPS = 40
"""Of each trip, 200 m apart from 24.70 E on; some 6 in the box, 8 at the first place beyond, 4 at the second."""
STEP = 0.0036


def city(folder: Path, trips: int) -> Path:
    """Write a feed of trips every minute through a city; every second one has stops of its own."""
    stops, times = "stop_id,stop_name,stop_lat,stop_lon\n", []
    for line in range(trips // 2 + 1):
        stops += "".join(f"{line}_{k},S{k},60.2,{24.70 + STEP * k:.4f}\n" for k in range(STOPS))
    for n in range(trips):
        clocks = [f"{(300 + n + k) // 60:02d}:{(300 + n + k) % 60:02d}:00" for k in range(STOPS)]
        times += [f"t{n},{clock},{clock},{n // 2}_{k},{k}" for k, clock in enumerate(clocks)]
    return write(folder, {
        **THREE_STOPS, "stops": stops,
        "trips": "route_id,service_id,trip_id\n" + "".join(f"r,wk,t{n}\n" for n in range(trips)),
        "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + "\n".join(times) + "\n",
    })  # fmt: skip


def compiled(feed: Path) -> tuple[Timetable, int]:
    """Return the timetable of a feed, and how many calls of functions it took to compile it."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        timetable = timetable_of_feed(feed, bbox=BOX, outside=BEYOND)
    finally:
        sys.setprofile(before)
    return timetable, calls


def test_work_grows_with_the_feed_and_only_calls_in_the_district_are_kept(tmp_path: Path) -> None:
    compiled(city(tmp_path / "warm", 2))
    (one, few), (_, more), (_, most) = (compiled(city(tmp_path / f"{n}", n)) for n in (100, 200, 400))
    by_trip = (more - few) / 100
    assert by_trip < 10 * STOPS
    assert (most - more) / 200 < 1.3 * by_trip  # twice as many trips and stops: not four times the work
    lon = 24.70 + STEP * np.arange(STOPS)
    inside = np.count_nonzero((BOX[0] <= lon) & (lon <= BOX[2]))
    beyond = sum(int(np.count_nonzero(np.abs(lon - place) * 55_340.0 <= 800.0)) for place, _ in BEYOND)
    assert len(one.call_stop) == 100 * (inside + beyond)
    assert one.stops == 50 * (inside + beyond)


@pytest.mark.skipif(not REAL.exists(), reason="needs the shared data")
def test_the_feed_of_a_real_city_is_compiled_in_seconds() -> None:
    begun_s = time.process_time()
    timetable = timetable_of_feed(REAL, bbox=(-51.24, -30.03, -51.19, -29.99))
    assert time.process_time() - begun_s < 10.0
    lon, lat = np.asarray(timetable.stop_lonlat).T
    assert timetable.stops == 281
    assert (lon.min() >= -51.24, lon.max() <= -51.19, lat.min() >= -30.03, lat.max() <= -29.99) == (True,) * 4
