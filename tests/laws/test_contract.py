"""What every way to travel must keep. A new service is found by its `kind` and asked the same questions.

A kind that cannot begin with its defaults in the hamlet needs settings in CASES or in tests.kit.hamlet.WAYS.
"""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.demand.choice_model import TIME_CLASSES, ChoiceModel
from kera_mobility.results.events import fingerprint
from kera_mobility.services.base import service_kinds
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import LENGTH_STEPS_PER_M, STEPS_PER_S
from tests.kit.hamlet import MILL, PLACES, SCHOOL, STATION, WAYS, at, hamlet_town, leg, live_services, person, scenario

KINDS = service_kinds()
THREE_HUBS = [at(MILL, capacity=2), at(STATION, capacity=1), at(SCHOOL, capacity=1)]
CASES: dict[str, list[dict[str, Any]]] = {
    "scooter": [
        {},
        {"parking": "hubs", "hubs": THREE_HUBS, "fleet": 2},
        {"overnight": {"kind": "leave"}, "fleet": 1, "max_walk_m": 1200.0},
        {"parking": "mixed", "hub_zone_m": 700.0, "hubs": [at(MILL, capacity=9)], "most_eur": 1.5},
        {"reservation": False, "energy_wh_per_km": 0.0, "ride_pass": {"share": 0.5}},
    ],
    "on_demand": [
        {},
        {"dispatch": {"kind": "batch"}, "stops_tried": 3, "fare_eur_per_km": 0.5},
        {"dispatch": {"kind": "nearest"}, "vehicles": 4, "seats": 1, "repositioning": {"kind": "expected"}},
    ],
    "shuttle": [
        {},
        {"reserved_seats": False, "seats": 1},
        {"stops": [at(MILL), at(STATION), at(SCHOOL)], "headway_s": 800.0, "seats": 1, "patience": 0},
    ],
}
CLOCKS = ("6:00", "7:00", "7:59:59.984375", "8:10:30", "9:00", "21:50", "27:00")
PAIRS = [(origin, destination) for origin, destination in product(PLACES, PLACES) if origin != destination]


def _cases(*, firm_only: bool = False) -> list[Any]:
    by_kind = {settings["kind"]: settings for settings in WAYS.values()}
    return [
        pytest.param({**by_kind.get(kind, {"kind": kind}), **changes}, id=f"{kind}-{number}")
        for kind, service in KINDS.items()
        if not (firm_only and service.capacity_limited)
        for number, changes in enumerate(CASES.get(kind, [{}]))
    ]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    people = [
        person(number, bicycle=True, car=True, household_cars=1, season_ticket=number % 2 == 0) for number in range(6)
    ]
    return hamlet_town(tmp_path_factory.mktemp("hamlet"), people=people)


@pytest.fixture(params=_cases())
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


class Stage:
    """One service on a world of its own, at a time of the day."""

    def __init__(self, settings: dict[str, Any], town: Town, clock: str | float = "8:00") -> None:
        self.town = town
        self.world: World
        self.world, services = live_services(scenario({"one": settings}), town, clock)
        self.service = services["one"]

    def leg(self, number: int, origin: int, destination: int, trip: int = 0) -> Leg:
        return leg(self.town, "one", number, origin, destination, trip)

    def snapshot(self) -> dict[str, Any]:
        """Return all that anyone can see of the service."""
        peeks = [self.service.quote(self.leg(number, *pair)) for number in (0, 5) for pair in PAIRS]
        night = {name: values.tolist() for name, values in self.service.overnight().items()}
        return {"peeks": peeks, "night": night, "vehicles": repr(self.service.vehicles()), "now": self.world.env.now}

    def bookings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.log.tables()["bookings"].to_pylist()
        return found

    def ride(self, booking: Booking) -> Outcome:
        """Return the outcome of a ride with nobody else about."""
        env, got = self.world.env, []

        def rider() -> Any:
            got.append((yield from self.service.ride(booking)))

        env.run(until=env.process(rider()))
        return got[0]

    def first_possible(self, number: int = 0, trip: int = 0) -> Leg:
        """Return a leg that is offered now."""
        for pair in PAIRS:
            wish = self.leg(number, *pair, trip)
            if isinstance(self.service.quote(wish), Offer):
                return wish
        raise AssertionError(f"{self.service.kind} offers nothing in the hamlet: give it settings in CASES")


def every_request(clock_s: float, person_row: int) -> Requests:
    origins, destinations = (np.array(ends, dtype=np.int64) for ends in zip(*PAIRS, strict=True))
    return Requests(
        np.full(len(PAIRS), person_row, dtype=np.int64), origins, destinations, np.full(len(PAIRS), clock_s)
    )


def same_bits(one: Offers, other: Offers) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one.columns, other.columns, strict=True))


def on_grid(values: Any, steps: int) -> bool:
    finite = np.asarray(values)[np.isfinite(values)]
    return bool(np.all(finite * steps == np.round(finite * steps)))


def test_the_family_is_not_empty() -> None:
    assert {"walk", "bicycle", "car", "car_passenger", "transit", "scooter", "shuttle"} <= set(KINDS)


def test_a_service_says_what_it_is(settings: dict[str, Any]) -> None:
    kind = KINDS[settings["kind"]]
    assert kind.time_class in TIME_CLASSES
    assert kind.mode
    assert kind.nest
    assert kind.direct != kind.line, "a service carries from door to door, or between stops of its own"
    assert not (kind.private and kind.capacity_limited), "a tour is decided before the day"
    assert kind.settings_type.model_fields["kind"].default == kind.kind


def test_members_stops_and_places_fit_the_town(settings: dict[str, Any], town: Town) -> None:
    service = Stage(settings, town).service
    joined = service.members()
    assert (joined.shape, joined.dtype) == ((6,), np.bool_)
    assert np.all((service.stops() >= 0) & (service.stops() < town.streets.nodes))
    assert all(0 <= node < town.streets.nodes and kind in ("stop", "hub") for node, _, kind in service.places())
    if service.line:
        typical_s = service.typical_s(25_200.0, 68_400.0)  # type: ignore[attr-defined]
        assert typical_s.shape == (len(service.stops()),) * 2
    if service.access_mode:
        requests = every_request(0.0, 0)
        access_time_s = service.access_time_s(requests.origin, requests.destination)
        assert access_time_s.shape == (len(PAIRS),)
        assert np.all(access_time_s >= 0)


@pytest.mark.parametrize("clock_s", [21_600.0, 28_799.984375, 78_600.0])
def test_expecting_is_pure_and_changes_nothing(settings: dict[str, Any], town: Town, clock_s: float) -> None:
    stage = Stage(settings, town, clock_s)
    before = stage.snapshot()
    requests = every_request(clock_s, 0)
    kept = [column.copy() for column in (requests.person, requests.origin, requests.destination, requests.depart_s)]
    first, bound = stage.service.expect(requests), stage.service.bound(requests)
    first.walk_s[:] = first.walk_s  # a view of the service's own arrays would be changed below
    copies = Offers(*(column.copy() for column in first.columns))
    for column in first.columns:
        if column.flags.writeable:
            column += 1.0
    assert same_bits(stage.service.expect(requests), copies)
    assert same_bits(stage.service.bound(requests), bound)
    asked = (requests.person, requests.origin, requests.destination, requests.depart_s)
    assert all(np.array_equal(a, b) for a, b in zip(kept, asked, strict=True))
    assert stage.snapshot() == before


def test_what_one_expects_does_not_hang_on_who_else_asks(settings: dict[str, Any], town: Town) -> None:
    service, requests = Stage(settings, town).service, every_request(28_800.0, 1)
    together = service.expect(requests)
    for index in range(len(PAIRS)):
        row = slice(index, index + 1)
        alone = Requests(requests.person[row], requests.origin[row], requests.destination[row], requests.depart_s[row])
        assert same_bits(service.expect(alone), together.at(row))
    assert len(service.expect(Requests(*(column[:0] for column in (
        requests.person, requests.origin, requests.destination, requests.depart_s)))).walk_s) == 0  # fmt: skip


def test_offers_are_numbers_not_below_zero_and_inf_says_impossible(settings: dict[str, Any], town: Town) -> None:
    service = Stage(settings, town).service
    for clock_s in (0.0, 28_800.0, 100_000.0):
        for offers in (service.expect(every_request(clock_s, 0)), service.bound(every_request(clock_s, 0))):
            possible = offers.possible
            assert np.all(np.isposinf(offers.walk_s[~possible]))
            for column in offers.columns:
                assert column.shape == (len(PAIRS),)
                assert np.all(np.isfinite(column[possible]))
                assert not np.any(np.isnan(column))
                assert np.all(column[possible] >= 0)
            for times in (offers.walk_s, offers.wait_s, offers.ride_s):
                assert on_grid(times, STEPS_PER_S)


@pytest.mark.parametrize("settings", _cases(firm_only=True))
@pytest.mark.parametrize("clock", CLOCKS)
def test_the_array_form_is_the_live_form_to_the_bit_where_an_offer_is_firm(
    settings: dict[str, Any], town: Town, clock: str
) -> None:
    stage = Stage(settings, town, clock)
    for number in (0, 1):
        expected = stage.service.expect(every_request(stage.world.env.now, number))
        for index, pair in enumerate(PAIRS):
            offer = stage.service.quote(stage.leg(number, *pair))
            if isinstance(offer, Refusal):
                assert not expected.possible[index]
            else:
                assert offer == tuple(float(column[index]) for column in expected.columns)


@pytest.mark.parametrize("clock", CLOCKS)
def test_no_live_offer_is_better_than_the_bound(settings: dict[str, Any], town: Town, clock: str) -> None:
    stage = Stage(settings, town, clock)
    service, choice = stage.service, ChoiceModel(scenario({"one": settings}).choice)
    purpose = np.zeros(len(PAIRS), dtype=np.int64)
    expected, bound = (answer(every_request(stage.world.env.now, 0)) for answer in (service.expect, service.bound))
    best = choice.leg_utility(purpose, service.time_class, bound, on_foot=False)
    hoped = choice.leg_utility(purpose, service.time_class, expected, on_foot=False)
    assert np.all(best >= hoped)
    for index, pair in enumerate(PAIRS):
        offer = service.quote(stage.leg(0, *pair))
        if isinstance(offer, Offer):
            assert bound.possible[index]
            found = choice.utility_of_offer(0, service.time_class, offer)
            assert best[index] >= found, (pair, offer, [float(column[index]) for column in bound.columns])


def test_peeking_changes_nothing(settings: dict[str, Any], town: Town) -> None:
    stage = Stage(settings, town)
    waiting, logged = len(stage.world.env._queue), fingerprint(stage.world.log.tables())
    before = stage.snapshot()
    assert stage.snapshot() == before
    assert len(stage.world.env._queue) == waiting
    assert fingerprint(stage.world.log.tables()) == logged


def test_a_booking_is_what_was_offered_in_that_moment(settings: dict[str, Any], town: Town) -> None:
    refused = promised = 0
    for pair in PAIRS:
        stage = Stage(settings, town)
        wish = stage.leg(0, *pair)
        offer, booking = stage.service.quote(wish), stage.service.book(wish)
        if stage.service.line:
            # A ticket is not a seat: a line promises its fare alone.
            assert isinstance(booking, Booking)
            assert isinstance(offer, Refusal) or booking.offer.fare_eur == offer.fare_eur
        elif isinstance(offer, Refusal):
            assert booking == offer
        else:
            assert isinstance(booking, Booking)
            assert (booking.offer, booking.made_s, booking.leg) == (offer, stage.world.env.now, wish)
            promised += 1
        if isinstance(offer, Refusal):
            refused += 1
            assert offer.place == wish.origin
            assert offer.reason.isidentifier()
    assert stage.service.line or promised
    assert refused < len(PAIRS)


def test_cancelled_bookings_leave_no_trace(settings: dict[str, Any], town: Town) -> None:
    stage = Stage(settings, town)
    before, wish = stage.snapshot(), stage.first_possible()
    asked = [stage.service.book(stage.leg(number, wish.origin, wish.destination)) for number in range(6)]
    made = [answer for answer in asked if isinstance(answer, Booking)]
    assert made
    if stage.service.capacity_limited and settings.get("reserved_seats", True) and settings.get("reservation", True):
        assert stage.snapshot() != before, "six people took nothing from what is scarce"
    for booking in made:
        stage.service.cancel(booking)
    assert stage.snapshot() == before
    if stage.service.capacity_limited:
        assert [booking["end"] for booking in stage.bookings()] == ["cancelled"] * len(made)


def test_a_ride_ends_where_it_says_and_takes_as_long_as_offered(settings: dict[str, Any], town: Town) -> None:
    ridden = 0
    for pair in PAIRS:
        stage = Stage(settings, town)
        wish = stage.leg(0, *pair)
        offer = stage.service.quote(wish)
        if isinstance(offer, Refusal):
            continue
        booking = stage.service.book(wish)
        assert isinstance(booking, Booking)
        begin_s = stage.world.env.now
        got = stage.ride(booking)
        ridden += 1
        assert (got.place, got.refusal) == (wish.destination, None)
        assert (got.walk_s, got.wait_s, got.ride_s, got.fare_eur) == offer[:4]
        assert stage.world.env.now - begin_s == got.walk_s + got.wait_s + got.ride_s
        assert all(math.isfinite(value) and value >= 0 for value in got[1:7])
        assert on_grid(got[1:4], STEPS_PER_S)
        if not stage.service.line:
            assert on_grid(got[4:6], LENGTH_STEPS_PER_M)
    assert ridden


def test_every_booking_ends_once_ridden_cancelled_or_expired(settings: dict[str, Any], town: Town) -> None:
    stage = Stage({**settings, **({"fleet": 4} if "fleet" in settings else {}), **_room(settings)}, town)
    service, env = stage.service, stage.world.env
    made = [service.book(stage.first_possible(number, trip=number)) for number in range(4)]
    assert all(isinstance(booking, Booking) for booking in made)
    ridden, dropped, interrupted, _never_begun = made
    service.cancel(dropped)  # type: ignore[arg-type]
    env.process(service.ride(interrupted))  # type: ignore[arg-type]
    env.run(until=env.now + 0.015625)
    begun_s = env.now
    service.finish()
    assert env.now == begun_s
    if service.capacity_limited:
        assert sorted((row["person"], row["end"]) for row in stage.bookings()) == [
            (0, "expired"), (1, "cancelled"), (2, "expired"), (3, "expired"),
        ]  # fmt: skip
        service.finish()
        assert len(stage.bookings()) == 4
    again = Stage(settings, town)
    booking = again.service.book(again.first_possible())
    again.ride(booking)  # type: ignore[arg-type]
    again.service.finish()
    if service.capacity_limited:
        assert [row["end"] for row in again.bookings()] == ["ridden"]
    else:
        assert again.bookings() == []
    assert isinstance(ridden, Booking)


def _room(settings: dict[str, Any]) -> dict[str, Any]:
    roomy: dict[str, Any] = {"seats": 4} if "seats" in settings else {}
    if settings.get("parking") == "hubs":
        roomy["hubs"] = [{**hub, "capacity": 10} for hub in settings["hubs"]]
    return roomy


def test_the_night_hands_over_what_the_morning_starts_from(settings: dict[str, Any], town: Town) -> None:
    evening = Stage(settings, town)
    booking = evening.service.book(evening.first_possible())
    evening.ride(booking)  # type: ignore[arg-type]
    evening.service.finish()
    carried = evening.service.overnight()
    kept = {name: values.copy() for name, values in carried.items()}
    morning = Stage(settings, town, 0.0)
    morning.service.start(morning.world, carried)
    again = morning.service.overnight()
    assert again.keys() == carried.keys()
    for name, values in carried.items():
        assert isinstance(values, np.ndarray)
        assert np.array_equal(values, again[name])
    rider = morning.service.book(morning.first_possible())
    morning.ride(rider)  # type: ignore[arg-type]
    assert all(np.array_equal(carried[name], kept[name]) for name in carried), "the morning wrote on last night's paper"


def test_vehicles_are_real(settings: dict[str, Any], town: Town) -> None:
    vehicles = Stage(settings, town).service.vehicles()
    assert len({vehicle.vehicle for vehicle in vehicles}) == len(vehicles)
    for vehicle in vehicles:
        assert vehicle.places >= 1
        assert {vehicle.start_place, vehicle.end_place} <= set(PLACES)
        for charge in (vehicle.start_charge, vehicle.end_charge):
            assert math.isnan(charge) or 0 <= charge <= 1


def test_the_settings_of_a_service_are_checked(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="walk_speed_m_s"):
        scenario({"one": {**settings, "walk_speed_m_s": -1.0}})
    with pytest.raises(ValueError, match="no_such_key"):
        scenario({"one": {**settings, "no_such_key": 1}})
