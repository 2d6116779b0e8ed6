"""A few of the rounds of accidents that `python -m benchmarks.chaos` plays by the hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 4
"""One of each accident that every user can make: killed, a full disk, a harmed cache, two at once."""


def test_accidents_lose_nothing_that_is_finished_and_change_no_result() -> None:
    command = [sys.executable, "-m", "benchmarks.chaos", "--rounds", str(ROUNDS), "--seed", "3", "--plain"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert ended.stdout.count(": whole") == ROUNDS
