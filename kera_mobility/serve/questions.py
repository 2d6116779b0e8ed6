"""Questions of a planner: readable YAML files that extend a base scenario and say only what is different."""

from __future__ import annotations

import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from kera_mobility.config.resources import find, shipped_folder
from kera_mobility.errors import ConfigError, KeraError
from kera_mobility.experiments.setting_changes import NOT_RUN
from kera_mobility.files import replacing, utf8_text
from kera_mobility.serve.forms import typed_value, value_at
from kera_mobility.serve.hand_values import form_of, written
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.yaml_text import load_yaml

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
KEY = re.compile(r"(services|town|choice|weather|planning|disturbances)(\.[A-Za-z0-9_]{1,60}){0,8}")
"""Dotted keys that the page may change."""
MOST_TITLE = 120
"""Characters of a title."""
FREE_TEXT = frozenset({"title", "name", "basis", "source"})
"""Keys whose text is for people and is no path."""
HEAD = "Asked on the page of `kera serve`; `kera run` runs it too. Only what differs from what it extends stands here."


class StaleError(KeraError, ValueError):
    """A question was changed elsewhere, such as in another tab, since it was shown."""


class UnknownNameError(KeraError, LookupError):
    """Nothing has this name."""


@dataclass(frozen=True)
class Layer:
    """A trial beside the base scenario that adds a service to it."""

    name: str
    file: Path
    title: str
    services: tuple[str, ...]
    """Names of the services that it adds."""


@dataclass(frozen=True)
class Question:
    """One question as it stands in its file."""

    name: str
    file: Path
    text: str

    @property
    def version(self) -> str:
        """A short hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def asks(self) -> str:
        """A short hash of what it asks: of what a run takes from the file, not of its title and comments."""
        return hashlib.sha256(repr((self.extends, sorted(self.own().items()))).encode()).hexdigest()[:16]

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the file says, as plain values; empty where it is no map."""
        content = load_yaml(self.text)
        return content if isinstance(content, dict) else {}

    @property
    def title(self) -> str:
        """Name for people."""
        return str(self.content.get("title") or self.name)

    @property
    def extends(self) -> list[str]:
        """The files that it lays itself over."""
        named = self.content.get("extends")
        return [named] if isinstance(named, str) else [str(part) for part in named or ()]

    def own(self) -> dict[str, Any]:
        """Return what of a run the file changes, by dotted key: plain values and lists."""
        below = {key: value for key, value in self.content.items() if key not in NOT_RUN and key != "extends"}
        return dict(_leaves(below, ""))

    def scenario(self) -> Scenario:
        """Return the scenario that it asks about.

        Raises
        ------
        ConfigError
            With every fault of the file.
        """
        return load_scenario(self.file)


class Questions:
    """The questions in a folder, over one base scenario and the trials beside it."""

    def __init__(self, folder: Path, base: str | Path) -> None:
        self.folder, self.base = folder, find(base, "configs")
        folder.mkdir(parents=True, exist_ok=True)
        self.base_scenario = load_scenario(self.base)
        self.layers = {layer.name: layer for layer in self._layers()}
        self._lock = Lock()
        self._below: dict[tuple[str, ...], dict[str, Any]] = {}

    def names(self) -> list[str]:
        """Return the names of the questions, the latest first."""
        files = [file for file in self.folder.glob("*.yaml") if NAME.fullmatch(file.stem)]
        return [file.stem for file in sorted(files, key=lambda file: (-file.stat().st_mtime, file.stem))]

    def read(self, name: str) -> Question:
        """Return a question as it stands now, also where it was edited by hand.

        Raises
        ------
        UnknownNameError
            If there is none of this name.
        """
        file = self.folder / f"{name}.yaml"
        if not NAME.fullmatch(name) or not file.is_file():
            raise UnknownNameError(f"got the question '{name[:60]}', expected one that there is")
        return Question(name, file, utf8_text(file))

    def create(self, title: str, layers: Sequence[str] = ()) -> Question:
        """Return a new question over the base, with the services of some trials added."""
        plain = _title(title)
        with self._lock:
            name = self._free_name(plain)
            document = load_yaml("{}", "rt")
            document.fa.set_block_style()
            document["extends"] = self._extends([self._layer(layer).file for layer in layers])
            document["title"] = plain
            document.yaml_set_start_comment(HEAD)
            return self._write(name, document)

    def take(self, title: str, text: str) -> Question:
        """Return a new question of YAML that somebody brings.

        Raises
        ------
        ConfigError
            If it extends something else than the base and its trials, names a path, or has faults.
        """
        document = load_yaml(text, "rt")
        if not isinstance(document, dict):
            raise ConfigError("expected keys with values (a map)")
        known = {layer.file.name: layer.file for layer in self.layers.values()} | {self.base.name: self.base}
        named = document.get("extends", [])
        named = named if isinstance(named, list) else [named]
        parts = [str(part).rpartition("/")[2] for part in named]
        if not parts or not all(part in known for part in parts):
            raise ConfigError(
                f"extends: got {', '.join(parts) or 'nothing'}, expected any of {', '.join(sorted(known))}"
            )
        require_no_paths({key: value for key, value in document.items() if key != "extends"})
        plain = _title(str(document.get("title") or title or "question"))
        with self._lock:
            document["extends"] = self._extends([known[part] for part in parts])
            document.pop("name", None)
            document["title"] = plain
            question = self._write(self._free_name(plain), document)
        try:
            question.scenario()
        except KeraError:
            question.file.unlink()
            raise
        return question

    def edit(self, name: str, version: str, change: Mapping[str, Any]) -> Question:
        """Change keys of a question and return it; comments of the file stay.

        `change` may have `set` (dotted key -> value as entered), `unset` (keys that go back to what is below), `add`
        and `drop` (trials), and `title`.

        Raises
        ------
        StaleError
            If the file is not of this version any more.
        ConfigError
            If a key or a value cannot be taken; nothing is changed then.
        """
        with self._lock:
            question = self.read(name)
            if question.version != version:
                raise StaleError(f"the question '{question.title}' was changed elsewhere; this is how it stands now")
            document = load_yaml(question.text, "rt")
            if "title" in change:
                document["title"] = _title(str(change["title"]))
            files = [layer.file for layer in self.layers_of(question) if layer.name not in change.get("drop", ())]
            files += [self._layer(layer).file for layer in change.get("add", ())]
            if change.get("add") or change.get("drop"):
                for layer in change.get("drop", ()):
                    for service in self._layer(layer).services:
                        _remove(document, ["services", service])
                document["extends"] = self._extends(list(dict.fromkeys(files)))
            for key in change.get("unset", ()):
                _remove(document, require_key(key).split("."))
            below = self.below(question)
            for key, given in change.get("set", {}).items():
                value = typed_value(_or_none(question), require_key(key), given)
                require_no_paths({key.rpartition(".")[2]: value}, key)
                if value == value_at(below, key):
                    _remove(document, key.split("."))
                else:
                    _put(document, key, value)
            return self._write(name, document)

    def layers_of(self, question: Question) -> list[Layer]:
        """Return the trials that a question extends."""
        files = {(self.folder / named).resolve() for named in question.extends}
        return [layer for layer in self.layers.values() if layer.file.resolve() in files]

    def below(self, question: Question) -> dict[str, Any]:
        """Return the settings of what a question extends, as plain values with every default."""
        key = tuple(question.extends)
        if key not in self._below:
            file = self.folder / f".below-{os.getpid()}-{get_ident()}.yaml"  # beside the question, where its paths lead
            try:
                file.write_text(f"extends: {list(key)!r}\n", encoding="utf-8")
                self._below[key] = load_scenario(file, ["name=below"]).model_dump(mode="json")
            finally:
                file.unlink(missing_ok=True)
        return self._below[key]

    def _layers(self) -> Iterator[Layer]:
        """Yield the trials beside the base that extend it and add services."""
        base = self.base_scenario
        for file in sorted((self.base.parent / "trials").glob("*.yaml")):
            try:
                named = load_yaml(utf8_text(file))
                extends = named.get("extends") if isinstance(named, dict) else None
                if not isinstance(extends, str) or (file.parent / extends).resolve() != self.base.resolve():
                    continue
                scenario = load_scenario(file)
            except (KeraError, ValueError):
                continue  # a file that `kera run` refuses is no start for a question
            added = tuple(name for name in scenario.services if name not in base.services)
            if added and scenario.area == base.area:
                yield Layer(file.stem, file, scenario.title or file.stem, added)

    def _layer(self, name: str) -> Layer:
        if name not in self.layers:
            raise UnknownNameError(
                f"got the trial '{str(name)[:60]}', expected one of {', '.join(self.layers) or 'none'}"
            )
        return self.layers[name]

    def _extends(self, files: Sequence[Path]) -> str | list[str]:
        """Return how a question names what it extends: shipped files as `configs/...`, others from its folder."""
        named = [_named(file, self.folder) for file in files or [self.base]]
        return named[0] if len(named) == 1 else named

    def _free_name(self, title: str) -> str:
        plain = unicodedata.normalize("NFKD", title.lower()).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or "question"
        stem = stem if stem[0].isalpha() else f"q_{stem}"
        taken = {file.stem for file in self.folder.glob("*.yaml")} | {self.base_scenario.name}
        numbers = (f"{stem}_{number}" for number in range(2, 10_000))
        return stem if stem not in taken else next(name for name in numbers if name not in taken)

    def _write(self, name: str, document: Any) -> Question:
        from ruamel.yaml import YAML

        yaml = YAML(typ="rt", pure=True)
        yaml.width = 1000
        text = io.StringIO()
        yaml.dump(document, text)
        load_yaml(text.getvalue())  # its limits hold for what is written too
        file = self.folder / f"{name}.yaml"
        with replacing(file) as partial:
            partial.write_text(text.getvalue(), encoding="utf-8")
        return Question(name, file, text.getvalue())


def require_no_paths(content: Any, where: str = "") -> None:
    """Return if no text of a configuration is a path: a browser may name nothing on the disk of this machine.

    Raises
    ------
    ConfigError
        With the key of the first one.
    """
    if isinstance(content, Mapping):
        for key, value in content.items():
            require_no_paths(str(key), where)
            if not (key in FREE_TEXT and isinstance(value, str)):
                require_no_paths(value, f"{where}.{key}".strip("."))
    elif isinstance(content, list | tuple):
        for value in content:
            require_no_paths(value, where)
    elif isinstance(content, str) and ("/" in content or "\\" in content or content.startswith(".")):
        raise ConfigError(
            f"{where}: got '{content[:60]}', expected no path: a browser cannot name files of this machine"
        )


def _leaves(content: Any, key: str) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        place = f"{key}.{name}" if key else str(name)
        if isinstance(value, dict) and value:
            yield from _leaves(value, place)
        else:
            yield place, value


def _title(text: str) -> str:
    plain = " ".join(text.split())
    if not plain or len(plain) > MOST_TITLE or not plain.isprintable():
        raise ConfigError(f"title: got {len(plain)} characters, expected 1 to {MOST_TITLE} that can be printed")
    return plain


def require_key(key: Any) -> str:
    """Return the dotted key of a setting that the page may change; raise ConfigError for anything else."""
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise ConfigError(f"got the key '{str(key)[:80]}', expected the dotted key of a setting")
    return key


def _or_none(question: Question) -> Scenario | None:
    try:
        return question.scenario()
    except KeraError:
        return None


def _named(file: Path, folder: Path) -> str:
    shipped = shipped_folder("configs").resolve()
    resolved = file.resolve()
    if resolved.is_relative_to(shipped):
        return f"configs/{resolved.relative_to(shipped).as_posix()}"
    return Path(os.path.relpath(resolved, folder.resolve())).as_posix()


def _put(document: Any, key: str, value: Any) -> None:
    from ruamel.yaml.comments import CommentedMap

    *above, last = key.split(".")
    place = document
    for part in above:
        if isinstance(place, list):
            place = place[int(part)] if part.isdecimal() and int(part) < len(place) else _no_entry(key)
            continue
        if not isinstance(place.get(part), dict | list):
            place[part] = CommentedMap()
        place = place[part]
    if isinstance(place, list):
        raise ConfigError(f"{key}: expected the key of a setting, not an entry of a list")
    place[last] = _flow(value)
    if form_of(key) in ("clock", "duration") and isinstance(value, int | float) and not isinstance(value, bool):
        place.yaml_add_eol_comment(written(value, key), last)


def _no_entry(key: str) -> Any:
    raise ConfigError(f"{key}: expected an entry of the list that there is")


def _remove(document: Any, keys: list[str]) -> None:
    """Remove a key and the maps above it that are empty then."""
    places = [document]
    for part in keys[:-1]:
        below = places[-1].get(part) if isinstance(places[-1], dict) else None
        if not isinstance(below, dict):
            return
        places.append(below)
    places[-1].pop(keys[-1], None)
    for place, part in zip(reversed(places[:-1]), reversed(keys[:-1]), strict=True):
        if place[part]:
            break
        del place[part]


def _flow(value: Any) -> Any:
    """Return plain values with each entry of a list on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, dict):
        entry = CommentedMap({name: _flow(below) for name, below in value.items()})
        entry.fa.set_flow_style()
        return entry
    if isinstance(value, list):
        entries = CommentedSeq([_flow(below) for below in value])
        if not any(isinstance(below, dict) for below in value):
            entries.fa.set_flow_style()
        return entries
    return value
