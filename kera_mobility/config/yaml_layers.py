"""Configuration in layers: YAML files that extend each other, `--set` on top; every key remembers file and line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import ConfigError, Fault
from kera_mobility.ledger import read_bytes
from kera_mobility.yaml_text import MAX_BYTES, MAX_DEPTH, YamlError, decoded, load_yaml

KeyPath: TypeAlias = "tuple[str | int, ...]"

SHOWN_CHARACTERS = 80
"""What was found is shown up to this length."""


@dataclass(frozen=True)
class Node:
    """A value of the configuration and the place where it was written."""

    value: Any
    """A map of nodes, a list of nodes, or a plain value; None means removed."""
    where: str
    """`file:line`, or `--set key=value`."""

    def at(self, path: KeyPath) -> Node:
        """Return the node at a path of keys and indices, or the deepest one on the way to it."""
        node = self
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            node = below
        return node

    def plain(self) -> Any:
        """Return the value without places; keys whose value is null are left out."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items() if node.value is not None}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_layers(
    path: Path, overrides: Sequence[str] = (), own: frozenset[str] = frozenset(), *, below: bool = False
) -> Node:
    """Return a file laid over all that it extends, with `overrides` (`a.b.c=value`) on top.

    Maps merge, lists replace, null removes. A file that is reached twice counts once, where it is reached first, so
    that two files which extend a third can be joined. Top keys in `own` belong to one file and are not inherited. With
    `below` the file itself is left out: what all that it extends make together.

    Raises
    ------
    ConfigError
        With every fault found in any of the files and overrides.
    """
    reader = _Reader()
    reader.collect(path, Node(None, shown_path(path)), ())
    *lower, top = reader.layers.values()
    node = Node({}, top.where)
    for layer in lower:
        node = merge(node, Node({key: below for key, below in layer.value.items() if key not in own}, layer.where))
    node = node if below else merge(node, top)
    for text in overrides:
        node = reader.laid(node, reader.override(text))
    if reader.faults:
        raise ConfigError(reader.faults)
    return node


def shared_base(path: Path) -> Path | None:
    """Return the file that another extends; of several, the highest that all of them are or extend; None if none.

    Raises
    ------
    ConfigError
        If a file cannot be read.
    """
    reader = _Reader()
    bases = reader.bases(path)
    below = []
    for base in bases:
        reader = _Reader()
        reader.collect(base, Node(None, shown_path(base)), ())
        if reader.faults:
            raise ConfigError(reader.faults)
        below.append(list(reader.layers))
    return next((file for file in reversed(below[0]) if all(file in files for files in below)), None) if below else None


def merge(lower: Node, upper: Node) -> Node:
    """Return `upper` laid over `lower`: maps merge key by key, anything else replaces."""
    if not (isinstance(lower.value, dict) and isinstance(upper.value, dict)):
        return upper
    merged = dict(lower.value)
    for key, node in upper.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return Node(merged, upper.where)


def shown(value: Any) -> str:
    """Return what was found as a short text for a message, in the words of YAML."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict):
        return f"keys {shown(', '.join(map(str, value)))}" if value else "an empty map"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    try:
        text = repr(value)
    except ValueError:
        return "a very long number"
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def shown_path(path: Path) -> str:
    """Return a path as a person would type it: relative if it lies below the current folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


class _Reader:
    """Reads files and overrides, collecting faults as it goes."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.layers: dict[Path, Node] = {}
        """What each file says itself, lowest first."""

    def collect(self, path: Path, named: Node, above: tuple[Path, ...]) -> None:
        """Add one file after what it extends; `named` is where it was named, `above` are the files that extend it."""
        identity = Path(os.path.realpath(path))
        if identity in above:
            chain = " -> ".join(shown_path(file) for file in (*above[above.index(identity) :], identity))
            self.faults.append(Fault(named.where, f"extends: circular, {chain}"))
        if identity in self.layers or identity in above:
            return
        if len(above) >= MAX_DEPTH:
            self.faults.append(Fault(named.where, f"extends: more than {MAX_DEPTH} files deep"))
            return
        node = self._map_of(path, named)
        values = dict(node.value)
        for base in self._extended(values.pop("extends", Node(None, node.where))):
            self.collect(_find(path, base.value), base, (*above, identity))
        self.layers[identity] = Node(values, node.where)

    def bases(self, path: Path) -> list[Path]:
        """Return the files that a file extends itself."""
        extends = self._map_of(path, Node(None, shown_path(path))).value.get("extends")
        return [_find(path, node.value) for node in self._extended(extends)] if extends else []

    def laid(self, lower: Node, upper: Node, key: str = "") -> Node:
        """Return what an override makes of a node: a map keeps its place, an entry of a list is reached by its index.

        The index after the last appends; null takes an entry away, so that those behind it move up.
        """
        if not isinstance(upper.value, dict) or (isinstance(lower.value, list) and not upper.value):
            return upper
        if not isinstance(lower.value, dict | list):  # an index into a list that is not written yet begins it
            lower = Node([] if list(upper.value) == ["0"] else {}, upper.where)
        values = lower.value.copy()
        for step, node in upper.value.items():
            way = f"{key}.{step}" if key else step
            if isinstance(values, dict):
                values[step] = self.laid(values.get(step, Node(None, node.where)), node, way)
                continue
            if not step.isdecimal() or int(step) > len(values):
                counted = f"0 to {len(values) - 1}, or {len(values)} to add one" if values else "0"
                return self._fault(node.where, f"{way}: got the index '{step}', expected {counted}", lower)
            index = int(step)
            before = values[index] if index < len(values) else Node(None, node.where)
            values[index : index + 1] = [] if node.value is None else [self.laid(before, node, way)]
        return Node(values, lower.where)

    def override(self, text: str) -> Node:
        """Return the layer that one `a.b.c=value` makes."""
        where = f"--set {text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + '...'}"
        key, equals, value = text.partition("=")
        keys = key.strip().split(".")
        empty = Node({}, where)
        if not equals or not all(keys):
            return self._fault(where, "expected key=value with a dotted key, such as services.scooter.fleet=80", empty)
        if keys[0] == "extends":
            return self._fault(where, "extends: can stand only in a file", empty)
        node = self._parse(value, where, lines=False)
        if node is None:
            return empty
        for key in reversed(keys):
            node = Node({key: node}, where)
        return node

    def _fault(self, where: str, problem: str, instead: Node) -> Node:
        self.faults.append(Fault(where, problem))
        return instead

    def _map_of(self, path: Path, named: Node) -> Node:
        text = self._text(path, named)
        node = None if text is None else self._parse(text, shown_path(path))
        if node is not None and not isinstance(node.value, dict):
            got = "nothing" if node.value is None else shown(node.plain())
            self.faults.append(Fault(node.where, f"got {got}, expected keys with values (a map)"))
        return node if node is not None and isinstance(node.value, dict) else Node({}, shown_path(path))

    def _extended(self, extends: Node) -> list[Node]:
        named = extends.value if isinstance(extends.value, list) else [extends]
        kept = []
        for node in named:
            if isinstance(node.value, str) and node.value.strip() and node.value.isprintable():
                kept.append(node)
            elif node.value is not None:
                self._fault(node.where, f"extends: got {shown(node.plain())}, expected a file or a list of files", node)
        return kept

    def _text(self, path: Path, named: Node) -> str | None:
        prefix = "" if named.value is None else f"extends: {shown(named.value)}: "
        where = shown_path(path)
        try:
            return decoded(read_bytes(path, MAX_BYTES + 1))
        except YamlError as error:
            self.faults.append(Fault(where if error.line is None else f"{where}:{error.line}", error.problem))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.faults.append(Fault(named.where, f"{prefix}cannot read it: {reason[:1].lower()}{reason[1:]}"))
        return None

    def _parse(self, text: str, where: str, *, lines: bool = True) -> Node | None:
        def place(line: int) -> str:
            return f"{where}:{line + 1}" if lines else where

        try:
            return _Converter(place).node(load_yaml(text, "rt"), 0)
        except _FaultError as fault_error:
            self.faults.append(fault_error.fault)
        except YamlError as error:
            self.faults.append(Fault(where if error.line is None else place(error.line - 1), error.problem))
        return None


class _FaultError(Exception):
    def __init__(self, where: str, problem: str) -> None:
        self.fault = Fault(where, problem)


class _Converter:
    """Turns what the YAML parser gives into nodes of plain values."""

    def __init__(self, place: Callable[[int], str]) -> None:
        self._place = place

    def node(self, parsed: Any, line: int) -> Node:
        from ruamel.yaml.comments import CommentedMap, CommentedSeq

        where = self._place(line)
        if isinstance(parsed, CommentedMap):
            return Node({self._key(key, where): self._entry(parsed, key, line) for key in parsed}, where)
        if isinstance(parsed, CommentedSeq):
            return Node([self._entry(parsed, index, line) for index in range(len(parsed))], where)
        return Node(self._scalar(parsed, where), where)

    def _entry(self, parsed: Any, key: Any, line: int) -> Node:
        with suppress(KeyError, TypeError, AttributeError):  # a key that came through `<<` has no line of its own
            line = (parsed.lc.item if isinstance(key, int) else parsed.lc.key)(key)[0]
        return self.node(parsed[key], line)

    def _key(self, key: Any, where: str) -> str:
        if not isinstance(key, str):
            raise _FaultError(where, f"got the key {shown(self._scalar(key, where))}, expected a word")
        return str(key)

    def _scalar(self, parsed: Any, where: str) -> Any:
        from ruamel.yaml.scalarbool import ScalarBoolean

        if parsed is None or isinstance(parsed, bool):
            return parsed
        if isinstance(parsed, date) and not isinstance(parsed, datetime):
            return parsed.isoformat()
        for kind, plain in ((str, str), (ScalarBoolean, bool), (int, int), (float, float)):
            if isinstance(parsed, kind):
                return plain(parsed)
        tag = getattr(getattr(parsed, "tag", None), "value", None) or type(parsed).__name__
        raise _FaultError(where, f"got a value of type {shown(str(tag))}, expected text, a number, true or false")


def _below(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(step)
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        entry: Node = node.value[step]
        return entry
    return None


def _find(extending: Path, named: str) -> Path:
    """Return the file that `extends` names: beside the extending file, else among the shipped configs."""
    beside = extending.parent / named
    parts = Path(named).parts
    if not os.path.exists(beside) and parts[:1] == ("configs",):
        return shipped_folder("configs").joinpath(*parts[1:])
    return beside
