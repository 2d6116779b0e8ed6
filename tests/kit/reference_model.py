"""The reference model: a day simulated slowly and plainly, which the fast path must match event for event.

No SimPy, no arrays, no batches: a heap of (time, rank, order) and one trip after the other. It shares with the project
the settings, the addressed dice and exact logarithms below them, and nothing that decides. At one moment people set out
first (rank 0, by id), then all else happens in the order in which it was announced (1), then vehicles depart (2).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from kera_mobility.dice import Dice
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.town.population.persons import PURPOSES
from kera_mobility.town.town import Town
from tests.kit.reference_services import FEEDERS, SCARCE, SLACK_S, STEP_S, Line, Offer, Rider, Supply, Way, rounded

END_S, MOST_REPLANS = 28 * 3600.0, 3
NEST = {"walk": "walk", "bicycle": "bicycle", "car": "car", "car_passenger": "car", "scooter": "scooter",
        "shuttle": "transit", "transit": "transit"}  # fmt: skip
TIME = {"walk": "walk", "bicycle": "bicycle", "car": "car", "car_passenger": "car", "scooter": "bicycle",
        "shuttle": "transit", "transit": "transit"}  # fmt: skip
PRIVATE = ("bicycle", "car")
ARRANGED = (*PRIVATE, "car_passenger")
"""What nobody finds on the way."""
Life = Iterator[Any]


class Plan(NamedTuple):
    expected: int | None
    firm: int
    """The utility, without that of the first leg where it has to be asked live."""
    legs: tuple[tuple[str, int, int], ...]


class ReferenceModel(Supply):
    """One day; `tables` holds the rows of each kind of event, in the order of the log's columns."""

    def __init__(self, scenario: Scenario, town: Town, seed: int = 1, day: int = 0) -> None:
        super().__init__(scenario, town)
        self.choice, self.planning, self.dice = scenario.choice, scenario.planning, Dice.of(seed, day)
        self.tables: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.heap: list[tuple[float, int, int, Life]] = []
        self.order = count()
        self.open: list[tuple[Any, ...]] = []
        self.tour_plan: dict[tuple[int, int], str] = {}
        self.queue: dict[int, list[Any]] = {}
        self._live(town.demand(self.dice))

    # The clock.

    def _push(self, delay: float, life: Life, rank: int = 1) -> None:
        heappush(self.heap, (self.now + delay, rank, next(self.order), life))

    def _go_on(self, life: Life) -> None:
        """Resume a life until it says when to wake it, as (delay, rank), or to whom it leaves that, as a Rider."""
        wake_up = next(life, None)
        if isinstance(wake_up, Rider):
            wake_up.life = life
        elif wake_up:
            self._push(wake_up[0], life, wake_up[1])

    def _live(self, demand: Any) -> None:
        for line in self.lines.values():
            for run in range(len(line.runs)):
                self._go_on(self._operate(line, run))
        trips = [
            {name: getattr(demand, name)[index].item() for name in demand.__dataclass_fields__}
            for index in range(len(demand))
        ]
        for trip in trips:
            trip["person"] = self.people.person[trip["row"]].item()
        self._decide_tours(trips)
        for trip in sorted(trips, key=lambda trip: (trip["depart_s"], trip["person"], trip["trip"])):
            self._push(trip["depart_s"], self._set_out(trip), rank=0)
        while self.heap and self.heap[0][0] < END_S:
            self.now, _, _, life = heappop(self.heap)
            self._go_on(life)
        self.now = END_S
        for begun, *waiting in self.queue.values():
            for trip, when, outcome in [(begun, begun["set_out"], "under_way")] + [
                (trip, trip["depart_s"], "not_started") for trip in waiting
            ]:
                self._log_trip(trip, when, "", outcome, 0, 0)
        for booking in self.open:
            self.tables["bookings"].append((*booking, "expired", END_S))

    # Choosing.

    def _utility(self, purpose: int, main: str, offer: Offer, on_foot: bool = False) -> int:
        how = getattr(self.choice.coefficients, PURPOSES[purpose])
        as_mode = self.choice.walk_as_mode and not on_foot
        walk_weight = 1.0 if on_foot else 0.0 if as_mode else self.choice.walk_weight
        felt_s = offer.ride + self.choice.wait_weight * offer.wait + walk_weight * offer.walk + offer.penalty
        per_min = getattr(how, f"{TIME[self.kind[main]]}_per_min")
        walked = how.walk_per_min * (offer.walk / 60.0) if as_mode else 0.0
        return round((per_min * (felt_s / 60.0) + how.per_eur * offer.fare + walked) * 2**20)

    def _plans(self, trip: Any, here: int, now: float, avoid: set[str]) -> dict[str, Plan]:
        """Return every journey somebody could make from here, by its name."""
        feeders = [name for name, kind in self.kind.items() if kind in FEEDERS]
        chains = [("", name, "") for name, kind in self.kind.items() if kind != "transit"]
        for name in (name for name, kind in self.kind.items() if kind == "transit"):
            chains += [(a, name, b) for a in feeders for b in feeders if "walk" in (self.kind[a], self.kind[b])]
        plans = {}
        for chain in chains:
            used = {name for name in chain if name}
            if used & avoid or here == trip["destination"] or not all(self.may(name, trip["row"]) for name in used):
                continue
            plan = self._plan_line(trip, chain, here, now) if chain[0] else self._plan_alone(trip, chain[1], here, now)
            if plan:
                name = "+".join(part for part in chain if part)
                taste = self._likes(trip, chain, name)
                expected = None if plan.expected is None else plan.expected + taste
                plans[name] = Plan(expected, plan.firm + taste, plan.legs)
        order = sorted(plans.items(), key=lambda item: (item[1].expected is None, -(item[1].expected or 0), item[0]))
        return dict(order[: self.planning.journeys_per_trip])

    def _likes(self, trip: Any, chain: tuple[str, str, str], name: str) -> int:
        """Return what does not hang on time and money: the constants and the errors of nest and chain."""
        kind, index, dice = self.kind[chain[1]], self.choice.nest_parameter, self.dice.at("choice")
        value = self.choice.constants.get(chain[1], 0.0)
        value += sum(self.choice.feeder_constants.get(part, 0.0) for part in (chain[0], chain[2]))
        how = getattr(self.choice.coefficients, PURPOSES[trip["purpose"]])
        value += getattr(how, TIME[kind], 0.0) + (how.car_user if kind == "car" else 0.0)
        number = trip["first_of_tour"] if kind in PRIVATE else trip["trip"]
        nest = index * dice.log_stable(index, "nest", NEST[kind], trip["person"], trip["tour"])
        return round((value + (nest + index * dice.gumbel("chain", name, trip["person"], number))) * 2**20)

    def _plan_alone(self, trip: Any, name: str, here: int, now: float) -> Plan | None:
        there, capacity_limited = trip["destination"], self.kind[name] in SCARCE
        offer = self.expected(name, trip["row"], here, there, now)
        if offer is None and not capacity_limited:
            return None
        expected = offer and self._utility(trip["purpose"], name, offer, self.kind[name] == "walk")
        return Plan(expected, 0 if capacity_limited else expected or 0, ((name, here, there),))

    def _plan_line(self, trip: Any, chain: tuple[str, str, str], here: int, now: float) -> Plan | None:
        access, main, egress = chain
        there, row, purpose = trip["destination"], trip["row"], trip["purpose"]
        stops = self._stops(chain, here, there)
        if stops is None:
            return None
        board, alight = stops
        if (board == here and self.kind[access] != "walk") or (alight == there and self.kind[egress] != "walk"):
            return None
        first = Offer() if board == here else self.expected(access, row, here, board, now)
        ride = self.expected(main, row, board, alight, now + first.lasts) if first else None
        if not (first and ride):
            return None
        there_s = now + first.lasts + ride.lasts
        last = Offer() if alight == there else self.expected(egress, row, alight, there, there_s)
        if last is None:
            return None
        rest = self._utility(purpose, main, ride) + self._utility(purpose, main, last)
        expected = rest + self._utility(purpose, main, first)
        legs = ((access, here, board), (main, board, alight), (egress, alight, there))
        firm = rest if self.kind[access] in SCARCE else expected
        return Plan(expected, firm, tuple(leg for leg in legs if leg[1] != leg[2]))

    def _stops(self, chain: tuple[str, str, str], here: int, there: int) -> tuple[int, int] | None:
        """Return where to board and alight, by typical times from one of the nearest stops to another."""
        access, main, egress = chain
        line, most = self.lines[main], self.planning.stops_per_end
        stops = sorted({stop for calls in line.runs for stop, _, _ in calls})

        def near(name: str, ends: list[tuple[int, int]]) -> list[tuple[float, int]]:
            reach = [0.0 if a == b else self.typical_feed(name, a, b) for a, b in ends]
            return sorted(zip(reach, stops, strict=True))[:most]

        start, end = self.planning.typical_start_s, self.planning.typical_end_s
        options = [
            (up_s + line.typical(up, down, start, end) + down_s, i, j, up, down, max(up_s, down_s))
            for i, (up_s, up) in enumerate(near(access, [(here, stop) for stop in stops]))
            for j, (down_s, down) in enumerate(near(egress, [(stop, there) for stop in stops]))
            if up != down
        ]
        best = min(options, default=None)
        return best[3:5] if best and best[0] < math.inf and best[5] <= self.planning.max_access_s else None

    def _decide_tours(self, trips: list[Any]) -> None:
        """Take a private vehicle for all trips of a tour, or none: the highest sum of expected utilities."""
        tours = defaultdict(list)
        for trip in trips:
            tours[trip["person"], trip["tour"]].append(trip)
        private = [name for name, kind in self.kind.items() if kind in PRIVATE]
        for tour, tour_trips in tours.items():
            sums = [0.0] * (1 + len(private))
            for trip in tour_trips:
                trip["first_of_tour"] = tour_trips[0]["trip"]
                plans = self._plans(trip, trip["origin"], trip["depart_s"], set())
                expected = {name: plan.expected for name, plan in plans.items() if plan.expected is not None}
                free = [value for name, value in expected.items() if name not in private]
                for rank, value in enumerate([max(free, default=None), *(expected.get(name) for name in private)]):
                    sums[rank] += -math.inf if value is None else value
            self.tour_plan[tour] = ["", *private][sums.index(max(sums))]

    # Lives.

    def _set_out(self, trip: Any) -> Life:
        person = trip["person"]
        if person in self.queue:
            self.queue[person].append(trip)
            return
        self.queue[person] = [trip]
        while self.queue[person]:
            yield from self._travel(self.queue[person][0])
            self.queue[person].pop(0)
        del self.queue[person]

    def _travel(self, trip: Any) -> Life:
        trip["set_out"] = self.now
        place, number, replans, outcome, chosen, utility = trip["origin"], 0, 0, "arrived", "", 0
        tour_vehicle = self.tour_plan[trip["person"], trip["tour"]]
        plans = self._plans(trip, place, trip["depart_s"], set())
        own = [name for name in plans if self.kind.get(name) in PRIVATE]
        allowed = {tour_vehicle} if tour_vehicle else set(plans).difference(own)
        plans = {name: plan for name, plan in plans.items() if name in allowed}
        shunned: set[str] = set()
        while place != trip["destination"]:
            if replans > MOST_REPLANS:
                outcome = "unserved"
                break
            ids = (trip["person"], trip["trip"], number, replans)
            best = self._choose(trip, plans, shunned, ids, place)
            if best is None:
                outcome = "unserved"
                break
            (utility, chosen), began, refused = best, place, None
            for service, here, there in plans[chosen].legs:
                got = yield from self._ride(trip, service, here, there, (*ids[:2], number, replans))
                place, refused = got
                number += 1
                if refused:
                    break
            if refused:
                shunned.add(service)
                if not (place == began and number == ids[2] + 1):
                    private = {name for name, kind in self.kind.items() if kind in ARRANGED}
                    plans = self._plans(trip, place, self.now, shunned | private)
                replans += 1
        self._log_trip(trip, trip["set_out"], chosen, outcome, replans, utility)

    def _choose(
        self, trip: Any, plans: dict[str, Plan], shunned: set[str], ids: Any, place: int
    ) -> tuple[int, str] | None:
        """Quote all capacity-limited services, take the best firm offer, and log the denials of better ones."""
        firm, refused = [], []
        for name, plan in plans.items():
            if shunned & set(name.split("+")):
                continue
            service, here, there = plan.legs[0]
            offer = self.offered(service, here, there) if self.kind[service] in SCARCE else None
            if isinstance(offer, str):
                refused += [(-plan.expected, name, service, offer)] if plan.expected is not None else []
            else:
                first = self._utility(trip["purpose"], self._main(name), offer) if offer else 0
                firm.append((-plan.firm - first, name))
        best, lost = min(firm, default=None), set()
        for minus_expected, name, service, reason in sorted(refused):
            if service not in lost and (best is None or (minus_expected, name) < best):
                lost.add(service)
                self.tables["refusals"].append((self.now, *ids, service, reason, place))
        if best is None:
            self.tables["refusals"].append((self.now, *ids, "", "no_journey", place))
            return None
        return -best[0], best[1]

    def _main(self, name: str) -> str:
        parts = name.split("+")
        return parts[len(parts) // 2]

    def _ride(self, trip: Any, service: str, here: int, there: int, ids: Any) -> Life:
        """Live one leg; return where it ended, and why it ended early."""
        kind, row, begin = self.kind[service], trip["row"], self.now
        if kind == "transit":
            got = yield from self._ride_train(service, row, here, there, ids)
        elif kind in SCARCE:
            offer = self.offered(service, here, there)
            if isinstance(offer, str):
                self.tables["refusals"].append((self.now, *ids, service, offer, here))
                return here, offer
            ride = self._ride_scooter if kind == "scooter" else self._ride_shuttle
            got = yield from ride(service, here, there, ids, offer)
        else:
            offer = self.expected(service, row, here, there, self.now)
            if offer is None:
                self.tables["refusals"].append((self.now, *ids, service, "out_of_reach", here))
                return here, "out_of_reach"
            yield offer.lasts, 1
            walk_m = self.walk[here][there][0] if kind == "walk" else 0.0
            ride_m = {"walk": 0.0, "bicycle": self.cycle[here][there][1]}.get(kind, self.drive[here][there][1])
            got = (there, offer.walk, 0.0, offer.ride, walk_m, ride_m, offer.fare, -1, None)
        place, *numbers, vehicle, refused = got
        self.tables["legs"].append((begin, *ids[:3], service, here, place, *numbers, vehicle))
        if refused:
            self.tables["refusals"].append((self.now, *ids, service, refused, place))
        return place, refused

    def _ride_scooter(self, service: str, here: int, there: int, ids: Any, offer: Offer) -> Life:
        vehicle, start, end, ride_m, used = offer.plan
        booking = (self.now, *ids, service, vehicle)
        self.open.append(booking)
        self.parked[vehicle] = None
        if end in self.room:
            self.room[end] -= 1
        egress = rounded(self.walk[end][there][0] / self.services[service].walk_speed_m_s)
        if offer.walk > egress:
            yield offer.walk - egress, 1
        if start in self.room:
            self.room[start] += 1
        yield offer.ride, 1
        self.parked[vehicle], self.charge[vehicle] = end, self.charge[vehicle] - used
        self._close(booking, "ridden")
        if egress > 0:
            yield egress, 1
        walk_m = self.walk[here][start][0] + self.walk[end][there][0]
        return there, offer.walk, 0.0, offer.ride, walk_m, ride_m, offer.fare, vehicle, None

    def _ride_shuttle(self, service: str, here: int, there: int, ids: Any, offer: Offer) -> Life:
        settings: Any = self.services[service]
        line, (board, alight, way) = self.lines[service], offer.plan
        if settings.reserved_seats:
            for call in range(way.board, way.alight):
                line.seats_taken[way.run, call] += 1
        booking = (self.now, *ids, service, way.run)
        self.open.append(booking)
        walks = ((here, board), (alight, there))
        to_stop, on = (rounded(self.walk[a][b][0] / settings.walk_speed_m_s) for a, b in walks)
        if to_stop > 0:
            yield to_stop, 1
        arrived, boarded = self.now, None
        for _ in range(settings.patience + 1):
            if way is None:
                break
            boarded = yield from self._aboard(line, way, ids[0])
            if boarded is not None:
                break
            way = line.best(board, alight, self.now + STEP_S)
        walk_m = self.walk[here][board][0]
        if way is None or boarded is None:
            self._close(booking, "expired")
            return board, to_stop, self.now - arrived, 0.0, walk_m, 0.0, 0.0, -1, "full" if way else "no_departure"
        ride = self.now - boarded
        self._close(booking, "ridden")
        if on > 0:
            yield on, 1
        walk_m, ride_m = walk_m + self.walk[alight][there][0], self.along(line, way)
        return there, to_stop + on, boarded - arrived, ride, walk_m, ride_m, settings.fare_eur, way.run, None

    def _ride_train(self, service: str, row: int, here: int, there: int, ids: Any) -> Life:
        settings: Any = self.services[service]
        line, ready, refused = self.lines[service], self.now, None
        wait, ride, ride_m, times_denied, vehicle = 0.0, 0.0, 0.0, 0, -1
        while here != there:
            way, since = line.best(here, there, ready), self.now
            if way is None:
                refused = "no_departure"
                break
            boarded = yield from self._aboard(line, way, ids[0])
            if boarded is None:
                wait, times_denied = wait + self.now - since, times_denied + 1
                ready = max(self.now, -way.minus_depart) + STEP_S
                if times_denied > settings.patience:
                    refused = "full"
                    break
                continue
            wait, ride, ride_m = wait + boarded - since, ride + self.now - boarded, ride_m + self.along(line, way)
            here, vehicle, ready = line.runs[way.run][way.alight][0], way.run, self.now + SLACK_S
        fare = self.train_fare(settings, row)
        return here, 0.0, wait, ride, 0.0, ride_m, fare if ride > 0 else 0.0, vehicle, refused

    def _aboard(self, line: Line, way: Way, person: int) -> Life:
        """Queue for a call and ride; return when the vehicle departed, or None if it was full."""
        if (way.run, way.board) in line.gone:
            yield 0.0, 1
            return None
        rider = Rider(person, way.alight)
        line.waiting[way.run, way.board].append(rider)
        yield rider
        return rider.boarded

    def _operate(self, line: Line, run: int) -> Life:
        """Call at every stop: let alight, wait until all who come by then are there, let board, depart."""
        aboard: list[Rider] = []
        calls = line.runs[run]
        for number, (node, arrive, depart) in enumerate(calls):
            yield arrive - self.now, 1
            off = [rider for rider in aboard if rider.alight == number]
            aboard = [rider for rider in aboard if rider.alight != number]
            off.sort(key=lambda rider: (self.dice.at("alighting").uniform(rider.person, run), rider.person))
            for rider in off:
                self._push(0.0, rider.life)
            if number < len(calls) - 1:
                yield depart - self.now, 2
            line.gone.add((run, number))
            waiting = line.waiting.pop((run, number), [])
            room = line.places - len(aboard)
            for rider in waiting[:room]:
                rider.boarded = self.now
            for rider in waiting[room:]:
                self._push(0.0, rider.life)
            aboard += waiting[:room]
            counts = len(off), len(waiting[:room]), len(waiting[room:]), len(aboard)
            self.tables["calls"].append((self.now, run, run, number, line.name, node, *counts))

    def _close(self, booking: tuple[Any, ...], end: str) -> None:
        self.open.remove(booking)
        self.tables["bookings"].append((*booking, end, self.now))

    def _log_trip(self, trip: Any, set_out: float, chain: str, outcome: str, replans: int, utility: int) -> None:
        self.tables["trips"].append(
            (set_out, trip["person"], trip["trip"], trip["tour"], PURPOSES[trip["purpose"]], trip["origin"],
             trip["destination"], chain, outcome, self.now, trip["depart_s"], replans, utility)
        )  # fmt: skip
