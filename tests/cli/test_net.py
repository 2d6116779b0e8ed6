"""The net under the commands: each error in words, inputs that are no files, outputs that are tried before any work."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

import kera_mobility as km
from kera_mobility import errors
from kera_mobility.cli import main, version
from kera_mobility.errors import ConfigError, FileError, KeraError, in_words
from kera_mobility.file_paths import require_writable
from tests.kit.reports import run_small

KERA = [sys.executable, "-m", "kera_mobility"]
PATIENCE_S = 120
"""A command that waits for a pipe waits for ever."""
LONG_NAME = "n" * 300

Kera = Callable[..., tuple[int, str]]


@pytest.fixture
def kera(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kera:
    """Return what runs a command in this process and returns its exit code and what it said on stderr."""
    monkeypatch.chdir(tmp_path)

    def hangs(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    def run(*arguments: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        signal.signal(signal.SIGALRM, hangs)
        signal.alarm(PATIENCE_S)
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            return int(leaving.code or 0), capsys.readouterr().err
        finally:
            signal.alarm(0)
        raise AssertionError("main() comes back")

    return run


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small result."""
    return run_small(tmp_path_factory.mktemp("net"), "today", "1") / "seed-0001"


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return what makes `kera version` fail with an error in the middle of its output."""

    def failing(error: BaseException) -> None:
        def broken(name: str) -> str:
            raise error

        monkeypatch.setattr(version, "package_version", broken)

    return failing


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(13, "Permission denied", "/a/b"), 2, "FileError: /a/b: permission denied\n"),
        (OSError(28, "No space left on device"), 2, "FileError: no space left on device; make room"),
        (OSError(36, "File name too long", "x" * 300), 2, "file name too long\n"),
        (OSError(24, "Too many open files", "x"), 2, "ulimit -n"),
        (OSError("only words\nof a library"), 2, "FileError: only words\n"),
        (MemoryError(), 2, "MemoryShortError: there is not memory enough"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_an_error_of_the_system_is_told_in_one_line(
    kera: Kera, raised: Callable[[BaseException], None], error: BaseException, code: int, words: str
) -> None:
    raised(error)
    got, said = kera("version")
    assert got == code
    assert words in said
    assert len(said.strip().splitlines()) <= 1


@pytest.mark.parametrize("error", [
    EOFError(), RecursionError("maximum recursion depth exceeded"), TypeError("two\nlines"), AssertionError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ZeroDivisionError("division by zero"),
])  # fmt: skip
def test_an_unexpected_error_is_two_lines_and_a_file_with_the_details(
    kera: Kera, raised: Callable[[BaseException], None], error: BaseException,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("KERA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["kera", "version"])
    raised(error)
    code, said = kera("version")
    assert code == 3
    first, second = said.splitlines()
    assert first.startswith(f"Unexpected {type(error).__name__}")
    assert "Traceback" not in said
    assert "issue tracker" in second
    (file,) = (tmp_path / "cache" / "errors").iterdir()
    assert str(file) in second
    details = file.read_text()
    assert "Traceback (most recent call last)" in details
    for part in (type(error).__name__, "version   0.", "command   'kera' 'version'", "platform  ", "Python 3."):
        assert part in details


def test_the_details_go_to_the_temporary_folder_where_the_cache_is_off(
    kera: Kera, raised: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERA_CACHE", "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    raised(LookupError("x"))
    assert kera("version")[0] == 3
    assert [file.name[:11] for file in tmp_path.iterdir()] == ["kera-error-"]


def test_a_traceback_is_shown_to_who_asks_for_it(
    kera: Kera, raised: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERA_DEBUG", "1")
    raised(OSError(5, "Input/output error"))
    code, said = kera("version")
    assert code == 2
    assert "Traceback (most recent call last)" in said
    assert said.endswith("FileError: input/output error\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_stdout_is_told(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*KERA, "version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("FileError: no space left on device")
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_the_terminal_cannot_show_is_no_fault() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*KERA, "run", b"sn\xf6\xff.yaml"], capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"MissingFileError: sn\\udcf6\\udcff.yaml: no such file")


def every_error() -> Iterator[KeraError]:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, KeraError):
            yield kind("key", "problem") if kind is errors.SettingError else kind("some words")
    yield FileError(28, "no space left on device", "file")
    known = in_words(PermissionError(13, "Permission denied", "a"))
    assert known is not None
    yield known


def test_every_error_comes_back_from_another_process_as_it_was() -> None:
    for error in every_error():
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
        assert isinstance(type(error).__new__(type(error), *error.args), type(error)), "as workers of a cluster do it"


def test_a_worker_tells_an_error_of_the_system_as_one_of_ours(tmp_path: Path, kera: Kera) -> None:
    script = tmp_path / "limits.py"
    script.write_text(
        "import resource\n"
        "from kera_mobility.cli import main\n"
        "if __name__ == '__main__':\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (70000, 70000))\n"
        "    main()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), "run", "configs/today.yaml", "--seeds", "1-2", "--workers", "2", "--quiet",
         "--set=town.people.residents=300", "--set=town.people.jobs=50", "--set=town.people.neighbours_within_m=600"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "cannot write the result: " in done.stderr
    assert "File too large; make room" in done.stderr


def test_python_gets_an_error_of_ours_that_is_also_the_systems(tmp_path: Path, result: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(KeraError, match="is not a folder") as caught:
        km.report([result], file / "report.html")
    assert isinstance(caught.value, OSError)
    (torn := tmp_path / "torn").mkdir()
    (torn / "run.json").mkdir()
    with pytest.raises(KeraError, match="it is a folder, expected a file"):
        km.load(torn)
    assert pickle.loads(pickle.dumps(km.simulate)) is km.simulate


def special(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            before = os.getcwd()
            os.chdir(path.parent)  # the way to a socket may have some hundred characters only
            bound.bind(path.name)
            os.chdir(before)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


WORDS = {"pipe": "it is a pipe", "socket": "it is a socket", "device": "it is a device", "folder": "it is a folder",
         "loop": "(symbolic links|no such file)"}  # fmt: skip
INPUTS = {
    "a scenario": ("run", "{}"),
    "what a scenario extends": ("run", "extending.yaml"),
    "uncertain inputs": ("run", "configs/today.yaml", "--inputs", "2", "--uncertain", "{}"),
    "targets": ("calibrate", "configs/today.yaml", "--targets", "{}"),
    "pairs": ("realism", "--pairs", "{}"),
    "unit values": ("compare", "{result}", "{result}", "--values", "{}"),
    "checks of a report": ("report", "{result}", "--checks", "{}"),
    "an extract": ("network", "import", "{}"),
    "a file of a result": ("explain", "torn"),
}


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("what", INPUTS)
def test_what_is_no_file_is_refused_at_once(kera: Kera, tmp_path: Path, result: Path, what: str, kind: str) -> None:
    place = tmp_path / ("special.osm" if what == "an extract" else "special.yaml")
    special(kind, place)
    (tmp_path / "extending.yaml").write_text(f"extends: {place.name}\n")
    if what == "a file of a result":
        (tmp_path / "torn").mkdir()
        (tmp_path / "torn" / "run.json").symlink_to(place)
    code, said = kera(*(word.format(place, result=result) for word in INPUTS[what]))
    assert code == 2, said
    assert re.search(WORDS[kind] if what != "a file of a result" else "no result|it is a", said), said
    assert len(said.splitlines()) == 1, said


OUTPUTS = {
    "run": ("run", "configs/today.yaml", "--set", "area=nowhere", "--out", "{}"),
    "report": ("report", "{torn}", "-o", "{}.html"),
    "compare": ("compare", "{torn}", "{torn}", "--csv", "{}"),
    "explain": ("explain", "{torn}", "--csv", "{}"),
    "plot": ("plot", "{torn}", "mode-share", "-o", "{}.png"),
    "check": ("check", "{torn}", "--junit", "{}"),
    "calibrate": ("calibrate", "nowhere.yaml", "--out", "{}"),
    "calibrate result": ("calibrate", "nowhere.yaml", "--result", "{}"),
    "map": ("network", "map", "{torn}", "-o", "{}.png"),
    "import": ("network", "import", "nowhere.osm", "--out", "{}"),
    "fetch": ("network", "fetch", "--bbox", "1,2,3,4", "--service", "http://localhost:9", "--out", "{}"),
}
"""Commands whose inputs are broken too: an output that is tried first is told first."""
PLACES = {
    "below a file": ("file/x", "is not a folder"),
    "a long name": (LONG_NAME, "file name too long"),
    "a name with room for no temporary one": ("n" * 240, "file name too long"),
    "a link to itself": ("loop/x", "is not a folder"),
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("command", OUTPUTS)
def test_an_output_is_tried_before_anything_is_read(kera: Kera, tmp_path: Path, command: str, where: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    torn = tmp_path / "torn"
    torn.mkdir()
    for name in ("run.json", "area.yaml", "today.yaml"):
        (torn / name).touch()
    (torn / "streets").mkdir()
    place, words = PLACES[where]
    if command == "run" and len(place) == 240:
        place = LONG_NAME  # the name of a result is the scenario's
    code, said = kera(*(word.format(place, torn=torn) for word in OUTPUTS[command]))
    assert code == 2
    assert words in said, said
    assert len(said.splitlines()) == 1, said
    assert sorted(os.listdir(tmp_path)) == ["file", "loop", "torn"]


def test_a_trial_of_an_output_leaves_nothing_behind(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b" / "c.csv")
    require_writable(tmp_path / "run", folder=True)
    assert list(tmp_path.iterdir()) == []


def test_what_stands_in_the_place_of_an_output_is_named(tmp_path: Path) -> None:
    for kind in ("folder", "pipe", "socket"):
        special(kind, tmp_path / kind)
        with pytest.raises(FileError, match=f"{kind}: it is a {kind}, expected a file"):
            require_writable(tmp_path / kind)
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(FileError, match="link: cannot write here: no such file"):
        require_writable(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="link: it is a link, expected a file or a new name"):
        require_writable(tmp_path / "link")
    with pytest.raises(FileError, match="null: it is a device, expected a file"):
        require_writable(Path("/dev/null"))
    with pytest.raises(FileError, match="null byte"):
        require_writable(tmp_path / "a\0b")


def test_a_small_disk_and_one_that_only_reads_are_told_before_the_work(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True).returncode:
        pytest.skip("skipped what needs mount: no right to make a file system")
    try:
        with pytest.raises(FileError, match=r"1\.0 MB are free, expected at least 50 MB"):
            require_writable(place / "run", folder=True)
        subprocess.run(["mount", "-o", "remount,ro,size=100m", place], check=True)
        with pytest.raises(FileError, match="cannot write here: read-only file system"):
            require_writable(place / "run", folder=True)
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_limit_of_the_size_of_files_is_met_by_the_trial(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from kera_mobility.file_paths import require_writable\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); require_writable(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "x.csv"], capture_output=True, text=True, check=False)
    assert "cannot write here: file too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_everything_that_is_missing_is_told_at_once(kera: Kera, tmp_path: Path, result: Path) -> None:
    for command in (("report", "a", result, "b"), ("compare", "a", result, "b")):
        code, said = kera(*command)
        assert code == 2
        assert [line.rpartition(": ")[0] for line in said.splitlines()] == ["MissingFileError: a", "b"]
    code, said = kera("run", "a.yaml", "--inputs", "2", "--uncertain", "b.yaml")
    assert code == 2
    assert [line.partition(":")[0] for line in said.splitlines()] == ["MissingFileError", "b.yaml"]
    code, said = kera("calibrate", "a.yaml", "--targets", "b.yaml")
    assert [line.partition(":")[0] for line in said.splitlines()] == ["MissingFileError", "b.yaml"]
    (tmp_path / "s.yaml").write_text("extends: [x.yaml, y.yaml]\n")
    code, said = kera("run", "s.yaml", "--out", "/dev/null/x")
    assert [word in said for word in ("'x.yaml'", "'y.yaml'")] == [True, True]


def test_errors_of_two_kinds_are_raised_together() -> None:
    def wrong(error: KeraError) -> None:
        raise error

    with pytest.raises(ConfigError, match="one\ntwo"):
        errors.raise_together([lambda: wrong(FileError("one")), lambda: None, lambda: wrong(ConfigError("two"))])
