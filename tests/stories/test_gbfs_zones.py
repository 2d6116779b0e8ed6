"""An operator's `geofencing_zones.json` is read as it is: rules, overlaps, days, types of vehicle."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.errors import DataError
from kera_mobility.services.scooter.gbfs_zones import read_riding_zones
from kera_mobility.services.scooter.geofences import RidingZone
from kera_mobility.simulation.run import live
from tests.kit.hamlet import (
    HOME,
    LATITUDE,
    METRES_PER_DEGREE,
    MILL,
    SCHOOL,
    STATION,
    X_M,
    hamlet_streets,
    hamlet_town,
    person,
    rows,
    scenario,
    trip,
)

DAY = date(2025, 9, 17)


def box(west_m: float, east_m: float, **properties: Any) -> dict[str, Any]:
    """Return a polygon that covers the street from some metres east of home to some others."""
    west, east = (25.0 + x_m / METRES_PER_DEGREE for x_m in (west_m, east_m))
    south, north = LATITUDE - 0.001, LATITUDE + 0.001
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]}}


def v2(ride: bool = True, through: bool = True, **more: Any) -> dict[str, Any]:
    return {"ride_allowed": ride, "ride_through_allowed": through, **more}


def v3(start: bool = True, end: bool = True, through: bool = True, **more: Any) -> dict[str, Any]:
    return {"ride_start_allowed": start, "ride_end_allowed": end, "ride_through_allowed": through, **more}


def write(folder: Path, version: str, *features: dict[str, Any], **data: Any) -> str:
    zones = {"type": "FeatureCollection", "features": list(features)}
    content = {"last_updated": 1_700_000_000, "ttl": 0, "version": version, "data": {"geofencing_zones": zones, **data}}
    path = folder / "geofencing_zones.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def read(
    folder: Path, version: str, *features: dict[str, Any], vehicle_type: str = "", **data: Any
) -> list[RidingZone]:
    return read_riding_zones(folder, write(folder, version, *features, **data), hamlet_streets(), vehicle_type, DAY)


def rules(zones: list[RidingZone]) -> list[tuple[str, float | None]]:
    return [(zone.about.rule, zone.about.speed_km_h) for zone in zones]


def held(zone: RidingZone, *x_m: float) -> list[bool]:
    return zone.holds(np.array([[25.0 + x / METRES_PER_DEGREE, LATITUDE] for x in x_m])).tolist()


@pytest.mark.parametrize(
    ("version", "rule", "expected"),
    [
        ("2.3", v2(), []),
        ("2.3", v2(ride=False, through=False), [("no_ride", None)]),
        ("2.3", v2(ride=False), [("no_park", None)]),
        ("2.3", v2(maximum_speed_kph=10), [("slow", 10.0)]),
        ("2.3", v2(ride=False, maximum_speed_kph=6), [("no_park", None), ("slow", 6.0)]),
        ("2.3", v2(station_parking=True), [("mandatory_parking", None)]),
        ("2.3", v2(maximum_speed_kph=0), [("no_ride", None)]),
        ("2.3", v2(maximum_speed_kph=40), []),
        ("3.0", v3(), []),
        ("3.0", v3(through=False), [("no_ride", None)]),
        ("3.0", v3(end=False), [("no_park", None)]),
        ("3.0", v3(start=False, end=False), [("no_park", None)]),
        ("3.1-RC2", v3(station_parking=True, maximum_speed_kph=20), [("mandatory_parking", None), ("slow", 20.0)]),
    ],
)
def test_each_rule_becomes_the_zones_that_do_what_it_says(
    tmp_path: Path, version: str, rule: dict[str, Any], expected: list[tuple[str, float | None]]
) -> None:
    assert rules(read(tmp_path, version, box(-100, 700, rules=[rule]))) == expected


def test_names_of_both_versions_are_kept(tmp_path: Path) -> None:
    (old,) = read(tmp_path, "2.3", box(-100, 700, name="Mill", rules=[v2(ride=False)]))
    name = [{"text": "Mylly", "language": "fi"}]
    (new,) = read(tmp_path, "3.0", box(-100, 700, name=name, rules=[v3(end=False)]))
    assert (old.about.name, new.about.name) == ("Mill", "Mylly")


def test_where_polygons_overlap_the_earlier_one_holds_and_of_its_rules_the_earlier(tmp_path: Path) -> None:
    first = box(-100, 700, rules=[v2(maximum_speed_kph=10), v2(through=False)])
    second = box(-100, 1900, rules=[v2(ride=False, through=False)])
    slow, closed = read(tmp_path, "2.3", first, second)
    assert rules([slow, closed]) == [("slow", 10.0), ("no_ride", None)]
    assert held(slow, 0, 300, 900) == [True, True, False]
    assert held(closed, 0, 300, 900) == [False, False, True]


def test_a_polygon_without_rules_decides_nothing(tmp_path: Path) -> None:
    (closed,) = read(tmp_path, "2.3", box(-100, 700), box(-100, 700, rules=[v2(through=False)]))
    assert held(closed, 0, 300) == [True, True]


def test_global_rules_hold_wherever_no_polygon_does(tmp_path: Path) -> None:
    allowed = box(-100, 700, rules=[v3()])
    (closed,) = read(tmp_path, "3.0", allowed, global_rules=[v3(end=False)])
    assert rules([closed]) == [("no_park", None)]
    assert held(closed, 0, 600, 1200, 1800) == [False, False, True, True]


def test_rules_are_taken_for_the_type_of_vehicle_that_is_meant(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed, no_end = v3(through=False, vehicle_type_ids=["moped"]), v3(end=False, vehicle_type_ids=["step"])
    two = box(-100, 700, rules=[closed, no_end])
    assert rules(read(tmp_path, "3.0", two, vehicle_type="step")) == [("no_park", None)]
    assert rules(read(tmp_path, "3.0", two, vehicle_type="moped")) == [("no_ride", None)]
    assert rules(read(tmp_path, "3.0", two, vehicle_type="bicycle")) == []
    assert not caplog.messages
    assert rules(read(tmp_path, "3.0", two)) == [("no_ride", None)]
    assert "not honoured: types of vehicle, since `vehicle_type` names none (1)" in caplog.messages[0]
    old = box(-100, 700, rules=[v2(through=False, vehicle_type_id=["moped"])])
    assert rules(read(tmp_path, "2.3", old, vehicle_type="step")) == []


@pytest.mark.parametrize(
    ("version", "start", "end", "holds"),
    [
        ("2.3", 1_757_000_000, 1_759_000_000, True),  # 4 to 27 September 2025
        ("2.3", 1_759_000_000, None, False),
        ("2.3", None, 1_757_000_000, False),
        ("3.0", "2025-09-17T12:00:00Z", None, True),
        ("3.0", "2025-09-18T00:00:00+03:00", None, False),
        ("3.0", None, "2025-09-16T23:00:00+03:00", False),
    ],
)
def test_a_zone_holds_from_the_day_of_its_start_to_the_day_of_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str, start: Any, end: Any, holds: bool
) -> None:
    rule = v2(through=False) if version == "2.3" else v3(through=False)
    zones = read(tmp_path, version, box(-100, 700, start=start, end=end, rules=[rule]))
    assert bool(zones) == holds
    assert "clock times of `start` and `end`" in caplog.messages[0]


def test_that_rides_may_not_start_is_said_not_to_be_honoured(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path, "3.0", box(-100, 700, rules=[v3(start=False)])) == []
    assert "not honoured: where a ride may not start (1)" in caplog.messages[0]


def test_zones_off_the_map_are_left_out_and_said_and_a_file_of_elsewhere_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    far = box(900_000, 900_700, rules=[v2(through=False)])
    assert len(read(tmp_path, "2.3", box(-100, 700, rules=[v2(through=False)]), far)) == 1
    assert "1 of 2 zones cover a street of the map" in caplog.messages[0]
    with pytest.raises(DataError, match="none of its 1 zones covers a street of the map"):
        read(tmp_path, "2.3", far)


@pytest.mark.parametrize(
    ("version", "feature", "told"),
    [
        ("1.1", box(0, 1, rules=[v2()]), r"version: got '1\.1', expected GBFS 2\.1 to 3"),
        ("2.3", box(0, 1, rules={"a": 1}), r"features\.0: expected a list of rules"),
        (
            "2.3",
            box(0, 1, name="Mill", rules=[{"ride_allowed": True}]),
            r"\('Mill'\)\.prop.*ride_through_allowed",
        ),
        ("2.3", box(0, 1, rules=[v2(maximum_speed_kph=-1)]), "maximum_speed_kph: got -1, expected greater"),
        ("2.3", box(0, 1, rules=[v2(maximum_speed_kph="fast")]), "maximum_speed_kph: got 'fast'"),
        ("2.3", box(0, 1, rules=[v2(maximum_speed_kph=0.5)]), "maximum_speed_kph: got 0.5, expected 0 or at least 1"),
        ("3.0", box(0, 1, start="soon", rules=[v3()]), "got the time 'soon', expected seconds since 1970 or"),
        ("2.3", box(0, 1, start=1e300, rules=[v2()]), "got the time 1e"),
        ("2.3", {"type": "Feature"}, "got the geometry 'None'"),
    ],
)
def test_a_broken_file_is_told_with_the_feature(
    tmp_path: Path, version: str, feature: dict[str, Any], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, version, feature)


def test_rides_obey_an_operators_file(tmp_path: Path) -> None:
    path = write(tmp_path, "3.0", box(X_M[SCHOOL] - 100, X_M[SCHOOL] + 100, rules=[v3(end=False)]))
    ways = scenario({"walk": {}, "scooter": {"fleet": 1, "zones": [path]}}, ("scooter", "walk"))
    town = hamlet_town(tmp_path, [person(1)], [trip(1, HOME, SCHOOL, "8:00")], trains=())
    carried = {"scooter": {"node": np.array([HOME]), "charge": np.ones(1)}}
    log = live(ways, town, carried=carried)
    assert [row["destination"] for row in rows(log, "moves", cause="ride")] == [STATION]
    assert MILL != STATION
