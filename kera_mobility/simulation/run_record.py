"""What is recorded of a day besides its events: `run.json` and the tables of people, vehicles and places."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kera_mobility.config.settings import assumptions
from kera_mobility.ledger import Ledger
from kera_mobility.results.events import ENTITIES, EventLog, fingerprint, to_arrow
from kera_mobility.results.idle_services import idle_warnings
from kera_mobility.results.reason_texts import reasons_to_json
from kera_mobility.results.record import PEOPLE_COLUMNS, VEHICLE_COLUMNS, RunRecord
from kera_mobility.services.base import Service
from kera_mobility.simulation.expectations import Experiences, served_chance
from kera_mobility.simulation.scenario import Scenario
from kera_mobility.simulation.weather import Weather
from kera_mobility.town.population.persons import POPULATIONS
from kera_mobility.town.town import Town, description
from kera_mobility.units import FloatArray


class DayResult(NamedTuple):
    """What remains of a simulated day besides its log."""

    weather: Weather | None
    services: Mapping[str, Service]
    person_trips: int
    journeys_dropped: int
    simpy_events: int
    expected_eur: FloatArray
    """What each person's day is expected to be worth, (P,)."""


def record_of(
    scenario: Scenario, town: Town, result: DayResult, experiences: Experiences, log: EventLog, seed: int, day: int,
    opened: Ledger,
) -> RunRecord:  # fmt: skip
    """Return everything that a result folder holds of a day, but for what was measured of the run itself.

    `opened` holds the inputs of the day.
    """
    tables, weather, services, area = log.tables(), result.weather, result.services, description(town)
    roots = scenario.roots(town.folder)
    files = opened.named(roots)
    of_area = {name: digest for name, digest in files.items() if name.startswith("area/")}
    about = _about(services)
    meta = {
        "scenario": scenario.name, "title": scenario.title or scenario.name, "seed": seed, "day": day,
        "fingerprint": fingerprint(tables), "input_files": files,
        "input_hashes": {"scenario": scenario.hash, "town": sha256(repr(of_area).encode()).hexdigest()},
        "person_trips": result.person_trips, "journeys_dropped": result.journeys_dropped,
        "simpy_events": result.simpy_events, "services": about, "people": _counts(town),
        "warnings": [*contradictions(services), *idle_warnings(about, tables)], "reasons": reasons_to_json(),
        "served_chance": {
            name: served_chance(experiences.get(name), service.experience)._asdict()
            for name, service in services.items() if service.capacity_limited
        },
        "assumptions": list(assumptions(scenario)),
    }  # fmt: skip
    if weather:
        meta["weather"] = {**weather.day.model_dump(), "effects": weather.numbers, "withdrawn": weather.withdrawn}
    return RunRecord(
        tables, _people_table(town, services, result.expected_eur), _vehicles_table(services),
        _places_table(town, services), {name: service.overnight() for name, service in services.items()}, meta,
        scenario.resolved_yaml(), area,
    )  # fmt: skip


def contradictions(services: Mapping[str, Service]) -> list[dict[str, str]]:
    """Return what `run.json` warns of before anything has run: settings of services that work against each other."""
    return [
        {"service": name, "why": "contradiction", "text": f"{name}: {words}"}
        for name, service in services.items()
        for words in service.contradictions()
    ]


def _about(services: Mapping[str, Service]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "kind": service.kind, "mode": service.mode, "nest": service.nest, "sustainable": service.sustainable,
            "operated": service.operated,
            "title": service.settings.title or name, **service.about(),
        }
        for name, service in services.items()
    }  # fmt: skip


def _counts(town: Town) -> dict[str, int]:
    return {name: int(np.count_nonzero(town.people.population == index)) for index, name in enumerate(POPULATIONS)}


def _people_table(town: Town, services: Mapping[str, Service], expected_eur: FloatArray) -> pa.Table:
    columns: dict[str, Any] = {name: getattr(town.people, name) for name in PEOPLE_COLUMNS}
    columns["population"] = [POPULATIONS[index] for index in town.people.population.tolist()]
    columns["expected_utility_eur"] = expected_eur
    for name, service in services.items():
        if not service.members().all():
            columns[f"registered.{name}"] = service.members()
    return _table("people", columns)


def _vehicles_table(services: Mapping[str, Service]) -> pa.Table:
    rows = [(name, vehicle) for name, service in services.items() for vehicle in service.vehicles()]
    columns = {name: [getattr(vehicle, name, service) for service, vehicle in rows] for name in VEHICLE_COLUMNS}
    return _table("vehicles", columns)


def _places_table(town: Town, services: Mapping[str, Service]) -> pa.Table:
    streets = town.streets
    kind = np.where(np.asarray(streets.node_outside), "outside", "street").tolist()
    name = [""] * streets.nodes
    for service in services.values():
        for node, title, place_kind in service.places():
            kind[node], name[node] = place_kind, title
    lon, lat = np.asarray(streets.node_lonlat).T
    return _table("places", {"node": np.arange(streets.nodes), "lon": lon, "lat": lat, "name": name, "kind": kind})


def _table(table: str, columns: Mapping[str, Any]) -> pa.Table:
    """Return a table of what took part; columns that its description lacks are truth values."""
    described = ENTITIES[table].columns
    types = {name: described[name].type if name in described else pa.bool_() for name in columns}
    arrays = [to_arrow(values, types[name]) for name, values in columns.items()]
    return pa.Table.from_arrays(arrays, schema=pa.schema([pa.field(*field) for field in types.items()]))
