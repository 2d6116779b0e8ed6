"""The one reader of result folders: a run's settings, figures and tables, each read when first asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from kera_mobility.config.figure_ids import FiguresById
from kera_mobility.results.events import KINDS
from kera_mobility.results.facts import Facts
from kera_mobility.results.record import RunRecord, settings_of
from kera_mobility.results.store import load_record, read_kpis, read_meta, read_settings, result_folders
from kera_mobility.texts import visible


class RunKey(NamedTuple):
    """What tells the runs of one scenario from each other, and what two runs must share to be compared."""

    seed: int
    day: int
    draw: int | None
    """Index of the draw of the uncertain inputs; None where they were as the scenario says."""

    def __str__(self) -> str:
        draw = "" if self.draw is None else f", input draw {self.draw}"
        return f"seed {self.seed}, day {self.day}{draw}"

    @property
    def order(self) -> tuple[int, int, int]:
        """What sorts keys; runs without a draw come first."""
        return self.seed, self.day, -1 if self.draw is None else self.draw


class RunFolder:
    """One result folder. Nothing is read before it is asked for; what was read is kept.

    Every property raises ResultError if its file is missing or torn.
    """

    def __init__(self, folder: str | Path, needed: Collection[str] = tuple(KINDS)) -> None:
        """Name a result folder.

        Parameters
        ----------
        needed
            Kinds of event without which the result is of no use; others may be lacking, as in an older result, and are
            then empty.
        """
        self.folder = Path(folder)
        self._needed = needed

    @cached_property
    def meta(self) -> dict[str, Any]:
        """`run.json`."""
        return read_meta(self.folder)

    @property
    def key(self) -> RunKey:
        """Seed, day and draw of the inputs."""
        draw = self.meta.get("input_draw")
        return RunKey(int(self.meta["seed"]), int(self.meta.get("day", 0)), None if draw is None else int(draw))

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return str(self.meta["scenario"])

    @property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        """What `run.json` says of each service, by name."""
        services: Mapping[str, Mapping[str, Any]] = self.meta["services"]
        return services

    @cached_property
    def kpis(self) -> FiguresById[dict[str, Any]]:
        """`kpis.json` by id: value (None where there is none), unit, population, definition."""
        return FiguresById({str(kpi["id"]): kpi for kpi in read_kpis(self.folder)})

    @cached_property
    def settings_yaml(self) -> str:
        """`scenario.yaml`: the resolved scenario."""
        return read_settings(self.folder)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The resolved scenario as plain maps; empty if it cannot be parsed."""
        return settings_of(self.settings_yaml)

    @cached_property
    def lacking(self) -> tuple[str, ...]:
        """Kinds of event that the result lacks or has with other columns: it is older."""
        return tuple(kind for kind in KINDS if kind not in self._needed and not self._has_columns(kind))

    @cached_property
    def record(self) -> RunRecord:
        """Every table; `record.frame(table)` gives one as a pandas frame."""
        return load_record(self.folder, lacking=self.lacking)

    @cached_property
    def facts(self) -> Facts:
        """The derived columns of trips and legs; `facts.frame(table, service)` gives the rows of one service."""
        return Facts(self.record)

    def title(self, service: str) -> str:
        """Return the display name of a service."""
        return visible(str(self.services.get(service, {}).get("title") or service), keep="")

    def _has_columns(self, kind: str) -> bool:
        """Return whether a table has the columns of this version; a torn one is read, and fails there."""
        file = self.folder / "events" / f"{kind}.parquet"
        try:
            return file.is_file() and bool(pq.read_schema(file).equals(KINDS[kind].schema))
        except (pa.ArrowException, OSError):
            return True


def runs_in(place: str | Path, needed: Collection[str] = tuple(KINDS)) -> list[RunFolder]:
    """Return the runs at or below a folder, sorted by path.

    Raises
    ------
    MissingFileError
        If the folder does not exist.
    ResultError
        If it holds no result.
    """
    return [RunFolder(folder, needed) for folder in result_folders(place)]
