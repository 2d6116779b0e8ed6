"""The contract that every service keeps: expectations in arrays before the day; quote, book, ride and cancel live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from math import inf
from typing import Any, ClassVar, NamedTuple

import numpy as np
import simpy
from pydantic import Field

from kera_mobility.config.registry import members, settings_union
from kera_mobility.config.settings import Place, Settings
from kera_mobility.results.reason_texts import scarcity_reasons
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import (
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    ServiceClosed,
    Snowfall,
    StreetsChanged,
)
from kera_mobility.services.reasons import OUT_OF_REACH
from kera_mobility.services.world import World
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import HOUR_S, AnyArray, BoolArray, FloatArray, IntArray, round_one_s, round_s

Ride = Generator[simpy.Event, Any, Outcome]
Carried = Mapping[str, AnyArray]

HOURS = 28
"""Hours of a day's experience; a day runs until four in the morning of the next."""
PRIOR_REQUESTS = 10.0
"""Weight of the prior expectation, in requests. Assumption."""

_UNKNOWN, _ONE = np.zeros((1, 1)), np.ones((1, 1))


class Experience(NamedTuple):
    """Requests to a service of limited capacity, and how they were served; arrays (zones, hours)."""

    requests: FloatArray
    served: FloatArray
    waited_s: FloatArray = _UNKNOWN
    """Sum of the waits of served requests, where the service states them."""
    detour_s: FloatArray = _UNKNOWN
    """Sum of the detours of served requests, offered over direct ride, where the service states them."""
    days: FloatArray = _ONE
    """Sum of the weights of the days, (1, 1)."""

    @classmethod
    def none(cls, zones: int) -> Experience:
        """Return an experience without requests."""
        return cls(*(np.zeros((zones, HOURS)) for _ in cls._fields))._replace(days=_ONE)

    def mean_s(self, total_s: FloatArray, prior_s: float) -> FloatArray:
        """Return the mean of a sum over served requests, (zones, hours).

        It is shrunk towards the mean over all zones and hours with the weight of PRIOR_REQUESTS requests, and that
        mean towards `prior_s` with the same weight.
        """
        overall_s = (total_s.cumsum()[-1] + PRIOR_REQUESTS * prior_s) / (self.served.cumsum()[-1] + PRIOR_REQUESTS)
        mean_s: FloatArray = (total_s + PRIOR_REQUESTS * overall_s) / (self.served + PRIOR_REQUESTS)
        return mean_s

    @property
    def chance(self) -> FloatArray:
        """Chance of being served, (zones, hours).

        It is shrunk towards the chance over all zones and hours with the weight of PRIOR_REQUESTS requests, and that
        chance towards 1 with the same weight.
        """
        overall = (self.served.cumsum()[-1] + PRIOR_REQUESTS) / (self.requests.cumsum()[-1] + PRIOR_REQUESTS)
        chance: FloatArray = (self.served + PRIOR_REQUESTS * overall) / (self.requests + PRIOR_REQUESTS)
        return chance


def hour_of(t_s: float) -> int:
    """Return the hour of an experience that a moment belongs to."""
    return min(int(t_s // HOUR_S), HOURS - 1)


def hours_of(t_s: FloatArray) -> IntArray:
    """Return the hours of an experience that moments belong to, (T,)."""
    return np.clip(t_s // HOUR_S, 0, HOURS - 1).astype(np.int64)


class Vehicle(NamedTuple):
    """One vehicle's day, for the table of vehicles."""

    vehicle: int
    places: int
    start_place: int
    end_place: int
    start_charge: float
    end_charge: float


class ServiceSettings(Settings):
    """What the settings of every service have; a service adds its own `kind: Literal[...]`."""

    title: str = ""
    """Name shown to people; the name of the service if empty."""
    walk_speed_m_s: float = Field(1.2, ge=0.3, le=3)
    """Mean walking speed to, from and between; range 0.69 to 1.67. Source: HSL Journey Planner default (walk.speed)."""


class Service(ABC):
    """A way to travel. Each subclass has a file or a folder here, or in another package, and is found by its `kind`."""

    kind: ClassVar[str]
    settings_type: ClassVar[type[ServiceSettings]]
    mode: str
    """Class of main mode in a travel survey: walk, bicycle, car, transit, scooter, ..."""
    nest: str
    """Nest of the choice model for the service taken alone."""
    time_class: ClassVar[str]
    """Whose time coefficient a minute in it has: walk, bicycle, car or transit."""
    sustainable: bool = False
    """Counted in the sustainable share as the travel survey defines it."""
    direct: ClassVar[bool] = True
    """Serves a trip from door to door by itself."""
    access_mode: ClassVar[bool] = False
    """Access and egress mode: serves legs to and from the stops of lines."""
    line: ClassVar[bool] = False
    """Runs between stops of its own; reached by access modes."""
    capacity_limited: ClassVar[bool] = False
    """Capacity is limited: only a live quote is firm, and a booking may be refused."""
    operated: ClassVar[bool] = False
    """Run by an operator, with vehicles, fares, promises and denied requests to account for."""
    subscribes_to: ClassVar[tuple[type[Notice], ...]] = (ServiceClosed, BookingSuspended, FleetWithdrawn, Snowfall)
    """Topics of notices about it that change what it does, if it is operated. A disturbance that would post another
    topic about it is an error of the scenario."""
    deterministic: ClassVar[bool] = False
    """The outcome of a ride is the offer: nothing that happens on the day changes it, and `arrived` returns it."""
    pre_arranged: ClassVar[bool] = False
    """Arranged before departure: not available after a refusal on the way. Assumption; true of private vehicles too."""
    private: ClassVar[bool] = False
    """A private vehicle: taken for a whole tour and brought back, or not at all."""
    of_household: bool = False
    """A private vehicle that members of a household share: who has it on which tour is settled before the day."""
    street_mode: ClassVar[str] = ""
    """Streets that a deterministic ride follows: walk, cycle or drive; empty if closed streets do not concern it."""

    lead_s: float = 0.0
    """Booking lead time of people who know their trip; 0 where nobody books in advance."""
    from_line: bool = False
    """Whether people who come by a line book on board, for its expected arrival."""

    def __init__(self, name: str, settings: Any, town: Town) -> None:
        self.name = name
        self.settings = settings
        self.town = town
        self.skims = town.skims
        """Shortest paths as the streets are now."""
        self.world: World
        self._chance: FloatArray | None = None

    # Before the day: pure, arrays in, arrays out.

    @abstractmethod
    def expect(self, requests: Requests) -> Offers:
        """Return what the service expects to do for each request; pure, inf where impossible."""

    def bound(self, requests: Requests) -> Offers:
        """Return offers at least as good as any live offer can be; equal to `expect` unless capacity is limited."""
        return self.expect(requests)

    def learn(self, experience: Experience) -> None:
        """Let `expect` use the chance of being served, by zone and hour, that earlier days had."""
        self._chance = experience.chance

    def members(self) -> BoolArray:
        """Return who may use the service, (P,): age, licence, registration."""
        return np.ones(len(self.town.people.person), dtype=np.bool_)

    def stops(self) -> IntArray:
        """Return the street nodes of a line's stops, (S,)."""
        return np.empty(0, dtype=np.int64)

    def typical_s(self, start_s: float, end_s: float) -> FloatArray:
        """Return a line's mean waiting and riding times between its `stops()`, (S, S), over departures in a window."""
        raise NotImplementedError(f"{self.name} is no line")

    def feeds_stop(self, stops: IntArray) -> BoolArray:
        """Return the stops that an access mode serves, (S,)."""
        return np.ones(len(stops), dtype=np.bool_)

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return a typical duration of an access mode between nodes, (T,), to choose stops; inf if out of reach."""
        raise NotImplementedError(f"{self.name} is no access mode")

    # The day: live.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Put the vehicles in their places (`carried` from last night, if any) and begin to operate."""
        self.world, self.skims = world, world.streets
        world.notices.listen(StreetsChanged, self._see_streets)
        self.experience = Experience.none(int(self.town.zone.max()) + 1)

    def quote(self, leg: Leg) -> Offer | Refusal:
        """Return the firm offer at this moment; takes no simulated time and changes only the count of requests."""
        offer = self._firm(leg)
        if self.capacity_limited:
            self._count(leg, offer)
        return offer

    def book(self, leg: Leg) -> Booking | Refusal:
        """Book the leg at once; the only change of state before the ride."""
        offer = self._firm(leg)
        return offer if isinstance(offer, Refusal) else Booking(leg, self.world.env.now, offer)

    def cancel(self, booking: Booking) -> None:
        """Release a booking before the ride."""

    def ride(self, booking: Booking) -> Ride:
        """Carry the person in simulated time and return the outcome."""
        if not self.deterministic:
            raise NotImplementedError(f"{self.name} is not deterministic: it must define `ride`")
        yield self.world.env.timeout(booking.offer.walk_s + booking.offer.wait_s + booking.offer.ride_s)
        return self.arrived(booking)

    def arrived(self, booking: Booking) -> Outcome:
        """Return the outcome of a deterministic ride."""
        offer, leg = booking.offer, booking.leg
        return Outcome(leg.destination, offer.walk_s, offer.wait_s, offer.ride_s, 0.0, offer.ride_m, offer.fare_eur)

    def stay_eur(self, booking: Booking) -> float:
        """Return the part of a booked leg's fare that is paid for the stay at its end."""
        return 0.0

    def foreseen_s(self, booking: Booking) -> float:
        """Return when a booked leg is expected to end, as known now; inf if never, or if the service does not say."""
        return inf

    def await_rider(self, leg: Leg, coming_s: Callable[[], float]) -> None:
        """Tell a line that a person is coming to it by another service; `coming_s` returns when, as known by then."""

    def finish(self) -> None:
        """End the day: open bookings expire."""

    def overnight(self) -> dict[str, AnyArray]:
        """Return the state that the next day starts from."""
        return {}

    def vehicles(self) -> list[Vehicle]:
        """Return the service's own vehicles, at the end of the day."""
        return []

    # What every service needs.

    def about(self) -> dict[str, Any]:
        """Return what `run.json` keeps of the service besides its attributes, for KPIs and costs: numbers and words."""
        return {}

    def faults(self) -> list[tuple[str, str]]:
        """Return what in the settings does not fit the town, as (key, what was found and expected)."""
        return []

    def faults_among(self, services: Mapping[str, Service]) -> list[tuple[str, str]]:
        """Return what in the settings does not fit the other services, as (key, what was found and expected)."""
        return []

    def contradictions(self) -> list[str]:
        """Return what in the settings can be run but hardly is what somebody means, in words; each run warns of it."""
        return []

    def walk_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walking times between nodes, (T,)."""
        skims = self.skims
        return round_s(skims.between(skims.walk_m, origins, destinations) / self.settings.walk_speed_m_s)

    def walk_one_s(self, origin: int, destination: int) -> float:
        """Return the walking time between two nodes, equal to the bit with `walk_s`."""
        return round_one_s(self.skims.walk_m.item(origin, destination) / self.settings.walk_speed_m_s)

    def walked_m(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return how far a deterministic ride has people walk, (T,): what `arrived` says, for many at once."""
        return np.zeros(len(origins))

    def walk_m(self, origin: int, destination: int) -> float:
        """Return the walking distance between two nodes."""
        return self.skims.walk_m.item(origin, destination)

    def places(self) -> list[tuple[int, str, str]]:
        """Return the service's own places as (street node, name, kind), kind `stop` or `hub`."""
        return []

    def _see_streets(self, notice: StreetsChanged) -> None:
        """Take the new shortest paths when streets are shut or opened."""
        self.skims = self.world.streets

    def _count(self, leg: Leg, answer: object) -> None:
        """Count a request and whether it can be served, by zone and hour."""
        refused = isinstance(answer, Refusal)
        if refused and answer.reason not in scarcity_reasons():  # type: ignore[attr-defined]
            return
        place = self.town.zone[leg.origin], hour_of(self.world.env.now)
        self.experience.requests[place] += 1.0
        self.experience.served[place] += 0.0 if refused else 1.0

    def _or_walk(self, requests: Requests, offers: Offers) -> Offers:
        """Return the mean of being served and of walking instead, by the chance of being served."""
        if self._chance is None:
            return offers
        chance = self._chance[self.town.zone[requests.origin], hours_of(requests.depart_s)]
        unsure = (chance < 1.0) & offers.possible
        if not unsure.any():
            return offers
        on_foot = Offers.of(len(requests), walk_s=self.walk_s(requests.origin, requests.destination))
        rows = np.flatnonzero(unsure & on_foot.possible)
        mixed = Offers(*(column.copy() for column in offers.columns))
        for served, instead, column in zip(offers.columns, on_foot.columns, mixed.columns, strict=True):
            column[rows] = round_s(chance[rows] * served[rows] + (1.0 - chance[rows]) * instead[rows])
        return mixed

    def _firm(self, leg: Leg) -> Offer | Refusal:
        offers = self.expect(
            Requests(
                np.array([leg.row]), np.array([leg.origin]), np.array([leg.destination]), np.array([self.world.env.now])
            )
        )
        if not offers.possible[0]:
            return Refusal(OUT_OF_REACH, leg.origin)
        return Offer(*(float(values[0]) for values in offers.columns))


def service_kinds() -> dict[str, type[Service]]:
    """Return the services that there are by kind: one file or one folder each, here or in another package."""
    return members(*FAMILY)


def service_settings() -> Any:
    """Return the type of the settings of any service, told apart by `kind`."""
    return settings_union(*FAMILY)


def operating_area(town: Town, centres: IntArray, radius_m: float) -> BoolArray:
    """Return the nodes within a straight distance of some centre (C,), without those outside the map, (N,)."""
    xy_m = np.asarray(town.streets.node_xy_m)
    near = np.zeros(len(xy_m), dtype=np.bool_)
    for node in centres.tolist():
        step = xy_m - xy_m[node]
        near |= step[:, 0] ** 2 + step[:, 1] ** 2 <= radius_m**2
    return near & ~np.asarray(town.streets.node_outside)


def off_map(keys: Sequence[str], places: Sequence[Place], snapped_m: Iterable[float]) -> list[tuple[str, str]]:
    """Return the places too far from the nearest street, as `Service.faults` does; one key and distance for each."""
    return [
        (key, f"{place.name or 'place'} ({place.lon}, {place.lat}) lies {distance_m:.0f} m from the nearest street, "
              f"expected at most {SNAP_LIMIT_M:.0f} m: is it outside the map?")
        for key, place, distance_m in zip(keys, places, snapped_m, strict=True) if distance_m > SNAP_LIMIT_M
    ]  # fmt: skip


FAMILY = "kera_mobility.services", Service, "kera_mobility.services", "service"
