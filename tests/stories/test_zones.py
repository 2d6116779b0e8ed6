"""Zones for shared vehicles: way, speed and end of a ride obey them, when they hold. By hand in the hamlet."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.demand.choice_model import ChoiceModel
from kera_mobility.errors import ConfigError, NetworkError
from kera_mobility.services.contract import Offer, Requests
from kera_mobility.services.scooter.gbfs_zones import read_riding_zones
from kera_mobility.services.scooter.service import Scooter
from kera_mobility.simulation.run import Run, live, open_services
from kera_mobility.town.streets.skims import best_ways, compute_skims, ways_of
from kera_mobility.town.streets.streets import MODE_BIT, Streets
from kera_mobility.town.town import Town
from tests.kit.hamlet import (
    HOME,
    LATITUDE,
    METRES_PER_DEGREE,
    MILL,
    PLACES,
    SCHOOL,
    STATION,
    X_M,
    TripRow,
    at,
    hamlet_streets,
    hamlet_town,
    leg,
    live_services,
    person,
    rows,
    scenario,
    seconds,
    trip,
)

NORTH = 0.01
"""Degrees north of the street where the way round the mill bends."""
STREETS = {"home to mill": 300.0, "mill to station": 900.0, "station to school": 1500.0}
"""Middle of each street, m east of home."""


def square(x_m: float, **about: Any) -> dict[str, Any]:
    """Return a zone 200 m wide around a point on the street."""
    west, east = (25.0 + (x_m + side) / METRES_PER_DEGREE for side in (-100.0, 100.0))
    south, north = LATITUDE - 0.001, LATITUDE + 0.001
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": about, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def write(tmp_path: Path, *zones: dict[str, Any]) -> None:
    (tmp_path / "zones").mkdir(exist_ok=True)
    (tmp_path / "zones" / "rules.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": zones}))


def with_a_way_round(streets: Streets) -> Streets:
    """Return the hamlet with a street of 1,500 m from home to the station that goes round the mill."""
    bend = [[25.0 + 600.0 / METRES_PER_DEGREE, LATITUDE + NORTH]]
    lonlat = np.asarray(streets.node_lonlat)
    shapes = [np.vstack([lonlat[[a]], bend, lonlat[[b]]]) for a, b in ((HOME, STATION), (STATION, HOME))]
    both = {
        "edge_from": [HOME, STATION], "edge_to": [STATION, HOME], "edge_length_m": [1500.0] * 2,
        "edge_drive_s": [150.0] * 2, "edge_class": [2] * 2, "edge_origin": [1] * 2,
        "edge_modes": [MODE_BIT["cycle"]] * 2,
    }  # fmt: skip
    arrays = {
        name: np.concatenate([getattr(streets, name), np.array(more, dtype=getattr(streets, name).dtype)])
        for name, more in both.items()
    }
    start = np.asarray(streets.shape_start)
    return replace(
        streets, **arrays, shape_start=np.append(start, start[-1] + np.array([3, 6])).astype(np.int32),
        shape_lonlat=np.vstack([streets.shape_lonlat, *shapes]).astype(np.float32),
    )  # fmt: skip


def town_of(tmp_path: Path, *trips: TripRow) -> Town:
    streets = with_a_way_round(hamlet_streets())
    town = hamlet_town(tmp_path, [person(1)], trips, trains=())
    return replace(town, streets=streets, skims=compute_skims(streets))


def day(tmp_path: Path, *trips: TripRow, stands: int = HOME, **about: Any) -> Run:
    settings = {"fleet": 1, "zones": ["rules"], **about}
    carried = {"scooter": {"node": np.array([stands]), "charge": np.ones(1)}}
    ways = scenario({"walk": {}, "scooter": settings}, ("scooter", "walk"))
    return live(ways, town_of(tmp_path, *trips), carried=carried)


def ridden(log: Run) -> list[tuple[int, float, float]]:
    """Return where each ride ended, its metres, and its seconds without unlocking and locking."""
    return [
        (row["destination"], row["distance_m"], row["end_s"] - row["t_s"] - 30.0)
        for row in rows(log, "moves", cause="ride")
    ]


def test_without_zones_the_way_is_the_shortest(tmp_path: Path) -> None:
    assert ridden(day(tmp_path, trip(1, HOME, STATION, "8:00"), zones=[])) == [(STATION, 1200.0, 300.0)]


def test_nobody_rides_where_nobody_may(tmp_path: Path) -> None:
    write(tmp_path, square(STREETS["home to mill"], rule="no_ride"))
    # 1,500 m round the mill at 4 m/s.
    assert ridden(day(tmp_path, trip(1, HOME, STATION, "8:00"))) == [(STATION, 1500.0, 375.0)]


def test_where_no_way_is_left_there_is_no_ride(tmp_path: Path) -> None:
    write(tmp_path, square(STREETS["station to school"], rule="no_ride"))
    log = day(tmp_path, trip(1, HOME, SCHOOL, "8:00"))
    assert (ridden(log), [row["service"] for row in rows(log, "legs")]) == ([], ["walk"])


@pytest.mark.parametrize(
    ("km_h", "metres", "ride_s"),
    [
        (10.8, 1200.0, 200.0 + 150.0),  # 3 m/s for 600 m, still faster than 375 s round the mill
        (7.2, 1500.0, 375.0),  # 2 m/s would take 450 s
        (25.0, 1200.0, 300.0),  # nobody rides that fast
    ],
)
def test_a_slow_zone_slows_the_ride_or_makes_a_detour_of_it(
    tmp_path: Path, km_h: float, metres: float, ride_s: float
) -> None:
    write(tmp_path, square(STREETS["home to mill"], rule="slow", speed_km_h=km_h))
    log = day(tmp_path, trip(1, HOME, STATION, "8:00"))
    assert ridden(log) == [pytest.approx((STATION, metres, ride_s), abs=1 / 64)]
    # The battery pays for metres, the rider for minutes.
    assert rows(log, "moves")[0]["charge"] == pytest.approx(1.0 - metres / 1000.0 * 18.0 / 550.0)
    assert rows(log, "legs")[0]["fare_eur"] == pytest.approx(1.0 + 0.25 * np.ceil(ride_s / 60.0))


@pytest.mark.parametrize("rule", ["no_park", "no_ride"])
def test_where_nobody_may_park_the_ride_ends_at_the_nearest_place_and_one_walks_on(tmp_path: Path, rule: str) -> None:
    write(tmp_path, square(X_M[SCHOOL], rule=rule))
    log = day(tmp_path, trip(1, HOME, SCHOOL, "8:00"))
    assert ridden(log) == [(STATION, 1200.0, 300.0)]
    legs = rows(log, "legs")
    assert [(row["walk_s"], row["destination"]) for row in legs] == [(500.0, SCHOOL)]
    # Nowhere within reach on foot: no ride at all.
    assert ridden(day(tmp_path, trip(1, HOME, SCHOOL, "8:00"), max_walk_m=500.0)) == []


def test_a_zone_can_ask_for_a_hub(tmp_path: Path) -> None:
    write(tmp_path, square(X_M[SCHOOL], rule="mandatory_parking"))
    hubs = [at(STATION, capacity=1)]
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(1, STATION, HOME, "10:00"), trip(1, HOME, STATION, "11:00")
    log = day(tmp_path, *trips, hubs=hubs)
    assert [place for place, *_ in ridden(log)] == [STATION, HOME, STATION]


def test_who_must_park_at_a_full_hub_finds_no_room(tmp_path: Path) -> None:
    write(tmp_path, square(X_M[SCHOOL], rule="mandatory_parking"))
    town = town_of(tmp_path, trip(1, HOME, SCHOOL, "8:00"))
    settings = {"fleet": 2, "zones": ["rules"], "hubs": [at(STATION, capacity=1)]}
    carried = {"scooter": {"node": np.array([HOME, STATION]), "charge": np.ones(2)}}
    log = live(scenario({"walk": {}, "scooter": settings}, ("scooter", "walk")), town, carried=carried)
    assert ridden(log) == []
    assert not rows(log, "refusals"), "nobody expected a scooter 1,200 m from the hub"


@pytest.mark.parametrize(
    ("clock", "when", "date", "holds"),
    [
        ("6:59", {"hours": ["07:00", "09:00"]}, "2025-09-17", False),
        ("7:00", {"hours": ["07:00", "09:00"]}, "2025-09-17", True),
        ("9:00", {"hours": ["07:00", "09:00"]}, "2025-09-17", False),
        ("23:00", {"hours": ["22:00", "05:00"]}, "2025-09-17", True),
        ("4:00", {"hours": ["22:00", "05:00"]}, "2025-09-17", True),
        ("5:00", {"hours": ["22:00", "05:00"]}, "2025-09-17", False),
        ("26:00", {"hours": ["22:00", "05:00"], "days": ["wed"]}, "2025-09-17", True),
        ("2:00", {"hours": ["22:00", "05:00"], "days": ["wed"]}, "2025-09-17", False),
        ("8:00", {"days": ["sat", "sun"]}, "2025-09-17", False),
        ("8:00", {"days": ["sat", "sun"]}, "2025-09-20", True),
        ("8:00", {"season": ["04-01", "10-31"]}, "2025-10-31", True),
        ("8:00", {"season": ["04-01", "10-31"]}, "2025-11-01", False),
        ("8:00", {"season": ["11-01", "03-31"]}, "2025-01-15", True),
    ],
)
def test_a_zone_holds_at_its_hours_days_and_season(
    tmp_path: Path, clock: str, when: dict[str, Any], date: str, holds: bool
) -> None:
    write(tmp_path, square(STREETS["home to mill"], rule="no_ride", **when))
    metres = 1500.0 if holds else 1200.0
    assert [one for _, one, _ in ridden(day(tmp_path, trip(1, HOME, STATION, clock), date=date))] == [metres]


def test_two_zones_hold_together_and_each_alone(tmp_path: Path) -> None:
    # Slow on the way round from 8, no riding past the mill from 9: 375 s, then 1,500 m at 2 m/s.
    bend = square(600.0, rule="slow", speed_km_h=7.2, hours=["08:00", "12:00"])
    bend["geometry"]["coordinates"][0] = [[lon, lat + NORTH] for lon, lat in bend["geometry"]["coordinates"][0]]
    write(tmp_path, bend, square(STREETS["home to mill"], rule="no_ride", hours=["07:00", "12:00"]))
    found = [ridden(day(tmp_path, trip(1, HOME, STATION, clock)))[0][1:] for clock in ("6:30", "7:30", "8:30")]
    assert found == [(1200.0, 300.0), (1500.0, 375.0), (1500.0, 750.0)]


RULES = (
    {"rule": "no_ride"}, {"rule": "slow", "speed_km_h": 6.0}, {"rule": "no_park"}, {"rule": "mandatory_parking"},
)  # fmt: skip


@pytest.mark.parametrize("parking", ["anywhere", "mixed", "hubs"])
@pytest.mark.parametrize("where", [*STREETS.values(), *X_M[:4]])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_no_live_offer_under_a_zone_is_better_than_the_bound(
    tmp_path: Path, rule: dict[str, Any], where: float, parking: str
) -> None:
    write(tmp_path, square(where, **rule))
    town = town_of(tmp_path)
    hubs = [at(MILL, capacity=4), at(SCHOOL, capacity=4)]
    told = scenario({"one": {"kind": "scooter", "fleet": 6, "hubs": hubs, "zones": ["rules"], "parking": parking,
                             "max_walk_m": 600.0, "registered": [{"from_age": 0, "share": 1.0}]}})  # fmt: skip
    world, services = live_services(told, town)
    service, choice, offered = services["one"], ChoiceModel(told.choice), 0
    pairs = [(a, b) for a, b in product(PLACES, PLACES) if a != b]
    origin, destination = (np.array(one) for one in zip(*pairs, strict=True))
    nobody = np.zeros(len(pairs), dtype=np.int64)
    bound = service.bound(Requests(nobody, origin, destination, np.full(len(pairs), world.env.now)))
    best = choice.leg_utility(nobody, "bicycle", bound)
    for index, pair in enumerate(pairs):
        offer = service.quote(leg(town, "one", 1, *pair))
        if isinstance(offer, Offer):
            assert bound.possible[index]
            assert best[index] >= choice.utility_of_offer(0, "bicycle", offer)
            offered += 1
    # Between the two hubs there is one street.
    assert offered or (parking == "hubs" and rule["rule"] == "no_ride")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_what_is_expected_at_a_hub_is_what_is_found_there(tmp_path: Path, rule: dict[str, Any]) -> None:
    write(tmp_path, square(STREETS["mill to station"] if "ride" in rule["rule"] else X_M[SCHOOL], **rule))
    town = town_of(tmp_path)
    world, services = live_services(scenario({"scooter": {"zones": ["rules"]}}), town)
    service = services["scooter"]
    for there in (HOME, STATION, SCHOOL):
        asked = Requests(np.array([0]), np.array([MILL]), np.array([there]), np.array([world.env.now]))
        expected, offer = service.expect(asked), service.quote(leg(town, "scooter", 1, MILL, there))
        if isinstance(offer, Offer):
            assert offer == tuple(float(column[0]) for column in expected.columns)
        else:
            assert not expected.possible[0]


def test_zones_that_are_not_named_cost_nothing(tmp_path: Path) -> None:
    write(tmp_path, square(STREETS["home to mill"], rule="no_ride"))
    town = town_of(tmp_path)
    service = open_services(scenario({"scooter": {}}), town)["scooter"]
    assert isinstance(service, Scooter)
    assert not service._parking.has_zones
    assert service._parking.rules_at(seconds("8:00")) is service._parking.rules_without_zones
    assert not town._made, "no ways were computed"


def test_ways_under_zones_are_computed_once_for_a_town(tmp_path: Path) -> None:
    write(tmp_path, square(STREETS["home to mill"], rule="no_ride", hours=["07:00", "09:00"]))
    town, told = town_of(tmp_path), scenario({"scooter": {"zones": ["rules"]}})
    for _ in range(2):
        service = open_services(told, town)["scooter"]
        assert isinstance(service, Scooter)
        ground = service._parking.rules_at(seconds("8:00"))
    assert len(town._made) == 1
    assert ground.equivalent_m is not None
    made, _ = next(iter(town._made.values()))
    assert made[0] is ground.equivalent_m


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"rule": "no_swim"}, "rule"),
        ({"rule": "slow"}, "speed_km_h"),
        ({"rule": "no_ride", "speed_km_h": 6.0}, "speed_km_h"),
        ({"rule": "no_ride", "hours": ["07:00", "25:00"]}, "until_s"),
        ({"rule": "no_ride", "season": ["02-30", "10-31"]}, "MM-DD"),
        ({"rule": "no_ride", "hours": ["7", "9:00"]}, "got '7', expected a time such as 07:30"),
        ({"rule": "no_ride", "colour": "red"}, "colour"),
        ({}, "rule"),
    ],
)
def test_a_broken_zone_says_what_is_wrong(tmp_path: Path, about: dict[str, Any], told: str) -> None:
    write(tmp_path, square(0.0, **about))
    with pytest.raises(NetworkError, match=told):
        read_riding_zones(tmp_path, "rules")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{\n not json", r"rules\.geojson:2: no JSON"),
        ("[]", "expected a GeoJSON collection of features"),
        ('{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"rule": "no_ride"}}]}',
         r"features\.0: got the geometry 'Point', expected Polygon"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_zones_says_so_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path)
    (tmp_path / "zones" / "rules.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(NetworkError, match=told):
        read_riding_zones(tmp_path, "rules")


def test_a_file_of_zones_that_is_not_there_is_a_fault_of_the_scenario(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(ConfigError, match=r"services.scooter.zones.0.*did you mean 'rules'"):
        open_services(scenario({"scooter": {"zones": ["rule"]}}), town_of(tmp_path))


def test_the_zones_of_kera_are_marked_as_assumptions_and_cut_nothing_off() -> None:
    from kera_mobility.simulation.run import town_of as whole_town_of
    from kera_mobility.simulation.scenario import load_scenario

    told = load_scenario("configs/trials/scooters.yaml", ["services.scooter.zones=[riding]"])
    town = whole_town_of(told)
    zones = read_riding_zones(town.folder, "riding")
    assert {zone.about.rule for zone in zones} == {"no_ride", "no_park", "slow", "mandatory_parking"}
    assert all("assumption" in zone.about.basis.lower() for zone in zones)
    service = open_services(told, town)["scooter"]
    assert isinstance(service, Scooter)
    parking = service._parking
    for clock in ("8:00", "23:00"):
        ground = parking.rules_at(seconds(clock))
        assert ground.equivalent_m is not None
        reached = np.isfinite(ground.equivalent_m[parking.hub_nodes[0]]) & parking.inside
        rideable = np.isfinite(town.skims.cycle_m[parking.hub_nodes[0]]) & parking.inside
        assert reached.sum() > 0.98 * rideable.sum(), f"at {clock} a zone cuts off a part of the map"
        assert np.all(ground.equivalent_m[parking.hub_nodes[0]] >= town.skims.cycle_m[parking.hub_nodes[0]] - 0.125)


def test_ways_under_zones_are_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERA_CACHE", str(tmp_path / "cache"))
    streets = hamlet_streets()
    length_m = np.asarray(streets.edge_length_m, dtype=np.float64)
    shut_m = np.where(np.arange(len(length_m)) < 2, np.inf, length_m)
    for weight in (length_m, shut_m):
        for found in (ways_of(streets, "cycle", weight), ways_of(streets, "cycle", weight)):
            for kept, computed in zip(found, best_ways(streets, "cycle", weight), strict=True):
                np.testing.assert_array_equal(kept, computed)
    assert len(list((tmp_path / "cache" / "skims").iterdir())) == 2
    assert not np.array_equal(ways_of(streets, "cycle", length_m)[0], ways_of(streets, "cycle", shut_m)[0])


def test_a_zone_drawn_in_the_scenario_is_the_zone_of_a_file(tmp_path: Path) -> None:
    school = square(X_M[SCHOOL], rule="no_park", name="School")
    write(tmp_path, school)
    drawn = {"rule": "no_park", "name": "School", "polygon": school["geometry"]["coordinates"][0][:-1]}
    of_file, of_scenario = (day(tmp_path, trip(1, HOME, SCHOOL, "8:00"), zones=[zone]) for zone in ("rules", drawn))
    assert ridden(of_scenario) == ridden(of_file) == [(STATION, 1200.0, 300.0)]
    assert of_scenario.fingerprint == of_file.fingerprint


@pytest.mark.parametrize(
    ("polygon", "problem"),
    [
        ([[26.0, 60.0], [26.1, 60.0], [26.1, 60.1]], "covers no street"),
        ([[25.0, 60.0], [25.01, 60.0], [25.02, 60.0]], "has no area"),
    ],
)
def test_a_drawn_zone_that_covers_nothing_is_a_fault_with_its_key(
    tmp_path: Path, polygon: list[list[float]], problem: str
) -> None:
    with pytest.raises(ConfigError, match=f"services.scooter.zones.0: .*{problem}"):
        day(tmp_path, zones=[{"rule": "no_park", "polygon": polygon}])


def test_a_run_warns_of_settings_that_work_against_each_other(tmp_path: Path) -> None:
    write(tmp_path, square(X_M[MILL], rule="no_park", name="The mill"))
    town = town_of(tmp_path, trip(1, HOME, MILL, "8:00"))

    def warnings(**about: Any) -> list[str]:
        run = live(scenario({"walk": {}, "scooter": {"permit": {"fleet": 3}, **about}}), town)
        return [warning["text"] for warning in run.stats["warnings"] if warning["why"] == "contradiction"]

    above, hub = warnings(fleet=4, zones=["rules"])
    assert above == "scooter: a fleet of 4 is above the 3 of the permit"
    assert "the hub 'Mill' lies in the zone 'The mill' (no_park)" in hub
    assert warnings(fleet=3) == []
