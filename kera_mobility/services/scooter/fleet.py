"""A fleet of shared vehicles, each in exactly one state at one node; every change of state is logged when it happens.

In the morning vehicles are parked (low, with little charge) where the table of vehicles says; other states are logged.

    parked, low --reserve--> reserved --release--> parked, low
    parked, low, reserved --set_off--> ridden --park--> parked, low
    parked, low, reserved --break_down--> broken --repair--> parked, low
    parked, low, broken --take--> in_van --put--> parked, low; --hand_in--> away
    parked, low, broken --withdraw--> away --bring_back--> parked, low
    ridden --lose--> missing

Parked and low vehicles may be rented, a low one for rides that its battery still allows. Nothing here knows why
anything is done: riders, crews and the operator call these methods, from the process that acts at that moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from kera_mobility.services.world import World
from kera_mobility.units import FloatArray, IntArray

PARKED, RESERVED, RIDDEN, LOW, IN_VAN, BROKEN, MISSING, AWAY = range(8)
STATES = ("parked", "reserved", "ridden", "low", "in_van", "broken", "missing", "away")
"""Names of the states, as the log has them; `away` is taken off the streets by the operator."""
FREE = frozenset({PARKED, LOW})
"""May be rented."""
STANDING = frozenset({PARKED, RESERVED, LOW, BROKEN})
"""Take up room where they are."""
OUT_OF_USE = frozenset({BROKEN, MISSING})
"""Wait for somebody to mend or find them."""

StateListener = Callable[[int, int], None]
"""Called with a vehicle and its new state."""


class Fleet:
    """The vehicles V of one service during one day."""

    def __init__(
        self, world: World, service: str, node: IntArray, charge: FloatArray, *, low_charge: float = 0.0,
        capacity: Mapping[int, int] | None = None, state: IntArray | None = None,
    ) -> None:  # fmt: skip
        """Put the vehicles in their places.

        Parameters
        ----------
        node, charge
            Street node and state of charge (0 to 1) of each vehicle, (V,).
        low_charge
            A standing vehicle with less charge than this is low.
        capacity
            How many vehicles may stand at a node, by node; no limit elsewhere.
        state
            State of each vehicle, (V,); parked or low if not given.
        """
        self.service, self.low_charge = service, low_charge
        self.capacity = dict(capacity or {})
        # Plain lists: one number out of an array costs ten times as much.
        self.node: list[int] = node.tolist()
        self.charge: list[float] = charge.tolist()
        self.rides = [0] * len(self.node)
        self.state: list[int] = [PARKED] * len(self.node) if state is None else state.tolist()
        self._world = world
        self._step = [0] * len(self.node)
        self.free: dict[int, list[int]] = {}
        """The vehicles that may be rented, by node, in no order; not to be changed from outside."""
        self._standing: dict[int, int] = {}
        self._promised: dict[int, int] = {}
        self._listening: list[StateListener] = []
        for vehicle, before in enumerate(self.state):
            self._enter(vehicle, self._at_rest(vehicle) if before in FREE else before)
            if before not in FREE:
                self._log(vehicle)

    def __len__(self) -> int:
        return len(self.node)

    # Questions.

    def parked_at(self, node: int) -> list[int]:
        """Return the vehicles at a node that may be rented, in no order; not to be changed."""
        return self.free.get(node, _NO_VEHICLE)

    def standing_at(self, node: int) -> int:
        """Return how many vehicles stand at a node, free or not."""
        return self._standing.get(node, 0)

    def in_state(self, *states: int) -> list[int]:
        """Return the vehicles in one of some states, by id."""
        return [vehicle for vehicle, state in enumerate(self.state) if state in states]

    def counts(self, states: Iterable[int] = FREE) -> dict[int, int]:
        """Return how many vehicles in some states there are by node, nodes in rising order."""
        counted, by_node = frozenset(states), dict[int, int]()
        for vehicle, state in enumerate(self.state):
            if state in counted:
                by_node[self.node[vehicle]] = by_node.get(self.node[vehicle], 0) + 1
        return dict(sorted(by_node.items()))

    def room(self, node: int) -> float:
        """Return for how many more vehicles there is room at a node, rides on the way there counted; inf if no limit.

        Below 0 where more stand than may.
        """
        if node not in self.capacity:
            return math.inf
        return self.capacity[node] - self._standing.get(node, 0) - self._promised.get(node, 0)

    def listen(self, hear: StateListener) -> None:
        """Have `hear` called with each vehicle that changes its state, after the change."""
        self._listening.append(hear)

    # Riders.

    def promise_room(self, node: int) -> None:
        """Keep room for one vehicle that will come."""
        self._promised[node] = self._promised.get(node, 0) + 1

    def give_room_back(self, node: int) -> None:
        """Let go of room that was kept, because the vehicle has come or will not."""
        self._promised[node] -= 1

    def reserve(self, vehicle: int) -> None:
        """Keep a free vehicle for somebody."""
        self._change(vehicle, RESERVED, FREE)

    def release(self, vehicle: int) -> None:
        """Give a reserved vehicle back where it stands."""
        self._change(vehicle, self._at_rest(vehicle), _RESERVED)

    def set_off(self, vehicle: int) -> None:
        """Begin a ride with a free or reserved vehicle."""
        self._change(vehicle, RIDDEN, _CAN_SET_OFF)

    def park(self, vehicle: int, node: int, charge: float) -> None:
        """End a ride at a node, with the charge that is left."""
        self.node[vehicle], self.charge[vehicle] = node, charge
        self.rides[vehicle] += 1
        self._change(vehicle, self._at_rest(vehicle), _RIDDEN)

    def break_down(self, vehicle: int) -> None:
        """Find that a standing vehicle does not work; nobody can rent it until it is repaired or put out again."""
        self._change(vehicle, BROKEN, _CAN_SET_OFF)

    def lose(self, vehicle: int, node: int, charge: float) -> None:
        """End a ride at a node from where the vehicle is not to be had again today."""
        self.node[vehicle], self.charge[vehicle] = node, charge
        self.rides[vehicle] += 1
        self._change(vehicle, MISSING, _RIDDEN)

    # Crews.

    def take(self, vehicles: Sequence[int]) -> None:
        """Load free or broken vehicles into a van; their node stays where they were taken until they are put out."""
        for vehicle in vehicles:
            self._change(vehicle, IN_VAN, _CAN_BE_TAKEN)

    def put(self, vehicles: Sequence[int], node: int, charge: float | None = None) -> None:
        """Put vehicles out of a van at a node, in order, with the charge they have or that of a changed battery."""
        for vehicle in vehicles:
            self.node[vehicle] = node
            if charge is not None:
                self.charge[vehicle] = charge
            self._change(vehicle, self._at_rest(vehicle), _IN_VAN)

    def hand_in(self, vehicles: Sequence[int], node: int) -> None:
        """Leave vehicles out of a van at the depot, where nobody rents them."""
        for vehicle in vehicles:
            self.node[vehicle] = node
            self._change(vehicle, AWAY, _IN_VAN)

    def swap(self, vehicle: int, charge: float = 1.0) -> None:
        """Give a vehicle that stands free, is broken or lies in a van another battery."""
        self.charge[vehicle] = charge
        state = self.state[vehicle]
        self._change(vehicle, self._at_rest(vehicle) if state in FREE else state, _CAN_BE_SWAPPED)

    def repair(self, vehicle: int) -> None:
        """Mend a broken vehicle where it stands."""
        self._change(vehicle, self._at_rest(vehicle), _BROKEN)

    # The operator.

    def withdraw(self, vehicles: Sequence[int]) -> None:
        """Take free or broken vehicles off the streets."""
        for vehicle in vehicles:
            self._change(vehicle, AWAY, _CAN_BE_TAKEN)

    def bring_back(self, vehicle: int, node: int | None = None) -> None:
        """Put a withdrawn vehicle out again, where it was or at a node."""
        if node is not None:
            self.node[vehicle] = node
        self._change(vehicle, self._at_rest(vehicle), _AWAY)

    # The one change of state.

    def _at_rest(self, vehicle: int) -> int:
        return LOW if self.charge[vehicle] < self.low_charge else PARKED

    def _change(self, vehicle: int, state: int, before: frozenset[int]) -> None:
        was = self.state[vehicle]
        assert was in before, f"vehicle {vehicle} of {self.service} is {STATES[was]}: it cannot become {STATES[state]}"
        if was in STANDING:
            # Whoever moves a vehicle has taken it from where it stood before, so `node` is still that place.
            here = self.node[vehicle]
            self._standing[here] -= 1
            if was in FREE:
                self.free[here].remove(vehicle)
        self._enter(vehicle, state)
        self._log(vehicle)
        for hear in self._listening:
            hear(vehicle, state)

    def _enter(self, vehicle: int, state: int) -> None:
        here = self.node[vehicle]
        self.state[vehicle] = state
        if state in STANDING:
            self._standing[here] = self._standing.get(here, 0) + 1
            if state in FREE:
                self.free.setdefault(here, []).append(vehicle)

    def _log(self, vehicle: int) -> None:
        self._world.log.add(
            "states", self._world.env.now, vehicle, self._step[vehicle], self.service, STATES[self.state[vehicle]],
            self.node[vehicle], self.charge[vehicle],
        )  # fmt: skip
        self._step[vehicle] += 1


_NO_VEHICLE: list[int] = []
_RESERVED, _RIDDEN, _IN_VAN = frozenset({RESERVED}), frozenset({RIDDEN}), frozenset({IN_VAN})
_BROKEN, _AWAY = frozenset({BROKEN}), frozenset({AWAY})
_CAN_SET_OFF = FREE | _RESERVED
_CAN_BE_TAKEN = FREE | _BROKEN
_CAN_BE_SWAPPED = _CAN_BE_TAKEN | _IN_VAN
