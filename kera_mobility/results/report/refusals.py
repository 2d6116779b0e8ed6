"""Who was refused and why, as `kera explain` adds it up: by service and reason, with places, hours and sequels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kera_mobility.results.explain import Explanation, explain
from kera_mobility.results.explain.cases import REFUSED, UNSERVED, Case, Cases, by_population
from kera_mobility.results.explain.sequels import GAVE_UP, LATER, MODE_DONE, NEVER_LEFT, UNDER_WAY
from kera_mobility.results.explain.text import tell

MOST = 3
"""Places and hours named for each reason."""
MOST_SEQUELS = 5
"""What people did instead, named for each reason."""
DID = {phrase: mode for mode, phrase in MODE_DONE.items()} | {
    LATER: "later", GAVE_UP: "gave_up", UNDER_WAY: "under_way", NEVER_LEFT: "never_left",
}  # fmt: skip
"""What somebody did, in the words of `kera explain` -> its key in the page's languages."""


def why(folders: Sequence[Path]) -> dict[str, Any]:
    """Return why trips went unserved and services said no in the runs of one scenario, added up over them.

    `rows` are what (refused, unserved, under_way, booking, left_behind), service, reason, count, and the most frequent
    places, hours and sequels, each a list of [name, count]; `first` is the commonest refusal with its worst place and
    hour. Every sum is that of `kera explain`, and `text` is what it prints.

    Raises
    ------
    ResultError
        If a result is torn.
    """
    parts = [explain(folder) for folder in folders]
    runs = [replace(run, folder=Path(run.folder.name)) for part in parts for run in part.runs]
    found = replace(parts[0], runs=runs)
    cases = found.cases
    lost = _of(cases, UNSERVED)
    return {
        "runs": len(runs), "trips": sum(run.trips for run in runs), "lost": lost.total(),
        "lost_residents": by_population(lost.items(), "residents"), "refused": _of(cases, REFUSED).total(),
        "first": _first(_of(cases, REFUSED)), "did": _named(_by(_of(cases, REFUSED), _did), 1),
        "rows": _rows(cases), "sums": len(found.sums), "agrees": not found.disagreements, "text": _told(found),
    }  # fmt: skip


def _told(found: Explanation) -> str:
    return tell(found, MOST)


def _rows(cases: Cases) -> list[list[Any]]:
    groups: dict[tuple[str, str, str], Cases] = {}
    for case, count in cases.items():
        groups.setdefault((case.what, case.service, case.binding), Counter())[case] += count
    rows = [
        [*key, some.total(), _named(_by(some, lambda case: case.place), MOST),
         _named(_by(some, lambda case: case.hour), MOST), _named(_by(some, _did), MOST_SEQUELS)]
        for key, some in groups.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row[0], -row[3], row[1], row[2]))


def _first(refused: Cases) -> list[Any] | None:
    """Return service, reason and count of the commonest refusal, and place, hour and count where it was worst."""
    if not refused:
        return None
    (service, reason), count = _most(_by(refused, lambda case: (case.service, case.reason)))
    same = Counter({case: n for case, n in refused.items() if (case.service, case.reason) == (service, reason)})
    (place, hour), there = _most(_by(same, lambda case: (case.place, case.hour)))
    return [service, reason, count, place, hour, there]


def _did(case: Case) -> str:
    return DID.get(case.instead, case.instead)


def _of(cases: Cases, what: str) -> Cases:
    return Counter({case: count for case, count in cases.items() if case.what == what})


def _by(cases: Cases, key: Callable[[Case], Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for case, count in cases.items():
        found[key(case)] += count
    return found


def _most(counts: Counter[Any]) -> tuple[Any, int]:
    """Return the key with the highest count, of equals the first by name."""
    return min(counts.items(), key=lambda item: (-item[1], item[0]))


def _named(counts: Counter[Any], most: int) -> list[list[Any]]:
    """Return the highest counts, equals by name; what has no name is left out."""
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [[name, count] for name, count in shown if name != ""]
