"""The words are the field's: what people read has no turn of phrase for what has a term."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kera_mobility.results.compare.table import HEADINGS

ROOT = Path(__file__).parents[2]
TERMS = {
    r"\b(said|say|says) no\b(?! to)": "denied requests",
    r"nine (rides |laps |trips )?in ten|[Nn]ine in ten": "90th percentile",
    r"could see\b|would have been seen\.?\"": "minimum detectable effect",
    r"pairing gains": "variance reduction",
    r"by their own reckoning": "consumer surplus",
    r"[Ee]mpty driving|[Ee]mpty runs of": "empty kilometres",
}
"""A turn of phrase -> the term."""
EXEMPT = {"expectations.md", "report.js"}
"""What was written down before its result was known stays as it was."""


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module, or the lines of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from enumerate(text.splitlines(), start=1)
    else:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, node.value


FILES = [
    *(path for path in sorted((ROOT / "kera_mobility").rglob("*.py")) if "_shipped" not in path.parts),
    *sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md",
]  # fmt: skip


@pytest.mark.parametrize(("phrase", "term"), TERMS.items(), ids=TERMS.values())
def test_what_has_a_term_is_called_by_it(phrase: str, term: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: '{match[0]}', expected '{term}'"
        for path in FILES if path.name not in EXEMPT
        for line, text in texts_of(path) for match in re.finditer(phrase, text)
    ]  # fmt: skip
    assert found == []


def test_the_table_of_a_comparison_names_its_columns_by_the_terms() -> None:
    assert {"MDE", "variance reduction"} <= set(HEADINGS)


def test_a_phrase_is_found() -> None:
    assert re.search(next(iter(TERMS)), "scooter said no 3 times")
    assert not re.search(next(iter(TERMS)), "this says nothing")
