"""Files appear complete or not at all, and what a dead process left is removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kera_mobility.files import parse_yaml, replacing, sweep


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed(code: str) -> str:
    """Run code in another process until it prints a line, kill it, and return the line."""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode().strip()
        process.kill()
    return line


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


@pytest.mark.parametrize("set_aside", [False, True])
def test_the_leftovers_of_a_killed_process_are_removed(tmp_path: Path, set_aside: bool) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "run.json").touch()
    killed(
        "from kera_mobility import files, locks; from pathlib import Path\n"
        f"target = Path({str(target)!r})\n"
        "with files.replacing(target) as partial:\n"
        "    partial.mkdir()\n"
        f"    if {set_aside}: target.rename(partial.parent / files._OLD)\n"
        "    print(partial.parent, flush=True); input()\n"
    )
    (tmp_path / ".run.notes.partial").mkdir()
    sweep(target)
    assert names(tmp_path) == [".run.notes.partial", "run"]
    assert names(target) == ["run.json"]


def test_broken_yaml_is_reported_in_one_line() -> None:
    with pytest.raises(ValueError, match="line 1: broken YAML") as caught:
        parse_yaml("a: [1, 2")
    assert "\n" not in str(caught.value)
