"""Which vehicles of a timetabled service are trains, trams and buses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kera_mobility.results.facts import Facts
from kera_mobility.results.record import numbers, settings_of

if TYPE_CHECKING:
    import pandas as pd

LINE_KINDS = ("train", "tram", "bus")
"""As the settings of such a service name them."""
UNKNOWN_LINE = "bus"
"""What a timetabled vehicle is taken for if its places fit no kind. Assumption."""


def line_kinds(facts: Facts, service: str, vehicles: pd.Series) -> pd.Series:
    """Return the kind of line of vehicles by id, (R,), which the places of a vehicle tell; UNKNOWN_LINE if none."""
    import pandas as pd

    fleet = facts.of_service("vehicles", service)
    kind_by_places = {places: kind for kind, places in reversed(_places(facts, service).items())}
    places = zip(numbers(fleet, "vehicle").tolist(), numbers(fleet, "places").tolist(), strict=True)
    kinds = {vehicle: kind_by_places.get(number, UNKNOWN_LINE) for vehicle, number in places}
    return pd.Series([kinds.get(vehicle, UNKNOWN_LINE) for vehicle in vehicles], index=vehicles.index, dtype=str)


def _places(facts: Facts, service: str) -> dict[str, int]:
    """Return the places of a vehicle of each kind, from `run.json`, in older results from the scenario."""
    stated: Mapping[str, int] | None = facts.services[service].get("places")
    if stated is None:
        settings = (settings_of(facts.record.scenario_yaml).get("services") or {}).get(service) or {}
        stated = {kind: settings[kind]["places"] for kind in LINE_KINDS if "places" in (settings.get(kind) or {})}
    return dict(stated)
