"""The wheel is whole: installed far from the checkout, it runs from an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.config.resources import LIBRARIES

ROOT = Path(__file__).parents[2]
FEW = [f"--set=town.people.{what}" for what in ("residents=40", "jobs=20", "neighbours_within_m=0")]
"""A scenario with few people, to be quick."""


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, env={**known, **environment}
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, require: Callable[..., Any]) -> Path:
    """Return the wheel, built by way of the source distribution, as a release would be."""
    require("wheel", "build", "hatchling")
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has the wheel and its dependencies, but not the checkout."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    made = run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=wheel.parent)
    assert made.returncode == 0, made.stderr
    purelib = next((folder / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(purelib)
    # The dependencies are those of this environment. A plain path entry reads no .pth file of the folder it names, so
    # an editable install of the checkout there stays unseen.
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin" / "python"


def test_the_wheel_carries_code_configs_networks_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in (
        "kera_mobility/py.typed",
        "kera_mobility/results/report/assets/page.html",
        "kera_mobility/results/report/assets/report.js",
        "kera_mobility/results/report/assets/licences.txt",
        "kera_mobility/serve/assets/page.js",
        "kera_mobility/serve/words/fi.json",
        "kera_mobility/serve/planner_keys.yaml",
        "kera_mobility/_shipped/configs/base.yaml",
        "kera_mobility/_shipped/configs/trials/all.yaml",
        "kera_mobility/_shipped/networks/LICENSE.md",
        "kera_mobility/_shipped/networks/kera/area.yaml",
    ):
        assert name in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "tools/", "results/"))]


def test_the_source_distribution_carries_the_tools_that_made_the_data(wheel: Path) -> None:
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tools/infer_streets/__main__.py", "tools/population_cells.py"} <= names


def test_the_installed_package_is_not_the_checkout(python: Path, tmp_path: Path) -> None:
    found = run(python, "-c", "import kera_mobility; print(kera_mobility.__file__)", cwd=tmp_path)
    assert Path(found.stdout.strip()).is_relative_to(python.parents[1]), found.stderr


def test_the_installed_command_runs_a_shipped_scenario_from_an_empty_folder(python: Path, tmp_path: Path) -> None:
    entry = "from kera_mobility.cli import main; main()"
    found = run(python, "-c", entry, "run", "configs/trials/all.yaml", "--quiet", *FEW, cwd=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert (tmp_path / "results" / "all" / "seed-0001" / "kpis.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_what_decides_on_results_is_there_in_every_install() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    core = {re.split(r"[<>=~! ]", requirement)[0] for requirement in declared}
    assert set(LIBRARIES) <= core, "or what a core install made is of other code once more is installed"
