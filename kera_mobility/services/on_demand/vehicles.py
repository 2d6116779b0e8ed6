"""Where the vehicles of an on-demand service are and who is aboard; logs their drives and their calls at stops."""

from __future__ import annotations

import math

from kera_mobility.services.world import World
from kera_mobility.units import FloatArray, IntArray


class Vehicles:
    """The V vehicles of one service on one day."""

    def __init__(self, service: str, world: World, home: IntArray, nodes: list[int], hop_m: FloatArray) -> None:
        """Have every vehicle at its stop `home`, (V,); `nodes` (K,) and `hop_m` (K, K) say where the stops are."""
        self._service, self._world, self._nodes = service, world, nodes
        self.hop_m = hop_m
        self.at: list[int] = home.tolist()
        """Stop where each vehicle is, or was last."""
        self.aboard = [0] * len(home)
        self.odometer_m = [0.0] * len(home)
        self._drives = [0] * len(home)
        self._calls = [0] * len(home)
        self._call: list[tuple[int, int] | None] = [None] * len(home)
        """People who have alighted and boarded at the stop so far; None between calls."""

    def drive(self, vehicle: int, stop: int, cause: str, hop_s: float) -> None:
        """Begin a drive to another stop; the call at the last one is over."""
        origin = self.at[vehicle]
        if origin == stop:
            return
        self.end_call(vehicle)
        self.at[vehicle] = stop
        length_m, now_s = float(self.hop_m[origin, stop]), self._world.env.now
        self.odometer_m[vehicle] += length_m
        self._world.log.add(
            "moves", now_s, vehicle, self._drives[vehicle], 0, self._service, cause, self._nodes[origin],
            self._nodes[stop], now_s + hop_s, length_m, math.nan,
        )  # fmt: skip
        self._drives[vehicle] += 1

    def call(self, vehicle: int, alighted: int = 0, boarded: int = 0) -> None:
        """Count people who alight and board where the vehicle stands; the call begins with the first."""
        before = self._call[vehicle] or (0, 0)
        self._call[vehicle] = before[0] + alighted, before[1] + boarded
        self.aboard[vehicle] += boarded - alighted

    def end_call(self, vehicle: int) -> None:
        """Log the call at the stop, if there was one."""
        counts = self._call[vehicle]
        if counts is None:
            return
        self._world.log.add(
            "calls", self._world.env.now, vehicle, self._calls[vehicle], 0, self._service,
            self._nodes[self.at[vehicle]], *counts, 0, self.aboard[vehicle],
        )  # fmt: skip
        self._calls[vehicle] += 1
        self._call[vehicle] = None
