"""Try mutants: each in a process of its own, forked where all tests are imported already, by the tests that reach it.

A first run without a fault notes, for each test, how long it takes and which lines of the modules it reaches. A mutant
is then tried by the tests that reach its lines, the fastest first, until one fails. Inside a function the code is
swapped in place; a fault outside of functions is imported anew. Nothing of a trial is left on disk.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import hypothesis
import pytest

from tools.mutants.mutations import Mutant

KILLED, SURVIVED, ANEW = "killed", "survived", "anew"
FAR_TOO_LONG = 4.0
"""A test may use so many times its processor time, and `SPARE_S` besides, before its mutant counts as killed."""
SPARE_S = 2.0
WALL = 8.0
"""Seconds by the clock for each second of processor time that is allowed, for what waits for ever."""
MOST_MEMORY = 6 * 2**30
MOST_TESTS_S = 8.0
"""Tests of one mutant, the fastest first, take at most so much processor time together; slower ones are left out."""
SLOW_S = 3.0
"""A test that takes longer is left out altogether."""
HEAVY = ("numpy", "pandas", "scipy.special", "pyarrow.parquet", "pydantic", "simpy")
"""Imported before the first fork."""

Lines = Mapping[str, Mapping[str, Sequence[int]]]
"""Test -> module -> the lines that it reaches."""
Report = Callable[[Mutant, str, str], None]
"""Called with each mutant, what became of it, and the test that killed it or why none did."""


class Trials:
    """The mutants of some modules, tried by some test files."""

    def __init__(self, root: Path, work: Path, kept: Path, test_files: Sequence[str], modules: Sequence[str]) -> None:
        self._root, self._work, self._test_files = root, work, [name for name in test_files if (root / name).exists()]
        self._paths = {str(root / module): module for module in modules}
        self._kept = kept
        self._pass_alone: set[tuple[str, ...]] = set()

    def run(self, mutants: Sequence[Mutant], report: Report) -> None:
        """Try mutants and report each.

        Raises
        ------
        RuntimeError
            If a test fails without any fault.
        """
        results, out = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(results)
            _leave(lambda: self._with_all_imported(mutants, out))
        os.close(out)
        by_key = {mutant.key: mutant for mutant in mutants}
        anew: list[tuple[Mutant, Sequence[str]]] = []
        with os.fdopen(results) as lines:
            for key, end, told in map(json.loads, lines):
                if end == ANEW:
                    anew.append((by_key[key], told))
                else:
                    report(by_key[key], end, told)
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError(f"the tests do not pass without a fault:\n{(self._work / 'log').read_text()[-4000:]}")
        for mutant, nodes in anew:
            report(mutant, *self._imported_anew(mutant, nodes))

    # With everything imported.

    def _with_all_imported(self, mutants: Sequence[Mutant], out: int) -> int:
        self._silence()
        loop = _Loop(self, mutants, out)
        code = pytest.main([*self._options(), *self._test_files], plugins=[loop])
        return 0 if loop.done else int(code) or 1

    def _options(self) -> list[str]:
        without = [word for name in ("xdist", "cacheprovider", "faulthandler") for word in ("-p", f"no:{name}")]
        return [
            "-q", "-x", f"--rootdir={self._root}", "-o", "addopts=--import-mode=importlib",
            f"--basetemp={self._work / 'tmp'}", "--hypothesis-profile=mutants", *without,
        ]  # fmt: skip

    def _silence(self) -> None:
        os.environ["KERA_CACHE"] = str(self._work / "cache")
        log = os.open(self._work / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)

    def fresh(self) -> None:
        """Forget what a trial left on disk."""
        for name in ("tmp", "cache"):
            shutil.rmtree(self._work / name, ignore_errors=True)

    def mapped(self, items: Sequence[pytest.Item]) -> tuple[Lines, dict[str, float]]:
        """Return which lines each test reaches, and its processor time, s, from a run without any fault.

        What was found is kept as long as no file of the package or of the tests changes.

        Raises
        ------
        RuntimeError
            If a test fails.
        """
        lines: dict[str, Mapping[str, Sequence[int]]] = {}
        taken_s: dict[str, float] = {}
        for path in dict.fromkeys(item.path for item in items):
            of_file = [item for item in items if item.path == path]
            out = self._kept / self._state(path)
            if not out.exists() and _forked(partial(self._map, of_file, out), None):
                raise RuntimeError
            self.fresh()
            reached, seconds = json.loads(out.read_text())
            lines, taken_s = lines | reached, taken_s | seconds
        return lines, taken_s

    def _state(self, test_file: Path) -> str:
        """Return a hash of a test file, of all that it may import, of how it is watched, and which modules are."""
        content = hashlib.sha256("\0".join(sorted(self._paths)).encode())
        folders = [self._root / "kera_mobility", self._root / "tests" / "kit"]
        others = [
            *self._root.glob("tests/conftest.py"),
            *(path for folder in folders for path in sorted(folder.rglob("*.py"))),
        ]
        for path in (test_file, Path(__file__), *others):
            content.update(path.read_bytes())
        return f"{test_file.stem}-{content.hexdigest()[:16]}.json"

    def _map(self, items: Sequence[pytest.Item], out: Path) -> int:
        tracer, taken_s, slow = _Tracer(self._paths), dict[str, float](), set[str]()
        items[0].config.pluginmanager.register(tracer)

        def too_slow(number: int, frame: FrameType | None) -> None:
            slow.add(tracer.test)
            raise _TooSlow

        signal.signal(signal.SIGPROF, too_slow)
        for item, following in zip(items, [*items[1:], None], strict=True):
            begin_s = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SLOW_S)
            failure = tracer.traced(item, following)
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            taken_s[item.nodeid] = time.process_time() - begin_s - tracer.wide_s
            taken_s[_file(item.nodeid)] = taken_s.get(_file(item.nodeid), 0.0) + tracer.wide_s
            tracer.wide_s = 0.0
            if failure and item.nodeid not in slow:
                print(failure, flush=True)
                return 1
        fast = [item.nodeid for item in items if item.nodeid not in slow]
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps((tracer.lines(fast), taken_s)))
        return 0

    def _imported_anew(self, mutant: Mutant, nodes: Sequence[str]) -> tuple[str, str]:
        """Try a mutant whose module has to be imported with its fault."""

        def trial(source: str | None) -> int:
            self._silence()
            if source is not None:
                sys.meta_path.insert(0, _Finder(str(self._root / mutant.path), source))
            return int(pytest.main([*self._options(), *nodes]))

        if tuple(nodes) not in self._pass_alone and _forked(lambda: trial(None), None):
            raise RuntimeError(f"these tests do not pass by themselves: {' '.join(nodes)}")
        self._pass_alone.add(tuple(nodes))
        status = _forked(lambda: trial(mutant.source), MOST_TESTS_S)
        self.fresh()
        return (KILLED, "imported anew") if status else (SURVIVED, f"{len(nodes)} tests")


class _Loop:
    """Takes the place of pytest's loop over tests: a loop over mutants."""

    def __init__(self, trials: Trials, mutants: Sequence[Mutant], out: int) -> None:
        self._trials, self._mutants, self._out = trials, mutants, out
        self.done = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        session.config.pluginmanager.register(_Unhurried())
        items = {item.nodeid: item for item in session.items}
        lines, taken_s = self._trials.mapped(session.items)
        functions = _functions({str(self._trials._root / mutant.path) for mutant in self._mutants})
        with os.fdopen(self._out, "w") as out:
            for mutant in self._mutants:
                reaching = [items[node] for node in _reaching(mutant, lines, taken_s)]
                print(json.dumps((mutant.key, *self._try(mutant, reaching, functions, taken_s))), file=out, flush=True)
        self.done = True
        return True

    def _try(
        self, mutant: Mutant, items: Sequence[pytest.Item], functions: Mapping[tuple[str, str], list[FunctionType]],
        taken_s: Mapping[str, float],
    ) -> tuple[str, Any]:  # fmt: skip
        path = str(self._trials._root / mutant.path)
        nodes = [item.nodeid for item in items]
        if not items:
            return SURVIVED, "no test reaches it"
        try:
            code = _code_of(compile(mutant.source, path, "exec"), mutant.swaps)
        except SyntaxError:
            return KILLED, "no Python"
        live = functions.get((path, mutant.swaps), [])
        if not code or not live or any(code.co_freevars != function.__code__.co_freevars for function in live):
            return ANEW, nodes
        told = self._trials._work / "told"

        def trial() -> int:
            for function in live:
                function.__code__ = code
            for item, following in zip(items, [*items[1:], None], strict=True):
                # Who takes far too long is ended by the signal.
                signal.setitimer(signal.ITIMER_PROF, SPARE_S + FAR_TOO_LONG * taken_s[item.nodeid])
                if _failure(item, following):
                    told.write_text(item.nodeid)
                    return 1
            return 0

        told.unlink(missing_ok=True)
        status = _forked(trial, sum(taken_s[part] for part in {*nodes, *map(_file, nodes)}))
        self._trials.fresh()
        if not status:
            return SURVIVED, f"{len(nodes)} tests"
        return KILLED, told.read_text() if told.exists() else "took too long, or ended"


class _TooSlow(BaseException):
    """Ends a test that takes too long."""


class _Unhurried:
    """Stops the clock of a test while a fixture that other tests share is made."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        left_s = signal.setitimer(signal.ITIMER_PROF, 0.0)[0] if fixturedef.scope != "function" else 0.0
        try:
            return (yield)
        finally:
            if left_s:
                signal.setitimer(signal.ITIMER_PROF, left_s)


class _Tracer:
    """Notes which lines of some files each test reaches; what a wider fixture reaches counts for its whole file."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths, self.test = paths, ""
        self.wide_s = 0.0
        """Processor time of the wider fixtures that were made."""
        self._reached: dict[str, set[tuple[str, int]]] = {}

    def traced(self, item: pytest.Item, following: pytest.Item | None) -> str:
        self.test = item.nodeid
        sys.settrace(self._enter)
        try:
            return _failure(item, following)
        finally:
            sys.settrace(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        test, wide = self.test, fixturedef.scope != "function"
        self.test, begin_s = _file(test) if wide else test, time.process_time()
        try:
            return (yield)
        finally:
            self.test = test
            self.wide_s += time.process_time() - begin_s if wide else 0.0

    def lines(self, tests: Iterable[str]) -> Lines:
        reached: dict[str, dict[str, list[int]]] = {}
        for test in tests:
            places = self._reached.get(test, set()) | self._reached.get(_file(test), set())
            by_module: dict[str, list[int]] = {}
            for module, line in sorted(places):
                by_module.setdefault(module, []).append(line)
            reached[test] = by_module
        return reached

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        module = self._paths.get(frame.f_code.co_filename)
        if module is None:
            return None
        reached = self._reached.setdefault(self.test, set())

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            reached.add((module, frame.f_lineno))
            return step

        return step(frame, event, argument)


class _Finder(MetaPathFinder):
    """Finds one module with other content."""

    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin != self._path:
            return None
        source = self._source

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                code: CodeType = compile(source, self.path, "exec")
                return code

        spec.loader = Loader(fullname, self._path)
        return spec


def _file(test: str) -> str:
    return test.split("::")[0]


def import_what_is_heavy() -> None:
    """Import once what every trial needs, before the first fork."""
    os.environ["CI"] = "true"
    for name in HEAVY:
        __import__(name)
    # Who looks for the smallest example of a fault would look long; that there is one is enough.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", derandomize=True, deadline=None, database=None, phases=phases)


def _reaching(mutant: Mutant, lines: Lines, taken_s: Mapping[str, float]) -> list[str]:
    """Return the tests that reach the lines of a mutant, the fastest first."""
    touched = range(mutant.line, mutant.last_line + 1)
    reach = {
        test for test, by_module in lines.items()
        if not mutant.swaps or any(line in touched for line in by_module.get(mutant.path, ()))
    }  # fmt: skip
    chosen, sum_s = list[str](), 0.0
    for test in sorted(reach, key=lambda test: taken_s[test]):
        sum_s += taken_s[test]
        if chosen and sum_s > MOST_TESTS_S:
            break
        chosen.append(test)
    return chosen


def _failure(item: pytest.Item, following: pytest.Item | None) -> str:
    """Run a test; return how it failed, or nothing."""
    from _pytest.runner import runtestprotocol

    reports = runtestprotocol(item, log=False, nextitem=following)
    return "\n".join(f"{item.nodeid}\n{report.longreprtext}" for report in reports if report.failed)


def _functions(paths: set[str]) -> dict[tuple[str, str], list[FunctionType]]:
    """Return the live functions of some files, by file and qualified name, however they are wrapped."""
    functions: dict[tuple[str, str], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename in paths:
            functions.setdefault((thing.__code__.co_filename, thing.__code__.co_qualname), []).append(thing)
    return functions


def _code_of(code: CodeType, name: str) -> CodeType | None:
    """Return the code of a function in the code of its module."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                return constant
            if name.startswith(constant.co_qualname + ".") and (inner := _code_of(constant, name)):
                return inner
    return None


def _forked(work: Callable[[], int], tests_s: float | None) -> int:
    """Return what some work ends with in a process of its own; not zero where it takes too long."""
    cpu_s = SPARE_S + FAR_TOO_LONG * tests_s if tests_s is not None else 3600.0
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        if tests_s is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 2))
            resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _leave(work)
    until_s = time.monotonic() + WALL * cpu_s
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > until_s:
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1] or 1
            break
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it started and left
    return status


def _leave(work: Callable[[], int]) -> None:
    code = 1
    try:
        code = work()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        sys.stdout.flush()
        os._exit(code)
