"""Change any input, and nothing that was made from the old one is used again; a warm cache never changes a result."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kera_mobility
from kera_mobility.cache import CACHE_VARIABLE
from kera_mobility.config import resources
from kera_mobility.errors import NetworkError
from kera_mobility.experiments.batch import experiment
from kera_mobility.experiments.jobs import Job, Towns, finished
from kera_mobility.files import package_version
from kera_mobility.ledger import ABSENT, path_of
from kera_mobility.results.store import read_meta
from kera_mobility.simulation.run import simulate
from kera_mobility.simulation.scenario import load_scenario
from tests.kit.small_district import write_district

PACKAGE = Path(kera_mobility.__file__).parent


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the scenario of a small district with files of its own, and an empty cache."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return write_district(tmp_path)


def at_hand(day: Path, folder: Path) -> bool:
    """Return whether a result is taken for finished before, from equal input."""
    try:
        scenario = load_scenario(day)
        return finished(Job(scenario, 1, 0, folder), Towns().of(scenario)) is not None
    except Exception:  # files that cannot be read at all, and results that are torn, are at hand of nobody
        return False


def harms(path: Path, digest: str) -> dict[str, Callable[[], object]]:
    """Return ways to change an input, by name; the last one puts it back."""
    if "*" in path.name:
        file = path.with_name(path.name.replace("*", "another"))
        return {"appears": file.touch, "back": file.unlink}
    if digest == ABSENT:
        path.parent.mkdir(parents=True, exist_ok=True)
        return {"appears": path.touch, "back": path.unlink}
    content = path.read_bytes()
    at = int(digest, 16) % len(content)
    changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    return {
        f"byte {at}": lambda: path.write_bytes(changed), "gone": path.unlink,
        "back": lambda: path.write_bytes(content),
    }  # fmt: skip


def test_any_byte_of_any_input_makes_another_run_of_it(day: Path, tmp_path: Path) -> None:
    (run,) = experiment(day, [1], tmp_path / "results").runs
    names = read_meta(run.folder)["input_files"]
    scenario = load_scenario(day)
    roots = scenario.roots(Path(scenario.area))
    for word in ("base.yaml", "day.yaml", "days.csv", "area/area.yaml", "area/cells.csv", "area/attractions.csv",
                 "area/outside.csv", "area/events.csv", "area/background.csv", "area/developments.geojson",
                 "area/rail.geojson", "area/zones/zones.geojson", "area/overlays/works.geojson",
                 "area/gtfs/trains/stop_times.txt", "area/streets/edge_length_m.npy"):  # fmt: skip
        assert word in names
    assert not [name for name in names if ".." in name], "a file of the cache is no input"
    assert at_hand(day, run.folder)
    kept = []
    for name, digest in names.items():
        for harm, apply in harms(path_of(name, roots), digest).items():
            apply()
            if at_hand(day, run.folder) != (harm == "back"):
                kept.append(f"{name}: {harm}")
    assert kept == []
    assert [again.at_hand for again in experiment(day, [1], tmp_path / "results").runs] == [True]


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "days.csv": replaced("-5,0,yes", "-20,4,no"),
    "base.yaml": replaced("fleet: 6", "fleet: 2"),
    "village/cells.csv": replaced(",100,12,", ",160,72,"),
    "village/events.csv": replaced("15:00,20:00,30", "09:00,20:00,60"),
    "village/background.csv": replaced(",8,40", ",8,4000"),
    "village/outside.csv": replaced(",9.0,10.0,9.5", ",9.0,4.0,9.5"),
    "village/attractions.csv": replaced("150,0,20,100", "150,0,90,100"),
    "village/developments.geojson": replaced('"jobs": 30', '"jobs": 10'),
    "village/zones/zones.geojson": replaced('"speed_km_h": 8', '"speed_km_h": 3'),
    "village/overlays/works.geojson": replaced('["drive"]', '["drive", "cycle"]'),
    "village/gtfs/trains/stop_times.txt": replaced("0-8,08:00:00,08:00:00", "0-8,07:59:00,07:59:00"),
    "village/streets/edge_length_m.npy": lambda content: content[:-320] + np.full(40, 400.0).tobytes(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_warm_cache_gives_the_fingerprint_of_a_cold_one(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / name
    before = simulate(load_scenario(day))
    file.write_bytes(CHANGES[name](file.read_bytes()))
    warm = simulate(load_scenario(day))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cold"))
    cold = simulate(load_scenario(day))
    assert warm.fingerprint == cold.fingerprint != before.fingerprint
    assert warm.stats["input_files"] == cold.stats["input_files"] != before.stats["input_files"]


def test_a_changed_table_of_days_is_not_finished_before(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = experiment(day, [1], tmp_path / "results").runs
    days = tmp_path / "days.csv"
    days.write_text(days.read_text().replace("-5,0,yes", "-20,4,no"))
    said: list[str] = []
    (warm,) = experiment(day, [1], tmp_path / "results", note=said.append).runs
    assert not warm.at_hand
    assert said[-1].endswith("was made from other files: days.csv")
    monkeypatch.setenv(CACHE_VARIABLE, "")
    (cold,) = experiment(day, [1], tmp_path / "cold").runs
    assert warm.fingerprint == cold.fingerprint != first.fingerprint


@pytest.mark.parametrize("change", ["moved", "one more"])
def test_a_place_that_was_moved_after_the_streets_were_built_is_a_fault(day: Path, change: str) -> None:
    outside = day.parent / "village" / "outside.csv"
    header, city, *others = outside.read_text().splitlines()
    changed = city.replace("City,24.9", "City,24.8") if change == "moved" else city
    more = [city.replace("city,City", "town,Town")] if change == "one more" else []
    assert [changed, *more] != [city]
    outside.write_text("\n".join([header, changed, *others, *more]) + "\n")
    with pytest.raises(NetworkError, match="build the streets again"):
        Towns().of(load_scenario(day))


def test_another_version_of_a_library_that_plans_tours_is_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    here = resources.code_hash.__wrapped__()
    assert "pyvrp" in resources.LIBRARIES
    monkeypatch.setattr(resources, "package_version", lambda name: "0" if name == "pyvrp" else package_version(name))
    assert resources.code_hash.__wrapped__() != here


OPENS = {
    "open", "read_text", "read_bytes", "read_csv", "read_file", "read_feed", "pd.read_table", "pq.read_table",
    "loadtxt", "genfromtxt", "fromfile", "memmap", "ParquetFile", "ZipFile", "iterdir", "glob", "rglob", "np.load",
    "json.load", "pickle.load",
}  # fmt: skip
"""What reads a file or a folder, by the name that is called."""
ROOMS = ("config", "demand", "services", "simulation", "town")
"""What takes part in a run."""
NAMES = "names for the message that something is not there"
ALLOWED = {
    ("config/resources.py", "glob"): NAMES,
    ("config/resources.py", "read_bytes"): "the code itself (code_hash)",
    ("config/resources.py", "rglob"): "the code itself (code_hash)",
    ("services/on_demand/dispatcher.py", "open"): "no file: the promises that are open",
    ("services/scooter/geofences.py", "glob"): NAMES,
    ("simulation/expectations.py", "np.load"): "an entry of the cache",
    ("town/population/phases.py", "glob"): NAMES,
    ("town/streets/overlays.py", "glob"): NAMES,
    ("town/streets/skims.py", "np.load"): "an entry of the cache",
    ("town/timetable/feed_tables.py", "ZipFile"): "bytes that the ledger has read",
    ("town/timetable/feed_tables.py", "read_csv"): "bytes that the ledger has read",
    ("town/timetable/lines_yaml.py", "open"): "writes a feed, in no run",
    ("town/timetable/timetable.py", "np.load"): "bytes that the ledger has read",
}
"""File and call that may, and why."""


def opens_of(source: str) -> set[str]:
    """Return the calls in a source that open files without the ledger."""
    tree = ast.parse(source)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {function.attr for function in called if isinstance(function, ast.Attribute)}
    names |= {ast.unparse(function) for function in called}
    recorded = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "kera_mobility.ledger"
        for alias in node.names
    }
    through = {function.attr for function in called if ast.unparse(function).startswith("ledger.")}
    return (names & OPENS) - recorded - through


def test_a_run_opens_no_input_but_through_the_ledger() -> None:
    opened = {
        (file.relative_to(PACKAGE).as_posix(), name)
        for room in ROOMS
        for file in (PACKAGE / room).rglob("*.py")
        for name in opens_of(file.read_text(encoding="utf-8"))
    }
    assert sorted(opened - set(ALLOWED)) == []


def test_what_opens_a_file_is_seen() -> None:
    assert opens_of("import csv\nwith path.open() as file: csv.reader(file)") == {"open"}
    assert opens_of("from kera_mobility.ledger import read_text\nread_text(path)") == set()
    assert opens_of("path.read_text()") == {"read_text"}
    assert opens_of("import numpy as np\nnp.load(path)") == {"np.load"}
