"""All trips of one day: each sets out when it is due; after a notice the trips still to come are planned again.

A trip under way is a process of its own (`trip.py`). A notice (a line closed, streets shut) takes effect at its moment:
trips that have yet to set out are planned again in one batch; people on a street that is shut take another path
(`rerouting.py`); people who ride with a service are told by the service.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from kera_mobility.clock import DEPARTURES_OF_PEOPLE, at_moment
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import PlannedTrip, Plans, TripDemand
from kera_mobility.services.base import Service
from kera_mobility.services.notices import Announcement, Notice, ServiceClosed, Snowfall, StreetsChanged
from kera_mobility.services.world import World
from kera_mobility.simulation.advance_booking import AdvanceBookings
from kera_mobility.simulation.choosing import LiveChooser
from kera_mobility.simulation.notice_schedule import NoticeSchedule
from kera_mobility.simulation.rerouting import StreetRides
from kera_mobility.simulation.trip import Life, LiveTrip, TripContext
from kera_mobility.simulation.trip_log import TripLog
from kera_mobility.simulation.trip_queue import TripQueue
from kera_mobility.simulation.uncontested import UncontestedTrips
from kera_mobility.town.town import Town

LINES_AND_STREETS = (Announcement, ServiceClosed, Snowfall, StreetsChanged)
"""Topics after which other stops may be the best ones."""
UNCHANGED = NoticeSchedule()
"""A day without disturbances."""


class Travellers:
    """The trips of one day: to come, under way and ended."""

    def __init__(
        self, world: World, services: Mapping[str, Service], planner: Planner, demand: TripDemand, plans: Plans,
        schedule: NoticeSchedule = UNCHANGED, town: Town | None = None,
    ) -> None:  # fmt: skip
        """Prepare the day; the town is needed where the schedule shuts streets."""
        self._world, self._schedule = world, schedule
        trips, log = demand.trips(), TripLog(world, planner)
        self._context = TripContext(
            world, services, planner, demand, plans, LiveChooser(services, planner, plans), demand.depart_s.tolist(),
            AdvanceBookings(world, services, trips, plans), log,
            StreetRides(world, town, log.refusal) if town and schedule.changes_streets else None,
            expects_news=bool(schedule.postings),
        )  # fmt: skip
        self._trips = trips
        self._queue = TripQueue(demand, trips)
        self._under_way: dict[int, LiveTrip] = {}
        """By row of the person."""
        self._log_uncontested()

    def feed(self) -> Life:
        """Start every trip when it is due, or when the person's previous trip has ended."""
        context, env = self._context, self._world.env
        if context.advance_bookings:
            env.process(context.advance_bookings.book(lambda: (context.plans, context.chooser)))
        while (head := self._queue.head()) is not None:
            wait_s = head.depart_s - env.now
            if wait_s > 0:
                yield at_moment(env, wait_s, DEPARTURES_OF_PEOPLE)  # a notice may have come meanwhile
            elif (trip := self._queue.start()) is not None:
                self._set_out(trip)

    def hear(self, notices: Collection[Notice]) -> None:
        """Apply the notices posted just now to trips to come, people still at home and people on the street."""
        self._plan_anew(notices)
        for row in sorted(self._context.at_home):
            self._context.at_home.pop(row).interrupt()
        if self._context.street_rides:
            self._context.street_rides.divert()
        self._uncontested.finish()
        self._log_uncontested()

    def finish(self) -> None:
        """Log the trips that are still under way, and those that have not set out, at the end of the day."""
        log = self._context.log
        for live_trip in self._under_way.values():
            log.trip(live_trip.trip, live_trip.set_out_s, "under_way")
        for plan_row in self._queue.rest():
            log.trip(self._trips[plan_row], self._trips[plan_row].depart_s, "not_started")
        self._uncontested.finish()
        log.finish(self._context.plans, self._context.demand)

    def _set_out(self, trip: PlannedTrip) -> None:
        live_trip = self._under_way[trip.row] = LiveTrip(trip, self._context, self._end)
        live_trip.set_out()

    def _end(self, trip: PlannedTrip) -> None:
        """Start the person's next trip if it is due; if not, log the following uncontested trips."""
        del self._under_way[trip.row]
        waiting = self._queue.end(trip.row)
        if waiting is not None:
            self._set_out(waiting)
        else:
            self._queue.drop(self._uncontested.log_following(trip.plan_row))

    def _log_uncontested(self) -> None:
        """Log the uncontested next trips, until the next notice, of people who are not travelling."""
        context = self._context
        until_s = self._schedule.next_s(self._world.env.now, self._world.end_s)
        self._uncontested = UncontestedTrips(self._world, context.services, context.demand, context.plans, until_s)
        rows = np.array(self._queue.of_people_at_rest(), dtype=np.int64)
        self._queue.drop(self._uncontested.log_first(rows).tolist())

    def _plan_anew(self, notices: Collection[Notice]) -> None:
        """Plan the trips that have yet to set out again, except those booked in advance, with what is known now."""
        context, planner = self._context, self._context.planner
        depart_s = context.demand.depart_s
        to_come = np.zeros(len(context.demand), dtype=np.bool_)
        to_come[[*self._queue.rest(), *(trip.trip.plan_row for trip in context.at_home.values())]] = True
        to_come[context.advance_bookings.held] = False
        ready_s = np.where(to_come, np.maximum(depart_s, self._world.env.now), depart_s)
        for notice in self._world.notices.read(Announcement):
            planner.expect_closure(notice)
        if any(isinstance(notice, LINES_AND_STREETS) for notice in notices):
            planner.choose_stops()
        context.ready_s = ready_s.tolist()
        under_way = np.zeros(len(context.demand), dtype=np.bool_)
        under_way[[live_trip.trip.plan_row for live_trip in self._under_way.values()]] = True
        demand = replace(context.demand, depart_s=ready_s)
        context.plans = planner.plan_remaining(context.plans, demand, to_come, under_way)
        context.chooser = LiveChooser(context.services, planner, context.plans)
