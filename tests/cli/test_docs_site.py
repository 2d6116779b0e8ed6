"""The documentation builds as a site in which every link leads somewhere and nothing is asked of another host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FEW = {"residents": 150, "jobs": 50, "neighbours_within_m": 0}


@pytest.fixture(scope="module")
def site(require: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site as it is built from this checkout."""
    require("mkdocs", "mkdocs", "material", "mkdocstrings")
    return built(ROOT, tmp_path_factory.mktemp("site"))


def built(folder: Path, out: Path) -> Path:
    done = build(folder, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def build(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def page(site: Path, name: str) -> str:
    return (site / name / "index.html").read_text(encoding="utf-8")


def test_the_reference_has_what_the_code_has(site: Path) -> None:
    settings = page(site, "reference/settings")
    assert "services.&lt;name&gt;" in settings
    assert "How many scooters there are" in settings
    assert "scooter.rides" in page(site, "reference/kpis")
    assert "charge" in page(site, "reference/events")
    assert "--seeds" in page(site, "reference/command_line")
    assert "simulate" in page(site, "reference/python")
    assert "chance" in page(site, "decisions/0001-addressed-chance")


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]+src=\"(https?:[^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]+rel=\"(?:stylesheet|preconnect|preload)\"[^>]+href=\"(https?:[^\"]+)\"", text)
        assert not loaded, file
    styles = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert not re.findall(r"(?:@import|url\()\s*[\"']?https?:", styles)


def test_a_broken_link_fails_the_build(require: Callable[..., Any], tmp_path: Path) -> None:
    require("mkdocs", "mkdocs", "material", "mkdocstrings")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md)\n", encoding="utf-8")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings = settings[: settings.index("nav:")].replace("hooks: [tools/docs_reference.py]\n", "")
    (tmp_path / "mkdocs.yml").write_text(settings, encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stdout + done.stderr


def test_the_tutorial_can_be_typed_as_it_stands(require: Callable[..., Any], tmp_path: Path) -> None:
    require("matplotlib")
    text = (ROOT / "docs" / "tutorials" / "first_trial.md").read_text(encoding="utf-8")
    (scenario,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "fleet80.yaml").write_text(scenario, encoding="utf-8")
    for folder in ("configs", "networks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.graphml"))
    district = tmp_path / "configs" / "finished.yaml"  # with few people, so that every command is typed as it stands
    settings = YAML().load(district)
    settings["town"]["people"] |= FEW
    YAML().dump(settings, district)
    commands = re.findall(r"^kera (.+)$", text, re.MULTILINE)
    assert len(commands) == 9
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "kera_mobility", *command.split()],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
    assert (tmp_path / "trips-by-hour.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "scooters.html").stat().st_size > 100_000
