"""The cache costs time when it fails, never a run and never a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from kera_mobility import cache, ledger
from kera_mobility.cache import CACHE_VARIABLE, ENTRY, PARTIAL, SIZE_VARIABLE, clear, computed_once, usage
from kera_mobility.cli import command_line, main
from kera_mobility.locks import LOCK, holding, is_abandoned, working_folder
from kera_mobility.town.streets.skims import skims_of
from tests.kit.hamlet import hamlet_streets

WAITING = "import sys; print('ready', flush=True); sys.stdin.readline()"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def other_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Yield `other_process(code)`: Python code that runs beside, is waited for until it says `ready`, and is ended."""
    begun: list[subprocess.Popen[str]] = []

    def begin(code: str, *before: str) -> subprocess.Popen[str]:
        command = [*before, sys.executable, "-c", code]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def numbers(made: list[int], value: int = 3, key: str = "key", kind: str = "numbers", **more: Any) -> list[int]:
    """Return three numbers from the cache; `made` grows each time that they are computed."""

    def compute() -> list[int]:
        made.append(1)
        return [1, 2, value]

    def read(folder: Path) -> list[int]:
        content: list[int] = json.loads((folder / "numbers.json").read_text())
        return content

    def write(content: list[int], folder: Path) -> None:
        (folder / "numbers.json").write_text(json.dumps(content))

    return computed_once(kind, key, read, compute, write, **more)


def left_behind(root: Path) -> list[str]:
    """Return the names of temporary folders and locks."""
    return sorted(path.name for path in [*(root / PARTIAL).iterdir(), *root.glob("*/.*.lock")])


def test_what_is_kept_is_computed_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    made: list[int] = []
    assert (numbers(made), numbers(made), len(made)) == ([1, 2, 3], [1, 2, 3], 1)
    assert not caplog.messages
    assert left_behind(root) == []
    assert sorted(path.name for path in (root / "numbers" / "key").iterdir()) == [ENTRY, "numbers.json"]


HARM: dict[str, Callable[[Path], object]] = {
    "truncated": lambda file: os.truncate(file, file.stat().st_size // 2),
    "empty": lambda file: os.truncate(file, 0),
    "zeroed": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "a bit": lambda file: file.write_bytes(file.read_bytes()[:-2] + bytes([file.read_bytes()[-2] ^ 1]) + b"]"),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b" "),
    "missing": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("name", [ENTRY, "numbers.json"])
@pytest.mark.parametrize("harm", HARM)
def test_what_is_not_as_it_was_written_is_computed_again_and_said_in_one_line(
    root: Path, caplog: pytest.LogCaptureFixture, harm: str, name: str
) -> None:
    made: list[int] = []
    numbers(made)
    HARM[harm](root / "numbers" / "key" / name)
    assert (numbers(made), len(made)) == ([1, 2, 3], 2)
    messages = set(caplog.messages)
    assert len(messages) == 1
    assert "is not as it was written, is computed again" in messages.pop()
    assert (numbers(made), len(made)) == ([1, 2, 3], 2)
    assert left_behind(root) == []


@pytest.mark.parametrize("harm", ["truncated", "empty", "zeroed"])
@pytest.mark.parametrize("name", ["walk_m.npy", "drive_s.npy"])
def test_torn_tables_of_shortest_paths_are_computed_again(root: Path, name: str, harm: str) -> None:
    streets = hamlet_streets()
    expected = {field: np.array(table) for field, table in vars(skims_of(streets)).items()}
    (file,) = (root / "skims").rglob(name)
    HARM[harm](file)
    for field, table in vars(skims_of(streets)).items():
        np.testing.assert_array_equal(table, expected[field])


def test_an_entry_from_other_inputs_is_computed_again_and_brings_its_inputs(root: Path, tmp_path: Path) -> None:
    made: list[int] = []
    file = tmp_path / "area" / "cells.csv"
    file.parent.mkdir()
    roots = {"area": file.parent}

    def from_file() -> tuple[list[int], dict[str, str]]:
        with ledger.recording() as before:
            ledger.read_bytes(file)
        with ledger.recording() as opened:
            return numbers(made, inputs=before, roots=roots), opened.named(roots)

    for text, times in (("a", 1), ("b", 2)):
        file.write_text(text)
        cold, warm = from_file(), from_file()
        assert cold == warm
        assert list(warm[1]) == ["area/cells.csv"]
        assert len(made) == times


def test_a_cache_that_is_off_or_cannot_be_made_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    for place, lines in (("", 0), (str(tmp_path / "file"), 1), (str(tmp_path / "file" / "below"), 1)):
        monkeypatch.setenv(CACHE_VARIABLE, place)
        caplog.clear()
        made: list[int] = []
        assert (numbers(made), numbers(made), len(made)) == ([1, 2, 3], [1, 2, 3], 2)
        assert len(set(caplog.messages)) == lines


BOTH = """
import sys
from pathlib import Path
from kera_mobility.cache import computed_once
def compute():
    print("computing", flush=True)
    sys.stdin.readline()
    return "content"
read = lambda folder: (folder / "text").read_text()
write = lambda content, folder: (folder / "text").write_text(content)
print("ready", flush=True)
print(computed_once("texts", "key", read, compute, write), flush=True)
"""


def test_of_two_processes_that_begin_at_once_one_computes_and_both_have_it(
    root: Path, other_process: Callable[..., subprocess.Popen[str]]
) -> None:
    first = other_process(BOTH)
    assert first.stdout is not None
    assert first.stdout.readline() == "computing\n"
    second = other_process(BOTH)
    time.sleep(0.3)
    said, _ = first.communicate("go\n", timeout=60)
    assert said == "content\n"
    said, _ = second.communicate("go\n", timeout=60)
    assert said == "content\n"
    assert left_behind(root) == []


def test_a_killed_process_neither_blocks_the_next_one_nor_leaves_anything(
    root: Path, other_process: Callable[..., subprocess.Popen[str]]
) -> None:
    code = BOTH.replace('return "content"', 'return "half"').replace(
        "write_text(content)", 'write_text(content) and print("written", flush=True) or sys.stdin.readline()'
    )
    process = other_process(code)
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    process.stdin.write("go\n")
    process.stdin.flush()
    assert [process.stdout.readline() for _ in range(2)] == ["computing\n", "written\n"]
    process.kill()
    process.wait()
    assert len(left_behind(root)) == 2
    made: list[int] = []
    began_s = time.monotonic()
    assert numbers(made, kind="texts") == [1, 2, 3]
    assert time.monotonic() - began_s < cache.SAID_AFTER_S
    assert left_behind(root) == []


HOLDING = """
import sys
from pathlib import Path
from kera_mobility.locks import working_folder
with working_folder(Path(sys.argv[1]), "entry."):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("container", [False, True])
def test_what_another_process_or_container_is_writing_is_left_alone_until_it_is_dead(
    root: Path, other_process: Callable[..., subprocess.Popen[str]], container: bool
) -> None:
    """In another PID namespace the writer has a number that is nobody's here."""
    before = ["unshare", "--pid", "--fork", "--kill-child", "--map-root-user", "--user"] if container else []
    if container and subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no PID namespaces here")
    (root / PARTIAL).mkdir(parents=True)
    process = other_process(HOLDING.replace("sys.argv[1]", repr(str(root / PARTIAL))), *before)
    (folder,) = (root / PARTIAL).iterdir()
    assert not is_abandoned(folder)
    numbers([])
    clear()
    assert (folder / LOCK).is_file()
    process.kill()
    process.wait()
    for _ in range(100):  # the child of `unshare` dies a moment later
        if is_abandoned(folder):
            break
        time.sleep(0.05)
    clear()
    assert not folder.exists()


def test_the_work_of_another_host_whose_locks_are_not_seen_here_is_left_alone_for_a_day(tmp_path: Path) -> None:
    folder = tmp_path / "entry.x.partial"
    folder.mkdir()
    assert not is_abandoned(folder)  # it has no lock yet
    (folder / LOCK).write_text("elsewhere 0000-0000")
    for age_h, dead in ((0, False), (23, False), (25, True)):
        moment = time.time() - 3600.0 * age_h
        os.utime(folder, (moment, moment))
        assert is_abandoned(folder) == dead


def test_a_lock_is_had_by_one_at_a_time_and_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with holding(file, 0.0) as first, holding(file, 0.1) as second:
        assert (first, second) == (True, False)
    with holding(file, 0.0) as again:
        assert again
    assert not file.exists()


def test_a_working_folder_is_removed_also_where_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), working_folder(tmp_path, "x."):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


AS_NOBODY = """
import json, os, sys
import kera_mobility.cache
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.stdin = open(os.devnull)
"""


def other_user(code: str) -> subprocess.CompletedProcess[str]:
    """Run code as another user; the test is skipped where that is not permitted."""
    if os.geteuid() != 0:
        pytest.skip("only root may be somebody else")
    command = [sys.executable, "-c", AS_NOBODY + code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


@pytest.fixture
def common(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a cache that every user can reach."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        home = Path(place) / "cache"
        home.mkdir()
        monkeypatch.setenv(CACHE_VARIABLE, str(home))
        yield home


COUNTED = BOTH.replace("    sys.stdin.readline()\n", "")


def test_two_users_share_a_cache_whose_folder_is_open_to_both(common: Path) -> None:
    common.chmod(0o777)
    made: list[int] = []
    numbers(made)
    ended = other_user(COUNTED)
    assert ended.stdout == "ready\ncomputing\ncontent\n", ended.stderr
    ended = other_user(COUNTED.replace('"texts"', '"numbers"').replace('"text"', '"numbers.json"'))
    assert (ended.stdout, ended.stderr) == ("ready\n[1, 2, 3]\n", "")
    (common / "texts" / "key" / "text").write_text("torn")
    ended = other_user(COUNTED)
    assert ended.stdout == "ready\ncomputing\ncontent\n"
    (common / "numbers" / "key" / ENTRY).write_text("torn")
    assert (numbers(made), len(made)) == ([1, 2, 3], 2)
    assert left_behind(common) == []


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_cache_that_belongs_to_somebody_else_costs_time_alone(common: Path, mode: int) -> None:
    common.chmod(mode)
    numbers([])
    for _ in range(2):
        ended = other_user(COUNTED)
        assert ended.stdout == "ready\ncomputing\ncontent\n"
        assert len(set(ended.stderr.splitlines())) == 1
        assert "Traceback" not in ended.stderr
    assert left_behind(common) == []


def test_what_was_not_used_for_longest_goes_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, key in enumerate("abc"):
        numbers([], key=key)
        os.utime(root / "numbers" / key / ENTRY, (1e9 + number, 1e9 + number))
    made: list[int] = []
    numbers(made, key="a")
    assert made == []
    (use,) = usage()
    assert (use.kind, use.entries, use.used_s) == ("numbers", 3, 1e9 + 1)
    monkeypatch.setenv(SIZE_VARIABLE, str(use.size_bytes / 1e9))
    numbers([], key="d")
    assert sorted(path.name for path in (root / "numbers").iterdir()) == ["a", "c", "d"]
    monkeypatch.setenv(SIZE_VARIABLE, "0")
    numbers([], key="e")
    assert [path.name for path in (root / "numbers").iterdir()] == ["e"]


def test_the_command_tells_what_is_kept_and_clears_one_kind(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers([], key="a")
    numbers([], key="b")
    numbers([], kind="texts")
    kera = CliRunner()
    lines = kera.invoke(command_line(), ["cache", "info"]).output.splitlines()
    assert str(root) in lines[0]
    assert [line.split()[:2] for line in lines[2:]] == [["numbers", "2"], ["texts", "1"], ["all", "3"]]
    assert kera.invoke(command_line(), ["cache", "clear", "numbers"]).output == "2 entries removed.\n"
    assert [use.kind for use in usage()] == ["texts"]
    with pytest.raises(SystemExit) as refused:
        main(["cache", "clear", "text"])
    assert refused.value.code == 2
    assert "no kind 'text' in the cache" in capsys.readouterr().err
    assert kera.invoke(command_line(), ["cache", "clear"]).output == "1 entries removed.\n"
    monkeypatch.setenv(CACHE_VARIABLE, "")
    assert "turned off" in kera.invoke(command_line(), ["cache", "info"]).output
    assert usage() == []


def test_only_entries_are_removed_from_a_folder_that_holds_other_things(root: Path) -> None:
    numbers([])
    (root / "papers" / "mine").mkdir(parents=True)
    (root / "papers" / "mine" / "text").touch()
    assert clear() == 1
    assert (root / "papers" / "mine" / "text").exists()
