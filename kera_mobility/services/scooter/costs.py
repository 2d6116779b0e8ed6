"""What a shared fleet costs: rides, energy, batteries changed, upkeep and crews; vehicles by their life; overhead.

Paid hours are those of the crews' shifts, to when a van was back if that was later: nobody is paid for a vehicle that
stands or is ridden. What crews did not change by day is changed at night, at a price for each battery.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.results.costs import DayCost
from kera_mobility.results.crew_work import crew_work
from kera_mobility.results.facts import Facts, total
from kera_mobility.units import DAYS_A_MONTH

KIND = "scooter"
PAYER, BOUNDARY = "operators", "fleet"
"""Who pays for it, and what of it is counted; see `results.costs.BOUNDARIES`."""
MARGINAL = ("rides", "energy", "battery_swaps", "crew_kilometres")
"""Items of the operating cost that another ride adds to; the others are by vehicle and shift."""
METRES_PER_KM = 1000.0


class FleetCosts(Settings):
    """What a fleet costs, emits and breaks; only KPIs depend on it. Crews have rates of their own."""

    ride_eur: float = Field(0.3, ge=0, le=10)
    """Payment, customer service and insurance of a ride. Assumption; range 0.1 to 0.6."""
    swap_eur: float = Field(4.0, ge=0, le=50)
    """Changing a battery: 12 an hour (scooter.swap_van_rate) at 45 EUR an hour. Assumption; range 2 to 8."""
    kwh_eur: float = Field(0.15, ge=0, le=2)
    """Electricity for charging. Assumption; range 0.08 to 0.25."""
    upkeep_eur: float = Field(0.5, ge=0, le=20)
    """Repairs, storage and the permit of a vehicle for a day. Assumption; range 0.3 to 1.5."""
    vehicle_eur: float = Field(700.0, ge=0, le=20_000)
    """Price of a vehicle with its batteries. Assumption; range 500 to 1000."""
    lifetime_months: float = Field(36.0, ge=1, le=240)
    """How long a vehicle lasts; unverified; range 18 to 60 (scooter.lifetime)."""
    overhead_share: float = Field(0.2, ge=0, le=2)
    """Office, app and marketing as a part of all other costs. Assumption; range 0.1 to 0.5."""
    life_cycle_g_per_vehicle_day: float = Field(160.0, ge=0, le=10_000)
    """CO2 of making, servicing and scrapping a vehicle, by day of its life: the 50 g per km (range 35 to 110,
    unverified, scooter.lca_gco2_per_km.current_gen) of a fleet with 1.6 rides of 2.0 km a day. Assumption: all of it
    is by day, so that vehicles that stand emit too, as the 804 to 1679 g per km of little used ones in Lisbon say."""
    grid_g_per_kwh: float = Field(40.0, ge=0, le=1500)
    """CO2 of electricity by location, Finland in the mid-2020s; unverified; range 25 to 90."""
    hospital_injuries_per_100000_rides: float = Field(9.0, ge=0, le=1000)
    """Injuries treated in a hospital, riders and others, with 20 and 15 km/h limits and a ban on weekend nights; 19
    without them. Source: Vasara et al. 2023, Helsinki (scooter.injury_rate.hospital_restricted), range 8 to 10."""
    treated_injuries_per_million_km: float = Field(5.1, ge=0, le=1000)
    """Injuries that needed medical treatment as operators count them. Source: MMfE 2021 (scooter.injury_rate.industry);
    about a ninth of the hospitals' count, so never mix the two."""


def capital_eur(costs: Mapping[str, float]) -> float:
    """Return a vehicle's price by day of its life, EUR, by the fields of `FleetCosts`."""
    return costs["vehicle_eur"] / (costs["lifetime_months"] * DAYS_A_MONTH)


def fleet_rides(facts: Facts, service: str) -> tuple[int, float]:
    """Return how many rides the vehicles of a fleet made, and their kilometres."""
    moves = facts.frame("moves", service)
    ride_m = moves.loc[moves["cause"] == "ride", "distance_m"]
    return len(ride_m), total(ride_m) / METRES_PER_KM


def day_cost(facts: Facts, service: str) -> DayCost | None:
    """Return the cost of a day; None where the run states no rates."""
    about = facts.services[service]
    costs = about.get("costs")
    if not costs:
        return None
    (rides, km), crews = fleet_rides(facts, service), crew_work(facts, service)
    vehicles = facts.of_service("vehicles", service).num_rows
    used_wh = km * about["energy_wh_per_km"]
    swaps = max(used_wh / about["battery_wh"] - (crews.charged if crews else 0.0), 0.0)
    operating = {
        "rides": rides * costs["ride_eur"],
        "energy": used_wh / 1000.0 * costs["kwh_eur"],
        "battery_swaps": swaps * costs["swap_eur"],
        "crew_kilometres": crews.km_eur if crews else 0.0,
        "crew_hours": crews.hours_eur if crews else 0.0,
        "upkeep": vehicles * costs["upkeep_eur"],
    }
    capital = vehicles * capital_eur(costs)
    overhead = (sum(operating.values()) + capital) * costs["overhead_share"]
    return DayCost(crews.hours if crews else 0.0, operating, capital, overhead)
