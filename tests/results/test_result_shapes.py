"""A result without a manifest, being older, is told in one line where its maps lack what every reader needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kera_mobility as km
from kera_mobility.errors import ResultError
from tests.kit.reports import run_small


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small result as an older version wrote it."""
    folder = run_small(tmp_path_factory.mktemp("shapes"), "today", "1") / "seed-0001"
    meta = json.loads((folder / "run.json").read_text())
    del meta["sha256"]
    (folder / "run.json").write_text(json.dumps(meta))
    return folder


def without(name: str) -> Callable[[Any], Any]:
    return lambda content: {key: value for key, value in content.items() if key != name}


def with_(name: str, value: Any) -> Callable[[Any], Any]:
    return lambda content: {**content, name: value}


CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "no services": ("run.json", without("services")),
    "services that are a number": ("run.json", with_("services", 5)),
    "no scenario": ("run.json", without("scenario")),
    "a seed that is a word": ("run.json", with_("seed", "x")),
    "hashes that are a number": ("run.json", with_("input_hashes", 5)),
    "KPIs that are numbers": ("kpis.json", lambda content: [1, 2]),
    "KPIs that are null": ("kpis.json", lambda content: [None]),
    "KPIs without a value": ("kpis.json", lambda content: [without("value")(kpi) for kpi in content]),
    "values that are words": ("kpis.json", lambda content: [with_("value", "x")(kpi) for kpi in content]),
    "streets that are null": ("area.json", with_("streets", None)),
    "zones that are a map": ("area.json", with_("zones", {})),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_reader_tells_what_is_wrong_with_a_map(tmp_path: Path, result: Path, name: str) -> None:
    file_name, change = CHANGES[name]
    torn = tmp_path / "torn"
    shutil.copytree(result, torn)
    content = change(json.loads((torn / file_name).read_text()))
    (torn / file_name).write_text(json.dumps(content))
    readers: list[Callable[[], Any]] = [
        lambda: km.report([torn], tmp_path / "report.html"), lambda: km.compare(result, torn), lambda: km.explain(torn)
    ]  # fmt: skip
    if file_name == "area.json":
        readers = readers[:1]  # no other needs the map at once
    for read in readers:
        with pytest.raises(ResultError, match=rf"{file_name}: ") as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04"])
def test_arrays_that_are_none_are_told(tmp_path: Path, result: Path, content: bytes) -> None:
    shutil.copytree(result, tmp_path / "torn")
    (tmp_path / "torn" / "overnight.npz").write_bytes(content)
    with pytest.raises(ResultError, match=r"overnight\.npz: cannot be read"):
        km.load(tmp_path / "torn")
