"""What a service may touch while the day runs: clock, streets, notices, dice and log. No more."""

from __future__ import annotations

from dataclasses import dataclass, field

import simpy

from kera_mobility.dice import Dice
from kera_mobility.events import EventLog
from kera_mobility.town.network import Skims


@dataclass(frozen=True)
class Notice:
    """A public fact with place and time: a late train, a closure, the weather."""

    posted_s: float
    topic: str
    place: int
    """Street node, or -1 for everywhere."""
    text: str


@dataclass
class Notices:
    """The board of public facts, posted and read by topic."""

    posted: dict[str, list[Notice]] = field(default_factory=dict)

    def read(self, topic: str) -> list[Notice]:
        """Return what was posted on a topic so far, oldest first."""
        return list(self.posted.get(topic, ()))


@dataclass
class World:
    """One day under way."""

    env: simpy.Environment
    streets: Skims
    dice: Dice
    """The dice of this seed and day."""
    log: EventLog
    end_s: float
    """When the run stops; who is then still under way is logged as that."""
    notices: Notices = field(default_factory=Notices)

    def post(self, topic: str, text: str, place: int = -1) -> None:
        """Post a notice now, and log it."""
        self.notices.posted.setdefault(topic, []).append(Notice(self.env.now, topic, place, text))
        self.log.add("notices", self.env.now, topic, place, text)
