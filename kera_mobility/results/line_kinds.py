"""Which vehicles of a timetabled service are trains, trams, buses and so on."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from kera_mobility.results.facts import Facts
from kera_mobility.results.record import numbers, settings_of

if TYPE_CHECKING:
    import pandas as pd

COMMON_KINDS = ("train", "tram", "bus")
LINE_KINDS = (*COMMON_KINDS, "metro", "ferry", "cable")
"""As the settings of such a service name them."""
UNKNOWN_LINE = "bus"
"""What a timetabled vehicle is taken for if its places fit no kind. Assumption."""


def reported_kinds(present: Container[str]) -> list[str]:
    """Return the kinds that figures are given for: the common ones, and those of others that are present."""
    return [kind for kind in LINE_KINDS if kind in COMMON_KINDS or kind in present]


def line_kinds(facts: Facts, service: str, vehicles: pd.Series) -> pd.Series:
    """Return the kind of line of vehicles by id, (R,); UNKNOWN_LINE if none.

    `run.json` says which runs, each a vehicle, are of which kind; in older results the places of a vehicle tell.
    """
    import pandas as pd

    runs: Mapping[str, list[tuple[int, int]]] = facts.services[service].get("runs_of_kind") or {}
    if runs:
        known = {run: kind for kind, spans in runs.items() for first, last in spans for run in range(first, last + 1)}
        return pd.Series([known.get(run, UNKNOWN_LINE) for run in vehicles], index=vehicles.index, dtype=str)
    fleet = facts.of_service("vehicles", service)
    kind_by_places = {places: kind for kind, places in reversed(_places(facts, service).items())}
    places = zip(numbers(fleet, "vehicle").tolist(), numbers(fleet, "places").tolist(), strict=True)
    kinds = {vehicle: kind_by_places.get(number, UNKNOWN_LINE) for vehicle, number in places}
    return pd.Series([kinds.get(vehicle, UNKNOWN_LINE) for vehicle in vehicles], index=vehicles.index, dtype=str)


def of_the_map(facts: Facts, service: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table with a column `run` whose runs call on the map; all, if the service states none.

    Lines between places beyond the map are there so that people get there: they are the same in each scenario, and what
    they cost and carry is mostly for others.
    """
    spans = facts.services[service].get("runs_beyond") or ()
    return runs[~runs["run"].isin([run for first, last in spans for run in range(first, last + 1)])]


def _places(facts: Facts, service: str) -> dict[str, int]:
    """Return the places of a vehicle of each kind, from `run.json`, in older results from the scenario."""
    stated: Mapping[str, int] | None = facts.services[service].get("places")
    if stated is None:
        settings = (settings_of(facts.record.scenario_yaml).get("services") or {}).get(service) or {}
        stated = {kind: settings[kind]["places"] for kind in COMMON_KINDS if "places" in (settings.get(kind) or {})}
    return dict(stated)
