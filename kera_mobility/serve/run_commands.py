"""What an order of the page runs: the commands of `kera` that a person would give for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kera_mobility.errors import ConfigError
from kera_mobility.experiments.stopping import LEAST, Until

Mode = Literal["look", "decide", "doubt", "parts"]
MODES: tuple[Mode, ...] = ("look", "decide", "doubt")
"""Those that a question can be ordered in; `parts` is ordered of a run."""
MOST_DAYS, MOST_DRAWS = 40, 40


@dataclass(frozen=True)
class Ask:
    """How a question is to be run."""

    mode: Mode = "look"
    until: str = "sustainable_share 0.5pp"
    """For `decide`: the figure, and how narrow the interval of its change should be."""
    draws: int = 8
    """For `doubt`."""
    days: int = 20
    """For `decide`: where the adding of days ends. For `parts`: the days of each."""

    def __post_init__(self) -> None:
        if self.mode not in (*MODES, "parts"):
            raise ConfigError(f"mode: got '{str(self.mode)[:40]}', expected one of {', '.join(MODES)}")
        if not isinstance(self.until, str):
            raise ConfigError("until: expected text")
        _require_whole("draws", self.draws, 2, MOST_DRAWS)
        _require_whole("days", self.days, LEAST, MOST_DAYS)
        Until.of(self.until)

    @property
    def figure(self) -> str:
        """The figure that decides, empty where none was named."""
        return Until.of(self.until).kpi if self.mode == "decide" else ""


def commands(
    ask: Ask, scenario: Path, base: Path, results: tuple[Path, Path], report: Path | None, workers: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield name and arguments of each command, in order.

    Parameters
    ----------
    scenario, base
        Files of the question and of what it is held against.
    results
        Folders of the runs of both, the reference first.
    report
        File to write; None for none.
    """
    common = ["--out", str(results[0].parent), "--workers", str(workers), "--progress-lines"]
    asked = ["ask", str(scenario), "--against", str(base), *common, "--most-seeds", str(ask.days), "--seeds"]
    if ask.mode == "decide":
        written = ["--report", str(report)] if report else ["--no-report"]
        yield "decide", [*asked, str(LEAST), "--figure", ask.until, "--precise", *written]
        return
    if ask.mode == "parts":
        yield "parts", [*asked, str(ask.days), "--attribute", "--no-report"]
    else:
        doubted = ["--inputs", str(ask.draws), "--independent", "--seeds", f"1-{ask.draws}"]
        days = ["--seeds", "1"] if ask.mode == "look" else doubted
        yield "question", ["run", str(scenario), *days, *common]
        yield "reference", ["run", str(base), *days, *common]
    if report:
        yield "report", ["report", *map(str, results), "-o", str(report)]


def _require_whole(name: str, value: Any, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}: got {str(value)[:40]}, expected a whole number from {least} to {most}")
