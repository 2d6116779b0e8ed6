"""What goes wrong on a day: a timeline of closures and failures, told to everyone as notices when they are known.

A disturbance changes nothing by itself. At its moments the timeline posts notices; services hear them and act, and
people who have yet to set out plan anew. Streets that are shut are the one thing that the timeline changes: the
shortest ways of each part of the day are computed before it begins, with the same numbers of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import simpy
from pydantic import Field, model_validator

from kera_mobility.clock import NOTICES, at_moment
from kera_mobility.config.settings import Place, Settings
from kera_mobility.errors import KeraError, nearest_name
from kera_mobility.services.base import Service
from kera_mobility.services.world import World
from kera_mobility.simulation.weather import Weather
from kera_mobility.town.streets.overlays import Feature, read_overlay, shut
from kera_mobility.town.streets.skims import nearest_driven, skims_of
from kera_mobility.town.streets.streets import MODES, Skims, Streets
from kera_mobility.town.town import SNAP_LIMIT_M, Town
from kera_mobility.units import clock

LATEST_S = 108_000.0
"""A day ends at four in the morning of the next; what ends later does not end that day. Seconds from midnight."""


class Disturbance(Settings):
    """What every disturbance has."""

    start_s: float = Field(ge=0, le=LATEST_S)
    """When it begins, seconds from midnight."""
    end_s: float = Field(gt=0, le=LATEST_S)
    """When it is over, seconds from midnight; people are told this when it begins."""
    days: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Days of the run on which it happens, from 0; on all of them if none is named."""
    title: str = ""
    """Name for people."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Disturbance:
        if self.end_s <= self.start_s:
            raise ValueError(f"end_s: got {self.end_s:g}, expected later than start_s, {self.start_s:g}")
        return self


class Announced(Disturbance):
    """A disturbance that may be known before it begins."""

    announced_s: float = Field(0.0, ge=0, le=LATEST_S)
    """How long before its start people are told, s; 0 when it begins."""


class RailClosed(Announced):
    """Lines that do not run: who is aboard gets off at the next stop."""

    kind: Literal["rail_closed"] = "rail_closed"
    service: str
    """Name of the service whose lines they are."""
    lines: tuple[str, ...] = ()
    """Lines by name; all of them if none is named."""


class StreetClosed(Disturbance):
    """Streets that are shut. Told when it begins: who is under way turns at the next corner."""

    kind: Literal["street_closed"] = "street_closed"
    overlay: str = ""
    """An overlay of the area: what it closes is shut, for its own modes."""
    polygon: tuple[tuple[float, float], ...] = ()
    """Or the corners of an area, lon and lat in degrees: streets whose middle lies in it are shut."""
    modes: tuple[Literal["walk", "cycle", "drive"], ...] = MODES  # type: ignore[assignment]
    """For whom, where a polygon is given."""

    @model_validator(mode="after")
    def _one_of_both(self) -> StreetClosed:
        if bool(self.overlay) == bool(self.polygon) or 0 < len(self.polygon) < 3:
            raise ValueError("expected either an `overlay` or a `polygon` of at least three corners")
        return self


class HeavySnow(Announced):
    """So much snow that services stop."""

    kind: Literal["heavy_snow"] = "heavy_snow"
    services: tuple[str, ...] = ()
    """Names of those that hear of it; everyone if none is named. Whether it runs in snow each service knows itself."""


class OperatorOffline(Announced):
    """An operator takes no bookings; rides under way end as usual."""

    kind: Literal["operator_offline"] = "operator_offline"
    service: str


class FleetHalved(Disturbance):
    """A part of a fleet is taken off the street."""

    kind: Literal["fleet_halved"] = "fleet_halved"
    service: str
    part: float = Field(0.5, gt=0, le=1)
    """The part that is gone."""


class HubWithoutPower(Disturbance):
    """A hub or terminal where nothing is charged or swapped."""

    kind: Literal["hub_without_power"] = "hub_without_power"
    place: Place
    """Where it is."""


AnyDisturbance: TypeAlias = Annotated[
    RailClosed | StreetClosed | HeavySnow | OperatorOffline | FleetHalved | HubWithoutPower,
    Field(discriminator="kind"),
]


_TOPIC_OF = {
    "rail_closed": "closed", "operator_offline": "offline", "fleet_halved": "withdrawn", "heavy_snow": "heavy_snow",
}  # fmt: skip
"""Topic of the notices of disturbances that name a service."""


class Post(NamedTuple):
    """A notice to be posted; see `World.post`."""

    topic: str
    text: str
    place: int = -1
    service: str = ""
    over: bool = False
    detail: Mapping[str, Any] | None = None


class Moment(NamedTuple):
    """What is posted at one time, seconds from midnight."""

    t_s: float
    posts: tuple[Post, ...]


@dataclass(frozen=True)
class Timeline:
    """The notices of one day in their order; each moment comes before everything else at its time."""

    moments: tuple[Moment, ...] = ()

    @classmethod
    def of(cls, disturbances: Sequence[AnyDisturbance], day: int, town: Town, weather: Weather | None) -> Timeline:
        """Return the timeline of a day: what its weather makes of it from midnight on, and what goes wrong."""
        withdrawn = weather.withdrawn if weather else {}
        today = [one for one in disturbances if not one.days or day in one.days]
        said = {name: f"{name}: {part:.0%} of the fleet is kept in" for name, part in withdrawn.items()}
        posts = [(0.0, Post("withdrawn", said[name], service=name, detail={"part": part}))
                 for name, part in sorted(withdrawn.items()) if part > 0]  # fmt: skip
        if weather and weather.numbers:
            posts.append((0.0, Post("weather", weather.day.text())))
        # At one moment what is over comes first: what follows on it begins in order.
        begun = [(one.end_s, post._replace(over=True)) for one in today for post in _posts(one, town)]
        begun += [told for one in today if isinstance(one, Announced) for told in _announced(one, town)]
        posts += begun + [(one.start_s, post) for one in today for post in _posts(one, town)]
        posts = [(t_s, _with_kept_in(post, withdrawn) if t_s > 0 else post) for t_s, post in posts]
        posts += _of_streets([one for one in today if isinstance(one, StreetClosed)], town)
        times = sorted({t_s for t_s, _ in posts})
        return cls(tuple(Moment(t_s, tuple(post for at_s, post in posts if at_s == t_s)) for t_s in times))

    @property
    def shuts_streets(self) -> bool:
        """Whether any street is shut or opened."""
        return any(post.topic == "streets" for moment in self.moments for post in moment.posts)

    def after_s(self, now_s: float, end_s: float) -> float:
        """Return when something is posted next, at midnight or later than now, or the end of the day."""
        return min((moment.t_s for moment in self.moments if moment.t_s > now_s), default=end_s)

    def begin(self, world: World) -> None:
        """Post what is known from midnight on: people plan their day with it."""
        for moment in self.moments:
            if moment.t_s <= world.env.now:
                _post(world, moment)

    def run(self, world: World, hear: Callable[[Collection[str]], None]) -> Generator[simpy.Event, Any, None]:
        """Post the other notices when they are due, and let people hear their topics, once each moment."""
        for moment in self.moments:
            if moment.t_s > world.env.now:
                yield at_moment(world.env, moment.t_s - world.env.now, NOTICES)
                _post(world, moment)
                hear([post.topic for post in moment.posts])


def disturbance_faults(
    disturbances: Sequence[AnyDisturbance], town: Town, services: Mapping[str, Service]
) -> Iterator[tuple[str, str]]:
    """Yield what in a timeline does not fit the town or the services, as (key, what was found and expected)."""
    for index, one in enumerate(disturbances):
        key = f"disturbances.{index}"
        for field, name in _named(one):
            if name not in services:
                near = nearest_name(name, list(services)) or f", expected one of {', '.join(services)}"
                yield f"{key}.{field}", f"got '{name}', which is no service of this scenario{near}"
            elif _TOPIC_OF[one.kind] not in _heeded(services[name]):
                able = [other for other, service in services.items() if _TOPIC_OF[one.kind] in _heeded(service)]
                expected = f"expected one of {', '.join(able) or '(none)'}"
                yield f"{key}.{field}", f"got '{name}', which takes no notice of {one.kind}, {expected}"
        if isinstance(one, RailClosed) and one.service in services:
            yield from _line_faults(f"{key}.lines", one, services[one.service])
        if isinstance(one, StreetClosed):
            try:
                closed = shut(town.streets, _closures(one, town))
            except KeraError as error:
                yield f"{key}.overlay", str(error)
            else:
                if np.array_equal(closed.edge_modes, town.streets.edge_modes):
                    field = "overlay" if one.overlay else "polygon"
                    yield f"{key}.{field}", "shuts no street that is open: does it lie on the map, for these modes?"
        if isinstance(one, HubWithoutPower):
            distance_m = float(town.snap([one.place])[1][0])
            if distance_m > SNAP_LIMIT_M:
                yield (
                    f"{key}.place",
                    f"{distance_m:.0f} m from the nearest street, expected at most {SNAP_LIMIT_M:.0f} m",
                )
        for other, before in enumerate(disturbances[:index]):
            if _clash(one, before):
                yield key, f"overlaps disturbances.{other} of the same kind, expected one after the other"


def _heeded(service: Service) -> tuple[str, ...]:
    return service.subscribes_to if service.operated else ()


def _named(one: AnyDisturbance) -> list[tuple[str, str]]:
    if isinstance(one, RailClosed | OperatorOffline | FleetHalved):
        return [("service", one.service)]
    if isinstance(one, HeavySnow):
        return [(f"services.{number}", name) for number, name in enumerate(one.services)]
    return []


def _line_faults(key: str, one: RailClosed, service: Service) -> Iterator[tuple[str, str]]:
    timetable = getattr(service, "timetable", None)
    known: tuple[str, ...] = getattr(timetable, "line_name", ())
    for number, line in enumerate(one.lines):
        if line not in known:
            near = nearest_name(line, known) or f", expected one of {', '.join(known) or '(none)'}"
            yield f"{key}.{number}", f"got '{line}', which {one.service} does not run{near}"


def _clash(one: AnyDisturbance, other: AnyDisturbance) -> bool:
    """Return whether the end of one would end the other: same kind and object, at one time on one day."""
    same_days = not one.days or not other.days or bool(set(one.days) & set(other.days))
    if one.kind != other.kind or not same_days or one.end_s <= other.start_s or other.end_s <= one.start_s:
        return False
    if isinstance(one, RailClosed) and isinstance(other, RailClosed):
        shared = not one.lines or not other.lines or bool(set(one.lines) & set(other.lines))
        return one.service == other.service and shared
    if isinstance(one, HubWithoutPower) and isinstance(other, HubWithoutPower):
        return one.place == other.place
    if isinstance(one, HeavySnow) and isinstance(other, HeavySnow) and not (one.services and other.services):
        return True
    return bool({name for _, name in _named(one)} & {name for _, name in _named(other)})


def _posts(one: AnyDisturbance, town: Town) -> list[Post]:
    """Return the notices that a disturbance begins with; those of streets are made for all of them together."""
    until = {"from_s": one.start_s, "until_s": one.end_s}
    hours = f"{clock(one.start_s)} to {clock(one.end_s)}"
    said = one.title or one.kind.replace("_", " ")
    if isinstance(one, RailClosed):
        which = f" ({', '.join(one.lines)})" if one.lines else ""
        detail = {"lines": list(one.lines), **until} if one.lines else until
        return [Post("closed", f"{said}{which}, {hours}", service=one.service, detail=detail)]
    if isinstance(one, HeavySnow):
        return [Post("heavy_snow", f"{said}, {hours}", service=name, detail=until) for name in one.services or ("",)]
    if isinstance(one, OperatorOffline):
        return [Post("offline", f"{said}, {hours}", service=one.service, detail=until)]
    if isinstance(one, FleetHalved):
        return [Post("withdrawn", f"{said}, {hours}", service=one.service, detail={"part": one.part, **until})]
    if isinstance(one, HubWithoutPower):
        return [Post("no_power", f"{said}, {hours}", int(town.snap([one.place])[0][0]), detail=until)]
    return []


def _with_kept_in(post: Post, withdrawn: Mapping[str, float]) -> Post:
    """Return a notice on a fleet of which the weather keeps a part in anyway."""
    kept = withdrawn.get(post.service, 0.0)
    if post.topic != "withdrawn" or not kept:
        return post
    part = 0.0 if post.over else (post.detail or {})["part"]
    return post._replace(over=False, detail={**(post.detail or {}), "part": 1.0 - (1.0 - kept) * (1.0 - part)})


def _announced(one: Announced, town: Town) -> list[tuple[float, Post]]:
    """Return the notices that tell of a disturbance before it begins."""
    if not one.announced_s:
        return []
    known_s = max(0.0, one.start_s - one.announced_s)
    return [
        (known_s, post._replace(topic="announced", detail={"topic": post.topic, **(post.detail or {})}))
        for post in _posts(one, town)  # type: ignore[arg-type]
    ]


def _closures(one: StreetClosed, town: Town) -> list[Feature]:
    if one.overlay:
        return [feature for feature in read_overlay(town.folder, one.overlay)
                if feature["properties"].get("effect") == "close"]  # fmt: skip
    ring = [list(corner) for corner in (*one.polygon, one.polygon[0])]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return [{"properties": {"effect": "close", "modes": list(one.modes)}, "geometry": geometry}]


def _of_streets(closed: Sequence[StreetClosed], town: Town) -> list[tuple[float, Post]]:
    """Return a notice for each moment at which other streets are shut than before, with the ways from then on."""
    posts = []
    found: dict[tuple[int, ...], tuple[Streets, Skims]] = {(): (town.streets, town.skims)}
    for t_s in sorted({t_s for one in closed for t_s in (one.start_s, one.end_s)}):
        active = tuple(number for number, one in enumerate(closed) if one.start_s <= t_s < one.end_s)
        if active not in found:
            features = [feature for number in active for feature in _closures(closed[number], town)]
            streets = shut(town.streets, features)
            found[active] = streets, skims_of(streets, nearest_driven(town.streets, town.skims.walk_m))
        said = "; ".join(closed[number].title or "streets are shut" for number in active) or "all streets are open"
        posts.append(
            (
                t_s,
                Post(
                    "streets", said, over=not active, detail=dict(zip(("streets", "skims"), found[active], strict=True))
                ),
            )
        )
    return posts


def _post(world: World, moment: Moment) -> None:
    for post in moment.posts:
        if post.topic == "streets":
            world.streets = (post.detail or {})["skims"]
        world.post(post.topic, post.text, post.place, service=post.service, over=post.over, detail=post.detail)
