"""The report's newer parts in a real browser: the day's events, reasons, promises kept, vans, zones, stories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.results.explain import explain
from kera_mobility.results.report import write_report
from tests.kit.browser import NARROW, WIDE, Opened
from tests.kit.reports import run_small

PIXEL = (
    "(([x, y]) => { const m = keraReport.map.moving; "
    "return [...m.canvas.getContext('2d').getImageData(x * m.ratio, y * m.ratio, 1, 1).data]; })"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    run_small(folder, "trials/all", "1", "services.scooter.zones=[riding]")
    run_small(folder, "trials/rail_cut", "1")
    run_small(folder, "trials/city_bikes", "1")
    return folder


@pytest.fixture(scope="module")
def report(results: Path) -> Path:
    return write_report([results / name for name in ("all", "city_bikes", "rail_cut")], results / "report.html")


@pytest.fixture(scope="module")
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    opened = Opened(browser, report, WIDE)
    yield opened
    assert (opened.from_hosts, opened.messages) == ([], [])
    opened.context.close()


def shown_at(opened: Opened, side: int, time_s: float) -> Any:
    opened.page.evaluate(f"keraReport.map.jump({side}, {time_s})")
    return opened.page


def test_the_closure_stands_in_the_list_on_the_slider_and_beside_the_clock(opened: Opened) -> None:
    page = opened.page
    assert "No trains, a fault in the signals" in page.inner_text("#happened")
    page = shown_at(opened, 2, 8 * 3600)
    assert "No trains" in page.inner_text(".news")
    begin, end = page.evaluate("[keraReport.map.day.begin, keraReport.map.day.end]")
    offset, width = page.evaluate(
        "() => { const one = document.querySelector('.mark'); const box = one.getBoundingClientRect(); \
        return [box.left - one.parentElement.getBoundingClientRect().left, box.width]; }"
    )
    across = page.evaluate("document.querySelector('.marks').getBoundingClientRect().width")
    assert offset == pytest.approx(across * (27000 - begin) / (end - begin), abs=1.5)
    assert width == pytest.approx(across * 7200 / (end - begin), abs=1.5)
    shown_at(opened, 2, 11 * 3600)
    assert page.locator(".news").is_hidden()
    shown_at(opened, 0, 8 * 3600)
    assert page.locator(".mark").count() == 0


def test_a_time_in_the_list_leads_to_that_moment_of_that_scenario(opened: Opened) -> None:
    page = shown_at(opened, 0, 12 * 3600)
    page.locator("#happened .grave .moment").first.click()
    assert page.evaluate("[keraReport.map.side, keraReport.map.time]") == [2, 27000]
    assert page.evaluate("document.getElementById('map').getBoundingClientRect().top") < 300


def test_reasons_on_the_page_are_those_of_kera_explain(opened: Opened, results: Path) -> None:
    page, row = opened.page, "#reliability .reasons tr:has([data-why='refused/rail/closed'])"
    page.select_option("#why-side", "2")
    explanation = explain(results / "rail_cut")
    counts: dict[str, int] = {}
    for case, count in explanation.cases.items():
        key = f"{case.kind}/{case.service}/{case.binding}"
        counts[key] = counts.get(key, 0) + count
    shown = page.eval_on_selector_all("data[data-why]", "all => all.map(one => [one.dataset.why, Number(one.value)])")
    assert dict(shown) == counts != {}
    assert "the line or the street was closed" in page.inner_text(row)
    page.locator("#reliability .why details summary").click()
    assert "sums agree exactly with the KPI table" in page.inner_text("#reliability .why pre")
    page.click("#language-fi")
    assert "linja tai katu oli suljettu" in page.inner_text(row)
    page.click("#language-en")


def test_every_condition_of_the_permit_has_its_verdict(opened: Opened, results: Path) -> None:
    (run,) = (results / "all").glob("*/kpis.json")
    kept = {kpi["id"]: kpi["value"] for kpi in json.loads(run.read_text()) if kpi["id"].endswith(".kept")}
    shown = opened.page.eval_on_selector_all(
        ".permit data[data-kpi$='.kept'][data-side='0']", "all => all.map(one => [one.dataset.kpi, Number(one.value)])"
    )
    permit = {name: value for name, value in kept.items() if ".permit." in name}
    assert dict(shown) == permit != {}
    text = opened.page.inner_text(".permit")
    assert text.count("✓") == sum(value == 1 for value in permit.values())


def test_promises_punctuality_and_the_cost_of_a_ride_stand_together(opened: Opened, results: Path) -> None:
    (run,) = (results / "all").glob("*/kpis.json")
    expected = {kpi["id"]: kpi["value"] for kpi in json.loads(run.read_text())}
    for name in ("on_demand.promises.kept", "transit.punctual_share.train", "transit.connections.missed",
                 "on_demand.operating_cost_eur_per_ride"):  # fmt: skip
        values = opened.shown(f"#kept data[data-kpi='{name}'][data-side='0']")
        assert [float(value) for value in values] == [expected[name]], name
    rows = opened.page.locator(".costs tbody tr").all_inner_texts()
    assert any("shuttle" in row for row in rows)
    assert any("City bike" in row for row in rows)


def test_a_service_shows_first_what_is_asked_first_and_folds_the_rest(opened: Opened) -> None:
    first = opened.page.eval_on_selector_all(
        "#services .service > .scroll tbody tr:first-child .id", "all => all.map(one => one.textContent)"
    )
    assert {"scooter.rides", "on_demand.rides", "shuttle.rides", "transit.rides"} <= set(first)
    assert opened.page.locator("#services .service details").count() >= 4


def test_vans_and_rides_on_demand_are_drawn_and_tell_their_day(opened: Opened) -> None:
    page = shown_at(opened, 0, 12 * 3600)
    legend = page.inner_text("#map-legend")
    assert "s van" in legend
    assert "On-demand vehicle" in legend
    for kind, word in (("van", "aboard"), ("on_demand", " on, ")):
        index, time_s = page.evaluate(
            "kind => { const m = keraReport.map; const first = m.day.people.length; \
            const at = m.day.vehicles.findIndex((one) => one.kind === kind && one.count); \
            const one = m.day.vehicles[at]; return [first + at, (one.from[0] + one.to[0]) / 2]; }", kind
        )  # fmt: skip
        page.evaluate("time => keraReport.map.goTo(time)", time_s)
        page.evaluate("index => keraReport.map.choose(index)", index)
        assert page.evaluate("index => keraReport.map.moving.seen[index]", index) == 2
        assert word in page.inner_text("#story")


def test_a_van_is_dark_where_it_drives(opened: Opened) -> None:
    page = shown_at(opened, 0, 12 * 3600)
    page.click("#layer-people")
    spot = page.evaluate(
        "() => { const m = keraReport.map; const day = m.day; const at = day.vehicles.findIndex((one) => \
        one.kind === 'van' && one.count); const one = day.vehicles[at]; const row = day.people.length + at; \
        for (let leg = 0; leg < one.count; leg += 1) { m.goTo((one.from[leg] + one.to[leg]) / 2); \
        const x = m.moving.x[row], y = m.moving.y[row]; const size = m.map.getSize(); \
        const alone = m.moving.seen.every((seen, other) => !seen || other === row || \
        Math.hypot(m.moving.x[other] - x, m.moving.y[other] - y) > 25); \
        if (alone && x > 20 && y > 20 && x < size.x - 20 && y < size.y - 20) return [x, y]; } return null; }"
    )
    assert spot
    assert page.evaluate(f"{PIXEL}({json.dumps(spot)})") == [0x1C, 0x2B, 0x39, 255]
    page.click("#layer-people")


def test_a_scooter_in_a_van_is_not_drawn_on_its_own(opened: Opened) -> None:
    page = shown_at(opened, 0, 12 * 3600)
    states = page.evaluate(
        "() => { const m = keraReport.map; const day = m.day; const found = []; day.vehicles.forEach((one, at) => { \
        for (let leg = 0; one.free && leg < one.count; leg += 1) \
        if (one.load[leg] <= -2 && one.to[leg] > one.from[leg] + 2) { \
        const row = day.people.length + at; m.goTo((one.from[leg] + one.to[leg]) / 2); \
        const during = m.moving.seen[row]; m.goTo(one.to[leg] + 1); \
        found.push([during, m.moving.seen[row], day.loadOf(one) >= 0]); } \
        }); return found; }"
    )
    assert states
    assert all(state == [0, 1, True] or state[0] == 0 for state in states)
    assert [0, 1, True] in states


def test_zones_are_on_the_map_only_while_they_hold(opened: Opened) -> None:
    count = "keraReport.map.riding.getLayers().length"
    page = shown_at(opened, 0, 12 * 3600)
    zones = page.evaluate("keraReport.content.sides[0].map.riding")
    for time_s in (5.5 * 3600, 12 * 3600, 23 * 3600):
        shown_at(opened, 0, time_s)
        holds = [zone for zone in zones if any(begin <= time_s < end for begin, end in zone["spans_s"])]
        assert page.evaluate(count) == len(holds)
    assert len({page.evaluate(f"(keraReport.map.goTo({t}), {count})") for t in (12 * 3600, 23 * 3600)}) == 2
    assert "parking at hubs only" in page.inner_text("#map-legend")
    shown_at(opened, 2, 12 * 3600)
    assert page.locator("#layer-riding").count() == 0


def test_city_bikes_have_a_colour_a_name_and_no_battery(opened: Opened) -> None:
    page = shown_at(opened, 1, 12 * 3600)
    legend = page.inner_text("#map-legend")
    assert "City bike" in legend
    assert "charge" not in legend
    assert "city bike" in page.inner_text("#travel")


def test_reasons_read_as_cards_on_a_phone(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, NARROW, "sv-SE")
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    too_wide = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    wide = page.eval_on_selector_all("#reliability .why .scroll", too_wide)
    assert wide == 0
    assert (opened.from_hosts, opened.messages) == ([], [])
    opened.context.close()
