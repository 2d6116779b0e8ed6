"""An audit of the packages says what is known to be weak, and does not take what it could not look up for sound."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tools.audit import CLEAN, UNKNOWN, WEAK, told

SOUND = {"name": "simpy", "version": "4.1.2", "vulns": []}
SKIPPED = {"name": "tqdm", "skip_reason": "Dependency not found: tqdm (4.70.1)"}
ADVISORY = {"id": "PYSEC-2099-1", "fix_versions": ["2.0", "2.1"], "aliases": ["CVE-2099-1"], "description": "..."}
BAD = {"name": "jinja2", "version": "1.0", "vulns": [ADVISORY, {"id": "PYSEC-2099-2", "fix_versions": []}]}


@pytest.mark.parametrize(
    ("packages", "code"),
    [([SOUND], CLEAN), ([SOUND, BAD], WEAK), ([SOUND, SKIPPED], UNKNOWN), ([SKIPPED, BAD], WEAK), ([], UNKNOWN)],
)
def test_only_packages_that_were_all_looked_up_are_sound(packages: list[dict[str, Any]], code: int) -> None:
    assert told({"dependencies": packages})[1] == code


def test_each_weakness_is_said_with_what_mends_it() -> None:
    lines, _ = told({"dependencies": [SOUND, BAD, SKIPPED]})
    assert lines == [
        "jinja2 1.0: PYSEC-2099-1 (CVE-2099-1); mended in 2.0, 2.1",
        "jinja2 1.0: PYSEC-2099-2; mended in no version yet",
        "1 of 3 packages could not be looked up: Dependency not found: tqdm (4.70.1)",
        "2 known weaknesses in the 2 packages that could be looked up",
    ]


def test_every_pin_is_one_exact_version_so_that_it_can_be_looked_up() -> None:
    lines = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
