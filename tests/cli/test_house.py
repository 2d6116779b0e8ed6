"""The house keeps its floors: who may import whom, and what the path of a run never loads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter.cli import lint_imports_command as lint; sys.argv[0] = 'lint-imports'; lint()"
FLOORS = "A module imports only from the floors below its own"
HEAVY = ("osmnx", "geopandas", "networkx", "gtfs_kit", "pandas", "matplotlib", "pyvrp")
"""What only the builders and the pictures may load."""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a copy of the package that a test may spoil."""
    shutil.copytree(ROOT / "kera_mobility", tmp_path / "kera_mobility", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_every_module_stands_on_its_floor(house: Path) -> None:
    found = lint(house)
    assert found.returncode == 0, found.stdout
    assert f"{FLOORS} KEPT" in found.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("units.py", "import kera_mobility.results.events"),
        ("services/world.py", "import kera_mobility.simulation.scenario"),
        ("town/population/persons.py", "import kera_mobility.results.store"),
        ("attic.py", "import kera_mobility.units"),
    ],
)
def test_a_module_on_the_wrong_floor_is_noticed(house: Path, module: str, line: str) -> None:
    path = house / "kera_mobility" / module
    assert path.exists() == (module != "attic.py"), "the attic is a room that no floor has"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    found = lint(house)
    assert found.returncode != 0
    assert f"{FLOORS} BROKEN" in found.stdout


def test_a_circle_inside_a_folder_is_noticed(house: Path) -> None:
    with (house / "kera_mobility" / "units.py").open("a", encoding="utf-8") as file:
        file.write("\nimport kera_mobility.dice\n")
    assert "Inside a folder there are no circles BROKEN" in lint(house).stdout


def test_the_path_of_a_run_loads_no_builder_and_no_picture() -> None:
    code = f"import sys, kera_mobility.experiments; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
