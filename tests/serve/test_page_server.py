"""The server of the page: who may ask for what, questions as YAML, runs that nothing loses, and what a fuzzer finds."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.errors import ConfigError
from kera_mobility.experiments.question import ask
from kera_mobility.results.compare import compare, compare_all
from kera_mobility.serve.access import read_passwords
from kera_mobility.serve.app import Page
from kera_mobility.serve.forms import LANGUAGES, page_words
from kera_mobility.serve.hand_values import parse_value, written
from kera_mobility.serve.translation import planner_keys
from kera_mobility.services.base import service_kinds
from tests.kit.page_server import ROOT, PageServer, write_base

STATION_ZONE = {
    "rule": "no_park",
    "name": "Station",
    "polygon": [[25.0065, 60.003], [25.008, 60.003], [25.008, 60.004], [25.0065, 60.004]],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    folder = tmp_path_factory.mktemp("served")
    started = PageServer(write_base(folder), folder / "library").start().enter()
    yield started
    started.stop()


def asked(server: PageServer, title: str = "What if 60 scooters?") -> dict[str, Any]:
    """Return the acceptance question in small, as the page asks it."""
    view = server.post("/api/questions", title=title, trials=["scooters", "shuttle"])
    change = {
        "services.scooter.zones": [STATION_ZONE], "services.scooter.fleet": "50",
        "services.shuttle.headway_s": "10 min", "services.shuttle.last_s": "23:00", "services.shuttle.fare_eur": "1,50",
    }  # fmt: skip
    edited: dict[str, Any] = server.post(f"/api/questions/{view['name']}/edit", version=view["version"], set=change)
    return edited


# Values as people write them.


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("23:00", "services.shuttle.last_s", 82_800), ("25.30", "services.shuttle.last_s", 91_800),
        ("10 min", "services.shuttle.headway_s", 600), ("1 h 30 min", "x.headway_s", 5400),
        ("45 s", "x.handling_s", 45), ("1,50", "x.fare_eur", 1.5), ("1.50 €", "x.fare_eur", 1.5),
        ("1 200", "x.fleet", 1200), ("35 %", "x.local_worker_share", 0.35), ("0,35", "x.share", 0.35),
        ("2,8 m/s", "x.speed_m_s", 2.8), ("\u22121", "choice.constants.shuttle", -1),
    ],
)  # fmt: skip
def test_values_are_taken_as_people_write_them(text: str, key: str, value: float) -> None:
    assert parse_value(text, key) == pytest.approx(value)
    assert parse_value(written(value, key), key) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("23", "x.last_s", "23:00"), ("82800", "x.last_s", "23:00"), ("23:60", "x.last_s", "23:00"),
        ("10", "x.headway_s", "10 min"), ("1,5x", "x.fare_eur", "1,50"), ("", "x.fleet", "number"),
        ("1,2,3", "x.fare_eur", "1,50"), ("nan", "x.fare_eur", "number"), ("1e9", "x.fleet", "number"),
    ],
)  # fmt: skip
def test_what_is_no_such_value_is_told_with_an_example(text: str, key: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as fault:
        parse_value(text, key)
    assert key in str(fault.value)
    assert f"'{text}'" in str(fault.value)


def test_each_planner_key_is_a_setting_and_the_page_speaks_three_languages(server: PageServer) -> None:
    words = page_words()
    assert {frozenset(of) for of in words.values()} == {frozenset(words["en"])}
    assert all(text.strip() for of in words.values() for text in of.values())
    same = {key for key in words["en"] if words["en"][key] in (words["fi"][key], words["sv"][key])}
    assert same <= {"app", "yaml", "report", "unit.s", "unit.min", "start.stops", "comma", "kind.shuttle"}
    kinds = {**service_kinds()}
    listed = planner_keys()
    assert sum(map(len, listed.values())) >= 40
    for kind, entries in listed.items():
        for entry in entries:
            assert all(entry[code] for code in LANGUAGES)
            if kind != "scenario":
                assert entry["key"].partition(".")[0] in kinds[kind].settings_type.model_fields, (kind, entry["key"])


@pytest.mark.parametrize("text", ["9" * 400, "-" + "9" * 400, "9" * 400 + " min", "9" * 400 + ":00"])
@pytest.mark.parametrize("key", ["services.scooter.fleet", "services.shuttle.headway_s", "services.shuttle.last_s"])
def test_a_number_of_endless_digits_is_refused(text: str, key: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        parse_value(text, key)


# Who may ask for what.


def test_without_the_token_there_is_nothing(server: PageServer) -> None:
    assert server.ask("GET", "/", cookie="").status == 401
    assert server.ask("GET", "/?token=wrong", cookie="").status == 401
    for path in ("/api/start", "/api/runs", "/api/area", "/api/events"):
        assert server.ask("GET", path, cookie="kera=stolen").status == 401
    answer = server.ask("GET", "/")
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


def test_who_has_the_address_for_reading_changes_nothing(server: PageServer) -> None:
    reader = PageServer(server.base, server.library, address=server.address).enter(server.viewer_address)
    assert reader.get("/api/start")["role"] == "viewer"
    for path in ("/api/questions", "/api/orders", "/api/upload"):
        reader.post(path, expected=403, title="Mine")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1"])
def test_a_change_from_another_page_is_refused(server: PageServer, origin: str) -> None:
    answer = server.ask("POST", "/api/questions", b'{"title": "Mine"}', Origin=origin)
    assert answer.status == 403


def test_another_name_for_this_machine_is_refused(server: PageServer) -> None:
    assert server.ask("GET", "/api/runs", Host="evil.example").status == 421


@pytest.mark.parametrize("host", ["[::1", "127.0.0.1:x", "", "]", "a" * 5000])
def test_no_host_at_all_is_refused_too(server: PageServer, host: str) -> None:
    assert server.ask("GET", "/", cookie="", Host=host).status in (400, 421)


@pytest.mark.parametrize("text", ["extends: 5", "extends: {a: b}", "extends: [[x]]", "extends: null", "extends: ''"])
def test_an_upload_that_extends_no_file_is_refused(server: PageServer, text: str) -> None:
    server.post("/api/upload", expected=422, title="Mine", yaml=text)


@pytest.mark.parametrize(
    "change",
    [
        {"add": ["\ud800"]}, {"set": {"services.scooter.fleet": "\ud800"}},
        {"set": {"services.scooter.fleet": "9" * 400}}, {"set": {"weather": {"/etc/passwd": "x"}}},
        {"set": {"services.scooter.hubs": [{"name": "x", "lat": "y", "lon": "z"}]}},
    ],
)  # fmt: skip
def test_a_change_that_no_page_makes_is_refused_in_words(server: PageServer, change: dict[str, Any]) -> None:
    view = asked(server, "Strange")
    path, body = f"/api/questions/{view['name']}/edit", json.dumps({"version": view["version"], **change}).encode()
    answer = server.ask("POST", path, body)
    assert answer.status in (200, 400, 422)
    if answer.status == 200:
        assert json.loads(answer.body)["faults"]
    assert b"format code" not in answer.body


def test_a_preview_of_no_value_is_refused_in_words_that_name_no_folder(server: PageServer) -> None:
    view = asked(server, "Strange preview")
    path = f"/api/questions/{view['name']}/preview"
    for key in ("services.scooter.fleet", "services.shuttle.headway_s", "services.shuttle.fare_eur"):
        for value in ("abc", [1], {"a": 1}, None, "9" * 400):
            answer = server.ask("POST", path, json.dumps({"key": key, "value": value}).encode())
            assert answer.status in (200, 422)
            assert b"format code" not in answer.body
            assert str(server.library.parent).encode() not in answer.body
            assert b"questions/" not in answer.body


def test_a_full_disk_changes_nothing_and_is_said(tmp_path: Path) -> None:
    """The system refuses every write of more than a few bytes; when there is room again all goes on."""
    server = PageServer(write_base(tmp_path), tmp_path / "library").start().enter()
    try:
        view = asked(server)
        before = {path: path.read_bytes() for path in sorted(server.library.rglob("*.yaml"))}
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16, hard))
        change = {"set": {"services.scooter.fleet": "70"}}
        server.post(f"/api/questions/{view['name']}/edit", expected=507, version=view["version"], **change)
        server.post("/api/questions", expected=507, title="Another", trials=["scooters"])
        server.post("/api/orders", expected=507, question=view["name"], mode="look")
        assert {path: path.read_bytes() for path in sorted(server.library.rglob("*.yaml"))} == before
        assert server.get(f"/api/questions/{view['name']}")["version"] == view["version"]
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        edited = server.post(f"/api/questions/{view['name']}/edit", version=view["version"], **change)
        assert edited["version"] != view["version"]
    finally:
        server.kill()


def test_what_is_too_large_or_no_json_is_refused(server: PageServer) -> None:
    assert server.ask("POST", "/api/upload", b"x" * 1_000_001).status == 413
    for body in (b"{", b"[]", b'"text"', b'{"title": NaN}', b"[" * 100_000):
        assert server.ask("POST", "/api/questions", body).status == 400


@pytest.mark.parametrize(
    "name", ["../day", "..%2fday", "%2e%2e%2fday", "/etc/passwd", ".below", "x" * 300, "day.yaml", "a%00b"]
)
def test_no_path_comes_from_a_browser(server: PageServer, name: str) -> None:
    for path in (f"/api/questions/{name}", f"/api/questions/{name}/yaml", f"/api/runs/{name}/report"):
        assert server.ask("GET", path).status in (404, 422)


@pytest.mark.parametrize(
    "text",
    [
        "extends: /etc/passwd\n", "extends: ../../../day.yaml\nservices: {scooter: {zones: [/etc/passwd]}}\n",
        "extends: day.yaml\narea: /tmp\n", "extends: day.yaml\nweather: {table: ../../x.csv}\n", "title: No base\n",
        "extends: day.yaml\nservices: {bicycle: {speed_m_s: 900}}\n", "a: [1\n", "extends: [day.yaml, 3]\n", "[]\n",
        "extends: day.yaml\ndisturbances: 3\n",
    ],
)  # fmt: skip
def test_an_upload_that_names_a_path_or_has_faults_is_refused_and_leaves_nothing(server: PageServer, text: str) -> None:
    before = server.get("/api/start")["questions"]
    assert "problem" in server.post("/api/upload", expected=422, title="Mine", yaml=text)
    assert server.get("/api/start")["questions"] == before


def test_another_host_needs_passwords(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kera_mobility", "serve", str(write_base(tmp_path)), "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, "--passwords" in done.stderr) == (2, True)


def test_passwords_are_asked_and_open_their_role(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("planner: a few long words\nviewer: other long words\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read it"):
        read_passwords(file)
    file.chmod(0o600)
    server = PageServer(write_base(tmp_path), tmp_path / "library", ("--passwords", str(file))).start()
    try:
        assert b"password" in server.ask("GET", "/?token=", cookie="").body
        assert "set-cookie" not in server.ask("POST", "/login", b"password=wrong").headers
        for password, role in (("a+few+long+words", "planner"), ("other+long+words", "viewer")):
            answer = server.ask("POST", "/login", f"password={password}".encode())
            server.cookies["session"] = answer.headers["set-cookie"].partition(";")[0]
            assert server.get("/api/start")["role"] == role
    finally:
        server.stop()


@pytest.mark.parametrize(
    "text", ["viewer: only a viewer here\n", "planner: short\n", "admin: some long words\n", "no colon at all\n"]
)
def test_a_file_of_passwords_with_a_fault_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "passwords"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError):
        read_passwords(file)


# Questions.


def test_a_question_is_a_readable_file_of_what_is_different(server: PageServer) -> None:
    view = asked(server, "Sähköpotkulaudat & <script>alert(1)</script>")
    assert view["faults"] == []
    text = view["yaml"]
    assert re.search(r"last_s: 82800 +# 23:00", text)
    assert "fare_eur: 1.5" in text
    assert "../../trials/scooters.yaml" in text
    assert {change["key"] for change in view["changes"]} == {
        "services.scooter.zones", "services.scooter.fleet", "services.shuttle.headway_s", "services.shuttle.last_s",
        "services.shuttle.fare_eur",
    }  # fmt: skip
    assert any("the hub 'Station' lies in the zone 'Station'" in notice["en"] for notice in view["notices"])
    undone = server.post(
        f"/api/questions/{view['name']}/edit", version=view["version"], unset=["services.shuttle.fare_eur"],
        drop=["scooters"],
    )  # fmt: skip
    assert {change["key"] for change in undone["changes"]} == {"services.shuttle.last_s", "services.shuttle.headway_s"}
    assert "scooters.yaml" not in undone["yaml"]
    same = {"services.shuttle.last_s": "22:00", "services.shuttle.headway_s": "15 min"}
    assert server.post(f"/api/questions/{view['name']}/edit", version=undone["version"], set=same)["changes"] == []


def test_what_contradicts_itself_is_told_at_once_by_the_checks_of_a_run(server: PageServer) -> None:
    view = server.post("/api/questions", title="Too few", trials=["shuttle"])
    path = f"/api/questions/{view['name']}/edit"
    view = server.post(
        path, version=view["version"], set={"services.shuttle.vehicles": "1", "services.shuttle.headway_s": "2 min"}
    )
    (fault,) = view["faults"]
    assert "services.shuttle.vehicles: got 1, expected at least" in fault["problem"]
    needed = view["supply"]["shuttle"]["figures"]["vehicles_needed"]
    assert f"expected at least {needed:.0f}" in fault["problem"]
    refused = server.post("/api/orders", expected=422, question=view["name"])
    assert "services.shuttle.vehicles" in refused["problem"]
    cured = server.post(path, version=view["version"], set={"services.shuttle.vehicles": str(int(needed))})
    assert cured["faults"] == []
    wrong = server.post(path, expected=422, version=cured["version"], set={"services.shuttle.last_s": "late"})
    assert "expected a time of day such as 23:00" in wrong["problem"]
    beyond = server.post(path, version=cured["version"], set={"services.shuttle.fare_eur": "200"})
    assert "services.shuttle.fare_eur" in beyond["faults"][0]["problem"]


def test_a_second_tab_does_not_undo_what_the_first_one_did(server: PageServer) -> None:
    view = asked(server, "Two tabs")
    path = f"/api/questions/{view['name']}/edit"
    server.post(path, version=view["version"], set={"services.scooter.fleet": "20"})
    stale = server.post(path, expected=409, version=view["version"], set={"services.scooter.fleet": "30"})
    assert "changed elsewhere" in stale["problem"]
    assert "fleet: 20" in server.get(f"/api/questions/{view['name']}")["yaml"]


def test_a_file_edited_by_hand_opens_with_its_comments(server: PageServer) -> None:
    view = asked(server, "By hand")
    file = server.library / "questions" / f"{view['name']}.yaml"
    file.write_text(file.read_text().replace("fleet: 50", "fleet: 44  # counted on the street"), encoding="utf-8")
    view = server.get(f"/api/questions/{view['name']}")
    assert {"services.scooter.fleet": "44"}.items() <= {one["key"]: one["value"] for one in view["changes"]}.items()
    view = server.post(
        f"/api/questions/{view['name']}/edit", version=view["version"], set={"services.shuttle.fare_eur": "2"}
    )
    assert "# counted on the street" in view["yaml"]
    again = server.post("/api/upload", title="Again", yaml=view["yaml"])
    assert again["changes"] == view["changes"]


def test_the_preview_follows_a_drag_and_changes_nothing(server: PageServer) -> None:
    view = asked(server, "Dragged")
    stops = view["shapes"]["services.shuttle.stops"]["entries"]
    moved = [{**stops[0], "lon": stops[0]["lon"] - 0.0018}, *stops[1:]]
    path = f"/api/questions/{view['name']}/preview"
    preview = server.post(path, key="services.shuttle.stops", value=moved)
    assert preview["shuttle"]["figures"]["lap_km"] > view["supply"]["shuttle"]["figures"]["lap_km"]
    assert server.get(f"/api/questions/{view['name']}")["yaml"] == view["yaml"]


# Runs.


def test_a_question_is_answered_as_kera_run_and_kera_compare_answer_it(server: PageServer, tmp_path: Path) -> None:
    view = asked(server, "What if?")
    order = server.post("/api/orders", question=view["name"], mode="look")
    done = server.finished(order["id"])
    assert (done["state"], done["problem"]) == ("done", "")
    file = server.library / "orders" / f"{order['id']}.yaml"
    command = [sys.executable, "-m", "kera_mobility", "run", str(file), "--out", str(tmp_path), "--json"]
    run = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=server.base.parent, check=True).stdout)
    assert run["runs"][0]["fingerprint"] == done["fingerprint"]
    answer = server.get(f"/api/runs/{order['id']}/answer")
    sides = [server.library / "runs" / name for name in ("day", order["id"])]
    rows = {row.id: asdict(row) for row in compare(*sides).differences}
    assert len(answer["figures"]) >= 4
    for figure in answer["figures"]:
        assert {name: rows[figure["id"]][name] for name in figure} == figure
    kpis = {kpi["id"]: kpi["value"] for kpi in run["runs"][0]["kpis"]}
    supply = view["supply"]["shuttle"]
    assert kpis["shuttle.operating_cost_eur"] == pytest.approx(supply["total_eur"])
    assert b"<html" in server.ask("GET", f"/api/runs/{order['id']}/report").body[:200]
    with zipfile.ZipFile(io.BytesIO(server.ask("GET", f"/api/runs/{order['id']}/export").body)) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    assert {
        f"{order['id']}.yaml",
        "report.html",
        "day/seed-0001/run.json",
        f"{order['id']}/seed-0001/kpis.json",
    } <= names
    noted = server.post(f"/api/runs/{order['id']}/note", note="For the council", pinned=True)
    assert (noted["note"], noted["pinned"]) == ("For the council", True)
    assert server.ask("GET", f"/api/compare?runs={order['id']}").status == 422


@pytest.fixture(scope="module")
def looked(server: PageServer) -> dict[str, Any]:
    """Look at a shuttle whose headway was changed, with a threshold that was written into the file."""
    view = server.post("/api/questions", title="A quicker shuttle?", trials=["shuttle"])
    path = f"/api/questions/{view['name']}/edit"
    server.post(path, version=view["version"], set={"services.shuttle.headway_s": "10 min"})
    file = server.library / "questions" / f"{view['name']}.yaml"
    file.write_text(file.read_text() + "decision: {thresholds: {mode_share.car: {go: -0.9, stop: 0.9}}}\n")
    changes = [change["key"] for change in server.get(f"/api/questions/{view['name']}")["changes"]]
    assert changes == ["services.shuttle.headway_s"], "what is decided by changes no run"
    order = server.post("/api/orders", question=view["name"], mode="look")
    assert server.finished(order["id"])["state"] == "done"
    answer: dict[str, Any] = server.get(f"/api/runs/{order['id']}/answer")
    return answer


def test_which_change_did_it_is_run_in_the_queue_and_survives_a_stopped_server(
    server: PageServer, looked: dict[str, Any]
) -> None:
    changes = ["services.shuttle", "services.shuttle.headway_s"]
    assert [part["name"] for part in looked["separable"]] == changes
    assert {part["label"]["fi"] for part in looked["separable"]} != {
        part["label"]["en"] for part in looked["separable"]
    }
    assert looked["parts"] is None
    order = server.post(f"/api/runs/{looked['id']}/parts")["id"]
    assert "already" in server.post(f"/api/runs/{looked['id']}/parts", expected=422)["problem"]
    server.awaited(order, lambda one: one["progress"].get("planned") == 20 and one["progress"]["done"] > 1)
    server.stop()
    server.start().enter()
    done = server.finished(order)
    assert (done["state"], done["of"], done["problem"]) == ("done", looked["id"], "")
    answer = server.get(f"/api/runs/{order}/answer")
    assert answer == server.get(f"/api/runs/{looked['id']}/answer")
    assert (answer["pairs"], answer["parts"]["days"], answer["fingerprint"]) == (5, 5, looked["fingerprint"])
    assert sorted(part["name"] for part in answer["parts"]["changes"]) == changes
    runs = server.library / "runs"
    folders = [runs / f"{looked['id']}-without-{name.replace('.', '-')}" for name in changes]
    comparisons = compare_all(runs / looked["id"], folders, decision=DecisionSettings())
    for name, comparison in zip(changes, comparisons, strict=True):
        (part,) = [part for part in answer["parts"]["changes"] if part["name"] == name]
        rows = {row.id: asdict(row) for row in comparison.differences}
        assert [row["id"] for row in part["rows"]] == [row["id"] for row in answer["figures"]]
        for row in part["rows"]:
            assert {key: rows[row["id"]][key] for key in row} == row
            assert row["low"] is not None
    without = json.loads((folders[0] / "seed-0001" / "kpis.json").read_text())
    assert "shuttle.rides" not in {kpi["id"] for kpi in without}
    with zipfile.ZipFile(io.BytesIO(server.ask("GET", f"/api/runs/{order}/export").body)) as archive:
        names = {name.split("/")[1] for name in archive.namelist()}
    assert names == {
        f"{looked['id']}.yaml",
        "order.json",
        "report.html",
        "day",
        looked["id"],
        *(f.name for f in folders),
    }
    assert not list(server.library.glob(".export-*"))
    assert server.ask("GET", f"/api/compare?runs={order},{looked['id']}").status == 422


def test_to_decide_is_to_narrow_the_interval_of_the_change_and_it_says_why_it_stopped(
    server: PageServer, looked: dict[str, Any]
) -> None:
    question = next(order["question"] for order in server.get("/api/runs") if order["id"] == looked["id"])
    server.post("/api/orders", expected=422, question=question, mode="decide", days=4)
    server.post("/api/orders", expected=422, question=question, mode="parts")
    figure = "mode_share.car 40pp"
    order = server.post("/api/orders", question=question, mode="decide", until=figure, days=5)["id"]
    done = server.finished(order)
    assert (done["state"], done["problem"], done["outcome"]["stopped"]) == ("done", "", "narrow")
    base, runs = server.library.parent / "day.yaml", server.library / "runs"
    by_hand = ask(server.library / "orders" / f"{order}.yaml", base, figure=figure, most=5, precise=True, out=runs)
    answer = server.get(f"/api/runs/{order}/answer")
    assert answer["stopped"] == by_hand.to_json()
    assert answer["pairs"] == answer["stopped"]["seeds"] == 5
    assert answer["figures"][0]["id"] == "mode_share.car"
    row = asdict(by_hand.comparison.row("mode_share.car"))
    assert {name: row[name] for name in answer["figures"][0]} == answer["figures"][0]
    (limit,) = answer["city"]  # of the file, beside the figure that was named for this run
    assert (limit["id"], limit["go"], limit["stop"], limit["answers"]) == ("mode_share.car", -0.9, 0.9, ["change"])
    assert looked["city"][0]["answers"] is None, "one day has no interval"
    both = server.get(f"/api/compare?runs={order},{looked['id']}")
    assert [one["id"] for one in both] == [order, looked["id"]]
    with zipfile.ZipFile(io.BytesIO(server.ask("GET", f"/api/export?runs={order},{looked['id']}").body)) as archive:
        assert json.loads(archive.read("compared.json")) == both
        for name in (order, looked["id"]):
            files = {f"{name}/{name}.yaml", f"{name}/report.html", f"{name}/{name}/seed-0001/run.json"}
            assert files | {f"{name}/day/seed-0001/run.json"} <= set(archive.namelist())
    assert server.ask("GET", f"/api/export?runs={order},{order}").status == 422
    measured = [one["day_s"] for one in server.get("/api/runs") if one["id"] in (order, looked["id"])]
    assert all(0.05 < day_s < 120.0 for day_s in measured), "clock time of a day of the small district"


def test_a_run_that_is_cancelled_or_killed_is_said_and_the_next_one_goes_on(server: PageServer) -> None:
    view = asked(server, "Stopped")
    first, second = (server.post("/api/orders", question=view["name"], mode="look")["id"] for _ in range(2))
    server.awaited(first, lambda order: order["state"] == "running" and order["progress"])
    server.post(f"/api/runs/{second}/cancel")
    victims = subprocess.run(["pgrep", "-f", f"{first}.yaml"], capture_output=True, text=True).stdout.split()
    os.kill(int(victims[0]), signal.SIGKILL)
    assert server.finished(first)["state"] == "failed"
    assert server.finished(second)["state"] == "cancelled"
    third = server.post("/api/orders", question=view["name"], mode="look")["id"]
    server.awaited(third, lambda order: order["state"] == "running" and order["progress"])
    server.post(f"/api/runs/{third}/cancel")
    assert server.finished(third)["state"] == "cancelled"


def test_a_stopped_or_killed_server_loses_nothing(tmp_path: Path) -> None:
    server = PageServer(write_base(tmp_path), tmp_path / "library").start().enter()
    view = asked(server, "To be continued")
    order = server.post("/api/orders", question=view["name"], mode="look")["id"]
    server.awaited(order, lambda one: one["state"] == "running" and one["progress"])
    server.stop()
    server.start().enter()
    assert server.get(f"/api/questions/{view['name']}")["yaml"] == view["yaml"]
    server.kill()  # in the middle of the same run
    server.start().enter()
    done = server.finished(order)
    assert (done["state"], len(done["fingerprint"])) == ("done", 64)
    server.stop()


# A fuzzer.

NAMES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["day", "../day", "%2e%2e%2f", "what_if_60_scooters", "%00", "a" * 500, "..", "~"]),
)
KEYS = (
    "title", "trials", "set", "unset", "add", "drop", "version", "question", "mode", "until", "draws", "note", "pinned",
    "yaml", "key", "value",
)  # fmt: skip
STRANGE = ("../x", "/etc/passwd", "<script>alert(1)</script>", "services.scooter.fleet", "scooters", "look")
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=30) | st.sampled_from(STRANGE),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text(max_size=12) | st.sampled_from(KEYS + STRANGE), below, max_size=5)
    ),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, PLAIN))


def routes() -> list[tuple[str, str]]:
    """Return method and path of every route but the endless stream."""
    page: Any = Page.__new__(Page)
    page.desk = page.queue = page.access = page.questions = None
    app = page.app()
    return sorted(
        (method, route.path)
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if route.path != "/api/events"
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(route=st.sampled_from(routes()), name=NAMES, fields=FIELDS | PLAIN)
def test_whatever_is_asked_nothing_breaks_and_no_script_comes_back(
    server: PageServer, route: tuple[str, str], name: str, fields: Any
) -> None:
    method, path = route
    path = path.replace("{name}", quote(name, safe="%")).replace("{id}", quote(name, safe="%")) or "/"
    if path.endswith("/cancel") or path == "/login":
        return
    body = json.dumps(fields).encode("utf-8", "surrogatepass") if method == "POST" else None
    answer = server.ask(method, path, body)
    assert answer.status < 500, (method, path, answer.body)
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        assert b"alert(1)" not in answer.body
    assert answer.headers.get("x-content-type-options") == "nosniff" or answer.status in (404, 405)
    assert not list(server.base.parent.glob("*.yaml.*"))


def test_the_help_says_what_it_does_and_a_missing_extra_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; sys.modules['uvicorn'] = None\n"
        "from kera_mobility.cli import main; main(['serve', 'configs/finished.yaml'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, "kera-mobility[page]" in done.stderr) == (2, True)
    assert ROOT.is_dir()
