"""The notices of one day in their order: what its weather does, what goes wrong, and when people know.

Streets that are shut are the one thing that the schedule changes itself: the shortest paths of each part of the day are
computed before it begins, with the same numbers of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import simpy

from kera_mobility.clock import NOTICES, at_moment
from kera_mobility.results.notice_log import ALL_STREETS_OPEN
from kera_mobility.services.notices import Announcement, FleetWithdrawn, Notice, StreetsChanged, WeatherOfDay
from kera_mobility.services.world import World
from kera_mobility.simulation.disturbances import Announced, AnyDisturbance, StreetClosed
from kera_mobility.simulation.weather import Weather
from kera_mobility.town.streets.overlays import shut
from kera_mobility.town.streets.skims import nearest_drivable, skims_of
from kera_mobility.town.streets.streets import Skims, Streets
from kera_mobility.town.town import Town


class Posting(NamedTuple):
    """The notices that are posted at one time, seconds from midnight."""

    t_s: float
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class NoticeSchedule:
    """The postings of one day by time; each comes before everything else at its time."""

    postings: tuple[Posting, ...] = ()

    @classmethod
    def of(
        cls, disturbances: Sequence[AnyDisturbance], day: int, town: Town, weather: Weather | None
    ) -> NoticeSchedule:
        """Return the schedule of a day: what its weather makes of it from midnight on, and what goes wrong."""
        today = [disturbance for disturbance in disturbances if not disturbance.days or day in disturbance.days]
        withdrawn = weather.withdrawn if weather else {}
        timed = [(0.0, notice) for notice in _of_weather(weather)] if weather else []
        for t_s, notice in _of_disturbances(today, town):
            timed.append((t_s, _with_weather(notice, withdrawn) if t_s > 0 else notice))
        timed += _of_streets([closure for closure in today if isinstance(closure, StreetClosed)], town)
        times = sorted({t_s for t_s, _ in timed})
        return cls(tuple(Posting(t_s, tuple(notice for at_s, notice in timed if at_s == t_s)) for t_s in times))

    @property
    def changes_streets(self) -> bool:
        """Whether any street is shut or opened."""
        return any(isinstance(notice, StreetsChanged) for posting in self.postings for notice in posting.notices)

    def next_s(self, now_s: float, end_s: float) -> float:
        """Return when something is posted next, at midnight or later than now, or the end of the day."""
        return min((posting.t_s for posting in self.postings if posting.t_s > now_s), default=end_s)

    def begin(self, world: World) -> None:
        """Post what is known from midnight on: people plan their day with it."""
        for posting in self.postings:
            if posting.t_s <= world.env.now:
                for notice in posting.notices:
                    world.post(notice)

    def run(self, world: World, hear: Callable[[Collection[Notice]], None]) -> Generator[simpy.Event, Any, None]:
        """Post the other notices when they are due, and let people hear them, once each time."""
        for posting in self.postings:
            if posting.t_s > world.env.now:
                yield at_moment(world.env, posting.t_s - world.env.now, NOTICES)
                for notice in posting.notices:
                    world.post(notice)
                hear(posting.notices)


def _of_weather(weather: Weather) -> list[Notice]:
    """Return the fleets that the weather keeps in, and the weather itself where it does anything."""
    notices: list[Notice] = [
        FleetWithdrawn(text=f"{name}: {part:.0%} of the fleet is kept in", service=name, part=part)
        for name, part in sorted(weather.withdrawn.items())
        if part > 0
    ]
    return [*notices, WeatherOfDay(text=weather.day.text())] if weather.numbers else notices


def _of_disturbances(disturbances: Sequence[AnyDisturbance], town: Town) -> list[tuple[float, Notice]]:
    """Return when each disturbance is over, known and begun; in this order, so that what follows on another begins."""
    posted = [(disturbance, disturbance.notices(town)) for disturbance in disturbances]
    over = [(disturbance.end_s, replace(notice, ends=True)) for disturbance, notices in posted for notice in notices]
    announced = [
        (max(0.0, disturbance.start_s - disturbance.announced_s), Announcement.of(notice))
        for disturbance, notices in posted
        if isinstance(disturbance, Announced) and disturbance.announced_s
        for notice in notices
    ]
    return [*over, *announced, *((disturbance.start_s, notice) for disturbance, of in posted for notice in of)]


def _with_weather(notice: Notice, withdrawn: Mapping[str, float]) -> Notice:
    """Return a notice on a fleet of which the weather keeps a part in anyway; when it ends, that part is still in."""
    kept_in = withdrawn.get(notice.service, 0.0)
    if not isinstance(notice, FleetWithdrawn) or not kept_in:
        return notice
    part = 0.0 if notice.ends else notice.part
    return replace(notice, ends=False, part=1.0 - (1.0 - kept_in) * (1.0 - part))


def _of_streets(closed: Sequence[StreetClosed], town: Town) -> list[tuple[float, Notice]]:
    """Return a notice for each time at which other streets are shut than before, with the paths from then on."""
    networks: dict[tuple[int, ...], tuple[Streets, Skims]] = {(): (town.streets, town.skims)}
    notices: list[tuple[float, Notice]] = []
    for t_s in sorted({t_s for closure in closed for t_s in (closure.start_s, closure.end_s)}):
        active = tuple(number for number, closure in enumerate(closed) if closure.start_s <= t_s < closure.end_s)
        if active not in networks:
            streets = shut(town.streets, [feature for number in active for feature in closed[number].closures(town)])
            networks[active] = streets, skims_of(streets, nearest_drivable(town.streets, town.skims.walk_m))
        text = "; ".join(closed[number].title or "streets are shut" for number in active) or ALL_STREETS_OPEN
        streets, skims = networks[active]
        notices.append((t_s, StreetsChanged(text=text, ends=not active, streets=streets, skims=skims)))
    return notices
