"""What would have served a trip: `kera explain --trip` in a process of its own, one search after the other, kept."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock, Thread
from typing import Any, Literal

from kera_mobility.errors import ConfigError
from kera_mobility.files import replacing, utf8_text
from kera_mobility.texts import visible

MOST_WAITING = 4
"""Searches that wait for their turn."""
TRIES = 8
"""Changes that a search tries; each takes as long as a run."""


@dataclass
class RemedySearch:
    """One search, under way or ended."""

    state: Literal["waiting", "running", "done", "failed"]
    doing: str = ""
    """What it said last."""
    problem: str = ""
    change: dict[str, Any] | None = None
    """What `kera explain --json` says of it, when done."""


class RemedySearches:
    """The searches of a library; those that are done stand in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, RemedySearch] = {}
        self._lock, self._turn = Lock(), Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def named(self, name: str) -> RemedySearch | None:
        """Return a search by its name, or None if nobody asked for it."""
        file = self._folder / f"{name}.json"
        if name not in self._known and file.is_file():
            self._known[name] = RemedySearch("done", change=json.loads(utf8_text(file)))
        return self._known.get(name)

    def begin(self, name: str, run_folder: Path, trip: str) -> RemedySearch:
        """Return a search that is begun unless it is known.

        Raises
        ------
        ConfigError
            If too many wait already.
        """
        with self._lock:
            search = self.named(name)
            if search is not None and search.state != "failed":
                return search
            waiting = sum(other.state == "waiting" for other in self._known.values())
            if waiting >= MOST_WAITING:
                raise ConfigError(f"{waiting} searches wait already, expected at most {MOST_WAITING}; try again later")
            search = self._known[name] = RemedySearch("waiting")
        Thread(target=self._work, args=(search, name, run_folder, trip), daemon=True).start()
        return search

    def stop(self) -> None:
        """End the search under way; nothing of it is kept."""
        self._stopping = True
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def _work(self, search: RemedySearch, name: str, run_folder: Path, trip: str) -> None:
        with self._turn:
            if self._stopping:
                return
            search.state = "running"
            try:
                search.change, search.problem = self._search(search, run_folder, trip)
                if not search.problem:
                    self._folder.mkdir(exist_ok=True)
                    with replacing(self._folder / f"{name}.json") as partial:
                        partial.write_text(json.dumps(search.change), encoding="utf-8")
            except (OSError, ValueError) as error:
                search.problem = str(error)
            search.state = "failed" if search.problem else "done"

    def _search(self, search: RemedySearch, run_folder: Path, trip: str) -> tuple[dict[str, Any] | None, str]:
        """Return what would have served the trip, or what went wrong."""
        command = [sys.executable, "-m", "kera_mobility", "explain", str(run_folder), "--trip", trip]
        with TemporaryFile() as told:
            self._process = process = subprocess.Popen(  # noqa: S603
                [*command, "--json", "--tries", str(TRIES)], stdin=subprocess.DEVNULL, stdout=told,
                stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            assert process.stderr is not None
            for line in process.stderr:
                search.doing = visible(line.decode("utf-8", "replace").strip())
            if process.wait():
                return None, search.doing or f"it ended with the code {process.returncode}"
            told.seek(0)
            change = json.load(told).get("change")
        return change, "" if change else "this trip met no refusal"
