"""What a shared fleet did with its day: use, idleness, batteries, hubs, and what a ride costs, emits and breaks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from math import fsum

import numpy as np

from kera_mobility.results.facts import Facts, share
from kera_mobility.results.fleet_states import FREE, OFF_THE_STREETS, STANDING, FleetDay, fleets
from kera_mobility.results.kpis import Kpi, kpi, service_kpi
from kera_mobility.services.scooter.costs import MARGINAL, METRES_PER_KM, day_cost, fleet_rides
from kera_mobility.units import DAY_S, MINUTE_S

PER_RIDES, M_KM = 100_000.0, 1e6
HELD_AGAINST = (
    "Rides per vehicle and day; Helsinki's free-floating fleets made 1.4 to 2.3 in season (2021 and 2022), the closed "
    "suburban fleet of Vuosaari about 0.3 (2019)."
)


@kpi
def use(facts: Facts) -> Iterator[Kpi]:
    """Yield how much the vehicles were used, stood idle, had little charge, or were out of use."""
    for service in fleets(facts):
        day, rides = FleetDay(facts, service), fleet_rides(facts, service)[0]
        whole_s = day.vehicles * DAY_S
        out_s = whole_s - day.seconds(OFF_THE_STREETS)
        ridden = len(np.unique(day.vehicle[day.state == "ridden"]))
        for name, value, unit, definition in (
            ("rides_per_vehicle_day", share(rides, day.vehicles), "rides per vehicle", HELD_AGAINST),
            ("idle_share", share(day.seconds(FREE), out_s), "share of time",
             "Time that vehicles stood free, of the time from midnight to midnight that they were on the streets."),
            ("low_share", share(day.seconds(("low",)), day.seconds(FREE)), "share of time",
             "Time that free vehicles had less charge than `low_charge`, of the time that they stood free."),
            ("broken_share", share(day.seconds(("broken", "missing")), whole_s), "share of time",
             "Time that vehicles were broken or missing, of the day of all vehicles."),
            ("away_share", share(day.seconds(("away",)), whole_s), "share of time",
             "Time that vehicles were taken off the streets by the operator, of the day of all vehicles."),
            ("unused_share", 1.0 - share(ridden, day.vehicles), "share of vehicles", "Vehicles that nobody rode."),
        ):  # fmt: skip
            yield service_kpi(service, name, value, unit, definition)


@kpi
def hubs(facts: Facts) -> Iterator[Kpi]:
    """Yield how vehicles pile up at each hub, and how many were put down where there was room."""
    for service in fleets(facts):
        day = FleetDay(facts, service)
        worst, over_min = float("nan"), 0.0
        for name, node, capacity in _named(day):
            standing = day.in_state(STANDING) & (day.place == node)
            peak = day.most_at_once(standing)
            minutes = day.share_with(standing, capacity + 1, 0.0, DAY_S) * DAY_S / MINUTE_S
            worst, over_min = float(np.fmax(worst, peak / capacity)), over_min + minutes
            yield service_kpi(service, f"hub_peak.{name}", peak, "vehicles", f"Most at once at a hub for {capacity}.")
            definition = f"Minutes of the day in which more stood at the hub than the {capacity} there is room for."
            yield service_kpi(service, f"hub_minutes_over.{name}", minutes, "min", definition)
        yield service_kpi(service, "hub_peak_share.max", worst, "share of room",
                          "Highest peak of any hub, over its capacity.")  # fmt: skip
        yield service_kpi(service, "hub_minutes_over", over_min, "min", "Minutes over capacity, all hubs together.")
        yield service_kpi(service, "parking_compliance", parking_compliance(day), "share of rides",
                  "Rides whose vehicle was put down where it may be and, at a hub, where there was still room; zones "
                  "that forbid parking are obeyed as the scenario has them.")  # fmt: skip


@kpi
def lost(facts: Facts) -> Iterator[Kpi]:
    """Yield how often a promise came to nothing."""
    for service in fleets(facts):
        reasons, promises = facts.frame("refusals", service)["reason"], facts.of_service("bookings", service).num_rows
        for name, reason, definition in (
            ("lost_race_share", "lost_race", "People who came to a vehicle that another had taken, of all bookings."),
            ("found_broken_share", "broken", "People who came to a vehicle that did not work, of all bookings."),
        ):
            count = int((reasons == reason).sum())
            yield service_kpi(service, name, share(count, promises), "share of bookings", definition)


@kpi
def money(facts: Facts) -> Iterator[Kpi]:
    """Yield what a ride costs the operator: at the margin, to operate, and with capital and overhead."""
    for service in fleets(facts):
        cost, rides = day_cost(facts, service), fleet_rides(facts, service)[0]
        if cost is None:
            continue
        marginal_eur = fsum(cost.operating[item] for item in MARGINAL)
        crews = "crews by their kilometres at the margin, by their shifts besides"
        for name, eur, definition in (
            ("marginal", marginal_eur, "Payment, energy, and the batteries changed for it"),
            ("operating", cost.operating_eur, "Marginal cost, and the upkeep of all vehicles"),
            ("full", cost.full_eur, "Operating cost, the vehicles by their life (capital), and overhead"),
        ):
            definition = f"{definition}, at the rates of the scenario; {crews}."
            yield service_kpi(service, f"{name}_cost_eur_per_ride", share(eur, rides), "EUR per ride", definition)
        definition = "What passes bring in a day, a thirtieth of their monthly price; not in the fares."
        yield service_kpi(service, "pass_eur", float(facts.services[service]["pass_eur_per_day"]), "EUR", definition)


@kpi
def harm(facts: Facts) -> Iterator[Kpi]:
    """Yield the carbon of the whole life cycle and the injuries to be expected, each by a definition of its own."""
    for service in fleets(facts):
        about, (rides, km) = facts.services[service], fleet_rides(facts, service)
        costs, vehicles = about["costs"], facts.of_service("vehicles", service).num_rows
        electricity = km * about["energy_wh_per_km"] / METRES_PER_KM * costs["grid_g_per_kwh"]
        grams = vehicles * costs["life_cycle_g_per_vehicle_day"] + electricity
        hospital, treated = costs["hospital_injuries_per_100000_rides"], costs["treated_injuries_per_million_km"]
        carbon = "CO2 of making, servicing and scrapping vehicles, by day of their life, and of electricity by location"
        by_hospitals = "injuries of riders and others treated in a hospital (Vasara et al. 2023, Helsinki)"
        by_operators = "injuries that needed treatment as operators count them (MMfE 2021), about a ninth of the former"
        for name, value, unit, definition in (
            ("life_cycle_g_per_km", share(grams, km), "g per km", f"{carbon}, per kilometre ridden."),
            ("life_cycle_g_per_ride", share(grams, rides), "g per ride", f"{carbon}, per ride."),
            ("injuries_hospital_per_100000_rides", hospital if rides else float("nan"), "per 100,000 rides",
             f"Rate of the scenario, not simulated: {by_hospitals}."),
            ("injuries_hospital", rides * hospital / PER_RIDES, "per day", f"To be expected: {by_hospitals}."),
            ("injuries_treated", km * treated / M_KM, "per day", f"To be expected: {by_operators}."),
        ):  # fmt: skip
            yield service_kpi(service, name, value, unit, definition)


def parking_compliance(day: FleetDay) -> float:
    """Return the share of rides whose vehicle was put down where there was still room for it; NaN without rides."""
    same = np.append(False, (day.vehicle[1:] == day.vehicle[:-1]) & (day.state[:-1] == "ridden"))
    put_down = np.flatnonzero(same & day.in_state(FREE))
    good = len(put_down)
    for node, _, capacity in day.hubs:
        here = put_down[day.place[put_down] == node]
        times, count = day.count_over_time(day.in_state(STANDING) & (day.place == node))
        # Several put down in one moment are all counted over if one of them is.
        at = np.searchsorted(times, day.begin_s[here], side="right") - 1
        good -= int(np.count_nonzero((at >= 0) & (count[np.maximum(at, 0)] > capacity))) if len(times) else 0
    return share(good, len(put_down))


def _named(day: FleetDay) -> Iterator[tuple[str, int, int]]:
    """Yield each hub as (name for an id, node, capacity)."""
    plain = [unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() for _, name, _ in day.hubs]
    words = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in plain]
    for (node, _, capacity), word in zip(day.hubs, words, strict=True):
        yield (word if word and words.count(word) == 1 else f"{word or 'hub'}_{node}"), node, capacity
