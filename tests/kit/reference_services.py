"""Streets, vehicles and offers of the reference model: what every service would do, by its plan and live."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, NamedTuple

from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.town import Town

STEP_S, SLACK_S, MOST_BOARDINGS = 1 / 64, 90.0, 3
SCARCE, FEEDERS = ("scooter", "shuttle"), ("walk", "scooter", "shuttle")


class Offer(NamedTuple):
    walk: float = 0.0
    wait: float = 0.0
    ride: float = 0.0
    fare: float = 0.0
    penalty: float = 0.0
    plan: Any = None

    @property
    def lasts(self) -> float:
        return self.walk + self.wait + self.ride


class Way(NamedTuple):
    """A journey by timetable; `run`, `board` and `alight` are its first vehicle."""

    arrive: float
    minus_depart: float
    boardings: int
    run: int
    board: int
    alight: int
    ride: float


@dataclass
class Rider:
    """Somebody at a stop or in a vehicle."""

    person: int
    alight: int
    boarded: float | None = None
    life: Any = None


class Line:
    """Vehicles that call: one list of (stop, arrive, depart) for each run."""

    def __init__(self, name: str, runs: list[list[tuple[int, float, float]]], places: int) -> None:
        self.name, self.runs, self.places = name, runs, places
        self.waiting: dict[tuple[int, int], list[Rider]] = defaultdict(list)
        self.gone: set[tuple[int, int]] = set()
        self.seats_taken: dict[tuple[int, int], int] = defaultdict(int)
        self.journeys: dict[tuple[int, int, float, int], Way | None] = {}
        self.means: dict[tuple[int, int, float, float], float] = {}

    def best(self, here: int, there: int, ready: float, boardings: int = MOST_BOARDINGS) -> Way | None:
        """Return the earliest arrival; then the latest departure, the fewest vehicles, the lowest run."""
        key = (here, there, ready, boardings)
        if key not in self.journeys:
            self.journeys[key] = self._search(*key)
        return self.journeys[key]

    def _search(self, here: int, there: int, ready: float, boardings: int) -> Way | None:
        best: Way | None = None
        for run, calls in enumerate(self.runs):
            for board, (stop, _, depart) in enumerate(calls[:-1]):
                if stop != here or depart < ready:
                    continue
                for alight, (other, arrive, _) in enumerate(calls[board + 1 :], board + 1):
                    if best and arrive > best.arrive:
                        break
                    if other == there:
                        way = Way(arrive, -depart, 1, run, board, alight, arrive - depart)
                    elif boardings > 1 and other != here:
                        on = self.best(other, there, arrive + SLACK_S, boardings - 1)
                        if on is None:
                            continue
                        way = Way(on.arrive, -depart, 1 + on.boardings, run, board, alight, arrive - depart + on.ride)
                    else:
                        continue
                    best = min(best, way) if best else way
        return best

    def typical(self, here: int, there: int, start: float, end: float) -> float:
        """Return the mean of waiting and riding for people who come at any moment from start to end."""
        key = (here, there, start, end)
        if key not in self.means:
            self.means[key] = self._mean(*key)
        return self.means[key]

    def _mean(self, here: int, there: int, start: float, end: float) -> float:
        covered = doubled = 0
        useful, since = False, start
        leaves = sorted({depart for calls in self.runs for stop, _, depart in calls[:-1] if stop == here})
        ways = [way for leave in leaves if (way := self.best(here, there, leave)) and -way.minus_depart == leave]
        for leave, arrive in ((-way.minus_depart, way.arrive) for way in ways):
            low, high = (round(min(max(moment, start), end) * 64) for moment in (since, leave))
            covered, doubled = covered + high - low, doubled + (2 * round(arrive * 64) - low - high) * (high - low)
            useful, since = useful or start <= leave < end, leave
        return doubled / (2.0 * 64 * covered) if useful and covered else math.inf


class Supply:
    """Everything that people can travel with, and where each scooter and taken seat is now."""

    def __init__(self, scenario: Scenario, town: Town) -> None:
        self.services = dict(scenario.services)
        self.kind = {name: self.services[name].kind for name in sorted(self.services)}  # type: ignore[attr-defined]
        self.town, self.people, self.now = town, town.people, 0.0
        self.walk, self.cycle, self.drive = (self._ways(mode) for mode in ("walk", "cycle", "drive"))
        self.lines = {name: self._line(name) for name, kind in self.kind.items() if kind in ("transit", "shuttle")}
        for name, kind in self.kind.items():
            if kind == "scooter":
                self._put_out(name)

    # Streets, vehicles and people.

    def _ways(self, mode: str) -> list[list[tuple[float, float]]]:
        """Return (weight, metres) of the lightest way between all nodes: seconds to drive, else metres."""
        streets, bit = self.town.streets, {"walk": 1, "cycle": 2, "drive": 4}[mode]
        edges = defaultdict(list)
        for edge in range(len(streets.edge_from)):
            if int(streets.edge_modes[edge]) & bit:
                metres = float(streets.edge_length_m[edge])
                weight = float(streets.edge_drive_s[edge]) if mode == "drive" else metres
                edges[int(streets.edge_from[edge])].append((int(streets.edge_to[edge]), weight, metres))
        table = []
        for start in range(streets.nodes):
            settled, heap = {}, [(0.0, 0.0, start)]  # type: ignore[var-annotated]
            while heap:
                weight, metres, node = heappop(heap)
                if node not in settled:
                    settled[node] = (weight, metres)
                    for other, edge_weight, edge_metres in edges[node]:
                        heappush(heap, (weight + edge_weight, metres + edge_metres, other))
            table.append([settled.get(node, (math.inf, math.inf)) for node in range(streets.nodes)])
        return table

    def _node(self, place: Any) -> int:
        """Return the nearest node of a place; in the hamlet they are the same."""
        lonlat = self.town.streets.node_lonlat.tolist()
        return min(range(len(lonlat)), key=lambda node: math.dist(lonlat[node], (place.lon, place.lat)))

    def _line(self, name: str) -> Line:
        settings: Any = self.services[name]
        if settings.kind == "transit":
            lines = self.town.lines(settings.timetable)
            nodes, table = lines.stop_node[lines.timetable.call_stop].tolist(), lines.timetable
            calls = list(zip(nodes, table.call_arrive_s.tolist(), table.call_depart_s.tolist(), strict=True))
            runs = [calls[begin:end] for begin, end in pairwise(table.run_start.tolist())]
            return Line(name, runs, settings.train.places)
        nodes = [self._node(stop) for stop in settings.stops]
        hops = [rounded(self.drive[a][b][1] / settings.speed_m_s) for a, b in pairwise([*nodes, nodes[0]])]
        used = math.ceil((sum(hops) + settings.dwell_s * len(hops)) / settings.headway_s)
        runs = []
        for vehicle in range(used):
            begin, calls, back = settings.first_s + vehicle * settings.headway_s, [], None
            for lap in range(max(1, int((settings.last_s - begin) // (used * settings.headway_s)) + 1)):
                time = begin + lap * used * settings.headway_s
                for node, hop in zip(nodes, hops, strict=True):
                    calls.append((node, time if back is None else back, time + settings.dwell_s))
                    time, back = time + settings.dwell_s + hop, None
                back = time
            runs.append([*calls, (nodes[0], back or 0.0, back or 0.0)])
        return Line(name, runs, settings.seats)

    def _put_out(self, name: str) -> None:
        settings: Any = self.services[name]
        self.hubs = [self._node(hub) for hub in settings.hubs]
        room: dict[int, int] = defaultdict(int)
        for node, hub in zip(self.hubs, settings.hubs, strict=True):
            room[node] += hub.capacity
        total, upto = sum(hub.capacity for hub in settings.hubs), 0
        shares = []
        for node, hub in zip(self.hubs, settings.hubs, strict=True):
            upto += hub.capacity
            shares.append((upto / total, node))
        self.parked: list[int | None] = [
            next(node for share, node in shares if self.town.dice.uniform("first place", name, vehicle) <= share)
            for vehicle in range(settings.fleet)
        ]
        self.charge = [1.0] * settings.fleet
        for node in self.parked:
            if node in room:
                room[node] -= 1
        self.room = dict(room)
        xy, outside = self.town.streets.node_xy_m.tolist(), self.town.streets.node_outside.tolist()
        self.inside = [
            not outside[node] and any(math.dist(xy[node], xy[hub]) <= settings.operating_radius_m for hub in self.hubs)
            for node in range(len(xy))
        ]

    def may(self, name: str, row: int) -> bool:
        people, kind = self.people, self.kind[name]
        if kind == "scooter":
            settings: Any = self.services[name]
            age, share = int(people.age[row]), 0.0
            for band in sorted(settings.registered, key=lambda band: band.from_age):
                share = band.share if age >= band.from_age else share
            draw = self.town.dice.uniform("registered", name, int(people.person[row]))
            return bool(age >= settings.min_age and draw < share)
        owned = {"bicycle": people.bicycle, "car": people.main_driver, "car_passenger": people.household_cars}
        return bool(owned[kind][row]) if kind in owned else True

    # What each service offers, by its plan and live.

    def expected(self, name: str, row: int, here: int, there: int, now: float) -> Offer | None:
        settings: Any = self.services[name]
        kind, offer = self.kind[name], None
        if kind == "walk":
            offer = Offer(rounded(self.walk[here][there][0] / settings.walk_speed_m_s))
        elif kind == "bicycle" and self.cycle[here][there][0] <= settings.reach_m:
            offer = Offer(settings.parking_s, 0.0, rounded(self.cycle[here][there][0] / settings.speed_m_s))
        elif kind in ("car", "car_passenger"):
            offer = self._drive(settings, here, there, now)
        elif kind == "scooter":
            offer = self._scooter(settings, here, there)
        elif kind == "shuttle":
            offer = self._shuttle(name, here, there, now, asks=1, free=lambda way: True)
        elif kind == "transit":
            offer = self._train(name, row, here, there, now)
        return offer if isinstance(offer, Offer) and offer.lasts < math.inf else None

    def _drive(self, settings: Any, here: int, there: int, now: float) -> Offer:
        factor = settings.factor
        for period in settings.periods:
            factor = period.factor if period.start_s <= now < period.end_s else factor
        free_s, metres = self.drive[here][there]
        return Offer(settings.access_s, 0.0, rounded(free_s * factor), metres / 1000.0 * settings.cost_eur_per_km)

    def _scooter(self, settings: Any, here: int, there: int) -> Offer | None:
        access = min(self.walk[hub][here][0] for hub in self.hubs)
        if settings.parking == "anywhere":
            spread = 0.5 / math.sqrt(settings.fleet / (math.pi * settings.operating_radius_m**2))
            access = min(access, spread)
        end, egress = there, 0.0
        if settings.parking == "hubs":
            egress, _, end = min((self.walk[hub][there][0], rank, hub) for rank, hub in enumerate(self.hubs))
        reach_m = (1.0 - settings.reserve_charge) * settings.battery_wh / settings.energy_wh_per_km * 1000.0
        ride_m = self.cycle[here][end][0]
        if max(access, egress) > settings.max_walk_m or ride_m > reach_m:
            return None
        if not (self.inside[here] and self.inside[end]):
            return None
        if ride_m < settings.shortest_ride_m:
            return None
        ride_s = rounded(ride_m / settings.speed_m_s)
        fare = settings.unlock_eur + settings.minute_eur * math.ceil(ride_s / 60.0)
        walk_s = rounded(access / settings.walk_speed_m_s) + rounded(egress / settings.walk_speed_m_s)
        return Offer(walk_s, 0.0, ride_s + settings.handling_s, fare)

    def _scooter_now(self, name: str, here: int, there: int) -> Offer | str:
        settings: Any = self.services[name]
        if not (self.inside[here] and self.inside[there]):
            return "outside_area"
        end = there
        if settings.parking == "hubs":
            near = [(self.walk[there][hub][0], hub) for hub in set(self.hubs) if self.room[hub] > 0]
            end = min((pair for pair in near if pair[0] <= settings.max_walk_m), default=(0.0, -1))[1]
        if end < 0:
            return "no_parking"
        reason = "no_vehicle"
        for metres, node in sorted((self.walk[here][node][0], node) for node in range(len(self.walk))):
            if metres > settings.max_walk_m:
                break
            for vehicle, place in enumerate(self.parked):
                if place != node:
                    continue
                ride_m = self.cycle[node][end][0]
                if ride_m < settings.shortest_ride_m:
                    reason = "too_short" if reason == "no_vehicle" else reason
                    continue
                used = ride_m / 1000.0 * settings.energy_wh_per_km / settings.battery_wh
                if self.charge[vehicle] < used + settings.reserve_charge:
                    reason = "low_battery"
                    continue
                walk_s = rounded(metres / settings.walk_speed_m_s)
                walk_s += rounded(self.walk[end][there][0] / settings.walk_speed_m_s)
                ride_s = rounded(ride_m / settings.speed_m_s)
                fare = settings.unlock_eur + settings.minute_eur * math.ceil(ride_s / 60.0)
                return Offer(walk_s, 0.0, ride_s + settings.handling_s, fare, 0.0, (vehicle, node, end, ride_m, used))
        return reason

    def _shuttle(self, name: str, here: int, there: int, now: float, asks: int, free: Any) -> Offer | str:
        settings: Any = self.services[name]
        line, stops = self.lines[name], [self._node(stop) for stop in settings.stops]
        for node in (here, there):
            if min(self.walk[stop][node][0] for stop in stops) > settings.max_walk_m:
                return "out_of_reach"
        walk = {pair: rounded(self.walk[pair[0]][pair[1]][0] / settings.walk_speed_m_s)
                for stop in stops for pair in ((here, stop), (stop, there))}  # fmt: skip
        _, _, _, board, alight = min(
            (walk[here, a] + line.typical(a, b, settings.first_s, settings.last_s) + walk[b, there], i, j, a, b)
            for i, a in enumerate(stops) for j, b in enumerate(stops) if i != j
        )  # fmt: skip
        ready = earliest = now + walk[here, board]
        for _ in range(asks):
            way = line.best(board, alight, earliest)
            if way is None:
                return "no_departure"
            earliest = -way.minus_depart + STEP_S
            if free(way):
                wait, penalty = -way.minus_depart - ready, settings.boarding_penalty_min * 60.0
                walks = walk[here, board] + walk[alight, there]
                return Offer(walks, wait, way.ride, settings.fare_eur, penalty, (board, alight, way))
        return "full"

    def train_fare(self, settings: Any, row: int) -> float:
        """Return what a ride costs: a part by age of the single fare, or what holders of a season ticket pay."""
        if self.people.season_ticket[row]:
            return float(settings.fare_season_eur)
        table = settings.fare_by_age
        begun = sum(start <= self.people.age[row] for start in table.from_age)
        return float(settings.fare_single_eur * (table.share[begun - 1] if begun else 0.0))

    def _train(self, name: str, row: int, here: int, there: int, now: float) -> Offer | None:
        settings: Any = self.services[name]
        way = self.lines[name].best(here, there, now)
        if way is None or here == there:
            return None
        fare = self.train_fare(settings, row)
        penalty = settings.train.boarding_penalty_min * way.boardings
        penalty += settings.transfer_penalty_min * (way.boardings - 1)
        return Offer(0.0, way.arrive - now - way.ride, way.ride, fare, penalty * 60.0)

    def offered(self, name: str, here: int, there: int) -> Offer | str:
        """Return what a scarce service really offers at this moment, or why it does not."""
        if self.kind[name] == "scooter":
            return self._scooter_now(name, here, there)
        settings: Any = self.services[name]
        line = self.lines[name]
        return self._shuttle(
            name, here, there, self.now, settings.patience + 1,
            lambda way: not settings.reserved_seats
            or all(line.seats_taken[way.run, call] < settings.seats for call in range(way.board, way.alight)),
        )  # fmt: skip

    def typical_feed(self, name: str, here: int, there: int) -> float:
        if self.kind[name] != "shuttle":
            offer = self.expected(name, 0, here, there, 0.0)
            return offer.lasts if offer else math.inf
        settings: Any = self.services[name]
        offer_now = self._shuttle(name, here, there, settings.first_s, 1, lambda way: True)
        if isinstance(offer_now, str):
            return math.inf
        board, alight, _ = offer_now.plan
        return offer_now.walk + self.lines[name].typical(board, alight, settings.first_s, settings.last_s)

    def along(self, line: Line, way: Way) -> float:
        calls = line.runs[way.run][way.board : way.alight + 1]
        hops = [(a[0], b[0]) for a, b in pairwise(calls)]
        if self.kind[line.name] == "shuttle":
            return sum(self.drive[a][b][1] for a, b in hops)
        lonlat, settings = self.town.streets.node_lonlat.tolist(), self.services[line.name]
        degree_m = 111_320.0 * settings.circuity  # type: ignore[attr-defined]
        return sum(abs(lonlat[a][0] - lonlat[b][0]) * math.cos(math.radians(lonlat[a][1])) * degree_m for a, b in hops)


def rounded(seconds: float) -> float:
    return round(seconds * 64) / 64 if seconds < math.inf else seconds
