"""How far the runs of `kera run` and `kera ask` are, for another program: one JSON object a line on stderr."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kera_mobility.experiments.jobs import Written

LEAST_GAP_S = 0.2
"""Stages are told at most this often."""


class ProgressLines:
    """Tells a program what a person is shown by `ProgressDisplay`; `runs` is filled as they are finished."""

    def __init__(self, runs: list[Written]) -> None:
        self._runs, self._told_s = runs, 0.0

    def planned(self, total: int) -> None:
        """Tell how many runs there are to be."""
        self._tell(planned=total)

    def stage(self, seed: int, stage: str, part: float) -> None:
        """Tell a stage and the part of it that is done."""
        now_s = time.monotonic()
        if now_s - self._told_s >= LEAST_GAP_S:
            self._told_s = now_s
            self._tell(seed=seed, stage=stage, part=part)

    def written(self, run: Written) -> None:
        """Tell that a run is finished."""
        self._runs.append(run)
        about = {"scenario": run.folder.parent.name, "seed": run.seed, "fingerprint": run.fingerprint}
        self._tell(written=len(self._runs), **about, at_hand=run.at_hand, warnings=list(run.warnings))

    def answer(self, content: dict[str, Any]) -> None:
        """Tell what came of a question."""
        self._tell(answer=content)

    def note(self, text: str) -> None:
        """Tell a line that a person should know."""
        self._tell(note=text)

    def _tell(self, **about: Any) -> None:
        print(json.dumps(about), file=sys.stderr, flush=True)
