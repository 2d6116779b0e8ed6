"""Where the runs of a batch are done: here, in processes of this machine, or on a dask cluster.

An executor takes jobs and yields what became of each, in the order in which they end. A worker that dies loses the
run it had, which is tried again on a new one; all else goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

from kera_mobility.errors import MissingExtraError, ResultError
from kera_mobility.experiments.jobs import Job, Stages, Towns, Written, perform
from kera_mobility.files import sweep

MOST_TRIES = 3
"""A run whose worker died this often is given up: it may be the run that kills it, for instance by its memory."""
ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # fmt: skip
"""Environment variables that keep the libraries below numpy and Arrow to one thread in each worker."""


@dataclass(frozen=True)
class Lost:
    """A run that was given up, because its workers died."""

    job: Job
    why: str


Ended = Written | Lost


class Executor(Protocol):
    """What does runs."""

    def perform(self, jobs: Iterable[Job]) -> Iterator[Ended]:
        """Yield what became of each job, in the order in which they end; a fault of the input or ours is raised."""

    def close(self) -> None:
        """Stop what is under way, leaving nothing half-written."""


class Serial:
    """One run after the other, in this process; it can tell stages and follow a person."""

    def __init__(
        self,
        progress: Stages | None = None,
        follow: int | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._towns = Towns()
        self._telling = (progress, follow, say)

    def perform(self, jobs: Iterable[Job]) -> Iterator[Ended]:
        """Yield each run when it is written."""
        for job in jobs:
            yield perform(job, self._towns, *self._telling)

    def close(self) -> None:
        """Return at once: nothing goes on between two runs."""


class Processes:
    """Runs side by side in spawned processes, each with one thread; a dead process is replaced.

    Processes are spawned, never forked: a fork would inherit threads of numpy and pyarrow half-way through a lock. So a
    program that calls this must do it under `if __name__ == "__main__":`.
    """

    def __init__(self, workers: int) -> None:
        self._most = workers
        self._workers: list[_Worker] = []

    def perform(self, jobs: Iterable[Job]) -> Iterator[Ended]:
        """Yield each run when it is written, or given up."""
        waiting = deque(jobs)
        tries: dict[Path, int] = {}
        while waiting or any(worker.job for worker in self._workers):
            self._hand_out(waiting)
            for worker in self._heard():
                job = worker.job
                assert job is not None
                answer = worker.answer()
                if isinstance(answer, Written):
                    yield answer
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    self._workers.remove(worker)
                    sweep(job.folder)
                    tries[job.folder] = tries.get(job.folder, 0) + 1
                    if tries[job.folder] < MOST_TRIES:
                        waiting.appendleft(job)
                    else:
                        yield Lost(job, f"its worker died {MOST_TRIES} times ({worker.how_it_ended()})")

    def close(self) -> None:
        """End every worker, at once if it is busy, and remove what it had half-written."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.process.join()
            if worker.job is not None:
                sweep(worker.job.folder)
        self._workers.clear()

    def _hand_out(self, waiting: deque[Job]) -> None:
        for worker in self._workers:
            if waiting and worker.job is None:
                worker.give(waiting.popleft())
        while waiting and len(self._workers) < self._most:
            worker = _Worker()
            self._workers.append(worker)
            worker.give(waiting.popleft())

    def _heard(self) -> list[_Worker]:
        """Return the workers that have answered or died, after waiting for one."""
        by_connection = {worker.connection: worker for worker in self._workers if worker.job is not None}
        return [by_connection[connection] for connection in wait(list(by_connection))]  # type: ignore[index]


class _Worker:
    """A process that does one job at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection: Connection
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.job: Job | None = None
        with _one_thread_each():
            self.process.start()
        theirs.close()  # so that reading ends when the process does

    def give(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # a worker that is dead already shows when it is read
            self.connection.send(job)

    def answer(self) -> Written | Exception | None:
        """Return what came of the job, or None if the process died; a worker that answered is free again."""
        try:
            answer: Written | Exception = self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            self.process.join()
            return None
        self.job = None
        return answer

    def end(self) -> None:
        if self.job is not None:
            self.process.kill()
        with suppress(OSError):
            self.connection.send(None)

    def how_it_ended(self) -> str:
        code = self.process.exitcode or 0
        if code == -signal.SIGKILL:
            return "killed; is there memory enough for so many workers?"
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _serve(connection: Connection) -> None:
    """Do jobs until there are no more, or nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    towns = Towns()
    with suppress(EOFError, OSError):
        while (job := connection.recv()) is not None:
            try:
                answer: Written | Exception = perform(job, towns)
            except Exception as error:
                answer = _portable(error, job)
            connection.send(answer)


def _portable(error: Exception, job: Job) -> Exception:
    """Return an exception that survives the way to another process; a fault of ours keeps its traceback as a note."""
    error.add_note(f"In the worker, {job}:\n{traceback.format_exc()}")
    try:
        same = type(pickle.loads(pickle.dumps(error))) is type(error)  # noqa: S301 - our own
    except Exception:
        same = False
    return error if same else RuntimeError(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Cluster:
    """Runs on a dask cluster, by the address of its scheduler.

    The workers need this version of the package, the area's files, and the results folder under the same path; dask
    gives the run of a dead worker to another.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise MissingExtraError(
                "a cluster needs the package distributed: install kera-mobility with the extra `cluster`"
            ) from None
        try:
            self._client: Any = distributed.Client(address, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TimeoutError) as error:
            raise ResultError(f"{address}: no dask scheduler answers: {str(error).splitlines()[0]}") from None

    def perform(self, jobs: Iterable[Job]) -> Iterator[Ended]:
        """Yield each run when it is written, or given up."""
        import distributed

        wanted = {self._client.submit(_on_cluster, job, pure=False): job for job in jobs}
        ended: Any = distributed.as_completed(list(wanted), loop=self._client.loop)  # type: ignore[no-untyped-call]
        for future in ended:
            job = wanted.pop(future)
            try:
                yield future.result()
            except distributed.KilledWorker:
                sweep(job.folder)
                yield Lost(job, "the cluster's workers died over it")

    def close(self) -> None:
        """Leave the cluster; what has not begun there is forgotten."""
        self._client.close()


def _on_cluster(job: Job) -> Written:
    return perform(job, Towns())
