"""Rides on demand: asked for now or ahead, from and to virtual stops, shared with others, promised with hard limits."""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from kera_mobility.config.registry import policies_beside
from kera_mobility.services.base import HOURS, Carried, Experience, Ride, Service, Vehicle
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import (
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    ServiceClosed,
    Snowfall,
    StreetsChanged,
)
from kera_mobility.services.on_demand.dispatcher import Dispatcher
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy, Placement
from kera_mobility.services.on_demand.policies.repositioning import RepositioningPolicy
from kera_mobility.services.on_demand.rider import STREETS, OnDemandRider
from kera_mobility.services.on_demand.routes import RideRequest, Routes
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.on_demand.virtual_stops import VirtualStops
from kera_mobility.services.reasons import CLOSED, EXPIRED, OFFLINE, OUTSIDE_AREA, OUTSIDE_HOURS, SNOW
from kera_mobility.services.world import World
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import HOUR_S, MINUTE_S, BoolArray, FloatArray, IntArray, round_one_s, round_s


class FeasibleRide(NamedTuple):
    """A feasible ride, as it would be booked now."""

    offer: Offer
    request: RideRequest
    placement: Placement


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
        self._stops = VirtualStops(
            town, self._area(centres), self._depots, spacing_m=settings.stop_spacing_m,
            max_walk_m=settings.max_walk_m, tried=settings.stops_tried,
        )  # fmt: skip
        self._person_s = round_one_s(settings.person_s)
        self._hop_s, self._hop_m = self._hops()
        self._mean_wait_s: FloatArray | None = None
        self._mean_detour_s: FloatArray | None = None
        self._asks: FloatArray | None = None
        dispatch = policies_beside(__name__, DispatchPolicy)[settings.dispatch.kind]
        self._policy: DispatchPolicy = dispatch(settings.dispatch)
        repositioning = policies_beside(__name__, RepositioningPolicy)[settings.repositioning.kind]
        self._waiting: RepositioningPolicy = repositioning(settings.repositioning)

    def faults(self) -> list[tuple[str, str]]:
        """Return depots and centres outside the map."""
        places = [("depots", self.settings.depots, self._depot_m), ("centres", self.settings.centres, self._centre_m)]
        found = [
            (f"{key}.{index}", f"{place.name or 'place'} ({place.lon}, {place.lat}) lies {distance_m:.0f} m from the "
             f"nearest street, expected at most {SNAP_LIMIT_M:.0f} m: is it outside the map?")
            for key, named, metres in places
            for index, (place, distance_m) in enumerate(zip(named, metres, strict=False))
            if distance_m > SNAP_LIMIT_M
        ]  # fmt: skip
        return found or ([] if len(self._stops.open) else [("operating_radius_m", "no street corner lies within")])

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
        """Return rides between the nearest stops with the wait and detour met in that zone and hour, or walks."""
        zone = self.town.zone[requests.origin]
        hour = np.clip(requests.depart_s // HOUR_S, 0, HOURS - 1).astype(np.int64)
        wait_s = self._typical_wait_s(zone, hour)
        detour_s = np.zeros(len(requests)) if self._mean_detour_s is None else self._mean_detour_s[zone, hour]
        offers = self._offers(requests, 1)
        possible = offers.possible
        offers.wait_s[:] = np.where(possible, round_s(wait_s), 0.0)
        offers.ride_s[:] += np.where(possible, round_s(detour_s), 0.0)
        return self._or_walk(requests, offers)

    def bound(self, requests: Requests) -> Offers:
        """Return rides straight there without a wait, each part as good as it is between any stops tried."""
        return self._offers(requests, self.settings.stops_tried)

    def learn(self, experience: Experience) -> None:
        """Expect what was met: the chance, the wait and the detour of each zone and hour."""
        super().learn(experience)
        prior_s = self.settings.expected_wait * self.settings.max_wait_s
        self._mean_wait_s = experience.mean_s(experience.waited_s, prior_s)
        self._mean_detour_s = np.maximum(experience.mean_s(experience.detour_s, 0.0), 0.0)
        self._asks = experience.requests / experience.days

    def access_time_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return walk, expected wait and straight ride between nodes, (T,)."""
        nobody = np.zeros(len(origins), dtype=np.int64)
        ready_s = np.full(len(origins), self._shifts[0].min())
        offers = self._offers(Requests(nobody, origins, destinations, ready_s), 1)
        return offers.duration_s + self.settings.expected_wait * self.settings.max_wait_s

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
            hop_s = self._hop_s[board, alight]
            walk_m = stops.to_m[requests.origin[good], first], stops.off_m[requests.destination[good], second]
            walk_s = np.where(np.isfinite(hop_s), self._on_foot_s(walk_m[0]) + self._on_foot_s(walk_m[1]), np.inf)
            offers.walk_s[good] = np.minimum(offers.walk_s[good], walk_s)
            ride_s[good] = np.minimum(ride_s[good], hop_s)
            ride_m[good] = np.minimum(ride_m[good], self._hop_m[board, alight])
        there = np.isfinite(offers.walk_s)
        offers.ride_s[:] = np.where(there, ride_s + self._person_s, 0.0)
        offers.ride_m[:] = np.where(there, ride_m, 0.0)
        offers.fare_eur[:] = settings.fare_eur + settings.fare_eur_per_km * offers.ride_m / 1000.0
        offers.penalty_s[:] = settings.boarding_penalty_min * MINUTE_S
        return offers

    def _typical_wait_s(self, zone: IntArray, hour: IntArray) -> FloatArray:
        if self._mean_wait_s is None:
            return np.full(len(zone), self.settings.expected_wait * self.settings.max_wait_s)
        waits_s: FloatArray = self._mean_wait_s[zone, hour]
        return waits_s

    # Live.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Put the vehicles into their depots; they drive when somebody asks."""
        super().start(world, carried)
        settings = self.settings
        self._hop_s, self._hop_m = self._hops()
        begin_s, end_s = self._shifts
        home = self._stops.of_depot[np.arange(settings.vehicles) % len(self._depots)]
        places = np.full(settings.vehicles, settings.seats)
        routes = Routes(self._hop_s, home, begin_s, end_s, places, self._person_s)
        self._dispatcher = Dispatcher(
            self.name, world, routes, self._policy, nodes=self._stops.node, hop_m=self._hop_m,
            hold_s=round_one_s(settings.hold_s), idle=self._waits_at,
        )  # fmt: skip
        self._shut: dict[str, str] = {}
        self._last: tuple[object, FeasibleRide | Refusal] = (None, Refusal("", -1))
        for topic in self.subscribes_to:
            world.notices.listen(topic, self._hear)
        self._draw_breakdowns(begin_s, end_s)

    def book(self, leg: Leg) -> Booking | Refusal:
        """Promise a ride: from now on it stands in a vehicle's route, and nothing the dispatcher does breaks it."""
        found = self._find(leg)
        if leg.leg > 0:
            self._count(leg, found.offer if isinstance(found, FeasibleRide) else found)
        if isinstance(found, Refusal):
            return found
        booking = Booking(leg, self.world.env.now, found.offer, found.placement.vehicle)
        booking.plan = self._dispatcher.promise(found.request, found.placement, booking)
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
        if walk_s == np.inf:  # shut since it was booked
            if not rider.end:
                self._dispatcher.end(rider, "expired", STREETS)
            return Outcome(leg.origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1, Refusal(CLOSED, leg.origin))
        if walk_s > 0:
            yield env.timeout(walk_s)
        stood_s = env.now
        self._dispatcher.came(rider)
        yield rider.done
        rode = rider.pickup_s == rider.pickup_s
        wait_s = (rider.pickup_s if rode else env.now) - stood_s
        ride_s, ride_m = (rider.arrival_s - rider.pickup_s, rider.ride_m) if rode else (0.0, 0.0)
        if rider.end != "ridden":
            refusal = rider.refusal or Refusal(EXPIRED, stop)
            refusal = refusal if rode else refusal._replace(place=stop)
            vehicle = rider.vehicle if rode else -1
            return Outcome(refusal.place, walk_s, wait_s, ride_s, walk_m, ride_m, 0.0, vehicle, refusal)
        on_s, on_m = self.walk_one_s(target, leg.destination), self.walk_m(target, leg.destination)
        if on_s == np.inf:
            return Outcome(target, walk_s, wait_s, ride_s, walk_m, ride_m, booking.offer.fare_eur, rider.vehicle,
                           Refusal(CLOSED, target))  # fmt: skip
        if on_s > 0:
            yield env.timeout(on_s)
        walk_m += on_m
        return Outcome(leg.destination, walk_s + on_s, wait_s, ride_s, walk_m, ride_m, booking.offer.fare_eur,
                       rider.vehicle)  # fmt: skip

    def finish(self) -> None:
        """End the day: open promises expire."""
        self._dispatcher.finish()

    def vehicles(self) -> list[Vehicle]:
        """Return every vehicle; they have no battery to follow."""
        routes, node, nothing = self._dispatcher.routes, self._stops.node, float("nan")
        return [
            Vehicle(vehicle, self.settings.seats, int(node[home]), int(node[at]), nothing, nothing)
            for vehicle, (home, at) in enumerate(zip(routes.home.tolist(), self._dispatcher.at, strict=True))
        ]

    def places(self) -> list[tuple[int, str, str]]:
        """Return the depots."""
        return [
            (node, place.name, "hub") for node, place in zip(self._depots.tolist(), self.settings.depots, strict=True)
        ]

    def _firm(self, leg: Leg) -> Offer | Refusal:
        found = self._find(leg)
        return found if isinstance(found, Refusal) else found.offer

    def _find(self, leg: Leg) -> FeasibleRide | Refusal:
        """Return the best ride that keeps every promise, or which constraint bound."""
        key = (self.world.env.now, self._dispatcher.changes, leg.origin, leg.destination, leg.ready_s)
        if self._last[0] != key:
            self._last = key, self._search(leg)
        return self._last[1]

    def _search(self, leg: Leg) -> FeasibleRide | Refusal:
        if self._shut:
            return Refusal(self._shut[min(self._shut)], leg.origin)
        routes, policy, now_s = self._dispatcher.routes, self._policy, self.world.env.now
        ride_requests = self._ride_requests(leg)
        if not ride_requests:
            return Refusal(OUTSIDE_AREA, leg.origin)
        ready_s = min(request.ready_s for request, _ in ride_requests)
        begin_s, end_s = self._shifts
        if not np.any((begin_s <= ready_s + self.settings.max_wait_s) & (end_s > ready_s)):
            return Refusal(OUTSIDE_HOURS, leg.origin)
        for request, walk_s in ride_requests:
            placement = policy.best_placement(routes, request, now_s)
            if placement:
                pickup_s, arrival_s = routes.planned(*placement[:3], request, now_s)
                ride_m = float(self._hop_m[request.pickup, request.dropoff])
                fare_eur = self.settings.fare_eur + self.settings.fare_eur_per_km * ride_m / 1000.0
                offer = Offer(walk_s, pickup_s - request.ready_s, arrival_s - pickup_s, fare_eur, ride_m,
                              self.settings.boarding_penalty_min * MINUTE_S)  # fmt: skip
                return FeasibleRide(offer, request, placement)
        return Refusal(policy.refusal_reason(routes, ride_requests[0][0], now_s), leg.origin)

    def _ride_requests(self, leg: Leg) -> list[tuple[RideRequest, float]]:
        """Return what a leg asks for between each pair of stops, the shortest walk first, and that walk."""
        stops, settings = self._stops, self.settings
        at_s = max(self.world.env.now, leg.ready_s or 0.0)
        found: list[tuple[RideRequest, float]] = []
        ends = (stops.to[leg.origin].tolist(), stops.off[leg.destination].tolist())
        for pickup, dropoff in product(*ends):
            if pickup < 0 or dropoff < 0 or pickup == dropoff or self._hop_s[pickup, dropoff] == np.inf:
                continue
            to_s = self.walk_one_s(leg.origin, int(stops.node[pickup]))
            walk_s = to_s + self.walk_one_s(int(stops.node[dropoff]), leg.destination)
            if walk_s == np.inf:
                continue  # the stop is cut off on foot today
            ready_s = at_s + to_s
            latest_s = ready_s + round_one_s(settings.max_wait_s)
            ride_s = round_one_s(settings.detour_factor * float(self._hop_s[pickup, dropoff]))
            request = RideRequest(-1, pickup, dropoff, ready_s, latest_s, latest_s + self._person_s + ride_s)
            found.append((request, walk_s))
        return sorted(found, key=lambda one: one[1])

    def _count(self, leg: Leg, answer: object) -> None:
        """Keep in mind besides how long those who were served will wait, and how much longer they will ride."""
        super()._count(leg, answer)
        if isinstance(answer, Offer):
            place = self.town.zone[leg.origin], min(int(self.world.env.now // HOUR_S), HOURS - 1)
            self.experience.waited_s[place] += answer.wait_s
            found = self._last[1]
            if isinstance(found, FeasibleRide):
                straight_s = self._person_s + float(self._hop_s[found.request.pickup, found.request.dropoff])
                self.experience.detour_s[place] += answer.ride_s - straight_s

    def _waits_at(self, vehicle: int) -> int:
        """Return the stop where a vehicle with nothing to do waits: where it is, or in the middle of another zone."""
        dispatcher, zones = self._dispatcher, self._stops.zone
        here = dispatcher.at[vehicle]
        if self._asks is None:
            return here
        hour = min(int(self.world.env.now // HOUR_S), HOURS - 1)
        idle = (dispatcher.routes.count == 0) & (dispatcher.routes.places > 0)
        idle[vehicle] = False
        waiting = np.bincount(zones[np.array(dispatcher.at)[idle]], minlength=len(self._asks))
        middle = self._middles
        hop_s = np.where(middle >= 0, self._hop_s[here, middle], np.inf)
        zone = self._waiting.waiting_zone(self._asks[:, hour], waiting, hop_s, int(zones[here]))
        return here if zone == zones[here] else int(middle[zone])

    # Disturbances.

    def _hear(self, notice: Notice) -> None:
        """Stop promising, call off what has not begun, or take a part of the free vehicles off the road."""
        if notice.service not in ("", self.name) or (isinstance(notice, Snowfall) and self.settings.drives_in_snow):
            return
        if isinstance(notice, FleetWithdrawn):
            self._withdraw(0.0 if notice.ends else notice.part)
        elif notice.ends:
            self._shut.pop(notice.topic, None)
        else:
            reason = SNOW if isinstance(notice, Snowfall) else CLOSED if isinstance(notice, ServiceClosed) else OFFLINE
            self._shut[notice.topic] = reason
            if not isinstance(notice, BookingSuspended):
                self._dispatcher.drop_promises(reason, reason)
        self._last = (None, self._last[1])

    def _withdraw(self, part: float) -> None:
        draw = self.town.dice.uniform("withdrawn", self.name, np.arange(self.settings.vehicles))
        order = np.argsort(draw, kind="stable")[: round(part * self.settings.vehicles)]
        self._dispatcher.restore(self.settings.seats)
        self._dispatcher.withdraw(order.tolist())

    def _see_streets(self, notice: StreetsChanged) -> None:
        """Drive other ways from now on; promises that cannot be kept by them are broken, and logged as that."""
        super()._see_streets(notice)
        self._hop_s, self._hop_m = self._hops()
        self._dispatcher.change_hops(self._hop_s, self._hop_m)

    def _draw_breakdowns(self, begin_s: FloatArray, end_s: FloatArray) -> None:
        rate_s = self.settings.breakdowns_per_1000_h / 1000.0 / HOUR_S
        if not rate_s:
            return
        every = np.arange(self.settings.vehicles)
        at_s = begin_s + round_s(self.world.dice.exponential("breakdown", self.name, every) / rate_s)
        for vehicle in np.flatnonzero((at_s < end_s) & (at_s >= self.world.env.now)).tolist():
            self._dispatcher.break_down_at(vehicle, float(at_s[vehicle]))

    # Geometry, prepared once.

    def _hops(self) -> tuple[FloatArray, FloatArray]:
        """Return times and lengths between stops by the streets as they are now, (K, K)."""
        hop_s = self._stops.hops_s(self.skims, self.settings.driving_factor, self.settings.stop_s)
        return hop_s, self._stops.hops_m(self.skims)

    @cached_property
    def _shifts(self) -> tuple[FloatArray, FloatArray]:
        """Begin and end of each vehicle's shift, (V,)."""
        shifts = self.settings.shifts
        taken = [shifts[vehicle % len(shifts)] for vehicle in range(self.settings.vehicles)]
        begin_s, end_s = (np.array([getattr(one, name) for one in taken]) for name in ("start_s", "end_s"))
        return round_s(begin_s), round_s(end_s)

    def _area(self, centres: IntArray) -> BoolArray:
        """Return the corners inside the operating area, (N,)."""
        xy_m = np.asarray(self.town.streets.node_xy_m)
        inside = np.zeros(len(xy_m), dtype=np.bool_)
        for node in centres.tolist():
            step = xy_m - xy_m[node]
            inside |= step[:, 0] ** 2 + step[:, 1] ** 2 <= self.settings.operating_radius_m**2
        return inside & ~np.asarray(self.town.streets.node_outside)

    def _on_foot_s(self, length_m: FloatArray) -> FloatArray:
        return round_s(length_m / self.settings.walk_speed_m_s)

    @cached_property
    def _middles(self) -> IntArray:
        """The stop nearest to the middle of the stops of each zone, (Z,), -1 where there is none."""
        stops = self._stops
        xy_m, zones = np.asarray(self.town.streets.node_xy_m)[stops.open], stops.zone[: len(stops.open)]
        middle = np.full(int(self.town.zone.max()) + 1, -1, dtype=np.int64)
        for zone in np.unique(zones).tolist():
            inside = np.flatnonzero(zones == zone)
            away = xy_m[inside] - np.median(xy_m[inside], axis=0)
            middle[zone] = inside[np.argmin(away[:, 0] ** 2 + away[:, 1] ** 2)]
        return middle
