"""The content of a report: everything that the page shows, from result folders alone, as plain values for JSON.

One scenario is one entry of `sides`: its figures over all runs, and map, charts and events of its first run. Areas and
definitions of KPIs stand beside the scenarios, each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.config.figure_ids import figures_of
from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import ConfigError, MissingFileError
from kera_mobility.files import package_version, read_yaml
from kera_mobility.results.compare import Comparison
from kera_mobility.results.facts import Facts
from kera_mobility.results.reason_texts import reasons_of
from kera_mobility.results.report import breakdowns, map_layers
from kera_mobility.results.report.basemap import DrawnMap
from kera_mobility.results.report.day_events import day_events
from kera_mobility.results.report.drawn_paths import DrawnPaths
from kera_mobility.results.report.first_page import decision_content
from kera_mobility.results.report.playback import VehiclePlayback
from kera_mobility.results.report.playback_people import PeoplePlayback
from kera_mobility.results.report.refusals import refusals
from kera_mobility.results.report.scenarios import (
    ReportScenario,
    comparisons_of,
    definitions_of,
    difference_content,
    in_one_order,
    kpis_of,
    means_of,
    scenarios_in,
    weights_of,
)
from kera_mobility.results.runs import RunFolder, RunKey
from kera_mobility.units import IntArray
from kera_mobility.yaml_text import YamlError

FORMAT = 2
"""Of the data inside the page; the page's script checks it."""
MOST_PEOPLE = 9000
"""People whose day is drawn, over all scenarios of a report: keeps the file small. `--people` changes it."""
_OF_CHECK = ("id", "title", "model", "data", "unit", "standing", "source", "note", "met", "tolerance")
CHECKS = "calibration_result.yaml"
"""What `kera calibrate` wrote for the shipped constants, among the docs."""
_OF_RUN = ("seed", "day", "version", "fingerprint", "input_hashes", "person_trips", "simpy_events", "wall_s",
           "journeys_dropped", "inputs", "input_draw")  # fmt: skip
_OF_RIDING_ZONE = ("rule", "name", "speed_km_h", "spans_s")


def report_content(
    places: Sequence[str | Path],
    most_people: int = MOST_PEOPLE,
    checks: str | Path | None = None,
    decision: DecisionSettings | None = None,
) -> dict[str, Any]:
    """Return the content of a report about the results at or below some places.

    Parameters
    ----------
    checks
        What `kera calibrate --result` wrote: figures of the base year beside their data. Without it those that the
        project ships for its own area.
    decision
        Primary outcomes and thresholds; without it those of the scenario, else the default.

    Raises
    ------
    ConfigError
        If the file of checks is none.
    MissingFileError, ResultError
        If there is no result, or one is torn.
    """
    judged = read_checks(checks) if checks is not None else None
    scenarios = scenarios_in(places)
    areas: list[dict[str, Any]] = []
    groups = [_groups_by_run(scenario) for scenario in scenarios]
    sides = [
        _scenario_content(scenario, areas, most_people // len(scenarios)) | {"groups": means_of(list(of_runs.values()))}
        for scenario, of_runs in zip(scenarios, groups, strict=True)
    ]
    definitions = [definitions_of(scenario) for scenario in scenarios]
    base, pairs = scenarios[0].first.facts, []
    for number, comparison in enumerate(comparisons_of(scenarios, decision), start=1):
        pair = difference_content(number, comparison)
        pair["substitution"] = breakdowns.substitution(base, scenarios[number].first.facts)
        if isinstance(comparison, Comparison):
            pair["decision"] = decision_content(comparison, scenarios[0], scenarios[number])
            pair["groups"] = breakdowns.group_differences(groups[0], groups[number])
        pairs.append(pair)
    return {
        "format": FORMAT, "version": package_version(), "areas": areas, "sides": sides,
        "definitions": {name: next(of_scenario[name] for of_scenario in definitions if name in of_scenario)
                        for name in in_one_order([list(of_scenario) for of_scenario in definitions])},
        "differences": pairs, "measures": list(breakdowns.MEASURES),
        "reasons": {code: reason for scenario in scenarios for code, reason in reasons_of(scenario.first.meta).items()},
        "checks": _shipped_checks(scenarios[0].first) if judged is None else judged,
    }  # fmt: skip


def read_checks(file: str | Path) -> dict[str, Any]:
    """Return the figures that a calibration held against data: the scenario and the rows of its table.

    Raises
    ------
    MissingFileError, ConfigError
        If the file is not there, or is not the result of a calibration.
    """
    try:
        result = read_yaml(Path(file))
        rows = [{name: row.get(name) for name in _OF_CHECK} for row in result["checks"]]
        about = {name: str(result.get(name, "")) for name in ("scenario", "area")}
        return {**about, "rows": [row for row in rows if row["standing"] != "untold"]}
    except FileNotFoundError:
        raise MissingFileError(f"{file}: no such file; kera calibrate --result FILE writes one") from None
    except YamlError as error:
        raise ConfigError(f"{file}: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file}: expected the result of kera calibrate, got {type(error).__name__}") from None


def _scenario_content(scenario: ReportScenario, areas: list[dict[str, Any]], most_people: int) -> dict[str, Any]:
    """Return one scenario for the page; its area is added to the areas if it is new."""
    run = scenario.first
    facts, drawn_map = run.facts, DrawnMap(run.record)
    area = _area_content(run, drawn_map)
    if area not in areas:
        areas.append(area)
    return {
        "label": scenario.label, "scenario": run.scenario, "area": areas.index(area),
        "services": {name: {key: value for key, value in about.items() if key != "zones"} | _figures_of(name)
                     for name, about in run.services.items()},
        "runs": [{name: run.meta[name] for name in _OF_RUN if name in run.meta} for run in scenario.runs],
        "people": run.meta.get("people", {}), "assumptions": run.meta.get("assumptions", []),
        "settings": run.settings_yaml, "kpis": kpis_of(scenario), "weights": weights_of(scenario),
        "modes": list(facts.modes), "hours": breakdowns.hours(facts),
        "histograms": breakdowns.histograms(facts), "fleets": breakdowns.fleets(facts),
        "why": refusals(scenario), "happened": day_events(facts), "map": _map_content(run, drawn_map, most_people),
    }  # fmt: skip


def _figures_of(service: str) -> dict[str, str]:
    """Return what the ids of a service's figures begin with, where that is not its name."""
    return {} if figures_of(service) == service else {"figures": figures_of(service)}


def _shipped_checks(run: RunFolder) -> dict[str, Any]:
    """Return the checks that travel with the project, for a run on its own area; none for another."""
    file = shipped_folder("docs") / CHECKS
    nothing: dict[str, Any] = {"area": "", "scenario": "", "rows": []}
    checks = read_checks(file) if file.is_file() else nothing
    return checks if run.record.area.get("name") == checks["area"] else nothing


def _groups_by_run(scenario: ReportScenario) -> dict[RunKey, breakdowns.Groups]:
    """Return the measures of each group of people by run; of further runs the tables are not kept."""
    zones = _zones(scenario.first)
    runs = (scenario.first, *(RunFolder(run.folder) for run in scenario.runs[1:]))
    return {run.key: breakdowns.by_group(run.facts, DrawnMap(run.record), zones) for run in runs}


def _zones(run: RunFolder) -> list[dict[str, Any]]:
    return [zone for zone in run.record.area.get("zones", ()) if len(zone.get("outline", ())) > 2]


def _area_content(run: RunFolder, drawn_map: DrawnMap) -> dict[str, Any]:
    """Return the area of a run: what is said of it, its streets and tracks as drawn, zones and places."""
    lengths: dict[str, float] = {}
    for number, street in enumerate(drawn_map.streets):
        lengths[street["origin"]] = lengths.get(street["origin"], 0.0) + float(drawn_map.length_m[number])
    classes = list(dict.fromkeys(street["class"] for street in drawn_map.streets))
    origins = list(dict.fromkeys(street["origin"] for street in drawn_map.streets))
    return {
        "about": {name: value for name, value in run.record.area.items() if name not in ("streets", "rail", "zones")},
        "length_m": {name: round(length) for name, length in sorted(lengths.items())},
        "classes": classes, "origins": origins,
        "streets": [[classes.index(street["class"]), origins.index(street["origin"])] for street in drawn_map.streets],
        "lines": [_as_steps(line) for line in drawn_map.lines],
        "rail": [_as_steps(line) for line in drawn_map.track_lines],
        "zones": [{**zone, "outline": np.round(zone["outline"], 5).tolist()} for zone in _zones(run)],
        "places": np.rint(drawn_map.place_lonlat * 1e5).astype(np.int64).tolist(),
    }  # fmt: skip


def _map_content(run: RunFolder, drawn_map: DrawnMap, most_people: int) -> dict[str, Any]:
    """Return layers and playback of a run."""
    facts, paths = run.facts, DrawnPaths(drawn_map)
    vehicles = VehiclePlayback(facts, paths)
    people = PeoplePlayback(facts, paths, vehicles, most_people)
    paths.find()
    return {
        "stops": map_layers.stops(facts, drawn_map),
        "flows": map_layers.flows(facts, paths),
        "walk_min": map_layers.walk_to_platform_min(drawn_map, vehicles.train_stops, _walk_speed_m_s(run)),
        "platform_min": map_layers.door_to_platform(facts, drawn_map),
        "spots": map_layers.spots(facts, drawn_map),
        "ways": paths.paths,
        "vehicles": vehicles.content(),
        "people": people.content(),
        "riding": _riding_zones(facts),
    }


def _riding_zones(facts: Facts) -> list[dict[str, Any]]:
    """Return the zones for shared vehicles with their service, outlines and the hours of the day in which they hold."""
    return [
        {
            "service": name, **{key: zone.get(key) for key in _OF_RIDING_ZONE},
            "rings": [np.round(ring, 5).tolist() for ring in zone["rings"]],
        }
        for name, about in facts.services.items()
        for zone in about.get("zones") or ()
    ]  # fmt: skip


def _walk_speed_m_s(run: RunFolder) -> float:
    services = run.settings.get("services", {}).values()
    speeds = [about.get("walk_speed_m_s") for about in services if about.get("kind") == "walk"]
    return float(speeds[0]) if speeds and speeds[0] else map_layers.WALK_SPEED_M_S


def _as_steps(line: IntArray) -> list[int]:
    """Return a line as its first point, then the steps from point to point, flat."""
    steps: list[int] = np.concatenate([line[:1], np.diff(line, axis=0)]).ravel().tolist()
    return steps
