"""How far the runs of `kera run` are: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kera_mobility.cli._output import remark
from kera_mobility.texts import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from kera_mobility.experiments.jobs import Written

LINE_EVERY_S = 15.0
"""Where there is no terminal, a line says this often how far it is."""
SHORT_S = 100.0
"""Times up to this are shown in seconds, longer ones in minutes."""
STAGES = ("load", "plan", "simulate", "write")
"""The stages of a run, in order."""


@contextmanager
def progress_display(runs: list[Written], quiet: bool) -> Iterator[ProgressDisplay]:
    """Show the progress on stderr: bars on a terminal, elsewhere a line every LINE_EVERY_S."""
    if quiet or not sys.stderr.isatty():
        yield ProgressDisplay(runs, None, lines=not quiet, notes=not quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    remaining = TextColumn("{task.fields[remaining]}")
    console = Console(stderr=True, markup=False, emoji=False)
    with Progress(*columns, TimeElapsedColumn(), remaining, console=console, transient=True) as bars:
        yield ProgressDisplay(runs, bars)


class ProgressDisplay:
    """What is shown of runs under way; `runs` is filled as they are finished."""

    def __init__(self, runs: list[Written], bars: Progress | None, *, lines: bool = False, notes: bool = True) -> None:
        self._runs = runs
        self._bars, self._lines, self._notes = bars, lines, notes
        self._tasks: dict[str, TaskID] = {}
        self._total = 0
        self._began_s = self._line_at_s = time.monotonic()

    def planned(self, total: int) -> None:
        """Take note of how many runs there are to be."""
        self._total = total
        if self._bars is not None and total > 1:
            if "runs" not in self._tasks:
                self._tasks["runs"] = self._bars.add_task(f"{total} runs", total=total, remaining="")
            self._bars.update(self._tasks["runs"], total=total, description=f"{total} runs")

    def stage(self, seed: int, stage: str, part: float) -> None:
        """Show a stage; it may carry a word, such as `simulate 07:45`, which is shown too."""
        if self._bars is None:
            done = f"{len(self._runs)} of {self._total} runs done; " if self._total > 1 else ""
            self._line(f"{done}seed {seed}: {stage}, {100.0 * part:.0f} %")
            return
        name = stage.partition(" ")[0]
        if name == STAGES[0] and len(self._tasks) > 2:  # the next run begins
            for task in [self._tasks.pop(old) for old in STAGES if old in self._tasks]:
                self._bars.remove_task(task)
        label = f"seed {seed}  {stage}" if self._total > 1 else stage
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(label, total=1.0, remaining="")
        self._bars.update(self._tasks[name], completed=part, description=label)

    def written(self, run: Written) -> None:
        """Show that a run is finished, and how long the remaining ones will take."""
        self._runs.append(run)
        if self._bars is not None and "runs" in self._tasks:
            self._bars.update(self._tasks["runs"], completed=len(self._runs), remaining=self._remaining())
        if len(self._runs) < self._total:
            self._line(f"{len(self._runs)} of {self._total} runs, {self._remaining()}")

    def note(self, text: str) -> None:
        """Show a line that a person should know."""
        if self._bars is not None:
            self._bars.console.print(visible(text), highlight=False)
        elif self._notes:
            remark(text)

    def _line(self, text: str) -> None:
        """Print a line where there is no terminal, if the last one was long ago."""
        now_s = time.monotonic()
        if self._lines and now_s - self._line_at_s >= LINE_EVERY_S:
            self._line_at_s = now_s
            remark(text)

    def _remaining(self) -> str:
        """Return the time left in words, from the pace of the runs so far."""
        simulated = sum(not run.at_hand for run in self._runs)
        if not simulated:
            return ""
        remaining_s = (time.monotonic() - self._began_s) / simulated * (self._total - len(self._runs))
        in_words = f"{remaining_s:.0f} s" if remaining_s < SHORT_S else f"{remaining_s / 60.0:.0f} min"
        return f"about {in_words} left"


def kept_after_interrupt(folders: Iterable[Path], batch: bool) -> str:
    """Return what is kept after Ctrl-C, in words, and what the same command does then."""
    # The folders count, not what was reported: a run may have been written just before Ctrl-C came.
    kept = {folder: len(list(folder.glob("seed-*/run.json"))) for folder in sorted(folders)}
    number, places = sum(kept.values()), ", ".join(str(folder) for folder, runs in kept.items() if runs)
    if not number:
        return "Nothing was written: a run is kept only when it is whole."
    advice = " The same command goes on from there." if batch else ""
    runs = "1 whole run is" if number == 1 else f"{number} whole runs are"
    return f"{runs} kept in {places}; nothing half-written is.{advice}"
