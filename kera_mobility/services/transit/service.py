"""Public transport by a timetable: trains and buses with places, reached by services that feed them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from kera_mobility.ledger import is_file
from kera_mobility.results.line_kinds import COMMON_KINDS
from kera_mobility.services.base import Carried, Ride, Service, Vehicle
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import Announcement, ServiceClosed
from kera_mobility.services.reasons import CLOSED, FULL, GONE, NO_DEPARTURE
from kera_mobility.services.stops.operation import RideEnd
from kera_mobility.services.transit import delays
from kera_mobility.services.transit.background_load import FILE, background_aboard, read_background
from kera_mobility.services.transit.connections import Connections
from kera_mobility.services.transit.crowding import crowding_more_s
from kera_mobility.services.transit.operation import MinimumDwell, RunConditions, TransitOperation
from kera_mobility.services.transit.passenger_information import PassengerInformation
from kera_mobility.services.transit.settings import TransitSettings
from kera_mobility.services.world import World
from kera_mobility.town.timetable.route_types import kind_of_basic
from kera_mobility.town.timetable.timetable import TRANSFER_SLACK_S, Journeys, NextJourneys
from kera_mobility.town.town import Town
from kera_mobility.units import DAYS_A_MONTH, MINUTE_S, STEPS_PER_S, BoolArray, FloatArray, IntArray, round_m

__all__ = ["Transit", "TransitSettings"]

_DEGREE_M = 111_320.0
"""Metres in a degree on a sphere of 6,378 km. Not `geometry.METRES_PER_DEGREE`: kilometres in results stand on it."""
_TAKE_THE_NEXT = frozenset({FULL, GONE})
"""Reasons for not being taken along after which the rider waits for the next run."""


class Transit(Service):
    """Riders take the timetable's earliest arrival, ask again at every platform, and may be left behind."""

    kind = "transit"
    settings_type = TransitSettings
    mode = "transit"
    nest = "transit"
    time_class = "transit"
    sustainable = True
    direct = False
    line = True
    operated = True
    subscribes_to = (ServiceClosed,)

    settings: TransitSettings

    def __init__(self, name: str, settings: TransitSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        lines = town.lines(settings.timetable, settings.date)
        self.timetable, self.journeys, self._stop_node = lines.timetable, lines.journeys, lines.stop_node
        self._origin: list[int] = self.journeys.call_origin.tolist()
        self._node_stop = np.full(town.streets.nodes, -1, dtype=np.int64)
        served = np.flatnonzero(self._stop_node >= 0)
        self._node_stop[self._stop_node[served]] = served
        stock = [settings.rolling_stock(kind) for kind in self.timetable.line_type.tolist()]
        line = self.timetable.run_line
        self._run_penalty_s = np.array([s.boarding_penalty_min * MINUTE_S for s in stock], dtype=np.float64)[line]
        self._run_places = np.array([s.places for s in stock], dtype=np.int64)[line]
        self._run_seats = np.array([s.seated for s in stock], dtype=np.int64)[line]
        self._run_stock = [stock[index] for index in line.tolist()]
        self._information: PassengerInformation | None = None
        self._background_load: IntArray | None = None
        self._crowding_more_s: FloatArray | None = None
        if settings.background.on and is_file(town.folder / FILE):
            background = read_background(town.folder)
            self._background_load = background_aboard(background, self.timetable, settings.background.factor)
            if settings.crowding.on:
                self._crowding_more_s = crowding_more_s(
                    settings.crowding, self.timetable, self._background_load, self._run_seats
                )

    def faults(self) -> list[tuple[str, str]]:
        """Return a background that the area does not have, and crowding without one."""
        settings = self.settings
        if settings.background.on and self._background_load is None:
            return [("background.on", f"the area has no {FILE}, which says who rides besides the people of the model")]
        if settings.crowding.on and not settings.background.on:
            return [("crowding.on", "people expect the load of the background: set background.on as well")]
        return []

    def stops(self) -> IntArray:
        """Return the street nodes of the stops that can be reached, (S,)."""
        return np.sort(self._stop_node[self._stop_node >= 0])

    def typical_s(self, start_s: float, end_s: float) -> FloatArray:
        """Return mean waiting and riding times between `stops()`, (S, S), over departures in a window."""
        of_stops = self._node_stop[self.stops()]
        return self._planned.typical_s(start_s, end_s)[np.ix_(of_stops, of_stops)]

    def expect(self, requests: Requests) -> Offers:
        """Return the journeys by the timetable from stop node to stop node."""
        origin, destination = self._node_stop[requests.origin], self._node_stop[requests.destination]
        usable = (origin >= 0) & (destination >= 0) & (requests.origin != requests.destination)
        journey = self._next(np.where(usable, origin, 0), np.where(usable, destination, 0), requests.depart_s)
        usable &= journey.run >= 0
        run = np.where(usable, journey.run, 0)
        transfers = np.maximum(journey.boardings.astype(np.int64) - 1, 0)
        first_wait_s = np.where(usable, journey.depart_s - requests.depart_s, 0.0)
        return Offers.of(
            len(requests),
            walk_s=np.where(usable, 0.0, np.inf),
            wait_s=first_wait_s + np.where(usable, journey.transfer_wait_s, 0.0),
            ride_s=np.where(usable, journey.ride_s, 0.0),
            fare_eur=self._fares_eur[requests.person],
            ride_m=self._straight_m(requests.origin, requests.destination),
            penalty_s=self._run_penalty_s[run] * (transfers + 1)
            + self.settings.transfer_penalty_min * MINUTE_S * transfers
            + self._crowded_s(journey, usable, destination),
            spare_s=np.maximum(first_wait_s - self.settings.early_s, 0.0),
        )

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Run the timetable of the day."""
        super().start(world, carried)
        timetable, settings, conditions = self.timetable, self.settings.delays, self._conditions(world)
        self._operation = TransitOperation(
            self.name, timetable, self._run_places, self._stop_node[timetable.call_stop], self._call_m(), conditions
        )
        displayed = None
        self._connections: Connections | None = None
        if settings.on:
            assert conditions.late_s is not None
            assert conditions.cancelled is not None
            late_s = np.where(conditions.cancelled, 0.0, conditions.late_s)  # what does not run makes nothing late
            displayed = delays.displayed(timetable, late_s, settings.recovery, conditions.dwells)
            self._connections = Connections(
                world, self._operation, timetable, displayed, self.journeys, settings.connection_hold_s
            )
        self._information = PassengerInformation(timetable, self.journeys, self._operation, displayed)
        self._operation.start(world)
        world.notices.listen(ServiceClosed, self._hear_closed)
        world.notices.listen(Announcement, self._hear_announced)

    def _conditions(self, world: World) -> RunConditions:
        """Return how today's runs differ from the timetable."""
        settings, timetable, dice = self.settings.delays, self.timetable, world.dice
        background_load, seats = self._background_load, self._run_seats
        if not settings.on:
            return RunConditions(background_load=background_load, seats=seats, logged=background_load is not None)
        person_s = settings.person_at_door_s
        dwells = [MinimumDwell(s.least_dwell_s, person_s / s.doors, person_s / s.doors) for s in self._run_stock]
        return RunConditions(
            late_s=delays.late_s(settings, timetable, dice),
            recovery=settings.recovery,
            cancelled=delays.cancelled(settings, timetable, dice),
            dwells=dwells if person_s else None,
            hold=self._held_until_s if settings.connection_hold_s else None,
            background_load=background_load,
            seats=seats,
            notice_late_s=settings.told_min * MINUTE_S,
            logged=True,
        )

    def _held_until_s(self, run: int, call: int) -> float:
        assert self._connections is not None
        return self._connections.until_s(run, call)

    def _hear_closed(self, notice: ServiceClosed) -> None:
        """Close lines, all of them if none is named, or open them again for runs that are still to come."""
        lines = notice.lines or None
        if notice.service != self.name and not (notice.service == "" and lines):
            return
        if notice.ends:
            self._today.reopen(lines)
        else:
            self._today.close(lines, notice.until_s)

    def _hear_announced(self, notice: Announcement) -> None:
        """Expect nothing of runs that an announced closure will end."""
        closure = notice.announced
        if notice.service == self.name and isinstance(closure, ServiceClosed):
            self._today.announce_closure(closure.lines or None, closure.from_s, closure.until_s)

    @property
    def _today(self) -> PassengerInformation:
        assert self._information is not None, "the day has begun"
        return self._information

    @property
    def _planned(self) -> Journeys:
        """The journeys that people plan by."""
        return self._information.planned if self._information else self.journeys

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise nothing but the line itself: a ticket is not a seat."""
        return Booking(leg, self.world.env.now, Offer(0.0, 0.0, 0.0, float(self._fares_eur[leg.row]), 0.0))

    def foreseen_s(self, booking: Booking) -> float:
        """Return when somebody who is at the first stop now should arrive, as displays show it."""
        here, target = (int(self._node_stop[place]) for place in (booking.leg.origin, booking.leg.destination))
        journey = self._today.displayed.next_one(here, target, self.world.env.now)
        return math.inf if journey is None else journey.arrive_s

    def await_rider(self, leg: Leg, coming_s: Callable[[], float]) -> None:
        """Have the run that somebody comes for with another service wait, if that is late and runs wait."""
        if not self._connections or not self.settings.delays.connection_hold_s or (due_s := coming_s()) == math.inf:
            return
        here, target = (int(self._node_stop[place]) for place in (leg.origin, leg.destination))
        self._connections.await_from_outside(leg, self._today.displayed.next_one(here, target, due_s), coming_s)

    def ride(self, booking: Booking) -> Ride:
        """Wait, board, ride and alight until the leg's destination."""
        env, leg, operation, today = self.world.env, booking.leg, self._operation, self._today
        here, target = (int(self._node_stop[place]) for place in (leg.origin, leg.destination))
        place, vehicle, wait_s, ride_s, ride_m = leg.origin, -1, 0.0, 0.0, 0.0
        left_behind = changes = 0
        ready_s = env.now
        refusal: Refusal | None = None
        held = self._connections.change_from_outside(leg, target, today.displayed) if self._connections else None
        while place != leg.destination and refusal is None:
            journey, held = held or today.displayed.next_one(here, target, ready_s), None
            if journey is None:
                is_closed = today.some_closed and self.journeys.next_one(here, target, ready_s)
                refusal = Refusal(CLOSED if is_closed else NO_DEPARTURE, place)
                break
            if self._connections:
                self._connections.announce(journey, target)
            begin_s = env.now
            end: RideEnd = yield operation.wait_for(journey.board_call, journey.alight_call, leg.person)
            if end.boarded_s is None:
                wait_s += env.now - begin_s
                ready_s = max(env.now, journey.depart_s) + 1 / STEPS_PER_S
                left_behind += 1
                if end.reason not in _TAKE_THE_NEXT:
                    refusal = Refusal(end.reason, place)
                elif left_behind > self.settings.patience:
                    refusal = Refusal(FULL, place)
                continue
            wait_s += end.boarded_s - begin_s
            ride_s += env.now - end.boarded_s
            ride_m += operation.call_m[end.call] - operation.call_m[journey.board_call]
            vehicle, here, place = end.vehicle, self._origin[end.call], operation.call_node[end.call]
            ready_s = env.now + TRANSFER_SLACK_S
            if place != leg.destination and end.reason:
                refusal = Refusal(end.reason, place)
            elif place != leg.destination and self._connections:
                held = self._connections.change(leg, end.call, target, today.displayed, changes)
                changes += 1
        fare_eur = float(self._fares_eur[leg.row]) if ride_s > 0 else 0.0
        return Outcome(place, 0.0, wait_s, ride_s, 0.0, ride_m, fare_eur, vehicle, refusal)

    def vehicles(self) -> list[Vehicle]:
        """Return a vehicle for each run, without a battery to follow: a feed does not say which makes which run."""
        nodes = self._stop_node[np.asarray(self.timetable.call_stop)]
        start, nothing = np.asarray(self.timetable.run_start), float("nan")
        rows = zip(self._run_places.tolist(), nodes[start[:-1]].tolist(), nodes[start[1:] - 1].tolist(), strict=True)
        return [Vehicle(run, places, first, last, nothing, nothing) for run, (places, first, last) in enumerate(rows)]

    def about(self) -> dict[str, Any]:
        """Return what each kind of line runs with, at what costs, and the lines without any run on the date."""
        settings, kinds = self.settings, self._kind_of_runs()
        places = {kind: getattr(settings, kind).places for kind in [*COMMON_KINDS, *kinds]}
        feed = {"timetable": {"name": settings.timetable, **self.timetable.about}}
        lines = self.timetable.line_name
        idle_lines = [lines[line] for line in sorted(set(range(len(lines))) - set(self.timetable.run_line.tolist()))]
        costs = {"costs": settings.costs.model_dump(), "idle_lines": idle_lines}
        season = {"season_eur_per_day": self._season_eur_per_day()}
        runs = {"runs_of_kind": kinds, "runs_beyond": self._runs_beyond()}
        return {"places": places, **costs, **runs, **season, **feed}

    def _runs_beyond(self) -> list[tuple[int, int]]:
        """Return the first and the last run of each span of runs that call at places beyond the map alone."""
        far = np.asarray(self.town.streets.node_outside)[self._stop_node[np.asarray(self.timetable.call_stop)]]
        beyond = np.logical_and.reduceat(far, np.asarray(self.timetable.run_start)[:-1]) if len(far) else far
        edges = np.flatnonzero(np.diff(np.concatenate([[0], beyond.astype(np.int8), [0]]))).tolist()
        return [(first, end - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]

    def _kind_of_runs(self) -> dict[str, list[tuple[int, int]]]:
        """Return the first and the last run of each span of runs of one kind, by kind."""
        basic = np.asarray(self.timetable.line_type)[self.timetable.run_line]
        bounds = [0, *(np.flatnonzero(np.diff(basic)) + 1).tolist(), len(basic)]
        spans: dict[str, list[tuple[int, int]]] = {}
        for first, end in pairwise(bounds):
            if end > first:
                spans.setdefault(kind_of_basic(int(basic[first])), []).append((first, end - 1))
        return spans

    def places(self) -> list[tuple[int, str, str]]:
        """Return the stops."""
        nodes = self._stop_node.tolist()
        return [(node, name, "stop") for node, name in zip(nodes, self.timetable.stop_name, strict=True) if node >= 0]

    def _next(self, origin: IntArray, destination: IntArray, ready_s: FloatArray) -> NextJourneys:
        """Return the best journeys between stops, (T,)."""
        if len(origin) == 1:  # somebody replans: the scalar answer is the same and much faster
            journey = self._planned.next_one(int(origin[0]), int(destination[0]), float(ready_s[0]))
            if journey is not None:
                return NextJourneys(*(np.array([value]) for value in journey))
        return self._planned.next(origin, destination, ready_s)

    def _crowded_s(self, journey: NextJourneys, usable: BoolArray, destination: IntArray) -> FloatArray:
        """Return how much longer the rides of journeys are felt for the people who are expected aboard, (T,)."""
        more_s = np.zeros(len(usable))
        if self._crowding_more_s is None:
            return more_s
        rows = np.flatnonzero(usable)
        ride = _at(journey, rows)
        while len(rows):
            more_s[rows] += self._crowding_more_s[ride.alight_call] - self._crowding_more_s[ride.board_call]
            stop = self.timetable.call_stop[ride.alight_call].astype(np.int64)
            on = np.flatnonzero(stop != destination[rows])
            origin = self.journeys.call_origin[ride.alight_call]
            if not len(on):
                break
            ready_s = np.asarray(self.timetable.call_arrive_s)[ride.alight_call[on]] + TRANSFER_SLACK_S
            ride = self._next(origin[on], destination[rows[on]], ready_s)
            reached = np.flatnonzero(ride.run >= 0)
            rows, ride = rows[on[reached]], _at(ride, reached)
        return more_s

    @cached_property
    def _fares_eur(self) -> FloatArray:
        """What a ride costs each person, (P,)."""
        settings = self.settings
        return settings.fares_eur(self.town.people, settings.fare_single_eur, settings.fare_season_eur)

    def _season_eur_per_day(self) -> float:
        """Return what the season tickets of everyone in the town bring in a day."""
        people, season = self.town.people, self.settings.season
        return season.month_eur / DAYS_A_MONTH * float(season.by_age.at(people.age[people.season_ticket]).sum())

    def _straight_m(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        xy_m = np.asarray(self.town.streets.node_xy_m)
        step = xy_m[origins] - xy_m[destinations]
        straight_m: FloatArray = np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2)
        return straight_m * self.settings.circuity

    def _call_m(self) -> FloatArray:
        """Return the distance from the start of its run to each call, (C,); it grows on where riders stay aboard."""
        timetable = self.timetable
        lonlat = np.asarray(timetable.stop_lonlat, dtype=np.float64)[timetable.call_stop]
        middle = np.cos(np.radians(float(lonlat[:, 1].mean()))) if len(lonlat) else 1.0
        step = np.diff(lonlat, axis=0, prepend=lonlat[:1]) * np.array([middle, 1.0]) * _DEGREE_M
        hop_m = round_m(np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2) * self.settings.circuity)
        along = np.cumsum(hop_m)
        first = timetable.run_start[:-1]
        from_start_m: FloatArray = along - np.repeat(along[first], np.diff(timetable.run_start))
        return timetable.chained(from_start_m)


def _at(journeys: NextJourneys, rows: IntArray) -> NextJourneys:
    return NextJourneys(*(column[rows] for column in journeys))  # type: ignore[arg-type]
