"""Days with every mechanism on at once: drawn ones of the hamlet, and one of a small district."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ruamel.yaml import YAML

from kera_mobility.dice import Dice
from kera_mobility.services.contract import Booking
from kera_mobility.services.on_demand.service import OnDemand
from kera_mobility.services.scooter.service import Scooter
from kera_mobility.services.shuttle.service import Shuttle
from kera_mobility.simulation.run import live
from tests.kit.background import write_background
from tests.kit.hamlet import (
    CITY,
    HOME,
    LATITUDE,
    METRES_PER_DEGREE,
    MILL,
    SCHOOL,
    STATION,
    TRAINS,
    X_M,
    PersonRow,
    TripRow,
    at,
    hamlet_town,
    scenario,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kera_mobility.simulation.run import Run
    from kera_mobility.simulation.scenario import Scenario
    from kera_mobility.town.town import Town

T = TypeVar("T")
STREETS = (HOME, MILL, STATION, SCHOOL)
DAYS = ("autumn", "winter_mild", "winter_cold", "winter_frost", "winter_snow", "summer")
WEATHER = Path(__file__).parents[2] / "configs" / "weather.yaml"
FLEET = 8
HOLD_MOST_S = 180.0
LINE_HOLD_S = 240.0


class Lot:
    """Draws among options; each draw has an address of its own, and a day the number of its lot."""

    def __init__(self, number: int) -> None:
        self._dice = Dice.of(number)

    def among(self, options: Sequence[T], *address: int | str) -> T:
        """Return one of the options."""
        return options[int(self._dice.uniform(*address) * len(options))]


@dataclass(frozen=True)
class Promised:
    """A booking as its service gave it."""

    service: str
    made_s: float
    person: int
    trip: int
    leg: int
    step: int


@dataclass(frozen=True)
class FullDay:
    """A drawn day, what came of it, and every booking that was handed out."""

    told: Scenario
    town: Town
    trips: tuple[TripRow, ...]
    log: Run
    promised: tuple[Promised, ...]


def full_day(number: int, count: int, folder: Path, **more: Any) -> FullDay:
    """Return the day of a lot: `count` people in the hamlet, with everything on."""
    lot = Lot(number)
    trips = wishes(lot, count)
    town = full_town(lot, trips, folder)
    told = full_scenario(lot)
    with overheard() as promised:
        log = live(told, town, seed=number % 4, **more)
    return FullDay(told, town, trips, log, tuple(promised))


def full_town(lot: Lot, trips: Sequence[TripRow], folder: Path) -> Town:
    """Return the hamlet with trains that are half full, and a zone round the mill or the school."""
    town = hamlet_town(folder, people=people(lot, trips), trips=trips, trains=TRAINS)
    aboard = [(STATION, CITY, hour, 30.0) for hour in range(6, 22)] + [(CITY, STATION, hour, 30.0) for hour in (8, 16)]
    write_background(folder, aboard)
    (folder / "zones").mkdir(exist_ok=True)
    where, rule = lot.among((MILL, SCHOOL), "zone"), lot.among(("slow", "no_park", "mandatory_parking"), "rule")
    (folder / "zones" / "rules.geojson").write_text(json.dumps(_zone(where, rule)), encoding="utf-8")
    return town


def _zone(place: int, rule: str) -> dict[str, Any]:
    west, east = (25.0 + (X_M[place] + side) / METRES_PER_DEGREE for side in (-100.0, 100.0))
    south, north = LATITUDE - 0.001, LATITUDE + 0.001
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    about: dict[str, Any] = {"rule": rule} | ({"speed_km_h": 7.2} if rule == "slow" else {})
    shape = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": about, "geometry": shape}]}


def people(lot: Lot, trips: Sequence[TripRow]) -> tuple[PersonRow, ...]:
    """Return those who travel, some too young for scooters, with a bicycle, a car or a season ticket."""
    return tuple(
        PersonRow(
            number,
            age=lot.among((10, 30, 30, 30), number, "age"),
            bicycle=lot.among((True, False, False, False), number, "bicycle"),
            car=lot.among((True, False, False, False), number, "car"),
            season_ticket=lot.among((True, False), number, "ticket"),
        )
        for number in sorted({one.person for one in trips})
    )


def wishes(lot: Lot, count: int) -> tuple[TripRow, ...]:
    """Return one to four trips of each person, between 6:30 and noon, there and back."""
    found = []
    for number in range(count):
        clock_s = seconds("6:30") + lot.among((0.0, 0.0, 900.0, 1800.0, 5400.0, 5430.0), number, "begins")
        place = lot.among(STREETS, number, "from")
        for which in range(lot.among((1, 2, 3, 4), number, "trips")):
            to = lot.among((*STREETS, CITY), number, which, "to")
            found.append(TripRow(number, place, to, clock_s, which // 2))
            place = to
            clock_s += lot.among((0.0, 600.0, 1700.0, 3700.0), number, which, "stays")
    return tuple(found)


LIKED: tuple[tuple[str, ...], ...] = (
    (), ("scooter", "rail"), ("shuttle", "rail"), ("on_demand", "rail"), ("rail", "on_demand", "shuttle"),
    ("on_demand", "scooter"), ("shuttle", "on_demand", "scooter"),
)  # fmt: skip


def full_scenario(lot: Lot) -> Scenario:
    """Return a scenario of the hamlet in which every mechanism is on, and everything is short."""
    weather = YAML(typ="safe").load(WEATHER.read_text(encoding="utf-8"))["weather"]
    weather |= {"days": [lot.among(DAYS, "weather")], "table": str(WEATHER.with_name("weather") / "days.csv")}
    ways: dict[str, dict[str, Any]] = {
        "walk": {}, "bicycle": {}, "car": {}, "rail": _rail(lot), "scooter": _scooter(lot), "shuttle": _shuttle(lot),
        "on_demand": _on_demand(lot),
    }  # fmt: skip
    return scenario(ways, lot.among(LIKED, "prefer"), weather=weather, disturbances=troubles(lot))


def _rail(lot: Lot) -> dict[str, Any]:
    return {
        "train": {"places": lot.among((9, 10, 14), "places"), "boarding_penalty_min": 2.0, "seats": 8},
        "patience": lot.among((0, 1, 2), "patience"), "background": {"on": True}, "crowding": {"on": True},
        "delays": {"on": True, "train_mean_min": 4.0, "cancelled_share": 0.1, "recovery": 0.1, "person_at_door_s": 2.0,
                   "connection_hold_s": LINE_HOLD_S},
    }  # fmt: skip


def _scooter(lot: Lot) -> dict[str, Any]:
    shifts = [
        {"begin_s": seconds("6:00"), "end_s": seconds("8:00")},
        {"begin_s": seconds("8:30"), "end_s": seconds("12:00")},
    ]
    crews = {
        "vans": 1, "places": 3, "batteries": 4, "depot": at(MILL), "shifts": shifts, "replan_every_s": 1200.0,
        "swap_below": 0.6, "rebalancing": {"kind": lot.among(("threshold", "forecast"), "moves")},
        "tours": {"kind": "nearest"},
    }  # fmt: skip
    return {
        "fleet": FLEET, "hubs": [at(place, capacity=4) for place in (HOME, STATION, SCHOOL)], "zones": ["rules"],
        "parking": lot.among(("hubs", "anywhere", "mixed"), "parking"), "hub_zone_m": 100.0, "max_walk_m": 1200.0,
        "energy_wh_per_km": 90.0, "battery_wh": 400.0, "low_charge": 0.3, "shortest_ride_m": 0.0,
        "reservation": lot.among((True, True, False), "reserves"), "reservation_s": lot.among((300.0, 900.0), "kept"),
        "broken_chance": 0.1, "missing_chance": 0.05, "rides_in_snow": lot.among((True, False), "rides in snow"),
        "overnight": {"kind": lot.among(("leave", "reset", "withdraw"), "night")}, "crews": crews,
        "ride_pass": {"share": 0.3, "free_minutes": 3.0, "unlock_eur": 0.0, "minute_eur": 0.1}, "most_eur": 4.0,
        "closed": [{"from_s": seconds("9:00"), "until_s": seconds("9:20"), "days": ["wed"]}],
    }  # fmt: skip


def _shuttle(lot: Lot) -> dict[str, Any]:
    return {
        "stops": [at(STATION), at(MILL), at(HOME)], "vehicles": 2, "seats": lot.among((1, 2, 4), "seats"),
        "patience": lot.among((0, 1), "shuttle patience"), "reserved_seats": lot.among((True, False), "reserved"),
        "operation": {"kind": "meets_train", "timetable": "trains", "hold_most_s": HOLD_MOST_S},
        "dwell": {"stop_s": 15.0, "person_s": 5.0}, "wheelchair": {"share": 0.3, "places": 1, "ramp_s": 45.0},
        "battery": {"battery_kwh": 10.0, "energy_kwh_per_km": 1.5, "charge_kw": 12.0, "reserve_charge": 0.2},
        "breakdowns": {"per_1000_km": 60.0, "repair_s": 1500.0, "spares": 1, "spare_s": 400.0},
        "duties": [{"first_s": seconds("6:00"), "last_s": seconds("11:00")}], "stops_in_snow": True,
        "season_ticket_rides_free": True,
    }  # fmt: skip


def _on_demand(lot: Lot) -> dict[str, Any]:
    return {
        "vehicles": 2, "seats": lot.among((1, 2, 4), "van seats"), "max_wait_s": lot.among((300.0, 900.0), "van wait"),
        "dispatch": {"kind": lot.among(("insertion", "batch", "nearest"), "dispatch")},
        "repositioning": {"kind": lot.among(("stay", "expected"), "repositioning")}, "breakdowns_per_1000_h": 300.0,
        "ahead_s": lot.among((0.0, 900.0), "ahead"), "drives_in_snow": lot.among((True, False), "drives in snow"),
        "shifts": [{"start_s": seconds("6:00"), "end_s": seconds("11:30")}],
    }  # fmt: skip


SHUT_FOR = (["cycle"], ["drive"], ["walk"], ["walk", "cycle", "drive"])


def troubles(lot: Lot) -> list[dict[str, Any]]:
    """Return a morning of disturbances, each at a drawn time or not at all."""
    middle = 25.0 + (X_M[MILL] + X_M[STATION]) / 2.0 / METRES_PER_DEGREE
    box = [(middle - 1e-4, 59.9), (middle + 1e-4, 59.9), (middle + 1e-4, 60.1), (middle - 1e-4, 60.1)]
    kinds: dict[str, dict[str, Any]] = {
        "rail_closed": {"service": lot.among(("rail", "shuttle"), "line"), "announced_s": lot.among((0.0, 900.0), "t")},
        "street_closed": {"polygon": box, "modes": lot.among(SHUT_FOR, "street")},
        "heavy_snow": {},
        "operator_offline": {"service": lot.among(("scooter", "shuttle", "on_demand"), "offline")},
        "fleet_halved": {"service": lot.among(("scooter", "shuttle", "on_demand"), "halved")},
        "hub_without_power": {"place": at(lot.among((STATION, HOME), "power"))},
    }  # fmt: skip
    found = []
    for kind, about in kinds.items():
        if lot.among((True, False), kind, "happens"):
            start_s = seconds("6:30") + 97.0 * lot.among(range(100), kind, "begins")
            lasts_s = 131.0 * (1 + lot.among(range(30), kind, "lasts"))
            found.append({"kind": kind, **about, "start_s": start_s, "end_s": start_s + lasts_s})
    return found


@contextmanager
def overheard() -> Iterator[list[Promised]]:
    """Note every booking that a scarce service hands out."""
    found: list[Promised] = []
    kinds = (Scooter, Shuttle, OnDemand)
    before = [kind.book for kind in kinds]

    def listening(book: Any) -> Any:
        def heard(self: Any, leg: Any) -> Any:
            answer = book(self, leg)
            if isinstance(answer, Booking):
                found.append(Promised(self.name, answer.made_s, leg.person, leg.trip, leg.leg, leg.step))
            return answer

        return heard

    try:
        for kind, book in zip(kinds, before, strict=True):
            kind.book = listening(book)  # type: ignore[method-assign]
        yield found
    finally:
        for kind, book in zip(kinds, before, strict=True):
            kind.book = book  # type: ignore[method-assign]


# A small district.

DISTRICT = "configs/trials/all.yaml"
FEW = ("town.people.residents=500", "town.people.jobs=200", "town.people.neighbours_within_m=500")
SCARCITY_REASONS = (
    "choice.constants.scooter=1.5", "choice.feeder_constants.scooter=1.0", "services.scooter.fleet=12",
    "choice.constants.shuttle=0.5", "services.shuttle.seats=1", "choice.constants.on_demand=-0.5",
    "choice.feeder_constants.on_demand=0", "services.on_demand.vehicles=2", "services.on_demand.registered=1.0",
)  # fmt: skip
"""Too few scooters, seats and vans for those who want them."""
_KERA = {"name": "Kera station", "lon": 24.7556, "lat": 60.2166}
_TIMELINE: list[dict[str, Any]] = [
    {"kind": "rail_closed", "service": "rail", "lines": ["L"], "start_s": 27_000, "end_s": 30_600, "announced_s": 600},
    {"kind": "street_closed", "start_s": 28_800, "end_s": 57_600,
     "polygon": [[24.7520, 60.2080], [24.7545, 60.2080], [24.7545, 60.2095], [24.7520, 60.2095]]},
    {"kind": "operator_offline", "service": "on_demand", "start_s": 36_000, "end_s": 39_600},
    {"kind": "heavy_snow", "start_s": 43_200, "end_s": 46_800},
    {"kind": "fleet_halved", "service": "scooter", "start_s": 57_600, "end_s": 64_800},
    {"kind": "hub_without_power", "place": _KERA, "start_s": 21_600, "end_s": 50_400},
]  # fmt: skip
ON = (
    "services.scooter.zones=[riding]", "services.scooter.crews.tours={kind: nearest}",
    "services.scooter.broken_chance=0.03", "services.scooter.missing_chance=0.01", "services.scooter.reservation_s=120",
    "services.scooter.ride_pass={share: 0.3, free_minutes: 10}",
    "services.shuttle.operation={kind: meets_train, timetable: urban_rail}",
    "services.shuttle.breakdowns={per_1000_km: 30}", "services.on_demand.breakdowns_per_1000_h=30",
    "services.on_demand.ahead_s=900", "services.on_demand.dispatch={kind: batch}",
    "services.rail.delays.cancelled_share=0.03", "services.rail.delays.connection_hold_s=120",
    "services.rail.delays.person_at_door_s=1.5", "weather.days=[winter_cold]",
    f"disturbances={json.dumps(_TIMELINE)}",
)  # fmt: skip
"""What `trials/all.yaml` leaves off, and a day on which everything goes wrong."""
EVERYTHING = (*FEW, *SCARCITY_REASONS, *ON)
