"""Public transport by a timetable: trains and buses with places, reached by services that feed them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from kera_mobility.journeys import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.base import Carried, Ride, Service, Vehicle
from kera_mobility.services.boarding import Boarding, TimetabledSettings, line_vehicles
from kera_mobility.settings import Settings
from kera_mobility.town.timetable import TRANSFER_SLACK_S, NextJourneys
from kera_mobility.town.town import Town
from kera_mobility.units import MINUTE_S, STEPS_PER_S, FloatArray, IntArray, round_m
from kera_mobility.world import World

_DEGREE_M = 111_320.0


class Rolling(Settings):
    """What a kind of line runs with."""

    places: int = Field(ge=1, le=2000)
    """Seats and standing room of one vehicle."""
    boarding_penalty_min: float = Field(ge=0, le=20)
    """Felt minutes for each boarding. Source: HELMET 5 assignment (pt.boarding_penalty)."""


class TransitSettings(TimetabledSettings):
    """Settings of the timetabled lines."""

    kind: Literal["transit"] = "transit"
    timetable: str = Field(min_length=1)
    """Name of a timetable of the area, such as today or urban_rail."""
    train: Rolling = Rolling(places=583, boarding_penalty_min=2.0)
    """One Sm5 unit, seats and standing (sm5.capacity_total)."""
    tram: Rolling = Rolling(places=200, boarding_penalty_min=0.0)
    """A light-rail car. Places: assumption."""
    bus: Rolling = Rolling(places=80, boarding_penalty_min=3.0)
    """A 12 m bus. Places: assumption."""
    transfer_penalty_min: float = Field(3.0, ge=0, le=20)
    """Felt minutes for each transfer. Source: HELMET 5, work trips (pt.transfer_penalty.work)."""
    fare_single_eur: float = Field(3.2, ge=0, le=20)
    """Single ticket, zones AB or BC. Unverified (from memory); range 2.8 to 4.5."""
    fare_season_eur: float = Field(1.2, ge=0, le=20)
    """Monthly ticket over 60 trips, as HELMET 5 divides it; the price of the ticket is unverified."""
    circuity: float = Field(1.1, ge=1, le=2)
    """Length of the line between stops over the straight line. Assumption."""


class Transit(Service):
    """Riders take the timetable's earliest arrival, ask again at every platform, and may be left behind."""

    kind = "transit"
    settings_type = TransitSettings
    mode = "transit"
    nest = "transit"
    time_class = "transit"
    sustainable = True
    alone = False
    line = True
    operated = True

    settings: TransitSettings

    def __init__(self, name: str, settings: TransitSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        lines = town.lines(settings.timetable)
        self.timetable, self.journeys, self._stop_node = lines.timetable, lines.journeys, lines.stop_node
        self._node_stop = np.full(town.streets.nodes, -1, dtype=np.int64)
        served = np.flatnonzero(self._stop_node >= 0)
        self._node_stop[self._stop_node[served]] = served
        by_type = [self._rolling(kind) for kind in self.timetable.line_type.tolist()]
        line = self.timetable.run_line
        self._run_penalty_s = np.array([r.boarding_penalty_min * MINUTE_S for r in by_type], dtype=np.float64)[line]
        self._run_places = np.array([r.places for r in by_type], dtype=np.int64)[line]

    def stops(self) -> IntArray:
        """Return the street nodes of the stops that can be reached, (S,)."""
        return np.sort(self._stop_node[self._stop_node >= 0])

    def typical_s(self, start_s: float, end_s: float) -> FloatArray:
        """Return mean waiting and riding times between `stops()`, (S, S), over departures in a window."""
        of_stops = self._node_stop[self.stops()]
        return self.journeys.typical_s(start_s, end_s)[np.ix_(of_stops, of_stops)]

    def expect(self, requests: Requests) -> Offers:
        """Return the journeys by the timetable from stop node to stop node."""
        origin, destination = self._node_stop[requests.origin], self._node_stop[requests.destination]
        usable = (origin >= 0) & (destination >= 0) & (requests.origin != requests.destination)
        found = self._next(np.where(usable, origin, 0), np.where(usable, destination, 0), requests.depart_s)
        usable &= found.run >= 0
        run = np.where(usable, found.run, 0)
        transfers = np.maximum(found.boardings.astype(np.int64) - 1, 0)
        season = self.town.people.season_ticket[requests.person]
        first_wait_s = np.where(usable, found.depart_s - requests.depart_s, 0.0)
        return Offers.of(
            len(requests),
            walk_s=np.where(usable, 0.0, np.inf),
            wait_s=first_wait_s + np.where(usable, found.transfer_wait_s, 0.0),
            ride_s=np.where(usable, found.ride_s, 0.0),
            fare_eur=np.where(season, self.settings.fare_season_eur, self.settings.fare_single_eur),
            ride_m=self._straight_m(requests.origin, requests.destination),
            penalty_s=self._run_penalty_s[run] * (transfers + 1)
            + self.settings.transfer_penalty_min * MINUTE_S * transfers,
            spare_s=np.maximum(first_wait_s - self.settings.early_s, 0.0),
        )

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Run the timetable of the day."""
        super().start(world, carried)
        timetable = self.timetable
        runs = np.arange(len(timetable.run_start) - 1)
        self._boarding = Boarding(
            self.name, timetable, self._run_places, self._stop_node[timetable.call_stop], self._call_m(), runs
        )
        self._boarding.start(world)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise nothing but the line itself: a ticket is not a seat."""
        return Booking(leg, self.world.env.now, Offer(0.0, 0.0, 0.0, self._fare_eur(leg.row), 0.0))

    def ride(self, booking: Booking) -> Ride:
        """Wait, board, ride and alight until the leg's destination."""
        env, leg, boarding = self.world.env, booking.leg, self._boarding
        target = int(self._node_stop[leg.destination])
        here, place = int(self._node_stop[leg.origin]), leg.origin
        wait_s = ride_s = ride_m = 0.0
        left_behind, vehicle = 0, -1
        ready_s = env.now
        refusal: Refusal | None = None
        while place != leg.destination:
            found = self.journeys.next_one(here, target, ready_s)
            if found is None:
                refusal = Refusal("no_departure", place)
                break
            asked_s = env.now
            boarded_s = yield boarding.wait_for(found, leg.person)
            if boarded_s is None:
                wait_s += env.now - asked_s
                ready_s = max(env.now, found.depart_s) + 1 / STEPS_PER_S
                left_behind += 1
                if left_behind > self.settings.patience:
                    refusal = Refusal("full", place)
                    break
                continue
            wait_s += boarded_s - asked_s
            ride_s += env.now - boarded_s
            ride_m += boarding.call_m[found.alight_call] - boarding.call_m[found.board_call]
            vehicle = boarding.vehicle_of_run[found.run]
            here, place = int(self.timetable.call_stop[found.alight_call]), boarding.call_node[found.alight_call]
            ready_s = env.now + TRANSFER_SLACK_S
        fare_eur = self._fare_eur(leg.row) if ride_s > 0 else 0.0
        return Outcome(place, 0.0, wait_s, ride_s, 0.0, ride_m, fare_eur, vehicle, refusal)

    def vehicles(self) -> list[Vehicle]:
        """Return a vehicle for each run: a feed does not say which vehicle makes which run."""
        calls = self._stop_node[np.asarray(self.timetable.call_stop)]
        start = np.asarray(self.timetable.run_start)
        return line_vehicles(self._run_places, calls[start[:-1]], calls[start[1:] - 1])

    def places(self) -> list[tuple[int, str, str]]:
        """Return the stops."""
        nodes = self._stop_node.tolist()
        return [(node, name, "stop") for node, name in zip(nodes, self.timetable.stop_name, strict=True) if node >= 0]

    def _next(self, origin: IntArray, destination: IntArray, ready_s: FloatArray) -> NextJourneys:
        """Return the best journeys between stops, (T,)."""
        if len(origin) == 1:  # somebody replans: the scalar answer is the same and much faster
            one = self.journeys.next_one(int(origin[0]), int(destination[0]), float(ready_s[0]))
            if one is not None:
                return NextJourneys(*(np.array([value]) for value in one))
        return self.journeys.next(origin, destination, ready_s)

    def _fare_eur(self, row: int) -> float:
        season = bool(self.town.people.season_ticket[row])
        return self.settings.fare_season_eur if season else self.settings.fare_single_eur

    def _rolling(self, route_type: int) -> Rolling:
        """Return what runs on a GTFS route type: 0 tram, 1 metro and 2 rail as trains, the rest as buses."""
        settings = self.settings
        return {0: settings.tram, 1: settings.train, 2: settings.train}.get(route_type, settings.bus)

    def _straight_m(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        xy_m = np.asarray(self.town.streets.node_xy_m)
        step = xy_m[origins] - xy_m[destinations]
        straight_m: FloatArray = np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2)
        return straight_m * self.settings.circuity

    def _call_m(self) -> FloatArray:
        """Return the distance from the start of its run to each call, (C,)."""
        timetable = self.timetable
        lonlat = np.asarray(timetable.stop_lonlat, dtype=np.float64)[timetable.call_stop]
        middle = np.cos(np.radians(float(lonlat[:, 1].mean()))) if len(lonlat) else 1.0
        step = np.diff(lonlat, axis=0, prepend=lonlat[:1]) * np.array([middle, 1.0]) * _DEGREE_M
        hop_m = round_m(np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2) * self.settings.circuity)
        along = np.cumsum(hop_m)
        first = timetable.run_start[:-1]
        from_start_m: FloatArray = along - np.repeat(along[first], np.diff(timetable.run_start))
        return from_start_m
