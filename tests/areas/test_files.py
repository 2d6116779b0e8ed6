"""Files appear complete or not at all, and what a dead process left is removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.files import CACHE_VARIABLE, computed_once, parse_yaml, replacing, sweep
from kera_mobility.town.streets.skims import skims_of
from tests.kit.hamlet import hamlet_streets


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_older_one_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.txt"
    for text in ("first", "second"):
        with replacing(target) as partial:
            partial.write_text(text)
        assert target.read_text() == text
    assert names(target.parent) == ["result.txt"]


def test_a_folder_takes_the_place_of_the_older_one_with_all_its_files(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with replacing(tmp_path / "run") as partial:
            partial.mkdir()
            (partial / text).touch()
        assert names(tmp_path / "run") == [text]
    assert names(tmp_path) == ["run"]


def test_what_fails_halfway_leaves_the_older_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    target.write_text("older")
    with pytest.raises(ValueError, match="surrogates"), replacing(target) as partial:
        partial.write_text("half of \udcff", encoding="utf-8")
    assert target.read_text() == "older"
    assert names(tmp_path) == ["result.txt"]


def test_the_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    dead = 2**30
    (tmp_path / f".run.{dead}.a1b2.partial").mkdir()
    (tmp_path / f".run.{dead}.old").mkdir()
    (tmp_path / f".run.{dead}.old" / "run.json").touch()
    (tmp_path / ".run.notes.partial").mkdir()
    sweep(tmp_path / "run")
    assert names(tmp_path) == [".run.notes.partial", "run"]
    assert names(tmp_path / "run") == ["run.json"]


def test_broken_yaml_is_reported_in_one_line() -> None:
    with pytest.raises(ValueError, match="line 1: broken YAML") as caught:
        parse_yaml("a: [1, 2")
    assert "\n" not in str(caught.value)


def stored(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def test_a_cached_file_is_computed_once_and_again_if_it_is_torn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "cache" / "numbers.json"
    computed: list[int] = []

    def compute() -> list[int]:
        computed.append(1)
        return [1, 2, 3]

    def cached() -> Any:
        return computed_once(file, stored, compute, lambda content, path: path.write_text(json.dumps(content)))

    assert (cached(), cached(), len(computed)) == ([1, 2, 3], [1, 2, 3], 1)
    file.write_text("[1, 2")
    assert not caplog.messages
    assert (cached(), cached(), len(computed)) == ([1, 2, 3], [1, 2, 3], 2)
    (message,) = caplog.messages
    assert message.startswith(f"{file}: cannot be read, is computed again (")
    assert names(file.parent) == ["numbers.json"]


def test_a_cache_that_cannot_be_written_or_is_off_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for file in (None, tmp_path / "a file" / "numbers.json"):
        assert computed_once(file, stored, lambda: [4], lambda content, path: path.write_text("[4]")) == [4]


def test_processes_that_begin_at_once_leave_one_complete_folder(tmp_path: Path) -> None:
    def write(number: int, folder: Path) -> None:
        folder.mkdir()
        (folder / "number.json").write_text(str(number))

    def compute(number: int) -> int:
        if number == 1:  # the other one begins and ends while this one computes
            assert cached(2) == 2
        return number

    def cached(number: int) -> Any:
        return computed_once(
            tmp_path / "tables", lambda folder: stored(folder / "number.json"), lambda: compute(number), write
        )

    assert cached(1) == 1
    assert names(tmp_path) == ["tables"]
    assert cached(3) == 1


@pytest.mark.parametrize("name", ["walk_m.npy", "drive_s.npy"])
def test_torn_tables_of_shortest_paths_are_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    streets = hamlet_streets()
    expected = {field: np.array(table) for field, table in vars(skims_of(streets)).items()}
    (file,) = (tmp_path / "cache" / "skims").rglob(name)
    file.write_bytes(file.read_bytes()[:100])
    for field, table in vars(skims_of(streets)).items():
        np.testing.assert_array_equal(table, expected[field])
    assert file.stat().st_size > 100
