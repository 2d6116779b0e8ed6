"""Where the runs of a batch are done: here, in processes of this machine, or on a dask cluster.

An executor takes jobs and yields what became of each, in the order in which they end. A worker that dies loses the
run it had, which is tried again on a new one; all else goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pebble import ProcessExpired, ProcessPool

from kera_mobility.errors import MissingExtraError, ResultError, in_words
from kera_mobility.experiments.jobs import Job, Stages, Towns, Written, perform
from kera_mobility.files import sweep

MOST_TRIES = 3
"""A run whose worker died this often is given up: it may be the run that kills it, for instance by its memory."""
WATCH_S = 5.0
"""A pool that failed before it had the job does not answer; pools are looked at this often."""
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


Outcome = Written | Lost
"""What became of a job."""


class Executor(Protocol):
    """What does runs."""

    def perform(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
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

    def perform(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
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
        # A pool for each worker: a pool of several fails as a whole if a process dies while it waits for a job.
        self._workers = workers
        self._idle: list[ProcessPool] = []
        self._busy: dict[Future[Written], tuple[Job, ProcessPool]] = {}
        self._environment = ExitStack()
        self._environment.enter_context(_one_thread_each())

    def perform(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield each run when it is written, or given up."""
        waiting = deque(jobs)
        deaths: Counter[Path] = Counter()
        while waiting or self._busy:
            while waiting and len(self._busy) < self._workers:
                job, pool = waiting.popleft(), self._free_pool()
                self._busy[pool.schedule(_perform_in_worker, [job])] = job, pool
            for future in self._ended():
                job, pool = self._busy.pop(future)
                try:
                    written = future.result(0)
                except (ProcessExpired, BrokenProcessPool, TimeoutError) as death:
                    _end(pool)
                    sweep(job.folder)
                    deaths[job.folder] += 1
                    if deaths[job.folder] < MOST_TRIES:
                        waiting.appendleft(job)
                    else:
                        yield Lost(job, f"its worker died {MOST_TRIES} times ({_cause(death)})")
                else:
                    self._idle.append(pool)
                    yield written

    def close(self) -> None:
        """End every worker, at once if it is busy, and remove what it had half-written."""
        _end(*self._idle, *(pool for _, pool in self._busy.values()))
        for job, _ in self._busy.values():
            sweep(job.folder)
        self._environment.close()

    def _free_pool(self) -> ProcessPool:
        while self._idle:
            pool = self._idle.pop()
            if pool.active:
                return pool
            _end(pool)  # its process died between two jobs
        return ProcessPool(max_workers=1, context=multiprocessing.get_context("spawn"))

    def _ended(self) -> Iterable[Future[Written]]:
        """Wait, and return the jobs that have ended, or those whose pool failed before it had taken them."""
        ended = wait(self._busy, WATCH_S, return_when=FIRST_COMPLETED).done
        return ended or [future for future, (_, pool) in self._busy.items() if not pool.active]


def _end(*pools: ProcessPool) -> None:
    for pool in pools:
        pool.stop()  # type: ignore[no-untyped-call]
    for pool in pools:
        pool.join()


def _cause(death: Exception) -> str:
    """Return how a worker died, in words."""
    code = death.exitcode if isinstance(death, ProcessExpired) else None
    if code is None:
        return 'killed before it began; is the call under `if __name__ == "__main__":`, is there memory enough?'
    if code == -signal.SIGKILL:
        return "killed; is there memory enough for so many workers?"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


@cache
def _towns_of_this_process() -> Towns:
    return Towns()


def _perform_in_worker(job: Job) -> Written:
    """Return the run once it is written; the town stays in the process for the next one."""
    try:
        return perform(job, _towns_of_this_process())
    except (OSError, MemoryError) as error:
        raise in_words(error) or error from None


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

    def perform(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield each run when it is written, or given up."""
        import distributed

        job_of = {self._client.submit(_perform_in_worker, job, pure=False): job for job in jobs}
        completed: Any = distributed.as_completed(list(job_of), loop=self._client.loop)  # type: ignore[no-untyped-call]
        for future in completed:
            job = job_of.pop(future)
            try:
                yield future.result()
            except distributed.KilledWorker:
                sweep(job.folder)
                yield Lost(job, "the cluster's workers died over it")

    def close(self) -> None:
        """Leave the cluster; what has not begun there is forgotten."""
        self._client.close()
