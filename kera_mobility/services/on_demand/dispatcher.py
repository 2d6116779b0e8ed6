"""The vehicles of an on-demand service as they drive: promises become routes, routes become stops.

A vehicle waits as long as its next stop allows, sets out, and from then on that stop is fixed. At a stop it waits for
somebody who is late only as long as every promise in its route holds. All in all a vehicle is a chain of moments; each
comes after everything else of its time, so who reaches the stop as the vehicle does still boards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from kera_mobility.clock import DEPARTURES_OF_VEHICLES, at_moment
from kera_mobility.services.contract import Booking, Refusal
from kera_mobility.services.notices import VehicleBrokenDown
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy, Placement
from kera_mobility.services.on_demand.promises import BREAKDOWN, DAY_OVER, LATE_RIDER, STREETS, OnDemandRider, Promises
from kera_mobility.services.on_demand.routes import DROP, PICK_UP, RideRequest, Routes
from kera_mobility.services.on_demand.vehicles import Vehicles
from kera_mobility.services.reasons import BROKEN, CLOSED, EXPIRED
from kera_mobility.services.world import World
from kera_mobility.units import FloatArray, IntArray

IdleStop = Callable[[int], int]
"""Asked with a vehicle that has nothing to do: the stop where it should wait."""


class Dispatcher:
    """Keeps the promises of one service on one day."""

    def __init__(self, service: str, world: World, routes: Routes, policy: DispatchPolicy, *, nodes: IntArray,
                 hop_m: FloatArray, hold_s: float, idle_stop: IdleStop) -> None:  # fmt: skip
        """Have every vehicle at home; `nodes` (K,) and `hop_m` (K, K) say where the stops of the routes are."""
        self.routes, self.state = routes, object()
        """Another object after each change: a ride that was feasible in one state may not be in the next."""
        self._nodes: list[int] = nodes.tolist()
        self.vehicles = Vehicles(service, world, routes.home, self._nodes, hop_m)
        self._promises = Promises(service, world, self._nodes)
        self._service, self._world, self._policy = service, world, policy
        self._hold_s, self._idle_stop = hold_s, idle_stop
        count = len(routes.home)
        self._engaged = [False] * count
        """Whether each vehicle drives to a stop or stands there for people."""
        self._held_for: list[OnDemandRider | None] = [None] * count
        self._turn: list[object] = [None] * count
        """What each vehicle was last woken for; a turn that another has followed is over."""
        self._broken: set[int] = set()
        self._unassigned: list[OnDemandRider] = []
        """Riders promised since the last round of joint assignment."""
        for vehicle in range(count):
            self._wake(vehicle)

    # Promises.

    def promise(self, request: RideRequest, placement: Placement, booking: Booking) -> OnDemandRider:
        """Put a request into a route and return its rider, who is promised from now on."""
        direct_s = self.routes.person_s + float(self.routes.hop_s[request.pickup, request.dropoff])
        rider = self._promises.make(request, booking, placement.vehicle, direct_s)
        self.routes.insert(*placement[:3], rider.request, self._world.env.now)
        self._wake(placement.vehicle)
        if self._policy.round_s > 0:
            self._assign_later(rider)
        return rider

    def arrive_at_stop(self, rider: OnDemandRider) -> None:
        """Note that a rider stands at the stop; a vehicle that holds for the rider lets him board."""
        rider.came_s = self._world.env.now
        self._after(0.0, lambda: self._stop_holding(rider.vehicle, rider))

    def end(self, rider: OnDemandRider, end: str, cause: str = "", refusal: Refusal | None = None) -> None:
        """End a promise that was not ridden: whoever is not aboard leaves the route."""
        vehicle = rider.vehicle
        self._take_out(rider)
        self._promises.close(rider, end, cause, refusal)
        self._after(0.0, lambda: self._stop_holding(vehicle, rider))
        self._wake(vehicle)

    def finish(self) -> None:
        """End the day: open promises expire, last calls are logged."""
        for rider in self._promises.open():
            self._promises.close(rider, "expired", DAY_OVER)
        for vehicle in range(len(self._engaged)):
            self.vehicles.end_call(vehicle)

    def _take_out(self, rider: OnDemandRider) -> None:
        """Take a rider out of the route, also where the vehicle has set out to pick the rider up."""
        vehicle, routes, now_s = rider.vehicle, self.routes, self._world.env.now
        set_out = not routes.column_of(vehicle, rider.request.rider, PICK_UP)
        routes.remove(vehicle, rider.request.rider, now_s)
        if set_out:
            routes.load[vehicle, 0] -= 1
            routes.refresh(vehicle, now_s)

    # Rounds of joint assignment.

    def _assign_later(self, rider: OnDemandRider) -> None:
        if not self._unassigned:
            round_s, now_s = self._policy.round_s, self._world.env.now
            self._after((now_s // round_s + 1.0) * round_s - now_s, self._assign_jointly)
        self._unassigned.append(rider)

    def _assign_jointly(self) -> None:
        """Give what was promised in this round to vehicles jointly, where that is better and keeps every promise."""
        now_s, old = self._world.env.now, self.routes
        movable = [
            rider for rider in self._unassigned
            if not rider.end and old.column_of(rider.vehicle, rider.request.rider, PICK_UP)
        ]  # fmt: skip
        self._unassigned = []
        without = old.copy()
        for rider in movable:
            without.remove(rider.vehicle, rider.request.rider, now_s)
        new = self._policy.reassign(without, [rider.request for rider in movable], now_s) if movable else None
        if new is None:
            return
        vehicle_of = new.vehicle_by_rider()
        touched = sorted({rider.vehicle for rider in movable} | {vehicle_of[rider.request.rider] for rider in movable})
        before_s, after_s = (sum(self._policy.cost_s(one, vehicle) for vehicle in touched) for one in (old, new))
        if after_s < before_s:
            self.routes = new
            for rider in movable:
                rider.vehicle = vehicle_of[rider.request.rider]
            for vehicle in touched:
                self._wake(vehicle)

    # Vehicles, moment by moment.

    def _wake(self, vehicle: int, delay_s: float = 0.0) -> None:
        """Have a vehicle that stands look at its route again, after everything else of the moment."""
        self._turn[vehicle] = self.state = turn = object()

        def proceed() -> None:
            if self._turn[vehicle] is turn and not self._engaged[vehicle]:
                self._proceed(vehicle)

        self._after(delay_s, proceed)

    def _proceed(self, vehicle: int) -> None:
        """Set out for the next stop if it is time, wait until it is, or wait for work."""
        routes, now_s = self.routes, self._world.env.now
        if vehicle in self._broken and self.vehicles.aboard[vehicle]:
            self._put_off_everybody(vehicle)
        if not routes.count[vehicle]:
            self._wait_for_work(vehicle)
            return
        hop_s = float(routes.hop_s[self.vehicles.at[vehicle], routes.stop[vehicle, 1]])
        leave_s = routes.begins_s(vehicle, 1) - hop_s
        rider = self._promises.get(int(routes.rider[vehicle, 1]))
        assert rider is not None, "a route holds open promises only"
        if self._is_cut_off(rider, hop_s):
            self._give_up(rider)
        elif leave_s > now_s:
            self._wake(vehicle, leave_s - now_s)
        else:
            self._set_out(vehicle, hop_s)

    def _set_out(self, vehicle: int, hop_s: float) -> None:
        """Drive to the next stop of the route."""
        routes, now_s = self.routes, self._world.env.now
        number, step = int(routes.rider[vehicle, 1]), int(routes.step[vehicle, 1])
        cause = "carry" if self.vehicles.aboard[vehicle] else "fetch"
        routes.advance(vehicle)
        self._engaged[vehicle] = True
        begin_s = max(now_s + hop_s, float(routes.ready_s[vehicle, 0]))
        self._stand_until(vehicle, begin_s + routes.person_s)
        self.vehicles.drive(vehicle, int(routes.stop[vehicle, 0]), cause, hop_s)
        self._after(begin_s - now_s, lambda: self._serve(vehicle, number, step))

    def _serve(self, vehicle: int, number: int, step: int) -> None:
        """Let somebody alight or board, or wait for who is not there yet."""
        self.vehicles.call(vehicle)
        rider = self._promises.get(number)
        if rider is None or rider.vehicle != vehicle:
            self._leave_stop(vehicle)
        elif step == DROP:
            self._let_alight(rider, "ridden")
            self._after(self.routes.person_s, lambda: self._leave_stop(vehicle))
        elif rider.waits:
            self._board(rider)
        else:
            self._hold(rider)

    def _board(self, rider: OnDemandRider) -> None:
        vehicle, person_s = rider.vehicle, self.routes.person_s
        self.vehicles.call(vehicle, boarded=1)
        self._promises.board(rider, self.vehicles.odometer_m[vehicle])
        self._stand_until(vehicle, self._world.env.now + person_s)
        self._after(person_s, lambda: self._leave_stop(vehicle))

    def _let_alight(self, rider: OnDemandRider, end: str, cause: str = "", refusal: Refusal | None = None) -> None:
        self.vehicles.call(rider.vehicle, alighted=1)
        self._promises.alight(rider, self.vehicles.odometer_m[rider.vehicle], end, cause, refusal)

    def _hold(self, rider: OnDemandRider) -> None:
        """Wait for a rider who is late, no longer than every promise in the route allows."""
        vehicle, now_s = rider.vehicle, self._world.env.now
        until_s = max(min(now_s + self._hold_s, float(self.routes.last_s[vehicle, 0])), now_s)
        self._held_for[vehicle] = rider
        self._stand_until(vehicle, until_s + self.routes.person_s)
        self._after(until_s - now_s, lambda: self._stop_holding(vehicle, rider))

    def _stop_holding(self, vehicle: int, rider: OnDemandRider) -> None:
        """Board the rider for whom a vehicle holds if there, else leave without."""
        if self._held_for[vehicle] is not rider:
            return
        self._held_for[vehicle] = None
        if not rider.end and rider.waits:
            self._board(rider)
            return
        if not rider.end:
            self.end(rider, "expired", LATE_RIDER, Refusal(EXPIRED, self._nodes[rider.request.pickup]))
        self._leave_stop(vehicle)

    def _stand_until(self, vehicle: int, free_s: float) -> None:
        self.routes.leave_s[vehicle, 0] = free_s
        self.routes.refresh(vehicle, self._world.env.now)
        self.state = object()

    def _leave_stop(self, vehicle: int) -> None:
        """Be done at a stop, and look what is next."""
        self._engaged[vehicle] = False
        self._stand(vehicle, self._world.env.now)
        self._wake(vehicle)

    def _stand(self, vehicle: int, free_s: float) -> None:
        """Begin the route where the vehicle is, with who is aboard."""
        self.routes.stand(vehicle, self.vehicles.at[vehicle], free_s, self.vehicles.aboard[vehicle])
        self.routes.refresh(vehicle, self._world.env.now)

    def _wait_for_work(self, vehicle: int) -> None:
        """Go home when the shift is over, wait where people are expected, or stay until it is time to go home."""
        routes, now_s, here = self.routes, self._world.env.now, self.vehicles.at[vehicle]
        home = int(routes.home[vehicle])
        if routes.leave_s[vehicle, 0] > now_s:
            self._wake(vehicle, float(routes.leave_s[vehicle, 0]) - now_s)
            return
        home_s = float(routes.end_s[vehicle]) - float(routes.hop_s[here, home])
        if home_s == -math.inf:
            return  # no street leads home: it stands until streets open
        if now_s >= home_s:
            if here != home:
                self._drive_empty(vehicle, home, "depot")
            return
        stop = here if vehicle in self._broken else self._idle_stop(vehicle)
        if stop != here and now_s + routes.hop_s[here, stop] + routes.hop_s[stop, home] <= routes.end_s[vehicle]:
            self._drive_empty(vehicle, stop, "reposition")
        else:
            self._wake(vehicle, home_s - now_s)

    def _drive_empty(self, vehicle: int, stop: int, cause: str) -> None:
        hop_s = float(self.routes.hop_s[self.vehicles.at[vehicle], stop])
        self._engaged[vehicle] = True
        self.vehicles.drive(vehicle, stop, cause, hop_s)
        self._stand(vehicle, self._world.env.now + hop_s)
        self.state = object()
        self._after(hop_s, lambda: self._leave_stop(vehicle))

    # Disturbances: the only reasons for which a promise may be broken, always with a cause in the log.

    def break_promises(self, cause: str, reason: str) -> None:
        """End every promise of people who are not aboard; those aboard are taken where they want to go."""
        for rider in self._promises.open():
            if not rider.aboard:
                self.end(rider, "expired", cause, Refusal(reason, self._nodes[rider.request.pickup]))

    def break_down_at(self, vehicle: int, moment_s: float) -> None:
        """Have a vehicle break down later."""
        self._after(moment_s - self._world.env.now, lambda: self.break_down(vehicle))

    def break_down(self, vehicle: int) -> None:
        """Take a vehicle out for the day: others are asked to keep its promises, who is aboard is put off."""
        self._broken.add(vehicle)
        self.routes.places[vehicle] = 0
        text, place = f"vehicle {vehicle} of {self._service} broke down", self._nodes[self.vehicles.at[vehicle]]
        self._world.post(VehicleBrokenDown(text=text, place=place, service=self._service))
        for rider in self._promises.open():
            if rider.vehicle == vehicle and not rider.aboard:
                self._promise_elsewhere(rider)
        self._wake(vehicle)

    def _promise_elsewhere(self, rider: OnDemandRider) -> None:
        placement = self._policy.best_placement(self.routes, rider.request, self._world.env.now)
        if placement is None:
            self.end(rider, "expired", BREAKDOWN, Refusal(BROKEN, self._nodes[rider.request.pickup]))
            return
        vehicle = rider.vehicle
        self._take_out(rider)
        if self._held_for[vehicle] is rider:
            self._held_for[vehicle] = None
            self._after(0.0, lambda: self._leave_stop(vehicle))
        rider.vehicle = placement.vehicle
        self.routes.insert(*placement[:3], rider.request, self._world.env.now)
        self._wake(placement.vehicle)

    def _put_off_everybody(self, vehicle: int) -> None:
        """Let everyone alight where a broken vehicle stands."""
        for rider in self._promises.open():
            if rider.vehicle == vehicle and rider.aboard:
                self._put_off(rider, BREAKDOWN, BROKEN)

    def _put_off(self, rider: OnDemandRider, cause: str, reason: str) -> None:
        """Let somebody alight where the vehicle stands, without having arrived."""
        vehicle, now_s = rider.vehicle, self._world.env.now
        self.routes.remove(vehicle, rider.request.rider, now_s)
        self._let_alight(rider, "expired", cause, Refusal(reason, self._nodes[self.vehicles.at[vehicle]]))
        self.routes.stand(vehicle, self.vehicles.at[vehicle], now_s, self.vehicles.aboard[vehicle])

    def _is_cut_off(self, rider: OnDemandRider, hop_s: float) -> bool:
        """Return whether no street leads to the next stop of a rider, or from there on, any more."""
        pickup, dropoff = rider.request.pickup, rider.request.dropoff
        return max(hop_s, hop_s if rider.aboard else float(self.routes.hop_s[pickup, dropoff])) == math.inf

    def _give_up(self, rider: OnDemandRider) -> None:
        """End a promise because of the streets, and say so."""
        if rider.aboard:
            self._put_off(rider, STREETS, CLOSED)
            self._wake(rider.vehicle)
        else:
            self.end(rider, "expired", STREETS, Refusal(CLOSED, self._nodes[rider.request.pickup]))

    def withdraw(self, chosen: Sequence[int], places: int) -> None:
        """Take those of some vehicles that are free off the road; all others that are not broken have their places."""
        every = np.arange(len(self._engaged))
        self.routes.places = np.where(np.isin(every, sorted(self._broken)), 0, places)
        for vehicle in chosen:
            if not self.routes.count[vehicle] and not self._engaged[vehicle]:
                self.routes.places[vehicle] = 0
        self.state = object()

    def change_hops(self, hop_s: FloatArray, hop_m: FloatArray) -> None:
        """Drive by other shortest ways from now on; a way under way is driven as it was begun."""
        self.routes.hop_s, self.vehicles.hop_m = hop_s, hop_m
        for vehicle in range(len(self._engaged)):
            self.routes.refresh(vehicle, self._world.env.now)
            self._wake(vehicle)

    def _after(self, delay_s: float, do: Callable[[], None]) -> None:
        """Have something done later, after everything else of that moment."""
        moment = at_moment(self._world.env, delay_s, DEPARTURES_OF_VEHICLES)
        assert moment.callbacks is not None, "an event that has not happened can be listened to"
        moment.callbacks.append(lambda _: do())
