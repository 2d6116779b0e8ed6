"""YAML that is hostile or broken is one clear line, soon and in little memory, whoever reads it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kera_mobility.areas.description import read_area, read_speeds
from kera_mobility.areas.provenance import read_provenance
from kera_mobility.config.messages import read_settings
from kera_mobility.config.yaml_layers import read_layers
from kera_mobility.errors import KeraError
from kera_mobility.experiments.calibration import CalibrationSettings
from kera_mobility.experiments.elasticities import RealismSettings
from kera_mobility.experiments.uncertainty import load_uncertain
from kera_mobility.files import parse_yaml
from kera_mobility.results.compare import read_values
from kera_mobility.results.report.content import read_checks
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.town.timetable.lines_yaml import read_lines
from kera_mobility.yaml_text import MAX_BYTES, YamlError, load_yaml

SOON_S = 15.0
"""CPU time of the slowest, a file at the limit of its length."""
LITTLE_BYTES = 60_000_000

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(9 * [f'*{before}'])}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name}\n  <<: [{', '.join(9 * [f'*{before}'])}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS: dict[str, tuple[bytes, str]] = {
    "a billion laughs": (LAUGHS.encode(), "more than 20000 values, with its aliases written out"),
    "merge keys that multiply": (MERGES.encode(), "more than 20000 values, with its aliases written out"),
    "deep lists": (b"a: " + b"[" * 50_000, "more than 40 levels"),
    "deep maps": (b"{a: " * 50_000, "more than 40 levels"),
    "an alias of itself": (b"a: &a [*a]\n", "the alias 'a' contains itself"),
    "an anchor twice": (b"a: &x 1\nb: &x 2\n", "the anchor 'x' stands twice"),
    "a huge file": (b"# " + b"x" * MAX_BYTES, f"longer than {MAX_BYTES} bytes"),
    "a key twice": (b"a: 1\nb: 2\na: 3\n", 'found duplicate key "a"'),
    "a tab": (b"a:\n\tb: 1\n", "cannot start any token"),
    "Latin-1": ("a: Gr\xe4nby\n".encode("latin-1"), "not UTF-8 text: byte 0xe4"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "not UTF-8 text: byte 0xff"),
    "a null byte": (b"a: \x00\n", "unacceptable character #x0000"),
    "a command of Python": (b"a: !!python/object/apply:os.system ['true']\n", "type '!!python/object/apply:os.system'"),
    "a tag of its own": (b"a: !shell x\n", "type '!shell'"),
    "bytes": (b"a: !!binary aGk=\n", "type '!!binary'"),
    "two documents": (b"a: 1\n---\nb: 2\n", "found another document"),
    "a day that is none": (b"a: 2026-13-45\n", "month must be in 1..12"),
    "a number without an end": (b"a: " + b"9" * 5000, "for integer string conversion"),
}
READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "scenario": ("scenario.yaml", load_scenario),
    "area": ("area.yaml", lambda file: read_area(file.parent)),
    "build": ("build.yaml", lambda file: read_speeds(file.parent)),
    "lines": ("lines.yaml", read_lines),
    "provenance": ("provenance.yaml", lambda file: read_provenance(file.parent)),
    "uncertain inputs": ("uncertain.yaml", load_uncertain),
    "targets": ("calibration.yaml", lambda file: read_settings(file, CalibrationSettings)),
    "pairs": ("realism.yaml", lambda file: read_settings(file, RealismSettings)),
    "unit values": ("values.yaml", read_values),
    "checks": ("checks.yaml", read_checks),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("reader", READERS)
def test_each_reader_tells_hostile_yaml_in_one_line_with_its_file(tmp_path: Path, reader: str, name: str) -> None:
    file_name, read = READERS[reader]
    content, words = TEXTS[name]
    (tmp_path / file_name).write_bytes(content)
    began_s = time.process_time()
    with pytest.raises(KeraError) as caught:
        read(tmp_path / file_name)
    told = str(caught.value)
    assert words in told
    assert file_name in told
    assert "\n" not in told
    assert len(told) < 600
    assert time.process_time() - began_s < SOON_S


@pytest.mark.parametrize("kind", ["safe", "rt"])
@pytest.mark.parametrize("name", ["a billion laughs", "merge keys that multiply", "deep lists", "deep maps"])
def test_hostile_yaml_takes_little_memory(name: str, kind: str) -> None:
    text = TEXTS[name][0].decode()
    tracemalloc.start()
    try:
        with pytest.raises(YamlError):
            load_yaml(text, kind)
        assert tracemalloc.get_traced_memory()[1] < LITTLE_BYTES
    finally:
        tracemalloc.stop()


def test_aliases_and_merge_keys_within_the_limits_mean_what_they_say(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: [*a, *a]\n"
    assert parse_yaml(text)["b"] == {"x": 1, "y": 3}
    (tmp_path / "a.yaml").write_text(text)
    plain = read_layers(tmp_path / "a.yaml").plain()
    assert (plain["b"], plain["c"]) == ({"x": 1, "y": 3}, 2 * [{"x": 1, "y": 2}])


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    for name in ("lines.yaml", "values.yaml"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbfnothing: 1\n")
    with pytest.raises(KeraError, match=r"values\.yaml:1: nothing: unknown key"):
        read_values(tmp_path / "values.yaml")
    with pytest.raises(KeraError, match=r"lines\.yaml") as caught:
        read_lines(tmp_path / "lines.yaml")
    assert "\ufeff" not in str(caught.value)
