"""The table of mechanisms says what is there: every key stands in the schema, every test exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kera_mobility.simulation.scenario import schema

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "mechanisms.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| Mechanism")
]


def keys(node: Any) -> Iterator[str]:
    """Yield the names of all properties in a JSON Schema."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for value in node.values():
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


def test_every_key_of_a_mechanism_is_in_the_schema() -> None:
    known = set(keys(schema()))
    named = {key for row in ROWS for key in re.findall(r"`(\w+)`", row[1])}
    assert len(named) > 40
    assert named <= known, named - known


def test_every_mechanism_says_how_it_is_switched_off_and_where_it_is_worked_out() -> None:
    assert len(ROWS) > 50
    for name, key, off, test in ROWS:
        assert key.startswith("`"), name
        assert off, name
        file, function = re.fullmatch(r"`(\w+/test_\w+\.py)::(test_\w+)`", test).groups()  # type: ignore[union-attr]
        assert f"def {function}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, function)
