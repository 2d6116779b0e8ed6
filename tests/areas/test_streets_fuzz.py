"""Street files that are broken anywhere: either an area comes of them or one error of the project's own."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import osmnx as ox
import pytest

from kera_mobility.areas.import_area import import_area
from kera_mobility.areas.osm_read import read_extract
from kera_mobility.areas.quality import open_km
from kera_mobility.errors import KeraError
from tests.areas.test_streets_read import TOWN, street_graph, write_map

ROUNDS = 16
"""Mutants of each file; seeds are fixed, so the same ones each time."""
TOKENS = (
    b"", b"nan", b"inf", b"-1", b"1e999", b"0", b"\xff", b"\x00", b"[", b"[1, 2]", b"yes", b"no", b"LINESTRING EMPTY",
    b"POINT (1 2)", b"999999999999999999999", b"EPSG:0", b"200.0", b"<", b"&amp;", b"50 mph;;",
)  # fmt: skip


def import_or_refuse(file: Path, out: Path) -> str:
    """Return what became of a street file: `imported` or the fault; any other exception is ours to mend.

    A fuzzer outside the test suite calls this with a file of its own.
    """
    shutil.rmtree(out, ignore_errors=True)
    try:
        made = import_area(read_extract(file), out, None)
    except KeraError as fault:
        return str(fault)
    km = open_km(made.streets)
    assert all(0.0 < by_mode < 1e6 for by_mode in km.values()), km
    for mode, by_mode in km.items():
        assert abs(made.kilometres.expected_m(mode) / 1000.0 - by_mode) <= max(2e-3 * by_mode, 0.02), mode
    return "imported"


def mutated_bytes(content: bytes, dice: random.Random) -> bytes:
    """Return text with a few of its words replaced, doubled, cut or flipped."""
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(content))
        end = min(start + dice.randint(1, 40), len(content))
        part = dice.choice((dice.choice(TOKENS), content[start:end] * 2, b"", bytes([dice.randrange(256)])))
        content = content[:start] + part + content[end:]
    return content


def mutated_values(content: str, dice: random.Random) -> str:
    """Return XML with the values of some attributes or texts replaced."""
    parts = content.split('"') if '"><' not in content[:400] or dice.random() < 0.5 else content.split(">")
    joint = '"' if '"'.join(parts) == content else ">"
    for _ in range(dice.randint(1, 3)):
        parts[dice.randrange(1, len(parts))] = dice.choice(TOKENS).decode("latin-1").replace("\x00", "")
    return joint.join(parts)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    graph = street_graph()
    ox.save_graphml(graph, folder / "a.graphml")
    ox.save_graph_geopackage(graph, folder / "a.gpkg")
    write_map(folder / "a.osm", TOWN, {11: {"barrier": "bollard"}})
    return {path.suffix: path for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", [".osm", ".graphml"])
@pytest.mark.parametrize("kind", ["bytes", "values"])
def test_a_broken_text_is_a_fault_or_a_map(suffix: str, kind: str, files: dict[str, Path], tmp_path: Path) -> None:
    whole = files[suffix].read_bytes()
    ends = set()
    for seed in range(ROUNDS):
        dice = random.Random(f"{suffix} {kind} {seed}")
        file = tmp_path / f"{seed}{suffix}"
        if kind == "bytes":
            file.write_bytes(mutated_bytes(whole, dice))
        else:
            file.write_text(mutated_values(whole.decode(), dice), encoding="utf-8")
        ends.add(import_or_refuse(file, tmp_path / "area"))
    assert len(ends) > 3  # the mutants are not all alike


def test_a_broken_table_of_a_geopackage_is_a_fault_or_a_map(files: dict[str, Path], tmp_path: Path) -> None:
    for seed in range(ROUNDS // 2):
        dice = random.Random(f"gpkg {seed}")
        file = tmp_path / f"{seed}.gpkg"
        shutil.copy(files[".gpkg"], file)
        with sqlite3.connect(file) as table:
            layer = dice.choice(("nodes", "edges"))
            columns = [row[1] for row in table.execute(f"pragma table_info({layer})")]
            for trigger in [row[0] for row in table.execute("select name from sqlite_master where type='trigger'")]:
                table.execute(f'drop trigger "{trigger}"')
            column = dice.choice(columns)
            try:
                if dice.random() < 0.3:
                    table.execute(f'alter table {layer} drop column "{column}"')
                else:
                    value = dice.choice([None, "nan", -1, "", 1e300, b"\x00\x01", "x" * 50])
                    table.execute(f'update {layer} set "{column}" = ? where rowid % 2 = {dice.randrange(2)}', [value])
            except sqlite3.Error:
                continue  # the file does not let itself be broken so
        import_or_refuse(file, tmp_path / "area")


def test_a_cut_geopackage_is_a_fault(files: dict[str, Path], tmp_path: Path) -> None:
    whole = files[".gpkg"].read_bytes()
    for seed in range(6):
        dice = random.Random(seed)
        file = tmp_path / f"{seed}.gpkg"
        file.write_bytes(mutated_bytes(whole[: dice.randrange(100, len(whole))], dice))
        import_or_refuse(file, tmp_path / "area")
