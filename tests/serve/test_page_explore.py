"""An answer by place and hour: the sums of `kera explain`, one trip's story, what would have served it, differences."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import kera_mobility as km
from kera_mobility.results.explain import explain
from kera_mobility.results.explain.cases import cases_of, refusals
from kera_mobility.results.explain.inputs import read_run
from tests.kit.page_server import PATIENCE_S, PageServer, write_base

FEW_SCOOTERS = {"services.scooter.fleet": "12"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    folder = tmp_path_factory.mktemp("explored")
    started = PageServer(write_base(folder), folder / "library").start().enter()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def run(server: PageServer) -> str:
    """Three or more days with twelve scooters, and of the reference."""
    view = server.post("/api/questions", title="Twelve scooters", trials=["scooters"])
    server.post(f"/api/questions/{view['name']}/edit", version=view["version"], set=FEW_SCOOTERS)
    order = server.post("/api/orders", question=view["name"], mode="decide", until="sustainable_share 40pp")
    assert server.finished(order["id"])["state"] == "done"
    return str(order["id"])


def sides(server: PageServer, run: str) -> tuple[Path, Path]:
    return server.library / "runs" / "day", server.library / "runs" / run


def refused_trip(server: PageServer, run: str) -> dict[str, Any]:
    """Return the first denied request of the first day that the page names."""
    trips: list[dict[str, Any]] = server.get(f"/api/runs/{run}/people?day=0")["trips"]
    assert trips[0]["reason"]
    return trips[0]


def test_what_happened_by_place_and_hour_adds_up_to_kera_explain(server: PageServer, run: str) -> None:
    told = server.get(f"/api/runs/{run}/places")
    names = [place["name"] for place in told["places"]]
    summed: Counter[tuple[Any, ...]] = Counter()
    for place, hour, kind, service, reason, population, count in told["cases"]:
        summed[kind, service, reason, names[place], hour, population] += count
    explanation = explain(sides(server, run)[1])
    assert explanation.disagreements == []
    expected: Counter[tuple[Any, ...]] = Counter()
    for case, count in explanation.cases.items():
        expected[case.kind, case.service, case.binding, case.place, case.hour, case.population] += count
    assert summed == expected
    assert sum(expected.values()) > 10
    days = [read_run(folder) for folder in sorted(sides(server, run)[1].glob("seed-*"))]
    assert told["days"] == [day.about for day in days]
    assert sum(count for *_, count in told["departures"]) == sum(len(day.record.tables["trips"]) for day in days)
    rides = {name: sum(day.kpis[f"{name}.rides"]["value"] for day in days) for name in ("scooter",)}
    assert sum(count for *_, service, count, _ in told["boardings"] if service == "scooter") == rides["scooter"]


def test_people_of_a_place_and_hour_are_those_who_were_refused_there(server: PageServer, run: str) -> None:
    day = read_run(min(sides(server, run)[1].glob("seed-*")))
    (case, _), *_ = (item for item in cases_of(day).most_common() if item[0].kind == "refused")
    there = server.get(f"/api/runs/{run}/people?day=0&place={case.place}&hour={case.hour}")
    named = {(trip["person"], trip["trip"]) for trip in there["trips"] if trip["reason"]}
    keys = dict(zip(*_keys(day), strict=True))
    expected = {keys[key] for key, t_s, service, _, node in refusals(day)
                if service and day.gazetteer.name(node) == case.place and t_s // 3600 == case.hour}  # fmt: skip
    assert named == expected
    assert there["count"] >= len(expected) > 0


def _keys(day: Any) -> tuple[list[int], list[tuple[int, int]]]:
    from kera_mobility.results.record import numbers, pair_keys

    trips = day.record.tables["trips"]
    person, trip = numbers(trips, "person"), numbers(trips, "trip")
    return pair_keys(person, trip).tolist(), list(zip(person.tolist(), trip.tolist(), strict=True))


def test_a_trip_is_told_and_what_would_have_served_it_becomes_a_change_with_undo(server: PageServer, run: str) -> None:
    trip = refused_trip(server, run)
    name, folder = f"{trip['person']}:{trip['trip']}", min(sides(server, run)[1].glob("seed-*"))
    path = f"/api/runs/{run}/remedy?day=0&trip={name}"
    story = server.get(f"/api/runs/{run}/story?day=0&trip={name}")
    command = [sys.executable, "-m", "kera_mobility", "explain", str(folder), "--trip", name]
    plain = subprocess.run([*command, "--no-confirm"], capture_output=True, text=True, check=True).stdout
    assert plain.startswith(story["text"])
    worths = [row["worth_eur"] for rows in story["choices"] for row in rows if not row["taken"]]
    assert worths
    assert all(f"{worth:+.2f}" in story["text"] for worth in worths[:1])
    assert story["failed"]
    assert server.get(path) == {"state": "none"}
    reader = PageServer(server.base, server.library, address=server.address).enter(server.viewer_address)
    reader.post(path, expected=403)
    assert reader.get(f"/api/runs/{run}/story?day=0&trip={name}")["text"] == story["text"]
    search, until_s = server.post(path), time.monotonic() + PATIENCE_S
    while search["state"] in ("waiting", "running") and time.monotonic() < until_s:
        time.sleep(0.2)
        search = server.get(path)
    assert (search["state"], search["problem"]) == ("done", "")
    change = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)[
        "change"
    ]
    assert [one["words"] for one in search["remedies"] if one["served"] is not None] == [
        attempt["remedy"]["words"] for attempt in change["tried"]
    ]
    served = next(one for one in search["remedies"] if one["served"])
    assert [f"{row['key']}={json.dumps(row['value'])}" for row in served["settings"]] == change["cheapest"]["remedy"][
        "overrides"
    ]
    question = server.get(f"/api/questions/{server.get(f'/api/runs/{run}/places')['question']}")
    edit = f"/api/questions/{question['name']}/edit"
    values = {row["key"]: row["value"] for row in served["settings"]}
    view = server.post(edit, version=question["version"], set=values)
    assert view["faults"] == []
    assert values.keys() <= {row["key"] for row in view["changes"]}
    back = {key: "12" if key == "services.scooter.fleet" else None for key in values}
    kept = {key: value for key, value in back.items() if value is not None}
    undone = server.post(edit, version=view["version"], unset=list(values.keys() - kept.keys()), set=kept)
    assert undone["changes"] == question["changes"]
    (file,) = (server.library / "remedies").glob("*.json")
    assert json.loads(file.read_text())["cheapest"] == change["cheapest"]


def test_differences_by_place_are_those_of_the_pairs_and_what_is_too_few_is_not_told(
    server: PageServer, run: str
) -> None:
    told = server.get(f"/api/runs/{run}/difference")
    pairs = [[read_run(side / folder.name) for side in sides(server, run)]
             for folder in sorted(sides(server, run)[1].glob("seed-*"))]  # fmt: skip
    assert told["pairs"] == len(pairs) >= 3
    measures = {measure["id"]: measure for measure in told["measures"]}
    for name in ("trips.car", "refused"):
        levels = [[_counted(day, pair[1], name) for day in pair] for pair in pairs]
        for place in measures[name]["places"]:
            before, after = (np.array([pair[side][place["name"]] for pair in levels]) for side in (0, 1))
            base, row = np.maximum(before, after).mean(), place["row"]
            assert (row is None) == (base < measures[name]["least"])
            if row is None:
                continue
            gained = after - before
            assert row["difference"] == pytest.approx(gained.mean())
            half = stats.t.ppf(0.975, len(gained) - 1) * gained.std(ddof=1) / math.sqrt(len(gained))
            assert (row["low"], row["high"]) == pytest.approx((gained.mean() - half, gained.mean() + half))
            if row["verdict"] in ("higher", "lower"):
                assert row["low"] * row["high"] > 0 or not gained.std()
            assert row["corrected_low"] is None or row["corrected_low"] <= row["low"] + 1e-9
    told_places = [place for measure in told["measures"] for place in measure["places"]]
    assert any(place["row"] for place in told_places)
    assert any(place["row"] is None for place in told_places), "a place with too few trips is named and not told"
    assert measures["door_to_door_s"]["unit"] == "s"


def _counted(day: Any, names: Any, measure: str) -> Counter[str]:
    """Return a measure of a day by place, from the frames that a researcher has."""
    if measure == "refused":
        return Counter(names.gazetteer.name(node) for _, _, service, _, node in refusals(day) if service)
    trips = km.load(day.folder).trips
    homes = dict(zip(*(day.record.people.column(column).to_pylist() for column in ("person", "home")), strict=True))
    by_car = trips[(trips["population"] == "resident") & (trips["main_mode"] == "car")]
    return Counter(names.gazetteer.name(homes[person]) for person in by_car["person"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("people?day=99", 422), ("people?day=-1", 422), ("people?day=../x", 422), ("people?hour=28", 422),
        ("people?hour=x", 422), ("story", 422), ("story?trip=1", 422), ("story?trip=1:2:3", 422),
        ("story?trip=../../etc:1", 422), ("story?trip=999999999999:1", 404), ("remedy?trip=x", 422),
        ("remedy?day=1e9&trip=1:1", 422), ("people?place=../../etc", 200), ("story?trip=%D9%A1:1", 422),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_told_without_a_path_of_this_machine(
    server: PageServer, run: str, path: str, status: int
) -> None:
    answer = server.ask("GET", f"/api/runs/{run}/{path}")
    assert answer.status == status, answer.body
    assert str(server.library).encode() not in answer.body
    assert server.ask("GET", f"/api/runs/none/{path}").status == 404


def test_no_search_is_begun_for_a_trip_that_met_no_refusal(server: PageServer, run: str) -> None:
    trips = server.get(f"/api/runs/{run}/people?day=0&hour=7")["trips"]
    asked = [f"day=0&trip={trip['person']}:{trip['trip']}" for trip in trips if not trip["reason"]]
    calm = next(query for query in asked if not server.get(f"/api/runs/{run}/story?{query}")["failed"])
    assert "met no refusal" in server.post(f"/api/runs/{run}/remedy?{calm}", expected=422)["problem"]
