"""What a service may touch while the day runs: clock, streets, notices, dice and log. No more."""

from __future__ import annotations

from dataclasses import dataclass, field

import simpy

from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.services.notices import Notice, NoticeBoard, StreetsChanged
from kera_mobility.town.streets.streets import Skims


@dataclass
class World:
    """One day under way."""

    env: simpy.Environment
    streets: Skims
    """The shortest paths as they are now."""
    dice: Dice
    """The dice of this seed and day."""
    log: EventLog
    end_s: float
    """When the run stops; who is then still under way is logged as that."""
    notices: NoticeBoard = field(default_factory=NoticeBoard)

    def post(self, notice: Notice) -> None:
        """Log a notice as posted now, and let those hear it who listen."""
        if isinstance(notice, StreetsChanged):
            self.streets = notice.skims
        self.log.add("notices", self.env.now, notice.topic, notice.place, notice.text)
        self.notices.post(notice)
