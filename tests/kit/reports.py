"""Small results to report on, made through the front door."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FEW = [f"--set=town.people.{setting}" for setting in ("residents=800", "jobs=300", "neighbours_within_m=600")]


def run_small(out: Path, scenario: str, seeds: str, *settings: str) -> Path:
    """Run a shipped scenario with few people and further settings, and return the folder of its runs."""
    command = [sys.executable, "-m", "kera_mobility", "run", str(ROOT / "configs" / f"{scenario}.yaml"), "--out",
               str(out), "--seeds", seeds, "--quiet", *FEW, *(f"--set={setting}" for setting in settings)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return out / Path(scenario).name
