"""Shared e-scooters: a fleet parked at hubs or anywhere, found by walking, reserved, ridden, parked."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from kera_mobility.journeys import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.policies.overnight import OvernightPolicy, ResetSettings
from kera_mobility.registry import members, settings_union
from kera_mobility.services.base import Carried, Ride, Service, ServiceSettings, Vehicle
from kera_mobility.settings import Place, Settings
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import MINUTE_S, AnyArray, BoolArray, FloatArray, IntArray, round_one_s, round_s
from kera_mobility.world import World

if TYPE_CHECKING:
    OvernightSettings = Any
else:
    OvernightSettings = settings_union("kera_mobility.policies", OvernightPolicy, "kera_mobility.policies")


class Hub(Place):
    """A marked place to park scooters."""

    capacity: int = Field(20, ge=1, le=1000)
    """How many scooters may stand here. Assumption."""


class AgeShare(Settings):
    """A share of the people from an age upwards, until the next entry."""

    from_age: int = Field(ge=0, le=120)
    """Years."""
    share: float = Field(ge=0, le=1)
    """Part of the people of that age."""


_REGISTERED = (
    AgeShare(from_age=18, share=0.45),
    AgeShare(from_age=30, share=0.35),
    AgeShare(from_age=45, share=0.15),
    AgeShare(from_age=65, share=0.03),
)


class ScooterSettings(ServiceSettings):
    """Settings of shared scooters."""

    kind: Literal["scooter"] = "scooter"
    fleet: int = Field(ge=1, le=20_000)
    """How many scooters there are; a larger fleet holds the smaller one."""
    hubs: tuple[Hub, ...] = Field(min_length=1)
    """Where the fleet stands in the morning, and, with parking `hubs`, the only places to park."""
    parking: Literal["hubs", "anywhere"] = "anywhere"
    """Rides end at a hub with room, or at the destination itself inside the operating area."""
    operating_radius_m: float = Field(2500.0, gt=0, le=50_000)
    """Rides begin and end within this straight distance of some hub. Assumption."""
    max_walk_m: float = Field(300.0, gt=0, le=2000)
    """Longest walk to a scooter. Assumption; range 100 to 400 (scooter.max_walk_to_vehicle)."""
    speed_m_s: float = Field(3.6, gt=0, le=7)
    """Mean speed from unlocking to locking, 13 km/h; unverified; range 2.8 to 4.4 (scooter.average_riding_speed)."""
    handling_s: float = Field(45.0, ge=0, le=600)
    """Unlocking, and parking with a photograph, both together, s. Assumption."""
    unlock_eur: float = Field(1.0, ge=0, le=10)
    """Price of unlocking, range 0 to 1.2. Source: Helsingin Sanomat 3/2019 (scooter.price.unlock)."""
    minute_eur: float = Field(0.25, ge=0, le=5)
    """Price of each started minute; unverified; range 0.19 to 0.35 (scooter.price.minute_2025)."""
    min_age: int = Field(18, ge=15, le=99)
    """Youngest rider, years. Source: operator's terms (scooter.min_age_rental)."""
    registered: tuple[AgeShare, ...] = _REGISTERED
    """Who has the app, by age. Assumption: no local figure was found; range half to one and a half."""
    battery_wh: float = Field(550.0, gt=0, le=3000)
    """Usable energy of a full battery; unverified; range 350 to 1000 (scooter.battery_capacity)."""
    energy_wh_per_km: float = Field(18.0, gt=0, le=100)
    """At 20 degrees C; unverified; range 13 to 25 (scooter.energy_per_km_20C)."""
    reserve_charge: float = Field(0.1, ge=0, le=0.9)
    """A ride may not take the state of charge below this. Assumption."""
    overnight: OvernightSettings = Field(default_factory=ResetSettings)
    """What is done at night: reset (back to the hubs, low batteries swapped) or leave."""


class Scooter(Service):
    """Members reserve the nearest scooter with enough charge, walk to it, ride and park."""

    kind = "scooter"
    settings_type = ScooterSettings
    mode = "scooter"
    nest = "scooter"
    time_class = "bicycle"
    feeds = True
    scarce = True
    operated = True

    settings: ScooterSettings

    def __init__(self, name: str, settings: ScooterSettings, town: Town) -> None:
        super().__init__(name, settings, town)
        self._hub_nodes, self._snapped_m = town.snap(settings.hubs)
        capacity: dict[int, int] = {}
        for node, hub in zip(self._hub_nodes.tolist(), settings.hubs, strict=True):
            capacity[node] = capacity.get(node, 0) + hub.capacity
        self._capacity = capacity
        self._inside = self._operating_area()
        self._near_nodes: dict[int, list[tuple[int, float]]] = {}
        self._policy = members("kera_mobility.policies", OvernightPolicy, "kera_mobility.policies")[
            settings.overnight.kind
        ](settings.overnight)

    def faults(self) -> list[tuple[str, str]]:
        """Return hubs outside the map."""
        return [
            (f"hubs.{index}", f"{hub.name or 'hub'} ({hub.lon}, {hub.lat}) lies {distance_m:.0f} m from the nearest "
             f"street, expected at most {SNAP_LIMIT_M:.0f} m: is it outside the map?")
            for index, (hub, distance_m) in enumerate(zip(self.settings.hubs, self._snapped_m, strict=True))
            if distance_m > SNAP_LIMIT_M
        ]  # fmt: skip

    def members(self) -> BoolArray:
        """Return who has the app, (P,); a larger share holds the smaller one."""
        people = self.town.people
        share = np.zeros(len(people.person))
        for band in sorted(self.settings.registered, key=lambda band: band.from_age):
            share[people.age >= band.from_age] = band.share
        share[people.age < self.settings.min_age] = 0.0
        registered: BoolArray = self.town.dice.uniform("registered", self.name, people.person) < share
        return registered

    # Expectations: analytic, from where the fleet stands in the morning.

    def expect(self, requests: Requests) -> Offers:
        """Return rides from the nearest hub, or nearer where scooters may stand anywhere; by chance, walks instead."""
        access_m = self._hub_walk_m(requests.origin)
        if self.settings.parking == "anywhere":
            access_m = np.minimum(access_m, self._spread_m)
        access_m = np.where(access_m <= self.settings.max_walk_m, access_m, np.inf)
        return self._or_walk(requests, self._offers(requests, access_m))

    def bound(self, requests: Requests) -> Offers:
        """Return rides from a scooter as near as one can possibly be, as short as walking can make them."""
        hubs_only = self.settings.parking == "hubs"
        access_m = self._hub_walk_m(requests.origin) if hubs_only else np.zeros(len(requests))
        access_m = np.where(access_m <= self.settings.max_walk_m, access_m, np.inf)
        from_m, to_m = self._most_saved_m
        saved_m = from_m[requests.origin] + (to_m[requests.destination] if hubs_only else 0.0)
        return self._offers(requests, access_m, saved_m)

    def reach_s(self, origins: IntArray, destinations: IntArray) -> FloatArray:
        """Return typical durations between nodes, (T,)."""
        return self.expect(Requests(np.zeros_like(origins), origins, destinations, np.zeros(len(origins)))).duration_s

    def _offers(self, requests: Requests, access_m: FloatArray, saved_m: FloatArray | None = None) -> Offers:
        """Return the offers after walks of `access_m`; with `saved_m`, of rides shorter than door to door by that."""
        settings, skims = self.settings, self.town.skims
        end, egress_m = requests.destination, np.zeros(len(requests))
        if settings.parking == "hubs":
            end = self._nearest_hub[requests.destination]
            egress_m = self._hub_walk_m(requests.destination)
            egress_m = np.where(egress_m <= settings.max_walk_m, egress_m, np.inf)
        ride_m = skims.between(skims.cycle_m, requests.origin, end)
        if saved_m is not None:
            known = np.isfinite(saved_m)
            straight_m = skims.between(skims.cycle_m, requests.origin, requests.destination)
            ride_m = np.where(known, np.maximum(straight_m - np.where(known, saved_m, 0.0), 0.0), 0.0)
        inside = self._inside[requests.origin] & self._inside[end] & (requests.origin != requests.destination)
        possible = inside & np.isfinite(access_m + egress_m + ride_m) & (ride_m <= self._range_m)
        ride_m = np.where(possible, ride_m, 0.0)
        walk_s = round_s(access_m / settings.walk_speed_m_s) + round_s(egress_m / settings.walk_speed_m_s)
        ride_s = round_s(ride_m / settings.speed_m_s)
        return Offers.of(
            len(requests),
            walk_s=np.where(possible, walk_s, np.inf),
            ride_s=ride_s + settings.handling_s,
            fare_eur=settings.unlock_eur + settings.minute_eur * np.ceil(ride_s / MINUTE_S),
            ride_m=ride_m,
        )

    # Live: the fleet.

    def start(self, world: World, carried: Carried | None = None) -> None:
        """Put the scooters where they stand in the morning."""
        super().start(world, carried)
        self._first = self._first_places()
        node = np.array(carried["node"]) if carried else self._first
        charge = np.array(carried["charge"]) if carried else np.ones(self.settings.fleet)
        self._start_node, self._start_charge = node, charge
        self._node: list[int] = node.tolist()
        self._charge: list[float] = charge.tolist()
        self._parked: dict[int, list[int]] = {}
        for vehicle, place in enumerate(self._node):
            self._parked.setdefault(place, []).append(vehicle)
        self._room = {place: capacity - len(self._parked.get(place, ())) for place, capacity in self._capacity.items()}
        self._rides = [0] * self.settings.fleet
        self._open: dict[int, Booking] = {}

    def book(self, leg: Leg) -> Booking | Refusal:
        """Reserve the nearest scooter with enough charge, and room at the hub where the ride ends."""
        found = self._find(leg)
        if leg.leg > 0:
            self._count(leg, found)
        if isinstance(found, Refusal):
            return found
        offer, vehicle, end = found
        booking = Booking(leg, self.world.env.now, offer, vehicle, plan=end)
        self._open[vehicle] = booking
        start = self._node[vehicle]
        self._parked[start].remove(vehicle)
        if start in self._room:
            self._room[start] += 1
        if end in self._room:
            self._room[end] -= 1
        return booking

    def cancel(self, booking: Booking) -> None:
        """Give the scooter back where it stands."""
        start, end = self._node[booking.vehicle], booking.plan
        self._park(booking.vehicle, start)
        if start in self._room:
            self._room[start] -= 1
        if end in self._room:
            self._room[end] += 1
        self._close(booking, "cancelled")

    def ride(self, booking: Booking) -> Ride:
        """Walk to the scooter, ride, park it, walk on."""
        env, leg, offer, end = self.world.env, booking.leg, booking.offer, booking.plan
        vehicle = booking.vehicle
        start = self._node[vehicle]
        egress_s = self.walk_one_s(end, leg.destination)
        access_s = offer.walk_s - egress_s
        yield env.timeout(access_s + offer.ride_s)
        ride_begin_s = env.now - offer.ride_s
        self._node[vehicle] = end
        self._charge[vehicle] -= self._used(offer.ride_m)
        self._park(vehicle, end)
        self._rides[vehicle] += 1
        self.world.log.add(
            "moves", ride_begin_s, vehicle, self._rides[vehicle], 0, self.name, "ride", start, end,
            env.now, offer.ride_m, self._charge[vehicle],
        )  # fmt: skip
        self._close(booking, "ridden")
        if egress_s > 0:
            yield env.timeout(egress_s)
        walk_m = self.walk_m(leg.origin, start) + self.walk_m(end, leg.destination)
        return Outcome(leg.destination, offer.walk_s, 0.0, offer.ride_s, walk_m, offer.ride_m, offer.fare_eur, vehicle)

    def finish(self) -> None:
        """Expire what is still reserved or ridden; the scooter is found where it was taken."""
        for booking in list(self._open.values()):
            self._close(booking, "expired")

    def overnight(self) -> dict[str, AnyArray]:
        """Return places and charges of the next morning, after the policy of the night."""
        return {
            "node": self._policy.places(np.array(self._node), self._first),
            "charge": self._policy.charges(np.array(self._charge)),
        }

    def vehicles(self) -> list[Vehicle]:
        """Return every scooter."""
        return [
            Vehicle(
                vehicle, 1, int(self._start_node[vehicle]), self._node[vehicle],
                float(self._start_charge[vehicle]), self._charge[vehicle],
            )
            for vehicle in range(self.settings.fleet)
        ]  # fmt: skip

    def places(self) -> list[tuple[int, str, str]]:
        """Return the hubs."""
        return [(node, hub.name, "hub") for node, hub in zip(self._hub_nodes.tolist(), self.settings.hubs, strict=True)]

    def _firm(self, leg: Leg) -> Offer | Refusal:
        found = self._find(leg)
        return found if isinstance(found, Refusal) else found[0]

    def _find(self, leg: Leg) -> tuple[Offer, int, int] | Refusal:
        """Return the offer of the nearest scooter that can, its id, and the node where it will be parked."""
        if not self._inside[leg.origin] or not self._inside[leg.destination]:
            return Refusal("outside_area", leg.origin)
        end = leg.destination if self.settings.parking == "anywhere" else self._hub_with_room(leg.destination)
        if end < 0:
            return Refusal("no_parking", leg.origin)
        cycle_m, low = self.town.skims.cycle_m, False
        for node, walk_m in self._nodes_near(leg.origin):
            parked = self._parked.get(node)
            if not parked:
                continue
            ride_m = float(cycle_m[node, end])
            needed = self._used(ride_m) + self.settings.reserve_charge
            able = [vehicle for vehicle in parked if self._charge[vehicle] >= needed]
            if able:
                return self._offer(walk_m, ride_m, end, leg.destination), min(able), end
            low = True
        return Refusal("low_battery" if low else "no_vehicle", leg.origin)

    def _offer(self, walk_m: float, ride_m: float, end: int, destination: int) -> Offer:
        settings = self.settings
        walk_s = round_one_s(walk_m / settings.walk_speed_m_s) + self.walk_one_s(end, destination)
        ride_s = round_one_s(ride_m / settings.speed_m_s)
        fare_eur = settings.unlock_eur + settings.minute_eur * math.ceil(ride_s / MINUTE_S)
        return Offer(walk_s, 0.0, ride_s + settings.handling_s, fare_eur, ride_m)

    def _nodes_near(self, node: int) -> list[tuple[int, float]]:
        """Return the nodes within walking reach where a scooter may stand, nearest first, with the walk in metres."""
        found = self._near_nodes.get(node)
        if found is None:
            walk_m = np.asarray(self.town.skims.walk_m[node], dtype=np.float64)
            allowed = walk_m <= self.settings.max_walk_m
            if self.settings.parking == "hubs":
                at_hub = np.zeros(len(walk_m), dtype=bool)
                at_hub[self._hub_nodes] = True
                allowed &= at_hub
            nodes = np.flatnonzero(allowed)
            nodes = nodes[np.lexsort((nodes, walk_m[nodes]))]
            found = list(zip(nodes.tolist(), walk_m[nodes].tolist(), strict=True))
            self._near_nodes[node] = found
        return found

    def _hub_with_room(self, destination: int) -> int:
        """Return the nearest hub within walking reach of a node that has room, or -1."""
        for node, _ in self._nodes_near(destination):
            if self._room[node] > 0:
                return node
        return -1

    def _park(self, vehicle: int, node: int) -> None:
        self._parked.setdefault(node, []).append(vehicle)

    def _used(self, ride_m: float) -> float:
        return ride_m / 1000.0 * self.settings.energy_wh_per_km / self.settings.battery_wh

    def _close(self, booking: Booking, end: str) -> None:
        leg = booking.leg
        del self._open[booking.vehicle]
        self.world.log.add(
            "bookings", booking.made_s, leg.person, leg.trip, leg.leg, leg.step, self.name, booking.vehicle,
            end, self.world.env.now,
        )  # fmt: skip

    # Geometry, prepared once.

    @property
    def _range_m(self) -> float:
        usable = 1.0 - self.settings.reserve_charge
        return usable * self.settings.battery_wh / self.settings.energy_wh_per_km * 1000.0

    @cached_property
    def _most_saved_m(self) -> tuple[FloatArray, FloatArray]:
        """The most that a walk of `max_walk_m` from, and to, each node can take off a ride, each (N,).

        No way is longer than over any other node, so a ride from `n` to `d` is at least cycle(o, d) - cycle(o, n).
        """
        skims = self.town.skims
        near = np.asarray(skims.walk_m) <= self.settings.max_walk_m
        within_m = np.where(near, skims.cycle_m, 0.0).astype(np.float64)
        return within_m.max(axis=1), within_m.max(axis=0)

    @property
    def _spread_m(self) -> float:
        """Mean walk to the nearest of a fleet spread evenly over the operating area: half the mean spacing."""
        area_m2 = math.pi * self.settings.operating_radius_m**2
        return 0.5 / math.sqrt(self.settings.fleet / area_m2)

    def _first_places(self) -> IntArray:
        """Return the hub of each scooter on the first day, (V,); it hangs on the scooter's id alone, so fleets nest."""
        capacity = np.array([hub.capacity for hub in self.settings.hubs], dtype=np.float64)
        upto = np.cumsum(capacity) / np.cumsum(capacity)[-1]
        draw = self.town.dice.uniform("first place", self.name, np.arange(self.settings.fleet))
        return self._hub_nodes[np.searchsorted(upto, draw)]

    def _operating_area(self) -> BoolArray:
        xy_m = np.asarray(self.town.streets.node_xy_m)
        inside = np.zeros(len(xy_m), dtype=bool)
        for node in self._hub_nodes.tolist():
            step = xy_m - xy_m[node]
            inside |= step[:, 0] ** 2 + step[:, 1] ** 2 <= self.settings.operating_radius_m**2
        return inside & ~np.asarray(self.town.streets.node_outside)

    def _hub_walk_m(self, nodes: IntArray) -> FloatArray:
        return self._walk_to_hub_m[nodes]

    @property
    def _walk_to_hub_m(self) -> FloatArray:
        """Walk from every node to its nearest hub, (N,)."""
        return self._hub_table[1]

    @property
    def _nearest_hub(self) -> IntArray:
        """The node of the nearest hub for every node, (N,)."""
        return self._hub_table[0]

    @property
    def _hub_table(self) -> tuple[IntArray, FloatArray]:
        if not hasattr(self, "_hubs"):
            walk_m = np.asarray(self.town.skims.walk_m[self._hub_nodes], dtype=np.float64)
            nearest = np.argmin(walk_m, axis=0)
            self._hubs = self._hub_nodes[nearest], walk_m[nearest, np.arange(walk_m.shape[1])]
        return self._hubs
