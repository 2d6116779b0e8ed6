"""A hamlet of five places, small enough to work out a whole day by hand.

            600 m        600 m         600 m
    HOME ─────────── MILL ─────────── STATION ─────────── SCHOOL
      0                1                 2 ╲                 3
                                            ╲ 6,000 m for cars and bicycles, and a train; nobody walks
                                             CITY (4, outside the map)

Everything takes a round time. From one place to the next:

    walk      600 m / 1.2 m/s        = 500 s
    bicycle   600 m / 5 m/s          = 120 s, and 60 s to park
    car       600 m / 10 m/s         =  60 s free flow, times 1.25 (1.5 in the rush), and 180 s to get in and out
    scooter   600 m / 4 m/s          = 150 s, and 30 s to unlock and lock
    shuttle   600 m / 4 m/s          = 150 s, and 30 s at each stop
    on demand 600 m / 10 m/s         =  60 s, 20 s for the stop, and 5 s for each person in or out
    train     STATION to CITY 600 s, every 900 s from 6:00 on the hour; back at 6:05 and every 900 s

People set out when they are ready and wait at the stop (`early_s` 1,800 s), unless a story says otherwise.

A story is a town, a scenario, a day and its log:

    town = hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, "8:00")])
    log = live(scenario({"walk": {}}), town)
    assert rows(log, "legs")[0]["walk_s"] == 500.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import simpy

from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.services.base import Service
from kera_mobility.services.contract import Leg
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S, Run, open_services
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.population.persons import PURPOSES, People, Trips
from kera_mobility.town.streets.skims import compute_skims
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, ORIGINS, Streets
from kera_mobility.town.timetable.timetable import Timetable
from kera_mobility.town.town import Town

HOME, MILL, STATION, SCHOOL, CITY = PLACES = range(5)
NAMES = ("Home", "Mill", "Station", "School", "City")
X_M = (0.0, 600.0, 1200.0, 1800.0, 7200.0)
LATITUDE = 60.0
METRES_PER_DEGREE = 111_320.0 * 0.5
"""Along the parallel of 60 degrees, on a sphere."""


def at(place: int, **more: Any) -> dict[str, Any]:
    """Return a place as settings name it: a hub with a capacity, a stop."""
    return {"name": NAMES[place], "lon": 25.0 + X_M[place] / METRES_PER_DEGREE, "lat": LATITUDE, **more}


WAYS = {
    "walk": {"kind": "walk", "walk_speed_m_s": 1.2},
    "bicycle": {"kind": "bicycle", "speed_m_s": 5.0, "parking_s": 60.0},
    "car": {"kind": "car", "access_s": 180.0, "factor": 1.25, "cost_eur_per_km": 0.1},
    "car_passenger": {"kind": "car_passenger", "access_s": 180.0, "factor": 1.25},
    "rail": {
        "kind": "transit", "timetable": "trains", "early_s": 1800.0, "circuity": 1.0,
        "fare_single_eur": 3.0, "fare_season_eur": 1.0,
    },
    "scooter": {
        "kind": "scooter", "fleet": 4, "speed_m_s": 4.0, "handling_s": 30.0, "unlock_eur": 1.0, "minute_eur": 0.25,
        "max_walk_m": 600.0, "operating_radius_m": 5000.0, "registered": [{"from_age": 0, "share": 1.0}],
        "hubs": [at(MILL, capacity=4)],
    },
    "shuttle": {
        "kind": "shuttle", "vehicles": 2, "headway_s": 600.0, "speed_m_s": 4.0, "dwell_s": 30.0, "seats": 2,
        "max_walk_m": 600.0, "fare_eur": 1.0, "early_s": 1800.0,
        "stops": [at(MILL), at(STATION)],
    },
    "on_demand": {
        "kind": "on_demand", "vehicles": 2, "depots": [at(MILL)], "operating_radius_m": 5000.0, "stop_spacing_m": 0.0,
        "max_walk_m": 600.0, "stops_tried": 1, "driving_factor": 1.0, "stop_s": 20.0, "person_s": 5.0, "seats": 4,
        "fare_eur": 2.0, "shifts": [{"start_s": 0.0, "end_s": 100_800.0}],
    },
}  # fmt: skip
"""A way to travel of each kind, with round numbers."""


class PersonRow(NamedTuple):
    """Somebody; the household is one's own unless said."""

    person: int
    home: int = HOME
    age: int = 30
    bicycle: bool = False
    car: bool = False
    """Has a car of one's own use, and a licence."""
    household_cars: int = 0
    household: int = -1
    """One's own if below 0."""
    licence: bool = False
    season_ticket: bool = False
    population: int = 0


class TripRow(NamedTuple):
    """A planned trip; the trips of a person are numbered in the order in which they leave."""

    person: int
    origin: int
    destination: int
    depart_s: float
    tour: int = 0
    purpose: str = "other"


class RunRow(NamedTuple):
    """A train: the places where it calls, when it arrives there and when it departs."""

    calls: tuple[tuple[int, float, float], ...]


def seconds(clock: str | float) -> float:
    """Return seconds from midnight for `8:00`, `8:00:30` or seconds."""
    if not isinstance(clock, str):
        return float(clock)
    hours, minutes, *rest = clock.split(":")
    return 3600.0 * int(hours) + 60.0 * int(minutes) + (float(rest[0]) if rest else 0.0)


def person(number: int, **about: Any) -> PersonRow:
    """Return somebody by id; see PersonRow for what else can be said."""
    return PersonRow(number, **about)


def trip(number: int, origin: int, destination: int, at: str | float, tour: int = 0, purpose: str = "other") -> TripRow:
    """Return a trip that a person plans to begin at a time."""
    return TripRow(number, origin, destination, seconds(at), tour, purpose)


def run(*calls: tuple[int, str | float] | tuple[int, str | float, str | float]) -> RunRow:
    """Return a train by its calls, each a place and a time, or a place, arrival and departure."""
    return RunRow(tuple((place, seconds(times[0]), seconds(times[-1])) for place, *times in calls))


TRAINS = tuple(
    train
    for quarter in range(64)
    for train in (
        run((STATION, 21_600.0 + 900.0 * quarter), (CITY, 22_200.0 + 900.0 * quarter)),
        run((CITY, 21_900.0 + 900.0 * quarter), (STATION, 22_500.0 + 900.0 * quarter)),
    )
)
"""Every quarter of an hour from 6:00 to 21:45 to the city, five minutes later back."""


def hamlet_town(
    tmp_path: Path,
    people: Sequence[PersonRow] = (),
    trips: Sequence[TripRow] = (),
    trains: Sequence[RunRow] = TRAINS,
    *,
    shared_cars: bool = False,
) -> Town:
    """Return the hamlet with its people, what they want to do every day, and its trains.

    Whoever has a trip but is not among the people is somebody without a car or a bicycle.
    """
    known = {one.person: one for one in people}
    known |= {one.person: PersonRow(one.person) for one in trips if one.person not in known}
    rows_by_id = [known[number] for number in sorted(known)]
    streets = hamlet_streets()
    wanted = _trips(rows_by_id, trips)
    if trains:
        hamlet_timetable(trains).save(tmp_path / "timetables" / "trains")
    area = {"name": "hamlet", "title": "The hamlet", "attribution": "drawn by hand", "sources": []}
    town = Town(tmp_path, area, streets, compute_skims(streets), _people(rows_by_id), lambda dice: wanted, Dice.of(1))
    return replace(town, shared_cars=shared_cars)


def scenario(services: Mapping[str, Mapping[str, Any]], prefer: Sequence[str] = (), **overrides: Any) -> Scenario:
    """Return a scenario with some ways to travel.

    Parameters
    ----------
    services
        Name -> what is different from WAYS; another name must say its `kind`.
    prefer
        Names of ways to travel from the best liked down; they are worth 100 utils and evenly less, also as a
        feeder, so that neither time nor chance decides.
    overrides
        Other keys of the scenario; `choice` is laid over the one here.
    """
    liked = {name: 100.0 * (len(prefer) - rank) / len(prefer) for rank, name in enumerate(prefer)}
    coefficients = {
        purpose: {f"{mode}_per_min": -0.05 for mode in ("walk", "bicycle", "car", "transit")} | {"per_eur": -0.2}
        for purpose in PURPOSES
    }
    choice = {"coefficients": coefficients, "constants": liked, "feeder_constants": liked}
    data: dict[str, Any] = {"name": "hamlet", "phase": "today", "year": 2025, "area": "hamlet"}
    data["services"] = {name: {**WAYS.get(name, {}), **changes} for name, changes in services.items()}
    data["choice"] = {**choice, **overrides.pop("choice", {})}
    return Scenario.model_validate({**data, **overrides})


def rows(log: Run, table: str, **where: Any) -> list[dict[str, Any]]:
    """Return the rows of a table of a day, in canonical order, that have these values."""
    found: list[dict[str, Any]] = log.record.tables[table].to_pylist()
    return [row for row in found if all(row[name] == value for name, value in where.items())]


def live_services(scenario: Scenario, town: Town, now: str | float = "8:00") -> tuple[World, dict[str, Service]]:
    """Return a world at a time of the day and its services, begun; nobody travels unless the test does."""
    services = open_services(scenario, town)
    env = simpy.Environment()
    world = World(env, town.skims, Dice.of(1), EventLog(), END_S)
    for service in services.values():
        service.start(world)
    if seconds(now) > 0:
        env.run(until=seconds(now))
    return world, services


def leg(town: Town, service: str, number: int, origin: int, destination: int, trip: int = 0, **more: Any) -> Leg:
    """Return a person's request to one service."""
    row = int(np.flatnonzero(town.people.person == number)[0])
    return Leg(service, origin, destination, number, row, trip, more.get("leg", 0), more.get("step", 0))


def hamlet_streets() -> Streets:
    """Return the streets: three of 600 m for everyone, and 6,000 m to the city, each in both directions."""
    everyone = sum(MODE_BIT.values())
    line = ((HOME, MILL), (MILL, STATION), (STATION, SCHOOL))
    roads = [(a, b, 600.0, "local", "inferred", everyone) for a, b in line]
    roads.append((STATION, CITY, 6000.0, "outside", "outside", MODE_BIT["cycle"] + MODE_BIT["drive"]))
    both_ways = [road for a, b, *rest in roads for road in ((a, b, *rest), (b, a, *rest))]
    begin, end, length_m, kind, origin, modes = zip(*both_ways, strict=True)
    lonlat = np.array([[25.0 + x_m / METRES_PER_DEGREE, LATITUDE] for x_m in X_M])
    return Streets(
        node_lonlat=lonlat,
        node_xy_m=np.array([[x_m, 0.0] for x_m in X_M]),
        node_outside=np.array(PLACES) == CITY,
        edge_from=np.array(begin, dtype=np.int32),
        edge_to=np.array(end, dtype=np.int32),
        edge_length_m=np.array(length_m),
        edge_drive_s=np.array(length_m) / 10.0,
        edge_class=np.array([CLASSES.index(name) for name in kind], dtype=np.uint8),
        edge_origin=np.array([ORIGINS.index(name) for name in origin], dtype=np.uint8),
        edge_modes=np.array(modes, dtype=np.uint8),
        shape_start=np.arange(len(begin) + 1, dtype=np.int32) * 2,
        shape_lonlat=lonlat[np.column_stack([begin, end]).ravel()].astype(np.float32),
    )


def hamlet_timetable(trains: Sequence[RunRow]) -> Timetable:
    """Return the timetable of some trains; each is a run of one line."""
    stops = sorted({call[0] for train in trains for call in train.calls})
    calls = [call for train in trains for call in train.calls]
    return Timetable(
        stop_lonlat=np.array([[25.0 + X_M[place] / METRES_PER_DEGREE, LATITUDE] for place in stops]),
        stop_id=tuple(str(place) for place in stops),
        stop_name=tuple(NAMES[place] for place in stops),
        line_name=("T",),
        line_type=np.array([2], dtype=np.int32),
        run_name=tuple(f"T-{number}" for number in range(len(trains))),
        run_line=np.zeros(len(trains), dtype=np.int32),
        run_start=np.cumsum([0, *(len(train.calls) for train in trains)]).astype(np.int32),
        call_stop=np.array([stops.index(call[0]) for call in calls], dtype=np.int32),
        call_arrive_s=np.array([call[1] for call in calls]),
        call_depart_s=np.array([call[2] for call in calls]),
    )


def _people(people: Sequence[PersonRow]) -> People:
    cars = [max(one.household_cars, int(one.car)) for one in people]
    return People(
        person=np.array([one.person for one in people], dtype=np.int64),
        household=np.array([one.person if one.household < 0 else one.household for one in people], dtype=np.int64),
        population=np.array([one.population for one in people], dtype=np.int8),
        age=np.array([one.age for one in people], dtype=np.int16),
        home=np.array([one.home for one in people], dtype=np.int64),
        household_cars=np.array(cars, dtype=np.int8),
        licence=np.array([one.car or one.licence for one in people], dtype=np.bool_),
        main_driver=np.array([one.car for one in people], dtype=np.bool_),
        bicycle=np.array([one.bicycle for one in people], dtype=np.bool_),
        season_ticket=np.array([one.season_ticket for one in people], dtype=np.bool_),
    )


def _trips(people: Sequence[PersonRow], trips: Sequence[TripRow]) -> Trips:
    row_of = {one.person: row for row, one in enumerate(people)}
    ordered = sorted(trips, key=lambda one: (one.person, one.depart_s))
    count: dict[int, int] = {}
    numbers = []
    for one in ordered:
        numbers.append(count.get(one.person, 0))
        count[one.person] = numbers[-1] + 1
    return Trips(
        row=np.array([row_of[one.person] for one in ordered], dtype=np.int64),
        trip=np.array(numbers, dtype=np.int16),
        tour=np.array([one.tour for one in ordered], dtype=np.int16),
        purpose=np.array([PURPOSES.index(one.purpose) for one in ordered], dtype=np.int8),
        origin=np.array([one.origin for one in ordered], dtype=np.int64),
        destination=np.array([one.destination for one in ordered], dtype=np.int64),
        depart_s=np.array([one.depart_s for one in ordered]),
    )
