"""From the tags of OpenStreetMap to street class, directions and car speed of a way, and to what a barrier stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kera_mobility.areas.frame import KM_H_PER_M_S
from kera_mobility.areas.osm_speed import LIMIT_TAGS, ZONE_TAGS, limit_km_h
from kera_mobility.town.streets.streets import MODE_BIT, MODES

Tags = Mapping[str, str]

ACCESS_TAGS = {
    "walk": ("foot", "access"),
    "cycle": ("bicycle", "vehicle", "access"),
    "drive": ("motorcar", "motor_vehicle", "vehicle", "access"),
}
"""Tags that say whether a mode may pass; the first that speaks decides. Source: OpenStreetMap's hierarchy of access."""
_CYCLEWAYS = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
WAY_TAGS = tuple(sorted({
    *(name for names in ACCESS_TAGS.values() for name in names), *LIMIT_TAGS, *ZONE_TAGS, *_CYCLEWAYS, "area",
    "conveying", "highway", "junction", "motorroad", "oneway", "oneway:bicycle", "public_transport", "railway",
    "service",
}))  # fmt: skip
"""Tags of ways that are read."""
NODE_TAGS = tuple(sorted({"barrier", *(name for names in ACCESS_TAGS.values() for name in names)}))
"""Tags of nodes that are read."""

CLASS_OF_HIGHWAY = {
    **dict.fromkeys(("motorway", "trunk", "primary", "secondary", "motorway_link", "trunk_link"), "main"),
    **dict.fromkeys(("primary_link", "secondary_link"), "main"),
    **dict.fromkeys(("tertiary", "tertiary_link"), "collector"),
    **dict.fromkeys(("unclassified", "residential", "living_street", "service", "road"), "local"),
    **dict.fromkeys(("footway", "cycleway", "path", "pedestrian", "track", "steps", "bridleway", "trail"), "path"),
    **dict.fromkeys(("corridor", "platform", "elevator", "crossing"), "path"),
}
"""Class of each kind of way; other kinds are left out. Assumption."""
UNBUILT = frozenset({"proposed", "planned", "construction", "abandoned", "razed", "disused", "no", "dismantled"})
_CARS_ONLY = ("motorway", "motorway_link")
_FOOT_ONLY = ("footway", "steps", "corridor", "platform", "elevator", "crossing", "bridleway")
"""Kinds that a bicycle may use only where a tag says so."""
NEVER_CYCLED = ("steps", "elevator", "corridor", "platform")
SQUARES = ("pedestrian", "footway", "platform", "path", "corridor")
"""Kinds of areas (`area=yes`) that people walk across."""
_OWN_YARD = ("driveway", "parking_aisle", "drive-through")
"""Kinds of service road that lead nowhere; they are left out. Assumption."""
_CLOSED = frozenset({
    "no", "private", "agricultural", "forestry", "delivery", "permit", "psv", "bus", "taxi", "emergency", "military",
    "service", "employees", "residents", "use_sidepath", "dismount",
})  # fmt: skip
"""Values that shut a way to the people of a district; a lift to the door of `delivery` is not theirs. Assumption."""
_OPEN = frozenset({
    "yes", "designated", "permissive", "official", "public", "destination", "customers", "discouraged",
})  # fmt: skip
"""Values that leave a way open. `destination` and `customers` are open to through traffic too. Assumption."""
_FORTH, _BACK = ("yes", "true", "True", "1"), ("-1", "reverse")
SHARE_OF_LIMIT = 0.8
"""Free-flow speed over speed limit, stops at lights included: HELMET 5 has 41 to 61 km/h on arterials of 50 to 80.
Assumption."""

NOT_BUILT, UNKNOWN, YARD, AREA = "not built", "kind of way not known", "driveways and aisles", "areas of vehicles"
OTHER_KIND, SHUT = "kind of way not for the mode", "shut by tags of access"
PASSED_BY = {
    **dict.fromkeys(("bollard", "block", "cycle_barrier", "motorcycle_barrier", "bus_trap", "sump_buster", "chain",
                     "jersey_barrier", "planter", "log", "debris", "rope", "delineators"), ("walk", "cycle")),
    **dict.fromkeys(("kissing_gate", "stile", "turnstile", "full-height_turnstile", "horse_stile"), ("walk",)),
    **dict.fromkeys(("fence", "wall", "hedge", "retaining_wall", "city_wall", "ditch", "guard_rail"), ()),
}  # fmt: skip
"""Who passes a barrier on a node unless its tags of access say otherwise; gates, kerbs and other kinds stop nobody.
Assumption, after the wiki of OpenStreetMap."""


@dataclass(frozen=True)
class Rules:
    """What may use a way, and why others may not."""

    street_class: str = ""
    """Empty for a way that is left out."""
    shut: dict[str, str] = field(default_factory=dict)
    """Reason by mode that may not use the way."""
    oneway: dict[str, int] = field(default_factory=dict)
    """1 along the line only, -1 against it only, by mode; 0 where it is not named."""
    speed_m_s: float = 0.0
    """Free-flow speed of cars after the speed limit; 0 is that of the class."""

    def open_to(self, mode: str) -> bool:
        """Return whether a mode may use the way in some direction."""
        return mode not in self.shut

    @property
    def bits(self) -> int:
        """The modes that may use the way, a sum of MODE_BIT."""
        return sum(MODE_BIT[mode] for mode in MODES if self.open_to(mode))


def kind_of(tags: Tags) -> str:
    """Return the kind of a way: its `highway`, or `platform`; empty for what is no street."""
    if "highway" in tags:
        return _first(tags["highway"])
    return "platform" if "platform" in (tags.get("railway"), tags.get("public_transport")) else ""


def rules_of(tags: Tags) -> Rules:
    """Return what a way's tags allow. Of several kinds (OSMnx lists them where it joined ways) the first counts."""
    kind = kind_of(tags)
    street_class = CLASS_OF_HIGHWAY.get(kind)
    reason = _left_out(kind, tags)
    if reason or street_class is None:
        return Rules("", dict.fromkeys(MODES, reason or UNKNOWN))
    shut = {mode: why for mode in MODES if (why := _shut(mode, kind, street_class, tags))}
    oneway = {mode: way for mode, way in _directions(kind, tags).items() if way and mode not in shut}
    speed_m_s = SHARE_OF_LIMIT * limit_km_h(tags) / KM_H_PER_M_S if "drive" not in shut else 0.0
    return Rules(street_class, shut, oneway, speed_m_s)


def stopped_by(tags: Tags) -> int:
    """Return whom a barrier on a node stops, a sum of MODE_BIT."""
    passing = PASSED_BY.get(tags.get("barrier", ""), MODES)
    return sum(MODE_BIT[mode] for mode in MODES if not _verdict(mode, tags, mode in passing))


def is_square(tags: Tags) -> bool:
    """Return whether a way is the outline of an area that people walk across."""
    kind = kind_of(tags)
    return kind in SQUARES and tags.get("area", "yes" if kind == "platform" else "no") == "yes"


def _left_out(kind: str, tags: Tags) -> str:
    if kind in UNBUILT:
        return NOT_BUILT
    if kind == "service" and _first(tags.get("service", "")) in _OWN_YARD:
        return YARD
    return AREA if tags.get("area") == "yes" and kind in CLASS_OF_HIGHWAY and kind not in SQUARES else ""


def _shut(mode: str, kind: str, street_class: str, tags: Tags) -> str:
    """Return why a mode may not use a way; empty if it may."""
    cars_only = kind in _CARS_ONLY or tags.get("motorroad") == "yes"
    usual = {
        "walk": not cars_only,
        "cycle": not cars_only and kind not in _FOOT_ONLY,
        "drive": street_class != "path",
    }[mode]
    never = {"walk": cars_only, "cycle": cars_only or kind in NEVER_CYCLED, "drive": street_class == "path"}[mode]
    if never:
        return OTHER_KIND
    if _verdict(mode, tags, usual):
        return ""
    return SHUT if usual else OTHER_KIND


def _verdict(mode: str, tags: Tags, usual: bool) -> bool:
    """Return whether tags let a mode pass: the most specific that speaks; a general one opens nothing unusual."""
    own = ACCESS_TAGS[mode][:2] if mode == "drive" else ACCESS_TAGS[mode][:1]
    for name in ACCESS_TAGS[mode]:
        values = {part.strip() for part in tags.get(name, "").split(";")}
        if values & _OPEN:
            return usual or name in own
        if values & _CLOSED:
            return False
    return usual


def _directions(kind: str, tags: Tags) -> dict[str, int]:
    """Return the one direction of each mode, 0 for both."""
    oneway = tags.get("oneway", "")
    implied = tags.get("junction") in ("roundabout", "circular") or kind == "motorway"
    drive = _way(oneway) or int(implied and oneway not in ("no", "False", "false", "0"))
    cycle = drive
    if "oneway:bicycle" in tags:
        cycle = _way(tags["oneway:bicycle"])
    elif any(tags.get(name, "").startswith("opposite") for name in _CYCLEWAYS):
        cycle = 0
    moving = {"forward": 1, "backward": -1}.get(tags.get("conveying", ""), 0)  # an escalator
    return {"walk": moving, "cycle": cycle, "drive": drive}


def _way(value: str) -> int:
    return 1 if value in _FORTH else -1 if value in _BACK else 0


def _first(value: str) -> str:
    return value.split(";")[0].strip()
