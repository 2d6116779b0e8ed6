"""What can go wrong on a day, as settings, and the notices by which people and services know of it.

A disturbance changes nothing by itself: services act on its notices, and people who have yet to set out plan anew; see
`notice_schedule`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from kera_mobility.config.settings import LATEST_DAY, LATEST_S, Latitude, Longitude, Place, Settings, TimeOfDay
from kera_mobility.services.notices import BookingSuspended, FleetWithdrawn, Notice, PowerCut, ServiceClosed, Snowfall
from kera_mobility.shapes import polygon_of
from kera_mobility.town.streets.overlays import Feature, OverlaySettings, read_overlay
from kera_mobility.town.streets.streets import MODES
from kera_mobility.town.town import Town
from kera_mobility.units import clock


class Disturbance(Settings):
    """What every disturbance has."""

    topic: ClassVar[type[Notice] | None] = None
    """Class of the notices to services that it names, which only some of them act on."""

    start_s: TimeOfDay
    """When it begins, seconds from midnight."""
    end_s: TimeOfDay
    """When it is over, seconds from midnight; people are told this when it begins."""
    days: tuple[Annotated[int, Field(ge=0, le=LATEST_DAY)], ...] = ()
    """Days of the run on which it happens, from 0; on all of them if none is named."""
    title: str = ""
    """Name for people."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Disturbance:
        if self.end_s <= self.start_s:
            raise ValueError(f"end_s: got {self.end_s:g}, expected later than start_s, {self.start_s:g}")
        return self

    def named_services(self) -> list[tuple[str, str]]:
        """Return the services that it names, as (key, name)."""
        return []

    def notices(self, town: Town) -> list[Notice]:
        """Return the notices that it begins with; those of streets are made for all disturbances together."""
        return []

    def _content(self, detail: str = "") -> dict[str, Any]:
        """Return text and hours of its notices."""
        name = self.title or str(type(self).model_fields["kind"].default).replace("_", " ")
        text = f"{name}{detail}, {clock(self.start_s)} to {clock(self.end_s)}"
        return {"text": text, "from_s": self.start_s, "until_s": self.end_s}


class Announced(Disturbance):
    """A disturbance that may be known before it begins."""

    announced_s: float = Field(0.0, ge=0, le=LATEST_S)
    """How long before its start people are told, s; 0 when it begins."""


class RailClosed(Announced):
    """Lines that do not run: who is aboard gets off at the next stop."""

    topic = ServiceClosed
    kind: Literal["rail_closed"] = "rail_closed"
    service: str
    """Name of the service whose lines they are."""
    lines: tuple[str, ...] = ()
    """Lines by name; all of them if none is named."""

    def named_services(self) -> list[tuple[str, str]]:
        """Return the service of the lines."""
        return [("service", self.service)]

    def notices(self, town: Town) -> list[Notice]:
        """Return the closure."""
        content = self._content(f" ({', '.join(self.lines)})" if self.lines else "")
        return [ServiceClosed(service=self.service, lines=self.lines, **content)]


class StreetClosed(Disturbance):
    """Streets that are shut. Told when it begins: who is under way turns at the next corner."""

    kind: Literal["street_closed"] = "street_closed"
    overlay: str = ""
    """An overlay of the area: what it closes is shut, for its own modes."""
    polygon: tuple[tuple[Longitude, Latitude], ...] = ()
    """Or the corners of an area, lon and lat in degrees: streets whose middle lies in it are shut."""
    modes: tuple[Literal["walk", "cycle", "drive"], ...] = MODES  # type: ignore[assignment]
    """For whom, where a polygon is given."""

    @model_validator(mode="after")
    def _one_of_both(self) -> StreetClosed:
        if bool(self.overlay) == bool(self.polygon) or 0 < len(self.polygon) < 3:
            raise ValueError("expected either an `overlay` or a `polygon` of at least three corners")
        return self

    def closures(self, town: Town) -> list[Feature]:
        """Return what is shut, as features of an overlay."""
        if self.overlay:
            return [feature for feature in read_overlay(town.folder, self.overlay)
                    if feature.about.effect == "close"]  # fmt: skip
        about = OverlaySettings(effect="close", modes=self.modes)
        return [Feature(about, polygon_of("polygon", {}, self.polygon))]


class HeavySnow(Announced):
    """So much snow that services stop."""

    topic = Snowfall
    kind: Literal["heavy_snow"] = "heavy_snow"
    services: tuple[str, ...] = ()
    """Names of those that hear of it; everyone if none is named. Whether it runs in snow each service knows itself."""

    def named_services(self) -> list[tuple[str, str]]:
        """Return those that hear of it."""
        return [(f"services.{number}", name) for number, name in enumerate(self.services)]

    def notices(self, town: Town) -> list[Notice]:
        """Return a notice to each service, or one to everyone."""
        return [Snowfall(service=name, **self._content()) for name in self.services or ("",)]


class OperatorOffline(Announced):
    """An operator takes no bookings; rides under way end as usual."""

    topic = BookingSuspended
    kind: Literal["operator_offline"] = "operator_offline"
    service: str

    def named_services(self) -> list[tuple[str, str]]:
        """Return the service of the operator."""
        return [("service", self.service)]

    def notices(self, town: Town) -> list[Notice]:
        """Return the notice to the service."""
        return [BookingSuspended(service=self.service, **self._content())]


class FleetHalved(Disturbance):
    """A part of a fleet is taken off the street."""

    topic = FleetWithdrawn
    kind: Literal["fleet_halved"] = "fleet_halved"
    service: str
    part: float = Field(0.5, ge=0.001, le=1)
    """The part that is gone."""

    def named_services(self) -> list[tuple[str, str]]:
        """Return the service of the fleet."""
        return [("service", self.service)]

    def notices(self, town: Town) -> list[Notice]:
        """Return the notice to the service."""
        return [FleetWithdrawn(service=self.service, part=self.part, **self._content())]


class HubWithoutPower(Disturbance):
    """A hub or terminal where nothing is charged or swapped."""

    kind: Literal["hub_without_power"] = "hub_without_power"
    place: Place
    """Where it is."""

    def notices(self, town: Town) -> list[Notice]:
        """Return the power cut at the nearest street node."""
        return [PowerCut(place=int(town.snap([self.place])[0][0]), **self._content())]


AnyDisturbance: TypeAlias = Annotated[
    RailClosed | StreetClosed | HeavySnow | OperatorOffline | FleetHalved | HubWithoutPower,
    Field(discriminator="kind"),
]
