"""A result that is not as it was written is refused by every reader in one line; `kera verify` finds forgeries too."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import kera_mobility as km
from kera_mobility.errors import ResultError
from kera_mobility.results.events import fingerprint
from kera_mobility.results.kpis import compute, to_json
from kera_mobility.results.runs import RunFolder
from kera_mobility.results.store import load_record, read_kpis, read_settings, write_record
from kera_mobility.simulation.run import live
from tests.kit.hamlet import MILL, SCHOOL, STATION, hamlet_town, scenario, trip
from tests.kit.manifests import forged, older

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two seeds of a morning at the mill; tests that spoil it take a copy."""
    folder = tmp_path_factory.mktemp("sound")
    trips = [trip(number, MILL, SCHOOL if number % 2 else STATION, f"8:{number:02d}") for number in range(1, 9)]
    town = hamlet_town(folder / "town", trips=trips)
    for seed in (1, 2):
        live(scenario({"walk": {}, "scooter": {"fleet": 2}}), town, seed=seed).save(folder / f"runs/seed-000{seed}")
    return folder / "runs"


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    """Return a copy of the first of two runs that stand together."""
    return Path(shutil.copytree(sound, tmp_path / "runs")) / "seed-0001"


def rewritten(file: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(file)), file, compression="zstd")


def set_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    index = table.column_names.index(name)
    return table.set_column(index, table.schema.field(name), pc.cast(values, table.schema.field(name).type))


def triple_kpis(run: Path) -> None:
    file = run / "kpis.json"
    kpis = json.loads(file.read_text())
    file.write_text(json.dumps([{**kpi, "value": kpi["value"] and 3 * kpi["value"]} for kpi in kpis]))


def end_in_the_past(run: Path) -> None:
    rewritten(run / "events/trips.parquet", lambda table: set_column(table, "end_s", pa.array([-1e9] * len(table))))


def halve_places(run: Path) -> None:
    rewritten(run / "places.parquet", lambda table: table.slice(0, len(table) // 2))


def halve_scenario(run: Path) -> None:
    text = (run / "scenario.yaml").read_text()
    (run / "scenario.yaml").write_text(text[: len(text) // 2])


def set_fingerprint(run: Path) -> None:
    meta = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**meta, "fingerprint": "0" * 64}))


def add_partition(run: Path) -> None:
    shutil.copy(run / "events/trips.parquet", run / "events/trips-2.parquet")


CHANGES: dict[str, tuple[str, Change]] = {
    "wrong fingerprint": ("run.json", set_fingerprint),
    "other seed": ("run.json", lambda run: forge_without_manifest(run, seed=7)),
    "trips that end in the past": ("events/trips.parquet", end_in_the_past),
    "half a scenario": ("scenario.yaml", halve_scenario),
    "half of the places": ("places.parquet", halve_places),
    "tripled KPIs": ("kpis.json", triple_kpis),
    "a table too few": ("events/legs.parquet", lambda run: (run / "events/legs.parquet").unlink()),
    "a table too many": ("events/trips-2.parquet", add_partition),
    "one bit": ("people.parquet", lambda run: flip(run / "people.parquet")),
    "nothing but zeros": ("overnight.npz", lambda run: (run / "overnight.npz").write_bytes(bytes(400))),
    "another map": ("area.json", lambda run: (run / "area.json").write_text("{}")),
    "no run.json": ("run.json", lambda run: (run / "run.json").unlink()),
}
"""What a disk, a copy or a person may do to a result: the file that is named, and how it is done."""


def forge_without_manifest(run: Path, **changes: object) -> None:
    meta = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**meta, **changes}))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


READERS: dict[str, Callable[[Path], object]] = {
    "compare": lambda run: km.compare(run.parent, run.parent),
    "report": lambda run: km.report([run.parent], run.parents[1] / "report.html"),
    "explain": lambda run: km.explain(run.parent),
    "plot": lambda run: km.plot(run, "trips-by-hour", run.parents[1] / "trips.svg"),
    "load": lambda run: km.load(run),
    "load_record": load_record,
    "kpis": read_kpis,
    "settings": read_settings,
    "folder": lambda run: RunFolder(run).kpis,
}


SLOW = ("compare", "report", "explain", "plot")
CHIEF = ("wrong fingerprint", "trips that end in the past", "half a scenario", "half of the places", "tripled KPIs")


@pytest.mark.parametrize(
    ("reader", "change"),
    [(reader, change) for reader in READERS for change in (CHIEF if reader in SLOW else CHANGES)],
)
def test_every_reader_refuses_a_changed_result_in_one_line(run: Path, reader: str, change: str) -> None:
    READERS[reader](run)  # it can be read, and what was seen then is not believed for ever
    name, do = CHANGES[change]
    do(run)
    with pytest.raises(ResultError) as caught:
        READERS[reader](run)
    assert str(run / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert "run it again" in str(caught.value) or "take it away" in str(caught.value)


def test_a_result_is_sound_however_run_json_is_laid_out_and_what_else_lies_beside_it(run: Path) -> None:
    meta = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(dict(reversed(meta.items())), indent=7))
    (run / "report.html").write_text("<html>")
    assert load_record(run).meta == meta
    assert [result.sound for result in km.verify(run.parent)] == [True, True]


def test_a_copy_of_a_record_has_a_manifest_of_its_own(run: Path, tmp_path: Path) -> None:
    copy = write_record(load_record(run), tmp_path / "copy")
    assert load_record(copy).meta == load_record(run).meta
    assert km.verify(copy)[0].sound


def test_an_older_result_without_a_manifest_is_read_with_a_notice(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = read_kpis(run)
    for folder in (run, run.with_name("seed-0002")):
        older(folder)
    with caplog.at_level(logging.WARNING):
        assert read_kpis(run) == kept
        assert len(km.explain(run.parent).sums)
    (notice,) = caplog.messages
    assert "without a manifest; they are read unchecked" in notice
    assert km.verify(run)[0].sound
    assert "has no manifest" in km.verify(run)[0].remarks[0]


# Forgeries that agree with their manifest


def forge_fingerprint(run: Path) -> None:
    forged(run, fingerprint="0" * 64)


def forge_log(run: Path) -> None:
    """Trips that end in the past, with the fingerprint that they have."""
    end_in_the_past(run)
    tables = {file.stem: pq.read_table(file) for file in (run / "events").glob("*.parquet")}
    forged(run, fingerprint=fingerprint(tables))


FORGERIES: dict[str, tuple[str, Change]] = {
    "tripled KPIs": ("kpis.json", triple_kpis),
    "half of the places": ("places.parquet", halve_places),
    "half a scenario": ("scenario.yaml", halve_scenario),
    "another scenario": ("scenario.yaml", lambda run: other_setting(run)),
    "trips that end in the past": ("events", end_in_the_past),
    "wrong fingerprint": ("events", lambda run: forged(run, fingerprint="0" * 64)),
    "trips and their fingerprint": ("kpis.json", forge_log),
    "fewer people": ("", lambda run: rewritten(run / "people.parquet", lambda table: table.slice(0, 1))),
    "KPIs that nobody knows": ("kpis.json", lambda run: (run / "kpis.json").write_text("[]")),
    "no service": ("", lambda run: forged(run, services={})),
    "what no result says": ("", lambda run: forged(run, services=7)),
}


def other_setting(run: Path) -> None:
    text = (run / "scenario.yaml").read_text()
    assert "fleet: 2" in text
    (run / "scenario.yaml").write_text(text.replace("fleet: 2", "fleet: 3"))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_with_a_manifest_of_its_own_is_found_where_files_disagree(run: Path, forgery: str) -> None:
    name, do = FORGERIES[forgery]
    do(run)
    forged(run)
    (result,) = km.verify(run)
    assert not result.sound
    assert any(str(run / name) in fault for fault in result.faults), result.faults


# The command


def kera(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "kera_mobility", *arguments], capture_output=True, text=True)


def test_the_command_says_of_each_result_whether_it_is_sound(run: Path, tmp_path: Path) -> None:
    whole = kera("verify", str(run.parent))
    assert (whole.returncode, whole.stderr) == (0, "")
    assert [line.split()[1] for line in whole.stdout.splitlines()] == ["sound", "sound"]
    triple_kpis(run)
    (run.with_name("seed-0002") / "run.json").unlink()
    broken = kera("verify", str(run), str(run.with_name("seed-0002")))
    assert broken.returncode == 1
    assert broken.stdout.count("NOT SOUND") == 2
    assert "2 of 2 results are not as they were written" in broken.stderr
    as_json = json.loads(kera("verify", str(run.parent), "--json").stdout)
    assert [entry["sound"] for entry in as_json] == [False, False]
    for nothing in (tmp_path / "gone", tmp_path / "town"):
        nothing.name == "town" and nothing.mkdir()
        nowhere = kera("verify", str(nothing))
        assert (nowhere.returncode, len(nowhere.stderr.splitlines())) == (2, 1)


def test_checking_costs_little_beside_reading(sound: Path) -> None:
    record = load_record(sound / "seed-0001")
    began_s = time.process_time()
    for _ in range(20):
        read_kpis(sound / "seed-0001")
    checked_s = (time.process_time() - began_s) / 20
    began_s = time.process_time()
    kpis = [to_json(kpi) for kpi in compute(record)]
    assert kpis == read_kpis(sound / "seed-0001")
    assert checked_s < time.process_time() - began_s
