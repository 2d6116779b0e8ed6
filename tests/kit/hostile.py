"""A district on disk, after the hamlet, in which every text that is free to choose is made by one function.

With hostile texts (`TEXTS`) it tries whether anything takes a name for more than a name: a page, a spreadsheet, a
terminal, a picture. What is not free (kinds, words that name settings, numbers, times) is as everywhere.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.kit.hamlet import (
    CITY,
    HOME,
    LATITUDE,
    METRES_PER_DEGREE,
    MILL,
    NAMES,
    SCHOOL,
    STATION,
    TRAINS,
    X_M,
    hamlet_streets,
)  # fmt: skip

ROOT = Path(__file__).parents[2]
Word = Callable[[str], str]
"""Text for a slot, such as `hub 1`."""
LONG = 300


def script(slot: str) -> str:
    """Return what runs where it is taken for HTML, for an attribute, for a script or for an address."""
    call = f"alert(`{slot}`)"
    html = f"<img src=x onerror={call}><svg onload={call}></svg><a href=javascript:{call}>{slot}</a></script>"
    ends = f"<script>{call}</script></title></style><!--{slot}"
    return f"'\">{html}{ends} $\\frac{{ ${{{call}}} {{0}} $& [red]{slot}[/x] :smile:"


def formula(slot: str) -> str:
    """Return a long name that a spreadsheet runs, at its beginning and after what may end a cell."""
    link = f'=HYPERLINK("http://{slot.replace(" ", "")}.example";"+1")'
    return f"{link}\t@SUM(1;-2)\r+cmd|' /C calc'!A0;=1+1".ljust(LONG, "W")


def control(slot: str) -> str:
    """Return text that clears a terminal, rings its bell, begins a line of its own, and turns the writing round."""
    turned = f"\u202e{slot} \u05e9\u05dc\u05d5\u05dd\u2067 \u0645\u0631\u062d\u0628\u0627 \u202dnet"
    return f"\x1b[2J\x1b]0;{slot}\x07\x9b31m\x00\r\n\x08Trips given up: 0\u2028{turned}\x7f"


TEXTS: Mapping[str, Word] = {"script": script, "formula": formula, "control": control}

PLACES = (HOME, MILL, STATION, SCHOOL)
TIMES = {"stop_s": 20.0, "person_s": 3.0}


def write_district(folder: Path, word: Word) -> tuple[Path, Path]:
    """Write an area, a scenario of today and one of a trial there, a plug-in; return the files of the scenarios."""
    area = folder / "area"
    area.mkdir(parents=True)
    hamlet_streets().save(area / "streets")
    _yaml(area / "area.yaml", _area(word))
    _yaml(area / "provenance.yaml", [
        {"file": "streets/*.npy", "source": word("provenance source"), "licence": word("provenance licence"),
         "date": "2024-01-01", "current": True, "derived_how": word("derived")},
    ])  # fmt: skip
    _csv(area / "cells.csv", list(_cells(word)))
    _csv(area / "attractions.csv", list(_attractions(word)))
    _csv(area / "outside.csv", [
        {"place": word("outside id"), "title": word("outside"), **_at(CITY), "gateway_lon": _at(STATION)["lon"],
         "gateway_lat": LATITUDE, "drive_km": 6, "drive_min": 10, "cycle_km": 6, "source": word("outside source")},
    ])  # fmt: skip
    _csv(area / "events.csv", [
        {"event": word("event id"), "title": word("event"), **_at(MILL), "start": "17:00", "end": "19:00",
         "attendance": 20, "comes": "any_time", "basis": word("event basis")},
    ])  # fmt: skip
    _csv(area / "background.csv", [
        {"origin": word("stop station"), "origin_lon": _at(STATION)["lon"], "origin_lat": LATITUDE,
         "destination": word("stop city"), "destination_lon": _at(CITY)["lon"], "destination_lat": LATITUDE,
         "type": 2, "hour": hour, "persons": 30.0} for hour in range(6, 22)
    ])  # fmt: skip
    _features(area / "developments.geojson", [
        ({"name": word(f"quarter {side}"), "residents": 120, "jobs": 40, "basis": word("quarter basis")}, box)
        for side, box in (("west", _box(HOME, MILL)), ("east", _box(STATION, SCHOOL)))
    ])  # fmt: skip
    _features(area / "rail.geojson", [
        ({"mode": word("rail mode")}, [[_at(STATION)["lon"], LATITUDE], [_at(CITY)["lon"], LATITUDE]]),
        ({"name": word("station")}, [_at(STATION)["lon"], LATITUDE]),
    ])  # fmt: skip
    _features(area / "overlays" / "open.geojson", [
        ({"kind": "school", "name": word("school"), "basis": word("school basis")}, [_at(SCHOOL)["lon"], LATITUDE]),
    ])  # fmt: skip
    _features(area / "zones" / f"{file_name(word('zone file'))}.geojson", [
        ({"rule": "slow", "speed_km_h": 7.2, "name": word("slow zone"), "basis": word("zone basis")}, _box(MILL, MILL)),
        ({"rule": "no_park", "name": word("no parking"), "basis": word("zone basis")}, _box(SCHOOL, SCHOOL)),
    ])  # fmt: skip
    _feed(area / "gtfs" / file_name(word("feed")), word)
    _csv(folder / "days.csv", [
        {"day": _cell(word("day")), "season": word("season"), "temperature_c": 2, "snow_cm_h": 0, "slippery": "no",
         "basis": word("day basis")},
    ])  # fmt: skip
    _yaml(folder / "checks.yaml", {"scenario": word("checks"), "checks": [
        {"id": word("check id"), "title": word("check"), "model": 1.0, "data": 2.0, "unit": word("check unit"),
         "standing": "held out", "source": word("check source"), "note": word("check note"), "met": False},
    ]})  # fmt: skip
    _plug_in(folder / "plug", word)
    return _scenarios(folder, area, word)


def _area(word: Word) -> dict[str, Any]:
    lon = [_at(place)["lon"] for place in PLACES]
    box = {"west": min(lon) - 0.003, "south": LATITUDE - 0.003, "east": max(lon) + 0.003, "north": LATITUDE + 0.003}
    source = {"what": word("source what"), "who": word("source who"), "licence": word("source licence")}
    return {
        "name": word("area name"), "title": word("area"), "projection": "EPSG:3067", "bbox": box,
        "centre": {"name": word("centre"), **_at(STATION)}, "attribution": word("attribution"), "sources": [source],
    }  # fmt: skip


def _cells(word: Word) -> Iterator[dict[str, Any]]:
    ages = ("0_9", "10_19", "20_29", "30_39", "40_49", "50_59", "60_69", "70_79", "80")
    for place in PLACES:
        bands = {f"age_{band}": 2 for band in ages}
        yield {"cell": word(f"cell {place}"), **_at(place), "residents": 18, **bands, "imputed": 0}


def _attractions(word: Word) -> Iterator[dict[str, Any]]:
    weights = {"residents": 0, "jobs": 30, "pupils": 60, "students": 20, "shops": 2, "leisure": 200}
    for name, at in (("mill", MILL), ("school", SCHOOL)):
        about = {"place": word(f"{name} id"), "title": word(name), **_at(at), "radius_m": 50}
        yield {**about, **weights, "basis": word("basis")}
    about = {"place": word("outside id"), "title": word("outside"), **_at(CITY), "radius_m": 0}
    yield {**about, **{name: 100 * max(weight, 1) for name, weight in weights.items()}, "basis": word("basis")}


def _scenarios(folder: Path, area: Path, word: Word) -> tuple[Path, Path]:
    people = {"residents": 240, "jobs": 80, "neighbours_within_m": 3000, "events": [_cell(word("event id"))]}
    window = {"start_s": 27_000, "end_s": 34_200}
    middle = (_at(MILL)["lon"] + _at(HOME)["lon"]) / 2
    streets = [[middle - 0.001, 59.9], [middle + 0.001, 59.9], [middle, 60.1]]
    weather = {"table": str(folder / "days.csv"), "days": [_cell(word("day"))], "effects": {
        word("effect"): {"keys": ["walk_speed_m_s"], "by": "temperature_c", "times": [[0, 0.9], [8, 1]],
                         "range": [0.7, 1.0], "source": word("effect source")}}}  # fmt: skip
    before: dict[str, Any] = {
        "extends": [str(ROOT / "configs" / "base.yaml")], "title": word("today"), "area": str(area), "weather": weather,
        "town": {"people": people, "overlays": ["open"]},
        "services": {
            "walk": {"title": word("walking")}, "bicycle": {"title": word("cycling")},
            "car": {"title": word("driving"), "park_and_ride": [{"name": word("car park"), **_at(STATION)}]},
            "rail": {"title": word("trains"), "timetable": file_name(word("feed")), "early_s": 1800,
                     "delays": {"on": True, "train_mean_min": 3.0, "cancelled_share": 0.1}},
        },
        "disturbances": [
            {"kind": "rail_closed", "service": "rail", "title": word("rail closed"),
             "lines": [_cell(word("line"))], **window},
            {"kind": "street_closed", "polygon": streets, "title": word("street closed"), **window},
        ],
        "choice": {"constants": {"car": -4.0}}, "planning": {"warm_up_days": 0},
    }  # fmt: skip
    services: dict[str, Any] = {
        "scooter": {
            "kind": "scooter", "title": word("scooters"), "fleet": 3, "registered": [{"from_age": 0, "share": 1.0}],
            "unlock_eur": 0.1, "minute_eur": 0.05, "zones": [file_name(word("zone file"))], "parking": "mixed",
            "broken_chance": 0.2,
            "hubs": [{"name": word(f"hub {place}"), **_at(place), "capacity": 3} for place in (HOME, STATION, SCHOOL)],
            "permit": {"title": word("permit"), "fleet": 2, "parking_share": 0.9},
            "crews": {"vans": 1, "depot": {"name": word("depot"), **_at(MILL)}, "tours": {"kind": "nearest"},
                      "shifts": [{"begin_s": 28_000, "end_s": 40_000}]},
        },
        "shuttle": {"kind": "shuttle", "title": word("shuttle"), "vehicles": 2, "seats": 1, "headway_s": 900,
                    "fare_eur": 0, "dwell": TIMES,
                    "stops": [{"name": word(f"shuttle stop {at}"), **_at(at)} for at in (HOME, STATION)]},
        "on_demand": {"kind": "on_demand", "title": word("on demand"), "vehicles": 1, "seats": 2, "registered": 1.0,
                      "fare_eur": 0.1, "depots": [{"name": word("van depot"), **_at(MILL)}], "max_wait_s": 300,
                      "centres": [{"name": word("van centre"), **_at(MILL)}]},
        "boat": {"kind": "boat", "title": word("boat"), "fleet": 1, "fare_eur": 0.0, "speed_m_s": 3.0},
    }  # fmt: skip
    liked = dict.fromkeys(services, 2.0)
    after = {
        "extends": "today.yaml", "title": word("trial"), "services": services,
        "choice": {"constants": liked, "feeder_constants": liked},
    }  # fmt: skip
    _yaml(folder / "today.yaml", before)
    _yaml(folder / "trial.yaml", after)
    return folder / "today.yaml", folder / "trial.yaml"


def _feed(folder: Path, word: Word) -> None:
    folder.mkdir(parents=True)
    stops = {place: word(f"stop id {NAMES[place].lower()}") for place in (STATION, CITY)}
    url = {"agency_url": word("agency url"), "agency_timezone": "Europe/Helsinki"}
    _csv(folder / "agency.txt", [{"agency_id": word("agency id"), "agency_name": word("agency"), **url}])
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    _csv(folder / "calendar.txt", [
        {"service_id": word("service id"), **dict.fromkeys(days, 1), "start_date": "20260105", "end_date": "20261231"},
    ])  # fmt: skip
    _csv(folder / "routes.txt", [
        {"route_id": word("route id"), "agency_id": word("agency id"), "route_short_name": word("line"),
         "route_long_name": word("route"), "route_type": 2},
    ])  # fmt: skip
    _csv(folder / "stops.txt", [
        {"stop_id": stop, "stop_name": word(f"stop {NAMES[at].lower()}"), "stop_lat": LATITUDE,
         "stop_lon": _at(at)["lon"]} for at, stop in stops.items()
    ])  # fmt: skip
    trips, calls = [], []
    for number, train in enumerate(TRAINS):
        trip = {"trip_id": word(f"trip id {number}")}
        of_line = {"route_id": word("route id"), "service_id": word("service id")}
        trips.append({**of_line, **trip, "trip_headsign": word("headsign"), "direction_id": 0})
        for order, (place, arrive_s, depart_s) in enumerate(train.calls):
            times = {"arrival_time": _hms(arrive_s), "departure_time": _hms(depart_s)}
            calls.append({**trip, **times, "stop_id": stops[place], "stop_sequence": order})
    _csv(folder / "trips.txt", trips)
    _csv(folder / "stop_times.txt", calls)


def _plug_in(folder: Path, word: Word) -> None:
    """Write the boat as a package of its own, with hostile words for its reason and its figure."""
    shutil.copytree(Path(__file__).parent / "boat", folder / "rowing", ignore=shutil.ignore_patterns("__pycache__"))
    texts = {language: (word("reason"), word("reason sentence")) for language in ("en", "fi", "sv")}
    (folder / "rowing" / "reasons.py").write_text(
        "from kera_mobility.plugins import Reason\n"
        f"NO_BOAT = Reason({word('reason code')!r}, **{texts!r}, scarcity=True)\n",
        encoding="utf-8",
    )
    figures = folder / "rowing" / "kpis.py"
    text = figures.read_text(encoding="utf-8")
    row = 'f"{service}.rides_per_boat", rides, "rides per boat", EVERYONE, "Rides over boats."'
    assert row in text
    names = (word("kpi"), word("kpi unit"), word("kpi definition"))
    hostile = f'f"{{service}}." + {names[0]!r}, rides, {names[1]!r}, EVERYONE, {names[2]!r}'
    figures.write_text(text.replace(row, hostile), encoding="utf-8")
    about = folder / "rowing-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rowing\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[kera_mobility.services]\nown = rowing\n", encoding="utf-8")


def kera(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command with the plug-in of a district."""
    paths = [str(folder / "plug"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    command = [sys.executable, "-m", "kera_mobility", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, encoding="utf-8")


def file_name(text: str) -> str:
    """Return text as a name that a file may have."""
    return re.sub(r"[/\x00]", "_", text).encode()[:100].decode(errors="ignore")


def _cell(value: Any) -> Any:
    """Return a value as a table may have it: one line, without the control characters that tables refuse."""
    return " ".join(re.sub(r"[\x00-\x08\x0e-\x1f]", "", value).split()) if isinstance(value, str) else value


def _at(place: int) -> dict[str, float]:
    return {"lon": round(25.0 + X_M[place] / METRES_PER_DEGREE, 6), "lat": LATITUDE}


def _box(west: int, east: int) -> list[list[list[float]]]:
    low, high = _at(west)["lon"] - 0.003, _at(east)["lon"] + 0.003
    south, north = LATITUDE - 0.002, LATITUDE + 0.002
    return [[[low, south], [high, south], [high, north], [low, north], [low, south]]]


def _hms(time_s: float) -> str:
    return f"{int(time_s) // 3600:02d}:{int(time_s) % 3600 // 60:02d}:{int(time_s) % 60:02d}"


def _features(file: Path, features: Sequence[tuple[dict[str, Any], Any]]) -> None:
    """Write GeoJSON: a ring within a list is an outline, a list of points a line, a pair of numbers a point."""
    file.parent.mkdir(exist_ok=True)
    content = [
        {"type": "Feature", "properties": about, "geometry": {"type": _shape(at), "coordinates": at}}
        for about, at in features
    ]
    text = json.dumps({"type": "FeatureCollection", "features": content}, ensure_ascii=False)
    file.write_text(text, encoding="utf-8")


def _shape(at: Any) -> str:
    if not isinstance(at[0], list):
        return "Point"
    return "Polygon" if isinstance(at[0][0], list) else "LineString"


def _csv(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _yaml(file: Path, content: Any) -> None:
    """Write YAML as JSON with every odd character escaped, which YAML reads too."""
    file.write_text(json.dumps(content, ensure_ascii=True, indent=1), encoding="utf-8")
