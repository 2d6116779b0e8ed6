"""Changes from one vehicle to another on lines that may be late: made as planned, saved, or missed with time lost."""

from __future__ import annotations

from math import inf, nan

from kera_mobility.journeys import Leg
from kera_mobility.services.lines.boarding import Boarding
from kera_mobility.town.connection_scan import Transfers
from kera_mobility.town.timetable import TRANSFER_SLACK_S, Journeys, NextJourney, Timetable
from kera_mobility.units import STEPS_PER_S
from kera_mobility.world import World


class Connections:
    """The connections that riders of one service have by its timetable, and what becomes of them."""

    def __init__(
        self, world: World, boarding: Boarding, planned: Timetable, shown: Timetable, journeys: Journeys, hold_s: float
    ) -> None:
        """Prepare the day.

        Parameters
        ----------
        planned, shown
            The timetable, and the times that boards show today.
        journeys
            Those of the planned timetable.
        hold_s
            How long a vehicle waits for riders who change to it.
        """
        self._world, self._boarding, self._journeys, self._hold_s = world, boarding, journeys, hold_s
        self._stop: list[int] = planned.call_stop.tolist()
        self._planned_arrive_s: list[float] = planned.call_arrive_s.tolist()
        self._arrive_s: list[float] = shown.call_arrive_s.tolist()
        self._depart_s: list[float] = shown.call_depart_s.tolist()
        walks = Transfers.of(planned.stop_lonlat, TRANSFER_SLACK_S).walks
        self._walk_s = {(a, b): step / STEPS_PER_S for a, near in enumerate(walks) for b, step in near}
        self._awaited_s: dict[int, float] = {}

    def until_s(self, run: int, call: int) -> float:
        """Return until when a run waits at a call for people who are on their way to it."""
        return self._awaited_s.get(call, -inf)

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

    def change(self, leg: Leg, alight_call: int, target: int, boards: Journeys, step: int) -> NextJourney | None:
        """Log what became of a rider's connection on alighting; return it if it waits for the rider, else None."""
        now_s = self._world.env.now
        onward = self._onward(alight_call, target)
        if onward is None:
            return None
        call = onward.board_call
        ready_s = self._at_platform_s(alight_call, call, now_s)
        runs = not self._boarding.has_ended(onward.run)
        waits = runs and ready_s <= self.until_s(onward.run, call) and not self._boarding.has_left(call)
        if waits:
            held_s = max(0.0, self.until_s(onward.run, call) - self._depart_s[call])
            arrive_s = self._arrive_s[onward.alight_call] + held_s
        else:
            instead = boards.next_one(self._stop[alight_call], target, now_s + TRANSFER_SLACK_S)
            arrive_s = instead.arrive_s if instead else nan
        caught = waits or (runs and ready_s <= self._depart_s[call])
        end = "missed" if not caught else "made" if ready_s <= onward.depart_s else "saved"
        lost_s = max(0.0, arrive_s - onward.arrive_s) if arrive_s == arrive_s else nan
        self._world.log.add(
            "connections", now_s, leg.person, leg.trip, leg.leg, step, leg.service,
            self._boarding.call_node[alight_call], end, lost_s,
        )  # fmt: skip
        return onward if waits else None

    def _onward(self, alight_call: int, target: int) -> NextJourney | None:
        """Return the connection that the timetable has after a call."""
        ready_s = self._planned_arrive_s[alight_call] + TRANSFER_SLACK_S
        return self._journeys.next_one(self._stop[alight_call], target, ready_s)

    def _at_platform_s(self, alight_call: int, board_call: int, arrive_s: float) -> float:
        walk_s = self._walk_s.get((self._stop[alight_call], self._stop[board_call]), 0.0)
        return arrive_s + TRANSFER_SLACK_S + walk_s
