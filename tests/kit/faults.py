"""Faults of the system under a command: the k-th call that opens, writes, flushes, renames or makes a folder fails.

A server imports everything once and forks for each case; in the child an audit hook of Python (which sees each file
that is opened, also by numpy and zipfile) counts the calls below some folders and raises at the one that is to fail.
Parquet files, which Arrow opens itself, and `fsync` are counted in front of their functions. With `most_bytes` the
kernel refuses every write beyond that many bytes of a file, as a full disk does in the middle of one.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
WAIT_S = 600.0
"""What takes longer hangs."""
EVENTS = {"open": "open", "os.mkdir": "mkdir", "os.rename": "rename"}
"""Audit events that count, by what they are called here."""


class Outcome(NamedTuple):
    """What a command ended with, and the calls that were counted: what each was, and the file."""

    code: int | None
    """None if it hung."""
    out: str
    err: str
    calls: list[list[str]]


class Faults:
    """A server of commands with faults, to be closed."""

    def __init__(self, folder: Path, watched: Sequence[Path]) -> None:
        self._folder = folder
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
                       "KERA_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}  # fmt: skip
        (folder / "tmp").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.kit.faults", str(folder), *map(str, (folder, *watched))]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment, cwd=ROOT)  # fmt: skip

    def perform(self, *arguments: str, at: int = 0, number: int = 0, most_bytes: int = 0) -> Outcome:
        """Run `kera` with these arguments; the call `at` (from 1) fails with the error `number`."""
        assert self._server.stdin
        assert self._server.stdout
        case = {"arguments": arguments, "at": at, "number": number, "most_bytes": most_bytes}
        self._server.stdin.write(json.dumps(case) + "\n")
        self._server.stdin.flush()
        return Outcome(**json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        """End the server."""
        self._server.communicate()


class _Hook:
    def __init__(self, watched: Sequence[str], at: int, number: int) -> None:
        self.watched, self.at, self.number = tuple(watched), at, number
        self.calls: list[list[str]] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS:
            self.count(EVENTS[event], arguments[0])

    def count(self, kind: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.path.abspath(os.fsdecode(path))
        if not name.startswith(self.watched) or name.endswith((".py", ".pyc")) or "__pycache__" in name:
            return
        self.calls.append([kind, name])
        if len(self.calls) == self.at:
            raise OSError(self.number, os.strerror(self.number), name)


def _child(case: dict[str, Any], folder: Path, watched: Sequence[str]) -> None:
    import pyarrow.parquet as pq

    from kera_mobility.cli import main

    hook = _Hook(watched, case["at"], case["number"])
    real = {"fsync": os.fsync, "write": pq.write_table, "read": pq.ParquetFile}

    def fsync(number: int) -> None:
        hook.count("fsync", os.readlink(f"/proc/self/fd/{number}"))
        real["fsync"](number)

    def write_table(table: Any, where: Any, **options: Any) -> None:
        hook.count("write", where)
        real["write"](table, where, **options)

    def parquet_file(source: Any, **options: Any) -> Any:
        hook.count("open", source)
        return real["read"](source, **options)

    os.fsync, pq.write_table, pq.ParquetFile = fsync, write_table, parquet_file  # type: ignore[assignment]
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
    calls = os.open(folder / "calls", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.chdir(folder)
    if case["most_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (case["most_bytes"], resource.RLIM_INFINITY))
    sys.addaudithook(hook)
    sys.argv = ["kera", *case["arguments"]]
    code = 1
    try:
        main(case["arguments"])
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.stdout.flush()
        os.write(calls, json.dumps(hook.calls).encode())
        os._exit(code)


def _serve(folder: Path, watched: Sequence[str]) -> None:
    import pkgutil
    from importlib import import_module

    import kera_mobility

    for module in pkgutil.walk_packages(kera_mobility.__path__, "kera_mobility."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    for line in sys.stdin:
        case = json.loads(line)
        for name in ("out", "err", "calls"):
            (logs / name).write_text("")
        child = os.fork()
        if not child:
            _child(case, logs, watched)
        give_up_s = time.monotonic() + WAIT_S
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < give_up_s:
            time.sleep(0.01)
        if not ended[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        texts = {name: (logs / name).read_text(errors="replace") for name in ("out", "err")}
        calls = json.loads((logs / "calls").read_text() or "[]")
        code = os.waitstatus_to_exitcode(ended[1]) if ended[0] else None
        sys.stdout.write(json.dumps({"code": code, **texts, "calls": calls}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2:])
