"""Laws of any day with every mechanism on at once: bookings end once, and nobody and nothing appears or vanishes."""

from __future__ import annotations

import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kera_mobility.results.explain import explain
from kera_mobility.results.promise_audit import verdict
from kera_mobility.results.reason_texts import declared_reasons
from kera_mobility.simulation.run import END_S, live
from tests.kit import trip_laws
from tests.kit.everything import FLEET, HOLD_MOST_S, LINE_HOLD_S, FullDay, full_day
from tests.kit.hamlet import PLACES, rows, seconds

_FOLDER = tempfile.TemporaryDirectory()
EXAMPLES = 25
WH_PER_KM = 90.0
Law = Callable[[FullDay], None]
LAWS: list[Law] = [
    trip_laws.every_wanted_trip_has_one_row_and_one_end,
    trip_laws.the_legs_of_a_trip_chain_in_space_and_time_without_gaps,
]
SCARCE = ("scooter", "shuttle", "on_demand")
WHOSE = ("service", "t_s", "person", "trip", "leg", "step")


def law(function: Law) -> Law:
    """Mark what must hold on any day."""
    LAWS.append(function)
    return function


def drawn(number: int, count: int) -> FullDay:
    return full_day(number, count, Path(_FOLDER.name))


def vehicles_of(day: FullDay, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = day.log.record.vehicles.to_pylist()
    return [vehicle for vehicle in found if vehicle["service"] == service]


@law
def nobody_is_on_two_trips_at_once(day: FullDay) -> None:
    """Who holds a promise of a ride may stay until it comes, and so set out later than ready."""
    free_s: dict[int, float] = {}
    for row in sorted(rows(day.log, "trips"), key=lambda row: (row["person"], row["trip"])):
        assert max(row["ready_s"], free_s.get(row["person"], 0.0)) <= row["t_s"] <= row["end_s"]
        free_s[row["person"]] = row["end_s"]


@law
def every_refusal_has_a_reason_and_who_gives_up_was_refused(day: FullDay) -> None:
    """Who is refused and stays until something else comes sets out later than refused."""
    last: dict[tuple[int, int], float] = {}
    trips = {(row["person"], row["trip"]): row for row in rows(day.log, "trips")}
    for row in rows(day.log, "refusals"):
        trip = trips[row["person"], row["trip"]]
        assert trip["ready_s"] <= row["t_s"] <= trip["end_s"]
        assert row["place"] in PLACES
        last[row["person"], row["trip"]] = row["t_s"]
    for key, trip in trips.items():
        assert trip["outcome"] != "unserved" or last[key] == trip["end_s"]


@law
def every_leg_is_measured(day: FullDay) -> None:
    columns = ("t_s", "walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_eur")
    for leg in rows(day.log, "legs"):
        assert all(0.0 <= leg[name] < math.inf for name in columns), leg
    assert all(row["direct_s"] < math.inf for row in rows(day.log, "promises"))


@law
def every_booking_ends_in_exactly_one_of_ridden_cancelled_and_expired(day: FullDay) -> None:
    """As many rows as bookings were handed out; a scooter found at its place after the first was over is one more."""
    found = rows(day.log, "bookings")
    assert {row["end"] for row in found} <= {"ridden", "cancelled", "expired"}
    assert all(row["t_s"] <= row["end_s"] <= END_S for row in found)
    key = ("service", "t_s", "person", "trip", "leg", "step")
    ends = Counter(tuple(row[name] for name in key) for row in found)
    assert set(ends.values()) <= {1}
    handed_out = Counter((one.service, one.made_s, one.person, one.trip, one.leg, one.step) for one in day.promised)
    assert set(handed_out.values()) <= {1}
    assert not set(handed_out) - set(ends), "a promise that never ended"
    over = {(*(row[name] for name in key[2:]), row["end_s"]) for row in found if row["end"] == "expired"}
    for service, made_s, *whose in set(ends) - set(handed_out):
        assert service == "scooter"
        assert any((*whose, end_s) in over for end_s in {end[-1] for end in over} if end_s <= made_s)


@law
def who_rode_was_promised_it_and_who_was_carried_has_a_leg(day: FullDay) -> None:
    promised = {(row["service"], row["person"], row["trip"], row["leg"]) for row in rows(day.log, "bookings")}
    for service in SCARCE:
        ridden = [row for row in rows(day.log, "legs", service=service) if row["ride_s"] > 0]
        assert all((service, row["person"], row["trip"], row["leg"]) in promised for row in ridden)
        ends = Counter(row["end"] for row in rows(day.log, "bookings", service=service))
        assert len(ridden) >= ends["ridden"] - sum(row["outcome"] == "under_way" for row in rows(day.log, "trips")), (
            "a ride without a leg"
        )


@law
def nobody_is_forgotten_on_the_way(day: FullDay) -> None:
    """Trips begin before noon; closures, failures and the last train are over hours before the day is."""
    late = [row for row in rows(day.log, "trips") if row["outcome"] in ("under_way", "not_started")]
    assert not late


@law
def scooters_are_in_one_place_and_gain_charge_only_by_a_swap(day: FullDay) -> None:
    fleet = vehicles_of(day, "scooter")
    assert [one["vehicle"] for one in fleet] == list(range(FLEET))
    battery_wh = 400.0 * float(day.log.stats.get("weather", {}).get("effects", {}).get("battery_of_scooters", 1.0))
    for one in fleet:
        place, charge, clock_s = one["start_place"], one["start_charge"], 0.0
        for move in rows(day.log, "moves", service="scooter", vehicle=one["vehicle"]):
            assert move["origin"] == place
            assert clock_s <= move["t_s"] <= move["end_s"]
            used = move["distance_m"] / 1000.0 * WH_PER_KM / battery_wh if move["cause"] == "ride" else 0.0
            assert move["charge"] == pytest.approx(1.0 if move["cause"] == "swap" else charge - used)
            assert 0.1 - 1e-9 <= move["charge"] <= 1.0 or move["cause"] != "ride", "the reserve was ridden"
            place, charge, clock_s = move["destination"], move["charge"], move["end_s"]
        in_van = [row["state"] for row in rows(day.log, "states", service="scooter", vehicle=one["vehicle"])][-1:]
        assert in_van == ["in_van"] or (place, one["end_charge"]) == (one["end_place"], pytest.approx(charge))


@law
def a_scooter_is_promised_to_one_person_at_a_time_and_to_nobody_in_a_van(day: FullDay) -> None:
    if not day.told.services["scooter"].reservation:  # type: ignore[attr-defined]
        return
    until_s: dict[int, float] = {}
    for row in sorted(rows(day.log, "bookings", service="scooter"), key=lambda row: (row["t_s"], row["end_s"])):
        assert until_s.get(row["vehicle"], 0.0) <= row["t_s"]
        until_s[row["vehicle"]] = row["end_s"]
        hands = [move for move in rows(day.log, "moves", service="scooter", vehicle=row["vehicle"])
                 if move["cause"] in ("rebalance", "collect")]  # fmt: skip
        assert all(move["end_s"] <= row["t_s"] or move["t_s"] >= row["end_s"] for move in hands)


@law
def a_van_has_no_more_aboard_than_it_holds_and_what_it_did_happened_to_vehicles(day: FullDay) -> None:
    stops, moves = rows(day.log, "crews"), rows(day.log, "moves", service="scooter")
    aboard: Counter[int] = Counter()
    for stop in sorted(stops, key=lambda row: (row["van"], row["shift"], row["step"])):
        aboard[stop["van"]] += stop["taken"] - stop["put"]
        assert 0 <= stop["aboard"] == aboard[stop["van"]] <= 3
        assert 0 <= stop["spare"] <= 4
    causes = Counter(move["cause"] for move in moves)
    assert sum(stop["swapped"] for stop in stops) == causes["swap"]
    last = {row["vehicle"]: row["state"] for row in rows(day.log, "states", service="scooter")}
    stranded = Counter(last.values())["in_van"]
    assert sum(stop["taken"] for stop in stops) == causes["rebalance"] + causes["collect"] + stranded
    assert sum(aboard.values()) == stranded, "only a van that no street leads home for keeps what it has"


@law
def riders_in_are_riders_out_and_nobody_rides_beyond_the_places(day: FullDay) -> None:
    for service in ("rail", "shuttle", "on_demand"):
        places = {one["vehicle"]: one["places"] for one in vehicles_of(day, service)}
        trip = "vehicle" if service == "on_demand" else "run"
        aboard: Counter[int] = Counter()
        calls = sorted(
            rows(day.log, "calls", service=service), key=lambda call: (call[trip], call["run"], call["step"])
        )
        for call in calls:
            aboard[call[trip]] += call["boarded"] - call["alighted"]
            assert 0 <= call["aboard"] == aboard[call[trip]] <= places[call["vehicle"]]
        assert not any(aboard.values()), "somebody never got off"
        boarded = sum(call["boarded"] for call in calls)
        assert boarded == sum(leg["ride_s"] > 0 for leg in rows(day.log, "legs", service=service))


@law
def people_of_the_model_and_others_fit_into_the_train(day: FullDay) -> None:
    aboard = {(row["run"], row["step"]): row["aboard"] for row in rows(day.log, "calls", service="rail")}
    places: int = day.told.services["rail"].train.places  # type: ignore[attr-defined]
    for row in rows(day.log, "running", service="rail"):
        mine = aboard.get((row["run"], row["step"]), 0)
        assert mine == 0 or mine + row["others"] <= places
        assert 0.0 <= row["held_s"] <= LINE_HOLD_S
        assert row["depart_late_s"] >= -1e-9, "nobody leaves before the timetable"


@law
def no_promise_is_broken_but_by_what_was_declared(day: FullDay) -> None:
    found = verdict(day.log.record, "on_demand")
    assert found.breaches == ()
    assert found.kept + found.declared + found.rider_late + found.called_off == found.promises
    assert found.promises == len(rows(day.log, "bookings", service="on_demand"))


@law
def a_van_waits_for_nobody_beyond_its_limit(day: FullDay) -> None:
    """From when it is there and free, at the time that was agreed at the earliest: `hold_s` and no longer."""
    vans: Any = day.told.services["on_demand"]
    ends_s = {tuple(row[name] for name in WHOSE): row["end_s"] for row in rows(day.log, "bookings")}
    promises = rows(day.log, "promises")
    for late in (row for row in promises if row["cause"] == "late_rider"):
        gave_up_s = ends_s[tuple(late[name] for name in WHOSE)]
        came_s = [move["end_s"] for move in rows(day.log, "moves", service="on_demand", vehicle=late["vehicle"])]
        busy_s = [one[name] + vans.person_s for one in promises if one["vehicle"] == late["vehicle"]
                  for name in ("pickup_s", "arrival_s")]  # fmt: skip
        busy_s += [ends_s[tuple(one[name] for name in WHOSE)] + vans.person_s for one in promises
                   if one["vehicle"] == late["vehicle"] and one is not late and one["end"] == "expired"]  # fmt: skip
        free_s = max((moment for moment in (*came_s, *busy_s) if moment <= gave_up_s), default=0.0)
        assert gave_up_s - max(free_s, late["ready_s"]) <= vans.hold_s


@law
def a_lap_is_never_held_beyond_its_limit_and_ends_in_one_way(day: FullDay) -> None:
    laps = rows(day.log, "laps", service="shuttle")
    assert laps
    for lap in laps:
        assert 0.0 <= lap["held_s"] <= HOLD_MOST_S
        assert lap["end"] in {
            "driven", "broken", "low_battery", "closed", "closed_street", "snow", "no_vehicle", "not_due",
        }  # fmt: skip
    charges = [move["charge"] for move in rows(day.log, "moves", service="shuttle")]
    assert all(0.0 <= charge <= 1.0 for charge in charges)


@law
def a_wheelchair_rides_only_where_its_place_is(day: FullDay) -> None:
    """One place: of those who need it no two are aboard the same lap of the shuttle at once."""
    needy = {row["person"] for row in rows(day.log, "refusals") if row["reason"] == "no_wheelchair_place"}
    rides: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for leg in rows(day.log, "legs", service="shuttle"):
        if leg["person"] in needy and leg["ride_s"] > 0:
            begin_s = leg["t_s"] + leg["wait_s"]
            rides[leg["vehicle"]].append((begin_s, begin_s + leg["ride_s"]))
    for times in rides.values():
        ordered = sorted(times)
        assert all(first[1] <= second[0] for first, second in pairwise(ordered))


@law
def every_reason_and_every_figure_is_explained(day: FullDay) -> None:
    assert {row["reason"] for row in rows(day.log, "refusals")} <= set(declared_reasons())
    with tempfile.TemporaryDirectory() as folder:
        found = explain(day.log.save(Path(folder) / "day"))
    assert not found.disagreements


@law
def what_the_night_hands_over_is_whole(day: FullDay) -> None:
    night = day.log.overnight["scooter"]
    assert {len(column) for column in night.values()} == {FLEET}
    assert all(0.0 <= charge <= 1.0 for charge in night["charge"].tolist())


@law
def the_same_day_twice_is_the_same_day(day: FullDay) -> None:
    if len(day.trips) < 12:
        again = live(day.told, day.town, day.log.record.seed)
        assert again.fingerprint == day.log.fingerprint


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 10**6), count=st.sampled_from((4, 16, 30, 30)))
@example(number=12543, count=30)  # news at home, and gone at once: the trip begins then
def test_every_law_holds_with_everything_on(number: int, count: int) -> None:
    day = drawn(number, count)
    for holds in LAWS:
        holds(day)


def test_the_drawn_days_hold_what_the_laws_are_about() -> None:
    """The laws would hold on empty days too: see that everything that may go wrong does, somewhere."""
    seen: Counter[str] = Counter()
    for number in range(30):
        day = drawn(number, 30)
        seen.update(f"{row['service']} {row['reason']}" for row in rows(day.log, "refusals"))
        seen.update(f"{row['service']} {row['end']}" for row in rows(day.log, "bookings"))
        seen.update(f"lap {row['end']}" for row in rows(day.log, "laps"))
        seen.update(f"moved {row['cause']}" for row in rows(day.log, "moves"))
        seen.update(f"promise {row['cause']}" for row in rows(day.log, "promises"))
        seen.update(row["topic"] for row in rows(day.log, "notices"))
        seen.update("held" for row in rows(day.log, "laps") if row["held_s"] > 0)
        seen.update("left behind" for row in rows(day.log, "calls", service="rail") if row["left_behind"])
        seen.update(f"ended {row['ended']}" for row in rows(day.log, "running") if row["ended"])
    expected = {
        "scooter ridden", "scooter cancelled", "scooter expired", "scooter broken", "scooter lost_race",
        "scooter low_battery", "scooter no_vehicle", "scooter snow", "moved swap", "moved rebalance", "moved collect",
        "shuttle ridden", "shuttle expired", "shuttle full", "shuttle no_wheelchair_place", "lap broken", "lap snow",
        "lap low_battery", "lap closed_street", "lap closed", "held", "moved charge",
        "on_demand ridden", "on_demand expired", "on_demand broken", "on_demand no_vehicle_in_time", "on_demand snow",
        "promise breakdown", "promise streets", "promise late_rider", "rail full", "rail closed", "left behind",
        "closed", "offline", "withdrawn", "no_power", "heavy_snow", "streets", "late", "breakdown", "weather",
    }  # fmt: skip
    assert expected <= set(seen), expected - set(seen)


def test_a_vehicle_that_no_street_leads_on_for_says_so_and_drives_again_when_it_is_open() -> None:
    """Lot 19: a street that cuts the hamlet in two is shut while people wait for, or sit in, their vans."""
    day = drawn(19, 30)
    (shut,) = [one for one in day.told.disturbances if one.kind == "street_closed"]
    broken = rows(day.log, "promises", cause="streets")
    assert broken
    assert all(shut.start_s <= row["end_s"] for row in rows(day.log, "bookings", service="on_demand", end="expired")
               if (row["person"], row["trip"]) in {(one["person"], one["trip"]) for one in broken})  # fmt: skip
    again = [row for row in rows(day.log, "bookings", service="on_demand", end="ridden") if row["t_s"] > shut.end_s]
    assert again
    assert seconds("6:30") < shut.start_s
