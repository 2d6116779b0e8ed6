"""Forms from the settings: each field with unit, bounds, source and whether it is an assumption."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from kera_mobility.config.settings import DOUBTFUL, Settings
from kera_mobility.errors import ConfigError
from kera_mobility.serve.hand_values import form_of, parse_value, unit_of, written
from kera_mobility.serve.translation import in_languages, planner_keys
from kera_mobility.simulation.scenario import Scenario

SCENARIO = "scenario"
"""Stands for the kind of service in the list of planner's keys where a key is of no service."""
UNCHANGEABLE = frozenset({"kind", "mode", "nest"})
"""Keys that make another service of it."""
WORDS = Path(__file__).parent / "words"
LANGUAGES = ("en", "fi", "sv")


@cache
def page_words() -> dict[str, dict[str, str]]:
    """Return the page's own strings by language."""
    return {code: json.loads((WORDS / f"{code}.json").read_text(encoding="utf-8")) for code in LANGUAGES}


def forms(scenario: Scenario, timetables: list[str]) -> list[dict[str, Any]]:
    """Return a form for each service, and one of the scenario: planner's keys first, then every plain setting."""
    made = []
    for name, service in scenario.services.items():
        kind, prefix = service.kind, f"services.{name}"  # type: ignore[attr-defined]
        fields = {field["key"]: field for field in _plain_fields(service, prefix)}
        if kind == "transit":
            fields[f"{prefix}.timetable"]["choices"] = timetables
        made.append({"service": name, "kind": kind, "title": service.title or name, **_sorted(kind, prefix, fields)})
    of_people = {field["key"]: field for field in _plain_fields(scenario.town.people, "town.people")}
    made.append({"service": "", "kind": SCENARIO, "title": "", **_sorted(SCENARIO, "", of_people)})
    return made


def typed_value(scenario: Scenario | None, key: str, given: Any) -> Any:
    """Return what was entered for a dotted key as the plain value that the setting takes.

    Raises
    ------
    ConfigError
        If text is not written as such a value.
    """
    if isinstance(given, dict | list):
        return _typed_below(given)
    if not isinstance(given, str) or scenario is None:
        return given
    field = field_at(scenario, key)
    if field is None:
        return given
    kinds = _kinds(field)
    if given.strip() == "" and type(None) in kinds:
        return None
    if bool in kinds:
        if given not in ("true", "false"):
            raise ConfigError(f"{key}: got '{given}', expected true or false")
        return given == "true"
    return parse_value(given, key) if kinds & {int, float} else given


def _typed_below(given: Any) -> Any:
    """Return the entries of a list with the times of day in them as seconds."""
    if isinstance(given, list):
        return [_typed_below(entry) for entry in given]
    if not isinstance(given, dict):
        return given
    return {
        key: parse_value(value, key) if isinstance(value, str) and form_of(key) == "clock" else _typed_below(value)
        for key, value in given.items()
    }


def field_at(scenario: Scenario, key: str) -> FieldInfo | None:
    """Return the setting of a dotted key, or None where there is no such one."""
    place: Any = scenario
    *above, last = key.split(".")
    for part in above:
        place = place.get(part) if isinstance(place, Mapping) else getattr(place, part, None)
    return type(place).model_fields.get(last) if isinstance(place, Settings) else None


def value_at(content: Any, key: str) -> Any:
    """Return the plain value under a dotted key, or None."""
    for part in key.split("."):
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, list) and part.isdecimal() and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def label_of(key: str, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the name of a dotted key by language, the key itself where no list names it; `kinds` is by service."""
    prefix, service, rest = (*key.split(".", 2), "", "")[:3]
    listed = planner_keys().get(kinds.get(service, ""), []) if prefix == "services" else planner_keys()[SCENARIO]
    wanted = rest if prefix == "services" else key
    entry = next((entry for entry in listed if entry["key"] == wanted), None)
    return {code: entry[code] if entry else key for code in LANGUAGES}


def _sorted(kind: str, prefix: str, fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    first = []
    for entry in planner_keys().get(kind, []):
        field = fields.pop(f"{prefix}.{entry['key']}" if prefix else entry["key"], None)
        if field is not None:
            first.append({**field, "label": {code: entry[code] for code in LANGUAGES}})
    return {"fields": first, "others": list(fields.values())}


def _plain_fields(settings: Settings, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield every number, choice, flag and text of settings and of the parts below them that are there."""
    for name, field in type(settings).model_fields.items():
        key, value, kinds = f"{prefix}.{name}", getattr(settings, name), _kinds(field)
        if isinstance(value, Settings):
            yield from _plain_fields(value, key)
        elif name not in UNCHANGEABLE and (kinds & {bool, int, float, str} or _choices(field)):
            yield _described(key, field, value, kinds)


def _described(key: str, field: FieldInfo, value: Any, kinds: set[Any]) -> dict[str, Any]:
    basis, choices = " ".join((field.description or "").split()), _choices(field)
    bounds = {
        side: next((written(getattr(part, name), key) for part in field.metadata for name in names
                    if getattr(part, name, None) is not None), None)
        for side, names in (("least", ("ge", "gt")), ("most", ("le", "lt")))
    }  # fmt: skip
    form = "choice" if choices else "flag" if bool in kinds else form_of(key) if kinds & {int, float} else "text"
    return {
        "key": key, "form": form, "unit": unit_of(key) if kinds & {int, float} else "", **bounds,
        "basis": in_languages(basis),
        "value": _entered(value, key), "choices": choices,
        "assumption": any(word in basis.lower() for word in DOUBTFUL),
    }  # fmt: skip


def _entered(value: Any, key: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else written(value, key)


def _kinds(field: FieldInfo) -> set[Any]:
    """Return the plain types that a setting takes."""
    return set(_parts(field.annotation))


def _choices(field: FieldInfo) -> list[str]:
    annotation = field.annotation
    return [str(choice) for choice in get_args(annotation)] if get_origin(annotation) is Literal else []


def _parts(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Union or type(annotation).__name__ == "UnionType":
        for part in get_args(annotation):
            yield from _parts(part)
    elif hasattr(annotation, "__metadata__"):
        yield from _parts(get_args(annotation)[0])
    elif isinstance(annotation, type):
        yield annotation
