"""Changes from one vehicle to another on lines that may be late: made as planned, saved, or missed with time lost."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

from kera_mobility.services.contract import Leg
from kera_mobility.services.transit.operation import TransitOperation
from kera_mobility.services.world import World
from kera_mobility.town.timetable.timetable import TRANSFER_SLACK_S, Journeys, NextJourney, Timetable, platforms_of
from kera_mobility.units import STEPS_PER_S


class Connections:
    """The connections that riders of one service have by its timetable, and what becomes of them."""

    def __init__(
        self,
        world: World,
        operation: TransitOperation,
        planned: Timetable,
        displayed: Timetable,
        journeys: Journeys,
        hold_s: float,
    ) -> None:
        """Prepare the day.

        Parameters
        ----------
        planned, displayed
            The timetable, and the times that displays show today.
        journeys
            Those of the planned timetable.
        hold_s
            How long a vehicle waits for riders who change to it.
        """
        self._world, self._operation, self._journeys, self._hold_s = world, operation, journeys, hold_s
        self._stop: list[int] = planned.call_stop.tolist()
        self._origin: list[int] = journeys.call_origin.tolist()
        self._planned_arrive_s: list[float] = planned.call_arrive_s.tolist()
        self._arrive_s: list[float] = displayed.call_arrive_s.tolist()
        self._depart_s: list[float] = displayed.call_depart_s.tolist()
        self._platforms = platforms_of(planned, TRANSFER_SLACK_S)
        walks = self._platforms.walks
        self._way_s = {(a, b): step / STEPS_PER_S for a, near in enumerate(walks) for b, step in near}
        self._awaited_s: dict[int, float] = {}
        self._outside: dict[tuple[int, int, int], NextJourney] = {}
        self._coming_s: dict[int, list[Callable[[], float]]] = {}

    def until_s(self, run: int, call: int) -> float:
        """Return until when a run waits at a call for people who are on their way to it."""
        return max(self._awaited_s.get(call, -inf), self._coming_until_s(call))

    def await_from_outside(self, leg: Leg, onward: NextJourney | None, coming_s: Callable[[], float]) -> None:
        """Let the run that displays show for somebody who comes with another service ask how late that is."""
        if onward is not None:
            self._outside[leg.person, leg.trip, leg.leg] = onward
            self._coming_s.setdefault(onward.board_call, []).append(coming_s)

    def change_from_outside(self, leg: Leg, target: int, displayed: Journeys) -> NextJourney | None:
        """Log what became of the run that somebody came for with another service; return it if it has waited."""
        onward = self._outside.pop((leg.person, leg.trip, leg.leg), None)
        if onward is None:
            return None
        now_s, call = self._world.env.now, onward.board_call
        goes = not self._operation.has_ended(onward.run) and not self._operation.has_left(call)
        waited = goes and now_s > self._depart_s[call]
        instead = onward if goes else displayed.next_one(self._stop[call], target, now_s)
        lost_s = nan
        if instead is not None:
            held_s = now_s - self._depart_s[call] if waited else 0.0
            lost_s = max(0.0, instead.arrive_s + held_s - onward.arrive_s)
        self._world.log.add(
            "connections", now_s, leg.person, leg.trip, leg.leg, 0, leg.service, self._operation.call_node[call],
            "saved" if waited else "made" if goes else "missed", lost_s,
        )  # fmt: skip
        return onward if waited else None

    def _coming_until_s(self, call: int) -> float:
        """Return until when a run waits at a call for those who come with other services, as that is foreseen now."""
        if call not in self._coming_s:
            return -inf
        latest_s = self._depart_s[call] + self._hold_s
        return max((time_s for coming in self._coming_s[call] if (time_s := coming()) <= latest_s), default=-inf)

    def announce(self, journey: NextJourney, target: int) -> None:
        """Let the vehicle that somebody means to change to know, if it would leave a little too early."""
        if not self._hold_s or self._stop[journey.alight_call] == target:
            return
        onward = self._onward(journey.alight_call, target)
        if onward is None:
            return
        call = onward.board_call
        ready_s = self._at_platform_s(journey.alight_call, call, self._arrive_s[journey.alight_call])
        if self._depart_s[call] < ready_s <= self._depart_s[call] + self._hold_s:
            self._awaited_s[call] = max(ready_s, self._awaited_s.get(call, -inf))

    def change(self, leg: Leg, alight_call: int, target: int, displayed: Journeys, step: int) -> NextJourney | None:
        """Log what became of a rider's connection on alighting; return it if it waits for the rider, else None."""
        now_s = self._world.env.now
        onward = self._onward(alight_call, target)
        if onward is None:
            return None
        call = onward.board_call
        ready_s = self._at_platform_s(alight_call, call, now_s)
        runs = not self._operation.has_ended(onward.run)
        waits = runs and ready_s <= self.until_s(onward.run, call) and not self._operation.has_left(call)
        if waits:
            held_s = max(0.0, self.until_s(onward.run, call) - self._depart_s[call])
            arrive_s = self._arrive_s[onward.alight_call] + held_s
        else:
            instead = displayed.next_one(self._origin[alight_call], target, now_s + TRANSFER_SLACK_S)
            arrive_s = instead.arrive_s if instead else nan
        caught = waits or (runs and ready_s <= self._depart_s[call])
        end = "missed" if not caught else "made" if ready_s <= onward.depart_s else "saved"
        lost_s = max(0.0, arrive_s - onward.arrive_s) if arrive_s == arrive_s else nan
        self._world.log.add(
            "connections", now_s, leg.person, leg.trip, leg.leg, step, leg.service,
            self._operation.call_node[alight_call], end, lost_s,
        )  # fmt: skip
        return onward if waits else None

    def _onward(self, alight_call: int, target: int) -> NextJourney | None:
        """Return the connection that the timetable has after a call."""
        ready_s = self._planned_arrive_s[alight_call] + TRANSFER_SLACK_S
        return self._journeys.next_one(self._origin[alight_call], target, ready_s)

    def _at_platform_s(self, alight_call: int, board_call: int, arrive_s: float) -> float:
        pair = self._origin[alight_call], self._platforms.call_platform.item(board_call)
        return arrive_s + TRANSFER_SLACK_S + self._way_s.get(pair, 0.0)
