"""One queue of runs: each is the `kera run` of the command line in a process of its own; its folders are the memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal

from kera_mobility.errors import ConfigError, KeraError
from kera_mobility.experiments.stopping import LEAST
from kera_mobility.files import replacing, utf8_text
from kera_mobility.serve.questions import NAME, Question, UnknownNameError
from kera_mobility.serve.run_commands import MOST_DAYS, Ask, commands
from kera_mobility.texts import visible

State = Literal["queued", "running", "done", "failed", "cancelled"]
STAGES = {"load": (0.0, 0.2), "plan": (0.2, 0.3), "simulate": (0.5, 0.45), "write": (0.95, 0.05)}
"""Where a stage begins in a run, and its part of it. Assumption, for the time left only."""
MOST_NOTE = 2000
"""Characters of a note."""
PATIENCE_S = 8.0
"""How long a run may take to end when it is asked to."""
SHOWN_LINES = 6
"""Last lines of what a process said that are shown when it fails."""


@dataclass
class RunOrder:
    """One order to run a question, and what became of it; what is kept of it beside the results."""

    id: str
    question: str
    title: str
    ask: Ask
    number: int
    state: State = "queued"
    ordered_s: float = 0.0
    """Seconds since 1970, as the two below."""
    began_s: float = 0.0
    ended_s: float = 0.0
    problem: str = ""
    note: str = ""
    pinned: bool = False
    fingerprint: str = ""
    """Of the first day of the question."""
    of: str = ""
    """The run whose changes are taken back one at a time; empty for a run of a question."""
    outcome: dict[str, Any] = field(default_factory=dict)
    """What `kera ask` told in the end: why it stopped, how narrow the interval is, what was taken back."""
    day_s: float = 0.0
    """Clock time of one of its days, the shares of loading and of warm-up days included; 0 until one was lived."""
    progress: dict[str, Any] = field(default_factory=dict)
    """Step, stage, runs done and planned, part and seconds left; only while it runs."""

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> RunOrder:
        """Return an order as it was kept; what ran when the server stopped is queued again."""
        known = {name.name for name in fields(cls)}
        values = {key: value for key, value in content.items() if key in known and key != "progress"}
        order = cls(**{**values, "ask": Ask(**values["ask"])})
        return replace(order, state="queued") if order.state == "running" else order


class RunQueue:
    """Orders in the folder of the library, done one after the other by a thread."""

    def __init__(self, folder: Path, base: Path, base_name: str, workers: int = 1) -> None:
        self.folder, self.base, self._base_name, self._workers = folder, base, base_name, workers
        self._orders_folder = folder / "orders"
        self._orders_folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob(".export-*.zip"):
            file.unlink(missing_ok=True)  # of a server that was killed
        self._changed = Condition()
        self._version = 0
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled: set[str] = set()
        self.orders: dict[str, RunOrder] = {}
        for file in self._orders_folder.glob("*.json"):
            try:
                order = RunOrder.read(json.loads(utf8_text(file)))
            except (KeraError, ValueError, TypeError, KeyError):
                continue  # not one of ours, or torn: the results stay where they are
            self.orders[order.id] = order
        self._thread = Thread(target=self._work, name="runs", daemon=True)
        self._thread.start()

    # What a page asks for.

    def order(self, question: Question, ask: Ask) -> RunOrder:
        """Return a new order; the question is copied as it stands, so that later changes do not touch it."""
        with self._changed:
            order = self._numbered(question.name, question.title, ask)
            with replacing(self._orders_folder / f"{order.id}.yaml") as partial:
                partial.write_text(question.text, encoding="utf-8")
            self._keep(order)
            return order

    def leave_out(self, source: RunOrder) -> RunOrder:
        """Return a new order: a run again without each of its changes, for the days that it has and LEAST at least.

        Raises
        ------
        ConfigError
            If such an order waits or is under way.
        """
        with self._changed:
            if any(order.of == source.id and order.state in ("queued", "running") for order in self.orders.values()):
                raise ConfigError(f"the run '{source.title}' is taken apart already")
            ask = Ask("parts", days=self.days_apart(source))
            order = replace(self._numbered(source.question, source.title, ask), of=source.id)
            self._keep(order)
            return order

    def days_apart(self, source: RunOrder) -> int:
        """Return for how many days a run is lived again without each of its changes."""
        days = len(list(self.results(source)[1].glob("seed-*/run.json"))) if source.ask.mode != "doubt" else 0
        return min(max(days, LEAST), MOST_DAYS)

    def source(self, order: RunOrder) -> RunOrder:
        """Return the run of a question that an order is about: itself, or the one that it takes apart."""
        return self.find(order.of) if order.of else order

    def parts_of(self, order: RunOrder) -> RunOrder | None:
        """Return the latest order that took a run apart and is done."""
        done = [other for other in self.orders.values() if other.of == order.id and other.state == "done"]
        return max(done, key=lambda other: other.number, default=None)

    def cancel(self, name: str) -> RunOrder:
        """Stop an order; days that are finished stay."""
        order = self.find(name)
        with self._changed:
            if order.state == "queued":
                order.state, order.ended_s = "cancelled", time.time()
                self._keep(order)
            elif order.state == "running":
                self._cancelled.add(order.id)
                self._interrupt()
        return order

    def remark(self, name: str, note: str | None = None, pinned: bool | None = None) -> RunOrder:
        """Keep a note, or whether it is pinned."""
        order = self.find(name)
        with self._changed:
            if note is not None:
                if len(note) > MOST_NOTE:
                    raise ConfigError(f"note: got {len(note)} characters, expected at most {MOST_NOTE}")
                order.note = visible(note, keep="\n")
            order.pinned = order.pinned if pinned is None else pinned
            self._keep(order)
        return order

    def find(self, name: str) -> RunOrder:
        """Return an order by its id.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        if name not in self.orders:
            raise UnknownNameError(f"got the run '{name[:80]}', expected one that there is")
        return self.orders[name]

    def listed(self) -> list[dict[str, Any]]:
        """Return all orders as plain values: pinned ones first, then the latest."""
        ordered = sorted(self.orders.values(), key=lambda order: (not order.pinned, -order.number))
        return [asdict(order) for order in ordered]

    @property
    def version(self) -> int:
        """Rises with every change."""
        return self._version

    def scenario_file(self, order: RunOrder) -> Path:
        """Return the scenario of an order, as it was when it was ordered."""
        return self._orders_folder / f"{order.of or order.id}.yaml"

    def results(self, order: RunOrder) -> tuple[Path, Path]:
        """Return the folders of the reference and of the question, with a folder for each day."""
        out = self._out(order.ask)
        return out / self._base_name, out / (order.of or order.id)

    def report_file(self, order: RunOrder) -> Path:
        """Return where the report of an order stands."""
        return self.folder / "reports" / f"{order.of or order.id}.html"

    def stop(self) -> None:
        """Stop the run under way; it is queued again when the server starts next time."""
        with self._changed:
            self._stopping = True
            self._interrupt()
            self._changed.notify_all()
        self._thread.join(timeout=PATIENCE_S + 2.0)

    # The work.

    def _numbered(self, question: str, title: str, ask: Ask) -> RunOrder:
        number = 1 + max((order.number for order in self.orders.values()), default=0)
        return RunOrder(f"{question[:50]}_{number}", question, title, ask, number, ordered_s=time.time())

    def _out(self, ask: Ask) -> Path:
        return self.folder / ("runs_of_inputs" if ask.mode == "doubt" else "runs")

    def _keep(self, order: RunOrder) -> None:
        assert NAME.fullmatch(order.id[:60])
        with self._changed:
            self.orders[order.id] = order
            self._version += 1
            with replacing(self._orders_folder / f"{order.id}.json") as partial:
                content = {key: value for key, value in asdict(order).items() if key != "progress"}
                partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                waiting = [order for order in self.orders.values() if order.state == "queued"]
                if self._stopping:
                    return
                if not waiting:
                    self._changed.wait()
                    continue
                order = min(waiting, key=lambda order: order.number)
                order.state, order.began_s, order.problem = "running", time.time(), ""
            try:
                self._keep(order)
                problem = self._perform(order)
            except OSError as error:  # such as a full disk
                problem = str(error.strerror or error)
            if self._stopping:
                order.state = "queued"
            else:
                cancelled = order.id in self._cancelled
                order.state = "cancelled" if cancelled else "failed" if problem else "done"
                order.problem = "" if cancelled else problem
            order.ended_s, order.progress = time.time(), {}
            try:
                self._keep(order)
            except OSError as error:
                order.problem = order.problem or str(error.strerror or error)

    def _perform(self, order: RunOrder) -> str:
        """Do the commands of an order; return what went wrong."""
        self.report_file(order).parent.mkdir(exist_ok=True)
        more_days = self.source(order).ask.mode == "look"  # the others have the days of their report already
        report = self.report_file(order) if more_days or not order.of else None
        files = self.scenario_file(order), self.base, self.results(order)
        for step, arguments in commands(order.ask, *files, report, self._workers):
            if problem := self._step(order, step, arguments):
                return problem
        return ""

    def _step(self, order: RunOrder, step: str, arguments: Sequence[str]) -> str:
        """Do one command of `kera` and return what went wrong, nothing if all is well."""
        with self._changed:
            if self._stopping or order.id in self._cancelled:
                return "cancelled"
            self._process = process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "kera_mobility", *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        self._show(order, {"step": step, "done": 0, "planned": 1, "part": 0.0})
        said: deque[str] = deque(maxlen=SHOWN_LINES)
        assert process.stderr is not None
        began_s, lived = time.monotonic(), 0
        for line in process.stderr:
            told = _told(line)
            if told is None:
                said.append(visible(line.decode("utf-8", "replace").rstrip()))
                continue
            if (told.get("scenario"), told.get("seed")) == (order.of or order.id, 1):
                order.fingerprint = str(told["fingerprint"])
            if "answer" in told:
                order.outcome = told["answer"]
            elapsed_s = time.monotonic() - began_s
            if told.get("at_hand") is False:
                lived += 1
                order.day_s = elapsed_s / lived
            self._show(order, _further(order.progress, told, elapsed_s))
        code = process.wait()
        with self._changed:
            self._process = None
        return "" if code == 0 else "\n".join(said) or f"it ended with the code {code}"

    def _show(self, order: RunOrder, progress: dict[str, Any]) -> None:
        with self._changed:
            order.progress = progress
            self._version += 1
            self._changed.notify_all()

    def _interrupt(self) -> None:
        """Ask the process under way to end, and end it if it does not."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGINT)

        def end_it() -> None:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

        Thread(target=end_it, daemon=True).start()


def _told(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _further(progress: Mapping[str, Any], told: Mapping[str, Any], elapsed_s: float) -> dict[str, Any]:
    """Return the progress after something was told: part of the step, and seconds left by the pace so far."""
    known = {**progress}
    if "planned" in told:
        known["planned"] = told["planned"]
    if "written" in told:
        known |= {"done": told["written"], "stage": ""}
    within = 0.0
    if "stage" in told:
        stage = str(told["stage"])
        begin, share = STAGES.get(stage.partition(" ")[0], (0.0, 0.0))
        known["stage"] = stage
        within = begin + share * float(told["part"])
    part = min(1.0, (known["done"] + within) / max(known["planned"], 1))
    known["part"] = max(part, known["part"] if "planned" not in told else 0.0)
    known["left_s"] = elapsed_s * (1.0 - part) / part if part > 0.05 else None
    return known
