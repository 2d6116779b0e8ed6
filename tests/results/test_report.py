"""The report is one file made from result folders alone: what is inside it, and what it is made from."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kera_mobility.errors import ConfigError, MissingFileError, ResultError
from kera_mobility.results.facts import Facts
from kera_mobility.results.report import write_report
from kera_mobility.results.report.basemap import DrawnMap
from kera_mobility.results.report.breakdowns import substitution
from kera_mobility.results.report.content import report_content
from kera_mobility.results.report.drawn_paths import BEYOND, FOOT, WHEELS, DrawnPaths
from kera_mobility.results.report.page import ASSETS
from kera_mobility.results.report.refusals import DID
from kera_mobility.results.report.scenarios import in_one_order, means_of, scenarios_in
from kera_mobility.results.store import load_record
from tests.kit.manifests import older
from tests.kit.reports import run_small

ROOT = Path(__file__).parents[2]
LARGEST_MB = 8.0


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two seeds of a district with few people, without and with scooters and a shuttle."""
    folder = tmp_path_factory.mktemp("results")
    run_small(folder, "finished", "1-2")
    run_small(folder, "trials/all", "1-2")
    return folder


@pytest.fixture(scope="module")
def content(results: Path) -> dict[str, Any]:
    return report_content([results / "finished", results / "all"])


def inside(file: Path) -> dict[str, Any]:
    embedded = re.search(r'id="content">([^<]+)<', file.read_text(encoding="utf-8"))
    assert embedded
    plain: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(embedded[1])))
    return plain


def test_the_report_is_written_without_networks_and_from_another_folder(results: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(results, tmp_path / "far")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import kera_mobility.config.resources as shipped\n"
        "def gone(name):\n"
        "    assert name == 'docs', name  # the checks of the project, shown where they are\n"
        "    return Path('gone')\n"
        "shipped.shipped_folder = gone\n"
        "from kera_mobility.results.report import write_report\n"
        "write_report(['far/finished', 'far/all'], 'out/report.html')\n"
        "live = [name for name in sys.modules if name.startswith('kera_mobility.')]\n"
        "rooms = [name.split('.')[1:] for name in live]\n"
        "parts = ('costs', 'kpis', 'reasons')\n"
        "print([room for room in rooms if room[0] in ('town', 'demand', 'simulation', 'areas')\n"
        "       or (room[0] == 'services' and len(room) > 2 and room[-1] not in parts)])\n"
        "print([n for n in ('osmnx', 'geopandas', 'matplotlib', 'simpy') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
    assert moved.is_dir()
    assert (tmp_path / "out" / "report.html").stat().st_size < LARGEST_MB * 1e6


def test_the_same_results_make_the_same_bytes_and_nothing_else_is_left(results: Path, tmp_path: Path) -> None:
    first = write_report([results], tmp_path / "a.html").read_bytes()
    assert write_report([results], tmp_path / "b.html").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_the_page_asks_no_host_and_names_no_folder(results: Path, tmp_path: Path) -> None:
    file = write_report([results], tmp_path / "a.html")
    text = file.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", text.replace("src/", ""))
    assert str(results) not in text
    assert str(results) not in json.dumps(inside(file))


def test_every_figure_is_that_of_kpis_json(results: Path, content: dict[str, Any]) -> None:
    for side, name in zip(content["sides"], ("finished", "all"), strict=True):
        runs = [json.loads((results / name / f"seed-000{seed}" / "kpis.json").read_text()) for seed in (1, 2)]
        values = [{kpi["id"]: kpi["value"] for kpi in run} for run in runs]
        assert set(side["kpis"]) == set(values[0]) | set(values[1])
        for id_, (mean, low, high, count) in side["kpis"].items():
            of_runs = [run[id_] for run in values if run.get(id_) is not None]
            assert count == len(of_runs)
            if of_runs:
                assert mean == pytest.approx(sum(of_runs) / count, rel=1e-12, abs=0)
                assert (low, high) == (min(of_runs), max(of_runs))
        assert all(content["definitions"][id_]["definition"] for id_ in side["kpis"])


def test_one_run_keeps_its_values_to_the_last_bit(results: Path) -> None:
    kpis = report_content([results / "all" / "seed-0001"])["sides"][0]["kpis"]
    for kpi in json.loads((results / "all" / "seed-0001" / "kpis.json").read_text()):
        assert kpis[kpi["id"]][0] == kpi["value"]


def test_differences_have_intervals_and_say_what_riders_did_before(content: dict[str, Any]) -> None:
    (pair,) = content["differences"]
    assert pair["pairs"] == 2
    difference, low, high, count, _ = pair["rows"]["sustainable_share"]
    assert low <= difference <= high
    assert count == 2
    matrix = np.array(pair["substitution"]["counts"])
    assert matrix.sum() == pair["substitution"]["trips"] > 0
    assert {row["section"] for row in pair["more"]} >= {"money", "carbon"}


def test_every_vehicle_is_there_and_people_are_a_sample_of_which_the_larger_holds_the_smaller(results: Path) -> None:
    folder = results / "all" / "seed-0001"
    small, large = (report_content([folder], most)["sides"][0]["map"] for most in (50, 200))
    record = load_record(folder)
    cancelled = record.tables["running"]["ended"].to_pylist().count("cancelled")
    vans = len(set(record.tables["crews"].column("van").to_pylist()))
    assert len(small["vehicles"]) == len(large["vehicles"]) == record.vehicles.num_rows - cancelled + vans
    ids = [{row[0] for row in sample["people"]["rows"]} for sample in (small, large)]
    assert (len(ids[0]), len(ids[1])) == (50, 200)
    assert ids[0] < ids[1]


def test_stretches_of_the_day_never_overlap_and_ways_name_lines_that_exist(content: dict[str, Any]) -> None:
    side = content["sides"][1]
    lines = len(content["areas"][side["area"]]["lines"])
    for way in side["map"]["ways"]:
        assert way
        assert all(abs(step) <= lines or step >= BEYOND for step in way)
    for vehicle in side["map"]["vehicles"]:
        stretches = np.array(vehicle["s"]).reshape(-1, 4)
        assert np.all(stretches[:, 1] <= stretches[:, 2])
        assert np.all(stretches[1:, 1] >= stretches[:-1, 2] - 1), vehicle["id"]
        assert np.all(np.abs(stretches[:, 0]) <= len(side["map"]["ways"]))
    kinds = {vehicle["kind"] for vehicle in side["map"]["vehicles"]}
    assert kinds >= {"train", "bus", "scooter", "shuttle"}


def test_scooters_are_drawn_where_the_night_found_them(results: Path, content: dict[str, Any]) -> None:
    facts = Facts(load_record(results / "all" / "seed-0001"))
    fleet, moves = facts.of_service("vehicles", "scooter"), facts.of_service("moves", "scooter")
    ends = dict(zip(*(fleet.column(name).to_pylist() for name in ("vehicle", "end_place")), strict=True))
    last: dict[int, tuple[float, int]] = {}
    for vehicle, end_s, place in zip(*(moves.column(n).to_pylist() for n in ("vehicle", "end_s", "destination")),
                                     strict=True):  # fmt: skip
        last[vehicle] = max(last.get(vehicle, (0.0, 0)), (end_s, place))
    assert last
    drawn = {row["id"]: row for row in content["sides"][1]["map"]["vehicles"] if row["kind"] == "scooter"}
    for vehicle, (end_s, place) in last.items():
        assert drawn[vehicle]["s"][-2] == round(end_s)
        assert ends[vehicle] == place


def test_walks_on_the_map_are_as_long_as_those_that_were_walked(results: Path) -> None:
    record = load_record(results / "all" / "seed-0001")
    drawn_map, facts = DrawnMap(record), Facts(record)
    legs = facts.of_service("legs", "walk")
    origin, destination = (drawn_map.rows(np.array(legs.column(n).to_pylist())) for n in ("origin", "destination"))
    inside_ = np.flatnonzero(~drawn_map.outside[origin] & ~drawn_map.outside[destination])[:300]
    paths = DrawnPaths(drawn_map)
    for at in inside_:
        paths.request(FOOT, int(origin[at]), int(destination[at]))
    paths.find()
    walked = np.array(legs.column("walk_m").to_pylist())[inside_]
    drawn = [
        sum(float(drawn_map.length_m[abs(step) - 1]) for step in paths.paths[abs(number) - 1]) if number else 0.0
        for number in (paths.number(FOOT, int(origin[at]), int(destination[at])) for at in inside_)
    ]
    assert np.median(np.abs(np.array(drawn) - walked)) < 0.03 * np.median(walked)


def test_a_way_back_is_the_way_there_gone_backwards(results: Path) -> None:
    drawn_map = DrawnMap(load_record(results / "all" / "seed-0001"))
    paths = DrawnPaths(drawn_map)
    paths.request(WHEELS, 3, 90)
    paths.request(WHEELS, 90, 3)
    paths.find()
    assert len(paths.paths) == 1
    assert paths.number(WHEELS, 3, 90) == -paths.number(WHEELS, 90, 3)
    assert paths.number(WHEELS, 3, 3) == 0


def test_flows_on_foot_add_up_to_the_metres_walked(results: Path, content: dict[str, Any]) -> None:
    record = load_record(results / "all" / "seed-0001")
    drawn_map, facts = DrawnMap(record), Facts(record)
    flows = content["sides"][1]["map"]["flows"]
    legs = facts.of_service("legs", "walk")
    beyond = {row["node"] for row in record.places.to_pylist() if row["kind"] == "outside"}  # not on the drawn map
    rows = [leg for leg in legs.to_pylist() if not {leg["origin"], leg["destination"]} & beyond]
    assert float((np.array(flows["walk"]) * drawn_map.length_m).sum()) == pytest.approx(
        sum(leg["walk_m"] for leg in rows), rel=0.05
    )


def test_a_run_against_itself_changes_no_mode(results: Path) -> None:
    facts = Facts(load_record(results / "all" / "seed-0001"))
    counts = np.array(substitution(facts, facts)["counts"])
    assert counts.sum() == np.trace(counts) == facts.record.tables["trips"].num_rows


def test_one_folder_makes_a_report_without_differences(results: Path) -> None:
    content = report_content([results / "all" / "seed-0001"])
    assert content["differences"] == []
    assert len(content["sides"]) == 1
    assert content["sides"][0]["assumptions"]


def test_scenarios_of_one_title_are_told_apart(results: Path, tmp_path: Path) -> None:
    other = shutil.copytree(results / "all", tmp_path / "all")
    third = shutil.copytree(other, tmp_path / "again" / "all")
    labels = [side.label for side in scenarios_in([results / "all", other, third])]
    assert labels[1:] == [f"{labels[0]} 2", f"{labels[0]} 3"]


def test_what_only_one_side_has_is_no_difference(content: dict[str, Any]) -> None:
    before, after = (side["kpis"] for side in content["sides"])
    (pair,) = content["differences"]
    only = {"scooter.idle_share", "scooter.operating_cost_eur_per_ride", "shuttle.subsidy_eur_per_ride"}
    assert only <= set(after)
    assert not only & set(before)
    assert not only & set(pair["rows"])
    assert {"sustainable_share", "trips"} <= set(pair["rows"])


@pytest.mark.parametrize("language", ["en", "fi", "sv"])
def test_what_people_did_has_words_on_the_page(language: str) -> None:
    page = (ROOT / "web" / "src" / "words" / f"{language}.js").read_text(encoding="utf-8")
    assert set(re.findall(r"'did\.(\w+)'", page)) == set(DID.values())


def test_what_cannot_be_reported_is_said(results: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="html"):
        write_report([results], tmp_path / "report.pdf")
    with pytest.raises(MissingFileError):
        write_report([tmp_path / "gone"], tmp_path / "a.html")
    with pytest.raises(ResultError, match="no result"):
        write_report([tmp_path], tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_an_older_result_without_streets_rails_or_assumptions_is_reported(results: Path, tmp_path: Path) -> None:
    old = shutil.copytree(results / "all" / "seed-0001", tmp_path / "old")
    area = json.loads((old / "area.json").read_text())
    (old / "area.json").write_text(json.dumps({name: area[name] for name in ("name", "title")}))
    meta = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps({name: meta[name] for name in meta if name != "assumptions"}))
    older(old)
    content = inside(write_report([old], tmp_path / "old.html"))
    assert content["areas"][0]["streets"] == []
    assert content["sides"][0]["assumptions"] == []


def test_names_of_several_lists_keep_their_order() -> None:
    assert in_one_order([["a", "c"], ["a", "b", "c"], ["c", "d"]]) == ["a", "b", "c", "d"]
    assert means_of([{"x": [1.0, None]}, {"x": [3.0, None], "y": [2.0, 4.0]}]) == {"x": [2.0, None], "y": [2.0, 4.0]}


def test_the_built_script_is_the_one_whose_hash_is_kept() -> None:
    hashes = json.loads((ASSETS / "hashes.json").read_text())
    assert set(hashes) == {"report.js", "report.css", "licences.txt"}
    for name, digest in hashes.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest
    licences = (ASSETS / "licences.txt").read_text(encoding="utf-8")
    for library in ("echarts", "zrender", "leaflet", "fflate", "tslib"):
        assert f"==== {library} " in licences


def test_no_part_of_the_page_imports_itself_in_a_circle() -> None:
    source = ROOT / "web" / "src"
    imports = {
        file: {(file.parent / name).resolve() for name in re.findall(r"from '(\.[^']+)'", file.read_text("utf-8"))}
        for file in source.rglob("*.js")
    }
    assert (source / "parts" / "why.js") in imports[source / "main.js"]
    TopologicalSorter(imports).prepare()  # raises CycleError


def test_the_sources_build_the_script_that_is_kept(require_program: Callable[[str, str], str], tmp_path: Path) -> None:
    node, npm = require_program("node", "node"), require_program("node", "npm")
    web = tmp_path / "web"
    shutil.copytree(ROOT / "web", web, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=web, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([node, "build.js", "--out", str(tmp_path / "out")], cwd=web, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("report.js", "report.css", "licences.txt", "hashes.json"):
        assert (tmp_path / "out" / name).read_bytes() == (ASSETS / name).read_bytes(), name
    for name in ("page.js", "page.css", "licences.txt", "hashes.json"):
        kept = ROOT / "kera_mobility" / "serve" / "assets" / name
        assert (tmp_path / "out" / "page" / name).read_bytes() == kept.read_bytes(), name


def test_every_language_has_every_word() -> None:
    keys = {}
    for code in ("en", "fi", "sv"):
        text = (ROOT / "web" / "src" / "words" / f"{code}.js").read_text(encoding="utf-8")
        pairs = re.findall(r"""['"]([a-z]+\.[^'"]+)['"]: ['"]((?:[^'"\\]|(?<=\w)')*)""", text)
        keys[code] = {key: frozenset(re.findall(r"\{(\w+)[|}]", value)) for key, value in pairs}
    assert len(keys["en"]) > 300
    assert keys["en"] == keys["fi"] == keys["sv"]


def test_every_text_that_ships_with_the_data_is_in_three_languages() -> None:
    """Titles of scenarios and permits, reasons of the weather, quarters, places with English words, figures, units."""
    words = [(ROOT / "web" / "src" / "words" / f"{code}.js").read_text(encoding="utf-8") for code in ("fi", "sv")]
    catalogue = (ROOT / "web" / "src" / "words" / "data.js").read_text(encoding="utf-8")
    known = {text.replace("\\'", "'") for text in re.findall(r"""(?:^|[ {])'((?:[^'\\]|\\.)+)': \[""", catalogue, re.M)}
    area = ROOT / "networks" / "kera"
    titles = {
        title.strip("'\"")
        for file in (*ROOT.glob("configs/*.yaml"), *ROOT.glob("configs/trials/*.yaml"))
        if file.name not in ("uncertain.yaml", "realism.yaml", "calibration.yaml")
        for title in re.findall(r"^\s*(?:- )?title: (.+)$", file.read_text(encoding="utf-8"), re.M)
    }
    with (ROOT / "configs" / "weather" / "days.csv").open(encoding="utf-8", newline="") as file:
        weather = {row["basis"] for row in csv.DictReader(file)}
    quarters = {
        str(feature["properties"]["name"])
        for feature in json.loads((area / "developments.geojson").read_text(encoding="utf-8"))["features"]
        if feature["properties"].get("name")
    }
    assert len(titles) > 10
    assert len(weather) > 5
    assert len(quarters) > 2
    assert sorted((titles | weather | quarters) - known) == []
    ids = {
        kpi
        for file in ROOT.glob("configs/checks/baselines/*.json")
        for kpi in re.findall(r'"([a-z_]+(?:\.[a-z0-9_]+)*)(?:@[a-z]+)?"', file.read_text(encoding="utf-8"))
    }
    services = ("transit", "scooter", "shuttle", "on_demand", "bicycle", "car", "car_passenger", "walk")
    figures = {kpi for kpi in ids if kpi.partition(".")[0] in services and "." in kpi}
    assert len(figures) > 100
    for text in words:
        named = set(re.findall(r"""['"](kpi\.[^'"]+)['"]:""", text))
        lacking = [
            kpi
            for kpi in sorted(figures)
            for rest in [kpi.partition(".")[2]]
            if f"kpi.S.{rest}" not in named and f"kpi.S.{rest.rpartition('.')[0]}.*" not in named
        ]
        assert lacking == []


@pytest.mark.parametrize("kind", ["fleet-over-day", "time-space", "waiting", "map"])
def test_a_picture_of_the_day_is_drawn_twice_alike(
    results: Path, tmp_path: Path, kind: str, require: Callable[..., Any]
) -> None:
    require("matplotlib")
    from kera_mobility.results.plots import kinds

    record = load_record(results / "all" / "seed-0001")
    files = [kinds()[kind](record, tmp_path / f"{name}.svg") for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    text = files[0].read_text(encoding="utf-8")
    named = {"fleet-over-day": "scooter: vehicles moving", "time-space": "shuttle", "waiting": "90th percentile",
             "map": "planned"}  # fmt: skip
    assert named[kind] in text


def test_checks_against_data_are_shown_with_their_standing(results: Path, tmp_path: Path) -> None:
    row = {"id": "x", "title": "boardings", "model": 90.0, "data": 100.0, "unit": "a weekday", "standing": "held out",
           "source": "a count", "note": "", "met": False, "tolerance": 5.0}  # fmt: skip
    file = tmp_path / "checks.yaml"
    file.write_text(json.dumps({"scenario": "today", "checks": [row, {**row, "standing": "untold"}]}))
    checks = report_content([results / "all" / "seed-0001"], 10, file)["checks"]
    assert (checks["scenario"], checks["rows"]) == ("today", [row])
    file.write_text("nothing: here")
    with pytest.raises(ConfigError, match="kera calibrate"):
        report_content([results / "all" / "seed-0001"], 10, file)
    with pytest.raises(MissingFileError):
        report_content([results / "all" / "seed-0001"], 10, tmp_path / "gone.yaml")
