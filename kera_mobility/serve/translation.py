"""What the model says, in the languages of the page: the basis of a setting, faults, notices and warnings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kera_mobility.files import read_yaml

CATALOGUE = Path(__file__).parent / "words" / "model.json"
_KEYED = re.compile(r"(?P<where>\S+\.yaml(?::\d+)?: )?(?P<key>[\w.]+): (?P<rest>.+)")
_FAULT = re.compile(r"(?:got (?P<found>.+?)|(?P<missing>missing)), expected (?P<expected>.+)", re.DOTALL)


@cache
def planner_keys() -> Mapping[str, list[dict[str, str]]]:
    """Return what a planner changes first, by kind of service."""
    keys: dict[str, list[dict[str, str]]] = read_yaml(Path(__file__).parent / "planner_keys.yaml")
    return keys


@cache
def _catalogue() -> Mapping[str, Any]:
    """Return `texts` by English text, and `patterns` as [expression, texts] where a text holds numbers or names."""
    content: Mapping[str, Any] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    return content


def in_languages(text: str) -> dict[str, str]:
    """Return a text of the model by language; a language that lacks it is left out, and the page shows the English."""
    return {"en": text} | {code: told for code in _catalogue()["languages"] if (told := _told(text, code))}


def fault_texts(problem: str) -> dict[str, str]:
    """Return faults, one a line, as `key: got this, expected that` by language; keys by their names on the page."""
    texts = {"en": problem}
    for code in _catalogue()["languages"]:
        lines = [_line(line, code) for line in problem.splitlines()]
        if lines and all(lines):
            texts[code] = "\n".join(lines)
    return texts


def _line(line: str, code: str) -> str:
    parts = _KEYED.fullmatch(line)
    if parts is None:
        return _told(line, code)
    told = _told(parts["rest"], code) or _fault(parts["rest"], code)
    return f"{parts['where'] or ''}{_label(parts['key'], code)}: {told}" if told else _told(line, code)


def _label(key: str, code: str) -> str:
    """Return the name of a setting; the key itself where the page has none for it."""
    service, _, rest = key.removeprefix("services.").partition(".")
    kinds = planner_keys()
    listed = [*kinds.get(service, ()), *(entry for entries in kinds.values() for entry in entries)]
    return next((entry[code] for entry in listed if entry["key"] in (rest, key)), key)


def _fault(rest: str, code: str) -> str:
    parts = _FAULT.fullmatch(rest)
    expected = _told(parts["expected"], code) if parts else ""
    if not parts or not expected:
        return ""
    words = _catalogue()["fault"][code]
    if parts["missing"]:
        return str(words["missing"]).format(expected=expected)
    found = parts["found"]
    return str(words["got"]).format(found=_told(found, code) or found, expected=expected)


def _told(text: str, code: str) -> str:
    """Return a text in a language, by itself or by its pattern; empty if there is none."""
    if text in _catalogue()["texts"]:
        return str(_catalogue()["texts"][text][code])
    for expression, texts in _catalogue()["patterns"]:
        if found := re.fullmatch(expression, text, re.DOTALL):
            return str(texts[code]).format(*found.groups())
    return ""
