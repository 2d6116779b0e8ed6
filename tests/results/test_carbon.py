"""The CO2 of a day by hand: one service at a time, 10 km that people rode, 4 km that vehicles drove, round factors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kera_mobility.results.compare.accounts import Accounts
from kera_mobility.results.compare.carbon import METHODS, SCOPES, Carbon, carbon_quantities
from kera_mobility.results.compare.paired_trips import RunTrips
from kera_mobility.results.compare.pairing import read_scenario_runs
from kera_mobility.results.compare.values import OfYear, Values
from kera_mobility.results.events import EventLog
from kera_mobility.results.record import RunRecord
from kera_mobility.results.store import write_record

H = 3600.0
CAR = (OfYear(year=2020, value=130.0), OfYear(year=2040, value=26.0))
BUS = (OfYear(year=2020, value=1000.0), OfYear(year=2040, value=200.0))
FACTORS = Values(
    car_g_per_km=CAR, car_occupancy=1.3, car_life_cycle_g_per_km=65.0, bus_g_per_km=BUS, bus_riders=10.0,
    train_g_per_pkm_market=2.0, train_g_per_pkm_location=3.0, train_kwh_per_km=6.0, minibus_kwh_per_km=0.5,
    minibus_life_cycle_g_per_km=40.0, transit_life_cycle_g_per_pkm=7.0, scooter_wh_per_km=20.0,
    scooter_life_cycle_g_per_km=60.0, bicycle_life_cycle_g_per_km=5.0, grid_g_per_kwh_market=10.0,
    grid_g_per_kwh_location=50.0,
)  # fmt: skip
PLACES = {"train": 500, "tram": 200, "bus": 80}
CREWS = {"eur_per_h": 30.0, "eur_per_km": 0.5, "co2_g_per_km": 200.0}


def day(tmp_path: Path, mode: str, seats: int = 1, scenario: str = "", **about: Any) -> Carbon:
    """Return the carbon of a day on which somebody rode 10 km with one service, whose vehicle drove 4 km."""
    log = EventLog()
    log.add("trips", 8 * H, 1, 0, 0, "work", 0, 1, "chain", "arrived", 9 * H, 8 * H, 0, 0)
    log.add("legs", 8 * H, 1, 0, 0, "it", 0, 1, 0.0, 0.0, H, 0.0, 10_000.0, 0.0, 7)
    log.add("moves", 8 * H, 7, 0, 0, "it", "run", 0, 1, 9 * H, 4_000.0, math.nan)
    if "crews" in about:
        log.add("crews", 8 * H, 0, 0, 0, "it", 0, 1, 9 * H, 9 * H, 30_000.0, *[0] * 7)
    one = {"person": [1], "household": [1], "population": ["resident"], "age": pa.array([40], pa.int16()),
           "home": pa.array([0], pa.int32()), "household_cars": pa.array([0], pa.int8()), "licence": [False],
           "main_driver": [False], "bicycle": [False], "season_ticket": [False]}  # fmt: skip
    vehicle = {"vehicle": [7], "service": ["it"], "places": pa.array([seats], pa.int32()), "start_place": [0],
               "end_place": [1], "start_charge": [math.nan], "end_charge": [math.nan]}  # fmt: skip
    nodes = {"node": [0, 1], "lon": [24.75, 24.75], "lat": [60.21, 60.215], "name": ["", ""], "kind": ["street"] * 2}
    service = {"kind": mode, "mode": mode, "nest": mode, "sustainable": True, "operated": True, "title": "It",
               "vehicle_hours": 8.0, **about}  # fmt: skip
    meta = {"scenario": "a", "seed": 1, "day": 0, "services": {"it": service}}
    record = RunRecord(
        log.tables(), pa.table(one), pa.table(vehicle), pa.table(nodes), {}, meta, "name: a\n" + scenario, {"name": "v"}
    )
    write_record(record, tmp_path / "seed-0001")
    (run,) = read_scenario_runs(tmp_path).runs.values()
    return Carbon(Accounts(RunTrips(run)), FACTORS)


def grams(carbon: Carbon) -> list[float]:
    """Return g while travelling, then over the life cycle, each by market, by location and at the margin."""
    return [1000.0 * carbon.kg(scope, method) for scope in SCOPES for method in METHODS]


@pytest.mark.parametrize(
    ("mode", "places", "travelling", "life_cycle"),
    [
        # 130 g and 65 g a kilometre, shared by 1.3 people.
        ("car", 1, (1000, 1000, 1000), (1500, 1500, 1500)),
        # 20 Wh a kilometre; the life cycle has them.
        ("scooter", 1, (2, 10, 10), (600, 600, 600)),
        ("bicycle", 1, (0, 0, 0), (50, 50, 50)), ("bicycle_share", 1, (0, 0, 0), (50, 50, 50)),
        # 0.5 kWh for each of 4 vehicle-km, and 40 g over the life cycle.
        ("shuttle", 8, (20, 100, 100), (180, 260, 260)), ("on_demand", 4, (20, 100, 100), (180, 260, 260)),
        # 2 and 3 g for each passenger-km; at the margin 6 kWh for each vehicle-km, riders adding nothing.
        ("transit", 500, (20, 30, 1200), (90, 100, 1200)), ("transit", 200, (20, 30, 1200), (90, 100, 1200)),
        # 1,000 g for each vehicle-km, shared by 10 riders.
        ("transit", 80, (1000, 1000, 4000), (1070, 1070, 4000)),
    ],
)  # fmt: skip
def test_each_way_to_travel_emits_by_its_factors(
    tmp_path: Path, mode: str, places: int, travelling: tuple[float, ...], life_cycle: tuple[float, ...]
) -> None:
    assert grams(day(tmp_path, mode, places, places=PLACES)) == pytest.approx([*travelling, *life_cycle])


def test_the_vans_of_crews_count_whatever_the_method(tmp_path: Path) -> None:
    """30 km at 200 g on top of a scooter's own."""
    assert grams(day(tmp_path, "scooter", crews=CREWS)) == pytest.approx([6002, 6010, 6010, 6600, 6600, 6600])


@pytest.mark.parametrize(
    ("mode", "places", "year", "travelling"),
    [("car", 1, 2040, 200.0), ("car", 1, 2030, 600.0), ("transit", 80, 2040, 200.0), ("transit", 80, 2030, 600.0)],
)
def test_cars_and_buses_emit_as_in_the_year_of_the_scenario(
    tmp_path: Path, mode: str, places: int, year: int, travelling: float
) -> None:
    assert grams(day(tmp_path, mode, places, f"year: {year}\n", places=PLACES))[0] == pytest.approx(travelling)


def test_both_days_stand_side_by_side(tmp_path: Path) -> None:
    before, after = day(tmp_path / "a", "car"), day(tmp_path / "b", "scooter")
    rows = {row.about.id: (row.before, row.after) for row in carbon_quantities(before, after)}
    assert len(rows) == len(SCOPES) * len(METHODS)
    assert rows["carbon.operational.location"] == pytest.approx((1.0, 0.01))
    assert rows["carbon.life_cycle.market"] == pytest.approx((1.5, 0.6))
