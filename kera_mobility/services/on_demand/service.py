"""Rides on demand: asked for now or ahead, from and to virtual stops, shared with others, promised with hard limits.

Which ride is promised stands in `search.py`, how vehicles keep their promises in `dispatcher.py`.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from kera_mobility.config.registry import policy_beside
from kera_mobility.services.base import (
    Carried,
    Experience,
    Ride,
    Service,
    Vehicle,
    hour_of,
    hours_of,
    off_map,
    operating_area,
)
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import BookingSuspended, FleetWithdrawn, Notice, Snowfall, StreetsChanged
from kera_mobility.services.on_demand.dispatcher import Dispatcher
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy
from kera_mobility.services.on_demand.policies.repositioning import RepositioningPolicy
from kera_mobility.services.on_demand.promises import STREETS, OnDemandRider
from kera_mobility.services.on_demand.routes import Routes
from kera_mobility.services.on_demand.search import FeasibleRide, RideSearch
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.on_demand.virtual_stops import VirtualStops
from kera_mobility.services.on_demand.waiting import WaitingStops
from kera_mobility.services.reasons import CLOSED, EXPIRED, OFFLINE, SNOW
from kera_mobility.services.world import World
from kera_mobility.town.town import Town
from kera_mobility.units import HOUR_S, MINUTE_S, BoolArray, FloatArray, IntArray, round_one_s, round_s


class OnDemand(Service):
    """Members ask, are promised a ride or told why not, walk to the stop, ride with others, walk on."""

    kind = "on_demand"
    settings_type = OnDemandSettings
    mode = "on_demand"
    nest = "on_demand"
    time_class = "transit"
    sustainable = True
    access_mode = True
    capacity_limited = True
    operated = True

    settings: OnDemandSettings

    def __init__(self, name: str, settings: OnDemandSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        self.lead_s, self.from_line = settings.ahead_s, settings.from_line
        self._depots, self._depot_m = town.snap(settings.depots, ("walk", "drive"))
        centres, self._centre_m = town.snap(settings.centres) if settings.centres else (self._depots, self._depot_m)
        inside = operating_area(town, centres, settings.operating_radius_m)
        self._stops = VirtualStops(town, settings, inside, self._depots)
        self._person_s = round_one_s(settings.person_s)
        self._mean_wait_s: FloatArray | None = None
        self._mean_detour_s: FloatArray | None = None
        self._expected_requests: FloatArray | None = None
        self._policy: DispatchPolicy = policy_beside(__name__, DispatchPolicy, settings.dispatch)
        repositioning: RepositioningPolicy = policy_beside(__name__, RepositioningPolicy, settings.repositioning)
        self._waiting_stops = WaitingStops(town, self._stops, repositioning)

    def faults(self) -> list[tuple[str, str]]:
        """Return depots and centres outside the map."""
        places = {"depots": (self.settings.depots, self._depot_m), "centres": (self.settings.centres, self._centre_m)}
        outside = [
            fault for key, (named, distance_m) in places.items()
            for fault in off_map([f"{key}.{index}" for index in range(len(named))], named, distance_m[: len(named)])
        ]  # fmt: skip
        return outside or ([] if len(self._stops.open) else [("operating_radius_m", "no street corner lies within")])

    def members(self) -> BoolArray:
        """Return who has the app, (P,)."""
        people = self.town.people
        able: BoolArray = people.age >= self.settings.min_age
        return able & (self.town.dice.uniform("registered", self.name, people.person) < self.settings.registered)

    def about(self) -> dict[str, Any]:
        """Return what the figures need to know besides the events."""
        settings = self.settings
        begin_s, end_s = self._shifts
        return {
            "vehicle_hours": float((end_s - begin_s).cumsum()[-1] / HOUR_S), "seats": settings.seats,
            "eur_per_vehicle_hour": settings.cost_eur_per_vehicle_hour, "eur_per_km": settings.cost_eur_per_km,
        }  # fmt: skip

    # Before the day.

    def expect(self, requests: Requests) -> Offers:
        """Return rides between the nearest stops with the mean wait and detour of that zone and hour, or walks."""
        zone, hour = self.town.zone[requests.origin], hours_of(requests.depart_s)
        wait_s = np.full(len(requests), self._prior_wait_s)
        if self._mean_wait_s is not None:
            wait_s = self._mean_wait_s[zone, hour]
        detour_s = np.zeros(len(requests)) if self._mean_detour_s is None else self._mean_detour_s[zone, hour]
        offers = self._offers(requests, 1)
        possible = offers.possible
        offers.wait_s[:] = np.where(possible, round_s(wait_s), 0.0)
        offers.ride_s[:] += np.where(possible, round_s(detour_s), 0.0)
        return self._or_walk(requests, offers)

    def bound(self, requests: Requests) -> Offers:
        """Return direct rides without a wait, each part as good as it is between any stops tried."""
        return self._offers(requests, self.settings.stops_tried)

    def learn(self, experience: Experience) -> None:
        """Expect the chance, the wait and the detour that earlier days had in each zone and hour."""
        super().learn(experience)
        self._mean_wait_s = experience.mean_s(experience.waited_s, self._prior_wait_s)
        self._mean_detour_s = np.maximum(experience.mean_s(experience.detour_s, 0.0), 0.0)
        self._expected_requests = experience.requests / experience.days

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walk, expected wait and direct ride between nodes, (T,)."""
        nobody = np.zeros(len(origins), dtype=np.int64)
        ready_s = np.full(len(origins), self._shifts[0].min())
        offers = self._offers(Requests(nobody, origins, destinations, ready_s), 1)
        return offers.duration_s + self._prior_wait_s

    @property
    def _prior_wait_s(self) -> float:
        return self.settings.expected_wait * self.settings.max_wait_s

    def _offers(self, requests: Requests, tried: int) -> Offers:
        """Return rides without wait or detour, each part the best between `tried` stops at each end."""
        stops, settings, count = self._stops, self.settings, len(requests)
        offers = Offers.none(count)
        begin_s, end_s = self._shifts
        ready_s = requests.depart_s
        open_now = ready_s + settings.max_wait_s + settings.max_walk_m / settings.walk_speed_m_s >= begin_s.min()
        open_now &= ready_s < end_s.max()
        ride_s, ride_m = (np.full(count, np.inf) for _ in range(2))
        for first, second in product(range(tried), repeat=2):
            board, alight = stops.to[requests.origin, first], stops.off[requests.destination, second]
            good = np.flatnonzero((board >= 0) & (alight >= 0) & (board != alight) & open_now)
            board, alight = board[good], alight[good]
            hop_s = stops.hop_s[board, alight]
            to_m, off_m = stops.to_m[requests.origin[good], first], stops.off_m[requests.destination[good], second]
            walk_s = round_s(to_m / settings.walk_speed_m_s) + round_s(off_m / settings.walk_speed_m_s)
            walk_s = np.where(np.isfinite(hop_s), walk_s, np.inf)
            offers.walk_s[good] = np.minimum(offers.walk_s[good], walk_s)
            ride_s[good] = np.minimum(ride_s[good], hop_s)
            ride_m[good] = np.minimum(ride_m[good], stops.hop_m[board, alight])
        there = np.isfinite(offers.walk_s)
        offers.ride_s[:] = np.where(there, ride_s + self._person_s, 0.0)
        offers.ride_m[:] = np.where(there, ride_m, 0.0)
        offers.fare_eur[:] = settings.fare_eur + settings.fare_eur_per_km * offers.ride_m / 1000.0
        offers.penalty_s[:] = settings.boarding_penalty_min * MINUTE_S
        return offers

    @cached_property
    def _shifts(self) -> tuple[FloatArray, FloatArray]:
        """Begin and end of each vehicle's shift, (V,)."""
        shifts = [self.settings.shifts[number % len(self.settings.shifts)] for number in range(self.settings.vehicles)]
        return (round_s(np.array([shift.start_s for shift in shifts])),
                round_s(np.array([shift.end_s for shift in shifts])))  # fmt: skip

    # Live.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Put the vehicles into their depots; they drive when somebody asks."""
        super().start(world, carried)
        settings, stops = self.settings, self._stops
        stops.see(self.skims)
        home = stops.of_depot[np.arange(settings.vehicles) % len(self._depots)]
        seats = np.full(settings.vehicles, settings.seats)
        routes = Routes(stops.hop_s, home, *self._shifts, seats, self._person_s)
        self._dispatcher = Dispatcher(
            self.name, world, routes, self._policy, nodes=stops.node, hop_m=stops.hop_m,
            hold_s=round_one_s(settings.hold_s), idle_stop=self._idle_stop,
        )  # fmt: skip
        self._search = RideSearch(settings, world, stops, self._dispatcher, self._policy, self._shifts, self.walk_one_s)
        self._halted: dict[str, str] = {}
        for topic in self.subscribes_to:
            world.notices.listen(topic, self._hear)
        self._draw_breakdowns(*self._shifts)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise a ride: from now on it stands in a vehicle's route, and nothing the dispatcher does breaks it."""
        ride = self._find(leg)
        if leg.leg > 0:
            self._count(leg, ride.offer if isinstance(ride, FeasibleRide) else ride)
        if isinstance(ride, Refusal):
            return ride
        booking = Booking(leg, self.world.env.now, ride.offer, ride.placement.vehicle)
        booking.plan = self._dispatcher.promise(ride.request, ride.placement, booking)
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the promise back; who sits in the vehicle cannot."""
        rider: OnDemandRider = booking.plan
        if not rider.end and not rider.aboard:
            self._dispatcher.end(rider, "cancelled")

    def ride(self, booking: Booking) -> Ride:
        """Walk to the stop, wait, ride, alight and walk on; or learn at the stop that there will be no ride."""
        env, leg, rider = self.world.env, booking.leg, booking.plan
        stop, target = (int(self._stops.node[end]) for end in (rider.request.pickup, rider.request.dropoff))
        walk_s, walk_m = self.walk_one_s(leg.origin, stop), self.walk_m(leg.origin, stop)
        if walk_s == np.inf:  # streets were closed after it was booked
            if not rider.end:
                self._dispatcher.end(rider, "expired", STREETS)
            return Outcome(leg.origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1, Refusal(CLOSED, leg.origin))
        if walk_s > 0:
            yield env.timeout(walk_s)
        at_stop_s = env.now
        self._dispatcher.arrive_at_stop(rider)
        yield rider.done
        outcome = self._alighted(booking, walk_s, walk_m, at_stop_s)
        if outcome.refusal:
            return outcome
        on_s, on_m = self.walk_one_s(target, leg.destination), self.walk_m(target, leg.destination)
        if on_s == np.inf:
            return outcome._replace(refusal=Refusal(CLOSED, target))
        if on_s > 0:
            yield env.timeout(on_s)
        return outcome._replace(place=leg.destination, walk_s=walk_s + on_s, walk_m=walk_m + on_m)

    def _alighted(self, booking: Booking, walk_s: float, walk_m: float, at_stop_s: float) -> Outcome:
        """Return what came of a ride up to the stop where it ended, or to the stop where none came."""
        rider: OnDemandRider = booking.plan
        stop, target = (int(self._stops.node[end]) for end in (rider.request.pickup, rider.request.dropoff))
        wait_s, ride_s, ride_m, vehicle = self.world.env.now - at_stop_s, 0.0, 0.0, -1
        refusal = rider.refusal or Refusal(EXPIRED, stop)
        if rider.boarded:
            wait_s, ride_s = rider.pickup_s - at_stop_s, rider.arrival_s - rider.pickup_s
            ride_m, vehicle = rider.ride_m, rider.vehicle
        else:
            refusal = refusal._replace(place=stop)
        if rider.end == "ridden":
            return Outcome(target, walk_s, wait_s, ride_s, walk_m, ride_m, booking.offer.fare_eur, vehicle)
        return Outcome(refusal.place, walk_s, wait_s, ride_s, walk_m, ride_m, 0.0, vehicle, refusal)

    def finish(self) -> None:
        """End the day: open promises expire."""
        self._dispatcher.finish()

    def vehicles(self) -> list[Vehicle]:
        """Return every vehicle; they have no battery to follow."""
        node, nothing = self._stops.node, float("nan")
        stops = zip(self._dispatcher.routes.home.tolist(), self._dispatcher.vehicles.at, strict=True)
        return [
            Vehicle(vehicle, self.settings.seats, int(node[home]), int(node[at]), nothing, nothing)
            for vehicle, (home, at) in enumerate(stops)
        ]

    def places(self) -> list[tuple[int, str, str]]:
        """Return the depots."""
        return [
            (node, place.name, "hub") for node, place in zip(self._depots.tolist(), self.settings.depots, strict=True)
        ]

    def _firm(self, leg: Leg) -> Offer | Refusal:
        ride = self._find(leg)
        return ride if isinstance(ride, Refusal) else ride.offer

    def _find(self, leg: Leg) -> FeasibleRide | Refusal:
        """Return the best ride that keeps every promise, or which constraint bound."""
        if self._halted:
            return Refusal(self._halted[min(self._halted)], leg.origin)
        return self._search.find(leg)

    def _count(self, leg: Leg, answer: object) -> None:
        """Count besides how long those who are served will wait, and how much longer they will ride."""
        super()._count(leg, answer)
        ride = self._find(leg)
        if isinstance(answer, Offer) and isinstance(ride, FeasibleRide):
            place = self.town.zone[leg.origin], hour_of(self.world.env.now)
            direct_s = self._person_s + float(self._stops.hop_s[ride.request.pickup, ride.request.dropoff])
            self.experience.waited_s[place] += answer.wait_s
            self.experience.detour_s[place] += answer.ride_s - direct_s

    def _idle_stop(self, vehicle: int) -> int:
        if self._expected_requests is None:
            return self._dispatcher.vehicles.at[vehicle]
        expected_requests = self._expected_requests[:, hour_of(self.world.env.now)]
        return self._waiting_stops.choose(vehicle, self._dispatcher, expected_requests)

    # Disturbances.

    def _hear(self, notice: Notice) -> None:
        """Stop promising, call off what has not begun, or take a part of the free vehicles off the road."""
        if notice.service not in ("", self.name) or (isinstance(notice, Snowfall) and self.settings.drives_in_snow):
            return
        if isinstance(notice, FleetWithdrawn):
            self._withdraw(0.0 if notice.ends else notice.part)
        elif notice.ends:
            self._halted.pop(notice.topic, None)
        elif isinstance(notice, BookingSuspended):
            self._halted[notice.topic] = OFFLINE
        else:
            reason = SNOW if isinstance(notice, Snowfall) else CLOSED
            self._halted[notice.topic] = reason
            self._dispatcher.break_promises(reason, reason)

    def _withdraw(self, part: float) -> None:
        draw = self.town.dice.uniform("withdrawn", self.name, np.arange(self.settings.vehicles))
        order = np.argsort(draw, kind="stable")[: round(part * self.settings.vehicles)]
        self._dispatcher.withdraw(order.tolist(), self.settings.seats)

    def _see_streets(self, notice: StreetsChanged) -> None:
        """Drive other ways from now on; promises that cannot be kept by them are broken, and logged as that."""
        super()._see_streets(notice)
        self._stops.see(self.skims)
        self._dispatcher.change_hops(self._stops.hop_s, self._stops.hop_m)

    def _draw_breakdowns(self, begin_s: FloatArray, end_s: FloatArray) -> None:
        rate_s = self.settings.breakdowns_per_1000_h / 1000.0 / HOUR_S
        if not rate_s:
            return
        every = np.arange(self.settings.vehicles)
        at_s = begin_s + round_s(self.world.dice.exponential("breakdown", self.name, every) / rate_s)
        for vehicle in np.flatnonzero((at_s < end_s) & (at_s >= self.world.env.now)).tolist():
            self._dispatcher.break_down_at(vehicle, float(at_s[vehicle]))
