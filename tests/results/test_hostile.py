"""Names are names: a district in which every free text is hostile runs, is compared, explained, drawn and reported.

In a real browser the report opens every tooltip, list and layer in three languages without a dialog, a request or a
complaint; no CSV holds a cell that a spreadsheet runs; nothing moves the terminal.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kera_mobility.results.report.page import ASSETS, page
from kera_mobility.texts import spreadsheet_cell, visible
from tests.kit.browser import NARROW, WIDE, Opened
from tests.kit.hostile import TEXTS, file_name, kera, write_district

WEB = Path(__file__).parents[2] / "web"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
RUNS = re.compile(r"""[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]""")
"""How a cell begins that a spreadsheet runs."""
DELIMITERS = ",;\t"
PICTURES = ("fleet-over-day", "time-space", "waiting", "map", "refusals-map")


class District:
    """A hostile district, what the runs of its two scenarios said, and their report."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.word = folder, TEXTS[kind]
        results = folder / file_name(self.word("results"))
        self.report = folder / f"{file_name(self.word('report'))}.html"
        self.before, self.after = results / "today", results / "trial"
        scenarios = write_district(folder, self.word)
        self.printed = [self.kera("run", file, "--seed", "1", "--out", results, "--all") for file in scenarios]
        checks = ("--checks", folder / "checks.yaml")
        self.printed.append(self.kera("report", self.before, self.after, "-o", self.report, *checks))

    def kera(self, *arguments: str | Path) -> str:
        """Run the command, and return what it printed."""
        done = kera(self.folder, *arguments)
        assert done.returncode == 0, (arguments, done.stderr[-2000:])
        return done.stdout + done.stderr

    def shown(self, slot: str) -> str:
        """Return the text of a slot as a page shows it."""
        return visible(self.word(slot))


@pytest.fixture(scope="module", params=TEXTS)
def district(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> District:
    return District(tmp_path_factory.mktemp(request.param) / "district", request.param)


@pytest.fixture(scope="module")
def opened(browser: Any, district: District) -> Iterator[Opened]:
    opened = Opened(browser, district.report, WIDE)
    yield opened
    opened.context.close()


NOT_FREE = {
    "agency_timezone", "area", "arrival_time", "by", "comes", "date", "departure_time", "end", "extends",
    "file", "keys", "kind", "overlays", "parking", "projection", "rule", "service", "slippery", "standing", "start",
    "table", "type",
}  # fmt: skip
"""Keys and columns whose text is a kind, a time, a setting or a place of a file."""


def texts_of(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in plain values with the key that it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from texts_of(below, name)
    elif isinstance(value, list):
        for below in value:
            yield from texts_of(below, key)


def test_every_free_text_of_every_file_is_hostile(tmp_path: Path) -> None:
    folder = tmp_path / "district"
    write_district(folder, lambda slot: f"~{slot}~")
    kinds = (".yaml", ".geojson", ".csv", ".txt")
    files = [path for path in folder.rglob("*") if path.suffix in kinds and "plug" not in path.parts]
    tame: set[str] = set()
    for file in files:
        text = file.read_text(encoding="utf-8")
        rows: Any = list(csv.DictReader(text.splitlines())) if file.suffix in (".csv", ".txt") else json.loads(text)
        tame |= {key for key, value in texts_of(rows) if "~" not in value and not re.fullmatch(r"-?[\d.]*", value)}
    assert len(files) > 18
    assert tame - NOT_FREE == set()


OPEN_ALL = """() => {
    document.querySelectorAll('details').forEach((part) => { part.open = true; });
    document.querySelectorAll('.switch input:not(:checked)').forEach((box) => box.click());
    const told = [];
    keraReport.map.map.eachLayer((layer) => {
        if (!layer.getTooltip?.()) return;
        layer.openTooltip();
        told.push(layer.getTooltip().getElement().textContent);
    });
    return told.join('\\n');
}"""
CHOOSE_ALL = """() => {
    const told = [];
    for (const id of [...document.querySelectorAll('select')].map((select) => select.id)) {
        for (const { value } of [...document.getElementById(id).options]) {
            const select = document.getElementById(id);
            select.value = value;
            select.dispatchEvent(new Event('change'));
            told.push(document.getElementById('story').textContent);
        }
    }
    return told.join('\\n');
}"""
MADE_BY_TEXT = "document.querySelectorAll('img, iframe, object, embed, form, base, [onload], [onerror], main script, \
    a[href^=\"javascript:\" i]').length"
"""Elements that no part of the page makes."""
SHOWN = ("attribution", "area", "source who", "rail closed", "permit", "reason sentence", "kpi definition",
         "check source", "quarter west", "boat")  # fmt: skip


def plain(text: str) -> str:
    """Return text as it is read: one space for several, no marks of direction, and one kind of apostrophe."""
    return " ".join(re.sub("[\u2068\u2069]", "", text).replace("\u2019", "'").split())


def over_charts(page: Any) -> str:
    """Move the mouse over every chart, and return what their tooltips say."""
    told = []
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
        page.wait_for_timeout(50)
        told += plot.locator(".told").all_text_contents()
    return "\n".join(told)


def test_the_report_runs_no_name_in_any_language(opened: Opened, district: District) -> None:
    page, title = opened.page, f"{district.shown('today')} / {district.shown('trial')}"
    for code in ("fi", "sv", "en"):
        page.click(f"#language-{code}")
        tooltips = page.evaluate(OPEN_ALL)
        for slot in ("hub 3", "shuttle stop 0", "quarter west", "slow zone", "scooters"):
            assert district.shown(slot) in tooltips, slot
        assert district.shown("boat") in page.evaluate(CHOOSE_ALL)
        assert district.shown("trial") in over_charts(page)
        page.evaluate("() => { dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint')); }")
        shown = plain(page.evaluate("document.body.innerText"))
        slots = [slot for slot in SHOWN if code == "en" or slot != "kpi definition"]  # definitions are English
        assert [slot for slot in slots if plain(district.shown(slot)) not in shown] == []
        assert plain(page.evaluate("document.title")) == plain(title)
        assert page.evaluate(MADE_BY_TEXT) == 0
    assert (opened.dialogs, opened.from_hosts, opened.messages) == ([], [], [])
    assert len(opened.requests) == 1


def test_long_names_leave_the_page_as_wide_as_its_window(opened: Opened) -> None:
    for width in (NARROW, WIDE):
        opened.page.set_viewport_size({"width": width, "height": 900})
        fits = "width => document.documentElement.scrollWidth <= width"
        opened.page.wait_for_function(fits, arg=width)  # charts fit themselves after a moment


TEXT_NODES = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) {
        const { data, parentElement } = walker.currentNode;
        // A line of a chart is a paragraph of its own: what is open at its end turns nothing.
        if (!parentElement.closest('pre, script, svg, [lang=en]:not(html)')) texts.push(data);
    }
    return texts;
}"""
AFTER_NAME = re.compile(r"\u05e9\u05dc.*?\\u202dnet\\u007f(\S|\s\S)")
"""What follows a name from the right in the same text."""


def test_a_name_from_the_right_turns_nothing_else_round(opened: Opened) -> None:
    """Directions of writing that a name turns are shown as codes; where words follow a name, it stands apart."""
    texts = opened.page.evaluate(TEXT_NODES)
    assert set(UNSEEN.findall("".join(texts))) <= {"\t", "\u2068", "\u2069"}
    assert [text for text in texts if text.count("\u2068") != text.count("\u2069")] == []
    assert [text for text in texts for after in AFTER_NAME.findall(text) if after[0] != "\u2069"] == []


@pytest.mark.parametrize("verb", ["compare", "explain"])
def test_no_cell_of_a_csv_runs_in_a_spreadsheet(district: District, verb: str) -> None:
    places = (district.before, district.after) if verb == "compare" else (district.after,)
    text = district.kera(verb, *places, "--csv", "-")
    for delimiter in DELIMITERS:
        cells = [cell for row in csv.reader(text.splitlines(), delimiter=delimiter) for cell in row]
        assert len(cells) > 50
        assert [cell for cell in cells if RUNS.match(cell) and not re.fullmatch(r"-[\d.e+-]+", cell)] == []


def test_numbers_of_a_csv_stay_numbers(district: District) -> None:
    rows = list(csv.DictReader(district.kera("compare", district.before, district.after, "--csv", "-").splitlines()))
    assert all(float(row["difference"]) == float(row["difference"]) for row in rows)
    assert any(row["difference"].startswith("-") for row in rows)


@given(st.text(st.sampled_from("=+-@\t\r\n;, '\"a1\uff1d\x00\u202e"), max_size=12))
def test_no_text_of_a_cell_runs(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert isinstance(cell, str)
    for delimiter in DELIMITERS[1:]:
        assert not any(RUNS.match(part) for line in cell.split("\n") for part in line.split(delimiter))


def test_other_cells_stay_as_they_are() -> None:
    for value in (-1.5, 0, None, True, "a - b", "3 = 3", "walk+rail", "Kera; the station", "a@b.example"):
        assert spreadsheet_cell(value) is value or spreadsheet_cell(value) == value


def test_nothing_that_is_printed_moves_the_terminal(district: District) -> None:
    trip = district.kera("explain", district.after, "--json")
    assert json.loads(trip)["title"]
    printed = [
        *district.printed, trip, district.kera("compare", district.before, district.after, "--all"),
        district.kera("explain", district.after, "--all"), district.kera("explain", district.after),
        district.kera("network", "info", district.folder / "area", "--all"),
        district.kera("network", "info", district.folder / "area"),
    ]  # fmt: skip
    for text in printed:
        assert UNSEEN.findall(text) == []
        assert not re.search(r"^Trips given up: 0", text, re.M)


def lint(node: str, *files: Path) -> list[str]:
    done = subprocess.run([node, "lint.js", *map(str, files)], cwd=WEB, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (bool(done.stdout), "")
    return done.stdout.splitlines()


MAKES_HTML = (
    "element.innerHTML = zone.name", "element['outerHTML'] = name", "place.insertAdjacentHTML('beforeend', name)",
    "layer.bindTooltip(zone.name)", "layer.bindTooltip(`${t('map.hubs')}: ${name}`, { sticky: true })",
    "layer.bindPopup(() => name)", "map.attributionControl.addAttribution(area.attribution)", "eval(name)",
    "document.write(name)", "new DOMParser().parseFromString(name, 'text/html')", "setTimeout(name, 5)",
    "L.divIcon({ html: name })", "h('a', { onclick: 'alert(1)' })", "h(name, {})", "h('iframe', { srcdoc: name })",
    "link.setAttribute('href', url)", "chart.setOption({ tooltip: { trigger: 'axis' } })", "new Function(name)",
    "L.control.attribution({ prefix: '' }).setPrefix(name)", "sheet.insertRule(name)", "import(name)",
    "document.createElement(name)", "range.createContextualFragment(name)",
)  # fmt: skip


def test_no_source_of_the_page_makes_html_of_text(
    require_program: Callable[..., str], require_file: Callable[..., Path], tmp_path: Path
) -> None:
    require_file("node", WEB / "node_modules" / "acorn" / "package.json")
    node = require_program("node", "node")
    assert lint(node) == []
    planted = tmp_path / "planted.js"
    planted.write_text("\n".join(MAKES_HTML), encoding="utf-8")
    lines = [int(fault.split(":")[1]) for fault in lint(node, planted)]
    assert sorted(set(lines)) == list(range(1, len(MAKES_HTML) + 1))


def test_a_page_runs_its_own_script_and_nothing_else(browser: Any, district: District) -> None:
    text = district.report.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert "unsafe" not in policy[1]
    for part in ("default-src 'none'", "connect-src 'none'", "script-src 'sha256-", "style-src 'sha256-"):
        assert part in policy[1]
    opened = Opened(browser, district.report, WIDE)
    opened.page.evaluate("""() => {
        const script = document.createElement('script');
        script.append('document.title = "run"');
        try { document.body.append(script); } catch { /* refused */ }
        const box = document.createElement('div');
        box.innerHTML = '<img src=x onerror="document.title = 1">';
        document.body.append(box);
        fetch('http://127.0.0.1:9/').catch(() => {});
        new Image().src = 'http://127.0.0.1:9/';
    }""")
    opened.page.wait_for_timeout(200)
    assert "run" not in opened.page.title()
    assert opened.page.locator("img").count() == 0
    assert opened.dialogs == []
    assert len(opened.messages) >= 3
    opened.context.close()


def test_what_would_end_the_script_stands_in_none_of_the_parts() -> None:
    content: dict[str, Any] = {"sides": [{"label": "</title><script>alert(1)</script><!--"}]}
    text = page(content)
    assert text.count("<script") == text.count("</script") == 3
    assert text.lower().count("<!--") == 0
    for name in ("report.js", "report.css"):
        assert not re.search(r"</(?:script|style)|<!--|\r", (ASSETS / name).read_text(encoding="utf-8"), re.IGNORECASE)


def test_pictures_draw_names_as_they_are(district: District, require: Callable[..., Any], tmp_path: Path) -> None:
    require("matplotlib")
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.plot import draw_map
    from kera_mobility.results.plots import plot

    files = [plot(district.after, kind, tmp_path / f"{kind}.svg") for kind in PICTURES]
    area = read_area(district.folder / "area")
    draw_map(district.folder / "area", area.title, area.attribution, tmp_path / "area.svg")
    texts = []
    for file in [*files, tmp_path / "area.svg"]:
        root = ElementTree.parse(file).getroot()
        assert [part.tag for part in root.iter() if part.tag.endswith(("script", "image", "foreignObject"))] == []
        texts += ["".join(part.itertext()) for part in root.iter() if part.tag.endswith("text")]
    assert any(visible(district.word("scooters"), keep="")[:40] in text for text in texts)
