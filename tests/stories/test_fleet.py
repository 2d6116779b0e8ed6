"""Shared fleets as they are run, by hand in the hamlet: promises, lost races, broken vehicles, hubs, nights, prices.

From one place to the next: 500 s on foot, 150 s by scooter and 30 s to unlock and lock (tests/kit/hamlet.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.results.facts import Facts
from kera_mobility.results.fleet_states import FleetDay
from kera_mobility.services.contract import Offer, Refusal, Requests
from kera_mobility.services.notices import (
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    ServiceClosed,
    Snowfall,
    StreetsChanged,
)
from kera_mobility.services.scooter.fares import Fares, PassSettings
from kera_mobility.services.scooter.fleet import (
    AWAY,
    BROKEN,
    FREE,
    IN_VAN,
    LOW,
    MISSING,
    PARKED,
    RESERVED,
    RIDDEN,
    STANDING,
    STATES,
    Fleet,
)
from kera_mobility.services.scooter.service import Scooter
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S, Run, live
from kera_mobility.town.town import Town
from tests.kit.hamlet import (
    CITY,
    HOME,
    MILL,
    SCHOOL,
    STATION,
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

FAR = {"fleet": 1, "max_walk_m": 1200.0, "hubs": [at(STATION, capacity=4)]}
"""The only scooter stands at the station, 1,000 s on foot from home."""


def day(tmp_path: Path, about: dict[str, Any], *trips: TripRow, carried: Any = None, **more: Any) -> Run:
    town = hamlet_town(tmp_path, trips=trips)
    ways = scenario({"walk": {}, "scooter": about}, ("scooter", "walk"), **more)
    return live(ways, town, carried=carried)


def standing(*nodes: int, **more: Any) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """Return what the night handed over: full scooters at nodes."""
    about = {"node": np.array(nodes), "charge": np.ones(len(nodes))}
    return {"scooter": {**about, **{name: np.array(values) for name, values in more.items()}}}


def ends(log: Run, number: int) -> list[tuple[str, float]]:
    return [(row["end"], row["end_s"]) for row in rows(log, "bookings", person=number)]


def told(log: Run, number: int) -> list[tuple[str, int, float]]:
    return [(row["reason"], row["place"], row["t_s"]) for row in rows(log, "refusals", person=number)]


def states(log: Run, vehicle: int = 0) -> list[tuple[str, float]]:
    return [(row["state"], row["t_s"]) for row in rows(log, "states", vehicle=vehicle)]


def kpi(log: Run, name: str) -> float:
    return next(one.value for one in log.kpis() if one.id == name)


def a_fleet(count: int, **more: Any) -> tuple[EventLog, Fleet]:
    """Return a log and a fleet of full vehicles at the mill."""
    log = EventLog()
    with TemporaryDirectory() as folder:
        town = hamlet_town(Path(folder), trains=())
    world = World(simpy.Environment(), town.skims, Dice.of(1), log, END_S)
    return log, Fleet(world, "scooter", np.full(count, MILL), np.ones(count), **more)


# The fleet itself

MOVES = {
    "reserve": (RESERVED, FREE),
    "release": (PARKED, {RESERVED}),
    "set_off": (RIDDEN, {*FREE, RESERVED}),
    "park": (PARKED, {RIDDEN}),
    "lose": (MISSING, {RIDDEN}),
    "break_down": (BROKEN, {*FREE, RESERVED}),
    "repair": (PARKED, {BROKEN}),
    "take": (IN_VAN, {*FREE, BROKEN}),
    "put": (PARKED, {IN_VAN}),
    "hand_in": (AWAY, {IN_VAN}),
    "withdraw": (AWAY, {*FREE, BROKEN}),
    "bring_back": (PARKED, {AWAY}),
    "swap": (None, {*FREE, BROKEN, IN_VAN}),
}
"""What may be done to a vehicle: the state that follows (low instead of parked with little charge), and from which."""


def apply(fleet: Fleet, what: str, vehicle: int, node: int) -> None:
    one = getattr(fleet, what)
    if what in ("park", "lose"):
        one(vehicle, node, fleet.charge[vehicle] * 0.7)
    elif what in ("put", "hand_in"):
        one([vehicle], node)
    elif what in ("take", "withdraw"):
        one([vehicle])
    else:
        one(vehicle)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 4), st.integers(0, 3)), max_size=60))
def test_each_vehicle_is_in_one_state_at_one_place_whatever_is_done(done: list[tuple[str, int, int]]) -> None:
    log, fleet = a_fleet(5, low_charge=0.5, capacity={MILL: 3})
    for what, vehicle, node in done:
        after, before = MOVES[what]
        was, charge = fleet.state[vehicle], fleet.charge[vehicle]
        if was not in before:
            with pytest.raises(AssertionError, match="cannot become"):
                apply(a_fleet_like(fleet), what, vehicle, node)
            continue
        apply(fleet, what, vehicle, node)
        now = fleet.state[vehicle]
        low = fleet.charge[vehicle] < 0.5
        assert now == (after if after not in (PARKED, None) else (LOW if low else PARKED) if after is not None or
                       was in FREE else was)  # fmt: skip
        assert fleet.charge[vehicle] <= charge or what == "swap"
        assert 0.0 <= fleet.charge[vehicle] <= 1.0
        standing_at = Counter(fleet.node[one] for one in range(5) if fleet.state[one] in STANDING)
        free_at = Counter(fleet.node[one] for one in range(5) if fleet.state[one] in FREE)
        assert all(fleet.standing_at(node) == standing_at[node] for node in range(5))
        assert {node: sorted(free) for node, free in fleet.free.items() if free} == {
            node: [one for one in range(5) if fleet.state[one] in FREE and fleet.node[one] == node] for node in free_at
        }
        assert fleet.room(MILL) == 3 - standing_at[MILL]
        assert sum(fleet.counts(range(len(STATES))).values()) == 5
    last = {row["vehicle"]: row["state"] for row in log.tables()["states"].to_pylist()}
    assert all(STATES[fleet.state[vehicle]] == state for vehicle, state in last.items())


def a_fleet_like(fleet: Fleet) -> Fleet:
    """Return another fleet in the same states, to break."""
    return a_fleet(5, state=np.array(fleet.state))[1]


# Reservation


def test_a_reservation_that_ends_on_the_way_frees_the_scooter_and_the_race_is_lost(tmp_path: Path) -> None:
    # 1 needs until 8:16:40; the scooter is kept until 8:10; 2 stands beside it at 8:11 and rides to school.
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(2, STATION, SCHOOL, "8:11")
    log = day(tmp_path, {**FAR, "reservation_s": 600.0}, *trips)
    assert ends(log, 1) == [("expired", seconds("8:10"))]
    assert ends(log, 2) == [("ridden", seconds("8:14"))]
    late = STATION, seconds("8:16:40")
    assert told(log, 1) == [("lost_race", *late), ("too_short", *late)]
    # The second try finds the scooter at the school, its own destination, and walks there: 500 s.
    assert [(row["destination"], row["walk_s"], row["ride_s"]) for row in rows(log, "legs", person=1)] == [
        (STATION, 1000.0, 0.0), (SCHOOL, 500.0, 0.0),
    ]  # fmt: skip
    assert rows(log, "trips", person=1)[0]["end_s"] == seconds("8:25")
    assert kpi(log, "scooter.lost_race_share") == 0.5


def test_a_reservation_that_ends_costs_nothing_where_nobody_comes(tmp_path: Path) -> None:
    log = day(tmp_path, {**FAR, "reservation_s": 600.0}, trip(1, HOME, SCHOOL, "8:00"))
    # 1,000 s on foot, then 150 s and 30 s, with a new promise.
    assert ends(log, 1) == [("expired", seconds("8:10")), ("ridden", seconds("8:19:40"))]
    assert states(log) == [
        ("reserved", seconds("8:00")), ("parked", seconds("8:10")), ("reserved", seconds("8:16:40")),
        ("ridden", seconds("8:16:40")), ("parked", seconds("8:19:40")),
    ]  # fmt: skip


def test_a_reservation_that_lasts_keeps_the_scooter(tmp_path: Path) -> None:
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(2, STATION, SCHOOL, "8:11")
    log = day(tmp_path, {**FAR, "reservation_s": 1000.0}, *trips)
    assert (ends(log, 1), ends(log, 2)) == ([("ridden", seconds("8:19:40"))], [])
    assert told(log, 2) == [("no_vehicle", STATION, seconds("8:11"))]


def test_without_reservation_who_comes_first_takes_it(tmp_path: Path) -> None:
    # 1 walks from home, 500 s; 2 stands at the mill at 8:05.
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(2, MILL, STATION, "8:05")
    log = day(tmp_path, {"fleet": 1, "reservation": False}, *trips)
    assert ends(log, 2) == [("ridden", seconds("8:08"))]
    assert ends(log, 1) == [("expired", seconds("8:08:20")), ("ridden", seconds("8:19:40"))]
    assert told(log, 1)[0] == ("lost_race", MILL, seconds("8:08:20"))
    # The second try: 2 has parked it at the station, 500 s on; 150 s and 30 s from there.
    assert [row["service"] for row in rows(log, "legs", person=1)] == ["scooter", "scooter"]
    assert rows(log, "trips", person=1)[0]["end_s"] == seconds("8:19:40")


def test_without_reservation_another_scooter_at_the_same_place_will_do(tmp_path: Path) -> None:
    trips = trip(1, HOME, SCHOOL, "8:00"), trip(2, MILL, STATION, "8:05")
    log = day(tmp_path, {"fleet": 2, "reservation": False}, *trips)
    assert [row["vehicle"] for row in rows(log, "bookings")] == [1, 0]
    assert {row["end"] for row in rows(log, "bookings")} == {"ridden"}
    assert not rows(log, "refusals")


# Broken and missing


def test_a_broken_scooter_on_arrival_is_an_event_with_a_second_try(tmp_path: Path) -> None:
    log = day(tmp_path, {"fleet": 1, "broken_chance": 1.0}, trip(1, HOME, SCHOOL, "8:00"))
    assert ends(log, 1) == [("cancelled", seconds("8:08:20"))]
    assert told(log, 1)[0] == ("broken", MILL, seconds("8:08:20"))
    assert states(log) == [("reserved", seconds("8:00")), ("broken", seconds("8:08:20"))]
    # 500 s to the mill, and 1,000 s on foot from there.
    assert rows(log, "trips", person=1)[0]["end_s"] == seconds("8:25")
    assert not rows(log, "moves")


def test_a_second_scooter_is_tried_where_the_first_was_broken(tmp_path: Path) -> None:
    draws = [Dice.of(seed).at("scooter").uniform("broken", vehicle, 0) for seed in range(30) for vehicle in (0, 1)]
    seed = next(seed for seed in range(30) if draws[2 * seed] < 0.5 <= draws[2 * seed + 1])
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, SCHOOL, "8:00")])
    log = live(scenario({"walk": {}, "scooter": {"fleet": 2, "broken_chance": 0.5}}, ("scooter", "walk")), town, seed)
    assert [(row["vehicle"], row["end"]) for row in rows(log, "bookings")] == [(0, "cancelled"), (1, "ridden")]
    assert rows(log, "trips")[0]["replans"] == 1


@pytest.mark.parametrize(("night", "morning"), [("reset", PARKED), ("leave", BROKEN)])
def test_what_is_broken_is_mended_at_night_if_anybody_comes(tmp_path: Path, night: str, morning: int) -> None:
    about = {"fleet": 1, "broken_chance": 1.0, "overnight": {"kind": night}}
    log = day(tmp_path, about, trip(1, MILL, SCHOOL, "8:00"))
    assert log.overnight["scooter"]["state"].tolist() == [morning]
    again = day(tmp_path, {**about, "broken_chance": 0.0}, trip(1, MILL, SCHOOL, "8:00"), carried=log.overnight)
    assert bool(rows(again, "moves")) == (morning == PARKED)
    assert not rows(day(tmp_path, {"fleet": 1}, trip(1, MILL, SCHOOL, "8:00")), "refusals")


def test_a_missing_scooter_is_not_to_be_had_again_that_day(tmp_path: Path) -> None:
    trips = trip(1, MILL, SCHOOL, "8:00"), trip(2, STATION, HOME, "9:00")
    log = day(tmp_path, {"fleet": 1, "missing_chance": 1.0}, *trips)
    assert states(log)[-1] == ("missing", seconds("8:05:30"))
    assert (ends(log, 1), told(log, 2)[0][0]) == ([("ridden", seconds("8:05:30"))], "no_vehicle")


# Rides too short, and room at hubs


@pytest.mark.parametrize(("shortest_m", "rides"), [(200.0, 0), (0.0, 1)])
def test_nobody_walks_to_a_scooter_at_the_destination_to_ride_no_metre(
    tmp_path: Path, shortest_m: float, rides: int
) -> None:
    log = day(tmp_path, {"fleet": 1, "shortest_ride_m": shortest_m}, trip(1, HOME, MILL, "8:00"))
    assert len(rows(log, "moves")) == rides
    assert [reason for reason, *_ in told(log, 1)] == ["too_short"] * (1 - rides)


def test_room_at_a_hub_is_free_when_the_scooter_is_fetched_not_when_it_is_booked(tmp_path: Path) -> None:
    # 1 books the scooter at the mill at 8:00 and fetches it at 8:08:20; the station's room is kept for it. 2 wants to
    # ride from school to the mill meanwhile and finds no room anywhere near; 3 does at 8:09.
    hubs = [at(MILL, capacity=1), at(STATION, capacity=1), at(SCHOOL, capacity=2)]
    about = {"fleet": 3, "parking": "hubs", "hubs": hubs}
    trips = trip(1, HOME, STATION, "8:00"), trip(2, SCHOOL, MILL, "8:08"), trip(3, SCHOOL, MILL, "8:09")
    log = day(tmp_path, about, *trips, carried=standing(MILL, SCHOOL, SCHOOL))
    assert told(log, 2) == [("no_parking", SCHOOL, seconds("8:08"))]
    assert [(row["person"], row["end"]) for row in rows(log, "bookings")] == [(1, "ridden"), (3, "ridden")]


def test_scooters_pile_up_at_a_hub_where_anybody_may_park(tmp_path: Path) -> None:
    # Room for one at the station, three park there at 8:03, 8:13 and 9:03, and one is taken at 9:30.
    hubs = [at(MILL, capacity=4), at(STATION, capacity=1)]
    trips = [trip(number, MILL, STATION, clock) for number, clock in ((1, "8:00"), (2, "8:10"), (3, "9:00"))]
    trips.append(trip(4, STATION, HOME, "9:30"))
    log = day(tmp_path, {"fleet": 3, "hubs": hubs}, *trips, carried=standing(MILL, MILL, MILL))
    assert kpi(log, "scooter.hub_peak.station") == 3
    assert kpi(log, "scooter.hub_peak.mill") == 3
    # Two or three from 8:13 until midnight.
    assert kpi(log, "scooter.hub_minutes_over.station") == pytest.approx(24 * 60 - (8 * 60 + 13))
    assert kpi(log, "scooter.hub_minutes_over.mill") == 0
    assert kpi(log, "scooter.hub_peak_share.max") == 3.0
    # The second and the third came where there was no more room.
    assert kpi(log, "scooter.parking_compliance") == 0.5


@pytest.mark.parametrize(("parking", "place"), [("anywhere", SCHOOL), ("mixed", STATION), ("hubs", STATION)])
def test_with_mixed_parking_rides_end_at_a_hub_near_one(tmp_path: Path, parking: str, place: int) -> None:
    # The school lies 600 m from the hub at the station, the mill at 600 m too, home at 1,200 m.
    about = {"fleet": 1, "hubs": [at(STATION, capacity=4)], "parking": parking, "hub_zone_m": 700.0}
    log = day(tmp_path, about, trip(1, HOME, SCHOOL, "8:00"), carried=standing(HOME))
    if parking == "hubs":
        # Only hubs are looked at for scooters.
        assert not rows(log, "moves")
    else:
        assert [row["destination"] for row in rows(log, "moves")] == [place]
    back = day(tmp_path, about, trip(1, STATION, HOME, "8:00"))
    assert [row["destination"] for row in rows(back, "moves")] == ([] if parking == "hubs" else [HOME])


# Hours and nights


@pytest.mark.parametrize(
    ("clock", "date", "served"),
    [
        ("4:59", "2025-09-20", False), ("5:00", "2025-09-20", True), ("24:30", "2025-09-20", False),
        ("24:30", "2025-09-21", True), ("4:59", "2025-09-17", True), ("24:30", "2025-09-19", False),
    ],
)  # fmt: skip
def test_nothing_is_rented_in_closed_hours(tmp_path: Path, clock: str, date: str, served: bool) -> None:
    # Closed on Saturdays and Sundays from 0 to 5; 20 September 2025 is a Saturday.
    about = {"fleet": 1, "date": date, "closed": [{"until_s": 18_000.0, "days": ["sat", "sun"]}]}
    log = day(tmp_path, about, trip(1, MILL, SCHOOL, clock))
    assert bool(rows(log, "moves")) == served


@pytest.mark.parametrize(
    ("date", "served"), [("2025-03-31", 0), ("2025-04-01", 1), ("2025-10-31", 1), ("2025-11-01", 0)]
)
def test_city_bikes_rest_outside_their_season(tmp_path: Path, date: str, served: int) -> None:
    about = {"fleet": 1, "date": date, "season": {"first": "04-01", "last": "10-31"}}
    assert len(rows(day(tmp_path, about, trip(1, MILL, SCHOOL, "8:00")), "moves")) == served


def test_a_fleet_that_is_withdrawn_at_night_is_away_until_the_morning(tmp_path: Path) -> None:
    # In at 22:00; the one that is ridden then follows at 22:02; out again at 6:00 at its first place.
    trips = trip(1, MILL, SCHOOL, "5:50"), trip(2, MILL, SCHOOL, "6:01"), trip(3, SCHOOL, STATION, "21:59")
    about = {"fleet": 2, "overnight": {"kind": "withdraw", "from_s": 79_200.0, "until_s": 21_600.0}}
    log = day(tmp_path, about, *trips)
    assert not rows(log, "legs", person=1, service="scooter")
    assert [row["person"] for row in rows(log, "bookings")] == [2, 3]
    assert states(log, 0) == [
        ("away", 0.0), ("parked", seconds("6:00")), ("reserved", seconds("6:01")), ("ridden", seconds("6:01")),
        ("parked", seconds("6:06:30")), ("reserved", seconds("21:59")), ("ridden", seconds("21:59")),
        ("parked", seconds("22:02")), ("away", seconds("22:02")),
    ]  # fmt: skip
    assert states(log, 1) == [("away", 0.0), ("parked", seconds("6:00")), ("away", seconds("22:00"))]
    assert log.overnight["scooter"]["node"].tolist() == [MILL, MILL]
    # 6 hours in the morning, 2 hours in the evening less the two minutes.
    assert kpi(log, "scooter.away_share") == pytest.approx((16 * 3600 - 120) / (48 * 3600))


# Prices


@given(
    st.lists(st.integers(0, 64 * 7200), min_size=1, max_size=20), st.integers(0, 64), st.sampled_from([None, 3.0, 0.0]),
    st.floats(0, 3), st.floats(0, 1),
)  # fmt: skip
def test_many_fares_are_single_fares_to_the_bit(
    steps: list[int], held: int, most_eur: float | None, unlock_eur: float, minute_eur: float
) -> None:
    holders = np.array([bool(held >> index & 1) for index in range(4)])
    fares = Fares(unlock_eur, minute_eur, most_eur, PassSettings(share=0.5, free_minutes=3), holders)
    ride_s, rows = np.array(steps) / 64.0, np.arange(len(steps)) % 4
    many = fares.of_rides(ride_s, rows)
    assert many.tolist() == [fares.of_ride(float(one), int(row)) for one, row in zip(ride_s, rows, strict=True)]
    assert most_eur is None or (many <= most_eur).all()


@pytest.mark.parametrize(
    ("prices", "fare_eur"),
    [
        ({}, 1.0 + 5 * 0.25),
        ({"most_eur": 2.0}, 2.0),
        ({"ride_pass": {"share": 1.0, "unlock_eur": 0.0, "minute_eur": 0.1}}, 0.5),
        ({"ride_pass": {"share": 1.0, "unlock_eur": 0.5, "minute_eur": 0.1, "free_minutes": 4}}, 0.6),
        ({"ride_pass": {"share": 0.0, "unlock_eur": 0.0, "minute_eur": 0.1}}, 1.0 + 5 * 0.25),
    ],
)
def test_a_ride_costs_unlocking_and_started_minutes_less_with_a_pass_and_never_more_than_the_most(
    tmp_path: Path, prices: dict[str, Any], fare_eur: float
) -> None:
    # 1,200 m at 4 m/s are 300 s, five minutes.
    log = day(tmp_path, {"fleet": 1, **prices}, trip(1, MILL, SCHOOL, "8:00"))
    assert [row["fare_eur"] for row in rows(log, "legs")] == [pytest.approx(fare_eur)]


def test_a_larger_share_of_passes_holds_the_smaller_one_and_brings_its_price(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, people=[person(number) for number in range(200)])
    held = []
    for share in (0.0, 0.3, 0.6, 1.0):
        about = {"ride_pass": {"share": share, "month_eur": 15.0}}
        service = live_services(scenario({"scooter": about}), town)[1]["scooter"]
        assert isinstance(service, Scooter)
        held.append(service._pass_holders)
        assert service.about()["pass_eur_per_day"] == pytest.approx(held[-1].sum() * 0.5)
    assert [int(one.sum()) for one in held[::3]] == [0, 200]
    assert all(np.all(more[fewer]) for fewer, more in pairwise(held))
    assert 30 < held[1].sum() < 90


# Another kind of vehicle


def test_a_city_bike_is_a_scooter_with_other_settings(tmp_path: Path) -> None:
    about = {
        "kind": "scooter", "mode": "bicycle_share", "nest": "bicycle", "sustainable": True, "energy_wh_per_km": 0.0,
        "fleet": 1, "parking": "hubs", "speed_m_s": 4.0, "handling_s": 30.0, "max_walk_m": 600.0,
        "registered": [{"from_age": 0, "share": 1.0}], "hubs": [at(MILL, capacity=2), at(SCHOOL, capacity=2)],
    }  # fmt: skip
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, SCHOOL, "8:00")])
    log = live(
        scenario({"walk": {}, "bikes": about}, ("bikes", "walk")), town,
        carried={"bikes": {"node": np.array([MILL]), "charge": np.ones(1)}},
    )  # fmt: skip
    assert {name: log.stats["services"]["bikes"][name] for name in ("mode", "nest", "sustainable")} == {
        "mode": "bicycle_share", "nest": "bicycle", "sustainable": True,
    }  # fmt: skip
    assert rows(log, "moves")[0]["charge"] == 1.0
    shares = {one.id: one.value for one in log.kpis()}
    assert (shares["mode_share.bicycle_share"], shares["sustainable_share"]) == (1.0, 1.0)
    assert Scooter.mode == "scooter", "what one service is says nothing of the kind"


# Notices


def stage(tmp_path: Path, about: dict[str, Any], clock: str = "8:00") -> tuple[World, Scooter, Town]:
    town = hamlet_town(tmp_path, people=[person(1)])
    world, services = live_services(scenario({"scooter": about}), town, clock)
    service = services["scooter"]
    assert isinstance(service, Scooter)
    return world, service, town


@pytest.mark.parametrize(
    ("topic", "service", "reason"),
    [
        (BookingSuspended, "scooter", "offline"), (BookingSuspended, "taxi", ""), (ServiceClosed, "scooter", "closed"),
        (Snowfall, "", "snow"), (FleetWithdrawn, "scooter", "withdrawn"),
    ],
)  # fmt: skip
def test_a_notice_stops_new_rentals_until_it_is_over(
    tmp_path: Path, topic: type[Notice], service: str, reason: str
) -> None:
    world, scooter, town = stage(tmp_path, {"fleet": 2})
    wish = leg(town, "scooter", 1, MILL, SCHOOL)
    world.post(topic(text="news", service=service))
    told = scooter.quote(wish)
    assert (told.reason if isinstance(told, Refusal) else "") == reason
    world.post(topic(text="over", service=service, ends=True))
    assert isinstance(scooter.quote(wish), Offer)


def test_a_ride_under_way_ends_as_it_would_when_the_operator_goes_offline(tmp_path: Path) -> None:
    world, scooter, town = stage(tmp_path, {"fleet": 1})
    booking = scooter.book(leg(town, "scooter", 1, HOME, SCHOOL))
    got: list[Any] = []

    def rider() -> Any:
        got.append((yield from scooter.ride(booking)))  # type: ignore[arg-type]

    world.env.process(rider())
    world.env.run(until=seconds("8:01"))
    world.post(BookingSuspended(text="news", service="scooter"))
    world.env.run(until=seconds("9:00"))
    assert (got[0].place, got[0].refusal) == (SCHOOL, None)


def test_heavy_snow_does_not_stop_what_rides_in_snow(tmp_path: Path) -> None:
    world, scooter, town = stage(tmp_path, {"fleet": 1, "rides_in_snow": True})
    world.post(Snowfall(text="news"))
    assert isinstance(scooter.quote(leg(town, "scooter", 1, MILL, SCHOOL)), Offer)


@pytest.mark.parametrize(("part", "stay"), [(0.0, 4), (0.25, 3), (0.5, 2), (1.0, 0)])
def test_a_part_of_the_fleet_is_withdrawn_the_same_first(tmp_path: Path, part: float, stay: int) -> None:
    world, scooter, town = stage(tmp_path, {"fleet": 4})
    world.post(FleetWithdrawn(text="half of it", service="scooter", part=part))
    away = scooter.fleet.in_state(AWAY)
    order = np.argsort(town.dice.uniform("withdrawn", "scooter", np.arange(4))).tolist()
    assert away == sorted(order[: 4 - stay])
    found = scooter.quote(leg(town, "scooter", 1, MILL, SCHOOL))
    assert found.reason == "withdrawn" if not stay else isinstance(found, Offer)  # type: ignore[union-attr]
    world.post(FleetWithdrawn(text="over", service="scooter", ends=True))
    assert scooter.fleet.counts() == {MILL: 4}


def test_a_street_that_is_shut_is_not_ridden_from_then_on(tmp_path: Path) -> None:
    world, scooter, town = stage(tmp_path, {"fleet": 1})
    wish, open_streets = leg(town, "scooter", 1, HOME, SCHOOL), world.streets
    assert isinstance(scooter.quote(wish), Offer)
    cycle_m = np.array(open_streets.cycle_m)
    cycle_m[:STATION, STATION:] = np.inf
    for skims, served in ((replace(open_streets, cycle_m=cycle_m), False), (open_streets, True)):
        world.post(StreetsChanged(text="news", streets=town.streets, skims=skims))
        assert isinstance(scooter.quote(wish), Offer) == served
        asked = Requests(np.array([0]), np.array([HOME]), np.array([SCHOOL]), np.array([world.env.now]))
        assert scooter.bound(asked).possible[0] or not served
        assert scooter.expect(asked).possible[0] == served


# Figures


def test_use_money_carbon_and_injuries_by_hand(tmp_path: Path) -> None:
    # Two scooters, one ride of 1,200 m and one of 600 m with one of them: 0.0324 kWh of 0.55.
    trips = trip(1, MILL, SCHOOL, "8:00"), trip(2, SCHOOL, STATION, "9:00")
    log = day(tmp_path, {"fleet": 2}, *trips)
    found = {one.id.removeprefix("scooter."): one.value for one in log.kpis() if one.id.startswith("scooter.")}
    assert (found["rides_per_vehicle_day"], found["unused_share"]) == (1.0, 0.5)
    assert found["idle_share"] == pytest.approx(1.0 - (330.0 + 180.0) / 172_800.0)
    marginal = 2 * 0.3 + 0.0324 * 0.15 + 0.0324 / 0.55 * 4.0
    operating = marginal + 2 * 0.5
    assert found["marginal_cost_eur_per_ride"] == pytest.approx(marginal / 2)
    assert found["operating_cost_eur_per_ride"] == pytest.approx(operating / 2)
    assert found["full_cost_eur_per_ride"] == pytest.approx((operating + 2 * 700.0 / 1080.0) * 1.2 / 2)
    grams = 2 * 160.0 + 0.0324 * 40.0
    assert found["life_cycle_g_per_km"] == pytest.approx(grams / 1.8)
    assert found["life_cycle_g_per_ride"] == pytest.approx(grams / 2)
    assert found["injuries_hospital"] == pytest.approx(2 * 9 / 100_000)
    assert found["injuries_treated"] == pytest.approx(1.8 * 5.1 / 1e6)
    by_id = {one.id: one.definition for one in log.kpis()}
    assert "Vasara" in by_id["scooter.injuries_hospital"]
    assert "operators" in by_id["scooter.injuries_treated"]
    assert "1.4 to 2.3" in by_id["scooter.rides_per_vehicle_day"]
    assert "Vuosaari" in by_id["scooter.rides_per_vehicle_day"]


def test_the_low_share_counts_free_vehicles_with_little_charge(tmp_path: Path) -> None:
    # Scooter 0 is low from the morning on; 1 is parked with 0.23 and rides 1,200 m, 0.039 of its battery, at noon.
    about = {"fleet": 2, "low_charge": 0.2}
    night = standing(MILL, MILL)
    night["scooter"]["charge"] = np.array([0.1, 0.23])
    log = day(tmp_path, about, trip(1, MILL, SCHOOL, "12:00"), carried=night)
    low_s = 86_400.0 + 86_400.0 - seconds("12:05:30")
    assert kpi(log, "scooter.low_share") == pytest.approx(low_s / (2 * 86_400.0 - 330.0))
    whole = FleetDay(Facts(log.record), "scooter")
    assert sum(whole.seconds((state,)) for state in STATES) == 2 * 86_400.0


# Laws of any day


@st.composite
def days(draw: Any) -> tuple[list[TripRow], dict[str, Any], int]:
    """Return a day in which everything happens to a small fleet: trips, settings, seed."""
    trips = []
    for number in range(draw(st.integers(1, 10))):
        here, clock_s = draw(st.sampled_from([HOME, MILL, STATION, SCHOOL])), 28_800.0
        for _ in range(draw(st.integers(1, 4))):
            there = draw(st.sampled_from([HOME, MILL, STATION, SCHOOL]))
            clock_s += 60.0 * draw(st.integers(0, 15))
            trips.append(trip(number, here, there, clock_s))
            here = there
    hubs = [at(MILL, capacity=2), at(SCHOOL, capacity=1)]
    about = {
        "fleet": draw(st.integers(1, 4)), "hubs": hubs, "max_walk_m": 1200.0,
        "parking": draw(st.sampled_from(["hubs", "anywhere", "mixed"])),
        "reservation": draw(st.booleans()), "reservation_s": draw(st.sampled_from([200.0, 600.0, 1200.0])),
        "broken_chance": draw(st.sampled_from([0.0, 0.4])), "missing_chance": draw(st.sampled_from([0.0, 0.3])),
        "battery_wh": draw(st.sampled_from([60.0, 550.0])), "shortest_ride_m": draw(st.sampled_from([0.0, 200.0])),
        "overnight": {"kind": draw(st.sampled_from(["leave", "reset", "withdraw"]))},
        "crews": {"vans": draw(st.integers(0, 1)), "swap_below": 0.9, "rebalancing": {"kind": "threshold"}},
    }  # fmt: skip
    return trips, about, draw(st.integers(0, 99))


def lived(drawn: tuple[list[TripRow], dict[str, Any], int]) -> Run:
    trips, about, seed = drawn
    with TemporaryDirectory() as folder:
        town = hamlet_town(Path(folder), trips=trips, trains=())
    return live(scenario({"walk": {}, "scooter": about}, ("scooter", "walk")), town, seed=seed)


FOLLOWS = {
    "parked": {"reserved", "ridden", "broken", "in_van", "away", "parked", "low"},
    "low": {"reserved", "ridden", "broken", "in_van", "away", "parked", "low"},
    "reserved": {"parked", "low", "ridden", "broken"},
    "ridden": {"parked", "low", "missing"},
    "broken": {"parked", "low", "in_van", "away", "broken"},
    "in_van": {"parked", "low", "in_van", "away"},
    "away": {"parked", "low"},
    "missing": set[str](),
}  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(days())
def test_vehicles_are_conserved_and_every_booking_ends_once_on_any_day(drawn: Any) -> None:
    log = lived(drawn)
    vehicles = log.record.vehicles.to_pylist()
    crews = log.stats["services"]["scooter"]["crews"] is not None
    for vehicle in (one["vehicle"] for one in vehicles):
        state, charge = "parked", next(one["start_charge"] for one in vehicles if one["vehicle"] == vehicle)
        for row in sorted(rows(log, "states", vehicle=vehicle), key=lambda row: row["step"]):
            assert row["state"] in FOLLOWS[state] or (row["step"] == 0 and row["t_s"] == 0.0)
            assert row["charge"] >= 0.0
            swapped = crews and row["state"] in ("parked", "low", "broken", "in_van")
            assert row["charge"] <= charge or swapped
            state, charge = row["state"], row["charge"]
        assert next(one["end_charge"] for one in vehicles if one["vehicle"] == vehicle) == charge
    bookings = rows(log, "bookings")
    keys = [(row["person"], row["trip"], row["leg"], row["step"], row["t_s"]) for row in bookings]
    assert len(set(keys)) == len(keys)
    assert {row["end"] for row in bookings} <= {"ridden", "cancelled", "expired"}
    ridden = Counter((row["person"], row["trip"], row["leg"]) for row in bookings if row["end"] == "ridden")
    rode = Counter((row["person"], row["trip"], row["leg"]) for row in rows(log, "legs", service="scooter")
                   if row["ride_s"] > 0)  # fmt: skip
    assert ridden == rode
    assert len(rows(log, "moves", cause="ride")) == sum(ridden.values())
    whole = FleetDay(Facts(log.record), "scooter")
    assert sum(whole.seconds((state,)) for state in STATES) == len(vehicles) * 86_400.0


def test_the_drawn_days_see_all_that_can_happen() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=80, deadline=None, derandomize=True, database=None)
    @given(days())
    def look(drawn: Any) -> None:
        log = lived(drawn)
        seen.update(row["state"] for row in rows(log, "states"))
        seen.update(row["reason"] for row in rows(log, "refusals"))
        seen.update(row["end"] for row in rows(log, "bookings"))

    look()
    expected = {"reserved", "ridden", "broken", "missing", "away", "low", "lost_race", "expired", "cancelled"}
    assert expected <= set(seen), expected - set(seen)


def test_a_scooter_goes_nowhere_outside_its_area(tmp_path: Path) -> None:
    _, scooter, town = stage(tmp_path, {"fleet": 1})
    told = scooter.quote(leg(town, "scooter", 1, STATION, CITY))
    assert isinstance(told, Refusal)
    assert told.reason == "outside_area"
