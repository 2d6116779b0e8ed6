"""Rounds of accidents: what is finished stays, nothing half-written counts, and each rerun ends as if undisturbed.

    python -m benchmarks.chaos --rounds 200 --seed 1

Each round one accident at a random moment befalls runs of a small district: `kill -9`, a disk that is full (a limit on
the size of files, and a small file system where one may be mounted), a torn, empty or zeroed file of the cache, two
runs that begin at once, another user, and another PID namespace. What may not be done here is said and left out.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kera_mobility.cache import CACHE_VARIABLE, PARTIAL, clear
from kera_mobility.errors import KeraError
from kera_mobility.experiments.batch import experiment
from kera_mobility.results.events import fingerprint
from kera_mobility.results.store import load_record
from kera_mobility.simulation.scenario import load_scenario
from tests.kit.small_district import write_district

SEEDS = (1,)
FEW = ("town.people.residents=10", "town.people.jobs=5", "town.people.neighbours_within_m=50", "town.people.events=[]")
"""A day of few people is short."""
NOBODY = 65_534
NEW_PID_NAMESPACE = 0x20000000
SLOWEST_S = 600.0
"""A run that takes longer hangs."""
WHOLE, REFUSED, DEAD = "whole", "refused", "dead"


@dataclass
class Ground:
    """Where the rounds take place."""

    home: Path
    dice: random.Random
    expected: dict[int, str] = field(default_factory=dict)
    """Fingerprint of an undisturbed run by seed."""
    run_s: float = 1.0
    """How long a run takes from an empty cache."""
    faults: list[str] = field(default_factory=list)

    @property
    def day(self) -> Path:
        return self.home / "district" / "day.yaml"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def out(self) -> Path:
        return self.home / "results"

    @property
    def temporary(self) -> Path:
        return self.home / "temporary"

    def moment(self) -> None:
        """Wait until some moment of a run."""
        time.sleep(self.dice.uniform(0.0, 1.2 * self.run_s))


class Child:
    """A run in a process of its own, forked from this one, which has every module already."""

    def __init__(self, ground: Ground, seeds: Sequence[int], prepare: Callable[[], object] = int, **more: Any) -> None:
        self._ground, self._seeds = ground, seeds
        self._answer = ground.home / f"answer-{time.monotonic_ns()}"
        self._answer.touch()
        self._answer.chmod(0o666)
        self.process = os.fork()
        if self.process == 0:
            os._exit(self._live(prepare, more))

    def _live(self, prepare: Callable[[], object], more: dict[str, Any]) -> int:
        said = io.StringIO()
        try:
            os.setpgid(0, 0)
            prepare()
            with redirect_stderr(said):
                out = more.pop("out", self._ground.out)
                runs = experiment(load_scenario(self._ground.day, FEW), self._seeds, out, **more).runs
            answer: dict[str, Any] = {"prints": {run.seed: run.fingerprint for run in runs}}
        except KeraError as error:
            answer = {"refused": str(error)}
        except BaseException:
            answer = {"traceback": traceback.format_exc()}
        with suppress(OSError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with suppress(OSError):
            self._answer.write_text(json.dumps(answer))
        return 0

    def kill(self) -> None:
        """End the run and all that it has begun, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)

    def ended(self) -> str:
        """Wait for the run, and return how it ended; what no run may do is written down."""
        until_s = time.monotonic() + SLOWEST_S
        while os.waitpid(self.process, os.WNOHANG)[0] == 0:
            if time.monotonic() > until_s:
                self._ground.faults.append("a run hangs")
                self.kill()
            time.sleep(0.02)
        text = self._answer.read_text()
        self._answer.unlink()
        answer = json.loads(text) if text else {}
        if "traceback" in answer:
            self._ground.faults.append(f"a traceback: {answer['traceback']}")
        for seed, found in answer.get("prints", {}).items():
            if found != self._ground.expected.get(int(seed), found):
                self._ground.faults.append(f"seed {seed}: a finished run says fingerprint {found[:12]}")
        return WHOLE if "prints" in answer else REFUSED if "refused" in answer else DEAD


def killed(ground: Ground) -> None:
    """Kill a run that replaces what is finished, at some moment."""
    child = Child(ground, SEEDS, again=True)
    ground.moment()
    child.kill()
    child.ended()


def full_limit(ground: Ground) -> None:
    """Let no file grow beyond some size, as where the disk is full."""
    size = int(10 ** ground.dice.uniform(2.0, 5.5))
    Child(ground, SEEDS, lambda: _limit(size), again=True).ended()


def full_disk(ground: Ground) -> None:
    """Keep the cache or the results on a file system that is too small."""
    target = ground.dice.choice([ground.cache, ground.home / "elsewhere"])
    target.mkdir(exist_ok=True)
    size = int(10 ** ground.dice.uniform(4.0, 6.0))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(target)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        Child(ground, SEEDS, again=True, out=ground.out if target == ground.cache else target).ended()
        if target != ground.cache:
            _require_whole(ground, target)
    finally:
        subprocess.run(["umount", str(target)], check=True, capture_output=True)


def harmed(ground: Ground) -> None:
    """Tear, empty, zero or bend some files of the cache."""
    files = [file for file in ground.cache.rglob("*") if file.is_file()]
    for file in ground.dice.sample(files, min(len(files), 3)):
        content = file.read_bytes()
        at = ground.dice.randrange(max(1, len(content)))
        changed = [content[:at], b"", bytes(len(content)), content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]]
        file.write_bytes(ground.dice.choice(changed) if content else b"")


def both(ground: Ground) -> None:
    """Begin two runs at once, and kill one of them in half of the cases."""
    children = [Child(ground, SEEDS, again=True), Child(ground, SEEDS, again=True)]
    if ground.dice.random() < 0.5:
        ground.moment()
        children[0].kill()
    for child in children:
        child.ended()


def somebody_else(ground: Ground) -> None:
    """Let another user run with the same cache at the same time, and be killed."""
    out = ground.home / "elsewhere"
    out.mkdir(exist_ok=True)
    out.chmod(0o777)
    children = [Child(ground, SEEDS, _become_nobody, out=out), Child(ground, SEEDS, again=True)]
    ground.moment()
    children[0].kill()
    for child in children:
        child.ended()
    _require_whole(ground, out)


def container(ground: Ground) -> None:
    """Let a run in another PID namespace write into the same folders at the same time, and kill it."""
    children = [Child(ground, SEEDS, _enter_namespace, again=True), Child(ground, SEEDS, again=True)]
    ground.moment()
    children[ground.dice.randrange(2)].kill()
    for child in children:
        child.ended()


ACCIDENTS: dict[str, Callable[[Ground], None]] = {
    "kill": killed, "size limit": full_limit, "full disk": full_disk, "harmed cache": harmed, "two at once": both,
    "two users": somebody_else, "two PID namespaces": container,
}  # fmt: skip

PRIVILEGED = ("full disk", "two users", "two PID namespaces")
"""Accidents that only root can make."""


def begin(home: Path, seed: int) -> Ground:
    """Return the ground of the rounds, with the results of undisturbed runs."""
    home.chmod(0o755)
    ground = Ground(home, random.Random(seed))
    for folder in (ground.cache, ground.out, ground.temporary, home / "district", home / "rehearsal"):
        folder.mkdir()
        folder.chmod(0o777)
    write_district(home / "district")
    os.environ[CACHE_VARIABLE] = ""
    tempfile.tempdir = str(ground.temporary)
    # Here, so that every process to come has all modules; of another district, so that it has none of its arrays.
    experiment(write_district(home / "rehearsal"), SEEDS[:1], home / "rehearsal")
    began_s = time.monotonic()
    found = experiment(load_scenario(ground.day, FEW), SEEDS, home / "undisturbed")
    ground.run_s = time.monotonic() - began_s
    ground.expected = {run.seed: run.fingerprint for run in found.runs}
    _forget()
    os.environ[CACHE_VARIABLE] = str(ground.cache)
    return ground


def play(ground: Ground, name: str) -> list[str]:
    """Play one round, and return what went wrong."""
    ground.faults = []
    if ground.dice.random() < 0.25:
        shutil.rmtree(ground.cache)
        ground.cache.mkdir()
        ground.cache.chmod(0o777)
    finished_before = {file.parent for file in ground.out.rglob("run.json") if ".partial" not in str(file)}
    ACCIDENTS[name](ground)
    shutil.rmtree(ground.home / "elsewhere", ignore_errors=True)
    _require_whole(ground, ground.out)
    again = ground.dice.random() < 0.7
    if Child(ground, SEEDS, again=again).ended() != WHOLE:
        ground.faults.append("the rerun is refused")
    for folder in finished_before:
        if not (folder / "run.json").is_file():
            ground.faults.append(f"{folder.name}: was finished and is lost")
    _require_whole(ground, ground.out)
    clear(["nothing"])  # locks of dead runs go with what is computed next, where nothing is computed by this
    leftovers = [*ground.out.rglob(".*"), *(ground.cache / PARTIAL).glob("*"), *ground.cache.rglob(".*.lock"),
                 *ground.temporary.iterdir()]  # fmt: skip
    ground.faults += [f"left behind: {path.relative_to(ground.home)}" for path in leftovers]
    return ground.faults


def impossible() -> dict[str, str]:
    """Return the accidents that cannot be made here, and why."""
    if os.geteuid() != 0:
        return dict.fromkeys(PRIVILEGED, "only root may")
    barred = {}
    with tempfile.TemporaryDirectory() as place:
        mount = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=False, capture_output=True)
        if mount.returncode:
            barred["full disk"] = "no file system may be mounted"
        else:
            subprocess.run(["umount", place], check=True)
    if subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode:
        barred["two PID namespaces"] = "no PID namespace may be made"
    return barred


def _require_whole(ground: Ground, out: Path) -> None:
    """Write down every result that counts and is not whole."""
    for file in out.rglob("run.json"):
        if any(part.startswith(".") for part in file.relative_to(out).parts):
            continue
        try:
            record = load_record(file.parent)
        except KeraError as error:
            ground.faults.append(f"half-written: {error}")
            continue
        if not record.meta["fingerprint"] == fingerprint(record.tables) == ground.expected[record.seed]:
            ground.faults.append(f"{file.parent}: another result")


def _forget() -> None:
    """Forget the streets and people of this process: every run to come begins from files."""
    from kera_mobility.town import town

    for function in (town._streets, town._population):
        function.__closure__[1].cell_contents.clear()  # type: ignore[attr-defined]


def _limit(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _enter_namespace() -> None:
    """Go on as the first process of a new PID namespace; the one outside waits for it."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_PID_NAMESPACE):
        raise OSError(ctypes.get_errno(), "unshare")
    inside = os.fork()
    if inside:
        os.waitpid(inside, 0)
        os._exit(0)


def main() -> None:
    """Play the rounds and say what they found."""
    parser = argparse.ArgumentParser(description="Rounds of accidents.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="Leave out what only root may.")
    options = parser.parse_args()
    barred = dict.fromkeys(PRIVILEGED, "as told") if options.plain else impossible()
    for name, why in barred.items():
        print(f"{name}: left out, {why}")
    names = [name for name in ACCIDENTS if name not in barred]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="kera-chaos-") as place:
        ground = begin(Path(place), options.seed)
        for number in range(options.rounds):
            name = names[number % len(names)]
            faults = play(ground, name)
            print(f"round {number}, {name}: {'whole' if not faults else 'FAULTS'}", flush=True)
            counts[name] += 1
            for fault in faults:
                print(f"round {number}, {name}: {fault}", flush=True)
            counts["faults"] += len(faults)
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    raise SystemExit(1 if counts["faults"] else 0)


if __name__ == "__main__":
    main()
