"""What a service may touch while the day runs: clock, streets, notices, dice and log. No more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import simpy

from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.town.streets.streets import Skims


@dataclass(frozen=True)
class Notice:
    """A public fact with place and time: a late train, a closure, the weather."""

    posted_s: float
    topic: str
    place: int
    """Street node, or -1 for everywhere."""
    text: str
    service: str = ""
    """The service that is meant, or empty for all whom the topic concerns."""
    over: bool = False
    """What was posted on this topic before is over."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What services need to know beyond the text; its names belong to the topic."""


Hear = Callable[[Notice], None]


@dataclass
class Notices:
    """The board of public facts, posted and read by topic; who listens to a topic hears at once."""

    posted: dict[str, list[Notice]] = field(default_factory=dict)
    listening: dict[str, list[Hear]] = field(default_factory=dict)

    def read(self, topic: str) -> list[Notice]:
        """Return what was posted on a topic so far, oldest first."""
        return list(self.posted.get(topic, ()))

    def listen(self, topic: str, hear: Hear) -> None:
        """Have `hear` called with every notice on a topic, at the moment it is posted."""
        self.listening.setdefault(topic, []).append(hear)


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

    def post(
        self, topic: str, text: str, place: int = -1, *, service: str = "", over: bool = False,
        detail: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Post a notice now, log it, and let those hear it who listen."""
        notice = Notice(self.env.now, topic, place, text, service, over, detail or {})
        self.notices.posted.setdefault(topic, []).append(notice)
        self.log.add("notices", self.env.now, topic, place, text)
        for hear in self.notices.listening.get(topic, ()):
            hear(notice)
