"""A fixed shuttle: a loop of stops, a headway, a few seats."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import Field

from kera_mobility.journeys import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.base import Carried, Ride, Service, Vehicle
from kera_mobility.services.boarding import Boarding, TimetabledSettings, line_vehicles
from kera_mobility.settings import Place
from kera_mobility.town.timetable import Journeys, NextJourney, Timetable
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import HOUR_S, MINUTE_S, STEPS_PER_S, AnyArray, BoolArray, FloatArray, IntArray, round_s
from kera_mobility.world import World


class ShuttleSettings(TimetabledSettings):
    """Settings of a shuttle loop."""

    kind: Literal["shuttle"] = "shuttle"
    stops: tuple[Place, ...] = Field(min_length=2)
    """The loop in driving order; after the last stop comes the first."""
    vehicles: int = Field(ge=1, le=100)
    """How many are on the loop."""
    headway_s: float = Field(600.0, ge=60, le=7200)
    """Between departures at a stop, s. Assumption."""
    speed_m_s: float = Field(2.8, gt=0, le=14)
    """Mean speed between stops, 10 km/h as Finnish robot-bus pilots; range 2.5 to 5 (robotbus.speed_average_*)."""
    dwell_s: float = Field(25.0, ge=0, le=300)
    """At each stop, s. Assumption (drt.boarding_time, unverified)."""
    seats: int = Field(9, ge=1, le=100)
    """Places of one vehicle. Source: EZ10 pilot (robotbus.capacity.shuttle); range 6 to 16."""
    first_s: float = Field(6 * HOUR_S, ge=0, le=86_400)
    """First departure, seconds from midnight. Assumption."""
    last_s: float = Field(22 * HOUR_S, ge=0, le=108_000)
    """No new loop begins after this, seconds from midnight. Assumption."""
    max_walk_m: float = Field(600.0, gt=0, le=3000)
    """Longest walk to or from a stop that people consider. Assumption."""
    fare_eur: float = Field(0.0, ge=0, le=20)
    """Per ride. Assumption: a trial is free."""
    boarding_penalty_min: float = Field(3.0, ge=0, le=20)
    """Felt minutes for boarding, as for a bus. Source: HELMET 5 (pt.boarding_penalty.bus)."""
    reserved_seats: bool = True
    """Seats are reserved when leaving, on the first vehicle with room; if not, people queue at the stop. Assumption."""
    patience: int = Field(1, ge=0, le=10)
    """How many full vehicles a rider lets pass before giving up. Assumption."""


_BUS = 3
"""GTFS route type."""


class Shuttle(Service):
    """Riders walk to the stop that gets them there best, wait, ride and walk on."""

    kind = "shuttle"
    settings_type = ShuttleSettings
    mode = "shuttle"
    nest = "transit"
    time_class = "transit"
    sustainable = True
    feeds = True
    scarce = True
    operated = True

    settings: ShuttleSettings

    def __init__(self, name: str, settings: ShuttleSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        self._nodes, self._snapped_m = town.snap(settings.stops, ("walk", "drive"))

    def faults(self) -> list[tuple[str, str]]:
        """Return stops outside the map or without a street, and a headway too short for the fleet."""
        found = [
            (f"stops.{index}", f"{place.name or 'stop'} ({place.lon}, {place.lat}) lies {distance_m:.0f} m from the "
             f"nearest street, expected at most {SNAP_LIMIT_M:.0f} m: is it outside the map?")
            for index, (place, distance_m) in enumerate(zip(self.settings.stops, self._snapped_m, strict=True))
            if distance_m > SNAP_LIMIT_M
        ]  # fmt: skip
        if found:
            return found
        hop_m = self._hop_m
        if not np.all(np.isfinite(hop_m)):
            return [("stops", "a stop cannot be driven to from the one before, expected stops beside streets")]
        needed = int(np.ceil(self._loop_s / self.settings.headway_s))
        if needed > self.settings.vehicles:
            return [
                (
                    "vehicles",
                    f"got {self.settings.vehicles}, expected at least {needed}: a loop takes "
                    f"{self._loop_s / MINUTE_S:.0f} min, a vehicle leaves every "
                    f"{self.settings.headway_s / MINUTE_S:.0f} min",
                )
            ]
        return []

    def expect(self, requests: Requests) -> Offers:
        """Return the rides between the best pair of stops, or walks instead by the chance of finding a seat."""
        return self._or_walk(requests, self._by_timetable(requests))

    def bound(self, requests: Requests) -> Offers:
        """Return the rides without a wait: who sets out later than planned may find a vehicle about to leave."""
        none = np.zeros(len(requests))
        return replace(self._by_timetable(requests), wait_s=none, spare_s=none)

    def _by_timetable(self, requests: Requests) -> Offers:
        """Return the rides between the best pair of stops."""
        offers = Offers.none(len(requests))
        near = self._is_near[requests.origin] & self._is_near[requests.destination]
        near &= requests.origin != requests.destination
        rows = np.flatnonzero(near)
        if not len(rows):
            return offers
        origin, destination, ready_s = requests.origin[rows], requests.destination[rows], requests.depart_s[rows]
        board, alight = self._stop_pair(origin, destination)
        to_stop_s = self.walk_s(origin, self._nodes[board])
        from_stop_s = self.walk_s(self._nodes[alight], destination)
        found = self.journeys.next(board, alight, ready_s + to_stop_s)
        possible = (found.run >= 0) & (board != alight)
        offers.walk_s[rows] = np.where(possible, to_stop_s + from_stop_s, np.inf)
        offers.wait_s[rows] = np.where(possible, found.depart_s - ready_s - to_stop_s, 0.0)
        offers.ride_s[rows] = np.where(possible, found.ride_s, 0.0)
        offers.fare_eur[rows] = self.settings.fare_eur
        offers.ride_m[rows] = offers.ride_s[rows] * self.settings.speed_m_s
        offers.penalty_s[rows] = self.settings.boarding_penalty_min * MINUTE_S
        offers.spare_s[rows] = np.maximum(offers.wait_s[rows] - self.settings.early_s, 0.0)
        return offers

    def reach_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walk, half a headway and ride between nodes, (T,)."""
        found = np.full(len(origins), np.inf)
        rows = np.flatnonzero(self._is_near[origins] & self._is_near[destinations] & (origins != destinations))
        if len(rows):
            board, alight = self._stop_pair(origins[rows], destinations[rows])
            walk_s = self.walk_s(origins[rows], self._nodes[board])
            walk_s = walk_s + self.walk_s(self._nodes[alight], destinations[rows])
            found[rows] = np.where(board == alight, np.inf, walk_s + self._typical_s[board, alight])
        return found

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Send the vehicles round."""
        super().start(world, carried)
        timetable = self.timetable
        calls = np.diff(timetable.run_start)
        hop_m = self._hop_m
        laps = [np.cumsum(np.append(0.0, np.tile(hop_m, (count - 1) // len(hop_m)))) for count in calls.tolist()]
        self._boarding = Boarding(
            self.name,
            timetable,
            np.full(len(calls), self.settings.seats),
            self._nodes[timetable.call_stop],
            np.concatenate(laps),
            np.arange(len(calls)),
        )
        self._boarding.start(world)
        self._taken = [0] * len(timetable.call_stop)
        self._open: dict[tuple[int, int], Booking] = {}

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise a seat on the first vehicle that has one, or the loop alone where seats are not reserved."""
        found = self._find(leg)
        if leg.leg > 0:
            self._count(leg, found)
        if isinstance(found, Refusal):
            return found
        offer, journey = found
        if self.settings.reserved_seats:
            self._take(journey, 1)
        booking = Booking(leg, self.world.env.now, offer, self._boarding.vehicle_of_run[journey.run], plan=journey)
        self._open[leg.person, leg.trip] = booking
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the seat back."""
        if self.settings.reserved_seats:
            self._take(booking.plan, -1)
        self._close(booking, "cancelled")

    def ride(self, booking: Booking) -> Ride:
        """Walk to the stop, wait, board, ride, alight and walk on."""
        env, leg, boarding = self.world.env, booking.leg, self._boarding
        board, alight = self._pair(leg.origin, leg.destination)
        stop, target = int(self._nodes[board]), int(self._nodes[alight])
        walk_s, walk_m = self.walk_one_s(leg.origin, stop), self.walk_m(leg.origin, stop)
        if walk_s > 0:
            yield env.timeout(walk_s)
        arrived_s = env.now
        journey: NextJourney | None = booking.plan
        boarded_s: float | None = None
        for _ in range(self.settings.patience + 1):
            if journey is None:
                break
            boarded_s = yield boarding.wait_for(journey, leg.person)
            if boarded_s is not None:
                break
            journey = self.journeys.next_one(board, alight, env.now + 1 / STEPS_PER_S)
        if journey is None or boarded_s is None:
            self._close(booking, "expired")
            refusal = Refusal("full" if journey else "no_departure", stop)
            return Outcome(stop, walk_s, env.now - arrived_s, 0.0, walk_m, 0.0, 0.0, -1, refusal)
        ride_s = env.now - boarded_s
        ride_m = boarding.call_m[journey.alight_call] - boarding.call_m[journey.board_call]
        self._close(booking, "ridden")
        on_s = self.walk_one_s(target, leg.destination)
        if on_s > 0:
            yield env.timeout(on_s)
        walk_m += self.walk_m(target, leg.destination)
        return Outcome(
            leg.destination, walk_s + on_s, boarded_s - arrived_s, ride_s, walk_m, ride_m, self.settings.fare_eur,
            boarding.vehicle_of_run[journey.run],
        )  # fmt: skip

    def finish(self) -> None:
        """Expire the promises of those still under way."""
        for booking in list(self._open.values()):
            self._close(booking, "expired")

    def _firm(self, leg: Leg) -> Offer | Refusal:
        found = self._find(leg)
        return found if isinstance(found, Refusal) else found[0]

    def _find(self, leg: Leg) -> tuple[Offer, NextJourney] | Refusal:
        """Return the offer of the next vehicle that has a seat all the way, within the rider's patience."""
        if not self._is_near[leg.origin] or not self._is_near[leg.destination]:
            return Refusal("out_of_reach", leg.origin)
        board, alight = self._pair(leg.origin, leg.destination)
        if board == alight:
            return Refusal("out_of_reach", leg.origin)
        to_stop_s = self.walk_one_s(leg.origin, int(self._nodes[board]))
        from_stop_s = self.walk_one_s(int(self._nodes[alight]), leg.destination)
        ready_s = self.world.env.now + to_stop_s
        asked_s = ready_s
        for _ in range(self.settings.patience + 1):
            journey = self.journeys.next_one(board, alight, asked_s)
            if journey is None:
                return Refusal("no_departure", leg.origin)
            if not self.settings.reserved_seats or self._has_seat(journey):
                wait_s = journey.depart_s - ready_s
                offer = Offer(
                    to_stop_s + from_stop_s, wait_s, journey.ride_s, self.settings.fare_eur,
                    journey.ride_s * self.settings.speed_m_s, self.settings.boarding_penalty_min * MINUTE_S,
                    max(wait_s - self.settings.early_s, 0.0),
                )  # fmt: skip
                return offer, journey
            asked_s = journey.depart_s + 1 / STEPS_PER_S
        return Refusal("full", leg.origin)

    def _has_seat(self, journey: NextJourney) -> bool:
        return max(self._taken[journey.board_call : journey.alight_call]) < self.settings.seats

    def _take(self, journey: NextJourney, seats: int) -> None:
        for call in range(journey.board_call, journey.alight_call):
            self._taken[call] += seats

    def _close(self, booking: Booking, end: str) -> None:
        leg = booking.leg
        del self._open[leg.person, leg.trip]
        self.world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self.name, booking.vehicle,
            end, self.world.env.now,
        )  # fmt: skip

    def overnight(self) -> dict[str, AnyArray]:
        """Return nothing: every vehicle begins the day at the first stop."""
        return {}

    def vehicles(self) -> list[Vehicle]:
        """Return the shuttle's vehicles."""
        count = len(self.timetable.run_start) - 1
        depot = np.full(count, self._nodes[0])
        return line_vehicles(np.full(count, self.settings.seats), depot, depot)

    def places(self) -> list[tuple[int, str, str]]:
        """Return the stops."""
        return [(node, stop.name, "stop") for node, stop in zip(self._nodes.tolist(), self.settings.stops, strict=True)]

    @cached_property
    def timetable(self) -> Timetable:
        """The timetable that follows from the settings: one run for each vehicle's day, lap after lap."""
        settings, stops = self.settings, len(self.settings.stops)
        used = int(np.ceil(self._loop_s / settings.headway_s))
        days = [self._calls(settings.first_s + vehicle * settings.headway_s, used) for vehicle in range(used)]
        counts = np.array([len(arrive_s) for arrive_s, _ in days])
        return Timetable(
            stop_lonlat=np.array([[place.lon, place.lat] for place in settings.stops]),
            stop_name=tuple(place.name for place in settings.stops),
            stop_id=tuple(str(index) for index in range(stops)),
            line_name=(self.name,),
            line_type=np.array([_BUS], dtype=np.int32),
            run_line=np.zeros(used, dtype=np.int32),
            run_name=tuple(f"{self.name}-{vehicle}" for vehicle in range(used)),
            run_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            call_stop=np.concatenate([np.arange(count) % stops for count in counts]).astype(np.int32),
            call_arrive_s=np.concatenate([arrive_s for arrive_s, _ in days]),
            call_depart_s=np.concatenate([depart_s for _, depart_s in days]),
        )

    @cached_property
    def journeys(self) -> Journeys:
        """The journeys that the timetable allows."""
        return Journeys.of(self.timetable)

    def _calls(self, first_s: float, vehicles: int) -> tuple[FloatArray, FloatArray]:
        """Return arrivals and departures of one vehicle's day, (C,): equal laps, with rest at the first stop."""
        settings = self.settings
        cycle_s = vehicles * settings.headway_s
        laps = max(1, int((settings.last_s - first_s) // cycle_s) + 1)
        into_lap_s = np.concatenate([[0.0], np.cumsum(self._hop_s + settings.dwell_s)])
        lap_s = first_s + cycle_s * np.arange(laps)
        begin_s = (lap_s[:, None] + into_lap_s[None, :-1]).ravel()
        end_s = lap_s[-1] + into_lap_s[-1]
        arrive_s, depart_s = np.append(begin_s, end_s), np.append(begin_s + settings.dwell_s, end_s)
        stops = len(settings.stops)
        arrive_s[stops:-1:stops] = lap_s[:-1] + into_lap_s[-1]
        return arrive_s, depart_s

    @cached_property
    def _typical_s(self) -> FloatArray:
        """Mean waiting and riding time between stops while the shuttle runs, (stops, stops)."""
        return self.journeys.typical_s(self.settings.first_s, self.settings.last_s)

    @cached_property
    def _hop_m(self) -> FloatArray:
        """Driving distance from each stop to the next, (stops,)."""
        return np.asarray(self.town.skims.drive_m[self._nodes, np.roll(self._nodes, -1)], dtype=np.float64)

    @cached_property
    def _hop_s(self) -> FloatArray:
        return round_s(self._hop_m / self.settings.speed_m_s)

    @cached_property
    def _loop_s(self) -> float:
        return float(np.cumsum(self._hop_s)[-1]) + self.settings.dwell_s * len(self._hop_s)

    @cached_property
    def _is_near(self) -> BoolArray:
        """Whether some stop is within walking reach, (N,)."""
        near: BoolArray = np.any(self.town.skims.walk_m[self._nodes] <= self.settings.max_walk_m, axis=0)
        return near

    @cached_property
    def _to_stop_s(self) -> FloatArray:
        """Walk from every node to each stop, (N, stops)."""
        nodes = np.arange(self.town.streets.nodes)
        return np.stack([self.walk_s(nodes, np.full_like(nodes, stop)) for stop in self._nodes.tolist()], axis=1)

    @cached_property
    def _from_stop_s(self) -> FloatArray:
        """Walk from each stop to every node, (N, stops)."""
        nodes = np.arange(self.town.streets.nodes)
        return np.stack([self.walk_s(np.full_like(nodes, stop), nodes) for stop in self._nodes.tolist()], axis=1)

    @cached_property
    def _stop_pairs(self) -> list[tuple[int, int, float]]:
        """Every ride between two stops and its mean waiting and riding time."""
        stops = range(len(self._nodes))
        return [(board, alight, float(self._typical_s[board, alight])) for board in stops for alight in stops]

    def _pair(self, origin: int, destination: int) -> tuple[int, int]:
        """Return the same as `_stop_pair` for one ride."""
        to_stop_s: list[float] = self._to_stop_s[origin].tolist()
        from_stop_s: list[float] = self._from_stop_s[destination].tolist()
        best_s, best = np.inf, (0, 0)
        for board, alight, typical_s in self._stop_pairs:
            total_s = to_stop_s[board] + typical_s + from_stop_s[alight]
            if total_s < best_s and board != alight:
                best_s, best = total_s, (board, alight)
        return best

    def _stop_pair(self, origins: IntArray, destinations: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pair of stops with the least walking, waiting and riding, each (T,)."""
        to_stop_s, from_stop_s = self._to_stop_s[origins], self._from_stop_s[destinations]
        best_s = np.full(len(origins), np.inf)
        best_board, best_alight = (np.zeros(len(origins), dtype=np.int64) for _ in range(2))
        for board, alight, typical_s in self._stop_pairs:
            total_s = to_stop_s[:, board] + typical_s + from_stop_s[:, alight]
            better = (total_s < best_s) & (board != alight)
            best_s[better], best_board[better], best_alight[better] = total_s[better], board, alight
        return best_board, best_alight
