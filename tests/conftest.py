"""What every test may use."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

REQUIRED = frozenset(name.strip() for name in os.environ.get("KERA_REQUIRE", "").split(",") if name.strip())
"""Optional things that may not be missing here; elsewhere their tests are skipped."""


def skip_unless_required(name: str, why: str) -> None:
    """Skip the test and say what was skipped; fail instead where `name` stands in KERA_REQUIRE."""
    if name in REQUIRED:
        pytest.fail(f"{name} is in KERA_REQUIRE, but: {why}")
    pytest.skip(f"skipped what needs {name}: {why}")


@pytest.fixture
def require() -> Callable[[str], Any]:
    """Return a function that imports an optional module by name, or skips the test."""

    def importing(name: str) -> Any:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            skip_unless_required(name, str(error))

    return importing
