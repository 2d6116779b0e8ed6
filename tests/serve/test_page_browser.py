"""The page in a real browser: the acceptance question by keyboard alone, two tabs, a stopped server, three languages.

The browser is Debian's chromium (or KERA_CHROMIUM), driven by Playwright; axe-core is read from web/node_modules.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.serve.forms import page_words
from tests.kit.browser import BUSY_MS, NARROW, WIDE
from tests.kit.page_server import ROOT, PageServer, write_base

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MOST_S = 360.0
"""A planner has the answer within this time."""
QUESTION = "What if 120 scooters, no parking at the station, a shuttle every 10 minutes until 23:00 at 1.50 EUR?"
CALM = "() => !document.getElementById('page').hasAttribute('aria-busy')"
MOST_TABS = 400


class Tab:
    """A tab with the page, and what it complained about."""

    def __init__(self, browser: Any, address: str, width: int = WIDE, scheme: str = "light", **more: Any) -> None:
        look = {"color_scheme": scheme, "reduced_motion": "reduce", "locale": "en-GB", **more}
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **look)
        self.open(address)

    def open(self, address: str) -> None:
        """Open the address in a tab of the same browser."""
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.messages.append(f"error: {error}"))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.page.set_default_timeout(BUSY_MS)
        self.page.goto(address)
        self.page.wait_for_selector("#page[data-ready]")

    def calm(self) -> None:
        """Wait until no change is under way."""
        self.page.wait_for_timeout(50)
        self.page.wait_for_function(CALM)

    # The keyboard.

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, name: str) -> None:
        """Press Tab until the element with an id has the focus."""
        for _ in range(MOST_TABS):
            if self.page.evaluate("document.activeElement.id") == name:
                return
            self.press("Tab")
        raise AssertionError(f"no way to {name} with the Tab key")

    def enter(self, name: str, text: str) -> None:
        """Go to a field, write over what it holds, and leave it with Enter."""
        self.tab_to(name)
        self.press("Control+a")
        self.page.keyboard.type(text)
        self.press("Enter")
        self.calm()

    def opened(self, name: str) -> None:
        """Open a part that is closed, from the keyboard."""
        for _ in range(MOST_TABS):
            if self.page.evaluate("document.activeElement.parentElement?.id") == name:
                if not self.page.evaluate("document.activeElement.parentElement.open"):
                    self.press("Enter")
                return
            self.press("Tab")
        raise AssertionError(f"no way to {name} with the Tab key")

    def value(self, name: str) -> str:
        """Return what a field shows."""
        shown: str = self.page.eval_on_selector(f"[id='{name}']", "one => one.value")
        return shown


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    folder = tmp_path_factory.mktemp("opened")
    started = PageServer(write_base(folder), folder / "library").start()
    started.enter()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def asked(browser: Any, server: PageServer) -> Iterator[tuple[Tab, float]]:
    """Ask and run the acceptance question with the keyboard alone; return the tab and the seconds that it took."""
    began_s = time.monotonic()
    tab = Tab(browser, server.address)
    tab.tab_to("start-title")
    tab.page.keyboard.type(QUESTION)
    for trial in ("scooters", "shuttle"):
        tab.tab_to(f"trial-{trial}")
        tab.press("Space")
    tab.tab_to("start-begin")
    tab.press("Enter")
    tab.page.wait_for_selector("#changes")
    tab.calm()
    tab.enter("field-services.scooter.fleet", "120")
    tab.enter("field-services.shuttle.headway_s", "10 min")
    tab.enter("field-services.shuttle.last_s", "23:00")
    tab.enter("field-services.shuttle.fare_eur", "1,50")
    tab.opened("list-services.scooter.zones")
    tab.tab_to("place-services.scooter.zones")
    tab.page.keyboard.type("Station")
    tab.tab_to("add-services.scooter.zones")
    tab.press("Enter")
    tab.calm()
    tab.tab_to("run-go")
    tab.press("Enter")
    tab.page.wait_for_selector("li[data-state=done]")
    tab.page.wait_for_selector("#sentence")
    yield tab, time.monotonic() - began_s
    tab.context.close()


def test_the_acceptance_question_is_asked_and_answered_by_keyboard_without_a_file(
    asked: tuple[Tab, float], server: PageServer, tmp_path: Path
) -> None:
    tab, took_s = asked
    assert took_s < MOST_S
    assert tab.messages == []
    assert tab.hosts == {server.host}
    run = server.get("/api/runs")[0]
    assert run["title"] == QUESTION
    yaml = server.ask("GET", f"/api/runs/{run['id']}/yaml").body.decode()
    for line in ("fleet: 120", "headway_s: 600", "last_s: 82800", "fare_eur: 1.5", "rule: no_park", "name: Station"):
        assert line in yaml
    # The file that the page saved gives the same day from the command line.
    file = server.library / "questions" / f"{run['question']}.yaml"
    command = [sys.executable, "-m", "kera_mobility", "run", str(file), "--out", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=server.base.parent, check=True)
    fingerprint = json.loads(done.stdout)["runs"][0]["fingerprint"]
    assert tab.page.inner_text("#fingerprint") == fingerprint == run["fingerprint"]
    assert len(tab.page.query_selector_all("dl.figures .big")) == 4
    assert QUESTION in tab.page.inner_text("#answer")
    assert "the hub 'Station' lies in the zone" in tab.page.inner_text("#checks")


def test_what_happened_is_found_by_place_hour_and_person_and_its_cure_applied_by_keyboard(
    asked: tuple[Tab, float], server: PageServer
) -> None:
    tab, _ = asked
    run = server.get("/api/runs")[0]
    tab.tab_to("look-happened")
    tab.press("Enter")
    tab.page.wait_for_selector("#happened")
    tab.calm()
    assert tab.page.query_selector(".mark.hubs") is None, "nothing of the question can be dragged by mistake"
    told = server.get(f"/api/runs/{run['id']}/places")
    denied = Counter({place["name"]: 0 for place in told["places"]})
    for place, _, kind, *_, count in told["cases"]:
        denied[told["places"][place]["name"]] += count * (kind == "refused")
    (most, count), *_ = denied.most_common()
    numbers = tab.page.eval_on_selector_all(".label.count", "all => all.map(one => Number(one.textContent))")
    assert sorted(numbers) == sorted(count for count in denied.values() if count)
    tab.tab_to("at-place")
    tab.page.keyboard.type(most)
    tab.press("Tab")
    tab.calm()
    assert tab.value("at-place") == most
    rows = tab.page.eval_on_selector_all("#told tbody tr", "rows => rows.map(row => row.innerText.split('\\t'))")
    assert sum(int(row[3]) for row in rows if row[0] == "Denied request") == count
    trip = server.get(f"/api/runs/{run['id']}/people?day=0&place={most}")["trips"][0]
    tab.tab_to(f"trip-{trip['person']}-{trip['trip']}")
    tab.press("Enter")
    tab.page.wait_for_selector("#story")
    tab.calm()
    assert tab.page.evaluate("document.activeElement.id") == "story-title"
    assert "refused: " in tab.page.inner_text("#story .moments")
    tab.tab_to("cure-seek")
    tab.press("Enter")
    tab.page.wait_for_selector(".cures")
    served = tab.page.query_selector(".cures [data-served=true]")
    before = tab.page.inner_text("#changes")
    assert served is not None, tab.page.inner_text("#cure")
    stale = page_words()["en"]["cure.stale"]
    assert stale not in tab.page.inner_text("#cure")
    tab.tab_to(served.query_selector("button").get_attribute("id"))
    tab.press("Enter")
    tab.page.wait_for_function("before => document.querySelector('#changes').innerText !== before", arg=before)
    tab.calm()
    undone = [row for row in tab.page.query_selector_all(".changes li") if row.inner_text() not in before]
    assert len(undone) == 1
    assert stale in tab.page.inner_text(".cures [data-served=true] button"), "the question is not that of the run now"
    undone[0].query_selector("button").click()
    tab.calm()
    assert stale not in tab.page.inner_text("#cure")
    # The same by a click on the map: the nearest place is chosen, and a second click lets it go.
    for shown in ("", most):
        tab.page.select_option("#at-place", "")
        tab.calm()
        circle = tab.page.query_selector(".leaflet-overlay-pane path.denied >> nth=0")
        circle.scroll_into_view_if_needed()
        box = circle.bounding_box()
        tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        tab.calm()
        assert tab.value("at-place") in denied
        assert tab.page.query_selector("path.ringed") is not None, shown
    assert tab.messages == []


def test_no_circle_covers_another_and_a_place_beyond_the_streets_is_in_the_list_only(
    asked: tuple[Tab, float], browser: Any, server: PageServer
) -> None:
    """What the server tells is given twenty crowded places more, and one that lies far from every street."""
    run = server.get("/api/runs")[0]
    told = server.get(f"/api/runs/{run['id']}/places")
    case = next(case for case in told["cases"] if case[2] == "refused")
    lon, lat = told["places"][case[0]]["spot"]
    more = [{"name": f"Crowd {number}", "spot": [lon + number * 1e-6, lat]} for number in range(20)]
    more.append({"name": "Faraway", "spot": [lon + 1.0, lat]})
    told["cases"] += [[len(told["places"]) + number, *case[1:]] for number in range(len(more))]
    told["places"] += more
    tab = Tab(browser, server.address, NARROW)
    tab.page.route(re.compile(r"/places\??$"), lambda route: route.fulfill(json=told))
    tab.page.select_option("#question", run["question"])
    tab.page.click("#look-happened")
    tab.page.wait_for_selector("#happened")
    tab.calm()
    tab.page.wait_for_timeout(500)  # the map has come to rest
    circles = tab.page.eval_on_selector_all(
        "path.denied", "all => all.map(one => { const b = one.getBBox(); return [b.x, b.y, b.width / 2]; })"
    )
    assert len(circles) >= 21
    for at, (x, y, r) in enumerate(circles):
        for other_x, other_y, other_r in circles[:at]:
            away = math.hypot(x + r - other_x - other_r, y + r - other_y - other_r)
            assert away > r + other_r - 1.0, "each figure can be read"
    assert len(tab.page.query_selector_all(".label.count")) == len(circles)
    assert tab.page.query_selector("#at-place option[value=Faraway]") is not None
    assert "Denied requests there a day: " in tab.page.inner_text("#beyond")
    map_box = tab.page.query_selector("#map").bounding_box()
    boxes = [one.bounding_box() for one in tab.page.query_selector_all("path.denied")]
    assert max(box["x"] for box in boxes) - min(box["x"] for box in boxes) > map_box["width"] / 4, "seen from nearby"
    (top,) = {one.bounding_box()["y"] for one in tab.page.query_selector_all(".looks button")}
    assert top > 0, "the three buttons stand in one row"
    assert tab.messages == []
    tab.context.close()


def test_differences_on_the_map_are_those_of_the_table_and_one_day_is_called_chance(asked: tuple[Tab, float]) -> None:
    tab, _ = asked
    tab.tab_to("look-changed")
    tab.press("Enter")
    tab.page.wait_for_selector("#changed")
    tab.calm()
    rows = tab.page.eval_on_selector_all(
        "#changed-numbers tbody tr", "rows => rows.map(row => row.innerText.split('\\t'))"
    )
    assert {row[5] for row in rows} <= {"may be chance", "too few to tell", "no change"}, "one day has no interval"
    shown = tab.page.eval_on_selector_all(".label.count", "all => all.map(one => one.textContent)")
    assert sorted(shown) == sorted(
        "0" if row[5] == "no change" else row[3] for row in rows if row[5] != "too few to tell"
    )
    assert "One day has no interval" in tab.page.inner_text("#changed")
    assert tab.page.query_selector("path.up-strong, path.up-weak, path.down-weak, path.down-strong") is None
    tab.tab_to("look-question")
    tab.press("Enter")
    tab.page.wait_for_selector(".mark.hubs")
    assert tab.page.query_selector("#explored").inner_text() == ""


def test_undo_takes_one_difference_back(asked: tuple[Tab, float]) -> None:
    tab, _ = asked
    total = tab.page.get_attribute("#total-shuttle", "value")
    tab.enter("field-services.shuttle.vehicles", "3")
    rows = tab.page.query_selector_all(".changes li")
    row = next(row for row in rows if "Vehicles: 3" in row.inner_text())
    row.query_selector("button").click()
    tab.calm()
    assert tab.value("field-services.shuttle.vehicles") == "2"
    assert "Vehicles: 3" not in tab.page.inner_text("#changes")
    assert tab.page.get_attribute("#total-shuttle", "value") == total


def test_what_is_no_value_is_told_at_its_field_and_changes_nothing(
    asked: tuple[Tab, float], server: PageServer
) -> None:
    tab, _ = asked
    before = server.get(f"/api/questions/{server.get('/api/runs')[0]['question']}")["yaml"]
    tab.enter("field-services.shuttle.last_s", "late")
    field = tab.page.query_selector("[id='field-services.shuttle.last_s']")
    assert field.get_attribute("aria-invalid") == "true"
    assert "expected a time of day such as 23:00" in tab.page.inner_text("[id='field-services.shuttle.last_s-about']")
    tab.enter("field-services.shuttle.headway_s", "1 min")
    assert "vehicles: got 2, expected at least" in tab.page.inner_text("#checks .fault")
    assert tab.page.is_disabled("#run-go")
    tab.enter("field-services.shuttle.headway_s", "10 min")
    assert server.get(f"/api/questions/{server.get('/api/runs')[0]['question']}")["yaml"] == before


def test_a_stop_that_is_dragged_shows_lap_and_cost_at_once(asked: tuple[Tab, float]) -> None:
    tab, _ = asked
    tab.calm()
    lap = "#supply dl"
    before = tab.page.inner_text(lap)
    mark = tab.page.wait_for_selector(".mark.stops >> nth=1")
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(x - 60, y - 40, steps=6)
    tab.page.wait_for_function("before => document.querySelector('#supply').innerText !== before", arg=before)
    tab.page.mouse.up()
    tab.calm()
    changed = tab.page.inner_text("#changes")
    assert "3 listed" in changed
    row = next(row for row in tab.page.query_selector_all(".changes li") if "3 listed" in row.inner_text())
    row.query_selector("button").click()
    tab.calm()


def test_a_closure_is_added_from_the_list_by_keyboard(asked: tuple[Tab, float]) -> None:
    tab, _ = asked
    tab.opened("list-disturbances")
    tab.tab_to("stop-kind")
    tab.page.keyboard.type("Streets")
    tab.enter("stop-from", "7:00")
    tab.enter("stop-until", "9.30")
    tab.tab_to("stop-add")
    tab.press("Enter")
    tab.calm()
    assert "Streets are shut, 07:00\u201309:30" in tab.page.inner_text("#placing")
    assert tab.page.query_selector("#checks .fault") is None
    tab.page.click("#remove-disturbances-0")
    tab.calm()
    assert "Streets are shut, 07:00" not in tab.page.inner_text("#placing")


def test_a_second_tab_is_shown_what_the_first_one_did(
    asked: tuple[Tab, float], browser: Any, server: PageServer
) -> None:
    tab, _ = asked
    other = Tab(browser, server.address)
    other.page.select_option("#question", server.get("/api/runs")[0]["question"])
    other.page.wait_for_selector("#changes")
    other.calm()
    tab.enter("field-services.shuttle.seats", "12")
    other.enter("field-services.shuttle.seats", "14")
    assert "another tab" in other.page.inner_text("#said")
    assert other.value("field-services.shuttle.seats") == "12"
    tab.enter("field-services.shuttle.seats", "9")
    other.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axe_finds_nothing(
    asked: tuple[Tab, float],
    browser: Any,
    server: PageServer,
    width: int,
    scheme: str,
    require_file: Callable[..., Path],
) -> None:
    axe = require_file("browser", AXE)
    tab = Tab(browser, server.address, width, scheme)
    for question in ("", server.get("/api/runs")[0]["question"]):
        tab.page.select_option("#question", question)
        tab.page.wait_for_selector("#settings" if question else "#begin")
        tab.calm()
        require_sound(tab, axe)
    for view in ("happened", "changed"):
        tab.page.click(f"#look-{view}")
        tab.page.wait_for_selector(f"#{view}")
        tab.calm()
        if view == "happened":
            tab.page.click("button.person")
            tab.page.wait_for_selector("#story")
        require_sound(tab, axe)
    tab.context.close()


def require_sound(tab: Tab, axe: Path) -> None:
    """Return if axe finds nothing with every part open, and nothing is wider than the window."""
    tab.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    tab.page.evaluate(axe.read_text(encoding="utf-8"))
    options = {"runOnly": RULES, "resultTypes": ["violations"], "selectors": False}
    verdict = tab.page.evaluate("options => axe.run(document, options)", options)
    assert [(fault["id"], fault["nodes"][0]["html"][:160]) for fault in verdict["violations"]] == []
    wide = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, "nothing stands beyond the edge"


@pytest.mark.parametrize("code", ["en", "fi", "sv"])
def test_the_page_speaks(asked: tuple[Tab, float], browser: Any, server: PageServer, code: str) -> None:
    tab = Tab(browser, server.address)
    tab.page.select_option("#question", server.get("/api/runs")[0]["question"])
    tab.page.wait_for_selector("#changes")
    tab.page.click(f"#language-{code}")
    tab.page.click("#look-changed")
    tab.page.wait_for_selector("#changed")
    differences = tab.page.inner_text("#explored")
    tab.page.click("#look-happened")
    tab.page.wait_for_selector("#happened")
    tab.calm()
    tab.page.click("button.person")
    tab.page.wait_for_selector("#story")
    tab.calm()
    assert tab.page.get_attribute("html", "lang") == code
    shown, words = tab.page.inner_text("body") + differences, page_words()
    for key in (
        "happened",
        "people",
        "case.refused",
        "story.ready",
        "cure",
        "changed",
        "col.sure",
        "changes.none",
        "supply.total",
        "run.start",
        "runs",
        "map",
        "places",
        "answer",
        "kind.shuttle",
    ):
        assert words[code][key].partition("{")[0] in shown or key == "changes.none"
    for other in set(words) - {code}:
        for key, text in words[other].items():
            if len(text) > 12 and "{" not in text and text != words[code][key] and "example" not in key:
                assert text not in shown, (other, key)
    assert re.search(r"\b[a-z]+\.[a-z]+\.[a-z]+\b", re.sub(r"services\.\S+|town\.\S+", "", shown)) is None
    tab.page.reload()
    tab.page.wait_for_selector("#page[data-ready]")
    assert tab.page.get_attribute("html", "lang") == code
    tab.context.close()


def test_titles_and_names_are_text(browser: Any, server: PageServer) -> None:
    tab = Tab(browser, server.address)
    tab.enter("start-title", '<img src=x onerror="document.title=1">')
    tab.page.wait_for_selector("#changes")
    tab.calm()
    assert tab.value("title").startswith("<img")
    assert tab.page.query_selector("img[src=x]") is None
    assert tab.page.title() == "Kera Mobility"
    assert tab.messages == []
    tab.context.close()


def test_a_stopped_server_is_told_and_a_new_one_has_everything(
    browser: Any, tmp_path: Path, asked: tuple[Tab, float]
) -> None:
    server = PageServer(write_base(tmp_path), tmp_path / "library").start()
    tab = Tab(browser, server.address)
    tab.enter("start-title", "Kept")
    tab.page.wait_for_selector("#changes")
    tab.calm()
    server.kill()
    tab.page.wait_for_function("document.getElementById('said').textContent.includes('Nothing is lost')")
    server.start()
    tab.open(server.address)
    tab.page.select_option("#question", "kept")
    tab.page.wait_for_selector("#changes")
    assert tab.value("title") == "Kept"
    tab.context.close()
    server.stop()


def test_a_question_is_decided_and_taken_apart_on_the_page(
    browser: Any, server: PageServer, require_file: Callable[..., Path]
) -> None:
    view = server.post("/api/questions", title="A quicker shuttle?", trials=["shuttle"])
    path = f"/api/questions/{view['name']}"
    server.post(f"{path}/edit", version=view["version"], set={"services.shuttle.headway_s": "10 min"})
    file = server.library / "questions" / f"{view['name']}.yaml"
    file.write_text(file.read_text() + "decision: {thresholds: {mode_share.car: {go: -0.9, stop: 0.9}}}\n")
    tab = Tab(browser, server.address)
    tab.page.select_option("#question", view["name"])
    tab.page.wait_for_selector("#changes")
    tab.calm()
    tab.page.check("#mode-decide")
    tab.page.fill("#width", "40")
    tab.page.fill("#days", "5")
    tab.page.click("#run-go")
    tab.page.wait_for_selector("#stopped[data-stopped=narrow]")
    tab.page.click("#apart-go")
    tab.page.wait_for_selector("[data-without='services.shuttle.headway_s']")
    tab.calm()
    order = next(run for run in server.get("/api/runs") if run["of"])
    answer = server.get(f"/api/runs/{order['id']}/answer")
    changes = answer["parts"]["changes"]
    assert len(tab.page.query_selector_all("[data-without]")) == len(changes) == 2
    rows = tab.page.query_selector_all("[data-without] tbody tr")
    assert len(rows) == sum(len(part["rows"]) for part in changes)
    words = page_words()
    for code in ("fi", "sv", "en"):
        tab.page.click(f"#language-{code}")
        tab.calm()
        shown = tab.page.inner_text("#answer")
        assert words[code]["city.change"] in tab.page.inner_text("[data-threshold='mode_share.car'] strong")
        for key in ("city", "apart", "apart.cannot", "fig.sustainable_share"):
            assert words[code][key] in shown, (code, key)
        (headway,) = [part["label"][code] for part in changes if part["name"].endswith("headway_s")]
        assert words[code]["apart.without"].replace("{what}", headway) in shown
    # No difference reads as none, however small.
    told = server.get(f"/api/runs/{order['of']}/difference")["measures"]
    (minutes,) = [measure["places"] for measure in told if measure["id"] == "door_to_door_s"]
    expected = sorted(place["row"]["difference"] == 0 for place in minutes if place["row"])
    tab.page.click("#look-changed")
    tab.page.wait_for_selector("#changed")
    tab.calm()
    tab.page.select_option("#measure", "door_to_door_s")
    tab.calm()
    texts = tab.page.eval_on_selector_all("#changed-numbers tbody tr", "all => all.map(row => row.cells[3].innerText)")
    assert sorted(re.search("[1-9]", text) is None for text in texts if text != "\u2013") == expected
    assert False in expected
    assert "more than 0 " not in tab.page.inner_text("#changed")
    narrow = Tab(browser, server.address, NARROW)
    narrow.page.select_option("#question", view["name"])
    narrow.page.wait_for_selector("#apart")
    narrow.page.evaluate(require_file("browser", AXE).read_text(encoding="utf-8"))
    verdict = narrow.page.evaluate("options => axe.run(document, options)", {"runOnly": RULES})
    assert [(fault["id"], fault["nodes"][0]["html"][:160]) for fault in verdict["violations"]] == []
    assert narrow.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert tab.messages == narrow.messages == []
    if os.environ.get("KEEP_SHOT"):
        tab.page.screenshot(path=os.environ["KEEP_SHOT"], full_page=True)
        narrow.page.screenshot(path=os.environ["KEEP_SHOT"] + ".390.png", full_page=True)
    tab.context.close()
    narrow.context.close()
