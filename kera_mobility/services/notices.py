"""Public notices of a day: one class for each topic, and the board on which they are posted, read and heard."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from kera_mobility.results.notice_log import ANNOUNCED, LATE, STREETS, WEATHER, WITHDRAWN
from kera_mobility.town.streets.streets import Skims, Streets

EVERYWHERE = -1
"""Place of a notice that holds at every street node."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A public fact with place and time."""

    topic: ClassVar[str]
    """As the table of notices holds it."""
    text: str
    place: int = EVERYWHERE
    """Street node."""
    service: str = ""
    """The service that is meant, or empty for all whom the topic concerns."""
    ends: bool = False
    """What was posted on this topic before is over."""
    from_s: float = 0.0
    """When that which it tells of begins, seconds from midnight."""
    until_s: float = math.inf
    """When it is expected to be over."""


@dataclass(frozen=True, kw_only=True)
class ServiceClosed(Notice):
    """A service, or some of its lines, does not run: who is aboard gets off at the next stop."""

    topic: ClassVar[str] = "closed"
    lines: tuple[str, ...] = ()
    """By name; all of them if none is named."""


@dataclass(frozen=True, kw_only=True)
class BookingSuspended(Notice):
    """An operator takes no bookings; rides under way end as usual."""

    topic: ClassVar[str] = "offline"


@dataclass(frozen=True, kw_only=True)
class FleetWithdrawn(Notice):
    """A part of a fleet is off the street, by weather or failure; replaces what was posted before."""

    topic: ClassVar[str] = WITHDRAWN
    part: float = 1.0
    """From 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Snowfall(Notice):
    """So much snow falls that services stop; whether it runs in snow each service knows itself."""

    topic: ClassVar[str] = "heavy_snow"


@dataclass(frozen=True, kw_only=True)
class PowerCut(Notice):
    """Nothing is charged or swapped at a place."""

    topic: ClassVar[str] = "no_power"


@dataclass(frozen=True, kw_only=True)
class StreetsChanged(Notice):
    """Streets were shut or opened; `World.streets` are these skims from then on."""

    topic: ClassVar[str] = STREETS
    streets: Streets
    skims: Skims


@dataclass(frozen=True, kw_only=True)
class RunLate(Notice):
    """A run of a line is late."""

    topic: ClassVar[str] = LATE
    run: int
    late_s: float


@dataclass(frozen=True, kw_only=True)
class VehicleBrokenDown(Notice):
    """A vehicle has broken down."""

    topic: ClassVar[str] = "breakdown"


@dataclass(frozen=True, kw_only=True)
class WeatherOfDay(Notice):
    """The weather of the day, where it does anything."""

    topic: ClassVar[str] = WEATHER


@dataclass(frozen=True, kw_only=True)
class Announcement(Notice):
    """What will be posted later is known."""

    topic: ClassVar[str] = ANNOUNCED
    announced: Notice
    """The notice that is to come; its hours are known."""

    @classmethod
    def of(cls, notice: Notice) -> Announcement:
        """Return the announcement of a notice."""
        return cls(text=notice.text, place=notice.place, service=notice.service, announced=notice)


AnyNotice = TypeVar("AnyNotice", bound=Notice)


@dataclass
class NoticeBoard:
    """The public facts of a day by topic; who listens to a topic hears at once."""

    _posted: dict[type[Notice], list[Notice]] = field(default_factory=dict)
    _listeners: dict[type[Notice], list[Callable[[Any], None]]] = field(default_factory=dict)

    def read(self, topic: type[AnyNotice]) -> list[AnyNotice]:
        """Return what was posted on a topic so far, oldest first."""
        return list(self._posted.get(topic, ()))  # type: ignore[arg-type]

    def listen(self, topic: type[AnyNotice], listener: Callable[[AnyNotice], None]) -> None:
        """Have `listener` called with every notice on a topic, at the moment it is posted."""
        self._listeners.setdefault(topic, []).append(listener)

    def post(self, notice: Notice) -> None:
        """Put a notice up, and let those hear it who listen to its topic."""
        self._posted.setdefault(type(notice), []).append(notice)
        for listener in self._listeners.get(type(notice), ()):
            listener(notice)
