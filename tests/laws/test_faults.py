"""A fault of the system, at any call of a command: told in words, nothing torn, and the next run is as before."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kera_mobility.results.events import fingerprint
from kera_mobility.results.store import load_record, read_kpis, result_folders
from tests.kit.faults import ROOT, Faults, Outcome

pytestmark = pytest.mark.skipif(os.name != "posix", reason="faults are made by fork and limits of resources")

NUMBERS = {name: getattr(errno, name) for name in ("ENOSPC", "EACCES", "EIO", "EMFILE")}
EVERY = os.environ.get("KERA_FAULTS") == "all"
"""Try every call; else every call that writes and some of those that read."""
MOST_READS = 2
"""Calls that read, tried with each command unless EVERY: sampled with a fixed seed."""
MOST_WRITES = 4
"""The same of the calls that write, flush or make a folder; what renames is tried in any case."""
TINY = """
extends: configs/today.yaml
name: tiny
services: {rail: null, bus: null}
town: {people: {residents: 40, jobs: 10, neighbours_within_m: 600}}
"""


class Yard:
    """A folder with a small scenario, its undisturbed results and a server of faults."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults(folder, [ROOT / "configs", ROOT / "networks"])
        self.scenario = folder / "tiny.yaml"
        self.scenario.write_text(TINY)
        self.whole = folder / "whole"
        first = self.faults.perform("run", str(self.scenario), "--out", str(self.whole), "--seeds", "1-2", "--quiet")
        assert first.code == 0, first.err
        self.result = self.whole / "tiny" / "seed-0001"
        self.fingerprint = fingerprint_of(self.result)

    def sampled(self, calls: Sequence[Sequence[str]], seed: int) -> list[int]:
        """Return the calls to try, counted from 1."""
        slow = [number for number, (_, file) in enumerate(calls, 1) if "/skims/" in file]  # computed again: a minute
        reads = [number for number, (kind, _) in enumerate(calls, 1) if kind == "open" and number not in slow]
        writes = [number for number, (kind, _) in enumerate(calls, 1) if kind != "open"]
        if EVERY:
            return sorted({*reads, *writes, *slow})
        dice = random.Random(seed)
        some = dice.sample(writes, min(MOST_WRITES, len(writes)))
        renames = [number for number in writes if calls[number - 1][0] == "rename"]
        return sorted({*dice.sample(reads, min(MOST_READS, len(reads))), *some, *renames})


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    made = Yard(tmp_path_factory.mktemp("faults"))
    yield made
    made.faults.close()


def fingerprint_of(result: Path) -> str:
    record = load_record(result)
    assert read_kpis(result)
    assert fingerprint(record.tables) == record.meta["fingerprint"]
    return str(record.meta["fingerprint"])


def require_told(outcome: Outcome, where: object) -> None:
    """Fail unless the command ended well, or said in a few lines why not."""
    assert outcome.code in (0, 2, 3), (where, outcome.code, outcome.err[-2000:])
    assert "Traceback" not in outcome.err + outcome.out, (where, outcome.err[-2000:])
    lines = outcome.err.splitlines()
    if outcome.code:
        assert lines, where
        assert len(lines) <= 3, (where, outcome.err)
        assert outcome.code == 2, (where, outcome.err)  # an error of the system is no fault of the program


def whole_results(folder: Path) -> list[str]:
    """Return the fingerprints of the results in a folder; what is torn fails."""
    if not any(folder.rglob("run.json")):
        return []
    return [fingerprint_of(result) for result in result_folders(folder)]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_run_tells_each_fault_keeps_what_stood_there_and_the_next_is_the_same(yard: Yard, name: str) -> None:
    out = yard.folder / f"run-{name}"
    shutil.copytree(yard.whole, out)
    again = ("run", str(yard.scenario), "--out", str(out), "--seed", "1", "--quiet")
    plain = yard.faults.perform(*again)
    assert plain.code == 0, plain.err
    tries = yard.sampled(plain.calls, seed=NUMBERS[name])
    assert {kind for kind, _ in plain.calls} == {"open", "mkdir", "rename", "fsync", "write"}
    told = 0
    for at in tries:
        outcome = yard.faults.perform(*again, at=at, number=NUMBERS[name])
        where = (name, at, plain.calls[at - 1])
        require_told(outcome, where)
        told += outcome.code == 2
        assert fingerprint_of(out / "tiny" / "seed-0001") == yard.fingerprint, where
        assert len(whole_results(out)) == 2, where
    assert told > len(tries) // 3
    last = yard.faults.perform(*again)
    assert last.code == 0, last.err
    assert fingerprint_of(out / "tiny" / "seed-0001") == yard.fingerprint
    assert sorted(os.listdir(out / "tiny")) == ["seed-0001", "seed-0002"]


def test_a_disk_that_is_full_in_the_middle_of_any_file_is_told_and_leaves_nothing(yard: Yard) -> None:
    sizes = sorted({file.stat().st_size for file in yard.result.rglob("*") if file.is_file()})
    limits = [size - 1 for size in sizes if size > 3000]
    for limit in limits if EVERY else limits[:: max(1, len(limits) // 2)]:
        out = yard.folder / f"full-{limit}"
        again = ("run", str(yard.scenario), "--out", str(out), "--quiet")
        outcome = yard.faults.perform(*again, most_bytes=limit)
        require_told(outcome, limit)
        assert outcome.code == 2, limit
        assert "too large" in outcome.err, outcome.err
        assert whole_results(out) == [], limit
        assert yard.faults.perform(*again).code == 0
        assert whole_results(out) == [yard.fingerprint]


def without_times(text: bytes) -> bytes:
    """Return a file without the seconds that a check took."""
    return re.sub(rb'time="[0-9.]+"', b"", text)


def checks_of(yard: Yard) -> Path:
    """Return a folder with one small check and its baseline."""
    folder = yard.folder / "checks"
    if not folder.exists():
        folder.mkdir()
        shutil.copy(yard.scenario, folder / "tiny.yaml")
        renewed = yard.faults.perform("check", str(folder), "--renew", "--why", "first")
        assert renewed.code == 0, renewed.err
    return folder


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("verb", ["compare", "report", "explain", "plot", "check"])
def test_each_other_verb_tells_a_fault_and_writes_the_whole_file_or_none(yard: Yard, verb: str, name: str) -> None:
    ending = {"compare": "csv", "report": "html", "explain": "csv", "check": "xml", "plot": "png"}[verb]
    file = yard.folder / f"{verb}-{name}.{ending}"
    command = {
        "compare": ("compare", str(yard.result), str(yard.result), "--csv", str(file)),
        "report": ("report", str(yard.result), "-o", str(file)),
        "explain": ("explain", str(yard.result), "--csv", str(file)),
        "plot": ("plot", str(yard.result), "mode-share", "-o", str(file)),
        "check": ("check", str(checks_of(yard)), "--junit", str(file)),
    }[verb]  # fmt: skip
    plain = yard.faults.perform(*command)
    assert plain.code == 0, plain.err
    whole = without_times(file.read_bytes())
    for at in yard.sampled(plain.calls, seed=NUMBERS[name])[:: 1 if EVERY else 3]:
        for older in (b"older", None):
            file.unlink(missing_ok=True)
            if older:
                file.write_bytes(older)
            outcome = yard.faults.perform(*command, at=at, number=NUMBERS[name])
            require_told(outcome, (verb, name, at, plain.calls[at - 1]))
            stands = file.read_bytes() if file.exists() else None
            expected = [whole] if outcome.code == 0 else [older, whole]
            if verb == "check" and outcome.code and (stands and without_times(stands)) not in expected:
                # A whole file too: it says that one of the checks could not be made.
                assert ElementTree.fromstring(stands or b"").get("name") == "kera check"
                continue
            assert (stands and without_times(stands)) in expected, (verb, name, at, plain.calls[at - 1])
            if not EVERY:
                break
