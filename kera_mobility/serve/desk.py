"""What the page knows of a question: forms, differences, faults, contradictions, supply, and what the map shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from kera_mobility.errors import ConfigError, KeraError
from kera_mobility.experiments.jobs import Towns
from kera_mobility.serve.forms import forms, label_of, value_at
from kera_mobility.serve.hand_values import unit_of, written
from kera_mobility.serve.questions import Question, Questions, require_no_paths
from kera_mobility.serve.supply import supply_of
from kera_mobility.serve.translation import fault_texts, in_languages
from kera_mobility.services.base import Service, service_kinds
from kera_mobility.simulation.run import open_services
from kera_mobility.simulation.run_record import contradictions
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.drawing import development_outlines, rail_lines
from kera_mobility.town.streets.streets import CLASSES
from kera_mobility.town.town import Town

STEPS_PER_DEGREE = 100_000
"""Drawn points are whole multiples of 1e-5 degrees, about a metre."""
MOST_PLACES = 400
"""Names in the list of places."""


class Desk:
    """The town of the questions, kept between them, and everything that is looked up in it."""

    def __init__(self, questions: Questions) -> None:
        self.questions = questions
        self._towns, self._lock = Towns(), Lock()

    def town(self, scenario: Scenario) -> Town:
        """Return the town of a scenario; only the last one is kept."""
        with self._lock:
            return self._towns.of(scenario)

    def view(self, question: Question) -> dict[str, Any]:
        """Return everything that the page shows of a question."""
        view: dict[str, Any] = {
            "name": question.name, "title": question.title, "version": question.version, "asks": question.asks,
            "yaml": question.text,
            "layers": [{"name": layer.name, "title": layer.title, "services": layer.services}
                       for layer in self.questions.layers_of(question)],
            "changes": [], "forms": [], "shapes": {}, "faults": [], "notices": [], "supply": {},
        }  # fmt: skip
        try:
            scenario = question.scenario()
        except KeraError as error:
            return {**view, "faults": _faults(error)}
        try:
            below = self.questions.below(question)
            view["changes"] = list(_changes(question, scenario, below))
            town = self.town(scenario)
            view["forms"] = forms(scenario, _timetables(town.folder))
            view["shapes"] = _shapes(scenario)
            view["supply"] = dict(_supplies(scenario, town))
            view["notices"] = [
                in_languages(warning["text"]) for warning in contradictions(open_services(scenario, town))
            ]
        except KeraError as error:
            view["faults"] = _faults(error)
        return view

    def preview(self, question: Question, key: str, value: Any) -> dict[str, Any]:
        """Return what supply would cost with another value of one key."""
        require_no_paths({key.rpartition(".")[2]: value}, key)
        scenario = load_scenario(question.file, [f"{key}={json.dumps(value)}"])
        return dict(_supplies(scenario, self.town(scenario)))

    def area(self) -> dict[str, Any]:
        """Return what the map shows of the area itself: streets, tracks, quarters and places with names."""
        town = self.town(self.questions.base_scenario)
        quarters = development_outlines(town.folder)
        return {
            "title": town.area.get("title") or town.area["name"], "attribution": town.area.get("attribution", ""),
            "streets": _street_lines(town), "rail": rail_lines(town.folder),
            "quarters": [{"name": quarter.get("name", ""), "outline": quarter["outline"]} for quarter in quarters],
            "places": self._places(town, quarters),
        }  # fmt: skip

    def _places(self, town: Town, quarters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return named places on the map: stops of services, of lines, and the middle of quarters."""
        named: dict[str, tuple[float, float]] = {}
        scenarios = [self.questions.base_scenario.model_dump(mode="json")]
        scenarios += [load_scenario(layer.file).model_dump(mode="json") for layer in self.questions.layers.values()]
        for content in scenarios:
            for service in content["services"].values():
                for part in ("hubs", "stops", "depots"):
                    for place in service.get(part) or ():
                        named.setdefault(place["name"], (place["lon"], place["lat"]))
        for name, lon, lat in self._line_stops(town):
            named.setdefault(name, (lon, lat))
        for quarter in quarters:
            middle = np.asarray(quarter["outline"]).mean(axis=0)
            named.setdefault(quarter.get("name", ""), (float(middle[0]), float(middle[1])))
        inside = [{"name": name, "lon": lon, "lat": lat} for name, (lon, lat) in sorted(named.items()) if name]
        return [place for place in inside if _on_map(town, place)][:MOST_PLACES]

    def _line_stops(self, town: Town) -> Iterator[tuple[str, float, float]]:
        for service in self.questions.base_scenario.services.values():
            timetable = getattr(service, "timetable", None)
            if timetable:
                lines = town.lines(timetable, getattr(service, "date", None))
                for name, lonlat in zip(lines.timetable.stop_name, lines.timetable.stop_lonlat.tolist(), strict=True):
                    yield name, lonlat[0], lonlat[1]


def _changes(question: Question, scenario: Scenario, below: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kinds = {name: service.kind for name, service in scenario.services.items()}  # type: ignore[attr-defined]
    for key, value in question.own().items():
        before = value_at(below, key)
        yield {"key": key, "label": label_of(key, kinds), "value": short_value(value, key),
               "before": short_value(before, key), "unit": unit_of(key)}  # fmt: skip


def short_value(value: Any, key: str) -> Any:
    """Return a value for a list of changes: as written, or the number of entries of a list."""
    if isinstance(value, list | tuple | dict):
        return {"entries": len(value)}
    return None if value is None else written(value, key)


def _shapes(scenario: Scenario) -> dict[str, Any]:
    """Return what of a scenario is drawn on the map and can be moved, by key."""
    content = scenario.model_dump(mode="json")
    return {
        **{f"services.{name}.{part}": {"kind": part, "service": name, "entries": service[part]}
           for name, service in content["services"].items() for part in ("hubs", "stops", "depots", "zones")
           if part in service},
        "disturbances": {"kind": "disturbances", "service": "", "entries": content["disturbances"]},
    }  # fmt: skip


def _supplies(scenario: Scenario, town: Town) -> Iterator[tuple[str, Any]]:
    kinds = service_kinds()
    for name, settings in scenario.services.items():
        try:
            service: Service = kinds[settings.kind](name, settings, town)  # type: ignore[attr-defined]
            supply = supply_of(service)
        except KeraError:
            continue  # told among the faults
        if supply is not None:
            yield name, supply.to_json()


def _faults(error: KeraError) -> list[dict[str, Any]]:
    faults = error.faults if isinstance(error, ConfigError) else ()
    told = [(Path(fault.where).name, fault.problem) for fault in faults] or [("", str(error))]
    return [{"where": where, "problem": problem, "texts": fault_texts(problem)} for where, problem in told]


def _timetables(folder: Path) -> list[str]:
    """Return the names of the timetables of an area."""
    parts = [*(folder / "timetables").glob("[!._]*"), *(folder / "gtfs").glob("[!._]*")]
    return sorted({part.name.removesuffix(".zip") for part in parts})


def _street_lines(town: Town) -> list[list[Any]]:
    """Return the streets once each, not in both directions: class, then points as steps of 1e-5 degrees."""
    streets = town.streets
    starts = np.asarray(streets.shape_start)
    steps = np.rint(np.asarray(streets.shape_lonlat, dtype=np.float64) * STEPS_PER_DEGREE).astype(np.int64)
    begin, end = np.asarray(streets.edge_from), np.asarray(streets.edge_to)
    outside = np.asarray(streets.node_outside)
    seen: set[tuple[int, int, int]] = set()
    lines: list[list[Any]] = []
    for edge, (low, high) in enumerate(
        zip(np.minimum(begin, end).tolist(), np.maximum(begin, end).tolist(), strict=True)
    ):
        key = (low, high, round(float(streets.edge_length_m[edge])))
        if key in seen or outside[low] or outside[high]:
            continue
        seen.add(key)
        points = steps[starts[edge] : starts[edge + 1]]
        lines.append([CLASSES[int(streets.edge_class[edge])], points.ravel().tolist()])
    return lines


def _on_map(town: Town, place: Mapping[str, Any]) -> bool:
    inside = ~np.asarray(town.streets.node_outside)
    lonlat = np.asarray(town.streets.node_lonlat)[inside]
    low, high = lonlat.min(axis=0), lonlat.max(axis=0)
    return bool(np.all(low <= (place["lon"], place["lat"])) and np.all((place["lon"], place["lat"]) <= high))
