"""Public transport by a timetable: trains and buses with places, reached by services that feed them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from kera_mobility.config.settings import Settings
from kera_mobility.services.base import Carried, Ride, Service, Vehicle
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.reasons import CLOSED, FULL, NO_DEPARTURE
from kera_mobility.services.stops.boarding import AsRun, Boarding, Dwell, Ridden, TimetabledSettings, line_vehicles
from kera_mobility.services.transit import delays
from kera_mobility.services.transit.background_load import FILE, others_aboard, read_background
from kera_mobility.services.transit.connections import Connections
from kera_mobility.services.transit.costs import LineCosts
from kera_mobility.services.transit.crowding import BackgroundSettings, CrowdingSettings, felt_more_s
from kera_mobility.services.transit.delays import DelaySettings
from kera_mobility.services.world import Notice, World
from kera_mobility.town.timetable.timetable import TRANSFER_SLACK_S, Journeys, NextJourneys, Timetable
from kera_mobility.town.town import Town
from kera_mobility.units import MINUTE_S, STEPS_PER_S, BoolArray, FloatArray, IntArray, round_m

_DEGREE_M = 111_320.0
_NEXT_ONE = frozenset({"full", "gone"})
"""Left without a run that goes on: the rider waits for the next."""


class Rolling(Settings):
    """What a kind of line runs with."""

    places: int = Field(ge=1, le=2000)
    """Seats and standing room of one vehicle."""
    boarding_penalty_min: float = Field(ge=0, le=20)
    """Felt minutes for each boarding. Source: HELMET 5 assignment (pt.boarding_penalty)."""
    seats: int | None = Field(None, ge=1, le=2000)
    """Seats among the places; all of them if not given."""
    doors: int = Field(1, ge=1, le=60)
    """Pairs of doors on a side."""
    least_dwell_s: float = Field(20.0, ge=0, le=300)
    """A late vehicle stays at a stop at least this long, where stops are lengthened by riders. Assumption."""

    @property
    def seated(self) -> int:
        """Seats of one vehicle."""
        return self.places if self.seats is None else min(self.seats, self.places)


class TransitSettings(TimetabledSettings):
    """Settings of the timetabled lines."""

    kind: Literal["transit"] = "transit"
    timetable: str = Field(min_length=1)
    """Name of a timetable of the area, such as today or urban_rail."""
    train: Rolling = Rolling(places=583, boarding_penalty_min=2.0, seats=238, doors=6, least_dwell_s=30.0)
    """One Sm5 unit, seats and standing (sm5.capacity_total), 204 seats and 34 that fold (sm5.seats_*), doors
    (sm5.door_pairs_per_side), dwell (sm5.dwell_min, unverified)."""
    tram: Rolling = Rolling(places=200, boarding_penalty_min=0.0, seats=80, doors=6)
    """A light-rail car. Places, seats and doors: assumption."""
    bus: Rolling = Rolling(places=80, boarding_penalty_min=3.0, seats=40, doors=3, least_dwell_s=10.0)
    """A 12 m bus. Places, seats, doors and dwell: assumption."""
    transfer_penalty_min: float = Field(3.0, ge=0, le=20)
    """Felt minutes for each transfer. Source: HELMET 5, work trips (pt.transfer_penalty.work)."""
    fare_single_eur: float = Field(3.2, ge=0, le=20)
    """Single ticket, zones AB or BC. Unverified (from memory); range 2.8 to 4.5."""
    fare_season_eur: float = Field(1.2, ge=0, le=20)
    """Monthly ticket over 60 trips, as HELMET 5 divides it; the price of the ticket is unverified."""
    circuity: float = Field(1.1, ge=1, le=2)
    """Length of the line between stops over the straight line. Assumption."""
    delays: DelaySettings = DelaySettings()
    """Late and cancelled runs. Off by default: constants were fitted with runs on time."""
    background: BackgroundSettings = BackgroundSettings()
    """People aboard who are not of the model."""
    crowding: CrowdingSettings = CrowdingSettings()
    """Whether a full vehicle is felt."""
    costs: LineCosts = LineCosts()
    """What running costs, by kind of line."""


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
    subscribes_to = ("closed",)

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
        self._run_seats = np.array([r.seated for r in by_type], dtype=np.int64)[line]
        self._run_rolling = [by_type[one] for one in line.tolist()]
        self._run_line = [self.timetable.line_name[one] for one in line.tolist()]
        self._known = self._boards = self.journeys
        """The journeys that people plan by, and those that boards at the stops show."""
        self._others: IntArray | None = None
        self._felt_more_s: FloatArray | None = None
        if settings.background.on and (town.folder / FILE).is_file():
            self._others = others_aboard(read_background(town.folder), self.timetable, settings.background.factor)
            if settings.crowding.on:
                self._felt_more_s = felt_more_s(settings.crowding, self.timetable, self._others, self._run_seats)

    def faults(self) -> list[tuple[str, str]]:
        """Return a background that the area does not have, and crowding without one."""
        settings = self.settings
        if settings.background.on and self._others is None:
            return [("background.on", f"the area has no {FILE}, which says who rides besides the people of the model")]
        if settings.crowding.on and not settings.background.on:
            return [("crowding.on", "people expect the load of the background: set background.on as well")]
        return []

    def about(self) -> dict[str, Any]:
        """Return what each kind of line runs with, and at what costs, for KPIs."""
        settings = self.settings
        rolling = {"train": settings.train, "tram": settings.tram, "bus": settings.bus}
        places = {kind: vehicle.places for kind, vehicle in rolling.items()}
        return {"places": places, "costs": settings.costs.model_dump()}

    def stops(self) -> IntArray:
        """Return the street nodes of the stops that can be reached, (S,)."""
        return np.sort(self._stop_node[self._stop_node >= 0])

    def typical_s(self, start_s: float, end_s: float) -> FloatArray:
        """Return mean waiting and riding times between `stops()`, (S, S), over departures in a window."""
        of_stops = self._node_stop[self.stops()]
        return self._known.typical_s(start_s, end_s)[np.ix_(of_stops, of_stops)]

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
            + self.settings.transfer_penalty_min * MINUTE_S * transfers
            + self._crowded_s(found, usable, destination),
            spare_s=np.maximum(first_wait_s - self.settings.early_s, 0.0),
        )

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Run the timetable of the day."""
        super().start(world, carried)
        timetable, settings = self.timetable, self.settings.delays
        as_run = self._as_run(world) if settings.on or self._others is not None else AsRun()
        self._boarding = Boarding(
            self.name, timetable, self._run_places, self._stop_node[timetable.call_stop], self._call_m(),
            np.arange(timetable.runs), as_run,
        )  # fmt: skip
        self._connections: Connections | None = None
        self._shown = timetable
        self._closures: list[frozenset[str]] = []
        if settings.on:
            assert as_run.late_s is not None
            dwells = list(as_run.dwells) if as_run.dwells else None
            self._shown = delays.foreseen(timetable, as_run.late_s, settings.recovery, dwells)
            self._connections = Connections(
                world, self._boarding, timetable, self._shown, self.journeys, settings.connection_hold_s
            )
            self._boards = self._journeys_without(self._shown, self._boarding.ended_runs())
        self._boarding.start(world)
        self._announced: frozenset[int] = frozenset()
        world.notices.listen("closed", self._hear_closed)
        world.notices.listen("announced", self._hear_announced)

    def _as_run(self, world: World) -> AsRun:
        """Return how today's runs differ from the timetable."""
        settings, timetable, dice = self.settings.delays, self.timetable, world.dice
        others, seats = self._others, self._run_seats
        if not settings.on:
            return AsRun(others=others, seats=seats, logged=True)
        person_s = settings.person_at_door_s
        dwells = [Dwell(one.least_dwell_s, person_s / one.doors, person_s / one.doors) for one in self._run_rolling]
        return AsRun(
            late_s=delays.late_s(settings, timetable, dice),
            recovery=settings.recovery,
            cancelled=delays.cancelled(settings, timetable, dice),
            dwells=dwells if person_s else None,
            hold=self._held_until_s if settings.connection_hold_s else None,
            others=others,
            seats=seats,
            tell_late_s=settings.told_min * MINUTE_S,
            logged=True,
        )

    def _held_until_s(self, run: int, call: int) -> float:
        assert self._connections is not None
        return self._connections.until_s(run, call)

    def _journeys_without(self, timetable: Timetable, ended: list[int]) -> Journeys:
        """Return the journeys by the timetable, or as boards show it, without some runs."""
        if timetable is self.timetable and not ended:
            return self.journeys
        gone = np.zeros(timetable.runs, dtype=np.bool_)
        gone[ended] = True
        some, calls = delays.without(timetable, gone)
        found = Journeys.of(some)
        return replace(
            found, board_call=calls[found.board_call], alight_call=calls[found.alight_call],
            call_run=timetable.call_run, call_depart_s=np.asarray(timetable.call_depart_s), _by_pair={},
        )  # fmt: skip

    def _hear_closed(self, notice: Notice) -> None:
        """Close lines, all of them if none is named, or open them again for runs that are still to come."""
        lines = notice.detail.get("lines")
        if notice.service != self.name and not (notice.service == "" and lines):
            return
        boarding, meant = self._boarding, frozenset(self.timetable.line_name if lines is None else lines)
        if notice.over:
            self._closures = [one for one in self._closures if not one <= meant]
            still = frozenset().union(*self._closures)
            boarding.reopen([run for run, line in enumerate(self._run_line) if line not in still], CLOSED)
        else:
            self._closures.append(meant)
            first_s = np.asarray(self.timetable.call_depart_s)[np.asarray(self.timetable.run_start)[:-1]].tolist()
            until_s = notice.detail.get("until_s", math.inf)
            for run, line in enumerate(self._run_line):
                if line in meant and first_s[run] < until_s:
                    boarding.end_run(run, CLOSED)
        self._look_again()

    def _hear_announced(self, notice: Notice) -> None:
        """Expect nothing of runs that an announced closure of lines will end on their way, or not let begin."""
        detail = notice.detail
        if notice.service != self.name or detail.get("topic") != "closed":
            return
        start, meant = np.asarray(self.timetable.run_start), detail.get("lines") or self.timetable.line_name
        begins = np.asarray(self.timetable.call_depart_s)[start[:-1]] < detail["until_s"]
        hit = begins & (np.asarray(self.timetable.call_arrive_s)[start[1:] - 1] > detail["from_s"])
        self._announced |= {run for run in np.flatnonzero(hit).tolist() if self._run_line[run] in meant}
        self._look_again()

    def _look_again(self) -> None:
        """Plan and ride by the runs that are known to go on to their end."""
        boarding = self._boarding
        closed = sorted(self._announced.union(boarding.ended_runs(CLOSED)))
        self._known = self._journeys_without(self.timetable, closed)
        self._boards = self._known
        if self._connections:
            gone = sorted(self._announced.union(boarding.ended_runs()))
            self._boards = self._journeys_without(self._shown, gone)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise nothing but the line itself: a ticket is not a seat."""
        return Booking(leg, self.world.env.now, Offer(0.0, 0.0, 0.0, self._fare_eur(leg.row), 0.0))

    def foreseen_s(self, booking: Booking) -> float:
        """Return when somebody who is at the first stop now should arrive, as boards show it."""
        here, target = (int(self._node_stop[place]) for place in (booking.leg.origin, booking.leg.destination))
        found = self._boards.next_one(here, target, self.world.env.now)
        return math.inf if found is None else found.arrive_s

    def await_rider(self, leg: Leg, coming_s: Callable[[], float]) -> None:
        """Have the run that somebody comes for with another service wait, if that is late and runs wait."""
        if not self._connections or not self.settings.delays.connection_hold_s or (due_s := coming_s()) == math.inf:
            return
        here, target = (int(self._node_stop[place]) for place in (leg.origin, leg.destination))
        self._connections.await_from_outside(leg, self._boards.next_one(here, target, due_s), coming_s)

    def ride(self, booking: Booking) -> Ride:
        """Wait, board, ride and alight until the leg's destination."""
        env, leg, boarding = self.world.env, booking.leg, self._boarding
        target = int(self._node_stop[leg.destination])
        here, place = int(self._node_stop[leg.origin]), leg.origin
        wait_s = ride_s = ride_m = 0.0
        left_behind, changes, vehicle = 0, 0, -1
        ready_s = env.now
        refusal: Refusal | None = None
        held = self._connections.change_from_outside(leg, target, self._boards) if self._connections else None
        while place != leg.destination:
            found, held = held or self._boards.next_one(here, target, ready_s), None
            if found is None:
                is_closed = self._known is not self.journeys and self.journeys.next_one(here, target, ready_s)
                refusal = Refusal(CLOSED if is_closed else NO_DEPARTURE, place)
                break
            if self._connections:
                self._connections.announce(found, target)
            asked_s = env.now
            got: Ridden = yield boarding.wait_for(found, leg.person)
            if got.boarded_s is None:
                wait_s += env.now - asked_s
                if got.reason not in _NEXT_ONE:
                    refusal = Refusal(got.reason, place)
                    break
                ready_s = max(env.now, found.depart_s) + 1 / STEPS_PER_S
                left_behind += 1
                if left_behind > self.settings.patience:
                    refusal = Refusal(FULL, place)
                    break
                continue
            wait_s += got.boarded_s - asked_s
            ride_s += env.now - got.boarded_s
            ride_m += boarding.call_m[got.call] - boarding.call_m[found.board_call]
            vehicle = boarding.vehicle_of_run[found.run]
            here, place = int(self.timetable.call_stop[got.call]), boarding.call_node[got.call]
            ready_s = env.now + TRANSFER_SLACK_S
            if got.reason and place != leg.destination:
                refusal = Refusal(got.reason, place)
                break
            if self._connections and place != leg.destination:
                held = self._connections.change(leg, got.call, target, self._boards, changes)
                changes += 1
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
            one = self._known.next_one(int(origin[0]), int(destination[0]), float(ready_s[0]))
            if one is not None:
                return NextJourneys(*(np.array([value]) for value in one))
        return self._known.next(origin, destination, ready_s)

    def _crowded_s(self, found: NextJourneys, usable: BoolArray, destination: IntArray) -> FloatArray:
        """Return how much longer the rides of journeys are felt for the people who are expected aboard, (T,)."""
        more_s = np.zeros(len(usable))
        if self._felt_more_s is None:
            return more_s
        rows = np.flatnonzero(usable)
        step = _at(found, rows)
        while len(rows):
            more_s[rows] += self._felt_more_s[step.alight_call] - self._felt_more_s[step.board_call]
            stop = self.timetable.call_stop[step.alight_call].astype(np.int64)
            on = np.flatnonzero(stop != destination[rows])
            if not len(on):
                break
            ready_s = np.asarray(self.timetable.call_arrive_s)[step.alight_call[on]] + TRANSFER_SLACK_S
            step = self._next(stop[on], destination[rows[on]], ready_s)
            there = np.flatnonzero(step.run >= 0)
            rows, step = rows[on[there]], _at(step, there)
        return more_s

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


def _at(journeys: NextJourneys, rows: IntArray) -> NextJourneys:
    return NextJourneys(*(column[rows] for column in journeys))  # type: ignore[arg-type]
