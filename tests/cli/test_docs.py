"""What the pages say is there: tests, functions, columns, floors, links, and examples that run."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
EXTEND = (ROOT / "docs" / "how-to" / "extend.md").read_text(encoding="utf-8")
MODEL = (ROOT / "docs" / "explanation" / "model.md").read_text(encoding="utf-8")
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "decisions").glob("*.md")])
PEOPLE = ("residents=150", "jobs=50", "neighbours_within_m=0")
FEW = tuple(word for people in PEOPLE for word in ("--set", f"town.people.{people}"))


def test_every_test_that_the_model_names_exists() -> None:
    named = re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", MODEL)
    assert len(named) > 30
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, test)


def test_every_function_that_the_model_names_exists() -> None:
    rows = re.findall(r"^\| (?:E\d+|\w[\w ]*) \| (`[\w.]+`.*?) \| (?:`\w+/test_|not yet)", MODEL, re.MULTILINE)
    assert len(rows) > 30
    for row in rows:
        for dotted in re.findall(r"`([\w.]+\.[\w.]+)`", row):
            assert found(dotted), dotted


def found(dotted: str) -> bool:
    """Return whether a name such as `town.population.land_use.Gravity.of` leads to something."""
    parts = dotted.split(".") if dotted.startswith("tools.") else ["kera_mobility", *dotted.split(".")]
    for length in range(len(parts), 1, -1):
        try:
            module = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        try:
            reduce(getattr, parts[length:], module)
        except AttributeError:
            return False
        return True
    return False


def test_every_equation_has_one_place_and_one_row() -> None:
    text, table = MODEL.split("## Equation, function, test")
    defined = re.findall(r"^- \*\*(E\d+)\*\*|\| (E1[1-6]|E13) \|", text, re.MULTILINE)
    numbers = [first or second for first, second in defined]
    rows = re.findall(r"^\| (E\d+) \|", table, re.MULTILINE)
    assert set(numbers) == set(rows)
    assert len(rows) == len(set(rows)) >= 55


def test_the_floors_are_those_that_are_kept() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    kept = [re.findall(r"\w+", floor) for floor in project["tool"]["importlinter"]["contracts"][0]["layers"]]
    drawn = dict(re.findall(r"^(\d+) +(.+)$", ARCHITECTURE.split("```")[1], re.MULTILINE))
    floors = [drawn[str(number)] for number in range(len(drawn) - 1, -1, -1)]
    assert len(floors) == len(kept)
    for names, line in zip(kept, floors, strict=True):
        missing = set(names) - {"__main__"} - set(re.findall(r"\w+", line))
        assert not missing, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pages_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        generated = "reference/" in target  # the site is built by test_docs_site, where a broken link fails
        there = target[1:] in headings if target.startswith("#") else generated or (page.parent / target).exists()
        assert there, target
    for path in re.findall(r"`((?:docs|decisions|configs|tests)/[\w./-]+\.\w+)`", text):
        assert (ROOT / path).exists(), path


def test_the_examples_of_extension_are_one_file_each_and_run(tmp_path: Path) -> None:
    for name in ("kera_mobility", "configs", "networks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "gtfs", "*.graphml"))
    examples = re.findall(r"`(kera_mobility/[\w/]+\.py)`:\n\n```python\n(.*?)```", EXTEND, re.DOTALL)
    assert len(examples) == 3
    for path, code in examples:
        assert not (tmp_path / path).exists()
        (tmp_path / path).write_text(code, encoding="utf-8")
    scenario = re.search(r"```yaml\n(.*?)```", EXTEND, re.DOTALL)
    assert scenario is not None
    (tmp_path / "taxi.yaml").write_text(scenario.group(1), encoding="utf-8")
    kpis = run_there(tmp_path, "run", "taxi.yaml", "--json", *FEW)["runs"][0]["kpis"]
    values = {kpi["id"]: kpi["value"] for kpi in kpis}
    assert values["taxi.rides"] > 0
    assert values["taxi.revenue_eur"] > 0
    assert 0 < values["long_walk_share"] < 1
    assert "SwapAllSettings" in run_there(tmp_path, "schema")["$defs"]


def run_there(folder: Path, *arguments: str) -> Any:
    """Return what `kera` prints as JSON when the package in a folder runs."""
    command = [sys.executable, "-m", "kera_mobility", *arguments]
    found = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder)}
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)
