"""A fixed shuttle: a loop of stops, a few seats, and vehicles that run by a headway, a timetable or the trains."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import Any, NamedTuple

import numpy as np
import simpy

from kera_mobility.services.base import Carried, Ride, Service, Vehicle
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.reasons import NO_DEPARTURE, OUT_OF_REACH
from kera_mobility.services.shuttle.calls import LoopPlan, RunReader, Trip
from kera_mobility.services.shuttle.operation import LoopRunning
from kera_mobility.services.shuttle.seats import Seats, using_wheelchairs
from kera_mobility.services.shuttle.settings import MeetsTrain, ShuttleSettings
from kera_mobility.services.shuttle.stop_access import LoopWalks, Walks
from kera_mobility.services.shuttle.timetable import LoopDay
from kera_mobility.services.world import Notice, World
from kera_mobility.town.timetable.timetable import Journeys, Timetable
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import MINUTE_S, AnyArray, BoolArray, FloatArray, IntArray, round_s

__all__ = ["Shuttle", "ShuttleSettings"]

_LEFT_BEHIND = ("", "full", "gone", "no_wheelchair_place")
"""Why a vehicle did not take somebody along although it came."""
_TOPICS = ("closed", "offline", "withdrawn", "heavy_snow", "no_power", "late")


class Promised(NamedTuple):
    """What a promise rests on."""

    trip: Trip
    walks: Walks


class Shuttle(Service):
    """Riders walk to the stop that gets them there best, wait, ride and walk on."""

    kind = "shuttle"
    settings_type = ShuttleSettings
    mode = "shuttle"
    nest = "transit"
    time_class = "transit"
    sustainable = True
    access_mode = True
    capacity_limited = True
    operated = True

    settings: ShuttleSettings

    def __init__(self, name: str, settings: ShuttleSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        self._nodes, self._snapped_m = town.snap(settings.stops, ("walk", "drive"))
        self._timing = LoopDay(name, settings, town, self._nodes)
        self._offline = False
        self._running: LoopRunning | None = None

    def faults(self) -> list[tuple[str, str]]:
        """Return stops outside the map or without a street, and too few vehicles for what is to be run."""
        found = [
            (f"stops.{index}", f"{place.name or 'stop'} ({place.lon}, {place.lat}) lies {distance_m:.0f} m from the "
             f"nearest street, expected at most {SNAP_LIMIT_M:.0f} m: is it outside the map?")
            for index, (place, distance_m) in enumerate(zip(self.settings.stops, self._snapped_m, strict=True))
            if distance_m > SNAP_LIMIT_M
        ]  # fmt: skip
        if found:
            return found
        return self._timing.faults()

    def faults_among(self, services: Mapping[str, Service]) -> list[tuple[str, str]]:
        """Return trains to be met that are not those that run: their notices would be of other runs, or never come."""
        operation = self.settings.operation
        if not isinstance(operation, MeetsTrain):
            return []
        lines = {
            name: getattr(service.settings, "timetable", None) for name, service in services.items() if service.line
        }
        runs = lines.get(operation.service)
        if operation.service not in lines and "service" in operation.model_fields_set:
            known = ", ".join(sorted(lines)) or "no service, for none has a timetable"
            return [("operation.service", f"got '{operation.service}', expected one of {known}")]
        if runs not in (None, operation.timetable):
            return [("operation.timetable", f"got '{operation.timetable}', expected '{runs}', which services."
                     f"{operation.service}.timetable says")]  # fmt: skip
        return []

    # What people expect.

    def expect(self, requests: Requests) -> Offers:
        """Return the rides between the best pair of stops, or walks instead by the chance of finding a seat."""
        return self._or_walk(requests, self._by_timetable(requests))

    def bound(self, requests: Requests) -> Offers:
        """Return the rides without a wait: who sets out later than planned may find a vehicle about to leave."""
        none, offers = np.zeros(len(requests)), self._by_timetable(requests)
        if self.settings.as_planned:
            return replace(offers, wait_s=none, spare_s=none)
        board, alight = self._walks.best(requests.origin, requests.destination)
        least_s = np.where(offers.possible, self._timing.loop.least_ride_s[board, alight], 0.0)
        return replace(offers, wait_s=none, spare_s=none, ride_s=np.minimum(offers.ride_s, least_s))

    def _by_timetable(self, requests: Requests) -> Offers:
        """Return the rides between the best pair of stops."""
        offers = Offers.none(len(requests))
        if self._refuses_all():
            return offers
        near = self._walks.is_near[requests.origin] & self._walks.is_near[requests.destination]
        near &= requests.origin != requests.destination
        rows = np.flatnonzero(near)
        if not len(rows):
            return offers
        origin, destination, ready_s = requests.origin[rows], requests.destination[rows], requests.depart_s[rows]
        board, alight = self._walks.best(origin, destination)
        to_stop_s = self._walks.to_stop_s[origin, board]
        from_stop_s = self._walks.from_stop_s[destination, alight]
        found = self.journeys.next(board, alight, ready_s + to_stop_s)
        possible = (found.run >= 0) & (board != alight)
        offers.walk_s[rows] = np.where(possible, to_stop_s + from_stop_s, np.inf)
        offers.wait_s[rows] = np.where(possible, found.depart_s - ready_s - to_stop_s, 0.0)
        offers.ride_s[rows] = np.where(possible, found.ride_s, 0.0)
        offers.fare_eur[rows] = self._fares_eur[requests.person[rows]]
        offers.ride_m[rows] = offers.ride_s[rows] * self.settings.speed_m_s
        offers.penalty_s[rows] = self.settings.boarding_penalty_min * MINUTE_S
        offers.spare_s[rows] = np.maximum(offers.wait_s[rows] - self.settings.early_s, 0.0)
        return offers

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walk, half a headway and ride between nodes, (T,)."""
        walks, found = self._walks, np.full(len(origins), np.inf)
        rows = np.flatnonzero(walks.is_near[origins] & walks.is_near[destinations] & (origins != destinations))
        if len(rows) and not self._refuses_all():
            board, alight = walks.best(origins[rows], destinations[rows])
            walk_s = walks.to_stop_s[origins[rows], board] + walks.from_stop_s[destinations[rows], alight]
            found[rows] = np.where(board == alight, np.inf, walk_s + walks.typical_s[board, alight])
        return found

    # The day.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Send the vehicles round."""
        super().start(world, carried)
        self._offline = False
        self._running = LoopRunning(self.name, self._plan, self.settings, self._expire)
        self._running.start(world)
        self._seats = Seats(self.settings, using_wheelchairs(self.settings, self.town), len(self.timetable.call_stop))
        self._open: dict[tuple[int, int], Booking] = {}
        self._broken_promises: dict[tuple[int, int], str] = {}
        for topic in _TOPICS:
            world.notices.listen(topic, self._hear)
        if world.streets is not self.town.skims:
            self._see_streets(None)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise a seat on the first vehicle that has one, or the loop alone where seats are not reserved."""
        found = self._find(leg)
        if leg.leg > 0:
            self._count(leg, found)
        if isinstance(found, Refusal):
            return found
        offer, trip = found
        self._seats.take(leg.row, trip)
        vehicle = self._now.calls.vehicle_of_run[self._now.calls.run[trip.board_call]]
        walks = self._walks.one(leg.origin, leg.destination)
        booking = Booking(leg, self.world.env.now, offer, vehicle, plan=Promised(trip, walks))
        self._open[leg.person, leg.trip] = booking
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the seat back; a promise that has expired already stays so."""
        if self._is_open(booking):
            self._seats.give_back(booking.leg.row, booking.plan.trip)
            self._close(booking, "cancelled")
        self._broken_promises.pop((booking.leg.person, booking.leg.trip), None)

    def ride(self, booking: Booking) -> Ride:
        """Walk to the stop, wait, board, ride, alight and walk on."""
        env, leg = self.world.env, booking.leg
        reason = self._broken_promises.pop((leg.person, leg.trip), "")
        if reason:
            return Outcome(leg.origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1, Refusal(reason, leg.origin))
        walks: Walks = booking.plan.walks
        if walks.to_stop_s > 0:
            yield env.timeout(walks.to_stop_s)
        arrived_s = env.now
        told = yield from self._wait(booking)
        if isinstance(told, str):
            stop = int(self._nodes[walks.board])
            wait_s = env.now - arrived_s
            return Outcome(stop, walks.to_stop_s, wait_s, 0.0, walks.to_stop_m, 0.0, 0.0, -1, Refusal(told, stop))
        return (yield from self._walk_on(booking, told, arrived_s))

    def foreseen_s(self, booking: Booking) -> float:
        """Return when the rider should have walked on from the stop, or inf if the vehicle will not come there."""
        promised: Promised = booking.plan
        trip, walks = promised
        if (booking.leg.person, booking.leg.trip) in self._broken_promises or trip.alight_call in self._now.calls.why:
            return inf
        return self._now.calls.arrives_s[trip.alight_call] + walks.from_stop_s

    def _wait(self, booking: Booking) -> Generator[simpy.Event, Any, RunReader | str]:
        """Wait for the vehicle, or for those after it, and return what became of it, or why nobody was taken along."""
        leg, said, reason = booking.leg, "", self._broken_promises.pop((booking.leg.person, booking.leg.trip), "")
        trip: Trip | None = booking.plan.trip
        for _ in range(self.settings.patience + 1):
            if reason or trip is None:
                break
            told: RunReader = yield self._now.wait_for(trip, leg.person, self._seats.has_wheelchair(leg.row))
            if told.boarded_s is not None:
                booking.plan = booking.plan._replace(trip=trip)
                return told
            said = told.reason
            reason = self._broken_promises.pop((leg.person, leg.trip), "")
            trip = None if reason else self._another(booking)
        if self._is_open(booking):
            if not self.settings.as_planned:
                self._seats.give_back(leg.row, booking.plan.trip)
            self._close(booking, "expired")
        if reason or (trip is None and said not in _LEFT_BEHIND):
            return reason or said or "no_departure"
        return "no_departure" if trip is None else said if said == "no_wheelchair_place" else "full"

    def _another(self, booking: Booking) -> Trip | None:
        """Return a later departure for somebody whom one has left behind, with a seat where seats are reserved."""
        walks, leg = booking.plan.walks, booking.leg
        for trip in self._now.calls.departures(walks.board, walks.alight, self.world.env.now):
            if self._now.calls.gone[trip.board_call]:
                continue
            if self.settings.as_planned:
                return trip
            if not self._seats.lacking(leg.row, trip):
                self._seats.give_back(leg.row, booking.plan.trip)
                self._seats.take(leg.row, trip)
                booking.plan = booking.plan._replace(trip=trip)
                return trip
        return None

    def _walk_on(self, booking: Booking, told: RunReader, arrived_s: float) -> Ride:
        """Alight, at the stop wanted or where the vehicle gave up, and walk on."""
        env, leg, now = self.world.env, booking.leg, self._now
        trip, walks = booking.plan
        assert told.boarded_s is not None, "only who rode alights"
        if self._is_open(booking):
            self._close(booking, "expired" if told.reason else "ridden")
        ride_s, wait_s = env.now - told.boarded_s, told.boarded_s - arrived_s
        ride_m = now.call_m[told.call] - now.call_m[trip.board_call]
        if told.reason:  # nobody pays for a ride that ended too early
            self._seats.give_back(leg.row, trip._replace(board_call=told.call))
            place = self._plan.call_node[told.call]
            return Outcome(place, walks.to_stop_s, wait_s, ride_s, walks.to_stop_m, ride_m, 0.0, told.vehicle,
                           Refusal(told.reason, place))  # fmt: skip
        on_s = walks.from_stop_s
        if on_s > 0:
            yield env.timeout(on_s)
        return Outcome(
            leg.destination, walks.to_stop_s + on_s, wait_s, ride_s, walks.to_stop_m + walks.from_stop_m, ride_m,
            float(self._fares_eur[leg.row]), told.vehicle,
        )  # fmt: skip

    def finish(self) -> None:
        """Expire the promises of those still under way, and write how the laps went."""
        for booking in list(self._open.values()):
            self._close(booking, "expired")
        self._now.finish()

    # What is on offer now.

    def _firm(self, leg: Leg) -> Offer | Refusal:
        found = self._find(leg)
        return found if isinstance(found, Refusal) else found[0]

    def _find(self, leg: Leg) -> tuple[Offer, Trip] | Refusal:
        """Return the offer of the next vehicle that has a seat all the way, within the rider's patience."""
        reason, near = self._refuses_all(), self._is_near
        if reason:
            return Refusal(reason, leg.origin)
        if not near[leg.origin] or not near[leg.destination]:
            return Refusal(OUT_OF_REACH, leg.origin)
        walks = self._walks.one(leg.origin, leg.destination)
        if walks.board == walks.alight:
            return Refusal(OUT_OF_REACH, leg.origin)
        settings = self.settings
        ready_s = self.world.env.now + walks.to_stop_s
        for asked, trip in enumerate(self._now.calls.departures(walks.board, walks.alight, ready_s)):
            lacking = self._seats.lacking(leg.row, trip)
            if not lacking:
                wait_s = trip.depart_s - ready_s
                offer = Offer(
                    walks.to_stop_s + walks.from_stop_s, wait_s, trip.ride_s, float(self._fares_eur[leg.row]),
                    trip.ride_s * settings.speed_m_s, settings.boarding_penalty_min * MINUTE_S,
                    max(wait_s - settings.early_s, 0.0),
                )  # fmt: skip
                return offer, trip
            reason = "full" if reason == "full" else lacking
            if asked >= settings.patience:
                return Refusal(reason, leg.origin)
        return Refusal(NO_DEPARTURE, leg.origin)

    def _refuses_all(self) -> str:
        """Return why nobody is taken as things are, or nothing."""
        if self._running is None:
            return ""
        return "offline" if self._offline else self._running.calls.closed() if self._running.calls.off else ""

    # What the world tells.

    def _hear(self, notice: Notice) -> None:
        """Do what a notice says that the shuttle must."""
        now, over, topic = self._now, notice.over, notice.topic
        operation, detail = self.settings.operation, notice.detail
        meant = notice.service == self.name and self.name in detail.get("lines", (self.name,))
        if topic == "offline" and meant:
            self._offline = not over
        elif topic == "closed" and meant:
            self._shut("closed", 0.0 if over else 1.0)
        elif topic == "withdrawn" and meant:
            self._shut("no_vehicle", 0.0 if over else float(detail.get("part", 1.0)))
        elif topic == "heavy_snow" and notice.service in ("", self.name) and self.settings.stops_in_snow:
            self._shut("snow", 0.0 if over else 1.0)
        elif topic == "no_power" and notice.place in (-1, int(self._nodes[0])):
            now.batteries.power(over, self.world.env.now)
        elif topic == "late" and isinstance(operation, MeetsTrain) and notice.service == operation.service:
            now.train_late(int(detail["run"]), float(detail["late_s"]))

    def _shut(self, reason: str, part: float) -> None:
        """Keep a part of the vehicles from beginning laps, those with the lowest draws; none lets them begin again."""
        fleet = self._plan.vehicles
        draw = self.town.dice.uniform("withdrawn", self.name, np.arange(fleet)).tolist()
        chosen = sorted(range(fleet), key=lambda vehicle: (draw[vehicle], vehicle))[: int(part * fleet + 0.5)]
        self._now.open(reason)
        if chosen:
            self._now.shut(reason, frozenset(chosen))

    def _see_streets(self, notice: Notice | None) -> None:
        """Walk and drive other ways when streets are shut or opened; a loop that is cut is closed."""
        self.skims = self.world.streets
        self._walks = self._new_walks()
        self._is_near = self._walks.is_near.tolist()
        if self._running is None:
            return
        hop_m = self.skims.drive_m[self._nodes, np.roll(self._nodes, -1)].astype(np.float64)
        whole = bool(np.all(np.isfinite(hop_m)))
        if whole:
            self._running.calls.hop_s = round_s(hop_m / self.settings.speed_m_s).tolist()
        self._shut("closed_street", 0.0 if whole else 1.0)

    def _expire(self, calls: range, reason: str) -> None:
        """End the promises that rest on calls which will not be made; their people learn why when they next look."""
        if not self.settings.reserved_seats:
            return
        for key, booking in list(self._open.items()):
            trip = booking.plan.trip
            if trip.board_call < calls.stop and trip.alight_call > calls.start:
                if self._now.calls.has_left(trip.board_call):
                    continue
                self._seats.give_back(booking.leg.row, trip)
                self._close(booking, "expired")
                self._broken_promises[key] = reason

    def _is_open(self, booking: Booking) -> bool:
        return self._open.get((booking.leg.person, booking.leg.trip)) is booking

    def _close(self, booking: Booking, end: str) -> None:
        leg = booking.leg
        del self._open[leg.person, leg.trip]
        self.world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self.name, booking.vehicle,
            end, self.world.env.now,
        )  # fmt: skip

    # What it is, and what a result keeps of it.

    def overnight(self) -> dict[str, AnyArray]:
        """Return nothing: every vehicle begins the day at the first stop, and full."""
        return {}

    def vehicles(self) -> list[Vehicle]:
        """Return the shuttle's vehicles."""
        depot, seats, plain = int(self._nodes[0]), self.settings.seats, self.settings.as_planned
        count = len(self._plan.vehicle_of_run) if plain else self.settings.fleet
        begin = 1.0 if self.settings.battery else float("nan")
        charge = self._running.batteries.charge if self._running else [begin] * self.settings.fleet
        return [Vehicle(vehicle, seats, depot, depot, begin, charge[vehicle]) for vehicle in range(count)]

    def places(self) -> list[tuple[int, str, str]]:
        """Return the stops."""
        return [(node, stop.name, "stop") for node, stop in zip(self._nodes.tolist(), self.settings.stops, strict=True)]

    def about(self) -> dict[str, Any]:
        """Return how it is run and at what costs, which figures are made of."""
        settings = self.settings
        return {"operation": settings.operation.kind, "crew": settings.crew, "costs": settings.costs.model_dump()}

    # What follows from the settings.

    @property
    def _now(self) -> LoopRunning:
        assert self._running is not None, "the day has begun"
        return self._running

    @property
    def timetable(self) -> Timetable:
        """The timetable that follows from the settings: one run for each vehicle's day, lap after lap."""
        return self._timing.timetable

    @property
    def _plan(self) -> LoopPlan:
        return self._timing.plan

    @cached_property
    def journeys(self) -> Journeys:
        """The journeys that the timetable allows."""
        if self.settings.as_planned:
            return Journeys.of(self.timetable)
        return Journeys.of(self.timetable, most_boardings=1)

    @cached_property
    def _walks(self) -> LoopWalks:
        return self._new_walks()

    def _new_walks(self) -> LoopWalks:
        settings = self.settings
        return LoopWalks(
            self.skims, self._nodes, self._typical_s, walk_speed_m_s=settings.walk_speed_m_s,
            max_walk_m=settings.max_walk_m,
        )  # fmt: skip

    @cached_property
    def _is_near(self) -> list[bool]:
        near: list[bool] = self._walks.is_near.tolist()
        return near

    @cached_property
    def _typical_s(self) -> FloatArray:
        """Mean waiting and riding time between stops while the shuttle runs, (S, S)."""
        return self.journeys.typical_s(*self._timing.period_s)

    @cached_property
    def _fares_eur(self) -> FloatArray:
        """What a ride costs each person, (P,)."""
        people, settings = self.town.people, self.settings
        free: BoolArray = people.season_ticket & settings.season_ticket_rides_free
        return np.where(free, 0.0, settings.fare_eur)
