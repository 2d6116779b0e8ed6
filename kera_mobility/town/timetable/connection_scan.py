"""Every journey worth making by a timetable: a profile connection scan, latest departure first, to all stops at once.

The method is the connection scan of Dibbelt, Pajor, Strasser and Wagner 2018 ("Connection scan algorithm", Journal of
Experimental Algorithmics 23, section 4), with a layer for each number of boardings K and vectors over destinations.
A journey's rank is one integer (arrival, then late departure, boardings, call of boarding), so that ties need no code.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kera_mobility.errors import TimetableError
from kera_mobility.geometry import distance_m
from kera_mobility.units import STEPS_PER_S, BoolArray, FloatArray, IntArray

INTERCHANGE_M = 150.0
"""Stops this near to each other in a straight line are one interchange. Assumption."""
DETOUR = 1.3
"""Walked length over straight length between platforms. Assumption."""
WALK_M_S = 1.2
"""Walking speed between platforms, stairs included. Assumption."""

Steps = NDArray[np.int32]
"""Short integers, where there are many: rides in steps of 1/64 s, calls, stops."""

MOST_LAYERS = 7
_BOARDING_BITS = 3
_KEY_BITS = 62
_NEVER = np.int64(2**_KEY_BITS)


@dataclass(frozen=True)
class Transfers:
    """Where and how fast one changes vehicles."""

    slack_step: int
    """Least time between alighting and boarding, in steps of 1/64 s."""
    walks: tuple[tuple[tuple[int, int], ...], ...]
    """(S,) for each stop the stops of its interchange (itself first) and the walk to each in steps of 1/64 s."""

    @classmethod
    def of(cls, stop_lonlat: FloatArray, slack_s: float) -> Transfers:
        """Return the transfers between stops at (S, 2) degrees; raise ValueError if the slack is not above 0."""
        slack_step = round(slack_s * STEPS_PER_S)
        if slack_step < 1:
            raise ValueError(f"transfer slack: got {slack_s} s, expected above 0")
        walks = tuple(_walks_from(stop, np.asarray(stop_lonlat)) for stop in range(len(stop_lonlat)))
        return cls(slack_step, walks)


class ScannedRuns(NamedTuple):
    """The runs R of a timetable with calls C, and where riders may get on and off."""

    start: NDArray[np.int32]
    """(R + 1,)"""
    following: NDArray[np.int32]
    """(R,) run that the vehicle makes next with riders aboard, -1 if none."""
    boards: BoolArray
    """(C,)"""
    alights: BoolArray
    """(C,)"""


@dataclass(frozen=True)
class Platforms:
    """Where riders board (platforms P) and from where they set out (origins O): a stop where no rules part its calls.

    The first S origins are the stops, for who comes from the street, or changes without rules; each further one is a
    stop and a class of alighting.
    """

    stop: tuple[int, ...]
    """(O,) stop of each origin."""
    walks: tuple[tuple[tuple[int, int], ...], ...]
    """(O,) for each origin the platforms in reach and the way to each, steps beyond the slack of a change."""
    call_platform: IntArray
    """(C,)"""
    call_origin: IntArray
    """(C,) where who alights sets out."""
    slack_step: int
    platforms: int
    stops: int

    @classmethod
    def of(
        cls, transfers: Transfers, stop_lonlat: FloatArray, call_stop: NDArray[np.int32],
        call_class: tuple[NDArray[np.int32], NDArray[np.int32]], pair: NDArray[np.int32], need_s: FloatArray,
    ) -> Platforms:  # fmt: skip
        """Return the platforms and origins of the calls (C,) by their classes of alighting and of boarding.

        `need_s` is the least time between each `pair` of classes (K, 2): nan as elsewhere, inf never. Origins are
        numbered alike for any part of the calls.
        """
        stops, slack_step, lonlat = len(transfers.walks), transfers.slack_step, np.asarray(stop_lonlat)
        boarding, call_platform = _distinct(call_stop, call_class[1])
        by_stop: dict[int, list[int]] = {}
        by_class: dict[int, list[int]] = {}
        for platform, (stop, number) in enumerate(boarding):
            by_stop.setdefault(stop, []).append(platform)
            by_class.setdefault(number, []).append(platform)
        walks = [tuple((platform, walk) for other, walk in near for platform in by_stop.get(other, ()))
                 for near in transfers.walks]  # fmt: skip
        stop_of = dict(zip(np.asarray(call_class[0]).tolist(), np.asarray(call_stop).tolist(), strict=True))
        begins = np.unique(pair[:, 0])
        reach = {begin: dict(walks[stop_of[begin]]) if begin in stop_of else {} for begin in begins.tolist()}
        for (begin, end), need in zip(pair.tolist(), need_s.tolist(), strict=True):
            for platform in by_class.get(end, ()) if begin in stop_of else ():
                if need == np.inf:
                    reach[begin].pop(platform, None)
                else:
                    other = boarding[platform][0]
                    reach[begin][platform] = _way_step(slack_step, need, lonlat, stop_of[begin], other)
        place = np.searchsorted(begins, call_class[0])
        ruled = np.isin(call_class[0], begins)
        return cls(
            (*range(stops), *(stop_of.get(begin, 0) for begin in reach)),
            (*walks, *(tuple(ways.items()) for ways in reach.values())), call_platform,
            np.where(ruled, stops + place, call_stop).astype(np.int64), slack_step, len(boarding), stops,
        )  # fmt: skip


class ScannedJourneys(NamedTuple):
    """All journeys worth making, arrays (J,), sorted by pair, then by `leave_step`."""

    pair: Steps
    """from * S + to, from an origin to a stop."""
    leave_step: Steps
    """Latest readiness at the first stop: departure less the walk to the stop of boarding."""
    arrive_step: Steps
    ride_step: Steps
    boardings: Steps
    board_call: Steps
    alight_call: Steps


def scan(
    runs: ScannedRuns,
    call_stop: NDArray[np.int32],
    arrive_step: IntArray,
    depart_step: IntArray,
    platforms: Platforms,
    most_boardings: int,
) -> ScannedJourneys:
    """Return the journeys worth making from all origins to all stops, with at most `most_boardings` vehicles (1 to 7).

    Raises
    ------
    ValueError
        If boardings are out of bounds.
    TimetableError
        If the timetable has too many calls and times to be ranked in 62 bits.
    """
    if not 1 <= most_boardings <= MOST_LAYERS:
        raise ValueError(f"boardings: got {most_boardings}, expected 1 to {MOST_LAYERS}")
    rank = _Rank(arrive_step, depart_step)
    work = _Scan(runs, call_stop, arrive_step, depart_step, platforms, most_boardings, rank)
    last_call = np.zeros(len(call_stop), dtype=bool)
    last_call[np.asarray(runs.start[1:], dtype=np.int64) - 1] = True
    run_of = np.repeat(np.arange(len(runs.start) - 1), np.diff(runs.start)).tolist()
    starts, follows = runs.start.tolist(), set(runs.following[runs.following >= 0].tolist())
    calls = np.flatnonzero(~last_call)
    for call in calls[np.lexsort((-calls, -depart_step[calls]))].tolist():
        work.board(call, run_of[call])
        if call == starts[run_of[call]] and run_of[call] not in follows:
            del work.riding[run_of[call]]
    work.past.clear()  # the largest part of the memory, and no longer read
    return _worth_making(work, platforms)


class _Rank:
    """Packs arrival, reversed departure, boardings and call into one integer; lower is better."""

    def __init__(self, arrive_step: IntArray, depart_step: IntArray) -> None:
        self.times = np.unique(np.concatenate([arrive_step, depart_step]))
        time_bits = max(len(self.times).bit_length(), 1)
        self.call_bits = max(len(arrive_step).bit_length(), 1)
        self.depart_at = self.call_bits + _BOARDING_BITS
        self.arrive_at = self.depart_at + time_bits
        if self.arrive_at + time_bits > _KEY_BITS:
            raise TimetableError(
                f"timetable: {len(arrive_step)} calls at {len(self.times)} different times are too many; "
                "compile it with a smaller bounding box"
            )
        self.of_arrival = np.searchsorted(self.times, arrive_step) << self.arrive_at
        late_first = len(self.times) - 1 - np.searchsorted(self.times, depart_step)
        self.of_boarding = (late_first << self.depart_at) | np.arange(len(arrive_step))

    def arrival(self, key: IntArray) -> IntArray:
        """Return the part of each key that ranks the arrival alone."""
        return (key >> self.arrive_at) << self.arrive_at


class _State(NamedTuple):
    """What staying in a vehicle leads to, each (K, S)."""

    arrive: IntArray
    """Rank of the arrival."""
    alight: Steps
    rest: Steps
    """Ride after this vehicle, steps."""
    boardings: NDArray[np.int64]


class _Scan:
    """The state of the scan; `board` takes one connection, latest departure first."""

    def __init__(
        self,
        runs: ScannedRuns,
        call_stop: NDArray[np.int32],
        arrive_step: IntArray,
        depart_step: IntArray,
        platforms: Platforms,
        layers: int,
        rank: _Rank,
    ) -> None:
        self.rank, self.platforms, self.layers, self.stops = rank, platforms, layers, platforms.stops
        self.boards, self.alights, self.following = runs.boards.tolist(), runs.alights.tolist(), runs.following.tolist()
        self.arrive_step, self.stop = arrive_step, call_stop.tolist()
        self.platform, self.origin = platforms.call_platform.tolist(), platforms.call_origin.tolist()
        self.arrivals, self.departures = arrive_step.tolist(), depart_step.tolist()
        shape, count = (layers, self.stops), range(platforms.platforms)
        self.riding: dict[int, _State] = {}
        self.best = [(np.full(shape, _NEVER), np.zeros(shape, dtype=np.int32)) for _ in count]
        self.minus_departures: list[list[int]] = [[] for _ in count]
        self.past: list[list[tuple[IntArray, Steps]]] = [[] for _ in count]
        """For each platform, after each departure: key and ride with one boarding less than the most, (K - 1, S)."""
        self.kept: list[list[tuple[Steps, IntArray, Steps, Steps]]] = [[] for _ in count]
        """For each platform, for each departure that is worth it: destinations, keys, rides, calls of alighting."""

    def board(self, call: int, run: int) -> None:
        """Take the connection that leaves with a call: ride on to the next call, then see whom boarding here serves."""
        state = self._ride_on(call + 1, run)
        if not self.boards[call]:
            return
        stop, depart = self.platform[call], self.departures[call]
        key = state.arrive | (state.boardings << self.rank.call_bits) | self.rank.of_boarding[call]
        ride = (self.arrive_step[state.alight] - depart + state.rest).astype(np.int32)
        best_key, best_ride = self.best[stop]
        better = (state.arrive < _NEVER) & (key < best_key)
        best_key[better] = key[better]
        best_ride[better] = ride[better]
        self.minus_departures[stop].append(-depart)
        self.past[stop].append((best_key[:-1].copy(), best_ride[:-1].copy()))
        served = np.flatnonzero(better[-1])
        if len(served):
            to = served.astype(np.int32)
            self.kept[stop].append((to, key[-1, served], ride[-1, served], state.alight[-1, served]))

    def _ride_on(self, call: int, run: int) -> _State:
        """Return the state of a run before it reaches a call: alight there, or stay."""
        shape = (self.layers, self.stops)
        state = self.riding.get(run)
        if state is None:  # the last call: riders may stay for what the vehicle does next
            state = self.riding.pop(self.following[run], None)
        if state is None:
            none = np.zeros(shape, dtype=np.int32)
            state = _State(np.full(shape, _NEVER), none, none.copy(), np.ones(shape, dtype=np.int64))
        self.riding[run] = state
        if not self.alights[call]:
            return state
        arrive, rest = np.full(shape, _NEVER), np.zeros(shape, dtype=np.int32)
        stop = self.stop[call]
        if self.layers > 1:
            key, ride = self._onward(self.origin[call], self.arrivals[call] + self.platforms.slack_step)
            arrive[1:], rest[1:] = self.rank.arrival(key), ride
        arrive[:, stop], rest[:, stop] = self.rank.of_arrival[call], 0
        self._merge(state, call, arrive, rest)
        return state

    def _merge(self, state: _State, call: int, arrive: IntArray, rest: Steps) -> None:
        """Take alighting at a call where that is no worse than what later calls give, with the fewest boardings."""
        good = (arrive <= state.arrive) & (arrive < _NEVER)
        np.copyto(state.arrive, arrive, where=good)
        np.copyto(state.rest, rest, where=good)
        np.copyto(state.alight, call, where=good)
        for layer in range(1, self.layers):
            same = state.arrive[layer] == state.arrive[layer - 1]
            state.boardings[layer] = np.where(same, state.boardings[layer - 1], layer + 1)
            np.copyto(state.rest[layer], state.rest[layer - 1], where=same)
            np.copyto(state.alight[layer], state.alight[layer - 1], where=same)

    def _onward(self, origin: int, ready_step: int) -> tuple[IntArray, Steps]:
        """Return key and ride, each (K - 1, S), of the best journeys of somebody ready at an origin."""
        key, ride = np.full((self.layers - 1, self.stops), _NEVER), np.zeros((self.layers - 1, self.stops), np.int32)
        first = True
        for near, walk_step in self.platforms.walks[origin]:
            row = bisect_right(self.minus_departures[near], -ready_step - walk_step) - 1
            if row < 0:
                continue
            near_key, near_ride = self.past[near][row]
            if first:
                key, ride, first = near_key, near_ride, False
            else:
                better = near_key < key
                key, ride = np.where(better, near_key, key), np.where(better, near_ride, ride)
        return key, ride


def _worth_making(work: _Scan, platforms: Platforms) -> ScannedJourneys:
    """Return the journeys from every origin: those of the platforms in reach, less the walk, without the dominated."""
    from_each = [_from_origin(work, origin, platforms) for origin in range(len(platforms.walks))]
    if not from_each:
        return _nothing()
    return ScannedJourneys(*(np.concatenate(column) for column in zip(*from_each, strict=True)))


def _from_origin(work: _Scan, origin: int, platforms: Platforms) -> ScannedJourneys:
    stop = platforms.stop[origin]
    parts = [(kept, walk_step) for near, walk_step in platforms.walks[origin] for kept in work.kept[near]]
    if not parts:
        return _nothing()
    to, key, ride, alight = (np.concatenate(column) for column in zip(*(kept for kept, _ in parts), strict=True))
    walk = np.repeat([walk_step for _, walk_step in parts], [len(kept[0]) for kept, _ in parts])
    call = key & ((1 << work.rank.call_bits) - 1)
    leave = np.asarray(work.departures, dtype=np.int64)[call] - walk
    order = np.lexsort((key, -leave, to))
    good = order[_first_of_its_kind(to[order], key[order])][::-1]
    good = good[(to[good] != stop)]
    good = good[np.argsort(to[good], kind="stable")]
    boardings = (key[good] >> work.rank.call_bits) & ((1 << _BOARDING_BITS) - 1)
    arrive = work.rank.times[key[good] >> work.rank.arrive_at]
    pair = origin * work.stops + to[good].astype(np.int64)
    columns = (pair, leave[good], arrive, ride[good], boardings, call[good], alight[good])
    return ScannedJourneys(*(column.astype(np.int32) for column in columns))


def _nothing() -> ScannedJourneys:
    return ScannedJourneys(*(np.zeros(0, dtype=np.int32) for _ in ScannedJourneys._fields))


def _first_of_its_kind(group: IntArray, key: IntArray) -> NDArray[np.bool_]:
    """Return where a key is lower than all before it in its group; groups are contiguous and rise."""
    rank = np.unique(key, return_inverse=True)[1].astype(np.int64)
    size = np.int64(len(key) + 1)
    level = rank - group.astype(np.int64) * size
    lowest = np.minimum.accumulate(level)
    before = np.concatenate([[np.iinfo(np.int64).max], lowest[:-1]])
    new_group = np.concatenate([[True], group[1:] != group[:-1]])
    good: NDArray[np.bool_] = new_group | (level < before)
    return good


def _distinct(stop: NDArray[np.int32], number: NDArray[np.int32]) -> tuple[list[tuple[int, int]], IntArray]:
    """Return the distinct pairs of a stop and a class, sorted, and which of them each call has, (C,)."""
    both = np.stack([np.asarray(stop), np.asarray(number)], axis=1).astype(np.int64)
    unique, inverse = np.unique(both, axis=0, return_inverse=True)
    return [(int(a), int(b)) for a, b in unique.tolist()], inverse.reshape(-1)


def _way_step(slack_step: int, need_s: float, lonlat: FloatArray, stop: int, other: int) -> int:
    """Return the way between two stops beyond the slack, steps: by a rule, or walked where need_s is nan."""
    if need_s == need_s:
        return round(need_s * STEPS_PER_S) - slack_step
    away_m = float(distance_m(lonlat[[other]], lonlat[stop])[0])
    return round(away_m * (DETOUR / WALK_M_S * STEPS_PER_S))


def _walks_from(stop: int, lonlat: FloatArray) -> tuple[tuple[int, int], ...]:
    away_m = distance_m(lonlat, lonlat[stop])
    walk_step = np.round(away_m * (DETOUR / WALK_M_S * STEPS_PER_S)).astype(np.int64)
    near = [int(other) for other in np.flatnonzero(away_m <= INTERCHANGE_M) if other != stop]
    return ((stop, 0), *((other, int(walk_step[other])) for other in near))
