"""What B changes against A by named place, with intervals over the pairs, judged for looking at many places at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kera_mobility.results.compare.differences import Difference, difference_rows, judged
from kera_mobility.results.compare.paired_trips import NOT_MADE, DayPair, RunTrips
from kera_mobility.results.compare.pairing import Folders, matched_pairs, read_scenario_runs
from kera_mobility.results.compare.quantity import About, Quantity
from kera_mobility.results.explain.at_places import LonLat, spots_of
from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.facts import EVERYONE, RESIDENTS
from kera_mobility.results.record import numbers
from kera_mobility.results.runs import RunKey

LEAST_COUNT = 5.0
"""A place with fewer trips or requests a day in the larger of both scenarios is not told. Assumption: such a count
says more of a few people than of the place."""
LEAST_TRIPS = 20.0
"""A mean of fewer trips a day is not told. Assumption."""
MINUTES, DENIED, GIVEN_UP, MODE = "door_to_door_s", "refused", "unserved", "trips."
_DEFINITIONS = {
    MINUTES: "Mean time from door to door of residents' trips that were completed in both, by home.",
    DENIED: "Denied requests of everyone, by the place of the request.",
    GIVEN_UP: "Trips of everyone that were given up, by where they were to begin.",
    MODE: "Trips of residents with this main mode, by home.",
}
Counts = Mapping[tuple[str, str], tuple[float, float, float]]
"""By measure and place: value in A, in B, and how many trips or requests a day both rest on."""


@dataclass(frozen=True)
class PlaceDifference:
    """One measure at one place."""

    place: str
    spot: LonLat | None
    base: float
    """Trips or requests a day that it rests on, mean over the pairs."""
    row: Difference | None
    """None where it rests on too few to be told."""


@dataclass(frozen=True)
class PlaceMeasure:
    """One measure at every place that has it."""

    id: str
    unit: str
    population: str
    definition: str
    least: float
    """The base below which nothing is told."""
    places: tuple[PlaceDifference, ...]


def differences_by_place(folders_a: Folders, folders_b: Folders) -> tuple[tuple[PlaceMeasure, ...], int]:
    """Return each measure by place, and how many pairs of runs it rests on.

    Each measure is a family: its verdicts are corrected by Holm for all places that are told.

    Raises
    ------
    MissingFileError, ResultError
        As `compare`.
    """
    a, b = read_scenario_runs(folders_a), read_scenario_runs(folders_b)
    pairs, _ = matched_pairs(a, b)
    spots: dict[str, LonLat | None] = {}
    by_pair: dict[RunKey, Counts] = {}
    for pair in pairs:
        trips_a, trips_b = RunTrips(a.runs[pair]), RunTrips(b.runs[pair])
        reader = RunReader(b.runs[pair].folder, trips_b.facts.record)
        by_pair[pair] = _counts(reader, trips_a, trips_b)
        if not {place for _, place in by_pair[pair]} <= spots.keys():
            spots |= spots_of(reader)
    ids = sorted({measure for counts in by_pair.values() for measure, _ in counts})
    return tuple(_measure(name, by_pair, spots) for name in ids), len(pairs)


def _measure(name: str, by_pair: Mapping[RunKey, Counts], spots: Mapping[str, LonLat | None]) -> PlaceMeasure:
    kind = MODE if name.startswith(MODE) else name
    unit = "s" if name == MINUTES else "requests per day" if name == DENIED else "trips per day"
    population = EVERYONE if name in (DENIED, GIVEN_UP) else RESIDENTS
    least = LEAST_TRIPS if name == MINUTES else LEAST_COUNT
    places = sorted({place for counts in by_pair.values() for measure, place in counts if measure == name})
    none = (np.nan, np.nan, 0.0) if name == MINUTES else (0.0, 0.0, 0.0)
    values = {place: {pair: counts.get((name, place), none) for pair, counts in by_pair.items()} for place in places}
    base = {place: float(np.mean([count for *_, count in of.values()])) for place, of in values.items()}
    about = {place: About(f"{name}.{number}", "outcomes", unit, population, _DEFINITIONS[kind])
             for number, place in enumerate(places)}  # fmt: skip
    quantities = {
        pair: [Quantity(about[place], *values[place][pair][:2]) for place in places if base[place] >= least]
        for pair in by_pair
    }
    (rows,) = judged([difference_rows(quantities)])
    by_id = {row.id: row for row in rows}
    told = tuple(PlaceDifference(place, spots.get(place), base[place], by_id.get(about[place].id)) for place in places)
    return PlaceMeasure(name, unit, population, _DEFINITIONS[kind], least, told)


def _counts(reader: RunReader, a: RunTrips, b: RunTrips) -> Counts:
    """Return one pair's measures by place; both sides have the same streets, so that B's names serve for both."""
    day, name = DayPair(a, b), reader.gazetteer.name
    counted: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for side, run in enumerate((a, b)):
        for key, count in _counted(run, reader).items():
            counted[key][side] += count
    counts = {key: (before, after, max(before, after)) for key, (before, after) in counted.items()}
    both = day.both[day.both_completed & (day.both["population_b"] == "resident").to_numpy()]
    home = numbers(b.facts.record.people, "home")[both["person_row_b"].to_numpy()]
    places = np.array([name(node) for node in home.tolist()], dtype=object)
    for place, part in both.groupby(places):
        means = (float(part[f"door_to_door_s_{side}"].mean()) for side in "ab")
        counts[MINUTES, str(place)] = (*means, float(len(part)))  # type: ignore[assignment]
    return counts


def _counted(run: RunTrips, reader: RunReader) -> Counter[tuple[str, str]]:
    """Return how often each thing that is counted happened at each place in one run."""
    return Counter(_happenings(run, reader))


def _happenings(run: RunTrips, reader: RunReader) -> Iterator[tuple[str, str]]:
    name, refusals, trips = reader.gazetteer.name, run.facts.record.tables["refusals"], run.frame
    for service, node in zip(refusals.column("service").to_pylist(), numbers(refusals, "place").tolist(), strict=True):
        if service:
            yield DENIED, name(node)
    for node in trips.loc[trips["outcome"] == "unserved", "origin"].tolist():
        yield GIVEN_UP, name(node)
    of_residents = trips[(trips["population"] == "resident") & (trips["main_mode"] != NOT_MADE)]
    homes = numbers(run.facts.record.people, "home")[of_residents["person_row"].to_numpy()]
    for mode, node in zip(of_residents["main_mode"], homes.tolist(), strict=True):
        yield f"{MODE}{mode}", name(node)
