"""The vehicles of an on-demand service as they drive: promises become routes, routes become stops.

A vehicle waits as long as its next stop allows, sets out, and from then on that stop is fixed. At a stop it waits for
somebody who is late only as long as every promise in its route holds. All in all a vehicle is a chain of moments; each
comes after everything else of its time, so who reaches the stop as the vehicle does still boards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import simpy

from kera_mobility.clock import DEPARTURES_OF_VEHICLES, at_moment
from kera_mobility.services.contract import Booking, Refusal
from kera_mobility.services.notices import StreetsChanged, VehicleBrokenDown
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy, Placement
from kera_mobility.services.on_demand.rider import BREAKDOWN, DAY_OVER, LATE_RIDER, STREETS, OnDemandRider
from kera_mobility.services.on_demand.routes import DROP, PICK_UP, RideRequest, Routes
from kera_mobility.services.reasons import BROKEN, CLOSED, EXPIRED
from kera_mobility.services.world import World
from kera_mobility.units import FloatArray, IntArray

Idle = Callable[[int], int]
"""Asked with a vehicle that has nothing to do: the stop where it should wait."""


class Dispatcher:
    """Keeps the promises of one service on one day."""

    def __init__(self, service: str, world: World, routes: Routes, policy: DispatchPolicy, *, nodes: IntArray,
                 hop_m: FloatArray, hold_s: float, idle: Idle) -> None:  # fmt: skip
        """Have every vehicle at home; `nodes` (K,) and `hop_m` (K, K) say where the stops of the routes are."""
        self.routes, self.changes = routes, 0
        """How often anything has changed: what was found for one number holds no more for the next."""
        self.riders: dict[int, OnDemandRider] = {}
        """Open promises."""
        self.hop_m = hop_m
        self._service, self._world, self._policy = service, world, policy
        self._nodes: list[int] = nodes.tolist()
        self._hold_s, self._idle = hold_s, idle
        vehicles = len(routes.home)
        self.at: list[int] = routes.home.tolist()
        """Stop where each vehicle is, or was last."""
        self.aboard = [0] * vehicles
        self._odometer_m = [0.0] * vehicles
        self._engaged = [False] * vehicles
        self._holds: list[OnDemandRider | None] = [None] * vehicles
        self._version = [0] * vehicles
        self._moves = [0] * vehicles
        self._calls = [0] * vehicles
        self._call: list[list[int] | None] = [None] * vehicles
        self._broken: set[int] = set()
        self._numbers = 0
        self._fresh: list[OnDemandRider] = []
        for vehicle in range(vehicles):
            self._wake(vehicle, max(float(routes.leave_s[vehicle, 0]) - world.env.now, 0.0))

    # Promises.

    def promise(self, request: RideRequest, placement: Placement, booking: Booking) -> OnDemandRider:
        """Put a wish into a route and return its rider, who is promised from now on."""
        request = request._replace(rider=self._numbers)
        self._numbers += 1
        direct_s = self.routes.person_s + float(self.routes.hop_s[request.pickup, request.dropoff])
        rider = OnDemandRider(request, booking, placement.vehicle, simpy.Event(self._world.env), direct_s)
        self.riders[request.rider] = rider
        self.routes.insert(*placement[:3], request, self._world.env.now)
        self._wake(placement.vehicle)
        if self._policy.round_s > 0:
            self._collect(rider)
        return rider

    def times_of(self, rider: OnDemandRider) -> tuple[float, float]:
        """Return when a promised rider is planned to be picked up and to be there."""
        routes, number = self.routes, rider.request.rider
        columns = [routes.column_of(rider.vehicle, number, step) for step in (PICK_UP, DROP)]
        first, second = (routes.begins_s(rider.vehicle, column) for column in columns)
        return first, second

    def came(self, rider: OnDemandRider) -> None:
        """Note that a rider stands at the stop; a vehicle that holds for the rider lets him board."""
        rider.came_s = self._world.env.now
        if not rider.end and self._holds[rider.vehicle] is rider:
            self._after(0.0, lambda: self._stop_holding(rider))

    def end(self, rider: OnDemandRider, end: str, cause: str = "", refusal: Refusal | None = None) -> None:
        """End a promise that was not ridden: whoever is not aboard leaves the route."""
        vehicle, routes, now_s = rider.vehicle, self.routes, self._world.env.now
        set_out = not routes.column_of(vehicle, rider.request.rider, PICK_UP)
        routes.remove(vehicle, rider.request.rider, now_s)
        if set_out and not rider.aboard:
            routes.load[vehicle, 0] -= 1
            routes.refresh(vehicle, now_s)
        self._close(rider, end, cause, refusal)
        if self._holds[vehicle] is rider:
            self._after(0.0, lambda: self._stop_holding(rider))
        self._wake(vehicle)

    def finish(self) -> None:
        """End the day: open promises expire, last calls are logged."""
        for rider in list(self.riders.values()):
            self._close(rider, "expired", DAY_OVER)
        for vehicle in range(len(self.at)):
            self._log_call(vehicle)

    def _close(self, rider: OnDemandRider, end: str, cause: str = "", refusal: Refusal | None = None) -> None:
        """Log a promise at its end, once, and tell the rider."""
        del self.riders[rider.request.rider]
        rider.end, rider.cause, rider.refusal = end, rider.cause or cause, refusal
        request, booking, log = rider.request, rider.booking, self._world.log
        leg = booking.leg
        who = (booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self._service, rider.vehicle)
        log.add("bookings", *who, end, self._world.env.now)
        log.add(
            "promises", *who, self._nodes[request.pickup], self._nodes[request.dropoff], request.ready_s,
            request.latest_pickup_s, request.latest_arrival_s, rider.came_s, rider.pickup_s, rider.arrival_s,
            rider.direct_s, end, rider.cause,
        )  # fmt: skip
        rider.done.succeed()

    # Rounds of joint assignment.

    def _collect(self, rider: OnDemandRider) -> None:
        if not self._fresh:
            round_s, now_s = self._policy.round_s, self._world.env.now
            self._after((now_s // round_s + 1.0) * round_s - now_s, self._assign_again)
        self._fresh.append(rider)

    def _assign_again(self) -> None:
        """Give what was promised in this round to vehicles jointly, where that is better and keeps every promise."""
        now_s, old = self._world.env.now, self.routes
        movable = [
            rider for rider in self._fresh
            if not rider.end and old.column_of(rider.vehicle, rider.request.rider, PICK_UP)
        ]  # fmt: skip
        self._fresh = []
        without = old.copy()
        for rider in movable:
            without.remove(rider.vehicle, rider.request.rider, now_s)
        new = self._policy.reassign(without, [rider.request for rider in movable], now_s) if movable else None
        if new is None:
            return
        vehicle_of = {
            int(new.rider[vehicle, column]): int(vehicle)
            for vehicle, column in zip(*np.nonzero(new.step == PICK_UP), strict=True)
            if 1 <= column <= new.count[vehicle]
        }  # fmt: skip
        touched = sorted({rider.vehicle for rider in movable} | {vehicle_of[rider.request.rider] for rider in movable})
        if sum(new.driving_s(vehicle) for vehicle in touched) < sum(old.driving_s(vehicle) for vehicle in touched):
            self.routes = new
            for rider in movable:
                rider.vehicle = vehicle_of[rider.request.rider]
            for vehicle in touched:
                self._wake(vehicle)

    # Vehicles, moment by moment.

    def _wake(self, vehicle: int, delay_s: float = 0.0) -> None:
        """Have a vehicle that stands look at its route again, after everything else of the moment."""
        self.changes += 1
        self._version[vehicle] += 1
        version = self._version[vehicle]

        def look() -> None:
            if self._version[vehicle] == version and not self._engaged[vehicle]:
                self._look(vehicle)

        self._after(delay_s, look)

    def _look(self, vehicle: int) -> None:
        """Set out for the next stop if it is time, wait until it is, or wait for work."""
        routes, now_s = self.routes, self._world.env.now
        if vehicle in self._broken and self.aboard[vehicle]:
            self._put_off(vehicle)
        if not routes.count[vehicle]:
            self._wait_for_work(vehicle)
            return
        hop_s = float(routes.hop_s[self.at[vehicle], routes.stop[vehicle, 1]])
        if self._cut_off(vehicle, hop_s):
            return
        leave_s = routes.begins_s(vehicle, 1) - hop_s
        if leave_s > now_s:
            self._wake(vehicle, leave_s - now_s)
            return
        number, step = int(routes.rider[vehicle, 1]), int(routes.step[vehicle, 1])
        cause = "carry" if self.aboard[vehicle] else "fetch"
        routes.advance(vehicle)
        self._engaged[vehicle] = True
        self.changes += 1
        begin_s = max(now_s + hop_s, float(routes.ready_s[vehicle, 0]))
        routes.leave_s[vehicle, 0] = begin_s + routes.person_s
        routes.refresh(vehicle, now_s)
        self._drive(vehicle, int(routes.stop[vehicle, 0]), cause, hop_s)
        self._after(begin_s - now_s, lambda: self._serve(vehicle, number, step))

    def _drive(self, vehicle: int, stop: int, cause: str, hop_s: float) -> None:
        """Log the way to another stop; the call at the last one is over."""
        origin = self.at[vehicle]
        if origin == stop:
            return
        self._log_call(vehicle)
        self.at[vehicle] = stop
        length_m, now_s = float(self.hop_m[origin, stop]), self._world.env.now
        self._odometer_m[vehicle] += length_m
        self._world.log.add(
            "moves", now_s, vehicle, self._moves[vehicle], 0, self._service, cause, self._nodes[origin],
            self._nodes[stop], now_s + hop_s, length_m, math.nan,
        )  # fmt: skip
        self._moves[vehicle] += 1

    def _serve(self, vehicle: int, number: int, step: int) -> None:
        """Let somebody alight or board, or wait for who is not there yet."""
        call = self._call[vehicle] = self._call[vehicle] or [0, 0]
        rider = self.riders.get(number)
        if rider is None or rider.vehicle != vehicle:
            self._free(vehicle)
        elif step == DROP:
            call[0] += 1
            self._let_alight(rider, "ridden")
            self._after(self.routes.person_s, lambda: self._free(vehicle))
        elif not math.isnan(rider.came_s):
            self._board(rider)
        else:
            self._hold(rider)

    def _board(self, rider: OnDemandRider) -> None:
        vehicle, now_s = rider.vehicle, self._world.env.now
        call = self._call[vehicle]
        assert call is not None, "people board where the vehicle stands"
        call[1] += 1
        rider.pickup_s, rider.ride_m = now_s, self._odometer_m[vehicle]
        if now_s > rider.request.latest_pickup_s:
            rider.cause = rider.cause or self._declared()
        self.aboard[vehicle] += 1
        self._stands_until(vehicle, now_s + self.routes.person_s)
        self._after(self.routes.person_s, lambda: self._free(vehicle))

    def _let_alight(self, rider: OnDemandRider, end: str, cause: str = "", refusal: Refusal | None = None) -> None:
        rider.arrival_s = self._world.env.now
        if rider.arrival_s > rider.request.latest_arrival_s:
            cause = cause or self._declared()
        rider.ride_m = self._odometer_m[rider.vehicle] - rider.ride_m
        self.aboard[rider.vehicle] -= 1
        self._close(rider, end, cause, refusal)

    def _hold(self, rider: OnDemandRider) -> None:
        """Wait for a rider who is late, no longer than every promise in the route allows."""
        vehicle, now_s = rider.vehicle, self._world.env.now
        until_s = min(now_s + self._hold_s, float(self.routes.last_s[vehicle, 0]))
        self._holds[vehicle] = rider
        self._stands_until(vehicle, max(until_s, now_s) + self.routes.person_s)
        self._after(max(until_s - now_s, 0.0), lambda: self._stop_holding(rider))

    def _stop_holding(self, rider: OnDemandRider) -> None:
        """Board the rider if there, else leave without."""
        vehicle = rider.vehicle
        if self._holds[vehicle] is not rider:
            return
        self._holds[vehicle] = None
        if not rider.end and not math.isnan(rider.came_s):
            self._board(rider)
            return
        if not rider.end:
            self.end(rider, "expired", LATE_RIDER, Refusal(EXPIRED, self._nodes[rider.request.pickup]))
        self._free(vehicle)

    def _stands_until(self, vehicle: int, free_s: float) -> None:
        self.routes.leave_s[vehicle, 0] = free_s
        self.routes.refresh(vehicle, self._world.env.now)
        self.changes += 1

    def _free(self, vehicle: int) -> None:
        """Be done at a stop, and look what is next."""
        self._engaged[vehicle] = False
        now_s = self._world.env.now
        self.routes.stand(vehicle, self.at[vehicle], now_s, self.aboard[vehicle])
        self.routes.refresh(vehicle, now_s)
        self._wake(vehicle)

    def _wait_for_work(self, vehicle: int) -> None:
        """Go home when the shift is over, wait where people are expected, or stay until it is time to go home."""
        routes, now_s, here = self.routes, self._world.env.now, self.at[vehicle]
        home = int(routes.home[vehicle])
        if routes.leave_s[vehicle, 0] > now_s:
            self._wake(vehicle, float(routes.leave_s[vehicle, 0]) - now_s)
            return
        home_s = float(routes.end_s[vehicle]) - float(routes.hop_s[here, home])
        if home_s == -math.inf:
            return  # no street leads home: it stands until streets open
        if now_s >= home_s:
            if here != home:
                self._go_to(vehicle, home, "depot")
            return
        stop = here if vehicle in self._broken else self._idle(vehicle)
        if stop != here and now_s + routes.hop_s[here, stop] + routes.hop_s[stop, home] <= routes.end_s[vehicle]:
            self._go_to(vehicle, stop, "reposition")
            return
        self._wake(vehicle, home_s - now_s)

    def _go_to(self, vehicle: int, stop: int, cause: str) -> None:
        routes, now_s = self.routes, self._world.env.now
        hop_s = float(routes.hop_s[self.at[vehicle], stop])
        self._engaged[vehicle] = True
        self._drive(vehicle, stop, cause, hop_s)
        routes.stand(vehicle, stop, now_s + hop_s, 0)
        routes.refresh(vehicle, now_s)
        self.changes += 1
        self._after(hop_s, lambda: self._free(vehicle))

    # Disturbances: the only reasons for which a promise may be broken, always with a cause in the log.

    def drop_promises(self, cause: str, reason: str) -> None:
        """End every promise of people who are not aboard; those aboard are taken where they want to go."""
        for rider in sorted(self.riders.values(), key=lambda rider: rider.request.rider):
            if not rider.aboard:
                self.end(rider, "expired", cause, Refusal(reason, self._nodes[rider.request.pickup]))

    def break_down_at(self, vehicle: int, moment_s: float) -> None:
        """Have a vehicle break down later."""
        self._after(moment_s - self._world.env.now, lambda: self.break_down(vehicle))

    def break_down(self, vehicle: int) -> None:
        """Take a vehicle out for the day: others are asked to keep its promises, who is aboard is put off."""
        routes = self.routes
        self._broken.add(vehicle)
        routes.places = routes.places.copy()
        routes.places[vehicle] = 0
        text, place = f"vehicle {vehicle} of {self._service} broke down", self._nodes[self.at[vehicle]]
        self._world.post(VehicleBrokenDown(text=text, place=place, service=self._service))
        of_vehicle = sorted(
            (rider for rider in self.riders.values() if rider.vehicle == vehicle), key=lambda one: one.request.rider
        )  # fmt: skip
        for rider in of_vehicle:
            if not rider.aboard:
                self._promise_elsewhere(rider)
        self._wake(vehicle)

    def _promise_elsewhere(self, rider: OnDemandRider) -> None:
        placement = self._policy.best_placement(self.routes, rider.request, self._world.env.now)
        if placement is None:
            self.end(rider, "expired", BREAKDOWN, Refusal(BROKEN, self._nodes[rider.request.pickup]))
            return
        vehicle, now_s = rider.vehicle, self._world.env.now
        set_out = not self.routes.column_of(vehicle, rider.request.rider, PICK_UP)
        self.routes.remove(vehicle, rider.request.rider, now_s)
        if set_out:
            self.routes.load[vehicle, 0] -= 1
            self.routes.refresh(vehicle, now_s)
        if self._holds[vehicle] is rider:
            self._holds[vehicle] = None
            self._after(0.0, lambda: self._free(vehicle))
        rider.vehicle = placement.vehicle
        self.routes.insert(placement.vehicle, placement.after_pickup, placement.after_dropoff, rider.request, now_s)
        self._wake(vehicle)
        self._wake(placement.vehicle)

    def _put_off(self, vehicle: int) -> None:
        """Let everyone alight where a broken vehicle stands."""
        aboard = [rider for rider in self.riders.values() if rider.vehicle == vehicle and rider.aboard]
        for rider in sorted(aboard, key=lambda rider: rider.request.rider):
            self._set_down(rider, BREAKDOWN, BROKEN)

    def _set_down(self, rider: OnDemandRider, cause: str, reason: str) -> None:
        """Let somebody alight where the vehicle stands."""
        vehicle, now_s = rider.vehicle, self._world.env.now
        call = self._call[vehicle] = self._call[vehicle] or [0, 0]
        call[0] += 1
        self.routes.remove(vehicle, rider.request.rider, now_s)
        self._let_alight(rider, "expired", cause, Refusal(reason, self._nodes[self.at[vehicle]]))
        self.routes.stand(vehicle, self.at[vehicle], now_s, self.aboard[vehicle])
        self.changes += 1

    def _cut_off(self, vehicle: int, hop_s: float) -> bool:
        """End the next promise of a route, and say so, if no street leads to its stop or from there on any more."""
        rider = self.riders[int(self.routes.rider[vehicle, 1])]
        on_s = 0.0 if rider.aboard else float(self.routes.hop_s[rider.request.pickup, rider.request.dropoff])
        if max(hop_s, on_s) < math.inf:
            return False
        if rider.aboard:
            self._set_down(rider, STREETS, CLOSED)
            self._wake(vehicle)
        else:
            self.end(rider, "expired", STREETS, Refusal(CLOSED, self._nodes[rider.request.pickup]))
        return True

    def withdraw(self, chosen: Sequence[int]) -> None:
        """Take those of some vehicles that are free off the road; `restore` brings them back."""
        self.routes.places = self.routes.places.copy()
        for vehicle in chosen:
            if not self.routes.count[vehicle] and not self._engaged[vehicle]:
                self.routes.places[vehicle] = 0
        self.changes += 1

    def restore(self, places: int) -> None:
        """Bring back what was withdrawn."""
        every = np.arange(len(self.at))
        self.routes.places = np.where(np.isin(every, sorted(self._broken)), 0, places)
        self.changes += 1

    def change_hops(self, hop_s: FloatArray, hop_m: FloatArray) -> None:
        """Drive by other shortest ways from now on; a way under way is driven as it was begun."""
        now_s = self._world.env.now
        self.routes.hop_s, self.hop_m = hop_s, hop_m
        for vehicle in range(len(self.at)):
            self.routes.refresh(vehicle, now_s)
            self._wake(vehicle)

    def _declared(self) -> str:
        """Return the disturbance that made a promise late; nothing else can."""
        return STREETS if self._world.notices.read(StreetsChanged) else ""

    # The clock and the log.

    def _after(self, delay_s: float, do: Callable[[], None]) -> None:
        """Have something done later, after everything else of that moment."""
        moment = at_moment(self._world.env, delay_s, DEPARTURES_OF_VEHICLES)
        assert moment.callbacks is not None, "an event that has not happened can be listened to"
        moment.callbacks.append(lambda _: do())

    def _log_call(self, vehicle: int) -> None:
        call = self._call[vehicle]
        if call is None:
            return
        self._world.log.add(
            "calls", self._world.env.now, vehicle, self._calls[vehicle], 0, self._service,
            self._nodes[self.at[vehicle]], call[0], call[1], 0, self.aboard[vehicle],
        )  # fmt: skip
        self._calls[vehicle] += 1
        self._call[vehicle] = None
