"""The ledger knows what a run opened, and what of it changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kera_mobility import ledger
from kera_mobility.ledger import ABSENT, changed_inputs, files_in, is_file, read_array, read_bytes, read_text, recording


def test_what_is_opened_inside_is_written_down_once_in_every_open_ledger(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\r\n", newline="")
    np.save(tmp_path / "b.npy", np.arange(3))
    with recording() as outer:
        assert read_text(tmp_path / "a.csv") == "a,b\r\n"
        with recording() as inner:
            assert read_array(tmp_path / "b.npy").tolist() == [0, 1, 2]
    read_bytes(tmp_path / "a.csv")
    assert {Path(path).name for path in outer.digests} == {"a.csv", "b.npy"}
    assert {Path(path).name for path in inner.digests} == {"b.npy"}


@pytest.mark.parametrize("change", ["edit", "remove", "appear", "another name"])
def test_a_ledger_is_current_until_anything_changes(tmp_path: Path, change: str) -> None:
    (tmp_path / "a.csv").write_text("a")
    with recording() as opened:
        read_bytes(tmp_path / "a.csv")
        assert not is_file(tmp_path / "b.csv")
        assert files_in(tmp_path, "*.txt") == []
        with pytest.raises(FileNotFoundError):
            read_bytes(tmp_path / "c.csv")
    names = opened.named({"area": tmp_path})
    assert names["area/b.csv"] == names["area/c.csv"] == ABSENT
    assert opened.is_current()
    assert changed_inputs(names, {"area": tmp_path}) == []
    match change:
        case "edit":
            (tmp_path / "a.csv").write_text("b")
        case "remove":
            (tmp_path / "a.csv").unlink()
        case "appear":
            (tmp_path / "b.csv").touch()
        case _:
            (tmp_path / "new.txt").touch()
    assert not opened.is_current()
    assert len(changed_inputs(names, {"area": tmp_path})) == 1


def test_names_do_not_tell_where_an_area_stands(tmp_path: Path) -> None:
    for home in ("here", "there"):
        (tmp_path / home / "area").mkdir(parents=True)
        (tmp_path / home / "area" / "cells.csv").write_text("1")
        (tmp_path / home / "today.yaml").write_text("2")
    named = []
    for home in ("here", "there"):
        with recording() as opened:
            read_bytes(tmp_path / home / "area" / "cells.csv")
            read_bytes(tmp_path / home / "today.yaml")
        roots = {"area": tmp_path / home / "area", "": tmp_path / home}
        named.append(opened.named(roots))
        assert changed_inputs(named[0], roots) == []
    assert named[0] == named[1]
    assert list(named[0]) == ["area/cells.csv", "today.yaml"]


def test_a_remembered_result_is_made_anew_where_an_input_changed_and_brings_its_inputs(tmp_path: Path) -> None:
    file, made = tmp_path / "a.csv", []

    @ledger.remembered(2)
    def length(name: str) -> int:
        made.append(name)
        return len(read_bytes(tmp_path / name))

    file.write_text("1")
    assert (length("a.csv"), length("a.csv"), made) == (1, 1, ["a.csv"])
    with recording() as opened:
        length("a.csv")
    assert [Path(path).name for path in opened.digests] == ["a.csv"]
    file.write_text("12")
    assert (length("a.csv"), len(made)) == (2, 2)


def test_a_large_file_is_hashed_again_only_where_its_times_or_size_changed(tmp_path: Path) -> None:
    file = tmp_path / "large.npy"
    np.save(file, np.zeros(ledger.LARGE_BYTES // 8 + 1))
    with recording() as opened:
        read_array(file)
    assert opened.is_current()
    with file.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\1")
    assert not opened.is_current()


def test_a_pipe_is_no_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe, expected a file"):
        read_bytes(tmp_path / "pipe")
