"""Outcomes are rebuilt from a result folder alone: what is written, what is counted, compared and drawn."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kera_mobility.errors import ConfigError, ExtensionError, MissingExtraError, MissingFileError, ResultError
from kera_mobility.results import kpis, store
from kera_mobility.results.events import KINDS, EventLog, fingerprint
from kera_mobility.results.facts import total
from kera_mobility.results.record import RunRecord
from kera_mobility.results.store import load_record, write_record

H = 3600.0
SERVICES = {
    "walk": {"kind": "walk", "mode": "walk", "nest": "walk", "sustainable": True, "title": "Walking"},
    "bicycle": {"kind": "bicycle", "mode": "bicycle", "nest": "bicycle", "sustainable": True, "title": "Bicycle"},
    "car": {"kind": "car", "mode": "car", "nest": "car", "sustainable": False, "title": "Car"},
    "rail": {"kind": "transit", "mode": "transit", "nest": "transit", "sustainable": True, "title": "Train"},
    "scooter": {"kind": "scooter", "mode": "scooter", "nest": "scooter", "sustainable": False, "title": "Scooter"},
    "shuttle": {"kind": "shuttle", "mode": "shuttle", "nest": "on_demand", "sustainable": True, "title": "Shuttle"},
}
STREETS = [
    {"class": "main", "origin": "osm-2017", "line": [[24.75, 60.21], [24.76, 60.215]]},
    {"class": "local", "origin": "planned", "line": [[24.76, 60.215], [24.76, 60.22], [24.752, 60.219]]},
    {"class": "path", "origin": "inferred", "line": [[24.75, 60.21], [24.752, 60.219]]},
]


def hamlet(scenario: str = "hamlet", seed: int = 1) -> RunRecord:
    """Ten trips of three residents, a worker and a neighbour among five nodes."""
    log = EventLog()

    def trip(person: int, number: int, set_out_s: float, end_s: float, end: str = "arrived", replans: int = 0) -> None:
        log.add("trips", set_out_s, person, number, 0, "work", 0, 1, "chain", end, end_s, set_out_s, replans, 0)

    def leg(person: int, number: int, place: int, service: str, walk: tuple[float, float], wait_s: float,
            ride: tuple[float, float], fare_eur: float = 0.0, vehicle: int = -1) -> None:  # fmt: skip
        (walk_s, walk_m), (ride_s, ride_m) = walk, ride
        row = (walk_s, wait_s, ride_s, walk_m, ride_m, fare_eur, vehicle)
        log.add("legs", 8 * H, person, number, place, service, 0, 1, *row)

    none = (0.0, 0.0)
    trip(10, 0, 8 * H, 8 * H + 750)
    leg(10, 0, 0, "walk", (750, 1000), 0, none)
    trip(10, 1, 9 * H, 9 * H + 1110)
    leg(10, 1, 0, "walk", (300, 400), 0, none)
    leg(10, 1, 1, "rail", none, 60, (600, 8000), 2.95, 7)
    leg(10, 1, 2, "walk", (150, 200), 0, none)
    trip(10, 2, 17 * H, 17 * H + 700)
    leg(10, 2, 0, "scooter", (75, 100), 0, (400, 1500), 1.7, 100)
    leg(10, 2, 1, "rail", none, 120, (105, 1200), 2.95, 7)
    trip(11, 0, 8 * H, 8 * H + 575)
    leg(11, 0, 0, "car", (75, 100), 0, (500, 5000), 0.8)
    trip(11, 1, 12 * H, 12 * H + 480)
    leg(11, 1, 0, "bicycle", none, 0, (480, 2000))
    trip(12, 0, 10 * H, 10 * H, "unserved", replans=2)
    log.add("refusals", 10 * H, 12, 0, 0, 0, "scooter", "no_vehicle", 0)
    log.add("refusals", 10 * H, 12, 0, 0, 1, "shuttle", "full", 0)
    trip(12, 1, 26 * H, 27 * H, "under_way")
    leg(12, 1, 0, "rail", none, 600, (60, 100), 2.95, 7)
    trip(20, 0, 8 * H, 8 * H + 540, replans=1)
    log.add("refusals", 8 * H, 20, 0, 0, 0, "scooter", "no_vehicle", 2)
    leg(20, 0, 0, "shuttle", none, 240, (300, 2500), 2.0, 200)
    trip(20, 1, 16 * H, 16 * H, "unserved")
    trip(30, 0, 18 * H, 18 * H + 1050)
    leg(30, 0, 0, "scooter", (750, 1000), 0, (300, 1000), 1.5, 101)
    for person, vehicle, end in ((10, 100, "ridden"), (30, 101, "ridden"), (11, 100, "expired")):
        log.add("bookings", 8 * H, person, 0, 0, 0, "scooter", vehicle, end, 9 * H)
    log.add("moves", 8 * H, 100, 0, 0, "scooter", "ride", 0, 1, 9 * H, 1500.0, 0.9)
    log.add("moves", 18 * H, 101, 0, 0, "scooter", "ride", 0, 1, 19 * H, 1000.0, 0.8)
    log.add("moves", 20 * H, 100, 1, 0, "scooter", "rebalance", 1, 0, 21 * H, 500.0, 1.0)
    log.add("calls", 9 * H, 7, 1, 0, "rail", 0, 0, 1, 0, 150)
    log.add("calls", 9 * H + 600, 7, 1, 1, "rail", 1, 1, 30, 4, 180)
    return RunRecord(
        log.tables(), _people(), _vehicles(), _places(),
        {"scooter": {"node": np.array([0, 1, 2]), "charge": np.array([1.0, 0.8, 1.0])}},
        {"scenario": scenario, "seed": seed, "day": 0, "services": SERVICES, "cpu_s": {"load": 0.1}, "wall_s": 1.0},
        f"name: {scenario}\n",
        {"name": "hamlet", "title": "Hamlet", "streets": STREETS},
    )  # fmt: skip


def _people() -> pa.Table:
    yes = [True] * 5
    return pa.table({
        "person": [10, 11, 12, 20, 30], "household": [1, 1, 2, 3, 4],
        "population": ["resident", "resident", "resident", "worker", "neighbour"], "age": [34, 36, 70, 40, 25],
        "home": [0, 0, 1, 4, 2], "household_cars": [1, 1, 0, 1, 0], "licence": yes, "main_driver": yes,
        "bicycle": yes, "season_ticket": yes, "registered.scooter": yes,
    })  # fmt: skip


def _vehicles() -> pa.Table:
    nan = math.nan
    return pa.table({
        "vehicle": [7, 100, 101, 102, 200], "service": ["rail", "scooter", "scooter", "scooter", "shuttle"],
        "places": [200, 1, 1, 1, 8], "start_place": [0, 0, 0, 2, 0], "end_place": [1, 0, 1, 2, 1],
        "start_charge": [nan, 1.0, 1.0, 1.0, nan], "end_charge": [nan, 1.0, 0.8, 1.0, nan],
    })  # fmt: skip


def _places() -> pa.Table:
    return pa.table({
        "node": [0, 1, 2, 3, 4],
        "lon": [24.75, 24.76, 24.76, 24.752, 24.94], "lat": [60.21, 60.215, 60.22, 60.219, 60.17],
        "name": ["Mill", "Station", "", "", "City"], "kind": ["street", "stop", "street", "street", "outside"],
    })  # fmt: skip


def values(record: RunRecord) -> dict[str, float]:
    return {one.id: one.value for one in kpis.compute(record)}


# What is counted


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("trips", 7), ("trips@everyone", 10), ("trips@in_commuters", 2), ("trips_per_person", 7 / 3),
        ("mode_share.walk", 1 / 5), ("mode_share.transit", 1 / 5), ("mode_share.scooter", 1 / 5),
        ("mode_share.car", 1 / 5), ("mode_share.bicycle", 1 / 5), ("mode_share.shuttle", 0.0),
        ("mode_share.shuttle@in_commuters", 1.0), ("mode_share.scooter@neighbours", 1.0),
        ("sustainable_share", 3 / 5), ("sustainable_share.with_scooter", 4 / 5), ("sustainable_share@everyone", 4 / 7),
        ("door_to_door_s.mean", (750 + 1110 + 700 + 575 + 480) / 5), ("door_to_door_s.p90", 1110.0),
        ("wait_s.mean", (60 + 120) / 5), ("walk_s.mean", (750 + 450 + 75 + 75) / 5),
        ("distance_m.mean", (1000 + 8600 + 2800 + 5100 + 2000) / 5), ("person_km", 19.5), ("person_km.walk", 1.8),
        ("unserved", 1), ("unserved.full", 1), ("unserved.no_journey@in_commuters", 1), ("unserved@everyone", 2),
        ("under_way_at_end", 1), ("replans", 2), ("replans@everyone", 3),
        ("access.scooter_share_of_transit", 1 / 2), ("access.walk_share_of_transit", 1 / 2),
        ("scooter.rides", 2), ("scooter.denied_requests", 2), ("scooter.denied_requests.no_vehicle", 2),
        ("shuttle.denied_requests.full", 1),
        ("scooter.vehicle_km", 3.0), ("scooter.vehicle_km.ride", 2.5), ("scooter.rides_per_vehicle", 2 / 3),
        ("scooter.passenger_km", 2.5), ("scooter.revenue_eur", 3.2), ("scooter.bookings.ridden", 2),
        ("scooter.bookings.expired", 1), ("scooter.bookings.cancelled", 0), ("shuttle.wait_s.mean", 240.0),
        ("transit.rides", 3), ("transit.left_behind", 4), ("transit.load_share.max", 180 / 200),
    ],
)  # fmt: skip
def test_a_kpi_of_the_hamlet_is_what_a_hand_computes(name: str, by_hand: float) -> None:
    assert values(hamlet())[name] == pytest.approx(by_hand, rel=1e-12)


def test_where_nobody_is_a_resident_the_headline_figures_are_everyones() -> None:
    record = hamlet()
    codes = pa.array(["neighbour"] * record.people.num_rows)
    place = record.people.schema.get_field_index("population")
    found = kpis.compute(dataclasses.replace(record, people=record.people.set_column(place, "population", codes)))
    by_id = {one.id: one for one in found}
    for name in ("trips", "sustainable_share", "mode_share.car", "unserved", "door_to_door_s.mean"):
        assert by_id[name].population == "everyone"
        assert by_id[name].value == by_id[f"{name}@everyone"].value == by_id[f"{name}@neighbours"].value, name
    assert by_id["trips"].value == 10
    assert len(by_id) == len(found)


def test_the_mode_shares_of_each_population_add_up_to_one() -> None:
    found = values(hamlet())
    for suffix in ("", "@everyone", "@in_commuters", "@neighbours"):
        shares = [found[f"mode_share.{service['mode']}{suffix}"] for service in SERVICES.values()]
        assert sum(shares) == pytest.approx(1.0)


def test_of_two_equal_parts_the_vehicle_is_the_main_mode() -> None:
    assert values(hamlet())["mode_share.walk@neighbours"] == 0.0


def test_kpis_do_not_depend_on_the_order_of_rows() -> None:
    record = hamlet()
    turned = {name: table.take(np.arange(table.num_rows)[::-1]) for name, table in record.tables.items()}
    assert values(dataclasses.replace(record, tables=turned)) == pytest.approx(values(record), abs=0.0, nan_ok=True)


def test_every_kpi_has_a_unit_a_population_and_one_sentence() -> None:
    for one in kpis.compute(hamlet()):
        assert one.unit
        assert one.population in ("residents", "everyone", "in_commuters", "neighbours")
        assert one.definition.endswith(".")
        assert one.definition.count(". ") == 0


def test_a_day_without_trips_has_kpis_without_values(tmp_path: Path) -> None:
    record = dataclasses.replace(hamlet(), tables={kind: KINDS[kind].schema.empty_table() for kind in KINDS})
    folder = write_record(record, tmp_path / "empty")
    found = {kpi["id"]: kpi["value"] for kpi in store.read_kpis(folder)}
    assert found["trips"] == 0
    assert found["door_to_door_s.mean"] is None
    assert found["mode_share.walk"] is None


def test_a_leg_of_a_trip_that_is_not_there_is_a_torn_result() -> None:
    record = hamlet()
    cut = {**record.tables, "trips": record.tables["trips"].slice(1)}
    with pytest.raises(ResultError, match="a trip that table 'trips' lacks"):
        kpis.compute(dataclasses.replace(record, tables=cut))


def test_a_new_kpi_is_one_file_and_a_taken_id_is_refused(tmp_path: Path) -> None:
    package = Path(kpis.__file__).parents[2]
    copy = tmp_path / "kera_mobility"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    toy = copy / "results" / "kpis" / "zebra.py"
    program = (
        "import sys; from kera_mobility.results import kpis, store;"
        "print({k.id: k.value for k in kpis.compute(store.load_record(sys.argv[1]))}['zebras'])"
    )
    folder = write_record(hamlet(), tmp_path / "run")

    def run(name: str) -> subprocess.CompletedProcess[str]:
        toy.write_text(
            "from kera_mobility.results.kpis import Kpi, kpi\n\n@kpi\ndef zebras(facts):\n"
            f"    yield Kpi({name!r}, 3 * len(facts.outcome), 'zebras', 'everyone', 'Zebras.')\n"
        )
        command = [sys.executable, "-c", program, str(folder)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("zebras").stdout == "30\n"
    assert f"{ExtensionError.__name__}: kera_mobility.results.kpis.zebra: KPI 'trips'" in run("trips").stderr


# What is kept


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = hamlet()
    back = load_record(write_record(record, tmp_path / "hamlet" / "seed-0001"))
    assert fingerprint(back.tables) == fingerprint(record.tables) == back.meta["fingerprint"]
    assert back.people.equals(record.people)
    assert back.places.equals(record.places)
    assert back.vehicles.column("places").equals(record.vehicles.column("places"))
    assert back.scenario_yaml == record.scenario_yaml
    assert back.area == record.area
    assert back.overnight["scooter"]["charge"].tolist() == [1.0, 0.8, 1.0]
    assert back.meta["cpu_s"]["write"] > 0
    assert (back.meta["schema_version"], back.seed) == (1, 1)
    assert values(back) == pytest.approx(values(record), abs=0.0, nan_ok=True)
    assert len(back.frame("legs")) == record.tables["legs"].num_rows


def test_the_time_of_writing_is_counted_once(tmp_path: Path) -> None:
    record = hamlet()
    record.meta["cpu_s"]["write"] = 100.0
    back = load_record(write_record(record, tmp_path / "run"))
    assert back.meta["cpu_s"]["write"] > 100.0
    assert record.meta["cpu_s"]["write"] == 100.0
    assert load_record(write_record(back, tmp_path / "copy")).meta == back.meta


def test_two_writings_of_one_record_hold_the_same_bytes(tmp_path: Path) -> None:
    first, second = write_record(hamlet(), tmp_path / "a"), write_record(hamlet(), tmp_path / "b")
    files = sorted(file.relative_to(first) for file in first.rglob("*") if file.is_file())
    assert len(files) == 8 + len(KINDS)
    for file in files:
        if file.name != "run.json":
            assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_writing_and_counting_import_nothing_live_and_no_picture(tmp_path: Path) -> None:
    program = (
        "import sys; from kera_mobility.results import store;"
        "store.write_record(store.load_record(sys.argv[1]), sys.argv[2]);"
        "print(sorted({'matplotlib', 'scipy', 'simpy', 'networkx'} & set(sys.modules)))"
    )
    folder = write_record(hamlet(), tmp_path / "run")
    command = [sys.executable, "-c", program, str(folder), str(tmp_path / "again")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_an_older_result_is_replaced_whole(tmp_path: Path) -> None:
    folder = write_record(hamlet(seed=1), tmp_path / "run")
    write_record(hamlet(seed=2), folder)
    assert load_record(folder).seed == 2
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


def test_a_write_that_fails_leaves_the_older_result_and_no_traces(tmp_path: Path) -> None:
    folder = write_record(hamlet(seed=1), tmp_path / "run")
    broken = dataclasses.replace(hamlet(seed=2), area={"name": object()})
    with pytest.raises(TypeError, match="cannot keep a object"):
        write_record(broken, folder)
    assert load_record(folder).seed == 1
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("name", ["notes.txt", "run.json"])
def test_a_folder_that_is_not_a_result_is_not_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("my own")
    with pytest.raises(ResultError, match="not replaced"):
        write_record(hamlet(), tmp_path)
    assert (tmp_path / name).read_text() == "my own"


def test_a_result_with_a_foreign_file_in_it_is_not_replaced(tmp_path: Path) -> None:
    folder = write_record(hamlet(), tmp_path / "run")
    (folder / "notes.txt").write_text("my own")
    with pytest.raises(ResultError, match=r"holds 'notes\.txt'"):
        write_record(hamlet(), folder)


@pytest.mark.parametrize("name", ["run.json", "area.json", "people.parquet", "events/legs.parquet", "overnight.npz"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_torn_folder_is_told_in_one_line(tmp_path: Path, name: str, damage: str) -> None:
    folder = write_record(hamlet(), tmp_path / "run")
    file = folder / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(ResultError, match="torn") as caught:
        load_record(folder)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_schema_version_is_refused(tmp_path: Path) -> None:
    folder = write_record(hamlet(), tmp_path / "run")
    meta = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**meta, "schema_version": 99}))
    with pytest.raises(ResultError, match="schema_version is 99, this version reads 1"):
        load_record(folder)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no such result folder"):
        load_record(tmp_path / "nowhere")
    with pytest.raises(MissingFileError, match="no such folder"):
        store.result_folders(tmp_path / "nowhere")


# What is drawn


@pytest.mark.parametrize("kind", ["trips-by-hour", "mode-share", "refusals-map"])
def test_a_figure_is_a_real_picture_in_several_colours(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    from kera_mobility.results.plots import kinds

    record = load_record(write_record(hamlet(), tmp_path / "run"))
    file = kinds()[kind](record, tmp_path / "pictures" / f"{kind}.png")
    assert file.read_bytes().startswith(b"\x89PNG\r\n")
    pixels = (imread(file)[..., :3] * 255).round().astype(np.int64)
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 800
    codes, counts = np.unique(pixels @ [65536, 256, 1], return_counts=True)
    coloured = [code for code, count in zip(codes, counts, strict=True) if count > 60 and np.ptp(_rgb(int(code))) > 60]
    assert len(coloured) >= (2 if kind == "refusals-map" else 5)


def _rgb(code: int) -> list[int]:
    return [code >> 16, (code >> 8) & 255, code & 255]


def test_a_map_names_the_source_of_its_streets(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from kera_mobility.results.plots import refusals_map

    text = refusals_map(hamlet(), tmp_path / "map.svg").read_text()
    for said in ("(c) OpenStreetMap contributors, ODbL 1.0", "scenario hamlet", "seed 1", "refused: Scooter (2)"):
        assert said in text


def test_a_picture_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from kera_mobility.results.plots import mode_share

    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg, \.pdf"):
        mode_share(hamlet(), tmp_path / "picture.xyz")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kera_mobility.results.plots import mode_share

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"kera-mobility\[plot\]"):
        mode_share(hamlet(), tmp_path / "picture.png")


# The command that draws


def _invoke(name: str, *arguments: str) -> str:
    import importlib

    import typer
    from typer.testing import CliRunner

    app = typer.Typer()
    app.command()(importlib.import_module(f"kera_mobility.cli.{name}").command)
    answer = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_the_plot_command_draws_one_run_and_names_the_kinds_it_knows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_record(hamlet(), tmp_path / "results" / "seed-0001")
    _invoke("plot", str(tmp_path / "results"), "mode-share", "-o", str(tmp_path / "x.svg"))
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
    with pytest.raises(ConfigError, match="did you mean 'mode-share'"):
        _invoke("plot", str(tmp_path / "results"), "mode_share", "-o", str(tmp_path / "x.svg"))


@pytest.mark.parametrize(
    "values",
    [
        [], [0.0, 0.0], [1 / 64] * 5, [0.1, 0.2, 0.3, 0.0], [2.0**43, 1 / 1024, -(2.0**43)], [1e300, 1.0, -1e300],
        [0.5, math.inf], [(2.0**52 + 1) / 64] * 3,
    ],
)  # fmt: skip
def test_a_total_is_rounded_once(values: list[float]) -> None:
    assert total(np.array(values)) == math.fsum(values)
    assert total(np.array(values[::-1])) == math.fsum(values)


def test_a_total_of_what_is_not_known_is_not_known() -> None:
    assert math.isnan(total(np.array([0.0, math.nan, 1.0])))
