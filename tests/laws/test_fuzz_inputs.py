"""Files that people bring, spoilt at random: refused in words or read within bounds, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kera_mobility.errors import NetworkError
from tools.fuzz import Target, fuzz, judged, place_of, small_area, targets, write_graphs

SUITE = list(targets())
SLOW = ("extract.osm", "streets.", "scenario.yaml", "gtfs/")
"""What takes a tenth of a second to read, and more."""
ROUNDS = {False: 8, True: 2}
"""Spoilt files of each name in the suite; `python -m tools.fuzz` goes on for an hour."""


@pytest.fixture
def area(tmp_path: Path) -> Path:
    small_area(tmp_path / "area")
    write_graphs(tmp_path / "area")
    return tmp_path / "area"


def test_the_small_area_is_read_as_it_is(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERA_CACHE", "")
    for name in SUITE:
        assert judged(targets()[name], area) == ("accepted", ""), name


@pytest.mark.parametrize("name", SUITE)
def test_a_spoilt_file_is_refused_in_words_or_read_within_its_bounds(name: str) -> None:
    counts = fuzz([name], seed=7, rounds=ROUNDS[name.startswith(SLOW)], seconds=20.0, keep=None)
    assert not {label: count for label, count in counts.items() if label.startswith("DEFECT")}
    assert counts.total() >= 1


def test_spoiling_is_the_same_for_the_same_seed_and_not_in_vain() -> None:
    names = ["cells.csv", "rail.geojson"]
    one, two = (fuzz(names, seed=seed, rounds=40, seconds=20.0, keep=None) for seed in (3, 3))
    assert one == two
    assert one["refused cells.csv"] > 10
    assert one["refused rail.geojson"] > 10


def test_every_shipped_reader_of_tables_is_fuzzed() -> None:
    from tools.docs_reference import table_schemas

    fuzzed = {Path(name).name for name in targets()} | {"travel_times.csv"}
    assert {Path(schema.name).name for schema in table_schemas()} <= fuzzed


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (None, "accepted"),
        (NetworkError("cells.csv:2: residents: got 'x', expected a number"), "refused"),
        (NetworkError("something is wrong"), "DEFECT"),
        (KeyError("residents"), "DEFECT"),
        (AssertionError("out of bounds"), "DEFECT"),
    ],
)
def test_a_defect_is_told_from_a_refusal(area: Path, raised: Exception | None, outcome: str) -> None:
    def read(folder: Path) -> None:
        if raised:
            raise raised

    found, report = judged(Target("cells.csv", read), area)
    assert found == outcome
    if isinstance(raised, KeyError):
        assert "KeyError" in place_of(report)


def test_the_fuzzer_keeps_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(folder: Path) -> None:
        raise ZeroDivisionError("no shares")

    monkeypatch.setattr("tools.fuzz.targets", lambda: {"cells.csv": Target("cells.csv", crash)})
    begin = time.monotonic()
    counts = fuzz(["cells.csv"], seed=1, rounds=2, seconds=20.0, keep=tmp_path)
    assert time.monotonic() - begin < 20.0
    assert sum(count for label, count in counts.items() if label.startswith("DEFECT cells.csv")) == 2
    assert sorted(os.listdir(tmp_path)) == ["1-0-cells.csv", "1-0-cells.csv.report"]
    assert "ZeroDivisionError" in (tmp_path / "1-0-cells.csv.report").read_text()
