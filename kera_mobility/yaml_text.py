"""YAML text as values, with limits: a short file can stand for a huge one, or nest without an end."""

from __future__ import annotations

from functools import cache
from typing import Any

MAX_BYTES = 1_000_000
"""A longer file is no configuration. Assumption: the longest of ours has 15 kB."""
MAX_VALUES = 20_000
"""Aliases can make a short file huge; this is where it stops. Assumption: the longest of ours has 1,500 values."""
MAX_DEPTH = 40
"""Deeper nesting is a file that contains itself, or noise."""
MAX_SHOWN = 160
"""What the parser says about broken YAML is shown up to this length, characters."""
_CORE_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({"!", *(_CORE_TAG + kind for kind in ("str", "int", "float", "bool", "null", "map", "seq"))})


class YamlError(ValueError):
    """YAML text that cannot be read; `line` counts from 1, None where the parser does not know it."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        self.problem, self.line = problem, line
        super().__init__(problem if line is None else f"line {line}: {problem}")


def decoded(raw: bytes) -> str:
    """Return the text of a YAML file, without a byte order mark.

    Raises
    ------
    YamlError
        If it is not UTF-8, or longer than MAX_BYTES.
    """
    if len(raw) > MAX_BYTES:
        raise YamlError(f"longer than {MAX_BYTES} bytes, expected a configuration of a few pages")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlError(f"not UTF-8 text: byte 0x{raw[error.start]:02x}", line) from None


def load_yaml(text: str, kind: str = "safe") -> Any:
    """Return what YAML text holds: plain values, or with the kind `rt` values that know their lines.

    Raises
    ------
    YamlError
        If it is broken, names another type than plain ones, or goes over a limit with its aliases written out.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    yaml = YAML(typ=kind, pure=True)
    yaml.Parser = _limited(yaml.Parser)
    try:
        return yaml.load(text)
    except YamlError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _one_line(error.problem or error.context or "cannot be parsed")
        raise YamlError(f"broken YAML: {problem}", mark.line + 1 if mark else None) from None
    except ValueError as error:  # a date that no calendar has, a number that no memory holds
        raise YamlError(f"broken YAML: {_one_line(error)}") from None
    except Exception as error:  # the parser has faults of its own; whatever it raises is about this text
        raise YamlError(f"broken YAML: {_one_line(error) or type(error).__name__}") from None


def _one_line(error: object) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


@cache
def _limited(parser: Any) -> Any:
    """Return a parser of ruamel that stops at the limits, before anything is built of what it read."""
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, ScalarEvent

    class Limited(parser):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._open: list[tuple[str | None, int]] = []  # anchors of the collections around, and values before each
            self._values = 0
            self._values_by_anchor: dict[str, int] = {}

        def get_event(self) -> Any:
            event = super().get_event()
            if isinstance(event, CollectionEndEvent):
                anchor, before = self._open.pop()
                if anchor is not None:
                    self._values_by_anchor[anchor] = self._values - before
            elif isinstance(event, DocumentStartEvent) and event.version and event.version < (1, 2):
                problem = (
                    "got a file of YAML 1.1, in which 23:00 is 1380 and no is false; expected %YAML 1.2 or no such line"
                )
                raise YamlError(problem, event.start_mark.line + 1)
            elif isinstance(event, AliasEvent | ScalarEvent | CollectionStartEvent):
                self._count(event)
            return event

        def _count(self, event: Any) -> None:
            line = event.start_mark.line + 1
            tag = str(getattr(event, "tag", None) or "!")
            if tag not in _PLAIN_TAGS:
                shown = tag.replace(_CORE_TAG, "!!")
                raise YamlError(f"got a value of type '{shown}', expected text, a number, true or false", line)
            if isinstance(event, AliasEvent):
                if event.anchor in [anchor for anchor, _ in self._open]:
                    raise YamlError(f"broken YAML: the alias '{event.anchor}' contains itself", line)
                self._values += self._values_by_anchor.get(event.anchor, 1)
            else:
                if event.anchor in self._values_by_anchor:  # the parser would warn over several lines
                    raise YamlError(f"broken YAML: the anchor '{event.anchor}' stands twice", line)
                if isinstance(event, CollectionStartEvent):
                    self._open.append((event.anchor, self._values))
                elif event.anchor is not None:
                    self._values_by_anchor[event.anchor] = 1
                self._values += 1
            if len(self._open) > MAX_DEPTH:
                raise YamlError(f"broken YAML: more than {MAX_DEPTH} levels", line)
            if self._values > MAX_VALUES:
                raise YamlError(f"broken YAML: more than {MAX_VALUES} values, with its aliases written out", line)

    return Limited
