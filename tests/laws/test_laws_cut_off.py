"""People and vans that shut streets cut off, by hand in the hamlet: nobody waits for ever, every metre is a number."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from kera_mobility.results.promise_audit import verdict
from kera_mobility.simulation.run import Run, live
from tests.kit.hamlet import (
    HOME,
    METRES_PER_DEGREE,
    MILL,
    SCHOOL,
    STATION,
    X_M,
    at,
    hamlet_town,
    rows,
    scenario,
    seconds,
    trip,
)


def shut(a: int, b: int, start: str, end: str, *modes: str) -> dict[str, Any]:
    middle = 25.0 + (X_M[a] + X_M[b]) / 2.0 / METRES_PER_DEGREE
    box = [(middle - 1e-4, 59.9), (middle + 1e-4, 59.9), (middle + 1e-4, 60.1), (middle - 1e-4, 60.1)]
    return {"kind": "street_closed", "polygon": box, "modes": list(modes), "start_s": seconds(start),
            "end_s": seconds(end)}  # fmt: skip


def day(tmp_path: Path, trips: list[Any], *disturbances: dict[str, Any], **changes: Any) -> Run:
    ways = {"walk": {}, "on_demand": {"vehicles": 1, **changes}}
    told = scenario(ways, ("on_demand", "walk"), disturbances=list(disturbances))
    return live(told, hamlet_town(tmp_path, trips=trips, trains=()))


def test_who_sits_in_a_van_that_no_street_leads_on_for_is_set_down_and_walks(tmp_path: Path) -> None:
    """From the mill at 8:00; 5 s to board. The street behind the station is shut for cars at 8:00:01."""
    trips = [trip(1, MILL, SCHOOL, "8:00"), trip(2, SCHOOL, STATION, "8:30"), trip(3, MILL, STATION, "9:30")]
    log = day(tmp_path, trips, shut(STATION, SCHOOL, "8:00:01", "9:00", "drive"))
    down, walk = rows(log, "legs", person=1)
    # The van stands at the mill until 8:00:05, and learns there that it cannot reach the school.
    assert (down["destination"], down["ride_s"], down["fare_eur"]) == (MILL, 5.0, 0.0)
    assert (walk["service"], walk["walk_s"], walk["walk_m"]) == ("walk", 1000.0, 1200.0)
    # Nobody is promised what no street leads to; when it is open the van drives again.
    assert [leg["service"] for leg in rows(log, "legs", person=2)] == ["walk"]
    assert [leg["service"] for leg in rows(log, "legs", person=3)] == ["on_demand"]
    assert [(row["end"], row["cause"]) for row in rows(log, "promises")] == [("expired", "streets"), ("ridden", "")]
    assert verdict(log.record, "on_demand").breaches == ()


def test_who_waits_for_a_van_that_cannot_come_learns_it_at_once(tmp_path: Path) -> None:
    """The van leaves its depot at the school at 8:00 at the latest moment; at 8:10 the way to the home is shut."""
    shift = [{"start_s": seconds("8:15"), "end_s": seconds("12:00")}]
    log = day(tmp_path, [trip(1, HOME, MILL, "8:05")], shut(STATION, SCHOOL, "8:10", "9:00", "drive"),
              depots=[at(SCHOOL)], shifts=shift, max_wait_s=1200.0)  # fmt: skip
    waited, walk = rows(log, "legs", person=1)
    assert (waited["service"], waited["ride_s"]) == ("on_demand", 0.0)
    assert walk["service"] == "walk"
    (promise,) = rows(log, "promises")
    assert (promise["end"], promise["cause"]) == ("expired", "streets")
    assert [row["outcome"] for row in rows(log, "trips")] == ["arrived"]


def test_a_walk_that_was_begun_is_as_long_as_it_was_then(tmp_path: Path) -> None:
    """600 m from 8:00; the street is shut on foot at 8:01, when whoever is on it walks on to the next corner."""
    log = live(
        scenario({"walk": {}}, disturbances=[shut(HOME, MILL, "8:01", "9:00", "walk")]),
        hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, "8:00")], trains=()),
    )
    (walk,) = rows(log, "legs")
    assert (walk["walk_s"], walk["walk_m"]) == (500.0, 600.0)


def test_who_leaves_a_van_where_the_way_on_is_shut_on_foot_is_not_lost(tmp_path: Path) -> None:
    """Stops keep 700 m apart, so from the mill one walks to a stop; all streets of the mill are shut on foot."""
    log = day(tmp_path, [trip(1, HOME, SCHOOL, "8:00")], shut(STATION, SCHOOL, "8:00:30", "9:00", "walk"),
              stop_spacing_m=700.0, max_walk_m=700.0)  # fmt: skip
    assert all(math.isfinite(leg[name]) for leg in rows(log, "legs") for name in ("walk_s", "walk_m", "ride_m"))
    assert {row["outcome"] for row in rows(log, "trips")} <= {"arrived", "unserved"}


def test_a_van_that_does_not_drive_in_snow_refuses_until_it_is_over(tmp_path: Path) -> None:
    snow = {"kind": "heavy_snow", "start_s": seconds("8:00"), "end_s": seconds("9:00")}
    trips = [trip(1, MILL, STATION, "8:30"), trip(2, MILL, STATION, "9:30")]
    for drives, first in ((False, "walk"), (True, "on_demand")):
        log = day(tmp_path, trips, snow, drives_in_snow=drives)
        assert [leg["service"] for leg in rows(log, "legs")] == [first, "on_demand"]
