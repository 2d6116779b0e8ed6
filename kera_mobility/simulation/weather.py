"""The weather of the day: a table of days, and effects that change numbers in the settings.

Nothing else in the model knows the weather: before a day begins its effects are applied to the settings. An effect is a
piecewise linear function of a measured value (degrees, snow, a warning), which gives a factor or an addend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import Field, ValidationError, field_validator, model_validator

from kera_mobility.config.resources import find
from kera_mobility.config.settings import Settings
from kera_mobility.demand.choice_model import ChoiceSettings
from kera_mobility.errors import ConfigError, DataError, Fault, nearest_name
from kera_mobility.services.base import ServiceSettings, service_kinds
from kera_mobility.tables import Schema, TableColumn, read_table

Measure: TypeAlias = Annotated[float, Field(ge=-1000, le=1000)]
"""Degrees, snow or a warning, and what comes of it: a factor or an addend."""
Points = tuple[tuple[Measure, Measure], ...]
UTILS = {"constant": "constants", "feeder_constant": "feeder_constants"}
"""Keys of effects on the choice model, and the keys of its constants by service, utils."""
WITHDRAWN = "withdrawn"
"""Key of effects on the part of a fleet that is not put out all day."""
DAYS = Schema(
    "days.csv",
    "Days and their weather; a scenario names its table in `weather.table` and rows in `weather.days`.",
    (
        TableColumn("day", "Name of the day, once each.", "text"),
        TableColumn("season", "For people: autumn, winter, summer.", "text"),
        TableColumn("temperature_c", "Mean of the day.", "number", "degrees C", -60, 50),
        TableColumn("snow_cm_h", "Snow that falls while people travel.", "number", "cm an hour", 0, 20),
        TableColumn("slippery", "Whether a warning of slippery pavements is given.", "yes_no"),
        TableColumn("basis", "Where the numbers are from.", "text", blank="", required=False),
    ),
    unique=("day",),
)


class Day(Settings):
    """One row of a table of days, with the bounds of DAYS."""

    day: str
    """Name of the row."""
    season: str
    """For people: autumn, winter, summer."""
    temperature_c: float = Field(ge=-60, le=50)
    """Mean of the day, degrees C."""
    snow_cm_h: float = Field(ge=0, le=20)
    """Snow that falls while people travel, cm an hour."""
    slippery: bool
    """Whether a warning of slippery pavements is given for the day."""
    basis: str
    """Where the numbers are from."""

    def text(self) -> str:
        """Return the weather in words."""
        warning = ", slippery pavements" if self.slippery else ""
        snow = f", {self.snow_cm_h:g} cm of snow an hour" if self.snow_cm_h else ""
        return f"{self.day}: {self.temperature_c:g} degrees C{snow}{warning}"


class Effect(Settings):
    """An effect of the weather on keys of services; points, range and source stand together."""

    kinds: tuple[str, ...] = ()
    """Kinds of services that it applies to; all of them if none is named."""
    keys: tuple[str, ...] = Field(min_length=1)
    """Keys of these services' settings; `constant` and `feeder_constant` are their utils in the choice model,
    `withdrawn` is the part of their fleet that is not put out all day."""
    by: Literal["temperature_c", "snow_cm_h", "slippery"]
    """Column of the table of days; a warning counts as 1, none as 0."""
    times: Points = ()
    """Points (value of the column, factor), by rising value; straight between them, level beyond the outermost."""
    plus: Points = ()
    """Points (value of the column, what is added, in the key's own unit), likewise."""
    range: tuple[Measure, Measure]
    """Plausible range of the number that is farthest from no effect, from least to most."""
    source: str = Field(min_length=1)
    """Source of the numbers, or that nobody has measured them."""

    @field_validator("times", "plus")
    @classmethod
    def _rising(cls, points: Points) -> Points:
        values = [value for value, _ in points]
        if values != sorted(set(values)):
            raise ValueError("expected points by rising value, each value once")
        return points

    @model_validator(mode="after")
    def _either_times_or_plus(self) -> Effect:
        if bool(self.times) == bool(self.plus):
            raise ValueError("expected either `times` or `plus`")
        if self.range[0] > self.range[1]:
            raise ValueError("expected a range from least to most")
        return self

    def number(self, day: Day) -> float:
        """Return the factor, or what is added, on a day."""
        return _interpolated(self.times or self.plus, float(getattr(day, self.by)))

    def is_neutral(self, day: Day) -> bool:
        """Return whether the effect changes nothing on a day."""
        return self.number(day) == (1.0 if self.times else 0.0)

    def applied_to(self, value: float, day: Day) -> float:
        """Return a value with the effect applied; integers stay integers, rounded down."""
        number = self.number(day)
        changed = value * number if self.times else value + number
        return int(changed // 1) if isinstance(value, int) else changed


class WeatherSettings(Settings):
    """Which days of which table are simulated, and the effects of their weather."""

    table: str = "configs/weather/days.csv"
    """A table of days: day, season, temperature_c, snow_cm_h, slippery (yes or no), basis."""
    days: tuple[str, ...] = Field(("autumn",), min_length=1)
    """Rows of the table by name: day 0 of a run has the first, the next day the next, and so on in turn."""
    effects: dict[str, Effect] = Field(default_factory=dict)
    """By name."""


class Weather(NamedTuple):
    """A day's weather and the settings under it."""

    day: Day
    services: dict[str, ServiceSettings]
    choice: ChoiceSettings
    withdrawn: dict[str, float]
    """The part of the fleet that is not put out, by service."""
    numbers: dict[str, float]
    """The factor or the addend of each effect that is not neutral on the day, by name."""


def weather_of(
    settings: WeatherSettings, number: int, services: Mapping[str, ServiceSettings], choice: ChoiceSettings
) -> Weather:
    """Return the weather of day `number` of a run, and the settings of services and choice under it.

    Raises
    ------
    MissingFileError
        If there is no such table, here or among the shipped configs.
    ConfigError
        If the table is broken, has no row of that name, or an effect names what is not there; keys stand for places.
    """
    rows = read_days(settings.table)
    name = settings.days[number % len(settings.days)]
    if name not in rows:
        near = nearest_name(name, list(rows))
        raise ConfigError([Fault("weather.days", f"got '{name}'{near}, expected one of {', '.join(rows)}")])
    day, faults = rows[name], list(effect_faults(settings.effects))
    weather = Weather(day, dict(services), choice, {}, {})
    for title, effect in settings.effects.items():
        if effect.is_neutral(day) or faults:
            continue
        weather.numbers[title] = effect.number(day)
        try:
            weather = _applied(effect, weather)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            faults.append((f"weather.effects.{title}", f"makes of {where} {first['input']}: {first['msg']}"))
        except (KeyError, TypeError) as error:
            faults.append((f"weather.effects.{title}.keys", f"got {error}, expected the key of a number"))
    if faults:
        raise ConfigError([Fault(key, message) for key, message in faults])
    return weather


def effect_faults(effects: Mapping[str, Effect]) -> Iterator[tuple[str, str]]:
    """Yield a fault for each kind or key in effects that no service has, as (key, message)."""
    kinds = service_kinds()
    for title, effect in effects.items():
        for index, kind in enumerate(effect.kinds):
            if kind not in kinds:
                expected = nearest_name(kind, list(kinds)) or f", expected one of {', '.join(kinds)}"
                yield f"weather.effects.{title}.kinds.{index}", f"got '{kind}'{expected}"
        for index, key in enumerate(effect.keys):
            for kind in effect.kinds or kinds:
                fields = kinds[kind].settings_type.model_fields if kind in kinds else {}
                if kind in kinds and key not in (*UTILS, WITHDRAWN) and key.partition(".")[0] not in fields:
                    near = nearest_name(key, [*fields, *UTILS, WITHDRAWN])
                    yield f"weather.effects.{title}.keys.{index}", f"got '{key}', which a {kind} does not have{near}"


def read_days(table: str) -> dict[str, Day]:
    """Return the rows of a table of days by name.

    Raises
    ------
    MissingFileError
        If there is no such table.
    ConfigError
        With every broken row.
    """
    try:
        rows = read_table(find(table, "configs"), DAYS)
    except DataError as error:
        raise ConfigError(error.faults) from None
    columns = zip(*rows.columns.values(), strict=True)
    return {row[0]: Day(**dict(zip(rows.columns, row, strict=True))) for row in columns}


def _applied(effect: Effect, weather: Weather) -> Weather:
    """Return the settings with one more effect applied."""
    services, choice = dict(weather.services), weather.choice
    for name, settings in weather.services.items():
        if effect.kinds and settings.kind not in effect.kinds:  # type: ignore[attr-defined]
            continue
        for key in effect.keys:
            if key == WITHDRAWN:
                part = effect.applied_to(weather.withdrawn.get(name, 0.0), weather.day)
                weather.withdrawn[name] = min(1.0, max(0.0, part))
            elif key in UTILS:
                utils: dict[str, float] = dict(getattr(choice, UTILS[key]))
                utils[name] = effect.applied_to(float(utils.get(name, 0.0)), weather.day)
                choice = type(choice).model_validate(choice.model_dump() | {UTILS[key]: utils})
            else:
                services[name] = _changed(services[name], key, effect, weather.day)
    return weather._replace(services=services, choice=choice)


def _changed(settings: ServiceSettings, key: str, effect: Effect, day: Day) -> ServiceSettings:
    """Return settings with an effect applied to one number, checked like any others."""
    data: dict[str, Any] = settings.model_dump()
    *path, last = key.split(".")
    below: Any = data
    for step in path:
        below = below[step]
        if below is None:
            return settings
    value = below[last]
    if value is None:
        return settings
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"'{key}'")
    below[last] = effect.applied_to(value, day)
    return type(settings).model_validate(data)


def _interpolated(points: Points, value: float) -> float:
    """Return the value of a piecewise linear function, level beyond its outermost points."""
    if value <= points[0][0]:
        return points[0][1]
    for (low, at_low), (high, at_high) in pairwise(points):
        if value <= high:
            return at_low + (at_high - at_low) * ((value - low) / (high - low)) if value < high else at_high
    return points[-1][1]
