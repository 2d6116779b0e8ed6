"""The scenario: all Settings of a run, read, extended and checked once."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field, PrivateAttr, field_validator

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.config.figure_ids import figures_of
from kera_mobility.config.messages import validated
from kera_mobility.config.resources import find, shipped_folder
from kera_mobility.config.settings import InputPath, Seed, Settings
from kera_mobility.config.time_words import allow_words
from kera_mobility.config.yaml_layers import Node, read_layers
from kera_mobility.demand.choice_model import ChoiceSettings
from kera_mobility.demand.planner import PlanningSettings
from kera_mobility.errors import ConfigError, Fault, MissingFileError, nearest_name
from kera_mobility.file_paths import is_path
from kera_mobility.ledger import Ledger, Roots, recording
from kera_mobility.results.display import Display, Grid
from kera_mobility.services.base import ServiceSettings, service_kinds, service_settings
from kera_mobility.simulation.disturbances import AnyDisturbance
from kera_mobility.simulation.weather import Weather, WeatherSettings, weather_of
from kera_mobility.town.population.population import PeopleSettings

OWN_KEYS = frozenset({"name", "title"})
"""Keys that belong to one file and are not inherited by those that extend it."""
FORBIDDEN_IN_NAMES = '/\\:*?"<>|'
"""A scenario's name is the name of its results folder, on any file system."""
LONGEST_NAME = 100
"""Characters of a name; file systems allow 255 bytes."""


def _plain_word(text: str) -> str:
    if not (text.isascii() and text.replace("_", "").isalnum() and text[0].isalpha() and text == text.lower()):
        raise ValueError("expected a plain lower-case word such as shuttle or shuttle_2")
    return text


def _folder_name(text: str) -> str:
    plain = text.isprintable() and not any(letter in FORBIDDEN_IN_NAMES for letter in text)
    if not plain or text != text.strip(" .") or not 0 < len(text) <= LONGEST_NAME:
        raise ValueError(f"expected a name for a folder: up to {LONGEST_NAME} characters, none of {FORBIDDEN_IN_NAMES}")
    return text


def _area(text: str) -> str:
    return text if "/" in text or os.sep in text else _plain_word(text)


def _word_or_path(text: str) -> str:
    return text if is_path(text) else _plain_word(text)


Word: TypeAlias = Annotated[str, AfterValidator(_plain_word)]
if TYPE_CHECKING:
    AnyServiceSettings: TypeAlias = ServiceSettings
else:
    AnyServiceSettings = service_settings()


class TownSettings(Settings):
    """What the scenario takes as given, apart from the map."""

    seed: Seed = 1
    """Chance of the population: who lives where and does what. It stays when the seed of the day is swept."""
    overlays: tuple[Annotated[InputPath, AfterValidator(_word_or_path)], ...] = ()
    """Files in the area's `overlays/`, or paths of GeoJSON files from the current folder or beside the scenario: what
    is built (planned streets are opened) and what is shut."""
    phases: str = Field("", pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*\.csv)?$")
    """Table in the area's folder, such as phases.csv, that says who lives and works in each quarter in the year of the
    scenario, instead of `people.residents` and `people.jobs`, and what is open and shut then. Off if empty."""
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    """How many people there are and what they do on a day."""


class Scenario(Display, Settings):
    """One scenario: the area, the phase, its people, and the services."""

    name: Annotated[str, AfterValidator(_folder_name)]
    """Name of the results folder; the name of the file if not given."""
    title: str = ""
    """Name for people; the name if empty."""
    phase: Word
    """Phase of the district, such as today or finished; it names what is built."""
    year: int = Field(ge=2000, le=2100)
    """Year whose prices, ownership and emissions are meant."""
    area: Annotated[str, AfterValidator(_area)]
    """Folder in `networks/`; with a slash in it, any folder."""
    town: TownSettings = Field(default_factory=TownSettings)
    choice: ChoiceSettings
    planning: PlanningSettings = Field(default_factory=PlanningSettings)
    services: dict[Word, AnyServiceSettings] = Field(min_length=1)
    """Services by name; each has a `kind`."""
    weather: WeatherSettings | None = None
    """The days that are simulated and the effects of their weather; no effects without it."""
    decision: DecisionSettings | None = None
    """What the study decides by: primary outcomes in their order, thresholds. Read by comparisons; no run uses it."""
    disturbances: tuple[AnyDisturbance, ...] = ()
    """Closures and failures; those that overlap in time are of different kinds or about different things."""

    @field_validator("services")
    @classmethod
    def _told_apart(cls, services: dict[str, ServiceSettings]) -> dict[str, ServiceSettings]:
        prefixes = Counter(map(figures_of, services))
        if alike := [name for name in services if prefixes[figures_of(name)] > 1]:
            prefix = figures_of(alike[0])
            raise ValueError(
                f"got {' and '.join(alike)}, whose figures are all called {prefix}.*, expected other names"
            )
        return services

    _source: Node | None = PrivateAttr(None)
    _inputs: Ledger = PrivateAttr(default_factory=Ledger)
    _folder: Path = PrivateAttr(Path())

    def __eq__(self, other: object) -> bool:
        """Return whether all settings are equal; where they were written does not count."""
        return isinstance(other, Scenario) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return int(self.hash[:15], 16)

    def _glance(self) -> tuple[str, str, str]:
        people = self.town.people
        return (
            f"Scenario {self.name} ({self.title or self.name}): {self.area}, {self.phase}, {self.year}",
            f"{people.residents:,} residents, {people.jobs:,} jobs; services {', '.join(self.services)}",
            ".resolved_yaml() is all of it; km.simulate(scenario) lives a day",
        )

    def _grid(self) -> Grid:
        rows = [(name, getattr(service, "kind", ""), service.title) for name, service in self.services.items()]
        return ("service", "kind", "title"), rows

    @property
    def inputs(self) -> Ledger:
        """The files from which the scenario was read."""
        return self._inputs

    def roots(self, area_folder: Path) -> Roots:
        """Return the folders below which the inputs of a run are named: of the area, the shipped configs, the file."""
        return {"area": area_folder, "configs": shipped_folder("configs"), "": self._folder}

    def read_like(self, other: Scenario) -> Scenario:
        """Return this scenario, which was made of another one, as read from the files of that one."""
        self._source, self._inputs, self._folder = other._source, other._inputs, other._folder
        return self

    def where(self, key: str) -> str:
        """Return the file and line where a dotted key stands, or the nearest key above it."""
        if self._source is None:
            return ""
        return self._source.at(tuple(int(part) if part.isdecimal() else part for part in key.split("."))).where

    def weather_on(self, day: int) -> Weather | None:
        """Return the weather of a day of the run and the settings under it; None for a scenario without weather.

        Raises
        ------
        ConfigError
            If the table of days or an effect names what is not there.
        """
        if self.weather is None:
            return None
        try:
            return weather_of(self.weather, day, self.services, self.choice)
        except MissingFileError as error:
            raise ConfigError([_placed(Fault("weather.table", str(error)), self)]) from None
        except ConfigError as error:
            raise ConfigError([_placed(fault, self) for fault in error.faults]) from None

    def with_weather(self, weather: Weather | None) -> Scenario:
        """Return the scenario with the settings of a day's weather."""
        if weather is None or not weather.numbers:
            return self
        return self.model_copy(update={"services": weather.services, "choice": weather.choice})

    def undisturbed(self, day: int) -> Scenario:
        """Return a scenario of one day as people expect it: with its weather if that has effects, undisturbed."""
        weather, settings = self.weather_on(day), None
        if self.weather and weather and weather.numbers:
            settings = self.weather.model_copy(update={"days": (weather.day.day,)})
        return self.model_copy(update={"weather": settings, "disturbances": ()})

    def canonical_json(self) -> str:
        """Return all settings as JSON with sorted keys: equal scenarios give equal text."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, hex digits."""
        return hashlib.sha256(self.canonical_json().encode("utf-8")).hexdigest()

    def resolved_yaml(self) -> str:
        """Return the scenario with everything it inherited and every default, as YAML that loads to an equal one."""
        from ruamel.yaml import YAML
        from ruamel.yaml.scalarstring import DoubleQuotedScalarString

        def quoted(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: quoted(below) for key, below in value.items()}
            if isinstance(value, list):
                return [quoted(below) for below in value]
            # Odd line ends and the like survive between double quotes only.
            return DoubleQuotedScalarString(value) if isinstance(value, str) and not value.isprintable() else value

        yaml = YAML(typ="rt", pure=True)
        yaml.default_flow_style = False
        yaml.width = 1000
        text = io.StringIO()
        yaml.dump(quoted(self.model_dump(mode="json", exclude_none=True)), text)
        return f"# Resolved: every layer merged, every default written out.\n{text.getvalue()}"


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario of a file, with overrides (`services.scooter.fleet=80`) on top.

    Raises
    ------
    MissingFileError
        If there is no such file, here or among the shipped configs.
    ConfigError
        With every fault at once, each with file, line and key.
    """
    return _loaded(find(path, "configs"), overrides)


def scenario_below(path: str | Path) -> Scenario | None:
    """Return what a file extends, without what it says itself, as a scenario; None if that is none."""
    try:
        return _loaded(find(path, "configs"), below=True)
    except ConfigError:
        return None


def _loaded(file: Path, overrides: Sequence[str] = (), *, below: bool = False) -> Scenario:
    with recording() as opened:
        node = read_layers(file, overrides, OWN_KEYS, below=below)
        scenario = validated(node, Scenario, lambda data: {"name": file.stem, **data}, file.parent)
        scenario._source, scenario._inputs, scenario._folder = node, opened, file.parent.absolute()
        if faults := list(_misspelt_constants(scenario)):
            raise ConfigError(faults)
        for day in range(len(scenario.weather.days) if scenario.weather else 0):
            scenario.weather_on(day)
    return scenario


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors that complete and check YAML."""
    json_schema = Scenario.model_json_schema()
    json_schema["properties"]["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "File or files that this one lays itself over: maps merge, lists replace, null removes.",
    }
    # A file may inherit what a complete scenario must have.
    json_schema.pop("required", None)
    for model in (json_schema, *json_schema["$defs"].values()):
        allow_words(model.get("properties", {}))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema}


def _misspelt_constants(scenario: Scenario) -> Iterator[Fault]:
    """Yield a fault for each constant of no service whose name is almost that of one: a typing error.

    A constant of a service that this scenario does not have is no fault: files that others extend state them all.
    """
    kinds = service_kinds()
    for key in ("constants", "feeder_constants"):
        for name in getattr(scenario.choice, key):
            near = "" if name in scenario.services or name in kinds else nearest_name(name, list(scenario.services))
            if near:
                where = f"choice.{key}.{name}"
                yield Fault(scenario.where(where), f"{where}: got '{name}', which is no service here{near}")


def _placed(fault: Fault, scenario: Scenario) -> Fault:
    """Return a fault with the file and line of its key, if its place is a key."""
    if not fault.where.startswith(("weather.", "disturbances.")):
        return fault
    return Fault(scenario.where(fault.where), f"{fault.where}: {fault.problem}")
