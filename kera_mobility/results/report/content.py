"""Everything that the page shows, read from result folders alone, as plain lists and maps ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.errors import ConfigError, MissingFileError
from kera_mobility.files import package_version, parse_yaml, read_yaml
from kera_mobility.results.facts import Facts
from kera_mobility.results.reasons import reasons_of
from kera_mobility.results.record import RunRecord, numbers
from kera_mobility.results.report import breakdowns, map_layers
from kera_mobility.results.report.basemap import Ground
from kera_mobility.results.report.day_events import happened
from kera_mobility.results.report.drawn_paths import Ways
from kera_mobility.results.report.playback import Fleet
from kera_mobility.results.report.playback_people import Sample
from kera_mobility.results.report.refusals import why
from kera_mobility.results.report.scenarios import (
    Side,
    differences,
    in_one_order,
    kpis_of,
    means_of,
    sides_of,
    weights_of,
)
from kera_mobility.results.store import load_record
from kera_mobility.units import IntArray

FORMAT = 2
"""Of the data inside the page; the page's script checks it."""
_OF_CHECK = ("id", "title", "model", "data", "unit", "standing", "source", "note", "met")
MOST_PEOPLE = 9000
"""People whose day is drawn, over all scenarios of a report: keeps the file small. `--people` changes it."""


def gather(
    places: Sequence[str | Path], most_people: int = MOST_PEOPLE, checks: str | Path | None = None
) -> dict[str, Any]:
    """Return the content of a report about the results at or below some places.

    Parameters
    ----------
    checks
        What `kera calibrate --result` wrote: figures of the base year beside their data.

    Raises
    ------
    ConfigError
        If the file of checks is none.
    MissingFileError, ResultError
        If there is no result, or one is torn.
    """
    sides = sides_of(places)
    areas: list[dict[str, Any]] = []
    told, facts = [], []
    known: list[dict[str, dict[str, str]]] = []
    for side in sides:
        one, first, means = _side(side, areas, most_people // len(sides))
        told.append(one)
        facts.append(first)
        known.append(means)
    names = in_one_order([list(means) for means in known])
    definitions = {name: next(means[name] for means in known if name in means) for name in names}
    pairs = [
        {**pair, "substitution": breakdowns.substitution(facts[0], facts[pair["b"]])} for pair in differences(sides)
    ]
    return {
        "format": FORMAT, "version": package_version(), "areas": areas, "sides": told, "definitions": definitions,
        "differences": pairs, "measures": list(breakdowns.MEASURES),
        "reasons": {code: reason for side in sides for code, reason in reasons_of(side.meta).items()},
        "checks": read_checks(checks) if checks is not None else {"scenario": "", "rows": []},
    }  # fmt: skip


def read_checks(file: str | Path) -> dict[str, Any]:
    """Return the figures that a calibration held against data: the scenario and the rows of its table.

    Raises
    ------
    MissingFileError, ConfigError
        If the file is not there, or is not the result of a calibration.
    """
    try:
        found = read_yaml(Path(file))
        rows = [{name: row.get(name) for name in _OF_CHECK} for row in found["checks"]]
        return {"scenario": str(found["scenario"]), "rows": [row for row in rows if row["standing"] != "untold"]}
    except FileNotFoundError:
        raise MissingFileError(f"{file}: no such file; kera calibrate --result FILE writes one") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file}: expected the result of kera calibrate, got {type(error).__name__}") from None


def _side(side: Side, areas: list[dict[str, Any]], most_people: int) -> tuple[dict[str, Any], Facts, dict[str, Any]]:
    """Return one scenario for the page, the facts of its first run, and what its KPIs mean."""
    kpis, known = kpis_of(side)
    record = load_record(side.folders[0])
    facts, ground = Facts(record), Ground(record)
    zones = [zone for zone in record.area.get("zones", ()) if len(zone.get("outline", ())) > 2]
    of_runs = [breakdowns.by_group(facts, ground, zones)]
    for folder in side.folders[1:]:
        other = load_record(folder)
        of_runs.append(breakdowns.by_group(Facts(other), Ground(other), zones))
    area = _area(areas, record, ground, zones)
    told = {
        "label": side.label, "scenario": side.meta["scenario"], "area": area,
        "services": {name: {key: about[key] for key in about if key != "zones"}
                     for name, about in record.meta["services"].items()},
        "runs": [_run(meta) for meta in side.metas], "people": record.meta.get("people", {}),
        "assumptions": record.meta.get("assumptions", []), "settings": record.scenario_yaml, "kpis": kpis,
        "weights": weights_of(side),
        "modes": list(facts.modes), "groups": means_of(of_runs), "hours": breakdowns.hours(facts),
        "histograms": breakdowns.histograms(facts), "fleets": breakdowns.fleets(facts),
        "why": why(side.folders), "happened": happened(facts),
        "map": _map(record, facts, ground, most_people),
    }  # fmt: skip
    return told, facts, known


def _area(areas: list[dict[str, Any]], record: RunRecord, ground: Ground, zones: list[Any]) -> int:
    """Return the number of the record's area among the areas, added if it is new."""
    about = {name: value for name, value in record.area.items() if name not in ("streets", "rail", "zones")}
    lengths: dict[str, float] = {}
    for street, length_m in zip(ground.streets, ground.length_m.tolist() if ground.streets else (), strict=True):
        lengths[street["origin"]] = lengths.get(street["origin"], 0.0) + length_m
    classes = list(dict.fromkeys(street["class"] for street in ground.streets))
    origins = list(dict.fromkeys(street["origin"] for street in ground.streets))
    area = {
        "about": about, "length_m": {name: round(length) for name, length in sorted(lengths.items())},
        "classes": classes, "origins": origins,
        "streets": [[classes.index(one["class"]), origins.index(one["origin"])] for one in ground.streets],
        "lines": [_as_steps(line) for line in ground.lines], "rail": [_as_steps(line) for line in ground.track_lines],
        "zones": [{**zone, "outline": np.round(zone["outline"], 5).tolist()} for zone in zones],
        "places": np.rint(ground.place_lonlat * 1e5).astype(np.int64).tolist(),
    }  # fmt: skip
    if area not in areas:
        areas.append(area)
    return areas.index(area)


def _map(record: RunRecord, facts: Facts, ground: Ground, most_people: int) -> dict[str, Any]:
    """Return layers and playback of the first run."""
    ways = Ways(ground)
    fleet = Fleet(facts, ways)
    sample = Sample(facts, ways, fleet, most_people)
    ways.find()
    called = ground.rows(numbers(record.tables["calls"], "place").astype(np.int64))
    places = {name: record.places.column(name).to_pylist() for name in ("name", "kind")}
    return {
        "stops": map_layers.stops(ground, places, np.unique(called)),
        "flows": map_layers.flows(facts, ways),
        "walk_min": map_layers.walk_to_platform_min(ground, fleet.train_stops, _walk_speed_m_s(record.scenario_yaml)),
        "platform_min": map_layers.door_to_platform(facts, ground),
        "spots": map_layers.spots(facts, ground),
        "ways": ways.ways,
        "vehicles": fleet.told(),
        "people": sample.told(),
        "riding": riding_zones(facts),
    }


def riding_zones(facts: Facts) -> list[dict[str, Any]]:
    """Return the zones for shared vehicles with their service, outlines and the hours of the day in which they hold."""
    return [
        {
            "service": name, **{key: zone.get(key) for key in ("rule", "name", "speed_km_h", "spans_s")},
            "rings": [np.round(ring, 5).tolist() for ring in zone["rings"]],
        }
        for name, about in facts.services.items()
        for zone in about.get("zones") or ()
    ]  # fmt: skip


def _run(meta: dict[str, Any]) -> dict[str, Any]:
    names = ("seed", "day", "version", "fingerprint", "input_hashes", "person_trips", "simpy_events", "wall_s",
             "journeys_dropped", "inputs", "input_draw")  # fmt: skip
    return {name: meta[name] for name in names if name in meta}


def _walk_speed_m_s(scenario_yaml: str) -> float:
    services = (parse_yaml(scenario_yaml) or {}).get("services", {})
    speeds = [about.get("walk_speed_m_s") for about in services.values() if about.get("kind") == "walk"]
    return float(speeds[0]) if speeds and speeds[0] else map_layers.WALK_SPEED_M_S


def _as_steps(line: IntArray) -> list[int]:
    """Return a line as its first point, then the steps from point to point, flat."""
    steps: list[int] = np.concatenate([line[:1], np.diff(line, axis=0)]).ravel().tolist()
    return steps
