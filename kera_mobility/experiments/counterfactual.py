"""What would have served a trip: live the same day again with one change after the other, the cheapest first.

The day is that of a result folder: its scenario, seed, day and what the night before handed over. Nothing is confirmed
unless the same area is at hand and this code gives the day that the folder tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kera_mobility.config.resources import area_folder, code_hash
from kera_mobility.errors import ConfigError, KeraError, ResultError
from kera_mobility.experiments.remedies import Remedy, cheapest_first, remedies
from kera_mobility.ledger import changed_inputs
from kera_mobility.results.events import table_fingerprint
from kera_mobility.results.explain.inputs import RunReader, read_run
from kera_mobility.results.explain.trip_story import Story, story_of
from kera_mobility.results.explain.trip_text import journey
from kera_mobility.results.record import RunRecord
from kera_mobility.results.store import load_record
from kera_mobility.simulation.run import Run, simulate
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.units import MINUTE_S

MOST_TRIES = 8
"""Changes that are tried before giving up, unless told: each takes as long as a run."""
COMPARED = ("trips", "legs", "refusals")
"""Tables in which a day lived again must be the one that the folder tells."""

SCENARIO = "scenario.yaml"
"""File of the resolved scenario in a result folder."""

Rerun = Callable[[Scenario], Run]
"""Lives the day of the folder with another scenario."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class SideEffects:
    """What a change did beside the trip: for everyone, before and after."""

    trips_changed: int
    """Trips of other people that took another journey or ended otherwise."""
    refused: tuple[int, int]
    unserved: tuple[int, int]

    @property
    def words(self) -> str:
        """The same as a line."""
        return (
            f"for others: {self.trips_changed:,} trips went otherwise; denied requests {self.refused[0]:,} -> "
            f"{self.refused[1]:,}, trips given up {self.unserved[0]:,} -> {self.unserved[1]:,}"
        )


@dataclass(frozen=True)
class Attempt:
    """One change that was tried."""

    remedy: Remedy
    served: bool
    outcome: str
    """What became of the trip."""
    side_effects: SideEffects | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        effects = asdict(self.side_effects) if self.side_effects else None
        return {"remedy": asdict(self.remedy), "served": self.served, "what": self.outcome, "others": effects}


@dataclass(frozen=True)
class Counterfactual:
    """The cheapest change that would have served a trip, if any was found."""

    reasons: tuple[tuple[str, str], ...]
    """The services that denied the request, and why; a service without a name is every one."""
    tried: tuple[Attempt, ...] = ()
    not_tried: tuple[Remedy, ...] = ()
    """Dearer ones for which there was no time, or all where nothing can be confirmed."""
    unconfirmed: str = ""
    """Why nothing could be lived again, in words."""

    @property
    def cheapest(self) -> Attempt | None:
        """The first change that served the trip."""
        return next((attempt for attempt in self.tried if attempt.served), None)

    @property
    def words(self) -> str:
        """The same as lines."""
        if self.unconfirmed:
            return f"What would have served it cannot be confirmed: {self.unconfirmed}"
        lines = ["What would have served it? Lived again with one change after the other, the cheapest first:"]
        for attempt in self.tried:
            lines.append(f"  {'YES' if attempt.served else 'no '}  {attempt.remedy.words}: {attempt.outcome}")
        cheapest = self.cheapest
        if cheapest is None:
            untried = f"; {len(self.not_tried)} dearer ones were not tried (--tries)" if self.not_tried else ""
            return "\n".join([*lines, f"None of {len(self.tried)} changes would have served it{untried}."])
        lines.append(f"Cheapest change: {cheapest.remedy.words}, confirmed. {_flags(cheapest.remedy)}")
        if cheapest.remedy.cost_eur is not None:
            cost = f"about {cheapest.remedy.cost_eur:,.2f} EUR a day"
            lines.append(f"  {cost} (an assumption: it only orders the changes)")
        if cheapest.side_effects:
            lines.append(f"  {cheapest.side_effects.words}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self) | {
            "tried": [attempt.to_json() for attempt in self.tried],
            "cheapest": self.cheapest.to_json() if self.cheapest else None,
        }


def find_remedy(
    folder: Path, person: int, trip: int, *, rerun: Rerun | None = None, tries: int = MOST_TRIES, say: Say | None = None
) -> Counterfactual:
    """Return the cheapest change that would have served a trip that was given up or refused.

    Parameters
    ----------
    rerun
        Lives the day with a scenario; if not given, `simulate` does, after a check that it gives the same day.
    tries
        How many changes are tried.
    say
        Called with a sentence about each change that is tried.

    Raises
    ------
    ResultError
        If the trip met no refusal, or the folder is no result.
    """
    reader = read_run(folder)
    story = story_of(reader, person, trip)
    if not story.failed:
        raise ResultError(f"{folder}: trip {person}:{trip} met no refusal; expected one that was given up or refused")
    denied = _refused_by(story)
    reasons = tuple((service, reason) for service, reason, _ in denied)
    try:
        live_again = rerun or same_day(reader, say)
        scenario = load_scenario(reader.folder / SCENARIO)
    except KeraError as error:
        return Counterfactual(reasons, unconfirmed=str(error))
    candidates = cheapest_first(
        remedy for service, reason, t_s in denied for remedy in remedies(scenario, service, reason, t_s)
    )
    services = {service for service, _ in reasons if service}
    tried: list[Attempt] = []
    for remedy in candidates[:tries]:
        if say:
            say(f"trying: {remedy.words}")
        tried.append(_try(reader, live_again, remedy, story, services))
        if tried[-1].served:
            break
    return Counterfactual(reasons, tuple(tried), tuple(candidates[len(tried) :]))


def same_day(reader: RunReader, say: Say | None = None) -> Rerun:
    """Return what lives the day of a folder again.

    Raises
    ------
    ResultError
        If the scenario, the area or the day is not that of the folder; the message says which.
    """
    meta = reader.record.meta
    scenario = load_scenario(reader.folder / SCENARIO)
    hashes: Mapping[str, Any] = meta.get("input_hashes", {})
    if scenario.hash != hashes.get("scenario"):
        raise ResultError(
            f"{reader.folder}: this version reads the scenario otherwise than version {_version(meta)} did"
        )
    data = {name: digest for name, digest in meta.get("input_files", {}).items() if not name.endswith(".yaml")}
    known = {name: digest for name, digest in data.items() if name.startswith(("area/", "configs/"))}
    if changed := changed_inputs(known, scenario.roots(area_folder(scenario.area))):
        raise ResultError(
            f"{reader.folder}: the files of the area '{scenario.area}' are not those of the result: {changed[0]}"
        )
    carried = _carried(reader)
    rerun = partial(_simulate, meta["seed"], meta.get("day", 0), carried)
    if hashes.get("code") != code_hash() or meta.get("day", 0) or not data or data != known:
        if say:
            say("checking that the day can be lived again")
        if not _same(reader.record, rerun(scenario).record):
            raise ResultError(
                f"{reader.folder}: lived again, the day is another one: this code is not that of version "
                f"{_version(meta)}, or the night before it is not known"
            )
    return rerun


def rerun_watching(reader: RunReader, person: int, say: Say | None = None) -> RunReader:
    """Return the day of a folder lived again, with all that a person considered on every trip.

    Raises
    ------
    ResultError
        As `same_day`, and if the day lived again is another one.
    """
    same_day(reader, say)
    meta = reader.record.meta
    scenario = load_scenario(reader.folder / SCENARIO)
    run = simulate(scenario, meta["seed"], meta.get("day", 0), _carried(reader), watched=person)
    return RunReader(reader.folder, run.record)


def _refused_by(story: Story) -> list[tuple[str, str, float]]:
    """Return service, reason and moment of each different refusal of a trip; if no service refused, of none left."""
    refused: dict[tuple[str, str], float] = {}
    for row in story.refusals:
        if row["service"]:
            refused.setdefault((str(row["service"]), str(row["reason"])), float(row["t_s"]))
    if not refused:
        return [("", "no_journey", float(story.trip["t_s"]))]
    return [(service, reason, t_s) for (service, reason), t_s in refused.items()]


def _try(reader: RunReader, live_again: Rerun, remedy: Remedy, story: Story, services: set[str]) -> Attempt:
    """Return what became of a trip on the same day with a change."""
    trip = story.trip
    try:
        run = live_again(load_scenario(reader.folder / SCENARIO, remedy.overrides))
    except ConfigError as error:
        return Attempt(remedy, False, f"not possible: {str(error).splitlines()[0]}")
    after = RunReader(reader.folder, run.record)
    became = story_of(after, trip["person"], trip["trip"])
    served, outcome = _outcome(after, became, services)
    return Attempt(remedy, served, outcome, _side_effects(reader.record, run.record, int(trip["person"])))


def _outcome(after: RunReader, story: Story, services: set[str]) -> tuple[bool, str]:
    """Return whether a service that had refused a trip carries it now, any if none had, and what became of it."""
    ended, chain = story.trip["outcome"], story.trip["chain"]
    if ended != "arrived":
        return False, "still given up" if ended == "unserved" else f"now {ended.replace('_', ' ')}"
    took_min = (story.trip["end_s"] - story.trip["t_s"]) / MINUTE_S
    arrived = f"arrived by {journey(after, chain)} after {took_min:.0f} min"
    refused = {str(row["service"]): str(row["reason"]) for row in story.refusals if row["service"] in services}
    rode = {str(leg["service"]) for leg in story.legs if leg["ride_s"] > 0}
    if not services or (services & rode) - refused.keys():
        return True, arrived
    refused_again = [
        f"{after.title(name)} denied the request again ({reason.replace('_', ' ')})" for name, reason in refused.items()
    ]
    without = " or ".join(after.title(name) for name in sorted(services))
    return False, "; ".join([*refused_again, arrived]) if refused_again else f"{arrived}, without {without}"


def _flags(remedy: Remedy) -> str:
    """Return the change as `kera run` takes it; lists are too long to be typed."""
    short = all("[" not in override or override.endswith("=[]") for override in remedy.overrides)
    return " ".join(f"--set '{override}'" for override in remedy.overrides) if short else ""


def _side_effects(before: RunRecord, after: RunRecord, person: int) -> SideEffects:
    was, now = _journeys(before, person), _journeys(after, person)
    changed = sum(now.get(key) != journey for key, journey in was.items())
    counts = [(record.tables["refusals"], record.tables["trips"]) for record in (before, after)]
    refused = [sum(1 for name in refusals.column("service").to_pylist() if name) for refusals, _ in counts]
    unserved = [trips.column("outcome").to_pylist().count("unserved") for _, trips in counts]
    return SideEffects(changed, (refused[0], refused[1]), (unserved[0], unserved[1]))


def _journeys(record: RunRecord, person: int) -> dict[tuple[int, int], list[str]]:
    """Return chain and outcome of the trips of all but one person."""
    trips = record.tables["trips"]
    columns = (trips.column(name).to_pylist() for name in ("person", "trip", "chain", "outcome"))
    return {(other, trip): ends for other, trip, *ends in zip(*columns, strict=True) if other != person}


def _simulate(seed: int, day: int, carried: Mapping[str, Any] | None, scenario: Scenario) -> Run:
    return simulate(scenario, seed, day, carried)


def _carried(reader: RunReader) -> Mapping[str, Any] | None:
    """Return what the night before a later day handed over, if its folder stands beside; else None."""
    day = int(reader.record.meta.get("day", 0))
    if not day:
        return None
    name = reader.folder.name.replace(f"-day-{day:04d}", f"-day-{day - 1:04d}" if day > 1 else "")
    beside = reader.folder.with_name(name)
    if name == reader.folder.name or not (beside / "run.json").is_file():
        return None
    return load_record(beside).overnight


def _same(record: RunRecord, other: RunRecord) -> bool:
    return all(table_fingerprint(record.tables[kind]) == table_fingerprint(other.tables[kind]) for kind in COMPARED)


def _version(meta: Mapping[str, Any]) -> str:
    return str(meta.get("version", "unknown"))
