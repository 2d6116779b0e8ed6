"""Laws that hold on any day: nothing and nobody appears, vanishes, or is in two places at once."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.dice import Dice
from kera_mobility.simulation.run import END_S, Run, live
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.town import Town
from kera_mobility.units import HOUR_S
from tests.kit import trip_laws
from tests.kit.hamlet import (
    CITY,
    HOME,
    METRES_PER_DEGREE,
    MILL,
    PLACES,
    SCHOOL,
    STATION,
    PersonRow,
    TripRow,
    at,
    hamlet_town,
    rows,
    run,
    scenario,
    seconds,
)
from tests.kit.trip_laws import by_trip

T = TypeVar("T")
STREETS = (HOME, MILL, STATION, SCHOOL)
WH_PER_KM, BATTERY_WH = 18.0, 550.0
EXAMPLES = 50
TRAINS = tuple(
    train
    for quarter in range(8)
    for train in (
        run((STATION, seconds("8:00") + 900.0 * quarter), (CITY, seconds("8:10") + 900.0 * quarter)),
        run((CITY, seconds("8:05") + 900.0 * quarter), (STATION, seconds("8:15") + 900.0 * quarter)),
    )
)


@dataclass(frozen=True)
class Day:
    """A drawn day and what came of it."""

    told: Scenario
    town: Town
    trips: tuple[TripRow, ...]
    carried: dict[str, dict[str, np.ndarray[Any, Any]]] | None
    log: Run


Law = Callable[[Day], None]
LAWS: list[Law] = [
    trip_laws.every_wanted_trip_has_one_row_and_one_end,
    trip_laws.the_legs_of_a_trip_chain_in_space_and_time_without_gaps,
]


def law(function: Law) -> Law:
    """Mark what must hold on any day."""
    LAWS.append(function)
    return function


class Lot:
    """Draws among options; each draw has an address of its own, and a day the number of its lot."""

    def __init__(self, number: int) -> None:
        self._dice = Dice.of(number)

    def among(self, options: Sequence[T], *address: int | str) -> T:
        return options[int(self._dice.uniform(*address) * len(options))]


def people(lot: Lot, count: int) -> tuple[PersonRow, ...]:
    """Return people, a part of them too young for scooters, with a bicycle, a car or a season ticket."""
    return tuple(
        PersonRow(
            number,
            age=lot.among((10, 30, 30, 30), number, "age"),
            bicycle=lot.among((True, False, False), number, "bicycle"),
            car=lot.among((True, False, False), number, "car"),
            season_ticket=lot.among((True, False), number, "ticket"),
        )
        for number in range(count)
    )


def wishes(lot: Lot, count: int) -> tuple[TripRow, ...]:
    """Return one to three trips of each person, many in the same moment, some late at night."""
    found = []
    for number in range(count):
        clock_s = lot.among((8.0, 8.0, 8.0, 8.25, 27.5), number, "begins") * HOUR_S
        place = lot.among(STREETS, number, "from")
        for trip in range(lot.among((1, 2, 3), number, "trips")):
            to = lot.among((*STREETS, CITY), number, trip, "to")
            found.append(TripRow(number, place, to, clock_s, trip // 2))
            place = to
            clock_s = min(clock_s + lot.among((0.0, 60.0, 170.0, 1200.0), number, trip, "stays"), END_S - 1.0)
    return tuple(found)


def trial(lot: Lot) -> Scenario:
    """Return a scenario in which everything is short: places, scooters, room, patience."""
    hubs = [at(place, capacity=lot.among((1, 2, 3), place, "capacity")) for place in STREETS]
    hubs = [hub for hub in hubs if lot.among((True, False), hub["name"], "hub")] or hubs[:1]
    ways: dict[str, dict[str, Any]] = {
        "walk": {},
        "bicycle": {},
        "car": {},
        "rail": {
            "train": {"places": lot.among((1, 2, 3), "places"), "boarding_penalty_min": 2.0},
            "patience": lot.among((0, 1, 2), "patience"),
        },
        "scooter": {
            "fleet": lot.among((1, 2, 3, 5), "fleet"),
            "hubs": hubs,
            "parking": lot.among(("hubs", "anywhere"), "parking"),
            "max_walk_m": lot.among((600.0, 1200.0), "walk"),
            "overnight": {"kind": lot.among(("leave", "reset"), "overnight")},
        },
        "shuttle": {
            "stops": [at(MILL), at(STATION), at(SCHOOL)],
            "headway_s": 800.0,
            "first_s": seconds("7:50"),
            "last_s": seconds("9:30"),
            "seats": lot.among((1, 2), "seats"),
            "patience": lot.among((0, 1), "shuttle patience"),
            "reserved_seats": lot.among((True, False), "reserved"),
        },
    }
    return scenario(ways, lot.among(LIKED, "prefer"))


LIKED: tuple[tuple[str, ...], ...] = (
    (), ("scooter",), ("scooter", "rail"), ("shuttle",), ("shuttle", "scooter"), ("rail", "shuttle"), ("rail",),
)  # fmt: skip


def night(lot: Lot, fleet: int) -> dict[str, dict[str, np.ndarray[Any, Any]]] | None:
    """Return what the night before handed over, or nothing."""
    if lot.among((True, False), "first day"):
        return None
    node = [lot.among(STREETS, vehicle, "stands") for vehicle in range(fleet)]
    charge = [lot.among((0.1, 0.12, 0.15, 1.0), vehicle, "charge") for vehicle in range(fleet)]
    return {"scooter": {"node": np.array(node), "charge": np.array(charge)}}


_FOLDER = tempfile.TemporaryDirectory()


def drawn_day(number: int, count: int) -> Day:
    """Return the day of a lot: `count` people, and whatever they meet."""
    lot = Lot(number)
    told, trips = trial(lot), wishes(lot, count)
    town = hamlet_town(Path(_FOLDER.name), people=people(lot, count), trips=trips, trains=TRAINS)
    carried = night(lot, told.services["scooter"].fleet)  # type: ignore[attr-defined]
    return Day(told, town, trips, carried, live(told, town, seed=number % 4, carried=carried))


def days() -> st.SearchStrategy[Day]:
    return st.builds(drawn_day, number=st.integers(0, 10**6), count=st.sampled_from((2, 6, 10, 14)))


def vehicles_of(day: Day, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = day.log.record.vehicles.to_pylist()
    return [vehicle for vehicle in found if vehicle["service"] == service]


@law
def nobody_is_on_two_trips_at_once(day: Day) -> None:
    free_s: dict[int, float] = {}
    for row in sorted(rows(day.log, "trips"), key=lambda row: (row["person"], row["trip"])):
        if row["outcome"] == "not_started":
            continue
        assert row["t_s"] == max(row["ready_s"], free_s.get(row["person"], 0.0))
        assert row["end_s"] >= row["t_s"]
        free_s[row["person"]] = row["end_s"]


@law
def nobody_is_forgotten_on_the_way(day: Day) -> None:
    """Everything here is over in three hours: 1,800 m on foot, four trains a quarter of an hour apart, a shuttle."""
    for trip in rows(day.log, "trips", outcome="under_way"):
        assert trip["t_s"] > END_S - 3 * HOUR_S


@law
def every_refusal_has_a_reason_and_who_gives_up_was_refused(day: Day) -> None:
    refusals = by_trip(rows(day.log, "refusals"))
    trips = {(row["person"], row["trip"]): row for row in rows(day.log, "trips")}
    for key, refused in refusals.items():
        for row in refused:
            assert row["reason"].isidentifier()
            assert row["place"] in PLACES
            assert row["service"] in {*day.told.services, ""}
            assert trips[key]["t_s"] <= row["t_s"] <= trips[key]["end_s"]
    for key, trip in trips.items():
        if trip["outcome"] == "unserved":
            assert refusals[key][-1]["t_s"] == trip["end_s"]


@law
def scooters_never_appear_or_vanish_and_each_is_in_one_place(day: Day) -> None:
    fleet = vehicles_of(day, "scooter")
    assert [scooter["vehicle"] for scooter in fleet] == list(range(day.told.services["scooter"].fleet))  # type: ignore[attr-defined]
    if day.carried:
        assert [scooter["start_place"] for scooter in fleet] == day.carried["scooter"]["node"].tolist()
    assert len(day.log.overnight["scooter"]["node"]) == len(fleet)
    for scooter in fleet:
        place, clock_s = scooter["start_place"], 0.0
        for move in rows(day.log, "moves", service="scooter", vehicle=scooter["vehicle"]):
            assert move["origin"] == place
            assert clock_s <= move["t_s"] <= move["end_s"]
            place, clock_s = move["destination"], move["end_s"]
        assert place == scooter["end_place"]


@law
def a_scooter_is_promised_to_one_person_at_a_time(day: Day) -> None:
    until_s: dict[int, float] = {}
    rides = rows(day.log, "moves", service="scooter")
    for booking in sorted(rows(day.log, "bookings", service="scooter"), key=lambda row: (row["t_s"], row["end_s"])):
        assert until_s.get(booking["vehicle"], 0.0) <= booking["t_s"] <= booking["end_s"]
        until_s[booking["vehicle"]] = booking["end_s"]
        own = [move for move in rides if (move["vehicle"], move["end_s"]) == (booking["vehicle"], booking["end_s"])]
        assert len(own) == (booking["end"] == "ridden")
    assert len(rides) == len(rows(day.log, "bookings", service="scooter", end="ridden"))


@law
def charge_stays_between_empty_and_full_and_falls_by_what_was_ridden(day: Day) -> None:
    for scooter in vehicles_of(day, "scooter"):
        charge = scooter["start_charge"]
        for move in rows(day.log, "moves", service="scooter", vehicle=scooter["vehicle"]):
            assert move["charge"] == pytest.approx(
                charge - move["distance_m"] / 1000.0 * WH_PER_KM / BATTERY_WH, abs=1e-12
            )
            assert move["charge"] >= 0.1 - 1e-12, "the reserve was ridden"
            charge = move["charge"]
        assert scooter["end_charge"] == charge
        assert 0.0 <= charge <= 1.0
    night = day.log.overnight["scooter"]["charge"]
    assert np.all((night >= 0.0) & (night <= 1.0))


@law
def a_fleet_that_is_left_alone_starts_the_next_day_where_and_as_this_one_ended(day: Day) -> None:
    if day.told.services["scooter"].overnight.kind == "leave":  # type: ignore[attr-defined]
        fleet, kept = vehicles_of(day, "scooter"), day.log.overnight["scooter"]
        assert kept["node"].tolist() == [scooter["end_place"] for scooter in fleet]
        assert kept["charge"].tolist() == [scooter["end_charge"] for scooter in fleet]


@law
def no_hub_is_filled_beyond_its_capacity_by_parking(day: Day) -> None:
    """A promise takes room where the ride will end; the room where the scooter stands is free when it is fetched."""
    about: Any = day.told.services["scooter"]
    if about.parking == "anywhere":
        return
    capacity = {STREETS[round((hub.lon - 25.0) * METRES_PER_DEGREE / 600.0)]: hub.capacity for hub in about.hubs}
    standing = Counter(scooter["start_place"] for scooter in vehicles_of(day, "scooter"))
    moves = {(move["vehicle"], move["end_s"]): move for move in rows(day.log, "moves", service="scooter")}
    promised = [
        (booking["t_s"], moves[booking["vehicle"], booking["end_s"]])
        for booking in rows(day.log, "bookings", service="scooter", end="ridden")
    ]
    # What happens in one moment: first all that leaves.
    steps = [(move["t_s"], 0, move["origin"]) for _, move in promised] + [
        (t_s, 1, move["destination"]) for t_s, move in promised
    ]
    for _, comes, place in sorted(steps):
        standing[place] += 1 if comes else -1
        assert not comes or standing[place] <= capacity[place]


@law
def riders_in_are_riders_out_and_nobody_rides_beyond_the_places(day: Day) -> None:
    for service in ("rail", "shuttle"):
        places = {vehicle["vehicle"]: vehicle["places"] for vehicle in vehicles_of(day, service)}
        aboard: Counter[int] = Counter()
        boarded = 0
        for call in sorted(rows(day.log, "calls", service=service), key=lambda call: (call["run"], call["step"])):
            aboard[call["run"]] += call["boarded"] - call["alighted"]
            assert 0 <= call["aboard"] == aboard[call["run"]] <= places[call["vehicle"]]
            assert call["left_behind"] == 0 or call["aboard"] == places[call["vehicle"]]
            boarded += call["boarded"]
        assert not any(aboard.values()), "somebody never got off"
        assert boarded == sum(leg["ride_s"] > 0 for leg in rows(day.log, "legs", service=service))


@law
def a_reserved_seat_is_never_taken_by_somebody_else(day: Day) -> None:
    promises = rows(day.log, "bookings", service="shuttle")
    if day.told.services["shuttle"].reserved_seats:  # type: ignore[attr-defined]
        assert not any(call["left_behind"] for call in rows(day.log, "calls", service="shuttle"))
        assert all(booking["end"] != "expired" or booking["end_s"] == END_S for booking in promises)
    keys = [(row["person"], row["trip"], row["leg"], row["step"]) for row in promises]
    assert len(set(keys)) == len(keys)


@law
def a_private_vehicle_comes_home_with_its_tour(day: Day) -> None:
    tours: dict[tuple[int, int], set[str]] = defaultdict(set)
    for trip in rows(day.log, "trips"):
        if trip["origin"] != trip["destination"] and trip["outcome"] in ("arrived", "unserved"):
            tours[trip["person"], trip["tour"]].add(trip["chain"])
    for (number, _), chains in tours.items():
        for vehicle in chains & {"bicycle", "car"}:
            assert chains == {vehicle}
            assert getattr(day.town.people, {"car": "main_driver"}.get(vehicle, vehicle))[number]


@law
def the_same_day_twice_is_the_same_day(day: Day) -> None:
    if len(day.trips) < 8:
        again = live(day.told, day.town, day.log.record.seed, carried=day.carried)
        assert again.fingerprint == day.log.fingerprint


@settings(max_examples=EXAMPLES)
@given(days())
def test_every_law_holds_on_any_day(day: Day) -> None:
    for holds in LAWS:
        holds(day)


def test_the_drawn_days_hold_what_the_laws_are_about() -> None:
    """The laws would hold on empty days too: see that rides, refusals, full vehicles and late trips occur."""
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(days())
    def look(day: Day) -> None:
        seen.update(row["reason"] for row in rows(day.log, "refusals"))
        seen.update(row["service"] for row in rows(day.log, "legs"))
        seen.update(row["outcome"] for row in rows(day.log, "trips"))
        seen.update("left_behind" for call in rows(day.log, "calls") if call["left_behind"])
        seen.update("outside" for leg in rows(day.log, "legs") if leg["destination"] == CITY)

    look()
    expected = {
        "no_vehicle",
        "no_parking",
        "low_battery",
        "too_short",
        "full",
        "walk",
        "bicycle",
        "car",
        "rail",
        "scooter",
        "shuttle",
    }
    expected |= {"arrived", "unserved", "under_way", "not_started", "left_behind", "outside"}
    assert expected <= set(seen), expected - set(seen)
