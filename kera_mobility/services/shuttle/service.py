"""A fixed shuttle: a loop of stops, a few seats, and vehicles that run by a headway, a timetable or the trains."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
import simpy

from kera_mobility.services.base import Carried, Ride, Service, Vehicle, off_map
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import (
    EVERYWHERE,
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    PowerCut,
    RunLate,
    ServiceClosed,
    Snowfall,
    StreetsChanged,
)
from kera_mobility.services.reasons import FULL, GONE, NO_DEPARTURE, OUT_OF_REACH
from kera_mobility.services.shuttle.calls import LoopRide
from kera_mobility.services.shuttle.operation import ShuttleOperation
from kera_mobility.services.shuttle.reasons import NO_WHEELCHAIR_PLACE
from kera_mobility.services.shuttle.reservations import Reservation, Reservations
from kera_mobility.services.shuttle.settings import MeetsTrain, ShuttleSettings
from kera_mobility.services.shuttle.stop_access import StopAccess
from kera_mobility.services.shuttle.timetable import LoopDay
from kera_mobility.services.stops.operation import RideEnd
from kera_mobility.services.world import World
from kera_mobility.town.timetable.timetable import MOST_BOARDINGS, Journeys, Timetable
from kera_mobility.town.town import Town
from kera_mobility.units import MINUTE_S, FloatArray, IntArray, round_s

__all__ = ["Shuttle", "ShuttleSettings"]

_TAKE_THE_NEXT = (FULL, GONE, NO_WHEELCHAIR_PLACE)
"""Why a vehicle did not take somebody along although it came."""
_TOPICS = (ServiceClosed, BookingSuspended, FleetWithdrawn, Snowfall, PowerCut, RunLate)


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
        self._day = LoopDay(name, settings, town, self._nodes)
        self._offline = False
        self._operation: ShuttleOperation | None = None

    def faults(self) -> list[tuple[str, str]]:
        """Return stops outside the map or without a street, and too few vehicles for what is to be run."""
        stops = self.settings.stops
        keys = [f"stops.{index}" for index in range(len(stops))]
        return off_map(keys, stops, self._snapped_m.tolist()) or self._day.faults()

    def faults_among(self, services: Mapping[str, Service]) -> list[tuple[str, str]]:
        """Return trains to be met that are not those that run: their notices would be of other runs, or never come."""
        operation = self.settings.operation
        if not isinstance(operation, MeetsTrain):
            return []
        lines = {
            name: getattr(service.settings, "timetable", None) for name, service in services.items() if service.line
        }
        timetable = lines.get(operation.service)
        if operation.service not in lines and "service" in operation.model_fields_set:
            names = ", ".join(sorted(lines)) or "no service, for none has a timetable"
            return [("operation.service", f"got '{operation.service}', expected one of {names}")]
        if timetable not in (None, operation.timetable):
            return [("operation.timetable", f"got '{operation.timetable}', expected '{timetable}', which services."
                     f"{operation.service}.timetable says")]  # fmt: skip
        return []

    # What people expect.

    def expect(self, requests: Requests) -> Offers:
        """Return the rides between the best pair of stops, or walks instead by the chance of finding a seat."""
        return self._or_walk(requests, self._by_timetable(requests))

    def bound(self, requests: Requests) -> Offers:
        """Return the rides without a wait: who sets out later than planned may find a vehicle about to leave."""
        nothing, offers = np.zeros(len(requests)), self._by_timetable(requests)
        if self.settings.as_planned:
            return replace(offers, wait_s=nothing, spare_s=nothing)
        board, alight = self._access.best(requests.origin, requests.destination)
        least_s = np.where(offers.possible, self._day.loop.least_ride_s[board, alight], 0.0)
        return replace(offers, wait_s=nothing, spare_s=nothing, ride_s=np.minimum(offers.ride_s, least_s))

    def _by_timetable(self, requests: Requests) -> Offers:
        """Return the rides between the best pair of stops."""
        offers = Offers.none(len(requests))
        rows = self._reachable(requests.origin, requests.destination)
        if not len(rows):
            return offers
        origin, destination, ready_s = requests.origin[rows], requests.destination[rows], requests.depart_s[rows]
        board, alight = self._access.best(origin, destination)
        to_stop_s = self._access.to_stop_s[origin, board]
        from_stop_s = self._access.from_stop_s[destination, alight]
        journey = self.journeys.next(board, alight, ready_s + to_stop_s)
        possible = (journey.run >= 0) & (board != alight)
        offers.walk_s[rows] = np.where(possible, to_stop_s + from_stop_s, np.inf)
        offers.wait_s[rows] = np.where(possible, journey.depart_s - ready_s - to_stop_s, 0.0)
        offers.ride_s[rows] = np.where(possible, journey.ride_s, 0.0)
        offers.fare_eur[rows] = self._fares_eur[requests.person[rows]]
        offers.ride_m[rows] = offers.ride_s[rows] * self.settings.speed_m_s
        offers.penalty_s[rows] = self.settings.boarding_penalty_min * MINUTE_S
        offers.spare_s[rows] = np.maximum(offers.wait_s[rows] - self.settings.early_s, 0.0)
        return offers

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walk, half a headway and ride between nodes, (T,)."""
        access, time_s = self._access, np.full(len(origins), np.inf)
        rows = self._reachable(origins, destinations)
        if len(rows):
            board, alight = access.best(origins[rows], destinations[rows])
            walk_s = access.to_stop_s[origins[rows], board] + access.from_stop_s[destinations[rows], alight]
            time_s[rows] = np.where(board == alight, np.inf, walk_s + access.typical_s[board, alight])
        return time_s

    def _reachable(self, origins: IntArray, destinations: IntArray) -> IntArray:
        """Return the rows (T,) where both ends are near a stop; none while nobody is taken."""
        near = self._access.is_near
        if self._refuses_all():
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(near[origins] & near[destinations] & (origins != destinations))

    # The day.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Send the vehicles round."""
        super().start(world, carried)
        self._offline = False
        self._operation = ShuttleOperation(self.name, self._day, self.settings, self._break_off)
        self._operation.start(world)
        calls = len(self.timetable.call_stop)
        self._reservations = Reservations(self.name, self.settings, self.town, world, calls)
        for topic in _TOPICS:
            world.notices.listen(topic, self._hear)
        if world.streets is not self.town.skims:
            self._see_streets(None)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise a seat on the first vehicle that has one, or the loop alone where seats are not reserved."""
        answer = self._next_offer(leg)
        if leg.leg > 0:
            self._count(leg, answer)
        if isinstance(answer, Refusal):
            return answer
        offer, ride = answer
        vehicle = self._now.calls.vehicle_of_run[self._now.calls.run[ride.board_call]]
        stops = self._access.pair(leg.origin, leg.destination)
        booking = Booking(leg, self.world.env.now, offer, vehicle, plan=Reservation(ride, stops))
        self._reservations.add(booking)
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the seat back; a promise that has expired already stays so."""
        if self._reservations.is_open(booking):
            self._reservations.give_back(booking)
            self._reservations.close(booking, "cancelled")

    def ride(self, booking: Booking) -> Ride:
        """Walk to the stop, wait, board, ride, alight and walk on."""
        env, leg = self.world.env, booking.leg
        reservation: Reservation = booking.plan
        if reservation.broken:
            return Outcome(leg.origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1, Refusal(reservation.broken, leg.origin))
        stops = reservation.stops
        if stops.to_stop_s > 0:
            yield env.timeout(stops.to_stop_s)
        begin_s = env.now
        end = yield from self._wait(booking)
        if isinstance(end, RideEnd):
            return (yield from self._walk_on(booking, end, begin_s))
        place, wait_s = int(self._nodes[stops.board]), env.now - begin_s
        return Outcome(place, stops.to_stop_s, wait_s, 0.0, stops.to_stop_m, 0.0, 0.0, -1, Refusal(end, place))

    def foreseen_s(self, booking: Booking) -> float:
        """Return when the rider should have walked on from the stop, or inf if the vehicle will not come there."""
        reservation, calls = booking.plan, self._now.calls
        alight_call: int = reservation.ride.alight_call
        if reservation.broken or alight_call in calls.cancelled:
            return inf
        from_stop_s: float = reservation.stops.from_stop_s
        return calls.arrives_s[alight_call] + from_stop_s

    def _wait(self, booking: Booking) -> Generator[simpy.Event, Any, RideEnd | str]:
        """Ride with the vehicle, or with those after it; return how the ride ended, or why nobody was taken along."""
        leg, reason = booking.leg, ""
        reservation: Reservation = booking.plan
        wheelchair = self._reservations.has_wheelchair(leg.row)
        ride: LoopRide | None = reservation.ride
        for _ in range(self.settings.patience + 1):
            if reservation.broken or ride is None:
                break
            end: RideEnd = yield self._now.wait_for(ride.board_call, ride.alight_call, leg.person, wheelchair)
            if end.boarded_s is not None:
                reservation.ride = ride
                return end
            reason = end.reason
            ride = None if reservation.broken else self._later_ride(booking)
        if self._reservations.is_open(booking):
            if not self.settings.as_planned:
                self._reservations.give_back(booking)
            self._reservations.close(booking, "expired")
        if reservation.broken or (ride is None and reason not in _TAKE_THE_NEXT):
            return reservation.broken or reason
        return NO_DEPARTURE if ride is None else reason if reason == NO_WHEELCHAIR_PLACE else FULL

    def _later_ride(self, booking: Booking) -> LoopRide | None:
        """Return a later departure for somebody who was left behind, with a seat where seats are reserved."""
        stops, calls = booking.plan.stops, self._now.calls
        for ride in calls.departures(stops.board, stops.alight, self.world.env.now):
            if calls.is_past[ride.board_call]:
                continue
            if self.settings.as_planned:
                return ride
            if not self._reservations.lacking(booking.leg.row, ride):
                self._reservations.move(booking, ride)
                return ride
        return None

    def _walk_on(self, booking: Booking, end: RideEnd, begin_s: float) -> Ride:
        """Alight, at the stop of the booking or where the vehicle gave up, and walk on."""
        env, leg, operation = self.world.env, booking.leg, self._now
        stops, board_call = booking.plan.stops, booking.plan.ride.board_call
        assert end.boarded_s is not None, "only who rode alights"
        if self._reservations.is_open(booking):
            self._reservations.close(booking, "expired" if end.reason else "ridden")
        ride_s, wait_s = env.now - end.boarded_s, end.boarded_s - begin_s
        ride_m = operation.call_m[end.call] - operation.call_m[board_call]
        if end.reason:  # nobody pays for a ride that ended too early
            self._reservations.give_back(booking, end.call)
            place = operation.call_node[end.call]
            return Outcome(place, stops.to_stop_s, wait_s, ride_s, stops.to_stop_m, ride_m, 0.0, end.vehicle,
                           Refusal(end.reason, place))  # fmt: skip
        if stops.from_stop_s > 0:
            yield env.timeout(stops.from_stop_s)
        return Outcome(
            leg.destination, stops.to_stop_s + stops.from_stop_s, wait_s, ride_s, stops.to_stop_m + stops.from_stop_m,
            ride_m, float(self._fares_eur[leg.row]), end.vehicle,
        )  # fmt: skip

    def finish(self) -> None:
        """Expire the promises of those still under way, and write how the laps went."""
        self._reservations.close_all()
        self._now.finish()

    # What is on offer now.

    def _firm(self, leg: Leg) -> Offer | Refusal:
        answer = self._next_offer(leg)
        return answer if isinstance(answer, Refusal) else answer[0]

    def _next_offer(self, leg: Leg) -> tuple[Offer, LoopRide] | Refusal:
        """Return the offer of the next vehicle that has a seat all the way, within the rider's patience."""
        settings, reason = self.settings, self._refuses_all()
        if reason:
            return Refusal(reason, leg.origin)
        near = self._access.is_near
        stops = self._access.pair(leg.origin, leg.destination) if near[leg.origin] and near[leg.destination] else None
        if stops is None or stops.board == stops.alight:
            return Refusal(OUT_OF_REACH, leg.origin)
        ready_s = self.world.env.now + stops.to_stop_s
        for passed, ride in enumerate(self._now.calls.departures(stops.board, stops.alight, ready_s)):
            lacking = self._reservations.lacking(leg.row, ride)
            if not lacking:
                wait_s = ride.depart_s - ready_s
                offer = Offer(
                    stops.to_stop_s + stops.from_stop_s, wait_s, ride.ride_s, float(self._fares_eur[leg.row]),
                    ride.ride_s * settings.speed_m_s, settings.boarding_penalty_min * MINUTE_S,
                    max(wait_s - settings.early_s, 0.0),
                )  # fmt: skip
                return offer, ride
            reason = FULL if reason == FULL else lacking
            if passed >= settings.patience:
                return Refusal(reason, leg.origin)
        return Refusal(NO_DEPARTURE, leg.origin)

    def _refuses_all(self) -> str:
        """Return why nobody is taken as things are, or nothing."""
        if self._operation is None:
            return ""
        return "offline" if self._offline else self._operation.calls.closed()

    # Notices.

    def _hear(self, notice: Notice) -> None:
        """Do what a notice says that the shuttle must."""
        operation, is_addressed = self.settings.operation, notice.service == self.name
        if isinstance(notice, BookingSuspended) and is_addressed:
            self._offline = not notice.ends
        elif isinstance(notice, ServiceClosed) and is_addressed and self.name in (notice.lines or (self.name,)):
            self._withdraw("closed", 0.0 if notice.ends else 1.0)
        elif isinstance(notice, FleetWithdrawn) and is_addressed:
            self._withdraw("no_vehicle", 0.0 if notice.ends else notice.part)
        elif isinstance(notice, Snowfall) and notice.service in ("", self.name) and self.settings.stops_in_snow:
            self._withdraw("snow", 0.0 if notice.ends else 1.0)
        elif isinstance(notice, PowerCut) and notice.place in (EVERYWHERE, int(self._nodes[0])):
            self._now.batteries.power(notice.ends, self.world.env.now)
        elif isinstance(notice, RunLate) and isinstance(operation, MeetsTrain) and notice.service == operation.service:
            self._now.meet_late_train(notice.run, notice.late_s)

    def _withdraw(self, reason: str, part: float) -> None:
        """Keep a part of the vehicles from beginning laps, those with the lowest draws; none lets them begin again."""
        fleet = self.settings.fleet
        draw = self.town.dice.uniform("withdrawn", self.name, np.arange(fleet)).tolist()
        chosen = sorted(range(fleet), key=lambda vehicle: (draw[vehicle], vehicle))[: int(part * fleet + 0.5)]
        self._now.restore(reason)
        if chosen:
            self._now.withdraw(reason, frozenset(chosen))

    def _see_streets(self, notice: StreetsChanged | None) -> None:
        """Walk and drive other ways when streets are shut or opened; a loop that is cut is closed."""
        self.skims = self.world.streets
        self.__dict__.pop("_access", None)  # worked out anew when next needed
        if self._operation is None:
            return
        hop_m = self.skims.drive_m[self._nodes, np.roll(self._nodes, -1)].astype(np.float64)
        is_connected = bool(np.all(np.isfinite(hop_m)))
        if is_connected:
            self._operation.calls.hop_s = round_s(hop_m / self.settings.speed_m_s).tolist()
        self._withdraw("closed_street", 0.0 if is_connected else 1.0)

    def _break_off(self, calls: range, reason: str) -> None:
        """End the promises that rest on calls which will not be made; their people learn why when they next look."""
        self._reservations.break_off(calls, reason, self._now)

    # What it is, and what a result keeps of it.

    def vehicles(self) -> list[Vehicle]:
        """Return the shuttle's vehicles."""
        depot, seats, fleet = int(self._nodes[0]), self.settings.seats, self.settings.fleet
        count = len(self._day.vehicle_of_run) if self.settings.as_planned else fleet
        begin = 1.0 if self.settings.battery else float("nan")
        charge = self._operation.batteries.charge if self._operation else [begin] * fleet
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
    def _now(self) -> ShuttleOperation:
        assert self._operation is not None, "the day has begun"
        return self._operation

    @property
    def planned(self) -> LoopDay:
        """The loop and its laps as the settings plan them."""
        return self._day

    @property
    def timetable(self) -> Timetable:
        """The timetable that follows from the settings: one run for each vehicle's day, lap after lap."""
        return self._day.timetable

    @cached_property
    def journeys(self) -> Journeys:
        """The journeys that the timetable allows."""
        return Journeys.of(self.timetable, most_boardings=MOST_BOARDINGS if self.settings.as_planned else 1)

    @cached_property
    def _access(self) -> StopAccess:
        """Walks to and from the stops on the streets as they are now."""
        return StopAccess(self.skims, self._nodes, self._typical_s, self.settings)

    @cached_property
    def _typical_s(self) -> FloatArray:
        """Mean waiting and riding time between stops while the shuttle runs, (S, S)."""
        return self.journeys.typical_s(*self._day.period_s)

    @cached_property
    def _fares_eur(self) -> FloatArray:
        """What a ride costs each person, (P,)."""
        settings, people = self.settings, self.town.people
        if settings.season_ticket_rides_free:
            return settings.fares_eur(people, settings.fare_eur, 0.0)
        return settings.fare_eur * settings.fare_by_age.at(people.age)
