"""Parking: what a driver pays by place, hour and length of the stay, what it does to the choice, and who gets it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from kera_mobility.errors import ConfigError
from kera_mobility.results.compare import compare
from kera_mobility.services.contract import Offer, Requests
from kera_mobility.simulation.run import Run, live
from kera_mobility.town.town import Town
from kera_mobility.units import UTILITY_STEPS
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    PLACES,
    SCHOOL,
    STATION,
    PersonRow,
    TripRow,
    at,
    hamlet_town,
    leg,
    live_services,
    person,
    rows,
    scenario,
    seconds,
    trip,
)

OUTSIDE = "place,title,lon,lat,gateway_lon,gateway_lat\ncity,The city,25.1293,60.0,25.0216,60.0\n"
TO_SCHOOL = trip(1, HOME, SCHOOL, "10:00"), trip(1, SCHOOL, HOME, "12:00")
"""By car there at 10:06:45: 90 s to get in, 180 s x 1.25 of driving, 90 s to get out. The car stands from 10:05:15 to
12:01:30, 1.9375 h."""
DRIVER = person(1, car=True)


def charge(place: int = SCHOOL, eur_per_hour: float = 2.0, **more: Any) -> dict[str, Any]:
    """Return a charge round a place of the hamlet, which stand 600 m apart."""
    return {name: at(place)[name] for name in ("lon", "lat")} | {"eur_per_hour": eur_per_hour, **more}


def town_of(tmp_path: Path, trips: tuple[TripRow, ...] = TO_SCHOOL, people: tuple[PersonRow, ...] = (DRIVER,)) -> Town:
    (tmp_path / "outside.csv").write_text(OUTSIDE, encoding="utf-8")
    return hamlet_town(tmp_path, people, trips)


def day(tmp_path: Path, *charges: dict[str, Any], trips: tuple[TripRow, ...] = TO_SCHOOL, **more: Any) -> Run:
    """Return a day of one driver who likes the car best; a kilometre costs 0.10 EUR."""
    ways = {"walk": {}, "car": {"parking": charges, **more}}
    return live(scenario(ways, prefer=["car", "walk"]), town_of(tmp_path, trips))


def paid(log: Run) -> list[float]:
    """Return what each drive cost besides its kilometres."""
    legs = rows(log, "legs")
    assert {leg["service"] for leg in legs} == {"car"}
    return [pytest.approx(leg["fare_eur"] - leg["ride_m"] / 1000.0 * 0.1) for leg in legs]


@pytest.mark.parametrize(
    ("charges", "eur"),
    [
        ((), 0.0),
        ((charge(),), 3.875),
        ((charge(most_eur=3.0),), 3.0),
        ((charge(start_s=seconds("11:00"), end_s=seconds("11:30")),), 1.0),
        ((charge(start_s=seconds("12:00")),), 0.05),
        ((charge(end_s=seconds("10:05")),), 0.0),
        ((charge(end_s=seconds("11:00")), charge(eur_per_hour=4.0, start_s=seconds("11:00"))), 2.0 * 0.9125 + 4.1),
        ((charge(MILL),), 0.0),
        ((charge(MILL, radius_m=1300.0),), 3.875),
    ],
)
def test_a_stay_costs_its_hours_where_and_when_the_charge_holds(
    tmp_path: Path, charges: tuple[dict[str, Any], ...], eur: float
) -> None:
    assert paid(day(tmp_path, *charges)) == [eur, 0.0]


def test_nobody_pays_at_home(tmp_path: Path) -> None:
    trips = (*TO_SCHOOL[:1], trip(1, SCHOOL, HOME, "12:00"), trip(1, HOME, MILL, "13:00"), trip(1, MILL, HOME, "14:00"))
    assert paid(day(tmp_path, charge(HOME), trips=trips)) == [0.0] * 4


def test_a_place_beyond_the_map_is_named(tmp_path: Path) -> None:
    # 7,200 m at 10 m/s times 1.25: parked at 10:16:30, fetched at 12:01:30.
    trips = trip(1, HOME, CITY, "10:00"), trip(1, CITY, HOME, "12:00")
    assert paid(day(tmp_path, {"place": "city", "eur_per_hour": 4.0}, trips=trips)) == [7.0, 0.0]


def test_who_comes_later_than_they_mean_to_leave_pays_for_what_it_takes_to_park(tmp_path: Path) -> None:
    # There at 10:06:45, off at once: the car stands for the 180 s of getting out and in.
    trips = trip(1, HOME, SCHOOL, "10:00"), trip(1, SCHOOL, HOME, "10:03")
    assert paid(day(tmp_path, charge(eur_per_hour=20.0), trips=trips)) == [1.0, 0.0]


def test_a_stay_counts_from_when_a_late_driver_sets_out(tmp_path: Path) -> None:
    # The walk before lasts from 9:58 to 10:14:40; the drive takes 405 s.
    trips = trip(1, HOME, MILL, "9:58", 0), trip(1, MILL, HOME, "10:00", 0)
    trips += trip(1, HOME, SCHOOL, "10:00", 1), trip(1, SCHOOL, HOME, "12:00", 1)
    ways = {"walk": {}, "car": {"parking": [charge()]}}
    told = scenario(ways, prefer=["walk", "car"], choice={"constants": {"walk": 0.0, "car": 6.0}})
    log = live(told, town_of(tmp_path, trips))
    legs = rows(log, "legs")
    assert [leg["service"] for leg in legs] == ["car"] * 4
    late_s = legs[1]["t_s"] + sum(legs[1][name] for name in ("walk_s", "ride_s")) - seconds("10:00")
    assert late_s > 0
    assert legs[2]["t_s"] == seconds("10:00") + late_s
    assert legs[2]["fare_eur"] == pytest.approx(0.18 + 3.875 - 2.0 * late_s / 3600.0)


def test_a_car_left_at_a_station_pays_nothing_there(tmp_path: Path) -> None:
    trips = trip(1, HOME, CITY, "8:00"), trip(1, CITY, HOME, "16:00")
    ways = {"walk": {}, "rail": {}, "car": {"park_and_ride": [at(STATION)], "parking": [charge(STATION)]}}
    likes = {"constants": {"rail": 100.0}, "feeder_constants": {"car": 100.0}}
    log = live(scenario(ways, choice=likes), town_of(tmp_path, trips))
    assert [row["chain"] for row in rows(log, "trips")] == ["car+rail+walk", "walk+rail+car"]
    assert [row["fare_eur"] for row in rows(log, "legs", service="car")] == pytest.approx([0.12, 0.12])


def test_an_hour_of_parking_weighs_as_much_as_its_euros(tmp_path: Path) -> None:
    # -0.2 utils a euro: 3.875 EUR are 0.775 utils, on the way out.
    free, dear = (rows(day(tmp_path, *charges), "trips") for charges in ((), (charge(),)))
    lost = [(a["utility"] - b["utility"]) / UTILITY_STEPS for a, b in zip(free, dear, strict=True)]
    assert lost == [pytest.approx(0.775, abs=1e-5), 0.0]


def test_dear_parking_keeps_cars_at_home_and_changes_no_tour_that_does_not_pay(tmp_path: Path) -> None:
    people = tuple(person(number, car=True) for number in range(200))
    trips = tuple(
        one
        for number in range(200)
        for one in (trip(number, HOME, SCHOOL, "10:00"), trip(number, SCHOOL, HOME, "12:00"),
                    trip(number, HOME, MILL, "14:00", 1), trip(number, MILL, HOME, "15:00", 1))
    )  # fmt: skip
    town = town_of(tmp_path, trips, people)

    def cars(eur_per_hour: float) -> set[tuple[int, int]]:
        ways = {"walk": {}, "car": {"parking": [charge(eur_per_hour=eur_per_hour)]}}
        return {(row["person"], row["tour"]) for row in rows(live(scenario(ways), town), "trips", chain="car")}

    free, cheap, dear = cars(0.0), cars(1.0), cars(4.0)
    assert dear < cheap < free, "who drives at a high price drives at a low one"
    assert {tour for tour in dear if tour[1] == 1} == {tour for tour in free if tour[1] == 1} != set()
    assert {tour for tour in dear if tour[1] == 0}


@pytest.mark.parametrize("clock", ["6:00", "8:10:30", "14:59:59.984375", "20:00"])
def test_the_live_price_is_the_expected_one_to_the_bit(tmp_path: Path, clock: str) -> None:
    parking = [charge(place, 1.0 + place / 7.0, most_eur=9.1, end_s=seconds("18:00")) for place in (MILL, SCHOOL)]
    told = scenario({"car": {"parking": [*parking, {"place": "city", "eur_per_hour": 3.3}]}})
    town = town_of(tmp_path)
    car = live_services(told, town, clock)[1]["car"]
    for here, there in product(PLACES, PLACES):
        for leave_s in (np.nan, seconds(clock) + 10.0, 17.123 * 3600.0):
            wish = leg(town, "car", 1, here, there)
            wish.leave_s = leave_s
            columns = (np.array([value]) for value in (0, here, there, seconds(clock), leave_s))
            offer = car.quote(wish)
            assert isinstance(offer, Offer)
            assert offer.fare_eur == car.expect(Requests(*columns)).fare_eur[0]


def test_drivers_pay_who_owns_the_places_and_nobody_loses_it_on_the_way(tmp_path: Path) -> None:
    free, dear = (day(tmp_path, *charges) for charges in ((), (charge(),)))
    values = {kpi.id: kpi.value for kpi in dear.kpis()}
    assert values["car.parking_eur"] == pytest.approx(3.875)
    assert "car.parking_eur" not in {kpi.id for kpi in free.kpis()}
    comparison = compare(free.save(tmp_path / "free"), dear.save(tmp_path / "dear"))
    row = comparison.row("money.owners.parking_eur")
    assert (row.mean_a, row.mean_b) == (0.0, pytest.approx(values["car.parking_eur"]))
    assert comparison.row("money.travellers.paid_eur").difference == pytest.approx(3.875)
    yearly = {row.id: row.difference for row in comparison.rows("yearly")}
    assert yearly["yearly.parking"] == pytest.approx(300 * 3.875)
    assert yearly["yearly.travellers"] == pytest.approx(-300 * 3.875, abs=0.01)
    assert yearly["yearly.net"] == pytest.approx(0.0, abs=0.01)
    alike = compare(tmp_path / "free", tmp_path / "free")
    assert not [row.id for row in (*alike.rows("money"), *alike.rows("yearly")) if "parking" in row.id]


@pytest.mark.parametrize(
    ("parking", "said"),
    [
        ({"place": "city"}, "eur_per_hour"),
        ({"eur_per_hour": 1.0}, "expected either place, or lon and lat"),
        (charge(place_name="x"), "place_name"),
        ({**charge(), "place": "city"}, "expected either place, or lon and lat"),
        ({"eur_per_hour": 1.0, "lon": 25.0}, "expected either place, or lon and lat"),
        (charge(start_s=7200.0, end_s=3600.0), "expected more than start_s"),
        (charge(eur_per_hour=-1.0), "eur_per_hour"),
    ],
)
def test_a_charge_is_of_one_place_and_one_price(parking: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        scenario({"car": {"parking": [parking]}})


def test_who_is_driven_does_not_park() -> None:
    with pytest.raises(ValidationError, match="parking"):
        scenario({"car_passenger": {"parking": [charge()]}})


@pytest.mark.parametrize(
    ("parking", "said"),
    [
        ([{"place": "moon", "eur_per_hour": 1.0}], r"parking\.0: place 'moon', expected .*\(city\)"),
        ([{"lon": 26.0, "lat": 60.0, "eur_per_hour": 1.0}], r"parking\.0: no street within 300 m of \(26\.0, 60\.0\)"),
        ([charge(), charge(MILL, radius_m=1300.0, start_s=3600.0)], r"parking\.1: .* parking\.0 does"),
    ],
)
def test_a_charge_that_holds_nowhere_or_twice_is_told(tmp_path: Path, parking: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        live(scenario({"car": {"parking": parking}}), town_of(tmp_path))
