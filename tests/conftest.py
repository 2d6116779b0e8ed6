"""What every test may use."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# So that `tests.kit` is found however pytest was started; last, so that an installed package goes before a checkout.
sys.path.append(str(Path(__file__).parent.parent))

# A shell gives its background jobs a deaf ear for Ctrl-C, which is handed down to the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

REQUIRED = frozenset(name.strip() for name in os.environ.get("KERA_REQUIRE", "").split(",") if name.strip())
"""Optional things that may not be missing here; elsewhere their tests are skipped."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module on one worker where they share what is made once: a fixture, or a `@cache`."""
    if not items or not items[0].config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        if isinstance(item, pytest.Function) and _shares_something(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _shares_something(item: pytest.Function) -> bool:
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    functions = [value for value in vars(item.module).values() if hasattr(value, "cache_info")]
    return any(fixture[-1].scope == "module" for fixture in fixtures) or any(
        function.__module__ == item.module.__name__ for function in functions
    )


@pytest.fixture(scope="session")
def require() -> Callable[..., Any]:
    """Return `require(name, *modules)`: it imports what is optional and returns it, or skips the test and says why.

    `name` is a module, unless `modules` say which ones it stands for. Where `name` is in KERA_REQUIRE the test fails
    instead of being skipped.
    """

    def importing(name: str, *modules: str) -> Any:
        try:
            return [importlib.import_module(module) for module in modules or (name,)][-1]
        except ImportError as error:
            if name in REQUIRED:
                pytest.fail(f"{name} is in KERA_REQUIRE, but: {error}")
            pytest.skip(f"skipped what needs {name}: {error}")

    return importing


@pytest.fixture(scope="session")
def require_program() -> Callable[..., str]:
    """Return `require_program(name, *programs)`: the path of the first program that is here, or it skips or fails."""

    def finding(name: str, *programs: str) -> str:
        asked = os.environ.get(f"KERA_{programs[0].upper()}", "")
        found = next((path for path in map(shutil.which, [asked, *programs] if asked else programs) if path), None)
        if found is None and name in REQUIRED:
            pytest.fail(f"{name} is in KERA_REQUIRE, but there is no {programs[0]}")
        if found is None:
            pytest.skip(f"skipped what needs {name}: there is no {programs[0]}")
        return str(found)

    return finding


@pytest.fixture(scope="module")
def browser(require: Callable[..., Any], require_program: Callable[..., str]) -> Iterator[Any]:
    """Yield a real browser; without one the test is skipped or fails."""
    from tests.kit.browser import launched

    yield from launched(require, require_program)


@pytest.fixture(scope="session")
def require_file() -> Callable[..., Path]:
    """Return `require_file(name, path)`: the path if the file is here, or it skips or fails."""

    def finding(name: str, path: Path) -> Path:
        if not path.is_file() and name in REQUIRED:
            pytest.fail(f"{name} is in KERA_REQUIRE, but there is no {path.name} (npm ci in {path.parents[2].name}/)")
        if not path.is_file():
            pytest.skip(f"skipped what needs {name}: there is no {path.name}")
        return path

    return finding
