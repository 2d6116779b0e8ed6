"""The report in a real browser with its network off: what it shows, that everything works, how fast it moves.

The browser is Debian's chromium (or KERA_CHROMIUM), driven by Playwright; axe-core is read from web/node_modules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.results.compare import compare
from kera_mobility.results.report import write_report
from tests.kit.browser import NARROW, WIDE, Opened
from tests.kit.pdf_lines import last_lines
from tests.kit.reports import run_small

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
KEYS = "head|part|col|map|play|story|measure|figures|sure|sources|why|did|kept|zone|happened|topic|weather|ended"
"""First parts of the keys of words: none of them stands in a text."""
MEDIAN_FRAME_MS = 15.0
HEADING_PX = 16.0
"""What is larger on a printed page is a heading."""
FRAMES = 300
PICTURE = "[...document.querySelectorAll('#map-view canvas, #map-view .leaflet-marker-pane, \
    #map-view .leaflet-tooltip-pane')].map(one => \
    one.toDataURL ? one.toDataURL() : one.innerHTML.length).join()"
"""What the map shows now, as one text."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    run_small(folder, "finished", "1-2")
    refused = ("services.scooter.broken_chance=0.4", "services.shuttle.seats=2")  # so that the map has refusals to show
    run_small(folder, "trials/all", "1-2", "services.scooter.zones=[riding]", *refused)
    return folder


@pytest.fixture(scope="module")
def report(results: Path) -> Path:
    return write_report([results / "finished", results / "all"], results / "report.html")


@pytest.fixture(scope="module")
def wide(browser: Any, report: Path) -> Iterator[Opened]:
    opened = Opened(browser, report, WIDE)
    yield opened
    opened.context.close()


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test that used the wide page: no request left it, and its console is empty."""
    yield
    if "wide" in request.fixturenames:
        opened = request.getfixturevalue("wide")
        assert opened.from_hosts == []
        assert opened.messages == []


def values_of(results: Path, scenario: str) -> dict[str, float | None]:
    runs = [json.loads(file.read_text()) for file in sorted((results / scenario).glob("*/kpis.json"))]
    by_id: dict[str, list[float]] = {}
    for run in runs:
        for kpi in run:
            by_id.setdefault(kpi["id"], []).extend([kpi["value"]] if kpi["value"] is not None else [])
    return {id_: sum(values) / len(values) if values else None for id_, values in by_id.items()}


@pytest.mark.parametrize(("side", "scenario"), [(0, "finished"), (1, "all")])
def test_figures_on_the_page_equal_the_kpi_files(wide: Opened, results: Path, side: int, scenario: str) -> None:
    kpis = values_of(results, scenario)
    shown = wide.page.eval_on_selector_all(
        f"data[data-kpi][data-side='{side}']", "all => all.map(one => [one.dataset.kpi, one.value, one.textContent])"
    )
    assert {id_ for id_, _, _ in shown} == {id_ for id_, value in kpis.items() if value is not None}
    for id_, value, _ in shown:
        assert float(value) == pytest.approx(kpis[id_], rel=1e-12, abs=0), id_
    share = next(text for id_, _, text in shown if id_ == "sustainable_share")
    assert share == f"{100 * kpis['sustainable_share']:.1f}\u00a0%"  # type: ignore[operator]


def test_every_figure_leads_to_its_definition(wide: Opened) -> None:
    links = wide.page.eval_on_selector_all("a.id", "all => all.map(one => one.getAttribute('href').slice(1))")
    assert len(links) > 50
    missing = wide.page.evaluate("ids => ids.filter(id => !document.getElementById(id))", links)
    assert missing == []
    wide.page.locator("a.id").first.click()
    assert wide.page.evaluate("document.getElementById('figures-all').open")


def test_every_language_can_be_chosen_and_leaves_no_word_behind(wide: Opened) -> None:
    headings = {}
    for code in ("fi", "sv", "en"):
        wide.page.click(f"#language-{code}")
        assert wide.page.evaluate("document.documentElement.lang") == code
        headings[code] = wide.page.eval_on_selector_all("h2", "all => all.map(one => one.textContent)")
        text = wide.page.inner_text("main")
        assert not re.search(rf"\b(?:{KEYS})\.[a-z]+\b", text)
        assert "{" not in wide.page.inner_text("#headline")
    assert len({tuple(texts) for texts in headings.values()}) == 3


def test_the_first_page_says_what_kera_compare_says_and_the_largest_cost_first(wide: Opened, results: Path) -> None:
    compared = {row.id: row for row in compare(results / "finished", results / "all").differences}
    shown = wide.page.eval_on_selector_all(
        "#headline data[data-row]", "all => all.map(one => [one.dataset.row, one.dataset.field, one.value])"
    )
    assert len({name for name, _, _ in shown}) > 20
    for name, field, value in shown:
        assert float(value) == getattr(compared[name], field), (name, field)
    costs = wide.page.eval_on_selector_all("#headline .cost tbody data", "all => all.map(one => one.dataset.row)")
    by_size = sorted((row for row in compared.values() if row.payer), key=lambda row: -abs(row.difference))
    assert costs == [row.id for row in by_size]
    assert by_size[0].id in wide.page.eval_on_selector_all(".sentence data", "all => all.map(one => one.dataset.row)")
    assert "lines over their whole length" in wide.page.inner_text("#headline .cost")
    assert "time and money saved" in wide.page.inner_text("#headline .benefitwhy").lower()


def test_the_first_page_contradicts_no_table(wide: Opened) -> None:
    script = "all => all.map(one => [one.dataset.row ?? one.dataset.more ?? one.dataset.difference, one.value])"
    first = wide.page.eval_on_selector_all("#headline data[data-field=difference]", script)
    tables = wide.page.eval_on_selector_all(
        "section:not(#headline) :is(data[data-more], data[data-difference])", script
    )
    values = {name: {value for other, value in tables if other == name} for name, _ in first}
    assert sum(bool(found) for found in values.values()) > 15
    for name, value in first:
        assert values[name] <= {value}, name


def test_carbon_has_its_three_conventions_and_one_sign_at_most(wide: Opened) -> None:
    rows = wide.page.eval_on_selector_all("#headline .climate data", "all => all.map(one => one.dataset.row)")
    assert rows == [f"carbon.operational.{method}" for method in ("market", "location", "marginal")]
    verdicts = {row["verdict"] for row in carbon_of(wide)}
    sign = wide.page.inner_text("#headline .carbonsign")
    assert ("not agree" in sign) == (len(verdicts) > 1 or verdicts == {"cannot tell"})


def carbon_of(wide: Opened) -> list[dict[str, Any]]:
    more = wide.page.evaluate("keraReport.content.differences[0].more")
    return [row for row in more if row["id"].startswith("carbon.operational.")]


def test_rounding_on_the_page_makes_no_point_of_an_interval(wide: Opened) -> None:
    for low, high, unit in [(-0.3049, -0.2951, "s"), (0.50001, 0.50002, "share of trips"), (12.0, 12.004, "EUR")]:
        ends = wide.page.evaluate("([low, high, unit]) => keraReport.interval(low, high, unit)", [low, high, unit])
        first, last = ends.split(" … ")
        assert first != last, ends


def test_the_first_page_says_what_was_not_varied_what_decides_and_what_it_cannot_say(wide: Opened) -> None:
    text = wide.page.inner_text("#headline")
    assert "the inputs were not varied" in text
    assert "Unknown: no input was varied" in text
    assert "What this cannot say" in text
    assert "None is set" in text
    assert wide.page.locator("#headline .limits li").count() >= 5


def test_checks_show_their_bands(wide: Opened) -> None:
    rows = wide.page.eval_on_selector_all("table.checks tbody tr", "all => all.map(one => one.textContent)")
    checks = wide.page.evaluate("keraReport.content.checks.rows")
    assert len(rows) == len(checks) > 0
    for text, check in zip(rows, checks, strict=True):
        assert ("±" in text) == (check["tolerance"] is not None)


def test_the_table_of_groups_fits_a_wide_page(wide: Opened) -> None:
    widths = wide.page.evaluate(
        "(() => { const box = document.querySelector('table.groups').parentElement; \
        return [box.scrollWidth, box.clientWidth]; })()"
    )
    assert widths[0] <= widths[1]


def test_a_keyboard_reaches_the_first_chart_within_sixty_stops(wide: Opened) -> None:
    stops = wide.page.evaluate(
        "(() => { const chart = document.querySelector('figure.chart'); \
        return [...document.querySelectorAll('a[href], button, select, input, summary, [tabindex=\"0\"]')].filter( \
        (one) => one.compareDocumentPosition(chart) & Node.DOCUMENT_POSITION_FOLLOWING).length; })()"
    )
    assert 5 < stops < 60


def test_new_services_can_be_seen_beside_walking(wide: Opened) -> None:
    side = wide.page.evaluate("keraReport.content.sides[1]")
    new = [about["mode"] for about in side["services"].values() if about["operated"] and about["kind"] != "transit"]
    texts = wide.page.eval_on_selector_all("#chart-share-new-plot text", "all => all.map(one => one.textContent)")
    for mode in set(new):
        assert f"{100 * side['kpis'][f'mode_share.{mode}'][0]:.2f} %" in texts
    widths = wide.page.eval_on_selector_all(
        "#chart-share-new-plot path", "all => all.map(one => one.getBoundingClientRect().width)"
    )
    assert max(widths) > 200


def test_names_stand_on_the_map_and_none_covers_another(wide: Opened) -> None:
    boxes = wide.page.eval_on_selector_all(
        "#map-view .placename",
        "all => all.filter(one => !one.hidden).map(one => { const box = one.getBoundingClientRect(); \
        return [one.textContent, box.left, box.top, box.right, box.bottom]; })",
    )
    assert len(boxes) >= 8
    assert any("station" in name for name, *_ in boxes)
    for at, (_, left, top, right, bottom) in enumerate(boxes):
        for _, other_left, other_top, other_right, other_bottom in boxes[at + 1 :]:
            apart = right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
            assert apart


def test_every_layer_that_is_shown_has_its_legend(wide: Opened) -> None:
    page = wide.page
    page.evaluate("document.querySelectorAll('.switch input').forEach(one => { if (!one.checked) one.click(); })")
    named = page.eval_on_selector_all(
        "#map-legend ul", "all => all.map(one => [one.dataset.layer, one.children.length])"
    )
    boxes = page.eval_on_selector_all(".switch input", "all => all.map(one => one.id.replace('layer-', ''))")
    assert {name for name, count in named if count} == set(boxes)
    dashes = page.eval_on_selector_all(
        "#map-legend ul[data-layer=riding] .stroke", "all => all.map(one => one.dataset.dash)"
    )
    assert len(dashes) == len(set(dashes)) > 1
    page.evaluate(
        "['walk', 'platform', 'flows', 'spots'].forEach(one => document.getElementById(`layer-${one}`).click())"
    )


MACHADO_DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
"""Linear RGB as somebody without green cones sees it. Source: Machado, Oliveira and Fernandes 2009, severity 1."""
APART = 10.0
"""Least distance in CIE L*a*b* of two colours that alone tell codes apart; 2.3 is just noticeable."""


def _seen_lab(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(MACHADO_DEUTERANOPIA) @ linear, 0.0, 1.0)
    to_xyz = np.array([(0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)])
    xyz = to_xyz @ seen / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_no_code_is_told_by_colour_alone_without_green_cones(wide: Opened) -> None:
    assert np.linalg.norm(_seen_lab("#c0271d") - _seen_lab("#1b7a3d")) < 3 * APART  # red and green come near
    codes = wide.page.evaluate("keraReport.codes")
    assert set(codes) == {"people", "bands", "charge", "modes"}
    for group, entries in codes.items():
        for at, code in enumerate(entries):
            for other in entries[at + 1 :]:
                apart = float(np.linalg.norm(_seen_lab(code["colour"]) - _seen_lab(other["colour"])))
                assert code["mark"] != other["mark"] or apart > APART, (group, code["name"], other["name"], apart)
    swatches = wide.page.eval_on_selector_all(
        "#map-legend ul[data-layer=vehicles] .shape", "all => all.map(one => one.className)"
    )
    assert len(swatches) == len(set(swatches))


def test_a_dark_page_is_dark_and_its_words_are_light(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, WIDE, scheme="dark")
    colours = opened.page.evaluate(
        "['section', '#headline td', 'nav', 'select'].map(one => { const style = getComputedStyle( \
        document.querySelector(one)); return [style.backgroundColor, style.color]; })"
    )
    for background, ink in colours:
        paper, words = ([int(part) for part in re.findall(r"\d+", colour)] for colour in (background, ink))
        assert sum(words[:3]) > 380, ink
        assert len(paper) == 4 or sum(paper[:3]) < 200, background
    for drawn in ("#map-view", ".plot"):
        assert "invert" in opened.page.evaluate("one => getComputedStyle(document.querySelector(one)).filter", drawn)
    opened.page.emulate_media(media="print")
    assert "255" in opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.context.close()


IN_ENGLISH = r"\b(?:the|of|and|with|which|from|are|not)\b"
"""Words that neither Finnish nor Swedish has."""
WORDS = "(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); const texts = []; \
    for (let node = walk.nextNode(); node; node = walk.nextNode()) if (node.parentElement.checkVisibility() && \
    !node.parentElement.closest('pre, code, .id, script, style, .languages')) texts.push(node.textContent); \
    return texts; })()"


@pytest.mark.parametrize("code", ["fi", "sv"])
def test_no_line_is_left_in_english(wide: Opened, code: str) -> None:
    page = wide.page
    page.evaluate("keraReport.untranslated.clear()")
    page.click(f"#language-{code}")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.select_option("#story-pick", index=1)
    untranslated = page.evaluate("[...keraReport.untranslated]")
    english = page.eval_on_selector_all("[lang=en]:not(pre, .languages *)", "all => all.map(one => one.textContent)")
    lines = [text for text in page.evaluate(WORDS) if re.search(IN_ENGLISH, text, re.IGNORECASE)]
    page.click("#language-en")
    assert (untranslated, english, lines) == ([], [], [])


def wait_until(page: Any, condition: str, given: Any, otherwise: str) -> None:
    """Wait for what the page does in its own time; a fixed pause is too short on a busy machine."""
    from playwright.sync_api import TimeoutError as Never

    try:
        page.wait_for_function(condition, arg=given, timeout=10_000)
    except Never:
        pytest.fail(otherwise)


def test_costs_of_a_day_alone_have_names_and_units(browser: Any, results: Path, tmp_path: Path) -> None:
    opened = Opened(browser, write_report([results / "all"], tmp_path / "alone.html"), WIDE)
    headline = opened.page.inner_text("#headline")
    assert "Operating cost per ride: " in headline
    assert not re.search(r"\beur\b", headline)
    opened.context.close()


def test_every_layer_can_be_shown_and_hidden(wide: Opened) -> None:
    boxes = wide.page.eval_on_selector_all(".switch input", "all => all.map(one => one.id)")
    assert {box.removeprefix("layer-") for box in boxes} == {
        "real", "inferred", "planned", "rail", "zones", "riding", "walk", "platform", "flows", "spots", "stops", "hubs",
        "labels", "people", "vehicles",
    }  # fmt: skip
    for box in [box for box in boxes for _ in ("one way", "and back")]:
        before = wide.page.evaluate(PICTURE)
        wide.page.click(f"#{box}")
        wait_until(wide.page, f"before => {PICTURE} !== before", before, f"{box} changes nothing on the map")
    for mode in wide.page.eval_on_selector_all("#flow-mode option", "all => all.map(one => one.value)"):
        wide.page.select_option("#flow-mode", mode)
    wide.page.click("#layer-flows")


def test_playback_runs_pauses_and_jumps(wide: Opened) -> None:
    page = wide.page
    page.click("#play-busiest")
    began = page.evaluate("keraReport.map.time")
    page.select_option("#play-speed", "600")
    page.click("#play")
    wait_until(page, "began => keraReport.map.time > began", began, "nothing moves")
    page.click("#play")
    stopped = page.evaluate("keraReport.map.time")
    assert stopped > began
    page.wait_for_timeout(200)
    assert page.evaluate("keraReport.map.time") == stopped
    page.evaluate(
        "() => { const bar = document.getElementById('play-time'); bar.value = 8 * 3600; \
        bar.dispatchEvent(new Event('input')); }"
    )
    assert page.inner_text("#play-clock") == "08:00"
    page.focus("#play-time")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("keraReport.map.time") == 8 * 3600 + 10


def test_anyone_tells_their_story_by_keyboard_or_click(wide: Opened) -> None:
    page = wide.page
    kinds = page.eval_on_selector_all("#story-pick optgroup", "all => all.map(one => one.children[0].value)")
    assert len(kinds) >= 4
    for value in kinds:
        page.select_option("#story-pick", value)
        assert len(page.inner_text("#story")) > 20
    page.click("#play-busiest")
    spot = page.evaluate(
        "() => { const m = keraReport.map.moving; const size = keraReport.map.map.getSize(); \
        for (let at = 0; at < m.seen.length; at += 1) if (m.seen[at] === 2 && m.x[at] > 80 && m.x[at] < size.x - 80 && \
        m.y[at] > 120 && m.y[at] < size.y - 60) return [m.x[at], m.y[at]]; return null; }"
    )
    assert spot
    page.locator("#map-view").click(position={"x": spot[0], "y": spot[1]})
    assert page.evaluate("keraReport.map.moving.chosen") is not None


def test_switches_of_scenario_and_people_change_what_is_shown(wide: Opened) -> None:
    page = wide.page
    page.select_option("#map-side", "0")
    assert page.evaluate("keraReport.map.side") == 0
    page.select_option("#map-side", "1")
    for select in ("hours-side", "fleet-side"):
        page.select_option(f"#{select}", "0")
        page.select_option(f"#{select}", "1")
    before = page.inner_text("#travel")
    page.select_option("#population", "everyone")
    assert page.inner_text("#travel") != before
    page.select_option("#population", "residents")
    page.click("#figures-all summary") if not page.evaluate("document.getElementById('figures-all').open") else None
    page.fill("#figures-filter", "scooter.rides")
    assert 0 < page.locator("#figures tbody tr:visible").count() < 10
    page.fill("#figures-filter", "")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_page_is_wider_than_its_window(browser: Any, report: Path, width: int) -> None:
    opened = Opened(browser, report, width, "fi-FI")
    assert opened.page.evaluate("document.documentElement.lang") == "fi"
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.click("#language-sv")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (opened.from_hosts, opened.messages) == ([], [])
    opened.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_axe_finds_nothing(
    browser: Any, report: Path, width: int, scheme: str, require_file: Callable[..., Path]
) -> None:
    axe = require_file("browser", AXE)
    opened = Opened(browser, report, width, scheme=scheme)
    opened.page.evaluate(axe.read_text(encoding="utf-8"))
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    opened.page.select_option("#story-pick", index=1)
    # Every rule judges every element; what passed is not described one by one, which took most of the time.
    options = {"runOnly": RULES, "resultTypes": ["violations"], "selectors": False}
    verdict = opened.page.evaluate("options => axe.run(document, options)", options)
    assert [(fault["id"], fault["nodes"][0]["html"][:160]) for fault in verdict["violations"]] == []
    opened.context.close()


def test_it_prints(browser: Any, report: Path, tmp_path: Path) -> None:
    opened = Opened(browser, report, WIDE)
    opened.page.pdf(path=str(tmp_path / "report.pdf"), format="A4", prefer_css_page_size=True)
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "report.pdf").read_bytes()))
    assert 4 <= pages <= 30
    lines = last_lines(tmp_path / "report.pdf")
    assert len(lines) == pages
    orphans = [number for number, (size, is_bold, _) in enumerate(lines, start=1) if size > HEADING_PX or is_bold]
    assert orphans == [], "pages that end with a heading, a caption or the head of a table"
    opened.context.close()


def test_two_thousand_things_move_smoothly_without_a_graphics_card(browser: Any, report: Path) -> None:
    """The day of the report is packed onto itself until 2,000 things move; 300 frames are drawn as they come."""
    opened = Opened(browser, report, WIDE)
    page = opened.page
    moving = page.evaluate(
        "() => { const map = keraReport.map; const day = map.day; const busy = day.busiest(); \
        const own = day.people.slice(); const at = (thing, time) => { for (let i = 0; i < thing.count; i += 1) \
        if (thing.from[i] <= time && time < thing.to[i]) return true; return false; }; let count = day.movingAt(busy); \
        for (let shift = 300; count < 2000; shift += 300) { for (const one of own) { \
        const moved = { ...one, from: one.from.map((t) => t + shift), to: one.to.map((t) => t + shift), at: -1 }; \
        if (at(moved, busy)) { day.people.push(moved); count += 1; } } if (shift > 86400) break; } \
        day.spans = null; map.moving.setDay(day); map.goTo(busy); return day.movingAt(busy); }"
    )
    assert moving >= 2000
    page.select_option("#play-speed", "10")
    page.evaluate("() => { keraReport.costs.length = 0; }")
    page.click("#play")
    for _ in range(240):
        if page.evaluate("keraReport.costs.length") >= FRAMES:
            break
        page.wait_for_timeout(250)
    costs = sorted(page.evaluate("keraReport.costs.slice()")[:FRAMES])
    assert len(costs) == FRAMES
    assert page.evaluate("keraReport.map.day.movingAt(keraReport.map.time)") > 1200
    assert costs[FRAMES // 2] < MEDIAN_FRAME_MS
    opened.context.close()


def test_npm_and_the_page_agree_on_what_is_carried() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert not re.search(r"https?://(?!github|opencollective|.*funding)", json.dumps(list(lock["packages"])))
