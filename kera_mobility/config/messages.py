"""Validation errors as messages: file and line, dotted key, found, expected, nearest known key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kera_mobility.config.resources import find
from kera_mobility.config.settings import Settings
from kera_mobility.config.time_words import SECONDS_BY_UNIT, unit_by_name
from kera_mobility.config.yaml_layers import KeyPath, Node, read_layers, shown
from kera_mobility.errors import ConfigError, Fault, nearest_name

Schema = dict[str, Any]
SomeSettings = TypeVar("SomeSettings", bound=Settings)

LISTED_KEYS = 15
"""Up to so many known keys are listed when none is near."""

_EXPECTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
_BOUNDS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_EXPECTED_BEGINS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen": "a list",
    "dict": "keys with values (a map)",
    "model": "keys with values (a map)",
    "mapping": "keys with values (a map)",
}
_EXPECTED_TYPE = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "keys with values (a map)",
}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_OF_FIELD = re.compile(r"(?P<field>[a-z_.]+): (?P<got>got .*), expected (?P<expected>.*)", re.DOTALL)
_NUMBERS = frozenset({"integer", "number"})


def read_settings(path: str | Path, kind: type[SomeSettings]) -> SomeSettings:
    """Return the settings of one kind in a file, here or among the shipped configs.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ConfigError
        With every fault at once, each with file, line and key.
    """
    file = find(path, "configs")
    return validated(read_layers(file), kind, folder=file.parent)


def validated(
    node: Node,
    kind: type[SomeSettings],
    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    folder: Path | None = None,
) -> SomeSettings:
    """Return the settings of one kind that are written at a node; `complete` adds what a file may leave out.

    Paths that are not found from the current folder are looked for in `folder`.

    Raises
    ------
    ConfigError
        With every fault at once, each with file, line and key.
    """
    data, schema = complete(node.plain()), _schema_of(kind)
    faults = booleans_for_numbers(node, data, schema)
    try:
        settings = kind.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        faults += faults_of(error, node, data, schema)
    if faults:
        raise ConfigError(faults)
    return settings


def faults_of(error: ValidationError, node: Node, data: Any, schema: Schema) -> list[Fault]:
    """Return one fault for each place where `data`, written at `node`, breaks the model of `schema`."""
    expected_by_fault: dict[tuple[str, str], list[str]] = {}
    for detail in error.errors(include_url=False):
        if _only_lacks_the_broken(detail):
            continue
        path, problem, expected = _describe(detail, data, schema)
        place = node.at(path).where, f"{dotted(path)}: {problem}" if path else problem
        expected_by_fault.setdefault(place, []).append(expected)
    return [Fault(where, problem + _either(expected)) for (where, problem), expected in expected_by_fault.items()]


def booleans_for_numbers(node: Node, data: Any, schema: Schema) -> list[Fault]:
    """Return a fault for each true or false that stands where a number is meant; pydantic would take it as 1 or 0."""
    faults = []
    for path, value in _leaves(data):
        if isinstance(value, bool):
            types = {described.get("type") for described in schemas_at(schema, path, data)} - {"null"}
            if types and types <= _NUMBERS:
                faults.append(Fault(node.at(path).where, f"{dotted(path)}: got {shown(value)}, expected a number"))
    return faults


def dotted(path: KeyPath) -> str:
    """Return the key as people write it: services.shuttle.stops.0.lat."""
    return ".".join(str(step) for step in path)


def unit_of(path: KeyPath) -> str:
    """Return a blank and the unit of the number at a path, as the suffix of its name has it; nothing for pure ones."""
    names = [step for step in path if isinstance(step, str)]
    if names[-2:-1] and names[-2].endswith("constants"):
        return " utils"
    unit = unit_by_name(names[-1]) if names else ""
    return f" {unit}" if unit else ""


def schemas_at(schema: Schema, path: KeyPath, data: Any) -> list[Schema]:
    """Return every schema that may describe the value at a path; `data` decides unions that have a kind."""
    schemas = _open(schema, schema, data)
    for step in path:
        data = _data_below(data, step)
        schemas = [opened for described in schemas for opened in _open(_schema_below(described, step), schema, data)]
    return schemas


@cache
def _schema_of(kind: type[Settings]) -> Schema:
    return kind.model_json_schema()


def _only_lacks_the_broken(detail: ErrorDetails) -> bool:
    """Return whether a list is called too short because entries with faults of their own are not counted."""
    entries = detail["input"]
    return detail["type"] == "too_short" and isinstance(entries, list) and len(entries) >= detail["ctx"]["min_length"]


def _describe(detail: ErrorDetails, data: Any, schema: Schema) -> tuple[KeyPath, str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    path = _without_tags(detail["loc"], data, missing=kind == "missing")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path = (*path, str(context["discriminator"]).strip("'"))
        return path, *_describe_kind(path, context.get("tag"), data, schema)
    if kind == "missing":
        return path, "missing", _expected_by(schemas_at(schema, path, data))
    if kind == "extra_forbidden":
        return path, *_describe_unknown(path, data, schema)
    if kind in ("value_error", "assertion_error"):
        reason = str(context.get("error", detail["msg"]))
        if found := _OF_FIELD.fullmatch(reason):  # an order across fields: told where the field stands
            return (*path, *found["field"].split(".")), found["got"], found["expected"]
        got = f"got {shown(detail['input'])}"
        return (path, got, reason.removeprefix("expected ")) if reason.startswith("expected ") else (path, reason, "")
    got, expected = f"got {shown(detail['input'])}", _expected(kind, context, detail["msg"])
    if kind == "literal_error" and isinstance(detail["input"], str):
        expected += nearest_name(detail["input"], _words(schemas_at(schema, path, data)))
    if kind == "float_parsing":
        expected += _number_hint(path, detail["input"], schemas_at(schema, path, data))
    if kind in _BOUNDS:
        expected += unit_of(path)
        written = value_below(data, path)
        seen = detail["input"]
        if isinstance(written, str) and not isinstance(seen, str):  # a time in words, which pydantic saw as a number
            got = f"got {shown(written)}, which is {seen:g}{unit_of(path)}"
    return path, got, expected


def _number_hint(path: KeyPath, text: Any, schemas: list[Schema]) -> str:
    """Return how a number is written that somebody wrote in another way: with a comma, as a time, with its unit."""
    if isinstance(text, str) and _DECIMAL_COMMA.fullmatch(text.strip()):
        return f" with a decimal point ({text.strip().replace(',', '.')})"
    unit = unit_of(path).strip()
    if unit not in SECONDS_BY_UNIT:
        return f" in {unit}" if unit else ""
    if any("time_of_day" in described for described in schemas):
        return f" of {unit} from midnight or a time of day such as 23:00 (25:30 is half past one the next night)"
    return f" of {unit} or a duration such as 90 s, 10 min or 1 h 30 min"


def _describe_kind(path: KeyPath, got: Any, data: Any, schema: Schema) -> tuple[str, str]:
    kinds = sorted(set(_words(schemas_at(schema, path, data))))
    expected = f"one of {', '.join(kinds)}"
    if got is None:
        return "missing", expected
    return f"got {shown(got)}", expected + nearest_name(str(got), kinds)


def _describe_unknown(path: KeyPath, data: Any, schema: Schema) -> tuple[str, str]:
    keys = [key for described in schemas_at(schema, path[:-1], data) for key in described.get("properties", {})]
    near = nearest_name(str(path[-1]), keys)
    if near or not keys:
        return f"unknown key{near}", ""
    listed = ", ".join(sorted(keys)[:LISTED_KEYS])
    return "unknown key", f"one of {listed}{', ...' if len(keys) > LISTED_KEYS else ''}"


def _expected(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind in _EXPECTED:
        plain = {name: int(value) if _is_whole(value) else value for name, value in context.items()}
        return _EXPECTED[kind].format(**plain)
    family = kind.partition("_")[0]
    return _EXPECTED_BEGINS.get(family) or message.removeprefix("Input should be ")


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _expected_by(schemas: list[Schema]) -> str:
    words = _words(schemas)
    if words:
        return " or ".join(map(repr, words))
    types = [_EXPECTED_TYPE[described["type"]] for described in schemas if described.get("type") in _EXPECTED_TYPE]
    return " or ".join(dict.fromkeys(types)) or "a value"


def _words(schemas: list[Schema]) -> list[str]:
    return [
        str(word)
        for described in schemas
        for word in described.get("enum", [described["const"]] if "const" in described else [])
    ]


def _either(expected: list[str]) -> str:
    texts = [text for text in dict.fromkeys(expected) if text]
    return f", expected {' or '.join(texts)}" if texts else ""


def _without_tags(loc: tuple[str | int, ...], data: Any, *, missing: bool) -> KeyPath:
    """Return the path in the data: pydantic puts the names of union branches between the keys."""
    path: list[str | int] = []
    tagged = False
    for position, step in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(data, dict) and data.get("kind") == step and not tagged and not last:
            tagged = True
            continue
        below = _data_below(data, step, absent=_ABSENT)
        if below is not _ABSENT:
            path.append(step)
            data, tagged = below, False
        elif missing and last:
            path.append(step)
    return tuple(path)


_ABSENT = object()


def value_below(data: Any, path: KeyPath) -> Any:
    """Return the value at a path of plain values; None where it leads nowhere."""
    for step in path:
        data = _data_below(data, step)
    return data


def _data_below(data: Any, step: str | int, absent: Any = None) -> Any:
    if isinstance(data, dict):
        return data.get(step, absent)
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return absent


def _open(schema: Schema | None, root: Schema, data: Any) -> list[Schema]:
    """Return the plain schemas that a schema stands for, through references and unions."""
    if schema is None:
        return []
    if "$ref" in schema:
        return _open(root["$defs"][schema["$ref"].rpartition("/")[2]], root, data)
    mapping = schema.get("discriminator", {}).get("mapping", {})
    kind = data.get("kind") if isinstance(data, dict) else None
    if isinstance(kind, str) and kind in mapping:
        return _open({"$ref": mapping[kind]}, root, data)
    branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    if branches:
        return [opened for branch in branches for opened in _open(branch, root, data)]
    return [schema]


def _schema_below(schema: Schema, step: str | int) -> Schema | None:
    if isinstance(step, int):
        first = schema.get("prefixItems", ())
        below = first[step] if step < len(first) else schema.get("items")
    else:
        below = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    return below if isinstance(below, dict) else None


def _leaves(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _leaves(value, (*path, index))
    else:
        yield path, data
